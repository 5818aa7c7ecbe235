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

_DAYS = re.compile(r"(\d{4})-(\d{2})-(\d{2})/(?:(?:(\d{4})-)?(\d{2})-)?(\d{2})")
_MONTHS = re.compile(r"(\d{4})-(\d{2})(?:/(?:(\d{4})-)?(\d{2}))?")
_OFF_DAYS = 7  # by which the mid-date may miss the middle of days of fieldwork
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

    `observed_on` is the end of fieldwork; where only a month or year is known, the mid-date given, and the row says so. The mid-date must lie within the
    fieldwork, which may run over the end of a year, and not a week from the middle of days of fieldwork. `published_on` is
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
        If the file is not such a table, a question or fieldwork is not understood, or a mid-date is none of its fieldwork.
    """
    table = read_table(
        polls,
        days=["mid_date"],
        amounts=["share_pro"],
        counts=["mid_date_assumed"],
        words=["fieldwork", "pollster", "question", "source", "quality"],
    )
    indicators = {(one.pollster, one.wording): one.indicator for one in judged.questions}
    out: dict[str, list[dict[str, object]]] = {}
    faults = []
    for line, row in table.iterrows():
        name = indicators.get((row["pollster"], row["question"]))
        middle = row["mid_date"].date()
        try:
            begin, end = fieldwork_days(row["fieldwork"])
        except ValueError:
            faults.append(
                Fault(
                    Path(polls.name),
                    int(str(line)),
                    f"fieldwork '{row['fieldwork']}'",
                    "days, months or a year",
                    "correct the value",
                )
            )
            continue
        exact = _DAYS.fullmatch(row["fieldwork"]) is not None
        if not begin <= middle <= end or (exact and abs(2 * middle.toordinal() - begin.toordinal() - end.toordinal()) > 2 * _OFF_DAYS):
            faults.append(
                Fault(
                    Path(polls.name),
                    int(str(line)),
                    f"mid_date {middle} of fieldwork '{row['fieldwork']}'",
                    f"the middle of {begin} to {end}",
                    "correct one of them",
                )
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
        observed = end if exact else middle
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


def fieldwork_days(text: str) -> tuple[date, date]:
    """First and last day of fieldwork: "2025-02-14/03-04", "2022-07-06/20", "2024-08/10", "2025-05" or "2022".

    Where the last month comes before the first and no year is said, it is one of the next year.

    Raises
    ------
    ValueError
        If the text is none of these, or the last day lies before the first.
    """
    if days := _DAYS.fullmatch(text):
        year, month, day, last_year, last_month, last_day = (int(part) if part else 0 for part in days.groups())
        last_month = last_month or month
        begin, end = date(year, month, day), date(last_year or year + (last_month < month), last_month, last_day)
    elif months := _MONTHS.fullmatch(text):
        year, month, last_year, last_month = (int(part) if part else 0 for part in months.groups())
        last_month = last_month or month
        last_year = last_year or year + (last_month < month)
        begin, end = date(year, month, 1), date(last_year, last_month, monthrange(last_year, last_month)[1])
    elif re.fullmatch(r"\d{4}", text):
        begin, end = date(int(text), 1, 1), date(int(text), 12, 31)
    else:
        raise ValueError(text)
    if not FIRST_DAY <= begin <= end < LAST_DAY:
        raise ValueError(text)
    return begin, end


def _published(row: pd.Series, observed: date, end: date, judged: Polls) -> date:
    for release in judged.releases:
        if (release.pollster, release.fieldwork) == (row["pollster"], row["fieldwork"]):
            return release.on
    of_year = len(row["fieldwork"]) == 4
    known = observed if of_year else end
    by_rule = known + timedelta(days=judged.year_only_lag_days if of_year else judged.lag_days[row["pollster"]])
    return min([by_rule, *(day for day in _dates_in(row["source"]) if day > known)])


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
