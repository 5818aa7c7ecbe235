"""How the forecasts issued so far have fared: the ledger in words, in tables, and as a chart with every forecast of the headline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ripeness.evaluation.published import EVEN_BRIER
from ripeness.report.drawing import FAINT, HALF, MAIN, PAPER, SECOND, WARN, WIDE, chart, date_axis, dates_of, percent_axis, render_svg
from ripeness.report.markets import bridge_sentences
from ripeness.report.sentences import count, day, join, percent, sentence

OUTCOMES = {"yes": "a round", "no": "none on record", "void": "void", "open": "open"}
ISSUED = {"ahead": "issued ahead", "late": "issued late", "hindsight": "in hindsight"}
EVEN = "Always saying 50\u00a0%"
NEWEST = 8  # forecasts given one by one in the words of the chart
MARGIN = 0.06  # below and above the frame, for the marks of outcomes


def record_section(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a record.

    Parameters
    ----------
    record : mapping
        As `build_record` gives it.

    Returns
    -------
    dict
        first, above the fold, and sentences; scores and resolved: rows of tables; versions: those that do not count, by forecast; bridges: those that are settled, and
        bridge_sentences; heads: of the files of the ledger; figure: the chart, None without a forecast of the headline.
    """
    history = record["history"]
    figure = None
    if history:
        text = history_words(history, record["headline_weeks"])
        figure = render_svg(plot_history(history, HALF), "history", text)
    bridges, told = record.get("bridges", []), record_sentences(record)
    first = [one for one in told if one == told[0] or one.startswith(EVEN)]
    return {
        "first": first,
        "sentences": [one for one in told if one not in first],
        "figure": figure,
        **{name: record[name] for name in ("scores", "resolved")},
        "versions": _by_forecast(record["versions"]),
        "heads": [head for head in record.get("heads", []) if head["digest"]],
        "bridges": [one for one in bridges if one["outcome"] != "open"],
        "bridge_sentences": bridge_sentences(bridges),
    }


def _by_forecast(versions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The versions that do not count, gathered by what they forecast."""
    found: dict[tuple[str, int, str], list[Mapping[str, Any]]] = {}
    for row in versions:
        found.setdefault((row["question"], row["horizon_weeks"], row["origin"]), []).append(row)
    return [{"question": key[0], "horizon_weeks": key[1], "origin": key[2], "rows": rows} for key, rows in found.items()]


def record_sentences(record: Mapping[str, Any]) -> list[str]:
    """What the ledger holds and how much of it is resolved, in sentences; forecasts issued late and in hindsight apart."""
    ahead, late, hindsight = (record["counts"][issued] for issued in ISSUED)
    if not ahead["issued"] + late["issued"] + hindsight["issued"]:
        return [f"No forecast was issued up to {day(record['as_of'])}."]
    found = []
    if ahead["issued"]:
        found.append(f"{sentence(count(ahead['issued'], 'forecast'))} issued ahead up to {day(record['as_of'])}: {_fates(ahead)}.")
        if not ahead["resolved"]:
            found.append("None of those issued ahead is resolved yet, so nothing can be said about how good they are.")
    else:
        found.append(
            f"No forecast was issued ahead up to {day(record['as_of'])}, so nothing can be said about how good such forecasts are."
        )
    if late["issued"]:
        found.append(
            f"{sentence(count(late['issued'], 'forecast'))} issued late, inside the window: {_fates(late)}. "
            "They are not scored, as part of what they speak of was known."
        )
    if hindsight["issued"]:
        found.append(
            f"{sentence(count(hindsight['issued'], 'forecast'))} in hindsight, issued after the window, on a day that is not known or that only a "
            f"note says, or with an origin before the essay: {_fates(hindsight)}. They are no proof of foresight and are scored apart."
        )
    if record["versions"]:
        found.append(
            f"Each forecast counts once, by its newest version issued ahead, or else late, or else in hindsight; the ledger has "
            f"{count(len(record['versions']), 'row')} with other versions."
        )
    worse = [row for row in record["scores"] if row["brier"] > EVEN_BRIER]
    if worse:
        named = [
            f"{row['horizon_weeks']} weeks, {row['question'].replace('_', ' ')}, {ISSUED[row['issued']]} ({row['brier']:.3f})"
            for row in worse
        ]
        found.append(f"{EVEN} would have scored better (Brier {EVEN_BRIER:.3f}) than these: {'; '.join(named)}.")
    due = ahead["due"] + late["due"] + hindsight["due"]
    if due:
        found.append(
            f"{sentence(count(due, 'open forecast'))} {'is' if due == 1 else 'are'} past the target and not settled on record: "
            "the window has not been searched to its end, or nobody has run “ripeness resolve”."
        )
    return found


def _fates(counts: Mapping[str, int]) -> str:
    return join([count(counts[name], name, name) if counts[name] else f"none {name}" for name in ("open", "resolved", "void")])


def history_words(history: Sequence[Mapping[str, Any]], weeks: int) -> str:
    """The chart in words: how many forecasts, and the newest one by one."""
    newest = history[-NEWEST:]
    head = f"{sentence(count(len(history), 'forecast'))} over {count(weeks, 'week')}, by origin"
    head += f"; the newest {len(newest)}: " if len(newest) < len(history) else ": "
    return head + "; ".join(_one_in_words(row) for row in newest) + "."


def _one_in_words(row: Mapping[str, Any]) -> str:
    apart = "" if row["issued"] == "ahead" else f", {ISSUED[row['issued']]}"
    return f"{day(row['origin'])} {percent(row['probability'])}, outside view {percent(row['outside_view'])}, {OUTCOMES[row['outcome']]}{apart}"


def plot_history(history: Sequence[Mapping[str, Any]], width: float = WIDE) -> Figure:
    """Every forecast of the headline by its origin, in the version that counts, with its range, the outside view, and what came of it.

    Parameters
    ----------
    history : sequence of mapping
        origin, probability, lower, upper, outside_view in [0, 1]; outcome, of `OUTCOMES`; issued, of `ISSUED`. At least one.
    """
    with chart(width, 3.2) as (figure, axes):
        days = dates_of([row["origin"] for row in history])
        columns = {name: np.array([row[name] for row in history]) for name in ("probability", "lower", "upper", "outside_view", "outcome")}
        issued = np.array([row["issued"] for row in history])
        for kind, colour, inner in (("ahead", MAIN, MAIN), ("late", FAINT, PAPER), ("hindsight", FAINT, FAINT)):
            chosen = issued == kind
            if chosen.any():
                axes.vlines(days[chosen], columns["lower"][chosen], columns["upper"][chosen], color=colour, linewidth=4, alpha=0.3)
                p, edge = columns["probability"][chosen], PAPER if inner == colour else colour
                looks: dict[str, Any] = {
                    "color": colour,
                    "markerfacecolor": inner,
                    "markersize": 5.5,
                    "markeredgecolor": edge,
                    "linestyle": "none",
                }
                axes.plot(days[chosen], p, "o", label=f"{ISSUED[kind]}, 5–95 %", **looks)
        axes.plot(
            days, columns["outside_view"], "_", color=SECOND, markersize=9, markeredgewidth=1.6, linestyle="none", label="outside view"
        )
        for outcome, label, mark, colour, inner, height in (
            ("yes", "came: a round", "v", WARN, WARN, 1 + MARGIN / 2),
            ("no", "came: none on record", "x", FAINT, FAINT, -MARGIN / 2),
            ("void", "void", "s", FAINT, "none", -MARGIN / 2),
        ):
            chosen = days[columns["outcome"] == outcome]
            if len(chosen):
                looks = {"color": colour, "markerfacecolor": inner, "markersize": 6, "linestyle": "none"}
                axes.plot(chosen, np.full(len(chosen), height), mark, clip_on=False, label=label, **looks)
        axes.set_title("Forecasts issued, and what came", pad=12)
        axes.set_ylim(-MARGIN, 1 + MARGIN)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        spare = np.timedelta64(max(int((days.max() - days.min()).astype(int) * 0.04), 21), "D")
        axes.set_xlim(days.min() - spare, days.max() + spare)  # type: ignore[arg-type]
        percent_axis(axes.yaxis)
        date_axis(axes)
        figure.legend(loc="outside lower left", ncols=3 if width > 6 else 2)
    return figure
