r"""Conditions: how the factors open or close them, and by how much that multiplies the hazard: the inside view, in two forms.

The log odds of condition c are :math:`x_c = a_c + u_c(z)`, with :math:`u_c` linear in the factors, but for a one-sided factor: with
s(x) = (softplus(4x) − log 2)/4, the side that loses ground gains w₁ s(·) and the side that wins loses w₂ s(·). Other terms may add to the log odds.

Conjunctive, as the essay argues, all conditions being needed; and substitutable, each condition being a cause of rounds by itself, the hazards of the
causes adding up (cause-specific hazards, as of competing risks: Prentice et al. 1978, "The analysis of failure times in the presence of competing risks"):

.. math:: \text{conjunctive: } e^{\text{inside}(z)} = \prod_c \sigma(x_c)\, e^{-N}, \qquad
    \text{substitutable: } e^{\text{inside}(z)} = \sum_c s_c\, e^{u_c(z) - N_c}, \qquad s_c = w_c / \textstyle\sum_b w_b

N is the log of the mean of the product, and N_c that of :math:`e^{u_c}`, over the stationary distribution of the factors, taken on a fixed Sobol set, so
that the inside view moves hazard between weeks and never lifts the base rate, and s_c is the long-run share of the hazard that cause c brings about. The
w_c are LogNormal, so that the shares are logistic-normal on the simplex.

Identification. σ(a_c) and the weights of one condition share a scale; the elicited total (how much likelier a round is in the best tenth of weeks than
in the worst) fixes it, and with few events the prior leads. Weights are Normal, so the data may reverse a claim. In the substitutable form a_c cancels and
keeps its prior, and so does the sum of the w_c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm, qmc

from ripeness import names
from ripeness.elicitation.other_wars import TENTHS_APART
from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.exponential import exponential
from ripeness.kernels.reductions import dot, sum_of
from ripeness.model.term import Derived, Draws, Kernel, Parameter, Scales, Scope, Term, beside, elicited, elicited_once

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
LOG_2 = 0.6931471805599453
SOBOL_POINTS = 512
SOBOL_SEED = 7
CALIBRATION_DRAWS = 512
CALIBRATION_STEPS = 16


class EffectLike(Protocol):
    """What the inside view needs to know of an effect."""

    @property
    def factor(self) -> str:
        """Id of the factor."""

    @property
    def condition(self) -> str | None:
        """Id of the condition; None for an effect of a one-sided factor."""

    @property
    def role(self) -> str | None:
        """ "losing" or "winning" for an effect of a one-sided factor."""


def softplus(x: Any, xp: Any) -> Any:
    """log(1 + eˣ), without overflow."""
    return xp.log1p(xp.exp(-xp.abs(x))) + xp.maximum(x, 0.0)


def log_sigmoid(x: Any, xp: Any) -> Any:
    """log of 1/(1 + e⁻ˣ)."""
    return -softplus(-x, xp)


def one_sided(x: Any, xp: Any) -> Any:
    """s(x) = (softplus(4x) − log 2)/4: near x for x > 0, near zero below."""
    return (softplus(4.0 * x, xp) - np.log(2.0)) / 4.0


@dataclass(frozen=True)
class InsideStructure:
    """Which effect moves which condition through which regressor.

    Parameters
    ----------
    effects : tuple of str
        Labels of the effects ("factor → condition").
    placement : ndarray (effect, condition × regressor)
        One where an effect's weight multiplies a regressor in a condition, else zero. Regressors are the factors, then s(z) and s(−z)
        of each one-sided factor.
    sided : ndarray of int
        Indices of the one-sided factors.
    conditions, factors : int
        Their numbers.
    points : ndarray (regressor, point)
        Regressors at the Sobol points of the factors' stationary distribution.
    unit : ndarray (effect,)
        Standard deviation of each effect's own regressor under that distribution: what one unit of weight moves its condition by.
    """

    effects: tuple[str, ...]
    placement: Array
    sided: NDArray[np.intp]
    conditions: int
    factors: int
    points: Array
    unit: Array

    @property
    def regressors(self) -> int:
        """Number of regressors."""
        return self.factors + 2 * len(self.sided)


def build_inside(effects: Sequence[EffectLike], factors: Sequence[Any], conditions: Sequence[str]) -> InsideStructure:
    """Lay out the effects of a workspace.

    Parameters
    ----------
    effects : sequence
        Effects with factor, condition and role; a one-sided factor has one effect of role "losing" and one of role "winning", each of
        which acts on both of its conditions.
    factors : sequence of Factor
    conditions : sequence of str
        Condition ids, in model order.
    """
    ids = [factor.id for factor in factors]
    by_id = {factor.id: factor for factor in factors}
    sided = np.array([i for i, factor in enumerate(factors) if factor.one_sided], dtype=np.intp)
    number = len(factors) + 2 * len(sided)
    placement = np.zeros((len(effects), len(conditions), number))
    for e, effect in enumerate(effects):
        k = ids.index(effect.factor)
        factor = by_id[effect.factor]
        if not factor.one_sided:
            placement[e, conditions.index(str(effect.condition)), k] = 1.0
            continue
        place = int(np.flatnonzero(sided == k)[0])
        plus, minus = len(factors) + 2 * place, len(factors) + 2 * place + 1
        loses_when_plus, loses_when_minus = conditions.index(factor.losing_when_plus), conditions.index(factor.losing_when_minus)
        losing = effect.role == "losing"
        placement[e, loses_when_plus, plus if losing else minus] = 1.0
        placement[e, loses_when_minus, minus if losing else plus] = 1.0
    sobol = qmc.Sobol(len(factors), rng=np.random.default_rng(SOBOL_SEED)).random(SOBOL_POINTS)
    points = regressors(norm.ppf(np.clip(sobol, 1e-9, 1 - 1e-9)).T, sided, np)
    spread = points.std(axis=1)
    unit = np.array([spread[np.flatnonzero(placement[e].any(axis=0))].mean() for e in range(len(effects))])
    labels = tuple(f"{effect.factor} → {effect.role or effect.condition}" for effect in effects)
    return InsideStructure(labels, placement.reshape(len(effects), -1), sided, len(conditions), len(factors), points, unit)


def regressors(z: Any, sided: NDArray[np.intp], xp: Any) -> Any:
    """Factors, then s(z) and s(−z) of each one-sided factor, stacked on the last axis but one.

    Parameters
    ----------
    z : array (..., factor, week)

    Returns
    -------
    array (..., regressor, week)
    """
    parts = [z]
    for k in sided:
        own = z[..., int(k) : int(k) + 1, :]
        parts += [one_sided(own, xp), one_sided(-own, xp)]
    return xp.concatenate(parts, axis=-2) if len(parts) > 1 else z


def weight_matrix(weights: Any, structure: InsideStructure) -> Any:
    """Weights of effects laid out as (..., condition, regressor).

    Parameters
    ----------
    weights : array (..., effect)
    """
    placed = (weights[..., :, None] * structure.placement).sum(axis=-2)
    shape = (structure.conditions, structure.regressors)
    return placed.reshape((*placed.shape[:-1], *shape)) if isinstance(placed, np.ndarray) else placed.reshape(shape)


def openness(regressor: Any, matrix: Any, intercept: Any) -> Any:
    """Log-odds a_c + u_c(z) that each condition is open: (..., condition, week)."""
    if isinstance(matrix, np.ndarray):
        return intercept[..., :, None] + matrix @ regressor
    # a sum of products: numba takes a minute to compile matrix products and no longer to run these
    return intercept[:, None] + (matrix[:, :, None] * regressor[None, :, :]).sum(axis=1)


def conjunctive_score(log_odds: Any, xp: Any) -> Any:
    """Σ_c log σ(x_c), (..., week), the conjunctive inside view before N is taken off, from log odds (..., condition, week)."""
    return log_sigmoid(log_odds, xp).sum(axis=-2)


def substitutable_inside(log_odds: Any, share: Any, norm: Any, xp: Any) -> Any:
    """The substitutable inside view: (..., week).

    Parameters
    ----------
    log_odds : array (..., condition, week)
        With any intercept, if `norm` is of the same.
    share : array (..., condition)
        Long-run share of the hazard by cause, on the simplex.
    norm : array (..., condition)
        Log of the stationary mean of e^x_c.
    """
    by_cause = log_odds + (xp.log(share) - norm)[..., :, None]
    peak = xp.max(by_cause, axis=-2, keepdims=True)
    return xp.log(xp.exp(by_cause - peak).sum(axis=-2)) + peak[..., 0, :]


def shares_of_causes(weight: Any) -> Any:
    """Long-run shares of the hazard by cause, (..., condition), from relative weights (..., condition)."""
    return weight / weight.sum(axis=-1, keepdims=True)


def log_mean_exp(values: Any, xp: Any) -> Any:
    """Log of the mean of e^values over the last axis, without overflow."""
    peak = xp.max(values, axis=-1, keepdims=True)
    return xp.log(xp.exp(values - peak).mean(axis=-1)) + peak[..., 0]


def best_to_worst(variant: str, drawn: Mapping[str, Array], log_odds: Array) -> Array:
    """How many times likelier a round is in the best tenth of weeks than in the worst: (draw,).

    Parameters
    ----------
    variant : {"conjunctive", "substitutable"}
    drawn : mapping
        Of the substitutable form its cause_weight (draw, condition).
    log_odds : ndarray (draw, condition, point)
        At the fixed Sobol set.
    """
    if variant == names.CONJUNCTIVE:
        score = conjunctive_score(log_odds, np)
    else:
        score = substitutable_inside(log_odds, shares_of_causes(drawn["cause_weight"]), log_mean_exp(log_odds, np), np)
    score = np.sort(score, axis=-1)
    tenth = score.shape[-1] // 10
    ratio: Array = np.exp(score[..., -tenth:]).mean(axis=-1) / np.exp(score[..., :tenth]).mean(axis=-1)
    return ratio


def calibrated_leverage(prior: Mapping[str, Array], structure: InsideStructure, variant: str) -> Array:
    """Weight that an effect of size one has on its conditions, so that the elicited total comes out as elicited.

    An effect's own share of the inside view's spread is size × total; to first order its weight is that over the spread of its regressor and the slope
    of the inside view in x_c: 1 − σ(a_c), or s_c. Curvature and the prior spread of the effects change the total, so one common factor
    is found by bisection on fixed prior draws: the median of best-to-worst is then the elicited one.

    Parameters
    ----------
    prior : mapping
        effect_mean, effect_sd (effect,); open_mu, open_sigma (condition,); total_mu, total_sigma (); of the substitutable form cause_mu,
        cause_sigma (condition,).
    structure : InsideStructure
    variant : {"conjunctive", "substitutable"}

    Returns
    -------
    ndarray (effect,)
    """
    slope = 1.0 / (1.0 + np.exp(prior["open_mu"])) if variant == names.CONJUNCTIVE else shares_of_causes(np.exp(prior["cause_mu"]))
    touched = structure.placement.reshape(len(structure.effects), structure.conditions, -1).any(axis=2)
    leverage = 1.0 / (TENTHS_APART * structure.unit * (touched * slope).sum(axis=1) / touched.sum(axis=1))
    draws = prior_draws(prior, CALIBRATION_DRAWS)
    elicited = float(np.exp(prior["total_mu"]))
    low, high = np.log(0.05), np.log(20.0)
    for _ in range(CALIBRATION_STEPS):
        middle = 0.5 * (low + high)
        matrix = weight_matrix(draws["effect"] * draws["total"][:, None] * leverage * np.exp(middle), structure)
        log_odds = openness(structure.points, matrix, draws["intercept"])
        if np.median(np.log(best_to_worst(variant, draws, log_odds))) < elicited:
            low = middle
        else:
            high = middle
    return np.asarray(leverage * np.exp(0.5 * (low + high)))


def prior_draws(prior: Mapping[str, Array], draws: int, seed: int = SOBOL_SEED) -> dict[str, Array]:
    """Prior draws of intercept (draw, condition), effect (draw, effect) and total (draw,), the log of best-to-worst; of causes cause_weight (draw, condition).

    They are the first of a scrambled Sobol sequence, so that a median over a few hundred is known to 2 or 3 %.
    """
    pairs = [(prior[f"{name}_mu"], prior[f"{name}_sigma"]) for name in ("open", "total", "cause") if f"{name}_mu" in prior]
    mean, sd = (
        np.concatenate([np.ravel(side) for side in sides]) for sides in zip((prior["effect_mean"], prior["effect_sd"]), *pairs, strict=True)
    )
    points = qmc.Sobol(len(mean), rng=np.random.default_rng(seed)).random_base2(int(np.ceil(np.log2(draws))))[:draws]
    drawn = mean + sd * norm.ppf(np.clip(points, 1e-9, 1 - 1e-9))
    effects, conditions = len(prior["effect_mean"]), len(prior["open_mu"])
    effect, intercept, total, cause = np.split(drawn, np.cumsum([effects, conditions, 1]), axis=1)
    found = {"intercept": intercept, "effect": effect, "total": np.exp(total[:, 0])}
    return found | ({"cause_weight": np.exp(cause)} if "cause_mu" in prior else {})


@inner
def lay_out_regressors(z: Array, sided: Indices) -> Array:
    """Factors, then s(z) and s(−z) of each one-sided factor: (regressor, week)."""
    factors, weeks = z.shape
    found = np.empty((factors + 2 * sided.shape[0], weeks))
    for k in range(factors):
        for t in range(weeks):
            found[k, t] = z[k, t]
    for j in range(sided.shape[0]):
        own, plus, minus = z[sided[j]], found[factors + 2 * j], found[factors + 2 * j + 1]
        for t in range(weeks):
            plus[t] = exponential(-4.0 * abs(own[t]))
        for t in range(weeks):
            tail = np.log1p(plus[t]) - LOG_2
            plus[t] = 0.25 * tail + max(own[t], 0.0)
            minus[t] = 0.25 * tail + max(-own[t], 0.0)
    return found


@inner
def add_up(matrix: Array, intercept: Array, regressor: Array) -> Array:
    """Log odds a_c + Σ_k M_ck R_k: (condition, week or point); most weights are zero and are left out."""
    found = np.empty((matrix.shape[0], regressor.shape[1]))
    for c in range(matrix.shape[0]):
        own = found[c]
        for t in range(own.shape[0]):
            own[t] = intercept[c]
        for k in range(matrix.shape[1]):
            weight = matrix[c, k]
            if weight != 0.0:
                row = regressor[k]
                for t in range(row.shape[0]):
                    own[t] += weight * row[t]
    return found


@inner
def lay_weights(total: Array, effect: Array, leverage: Array, placement: Indices, points: Array, intercept: Array) -> tuple[Array, Array]:
    """Weights laid out as (condition, regressor), and the weight of each effect (effect,)."""
    weight = np.empty(effect.shape[0])
    for e in range(weight.shape[0]):
        weight[e] = total[0] * leverage[e] * effect[e]
    matrix = np.zeros((intercept.shape[0], points.shape[0]))
    for i in range(placement.shape[0]):
        matrix[placement[i, 1], placement[i, 2]] += weight[placement[i, 0]]
    return matrix, weight


@inner
def adjoint_weights(
    total: Array, effect: Array, leverage: Array, placement: Indices, points: Array, intercept: Array, matrix: Array, weight: Array,
    matrix_bar: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Cotangents of the total and of the sizes of effects."""
    total_bar, effect_bar = np.zeros(1), np.zeros(effect.shape[0])
    for i in range(placement.shape[0]):
        e, bar = placement[i, 0], matrix_bar[placement[i, 1], placement[i, 2]]
        effect_bar[e] += bar * total[0] * leverage[e]
        total_bar[0] += bar * leverage[e] * effect[e]
    return total_bar, effect_bar


@compiled
def lay_log_odds(z: Array, matrix: Array, intercept: Array, points: Array, sided: Indices) -> tuple[Array, Array, Array]:
    """Log odds of the conditions in every week (condition, week) and at the Sobol points (condition, point); saved are the regressors of the weeks."""
    regressor = lay_out_regressors(z, sided)
    return add_up(matrix, intercept, regressor), add_up(matrix, intercept, points), regressor


@compiled
def adjoint_log_odds(
    z: Array, matrix: Array, intercept: Array, points: Array, sided: Indices, log_odds: Array, at_points: Array, regressor: Array,
    log_odds_bar: Array, at_points_bar: Array,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Cotangents of the factors, of the weights (condition, regressor) and of the intercepts."""
    factors, weeks = z.shape
    conditions, number = matrix.shape
    regressor_bar = np.zeros((number, weeks))
    matrix_bar, intercept_bar = np.empty((conditions, number)), np.empty(conditions)
    for c in range(conditions):
        by_week, by_point = log_odds_bar[c], at_points_bar[c]
        intercept_bar[c] = sum_of(by_week) + sum_of(by_point)
        for k in range(number):
            matrix_bar[c, k] = dot(by_week, regressor[k]) + dot(by_point, points[k])
            weight, own = matrix[c, k], regressor_bar[k]
            if weight != 0.0:
                for t in range(weeks):
                    own[t] += weight * by_week[t]
    z_bar = regressor_bar[:factors]
    for j in range(sided.shape[0]):
        own, plus, minus = z_bar[sided[j]], regressor_bar[factors + 2 * j], regressor_bar[factors + 2 * j + 1]
        for t in range(weeks):
            rising = 1.0 / (1.0 + exponential(-4.0 * z[sided[j], t]))
            own[t] += rising * plus[t] - (1.0 - rising) * minus[t]
    return z_bar, matrix_bar, intercept_bar


def condition_ids(spec: ModelSpec) -> Sequence[str]:
    """Ids of the conditions."""
    return spec.workspace.condition_ids


def effect_prior(spec: ModelSpec, reading: str) -> Scales:
    """Of the size of each effect in units of the total: (effect,)."""
    effects = spec.priors.effects[reading]
    return np.array([effect.mean for effect in effects]), np.array([effect.sd for effect in effects])


# of the logs of the causes' relative weights: (condition,)
cause_prior = elicited("cause_weight", condition_ids)


@lru_cache(maxsize=16)
def reading_data(spec: ModelSpec, reading: str, variant: str) -> Mapping[str, Array]:
    """What differs between readings of one form, as the model's data: so that one compiled model serves them all.

    Returns
    -------
    mapping
        effect_mean, effect_sd (effect,): Normal priors of the effects in units of the total; open_mu, open_sigma (condition,);
        total_mu, total_sigma (): log of the log of best-to-worst; leverage (effect,): weight of an effect of size one; of the substitutable form
        cause_mu, cause_sigma (condition,).
    """
    intercept, total, effect = (parameter.prior(spec, reading) for parameter in Conditions.parameters)
    data = {
        "effect_mean": effect[0], "effect_sd": effect[1], "open_mu": intercept[0], "open_sigma": intercept[1],
        "total_mu": total[0], "total_sigma": total[1],
    }  # fmt: skip
    if variant == names.SUBSTITUTABLE:
        data["cause_mu"], data["cause_sigma"] = cause_prior(spec, reading)
    return data | {"leverage": calibrated_leverage(data, spec.structure, variant)}


class Conditions(Term):
    """Log odds that each condition is open."""

    parameters = (
        Parameter(
            "intercept_open",
            (names.CONDITION,),
            "identity",
            elicited("share_open", condition_ids),
            "log odds that a condition is open, factors at their usual value",
            "share_open",
            ranked=False,
        ),
        Parameter(
            "log_best_to_worst",
            (),
            "log",
            elicited_once("best_to_worst"),
            "log of how many times likelier a round is in the best tenth of weeks",
            "best_to_worst",
        ),
        Parameter(
            "effect_size", (names.EFFECT,), "identity", effect_prior, "size of an effect, standardised", "readings.toml", ranked=False
        ),
    )
    kernels = (
        Kernel(
            lay_weights,
            adjoint_weights,
            inputs=("log_best_to_worst", "effect_size", "leverage", "placement", "points", "intercept_open"),
            outputs={"weight_matrix": "matrix"},
            saved={"weight": "vector"},
            wrt=("log_best_to_worst", "effect_size"),
        ),
        Kernel(
            lay_log_odds,
            adjoint_log_odds,
            inputs=("factor", "weight_matrix", "intercept_open", "points", "sided"),
            outputs={"log_odds_open": "matrix", "log_odds_at_points": "matrix"},
            saved={"regressor": "matrix"},
            wrt=("factor", "weight_matrix", "intercept_open"),
        ),
    )
    derived = (
        Derived(
            "share_open",
            (names.CONDITION,),
            "probability that a condition is open, factors at their usual value",
            of=lambda draws: expit(draws["intercept_open"]),
            ranked=True,
        ),
        Derived("weight", (names.EFFECT,), "weight of an effect, signed", "1 / unit of the factor", ranked=True),
        Derived("log_odds_open", (names.CONDITION, names.WEEK), "log odds that a condition is open"),
    )

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.CONDITION: list(condition_ids(spec)), names.EFFECT: list(spec.structure.effects)}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        structure = spec.structure
        effect, place = np.nonzero(structure.placement)
        placement = np.stack([effect, place // structure.regressors, place % structure.regressors], axis=1).astype(np.int64)
        leverage = reading_data(spec, reading, variant)["leverage"]
        return {"placement": placement, "leverage": leverage, "points": structure.points, "sided": structure.sided.astype(np.int64)}

    def declare(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        structure = scope.spec.structure
        data = {name: pm.Data(name, value) for name, value in reading_data(scope.spec, scope.reading, scope.variant).items()}
        intercept_open, best_to_worst, effect_size = self.parameters
        intercept = scope.free(intercept_open, (data["open_mu"], data["open_sigma"]))
        pm.Deterministic("share_open", pm.math.sigmoid(intercept), dims=names.CONDITION)
        total = scope.free(best_to_worst, (data["total_mu"], data["total_sigma"]))
        effect = scope.free(effect_size, (data["effect_mean"], data["effect_sd"]))
        weight = pm.Deterministic("weight", total * data["leverage"] * effect, dims=names.EFFECT)
        matrix = weight_matrix(weight, structure)
        scope.quantities |= {name: data[name] for name in ("cause_mu", "cause_sigma") if name in data}
        scope.add("log_odds", openness(regressors(scope["factor"], structure.sided, pt), matrix, intercept))
        scope.add("log_odds_at_points", openness(structure.points, matrix, intercept))

    def log_odds(self, spec: ModelSpec, draws: Mapping[str, Array], z: Array) -> Array:
        matrix = beside(weight_matrix(draws["weight"], spec.structure), z.ndim, 2)
        return np.asarray(openness(regressors(z, spec.structure.sided, np), matrix, beside(draws["intercept_open"], z.ndim - 1, 1)))

    def simulate(self, spec: ModelSpec, reading: str, variant: str, draws: Draws, rng: np.random.Generator) -> None:
        draws["weight"] = draws["log_best_to_worst"][:, None] * reading_data(spec, reading, variant)["leverage"] * draws["effect_size"]
