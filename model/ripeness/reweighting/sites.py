r"""One factor's window as a Gaussian: its rows as sites, counts by Newton steps, Student-t terms by their mixing precision.

The states x are the factor's weeks after the last kept one and, where the record has crossed a new knot of the slow level, the move at
that knot, a standard normal. A Student-t is a normal whose precision is multiplied by a *mixing precision* λ ~ Gamma(ν/2, ν/2): given the
mixing precisions, continuous rows and heavy-tailed innovations are exactly Gaussian in x. A count n with log mean η(x) becomes the Gaussian site of
its Newton step at the mode.

The matrix of that Gaussian is positive definite and nearly tridiagonal; it is factorised as A = B D Bᵀ, B with ones on its diagonal. The lower
triangle is stored whole, but row i is zero before its `envelope`, and so is B's: what ties a state to none but its neighbour costs
nothing more. Of D the inverse is kept, the `spread`. All work in place and allocate nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import compiled

Array = NDArray[np.float64]
Index = NDArray[np.int64]
NEWTON_STEPS = 3
LARGEST_LOG_MEAN = 30.0  # of a count, where its site is placed
CONTINUOUS = -1.0  # stands for the count of a row that is none
BLOCK = 8  # spreads whose product goes into one logarithm: each must stay between 1e-38 and 1e38


class Rows(NamedTuple):
    """One factor's window under one vintage, for all draws.

    Parameters
    ----------
    persistence, before : ndarray (draw,)
        φ, and the state of the last kept week.
    df : ndarray (2,)
        Degrees of freedom of the innovations (0 where they are normal) and of the continuous rows.
    envelope : ndarray of int (state,)
        First state that each state is tied to.
    weeks : ndarray of int (1,)
        Number of states that are weeks; one state more is the move of the slow level.
    step : ndarray (draw,)
        Typical move of the slow level.
    first, last : ndarray of int (row,)
        States of the first and last week of a row's mean that lie in the window.
    share : ndarray (row,)
        One over all weeks of the mean, those before the window included.
    ramp : ndarray (row,)
        How much of the move the row's last week has.
    counted : ndarray (row,)
        The count, or `CONTINUOUS`.
    bent : ndarray of bool (row,)
        Whether its errors are Student-t, so that it has a mixing precision; that of any other row is one.
    target : ndarray (draw, row)
        Continuous: the value less all that does not depend on the states. Count: its log mean where the states are zero.
    slope : ndarray (draw, row)
        What one unit of the factor adds to the value, or to the log mean.
    precision : ndarray (draw, row)
        Continuous: one over the squared scale. Count: its dispersion α.
    constant : ndarray (draw,)
        Terms of the log density that depend on the draw's parameters alone.
    """

    persistence: Array
    before: Array
    df: Array
    envelope: Index
    weeks: Index
    step: Array
    first: Index
    last: Index
    share: Array
    ramp: Array
    counted: Array
    bent: NDArray[np.bool_]
    target: Array
    slope: Array
    precision: Array
    constant: Array


@compiled
def innovation_scale(phi: float, df: float) -> float:
    """Precision of z_t − φ z_{t−1} at a mixing precision of one."""
    innovation_precision = 1.0 / (1.0 - phi * phi)
    return innovation_precision * df / (df - 2.0) if df > 0.0 else innovation_precision


@compiled
def add_innovation(a: Array, b: Array, phi: float, before: float, t: int, weight: float) -> None:
    """Add an innovation of precision `weight` to A and b."""
    a[t, t] += weight
    if t == 0:
        b[0] += weight * phi * before
    else:
        a[t - 1, t - 1] += weight * phi * phi
        a[t, t - 1] -= weight * phi


@compiled
def add_site(a: Array, b: Array, first: int, last: int, share: float, moved: float, slope: float, target: float, weight: float) -> None:
    """Add a row as a Gaussian site of precision `weight` to A and b; `moved` is what the level's move adds to its strength."""
    end = a.shape[0] - 1
    pull, square = weight * slope * target, weight * slope * slope
    if first == last:
        b[last] += pull * share
        a[last, last] += square * share * share
    else:
        for t in range(first, last + 1):
            b[t] += pull * share
            for u in range(first, t + 1):
                a[t, u] += square * share * share
    if moved != 0.0:
        for t in range(first, last + 1):
            a[end, t] += square * share * moved
        b[end] += pull * moved
        a[end, end] += square * moved * moved


@compiled
def strength_of(x: Array, first: int, last: int, share: float, moved: float) -> float:
    """What the states add to a row's strength, in units of the factor."""
    total = 0.0
    for t in range(first, last + 1):
        total += x[t]
    total *= share
    if moved != 0.0:
        total += moved * x[x.shape[0] - 1]
    return total


@compiled
def assemble(
    a: Array, b: Array, envelope: Index, phi: float, before: float, innovations: Array,
    first: Index, last: Index, share: Array, moved: Array, slope: Array, targets: Array, weights: Array,
) -> None:  # fmt: skip
    """A and b from the precision of each innovation (week,) and the sites of all rows (row,); what has no weight is left out."""
    states, weeks = a.shape[0], innovations.shape[0]
    for i in range(states):
        b[i] = 0.0
        for c in range(envelope[i], i + 1):
            a[i, c] = 0.0
    for t in range(weeks):
        add_innovation(a, b, phi, before, t, innovations[t])
    for t in range(weeks, states):
        a[t, t] += 1.0
    for j in range(weights.shape[0]):
        if weights[j] > 0.0:
            add_site(a, b, first[j], last[j], share[j], moved[j], slope[j], targets[j], weights[j])


@compiled
def place_count(count: float, alpha: float, log_mean: float, slope: float, strength: float) -> tuple[float, float]:
    """Target and precision of a count's site: its Newton step at a strength; `log_mean` is that of no strength."""
    mean = math.exp(min(log_mean + slope * strength, LARGEST_LOG_MEAN))
    rest = 1.0 / (1.0 + mean / alpha)
    weight = (count + alpha) * (mean / alpha) * rest * rest
    return slope * strength + (count - mean) * rest / weight, weight


@compiled
def fit_sites(
    rows: Rows, held_rows: Array, held_weeks: Array, free_rows: Index, free_weeks: Index
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Sites of the counts and mean-field mixing precisions of what is redrawn.

    The mean-field fixed point of a mixing precision is (ν + 1)/(ν + E[r²] · precision), r the residual. Beside it stands how far the residual is
    known: one less its variance times the precision, zero where no row says anything.

    Parameters
    ----------
    rows : Rows
    held_rows, held_weeks : ndarray (draw, row), (draw, week)
        Mixing precisions; of what is redrawn and of counts they are not read.
    free_rows, free_weeks : ndarray of int
        Indices of the rows and weeks whose mixing precision is redrawn.

    Returns
    -------
    targets, weights : ndarray (draw, row)
        Sites of counts; continuous rows have their own target, and mixing precision times precision.
    row_mixing, week_mixing : ndarray (draw, row), (draw, week)
        Mean-field means where redrawn, as held elsewhere.
    row_known, week_known : ndarray (draw, row), (draw, week)
    """
    draws, number = rows.slope.shape
    envelope, first, last, share, count = rows.envelope, rows.first, rows.last, rows.share, rows.counted
    states, weeks, df, row_df = envelope.shape[0], rows.weeks[0], rows.df[0], rows.df[1]
    targets, weights = rows.target.copy(), np.empty((draws, number))
    row_mixing, week_mixing = held_rows.copy(), held_weeks.copy()
    row_known, week_known = np.zeros((draws, number)), np.zeros((draws, weeks))
    a, b, x, unit = np.zeros((states, states)), np.empty(states), np.empty(states), np.empty(states)
    spread, innovations = np.empty(states), np.empty(weeks)
    for s in range(draws):
        phi, before, moved = rows.persistence[s], rows.before[s], rows.ramp * rows.step[s]
        slope, precision, level, target, weight = rows.slope[s], rows.precision[s], rows.target[s], targets[s], weights[s]
        by_row, by_week, knows_row, knows_week = row_mixing[s], week_mixing[s], row_known[s], week_known[s]
        scale = innovation_scale(phi, df)
        by_row[free_rows], by_week[free_weeks] = 1.0, 1.0
        for j in range(number):
            if count[j] >= 0.0:
                target[j] = math.log(count[j] + 0.5) - level[j]
                weight[j] = 1.0 / (1.0 / (count[j] + 0.5) + 1.0 / precision[j])
            else:
                weight[j] = by_row[j] * precision[j]
        for t in range(weeks):
            innovations[t] = scale * by_week[t]
        for _ in range(NEWTON_STEPS):
            assemble(a, b, envelope, phi, before, innovations, first, last, share, moved, slope, target, weight)
            factorise(a, spread, envelope, 0, states)
            forward_substitution(a, envelope, b, 0, states)
            for i in range(states):
                x[i] = b[i] * spread[i]
            back_substitution(a, envelope, x)
            for j in range(number):
                if count[j] >= 0.0:
                    strength = strength_of(x, first[j], last[j], share[j], moved[j])
                    target[j], weight[j] = place_count(count[j], precision[j], level[j], slope[j], strength)
            for j in free_rows:
                unit[:] = 0.0
                unit[first[j] : last[j] + 1] = share[j] * slope[j]
                unit[states - 1] += moved[j] * slope[j]
                variance = variance_of(a, spread, envelope, unit, first[j])
                off = target[j] - slope[j] * strength_of(x, first[j], last[j], share[j], moved[j])
                knows_row[j] = max(0.0, 1.0 - variance * weight[j])
                by_row[j] = (row_df + 1.0) / (row_df + (off * off + variance) * precision[j])
                weight[j] = by_row[j] * precision[j]
            for t in free_weeks:
                unit[:] = 0.0
                unit[t] = 1.0
                earlier = before
                if t > 0:
                    unit[t - 1] = -phi
                    earlier = x[t - 1]
                variance = variance_of(a, spread, envelope, unit, max(t - 1, 0))
                off = x[t] - phi * earlier
                knows_week[t] = max(0.0, 1.0 - variance * innovations[t])
                by_week[t] = (df + 1.0) / (df + (off * off + variance) * scale)
                innovations[t] = scale * by_week[t]
    return targets, weights, row_mixing, week_mixing, row_known, week_known


@compiled
def factorise(a: Array, spread: Array, envelope: Index, start: int, stop: int) -> None:
    """Factorise A = B D Bᵀ: B below the diagonal in the place of A, 1/D in `spread`; rows `start` to `stop`, those before them being done."""
    for i in range(start, stop):
        begin = envelope[i]
        for j in range(begin, i):
            total = a[i, j]
            for c in range(max(begin, envelope[j]), j):
                total -= a[i, c] * a[j, c]
            a[i, j] = total
        total = a[i, i]
        for j in range(begin, i):
            scaled = a[i, j] * spread[j]
            total -= a[i, j] * scaled
            a[i, j] = scaled
        spread[i] = 1.0 / total


@compiled
def forward_substitution(factor: Array, envelope: Index, x: Array, start: int, stop: int) -> None:
    """B⁻¹x in the place of x, rows `start` to `stop`; what stands before them is already solved."""
    for i in range(start, stop):
        for c in range(envelope[i], i):
            x[i] -= factor[i, c] * x[c]


@compiled
def back_substitution(factor: Array, envelope: Index, x: Array) -> None:
    """B⁻ᵀx in the place of x."""
    for i in range(factor.shape[0] - 1, 0, -1):
        for c in range(envelope[i], i):
            x[c] -= factor[i, c] * x[i]


@compiled
def variance_of(factor: Array, spread: Array, envelope: Index, x: Array, start: int) -> float:
    """xᵀA⁻¹x of an x that is zero before `start`, which is overwritten: the variance of the states' sum with these weights."""
    total = 0.0
    for i in range(start, factor.shape[0]):
        for c in range(max(envelope[i], start), i):
            x[i] -= factor[i, c] * x[c]
        total += x[i] * x[i] * spread[i]
    return total


@compiled
def log_normaliser(spread: Array, v: Array, start: int, stop: int) -> float:
    """½ Σ (v²/D − log D) over states `start` to `stop`."""
    total, product = 0.0, 1.0
    for i in range(start, stop):
        total += v[i] * v[i] * spread[i]
        product *= spread[i]
        if i % BLOCK == 0:
            total += math.log(product)
            product = 1.0
    return 0.5 * (total + math.log(product))


@compiled
def place_states(x: Array, noise: Array, factor: Array, v: Array, spread: Array, envelope: Index) -> None:
    """States x from noise ε."""
    for i in range(x.shape[0]):
        x[i] = v[i] * spread[i] + math.sqrt(spread[i]) * noise[i]
    back_substitution(factor, envelope, x)


@compiled
def find_noise(noise: Array, x: Array, factor: Array, v: Array, spread: Array, envelope: Index) -> None:
    """The inverse of :func:`place_states`."""
    for i in range(x.shape[0]):
        noise[i] = x[i]
        for c in range(envelope[i], i):
            noise[c] += factor[i, c] * x[i]
    for i in range(x.shape[0]):
        noise[i] = (noise[i] - v[i] * spread[i]) / math.sqrt(spread[i])
