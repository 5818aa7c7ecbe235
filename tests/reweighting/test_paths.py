"""Reweighting of draws: ratios without bias and paths properly weighted, against quadrature over all states; nothing new, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from ripeness.model.spec import ModelSpec
from ripeness.reweighting.paths import redraw_paths
from ripeness.reweighting.window import Window

Array = NDArray[np.float64]
Maker = Callable[..., ModelSpec]
DrawsMaker = Callable[..., dict[str, Array]]
FRONT, COST, HOST, FAITH = range(4)
DRAWS = 30_000
GRID = np.linspace(-7.0, 7.0, 141)
STEP = GRID[1] - GRID[0]
# the window: weeks 3 and 4 of a base record of five weeks, and week 5
WINDOW = Window(5, np.array([2, 2, 2, 2], dtype=np.int64), 4, 0)


def log_density(spec: ModelSpec, k: int, draws: dict[str, Array], states: Array, before: float, knot: float | None = None) -> Array:
    """Log p(states, rows that touch the window | parameters) of factor k at states (point, week), by formulas written row by row.

    All draws have the parameters of the first one. A level, if the factor has one, is flat but for `knot`, the move at a knot in week 5.
    """
    half_life = draws["half_life"][0, k]
    phi = 0.5 ** (1 / half_life)
    spread = np.sqrt(1 - phi**2)
    total = np.zeros(len(states))
    for t in range(states.shape[1]):
        shock = (states[:, t] - phi * (states[:, t - 1] if t else before)) / spread
        heavy = spec.workspace.factors[k].tails == "shocks"
        total += (stats.t.logpdf(shock * np.sqrt(2), 4) + 0.5 * np.log(2) if heavy else stats.norm.logpdf(shock)) - np.log(spread)
    factor_scale = draws["factor_scale"][0, min(k, 2)]
    level = draws["level_start"][0, 0] / factor_scale if k == COST else 0.0
    kept = draws["path"][0, k]
    whole = np.concatenate([np.tile(kept[:3], (len(states), 1)), states], axis=1)
    rows, counts = spec.panel.measured, spec.panel.counted
    for j in np.flatnonzero(rows.last > 2):
        name = rows.indicators[rows.indicator[j]]
        if spec.workspace.factor_ids[k] != spec.contracts[name].factor:
            continue
        loading, intercept = (1.0, 0.0) if spec.contracts[name].reference else (draws["loading"][0, 0], draws["intercept"][0, 0])
        loading *= factor_scale
        scale = np.hypot((0.05 + draws["noise"][0, rows.indicator[j]]) * rows.widening[j], rows.sampling[j])
        mean = whole[:, rows.first[j] : rows.last[j] + 1].mean(axis=1) + level
        errors = stats.norm if name == "prices" else stats.t(4)
        total += errors.logpdf((rows.value[j] - intercept - loading * mean) / scale) - np.log(scale)
    for j in np.flatnonzero(counts.week > 2):
        contract = spec.contracts[counts.indicators[counts.indicator[j]]]
        if spec.workspace.factor_ids[k] != contract.factor:
            continue
        loading, intercept = (1.0, 0.0) if contract.reference else (draws["loading"][0, 1], draws["intercept"][0, 1])
        loading *= factor_scale
        scale = contract.scale * (1 if contract.sign == "+" else -1)
        captured = np.append(draws["capture"][0], 1.0)[counts.era[j]]
        mean = (
            np.exp(np.log(contract.centre) + scale * (intercept + loading * whole[:, counts.week[j]]) + counts.log_exposure[j]) * captured
        )
        alpha = draws["dispersion"][0, counts.indicator[j]]
        total += stats.nbinom.logpmf(counts.count[j], alpha, alpha / (alpha + mean))
    return total


def points(weeks: int) -> Array:
    return np.stack([axis.ravel() for axis in np.meshgrid(*[GRID] * weeks, indexing="ij")], axis=1)


def from_posterior(spec: ModelSpec, k: int, draws: dict[str, Array], rng: np.random.Generator) -> tuple[float, Array]:
    """p(rows of the base's window), and draws of its two states: a cell of the grid, then a place in it."""
    table = points(2)
    weight = np.exp(log_density(spec, k, draws, table, float(draws["path"][0, k, 2])))
    cell = rng.choice(len(table), DRAWS, p=weight / weight.sum())
    return float(weight.sum() * STEP**2), table[cell] + rng.uniform(-0.5, 0.5, (DRAWS, 2)) * STEP


def alike(draws: dict[str, Array]) -> dict[str, Array]:
    """As many draws with the parameters and the kept path of the first one."""
    return {name: np.repeat(values[:1], DRAWS, axis=0) for name, values in draws.items()}


GROUND = [("ground", 3, 3, 0.4, 1.0, 0.0), ("ground", 4, 4, 0.9, 1.0, 0.0)]
LOSSES = [("losses", 3, 3, 0.4, 1.0, 0.1), ("losses", 4, 4, -0.2, 1.0, 0.1), ("prices", 1, 4, 0.5, 1.5, 0.0)]
VISITS = [("visits", 3, 5.0, 0.0, 0), ("visits", 4, 2.0, 0.3, 1)]
ITEMS = [("items", 3, 4.0, 0.0, 2)]
CASES: dict[str, Any] = {
    "a row is added": (FRONT, (GROUND, ITEMS), ([*GROUND, ("ground", 5, 5, 1.6, 1.0, 0.0)], ITEMS)),
    "an outlier is added": (FRONT, (GROUND, ITEMS), ([*GROUND, ("ground", 5, 5, -4.0, 1.0, 0.0)], ITEMS)),
    "a row is revised": (FRONT, (GROUND, ITEMS), ([GROUND[0], ("ground", 4, 4, -0.5, 1.0, 0.0)], ITEMS)),
    "a row is withdrawn": (FRONT, (GROUND, ITEMS), (GROUND[:1], ITEMS)),
    "a mean over weeks is added": (COST, (LOSSES, []), ([*LOSSES, ("prices", 2, 5, 1.4, 1.5, 0.0)], [])),
    "a late row of a kept stretch": (COST, (LOSSES[:2], []), (LOSSES, [])),
    "counts are added": (HOST, ([], VISITS), ([], [*VISITS, ("visits", 5, 14.0, 0.0, 1)])),
    "a count is revised and one withdrawn": (HOST, ([], VISITS), ([], [("visits", 3, 9.0, 0.0, 0)])),
    "the first rows of all": (FRONT, ([], []), ([("ground", 4, 4, 2.0, 1.0, 0.0)], [("items", 5, 1.0, 0.0, 2)])),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_ratios_are_without_bias_and_weighted_paths_have_the_posterior(case: Any, make_spec: Maker, make_draws: DrawsMaker) -> None:
    k, before, after = case
    base, new = make_spec(5, *before), make_spec(6, *after)
    rng = np.random.default_rng(7)
    one = make_draws(1, 1, 5, seed=3)
    one["path"][:, k, :3] = rng.normal(0.2, 0.4, (1, 3))
    evidence, states = from_posterior(base, k, one, rng)
    draws = alike(one)
    draws["path"][:, k, 3:] = states
    found = redraw_paths(base, new, WINDOW, draws, np.random.SeedSequence(1))

    table = points(3)
    density = np.exp(log_density(new, k, one, table, float(one["path"][0, k, 2])))
    expected = density.sum() * STEP**3 / evidence
    # continuous rows count without √2π and Γ's, counts without n!; both differ where their numbers do
    ratio = np.exp(found.log_ratio[:, k]) * exact_constant(new) / exact_constant(base)
    error = ratio.std() / np.sqrt(DRAWS)
    assert error < 0.02 * expected, "else nothing is shown"
    assert abs(ratio.mean() - expected) < 4.5 * error
    assert (np.delete(found.log_ratio, k, axis=1) == 0.0).all(), "of the other factors nothing new is said"
    posterior = density / density.sum()
    path = found.path[:, k, 3:]
    np.testing.assert_array_equal(found.path[:, :, :3], draws["path"][:, :, :3])
    for moment in (path, path**2, path[:, :1] * path[:, 1:], path[:, 1:2] * path[:, 2:]):
        table_moment = {3: table, 2: table[:, :1] * table[:, 1:], 1: table[:, 1:2] * table[:, 2:]}[moment.shape[1]]
        if moment is not path and moment.shape[1] == 3:
            table_moment = table**2
        aim = posterior @ table_moment
        weighted = ratio[:, None] / expected * (moment - aim)
        assert (np.abs(weighted.mean(axis=0)) < 4.5 * weighted.std(axis=0) / np.sqrt(DRAWS) + 2e-3).all()


def exact_constant(spec: ModelSpec) -> float:
    """What the ratios leave out of the densities of rows that touch the window: (2π)^−½ for each, and 1/n! for each count."""
    from math import factorial, pi

    rows, counts = spec.panel.measured, spec.panel.counted
    touching = counts.count[counts.week > 2]
    return float((2 * pi) ** (-0.5 * (rows.last > 2).sum()) / np.prod([factorial(int(n)) for n in touching]))


def test_a_new_knot_is_integrated_with_its_move(make_spec: Maker, make_draws: DrawsMaker) -> None:
    rows = [("losses", t, t, 0.1 * (t - 23), 1.0, 0.0) for t in (24, 25)]
    base, new = make_spec(26, rows), make_spec(27, [*rows, ("losses", 26, 26, 1.5, 1.0, 0.0)])
    window = Window(26, np.array([23, 23, 23, 23], dtype=np.int64), 25, 0)
    one = make_draws(1, 1, 26, seed=3)
    one["path"][:, COST, 23] = 0.2
    one["level"][:] = 1.0
    rng = np.random.default_rng(3)
    phi, scale = float(0.5 ** (1 / one["half_life"][0, COST])), float(0.05 + one["noise"][0, 1])
    spread, start, factor_scale = np.sqrt(1 - phi**2), float(one["level_start"][0, 0]), float(one["factor_scale"][0, COST])
    grid = np.linspace(-5, 5, 61)
    step = grid[1] - grid[0]

    def log_joint(states: Array, move: Array) -> Array:
        """The knot lies in week 26, the one before it in week 0: the level rises evenly in between."""
        total, earlier = np.zeros(len(states)), np.full(len(states), 0.2)
        for place in range(states.shape[1]):
            week = 24 + place
            total += stats.norm.logpdf(states[:, place], phi * earlier, spread)
            strength = factor_scale * states[:, place] + start + move * week / 26
            total += stats.t.logpdf(0.1 * (week - 23) if week < 26 else 1.5, 4, strength, scale)
            earlier = states[:, place]
        return total

    flat = np.stack([axis.ravel() for axis in np.meshgrid(grid, grid, indexing="ij")], axis=1)
    weight = np.exp(log_joint(flat, np.zeros(len(flat))))
    cell = rng.choice(len(flat), DRAWS, p=weight / weight.sum())
    draws = alike(one)
    draws["path"][:, COST, 24:] = flat[cell] + rng.uniform(-0.5, 0.5, (DRAWS, 2)) * step
    # the knot before must be the last kept week, or kept weeks would move: here it is not, so nothing is said of rows before
    found = redraw_paths(base, new, window, draws, np.random.SeedSequence(2))
    table = np.stack([axis.ravel() for axis in np.meshgrid(grid, grid, grid, np.linspace(-4, 4, 25), indexing="ij")], axis=1)
    density = np.exp(log_joint(table[:, :3], table[:, 3]) + stats.norm.logpdf(table[:, 3]))
    expected = density.sum() * step**3 * (8 / 24) / (weight.sum() * step**2)
    ratio = np.exp(found.log_ratio[:, COST]) / np.sqrt(2 * np.pi)
    error = ratio.std() / np.sqrt(DRAWS)
    assert error < 0.02 * expected and abs(ratio.mean() - expected) < 4.5 * error
    aim = (density / density.sum()) @ table[:, :3]
    weighted = ratio[:, None] / expected * (found.path[:, COST, 24:] - aim)
    assert (np.abs(weighted.mean(axis=0)) < 4.5 * weighted.std(axis=0) / np.sqrt(DRAWS) + 2e-3).all()


def test_a_factor_without_new_rows_is_simulated_from_its_prior(make_spec: Maker, make_draws: DrawsMaker) -> None:
    base, new = make_spec(5, GROUND, VISITS), make_spec(8, GROUND, VISITS)
    draws = alike(make_draws(1, 1, 5, seed=1))
    found = redraw_paths(base, new, WINDOW, draws, np.random.SeedSequence(0))
    assert (found.log_ratio == 0.0).all()
    np.testing.assert_array_equal(found.path[:, :, :5], draws["path"])
    for k, heavy in ((FRONT, True), (COST, False)):
        phi = 0.5 ** (1 / draws["half_life"][0, k])
        shock = (found.path[:, k, 5:] - phi * found.path[:, k, 4:7]) / np.sqrt(1 - phi**2)
        law = stats.t(4, scale=np.sqrt(0.5)) if heavy else stats.norm()
        assert stats.kstest(shock.ravel(), law.cdf).pvalue > 1e-3
        assert abs(np.corrcoef(shock[:, 0], shock[:, 1])[0, 1]) < 0.02


def test_the_same_seed_gives_the_same_bits_and_another_gives_others(make_spec: Maker, make_draws: DrawsMaker) -> None:
    base, new = (
        make_spec(5, GROUND, VISITS),
        make_spec(6, [*GROUND, ("ground", 5, 5, 1.0, 1.0, 0.0)], [*VISITS, ("visits", 5, 3.0, 0.0, 1)]),
    )
    draws = make_draws(50, 1, 5, seed=1)
    first, second, other = (redraw_paths(base, new, WINDOW, draws, np.random.SeedSequence(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.log_ratio, second.log_ratio)
    np.testing.assert_array_equal(first.path, second.path)
    assert (first.path[:, :, 5] != other.path[:, :, 5]).all()


def test_weights_of_an_ordinary_week_are_nearly_even(make_spec: Maker, make_draws: DrawsMaker) -> None:
    # most of the errors of both estimates cancel: given the parameters a ratio of an ordinary row hardly varies
    base, new = make_spec(5, GROUND, ITEMS), make_spec(6, [*GROUND, ("ground", 5, 5, 0.8, 1.0, 0.0)], ITEMS)
    one = make_draws(1, 1, 5, seed=3)
    one["path"][:, FRONT, :3] = 0.3
    draws = alike(one)
    draws["path"][:, FRONT, 3:] = from_posterior(base, FRONT, one, np.random.default_rng(0))[1]
    found = redraw_paths(base, new, WINDOW, draws, np.random.SeedSequence(0))
    assert found.log_ratio[:, FRONT].std() < 0.25
