"""The coordinates in which the posterior is sampled: every free quantity of the terms as a part of one vector x.

In x every prior is Normal: quantities whose prior is LogNormal stand by their logarithm, LogitNormal ones by their log odds, and the factor paths by white
noise (:mod:`ripeness.model.terms.whitening`). So a reading's prior is two vectors, mean and standard deviation. Where they stand follows from the list of
terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ripeness.model.build import parameters_of
from ripeness.model.spec import ModelSpec
from ripeness.model.term import Parameter
from ripeness.model.terms import terms_of
from ripeness.model.terms.rotation import Rotation, join_rotations

Array = NDArray[np.float64]


def prior_scales(spec: ModelSpec, variant: str, reading: str) -> dict[str, tuple[Array, Array]]:
    """Mean and standard deviation of each part of x under a reading's priors, in the shape of the parameter, by its name."""
    return {parameter.name: parameter.prior(spec, reading) for parameter in parameters_of(variant, spec)}


@dataclass(frozen=True)
class Coordinates:
    """Where each parameter stands in x, and its prior.

    Parameters
    ----------
    parameters : tuple of Parameter
    shapes : tuple of tuple of int
        Of each parameter.
    start : ndarray of int (parameter + 1,)
        First place of each parameter, and the length of x.
    mean, sd : ndarray (place,)
        Of the Normal prior.
    rotation : Rotation
        Which of x the sampler sees rotated or centred.
    """

    parameters: tuple[Parameter, ...]
    shapes: tuple[tuple[int, ...], ...]
    start: NDArray[np.int64]
    mean: Array
    sd: Array
    rotation: Rotation

    def take(self, x: Array) -> dict[str, Array]:
        """Parameters by name in natural units, (..., *shape of the parameter), from vectors x (..., place)."""
        return {
            parameter.name: parameter.natural(x[..., first:end].reshape((*x.shape[:-1], *shape)))
            for parameter, shape, first, end in zip(self.parameters, self.shapes, self.start[:-1], self.start[1:], strict=True)
        }

    def join(self, values: Mapping[str, Array]) -> Array:
        """The inverse of :meth:`take`, for one value of each parameter: (place,)."""
        return np.concatenate([np.ravel(parameter.unconstrained(np.asarray(values[parameter.name]))) for parameter in self.parameters])


def build_coordinates(spec: ModelSpec, variant: str, reading: str) -> Coordinates:
    """Lay out x for one variant, with one reading's priors."""
    parameters, scales = parameters_of(variant, spec), prior_scales(spec, variant, reading)
    shapes = tuple(np.shape(scales[parameter.name][0]) for parameter in parameters)
    start = np.concatenate([[0], np.cumsum([int(np.prod(shape)) for shape in shapes])]).astype(np.int64)
    mean, sd = (np.concatenate([np.ravel(scales[parameter.name][side]) for parameter in parameters]) for side in (0, 1))
    first = {parameter.name: int(place) for parameter, place in zip(parameters, start[:-1], strict=True)}
    together = [
        (np.concatenate([first[name] + places for name, places in own.items()]), matrix)
        for term in terms_of(variant, spec)
        for own, matrix in term.rotations(spec, scales)
    ]
    centred = [
        (first[one] + place, first[by] + by_place, power, added)
        for term in terms_of(variant, spec)
        for (one, place), (by, by_place), power, added in term.centred(spec, scales)
    ]
    return Coordinates(parameters, shapes, start, mean, sd, join_rotations(together, centred))
