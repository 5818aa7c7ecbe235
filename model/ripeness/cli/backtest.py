"""`ripeness backtest`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json

Told = Callable[[int, int, date, str], None]


def make_backtest(root: Path, quick: bool, gap: bool, scheduler: str | None, seed: int | None, day: date | None, json: bool) -> None:
    """Forecast at every origin, score, write the tables and print what they show.

    Raises
    ------
    ContentError
        If a file of the workspace is wrong; nothing was made.
    UsageError
        If no scheduler answers.
    """
    from ripeness.workflow.backtesting import run_backtest

    command = (
        "ripeness backtest"
        + _switch("--quick", quick, False)
        + _switch("--gap", gap, not quick)
        + ("" if seed is None else f" --seed {seed}")
    )
    with show_origins() as told:
        found = run_backtest(
            root, quick, gap, scheduler, seed, {"command": command, "date": None if day is None else day.isoformat()}, told
        )
    if json:
        print_json(found.as_json())
        return
    console = open_console()
    table = Table(title=Text("Mean scores over all origins, the lower the better"), title_justify="left")
    table.add_column("forecaster")
    for column in ("weeks", "n", "Brier", "log score"):
        table.add_column(column, justify="right")
    for row in found.scores:
        table.add_row(
            Text(row["forecaster"]), row["horizon_weeks"], row["n"], f"{float(row['brier']):.3f}", f"{float(row['log_score']):.3f}"
        )
    console.print(table)
    for sentence in found.sentences:
        console.print(Text(sentence))
    console.print(
        Text(f"Tables: {found.folder.relative_to(root).as_posix() if found.folder.is_relative_to(root) else found.folder.as_posix()}")
    )


def _switch(name: str, on: bool, by_default: bool) -> str:
    """An option as it was given; nothing where it is as by default."""
    return "" if on == by_default else f" {name}" if on else f" --no-{name.removeprefix('--')}"


@contextmanager
def show_origins() -> Iterator[Told]:
    """Give a function that shows how far the origins are: a bar on a terminal, a line for each elsewhere; on stderr."""
    if not sys.stderr.isatty():
        yield lambda done, total, origin, gate: print(f"{done} of {total}: {origin}, {gate}", file=sys.stderr, flush=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, highlight=False)) as progress:
        bar = progress.add_task("origins", total=None)
        yield partial(_advance, progress, bar)


def _advance(progress: Progress, bar: object, done: int, total: int, origin: date, gate: str) -> None:
    progress.update(bar, completed=done, total=total, description=f"{origin}, {gate}")  # type: ignore[arg-type]
