"""`ripeness news`, `scenario` and `watch`: why the forecast moved, what would move it, what to watch."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json, show_progress

if TYPE_CHECKING:
    from ripeness.workflow.request import Request

CROSSED = 3  # exit code of `watch`


def show_news(request: Request, earlier: str, later: str, json: bool) -> None:
    """Print why the headline moved: a table whose lines add up, and a paragraph.

    Raises
    ------
    UsageError
        If an endpoint is neither a day nor a run of the ledger.
    """
    from ripeness.report.attribution import news_sentences, orders_sentence
    from ripeness.workflow.news import run_news

    with show_progress() as progress:
        news = run_news(request, earlier, later, progress)
    if json:
        print_json(news)
        return
    console = open_console()
    table = Table(title=Text("Why the forecast moved, in percentage points"), title_justify="left")
    table.add_column("line")
    for column in ("points", "±", "factors now", "parameters"):
        table.add_column(column, justify="right")
    for line in news["lines"]:
        parts = ["" if name not in line else f"{line[name]:+.2f}" for name in ("factors", "parameters")]
        table.add_row(Text(line["label"]), f"{line['points']:+.2f}", f"{line['mcse']:.2f}", *parts)
    table.add_row(Text("Monte Carlo error and new fits"), f"{news['residual_points']:+.2f}", "", "", "")
    table.add_section()
    table.add_row(Text("in all"), f"{news['total_points']:+.2f}", "", "", "")
    console.print(table)
    console.print(Text(" ".join([*news_sentences(news), orders_sentence(news)] if news["lines"] else news_sentences(news))))


def show_scenarios(request: Request, wanted: list[str], given: bool, reach: float | None, json: bool) -> None:
    """Print what scenarios would do to the forecast, and what would bring it to a level.

    Raises
    ------
    UsageError
        If there is no such scenario, or nothing could say one that is to be given.
    """
    from ripeness.report.sentences import share
    from ripeness.workflow.scenarios import run_scenarios

    with show_progress() as progress:
        found = run_scenarios(request, wanted, given, reach, progress)
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
        _show_inverse(found["inverse"])


def show_would_have(request: Request, wanted: list[str], start: date, json: bool) -> None:
    """Print what scenarios would have done from a past day on.

    Raises
    ------
    UsageError
        If there is no such scenario, or the day leaves no room in the record.
    """
    from ripeness.workflow.scenarios import run_would_have

    with show_progress() as progress:
        found = run_would_have(request, wanted, start, progress)
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
    for one in found["scenarios"]:
        for made in one["announcements"]:
            console.print(
                Text(
                    f"{one['title']}: the meeting announced on {made['announced_on']} for {made['first']} would have been announced with {100 * made['probability']:.0f} %."
                )
            )
    console.print(
        Text(
            "Each past week's shocks, and the noise of its events, are kept as they were; only the path is changed. Changes in percentage points."
        )
    )


def _show_inverse(inverse: dict[str, Any]) -> None:
    console = open_console()
    table = Table(
        title=Text(f"For {100 * inverse['probability']:.0f} % within {inverse['weeks']} weeks, one condition by itself"),
        title_justify="left",
    )
    table.add_column("condition")
    for column in ("odds times", f"as forecast, mean of {inverse['weeks']} weeks", "would be", "reaches"):
        table.add_column(column, justify="right")
    for one in inverse["conditions"]:
        odds = "not enough" if one["odds"] is None else f"{one['odds']:.2g}"
        table.add_row(
            Text(one["condition"]), odds, f"{100 * one['now']:.0f} %", f"{100 * one['then']:.0f} %", f"{100 * one['reached']:.0f} %"
        )
    console.print(table)


def show_watch(request: Request, json: bool) -> int:
    """Print what is published next and what it may do; 3 if new rows have crossed a tripwire of the list before, else 0."""
    from ripeness.report.attribution import announcement_sentences
    from ripeness.workflow.watchlist import run_watch

    with show_progress() as progress:
        found = run_watch(request, progress)
    if json:
        print_json(found)
        return CROSSED if found["crossed"] else 0
    console = open_console()
    for sentence in announcement_sentences(found):
        console.print(Text(sentence))
    table = Table(title=Text(f"What to watch: next releases and the chance of a round by {found['target_end_date']}"), title_justify="left")
    table.add_column("indicator")
    table.add_column("period to")
    table.add_column("expected")
    for column in ("value, 5-95 %", "moves it by", "at the ends", "bits", "5 points"):
        table.add_column(column, justify="right")
    for one in found["releases"]:
        wires = "; ".join(f"{wire['direction']} {wire['beyond']} {wire['value']:.4g}" for wire in one["tripwires"])
        table.add_row(
            Text(one["title"]),
            one["period_end"] if one["scheduled"] else "",
            one["expected"] if one["scheduled"] else f"no fixed day; as if it came on {one['expected']}",
            Text(f"{one['lower']:.3g} to {one['upper']:.3g}"),
            f"{one['expected_points']:.2f}",
            f"{one['at_lower']:+.1f}, {one['at_upper']:+.1f}",
            f"{one['bits']:.4f}",
            wires or "none",
        )
    console.print(table)
    console.print(
        Text(
            "Moves in percentage points: the mean, whichever way, and at both ends of the value's range; less what the passing of time does by itself. "
            "5 points: from which value on a release would move it so far; “none”: no value that is to be expected would."
        )
    )
    for sentence in found["crossed"]:
        console.print(Text(f"Crossed: {sentence}.", style="bold"))
    return CROSSED if found["crossed"] else 0
