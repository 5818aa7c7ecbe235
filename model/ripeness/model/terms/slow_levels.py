r"""Slow levels: a random walk on half-yearly knots beneath the factors whose indicators trend for years.

.. math:: m_{k,t} = \sum_n \text{hat}_n(t)\, h_{k,n}, \qquad h_{k,0} = \text{start}_k, \quad h_{k,n} = h_{k,n-1} + \text{step}_k\, \text{move}_{k,n}

The level may bend at its knots; in between it runs straight, and after the last week it stays where it is. Factors without a level have zero. A level is
elicited and stored in scales of the reference indicator, as the factor's scale s is (:mod:`ripeness.model.terms.loadings`); beside the path, which is in
standard deviations, stands m/s.

Of a factor that is cumulative (suffering, ruin) the hazards read level and departure together, in standard deviations of their sum after n moves of the
level, so that a weight means as much as that of any other factor:

.. math:: r_k\,(z_{k,t} + m_{k,t}/s_k), \qquad r_k = \big(1 + n\,(\text{step}_k/s_k)^2\big)^{-1/2}

with n the half-years of `YEARS` years; every other factor has r = 1 and is read without its level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.kernels.compilation import inner
from ripeness.kernels.reductions import dot
from ripeness.model.term import Derived, Draws, Kernel, Parameter, Scales, Scope, Term, elicited
from ripeness.model.terms.loadings import factor_scales
from ripeness.model.terms.rotation import components

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]
WEEKS_PER_KNOT = 26
YEARS = 4  # over which a cumulative factor's standard deviation is taken: those that a claim about a long war looks back on
MOVES = YEARS * 52.0 / WEEKS_PER_KNOT


def level_basis(weeks: int) -> Array:
    """Hat functions of a slow level with a knot every half year: (knot, week); level from the last knot inside the record on."""
    knots = np.arange(0, weeks, WEEKS_PER_KNOT)
    if len(knots) == 1:
        return np.ones((1, weeks))
    position = np.clip(np.arange(weeks), 0, knots[-1])
    return np.stack([np.interp(position, knots, row) for row in np.eye(len(knots))])


def with_level(spec: ModelSpec) -> Sequence[str]:
    """Ids of the factors that have a level."""
    return [factor.id for factor in spec.workspace.factors if factor.level]


def moves_prior(spec: ModelSpec, reading: str) -> Scales:
    """Standard normal, (level factor, knot)."""
    shape = len(with_level(spec)), len(level_basis(len(spec.panel.weeks)))
    return np.zeros(shape), np.ones(shape)


def cumulative(spec: ModelSpec) -> NDArray[np.bool_]:
    """Which of the factors that have a level are read with it: (level factor,)."""
    return np.array([factor.reads == "cumulative" for factor in spec.workspace.factors if factor.level], dtype=bool)


def cumulative_places(spec: ModelSpec) -> list[int]:
    """Places of the factors that are read with their level."""
    return [k for k, factor in enumerate(spec.workspace.factors) if factor.reads == "cumulative"]


def share_of_departure(step: Any, scale: Any) -> Any:
    """Standard deviation of a factor's departures over that of their sum with its level after `MOVES` moves, r above."""
    return (1.0 + MOVES * (step / scale) ** 2) ** -0.5


@inner
def lay_levels(
    step: Array, start: Array, moves: Array, scales: Array, level_of: Index, cumulative: Array, basis: Array
) -> tuple[Array, Array, Array]:
    """Levels of all factors in their units (factor, week), r of each (factor,), and levels where there are any in scales of the reference (level factor, week)."""
    weeks, levels = basis.shape[1], step.shape[0]
    level, level_path, ratio = np.zeros((scales.shape[0], weeks)), np.zeros((levels, weeks)), np.ones(scales.shape[0])
    for j in range(levels):
        own, same, height, scale = level[level_of[j]], level_path[j], start[j], scales[level_of[j]]
        for n in range(basis.shape[0]):
            if n > 0:
                height += step[j] * moves[j, n]
            hat = basis[n]
            for t in range(weeks):
                same[t] += height * hat[t]
        for t in range(weeks):
            own[t] = same[t] / scale
        if cumulative[j] > 0.0:
            ratio[level_of[j]] = 1.0 / np.sqrt(1.0 + MOVES * (step[j] / scale) ** 2)
    return level, ratio, level_path


@inner
def adjoint_levels(
    step: Array, start: Array, moves: Array, scales: Array, level_of: Index, cumulative: Array, basis: Array,
    level: Array, ratio: Array, level_path: Array, level_bar: Array, ratio_bar: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Cotangents of step, start, moves and scales."""
    step_bar, start_bar, moves_bar, scales_bar = np.zeros(step.shape), np.empty(start.shape), np.zeros(moves.shape), np.zeros(scales.shape)
    for j in range(step.shape[0]):
        bar, above, scale = level_bar[level_of[j]], 0.0, scales[level_of[j]]
        # a move lifts every knot from its own on
        for n in range(basis.shape[0] - 1, -1, -1):
            above += dot(basis[n], bar) / scale
            if n > 0:
                moves_bar[j, n] = step[j] * above
                step_bar[j] += moves[j, n] * above
        start_bar[j] = above
        scales_bar[level_of[j]] -= dot(level[level_of[j]], bar) / scale
        if cumulative[j] > 0.0:
            moved = ratio_bar[level_of[j]] * MOVES * step[j] / scale**2 * ratio[level_of[j]] ** 3
            step_bar[j] -= moved
            scales_bar[level_of[j]] += moved * step[j] / scale
    return step_bar, start_bar, moves_bar, scales_bar


class SlowLevels(Term):
    """Slow levels of the factors that have one."""

    parameters = (
        Parameter(
            "level",
            (names.LEVEL,),
            "log",
            elicited("level", with_level),
            "size of a slow level's moves",
            "level",
            "scales of the reference indicator",
        ),
        Parameter(
            "level_start",
            (names.LEVEL,),
            "identity",
            elicited("level_start", with_level),
            "slow level in the first week",
            "level_start",
            "scales of the reference indicator",
        ),
        Parameter(
            "level_moves", (names.LEVEL, names.LEVEL_KNOT), "identity", moves_prior, "moves of a slow level, standardised", ranked=False
        ),
    )
    kernels = (
        Kernel(
            lay_levels,
            adjoint_levels,
            inputs=("level", "level_start", "level_moves", "scales", "level_of", "cumulative", "level_basis"),
            outputs={"factor_level": "matrix", "read_ratio": "vector"},
            saved={"level_path": "matrix"},
            wrt=("level", "level_start", "level_moves", "scales"),
        ),
    )
    derived = (Derived("level_path", (names.LEVEL, names.WEEK), "slow level of a factor", "scales of the reference indicator"),)

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.LEVEL: list(with_level(spec)), names.LEVEL_KNOT: np.arange(len(level_basis(len(spec.panel.weeks))))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        places = np.array([k for k, factor in enumerate(spec.workspace.factors) if factor.level], dtype=np.int64)
        return {"level_of": places, "cumulative": cumulative(spec).astype(float), "level_basis": level_basis(len(spec.panel.weeks))}

    def rotations(self, spec: ModelSpec, scales: Mapping[str, Scales]) -> list[tuple[dict[str, Any], Array]]:
        """A level's start and moves, by the principal components of what they change: they are known by where they lead."""
        basis = level_basis(len(spec.panel.weeks))
        led_to = np.cumsum(basis[:0:-1], axis=0)[::-1].T  # (week, move): a move lifts the level at its knot and at all later ones
        (step, _), (_, start_sd) = scales["level"], scales["level_start"]
        found = []
        for level in range(len(step)):
            effects = np.column_stack([np.full(len(led_to), start_sd[level]), np.exp(step[level]) * led_to])
            moves = level * len(basis) + np.arange(1, len(basis))
            found.append(({"level_start": np.array([level]), "level_moves": moves}, components(effects)))
        return found

    def centred(self, spec: ModelSpec, scales: Mapping[str, Scales]) -> list[tuple[tuple[str, int], tuple[str, int], float, float]]:
        """A level's moves by their size: what is known is their product."""
        knots = len(level_basis(len(spec.panel.weeks)))
        return [
            (("level_moves", level * knots + n), ("level", level), -1.0, 0.0)
            for level in range(len(scales["level"][0]))
            for n in range(1, knots)
        ]

    def declare(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        spec = scope.spec
        places, basis = (self.data(spec, scope.reading, scope.variant)[name] for name in ("level_of", "level_basis"))
        zero, one = pt.zeros((len(spec.workspace.factors), basis.shape[1])), pt.ones(len(spec.workspace.factors))
        scope["factor_level"], scope["read_ratio"] = zero, one
        if not len(places):
            return
        step, start, moves = (scope.free(parameter) for parameter in self.parameters)
        knots = start[:, None] + step[:, None] * (pt.cumsum(moves, axis=1) - moves[:, 0][:, None])
        # sums of products: numba takes a minute to compile matrix products in a graph
        own = (knots[:, :, None] * basis[None]).sum(axis=1)
        own = pm.Deterministic("level_path", own, dims=(names.LEVEL, names.WEEK))
        scale, read_with = scope["scales"][places], cumulative(spec)
        scope["factor_level"] = pt.set_subtensor(zero[places], own / scale[:, None])
        scope["read_ratio"] = pt.set_subtensor(one[places[read_with]], share_of_departure(step, scale)[read_with])

    def simulate(self, spec: ModelSpec, reading: str, variant: str, draws: Draws, rng: np.random.Generator) -> None:
        draws["level_path"] = knots_of(draws) @ level_basis(len(spec.panel.weeks))


def knots_of(draws: Mapping[str, Array]) -> Array:
    """Slow levels at their knots in scales of the reference, (draw, level, knot), from draws of `level`, `level_start` and `level_moves`."""
    moves = draws["level_moves"]
    return np.asarray(draws["level_start"][..., None] + draws["level"][..., None] * (np.cumsum(moves, axis=2) - moves[..., :1]))


def read_ratio(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """r of each factor, (draw, factor), from draws of `level` and of the factors' scales: one but for cumulative ones."""
    scales = factor_scales(spec, draws)
    found = np.ones(scales.shape)
    if "level" in draws:
        own = [k for k, factor in enumerate(spec.workspace.factors) if factor.level]
        found[:, own] = np.where(cumulative(spec), share_of_departure(draws["level"], scales[:, own]), 1.0)
    return found


def levels_in(spec: ModelSpec, draws: Mapping[str, Array], weeks: Sequence[date]) -> Array:
    """Slow levels of all factors in some weeks, given by their Sundays, in units of the factor, from draws of the knots: (draw, factor, week)."""
    found = np.zeros((len(draws["half_life"]), len(spec.workspace.factors), len(weeks)))
    if own := [k for k, factor in enumerate(spec.workspace.factors) if factor.level]:
        found[:, own] = own_levels(spec, draws, weeks)
    return found


def own_levels(spec: ModelSpec, draws: Mapping[str, Array], weeks: Sequence[date]) -> Array:
    """The same of the factors that have one: (draw, level factor, week)."""
    known, own = spec.panel.weeks, [k for k, factor in enumerate(spec.workspace.factors) if factor.level]
    places = np.clip([(sunday - known[0]).days // 7 for sunday in weeks], 0, len(known) - 1)
    return np.asarray(knots_of(draws) @ level_basis(len(known))[:, places] / factor_scales(spec, draws)[:, own, None])


def factor_levels(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """Slow levels of all factors in their units, from draws of `level_path`: (draw, factor, week), zero where a factor has none."""
    number = len(next(iter(draws.values())))
    level = np.zeros((number, len(spec.workspace.factors), len(spec.panel.weeks)))
    if "level_path" in draws:
        own = [k for k, factor in enumerate(spec.workspace.factors) if factor.level]
        level[:, own] = draws["level_path"] / factor_scales(spec, draws)[:, own, None]
    return level
