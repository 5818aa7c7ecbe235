r"""The inside view: by how much the conditions multiply the hazard, in one of the two forms of :mod:`ripeness.model.terms.conditions`, a term each.

In the kernels, with σ̄(x) = 1 − σ(x) = u/(1 + u), u = e^−x:

    conjunctive      score = Σ_c log σ(x_c) = −log Π_c (1 + u_c)      ∂score/∂x_c = σ̄(x_c)
                     N = log mean_i e^score_i over the points         ∂N/∂score_i = e^score_i / Σ_j e^score_j
    substitutable    inside = log Σ_c s_c e^(x_c − N_c)               ∂inside/∂x_c = r_c = s_c e^(x_c − N_c) / Σ_b s_b e^(x_b − N_b)
                     N_c = log mean_i e^x_ci over the points          ∂N_c/∂x_ci = e^x_ci / Σ_j e^x_cj

r_c is the share of the week's hazard that cause c brings about. The conjunctive mean needs no logarithm and a week needs one for all its conditions, as
long as the product cannot overflow; where log odds are extreme each condition has its own. Loops run over weeks or points, so that they run on whole
vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.exponential import exponential
from ripeness.kernels.reductions import sum_of
from ripeness.model.term import Derived, Draws, Kernel, Parameter, Scope, Term
from ripeness.model.terms.conditions import cause_prior, conjunctive_score, log_mean_exp, shares_of_causes, substitutable_inside
from ripeness.model.terms.pulses import read_factors

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
# e to this power is still finite, and so is the product of (1 + e^x) over conditions whose x add up to it
LARGEST_POWER = 600.0


@inner
def close_conjunctive(log_odds: Array) -> tuple[Array, Array, Array]:
    """Π_c (1 + u_c) and the smallest log odds, (week or point,) each; σ̄(x_c), (condition, week or point)."""
    conditions, weeks = log_odds.shape
    product, smallest, closed = np.empty(weeks), np.empty(weeks), np.empty((conditions, weeks))
    for t in range(weeks):
        product[t], smallest[t] = 1.0, np.inf
    for c in range(conditions):
        x, own = log_odds[c], closed[c]
        for t in range(weeks):
            # from here on down σ̄ is one; a finite u keeps it so
            u = exponential(min(-x[t], LARGEST_POWER))
            own[t] = u / (1.0 + u)
            product[t] *= 1.0 + u
            smallest[t] = min(smallest[t], x[t])
    return product, smallest, closed


@inner
def all_above(values: Array, bound: float) -> bool:
    """Whether no value is at or below a bound."""
    above = True
    for i in range(values.shape[0]):
        above = above and values[i] > bound
    return above


@inner
def log_sigmoids(log_odds: Array, t: int) -> float:
    """Σ_c log σ(x_c) of one week or point, whatever the log odds."""
    total = 0.0
    for c in range(log_odds.shape[0]):
        x = log_odds[c, t]
        total += min(x, 0.0) - np.log1p(np.exp(-abs(x)))
    return total


@inner
def shares_of(score: Array) -> float:
    """Turn scores into shares e^score / Σ e^score, in place; returns the log of the mean of e^score."""
    peak = -np.inf
    for i in range(score.shape[0]):
        peak = max(peak, score[i])
    for i in range(score.shape[0]):
        score[i] = exponential(score[i] - peak)
    return float(peak + np.log(normalise(score)))


@inner
def normalise(values: Array) -> float:
    """Divide by the sum, in place; returns the mean there was."""
    total = sum_of(values)
    scale = 1.0 / total
    for i in range(values.shape[0]):
        values[i] *= scale
    return float(total / values.shape[0])


@compiled
def view_conjunctive(log_odds: Array, at_points: Array) -> tuple[Array, Array, Array, Array]:
    """The conjunctive inside view of every week.

    Parameters
    ----------
    log_odds, at_points : ndarray (condition, week), (condition, point)

    Returns
    -------
    inside : ndarray (week,)
    normaliser : ndarray (1,)
        Saved: N.
    slope, pulled : ndarray (condition, week), (condition, point)
        Saved: ∂score/∂x_c of the weeks, and ∂N/∂x_c at each point.
    """
    conditions, weeks, number = log_odds.shape[0], log_odds.shape[1], at_points.shape[1]
    inside, share, normaliser = np.empty(weeks), np.empty(number), np.empty(1)
    product, smallest, slope = close_conjunctive(log_odds)
    lowest = -LARGEST_POWER / conditions
    for t in range(weeks):
        inside[t] = -np.log(product[t]) if smallest[t] > lowest else log_sigmoids(log_odds, t)
    product, smallest, pulled = close_conjunctive(at_points)
    if all_above(smallest, lowest):
        for i in range(number):
            share[i] = 1.0 / product[i]
        normaliser[0] = np.log(normalise(share))
    else:
        for i in range(number):
            share[i] = log_sigmoids(at_points, i)
        normaliser[0] = shares_of(share)
    for t in range(weeks):
        inside[t] -= normaliser[0]
    for c in range(conditions):
        for i in range(number):
            pulled[c, i] *= share[i]
    return inside, normaliser, slope, pulled


@compiled
def adjoint_conjunctive(
    log_odds: Array, at_points: Array, inside: Array, normaliser: Array, slope: Array, pulled: Array, inside_bar: Array
) -> tuple[Array, Array]:
    """Cotangents of the log odds in weeks and at points."""
    conditions, weeks, number = log_odds.shape[0], log_odds.shape[1], at_points.shape[1]
    log_odds_bar, at_points_bar = np.empty((conditions, weeks)), np.empty((conditions, number))
    norm_bar = -sum_of(inside_bar)
    for c in range(conditions):
        by_week, by_point = log_odds_bar[c], at_points_bar[c]
        for t in range(weeks):
            by_week[t] = slope[c, t] * inside_bar[t]
        for i in range(number):
            by_point[i] = norm_bar * pulled[c, i]
    return log_odds_bar, at_points_bar


@compiled
def view_substitutable(log_odds: Array, at_points: Array, weight: Array) -> tuple[Array, Array, Array, Array]:
    """The substitutable inside view of every week.

    Parameters
    ----------
    log_odds, at_points : ndarray (condition, week), (condition, point)
    weight : ndarray (condition,)
        Relative weights of the causes.

    Returns
    -------
    inside : ndarray (week,)
    normaliser : ndarray (condition,)
        Saved: N_c.
    by_cause, pulled : ndarray (condition, week), (condition, point)
        Saved: r_c of the weeks, and ∂N_c/∂x_c at each point.
    """
    conditions, weeks = log_odds.shape
    inside, normaliser = np.empty(weeks), np.empty(conditions)
    peak, total = np.full(weeks, -np.inf), np.zeros(weeks)
    by_cause, pulled = np.empty((conditions, weeks)), at_points.copy()
    log_weight = np.log(sum_of(weight))
    for c in range(conditions):
        normaliser[c] = shares_of(pulled[c])
        own, offset = by_cause[c], np.log(weight[c]) - log_weight - normaliser[c]
        for t in range(weeks):
            own[t] = log_odds[c, t] + offset
            peak[t] = max(peak[t], own[t])
    for c in range(conditions):
        own = by_cause[c]
        for t in range(weeks):
            own[t] = exponential(own[t] - peak[t])
            total[t] += own[t]
    for t in range(weeks):
        inside[t] = peak[t] + np.log(total[t])
        total[t] = 1.0 / total[t]
    for c in range(conditions):
        own = by_cause[c]
        for t in range(weeks):
            own[t] *= total[t]
    return inside, normaliser, by_cause, pulled


@compiled
def adjoint_substitutable(
    log_odds: Array, at_points: Array, weight: Array, inside: Array, normaliser: Array, by_cause: Array, pulled: Array, inside_bar: Array
) -> tuple[Array, Array, Array]:
    """Cotangents of the log odds in weeks and at points, and of the weights of the causes."""
    conditions, weeks, number = log_odds.shape[0], log_odds.shape[1], at_points.shape[1]
    log_odds_bar, at_points_bar, weight_bar = np.empty((conditions, weeks)), np.empty((conditions, number)), np.empty(conditions)
    together = sum_of(inside_bar) / sum_of(weight)
    for c in range(conditions):
        by_week, by_point = log_odds_bar[c], at_points_bar[c]
        for t in range(weeks):
            by_week[t] = by_cause[c, t] * inside_bar[t]
        moved = sum_of(by_week)
        for i in range(number):
            by_point[i] = -moved * pulled[c, i]
        weight_bar[c] = moved / weight[c] - together
    return log_odds_bar, at_points_bar, weight_bar


class InsideView(Term):
    """What the conditions multiply the hazard by."""

    def simulate(self, spec: ModelSpec, reading: str, variant: str, draws: Draws, rng: np.random.Generator) -> None:
        from ripeness.model.inside import with_inside_view

        z = read_factors(spec, draws, draws["path"], spec.panel.weeks)
        draws |= with_inside_view(spec, variant, draws, z)


class Conjunctive(InsideView):
    """All conditions are needed: their odds multiply."""

    kernels = (
        Kernel(
            view_conjunctive,
            adjoint_conjunctive,
            inputs=("log_odds_open", "log_odds_at_points"),
            outputs={"inside": "vector"},
            saved={"normaliser": "vector", "inside_slope": "matrix", "inside_pulled": "matrix"},
            wrt=("log_odds_open", "log_odds_at_points"),
        ),
    )
    derived = (
        Derived("normaliser", (), "log of the inside view's mean multiplier", ranked=True),
        Derived("inside", (names.WEEK,), "log multiplier of the inside view"),
    )

    def declare(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        log_odds = pm.Deterministic("log_odds_open", scope["log_odds"], dims=(names.CONDITION, names.WEEK))
        norm_of = pm.Deterministic("normaliser", log_mean_exp(conjunctive_score(scope["log_odds_at_points"], pt), pt))
        scope["inside"] = pm.Deterministic("inside", conjunctive_score(log_odds, pt) - norm_of, dims=names.WEEK)


class Substitutable(InsideView):
    """Each condition is a cause of rounds by itself: their hazards add."""

    parameters = (
        Parameter(
            "cause_weight",
            (names.CONDITION,),
            "log",
            cause_prior,
            "weight of a condition as a cause of rounds, relative to the others",
            "cause_weight",
            ranked=False,
        ),
    )
    kernels = (
        Kernel(
            view_substitutable,
            adjoint_substitutable,
            inputs=("log_odds_open", "log_odds_at_points", "cause_weight"),
            outputs={"inside": "vector"},
            saved={"cause_normaliser": "vector", "hazard_by_cause": "matrix", "inside_pulled": "matrix"},
            wrt=("log_odds_open", "log_odds_at_points", "cause_weight"),
        ),
    )
    derived = (
        Derived(
            "cause_share",
            (names.CONDITION,),
            "long-run share of the hazard that a condition brings about",
            of=lambda draws: shares_of_causes(draws["cause_weight"]),
            ranked=True,
        ),
        Derived("cause_normaliser", (names.CONDITION,), "log of the mean multiplier of a cause, its intercept included", ranked=True),
        Derived("inside", (names.WEEK,), "log multiplier of the inside view"),
    )

    def declare(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        weight = scope.free(self.parameters[0], (scope["cause_mu"], scope["cause_sigma"]))
        share = pm.Deterministic("cause_share", shares_of_causes(weight), dims=names.CONDITION)
        log_odds = pm.Deterministic("log_odds_open", scope["log_odds"], dims=(names.CONDITION, names.WEEK))
        norm_of = pm.Deterministic("cause_normaliser", log_mean_exp(scope["log_odds_at_points"], pt), dims=names.CONDITION)
        scope["inside"] = pm.Deterministic("inside", substitutable_inside(log_odds, share, norm_of, pt), dims=names.WEEK)
