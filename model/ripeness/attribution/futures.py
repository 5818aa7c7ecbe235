"""What scenarios, the watch list and the panel start from: the headline's fits at an origin, and futures simulated from their draws.

A scenario's arms differ by what is done alone, so futures are simulated once and then changed. There are fewer of them than draws are stored, so that
a page can hold the same ones: of each fit as many as it weighs in the headline, the middle draw of each of as many stretches, in the order of what the
draws say of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.forecast.ahead import Ahead, build_ahead
from ripeness.forecast.horizons import Probabilities, forecast_probabilities
from ripeness.forecast.ladder import RungPaths
from ripeness.model.inside import condition_log_odds, inside_of_log_odds
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec, Variant, build_spec
from ripeness.model.terms.factor_paths import Hold
from ripeness.model.terms.pulses import read_factors
from ripeness.model.terms.rungs import log_multipliers
from ripeness.reweighting.reweighted import StoredFit, Updated, update_fit
from ripeness.reweighting.stored import Base, base_spec
from ripeness.reweighting.weights import choose_by_weight, choose_evenly
from ripeness.workspace import Workspace

Array = NDArray[np.float64]
Draws = Mapping[str, Array]
DRAWS: Final = 1200  # of all fits together
TOGETHER: Final = 2  # draws of all starts together, in those of one stored fit
PATHS: Final = 2  # from each draw, an antithetic pair: draws differ far more than the paths of one


@dataclass(frozen=True)
class Start:
    """One fit at the origin, its draws counting alike.

    Parameters
    ----------
    variant : str
    draws : dict of ndarray (draw, …)
    state : ndarray (draw, state)
        Dormancy in the first week ahead.
    forward : SeedSequence
        Of the weeks ahead: the same in every arm.
    effective : float
        Number of independent draws that they are worth.
    weight : float
        Of the fit in the headline.
    """

    variant: Variant
    draws: Draws
    state: Array
    forward: np.random.SeedSequence
    effective: float
    weight: float


@dataclass(frozen=True)
class Futures:
    """Futures of one fit.

    Parameters
    ----------
    start : Start
    ahead : Ahead
    factors : ndarray (draw, path, factor, week)
        At the end of each week, their paths alone: the stored weeks of the record, then those ahead.
    stored : int
        Number of the record's weeks among them.
    """

    start: Start
    ahead: Ahead
    factors: Array
    stored: int

    @property
    def read(self) -> Array:
        """Paths of the factors that the hazards of the weeks ahead read, those of the week before: (draw, path, factor, ahead)."""
        return self.factors[..., -len(self.ahead.weeks) :]

    @cached_property
    def probabilities(self) -> Probabilities:
        """The forecast of each draw."""
        return forecast_probabilities(self.ahead)


@dataclass(frozen=True)
class Origin:
    """What scenarios start from.

    Parameters
    ----------
    spec : ModelSpec
    announcements : list of Announcement
    base : Base
    starts : dict of Start
        By the fits that weigh anything in the headline.
    seed : int
    """

    spec: ModelSpec
    announcements: list[Announcement]
    base: Base
    starts: Mapping[str, Start]
    seed: int

    @cached_property
    def futures(self) -> dict[str, Futures]:
        """Some futures of each fit, the same for every scenario and for the panel."""
        headline = self.spec.workspace.question.horizons_weeks.index(self.spec.workspace.question.headline_weeks)
        found = {}
        for name, start in self.starts.items():
            every = simulate(self.spec, self.announcements, start, PATHS)
            found[name] = take(every, choose_evenly(every.probabilities.within[:, headline], round(DRAWS * start.weight)))
        return found


def open_origin(workspace: Workspace, priors: Priors, base: Base, vintage: Vintage, seed: int) -> Origin:
    """The fits of the headline reweighted for a vintage, with their draws chosen by weight."""
    spec, announcements = build_spec(workspace, vintage, priors)
    old, starts = base_spec(spec, base), {}
    for name, weight in workspace.mixture.weights.items():
        if weight > 0.0:
            redraw, choice, forward = seeds_of(spec, name, seed)
            starts[name] = start_from(base.fits[name], update_fit(old, spec, base.fits[name], redraw), choice, forward, weight)
    return Origin(spec, announcements, base, starts, seed)


def seeds_of(spec: ModelSpec, name: str, seed: int) -> list[np.random.SeedSequence]:
    """For a fit of the headline the seeds of its reweighting, of the choice among its draws, and of the weeks ahead."""
    return np.random.SeedSequence([seed, spec.panel.origin.toordinal(), spec.workspace.headline_fits.index(name)]).spawn(3)


def start_from(
    fit: StoredFit, updated: Updated, choice: np.random.SeedSequence, forward: np.random.SeedSequence, weight: float
) -> Start:  # fmt: skip
    """Draws of an updated fit in proportion to their weights, evenly over what they say of the longest horizon; as many as the fit weighs in the headline."""
    order, uniform = fit.within[:, -1], np.random.default_rng(choice).random()
    some = choose_by_weight(updated.weights.values, order, uniform, min(len(order), round(TOGETHER * weight * len(order))))
    draws = {name: values[some] for name, values in updated.draws.items()}
    return Start(fit.variant, draws, updated.state[some], forward, updated.weights.effective, weight)


def mean_over_fits(values: Sequence[Any], starts: Iterable[Start]) -> Any:
    """Mean of what the fits of some starts say, of any one shape, as the headline weighs them."""
    return np.average(np.asarray(values), axis=0, weights=[start.weight for start in starts])


def simulate(spec: ModelSpec, announcements: list[Announcement], start: Start, paths: int, hold: Hold | None = None) -> Futures:
    """Futures of all draws of a start.

    Parameters
    ----------
    spec : ModelSpec
    announcements : list of Announcement
    start : Start
    paths : int
        From each draw; even.
    hold : callable, optional
        As for :func:`ripeness.forecast.ahead.build_ahead`.
    """
    kept: list[Array] = []

    def look(week: int, factors: Array) -> None:
        if hold is not None:
            hold(week, factors)
        kept.append(factors.copy())

    ahead = build_ahead(spec, start.variant, dict(start.draws), announcements, paths, start.forward, start.state, look)
    past = start.draws["path"]
    factors = np.concatenate([np.repeat(past[:, None], paths, axis=1), np.stack(kept, axis=-1)], axis=3)
    return Futures(start, ahead, factors, past.shape[2])


def take(futures: Futures, chosen: NDArray[np.intp]) -> Futures:
    """Futures of some draws."""
    start, ahead = futures.start, futures.ahead
    draws = {name: values[chosen] for name, values in start.draws.items()}
    some = {name: getattr(ahead, name)[chosen] for name in ("state", "outside", "inside", "announced", "unannounced")}
    rungs = None if ahead.rungs is None else ahead.rungs.take(chosen)
    fewer = replace(ahead, **some, rungs=rungs)
    return Futures(replace(start, draws=draws, state=start.state[chosen]), fewer, futures.factors[chosen], futures.stored)


def within_horizon(futures: Futures, h: int) -> Futures:
    """The same, looking no further than one of the horizons, and at rounds alone."""
    ahead = futures.ahead
    weeks = int(np.count_nonzero(ahead.horizon_share[h]))
    shorter = replace(
        ahead,
        weeks=ahead.weeks[:weeks],
        horizon_share=ahead.horizon_share[h : h + 1, :weeks],
        inside=ahead.inside[..., :weeks],
        announced=ahead.announced[:, :weeks],
        unannounced=ahead.unannounced[:, :weeks],
        rungs=None,
    )
    return replace(futures, ahead=shorter, factors=futures.factors[..., : futures.factors.shape[-1] - (len(ahead.weeks) - weeks)])


def log_odds(spec: ModelSpec, futures: Futures) -> Array:
    """Log odds that each condition is open, (draw, path, condition, ahead), as read by the hazards of the weeks ahead."""
    draws = futures.start.draws
    before = [week - timedelta(days=7) for week in futures.ahead.weeks]
    return condition_log_odds(spec, draws, read_factors(spec, draws, futures.read, before))


def with_log_odds(spec: ModelSpec, futures: Futures, odds: Array) -> Futures:
    """The same with other log odds of the conditions, (draw, path, condition, ahead)."""
    start, ahead = futures.start, futures.ahead
    rungs = ahead.rungs
    if rungs is not None and (rated := len(spec.workspace.rated_rungs)):
        of_conditions = log_multipliers(spec, start.draws, odds)
        rungs = replace(rungs, log_multiplier=np.concatenate([of_conditions, rungs.log_multiplier[:, :, rated:]], axis=2))
    return replace(futures, ahead=replace(ahead, inside=inside_of_log_odds(start.variant, start.draws, odds), rungs=rungs))


def with_factors(spec: ModelSpec, futures: Futures, factors: Array) -> Futures:
    """The same with other paths of the factors, (draw, path, factor, week)."""
    changed = replace(futures, factors=factors)
    changed = with_log_odds(spec, changed, log_odds(spec, changed))
    if changed.ahead.rungs is None or not spec.workspace.counted_rungs:
        return changed
    of_factors = RungPaths(spec, changed.start.draws, factors.shape[1], len(changed.ahead.weeks))
    of_factors.add_factors(slice(0, len(changed.ahead.weeks)), changed.read)
    rated, rungs = len(spec.workspace.rated_rungs), changed.ahead.rungs
    moved = np.concatenate([rungs.log_multiplier[:, :, :rated], of_factors.log_multiplier[:, :, rated:]], axis=2)
    return replace(changed, ahead=replace(changed.ahead, rungs=replace(rungs, log_multiplier=moved)))
