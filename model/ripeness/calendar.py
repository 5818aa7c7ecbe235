"""The clock: weeks run Monday to Sunday and are named by the Sunday's date; the origin is an as-of date.

    Mon Tue Wed Thu Fri Sat Sun | Mon Tue Wed ...
     ·   ·   O   ─── forecast ──────────────────→      O = origin, a Wednesday
    [  3/7 seen  ][   4/7 ahead   ][ whole weeks … ]

A week that the record only partly covers counts by its share of days, both where the war begins and at the origin. Nothing here
reads the computer's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

DAYS_IN_WEEK = 7
DAYS_IN_MONTH = 365.2425 / 12
WEEKS_IN_MONTH = DAYS_IN_MONTH / DAYS_IN_WEEK


def week_of(day: date) -> date:
    """The Sunday that names the week of `day`."""
    return day + timedelta(days=6 - day.weekday())


def last_sunday(day: date) -> date:
    """The newest Sunday that is not after `day`."""
    return day - timedelta(days=(day.weekday() + 1) % 7)


def week_grid(first: date, last: date) -> list[date]:
    """The Sundays of all weeks from that of `first` to that of `last`, both included.

    Raises
    ------
    ValueError
        If `last` is before `first`.
    """
    if last < first:
        raise ValueError(f"a grid of weeks cannot end ({last}) before it begins ({first})")
    start, stop = week_of(first), week_of(last)
    return [start + timedelta(days=7 * i) for i in range((stop - start).days // 7 + 1)]


def weeks_between(earlier: date, later: date) -> int:
    """Whole weeks from the week of `earlier` to the week of `later`: the dormancy d if a round fell in the earlier week."""
    return (week_of(later) - week_of(earlier)).days // 7


def to_datetime64(days: list[date]) -> NDArray[np.datetime64]:
    """Dates as a numpy array of nanosecond timestamps, the form in which xarray keeps them."""
    return np.array(days, dtype="datetime64[ns]")


@dataclass(frozen=True)
class Span:
    """The weeks that a horizon touches, and how much of each lies inside it.

    Parameters
    ----------
    weeks : list of date
        Sundays of the weeks from the one that holds origin+1 to the one that holds origin+7h.
    shares : ndarray (week,)
        Share of each week's days inside origin+1 … origin+7h, in (0, 1].
    """

    weeks: list[date]
    shares: NDArray[np.float64]


def horizon_span(origin: date, horizon_weeks: int) -> Span:
    """The weeks and shares of the days origin+1 … origin+7h."""
    first, last = origin + timedelta(days=1), origin + timedelta(days=7 * horizon_weeks)
    weeks = week_grid(first, last)
    shares = np.array([share_inside(sunday, first, last) for sunday in weeks])
    return Span(weeks, shares)


def share_inside(sunday: date, first: date, last: date) -> float:
    """Share of the days of the week ending on `sunday` that lie in first … last (both included)."""
    begin = max(sunday - timedelta(days=6), first)
    end = min(sunday, last)
    return max((end - begin).days + 1, 0) / DAYS_IN_WEEK


def target_date(origin: date, horizon_weeks: int) -> date:
    """The last day of a horizon: origin + 7h days."""
    return origin + timedelta(days=DAYS_IN_WEEK * horizon_weeks)
