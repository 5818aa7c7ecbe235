r"""Missed rounds: dormancy is known only as well as rounds were searched for, so unreported rounds are summed out.

Let d be the weeks since the week of the last round, found or not. In week t a round is held with probability
p_t(d) = 1 − exp(−λ_t(d)), λ_t(d) = exp(outside(d) + log multiplier_t) + announced_t, and is found with probability q_t (the stretch's
sensitivity). The forward recursion over d:

    round found      L_t = q_t Σ_d α_t(d) p_t(d)                          then d = 1
    none found       L_t = Σ_d α_t(d) [1 − q_t p_t(d)]                    then d = 1 if one was missed, else d + 1

Σ_t log L_t is the exact log-likelihood of the record, and α after the last week says how long the silence has really been. A week that
nobody searched has q = 0 and says nothing.

The likelihood and its adjoint: :mod:`ripeness.model.terms.record_kernel`. Here: the same for many draws, from any
week on and without an adjoint: what it says of those weeks, and how long it leaves the silence to have been.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import compiled
from ripeness.kernels.exponential import exponential, exponential_and_rest

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@compiled
def filter_onward(
    outside: Array, multiplier: Array, announced: Array, found_if_held: Array, found: Array, state: Array, whole: bool
) -> tuple[Array, Array, Array]:
    """Log-likelihood of the rounds of some weeks, missed ones summed out, and the dormancy after them.

    Parameters
    ----------
    outside : ndarray (draw, dormancy)
        Log weekly hazard at d = 1, 2, …
    multiplier, announced, found_if_held : ndarray (draw, week)
        As in :func:`ripeness.model.terms.record_kernel.filter_dormancy`.
    found : ndarray (week,)
        1 where a round is on record.
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in the first week.
    whole : bool
        Whether the last week is over; else the rest of it has the same dormancy, not one week more.

    Returns
    -------
    log_likelihood : ndarray (draw,)
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in what comes next.
    chance : ndarray (draw, week)
        Probability of a round in each week, given the record before it.
    """
    draws, weeks = multiplier.shape
    reach = state.shape[1]
    for t in range(weeks):
        reach = 1 if found[t] > 0.5 else reach + int(whole or t < weeks - 1)
    log_likelihood, after, chance = np.zeros(draws), np.zeros((draws, reach)), np.empty((draws, weeks))
    longest = state.shape[1] + weeks + 1
    alpha, following, base = np.empty(longest), np.empty(longest), np.empty(longest)
    for s in range(draws):
        for d in range(min(longest, outside.shape[1])):
            base[d] = exponential(outside[s, d])
        size = state.shape[1]
        alpha[:size] = state[s]
        for t in range(weeks):
            lift, extra, total = exponential(multiplier[s, t]), announced[s, t], 0.0
            if found[t] > 0.5:
                for d in range(size):
                    total += alpha[d] * exponential_and_rest(-(base[d] * lift + extra))[1]
                log_likelihood[s] += np.log(total * found_if_held[s, t])
                chance[s, t] = total
                alpha[0], size = 1.0, 1
                continue
            for d in range(size):
                silent = exponential(-(base[d] * lift + extra))
                following[d] = alpha[d] * silent
            kept = 0.0
            for d in range(size):
                kept += following[d]
                total += alpha[d]
            missed = (total - kept) * (1.0 - found_if_held[s, t])
            stay = int(whole or t < weeks - 1)
            likelihood, chance[s, t] = (kept + missed) / total, 1.0 - kept / total
            log_likelihood[s] += np.log(likelihood)
            if stay == 0:
                alpha[0] = following[0] + missed
                alpha[1:size] = following[1:size]
            else:
                alpha[0] = missed
                alpha[1 : size + 1] = following[:size]
            size += stay
            alpha[:size] /= kept + missed
        after[s] = alpha[:reach]
    return log_likelihood, after, chance


def rounds_in_week(hazard: Array, dormancy: Index, rng: np.random.Generator) -> tuple[Index, Index]:
    """Hold the rounds of one week: their number is Poisson(λ), so that P(at least one) = 1 − exp(−λ).

    Parameters
    ----------
    hazard : ndarray
        λ of each future in this week.
    dormancy : ndarray of int
        Weeks since the week of the last round.
    rng : Generator

    Returns
    -------
    rounds, dormancy : ndarray of int
        Rounds held, and dormancy in the week after: 1 after a week with a round, found or not.
    """
    rounds = rng.poisson(hazard)
    return rounds, np.where(rounds > 0, 1, dormancy + 1)


def simulate_record(
    outside: Array, multiplier: Array, announced: Array, found_if_held: Array, rng: np.random.Generator, dormancy: int = 1
) -> Array:
    """Draw which weeks have a round on record: rounds are held week by week, missed ones included, and found with the weeks' sensitivity.

    Parameters
    ----------
    outside : ndarray (dormancy,)
        Log weekly hazard at d = 1, 2, …
    multiplier, announced, found_if_held : ndarray (week,)
        As in :func:`filter_onward`.
    rng : Generator
    dormancy : int
        d in the first week.

    Returns
    -------
    ndarray (week,)
        1 where a round is on record, else 0.
    """
    held, since = np.zeros(len(multiplier)), np.array(dormancy)
    for t in range(len(multiplier)):
        rounds, since = rounds_in_week(np.exp(outside[since - 1] + multiplier[t]) + announced[t], since, rng)
        held[t] = rounds > 0
    return np.asarray(held * (rng.random(len(held)) < found_if_held))
