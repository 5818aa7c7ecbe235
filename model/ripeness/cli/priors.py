"""`ripeness priors`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from ripeness import names
from ripeness.cli.screen import open_console, print_json

if TYPE_CHECKING:
    from ripeness.elicitation.elicited import PriorRow


def show_priors(root: Path, as_of: date | None, seed: int | None, json: bool) -> None:
    """Print every prior, asked and achieved, what they imply before any data, and whether each claim comes out in its direction."""
    from ripeness.workflow.beliefs import elicit

    report = elicit(root, as_of, seed)
    if json:
        print_json(asdict(report))
        return
    console = open_console()
    console.print(_prior_table(report.table))
    console.print(
        by_reading(
            "P(a round within the horizon) by the priors alone: mean, 5-95 %",
            report.predictive,
            {"weeks": "horizon_weeks"},
            lambda row: f"{row['probability']:.1%}, {row['lower']:.1%} to {row['upper']:.1%}",
        )
    )
    console.print(
        by_reading(
            "P(a round in the week): median, 5-95 %",
            report.hazards,
            {"weeks of dormancy": "dormancy_weeks"},
            lambda row: f"{row['median']:.2%}, {row['lowest']:.2%} to {row['highest']:.2%}",
        )
    )
    console.print(
        by_reading(
            "How many times likelier a round is in the best tenth of weeks than in the worst: median, 5-95 %",
            report.totals,
            {},
            lambda row: f"{row['median']:.1f}, {row['lower']:.1f} to {row['upper']:.1f}",
        )
    )
    console.print(
        by_reading(
            "Share of prior draws in which an effect goes the way it is claimed to",
            report.directions,
            {"effect": "effect", "claimed": "claimed"},
            lambda row: f"{row['share']:.0%}",
        )
    )


def _prior_table(rows: Sequence[PriorRow]) -> Table:
    table = Table(title="Priors: 5, 50 and 95 % quantiles asked, and achieved by the distribution fitted to them", title_justify="left")
    table.add_column("prior", overflow="fold")
    table.add_column("unit", overflow="fold")
    table.add_column("asked", justify="right")
    table.add_column("achieved", justify="right")
    for row in rows:
        name = row.name if row.reading is None else f"{row.name} ({names.READING_LABELS.get(row.reading, row.reading)})"
        table.add_row(Text(name), Text(row.unit), _numbers(row.asked), _numbers(row.achieved))
    return table


def by_reading(title: str, rows: Sequence[Mapping[str, Any]], keys: Mapping[str, str], say: Callable[[Mapping[str, Any]], str]) -> Table:
    """A table with a column for each reading.

    Parameters
    ----------
    title : str
    rows : sequence of mapping
        Each with "reading" and `keys`.
    keys : mapping
        Heading to the key that stands in its column.
    say : callable
        From a row to what stands in the column of its reading.
    """
    table = Table(title=title, title_justify="left")
    readings = list(dict.fromkeys(row["reading"] for row in rows))
    for heading in keys:
        table.add_column(heading)
    for reading in readings:
        table.add_column(names.READING_LABELS.get(reading, reading), justify="right")
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        lines.setdefault(tuple(str(row[key]) for key in keys.values()), {})[row["reading"]] = say(row)
    for line, cells in lines.items():
        table.add_row(*map(Text, line), *(Text(cells.get(reading, "")) for reading in readings))
    return table


def _numbers(values: Sequence[float]) -> str:
    return "  ".join(f"{value:.3g}" for value in values)
