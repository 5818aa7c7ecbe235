"""Dated jumps of factors: a pulse of elicited size that fades by the factor's half-life.

A factor whose workspace entry names a day jumps in that day's week by its pulse and is pulse · φⁿ above its path n weeks later. The hazard reads paths
with pulses; stored paths are without them. What happens after the origin is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import week_of
from ripeness.kernels.compilation import inner
from ripeness.model.term import Kernel, Parameter, Scope, Term, elicited
from ripeness.workspace import Factor

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def pulsed(spec: ModelSpec) -> Sequence[str]:
    """Ids of the factors with a pulse."""
    return [factor.id for factor in spec.workspace.factors if factor.pulse]


def weeks_since(day: date, weeks: Sequence[date]) -> Index:
    """Weeks from a day's week to each of some Sundays, below zero before it: (week,)."""
    return np.array([(sunday - week_of(day)).days // 7 for sunday in weeks], dtype=np.int64)


@inner
def add_pulses(pulse: Array, phi: Array, path: Array, pulse_of: Index, since: Index) -> tuple[Array, Array]:
    """Paths with pulses (factor, week), and what each pulse adds (pulse, week)."""
    seen, added = np.empty(path.shape), np.zeros(since.shape)
    for k in range(path.shape[0]):
        for t in range(path.shape[1]):
            seen[k, t] = path[k, t]
    for j in range(since.shape[0]):
        k = pulse_of[j]
        height = pulse[j] * phi[k] ** max(since[j, 0], 0)
        for t in range(since.shape[1]):
            if since[j, t] >= 0:
                added[j, t] = height
                height *= phi[k]
            seen[k, t] += added[j, t]
    return seen, added


@inner
def adjoint_pulses(
    pulse: Array, phi: Array, path: Array, pulse_of: Index, since: Index, seen: Array, added: Array, seen_bar: Array
) -> tuple[Array, Array, Array]:
    """Cotangents of pulse, φ and path."""
    pulse_bar, phi_bar = np.zeros(pulse.shape[0]), np.zeros(phi.shape[0])
    for j in range(since.shape[0]):
        k = pulse_of[j]
        for t in range(since.shape[1]):
            moved = seen_bar[k, t] * added[j, t]
            pulse_bar[j] += moved / pulse[j]
            phi_bar[k] += moved * max(since[j, t], 0) / phi[k]
    return pulse_bar, phi_bar, seen_bar


class Pulses(Term):
    """Dated jumps of factors."""

    parameters = (
        Parameter("pulse", (names.PULSE,), "log", elicited("pulse", pulsed), "dated jump of a factor", "pulse", "units of the factor"),
    )
    kernels = (
        Kernel(
            add_pulses,
            adjoint_pulses,
            inputs=("pulse", "phi", "path", "pulse_of", "weeks_since_pulse"),
            outputs={"factor": "matrix"},
            saved={"pulse_added": "matrix"},
            wrt=("pulse", "phi", "path"),
        ),
    )

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.PULSE: list(pulsed(spec))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        own = [(k, factor.pulse) for k, factor in enumerate(spec.workspace.factors) if factor.pulse]
        weeks = spec.panel.weeks
        since = np.array([weeks_since(day, weeks) for _, day in own], dtype=np.int64).reshape(len(own), len(weeks))
        return {"pulse_of": np.array([k for k, _ in own], dtype=np.int64), "weeks_since_pulse": since}

    def declare(self, scope: Scope) -> None:
        import pytensor.tensor as pt

        data = self.data(scope.spec, scope.reading, scope.variant)
        places, since, path = data["pulse_of"], data["weeks_since_pulse"], scope["path"]
        if not len(places):
            scope["factor"] = path
            return
        size = scope.free(self.parameters[0])
        own = pt.where(since >= 0, size[:, None] * scope["phi"][places][:, None] ** np.maximum(since, 0), 0.0)
        scope["factor"] = path + pt.set_subtensor(pt.zeros(path.shape)[places], own)


def fading_pulses(factors: Sequence[Factor], weeks: Sequence[date], origin: date, draws: Mapping[str, Array]) -> Array:
    """What pulses add to the factors' paths.

    Parameters
    ----------
    factors : sequence of Factor
        In model order.
    weeks : sequence of date
        Sundays.
    origin : date
        A pulse of a later day adds nothing, however far the weeks reach.
    draws : mapping of ndarray
        By the posterior's names: half_life (..., factor) and, if a factor has one, pulse (..., pulse_factor).

    Returns
    -------
    ndarray (..., factor, week)
        Zero for factors without a pulse and for weeks before it.
    """
    half_life = draws["half_life"]
    added = np.zeros((*half_life.shape, len(weeks)))
    own = [(k, factor.pulse) for k, factor in enumerate(factors) if factor.pulse]
    for place, (k, day) in enumerate(own):
        if day > origin:
            continue
        since = weeks_since(day, weeks)
        faded = draws["pulse"][..., place, None] * 0.5 ** (np.maximum(since, 0) / half_life[..., k, None])
        added[..., k, :] = np.where(since >= 0, faded, 0.0)
    return added
