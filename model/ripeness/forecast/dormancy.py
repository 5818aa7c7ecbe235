r"""How long the silence has been, draw by draw: the record of rounds filtered from a week on, missed ones summed out.

After a round on record d is known, so a fit's silence begins with its last one; an update's begins in the window's first week.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ripeness.data.panel import UNSEARCHED
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.record import filter_onward

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Silence:
    """What the rounds of a window say of each draw.

    Parameters
    ----------
    log_likelihood : ndarray (draw,)
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in what comes next.
    chance : ndarray (draw, week)
        Probability of a round in each week, given the record before it.
    """

    log_likelihood: Array
    state: Array
    chance: Array


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
    record, span, number = spec.panel.record, slice(first, stop), len(state)
    outside = np.ascontiguousarray(draws["outside_knots"] @ outside_basis(spec, state.shape[1] + stop - first + 1).T)
    announced = -np.log1p(-draws["kept"]) @ spec.announced[:, span]
    stretch, stretches = record.stretch[span], len(record.sensitivities)
    known = draws.get("sensitivity", np.zeros((number, 0)))[:, :stretches]
    found_if_held = np.concatenate([known, np.zeros((number, 1)), np.ones((number, 1))], axis=1)
    place = np.where(stretch != UNSEARCHED, stretch, stretches + (record.found[span] > 0))
    whole = stop < len(spec.panel.weeks) or not spec.panel.origin_inside_week
    multiplier = inside + np.log(record.share[span])
    return Silence(*filter_onward(outside, multiplier, announced, found_if_held[:, place], record.found[span], state, whole))
