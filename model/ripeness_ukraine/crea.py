"""Russia's fossil fuel export revenue, as quoted from the Centre for Research on Energy and Clean Air (CREA)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.errors import ContentError, Fault
from ripeness.intake.reading import Days, Judgements, Source, parse_day, read_table

_SERIES = "CREA Russian fossil export revenue"


class Crea(Judgements):
    """How soon a month is known, and the words in `source` that mark a page of the publisher's own."""

    lag_days: Days
    own_pages: tuple[str, ...]


def import_crea(points: Path, judged: Crea) -> dict[str, pd.DataFrame]:
    """Revenue in millions of euros a day in a few quoted months; other series of the file are passed over, and so are months without a figure.

    Known `lag_days` after the month (reconstructed). Grade B where the publisher's own page is quoted, else C.

    Parameters
    ----------
    points : Path
        `period,series,value,unit,source`.
    judged : Crea

    Raises
    ------
    ContentError
        If the file is not such a table, or a quoted period is no month.
    """
    table = read_table(points, words=["period", "series", "unit", "source"], amounts=["value"])
    table = table[(table["series"] == _SERIES) & table["value"].notna()]
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
            "published_on": observed + pd.Timedelta(days=judged.lag_days),
            "source": "CREA (" + table["source"] + "), vintage reconstructed",
            "grade": ["B" if any(page in source for page in judged.own_pages) else "C" for source in table["source"]],
        }
    )
    return {"fossil_revenue": frame.reset_index(drop=True)}


SOURCE = Source(
    "CREA: Russian fossil export revenue",
    ("polls/sparse_economy_points.csv",),
    import_crea,
    tables=("fossil_revenue",),
    terms="no licence stated; figures only, credited",
    judgements=Crea,
)
