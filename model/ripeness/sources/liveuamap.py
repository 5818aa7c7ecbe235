"""Russian-held area by Liveuamap, to January 2025."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.sources.deepstate import weekly_change
from ripeness.sources.series import daily, rows
from ripeness.sources.tables import read_table

# The seven weeks to this Sunday are the invasion itself and the retreat from the north: moves of tens of thousands of square kilometres
# that no weekly rhythm of the front explains. The first change is that of the week after.
_FIRST_SUNDAY = pd.Timestamp("2022-04-10")


def import_liveuamap(area: Path) -> dict[str, pd.DataFrame]:
    """Weekly change of the area held by Russia, in square kilometres a week.

    The value is the area on a week's Sunday less that on the Sunday before, for weeks that begin after 10 April 2022 (the invasion itself
    is left out). The map is drawn stepwise: where the area stands still for a week nobody drew, and the next step holds two weeks'
    change, so that both are graded C, the others B.

    Parameters
    ----------
    area : Path
        `date,area`, daily.

    Raises
    ------
    ContentError
        If the file is not such a table.
    """
    series = daily(read_table(area, days=["date"], numbers=["area"]), area, "date", "area").dropna()
    change = weekly_change(series[series.index >= _FIRST_SUNDAY])
    still = change.round(1) == 0
    after = still.shift(fill_value=False)
    grade = pd.Series(["C" if flag else "B" for flag in still | after], index=change.index)
    return {"area_change_liveuamap": rows(change, lag_days=1, source="Liveuamap", grade=grade, decimals=1)}
