r"""Data left out: the headline without one indicator, without the record of rounds, without any data.

Without the record the factors are independent of each other, given their own indicators: what joins them is the hazard alone. So let
:math:`b_k` be what the hazard reads of factor k (path, half-life, jump) and take from a fit without the record draws :math:`b_k'` of its
posterior given its indicators but one. Paired with draws of everything else from the stored fit, under the importance weights

.. math:: r_s = L(\text{record}\mid b_{k,s}', \theta_{-k,s})\,/\,L(\text{record}\mid b_{k,s}, \theta_{-k,s})

they are draws of the posterior without that indicator: exact but for Monte Carlo error, and with as good a k̂ as zeroing a claim, where
dividing by the likelihoods of the rows fails (k̂ of 1 to 5). One fit without the record serves an indicator of every factor at once, and both
readings, as they share the priors of the factors.

Claims zeroed: what the headline would be if one effect's weight were zero.

The model without effect e has the posterior :math:`p(\theta_{-e}\mid y, w_e = 0)`. It is reached from stored draws without a fit: the
priors of :math:`w_e` and of everything else are independent and no row reads a weight, so that under the importance weights

.. math:: r_s = L(\text{rounds and events}\mid \theta_{-e,s}, 0)\,/\,L(\text{rounds and events}\mid \theta_{-e,s}, w_{e,s})

the draws of :math:`\theta_{-e}` are draws of that posterior (the weight itself keeps its prior and is not used). Exact but for Monte Carlo
error, which is stated: the change is a difference over the same draws and the same futures. Pareto's k̂ says whether the weights may be
used (at most 0.7; Vehtari, Simpson, Gelman, Yao and Gabry 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.observations import UNSEARCHED
from ripeness.data.panel import Panel
from ripeness.evaluation.stored import POINTS, Draws, Stored, error_of_mean
from ripeness.forecast.dormancy import whole_record
from ripeness.forecast.mixture import mixed_error
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.inference.gate import Verdict, judge_fit
from ripeness.inference.sample import flatten_draws, sample_posterior
from ripeness.model.build import model_coords
from ripeness.model.inside import with_inside_view
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.terms.pulses import READ_BY_HAZARD, read_factors
from ripeness.model.terms.rungs import events_log_likelihood, record_log_odds
from ripeness.reweighting.weights import LARGEST_KHAT, smooth_weights

Array = NDArray[np.float64]
PRIOR_DRAWS, AT_ONCE = 8_000, 2_000


def without_rows(panel: Panel, left_out: set[str]) -> Panel:
    """A panel without the rows of some indicators; the indicators themselves stay, with their parameters at their priors."""
    return panel.with_rows(
        {
            name: rows.pick(np.array([one not in left_out for one in rows.indicators], dtype=bool)[rows.indicator])
            for name, rows in panel.rows.items()
        }
    )


def without_rounds(panel: Panel, rungs: Sequence[str] = ()) -> Panel:
    """A panel whose record of rounds says nothing, no week after the first round being searched and none having one; of rungs it has the events of those named."""
    record = panel.record
    at_risk = np.arange(len(panel.weeks)) >= record.start
    return replace(
        panel.with_rows(
            {
                name: rows.pick(np.array([one in rungs for one in rows.indicators], dtype=bool)[rows.indicator])
                for name, rows in panel.outcomes.items()
            }
        ),
        record=replace(record, found=np.where(at_risk, 0.0, record.found), stretch=np.where(at_risk, UNSEARCHED, record.stretch)),
    )


@dataclass(frozen=True)
class Refit:
    """A fit to other data: its draws (draw, …) of so many chains, and what the gate says of it."""

    draws: Draws
    chains: int
    verdict: Verdict


def refit(stored: Stored, panel: Panel, variant: Variant, reading: str, seed: int) -> Refit:
    """Sample the posterior of another panel, with the workspace's settings; the gate looks at its headline at the real origin."""
    spec: ModelSpec = replace(stored.spec, panel=panel)
    sampled = sample_posterior(spec, variant, reading, spec.workspace.fit, seed)
    posterior = sampled["posterior"].to_dataset()
    draws = flatten_draws(posterior)
    shape = (posterior.sizes[names.CHAIN], posterior.sizes[names.DRAW])
    headline = xr.DataArray(stored.headline(variant, draws).reshape(shape), dims=(names.CHAIN, names.DRAW))
    looked_at = posterior.drop_vars("hazard")  # of a week that nobody searched they are the same in every draw, or of no use
    return Refit(draws, shape[0], judge_fit("refit", looked_at, sampled["sample_stats"].to_dataset(), headline))


def leave_out_plan(spec: ModelSpec) -> list[list[str]]:
    """Which indicators are left out together: of each factor one at a time."""
    by_factor: dict[str, list[str]] = {}
    for name in spec.panel.indicators:
        by_factor.setdefault(spec.contracts[name].factor, []).append(name)
    return [
        [own[number] for own in by_factor.values() if number < len(own)] for number in range(max(map(len, by_factor.values()), default=0))
    ]


def factor_swapped(spec: ModelSpec, variant: str, draws: Draws, other: Draws, factor: str, order: NDArray[np.intp]) -> Draws:
    """Draws with all that the hazards read of one factor taken from draws of another fit, in a given order; the inside view follows."""
    coords, changed = model_coords(spec, variant), {}
    for name, dim in READ_BY_HAZARD.items():
        if factor in (own := list(coords[dim])):
            changed[name] = draws[name].copy()
            changed[name][:, own.index(factor)] = other[name][order, own.index(factor)]
    return rejoin(spec, variant, draws | changed)


def leave_out(stored: Stored, variant: str, draws: Draws, now: Array, likelihood: Array, without: Draws, indicator: str) -> Change:
    """Change of one fit's headline without an indicator.

    Parameters
    ----------
    stored : Stored
    variant : str
    draws : dict of ndarray
        Posterior draws of the fit.
    now, likelihood : ndarray (draw,)
        Their headline and their log-likelihood of all outcomes.
    without : dict of ndarray
        Draws of a fit without the record and without the indicator's rows.
    indicator : str
    """
    order = np.random.default_rng(stored.seed).permutation(len(without["half_life"]))[np.arange(len(now)) % len(without["half_life"])]
    swapped = factor_swapped(stored.spec, variant, draws, without, stored.spec.contracts[indicator].factor, order)
    then = stored.headline(variant, swapped)
    return reweighted_change(now, then, likelihood_of_outcomes(stored.spec, swapped) - likelihood, stored.shape)


def headline_of_priors(
    stored: Stored, variant: Variant, reading: str, seed: int, seen: Draws | None = None, path_noise: bool = True
) -> Array:
    """Headline (draw,) that one reading's priors imply in one form, dormancy at the origin being known.

    Parameters
    ----------
    stored : Stored
    variant, reading : str
    seed : int
    seen : dict of ndarray, optional
        Draws of a fit without the record: then the factors are what their indicators make of them, and the rest stays at its prior.
    path_noise : bool
        As :meth:`ripeness.evaluation.stored.Stored.headline` has it.
    """
    spec, parts = stored.spec, []
    for place, sequence in enumerate(np.random.SeedSequence(seed).spawn(PRIOR_DRAWS // AT_ONCE)):
        draws = sample_prior(spec, reading, variant, AT_ONCE, sequence)
        if seen is not None:
            order = (place * AT_ONCE + np.arange(AT_ONCE)) % len(seen["half_life"])
            draws = rejoin(spec, variant, draws | {name: seen[name][order] for name in READ_BY_HAZARD if name in seen})
        parts.append(stored.headline(variant, draws, path_noise))
    return np.concatenate(parts)


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
        return not self.k > LARGEST_KHAT


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
    weights = smooth_weights(log_ratio)
    mean_then, mean_now = float(weights.values @ then), float(now.mean())
    influence = len(now) * weights.values * (then - mean_then) - (now - mean_now)
    return Change(POINTS * (mean_then - mean_now), POINTS * error_of_mean(influence.reshape(shape)), weights.khat)


def mix_changes(changes: Sequence[Change], weights: Sequence[float]) -> Change:
    """The change of the mixture from those of its parts and their weights; k̂ is the worst of them."""
    error = float(mixed_error([change.error for change in changes], weights))
    used = [change.k for change in changes if not np.isnan(change.k)]
    return Change(float(np.average([change.points for change in changes], weights=weights)), error, max(used, default=float("nan")))


def rejoin(spec: ModelSpec, variant: str, draws: Draws) -> Draws:
    """Draws whose inside view follows anew from their paths, pulses, weights, intercepts and causes."""
    panel = spec.panel
    return with_inside_view(spec, variant, draws, read_factors(spec, draws, draws["path"], panel.weeks))


def likelihood_of_outcomes(spec: ModelSpec, draws: Draws) -> Array:
    """Log-likelihood of all that reads the conditions: rounds, announcements and the rungs' events; (draw,)."""
    found = whole_record(spec, draws).log_likelihood
    if "rung_rate" not in draws:
        return found
    return np.asarray(found + events_log_likelihood(spec, draws, record_log_odds(spec, draws), 0).sum(axis=1))


def zero_effect(spec: ModelSpec, variant: str, draws: Draws, effect: int) -> Draws:
    """Draws with one effect's weight at zero, and the inside view that follows."""
    weight = draws["weight"].copy()
    weight[:, effect] = 0.0
    return rejoin(spec, variant, draws | {"weight": weight})


def zeroed_change(stored: Stored, variant: str, draws: Draws, now: Array, likelihood: Array, effect: int) -> Change:
    """Change of one fit's headline if an effect's weight were zero.

    Parameters
    ----------
    stored : Stored
    variant : str
    draws : dict of ndarray
        Posterior draws of the fit.
    now, likelihood : ndarray (draw,)
        Their headline and their log-likelihood of all outcomes, as they are.
    effect : int
        Its place in the model's order.
    """
    zeroed = zero_effect(stored.spec, variant, draws, effect)
    then = stored.headline(variant, zeroed)
    return reweighted_change(now, then, likelihood_of_outcomes(stored.spec, zeroed) - likelihood, stored.shape)
