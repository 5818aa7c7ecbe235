r"""Turned coordinates: what the sampler moves along, where the coordinates of x themselves would be too narrow together.

Many indicators of one factor say how large its moves are, and none says it alone: their loadings are known far better in proportion to one
another than together, and their intercepts likewise in level. Along single loadings a sampler can take but small steps. So the first one of
each group is exchanged for the direction in which all move together, by a Householder reflection (Golub and Van Loan 2013, "Matrix
computations", section 5.1) of the standardised coordinates u = (x − m)/s:

.. math:: v = u - 2 w (w \cdot u), \qquad w \propto d - e_1,

with d of length one, the common direction, and e_1 the first coordinate. A reflection keeps lengths, so that the Normal prior of v is that of
u, and is its own inverse. Nothing else knows of it: draws are kept as x.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness.kernel import inner

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Turned(NamedTuple):
    """Places of x that are turned.

    Parameters
    ----------
    turned : ndarray of int (item,)
        Places, group by group.
    turn_of : ndarray of int (item,)
        Group of each.
    axis : ndarray (item,)
        √2 · w; zero in a group of one, which stays as it is.
    """

    turned: Index
    turn_of: Index
    axis: Array


def turn(together: Sequence[tuple[Index, Array]]) -> Turned:
    """Groups of places, each with the direction in which all its standardised coordinates move together."""
    axes = [np.zeros(0)]
    for places, direction in together:
        axis = direction / np.linalg.norm(direction) if len(places) else np.zeros(0)
        if len(places):
            axis[0] -= 1.0
        length = np.linalg.norm(axis)
        axes.append(axis * (np.sqrt(2.0) / length) if length > 0.0 else axis)
    items = [np.zeros(0, dtype=np.int64), *(own for own, _ in together)]
    groups = np.repeat(np.arange(len(together), dtype=np.int64), [len(own) for own, _ in together])
    return Turned(np.concatenate(items), groups, np.concatenate(axes))


@inner
def along_axes(values: Array, scale: Array, t: Turned) -> Array:
    """√2 w·u of each group, for u = values · scale: (group,)."""
    found = np.zeros(t.turned.shape[0])
    for i in range(t.turned.shape[0]):
        found[t.turn_of[i]] += t.axis[i] * values[t.turned[i]] * scale[t.turned[i]]
    return found


@inner
def turn_back(at: Array, mean: Array, sd: Array, t: Turned) -> Array:
    """From turned coordinates (place,) to x, or from x to turned coordinates."""
    x, off, precise = np.empty(at.shape[0]), np.empty(at.shape[0]), np.empty(at.shape[0])
    for i in range(at.shape[0]):
        x[i], off[i], precise[i] = at[i], at[i] - mean[i], 1.0 / sd[i]
    along = along_axes(off, precise, t)
    for i in range(t.turned.shape[0]):
        x[t.turned[i]] -= sd[t.turned[i]] * t.axis[i] * along[t.turn_of[i]]
    return x


@inner
def turn_gradient(gradient: Array, sd: Array, t: Turned) -> None:
    """From the gradient in x (place,) to that in turned coordinates, in place."""
    along = along_axes(gradient, sd, t)
    for i in range(t.turned.shape[0]):
        gradient[t.turned[i]] -= t.axis[i] * along[t.turn_of[i]] / sd[t.turned[i]]
