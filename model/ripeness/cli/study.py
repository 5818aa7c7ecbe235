"""`ripeness study`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from rich.text import Text

from ripeness.cli.screen import open_console, show_progress
from ripeness.evaluation import published
from ripeness.report import studies


def study_scorecard(root: Path, seed: int | None, day: date | None) -> None:
    """Score the claims and print what the record says of them."""
    from ripeness.workflow.studies import run_scorecard

    with show_progress() as progress:
        path = run_scorecard(root, seed, day or date.today(), progress)
    _tell(studies.scorecard_sentences(published.read_rows(path.parent, path.name)), path, root)


def study_sensitivity(root: Path, as_of: date | None, seed: int | None, day: date | None) -> None:
    """Find what the headline leans on and print the most of it."""
    from ripeness.workflow.studies import run_sensitivity

    with show_progress() as progress:
        path = run_sensitivity(root, as_of, seed, day or date.today(), progress)
    headline = float(_notes(path)["headline"])
    _tell(studies.sensitivity_sentences(published.read_rows(path.parent, path.name), headline), path, root)


def study_sbc(root: Path, simulations: int, wrong: int, futures: int, as_of: date | None, seed: int | None, day: date | None) -> None:
    """Simulate wars, fit them and print whether ranks are uniform."""
    from ripeness.workflow.studies import run_sbc

    with show_progress() as progress:
        path = run_sbc(root, simulations, wrong, futures, as_of, seed, day or date.today(), progress)
    _tell(studies.sbc_sentences(published.read_rows(path.parent, path.name), _notes(path)), path, root)


def _notes(path: Path) -> dict[str, Any]:
    """What a study wrote beside its table."""
    return published.read_about(path.parent, path.with_suffix(".json").name) or {}


def _tell(said: list[str], path: Path, root: Path) -> None:
    console = open_console()
    for sentence in said:
        console.print(Text(sentence))
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    console.print(Text(f"The table: {shown.as_posix()}"))
