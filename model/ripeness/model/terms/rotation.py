r"""What the sampler moves along, where the coordinates of x themselves would be too narrow together: rotated, and centred.

Many indicators of one factor are known far better in proportion to one another than in proportion to its reference indicator, and likewise in level. The
moves of a slow level are known by where they lead, and the longer the record, the better; of a factor's scale and half-life the size of its shocks is known
best. Along the single coordinates a sampler can take but small steps. So each such group is rotated: of its standardised coordinates u = (x − m)/s

.. math:: u = R v, \qquad R^\top R = 1,

the sampler sees v. Indicators, and scale and half-life, are rotated by a Householder reflection (Golub and Van Loan 2013, "Matrix computations", section 5.1) that
exchanges the first one for the direction in which all move together; a level by its principal components (same book, section 2.4), the directions in which its moves, as the prior has
them, change the level most over the record, then next most, and so on. A rotation keeps lengths, so that the Normal prior of v is that of u.

Where what is known is a product, the ridge bends, and no rotation follows it. Then a coordinate is centred by another one, δ = x' − m' off its mean,

.. math:: x = m + e^{p\delta} (v - m) + a\, e^{\delta}, \qquad \log\left|\frac{dx}{dv}\right| = p\,\delta.

With p = −1 the moves of a level are sampled in units of what they measure, not of their own size: the centred parametrisation, which is the better one where
data say much (Papaspiliopoulos, Roberts and Sköld 2007, "A general framework for the parametrization of hierarchical models"). With p = 0 an indicator's
intercept is sampled where its factor usually stands, at height −a, and not where the factor is zero: a centred regressor. Nothing else knows of either: draws
are kept as x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import inner

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Rotation(NamedTuple):
    """Places of x that are rotated, in groups that share none.

    Parameters
    ----------
    places : ndarray of int (item,)
        Places, group by group.
    first : ndarray of int (group + 1,)
        First item of each group, and their number.
    rotation : ndarray (entry,)
        R of each group in join_rotations, row by row.
    centred : ndarray of int (centred, 2)
        Places that are centred, and those by which they are, which are not centred themselves.
    centring : ndarray (centred, 2)
        p and a of each.
    """

    places: Index
    first: Index
    rotation: Array
    centred: Index
    centring: Array


def join_rotations(together: Sequence[tuple[Index, Array]], centred: Sequence[tuple[int, int, float, float]] = ()) -> Rotation:
    """Groups of places, each with its matrix R (item, item); and places that are centred by others, with p and a."""
    places = [np.zeros(0, dtype=np.int64), *(own for own, _ in together)]
    return Rotation(
        np.concatenate(places),
        np.cumsum([len(own) for own in places]),
        np.concatenate([np.zeros(0), *(matrix.ravel() for _, matrix in together)]),
        np.array([one[:2] for one in centred], dtype=np.int64).reshape(-1, 2),
        np.array([one[2:] for one in centred], dtype=float).reshape(-1, 2),
    )


def reflection(direction: Array) -> Array:
    """The reflection that exchanges the first coordinate for a direction (item,), of any length: (item, item)."""
    if not len(direction):
        return np.zeros((0, 0))
    axis = direction / np.linalg.norm(direction)
    axis[0] -= 1.0
    length = np.linalg.norm(axis)
    return np.eye(len(axis)) - (2.0 * np.outer(axis / length, axis / length) if length > 0.0 else 0.0)


def components(effects: Array) -> Array:
    """Principal components, in columns (item, item), of what each coordinate changes (week, item): those that change most first."""
    found = np.linalg.svd(effects, full_matrices=False)[2].T
    return np.asarray(found * np.where(found.sum(axis=0) < 0.0, -1.0, 1.0))


@inner
def rotate_back(at: Array, mean: Array, sd: Array, r: Rotation) -> Array:
    """From the sampler's coordinates (place,) to x."""
    x, entry = np.empty(at.shape[0]), 0
    for i in range(at.shape[0]):
        x[i] = at[i]
    for g in range(r.first.shape[0] - 1):
        for i in range(r.first[g], r.first[g + 1]):
            to, along = r.places[i], 0.0
            for j in range(r.first[g], r.first[g + 1]):
                of = r.places[j]
                along += r.rotation[entry] * (at[of] - mean[of]) / sd[of]
                entry += 1
            x[to] = mean[to] + sd[to] * along
    for i in range(r.centred.shape[0]):
        to, by = r.centred[i, 0], r.centred[i, 1]
        off = x[by] - mean[by]
        x[to] = mean[to] + math.exp(r.centring[i, 0] * off) * (x[to] - mean[to]) + r.centring[i, 1] * math.exp(off)
    return x


@inner
def log_volume(x: Array, mean: Array, r: Rotation) -> float:
    """Log of how much the volume of x (place,) exceeds that of the sampler's coordinates."""
    total = 0.0
    for i in range(r.centred.shape[0]):
        total += r.centring[i, 0] * (x[r.centred[i, 1]] - mean[r.centred[i, 1]])
    return total


@inner
def rotate_gradient(gradient: Array, x: Array, mean: Array, sd: Array, r: Rotation) -> None:
    """From the gradient in x (place,) of a density of x to that in the sampler's coordinates of its density there, in place."""
    for i in range(r.centred.shape[0]):
        to, by = r.centred[i, 0], r.centred[i, 1]
        off, power = x[by] - mean[by], r.centring[i, 0]
        added = r.centring[i, 1] * math.exp(off)
        gradient[by] += power + gradient[to] * (power * (x[to] - mean[to] - added) + added)
        gradient[to] *= math.exp(power * off)
    found, entry = np.zeros(r.places.shape[0]), 0
    for g in range(r.first.shape[0] - 1):
        for i in range(r.first[g], r.first[g + 1]):
            of = r.places[i]
            for j in range(r.first[g], r.first[g + 1]):
                found[j] += r.rotation[entry] * gradient[of] * sd[of]
                entry += 1
    for i in range(r.places.shape[0]):
        gradient[r.places[i]] = found[i] / sd[r.places[i]]
