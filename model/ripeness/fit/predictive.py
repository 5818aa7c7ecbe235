"""What the draws say of each row: log-likelihoods and replicated data, for the groups that ArviZ reads.

Computed in NumPy from stored draws, by the same formulas as the model (:mod:`ripeness.factors.measurement`); a test holds the two
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import t as student

from ripeness.spec import ModelSpec

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
    loading[:, relative], intercept[:, relative] = draws["loading"], draws["intercept"]
    factor_of = np.array([workspace.factor_ids.index(contract.factor) for contract in contracts], dtype=np.intp)

    rows, counts = panel.measured, panel.counted
    whole = np.concatenate([np.zeros((number, factors, 1)), np.cumsum(path, axis=2)], axis=2)
    k = factor_of[rows.indicator]
    mean = (whole[:, k, rows.last + 1] - whole[:, k, rows.first]) / (rows.last - rows.first + 1)
    location = intercept[:, rows.indicator] + loading[:, rows.indicator] * (mean + level[:, k, rows.last])
    floor = np.array([contract.noise_floor or 0.0 for contract in contracts[: len(rows.indicators)]])
    spread = np.sqrt(((floor + draws["noise"])[:, rows.indicator] * rows.widening) ** 2 + rows.sampling**2)
    if not len(counts.count):
        return RowMoments(location, spread, np.zeros((number, 0)), np.zeros((number, 0)))
    indicator = counts.indicator + len(rows.indicators)
    k = factor_of[indicator]
    strength = intercept[:, indicator] + loading[:, indicator] * (path[:, k, counts.week] + level[:, k, counts.week])
    slope = np.array([contracts[i].scale * (1 if contracts[i].sign == "+" else -1) for i in indicator])
    centre = np.log([contracts[i].centre for i in indicator])
    captured = np.concatenate([draws.get("capture", np.zeros((number, 0))), np.ones((number, 1))], axis=1)
    log_mean = centre + slope * strength + counts.log_exposure + np.log(captured)[:, counts.era]
    return RowMoments(location, spread, log_mean, draws["dispersion"][:, counts.indicator])


def log_likelihoods(spec: ModelSpec, moments: RowMoments) -> dict[str, Array]:
    """Log-likelihood of every row: measured (draw, row) and counted (draw, count row)."""
    df = spec.priors.files.noise_tails
    count, alpha = spec.panel.counted.count, moments.dispersion
    total = np.logaddexp(moments.log_mean, np.log(alpha)) if count.size else moments.log_mean
    return {
        "measured": np.asarray(student.logpdf(spec.panel.measured.value, df, moments.location, moments.spread)),
        "counted": gammaln(count + alpha)
        - gammaln(alpha)
        - gammaln(count + 1)
        + alpha * (np.log(alpha) - total)
        + count * (moments.log_mean - total),
    }


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
