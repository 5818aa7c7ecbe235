"""`ripeness fit`, `forecast`, `report`, `export` and `resolve`: a forecast made, issued, written in other forms, and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json, show_progress, shown_path
from ripeness.workflow.run import PAGE

if TYPE_CHECKING:
    from ripeness.workflow.request import Request

ISSUED = {"ahead": "Ahead", "late": "Late, not scored", "hindsight": "In hindsight"}


def make_fit(request: Request) -> None:
    """Sample the posterior, hold it to the gate and say where it lies.

    Raises
    ------
    GateError
        If the fit failed, so that no number may be published.
    """
    from ripeness.workflow.forecasts import run_fit

    with show_progress() as progress:
        run = run_fit(request, progress)
    open_console().print(Text(f"The fit passed its gate: {shown_path(run.folder, request.workspace)}"), soft_wrap=True)


def make_forecast(request: Request, json: bool) -> None:
    """Print the headline probabilities; as JSON, everything that the page would show.

    Raises
    ------
    GateError
        If the fit failed, so that no number may be published.
    """
    from ripeness.workflow.forecasts import run_forecast

    with show_progress() as progress:
        run = run_forecast(request, progress)
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
        console.print(Text(f"From {run.summary['reweighted']['words']}."), soft_wrap=True)


def make_report(request: Request) -> None:
    """Write the page and say where it lies; what it says is issued.

    Raises
    ------
    GateError
        If the fit failed; the page then shows the failure and the outside view.
    """
    from ripeness.workflow.issue import run_report

    with show_progress() as progress:
        run = run_report(request, progress)
    open_console().print(Text(f"The page: {shown_path(run.folder / PAGE, request.workspace)}"), soft_wrap=True)


def _percent(share: float) -> str:
    """A probability in per cent; below 1 % no figure would be meant."""
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def export_run(request: Request, kinds: list[str], out: Path | None) -> None:
    """Write a forecast in other forms, and say where.

    Raises
    ------
    UsageError
        If a kind is none that there is.
    """
    from ripeness.workflow.issue import run_export

    with show_progress() as progress:
        written = run_export(request, kinds, out, progress)
    console = open_console()
    for path in written:
        console.print(Text(shown_path(path, request.workspace)), soft_wrap=True)


def show_resolutions(request: Request, json: bool) -> None:
    """Resolve what the record settles and print what was added, the counts and the scores.

    Raises
    ------
    UsageError
        If the day is none that the data know.
    ContentError
        If a file is wrong; nothing was changed.
    """
    from ripeness.workflow.issue import run_resolve

    added, record = run_resolve(request)
    if json:
        print_json(
            {"added": [asdict(row) for row in added]} | {key: record[key] for key in ("as_of", "counts", "scores", "versions", "bridges")}
        )
        return
    console = open_console()
    if added:
        table = Table(title=Text(f"Resolved by what was known on {record['as_of']}"), title_justify="left")
        for column in ("question", "origin", "weeks", "issued", "probability", "outside", "outcome", "reason"):
            table.add_column(column, justify="right" if column in ("weeks", "probability", "outside") else "left")
        for row in added:
            shown = (row.question, row.origin, row.horizon_weeks, row.issued, f"{row.probability:.2f}", f"{row.outside_view:.2f}")
            searched = f" (found with {row.sensitivity_q05:g} to {row.sensitivity_q95:g})" if row.outcome == "no" else ""
            table.add_row(*(Text(str(cell)) for cell in (*shown, row.outcome, row.reason + searched)))
        console.print(table)
    else:
        console.print(Text(f"Nothing new is settled by what was known on {record['as_of']}."))
    if record["scores"]:
        table = Table(title=Text("Mean scores, the lower the better; outside view beside them"), title_justify="left")
        for column in ("issued", "question", "weeks", "resolved", "yes", "Brier", "outside", "log score", "outside"):
            table.add_column(column, justify="left" if column in ("issued", "question") else "right")
        for one in record["scores"]:
            cells = [str(one[name]) for name in ("issued", "question", "horizon_weeks", "resolved", "yes")]
            cells += [f"{one[name]:.3f}" for name in ("brier", "outside_brier", "log_score", "outside_log_score")]
            table.add_row(*map(Text, cells))
        console.print(table)
    settled = [one for one in record["bridges"] if one["outcome"] != "open"]
    if settled:
        table = Table(title=Text("What markets asked: Brier scores, the lower the better"), title_justify="left")
        for column in ("question", "origin", "by", "issued", "ours", "market", "outcome", "Brier", "market", "reason"):
            table.add_column(column, justify="right" if column in ("ours", "market", "Brier") else "left")
        for one in settled:
            numbers = [f"{one['probability']:.2f}", _or_dash(one["price"], 2)]
            scored = [_or_dash(one["brier"], 3), _or_dash(one["market_brier"], 3)]
            words = [one[name] for name in ("label", "origin", "by", "issued")]
            table.add_row(*map(Text, (*words, *numbers, one["outcome"], *scored, one["reason"])))
        console.print(table)
    for issued, counts in record["counts"].items():
        console.print(Text(f"{ISSUED[issued]}: {_in_words(counts)}."))
    if record["versions"]:
        console.print(
            Text(f"Rows of the ledger that do not count, as another version of the same forecast does: {len(record['versions'])}.")
        )


def _or_dash(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _in_words(counts: Mapping[str, Any]) -> str:
    line = ", ".join(f"{counts[name]} {name}" for name in ("issued", "open", "resolved", "void"))
    return line + (f"; {counts['due']} of the open are past their target and not settled yet" if counts["due"] else "")
