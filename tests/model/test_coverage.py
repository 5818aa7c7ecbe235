"""Missed rounds: the recursion against an enumeration of every history that may have been missed."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from pytensor.gradient import verify_grad
from scipy.stats import poisson

from ripeness.model.ops import op_of
from ripeness.model.terms.dormancy_filter import adjoint_filter, filter_dormancy
from ripeness.model.terms.record import Record, filter_forward

Array = NDArray[np.float64]


class Case(NamedTuple):
    outside: Array
    by_record: Array
    multiplier: Array
    announced: Array
    unannounced: Array
    arrival_rate: Array
    sensitivity: Array
    found: Array
    arrived: Array
    log_months: Array

    def total(self, t: int) -> Array:
        """Total hazard of a week at d = 1, 2, …"""
        return np.exp(self.outside + self.by_record * self.log_months[t] + self.multiplier[t])

    def hazard(self, t: int) -> Array:
        """Hazard of a round that a week has, given what was announced, at d = 1, 2, …"""
        return self.unannounced[t] * self.total(t) + self.announced[t]

    def arrivals(self, t: int) -> Array:
        """Probability of the week's arrivals at d = 1, 2, …"""
        return np.asarray(poisson.pmf(self.arrived[t], self.arrival_rate[t] * self.total(t)))


def dormancy_after(given: Case, whole: bool) -> Array:
    """Dormancy after a record that begins after a round."""
    many = [part if place > 6 else part[None] for place, part in enumerate(given)]
    state: Array = filter_forward(*many, np.ones((1, 1)), whole)[1]
    return state[0]


FOUNDS = {
    "silence": [0, 0, 0, 0, 0, 0, 0],
    "two rounds": [0, 0, 1, 0, 0, 1, 0],
    "neighbouring rounds": [1, 1, 0, 0, 0, 0, 1],
    "round in the last week": [0, 0, 0, 0, 0, 0, 1],
}


def case(found: list[int], seed: int = 0, counted: bool = True) -> Case:
    rng, more, of_record = (np.random.default_rng(seed + 100 * stream) for stream in range(3))
    weeks, rounds = len(found), np.cumsum([0, *found[:-1]]).astype(int)
    return Case(
        outside=rng.normal(-0.7, 0.6, weeks + 1),
        by_record=of_record.normal(0.3, 0.3, weeks + 1),
        multiplier=rng.normal(0, 0.5, weeks),
        announced=rng.gamma(0.5, 0.3, weeks),
        unannounced=more.uniform(0.2, 0.9, weeks) if counted else np.ones(weeks),
        arrival_rate=more.uniform(0.3, 1.5, weeks) * (more.random(weeks) < 0.7) * counted,  # some weeks nobody counted
        sensitivity=rng.uniform(0.4, 0.95, weeks),
        found=np.array(found, dtype=float),
        arrived=more.poisson(0.5, weeks) * float(counted),
        log_months=of_record.normal(0.0, 1.0, weeks)[rounds],  # it changes after a round alone
    )


def histories(given: Case, last_week_is_whole: bool = True) -> tuple[list[float], dict[int, float]]:
    """Brute force: P(record of the first t weeks), t = 0 … T, and P(record, dormancy in the week after it)."""
    weeks = len(given.found)
    record = [0.0] * (weeks + 1)
    after: dict[int, float] = {}
    for length in range(weeks + 1):
        for held in product((0, 1), repeat=length):
            probability, dormancy = 1.0, 1
            for t, happened in enumerate(held):
                chance = 1 - np.exp(-given.hazard(t)[dormancy - 1])
                probability *= given.arrivals(t)[dormancy - 1] if given.arrival_rate[t] else 1.0
                seen = given.sensitivity[t] if given.found[t] else 1 - given.sensitivity[t]
                if happened:
                    probability *= chance * seen
                else:
                    probability *= 0.0 if given.found[t] else 1 - chance
                stays = t == weeks - 1 and not last_week_is_whole
                dormancy = 1 if happened else dormancy + (0 if stays else 1)
            record[length] += probability
            if length == weeks:
                after[dormancy] = after.get(dormancy, 0.0) + probability
    return record, {dormancy: probability for dormancy, probability in after.items() if probability > 0}


@pytest.mark.parametrize("found", FOUNDS.values(), ids=FOUNDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_recursion_sums_over_every_history(found: list[int], seed: int) -> None:
    given = case(found, seed)
    log_likelihood, probability = filter_dormancy(*given)[:2]
    record, _ = histories(given)
    np.testing.assert_allclose(log_likelihood, np.log(np.array(record[1:]) / record[:-1]), rtol=1e-11)
    if found[0] == 0:
        assert probability[0] == pytest.approx(1 - np.exp(-given.hazard(0)[0]))


@pytest.mark.parametrize("found", FOUNDS.values(), ids=FOUNDS)
def test_a_perfect_search_gives_the_plain_product(found: list[int]) -> None:
    given = case(found, counted=False)._replace(sensitivity=np.ones(len(found)))
    log_likelihood, probability = filter_dormancy(*given)[:2]
    dormancy, expected, chances = 1, [], []
    for t, seen in enumerate(found):
        rate = given.hazard(t)[dormancy - 1]
        expected.append(np.log1p(-np.exp(-rate)) if seen else -rate)
        chances.append(-np.expm1(-rate))
        dormancy = 1 if seen else dormancy + 1
    np.testing.assert_allclose(log_likelihood, expected, rtol=1e-11)
    np.testing.assert_allclose(probability, chances, rtol=1e-11)


def test_weeks_that_nobody_searched_say_nothing() -> None:
    given = case([0] * 7, counted=False)._replace(sensitivity=np.zeros(7))
    np.testing.assert_allclose(filter_dormancy(*given)[0], 0.0, atol=1e-14)


def test_small_hazards_keep_their_digits() -> None:
    none = np.zeros(2)
    given = Case(np.full(3, -30.0), np.zeros(3), none, none, np.ones(2), none, np.full(2, 0.9), np.array([0.0, 1.0]), none, none)
    log_likelihood = filter_dormancy(*given)[0]
    assert log_likelihood[1] == pytest.approx(-30 + np.log(0.9), abs=1e-9)


KERNEL = Record.kernels[2]


def dormancy_filter(*given: Any) -> list[Any]:
    """Log-likelihood and, saved, hazard of every week as tensors."""
    found = op_of(KERNEL)(dict(zip(KERNEL.inputs, given, strict=True)))
    return [found["rounds"], found["hazard"]]


def pull_back(given: Case, bar: Array) -> tuple[Array, ...]:
    return adjoint_filter(*given, *filter_dormancy(*given), bar)


@pytest.mark.parametrize("found", FOUNDS.values(), ids=FOUNDS)
def test_the_gradient_check(found: list[int]) -> None:
    given = case(found)
    verify_grad(
        lambda *args: dormancy_filter(*args, given.found, given.arrived, given.log_months)[0],
        [*given[:5], np.maximum(given.arrival_rate, 0.2), given.sensitivity],
        rng=np.random.default_rng(1),
        mode="FAST_COMPILE",
    )


@pytest.mark.parametrize("found", FOUNDS.values(), ids=FOUNDS)
def test_the_adjoint_agrees_with_finite_differences(found: list[int]) -> None:
    given = case(found, seed=2)
    given = given._replace(arrival_rate=np.maximum(given.arrival_rate, 0.2))  # differences cannot step below zero
    bar = np.random.default_rng(3).normal(size=len(found))
    step = 1e-6
    for which, gradient in enumerate(pull_back(given, bar)):
        for place in range(len(gradient)):
            around = []
            for sign in (1, -1):
                moved = [part.copy() for part in given]
                moved[which][place] += sign * step
                around.append(float(filter_dormancy(*moved)[0] @ bar))
            assert gradient[place] == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_the_op_evaluates_to_the_function(mode: str) -> None:
    given = case(FOUNDS["two rounds"])
    function = pytensor.function([], dormancy_filter(*(pt.as_tensor(part) for part in given)), mode=mode)
    for found, expected in zip(function(), filter_dormancy(*given)[:2], strict=True):
        np.testing.assert_array_equal(found, expected)


LONG = [0] * 70 + [1, 1] + [0] * 30 + [1] + [0] * 23


def week_by_week(given: Case) -> tuple[Array, Array]:
    """The recursion of the docstring, with NumPy's own functions and α brought to a sum of one every week."""
    alpha = np.array([1.0])
    log_likelihood, probability = [], []
    for t, seen in enumerate(given.found):
        arrivals = 0.0
        if given.arrival_rate[t]:
            alpha = alpha * given.arrivals(t)[: len(alpha)]
            arrivals, alpha = np.log(alpha.sum()), alpha / alpha.sum()
        rate = given.hazard(t)[: len(alpha)]
        held = alpha @ -np.expm1(-rate)
        probability.append(held)
        following = np.array([held * (1 - given.sensitivity[t]), *(alpha * np.exp(-rate))])
        log_likelihood.append(arrivals + np.log(held * given.sensitivity[t] if seen else following.sum()))
        alpha = np.array([1.0]) if seen else following / following.sum()
    return np.array(log_likelihood), np.array(probability)


@pytest.mark.parametrize("shift", [-12.0, -3.0, 0.0, 2.0], ids=["hardly ever", "seldom", "as a rule", "many a week"])
@pytest.mark.parametrize("announced", [0.0, 1.0])
def test_long_silences_follow_the_recursion(shift: float, announced: float) -> None:
    """Rows of many blocks; hazards from one in a hundred thousand to twenty a week, so that rows are counted anew never or every week."""
    given = case(LONG, seed=4)
    given = given._replace(multiplier=given.multiplier + shift, announced=given.announced * announced)
    log_likelihood, probability = filter_dormancy(*given)[:2]
    expected = week_by_week(given)
    np.testing.assert_allclose(log_likelihood, expected[0], rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(probability, expected[1], rtol=1e-11)


@pytest.mark.parametrize("shift", [-3.0, 0.0, 2.0])
def test_the_adjoint_over_long_silences(shift: float) -> None:
    """Along random directions, by differences of the recursion with NumPy's own functions."""
    given = case(LONG, seed=5)
    given = given._replace(multiplier=given.multiplier + shift, arrival_rate=np.maximum(given.arrival_rate, 0.2))
    rng = np.random.default_rng(6)
    bar = rng.normal(size=len(LONG))
    gradients = pull_back(given, bar)
    step = 1e-6
    for which, gradient in enumerate(gradients):
        for _ in range(5):
            direction = rng.normal(size=len(gradient)) * (0.01 if which in (4, 5, 6) else 1.0)
            direction[rng.random(len(direction)) < 0.5] = 0.0
            around = []
            for sign in (1, -1):
                moved = list(given)
                moved[which] = moved[which] + sign * step * direction
                around.append(float(week_by_week(Case(*moved))[0] @ bar))
            assert gradient @ direction == pytest.approx((around[0] - around[1]) / (2 * step), rel=2e-6, abs=1e-6)


def test_very_large_hazards_are_survived_digit_by_digit() -> None:
    """A silence that had one chance in e^400 every week."""
    weeks = 12
    given = Case(
        *(np.full(weeks + 1, np.log(400.0)), np.zeros(weeks + 1), *np.zeros((2, weeks)), np.ones(weeks), np.zeros(weeks), np.ones(weeks)),
        *np.zeros((3, weeks)),
    )
    np.testing.assert_allclose(filter_dormancy(*given)[0], -400.0, rtol=1e-14)
    gradients = pull_back(given, np.ones(weeks))
    np.testing.assert_allclose(gradients[2], -400.0, rtol=1e-12)
    np.testing.assert_allclose(gradients[3], -1.0, rtol=1e-12)
    assert np.isneginf(filter_dormancy(*given._replace(multiplier=np.ones(weeks)))[0][0])


def test_the_same_inputs_give_the_same_bits_wherever_they_lie() -> None:
    given = case(LONG, seed=7)
    bar = np.random.default_rng(8).normal(size=len(LONG))
    expected = [*filter_dormancy(*given)[:2], *pull_back(given, bar)]
    for offset in range(1, 8):
        moved = Case(*(np.concatenate([np.zeros(offset), part])[offset:] for part in given))
        for found, value in zip([*filter_dormancy(*moved)[:2], *pull_back(moved, bar)], expected, strict=True):
            np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("found", FOUNDS.values(), ids=FOUNDS)
def test_dormancy_at_the_origin_is_that_of_the_histories(found: list[int], whole: bool) -> None:
    cases = [case(found, seed) for seed in (0, 1)]
    cases[1] = cases[1]._replace(arrived=cases[0].arrived)  # one record of many draws
    cases[1] = cases[1]._replace(log_months=cases[0].log_months)
    drawn = [np.stack([part, other]) for part, other in zip(cases[0][:7], cases[1][:7], strict=True)]
    state = filter_forward(*drawn, cases[0].found, cases[0].arrived, cases[0].log_months, np.ones((2, 1)), whole)[1]
    np.testing.assert_allclose(state.sum(axis=1), 1.0)
    for each, row in zip(cases, state, strict=True):
        np.testing.assert_allclose(row, dormancy_after(each, whole), rtol=1e-14)
        _, after = histories(each, whole)
        assert len(row) == max(after)
        expected = np.array([after.get(d, 0.0) for d in range(1, len(row) + 1)])
        np.testing.assert_allclose(row, expected / expected.sum(), rtol=1e-11)


def test_a_perfect_search_knows_the_dormancy() -> None:
    given = case(FOUNDS["two rounds"])._replace(sensitivity=np.ones(7))
    np.testing.assert_allclose(dormancy_after(given, True), [0.0, 1.0], rtol=1e-14)


@pytest.mark.parametrize("whole", [True, False])
def test_a_record_that_ends_in_the_week_of_its_first_round(whole: bool) -> None:
    none = np.zeros((3, 0))
    state = filter_forward(*np.zeros((2, 3, 1)), *[none] * 5, *np.zeros((3, 0)), np.ones((3, 1)), whole)[1]
    np.testing.assert_array_equal(state, np.ones((3, 1)))
