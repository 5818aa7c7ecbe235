"""The kernel of the inside view against the formula and its gradient by PyTensor, with extreme log odds, and bit by bit."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from pytensor.gradient import verify_grad
from scipy.special import log_expit, logsumexp

from ripeness.model.ops import inside_view
from ripeness.model.terms.conditions import inside_score, normaliser, one_sided, openness, regressors
from ripeness.model.terms.conditions_kernel import lay_out_regressors, pull_back_view, view_inside

Array = NDArray[np.float64]
FORMS = pytest.mark.parametrize("conjunctive", [1.0, 0.0], ids=["conjunctive", "additive"])
SIDED = pytest.mark.parametrize("sided", [[], [1], [3, 0]], ids=["none one-sided", "one", "two"])


class Case(NamedTuple):
    z: Array
    matrix: Array
    intercept: Array
    conjunctive: Array
    points: Array
    sided: NDArray[np.int64]


def case(conjunctive: float, sided: list[int], conditions: int = 3, weeks: int = 21, points: int = 35, seed: int = 0) -> Case:
    """Four factors; a third of the weights is zero."""
    rng = np.random.default_rng(seed)
    indices = np.array(sided, dtype=np.int64)
    at_points = regressors(rng.normal(size=(4, points)), indices, np)
    matrix = rng.normal(size=(conditions, len(at_points))) * (rng.random((conditions, len(at_points))) < 0.67)
    return Case(1.5 * rng.normal(size=(4, weeks)), matrix, rng.normal(size=conditions), np.array([conjunctive]), at_points, indices)


def cotangents(given: Case, seed: int = 1) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    weeks = given.z.shape[1]
    return rng.normal(size=weeks), rng.normal(size=(len(given.intercept), weeks)), rng.normal(size=1)


def formula(given: Case) -> tuple[Array, Array, Array]:
    """Inside view, log odds and N, by NumPy and SciPy in their most careful forms."""
    log_odds = openness(regressors(given.z, given.sided, np), given.matrix, given.intercept)
    at_points = openness(given.points, given.matrix, given.intercept)

    def score(x: Array) -> Array:
        if given.conjunctive[0]:
            return np.asarray(log_expit(x).sum(axis=0))
        slope = np.exp(log_expit(-given.intercept))
        return np.asarray(slope @ (x - given.intercept[:, None]))

    norm = logsumexp(score(at_points)) - np.log(at_points.shape[1])
    return score(log_odds) - norm, log_odds, np.array([norm])


@cache
def formula_with_gradient(sided: tuple[int, ...]) -> Any:
    """Value and gradient of hazard/inside.py as PyTensor finds them, compiled."""
    z, matrix, intercept, flag, points = pt.dmatrix(), pt.dmatrix(), pt.dvector(), pt.dvector(), pt.dmatrix()
    inside_bar, log_odds_bar, norm_bar = pt.dvector(), pt.dmatrix(), pt.dvector()
    structure: Any = SimpleNamespace(points=points)
    log_odds = openness(regressors(z, np.array(sided, dtype=np.intp), pt), matrix, intercept)
    norm = normaliser(matrix, intercept, structure, flag[0] > 0.5, pt)
    inside = inside_score(log_odds, intercept, flag[0] > 0.5, pt) - norm
    cost = (inside * inside_bar).sum() + (log_odds * log_odds_bar).sum() + norm * norm_bar[0]
    inputs = [z, matrix, intercept, flag, points, inside_bar, log_odds_bar, norm_bar]
    return pytensor.function(inputs, [inside, log_odds, norm, *pytensor.grad(cost, [z, matrix, intercept])], mode="FAST_COMPILE")


def graph(given: Case) -> tuple[list[Any], list[Any]]:
    """Values, and gradient for random cotangents."""
    found = formula_with_gradient(tuple(given.sided.tolist()))(*given[:5], *cotangents(given))
    return found[:3], found[3:]


def pull_back(given: Case, bars: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    return pull_back_view(*given, *view_inside(*given), *bars)


@FORMS
@SIDED
def test_value_and_adjoint_are_those_of_the_formula(conjunctive: float, sided: list[int]) -> None:
    given = case(conjunctive, sided)
    values, gradients = graph(given)
    for found, expected in zip(view_inside(*given)[:3], values, strict=True):
        np.testing.assert_allclose(found, np.reshape(expected, found.shape), rtol=1e-13, atol=1e-13)
    for found, expected in zip(pull_back(given, cotangents(given)), gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@FORMS
@pytest.mark.parametrize("conditions", [1, 2, 5])
def test_any_number_of_conditions(conjunctive: float, conditions: int) -> None:
    given = case(conjunctive, [2], conditions, weeks=3, points=8)
    for found, expected in zip(view_inside(*given)[:3], formula(given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@FORMS
def test_each_cotangent_by_central_differences(conjunctive: float) -> None:
    given = case(conjunctive, [1], weeks=5, seed=2)
    full = cotangents(given)
    step = 1e-6
    for only in range(3):
        bars: Any = tuple(bar if number == only else np.zeros_like(bar) for number, bar in enumerate(full))
        for which, gradient in enumerate(pull_back(given, bars)):
            for place in np.ndindex(gradient.shape):
                around = []
                for sign in (1, -1):
                    moved: Any = [part.copy() for part in given]
                    moved[which][place] += sign * step
                    around.append(sum(float((value * bar).sum()) for value, bar in zip(formula(Case(*moved)), bars, strict=True)))
                assert gradient[place] == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-6, abs=1e-7)


@FORMS
def test_the_gradient_check(conjunctive: float) -> None:
    given = case(conjunctive, [1], weeks=4, points=8, seed=3)

    def everything(z: Any, matrix: Any, intercept: Any) -> Any:
        return pt.concatenate([out.flatten() for out in inside_view(z, matrix, intercept, *given[3:])])

    verify_grad(everything, list(given[:3]), rng=np.random.default_rng(1), mode="FAST_COMPILE")


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_the_op_evaluates_to_the_function(mode: str) -> None:
    given = case(1.0, [1])
    z, matrix, intercept = pt.dmatrix("z"), pt.dmatrix("matrix"), pt.dvector("intercept")
    outputs = inside_view(z, matrix, intercept, *given[3:])
    gradient = pytensor.grad((outputs[0] * cotangents(given)[0]).sum(), [z, matrix, intercept])
    found = pytensor.function([z, matrix, intercept], [*outputs, *gradient], mode=mode)(*given[:3])
    bars = cotangents(given)
    expected = [*view_inside(*given)[:3], *pull_back(given, (bars[0], 0 * bars[1], 0 * bars[2]))]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("scale", [30.0, 130.0, 250.0, 900.0])
@FORMS
def test_extreme_log_odds(conjunctive: float, scale: float) -> None:
    """Weights that throw log odds to hundreds either way, at the points, in the weeks or in both."""
    for at_weeks, at_points in ((scale, 1.0), (1.0, scale), (scale, scale)):
        given = case(conjunctive, [], weeks=40, seed=4)
        given = given._replace(z=given.z * at_weeks, points=given.points * at_points)
        with np.errstate(under="ignore"):
            expected = formula(given)
        for found, value in zip(view_inside(*given)[:3], expected, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-12, atol=1e-11)
        _, gradients = graph(given)
        for found, value in zip(pull_back(given, cotangents(given)), gradients, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-10)


def test_all_conditions_shut_everywhere() -> None:
    """Then each point's share comes from differences of numbers whose exponentials are zero."""
    given = case(1.0, [], seed=5)._replace(intercept=np.array([-400.0, -500.0, -600.0]))
    inside, _, norm = view_inside(*given)[:3]
    expected = formula(given)
    assert norm[0] == pytest.approx(expected[2][0], rel=1e-14) and norm[0] < -1000
    np.testing.assert_allclose(inside, expected[0], atol=1e-11)
    np.testing.assert_allclose(pull_back(given, (np.zeros(21), np.zeros((3, 21)), np.ones(1)))[2], 1.0, rtol=1e-13)


def test_regressors_are_those_of_the_formula() -> None:
    z = np.array([[-300.0, -5.0, -1e-9, 0.0, 0.3, 40.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    found = lay_out_regressors(z, np.array([0]))
    np.testing.assert_array_equal(found[:2], z)
    np.testing.assert_allclose(found[2], one_sided(z[0], np), rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(found[3], one_sided(-z[0], np), rtol=1e-14, atol=1e-16)


@FORMS
def test_the_same_inputs_give_the_same_bits_wherever_they_lie(conjunctive: float) -> None:
    given = case(conjunctive, [1], weeks=226, points=512, seed=6)
    bars = cotangents(given)
    expected = [*view_inside(*given), *pull_back(given, bars)]

    def moved(part: Any, offset: int) -> Any:
        room = np.zeros(part.size + offset, dtype=part.dtype)
        room[offset:] = part.ravel()
        return room[offset:].reshape(part.shape)

    for offset in range(1, 8):
        again = Case(*(moved(part, offset) for part in given))
        shifted: Any = tuple(moved(bar, offset) for bar in bars)
        for found, value in zip([*view_inside(*again), *pull_back(again, shifted)], expected, strict=True):
            np.testing.assert_array_equal(found, value)
