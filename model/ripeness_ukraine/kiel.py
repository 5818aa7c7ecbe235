"""Aid allocated to Ukraine, from the Kiel Institute's Ukraine Support Tracker."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field

from ripeness.intake.reading import Day, Days, Judgements, Source, daily, read_table, rows

_SOURCE = "Kiel Institute, values as later revised, vintage reconstructed"


class Kiel(Judgements):
    """From when on the sums are taken, and how long after a month its release appears."""

    first: Day = Field(alias="from")
    lag_days: Days


def import_kiel(groups: Path, judged: Kiel) -> dict[str, pd.DataFrame]:
    """Trailing three-month sums of allocations, in billions of euros: Europe, the United States.

    The value is the sum of a calendar month and the two before it; a month missing among the three leaves the sum out.
    Europe is the EU's institutions and members. The tracker appears every two months or so and
    revises all months: the values are those of the latest release (grade B), known `lag_days` after the month.

    Parameters
    ----------
    groups : Path
        `month,us_total,eu_inst_total,eu_members_total,…`.
    judged : Kiel

    Raises
    ------
    ContentError
        If a file is not such a table.
    """
    by_group = read_table(groups, months=["month"], amounts=["us_total", "eu_inst_total", "eu_members_total"])
    by_group["europe"] = by_group["eu_inst_total"] + by_group["eu_members_total"]
    sums = {
        "aid_europe": _trailing(daily(by_group, groups, "month", "europe")),
        "aid_us": _trailing(daily(by_group, groups, "month", "us_total")),
    }
    first = pd.Timestamp(judged.first)
    return {name: rows(values[first:], lag_days=judged.lag_days, source=_SOURCE, grade="B", decimals=3) for name, values in sums.items()}


def _trailing(months: pd.Series[float]) -> pd.Series[float]:
    calendar = months.reindex(pd.date_range(months.index.min(), months.index.max(), freq="ME"))
    return calendar.rolling(3, min_periods=3).sum().dropna()


SOURCE = Source(
    "Kiel Institute: aid allocated to Ukraine",
    ("kiel_ukraine_support_tracker/allocations_by_group_monthly.csv",),
    import_kiel,
    tables=("aid_europe", "aid_us"),
    terms="no licence stated; figures only, credited",
    judgements=Kiel,
)
