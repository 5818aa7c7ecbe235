"""News items of Wikipedia's Portal:Current events: counts by keyword, and items to draft events from (text CC BY-SA)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import AfterValidator, Field

from ripeness.errors import ContentError, Fault
from ripeness.intake.reading import Day, Days, Form, Item, Judgements, Source, check_words, daily, read_json, read_table, rows, whole_weeks
from ripeness_ukraine.chronology import core_rounds

_COUNTS = {
    "war_attention": "items_ukraine_russia",
    "negotiation_items": "items_ua_negotiation_words",
    "arms_aid_items": "items_ua_arms_aid",
    "russia_unrest_items": "items_russia_domestic_unrest",
}


_TITLE = re.compile(r"Portal:Current[ _]events/(\d{4})[ _]([A-Z][a-z]+)[ _](\d\d?)")
_BULLET = re.compile(r"^[*:#]+\s*")
_TAG = re.compile(r"<[^<>]{0,500}+>|'{2,5}")
_TEMPLATE = re.compile(r"\{\{[^{}]{0,1000}+\}\}")
_LINK = re.compile(r"\[\[(?:[^\[\]|]{0,500}+\|)?([^\[\]|]{0,500}+)\]\]")
_ADDRESS = re.compile(r"\[(?:https?:)?//[^\s\[\]]{1,2000}+\s*+([^\[\]]{0,500}+)\]")
_LONGEST = 3_000  # letters of a line: the longest item on record has 1,100


Words = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(check_words)]


class CurrentEvents(Judgements):
    """From when on items are counted, how soon, and how many days of a week make a count; what an item of the pages is, and is about."""

    first: Day = Field(alias="from")
    lag_days: Days
    fewest_days: int = Field(ge=1, le=7)
    without_rounds: tuple[str, ...]
    shortest: int = Field(ge=1)
    ukraine: Words
    russia: Words
    negotiation: Words
    arms_aid: Words
    unrest: Words


def import_current_events(counts: Path, chronology: Path, judged: CurrentEvents) -> dict[str, pd.DataFrame]:
    """Weekly counts of items, with the number of all items of the same days as exposure (`sample_size`).

    The value is the sum over the days of a week, Monday to Sunday (the portal's dates, UTC). Days flagged for their nested layout, in which
    fewer and longer items stand, are left out with their exposure; missing days likewise, and days without the count itself; a week with fewer than
    `fewest_days` left is missing, and so is an incomplete last week. From the counts named in `without_rounds`, weeks with a round are left out: their items report
    the round itself. Grade B; C for a week of fewer than seven days.

    Parameters
    ----------
    counts : Path
        `date,items_total,items_…,deep_format_day`, daily.
    chronology : Path
        The chronology of the diplomacy, for the weeks with a round.
    judged : CurrentEvents

    Raises
    ------
    ContentError
        If a file is not such a table.
    """
    table = read_table(counts, days=["date"], counts=["items_total", "deep_format_day", *_COUNTS.values()])
    return _weekly(table, counts, core_rounds(chronology), judged)


def import_pages(pages: Sequence[Path], events: Path, coverage: Path, judged: CurrentEvents) -> dict[str, pd.DataFrame]:
    """The same counts from the portal's own pages, one a day, as its API gives them.

    An item is a bullet whose text has at least `shortest` letters, its sources in brackets included; shorter ones are the headings above items.
    It is counted for a series if it meets one of each of the series' lists of words. On the 1,531 days that the mirror kept as text these rules give its
    counts of all items and of those on Ukraine on every day, and of each of the others on all but one to four. Weeks in which somebody has not
    yet searched for rounds (`coverage.csv`) are left out of the counts in `without_rounds`, as a round may still be found.

    Parameters
    ----------
    pages : sequence of Path
        JSON answers of `action=query&prop=revisions`, of one page each; a page that does not exist is a missing day.
    events, coverage : Path
        The rounds on record and how far was searched for them, of the workspace.
    judged : CurrentEvents

    Raises
    ------
    ContentError
        If a file is no such answer, or there is no page.
    """
    found = [counted for page in pages if (counted := count_page(page, judged))]
    if not found:
        raise ContentError(Fault(Path(pages[0].name), 1, "no page that exists", "at least one day's page", "take later days"))
    table = pd.DataFrame(found).assign(deep_format_day=0.0)
    table.index = pd.RangeIndex(1, len(table) + 1, name="entry")
    rounds = read_table(events, days=["date"], words=["round"])
    searched = read_table(coverage, days=["to"])["to"].max()
    tables = _weekly(table, pages[0], list(rounds.loc[rounds["round"] == "yes", "date"]), judged)
    return {name: rows[rows["observed_on"] <= searched] if name in judged.without_rounds else rows for name, rows in tables.items()}


def count_page(path: Path, judged: CurrentEvents) -> dict[str, Any] | None:
    """The day of a page, all its items, and those about each matter; None if the page does not exist.

    Raises
    ------
    ContentError
        If the file is no answer of the API on one page of the portal.
    """
    day, text = _read_page(path)
    if text is None:
        return None
    items = items_of(text, judged.shortest)

    def about(*lists: tuple[str, ...]) -> int:
        patterns = [re.compile("|".join(words), re.IGNORECASE) for words in lists]
        return sum(all(pattern.search(item) for pattern in patterns) for item in items)

    return {
        "date": pd.Timestamp(day),
        "items_total": float(len(items)),
        _COUNTS["war_attention"]: float(about(judged.ukraine)),
        _COUNTS["negotiation_items"]: float(about(judged.ukraine, judged.negotiation)),
        _COUNTS["arms_aid_items"]: float(about(judged.ukraine, judged.arms_aid)),
        _COUNTS["russia_unrest_items"]: float(about(judged.russia, judged.unrest)),
    }


def read_items(path: Path, judged: CurrentEvents) -> list[Item]:
    """The items of a page on the war, each under the page's day and address; none if the page does not exist.

    Raises
    ------
    ContentError
        If the file is no answer of the API on one page of the portal.
    """
    day, text = _read_page(path)
    about = re.compile("|".join(judged.ukraine), re.IGNORECASE)
    address = f"https://en.wikipedia.org/wiki/Portal:Current_events/{day.year}_{day:%B}_{day.day}"
    texts = items_of(text or "", judged.shortest)
    return [Item(day, item, f"Wikipedia Portal:Current events {day}", address) for item in texts if about.search(item)]


def _read_page(path: Path) -> tuple[date, str | None]:
    """The day of a page and its text; no text if the page does not exist."""
    shown, mend = Path(path.name), "take the API's answer as it is"
    try:
        (page,) = read_json(path)["query"]["pages"]
        title = str(page["title"])
        missing = bool(page.get("missing"))
        text = "" if missing else str(page["revisions"][0]["slots"]["main"]["content"])
    except (TypeError, KeyError, IndexError, ValueError, AttributeError):
        raise ContentError(Fault(shown, 1, "something else", "the API's answer on one page", mend)) from None
    day = _day(title)
    if day is None:
        raise ContentError(Fault(shown, 1, f"the page '{title}'", "a page such as Portal:Current events/2026 October 4", mend))
    return day, None if missing else text


def items_of(wikitext: str, shortest: int) -> list[str]:
    """The texts of a page's bullets that are long enough, without markup."""
    texts = [_plain(line[:_LONGEST]) for line in wikitext.splitlines() if line.lstrip().startswith("*")]
    return [text for text in texts if len(text) >= shortest]


def _plain(line: str) -> str:
    """A bullet's text as the page shows it."""
    text = _TAG.sub("", _without_notes(_without_comments(_BULLET.sub("", line.strip()))))
    for _ in range(3):  # templates inside templates
        text = _TEMPLATE.sub("", text)
    return " ".join(_ADDRESS.sub(r"\1", _LINK.sub(r"\1", text)).split())


def _without_comments(text: str) -> str:
    first, *others = text.split("<!--")
    return first + "".join(other.partition("-->")[2] for other in others)


def _without_notes(text: str) -> str:
    """A text without <ref>…</ref> and <ref … />."""
    first, *others = text.split("<ref")
    return first + "".join(
        other[there.end() :] if (there := re.match(r"[^<>]*+(?<=/)>", other)) else other.partition("</ref>")[2] for other in others
    )


def _day(title: str) -> date | None:
    found = _TITLE.fullmatch(title)
    try:
        return datetime.strptime(" ".join(found.groups()), "%Y %B %d").date() if found else None
    except ValueError:
        return None


def _weekly(table: pd.DataFrame, path: Path, rounds: Sequence[pd.Timestamp], judged: CurrentEvents) -> dict[str, pd.DataFrame]:
    """Weekly counts of a table by day, each day once, with the number of all items as exposure."""
    sundays = whole_weeks(daily(table, path, "date", "items_total"))
    plain = table[table["deep_format_day"] == 0].set_index("date").sort_index()
    with_round = {day + pd.Timedelta(days=6 - day.weekday()) for day in rounds}
    out = {}
    for name, column in _COUNTS.items():
        weeks = plain[["items_total", column]].dropna().resample("W-SUN")
        present = weeks["items_total"].count().reindex(sundays).fillna(0)
        sums = weeks.sum().reindex(sundays)[present >= judged.fewest_days][pd.Timestamp(judged.first) :]
        grade = pd.Series(["B" if days == 7 else "C" for days in present[sums.index]], index=sums.index)
        kept = sums[~sums.index.isin(list(with_round))] if name in judged.without_rounds else sums
        out[name] = rows(
            kept[column],
            lag_days=judged.lag_days,
            source="Wikipedia Current events",
            grade=grade,
            decimals=0,
            sample_size=kept["items_total"],
        )
    return out


SOURCE = Source(
    "Wikipedia Current events: items by keyword",
    ("wikipedia_current_events/ce_daily_counts.csv", "events/diplomacy_chronology.csv"),
    import_current_events,
    tables=tuple(_COUNTS),
    terms="text CC BY-SA; counts, and in drafts of events single sentences with the page's address, credited",
    judgements=CurrentEvents,
    own=Form(("current_events_*.json",), import_pages, stored=("events.csv", "coverage.csv")),
    items=read_items,
)
