"""What the draws say of each row: log-likelihoods and replicated data, for the groups that ArviZ reads.

Computed in NumPy from stored draws, by the same formulas as the model (:mod:`ripeness.model.terms.measurement`); a test holds the two
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import t as student

from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RowMoments:
    """Location and scale of continuous rows (draw, row), log mean and dispersion of count rows (draw, count row)."""

    location: Array
    spread: Array
    log_mean: Array
    dispersion: Array


def row_moments(spec: ModelSpec, draws: dict[str, Array]) -> RowMoments:
    """Moments of every row's likelihood.

    Parameters
    ----------
    spec : ModelSpec
    draws : dict of ndarray (draw, …)
        Posterior or prior draws of path, level_path, loading, intercept, noise, dispersion, capture.
    """
    panel, workspace = spec.panel, spec.workspace
    path = draws["path"]
    number, factors, weeks = path.shape
    level = np.zeros((number, factors, weeks))
    if "level_path" in draws:
        level[:, [k for k, factor in enumerate(workspace.factors) if factor.level]] = draws["level_path"]
    contracts = [spec.contracts[name] for name in panel.indicators]
    relative = [i for i, contract in enumerate(contracts) if not contract.reference]
    loading, intercept = np.ones((number, len(contracts))), np.zeros((number, len(contracts)))
    if relative:
        loading[:, relative], intercept[:, relative] = draws["loading"], draws["intercept"]
    factor_of = np.array([workspace.factor_ids.index(contract.factor) for contract in contracts], dtype=np.intp)

    rows, counts = panel.measured, panel.counted
    whole = np.zeros((number, factors, weeks + 1))
    np.cumsum(path, axis=2, out=whole[:, :, 1:])
    k = factor_of[rows.indicator]
    location = _of_cells(whole, k, rows.last + 1)
    location -= _of_cells(whole, k, rows.first)
    location /= rows.last - rows.first + 1
    location += _of_cells(level, k, rows.last)
    location *= loading[:, rows.indicator]
    location += intercept[:, rows.indicator]
    floor = np.array([contract.noise_floor or 0.0 for contract in contracts[: len(rows.indicators)]])
    noise = floor + draws.get("noise", np.zeros((number, 0)))
    spread = np.sqrt((noise[:, rows.indicator] * rows.widening) ** 2 + rows.sampling**2)
    if not len(counts.count):
        return RowMoments(location, spread, np.zeros((number, 0)), np.zeros((number, 0)))
    indicator = counts.indicator + len(rows.indicators)
    k = factor_of[indicator]
    strength = intercept[:, indicator] + loading[:, indicator] * (_of_cells(path, k, counts.week) + _of_cells(level, k, counts.week))
    slope = np.array([contracts[i].scale * (1 if contracts[i].sign == "+" else -1) for i in indicator])
    centre = np.log([contracts[i].centre for i in indicator])
    captured = np.concatenate([draws.get("capture", np.zeros((number, 0))), np.ones((number, 1))], axis=1)
    log_mean = centre + slope * strength + counts.log_exposure + np.log(captured)[:, counts.era]
    return RowMoments(location, spread, log_mean, draws["dispersion"][:, counts.indicator])


def _of_cells(values: Array, k: NDArray[np.intp], t: NDArray[np.int64]) -> Array:
    """Values (draw, factor, week) of given cells: (draw, cell)."""
    return np.take(values.reshape(len(values), -1), k * values.shape[2] + t, axis=1)


def log_likelihoods(spec: ModelSpec, moments: RowMoments) -> dict[str, Array]:
    """Log-likelihood of every row: measured (draw, row) and counted (draw, count row)."""
    counts = spec.panel.counted
    measured = student_t_log_density(spec.panel.measured.value, moments.location, moments.spread, spec.priors.files.noise_tails)
    counted = np.empty(moments.log_mean.shape)
    for indicator in np.unique(counts.indicator):
        own = np.flatnonzero(counts.indicator == indicator)
        counted[:, own] = negative_binomial_log_density(counts.count[own], moments.log_mean[:, own], moments.dispersion[:, own[:1]])
    return {"measured": measured, "counted": counted}


def student_t_log_density(value: Array, location: Array, spread: Array, df: float) -> Array:
    """Log density of a Student-t with `df` degrees of freedom; the arrays broadcast."""
    off = (value - location) / spread
    return np.asarray(-0.5 * (df + 1.0) * np.log1p(off * off / df) - np.log(spread) + student.logpdf(0.0, df))


def negative_binomial_log_density(count: Array, log_mean: Array, dispersion: Array) -> Array:
    """Log density of a negative binomial with variance mean + mean²/dispersion; the arrays broadcast."""
    log_alpha = np.log(dispersion)
    over = np.logaddexp(0.0, log_mean - log_alpha)
    rise = gammaln(count + dispersion) - gammaln(dispersion) - gammaln(count + 1)
    return np.asarray(rise - dispersion * over + count * (log_mean - log_alpha - over))


def replicate_rows(spec: ModelSpec, moments: RowMoments, rng: np.random.Generator, largest: float = 12.0) -> dict[str, Array]:
    """Replicated rows: measured (draw, row) in units of scale and counted (draw, count row), of log means up to `largest`."""
    measured = moments.location + moments.spread * rng.standard_t(spec.priors.files.noise_tails, moments.location.shape)
    rate = rng.gamma(moments.dispersion, np.exp(np.clip(moments.log_mean, -50, largest)) / moments.dispersion)
    return {"measured": measured, "counted": rng.poisson(rate).astype(float)}


def replicate_rounds(hazard: Array, rng: np.random.Generator) -> Array:
    """Weeks with a round, each drawn from its hazard given the record before it: (draw, week at risk)."""
    return (rng.random(hazard.shape) < hazard).astype(float)


def observed(spec: ModelSpec) -> dict[str, Any]:
    """What was observed: measured (row,), counted (count row,), rounds (week at risk,)."""
    record = spec.panel.record
    return {"measured": spec.panel.measured.value, "counted": spec.panel.counted.count, "rounds": record.found[record.start :]}
