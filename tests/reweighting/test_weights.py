"""Weights of stored draws: smoothed as ArviZ does it, their worth, and means whose stated error is the error they have."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from ripeness.reweighting.weights import (
    LARGEST_KHAT,
    Anchor,
    choose_evenly,
    resample_evenly,
    smooth_weights,
    weighted_mean,
)

Array = NDArray[np.float64]


def test_weights_rise_with_the_ratios_and_sum_to_one() -> None:
    log_ratio = np.random.default_rng(0).normal(0.0, 0.7, 2000)
    found = smooth_weights(log_ratio + 500.0)
    order = np.argsort(log_ratio)
    assert (np.diff(found.values[order]) >= 0).all(), "ArviZ takes log likelihoods: the wrong sign would turn the order round"
    assert found.values.sum() == pytest.approx(1.0)
    body = order[:1500]
    np.testing.assert_allclose(np.diff(np.log(found.values[body])), np.diff(log_ratio[body]), atol=1e-9)
    assert found.khat < 0.5
    assert found.effective == pytest.approx(2000 * np.exp(-0.49), rel=0.1), "that of lognormal weights is exp(−variance)"


@pytest.mark.parametrize(("shape", "trusted"), [(0.3, True), (0.95, False)])
def test_khat_is_the_shape_of_the_tail(shape: float, trusted: bool) -> None:
    ratios = np.random.default_rng(2).pareto(1 / shape, 20_000) + 1.0
    found = smooth_weights(np.log(ratios))
    assert found.khat == pytest.approx(shape, abs=0.12)
    assert (found.khat <= LARGEST_KHAT) == trusted


def test_chains_that_mix_slowly_are_worth_less() -> None:
    log_ratio = np.random.default_rng(0).normal(0.0, 0.3, 1000)
    full, half = smooth_weights(log_ratio), smooth_weights(log_ratio, 0.5)
    assert half.effective == pytest.approx(0.5 * full.effective, rel=0.02)


def test_where_nothing_is_new_all_weights_are_equal() -> None:
    found = smooth_weights(np.full(40, -3.0), 0.8)
    np.testing.assert_array_equal(found.values, 1 / 40)
    assert found.khat == -np.inf and found.effective == pytest.approx(32.0)


@pytest.mark.parametrize("value", [np.nan, -np.inf, np.inf])
def test_a_ratio_that_is_no_number_is_not_to_be_trusted(value: float) -> None:
    log_ratio = np.zeros(40)
    log_ratio[3] = value
    found = smooth_weights(log_ratio)
    assert found.khat == np.inf and not found.khat <= LARGEST_KHAT and found.effective == 0.0


def simulate(rng: np.random.Generator, number: int) -> tuple[float, float, float]:
    """An update of a made-up fit: its mean, the stated error, and what the error would be had nothing been known of the other draws."""
    level, drift, noise, informed = rng.normal(size=(4, 6000))
    before = expit(-1.4 + 0.6 * level + 0.1 * noise)
    after = expit(-1.5 + 0.6 * level + 0.15 * drift)
    log_ratio = 0.3 * level + 0.2 * drift + 0.4 * informed
    stored = choose_evenly(before, number)
    anchor = Anchor(float(before.mean()), float(before.std() / np.sqrt(len(before))))
    weights = smooth_weights(log_ratio[stored])
    mean, error = weighted_mean(after[stored], weights, before[stored], anchor)
    alone = float(np.sqrt(weights.values**2 @ (after[stored] - mean) ** 2))
    return mean, error, alone


def test_the_stated_error_is_the_error() -> None:
    rng = np.random.default_rng(5)
    level, drift = rng.normal(size=(2, 2_000_000))
    weight = np.exp(0.3 * level + 0.2 * drift)
    truth = float((weight @ expit(-1.5 + 0.6 * level + 0.15 * drift)) / weight.sum())
    found = np.array([simulate(rng, 500) for _ in range(300)])
    scaled = (found[:, 0] - truth) / found[:, 1]
    assert abs(scaled.mean()) < 4 / np.sqrt(300)
    assert 0.88 < np.sqrt((scaled**2).mean()) < 1.12
    assert found[:, 1].mean() < 0.8 * found[:, 2].mean()


def test_the_anchor_takes_out_what_the_stored_draws_happen_to_be() -> None:
    rng = np.random.default_rng(1)
    before = rng.uniform(0.1, 0.3, 4000)
    anchor = Anchor(float(before.mean()), float(before.std() / np.sqrt(4000)))
    low = np.argsort(before)[:1000]
    mean, error = weighted_mean(before[low], smooth_weights(np.zeros(1000)), before[low], anchor)
    assert mean == pytest.approx(anchor.mean, abs=1e-12) and error == pytest.approx(anchor.error, rel=1e-6)
    # a quantity that is the same in all draws has no slope to speak of
    assert weighted_mean(before[low], smooth_weights(np.zeros(1000)), np.full(1000, 0.2), anchor)[0] == pytest.approx(before[low].mean())


def test_resampling_is_in_proportion_to_the_weights() -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(50, 0.4))
    for uniform in (0.0, 0.37, 0.999):
        counts = np.bincount(resample_evenly(weights, 400, uniform), minlength=50)
        assert counts.sum() == 400 and (np.abs(counts - 400 * weights) < 1).all()
    np.testing.assert_array_equal(resample_evenly(np.full(7, 1 / 7), 7, 0.5), np.arange(7))


def test_stored_draws_have_the_distribution_of_all() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=4000)
    chosen = choose_evenly(values, 500)
    assert len(set(chosen.tolist())) == 500 and (np.diff(chosen) > 0).all()
    assert abs(values[chosen].mean() - values.mean()) < 0.2 * values.std() / np.sqrt(500), "far nearer than draws at random"
    levels = np.linspace(0.05, 0.95, 50)
    np.testing.assert_allclose(np.quantile(values[chosen], levels), np.quantile(values, levels), rtol=0.03)
    np.testing.assert_array_equal(choose_evenly(values[:5], 9), np.arange(5))
