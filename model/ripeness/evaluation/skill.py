"""Skill: does the model beat the outside view, and could one tell?

Skill is the total weekly event log score over the outside view's. Beside it stands its range when one cluster of rounds at a time is left
out (from the resumption to the end of its active weeks), as everything hangs on a handful of clusters, and what simulated wars say: the
threshold for a claim, the power that a perfect model would have had, and how many more resumptions it would take.

Simulated wars with fixed parameters: how well skill could be distinguished from luck if the model were perfect, and if it knew nothing.

In a war the outside view's hazard runs with dormancy, and the inside view multiplies it by exp(inside(z_{t−1})), the factors z following
their stationary process. Two forecasters see the rounds: the outside view alone, and one who also knows the inside view. Skill is the sum
over weeks of the difference of their log scores.

- *perfect*: the rounds are drawn from the hazard that the second forecaster knows;
- *luck*: the rounds are drawn from the outside view's hazard, so that what the second one adds is noise of the model's own size.

A claim of skill is made where the sum exceeds a threshold that luck exceeds in at most 5 % of wars, 95 % surely by the binomial
error of the simulation. Under luck the exponential of the sum is a martingale of mean one, so that no more than 5 % of wars ever exceed
ln 20 = 3.0 (Ville 1939), however many are simulated: the threshold never needs to be above it.

Announced meetings, missed rounds and the error of parameters are left out. Nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

from ripeness import names
from ripeness.evaluation.origins import POPULATIONS, Cluster, find_clusters
from ripeness.evaluation.scores import weekly_skill
from ripeness.evaluation.unit import WEEK
from ripeness.model.inside import inside_view, with_inside_view
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.factor_paths import heavy_tailed, persistence, simulate_ar1
from ripeness.model.terms.record import rounds_in_week
from ripeness.workspace.question import Question

Array = NDArray[np.float64]
WARS: Final = 1500  # of each kind: luck for the threshold, fresh luck to test it, perfect
CLUSTERS: Final = 24  # resumptions up to which power is looked at
LONGEST: Final = 8000  # weeks
POWER: Final = 0.8
FALSE_CLAIMS: Final = 0.05
SURELY: Final = 0.95
VILLE: Final = float(-np.log(FALSE_CLAIMS))


@dataclass(frozen=True)
class Reference:
    """What simulated wars say of telling skill from luck, by number of clusters (n = 1 first).

    Parameters
    ----------
    wars : int
        Of each kind.
    threshold, false_claims, power : ndarray (cluster,)
        Sum above which skill is claimed; share of fresh lucky wars that exceed it; share of perfect wars that do.
    luck : ndarray (cluster, war)
        Sums of lucky wars.
    gain : ndarray (cluster,)
        Mean sum of perfect wars.
    weeks : ndarray (cluster,)
        Median number of weeks that perfect wars take to see so many clusters.
    unfinished : ndarray (cluster,)
        Share of perfect wars that were cut off before.
    week, mean_at_week, luck_at_week : int, float, float
        Mean sums of perfect and of lucky wars at the number of weeks that the backtest scored.
    """

    wars: int
    threshold: Array
    false_claims: Array
    power: Array
    luck: Array
    gain: Array
    weeks: Array
    unfinished: Array
    week: int
    mean_at_week: float
    luck_at_week: float

    @property
    def needed(self) -> int | None:
        """The least number of resumptions with which a perfect model is distinguished from luck in four of five wars; None if none is enough."""
        enough = np.flatnonzero(self.power >= POWER)
        return int(enough[0]) + 1 if len(enough) else None


def simulate_reference(
    war: FixedWar, week: int, seed: int, wars: int = WARS, clusters: int = CLUSTERS, longest: int = LONGEST
) -> Reference:
    """Play wars of luck, of fresh luck and of a perfect model.

    Parameters
    ----------
    war : FixedWar
    week : int
        Number of weeks that the backtest scored.
    seed : int
    wars, clusters, longest : int
    """
    first, second, third = np.random.SeedSequence(seed).spawn(3)
    luck = play_wars(war, wars, clusters, week, longest, False, first)
    fresh = play_wars(war, wars, clusters, week, longest, False, second)
    perfect = play_wars(war, wars, clusters, week, longest, True, third)
    thresholds = np.array([threshold(_finished(luck, n)) for n in range(clusters)])
    return Reference(
        wars,
        thresholds,
        np.array([np.mean(_finished(fresh, n) > thresholds[n]) for n in range(clusters)]),
        np.array([np.mean(_finished(perfect, n) > thresholds[n]) for n in range(clusters)]),
        luck.skill,
        np.array([_finished(perfect, n).mean() for n in range(clusters)]),
        np.array([np.nanmedian(perfect.weeks[n]) for n in range(clusters)]),
        np.isnan(perfect.skill).mean(axis=1),
        week,
        float(perfect.at_week.mean()),
        float(luck.at_week.mean()),
    )


def _finished(played: Played, n: int) -> Array:
    sums: Array = played.skill[n]
    return sums[~np.isnan(sums)]


@dataclass(frozen=True)
class Skill:
    """One row of skill.csv.

    Parameters
    ----------
    forecaster, population : str
    weeks, rounds, resumptions : int
        Weeks scored, those with a round, and clusters of them.
    skill : float
        Total weekly event log score over the outside view's; above zero is better.
    lowest, highest : float or None
        Its range with one cluster at a time left out; None without a cluster.
    threshold : float or None
        What it has to exceed for a claim of skill.
    claimed : {"yes", "no"}
    by_luck : float or None
        Share of lucky wars with as many clusters that do as well.
    power : float or None
        Share of perfect wars with as many clusters in which skill would be claimed.
    resumptions_needed, more_needed : int or None
        For a power of 80 %; and beyond those scored.
    """

    forecaster: str
    population: str
    weeks: int
    rounds: int
    resumptions: int
    skill: float
    lowest: float | None
    highest: float | None
    threshold: float | None
    claimed: str
    by_luck: float | None
    power: float | None
    resumptions_needed: int | None
    more_needed: int | None


def measure_skill(
    scored: pd.DataFrame,
    populations: Mapping[date, Sequence[str]],
    reference_name: str,
    question: Question,
    rounds: Sequence[date],
    reference: Reference,
) -> pd.DataFrame:
    """The skill of every forecaster but the outside view, by population.

    Parameters
    ----------
    scored : DataFrame (row)
        As `ripeness.evaluation.scores.score_rows` gives them, of one vintage.
    populations : mapping
        From an origin to its populations.
    reference_name : str
        The outside view.
    question : Question
    rounds : sequence of date
        All rounds on record.
    reference : Reference
    """
    clusters = find_clusters(rounds, question)
    rows = []
    weeks = scored[scored["question"] == WEEK]
    for population in POPULATIONS:
        here = weeks[[population in populations[origin] for origin in weeks["origin"]]]
        if here.empty:
            continue
        held = list(here.loc[(here["forecaster"] == reference_name) & (here["outcome"] > 0), "target_end_date"])
        for name in dict.fromkeys(here["forecaster"]):
            if name != reference_name:
                rows.append(asdict(_skill(weekly_skill(here, name, reference_name), held, clusters, question, reference, name, population)))
    return pd.DataFrame(rows)


def _skill(
    gained: pd.Series[float],
    days: Sequence[date],
    clusters: Sequence[Cluster],
    question: Question,
    reference: Reference,
    name: str,
    population: str,
) -> Skill:
    total = float(gained.sum())
    seen = [cluster for cluster in clusters if any(cluster.first <= day <= cluster.last + timedelta(days=6) for day in days)]
    number = len(seen)
    without = [total - float(gained[weeks_of(cluster, list(gained.index), question)].sum()) for cluster in seen]
    place = number - 1 if 1 <= number <= len(reference.threshold) else None
    lucky = None if place is None else reference.luck[place][~np.isnan(reference.luck[place])]
    limit = None if place is None else float(reference.threshold[place])
    needed = reference.needed
    return Skill(
        name,
        population,
        len(gained),
        len(days),
        number,
        total,
        min(without, default=None),
        max(without, default=None),
        limit,
        "yes" if limit is not None and total > limit else "no",
        None if lucky is None else float(np.mean(lucky >= total)),
        None if place is None else float(reference.power[place]),
        needed,
        None if needed is None else max(0, needed - number),
    )


def weeks_of(cluster: Cluster, sundays: Sequence[date], question: Question) -> list[bool]:
    """Which weeks belong to a cluster: from that of its first round to the last active one after its last."""
    end = cluster.last + timedelta(days=7 * question.active_weeks)
    return [cluster.first <= sunday and sunday - timedelta(days=6) <= end for sunday in sundays]


def power_table(reference: Reference) -> pd.DataFrame:
    """What simulated wars say, by number of resumptions.

    Returns
    -------
    DataFrame (cluster)
        resumptions, threshold, false_claims, power, mean_skill_of_a_perfect_model, median_weeks, unfinished, wars.
    """
    return pd.DataFrame(
        {
            "resumptions": np.arange(1, len(reference.threshold) + 1),
            "threshold": reference.threshold,
            "false_claims": reference.false_claims,
            "power": reference.power,
            "mean_skill_of_a_perfect_model": reference.gain,
            "median_weeks": reference.weeks,
            "unfinished": reference.unfinished,
            "wars": reference.wars,
        }
    )


@dataclass(frozen=True)
class FixedWar:
    """Parameters of a war.

    Parameters
    ----------
    spec : ModelSpec
        Whose factors and conditions they are.
    outside : ndarray (dormancy,)
        Log weekly hazard at d = 1, 2, …; longer dormancies count as the last.
    means : mapping of ndarray
        By the names of the posterior: weight (effect,), intercept_open (condition,) and half_life (factor,).
    start : int
        Weeks since the last round in the first week.
    """

    spec: ModelSpec
    outside: Array
    means: Mapping[str, Array]
    start: int

    @property
    def active_weeks(self) -> int:
        """Weeks after a round in which talks are active."""
        return self.spec.workspace.question.active_weeks

    def inside(self, wars: int, rng: np.random.Generator) -> Iterator[Array]:
        """Log multiplier of the inside view, conjunctive, week by week: (war,)."""
        spec, phi = self.spec, persistence(self.means["half_life"])
        draws = {name: values[None] for name, values in self.means.items()}
        start = rng.normal(size=(wars, len(phi)))
        onward = simulate_ar1(start, phi, heavy_tailed(spec), spec.priors.files.factor_tails, rng)
        draws = with_inside_view(spec, names.CONJUNCTIVE, draws, start.T[None])
        for z in chain([start], onward):
            yield inside_view(spec, names.CONJUNCTIVE, draws, z.T[None])[0]  # the wars stand where weeks do


@dataclass(frozen=True)
class Played:
    """Skill in simulated wars.

    Parameters
    ----------
    skill : ndarray (cluster, war)
        Sum up to the first dormant week after the n-th cluster of rounds; NaN where the war was cut off before.
    weeks : ndarray (cluster, war)
        Weeks until then.
    at_week : ndarray (war,)
        Sum at the week asked for.
    """

    skill: Array
    weeks: Array
    at_week: Array


def play_wars(war: FixedWar, wars: int, clusters: int, week: int, longest: int, perfect: bool, seed: np.random.SeedSequence) -> Played:
    """Play wars until each has seen so many clusters of rounds.

    Parameters
    ----------
    war : FixedWar
    wars, clusters : int
    week : int
        A number of weeks at which the sum is wanted, too.
    longest : int
        Weeks after which wars are cut off.
    perfect : bool
        Whether rounds follow the inside view; if not they follow the outside view alone.
    seed : SeedSequence
    """
    rng = np.random.default_rng(seed)
    skill, weeks = np.full((clusters, wars), np.nan), np.full((clusters, wars), np.nan)
    at_week = np.full(wars, np.nan)
    total, dormancy = np.zeros(wars), np.full(wars, war.start)
    begun, ended = np.zeros(wars, dtype=np.intp), np.zeros(wars, dtype=np.intp)
    paths = war.inside(wars, rng)
    for t in range(1, longest + 1):
        base = np.exp(war.outside[np.minimum(dormancy, len(war.outside)) - 1])
        hazard = base * np.exp(next(paths))
        rounds, after = rounds_in_week(hazard if perfect else base, dormancy, rng)
        held = rounds > 0
        total += np.where(held, np.log(np.expm1(-hazard) / np.expm1(-base)), base - hazard)
        begun += held & (dormancy > war.active_weeks)
        dormancy = after
        over = np.flatnonzero((dormancy == war.active_weeks + 1) & (ended < begun))
        ended[over] = begun[over]
        here = over[ended[over] <= clusters]
        skill[ended[here] - 1, here], weeks[ended[here] - 1, here] = total[here], t
        if t == week:
            at_week[:] = total
        if t >= week and not np.isnan(skill[-1]).any():
            break
    return Played(skill, weeks, at_week)


def threshold(luck: Array) -> float:
    """The sum that luck exceeds in at most 5 % of wars, 95 % surely; at least 0, as less is no skill, and at most ln 20.

    Parameters
    ----------
    luck : ndarray (war,)
        Sums of wars in which the forecaster knew nothing, at least 59 of them.
    """
    ordered, wars = np.sort(luck), len(luck)
    exceeding = np.arange(wars)  # so many sums lie above the one that stands there from the top
    surely = np.flatnonzero(beta.ppf(SURELY, exceeding + 1, wars - exceeding) <= FALSE_CLAIMS)
    return float(np.clip(ordered[wars - 1 - surely[-1]], 0.0, VILLE)) if len(surely) else VILLE
