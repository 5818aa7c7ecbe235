r"""Track record: wars that have talked often resume dormant talks sooner.

The more months of a war had talks before the present dormancy, the sooner they are resumed. With k the number of calendar months with a round on record before a
week, the dormant part of the outside curve (:mod:`ripeness.model.terms.outside`) is raised by

.. math:: b\,\{\log(1 + k) - c\}, \qquad b \sim \text{Normal},

where c is the mean of log(1 + k) over the dormancies behind the reference class, whose curve so stays that of the average war. Between the last knot of
the rhythm and the first of the class it comes in with the class, by the same hat functions; the rhythm does not read it.

k counts what is on record, as the wars behind b are counted, so a missed round adds nothing to it; it changes only in the week after a round on record. A week
counts for the month in which it ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ripeness.kernels.compilation import inner
from ripeness.model.term import Kernel, Parameter, Scope, Term, elicited_once
from ripeness.model.terms.outside import outside_basis

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
KEY = "track_record"


def log_months(weeks: Sequence[date], found: Any, mean: float, xp: Any = np) -> Any:
    """Log of one plus the calendar months with a round before each week, less its mean over the reference class: (week,).

    Parameters
    ----------
    weeks : sequence of date
        Sundays.
    found : ndarray or tensor (week,)
        1 where a round is on record, else 0.
    mean : float
    xp : module
        NumPy, or PyTensor's tensors.
    """
    month = np.array([sunday.year * 12 + sunday.month for sunday in weeks])
    of_month = (np.unique(month)[:, None] == month).astype(float)
    months = ((of_month * found).cumsum(axis=1) > 0.5).sum(axis=0)
    return xp.log1p(xp.concatenate([np.zeros(1), months[:-1]])) - mean


def log_months_on_record(spec: ModelSpec, first: int, stop: int) -> Array:
    """The same of the weeks `first` to `stop` of the record; `stop` may be one past its end: what comes next."""
    found = np.append(spec.panel.record.found, 0.0)
    return np.asarray(log_months((*spec.panel.weeks, spec.panel.weeks[-1]), found, spec.reference.log_months)[first:stop])


def dormant_share(spec: ModelSpec, longest: int) -> Array:
    """Share of the outside curve that is the reference class's at d = 1 … `longest`: (dormancy,), in [0, 1]."""
    return np.asarray(outside_basis(spec, longest)[:, len(spec.priors.files.rhythm_weeks) :].sum(axis=1))


def slopes_of(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """b of each draw, 0 without the term: (draw,)."""
    return draws[KEY] if TrackRecord().present(spec) else np.zeros(len(draws["outside_knots"]))


def outside_knots_now(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """Log weekly hazard at the knots with the track record of the record's end: (draw, knot)."""
    stop, knots = len(spec.panel.weeks), draws["outside_knots"].copy()
    raised = slopes_of(spec, draws) * log_months_on_record(spec, stop, stop + 1)
    knots[:, len(spec.priors.files.rhythm_weeks) :] += raised[:, None]
    return knots


@inner
def lay_track(track_record: Array, dormant: Array) -> tuple[Array]:
    """Log hazard for each unit of log months, at d = 1, 2, … (dormancy,)."""
    by_record = np.empty(dormant.shape[0])
    for d in range(dormant.shape[0]):
        by_record[d] = track_record[0] * dormant[d]
    return (by_record,)


@inner
def adjoint_track(track_record: Array, dormant: Array, by_record: Array, by_record_bar: Array) -> tuple[Array]:
    """Cotangent of the slope."""
    track_bar = np.zeros(1)
    for d in range(dormant.shape[0]):
        track_bar[0] += by_record_bar[d] * dormant[d]
    return (track_bar,)


class TrackRecord(Term):
    """What a war's earlier talks do to the hazard of dormant ones."""

    parameters = (
        Parameter(
            KEY, (), "identity", elicited_once(KEY), "log hazard of dormant talks for each log of one plus earlier months with a round",
            KEY, driver=True,
        ),
    )  # fmt: skip
    kernels = (Kernel(lay_track, adjoint_track, (KEY, "dormant_share"), {"by_record": "vector"}, (KEY,)),)

    def present(self, spec: ModelSpec) -> bool:
        return KEY in spec.priors.files.entries

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        return {"dormant_share": dormant_share(spec, len(spec.panel.weeks) - spec.panel.record.start + 1)}

    def declare(self, scope: Scope) -> None:
        scope["by_record"] = scope.free(self.parameters[0]) * self.data(scope.spec, scope.reading, scope.variant)["dormant_share"]
