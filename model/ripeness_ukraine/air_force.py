"""Drones and missiles launched at Ukraine, from posts of the Ukrainian Air Force (counted by a public data set)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.intake.reading import Day, Days, Judgements, Source, daily, read_table, rows, weekly_sum

_MISSILES = ["cruise_launched", "ballistic_launched", "mixed_missile_launched", "unknown_missile_launched"]


class AirForce(Judgements):
    """Since when the posts count thoroughly, and how soon they are counted."""

    lag_days: Days
    thorough_from: Day


def import_air_force(launches: Path, judged: AirForce) -> dict[str, pd.DataFrame]:
    """Weekly launches of attack drones and of missiles.

    The value is the sum over a week, Monday to Sunday, by the day on which an attack ended (Kyiv); a day without a row is a day without a
    reported attack. Incomplete first and last weeks are left out. Drones are those of the Shahed type with their decoys; missiles are
    cruise, ballistic, mixed and unknown ones. "Unknown UAV" rows are left out, because in 2026 they may count the same drones twice, and
    so are reconnaissance drones. Weeks that end before `thorough_from` are undercounted: grade C, later ones B.

    Parameters
    ----------
    launches : Path
        `date,shahed_launched,cruise_launched,…`, by end of attack.
    judged : AirForce

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    thorough_from = pd.Timestamp(judged.thorough_from)
    table = read_table(launches, days=["date"], numbers=["shahed_launched", *_MISSILES])
    table["missiles"] = table[_MISSILES].fillna(0.0).sum(axis=1)
    out = {}
    for name, column in (("drones_launched", "shahed_launched"), ("missiles_launched", "missiles")):
        values = weekly_sum(daily(table, launches, "date", column))
        grade = pd.Series(["B" if sunday >= thorough_from else "C" for sunday in values.index], index=values.index)
        out[name] = rows(values, lag_days=judged.lag_days, source="Ukrainian Air Force", grade=grade, decimals=0)
    return out


SOURCE = Source(
    "Ukrainian Air Force: drones and missiles launched",
    ("piterfm_missile_attacks/aggregated_daily.csv",),
    import_air_force,
    tables=("drones_launched", "missiles_launched"),
    terms="figures only, credited; the counts are those of a public data set under CC BY-NC-SA 4.0",
    judgements=AirForce,
)
