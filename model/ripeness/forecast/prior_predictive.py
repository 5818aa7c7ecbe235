"""What the priors alone imply: draws of every elicited quantity, and the forecast that follows from them without any indicator.

The draws stand beside the posterior in every stored fit, and the same forecast code turns them into the prior predictive: the
probability of a round within each horizon, had nobody looked at an indicator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.model.spec import ModelSpec, Variant, normal_scale, sensitivity_scale
from ripeness.model.terms import conditions as inner
from ripeness.model.terms.conditions import reading_data
from ripeness.model.terms.factor_paths import persistence
from ripeness.model.terms.pulses import fading_pulses
from ripeness.model.terms.slow_levels import level_basis

Array = NDArray[np.float64]
CONJUNCTIVE_FORMS = {names.CONJUNCTIVE: True, names.ADDITIVE: False}


def _sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def sample_prior(spec: ModelSpec, reading: str, variant: Variant, draws: int, seed: np.random.SeedSequence) -> dict[str, Array]:
    """Draw every quantity of the model from its prior.

    Parameters
    ----------
    spec : ModelSpec
    reading : str
    variant : {"conjunctive", "additive", "outside"}
    draws : int
    seed : SeedSequence

    Returns
    -------
    dict of ndarray (draw, …)
        By the names of the posterior's variables, with their dims.
    """
    rng = np.random.default_rng(seed)
    panel, priors, workspace = spec.panel, spec.priors, spec.workspace

    def normal(prefix: str, ids: list[str]) -> Array:
        mu, sigma = normal_scale(priors, prefix, ids)
        return rng.normal(mu, sigma, (draws, len(mu)))

    result: dict[str, Array] = {}
    reference = spec.reference
    result["log_rhythm"] = normal("rhythm", [f"week_{week}" for week in priors.files.rhythm_weeks])
    result["log_war_level"] = rng.normal(priors["war_level"].mu, priors["war_level"].sigma, draws)
    result["deviation"] = rng.normal(0.0, reference.sd, (draws, len(reference.sd)))
    beyond = reference.log_rate + result["log_war_level"][:, None] + result["deviation"]
    result["outside_knots"] = np.concatenate([result["log_rhythm"], beyond], axis=1)
    result["kept"] = _sigmoid(normal("kept", list(spec.announcement_classes)))
    if panel.record.sensitivities:
        mu, sigma = sensitivity_scale(spec)
        result["sensitivity"] = _sigmoid(rng.normal(mu, sigma, (draws, len(mu))))
    if variant == names.OUTSIDE:
        return result

    factors, weeks = workspace.factors, len(panel.weeks)
    relative = [name for name in panel.indicators if not spec.contracts[name].reference]
    result["loading"] = np.exp(normal("loading", relative))
    result["intercept"] = normal("intercept", relative)
    result["noise"] = np.exp(normal("noise", list(panel.measured.indicators)))
    if panel.counted.indicators:
        result["dispersion"] = np.exp(normal("dispersion", list(panel.counted.indicators)))
    if panel.counted.eras:
        result["capture"] = _sigmoid(normal("capture", [f"{name}.{era}" for name, era in panel.counted.eras]))
    levels = [factor.id for factor in factors if factor.level]
    if levels:
        result["level"], result["level_start"] = np.exp(normal("level", levels)), normal("level_start", levels)
        basis = level_basis(weeks)
        moves = rng.normal(size=(draws, len(levels), len(basis)))
        knots = result["level_start"][..., None] + result["level"][..., None] * (np.cumsum(moves, axis=2) - moves[..., :1])
        result["level_path"] = knots @ basis
    result["half_life"] = np.exp(normal("half_life", workspace.factor_ids))
    result["path"] = _stationary_paths(spec, result["half_life"], rng)
    pulsed = [factor.id for factor in factors if factor.pulse]
    if pulsed:
        result["pulse"] = np.exp(normal("pulse", pulsed))
    effective = result["path"] + fading_pulses(factors, panel.weeks, panel.origin, result)
    result |= _inside_prior(spec, reading, variant, effective, draws, rng)
    return result


def _stationary_paths(spec: ModelSpec, half_life: Array, rng: np.random.Generator) -> Array:
    factors, weeks = spec.workspace.factors, len(spec.panel.weeks)
    df = spec.priors.files.factor_tails
    phi = persistence(half_life)
    spread = np.sqrt(1 - phi**2)
    innovation = rng.normal(size=(*half_life.shape, weeks))
    heavy = np.array([factor.tails == "shocks" for factor in factors])
    innovation[:, heavy, 1:] /= np.sqrt(rng.chisquare(df, size=(len(half_life), int(heavy.sum()), weeks - 1)) / (df - 2))
    path = np.empty_like(innovation)
    path[..., 0] = innovation[..., 0]
    for t in range(1, weeks):
        path[..., t] = phi * path[..., t - 1] + spread * innovation[..., t]
    return path


def _inside_prior(spec: ModelSpec, reading: str, variant: Variant, path: Array, draws: int, rng: np.random.Generator) -> dict[str, Array]:
    structure, conjunctive = spec.structure, CONJUNCTIVE_FORMS[variant]
    prior = reading_data(spec, reading, variant)
    drawn = inner.prior_draws(prior, draws, seed=int(rng.integers(2**31)))
    weight = drawn["total"][:, None] * prior["leverage"] * drawn["effect"]
    matrix, intercept = inner.weight_matrix(weight, structure), drawn["intercept"]
    log_odds = inner.openness(inner.regressors(path, structure.sided, np), matrix, intercept)
    norm = inner.normaliser(matrix, intercept, structure, conjunctive, np)
    return {
        "intercept_open": intercept,
        "share_open": _sigmoid(intercept),
        "log_best_to_worst": drawn["total"],
        "effect_size": drawn["effect"],
        "weight": weight,
        "log_odds_open": log_odds,
        "normaliser": norm,
        "inside": inner.inside_score(log_odds, intercept, conjunctive, np) - norm[:, None],
    }


@dataclass(frozen=True)
class Direction:
    """Whether the prior of one effect moves the hazard as its claims say.

    Parameters
    ----------
    effect : str
    claimed : str
        "+", "-" or "both".
    share : float
        Share of prior draws in which a move of the factor by one unit towards the claim raises (or, for "-", lowers) the inside view.
    """

    effect: str
    claimed: str
    share: float


def check_directions(spec: ModelSpec, reading: str, draws: int, seed: np.random.SeedSequence) -> list[Direction]:
    """The direction of every effect in the prior predictive of the conjunctive form, all other factors at their usual value.

    An effect is tested on its own: the other weights of its factor are set to zero, so that a factor with two effects cannot hide one.
    """
    structure = spec.structure
    prior = reading_data(spec, reading, names.CONJUNCTIVE)
    drawn = inner.prior_draws(prior, draws, seed=int(np.random.default_rng(seed).integers(2**31)))
    weight = drawn["total"][:, None] * prior["leverage"] * drawn["effect"]
    intercept = drawn["intercept"]
    ids = spec.workspace.factor_ids
    result = []
    for e, effect in enumerate(spec.priors.effects[reading]):
        alone = np.zeros_like(weight)
        alone[:, e] = weight[:, e]
        matrix = inner.weight_matrix(alone, structure)
        z = np.zeros((len(ids), 2))
        z[ids.index(effect.factor), 1] = 1.0
        score = inner.inside_score(inner.openness(inner.regressors(z, structure.sided, np), matrix, intercept), intercept, True, np)
        rise = score[:, 1] - score[:, 0]
        if effect.role:  # a one-sided factor: either sign, by the side that loses or wins ground
            z[ids.index(effect.factor), 1] = 2.0
            score = inner.inside_score(inner.openness(inner.regressors(z, structure.sided, np), matrix, intercept), intercept, True, np)
            rise = score[:, 1] - score[:, 0]
        result.append(Direction(effect.id, effect.direction, float(np.mean(rise < 0 if effect.direction == "-" else rise > 0))))
    return result
