"""The clock: weeks, partial weeks, horizons."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripeness.calendar import horizon_span, last_sunday, share_inside, target_date, to_datetime64, week_grid, week_of, weeks_between

DAYS = st.dates(date(2000, 1, 1), date(2040, 12, 31))
WEDNESDAY, SUNDAY = date(2025, 6, 18), date(2025, 6, 22)


@given(DAYS)
def test_a_week_is_named_by_the_sunday_that_ends_it(day: date) -> None:
    sunday = week_of(day)
    assert sunday.isoweekday() == 7
    assert 0 <= (sunday - day).days <= 6


@given(DAYS)
def test_the_last_sunday_is_the_newest_not_after_the_day(day: date) -> None:
    sunday = last_sunday(day)
    assert sunday.isoweekday() == 7
    assert 0 <= (day - sunday).days <= 6
    assert (sunday == day) == (day.isoweekday() == 7)


@given(DAYS, st.integers(0, 900))
def test_a_grid_holds_every_week_once(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    grid = week_grid(first, last)
    assert grid[0] == week_of(first)
    assert grid[-1] == week_of(last)
    assert {(later - earlier).days for earlier, later in itertools.pairwise(grid)} <= {7}
    assert weeks_between(first, last) == len(grid) - 1


def test_a_grid_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        week_grid(SUNDAY, WEDNESDAY)


@given(DAYS, st.integers(1, 60))
def test_the_shares_of_a_horizon_add_up_to_its_weeks(origin: date, weeks: int) -> None:
    span = horizon_span(origin, weeks)
    assert span.shares.sum() == pytest.approx(weeks, abs=1e-12)
    assert np.all((span.shares > 0) & (span.shares <= 1))
    assert np.all(span.shares[1:-1] == 1)
    assert len(span.weeks) == len(span.shares) == (weeks if origin.isoweekday() == 7 else weeks + 1)
    assert span.weeks[0] == week_of(origin + timedelta(days=1))
    assert span.weeks[-1] == week_of(target_date(origin, weeks))


def test_a_wednesdays_horizon_has_a_part_of_its_own_week() -> None:
    span = horizon_span(WEDNESDAY, 2)
    assert span.weeks == [SUNDAY, SUNDAY + timedelta(days=7), SUNDAY + timedelta(days=14)]
    assert span.shares == pytest.approx([4 / 7, 1, 3 / 7])


def test_a_sundays_horizon_begins_on_the_monday() -> None:
    span = horizon_span(SUNDAY, 2)
    assert span.weeks[0] == SUNDAY + timedelta(days=7)
    assert span.shares.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("first", "last", "share"),
    [
        (SUNDAY - timedelta(days=6), SUNDAY, 1.0),
        (WEDNESDAY, SUNDAY, 5 / 7),
        (date(2020, 1, 1), WEDNESDAY, 3 / 7),
        (WEDNESDAY, WEDNESDAY, 1 / 7),
        (SUNDAY + timedelta(days=1), SUNDAY + timedelta(days=90), 0.0),
    ],
)
def test_share_of_a_week(first: date, last: date, share: float) -> None:
    assert share_inside(SUNDAY, first, last) == pytest.approx(share)


def test_dates_become_nanosecond_timestamps() -> None:
    stamps = to_datetime64([WEDNESDAY, SUNDAY])
    assert stamps.dtype == np.dtype("datetime64[ns]")
    assert stamps[1] - stamps[0] == np.timedelta64(4, "D")
