"""What the hazards read of the factors: paths with dated jumps and, of a cumulative factor, with its slow level (:mod:`ripeness.model.terms.slow_levels`).

A factor whose workspace entry names a day jumps in that day's week by its pulse, of elicited size, and is pulse · φⁿ above its path n weeks later. The
hazard reads paths with pulses; stored paths are without them. What happens after the origin is not known.
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
from ripeness.kernels.reductions import dot
from ripeness.model.term import Kernel, Parameter, Scope, Term, beside, elicited
from ripeness.model.terms.slow_levels import cumulative, cumulative_places, own_levels, read_ratio
from ripeness.workspace import Factor

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]
# draws that say what the hazards read of the factors, by the dimension that says which factor each belongs to
READ_BY_HAZARD = {
    "path": names.FACTOR, "half_life": names.FACTOR, "pulse": names.PULSE, "factor_scale": names.SCALED,
    "level": names.LEVEL, "level_start": names.LEVEL, "level_moves": names.LEVEL,
}  # fmt: skip


def pulsed(spec: ModelSpec) -> Sequence[str]:
    """Ids of the factors with a pulse."""
    return [factor.id for factor in spec.workspace.factors if factor.pulse]


def weeks_since(day: date, weeks: Sequence[date]) -> Index:
    """Weeks from a day's week to each of some Sundays, below zero before it: (week,)."""
    return np.array([(sunday - week_of(day)).days // 7 for sunday in weeks], dtype=np.int64)


@inner
def lay_read(
    pulse: Array, phi: Array, path: Array, level: Array, ratio: Array, level_of: Index, cumulative: Array, pulse_of: Index, since: Index
) -> tuple[Array, Array]:
    """Factors as the hazards read them (factor, week), and what each pulse adds to its path (pulse, week)."""
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
    for j in range(level_of.shape[0]):
        k = level_of[j]
        if cumulative[j] > 0.0:
            for t in range(path.shape[1]):
                seen[k, t] = ratio[k] * (seen[k, t] + level[k, t])
    return seen, added


@inner
def adjoint_read(
    pulse: Array, phi: Array, path: Array, level: Array, ratio: Array, level_of: Index, cumulative: Array, pulse_of: Index, since: Index,
    seen: Array, added: Array, seen_bar: Array,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """Cotangents of pulse, φ, path, levels and r."""
    pulse_bar, phi_bar = np.zeros(pulse.shape[0]), np.zeros(phi.shape[0])
    level_bar, ratio_bar, path_bar = np.zeros(level.shape), np.zeros(ratio.shape[0]), seen_bar.copy()
    for j in range(level_of.shape[0]):
        k = level_of[j]
        if cumulative[j] > 0.0:
            ratio_bar[k] = dot(seen_bar[k], seen[k]) / ratio[k]
            for t in range(path.shape[1]):
                path_bar[k, t] *= ratio[k]
                level_bar[k, t] = path_bar[k, t]
    for j in range(since.shape[0]):
        k = pulse_of[j]
        for t in range(since.shape[1]):
            moved = path_bar[k, t] * added[j, t]
            pulse_bar[j] += moved / pulse[j]
            phi_bar[k] += moved * max(since[j, t], 0) / phi[k]
    return pulse_bar, phi_bar, path_bar, level_bar, ratio_bar


class Pulses(Term):
    """Dated jumps of factors, and what the hazards read of all."""

    parameters = (
        Parameter("pulse", (names.PULSE,), "log", elicited("pulse", pulsed), "dated jump of a factor", "pulse", "units of the factor"),
    )
    kernels = (
        Kernel(
            lay_read,
            adjoint_read,
            inputs=("pulse", "phi", "path", "factor_level", "read_ratio", "level_of", "cumulative", "pulse_of", "weeks_since_pulse"),
            outputs={"factor": "matrix"},
            saved={"pulse_added": "matrix"},
            wrt=("pulse", "phi", "path", "factor_level", "read_ratio"),
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
        if len(places):
            size = scope.free(self.parameters[0])
            own = pt.where(since >= 0, size[:, None] * scope["phi"][places][:, None] ** np.maximum(since, 0), 0.0)
            path = path + pt.set_subtensor(pt.zeros(path.shape)[places], own)
        if cumulative(scope.spec).any():
            read_with = np.zeros((len(scope.spec.workspace.factors), 1))
            read_with[cumulative_places(scope.spec)] = 1.0
            path = scope["read_ratio"][:, None] * (path + read_with * scope["factor_level"])
        scope["factor"] = path


def read_factors(spec: ModelSpec, draws: Mapping[str, Array], path: Array, weeks: Sequence[date]) -> Array:
    """Factors as the hazards read them.

    Parameters
    ----------
    spec : ModelSpec
    draws : mapping of ndarray (draw, …)
        By the posterior's names: those of `READ_BY_HAZARD` that there are, path left out.
    path : ndarray (draw, …, factor, week)
        Their paths at the ends of these weeks; there may be axes between draws and factors, such as the paths of a draw.
    weeks : sequence of date
        Sundays; after the record a level stays where it is.
    """
    factors, read = spec.workspace.factors, np.array(path, dtype=float)
    if jumps := [k for k, factor in enumerate(factors) if factor.pulse]:
        own = {"half_life": draws["half_life"][:, jumps], "pulse": draws["pulse"]}
        read[..., jumps, :] += beside(fading_pulses([factors[k] for k in jumps], weeks, spec.panel.origin, own), path.ndim, 2)
    if adds_up := cumulative_places(spec):
        levels, ratio = own_levels(spec, draws, weeks)[:, cumulative(spec)], read_ratio(spec, draws)[:, adds_up]
        read[..., adds_up, :] = beside(ratio, path.ndim - 1, 1)[..., None] * (read[..., adds_up, :] + beside(levels, path.ndim, 2))
    return read


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
