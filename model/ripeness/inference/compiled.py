r"""The log posterior density and its gradient as one compiled function of x, composed from the kernels of the terms.

The terms say which kernels there are and what each takes and gives, by name. From the list alone follows the source of one function: priors, every kernel
forward in the order of what it needs, every adjoint backward, cotangents of a quantity added up. It is compiled once for a list of terms and kept on disk
by a digest of its source; records, origins, readings and workspaces are other arrays for the same code, which travel as a table of their addresses and
shapes, so that a later process neither compiles nor links anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ctypes import POINTER, c_double, c_int64
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ripeness.errors import UsageError
from ripeness.inference import runtime
from ripeness.inference.coordinates import Coordinates
from ripeness.kernels.compilation import callback, compile_source
from ripeness.model.spec import ModelSpec
from ripeness.model.term import Derived, Kernel, Likelihood, Term
from ripeness.model.terms import terms_of
from ripeness.model.terms.rotation import Rotation, join_rotations

Array = NDArray[np.float64]
Index = NDArray[np.int64]
# what every table begins with, whatever the terms
NAME = "density"
HEAD = {
    "start": "index_vector",
    "mean": "vector",
    "sd": "vector",
    "rotated": "index_vector",
    "rotated_first": "index_vector",
    "rotation": "vector",
    "centred": "index_matrix",
    "centring": "matrix",
    "shape": "index_matrix",
    "derived": "vector",
}
SIZE_OF_HEAD = len(HEAD)
BASIS = ("rotated", "rotated_first", "rotation", "centred", "centring")
MEAN, SD, ROTATED, ROTATED_FIRST, ROTATION, CENTRED, CENTRING = map(list(HEAD).index, ("mean", "sd", *BASIS))
TABLE = types.CPointer(types.int64)
NUMBERS = types.CPointer(types.float64)
DENSITY = types.int64(types.uint64, NUMBERS, NUMBERS, NUMBERS, TABLE)
VECTOR = types.int64(types.uint64, types.uint64, NUMBERS, NUMBERS, TABLE)


class NoKernel(UsageError):
    """A term of the model has no kernel, so that only PyMC can sample it."""


@dataclass(frozen=True)
class Program:
    """The source of a density.

    Parameters
    ----------
    source : str
    namespace : mapping of str to object
        What the source calls.
    data : tuple of str
        Names of the data that it reads, in the order of the table behind `HEAD`.
    derived : tuple of Derived
        What it writes of quantities that follow from x, in this order.
    """

    source: str
    namespace: Mapping[str, Any]
    data: tuple[str, ...]
    derived: tuple[Derived, ...]


@dataclass(frozen=True)
class ModelData:
    """One posterior as plain arrays: all that its density reads.

    Parameters
    ----------
    variant : str
    arrays : mapping of str to ndarray
        `HEAD`, then the data of the program, float64 or int64, of one or two dimensions.
    """

    variant: str
    arrays: Mapping[str, NDArray[Any]]

    def table(self) -> Index:
        """Address and shape of every array: (array, 3); good as long as this object is kept."""
        return np.array([[array.ctypes.data, *array.shape, 1][:3] for array in self.arrays.values()], dtype=np.int64)

    def with_arrays(self, **changed: NDArray[Any]) -> ModelData:
        """The same with some arrays changed."""
        return replace(self, arrays={**self.arrays, **changed})


def build_data(spec: ModelSpec, variant: str, reading: str, coordinates: Coordinates) -> ModelData:
    """Lay out the posterior of one variant under one reading's priors.

    Raises
    ------
    NoKernel
        If a term of the variant has no kernel.
    """
    shapes = [(*shape, 1, 1)[:2] if len(shape) < 2 else shape for shape in coordinates.shapes]
    head = [coordinates.start, coordinates.mean, coordinates.sd, *coordinates.rotation, np.array(shapes, dtype=np.int64), np.zeros(0)]
    given = data_of(spec, variant, reading)
    own = {name: given[name] for name in program_of(spec, variant, reading).data}
    return ModelData(variant, {name: contiguous(array) for name, array in (dict(zip(HEAD, head, strict=True)) | own).items()})


def data_of(spec: ModelSpec, variant: str, reading: str) -> dict[str, NDArray[Any]]:
    """The constants of all terms of a variant, by name."""
    return {name: contiguous(array) for term in terms_of(variant, spec) for name, array in term.data(spec, reading, variant).items()}


def contiguous(array: Any) -> NDArray[Any]:
    """An array as kernels take it: C-contiguous, of one or two dimensions, float64 or int64."""
    found = np.atleast_1d(np.asarray(array))
    return np.ascontiguousarray(found, dtype=np.int64 if found.dtype.kind in "iub" else np.float64)


def program_of(spec: ModelSpec, variant: str, reading: str) -> Program:
    """The program of a variant's terms."""
    return compose(
        terms_of(variant, spec), {name: (array.dtype.kind, array.ndim) for name, array in data_of(spec, variant, reading).items()}
    )


def in_order(terms: Sequence[Term], data: Mapping[str, Any]) -> list[Kernel]:
    """The kernels of terms, each behind those that give what it takes.

    Raises
    ------
    NoKernel
        If something that a kernel takes is given by no kernel, parameter or datum; or a parameter or an observed quantity has no kernel.
    """
    kernels = [kernel for term in terms for kernel in term.kernels]
    waiting = list(kernels)
    known = {parameter.name for term in terms for parameter in term.parameters} | set(data)
    known -= {name for kernel in kernels for name in kernel.outputs}
    ordered: list[Kernel] = []
    while waiting:
        ready = next((kernel for kernel in waiting if known.issuperset(kernel.inputs)), None)
        if ready is None:
            missing = sorted({name for kernel in waiting for name in kernel.inputs} - known)
            raise NoKernel(f"no kernel gives {', '.join(missing)}")
        waiting.remove(ready)
        ordered.append(ready)
        known |= {name for name in ready.outputs if not any(name in other.outputs for other in waiting)}
    read = {name for kernel in kernels for name in kernel.wrt}
    densities = {kernel.log_density for kernel in kernels}
    for term in terms:
        silent = [parameter.name for parameter in term.parameters if parameter.name not in read]
        if silent or (isinstance(term, Likelihood) and term.observed.name not in densities):
            raise NoKernel(f"{type(term).__name__} has no kernel; sample it with --sampler nutpie or --sampler pymc")
    return ordered


def compose(terms: Sequence[Term], data: Mapping[str, tuple[str, int]]) -> Program:
    """Write the source of the density of terms.

    Parameters
    ----------
    terms : sequence of Term
    data : mapping of str to (str, int)
        Kind of number ("f" or "i") and number of dimensions of each datum.
    """
    kernels = in_order(terms, data)
    parameters = [parameter for term in terms for parameter in term.parameters]
    givers: dict[str, list[str]] = {}  # of each quantity, the variables whose sum it is
    for number, kernel in enumerate(kernels):
        for place, name in enumerate(kernel.outputs):
            givers.setdefault(name, []).append(f"r_{number}_{place}")
    known = {parameter.name for parameter in parameters} | set(givers)
    read = tuple(dict.fromkeys(name for kernel in kernels for name in kernel.inputs if name not in known))
    derived = tuple(one for term in terms for one in term.derived if one.of is None)
    lines = _opening(read, data)
    for i, parameter in enumerate(parameters):
        table = f".reshape(shape[{i}, 0], shape[{i}, 1])" if len(parameter.dims) == 2 else ""
        lines.append(f"v_{parameter.name} = take_{parameter.transform}(x, start[{i}], start[{i + 1}]){table}")
    for number, kernel in enumerate(kernels):
        lines += _forward(number, kernel, givers)
    lines += _derived(derived, kernels)
    lines += _backward(kernels, givers)
    read_by = {name for kernel in kernels for name in kernel.wrt}
    lines += [
        f"give_{parameter.transform}(gradient, start[{i}], v_{parameter.name}, b_{parameter.name})"
        for i, parameter in enumerate(parameters)
        if parameter.name in read_by
    ]
    lines += ["rotate_gradient(gradient, x, mean, sd, basis)", "carray(value_at, (1,))[0] = value", "return 0 if isfinite(value) else 1"]
    namespace: dict[str, Any] = {name: getattr(runtime, name) for name in runtime.__all__}
    for number, kernel in enumerate(kernels):
        namespace |= {f"forward_{number}": kernel.forward, f"adjoint_{number}": kernel.adjoint}
    source = "\n".join([f"def {NAME}(size, at, gradient_at, value_at, table_at):", *(f"    {line}" for line in lines), ""])
    return Program(source, namespace, read, derived)


def _opening(read: Sequence[str], data: Mapping[str, tuple[str, int]]) -> list[str]:
    """Arrays from the table, x from the sampler's coordinates, and the priors."""
    kinds = {("f", 1): "vector", ("f", 2): "matrix", ("i", 1): "index_vector", ("i", 2): "index_matrix"}
    lines = [f"table = carray(table_at, ({len(HEAD) + len(read)}, 3))"]
    lines += [f"{name} = {kind}(table[{i}])" for i, (name, kind) in enumerate(HEAD.items())]
    lines += [f"v_{name} = {kinds[data[name]]}(table[{len(HEAD) + i}])" for i, name in enumerate(read)]
    return [
        *lines,
        f"basis = Rotation({', '.join(BASIS)})",
        "gradient = carray(gradient_at, (size,))",
        "x = rotate_back(carray(at, (size,)), mean, sd, basis)",
        "value = add_priors(x, mean, sd, gradient) + log_volume(x, mean, basis)",
    ]


def _forward(number: int, kernel: Kernel, givers: Mapping[str, Sequence[str]]) -> list[str]:
    """A call of a kernel; a quantity given by several is their sum as soon as the last one has given its part."""
    lines = [f"r_{number} = forward_{number}({', '.join(f'v_{name}' for name in kernel.inputs)})"]
    lines += [f"r_{number}_{place} = r_{number}[{place}]" for place in range(len(kernel.outputs) + len(kernel.saved))]
    for place, name in enumerate(kernel.outputs):
        first, *others = givers[name]
        if f"r_{number}_{place}" == (others or [first])[-1]:
            lines.append(f"v_{name} = {first}{'.copy()' if others else ''}")
            lines += [f"add_to(v_{name}, {other})" for other in others]
        if name == kernel.log_density:
            lines.append(f"value += sum_of(r_{number}_{place})")
    return lines


def _derived(derived: Sequence[Derived], kernels: Sequence[Kernel]) -> list[str]:
    """Write what else follows from x, if it is wanted."""
    saved = {name: f"r_{n}_{len(kernel.outputs) + i}" for n, kernel in enumerate(kernels) for i, name in enumerate(kernel.saved)}
    lines = [f"place = write_after(derived, place, {saved.get(one.name, f'v_{one.name}')})" for one in derived]
    return ["if derived.shape[0] > 0:", "    place = 0", *(f"    {line}" for line in lines)]


def _backward(kernels: Sequence[Kernel], givers: Mapping[str, Sequence[str]]) -> list[str]:
    """Every adjoint, the last kernel's first; what an adjoint returns is added to in place, so that a cotangent which several read is copied."""
    lines, known = [], set[str]()
    for number, kernel in reversed(list(enumerate(kernels))):
        bars = []
        for place, name in enumerate(kernel.outputs):
            if name == kernel.log_density:
                bars.append(f"ones(r_{number}_{place})")
            elif name in known:
                bars.append(f"b_{name}.copy()" if len(givers[name]) > 1 else f"b_{name}")
            else:
                bars.append(f"zeros_like(r_{number}_{place})")
        given = [f"r_{number}_{place}" for place in range(len(kernel.outputs) + len(kernel.saved))]
        lines.append(f"a_{number} = adjoint_{number}({', '.join([*(f'v_{name}' for name in kernel.inputs), *given, *bars])})")
        for place, name in enumerate(kernel.wrt):
            lines.append(f"add_to(b_{name}, a_{number}[{place}])" if name in known else f"b_{name} = a_{number}[{place}]")
            known.add(name)
    return lines


def keep_vector(size: int, _: int, at: Any, kept_at: Any, table_at: Any) -> int:
    """What nutpie keeps of a draw: x, from the sampler's coordinates; what follows from it is computed afterwards."""
    table = runtime.carray(table_at, (SIZE_OF_HEAD, 3))
    basis = Rotation(
        runtime.index_vector(table[ROTATED]),
        runtime.index_vector(table[ROTATED_FIRST]),
        runtime.vector(table[ROTATION]),
        runtime.index_matrix(table[CENTRED]),
        runtime.matrix(table[CENTRING]),
    )
    x = runtime.rotate_back(runtime.carray(at, (size,)), runtime.vector(table[MEAN]), runtime.vector(table[SD]), basis)
    runtime.write_after(runtime.carray(kept_at, (size,)), 0, x)
    return 0


@cache
def _vector_function() -> Any:
    return callback(keep_vector, VECTOR)


def c_functions(program: Program) -> tuple[Any, Any]:
    """The C functions that nutpie calls: density of a program, and vector. The first call after a change of a term takes its time."""
    return compile_source(program.source, NAME, DENSITY, program.namespace), _vector_function()


class Density:
    """The density of one posterior, called from Python.

    Parameters
    ----------
    program : Program
    data : ModelData
    rotated : bool
        Whether it is given coordinates as the sampler gives them, or x.
    """

    def __init__(self, program: Program, data: ModelData, rotated: bool = False) -> None:
        plain = dict(zip(BASIS, map(contiguous, join_rotations([])), strict=True))
        self.data = data if rotated else data.with_arrays(**plain)
        self.table = self.data.table()
        self.function = c_functions(program)[0].ctypes

    def evaluate(self, x: Array) -> tuple[float, Array, bool]:
        """Log density up to a constant, its gradient (place,), and whether the density is finite, at x (place,)."""
        at, gradient, value = np.ascontiguousarray(x, dtype=float), np.empty(len(x)), np.empty(1)
        numbers = [array.ctypes.data_as(POINTER(c_double)) for array in (at, gradient, value)]
        code = self.function(len(at), *numbers, self.table.ctypes.data_as(POINTER(c_int64)))
        return float(value[0]), gradient, code == 0

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Log density up to a constant, and its gradient (place,)."""
        return self.evaluate(x)[:2]
