"""Patterns of weeks with and without a round, against simulated futures and the headline's closed form."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from typing import Any

import numpy as np
import pytest

from ripeness.evaluation.unit import history, pattern_probabilities, week_given
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.horizons import forecast_probabilities
from ripeness.forecast.simulate import simulate_rounds

WEEKS, DRAWS, PATHS = 6, 40, 4


@pytest.fixture(scope="module")
def ahead() -> Ahead:
    rng = np.random.default_rng(3)
    state = rng.dirichlet([5.0, 1.0, 1.0], DRAWS)
    horizon_share = np.array([[1.0] * 4 + [0.0] * 2, [1.0] * 6])
    outside = np.log(np.linspace(0.5, 0.05, 20)) + rng.normal(0, 0.3, (DRAWS, 1))
    announced = np.zeros((DRAWS, WEEKS))
    announced[:, 2] = 0.4
    sundays = [date(2025, 1, 5) + timedelta(days=7 * week) for week in range(WEEKS)]
    inside = rng.normal(0, 0.4, (DRAWS, PATHS, WEEKS))
    unannounced = np.linspace(0.4, 1.0, WEEKS) * rng.uniform(0.8, 1.0, (DRAWS, 1))
    return Ahead(sundays, horizon_share, np.array([9, 3, 1]), state, outside, inside, announced, unannounced)


def test_patterns_sum_to_one_and_silence_is_the_headlines(ahead: Ahead) -> None:
    patterns = pattern_probabilities(ahead)
    np.testing.assert_allclose(patterns.sum(axis=(1, 2, 3, 4)), 1.0, rtol=1e-12)
    np.testing.assert_allclose(1.0 - patterns[:, 0, 0, 0, 0], forecast_probabilities(ahead).within[:, 0], rtol=1e-12)


def test_patterns_are_those_of_simulated_futures(ahead: Ahead) -> None:
    patterns = pattern_probabilities(ahead).mean(axis=0)
    futures = 4000
    held = simulate_rounds(ahead, np.random.SeedSequence(5), futures)[:, :, :4] > 0
    number = held.shape[0] * futures
    for pattern in product((0, 1), repeat=4):
        share = (held == np.array(pattern, dtype=bool)).all(axis=2).mean()
        error = np.sqrt(patterns[pattern] * (1 - patterns[pattern]) / number)
        assert abs(share - patterns[pattern]) < 4.5 * error + 1e-9, pattern


def test_weeks_given_their_history_multiply_to_the_pattern(ahead: Ahead) -> None:
    mean = pattern_probabilities(ahead).mean(axis=0)
    given = week_given(mean)
    assert len(given) == 1 + 2 + 4 + 8
    for pattern in product((0, 1), repeat=4):
        product_of_weeks = 1.0
        for week, happened in enumerate(pattern):
            p = given[week + 1, history(pattern[:week])]
            product_of_weeks *= p if happened else 1.0 - p
        assert product_of_weeks == pytest.approx(mean[pattern], rel=1e-12)


def test_a_round_makes_the_next_week_likelier_where_the_hazard_falls_with_dormancy(ahead: Ahead) -> None:
    given = week_given(pattern_probabilities(ahead).mean(axis=0))
    assert given[2, "r"] > 1.3 * given[2, "silent"]


def test_small_parts_give_the_same(ahead: Ahead, monkeypatch: pytest.MonkeyPatch) -> None:
    from ripeness.evaluation import unit as module

    whole: Any = pattern_probabilities(ahead)
    monkeypatch.setattr(module, "CELLS", 7 * PATHS * 3)
    np.testing.assert_array_equal(pattern_probabilities(ahead), whole)
