"""The headline: closed forms, several states of dormancy, announcements, and brute-force simulation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from ripeness.calendar import horizon_span
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.horizons import (
    forecast_probabilities,
    sustained_probabilities,
    usual_multiplier,
    within_at,
    without_binomial_noise,
    without_path_noise,
)
from ripeness.forecast.simulate import simulate_rounds, sustained_process
from ripeness.workspace.question import Question

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


def test_a_multiplier_that_is_held_scales_the_hazard() -> None:
    given, multiplier = wandering(WEDNESDAY, draws=3, paths=4), np.array([0.5, 1.0, 2.0])
    found = within_at(given, multiplier)
    np.testing.assert_allclose(found[1], forecast_probabilities(given).level_only[1], rtol=0, atol=1e-12)
    scaled = replace(given, outside=given.outside + np.log(multiplier)[:, None])
    np.testing.assert_allclose(found, forecast_probabilities(scaled).level_only, rtol=0, atol=1e-12)


def test_the_usual_multiplier_is_the_mean_over_the_weeks_at_risk() -> None:
    spec: Any = SimpleNamespace(panel=SimpleNamespace(record=SimpleNamespace(start=2), weeks=range(5)))
    inside = np.log(np.array([[9.0, 1.0, 2.0, 3.0, 9.0]]))  # a week's hazard reads the week before it: those of weeks 1 to 3
    np.testing.assert_allclose(usual_multiplier(spec, inside), [2.0])


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


@pytest.mark.parametrize(("middle", "spread"), [(-5.0, 1.0), (-3.5, 1.0), (0.0, 1.5)])
def test_shares_of_few_futures_leave_the_interval_of_the_probability(middle: float, spread: float) -> None:
    """Of draws whose probability is known, each seen in 16 futures."""
    rng, futures = np.random.default_rng(8), 16
    true = expit(rng.normal(middle, spread, 40_000))
    share = rng.binomial(futures, true)[:, None] / futures
    found = without_binomial_noise(share, share * (1 - share) / (futures - 1))[:, 0]
    assert found.mean() == pytest.approx(share.mean(), rel=1e-3)
    for level in (0.05, 0.5, 0.95):
        assert np.quantile(found, level) == pytest.approx(np.quantile(true, level), rel=0.1, abs=0.001)
    assert (np.diff(found[np.argsort(share[:, 0], kind="stable")]) >= 0).all()


def test_shares_without_spread_or_chance_stay_at_their_mean() -> None:
    share = np.random.default_rng(9).binomial(16, 0.2, 500)[:, None] / 16
    np.testing.assert_allclose(without_binomial_noise(share, np.full((500, 1), 2 * share.var())), share.mean())
    np.testing.assert_array_equal(without_binomial_noise(np.zeros((5, 2)), np.zeros((5, 2))), np.zeros((5, 2)))


@pytest.mark.parametrize(("paths", "futures"), [(1, 16), (4, 16), (16, 16)])
def test_a_sustained_process_has_the_interval_of_many_futures(paths: int, futures: int) -> None:
    """Draws of different base rates: few futures of each, on shared and on own paths, against so many that their noise is nothing."""
    draws, weeks = 3000, len(horizon_span(SUNDAY, max(HORIZONS)).weeks)
    rng = np.random.default_rng(10)
    rate = rng.normal(np.log(0.12), 0.6, draws)

    def given(paths: int, chosen: slice) -> Ahead:
        half = rng.normal(0, 0.8, (len(rate[chosen]), max(paths // 2, 1), 1)) * np.ones(weeks)
        inside = np.concatenate([half, -half], axis=1) if paths > 1 else 0 * half
        return ahead_of(SUNDAY, draws=len(rate[chosen]), outside=np.repeat(rate[chosen, None], 60, axis=1), inside=inside)

    words = {"id": "round", "text": "Will they meet?", "definition": "A meeting of delegations.", "void": "If nobody is left."}
    question = Question(
        **words,
        parties=["East", "West"],
        war_began=date(2024, 1, 1),
        horizons_weeks=list(HORIZONS),
        headline_weeks=4,
        sustained_rounds=2,
        sustained_weeks=4,
    )
    shares, found = sustained_probabilities(given(paths, slice(None)), question, np.random.SeedSequence(1), futures)
    few = slice(0, 800)
    many = sustained_probabilities(given(1200 if paths > 1 else 1, few), question, np.random.SeedSequence(2), 1200)[0]
    assert np.abs(shares.mean(axis=0) - many.mean(axis=0)).max() < 0.01
    for level in (0.05, 0.95):
        np.testing.assert_allclose(np.quantile(found, level, axis=0), np.quantile(many, level, axis=0), rtol=0.15, atol=0.012)
    assert (np.quantile(shares, 0.95, axis=0) > np.quantile(found, 0.95, axis=0)).all()
