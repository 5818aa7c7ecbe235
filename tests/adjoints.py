"""Adjoints of kernels against central differences: one check for every kernel of every term."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ripeness.model.term import Kernel

Array = NDArray[np.float64]


def forward(kernel: Kernel, values: Mapping[str, Any]) -> dict[str, Array]:
    """What a kernel gives and saves, by name, from its inputs by theirs."""
    given = kernel.forward(*(values[name] for name in kernel.inputs))
    return dict(zip((*kernel.outputs, *kernel.saved), given, strict=True))


def pull_back(kernel: Kernel, values: Mapping[str, Any], bars: Mapping[str, Array]) -> dict[str, Array]:
    """Cotangents of what a kernel is differentiated by, from those of its outputs (zero where none is given; one for a log density)."""
    inputs, given = [values[name] for name in kernel.inputs], forward(kernel, values)
    own = [
        np.ones_like(given[name]) if name == kernel.log_density else bars.get(name, np.zeros_like(given[name])) for name in kernel.outputs
    ]
    return dict(zip(kernel.wrt, kernel.adjoint(*inputs, *given.values(), *own), strict=True))


def check_adjoint(
    kernel: Kernel,
    values: Mapping[str, Any],
    wrt: str,
    step: float = 1e-5,
    rtol: float = 1e-7,
    atol: float = 1e-6,
    seed: int = 3,
    log_density_alone: bool = True,
) -> None:
    """Compare the adjoint in one input, at random cotangents, with central differences.

    Parameters
    ----------
    kernel : Kernel
    values : mapping
        Inputs by name.
    wrt : str
        The input.
    log_density_alone : bool
        Whether outputs besides the log density get no cotangent.
    """
    given, rng = forward(kernel, values), np.random.default_rng(seed)
    bars = {name: rng.normal(size=given[name].shape) for name in kernel.outputs}
    if kernel.log_density is not None:
        bars = {name: bar if not log_density_alone else np.zeros_like(bar) for name, bar in bars.items()}
        bars[kernel.log_density] = np.ones_like(given[kernel.log_density])

    def weighted(moved: Array) -> float:
        found = forward(kernel, {**values, wrt: moved})
        return sum(float(np.sum(bar * found[name])) for name, bar in bars.items())

    gradient, at = pull_back(kernel, values, bars)[wrt], np.asarray(values[wrt], dtype=float)
    assert gradient.shape == at.shape
    for place in np.ndindex(at.shape):
        sides = []
        for way in (step, -step):
            moved = at.copy()
            moved[place] += way
            sides.append(weighted(moved))
        assert gradient[place] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=rtol, abs=atol), (wrt, place)


def shifted(array: Any, places: int = 1) -> Any:
    """The same array further on in memory, in another position to the boundaries of a cache line."""
    room = np.empty(array.size + 16, dtype=array.dtype)
    start = (-(room.ctypes.data // 8)) % 8 + places
    moved = room[start : start + array.size].reshape(array.shape)
    moved[...] = array
    return moved
