"""`ripeness backtest` and `ripeness study`: how far the forecast deserves trust."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json, show_progress, shown_path
from ripeness.evaluation import published
from ripeness.ledger.clock import day_of_issue
from ripeness.report import scorecard, studies

if TYPE_CHECKING:
    from ripeness.workflow.request import Request


def make_backtest(request: Request, quick: bool, gap: bool, scheduler: str | None, day: date | None, json: bool) -> None:
    """Forecast at every origin, score, write the tables and print what they show.

    Raises
    ------
    ContentError
        If a file of the workspace is wrong; nothing was made.
    UsageError
        If no scheduler answers.
    """
    from ripeness.workflow.studies import run_backtest

    command = (
        "ripeness backtest"
        + _switch("--quick", quick, False)
        + _switch("--gap", gap, not quick)
        + ("" if request.seed is None else f" --seed {request.seed}")
    )
    about = {"command": command, "date": None if day is None else day.isoformat()}
    with show_origins() as progress:
        found = run_backtest(request, quick, gap, scheduler, about, progress)
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
    console.print(Text(f"Tables: {shown_path(found.folder, request.workspace)}"))


def _switch(name: str, on: bool, by_default: bool) -> str:
    """An option as it was given; nothing where it is as by default."""
    return "" if on == by_default else f" {name}" if on else f" --no-{name.removeprefix('--')}"


@contextmanager
def show_origins() -> Iterator[Callable[[int, int, date, str], None]]:
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


def study_scorecard(request: Request, day: date | None) -> None:
    """Score the claims and print what the record says of them."""
    from ripeness.workflow.studies import run_scorecard

    with show_progress() as progress:
        path = run_scorecard(request, day or day_of_issue(), progress)
    effects, states = (published.read_rows(path.parent, name) for name in (path.name, published.STATES))
    sentences = [*scorecard.scorecard_sentences(effects), *scorecard.state_sentences(states, _notes(path), {})]
    _print(sentences, path, request)


def study_sensitivity(request: Request, day: date | None) -> None:
    """Find what the headline leans on and print the most of it."""
    from ripeness.workflow.studies import run_sensitivity

    with show_progress() as progress:
        path = run_sensitivity(request, day or day_of_issue(), progress)
    headline = float(_notes(path)["headline"])
    _print(studies.sensitivity_sentences(published.read_rows(path.parent, path.name), headline), path, request)


def study_evidence(request: Request, day: date | None) -> None:
    """Find what each source of evidence adds to the headline and print it."""
    from ripeness.workflow.studies import run_evidence

    with show_progress() as progress:
        path = run_evidence(request, day or day_of_issue(), progress)
    weeks = int(_notes(path)["headline_weeks"])
    _print(studies.evidence_sentences(published.read_rows(path.parent, path.name), weeks), path, request)


def study_sbc(request: Request, simulations: int, wrong: int, futures: int, day: date | None) -> None:
    """Simulate wars, fit them and print whether ranks are uniform."""
    from ripeness.workflow.studies import run_sbc

    with show_progress() as progress:
        path = run_sbc(request, simulations, wrong, futures, day or day_of_issue(), progress)
    _print(studies.sbc_sentences(published.read_rows(path.parent, path.name), _notes(path)), path, request)


def study_wars(request: Request, panel: Path | None, day: date | None) -> None:
    """Refit what other wars say, or fit a panel, and print each mechanism's hazard ratio.

    Raises
    ------
    ContentError
        If a file is wrong; nothing was made.
    """
    from ripeness.workflow.studies import run_wars

    with show_progress() as progress:
        path = run_wars(request, panel, day or day_of_issue(), progress)
    beside = studies.PUBLISHED if panel is None else studies.PLACEBO
    table = Table(title=Text("Hazard ratios of the return of talks, 5-95 %"), title_justify="left")
    for column in ("mechanism", "per"):
        table.add_column(column)
    for column in ("ratio", beside, "onsets"):
        table.add_column(column, justify="right")
    rows = published.read_rows(path.parent, path.name)
    for row in rows:
        ratios = (studies.ratio_text(row), studies.ratio_text(row, f"{beside}_"))
        table.add_row(Text(row["mechanism"]), row["per"], *ratios, row["onsets"])
    open_console().print(table)
    _print(studies.wars_sentences(rows, _notes(path)), path, request)


def _notes(path: Path) -> dict[str, Any]:
    """What a study wrote beside its table."""
    return published.read_about(path.parent, path.with_suffix(".json").name) or {}


def _print(sentences: list[str], path: Path, request: Request) -> None:
    console = open_console()
    for sentence in sentences:
        console.print(Text(sentence))
    console.print(Text(f"The table: {shown_path(path, request.workspace)}"))
