"""`ripeness scenario`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json, show_progress


def show_scenarios(root: Path, wanted: list[str], given: bool, reach: float | None, as_of: date | None, json: bool) -> None:
    """Print what scenarios would do to the forecast, and what would bring it to a level.

    Raises
    ------
    UsageError
        If there is no such scenario, or nothing could say one that is to be given.
    """
    from ripeness.report.sentences import share
    from ripeness.workflow.scenarios import run_scenarios

    with show_progress() as progress:
        found = run_scenarios(root, wanted, given, reach, as_of, progress)
    if json:
        print_json(found)
        return
    console = open_console()
    verb = "if rows said so (given)" if given else "if it were done (parameters untouched)"
    table = Table(title=Text(f"Chance of a round {verb}, as known on {found['origin']}"), title_justify="left")
    table.add_column("scenario")
    for column in ("weeks", "forecast", "scenario", "change", "5-95 % of the change", "goes as far by itself"):
        table.add_column(column, justify="right")
    for one in found["scenarios"]:
        for place, row in enumerate(one["contrasts"]):
            spread = "" if row["lower"] is None else f"{row['lower']:+.0f} to {row['upper']:+.0f}"
            table.add_row(
                Text(one["title"] if place == 0 else ""),
                str(row["weeks"]),
                f"{100 * row['forecast']:.0f} %",
                f"{100 * row['scenario']:.0f} %",
                f"{row['change']:+.1f} ± {row['mcse']:.1f}",
                spread,
                share(one["plausible"]) if place == 0 else "",
            )
        table.add_section()
    console.print(table)
    console.print(
        Text(
            "Changes in percentage points, ± their Monte Carlo error. “Goes as far by itself”: the share of the model's own futures that do."
        )
    )
    if "inverse" in found:
        _show_reach(found["inverse"])


def show_would_have(root: Path, wanted: list[str], start: date, as_of: date | None, json: bool) -> None:
    """Print what scenarios would have done from a past day on.

    Raises
    ------
    UsageError
        If there is no such scenario, or the day leaves no room in the record.
    """
    from ripeness.workflow.counterfactual import run_would_have

    with show_progress() as progress:
        found = run_would_have(root, wanted, start, as_of, progress)
    if json:
        print_json(found)
        return
    console = open_console()
    table = Table(title=Text(f"Chance of a round after {found['from']}, by what is known on {found['origin']}"), title_justify="left")
    table.add_column("scenario")
    for column in ("weeks", "as it was", "would have been", "change", "5-95 % of the change"):
        table.add_column(column, justify="right")
    for one in found["scenarios"]:
        for place, row in enumerate(one["contrasts"]):
            table.add_row(
                Text(one["title"] if place == 0 else ""),
                str(row["weeks"]),
                f"{100 * row['forecast']:.0f} %",
                f"{100 * row['scenario']:.0f} %",
                f"{row['change']:+.1f}",
                f"{row['lower']:+.0f} to {row['upper']:+.0f}",
            )
        table.add_section()
    console.print(table)
    console.print(Text("Each past week's shocks are kept as they were; only the path is changed. Changes in percentage points."))


def _show_reach(reach: dict[str, Any]) -> None:
    console = open_console()
    table = Table(
        title=Text(f"For {100 * reach['probability']:.0f} % within {reach['weeks']} weeks, one condition by itself"), title_justify="left"
    )
    table.add_column("condition")
    for column in ("odds times", f"as forecast, mean of {reach['weeks']} weeks", "would be", "reaches"):
        table.add_column(column, justify="right")
    for one in reach["conditions"]:
        odds = "not enough" if one["odds"] is None else f"{one['odds']:.2g}"
        table.add_row(
            Text(one["condition"]), odds, f"{100 * one['now']:.0f} %", f"{100 * one['then']:.0f} %", f"{100 * one['reached']:.0f} %"
        )
    console.print(table)
