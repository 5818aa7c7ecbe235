"""From coordinates to the posterior as people read it: every quantity of the model in natural units, with dims and coords."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.inference.callback import Density
from ripeness.inference.coordinates import PARTS, Coordinates
from ripeness.inference.model_data import Problem
from ripeness.model.spec import ModelSpec, Variant, model_coords

Array = NDArray[np.float64]


# what follows from x, with its dims, in the order in which the density writes it
WITH_FACTORS = {
    "path": (names.FACTOR, names.WEEK),
    "level_path": (names.LEVEL, names.WEEK),
    "weight": (names.EFFECT,),
    "normaliser": (),
    "log_odds_open": (names.CONDITION, names.WEEK),
    "inside": (names.WEEK,),
}
IN_EVERY_VARIANT = {"outside_knots": (names.KNOT,), "hazard": (names.RISK,), "rounds": (names.RISK,)}


def follow(problem: Problem, xs: Array, numbers: int) -> Array:
    """What follows from each vector x (draw, place), as the density writes it: (draw, number)."""
    own = problem._replace(follows=np.empty(numbers))
    density = Density(own)
    result = np.empty((len(xs), numbers))
    for draw, x in enumerate(xs):
        density(x)
        result[draw] = own.follows
    return result


def expand_draws(spec: ModelSpec, variant: Variant, coordinates: Coordinates, problem: Problem, xs: Array) -> xr.Dataset:
    """The posterior in natural units, from sampled vectors.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "additive", "outside"}
    coordinates : Coordinates
    problem : Problem
    xs : ndarray (chain, draw, place)

    Returns
    -------
    Dataset
        Free and derived quantities (chain, draw, …) by the names of :mod:`ripeness.model.build`; without the white noise, which is of no use to
        anybody, and without quantities of size zero.
    """
    shape = xs.shape[:2]
    flat = np.ascontiguousarray(xs.reshape(-1, xs.shape[-1]))
    variables: dict[str, tuple[tuple[str, ...], Any]] = {}
    taken = coordinates.take(xs)
    for part in PARTS:
        if part.name in taken and part.name not in names.NOT_STORED:
            variables[part.name] = (part.dims, taken[part.name])
    outside = variant == names.OUTSIDE
    all_coords = model_coords(spec, variant)
    place = 0
    dims = IN_EVERY_VARIANT if outside else IN_EVERY_VARIANT | WITH_FACTORS
    sizes = {name: tuple(len(all_coords[dim]) for dim in own) for name, own in dims.items()}
    found = follow(problem, flat, sum(int(np.prod(size)) for size in sizes.values()))
    for name, own in dims.items():
        end = place + int(np.prod(sizes[name]))
        variables[name] = (own, found[:, place:end].reshape(*shape, *sizes[name]))
        place = end
    if not outside:
        variables["share_open"] = ((names.CONDITION,), 1.0 / (1.0 + np.exp(-taken["intercept_open"])))
    content = {name: ((names.CHAIN, names.DRAW, *own), values) for name, (own, values) in variables.items() if values.size}
    used = {dim for own, _ in content.values() for dim in own}
    coords = {name: values for name, values in all_coords.items() if name in used}
    return xr.Dataset(content, coords=coords | {names.CHAIN: np.arange(shape[0]), names.DRAW: np.arange(shape[1])})
