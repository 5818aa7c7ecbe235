"""The test of ranks: its size is what it says, and what is not uniform fails."""

from __future__ import annotations

import numpy as np
import pytest

from ripeness.evaluation.sbc import departure, holm, p_value, simultaneous_band

DRAWS = 100


def test_the_size_is_what_it_says() -> None:
    rng = np.random.default_rng(1)
    values = np.array([p_value(rng.integers(0, DRAWS + 1, 80), DRAWS) for _ in range(2000)])
    for size in (0.05, 0.2):
        # at most the size, as counts are whole numbers, and not far below it
        assert 0.7 * size <= np.mean(values <= size) <= size + 3 * np.sqrt(size * (1 - size) / len(values))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda rng: rng.integers(0, 61, 80),  # draws too high
        lambda rng: rng.integers(25, 76, 80),  # intervals too wide
        lambda rng: rng.choice([0, 1, 2, 98, 99, 100, 30, 70], 80),  # intervals too narrow
    ],
)
def test_ranks_that_are_not_uniform_fail(wrong) -> None:  # type: ignore[no-untyped-def]
    assert p_value(wrong(np.random.default_rng(2)), DRAWS) < 1e-3


def test_the_band_holds_all_of_a_uniform_line_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    lower, upper = simultaneous_band(60, DRAWS)
    inside = 0
    for _ in range(1000):
        upto = (rng.integers(0, DRAWS + 1, 60)[:, None] < np.arange(1, DRAWS + 1)[None]).mean(axis=0)
        inside += bool(((upto >= lower - 1e-9) & (upto <= upper + 1e-9)).all())
    assert 0.93 <= inside / 1000 <= 0.99


def test_departure_sees_one_rank_too_many_at_the_edge() -> None:
    even = np.linspace(0, DRAWS, 50).astype(int)
    assert departure(np.where(even < 30, 0, even), DRAWS) < departure(even, DRAWS)


def test_holm_as_worked_by_hand() -> None:
    assert np.allclose(holm(np.array([0.01, 0.04, 0.03, 0.5])), [0.04, 0.09, 0.09, 0.5])
    assert np.allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])
