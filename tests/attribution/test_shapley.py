"""Shapley values of games whose values are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ripeness.attribution.news import share_out

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


def test_a_game_by_hand() -> None:
    shares = share_out(3, steps_of(gloves), 3, 4, SEED)
    assert shares.values == pytest.approx([2 / 3, 1 / 6, 1 / 6]) and (shares.errors == 0).all()


def test_orders_that_are_sampled_come_near_and_say_how_near() -> None:
    causes = 7
    everything = sum(range(1, causes + 1))
    exact = np.array([(cause + 1) * everything for cause in range(causes)])
    few = share_out(causes, steps_of(squares), 3, 60, SEED)
    assert few.values.sum() == pytest.approx(squares(frozenset(range(causes))))  # whatever orders were drawn
    assert np.abs(few.values - exact).max() < 1e-9  # an order and its reverse are exact where causes meet in pairs only
    cubes = steps_of(lambda known: float(sum(cause + 1 for cause in known) ** 3))
    all_orders, some = share_out(6, cubes, 6, 4, SEED), share_out(6, cubes, 3, 200, SEED)
    off = (some.values - all_orders.values) / some.errors
    assert (some.errors > 0).all() and np.abs(off).max() < 4.0
    assert not np.allclose(some.values, all_orders.values)


def test_one_cause_has_it_all_and_one_that_adds_nothing_has_nothing() -> None:
    assert share_out(1, steps_of(squares), 3, 4, SEED).values == pytest.approx([1.0])
    idle = share_out(3, steps_of(lambda known: float(len(known & {0, 1}))), 3, 4, SEED)
    assert idle.values == pytest.approx([1.0, 1.0, 0.0])
