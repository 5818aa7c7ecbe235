"""The sampler's coordinates: rotations that keep the prior, centred places, and the sampler's view of the density through them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ripeness import names
from ripeness.inference.compiled import Density, build_data, program_of
from ripeness.inference.coordinates import build_coordinates
from ripeness.kernels.compilation import compiled
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.loadings import relative_indicators
from ripeness.model.terms.rotation import Rotation, components, join_rotations, reflection, rotate_back

PLACES, ALONE = np.array([1, 3, 4]), np.array([2])
DIRECTION = np.array([1.0, 2.0, 0.5])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


@compiled
def rotated_back(at: np.ndarray, mean: np.ndarray, sd: np.ndarray, t: Rotation) -> np.ndarray:
    return rotate_back(at, mean, sd, t)


def test_rotation_keeps_lengths_and_the_places_outside_its_groups(rng: np.random.Generator) -> None:
    t = join_rotations([(PLACES, reflection(DIRECTION)), (ALONE, reflection(np.array([3.0])))])
    mean, sd, at = rng.normal(size=6), rng.uniform(0.5, 2.0, 6), rng.normal(size=6)
    x = rotated_back(at, mean, sd, t)
    assert np.sum(((x - mean) / sd) ** 2) == pytest.approx(np.sum(((at - mean) / sd) ** 2))
    np.testing.assert_array_equal(x[[0, 5]], at[[0, 5]])
    assert x[ALONE] == pytest.approx(at[ALONE])
    assert np.abs(x - at).max() > 0.1


def test_the_first_coordinate_moves_all_of_a_group_together(rng: np.random.Generator) -> None:
    t = join_rotations([(PLACES, reflection(DIRECTION))])
    mean, sd = rng.normal(size=6), rng.uniform(0.5, 2.0, 6)
    moved = (rotated_back(mean + sd * np.eye(6)[PLACES[0]], mean, sd, t) - mean) / sd
    np.testing.assert_allclose(moved[PLACES], DIRECTION / np.linalg.norm(DIRECTION))


def test_the_components_of_a_level_change_it_most_first_and_apart_from_one_another(rng: np.random.Generator) -> None:
    effects = np.column_stack([np.full(40, 0.7), *(0.3 * (np.arange(40)[:, None] >= 10 * np.arange(1, 4))).T])
    rotation = components(effects)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(4), atol=1e-12)
    information = (effects @ rotation).T @ (effects @ rotation)
    np.testing.assert_allclose(information - np.diag(np.diag(information)), 0.0, atol=1e-12 * information.max())
    assert np.all(np.diff(np.diag(information)) < 0.0)


def test_a_product_that_is_known_is_one_coordinate(rng: np.random.Generator) -> None:
    """Centred with p = −1, what a coordinate times exp(by) makes stays when `by` moves; with a, what it and a·exp(by) make together."""
    t = join_rotations([], [(1, 0, -1.0, 0.0), (2, 0, 0.0, -0.7)])
    mean, sd, at = np.array([0.3, 0.0, 0.0]), np.ones(3), rng.normal(size=3)
    one, other = (rotated_back(at + np.array([off, 0.0, 0.0]), mean, sd, t) for off in (0.0, 1.5))
    assert other[0] == one[0] + 1.5
    assert other[1] * np.exp(other[0]) == pytest.approx(one[1] * np.exp(one[0]))
    assert other[2] + 0.7 * np.exp(other[0] - 0.3) == pytest.approx(one[2] + 0.7 * np.exp(one[0] - 0.3)) == pytest.approx(at[2])


def test_intercepts_are_centred_where_the_reference_usually_stands(spec: ModelSpec) -> None:
    rows, relative = spec.panel.measured, relative_indicators(spec)
    wanted = {"prices": float(rows.value[rows.indicator == rows.indicators.index("losses")].mean()), "items": 0.0}  # visits are counts
    for panel, share in ((spec.panel, 1.0), (replace(spec.panel, measured=rows.pick(np.zeros(len(rows.value), dtype=bool))), 0.0)):
        coordinates = build_coordinates(replace(spec, panel=panel), names.CONJUNCTIVE, names.AS_WRITTEN)
        first = dict(zip([one.name for one in coordinates.parameters], coordinates.start[:-1], strict=True))
        for name, usual in wanted.items():
            j = relative.index(name)
            (at,) = np.flatnonzero(coordinates.rotation.centred[:, 0] == first["intercept"] + j)
            loading = np.exp(coordinates.mean[first["loading"] + j])
            assert coordinates.rotation.centring[at] == pytest.approx([0.0, -share * usual * loading])


def test_nothing_to_rotation() -> None:
    at = np.arange(3.0)
    np.testing.assert_array_equal(rotated_back(at, np.zeros(3), np.ones(3), join_rotations([])), at)
    np.testing.assert_array_equal(
        rotated_back(at, np.zeros(3), np.ones(3), join_rotations([(np.zeros(0, dtype=np.int64), reflection(np.zeros(0)))])), at
    )


def test_the_sampler_sees_the_density_of_x_in_rotated_coordinates(spec: ModelSpec, rng: np.random.Generator) -> None:
    coordinates = build_coordinates(spec, names.CONJUNCTIVE, names.AS_WRITTEN)
    program = program_of(spec, names.CONJUNCTIVE, names.AS_WRITTEN)
    data = build_data(spec, names.CONJUNCTIVE, names.AS_WRITTEN, coordinates)
    plain, rotated = Density(program, data), Density(program, data, rotated=True)
    at = coordinates.mean + 0.2 * coordinates.sd * rng.normal(size=len(coordinates.mean))
    x = rotated_back(at, coordinates.mean, coordinates.sd, coordinates.rotation)
    basis = coordinates.rotation
    items = np.union1d(basis.places, basis.centred)
    assert np.abs(x - at)[items].max() > 0.01
    by = basis.centred[:, 1]
    volume = float(basis.centring[:, 0] @ (x - coordinates.mean)[by])
    assert len(by) and volume != 0.0
    assert rotated(at)[0] == pytest.approx(plain(x)[0] + volume, abs=1e-9)
    gradient, step = rotated(at)[1], 1e-5
    for i in items:
        moved = np.eye(1, len(at), int(i))[0] * step
        assert gradient[i] == pytest.approx((rotated(at + moved)[0] - rotated(at - moved)[0]) / (2 * step), rel=1e-5, abs=1e-5)
