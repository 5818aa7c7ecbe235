"""Outcomes: what the record of a day says of a forecast, and when it may say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from ripeness.calendar import horizon_span
from ripeness.ledger import Entry
from ripeness.ledger.outcomes import SETTLE_DAYS, decided_on, resolve, worst_search
from ripeness.workspace.question import Question

Make = Callable[..., Entry]
Known = Callable[..., Any]
ORIGIN, TARGET = date(2025, 6, 22), date(2025, 7, 20)  # 4 weeks
DAY = timedelta(days=1)
DEADLINE = TARGET + SETTLE_DAYS * DAY
LATER = date(2026, 1, 4)


def word(outcome: Any) -> str | None:
    return outcome and outcome.word


@pytest.mark.parametrize(
    ("day", "expected"),
    [(ORIGIN, "no"), (ORIGIN + DAY, "yes"), (TARGET, "yes"), (TARGET + DAY, "no")],
    ids=["on the origin", "the day after", "on the target", "the day after it"],
)
def test_the_window_runs_from_the_day_after_the_origin_to_the_target(
    entry: Make, known: Known, question: Question, day: date, expected: str
) -> None:
    assert word(resolve(entry(weeks=4), question, LATER, known([day]))) == expected


def test_no_outcome_before_the_target_not_even_a_yes(entry: Make, known: Known, question: Question) -> None:
    record = known([ORIGIN + DAY])
    assert resolve(entry(weeks=4), question, TARGET - DAY, record) is None
    assert word(resolve(entry(weeks=4), question, TARGET, record)) == "yes"


def test_a_window_not_yet_searched_stays_open_and_is_void_after_thirty_days(entry: Make, known: Known, question: Question) -> None:
    record = known([], coverage=TARGET - 7 * DAY)
    assert resolve(entry(weeks=4), question, TARGET, record) is None
    assert resolve(entry(weeks=4), question, DEADLINE, record) is None
    void = resolve(entry(weeks=4), question, DEADLINE + DAY, record)
    assert void is not None
    assert (void.word, void.reason) == ("void", "the record did not cover the window within 30 days of the target date")
    assert void.sensitivity is None


@pytest.mark.parametrize(("published", "expected"), [(DEADLINE, "no"), (DEADLINE + DAY, "void")])
def test_a_search_published_too_late_does_not_settle(entry: Make, known: Known, question: Question, published: date, expected: str) -> None:
    record = known([], coverage=[(date(2025, 5, 5), TARGET, 0.9, 0.99, published)])
    assert word(resolve(entry(weeks=4), question, LATER, record)) == expected
    assert resolve(entry(weeks=4), question, published - DAY, record) is None or expected == "void"


def test_a_window_whose_beginning_was_not_searched_is_not_covered(entry: Make, known: Known) -> None:
    stretches = [(ORIGIN + DAY, LATER, 0.9, 0.99, LATER)]
    assert worst_search(entry(weeks=4), known([], coverage=stretches)(LATER)) == (0.9, 0.99)
    later = [(ORIGIN + 2 * DAY, LATER, 0.9, 0.99, LATER)]
    assert worst_search(entry(weeks=4), known([], coverage=later)(LATER)) is None


def test_a_round_on_record_settles_a_window_that_nobody_searched_in_time(entry: Make, known: Known, question: Question) -> None:
    record = known([ORIGIN + DAY], coverage=ORIGIN)
    assert resolve(entry(weeks=4), question, DEADLINE, record) is None
    yes = resolve(entry(weeks=4), question, DEADLINE + DAY, record)
    assert yes is not None and (yes.word, yes.sensitivity) == ("yes", None)
    late = known([(ORIGIN + DAY, DEADLINE + DAY)], coverage=ORIGIN)
    assert word(resolve(entry(weeks=4), question, LATER, late)) == "void"


def test_only_what_was_known_on_the_day_counts(entry: Make, known: Known, question: Question) -> None:
    record = known([(ORIGIN + DAY, date(2025, 12, 1))])
    assert word(resolve(entry(weeks=4), question, date(2025, 11, 30), record)) == "no"
    assert word(resolve(entry(weeks=4), question, date(2025, 12, 1), record)) == "yes"


def test_what_has_been_answered_is_not_void_later(entry: Make, known: Known, question: Question) -> None:
    record = known([], coverage=ORIGIN)
    assert word(resolve(entry(weeks=4), question, LATER, record, resolved=True)) == "no"


def test_a_no_says_how_well_rounds_were_searched_for(entry: Make, known: Known, question: Question) -> None:
    stretches = [
        (date(2025, 5, 5), ORIGIN, 0.1, 0.2, ORIGIN),
        (ORIGIN + DAY, date(2025, 7, 13), 0.95, 0.99, TARGET),
        (date(2025, 7, 14), date(2025, 7, 27), 0.8, 0.92, date(2025, 7, 27)),
        (date(2025, 7, 28), LATER, 0.3, 0.4, LATER),
    ]
    no = resolve(entry(weeks=4), question, LATER, known([], coverage=stretches))
    assert no is not None and (no.reason, no.sensitivity) == ("no round on record", (0.8, 0.92))


@pytest.mark.parametrize(
    ("rounds", "ended", "expected"),
    [
        ([], TARGET, "void"),
        ([], TARGET + DAY, "no"),
        ([], date(2025, 6, 1), "void"),
        ([ORIGIN + DAY], TARGET, "yes"),
        ([TARGET], TARGET - DAY, "void"),
    ],
    ids=["within", "after", "before", "after a round", "before a round"],
)
def test_the_end_of_a_government_makes_void_what_it_left_open(
    entry: Make, known: Known, question: Question, rounds: list[date], ended: date, expected: str
) -> None:
    outcome = resolve(entry(weeks=4), question, LATER, known(rounds, ended=(ended, ended + DAY)))
    assert word(outcome) == expected
    if expected == "void":
        assert outcome is not None and outcome.reason == f"a government had ceased to exist on {ended}"


def test_a_question_of_another_workspace_stays_open(entry: Make, known: Known, question: Question) -> None:
    assert resolve(entry(weeks=4, question="truce"), question, LATER, known([])) is None


def test_a_sustained_process_needs_so_many_rounds_in_so_many_weeks(entry: Make, known: Known, question: Question) -> None:
    asked = entry(weeks=26, question="sustained")
    monday = ORIGIN + DAY
    near = [monday, monday + 7 * DAY, monday + 90 * DAY]  # the Sunday that ends the 13th week
    assert decided_on(asked, question, near) == near[2]
    assert decided_on(asked, question, [*near[:2], monday + 91 * DAY]) is None
    assert decided_on(asked, question, [ORIGIN, *near[:2]]) is None  # only after the origin
    assert decided_on(asked, question, [ORIGIN - 7 * DAY, *near]) == near[2]
    outcome = resolve(asked, question, LATER, known(near))
    assert outcome is not None
    assert outcome.reason == "3 within 13 weeks on 2025-09-21: rounds on 2025-06-23, 2025-06-30 and 2025-09-21"
    less = resolve(asked, question, LATER, known(near[:2]))
    assert less is not None and (less.word, less.reason[:23]) == ("no", "not 3 within 13 weeks: ")


def test_sustained_is_resolved_as_it_is_simulated(entry: Make, question: Question) -> None:
    """Against `sustained_process`, for every set of weeks with a round, in a question small enough to try them all."""
    from ripeness.forecast.simulate import sustained_process

    small = question.model_copy(update={"sustained_rounds": 3, "sustained_weeks": 4})
    asked = replace(entry(weeks=9, question="sustained"))
    reach = horizon_span(ORIGIN, 9).shares[None]
    seen = set()
    for held in combinations(range(9), 4):
        for counted in (held, held[:3], (*held[:2], held[1])):  # twice in one week too
            rounds = np.bincount(counted, minlength=9)[None, None]
            simulated = bool(sustained_process(rounds, reach, 3, 4)[0, 0])
            days = sorted(ORIGIN + (1 + 7 * week + place % 2) * DAY for place, week in enumerate(counted))
            assert (decided_on(asked, small, days) is not None) is simulated, counted
            seen.add(simulated)
    assert seen == {True, False}
