r"""Orthogonal rotation of coordinates: what the sampler moves along, where the coordinates of x themselves would be too narrow together.

Many indicators of one factor say how large its moves are, and none says it alone: their loadings are known far better in proportion to one
another than together, and their intercepts likewise in level. The moves of a slow level, likewise, are known by where they lead, and the
longer the record, the better. Along the single coordinates a sampler can take but small steps. So each such group is rotated: of its
standardised coordinates u = (x − m)/s

.. math:: u = R v, \qquad R^\top R = 1,

the sampler sees v. Indicators are rotated by a Householder reflection (Golub and Van Loan 2013, "Matrix computations", section 5.1) that
exchanges the first one for the direction in which all move together; a level by its principal components (same book, section 2.4), the
directions in which its moves, as the prior has them, change the level most over the record, then next most, and so on. A rotation keeps lengths,
so that the Normal prior of v is that of u. Nothing else knows of it: draws are kept as x.
"""

from __future__ import annotations

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
    """

    places: Index
    first: Index
    rotation: Array


def join_rotations(together: Sequence[tuple[Index, Array]]) -> Rotation:
    """Groups of places, each with its matrix R (item, item)."""
    places = [np.zeros(0, dtype=np.int64), *(own for own, _ in together)]
    return Rotation(
        np.concatenate(places),
        np.cumsum([len(own) for own in places]),
        np.concatenate([np.zeros(0), *(matrix.ravel() for _, matrix in together)]),
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
    """From rotated coordinates (place,) to x."""
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
    return x


@inner
def rotate_gradient(gradient: Array, sd: Array, r: Rotation) -> None:
    """From the gradient in x (place,) to that in rotated coordinates, in place."""
    found, entry = np.zeros(r.places.shape[0]), 0
    for g in range(r.first.shape[0] - 1):
        for i in range(r.first[g], r.first[g + 1]):
            of = r.places[i]
            for j in range(r.first[g], r.first[g + 1]):
                found[j] += r.rotation[entry] * gradient[of] * sd[of]
                entry += 1
    for i in range(r.places.shape[0]):
        gradient[r.places[i]] = found[i] / sd[r.places[i]]
