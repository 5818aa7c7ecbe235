"""Aid allocated to Ukraine, from the Kiel Institute's Ukraine Support Tracker."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field

from ripeness.errors import ContentError, Fault
from ripeness.intake.reading import Day, Days, Judgements, Source, daily, read_table, rows

_SOURCE = "Kiel Institute, values as later revised, vintage reconstructed"


class Kiel(Judgements):
    """From when on and to when the sums are taken, and how long after a month its release appears."""

    first: Day = Field(alias="from")
    us_to: Day
    lag_days: Days


def import_kiel(total: Path, groups: Path, judged: Kiel) -> dict[str, pd.DataFrame]:
    """Trailing three-month sums of allocations, in billions of euros: all donors, Europe, the United States.

    The value is the sum of a calendar month and the two before it; a month missing among the three leaves the sum out.
    Europe is the EU's institutions and members. The United States end on `us_to`. The tracker appears every two months or so and
    revises all months: the values are those of the latest release (grade B), known `lag_days` after the month.

    Parameters
    ----------
    total : Path
        `year,month,total_allocations,…`.
    groups : Path
        `month,us_total,eu_inst_total,eu_members_total,…`.
    judged : Kiel

    Raises
    ------
    ContentError
        If a file is not such a table.
    """
    all_donors = read_table(total, numbers=["year", "month", "total_allocations"])
    wrong = all_donors[~all_donors["month"].isin(range(1, 13)) | ~all_donors["year"].between(2014, 2100)]
    if len(wrong):
        found = [
            Fault(Path(total.name), int(str(line)), "no such month", "a year and a month of 1 to 12", "correct the row")
            for line in wrong.index
        ]
        raise ContentError(found)
    all_donors["end"] = [
        pd.Timestamp(int(y), int(m), 1) + pd.offsets.MonthEnd(0) for y, m in zip(all_donors["year"], all_donors["month"], strict=True)
    ]
    by_group = read_table(groups, months=["month"], numbers=["us_total", "eu_inst_total", "eu_members_total"])
    by_group["europe"] = by_group["eu_inst_total"] + by_group["eu_members_total"]
    sums = {
        "aid_total": _trailing(daily(all_donors, total, "end", "total_allocations")),
        "aid_europe": _trailing(daily(by_group, groups, "month", "europe")),
        "aid_us": _trailing(daily(by_group, groups, "month", "us_total"))[: pd.Timestamp(judged.us_to)],
    }
    first = pd.Timestamp(judged.first)
    return {name: rows(values[first:], lag_days=judged.lag_days, source=_SOURCE, grade="B", decimals=3) for name, values in sums.items()}


def _trailing(months: pd.Series[float]) -> pd.Series[float]:
    calendar = months.reindex(pd.date_range(months.index.min(), months.index.max(), freq="ME"))
    return calendar.rolling(3, min_periods=3).sum().dropna()


SOURCE = Source(
    "Kiel Institute: aid allocated to Ukraine",
    ("kiel_ukraine_support_tracker/total_allocations.csv", "kiel_ukraine_support_tracker/allocations_by_group_monthly.csv"),
    import_kiel,
    tables=("aid_total", "aid_europe", "aid_us"),
    terms="no licence stated; figures only, credited",
    judgements=Kiel,
)
