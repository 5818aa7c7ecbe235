r"""Factor paths, AR(1) series of unit variance, and the slow levels beneath them.

A factor follows

.. math:: z_t = \varphi z_{t-1} + \sqrt{1-\varphi^2}\,\epsilon_t, \qquad \varphi = 2^{-1/\text{half-life}},

with unit-variance innovations, normal or Student-t. This is the plain form; :mod:`ripeness.model.terms.whitening` has the one that is sampled. Functions take the
array namespace: `pytensor.tensor` in the model, else `numpy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Hold = Callable[[int, Array], None]
WEEKS_PER_KNOT = 26


def persistence(half_life: Any, xp: Any = np) -> Any:
    """φ of an AR(1) series whose shocks fade by half in `half_life` weeks: 2^(−1/half-life)."""
    return xp.exp(-np.log(2.0) / half_life)


def heavy_tailed(spec: ModelSpec) -> NDArray[np.bool_]:
    """Which factors have Student-t innovations: (factor,)."""
    return np.array([factor.tails == "shocks" for factor in spec.workspace.factors], dtype=bool)


def unit_innovations(shape: tuple[int, ...], heavy: NDArray[np.bool_], df: float, rng: np.random.Generator) -> Array:
    """Innovations of unit variance, normal or Student-t by factor: (..., factor), as `shape`."""
    innovation = rng.normal(size=shape)
    if heavy.any():
        mixing = rng.chisquare(df, size=(*shape[:-1], int(heavy.sum()))) / (df - 2)
        innovation[..., heavy] /= np.sqrt(mixing)
    return innovation


def paths_onward(z: Array, phi: Array, shocks: Callable[[], Array], hold: Hold | None = None) -> Iterator[Array]:
    """Factors week after week, without end: z_t = φ z_{t−1} + shock_t.

    Parameters
    ----------
    z : ndarray (..., factor)
        In the week before the first.
    phi : ndarray
        Persistence; broadcasts against `z`.
    shocks : callable
        Gives the shocks of the next week, √(1 − φ²) ε_t, as `z`.
    hold : callable, optional
        Given the number of a week, from 1, and the factors at its end, which it may overwrite: they go on from there.

    Yields
    ------
    ndarray (..., factor)
    """
    for week in count(1):
        z = phi * z + shocks()
        if hold is not None:
            hold(week, z)
        yield z


def stationary_paths(phi: Array, weeks: int, heavy: NDArray[np.bool_], df: float, rng: np.random.Generator) -> Array:
    """Paths from the stationary distribution on: (..., factor, week), from φ (..., factor)."""
    spread, start = np.sqrt(1.0 - phi**2), rng.normal(size=phi.shape)
    onward = paths_onward(start, phi, lambda: spread * unit_innovations(phi.shape, heavy, df, rng))
    return np.stack([start, *islice(onward, weeks - 1)], axis=-1)


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
