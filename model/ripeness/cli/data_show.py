"""`ripeness data show`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json
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
        rows = [_row(row) for row in values.to_dict("records")]
        print_json({"indicator": indicator, "title": contract.title, "unit": contract.unit, "as_of": origin.isoformat(), "values": rows})
        return
    console = open_console()
    table = Table(title=Text(f"{contract.title}, {contract.unit}, as known on {origin}"), title_justify="left")
    for column in ("observed on", "value", "published on", "grade", "source"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for row in values.to_dict("records"):
        found = _row(row)
        table.add_row(*(Text(str(found[key])) for key in ("observed_on", "value", "published_on", "grade", "source")))
    console.print(table)


def _row(row: dict[str, object] | dict[object, object]) -> dict[str, object]:
    """A row of a vintage with ISO days and without what the row has not."""
    found: dict[str, object] = {}
    for key, cell in row.items():
        if isinstance(cell, pd.Timestamp):
            found[str(key)] = cell.date().isoformat()
        elif not (isinstance(cell, float) and cell != cell):
            found[str(key)] = cell
    return found
