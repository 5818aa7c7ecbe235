"""The what-if panel on the page: sliders in words, the chart that they move, the data and the one script that the page lets run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ripeness.attribution.what_if import read_panel
from ripeness.calendar import target_date
from ripeness.report.charts import plot_what_if
from ripeness.report.drawing import axes_frame, render_svg
from ripeness.report.sentences import count, day, hundredths, number, short, signed, tenths

SCRIPT = Path(__file__).parent / "templates" / "what_if.js"


def what_if_section(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the template shows.

    Parameters
    ----------
    payload : mapping
        From :func:`ripeness.attribution.what_if.build_panel`.

    Returns
    -------
    dict
        horizons, conditions, factors, scenarios and note in words; weeks, how long a factor may be held; figure; data and script, fit to stand in
        the page.
    """
    forecast, origin = read_panel(payload), date.fromisoformat(payload["origin"])
    horizons = [
        {"weeks": weeks, "until": target_date(origin, weeks).isoformat(), "chance": tenths(chance)}
        for weeks, chance in zip(payload["horizons"], forecast.within, strict=True)
    ]
    factors = [
        {
            **factor,
            "texts": [tick_text(factor, tick) for tick in factor["ticks"]],
            "rest_text": rest_text(factor),
            "scale": factor["indicator"] or f"high means: {factor['plus']}",
        }
        for factor in payload["factors"]
    ]
    figure, frame = _figure([float(chance) for chance in forecast.by_week], payload["horizons"], origin)
    futures = sum(fit["draws"] * 2 * fit["pairs"] for fit in payload["fits"])
    return {
        "horizons": horizons,
        "weeks": len(payload["whole"]) - payload["first"],
        "conditions": [condition["label"] for condition in payload["conditions"]],
        "factors": factors,
        "scenarios": [scenario["title"] for scenario in payload["scenarios"]],
        "note": f"Computed here in the page from {futures:,} futures, the same as of “ripeness scenario”; the forecast above is from more.",
        "figure": figure,
        "data": htmlsafe_json_dumps({**payload, "factors": factors, "frame": frame}, separators=(",", ":")),
        "script": Markup(SCRIPT.read_text("utf-8")),  # our own file, not a reader's
    }


def tick_text(factor: Mapping[str, Any], tick: Sequence[float | None]) -> str:
    """Where a slider's tick holds a factor, in words: a value with its unit, or how far from the usual."""
    value, departures = tick
    if value is not None:
        return f"{short(value)} {factor['unit']}"
    return "usual" if not departures else f"{signed(departures, 3)} typical {'departure' if abs(departures) == 1 else 'departures'}"


def rest_text(factor: Mapping[str, Any]) -> str:
    """What a factor does that nobody holds, and where it is now."""
    value, departures = factor["now"]
    return (
        f"as forecast; now about {number(value)} {factor['unit']}"
        if value is not None
        else f"as forecast; now {hundredths(departures)} typical departures"
    )


def _figure(by_week: list[float], horizons: Sequence[int], origin: date) -> tuple[Markup, list[float]]:
    """The chart, and where its axes lie: left, right, bottom and top."""
    text = f"Chance of at least one round by week, {count(len(by_week), 'week')} from {day(origin)}: as forecast in grey, what if in blue."
    figure = plot_what_if(by_week, horizons)
    return render_svg(figure, "panel", text, keep=("what-if",)), axes_frame(figure)
