"""What is published next of each indicator, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ripeness.calendar import week_of, weeks_between
from ripeness.data.indicators import Contract
from ripeness.data.vintages import PERIOD_DAYS, Vintage
from ripeness.model.spec import ModelSpec
from ripeness.reweighting.window import Key, rows_by_factor

IRREGULAR: Final = "irregular"


@dataclass(frozen=True)
class Release:
    """What is published next of an indicator.

    Parameters
    ----------
    indicator : str
    newest : date
        The day that closes the newest period known.
    period_end : date
        The day that closes the next period; of an irregular series the expected day.
    expected : date
        When it should be published; the day after the origin where it is overdue. An irregular series has no such day: the newest period and the
        lag of its contract, at least a week after the origin, stand in for one.
    scheduled : bool
        Whether the series is regular, so that the day is one.
    week : int
        Calendar week ahead that holds the expected day, from 1, the week of the day after the origin.
    first, last : int
        Weeks of the grid that the value describes; beyond the record's last they lie ahead.
    said : tuple of float
        Widening and sampling error, or log exposure and era, as of the newest row.
    """

    indicator: str
    newest: date
    period_end: date
    expected: date
    scheduled: bool
    week: int
    first: int
    last: int
    said: tuple[float, ...]


def next_releases(spec: ModelSpec, vintage: Vintage, within: int) -> list[Release]:
    """What is published next of each indicator that goes on, within so many weeks; in the order of indicators.toml."""
    newest = {key[0]: (key, said) for rows in rows_by_factor(spec) for key, said in sorted(rows.items(), key=lambda row: row[0][2])}
    found = []
    for i, name in enumerate(spec.panel.indicators):
        contract, frame = spec.contracts[name], vintage.values[name]
        if i not in newest or frame.empty or (contract.ended is not None and contract.ended <= spec.panel.origin):
            continue
        release = _next(spec, name, contract, frame["observed_on"].max().date(), *newest[i])
        if release.week <= within:
            found.append(release)
    return found


def _next(spec: ModelSpec, name: str, contract: Contract, observed: date, key: Key, said: tuple[float, ...]) -> Release:
    origin, weeks = spec.panel.origin, spec.panel.weeks
    if contract.frequency == "monthly":
        after = (observed.replace(day=28) + timedelta(days=4)).replace(day=1)
        end = (after.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        expected = end + timedelta(days=contract.expected_lag_days)
    elif contract.frequency == "weekly":
        end = observed + timedelta(days=PERIOD_DAYS[contract.frequency])
        expected = end + timedelta(days=contract.expected_lag_days)
    else:
        end = expected = max(observed + timedelta(days=contract.expected_lag_days), origin + timedelta(days=7))
    tomorrow = origin + timedelta(days=1)
    expected = max(expected, tomorrow)
    last = (week_of(end) - weeks[0]).days // 7
    length = key[2] - key[1]
    week = weeks_between(tomorrow, expected) + 1
    return Release(name, observed, end, expected, contract.frequency != IRREGULAR, week, last - length, last, said[1:])
