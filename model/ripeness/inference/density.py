r"""The engine's density: the log posterior of :mod:`ripeness.model.build` in its whitened form, and its gradient, as one compiled function of x.

The model in PyMC says what the posterior is; here its parts are called one after another, forward and then backward, with nothing in
between. Compiled once, it serves every record, origin, variant and workspace: they are other arrays (:mod:`ripeness.inference.model_data`).

Order: priors (Normal in every coordinate); slow levels; pseudo-observations of the rows; whitened paths; density of the rows; inside view;
outside view and announced meetings; dormancy filter. Backward the other way round. The kernels hold the formulas and their adjoints.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness.inference import transforms as stages
from ripeness.inference.model_data import Problem
from ripeness.inference.parameter_views import Parts, take_apart
from ripeness.inference.transforms import Conditions, Indicators
from ripeness.kernels.compilation import inlined, inner
from ripeness.kernels.reductions import sum_of
from ripeness.model.terms.conditions_kernel import pull_back_view, view_inside
from ripeness.model.terms.record_kernel import filter_dormancy, pull_back_filter
from ripeness.model.terms.row_density import density_of_rows
from ripeness.model.terms.rows import gather_rows, pull_back_gathered
from ripeness.model.terms.whitening import map_paths, pull_back_paths

Array = NDArray[np.float64]


class WithFactors(NamedTuple):
    """Everything on the way from x to the density, with factors: stages, and what the kernels return in their order."""

    indicators: Indicators
    precision: Array
    information: Array
    mapped: Any
    rows: Any
    conditions: Conditions
    opened: Any


@inlined
def go_forward(x: Parts, p: Problem) -> WithFactors:
    """From x to the inside view."""
    f = stages.lay_out_indicators(x, p)
    precision, information = gather_rows(
        p.factor, p.value, p.weeks, p.groups, p.widths, p.count_week, p.log_exposure, p.count_groups, p.count_logs, p.count_scales,
        p.noise_df, f.loading, f.intercept, f.spread, f.dispersion, f.log_captured, f.level,
    )  # fmt: skip
    mapped = map_paths(f.phi, precision, information, x.white_noise.reshape(precision.shape), p.heavy, p.factor_df)
    rows = density_of_rows(
        p.factor, p.value, p.weeks, p.groups, p.widths, p.count_week, p.log_exposure, p.count_groups, p.count_logs, p.count_scales,
        p.noise_df, f.loading, f.intercept, f.spread, f.dispersion, f.log_captured, f.level, mapped[0],
    )  # fmt: skip
    c = stages.lay_out_conditions(x, f, mapped[0], p)
    opened = view_inside(c.seen, c.matrix, x.intercept_open, p.conjunctive, p.points, p.sided)
    return WithFactors(f, precision, information, mapped, rows, c, opened)


@inner
def add_priors(x: Array, mean: Array, sd: Array, gradient: Array) -> float:
    """Normal priors of all coordinates without their constants; the gradient is set, not added to."""
    for i in range(x.shape[0]):
        gradient[i] = (mean[i] - x[i]) / (sd[i] * sd[i])
    total = 0.0
    for i in range(x.shape[0]):
        total += gradient[i] * (x[i] - mean[i])
    return 0.5 * total


@inner
def write_after(result: Array, place: int, values: Array) -> int:
    """Writes a vector into another from a place on; returns the place after it."""
    for i in range(values.shape[0]):
        result[place + i] = values[i]
    return place + values.shape[0]


@inner
def follow_record(x: Parts, inside: Array, gradient: Parts, p: Problem) -> tuple[float, Array, int]:
    """The last stage and its adjoint at once: hazards and the filter over the record of rounds.

    Adds to the gradient. Returns the log-likelihood of the record; the cotangent of the inside view in the weeks at risk, (week at risk,); and
    the place after what it wrote of what follows from x: knots of the outside view, hazard, log-likelihood of every week.
    """
    h = stages.lay_out_hazards(x, inside, p)
    weeks = p.found.shape[0]
    filtered = filter_dormancy(h.outside, h.multiplier, h.announced, h.found_if_held, p.found)
    outside_bar, multiplier_bar, announced_bar, found_bar = pull_back_filter(
        h.outside, h.multiplier, h.announced, h.found_if_held, p.found, *filtered, stages.ones(weeks), np.zeros(weeks)
    )
    stages.pull_back_hazards(x, h, outside_bar, announced_bar, found_bar, gradient, p)
    place = 0
    if p.follows.shape[0] > 0:
        place = write_after(p.follows, place, h.knots)
        place = write_after(p.follows, place, filtered[1])
        place = write_after(p.follows, place, filtered[0])
    return sum_of(filtered[0]), multiplier_bar, place


@inlined
def log_density(x: Array, gradient: Array, p: Problem) -> float:
    """Log posterior density of x up to a constant, and its gradient.

    Parameters
    ----------
    x : ndarray (place,)
    gradient : ndarray (place,)
        Overwritten.
    p : Problem
        Its array `follows` is overwritten too.
    """
    total = add_priors(x, p.mean, p.sd, gradient)
    parts, bars = take_apart(x, p.start), take_apart(gradient, p.start)
    if p.heavy.shape[0] == 0:
        total += follow_record(parts, np.zeros(p.basis.shape[1]), bars, p)[0]
    else:
        way = go_forward(parts, p)
        record, multiplier_bar, place = follow_record(parts, way.opened[0], bars, p)
        total += sum_of(way.mapped[1]) + way.rows[0][0] + record
        go_back(parts, way, multiplier_bar, bars, p)
        write_factors(way, place, p)
    return total


@inlined
def write_factors(way: WithFactors, place: int, p: Problem) -> None:
    """Writes what else follows from x, if that is wanted, from a place on: path, levels, weight, normaliser, log odds, inside view."""
    if p.follows.shape[0] > 0:
        place = write_after(p.follows, place, way.mapped[0].reshape(-1))
        for j in range(p.level_of.shape[0]):
            place = write_after(p.follows, place, way.indicators.level[p.level_of[j]])
        place = write_after(p.follows, place, way.conditions.weight)
        place = write_after(p.follows, place, way.opened[2])
        place = write_after(p.follows, place, way.opened[1].reshape(-1))
        write_after(p.follows, place, way.opened[0])


@inlined
def go_back(x: Parts, way: WithFactors, multiplier_bar: Array, gradient: Parts, p: Problem) -> None:
    """Adjoint of :func:`go_forward`: adds to the gradient."""
    f, c, rows = way.indicators, way.conditions, way.rows
    factors, weeks = p.heavy.shape[0], p.basis.shape[1]
    inside_bar = np.zeros(weeks)
    write_after(inside_bar, p.first[0], multiplier_bar)
    unused = np.zeros((x.intercept_open.shape[0], weeks)), np.zeros(1)
    seen_bar, matrix_bar, opens_bar = pull_back_view(
        c.seen, c.matrix, x.intercept_open, p.conjunctive, p.points, p.sided, *way.opened, inside_bar, unused[0], unused[1]
    )
    stages.add_to(gradient.intercept_open, opens_bar)
    stages.add_to(rows[7].reshape(-1), seen_bar.reshape(-1))
    phi_bar, precision_bar, information_bar, white_bar = pull_back_paths(
        f.phi, way.precision, way.information, x.white_noise.reshape(rows[7].shape), p.heavy, p.factor_df, *way.mapped, rows[7],
        stages.ones(factors),
    )  # fmt: skip
    stages.add_to(gradient.white_noise, white_bar.reshape(-1))
    stages.pull_back_conditions(x, f, c, seen_bar, matrix_bar, phi_bar, gradient, p)
    more = pull_back_gathered(
        p.factor, p.value, p.weeks, p.groups, p.widths, p.count_week, p.log_exposure, p.count_groups, p.count_logs, p.count_scales,
        p.noise_df, f.loading, f.intercept, f.spread, f.dispersion, f.log_captured, f.level,
        way.precision, way.information, precision_bar, information_bar,
    )  # fmt: skip
    stages.add_to(rows[1], more[0])
    stages.add_to(rows[2], more[1])
    stages.add_to(rows[3], more[2])
    stages.add_to(rows[4], more[3])
    stages.add_to(rows[5], more[4])
    stages.add_to(rows[6].reshape(-1), more[5].reshape(-1))
    stages.pull_back_indicators(x, f, phi_bar, rows[6], rows[1], rows[2], rows[3], rows[4], rows[5], gradient, p)
