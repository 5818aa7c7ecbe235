"""The record: counts that stay apart, scores by kind of issue, and the history of the headline as known on a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ripeness.ledger import Entry, append_entries, build_record, read_ledger, read_resolutions, resolve_forecasts
from ripeness.workspace.question import Question

ESSAY = date(2025, 6, 18)
AUGUST, OCTOBER = date(2025, 8, 3), date(2025, 10, 5)


@pytest.fixture
def record_as_of(
    tmp_path: Path, entry: Callable[..., Entry], known: Callable[..., Any], question: Question
) -> Callable[[date], dict[str, Any]]:
    append_entries(
        tmp_path,
        [
            entry(origin=date(2025, 5, 11), weeks=4),
            entry(origin=date(2025, 5, 11), weeks=13),
            entry(weeks=4),
            entry(weeks=13, probability=0.1),
            entry("ba9876543210", weeks=13, probability=0.3),
            entry(weeks=13, question="sustained", probability=0.05),
            entry(origin=date(2025, 6, 29), weeks=4, issued_on=date(2025, 7, 6)),
            entry(origin=date(2025, 9, 7), weeks=4),
            entry(origin=date(2025, 9, 28), weeks=13),
            entry("ba9876543210", weeks=13, probability=0.9, issued_on=date(2025, 10, 5)),
        ],
    )
    rounds = [date(2025, 5, 16), date(2025, 7, 23)]
    for day in (AUGUST, OCTOBER):
        resolve_forecasts(tmp_path, question, ESSAY, day, known(rounds, ended=(date(2025, 10, 1), date(2025, 10, 2))))

    def at(day: date) -> dict[str, Any]:
        return build_record(read_ledger(tmp_path), read_resolutions(tmp_path), question, ESSAY, day)

    return at


def test_counts_stay_apart_and_count_a_forecast_once(record_as_of: Any) -> None:
    counts = record_as_of(OCTOBER)["counts"]
    assert counts["ahead"] == {"issued": 5, "open": 1, "resolved": 3, "void": 1, "due": 0}
    assert counts["late"] == {"issued": 1, "open": 0, "resolved": 1, "void": 0, "due": 0}
    assert counts["hindsight"] == {"issued": 2, "open": 0, "resolved": 2, "void": 0, "due": 0}


def test_other_versions_are_listed(record_as_of: Any) -> None:
    versions = record_as_of(OCTOBER)["versions"]
    assert [(row["question"], row["horizon_weeks"], row["origin"], row["probability"], row["issued"]) for row in versions] == [
        ("round", 13, "2025-06-22", 0.1, "ahead"),
        ("round", 13, "2025-06-22", 0.9, "hindsight"),
    ]


def test_nothing_of_a_later_day_is_known(record_as_of: Any) -> None:
    august = record_as_of(AUGUST)
    assert august["counts"]["ahead"] == {"issued": 3, "open": 2, "resolved": 1, "void": 0, "due": 0}
    assert [row["outcome"] for row in august["history"]] == ["open", "open"]
    september = record_as_of(date(2025, 9, 21))
    assert september["counts"]["ahead"]["due"] == 2  # passed, and not resolved by then
    assert record_as_of(date(2025, 1, 1))["counts"]["ahead"]["issued"] == 0


def test_scores_are_means_by_kind_of_issue_question_and_horizon(record_as_of: Any) -> None:
    rows = record_as_of(OCTOBER)["scores"]
    assert [(row["issued"], row["question"], row["horizon_weeks"], row["resolved"], row["yes"]) for row in rows] == [
        ("ahead", "round", 4, 1, 0),
        ("ahead", "round", 13, 1, 1),
        ("ahead", "sustained", 13, 1, 0),
        ("hindsight", "round", 4, 1, 1),
        ("hindsight", "round", 13, 1, 1),
    ]
    assert rows[1]["brier"] == pytest.approx(0.7**2)  # of 0.3, the newest issued ahead
    assert rows[1]["outside_brier"] == pytest.approx(0.7**2)


def test_what_was_issued_late_is_listed_with_its_outcome_and_not_scored(record_as_of: Any) -> None:
    (late,) = [row for row in record_as_of(OCTOBER)["resolved"] if row["issued"] == "late"]
    assert (late["origin"], late["outcome"], late["brier"], late["outside_log_score"]) == ("2025-06-29", "yes", None, None)


def test_a_score_given_before_the_day_of_issue_was_known_counts_no_more_where_that_was_late(
    tmp_path: Path, entry: Callable[..., Entry], known: Callable[..., Any], question: Question
) -> None:
    old = entry(weeks=4, issued_on=None)
    append_entries(tmp_path / "old", [old])
    (row,) = resolve_forecasts(tmp_path / "old", question, ESSAY, OCTOBER, known([]))
    assert (row.issued, row.brier) == ("hindsight", pytest.approx(0.04))
    record = build_record([replace(old, issued_on=date(2025, 7, 1), note="by the mail")], [row], question, ESSAY, OCTOBER)
    (late,) = record["resolved"]
    assert (late["issued"], late["outcome"], late["brier"], late["outside_log_score"]) == ("late", "no", None, None)
    assert record["scores"] == []


def test_scores_follow_the_newest_resolution(tmp_path: Path, record_as_of: Any, known: Callable[..., Any], question: Question) -> None:
    november = date(2025, 11, 2)
    assert {row["outcome"] for row in record_as_of(november)["resolved"] if row["origin"] == "2025-05-11"} == {"yes"}
    disputed = known([date(2025, 7, 23)], ended=(date(2025, 10, 1), date(2025, 10, 2)))  # the round of 16 May was none
    resolve_forecasts(tmp_path, question, ESSAY, november, disputed)
    rows = {(row["issued"], row["horizon_weeks"]): row for row in record_as_of(november)["scores"] if row["question"] == "round"}
    assert (rows["hindsight", 4]["yes"], rows["hindsight", 4]["brier"]) == (0, pytest.approx(0.04))
    assert record_as_of(OCTOBER)["scores"][3]["yes"] == 1  # as it was known then


def test_the_history_is_of_the_headline_alone_in_order(record_as_of: Any) -> None:
    history = record_as_of(OCTOBER)["history"]
    assert [(row["origin"], row["probability"], row["outcome"], row["issued"]) for row in history] == [
        ("2025-05-11", 0.2, "yes", "hindsight"),
        ("2025-06-22", 0.3, "yes", "ahead"),
        ("2025-09-28", 0.2, "open", "ahead"),
    ]


def test_resolved_rows_come_newest_target_first_void_included(record_as_of: Any) -> None:
    rows = record_as_of(OCTOBER)["resolved"]
    assert [row["target_end_date"] for row in rows] == sorted((row["target_end_date"] for row in rows), reverse=True)
    assert rows[0]["outcome"] == "void" and rows[0]["reason"] == "a government had ceased to exist on 2025-10-01"
