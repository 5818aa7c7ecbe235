r"""The model in PyMC: the one place where priors, factors, measurement and hazard are joined, written to be read.

.. math::
    P(\text{round in week } t) &= 1 - \exp(-\lambda_t) \\
    \lambda_t &= \exp\{\text{outside}(d_t) + \text{inside}(z_{t-1})\} + \text{announced}_t

outside: :mod:`ripeness.model.terms.outside`; inside: :mod:`ripeness.model.terms.conditions`; announced: :mod:`ripeness.model.terms.announcements`; d_t is not
known where rounds may have been missed: :mod:`ripeness.model.terms.record`; z: :mod:`ripeness.model.terms`.

Three variants from one builder: "conjunctive" and "additive" differ in the inside view, "outside" has none and no factors. Three forms
of one posterior: "centred" draws the factor paths themselves, "non-centred" their innovations, "whitened" the coordinates in which they
are nearly independent (:mod:`ripeness.model.terms.whitening`). No sampler gets far in the first two; the engine samples the third, from the
same density written for speed (:mod:`ripeness.inference.density`). Tests hold all of them together.

Identification. With a handful of clusters of rounds the level (`war_level`), the intercepts (`share_open`) and the weights are led by
their priors; indicators identify the factor paths, loadings and noises. Weights are Normal, so the data may reverse a claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import week_of
from ripeness.data.panel import UNSEARCHED
from ripeness.model.ops import dormancy_filter, pseudo_observations, whitened_paths
from ripeness.model.spec import ModelSpec, Variant, model_coords, normal_scale, outside_basis, reading_data, sensitivity_scale
from ripeness.model.terms import conditions as inner
from ripeness.model.terms import measurement as measure
from ripeness.model.terms.factor_paths import innovation_log_density, level_basis, persistence
from ripeness.model.terms.rows import indicator_rows

Form = Literal["centred", "non-centred", "whitened"]
Array = NDArray[np.float64]


def build_model(spec: ModelSpec, variant: Variant, reading: str = names.AS_WRITTEN, form: Form = "centred") -> pm.Model:
    """Build the PyMC model of one variant, with one reading's priors as data.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "additive", "outside"}
    reading : str
        Whose `reading_data` the model starts with.
    form : {"centred", "non-centred", "whitened"}
        What the factor paths are made of; the posterior is the same.

    Returns
    -------
    pm.Model
        With dims and coords of :mod:`ripeness.names`.
    """
    with pm.Model(coords=model_coords(spec, variant)) as model:
        if variant == names.OUTSIDE:
            inside = np.zeros(len(spec.panel.weeks))
        else:
            path = _factors(spec, form)
            inside = _inside(spec, variant, reading, path)
        _hazard(spec, inside)
    return model


def weighted_sum(weights: Any, table: Array) -> Any:
    """Sum of products over the last axis but one; in the graph instead of a matrix product, which numba takes a minute to compile."""
    return (weights * table).sum(axis=-2)


def _lognormal(spec: ModelSpec, name: str, ids: Sequence[str], dim: str) -> Any:
    mu, sigma = normal_scale(spec.priors, name, ids)
    return pm.LogNormal(name, mu, sigma, dims=dim)


def _logitnormal(name: str, mu: Array, sigma: Array, dim: str) -> Any:
    return pm.Deterministic(name, pm.math.sigmoid(pm.Normal(f"logit_{name}", mu, sigma, dims=dim)), dims=dim)


def _factors(spec: ModelSpec, form: Form) -> Any:
    """Factor paths and their measurement; returns the path that the hazard reads, (factor, week), pulses included."""
    workspace, panel, priors = spec.workspace, spec.panel, spec.priors
    half_life = _lognormal(spec, "half_life", workspace.factor_ids, names.FACTOR)
    phi = persistence(half_life, pt)
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

    noise = _lognormal(spec, "noise", panel.measured.indicators, names.MEASURED)
    floor = np.array([contract.noise_floor for contract in contracts[: len(panel.measured.indicators)]], dtype=float)
    dispersion, captured = pt.zeros(0), pt.zeros(0)
    if panel.counted.indicators:
        dispersion = _lognormal(spec, "dispersion", panel.counted.indicators, names.COUNTED)
    if panel.counted.eras:
        mu, sigma = normal_scale(priors, "capture", [f"{name}.{era}" for name, era in panel.counted.eras])
        captured = _logitnormal("capture", mu, sigma, names.ERA)

    heavy = np.array([factor.tails == "shocks" for factor in workspace.factors])
    tails = priors.files.factor_tails
    if form == "whitened":
        white = pm.Normal("white_noise", 0.0, 1.0, dims=(names.FACTOR, names.WEEK))
        rows = indicator_rows(panel, spec.contracts, workspace.factor_ids)
        seen = pseudo_observations(rows, loading, intercept, floor + noise, dispersion, pt.log(captured), level, priors.files.noise_tails)
        drawn, log_ratio = whitened_paths(phi, *seen, white, heavy.astype(float), np.array([tails]))
        path = pm.Deterministic("path", drawn, dims=(names.FACTOR, names.WEEK))
        pm.Potential("path_density", pt.sum(log_ratio))
    elif form == "centred":
        path = pm.Flat("path", dims=(names.FACTOR, names.WEEK))
        pm.Potential("path_density", innovation_log_density(path, phi, heavy, tails, pt))
    else:
        innovation = pm.Flat("innovation", dims=(names.FACTOR, names.WEEK))
        pm.Potential("path_density", innovation_log_density(innovation, np.zeros(len(heavy)), heavy, tails, pt))
        path = pm.Deterministic("path", _carry_onward(phi, innovation), dims=(names.FACTOR, names.WEEK))
    _observe(spec, path, level, loading, intercept, (floor, noise), dispersion, captured)
    return path + _pulses(spec, phi)


def _carry_onward(phi: Any, innovation: Any) -> Any:
    """z_t = φ z_{t−1} + √(1 − φ²) innovation_t from z_0 = innovation_0: (factor, week)."""
    spread = pt.sqrt(1.0 - phi**2)
    later = pytensor.scan(
        lambda new, before, phi, spread: phi * before + spread * new,
        sequences=[innovation.T[1:]],
        outputs_info=[innovation[:, 0]],
        non_sequences=[phi, spread],
        return_updates=False,
    )
    return pt.concatenate([innovation[:, :1], later.T], axis=1)


def _observe(
    spec: ModelSpec, path: Any, level: Any, loading: Any, intercept: Any, noise: tuple[Array, Any], dispersion: Any, captured: Any
) -> None:
    """The likelihood of every row, as :mod:`ripeness.model.terms.measurement` says."""
    panel, df = spec.panel, spec.priors.files.noise_tails
    rows, counts = panel.measured, panel.counted
    contracts = [spec.contracts[name] for name in panel.indicators]
    factor = np.array([spec.workspace.factor_ids.index(contract.factor) for contract in contracts], dtype=np.intp)
    if len(rows.value):
        i = rows.indicator
        k = factor[i]
        strength = measure.mean_over_weeks(path, k, rows.first, rows.last) + level[k, rows.last]
        spread = measure.measured_spread(noise[1], noise[0], rows)
        pm.StudentT("measured", df, mu=intercept[i] + loading[i] * strength, sigma=spread, observed=rows.value, dims=names.ROW)
    if len(counts.count):
        i = counts.indicator + len(rows.indicators)
        k = factor[i]
        own = contracts[len(rows.indicators) :]
        scale = measure.CountScale(
            np.log([contract.centre for contract in own]),
            np.array([contract.scale for contract in own]),
            np.array([1.0 if contract.sign == "+" else -1.0 for contract in own]),
        )
        strength = intercept[i] + loading[i] * (path[k, counts.week] + level[k, counts.week])
        log_mean = measure.count_log_mean(strength, captured, counts, scale)
        pm.NegativeBinomial(
            "counted", mu=pt.exp(log_mean), alpha=dispersion[counts.indicator], observed=counts.count.astype(int), dims=names.COUNT_ROW
        )


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
    own = pm.Deterministic("level_path", weighted_sum(knots[:, :, None], level_basis(weeks)[None]), dims=(names.LEVEL, names.WEEK))
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


def _inside(spec: ModelSpec, variant: Variant, reading: str, path: Any) -> Any:
    """The normalised inside view of every week: (week,)."""
    structure = spec.structure
    data = {name: pm.Data(name, value) for name, value in reading_data(spec, reading, variant).items()}
    intercept = pm.Normal("intercept_open", data["open_mu"], data["open_sigma"], dims=names.CONDITION)
    pm.Deterministic("share_open", pm.math.sigmoid(intercept), dims=names.CONDITION)
    total = pm.LogNormal("log_best_to_worst", data["total_mu"], data["total_sigma"])
    effect = pm.Normal("effect_size", data["effect_mean"], data["effect_sd"], dims=names.EFFECT)
    weight = pm.Deterministic("weight", total * data["leverage"] * effect, dims=names.EFFECT)
    matrix = inner.weight_matrix(weight, structure)
    conjunctive = pt.eq(data["conjunctive"], 1.0)
    log_odds = inner.openness(inner.regressors(path, structure.sided, pt), matrix, intercept)
    pm.Deterministic("log_odds_open", log_odds, dims=(names.CONDITION, names.WEEK))
    normaliser = pm.Deterministic("normaliser", inner.normaliser(matrix, intercept, structure, conjunctive, pt))
    score = inner.inside_score(log_odds, intercept, conjunctive, pt)
    return pm.Deterministic("inside", score - normaliser, dims=names.WEEK)


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


def _sensitivity(spec: ModelSpec) -> Any:
    if not spec.panel.record.sensitivities:
        return pt.zeros(0)
    mu, sigma = sensitivity_scale(spec)
    return _logitnormal("sensitivity", mu, sigma, names.STRETCH)
