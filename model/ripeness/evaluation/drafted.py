"""How good the drafts are: drafted events held against the record, kind by kind, on days whose news is at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, Final

import pandas as pd

from ripeness.data.events import KINDS, MEETING
from ripeness.intake.drafting import Drafter, Proposal, Rules, clean, propose
from ripeness.intake.reading import Item

NEAR: Final = timedelta(days=1)  # so far apart may be the days of an event and of its draft
ALL: Final = "all"


@dataclass(frozen=True)
class Measured:
    """One row of drafting.csv.

    Attributes
    ----------
    days : str
        "train", on which the words were written; or "test", looked at only by the measure.
    kind : str
        Or "all".
    events : int
        On record in those days.
    told : int
        Of these, how many name the source of the items as theirs.
    drafts : int
    right : int
        Drafts of an event on record: of its kind, at most a day apart, of a third party in common where both name one; each event once.
    told_right : int
        Of these, how many of events that name the source.
    """

    days: str
    kind: str
    events: int
    told: int
    drafts: int
    right: int
    told_right: int

    @property
    def recall(self) -> float:
        """The share of events that were drafted."""
        return self.right / self.events if self.events else float("nan")

    @property
    def precision(self) -> float:
        """The share of drafts that are of an event on record."""
        return self.right / self.drafts if self.drafts else float("nan")


COLUMNS: Final = tuple(field.name for field in fields(Measured))


@dataclass(frozen=True)
class _Event:
    kind: str
    day: date
    third: frozenset[str]
    told: bool


def measure(
    label: str, items: Iterable[Item], events: pd.DataFrame, rules: Rules, drafters: Sequence[Drafter], first: date, last: date
) -> list[Measured]:
    """Draft from items and hold the drafts against the events of a stretch.

    Parameters
    ----------
    label : str
        What the rows say of the days.
    items : iterable of Item
    events : DataFrame (row)
        As `read_events` gives them. An announced meeting counts on the day it was announced, any other event on its first day.
    rules, drafters : Rules, sequence of Drafter
    first, last : date
        The stretch, inclusive: of the items' days and of the events'.

    Returns
    -------
    list of Measured
        Of all kinds, then of each kind that has an event or a draft, in the order of KINDS.
    """
    items = [item for item in items if item.day is not None and first <= item.day <= last]
    sources = {item.source for item in items}
    record = [one for row in events.to_dict("records") if first <= (one := _event(row, rules, sources)).day <= last]
    drafts = [_draft(one, item, rules) for item in map(clean, items) for one in propose(item, drafters, label)]
    pairs = _pair(drafts, record)
    rows = [
        Measured(
            label,
            kind,
            sum(one.kind == kind for one in record),
            sum(one.kind == kind and one.told for one in record),
            sum(one.kind == kind for one in drafts),
            sum(one.kind == kind for one in pairs),
            sum(one.kind == kind and one.told for one in pairs),
        )
        for kind in KINDS
    ]
    total = Measured(label, ALL, *(sum(getattr(row, name) for row in rows) for name in COLUMNS[2:]))
    return [total, *(row for row in rows if row.events or row.drafts)]


def _event(row: Mapping[Any, Any], rules: Rules, sources: Iterable[str]) -> _Event:
    day = row["published_on"] if row["kind"].startswith(MEETING) else row["date"]
    codes = re.match(r"[A-Z][A-Za-z]*(?:[-, ]+[A-Z][A-Za-z]*)*(?=:| \()", row["description"])
    named = set(re.findall(r"[A-Z][A-Za-z]*", codes[0])) if codes else set()
    told = any(source in row["source"] for source in sources)
    return _Event(row["kind"], day.date(), _third(named, rules), told)


def _draft(one: Proposal, item: Item, rules: Rules) -> _Event:
    day = item.day if one.kind.startswith(MEETING) or item.day is None else one.first
    return _Event(one.kind, day or one.first, _third(one.parties, rules), True)


def _third(codes: Iterable[str], rules: Rules) -> frozenset[str]:
    """The parties that drafts can name, without the sides."""
    return frozenset(code for code in codes if code in rules.parties and code not in rules.sides)


def _pair(drafts: Sequence[_Event], record: Sequence[_Event]) -> list[_Event]:
    """The events that a draft is of, the nearest first, each draft and each event once."""
    fits = sorted(
        (abs(draft.day - event.day), place, number)
        for place, draft in enumerate(drafts)
        for number, event in enumerate(record)
        if draft.kind == event.kind and abs(draft.day - event.day) <= NEAR and _agree(draft.third, event.third)
    )
    taken: dict[int, int] = {}
    for _, place, number in fits:
        if place not in taken and number not in taken.values():
            taken[place] = number
    return [record[number] for number in taken.values()]


def _agree(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    return not ours or not theirs or bool(ours & theirs)
