"""Factor paths: the whitening map, its adjoint, and the density that makes the result exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from pytensor.gradient import verify_grad
from scipy import stats

from ripeness.factors.paths import (
    draw_paths,
    innovation_log_density,
    path_log_density,
    persistence,
    prior_precision,
    pull_back_paths,
    whitened_paths,
)

Array = NDArray[np.float64]
FACTORS, WEEKS = 3, 7
PHI = np.array([0.5, 0.9, 0.97])


def inputs(seed: int) -> tuple[Array, Array, Array, Array]:
    """Diagonal, off-diagonal, information and noise of a posterior precision."""
    rng = np.random.default_rng(seed)
    off = -PHI / (1 - PHI**2)
    diagonal = (1 + PHI**2)[:, None] / (1 - PHI**2)[:, None] + rng.gamma(1.0, 2.0, (FACTORS, WEEKS))
    return diagonal, off, rng.normal(size=(FACTORS, WEEKS)) * 3, rng.normal(size=(FACTORS, WEEKS))


def dense(diagonal: Array, off: float) -> Array:
    beside = np.full(len(diagonal) - 1, off)
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def stationary_covariance(phi: float, weeks: int) -> Array:
    lag = np.abs(np.subtract.outer(np.arange(weeks), np.arange(weeks)))
    return np.asarray(phi**lag)


def evaluate(value: Any) -> Any:
    return pytensor.function([], value, mode="FAST_COMPILE")()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_map_is_that_of_dense_linear_algebra(seed: int) -> None:
    diagonal, off, information, noise = inputs(seed)
    path, log_root = draw_paths(diagonal, off, information, noise)
    for k in range(FACTORS):
        precision = dense(diagonal[k], off[k])
        root = np.linalg.cholesky(precision)
        expected = np.linalg.solve(precision, information[k]) + np.linalg.solve(root.T, noise[k])
        np.testing.assert_allclose(path[k], expected, rtol=1e-11, atol=1e-12)
        assert log_root[k] == pytest.approx(0.5 * np.linalg.slogdet(precision)[1], abs=1e-11)


def test_draws_have_the_moments_of_the_gaussian() -> None:
    diagonal, off, information, _ = inputs(2)
    draws = 20_000
    white = np.random.default_rng(3).normal(size=(draws, WEEKS))
    repeated = [np.repeat(part[1:2], draws, axis=0) for part in (diagonal, off, information)]
    path, _ = draw_paths(*repeated, white)
    covariance = np.linalg.inv(dense(diagonal[1], off[1]))
    error = 5 * np.sqrt(np.diag(covariance) / draws)
    assert np.all(np.abs(path.mean(axis=0) - covariance @ information[1]) < error)
    np.testing.assert_allclose(np.cov(path.T), covariance, atol=5 * covariance.max() * np.sqrt(2 / draws))


def test_the_adjoint_agrees_with_finite_differences() -> None:
    values = inputs(4)
    rng = np.random.default_rng(5)
    path_bar, root_bar = rng.normal(size=(FACTORS, WEEKS)), rng.normal(size=FACTORS)

    def total(*arguments: Array) -> float:
        path, log_root = draw_paths(*arguments)
        return float((path * path_bar).sum() + (log_root * root_bar).sum())

    bars = pull_back_paths(*values, path_bar, root_bar)
    step = 1e-6
    for which, (value, bar) in enumerate(zip(values, bars, strict=True)):
        assert bar.shape == value.shape
        for place in np.ndindex(value.shape):
            around = []
            for sign in (1, -1):
                moved = [part.copy() for part in values]
                moved[which][place] += sign * step
                around.append(total(*moved))
            assert bar[place] == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-5, abs=1e-7)


def test_the_op_passes_the_gradient_check() -> None:
    values = inputs(6)
    rng = np.random.default_rng(7)
    verify_grad(lambda *args: whitened_paths(*args)[0], list(values), rng=rng, mode="FAST_COMPILE")
    verify_grad(lambda *args: whitened_paths(*args)[1], list(values), rng=rng, mode="FAST_COMPILE")


def test_the_op_evaluates_to_the_function() -> None:
    values = inputs(8)
    for found, expected in zip(evaluate(whitened_paths(*values)), draw_paths(*values), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_shapes_are_known_without_evaluation() -> None:
    values = [pt.as_tensor(value) for value in inputs(9)]
    path, log_root = whitened_paths(*values)
    assert evaluate(path.shape).tolist() == [FACTORS, WEEKS]
    assert evaluate(log_root.shape).tolist() == [FACTORS]


@pytest.mark.parametrize("half_life", [1.0, 8.0, 104.0])
def test_shocks_fade_by_half_in_a_half_life(half_life: float) -> None:
    phi = persistence(np.array(half_life), np)
    assert phi**half_life == pytest.approx(0.5)
    assert evaluate(persistence(pt.as_tensor(half_life))) == pytest.approx(float(phi))


def test_the_prior_precision_inverts_the_stationary_covariance() -> None:
    diagonal, off = prior_precision(pt.as_tensor(PHI), WEEKS)
    diagonal, off = evaluate(diagonal), evaluate(off)
    for k, phi in enumerate(PHI):
        np.testing.assert_allclose(np.linalg.inv(dense(diagonal[k], off[k])), stationary_covariance(phi, WEEKS), atol=1e-10)


def test_the_density_of_smooth_paths_is_the_multivariate_normals() -> None:
    path = np.random.default_rng(10).normal(size=(FACTORS, WEEKS))
    found = evaluate(innovation_log_density(pt.as_tensor(path), pt.as_tensor(PHI), np.zeros(FACTORS, dtype=bool), 4.0))
    expected = sum(stats.multivariate_normal(cov=stationary_covariance(phi, WEEKS)).logpdf(own) for phi, own in zip(PHI, path, strict=True))
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("heavy", [[True, True, True], [True, False, True]])
@pytest.mark.parametrize("df", [3.0, 5.0])
def test_shocks_are_students_t_of_unit_variance(heavy: list[bool], df: float) -> None:
    path = np.random.default_rng(11).normal(size=(FACTORS, WEEKS)) * 2
    found = evaluate(innovation_log_density(pt.as_tensor(path), pt.as_tensor(PHI), np.array(heavy), df))
    expected = stats.norm.logpdf(path[:, 0]).sum()
    for k, phi in enumerate(PHI):
        spread = np.sqrt(1 - phi**2)
        innovation = stats.t(df, scale=spread * np.sqrt((df - 2) / df)) if heavy[k] else stats.norm(scale=spread)
        expected += innovation.logpdf(path[k, 1:] - phi * path[k, :-1]).sum()
    assert found == pytest.approx(expected, rel=1e-10)
    unit = stats.t(df, scale=np.sqrt((df - 2) / df))
    assert unit.var() == pytest.approx(1.0)


def test_with_gaussian_measurement_the_ratio_is_the_same_for_every_path() -> None:
    """log N(ε) + ratio + log p(y | z) = log p(y) + log N(ε): the whitened posterior is then exactly white."""
    rng = np.random.default_rng(12)
    spread = rng.uniform(0.3, 2.0, (FACTORS, WEEKS))
    values = rng.normal(size=(FACTORS, WEEKS)) * 2
    diagonal, off = prior_precision(pt.as_tensor(PHI), WEEKS)
    noise = pt.dmatrix("noise")
    path, log_root = whitened_paths(diagonal + 1 / spread**2, off, values / spread**2, noise)
    ratio = path_log_density(path, noise, log_root, pt.as_tensor(PHI), np.zeros(FACTORS, dtype=bool), 4.0)
    function = pytensor.function([noise], [ratio, path], mode="FAST_COMPILE")
    evidence = sum(
        stats.multivariate_normal(cov=stationary_covariance(PHI[k], WEEKS) + np.diag(spread[k] ** 2)).logpdf(values[k])
        for k in range(FACTORS)
    )
    for _ in range(5):
        found, drawn = function(rng.normal(size=(FACTORS, WEEKS)) * 2)
        assert found + stats.norm.logpdf(values, drawn, spread).sum() == pytest.approx(evidence, rel=1e-10)


@pytest.mark.parametrize("df", [3.0])
def test_the_ratio_keeps_any_density_exact(df: float) -> None:
    """p(ε)·exp(ratio) is the density of z times the Jacobian of the map, also where no Gaussian is exact."""
    diagonal, off, information, noise = inputs(13)
    heavy = np.array([True, False, True])
    symbol = pt.as_tensor(noise)
    path, log_root = whitened_paths(diagonal, off, information, symbol)
    ratio = evaluate(path_log_density(path, symbol, log_root, pt.as_tensor(PHI), heavy, df))
    drawn = draw_paths(diagonal, off, information, noise)[0]
    density = evaluate(innovation_log_density(pt.as_tensor(drawn), pt.as_tensor(PHI), heavy, df))
    jacobian = 0.0
    for k in range(FACTORS):
        columns = [draw_paths(diagonal[k : k + 1], off[k : k + 1], 0 * information[k : k + 1], unit[None])[0][0] for unit in np.eye(WEEKS)]
        jacobian += np.linalg.slogdet(np.stack(columns))[1]
    assert stats.norm.logpdf(noise).sum() + ratio == pytest.approx(density + jacobian, rel=1e-10)
