"""Russian losses as claimed by the General Staff of Ukraine (a mirror's cumulative totals, MIT licence)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field

from ripeness.intake.reading import Days, Judgements, Source, daily, read_records, rows

_SOURCE = "General Staff of Ukraine"


class GeneralStaff(Judgements):
    """How soon a day's claim is known, and after how many days a total that stands still was not reported at all."""

    lag_days: Days
    stale_days: Days = Field(ge=1)


def import_general_staff(personnel: Path, equipment: Path, corrections: Path, judged: GeneralStaff) -> dict[str, pd.DataFrame]:
    """Weekly claimed losses of personnel and artillery.

    The value is the cumulative total on a week's Sunday less that on the Sunday before, by the publisher's dates (Kyiv, morning reports).
    The correction file names the days on which the total was corrected, and by how much: that part of the step is no loss of the week and
    is taken out. Left out are weeks that begin or end on a Sunday without a total or whose total had stood still for `stale_days`
    (no report, March 2022), weeks in which the total falls although no correction is named, and weeks with a correction of no amount. Grade B:
    one belligerent's claims.

    Parameters
    ----------
    personnel, equipment, corrections : Path
        JSON arrays with `date` and the cumulative `personnel`, the cumulative `field artillery`, and both as corrections of the day.
    judged : GeneralStaff

    Raises
    ------
    ContentError
        If a file is not such an array.
    """
    corrected = read_records(corrections, days=["date"], numbers=["personnel", "field artillery"])
    out = {}
    for name, path, column in (("personnel_losses", personnel, "personnel"), ("artillery_losses", equipment, "field artillery")):
        totals = daily(read_records(path, days=["date"], counts=[column]), path, "date", column).dropna()
        steps = daily(corrected, corrections, "date", column)
        weekly = weekly_losses(totals, steps, judged.stale_days if column == "personnel" else None)
        out[name] = rows(weekly, lag_days=judged.lag_days, source=_SOURCE, grade="B", decimals=0)
    return out


def weekly_losses(totals: pd.Series[float], corrections: pd.Series[float], stale_days: int | None) -> pd.Series[float]:
    """Losses by week from cumulative totals.

    Parameters
    ----------
    totals : Series
        Cumulative total by day.
    corrections : Series
        Corrections of the total by day, signed; NaN: of an amount that is not given.
    stale_days : int or None
        After how many days a total that stood still means that nothing was reported (so for thousands a week); None: never (single pieces).
    """
    calendar = totals.reindex(pd.date_range(totals.index.min(), totals.index.max()))
    unknown = corrections.isna().reindex(calendar.index, fill_value=False)
    clean = calendar - corrections.reindex(calendar.index).fillna(0.0).cumsum()
    if stale_days is not None:
        still = (calendar.diff() == 0).rolling(stale_days).sum() == stale_days
        clean = clean.mask(still)
    broken = ((clean.ffill().diff() < 0) | unknown).resample("W-SUN").sum() > 0
    sundays = pd.date_range(clean.index.min(), clean.index.max(), freq="W-SUN")
    weekly: pd.Series[float] = clean.reindex(sundays).diff()
    return weekly[~broken.reindex(sundays)].dropna()


SOURCE = Source(
    "General Staff of Ukraine: claimed Russian losses",
    (
        "petroivaniuk/russia_losses_personnel.json",
        "petroivaniuk/russia_losses_equipment.json",
        "petroivaniuk/russia_losses_equipment_correction.json",
    ),
    import_general_staff,
    tables=("personnel_losses", "artillery_losses"),
    terms="MIT",
    judgements=GeneralStaff,
)
