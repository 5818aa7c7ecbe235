"""The posterior of one variant as plain arrays: all that the engine's density reads, and nothing that it compiles.

New rows, another origin, another war or a simulated record are other arrays for the same compiled code.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import week_of
from ripeness.data.panel import UNSEARCHED
from ripeness.inference.coordinates import Coordinates
from ripeness.model.spec import ModelSpec, Variant, outside_basis, reading_data
from ripeness.model.terms.factor_paths import level_basis
from ripeness.model.terms.rows import arrays_of, indicator_rows

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Problem(NamedTuple):
    """Arrays of one posterior, in the order in which compiled code finds them.

    Parameters
    ----------
    start, mean, sd : ndarray (part + 1,), (place,), (place,)
        As in :class:`ripeness.inference.coordinates.Coordinates`.
    factor, …, count_scales : ndarray
        Rows, as in :class:`ripeness.model.terms.rows.IndicatorRows`.
    noise_df, factor_df : ndarray (1,)
        Degrees of freedom of the continuous rows and of the heavy-tailed innovations.
    heavy : ndarray (factor,)
        1 where innovations are heavy-tailed.
    level_of : ndarray of int (level,)
        Factor of each slow level.
    basis : ndarray (knot, week)
        Hat functions of the slow levels.
    relative : ndarray of int (relative indicator,)
        Places, among all indicators, of those that are not the reference of their factor.
    floor : ndarray (measured indicator,)
        Noise floors.
    pulse_of : ndarray of int (pulse,)
        Factor of each pulse.
    since : ndarray of int (pulse, week)
        Weeks since it; below zero before it.
    placement : ndarray of int (place, 3)
        Effect, condition and regressor wherever an effect's weight stands.
    leverage : ndarray (effect,)
        Weight of an effect of size one.
    conjunctive : ndarray (1,)
        1 for the conjunctive form, 0 for the additive one.
    points : ndarray (regressor, point)
        Regressors at the Sobol points.
    sided : ndarray of int
        Indices of the one-sided factors.
    log_rate : ndarray (class,)
        Reference class beyond the rhythm.
    knot, share : ndarray (dormancy,)
        The outside curve at d = 1, 2, … is (1 − share) · its knot + share · the next one.
    announced : ndarray (announcement class, week at risk)
    stretch : ndarray of int (week at risk,)
        Stretch of coverage; one more than the last for a week that nobody searched, two more if a round is on record there all the same.
    found : ndarray (week at risk,)
        1 where a round is on record.
    log_days : ndarray (week at risk,)
        Log of the share of the week that is on record.
    first : ndarray of int (1,)
        Week whose factors the first week at risk reads.
    follows : ndarray (number,)
        What follows from x is written here, in the order of :mod:`ripeness.inference.expand`; nothing if it is empty.
    rotated, rotated_first, rotation : ndarray (item,), (group + 1,), (entry,)
        As in :class:`ripeness.inference.rotation.Rotation`.
    """

    start: Index
    mean: Array
    sd: Array
    factor: Index
    value: Array
    weeks: Index
    groups: Index
    widths: Array
    count_week: Index
    log_exposure: Array
    count_groups: Index
    count_logs: Array
    count_scales: Array
    noise_df: Array
    factor_df: Array
    heavy: Array
    level_of: Index
    basis: Array
    relative: Index
    floor: Array
    pulse_of: Index
    since: Index
    placement: Index
    leverage: Array
    conjunctive: Array
    points: Array
    sided: Index
    log_rate: Array
    knot: Index
    share: Array
    announced: Array
    stretch: Index
    found: Array
    log_days: Array
    first: Index
    follows: Array
    rotated: Index
    rotated_first: Index
    rotation: Array


def build_problem(spec: ModelSpec, variant: Variant, reading: str, coordinates: Coordinates) -> Problem:
    """Lay out the posterior of one variant under one reading's priors."""
    panel, workspace, files = spec.panel, spec.workspace, spec.priors.files
    record, factors = panel.record, workspace.factors
    at_risk = slice(record.start, len(panel.weeks))
    contracts = [spec.contracts[name] for name in panel.indicators]
    pulsed = [(k, factor.pulse) for k, factor in enumerate(factors) if factor.pulse]
    structure = spec.structure
    effect, place = np.nonzero(structure.placement)
    data = {} if variant == names.OUTSIDE else reading_data(spec, reading, variant)
    stretch, found = record.stretch[at_risk], record.found[at_risk]
    knot, share = _between_knots(outside_basis(spec, len(panel.weeks) - record.start + 1))
    fields: dict[str, Any] = {
        "noise_df": [files.noise_tails],
        "factor_df": [files.factor_tails],
        "heavy": [] if variant == names.OUTSIDE else [float(factor.tails == "shocks") for factor in factors],
        "level_of": [k for k, factor in enumerate(factors) if factor.level],
        "basis": level_basis(len(panel.weeks)),
        "relative": [i for i, contract in enumerate(contracts) if not contract.reference],
        "floor": [contract.noise_floor for contract in contracts[: len(panel.measured.indicators)]],
        "pulse_of": [k for k, _ in pulsed],
        "since": np.array([[(sunday - week_of(day)).days // 7 for sunday in panel.weeks] for _, day in pulsed]).reshape(
            len(pulsed), len(panel.weeks)
        ),
        "placement": np.stack([effect, place // structure.regressors, place % structure.regressors], axis=1),
        "leverage": data.get("leverage", np.zeros(len(structure.effects))),
        "conjunctive": [data.get("conjunctive", 0.0)],
        "points": structure.points,
        "sided": structure.sided,
        "log_rate": spec.reference.log_rate,
        "knot": knot,
        "share": share,
        "announced": spec.announced[:, at_risk],
        "stretch": np.where(stretch != UNSEARCHED, stretch, len(record.sensitivities) + (found > 0)),
        "found": found,
        "log_days": np.log(record.share[at_risk]),
        "first": [record.start - 1],
        "follows": [],
        **coordinates.rotation._asdict(),
    }
    rows = arrays_of(indicator_rows(panel, spec.contracts, workspace.factor_ids))
    values = [coordinates.start, coordinates.mean, coordinates.sd, *rows, *fields.values()]
    types = ["int64" if kind.__forward_arg__ == "Index" else "float64" for kind in Problem.__annotations__.values()]
    return Problem(*(np.ascontiguousarray(value, dtype=kind) for value, kind in zip(values, types, strict=True)))


def _between_knots(basis: Array) -> tuple[Index, Array]:
    """The rows of a hat matrix (dormancy, knot) as a knot and the share of the next one."""
    last = basis.shape[1] - 1
    knot = np.minimum(np.argmax(basis > 0, axis=1), max(last - 1, 0))
    share = np.take_along_axis(basis, np.minimum(knot + 1, last)[:, None], axis=1)[:, 0] if last else np.zeros(len(basis))
    return knot, share
