r"""Continuous rows of the indicators: Student-t, or normal, around the mean of the factor over the weeks that a row describes.

A row of indicator i on factor k, describing weeks s … e:

.. math:: y = c_i + \ell_i\,(\bar z_{k,s..e} + m_{k,e}) + \text{noise},\qquad
          \text{noise} \sim t_\nu\big(0,\; \sqrt{(g\,\sigma_i)^2 + \text{sampling}^2}\big)

with z̄ the mean of the path over the weeks, m the slow level of factors whose indicators trend for years (else 0), g the widening for grade and
overlap and σ_i = floor + noise_i. With residual r = y − c − ℓ(z̄ + m) and variance v = (g σ)² + sampling² a row adds

.. math:: -\tfrac12 \log v - \tfrac{\nu+1}{2} \log(1 + r^2 / \nu v) + \text{const}(\nu)

to the log density. For the whitened paths (:mod:`ripeness.model.terms.whitening`) it also gives a Gaussian pseudo-observation in its middle week, of
precision ℓ² (ν + 1)/((ν + 3) v), the Fisher information of the Student-t. An indicator whose contract says `errors = "normal"` has ν = ∞: its rows add
−½ log v − ½ r²/v + const, of precision ℓ²/v.

What rows share is computed once: rows lie in groups of one indicator, widening and sampling error, so of one variance. Within a group the sum of
log(1 + x) is the logarithm of a product, taken whenever the product passes a bound far below overflow. Kernels read weeks as unsigned numbers: an index
that cannot be negative needs no check in every row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from ripeness import names
from ripeness.kernels.compilation import compiled, inner
from ripeness.model.term import Kernel, Likelihood, Observed, Parameter, Scope, elicited
from ripeness.model.terms.loadings import factor_of, loadings_of
from ripeness.model.terms.slow_levels import factor_levels

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]
LARGE_PRODUCT = 1e100


def indicators(spec: ModelSpec) -> Sequence[str]:
    """Ids of the indicators with continuous rows."""
    return spec.panel.measured.indicators


def errors_df(spec: ModelSpec) -> Array:
    """Degrees of freedom of each indicator's errors, ∞ where they are normal: (measured indicator,)."""
    own = [math.inf if spec.contracts[name].errors == "normal" else spec.priors.files.noise_tails for name in indicators(spec)]
    return np.array(own, dtype=float)


def noise_floor(spec: ModelSpec) -> Array:
    """Least scale of the noise of each indicator: (measured indicator,)."""
    return np.array([spec.contracts[name].noise_floor or 0.0 for name in indicators(spec)], dtype=float)


def lay_out(spec: ModelSpec) -> dict[str, Any]:
    """The rows as plain arrays for kernels, ordered by indicator, widening and sampling error, then by week.

    Returns
    -------
    dict
        row_value (row,); row_weeks (3, row), first, last and middle week; row_groups (group, 3), indicator, first row and one past the last one;
        row_widths (group, 2), widening squared and variance of the sampling error; row_df, noise_floor (measured indicator,) each.
    """
    rows = spec.panel.measured
    order = np.lexsort((rows.last, rows.sampling, rows.widening, rows.indicator))
    keys = np.stack([rows.indicator, rows.widening, rows.sampling])[:, order]
    bounds = stretches(keys)
    first, last = rows.first[order], rows.last[order]
    return {
        "row_value": rows.value[order],
        "row_weeks": np.stack([first, last, (first + last) // 2]).astype(np.int64),
        "row_groups": np.stack([rows.indicator[order][bounds[:-1]], bounds[:-1], bounds[1:]], axis=1).astype(np.int64),
        "row_widths": np.ascontiguousarray(keys[1:, bounds[:-1]].T ** 2),
        "row_df": errors_df(spec),
        "noise_floor": noise_floor(spec),
    }


def stretches(keys: NDArray[Any]) -> Index:
    """Bounds of the stretches of equal columns of sorted `keys` (key, row): the first row of each, then the number of rows."""
    rows = keys.shape[1]
    starts = np.flatnonzero((np.diff(keys, axis=1) != 0).any(axis=0)) + 1
    return np.concatenate([[0], starts, [rows]]).astype(np.int64) if rows else np.zeros(1, dtype=np.int64)


@inner
def add_floor(noise: Array, floor: Array) -> tuple[Array]:
    """σ of each indicator: floor and noise together."""
    spread = np.empty(noise.shape[0])
    for i in range(noise.shape[0]):
        spread[i] = floor[i] + noise[i]
    return (spread,)


@inner
def adjoint_floor(noise: Array, floor: Array, spread: Array, spread_bar: Array) -> tuple[Array]:
    """Cotangent of the noise."""
    return (spread_bar,)


@inner
def information_share(df: float) -> float:
    """Fisher information of a Student-t of scale one; one where it is normal."""
    return (df + 1.0) / (df + 3.0) if df < math.inf else 1.0


@compiled
def gather_rows(
    factor: Index, value: Array, weeks: Index, groups: Index, widths: Array, df: Array, loading: Array, intercept: Array, spread: Array,
    level: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Gaussian pseudo-observations of the rows, added up in their middle weeks: precision and information, each (factor, week)."""
    precision, information = np.zeros(level.shape), np.zeros(level.shape)
    for g in range(groups.shape[0]):
        i = groups[g, 0]
        k = factor[i]
        variance = widths[g, 0] * spread[i] ** 2 + widths[g, 1]
        weight = loading[i] * information_share(df[i]) / variance
        own = loading[i] * weight
        own_intercept, own_level, own_precision, own_information = intercept[i], level[k], precision[k], information[k]
        for j in range(groups[g, 1], groups[g, 2]):
            last, middle = np.uint64(weeks[1, j]), np.uint64(weeks[2, j])
            own_precision[middle] += own
            own_information[middle] += weight * (value[j] - own_intercept) - own * own_level[last]
    return precision, information


@compiled
def adjoint_gathered(
    factor: Index, value: Array, weeks: Index, groups: Index, widths: Array, df: Array, loading: Array, intercept: Array, spread: Array,
    level: Array, precision: Array, information: Array, precision_bar: Array, information_bar: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Adjoint of :func:`gather_rows`: cotangents of loading, intercept, spread and level."""
    loading_bar, intercept_bar, spread_bar = np.zeros(loading.shape), np.zeros(intercept.shape), np.zeros(spread.shape)
    level_bar = np.zeros(level.shape)
    for g in range(groups.shape[0]):
        i = groups[g, 0]
        k = factor[i]
        variance = widths[g, 0] * spread[i] ** 2 + widths[g, 1]
        weight = information_share(df[i]) / variance
        own = loading[i] ** 2 * weight
        # sums of the cotangents, alone and times the row's value less c and times its level
        precisions, informations, remainders, levels = 0.0, 0.0, 0.0, 0.0
        own_intercept, own_level, own_level_bar = intercept[i], level[k], level_bar[k]
        own_precision_bar, own_information_bar = precision_bar[k], information_bar[k]
        for j in range(groups[g, 1], groups[g, 2]):
            last, middle = np.uint64(weeks[1, j]), np.uint64(weeks[2, j])
            bar = own_information_bar[middle]
            precisions += own_precision_bar[middle]
            informations += bar
            remainders += bar * (value[j] - own_intercept)
            levels += bar * own_level[last]
            own_level_bar[last] -= own * bar
        both = loading[i] * precisions - loading[i] * levels
        loading_bar[i] += weight * (remainders + 2.0 * both)
        intercept_bar[i] -= loading[i] * weight * informations
        spread_bar[i] -= 2.0 * widths[g, 0] * spread[i] * loading[i] * (both + remainders) * weight / variance
    return loading_bar, intercept_bar, spread_bar, level_bar


@compiled
def density_of_rows(
    factor: Index, value: Array, weeks: Index, groups: Index, widths: Array, df: Array, loading: Array, intercept: Array, spread: Array,
    level: Array, path: Array,
) -> tuple[Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """Exact log density of the rows together (1,); saved is its gradient in loading, intercept, spread, level and path."""
    loading_bar, intercept_bar, spread_bar = np.zeros(loading.shape), np.zeros(intercept.shape), np.zeros(spread.shape)
    level_bar, path_bar = np.zeros(level.shape), np.zeros(path.shape)
    total: float = 0.0
    for g in range(groups.shape[0]):
        i, start, stop = groups[g, 0], groups[g, 1], groups[g, 2]
        k, ell = factor[i], loading[i]
        variance = widths[g, 0] * spread[i] ** 2 + widths[g, 1]
        # with x = r²·per_variance the slope of a row's log density by r is −power·r·per_variance/(1 + bent·x): normal errors are not bent
        normal = df[i] == math.inf
        tails, bent = (1.0, 0.0) if normal else (df[i], 1.0)
        power, per_variance = tails + bent, 1.0 / (tails * variance)
        # sums over the rows of r/(1 + bent·x)·per_variance, alone and times s and times r; the product of 1 + bent·x
        pulls, by_strength, by_residual, product, logs = 0.0, 0.0, 0.0, 1.0, 0.0
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
            one_more = 1.0 + bent * residual * scaled
            product *= one_more
            if product > LARGE_PRODUCT:
                logs += math.log(product)
                product = 1.0
            pull = scaled / one_more
            pulls += pull
            by_strength += pull * strength
            by_residual += pull * residual
            bar = power * ell * pull
            own_level_bar[last] += bar
            if first < last:
                bar /= last - first + np.uint64(1)
                for t in range(first, last):
                    own_path_bar[t] += bar
            own_path_bar[last] += bar
        constant = -0.5 * math.log(2.0 * math.pi)
        if normal:
            total -= 0.5 * by_residual
        else:
            constant = math.lgamma(0.5 * (tails + 1.0)) - math.lgamma(0.5 * tails) - 0.5 * math.log(tails * math.pi)
            total -= 0.5 * power * (logs + math.log(product))
        total += (stop - start) * (constant - 0.5 * math.log(variance))
        intercept_bar[i] += power * pulls
        loading_bar[i] += power * by_strength
        spread_bar[i] += (power * by_residual - (stop - start)) * widths[g, 0] * spread[i] / variance
    density = np.empty(1)
    density[0] = total
    return density, loading_bar, intercept_bar, spread_bar, level_bar, path_bar


@inner
def adjoint_density(
    factor: Index, value: Array, weeks: Index, groups: Index, widths: Array, df: Array, loading: Array, intercept: Array, spread: Array,
    level: Array, path: Array, density: Array, loading_by: Array, intercept_by: Array, spread_by: Array, level_by: Array, path_by: Array,
    bar: Array,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """Adjoint of :func:`density_of_rows`: what it saved; its own cotangent is one, as of any log density."""
    return loading_by, intercept_by, spread_by, level_by, path_by


class StudentTRows(Likelihood):
    """Continuous rows of the indicators."""

    parameters = (
        Parameter(
            "noise",
            (names.MEASURED,),
            "log",
            elicited("noise", indicators),
            "noise above the contract's floor",
            "noise",
            "scales of the indicator",
        ),
    )
    kernels = (
        Kernel(add_floor, adjoint_floor, ("noise", "noise_floor"), {"spread": "vector"}, ("noise",)),
        Kernel(
            gather_rows,
            adjoint_gathered,
            inputs=("indicator_factor", "row_value", "row_weeks", "row_groups", "row_widths", "row_df", "loadings", "intercepts", "spread", "factor_level"),
            outputs={"precision": "matrix", "information": "matrix"},
            wrt=("loadings", "intercepts", "spread", "factor_level"),
        ),
        Kernel(
            density_of_rows,
            adjoint_density,
            inputs=(
                *("indicator_factor", "row_value", "row_weeks", "row_groups", "row_widths", "row_df"),
                *("loadings", "intercepts", "spread", "factor_level", "path"),
            ),
            outputs={"measured": "vector"},
            saved={
                "measured_by_loadings": "vector", "measured_by_intercepts": "vector", "measured_by_spread": "vector",
                "measured_by_level": "matrix", "measured_by_path": "matrix",
            },
            wrt=("loadings", "intercepts", "spread", "factor_level", "path"),
            log_density="measured",
        ),
    )  # fmt: skip
    observed = Observed("measured", (names.ROW,), "continuous indicator rows", "scales of the indicator")
    replicated_from = frozenset({"path"})

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.MEASURED: list(indicators(spec)), names.ROW: np.arange(len(spec.panel.measured.value))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        return lay_out(spec)

    def constants(self, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Any]]:
        rows, dim = spec.panel.measured, (names.ROW,)
        return {
            "row_indicator": (dim, np.array(rows.indicators)[rows.indicator]),
            "row_first_week": (dim, rows.first),
            "row_last_week": (dim, rows.last),
            "row_widening": (dim, rows.widening),
            "row_sampling": (dim, rows.sampling),
        }

    def declare(self, scope: Scope) -> None:
        noise = scope.free(self.parameters[0])
        scope["spread"] = noise_floor(scope.spec) + noise
        if scope.form == "whitened":
            from ripeness.model.ops import op_of

            given = op_of(self.kernels[1])(scope.quantities | self.data(scope.spec, scope.reading, scope.variant))
            scope.add("precision", given["precision"])
            scope.add("information", given["information"])

    def observe(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        rows, path = scope.spec.panel.measured, scope["path"]
        if not len(rows.value):
            return
        i, k = rows.indicator, factor_of(scope.spec)[rows.indicator]
        if np.array_equal(rows.first, rows.last):
            mean = path[k, rows.first]
        else:
            whole = pt.concatenate([pt.zeros((path.shape[0], 1)), pt.cumsum(path, axis=1)], axis=1)
            mean = (whole[k, rows.last + 1] - whole[k, rows.first]) / (rows.last - rows.first + 1)
        location = scope["intercepts"][i] + scope["loadings"][i] * (mean + scope["factor_level"][k, rows.last])
        sigma = pt.sqrt((scope["spread"][i] * rows.widening) ** 2 + rows.sampling**2)
        df = errors_df(scope.spec)[i]
        if np.isfinite(df).all():
            pm.StudentT("measured", df, mu=location, sigma=sigma, observed=rows.value, dims=names.ROW)
            return
        heavy = np.flatnonzero(np.isfinite(df))

        def log_density(value: Any, mu: Any, sigma: Any) -> Any:
            of_normal = pm.logp(pm.Normal.dist(mu=mu, sigma=sigma), value)
            return pt.set_subtensor(of_normal[heavy], pm.logp(pm.StudentT.dist(df[heavy], mu=mu[heavy], sigma=sigma[heavy]), value[heavy]))

        def draw(mu: Array, sigma: Array, rng: Any = None, size: Any = None) -> Array:
            return np.asarray(mu + sigma * unit_errors(mu.shape, df, rng))

        pm.CustomDist(
            "measured", location, sigma, logp=log_density, random=draw, signature="(r),(r)->(r)", observed=rows.value, dims=names.ROW
        )

    def log_likelihood(self, spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
        location, spread = moments(spec, draws)
        return error_log_density(spec.panel.measured.value, location, spread, errors_df(spec)[spec.panel.measured.indicator])

    def replicate(self, spec: ModelSpec, draws: Mapping[str, Array], rng: np.random.Generator) -> Array:
        location, spread = moments(spec, draws)
        return np.asarray(location + spread * unit_errors(location.shape, errors_df(spec)[spec.panel.measured.indicator], rng))

    def observations(self, spec: ModelSpec) -> Array:
        return spec.panel.measured.value


def error_log_density(value: Array, location: Array, spread: Array, df: Array) -> Array:
    """Log density of a Student-t with `df` degrees of freedom, normal where they are ∞; the arrays broadcast."""
    off, normal = ((value - location) / spread) ** 2, np.isinf(df)
    tails = np.where(normal, 1.0, df)
    bent = np.where(normal, off, (tails + 1.0) * np.log1p(off / tails))
    return np.asarray(-0.5 * bent - np.log(spread) + student.logpdf(0.0, df))


def unit_errors(shape: tuple[int, ...], df: Array, rng: np.random.Generator) -> Array:
    """Errors of scale one, (…, row) as `shape`, from Student-t with `df` (row,) degrees of freedom, normal where they are ∞."""
    normal = np.isinf(df)
    errors = rng.standard_t(np.where(normal, 1.0, df), shape)
    if normal.any():
        errors[..., normal] = rng.standard_normal((*shape[:-1], int(normal.sum())))
    return errors


def moments(spec: ModelSpec, draws: Mapping[str, Array]) -> tuple[Array, Array]:
    """Location and scale of every continuous row's Student-t.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        Posterior or prior draws of path, level_path, loading, intercept, noise.

    Returns
    -------
    location, spread : ndarray (draw, row)
        In units of the contract's scale.
    """
    rows, path = spec.panel.measured, draws["path"]
    number, factors, weeks = path.shape
    loading, intercept = loadings_of(spec, draws)
    whole = np.zeros((number, factors, weeks + 1))
    np.cumsum(path, axis=2, out=whole[:, :, 1:])
    k = factor_of(spec)[rows.indicator]
    location = of_cells(whole, k, rows.last + 1)
    location -= of_cells(whole, k, rows.first)
    location /= rows.last - rows.first + 1
    location += of_cells(factor_levels(spec, draws), k, rows.last)
    location *= loading[:, rows.indicator]
    location += intercept[:, rows.indicator]
    noise = noise_floor(spec) + draws.get("noise", np.zeros((number, 0)))
    spread = np.sqrt((noise[:, rows.indicator] * rows.widening) ** 2 + rows.sampling**2)
    return location, spread


def of_cells(values: Array, k: NDArray[Any], t: NDArray[Any]) -> Array:
    """Values (draw, factor, week) of given cells: (draw, cell)."""
    return np.take(values.reshape(len(values), -1), k * values.shape[2] + t, axis=1)
