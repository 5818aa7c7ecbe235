r"""Factor paths: AR(1) series of unit variance, drawn whitened so that NUTS sees a well-shaped posterior.

A factor follows

.. math:: z_t = \varphi z_{t-1} + \sqrt{1-\varphi^2}\,\epsilon_t, \qquad \varphi = 2^{-1/\text{half-life}},

with unit-variance innovations, normal or Student-t. Given the hyperparameters, a Gaussian approximation of (z | indicators) has a
tridiagonal precision P = L Lᵀ and an information vector h, and the path is drawn as

.. math:: z = P^{-1} h + L^{-\top}\varepsilon, \qquad \varepsilon \sim N(0, I).

The map from ε to z has log-Jacobian −Σ log L_tt. Adding the exact log density of z, that Jacobian and ½‖ε‖² to the model gives back
the exact posterior whatever the likelihood (see :func:`path_log_density`); the approximation only decides how well it mixes.

`WhitenedPaths` and its adjoint are written by hand: one sweep forward and one back for each factor, compiled by numba.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key
from scipy.special import gammaln

Array = NDArray[np.float64]


def draw_paths(diagonal: Array, off: Array, information: Array, noise: Array) -> tuple[Array, Array]:
    """Map white noise to factor paths by the Cholesky factor of a tridiagonal precision.

    Parameters
    ----------
    diagonal : ndarray (factor, week)
        Diagonal of the precision P, > 0.
    off : ndarray (factor,)
        The off-diagonal of P, the same for all weeks.
    information : ndarray (factor, week)
        The vector h = P·mean.
    noise : ndarray (factor, week)
        White noise ε.

    Returns
    -------
    path : ndarray (factor, week)
        P⁻¹h + L⁻ᵀε.
    log_root : ndarray (factor,)
        Σ_t log L_tt, half the log-determinant of P.
    """
    factors, weeks = diagonal.shape
    path = np.empty((factors, weeks))
    log_root = np.zeros(factors)
    root = np.empty(weeks)
    below = np.empty(weeks)
    forward = np.empty(weeks)
    for k in range(factors):
        root[0] = np.sqrt(diagonal[k, 0])
        below[0] = 0.0
        forward[0] = information[k, 0] / root[0]
        log_root[k] = np.log(root[0])
        for t in range(1, weeks):
            below[t] = off[k] / root[t - 1]
            root[t] = np.sqrt(diagonal[k, t] - below[t] * below[t])
            forward[t] = (information[k, t] - below[t] * forward[t - 1]) / root[t]
            log_root[k] += np.log(root[t])
        path[k, weeks - 1] = (forward[weeks - 1] + noise[k, weeks - 1]) / root[weeks - 1]
        for t in range(weeks - 2, -1, -1):
            path[k, t] = (forward[t] + noise[k, t] - below[t + 1] * path[k, t + 1]) / root[t]
    return path, log_root


def pull_back_paths(
    diagonal: Array, off: Array, information: Array, noise: Array, path_bar: Array, log_root_bar: Array
) -> tuple[Array, Array, Array, Array]:
    """Adjoint of :func:`draw_paths`: from cotangents of its outputs to cotangents of its inputs.

    Parameters
    ----------
    diagonal, off, information, noise : ndarray
        The inputs of :func:`draw_paths`.
    path_bar : ndarray (factor, week)
    log_root_bar : ndarray (factor,)

    Returns
    -------
    diagonal_bar, off_bar, information_bar, noise_bar : ndarray
        Shaped like the inputs.
    """
    factors, weeks = diagonal.shape
    diagonal_bar = np.empty((factors, weeks))
    information_bar = np.empty((factors, weeks))
    noise_bar = np.empty((factors, weeks))
    off_bar = np.zeros(factors)
    root = np.empty(weeks)
    below = np.empty(weeks + 1)
    forward = np.empty(weeks)
    path = np.empty(weeks + 1)
    root_bar = np.empty(weeks)
    below_bar = np.empty(weeks + 1)
    for k in range(factors):
        root[0] = np.sqrt(diagonal[k, 0])
        below[0] = 0.0
        forward[0] = information[k, 0] / root[0]
        for t in range(1, weeks):
            below[t] = off[k] / root[t - 1]
            root[t] = np.sqrt(diagonal[k, t] - below[t] * below[t])
            forward[t] = (information[k, t] - below[t] * forward[t - 1]) / root[t]
        below[weeks] = 0.0
        path[weeks] = 0.0
        for t in range(weeks - 1, -1, -1):
            path[t] = (forward[t] + noise[k, t] - below[t + 1] * path[t + 1]) / root[t]
        # back substitution, undone from the first week to the last
        carried = 0.0
        below_bar[0] = 0.0
        for t in range(weeks):
            total = path_bar[k, t] - carried * below[t]
            carried = total / root[t]
            noise_bar[k, t] = carried
            root_bar[t] = log_root_bar[k] / root[t] - carried * path[t]
            below_bar[t + 1] = -carried * path[t + 1]
        # forward substitution, undone from the last week to the first
        carried = 0.0
        for t in range(weeks - 1, -1, -1):
            total = noise_bar[k, t] - carried * below[t + 1]
            carried = total / root[t]
            information_bar[k, t] = carried
            root_bar[t] -= carried * forward[t]
            if t > 0:
                below_bar[t] -= carried * forward[t - 1]
        # the factorisation itself
        for t in range(weeks - 1, 0, -1):
            diagonal_bar[k, t] = 0.5 * root_bar[t] / root[t]
            below_bar[t] -= root_bar[t] * below[t] / root[t]
            off_bar[k] += below_bar[t] / root[t - 1]
            root_bar[t - 1] -= below_bar[t] * below[t] / root[t - 1]
        diagonal_bar[k, 0] = 0.5 * root_bar[0] / root[0]
    return diagonal_bar, off_bar, information_bar, noise_bar


class WhitenedPaths(Op):
    """PyTensor Op for :func:`draw_paths`; its pullback is :class:`WhitenedPathsPullback`."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Inputs diagonal (factor, week), off (factor,), information and noise (factor, week)."""
        return Apply(self, [pt.as_tensor(value).astype("float64") for value in inputs], [pt.dmatrix(), pt.dvector()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Evaluate without numba."""
        for storage, value in zip(output_storage, draw_paths(*inputs), strict=True):
            storage[0] = value

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """Path like the noise, log_root like off."""
        return [shapes[3], shapes[1]]

    def pullback(self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Variable]) -> list[Variable]:
        """Cotangents of the inputs; an output that nothing uses counts as zero."""
        bars = [out.zeros_like() if isinstance(bar.type, DisconnectedType) else bar for bar, out in zip(cotangents, outputs, strict=True)]
        return list(WhitenedPathsPullback()(*inputs, *bars, return_list=True))


class WhitenedPathsPullback(Op):
    """PyTensor Op for :func:`pull_back_paths`."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """Inputs of :class:`WhitenedPaths` and the cotangents of its outputs."""
        values = [pt.as_tensor(value).astype("float64") for value in inputs]
        return Apply(self, values, [pt.dmatrix(), pt.dvector(), pt.dmatrix(), pt.dmatrix()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Evaluate without numba."""
        for storage, value in zip(output_storage, pull_back_paths(*inputs), strict=True):
            storage[0] = value

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """Each output is shaped like its input."""
        return list(shapes[:4])


@register_funcify_default_op_cache_key(WhitenedPaths)
def _(op: WhitenedPaths, **_: Any) -> tuple[Callable[..., Any], int]:
    return numba_basic.numba_njit(draw_paths), 1


@register_funcify_default_op_cache_key(WhitenedPathsPullback)
def _(op: WhitenedPathsPullback, **_: Any) -> tuple[Callable[..., Any], int]:
    return numba_basic.numba_njit(pull_back_paths), 1


whitened_paths = WhitenedPaths()


def persistence(half_life: Any, xp: Any = pt) -> Any:
    """φ of an AR(1) series whose shocks fade by half in `half_life` weeks: 2^(−1/half-life)."""
    return xp.exp(-np.log(2.0) / half_life)


def prior_precision(phi: Any, weeks: int) -> tuple[Any, Any]:
    """Tridiagonal precision of a stationary AR(1) path of unit variance.

    Parameters
    ----------
    phi : tensor (factor,)
        Persistence, in (0, 1).
    weeks : int
        Length of the path.

    Returns
    -------
    diagonal : tensor (factor, week)
    off : tensor (factor,)
    """
    tight = 1.0 / (1.0 - phi**2)
    ends = np.zeros(weeks)
    ends[[0, -1]] = 1.0
    diagonal = tight[:, None] * (1.0 + (phi**2)[:, None] * (1.0 - ends)[None, :])
    return diagonal, -phi * tight


def innovation_log_density(path: Any, phi: Any, heavy: NDArray[np.bool_], df: float) -> Any:
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
    spread = pt.sqrt(1.0 - phi**2)
    innovation = (path[:, 1:] - phi[:, None] * path[:, :-1]) / spread[:, None]
    weeks_after_first = path.shape[1] - 1
    first = -0.5 * pt.sum(path[:, 0] ** 2) - 0.5 * np.log(2 * np.pi) * len(heavy)
    scale = -pt.sum(pt.log(spread)) * weeks_after_first
    smooth, shocks = np.flatnonzero(~heavy), np.flatnonzero(heavy)
    total = first + scale
    if smooth.size:
        total += -0.5 * pt.sum(innovation[smooth] ** 2) - 0.5 * np.log(2 * np.pi) * smooth.size * weeks_after_first
    if shocks.size:
        constant = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * np.log(np.pi * (df - 2))
        total += -(df + 1) / 2 * pt.sum(pt.log1p(innovation[shocks] ** 2 / (df - 2))) + constant * shocks.size * weeks_after_first
    return total


def path_log_density(path: Any, noise: Any, log_root: Any, phi: Any, heavy: NDArray[np.bool_], df: float) -> Any:
    """What turns the white noise's standard normal density into the exact density of the path it is mapped to.

    log p(z | φ) − Σ log L_tt + ½‖ε‖² + const, to be added to the model beside ε ~ N(0, I).
    """
    size = noise.shape[0] * noise.shape[1]
    standard = -0.5 * pt.sum(noise**2) - 0.5 * np.log(2 * np.pi) * size
    return innovation_log_density(path, phi, heavy, df) - pt.sum(log_root) - standard
