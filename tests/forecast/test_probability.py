"""The headline: closed forms, several states of dormancy, announcements, and brute-force simulation."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ripeness.calendar import horizon_span
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.horizons import forecast_probabilities, without_path_noise
from ripeness.forecast.simulate import simulate_rounds, sustained_process

Array = NDArray[np.float64]
HORIZONS = (2, 4, 10)
SUNDAY, WEDNESDAY = date(2025, 6, 22), date(2025, 6, 18)


def ahead_of(origin: date, draws: int = 2, paths: int = 4, **parts: Any) -> Ahead:
    """The weeks ahead by hand: no inside view, no announcement, one state, constant hazard 0.1 unless given."""
    weeks = horizon_span(origin, max(HORIZONS)).weeks
    horizon_share = np.zeros((len(HORIZONS), len(weeks)))
    for row, horizon in enumerate(HORIZONS):
        shares = horizon_span(origin, horizon).shares
        horizon_share[row, : len(shares)] = shares
    given: dict[str, Any] = {
        "dormancy": np.array([5], dtype=np.intp),
        "state": np.ones((draws, 1)),
        "outside": np.full((draws, 60), np.log(0.1)),
        "inside": np.zeros((draws, paths, len(weeks))),
        "announced": np.zeros((draws, len(weeks))),
        "unannounced": np.ones((draws, len(weeks))),
    }
    return Ahead(weeks, horizon_share, **(given | parts))


def wandering(origin: date, draws: int, paths: int, seed: int = 0) -> Ahead:
    """A hazard that falls with dormancy, moves with the inside view, and has announcements and two states."""
    rng = np.random.default_rng(seed)
    weeks = len(horizon_span(origin, max(HORIZONS)).weeks)
    half = np.cumsum(rng.normal(0, 0.3, (draws, paths // 2, weeks)), axis=2)
    announced = np.zeros((draws, weeks))
    announced[:, 1] = rng.uniform(0.05, 0.3, draws)
    share = rng.uniform(0.2, 0.8, draws)
    return ahead_of(
        origin,
        dormancy=np.array([2, 9], dtype=np.intp),
        state=np.stack([share, 1 - share], axis=1),
        outside=rng.normal(-2, 0.3, (draws, 1)) - 0.5 * np.log(np.arange(1, 61)),
        inside=np.concatenate([half, -half], axis=1),
        announced=announced,
        unannounced=np.linspace(0.3, 1.0, weeks) * rng.uniform(0.7, 1.0, (draws, 1)),
    )


@pytest.mark.parametrize("origin", [SUNDAY, WEDNESDAY])
def test_a_constant_hazard_has_its_closed_form(origin: date) -> None:
    found = forecast_probabilities(ahead_of(origin))
    expected = 1 - np.exp(-0.1 * np.array(HORIZONS))
    np.testing.assert_allclose(found.within, [expected, expected], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.level_only, [expected, expected], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.multiplier, 1.0)
    np.testing.assert_array_equal(found.path_variance, 0.0)


def test_dormancy_runs_on_from_each_state() -> None:
    outside = np.log(np.linspace(0.3, 0.01, 60))[None]
    state = np.array([[0.25, 0.75]])
    given = ahead_of(SUNDAY, draws=1, dormancy=np.array([1, 12], dtype=np.intp), state=state, outside=outside)
    silent = [np.exp(-np.exp(outside[0, d - 1 : d - 1 + horizon]).sum()) for horizon in HORIZONS for d in (1, 12)]
    expected = 1 - np.array(silent).reshape(-1, 2) @ state[0]
    np.testing.assert_allclose(forecast_probabilities(given).within[0], expected, rtol=0, atol=1e-12)


def test_the_first_partial_week_has_the_dormancy_of_its_own_week() -> None:
    outside = np.log(np.linspace(0.3, 0.01, 60))[None]
    given = ahead_of(WEDNESDAY, draws=1, dormancy=np.array([3], dtype=np.intp), outside=outside, state=np.ones((1, 1)))
    rate = np.exp(outside[0])
    expected = 1 - np.exp(-(4 / 7 * rate[2] + rate[3] + 3 / 7 * rate[4]))
    assert forecast_probabilities(given).within[0, 0] == pytest.approx(expected, abs=1e-12)


def test_an_announced_meeting_adds_its_odds() -> None:
    kept = 0.6
    announced = np.zeros((1, 10))
    announced[0, 1] = -np.log1p(-kept)
    found = forecast_probabilities(ahead_of(SUNDAY, draws=1, announced=announced))
    np.testing.assert_allclose(1 - found.within[0], (1 - kept) * np.exp(-0.1 * np.array(HORIZONS)), atol=1e-12)
    np.testing.assert_allclose(found.level_only, found.within, atol=1e-12)


def test_rounds_that_are_announced_come_by_their_meetings_alone() -> None:
    """What meetings that stand account for is left out of the total hazard of each week; also at the fit's own base rate."""
    unannounced = np.array([[0.2, 0.4, 0.6, 0.8, *[1.0] * 6]])
    found = forecast_probabilities(ahead_of(SUNDAY, draws=1, unannounced=unannounced))
    expected = 1 - np.exp(-0.1 * np.array([0.6, 2.0, 8.0]))
    np.testing.assert_allclose(found.within[0], expected, atol=1e-12)
    np.testing.assert_allclose(found.level_only[0], expected, atol=1e-12)
    np.testing.assert_allclose(found.by_week[0], 1 - np.exp(-0.1 * np.cumsum(unannounced[0])), atol=1e-12)


def test_announcements_of_a_partial_first_week_count_in_full() -> None:
    """They are laid on the days after the origin already; those of a last partial week count by its share."""
    announced = np.zeros((1, 11))
    announced[0, [0, 2]] = 0.5, 0.7
    found = forecast_probabilities(ahead_of(WEDNESDAY, draws=1, announced=announced)).within[0]
    np.testing.assert_allclose(found, 1 - np.exp(-0.1 * np.array(HORIZONS) - [0.5 + 0.7 * 3 / 7, 1.2, 1.2]), atol=1e-12)


def test_the_inside_view_averages_silence_over_paths() -> None:
    inside = np.log(np.array([[0.5] * 10, [2.0] * 10, [1.0] * 10, [4.0] * 10]))[None]
    found = forecast_probabilities(ahead_of(SUNDAY, draws=1, inside=inside))
    expected = [1 - np.exp(-0.1 * horizon * np.array([0.5, 2, 1, 4])).mean() for horizon in HORIZONS]
    np.testing.assert_allclose(found.within[0], expected, atol=1e-12)
    np.testing.assert_allclose(found.multiplier, 7.5 / 4)
    np.testing.assert_allclose(found.level_only[0], 1 - np.exp(-0.1 * np.array(HORIZONS)), atol=1e-12)


def test_by_week_meets_the_horizons_at_whole_weeks() -> None:
    found = forecast_probabilities(wandering(SUNDAY, draws=5, paths=6))
    for row, horizon in enumerate(HORIZONS):
        np.testing.assert_allclose(found.by_week[:, horizon - 1], found.within[:, row], atol=1e-12)
    assert np.all(np.diff(found.by_week, axis=1) > 0)


@pytest.mark.parametrize("origin", [SUNDAY, WEDNESDAY])
def test_the_weekly_hazard_is_that_of_silence_so_far(origin: date) -> None:
    found = forecast_probabilities(wandering(origin, draws=3, paths=6))
    np.testing.assert_allclose(1 - np.cumprod(1 - found.hazard, axis=1), found.by_week, atol=1e-12)
    constant = forecast_probabilities(ahead_of(origin)).hazard
    share = 4 / 7 if origin == WEDNESDAY else 1.0
    np.testing.assert_allclose(constant, 1 - np.exp(-0.1 * np.array([share, *[1.0] * (constant.shape[1] - 1)]) * np.ones((2, 1))))


@pytest.mark.parametrize("origin", [SUNDAY, WEDNESDAY])
def test_simulated_futures_agree(origin: date) -> None:
    """The closed form against counting weeks with a round in simulated futures, within 4 standard errors."""
    given = wandering(origin, draws=2, paths=4)
    futures = 60_000
    rounds = simulate_rounds(given, np.random.SeedSequence(3), paths=futures)
    found = forecast_probabilities(given)
    assert rounds.shape == (2, futures, len(given.weeks))
    simulated = (np.cumsum(rounds, axis=2) > 0).mean(axis=1)
    error = 4 * np.sqrt(found.by_week * (1 - found.by_week) / futures)
    assert np.all(np.abs(simulated - found.by_week) < error)


def test_a_round_starts_dormancy_again() -> None:
    """Hazard so high at d = 1 that one round is followed by another; so low later that none comes by itself."""
    outside = np.full((1, 60), -30.0)
    outside[0, 0] = 5.0
    started = simulate_rounds(ahead_of(SUNDAY, draws=1, outside=outside, dormancy=np.array([1])), np.random.SeedSequence(1), paths=50)
    asleep = simulate_rounds(ahead_of(SUNDAY, draws=1, outside=outside), np.random.SeedSequence(1), paths=50)
    assert (started > 0).all()
    assert not asleep.any()


def test_the_same_seed_gives_the_same_futures() -> None:
    given = wandering(SUNDAY, draws=3, paths=4)
    one, two, other = (simulate_rounds(given, np.random.SeedSequence(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    assert one.shape == (3, 4, 10)


def test_a_sustained_process_on_rounds_by_hand() -> None:
    horizon_share = np.zeros((3, 6))
    horizon_share[0, :2], horizon_share[1, :5], horizon_share[1, 5], horizon_share[2] = 1.0, 1.0, 3 / 7, 1.0
    futures = [
        [1, 1, 1, 0, 0, 0],  # three in the first three weeks
        [3, 0, 0, 0, 0, 0],  # three in one week
        [1, 0, 1, 0, 1, 0],  # spread over five weeks
        [0, 1, 0, 1, 0, 1],  # the third in the last week
        [0, 0, 0, 0, 0, 2],
    ]
    rounds = np.array([[future] for future in futures], dtype=np.int64)
    three = sustained_process(rounds, horizon_share, needed=3, window=3)
    np.testing.assert_array_equal(three, [[0, 1, 1], [1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(sustained_process(rounds, horizon_share, needed=3, window=4), three)  # a stretch of five is too long
    five = sustained_process(rounds, horizon_share, needed=3, window=5)
    np.testing.assert_array_equal(five, [[0, 1, 1], [1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]])
    paths = sustained_process(rounds.reshape(1, 5, 6), horizon_share, needed=3, window=5)
    np.testing.assert_allclose(paths, [[0.2, 0.6, 0.8]])


def test_path_noise_is_taken_out() -> None:
    """Of draws whose true spread is known, each seen with a path noise of known size."""
    rng = np.random.default_rng(4)
    draws, noise = 40_000, 0.06
    true = rng.normal(0.4, 0.05, draws)
    seen = np.clip(true + rng.normal(0, noise, draws), 0, 1)[:, None]
    kept = without_path_noise(seen, np.full((draws, 1), noise**2))
    assert seen.std() == pytest.approx(np.hypot(0.05, noise), rel=0.02)
    assert kept.std() == pytest.approx(0.05, rel=0.02)
    assert kept.mean() == pytest.approx(seen.mean(), abs=1e-12)


def test_the_stated_path_variance_is_the_real_one() -> None:
    """Over many sets of antithetic paths of one draw, P varies by what it says."""
    sets, paths = 4000, 16
    half = np.random.default_rng(5).normal(0, 0.8, (sets, paths // 2, 1)) * np.ones(10)
    found = forecast_probabilities(ahead_of(SUNDAY, draws=sets, inside=np.concatenate([half, -half], axis=1)))
    np.testing.assert_allclose(found.path_variance.mean(axis=0), found.within.var(axis=0), rtol=0.15)


@pytest.mark.parametrize("excess", [1.0, 5.0])
def test_more_noise_than_spread_leaves_the_mean(excess: float) -> None:
    within = np.random.default_rng(6).uniform(0.1, 0.3, (100, 1))
    kept = without_path_noise(within, np.full((100, 1), excess * within.var()))
    np.testing.assert_allclose(kept, within.mean())


def test_a_constant_stays() -> None:
    np.testing.assert_array_equal(without_path_noise(np.full((5, 2), 0.3), np.zeros((5, 2))), np.full((5, 2), 0.3))
