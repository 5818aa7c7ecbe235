r"""The one simulator: factors, rounds with dormancy, and data, drawn forward from draws of the prior or the posterior.

It joins what the model's terms say of chance: the AR(1) step of the factors (:mod:`ripeness.model.terms.factor_paths`), the rounds of one week and
what is found of them (:mod:`ripeness.model.terms.record`), the rows of the indicators (:mod:`ripeness.inference.predictive`). Slow levels stay where they
are after a record and pulses go on fading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.events import CLASSES
from ripeness.data.observations import EVENTS, NESTED
from ripeness.data.panel import Panel, trials_of
from ripeness.inference.predictive import replicates
from ripeness.model.meetings import Announcement, Meetings, announced_weeks
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import arrival_rates, draw_leads, searched_weeks, standing_hazards
from ripeness.model.terms.factor_paths import Hold, heavy_tailed, innovation_sd, iterate_ar1, persistence, unit_innovations
from ripeness.model.terms.record import record_terms, rounds_in_week
from ripeness.model.terms.rungs import NestedRungs, Rungs
from ripeness.model.terms.track_record import log_months

if TYPE_CHECKING:
    from ripeness.forecast.ahead import Ahead

Array = NDArray[np.float64]
Draws = Mapping[str, Array]
LONGEST_LEAD_DAYS = 3650  # a date ten years on is as good as none


def simulate_factors(spec: ModelSpec, draws: Draws, paths: int, rng: np.random.Generator, hold: Hold | None = None) -> Iterator[Array]:
    """Factors (draw, path, factor) as the hazards of the weeks ahead read them, without pulses, week by week without end.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        By the names of the posterior: path (draw, factor, week) and half_life (draw, factor).
    paths : int
        From each draw; even, as they come in antithetic pairs, the second half the mirror image of the first.
    rng : Generator
    hold : callable, optional
        As for :func:`ripeness.model.terms.factor_paths.iterate_ar1`.
    """
    path = draws["path"]
    number, factors, weeks = path.shape
    phi = persistence(draws["half_life"])[:, None]
    spread, heavy, df = innovation_sd(phi), heavy_tailed(spec), spec.priors.files.factor_tails

    def shocks() -> Array:
        # the mixing variable of a Student-t is shared within a pair, which keeps the pair antithetic
        half = spread * unit_innovations((number, paths // 2, factors), heavy, df, rng)
        return np.concatenate([half, -half], axis=1)

    # the week before the first one ahead: the origin's own week if that is whole, else the one before
    in_record = [np.repeat(path[:, None, :, week], paths, axis=1) for week in range(weeks - 1 - int(spec.panel.origin_inside_week), weeks)]
    return chain(in_record, iterate_ar1(in_record[-1], phi, shocks, hold))


def keep_shocks(path: Array, phi: Array, start: int, hold: Hold) -> Array:
    """Paths of one factor held somewhere after a week, with the shock of every other week as it was: (draw, …, week).

    Parameters
    ----------
    path : ndarray (draw, …, week)
    phi : ndarray (draw, …)
        Its persistence; broadcasts against a week of `path`.
    start : int
        Index of the last week that is as it was.
    hold : callable
        Given the number of a week after it, from 1, and the factor in it, which it may overwrite.
    """
    changed, weeks = path.copy(), iter(range(start + 1, path.shape[-1]))

    def shocks() -> Array:
        week = next(weeks)
        return np.asarray(path[..., week] - phi * path[..., week - 1])

    onward = iterate_ar1(path[..., start], phi, shocks, hold)
    for week in range(start + 1, path.shape[-1]):
        changed[..., week] = next(onward)
    return changed


def simulate_rounds(ahead: Ahead, seed: np.random.SeedSequence, paths: int | None = None) -> NDArray[np.int64]:
    """Numbers of rounds in each week ahead, (draw, path, ahead), as :func:`simulate_dormancy` draws them."""
    return simulate_dormancy(ahead, seed, paths)[0]


def simulate_dormancy(ahead: Ahead, seed: np.random.SeedSequence, paths: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rounds and dormancy in each week ahead, each week with a round starting dormancy anew, for what the closed formula cannot say.

    The track record stays that of the origin. Counting the months of rounds to come would move nothing up to the first round, and on a war like the shipped one a
    sustained process by 0.04 points in 26 weeks and 0.2 in 52.

    Parameters
    ----------
    ahead : Ahead
    seed : SeedSequence
    paths : int, optional
        Futures for each draw; one for each factor path unless given.

    Returns
    -------
    rounds, dormancy : ndarray of int (draw, path, ahead)
        Number of rounds, and weeks since the last one before the week.
    """
    rng = np.random.default_rng(seed)
    draws, available, weeks = ahead.inside.shape
    paths = paths or available
    inside = ahead.inside[:, np.arange(paths) % available]
    share = np.where(np.arange(weeks) == 0, ahead.horizon_share[-1, 0], 1.0)
    cumulative = np.cumsum(ahead.state, axis=1) / ahead.state.sum(axis=1, keepdims=True)
    chosen = (rng.random((draws, paths))[..., None] > cumulative[:, None]).sum(axis=2)
    since = ahead.dormancy[np.minimum(chosen, len(ahead.dormancy) - 1)]
    rows = np.arange(draws)[:, None]
    rounds, dormancy = np.empty((2, draws, paths, weeks), dtype=np.int64)
    for j in range(weeks):
        dormancy[:, :, j] = since
        base = np.exp(ahead.outside[rows, since - 1])
        rate = base * np.exp(inside[:, :, j]) * share[j] * ahead.unannounced[:, None, j] + ahead.announced[:, None, j]
        rounds[:, :, j], since = rounds_in_week(rate, since, rng)
    return rounds, dormancy


def sustained_process(rounds: NDArray[np.int64], horizon_share: Array, needed: int, window: int) -> Array:
    """Probability of a sustained process within each horizon.

    Parameters
    ----------
    rounds : ndarray of int (draw, path, ahead)
    horizon_share : ndarray (horizon, ahead)
        A week belongs to a horizon if at least half of it does.
    needed, window : int
        So many rounds within some stretch of so many weeks.

    Returns
    -------
    ndarray (draw, horizon)
    """
    total = np.concatenate([np.zeros((*rounds.shape[:2], 1), dtype=np.int64), np.cumsum(rounds, axis=2)], axis=2)
    weeks = np.arange(1, rounds.shape[2] + 1)
    inside_window = total[:, :, weeks] - total[:, :, np.maximum(weeks - window, 0)]
    enough = np.maximum.accumulate(inside_window >= needed, axis=2)
    last = np.array([np.flatnonzero(row >= 0.5)[-1] for row in horizon_share])
    return enough[:, :, last].mean(axis=1)


@dataclass(frozen=True)
class SimulatedWar:
    """One simulated data set.

    Parameters
    ----------
    spec : ModelSpec
        The model with the simulated panel.
    truth : dict of ndarray (1, …)
        What it was drawn from, by the names of the posterior.
    """

    spec: ModelSpec
    truth: dict[str, Array]


def simulate_war(spec: ModelSpec, truth: dict[str, Array], rng: np.random.Generator) -> SimulatedWar:
    """Rows of indicators, meetings announced and a record of rounds drawn together from one draw of the model, where the real panel has them.

    Which weeks have a row, which poll had how many respondents and which weeks were searched how well is taken from the real panel and held
    fixed; what was measured, counted, announced and found is drawn.

    Parameters
    ----------
    spec : ModelSpec
        Whose panel gives the pattern.
    truth : dict of ndarray (1, …)
        One draw of the prior or of the posterior; path, level_path and inside on the panel's weeks.
    rng : Generator
    """
    panel = simulate_rows(spec, truth, rng)
    found, meetings = simulate_events(spec, truth, panel.record.start, 1, [], rng)
    held = replace(spec, panel=replace(panel, record=replace(panel.record, found=found)), meetings=meetings)
    return SimulatedWar(replace(held, panel=simulate_outcomes(held, truth, rng)), truth)


def simulate_rows(spec: ModelSpec, truth: Draws, rng: np.random.Generator) -> Panel:
    """The panel with values and counts drawn from one draw (1, …)."""
    panel = spec.panel
    drawn = replicates(spec, names.CONJUNCTIVE, {name: values for name, values in truth.items() if name != "hazard"}, rng)
    return panel.with_observed({name: drawn[name][0] for name in panel.rows})


def simulate_outcomes(spec: ModelSpec, truth: Draws, rng: np.random.Generator) -> Panel:
    """The panel with events of the rungs drawn from one draw (1, …), given its record of rounds: nested ones out of those drawn."""
    panel = spec.panel
    if len(panel.events.count):
        panel = panel.with_observed({EVENTS: Rungs().replicate(spec, truth, rng)[0]})
    rows_of = [
        (i, t, number)
        for i, rung in enumerate(spec.workspace.nested_rungs)
        for t, number in trials_of(str(rung.part_of), panel.record, panel.events).items()
    ]
    indicator, week, trials = np.array(rows_of, dtype=np.intp).reshape(-1, 3).T
    nested = replace(panel.nested, indicator=indicator, week=week, count=np.zeros(len(trials)), trials=trials.astype(float))
    panel = panel.with_rows({NESTED: nested})
    if len(trials):
        panel = panel.with_observed({NESTED: NestedRungs().replicate(replace(spec, panel=panel), truth, rng)[0]})
    return panel


def simulate_events(
    spec: ModelSpec, truth: Draws, first: int, dormancy: int, announcements: Sequence[Announcement], rng: np.random.Generator
) -> tuple[Array, Meetings]:
    """Weeks with a round on record and the meetings announced: as they are before week `first`, simulated week by week from one draw (1, …) from there on.

    Parameters
    ----------
    spec : ModelSpec
    truth : mapping of ndarray (1, …)
        With `inside` on the panel's weeks.
    first : int
        Index of a week at risk.
    dormancy : int
        True weeks since the last round, in that week.
    announcements : sequence of Announcement
        Those made before that week.
    rng : Generator

    Returns
    -------
    found : ndarray (week,)
    meetings : Meetings
    """
    panel, weeks, named_share = spec.panel, len(spec.panel.weeks), spec.priors.files.named_week_share
    terms = record_terms(spec, truth, first, weeks, truth["inside"][:, first - 1 : weeks - 1], dormancy)
    searched = searched_weeks(spec, first, weeks)  # where nobody looks nothing is found, even where a round is on record
    rates, hazards = arrival_rates(truth)[0], standing_hazards(truth)[0]
    made, new, classes = list(announcements), [], list(CLASSES)
    found, exposure, since = panel.record.found.copy(), np.array(spec.meetings.exposure), np.array(dormancy)
    for t in range(first, weeks):
        sunday, here = panel.weeks[t], t - first
        months = log_months(panel.weeks[: t + 1], found[: t + 1], spec.reference.log_months)[t]
        total = float(np.exp(terms.outside[0, since - 1] + terms.by_record[0, since - 1] * months + terms.multiplier[0, here]))
        for k, number in enumerate(rng.poisson(total * rates * searched[here])):
            for lead in draw_leads(np.full(number, truth["lead_median"][0]), truth["lead_spread"][0], rng):
                announced_on = sunday - timedelta(days=int(rng.integers(7)))
                day = announced_on + timedelta(days=int(min(lead, LONGEST_LEAD_DAYS)))
                made.append(Announcement(classes[k], day, day, announced_on))
                new.append((t, k, (day - announced_on).days))
        exposure[:, t] = announced_weeks(made, [sunday], named_share)[:, 0]
        hazard = total * terms.unannounced[0, here] + hazards @ exposure[:, t]
        rounds, since = rounds_in_week(hazard, since, rng)
        found[t] = float(rounds > 0 and rng.random() < terms.found_if_held[0, here] * searched[here])
        if found[t]:
            brought = [announced_weeks([one], [sunday], named_share).any() for one in made]
            made = [replace(one, held_on=one.held_on or sunday) if own else one for one, own in zip(made, brought, strict=True)]
    before = spec.meetings.before(first)
    week, kind, lead = np.array(new, dtype=np.int64).reshape(-1, 3).T
    return found, Meetings(
        exposure,
        np.concatenate([before.week, week]),
        np.concatenate([before.kind, kind]),
        np.concatenate([before.lead, lead.astype(float)]),
    )
