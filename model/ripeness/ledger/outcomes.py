"""What the record says of a forecast whose target has passed: yes, no, void, or nothing yet.

    origin            target              target + 30 days
      |──── window ──────|───── time to settle ─────|
                         ^ from here yes or no, once the whole window has been searched
                                                    ^ after this day void, if it had not been by then and nothing settled it

Neither a yes nor a no is given before the target: early ones would all be a yes. What is found later still changes a no into a yes or back;
a question that was void for want of a record stays void. What rested on a round that is off the record again is void, not a no, where nobody has searched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import pandas as pd

from ripeness import names
from ripeness.calendar import week_grid, week_of, weeks_between
from ripeness.data.events import GOVERNMENT_ENDS
from ripeness.data.panel import rung_days, searched_stretches
from ripeness.data.vintages import Vintage
from ripeness.files import hash_text
from ripeness.ledger.entries import Forecast
from ripeness.workspace.question import Question, Rung

SETTLE_DAYS: Final = 30
PARTED: Final = "; "  # between the rows of an evidence
YES: Final = "yes"
NO: Final = "no"
VOID: Final = "void"
Word = Literal["yes", "no", "void"]


@dataclass(frozen=True)
class Outcome:
    """What became of a forecast.

    Parameters
    ----------
    word : {"yes", "no", "void"}
        A no means that no round is on record.
    reason : str
    sensitivity : (float, float) or None
        5 and 95 % quantiles of the chance that a round would have been found, in the worst searched stretch of the window; None where
        the window has not been searched to its end.
    evidence : str
        The rows that it rests on, as `_named` names them, parted by "; "; empty where there are none, as of a no.
    """

    word: Word
    reason: str
    sensitivity: tuple[float, float] | None
    evidence: str = ""


def resolve(
    entry: Forecast,
    question: Question,
    as_of: date,
    vintage_on: Callable[[date], Vintage],
    resolved: bool = False,
    rungs: Sequence[Rung] = (),
) -> Outcome | None:
    """What became of a forecast, by what was known on a day.

    Parameters
    ----------
    entry : Forecast
    question : Question
        The workspace's.
    as_of : date
    vintage_on : callable
        From a day to its vintage.
    resolved : bool
        Whether it has been answered by yes or no before: then the time to settle is not asked for again.
    rungs : sequence of Rung
        The workspace's.

    Returns
    -------
    Outcome or None
        None while the target has not passed, while the window has not been searched, or if the workspace does not ask this question.
    """
    rung = next((rung for rung in rungs if rung.id == entry.question), None)
    if as_of < entry.target_end_date or (rung is None and entry.question not in (question.id, names.SUSTAINED)):
        return None

    def decide(vintage: Vintage) -> date | None:
        return decided_on(entry, question, vintage.rounds()) if rung is None else first_event(entry, rung, rungs, vintage)

    def search(vintage: Vintage) -> tuple[float, float] | None:
        return worst_search(entry, vintage) if rung is None else rung_search(entry, rung, rungs, vintage)

    now = vintage_on(as_of)
    decided = decide(now)
    sensitivity = search(now)
    endings = now.events.loc[now.events["kind"] == GOVERNMENT_ENDS, "date"]
    ended = None if endings.empty else endings.min().date()
    if ended and ended <= entry.target_end_date and not (decided and decided < ended):
        first = now.events[(now.events["kind"] == GOVERNMENT_ENDS) & (now.events["date"] == pd.Timestamp(ended))]
        return Outcome(VOID, f"a government had ceased to exist on {ended}", sensitivity, _named(first))
    deadline = entry.target_end_date + timedelta(days=SETTLE_DAYS)
    then = now if as_of <= deadline else vintage_on(deadline)
    if not resolved and search(then) is None:
        if as_of <= deadline:
            return None
        if decide(then) is None:
            return Outcome(VOID, f"the record did not cover the window within {SETTLE_DAYS} days of the target date", None)
    if decided is None and sensitivity is None:
        return Outcome(VOID, "nothing is on record any more, and the window has not been searched", None)
    evidence = _named(_evidence(entry, decided, rung, rungs, now)) if decided else ""
    if rung is not None:
        return Outcome(YES if decided else NO, f"first on {decided}" if decided else "none on record", sensitivity, evidence)
    return Outcome(YES if decided else NO, _reason(entry, question, now.rounds(), decided), sensitivity, evidence)


def _evidence(entry: Forecast, decided: date, rung: Rung | None, rungs: Sequence[Rung], vintage: Vintage) -> pd.DataFrame:
    """The rows that a yes rests on: the rounds of the window up to the day that decided; or a rung's events, or its indicator's row, of that day."""
    events = vintage.events
    if rung is None:
        days = events["date"]
        return events[events["round"].astype(bool) & (days > pd.Timestamp(entry.origin)) & (days <= pd.Timestamp(decided))]
    if rung.indicator:
        rows = vintage.values[str(rung.indicator)]
        return rows[[week_of(day.date()) == decided for day in rows["observed_on"]]]
    kinds = [*rung.kinds, *(kind for one in rungs if one.part_of == rung.id for kind in one.kinds)]
    return events[events["kind"].isin(kinds) & (events["date"] == pd.Timestamp(decided))]


def _named(rows: pd.DataFrame) -> str:
    """Rows by their day, kind and the first 16 digits of a digest of their cells.

    The digest is `hash_text` over "column=text" of every column of the file but the line, as the row was read: days as YYYY-MM-DD, round as yes or no.
    """
    found = []
    for row in rows.drop(columns="line", errors="ignore").to_dict("records"):
        cells = {str(name): _text(value) for name, value in row.items()}
        words = " ".join(cells[name] for name in ("date", "observed_on", "kind") if name in cells)
        found.append(f"{words} {hash_text(*(f'{name}={text}' for name, text in cells.items()))[:16]}")
    return PARTED.join(found)


def _text(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def first_event(entry: Forecast, rung: Rung, rungs: Sequence[Rung], vintage: Vintage) -> date | None:
    """The day of the first event of a rung on the days origin+1 … target, the Sunday of one that is counted by whole weeks; None if none is on record."""
    if rung.indicator:
        days = [sunday for sunday, value in _whole_weeks(entry, rung, vintage).items() if value > 0]
    else:
        days = rung_days(vintage.events, rung, rungs)
    return min((day for day in days if entry.origin < day <= entry.target_end_date), default=None)


def rung_search(entry: Forecast, rung: Rung, rungs: Sequence[Rung], vintage: Vintage) -> tuple[float, float] | None:
    """q05 and q95 of the worst stretch in which a rung's events were looked for and that touches the window; None unless the whole window lies in them.

    Of a rung that is part of another, or of the rounds, the search for that one. How much an indicator captures is not known here: 0 to 1.
    """
    if rung.part_of:
        parent = next((one for one in rungs if one.id == rung.part_of), None)
        return worst_search(entry, vintage) if parent is None else rung_search(entry, parent, rungs, vintage)
    if rung.indicator:
        asked = [sunday for sunday in week_grid(entry.origin + timedelta(days=7), entry.target_end_date) if sunday <= entry.target_end_date]
        return (0.0, 1.0) if set(asked) <= set(_whole_weeks(entry, rung, vintage)) else None
    day, found = entry.origin + timedelta(days=1), []
    for first, last, low, high in searched_stretches(rung, vintage):
        if first <= day <= last:
            found.append((low, high))
            day = last + timedelta(days=1)
    return min(found) if day > entry.target_end_date else None


def _whole_weeks(entry: Forecast, rung: Rung, vintage: Vintage) -> dict[date, float]:
    """Counts of the weeks that lie in the window from Monday to Sunday, by their Sunday."""
    rows = vintage.values.get(str(rung.indicator))
    if rows is None:
        return {}
    counts = {week_of(day.date()): float(value) for day, value in zip(rows["observed_on"], rows["value"], strict=True)}
    first = entry.origin + timedelta(days=7)
    return {sunday: value for sunday, value in counts.items() if first <= sunday <= entry.target_end_date}


def decided_on(entry: Forecast, question: Question, rounds: Sequence[date]) -> date | None:
    """The day on which rounds made the forecast's question true; None if they did not.

    For a sustained process that is the day of the last of so many rounds within some stretch of so many weeks, Monday to Sunday, as
    `sustained_process` counts them in simulated futures; only days of the window count, also in weeks that it cuts.

    Parameters
    ----------
    rounds : sequence of date
        First days of all rounds on record, in order.
    """
    held = rounds_within(entry, rounds)
    if entry.question == question.id:
        return held[0] if held else None
    needed = question.sustained_rounds
    for first, last in zip(held, held[needed - 1 :], strict=False):
        if weeks_between(first, last) < question.sustained_weeks:
            return last
    return None


def rounds_within(entry: Forecast, rounds: Sequence[date]) -> list[date]:
    """The rounds on the days origin+1 … target."""
    return [day for day in rounds if entry.origin < day <= entry.target_end_date]


def worst_search(entry: Forecast, vintage: Vintage) -> tuple[float, float] | None:
    """q05 and q95 of the worst searched stretch that touches the window; None unless the whole window has been searched."""
    coverage, covered = vintage.coverage, vintage.covered_to
    if covered is None or covered < entry.target_end_date or coverage["from"].min() > pd.Timestamp(entry.origin + timedelta(days=1)):
        return None
    inside = (coverage["to"] > pd.Timestamp(entry.origin)) & (coverage["from"] <= pd.Timestamp(entry.target_end_date))
    return min((float(low), float(high)) for low, high in zip(coverage["q05"][inside], coverage["q95"][inside], strict=True))


def _reason(entry: Forecast, question: Question, rounds: Sequence[date], decided: date | None) -> str:
    held = rounds_within(entry, rounds)
    *first, last = [day.isoformat() for day in held] or [""]
    days = f"{', '.join(first)} and {last}" if first else last
    found = f"{'round' if len(held) == 1 else 'rounds'} on {days}" if held else "no round on record"
    if entry.question == question.id:
        return found
    wanted = f"{question.sustained_rounds} within {question.sustained_weeks} weeks"
    return f"{wanted} on {decided}: {found}" if decided else f"not {wanted}: {found}"
