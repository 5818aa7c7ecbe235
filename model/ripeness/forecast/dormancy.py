r"""How long the silence has been, draw by draw: the record of rounds filtered from a week on, missed ones summed out.

After a round on record d is known, so a fit's silence begins with its last one; an update's begins in the window's first week.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ripeness.model.spec import ModelSpec
from ripeness.model.terms.record import filter_forward, on_record, record_terms

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Silence:
    """What the rounds of some weeks say of each draw.

    Parameters
    ----------
    by_week : ndarray (draw, week)
        Log-likelihood of what is on record in each week, given the record before it.
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in what comes next.
    chance : ndarray (draw, week)
        Probability of a round in each week, given the record before it.
    """

    by_week: Array
    state: Array
    chance: Array

    @property
    def log_likelihood(self) -> Array:
        """Of the record of all these weeks: (draw,)."""
        return np.asarray(self.by_week.sum(axis=1))


def dormancy_in_week(spec: ModelSpec, draws: Mapping[str, Array], week: int) -> Array:
    """Probability that d = 1, 2, … in a week at risk, or in what comes after the record, given the record before it: (draw, state).

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        By the names of the posterior, with `inside` (draw, week) unless the variant has none.
    week : int
        The number of the record's weeks for what comes after it.
    """
    record, number = spec.panel.record, len(draws["outside_knots"])
    rounds = np.flatnonzero(record.found[record.start : week] > 0.5)
    first = record.start + (int(rounds[-1]) + 1 if len(rounds) else 0)
    inside = draws["inside"][:, first - 1 : week - 1] if "inside" in draws else np.zeros((number, week - first))
    return silence_of_record(spec, draws, first, week, np.ones((number, 1)), np.asarray(inside, dtype=float)).state


def silence_of_record(spec: ModelSpec, draws: Mapping[str, Array], first: int, stop: int, state: Array, inside: Array) -> Silence:
    """Hold the record of the weeks `first` to `stop` against draws.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        By the names of the posterior; `sensitivity` for every stretch of the record's coverage.
    first, stop : int
        Indices of a week at risk and of the one after the last.
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in week `first`.
    inside : ndarray (draw, week)
        Inside view as the hazards of those weeks read it, that of the week before each; zero in the outside variant.
    """
    terms = record_terms(spec, draws, first, stop, inside, state.shape[1])
    whole = stop < len(spec.panel.weeks) or not spec.panel.origin_inside_week
    return Silence(*filter_forward(*terms, *on_record(spec, first, stop), state, whole))


def whole_record(spec: ModelSpec, draws: Mapping[str, Array]) -> Silence:
    """Hold the whole record against draws that have `inside` (draw, week)."""
    start, stop = spec.panel.record.start, len(spec.panel.weeks)
    inside = np.asarray(draws["inside"][:, start - 1 : stop - 1], dtype=float)
    return silence_of_record(spec, draws, start, stop, np.ones((len(inside), 1)), inside)
