"""The integral over one factor's window: exact where all is Gaussian, without bias where counts are not."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp

from ripeness.reweighting.integral import Sites, integrate
from ripeness.reweighting.sites import CONTINUOUS, Rows, fit_sites, innovation_scale

Array = NDArray[np.float64]
Index = NDArray[np.int64]
LOG_2PI = np.log(2 * np.pi)
SETS = 3


def sites_of(rows: Rows, free_rows: list[int], free_weeks: list[int], seed: int = 0, sets: int = SETS) -> Sites:
    """Sites with made-up mixing precisions: held ones, and sets of redrawn ones with made-up weights."""
    rng = np.random.default_rng(seed)
    draws, number = rows.slope.shape
    free: tuple[Index, Index] = np.array(free_rows, dtype=np.int64), np.array(free_weeks, dtype=np.int64)
    held = rng.uniform(0.5, 1.5, (draws, number)), rng.uniform(0.5, 1.5, (draws, int(rows.weeks[0])))
    if not rows.df[0]:
        held[1][:] = 1.0
    fitted = fit_sites(rows, *held, *free)
    by_row, by_week = rng.uniform(0.3, 2.0, (draws, sets, len(free_rows))), rng.uniform(0.3, 2.0, (draws, sets, len(free_weeks)))
    return Sites(*fitted[:4], *free, by_row, by_week, rng.normal(size=(draws, sets)))


def mixing_of(sites: Sites, s: int, j: int) -> tuple[Array, Array]:
    by_row, by_week = sites.row_mixing[s].copy(), sites.week_mixing[s].copy()
    by_row[sites.free_rows], by_week[sites.free_weeks] = sites.row_sets[s, j], sites.week_sets[s, j]
    return by_row, by_week


def joint_normal(rows: Rows, s: int, by_row: Array, by_week: Array, design: Array) -> tuple[Array, Array, Array, Array]:
    """Mean and covariance of the states, and of the continuous rows, before any row is seen."""
    weeks, states, scale = int(rows.weeks[0]), len(rows.envelope), innovation_scale(rows.persistence[s], rows.df[0])
    table, known = np.eye(states), np.zeros(states)
    for t in range(1, weeks):
        table[t, t - 1] = -rows.persistence[s]
    known[0] = rows.persistence[s] * rows.before[s]
    tight = np.concatenate([scale * by_week, np.ones(states - weeks)])
    cover = np.linalg.inv(table.T @ (tight[:, None] * table))
    mean = np.linalg.solve(table, known)
    continuous = rows.counted < 0
    seen = design[continuous] * rows.slope[s][continuous][:, None]
    return mean, cover, seen @ mean, seen @ cover @ seen.T + np.diag(1.0 / (by_row * rows.precision[s])[continuous])


def log_normal(value: Array, mean: Array, cover: Array) -> float:
    off = value - mean
    return float(-0.5 * (off @ np.linalg.solve(cover, off) + np.linalg.slogdet(cover)[1] + len(off) * LOG_2PI))


GAUSSIAN: list[Any] = [(0, 0, CONTINUOUS, 0.0), (2, 4, CONTINUOUS, 0.0), (0, 1, CONTINUOUS, 3.0), (4, 4, CONTINUOUS, 0.0)]


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("free", [([], []), ([3], []), ([1, 3], [4]), ([0], [0, 3])])
def test_rows_alone_are_integrated_exactly(heavy: bool, moved: bool, free: Any, make_rows: Any, design: Any) -> None:
    rows = make_rows(5, heavy, moved, GAUSSIAN)
    sites = sites_of(rows, free[0], free[1] if heavy else [])
    states = len(rows.envelope)
    found = integrate(rows, sites, False, np.empty((2, states)), np.zeros((2, states)), np.zeros(2))
    for s in range(2):
        # what a row adds to `constant` is its plain precision; here the constants are made up
        own = [
            sites.log_prior[s, j] + log_normal(rows.target[s], *joint_normal(rows, s, *mixing_of(sites, s, j), design(rows, s))[2:])
            for j in range(SETS)
        ]
        redrawn = np.array(
            [
                0.5 * np.log(mixing_of(sites, s, j)[part][where]).sum()
                for j in range(SETS)
                for part, where in ((0, sites.free_rows), (1, sites.free_weeks))
            ]
        )
        expected = logsumexp(np.array(own) - redrawn.reshape(SETS, 2).sum(axis=1)) - np.log(SETS)
        expected += rows.constant[s] - 0.5 * np.log(rows.precision[s]).sum() + 0.5 * 4 * LOG_2PI
        assert found[s] == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("moved", [False, True])
def test_a_path_has_the_law_of_its_states_given_the_rows(moved: bool, make_rows: Any, design: Any) -> None:
    rows = make_rows(5, True, moved, GAUSSIAN)
    sites = sites_of(rows, [3], [4])
    states = len(rows.envelope)

    def paths(noise: Array, uniform: float) -> Array:
        path = np.empty((2, states))
        integrate(rows, sites, False, path, np.tile(noise, (2, 1)), np.full(2, uniform))
        return path

    s = 1
    parts = [joint_normal(rows, s, *mixing_of(sites, s, j), design(rows, s)) for j in range(SETS)]
    likelihood = np.array([log_normal(rows.target[s], *part[2:]) for part in parts])
    likelihood -= [0.5 * np.log(np.concatenate([sites.row_sets[s, j], sites.week_sets[s, j]])).sum() for j in range(SETS)]
    chosen_below = np.cumsum(np.exp(likelihood + sites.log_prior[s] - logsumexp(likelihood + sites.log_prior[s])))
    seen = design(rows, s) * rows.slope[s][:, None]
    for j, (mean, cover, row_mean, row_cover) in enumerate(parts):
        uniform = chosen_below[j] - 1e-6
        gain = cover @ seen.T @ np.linalg.inv(row_cover)
        np.testing.assert_allclose(paths(np.zeros(states), uniform)[s], mean + gain @ (rows.target[s] - row_mean), rtol=1e-9, atol=1e-10)
        columns = np.stack([paths(unit, uniform)[s] for unit in np.eye(states)]) - paths(np.zeros(states), uniform)[s]
        np.testing.assert_allclose(columns.T @ columns, cover - gain @ seen @ cover, rtol=1e-8, atol=1e-10)


def test_a_known_path_gives_the_noise_that_gives_it_back(make_rows: Any) -> None:
    rows = make_rows(5, True, True, [*GAUSSIAN, (2, 2, 4.0, 0.0)])
    sites = sites_of(rows, [1], [3, 4], sets=1)
    path, noise, again = np.random.default_rng(3).normal(size=(2, 6)), np.empty((2, 6)), np.empty((2, 6))
    known = integrate(rows, sites, True, path, noise, np.zeros(2))
    unknown = integrate(rows, sites, False, again, noise, np.zeros(2))
    np.testing.assert_allclose(again, path, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(known, unknown, rtol=1e-12)


def log_counts(rows: Rows, s: int, states: Array, design: Array) -> Array:
    """Log density of the counts at states (..., state), without what depends on the parameters alone."""
    counts = rows.counted >= 0
    log_mean = rows.target[s, counts] + states @ (design[counts] * rows.slope[s][counts][:, None]).T
    alpha = rows.precision[s, counts]
    return np.asarray((rows.counted[counts] * log_mean - (rows.counted[counts] + alpha) * np.log(alpha + np.exp(log_mean))).sum(axis=-1))


def test_counts_are_integrated_without_bias(make_rows: Any, design: Any) -> None:
    kinds = [(0, 0, 0.0, 0.0), (1, 1, 5.0, 0.0), (0, 1, CONTINUOUS, 2.0)]
    one = make_rows(2, True, False, kinds, draws=1, seed=8)
    draws = 40_000
    rows = Rows(*(np.repeat(part, draws, axis=0) if name in PER_DRAW else part for name, part in zip(Rows._fields, one, strict=True)))
    single = sites_of(one, [], [], sets=1)
    sites = Sites(*(np.repeat(part, draws, axis=0) if part.ndim > 1 else part for part in single))
    path, noise = np.empty((draws, 2)), np.random.default_rng(0).normal(size=(draws, 2))
    found = integrate(rows, sites, False, path, noise, np.zeros(draws))
    # by quadrature over both states
    mean, cover, row_mean, row_cover = joint_normal(one, 0, *mixing_of(single, 0, 0), design(one, 0))
    continuous = log_normal(one.target[0, 2:], row_mean, row_cover)
    seen = design(one, 0)[2:] * one.slope[0, 2]
    gain = cover @ seen.T / row_cover
    mean, cover = mean + gain @ (one.target[0, 2:] - row_mean), cover - gain @ seen @ cover
    grid = np.linspace(-8, 8, 401)
    points = np.array(list(product(grid, grid)))
    off = points - mean
    density = np.exp(-0.5 * np.einsum("pi,ij,pj->p", off, np.linalg.inv(cover), off)) / (2 * np.pi * np.sqrt(np.linalg.det(cover)))
    weight = density * np.exp(log_counts(one, 0, points, design(one, 0))) * (grid[1] - grid[0]) ** 2
    offset = one.constant[0] - 0.5 * np.log(one.precision[0, 2]) + 0.5 * LOG_2PI + single.log_prior[0, 0]
    expected = np.log(weight.sum()) + continuous + offset
    ratio = np.exp(found - expected)
    assert ratio.std() < 0.3
    assert abs(ratio.mean() - 1.0) < 4 * ratio.std() / np.sqrt(draws)
    # and paths weighted by it have the posterior's mean and spread
    posterior = weight / weight.sum()
    for moment in (1, 2):
        expected_moment = posterior @ points**moment
        weighted = ratio[:, None] * path**moment
        error = weighted.std(axis=0) / np.sqrt(draws)
        assert (np.abs(weighted.mean(axis=0) - expected_moment * ratio.mean()) < 5 * error).all()


PER_DRAW = ("persistence", "before", "step", "target", "slope", "precision", "constant")
