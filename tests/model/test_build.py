"""The model in PyMC on a small made-up war: its density in every form and variant against one written by hand, its dims and coords."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pymc as pm
import pytest
from by_hand import by_hand, factors_by_hand, random_points
from made_up_war import WEEKS
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.observations import UNSEARCHED
from ripeness.model.build import build_model
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.term import Form
from ripeness.model.terms.conditions import reading_data
from ripeness.model.terms.outside import outside_basis

Array = NDArray[np.float64]


def test_the_made_up_war_exercises_every_part(spec: ModelSpec) -> None:
    panel = spec.panel
    assert panel.origin_inside_week
    assert panel.record.found.sum() == 4
    assert set(panel.record.stretch.tolist()) == {0, 1, UNSEARCHED}
    assert panel.record.stretch[panel.record.last_round] == UNSEARCHED
    assert (panel.measured.last > panel.measured.first).any()
    assert (panel.measured.sampling > 0).any()
    assert set(panel.counted.era.tolist()) == {0, 1, 2}
    assert (spec.meetings.exposure > 0).any(axis=1).sum() == 2
    assert len(set(spec.meetings.kind.tolist())) == 2 and len(set(spec.meetings.lead.tolist())) > 1


def density_of(model: pm.Model) -> Callable[[dict[str, Array]], float]:
    """Log density of a point, summed here: PyTensor's Python linker adds no more than 32 terms."""
    terms = model.compile_logp(mode="FAST_COMPILE", sum=False)
    return lambda point: sum(float(np.sum(term)) for term in terms(point))


@pytest.mark.parametrize("form", ["whitened", "centred", "non-centred"])
def test_the_density_is_the_one_written_by_hand(spec: ModelSpec, variant: Variant, form: Form) -> None:
    density = density_of(build_model(spec, variant, form=form))
    for point in random_points(spec, variant):
        own = dict(point)
        if variant != names.OUTSIDE and form != "whitened":
            own.pop("white_noise")
            path = factors_by_hand(spec, point)[2]
            phi = 0.5 ** (1 / np.exp(point["half_life_log__"]))[:, None]
            innovation = np.concatenate([path[:, :1], (path[:, 1:] - phi * path[:, :-1]) / np.sqrt(1 - phi**2)], axis=1)
            own |= {"path": path} if form == "centred" else {"innovation": innovation}
        assert density(own) == pytest.approx(by_hand(spec, point, variant, form), rel=1e-8)


def test_dims_and_coords(spec: ModelSpec, variant: Variant) -> None:
    model = build_model(spec, variant, form="whitened")
    dims = {name: tuple(given) for name, given in model.named_vars_to_dims.items()}
    assert dims["hazard"] == (names.RISK,)
    assert dims["outside_knots"] == (names.KNOT,)
    assert (dims["kept"], dims["recorded"]) == ((names.KEPT,), (names.TIED,))
    assert dims["class_split"] == (names.SPLIT,)
    assert dims["lead"] == (names.ARRIVAL,)
    tied = list(model.coords[names.TIED])
    assert tied == list(model.coords[names.KEPT])[: len(tied)] and list(model.coords[names.SPLIT]) == tied[:-1]
    assert len(model.coords[names.ARRIVAL]) == len(spec.meetings.lead)
    assert dims["sensitivity"] == (names.STRETCH,)
    assert len(model.coords[names.RISK]) == len(WEEKS) - spec.panel.record.start
    assert list(model.coords[names.KNOT]) == [1, 4, 18, 60]
    if variant == names.OUTSIDE:
        assert "path" not in dims
        assert "inside" not in dims
        return
    assert dims["path"] == dims["white_noise"] == (names.FACTOR, names.WEEK)
    assert dims["weight"] == (names.EFFECT,)
    assert dims["log_odds_open"] == (names.CONDITION, names.WEEK)
    assert dims["capture"] == (names.ERA,)
    assert dims["level_path"] == (names.LEVEL, names.WEEK)
    assert list(model.coords[names.FACTOR]) == ["front", "cost", "host"]
    assert list(model.coords[names.RELATIVE]) == ["prices", "mood", "items"]
    assert list(model.coords[names.ERA]) == ["visits early", "visits late"]
    assert list(model.coords[names.PULSE]) == ["host"]
    assert len(model.coords[names.EFFECT]) == len(set(model.coords[names.EFFECT])) == 5
    for name, variable in model.named_vars.items():
        if name in dims:
            sizes = tuple(len(model.coords[dim]) for dim in dims[name])
            assert tuple(variable.shape.eval(mode="FAST_COMPILE")) == sizes, name


@pytest.mark.parametrize("form", [names.CONJUNCTIVE, names.SUBSTITUTABLE])
def test_one_model_of_a_form_serves_every_reading(spec: ModelSpec, form: Variant) -> None:
    """Another reading is other data; here one whose total is larger."""
    model = build_model(spec, form, form="whitened")
    point = model.initial_point()
    own = density_of(model)(point)
    assert own == pytest.approx(by_hand(spec, point, form), rel=1e-8)
    data = reading_data(spec, names.AS_WRITTEN, form)
    assert data.keys() <= model.named_vars.keys()
    model["total_mu"].set_value(data["total_mu"] + 1.0)
    moved = density_of(model)(point)
    sigma = float(data["total_sigma"])
    away = float(point["log_best_to_worst_log__"] - data["total_mu"])
    assert moved - own == pytest.approx((away**2 - (away - 1.0) ** 2) / (2 * sigma**2), rel=1e-8)


def test_the_curve_beyond_the_active_weeks_is_the_reference_class(spec: ModelSpec) -> None:
    basis = outside_basis(spec, 60)
    np.testing.assert_allclose(basis.sum(axis=1), 1)
    assert spec.reference.labels == ("2-5", "6+")
