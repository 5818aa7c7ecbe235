"""The density as nutpie calls it: C functions of pointers, kept on disk like every kernel.

A problem travels as a table of the addresses and shapes of its arrays, so one compiled function serves every problem, and a later process
neither compiles nor links anything.
"""

from __future__ import annotations

from ctypes import POINTER, c_double, c_int64
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ripeness.inference.density import log_density, write_after
from ripeness.inference.model_data import Problem
from ripeness.inference.rotation import Rotation, join_rotations, rotate_back, rotate_gradient
from ripeness.kernels.compilation import callback, inlined, inner

Array = NDArray[np.float64]
Index = NDArray[np.int64]
FIELDS = len(Problem._fields)
NUMBERS = types.CPointer(types.float64)


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


@inlined
def open_problem(t: Index) -> Problem:
    """The problem behind a table made by :func:`table_of`."""
    return Problem(
        index_vector(t[0]), vector(t[1]), vector(t[2]),
        index_vector(t[3]), vector(t[4]), index_matrix(t[5]), index_matrix(t[6]), matrix(t[7]),
        index_vector(t[8]), vector(t[9]), index_matrix(t[10]), matrix(t[11]), matrix(t[12]),
        vector(t[13]), vector(t[14]), vector(t[15]), index_vector(t[16]), matrix(t[17]), index_vector(t[18]), vector(t[19]),
        index_vector(t[20]), index_matrix(t[21]), index_matrix(t[22]), vector(t[23]), vector(t[24]), matrix(t[25]), index_vector(t[26]),
        vector(t[27]), index_vector(t[28]), vector(t[29]), matrix(t[30]), index_vector(t[31]), vector(t[32]), vector(t[33]),
        index_vector(t[34]), vector(t[35]), index_vector(t[36]), index_vector(t[37]), vector(t[38]),
    )  # fmt: skip


def table_of(problem: Problem) -> Index:
    """Address and shape of every array of a problem: (array, 3); good as long as the problem is kept."""
    return np.array([[array.ctypes.data, *array.shape, 1][:3] for array in problem], dtype=np.int64)


def density_behind_pointers(size: int, at: Any, gradient_at: Any, value_at: Any, table_at: Any) -> int:
    """:func:`ripeness.inference.density.log_density` of rotated coordinates, behind pointers; anything but 0 says that it is not finite."""
    problem = open_problem(numba.carray(table_at, (FIELDS, 3)))
    rotated, gradient = Rotation(problem.rotated, problem.rotated_first, problem.rotation), numba.carray(gradient_at, (size,))
    value = log_density(rotate_back(numba.carray(at, (size,)), problem.mean, problem.sd, rotated), gradient, problem)
    rotate_gradient(gradient, problem.sd, rotated)
    numba.carray(value_at, (1,))[0] = value
    return 0 if np.isfinite(value) else 1


def vector_behind_pointers(size: int, _: int, at: Any, kept_at: Any, table_at: Any) -> int:
    """What nutpie keeps of a draw: x, rotated back; what follows from it is computed afterwards."""
    problem = open_problem(numba.carray(table_at, (FIELDS, 3)))
    rotated, result = Rotation(problem.rotated, problem.rotated_first, problem.rotation), numba.carray(kept_at, (size,))
    write_after(result, 0, rotate_back(numba.carray(at, (size,)), problem.mean, problem.sd, rotated))
    return 0


@cache
def c_functions() -> tuple[Any, Any]:
    """The two functions above, compiled: density and vector. The first call after a change of the source takes its time."""
    table = types.CPointer(types.int64)
    density = callback(density_behind_pointers, types.int64(types.uint64, NUMBERS, NUMBERS, NUMBERS, table))
    vector = callback(vector_behind_pointers, types.int64(types.uint64, types.uint64, NUMBERS, NUMBERS, table))
    return density, vector


class Density:
    """The density of one problem, called from Python.

    Parameters
    ----------
    problem : Problem
    rotated : bool
        Whether it is given rotated coordinates, as the sampler gives it, or x.
    """

    def __init__(self, problem: Problem, rotated: bool = False) -> None:
        self.problem = problem if rotated else problem._replace(**join_rotations([])._asdict())
        self.table = table_of(self.problem)
        self.function = c_functions()[0].ctypes

    def evaluate(self, x: Array) -> tuple[float, Array, bool]:
        """Log density up to a constant, its gradient (place,), and whether the density is finite, at x (place,)."""
        at, gradient, value = np.ascontiguousarray(x, dtype=float), np.empty(len(x)), np.empty(1)
        numbers = [array.ctypes.data_as(POINTER(c_double)) for array in (at, gradient, value)]
        code = self.function(len(at), *numbers, self.table.ctypes.data_as(POINTER(c_int64)))
        return float(value[0]), gradient, code == 0

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Log density up to a constant, and its gradient (place,)."""
        return self.evaluate(x)[:2]
