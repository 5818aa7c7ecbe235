"""Why the forecast moved, in words and as a waterfall, both from the stored news."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from ripeness.report.charts import WIDE
from ripeness.report.figures import both_widths
from ripeness.report.sentences import count, day, hundredths, join, points, quoted, sentence, signed_points, tenths
from ripeness.report.svg import FAINT, GRID, INK, MAIN, SECOND, chart_style

TOLD = 3  # causes named one by one
CAUSES = ("rows", "revision", "events", "rounds")
KINDS = {"time": FAINT, "made": FAINT, "refit": FAINT}
LEAST = 0.05  # points that are worth a word
LETTERS = 8  # of a label, to an inch of the chart's width


def news_section(news: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of the news: sentences, the waterfall, and a row for each line.

    Parameters
    ----------
    news : mapping
        news.json; or from, to and reason, where only new fits could tell, with weeks_a_fit where several are needed.
    """
    if "reason" in news:
        several = f"several new fits, about one for each {count(news['weeks_a_fit'], 'week')}" if "weeks_a_fit" in news else "a new fit"
        return {"missing": news, "needed": several}
    figure = both_widths("news", " ".join(news_said(news)), lambda width: plot_news(news, width)) if news["lines"] else None
    rows = [
        {name: hundredths(line[name]) if name in line else "" for name in ("points", "factors", "parameters")}
        | {"label": line["label"], "mcse": f"{line['mcse']:.2f}", "clear": _is_clear(line)}
        for line in news["lines"]
    ]
    total, residual = hundredths(news["total_points"]), hundredths(news["residual_points"])
    return {"said": news_said(news), "figure": figure, "rows": rows, "total": total, "residual": residual}


def since_said(news: Mapping[str, Any]) -> str:
    """The change in one sentence: since when, how far, and the two lines that did most.

    Parameters
    ----------
    news : mapping
        news.json.
    """
    start, end, total = news["from"], news["to"], news["total_points"]
    if abs(total) < LEAST:
        head = f"Since {day(start['origin'])} the chance has stayed at {tenths(end['probability'])}"
    else:
        way = "risen" if total > 0 else "fallen"
        head = f"Since {day(start['origin'])} the chance has {way} by {points(total)}, from {tenths(start['probability'])} to {tenths(end['probability'])}"
    clear = sorted((line for line in news["lines"] if _is_clear(line)), key=lambda line: -abs(line["points"]))[:2]
    if not clear:
        return head + ("; no single cause stands out from Monte Carlo error." if news["lines"] else ".")
    return f"{head}: {join([_moved(news, line) for line in clear])}."


def news_said(news: Mapping[str, Any]) -> list[str]:
    """The change in a paragraph.

    Parameters
    ----------
    news : mapping
        news.json.
    """
    start, end, total = news["from"], news["to"], news["total_points"]
    change = "stayed" if abs(total) < LEAST else "rose" if total > 0 else "fell"
    head = (
        f"From {day(start['origin'])} to {day(end['origin'])} the chance of a round within {count(news['horizon_weeks'], 'week')} "
        f"{change} {'at' if change == 'stayed' else 'from'} {tenths(start['probability'])}"
    )
    said = [head + ("." if change == "stayed" else f" to {tenths(end['probability'])} ({signed_points(total)} points).")]
    time = [line for line in news["lines"] if line["kind"] == "time"]
    if time:
        passed = sum(line["points"] for line in time)
        if _was_held(news):
            said.append(f"Had no round been found, the passing of time {_would_have(passed)}.")
        else:
            said.append(f"The passing of time, in which no round was found, {_did(passed)}.")
    causes = [line for line in news["lines"] if line["kind"] in CAUSES]
    clear = [line for line in causes if _is_clear(line)]
    if clear:
        said.append(sentence(join([_moved(news, line) for line in clear[:TOLD]])) + ".")
    if len(clear) > TOLD:
        more = sum(line["points"] for line in clear[TOLD:])
        said.append(f"{sentence(count(len(clear) - TOLD, 'further cause'))} did less: {signed_points(more)} points in all.")
    unclear = len(causes) - len(clear)
    if unclear:
        rest = sum(line["points"] for line in causes if line not in clear)
        said.append(
            f"{sentence(count(unclear, 'cause'))} moved it by no more than Monte Carlo error can: {signed_points(rest)} points in all."
        )
    for line in news["lines"]:
        if line["kind"] in ("made", "refit"):
            said.append(f"{sentence(line['label'])}: {signed_points(line['points'])} points.")
    said.append(f"What is left, {signed_points(news['residual_points'])} points, is Monte Carlo error and what new fits have learned.")
    return said


def plot_news(news: Mapping[str, Any], width: float = WIDE) -> Figure:
    """The change as a waterfall: from the earlier forecast, line by line, to the later one.

    Parameters
    ----------
    news : mapping
        news.json.
    width : float
        Inches.
    """
    clear = [line for line in news["lines"] if _is_clear(line) or line["kind"] not in CAUSES]
    rest = [line for line in news["lines"] if line not in clear]
    steps = [(line["label"], line["points"], line["mcse"], KINDS.get(line["kind"])) for line in clear]
    if rest:
        error = sum(line["mcse"] ** 2 for line in rest) ** 0.5
        steps.append((count(len(rest), "unclear cause"), sum(line["points"] for line in rest), error, None))
    steps.append(("Monte Carlo error and new fits", news["residual_points"], 0.0, GRID))
    labels = [
        f"Forecast of {day(news['from']['origin'])}",
        *(fill(sentence(step[0]), int(LETTERS * width * 0.6)) for step in steps),
        f"Forecast of {day(news['to']['origin'])}",
    ]
    at = 100 * news["from"]["probability"]
    with chart_style():
        figure = Figure(
            figsize=(width, 0.8 + 0.17 * len(labels) + 0.14 * sum(1 + label.count(chr(10)) for label in labels)), layout="constrained"
        )
        axes = figure.add_subplot()
        axes.plot([at], [0], "D", color=INK, markersize=5)
        for place, (_, points, error, colour) in enumerate(steps, start=1):
            axes.barh(place, points, left=at, height=0.6, color=colour or (MAIN if points > 0 else SECOND))
            axes.hlines(place, at + points - error, at + points + error, color=INK, linewidth=0.8)
            axes.vlines(at + points, place - 0.3, place + 1.3, color=FAINT, linewidth=0.6)
            at += points
        axes.plot([100 * news["to"]["probability"]], [len(steps) + 1], "D", color=INK, markersize=5)
        axes.set_yticks(range(len(labels)), labels)
        axes.use_sticky_edges = False  # a margin beyond the last bar, too
        axes.margins(x=0.06)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"chance of a round within {news['horizon_weeks']} weeks, per cent")
    return figure


def _is_clear(line: Mapping[str, Any]) -> bool:
    """Whether a line is more than Monte Carlo error can be."""
    return bool(abs(line["points"]) > 2 * line["mcse"] and abs(line["points"]) >= LEAST)


def _label(line: Mapping[str, Any]) -> str:
    """A line's label as it stands in a sentence: titles of indicators in quotes."""
    return quoted(line["label"]) if line["kind"] in ("rows", "revision") else str(line["label"])


def _was_held(news: Mapping[str, Any]) -> bool:
    """Whether rounds were held between the two forecasts, so that time passed without any is only imagined."""
    return any(line["kind"] == "rounds" for line in news["lines"])


def _moved(news: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    """A line and what it did, as a clause."""
    if line["kind"] == "time" and _was_held(news):
        return f"{_label(line)}, {_would_have(line['points'])}"
    return f"{_label(line)} {_did(line['points'])}"


def _would_have(change: float) -> str:
    if abs(change) < LEAST:
        return "would have changed nothing to speak of"
    return f"would have {'added' if change > 0 else 'taken away'} {points(change)}"


def _did(change: float) -> str:
    if abs(change) < LEAST:
        return "changed nothing to speak of"
    return f"{'added' if change > 0 else 'took away'} {points(change)}"
