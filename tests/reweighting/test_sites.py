"""One factor's window as a Gaussian: precision and information against dense sums, counts at their mode, mixing precisions at their fixed point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from ripeness.reweighting.sites import CONTINUOUS, NEWTON_STEPS, Rows, assemble, fit_sites, innovation_scale

Array = NDArray[np.float64]
Index = NDArray[np.int64]
NONE: Index = np.zeros(0, dtype=np.int64)


def innovations_of(rows: Rows, s: int) -> tuple[Array, Array]:
    """z_t − φ z_{t−1} as a table (week, state) and what it subtracts of the last kept week (week,)."""
    weeks, states = int(rows.weeks[0]), len(rows.envelope)
    table, known = np.eye(weeks, states), np.zeros(weeks)
    for t in range(1, weeks):
        table[t, t - 1] = -rows.persistence[s]
    known[0] = rows.persistence[s] * rows.before[s]
    return table, known


KINDS: list[Any] = [(0, 0, CONTINUOUS, 0.0), (2, 4, CONTINUOUS, 0.0), (0, 1, CONTINUOUS, 3.0), (3, 3, 4.0, 0.0), (5, 5, CONTINUOUS, 0.0)]


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("moved", [False, True])
def test_precision_and_information_are_sums_over_innovations_and_rows(heavy: bool, moved: bool, make_rows: Any, design: Any) -> None:
    rows = make_rows(6, heavy, moved, KINDS)
    rng = np.random.default_rng(1)
    states, s = len(rows.envelope), 1
    innovations, weights, targets = rng.uniform(1, 5, 6), rng.uniform(1, 5, 5), rng.normal(size=5)
    weights[4] = 0.0  # left out
    a, b = np.full((states, states), 7.0), np.full(states, 7.0)
    moves = rows.ramp * rows.step[s]
    assemble(
        a,
        b,
        rows.envelope,
        rows.persistence[s],
        rows.before[s],
        innovations,
        rows.first,
        rows.last,
        rows.share,
        moves,
        rows.slope[s],
        targets,
        weights,
    )
    table, known = innovations_of(rows, s)
    seen = design(rows, s) * rows.slope[s][:, None]
    dense = table.T @ (innovations[:, None] * table) + seen.T @ (weights[:, None] * seen)
    dense[6:, 6:] += np.eye(states - 6)
    np.testing.assert_allclose(
        np.where(np.arange(states)[None] >= rows.envelope[:, None], np.tril(a), 0.0), np.tril(dense), rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(b, table.T @ (innovations * known) + seen.T @ (weights * targets), rtol=1e-12, atol=1e-12)


def test_innovations_have_the_variance_of_their_factor() -> None:
    assert innovation_scale(0.8, 0.0) == pytest.approx(1 / 0.36)
    # at a mixing precision of one a Student-t of unit variance has scale (ν − 2)/ν
    assert innovation_scale(0.8, 4.0) == pytest.approx(2 / 0.36)


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("s", [0, 1])
def test_counts_are_placed_at_the_mode(moved: bool, s: int, make_rows: Any, design: Any) -> None:
    kinds = [(0, 0, 3.0, 0.0), (1, 1, 0.0, 0.0), (2, 2, 40.0, 0.0), (3, 3, 2.0, 0.0), (3, 3, CONTINUOUS, 0.0)]
    rows = make_rows(4, False, moved, kinds, seed=4)
    targets, weights, *_ = fit_sites(rows, np.full((2, 5), 0.7), np.ones((2, 4)), NONE, NONE)
    table, known = innovations_of(rows, s)
    seen, level, alpha, count = design(rows, s) * rows.slope[s][:, None], rows.target[s], rows.precision[s], rows.counted

    def surprise(x: Array) -> float:
        log_mean = level[:4] + seen[:4] @ x
        counts = count[:4] * log_mean - (count[:4] + alpha[:4]) * np.log(alpha[:4] + np.exp(log_mean))
        normal = -0.5 * innovation_scale(rows.persistence[s], 0.0) * ((table @ x - known) ** 2).sum() - 0.5 * (x[4:] ** 2).sum()
        return float(-counts.sum() - normal + 0.5 * 0.7 * alpha[4] * (level[4] - seen[4] @ x) ** 2)

    mode = minimize(surprise, np.zeros(len(rows.envelope)), method="BFGS", options={"gtol": 1e-9}).x
    effect = seen[:4] @ mode
    mean = np.exp(level[:4] + effect)
    curvature = (count[:4] + alpha[:4]) * mean * alpha[:4] / (mean + alpha[:4]) ** 2
    np.testing.assert_allclose(weights[s, :4], curvature, rtol=0.02)
    pull = (count[:4] - mean) * alpha[:4] / (alpha[:4] + mean)
    np.testing.assert_allclose(targets[s, :4], effect + pull / curvature, rtol=0.02, atol=0.02)
    np.testing.assert_array_equal(targets[:, 4], rows.target[:, 4])
    np.testing.assert_allclose(weights[:, 4], 0.7 * rows.precision[:, 4])


def test_an_absurd_count_is_placed_all_the_same(make_rows: Any) -> None:
    rows = make_rows(2, False, False, [(0, 0, 0.0, 0.0), (1, 1, 1e6, 0.0)])
    rows = rows._replace(target=np.full((2, 2), 80.0))
    targets, weights, *_ = fit_sites(rows, np.ones((2, 2)), np.ones((2, 2)), NONE, NONE)
    assert np.isfinite(targets).all() and (weights > 0).all() and np.isfinite(weights).all()


def test_mixing_precisions_go_to_their_mean_field_values(make_rows: Any, design: Any) -> None:
    rows = make_rows(5, True, True, [(0, 0, CONTINUOUS, 0.0), (2, 3, CONTINUOUS, 0.0), (4, 4, CONTINUOUS, 0.0)], seed=2)
    rows.target[:, 2] += 6.0  # an outlier
    free_rows, free_weeks = np.array([1, 2], dtype=np.int64), np.array([3, 4], dtype=np.int64)
    held_rows, held_weeks = np.full((2, 3), 1.3), np.full((2, 5), 0.8)
    _, weights, row_mixing, week_mixing, row_known, week_known = fit_sites(rows, held_rows, held_weeks, free_rows, free_weeks)
    assert (row_mixing[:, 2] < 0.2).all() and (row_mixing[:, 1] > 0.8).all(), "an outlier is soft"
    np.testing.assert_allclose(weights, row_mixing * rows.precision)
    for s in range(2):
        by_row, by_week = held_rows[s].copy(), held_weeks[s].copy()
        by_row[free_rows], by_week[free_weeks] = 1.0, 1.0
        table, known = innovations_of(rows, s)
        scale, seen = innovation_scale(rows.persistence[s], 4.0), design(rows, s) * rows.slope[s][:, None]
        for _ in range(NEWTON_STEPS):
            precision, tight = by_row * rows.precision[s], by_week * scale
            dense = table.T @ (tight[:, None] * table) + seen.T @ (precision[:, None] * seen)
            dense[5, 5] += 1.0
            cover = np.linalg.inv(dense)
            x = cover @ (table.T @ (tight * known) + seen.T @ (precision * rows.target[s]))
            off, shock = rows.target[s] - seen @ x, table @ x - known
            variance, spread = np.einsum("ij,jk,ik->i", seen, cover, seen), np.einsum("ij,jk,ik->i", table, cover, table)
            by_row[free_rows] = (6.0 / (5.0 + (off**2 + variance) * rows.precision[s]))[free_rows]
            by_week[free_weeks] = (5.0 / (4.0 + (shock**2 + spread) * scale))[free_weeks]
        np.testing.assert_allclose(row_mixing[s], by_row, rtol=1e-10)
        np.testing.assert_allclose(week_mixing[s], by_week, rtol=1e-10)
        np.testing.assert_allclose(row_known[s, free_rows], (1 - variance * precision)[free_rows], atol=1e-10)
        np.testing.assert_allclose(week_known[s, free_weeks], (1 - spread * tight)[free_weeks], atol=1e-10)


def test_an_innovation_without_rows_has_no_information(make_rows: Any) -> None:
    rows = make_rows(5, True, False, [(0, 0, CONTINUOUS, 0.0)])
    *_, by_week, _, knows_week = fit_sites(rows, np.ones((2, 1)), np.ones((2, 5)), NONE, np.array([1, 4], dtype=np.int64))
    np.testing.assert_allclose(knows_week[:, [1, 4]], 0.0, atol=1e-12)
    # λ = (ν + 1)/(ν + 1/λ), as its variance is the prior's at that mixing precision
    np.testing.assert_allclose(by_week[:, [1, 4]], 1.0, atol=1e-9)
