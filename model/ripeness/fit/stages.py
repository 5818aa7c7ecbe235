"""From x to what the kernels of factors and hazard take, and back: the small stages between them, each with its adjoint."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ripeness.exponential import exponential
from ripeness.fit.coordinates import PARTS
from ripeness.fit.problem import Problem
from ripeness.kernel import compiled, inlined
from ripeness.reductions import dot

Array = NDArray[np.float64]
LOG_2 = math.log(2.0)

(
    HALF_LIFE, LEVEL, LEVEL_START, LEVEL_MOVES, LOADING, INTERCEPT, NOISE, DISPERSION, CAPTURE, WHITE_NOISE, PULSE,
    INTERCEPT_OPEN, LOG_BEST_TO_WORST, EFFECT_SIZE, LOG_RHYTHM, LOG_WAR_LEVEL, DEVIATION, KEPT, SENSITIVITY,
) = range(len(PARTS))  # fmt: skip


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


@compiled
def exponentials(values: Array) -> Array:
    """e^x of every value of a vector."""
    result = np.empty(values.shape[0])
    for i in range(values.shape[0]):
        result[i] = exponential(values[i])
    return result


@compiled
def add_products(total: Array, first: Array, second: Array) -> None:
    """Adds first · second to a vector, place by place."""
    for i in range(total.shape[0]):
        total[i] += first[i] * second[i]


@compiled
def add_to(total: Array, more: Array) -> None:
    """Adds a vector to another."""
    for i in range(total.shape[0]):
        total[i] += more[i]


@compiled
def log_sigmoid(x: float) -> float:
    """log of 1/(1 + e⁻ˣ)."""
    return min(x, 0.0) - math.log1p(math.exp(-abs(x)))


@inlined
def lay_out_indicators(x: Array, p: Problem) -> Indicators:
    """From x to what the rows are made of."""
    factors, weeks = p.heavy.shape[0], p.basis.shape[1]
    half_life, step = exponentials(x[p.start[HALF_LIFE] : p.start[HALF_LIFE + 1]]), exponentials(x[p.start[LEVEL] : p.start[LEVEL + 1]])
    phi = np.empty(factors)
    for k in range(factors):
        phi[k] = math.exp(-LOG_2 / half_life[k])
    level = np.zeros((factors, weeks))
    knots = p.basis.shape[0]
    start, moves = x[p.start[LEVEL_START] : p.start[LEVEL_START + 1]], x[p.start[LEVEL_MOVES] : p.start[LEVEL_MOVES + 1]]
    for j in range(step.shape[0]):
        own, height = level[p.level_of[j]], start[j]
        for n in range(knots):
            if n > 0:
                height += step[j] * moves[j * knots + n]
            hat = p.basis[n]
            for t in range(weeks):
                own[t] += height * hat[t]
    loading, intercept = np.ones(p.factor.shape[0]), np.zeros(p.factor.shape[0])
    free_loading, free_intercept = x[p.start[LOADING] : p.start[LOADING + 1]], x[p.start[INTERCEPT] : p.start[INTERCEPT + 1]]
    for i in range(p.relative.shape[0]):
        loading[p.relative[i]] = math.exp(free_loading[i])
        intercept[p.relative[i]] = free_intercept[i]
    noise, dispersion = exponentials(x[p.start[NOISE] : p.start[NOISE + 1]]), exponentials(x[p.start[DISPERSION] : p.start[DISPERSION + 1]])
    spread = np.empty(noise.shape[0])
    for i in range(noise.shape[0]):
        spread[i] = p.floor[i] + noise[i]
    odds = x[p.start[CAPTURE] : p.start[CAPTURE + 1]]
    log_captured = np.empty(odds.shape[0])
    for i in range(odds.shape[0]):
        log_captured[i] = log_sigmoid(odds[i])
    return Indicators(half_life, phi, step, level, loading, intercept, noise, spread, dispersion, log_captured)


@inlined
def pull_back_indicators(
    x: Array, f: Indicators, phi_bar: Array, level_bar: Array, loading_bar: Array, intercept_bar: Array, spread_bar: Array,
    dispersion_bar: Array, captured_bar: Array, gradient: Array, p: Problem,
) -> None:  # fmt: skip
    """Adjoint of :func:`lay_out_indicators`: adds to the gradient."""
    by_half_life = gradient[p.start[HALF_LIFE] : p.start[HALF_LIFE + 1]]
    for k in range(by_half_life.shape[0]):
        by_half_life[k] += phi_bar[k] * f.phi[k] * LOG_2 / f.half_life[k]
    by_step, by_start, by_move = (
        gradient[p.start[LEVEL] : p.start[LEVEL + 1]],
        gradient[p.start[LEVEL_START] : p.start[LEVEL_START + 1]],
        gradient[p.start[LEVEL_MOVES] : p.start[LEVEL_MOVES + 1]],
    )
    moves, knots = x[p.start[LEVEL_MOVES] : p.start[LEVEL_MOVES + 1]], p.basis.shape[0]
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
    by_loading, by_intercept = gradient[p.start[LOADING] : p.start[LOADING + 1]], gradient[p.start[INTERCEPT] : p.start[INTERCEPT + 1]]
    for i in range(p.relative.shape[0]):
        by_loading[i] += loading_bar[p.relative[i]] * f.loading[p.relative[i]]
        by_intercept[i] += intercept_bar[p.relative[i]]
    add_products(gradient[p.start[NOISE] : p.start[NOISE + 1]], spread_bar, f.noise)
    add_products(gradient[p.start[DISPERSION] : p.start[DISPERSION + 1]], dispersion_bar, f.dispersion)
    by_capture = gradient[p.start[CAPTURE] : p.start[CAPTURE + 1]]
    for i in range(by_capture.shape[0]):
        by_capture[i] += captured_bar[i] * (1.0 - math.exp(f.log_captured[i]))


@inlined
def lay_out_conditions(x: Array, f: Indicators, path: Array, p: Problem) -> Conditions:
    """From x and the paths to what the inside view is made of."""
    seen, pulsed = np.empty(path.shape), np.zeros(p.since.shape)
    for k in range(path.shape[0]):
        for t in range(path.shape[1]):
            seen[k, t] = path[k, t]
    size = x[p.start[PULSE] : p.start[PULSE + 1]]
    for j in range(pulsed.shape[0]):
        k = p.pulse_of[j]
        height = math.exp(size[j]) * f.phi[k] ** max(p.since[j, 0], 0)
        for t in range(pulsed.shape[1]):
            if p.since[j, t] >= 0:
                pulsed[j, t] = height
                height *= f.phi[k]
            seen[k, t] += pulsed[j, t]
    total = math.exp(x[p.start[LOG_BEST_TO_WORST] : p.start[LOG_BEST_TO_WORST + 1]][0])
    effect = x[p.start[EFFECT_SIZE] : p.start[EFFECT_SIZE + 1]]
    weight = np.empty(effect.shape[0])
    for e in range(effect.shape[0]):
        weight[e] = total * p.leverage[e] * effect[e]
    matrix = np.zeros((p.start[INTERCEPT_OPEN + 1] - p.start[INTERCEPT_OPEN], p.points.shape[0]))
    for i in range(p.placement.shape[0]):
        matrix[p.placement[i, 1], p.placement[i, 2]] += weight[p.placement[i, 0]]
    return Conditions(pulsed, seen, weight, matrix)


@inlined
def pull_back_conditions(
    x: Array, f: Indicators, c: Conditions, seen_bar: Array, matrix_bar: Array, phi_bar: Array, gradient: Array, p: Problem
) -> None:
    """Adjoint of :func:`lay_out_conditions`: adds to the gradient and to the cotangent of φ; that of the paths is `seen_bar` itself."""
    by_size = gradient[p.start[PULSE] : p.start[PULSE + 1]]
    for j in range(c.pulsed.shape[0]):
        k = p.pulse_of[j]
        for t in range(c.pulsed.shape[1]):
            moved = seen_bar[k, t] * c.pulsed[j, t]
            by_size[j] += moved
            phi_bar[k] += moved * max(p.since[j, t], 0) / f.phi[k]
    total, by_total = (
        math.exp(x[p.start[LOG_BEST_TO_WORST] : p.start[LOG_BEST_TO_WORST + 1]][0]),
        gradient[p.start[LOG_BEST_TO_WORST] : p.start[LOG_BEST_TO_WORST + 1]],
    )
    by_effect = gradient[p.start[EFFECT_SIZE] : p.start[EFFECT_SIZE + 1]]
    for i in range(p.placement.shape[0]):
        e, bar = p.placement[i, 0], matrix_bar[p.placement[i, 1], p.placement[i, 2]]
        by_effect[e] += bar * total * p.leverage[e]
        by_total[0] += bar * c.weight[e]


@inlined
def lay_out_hazards(x: Array, inside: Array, p: Problem) -> Hazards:
    """From x and the inside view to what the filter is made of."""
    rhythm, deviation = x[p.start[LOG_RHYTHM] : p.start[LOG_RHYTHM + 1]], x[p.start[DEVIATION] : p.start[DEVIATION + 1]]
    knots, level = np.empty(rhythm.shape[0] + deviation.shape[0]), x[p.start[LOG_WAR_LEVEL] : p.start[LOG_WAR_LEVEL + 1]][0]
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
    kept_odds = x[p.start[KEPT] : p.start[KEPT + 1]]
    for j in range(kept_odds.shape[0]):
        hazard = -log_sigmoid(-kept_odds[j])
        for t in range(weeks):
            announced[t] += hazard * p.announced[j, t]
    sensitivity = x[p.start[SENSITIVITY] : p.start[SENSITIVITY + 1]]
    found_if_held, multiplier = np.empty(weeks), np.empty(weeks)
    for t in range(weeks):
        stretch = p.stretch[t] - sensitivity.shape[0]
        found_if_held[t] = float(stretch) if stretch >= 0 else 1.0 / (1.0 + math.exp(-sensitivity[p.stretch[t]]))
        multiplier[t] = inside[p.first[0] + t] + p.log_days[t]
    return Hazards(knots, outside, multiplier, announced, found_if_held)


@inlined
def pull_back_hazards(
    x: Array, h: Hazards, outside_bar: Array, announced_bar: Array, found_if_held_bar: Array, gradient: Array, p: Problem
) -> None:
    """Adjoint of :func:`lay_out_hazards`: adds to the gradient; the cotangent of the inside view is that of the multiplier."""
    rhythms = p.start[LOG_RHYTHM + 1] - p.start[LOG_RHYTHM]
    knots_bar = np.zeros(h.knots.shape[0])
    for d in range(outside_bar.shape[0]):
        knots_bar[p.knot[d]] += (1.0 - p.share[d]) * outside_bar[d]
        if p.share[d] > 0.0:
            knots_bar[p.knot[d] + 1] += p.share[d] * outside_bar[d]
    add_to(gradient[p.start[LOG_RHYTHM] : p.start[LOG_RHYTHM + 1]], knots_bar[:rhythms])
    add_to(gradient[p.start[DEVIATION] : p.start[DEVIATION + 1]], knots_bar[rhythms:])
    by_level = gradient[p.start[LOG_WAR_LEVEL] : p.start[LOG_WAR_LEVEL + 1]]
    for i in range(rhythms, knots_bar.shape[0]):
        by_level[0] += knots_bar[i]
    by_kept, odds = gradient[p.start[KEPT] : p.start[KEPT + 1]], x[p.start[KEPT] : p.start[KEPT + 1]]
    for j in range(by_kept.shape[0]):
        by_kept[j] += dot(announced_bar, p.announced[j]) / (1.0 + math.exp(-odds[j]))
    by_sensitivity = gradient[p.start[SENSITIVITY] : p.start[SENSITIVITY + 1]]
    for t in range(found_if_held_bar.shape[0]):
        if p.stretch[t] < by_sensitivity.shape[0]:
            q = h.found_if_held[t]
            by_sensitivity[p.stretch[t]] += found_if_held_bar[t] * q * (1.0 - q)
