"""The outside view: how the hazard of a round falls with dormancy, before anything is known of this war's factors.

log outside(d) is piecewise linear in log d. Up to the active weeks its knots are the process's own rhythm; beyond them they are the
reference class, moved together by how unlike its wars this one is, and each a little by itself:

    knot_j = log rhythm_j                                      d ≤ 8 weeks
    knot_j = reference_j + war_level + deviation_j             beyond

`war_level` is the partially pooled level of one more war from the population behind the table: its spread is the spread between
those wars of one track record, which another term adds (:mod:`ripeness.model.terms.track_record`). Left of the first knot and right of the last the curve
is level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.kernels.compilation import inner
from ripeness.model.term import Derived, Draws, Kernel, Parameter, Scales, Scope, Term, elicited, elicited_once

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def hat_matrix(knots: NDArray[np.float64], dormancy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights that interpolate knot values linearly in log dormancy.

    Parameters
    ----------
    knots : ndarray (knot,)
        Dormancies of the knots in weeks, rising, > 0.
    dormancy : ndarray (dormancy,)
        Weeks since the week of the last round, ≥ 1.

    Returns
    -------
    ndarray (dormancy, knot)
        Rows sum to one; constant beyond the outer knots.

    Raises
    ------
    ValueError
        If the knots do not rise.
    """
    if np.any(np.diff(knots) <= 0) or knots[0] <= 0:
        raise ValueError(f"knots must be positive and rise: {knots}")
    position = np.log(np.clip(dormancy, knots[0], knots[-1]))
    columns = np.eye(len(knots))
    return np.stack([np.interp(position, np.log(knots), column) for column in columns], axis=1)


def rhythm_ids(spec: ModelSpec) -> Sequence[str]:
    """Names of the knots of the rhythm in `priors/`."""
    return [f"week_{week}" for week in spec.priors.files.rhythm_weeks]


def outside_knots(spec: ModelSpec) -> Array:
    """Dormancies of the curve's knots in weeks: (knot,)."""
    return np.array([*spec.priors.files.rhythm_weeks, *spec.reference.dormancy_weeks], dtype=float)


def outside_basis(spec: ModelSpec, longest: int) -> Array:
    """Hat matrix (dormancy, knot) of the outside curve at d = 1 … `longest`."""
    return hat_matrix(outside_knots(spec), np.arange(1, longest + 1, dtype=float))


def deviation_prior(spec: ModelSpec, reading: str) -> Scales:
    """Of each class's own deviation: (class,)."""
    sd = np.asarray(spec.reference.sd, dtype=float)
    return np.zeros(len(sd)), sd


@inner
def lay_curve(rhythm: Array, level: Array, deviation: Array, log_rate: Array, knot: Index, share: Array) -> tuple[Array, Array]:
    """Log weekly hazard at d = 1, 2, … (dormancy,), and at the knots (knot,)."""
    rhythms = rhythm.shape[0]
    knots = np.empty(rhythms + deviation.shape[0])
    for i in range(rhythms):
        knots[i] = rhythm[i]
    for i in range(deviation.shape[0]):
        knots[rhythms + i] = log_rate[i] + level[0] + deviation[i]
    outside = np.empty(knot.shape[0])
    for d in range(outside.shape[0]):
        outside[d] = knots[knot[d]]
        if share[d] > 0.0:
            outside[d] += share[d] * (knots[knot[d] + 1] - knots[knot[d]])
    return outside, knots


@inner
def adjoint_curve(
    rhythm: Array,
    level: Array,
    deviation: Array,
    log_rate: Array,
    knot: Index,
    share: Array,
    outside: Array,
    knots: Array,
    outside_bar: Array,
) -> tuple[Array, Array, Array]:
    """Cotangents of rhythm, level and deviation."""
    rhythms = rhythm.shape[0]
    knots_bar, level_bar = np.zeros(knots.shape[0]), np.zeros(1)
    for d in range(outside_bar.shape[0]):
        knots_bar[knot[d]] += (1.0 - share[d]) * outside_bar[d]
        if share[d] > 0.0:
            knots_bar[knot[d] + 1] += share[d] * outside_bar[d]
    for i in range(rhythms, knots_bar.shape[0]):
        level_bar[0] += knots_bar[i]
    return knots_bar[:rhythms].copy(), level_bar, knots_bar[rhythms:].copy()


class OutsideCurve(Term):
    """Log weekly hazard by dormancy."""

    parameters = (
        Parameter(
            "log_rhythm",
            (names.RHYTHM,),
            "identity",
            elicited("rhythm", rhythm_ids),
            "log weekly hazard in the process's own rhythm",
            "rhythm",
            ranked=False,
        ),
        Parameter(
            "log_war_level", (), "identity", elicited_once("war_level"), "log of this war's level against the reference class", "war_level"
        ),
        Parameter(
            "deviation",
            (names.CLASS,),
            "identity",
            deviation_prior,
            "deviation of the outside curve from the reference class",
            "reference_class.csv",
            ranked=False,
        ),
    )
    kernels = (
        Kernel(
            lay_curve,
            adjoint_curve,
            inputs=("log_rhythm", "log_war_level", "deviation", "class_log_rate", "outside_knot", "outside_share"),
            outputs={"outside": "vector"},
            saved={"outside_knots": "vector"},
            wrt=("log_rhythm", "log_war_level", "deviation"),
        ),
    )
    derived = (Derived("outside_knots", (names.KNOT,), "log weekly hazard at the knots of dormancy", ranked=True),)

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {
            names.KNOT: outside_knots(spec),
            names.RHYTHM: list(spec.priors.files.rhythm_weeks),
            names.CLASS: [round(float(weeks), 1) for weeks in spec.reference.dormancy_weeks],
        }

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        basis = outside_basis(spec, len(spec.panel.weeks) - spec.panel.record.start + 1)
        last = basis.shape[1] - 1
        # a row of the hat matrix as a knot and the share of the next one
        knot = np.minimum(np.argmax(basis > 0, axis=1), max(last - 1, 0)).astype(np.int64)
        share = np.take_along_axis(basis, np.minimum(knot + 1, last)[:, None], axis=1)[:, 0] if last else np.zeros(len(basis))
        return {"class_log_rate": spec.reference.log_rate, "outside_knot": knot, "outside_share": share}

    def declare(self, scope: Scope) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        spec = scope.spec
        rhythm, level, deviation = (scope.free(parameter) for parameter in self.parameters)
        knots = pm.Deterministic("outside_knots", pt.concatenate([rhythm, spec.reference.log_rate + level + deviation]), dims=names.KNOT)
        basis = outside_basis(spec, len(spec.panel.weeks) - spec.panel.record.start + 1)
        scope["outside"] = (knots[:, None] * basis.T).sum(axis=0)

    def simulate(self, spec: ModelSpec, reading: str, variant: str, draws: Draws, rng: np.random.Generator) -> None:
        draws["outside_knots"] = knots_of(spec, draws)


def knots_of(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """Log weekly hazard at the knots, from draws: (draw, knot)."""
    beyond = spec.reference.log_rate + draws["log_war_level"][:, None] + draws["deviation"]
    return np.concatenate([draws["log_rhythm"], beyond], axis=1)
