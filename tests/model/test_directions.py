"""Every claim's direction, at the medians of this workspace's priors and over their draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from ripeness import names
from ripeness.elicitation.elicited import Priors
from ripeness.elicitation.readings import EffectPrior
from ripeness.model.terms.conditions import (
    InsideStructure,
    best_to_worst,
    build_inside,
    calibrated_leverage,
    conjunctive_score,
    log_mean_exp,
    openness,
    prior_draws,
    regressors,
    shares_of_causes,
    substitutable_inside,
    weight_matrix,
)
from ripeness.workspace import Workspace

Array = NDArray[np.float64]
DRAWS = 4000
BREAKTHROUGH = 2.5  # a once-in-a-hundred-weeks change of the front, either way
FORMS = (names.CONJUNCTIVE, names.SUBSTITUTABLE)


@dataclass(frozen=True)
class Reading:
    """One reading's inside view."""

    workspace: Workspace
    effects: tuple[EffectPrior, ...]
    structure: InsideStructure
    prior: dict[str, Array]
    elicited: float

    def at_medians(self, z: Array, form: str, only: int | None = None) -> Array:
        """Inside view, less its value at z = 0, at factors z (factor, point); with the weight of one effect only, if asked."""
        weights = self.prior["effect_mean"] * np.exp(self.prior["total_mu"]) * calibrated_leverage(self.prior, self.structure, form)
        if only is not None:
            weights = np.where(np.arange(len(weights)) == only, weights, 0.0)
        return self._moved(z, weight_matrix(weights, self.structure), self.prior["open_mu"], np.exp(self.prior["cause_mu"]), form)

    def over_draws(self, z: Array, form: str) -> Array:
        """The same for prior draws: (draw, point)."""
        drawn = prior_draws(self.prior, DRAWS, seed=5)
        leverage = calibrated_leverage(self.prior, self.structure, form)
        matrix = weight_matrix(drawn["effect"] * drawn["total"][:, None] * leverage, self.structure)
        return self._moved(z, matrix, drawn["intercept"], drawn["cause_weight"], form)

    def _moved(self, z: Array, matrix: Array, intercept: Array, causes: Array, form: str) -> Array:
        points = np.concatenate([np.zeros((len(z), 1)), z], axis=1)
        log_odds = openness(regressors(points, self.structure.sided, np), matrix, intercept)
        if form == names.CONJUNCTIVE:
            score = conjunctive_score(log_odds, np)
        else:
            norm = log_mean_exp(openness(self.structure.points, matrix, intercept), np)
            score = substitutable_inside(log_odds, shares_of_causes(causes), norm, np)
        return np.asarray(score[..., 1:] - score[..., :1])

    def points(self, factor: str, *values: float) -> Array:
        """Points (factor, point) at which one factor has each of the values, the others 0."""
        z = np.zeros((len(self.workspace.factors), len(values)))
        z[self.workspace.factor_ids.index(factor)] = values
        return z


@pytest.fixture(scope="module", params=names.READINGS)
def reading(request: pytest.FixtureRequest, own_workspace: Workspace, own_priors: Priors) -> Reading:
    effects = tuple(own_priors.effects[request.param])
    priors = own_priors.for_reading(request.param)
    shares = [priors[f"share_open.{name}"] for name in own_workspace.condition_ids]
    causes = [priors[f"cause_weight.{name}"] for name in own_workspace.condition_ids]
    total = priors["best_to_worst"]
    prior = {
        "effect_mean": np.array([effect.mean for effect in effects]),
        "effect_sd": np.array([effect.sd for effect in effects]),
        "open_mu": np.array([share.mu for share in shares]),
        "open_sigma": np.array([share.sigma for share in shares]),
        "total_mu": np.array(total.mu),
        "total_sigma": np.array(total.sigma),
        "cause_mu": np.array([cause.mu for cause in causes]),
        "cause_sigma": np.array([cause.sigma for cause in causes]),
    }
    structure = build_inside(effects, own_workspace.factors, own_workspace.condition_ids)
    return Reading(own_workspace, effects, structure, prior, total.quantile(0.5))


@pytest.mark.parametrize("form", FORMS)
def test_every_effect_moves_the_inside_view_as_its_claims_say(reading: Reading, form: str) -> None:
    seen = 0
    for number, effect in enumerate(reading.effects):
        if effect.role is not None:
            continue
        (down, up) = reading.at_medians(reading.points(effect.factor, -1.0, 1.0), form, only=number)
        if effect.probability == 0.5:
            assert (down, up) == (0.0, 0.0)
            continue
        claimed = -1.0 if effect.direction == "-" else 1.0
        assert effect.probability > 0.5, effect.id
        assert claimed * up > 0 > claimed * down, effect.id
        seen += 1
    assert seen >= 8


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("front", [-BREAKTHROUGH, BREAKTHROUGH])
def test_the_loser_opens_and_the_winner_closes(reading: Reading, form: str, front: float) -> None:
    for number, effect in enumerate(reading.effects):
        if effect.role is None:
            continue
        (moved,) = reading.at_medians(reading.points(effect.factor, front), form, only=number)
        assert (moved > 0) == (effect.role == "losing"), effect.id


def one_sided_factors(workspace: Workspace) -> list[str]:
    return [factor.id for factor in workspace.factors if factor.one_sided]


@pytest.mark.parametrize("form", FORMS)
def test_a_breakthrough_either_way_opens_and_a_static_line_does_not(reading: Reading, form: str) -> None:
    for factor in one_sided_factors(reading.workspace):
        moved = reading.at_medians(reading.points(factor, -BREAKTHROUGH, BREAKTHROUGH), form)
        assert (moved > 0).all(), dict(zip(("minus", "plus"), moved.round(3), strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_a_breakthrough_opens_in_most_prior_draws(reading: Reading, form: str) -> None:
    for factor in one_sided_factors(reading.workspace):
        share = (reading.over_draws(reading.points(factor, -BREAKTHROUGH, BREAKTHROUGH), form) > 0).mean(axis=0)
        assert (share > 0.5).all(), dict(zip(("minus", "plus"), share.round(3), strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_each_effect_has_its_sign_in_the_elicited_share_of_draws(reading: Reading, form: str) -> None:
    drawn = prior_draws(reading.prior, DRAWS, seed=6)["effect"]
    for effect, own in zip(reading.effects, drawn.T, strict=True):
        claimed = -1.0 if effect.direction == "-" else 1.0
        assert (claimed * own > 0).mean() == pytest.approx(effect.probability, abs=4 * 0.5 / np.sqrt(DRAWS))


@pytest.mark.parametrize("form", FORMS)
def test_the_elicited_total_comes_out(reading: Reading, form: str) -> None:
    drawn = prior_draws(reading.prior, DRAWS, seed=7)
    leverage = calibrated_leverage(reading.prior, reading.structure, form)
    matrix = weight_matrix(drawn["effect"] * drawn["total"][:, None] * leverage, reading.structure)
    found = float(np.median(best_to_worst(form, drawn, openness(reading.structure.points, matrix, drawn["intercept"]))))
    # the calibration has 512 draws of its own, whose median is known within some 3 %
    assert found == pytest.approx(reading.elicited, rel=0.15)
