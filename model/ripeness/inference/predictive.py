"""What the draws say of each observation: log-likelihoods and replicated data, term by term, for the groups that ArviZ reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ripeness.model.spec import ModelSpec
from ripeness.model.term import Likelihood, Observed
from ripeness.model.terms import terms_of

Array = NDArray[np.float64]


def likelihoods(spec: ModelSpec, variant: str) -> Iterator[tuple[Observed, Likelihood]]:
    """The observed variables of a variant, each with its term."""
    return ((term.observed, term) for term in terms_of(variant, spec) if isinstance(term, Likelihood))


def log_likelihoods(spec: ModelSpec, variant: str, draws: Mapping[str, Array]) -> dict[str, Array]:
    """Log-likelihood of every observation under draws by the posterior's names: (draw, …) by the name of the observed variable."""
    return {observed.name: term.log_likelihood(spec, draws) for observed, term in likelihoods(spec, variant)}


def replicates(spec: ModelSpec, variant: str, draws: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Replicated observations, (draw, …) by name; those that cannot follow from the draws given are left out."""
    return {
        observed.name: term.replicate(spec, draws, rng)
        for observed, term in likelihoods(spec, variant)
        if draws.keys() >= term.replicated_from
    }


def observations(spec: ModelSpec, variant: str) -> dict[str, Array]:
    """What was observed, by name."""
    return {observed.name: term.observations(spec) for observed, term in likelihoods(spec, variant)}
