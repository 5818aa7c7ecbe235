"""`ripeness data diff`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import json_cell, open_console, print_json
from ripeness.data.differences import CHANGES, compare
from ripeness.data.forms import form_of
from ripeness.data.vintages import read_store
from ripeness.errors import UsageError
from ripeness.workspace import read_workspace

MOST_TOLD = 40


def show_differences(root: Path, earlier: date, later: date, json: bool) -> None:
    """Print what became known between two days.

    Raises
    ------
    UsageError
        If the second day is before the first.
    ContentError
        If the data is not sound.
    """
    if later < earlier:
        raise UsageError(f"{later} is before {earlier}: give the earlier day first")
    store = read_store(read_workspace(root))
    found = compare(store.as_of(earlier), store.as_of(later))
    counts = {table: {change: int((rows["change"] == change).sum()) for change in CHANGES} for table, rows in found.items()}
    if json:
        rows = [row for table, frame in found.items() for row in _records(table, frame)]
        print_json({"from": earlier.isoformat(), "to": later.isoformat(), "counts": counts, "rows": rows})
        return
    console = open_console()
    if not found:
        console.print(Text(f"Nothing became known between {earlier} and {later}."))
        return
    table = Table(title=Text(f"What became known after {earlier}, up to {later}"), title_justify="left")
    table.add_column("table")
    for change in CHANGES:
        table.add_column(change, justify="right")
    for name, of in counts.items():
        table.add_row(Text(name), *(str(of[change] or "·") for change in CHANGES))
    console.print(table)
    told = [row for name, frame in found.items() for row in _records(name, frame[frame["change"] != "new"])]
    if told:
        console.print(_changes(told[:MOST_TOLD]))
    if len(told) > MOST_TOLD:
        console.print(Text(f"and {len(told) - MOST_TOLD} more; --json lists them"))


def _records(table: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with their key, and old and new content where there is some."""
    form = form_of(table)
    content = [name for name in form.content if f"old_{name}" in frame]
    return [
        {
            "table": table,
            "change": row["change"],
            "key": {name: json_cell(row[name]) for name in form.key},
            "published_on": json_cell(row["published_on"]),
            "old": None if row["change"] == "new" else {name: json_cell(row[f"old_{name}"]) for name in content},
            "new": None if row["change"] == "withdrawn" else {name: json_cell(row[f"new_{name}"]) for name in content},
        }
        for row in frame.to_dict("records")
    ]


def _changes(told: list[dict[str, Any]]) -> Table:
    table = Table(title="Revised and withdrawn", title_justify="left")
    for column in ("table", "what", "published on", "change", "old", "new"):
        table.add_column(column, overflow="fold")
    for row in told:
        old: dict[str, Any] = row["old"]
        new: dict[str, Any] = row["new"] or {}
        changed = [name for name in old if not new or old[name] != new[name]]
        what = " ".join(map(str, row["key"].values()))
        cells = (row["table"], what, row["published_on"], row["change"], _said(old, changed), _said(new, changed))
        table.add_row(*map(Text, cells))
    return table


def _said(content: dict[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} {content[name]}" for name in names if content.get(name) is not None)
