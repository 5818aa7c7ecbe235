r"""The model: the one place where priors, factors, measurement and hazard are joined.

.. math::
    P(\text{round in week } t) &= 1 - \exp(-\lambda_t) \\
    \lambda_t &= \exp\{\text{outside}(d_t) + \text{inside}(z_{t-1})\} + \text{announced}_t

outside: :mod:`ripeness.hazard.outside`; inside: :mod:`ripeness.hazard.inside`; announced: :mod:`ripeness.hazard.announced`; d_t is not
known where rounds may have been missed: :mod:`ripeness.hazard.coverage`; z: :mod:`ripeness.factors`.

Three variants from one builder: "conjunctive" and "additive" differ in the inside view, "outside" has none and no factors.

Identification. With a handful of clusters of rounds the level (`war_level`), the intercepts (`share_open`) and the weights are led by
their priors; indicators identify the factor paths, loadings and noises. Weights are Normal, so the data may reverse a claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.contracts import Contract
from ripeness.data.panel import UNSEARCHED, Panel
from ripeness.factors import measurement as measure
from ripeness.factors.paths import persistence
from ripeness.factors.row_density import row_log_density
from ripeness.factors.rows import indicator_rows, pseudo_observations
from ripeness.factors.whitening import whitened_paths
from ripeness.hazard import inside as inner
from ripeness.hazard.filter import dormancy_filter
from ripeness.hazard.inside_view import inside_view
from ripeness.hazard.outside import hat_matrix
from ripeness.priors.elicit import Priors, elicit_quantiles
from ripeness.priors.reference import ReferenceCurve
from ripeness.weeks import to_datetime64, week_of
from ripeness.workspace import Workspace

Variant = Literal["conjunctive", "additive", "outside"]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class ModelSpec:
    """Everything the model is built from.

    Parameters
    ----------
    workspace : Workspace
    contracts : mapping of str to Contract
    panel : Panel
    priors : Priors
        Elicited priors of one reading.
    announced : ndarray (announcement class, week)
        Share of each class's hazard that falls in each week of the record.
    announcement_classes : tuple of str
    structure : InsideStructure
    """

    workspace: Workspace
    contracts: Mapping[str, Contract]
    panel: Panel
    priors: Priors
    announced: Array
    announcement_classes: tuple[str, ...]
    structure: inner.InsideStructure

    @property
    def reference(self) -> ReferenceCurve:
        """The reference class beyond the weeks in which the process has a rhythm of its own."""
        return self.priors.reference.beyond(self.workspace.question.active_weeks)


def normal_scale(priors: Any, prefix: str, ids: Sequence[str]) -> tuple[Array, Array]:
    """Location and spread of elicited priors on their family's own scale: two arrays in the order of `ids`."""
    entries = [priors[f"{prefix}.{name}"] for name in ids]
    return np.array([entry.mu for entry in entries]), np.array([entry.sigma for entry in entries])


def reading_data(spec: ModelSpec, reading: str, variant: Variant) -> dict[str, Array]:
    """What differs between readings, as the model's data: so that one compiled model serves them all.

    Returns
    -------
    dict
        effect_mean, effect_sd (effect,): Normal priors of the effects in units of the total; open_mu, open_sigma (condition,);
        total_mu, total_sigma (): log of the log of best-to-worst; leverage (effect,): weight of an effect of size one.
    """
    priors = spec.priors.for_reading(reading)
    effects = spec.priors.effects[reading]
    open_mu, open_sigma = normal_scale(priors, "share_open", spec.workspace.condition_ids)
    total = priors["best_to_worst"]
    data = {
        "effect_mean": np.array([effect.mean for effect in effects]),
        "effect_sd": np.array([effect.sd for effect in effects]),
        "open_mu": open_mu,
        "open_sigma": open_sigma,
        "total_mu": np.array(total.mu),
        "total_sigma": np.array(total.sigma),
    }
    if variant != names.OUTSIDE:
        data["leverage"] = inner.calibrated_leverage(data, spec.structure, variant == names.CONJUNCTIVE)
        data["conjunctive"] = np.array(float(variant == names.CONJUNCTIVE))
    return data


def build_model(spec: ModelSpec, variant: Variant, reading: str = names.AS_WRITTEN) -> pm.Model:
    """Build the PyMC model of one variant, with one reading's priors as data.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "additive", "outside"}
    reading : str
        Whose `reading_data` the model starts with.

    Returns
    -------
    pm.Model
        With dims and coords of :mod:`ripeness.names`.
    """
    with pm.Model(coords=_coords(spec, variant)) as model:
        if variant == names.OUTSIDE:
            inside = np.zeros(len(spec.panel.weeks))
        else:
            path = _factors(spec)
            inside = _inside(spec, variant, reading, path)
        _hazard(spec, inside)
    return model


def weighted_sum(weights: Any, table: Array) -> Any:
    """Sum of products over the last axis but one; in the graph instead of a matrix product, which numba takes a minute to compile."""
    return (weights * table).sum(axis=-2)


def _coords(spec: ModelSpec, variant: Variant) -> dict[str, Any]:
    panel, workspace = spec.panel, spec.workspace
    record = panel.record
    weeks = to_datetime64(list(panel.weeks))
    coords: dict[str, Any] = {
        names.WEEK: weeks,
        names.RISK: weeks[record.start :],
        names.KNOT: _knots(spec),
        names.RHYTHM: list(spec.priors.files.rhythm_weeks),
        names.CLASS: [round(float(weeks), 1) for weeks in spec.reference.dormancy_weeks],
        names.KEPT: list(spec.announcement_classes),
        names.STRETCH: [f"{low:g}-{high:g}" for low, high in record.sensitivities],
    }
    if variant == names.OUTSIDE:
        return coords
    levels = [factor.id for factor in workspace.factors if factor.level]
    return coords | {
        names.FACTOR: workspace.factor_ids,
        names.CONDITION: workspace.condition_ids,
        names.EFFECT: list(spec.structure.effects),
        names.INDICATOR: list(panel.indicators),
        names.RELATIVE: [name for name in panel.indicators if not spec.contracts[name].reference],
        names.MEASURED: list(panel.measured.indicators),
        names.COUNTED: list(panel.counted.indicators),
        names.ERA: [f"{name} {era}" for name, era in panel.counted.eras],
        names.LEVEL: levels,
        names.LEVEL_KNOT: np.arange(measure.level_basis(len(panel.weeks)).shape[0]),
        names.PULSE: [factor.id for factor in workspace.factors if factor.pulse],
        names.ROW: np.arange(len(panel.measured.value)),
        names.COUNT_ROW: np.arange(len(panel.counted.count)),
    }


def _lognormal(spec: ModelSpec, name: str, ids: Sequence[str], dim: str) -> Any:
    mu, sigma = normal_scale(spec.priors, name, ids)
    return pm.LogNormal(name, mu, sigma, dims=dim)


def _logitnormal(name: str, mu: Array, sigma: Array, dim: str) -> Any:
    return pm.Deterministic(name, pm.math.sigmoid(pm.Normal(f"logit_{name}", mu, sigma, dims=dim)), dims=dim)


def _factors(spec: ModelSpec) -> Any:
    """Factor paths and their measurement; returns the path that the hazard reads, (factor, week), pulses included."""
    workspace, panel, priors = spec.workspace, spec.panel, spec.priors
    factors = workspace.factor_ids
    half_life = _lognormal(spec, "half_life", factors, names.FACTOR)
    phi = persistence(half_life)
    level = _levels(spec)

    # loadings and intercepts: one and zero for the reference of each factor
    contracts = [spec.contracts[name] for name in panel.indicators]
    relative = [name for name, contract in zip(panel.indicators, contracts, strict=True) if not contract.reference]
    at = np.array([panel.indicators.index(name) for name in relative], dtype=np.intp)
    free_loading = _lognormal(spec, "loading", relative, names.RELATIVE)
    mu, sigma = normal_scale(priors, "intercept", relative)
    free_intercept = pm.Normal("intercept", mu, sigma, dims=names.RELATIVE)
    loading = pt.set_subtensor(pt.ones(len(contracts))[at], free_loading)
    intercept = pt.set_subtensor(pt.zeros(len(contracts))[at], free_intercept)

    rows = indicator_rows(panel, spec.contracts, factors)
    noise = _lognormal(spec, "noise", panel.measured.indicators, names.MEASURED)
    floor = np.array([contract.noise_floor for contract in contracts[: len(panel.measured.indicators)]], dtype=float)
    spread = floor + noise
    dispersion, log_captured = pt.zeros(0), pt.zeros(0)
    if panel.counted.indicators:
        dispersion = _lognormal(spec, "dispersion", panel.counted.indicators, names.COUNTED)
    if panel.counted.eras:
        mu, sigma = normal_scale(priors, "capture", [f"{name}.{era}" for name, era in panel.counted.eras])
        log_captured = pt.log(_logitnormal("capture", mu, sigma, names.ERA))
    df = priors.files.noise_tails
    precision, information = pseudo_observations(rows, loading, intercept, spread, dispersion, log_captured, level, df)

    white = pm.Normal("white_noise", 0.0, 1.0, dims=(names.FACTOR, names.WEEK))
    heavy = np.array([factor.tails == "shocks" for factor in workspace.factors], dtype=float)
    drawn, log_ratio = whitened_paths(phi, precision, information, white, heavy, np.array([priors.files.factor_tails]))
    path = pm.Deterministic("path", drawn, dims=(names.FACTOR, names.WEEK))
    pm.Potential("path_density", pt.sum(log_ratio))
    density = row_log_density(rows, path, level, loading, intercept, spread, dispersion, log_captured, df)
    pm.Potential("indicators", pt.sum(density))
    return path + _pulses(spec, phi)


def _levels(spec: ModelSpec) -> Any:
    """Slow levels (factor, week): a random walk on half-yearly knots for factors that have one, else zero."""
    factors, weeks = spec.workspace.factors, len(spec.panel.weeks)
    with_level = [k for k, factor in enumerate(factors) if factor.level]
    if not with_level:
        return pt.zeros((len(factors), weeks))
    ids = [factors[k].id for k in with_level]
    step = _lognormal(spec, "level", ids, names.LEVEL)
    mu, sigma = normal_scale(spec.priors, "level_start", ids)
    start = pm.Normal("level_start", mu, sigma, dims=names.LEVEL)
    moves = pm.Normal("level_moves", 0.0, 1.0, dims=(names.LEVEL, names.LEVEL_KNOT))
    knots = start[:, None] + step[:, None] * (pt.cumsum(moves, axis=1) - moves[:, 0][:, None])
    own = pm.Deterministic("level_path", weighted_sum(knots[:, :, None], measure.level_basis(weeks)[None]), dims=(names.LEVEL, names.WEEK))
    return pt.set_subtensor(pt.zeros((len(factors), weeks))[np.array(with_level)], own)


def _pulses(spec: ModelSpec, phi: Any) -> Any:
    """Jumps of elicited size that fade with the factor's half-life: (factor, week)."""
    factors, weeks = spec.workspace.factors, spec.panel.weeks
    pulsed = [k for k, factor in enumerate(factors) if factor.pulse]
    if not pulsed:
        return np.zeros((len(factors), len(weeks)))
    size = _lognormal(spec, "pulse", [factors[k].id for k in pulsed], names.PULSE)
    since = np.array([[(sunday - week_of(factors[k].pulse)).days // 7 for sunday in weeks] for k in pulsed])  # type: ignore[arg-type]
    own = pt.where(since >= 0, size[:, None] * phi[np.array(pulsed)][:, None] ** np.maximum(since, 0), 0.0)
    return pt.set_subtensor(pt.zeros((len(factors), len(weeks)))[np.array(pulsed)], own)


def _inside(spec: ModelSpec, variant: Literal["conjunctive", "additive"], reading: str, path: Any) -> Any:
    """The normalised inside view of every week: (week,)."""
    structure = spec.structure
    data = {name: pm.Data(name, value) for name, value in reading_data(spec, reading, variant).items()}
    intercept = pm.Normal("intercept_open", data["open_mu"], data["open_sigma"], dims=names.CONDITION)
    pm.Deterministic("share_open", pm.math.sigmoid(intercept), dims=names.CONDITION)
    total = pm.LogNormal("log_best_to_worst", data["total_mu"], data["total_sigma"])
    effect = pm.Normal("effect_size", data["effect_mean"], data["effect_sd"], dims=names.EFFECT)
    weight = pm.Deterministic("weight", total * data["leverage"] * effect, dims=names.EFFECT)
    matrix = inner.weight_matrix(weight, structure)
    inside, log_odds, norm = inside_view(path, matrix, intercept, data["conjunctive"][None], structure.points, structure.sided)
    pm.Deterministic("log_odds_open", log_odds, dims=(names.CONDITION, names.WEEK))
    pm.Deterministic("normaliser", norm[0])
    return pm.Deterministic("inside", inside, dims=names.WEEK)


def _knots(spec: ModelSpec) -> Array:
    return np.array([*spec.priors.files.rhythm_weeks, *spec.reference.dormancy_weeks], dtype=float)


def outside_basis(spec: ModelSpec, longest: int) -> Array:
    """Hat matrix (dormancy, knot) of the outside curve at d = 1 … `longest`."""
    return hat_matrix(_knots(spec), np.arange(1, longest + 1, dtype=float))


def _hazard(spec: ModelSpec, inside: Any) -> None:
    """Outside view, announced meetings, and the likelihood of the record with missed rounds summed out."""
    panel, priors = spec.panel, spec.priors
    record = panel.record
    reference = spec.reference
    mu, sigma = normal_scale(priors, "rhythm", [f"week_{week}" for week in priors.files.rhythm_weeks])
    rhythm = pm.Normal("log_rhythm", mu, sigma, dims=names.RHYTHM)
    level = pm.Normal("log_war_level", priors["war_level"].mu, priors["war_level"].sigma)
    deviation = pm.Normal("deviation", 0.0, reference.sd, dims=names.CLASS)
    knots = pm.Deterministic("outside_knots", pt.concatenate([rhythm, reference.log_rate + level + deviation]), dims=names.KNOT)
    at_risk = slice(record.start, len(panel.weeks))
    outside = weighted_sum(knots[:, None], outside_basis(spec, len(panel.weeks) - record.start + 1).T)

    mu, sigma = normal_scale(priors, "kept", spec.announcement_classes)
    kept = _logitnormal("kept", mu, sigma, names.KEPT)
    announced = weighted_sum(-pt.log1p(-kept)[:, None], spec.announced[:, at_risk])

    found = record.found[at_risk]
    sensitivity = _sensitivity(spec)
    ends = pt.concatenate([sensitivity, np.array([0.0, 1.0])])  # nobody looked; a round is on record where nobody looked
    stretch = record.stretch[at_risk]
    place = np.where(stretch != UNSEARCHED, stretch, len(record.sensitivities) + (found > 0))
    multiplier = inside[record.start - 1 : len(panel.weeks) - 1] + np.log(record.share[at_risk])
    log_likelihood, probability = dormancy_filter(outside, multiplier, announced, ends[place], found)
    pm.Deterministic("hazard", probability, dims=names.RISK)
    pm.Deterministic("rounds", log_likelihood, dims=names.RISK)
    pm.Potential("rounds_density", pt.sum(log_likelihood))


def sensitivity_scale(spec: ModelSpec) -> tuple[Array, Array]:
    """Location and spread, on the logit scale, of P(found | held) in each stretch of coverage."""
    path = spec.workspace.shown(spec.workspace.data / "coverage.csv")
    fitted = [
        elicit_quantiles(low, high, "logitnormal", "sensitivity of the search", path, None) for low, high in spec.panel.record.sensitivities
    ]
    return np.array([prior.mu for prior in fitted]), np.array([prior.sigma for prior in fitted])


def _sensitivity(spec: ModelSpec) -> Any:
    if not spec.panel.record.sensitivities:
        return pt.zeros(0)
    mu, sigma = sensitivity_scale(spec)
    return _logitnormal("sensitivity", mu, sigma, names.STRETCH)
