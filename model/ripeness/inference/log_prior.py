"""Log prior density of each free quantity with an elicited prior, element by element: what power-scaling raises to powers.

White noise and the moves of slow levels are left out: they make the factors' paths, and their priors are the process, no opinions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ripeness.model.build import parameters_of
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.term import Parameter

Array = NDArray[np.float64]


def elicited_parameters(variant: str) -> dict[str, Parameter]:
    """The parameters of a variant whose prior is elicited, by name."""
    return {parameter.name: parameter for parameter in parameters_of(variant) if parameter.key}


def normal_log_density(spec: ModelSpec, variant: Variant, reading: str, draws: Mapping[str, Array]) -> dict[str, Array]:
    """Log prior density on the scale where the prior is Normal: (draw, …) by name, in the shape of the draws.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "substitutable", "outside"}
    reading : str
    draws : mapping of ndarray (draw, …)
        In natural units, by the names of the posterior's variables.
    """
    found = {}
    for name, parameter in elicited_parameters(variant).items():
        if name in draws:
            mean, sd = parameter.prior(spec, reading)
            z = (parameter.unconstrained(draws[name]) - mean) / sd
            found[name] = np.asarray(-0.5 * z**2 - np.log(sd) - 0.5 * np.log(2 * np.pi))
    return found


def log_prior(spec: ModelSpec, variant: Variant, reading: str, draws: Mapping[str, Array]) -> dict[str, Array]:
    """Log prior density in natural units (LogNormal, LogitNormal, Normal), as PyMC's `compute_log_prior` has it: (draw, …) by name."""
    found = normal_log_density(spec, variant, reading, draws)
    parameters = elicited_parameters(variant)
    return {name: density - _log_derivative(parameters[name], draws[name]) for name, density in found.items()}


def _log_derivative(parameter: Parameter, value: Array) -> Array | float:
    """log dθ/dx, of θ in natural units and x where the prior is Normal."""
    if parameter.transform == "log":
        return np.asarray(np.log(value))
    return np.asarray(np.log(value) + np.log1p(-value)) if parameter.transform == "logit" else 0.0
