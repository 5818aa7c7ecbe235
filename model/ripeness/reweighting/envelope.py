r"""A positive definite matrix that is nearly tridiagonal, factorised: A = B D Bᵀ, B with ones on its diagonal.

The lower triangle is stored whole, but row i is zero before its `envelope`, and so is B's: what ties a state to none but its neighbour costs
nothing more. Of D the inverse is kept, the `spread`. All work in place and allocate nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import compiled

Array = NDArray[np.float64]
Index = NDArray[np.int64]
BLOCK = 8  # spreads whose product goes into one logarithm: each must stay between 1e-38 and 1e38


@compiled
def factorise(a: Array, spread: Array, envelope: Index, start: int, stop: int) -> None:
    """Factorise A = B D Bᵀ: B below the diagonal in the place of A, 1/D in `spread`; rows `start` to `stop`, those before them being done."""
    for i in range(start, stop):
        begin = envelope[i]
        for j in range(begin, i):
            total = a[i, j]
            for c in range(max(begin, envelope[j]), j):
                total -= a[i, c] * a[j, c]
            a[i, j] = total
        total = a[i, i]
        for j in range(begin, i):
            scaled = a[i, j] * spread[j]
            total -= a[i, j] * scaled
            a[i, j] = scaled
        spread[i] = 1.0 / total


@compiled
def solve_onward(factor: Array, envelope: Index, x: Array, start: int, stop: int) -> None:
    """B⁻¹x in the place of x, rows `start` to `stop`; what stands before them is already solved."""
    for i in range(start, stop):
        for c in range(envelope[i], i):
            x[i] -= factor[i, c] * x[c]


@compiled
def solve_back(factor: Array, envelope: Index, x: Array) -> None:
    """B⁻ᵀx in the place of x."""
    for i in range(factor.shape[0] - 1, 0, -1):
        for c in range(envelope[i], i):
            x[c] -= factor[i, c] * x[i]


@compiled
def variance_of(factor: Array, spread: Array, envelope: Index, x: Array, start: int) -> float:
    """xᵀA⁻¹x of an x that is zero before `start`, which is overwritten: the variance of the states' sum with these weights."""
    total = 0.0
    for i in range(start, factor.shape[0]):
        for c in range(max(envelope[i], start), i):
            x[i] -= factor[i, c] * x[c]
        total += x[i] * x[i] * spread[i]
    return total


@compiled
def terms_of(spread: Array, v: Array, start: int, stop: int) -> float:
    """½ Σ (v²/D − log D) over states `start` to `stop`."""
    total, product = 0.0, 1.0
    for i in range(start, stop):
        total += v[i] * v[i] * spread[i]
        product *= spread[i]
        if i % BLOCK == 0:
            total += math.log(product)
            product = 1.0
    return 0.5 * (total + math.log(product))


@compiled
def place_states(x: Array, noise: Array, factor: Array, v: Array, spread: Array, envelope: Index) -> None:
    """States x from noise ε."""
    for i in range(x.shape[0]):
        x[i] = v[i] * spread[i] + math.sqrt(spread[i]) * noise[i]
    solve_back(factor, envelope, x)


@compiled
def find_noise(noise: Array, x: Array, factor: Array, v: Array, spread: Array, envelope: Index) -> None:
    """The inverse of :func:`place_states`."""
    for i in range(x.shape[0]):
        noise[i] = x[i]
        for c in range(envelope[i], i):
            noise[c] += factor[i, c] * x[i]
    for i in range(x.shape[0]):
        noise[i] = (noise[i] - v[i] * spread[i]) / math.sqrt(spread[i])
