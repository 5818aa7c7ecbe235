"""From coordinates to the posterior as people read it: every quantity of the model in natural units, with dims and coords."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.fit import stages
from ripeness.fit.coordinates import PARTS, Coordinates
from ripeness.fit.density import go_forward, go_forward_outside
from ripeness.fit.problem import Problem
from ripeness.kernel import compiled
from ripeness.spec import ModelSpec, Variant, model_coords

Array = NDArray[np.float64]


@compiled
def follow(xs: Array, p: Problem) -> tuple[Array, Array, Array, Array, Array, Array, Array, Array, Array]:
    """What follows from each vector x in a variant with factors.

    Parameters
    ----------
    xs : ndarray (draw, place)
    p : Problem

    Returns
    -------
    path, level_path : ndarray (draw, factor, week), (draw, level, week)
    weight, normaliser : ndarray (draw, effect), (draw,)
    log_odds_open, inside : ndarray (draw, condition, week), (draw, week)
    outside_knots, hazard, rounds : ndarray (draw, knot), (draw, week at risk), (draw, week at risk)
    """
    draws, factors, weeks = xs.shape[0], p.heavy.shape[0], p.basis.shape[1]
    conditions = p.start[stages.INTERCEPT_OPEN + 1] - p.start[stages.INTERCEPT_OPEN]
    knots = p.start[stages.DEVIATION + 1] - p.start[stages.LOG_RHYTHM] - 1
    path, level_path = np.empty((draws, factors, weeks)), np.empty((draws, p.level_of.shape[0], weeks))
    weight, normaliser = np.empty((draws, p.leverage.shape[0])), np.empty(draws)
    log_odds_open, inside = np.empty((draws, conditions, weeks)), np.empty((draws, weeks))
    outside_knots, hazard, rounds = np.empty((draws, knots)), np.empty((draws, p.found.shape[0])), np.empty((draws, p.found.shape[0]))
    for s in range(draws):
        way = go_forward(xs[s], p)
        path[s] = way.mapped[0]
        for j in range(p.level_of.shape[0]):
            level_path[s, j] = way.indicators.level[p.level_of[j]]
        weight[s] = way.conditions.weight
        inside[s], log_odds_open[s], normaliser[s] = way.opened[0], way.opened[1], way.opened[2][0]
        outside_knots[s] = way.hazards.knots
        rounds[s], hazard[s] = way.filtered[0], way.filtered[1]
    return path, level_path, weight, normaliser, log_odds_open, inside, outside_knots, hazard, rounds


@compiled
def follow_outside(xs: Array, p: Problem) -> tuple[Array, Array, Array]:
    """What follows from each vector x in the outside variant: outside_knots, hazard and rounds, as in :func:`follow`."""
    draws, weeks = xs.shape[0], p.found.shape[0]
    knots = p.start[stages.DEVIATION + 1] - p.start[stages.LOG_RHYTHM] - 1
    outside_knots, hazard, rounds = np.empty((draws, knots)), np.empty((draws, weeks)), np.empty((draws, weeks))
    for s in range(draws):
        h, filtered = go_forward_outside(xs[s], p)
        outside_knots[s], rounds[s], hazard[s] = h.knots, filtered[0], filtered[1]
    return outside_knots, hazard, rounds


# what follows from x, with its dims
WITH_FACTORS = {
    "path": (names.FACTOR, names.WEEK),
    "level_path": (names.LEVEL, names.WEEK),
    "weight": (names.EFFECT,),
    "normaliser": (),
    "log_odds_open": (names.CONDITION, names.WEEK),
    "inside": (names.WEEK,),
}
IN_EVERY_VARIANT = {"outside_knots": (names.KNOT,), "hazard": (names.RISK,), "rounds": (names.RISK,)}


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
        Free and derived quantities (chain, draw, …) by the names of :mod:`ripeness.model`; without the white noise, which is of no use to
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
    dims = IN_EVERY_VARIANT if outside else WITH_FACTORS | IN_EVERY_VARIANT
    found = follow_outside(flat, problem) if outside else follow(flat, problem)
    for (name, own), values in zip(dims.items(), found, strict=True):
        variables[name] = (own, values.reshape(*shape, *values.shape[1:]))
    if not outside:
        variables["share_open"] = ((names.CONDITION,), 1.0 / (1.0 + np.exp(-taken["intercept_open"])))
    content = {name: ((names.CHAIN, names.DRAW, *own), values) for name, (own, values) in variables.items() if values.size}
    used = {dim for own, _ in content.values() for dim in own}
    coords = {name: values for name, values in model_coords(spec, variant).items() if name in used}
    return xr.Dataset(content, coords=coords | {names.CHAIN: np.arange(shape[0]), names.DRAW: np.arange(shape[1])})
