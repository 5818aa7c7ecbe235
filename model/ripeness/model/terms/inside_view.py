r"""The inside view: how open conditions multiply the hazard, by one of the two forms of :mod:`ripeness.model.terms.conditions`.

In the kernels, with σ̄(x) = 1 − σ(x) = u/(1 + u), u = e^−x:

    conjunctive      score = Σ_c log σ(x_c) = −log Π_c (1 + u_c)      ∂score/∂x_c = σ̄(x_c)
    additive         score = Σ_c σ̄(a_c) (x_c − a_c)                   ∂score/∂x_c = σ̄(a_c), and ∂σ̄(a_c)/∂a_c = −σ(a_c) σ̄(a_c)
    N = log mean_i e^score_i over the points                          ∂N/∂score_i = share_i = e^score_i / Σ_j e^score_j

The conjunctive mean needs no logarithm and a week needs one for all its conditions, as long as the product cannot overflow; where log odds are extreme
each condition has its own. Loops run over weeks or points, so that they run on whole vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.exponential import exponential
from ripeness.kernels.reductions import dot, sum_of
from ripeness.model.term import Derived, Draws, Kernel, Scope, Term
from ripeness.model.terms.conditions import inside_score, normaliser, reading_data
from ripeness.model.terms.pulses import fading_pulses

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
def form_inside(log_odds: Array, at_points: Array, intercept: Array, conjunctive: Array) -> tuple[Array, Array, Array, Array]:
    """The normalised inside view of every week.

    Parameters
    ----------
    log_odds, at_points : ndarray (condition, week), (condition, point)
    intercept : ndarray (condition,)
    conjunctive : ndarray (1,)
        1 for the conjunctive form, 0 for the additive one.

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
    if conjunctive[0] > 0.5:
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
    else:
        slope, pulled = np.empty((conditions, weeks)), np.empty((conditions, number))
        inside, share = np.zeros(weeks), np.zeros(number)
        for c in range(conditions):
            closed = 1.0 / (1.0 + np.exp(intercept[c]))
            for t in range(weeks):
                slope[c, t] = closed
                inside[t] += closed * (log_odds[c, t] - intercept[c])
            for i in range(number):
                pulled[c, i] = closed
                share[i] += closed * (at_points[c, i] - intercept[c])
        normaliser[0] = shares_of(share)
    for t in range(weeks):
        inside[t] -= normaliser[0]
    for c in range(conditions):
        for i in range(number):
            pulled[c, i] *= share[i]
    return inside, normaliser, slope, pulled


@compiled
def adjoint_inside(
    log_odds: Array, at_points: Array, intercept: Array, conjunctive: Array, inside: Array, normaliser: Array, slope: Array, pulled: Array,
    inside_bar: Array,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Cotangents of the log odds in weeks and at points, and of the intercepts."""
    conditions, weeks, number = log_odds.shape[0], log_odds.shape[1], at_points.shape[1]
    log_odds_bar, at_points_bar, intercept_bar = np.empty((conditions, weeks)), np.empty((conditions, number)), np.zeros(conditions)
    norm_bar = -sum_of(inside_bar)
    for c in range(conditions):
        by_week, by_point = log_odds_bar[c], at_points_bar[c]
        for t in range(weeks):
            by_week[t] = slope[c, t] * inside_bar[t]
        for i in range(number):
            by_point[i] = norm_bar * pulled[c, i]
        if conjunctive[0] < 0.5:
            moved = dot(by_week, log_odds[c]) + dot(by_point, at_points[c])
            whole = sum_of(by_week) + sum_of(by_point)
            intercept_bar[c] = -(moved - intercept[c] * whole) / (1.0 + np.exp(-intercept[c])) - whole
    return log_odds_bar, at_points_bar, intercept_bar


class InsideView(Term):
    """How open conditions multiply the hazard, by one of two forms."""

    kernels = (
        Kernel(
            form_inside,
            adjoint_inside,
            inputs=("log_odds_open", "log_odds_at_points", "intercept_open", "conjunctive"),
            outputs={"inside": "vector"},
            saved={"normaliser": "vector", "inside_slope": "matrix", "inside_pulled": "matrix"},
            wrt=("log_odds_open", "log_odds_at_points", "intercept_open"),
        ),
    )
    derived = (
        Derived("normaliser", (), "log of the inside view's mean multiplier", ranked=True),
        Derived("inside", (names.WEEK,), "log multiplier of the inside view"),
    )

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        return {"conjunctive": reading_data(spec, reading, variant)["conjunctive"].reshape(1)}

    def declare(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        intercept, conjunctive = scope["intercept_open"], pt.eq(scope["conjunctive"], 1.0)
        log_odds = pm.Deterministic("log_odds_open", scope["log_odds"], dims=(names.CONDITION, names.WEEK))
        norm_of = pm.Deterministic("normaliser", normaliser(scope["log_odds_at_points"], intercept, conjunctive, pt))
        scope["inside"] = pm.Deterministic("inside", inside_score(log_odds, intercept, conjunctive, pt) - norm_of, dims=names.WEEK)

    def simulate(self, spec: ModelSpec, reading: str, variant: str, draws: Draws, rng: np.random.Generator) -> None:
        from ripeness.model.inside import with_inside_view

        z = draws["path"] + fading_pulses(spec.workspace.factors, spec.panel.weeks, spec.panel.origin, draws)
        draws |= with_inside_view(spec, variant, draws, z)
