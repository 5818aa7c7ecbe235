"""Drones and missiles launched at Ukraine, from posts of the Ukrainian Air Force (counted by a public data set)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.sources.series import daily, rows, weekly_sum
from ripeness.sources.tables import read_table

_MISSILES = ["cruise_launched", "ballistic_launched", "mixed_missile_launched", "unknown_missile_launched"]
_THOROUGH_FROM = pd.Timestamp("2024-09-01")


def import_air_force(launches: Path) -> dict[str, pd.DataFrame]:
    """Weekly launches of attack drones and of missiles.

    The value is the sum over a week, Monday to Sunday, by the day on which an attack ended (Kyiv); a day without a row is a day without a
    reported attack. Incomplete first and last weeks are left out. Drones are those of the Shahed type with their decoys; missiles are
    cruise, ballistic, mixed and unknown ones. "Unknown UAV" rows are left out, because in 2026 they may count the same drones twice, and
    so are reconnaissance drones. Before September 2024 the posts undercount: grade C, after it B.

    Parameters
    ----------
    launches : Path
        `date,shahed_launched,cruise_launched,…`, by end of attack.

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    table = read_table(launches, days=["date"], numbers=["shahed_launched", *_MISSILES])
    table["missiles"] = table[_MISSILES].fillna(0.0).sum(axis=1)
    out = {}
    for name, column in (("drones_launched", "shahed_launched"), ("missiles_launched", "missiles")):
        values = weekly_sum(daily(table, launches, "date", column))
        grade = pd.Series(["B" if sunday >= _THOROUGH_FROM else "C" for sunday in values.index], index=values.index)
        out[name] = rows(values, lag_days=1, source="Ukrainian Air Force", grade=grade, decimals=0)
    return out
