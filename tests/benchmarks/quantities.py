"""The quantities that all samplers are judged by, from their draws of x: one function for all, from the problem's arrays alone.

The hazard curve (the probability of a round in every week at risk, given the record before it, and the knots of the outside curve), weights
of effects and intercepts of conditions, loadings, intercepts and half-lives, and the factors of the last week.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from problem import Problem
from scipy.special import expit, log_expit, logsumexp

Array = NDArray[np.float64]
WHITENED, CENTRED, NON_CENTRED = "whitened", "centred", "non-centred"
DENSITIES = (WHITENED, CENTRED, NON_CENTRED)
AT_ONCE = 250  # draws


def named_quantities(problem: Problem, draws: Array, density: str) -> dict[str, Array]:
    """All quantities, each (chain, draw, own).

    Parameters
    ----------
    problem : Problem
    draws : ndarray (chain, draw, x)
    density : {"whitened", "centred", "non-centred"}
        What the coordinates of the white noise are: white noise, paths, or innovations.
    """
    if not draws.shape[1]:
        # cut short in its warm-up: no values, but their names and numbers all the same
        shaped = named_quantities(problem, np.tile(problem.mean, (draws.shape[0], 1, 1)), density)
        return {name: values[:, :0] for name, values in shaped.items()}
    flat = draws.reshape(-1, draws.shape[-1])
    parts = [_quantities(problem, flat[first : first + AT_ONCE], density) for first in range(0, len(flat), AT_ONCE)]
    return {name: np.concatenate([part[name] for part in parts]).reshape(*draws.shape[:2], -1) for name in parts[0]}


def flatten(quantities: dict[str, Array]) -> tuple[list[str], Array]:
    """Labels, and all quantities beside each other (chain, draw, quantity)."""
    labels = [f"{name}[{i}]" for name, values in quantities.items() for i in range(values.shape[2])]
    return labels, np.concatenate(list(quantities.values()), axis=2)


@dataclass(frozen=True)
class Natural:
    """Parts of x in natural units, (draw, …)."""

    phi: Array
    scale: Array
    level: Array
    loading: Array
    intercept: Array
    spread: Array
    dispersion: Array
    log_captured: Array


def _quantities(p: Problem, x: Array, density: str) -> dict[str, Array]:
    b = p.split(x)
    natural = _natural(p, b)
    path = _paths(p, b["white_noise"].reshape(len(x), p.factors, p.weeks), natural, density)
    weight = np.exp(b["log_best_to_worst"]) * p.leverage * b["effect_size"]
    knots = np.concatenate([b["log_rhythm"], p.class_log_rate + b["log_war_level"] + b["deviation"]], axis=1)
    return {
        "hazard": _hazard(p, b, knots, _inside(p, b, weight, path, natural)),
        "outside_knots": knots,
        "weight": weight,
        "intercept_open": b["intercept_open"],
        "factor_scale": np.exp(b["factor_scale"]),
        "loading": np.exp(b["loading"]),
        "intercept": b["intercept"],
        "half_life": np.exp(b["half_life"]),
        "last_week": path[:, :, -1],
    }


def _natural(p: Problem, b: dict[str, Array]) -> Natural:
    draws = len(b["half_life"])
    moves = b["level_moves"].reshape(draws, len(p.level_factor), -1)
    knots = b["level_start"][:, :, None] + np.exp(b["level"])[:, :, None] * (np.cumsum(moves, axis=2) - moves[:, :, :1])
    level = np.zeros((draws, p.factors, p.weeks))
    scale = np.ones((draws, p.factors))
    scale[:, p.scaled] = np.exp(b["factor_scale"])
    level[:, p.level_factor] = knots @ p.level_basis / scale[:, p.level_factor, None]
    loading, intercept = scale[:, p.indicator_factor], np.zeros((draws, len(p.indicator_factor)))
    loading[:, p.relative] *= np.exp(b["loading"])
    intercept[:, p.relative] = b["intercept"]
    captured = np.concatenate([log_expit(b["capture"]), np.zeros((draws, 1))], axis=1)
    phi = np.exp(-np.log(2.0) * np.exp(-b["half_life"]))
    return Natural(phi, scale, level, loading, intercept, p.floor + np.exp(b["noise"]), np.exp(b["dispersion"]), captured)


def pseudo_observations(p: Problem, natural: Natural) -> tuple[Array, Array]:
    """Precision and information of all rows, summed in their middle weeks: (draw, factor, week) each."""
    df, n = float(p.noise_tails), natural
    i = p.group_indicator[p.row_group]
    k = p.indicator_factor[i]
    variance = p.group_widening * n.spread[:, p.group_indicator] ** 2 + p.group_sampling
    share = np.where(p.bent == 1, (df + 1) / (df + 3), 1.0)[p.group_indicator]
    weight = (n.loading[:, p.group_indicator] * share / variance)[:, p.row_group]
    own = [
        (k * p.weeks + p.middle, n.loading[:, i] * weight, weight * (p.value - n.intercept[:, i] - n.loading[:, i] * n.level[:, k, p.last]))
    ]
    if len(p.count_week):
        i = p.count_indicator[p.count_group]
        k = p.indicator_factor[p.measured + i]
        slope = p.count_scale[i] * n.loading[:, p.measured + i]
        weight = slope / (p.count_inverse_mean[p.count_group] + 1.0 / n.dispersion[:, i])
        at_zero = p.count_log_centre[i] + p.count_scale[i] * n.intercept[:, p.measured + i] + n.log_captured[:, p.count_era[p.count_group]]
        rest = p.count_response[p.count_group] - at_zero - p.log_exposure - slope * n.level[:, k, p.count_week]
        own.append((k * p.weeks + p.count_week, slope * weight, weight * rest))
    precision, information = np.zeros((2, len(n.phi), p.factors * p.weeks))
    for cell, row_precision, row_information in own:
        for j, at in enumerate(cell):
            precision[:, at] += row_precision[:, j]
            information[:, at] += row_information[:, j]
    shape = (len(n.phi), p.factors, p.weeks)
    return precision.reshape(shape), information.reshape(shape)


def _paths(p: Problem, block: Array, natural: Natural, density: str) -> Array:
    """Factor paths (draw, factor, week)."""
    if density == CENTRED:
        return block
    path, phi = np.empty_like(block), natural.phi
    if density == NON_CENTRED:
        path[:, :, 0] = block[:, :, 0]
        for t in range(1, p.weeks):
            path[:, :, t] = phi * path[:, :, t - 1] + np.sqrt(1.0 - phi**2) * block[:, :, t]
        return path
    precision, information = pseudo_observations(p, natural)
    tight = 1.0 / (1.0 - phi**2)
    pull = phi * tight
    v, drift = np.empty_like(block), np.empty_like(block)
    for t in range(p.weeks):
        diagonal = precision[:, :, t] + (tight if t in (0, p.weeks - 1) else tight * (1.0 + phi**2))
        v[:, :, t] = 1.0 / (diagonal - (pull**2 * v[:, :, t - 1] if t else 0.0))
        drift[:, :, t] = information[:, :, t] + (pull * v[:, :, t - 1] * drift[:, :, t - 1] if t else 0.0)
    for t in reversed(range(p.weeks)):
        path[:, :, t] = v[:, :, t] * drift[:, :, t] + np.sqrt(v[:, :, t]) * block[:, :, t]
        if t < p.weeks - 1:
            path[:, :, t] += pull * v[:, :, t] * path[:, :, t + 1]
    return path


def _inside(p: Problem, b: dict[str, Array], weight: Array, path: Array, natural: Natural) -> Array:
    """The normalised inside view of the weeks before those at risk: (draw, week at risk)."""
    fading = np.exp(b["pulse"])[:, :, None] * natural.phi[:, p.pulse_factor, None] ** np.maximum(p.pulse_since, 0)
    z = path.copy()
    z[:, p.pulse_factor] += np.where(p.pulse_since >= 0, fading, 0.0)
    for j, k in enumerate(p.level_factor):
        if p.cumulative[j]:
            step = np.exp(b["level"][:, j]) / natural.scale[:, k]
            z[:, k] = (z[:, k] + natural.level[:, k]) / np.sqrt(1.0 + 8.0 * step**2)[:, None]
    z = z[:, :, int(p.start) - 1 : p.weeks - 1]
    sides = [(np.logaddexp(0.0, sign * 4.0 * z[:, k : k + 1]) - np.log(2.0)) / 4.0 for k in p.sided for sign in (1.0, -1.0)]
    matrix = np.tensordot(weight, p.placement, 1)
    intercept = b["intercept_open"][:, :, None]

    def score(regressor: Array) -> Array:
        return np.asarray(log_expit(intercept + matrix @ regressor).sum(axis=1))

    norm = logsumexp(score(p.points), axis=1) - np.log(p.points.shape[1])
    return np.asarray(score(np.concatenate([z, *sides], axis=1)) - norm[:, None])


def _hazard(p: Problem, b: dict[str, Array], knots: Array, inside: Array) -> Array:
    """P(a round in the week | what was found before it): (draw, week at risk)."""
    log_curve, by_record = knots @ p.outside_basis.T, b["track_record"] * p.dormant_share
    lift = np.exp(inside + p.log_share)
    announced = np.logaddexp(0.0, b["kept"]) @ p.announced
    edges = np.tile([0.0, 1.0], (len(lift), 1))
    sensitivity = np.concatenate([expit(b["sensitivity"]), edges], axis=1)[:, p.place]
    recorded = _recorded(b)
    unannounced = 1.0 - recorded.sum(axis=1)[:, None] * p.searched
    arrivals = (recorded / expit(b["kept"][:, : recorded.shape[1]])).sum(axis=1)[:, None] * p.searched
    return np.stack(list(_filter(p, log_curve, by_record, lift, announced, unannounced, arrivals, sensitivity)), axis=1)


def _recorded(b: dict[str, Array]) -> Array:
    """Share of rounds that are announced on record, by class: (draw, class)."""
    split, one = expit(b["class_split"]), np.ones((len(b["class_split"]), 1))
    of_class = np.concatenate([one, np.cumprod(1.0 - split, axis=1)], axis=1) * np.concatenate([split, one], axis=1)
    return np.asarray(expit(b["share_announced"]) * of_class * expit(b["recorded"]))


def _filter(
    p: Problem,
    log_curve: Array,
    by_record: Array,
    lift: Array,
    announced: Array,
    unannounced: Array,
    arrivals: Array,
    sensitivity: Array,
) -> Iterator[Array]:
    """The forward recursion over dormancy, all draws abreast; the newest silence first."""
    dormancy = np.ones((len(lift), 1))
    for t, held_then in enumerate(p.found):
        week = slice(t, t + 1)
        states = slice(dormancy.shape[1])
        total = np.exp(log_curve[:, states] + p.log_months[t] * by_record[:, states]) * lift[:, week]
        if p.searched[t]:
            dormancy = dormancy * total ** p.arrived[t] * np.exp(-arrivals[:, week] * total)
            dormancy /= dormancy.sum(axis=1, keepdims=True)
        stays = dormancy * np.exp(-(unannounced[:, week] * total + announced[:, week]))
        held = 1.0 - stays.sum(axis=1)
        yield held
        if held_then > 0.5:
            dormancy = np.ones((len(lift), 1))
        else:
            missed = (1.0 - sensitivity[:, t]) * held
            dormancy = np.concatenate([missed[:, None], stays], axis=1) / (1.0 - sensitivity[:, t] * held)[:, None]
