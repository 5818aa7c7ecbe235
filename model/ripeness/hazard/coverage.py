r"""Missed rounds: dormancy is known only as well as rounds were searched for, so unreported rounds are summed out.

Let d be the weeks since the week of the last round, found or not. In week t a round is held with probability
p_t(d) = 1 − exp(−λ_t(d)), λ_t(d) = exp(outside(d) + log multiplier_t) + announced_t, and is found with probability q_t (the stretch's
sensitivity). The forward recursion over d:

    round found      L_t = q_t Σ_d α_t(d) p_t(d)                          then d = 1
    none found       L_t = Σ_d α_t(d) [1 − q_t p_t(d)]                    then d = 1 if one was missed, else d + 1

Σ_t log L_t is the exact log-likelihood of the record, and α after the last week says how long the silence has really been. A week that
nobody searched has q = 0 and says nothing.

The likelihood and its adjoint: :mod:`ripeness.hazard.filter`. Here: what the recursion leaves for the forecast.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@numba.njit(cache=True)
def dormancy_at_origin(
    outside: Array, multiplier: Array, announced: Array, found_if_held: Array, found: Array, last_week_is_whole: bool
) -> Array:
    """Distribution of dormancy in the week after the record, for each posterior draw.

    Parameters
    ----------
    outside : ndarray (draw, dormancy)
    multiplier, announced, found_if_held : ndarray (draw, week)
        As in :func:`ripeness.hazard.filter.filter_dormancy`.
    found : ndarray (week,)
    last_week_is_whole : bool
        False where the origin falls inside a week: the rest of that week has the same dormancy, not one week more.

    Returns
    -------
    ndarray (draw, state)
        Probability that d = 1, 2, …; as many states as weeks since the last round on record.
    """
    draws, weeks = multiplier.shape
    reach, begin = 1, 0
    for t in range(weeks):
        reach = 1 if found[t] > 0.5 else reach + 1
        # a round on record ends all doubt of what came before it
        begin = t + 1 if found[t] > 0.5 else begin
    if not last_week_is_whole and weeks > 0 and found[weeks - 1] < 0.5:
        reach -= 1
    result = np.zeros((draws, reach))
    alpha = np.zeros(weeks + 1)
    following = np.zeros(weeks + 1)
    for s in range(draws):
        alpha[0] = 1.0
        size = 1
        for t in range(begin, weeks):
            stay = 0 if (t == weeks - 1 and not last_week_is_whole) else 1
            lift = np.exp(multiplier[s, t])
            missed = 0.0
            total = 0.0
            following[0] = 0.0
            for d in range(size):
                silent = np.exp(-(np.exp(outside[s, d]) * lift + announced[s, t]))
                following[d + stay] = alpha[d] * silent
                missed += alpha[d] * (1.0 - silent) * (1.0 - found_if_held[s, t])
            following[0] += missed
            size += stay
            for d in range(size):
                total += following[d]
            for d in range(size):
                alpha[d] = following[d] / total
        for d in range(reach):
            result[s, d] = alpha[d]
    return result
