r"""Skill: does the model beat the outside view, and could one tell?

Skill is the total weekly event log score over the outside view's. Beside it stand its range when one cluster of rounds at a time is left out
(from the resumption to the end of its active weeks), and the single week to which most of it is owed, as everything hangs on a handful of
weeks.

It is judged on the weekly forecasts as they were made (Seillier-Moiseiwitsch and Dawid 1993). With :math:`p_t` and :math:`o_t` what the model
and the outside view gave to a round in week t, each knowing the weeks before it, a record :math:`y_1, y_2, \ldots` has the skill

.. math:: S(y) = \sum_t y_t \ln\frac{p_t}{o_t} + (1 - y_t) \ln\frac{1 - p_t}{1 - o_t}

- *luck*: :math:`y_t` drawn with probability :math:`o_t`, so that what the model adds is noise of the size that its own forecasts have;
- *right*: :math:`y_t` drawn with probability :math:`p_t`: the power is the share of such records whose skill exceeds the threshold.

No war is simulated and nothing is assumed of how bold a model might have been: one whose forecasts hardly differ from the outside view's
cannot be told from it, right or not. That other weeks would have led to other forecasts is left out.

The threshold is what luck exceeds in at most 5 % of records, 95 % surely by the binomial error of the simulation. Under luck exp S is a
martingale of mean one, so that it never needs to be above ln 20 = 3.0 (Ville 1939). A claim of skill is made where S exceeds it, and would
without the best single week; so false claims and power are at most those given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

from ripeness.evaluation.origins import ALL, POPULATIONS, Cluster, find_clusters
from ripeness.evaluation.scores import weekly_skill
from ripeness.evaluation.unit import WEEK
from ripeness.workspace.question import Question

Array = NDArray[np.float64]
SIMULATED: Final = 40_000  # records of each kind
LONGEST: Final = 100  # records like the one there is, up to which power is looked at
POWER: Final = 0.8
FALSE_CLAIMS: Final = 0.05
SURELY: Final = 0.95
VILLE: Final = float(-np.log(FALSE_CLAIMS))


@dataclass(frozen=True)
class Simulated:
    """Skill in records drawn from forecasts as they were made.

    Parameters
    ----------
    luck, right : ndarray (record,)
        With weeks drawn from the reference's forecasts, and from the forecaster's own.
    """

    luck: Array
    right: Array

    @property
    def threshold(self) -> float:
        """Skill above which a claim is made."""
        return threshold(self.luck)

    @property
    def power(self) -> float:
        """Share of records drawn from the forecaster's own forecasts that exceed the threshold, in [0, 1]."""
        return float(np.mean(self.right > self.threshold))


def simulate_skill(probability: Array, reference: Array, seed: int, simulated: int = SIMULATED) -> Simulated:
    """Skill in records whose weeks are drawn from the forecasts of either side.

    Parameters
    ----------
    probability, reference : ndarray (week,)
        Of a round in each week as the forecaster and the reference gave it, in (0, 1).
    seed : int
    simulated : int
        Records of each kind.
    """
    held, silent = np.log(probability / reference), np.log1p(-probability) - np.log1p(-reference)
    uniform = np.random.default_rng(seed).random((simulated, len(probability)))
    luck, right = (silent.sum() + (uniform < chance).astype(float) @ (held - silent) for chance in (reference, probability))
    return Simulated(luck, right)


def longer_records(one: Simulated, seed: int, longest: int = LONGEST) -> Iterator[Simulated]:
    """Skill in records once, twice, … as long, in which the same weekly forecasts come again with weeks of their own.

    Parameters
    ----------
    one : Simulated
    seed : int
    longest : int
    """
    rng = np.random.default_rng(seed)
    luck, right = one.luck, one.right
    yield one
    for _ in range(1, longest):
        luck, right = luck + rng.permutation(one.luck), right + rng.permutation(one.right)
        yield Simulated(luck, right)


@dataclass(frozen=True)
class Skill:
    """One row of skill.csv.

    Parameters
    ----------
    forecaster, reference, population : str
        Whose skill, over whom, and where.
    weeks, rounds, resumptions : int
        Weeks scored, those with a round, and clusters of them.
    skill : float
        Total weekly event log score over the reference's; above zero is better.
    lowest, highest : float or None
        Its range with one cluster at a time left out; None without a cluster.
    threshold : float
        What it has to exceed, with and without its best week, for a claim of skill.
    claimed : {"yes", "no"}
    by_luck : float
        Share of lucky records that do as well.
    power : float
        Share of records drawn from the forecaster's own forecasts that exceed the threshold.
    best_week : date
        Sunday of the week to which most of it is owed.
    best_week_gain, best_week_probability, best_week_reference : float
        What it adds to the skill, and what forecaster and reference had given to a round in it.
    """

    forecaster: str
    reference: str
    population: str
    weeks: int
    rounds: int
    resumptions: int
    skill: float
    lowest: float | None
    highest: float | None
    threshold: float
    claimed: str
    by_luck: float
    power: float
    best_week: date
    best_week_gain: float
    best_week_probability: float
    best_week_reference: float


def measure_skill(
    scored: pd.DataFrame,
    populations: Mapping[date, Sequence[str]],
    reference_name: str,
    question: Question,
    rounds: Sequence[date],
    seed: int,
    forecasters: Sequence[str] = (),
) -> pd.DataFrame:
    """The skill of forecasters over a reference, by population.

    Parameters
    ----------
    scored : DataFrame (row)
        As `ripeness.evaluation.scores.score_rows` gives them, of one vintage.
    populations : mapping
        From an origin to its populations.
    reference_name : str
        A forecaster, such as the outside view.
    question : Question
    rounds : sequence of date
        All rounds on record.
    seed : int
    forecasters : sequence of str
        Whose skill; that of all others unless given.
    """
    clusters = find_clusters(rounds, question)
    rows = []
    weeks = scored[scored["question"] == WEEK]
    for population in POPULATIONS:
        here = weeks[[population in populations[origin] for origin in weeks["origin"]]]
        if here.empty:
            continue
        for name in dict.fromkeys(here["forecaster"]):
            if name != reference_name and name in (forecasters or (name,)):
                rows.append(asdict(_skill(here, name, reference_name, clusters, question, population, seed)))
    return pd.DataFrame(rows)


def _skill(
    weeks: pd.DataFrame, name: str, reference_name: str, clusters: Sequence[Cluster], question: Question, population: str, seed: int
) -> Skill:
    gained, given = weekly_skill(weeks, name, reference_name), _given(weeks)
    total, best = float(gained.sum()), int(gained.to_numpy().argmax())
    own, reference = given[name].to_numpy(float), given[reference_name].to_numpy(float)
    simulated = simulate_skill(own, reference, seed)
    limit = simulated.threshold
    days = _held(weeks, reference_name)
    seen = _seen(clusters, days)
    without = [total - float(gained[weeks_of(cluster, list(gained.index), question)].sum()) for cluster in seen]
    return Skill(
        name,
        reference_name,
        population,
        len(gained),
        len(days),
        len(seen),
        total,
        min(without, default=None),
        max(without, default=None),
        limit,
        "yes" if total - max(0.0, float(gained.iloc[best])) > limit else "no",
        float(np.mean(simulated.luck >= total)),
        simulated.power,
        list(gained.index)[best],
        float(gained.iloc[best]),
        float(own[best]),
        float(reference[best]),
    )


def _given(weeks: pd.DataFrame) -> pd.DataFrame:
    """Probability of a round in each week, (week, forecaster)."""
    return weeks.pivot(index="target_end_date", columns="forecaster", values="probability")


def _held(weeks: pd.DataFrame, name: str) -> list[date]:
    """Sundays of the weeks with a round."""
    return list(weeks.loc[(weeks["forecaster"] == name) & (weeks["outcome"] > 0), "target_end_date"])


def _seen(clusters: Sequence[Cluster], days: Sequence[date]) -> list[Cluster]:
    return [cluster for cluster in clusters if any(cluster.first <= day <= cluster.last + timedelta(days=6) for day in days)]


def weeks_of(cluster: Cluster, sundays: Sequence[date], question: Question) -> list[bool]:
    """Which weeks belong to a cluster: from that of its first round to the last active one after its last."""
    end = cluster.last + timedelta(days=7 * question.active_weeks)
    return [cluster.first <= sunday and sunday - timedelta(days=6) <= end for sunday in sundays]


def power_table(
    scored: pd.DataFrame, name: str, reference_name: str, skill: pd.DataFrame, seed: int, longest: int = LONGEST
) -> pd.DataFrame:
    """Power in longer records of the same forecasts, up to that of `POWER`.

    Parameters
    ----------
    scored : DataFrame (row)
        As for `measure_skill`.
    name, reference_name : str
    skill : DataFrame (row)
        What `measure_skill` gave.
    seed : int
    longest : int
        Times as long as the record there is.

    Returns
    -------
    DataFrame (length)
        forecaster, records (so many times the record), weeks, resumptions, threshold, power, mean_skill_if_right, simulated.
    """
    given = _given(scored[scored["question"] == WEEK])
    own = skill[(skill["forecaster"] == name) & (skill["population"] == ALL)].iloc[0]
    one = simulate_skill(given[name].to_numpy(float), given[reference_name].to_numpy(float), seed)
    rows = []
    for records, simulated in enumerate(longer_records(one, seed, longest), start=1):
        rows.append(
            {
                "forecaster": name,
                "records": records,
                "weeks": records * int(own["weeks"]),
                "resumptions": records * int(own["resumptions"]),
                "threshold": simulated.threshold,
                "power": simulated.power,
                "mean_skill_if_right": float(simulated.right.mean()),
                "simulated": len(simulated.luck),
            }
        )
        if simulated.power >= POWER:
            break
    return pd.DataFrame(rows)


def threshold(luck: Array) -> float:
    """The sum that luck exceeds in at most 5 % of records, 95 % surely; at least 0, as less is no skill, and at most ln 20.

    Parameters
    ----------
    luck : ndarray (record,)
        Skill in records in which the forecaster knew nothing, at least 59 of them.
    """
    exceeding = _surely(len(luck))
    return VILLE if exceeding is None else float(np.clip(np.sort(luck)[len(luck) - 1 - exceeding], 0.0, VILLE))


@lru_cache(maxsize=8)
def _surely(simulated: int) -> int | None:
    """The largest number of records out of so many whose true share is surely at most that of false claims."""
    exceeding = np.arange(simulated)  # so many sums lie above the one that stands there from the top
    surely = np.flatnonzero(beta.ppf(SURELY, exceeding + 1, simulated - exceeding) <= FALSE_CLAIMS)
    return int(surely[-1]) if len(surely) else None
