"""The inverse of a scenario: how far one condition by itself would have to be open for the probability to reach a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ripeness import names
from ripeness.attribution.futures import Futures, Origin, log_odds, mean_over_fits, with_log_odds, within_horizon
from ripeness.forecast.horizons import Probabilities
from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
WIDEST, STEPS = 12.0, 24  # of log odds, and halvings, in the search


@dataclass(frozen=True)
class Needed:
    """How far one condition would have to move for the probability to reach a level.

    Parameters
    ----------
    condition : str
    odds : float or None
        Factor on its odds of being open, in all weeks ahead; None if even an open condition would not do.
    now, then : float
        Chance that it is open on the average of the weeks of the horizon, before and after; `then` is 1 where it would not do.
    reached : float
        Probability that is reached.
    """

    condition: str
    odds: float | None
    now: float
    then: float
    reached: float


def inverse_scenario(origin: Origin, level: float, weeks: int) -> list[Needed]:
    """The smallest change of each condition by itself that brings the probability of a horizon to a level.

    Parameters
    ----------
    origin : Origin
    level : float
        In (0, 1).
    weeks : int
        A horizon of the question.
    """
    spec = origin.spec
    h = spec.workspace.question.horizons_weeks.index(weeks)
    looked = [within_horizon(futures, h) for futures in origin.futures.values()]
    parts = [(futures, log_odds(spec, futures)) for futures in looked]
    starts = [futures.start for futures in looked]
    # only of the conjunctive form may a condition be said to be open
    needed = [(futures, odds) for futures, odds in parts if futures.start.variant == names.CONJUNCTIVE]

    def chance_open(c: int, shift: float = 0.0) -> float:
        chances = [_mean_chance(odds[:, :, c] + shift) for _, odds in needed]
        return float(mean_over_fits(chances, [futures.start for futures, _ in needed]))

    found = []
    for c, condition in enumerate(spec.workspace.condition_ids):

        def probability_at(shift: float, c: int = c) -> float:
            return float(mean_over_fits([_shifted(spec, futures, odds, c, shift).within[:, 0].mean() for futures, odds in parts], starts))

        now = chance_open(c)
        sign = 1.0 if probability_at(0.0) < level else -1.0
        if sign * (level - probability_at(sign * WIDEST)) > 0:
            found.append(Needed(condition, None, now, float(sign > 0), probability_at(sign * WIDEST)))
            continue
        low, high = 0.0, WIDEST
        for _ in range(STEPS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if sign * (level - probability_at(sign * middle)) > 0 else (low, middle)
        shift = sign * high
        found.append(Needed(condition, float(np.exp(shift)), now, chance_open(c, shift), probability_at(shift)))
    return found


def _shifted(spec: ModelSpec, futures: Futures, odds: Array, c: int, shift: float) -> Probabilities:
    more = np.zeros(odds.shape[2])
    more[c] = shift
    return with_log_odds(spec, futures, odds + more[:, None]).probabilities


def _mean_chance(odds: Array) -> float:
    return float(expit(odds).mean())
