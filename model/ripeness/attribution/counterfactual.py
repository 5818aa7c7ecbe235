r"""*Would have*: a scenario set in the past, with the exogenous noise of each week kept: its shocks and its events.

The third verb. Of each posterior draw the shocks of every past week are taken as they were, and the path is changed: held where the scenario holds it, then

.. math:: z'_t = \varphi z'_{t-1} + (z_t - \varphi z_{t-1})

so that what differs is the intervention and what it leaves behind, not the noise of the weeks (Pearl 2009, "Causality", chapter 7: abduction, action,
prediction). Of events the noise is kept as well. A week with hazard λ has a round if an exponential number E is below λ: E is drawn given what happened. A meeting
that was announced at the total hazard T would have been announced at T' if a uniform number is below T'/T, and with it goes what it added to the hazard; where T'
is higher, meetings that were not announced would have been, and those kept are rounds. Both read the track record of what happened. So "as it was" reproduces the record, and a round is lost where
its announcement is, or where the hazard falls below its E.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.attribution.scenario_file import Scenario
from ripeness.attribution.scenarios import Contrast, change_path, contrast_of, targets_of
from ripeness.calendar import week_of
from ripeness.data.events import TIED
from ripeness.errors import UsageError
from ripeness.forecast.mixture import mixed_error
from ripeness.model.build import without_weeks
from ripeness.model.inside import inside_view
from ripeness.model.meetings import Announcement, announced_weeks, roots_of
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import searched_weeks, share_on_record, standing_hazards
from ripeness.model.terms.factor_paths import persistence
from ripeness.model.terms.pulses import read_factors
from ripeness.model.terms.record import record_terms
from ripeness.model.terms.track_record import log_months_on_record

Array = NDArray[np.float64]
Draws = Mapping[str, Array]
DRAWS: Final = 1000
REPLICATES: Final = 4  # of the noise of each draw's events


def past_draws(posterior: xr.Dataset) -> dict[str, Array]:
    """Some draws of a stored fit, evenly over its chains: (draw, …) by variable.

    Parameters
    ----------
    posterior : Dataset
        With chains and draws.
    """
    number = posterior.sizes[names.CHAIN] * posterior.sizes[names.DRAW]
    some = posterior.isel({names.DRAW: slice(None, None, max(1, number // DRAWS))})
    found = {}
    for name in ("path", *without_weeks()):
        if name in some:
            values = some[name].transpose(names.CHAIN, names.DRAW, ...).values.astype(float)
            found[name] = values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])
    return found


def would_have(
    spec: ModelSpec,
    announcements: Sequence[Announcement],
    fits: Mapping[str, Draws],
    scenario: Scenario,
    start: int,
    horizons: Sequence[int],
    seed: int,
) -> tuple[list[Contrast], list[tuple[Announcement, float]]]:
    """Whether a round came within each horizon of a past week, and how likely it would have come.

    Parameters
    ----------
    spec : ModelSpec
        Of the fit.
    announcements : sequence of Announcement
        All of its record.
    fits : mapping of str to dict of ndarray (draw, …)
        Draws of each fit of the headline, by its name.
    scenario : Scenario
    start : int
        Index of the last week before the scenario begins; its week 1 is the next.
    horizons : sequence of int
        Weeks.
    seed : int

    Returns
    -------
    contrasts : list of Contrast
        One for each horizon; as it was is 0 or 1.
    kept : list of (Announcement, float)
        Every meeting announced anew within the longest horizon, and the probability that it would have been announced.

    Raises
    ------
    UsageError
        If no round was on record by then, or the record ends before the longest horizon does.
    """
    panel = spec.panel
    rounds = np.flatnonzero(panel.record.found[: start + 1] > 0)
    if not len(rounds):
        raise UsageError(f"no round was on record by {panel.weeks[start]}: there is no dormancy to run on")
    if start + max(horizons) >= len(panel.weeks):
        last = panel.weeks[len(panel.weeks) - 1 - max(horizons)]
        raise UsageError(f"the record ends {max(horizons)} weeks after {last}: choose that day or an earlier one")
    weeks = np.arange(start + 1, start + 1 + max(horizons))
    calendar = _lay_out(spec, announcements, weeks)
    weights = [spec.workspace.mixture.weights[name] for name in fits]
    variants = {name: variant for name, variant, _ in spec.workspace.fits}
    arms, made = [], []
    for (name, draws), own in zip(fits.items(), np.random.SeedSequence(seed).spawn(len(fits)), strict=True):
        changed = change_path(
            draws["path"], persistence(draws["half_life"]), scenario.paths, targets_of(spec, draws, scenario.paths, start), start
        )
        rng, last_round = np.random.default_rng(own), int(rounds[-1])
        held, kept = _events(spec, variants[name], calendar, draws, changed, weeks, last_round, rng)
        arms.append(held)
        made.append(kept)
    was = np.maximum.accumulate(panel.record.found[weeks])
    contrasts = []
    for number in horizons:
        chances = [(np.full(len(held), was[number - 1]), held[:, :, :number].any(axis=2).mean(axis=1)) for held in arms]
        error = mixed_error([np.sqrt(then.var() / len(then)) for _, then in chances], weights)
        contrasts.append(contrast_of(number, chances, weights, float(error)))
    return contrasts, [(announcements[one], float(np.average([kept[one] for kept in made], weights=weights))) for one in calendar.arrivals]


@dataclass(frozen=True)
class _Calendar:
    """Which announcement counts in each week, and when each was made.

    Parameters
    ----------
    roots : list of int
        Of each announcement the one that it restates, confirms or moves; its own place else.
    arrivals : dict of int to int
        Announcements made anew in these weeks, with the place of the week.
    counting : list of int or None
        The announcement whose share of the hazard each week has.
    """

    roots: list[int]
    arrivals: dict[int, int]
    counting: list[int | None]


def _lay_out(spec: ModelSpec, announcements: Sequence[Announcement], weeks: NDArray[np.intp]) -> _Calendar:
    sundays, share = [spec.panel.weeks[t] for t in weeks], spec.priors.files.named_week_share
    alone = [announced_weeks([one], sundays, share) for one in announcements]
    counting: list[int | None] = []
    for j, t in enumerate(weeks):
        exposure = spec.meetings.exposure[:, t]
        counting.append(next((one for one, own in enumerate(alone) if exposure.any() and np.array_equal(own[:, j], exposure)), None))
    roots = roots_of(announcements)
    week_of_day = {sunday: j for j, sunday in enumerate(sundays)}
    made = {
        one: week_of_day.get(week_of(announcement.announced_on))
        for one, announcement in enumerate(announcements)
        if roots[one] == one and announcement.kept in TIED
    }
    return _Calendar(roots, {one: j for one, j in made.items() if j is not None}, counting)


def _events(
    spec: ModelSpec,
    variant: str,
    calendar: _Calendar,
    draws: Draws,
    changed: Array,
    weeks: NDArray[np.intp],
    last_round: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], dict[int, float]]:
    """Weeks in which a round would have been held (draw, replicate, week), and the probability that each arrival would have been announced."""
    record, number = spec.panel.record, len(draws["outside_knots"])
    first, stop = int(weeks[0]), int(weeks[-1]) + 1
    inside, other = (_inside_before(spec, variant, draws, path, weeks) for path in (draws["path"], changed))
    terms = record_terms(spec, draws, first, stop, inside, first - last_round)
    on_record, hazards = share_on_record(draws)[:, None] * searched_weeks(spec, first, stop), standing_hazards(draws)
    log_months = log_months_on_record(spec, first, stop)
    dormancy, since = first - last_round, np.full((number, REPLICATES), first - last_round)
    stands = {one: np.ones((number, REPLICATES), dtype=bool) for one in calendar.roots}
    held, rows = np.zeros((number, REPLICATES, len(weeks)), dtype=bool), np.arange(number)[:, None]
    for j, t in enumerate(weeks):
        outside = np.exp(terms.outside + terms.by_record * log_months[j])
        total = (outside[:, dormancy - 1] * np.exp(terms.multiplier[:, j]))[:, None]
        moved = outside[rows, since - 1] * np.exp(other[:, j] - inside[:, j] + terms.multiplier[:, j])[:, None]
        for one, place in calendar.arrivals.items():
            if place == j:
                stands[one] = rng.random(since.shape) < moved / total
        added = np.zeros((number, 1))
        counting, would_add = calendar.counting[j], np.zeros(since.shape)
        if counting is not None:
            added = (hazards @ spec.meetings.exposure[:, t])[:, None]
            would_add = added * stands[calendar.roots[counting]]
        unannounced = terms.unannounced[:, j, None]
        hazard = unannounced * total + added
        would = unannounced * moved + would_add + on_record[:, j, None] * np.maximum(moved - total, 0.0)
        uniform = rng.random(since.shape)
        # an exponential number given that it was below the hazard, or above it
        noise = -np.log1p(uniform * np.expm1(-hazard)) if record.found[t] else hazard - np.log1p(-uniform)
        held[:, :, j] = noise < would
        since = np.where(held[:, :, j], 1, since + 1)
        dormancy = 1 if record.found[t] else dormancy + 1
    return held, {one: float(stands[one].mean()) for one in calendar.arrivals}


def _inside_before(spec: ModelSpec, variant: str, draws: Draws, path: Array, weeks: NDArray[np.intp]) -> Array:
    """Inside view as the hazards of these weeks read it: (draw, week)."""
    before = [spec.panel.weeks[t] - timedelta(days=7) for t in weeks]
    return inside_view(spec, variant, draws, read_factors(spec, draws, path[:, :, weeks - 1], before))
