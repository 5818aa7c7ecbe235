"""Announced meetings: who proposed what, and for when, from the chronology's table of announcements."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ripeness.errors import ContentError, Fault
from ripeness.intake.reading import FIRST_DAY, LAST_DAY, parse_day, read_text

_ROW = re.compile(r"^\|\s*(\d{4}-\d{2}-\d{2})\s*\|\s*(one_side|both|third_party)\s*\|([^|]*)\|([^|]*)\|([^|]*)\|")
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Announcement:
    """One announcement of a future meeting.

    Parameters
    ----------
    day : Timestamp
        The day it was announced.
    level : {"one_side", "both", "third_party"}
        Who stands behind it.
    proposer, proposed : str
        By whom, and for when, in the table's words.
    meeting : str
        delegation, ministers, trilateral, leaders, technical, multilateral or working groups.
    line : int
        Line in the table's file.
    """

    day: pd.Timestamp
    level: str
    proposer: str
    proposed: str
    meeting: str
    shown: Path
    line: int

    def matches(self, day: pd.Timestamp, level: str, description: str) -> bool:
        """Whether a row of the chronology speaks of this announcement."""
        named = f"Proposer: {self.proposer}. Proposed date: {self.proposed}"
        return self.day == day and self.level == level and description.startswith(named)


def read_announcements(path: Path, undated_days: int) -> list[Announcement]:
    """Rows of the markdown table `announced | level | proposer | proposed date | type | …`.

    Raises
    ------
    ContentError
        If the file is missing or holds no such row, or a proposed date is not understood.
    """
    shown = Path(path.name)
    lines = re.split(r"\r\n|\r|\n", read_text(path, shown))
    found = []
    faults = []
    for number, line in enumerate(lines, start=1):
        if cells := _ROW.match(line):
            day, level, proposer, proposed, meeting = (cell.strip() for cell in cells.groups())
            announced = parse_day(day)
            if announced is None:
                faults.append(Fault(shown, number, f"announced on '{day}'", "a date YYYY-MM-DD", "correct the day"))
                continue
            entry = Announcement(pd.Timestamp(announced), level, proposer, proposed, meeting, shown, number)
            try:
                if not all(FIRST_DAY <= planned.date() < LAST_DAY for planned in planned_days(entry, undated_days)):
                    raise ValueError(proposed)
            except ValueError:
                faults.append(
                    Fault(
                        shown, number, f"proposed date '{proposed}'", "a day, days, a month, 'after', 'by', 'end of' or none", "reword it"
                    )
                )
            found.append(entry)
    if faults or not found:
        raise ContentError(
            faults or Fault(shown, None, "no table of announcements", "rows that begin with a date and a level", "add the table")
        )
    return found


def planned_days(announcement: Announcement, undated_days: int) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last day for which a meeting is announced.

    Without a date: the `undated_days` after the announcement. "after D": as many days after D. "by D": from the day after the announcement to D.
    A month stands for all its days, "end of" a month for those after its twentieth, "following week" for the next Monday to Sunday.

    Raises
    ------
    ValueError
        If the words are not understood.
    """
    day, text = announcement.day, announcement.proposed
    undated = pd.Timedelta(days=undated_days)
    if text == "none" or announcement.meeting in ("multilateral", "working groups"):
        return day + _DAY, day + undated
    if text == "following week":
        monday = day + pd.Timedelta(days=7 - day.weekday())
        return monday, monday + pd.Timedelta(days=6)
    words = re.fullmatch(r"(after |by |end of )?(\d{4}-\d{2}(?:-\d{2})?)(?:\.\.(\d{2}))?", text)
    if words is None:
        raise ValueError(text)
    how, start, last = words.groups()
    first = pd.Timestamp(start)
    if len(start) == 7:
        end = first + pd.offsets.MonthEnd(0)
        return (first + pd.Timedelta(days=20), end) if how == "end of " else (first, end)
    match how:
        case "after ":
            return first + _DAY, first + undated
        case "by ":
            return day + _DAY, first
        case _:
            return first, first.replace(day=int(last)) if last else first
