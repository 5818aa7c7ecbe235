"""Polls in Ukraine (KIIS, Gallup) and Russia (Levada), mostly as quoted by secondary pages."""

from __future__ import annotations

import re
from calendar import monthrange
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from ripeness.data.tables import FIRST_DAY, LAST_DAY
from ripeness.errors import ContentError, Fault
from ripeness.sources.tables import read_table

_QUESTIONS = {
    ("KIIS", "territorial concessions to end war quickly"): "kiis_concessions",
    ("KIIS", "cede all Donbas in exchange for security guarantees"): "kiis_donbas",
    ("KIIS", "Russian plan"): "kiis_russian_plan",
    ("KIIS", "Russia-friendly plan (72% found freeze-type deal acceptable)"): "kiis_russian_plan",
    ("Gallup", "negotiate asap vs fight until victory"): "gallup_negotiate",
    ("Levada", "start peace talks vs continue military action"): "levada_talks",
}
_LAG_DAYS = {"KIIS": 21, "Gallup": 28, "Levada": 21}
_YEAR_ONLY_LAG_DAYS = 60
# Releases known to have come later than the rule says (the pollster's release, as reported on the day).
_RELEASED = {("KIIS", "2024-05-16/22"): date(2024, 7, 23)}
_SOUND = {"secondary page", "record high", "secondary page; DIFFERENT question from territorial concessions"}
_DAYS = re.compile(r"(\d{4})-(\d{2})-(\d{2})/(?:(\d{2})-)?(\d{2})")
_MONTHS = re.compile(r"(\d{4})-(\d{2})(?:/(\d{2}))?")
_DATED = re.compile(r"\b(20\d{2})[-/](\d{2})[-/](\d{1,2})\b")


def import_polls(polls: Path) -> dict[str, pd.DataFrame]:
    """Share of answers for talks or concessions, in per cent, a file per question wording.

    `observed_on` is the end of fieldwork; where only a month or year is known, the mid-date given, and the row says so. `published_on` is
    21 days after fieldwork (Gallup 28), counted from the end of the month where only that is known, and 60 days after the mid-date where
    only the year is; if a page quoted as source carries an earlier date after fieldwork, that date, as the figure was out by then; a
    release known to have been held back has its own date. Rows without a share are left out. Grade A for a stored page of the pollster, B
    for a secondary page, C where the file notes an approximate, assumed or contested figure. No sample sizes: the contract's are assumed.

    Parameters
    ----------
    polls : Path
        `fieldwork,mid_date,pollster,country,question,share_pro,…,source,quality,mid_date_assumed`.

    Raises
    ------
    ContentError
        If the file is not such a table, or a question or fieldwork is not understood.
    """
    table = read_table(
        polls,
        days=["mid_date"],
        numbers=["share_pro", "mid_date_assumed"],
        words=["fieldwork", "pollster", "question", "source", "quality"],
    )
    out: dict[str, list[dict[str, object]]] = {}
    faults = []
    for line, row in table.iterrows():
        name = _QUESTIONS.get((row["pollster"], row["question"]))
        try:
            end = fieldwork_end(row["fieldwork"])
            if end is not None and not FIRST_DAY <= end < LAST_DAY:
                raise ValueError(row["fieldwork"])
        except ValueError:
            faults.append(
                Fault(Path(polls.name), int(str(line)), f"fieldwork '{row['fieldwork']}'", "days, months or a year", "correct the value")
            )
            continue
        if name is None:
            asked = f"question '{row['question']}' of {row['pollster']}"
            faults.append(Fault(Path(polls.name), int(str(line)), asked, "a known question", "give it an indicator of its own in polls.py"))
            continue
        if pd.isna(row["share_pro"]):
            continue
        middle = row["mid_date"].date()
        exact = _DAYS.fullmatch(row["fieldwork"]) is not None
        observed = end if exact and end is not None else middle
        pages = row["source"].replace(",", ";")
        out.setdefault(name, []).append(
            {
                "observed_on": pd.Timestamp(observed),
                "value": row["share_pro"],
                "published_on": pd.Timestamp(_published(row["pollster"], row["fieldwork"], observed, end, row["source"])),
                "source": f"{row['pollster']} ({pages})" + ("" if exact else ", mid-date assumed"),
                "grade": _grade(row["quality"]),
            }
        )
    if faults:
        raise ContentError(faults)
    return {name: pd.DataFrame(entries) for name, entries in out.items()}


def fieldwork_end(text: str) -> date | None:
    """Last day of fieldwork: of "2025-02-14/03-04" or "2022-07-06/20" that day, of "2024-08/10" the month's end, of a year None.

    Raises
    ------
    ValueError
        If the text is none of these.
    """
    if days := _DAYS.fullmatch(text):
        year, first, _, month, day = days.groups()
        return date(int(year), int(month or first), int(day))
    if months := _MONTHS.fullmatch(text):
        year, first, last = months.groups()
        month = int(last or first)
        return date(int(year), month, monthrange(int(year), month)[1])
    if re.fullmatch(r"\d{4}", text):
        return None
    raise ValueError(text)


def _published(pollster: str, fieldwork: str, observed: date, end: date | None, source: str) -> date:
    if released := _RELEASED.get((pollster, fieldwork)):
        return released
    by_rule = end + timedelta(days=_LAG_DAYS[pollster]) if end else observed + timedelta(days=_YEAR_ONLY_LAG_DAYS)
    return min([by_rule, *(day for day in _dates_in(source) if day > (end or observed))])


def _dates_in(source: str) -> list[date]:
    found = []
    for year, month, day in _DATED.findall(source):
        with suppress(ValueError):  # a page's number, not a date
            found.append(date(int(year), int(month), int(day)))
    return found


def _grade(quality: str) -> str:
    if quality.startswith("primary page"):
        return "A"
    return "B" if quality in _SOUND else "C"
