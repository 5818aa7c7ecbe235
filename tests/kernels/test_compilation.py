"""Kernels as PyTensor Ops: value and gradient by both linkers, data that is not differentiated, and compiled code that follows its source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from pytensor.gradient import verify_grad

from ripeness.kernels.compilation import compiled, source_digest
from ripeness.kernels.op import KernelOp

Array = NDArray[np.float64]


@compiled
def scaled_exponential(x: Array, weight: Array, place: NDArray[np.int64]) -> tuple[Array, Array, Array]:
    saved = np.exp(x)
    total = np.zeros(1)
    for i in range(len(place)):
        total[0] += saved[place[i]] * weight[i]
    return total, saved * 2.0, saved


@compiled
def pull_back_exponential(
    x: Array, weight: Array, place: NDArray[np.int64], total: Array, double: Array, saved: Array, total_bar: Array, double_bar: Array
) -> tuple[Array, Array]:
    x_bar = 2.0 * double_bar * saved
    weight_bar = np.empty_like(weight)
    for i in range(len(place)):
        x_bar[place[i]] += total_bar[0] * saved[place[i]] * weight[i]
        weight_bar[i] = total_bar[0] * saved[place[i]]
    return x_bar, weight_bar


OP = KernelOp(scaled_exponential, pull_back_exponential, ("vector", "vector"), ("vector",), (0, 1))
PLACE = np.array([2, 0, 2])
POINT = np.array([0.3, -1.0, 0.7]), np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_value_and_gradient(mode: str) -> None:
    x, weight = pt.dvectors("x", "weight")
    total, double = OP(x, weight, PLACE)
    cost = 3.0 * total[0] + double.sum()
    found = pytensor.function([x, weight], [cost, *pytensor.grad(cost, [x, weight])], mode=mode)(*POINT)
    grown = np.exp(POINT[0])
    assert found[0] == pytest.approx(3 * (grown[PLACE] * POINT[1]).sum() + 2 * grown.sum())
    np.testing.assert_allclose(found[1], grown * (2 + 3 * np.array([-2.0, 0.0, 1.5])))
    np.testing.assert_allclose(found[2], 3 * grown[PLACE])


def test_a_gradient_through_one_output_alone() -> None:
    x, weight = pt.dvectors("x", "weight")
    gradient = pytensor.function([x, weight], pytensor.grad(OP(x, weight, PLACE)[1].sum(), x), mode="NUMBA")
    np.testing.assert_allclose(gradient(*POINT), 2 * np.exp(POINT[0]))


def test_forward_runs_once_for_value_and_gradient() -> None:
    x, weight = pt.dvectors("x", "weight")
    total = OP(x, weight, PLACE)[0][0]
    function = pytensor.function([x, weight], [total, *pytensor.grad(total, [x, weight])], mode="NUMBA")
    assert sum(node.op == OP for node in function.maker.fgraph.apply_nodes) == 1


def test_finite_differences_agree() -> None:
    verify_grad(lambda x, weight: OP(x, weight, PLACE)[0], list(POINT), rng=np.random.default_rng(0))


def test_a_single_output_and_a_single_cotangent() -> None:
    double = KernelOp(lambda x: (2.0 * x,), lambda x, y, y_bar: (2.0 * y_bar,), ("vector",), (), (0,))
    x = pt.dvector("x")
    function = pytensor.function([x], [double(x), pytensor.grad((double(x) ** 2).sum(), x)], mode="NUMBA")
    np.testing.assert_allclose(function(np.array([1.0, 3.0])), [[2.0, 6.0], [8.0, 24.0]])


def test_arrays_of_other_layouts_and_types_are_taken() -> None:
    total, _ = OP(np.ones((6,), dtype="float32")[::2], [1, 1, 1], np.array([0, 1, 2], dtype="int32"))
    assert total.eval() == pytest.approx([3 * np.e])


@pytest.mark.parametrize("value", [1.0, np.zeros((2, 2, 2))])
def test_other_dimensions_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="one or two dimensions"):
        OP(value, np.ones(3), PLACE)


def test_the_digest_covers_what_a_kernel_calls() -> None:
    inner = compiled(lambda x: x + 1.0)
    caller, other = compiled(lambda x: inner(x)), compiled(lambda x: scaled_exponential(x))

    assert source_digest(caller) == source_digest(compiled(lambda x: inner(x)))
    assert source_digest(caller) != source_digest(other)
    assert source_digest(scaled_exponential, pull_back_exponential) != source_digest(scaled_exponential)
