"""Problems of plain arrays: kept without loss, and the quantities that follow from x are those of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from layout import lay_out
from problem import Problem, read_problem
from quantities import CENTRED, NON_CENTRED, WHITENED, flatten, named_quantities

from ripeness import names
from ripeness.inference.compiled import build_data, program_of
from ripeness.inference.coordinates import build_coordinates
from ripeness.inference.expand import expand_draws
from ripeness.model.build import parameters_of


def some_draws(problem: Problem) -> Any:
    """Draws from the prior: (chain, draw, x)."""
    return problem.mean + problem.sd * np.random.default_rng(1).normal(size=(2, 3, len(problem.mean)))


def expand(spec: Any, variant: Any, draws: Any) -> Any:
    """What the engine says of draws of x."""
    coordinates, program = build_coordinates(spec, variant, names.AS_WRITTEN), program_of(spec, variant, names.AS_WRITTEN)
    return expand_draws(spec, variant, coordinates, program, build_data(spec, variant, names.AS_WRITTEN, coordinates), draws)


def test_quantities_are_those_of_the_engine(spec: Any) -> None:
    problem = lay_out(spec)
    draws = some_draws(problem)
    expanded = expand(spec, names.CONJUNCTIVE, draws)
    found = named_quantities(problem, draws, WHITENED)
    np.testing.assert_allclose(found.pop("last_week"), expanded["path"].values[..., -1], rtol=1e-9, atol=1e-11)
    for name, values in found.items():
        np.testing.assert_allclose(values, expanded[name].values.reshape(values.shape), rtol=1e-9, atol=1e-12, err_msg=name)


def test_plain_forms_of_the_same_paths_give_the_same_quantities(spec: Any, made_up_problem: Problem) -> None:
    """White noise, paths and innovations that say the same."""
    draws = some_draws(made_up_problem)
    path = expand(spec, names.CONJUNCTIVE, draws)["path"].values
    phi = 2.0 ** (-1.0 / np.exp(made_up_problem.split(draws)["half_life"]))[..., None]
    innovations = np.concatenate([path[..., :1], (path[..., 1:] - phi * path[..., :-1]) / np.sqrt(1 - phi**2)], axis=-1)
    expected = flatten(named_quantities(made_up_problem, draws, WHITENED))
    first, end = made_up_problem.bounds_of["white_noise"]
    for density, block in ((CENTRED, path), (NON_CENTRED, innovations)):
        other = draws.copy()
        other[..., first:end] = block.reshape(*draws.shape[:2], -1)
        labels, found = flatten(named_quantities(made_up_problem, other, density))
        assert labels == expected[0]
        np.testing.assert_allclose(found, expected[1], rtol=1e-8, atol=1e-10)


def test_a_sampler_cut_short_in_its_warm_up_has_the_names_of_all_quantities(made_up_problem: Problem) -> None:
    draws = np.tile(made_up_problem.mean, (4, 2, 1))
    labels, values = flatten(named_quantities(made_up_problem, draws[:, :0], CENTRED))
    assert labels == flatten(named_quantities(made_up_problem, draws, CENTRED))[0]
    assert values.shape == (4, 0, len(labels))


def test_a_problem_survives_its_file(made_up_problem: Problem, tmp_path: Path) -> None:
    made_up_problem.save(tmp_path / "problem.npz")
    again = read_problem(tmp_path / "problem.npz")
    for name, value in vars(made_up_problem).items():
        np.testing.assert_array_equal(value, getattr(again, name), err_msg=name)


def test_blocks_fill_x_in_order(made_up_problem: Problem, spec: Any) -> None:
    parts = made_up_problem.split(made_up_problem.mean)
    assert list(parts) == [parameter.name for parameter in parameters_of(names.CONJUNCTIVE, spec)]
    np.testing.assert_array_equal(np.concatenate(list(parts.values())), made_up_problem.mean)


def test_what_stan_reads_counts_from_one(made_up_problem: Problem) -> None:
    data = made_up_problem.for_stan()
    assert min(data["indicator_factor"]) == 1
    for name, values in made_up_problem.split(made_up_problem.mean).items():
        first, last = data[f"at_{name}"]
        np.testing.assert_array_equal(made_up_problem.mean[first - 1 : last], values)
    assert data["entry_start"][0] == 1
    assert data["entry_start"][-1] == data["n_entry"] + 1 == data["n_row"] + data["n_count_row"] + 1
    assert sum(data["pair_repeats"]) == data["n_count_row"]
    assert data["n_several"] == int((made_up_problem.first < made_up_problem.last).sum()) > 0
