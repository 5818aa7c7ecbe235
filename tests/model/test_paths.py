"""Factor paths: how shocks fade, and the density of a path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from scipy import stats

from ripeness.model.terms.factor_paths import innovation_log_density, persistence
from ripeness.model.terms.slow_levels import WEEKS_PER_KNOT, level_basis

Array = NDArray[np.float64]
FACTORS, WEEKS = 3, 7
PHI = np.array([0.5, 0.9, 0.97])


def stationary_covariance(phi: float, weeks: int) -> Array:
    lag = np.abs(np.subtract.outer(np.arange(weeks), np.arange(weeks)))
    return np.asarray(phi**lag)


def evaluate(value: Any) -> Any:
    return pytensor.function([], value, mode="FAST_COMPILE")()


@pytest.mark.parametrize("half_life", [1.0, 8.0, 104.0])
def test_shocks_fade_by_half_in_a_half_life(half_life: float) -> None:
    phi = persistence(np.array(half_life), np)
    assert phi**half_life == pytest.approx(0.5)
    assert evaluate(persistence(pt.as_tensor(half_life), pt)) == pytest.approx(float(phi))


def test_the_density_of_smooth_paths_is_the_multivariate_normals() -> None:
    path = np.random.default_rng(10).normal(size=(FACTORS, WEEKS))
    found = evaluate(innovation_log_density(pt.as_tensor(path), pt.as_tensor(PHI), np.zeros(FACTORS, dtype=bool), 4.0, pt))
    expected = sum(stats.multivariate_normal(cov=stationary_covariance(phi, WEEKS)).logpdf(own) for phi, own in zip(PHI, path, strict=True))
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("heavy", [[True, True, True], [True, False, True]])
@pytest.mark.parametrize("df", [3.0, 5.0])
def test_shocks_are_students_t_of_unit_variance(heavy: list[bool], df: float) -> None:
    path = np.random.default_rng(11).normal(size=(FACTORS, WEEKS)) * 2
    found = evaluate(innovation_log_density(pt.as_tensor(path), pt.as_tensor(PHI), np.array(heavy), df, pt))
    expected = stats.norm.logpdf(path[:, 0]).sum()
    for k, phi in enumerate(PHI):
        spread = np.sqrt(1 - phi**2)
        innovation = stats.t(df, scale=spread * np.sqrt((df - 2) / df)) if heavy[k] else stats.norm(scale=spread)
        expected += innovation.logpdf(path[k, 1:] - phi * path[k, :-1]).sum()
    assert found == pytest.approx(expected, rel=1e-10)
    unit = stats.t(df, scale=np.sqrt((df - 2) / df))
    assert unit.var() == pytest.approx(1.0)


def test_a_level_is_straight_between_knots_and_stays_after_the_last() -> None:
    weeks = 3 * WEEKS_PER_KNOT - 5
    basis = level_basis(weeks)
    assert basis.shape == (3, weeks)
    np.testing.assert_allclose(basis.sum(axis=0), 1.0)
    level = np.array([1.0, -1.0, 3.0]) @ basis
    assert level[[0, WEEKS_PER_KNOT, 2 * WEEKS_PER_KNOT]].tolist() == [1.0, -1.0, 3.0]
    np.testing.assert_allclose(np.diff(level[: WEEKS_PER_KNOT + 1]), -2 / WEEKS_PER_KNOT)
    np.testing.assert_allclose(np.diff(level[WEEKS_PER_KNOT : 2 * WEEKS_PER_KNOT + 1]), 4 / WEEKS_PER_KNOT)
    np.testing.assert_allclose(level[2 * WEEKS_PER_KNOT :], 3.0)


@pytest.mark.parametrize("weeks", [1, WEEKS_PER_KNOT])
def test_a_short_record_has_one_level(weeks: int) -> None:
    np.testing.assert_array_equal(level_basis(weeks), np.ones((1, weeks)))
