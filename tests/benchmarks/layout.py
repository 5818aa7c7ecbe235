"""From a model's specification to a problem of plain arrays, and what PyMC says of it: the values that every rival must meet."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from problem import Problem

from ripeness import names
from ripeness.elicitation.elicit import elicit_priors
from ripeness.inference.compiled import data_of
from ripeness.inference.coordinates import build_coordinates
from ripeness.model.spec import ModelSpec, build_spec
from ripeness.model.terms.outside import outside_basis
from ripeness.workflow.request import open_workspace

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
    checked = open_workspace(root)
    return build_spec(checked.workspace, checked.vintage(None), elicit_priors(checked.priors))[0]


def lay_out(spec: ModelSpec, reading: str = names.AS_WRITTEN) -> Problem:
    """The posterior of the conjunctive form, under one reading, as plain arrays."""
    coordinates, own = build_coordinates(spec, names.CONJUNCTIVE, reading), data_of(spec, names.CONJUNCTIVE, reading)
    structure, record = spec.structure, spec.panel.record
    groups, counts = own["row_groups"], own["count_groups"]
    return Problem(
        block=np.array([parameter.name for parameter in coordinates.parameters]),
        bounds=np.stack([coordinates.start[:-1], coordinates.start[1:]], axis=1),
        mean=coordinates.mean,
        sd=coordinates.sd,
        indicator_factor=own["indicator_factor"],
        scaled=own["scaled"],
        relative=own["relative"],
        floor=own["noise_floor"],
        noise_tails=np.array(spec.priors.files.noise_tails, dtype=float),
        bent=np.isfinite(own["row_df"]).astype(float),
        factor_tails=own["innovation_df"][0],
        value=own["row_value"],
        first=own["row_weeks"][0],
        last=own["row_weeks"][1],
        middle=own["row_weeks"][2],
        row_group=_members(groups[:, 1], groups[:, 2]),
        group_indicator=groups[:, 0],
        group_widening=own["row_widths"][:, 0],
        group_sampling=own["row_widths"][:, 1],
        count_week=own["count_week"],
        count_group=_members(counts[:, 3], counts[:, 4]),
        log_exposure=own["count_log_exposure"],
        count=counts[:, 1],
        count_indicator=counts[:, 0],
        count_era=counts[:, 2],
        count_inverse_mean=own["count_logs"][:, 0],
        count_response=own["count_logs"][:, 1],
        count_scale=own["count_scales"][:, 0],
        count_log_centre=own["count_scales"][:, 1],
        heavy=own["heavy"],
        level_factor=own["level_of"],
        cumulative=own["cumulative"],
        level_basis=own["level_basis"],
        pulse_factor=own["pulse_of"],
        pulse_since=own["weeks_since_pulse"].astype(float),
        placement=structure.placement.reshape(-1, structure.conditions, structure.regressors),
        leverage=own["leverage"],
        sided=own["sided"],
        points=own["points"],
        class_log_rate=own["class_log_rate"],
        outside_basis=outside_basis(spec, len(own["outside_knot"])),
        dormant_share=own["dormant_share"],
        log_months=own["log_months"],
        announced=own["announced_share"],
        start=np.array(record.start),
        found=own["found"],
        log_share=own["log_days"],
        place=own["stretch_place"],
        searched=own["searched"],
        arrived=own["arrived"],
        arrival_kind=own["arrival_kind"],
        arrival_lead=own["arrival_lead"],
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
    # term by term, as the Python linker adds no more than 32
    density, gradient = model.compile_logp(mode=mode, sum=False), model.compile_dlogp(mode=mode)
    split = [
        {name: x[first:end].reshape(start[name].shape) for name, first, end in zip(places, bounds[:-1], bounds[1:], strict=True)}
        for x in points
    ]
    values = [sum(float(np.sum(term)) for term in density(point)) for point in split]
    return np.array(values), np.array([gradient(point) for point in split])
