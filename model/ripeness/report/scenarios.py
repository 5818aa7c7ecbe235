"""What would move the forecast: stored scenarios in words, as rows of tables and as a chart; and what each condition would need."""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot, log
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from ripeness.report.charts import WIDE
from ripeness.report.figures import both_widths
from ripeness.report.sentences import PER_CENT, count, join, number, percent, points, quoted, sentence, signed_points
from ripeness.report.svg import FAINT, INK, MAIN, SECOND, chart_style

RARE = 0.001  # a share of futures below which no finer number is told
LETTERS = 7  # of a title, to an inch of the chart's width


def scenarios_section(told: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of scenarios, those that raise the chance most first.

    Parameters
    ----------
    told : mapping
        scenarios.json.
    summary : mapping
        forecast.json, for the labels of conditions.

    Returns
    -------
    dict
        said, together: sentences; horizons: weeks of the columns; rows, as_forecast: of the table; figure; reach: sentence and rows, or None.
    """
    weeks = headline_and_next(told)
    ranked = by_change(told)
    rows = [
        {"id": one["id"], "title": one["title"], "claims": one["claims"], "citations": [], "rationale": one["rationale"]}
        | {"parts": [_title(told, part) for part in one["includes"]], "plausible": plausible(one["plausible"])}
        | {"cells": [_cell(at(one, horizon)) for horizon in weeks]}
        for one in ranked
    ]
    figure = both_widths("scenarios", " ".join(_in_words(one, weeks[0]) for one in ranked), lambda width: plot_scenarios(told, width))
    return {
        "said": scenarios_said(told),
        "together": together_said(told),
        "horizons": weeks,
        "as_forecast": [percent(at(ranked[0], horizon)["forecast"]) for horizon in weeks],
        "rows": rows,
        "figure": figure,
        "reach": reach_section(told["reach"], summary) if "reach" in told else None,
    }


def headline_and_next(told: Mapping[str, Any]) -> list[int]:
    """The headline's horizon and the next longer one, in weeks."""
    weeks = sorted(row["weeks"] for row in told["scenarios"][0]["contrasts"])
    return [told["headline_weeks"], *[horizon for horizon in weeks if horizon > told["headline_weeks"]][:1]]


def at(scenario: Mapping[str, Any], weeks: int) -> Mapping[str, Any]:
    """A scenario beside the forecast over one horizon."""
    found: Mapping[str, Any] = next(row for row in scenario["contrasts"] if row["weeks"] == weeks)
    return found


def by_change(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Scenarios by what they do to the headline, from the largest rise to the largest fall."""
    return sorted(told["scenarios"], key=lambda one: -at(one, told["headline_weeks"])["change"])


def scenarios_said(told: Mapping[str, Any]) -> list[str]:
    """Which scenario raises the chance most, which lowers it most, and of how many the direction is in doubt."""
    weeks, ranked = told["headline_weeks"], by_change(told)
    first, last = at(ranked[0], weeks), at(ranked[-1], weeks)
    said = []
    if first["change"] > 0:
        said.append(f"Most of all {quoted(ranked[0]['title'])} would raise it: {_from_to(first)}.")
    else:
        said.append("None of these would raise it.")
    falls = sum(at(one, weeks)["change"] < 0 for one in ranked)
    if falls:
        said.append(f"{quoted(ranked[-1]['title'])} would lower it{' most' if falls > 1 else ''}: {_from_to(last)}.")
    else:
        said.append("None would lower it.")
    doubtful = sum(row["lower"] < 0 < row["upper"] for row in (at(one, weeks) for one in ranked))
    if doubtful:
        said.append(
            f"Of {count(len(ranked), 'scenario')} {count(doubtful, 'has', 'have')} a 5–95{PER_CENT} range of the change that holds zero: "
            "there the model is not sure of the direction."
        )
    return said


def together_said(told: Mapping[str, Any]) -> list[str]:
    """What scenarios that combine others do, against what these do one by one: the conjunction at work."""
    weeks, said = told["headline_weeks"], []
    for one in told["scenarios"]:
        if len(one["includes"]) < 2:
            continue
        whole = at(one, weeks)
        parts = [(_title(told, part), at(_found(told, part), weeks)) for part in one["includes"]]
        added = sum(row["change"] for _, row in parts)
        excess, error = whole["change"] - added, hypot(whole["mcse"], *(row["mcse"] for _, row in parts))
        alone = join([f"{quoted(title)} {signed_points(row['change'], 0)}" for title, row in parts])
        text = f"By themselves: {alone}, which adds up to {signed_points(added, 0)} points. {quoted(one['title'])}: {signed_points(whole['change'], 0)}"
        if abs(excess) <= 2 * error or abs(excess) < 0.5:
            said.append(f"{text}, about as much.")
        elif excess > 0:
            said.append(f"{text}, {points(excess, 0)} more: with one condition open, opening another counts for more.")
        else:
            said.append(f"{text}, {points(excess, 0)} less: what one has opened the other need not open again.")
    return said


def reach_section(reach: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """How far each condition by itself would have to open or shut: a sentence on the nearest, and a row for each."""
    labels = {condition["id"]: condition["label"] for condition in summary["conditions"]}
    rows = [
        {
            "label": labels.get(one["condition"], one["condition"]),
            "now": percent(one["now"]),
            "then": percent(one["then"]),
            "odds": f"not enough: {percent(one['reached'])}" if one["odds"] is None else f"× {number(one['odds'])}",
        }
        for one in reach["conditions"]
    ]
    level = f"{percent(reach['probability'])} within {count(reach['weeks'], 'week')}"
    able = [place for place, one in enumerate(reach["conditions"]) if one["odds"] is not None]
    lower = any(one["then"] < one["now"] for one in reach["conditions"])  # the level is below the forecast
    if not able:
        said = f"No condition by itself would bring the chance to {level}, however far it {'shut' if lower else 'opened'}."
    else:
        nearest = rows[min(able, key=lambda place: abs(log(reach["conditions"][place]["odds"])))]
        said = (
            f"For {level} through one condition alone, the shortest way is to {'shut' if lower else 'open'} {quoted(nearest['label'])} further: on the mean "
            f"of {count(reach['weeks'], 'week')} it would have to hold {nearest['then']} of the time, instead of {nearest['now']} as forecast."
        )
    return {"said": said, "level": level, "weeks": reach["weeks"], "rows": rows}


def plausible(share: float) -> str:
    """A share of the model's own futures: "under 0.1 %", "0.2 %", "16 %"."""
    if share < RARE:
        return f"under {number(100 * RARE, 1)}{PER_CENT}"
    return f"{number(100 * share, 1)}{PER_CENT}" if share < 0.1 else percent(share)


def plot_scenarios(told: Mapping[str, Any], width: float = WIDE) -> Figure:
    """By how much each scenario would move the headline, a dot with its 5–95 % range, those that combine others in another colour.

    Parameters
    ----------
    told : mapping
        scenarios.json.
    width : float
        Inches.
    """
    ranked, weeks = by_change(told), told["headline_weeks"]
    labels = [fill(one["title"], int(LETTERS * width * 0.7)) for one in ranked]
    with chart_style():
        height = 0.7 + 0.14 * len(labels) + 0.15 * sum(1 + label.count("\n") for label in labels)
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(0, color=FAINT, linewidth=0.9)
        for place, one in enumerate(ranked):
            row, colour = at(one, weeks), SECOND if one["includes"] else MAIN
            axes.hlines(place, row["lower"], row["upper"], color=colour, linewidth=5, alpha=0.3)
            axes.plot([row["change"]], [place], "o", color=colour, markersize=6)
            axes.annotate(
                signed_points(row["change"], 0),
                (row["change"], place),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                color=INK,
                fontsize=8,
            )
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.5, -0.7)
        axes.xaxis.set_major_formatter(lambda value, _: signed_points(value, 0))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"change of the chance within {weeks} weeks, points")
    return figure


def _cell(row: Mapping[str, Any]) -> dict[str, str]:
    return {"scenario": percent(row["scenario"]), "change": signed_points(row["change"], 0), "range": _range(row)}


def _range(row: Mapping[str, Any]) -> str:
    return f"{signed_points(row['lower'], 0)} to {signed_points(row['upper'], 0)}"


def _from_to(row: Mapping[str, Any]) -> str:
    return (
        f"from {percent(row['forecast'])} to {percent(row['scenario'])} within {count(row['weeks'], 'week')} "
        f"({signed_points(row['change'], 0)} points, 5–95{PER_CENT}: {_range(row)})"
    )


def _in_words(scenario: Mapping[str, Any], weeks: int) -> str:
    return f"{sentence(scenario['title'])}: {_from_to(at(scenario, weeks))}."


def _found(told: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(one for one in told["scenarios"] if one["id"] == wanted)
    return found


def _title(told: Mapping[str, Any], wanted: str) -> str:
    return str(_found(told, wanted)["title"])
