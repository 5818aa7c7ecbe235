"""Fits mixed by weights: errors, and draws pooled so that each counts alike."""

from __future__ import annotations

import numpy as np
import pytest

from ripeness.forecast.mixture import kept_draws, mixed_error, pool_draws
from ripeness.workspace import Mixture


def test_the_error_of_a_mixture_is_that_of_a_weighted_mean() -> None:
    rng = np.random.default_rng(1)
    weights, errors = [0.6, 0.3, 0.1], [1.0, 2.0, 5.0]
    means = np.average([error * rng.normal(size=200_000) for error in errors], axis=0, weights=weights)
    assert mixed_error(errors, weights) == pytest.approx(means.std(), rel=0.01)
    assert mixed_error(errors, [6.0, 3.0, 1.0]) == pytest.approx(float(mixed_error(errors, weights)))
    by_horizon = mixed_error([np.array([1.0, 0.0]), np.array([0.0, 2.0])], [0.5, 0.5])
    np.testing.assert_allclose(by_horizon, [0.5, 1.0])


def test_even_fits_of_one_length_are_pooled_whole() -> None:
    parts = [np.arange(12.0).reshape(6, 2), 100 + np.arange(12.0).reshape(6, 2)]
    np.testing.assert_array_equal(pool_draws(parts, [0.25, 0.25]), np.concatenate(parts))


@pytest.mark.parametrize("lengths", [(400, 400, 400), (400, 100, 50), (90, 400, 400)])
def test_pooled_draws_have_the_means_and_quantiles_of_the_mixture(lengths: tuple[int, ...]) -> None:
    weights, levels = (0.7, 0.2, 0.1), (0.0, 10.0, 20.0)
    parts = [level + np.linspace(0.0, 1.0, length) for level, length in zip(levels, lengths, strict=True)]
    pooled = pool_draws(parts, weights)
    share = np.array([((pooled >= level) & (pooled <= level + 1)).mean() for level in levels])
    np.testing.assert_allclose(share, weights, atol=0.01)
    # as many draws as the fit with the fewest for its weight allows, evenly over each fit's
    assert len(pooled) == pytest.approx(min(length / weight for length, weight in zip(lengths, weights, strict=True)), abs=1.5)
    assert pooled.mean() == pytest.approx(float(np.average([part.mean() for part in parts], weights=weights)), abs=0.1)
    own = pooled[pooled <= 1]
    assert np.diff(own).min() > 0 and np.diff(own).max() <= np.diff(own).min() * 2.01 + 1e-9


def test_a_fit_that_weighs_nothing_gives_no_draw() -> None:
    np.testing.assert_array_equal(pool_draws([np.ones(5), np.zeros(2)], [1.0, 0.0]), np.ones(5))


@pytest.mark.parametrize(
    ("substitutable", "readings", "kept"),
    [
        (0.3, (0.5, None), (1000, 1000, 429, 429)),
        (0.3, (0.3, 0.4), (600, 600, 800, 257, 257, 343)),  # as many in all
        (0.3, (0.2, None), (1000, 250, 429, 107)),  # a fit has no more than there are
        (0.0, (0.0, 0.5), (1000, 0, 1000, 0, 0, 0)),
        (0.75, (0.4, 0.2), (267, 267, 133, 800, 800, 400)),
    ],
)
def test_a_run_with_more_readings_keeps_no_more_draws(
    substitutable: float, readings: tuple[float, float | None], kept: tuple[int, ...]
) -> None:
    mixture = Mixture(substitutable=substitutable, tempered=readings[0], other_wars=readings[1], rationale="for a test")
    found = kept_draws(mixture, 1000)
    assert tuple(found.values()) == kept and list(found) == list(mixture.weights)
