"""Nearly tridiagonal matrices factorised in place, against dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ripeness.reweighting.sites import (
    back_substitution,
    factorise,
    find_noise,
    forward_substitution,
    log_normaliser,
    place_states,
    variance_of,
)

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def matrix(states: int, seed: int, width: int = 3, bordered: bool = False) -> tuple[Array, Index]:
    """A positive definite matrix and its envelope: random widths, and if asked a last row that is tied to all."""
    rng = np.random.default_rng(seed)
    envelope = np.array([max(0, i - int(rng.integers(1, width + 1))) for i in range(states)], dtype=np.int64)
    if bordered:
        envelope[-1] = 0
    lower = np.zeros((states, states))
    for i in range(states):
        lower[i, envelope[i] : i] = rng.normal(size=i - envelope[i])
        lower[i, i] = rng.uniform(0.5, 2.0)
    dense = lower @ lower.T
    return dense, envelope


def factorised(dense: Array, envelope: Index, first: int | None = None) -> tuple[Array, Array]:
    a, spread = np.tril(dense).copy(), np.empty(len(dense))
    middle = len(dense) if first is None else first
    factorise(a, spread, envelope, 0, middle)
    factorise(a, spread, envelope, middle, len(dense))
    np.fill_diagonal(a, 1.0)
    return a, spread


CASES = [(1, 0, 1, False), (7, 1, 1, False), (9, 2, 4, False), (12, 3, 1, True), (12, 4, 5, True)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("first", [None, 0, 1])
def test_the_factors_give_the_matrix_back(case: tuple[int, int, int, bool], first: int | None) -> None:
    dense, envelope = matrix(*case)
    b, spread = factorised(dense, envelope, first)
    np.testing.assert_allclose(b @ np.diag(1 / spread) @ b.T, dense, rtol=1e-12, atol=1e-12)
    assert all((b[i, : envelope[i]] == 0).all() for i in range(len(dense)))


@pytest.mark.parametrize("case", CASES)
def test_forward_and_back_substitution_solve_the_system(case: tuple[int, int, int, bool]) -> None:
    dense, envelope = matrix(*case)
    b, spread = factorised(dense, envelope)
    right = np.random.default_rng(9).normal(size=len(dense))
    x = right.copy()
    forward_substitution(b, envelope, x, 0, len(x) // 2)
    forward_substitution(b, envelope, x, len(x) // 2, len(x))
    v = x.copy()
    x *= spread
    back_substitution(b, envelope, x)
    np.testing.assert_allclose(x, np.linalg.solve(dense, right), rtol=1e-10, atol=1e-12)
    # ½ (bᵀA⁻¹b − log|A|), in two parts as in one
    whole = 0.5 * (right @ np.linalg.solve(dense, right) - np.linalg.slogdet(dense)[1])
    half = len(x) // 2
    assert log_normaliser(spread, v, 0, half) + log_normaliser(spread, v, half, len(x)) == pytest.approx(whole, rel=1e-11, abs=1e-11)


def test_many_states_do_not_overflow_the_product_of_their_spreads() -> None:
    dense = np.diag(np.geomspace(1e-30, 1e30, 61))
    envelope = np.maximum(np.arange(61) - 1, 0).astype(np.int64)
    spread = factorised(dense, envelope)[1]
    assert log_normaliser(spread, np.zeros(61), 0, 61) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("start", [0, 4])
def test_variance_of_a_sum_of_states(case: tuple[int, int, int, bool], start: int) -> None:
    dense, envelope = matrix(*case)
    start = min(start, len(dense) - 1)
    b, spread = factorised(dense, envelope)
    weights = np.zeros(len(dense))
    weights[start:] = np.random.default_rng(3).normal(size=len(dense) - start)
    expected = weights @ np.linalg.solve(dense, weights)
    assert variance_of(b, spread, envelope, weights.copy(), start) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("case", CASES)
def test_noise_to_states_and_back(case: tuple[int, int, int, bool]) -> None:
    dense, envelope = matrix(*case)
    b, spread = factorised(dense, envelope)
    rng = np.random.default_rng(5)
    v, noise, x, again = rng.normal(size=len(dense)), rng.normal(size=len(dense)), np.empty(len(dense)), np.empty(len(dense))
    place_states(x, noise, b, v, spread, envelope)
    find_noise(again, x, b, v, spread, envelope)
    np.testing.assert_allclose(again, noise, rtol=1e-9, atol=1e-10)
    # x = mean + L⁻ᵀε: the covariance of the map is A⁻¹, its value at no noise the mean
    columns = np.empty((len(dense), len(dense)))
    for i, unit in enumerate(np.eye(len(dense))):
        place_states(columns[i], unit, b, np.zeros(len(dense)), spread, envelope)
    np.testing.assert_allclose(columns.T @ columns, np.linalg.inv(dense), rtol=1e-9, atol=1e-12)
    place_states(x, np.zeros(len(dense)), b, v, spread, envelope)
    np.testing.assert_allclose(dense @ x, b @ v, rtol=1e-9, atol=1e-10)
