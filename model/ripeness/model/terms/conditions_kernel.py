r"""The inside view of :mod:`ripeness.model.terms.conditions` and its adjoint, as one kernel: for the sampler, one draw at a time.

With x_c = a_c + Σ_k M_ck R_k the log odds of condition c at the regressors R of a week or of a Sobol point, and σ̄(x) = 1 − σ(x) = u/(1 + u),
u = e^−x:

    conjunctive      score = Σ_c log σ(x_c) = −log Π_c (1 + u_c)      ∂score/∂x_c = σ̄(x_c)
    additive         score = Σ_c σ̄(a_c) (x_c − a_c)                   ∂score/∂x_c = σ̄(a_c), and ∂σ̄(a_c)/∂a_c = −σ(a_c) σ̄(a_c)

    N = log mean_i e^score_i over the points                          ∂N/∂score_i = share_i = e^score_i / Σ_j e^score_j
    inside = score − N

The conjunctive mean needs no logarithm and a week needs one for all its conditions, as long as the product cannot overflow; where log
odds are extreme each condition has its own. Loops run over weeks or points, so that they run on whole vectors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.exponential import exponential
from ripeness.kernels.reductions import dot, sum_of

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
LOG_2 = 0.6931471805599453
# e to this power is still finite, and so is the product of (1 + e^x) over conditions whose x add up to it
LARGEST_POWER = 600.0


@inner
def lay_out_regressors(z: Array, sided: Indices) -> Array:
    """Factors, then s(z) and s(−z) of each one-sided factor: (regressor, week)."""
    factors, weeks = z.shape
    found = np.empty((factors + 2 * sided.shape[0], weeks))
    for k in range(factors):
        for t in range(weeks):
            found[k, t] = z[k, t]
    for j in range(sided.shape[0]):
        own, plus, minus = z[sided[j]], found[factors + 2 * j], found[factors + 2 * j + 1]
        for t in range(weeks):
            plus[t] = exponential(-4.0 * abs(own[t]))
        for t in range(weeks):
            tail = np.log1p(plus[t]) - LOG_2
            plus[t] = 0.25 * tail + max(own[t], 0.0)
            minus[t] = 0.25 * tail + max(-own[t], 0.0)
    return found


@inner
def add_up(matrix: Array, intercept: Array, regressor: Array) -> Array:
    """Log odds a_c + Σ_k M_ck R_k: (condition, week or point); most weights are zero and are left out."""
    found = np.empty((matrix.shape[0], regressor.shape[1]))
    for c in range(matrix.shape[0]):
        own = found[c]
        for t in range(own.shape[0]):
            own[t] = intercept[c]
        for k in range(matrix.shape[1]):
            weight = matrix[c, k]
            if weight != 0.0:
                row = regressor[k]
                for t in range(row.shape[0]):
                    own[t] += weight * row[t]
    return found


@inner
def close_conjunctive(log_odds: Array) -> tuple[Array, Array, Array]:
    """Π_c (1 + u_c) and the smallest log odds, (week or point,) each; σ̄(x_c), (condition, week or point)."""
    conditions, weeks = log_odds.shape
    product, smallest, closed = np.empty(weeks), np.empty(weeks), np.empty((conditions, weeks))
    for t in range(weeks):
        product[t], smallest[t] = 1.0, np.inf
    for c in range(conditions):
        x, own = log_odds[c], closed[c]
        for t in range(weeks):
            # from here on down σ̄ is one; a finite u keeps it so
            u = exponential(min(-x[t], LARGEST_POWER))
            own[t] = u / (1.0 + u)
            product[t] *= 1.0 + u
            smallest[t] = min(smallest[t], x[t])
    return product, smallest, closed


@inner
def all_above(values: Array, bound: float) -> bool:
    """Whether no value is at or below a bound."""
    above = True
    for i in range(values.shape[0]):
        above = above and values[i] > bound
    return above


@inner
def log_sigmoids(log_odds: Array, t: int) -> float:
    """Σ_c log σ(x_c) of one week or point, whatever the log odds."""
    total = 0.0
    for c in range(log_odds.shape[0]):
        x = log_odds[c, t]
        total += min(x, 0.0) - np.log1p(np.exp(-abs(x)))
    return total


@inner
def shares_of(score: Array) -> float:
    """Turn scores into shares e^score / Σ e^score, in place; returns the log of the mean of e^score."""
    peak = -np.inf
    for i in range(score.shape[0]):
        peak = max(peak, score[i])
    for i in range(score.shape[0]):
        score[i] = exponential(score[i] - peak)
    return float(peak + np.log(normalise(score)))


@inner
def normalise(values: Array) -> float:
    """Divide by the sum, in place; returns the mean there was."""
    total = sum_of(values)
    scale = 1.0 / total
    for i in range(values.shape[0]):
        values[i] *= scale
    return float(total / values.shape[0])


@compiled
def view_inside(
    z: Array, matrix: Array, intercept: Array, conjunctive: Array, points: Array, sided: Indices
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """The normalised inside view of every week.

    Parameters
    ----------
    z : ndarray (factor, week)
    matrix : ndarray (condition, regressor)
    intercept : ndarray (condition,)
    conjunctive : ndarray (1,)
        1 for the conjunctive form, 0 for the additive one.
    points : ndarray (regressor, point)
        Regressors at the Sobol points of the factors' stationary distribution.
    sided : ndarray of int
        Indices of the one-sided factors.

    Returns
    -------
    inside : ndarray (week,)
    log_odds : ndarray (condition, week)
        Log odds that each condition is open.
    normaliser : ndarray (1,)
        N.
    regressor : ndarray (regressor, week)
        Saved.
    slope : ndarray (condition, week)
        Saved: ∂score/∂x_c of the weeks.
    pulled : ndarray (condition, point)
        Saved: ∂N/∂x_c at each point.
    """
    conditions, weeks, number = matrix.shape[0], z.shape[1], points.shape[1]
    regressor = lay_out_regressors(z, sided)
    log_odds, at_points = add_up(matrix, intercept, regressor), add_up(matrix, intercept, points)
    inside, share, normaliser = np.empty(weeks), np.empty(number), np.empty(1)
    if conjunctive[0] > 0.5:
        product, smallest, slope = close_conjunctive(log_odds)
        lowest = -LARGEST_POWER / conditions
        for t in range(weeks):
            inside[t] = -np.log(product[t]) if smallest[t] > lowest else log_sigmoids(log_odds, t)
        product, smallest, pulled = close_conjunctive(at_points)
        if all_above(smallest, lowest):
            for i in range(number):
                share[i] = 1.0 / product[i]
            normaliser[0] = np.log(normalise(share))
        else:
            for i in range(number):
                share[i] = log_sigmoids(at_points, i)
            normaliser[0] = shares_of(share)
    else:
        slope, pulled = np.empty((conditions, weeks)), np.empty((conditions, number))
        inside, share = np.zeros(weeks), np.zeros(number)
        for c in range(conditions):
            closed = 1.0 / (1.0 + np.exp(intercept[c]))
            for t in range(weeks):
                slope[c, t] = closed
                inside[t] += closed * (log_odds[c, t] - intercept[c])
            for i in range(number):
                pulled[c, i] = closed
                share[i] += closed * (at_points[c, i] - intercept[c])
        normaliser[0] = shares_of(share)
    for t in range(weeks):
        inside[t] -= normaliser[0]
    for c in range(conditions):
        for i in range(number):
            pulled[c, i] *= share[i]
    return inside, log_odds, normaliser, regressor, slope, pulled


@compiled
def pull_back_view(
    z: Array,
    matrix: Array,
    intercept: Array,
    conjunctive: Array,
    points: Array,
    sided: Indices,
    inside: Array,
    log_odds: Array,
    normaliser: Array,
    regressor: Array,
    slope: Array,
    pulled: Array,
    inside_bar: Array,
    log_odds_bar: Array,
    normaliser_bar: Array,
) -> tuple[Array, Array, Array]:
    """Adjoint of :func:`view_inside`.

    Parameters
    ----------
    z, matrix, intercept, conjunctive, points, sided : ndarray
        Inputs of :func:`view_inside`.
    inside, log_odds, normaliser, regressor, slope, pulled : ndarray
        What it returned.
    inside_bar : ndarray (week,)
    log_odds_bar : ndarray (condition, week)
    normaliser_bar : ndarray (1,)

    Returns
    -------
    z_bar : ndarray (factor, week)
    matrix_bar : ndarray (condition, regressor)
    intercept_bar : ndarray (condition,)
    """
    factors, weeks = z.shape
    conditions, number = matrix.shape
    regressor_bar = np.zeros((number, weeks))
    matrix_bar, intercept_bar = np.empty((conditions, number)), np.empty(conditions)
    x_bar, moved_by = np.empty(weeks), np.empty(weeks)
    norm_bar = normaliser_bar[0] - sum_of(inside_bar)
    for c in range(conditions):
        for t in range(weeks):
            x_bar[t] = slope[c, t] * inside_bar[t]
            moved_by[t] = log_odds[c, t] - intercept[c]
        moved = dot(x_bar, moved_by)
        for k in range(number):
            matrix_bar[c, k] = norm_bar * dot(pulled[c], points[k])
            moved += matrix[c, k] * matrix_bar[c, k]
        if conjunctive[0] > 0.5:
            intercept_bar[c] = sum_of(x_bar) + norm_bar * sum_of(pulled[c])
        else:
            intercept_bar[c] = -moved / (1.0 + np.exp(-intercept[c]))
        intercept_bar[c] += sum_of(log_odds_bar[c])
        for t in range(weeks):
            x_bar[t] += log_odds_bar[c, t]
        for k in range(number):
            matrix_bar[c, k] += dot(x_bar, regressor[k])
            weight, own = matrix[c, k], regressor_bar[k]
            if weight != 0.0:
                for t in range(weeks):
                    own[t] += weight * x_bar[t]
    z_bar = regressor_bar[:factors]
    for j in range(sided.shape[0]):
        own, plus, minus = z_bar[sided[j]], regressor_bar[factors + 2 * j], regressor_bar[factors + 2 * j + 1]
        for t in range(weeks):
            rising = 1.0 / (1.0 + exponential(-4.0 * z[sided[j], t]))
            own[t] += rising * plus[t] - (1.0 - rising) * minus[t]
    return z_bar, matrix_bar, intercept_bar
