r"""Are ranks uniform? A test of exact size, and its correction for many quantities.

Of N simulations each gives a rank r among L draws, uniform on 0 … L if the inference is calibrated. The number of ranks up to j is then
binomial at every j; the statistic is the least two-sided tail probability over all j,

.. math:: \gamma = 2 \min_j \min\{F_j(R_j),\; 1 - F_j(R_j - 1)\},

which is that of the simultaneous bands of Säilynoja, Bürkner and Vehtari (2022). Its distribution under uniformity has no closed form and is
simulated, so the test has the size that is stated; Holm's correction (1979) keeps the rate of any false alarm among all quantities at 5 %.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Array = NDArray[np.float64]
SIZE = 0.05
NULL_SETS = 20_000
NULL_SEED = 20220401


def departure(ranks: NDArray[np.integer], draws: int) -> float:
    """γ of a set of ranks: small where they are not uniform.

    Parameters
    ----------
    ranks : ndarray of int (simulation,)
        In 0 … draws.
    draws : int
    """
    return float(_departures(np.asarray(ranks)[None], draws)[0])


def p_value(ranks: NDArray[np.integer], draws: int) -> float:
    """P(γ as small or smaller, if the ranks are uniform); at least 1 in `NULL_SETS` + 1."""
    null = null_departures(len(ranks), draws)
    return float((1 + np.searchsorted(null, departure(ranks, draws), side="right")) / (len(null) + 1))


def simultaneous_band(simulations: int, draws: int, level: float = 1.0 - SIZE) -> tuple[Array, Array]:
    """Bounds between which the share of ranks up to j stays for all j = 0 … draws − 1 with a probability of `level`: (draw,) each."""
    gamma = float(np.quantile(null_departures(simulations, draws), 1.0 - level))
    expected = _expected(draws)
    lower, upper = (np.asarray(binom.ppf(tail, simulations, expected)) / simulations for tail in (gamma / 2, 1 - gamma / 2))
    return lower, upper


def holm(p_values: Array) -> Array:
    """Holm's adjusted p-values, in the order given."""
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * (len(p_values) - np.arange(len(p_values))))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


@lru_cache(maxsize=8)
def null_departures(simulations: int, draws: int) -> Array:
    """γ of `NULL_SETS` sets of uniform ranks, in rising order."""
    rng = np.random.default_rng(NULL_SEED)
    parts = [_departures(rng.integers(0, draws + 1, (NULL_SETS // 20, simulations)), draws) for _ in range(20)]
    return np.sort(np.concatenate(parts))


def _expected(draws: int) -> Array:
    return np.arange(1, draws + 1) / (draws + 1)


def _departures(ranks: NDArray[np.integer], draws: int) -> Array:
    """γ of sets of ranks: (set,) from (set, simulation)."""
    sets, simulations = ranks.shape
    flat = np.arange(sets)[:, None] * (draws + 1) + ranks
    upto = np.cumsum(np.bincount(flat.ravel(), minlength=sets * (draws + 1)).reshape(sets, draws + 1), axis=1)[:, :-1]
    counts = np.arange(simulations + 1)
    expected = _expected(draws)
    below = binom.cdf(counts[:, None], simulations, expected[None])  # (count, j)
    above = binom.sf(counts[:, None] - 1, simulations, expected[None])
    least = np.minimum(below, above)
    return np.asarray(2.0 * least[upto, np.arange(draws)[None]].min(axis=1))
