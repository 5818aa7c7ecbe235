"""Origins of the backtest, what each could know, and the populations in which their forecasts are scored apart.

    war began … four months … O₁ ─4w─ O₂ ─4w─ O₃ ─ … ─ Oₙ = last Sunday searched

Origins are Sundays, so that the four weeks after each are whole and, end to end, cover every week from O₁ to Oₙ once.

What came of the backtest's forecasts, judged by the code that resolves the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from typing import Final

import numpy as np
import pandas as pd

from ripeness.calendar import DAYS_IN_WEEK, target_date, weeks_between
from ripeness.data.vintages import Store, Vintage
from ripeness.evaluation.unit import BLOCK_WEEKS, WEEK, history
from ripeness.ledger.entries import Entry
from ripeness.ledger.outcomes import NO, YES, resolve
from ripeness.workspace.question import Question, Rung

WARM_UP_DAYS: Final = 126  # four months of war before the first origin
RECENT_DAYS: Final = 56  # rows this fresh show whether a vintage was recorded as it happened

ALL: Final = "all"
HINDSIGHT: Final = "hindsight_priors"
AFTER: Final = "after_essay"
DORMANT: Final = "dormant"
ACTIVE: Final = "active"
RECONSTRUCTED: Final = "reconstructed_vintages"
RECORDED: Final = "recorded_vintages"
POPULATIONS: Final = (ALL, HINDSIGHT, AFTER, DORMANT, ACTIVE, RECONSTRUCTED, RECORDED)

AS_OF: Final = "as_of"  # what was known on the origin
FINAL: Final = "final"  # of the same periods, what is known now
ANSWERS: Final = {YES: 1.0, NO: 0.0}


def backtest_origins(question: Question, last: date) -> list[date]:
    """Every fourth Sunday up to `last`, none earlier than four months into the war.

    Parameters
    ----------
    question : Question
    last : date
        The last Sunday up to which rounds have been searched for.
    """
    first = question.war_began + timedelta(days=WARM_UP_DAYS)
    step = timedelta(days=DAYS_IN_WEEK * BLOCK_WEEKS)
    origins = []
    while last >= first:
        origins.append(last)
        last -= step
    return origins[::-1]


def spread_evenly(origins: Sequence[date], number: int) -> list[date]:
    """So many of the origins, evenly spread, the first and the last among them; all if there are no more."""
    if number >= len(origins):
        return list(origins)
    return [origins[place] for place in np.linspace(0, len(origins) - 1, number).round().astype(int)]


def final_vintage(store: Store, origin: date, known: date) -> Vintage:
    """What is known on a later day of the time up to an origin.

    Values observed, events held or announced, and weeks searched by the origin, each as last published by `known`. What was published after
    the origin is passed off as published on it: such a vintage serves to measure what late and revised rows are worth, never to forecast.
    """
    later, day = store.as_of(known), pd.Timestamp(origin)

    def passed_off(frame: pd.DataFrame, seen: pd.Series[bool]) -> pd.DataFrame:
        rows = frame[seen].reset_index(drop=True)
        published = rows["published_on"]
        return rows.assign(published_on=published.where(published <= day, day).astype("datetime64[ns]"))

    values = {name: passed_off(frame, frame["observed_on"] <= day) for name, frame in later.values.items()}
    events = passed_off(later.events, (later.events["date"] <= day) | (later.events["published_on"] <= day))
    coverage = passed_off(later.coverage, later.coverage["to"] <= day)
    return replace(store.as_of(origin), values=values, events=events, coverage=coverage)


def is_recorded(store: Store, vintage: Vintage) -> bool:
    """Whether the record of updates shows that the vintage's newest rows had been entered by its origin.

    If not, the vintage was put together afterwards from days of publication that are themselves reconstructed.
    """
    day = pd.Timestamp(vintage.origin)
    for name in (*vintage.values, "events", "coverage"):
        seen = vintage.table(name)
        fresh = seen.loc[seen["published_on"] > day - pd.Timedelta(days=RECENT_DAYS), "line"]
        entered = store.entered(name).set_index("line")["entered_on"].reindex(fresh)
        if not (entered <= day).all():
            return False
    return True


def populations_of(origin: date, essay: date, dormant: bool, recorded: bool) -> list[str]:
    """The populations that an origin's forecasts belong to.

    Parameters
    ----------
    origin : date
    essay : date
        Day of the essay: before it neither the essay nor the priors drawn from it existed.
    dormant : bool
        Whether talks were dormant by the record of the origin.
    recorded : bool
        As `is_recorded` has it.
    """
    return [
        ALL,
        HINDSIGHT if origin < essay else AFTER,
        DORMANT if dormant else ACTIVE,
        RECORDED if recorded else RECONSTRUCTED,
    ]


@dataclass(frozen=True)
class Cluster:
    """Rounds without dormancy between them.

    Parameters
    ----------
    first, last : date
        Days of its first and last round.
    rounds : int
    """

    first: date
    last: date
    rounds: int


def find_clusters(rounds: Sequence[date], question: Question) -> list[Cluster]:
    """Rounds parted by dormancy into clusters, each of which begins with a resumption (but for the war's first)."""
    clusters: list[Cluster] = []
    for day in rounds:
        if clusters and not question.is_dormant(weeks_between(clusters[-1].last, day)):
            clusters[-1] = Cluster(clusters[-1].first, day, clusters[-1].rounds + 1)
        else:
            clusters.append(Cluster(day, day, 1))
    return clusters


def with_outcomes(frame: pd.DataFrame, question: Question, store: Store, rungs: Sequence[Rung] = ()) -> pd.DataFrame:
    """The rows whose outcome is known, with it.

    A horizon is settled if its target lies within the record and is not void. Of the rows of a week those of the first four are kept
    whose history is what happened; a week is settled if it and all weeks before it in the block are.

    Parameters
    ----------
    frame : DataFrame (row)
        As `read_units` gives it.
    question : Question
    store : Store
        Whose whole record, up to its default origin, answers.
    rungs : sequence of Rung
        The workspace's.

    Returns
    -------
    DataFrame (row)
        With a column outcome, 1 for a round and 0 for none.
    """
    known = events_as_of(store, [rung.indicator for rung in rungs if rung.indicator])
    last = store.default_origin()

    @cache
    def answer(origin: date, weeks: int, asked: str = question.id) -> float | None:
        outcome = resolve(_asked(asked, origin, weeks), question, last, known, rungs=rungs)
        return None if outcome is None else ANSWERS.get(outcome.word)

    @cache
    def block(origin: date) -> list[float]:
        answers: list[float] = []
        for week in range(BLOCK_WEEKS):
            found = answer(origin + timedelta(days=7 * week), 1)
            if found is None:
                break
            answers.append(found)
        return answers

    outcomes: list[float | None] = []
    for name, origin, weeks, given in zip(frame["question"], frame["origin"], frame["horizon_weeks"], frame["given"], strict=True):
        if name != WEEK:
            outcomes.append(answer(origin, weeks, name))
            continue
        happened = block(origin)
        seen = weeks <= len(happened) and given == history([int(one) for one in happened[: weeks - 1]])
        outcomes.append(happened[weeks - 1] if seen else None)
    resolved_rows = frame.assign(outcome=pd.Series(outcomes, index=frame.index, dtype="float64"))
    return resolved_rows[resolved_rows["outcome"].notna()].reset_index(drop=True)


def events_as_of(store: Store, counted: Sequence[str] = ()) -> Callable[[date], Vintage]:
    """From a day to what was known of events and coverage, which is all that outcomes need besides the indicators that count a rung."""
    contracts, rows = {name: store.contracts[name] for name in counted}, {name: store.rows[name] for name in counted}
    return cache(replace(store, contracts=contracts, rows=rows).as_of)


def _asked(asked: str, origin: date, weeks: int) -> Entry:
    """A question as the ledger asks it; its numbers play no part in the answer."""
    return Entry("backtest", asked, origin, weeks, target_date(origin, weeks), 0.5, 0.5, 0.5, 0.5, "backtest", "-", "-", "-")
