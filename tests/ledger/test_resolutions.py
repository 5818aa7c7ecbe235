"""Resolutions: every forecast whose target has passed, scored once; what is found later supersedes and changes nothing before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ripeness.errors import ContentError
from ripeness.ledger import FILE, RESOLUTIONS_FILE, Entry, Resolution, append_entries, read_resolutions, resolve_forecasts
from ripeness.ledger.entries import UNCHAINED
from ripeness.ledger.resolutions import scores
from ripeness.workspace.question import Question

Make = Callable[..., Entry]
Known = Callable[..., Any]
ESSAY = date(2025, 6, 18)
AUGUST, OCTOBER, NOVEMBER = date(2025, 8, 3), date(2025, 10, 5), date(2025, 11, 2)
JULY_23 = date(2025, 7, 23)


@pytest.fixture
def resolve(tmp_path: Path, entry: Make, question: Question) -> Callable[..., list[Resolution]]:
    """Resolve four forecasts: 4 and 13 weeks from 22 June, 4 weeks from 11 May, and sustained."""
    forecasts = [entry(origin=date(2025, 5, 11), weeks=4), entry(weeks=4), entry(weeks=13), entry(weeks=13, question="sustained")]
    append_entries(tmp_path, forecasts)

    def run(as_of: date, record: Any) -> list[Resolution]:
        return resolve_forecasts(tmp_path, question, ESSAY, as_of, record)

    return run


def test_what_has_passed_is_scored_beside_the_outside_view(tmp_path: Path, resolve: Any, known: Known) -> None:
    record = known([date(2025, 5, 16), JULY_23])
    first = resolve(AUGUST, record)
    assert [(row.origin, row.horizon_weeks, row.outcome, row.issued) for row in first] == [
        (date(2025, 5, 11), 4, "yes", "hindsight"),
        (date(2025, 6, 22), 4, "no", "ahead"),
    ]
    then = resolve(OCTOBER, record)
    assert [(row.question, row.outcome) for row in then] == [("round", "yes"), ("sustained", "no")]
    assert read_resolutions(tmp_path) == [*first, *then]
    yes, no = first
    assert (yes.brier, yes.outside_brier) == (pytest.approx(0.64), pytest.approx(0.49))
    assert (no.brier, no.outside_brier) == (pytest.approx(0.04), pytest.approx(0.09))
    assert yes.log_score == pytest.approx(-math.log(0.2), abs=1e-6)
    assert no.outside_log_score == pytest.approx(-math.log(0.7), abs=1e-6)
    assert (no.sensitivity_q05, no.sensitivity_q95, no.reason) == (0.95, 0.99, "no round on record")


def test_resolving_again_adds_nothing(tmp_path: Path, resolve: Any, known: Known) -> None:
    record = known([JULY_23])
    assert len(resolve(OCTOBER, record)) == 4
    before = (tmp_path / RESOLUTIONS_FILE).read_bytes()
    assert resolve(OCTOBER, record) == resolve(NOVEMBER, record) == resolve(AUGUST, record) == []
    assert (tmp_path / RESOLUTIONS_FILE).read_bytes() == before


def test_a_round_found_later_supersedes_and_the_old_row_stays(tmp_path: Path, resolve: Any, known: Known) -> None:
    resolve(AUGUST, known([]))
    before = (tmp_path / RESOLUTIONS_FILE).read_bytes()
    found = known([(date(2025, 7, 1), OCTOBER)])
    added = [row for row in resolve(OCTOBER, found) if row.horizon_weeks == 4]
    assert [(row.outcome, row.reason) for row in added] == [("yes", "round on 2025-07-01; supersedes the no as of 2025-08-03")]
    assert (tmp_path / RESOLUTIONS_FILE).read_bytes().startswith(before)
    assert resolve(AUGUST, found) == []  # the record of an earlier day does not supersede
    back = [row for row in resolve(NOVEMBER, known([])) if row.horizon_weeks == 4]
    assert [row.reason for row in back] == ["no round on record; supersedes the yes as of 2025-10-05"]


def test_a_resolution_names_its_evidence_and_its_day(tmp_path: Path, entry: Make, question: Question, known: Known) -> None:
    append_entries(tmp_path, [entry(), entry(weeks=4), entry(weeks=13, question="sustained")])
    record = known([JULY_23, date(2025, 8, 9)])
    rows = resolve_forecasts(tmp_path, question, ESSAY, OCTOBER, record, (), NOVEMBER, "0.1.0")
    cells = {"date": "2025-07-23", "end_date": "2025-07-23", "kind": "round", "round": "yes"}
    cells |= {"published_on": "2025-07-24", "description": "event 0"}
    digest = sha256("".join(f"{name}={text}\0" for name, text in cells.items()).encode()).hexdigest()
    assert [row.evidence for row in rows] == [f"2025-07-23 round {digest[:16]}", None, None]
    assert {(row.resolved_on, row.program_version) for row in read_resolutions(tmp_path)} == {(NOVEMBER, "0.1.0")}


def test_a_yes_whose_evidence_is_gone_is_resolved_anew(tmp_path: Path, resolve: Any, known: Known) -> None:
    first, second = date(2025, 7, 9), date(2025, 7, 23)
    resolve(OCTOBER, known([first, second]))
    more = known([first, second, (date(2025, 7, 1), NOVEMBER)])
    earlier = resolve(NOVEMBER, more)  # an earlier round decides, and no row is gone
    assert {row.outcome for row in earlier} == {"yes"}
    assert {row.reason.partition("; ")[2] for row in earlier if row.question == "round"} == {
        "supersedes the yes as of 2025-10-05, which rested on other rows"
    }
    before = len(read_resolutions(tmp_path))
    later = NOVEMBER + timedelta(days=7)
    added = resolve(later, known([second]))
    assert [(row.outcome, row.horizon_weeks) for row in added if row.outcome == "yes"] == [(13, "yes")[::-1]]
    (yes,) = [row for row in added if row.outcome == "yes"]
    assert yes.reason == "round on 2025-07-23; supersedes the yes as of 2025-11-02, which rested on other rows"
    assert len(read_resolutions(tmp_path)) == before + len(added)
    assert resolve(later, known([second])) == []


def test_a_round_taken_back_while_nobody_searched_is_void(tmp_path: Path, resolve: Any, known: Known) -> None:
    unsearched = {"coverage": date(2025, 6, 22)}
    resolve(OCTOBER, known([date(2025, 7, 1)], **unsearched))
    back = [row for row in resolve(NOVEMBER, known([], **unsearched)) if row.horizon_weeks == 4 and row.origin == date(2025, 6, 22)]
    assert [(row.outcome, row.brier) for row in back] == [("void", None)]
    assert back[0].reason == "nothing is on record any more, and the window has not been searched; supersedes the yes as of 2025-10-05"
    later = NOVEMBER + timedelta(days=7)
    searched = known([], coverage=[(date(2025, 5, 5), NOVEMBER, 0.9, 0.99, later)])  # long after the time to settle
    last = [row for row in resolve(later, searched) if row.horizon_weeks == 4 and row.origin == date(2025, 6, 22)]
    assert [(row.outcome, row.brier) for row in last] == [("no", pytest.approx(0.04))]


def test_a_resolution_disputed_twice_leaves_three_rows_and_the_last_is_in_force(tmp_path: Path, resolve: Any, known: Known) -> None:
    """Each with the scores of its answer; the same day's record may answer otherwise than it did."""
    records = [known([JULY_23]), known([]), known([date(2025, 7, 2), JULY_23])]
    for record in records:
        resolve(OCTOBER, record)
        assert resolve(OCTOBER, record) == []
    rows = [row for row in read_resolutions(tmp_path) if (row.question, row.horizon_weeks) == ("round", 13)]
    assert [(row.outcome, row.brier) for row in rows] == [
        ("yes", pytest.approx(0.64)),
        ("no", pytest.approx(0.04)),
        ("yes", pytest.approx(0.64)),
    ]
    assert [row.reason.partition("; ")[2] for row in rows] == ["", *(f"supersedes the {word} as of 2025-10-05" for word in ("yes", "no"))]


def test_what_was_issued_late_is_resolved_and_not_scored(tmp_path: Path, entry: Make, question: Question, known: Known) -> None:
    append_entries(tmp_path, [entry(weeks=4, issued_on=date(2025, 7, 1))])
    (row,) = resolve_forecasts(tmp_path, question, ESSAY, AUGUST, known([]))
    assert (row.issued, row.outcome, row.brier, row.outside_log_score) == ("late", "no", None, None)
    assert read_resolutions(tmp_path) == [row]
    path = tmp_path / RESOLUTIONS_FILE
    path.write_text(path.read_text("utf-8").replace("no round on record,,", "no round on record,0.04,"), "utf-8", newline="\n")
    with pytest.raises(ContentError, match="line 2: found scores that are not those of no, issued late"):
        read_resolutions(tmp_path)


def test_void_has_a_reason_and_no_score_and_stays_void(tmp_path: Path, resolve: Any, known: Known) -> None:
    unsearched = known([], coverage=date(2025, 6, 22))
    void = [row for row in resolve(OCTOBER, unsearched) if row.origin == date(2025, 6, 22)]
    assert [(row.outcome, row.brier, row.outside_log_score) for row in void] == [("void", None, None)]
    assert void[0].reason == "the record did not cover the window within 30 days of the target date"
    searched = known([], coverage=[(date(2025, 5, 5), NOVEMBER, 0.9, 0.99, NOVEMBER)])
    assert [(row.horizon_weeks, row.outcome) for row in resolve(NOVEMBER, searched)] == [(13, "void"), (13, "void")]
    assert {row.outcome for row in read_resolutions(tmp_path) if row.origin == date(2025, 6, 22)} == {"void"}


def test_a_forecast_issued_again_with_another_number_is_scored_on_its_own(tmp_path: Path, entry: Make, resolve: Any, known: Known) -> None:
    append_entries(tmp_path, [entry("ba9876543210", weeks=4, probability=0.25)])
    added = [row for row in resolve(AUGUST, known([])) if row.origin == date(2025, 6, 22)]
    assert [(row.run_id[:2], row.brier) for row in added] == [("01", pytest.approx(0.04)), ("ba", pytest.approx(0.0625))]


def test_the_same_run_sampled_elsewhere_is_scored_on_its_own(tmp_path: Path, entry: Make, resolve: Any, known: Known) -> None:
    append_entries(tmp_path, [entry(weeks=4, probability=0.2 + 1e-6)])
    added = [row for row in resolve(AUGUST, known([])) if row.origin == date(2025, 6, 22)]
    assert [row.probability for row in added] == [0.2, 0.200001]
    assert resolve(AUGUST, known([])) == []
    assert len({row.key for row in read_resolutions(tmp_path)}) == len(read_resolutions(tmp_path)) == 3


def test_scores_of_extreme_probabilities_are_finite() -> None:
    assert scores(0.0, "no") == (0.0, pytest.approx(0.0, abs=1e-6))
    assert scores(0.0, "yes") == (1.0, pytest.approx(-math.log(5e-7), abs=1e-6))
    assert scores(1.0, "no") == scores(0.0, "yes")
    assert scores(0.4, "void") == (None, None)


def test_without_a_ledger_nothing_is_written(tmp_path: Path, question: Question, known: Known) -> None:
    assert resolve_forecasts(tmp_path / "reports", question, ESSAY, OCTOBER, known([])) == []
    assert resolve_forecasts(tmp_path, question, ESSAY, OCTOBER, known([])) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",yes,", ",maybe,", r"line 2: .*outcome 'maybe'"),
        (",yes,", ",no,", r"line 2: found scores that are not those of no; expected 0.040000"),
        ("0.640000", "0.040000", r"line 2: found scores that are not those of yes"),
        (",0.200000,", ",0.210000,", r"line 2: found a resolution of round, 2025-05-11, 4 weeks; expected a forecast of the ledger"),
        (",0.300000,", ",0.310000,", r"line 2: found a resolution of round, 2025-05-11, 4 weeks; expected a forecast of the ledger"),
        (",2025-06-08,", ",2025-06-15,", r"line 2: found a resolution of round, 2025-05-11, 4 weeks; expected a forecast of the ledger"),
        ("outcome,", "result,", r"line 1: found columns"),
    ],
)
def test_a_spoilt_file_is_refused_with_its_line_and_left_alone(
    tmp_path: Path, resolve: Any, known: Known, old: str, new: str, words: str
) -> None:
    record = known([date(2025, 5, 16)])
    resolve(AUGUST, record)
    path = tmp_path / RESOLUTIONS_FILE
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8", newline="\n")
    before = path.read_bytes()
    with pytest.raises(ContentError, match=words):
        resolve(OCTOBER, record)
    assert path.read_bytes() == before


def test_a_resolution_whose_forecast_was_deleted_is_reported(tmp_path: Path, resolve: Any, known: Known) -> None:
    resolve(AUGUST, known([]))
    ledger = tmp_path / FILE
    lines = ledger.read_text("utf-8").splitlines(keepends=True)
    ledger.write_text("".join([lines[0], *lines[2:]]), "utf-8", newline="\n")
    with pytest.raises(ContentError, match=r"ledger.csv, line 2: found a row before which others were deleted"):
        read_resolutions(tmp_path)
    unchained = [",".join(line.split(",")[: UNCHAINED + ('"' in line)]) for line in lines]
    ledger.write_text("\n".join([unchained[0], *unchained[2:]]), "utf-8", newline="\n")
    with pytest.raises(ContentError, match=r"resolutions.csv, line 2: .*a forecast of the ledger"):
        read_resolutions(tmp_path)


def test_replaying_day_by_day_ends_where_one_look_does(tmp_path: Path, entry: Make, question: Question, known: Known) -> None:
    record = known([date(2025, 5, 16), (date(2025, 7, 1), OCTOBER), JULY_23])
    forecasts = [entry(origin=date(2025, 5, 11) + timedelta(days=7 * k), weeks=4) for k in range(12)]
    for folder, days in (("one", [NOVEMBER]), ("many", [date(2025, 5, 11) + timedelta(days=k) for k in range(0, 176, 5)])):
        append_entries(tmp_path / folder, forecasts)
        for day in days:
            resolve_forecasts(tmp_path / folder, question, ESSAY, day, record)
    ends = [{row.origin: row.outcome for row in read_resolutions(tmp_path / folder)} for folder in ("one", "many")]
    assert ends[0] == ends[1] and len(ends[0]) == 12
    assert len(read_resolutions(tmp_path / "many")) > 12
