"""`ripeness run`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import typer
from rich.text import Text

from ripeness.cli.attribution import CROSSED
from ripeness.cli.screen import json_fault, open_console, print_json, show_progress
from ripeness.errors import ContentError, printable
from ripeness.intake.updates import Choices
from ripeness.ledger.clock import day_of_issue
from ripeness.workflow.fetch import run_fetch
from ripeness.workflow.weekly import Step, run_weekly

NOT_FETCHED = 4  # added to CROSSED where both are so


def run_week(root: Path, files: list[Path], day: date | None, choices: Choices, fetch: bool, json: bool) -> int:
    """Do the steps of a week, print each as it ends, and return the exit code.

    Raises
    ------
    ContentError
        If ripeness.toml is not what it should be.
    BusyError
        If another run does not end.
    """
    today = day or day_of_issue()
    console, steps = open_console(), []
    with show_progress() as progress:
        for step in run_weekly(root, files, today, choices, run_fetch if fetch else None, progress):
            steps.append(step)
            if not json:
                console.print(Text(f"{step.name:<8}  {step.state:<8}  {printable(step.words)}"), soft_wrap=True)
    for fault in _faults(steps):
        typer.echo(f"Error: {fault}", err=True)
    code = _exit_code(steps)
    if json:
        print_json({"date": today.isoformat(), "exit_code": code, "steps": [_as_json(step) for step in steps]})
    return code


def _faults(steps: list[Step]) -> list[str]:
    errors = [step.error for step in steps if step.error is not None]
    return [line for error in errors for line in (map(str, error.faults) if isinstance(error, ContentError) else [printable(str(error))])]


def _exit_code(steps: list[Step]) -> int:
    for step in steps:
        if step.error is not None:
            return step.error.exit_code
    alerts = {step.name for step in steps if step.state == "alert"}
    return CROSSED * ("watch" in alerts) + NOT_FETCHED * bool(alerts & {"fetch", "draft"})


def _as_json(step: Step) -> dict[str, object]:
    faults = step.error.faults if isinstance(step.error, ContentError) else ()
    return {"step": step.name, "state": step.state, "words": printable(step.words), "faults": [json_fault(fault) for fault in faults]}
