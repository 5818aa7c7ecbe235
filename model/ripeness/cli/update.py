"""`ripeness update`, and what `ripeness import … --update` says after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import json_cell, json_fault, open_console, print_json
from ripeness.data.batches import VERDICTS
from ripeness.errors import ContentError
from ripeness.intake.updates import Choices, Update
from ripeness.intake.verdicts import FILE, WAS, Judged

MOST_ROWS = 40  # rows shown one by one
MOST_AS_JSON = 10_000
SILENT = {"new", "duplicate", "refused"}  # verdicts whose rows are only counted; refusals are printed as faults


def update_from_files(root: Path, files: list[Path], indicator: str | None, choices: Choices, json: bool) -> None:
    """Judge files row by row and store what is good.

    Raises
    ------
    ContentError
        If rows are refused and nothing was written.
    """
    from ripeness.workflow.updates import run_update

    print_update(run_update(root, files, indicator, choices), choices, json)


def print_update(update: Update, choices: Choices, json: bool) -> None:
    """Print verdicts, refusals and freshness.

    Raises
    ------
    ContentError
        With the faults, if rows are refused and none is taken.
    """
    refuses = bool(update.faults) and not (choices.accept_valid and update.takes)
    if json:
        print_json(_as_json(update, choices))
    else:
        _print(open_console(), update, choices, refuses)
    if refuses:
        raise ContentError(update.faults)


def _print(console: Console, update: Update, choices: Choices, refuses: bool) -> None:
    table = Table(title=Text(f"Verdicts, batch of {update.day}"), title_justify="left")
    table.add_column("table")
    for verdict in VERDICTS:
        table.add_column(verdict, justify="right")
    for one in update.judged:
        table.add_row(Text(one.table), *(str(one.counts[verdict] or "·") for verdict in VERDICTS))
    if update.lost:
        table.add_row(Text("(of no table)"), *("·" for _ in VERDICTS[:-1]), str(update.lost))
    console.print(table)
    shown = [(one, row) for one in update.judged for row in _rows_to_show(one)][:MOST_ROWS]
    if shown:
        console.print(_rows(update, shown))
        more = sum(int((~one.rows["verdict"].isin(SILENT)).sum()) for one in update.judged) - len(shown)
        if more:
            console.print(Text(f"and {more} more; --json lists them"))
    if update.faults and not refuses:
        console.print(Text("Refused, and left out:"))
        for fault in update.faults[:MOST_ROWS]:
            console.print(Text(f"  {fault}"), soft_wrap=True)
        if len(update.faults) > MOST_ROWS:
            console.print(Text(f"  and {len(update.faults) - MOST_ROWS} more; --json lists them"))
    for note in update.notes:
        console.print(Text(f"Note: {note}"), soft_wrap=True)
    if refuses:
        return
    _print_freshness(console, update)
    console.print(Text(_outcome(update, choices)), soft_wrap=True)


def _outcome(update: Update, choices: Choices) -> str:
    rows = f"{update.takes} row{'' if update.takes == 1 else 's'}"
    if update.batch is not None:
        return f"Stored: {rows}, as batch {update.batch}."
    if choices.dry_run and update.takes:
        return f"Nothing was written (--dry-run); {rows} would be stored."
    return "Nothing was written: there is nothing new."


def _rows_to_show(one: Judged) -> Iterator[dict[str, Any]]:
    rows = one.rows[~one.rows["verdict"].isin(SILENT)].head(MOST_ROWS)
    for row in rows.to_dict("records"):
        yield {str(key): cell for key, cell in row.items()}


def _rows(update: Update, shown: list[tuple[Judged, dict[str, Any]]]) -> Table:
    table = Table(title="Revisions, withdrawals and late entries", title_justify="left")
    for column in ("table", "what", "published on", "verdict", "old", "new", "from"):
        table.add_column(column, overflow="fold")
    for one, row in shown:
        old, new = _old_and_new(one, row)
        verdict = f"{row['verdict']} ({row['change']})" if row["verdict"] == "late entry" else row["verdict"]
        place = update.files[row[FILE]] + (f", line {row['line']}" if row["line"] else "")
        table.add_row(*map(Text, (one.table, _key(one, row), _cell(row["published_on"]), verdict, old, new, place)))
    return table


def _key(one: Judged, row: dict[str, Any]) -> str:
    return " ".join(_cell(row[name]) for name in one.form.key)


def _old_and_new(one: Judged, row: dict[str, Any]) -> tuple[str, str]:
    """What stood there and what stands there now: of an indicator its value and what else changed, else what changed."""
    content = one.form.content
    if row["change"] == "new":
        return "", _cell(row["value"]) if "value" in row else ""
    changed = [name for name in content if _cell(row[WAS + name]) != _cell(row[name]) or name == "value"]
    if not changed:
        return "", "the same"

    def side(prefix: str) -> str:
        return ", ".join(f"{'' if name == 'value' else f'{name} '}{_cell(row[prefix + name]) or '-'}" for name in changed)

    return side(WAS), side("")


def _cell(cell: Any) -> str:
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, pd.Timestamp):
        return f"{cell:%Y-%m-%d}"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.12g}" if isinstance(cell, float) else str(cell)


def _print_freshness(console: Console, update: Update) -> None:
    table = Table(title=Text(f"How fresh the indicators are on {update.day}"), title_justify="left")
    table.add_column("indicator")
    for column in ("newest period", "published on", "days old"):
        table.add_column(column, justify="right")
    for row in update.freshness.to_dict("records"):
        table.add_row(*(Text(_cell(row[name])) for name in ("indicator", "newest_observed_on", "newest_published_on", "days_old")))
    console.print(table)
    overdue = update.freshness.loc[update.freshness["overdue"], "indicator"].tolist()
    line = f"Overdue on {update.day}, by their usual lag: {', '.join(overdue)}." if overdue else f"Nothing is overdue on {update.day}."
    console.print(Text(line), soft_wrap=True)


def _as_json(update: Update, choices: Choices) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for one in update.judged:
        shown = one.rows[one.rows["verdict"] != "duplicate"].head(max(MOST_AS_JSON - len(rows), 0))
        rows += [_row_as_json(update, one, row) for row in shown.to_dict("records")]
    listed = sum(len(one.rows) - one.counts["duplicate"] for one in update.judged)
    return {
        "date": update.day.isoformat(),
        "batch": update.batch,
        "written": update.batch is not None,
        "dry_run": choices.dry_run,
        "counts": update.counts,
        "tables": {one.table: one.counts for one in update.judged},
        "rows": rows,
        "rows_left_out": listed - len(rows),
        "faults": [json_fault(fault) for fault in update.faults],
        "notes": list(update.notes),
        "freshness": [
            {name: json_cell(cell) for name, cell in row.items()} | {"touched": row["indicator"] in update.touched}
            for row in update.freshness.to_dict("records")
        ],
    }


def _row_as_json(update: Update, one: Judged, row: dict[Any, Any]) -> dict[str, Any]:
    names = [*one.form.key, "published_on", *one.form.content]
    has_old = row["change"] in ("revision", "withdrawal")
    old = {name: json_cell(row[WAS + name]) for name in one.form.content}
    return {
        "table": one.table,
        "file": update.files[row[FILE]],
        "line": row["line"] or None,
        "verdict": row["verdict"],
        "change": row["change"] or None,
        "row": {name: json_cell(row[name]) for name in names},
        "old": old if has_old else None,
    }
