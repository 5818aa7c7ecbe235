"""What the priors alone imply: draws of every elicited quantity, and the forecast that follows from them without any indicator.

The draws stand beside the posterior in every stored fit, and the same forecast code turns them into the prior predictive: the
probability of a round within each horizon, had nobody looked at an indicator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.model.build import parameters_of
from ripeness.model.inside import inside_view
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.terms import terms_of
from ripeness.model.terms.conditions import prior_draws, reading_data

Array = NDArray[np.float64]


def sample_prior(spec: ModelSpec, reading: str, variant: Variant, draws: int, seed: np.random.SeedSequence) -> dict[str, Array]:
    """Draw every quantity of the model from its prior, term by term.

    Parameters
    ----------
    spec : ModelSpec
    reading : str
    variant : {"conjunctive", "substitutable", "outside"}
    draws : int
    seed : SeedSequence

    Returns
    -------
    dict of ndarray (draw, …)
        By the names of the posterior's variables, with their dims.
    """
    rng, result = np.random.default_rng(seed), dict[str, Array]()
    for parameter in parameters_of(variant, spec):
        if parameter.stored:
            mean, sd = parameter.prior(spec, reading)
            result[parameter.name] = parameter.natural(rng.normal(mean, sd, (draws, *np.shape(mean))))
    for term in terms_of(variant, spec):
        term.simulate(spec, reading, variant, result, rng)
        result |= {derived.name: derived.of(result) for derived in term.derived if derived.of is not None}
    return {name: values for name, values in result.items() if values.size}


@dataclass(frozen=True)
class Direction:
    """Whether the prior of one effect moves the hazard as its claims say.

    Parameters
    ----------
    effect : str
    claimed : str
        "+", "-" or "both".
    share : float
        Share of prior draws in which a move of the factor by one unit towards the claim raises (or, for "-", lowers) the inside view.
    """

    effect: str
    claimed: str
    share: float


def check_directions(spec: ModelSpec, reading: str, draws: int, seed: np.random.SeedSequence) -> list[Direction]:
    """The direction of every effect in the prior predictive of the conjunctive form, all other factors at their usual value.

    An effect is tested on its own: the other weights of its factor are set to zero, so that a factor with two effects cannot hide one.
    """
    prior = reading_data(spec, reading, names.CONJUNCTIVE)
    drawn = prior_draws(prior, draws, seed=int(np.random.default_rng(seed).integers(2**31)))
    weight = drawn["total"][:, None] * prior["leverage"] * drawn["effect"]
    ids = spec.workspace.factor_ids
    result = []
    for e, effect in enumerate(spec.priors.effects[reading]):
        alone = np.zeros_like(weight)
        alone[:, e] = weight[:, e]
        z = np.zeros((1, len(ids), 2))
        # of a one-sided factor either sign will do, by the side that loses or wins ground
        z[0, ids.index(effect.factor), 1] = 2.0 if effect.role else 1.0
        only = {"weight": alone, "intercept_open": drawn["intercept"], "normaliser": np.zeros(draws)}
        inside = inside_view(spec, names.CONJUNCTIVE, only, z)
        rise = inside[:, 1] - inside[:, 0]
        result.append(Direction(effect.id, effect.direction, float(np.mean(rise < 0 if effect.direction == "-" else rise > 0))))
    return result
