"""`ripeness fetch`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import json_fault, open_console, print_json, show_progress, shown_path
from ripeness.data.batches import VERDICTS
from ripeness.errors import printable
from ripeness.intake.updates import Choices
from ripeness.ledger.clock import day_of_issue
from ripeness.workflow.fetch import FetchedFile, FetchedSource, run_fetch

MOST_FAULTS = 5  # of one source


def fetch_sources(root: Path, names: list[str], choices: Choices, json: bool) -> bool:
    """Fetch sources, store what is new, and say what became of each; returns whether any failed.

    Raises
    ------
    ContentError
        If data/sources.toml is not what it should be; nothing was fetched.
    """
    today = choices.day or day_of_issue()
    with show_progress() as tell:
        done = run_fetch(root, names, today, replace(choices, day=today), tell)
    if json:
        print_json({"date": today.isoformat(), "dry_run": choices.dry_run, "sources": [_as_json(one, root) for one in done]})
    else:
        _print(done, today)
    for one in done:
        _print_faults(one, root)
    return any(one.faults for one in done)


def _print(done: list[FetchedSource], today: date) -> None:
    console = open_console()
    table = Table(title=Text(f"Fetched on {today}"), title_justify="left")
    for column in ("source", "files"):
        table.add_column(column)
    for verdict in VERDICTS:
        table.add_column(verdict, justify="right")
    table.add_column("outcome")
    for one in done:
        counts = one.update.counts if one.update else {}
        table.add_row(Text(one.name), Text(_files(one)), *(str(counts.get(verdict) or "·") for verdict in VERDICTS), Text(_outcome(one)))
    console.print(table)
    for one in done:
        for note in one.notes:
            console.print(Text(f"Note: {one.name}: {printable(note)}"), soft_wrap=True)


def _files(one: FetchedSource) -> str:
    states = [file.state for file in one.files]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)) or "none"


def _outcome(one: FetchedSource) -> str:
    if one.faults:
        return "failed"
    if one.update is None or not one.update.takes:
        return "nothing new"
    return f"stored as batch {one.update.batch}" if one.update.batch is not None else "not stored (--dry-run)"


def _print_faults(one: FetchedSource, root: Path) -> None:
    if not one.faults:
        return
    typer.echo(f"Error: {one.name} failed; nothing of it was stored.", err=True)
    for fault in one.faults[:MOST_FAULTS]:
        typer.echo(f"  {fault}", err=True)
    if len(one.faults) > MOST_FAULTS:
        typer.echo(f"  and {len(one.faults) - MOST_FAULTS} more", err=True)
    for file in [file for file in one.files if file.path is not None][:MOST_FAULTS]:
        typer.echo(f"  Fetched from {file.address}, kept as {shown_path(file.path or root, root)}", err=True)


def _as_json(one: FetchedSource, root: Path) -> dict[str, Any]:
    return {
        "source": one.name,
        "outcome": _outcome(one),
        "failed": bool(one.faults),
        "files": [_file_as_json(file, root) for file in one.files],
        "counts": one.update.counts if one.update else None,
        "batch": one.update.batch if one.update else None,
        "notes": [printable(note) for note in one.notes],
        "faults": [json_fault(fault) for fault in one.faults[:MOST_FAULTS]],
        "faults_left_out": max(len(one.faults) - MOST_FAULTS, 0),
    }


def _file_as_json(file: FetchedFile, root: Path) -> dict[str, Any]:
    return {
        "name": file.name,
        "state": file.state,
        "address": file.address,
        "sha256": file.fetched.sha256 if file.fetched else None,
        "bytes": file.fetched.bytes if file.fetched else None,
        "first_fetched_on": file.fetched.day.isoformat() if file.fetched else None,
        "path": shown_path(file.path, root) if file.path else None,
    }
