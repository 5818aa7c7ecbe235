r"""The ladder: the probability of at least one event of each rung within a time.

Rungs follow the rounds: their events come more often while talks are active, or are some of the rounds. So rounds are simulated along each factor path, and
given them the probability of silence is exact: for a rung with a rate of its own

.. math:: \log P(\text{no event}) = -\sum_t \alpha \log(1 + \text{share}_t\, \mu_t / \alpha),

for one that is part of it the same with the mean of its share of the events (a thinned negative binomial keeps its dispersion), and for one that is part of
the rounds :math:`\sum_t \log(1 - \text{share of rounds})` over the weeks with a round. A rung that an indicator counts has the mean and the dispersion of that
indicator's rows, all of them captured. A nested rung is therefore never likelier than what it is part of, along any path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ripeness.forecast.simulate import simulate_dormancy
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.count_rows import indicators as count_indicators
from ripeness.model.terms.count_rows import scales_of
from ripeness.model.terms.loadings import factor_of, loadings_of
from ripeness.model.terms.rungs import log_multipliers

if TYPE_CHECKING:
    from ripeness.forecast.ahead import Ahead

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RungsAhead:
    """Ingredients of the rungs' events after the origin, for draws flattened over chains.

    Parameters
    ----------
    ids : tuple of str
        Rungs with a rate: those with conditions, then those that an indicator counts.
    log_rate, log_active, dispersion : ndarray (draw, rung)
        Log of the events a week over the long run while talks are dormant, log of how many times as many while they are active, and the dispersion.
    log_multiplier : ndarray (draw, path, rung, ahead)
        Of the conditions, or of the factor that the indicator measures; zero means as over the long run.
    nested : dict of str to (str, ndarray (draw,))
        Of each rung that is part of another or of the question: which, and its share.
    active_weeks : int
        Talks are active while the last round is at most so many weeks back.
    """

    ids: tuple[str, ...]
    log_rate: Array
    log_active: Array
    dispersion: Array
    log_multiplier: Array
    nested: Mapping[str, tuple[str, Array]]
    active_weeks: int

    def at_base_rates(self) -> RungsAhead:
        """The same with all multipliers 1."""
        return replace(self, log_multiplier=np.zeros_like(self.log_multiplier[:, :1]))

    def log_silence(self, rung: str, active: Array, shares: Array) -> Array:
        """Log probability that no event of a rung with a rate, or of one that is part of it, comes within each time along each path: (draw, path, time).

        Parameters
        ----------
        rung : str
        active : ndarray (draw, path, ahead)
            1 where talks are active, else 0.
        shares : ndarray (time, ahead)
            Share of each week's days that counts.
        """
        parent, part = self.nested.get(rung, (rung, np.ones(len(self.log_rate))))
        r, weeks = self.ids.index(parent), np.flatnonzero(shares.any(axis=0))
        level = (self.log_rate[:, r] + np.log(part))[:, None, None] + self.log_active[:, r, None, None] * active[..., weeks]
        alpha, shares = self.dispersion[:, r, None, None], shares[:, weeks]
        ratio = np.exp(self.log_multiplier[:, :, r][..., weeks] + level) / alpha
        found = np.log1p(ratio) @ (shares == 1.0).T.astype(float)
        for time, week in np.argwhere((shares > 0.0) & (shares < 1.0)):
            found[..., time] += np.log1p(ratio[..., week] * shares[time, week])
        return np.asarray(-alpha * found)

    def take(self, chosen: NDArray[np.intp]) -> RungsAhead:
        """The same for some draws."""
        of_draws = {name: getattr(self, name)[chosen] for name in ("log_rate", "log_active", "dispersion", "log_multiplier")}
        return replace(self, **of_draws, nested={rung: (parent, share[chosen]) for rung, (parent, share) in self.nested.items()})


class RungPaths:
    """Collects the multipliers of the rungs week by week, while factors are simulated.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        By the names of the posterior.
    weeks : int
        Weeks ahead.
    """

    def __init__(self, spec: ModelSpec, draws: Mapping[str, Array], paths: int, weeks: int) -> None:
        self.spec, self.draws = spec, draws
        self.rated = len(spec.workspace.rated_rungs)
        counted = [str(rung.indicator) for rung in spec.workspace.counted_rungs]
        self.ids = (*(rung.id for rung in spec.workspace.rated_rungs), *(rung.id for rung in spec.workspace.counted_rungs))
        draws_of = len(draws["half_life"])
        self.log_multiplier = np.zeros((draws_of, paths, len(self.ids), weeks))
        places = [spec.panel.indicators.index(name) for name in counted]
        counts = [count_indicators(spec).index(name) for name in counted]
        loading, intercept = loadings_of(spec, draws)
        own = scales_of(spec)[counts].reshape(-1, 2)
        self.factor = factor_of(spec)[places]
        self.slope = own[:, 0] * loading[:, places]
        level = own[:, 1] + own[:, 0] * intercept[:, places] + 0.5 * self.slope**2
        nothing = np.zeros((draws_of, 0))
        self.log_rate = np.concatenate([np.log(draws.get("rung_rate", nothing)), level], axis=1)
        self.log_active = np.concatenate([np.log(draws.get("rung_active", nothing)), np.zeros(level.shape)], axis=1)
        self.dispersion = np.concatenate([draws.get("rung_dispersion", nothing), draws.get("dispersion", nothing)[:, counts]], axis=1)

    def add_conditions(self, weeks: slice, log_odds: Array) -> None:
        """Of the conditions, from log odds (draw, path, condition, week) as the hazards of these weeks read them."""
        if self.rated:
            self.log_multiplier[:, :, : self.rated, weeks] = log_multipliers(self.spec, self.draws, log_odds)

    def add_factors(self, weeks: slice, read: Array) -> None:
        """Of the factors that indicators measure, from factors (draw, path, factor, week) as the hazards of these weeks read them, pulses left out.

        Hazards read the week before, counts their own: what these weeks read is of the weeks before them, and the last week is taken for like it.
        """
        slope = self.slope[:, None, :, None]
        found = slope * read[:, :, self.factor] - 0.5 * slope**2
        last = self.log_multiplier.shape[-1]
        self.log_multiplier[:, :, self.rated :, max(weeks.start, 1) - 1 : weeks.stop - 1] = found[..., int(weeks.start == 0) :]
        if weeks.stop == last:
            self.log_multiplier[:, :, self.rated :, last - 1] = found[..., -1]

    def collect(self) -> RungsAhead:
        """All that was added."""
        nested = self.spec.workspace.nested_rungs
        of = {rung.id: (str(rung.part_of), self.draws["rung_share"][:, j]) for j, rung in enumerate(nested)}
        question = self.spec.workspace.question
        return RungsAhead(self.ids, self.log_rate, self.log_active, self.dispersion, self.log_multiplier, of, question.active_weeks)


def rung_probabilities(ahead: Ahead, ids: Sequence[str], shares: Array, seed: np.random.SeedSequence) -> tuple[Array, Array]:
    """Probability of at least one event of each rung within each time.

    Parameters
    ----------
    ahead : Ahead
        With rungs.
    ids : sequence of str
        Rungs, in the order of the result.
    shares : ndarray (time, ahead)
        Share of each week's days that lie inside each time.
    seed : SeedSequence
        Of the rounds, one future along each path.

    Returns
    -------
    within : ndarray (draw, rung, time)
        In [0, 1].
    variance : ndarray (draw, rung, time)
        Of each from the finite number of futures.
    """
    rungs = ahead.rungs
    assert rungs is not None
    rounds, dormancy = simulate_dormancy(ahead, seed)
    active = (dormancy <= rungs.active_weeks).astype(float)
    held = (rounds > 0).astype(float)
    within, variance = np.empty((len(rounds), len(ids), len(shares))), np.empty((len(rounds), len(ids), len(shares)))
    for place, rung in enumerate(ids):
        parent, share = rungs.nested.get(rung, (rung, np.ones(len(rounds))))
        if parent in rungs.ids:
            silent = rungs.log_silence(rung, active, shares)
        else:
            # of a week that is cut the share that lies inside
            silent = held @ np.log1p(-share[:, None, None] * shares).swapaxes(1, 2)
        found = -np.expm1(silent)
        within[:, place] = found.mean(axis=1)
        variance[:, place] = found.var(axis=1, ddof=1) / found.shape[1] if found.shape[1] > 1 else 0.0
    return within, variance


def base_probabilities(ahead: Ahead, ids: Sequence[str], shares: Array, seed: np.random.SeedSequence) -> Array:
    """The same with conditions and factors as over the long run: what a rung's own rate says, and of rounds the outside view; (draw, rung, time)."""
    assert ahead.rungs is not None
    still = replace(ahead, inside=np.zeros_like(ahead.inside), rungs=ahead.rungs.at_base_rates())
    return rung_probabilities(still, ids, shares, seed)[0]
