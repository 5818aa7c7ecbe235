"""Simulated futures: rounds drawn week by week, each resetting dormancy, for what the closed formula cannot say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ripeness.forecast.ahead import Ahead

Array = NDArray[np.float64]


def simulate_rounds(ahead: Ahead, seed: np.random.SeedSequence, paths: int | None = None) -> NDArray[np.int64]:
    """Numbers of rounds in each week ahead.

    In a week with hazard λ the number of rounds is Poisson(λ), so that P(at least one) = 1 − exp(−λ) as in the model; after a week
    with a round dormancy starts again at 1.

    Parameters
    ----------
    ahead : Ahead
    seed : SeedSequence
    paths : int, optional
        Futures for each draw; one for each factor path unless given.

    Returns
    -------
    ndarray of int (draw, path, ahead)
    """
    rng = np.random.default_rng(seed)
    draws, available, weeks = ahead.inside.shape
    paths = paths or available
    inside = ahead.inside[:, np.arange(paths) % available]
    share = np.where(np.arange(weeks) == 0, ahead.reach[-1, 0], 1.0)
    cumulative = np.cumsum(ahead.state, axis=1) / ahead.state.sum(axis=1, keepdims=True)
    chosen = (rng.random((draws, paths))[..., None] > cumulative[:, None]).sum(axis=2)
    dormancy = ahead.dormancy[np.minimum(chosen, len(ahead.dormancy) - 1)]
    rows = np.arange(draws)[:, None]
    rounds = np.empty((draws, paths, weeks), dtype=np.int64)
    for j in range(weeks):
        base = np.exp(ahead.outside[rows, dormancy - 1])
        rate = base * np.exp(inside[:, :, j]) * share[j] + ahead.announced[:, None, j]
        rounds[:, :, j] = rng.poisson(rate)
        dormancy = np.where(rounds[:, :, j] > 0, 1, dormancy + 1)
    return rounds


def sustained_process(rounds: NDArray[np.int64], reach: Array, needed: int, window: int) -> Array:
    """Probability of a sustained process within each horizon.

    Parameters
    ----------
    rounds : ndarray of int (draw, path, ahead)
    reach : ndarray (horizon, ahead)
        A week belongs to a horizon if at least half of it does.
    needed, window : int
        So many rounds within some stretch of so many weeks.

    Returns
    -------
    ndarray (draw, horizon)
    """
    total = np.concatenate([np.zeros((*rounds.shape[:2], 1), dtype=np.int64), np.cumsum(rounds, axis=2)], axis=2)
    weeks = np.arange(1, rounds.shape[2] + 1)
    inside_window = total[:, :, weeks] - total[:, :, np.maximum(weeks - window, 0)]
    enough = np.maximum.accumulate(inside_window >= needed, axis=2)
    last = np.array([np.flatnonzero(row >= 0.5)[-1] for row in reach])
    return enough[:, :, last].mean(axis=1)
