"""A numba kernel with a hand-written adjoint, as a PyTensor Op: forward once, backward once, nothing computed twice.

A kernel is a plain function on C-contiguous arrays of one or two dimensions. `forward(*inputs)` returns the public outputs and then
whatever it saves for the adjoint; `pull_back(*inputs, *outputs, *saved, *cotangents)` returns the cotangents of the inputs that can be
differentiated. PyTensor merges the two forward calls that value and gradient ask for into one.

The model in PyMC (:mod:`ripeness.model.build`) uses kernels this way; the sampler calls them without PyTensor (:mod:`ripeness.inference.compiled`).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numba
import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

from ripeness.kernels.compilation import OPTIONS, compiled, source_digest

TYPES = {"vector": pt.dvector, "matrix": pt.dmatrix}


class KernelOp(Op):
    """A kernel and its adjoint.

    Parameters
    ----------
    forward, pull_back : compiled functions
        See the module; the arguments are float64 or int64 arrays of one or two dimensions, all outputs are float64.
    outputs, saved : sequence of {"vector", "matrix"}
        Public outputs of `forward`, and what it saves.
    wrt : sequence of int
        Inputs whose cotangents `pull_back` returns, in this order; the others count as data.
    """

    __props__ = ("name", "outputs", "saved", "wrt", "digest")

    def __init__(self, forward: Any, pull_back: Any, outputs: Sequence[str], saved: Sequence[str], wrt: Sequence[int]) -> None:
        self.forward, self.backward = compiled_once(forward), compiled_once(pull_back)
        self.name = f"{self.forward.py_func.__module__}.{self.forward.py_func.__qualname__}"
        self.outputs, self.saved, self.wrt = tuple(outputs), tuple(saved), tuple(wrt)
        self.digest = source_digest(self.forward, self.backward)

    def __str__(self) -> str:
        return self.name

    def make_node(self, *inputs: Any) -> Apply:
        """All outputs, public and saved."""
        return Apply(self, [_as_kernel_input(value) for value in inputs], [TYPES[kind]() for kind in (*self.outputs, *self.saved)])

    def __call__(self, *inputs: Any, **_: Any) -> Any:
        """The public outputs: one variable, or a list."""
        found = self.make_node(*inputs).outputs[: len(self.outputs)]
        return found[0] if len(found) == 1 else found

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Evaluate outside a numba graph."""
        for storage, value in zip(output_storage, self.forward(*_contiguous(inputs)), strict=True):
            storage[0] = value

    def pullback(self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Variable]) -> list[Variable]:
        """Cotangents of the inputs; an output that nothing uses counts as zero, and so does an input that is data."""
        bars = [
            out.zeros_like() if isinstance(bar.type, DisconnectedType) else bar
            for bar, out in zip(cotangents[: len(self.outputs)], outputs, strict=False)
        ]
        found = AdjointOp(self)(*inputs, *outputs, *bars)
        by_input = dict(zip(self.wrt, found, strict=True))
        return [by_input.get(i, inputs[i].zeros_like(dtype="float64")) for i in range(len(inputs))]


class AdjointOp(Op):
    """The adjoint of a :class:`KernelOp`."""

    __props__ = ("of",)

    def __init__(self, of: KernelOp) -> None:
        self.of = of

    def __str__(self) -> str:
        return f"adjoint of {self.of}"

    def make_node(self, *inputs: Any) -> Apply:
        """Inputs, outputs, what was saved, and cotangents of the public outputs."""
        values = [_as_kernel_input(value) for value in inputs]
        return Apply(self, values, [TYPES[("vector", "matrix")[values[i].ndim - 1]]() for i in self.of.wrt])

    def __call__(self, *inputs: Any, **_: Any) -> list[Variable]:
        """Cotangents of the inputs in `wrt`."""
        return list(self.make_node(*inputs).outputs)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Evaluate outside a numba graph."""
        for storage, value in zip(output_storage, self.of.backward(*_contiguous(inputs)), strict=True):
            storage[0] = value


def compiled_once(function: Any) -> Any:
    """A function compiled, unless it is already."""
    return function if hasattr(function, "py_func") else compiled(function)


def _as_kernel_input(value: Any) -> Any:
    tensor = pt.as_tensor(value)
    if tensor.ndim not in (1, 2):
        raise TypeError(f"a kernel takes arrays of one or two dimensions, not {tensor.ndim}")
    return tensor.astype("int64" if tensor.dtype.startswith(("int", "uint", "bool")) else "float64")


def _contiguous(values: Sequence[Any]) -> list[Any]:
    return [np.ascontiguousarray(value) for value in values]


def _for_numba(function: Any, outputs: int, *key: str) -> tuple[Any, str]:
    """What PyTensor calls, and what names its compiled code on disk; PyTensor wants a single output bare."""
    if outputs > 1:
        return function, sha256(repr(key).encode()).hexdigest()

    @numba.njit(**OPTIONS)
    def alone(*inputs: Any) -> Any:
        return function(*inputs)[0]

    return alone, sha256(repr((*key, "alone")).encode()).hexdigest()


@register_funcify_and_cache_key(KernelOp)
def _(op: KernelOp, **_: Any) -> tuple[Any, str]:
    return _for_numba(op.forward, len(op.outputs) + len(op.saved), "forward", op.name, op.digest)


@register_funcify_and_cache_key(AdjointOp)
def _(op: AdjointOp, **_: Any) -> tuple[Any, str]:
    return _for_numba(op.of.backward, len(op.of.wrt), "pull back", op.of.name, op.of.digest)
