"""Draws in a few numbers: means, medians, ranges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LOWER, UPPER = 0.05, 0.95


def interval(values: Array) -> dict[str, float]:
    """Mean and 5–95 % range of draws."""
    flat = np.asarray(values, float).ravel()
    return {"mean": float(flat.mean()), "lower": float(np.quantile(flat, LOWER)), "upper": float(np.quantile(flat, UPPER))}


def median_range(values: Array) -> dict[str, float]:
    """Median and 5–95 % range of draws."""
    flat = np.asarray(values, float).ravel()
    return {name: float(np.quantile(flat, level)) for name, level in (("lower", LOWER), ("median", 0.5), ("upper", UPPER))}


def curves(values: Array, name: str) -> dict[str, list[float]]:
    """Mean and 5–95 % range of draws (..., week), by week; `name` stands before their keys."""
    flat = values.reshape(-1, values.shape[-1])
    return {
        f"{name}mean": flat.mean(axis=0).tolist(),
        f"{name}lower": np.quantile(flat, LOWER, axis=0).tolist(),
        f"{name}upper": np.quantile(flat, UPPER, axis=0).tolist(),
    }
