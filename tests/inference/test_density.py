"""The engine's density against the model: value, gradient, everything that follows from x, and how it reaches nutpie."""

from __future__ import annotations

import numpy as np
import pytest
from by_hand import Array, Point, by_hand, random_points

from ripeness import names
from ripeness.inference.callback import Density, open_problem, table_of
from ripeness.inference.coordinates import LOG, LOG_ODDS, PARTS, PLAIN, Coordinates, build_coordinates
from ripeness.inference.expand import expand_draws
from ripeness.inference.model_data import build_problem
from ripeness.inference.parameter_views import Parts, take_apart
from ripeness.model.build import build_model
from ripeness.model.spec import ModelSpec, Variant


def as_vector(coordinates: Coordinates, point: Point) -> Array:
    """A point of the whitened form in the engine's coordinates."""
    logs = {LOG: "{}_log__", LOG_ODDS: "logit_{}", PLAIN: "{}"}
    parts = [
        point[logs[part.stands_by].format(part.name)] for part, shape in zip(PARTS, coordinates.shapes, strict=True) if shape is not None
    ]
    return np.concatenate([np.ravel(part) for part in parts])


def test_parts_of_x_stand_where_the_coordinates_say(spec: ModelSpec, variant: Variant) -> None:
    coordinates = build_coordinates(spec, variant, names.AS_WRITTEN)
    assert Parts._fields == tuple(part.name for part in PARTS)
    x = np.arange(coordinates.start[-1], dtype=float)
    for part, shape, taken in zip(PARTS, coordinates.shapes, take_apart(x, coordinates.start), strict=True):
        expected = coordinates.start[PARTS.index(part)] + np.arange(np.prod(shape) if shape is not None else 0)
        np.testing.assert_array_equal(taken, expected)


def test_the_engine_has_the_density_of_the_model(spec: ModelSpec, variant: Variant) -> None:
    """Equal up to a constant: the normalisation of the priors in x, and the white noise's own density."""
    coordinates = build_coordinates(spec, variant, names.AS_WRITTEN)
    problem = build_problem(spec, variant, names.AS_WRITTEN, coordinates)
    points = random_points(spec, variant)
    constants = []
    for point in points:
        x = as_vector(coordinates, point)
        constants.append(Density(problem)(x)[0] - by_hand(spec, point, variant))
    assert np.ptp(constants) < 1e-8 * abs(by_hand(spec, points[0], variant))
    assert np.ptp([by_hand(spec, point, variant) for point in points]) > 1


def test_the_engines_gradient_in_every_coordinate(spec: ModelSpec, variant: Variant) -> None:
    coordinates = build_coordinates(spec, variant, names.AS_WRITTEN)
    problem = build_problem(spec, variant, names.AS_WRITTEN, coordinates)
    x = as_vector(coordinates, random_points(spec, variant)[0])
    density = Density(problem)
    gradient = density(x)[1]
    step = 1e-5
    for i in range(len(x)):
        moved = np.eye(1, len(x), i)[0] * step
        difference = density(x + moved)[0] - density(x - moved)[0]
        assert gradient[i] == pytest.approx(difference / (2 * step), rel=1e-5, abs=1e-5), i


def test_what_follows_from_x_is_what_the_model_says(spec: ModelSpec, variant: Variant) -> None:
    """Names, dims and values of everything that is stored."""
    model = build_model(spec, variant, form="whitened")
    wanted = [variable for variable in model.unobserved_RVs if variable.name not in names.NOT_STORED]
    evaluate = model.compile_fn(model.replace_rvs_by_values(wanted), mode="FAST_COMPILE", point_fn=True)
    coordinates = build_coordinates(spec, variant, names.AS_WRITTEN)
    problem = build_problem(spec, variant, names.AS_WRITTEN, coordinates)
    points = random_points(spec, variant)
    found = expand_draws(spec, variant, coordinates, problem, np.stack([as_vector(coordinates, point) for point in points])[None])
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


def test_a_problem_travels_whole(spec: ModelSpec) -> None:
    coordinates = build_coordinates(spec, "conjunctive", names.AS_WRITTEN)
    problem = build_problem(spec, "conjunctive", names.AS_WRITTEN, coordinates)
    for ours, theirs in zip(open_problem(table_of(problem)), problem, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_a_density_that_is_no_number_is_told(spec: ModelSpec) -> None:
    coordinates = build_coordinates(spec, "outside", names.AS_WRITTEN)
    density = Density(build_problem(spec, "outside", names.AS_WRITTEN, coordinates))
    value, gradient, known = density.evaluate(coordinates.mean)
    assert known and np.isfinite(value) and np.isfinite(gradient).all()
    value, _, known = density.evaluate(np.full(len(coordinates.mean), np.nan))
    assert not known and np.isnan(value)
