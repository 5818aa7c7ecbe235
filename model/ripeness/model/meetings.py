"""Announced meetings of a vintage: which were made, when each lapsed, and what they say of each week.

What a week knows: a meeting announced on a day counts from the next day on, until it is held, postponed or cancelled; most of its odds fall on the days for
which it was named, the rest on the seven days after. Of several that stand in a week only the strongest class counts, since they mostly speak of one
meeting. A meeting that is put off before its first day is gone; one that is put off on its days keeps the seven days after, since most such meetings move
by days. A postponement takes back what was announced before it, not the new days that are told on the same day.

An *arrival* is a meeting of the first two classes that is announced anew: not one that restates, confirms or moves such a meeting that stands. Proposals of
leaders' meetings and offers of third parties are made for many reasons; they add their odds, and how often they come says nothing.

A round uses an announcement up if it falls in the named days or the seven after, or is held a day early; never one held before the
announcement was made. Whoever, on the day of a round, proposes a meeting from the next day on does not speak of that round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.data.events import CLASSES, TIED

Array = NDArray[np.float64]
Index = NDArray[np.int64]

LEADERS = "leaders"
POSTPONED, CANCELLED = "meeting_postponed", "meeting_cancelled"
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
        Day on which it was known to be put off, cancelled or held.
    held_on : date or None
        Day of the round that it brought.
    renews : bool
        Whether it restates, confirms or moves a meeting that stood when it was made.
    """

    kept: str
    first: date
    last: date
    announced_on: date
    lapsed_on: date | None = None
    held_on: date | None = None
    renews: bool = False


class Meetings(NamedTuple):
    """What announced meetings say of the weeks of a record.

    Parameters
    ----------
    exposure : ndarray (announcement class, week)
        Share of each class's hazard that falls in each week, in [0, 1]; at most one class is non-zero in a week.
    week : ndarray of int (arrival,)
        Week in which each meeting was announced anew.
    kind : ndarray of int (arrival,)
        Its class, a place in `TIED`.
    lead : ndarray (arrival,)
        Days from its announcement to the first day for which it was named, at least 1.
    """

    exposure: Array
    week: Index
    kind: Index
    lead: Array

    def arrived(self, first: int, stop: int) -> Array:
        """Number of meetings announced anew in each of the weeks `first` to `stop`: (week,)."""
        return np.bincount(self.week, minlength=stop)[first:stop].astype(float)

    def before(self, week: int) -> Meetings:
        """What they say of the weeks before one."""
        some = self.week < week
        return Meetings(self.exposure[:, :week], self.week[some], self.kind[some], self.lead[some])


def find_announcements(events: pd.DataFrame) -> list[Announcement]:
    """Announced meetings among the events of a vintage, in the order in which they were made, with the day on which each lapsed.

    Parameters
    ----------
    events : DataFrame
        Columns date, end_date, kind, round, published_on of the events visible at the origin.
    """
    by_kind = {kind: kept for kept, kind in CLASSES.items()}
    days = [[day.date() for day in events[column]] for column in ("date", "end_date", "published_on")]
    rows: list[tuple[str, date, date, date, bool]] = list(zip(map(str, events["kind"]), *days, map(bool, events["round"]), strict=True))
    withdrawals = [(kind == POSTPONED, first, last, when) for kind, first, last, when, _ in rows if kind in (POSTPONED, CANCELLED)]
    rounds = [(first, when) for _, first, _, when, held in rows if held]
    found: list[Announcement] = []
    for kind, first, last, announced_on, _ in sorted(rows, key=lambda row: row[3]):
        if kind not in by_kind:
            continue
        lapses = [when for put_off, *of, when in withdrawals if _takes_back(put_off, (of[0], of[1]), when, (first, last), announced_on)]
        held = [(when, day) for day, when in rounds if _uses_up(day, first, last, announced_on)]
        known, held_on = min(held, default=(None, None))
        lapsed_on = min([*lapses, *([known] if known else [])], default=None)
        made = Announcement(by_kind[kind], first, last, announced_on, lapsed_on, held_on)
        found.append(replace(made, renews=any(_renews(made, one) for one in found)))
    return found


def _takes_back(put_off: bool, of: tuple[date, date], when: date, days: tuple[date, date], announced_on: date) -> bool:
    """Whether a withdrawal of the days `of`, told on `when`, ends a meeting that was announced for `days`."""
    if of[0] > days[1] or of[1] < days[0] or when < announced_on or (when == announced_on and of != days):
        return False
    return not put_off or when < days[0]


def _uses_up(day: date, first: date, last: date, announced_on: date) -> bool:
    """Whether a round held on `day` can be the meeting that was announced on `announced_on` for the days first … last."""
    if day < first:
        return day > announced_on and day == first - timedelta(days=1)
    return announced_on <= day <= last + timedelta(days=DAYS_AFTER)


def _renews(new: Announcement, old: Announcement) -> bool:
    """Whether a meeting is one that was announced already: tied to the hazard or not as that one, for days that touch its own, before it was held or long taken back."""
    after = timedelta(days=DAYS_AFTER)
    if (
        (new.kept in TIED) != (old.kept in TIED)
        or (new.kept == LEADERS) != (old.kept == LEADERS)
        or new.first > old.last + after
        or new.last < old.first - after
    ):
        return False
    if old.held_on is not None and old.held_on <= new.announced_on:
        return False
    return old.lapsed_on is None or old.held_on is not None or new.announced_on <= old.lapsed_on + after


def roots_of(announcements: Sequence[Announcement]) -> list[int]:
    """Of each announcement, in the order in which they were made, the place of the one that it restates, confirms or moves; its own else."""
    roots: list[int] = []
    for place, one in enumerate(announcements):
        roots.append(next((roots[j] for j in range(place) if one.renews and _renews(one, announcements[j])), place))
    return roots


def announced_weeks(
    announcements: Sequence[Announcement], weeks: Sequence[date], named_share: float, origin: date | None = None
) -> NDArray[np.float64]:
    """Share of each class's hazard that falls in each week.

    Parameters
    ----------
    announcements : sequence of Announcement
    weeks : sequence of date
        Sundays.
    named_share : float
        Share of the hazard in the named days; the rest falls evenly in the seven days after them.
    origin : date, optional
        Only days after it count, and only meetings that stand on it. Without it each day knows what was announced before it.

    Returns
    -------
    ndarray (announcement class, week)
        In [0, 1]; at most one class is non-zero in a week.
    """
    classes = list(CLASSES)
    exposure = np.zeros((len(classes), len(weeks)))
    standing = [
        a for a in announcements if origin is None or (a.announced_on <= origin and not (a.lapsed_on is not None and a.lapsed_on <= origin))
    ]
    for t, sunday in enumerate(weeks):
        for row, name in enumerate(classes):
            shares = [_share_of_week(a, sunday, named_share, origin) for a in standing if a.kept == name]
            if max(shares, default=0.0) > 0:
                exposure[row, t] = max(shares)
                break
    return exposure


def _share_of_week(announcement: Announcement, sunday: date, named_share: float, origin: date | None) -> float:
    monday, held_on = sunday - timedelta(days=6), announcement.held_on
    begin, end = max(monday, announcement.announced_on + timedelta(days=1)), sunday
    if origin is not None:
        begin = max(begin, origin + timedelta(days=1))
    elif held_on is not None and monday > held_on:
        return 0.0
    elif held_on is None and announcement.lapsed_on is not None:
        end = min(end, announcement.lapsed_on)
    tail_first, tail_last = announcement.last + timedelta(days=1), announcement.last + timedelta(days=DAYS_AFTER)
    named = _overlap(begin, end, announcement.first, announcement.last) / ((announcement.last - announcement.first).days + 1)
    tail = _overlap(begin, end, tail_first, tail_last) / DAYS_AFTER
    return named_share * named + (1.0 - named_share) * tail


def _overlap(a: date, b: date, c: date, d: date) -> int:
    return max((min(b, d) - max(a, c)).days + 1, 0)


def lay_out_meetings(announcements: Sequence[Announcement], weeks: Sequence[date], first: int, named_share: float) -> Meetings:
    """What announcements say of the weeks of a record; arrivals from week `first` on."""
    place = {sunday: t for t, sunday in enumerate(weeks)}
    new = []
    for one in announcements:
        sunday = one.announced_on + timedelta(days=6 - one.announced_on.weekday())
        lead = (one.first - one.announced_on).days
        if one.kept in TIED and not one.renews and lead >= 1 and place.get(sunday, -1) >= first:
            new.append((place[sunday], TIED.index(one.kept), lead))
    week, kind, lead_days = np.array(new, dtype=np.int64).reshape(-1, 3).T
    exposure = announced_weeks(announcements, weeks, named_share)
    return Meetings(exposure, np.ascontiguousarray(week), np.ascontiguousarray(kind), lead_days.astype(float))
