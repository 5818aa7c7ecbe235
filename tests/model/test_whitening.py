"""The whitening map as a kernel: against dense linear algebra, its adjoint, and the ratio that makes the result exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from adjoints import shifted
from numpy.typing import NDArray
from pytensor.gradient import verify_grad
from scipy import stats

from ripeness.kernels.simd import BLOCK, LANES
from ripeness.model.ops import op_of
from ripeness.model.terms.factor_paths import FactorPaths
from ripeness.model.terms.whitening import adjoint_paths, map_paths

Array = NDArray[np.float64]
# one factor or week; few; as many weeks as go into one log, and more; as many factors as lanes, and more
SHAPES = [(1, 1), (1, 2), (3, 3), (3, 7), (2, BLOCK), (2, 2 * BLOCK + 5), (LANES, 4), (2 * LANES + 3, 6), (LANES + 1, 1)]


def inputs(seed: int, shape: tuple[int, int] = (3, 7), df: float = 4.0) -> list[Array]:
    """Inputs of the kernel: every other factor is heavy-tailed and some weeks have no measurement."""
    rng = np.random.default_rng(seed)
    factors = shape[0]
    precision = rng.gamma(1.0, 2.0, shape) * (rng.random(shape) < 0.7)
    heavy = (np.arange(factors) % 2 == 0).astype(float)
    return [rng.uniform(0.3, 0.97, factors), precision, rng.normal(size=shape) * 3, rng.normal(size=shape), heavy, np.array([df])]


def stationary_covariance(phi: float, weeks: int) -> Array:
    lag = np.abs(np.subtract.outer(np.arange(weeks), np.arange(weeks)))
    return np.asarray(phi**lag)


def posterior_precision(phi: float, precision: Array) -> Array:
    return np.asarray(np.linalg.inv(stationary_covariance(phi, len(precision))) + np.diag(precision))


def path_density(path: Array, phi: float, heavy: float, df: float) -> float:
    """log p(path | φ) by scipy."""
    spread = np.sqrt(1 - phi**2)
    innovation = stats.t(df, scale=spread * np.sqrt((df - 2) / df)) if heavy else stats.norm(scale=spread)
    return float(stats.norm.logpdf(path[0]) + innovation.logpdf(path[1:] - phi * path[:-1]).sum())


def whitened_paths(*inputs: Any) -> list[Any]:
    """Paths and log ratios as tensors."""
    kernel = FactorPaths.kernels[1]
    found = op_of(kernel)(dict(zip(kernel.inputs, inputs, strict=True)))
    return [found["path"], found["path_log_ratio"]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("df", [3.0, 5.0])
def test_path_and_ratio_are_those_of_dense_linear_algebra(shape: tuple[int, int], df: float) -> None:
    phi, precision, information, noise, heavy, _ = values = inputs(0, shape, df)
    path, log_ratio = map_paths(*values)[:2]
    for k in range(shape[0]):
        dense = posterior_precision(phi[k], precision[k])
        root = np.linalg.cholesky(dense)
        expected = np.linalg.solve(dense, information[k]) + np.linalg.solve(root.T, noise[k])
        np.testing.assert_allclose(path[k], expected, rtol=1e-11, atol=1e-11)
        ratio = path_density(expected, phi[k], heavy[k], df) - np.log(np.diag(root)).sum() - stats.norm.logpdf(noise[k]).sum()
        assert log_ratio[k] == pytest.approx(ratio, rel=1e-10, abs=1e-10)


def test_draws_have_the_moments_of_the_gaussian() -> None:
    phi, precision, information, _, _, df = inputs(1)
    draws, weeks = 20_000, precision.shape[1]
    white = np.random.default_rng(2).normal(size=(draws, weeks))
    path = map_paths(
        np.full(draws, phi[1]), np.tile(precision[1], (draws, 1)), np.tile(information[1], (draws, 1)), white, np.zeros(draws), df
    )[0]
    covariance = np.linalg.inv(posterior_precision(phi[1], precision[1]))
    error = 5 * np.sqrt(np.diag(covariance) / draws)
    assert np.all(np.abs(path.mean(axis=0) - covariance @ information[1]) < error)
    np.testing.assert_allclose(np.cov(path.T), covariance, atol=5 * covariance.max() * np.sqrt(2 / draws))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_adjoint_agrees_with_finite_differences(shape: tuple[int, int]) -> None:
    values = inputs(3, shape)
    rng = np.random.default_rng(4)
    path_bar, ratio_bar = rng.normal(size=shape), rng.normal(size=shape[0])

    def total(arguments: list[Array]) -> float:
        path, log_ratio = map_paths(*arguments)[:2]
        return float((path * path_bar).sum() + (log_ratio * ratio_bar).sum())

    bars = adjoint_paths(*values, *map_paths(*values), path_bar, ratio_bar)
    assert len(bars) == 4
    step = 1e-5
    for which, bar in enumerate(bars):
        assert bar.shape == values[which].shape
        for place in np.ndindex(bar.shape):
            around = []
            for sign in (1, -1):
                moved = [part.copy() for part in values]
                moved[which][place] += sign * step
                around.append(total(moved))
            assert bar[place] == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("output", [0, 1])
def test_the_op_passes_the_gradient_check(output: int) -> None:
    *values, heavy, df = inputs(5)
    verify_grad(lambda *args: whitened_paths(*args, heavy, df)[output], values, rng=np.random.default_rng(6), mode="FAST_COMPILE")


def test_the_op_gives_the_kernels_values_and_gradients() -> None:
    values = inputs(7)
    symbols = [pt.as_tensor(value) for value in values]
    path, log_ratio = whitened_paths(*symbols)
    gradients = pt.grad(pt.sum(path**2) + pt.sum(log_ratio), symbols[:4])
    found = pytensor.function([], [path, log_ratio, *gradients], mode="FAST_COMPILE")()
    forward = map_paths(*values)
    expected = [*forward[:2], *adjoint_paths(*values, *forward, 2 * forward[0], np.ones(len(forward[1])))]
    for mine, its in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_with_gaussian_measurement_the_ratio_is_the_same_for_every_path() -> None:
    """log N(ε) + ratio + log p(y | z) = log p(y) + log N(ε): the whitened posterior is then exactly white."""
    rng = np.random.default_rng(8)
    phi, shape = np.array([0.5, 0.9, 0.97]), (3, 7)
    spread, measured = rng.uniform(0.3, 2.0, shape), rng.normal(size=shape) * 2
    evidence = [
        stats.multivariate_normal(cov=stationary_covariance(phi[k], 7) + np.diag(spread[k] ** 2)).logpdf(measured[k]) for k in range(3)
    ]
    for _ in range(5):
        noise = rng.normal(size=shape) * 2
        path, log_ratio = map_paths(phi, 1 / spread**2, measured / spread**2, noise, np.zeros(3), np.array([4.0]))[:2]
        np.testing.assert_allclose(log_ratio + stats.norm.logpdf(measured, path, spread).sum(axis=1), evidence, rtol=1e-10)


def test_without_measurement_smooth_paths_are_drawn_from_the_prior() -> None:
    phi, precision, information, noise, heavy, df = inputs(9)
    path, log_ratio = map_paths(phi, 0 * precision, 0 * information, noise, 0 * heavy, df)[:2]
    np.testing.assert_allclose(log_ratio, 0.0, atol=1e-12)
    for k in range(len(phi)):
        distance = path[k] @ np.linalg.inv(stationary_covariance(phi[k], noise.shape[1])) @ path[k]
        assert distance == pytest.approx(noise[k] @ noise[k])


@pytest.mark.parametrize("heavy", [0.0, 1.0])
def test_the_whitened_density_integrates_to_one(heavy: float) -> None:
    """∫ N(ε) exp(ratio) dε = ∫ p(z | φ) dz, and the same for E z_1²: over a grid in two weeks of noise, however wrong the approximation."""
    axis = np.linspace(-9.0, 9.0, 721)
    weight = np.cosh(axis) * (axis[1] - axis[0])
    noise = np.stack([part.ravel() for part in np.meshgrid(np.sinh(axis), np.sinh(axis), indexing="ij")], axis=1)
    count = len(noise)
    precision, information = np.tile([0.7, 1.6], (count, 1)), np.tile([0.4, -1.1], (count, 1))
    path, log_ratio = map_paths(np.full(count, 0.8), precision, information, noise, np.full(count, heavy), np.array([6.0]))[:2]
    density = np.exp(stats.norm.logpdf(noise).sum(axis=1) + log_ratio) * np.outer(weight, weight).ravel()
    assert density.sum() == pytest.approx(1.0, abs=1e-6)
    assert density @ path[:, 1] == pytest.approx(0.0, abs=1e-6)
    assert density @ path[:, 1] ** 2 == pytest.approx(1.0, abs=1e-6)


def test_very_exact_measurement_is_followed() -> None:
    phi, _, _, noise, heavy, df = inputs(10, (3, 40))
    measured = np.random.default_rng(11).normal(size=noise.shape)
    precision = np.full(noise.shape, 1e8)
    values = [phi, precision, measured * precision, noise, heavy, df]
    forward = map_paths(*values)
    np.testing.assert_allclose(forward[0], measured + noise * 1e-4, atol=1e-6)
    for k in range(3):
        logs = np.linalg.slogdet(posterior_precision(phi[k], precision[k]))[1] / 2
        ratio = path_density(forward[0][k], phi[k], heavy[k], df[0]) - logs - stats.norm.logpdf(noise[k]).sum()
        assert forward[1][k] == pytest.approx(ratio, rel=1e-10)
    bars = adjoint_paths(*values, *forward, np.ones(noise.shape), np.ones(3))
    assert all(np.isfinite(bar).all() for bar in bars)


def test_very_slow_factors_keep_their_digits() -> None:
    phi, weeks = 0.999, 226
    _, precision, information, noise, heavy, df = inputs(12, (1, weeks))
    values = [np.array([phi]), precision, information, noise, heavy, df]
    forward = map_paths(*values)
    dense = posterior_precision(phi, precision[0])
    root = np.linalg.cholesky(dense)
    expected = np.linalg.solve(dense, information[0]) + np.linalg.solve(root.T, noise[0])
    np.testing.assert_allclose(forward[0][0], expected, rtol=1e-9, atol=1e-10)
    ratio = path_density(expected, phi, heavy[0], df[0]) - np.log(np.diag(root)).sum() - stats.norm.logpdf(noise).sum()
    assert forward[1][0] == pytest.approx(ratio, rel=1e-9)
    phi_bar = adjoint_paths(*values, *forward, np.zeros((1, weeks)), np.ones(1))[0][0]
    step = 1e-7
    around = [map_paths(np.array([phi + sign * step]), *values[1:])[1][0] for sign in (1, -1)]
    assert phi_bar == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-5)


def test_df_does_not_matter_where_no_factor_is_heavy() -> None:
    *values, heavy, _ = inputs(13)
    found = [map_paths(*values, 0 * heavy, np.array([df]))[1] for df in (2.0, 4.0)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("places", [1, 2, 3, 7])
def test_the_same_inputs_give_the_same_bits_wherever_they_lie(places: int) -> None:
    shape = (LANES + 2, 37)
    values = inputs(14, shape)
    path_bar, ratio_bar = values[3] * 2, values[0] - 1

    def everything(arguments: list[Array], *bars: Array, move: Any) -> list[Array]:
        forward = [move(part) for part in map_paths(*arguments)]
        return [*forward, *adjoint_paths(*arguments, *forward, *bars)]

    here = everything([shifted(value, 0) for value in values], path_bar, ratio_bar, move=lambda part: shifted(part, 0))
    there = everything(
        [shifted(value, places) for value in values],
        shifted(path_bar, places),
        shifted(ratio_bar, places),
        move=lambda part: shifted(part, places),
    )
    for one, other in zip(here, there, strict=True):
        assert one.tobytes() == other.tobytes()
