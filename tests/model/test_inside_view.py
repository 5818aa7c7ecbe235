"""The kernel of the inside view against the formula and its gradient by PyTensor, with extreme log odds, and bit by bit."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from adjoints import check_adjoint, forward, pull_back, shifted
from numpy.typing import NDArray
from pytensor.gradient import verify_grad
from scipy.special import log_expit, logsumexp

from ripeness.model.ops import op_of
from ripeness.model.terms.conditions import (
    Conditions,
    conjunctive_score,
    lay_out_regressors,
    lay_weights,
    log_mean_exp,
    one_sided,
    openness,
    regressors,
    shares_of_causes,
    substitutable_inside,
)
from ripeness.model.terms.inside_view import Conjunctive, Substitutable

Array = NDArray[np.float64]
FORMS = pytest.mark.parametrize("form", [Conjunctive, Substitutable])
SIDED = pytest.mark.parametrize("sided", [[], [1], [3, 0]], ids=["none one-sided", "one", "two"])


class Case(NamedTuple):
    form: Any
    z: Array
    matrix: Array
    intercept: Array
    weight: Array
    points: Array
    sided: NDArray[np.int64]

    @property
    def kernel(self) -> Any:
        """Of the inside view."""
        (found,) = self.form.kernels
        return found

    @property
    def norm(self) -> str:
        """What the form calls its normaliser."""
        return "normaliser" if self.form is Conjunctive else "cause_normaliser"


def case(form: Any, sided: list[int], conditions: int = 3, weeks: int = 21, points: int = 35, seed: int = 0) -> Case:
    """Four factors; a third of the weights is zero."""
    rng = np.random.default_rng(seed)
    indices = np.array(sided, dtype=np.int64)
    at_points = regressors(rng.normal(size=(4, points)), indices, np)
    matrix = rng.normal(size=(conditions, len(at_points))) * (rng.random((conditions, len(at_points))) < 0.67)
    z, intercept, weight = 1.5 * rng.normal(size=(4, weeks)), rng.normal(size=conditions), rng.lognormal(size=conditions)
    return Case(form, z, matrix, intercept, weight, at_points, indices)


def cotangents(given: Case, seed: int = 1) -> tuple[Array, Array]:
    """Of the inside view and of the log odds of the weeks."""
    rng = np.random.default_rng(seed)
    weeks = given.z.shape[1]
    return rng.normal(size=weeks), rng.normal(size=(len(given.intercept), weeks))


WEIGHTS, LOG_ODDS = Conditions.kernels


def values(given: Case) -> dict[str, Any]:
    """Inputs of the kernels by name."""
    return {
        "factor": given.z,
        "weight_matrix": given.matrix,
        "intercept_open": given.intercept,
        "cause_weight": given.weight,
        "points": given.points,
        "sided": given.sided,
    }


def view_inside(given: Case) -> tuple[Array, Array, Array]:
    """Inside view, log odds and normaliser by the kernels."""
    log_odds = forward(LOG_ODDS, values(given))
    inside = forward(given.kernel, values(given) | log_odds)
    return inside["inside"], log_odds["log_odds_open"], inside[given.norm]


def pull_back_view(given: Case, bars: tuple[Array, Array]) -> tuple[Array, Array, Array, Array]:
    """Cotangents of z, of the weights, of the intercepts and of the causes by the kernels' adjoints."""
    own = pull_back(given.kernel, values(given) | forward(LOG_ODDS, values(given)), {"inside": bars[0]})
    further = {"log_odds_open": own["log_odds_open"] + bars[1], "log_odds_at_points": own["log_odds_at_points"]}
    found = pull_back(LOG_ODDS, values(given), further)
    return found["factor"], found["weight_matrix"], found["intercept_open"], own.get("cause_weight", np.zeros_like(given.weight))


def formula(given: Case) -> tuple[Array, Array, Array]:
    """Inside view, log odds and normaliser, by NumPy and SciPy in their most careful forms."""
    log_odds = openness(regressors(given.z, given.sided, np), given.matrix, given.intercept)
    at_points = openness(given.points, given.matrix, given.intercept)
    if given.form is Conjunctive:
        norm = logsumexp(log_expit(at_points).sum(axis=0)) - np.log(at_points.shape[1])
        return log_expit(log_odds).sum(axis=0) - norm, log_odds, np.array([norm])
    norms = logsumexp(at_points, axis=1) - np.log(at_points.shape[1])
    by_cause = np.log(given.weight)[:, None] + log_odds - norms[:, None]
    return np.asarray(logsumexp(by_cause, axis=0) - np.log(given.weight.sum())), log_odds, norms


@cache
def formula_with_gradient(form: Any, sided: tuple[int, ...]) -> Any:
    """Value and gradient of the formula as PyTensor finds them, compiled."""
    z, matrix, intercept, weight, points = pt.dmatrix(), pt.dmatrix(), pt.dvector(), pt.dvector(), pt.dmatrix()
    inside_bar, log_odds_bar = pt.dvector(), pt.dmatrix()
    log_odds = openness(regressors(z, np.array(sided, dtype=np.intp), pt), matrix, intercept)
    at_points = openness(points, matrix, intercept)
    if form is Conjunctive:
        norm = log_mean_exp(conjunctive_score(at_points, pt), pt)
        inside = conjunctive_score(log_odds, pt) - norm
    else:
        norm = log_mean_exp(at_points, pt)
        inside = substitutable_inside(log_odds, shares_of_causes(weight), norm, pt)
    cost = (inside * inside_bar).sum() + (log_odds * log_odds_bar).sum()
    inputs, free = [z, matrix, intercept, weight, points, inside_bar, log_odds_bar], [z, matrix, intercept, weight]
    gradient = pytensor.grad(cost, free, disconnected_inputs="ignore")
    return pytensor.function(inputs, [inside, log_odds, norm, *gradient], mode="FAST_COMPILE", on_unused_input="ignore")


def graph(given: Case) -> tuple[list[Any], list[Any]]:
    """Values, and gradient for random cotangents."""
    found = formula_with_gradient(given.form, tuple(given.sided.tolist()))(*given[1:6], *cotangents(given))
    return found[:3], found[3:]


@FORMS
@SIDED
def test_value_and_adjoint_are_those_of_the_formula(form: Any, sided: list[int]) -> None:
    given = case(form, sided)
    expected_values, gradients = graph(given)
    for found, expected in zip(view_inside(given), expected_values, strict=True):
        np.testing.assert_allclose(found, np.reshape(expected, found.shape), rtol=1e-13, atol=1e-13)
    for found, expected in zip(pull_back_view(given, cotangents(given)), gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@FORMS
@pytest.mark.parametrize("conditions", [1, 2, 5])
def test_any_number_of_conditions(form: Any, conditions: int) -> None:
    given = case(form, [2], conditions, weeks=3, points=8)
    for found, expected in zip(view_inside(given), formula(given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@FORMS
def test_adjoints_by_central_differences(form: Any) -> None:
    given = values(case(form, [1], weeks=5, seed=2))
    for kernel in (LOG_ODDS, *form.kernels):
        for wrt in kernel.wrt:
            check_adjoint(kernel, given | forward(LOG_ODDS, given), wrt, step=1e-6, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("wrt", WEIGHTS.wrt)
def test_weights_of_effects_are_laid_out_and_pulled_back(wrt: str) -> None:
    rng, points = np.random.default_rng(5), np.zeros((4, 7))
    placement = np.array([[0, 0, 1], [0, 2, 3], [1, 1, 0], [2, 0, 1]], dtype=np.int64)  # effect, condition, regressor
    given = {"log_best_to_worst": np.array([1.3]), "effect_size": rng.normal(size=3), "leverage": rng.gamma(2.0, size=3)}
    given |= {"placement": placement, "points": points, "intercept_open": np.zeros(3)}
    weight = 1.3 * given["leverage"] * given["effect_size"]
    matrix, own = lay_weights(*(given[name] for name in WEIGHTS.inputs))
    np.testing.assert_allclose(own, weight)
    np.testing.assert_allclose(matrix, [[0, weight[0] + weight[2], 0, 0], [weight[1], 0, 0, 0], [0, 0, 0, weight[0]]])
    check_adjoint(WEIGHTS, given, wrt)


def by_op(given: Case, z: Any, matrix: Any, intercept: Any) -> list[Any]:
    """Inside view and log odds as tensors, through the kernels' Ops."""
    inputs = values(given) | {"factor": z, "weight_matrix": matrix, "intercept_open": intercept}
    log_odds = op_of(LOG_ODDS)(inputs)
    return [op_of(given.kernel)(inputs | log_odds)["inside"], log_odds["log_odds_open"]]


@FORMS
def test_the_gradient_check(form: Any) -> None:
    given = case(form, [1], weeks=4, points=8, seed=3)

    def everything(*inputs: Any) -> Any:
        return pt.concatenate([out.flatten() for out in by_op(given, *inputs)])

    verify_grad(everything, list(given[1:4]), rng=np.random.default_rng(1), mode="FAST_COMPILE")


@FORMS
@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_the_op_evaluates_to_the_function(mode: str, form: Any) -> None:
    given = case(form, [1])
    inputs = [pt.dmatrix("z"), pt.dmatrix("matrix"), pt.dvector("intercept")]
    outputs = by_op(given, *inputs)
    bars = cotangents(given)
    gradient = pytensor.grad((outputs[0] * bars[0]).sum(), inputs)
    found = pytensor.function(inputs, [*outputs, *gradient], mode=mode)(*given[1:4])
    expected = [*view_inside(given)[:2], *pull_back_view(given, (bars[0], 0 * bars[1]))[:3]]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("scale", [30.0, 130.0, 250.0, 900.0])
@FORMS
def test_extreme_log_odds(form: Any, scale: float) -> None:
    """Weights that throw log odds to hundreds either way, at the points, in the weeks or in both."""
    for at_weeks, at_points in ((scale, 1.0), (1.0, scale), (scale, scale)):
        given = case(form, [], weeks=40, seed=4)
        given = given._replace(z=given.z * at_weeks, points=given.points * at_points)
        with np.errstate(under="ignore"):
            expected = formula(given)
        for found, value in zip(view_inside(given), expected, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-12, atol=1e-11)
        _, gradients = graph(given)
        for found, value in zip(pull_back_view(given, cotangents(given)), gradients, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-10)


def test_all_conditions_shut_everywhere() -> None:
    """Then each point's share comes from differences of numbers whose exponentials are zero."""
    given = case(Conjunctive, [], seed=5)._replace(intercept=np.array([-400.0, -500.0, -600.0]))
    inside, _, norm = view_inside(given)
    expected = formula(given)
    assert norm[0] == pytest.approx(expected[2][0], rel=1e-14) and norm[0] < -1000
    np.testing.assert_allclose(inside, expected[0], atol=1e-11)
    inside_bar = np.zeros(21)
    inside_bar[0] = 1.0  # ∂(score − N)/∂a is one less one
    np.testing.assert_allclose(pull_back_view(given, (inside_bar, np.zeros((3, 21))))[2], 0.0, atol=1e-12)


def test_regressors_are_those_of_the_formula() -> None:
    z = np.array([[-300.0, -5.0, -1e-9, 0.0, 0.3, 40.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    found = lay_out_regressors(z, np.array([0]))
    np.testing.assert_array_equal(found[:2], z)
    np.testing.assert_allclose(found[2], one_sided(z[0], np), rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(found[3], one_sided(-z[0], np), rtol=1e-14, atol=1e-16)


@FORMS
def test_the_same_inputs_give_the_same_bits_wherever_they_lie(form: Any) -> None:
    given = case(form, [1], weeks=226, points=512, seed=6)
    names = values(given)
    names |= forward(LOG_ODDS, names)
    bars = dict(zip(("inside", "log_odds_open"), cotangents(given), strict=True))
    for places in range(1, 8):
        for kernel in (LOG_ODDS, *form.kernels):
            moved = {name: shifted(array, places) for name, array in names.items()}
            moved_bars = {name: shifted(bar, places) for name, bar in bars.items()}
            for found, expected in (
                (forward(kernel, moved), forward(kernel, names)),
                (pull_back(kernel, moved, moved_bars), pull_back(kernel, names, bars)),
            ):
                assert [part.tobytes() for part in found.values()] == [part.tobytes() for part in expected.values()]
