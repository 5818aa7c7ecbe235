"""Polls in Ukraine (KIIS, Gallup) and Russia (Levada), mostly as quoted by secondary pages."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import pandas as pd
from pydantic import Field, model_validator

from ripeness.errors import ContentError, Fault
from ripeness.intake.reading import FIRST_DAY, LAST_DAY, Day, Days, Judgements, Source, read_table

_DAYS = re.compile(r"(\d{4})-(\d{2})-(\d{2})/(?:(\d{2})-)?(\d{2})")
_MONTHS = re.compile(r"(\d{4})-(\d{2})(?:/(\d{2}))?")
_DATED = re.compile(r"\b(20\d{2})[-/](\d{2})[-/](\d{1,2})\b")


class Question(Judgements):
    """A pollster's question by its wording in the file, and the indicator that it is a row of."""

    pollster: str
    wording: str
    indicator: str = Field(pattern=r"^[a-z][a-z0-9_]*$")


class Release(Judgements):
    """A poll known to have been released on another day than the rule says."""

    pollster: str
    fieldwork: str
    on: Day
    note: str


class Polls(Judgements):
    """Which questions make which indicator, and how soon after fieldwork each pollster publishes.

    Attributes
    ----------
    lag_days : dict
        Pollster to days from the end of fieldwork to publication.
    year_only_lag_days : int
        The same from the mid-date, where only the year of fieldwork is known.
    sound_notes : tuple of str
        Notes in `quality` with which a secondary page is graded B.
    questions : tuple of Question
    releases : tuple of Release
    """

    lag_days: dict[str, Days]
    year_only_lag_days: Days
    sound_notes: tuple[str, ...]
    questions: tuple[Question, ...] = Field(alias="question", min_length=1)
    releases: tuple[Release, ...] = Field(default=(), alias="release")

    @model_validator(mode="after")
    def _known_pollsters(self) -> Self:
        if unknown := sorted({one.pollster for one in self.questions} - set(self.lag_days)):
            raise ValueError(f"lag_days of {', '.join(unknown)} too")
        return self


def import_polls(polls: Path, judged: Polls) -> dict[str, pd.DataFrame]:
    """Share of answers for talks or concessions, in per cent, a file per question wording.

    `observed_on` is the end of fieldwork; where only a month or year is known, the mid-date given, and the row says so. `published_on` is
    the pollster's `lag_days` after fieldwork, counted from the end of the month where only that is known, and `year_only_lag_days` after the
    mid-date where only the year is; if a page quoted as source carries an earlier date after fieldwork, that date, as the figure was out by then; a
    release judged to have been held back has its own date. Rows without a share are left out. Grade A for a stored page of the pollster, B
    for a secondary page, C where its note is none of `sound_notes` (approximate, assumed or contested). No sample sizes: the contract's are assumed.

    Parameters
    ----------
    polls : Path
        `fieldwork,mid_date,pollster,country,question,share_pro,…,source,quality,mid_date_assumed`.
    judged : Polls

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
    indicators = {(one.pollster, one.wording): one.indicator for one in judged.questions}
    out: dict[str, list[dict[str, object]]] = {}
    faults = []
    for line, row in table.iterrows():
        name = indicators.get((row["pollster"], row["question"]))
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
            faults.append(
                Fault(
                    Path(polls.name),
                    int(str(line)),
                    asked,
                    "a known question",
                    "give it an indicator: a [[polls.question]] in data/sources.toml",
                )
            )
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
                "published_on": pd.Timestamp(_published(row, observed, end, judged)),
                "source": f"{row['pollster']} ({pages})" + ("" if exact else ", mid-date assumed"),
                "grade": _grade(row["quality"], judged.sound_notes),
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


def _published(row: pd.Series, observed: date, end: date | None, judged: Polls) -> date:
    for release in judged.releases:
        if (release.pollster, release.fieldwork) == (row["pollster"], row["fieldwork"]):
            return release.on
    by_rule = end + timedelta(days=judged.lag_days[row["pollster"]]) if end else observed + timedelta(days=judged.year_only_lag_days)
    return min([by_rule, *(day for day in _dates_in(row["source"]) if day > (end or observed))])


def _dates_in(source: str) -> list[date]:
    found = []
    for year, month, day in _DATED.findall(source):
        with suppress(ValueError):  # a page's number, not a date
            found.append(date(int(year), int(month), int(day)))
    return found


def _grade(quality: str, sound: Sequence[str]) -> str:
    if quality.startswith("primary page"):
        return "A"
    return "B" if quality in sound else "C"


SOURCE = Source(
    "KIIS, Gallup and Levada: polls",
    ("polls/polls_ua_ru.csv",),
    import_polls,
    terms="no licence stated; figures only, credited",
    judgements=Polls,
)
