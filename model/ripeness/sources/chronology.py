"""The chronology of the diplomacy: events, weekly counts drawn from it, and how well it was searched.

The chronology was compiled in 2026 from dated public pages. Every `published_on` below is reconstructed: the day after an event ended
(for a round: the day after it began), and the day itself for announcements and postponements, which are public by nature.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.sources.announcements import Announcement, planned_days, read_announcements
from ripeness.sources.coverage import coverage_rows, searched_to
from ripeness.sources.series import rows
from ripeness.sources.tables import read_table

_SOURCE = "Chronology compiled 2026, vintage reconstructed"
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
_PARTIES = {"RU", "UA"}
_FIRST_WHOLE_WEEK = pd.Timestamp("2022-03-06")
_DAY = pd.Timedelta(days=1)
_FORTNIGHT = pd.Timedelta(days=14)

# Planned days taken back, where they are not the day of the row itself.
_TAKEN_BACK = {"2026-03-04": ("2026-03-05", "2026-03-09")}
_NOT_DIRECT_LEVELS = {"exchange", "indirect"}
# On 15 May 2025 the leaders' meeting fell through while the delegations met a day late: an event that took that day back would take the
# delegations' meeting back too.
_LEADERS_ONLY = {"2025-05-15"}


def import_chronology(chronology: Path, coverage: Path) -> dict[str, pd.DataFrame]:
    """Events, coverage, and the weekly counts of mediated contacts and of steps towards guarantees.

    Mediated contacts: rows of the kind contact_principal with a third party and Russia or Ukraine, by the week, Monday to Sunday, in
    which they began; whatever was agreed at a round is left out. Guarantee steps: rows of the kind guarantee by the week in which they
    fell, those signed with several countries on a day counting one each. Both run from the first whole week of the war to the last whole
    week searched ("Rows to …" in the coverage file: a week it ends in is left out), with zeros: what the search missed is the matter of the contracts' eras. Days are those of the pages quoted (local).

    Parameters
    ----------
    chronology : Path
        `date,end_date,kind,level,parties,agreed_at_round,description,source,grade`.
    coverage : Path
        Markdown with a table of announced meetings, and the day up to which was searched.

    Raises
    ------
    ContentError
        If a file is not such a table, a kind is unknown, or an announced row is not in the table of announcements.
    """
    table = read_chronology(chronology)
    announcements = read_announcements(coverage)
    to = searched_to(coverage)
    return {
        "events": _events(table, announcements, Path(chronology.name)),
        "coverage": coverage_rows(to),
        "mediated_contacts": _weekly(_mediated_contacts(table), to),
        "guarantee_steps": _weekly(_guarantee_steps(table), to),
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
    if faults:
        raise ContentError(faults)
    return table


def core_rounds(path: Path) -> list[pd.Timestamp]:
    """First days of the rounds: delegations, ministers and trilateral meetings, not technical ones."""
    table = read_chronology(path)
    return list(table.loc[_is_core(table), "date"])


def _mediated_contacts(table: pd.DataFrame) -> pd.Series[float]:
    """One for each contact of a third party with Russia or Ukraine that was not agreed at a round, by first day."""
    named = table["parties"].map(lambda text: set(text.replace(",", "-").split("-")))
    mediated = named.map(lambda parties: bool(parties & _PARTIES) and bool(parties - _PARTIES))
    chosen = table[(table["kind"] == "contact_principal") & mediated & (table["agreed_at_round"] == "")]
    return pd.Series(1.0, index=pd.DatetimeIndex(chosen["date"]))


def _guarantee_steps(table: pd.DataFrame) -> pd.Series[float]:
    chosen = table[table["kind"] == "guarantee"]
    countries = [float(len(parties.split("-")[0].split(","))) for parties in chosen["parties"]]
    return pd.Series(countries, index=pd.DatetimeIndex(chosen["date"]))


def _weekly(days: pd.Series[float], to: pd.Timestamp) -> pd.DataFrame:
    sundays = pd.date_range(_FIRST_WHOLE_WEEK, to, freq="W-SUN")
    counts = days.sort_index().resample("W-SUN").sum().reindex(sundays).fillna(0.0)
    return rows(counts, lag_days=1, source=_SOURCE, grade="B", decimals=0)


def _is_core(table: pd.DataFrame) -> pd.Series[bool]:
    return (table["kind"] == "round") & table["level"].isin(_CORE)


def _events(table: pd.DataFrame, announcements: list[Announcement], shown: Path) -> pd.DataFrame:
    entries = []
    faults = []
    round_days = set(table.loc[_is_core(table), "date"])
    for line, row in table.iterrows():
        first, last, kind = row["date"], row["end_date"], row["kind"]
        is_round, published = False, last + _DAY
        match kind:
            case "round":
                is_round = row["level"] in _CORE
                kind = "round" if is_round else "technical_round"
                published = first + _DAY
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
                    first, last = planned_days(found[0])
            case "postponed":
                if not _takes_back_a_direct_meeting(row, round_days):
                    continue
                kind, published = ("meeting_cancelled" if row["level"] == "suspension" else "meeting_postponed"), first
                first, last = _taken_back(row)
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


def _takes_back_a_direct_meeting(row: pd.Series, round_days: set[pd.Timestamp]) -> bool:
    direct = set(row["parties"].split(" ")[0].split("-")) >= _PARTIES
    begun = row["date"] in round_days  # a round interrupted after it began was held
    return direct and not begun and row["level"] not in _NOT_DIRECT_LEVELS and f"{row['date']:%Y-%m-%d}" not in _LEADERS_ONLY


def _taken_back(row: pd.Series) -> tuple[pd.Timestamp, pd.Timestamp]:
    if row["level"] == "suspension":
        return row["date"] + _DAY, row["date"] + _FORTNIGHT
    named = _TAKEN_BACK.get(f"{row['date']:%Y-%m-%d}")
    return (pd.Timestamp(named[0]), pd.Timestamp(named[1])) if named else (row["date"], row["end_date"])
