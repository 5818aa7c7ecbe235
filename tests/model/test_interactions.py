"""An interaction of two factors: one term, and everything that follows from the terms knows it."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from adjoints import check_adjoint
from by_hand import random_points
from made_up_war import make_draws, make_origin
from numpy.typing import NDArray

from ripeness import names
from ripeness.attribution.scenario_file import Path, Scenario
from ripeness.attribution.scenarios import run_scenario
from ripeness.evaluation.calibration import quantities
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.inference.compiled import Density, build_data, program_of
from ripeness.inference.coordinates import build_coordinates
from ripeness.inference.log_prior import log_prior
from ripeness.model.build import build_model, model_coords
from ripeness.model.inside import condition_log_odds, with_inside_view
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.interactions import Interactions, places_of

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def interacting(spec: ModelSpec) -> ModelSpec:
    """The made-up war with two interactions inside its conditions."""
    a, b, c = spec.workspace.factor_ids
    one, two = spec.workspace.condition_ids
    entries = dict.fromkeys((f"interaction.{one}.{a}_x_{b}", f"interaction.{two}.{c}_x_{a}"))
    priors: Any = copy(spec.priors)
    files = SimpleNamespace(**{**vars(spec.priors.files), "entries": entries})
    object.__setattr__(priors, "files", files)
    return replace(spec, priors=priors)


def test_none_is_the_rule(spec: ModelSpec) -> None:
    assert not Interactions().present(spec)
    assert "interaction_weight" not in {variable.name for variable in build_model(spec).free_RVs}


def test_conditions_and_factors_are_found_by_their_ids(interacting: ModelSpec) -> None:
    assert places_of(interacting).tolist() == [[0, 0, 1], [1, 2, 0]]
    assert model_coords(interacting, names.CONJUNCTIVE)["interaction"] == [
        name.removeprefix("interaction.") for name in interacting.priors.files.entries
    ]


@pytest.mark.parametrize("wrt", Interactions.kernels[0].wrt)
def test_adjoint_by_central_differences(interacting: ModelSpec, wrt: str) -> None:
    rng = np.random.default_rng(1)
    values = {
        "factor": rng.normal(size=(3, 5)),
        "points": rng.normal(size=(4, 6)),
        "interaction_place": places_of(interacting),
        "interaction_weight": rng.normal(size=2),
        "intercept_open": np.zeros(2),
    }
    check_adjoint(Interactions.kernels[0], values, wrt)


def test_the_compiled_density_is_that_of_the_graph(interacting: ModelSpec) -> None:
    """Up to a constant, and it moves with the interaction; gradient of the interaction's own coordinates by central differences."""
    model = build_model(interacting, names.CONJUNCTIVE, form="whitened")
    graph = model.compile_logp(mode="FAST_COMPILE", sum=False)  # term by term: the Python linker adds no more than 32
    coordinates = build_coordinates(interacting, names.CONJUNCTIVE, names.AS_WRITTEN)
    data = build_data(interacting, names.CONJUNCTIVE, names.AS_WRITTEN, coordinates)
    density = Density(program_of(interacting, names.CONJUNCTIVE, names.AS_WRITTEN), data)
    rng, named = np.random.default_rng(2), {"log": "{}_log__", "logit": "logit_{}", "identity": "{}"}
    points = [point | {"interaction_weight": rng.normal(size=2)} for point in random_points(interacting, names.CONJUNCTIVE)]
    xs = [np.concatenate([np.ravel(point[named[one.transform].format(one.name)]) for one in coordinates.parameters]) for point in points]
    differences = [density(x)[0] - sum(float(np.sum(term)) for term in graph(point)) for x, point in zip(xs, points, strict=True)]
    assert np.ptp(differences) < 1e-8 * abs(density(xs[0])[0])
    place = int(coordinates.start[[one.name for one in coordinates.parameters].index("interaction_weight")])
    for i in (place, place + 1):
        step = np.eye(1, len(xs[0]), i)[0] * 1e-5
        assert density(xs[0])[1][i] == pytest.approx((density(xs[0] + step)[0] - density(xs[0] - step)[0]) / 2e-5, rel=1e-5, abs=1e-6)
    still = xs[0].copy()
    still[place : place + 2] = 0.0
    assert abs(density(still)[0] - density(xs[0])[0]) > 1e-3


def test_log_odds_of_draws_have_the_product(interacting: ModelSpec) -> None:
    rng = np.random.default_rng(3)
    draws = make_draws(interacting, rng, 7) | {"interaction_weight": rng.normal(size=(7, 2))}
    z = rng.normal(size=(7, 4, 3, 6))  # draw, path, factor, week
    plain = condition_log_odds(interacting, {name: values for name, values in draws.items() if name != "interaction_weight"}, z)
    found = condition_log_odds(interacting, draws, z) - plain
    weight = draws["interaction_weight"][:, :, None, None]
    np.testing.assert_allclose(found[:, :, 0], weight[:, 0] * z[:, :, 0] * z[:, :, 1], atol=1e-12)
    np.testing.assert_allclose(found[:, :, 1], weight[:, 1] * z[:, :, 2] * z[:, :, 0], atol=1e-12)


def test_prior_draws_the_list_of_sbc_and_log_priors_know_it(interacting: ModelSpec) -> None:
    draws = sample_prior(interacting, names.AS_WRITTEN, names.CONJUNCTIVE, 40, np.random.SeedSequence(4))
    assert draws["interaction_weight"].shape == (40, 2)
    assert log_prior(interacting, names.CONJUNCTIVE, names.AS_WRITTEN, draws)["interaction_weight"].shape == (40, 2)
    ranked = quantities(interacting, draws, [], np.random.SeedSequence(5))[0]
    assert {f"interaction_weight[{one}]" for one in model_coords(interacting, names.CONJUNCTIVE)["interaction"]} < ranked.keys()


def test_scenarios_know_it(interacting: ModelSpec) -> None:
    """Two factors held up open a condition further where they interact."""
    origin = make_origin(interacting)
    first, second = interacting.workspace.factor_ids[:2]
    scenario = Scenario("both", "Both", "", (), tuple(Path(factor=factor, units=1.5, from_week=1, to_week=8) for factor in (first, second)))
    found = []
    for weight in (0.0, 2.0):
        starts = {}
        for name, start in origin.starts.items():
            number = len(start.draws["half_life"])
            draws = dict(start.draws) | {"interaction_weight": np.tile([weight, 0.0], (number, 1))}
            z = np.zeros((number, len(interacting.workspace.factors), len(interacting.panel.weeks)))
            followed = with_inside_view(interacting, start.variant, draws | {"cause_weight": draws["cause_share"]}, z)
            norms = {key: followed[key] for key in ("normaliser", "cause_normaliser")}
            starts[name] = replace(start, draws=draws | norms)
        found.append(run_scenario(replace(origin, starts=starts), scenario).conditions[interacting.workspace.condition_ids[0]])
    assert found[1][1] - found[1][0] > found[0][1] - found[0][0] + 0.05
