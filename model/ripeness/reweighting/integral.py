r"""The integral over one factor's window, estimated without bias for every draw, and a path drawn from what is under it.

With A = B D Bᵀ and b the precision and information of the Gaussian of :mod:`ripeness.reweighting.sites`, v = B⁻¹b, weights w and targets y of
innovations and sites, and counts n with sites g,

.. math:: \int p(x)\, p(\text{rows} \mid x, \lambda)\, dx = Z \cdot \mathbb E\Big[\prod_j p(n_j \mid x) / g_j(x)\Big], \qquad
    \log Z = \tfrac12 \Big[\sum \log w - \sum w y^2 + \sum_i (v_i^2 / D_i - \log D_i)\Big],

where x = B⁻ᵀ(D⁻¹v + D^{−1/2}ε) has that Gaussian. Several sets of mixing precisions λ are tried for each draw, their weights averaged; one ε serves
them all. The states that no set touches are factorised once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import compiled
from ripeness.reweighting.sites import (
    Rows,
    add_innovation,
    add_site,
    assemble,
    factorise,
    find_noise,
    forward_substitution,
    innovation_scale,
    log_normaliser,
    place_states,
    strength_of,
)

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Sites(NamedTuple):
    """What makes the window Gaussian, for all draws.

    Parameters
    ----------
    targets, weights : ndarray (draw, row)
        As from :func:`fit_sites`.
    row_mixing, week_mixing : ndarray (draw, row), (draw, week)
        As from :func:`fit_sites`; read where they are held.
    free_rows, free_weeks : ndarray of int
        Indices of the rows and innovations whose mixing precision is redrawn.
    row_sets, week_sets : ndarray (draw, set, free row), (draw, set, free week)
        Their mixing precisions, several sets of them.
    log_prior : ndarray (draw, set)
        Log of the sets' prior density over the density they were drawn from, and half the sum of their logs: what they add to log Z.
    """

    targets: Array
    weights: Array
    row_mixing: Array
    week_mixing: Array
    free_rows: Index
    free_weeks: Index
    row_sets: Array
    week_sets: Array
    log_prior: Array


@compiled
def log_of_counts(
    x: Array, first: Index, last: Index, share: Array, moved: Array, count: Array,
    level: Array, slope: Array, alpha: Array, targets: Array, weights: Array,
) -> float:  # fmt: skip
    """Log density of the counts at the states x, less that of their sites; without what depends on the parameters alone."""
    total = 0.0
    for j in range(count.shape[0]):
        if count[j] >= 0.0:
            effect = slope[j] * strength_of(x, first[j], last[j], share[j], moved[j])
            off, log_mean = targets[j] - effect, level[j] + effect
            total += count[j] * log_mean - (count[j] + alpha[j]) * math.log(alpha[j] + math.exp(log_mean))
            total += 0.5 * weights[j] * off * off
    return total


@compiled
def assemble_held(
    a: Array, b: Array, rows: Rows, sites: Sites, s: int, moved: Array, weights: Array, innovations: Array
) -> tuple[float, int]:
    """A and b without what is redrawn; the terms of log Z that belong to them, and the first state that anything redrawn touches."""
    phi, before, target, mixing = rows.persistence[s], rows.before[s], sites.targets[s], sites.row_mixing[s]
    scale = innovation_scale(phi, rows.df[0])
    start, total = a.shape[0], rows.constant[s]
    weights[:] = sites.weights[s]
    innovations[:] = scale * sites.week_mixing[s]
    for j in sites.free_rows:
        weights[j] = 0.0
        start = min(start, rows.first[j])
    for t in sites.free_weeks:
        innovations[t] = 0.0
        start = min(start, max(t - 1, 0))
    assemble(a, b, rows.envelope, phi, before, innovations, rows.first, rows.last, rows.share, moved, rows.slope[s], target, weights)
    for t in range(innovations.shape[0]):
        if innovations[t] > 0.0:
            total += 0.5 * math.log(innovations[t])
    total += 0.5 * sites.free_weeks.shape[0] * math.log(scale) - 0.5 * innovations[0] * (phi * before) ** 2
    for j in range(weights.shape[0]):
        total -= 0.5 * weights[j] * target[j] ** 2
        if rows.counted[j] < 0.0 and weights[j] > 0.0:
            total += 0.5 * math.log(mixing[j])
    return total, start


@compiled
def add_set(
    a: Array, b: Array, spread: Array, held: Array, held_b: Array, rows: Rows, sites: Sites, s: int, j: int, start: int, moved: Array, weights: Array
) -> float:  # fmt: skip
    """B, 1/D and v of one set of mixing precisions, from those of the states before `start`, and the terms of log Z that it adds."""
    states, envelope, phi, before = a.shape[0], rows.envelope, rows.persistence[s], rows.before[s]
    for i in range(start, states):
        b[i] = held_b[i]
        for c in range(envelope[i], i + 1):
            a[i, c] = held[i, c]
    total = sites.log_prior[s, j]
    scale, by_week, by_row = innovation_scale(phi, rows.df[0]), sites.week_sets[s, j], sites.row_sets[s, j]
    for place in range(by_week.shape[0]):
        t, weight = sites.free_weeks[place], scale * by_week[place]
        add_innovation(a, b, phi, before, t, weight)
        if t == 0:
            total -= 0.5 * weight * (phi * before) ** 2
    for place in range(by_row.shape[0]):
        row = sites.free_rows[place]
        weight, target = by_row[place] * rows.precision[s, row], sites.targets[s, row]
        weights[row] = weight
        add_site(a, b, rows.first[row], rows.last[row], rows.share[row], moved[row], rows.slope[s, row], target, weight)
        total -= 0.5 * weight * target**2
    factorise(a, spread, envelope, start, states)
    forward_substitution(a, envelope, b, start, states)
    return total + log_normaliser(spread, b, start, states)


@compiled
def integrate(rows: Rows, sites: Sites, known: bool, path: Array, noise: Array, uniform: Array) -> Array:
    """Log of the mean over the sets of p(rows | kept weeks, parameters), and one path for each draw.

    Parameters
    ----------
    rows : Rows
    sites : Sites
    known : bool
        Whether `path` is given, drawn from its posterior together with the first set: then `noise` is found from it. Otherwise a set is
        chosen by its weight, and `path` is found from it and `noise`.
    path : ndarray (draw, state)
    noise : ndarray (draw, state)
        ε: of all sets of a draw.
    uniform : ndarray (draw,)
        In [0, 1); chooses the set.

    Returns
    -------
    ndarray (draw,)
    """
    draws, sets = sites.log_prior.shape
    envelope, count = rows.envelope, rows.counted
    states, number = envelope.shape[0], count.shape[0]
    held, a = np.zeros((states, states)), np.zeros((states, states))
    held_b, b, spread, x = np.empty(states), np.empty(states), np.empty(states), np.empty(states)
    innovations, weights, log_weight, found = np.empty(rows.weeks[0]), np.empty(number), np.empty(sets), np.empty(draws)
    counted = number > 0 and count.max() >= 0.0
    for s in range(draws):
        moved, target, own_noise = rows.ramp * rows.step[s], sites.targets[s], noise[s]
        level, slope, alpha = rows.target[s], rows.slope[s], rows.precision[s]
        terms, start = assemble_held(held, held_b, rows, sites, s, moved, weights, innovations)
        for i in range(start):
            b[i] = held_b[i]
            for c in range(envelope[i], i + 1):
                a[i, c] = held[i, c]
        factorise(a, spread, envelope, 0, start)
        forward_substitution(a, envelope, b, 0, start)
        terms += log_normaliser(spread, b, 0, start)
        for j in range(sets):
            log_weight[j] = terms + add_set(a, b, spread, held, held_b, rows, sites, s, j, start, moved, weights)
            if known and j == 0:
                find_noise(own_noise, path[s], a, b, spread, envelope)
            if counted:
                place_states(x, own_noise, a, b, spread, envelope)
                log_weight[j] += log_of_counts(x, rows.first, rows.last, rows.share, moved, count, level, slope, alpha, target, weights)
        peak = log_weight.max()
        total = 0.0
        for j in range(sets):
            log_weight[j] = math.exp(log_weight[j] - peak)
            total += log_weight[j]
        found[s] = peak + math.log(total / sets)
        if not known:
            left, chosen = uniform[s] * total, 0
            while chosen < sets - 1 and left >= log_weight[chosen]:
                left -= log_weight[chosen]
                chosen += 1
            add_set(a, b, spread, held, held_b, rows, sites, s, chosen, start, moved, weights)
            place_states(path[s], own_noise, a, b, spread, envelope)
    return found
