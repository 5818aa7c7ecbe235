"""The inside view: who moves which condition, its normalisation, and the calibration of its total."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.panel import NO_EVENTS, NO_NESTED
from ripeness.model.inside import condition_log_odds, effect_regressors, inside_view, with_inside_view
from ripeness.model.terms.conditions import (
    InsideStructure,
    best_to_worst,
    build_inside,
    calibrated_leverage,
    inside_score,
    log_sigmoid,
    normaliser,
    one_sided,
    openness,
    prior_draws,
    regressors,
    softplus,
    weight_matrix,
)

Array = NDArray[np.float64]
CONDITIONS = ["north", "south", "open"]
FRONT, COST, HOST = 0, 1, 2


@dataclass(frozen=True)
class Factor:
    id: str
    losing_when_plus: str | None = None
    losing_when_minus: str | None = None

    @property
    def one_sided(self) -> bool:
        return self.losing_when_plus is not None


@dataclass(frozen=True)
class Effect:
    factor: str
    condition: str | None = None
    role: str | None = None


FACTORS = [Factor("front", "south", "north"), Factor("cost"), Factor("host")]
EFFECTS = [
    Effect("front", role="losing"),
    Effect("front", role="winning"),
    Effect("cost", "north"),
    Effect("host", "open"),
    Effect("host", "south"),
]
WEIGHTS = np.array([1.2, -0.4, 0.8, 0.9, -0.3])
INTERCEPT = np.array([-0.8, 0.2, -1.5])
PRIOR = {
    "effect_mean": np.array([0.3, -0.2, 0.3, 0.4, 0.0]),
    "effect_sd": np.array([0.3, 0.3, 0.3, 0.3, 0.3]),
    "open_mu": np.array([-1.0, -0.5, -0.2]),
    "open_sigma": np.array([0.6, 0.6, 0.5]),
    "total_mu": np.array(np.log(np.log(8.0))),
    "total_sigma": np.array(0.25),
}


@pytest.fixture(scope="module")
def structure() -> InsideStructure:
    return build_inside(EFFECTS, FACTORS, CONDITIONS)


def score_at(z: Array, structure: InsideStructure, conjunctive: bool, weights: Array = WEIGHTS) -> Array:
    """Inside view at factor values (point, factor), before normalisation."""
    matrix = weight_matrix(weights, structure)
    log_odds = openness(regressors(z.T, structure.sided, np), matrix, INTERCEPT)
    return np.asarray(inside_score(log_odds, INTERCEPT, conjunctive, np))


def by_hand(z: Array, conjunctive: bool) -> Array:
    """The docstring's formulas, written out for this workspace."""

    def s(x: Array) -> Array:
        return (np.log1p(np.exp(4 * x)) - np.log(2)) / 4

    lose, win, cost, host, against = WEIGHTS
    front = z[:, FRONT]
    u = [
        lose * s(-front) + win * s(front) + cost * z[:, COST],  # north loses when the front is low
        lose * s(front) + win * s(-front) + against * z[:, HOST],
        host * z[:, HOST],
    ]
    if conjunctive:
        return sum((-np.log1p(np.exp(-(a + moved))) for a, moved in zip(INTERCEPT, u, strict=True)), np.zeros(len(z)))
    return sum(((1 - 1 / (1 + np.exp(-a))) * moved for a, moved in zip(INTERCEPT, u, strict=True)), np.zeros(len(z)))


def test_softplus_and_log_sigmoid_do_not_overflow() -> None:
    x = np.array([-800.0, -2.0, 0.0, 3.0, 800.0])
    np.testing.assert_allclose(softplus(x, np), [0.0, np.log1p(np.exp(-2)), np.log(2), np.log1p(np.exp(3)), 800.0])
    np.testing.assert_allclose(log_sigmoid(x, np), -softplus(-x, np))


def test_the_one_sided_response() -> None:
    x = np.linspace(-4, 4, 81)
    response = one_sided(x, np)
    assert one_sided(0.0, np) == pytest.approx(0.0, abs=1e-15)
    assert np.all(np.diff(response) > 0)
    np.testing.assert_allclose(np.diff(response[-10:]), 0.1, atol=1e-6)
    assert response[0] == pytest.approx(-np.log(2) / 4, abs=1e-6)


def test_weights_stand_where_their_effects_act(structure: InsideStructure) -> None:
    lose, win, cost, host, against = WEIGHTS
    # regressors: front, cost, host, s(front), s(-front)
    expected = [[0, cost, 0, win, lose], [0, 0, against, lose, win], [0, 0, host, 0, 0]]
    np.testing.assert_array_equal(weight_matrix(WEIGHTS, structure), expected)
    draws = np.random.default_rng(0).normal(size=(4, 6, 5))
    np.testing.assert_array_equal(weight_matrix(draws, structure)[2, 3], weight_matrix(draws[2, 3], structure))


def test_regressors_are_the_factors_and_their_two_sides(structure: InsideStructure) -> None:
    z = np.random.default_rng(1).normal(size=(2, 3, 4))
    found = regressors(z, structure.sided, np)
    assert found.shape == (2, structure.regressors, 4)
    np.testing.assert_array_equal(found[:, :3], z)
    np.testing.assert_allclose(found[:, 3], one_sided(z[:, FRONT], np))
    np.testing.assert_allclose(found[:, 4], one_sided(-z[:, FRONT], np))
    assert regressors(z, np.array([], dtype=np.intp), np) is z


@pytest.mark.parametrize("conjunctive", [True, False])
def test_the_score_is_the_formula(structure: InsideStructure, conjunctive: bool) -> None:
    z = np.random.default_rng(2).normal(size=(50, 3)) * 2
    np.testing.assert_allclose(score_at(z, structure, conjunctive), by_hand(z, conjunctive), atol=1e-12)


def test_both_forms_have_the_same_slope_at_the_intercepts(structure: InsideStructure) -> None:
    step = 1e-6
    for k in (COST, HOST):
        moved = np.zeros((2, 3))
        moved[:, k] = (step, -step)
        slopes = [np.ptp(score_at(moved, structure, form)) / (2 * step) for form in (True, False)]
        assert slopes[0] == pytest.approx(slopes[1], rel=1e-5)


@pytest.mark.parametrize("conjunctive", [True, False])
def test_the_inside_view_never_lifts_the_base_rate(structure: InsideStructure, conjunctive: bool) -> None:
    """Over fresh draws of the stationary factors exp(inside) has mean one."""
    norm = normaliser(openness(structure.points, weight_matrix(WEIGHTS, structure), INTERCEPT), INTERCEPT, conjunctive, np)
    multiplier = np.exp(by_hand(np.random.default_rng(3).normal(size=(400_000, 3)), conjunctive) - norm)
    # the fixed set has an error of its own, about as large as that of a few thousand draws
    assert multiplier.mean() == pytest.approx(1.0, abs=5 * multiplier.std() / np.sqrt(5_000))


@pytest.mark.parametrize("conjunctive", [True, False])
def test_model_and_forecast_use_one_formula(structure: InsideStructure, conjunctive: bool) -> None:
    z = np.random.default_rng(4).normal(size=(3, 6))
    matrix = weight_matrix(pt.as_tensor(WEIGHTS), structure)
    intercept = pt.as_tensor(INTERCEPT)
    flag = pt.as_tensor(float(conjunctive)) > 0.5
    log_odds = openness(regressors(pt.as_tensor(z), structure.sided, pt), matrix, intercept)
    graph = [inside_score(log_odds, intercept, flag, pt), normaliser(openness(structure.points, matrix, intercept), intercept, flag, pt)]
    score, norm = pytensor.function([], graph, mode="FAST_COMPILE")()
    np.testing.assert_allclose(score, score_at(z.T, structure, conjunctive))
    assert norm == pytest.approx(
        float(normaliser(openness(structure.points, weight_matrix(WEIGHTS, structure), INTERCEPT), INTERCEPT, conjunctive, np))
    )


def test_draws_broadcast_over_paths(structure: InsideStructure) -> None:
    rng = np.random.default_rng(5)
    weights, intercepts, z = rng.normal(size=(4, 5)), rng.normal(size=(4, 3)), rng.normal(size=(4, 7, 3))
    matrix = weight_matrix(weights, structure)[:, None]
    log_odds = openness(regressors(z[..., None], structure.sided, np), matrix, intercepts[:, None])
    score = inside_score(log_odds, intercepts[:, None], True, np)[..., 0]
    one = openness(regressors(z[2, 5][:, None], structure.sided, np), weight_matrix(weights[2], structure), intercepts[2])
    assert score[2, 5] == pytest.approx(inside_score(one, intercepts[2], True, np)[0])


def quantities(structure: InsideStructure, leverage: Array, conjunctive: bool, draws: int, seed: int) -> tuple[Any, Any]:
    drawn = prior_draws(PRIOR, draws, seed)
    return weight_matrix(drawn["effect"] * drawn["total"][:, None] * leverage, structure), drawn["intercept"]


@pytest.mark.parametrize("conjunctive", [True, False])
def test_the_elicited_total_comes_out(structure: InsideStructure, conjunctive: bool) -> None:
    """With fresh prior draws, ranked on fresh weeks, the median of best to worst is the elicited eight."""
    leverage = calibrated_leverage(PRIOR, structure, conjunctive)
    matrix, intercept = quantities(structure, leverage, conjunctive, 2000, seed=99)
    z = np.random.default_rng(6).normal(size=(4000, 3)).T
    ratios = []
    for weights, own in zip(matrix, intercept, strict=True):
        multiplier = np.sort(np.exp(inside_score(openness(regressors(z, structure.sided, np), weights, own), own, conjunctive, np)))
        ratios.append(multiplier[-400:].mean() / multiplier[:400].mean())
    assert np.median(ratios) == pytest.approx(8.0, rel=0.12)
    assert np.median(best_to_worst(openness(structure.points, matrix, intercept), intercept, conjunctive)) == pytest.approx(
        np.median(ratios), rel=0.05
    )


def test_a_larger_total_needs_more_leverage(structure: InsideStructure) -> None:
    more = PRIOR | {"total_mu": np.array(np.log(np.log(16.0)))}
    small, large = (calibrated_leverage(prior, structure, True) for prior in (PRIOR, more))
    # the weights are leverage × total, so the leverage itself hardly moves
    assert np.all((large / small > 0.6) & (large / small < 1.6))
    assert np.all(small > 0)


def test_best_to_worst_of_one_linear_factor() -> None:
    """In the additive form with one factor it is the ratio of the means of exp(slope·z) in the two tenths."""
    single = build_inside([Effect("cost", "north")], [Factor("cost")], ["north"])
    matrix, intercept = weight_matrix(np.array([[2.0]]), single), np.array([[0.0]])
    z = np.sort(np.random.default_rng(7).normal(size=400_000))
    expected = np.exp(z[-40_000:]).mean() / np.exp(z[:40_000]).mean()
    assert best_to_worst(openness(single.points, matrix, intercept), intercept, conjunctive=False)[0] == pytest.approx(expected, rel=0.05)


def test_prior_draws_follow_their_priors() -> None:
    drawn = prior_draws(PRIOR, 20_000, seed=11)
    np.testing.assert_allclose(drawn["effect"].mean(axis=0), PRIOR["effect_mean"], atol=0.02)
    np.testing.assert_allclose(drawn["intercept"].std(axis=0), PRIOR["open_sigma"], rtol=0.03)
    assert np.median(drawn["total"]) == pytest.approx(np.log(8.0), rel=0.01)


@pytest.mark.parametrize("size", [1.0, 400.0])
def test_the_view_of_many_draws_is_put_together_from_the_same_pieces(structure: InsideStructure, size: float) -> None:
    """Draws of two paths each, by both forms, however far the log odds go, and each effect's own regressor."""
    rng = np.random.default_rng(5)
    without_rungs = SimpleNamespace(events=NO_EVENTS, nested=NO_NESTED)
    spec: Any = SimpleNamespace(structure=structure, priors=SimpleNamespace(files=SimpleNamespace(entries={})), panel=without_rungs)
    draws = {
        "weight": rng.normal(0.0, size, (4, len(structure.effects))),
        "intercept_open": rng.normal(size=(4, structure.conditions)),
        "normaliser": rng.normal(size=4),
    }
    z = rng.normal(size=(4, 2, structure.factors, 5))
    odds = condition_log_odds(spec, draws, z)
    for variant in (names.CONJUNCTIVE, names.ADDITIVE):
        found = inside_view(spec, variant, draws, z)
        rejoined = with_inside_view(spec, variant, draws, z[:, 1])
        for s in range(4):
            matrix, intercept = weight_matrix(draws["weight"][s], structure), draws["intercept_open"][s]
            for m in range(2):
                own = openness(regressors(z[s, m], structure.sided, np), matrix, intercept)
                np.testing.assert_allclose(odds[s, m], own, rtol=1e-12)
                score = inside_score(own, intercept, variant == names.CONJUNCTIVE, np)
                np.testing.assert_allclose(found[s, m], score - draws["normaliser"][s], rtol=1e-12)
            norm = normaliser(openness(structure.points, matrix, intercept), intercept, variant == names.CONJUNCTIVE, np)
            assert rejoined["normaliser"][s] == pytest.approx(norm)
        np.testing.assert_allclose(
            rejoined["inside"], found[:, 1] + (draws["normaliser"] - rejoined["normaliser"])[:, None], rtol=1e-10, atol=1e-12
        )
    acts = effect_regressors(spec, z)
    for e in range(len(structure.effects)):
        own = np.flatnonzero(structure.placement.reshape(len(structure.effects), structure.conditions, -1)[e].any(axis=0))
        np.testing.assert_allclose(acts[:, :, e], regressors(z, structure.sided, np)[:, :, own].mean(axis=2))
