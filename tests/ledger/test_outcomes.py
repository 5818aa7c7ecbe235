"""Outcomes: what the record of a day says of a forecast, and when it may say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ripeness.calendar import horizon_span
from ripeness.ledger import Entry
from ripeness.ledger.outcomes import SETTLE_DAYS, decided_on, resolve, worst_search
from ripeness.workspace.question import Question, Rung

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
    record = known([], coverage=[(date(2025, 5, 5), LATER, 0.9, 0.99, LATER)])  # told after the time to settle
    assert word(resolve(entry(weeks=4), question, LATER, record, resolved=True)) == "no"
    assert word(resolve(entry(weeks=4), question, LATER, record)) == "void"


@pytest.mark.parametrize("resolved", [True, False])
def test_what_is_off_the_record_again_is_a_no_only_where_somebody_searched(
    entry: Make, known: Known, question: Question, resolved: bool
) -> None:
    def taken_back(**searched: Any) -> Any:
        held, gone = known([ORIGIN + DAY], **searched), known([], **searched)
        return lambda day: (gone if day >= LATER else held)(day)

    assert word(resolve(entry(weeks=4), question, LATER, taken_back(coverage=ORIGIN), resolved=resolved)) == "void"
    assert word(resolve(entry(weeks=4), question, LATER, taken_back(), resolved=resolved)) == "no"


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
        assert outcome.evidence.startswith(f"{ended} government_ends ")


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


# --- Rungs --------------------------------------------------------------------------------------------------------------------------------------


def rung(id: str, **other: Any) -> Rung:
    words = {"label": "Label", "text": "Will it come about?", "definition": "What counts as it.", "void": "If nobody is left."}
    return Rung.model_validate({"id": id, **words, **other})


TRUCE = rung("truce", kinds=["truce_agreed"], conditions=["a"], searched=[{"from": date(2025, 6, 1), "q05": 0.8, "q95": 0.9}])
PEACE = rung("peace", kinds=["ceasefire"], part_of="truce")
LEADERS = rung("leaders", kinds=["leaders_meeting"], part_of="round")
VISIT = rung("visit", indicator="visits")
RUNGS = (TRUCE, PEACE, LEADERS, VISIT)


def with_events(vintage: Any, *rows: tuple[date, str]) -> Callable[[date], Any]:
    """The same record on every day, with further events known at once."""
    more = pd.DataFrame({"date": pd.to_datetime([row[0] for row in rows]), "kind": [row[1] for row in rows], "round": False})
    return lambda day: replace(vintage(day), events=pd.concat([vintage(day).events, more], ignore_index=True).astype({"round": bool}))


@pytest.mark.parametrize(
    ("question_id", "kind", "expected"),
    [
        ("truce", "truce_agreed", "yes"),
        ("truce", "ceasefire", "yes"),
        ("truce", "truce", "no"),
        ("peace", "truce_agreed", "no"),
        ("peace", "ceasefire", "yes"),
    ],
)
def test_a_rung_is_answered_by_its_kinds_and_those_of_what_is_part_of_it(
    entry: Make, known: Known, question: Question, question_id: str, kind: str, expected: str
) -> None:
    record = with_events(known([]), (ORIGIN + DAY, kind), (ORIGIN, kind), (TARGET + DAY, kind))
    found = resolve(entry(weeks=4, question=question_id), question, LATER, record, rungs=RUNGS)
    assert found is not None and found.word == expected and found.sensitivity == (0.8, 0.9)


def test_leaders_answer_only_in_the_week_of_a_round(entry: Make, known: Known, question: Question) -> None:
    alone = with_events(known([]), (ORIGIN + DAY, "leaders_meeting"))
    assert word(resolve(entry(weeks=4, question="leaders"), question, LATER, alone, rungs=RUNGS)) == "no"
    at_a_round = with_events(known([ORIGIN + 3 * DAY]), (ORIGIN + DAY, "leaders_meeting"))
    assert word(resolve(entry(weeks=4, question="leaders"), question, LATER, at_a_round, rungs=RUNGS)) == "yes"


def test_a_rung_that_nobody_looked_for_is_void_and_not_a_no(entry: Make, known: Known, question: Question) -> None:
    late = replace_searched(TRUCE, date(2025, 7, 1))
    record = with_events(known([]))
    asked = entry(weeks=4, question="truce")
    assert resolve(asked, question, DEADLINE, record, rungs=(late,)) is None
    assert word(resolve(asked, question, LATER, record, rungs=(late,))) == "void"
    assert resolve(asked, question, LATER, record, rungs=()) is None  # the workspace does not ask it


def replace_searched(one: Rung, first: date) -> Rung:
    return rung(one.id, kinds=one.kinds, conditions=one.conditions, searched=[{"from": first, "q05": 0.8, "q95": 0.9}])


def test_what_an_indicator_counts_is_answered_by_whole_weeks(entry: Make, known: Known, question: Question) -> None:
    def record(counts: dict[date, float]) -> Callable[[date], Any]:
        rows = pd.DataFrame({"observed_on": pd.to_datetime(list(counts)), "value": list(counts.values())})
        return lambda day: replace(known([])(day), values={"visits": rows})

    sundays = [ORIGIN + 7 * k * DAY for k in range(6)]
    asked = entry(weeks=4, question="visit")
    only_before_and_after = {day: float(day in (sundays[0], sundays[5])) for day in sundays}
    assert word(resolve(asked, question, LATER, record(only_before_and_after), rungs=RUNGS)) == "no"
    assert word(resolve(asked, question, LATER, record(only_before_and_after | {sundays[4]: 2.0}), rungs=RUNGS)) == "yes"
    missing = {day: 0.0 for day in sundays if day != sundays[3]}
    assert word(resolve(asked, question, LATER, record(missing), rungs=RUNGS)) == "void"
