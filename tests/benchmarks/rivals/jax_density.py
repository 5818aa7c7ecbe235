"""The whitened log density in JAX, as an expert would write it: the recursions by `lax.scan`, all else on whole arrays, float64.

Rows that describe one week lie on a grid (indicator, week): what an indicator's rows share is broadcast, and the adjoint of that is a sum
and no scatter. The few rows that describe several weeks are a list. The hazards of all weeks and dormancies are one array, made before the
scan that sums missed rounds out; the record is cut where its silence has grown by another `WIDER` weeks, so that no scan carries many more
dormancies than are possible. :mod:`problem` explains the names, the package's own modules the formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import gammaln, ndtr
from numpy.typing import NDArray
from problem import Problem

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_cpu_enable_async_dispatch", False)
LOG_2 = float(np.log(2.0))
WIDER = 56
Array = NDArray[np.float64]
Index = NDArray[np.int64]
Blocks = dict[str, Any]


@dataclass(frozen=True)
class Grids:
    """Rows on grids (indicator, week), zero where there is none, and the rows of several weeks as a list (row,)."""

    there: Array
    value: Array
    widening: Array
    sampling: Array
    factor: Index
    first: Index
    last: Index
    middle: Index
    indicator: Index
    listed: tuple[Array, Array, Array]  # value, widening, sampling
    counted: Array
    count: Array
    inverse_mean: Array
    response: Array
    exposure: Array
    era: Index
    pairs: tuple[Index, Array, Array]  # indicator, count, and how often the pair occurs


def lay_on_grids(p: Problem) -> Grids:
    """Where each row of a problem goes; no indicator has two rows of one and the same week."""
    indicator = p.group_indicator[p.row_group]
    widening, sampling = p.group_widening[p.row_group], p.group_sampling[p.row_group]
    single, several = np.flatnonzero(p.first == p.last), np.flatnonzero(p.first < p.last)

    def grid(values: Any, fill: float = 0.0) -> Array:
        found = np.full((p.measured, p.weeks), fill)
        found[indicator[single], p.last[single]] = values[single]
        return found

    who = p.count_indicator[p.count_group]

    def count_grid(values: Any, fill: float = 0.0) -> Any:
        found = np.full((len(p.count_scale), p.weeks), fill)
        found[who, p.count_week] = values
        return found

    there, counted = grid(np.ones(len(indicator))), count_grid(1.0)
    if there.sum() != len(single) or counted.sum() != len(who):
        raise ValueError("an indicator has two rows of one week")
    pairs, member = np.unique(np.stack([p.count_indicator, p.count]), axis=1, return_inverse=True)
    repeats = np.bincount(member.ravel(), np.bincount(p.count_group, minlength=len(p.count)), pairs.shape[1])
    first, last = p.bounds_of["capture"]
    return Grids(
        there, grid(p.value), grid(widening, 1.0), grid(sampling),
        p.indicator_factor[indicator[several]], p.first[several], p.last[several], p.middle[several], indicator[several],
        (p.value[several], widening[several], sampling[several]),
        counted, count_grid(p.count[p.count_group].astype(float)),
        count_grid(p.count_inverse_mean[p.count_group]), count_grid(p.count_response[p.count_group]), count_grid(p.log_exposure),
        count_grid(p.count_era[p.count_group], last - first).astype(np.int64),
        (pairs[0], pairs[1].astype(float), repeats),
    )  # fmt: skip


def log_density(problem: Problem) -> Callable[[Any], Any]:
    """The log density of x up to a constant."""
    p, grids, stretches = problem, lay_on_grids(problem), cut_record(problem.found)
    factor = p.indicator_factor

    def density(x: Any) -> Any:
        b = p.split(x)
        phi = jnp.exp(-LOG_2 * jnp.exp(-b["half_life"]))
        scale = jnp.ones(p.factors).at[p.scaled].set(jnp.exp(b["factor_scale"]))
        b["loading"] = scale[factor] * jnp.ones(len(factor)).at[p.relative].set(jnp.exp(b["loading"]))
        b["intercept"] = jnp.zeros(len(factor)).at[p.relative].set(b["intercept"])
        level = slow_levels(p, b) / scale[:, None]
        parts = [measured_rows, counted_rows] if len(p.count_scale) else [measured_rows]
        found = [part(p, grids, b, level) for part in parts]
        # on the grids information leaves the level out: it takes the same part of the precision everywhere
        precision = jnp.zeros((p.factors, p.weeks)).at[factor].add(jnp.concatenate([part[0] for part in found]))
        information = jnp.zeros((p.factors, p.weeks)).at[factor].add(jnp.concatenate([part[1] for part in found])) - precision * level
        listed_precision, listed_information, density_of_listed = listed_rows(p, grids, b, level)
        precision = precision.at[grids.factor, grids.middle].add(listed_precision)
        information = information.at[grids.factor, grids.middle].add(listed_information)
        path, total = whitened_paths(p, phi, precision, information, b["white_noise"].reshape(p.factors, p.weeks))
        strength = (path + level)[factor]
        for part, own in zip(found, (strength[: p.measured], strength[p.measured :]), strict=False):
            total += part[2](own)
        total += density_of_listed(path)
        total += rounds(p, b, inside_view(p, b, as_read(p, b, path + pulses(p, b, phi), level, scale)), stretches)
        return total - 0.5 * jnp.sum(((x - p.mean) / p.sd) ** 2)

    return density


def slow_levels(p: Problem, b: Blocks) -> Any:
    """Slow levels (factor, week), in scales of the reference indicators."""
    moves = b["level_moves"].reshape(len(p.level_factor), -1)
    knots = b["level_start"][:, None] + jnp.exp(b["level"])[:, None] * (jnp.cumsum(moves, axis=1) - moves[:, :1])
    return jnp.zeros((p.factors, p.weeks)).at[p.level_factor].set(knots @ p.level_basis)


def as_read(p: Problem, b: Blocks, pulsed: Any, level: Any, scale: Any) -> Any:
    """Factors as the hazards read them (factor, week): cumulative ones with their level, over the deviation of the sum after eight moves."""
    spread = jnp.sqrt(1.0 + 8.0 * (jnp.exp(b["level"]) / scale[p.level_factor]) ** 2)
    ratio = jnp.ones(p.factors).at[p.level_factor].set(jnp.where(p.cumulative > 0, 1.0 / spread, 1.0))
    read_with = jnp.zeros(p.factors).at[p.level_factor].set(p.cumulative)
    return ratio[:, None] * (pulsed + read_with[:, None] * level)


def pulses(p: Problem, b: Blocks, phi: Any) -> Any:
    """Jumps that fade, (factor, week)."""
    fading = jnp.exp(b["pulse"])[:, None] * phi[p.pulse_factor][:, None] ** np.maximum(p.pulse_since, 0)
    return jnp.zeros((p.factors, p.weeks)).at[p.pulse_factor].set(jnp.where(p.pulse_since >= 0, fading, 0.0))


def measured_rows(p: Problem, grids: Grids, b: Blocks, level: Any) -> tuple[Any, Any, Callable[[Any], Any]]:
    """Precision and information (indicator, week) of the rows of one week, and their density given strengths."""
    df = float(p.noise_tails)
    spread = p.floor + jnp.exp(b["noise"])
    variance = grids.widening * spread[:, None] ** 2 + grids.sampling
    loading, centred = b["loading"][: p.measured, None], grids.value - b["intercept"][: p.measured, None]
    weight = loading * information_share(p)[:, None] * grids.there / variance

    def density(strength: Any) -> Any:
        residual = centred - loading * strength
        return -0.5 * jnp.sum(grids.there * (log_kernel(residual**2 / variance, df, p.bent[:, None]) + jnp.log(variance)))

    return loading * weight, weight * centred, density


def information_share(p: Problem) -> Array:
    """Fisher information of each indicator's errors at scale one: (measured indicator,)."""
    df = float(p.noise_tails)
    return np.where(p.bent == 1, (df + 1) / (df + 3), 1.0)


def log_kernel(square: Any, df: float, bent: Array) -> Any:
    """Minus twice the log density of errors of which the square is given, up to a constant: Student-t where bent, else normal."""
    return bent * (df + 1) * jnp.log1p(square / df) + (1 - bent) * square


def listed_rows(p: Problem, grids: Grids, b: Blocks, level: Any) -> tuple[Any, Any, Callable[[Any], Any]]:
    """Precision and information (row,) of the rows of several weeks, and their density given the paths."""
    df, i = float(p.noise_tails), grids.indicator
    value, widening, sampling = grids.listed
    variance = widening * (p.floor + jnp.exp(b["noise"]))[i] ** 2 + sampling
    loading = b["loading"][i]
    centred = value - b["intercept"][i] - loading * level[grids.factor, grids.last]
    weight = loading * information_share(p)[i] / variance

    def density(path: Any) -> Any:
        whole = jnp.concatenate([jnp.zeros((p.factors, 1)), jnp.cumsum(path, axis=1)], axis=1)
        mean = (whole[grids.factor, grids.last + 1] - whole[grids.factor, grids.first]) / (grids.last - grids.first + 1)
        residual = centred - loading * mean
        return -0.5 * jnp.sum(log_kernel(residual**2 / variance, df, p.bent[i]) + jnp.log(variance))

    return loading * weight, weight * centred, density


def counted_rows(p: Problem, grids: Grids, b: Blocks, level: Any) -> tuple[Any, Any, Callable[[Any], Any]]:
    """Precision and information (counted indicator, week), and the density of the counts given strengths."""
    alpha = jnp.exp(b["dispersion"])
    captured = jnp.concatenate([jax.nn.log_sigmoid(b["capture"]), jnp.zeros(1)])[grids.era]
    at_zero = (p.count_log_centre + p.count_scale * b["intercept"][p.measured :])[:, None] + captured + grids.exposure
    slope = (p.count_scale * b["loading"][p.measured :])[:, None]
    weight = slope * grids.counted / (grids.inverse_mean + 1.0 / alpha[:, None])
    who, count, repeats = grids.pairs
    own = alpha[who]
    # the gamma functions cost most: once for each pair of indicator and count
    rises = jnp.sum(repeats * (gammaln(count + own) - gammaln(own) - count * jnp.log(own)))

    def density(strength: Any) -> Any:
        log_mean = at_zero + slope * strength
        excess = jnp.logaddexp(0.0, log_mean - jnp.log(alpha)[:, None])
        return rises + jnp.sum(grids.counted * (grids.count * log_mean - (grids.count + alpha[:, None]) * excess))

    return slope * weight, weight * (grids.response - at_zero), density


def whitened_paths(p: Problem, phi: Any, precision: Any, information: Any, white: Any) -> tuple[Any, Any]:
    """Paths (factor, week), and what their density differs by from that of the white noise."""
    df, heavy = float(p.factor_tails), p.heavy > 0.5
    weeks, white = p.weeks, white.T
    tight = 1.0 / (1.0 - phi**2)
    pull = phi * tight
    outer = np.isin(np.arange(weeks), (0, weeks - 1))[:, None]
    diagonal = jnp.where(outer, tight, tight * (1.0 + phi**2)) + precision.T

    def onward(carry: Any, week: Any) -> Any:
        v, y = carry
        v, y = 1.0 / (week[0] - pull**2 * v), week[1] + pull * v * y
        return (v, y), (v, y)

    def back(z: Any, week: Any) -> Any:
        z = week[0] + week[1] * z
        return z, z

    nothing = jnp.zeros(p.factors)
    _, (v, y) = lax.scan(onward, (nothing, nothing), (diagonal, information.T))
    _, z = lax.scan(back, nothing, (v * y + jnp.sqrt(v) * white, pull * v), reverse=True)
    square = (z[1:] - phi * z[:-1]) ** 2 * tight
    total = 0.5 * ((weeks - 1) * jnp.sum(jnp.log(tight)) - jnp.sum(z[0] ** 2) + jnp.sum(jnp.log(v)) + jnp.sum(white**2))
    total -= (df + 1) / 2 * jnp.sum(jnp.log1p(square[:, heavy] / (df - 2))) + 0.5 * jnp.sum(square[:, ~heavy])
    return z.T, total


def inside_view(p: Problem, b: Blocks, path: Any) -> Any:
    """The normalised inside view of the weeks before those at risk."""
    weight = jnp.tensordot(jnp.exp(b["log_best_to_worst"]) * p.leverage * b["effect_size"], p.placement, 1)
    z = path[:, int(p.start) - 1 : p.weeks - 1]
    sides = [(jax.nn.softplus(sign * 4.0 * z[k : k + 1]) - LOG_2) / 4.0 for k in p.sided for sign in (1.0, -1.0)]
    intercept = b["intercept_open"][:, None]

    def score(regressor: Any) -> Any:
        return jnp.sum(jax.nn.log_sigmoid(intercept + weight @ regressor), axis=0)

    return score(jnp.concatenate([z, *sides])) - jax.nn.logsumexp(score(p.points)) + np.log(p.points.shape[1])


def cut_record(found: Array) -> list[tuple[int, int, int]]:
    """Stretches of the record: first week, one past the last, and how many dormancies are enough for it."""
    states = [1]
    for held in found[:-1]:
        states.append(1 if held > 0.5 else states[-1] + 1)
    most = max(states) + 1
    widths = [min(-(-(state + 1) // WIDER) * WIDER, most) for state in states]
    cuts = [0, *(t for t in range(1, len(states)) if widths[t] != widths[t - 1]), len(states)]
    return [(first, stop, widths[first]) for first, stop in pairwise(cuts)]


def rounds(p: Problem, b: Blocks, inside: Any, stretches: list[tuple[int, int, int]]) -> Any:
    """Log-likelihood of the record, missed rounds summed out."""
    knots = jnp.concatenate([b["log_rhythm"], p.class_log_rate + b["log_war_level"] + b["deviation"]])
    log_curve = p.outside_basis @ knots
    log_curve = jnp.concatenate([log_curve, log_curve[-1:]])
    by_record = b["track_record"] * np.append(p.dormant_share, p.dormant_share[-1:])
    announced = jax.nn.softplus(b["kept"]) @ p.announced
    recorded, log_lift = announced_on_record(b), inside + p.log_share
    arriving = recorded / jax.nn.sigmoid(b["kept"][: recorded.shape[0]])
    unannounced, log_rate = 1.0 - jnp.sum(recorded) * p.searched, jnp.log(jnp.sum(arriving))
    sensitivity = jnp.concatenate([jax.nn.sigmoid(b["sensitivity"]), np.array([0.0, 1.0])])[p.place]
    total, dormancy = arrivals(p, b, arriving / jnp.sum(arriving)), jnp.ones(1)
    for first, stop, width in stretches:
        week = slice(first, stop)
        log_hazard = log_lift[week, None] + log_curve[:width] + p.log_months[week, None] * by_record[:width]
        hazard = jnp.exp(log_hazard)
        silent = jnp.exp(-(unannounced[week, None] * hazard + announced[week, None]))
        counted = p.arrived[week, None] * (log_hazard + log_rate) - jnp.exp(log_rate) * hazard
        seen = jnp.exp(p.searched[week, None] * counted)
        newest = np.eye(1, width)[0]

        def step(dormancy: Any, week: Any, newest: Array = newest) -> Any:
            silent, seen, q, found = week
            dormancy *= seen
            announced = jnp.sum(dormancy)
            dormancy /= announced
            stays = dormancy * silent
            held = 1.0 - jnp.sum(stays)
            likelihood = jnp.where(found > 0.5, q * held, 1.0 - q * held)
            grown = jnp.concatenate([((1.0 - q) * held)[None], stays[:-1]]) / likelihood
            return jnp.where(found > 0.5, newest, grown), likelihood * announced

        dormancy = jnp.concatenate([dormancy, jnp.zeros(width)])[:width]
        dormancy, likelihood = lax.scan(step, dormancy, (silent, seen, sensitivity[week], p.found[week]))
        total += jnp.sum(jnp.log(likelihood))
    return total


def announced_on_record(b: Blocks) -> Any:
    """Share of rounds that are announced on record, by class."""
    split, one = jax.nn.sigmoid(b["class_split"]), jnp.ones(1)
    of_class = jnp.concatenate([one, jnp.cumprod(1.0 - split)]) * jnp.concatenate([split, one])
    return jax.nn.sigmoid(b["share_announced"]) * of_class * jax.nn.sigmoid(b["recorded"])


def arrivals(p: Problem, b: Blocks, share: Any) -> Any:
    """Log-likelihood of the classes and lead times of meetings announced anew."""
    upper, lower = (
        (jnp.log(days) - b["lead_median"]) * jnp.exp(-b["lead_spread"]) for days in (p.arrival_lead, np.maximum(p.arrival_lead - 1, 0.5))
    )
    tail = jnp.where(upper < 0.0, 1.0, -1.0)  # the one that loses no digits
    below = jnp.where(p.arrival_lead > 1.0, ndtr(tail * lower), jnp.where(tail > 0.0, 0.0, 1.0))
    return jnp.sum(jnp.log(share[p.arrival_kind]) + jnp.log(tail * (ndtr(tail * upper) - below)))
