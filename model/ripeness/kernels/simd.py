"""Factors abreast: tables in which sixteen factors lie side by side, so that a recursion over weeks runs on whole vectors.

A recursion over weeks waits for its own last result, so sixteen factors go abreast. Tables are (row, lane): a row is a week, a lane a
factor, idle lanes zero; factors beyond sixteen go in another group of rows below. A coefficient of zero in the last week of a group
passes nothing on to the next, and a recursion is one loop over the flat table that reads what lies sixteen places away.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import inner

Array = NDArray[np.float64]

LANES = 16  # factors abreast
BLOCK = 8  # values whose product goes into one logarithm: each must stay between 1e-38 and 1e38


@inner
def by_lane(values: Array) -> Array:
    """Values (factor,) as (group, lane), idle lanes zero."""
    factors = values.shape[0]
    result = np.zeros(((factors + LANES - 1) // LANES, LANES))
    for k in range(factors):
        result[k // LANES, k % LANES] = values[k]
    return result


@inner
def to_table(rows: Array) -> Array:
    """(factor, week) as (row, lane): week t of factor k in row (k // LANES)·weeks + t, lane k % LANES."""
    factors, weeks = rows.shape
    groups = (factors + LANES - 1) // LANES
    result = np.empty((groups * weeks, LANES))
    for group in range(groups):
        first = group * LANES
        used = min(LANES, factors - first)
        for t in range(weeks):
            for j in range(used):
                result[group * weeks + t, j] = rows[first + j, t]
            for j in range(used, LANES):
                result[group * weeks + t, j] = 0.0
    return result


@inner
def from_table(table: Array, factors: int) -> Array:
    """The inverse of :func:`to_table`."""
    weeks = table.shape[0] // ((factors + LANES - 1) // LANES)
    result = np.empty((factors, weeks))
    for k in range(factors):
        first, j = (k // LANES) * weeks, k % LANES
        for t in range(weeks):
            result[k, t] = table[first + t, j]
    return result


@inner
def forward_recursion(step: Array, values: Array) -> None:
    """x_t += step_{t−1} x_{t−1} from the first row to the last; tables (row, lane)."""
    flat_step, flat = step.reshape(-1), values.reshape(-1)
    for i in range(flat.size - LANES):
        flat[i + LANES] += flat_step[i] * flat[i]


@inner
def backward_recursion(step: Array, values: Array) -> None:
    """x_t += step_t x_{t+1} from the last row to the first; tables (row, lane)."""
    flat_step, flat = step.reshape(-1), values.reshape(-1)
    for i in range(flat.size - LANES - 1, -1, -1):
        flat[i] += flat_step[i] * flat[i + LANES]


@inner
def sum_of_weeks(table: Array, factors: int) -> Array:
    """Σ_t of a table (row, lane), for each factor."""
    rows, width = table.shape
    groups = (factors + LANES - 1) // LANES
    weeks = rows // groups
    total = np.zeros((groups, width))
    for group in range(groups):
        end = (group + 1) * weeks
        whole = end - weeks % 4
        for t in range(end - weeks, whole, 4):
            for j in range(width):
                total[group, j] += (table[t, j] + table[t + 1, j]) + (table[t + 2, j] + table[t + 3, j])
        for t in range(whole, end):
            for j in range(width):
                total[group, j] += table[t, j]
    return total.reshape(-1)[:factors]


@inner
def log_sum_of_weeks(table: Array, factors: int) -> Array:
    """Σ_t log of a positive table (row, lane), for each factor."""
    rows, width = table.shape
    groups = (factors + LANES - 1) // LANES
    weeks = rows // groups
    total, product = np.zeros(factors), np.empty(width)
    for group in range(groups):
        end = (group + 1) * weeks
        first = group * LANES
        for start in range(end - weeks, end, BLOCK):
            for j in range(width):
                product[j] = table[start, j]
            for t in range(start + 1, min(start + BLOCK, end)):
                for j in range(width):
                    product[j] *= table[t, j]
            for k in range(first, min(first + LANES, factors)):
                total[k] += math.log(product[k - first])
    return total
