r"""Simulated wars with fixed parameters: how well skill could be told from luck if the model were perfect, and if it knew nothing.

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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from ripeness import names
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.conditions import inside_view, with_inside_view
from ripeness.model.terms.factor_paths import heavy_tailed, paths_onward, persistence, unit_innovations
from ripeness.model.terms.record import rounds_in_week

Array = NDArray[np.float64]
FALSE_CLAIMS: Final = 0.05
SURELY: Final = 0.95
VILLE: Final = float(-np.log(FALSE_CLAIMS))


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
        draws = {name: self.means[name][None] for name in ("weight", "intercept_open")}
        spread, heavy, df = np.sqrt(1.0 - phi**2), heavy_tailed(spec), spec.priors.files.factor_tails
        start = rng.normal(size=(wars, len(phi)))
        onward = paths_onward(start, phi, lambda: spread * unit_innovations(start.shape, heavy, df, rng))
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
        known = base * np.exp(next(paths))
        rounds, after = rounds_in_week(known if perfect else base, dormancy, rng)
        held = rounds > 0
        total += np.where(held, np.log(np.expm1(-known) / np.expm1(-base)), base - known)
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
