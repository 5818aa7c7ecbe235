"""Fits mixed by weights that are fixed beforehand: the headline mixes the forms of the inside view and the readings of the essay (`[mixture]` in ripeness.toml)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ripeness.workspace import Mixture

Array = NDArray[np.float64]
EVEN_READINGS = 2  # however many readings there are, a run keeps no more draws than of so many that weigh alike


def mixed_error(errors: Sequence[Array | float], weights: Sequence[float]) -> Array:
    """Monte Carlo standard error of a weighted mean over independent fits, from the errors of each, of any one shape."""
    return np.asarray(
        np.linalg.norm([weight * np.asarray(error) for error, weight in zip(errors, weights, strict=True)], axis=0) / sum(weights)
    )


def pool_draws(parts: Sequence[Array], weights: Sequence[float]) -> Array:
    """Draws of several fits as draws of their mixture, each counting alike: of each fit as many as its weight asks for, evenly over its draws.

    Parameters
    ----------
    parts : sequence of ndarray (draw, …)
    weights : sequence of float
        Of the fits; not all zero.

    Returns
    -------
    ndarray (draw, …)
        All draws of the fit that has the fewest for its weight.
    """
    shares = np.asarray(weights) / np.sum(weights)
    most = min(len(part) / share for part, share in zip(parts, shares, strict=True) if share > 0.0)
    numbers = [round(most * share) for share in shares]
    return np.concatenate([part[thin(n, len(part))] for part, n in zip(parts, numbers, strict=True)])


def kept_draws(mixture: Mixture, draws: int) -> dict[str, int]:
    """Of so many draws of a chain how many are kept of each fit of the headline: in proportion to its weight, in all no more with many readings than with two."""
    largest_form = max(mixture.substitutable, 1.0 - mixture.substitutable)
    most = max(*mixture.weights.values(), largest_form / EVEN_READINGS)
    return {name: round(draws * weight / most) for name, weight in mixture.weights.items()}


def thin(number: int, draws: int) -> NDArray[np.intp]:
    """Indices of `number` of so many draws, evenly over them."""
    return ((np.arange(number) + 0.5) * draws / max(number, 1)).astype(np.intp)
