"""Log prior density of each free quantity with an elicited prior, element by element: what power-scaling raises to powers.

White noise and the moves of slow levels are left out: they make the factors' paths, and their priors are the process, no opinions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness.inference.coordinates import LOG, LOG_ODDS, PARTS, prior_scales
from ripeness.model.spec import ModelSpec, Variant

Array = NDArray[np.float64]
PROCESS = ("white_noise", "level_moves")


class NormalPrior(NamedTuple):
    """The Normal prior of a quantity's logarithm, of its log odds, or of itself."""

    stands_by: str
    mean: Array
    sd: Array


def normal_priors(spec: ModelSpec, variant: Variant, reading: str) -> dict[str, NormalPrior]:
    """The prior of each quantity that a variant has, by name; the process's innovations left out."""
    scales = prior_scales(spec, variant, reading)
    return {
        part.name: NormalPrior(part.stands_by, *scales[part.name]) for part in PARTS if part.name in scales and part.name not in PROCESS
    }


def normal_log_density(spec: ModelSpec, variant: Variant, reading: str, draws: Mapping[str, Array]) -> dict[str, Array]:
    """Log prior density on the scale where the prior is Normal: (draw, …) by name, in the shape of the draws.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "additive", "outside"}
    reading : str
    draws : mapping of ndarray (draw, …)
        In natural units, by the names of the posterior's variables.
    """
    found = {}
    for name, prior in normal_priors(spec, variant, reading).items():
        if name in draws:
            z = (_transformed(prior.stands_by, draws[name]) - prior.mean) / prior.sd
            found[name] = np.asarray(-0.5 * z**2 - np.log(prior.sd) - 0.5 * np.log(2 * np.pi))
    return found


def log_prior(spec: ModelSpec, variant: Variant, reading: str, draws: Mapping[str, Array]) -> dict[str, Array]:
    """Log prior density in natural units (LogNormal, LogitNormal, Normal), as PyMC's `compute_log_prior` has it: (draw, …) by name."""
    found = normal_log_density(spec, variant, reading, draws)
    priors = normal_priors(spec, variant, reading)
    return {name: density - _log_derivative(priors[name].stands_by, draws[name]) for name, density in found.items()}


def _transformed(stands_by: str, value: Array) -> Array:
    if stands_by == LOG:
        return np.asarray(np.log(value))
    return np.asarray(np.log(value) - np.log1p(-value)) if stands_by == LOG_ODDS else value


def _log_derivative(stands_by: str, value: Array) -> Array | float:
    """log dθ/dx, of θ in natural units and x where the prior is Normal."""
    if stands_by == LOG:
        return np.asarray(np.log(value))
    return np.asarray(np.log(value) + np.log1p(-value)) if stands_by == LOG_ODDS else 0.0
