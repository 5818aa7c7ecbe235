r"""Claims muted: what the headline would be if one effect's weight were zero.

The model without effect e has the posterior :math:`p(\theta_{-e}\mid y, w_e = 0)`. It is reached from stored draws without a fit: the
priors of :math:`w_e` and of everything else are independent and no row reads a weight, so that under the importance weights

.. math:: r_s = L(\text{record of rounds}\mid \theta_{-e,s}, 0)\,/\,L(\text{record of rounds}\mid \theta_{-e,s}, w_{e,s})

the draws of :math:`\theta_{-e}` are draws of that posterior (the weight itself keeps its prior and is not used). Exact but for Monte Carlo
error, which is stated: the change is a difference over the same draws and the same futures. Pareto's k̂ says whether the weights may be
used (at most 0.7; Vehtari, Simpson, Gelman, Yao and Gabry 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.evaluation.stored import POINTS, Draws, Stored, error_of_mean
from ripeness.model.spec import ModelSpec
from ripeness.model.terms import conditions as inner
from ripeness.model.terms.pulses import fading_pulses
from ripeness.model.terms.record import Record

Array = NDArray[np.float64]
WORST_K = 0.7


@dataclass(frozen=True)
class Change:
    """What something does to the headline.

    Parameters
    ----------
    points : float
        Headline then, less the headline now, in percentage points.
    error : float
        Monte Carlo standard error of that difference, in points.
    k : float
        Pareto's k̂ of the importance weights; NaN where none were used.
    """

    points: float
    error: float
    k: float = float("nan")

    @property
    def sound(self) -> bool:
        """Whether the weights may be used."""
        return not self.k > WORST_K


def smoothed_weights(log_ratio: Array) -> tuple[Array, float]:
    """Pareto-smoothed importance weights, normalised to sum to 1, and k̂.

    Parameters
    ----------
    log_ratio : ndarray (draw,)
        Log of target over proposal, up to a constant.
    """
    centred = log_ratio - log_ratio.max()
    if float(np.ptp(centred)) == 0.0:
        return np.full(len(centred), 1.0 / len(centred)), float("-inf")
    smoothed, k = xr.DataArray(-centred, dims=names.DRAW).azstats.psislw(dim=names.DRAW)
    weights = np.exp(smoothed.values - smoothed.values.max())
    return weights / weights.sum(), float(k)


def reweighted_change(now: Array, then: Array, log_ratio: Array, shape: tuple[int, int]) -> Change:
    """Change of a mean from draws `now` to reweighted draws `then`, with the error of the difference.

    Parameters
    ----------
    now, then : ndarray (draw,)
        P_s as it is, and as it would be, of the same draws in the same order.
    log_ratio : ndarray (draw,)
    shape : (chains, draws)

    Notes
    -----
    The error is that of the mean of the difference's influence function, draws · weight · (then − its mean) − (now − its mean).
    """
    weights, k = smoothed_weights(log_ratio)
    mean_then, mean_now = float(weights @ then), float(now.mean())
    influence = len(now) * weights * (then - mean_then) - (now - mean_now)
    return Change(POINTS * (mean_then - mean_now), POINTS * error_of_mean(influence.reshape(shape)), k)


def mix_changes(changes: list[Change]) -> Change:
    """The change of the even mixture from those of its parts; k̂ is the worst of them."""
    error = float(np.sqrt(np.sum([change.error**2 for change in changes])) / len(changes))
    used = [change.k for change in changes if not np.isnan(change.k)]
    return Change(float(np.mean([change.points for change in changes])), error, max(used, default=float("nan")))


def record_log_likelihood(spec: ModelSpec, draws: Draws) -> Array:
    """Log-likelihood of the record of rounds, missed rounds summed out: (draw,), from outside_knots, inside, kept and sensitivity."""
    return Record().log_likelihood(spec, draws).sum(axis=1)


def rejoin(spec: ModelSpec, draws: Draws) -> Draws:
    """Draws whose inside view follows anew from their paths, jumps, weights and intercepts."""
    structure, factors, panel = spec.structure, spec.workspace.factors, spec.panel
    matrix, intercept = inner.weight_matrix(draws["weight"], structure), draws["intercept_open"]
    norm = inner.normaliser(matrix, intercept, structure, True, np)
    path = draws["path"] + fading_pulses(factors, panel.weeks, panel.origin, draws)
    log_odds = inner.openness(inner.regressors(path, structure.sided, np), matrix, intercept)
    inside = inner.inside_score(log_odds, intercept, True, np) - norm[:, None]
    return draws | {"normaliser": norm, "log_odds_open": log_odds, "inside": inside}


def mute(spec: ModelSpec, draws: Draws, effect: int) -> Draws:
    """Draws with one effect's weight at zero, and the inside view that follows."""
    weight = draws["weight"].copy()
    weight[:, effect] = 0.0
    return rejoin(spec, draws | {"weight": weight})


def mute_effect(stored: Stored, draws: Draws, now: Array, likelihood: Array, effect: int) -> Change:
    """Change of one reading's headline if an effect's weight were zero.

    Parameters
    ----------
    stored : Stored
    draws : dict of ndarray
        Posterior draws of one conjunctive fit.
    now, likelihood : ndarray (draw,)
        Their headline and their log-likelihood of the record, as they are.
    effect : int
        Its place in the model's order.
    """
    silent = mute(stored.spec, draws, effect)
    then = stored.headline(names.CONJUNCTIVE, silent)
    return reweighted_change(now, then, record_log_likelihood(stored.spec, silent) - likelihood, stored.shape)
