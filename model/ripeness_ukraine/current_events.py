"""Counts of news items by keyword in Wikipedia's Portal:Current events (text CC BY-SA; counts only)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import Field

from ripeness.intake.reading import Day, Days, Judgements, Source, daily, read_table, rows, whole_weeks
from ripeness_ukraine.chronology import core_rounds

_COUNTS = {
    "war_attention": "items_ukraine_russia",
    "negotiation_items": "items_ua_negotiation_words",
    "arms_aid_items": "items_ua_arms_aid",
    "russia_unrest_items": "items_russia_domestic_unrest",
}


class CurrentEvents(Judgements):
    """From when on items are counted, how soon, and how many days of a week make a count."""

    first: Day = Field(alias="from")
    lag_days: Days
    fewest_days: int = Field(ge=1, le=7)
    without_rounds: tuple[str, ...]


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
    sundays = whole_weeks(daily(table, counts, "date", "items_total"))
    plain = table[table["deep_format_day"] == 0].set_index("date").sort_index()
    with_round = {day + pd.Timedelta(days=6 - day.weekday()) for day in core_rounds(chronology)}
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
    terms="text CC BY-SA; counts only, credited",
    judgements=CurrentEvents,
)
