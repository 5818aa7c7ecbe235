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
    df = spec.priors.files.noise_tails
    count, alpha = spec.panel.counted.count, moments.dispersion
    off = (spec.panel.measured.value - moments.location) / moments.spread
    measured = -0.5 * (df + 1.0) * np.log1p(off * off / df) - np.log(moments.spread) + student.logpdf(0.0, df)
    # Γ(n + α)/Γ(α) of many rows of few indicators: the logarithm and Γ of each α once
    of_indicator, each = np.unique(spec.panel.counted.indicator, return_index=True)
    place = np.searchsorted(of_indicator, spec.panel.counted.indicator)
    log_alpha, gamma_alpha = (np.take(function(alpha[:, each]), place, axis=1) for function in (np.log, gammaln))
    over = np.logaddexp(0.0, moments.log_mean - log_alpha)
    counted = gammaln(count + alpha) - gamma_alpha - gammaln(count + 1) - alpha * over + count * (moments.log_mean - log_alpha - over)
    return {"measured": measured, "counted": counted}


def replicate_rows(spec: ModelSpec, moments: RowMoments, rng: np.random.Generator) -> dict[str, Array]:
    """Replicated rows: measured (draw, row) in units of scale and counted (draw, count row)."""
    measured = moments.location + moments.spread * rng.standard_t(spec.priors.files.noise_tails, moments.location.shape)
    rate = rng.gamma(moments.dispersion, np.exp(np.clip(moments.log_mean, -50, 12)) / moments.dispersion)
    return {"measured": measured, "counted": rng.poisson(rate).astype(float)}


def replicate_rounds(hazard: Array, rng: np.random.Generator) -> Array:
    """Weeks with a round, each drawn from its hazard given the record before it: (draw, week at risk)."""
    return (rng.random(hazard.shape) < hazard).astype(float)


def observed(spec: ModelSpec) -> dict[str, Any]:
    """What was observed: measured (row,), counted (count row,), rounds (week at risk,)."""
    record = spec.panel.record
    return {"measured": spec.panel.measured.value, "counted": spec.panel.counted.count, "rounds": record.found[record.start :]}
