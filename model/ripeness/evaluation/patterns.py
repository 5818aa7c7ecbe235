r"""Which of the weeks ahead have a round: the probability of every pattern, with dormancy starting anew after each round.

With H_j the history of the weeks before week j, a forecast of week j given H_j follows from the patterns' probabilities alone,

.. math:: P(y_j = 1 \mid H_j) = P(H_j, y_j = 1) / P(H_j)

and the product over the weeks of a block of what was said of each is the probability of the block's pattern: the weekly event log score of
a block is the log of the posterior mean of that pattern's probability. Nothing is simulated but the factor paths.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripeness.evaluation.origins import BLOCK_WEEKS
from ripeness.evaluation.unit import history
from ripeness.forecast.ahead import Ahead

Array = NDArray[np.float64]
CELLS = 4_000_000  # numbers held at once


def pattern_probabilities(ahead: Ahead, weeks: int = BLOCK_WEEKS) -> Array:
    """Probability of every pattern of the first weeks ahead, draw by draw, averaged over factor paths.

    Parameters
    ----------
    ahead : Ahead
    weeks : int

    Returns
    -------
    ndarray (draw, 2, …, 2)
        One axis for each week, 0 without and 1 with a round; sums to 1 over all but the draws.
    """
    draws, paths, _ = ahead.inside.shape
    result = np.empty((draws, *(2,) * weeks))
    step = max(1, CELLS // (paths * len(ahead.dormancy)))
    for begin in range(0, draws, step):
        part = slice(begin, begin + step)
        start = np.repeat(ahead.state[part][:, None, :], paths, axis=1)
        _follow(ahead, part, start, ahead.dormancy, (), result[part])
    return result


def _follow(ahead: Ahead, part: slice, weight: Array, dormancy: NDArray[np.intp], place: tuple[Any, ...], result: Array) -> None:
    """Branch on the next week: `weight` (draw, path, state) is the probability of the pattern so far, and of its state of dormancy."""
    week = len(place)
    if week == result.ndim - 1:
        result[(slice(None), *place)] = weight.sum(axis=2).mean(axis=1)
        return
    share = ahead.reach[-1, 0] if week == 0 else 1.0
    base = np.exp(ahead.outside[part][:, None, dormancy - 1])
    total = base * np.exp(ahead.inside[part, :, week, None]) * share + ahead.announced[part][:, None, week, None]
    _follow(ahead, part, weight * np.exp(-total), dormancy + 1, (*place, 0), result)
    held = (weight * -np.expm1(-total)).sum(axis=2, keepdims=True)
    _follow(ahead, part, held, np.ones(1, dtype=np.intp), (*place, 1), result)


def week_given(pattern: Array) -> dict[tuple[int, str], float]:
    """Probability of a round in each week of a block, by week (from 1) and history.

    Parameters
    ----------
    pattern : ndarray (2, …, 2)
        Probability of every pattern, as `pattern_probabilities` gives it, averaged over draws.
    """
    result = {}
    for ahead in range(1, pattern.ndim + 1):
        for before in product((0, 1), repeat=ahead - 1):
            here = pattern[before]
            result[ahead, history(before)] = float(here[1].sum() / here.sum())
    return result
