"""The ladder of outcomes on the page and in the brief: every rung beside the round, over its own horizons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ripeness import names
from ripeness.report.sentences import interval, percent

Json = Mapping[str, Any]
ROUND = "Round of talks"


def ladder_section(summary: Json, row: Json) -> dict[str, Any] | None:
    """What the page shows of the ladder, the likeliest outcome first; None where the round alone is asked for.

    Parameters
    ----------
    summary : mapping
        forecast.json.
    row : mapping
        The forecast that the page begins with.

    Returns
    -------
    dict
        horizons: weeks of the columns; rows: label, head (whether it is the question), a probability for each horizon or a dash; chance, range and base_rate
        over `weeks`, the headline's horizon or else the outcome's longest, and all of these in per cent (at); outcomes: the rungs with what counts.
    """
    if not summary.get("rungs"):
        return None
    rungs = [{"id": row["question"], "label": ROUND}, *summary["rungs"]]
    of = {
        rung["id"]: {r["horizon_weeks"]: r for r in summary["forecasts"] if (r["question"], r["source"]) == (rung["id"], names.MIXTURE)}
        for rung in rungs
    }
    horizons = sorted({weeks for found in of.values() for weeks in found})
    rows = []
    for rung in rungs:
        found = of[rung["id"]]
        shown = found.get(row["horizon_weeks"], found[max(found)])
        rows.append(
            {
                "label": rung["label"],
                "head": rung["id"] == row["question"],
                "cells": [percent(found[weeks]["probability"], found[weeks]["mc_error"]) if weeks in found else "–" for weeks in horizons],
                "range": interval(shown["lower"], shown["upper"], shown["mc_error"]),
                "base_rate": percent(shown["outside_view"], shown["mc_error"]),
                "chance": percent(shown["probability"], shown["mc_error"]),
                "at": [round(100 * shown[name], 1) for name in ("probability", "lower", "upper", "outside_view")],
                "weeks": shown["horizon_weeks"],
                "order": shown["probability"],
            }
        )
    return {"horizons": horizons, "rows": sorted(rows, key=lambda one: -float(one["order"])), "outcomes": summary["rungs"]}


def ladder_table(summary: Json, row: Json) -> str:
    """The ladder as a table in Markdown; empty where the round alone is asked for."""
    section = ladder_section(summary, row)
    if section is None:
        return ""
    head = ["Outcome", *(f"{weeks} weeks" if weeks > 1 else "1 week" for weeks in section["horizons"])]
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * len(section['horizons'])}"]
    lines += [f"| {one['label']} | {' | '.join(one['cells'])} |" for one in section["rows"]]
    return "\n".join(lines)
