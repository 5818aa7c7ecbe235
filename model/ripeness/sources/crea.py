"""Russia's fossil fuel export revenue, as quoted from the Centre for Research on Energy and Clean Air (CREA)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.data.tables import parse_day
from ripeness.errors import ContentError, Fault
from ripeness.sources.tables import read_table

_SERIES = "CREA Russian fossil export revenue"
_LAG_DAYS = 15


def import_crea(points: Path) -> dict[str, pd.DataFrame]:
    """Revenue in millions of euros a day in a few quoted months; other series of the file are passed over.

    Known 15 days after the month (reconstructed). Grade B where the publisher's own page is quoted, else C.

    Parameters
    ----------
    points : Path
        `period,series,value,unit,source`.

    Raises
    ------
    ContentError
        If the file is not such a table, or a quoted period is no month.
    """
    table = read_table(points, words=["period", "series", "unit", "source"], numbers=["value"])
    table = table[table["series"] == _SERIES]
    faults = [
        Fault(Path(points.name), int(str(line)), f"period = '{period}'", "a month YYYY-MM", "correct the value")
        for line, period in table["period"].items()
        if parse_day(f"{period}-01") is None
    ]
    if faults or table.empty:
        raise ContentError(faults or Fault(Path(points.name), None, f"no row of '{_SERIES}'", "at least one", "take the file as it is"))
    observed = pd.to_datetime(table["period"], format="%Y-%m") + pd.offsets.MonthEnd(0)
    frame = pd.DataFrame(
        {
            "observed_on": observed,
            "value": table["value"],
            "published_on": observed + pd.Timedelta(days=_LAG_DAYS),
            "source": "CREA (" + table["source"] + "), vintage reconstructed",
            "grade": ["B" if "energyandcleanair" in source else "C" for source in table["source"]],
        }
    )
    return {"fossil_revenue": frame.reset_index(drop=True)}
