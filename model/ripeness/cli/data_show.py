"""`ripeness data show`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import json_cell, open_console, print_json
from ripeness.data.vintages import read_store
from ripeness.errors import UsageError, did_you_mean
from ripeness.workspace import read_workspace


def show_values(root: Path, indicator: str, as_of: date | None, last: int, json: bool) -> None:
    """Print the newest values of an indicator as known on a day.

    Raises
    ------
    UsageError
        If there is no such indicator.
    ContentError
        If the data is not sound.
    """
    store = read_store(read_workspace(root))
    if indicator not in store.contracts:
        raise UsageError(f"no indicator '{indicator}': {did_you_mean(indicator, list(store.contracts))}")
    origin = as_of or store.default_origin()
    values = store.as_of(origin).values[indicator].tail(last)
    contract = store.contracts[indicator]
    if json:
        rows = [_known(row) for row in values.to_dict("records")]
        print_json({"indicator": indicator, "title": contract.title, "unit": contract.unit, "as_of": origin.isoformat(), "values": rows})
        return
    console = open_console()
    table = Table(title=Text(f"{contract.title}, {contract.unit}, as known on {origin}"), title_justify="left")
    for column in ("observed on", "value", "published on", "grade", "source"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for row in values.to_dict("records"):
        table.add_row(*(Text(str(json_cell(row[key]))) for key in ("observed_on", "value", "published_on", "grade", "source")))
    console.print(table)


def _known(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a vintage without what it has not."""
    return {str(key): json_cell(cell) for key, cell in row.items() if json_cell(cell) is not None}
