"""Rows as the model observes them, in arrays: the record of rounds, values and counts of indicators, events of the rungs.

Missing is missing: only what a row says is here, nothing is filled. Weeks are indices into those of the panel (:mod:`ripeness.data.panel`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]
UNSEARCHED = -1
MEASURED, COUNTED = "measured", "counted"
EVENTS, NESTED = "events", "nested"


@dataclass(frozen=True)
class Record:
    """What is known of rounds, week by week.

    Parameters
    ----------
    start : int
        Index of the first week at risk: the one after the week of the first round. What came before says nothing of dormancy.
    found : ndarray (week,)
        1 where a round is on record, else 0.
    share : ndarray (week,)
        Share of the week's days between the war's first day and the origin.
    stretch : ndarray of int (week,)
        Stretch of coverage that the week lies in; `UNSEARCHED` where no visible coverage reaches it.
    sensitivities : tuple of (float, float)
        5 % and 95 % quantiles of P(found | held) of each stretch.
    """

    start: int
    found: Array
    share: Array
    stretch: Index
    sensitivities: tuple[tuple[float, float], ...]

    @property
    def last_round(self) -> int:
        """Index of the week of the newest round on record."""
        return int(np.flatnonzero(self.found)[-1])

    @property
    def dormancy(self) -> Index:
        """Weeks since the week of the last round on record, for each week at risk: (week from start,)."""
        held = np.flatnonzero(self.found)
        weeks = np.arange(self.start, len(self.found))
        return weeks - held[np.searchsorted(held, weeks, side="left") - 1]


@dataclass(frozen=True)
class Rows:
    """What rows of every likelihood have in common; arrays are columns, one element for each row.

    Parameters
    ----------
    indicators : tuple of str
        Ids, in the order of the contracts.
    indicator : ndarray of int (row,)
        Index of the indicator.
    """

    observed_column: ClassVar[str] = "value"
    week_columns: ClassVar[tuple[str, ...]] = ("first", "last")

    indicators: tuple[str, ...]
    indicator: Index

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """Arrays (row,) by name."""
        return {one.name: content for one in fields(self) if isinstance(content := getattr(self, one.name), np.ndarray)}

    @property
    def observed(self) -> Array:
        """What was observed, (row,)."""
        return np.asarray(getattr(self, self.observed_column))

    @property
    def first_week(self) -> Index:
        """First week that each row describes, (row,)."""
        return np.asarray(getattr(self, self.week_columns[0]))

    def with_observed(self, values: Array) -> Self:
        """The same rows with other observations (row,)."""
        return self._with({self.observed_column: values})

    def pick(self, kept: NDArray[np.bool_]) -> Self:
        """Some of the rows; the indicators stay."""
        return self._with({name: column[kept] for name, column in self.columns.items()})

    def later(self, weeks: int) -> Self:
        """The same rows, moved by a number of weeks."""
        return self._with({name: getattr(self, name) + weeks for name in self.week_columns})

    def join(self, further: Self) -> Self:
        """These rows, then further ones of the same indicators."""
        return self._with({name: np.concatenate([column, getattr(further, name)]) for name, column in self.columns.items()})

    def _with(self, columns: Mapping[str, Any]) -> Self:
        return replace(self, **columns)


@dataclass(frozen=True)
class Measured(Rows):
    """Rows with a continuous likelihood, or with one of their own (:attr:`Panel.others`).

    Parameters
    ----------
    first, last : ndarray of int (row,)
        First and last week that the row describes.
    value : ndarray (row,)
        Transformed value in units of the contract's scale, + meaning more of the factor; as it stands in the file where the likelihood is of its
        own.
    widening : ndarray (row,)
        Factor on the noise, for the source's grade and for overlapping periods; ≥ 1.
    sampling : ndarray (row,)
        Standard deviation of a poll's sampling error in units of scale; 0 for anything else.
    """

    first: Index
    last: Index
    value: Array
    widening: Array
    sampling: Array


@dataclass(frozen=True)
class Counted(Rows):
    """Rows that are counts.

    Parameters
    ----------
    week : ndarray of int (row,)
    count : ndarray (row,)
    log_exposure : ndarray (row,)
        Log of the exposure in units of the contract's `exposure_unit`; 0 where there is none.
    era : ndarray of int (row,)
        Index into `eras`; len(eras) where none applies.
    eras : tuple of (str, str)
        (indicator, era) pairs whose captured share is elicited.
    """

    observed_column: ClassVar[str] = "count"
    week_columns: ClassVar[tuple[str, ...]] = ("week",)

    week: Index
    count: Array
    log_exposure: Array
    era: Index
    eras: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RungEvents(Rows):
    """Events of the rungs that have a rate of their own, in each week in which they were looked for; `indicators` are the rungs.

    Parameters
    ----------
    week : ndarray of int (row,)
    count : ndarray (row,)
        Days of the week on which one began.
    search : ndarray of int (row,)
        Index into `searches`.
    searches : tuple of (str, float, float)
        Rung, and 5 % and 95 % quantiles of the share of its events that is on record.
    """

    observed_column: ClassVar[str] = "count"
    week_columns: ClassVar[tuple[str, ...]] = ("week",)

    week: Index
    count: Array
    search: Index
    searches: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class NestedEvents(Rows):
    """Of the events of a rung or of the rounds in a week, those that are of a rung that is part of it; `indicators` are these rungs.

    Parameters
    ----------
    week : ndarray of int (row,)
    count : ndarray (row,)
    trials : ndarray (row,)
        Events of the rung that it is part of; of rounds, 1.
    """

    observed_column: ClassVar[str] = "count"
    week_columns: ClassVar[tuple[str, ...]] = ("week",)

    week: Index
    count: Array
    trials: Array


_NONE: Final = np.zeros(0, dtype=np.intp)
NO_EVENTS: Final = RungEvents((), _NONE, _NONE, np.zeros(0), _NONE, ())
NO_NESTED: Final = NestedEvents((), _NONE, _NONE, np.zeros(0), np.zeros(0))
