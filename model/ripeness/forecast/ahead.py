"""The weeks ahead: what each posterior draw expects of factors, inside view, outside view and announced meetings after the origin.

Factor paths are simulated forward from the last week of the record, several from each draw; levels stay where they are, pulses go on
fading. Hazards of a week read the factors of the week before it, as in the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import horizon_span
from ripeness.forecast.dormancy import dormancy_in_week
from ripeness.forecast.ladder import RungPaths, RungsAhead
from ripeness.forecast.simulate import simulate_factors
from ripeness.model.inside import condition_log_odds, inside_of_log_odds
from ripeness.model.meetings import Announcement, announced_weeks
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.terms.announcements import lead_weeks, share_on_record, standing_hazards
from ripeness.model.terms.factor_paths import Hold
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.pulses import read_factors
from ripeness.model.terms.track_record import outside_knots_now

Array = NDArray[np.float64]
AT_ONCE = 13  # weeks whose inside view is computed together
NEGLIGIBLE = 1e-12  # a state of dormancy less likely than this in every draw is left out


@dataclass(frozen=True)
class Ahead:
    """Ingredients of the hazard after the origin, for draws flattened over chains.

    Parameters
    ----------
    weeks : list of date
        Sundays of the weeks that the longest horizon touches.
    horizon_share : ndarray (horizon, ahead)
        Share of each week's days that lie inside each horizon.
    dormancy : ndarray of int (state,)
        Weeks since the last round, in the first week ahead.
    state : ndarray (draw, state)
        Probability of each state; more than one where a round may have been missed.
    outside : ndarray (draw, dormancy)
        Log weekly hazard at d = 1, 2, …, with the track record of the origin.
    inside : ndarray (draw, path, ahead)
        Log multiplier of the inside view; zero in the outside variant.
    announced : ndarray (draw, ahead)
        Hazard added by the meetings that stand at the origin.
    unannounced : ndarray (draw, ahead)
        Share of the total hazard that these do not account for: it rises to one as meetings are announced anew and held.
    rungs : RungsAhead or None
        Of the rungs; None where the workspace has none, and in the outside variant.
    """

    weeks: list[date]
    horizon_share: Array
    dormancy: NDArray[np.intp]
    state: Array
    outside: Array
    inside: Array
    announced: Array
    unannounced: Array
    rungs: RungsAhead | None = None


def build_ahead(
    spec: ModelSpec,
    variant: Variant,
    posterior: dict[str, Array],
    announcements: list[Announcement],
    paths: int,
    seed: np.random.SeedSequence,
    state: Array | None = None,
    hold: Hold | None = None,
) -> Ahead:
    """Simulate posterior draws past the origin.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "substitutable", "outside"}
    posterior : dict of ndarray
        Draws flattened over chains, by variable name: outside_knots (draw, knot), track_record (draw,), sensitivity (draw, stretch), those of announced meetings and,
        with an inside view, path (draw, factor, week), half_life, weight, intercept_open, normaliser, inside (draw, week), pulse. Of a path
        only the last two weeks are read.
    announcements : list of Announcement
        Those known at the origin.
    paths : int
        Factor paths simulated from each draw; even, as they come in antithetic pairs.
    seed : SeedSequence
    state : ndarray (draw, state), optional
        Probability of each dormancy in the first week ahead, where it is known already; then sensitivity and inside are not read.
    hold : callable, optional
        Given the number of a week ahead, from 1, and the factors at its end, (draw, path, factor), which it may overwrite: they go on from there.
    """
    panel, question = spec.panel, spec.workspace.question
    record, origin = panel.record, panel.origin
    longest = horizon_span(origin, max(question.horizons_weeks))
    weeks = longest.weeks
    horizon_share = horizon_shares(origin, question.horizons_weeks, len(weeks))

    draws = len(posterior["outside_knots"])
    in_record = len(panel.weeks) - record.start
    outside = outside_knots_now(spec, posterior) @ outside_basis(spec, in_record + len(weeks) + 1).T
    if state is None:
        state = dormancy_in_week(spec, posterior, len(panel.weeks))
    kept_states = np.flatnonzero(state.max(axis=0) > NEGLIGIBLE)
    named_share = spec.priors.files.named_week_share
    exposure = announced_weeks(announcements, weeks, named_share, origin)
    rungs = None
    if variant == names.OUTSIDE:
        inside = np.zeros((draws, 1, len(weeks)))
    else:
        inside, rungs = _inside_ahead(spec, variant, posterior, weeks, paths, np.random.default_rng(seed), hold)
    unannounced = unannounced_ahead(posterior, named_share, len(weeks))
    announced = standing_hazards(posterior) @ exposure
    return Ahead(weeks, horizon_share, kept_states + 1, state[:, kept_states], outside, inside, announced, unannounced, rungs)


def horizon_shares(origin: date, horizons_weeks: Sequence[int], weeks: int) -> Array:
    """Share of the days of each week after the origin that lie inside each horizon, over so many weeks: (horizon, ahead)."""
    found = np.zeros((len(horizons_weeks), weeks))
    for row, horizon in enumerate(horizons_weeks):
        span = horizon_span(origin, horizon)
        found[row, : len(span.weeks)] = span.shares
    return found


def unannounced_ahead(posterior: Mapping[str, Array], named_share: float, weeks: int) -> Array:
    """Share of the total hazard of each week ahead that no meeting standing at the origin accounts for: (draw, ahead).

    Rounds without an announcement on record, and those whose meeting is announced after the origin: all whose time from announcement to round is
    shorter than the week is ahead, the total hazard changing little in that time.
    """
    after_origin = np.cumsum(lead_weeks(posterior, named_share), axis=1)
    place = np.minimum(np.arange(weeks), after_origin.shape[1] - 1)
    return np.asarray(1.0 - share_on_record(posterior)[:, None] * (1.0 - after_origin[:, place]))


def _inside_ahead(
    spec: ModelSpec,
    variant: Variant,
    posterior: dict[str, Array],
    weeks: list[date],
    paths: int,
    rng: np.random.Generator,
    hold: Hold | None,
) -> tuple[Array, RungsAhead | None]:
    """The inside view (draw, path, ahead) on simulated factors, and what they make of the rungs."""
    before = [sunday - timedelta(days=7) for sunday in weeks]
    result = np.empty((len(posterior["half_life"]), paths, len(weeks)))
    ahead = simulate_factors(spec, posterior, paths, rng, hold)
    rungs = RungPaths(spec, posterior, paths, len(weeks)) if spec.workspace.rungs else None
    for first in range(0, len(weeks), AT_ONCE):
        some = slice(first, min(first + AT_ONCE, len(weeks)))
        paths_read = np.stack([next(ahead) for _ in weeks[some]], axis=-1)
        if rungs:
            rungs.add_factors(some, paths_read)
        log_odds = condition_log_odds(spec, posterior, read_factors(spec, posterior, paths_read, before[some]))
        result[:, :, some] = inside_of_log_odds(variant, posterior, log_odds)
        if rungs:
            rungs.add_conditions(some, log_odds)
    return result, rungs.collect() if rungs else None
