r"""What to watch: of each indicator's next release, by how much it is expected to move the headline, and which values would move it a lot.

The release is simulated, not guessed: futures of the factors are drawn from the posterior, each says how likely a value x of the release is, and how
likely silence is until the release (S_r) and until the headline's target (S_T). With a fixed target date, and no round until the release,

.. math:: P(x) = 1 - \frac{\sum_i p(x \mid i)\,S_T(i)}{\sum_i p(x \mid i)\,S_r(i)}, \qquad P_{\text{silent}} = 1 - \frac{\sum_i S_T(i)}{\sum_i S_r(i)}

over futures i of a fit, and then over fits as the headline weighs them. What silence takes away by itself, P_silent less today's, is no news of the
release. Together with the rounds that may come before it this is a martingale: the probability expected after the release is today's.

An announcement may come on any day. What a meeting of a class, announced on the day of the origin, would do: futures count by the rate at which they
announce such meetings, and its odds of being kept are added around the day that the median lead time gives.

What is published next of each indicator, and when.

Values of a release that would move the headline a lot, and whether what came in has crossed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from ripeness.attribution.futures import Futures, Origin, mean_over_fits, simulate
from ripeness.calendar import week_of, weeks_between
from ripeness.data.events import CLASSES, TIED
from ripeness.data.indicators import Contract
from ripeness.data.vintages import PERIOD_DAYS, Vintage
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.horizons import survival_ahead
from ripeness.model.meetings import Announcement, announced_weeks
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import arrival_rates, standing_hazards
from ripeness.model.terms.count_rows import negative_binomial_log_density
from ripeness.model.terms.slow_levels import levels_in
from ripeness.model.terms.student_t_rows import error_log_density, errors_df
from ripeness.reweighting.window import Key, read_parameters, row_terms, rows_by_factor

Array = NDArray[np.float64]
PATHS: Final = 4
GRID: Final = 81  # values of a release that are looked at
TAIL: Final = 5e-4  # of the predictive distribution, beyond which no value is looked at
POINTS: Final = 100.0
IRREGULAR: Final = "irregular"
FAR: Final = 5.0  # points of a tripwire
LEAST_CHANCE: Final = 1e-3  # of a tripwire
NEGLIGIBLE: Final = 1e-4  # of the predictive distribution, at either end, where no move is asked for


@dataclass(frozen=True)
class Watched:
    """One release and what it may do.

    Parameters
    ----------
    release : Release
    silent : float
        The headline, its target fixed, if nothing is found until the release and it says nothing.
    expected_points : float
        Mean absolute move from there, in points.
    bits : float
        Information about whether a round comes, in bits.
    median, lower, upper : float
        Of the value, in its unit: predictive 50, 5 and 95 %; of counts, the smallest counts that reach these shares.
    at_lower, at_upper : float
        By how many points the headline would move at these ends.
    tripwires : list of Tripwire
    """

    release: Release
    silent: float
    expected_points: float
    bits: float
    median: float
    lower: float
    upper: float
    at_lower: float
    at_upper: float
    tripwires: list[Tripwire]


@dataclass(frozen=True)
class Announced:
    """A meeting that may be announced, and what it would do.

    Parameters
    ----------
    kept : str
        Its class.
    lead_days : int
        From its announcement to its day.
    chance : float or None
        That one of its class is announced, and recorded, in the seven days from now; None of a class that follows no hazard.
    probability : float
        The headline, were it announced today.
    points : float
        By how much that moves it.
    """

    kept: str
    lead_days: int
    chance: float | None
    probability: float
    points: float


@dataclass(frozen=True)
class Happened:
    """An event of a rung with conditions, in the seven days from now, and what it would say of the headline.

    Parameters
    ----------
    rung : str
    chance : float
        That one comes.
    probability, if_none : float
        The headline if one comes, and if none does.
    points : float
        By how much the first moves it.
    """

    rung: str
    chance: float
    probability: float
    if_none: float
    points: float


@dataclass(frozen=True)
class Awaited:
    """Futures of one fit, and how likely each is to stay without a round.

    Parameters
    ----------
    futures : Futures
    silent : ndarray (draw, path, week)
        Probability that no round comes until the end of each week ahead, but for the last that the headline's horizon touches.
    until : ndarray (draw, path)
        The same until the headline's target.
    """

    futures: Futures
    silent: Array
    until: Array


def look_around(origin: Origin) -> list[Awaited]:
    """Futures of each fit over the headline's horizon."""
    question = origin.spec.workspace.question
    h, found = question.horizons_weeks.index(question.headline_weeks), []
    for start in origin.starts.values():
        futures = simulate(origin.spec, origin.announcements, start, PATHS)
        found.append(Awaited(futures, *silences(futures.ahead, h)))
    return found


def silences(ahead: Ahead, h: int) -> tuple[Array, Array]:
    """No round to the end of each week ahead but the last that a horizon touches, (draw, path, week), and within the horizon, (draw, path)."""
    within = ahead.horizon_share[h : h + 1]
    weeks = np.tril(np.ones((np.count_nonzero(within) - 1, len(ahead.weeks))))
    horizon_share = np.concatenate([weeks, within])
    horizon_share[:, 0] = ahead.horizon_share[-1, 0]
    silent = survival_ahead(ahead, np.exp(ahead.inside), horizon_share)[0]
    return silent[:, :, :-1], silent[:, :, -1]


def watch(origin: Origin, vintage: Vintage) -> tuple[float, list[Watched], list[Announced], list[Happened]]:
    """The headline, every release within its horizon, every kind of announcement and every rung with conditions, the most moving first."""
    futures = look_around(origin)
    today = float(_over_fits([1.0 - one.until.mean() for one in futures], futures))
    releases = next_releases(origin.spec, vintage, futures[0].silent.shape[2])
    found = [watch_release(origin.spec, futures, release) for release in releases]
    found.sort(key=lambda one: -one.expected_points)
    return today, found, watch_announcements(origin, futures), watch_rungs(origin.spec, futures)


def watch_rungs(spec: ModelSpec, futures: Sequence[Awaited]) -> list[Happened]:
    """What an event of each rung with conditions, in the first week ahead, says of the headline: futures count by how likely they make it."""
    before = float(_over_fits([1.0 - one.until.mean() for one in futures], futures))
    active = not spec.workspace.question.is_dormant(len(spec.panel.weeks) - spec.panel.record.last_round)
    found = []
    for rung in spec.workspace.rated_rungs:
        chances, with_one, without = [], [], []
        for one in futures:
            rungs = one.futures.ahead.rungs
            assert rungs is not None
            first = one.futures.ahead.horizon_share[-1] * (np.arange(len(one.futures.ahead.weeks)) == 0)
            none = np.exp(rungs.log_silence(rung.id, np.full((1, 1, len(first)), float(active)), first[None]))[..., 0]
            chances.append(float(1.0 - none.mean()))
            with_one.append(float(1.0 - ((1.0 - none) * one.until).sum() / (1.0 - none).sum()))
            without.append(float(1.0 - (none * one.until).sum() / none.sum()))
        then = float(_over_fits(with_one, futures))
        chance, if_none = float(_over_fits(chances, futures)), float(_over_fits(without, futures))
        found.append(Happened(rung.id, chance, then, if_none, POINTS * (then - before)))
    return sorted(found, key=lambda one: -abs(one.points))


def watch_announcements(origin: Origin, futures: Sequence[Awaited]) -> list[Announced]:
    """What a meeting of each class would do if it were announced on the day of the origin, the most moving first."""
    spec, question, found = origin.spec, origin.spec.workspace.question, []
    h, today = question.horizons_weeks.index(question.headline_weeks), spec.panel.origin
    draws = [one.futures.start.draws for one in futures]
    # of each fit there are as many draws as it weighs
    lead = max(int(np.rint(np.median(np.concatenate([own["lead_median"] for own in draws])))), 1)
    before = float(_over_fits([1.0 - one.until.mean() for one in futures], futures))
    for k, name in enumerate(CLASSES):
        day = today + timedelta(days=lead)
        announcements = [*origin.announcements, Announcement(name, day, day, today)]
        chances, probabilities = [], []
        for one, own in zip(futures, draws, strict=True):
            ahead = one.futures.ahead
            exposure = announced_weeks(announcements, ahead.weeks, spec.priors.files.named_week_share, today)
            until = silences(replace(ahead, announced=standing_hazards(own) @ exposure), h)[1]
            base = (ahead.state * np.exp(ahead.outside[:, ahead.dormancy - 1])).sum(axis=1)
            # how much more a future announces such meetings; one that follows no hazard tells nothing
            rate = base[:, None] * np.exp(ahead.inside[:, :, 0]) * arrival_rates(own)[:, k, None] if name in TIED else np.ones_like(until)
            chances.append(float(-np.expm1(-rate).mean()))
            probabilities.append(float(1.0 - (rate * until).sum() / rate.sum()))
        then = float(_over_fits(probabilities, futures))
        chance = float(_over_fits(chances, futures)) if name in TIED else None
        found.append(Announced(name, lead, chance, then, POINTS * (then - before)))
    return sorted(found, key=lambda one: -abs(one.points))


def watch_release(spec: ModelSpec, futures: Sequence[Awaited], release: Release) -> Watched:
    """What one release may do."""
    contract = spec.contracts[release.indicator]
    values = _values(spec, futures, release)
    density = [_density(spec, one.futures, release, values) for one in futures]
    mass, after = after_release(futures, release.week, density)
    silent = silent_headline(futures, release.week)
    moves = after - silent
    natural = values if contract.is_count else contract.natural(values)
    order = np.argsort(natural)
    natural, mass, moves = natural[order], mass[order], moves[order]
    median, lower, upper = (quantile(natural, mass, level, whole=contract.is_count) for level in (0.5, 0.05, 0.95))
    return Watched(
        release,
        silent,
        POINTS * float(mass @ np.abs(moves)),
        float(mass @ _bits(after[order], silent)),
        median,
        lower,
        upper,
        POINTS * float(np.interp(lower, natural, moves)),
        POINTS * float(np.interp(upper, natural, moves)),
        tripwires(natural, mass, POINTS * moves),
    )


def quantile(values: Array, mass: Array, level: float, whole: bool) -> float:
    """Of a predictive distribution.

    Parameters
    ----------
    values, mass : ndarray (value,)
        In rising order, and the mass of the cell around each; half of it lies below the value.
    level : float
        In (0, 1).
    whole : bool
        Whether the values are counts: then the smallest that reaches the level.
    """
    below = np.cumsum(mass)
    if whole:
        return float(values[min(int(np.searchsorted(below, level)), len(values) - 1)])
    return float(np.interp(level, below - mass / 2, values))


def silent_headline(futures: Sequence[Awaited], week: int) -> float:
    """The headline, its target fixed, once nothing has been found to the end of a week ahead."""
    return float(_over_fits([1.0 - one.until.sum() / one.silent[:, :, week - 1].sum() for one in futures], futures))


def _over_fits(values: Sequence[Any], futures: Sequence[Awaited]) -> Any:
    return mean_over_fits(values, [one.futures.start for one in futures])


def after_release(futures: Sequence[Awaited], week: int, density: Sequence[Array]) -> tuple[Array, Array]:
    """Predictive mass of each value, given silence until the release, and the headline after it: (value,) each.

    Parameters
    ----------
    futures : sequence of Futures
    week : int
        Week ahead of the release.
    density : sequence of ndarray (draw, path, value)
        How likely each value is in each future.
    """
    masses, chances = [], []
    for one, likely in zip(futures, density, strict=True):
        alive = one.silent[:, :, week - 1]
        mass = np.einsum("sm,smv->v", alive, likely)
        kept = np.einsum("sm,smv->v", one.until, likely)
        masses.append(mass / mass.sum())
        chances.append(1.0 - kept / np.maximum(mass, np.finfo(float).tiny))
    return np.asarray(_over_fits(masses, futures)), np.asarray(_over_fits(chances, futures))


def _moments(spec: ModelSpec, futures: Futures, release: Release) -> tuple[Array, Array]:
    """Location and scale of the value, or of a count log mean and dispersion: (draw, path) and (draw, 1)."""
    i = spec.panel.indicators.index(release.indicator)
    draws, k = futures.start.draws, spec.workspace.factor_ids.index(spec.contracts[release.indicator].factor)
    offset, slope, precision, _ = row_terms(spec, read_parameters(spec, draws), i, (0.0, *release.covariates))
    first = len(spec.panel.weeks) - futures.stored
    begin, end = release.first - first, release.last - first
    strength = futures.factors[:, :, k, max(begin, 0) : end + 1].mean(axis=2) + levels_in(spec, draws, spec.panel.weeks[-1:])[:, k]
    is_count = spec.contracts[release.indicator].is_count
    return offset[:, None] + slope[:, None] * strength, (precision if is_count else 1.0 / np.sqrt(precision))[:, None]


def _values(spec: ModelSpec, futures: Sequence[Awaited], release: Release) -> Array:
    """Values on the indicator's own scale that are looked at: a grid, or counts."""
    intervals = []
    for one in futures:
        centre, spread = _moments(spec, one.futures, release)
        if spec.contracts[release.indicator].is_count:
            mean = np.exp(centre)
            intervals.append((0.0, float(np.quantile(mean + 4 * np.sqrt(mean + mean**2 / spread), 1 - TAIL))))
        else:
            out = float(student.ppf(1 - TAIL, _errors_df(spec, release))) * spread
            intervals.append((float(np.quantile(centre - out, 0.1)), float(np.quantile(centre + out, 0.9))))
    low, high = min(interval[0] for interval in intervals), max(interval[1] for interval in intervals)
    return np.arange(np.ceil(high) + 1) if spec.contracts[release.indicator].is_count else np.linspace(low, high, GRID)


def _density(spec: ModelSpec, futures: Futures, release: Release, values: Array) -> Array:
    """How likely each value is in each future: (draw, path, value)."""
    centre, spread = (one[..., None] for one in _moments(spec, futures, release))
    if spec.contracts[release.indicator].is_count:
        return np.asarray(np.exp(negative_binomial_log_density(values, centre, spread)))
    return np.asarray(np.exp(error_log_density(values, centre, spread, _errors_df(spec, release))))


def _errors_df(spec: ModelSpec, release: Release) -> Array:
    """Degrees of freedom of the errors of a continuous row: ()."""
    return np.asarray(errors_df(spec)[spec.panel.measured.indicators.index(release.indicator)])


def _bits(after: Array, before: float) -> Array:
    """Kullback-Leibler divergence of two chances of a round, in bits."""
    tiny = np.finfo(float).tiny
    yes = after * np.log2(np.maximum(after, tiny) / before)
    return np.asarray(yes + (1.0 - after) * np.log2(np.maximum(1.0 - after, tiny) / (1.0 - before)))


@dataclass(frozen=True)
class Release:
    """What is published next of an indicator.

    Parameters
    ----------
    indicator : str
    newest : date
        The day that closes the newest period known.
    period_end : date
        The day that closes the next period; of an irregular series the expected day.
    expected : date
        When it should be published; the day after the origin where it is overdue. An irregular series has no such day: the newest period and the
        lag of its contract, at least a week after the origin, stand in for one.
    scheduled : bool
        Whether the series is regular, so that the day is one.
    week : int
        Calendar week ahead that holds the expected day, from 1, the week of the day after the origin.
    first, last : int
        Weeks of the grid that the value describes; beyond the record's last they lie ahead.
    covariates : tuple of float
        Widening and sampling error, or log exposure and era, as of the newest row.
    """

    indicator: str
    newest: date
    period_end: date
    expected: date
    scheduled: bool
    week: int
    first: int
    last: int
    covariates: tuple[float, ...]


def next_releases(spec: ModelSpec, vintage: Vintage, within: int) -> list[Release]:
    """What is published next of each indicator that goes on, within so many weeks; in the order of indicators.toml."""
    newest = {
        key[0]: (key, covariates) for rows in rows_by_factor(spec) for key, covariates in sorted(rows.items(), key=lambda row: row[0][2])
    }
    found = []
    for i, name in enumerate(spec.panel.indicators):
        contract, frame = spec.contracts[name], vintage.values[name]
        if i not in newest or frame.empty or (contract.ended is not None and contract.ended <= spec.panel.origin):
            continue
        release = _next(spec, name, contract, frame["observed_on"].max().date(), *newest[i])
        if release.week <= within:
            found.append(release)
    return found


def _next(spec: ModelSpec, name: str, contract: Contract, observed: date, key: Key, covariates: tuple[float, ...]) -> Release:
    origin, weeks, contract = spec.panel.origin, spec.panel.weeks, contract.on(observed)
    if contract.frequency == "monthly":
        after = (observed.replace(day=28) + timedelta(days=4)).replace(day=1)
        end = (after.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        expected = end + timedelta(days=contract.expected_lag_days)
    elif contract.frequency == "weekly":
        end = observed + timedelta(days=PERIOD_DAYS[contract.frequency])
        expected = end + timedelta(days=contract.expected_lag_days)
    else:
        end = expected = max(observed + timedelta(days=contract.expected_lag_days), origin + timedelta(days=7))
    tomorrow = origin + timedelta(days=1)
    expected = max(expected, tomorrow)
    last = (week_of(end) - weeks[0]).days // 7
    length = key[2] - key[1]
    week = weeks_between(tomorrow, expected) + 1
    return Release(name, observed, end, expected, contract.frequency != IRREGULAR, week, last - length, last, covariates[1:])


@dataclass(frozen=True)
class Tripwire:
    """A value from which on the headline would be moved by `FAR` points or more, always the same way.

    Parameters
    ----------
    direction : {"up", "down"}
        Of the headline.
    beyond : {"above", "below"}
        On which side of the value.
    value : float
        In the indicator's unit.
    chance : float
        Of a value beyond it.
    """

    direction: str
    beyond: str
    value: float
    chance: float


def tripwires(natural: Array, mass: Array, points: Array) -> list[Tripwire]:
    """On either side of the middle, the value nearest to it from which on every value moves the headline by `FAR` points, all up or all down.

    The outermost `NEGLIGIBLE` of either tail is not asked; a wire less likely than `LEAST_CHANCE` is none.
    """
    found = []
    middle = int(np.searchsorted(np.cumsum(mass), 0.5))
    for beyond, places in (("above", range(len(natural) - 1, middle - 1, -1)), ("below", range(middle + 1))):
        chance, hit, up = 0.0, None, False
        for place in places:
            chance += float(mass[place])
            if chance < NEGLIGIBLE:
                continue
            if abs(points[place]) < FAR or (hit is not None and (points[place] > 0) != up):
                break
            hit, up, likely = place, bool(points[place] > 0), chance
        if hit is not None and likely >= LEAST_CHANCE:
            found.append(Tripwire("up" if up else "down", beyond, float(natural[hit]), likely))
    return found


def crossed(watched: Sequence[Mapping[str, Any]], vintage: Vintage, since: date) -> list[str]:
    """Which tripwires of an earlier watch list the releases they were set for have crossed, in words.

    Parameters
    ----------
    watched : sequence of mapping
        Its releases, as they are stored.
    vintage : Vintage
        What is known now.
    since : date
        Day of that list.
    """
    found = []
    for one in watched:
        name = str(one["indicator"])
        if name not in vintage.values:
            continue
        frame = vintage.values[name]
        if vintage.contracts[name].frequency == IRREGULAR:  # the first new period; a list that does not name its newest ends on its own day
            its = frame[frame["observed_on"].dt.date > date.fromisoformat(one.get("newest", since.isoformat()))].head(1)
        else:
            its = frame[frame["observed_on"].dt.date == date.fromisoformat(one["period_end"])]
        for row in its[its["published_on"].dt.date > since].itertuples():
            for wire in one["tripwires"]:
                past = row.value >= wire["value"] if wire["beyond"] == "above" else row.value <= wire["value"]
                if past:
                    found.append(
                        f"{one['title']}: {row.value:g} for the period to {row.observed_on:%Y-%m-%d} is {wire['beyond']} {wire['value']:.4g}, "
                        f"where the headline was to go {wire['direction']} by {FAR:g} points"
                    )
    return found
