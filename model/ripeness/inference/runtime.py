"""What the composed density calls besides the kernels of terms: arrays from addresses, parameters from x and cotangents back to it, priors."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ripeness.kernels.compilation import inner
from ripeness.kernels.exponential import exponential
from ripeness.kernels.reductions import sum_of
from ripeness.model.terms.rotation import Rotation, log_volume, rotate_back, rotate_gradient

__all__ = [
    "Rotation",
    "add_priors",
    "add_to",
    "carray",
    "give_identity",
    "give_log",
    "give_logit",
    "index_matrix",
    "index_vector",
    "isfinite",
    "log_volume",
    "matrix",
    "ones",
    "rotate_back",
    "rotate_gradient",
    "sum_of",
    "take_identity",
    "take_log",
    "take_logit",
    "vector",
    "write_after",
    "zeros_like",
]

Array = NDArray[np.float64]
Index = NDArray[np.int64]
carray, isfinite, zeros_like = numba.carray, math.isfinite, np.zeros_like


@intrinsic
def as_pointer(_: Any, address: Any) -> Any:
    """An address, a whole number, as a pointer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(address), generate


@inner
def vector(row: Index) -> Array:
    """A vector of numbers, from its address and shape."""
    return numba.carray(as_pointer(row[0]), (row[1],), np.float64)


@inner
def matrix(row: Index) -> Array:
    """A matrix of numbers, from its address and shape."""
    return numba.carray(as_pointer(row[0]), (row[1], row[2]), np.float64)


@inner
def index_vector(row: Index) -> Index:
    """A vector of whole numbers, from its address and shape."""
    return numba.carray(as_pointer(row[0]), (row[1],), np.int64)


@inner
def index_matrix(row: Index) -> Index:
    """A matrix of whole numbers, from its address and shape."""
    return numba.carray(as_pointer(row[0]), (row[1], row[2]), np.int64)


@inner
def add_priors(x: Array, mean: Array, sd: Array, gradient: Array) -> float:
    """Normal priors of all coordinates without their constants; the gradient is set, not added to."""
    for i in range(x.shape[0]):
        gradient[i] = (mean[i] - x[i]) / (sd[i] * sd[i])
    total = 0.0
    for i in range(x.shape[0]):
        total += gradient[i] * (x[i] - mean[i])
    return 0.5 * total


@inner
def take_identity(x: Array, first: int, stop: int) -> Array:
    """A parameter that stands by itself in x."""
    found = np.empty(stop - first)
    for i in range(found.shape[0]):
        found[i] = x[first + i]
    return found


@inner
def take_log(x: Array, first: int, stop: int) -> Array:
    """A parameter that stands by its logarithm in x."""
    found = np.empty(stop - first)
    for i in range(found.shape[0]):
        found[i] = exponential(x[first + i])
    return found


@inner
def take_logit(x: Array, first: int, stop: int) -> Array:
    """A parameter that stands by its log odds in x."""
    found = np.empty(stop - first)
    for i in range(found.shape[0]):
        found[i] = 1.0 / (1.0 + np.exp(-x[first + i]))
    return found


@inner
def give_identity(gradient: Array, first: int, value: Array, bar: Array) -> None:
    """Add the cotangent of a parameter that stands by itself to the gradient."""
    flat = bar.reshape(-1)
    for i in range(flat.shape[0]):
        gradient[first + i] += flat[i]


@inner
def give_log(gradient: Array, first: int, value: Array, bar: Array) -> None:
    """Add the cotangent of a parameter that stands by its logarithm to the gradient."""
    for i in range(bar.shape[0]):
        gradient[first + i] += bar[i] * value[i]


@inner
def give_logit(gradient: Array, first: int, value: Array, bar: Array) -> None:
    """Add the cotangent of a parameter that stands by its log odds to the gradient."""
    for i in range(bar.shape[0]):
        gradient[first + i] += bar[i] * value[i] * (1.0 - value[i])


@inner
def ones(like: Array) -> Array:
    """A vector of ones, as long as another."""
    result = np.empty(like.shape[0])
    for i in range(result.shape[0]):
        result[i] = 1.0
    return result


@inner
def add_to(total: Array, more: Array) -> None:
    """Add an array to another of its shape, in place."""
    into, flat = total.reshape(-1), more.reshape(-1)
    for i in range(into.shape[0]):
        into[i] += flat[i]


@inner
def write_after(result: Array, place: int, values: Array) -> int:
    """Write an array into a vector from a place on; returns the place after it."""
    flat = values.reshape(-1)
    for i in range(flat.shape[0]):
        result[place + i] = flat[i]
    return place + flat.shape[0]
