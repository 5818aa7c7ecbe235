"""Russian-held area by Liveuamap, to January 2025."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field

from ripeness.intake.reading import Day, Days, Judgements, Source, daily, read_table, rows
from ripeness_ukraine.deepstate import weekly_change


class Liveuamap(Judgements):
    """The Sunday from which on changes are taken, and how soon the map of a day is known."""

    first: Day = Field(alias="from")
    lag_days: Days


def import_liveuamap(area: Path, judged: Liveuamap) -> dict[str, pd.DataFrame]:
    """Weekly change of the area held by Russia, in square kilometres a week.

    The value is the area on a week's Sunday less that on the Sunday before, for weeks that begin after the Sunday `from`. The map is drawn stepwise: where the area stands still for a week nobody drew, and the next step holds two weeks'
    change, so that both are graded C, the others B.

    Parameters
    ----------
    area : Path
        `date,area`, daily.
    judged : Liveuamap

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    series = daily(read_table(area, days=["date"], amounts=["area"]), area, "date", "area").dropna()
    change = weekly_change(series[series.index >= pd.Timestamp(judged.first)])
    still = change.round(1) == 0
    after = still.shift(fill_value=False)
    grade = pd.Series(["C" if flag else "B" for flag in still | after], index=change.index)
    return {"area_change_liveuamap": rows(change, lag_days=judged.lag_days, source="Liveuamap", grade=grade, decimals=1)}


SOURCE = Source(
    "Liveuamap: area held by Russia, to January 2025",
    ("liveuamap_territory/territory.csv",),
    import_liveuamap,
    tables=("area_change_liveuamap",),
    terms="no licence stated; figures only, credited",
    judgements=Liveuamap,
)
