"""Shapley values of games whose values are known."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import permutations
from math import inf

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import t as student

from ripeness.attribution.news import combine_errors, share_out

Array = NDArray[np.float64]
Step = Callable[[frozenset[int], int], Array]
SEED = np.random.SeedSequence(1)


def steps_of(value: Callable[[frozenset[int]], float]) -> Step:
    return lambda known, cause: np.array(value(known | {cause}) - value(known))


def gloves(known: frozenset[int]) -> float:
    """One left glove (0), two right ones (1, 2): a pair is worth one. By hand: 2/3, 1/6, 1/6."""
    return float(0 in known and bool(known & {1, 2}))


def squares(known: frozenset[int]) -> float:
    """(Σ (cause + 1))²: by hand, a cause's share is its number times the sum of all."""
    return float(sum(cause + 1 for cause in known) ** 2)


def cubes(known: frozenset[int]) -> float:
    """Three causes together do what no pair of them does."""
    return float(sum(cause + 1 for cause in known) ** 3)


def in_every_order(value: Callable[[frozenset[int]], float], causes: int, before: tuple[int, int]) -> Array:
    """Means over all orders in which one cause comes before another, order by order."""
    orders = [order for order in permutations(range(causes)) if order.index(before[0]) < order.index(before[1])]
    added = np.zeros(causes)
    for order in orders:
        for place, cause in enumerate(order):
            added[cause] += value(frozenset(order[: place + 1])) - value(frozenset(order[:place]))
    return added / len(orders)


def test_a_game_by_hand() -> None:
    shares = share_out(3, steps_of(gloves), SEED)
    assert shares.values == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    assert (shares.errors == 0).all() and shares.pairs is None


def test_orders_that_are_sampled_come_near_and_say_how_near() -> None:
    causes = 7
    everything = sum(range(1, causes + 1))
    exact = np.array([(cause + 1) * everything for cause in range(causes)])
    few = share_out(causes, steps_of(squares), SEED, most=100)
    assert few.pairs == 7
    assert few.values.sum() == pytest.approx(squares(frozenset(range(causes))))  # whatever orders were drawn
    assert np.abs(few.values - exact).max() < 1e-9  # an order and its reverse are exact where causes meet in pairs only
    all_orders, some = share_out(6, steps_of(cubes), SEED), share_out(9, steps_of(cubes), SEED, most=500)
    assert all_orders.pairs is None and some.pairs == 27
    off = (some.values - share_out(9, steps_of(cubes), SEED, most=512).values) / some.errors
    assert (some.errors > 0).all() and np.abs(off).max() < 4.0
    assert np.abs(off).min() > 0.0


def test_intervals_from_four_pairs_of_orders_nearly_cover() -> None:
    """By Student's t with three degrees of freedom, of what is meant to be 90 %; taken for normal they fall far short."""
    weights = np.random.default_rng(4).normal(0.0, 0.7, 8)

    @cache
    def chance(known: frozenset[int]) -> float:
        return float(expit(2.0 * sum(weights[cause] for cause in known) - 1.5))

    exact, off = share_out(8, steps_of(chance), SEED, most=256).values, []
    for seed in range(200):
        shares = share_out(8, steps_of(chance), np.random.SeedSequence(seed), most=1)
        assert shares.pairs == 4
        off.append([np.abs(shares.values - exact) < student.ppf(0.95, df) * shares.errors for df in (3, inf)])
    covered = np.mean(off, axis=(0, 2))
    assert 0.83 < covered[0] < 0.93 and covered[1] < 0.79


@pytest.mark.parametrize("before", [(0, 3), (2, 1)])
def test_what_comes_before_another_does_so_in_every_order(before: tuple[int, int]) -> None:
    seen: set[frozenset[int]] = set()

    def step(known: frozenset[int], cause: int) -> Array:
        seen.update((known, known | {cause}))
        return steps_of(cubes)(known, cause)

    exact = share_out(4, step, SEED, before=before)
    assert exact.values == pytest.approx(in_every_order(cubes, 4, before))
    assert exact.values != pytest.approx(share_out(4, steps_of(cubes), SEED).values)
    drawn = share_out(4, step, SEED, most=1, before=before)
    many = share_out(9, step, SEED, most=500, before=before)
    assert drawn.values.sum() == pytest.approx(cubes(frozenset(range(4))))
    off = (many.values - share_out(9, step, SEED, most=512, before=before).values) / many.errors
    assert np.abs(off).max() < 4.0
    assert all(before[0] in known for known in seen if before[1] in known)


def test_one_cause_has_it_all_and_one_that_adds_nothing_has_nothing() -> None:
    assert share_out(1, steps_of(squares), SEED).values == pytest.approx([1.0])
    idle = share_out(3, steps_of(lambda known: float(len(known & {0, 1}))), SEED)
    assert idle.values == pytest.approx([1.0, 1.0, 0.0])


def test_degrees_of_freedom_of_a_sum_are_those_of_the_part_that_is_known_worst() -> None:
    assert combine_errors([(3.0, 2), (4.0, inf)]) == (5.0, pytest.approx(2 * 5**4 / 3**4))
    assert combine_errors([(3.0, 2), (0.0, 7)]) == (3.0, pytest.approx(2.0))
    assert combine_errors([(1.0, 5), (1.0, 5)])[1] == pytest.approx(10.0)  # as many again of an equal part
    assert combine_errors([(3.0, inf), (4.0, inf)]) == (5.0, None)
