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
from scipy.special import log_expit, logsumexp

from ripeness import names
from ripeness.data.observations import NO_EVENTS, NO_NESTED
from ripeness.model.inside import condition_log_odds, effect_regressors, inside_view, with_inside_view
from ripeness.model.terms.conditions import (
    InsideStructure,
    best_to_worst,
    build_inside,
    calibrated_leverage,
    conjunctive_score,
    log_mean_exp,
    log_sigmoid,
    one_sided,
    openness,
    prior_draws,
    regressors,
    shares_of_causes,
    softplus,
    substitutable_inside,
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
CAUSES = np.array([0.5, 2.0, 1.5])
FORMS = pytest.mark.parametrize("form", [names.CONJUNCTIVE, names.SUBSTITUTABLE])
PRIOR = {
    "effect_mean": np.array([0.3, -0.2, 0.3, 0.4, 0.0]),
    "effect_sd": np.array([0.3, 0.3, 0.3, 0.3, 0.3]),
    "open_mu": np.array([-1.0, -0.5, -0.2]),
    "open_sigma": np.array([0.6, 0.6, 0.5]),
    "total_mu": np.array(np.log(np.log(8.0))),
    "total_sigma": np.array(0.25),
    "cause_mu": np.array([0.3, -0.2, 0.0]),
    "cause_sigma": np.array([0.6, 0.5, 0.6]),
}


@pytest.fixture(scope="module")
def structure() -> InsideStructure:
    return build_inside(EFFECTS, FACTORS, CONDITIONS)


def inside_at(z: Array, structure: InsideStructure, form: str, xp: Any = np) -> Any:
    """Inside view at factor values (point, factor), and its normaliser."""
    weights, intercept, causes = (xp.as_tensor(given) if xp is pt else given for given in (WEIGHTS, INTERCEPT, CAUSES))
    matrix = weight_matrix(weights, structure)
    log_odds = openness(regressors(xp.as_tensor(z.T) if xp is pt else z.T, structure.sided, xp), matrix, intercept)
    at_points = openness(structure.points, matrix, intercept)
    if form == names.CONJUNCTIVE:
        norm = log_mean_exp(conjunctive_score(at_points, xp), xp)
        return conjunctive_score(log_odds, xp) - norm, norm
    norm = log_mean_exp(at_points, xp)
    return substitutable_inside(log_odds, shares_of_causes(causes), norm, xp), norm


def by_hand(z: Array, structure: InsideStructure, form: str) -> Array:
    """The docstring's formulas, written out for this workspace."""

    def s(x: Array) -> Array:
        return (np.log1p(np.exp(4 * x)) - np.log(2)) / 4

    lose, win, cost, host, against = WEIGHTS

    def moved(z: Array) -> Array:
        front = z[:, FRONT]
        return np.array(
            [
                lose * s(-front) + win * s(front) + cost * z[:, COST],  # north loses when the front is low
                lose * s(front) + win * s(-front) + against * z[:, HOST],
                host * z[:, HOST],
            ]
        )

    u, fixed = moved(z), moved(structure.points[:3].T)
    if form == names.CONJUNCTIVE:
        a = INTERCEPT[:, None]
        return np.asarray(np.log(np.prod(1 / (1 + np.exp(-a - u)), axis=0) / np.prod(1 / (1 + np.exp(-a - fixed)), axis=0).mean()))
    multipliers = np.exp(u) / np.exp(fixed).mean(axis=1, keepdims=True)
    return np.asarray(np.log((CAUSES[:, None] / CAUSES.sum() * multipliers).sum(axis=0)))


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


@FORMS
def test_the_inside_view_is_the_formula(structure: InsideStructure, form: str) -> None:
    z = np.random.default_rng(2).normal(size=(50, 3)) * 2
    np.testing.assert_allclose(inside_at(z, structure, form)[0], by_hand(z, structure, form), atol=1e-12)


def test_one_open_cause_is_enough_where_hazards_add(structure: InsideStructure) -> None:
    """Where one condition is shut for good, a product is nothing and a sum what the others make of it."""
    z = np.zeros((1, 3))
    shut = np.array([1e-9, 1.0, 1.0])  # σ(x_c), or e^(u_c − N_c), of each cause
    log_odds = np.log(shut)[:, None]
    assert np.exp(conjunctive_score(log_odds, np))[0] < 1e-9
    share = shares_of_causes(CAUSES)
    found = np.exp(substitutable_inside(log_odds, share, np.zeros(3), np))[0]
    assert found == pytest.approx(share[1] + share[2])
    assert np.isfinite(inside_at(z, structure, names.SUBSTITUTABLE)[0]).all()


def test_a_cause_by_itself_multiplies_its_own_share(structure: InsideStructure) -> None:
    """The slope of the log hazard in a factor of one cause is the weight times the cause's share of the hazard there."""
    step = 1e-6
    moved = np.zeros((2, 3))
    moved[:, COST] = (step, -step)
    slope = np.ptp(inside_at(moved, structure, names.SUBSTITUTABLE)[0]) / (2 * step)
    norm = inside_at(moved, structure, names.SUBSTITUTABLE)[1] - INTERCEPT
    hazards = CAUSES * np.exp(-norm)  # all factors at their usual value
    assert slope == pytest.approx(WEIGHTS[2] * hazards[0] / hazards.sum(), rel=1e-6)


@FORMS
def test_the_inside_view_never_lifts_the_base_rate(structure: InsideStructure, form: str) -> None:
    """Over fresh draws of the stationary factors exp(inside) has mean one."""
    multiplier = np.exp(by_hand(np.random.default_rng(3).normal(size=(400_000, 3)), structure, form))
    # the fixed set has an error of its own, about as large as that of a few thousand draws
    assert multiplier.mean() == pytest.approx(1.0, abs=5 * multiplier.std() / np.sqrt(5_000))


@FORMS
def test_model_and_forecast_use_one_formula(structure: InsideStructure, form: str) -> None:
    z = np.random.default_rng(4).normal(size=(6, 3))
    found = pytensor.function([], list(inside_at(z, structure, form, pt)), mode="FAST_COMPILE")()
    for one, other in zip(found, inside_at(z, structure, form), strict=True):
        np.testing.assert_allclose(one, other)


def test_draws_broadcast_over_paths(structure: InsideStructure) -> None:
    rng = np.random.default_rng(5)
    weights, intercepts, z = rng.normal(size=(4, 5)), rng.normal(size=(4, 3)), rng.normal(size=(4, 7, 3))
    matrix = weight_matrix(weights, structure)[:, None]
    log_odds = openness(regressors(z[..., None], structure.sided, np), matrix, intercepts[:, None])
    score = conjunctive_score(log_odds, np)[..., 0]
    one = openness(regressors(z[2, 5][:, None], structure.sided, np), weight_matrix(weights[2], structure), intercepts[2])
    assert score[2, 5] == pytest.approx(conjunctive_score(one, np)[0])


@FORMS
def test_the_elicited_total_comes_out(structure: InsideStructure, form: str) -> None:
    """With fresh prior draws, ranked on fresh weeks, the median of best to worst is the elicited eight."""
    leverage = calibrated_leverage(PRIOR, structure, form)
    drawn = prior_draws(PRIOR, 2000, seed=99)
    matrix = weight_matrix(drawn["effect"] * drawn["total"][:, None] * leverage, structure)
    z = np.random.default_rng(6).normal(size=(4000, 3)).T
    ratios = []
    for weights, own, causes in zip(matrix, drawn["intercept"], drawn["cause_weight"], strict=True):
        u = weights @ regressors(z, structure.sided, np)
        if form == names.CONJUNCTIVE:
            multiplier = np.prod(1 / (1 + np.exp(-own[:, None] - u)), axis=0)
        else:
            multiplier = causes @ (np.exp(u) / np.exp(u).mean(axis=1, keepdims=True))
        multiplier = np.sort(multiplier)
        ratios.append(multiplier[-400:].mean() / multiplier[:400].mean())
    assert np.median(ratios) == pytest.approx(8.0, rel=0.12)
    own = best_to_worst(form, drawn, openness(structure.points, matrix, drawn["intercept"]))
    assert np.median(own) == pytest.approx(np.median(ratios), rel=0.05)


def test_a_larger_total_needs_more_leverage(structure: InsideStructure) -> None:
    more = PRIOR | {"total_mu": np.array(np.log(np.log(16.0)))}
    small, large = (calibrated_leverage(prior, structure, names.CONJUNCTIVE) for prior in (PRIOR, more))
    # the weights are leverage × total, so the leverage itself hardly moves
    assert np.all((large / small > 0.6) & (large / small < 1.6))
    assert np.all(small > 0)


def test_best_to_worst_of_one_linear_factor() -> None:
    """In the substitutable form with one cause and one factor it is the ratio of the means of exp(slope·z) in the two tenths."""
    single = build_inside([Effect("cost", "north")], [Factor("cost")], ["north"])
    matrix, intercept = weight_matrix(np.array([[1.0]]), single), np.array([[0.0]])
    z = np.sort(np.random.default_rng(7).normal(size=400_000))
    expected = np.exp(z[-40_000:]).mean() / np.exp(z[:40_000]).mean()
    found = best_to_worst(names.SUBSTITUTABLE, {"cause_weight": np.array([[3.0]])}, openness(single.points, matrix, intercept))
    assert found[0] == pytest.approx(expected, rel=0.05)


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
        "cause_weight": rng.lognormal(size=(4, structure.conditions)),
        "cause_normaliser": rng.normal(size=(4, structure.conditions)),
    }
    draws["cause_share"] = shares_of_causes(draws["cause_weight"])
    z = rng.normal(size=(4, 2, structure.factors, 5))
    odds = condition_log_odds(spec, draws, z)
    for variant, norm_of in ((names.CONJUNCTIVE, "normaliser"), (names.SUBSTITUTABLE, "cause_normaliser")):
        found = inside_view(spec, variant, draws, z)
        rejoined = with_inside_view(spec, variant, draws, z[:, 1])
        for s in range(4):
            matrix, intercept = weight_matrix(draws["weight"][s], structure), draws["intercept_open"][s]
            own = {name: draws[name][s] for name in ("normaliser", "cause_share", "cause_normaliser")}
            for m in range(2):
                x = openness(regressors(z[s, m], structure.sided, np), matrix, intercept)
                np.testing.assert_allclose(odds[s, m], x, rtol=1e-12)
                if variant == names.CONJUNCTIVE:
                    expected = log_expit(x).sum(axis=0) - own["normaliser"]
                else:
                    expected = logsumexp(np.log(own["cause_share"])[:, None] + x - own["cause_normaliser"][:, None], axis=0)
                np.testing.assert_allclose(found[s, m], expected, rtol=1e-12)
            at_points = openness(structure.points, matrix, intercept)
            by_point = log_expit(at_points).sum(axis=0) if variant == names.CONJUNCTIVE else at_points
            norm = logsumexp(by_point, axis=-1) - np.log(at_points.shape[1])
            np.testing.assert_allclose(rejoined[norm_of][s], norm)
        again = inside_view(spec, variant, draws | {norm_of: rejoined[norm_of]}, z)
        np.testing.assert_allclose(rejoined["inside"], again[:, 1], rtol=1e-10, atol=1e-12)
    acts = effect_regressors(spec, z)
    for e in range(len(structure.effects)):
        own = np.flatnonzero(structure.placement.reshape(len(structure.effects), structure.conditions, -1)[e].any(axis=0))
        np.testing.assert_allclose(acts[:, :, e], regressors(z, structure.sided, np)[:, :, own].mean(axis=2))
