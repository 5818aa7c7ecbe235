"""A stored fit under a new vintage: its draws, their last weeks integrated anew, with weights that make them draws of the new posterior.

What is stored of a fit for updates is small: some of its draws, chosen evenly by what they say of the headline, with the paths from the
window on and the dormancy in its first week. A chain of updates always begins with the fit.

The record of rounds of a window's weeks is held against its paths by :mod:`ripeness.forecast.dormancy`, begun not after a round but with the
distribution over d that a stored draw has in the window's first week: what came before reads only kept states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ripeness import names
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import elicit_quantiles
from ripeness.forecast.ahead import Ahead, build_ahead
from ripeness.forecast.dormancy import Silence, dormancy_in_week, silence_of_record
from ripeness.forecast.horizons import Probabilities, forecast_probabilities, usual_multiplier
from ripeness.model.build import without_weeks
from ripeness.model.inside import condition_log_odds, inside_view
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.terms.announcements import Arrivals
from ripeness.model.terms.factor_paths import Hold
from ripeness.model.terms.pulses import read_factors
from ripeness.model.terms.rungs import NestedRungs, events_log_likelihood
from ripeness.reweighting.paths import Redrawn, redraw_paths
from ripeness.reweighting.weights import Anchor, Weights, choose_evenly, smooth_weights
from ripeness.reweighting.window import Window, choose_window
from ripeness.workspace import Workspace

Array = NDArray[np.float64]
STORED_DRAWS = 1000  # of a fit
STORED_HEADLINE = 4000  # of all fits that the headline mixes, so that an update takes no longer where there are more
Index = NDArray[np.int64]
COVERAGE = "coverage.csv"
USUAL = "usual_multiplier"
ARRIVALS, NESTED = Arrivals(), NestedRungs()


@dataclass(frozen=True)
class StoredFit:
    """What an update needs of one fit.

    Parameters
    ----------
    variant, reading : str
    window : Window
    draws : dict of ndarray (draw, …)
        By the names of the posterior; `path` (draw, factor, week) from week `window.stored` on; `usual_multiplier` (draw,) of the inside view.
    state : ndarray (draw, state)
        Dormancy in week `window.first`.
    within : ndarray (draw, horizon)
        Probability of a round that each draw gave at the fit.
    anchors : tuple of Anchor
        Its mean over all draws, for each horizon.
    efficiency : float
        Effective draws of the headline as a share of the stored ones, at most 1.
    """

    variant: Variant
    reading: str
    window: Window
    draws: Mapping[str, Array]
    state: Array
    within: Array
    anchors: tuple[Anchor, ...]
    efficiency: float


@dataclass(frozen=True)
class Updated:
    """A stored fit's draws under a new vintage.

    Parameters
    ----------
    draws : dict of ndarray (draw, …)
        With paths to the new record's last week and a sensitivity for each of its stretches.
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in the first week ahead.
    chance : ndarray (draw, week)
        Probability of a round in each week from the fit's `window.first` on, given the record before it.
    weights : Weights
    log_ratio : ndarray (draw, part)
        Of the draws' weights before smoothing: each factor's, then that of rounds, announcements and events of the rungs.
    """

    draws: Mapping[str, Array]
    state: Array
    chance: Array
    weights: Weights
    log_ratio: Array


def stored_draws(workspace: Workspace, variant: str) -> int:
    """How many draws of a fit are stored for updates."""
    return STORED_DRAWS if variant == names.OUTSIDE else min(STORED_DRAWS, STORED_HEADLINE // len(workspace.headline_fits))


def store_fit(
    spec: ModelSpec, vintage: Vintage, variant: Variant, reading: str, posterior: Mapping[str, Array], within: Array, anchors: tuple[Anchor, ...],
    effective: float, headline: int, number: int | None = None,
) -> StoredFit:  # fmt: skip
    """Choose what is stored of a fit for updates.

    Parameters
    ----------
    spec : ModelSpec
    vintage : Vintage
    variant, reading : str
    posterior : mapping of ndarray (draw, …)
        All draws, flattened over chains, by the names of the posterior.
    within : ndarray (draw, horizon)
        Probability of a round that each draw gives.
    anchors : tuple of Anchor
        Its mean and Monte Carlo error, for each horizon.
    effective : float
        Effective draws of the headline.
    headline : int
        Place of the headline's horizon.
    number : int, optional
        Draws to be stored; by default `stored_draws` of the workspace and variant.
    """
    window = choose_window(spec, vintage)
    chosen = choose_evenly(within[:, headline], stored_draws(spec.workspace, variant) if number is None else number)
    stored = without_weeks(variant)
    some = {name: np.asarray(values[chosen], dtype=float) for name, values in posterior.items() if name in (*stored, "path", "inside")}
    state = dormancy_in_week(spec, some, window.first)
    draws = {name: values for name, values in some.items() if name in stored}
    if variant != names.OUTSIDE:
        draws["path"] = np.ascontiguousarray(some["path"][:, :, window.stored :])
        draws[USUAL] = usual_multiplier(spec, some["inside"])
    return StoredFit(variant, reading, window, draws, state, within[chosen], anchors, min(1.0, effective / len(chosen)))


def update_fit(base: ModelSpec, new: ModelSpec, fit: StoredFit, seed: np.random.SeedSequence) -> Updated:
    """Reweight a stored fit for a new vintage.

    Parameters
    ----------
    base, new : ModelSpec
        Of the fit's vintage and of the new one; nothing differs that :func:`ripeness.reweighting.refusals.beyond_window` would name.
    fit : StoredFit
    seed : SeedSequence
    """
    paths, stretches = seed.spawn(2)
    if fit.variant == names.OUTSIDE:
        return weigh(base, new, fit, None, stretches)
    return weigh(base, new, fit, redraw_paths(base, new, fit.window, fit.draws, paths), stretches)


def weigh(
    base: ModelSpec, new: ModelSpec, fit: StoredFit, redrawn: Redrawn | None, seed: np.random.SeedSequence, before: Array | None = None
) -> Updated:
    """Hold redrawn paths against rounds, announcements and events of the rungs, and weight the draws.

    Parameters
    ----------
    base, new : ModelSpec
    fit : StoredFit
    redrawn : Redrawn or None
        None of a variant without factors.
    seed : SeedSequence
        Of the sensitivities of stretches that are new.
    before : ndarray (draw,), optional
        What :func:`weigh_base` gives, if it is known.
    """
    first, draws = fit.window.first, dict(fit.draws)
    before = weigh_base(base, fit) if before is None else before
    log_ratio, read = np.zeros((len(fit.state), 0)), None
    if redrawn is not None:
        if redrawn.moves is not None:
            draws["level_moves"] = np.concatenate([draws["level_moves"], redrawn.moves[..., None]], axis=2)
        log_ratio, read, draws["path"] = redrawn.log_ratio, _as_read(new, fit, draws, redrawn.path), redrawn.path
    if "sensitivity" in draws or new.panel.record.sensitivities:
        known = draws.get("sensitivity", np.zeros((len(fit.state), 0)))
        draws["sensitivity"] = match_sensitivity(base, new, known, seed)
    after = rounds_in_window(new, fit.variant, draws, first, fit.state, read)
    now = after.log_likelihood + beside_rounds(new, draws, first, read)
    log_ratio = np.concatenate([log_ratio, (now - before)[:, None]], axis=1)
    return Updated(draws, after.state, after.chance, smooth_weights(log_ratio.sum(axis=1), fit.efficiency), log_ratio)


def weigh_base(base: ModelSpec, fit: StoredFit) -> Array:
    """Log-likelihood of the rounds of the fit's own vintage in its window, and of :func:`beside_rounds`: (draw,)."""
    read = _as_read(base, fit, fit.draws, fit.draws["path"]) if "path" in fit.draws else None
    rounds = rounds_in_window(base, fit.variant, fit.draws, fit.window.first, fit.state, read).log_likelihood
    return np.asarray(rounds + beside_rounds(base, fit.draws, fit.window.first, read))


def beside_rounds(spec: ModelSpec, draws: Mapping[str, Array], first: int, read: Array | None) -> Array:
    """Log-likelihood of all announcements, of the rungs' events from week `first` on and of all nested ones: (draw,); of paths as `_as_read` gives them."""
    found = ARRIVALS.log_likelihood(spec, draws).sum(axis=1)
    if read is None:
        return np.asarray(found)
    if "rung_rate" in draws:
        found = found + events_log_likelihood(spec, draws, condition_log_odds(spec, draws, read), first - 1).sum(axis=1)
    if "rung_share" in draws:
        found = found + NESTED.log_likelihood(spec, draws).sum(axis=1)
    return np.asarray(found)


def _as_read(spec: ModelSpec, fit: StoredFit, draws: Mapping[str, Array], path: Array) -> Array:
    """Factors as the hazards from the window's first week on read them: those of the week before."""
    weeks = spec.panel.weeks[fit.window.first - 1 : len(spec.panel.weeks) - 1]
    start = fit.window.first - 1 - fit.window.stored
    return read_factors(spec, draws, path[:, :, start : start + len(weeks)], weeks)


def look_ahead(
    new: ModelSpec, fit: StoredFit, updated: Updated, announcements: list[Announcement], paths: int, seed: np.random.SeedSequence,
    hold: Hold | None = None,
) -> tuple[Ahead, Probabilities]:  # fmt: skip
    """Forecast from draws under a new vintage, each as it is: the weights come afterwards.

    Parameters
    ----------
    new : ModelSpec
    fit : StoredFit
    updated : Updated
    announcements : list of Announcement
        Those known at the new origin.
    paths : int
        Factor paths simulated from each draw.
    seed : SeedSequence
    hold : callable, optional
        As for :func:`ripeness.forecast.ahead.build_ahead`.
    """
    ahead = build_ahead(new, fit.variant, dict(updated.draws), announcements, paths, seed, updated.state, hold)
    return ahead, forecast_probabilities(ahead)


def match_sensitivity(base: ModelSpec, new: ModelSpec, sensitivity: Array, seed: np.random.SeedSequence) -> Array:
    """Sensitivities for the stretches of a new vintage's coverage: those of the fit, and of a stretch that it did not know draws of the prior.

    Parameters
    ----------
    base, new : ModelSpec
    sensitivity : ndarray (draw, stretch)
        Draws of the fit, in the order of the base record's stretches.
    seed : SeedSequence

    Returns
    -------
    ndarray (draw, stretch)
        In the order of the new record's.
    """
    known, rng = list(base.panel.record.sensitivities), np.random.default_rng(seed)
    columns = [
        sensitivity[:, known.index(pair)] if pair in known else _prior_sensitivity(*pair, len(sensitivity), rng)
        for pair in new.panel.record.sensitivities
    ]
    return np.stack(columns, axis=1) if columns else sensitivity[:, :0]


def _prior_sensitivity(low: float, high: float, draws: int, rng: np.random.Generator) -> Array:
    """Draws of the logit-normal with these 5 and 95 % quantiles."""
    prior = elicit_quantiles(low, high, "logitnormal", "sensitivity of the search", Path(COVERAGE), None)
    return np.asarray(expit(rng.normal(prior.mu, prior.sigma, draws)))


def rounds_in_window(
    spec: ModelSpec, variant: Variant, draws: Mapping[str, Array], first: int, state: Array, path: Array | None
) -> Silence:
    """Hold the rounds from week `first` on against draws and their paths.

    Parameters
    ----------
    spec : ModelSpec
        Of the vintage whose rounds they are.
    variant : {"conjunctive", "substitutable", "outside"}
    draws : mapping of ndarray (draw, …)
        By the names of the posterior; `sensitivity` for every stretch of the vintage's coverage.
    first : int
        Index of a week at risk.
    state : ndarray (draw, state)
        Dormancy in that week.
    path : ndarray (draw, factor, week), optional
        Factors as the hazard reads them, pulses included, of the weeks before week `first` … the record's last; None in the outside variant.
    """
    weeks = len(spec.panel.weeks)
    inside = np.zeros((len(state), weeks - first))
    if path is not None:
        inside = inside_view(spec, variant, draws, path)
    return silence_of_record(spec, draws, first, weeks, state, inside)
