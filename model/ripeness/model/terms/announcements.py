"""Announced meetings: a dated meeting raises the hazard around its date, by the elicited odds of its being kept.

A meeting that is kept with probability π adds a total hazard of −log(1 − π), most of it in the days for which it was named and the rest
in the seven days after. log λ = log(exp(outside + inside) + added) is the design's outside + inside + announced, with
announced = log(1 + added · exp(−outside − inside)): a kept promise needs no ripe moment, and a ripe moment no promise.

What a week may know: announcements published up to the Sunday before it (for weeks after the origin, up to the origin), not yet
postponed, cancelled or held. Of several announcements alive in a week only the strongest class counts, since they mostly speak of one
meeting.

A round uses an announcement up if it falls in the named days or the seven after, or is held a day early; never one held before the
announcement was made. Whoever, on the day of a round, proposes a meeting from the next day on does not speak of that round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness import names
from ripeness.kernels.compilation import inner
from ripeness.kernels.reductions import dot
from ripeness.model.term import Kernel, Parameter, Scope, Term, elicited

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]

# classes of announcement, strongest first, and the kind of event that makes each
CLASSES: dict[str, str] = {
    "agreed": "meeting_agreed",
    "one_side": "meeting_one_side",
    "third_party": "meeting_third_party",
    "leaders": "meeting_leaders",
}
WITHDRAWN = ("meeting_postponed", "meeting_cancelled")
DAYS_AFTER = 7


@dataclass(frozen=True)
class Announcement:
    """One announced meeting.

    Parameters
    ----------
    kept : str
        Its class, a key of `CLASSES`.
    first, last : date
        Days for which it was named.
    announced_on : date
        Day on which it was announced.
    lapsed_on : date or None
        Day on which it was known to be postponed, cancelled or held; from the next day on it counts no more.
    """

    kept: str
    first: date
    last: date
    announced_on: date
    lapsed_on: date | None


def find_announcements(events: pd.DataFrame) -> list[Announcement]:
    """Announced meetings among the events of a vintage, with the day on which each lapsed.

    Parameters
    ----------
    events : DataFrame
        Columns date, end_date, kind, round, published_on of the events visible at the origin.
    """
    by_kind = {kind: kept for kept, kind in CLASSES.items()}
    days = [[day.date() for day in events[column]] for column in ("date", "end_date", "published_on")]
    rows: list[tuple[str, date, date, date, bool]] = list(zip(map(str, events["kind"]), *days, map(bool, events["round"]), strict=True))
    withdrawals = [(first, last, announced_on) for kind, first, last, announced_on, _ in rows if kind in WITHDRAWN]
    rounds = [(first, announced_on) for kind, first, last, announced_on, held in rows if held]
    announcements = []
    for kind, first, last, announced_on, _ in rows:
        if kind not in by_kind:
            continue
        lapses = [when for start, stop, when in withdrawals if start <= last and stop >= first and when >= announced_on]
        lapses += [when for day, when in rounds if _uses_up(day, first, last, announced_on)]
        announcements.append(Announcement(by_kind[kind], first, last, announced_on, min(lapses, default=None)))
    return announcements


def _uses_up(day: date, first: date, last: date, announced_on: date) -> bool:
    """Whether a round held on `day` can be the meeting that was announced on `announced_on` for the days first … last."""
    if day < first:
        return day > announced_on and day == first - timedelta(days=1)
    return announced_on <= day <= last + timedelta(days=DAYS_AFTER)


def announced_weeks(
    announcements: Sequence[Announcement], weeks: Sequence[date], known_by: Sequence[date], named_share: float, after: date | None = None
) -> NDArray[np.float64]:
    """Share of each class's hazard that falls in each week.

    Parameters
    ----------
    announcements : sequence of Announcement
    weeks : sequence of date
        Sundays.
    known_by : sequence of date
        For each week the last day whose news it may use.
    named_share : float
        Share of the hazard in the named days; the rest falls evenly in the seven days after them.
    after : date, optional
        Count only days after this one (the origin).

    Returns
    -------
    ndarray (announcement class, week)
        In [0, 1]; at most one class is non-zero in a week.
    """
    classes = list(CLASSES)
    exposure = np.zeros((len(classes), len(weeks)))
    for t, (sunday, newest) in enumerate(zip(weeks, known_by, strict=True)):
        monday = sunday - timedelta(days=6)
        for row, name in enumerate(classes):
            alive = [
                _share_of_week(a, monday, sunday, named_share, after)
                for a in announcements
                if a.kept == name and a.announced_on <= newest and not (a.lapsed_on is not None and a.lapsed_on <= newest)
            ]
            if alive and max(alive) > 0:
                exposure[row, t] = max(alive)
                break
    return exposure


def _share_of_week(announcement: Announcement, monday: date, sunday: date, named_share: float, after: date | None) -> float:
    begin = max(monday, announcement.announced_on + timedelta(days=1))
    if after is not None:
        begin = max(begin, after + timedelta(days=1))
    tail_first, tail_last = announcement.last + timedelta(days=1), announcement.last + timedelta(days=DAYS_AFTER)
    named = _overlap(begin, sunday, announcement.first, announcement.last) / ((announcement.last - announcement.first).days + 1)
    tail = _overlap(begin, sunday, tail_first, tail_last) / DAYS_AFTER
    return named_share * named + (1.0 - named_share) * tail


def _overlap(a: date, b: date, c: date, d: date) -> int:
    return max((min(b, d) - max(a, c)).days + 1, 0)


def class_ids(spec: ModelSpec) -> Sequence[str]:
    """Classes of announced meetings."""
    return spec.announcement_classes


@inner
def lay_announced(kept: Array, share: Array) -> tuple[Array]:
    """Hazard that announced meetings add in each week at risk."""
    added = np.zeros(share.shape[1])
    for j in range(kept.shape[0]):
        hazard = -np.log1p(-kept[j])
        for t in range(added.shape[0]):
            added[t] += hazard * share[j, t]
    return (added,)


@inner
def adjoint_announced(kept: Array, share: Array, added: Array, added_bar: Array) -> tuple[Array]:
    """Cotangent of the probabilities that a meeting is kept."""
    kept_bar = np.empty(kept.shape[0])
    for j in range(kept.shape[0]):
        kept_bar[j] = dot(added_bar, share[j]) / (1.0 - kept[j])
    return (kept_bar,)


class Announcements(Term):
    """Announced meetings."""

    parameters = (
        Parameter(
            "kept",
            (names.KEPT,),
            "logit",
            elicited("kept", class_ids),
            "probability that an announced meeting is held",
            "kept",
            driver=True,
        ),
    )
    kernels = (Kernel(lay_announced, adjoint_announced, ("kept", "announced_share"), {"announced": "vector"}, ("kept",)),)

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.KEPT: list(class_ids(spec))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        return {"announced_share": spec.announced[:, spec.panel.record.start :]}

    def constants(self, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Any]]:
        return {"announced_share": ((names.KEPT, names.RISK), spec.announced[:, spec.panel.record.start :])}

    def declare(self, scope: Scope) -> None:
        import pytensor.tensor as pt

        kept = scope.free(self.parameters[0])
        share = self.data(scope.spec, scope.reading, scope.variant)["announced_share"]
        scope["announced"] = (-pt.log1p(-kept)[:, None] * share).sum(axis=0)
