"""How thoroughly rounds were searched for: judged stretch by stretch, published week by week."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Self

import pandas as pd
from pydantic import Field, model_validator

from ripeness.errors import ContentError, Fault
from ripeness.intake.reading import FIRST_DAY, LAST_DAY, Day, Judgements, read_text

_ROWS_TO = re.compile(r"Rows to ([^.]*)\.")


class Stretch(Judgements):
    """A stretch of days searched alike: 5 and 95 % quantiles of the share of rounds that the search found, and why."""

    first: Day = Field(alias="from")
    last: Day = Field(alias="to")
    q05: float = Field(gt=0, lt=1)
    q95: float = Field(gt=0, lt=1)
    note: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first or self.q95 < self.q05:
            raise ValueError("to not before from, and q95 not below q05")
        return self


def check_contiguous(stretches: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    """The stretches as they are.

    Raises
    ------
    ValueError
        If there is a gap or an overlap.
    """
    for one, following in pairwise(stretches):
        if following.first != one.last + timedelta(days=1):
            raise ValueError(f"the stretch after the one to {one.last} to begin the day after it, not on {following.first}")
    return stretches


def searched_to(path: Path) -> pd.Timestamp | None:
    """The day up to which the chronology was searched, as the file says: "Rows to 9 October 2026."; None where it says nothing.

    Raises
    ------
    ContentError
        If the day it names is none.
    """
    for number, line in enumerate(re.split(r"\r\n|\r|\n", read_text(path, Path(path.name))), start=1):
        if found := _ROWS_TO.match(line):
            try:
                day = datetime.strptime(found.group(1), "%d %B %Y").date()
                if not FIRST_DAY <= day < LAST_DAY:
                    raise ValueError(found.group(1))
                return pd.Timestamp(day)
            except ValueError:
                mend = "write when the search ended"
                raise ContentError(Fault(Path(path.name), number, f"'{found.group(1)}'", "a day such as 9 October 2026", mend)) from None
    return None


def coverage_rows(stretches: Sequence[Stretch], split_after: Sequence[date], to: pd.Timestamp) -> pd.DataFrame:
    """Rows `from,to,q05,q95,published_on,note`, one a week, contiguous from the first day judged to the last day searched.

    A judgement speaks of a whole stretch. It is given by the week, each row published on its last day, because a forecast as of a day reads
    only rows published by then, and must find the record covered up to the last Sunday. What was searched after the last stretch is not in
    the rows: somebody has to judge it first. Where the search ended before that, the week it ended in is left out.

    Parameters
    ----------
    stretches : sequence of Stretch
    split_after : sequence of date
        Days that end a row in mid-week.
    to : Timestamp
        Last day searched.
    """
    if to < pd.Timestamp(stretches[-1].last):
        to -= pd.Timedelta(days=(to.weekday() + 1) % 7)
    splits = [pd.Timestamp(day) for day in split_after]
    entries = []
    for stretch in stretches:
        first, end = pd.Timestamp(stretch.first), min(pd.Timestamp(stretch.last), to)
        while first <= end:
            sunday = first + pd.Timedelta(days=6 - first.weekday())
            last = min([sunday, end, *(day for day in splits if day >= first)])
            row = {"from": first, "to": last, "q05": stretch.q05, "q95": stretch.q95, "published_on": last, "note": stretch.note}
            entries.append(row)
            first = last + pd.Timedelta(days=1)
    return pd.DataFrame(entries)
