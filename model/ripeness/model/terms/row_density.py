r"""The exact log density of all rows of the indicators, as one kernel that saves its gradient.

The likelihoods are those of :mod:`ripeness.model.terms.measurement`. With strength s = z̄ + m (the mean of the path over the row's weeks and
the level of its last week), a continuous row with residual r = y − c − ℓ s and variance v = (g σ)² + sampling² adds

.. math:: -\tfrac12 \log v - \tfrac{\nu+1}{2} \log(1 + r^2 / \nu v) + \text{const}(\nu)

and a count n with log mean η = log centre + b/ℓ · c + b s + log exposure + log captured, b = ± scale · ℓ, adds

.. math:: R(n, \alpha) - \log n! + n \eta - (n + \alpha) \log(1 + e^\eta / \alpha), \qquad
          R(n, \alpha) = \log \frac{\Gamma(n + \alpha)}{\Gamma(\alpha)} - n \log \alpha = \sum_{j<n} \log(1 + j / \alpha).

What rows share is computed once: continuous rows lie in groups of one indicator, widening and sampling error, so of one v; counts in
groups of one indicator, count and era, so of one R and one weight n + α. Within a group a sum of log(1 + x) is the logarithm of a
product, taken whenever the product passes a bound far below overflow. R, and Σ 1/(α + j) in its derivative, are summed over j up to
`WALKED` and continued from there by Stirling's series (:func:`stirling_rise`).

Value and gradient share one pass: the adjoint multiplies what was saved by the cotangent.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.exponential import exponential

Array = NDArray[np.float64]
Index = NDArray[np.int64]
WALKED = 64
LARGE_PRODUCT = 1e100
# log odds beyond which log(1 + odds) is the log odds themselves to the last bit
LARGE_LOG_ODDS = 170.0


@compiled
def density_of_rows(
    factor: Index, value: Array, weeks: Index, groups: Index, widths: Array,
    count_week: Index, log_exposure: Array, count_groups: Index, count_logs: Array, count_scales: Array,
    df: Array, loading: Array, intercept: Array, spread: Array, dispersion: Array, log_captured: Array, level: Array, path: Array,
) -> tuple[Array, Array, Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """Kernel of :func:`ripeness.model.ops.row_log_density`; after it, its gradient in loading, intercept, spread, dispersion, log_captured, level and path."""
    loading_bar, intercept_bar, spread_bar = np.zeros(loading.shape), np.zeros(intercept.shape), np.zeros(spread.shape)
    dispersion_bar, captured_bar = np.zeros(dispersion.shape), np.zeros(log_captured.shape)
    level_bar, path_bar = np.zeros(level.shape), np.zeros(path.shape)
    total = measured_density(
        factor, value, weeks, groups, widths, df[0], loading, intercept, spread, level, path,
        loading_bar, intercept_bar, spread_bar, level_bar, path_bar,
    )  # fmt: skip
    first = spread.shape[0]
    total += counted_density(
        factor[first:], count_week, log_exposure, count_groups, count_logs, count_scales,
        loading[first:], intercept[first:], dispersion, log_captured, level, path,
        loading_bar[first:], intercept_bar[first:], dispersion_bar, captured_bar, level_bar, path_bar,
    )  # fmt: skip
    density = np.empty(1)
    density[0] = total
    return density, loading_bar, intercept_bar, spread_bar, dispersion_bar, captured_bar, level_bar, path_bar


@compiled
def pull_back_density(
    factor: Index, value: Array, weeks: Index, groups: Index, widths: Array,
    count_week: Index, log_exposure: Array, count_groups: Index, count_logs: Array, count_scales: Array,
    df: Array, loading: Array, intercept: Array, spread: Array, dispersion: Array, log_captured: Array, level: Array, path: Array,
    total: Array, loading_bar: Array, intercept_bar: Array, spread_bar: Array, dispersion_bar: Array, captured_bar: Array,
    level_bar: Array, path_bar: Array, bar: Array,
) -> tuple[Array, Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """Adjoint of :func:`density_of_rows`: what it saved, times the cotangent of the density."""
    by = bar[0]
    return loading_bar * by, intercept_bar * by, spread_bar * by, dispersion_bar * by, captured_bar * by, level_bar * by, path_bar * by


@inner
def measured_density(
    factor: Index, value: Array, weeks: Index, groups: Index, widths: Array, df: float,
    loading: Array, intercept: Array, spread: Array, level: Array, path: Array,
    loading_bar: Array, intercept_bar: Array, spread_bar: Array, level_bar: Array, path_bar: Array,
) -> float:  # fmt: skip
    """Log density of the continuous rows; adds its gradient to the arrays that end in `_bar`."""
    total: float = 0.0
    product, logs = 1.0, 0.0
    for g in range(groups.shape[0]):
        i, start, stop = groups[g, 0], groups[g, 1], groups[g, 2]
        k, ell = factor[i], loading[i]
        variance = widths[g, 0] * spread[i] ** 2 + widths[g, 1]
        per_variance = 1.0 / (df * variance)
        # sums over the rows of r/(1 + x)·per_variance, alone and times s and times r, with x = r²·per_variance
        pulls, by_strength, by_residual = 0.0, 0.0, 0.0
        c, own_level, own_path, own_level_bar, own_path_bar = intercept[i], level[k], path[k], level_bar[k], path_bar[k]
        for j in range(start, stop):
            first, last = np.uint64(weeks[0, j]), np.uint64(weeks[1, j])
            mean = own_path[last]
            if first < last:
                for t in range(first, last):
                    mean += own_path[t]
                mean /= last - first + np.uint64(1)
            strength = mean + own_level[last]
            residual = value[j] - c - ell * strength
            scaled = residual * per_variance
            one_more = 1.0 + residual * scaled
            product *= one_more
            if product > LARGE_PRODUCT:
                logs += math.log(product)
                product = 1.0
            pull = scaled / one_more
            pulls += pull
            by_strength += pull * strength
            by_residual += pull * residual
            bar = (df + 1.0) * ell * pull
            own_level_bar[last] += bar
            if first < last:
                bar /= last - first + np.uint64(1)
                for t in range(first, last):
                    own_path_bar[t] += bar
            own_path_bar[last] += bar
        total -= 0.5 * (stop - start) * math.log(variance)
        intercept_bar[i] += (df + 1.0) * pulls
        loading_bar[i] += (df + 1.0) * by_strength
        spread_bar[i] += ((df + 1.0) * by_residual - (stop - start)) * widths[g, 0] * spread[i] / variance
    constant = math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df) - 0.5 * math.log(df * math.pi)
    total += constant * value.shape[0] - 0.5 * (df + 1.0) * (logs + math.log(product))
    return total


@inner
def counted_density(
    factor: Index, week: Index, log_exposure: Array, groups: Index, logs: Array, scales: Array,
    loading: Array, intercept: Array, dispersion: Array, log_captured: Array, level: Array, path: Array,
    loading_bar: Array, intercept_bar: Array, dispersion_bar: Array, captured_bar: Array, level_bar: Array, path_bar: Array,
) -> float:  # fmt: skip
    """Log density of the counts; adds its gradient to the arrays that end in `_bar`. Arrays by indicator hold the counted ones only."""
    strength, log_mean, odds, rest = count_odds(
        factor, week, log_exposure, groups, scales, loading, intercept, dispersion, log_captured, level, path
    )
    total = 0.0
    previous, walked, rise, inverses = -1, 0, 0.0, 0.0
    for g in range(groups.shape[0]):
        i, count, era, start, stop = groups[g, 0], groups[g, 1], groups[g, 2], groups[g, 3], groups[g, 4]
        k, alpha, scale, rows = factor[i], dispersion[i], scales[i, 0], stop - start
        if i != previous:
            previous, walked, rise, inverses = i, 0, 0.0, 0.0
        more, more_inverses = walked_rise(alpha, walked, min(count, WALKED))
        walked, rise, inverses = min(count, WALKED), rise + more, inverses + more_inverses
        beyond, beyond_inverses = stirling_rise(alpha, WALKED, count) if count > WALKED else (0.0, 0.0)
        slope, large = scale * loading[i], math.log(alpha) + LARGE_LOG_ODDS
        # the product less one, which keeps its digits where the odds are small: its logarithm is multiplied by n + α
        product, log_product, log_means, pulls, by_strength = 0.0, 0.0, 0.0, 0.0, 0.0
        own_level_bar, own_path_bar = level_bar[k], path_bar[k]
        for j in range(start, stop):
            t = np.uint64(week[j])
            product += odds[j] + odds[j] * product
            if product > LARGE_PRODUCT:
                log_product += math.log1p(product)
                product = 0.0
            if log_mean[j] > large:
                log_product += log_mean[j] - large
            pull = (count - alpha * odds[j]) * rest[j]
            log_means += log_mean[j]
            pulls += pull
            by_strength += pull * strength[j]
            own_level_bar[t] += slope * pull
            own_path_bar[t] += slope * pull
        log_product += math.log1p(product)
        total += rows * (rise + beyond - logs[g, 1]) + count * log_means - (count + alpha) * log_product
        loading_bar[i] += scale * by_strength
        intercept_bar[i] += scale * pulls
        dispersion_bar[i] += rows * (inverses + beyond_inverses) - log_product - pulls / alpha
        if era < log_captured.shape[0]:
            captured_bar[era] += pulls
    return total


@inner
def count_odds(
    factor: Index, week: Index, log_exposure: Array, groups: Index, scales: Array,
    loading: Array, intercept: Array, dispersion: Array, log_captured: Array, level: Array, path: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Of each count row: strength z + m, log mean η, odds e^η/α (bounded) and rest 1/(1 + odds), each (count row,)."""
    rows = week.shape[0]
    strength, log_mean, odds, rest = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    for g in range(groups.shape[0]):
        i, era = groups[g, 0], groups[g, 2]
        captured = log_captured[era] if era < log_captured.shape[0] else 0.0
        slope, fixed, log_alpha = scales[i, 0] * loading[i], scales[i, 1] + scales[i, 0] * intercept[i] + captured, math.log(dispersion[i])
        own_level, own_path = level[factor[i]], path[factor[i]]
        for j in range(groups[g, 3], groups[g, 4]):
            t = np.uint64(week[j])
            strength[j] = own_path[t] + own_level[t]
            log_mean[j] = fixed + slope * strength[j] + log_exposure[j]
            odds[j] = log_mean[j] - log_alpha
    # a loop of its own, which runs on whole vectors
    for j in range(rows):
        odds[j] = exponential(min(odds[j], LARGE_LOG_ODDS))
        rest[j] = 1.0 / (1.0 + odds[j])
    return strength, log_mean, odds, rest


@inner
def walked_rise(alpha: float, start: int, stop: int) -> tuple[float, float]:
    """Σ log(1 + j/α) and Σ 1/(α + j) over j = start … stop − 1, term by term."""
    product, logs, inverses = 0.0, 0.0, 0.0
    for j in range(start, stop):
        ratio = j / alpha
        product += ratio + ratio * product
        inverses += 1.0 / (alpha + j)
        if product > LARGE_PRODUCT:
            logs += math.log1p(product)
            product = 0.0
    return logs + math.log1p(product), inverses


@inner
def stirling_rise(alpha: float, start: int, stop: int) -> tuple[float, float]:
    """What :func:`walked_rise` gives, from Stirling's series of log Γ(stop + α) and log Γ(start + α), for start ≥ 64.

    The first terms left out are below 2·10⁻¹⁶ and 2·10⁻¹⁷. The rest is rounding: of the logarithms a few units in the last place of
    stop − start, of the inverses of their sum.
    """
    low, high, steps = alpha + start, alpha + stop, float(stop - start)
    per_low, per_high = 1.0 / low, 1.0 / high
    low2, high2 = per_low * per_low, per_high * per_high
    log_ratio = math.log1p(steps / low)
    tail = per_high * (1 / 12 - high2 * (1 / 360 - high2 / 1260)) - per_low * (1 / 12 - low2 * (1 / 360 - low2 / 1260))
    tail_inverses = high2 * (1 / 12 - high2 * (1 / 120 - high2 / 252)) - low2 * (1 / 12 - low2 * (1 / 120 - low2 / 252))
    total = (high - 0.5) * log_ratio - steps + steps * math.log1p(start / alpha) + tail
    return total, log_ratio - 0.5 * (per_high - per_low) - tail_inverses
