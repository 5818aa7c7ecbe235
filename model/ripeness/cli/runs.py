"""`ripeness fit`, `forecast` and `report`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json, show_progress
from ripeness.results import PAGE, open_run


def make_fit(root: Path, as_of: date | None, seed: int | None, refit: bool) -> None:
    """Sample the posterior, hold it to the gate and say where it lies.

    Raises
    ------
    GateError
        If the fit failed, so that no number may be published.
    """
    from ripeness.workflow.forecasts import run_fit

    with show_progress() as progress:
        folder = run_fit(root, as_of, seed, refit, progress)
    open_console().print(Text(f"The fit passed its gate: {_shown(folder, root)}"), soft_wrap=True)


def make_forecast(root: Path, as_of: date | None, seed: int | None, refit: bool, json: bool) -> None:
    """Print the headline probabilities; as JSON, everything that the page would show.

    Raises
    ------
    GateError
        If the fit failed, so that no number may be published.
    """
    from ripeness.workflow.forecasts import run_forecast

    with show_progress() as progress:
        folder = run_forecast(root, as_of, seed, refit, progress)
    run = open_run(folder)
    if json:
        print_json(run.summary)
        return
    rows: list[dict[str, Any]] = run.forecast.to_dict("records")  # type: ignore[assignment]
    table = Table(title=Text(f"{run.summary['question']['text']} As known on {rows[0]['origin']}."), title_justify="left")
    table.add_column("question")
    for column in ("weeks", "until", "probability", "5-95 %", "outside view"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            Text(str(row["question"])),
            str(row["horizon_weeks"]),
            str(row["target_end_date"]),
            _percent(row["probability"]),
            f"{_percent(row['lower'])} to {_percent(row['upper'])}",
            _percent(row["outside_view"]),
        )
    console = open_console()
    console.print(table)
    if run.summary["reweighted"]:
        console.print(Text(f"From {run.summary['renewed']['words']}."), soft_wrap=True)


def make_report(root: Path, as_of: date | None, seed: int | None, refit: bool) -> None:
    """Write the page and say where it lies.

    Raises
    ------
    GateError
        If the fit failed; the page then shows the failure and the outside view.
    """
    from ripeness.workflow.issue import run_report

    with show_progress() as progress:
        folder = run_report(root, as_of, seed, refit, progress)
    open_console().print(Text(f"The page: {_shown(folder / PAGE, root)}"), soft_wrap=True)


def _percent(share: float) -> str:
    """A probability in per cent; below 1 % no figure would be meant."""
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
