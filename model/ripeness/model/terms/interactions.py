r"""Interactions: two factors that open or close a condition together more, or less, than each by itself.

To the log odds of condition c, whose factors :math:`z` have mean 0 and variance 1 in the long run, each interaction adds

.. math:: x_c \mathrel{+}= w\, z_a z_b, \qquad w \sim \text{Normal}

In `priors/hazard.toml` an interaction is the table `[interaction.<condition>.<a>_x_<b>]`: quantiles of w, the change of the condition's log odds where
both factors stand one unit above their usual value. There need be none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import inner
from ripeness.model.term import Kernel, Parameter, Scope, Term, beside, elicited

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]
KEY, BETWEEN, DIM = "interaction", "_x_", "interaction"


def interaction_ids(spec: ModelSpec) -> Sequence[str]:
    """Ids of the interactions, "condition.a_x_b"."""
    return [name.removeprefix(f"{KEY}.") for name in spec.priors.files.entries if name.startswith(f"{KEY}.")]


def places_of(spec: ModelSpec) -> Index:
    """Condition and the two factors of each interaction, by number: (interaction, 3)."""
    found = []
    for one in interaction_ids(spec):
        condition, pair = one.split(".")
        found.append([spec.workspace.condition_ids.index(condition), *(spec.workspace.factor_ids.index(f) for f in pair.split(BETWEEN))])
    return np.array(found, dtype=np.int64).reshape(-1, 3)


@inner
def add_interactions(z: Array, points: Array, place: Index, weight: Array, intercept: Array) -> tuple[Array, Array]:
    """What interactions add to the log odds of the conditions, in weeks (condition, week) and at the Sobol points (condition, point)."""
    in_weeks, at_points = np.zeros((intercept.shape[0], z.shape[1])), np.zeros((intercept.shape[0], points.shape[1]))
    for i in range(place.shape[0]):
        c, a, b = place[i]
        for t in range(z.shape[1]):
            in_weeks[c, t] += weight[i] * z[a, t] * z[b, t]
        for t in range(points.shape[1]):
            at_points[c, t] += weight[i] * points[a, t] * points[b, t]
    return in_weeks, at_points


@inner
def adjoint_interactions(
    z: Array,
    points: Array,
    place: Index,
    weight: Array,
    intercept: Array,
    in_weeks: Array,
    at_points: Array,
    weeks_bar: Array,
    points_bar: Array,
) -> tuple[Array, Array]:
    """Cotangents of the factors and of the weights."""
    z_bar, weight_bar = np.zeros(z.shape), np.zeros(weight.shape[0])
    for i in range(place.shape[0]):
        c, a, b = place[i]
        for t in range(z.shape[1]):
            weight_bar[i] += weeks_bar[c, t] * z[a, t] * z[b, t]
            z_bar[a, t] += weeks_bar[c, t] * weight[i] * z[b, t]
            z_bar[b, t] += weeks_bar[c, t] * weight[i] * z[a, t]
        for t in range(points.shape[1]):
            weight_bar[i] += points_bar[c, t] * points[a, t] * points[b, t]
    return z_bar, weight_bar


class Interactions(Term):
    """What two factors do to a condition together."""

    parameters = (
        Parameter(
            "interaction_weight",
            (DIM,),
            "identity",
            elicited(KEY, interaction_ids),
            "log odds of a condition by two factors together",
            KEY,
            driver=True,
        ),
    )
    kernels = (
        Kernel(
            add_interactions,
            adjoint_interactions,
            inputs=("factor", "points", "interaction_place", "interaction_weight", "intercept_open"),
            outputs={"log_odds_open": "matrix", "log_odds_at_points": "matrix"},
            wrt=("factor", "interaction_weight"),
        ),
    )

    def present(self, spec: ModelSpec) -> bool:
        return bool(interaction_ids(spec))

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {DIM: list(interaction_ids(spec))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        return {"interaction_place": places_of(spec)}

    def declare(self, scope: Scope) -> None:
        import pytensor.tensor as pt

        weight, place = scope.free(self.parameters[0]), places_of(scope.spec)
        number = len(scope.spec.workspace.condition_ids)
        for name, z in (("log_odds", scope["factor"]), ("log_odds_at_points", scope.spec.structure.points)):
            terms = weight[:, None] * z[place[:, 1]] * z[place[:, 2]]
            scope.add(name, pt.inc_subtensor(pt.zeros((number, z.shape[1]))[place[:, 0]], terms))

    def log_odds(self, spec: ModelSpec, draws: Mapping[str, Array], z: Array) -> Array | None:
        if "interaction_weight" not in draws:
            return None
        place, weight = places_of(spec), beside(draws["interaction_weight"], z.ndim - 1, 1)
        terms = weight[..., None] * z[..., place[:, 1], :] * z[..., place[:, 2], :]
        of = place[:, 0] == np.arange(len(spec.workspace.condition_ids))[:, None]
        return np.asarray(of.astype(float) @ terms)
