"""Sums over vectors, for kernels: the one place where the order of additions is left to the compiler.

A sum in order waits for every addition; only if terms may be taken together out of order does a loop run on whole vectors. That freedom is
given here and nowhere else. These loops only read, so nothing in them depends on where arrays lie in memory: one compiled function adds
in one order, and the same inputs give the same bits.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import compiled

Array = NDArray[np.float64]

reduction: Any = partial(compiled, fastmath={"reassoc", "nsz", "contract"})


@reduction
def dot(left: Array, right: Array) -> float:
    """Σ left·right over the length of the first."""
    total = 0.0
    for i in range(left.shape[0]):
        total += left[i] * right[i]
    return total


@reduction
def sum_of(values: Array) -> float:
    """Σ values."""
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i]
    return total


@reduction
def sum_of_first(values: Array, number: int) -> float:
    """Σ of the first values."""
    total = 0.0
    for i in range(number):
        total += values[i]
    return total
