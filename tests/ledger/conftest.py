"""A made-up question, forecasts of it, and a record to hold them against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from ripeness.data.vintages import Store, Vintage
from ripeness.ledger import Entry
from ripeness.workspace.question import Question

ORIGIN = date(2025, 6, 22)  # a Sunday


def entry_of(run_id: str = "0123456789ab", origin: date = ORIGIN, weeks: int = 13, probability: float = 0.2, **other: Any) -> Entry:
    """A forecast with a target that fits, issued on its origin."""
    target = origin + timedelta(days=7 * weeks)
    shown = (probability, probability / 2, min(1.0, 2 * probability), 0.3)
    made_from = {
        "method": "mixture, NUTS",
        "data_hash": "d" * 64,
        "priors_hash": "p" * 64,
        "code_version": "0.1.0+abc",
        "issued_on": origin,
    }
    question = other.pop("question", "round")
    return Entry(run_id, question, origin, weeks, target, *shown, **(made_from | other))


def known_from(
    rounds: Sequence[tuple[date, date] | date] = (),
    coverage: Sequence[tuple[date, date, float, float, date]] | date = date(2026, 12, 27),
    ended: tuple[date, date] | None = None,
) -> Callable[[date], Vintage]:
    """A record, as a function from a day to its vintage.

    Parameters
    ----------
    rounds : sequence of (day, day on which it became known), or of days known the day after
    coverage : sequence of (from, to, q05, q95, published_on), or the day up to which every week was searched at its end
    ended : (day, day on which it became known), optional
        The end of a government.
    """
    held = [one if isinstance(one, tuple) else (one, one + timedelta(days=1)) for one in rounds]
    rows = [(day, "round", True, known) for day, known in held]
    if ended:
        rows.append((ended[0], "government_ends", False, ended[1]))
    events = pd.DataFrame(
        {
            "date": pd.to_datetime([row[0] for row in rows]).astype("datetime64[ns]"),
            "end_date": pd.to_datetime([row[0] for row in rows]).astype("datetime64[ns]"),
            "kind": [row[1] for row in rows],
            "round": pd.array([row[2] for row in rows], dtype="bool"),
            "published_on": pd.to_datetime([row[3] for row in rows]).astype("datetime64[ns]"),
            "description": [f"event {n}" for n in range(len(rows))],
            "line": range(2, len(rows) + 2),
        }
    )
    if isinstance(coverage, date):
        first = date(2025, 5, 5)
        sundays = [first + timedelta(days=6 + 7 * k) for k in range((coverage - first).days // 7 + 1)]
        coverage = [(sunday - timedelta(days=6), sunday, 0.95, 0.99, sunday) for sunday in sundays]
    searched = pd.DataFrame(coverage, columns=["from", "to", "q05", "q95", "published_on"])
    for name in ("from", "to", "published_on"):
        searched[name] = pd.to_datetime(searched[name]).astype("datetime64[ns]")
    searched["line"] = range(2, len(searched) + 2)
    return Store({}, {}, events, searched, {}).as_of


@pytest.fixture
def question() -> Question:
    return Question(
        id="round",
        text="Will they hold a round?",
        definition="A meeting of delegations.",
        void="If nobody is left.",
        parties=["East", "West"],
        war_began=date(2025, 5, 5),
        horizons_weeks=[4, 13],
        headline_weeks=13,
    )


@pytest.fixture
def entry() -> Callable[..., Entry]:
    return entry_of


@pytest.fixture
def known() -> Callable[..., Callable[[date], Vintage]]:
    return known_from
