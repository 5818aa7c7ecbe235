"""The inside view of draws in NumPy: how open the conditions are on any factors, and what that multiplies the hazard by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.model.spec import ModelSpec
from ripeness.model.term import beside
from ripeness.model.terms import terms_of
from ripeness.model.terms.conditions import (
    Conditions,
    conjunctive_score,
    log_mean_exp,
    regressors,
    shares_of_causes,
    substitutable_inside,
)
from ripeness.model.terms.rungs import rung_normalisers

Array = NDArray[np.float64]


def condition_log_odds(spec: ModelSpec, draws: Mapping[str, Array], z: Array) -> Array:
    """Log odds that each condition is open: what all terms give, added up.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        By the names of the posterior: weight (draw, effect), intercept_open (draw, condition), and what further terms have.
    z : ndarray (draw, …, factor, week)
        Factors as the hazards read them, pulses included; there may be axes between draws and factors, such as the paths of a draw.

    Returns
    -------
    ndarray (draw, …, condition, week)
    """
    first, *others = (given for term in terms_of(names.CONJUNCTIVE, spec) if (given := term.log_odds(spec, draws, z)) is not None)
    return sum(others, start=first)


def only_linear(spec: ModelSpec, draws: Mapping[str, Array]) -> bool:
    """Whether the log odds of the conditions are those of :class:`Conditions` alone."""
    none = np.zeros((1, len(spec.workspace.factors), 1))
    return all(isinstance(term, Conditions) or term.log_odds(spec, draws, none) is None for term in terms_of(names.CONJUNCTIVE, spec))


def log_odds_at_points(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """Log odds of the conditions at the Sobol points of the factors' stationary distribution: (draw, condition, point)."""
    return condition_log_odds(spec, draws, spec.structure.points[None, : spec.structure.factors])


def inside_of_log_odds(variant: str, draws: Mapping[str, Array], log_odds: Array) -> Array:
    """The inside view where the conditions have these log odds.

    Parameters
    ----------
    variant : {"conjunctive", "substitutable"}
    draws : mapping of ndarray (draw, …)
        By the names of the posterior: normaliser (draw,), or cause_share and cause_normaliser (draw, condition).
    log_odds : ndarray (draw, …, condition, week)

    Returns
    -------
    ndarray (draw, …, week)
        Log of what multiplies the hazard.
    """
    if variant == names.CONJUNCTIVE:
        return np.asarray(conjunctive_score(log_odds, np) - beside(draws["normaliser"], log_odds.ndim - 1, 0))
    share, norm_of = (beside(draws[name], log_odds.ndim - 1, 1) for name in ("cause_share", "cause_normaliser"))
    return np.asarray(substitutable_inside(log_odds, share, norm_of, np))


def inside_view(spec: ModelSpec, variant: str, draws: Mapping[str, Array], z: Array) -> Array:
    """The inside view, (draw, …, week), of factors (draw, …, factor, week), pulses included; see :func:`condition_log_odds`."""
    return inside_of_log_odds(variant, draws, condition_log_odds(spec, draws, z))


def with_inside_view(spec: ModelSpec, variant: str, draws: Mapping[str, Array], z: Array) -> dict[str, Array]:
    """Draws with all that follows from weights, intercepts and causes: normalisers, and on factors z (draw, factor, week) log_odds_open and inside."""
    at_points = log_odds_at_points(spec, draws)
    if variant == names.CONJUNCTIVE:
        follows = {"normaliser": log_mean_exp(conjunctive_score(at_points, np), np)}
    else:
        follows = {"cause_share": shares_of_causes(draws["cause_weight"]), "cause_normaliser": log_mean_exp(at_points, np)}
    if "rung_exponent" in draws:
        follows["rung_normaliser"] = rung_normalisers(spec, draws, at_points)
    found = {**draws, **follows, "log_odds_open": condition_log_odds(spec, draws, z)}
    return found | {"inside": inside_of_log_odds(variant, found, found["log_odds_open"])}


def effect_regressors(spec: ModelSpec, z: Array) -> Array:
    """What each effect acts through, (…, effect, week), on factors z (…, factor, week): a factor, or of a one-sided one how far it is on that side."""
    structure = spec.structure
    placed = structure.placement.reshape(len(structure.effects), structure.conditions, -1).any(axis=1)
    return np.asarray(placed @ regressors(z, structure.sided, np) / placed.sum(axis=1)[:, None])
