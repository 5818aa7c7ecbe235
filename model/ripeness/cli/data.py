"""`ripeness data show` and `data diff`: the data as they were known on a day, and what became known between two."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import json_cell, open_console, print_json
from ripeness.data.events import form_of
from ripeness.data.vintages import CHANGES, Store, compare, read_store
from ripeness.errors import UsageError, did_you_mean
from ripeness.intake.raw import FOLDER, path_of
from ripeness.workspace import Workspace, read_workspace

MOST_SHOWN = 40
MOST_FILES = 3  # of one row


def show_values(root: Path, indicator: str, as_of: date | None, last: int, source: bool, json: bool) -> None:
    """Print the newest values of an indicator as known on a day; with `source` also the file that each came from.

    Raises
    ------
    UsageError
        If there is no such indicator.
    ContentError
        If the data is not sound.
    """
    workspace = read_workspace(root)
    store = read_store(workspace)
    if indicator not in store.contracts:
        raise UsageError(f"no indicator '{indicator}': {did_you_mean(indicator, list(store.contracts))}")
    origin = as_of or store.default_origin()
    values = store.as_of(origin).values[indicator].tail(last)
    contract = store.contracts[indicator]
    origins = _origins(store, workspace, indicator, values["line"].tolist()) if source else []
    if json:
        rows = [_without_missing(row) for row in values.to_dict("records")]
        rows = [{**row, "from": came} for row, came in zip(rows, origins, strict=True)] if source else rows
        print_json({"indicator": indicator, "title": contract.title, "unit": contract.unit, "as_of": origin.isoformat(), "values": rows})
        return
    console = open_console()
    table = Table(title=Text(f"{contract.title}, {contract.unit}, as known on {origin}"), title_justify="left")
    for column in ("observed on", "value", "published on", "grade", "source"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for row in values.to_dict("records"):
        table.add_row(*(Text(str(json_cell(row[key]))) for key in ("observed_on", "value", "published_on", "grade", "source")))
    console.print(table)
    if source:
        _print_origins(console, values["observed_on"].tolist(), origins)


def _origins(store: Store, workspace: Workspace, indicator: str, lines: list[int]) -> list[dict[str, Any]]:
    """Of each row its batch, and the files read for that: name, digest, and path below the workspace where the file was fetched and lies there."""
    folder = workspace.data / FOLDER
    entered = store.entered(indicator).set_index("line").loc[lines]
    origins = []
    for row in entered.to_dict("records"):
        named = zip(row["files"].split(";"), row["sha256"].split(";"), strict=True) if row["batch"] else []
        files = [(name, sha256, path_of(folder, sha256, name)) for name, sha256 in named]
        shown = [{"name": name, "sha256": sha256, "path": path and workspace.shown(path).as_posix()} for name, sha256, path in files]
        origins.append({"batch": row["batch"] or None, "entered_on": json_cell(row["entered_on"]), "files": shown})
    return origins


def _print_origins(console: Console, days: list[Any], origins: list[dict[str, Any]]) -> None:
    table = Table(title="The files that they came from", title_justify="left")
    for column in ("observed on", "entered on", "file", "digest (SHA-256)"):
        table.add_column(column, overflow="fold")
    for day, came in zip(days, origins, strict=True):
        files = came["files"]
        shown = [file["path"] or f"{file['name']} (not in data/{FOLDER}: typed, or imported by hand)" for file in files[:MOST_FILES]]
        if len(files) > MOST_FILES:
            shown.append(f"and {len(files) - MOST_FILES} more; --json lists them")
        if not files:
            shown = ["older than the record of updates: typed, or written by ripeness import --out"]
        cells = (json_cell(day), came["entered_on"] or "", "\n".join(shown), "\n".join(file["sha256"] for file in files[:MOST_FILES]))
        table.add_row(*map(Text, cells))
    console.print(table)


def _without_missing(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a vintage without what it has not."""
    return {str(key): json_cell(cell) for key, cell in row.items() if json_cell(cell) is not None}


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
    rows_changed = [row for name, frame in found.items() for row in _records(name, frame[frame["change"] != "new"])]
    if rows_changed:
        console.print(_changes(rows_changed[:MOST_SHOWN]))
    if len(rows_changed) > MOST_SHOWN:
        console.print(Text(f"and {len(rows_changed) - MOST_SHOWN} more; --json lists them"))


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


def _changes(rows_changed: list[dict[str, Any]]) -> Table:
    table = Table(title="Revised and withdrawn", title_justify="left")
    for column in ("table", "what", "published on", "change", "old", "new"):
        table.add_column(column, overflow="fold")
    for row in rows_changed:
        old: dict[str, Any] = row["old"]
        new: dict[str, Any] = row["new"] or {}
        changed = [name for name in old if not new or old[name] != new[name]]
        what = " ".join(map(str, row["key"].values()))
        cells = (row["table"], what, row["published_on"], row["change"], _in_words(old, changed), _in_words(new, changed))
        table.add_row(*map(Text, cells))
    return table


def _in_words(content: dict[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} {content[name]}" for name in names if content.get(name) is not None)
