"""What to watch: the stored list of next releases in words and as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ripeness.report.sentences import (
    count,
    day,
    number,
    observed_value,
    parse_day,
    percent,
    points,
    quoted,
    sentence,
    signed_points,
    tenths,
)

SHOWN = 8  # releases above the fold
SOON = timedelta(days=7)
LEAST = 0.05  # points that are worth a number


def watch_section(watch: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of the watch list, the most moving release first.

    Parameters
    ----------
    watch : mapping
        watch.json.

    Returns
    -------
    dict
        said, wires, crossed: sentences; far: points of a tripwire; first, rest: rows of the table, as many as `SHOWN` and the others.
    """
    rows = [
        {
            "title": one["title"],
            "indicator": one["indicator"],
            "period_end": one["period_end"],
            "expected": one["expected"],
            "scheduled": _is_scheduled(one),
            "move": moved(one["expected_points"]),
            "range": f"{_end(one['lower'])} to {_end(one['upper'])}",
            "median": observed_value(one["median"], one["unit"]),
            "at_lower": signed_points(one["at_lower"]),
            "at_upper": signed_points(one["at_upper"]),
            "bits": number(one["bits"], 1),
            "tripwires": [_wire(wire, one["unit"]) for wire in one["tripwires"]],
        }
        for one in watch["releases"]
    ]
    far = points(watch["tripwire_points"], 0)
    return {
        "said": watch_said(watch),
        "wires": wires_said(watch),
        "crossed": crossed_said(watch),
        "far": far,
        "first": rows[:SHOWN],
        "rest": rows[SHOWN:],
    }


def next_said(watch: Mapping[str, Any]) -> str:
    """The release with a fixed day that is expected to move the chance most, in one sentence; empty without one."""
    first = next(filter(_is_scheduled, watch["releases"]), None)
    if first is None:
        return ""
    return (
        f"Of what is published next on a fixed day, {quoted(first['title'])}, expected on {day(first['expected'])}, may move it most: by {moved(first['expected_points'])} "
        "points on average, whichever way."
    )


def watch_said(watch: Mapping[str, Any]) -> list[str]:
    """What is expected when, what it may do, and what waiting does by itself."""
    releases = [one for one in watch["releases"] if _is_scheduled(one)]
    others = len(watch["releases"]) - len(releases)
    loose = [f"{sentence(count(others, 'series', 'series'))} without a fixed day may bring a value in that time."] if others else []
    if not releases:
        return [f"No release is expected before {day(watch['target_end_date'])}.", *loose]
    soon = parse_day(watch["origin"]) + SOON
    number_soon = sum(parse_day(one["expected"]) <= soon for one in releases)
    first = releases[0]
    return [
        f"{sentence(count(len(releases), 'release'))} {'is' if len(releases) == 1 else 'are'} expected before {day(watch['target_end_date'])}, "
        f"{number_soon if number_soon else 'none'} of them by {day(soon)}.",
        *loose,
        next_said(watch),
        f"Waiting moves it too: should no round be found by then, the chance that one comes by {day(watch['target_end_date'])} goes from "
        f"{tenths(watch['probability'])} to {tenths(first['probability_if_silent'])}; what a release does is counted from there.",
    ]


def wires_said(watch: Mapping[str, Any]) -> list[str]:
    """From which values of a release on the chance would jump."""
    far = points(watch["tripwire_points"], 0)
    said = [
        f"{quoted(one['title'])} {_wire(wire, one['unit'])} would {'raise' if wire['direction'] == 'up' else 'lower'} it by {far} or more."
        for one in watch["releases"]
        for wire in one["tripwires"]
    ]
    return said or [f"No value that is to be expected of any release would move it by {far}."]


def crossed_said(watch: Mapping[str, Any]) -> list[str]:
    """What new rows have crossed of the list before; empty if there was none."""
    if watch["since"] is None:
        return []
    if not watch["crossed"]:
        return [f"No tripwire of the list of {day(watch['since'])} has been crossed."]
    return [f"Crossed since {day(watch['since'])}: {one}." for one in watch["crossed"]]


def moved(expected: float) -> str:
    """An expected move in points, without the word: "0.5", "under 0.1"."""
    return f"{expected:.1f}" if expected >= LEAST else "under 0.1"


def _is_scheduled(release: Mapping[str, Any]) -> bool:
    """Whether a release has a fixed day; lists of before this was stored do not tell, and gave each a day."""
    return bool(release.get("scheduled", True))


def _wire(wire: Mapping[str, Any], unit: str) -> str:
    """A tripwire in words: "at 15.4 % or below (chance under 1 %)"."""
    return f"at {observed_value(wire['value'], unit)} or {wire['beyond']} (chance {percent(wire['chance'])})"


def _end(value: float) -> str:
    """An end of a range of values: a whole one without decimals."""
    return f"{value:,.0f}".replace("-", "−") if float(value).is_integer() else observed_value(value, "")
