"""The chronology of the diplomacy: events, weekly counts drawn from it, and how well it was searched.

The chronology was compiled in 2026 from dated public pages. Every `published_on` below is reconstructed: the day after an event ended
(for a round: the day after it began), and the day itself for announcements and postponements, which are public by nature. What a
postponement took back, where its row does not say, and how well each stretch was searched are judgements: `Chronology`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

import pandas as pd
from pydantic import AfterValidator, Field, model_validator

from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.intake.reading import Day, Days, Judgements, Source, read_table, rows
from ripeness_ukraine.announcements import Announcement, planned_days, read_announcements
from ripeness_ukraine.coverage import Stretch, check_contiguous, coverage_rows, searched_to

_SOURCE = "Chronology compiled 2026, vintage reconstructed"
_PRESSURE = {"kyiv": "pressure_on_kyiv", "moscow": "pressure_on_moscow"}
_CORE = {"delegation_inperson", "delegation_online", "ministers", "trilateral"}
_KINDS = {
    "contact_principal": "contact",
    "contact_multilateral": "contact_multilateral",
    "prisoner_exchange": "prisoner_exchange",
    "truce": "truce",
    "grain_or_energy_deal": "deal",
    "proposal": "proposal",
    "guarantee": "guarantee",
    "domestic_shock_ru": "shock",
    "domestic_shock_ua": "shock",
    "battlefield_break": "front_break",
}
_DIRECT = ("delegation", "ministers", "trilateral")
_BY_BOTH = {"agreed", "partial_agreed"}  # levels of a truce declared by both sides
_PARTIES = {"RU", "UA"}
_DAY, _WEEK = pd.Timedelta(days=1), pd.Timedelta(days=7)
_NOT_DIRECT_LEVELS = {"exchange", "indirect"}


class Postponement(Judgements):
    """What the rows `postponed` of a day took back: the planned days `from` … `to`, or without these no direct meeting at all."""

    on: Day
    first: Day | None = Field(default=None, alias="from")
    last: Day | None = Field(default=None, alias="to")
    note: str

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.first is None) != (self.last is None) or (self.first and self.last and self.last < self.first):
            raise ValueError("from and to, not before from; or neither")
        return self


class PressureStep(Judgements):
    """An act or a public demand of Washington that puts a price on staying away from talks or terms: when, on whom, and where it is told."""

    on: Day
    sides: tuple[Literal["kyiv", "moscow"], ...] = Field(min_length=1)
    what: str
    source: str
    grade: Literal["A", "B", "C"]


def check_one_a_day(steps: tuple[PressureStep, ...]) -> tuple[PressureStep, ...]:
    """The steps as they are.

    Raises
    ------
    ValueError
        If two on one side fall on one day.
    """
    seen: set[tuple[date, str]] = set()
    for step in steps:
        for side in step.sides:
            if (step.on, side) in seen:
                raise ValueError(f"one step a day on each side, not two on {side} on {step.on}")
            seen.add((step.on, side))
    return steps


class Chronology(Judgements):
    """From when on is counted and how soon an event is known; what postponements took back; steps of pressure; how well was searched.

    Attributes
    ----------
    first : date
        `from`: Sunday of the first week counted.
    lag_days : int
        Days from a week's Sunday, an event's end or the first day of a round to the day it is known.
    undated_days : int
        For how many days an announcement without a date stands, and a suspension takes meetings back.
    split_after : tuple of date
        Days that end a row of coverage in mid-week: origins of special interest, which are to find the days up to them covered.
    postponements : tuple of Postponement
        Where the row's own day is not the planned day that it took back; where a meeting of other days stands, one is asked for.
    pressure : tuple of PressureStep
        Steps of pressure from Washington.
    searched : tuple of Stretch
        From the first day of the war on, without a gap.
    """

    first: Day = Field(alias="from")
    lag_days: Days
    undated_days: Days = Field(ge=1)
    split_after: tuple[Day, ...]
    postponements: tuple[Postponement, ...] = Field(default=(), alias="postponement")
    pressure: Annotated[tuple[PressureStep, ...], AfterValidator(check_one_a_day)] = ()
    searched: Annotated[tuple[Stretch, ...], AfterValidator(check_contiguous)] = Field(min_length=1)


def import_chronology(chronology: Path, coverage: Path, judged: Chronology) -> dict[str, pd.DataFrame]:
    """Events, coverage, and the weekly counts of mediated contacts, of steps towards guarantees and of steps of pressure.

    Mediated contacts: rows of the kind contact_principal with a third party and Russia or Ukraine, by the week, Monday to Sunday, in
    which they began; a contact of which only the month is known is left out, and so is whatever was agreed at a round. Guarantee steps:
    rows of the kind guarantee by the week in which they fell, those signed with several countries on a day counting one each. Steps of
    pressure: those judged, by the week in which they were taken, a week's row with the sources of its steps and the weakest of their grades.
    All run from the first week judged to the last whole week searched ("Rows to …" in the coverage file: a week it ends in is left out),
    with zeros: what the search missed is the matter of the contracts' eras. Days are those of the pages quoted (local).

    Parameters
    ----------
    chronology : Path
        `date,end_date,kind,level,parties,agreed_at_round,description,source,grade`.
    coverage : Path
        Markdown with a table of announced meetings, and the day up to which was searched.
    judged : Chronology

    Raises
    ------
    ContentError
        If a file is not such a table, a kind is unknown, a row stands there twice, an announced row is not in the table of announcements, or a
        postponed row touches no meeting while one stands.
    """
    table = read_chronology(chronology)
    announcements = read_announcements(coverage, judged.undated_days)
    to = searched_to(coverage) or pd.Timestamp(judged.searched[-1].last)
    return {
        "events": _events(table, announcements, judged, Path(chronology.name)),
        "coverage": coverage_rows(judged.searched, judged.split_after, to),
        "mediated_contacts": _weekly(_mediated_contacts(table), judged, to),
        "guarantee_steps": _weekly(_guarantee_steps(table), judged, to),
        **{
            indicator: _pressure_steps([step for step in judged.pressure if side in step.sides], judged, to)
            for side, indicator in _PRESSURE.items()
        },
    }


def read_chronology(path: Path) -> pd.DataFrame:
    """The chronology as a table by line; `first` and `last` day as timestamps."""
    words = ["kind", "level", "parties", "agreed_at_round", "description", "source", "grade"]
    table = read_table(path, days=["date", "end_date"], words=words)
    known = [*_KINDS, "round", "announced", "postponed"]
    faults = [
        Fault(Path(path.name), int(str(line)), f"kind '{kind}'", "a kind of the chronology", did_you_mean(kind, known))
        for line, kind in table["kind"].items()
        if kind not in known
    ]
    same = table[["date", "kind", "level", "parties", "description"]]
    faults += [
        Fault(
            Path(path.name),
            int(str(line)),
            f"the row of line {same.index[(same == same.loc[line]).all(axis=1)][0]} again",
            "each event once",
            "remove it",
        )
        for line in table.index[same.duplicated()]
    ]
    if faults:
        raise ContentError(faults)
    return table


def core_rounds(path: Path) -> list[pd.Timestamp]:
    """First days of the rounds: delegations, ministers and trilateral meetings, not technical ones."""
    table = read_chronology(path)
    return list(table.loc[_is_core(table), "date"])


def _mediated_contacts(table: pd.DataFrame) -> pd.Series[float]:
    """One for each contact of a third party with Russia or Ukraine that was not agreed at a round, by first day, where it is known."""
    named = table["parties"].map(lambda text: set(text.replace(",", "-").split("-")))
    mediated = named.map(lambda parties: bool(parties & _PARTIES) and bool(parties - _PARTIES))
    dated = table["end_date"] - table["date"] < _WEEK
    chosen = table[(table["kind"] == "contact_principal") & mediated & dated & (table["agreed_at_round"] == "")]
    return pd.Series(1.0, index=pd.DatetimeIndex(chosen["date"]))


def _guarantee_steps(table: pd.DataFrame) -> pd.Series[float]:
    chosen = table[table["kind"] == "guarantee"]
    countries = [float(len(parties.split("-")[0].split(","))) for parties in chosen["parties"]]
    return pd.Series(countries, index=pd.DatetimeIndex(chosen["date"]))


def _pressure_steps(steps: Sequence[PressureStep], judged: Chronology, to: pd.Timestamp) -> pd.DataFrame:
    counts = _weekly(pd.Series(1.0, index=pd.DatetimeIndex([step.on for step in steps])), judged, to)
    by_week: dict[pd.Timestamp, list[PressureStep]] = {}
    for step in steps:
        by_week.setdefault(pd.Timestamp(step.on) + pd.Timedelta(days=6 - step.on.weekday()), []).append(step)
    for row, sunday in counts["observed_on"].items():
        if sunday in by_week:
            counts.loc[row, "source"] = "; ".join(step.source for step in by_week[sunday])
            counts.loc[row, "grade"] = max(step.grade for step in by_week[sunday])
    return counts


def _weekly(days: pd.Series[float], judged: Chronology, to: pd.Timestamp) -> pd.DataFrame:
    sundays = pd.date_range(judged.first, to, freq="W-SUN")
    counts = days.sort_index().resample("W-SUN").sum().reindex(sundays).fillna(0.0)
    return rows(counts, lag_days=judged.lag_days, source=_SOURCE, grade="B", decimals=0)


def _is_core(table: pd.DataFrame) -> pd.Series[bool]:
    return (table["kind"] == "round") & table["level"].isin(_CORE)


def _events(table: pd.DataFrame, announcements: list[Announcement], judged: Chronology, shown: Path) -> pd.DataFrame:
    entries = []
    faults = []
    lag = pd.Timedelta(days=judged.lag_days)
    postponements = {pd.Timestamp(one.on): one for one in judged.postponements}
    round_days = set(table.loc[_is_core(table), "date"])
    for line, row in table.iterrows():
        first, last, kind = row["date"], row["end_date"], row["kind"]
        is_round, published = False, last + lag
        match kind:
            case "round":
                is_round = row["level"] in _CORE
                kind = "round" if is_round else "technical_round"
                published = first + lag
            case "announced":
                found = [a for a in announcements if a.matches(first, row["level"], row["description"])]
                if len(found) != 1:
                    faults.append(
                        Fault(
                            shown,
                            int(str(line)),
                            "an announcement",
                            "one row for it in the table of announcements",
                            "add or correct it there",
                        )
                    )
                    continue
                kind, published = _announced_kind(found[0]), first
                if kind != "proposal":
                    first, last = planned_days(found[0], judged.undated_days)
            case "postponed":
                standing = _standing(announcements, first, round_days, judged.undated_days)
                taken = _taken_back(row, round_days, postponements, judged.undated_days, standing)
                if taken is None:
                    continue
                if row["level"] != "suspension" and first not in postponements and standing and not _touches(taken, standing):
                    planned = ", ".join(f"{begin:%Y-%m-%d}" + (f" to {end:%Y-%m-%d}" if end > begin else "") for begin, end in standing)
                    faults.append(
                        Fault(
                            shown,
                            int(str(line)),
                            f"a postponement told on {first:%Y-%m-%d}, while a meeting of {planned} stands",
                            "the planned days that it takes back",
                            f"say them in data/sources.toml: a [[chronology.postponement]] with on = {first:%Y-%m-%d}, from and to, or neither where"
                            " no meeting of the two sides was put off",
                        )
                    )
                    continue
                kind, published = ("meeting_cancelled" if row["level"] == "suspension" else "meeting_postponed"), first
                first, last = taken
            case "truce":
                kind = "truce_agreed" if row["level"] in _BY_BOTH else "truce"
            case _:
                kind = _KINDS[kind]
        entries.append(
            {
                "date": first,
                "end_date": last,
                "kind": kind,
                "round": "yes" if is_round else "no",
                "published_on": published,
                "description": f"{row['parties']}: {row['description']}",
                "source": row["source"],
                "grade": row["grade"],
            }
        )
    if faults:
        raise ContentError(faults)
    return pd.DataFrame(entries)


def _announced_kind(announcement: Announcement) -> str:
    if announcement.meeting == "leaders":
        return "meeting_leaders"
    if announcement.meeting not in _DIRECT:
        return "proposal"
    return {"both": "meeting_agreed", "one_side": "meeting_one_side", "third_party": "meeting_third_party"}[announcement.level]


_Span = tuple[pd.Timestamp, pd.Timestamp]


def _standing(announcements: Sequence[Announcement], day: pd.Timestamp, round_days: set[pd.Timestamp], undated_days: int) -> list[_Span]:
    """Days of the direct meetings that were announced with a date before a day, have not been held by it, and are not over."""
    found = []
    for one in announcements:
        if one.day < day and one.meeting in _DIRECT and one.proposed != "none":
            first, last = planned_days(one, undated_days)
            held = any(max(one.day, first - 2 * _DAY) < round_day <= min(last + _WEEK, day) for round_day in round_days)
            if last >= day and not held:
                found.append((first, last))
    return found


def _touches(days: _Span, others: Sequence[_Span]) -> bool:
    return any(first <= days[1] and days[0] <= last for first, last in others)


def _taken_back(
    row: pd.Series,
    round_days: set[pd.Timestamp],
    postponements: Mapping[pd.Timestamp, Postponement],
    undated_days: int,
    standing: Sequence[_Span],
) -> _Span | None:
    """First and last planned day that a row `postponed` takes back; None if it takes back no direct meeting.

    A suspension takes back all that stands, and what is planned for the `undated_days` after it.
    """
    day = row["date"]
    direct = set(row["parties"].split(" ")[0].split("-")) >= _PARTIES
    begun = day in round_days  # a round interrupted after it began was held
    judged = postponements.get(day)
    suspended = row["level"] == "suspension"
    if not direct or (begun and not suspended) or row["level"] in _NOT_DIRECT_LEVELS or (judged and judged.first is None):
        return None
    if suspended:
        return day + _DAY, max([day + pd.Timedelta(days=undated_days), *(last for _, last in standing)])
    return (pd.Timestamp(judged.first), pd.Timestamp(judged.last)) if judged and judged.first and judged.last else (day, row["end_date"])


SOURCE = Source(
    "Chronology of the diplomacy: events, contacts, guarantees, coverage",
    ("events/diplomacy_chronology.csv", "events/COVERAGE.md"),
    import_chronology,
    tables=("events", "coverage", "mediated_contacts", "guarantee_steps", *_PRESSURE.values()),
    terms="own compilation",
    judgements=Chronology,
)
