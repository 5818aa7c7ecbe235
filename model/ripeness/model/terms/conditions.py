r"""The inside view: how the factors move the conditions, and the conditions the hazard.

Conjunctive, as the essay argues, all conditions c being needed:

.. math:: \text{inside}(z) = \sum_c \log\sigma(a_c + u_c(z)) - N

Additive, each condition helping by itself, with the slopes that the conjunctive form has at its intercepts:

.. math:: \text{inside}(z) = \sum_c (1 - \sigma(a_c))\,u_c(z) - N

N is the log of the mean of exp(·) over the stationary distribution of the factors, taken on a fixed Sobol set, so that the inside view
moves hazard between weeks and never lifts the base rate. :math:`u_c` is linear in the factors, but for a one-sided factor: with
s(x) = (softplus(4x) − log 2)/4, the side that loses ground gains w₁ s(·) and the side that wins loses w₂ s(·).

Every function takes the array namespace (`pytensor.tensor` in the model, `numpy` in the forecast): the formula stands here once.
Identification: σ(a_c) and the weights of one condition share a scale; the elicited total (how much likelier a round is in the best
tenth of weeks than in the worst) fixes it, and with few events the prior leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

from ripeness import names

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
SOBOL_POINTS = 512
SOBOL_SEED = 7
CALIBRATION_DRAWS = 400
CALIBRATION_STEPS = 16
# E[z | top tenth] - E[z | bottom tenth] of a standard normal, 2·φ(z₉₀)/0.1: turns the log of best-to-worst into a standard deviation
TENTHS_APART = 2 * norm.pdf(norm.ppf(0.9)) / 0.1


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


def inside_score(log_odds: Any, intercept: Any, conjunctive: Any, xp: Any) -> Any:
    """The inside view before normalisation: (..., week).

    Parameters
    ----------
    log_odds : array (..., condition, week)
    intercept : array (..., condition)
    conjunctive : bool or tensor ()
        Which form; as a tensor, one compiled model serves both.
    """
    slope = xp.exp(log_sigmoid(-intercept, xp))[..., :, None]
    additive = slope * (log_odds - intercept[..., :, None])
    return xp.where(conjunctive, log_sigmoid(log_odds, xp), additive).sum(axis=-2)


def normaliser(matrix: Any, intercept: Any, structure: InsideStructure, conjunctive: Any, xp: Any) -> Any:
    """N: log of the stationary mean of exp(score), over the fixed Sobol set."""
    score = inside_score(openness(structure.points, matrix, intercept), intercept, conjunctive, xp)
    peak = xp.max(score, axis=-1, keepdims=True)
    return xp.log(xp.exp(score - peak).mean(axis=-1)) + peak[..., 0]


def best_to_worst(matrix: Array, intercept: Array, structure: InsideStructure, conjunctive: bool) -> Array:
    """How many times likelier a round is in the best tenth of weeks than in the worst: (draw,), from prior draws of the weights.

    Parameters
    ----------
    matrix : ndarray (draw, condition, regressor)
    intercept : ndarray (draw, condition)
    """
    score = np.sort(inside_score(openness(structure.points, matrix, intercept), intercept, conjunctive, np), axis=-1)
    tenth = score.shape[-1] // 10
    ratio: Array = np.exp(score[..., -tenth:]).mean(axis=-1) / np.exp(score[..., :tenth]).mean(axis=-1)
    return ratio


def calibrated_leverage(prior: Mapping[str, Array], structure: InsideStructure, conjunctive: bool) -> Array:
    """Weight that an effect of size one has on its conditions, so that the elicited total comes out as elicited.

    An effect's own share of the inside view's spread is size × total; to first order its weight is that over the slope 1 − σ(a_c) and
    the spread of its regressor. The curvature of log σ and the prior spread of the effects change the total, so one common factor
    is found by bisection on fixed prior draws: the median of best-to-worst is then the elicited one.

    Parameters
    ----------
    prior : mapping
        effect_mean, effect_sd (effect,); open_mu, open_sigma (condition,); total_mu, total_sigma ().
    structure : InsideStructure
    conjunctive : bool

    Returns
    -------
    ndarray (effect,)
    """
    slope = 1.0 / (1.0 + np.exp(prior["open_mu"]))
    touched = structure.placement.reshape(len(structure.effects), structure.conditions, -1).any(axis=2)
    leverage = 1.0 / (TENTHS_APART * structure.unit * (touched * slope).sum(axis=1) / touched.sum(axis=1))
    draws = prior_draws(prior, CALIBRATION_DRAWS)
    elicited = float(np.exp(prior["total_mu"]))
    low, high = np.log(0.05), np.log(20.0)
    for _ in range(CALIBRATION_STEPS):
        middle = 0.5 * (low + high)
        matrix = weight_matrix(draws["effect"] * draws["total"][:, None] * leverage * np.exp(middle), structure)
        if np.median(np.log(best_to_worst(matrix, draws["intercept"], structure, conjunctive))) < elicited:
            low = middle
        else:
            high = middle
    return np.asarray(leverage * np.exp(0.5 * (low + high)))


def prior_draws(prior: Mapping[str, Array], draws: int, seed: int = SOBOL_SEED) -> dict[str, Array]:
    """Prior draws of intercept (draw, condition), effect (draw, effect) and total (draw,), the log of best-to-worst."""
    rng = np.random.default_rng(seed)
    return {
        "intercept": rng.normal(prior["open_mu"], prior["open_sigma"], (draws, len(prior["open_mu"]))),
        "effect": rng.normal(prior["effect_mean"], prior["effect_sd"], (draws, len(prior["effect_mean"]))),
        "total": np.exp(rng.normal(prior["total_mu"], prior["total_sigma"], draws)),
    }


def condition_log_odds(spec: ModelSpec, draws: Mapping[str, Array], z: Array) -> Array:
    """Log odds that each condition is open.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        By the names of the posterior: weight (draw, effect) and intercept_open (draw, condition).
    z : ndarray (draw, …, factor, week)
        Factors as the hazards read them, pulses included; there may be axes between draws and factors, such as the paths of a draw.

    Returns
    -------
    ndarray (draw, …, condition, week)
    """
    matrix = _beside(weight_matrix(draws["weight"], spec.structure), z.ndim, 2)
    return np.asarray(openness(regressors(z, spec.structure.sided, np), matrix, _beside(draws["intercept_open"], z.ndim - 1, 1)))


def inside_of_log_odds(variant: str, draws: Mapping[str, Array], log_odds: Array) -> Array:
    """The inside view where the conditions have these log odds.

    Parameters
    ----------
    variant : {"conjunctive", "additive"}
    draws : mapping of ndarray (draw, …)
        By the names of the posterior: intercept_open (draw, condition) and normaliser (draw,).
    log_odds : ndarray (draw, …, condition, week)

    Returns
    -------
    ndarray (draw, …, week)
        Log of what multiplies the hazard.
    """
    score = inside_score(log_odds, _beside(draws["intercept_open"], log_odds.ndim - 1, 1), variant == names.CONJUNCTIVE, np)
    return np.asarray(score - _beside(draws["normaliser"], log_odds.ndim - 1, 0))


def inside_view(spec: ModelSpec, variant: str, draws: Mapping[str, Array], z: Array) -> Array:
    """The inside view, (draw, …, week), of factors (draw, …, factor, week), pulses included; see :func:`condition_log_odds`."""
    return inside_of_log_odds(variant, draws, condition_log_odds(spec, draws, z))


def with_inside_view(spec: ModelSpec, variant: str, draws: Mapping[str, Array], z: Array) -> dict[str, Array]:
    """Draws with all that follows from their weights and intercepts: normaliser, and on factors z (draw, factor, week) log_odds_open and inside."""
    matrix = weight_matrix(draws["weight"], spec.structure)
    norm_of = normaliser(matrix, draws["intercept_open"], spec.structure, variant == names.CONJUNCTIVE, np)
    found = {**draws, "normaliser": norm_of, "log_odds_open": condition_log_odds(spec, draws, z)}
    return found | {"inside": inside_of_log_odds(variant, found, found["log_odds_open"])}


def effect_regressors(spec: ModelSpec, z: Array) -> Array:
    """What each effect acts through, (…, effect, week), on factors z (…, factor, week): a factor, or of a one-sided one how far it is on that side."""
    structure = spec.structure
    placed = structure.placement.reshape(len(structure.effects), structure.conditions, -1).any(axis=1)
    return np.asarray(placed @ regressors(z, structure.sided, np) / placed.sum(axis=1)[:, None])


def _beside(values: Array, ndim: int, own: int) -> Array:
    """Values (draw, …) whose last `own` axes are their own, with axes of length one between, so that there are `ndim` of them."""
    return values.reshape(values.shape[0], *(1,) * (ndim - own - 1), *values.shape[1:])
