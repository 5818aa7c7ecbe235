"""Drones and missiles launched at Ukraine, from posts of the Ukrainian Air Force (counted by a public data set, CC BY-NC-SA 4.0)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field

from ripeness.intake.reading import Day, Days, Judgements, Source, daily, read_table, rows, weekly_sum

_MISSILES = ["cruise_launched", "ballistic_launched", "mixed_missile_launched", "unknown_missile_launched"]
_CREDIT = "counted by piterfm, CC BY-NC-SA 4.0"


class AirForce(Judgements):
    """Since when the posts count thoroughly, on which days since they report no attack, how soon they are counted, and what share of a month's drones the weekly rows would count."""

    lag_days: Days
    thorough_from: Day
    quiet: tuple[Day, ...] = ()
    attack_share: float = Field(gt=0, le=1)


def import_air_force(launches: Path, months: Path, judged: AirForce) -> dict[str, pd.DataFrame]:
    """Weekly launches of attack drones and of missiles; for whole months after the last day counted, the month's mean by week.

    The value is the sum over a week, Monday to Sunday, by the day on which an attack ended (Kyiv). In weeks that end before `thorough_from` a
    day without a row is a day without a reported attack; later only the days judged `quiet` are, and a week that lacks another day, or a figure of
    a day, is missing. Incomplete first and last weeks are left out. Drones are those of the Shahed type with their decoys; missiles are
    cruise, ballistic, mixed and unknown ones. "Unknown UAV" rows are left out, because in 2026 they may count the same drones twice, and
    so are reconnaissance drones. Weeks that end before `thorough_from` are undercounted: grade C, later ones B.

    Counts by month go by the start of an attack, and their drones include unknown and reconnaissance ones: `attack_share` of them is
    taken, grade C. A month that ends on a Sunday is left out, as its row would be read as a week's, and so is a month marked partial.

    Parameters
    ----------
    launches : Path
        `date,shahed_launched,cruise_launched,…`, by end of attack.
    months : Path
        `month,drones,missiles,partial`, by start of attack.
    judged : AirForce

    Raises
    ------
    ContentError
        If a file is not such a table.
    """
    thorough_from = pd.Timestamp(judged.thorough_from)
    table = read_table(launches, days=["date"], counts=["shahed_launched", *_MISSILES])
    table["missiles"] = table[_MISSILES].sum(axis=1, skipna=False)
    later = read_table(months, months=["month"], counts=["drones", "missiles"], words=["partial"], comments=True)
    ends = later["month"].dt
    later = later[(ends.to_period("M").dt.start_time > table["date"].max()) & (ends.day_of_week != 6) & (later["partial"] == "False")]
    weeks_of = later["month"].dt.day / 7
    out = {}
    for name, column, monthly, share in (
        ("drones_launched", "shahed_launched", "drones", judged.attack_share),
        ("missiles_launched", "missiles", "missiles", 1.0),
    ):
        values = weekly_sum(_with_quiet_days(daily(table, launches, "date", column), judged))
        grade = pd.Series(["B" if sunday >= thorough_from else "C" for sunday in values.index], index=values.index)
        weekly = rows(values, lag_days=judged.lag_days, source=f"Ukrainian Air Force, {_CREDIT}", grade=grade, decimals=0)
        means = daily(later.assign(mean=share * later[monthly] / weeks_of), months, "month", "mean")
        source = f"Ukrainian Air Force, a month's mean by week (elmorrrrro), {_CREDIT}"
        by_month = rows(means, lag_days=judged.lag_days, source=source, grade="B" if share == 1.0 else "C", decimals=1)
        out[name] = pd.concat([weekly, by_month.dropna(subset="value")], ignore_index=True)
    return out


def _with_quiet_days(series: pd.Series[float], judged: AirForce) -> pd.Series[float]:
    undercounted = pd.Timestamp(judged.thorough_from) - pd.Timedelta(days=7)  # the last day of it
    absent = pd.date_range(series.index.min(), series.index.max()).difference(pd.DatetimeIndex(series.index))
    quiet = absent[(absent <= undercounted) | absent.isin([pd.Timestamp(day) for day in judged.quiet])]
    return pd.concat([series, pd.Series(0.0, index=quiet)]).sort_index()


SOURCE = Source(
    "Ukrainian Air Force: drones and missiles launched",
    ("piterfm_missile_attacks/aggregated_daily.csv", "piterfm_missile_attacks/launches_by_month.csv"),
    import_air_force,
    tables=("drones_launched", "missiles_launched"),
    terms="CC BY-NC-SA 4.0, as the public data set of the counts; credited beside the figures",
    judgements=AirForce,
)
