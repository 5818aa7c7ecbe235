"""Shapley values: a change shared among its causes, each credited with what it adds, averaged over the orders in which they could have come.

Shapley 1953, "A value for n-person games". For few causes all orders are gone through; for many, random orders and their reverses (Castro,
Gómez and Tejada 2009, "Polynomial calculation of the Shapley value based on sampling"). Within an order the parts add up to the whole, and so
they do on average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """What each cause is credited with.

    Parameters
    ----------
    values : ndarray (cause, …)
    errors : ndarray (cause, …)
        Standard errors from not going through all orders; zero where all were.
    """

    values: Array
    errors: Array


def share_out(causes: int, step: Callable[[frozenset[int], int], Array], few: int, orders: int, seed: np.random.SeedSequence) -> Shares:
    """Share a change among causes.

    Parameters
    ----------
    causes : int
        At least one.
    step : callable
        What cause g adds where those of a set are there already, an array of any shape.
    few : int
        Up to so many causes all orders are gone through.
    orders : int
        Of more causes, how many; even, at least four.
    seed : SeedSequence
    """
    exact = causes <= few
    added = []
    for order in permutations(range(causes)) if exact else _random_orders(causes, orders, np.random.default_rng(seed)):
        parts: dict[int, Array] = {}
        for place, cause in enumerate(order):
            parts[cause] = step(frozenset(order[:place]), cause)
        added.append(np.stack([parts[cause] for cause in range(causes)]))
    values = np.array(added)
    if exact:
        return Shares(values.mean(axis=0), np.zeros(values.shape[1:]))
    pairs = 0.5 * (values[::2] + values[1::2])
    return Shares(pairs.mean(axis=0), pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs)))


def _random_orders(causes: int, orders: int, rng: np.random.Generator) -> Iterator[tuple[int, ...]]:
    """Random orders, each followed by its reverse."""
    for _ in range(orders // 2):
        order = tuple(int(cause) for cause in rng.permutation(causes))
        yield order
        yield order[::-1]
