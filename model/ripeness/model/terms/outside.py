"""The outside view: how the hazard of a round falls with dormancy, before anything is known of this war's factors.

log outside(d) is piecewise linear in log d. Up to the active weeks its knots are the process's own rhythm; beyond them they are the
reference class, moved together by how unlike its wars this one is, and each a little by itself:

    knot_j = log rhythm_j                                      d ≤ 8 weeks
    knot_j = reference_j + war_level + deviation_j             beyond

`war_level` is the partially pooled level of one more war from the population behind the table: its spread is the spread between
those wars. Left of the first knot and right of the last the curve is level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def hat_matrix(knots: NDArray[np.float64], dormancy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights that interpolate knot values linearly in log dormancy.

    Parameters
    ----------
    knots : ndarray (knot,)
        Dormancies of the knots in weeks, rising, > 0.
    dormancy : ndarray (dormancy,)
        Weeks since the week of the last round, ≥ 1.

    Returns
    -------
    ndarray (dormancy, knot)
        Rows sum to one; constant beyond the outer knots.

    Raises
    ------
    ValueError
        If the knots do not rise.
    """
    if np.any(np.diff(knots) <= 0) or knots[0] <= 0:
        raise ValueError(f"knots must be positive and rise: {knots}")
    position = np.log(np.clip(dormancy, knots[0], knots[-1]))
    columns = np.eye(len(knots))
    return np.stack([np.interp(position, np.log(knots), column) for column in columns], axis=1)
