r"""The rounds of a window: how likely the record of its weeks is on given paths, and how long the silence at its end has been.

The silence of :mod:`ripeness.forecast.dormancy`, begun not after a round but with the distribution over d that a stored draw has in the
window's first week: what came before reads only kept states.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.elicitation.elicited import elicit_quantiles
from ripeness.forecast.dormancy import Silence, silence_of_record
from ripeness.kernels.compilation import compiled
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.terms.conditions import LARGEST_POWER, add_up, close_conjunctive, lay_out_regressors, log_sigmoids, weight_matrix

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
    return silence_of_record(spec, draws, first, weeks, state, inside)
