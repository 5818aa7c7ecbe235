r"""The exact density of a path given its persistence, and its gradient: normal or Student-t innovations, as one kernel.

.. math:: \log p(z \mid \varphi) = \log N(z_0; 0, 1) + \sum_t \log p(s_t) - \tfrac{1}{2} \log(1 - \varphi^2), \qquad
    s_t = (z_t - \varphi z_{t-1}) / \sqrt{1 - \varphi^2}
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import inner
from ripeness.kernels.reductions import dot
from ripeness.kernels.simd import BLOCK

Array = NDArray[np.float64]


@inner
def log_sum(values: Array) -> float:
    """Σ log of a positive vector."""
    total = 0.0
    for start in range(0, values.size, BLOCK):
        product = 1.0
        for i in range(start, min(start + BLOCK, values.size)):
            product *= values[i]
        total += math.log(product)
    return total


@inner
def innovation_density(path: Array, phi: Array, heavy: Array, df: float) -> tuple[Array, Array, Array]:
    """Exact log density of each path given its persistence, and its gradient.

    Parameters
    ----------
    path : ndarray (factor, week)
    phi, heavy : ndarray (factor,)
        As in :func:`map_paths`.
    df : float

    Returns
    -------
    density : ndarray (factor,)
        log p(path | φ) + ½ weeks log 2π.
    slope : ndarray (factor, week)
        Its derivative by the path.
    phi_slope : ndarray (factor,)
        Its derivative by φ, the path held.
    """
    factors, weeks = path.shape
    density, phi_slope, slope = np.empty(factors), np.empty(factors), np.empty((factors, weeks))
    moves = weeks - 1
    shock, grown = np.empty(moves), np.empty(moves)
    force = np.zeros(weeks + 1)  # z_0, then minus the derivative by each innovation, times √q, then zero
    pushed = force[1:weeks]
    for k in range(factors):
        before, after, row = path[k, :moves], path[k, 1:], slope[k]
        persistence, tight = phi[k], 1.0 / (1.0 - phi[k] * phi[k])
        density[k] = 0.5 * moves * math.log(tight) - 0.5 * path[k, 0] * path[k, 0]
        if heavy[k] > 0.5:
            stiff, tail = math.sqrt(tight), 1.0 / (df - 2.0)
            weight = stiff * (df + 1.0) * tail
            for i in range(moves):
                shock[i] = stiff * (after[i] - persistence * before[i])
            for i in range(moves):
                grown[i] = 1.0 + tail * (shock[i] * shock[i])
            for i in range(moves):
                pushed[i] = weight * shock[i] / grown[i]
            constant = math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df) + 0.5 * math.log(2.0 * tail)
            density[k] += moves * constant - 0.5 * (df + 1.0) * log_sum(grown)
            work = dot(pushed, shock) / stiff
        else:
            for i in range(moves):
                pushed[i] = tight * (after[i] - persistence * before[i])
            work = dot(pushed, pushed) / tight
            density[k] -= 0.5 * work
        phi_slope[k] = persistence * tight * (moves - work) + dot(pushed, before)
        force[0] = path[k, 0]
        for t in range(weeks):
            row[t] = persistence * force[t + 1] - force[t]
    return density, slope, phi_slope
