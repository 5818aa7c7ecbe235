r"""Counts of the indicators: negative binomial around a log mean that is linear in the factor.

A count n of indicator i on factor k in a week, with b = ± scale · ℓ:

.. math:: n \sim \text{NegBin}\big(e^\eta,\; \alpha_i\big), \qquad
          \eta = \log \text{centre}_i \pm \text{scale}_i\,[c_i + \ell_i (z + m)] + \log\text{exposure} + \log\text{capture}

adds to the log density

.. math:: R(n, \alpha) - \log n! + n \eta - (n + \alpha) \log(1 + e^\eta / \alpha), \qquad
          R(n, \alpha) = \log \frac{\Gamma(n + \alpha)}{\Gamma(\alpha)} - n \log \alpha = \sum_{j<n} \log(1 + j / \alpha).

`capture` is the share of real items that the source caught in each of its eras. For the whitened paths (:mod:`ripeness.model.terms.whitening`) a count
also gives a Gaussian pseudo-observation: its likelihood in η is expanded at a fixed mean μ°, one step of Fisher scoring (McCullagh and Nelder 1989,
"Generalized linear models", section 2.5), with the response log μ° + n/μ° − 1 for η and the precision b²/(1/μ° + 1/α). Where events are rare a week without
one says little; so μ° = (n + 1)/(1 + 1/m) lies between the count and the mean m of its indicator in its era: the mean of the Gamma posterior that the
count gives with a prior of shape 1 around m.

What rows share is computed once: counts lie in groups of one indicator, count and era, so of one R and one weight n + α. R, and Σ 1/(α + j) in its
derivative, are summed over j up to `SUMMED` and continued from there by Stirling's series (:func:`stirling_rise`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ripeness import names
from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.exponential import exponential
from ripeness.model.term import Kernel, Likelihood, Observed, Parameter, Scope, elicited
from ripeness.model.terms.loadings import factor_of, loadings_of
from ripeness.model.terms.slow_levels import factor_levels
from ripeness.model.terms.student_t_rows import LARGE_PRODUCT, of_cells, stretches

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]
SUMMED = 64
# log odds beyond which log(1 + odds) is the log odds themselves to the last bit
LARGE_LOG_ODDS = 170.0


def indicators(spec: ModelSpec) -> Sequence[str]:
    """Ids of the indicators that are counts."""
    return spec.panel.counted.indicators


def eras(spec: ModelSpec) -> Sequence[str]:
    """Names of the captured shares, "indicator.era"."""
    return [f"{name}.{era}" for name, era in spec.panel.counted.eras]


def scales_of(spec: ModelSpec) -> Array:
    """Scale × sign of each contract, and log of its centre: (count indicator, 2)."""
    own = [spec.contracts[name] for name in indicators(spec)]
    found = [((1.0 if contract.sign == "+" else -1.0) * contract.scale, np.log(contract.centre)) for contract in own]
    return np.array(found, dtype=float).reshape(-1, 2)


def lay_out(spec: ModelSpec) -> dict[str, Any]:
    """The rows as plain arrays for kernels, ordered by indicator, count and era, then by week; the adjoint relies on the order of groups.

    Returns
    -------
    dict
        count_factor (count indicator,); count_week (row,); count_log_exposure (row,); count_groups (group, 5), place among the counted indicators,
        count, era (the number of eras where none applies), first row, one past the last one; count_logs (group, 3), 1/μ°, response and log n!;
        count_scales (count indicator, 2), as :func:`scales_of`; first_count (1,), place of the first counted indicator among all.
    """
    rows = spec.panel.counted
    count = rows.count.astype(np.int64)
    order = np.lexsort((rows.week, rows.era, count, rows.indicator))
    keys = np.stack([rows.indicator, count, rows.era])[:, order]
    bounds = stretches(keys)
    groups = np.stack([*keys[:, bounds[:-1]], bounds[:-1], bounds[1:]], axis=1).astype(np.int64)
    alike = (keys[::2, :, None] == keys[::2, None, bounds[:-1]]).all(axis=0)  # which rows are of a group's indicator and era: (row, group)
    mean = (groups[:, 1] + 1.0) / (1.0 + alike.sum(axis=0) / (count[order] @ alike + 0.5))
    first = len(spec.panel.measured.indicators)
    return {
        "count_factor": factor_of(spec)[first : first + len(rows.indicators)],
        "count_week": rows.week[order].astype(np.int64),
        "count_log_exposure": rows.log_exposure[order],
        "count_groups": groups,
        "count_logs": np.stack([1.0 / mean, np.log(mean) + groups[:, 1] / mean - 1.0, gammaln(groups[:, 1] + 1.0)], axis=1),
        "count_scales": scales_of(spec),
        "first_count": np.array([first], dtype=np.int64),
    }


@compiled
def gather_counts(
    factor: Index, week: Index, log_exposure: Array, groups: Index, logs: Array, scales: Array, first: Index,
    loading: Array, intercept: Array, dispersion: Array, capture: Array, level: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Gaussian pseudo-observations of the counts, added up in their weeks: precision and information, each (factor, week)."""
    precision, information = np.zeros(level.shape), np.zeros(level.shape)
    for g in range(groups.shape[0]):
        i, era = groups[g, 0], groups[g, 2]
        whole = first[0] + i
        k = factor[i]
        slope = scales[i, 0] * loading[whole]
        weight = slope / (logs[g, 0] + 1.0 / dispersion[i])
        own = slope * weight
        captured = math.log(capture[era]) if era < capture.shape[0] else 0.0
        remainder = logs[g, 1] - scales[i, 1] - scales[i, 0] * intercept[whole] - captured
        own_level, own_precision, own_information = level[k], precision[k], information[k]
        for j in range(groups[g, 3], groups[g, 4]):
            t = np.uint64(week[j])
            own_precision[t] += own
            own_information[t] += weight * (remainder - log_exposure[j]) - own * own_level[t]
    return precision, information


@compiled
def adjoint_gathered(
    factor: Index, week: Index, log_exposure: Array, groups: Index, logs: Array, scales: Array, first: Index,
    loading: Array, intercept: Array, dispersion: Array, capture: Array, level: Array,
    precision: Array, information: Array, precision_bar: Array, information_bar: Array,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """Adjoint of :func:`gather_counts`: cotangents of loading, intercept, dispersion, capture and level."""
    loading_bar, intercept_bar = np.zeros(loading.shape), np.zeros(intercept.shape)
    dispersion_bar, capture_bar, level_bar = np.zeros(dispersion.shape), np.zeros(capture.shape), np.zeros(level.shape)
    for g in range(groups.shape[0]):
        i, era = groups[g, 0], groups[g, 2]
        whole = first[0] + i
        k = factor[i]
        slope = scales[i, 0] * loading[whole]
        weight = 1.0 / (logs[g, 0] + 1.0 / dispersion[i])
        own = slope**2 * weight
        captured = math.log(capture[era]) if era < capture.shape[0] else 0.0
        remainder = logs[g, 1] - scales[i, 1] - scales[i, 0] * intercept[whole] - captured
        precisions, informations, remainders, levels = 0.0, 0.0, 0.0, 0.0
        own_level, own_level_bar, own_precision_bar, own_information_bar = level[k], level_bar[k], precision_bar[k], information_bar[k]
        for j in range(groups[g, 3], groups[g, 4]):
            t = np.uint64(week[j])
            bar = own_information_bar[t]
            precisions += own_precision_bar[t]
            informations += bar
            remainders += bar * (remainder - log_exposure[j])
            levels += bar * own_level[t]
            own_level_bar[t] -= own * bar
        both = slope * precisions - slope * levels
        loading_bar[whole] += scales[i, 0] * weight * (remainders + 2.0 * both)
        intercept_bar[whole] -= scales[i, 0] * slope * weight * informations
        dispersion_bar[i] += slope * (both + remainders) * (weight / dispersion[i]) ** 2
        if era < capture.shape[0]:
            capture_bar[era] -= slope * weight * informations / capture[era]
    return loading_bar, intercept_bar, dispersion_bar, capture_bar, level_bar


@compiled
def density_of_counts(
    factor: Index, week: Index, log_exposure: Array, groups: Index, logs: Array, scales: Array, first: Index,
    loading: Array, intercept: Array, dispersion: Array, capture: Array, level: Array, path: Array,
) -> tuple[Array, Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """Exact log density of the counts together (1,); saved is its gradient in loading, intercept, dispersion, capture, level and path."""
    loading_bar, intercept_bar = np.zeros(loading.shape), np.zeros(intercept.shape)
    dispersion_bar, capture_bar = np.zeros(dispersion.shape), np.zeros(capture.shape)
    level_bar, path_bar = np.zeros(level.shape), np.zeros(path.shape)
    strength, log_mean, odds, rest = count_odds(
        factor, week, log_exposure, groups, scales, loading[first[0] :], intercept[first[0] :], dispersion, capture, level, path
    )
    total = 0.0
    previous, summed, rise, inverses = -1, 0, 0.0, 0.0
    for g in range(groups.shape[0]):
        i, count, era, start, stop = groups[g, 0], groups[g, 1], groups[g, 2], groups[g, 3], groups[g, 4]
        whole, k, alpha, scale, rows = first[0] + i, factor[i], dispersion[i], scales[i, 0], stop - start
        if i != previous:
            previous, summed, rise, inverses = i, 0, 0.0, 0.0
        more, more_inverses = summed_rise(alpha, summed, min(count, SUMMED))
        summed, rise, inverses = min(count, SUMMED), rise + more, inverses + more_inverses
        beyond, beyond_inverses = stirling_rise(alpha, SUMMED, count) if count > SUMMED else (0.0, 0.0)
        slope, large = scale * loading[whole], math.log(alpha) + LARGE_LOG_ODDS
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
        total += rows * (rise + beyond - logs[g, 2]) + count * log_means - (count + alpha) * log_product
        loading_bar[whole] += scale * by_strength
        intercept_bar[whole] += scale * pulls
        dispersion_bar[i] += rows * (inverses + beyond_inverses) - log_product - pulls / alpha
        if era < capture.shape[0]:
            capture_bar[era] += pulls / capture[era]
    density = np.empty(1)
    density[0] = total
    return density, loading_bar, intercept_bar, dispersion_bar, capture_bar, level_bar, path_bar


@inner
def count_odds(
    factor: Index, week: Index, log_exposure: Array, groups: Index, scales: Array,
    loading: Array, intercept: Array, dispersion: Array, capture: Array, level: Array, path: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Of each count row: strength z + m, log mean η, odds e^η/α (bounded) and rest 1/(1 + odds), each (count row,)."""
    rows = week.shape[0]
    strength, log_mean, odds, rest = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    for g in range(groups.shape[0]):
        i, era = groups[g, 0], groups[g, 2]
        captured = math.log(capture[era]) if era < capture.shape[0] else 0.0
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
def summed_rise(alpha: float, start: int, stop: int) -> tuple[float, float]:
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
    """What :func:`summed_rise` gives, from Stirling's series of log Γ(stop + α) and log Γ(start + α), for start ≥ 64.

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


@inner
def adjoint_density(
    factor: Index, week: Index, log_exposure: Array, groups: Index, logs: Array, scales: Array, first: Index,
    loading: Array, intercept: Array, dispersion: Array, capture: Array, level: Array, path: Array, density: Array,
    loading_by: Array, intercept_by: Array, dispersion_by: Array, capture_by: Array, level_by: Array, path_by: Array, bar: Array,
) -> tuple[Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """Adjoint of :func:`density_of_counts`: what it saved; its own cotangent is one, as of any log density."""
    return loading_by, intercept_by, dispersion_by, capture_by, level_by, path_by


ROWS = ("count_factor", "count_week", "count_log_exposure", "count_groups", "count_logs", "count_scales", "first_count")
READ = ("loadings", "intercepts", "dispersion", "capture", "factor_level")


class CountRows(Likelihood):
    """Counts of the indicators."""

    parameters = (
        Parameter(
            "dispersion", (names.COUNTED,), "log", elicited("dispersion", indicators), "dispersion of the negative binomial", "dispersion"
        ),
        Parameter("capture", (names.ERA,), "logit", elicited("capture", eras), "share of real items captured", "capture"),
    )
    kernels = (
        Kernel(gather_counts, adjoint_gathered, (*ROWS, *READ), {"precision": "matrix", "information": "matrix"}, READ),
        Kernel(
            density_of_counts,
            adjoint_density,
            inputs=(*ROWS, *READ, "path"),
            outputs={"counted": "vector"},
            saved={
                "counted_by_loadings": "vector", "counted_by_intercepts": "vector", "counted_by_dispersion": "vector",
                "counted_by_capture": "vector", "counted_by_level": "matrix", "counted_by_path": "matrix",
            },
            wrt=(*READ, "path"),
            log_density="counted",
        ),
    )  # fmt: skip
    observed = Observed("counted", (names.COUNT_ROW,), "count rows", "items", whole=True)
    replicated_from = frozenset({"path"})

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {
            names.COUNTED: list(indicators(spec)),
            names.ERA: [f"{name} {era}" for name, era in spec.panel.counted.eras],
            names.COUNT_ROW: np.arange(len(spec.panel.counted.count)),
        }

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        return lay_out(spec)

    def constants(self, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Any]]:
        rows, dim = spec.panel.counted, (names.COUNT_ROW,)
        return {
            "count_row_indicator": (dim, np.array(rows.indicators)[rows.indicator]),
            "count_row_week": (dim, rows.week),
            "count_row_log_exposure": (dim, rows.log_exposure),
        }

    def declare(self, scope: Scope) -> None:
        import pytensor.tensor as pt

        dispersion, capture = self.parameters
        scope["dispersion"], scope["capture"] = pt.zeros(0), pt.zeros(0)
        if len(indicators(scope.spec)):
            scope.free(dispersion)
        if len(eras(scope.spec)):
            scope.free(capture)
        if scope.form == "whitened":
            from ripeness.model.ops import op_of

            given = op_of(self.kernels[0])(scope.quantities | self.data(scope.spec, scope.reading, scope.variant))
            scope.add("precision", given["precision"])
            scope.add("information", given["information"])

    def observe(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        rows, first = scope.spec.panel.counted, len(scope.spec.panel.measured.indicators)
        if not len(rows.count):
            return
        i, own = rows.indicator + first, scales_of(scope.spec)[rows.indicator]
        k = factor_of(scope.spec)[i]
        strength = scope["intercepts"][i] + scope["loadings"][i] * (scope["path"][k, rows.week] + scope["factor_level"][k, rows.week])
        captured = pt.concatenate([pt.log(scope["capture"]), pt.zeros(1)])[rows.era] if rows.eras else np.zeros(len(rows.count))
        log_mean = own[:, 1] + own[:, 0] * strength + rows.log_exposure + captured
        alpha = scope["dispersion"][rows.indicator]
        pm.NegativeBinomial("counted", mu=pt.exp(log_mean), alpha=alpha, observed=rows.count.astype(int), dims=names.COUNT_ROW)

    def log_likelihood(self, spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
        log_mean, alpha = moments(spec, draws)
        rows = spec.panel.counted
        density = np.empty(log_mean.shape)
        for indicator in np.unique(rows.indicator):  # those of one share a dispersion: its Γ is taken once
            own = np.flatnonzero(rows.indicator == indicator)
            density[:, own] = negative_binomial_log_density(rows.count[own], log_mean[:, own], alpha[:, own[:1]])
        return density

    def replicate(self, spec: ModelSpec, draws: Mapping[str, Array], rng: np.random.Generator) -> Array:
        log_mean, alpha = moments(spec, draws)
        return rng.poisson(rng.gamma(alpha, np.exp(np.clip(log_mean, -50, 12)) / alpha)).astype(float)

    def observations(self, spec: ModelSpec) -> Array:
        return spec.panel.counted.count


def negative_binomial_log_density(count: Array, log_mean: Array, dispersion: Array) -> Array:
    """Log density of a negative binomial with variance mean + mean²/dispersion; the arrays broadcast."""
    log_alpha = np.log(dispersion)
    over = np.logaddexp(0.0, log_mean - log_alpha)
    rise = gammaln(count + dispersion) - gammaln(dispersion) - gammaln(count + 1)
    return np.asarray(rise - dispersion * over + count * (log_mean - log_alpha - over))


def moments(spec: ModelSpec, draws: Mapping[str, Array]) -> tuple[Array, Array]:
    """Log mean and dispersion of every count row.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        Posterior or prior draws of path, level_path, loading, intercept, dispersion, capture.

    Returns
    -------
    log_mean, dispersion : ndarray (draw, count row)
    """
    rows, path = spec.panel.counted, draws["path"]
    number = len(path)
    if not len(rows.count):
        return np.zeros((number, 0)), np.zeros((number, 0))
    loading, intercept = loadings_of(spec, draws)
    indicator, own = rows.indicator + len(spec.panel.measured.indicators), scales_of(spec)[rows.indicator]
    k = factor_of(spec)[indicator]
    strength = of_cells(path, k, rows.week) + of_cells(factor_levels(spec, draws), k, rows.week)
    strength = intercept[:, indicator] + loading[:, indicator] * strength
    captured = np.concatenate([draws.get("capture", np.zeros((number, 0))), np.ones((number, 1))], axis=1)
    log_mean = own[:, 1] + own[:, 0] * strength + rows.log_exposure + np.log(captured)[:, rows.era]
    return log_mean, draws["dispersion"][:, rows.indicator]
