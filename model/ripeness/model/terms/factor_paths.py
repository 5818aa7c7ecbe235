r"""Factor paths: latent weekly AR(1) series of unit variance, with normal or Student-t innovations.

.. math:: z_t = \varphi z_{t-1} + \sqrt{1-\varphi^2}\,\epsilon_t, \qquad \varphi = 2^{-1/\text{half-life}},

from a standard normal z_0. Three forms of one posterior: "centred" has the paths themselves as random variables, "non-centred" their innovations,
"whitened" the coordinates in which they are nearly independent (:mod:`ripeness.model.terms.whitening`). No sampler gets far in the first two; the first is
the one to simulate from and to read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ripeness import names
from ripeness.calendar import to_datetime64
from ripeness.kernels.compilation import inner
from ripeness.kernels.exponential import exponential
from ripeness.model.term import Derived, Draws, Kernel, Parameter, Scales, Scope, Term, elicited
from ripeness.model.terms.whitening import adjoint_paths, map_paths

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Hold = Callable[[int, Array], None]
LOG_2 = float(np.log(2.0))


def persistence(half_life: Any, xp: Any = np) -> Any:
    """φ of an AR(1) series whose shocks fade by half in `half_life` weeks: 2^(−1/half-life)."""
    return xp.exp(-LOG_2 / half_life)


def innovation_sd(phi: Any, xp: Any = np) -> Any:
    """Standard deviation of the innovations of an AR(1) series with unit stationary variance: √(1 − φ²)."""
    return xp.sqrt(1.0 - phi**2)


def heavy_tailed(spec: ModelSpec) -> NDArray[np.bool_]:
    """Which factors have Student-t innovations: (factor,)."""
    return np.array([factor.tails == "shocks" for factor in spec.workspace.factors])


def factor_ids(spec: ModelSpec) -> Sequence[str]:
    """Ids of the factors."""
    return spec.workspace.factor_ids


def white_prior(spec: ModelSpec, reading: str) -> Scales:
    """Standard normal, (factor, week)."""
    shape = len(spec.workspace.factors), len(spec.panel.weeks)
    return np.zeros(shape), np.ones(shape)


def innovation_log_density(path: Any, phi: Any, heavy: NDArray[np.bool_], df: float, xp: Any = np) -> Any:
    """Exact log density of factor paths, summed over factors and weeks.

    Parameters
    ----------
    path : array or tensor (factor, week)
    phi : array or tensor (factor,)
    heavy : ndarray (factor,) of bool
        Factors whose innovations are Student-t with `df` degrees of freedom, scaled to unit variance; the others are normal. The
        first week has the stationary normal distribution in either case.
    df : float
        Degrees of freedom, > 2.
    xp : module
        `numpy` or `pytensor.tensor`.
    """
    spread = innovation_sd(phi, xp)
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


@inner
def lay_persistence(half_life: Array) -> tuple[Array]:
    """φ of every factor."""
    phi = np.empty(half_life.shape[0])
    for k in range(half_life.shape[0]):
        phi[k] = exponential(-LOG_2 / half_life[k])
    return (phi,)


@inner
def adjoint_persistence(half_life: Array, phi: Array, phi_bar: Array) -> tuple[Array]:
    """Cotangent of the half-lives."""
    half_life_bar = np.empty(half_life.shape[0])
    for k in range(half_life.shape[0]):
        half_life_bar[k] = phi_bar[k] * phi[k] * LOG_2 / (half_life[k] * half_life[k])
    return (half_life_bar,)


class FactorPaths(Term):
    """Half-lives and paths of the factors."""

    parameters = (
        Parameter(
            "half_life",
            (names.FACTOR,),
            "log",
            elicited("half_life", factor_ids),
            "half-life of a factor",
            "half_life",
            "weeks",
            driver=True,
        ),
        Parameter(
            "white_noise",
            (names.FACTOR, names.WEEK),
            "identity",
            white_prior,
            "whitened coordinates of the paths",
            stored=False,
            ranked=False,
        ),
    )
    kernels = (
        Kernel(lay_persistence, adjoint_persistence, ("half_life",), {"phi": "vector"}, ("half_life",)),
        Kernel(
            map_paths,
            adjoint_paths,
            inputs=("phi", "precision", "information", "white_noise", "heavy", "innovation_df"),
            outputs={"path": "matrix", "path_log_ratio": "vector"},
            saved={
                "path_table": "matrix", "path_step": "matrix", "path_root": "matrix", "path_drift": "matrix", "path_shock": "matrix",
                "path_slope": "matrix", "path_phi_slope": "vector",
            },
            wrt=("phi", "precision", "information", "white_noise"),
            log_density="path_log_ratio",
        ),
    )  # fmt: skip
    derived = (Derived("path", (names.FACTOR, names.WEEK), "latent factor, without pulses", "units of the factor"),)

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.FACTOR: list(factor_ids(spec)), names.WEEK: to_datetime64(list(spec.panel.weeks))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        return {"heavy": heavy_tailed(spec).astype(float), "innovation_df": np.array([spec.priors.files.factor_tails], dtype=float)}

    def declare(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        spec, dims = scope.spec, (names.FACTOR, names.WEEK)
        half_life, white_noise = self.parameters
        phi = persistence(scope.free(half_life), pt)
        scope["phi"] = phi
        heavy, df = heavy_tailed(spec), spec.priors.files.factor_tails
        if scope.form == "whitened":
            from ripeness.model.ops import op_of

            scope.free(white_noise)
            given = op_of(self.kernels[1])(scope.quantities | self.data(spec, scope.reading, scope.variant))
            scope["path"] = pm.Deterministic("path", given["path"], dims=dims)
            pm.Potential("path_density", pt.sum(given["path_log_ratio"]))
        elif scope.form == "centred":

            def log_density(path: Any, phi: Any, _: Any) -> Any:
                return innovation_log_density(path, phi, heavy, df, pt)

            def draw(phi: Array, every_week: Array, rng: Any = None, size: Any = None) -> Array:
                return stationary_paths(phi, len(every_week), heavy, df, rng)

            every_week = np.ones(len(spec.panel.weeks))  # says how long a path is
            scope["path"] = pm.CustomDist("path", phi, every_week, logp=log_density, random=draw, signature="(f),(t)->(f,t)", dims=dims)
        else:
            innovation = pm.Flat("innovation", dims=dims)
            pm.Potential("path_density", innovation_log_density(innovation, np.zeros(len(heavy)), heavy, df, pt))
            scope["path"] = pm.Deterministic("path", ar1_from_innovations(phi, innovation), dims=dims)

    def simulate(self, spec: ModelSpec, reading: str, variant: str, draws: Draws, rng: np.random.Generator) -> None:
        phi = persistence(draws["half_life"])
        draws["path"] = stationary_paths(phi, len(spec.panel.weeks), heavy_tailed(spec), spec.priors.files.factor_tails, rng)


def ar1_from_innovations(phi: Any, innovation: Any) -> Any:
    """z_t = φ z_{t−1} + √(1 − φ²) innovation_t from z_0 = innovation_0, as a tensor: (factor, week)."""
    import pytensor
    import pytensor.tensor as pt

    spread = innovation_sd(phi, pt)
    later = pytensor.scan(
        lambda new, before, phi, spread: phi * before + spread * new,
        sequences=[innovation.T[1:]],
        outputs_info=[innovation[:, 0]],
        non_sequences=[phi, spread],
        return_updates=False,
    )
    return pt.concatenate([innovation[:, :1], later.T], axis=1)


def unit_innovations(shape: tuple[int, ...], heavy: NDArray[np.bool_], df: float, rng: np.random.Generator) -> Array:
    """Innovations of unit variance, normal or Student-t by factor: (..., factor), as `shape`."""
    innovation = rng.standard_normal(shape)
    if heavy.any():
        mixing = 2.0 * rng.standard_gamma(0.5 * df, size=(*shape[:-1], int(heavy.sum()))) / (df - 2)
        innovation[..., heavy] /= np.sqrt(mixing)
    return innovation


def iterate_ar1(z: Array, phi: Array, shocks: Callable[[], Array], hold: Hold | None = None) -> Iterator[Array]:
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


def simulate_ar1(z: Array, phi: Array, heavy: NDArray[np.bool_], df: float, rng: np.random.Generator) -> Iterator[Array]:
    """Factors week after week, as :func:`iterate_ar1` has them, with shocks that are drawn: normal or Student-t by factor."""
    spread = innovation_sd(phi)
    return iterate_ar1(z, phi, lambda: spread * unit_innovations(z.shape, heavy, df, rng))


def stationary_paths(phi: Array, weeks: int, heavy: NDArray[np.bool_], df: float, rng: np.random.Generator) -> Array:
    """Paths from the stationary distribution on: (..., factor, week), from φ (..., factor)."""
    start = rng.normal(size=phi.shape)
    return np.stack([start, *islice(simulate_ar1(start, phi, heavy, df, rng), weeks - 1)], axis=-1)
