r"""Bridges: the probability of what others ask, up to their own day, from the futures that the rungs are told from.

What a bridge counts follows from the events of its rung. Where it counts more, a share s of its events meets the rung's definition (elicited, a draw of it
for each draw of the posterior), and they come 1/s times as often: in the silence of the rung (:mod:`ripeness.forecast.ladder`) the mean of its events is
divided by s. A rung that is part of another stays part of it: with the share of both, s never makes its bridge likelier than the whole. Of the question
itself, :math:`P(\text{none})^{1/s}`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from ripeness.calendar import share_inside
from ripeness.elicitation.elicited import Elicited
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.horizons import forecast_probabilities
from ripeness.forecast.ladder import RungsAhead, base_probabilities, rung_probabilities
from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
ALL = 1.0 - 1e-9  # of the events of the whole: beyond it nothing is left


class Bridged(NamedTuple):
    """What the draws of a fit say of the bridges.

    Parameters
    ----------
    ids : list of str
        Of the bridges, in the order of the others.
    within, variance : ndarray (draw, bridge)
        Probability of at least one event up to the bridge's day, in [0, 1], and its variance from the finite number of futures.
    base : ndarray (draw, bridge)
        The same with conditions and factors as over the long run.
    """

    ids: list[str]
    within: Array
    variance: Array
    base: Array


def bridge_probabilities(spec: ModelSpec, ahead: Ahead, seed: np.random.SeedSequence) -> Bridged:
    """Probability of each bridge whose day lies after the origin and within the longest horizon.

    Parameters
    ----------
    spec : ModelSpec
    ahead : Ahead
        Of a variant with an inside view.
    seed : SeedSequence
        Of the rounds, as for the rungs: the same seed gives the same futures. Shares are drawn with its first state.
    """
    bridges = spec.workspace.bridges_after(spec.panel.origin)
    draws, first = len(ahead.inside), spec.panel.origin + timedelta(days=1)
    rng = np.random.default_rng(seed.generate_state(4))
    shares = {
        bridge.id: draw_shares(spec.priors[name], draws, rng) if (name := f"bridge_share.{bridge.id}") in spec.priors else np.ones(draws)
        for bridge in bridges
    }
    within, variance, base = np.empty((3, draws, len(bridges)))
    rungs = ahead.rungs
    for bridge in bridges if rungs else ():
        rungs = _with_bridge(rungs, bridge.id, bridge.rung, shares[bridge.id])  # type: ignore[arg-type]
    linked = replace(ahead, rungs=rungs)
    for day in sorted({bridge.by for bridge in bridges}):
        inside = np.array([[share_inside(sunday, first, day) for sunday in ahead.weeks]])
        of_day = [(place, bridge) for place, bridge in enumerate(bridges) if bridge.by == day]
        of_rungs = [(place, bridge.id) for place, bridge in of_day if bridge.rung != spec.workspace.question.id]
        if of_rungs:
            places, ids = (list(column) for column in zip(*of_rungs, strict=True))
            found, noise = rung_probabilities(linked, ids, inside, seed)
            within[:, places], variance[:, places] = found[..., 0], noise[..., 0]
            base[:, places] = base_probabilities(linked, ids, inside, seed)[..., 0]
        for place, bridge in of_day:
            if bridge.rung == spec.workspace.question.id:
                rounds, share = forecast_probabilities(replace(ahead, horizon_share=inside)), shares[bridge.id]
                none = 1.0 - rounds.within[:, 0]
                within[:, place], base[:, place] = 1.0 - none ** (1.0 / share), 1.0 - (1.0 - rounds.level_only[:, 0]) ** (1.0 / share)
                variance[:, place] = (none ** (1.0 / share - 1.0) / share) ** 2 * rounds.path_variance[:, 0]
    return Bridged([bridge.id for bridge in bridges], within, variance, base)


def _with_bridge(rungs: RungsAhead, bridge: str, rung: str, share: Array) -> RungsAhead:
    """The rungs and one more, whose events come 1/share times as often as those of `rung`."""
    if rung in rungs.nested:
        whole, own = rungs.nested[rung]
        return replace(rungs, nested={**rungs.nested, bridge: (whole, np.minimum(own / share, ALL))})
    return replace(rungs, nested={**rungs.nested, bridge: (rung, 1.0 / share)})


def draw_shares(prior: Elicited, draws: int, rng: np.random.Generator) -> Array:
    """Draws of a share from its elicited logit-normal distribution, (draw,), one in each of so many equally likely intervals, in random order."""
    return np.asarray(expit(prior.mu + prior.sigma * rng.permutation(ndtri((np.arange(draws) + 0.5) / draws))))
