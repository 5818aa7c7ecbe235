r"""Factor paths, AR(1) series of unit variance, and the slow levels beneath them.

A factor follows

.. math:: z_t = \varphi z_{t-1} + \sqrt{1-\varphi^2}\,\epsilon_t, \qquad \varphi = 2^{-1/\text{half-life}},

with unit-variance innovations, normal or Student-t. This is the plain form; :mod:`ripeness.model.terms.whitening` has the one that is sampled. Functions take the
array namespace: `pytensor.tensor` in the model, else `numpy`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

WEEKS_PER_KNOT = 26


def persistence(half_life: Any, xp: Any = np) -> Any:
    """φ of an AR(1) series whose shocks fade by half in `half_life` weeks: 2^(−1/half-life)."""
    return xp.exp(-np.log(2.0) / half_life)


def innovation_log_density(path: Any, phi: Any, heavy: NDArray[np.bool_], df: float, xp: Any = np) -> Any:
    """Exact log density of factor paths, summed over factors and weeks.

    Parameters
    ----------
    path : tensor (factor, week)
    phi : tensor (factor,)
    heavy : ndarray (factor,) of bool
        Factors whose innovations are Student-t with `df` degrees of freedom, scaled to unit variance; the others are normal. The
        first week has the stationary normal distribution in either case.
    df : float
        Degrees of freedom, > 2.
    """
    spread = xp.sqrt(1.0 - phi**2)
    innovation = (path[:, 1:] - phi[:, None] * path[:, :-1]) / spread[:, None]
    weeks_after_first = path.shape[1] - 1
    first = -0.5 * xp.sum(path[:, 0] ** 2) - 0.5 * np.log(2 * np.pi) * len(heavy)
    scale = -xp.sum(xp.log(spread)) * weeks_after_first
    smooth, shocks = np.flatnonzero(~heavy), np.flatnonzero(heavy)
    total = first + scale
    if smooth.size:
        total += -0.5 * xp.sum(innovation[smooth] ** 2) - 0.5 * np.log(2 * np.pi) * smooth.size * weeks_after_first
    if shocks.size:
        constant = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * np.log(np.pi * (df - 2))
        total += -(df + 1) / 2 * xp.sum(xp.log1p(innovation[shocks] ** 2 / (df - 2))) + constant * shocks.size * weeks_after_first
    return total


def level_basis(weeks: int) -> NDArray[np.float64]:
    """Hat functions of a slow level with a knot every half year: (knot, week); level from the last knot inside the record on.

    The level may bend at its knots; in between it runs straight, and after the last week it stays where it is.
    """
    knots = np.arange(0, weeks, WEEKS_PER_KNOT)
    if len(knots) == 1:
        return np.ones((1, weeks))
    position = np.clip(np.arange(weeks), 0, knots[-1])
    return np.stack([np.interp(position, knots, row) for row in np.eye(len(knots))])
