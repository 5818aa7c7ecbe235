"""Measurement: levels, means over weeks, likelihoods, and the pseudo-observations that whiten the paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from scipy import stats

from ripeness.data.panel import Counted, Measured
from ripeness.model.terms.measurement import (
    CountScale,
    count_log_mean,
    counted_information,
    gather_information,
    mean_over_weeks,
    measured_information,
    measured_spread,
)

Array = NDArray[np.float64]


def evaluate(value: Any) -> Any:
    return pytensor.function([], value, mode="FAST_COMPILE")()


def indices(*values: int) -> NDArray[np.intp]:
    return np.array(values, dtype=np.intp)


COUNTED = Counted(
    indicators=("contacts", "items"),
    indicator=indices(0, 0, 0, 1, 1, 0),
    week=indices(0, 1, 2, 1, 4, 4),
    count=np.array([0.0, 3.0, 3.0, 250.0, 0.0, 1.0]),
    log_exposure=np.log([1.0, 1.0, 2.0, 3.0, 1.0, 0.5]),
    era=indices(0, 0, 1, 2, 2, 2),
    eras=(("contacts", "early"), ("contacts", "late")),
)
SCALE = CountScale(np.log([2.0, 40.0]), np.array([0.5, 1.5]), np.array([1.0, -1.0]))
CAPTURED = np.array([0.4, 0.9])


def test_means_over_the_weeks_of_each_row() -> None:
    path = np.random.default_rng(0).normal(size=(2, 9))
    factor, first, last = indices(0, 1, 1, 0), indices(0, 2, 8, 3), indices(3, 5, 8, 3)
    found = evaluate(mean_over_weeks(pt.as_tensor(path), factor, first, last))
    np.testing.assert_allclose(found, [path[k, a : b + 1].mean() for k, a, b in zip(factor, first, last, strict=True)])
    whole = evaluate(mean_over_weeks(pt.as_tensor(path), factor, first, first))
    np.testing.assert_array_equal(whole, path[factor, first])


def test_spread_adds_grade_and_sampling() -> None:
    rows = Measured(
        ("a", "b"), indices(0, 1, 1), indices(0, 0, 1), indices(0, 0, 1), np.zeros(3), np.array([1.0, 2.0, 1.0]), np.array([0.0, 0.0, 0.4])
    )
    found = evaluate(measured_spread(pt.as_tensor([0.2, 0.3]), np.array([0.1, 0.0]), rows))
    np.testing.assert_allclose(found, [0.3, 0.6, 0.5])


def test_mean_of_a_count() -> None:
    strength = np.array([0.0, 1.0, 1.0, 1.0, -1.0, 0.5])
    found = np.exp(evaluate(count_log_mean(pt.as_tensor(strength), pt.as_tensor(CAPTURED), COUNTED, SCALE)))
    captured = np.array([0.4, 0.4, 0.9, 1.0, 1.0, 1.0])
    expected = np.array([2, 2 * np.e**0.5, 4 * np.e**0.5, 120 * np.e**-1.5, 40 * np.e**1.5, np.e**0.25]) * captured
    np.testing.assert_allclose(found, expected)


def curvature(log_density: Any, at: float) -> float:
    step = 1e-4
    return float((log_density(at + step) - 2 * log_density(at) + log_density(at - step)) / step**2)


def test_a_continuous_row_carries_the_fisher_information_of_its_t() -> None:
    df, spread, loading = 4.0, 0.6, 1.7
    noise = stats.t(df, scale=spread)
    grid = np.linspace(-60, 60, 400_001)
    score = -np.gradient(noise.logpdf(grid), grid)
    expected = loading**2 * np.sum(score**2 * noise.pdf(grid)) * (grid[1] - grid[0])
    precision, information = measured_information(loading, 0.9, spread, df)
    assert precision == pytest.approx(expected, rel=1e-4)
    assert information / precision == pytest.approx(0.9 / loading)  # its mean is where the row puts the factor


def test_a_count_row_carries_the_curvature_of_its_likelihood() -> None:
    """At n ≈ mean the negative binomial is curved like 1/(1/mean + 1/α) in its log mean."""
    rows = Counted(("contacts", "items"), indices(1), indices(0), np.array([400.0]), np.array([0.3]), indices(0), ())
    loading, intercept, level, alpha = 0.8, 0.2, -0.4, 6.0
    arguments = [pt.as_tensor([value]) for value in (loading, intercept, level)]
    precision, information = evaluate(list(counted_information(*arguments, pt.ones(0), pt.as_tensor([alpha]), rows, SCALE)))

    def log_density(z: float) -> float:
        mean = np.exp(np.log(40.0) - 1.5 * (intercept + loading * (z + level)) + 0.3)
        return float(stats.nbinom.logpmf(400, alpha, alpha / (alpha + mean)))

    mode = float(information[0] / precision[0])
    assert log_density(mode) > max(log_density(mode - 0.05), log_density(mode + 0.05))
    assert -curvature(log_density, mode) == pytest.approx(float(precision[0]), rel=0.01)


def test_pseudo_observations_add_up_in_their_week() -> None:
    rng = np.random.default_rng(1)
    factor, week = indices(0, 1, 1, 1, 0), indices(2, 0, 3, 3, 2)
    precision, information = rng.gamma(2.0, size=5), rng.normal(size=5)
    found = evaluate(list(gather_information(pt.as_tensor(precision), pt.as_tensor(information), factor, week, (2, 4))))
    for total, parts in zip(found, (precision, information), strict=True):
        dense = np.zeros((2, 4))
        for k, t, part in zip(factor, week, parts, strict=True):
            dense[k, t] += part
        np.testing.assert_allclose(total, dense)


def test_a_gaussian_row_moves_the_path_as_regression_does() -> None:
    """The pseudo-observations of loadings ℓ and values y are those of a linear regression with the same weights."""
    loading, value, spread, df = np.array([1.0, 0.5, 2.0]), np.array([0.3, -1.0, 2.0]), np.array([0.5, 1.0, 0.8]), 1e9
    precision, information = measured_information(loading, value, spread, df)
    found = evaluate(
        list(gather_information(pt.as_tensor(precision), pt.as_tensor(information), indices(0, 0, 0), indices(1, 1, 1), (1, 2)))
    )
    weight = np.diag(1 / spread**2)
    assert found[0][0, 1] == pytest.approx(loading @ weight @ loading)
    assert found[1][0, 1] == pytest.approx(loading @ weight @ value)
