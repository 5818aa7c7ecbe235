"""What came of the backtest's forecasts, judged by the code that resolves the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Final

import pandas as pd

from ripeness.calendar import target_date
from ripeness.data.vintages import Store, Vintage
from ripeness.evaluation.origins import BLOCK_WEEKS
from ripeness.evaluation.unit import WEEK, history
from ripeness.ledger.entries import Entry
from ripeness.ledger.outcomes import NO, YES, settle
from ripeness.workspace.question import Question

ANSWERS: Final = {YES: 1.0, NO: 0.0}


def settled(frame: pd.DataFrame, question: Question, store: Store) -> pd.DataFrame:
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

    Returns
    -------
    DataFrame (row)
        With a column outcome, 1 for a round and 0 for none.
    """
    known = events_known(store)
    last = store.default_origin()

    @cache
    def answer(origin: date, weeks: int) -> float | None:
        outcome = settle(_asked(question, origin, weeks), question, last, known)
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
            outcomes.append(answer(origin, weeks))
            continue
        happened = block(origin)
        seen = weeks <= len(happened) and given == history([int(one) for one in happened[: weeks - 1]])
        outcomes.append(happened[weeks - 1] if seen else None)
    known_rows = frame.assign(outcome=pd.Series(outcomes, index=frame.index, dtype="float64"))
    return known_rows[known_rows["outcome"].notna()].reset_index(drop=True)


def events_known(store: Store) -> Callable[[date], Vintage]:
    """From a day to what was known of events and coverage, which is all that outcomes need."""
    return cache(replace(store, contracts={}, rows={}).as_of)


def _asked(question: Question, origin: date, weeks: int) -> Entry:
    """The question as the ledger asks it; its numbers play no part in the answer."""
    return Entry("backtest", question.id, origin, weeks, target_date(origin, weeks), 0.5, 0.5, 0.5, 0.5, "backtest", "-", "-", "-")
