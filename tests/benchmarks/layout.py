"""From a model's specification to a problem of plain arrays, and what PyMC says of it: the values that every rival must meet."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from problem import BLOCKS, Problem
from ripeness.inference.model_data import build_problem

from ripeness import names
from ripeness.elicitation.elicit import elicit_priors
from ripeness.inference.coordinates import PARTS, build_coordinates
from ripeness.model.spec import ModelSpec, Variant, build_spec, outside_basis
from ripeness.workflow.request import check_workspace

Array = NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[2]
SHIPPED, MADE_UP = "shipped", "made up"


def spec_of(data: str) -> ModelSpec:
    """The specification of the shipped workspace or of the tests' made-up war."""
    if data == SHIPPED:
        return shipped_spec()
    sys.path.append(str(ROOT / "tests"))
    from made_up_war import draw_truth, make_spec

    with tempfile.TemporaryDirectory() as folder:
        return make_spec(Path(folder), draw_truth(np.random.default_rng(20)))


def shipped_spec(root: Path = ROOT) -> ModelSpec:
    """The specification of a workspace on its default origin."""
    checked = check_workspace(root)
    return build_spec(checked.workspace, checked.vintage(None), elicit_priors(checked.priors))[0]


def lay_out(spec: ModelSpec, variant: Variant = "conjunctive", reading: str = names.AS_WRITTEN) -> Problem:
    """The posterior of one variant with factors, under one reading, as plain arrays."""
    coordinates = build_coordinates(spec, variant, reading)
    own = build_problem(spec, variant, reading, coordinates)
    if tuple(part.name for part in PARTS) != BLOCKS:
        raise ValueError(f"the engine's coordinates are {', '.join(part.name for part in PARTS)}; the rivals know {', '.join(BLOCKS)}")
    structure, record = spec.structure, spec.panel.record
    groups, counts = own.groups, own.count_groups
    return Problem(
        block=np.array(BLOCKS),
        bounds=np.stack([own.start[:-1], own.start[1:]], axis=1),
        mean=own.mean,
        sd=own.sd,
        indicator_factor=own.factor,
        relative=own.relative,
        floor=own.floor,
        noise_tails=own.noise_df[0],
        factor_tails=own.factor_df[0],
        value=own.value,
        first=own.weeks[0],
        last=own.weeks[1],
        middle=own.weeks[2],
        row_group=_members(groups[:, 1], groups[:, 2]),
        group_indicator=groups[:, 0],
        group_widening=own.widths[:, 0],
        group_sampling=own.widths[:, 1],
        count_week=own.count_week,
        count_group=_members(counts[:, 3], counts[:, 4]),
        log_exposure=own.log_exposure,
        count=counts[:, 1],
        count_indicator=counts[:, 0],
        count_era=counts[:, 2],
        count_scale=own.count_scales[:, 0],
        count_log_centre=own.count_scales[:, 1],
        heavy=own.heavy,
        level_factor=own.level_of,
        level_basis=own.basis,
        pulse_factor=own.pulse_of,
        pulse_since=own.since.reshape(-1, len(spec.panel.weeks)).astype(float),
        placement=structure.placement.reshape(-1, structure.conditions, structure.regressors),
        leverage=own.leverage,
        sided=own.sided,
        points=own.points,
        conjunctive=own.conjunctive[0],
        class_log_rate=own.log_rate,
        outside_basis=outside_basis(spec, len(spec.panel.weeks) - record.start + 1),
        announced=own.announced,
        start=np.array(record.start),
        found=own.found,
        log_share=own.log_days,
        place=own.stretch,
    )


def _members(first: Any, end: Any) -> Any:
    """The group of every row, from the first row and one past the last of each group."""
    return np.repeat(np.arange(len(first)), end - first)


def reference_values(spec: ModelSpec, points: Array) -> tuple[Array, Array]:
    """Log density (point,) and gradient (point, x) of the whitened form as PyMC has it, at points x."""
    from ripeness.model.build import build_model

    model = build_model(spec, "conjunctive", form="whitened")
    start = model.initial_point()
    places = [model.rvs_to_values[variable].name for variable in model.free_RVs]
    bounds = np.cumsum([0, *(start[name].size for name in places)])
    mode = "FAST_COMPILE"
    density, gradient = model.compile_logp(mode=mode), model.compile_dlogp(mode=mode)
    split = [
        {name: x[first:end].reshape(start[name].shape) for name, first, end in zip(places, bounds[:-1], bounds[1:], strict=True)}
        for x in points
    ]
    return np.array([float(density(point)) for point in split]), np.array([gradient(point) for point in split])
