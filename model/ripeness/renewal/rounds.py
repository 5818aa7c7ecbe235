r"""The rounds of a window: how likely the record of its weeks is on given paths, and how long the silence at its end has been.

The recursion over dormancy of :mod:`ripeness.hazard.coverage`, begun not after a round but with the distribution over d that a stored draw
has in the window's first week: what came before reads only kept states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.panel import UNSEARCHED
from ripeness.exponential import exponential, exponential_and_rest
from ripeness.hazard.inside import weight_matrix
from ripeness.hazard.inside_view import LARGEST_POWER, add_up, close_conjunctive, lay_out_regressors, log_sigmoids
from ripeness.kernel import compiled
from ripeness.priors.elicited import elicit_quantiles
from ripeness.spec import ModelSpec, Variant, outside_basis

Array = NDArray[np.float64]
Index = NDArray[np.int64]
COVERAGE = "coverage.csv"


@compiled
def inside_of_paths(paths: Array, matrix: Array, intercept: Array, normaliser: Array, conjunctive: bool, sided: Index) -> Array:
    """The normalised inside view on given paths.

    Parameters
    ----------
    paths : ndarray (draw, factor, week)
        Pulses included.
    matrix, intercept, normaliser : ndarray (draw, condition, regressor), (draw, condition), (draw,)
    conjunctive : bool
    sided : ndarray of int
        Indices of the one-sided factors.

    Returns
    -------
    ndarray (draw, week)
    """
    draws, conditions, weeks = matrix.shape[0], matrix.shape[1], paths.shape[2]
    found = np.zeros((draws, weeks))
    lowest = -LARGEST_POWER / conditions
    for s in range(draws):
        log_odds = add_up(matrix[s], intercept[s], lay_out_regressors(paths[s], sided))
        if conjunctive:
            product, smallest, _ = close_conjunctive(log_odds)
            for t in range(weeks):
                found[s, t] = -np.log(product[t]) if smallest[t] > lowest else log_sigmoids(log_odds, t)
        else:
            for c in range(conditions):
                closed = 1.0 / (1.0 + np.exp(intercept[s, c]))
                for t in range(weeks):
                    found[s, t] += closed * (log_odds[c, t] - intercept[s, c])
        found[s] -= normaliser[s]
    return found


@compiled
def filter_onward(
    outside: Array, multiplier: Array, announced: Array, found_if_held: Array, found: Array, state: Array, whole: bool
) -> tuple[Array, Array, Array]:
    """Log-likelihood of the rounds of some weeks, missed ones summed out, and the dormancy after them.

    Parameters
    ----------
    outside : ndarray (draw, dormancy)
        Log weekly hazard at d = 1, 2, …
    multiplier, announced, found_if_held : ndarray (draw, week)
        As in :func:`ripeness.hazard.filter.filter_dormancy`.
    found : ndarray (week,)
        1 where a round is on record.
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in the first week.
    whole : bool
        Whether the last week is over; else the rest of it has the same dormancy, not one week more.

    Returns
    -------
    log_likelihood : ndarray (draw,)
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in what comes next.
    chance : ndarray (draw, week)
        Probability of a round in each week, given the record before it.
    """
    draws, weeks = multiplier.shape
    reach = state.shape[1]
    for t in range(weeks):
        reach = 1 if found[t] > 0.5 else reach + int(whole or t < weeks - 1)
    log_likelihood, after, chance = np.zeros(draws), np.zeros((draws, reach)), np.empty((draws, weeks))
    longest = state.shape[1] + weeks + 1
    alpha, following, base = np.empty(longest), np.empty(longest), np.empty(longest)
    for s in range(draws):
        for d in range(min(longest, outside.shape[1])):
            base[d] = exponential(outside[s, d])
        size = state.shape[1]
        alpha[:size] = state[s]
        for t in range(weeks):
            lift, extra, total = exponential(multiplier[s, t]), announced[s, t], 0.0
            if found[t] > 0.5:
                for d in range(size):
                    total += alpha[d] * exponential_and_rest(-(base[d] * lift + extra))[1]
                log_likelihood[s] += np.log(total * found_if_held[s, t])
                chance[s, t] = total
                alpha[0], size = 1.0, 1
                continue
            for d in range(size):
                silent = exponential(-(base[d] * lift + extra))
                following[d] = alpha[d] * silent
            kept = 0.0
            for d in range(size):
                kept += following[d]
                total += alpha[d]
            missed = (total - kept) * (1.0 - found_if_held[s, t])
            stay = int(whole or t < weeks - 1)
            likelihood, chance[s, t] = (kept + missed) / total, 1.0 - kept / total
            log_likelihood[s] += np.log(likelihood)
            if stay == 0:
                alpha[0] = following[0] + missed
                alpha[1:size] = following[1:size]
            else:
                alpha[0] = missed
                alpha[1 : size + 1] = following[:size]
            size += stay
            alpha[:size] /= kept + missed
        after[s] = alpha[:reach]
    return log_likelihood, after, chance


def match_sensitivity(base: ModelSpec, new: ModelSpec, sensitivity: Array, seed: np.random.SeedSequence) -> Array:
    """Sensitivities for the stretches of a new vintage's coverage: those of the fit, and of a stretch that it did not know draws of the prior.

    Parameters
    ----------
    base, new : ModelSpec
    sensitivity : ndarray (draw, stretch)
        Draws of the fit, in the order of the base record's stretches.
    seed : SeedSequence

    Returns
    -------
    ndarray (draw, stretch)
        In the order of the new record's.
    """
    known, rng = list(base.panel.record.sensitivities), np.random.default_rng(seed)
    columns = [
        sensitivity[:, known.index(pair)] if pair in known else _prior_sensitivity(*pair, len(sensitivity), rng)
        for pair in new.panel.record.sensitivities
    ]
    return np.stack(columns, axis=1) if columns else sensitivity[:, :0]


def _prior_sensitivity(low: float, high: float, draws: int, rng: np.random.Generator) -> Array:
    """Draws of the logit-normal with these 5 and 95 % quantiles."""
    prior = elicit_quantiles(low, high, "logitnormal", "sensitivity of the search", Path(COVERAGE), None)
    return np.asarray(1.0 / (1.0 + np.exp(-rng.normal(prior.mu, prior.sigma, draws))))


@dataclass(frozen=True)
class Silence:
    """What the rounds of a window say of each draw.

    Parameters
    ----------
    log_likelihood : ndarray (draw,)
    state : ndarray (draw, state)
        Probability that d = 1, 2, … in what comes next.
    chance : ndarray (draw, week)
        Probability of a round in each week, given the record before it.
    """

    log_likelihood: Array
    state: Array
    chance: Array


def rounds_in_window(
    spec: ModelSpec, variant: Variant, draws: Mapping[str, Array], first: int, state: Array, path: Array | None
) -> Silence:
    """Hold the rounds from week `first` on against draws and their paths.

    Parameters
    ----------
    spec : ModelSpec
        Of the vintage whose rounds they are.
    variant : {"conjunctive", "additive", "outside"}
    draws : mapping of ndarray (draw, …)
        By the names of the posterior; `sensitivity` for every stretch of the vintage's coverage.
    first : int
        Index of a week at risk.
    state : ndarray (draw, state)
        Dormancy in that week.
    path : ndarray (draw, factor, week), optional
        Factors as the hazard reads them, pulses included, of the weeks before week `first` … the record's last; None in the outside variant.
    """
    weeks = len(spec.panel.weeks)
    inside = np.zeros((len(state), weeks - first))
    if path is not None:
        matrix = np.ascontiguousarray(weight_matrix(draws["weight"], spec.structure))
        intercept, normaliser = np.ascontiguousarray(draws["intercept_open"]), np.ascontiguousarray(draws["normaliser"])
        sided = spec.structure.sided.astype(np.int64)
        inside = inside_of_paths(np.ascontiguousarray(path), matrix, intercept, normaliser, variant == names.CONJUNCTIVE, sided)
    return _filter(spec, draws, first, weeks, state, inside)


def dormancy_in_week(spec: ModelSpec, draws: Mapping[str, Array], week: int) -> Array:
    """Probability that d = 1, 2, … in a week at risk, given the record before it: (draw, state).

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        By the names of the posterior, with `inside` (draw, week) unless the variant has none.
    week : int
    """
    start, number = spec.panel.record.start, len(draws["outside_knots"])
    inside = draws["inside"][:, start - 1 : week - 1] if "inside" in draws else np.zeros((number, week - start))
    return _filter(spec, draws, start, week, np.ones((number, 1)), np.asarray(inside, dtype=float)).state


def _filter(spec: ModelSpec, draws: Mapping[str, Array], first: int, stop: int, state: Array, inside: Array) -> Silence:
    record, span, number = spec.panel.record, slice(first, stop), len(state)
    outside = np.ascontiguousarray(draws["outside_knots"] @ outside_basis(spec, state.shape[1] + stop - first + 1).T)
    announced = -np.log1p(-draws["kept"]) @ spec.announced[:, span]
    stretch, stretches = record.stretch[span], len(record.sensitivities)
    known = draws.get("sensitivity", np.zeros((number, 0)))[:, :stretches]
    found_if_held = np.concatenate([known, np.zeros((number, 1)), np.ones((number, 1))], axis=1)
    place = np.where(stretch != UNSEARCHED, stretch, stretches + (record.found[span] > 0))
    whole = stop < len(spec.panel.weeks) or not spec.panel.origin_inside_week
    multiplier = inside + np.log(record.share[span])
    return Silence(*filter_onward(outside, multiplier, announced, found_if_held[:, place], record.found[span], state, whole))
