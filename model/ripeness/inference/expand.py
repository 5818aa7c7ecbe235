"""From coordinates to the posterior as people read it: every quantity of the terms in natural units, with dims and coords."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.inference.compiled import Density, ModelData, Program
from ripeness.inference.coordinates import Coordinates
from ripeness.model.build import model_coords
from ripeness.model.spec import ModelSpec
from ripeness.model.terms import terms_of

Array = NDArray[np.float64]


def derive(program: Program, data: ModelData, xs: Array, numbers: int) -> Array:
    """What follows from each vector x (draw, place), as the density writes it: (draw, number)."""
    own = data.with_arrays(derived=np.empty(numbers))
    density = Density(program, own)
    result = np.empty((len(xs), numbers))
    for draw, x in enumerate(xs):
        density(x)
        result[draw] = own.arrays["derived"]
    return result


def expand_draws(spec: ModelSpec, variant: str, coordinates: Coordinates, program: Program, data: ModelData, xs: Array) -> xr.Dataset:
    """The posterior in natural units, from sampled vectors.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "substitutable", "outside"}
    coordinates : Coordinates
    program : Program
    data : ModelData
    xs : ndarray (chain, draw, place)

    Returns
    -------
    Dataset
        Free and derived quantities (chain, draw, …) by the names of the terms; without those that are not stored, and without quantities of
        size zero.
    """
    shape, all_coords = xs.shape[:2], model_coords(spec, variant)
    taken = coordinates.take(xs)
    variables: dict[str, tuple[tuple[str, ...], Any]] = {
        parameter.name: (parameter.dims, taken[parameter.name]) for parameter in coordinates.parameters if parameter.stored
    }
    sizes = {one.name: tuple(len(all_coords[dim]) for dim in one.dims) for one in program.derived}
    flat = np.ascontiguousarray(xs.reshape(-1, xs.shape[-1]))
    found, place = derive(program, data, flat, sum(int(np.prod(size)) for size in sizes.values())), 0
    for one in program.derived:
        end = place + int(np.prod(sizes[one.name]))
        variables[one.name] = (one.dims, found[:, place:end].reshape(*shape, *sizes[one.name]))
        place = end
    for one in (derived for term in terms_of(variant, spec) for derived in term.derived if derived.of is not None):
        variables[one.name] = (one.dims, one.of(taken))  # type: ignore[misc]
    content = {name: ((names.CHAIN, names.DRAW, *own), values) for name, (own, values) in variables.items() if values.size}
    used = {dim for own, _ in content.values() for dim in own}
    coords = {name: values for name, values in all_coords.items() if name in used}
    return xr.Dataset(content, coords=coords | {names.CHAIN: np.arange(shape[0]), names.DRAW: np.arange(shape[1])})
