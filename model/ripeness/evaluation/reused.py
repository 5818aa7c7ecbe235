"""Forecasts of one vintage from the draws of a fit to another one of the same origin.

The final vintage differs from what was known on the origin by late and revised rows alone, so its posterior is the stored one under other weights
(:mod:`ripeness.reweighting`). Where weights cannot take up the difference, or are too uneven by k-hat, it is fitted. Draws that are shared leave less
Monte Carlo noise in the difference between the two, which is what is asked of it.
"""

from __future__ import annotations

import numpy as np

from ripeness.evaluation.at_origin import Sampled, Sampler, Which
from ripeness.model.spec import ModelSpec
from ripeness.reweighting.refusals import beyond_window, untrustworthy
from ripeness.reweighting.reweighted import update_fit
from ripeness.reweighting.stored import Base, base_spec
from ripeness.reweighting.weights import choose_by_weight
from ripeness.workspace import FitSettings


def by_weighting(base: Base, otherwise: Sampler) -> Sampler:
    """A sampler that chooses among stored draws, where these will do.

    Parameters
    ----------
    base : Base
        Draws of the origin's fits, as :func:`ripeness.evaluation.backtest.store_origin` leaves them.
    otherwise : Sampler
        Where they will not do.
    """

    def sample(spec: ModelSpec, which: Which, settings: FitSettings, seed: int) -> Sampled:
        fit, old = base.fits[which[0]], base_spec(spec, base)
        if beyond_window(old, spec, fit.window):
            return otherwise(spec, which, settings, seed)
        renewed, choice = np.random.SeedSequence(seed).spawn(2)
        updated = update_fit(old, spec, fit, renewed)
        if untrustworthy(updated.weights, 0.0):
            return otherwise(spec, which, settings, seed)
        question = spec.workspace.question
        before = fit.within[:, question.horizons_weeks.index(question.headline_weeks)]
        chosen = choose_by_weight(updated.weights.values, before, np.random.default_rng(choice).random())
        draws = {name: values[chosen] for name, values in updated.draws.items()}
        gate = str(base.about["gates"][which[0]])
        more = np.array([anchor.mean for anchor in fit.anchors]) - fit.within.mean(axis=0)
        return Sampled(draws, (1, len(chosen)), lambda _: gate, updated.state[chosen], updated.weights.khat, more)

    return sample
