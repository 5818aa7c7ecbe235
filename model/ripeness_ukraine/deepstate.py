"""Russian-held area by DeepStateMap."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.intake.reading import Days, Judgements, Source, daily, read_table, rows


class DeepState(Judgements):
    """How soon the map of a day is known."""

    lag_days: Days


def import_deepstate(area: Path, judged: DeepState) -> dict[str, pd.DataFrame]:
    """Weekly change of the area held by Russia, in square kilometres a week.

    The value is the area on a week's Sunday less that on the Sunday before (the map's dates, Kyiv). Where a Sunday is missing, the
    Saturday before it stands in, else the Monday after, and the change is put on seven days; where these are missing too, so are both
    weeks. The area includes Crimea and what was held before 2022, which cancels in the difference.

    Parameters
    ----------
    area : Path
        `date,occupied_km2,…`, daily with gaps.
    judged : DeepState

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    series = daily(read_table(area, days=["date"], amounts=["occupied_km2"]), area, "date", "occupied_km2").dropna()
    return {"area_change_deepstate": rows(weekly_change(series), lag_days=judged.lag_days, source="DeepStateMap", grade="B", decimals=1)}


def weekly_change(series: pd.Series[float]) -> pd.Series[float]:
    """Change between Sundays put on seven days; a missing Sunday is read from the day before it or else the day after."""
    if series.empty:
        return series
    first, last = series.index.min(), series.index.max()
    sundays = pd.date_range(first - pd.Timedelta(days=1), last, freq="W-SUN")
    read: dict[pd.Timestamp, pd.Timestamp] = {}
    for sunday in sundays:
        for offset in (0, -1, 1):
            day = sunday + pd.Timedelta(days=offset)
            if day in series.index:
                read[sunday] = day
                break
    change = {}
    for sunday, day in read.items():
        before = read.get(sunday - pd.Timedelta(days=7))
        if before is not None:
            change[sunday] = (series[day] - series[before]) * 7 / (day - before).days
    return pd.Series(list(change.values()), index=pd.DatetimeIndex(list(change)), dtype=float)


SOURCE = Source(
    "DeepStateMap: area held by Russia",
    ("deepstate_cyterat/deepstate_occupied_area_daily.csv",),
    import_deepstate,
    tables=("area_change_deepstate",),
    terms="no licence stated; figures only, credited",
    judgements=DeepState,
)
