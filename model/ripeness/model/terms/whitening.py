r"""The whitening map: white noise to factor paths, and the exact density of the paths, as one kernel with a hand-written adjoint.

The exact density of a path given its persistence is

.. math:: \log p(z \mid \varphi) = \log N(z_0; 0, 1) + \sum_t \log p(s_t) - \tfrac{1}{2} \log(1 - \varphi^2), \qquad
    s_t = (z_t - \varphi z_{t-1}) / \sqrt{1 - \varphi^2}

A factor follows z_t = φ z_{t−1} + √(1−φ²) s_t, with innovations s_t of unit variance, normal or Student-t, from a standard normal z_0.
Let q = 1/(1−φ²), p a week's precision summed over its Gaussian pseudo-observations, and h their information. The posterior precision
P of a path is tridiagonal: q(1+φ²) + p on the diagonal (q + p in the first and last week), −φq beside it. With P = L Lᵀ,

.. math:: z = P^{-1} h + L^{-\top}\varepsilon, \qquad \varepsilon \sim N(0, I).

The factorisation is taken without square roots, L = B D^{1/2} with ones on the diagonal of B. With v_t = 1/D_t and c_t = φq v_t,

.. math:: v_t^{-1} = P_{tt} - (\varphi q)^2 v_{t-1}, \qquad y_t = h_t + c_{t-1} y_{t-1}, \qquad
    z_t = v_t y_t + \sqrt{v_t}\,\varepsilon_t + c_t z_{t+1}.

The adjoint, from cotangents z̄ of the path and b of the log ratio, needs one sweep onward and one back (z̄ includes b times the
derivative of log p(z | φ)):

.. math::
    \lambda_t &= \bar z_t + c_{t-1} \lambda_{t-1}, \qquad \rho_t = v_t \lambda_t, \qquad \mu_t = \rho_t + c_t \mu_{t+1} \\
    \delta_t &= c_t^2 \delta_{t+1} - \rho_t (z_t - \tfrac12 \sqrt{v_t} \varepsilon_t) - (\mu_t - \rho_t) v_t y_t - \tfrac12 b v_t

and then ε̄ = √v λ + b ε, h̄ = μ, p̄ = δ, and Σ_t [ρ_t z_{t+1} + μ_{t+1} v_t y_t − 2 c_t δ_{t+1}] is the cotangent of φq.

c is zero in the last week. The recursions run on tables of :mod:`ripeness.kernels.simd`, sixteen factors abreast; loops over lanes
that touch many arrays do not become vector instructions, which is why some are split in two.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import compiled, inner
from ripeness.kernels.reductions import dot
from ripeness.kernels.simd import (
    BLOCK,
    LANES,
    backward_recursion,
    by_lane,
    forward_recursion,
    from_table,
    log_sum_of_weeks,
    sum_of_weeks,
    to_table,
)

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
        persistence, innovation_precision = phi[k], 1.0 / (1.0 - phi[k] * phi[k])
        density[k] = 0.5 * moves * math.log(innovation_precision) - 0.5 * path[k, 0] * path[k, 0]
        if heavy[k] > 0.5:
            root_precision, tail = math.sqrt(innovation_precision), 1.0 / (df - 2.0)
            weight = root_precision * (df + 1.0) * tail
            for i in range(moves):
                shock[i] = root_precision * (after[i] - persistence * before[i])
            for i in range(moves):
                grown[i] = 1.0 + tail * (shock[i] * shock[i])
            for i in range(moves):
                pushed[i] = weight * shock[i] / grown[i]
            constant = math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df) + 0.5 * math.log(2.0 * tail)
            density[k] += moves * constant - 0.5 * (df + 1.0) * log_sum(grown)
            work = dot(pushed, shock) / root_precision
        else:
            for i in range(moves):
                pushed[i] = innovation_precision * (after[i] - persistence * before[i])
            work = dot(pushed, pushed) / innovation_precision
            density[k] -= 0.5 * work
        phi_slope[k] = persistence * innovation_precision * (moves - work) + dot(pushed, before)
        force[0] = path[k, 0]
        for t in range(weeks):
            row[t] = persistence * force[t + 1] - force[t]
    return density, slope, phi_slope


@inner
def factorise(phi: Array, inverse: Array) -> Array:
    """Factorise P = B D Bᵀ.

    Parameters
    ----------
    phi : ndarray (group, lane)
    inverse : ndarray (row, lane)
        p, replaced by v.

    Returns
    -------
    ndarray (row, lane)
        c; zero in the last week.
    """
    step = np.empty(inverse.shape)
    groups, width = phi.shape
    weeks = inverse.shape[0] // groups
    pull, square, diagonal, endpoints = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    for group in range(groups):
        first, last = group * weeks, group * weeks + weeks - 1
        for j in range(width):
            phi_squared = phi[group, j] * phi[group, j]
            innovation_precision = 1.0 / (1.0 - phi_squared)
            pull[j] = phi[group, j] * innovation_precision
            square[j] = pull[j] * pull[j]
            diagonal[j] = innovation_precision * (1.0 + phi_squared)
            endpoints[j] = innovation_precision if weeks > 1 else 1.0
        for j in range(width):
            inverse[first, j] = 1.0 / (endpoints[j] + inverse[first, j])
        for t in range(first + 1, last):
            for j in range(width):
                inverse[t, j] = 1.0 / (diagonal[j] + inverse[t, j] - square[j] * inverse[t - 1, j])
        if weeks > 1:
            for j in range(width):
                inverse[last, j] = 1.0 / (endpoints[j] + inverse[last, j] - square[j] * inverse[last - 1, j])
        for t in range(first, last):
            for j in range(width):
                step[t, j] = pull[j] * inverse[t, j]
        for j in range(width):
            step[last, j] = 0.0
    return step


@inner
def substitute(inverse: Array, step: Array, information: Array, noise: Array) -> tuple[Array, Array]:
    """Path z and root √v, (row, lane), from v, c, h and ε; what held h then holds v y, and what held ε holds √v ε."""
    forward_recursion(step, information)
    path, root = np.empty(inverse.shape), np.empty(inverse.shape)
    v, z, r = inverse.reshape(-1), path.reshape(-1), root.reshape(-1)
    drift, shock = information.reshape(-1), noise.reshape(-1)
    for i in range(v.size):
        r[i] = np.sqrt(v[i])
    for i in range(v.size):
        shock[i] *= r[i]
    for i in range(v.size):
        drift[i] *= v[i]
        z[i] = drift[i] + shock[i]
    backward_recursion(step, path)
    return path, root


@compiled
def map_paths(
    phi: Array, precision: Array, information: Array, noise: Array, heavy: Array, df: Array
) -> tuple[Array, Array, Array, Array, Array, Array, Array, Array, Array]:
    """Forward kernel of the whitened paths.

    Parameters
    ----------
    phi : ndarray (factor,)
        Persistence, in (−1, 1).
    precision, information : ndarray (factor, week)
        Gaussian pseudo-observations, summed for each week: precision p ≥ 0 and information h.
    noise : ndarray (factor, week)
        White noise ε.
    heavy : ndarray (factor,)
        1 for factors whose innovations are Student-t, scaled to unit variance, 0 where they are normal. The first week has the
        stationary normal distribution in either case.
    df : ndarray (1,)
        Degrees of freedom, > 2.

    Returns
    -------
    path : ndarray (factor, week)
        P⁻¹h + L⁻ᵀε.
    log_ratio : ndarray (factor,)
        log p(path | φ) − Σ log L_tt + ½‖ε‖² + ½ weeks log 2π. Added to a model with ε ~ N(0, I) it makes the path's density exact,
        whatever p and h are.
    table, step, root, drift, shock : ndarray (row, lane)
        z, c, √v, v y and √v ε.
    slope, phi_slope : ndarray (factor, week), (factor,)
        Derivatives of log p(path | φ).
    """
    factors = phi.shape[0]
    inverse, drift, shock = to_table(precision), to_table(information), to_table(noise)
    step = factorise(by_lane(phi), inverse)
    table, root = substitute(inverse, step, drift, shock)
    path = from_table(table, factors)
    log_ratio, slope, phi_slope = innovation_density(path, phi, heavy, df[0])
    log_roots = log_sum_of_weeks(inverse, factors)
    for k in range(factors):
        log_ratio[k] += 0.5 * (log_roots[k] + dot(noise[k], noise[k]))
    return path, log_ratio, table, step, root, drift, shock, slope, phi_slope


@inner
def weigh(root: Array, weighted: Array) -> tuple[Array, Array]:
    """ρ = v λ twice over, from √v and λ; what held λ then holds √v λ. Tables (row, lane)."""
    kept, mean_bar = np.empty(root.shape), np.empty(root.shape)
    r, x, rho, mu = root.reshape(-1), weighted.reshape(-1), kept.reshape(-1), mean_bar.reshape(-1)
    for i in range(x.size):
        x[i] *= r[i]
        rho[i] = r[i] * x[i]
        mu[i] = rho[i]
    return kept, mean_bar


@inner
def adjoint_factorisation(
    root: Array, step: Array, table: Array, drift: Array, shock: Array, kept: Array, mean_bar: Array, bar: Array
) -> tuple[Array, Array]:
    """Last sweep of the adjoint: tables δ and each week's share in the cotangent of φq.

    Parameters
    ----------
    root, step, table, drift, shock : ndarray (row, lane)
        As from :func:`map_paths`.
    kept, mean_bar : ndarray (row, lane)
        ρ and μ.
    bar : ndarray (group, lane)
        b.
    """
    pivot_bar, off_share = np.empty(root.shape), np.empty(root.shape)
    groups, width = bar.shape
    weeks = root.shape[0] // groups
    c, z, u, e = step.reshape(-1), table.reshape(-1), drift.reshape(-1), shock.reshape(-1)
    rho, mu, delta, share = kept.reshape(-1), mean_bar.reshape(-1), pivot_bar.reshape(-1), off_share.reshape(-1)
    for i in range(delta.size):
        delta[i] = rho[i] * (0.5 * e[i] - z[i]) - (mu[i] - rho[i]) * u[i]
    for group in range(groups):
        own = bar[group]
        for t in range(group * weeks, (group + 1) * weeks):
            for j in range(width):
                pivot_bar[t, j] -= (0.5 * own[j]) * (root[t, j] * root[t, j])
    for i in range(delta.size - LANES - 1, -1, -1):
        delta[i] += c[i] * c[i] * delta[i + LANES]
    for i in range(delta.size - LANES):
        share[i] = rho[i] * z[i + LANES] + mu[i + LANES] * u[i]
    for i in range(delta.size - LANES):
        share[i] -= 2.0 * c[i] * delta[i + LANES]
    for group in range(groups):
        for j in range(width):
            off_share[(group + 1) * weeks - 1, j] = 0.0
    return pivot_bar, off_share


@compiled
def adjoint_paths(
    phi: Array,
    precision: Array,
    information: Array,
    noise: Array,
    heavy: Array,
    df: Array,
    path: Array,
    log_ratio: Array,
    table: Array,
    step: Array,
    root: Array,
    drift: Array,
    shock: Array,
    slope: Array,
    phi_slope: Array,
    path_bar: Array,
    log_ratio_bar: Array,
) -> tuple[Array, Array, Array, Array]:
    """Adjoint of :func:`map_paths`.

    Parameters
    ----------
    phi, …, df; path, …, phi_slope : ndarray
        Inputs and outputs of :func:`map_paths`.
    path_bar : ndarray (factor, week)
    log_ratio_bar : ndarray (factor,)

    Returns
    -------
    phi_bar : ndarray (factor,)
    precision_bar, information_bar, noise_bar : ndarray (factor, week)
    """
    factors, weeks = path.shape
    whole_bar = np.empty((factors, weeks))
    for k in range(factors):
        for t in range(weeks):
            whole_bar[k, t] = path_bar[k, t] + log_ratio_bar[k] * slope[k, t]
    weighted = to_table(whole_bar)
    forward_recursion(step, weighted)
    kept, mean_bar = weigh(root, weighted)
    noise_bar = from_table(weighted, factors)
    for k in range(factors):
        for t in range(weeks):
            noise_bar[k, t] += log_ratio_bar[k] * noise[k, t]
    backward_recursion(step, mean_bar)
    pivot_bar, off_share = adjoint_factorisation(root, step, table, drift, shock, kept, mean_bar, by_lane(log_ratio_bar))
    precision_bar = from_table(pivot_bar, factors)
    off_bar, diagonal_bar = sum_of_weeks(off_share, factors), sum_of_weeks(pivot_bar, factors)
    phi_bar = np.empty(factors)
    for k in range(factors):
        square = (1.0 / (1.0 - phi[k] * phi[k])) ** 2
        endpoints = precision_bar[k, 0] + precision_bar[k, weeks - 1]
        # derivatives by φ: φq has q²(1+φ²), q(1+φ²) has 4φq², and q in the first and last week half that
        phi_bar[k] = square * ((1.0 + phi[k] * phi[k]) * off_bar[k] + phi[k] * (4.0 * diagonal_bar[k] - 2.0 * endpoints))
        phi_bar[k] += log_ratio_bar[k] * phi_slope[k]
    return phi_bar, precision_bar, from_table(mean_bar, factors), noise_bar
