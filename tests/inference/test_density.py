"""The engine's density against the model: value, gradient, everything that follows from x, and how it reaches nutpie."""

from __future__ import annotations

import numpy as np
import pytest
from by_hand import Array, Point, by_hand, random_points

from ripeness import names
from ripeness.inference.compiled import Density, ModelData, NoKernel, Program, build_data, compose, program_of
from ripeness.inference.coordinates import Coordinates, build_coordinates
from ripeness.inference.expand import expand_draws
from ripeness.model.build import build_model
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.term import Parameter, Term
from ripeness.model.terms import terms_of


def lay_out(spec: ModelSpec, variant: Variant) -> tuple[Coordinates, Program, ModelData]:
    coordinates = build_coordinates(spec, variant, names.AS_WRITTEN)
    return coordinates, program_of(spec, variant, names.AS_WRITTEN), build_data(spec, variant, names.AS_WRITTEN, coordinates)


def as_vector(coordinates: Coordinates, point: Point) -> Array:
    """A point of the whitened form in the engine's coordinates."""
    named = {"log": "{}_log__", "logit": "logit_{}", "identity": "{}"}
    return np.concatenate([np.ravel(point[named[one.transform].format(one.name)]) for one in coordinates.parameters])


def test_parameters_stand_in_x_one_behind_the_other(spec: ModelSpec, variant: Variant) -> None:
    coordinates = build_coordinates(spec, variant, names.AS_WRITTEN)
    x = np.random.default_rng(1).normal(size=coordinates.start[-1])
    taken = coordinates.take(x)
    assert list(taken) == [parameter.name for term in terms_of(variant, spec) for parameter in term.parameters]
    assert sum(values.size for values in taken.values()) == len(x)
    np.testing.assert_allclose(coordinates.join(taken), x, rtol=1e-12)


def test_the_engine_has_the_density_of_the_model(spec: ModelSpec, variant: Variant) -> None:
    """Equal up to a constant: the normalisation of the priors in x, and the white noise's own density."""
    coordinates, program, data = lay_out(spec, variant)
    points = random_points(spec, variant)
    constants = []
    for point in points:
        x = as_vector(coordinates, point)
        constants.append(Density(program, data)(x)[0] - by_hand(spec, point, variant))
    assert np.ptp(constants) < 1e-8 * abs(by_hand(spec, points[0], variant))
    assert np.ptp([by_hand(spec, point, variant) for point in points]) > 1


def test_the_engines_gradient_in_every_coordinate(spec: ModelSpec, variant: Variant) -> None:
    coordinates, program, data = lay_out(spec, variant)
    x = as_vector(coordinates, random_points(spec, variant)[0])
    density = Density(program, data)
    gradient = density(x)[1]
    step = 1e-5
    for i in range(len(x)):
        moved = np.eye(1, len(x), i)[0] * step
        difference = density(x + moved)[0] - density(x - moved)[0]
        assert gradient[i] == pytest.approx(difference / (2 * step), rel=1e-5, abs=1e-5), i


def test_what_follows_from_x_is_what_the_model_says(spec: ModelSpec, variant: Variant) -> None:
    """Names, dims and values of everything that is stored."""
    model = build_model(spec, variant, form="whitened")
    unstored = {parameter.name for term in terms_of(variant) for parameter in term.parameters if not parameter.stored}
    wanted = [variable for variable in model.unobserved_RVs if variable.name not in unstored]
    evaluate = model.compile_fn(model.replace_rvs_by_values(wanted), mode="FAST_COMPILE", point_fn=True)
    coordinates, program, data = lay_out(spec, variant)
    points = random_points(spec, variant)
    found = expand_draws(spec, variant, coordinates, program, data, np.stack([as_vector(coordinates, point) for point in points])[None])
    by_name = {variable.name: variable for variable in wanted if not str(variable.name).startswith("logit_")}
    assert set(found.data_vars) == set(by_name)
    for draw, point in enumerate(points):
        for variable, value in zip(wanted, evaluate(point), strict=True):
            if variable.name in by_name:
                own = found[variable.name]
                assert own.dims[2:] == tuple(model.named_vars_to_dims.get(variable.name, ()))
                np.testing.assert_allclose(own.values[0, draw], value, rtol=1e-9, atol=1e-11, err_msg=str(variable.name))
    for dim in found.dims:
        if dim not in (names.CHAIN, names.DRAW):
            assert list(found.coords[dim].values) == list(model.coords[dim])


def test_a_density_that_is_no_number_is_reported(spec: ModelSpec) -> None:
    coordinates, program, data = lay_out(spec, "outside")
    density = Density(program, data)
    value, gradient, known = density.evaluate(coordinates.mean)
    assert known and np.isfinite(value) and np.isfinite(gradient).all()
    value, _, known = density.evaluate(np.full(len(coordinates.mean), np.nan))
    assert not known and np.isnan(value)


def test_forms_differ_in_one_term(spec: ModelSpec) -> None:
    """What differs between readings and wars is data; between the forms, one term."""
    both = [set(terms_of(form, spec)) for form in (names.CONJUNCTIVE, names.SUBSTITUTABLE)]
    assert [type(term).__name__ for own in (both[0] - both[1], both[1] - both[0]) for term in own] == ["Conjunctive", "Substitutable"]


def test_a_quantity_given_by_several_kernels_is_their_sum(spec: ModelSpec) -> None:
    source = lay_out(spec, "conjunctive")[1].source
    assert source.count("add_to(v_precision, ") == 1
    assert source.count("b_precision.copy()") == 2


def test_a_term_without_a_kernel_is_refused_with_what_to_do() -> None:
    class Silent(Term):
        parameters = (Parameter("silent", (), "identity", lambda spec, reading: (np.zeros(()), np.ones(())), "nothing"),)

    with pytest.raises(NoKernel, match="Silent has no kernel; sample it with --sampler"):
        compose([Silent()], {})
