"""From x to what the kernels of factors and hazard take, and back: the small stages between them, each with its adjoint."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness.inference.model_data import Problem
from ripeness.inference.parameter_views import Parts
from ripeness.kernels.compilation import inlined, inner
from ripeness.kernels.exponential import exponential
from ripeness.kernels.reductions import dot

Array = NDArray[np.float64]
LOG_2 = math.log(2.0)


class Indicators(NamedTuple):
    """What the rows are made of: half_life, phi (factor,); step (level,); level (factor, week); loading, intercept (indicator,); spread,
    noise (measured indicator,); dispersion (count indicator,); log_captured (era,)."""

    half_life: Array
    phi: Array
    step: Array
    level: Array
    loading: Array
    intercept: Array
    noise: Array
    spread: Array
    dispersion: Array
    log_captured: Array


class Conditions(NamedTuple):
    """What the inside view is made of: pulsed (pulse, week), what each pulse adds; seen (factor, week), paths and pulses; weight (effect,);
    matrix (condition, regressor)."""

    pulsed: Array
    seen: Array
    weight: Array
    matrix: Array


class Hazards(NamedTuple):
    """What the filter is made of: knots (knot,); outside (dormancy,); multiplier, announced, found_if_held (week at risk,)."""

    knots: Array
    outside: Array
    multiplier: Array
    announced: Array
    found_if_held: Array


@inner
def exponentials(values: Array) -> Array:
    """e^x of every value of a vector."""
    result = np.empty(values.shape[0])
    for i in range(values.shape[0]):
        result[i] = exponential(values[i])
    return result


@inner
def ones(size: int) -> Array:
    """A vector of ones."""
    result = np.empty(size)
    for i in range(size):
        result[i] = 1.0
    return result


@inner
def add_products(total: Array, first: Array, second: Array) -> None:
    """Adds first · second to a vector, place by place."""
    for i in range(total.shape[0]):
        total[i] += first[i] * second[i]


@inner
def add_to(total: Array, more: Array) -> None:
    """Adds a vector to another."""
    for i in range(total.shape[0]):
        total[i] += more[i]


@inner
def log_sigmoid(x: float) -> float:
    """log of 1/(1 + e⁻ˣ)."""
    return min(x, 0.0) - math.log1p(math.exp(-abs(x)))


@inlined
def lay_out_indicators(x: Parts, p: Problem) -> Indicators:
    """From x to what the rows are made of."""
    factors, weeks = p.heavy.shape[0], p.basis.shape[1]
    half_life, step = exponentials(x.half_life), exponentials(x.level)
    phi = np.empty(factors)
    for k in range(factors):
        phi[k] = math.exp(-LOG_2 / half_life[k])
    level = np.zeros((factors, weeks))
    knots = p.basis.shape[0]
    start, moves = x.level_start, x.level_moves
    for j in range(step.shape[0]):
        own, height = level[p.level_of[j]], start[j]
        for n in range(knots):
            if n > 0:
                height += step[j] * moves[j * knots + n]
            hat = p.basis[n]
            for t in range(weeks):
                own[t] += height * hat[t]
    loading, intercept = ones(p.factor.shape[0]), np.zeros(p.factor.shape[0])
    free_loading, free_intercept = x.loading, x.intercept
    for i in range(p.relative.shape[0]):
        loading[p.relative[i]] = math.exp(free_loading[i])
        intercept[p.relative[i]] = free_intercept[i]
    noise, dispersion = exponentials(x.noise), exponentials(x.dispersion)
    spread = np.empty(noise.shape[0])
    for i in range(noise.shape[0]):
        spread[i] = p.floor[i] + noise[i]
    log_captured = np.empty(x.capture.shape[0])
    for i in range(log_captured.shape[0]):
        log_captured[i] = log_sigmoid(x.capture[i])
    return Indicators(half_life, phi, step, level, loading, intercept, noise, spread, dispersion, log_captured)


@inlined
def pull_back_indicators(
    x: Parts, f: Indicators, phi_bar: Array, level_bar: Array, loading_bar: Array, intercept_bar: Array, spread_bar: Array,
    dispersion_bar: Array, captured_bar: Array, gradient: Parts, p: Problem,
) -> None:  # fmt: skip
    """Adjoint of :func:`lay_out_indicators`: adds to the gradient."""
    by_half_life = gradient.half_life
    for k in range(by_half_life.shape[0]):
        by_half_life[k] += phi_bar[k] * f.phi[k] * LOG_2 / f.half_life[k]
    by_step, by_start, by_move = gradient.level, gradient.level_start, gradient.level_moves
    moves, knots = x.level_moves, p.basis.shape[0]
    for j in range(f.step.shape[0]):
        bar = level_bar[p.level_of[j]]
        # a move lifts every knot from its own on
        above = 0.0
        for n in range(knots - 1, -1, -1):
            above += dot(p.basis[n], bar)
            if n > 0:
                by_move[j * knots + n] += f.step[j] * above
                by_step[j] += f.step[j] * moves[j * knots + n] * above
        by_start[j] += above
    by_loading, by_intercept = gradient.loading, gradient.intercept
    for i in range(p.relative.shape[0]):
        by_loading[i] += loading_bar[p.relative[i]] * f.loading[p.relative[i]]
        by_intercept[i] += intercept_bar[p.relative[i]]
    add_products(gradient.noise, spread_bar, f.noise)
    add_products(gradient.dispersion, dispersion_bar, f.dispersion)
    by_capture = gradient.capture
    for i in range(by_capture.shape[0]):
        by_capture[i] += captured_bar[i] * (1.0 - math.exp(f.log_captured[i]))


@inlined
def lay_out_conditions(x: Parts, f: Indicators, path: Array, p: Problem) -> Conditions:
    """From x and the paths to what the inside view is made of."""
    seen, pulsed = np.empty(path.shape), np.zeros(p.since.shape)
    for k in range(path.shape[0]):
        for t in range(path.shape[1]):
            seen[k, t] = path[k, t]
    for j in range(pulsed.shape[0]):
        k = p.pulse_of[j]
        height = math.exp(x.pulse[j]) * f.phi[k] ** max(p.since[j, 0], 0)
        for t in range(pulsed.shape[1]):
            if p.since[j, t] >= 0:
                pulsed[j, t] = height
                height *= f.phi[k]
            seen[k, t] += pulsed[j, t]
    total = math.exp(x.log_best_to_worst[0])
    weight = np.empty(x.effect_size.shape[0])
    for e in range(weight.shape[0]):
        weight[e] = total * p.leverage[e] * x.effect_size[e]
    matrix = np.zeros((x.intercept_open.shape[0], p.points.shape[0]))
    for i in range(p.placement.shape[0]):
        matrix[p.placement[i, 1], p.placement[i, 2]] += weight[p.placement[i, 0]]
    return Conditions(pulsed, seen, weight, matrix)


@inlined
def pull_back_conditions(
    x: Parts, f: Indicators, c: Conditions, seen_bar: Array, matrix_bar: Array, phi_bar: Array, gradient: Parts, p: Problem
) -> None:
    """Adjoint of :func:`lay_out_conditions`: adds to the gradient and to the cotangent of φ; that of the paths is `seen_bar` itself."""
    by_size = gradient.pulse
    for j in range(c.pulsed.shape[0]):
        k = p.pulse_of[j]
        for t in range(c.pulsed.shape[1]):
            moved = seen_bar[k, t] * c.pulsed[j, t]
            by_size[j] += moved
            phi_bar[k] += moved * max(p.since[j, t], 0) / f.phi[k]
    total, by_total, by_effect = math.exp(x.log_best_to_worst[0]), gradient.log_best_to_worst, gradient.effect_size
    for i in range(p.placement.shape[0]):
        e, bar = p.placement[i, 0], matrix_bar[p.placement[i, 1], p.placement[i, 2]]
        by_effect[e] += bar * total * p.leverage[e]
        by_total[0] += bar * c.weight[e]


@inlined
def lay_out_hazards(x: Parts, inside: Array, p: Problem) -> Hazards:
    """From x and the inside view to what the filter is made of."""
    rhythm, deviation = x.log_rhythm, x.deviation
    knots, level = np.empty(rhythm.shape[0] + deviation.shape[0]), x.log_war_level[0]
    for i in range(rhythm.shape[0]):
        knots[i] = rhythm[i]
    for i in range(deviation.shape[0]):
        knots[rhythm.shape[0] + i] = p.log_rate[i] + level + deviation[i]
    outside = np.empty(p.knot.shape[0])
    for d in range(outside.shape[0]):
        outside[d] = knots[p.knot[d]]
        if p.share[d] > 0.0:
            outside[d] += p.share[d] * (knots[p.knot[d] + 1] - knots[p.knot[d]])
    weeks = p.found.shape[0]
    announced = np.zeros(weeks)
    for j in range(x.kept.shape[0]):
        hazard = -log_sigmoid(-x.kept[j])
        for t in range(weeks):
            announced[t] += hazard * p.announced[j, t]
    found_if_held, multiplier = np.empty(weeks), np.empty(weeks)
    for t in range(weeks):
        stretch = p.stretch[t] - x.sensitivity.shape[0]
        found_if_held[t] = float(stretch) if stretch >= 0 else 1.0 / (1.0 + math.exp(-x.sensitivity[p.stretch[t]]))
        multiplier[t] = inside[p.first[0] + t] + p.log_days[t]
    return Hazards(knots, outside, multiplier, announced, found_if_held)


@inlined
def pull_back_hazards(
    x: Parts, h: Hazards, outside_bar: Array, announced_bar: Array, found_if_held_bar: Array, gradient: Parts, p: Problem
) -> None:
    """Adjoint of :func:`lay_out_hazards`: adds to the gradient; the cotangent of the inside view is that of the multiplier."""
    rhythms = x.log_rhythm.shape[0]
    knots_bar = np.zeros(h.knots.shape[0])
    for d in range(outside_bar.shape[0]):
        knots_bar[p.knot[d]] += (1.0 - p.share[d]) * outside_bar[d]
        if p.share[d] > 0.0:
            knots_bar[p.knot[d] + 1] += p.share[d] * outside_bar[d]
    add_to(gradient.log_rhythm, knots_bar[:rhythms])
    add_to(gradient.deviation, knots_bar[rhythms:])
    by_level = gradient.log_war_level
    for i in range(rhythms, knots_bar.shape[0]):
        by_level[0] += knots_bar[i]
    by_kept, odds = gradient.kept, x.kept
    for j in range(by_kept.shape[0]):
        by_kept[j] += dot(announced_bar, p.announced[j]) / (1.0 + math.exp(-odds[j]))
    by_sensitivity = gradient.sensitivity
    for t in range(found_if_held_bar.shape[0]):
        if p.stretch[t] < by_sensitivity.shape[0]:
            q = h.found_if_held[t]
            by_sensitivity[p.stretch[t]] += found_if_held_bar[t] * q * (1.0 - q)
