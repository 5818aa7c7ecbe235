r"""Weights of stored draws under a new vintage, what they are worth, and when only a new fit will do.

The draws' weights are the ratios of :mod:`ripeness.reweighting.paths` and :mod:`ripeness.reweighting.reweighted`, Pareto-smoothed (Vehtari, Simpson, Gelman, Yao
and Gabry 2024, "Pareto smoothed importance sampling") by ArviZ; above k̂ = 0.7 they are not to be trusted.

Only some of a fit's draws are stored for updates, evenly by what they said of the headline at the fit. What a quantity's mean is under all
draws is known from then, so it serves as a control variate (Owen 2013, "Monte Carlo theory, methods and examples", chapter 8): with weights w
that sum to one over S draws, new values P and old ones B,

.. math:: \hat m = \sum_s w_s P_s - \beta\,(\bar B_{\text{stored}} - \bar B_{\text{all}}), \qquad f_s = S w_s (P_s - \textstyle\sum w P), \qquad
    \text{error}^2 = \beta^2\,\text{error}(\bar B_{\text{all}})^2 + \text{Var}(f - \beta B) / S_{\text{eff}}

with β the least-squares slope of f on B: an update adds to the fit's own Monte Carlo error only what the new rows, and the unevenness of
the weights, bring in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LARGEST_KHAT = 0.7
LARGEST_ERROR = 0.0028  # of the headline: with more, real weeks replayed came out over half a point from a new fit
OLDEST_WEEKS = 13


@dataclass(frozen=True)
class Weights:
    """Smoothed weights of draws.

    Parameters
    ----------
    values : ndarray (draw,)
        They sum to one.
    khat : float
        Shape of the Pareto tail of the raw ones.
    effective : float
        Number of independent draws of equal weight that they are worth.
    """

    values: Array
    khat: float
    effective: float


def smooth_weights(log_ratio: Array, efficiency: float = 1.0) -> Weights:
    """Weights from log ratios, Pareto-smoothed.

    Parameters
    ----------
    log_ratio : ndarray (draw,)
        Up to a constant.
    efficiency : float
        Effective draws of the fit as a share of these draws, at most 1.

    Returns
    -------
    Weights
        k̂ is −∞ where all are equal, so that there is no tail, and ∞ where a ratio is not a number.
    """
    even = np.full(len(log_ratio), 1.0 / len(log_ratio))
    if not np.isfinite(log_ratio).all():
        return Weights(even, float("inf"), 0.0)
    if np.ptp(log_ratio) < 1e-9:
        return Weights(even, float("-inf"), efficiency * len(log_ratio))
    from arviz_stats.base import array_stats

    # ArviZ takes log likelihoods, of which the ratios are the inverse
    logs, khat = array_stats.psislw(-log_ratio, r_eff=efficiency)
    values = np.exp(logs - logs.max())
    values /= values.sum()
    return Weights(values, float(khat), float(efficiency / (values**2).sum()))


@dataclass(frozen=True)
class Anchor:
    """What a fit said of a quantity, by all its draws.

    Parameters
    ----------
    mean, error : float
        Mean over all draws, and its Monte Carlo error.
    """

    mean: float
    error: float


def weighted_mean(values: Array, weights: Weights, before: Array, anchor: Anchor, efficiency: float = 1.0) -> tuple[float, float]:
    """Mean of a quantity under the weights, and its Monte Carlo error.

    Parameters
    ----------
    values : ndarray (draw,)
        Under the new vintage.
    weights : Weights
    before : ndarray (draw,)
        The quantity at the fit.
    anchor : Anchor
        Its mean over all draws of the fit.
    efficiency : float
        As for :func:`smooth_weights`.
    """
    draws = len(values)
    raw = float(weights.values @ values)
    influence = draws * weights.values * (values - raw)
    off = before - before.mean()
    slope = float(off @ influence) / float(off @ off) if np.ptp(before) > 0.0 else 0.0
    rest = influence - slope * off
    error = float(np.sqrt((slope * anchor.error) ** 2 + rest.var() / (draws * efficiency)))
    return raw - slope * (float(before.mean()) - anchor.mean), error


def resample_evenly(weights: Array, number: int, uniform: float) -> NDArray[np.intp]:
    """Indices of `number` draws in proportion to their weights, by systematic resampling.

    Parameters
    ----------
    weights : ndarray (draw,)
        They sum to one.
    number : int
    uniform : float
        In [0, 1); the one random number that it takes.
    """
    steps = (np.arange(number) + uniform) / number
    return np.minimum(np.searchsorted(np.cumsum(weights), steps, side="right"), len(weights) - 1)


def choose_by_weight(weights: Array, values: Array, uniform: float, number: int | None = None) -> NDArray[np.intp]:
    """Indices of `number` draws, as many as there are unless given, in proportion to their weights (draw,), evenly over `values` (draw,), in order."""
    order = np.argsort(values, kind="stable")
    return np.sort(order[resample_evenly(weights[order], len(order) if number is None else number, uniform)])


def choose_evenly(values: Array, number: int) -> NDArray[np.intp]:
    """Indices of `number` of the draws, the middle one of each of as many stretches of equal length in the order of `values`."""
    if number >= len(values):
        return np.arange(len(values))
    order = np.argsort(values, kind="stable")
    return np.sort(order[((np.arange(number) + 0.5) * len(values) / number).astype(np.intp)])
