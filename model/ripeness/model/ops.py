"""Kernels of terms as PyTensor Ops, for the whitened form of the model and for the likelihood of the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ripeness.kernels.op import KernelOp
from ripeness.model.term import Kernel


def op_of(kernel: Kernel) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A kernel as a function of tensors and arrays by the names of its inputs, to its outputs and what it saves by theirs."""
    op, given = _op(_Key(kernel)), (*kernel.outputs, *kernel.saved)

    def apply(inputs: Mapping[str, Any]) -> dict[str, Any]:
        return dict(zip(given, op.make_node(*(inputs[name] for name in kernel.inputs)).outputs, strict=True))

    return apply


class _Key:
    """A kernel, identified by its forward function."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.kernel.forward is other.kernel.forward

    def __hash__(self) -> int:
        return hash(id(self.kernel.forward))


@cache
def _op(key: _Key) -> KernelOp:
    kernel = key.kernel
    wrt = [kernel.inputs.index(name) for name in kernel.wrt]
    return KernelOp(kernel.forward, kernel.adjoint, list(kernel.outputs.values()), list(kernel.saved.values()), wrt)
