"""Issuing: what `ripeness report` hands to the page and to the ledger, with a forecast made up instead of fitted."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from ripeness.errors import UsageError
from ripeness.ledger import FILE, Entry, append_entries, clock, read_ledger, verify_reports
from ripeness.report import page
from ripeness.workflow import issue
from ripeness.workflow.request import Request, open_workspace
from ripeness.workflow.run import PAGE, Run
from ripeness.workspace import read_workspace


@pytest.fixture
def report(copied_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Issue a forecast of one number for a day; returns the record that the page was given."""
    question = read_workspace(copied_workspace).question

    def run(origin: date, probability: float, run_id: str = "a" * 12, issued_on: date | None = None) -> Any:
        rows = [
            {
                "question": question.id,
                "source": "mixture",
                "horizon_weeks": weeks,
                "target_end_date": target.isoformat(),
                "probability": probability,
                "lower": probability / 2,
                "upper": 2 * probability,
                "outside_view": 0.2,
            }
            for weeks, target in zip(question.horizons_weeks, question.targets(origin), strict=True)
        ]
        summary = {"run_id": run_id, "origin": origin.isoformat(), "essay": {"date": "2025-06-18"}, "forecasts": rows}
        summary |= {"data_hash": "d", "priors_hash": "p", "code_version": "c", "method": "by hand"}
        folder = copied_workspace / "reports" / origin.isoformat()
        stored = Run(folder, {"run_id": run_id, "origin": origin.isoformat(), "base": None}, summary)
        stored.__dict__["tree"] = None  # no draws are drawn
        monkeypatch.setattr(issue, "obtain_forecast", lambda *_: stored)
        monkeypatch.setattr(issue, "attribute_forecast", lambda *_: {})
        monkeypatch.setattr(page, "render_page", lambda _summary, _tree, record, *_: json.dumps(record))
        with monkeypatch.context() as then:
            then.setattr(issue, "newest_day", lambda _: origin)
            then.setattr(clock, "day_of_issue", lambda: issued_on or origin)
            issue.run_report(Request(copied_workspace, origin))
        return json.loads((folder / PAGE).read_text("utf-8"))

    return run


def test_the_page_counts_the_forecast_that_is_being_issued(report: Any, copied_workspace: Path) -> None:
    record = report(date(2026, 10, 4), 0.2)
    assert record["counts"]["ahead"]["issued"] == len(read_ledger(copied_workspace / "reports")) == 4
    assert [row["probability"] for row in record["history"]] == [0.2]


def test_issuing_again_changes_neither_page_nor_ledger(report: Any, copied_workspace: Path) -> None:
    more_digits = 0.2 + 4e-8  # than a ledger keeps
    first = report(date(2026, 10, 4), more_digits)
    ledger = (copied_workspace / "reports" / FILE).read_bytes()
    assert report(date(2026, 10, 4), more_digits, run_id="b" * 12, issued_on=date(2026, 11, 2)) == first
    assert (copied_workspace / "reports" / FILE).read_bytes() == ledger
    again = report(date(2026, 10, 4), 0.3, run_id="b" * 12)
    assert again["counts"]["ahead"]["issued"] == 4 and len(again["versions"]) == 4  # one forecast in two versions
    assert [row["probability"] for row in again["history"]] == [0.3] and {row["probability"] for row in again["versions"]} == {0.2}
    assert {entry.differs for entry in read_ledger(copied_workspace / "reports")} == {"", "run"}


def test_a_forecast_of_a_past_day_is_issued_in_hindsight(report: Any, copied_workspace: Path) -> None:
    record = report(date(2025, 7, 6), 0.2)  # whatever day is said, the record had gone on, past its windows
    assert (record["counts"]["ahead"]["issued"], record["counts"]["hindsight"]["issued"]) == (0, 4)
    assert {entry.record_to for entry in read_ledger(copied_workspace / "reports")} == {date(2026, 10, 4)}


def test_the_day_of_issue_and_the_version_stand_in_the_ledger_and_the_heads_on_the_page(report: Any, copied_workspace: Path) -> None:
    record = report(date(2026, 10, 4), 0.2, issued_on=date(2026, 10, 6))
    assert record["counts"]["late"]["issued"] == 4
    entries = read_ledger(copied_workspace / "reports")
    assert {(entry.issued_on, entry.program_version, entry.note) for entry in entries} == {(date(2026, 10, 6), version("ripeness"), None)}
    assert record["heads"] == [asdict(head) for head in verify_reports(copied_workspace / "reports")]
    assert [head["rows"] for head in record["heads"]] == [4]


def test_a_clock_behind_the_data_issues_nothing(copied_workspace: Path, tree_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree_of(copied_workspace)
    data = open_workspace(copied_workspace).store
    newest = issue.newest_day(data)
    assert newest == date(2026, 10, 10)  # of a row that became known after the last Sunday searched
    for day in (date(2000, 1, 1), date(2026, 10, 8)):
        monkeypatch.setattr(clock, "day_of_issue", lambda day=day: day)
        with pytest.raises(UsageError, match=rf"it is {day} by this machine's clock, and a row of the data was published on {newest}"):
            issue.run_report(Request(copied_workspace))
    assert tree_of(copied_workspace) == before
    monkeypatch.setattr(clock, "day_of_issue", lambda: date(2026, 10, 9))
    assert issue._today(data, [], "reports") == date(2026, 10, 9)  # as the day of UTC may be the one before


def test_a_clock_behind_the_ledger_issues_nothing(report: Any, copied_workspace: Path, tree_of: Any) -> None:
    report(date(2026, 10, 4), 0.2, issued_on=date(2026, 10, 6))
    before = tree_of(copied_workspace)
    with pytest.raises(UsageError, match=r"it is 2026-10-05 by this machine's clock, and a row of reports/ was written on 2026-10-06"):
        report(date(2026, 10, 4), 0.3, issued_on=date(2026, 10, 5))
    assert tree_of(copied_workspace) == before


def test_the_day_of_issue_is_that_on_which_the_rows_are_written(
    report: Any, copied_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(date(2026, 10, 4), 0.2)
    (copied_workspace / "reports" / FILE).unlink()
    days = iter([date(2026, 10, 12), *[date(2026, 10, 13)] * 9])  # the fit ran past midnight
    monkeypatch.setattr(clock, "day_of_issue", lambda: next(days))
    issue.run_report(Request(copied_workspace, date(2026, 10, 4)))
    assert {entry.issued_on for entry in read_ledger(copied_workspace / "reports")} == {date(2026, 10, 13)}


@pytest.mark.parametrize("command", ["report", "resolve"])
def test_the_heads_on_the_page_are_some_that_the_files_have_had(
    report: Any, copied_workspace: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Also where another command adds its rows while the page is drawn."""
    first, folder = report(date(2026, 10, 4), 0.2), copied_workspace / "reports"
    (folder / FILE).unlink()
    other = Entry("b" * 12, "round", date(2025, 7, 6), 4, date(2025, 8, 3), 0.2, 0.1, 0.4, 0.2, "by hand", "d", "p", "c")
    drawn: list[Any] = []

    def draw(_summary: Any, _tree: Any, record: Any, *_: Any) -> str:
        drawn.append(record)
        if len(drawn) == 1:
            append_entries(folder, [other])
            if command == "resolve":
                issue.run_resolve(Request(copied_workspace))
        return json.dumps(record)

    monkeypatch.setattr(page, "render_page", draw)
    issue.run_report(Request(copied_workspace, date(2026, 10, 4)))
    record = json.loads((folder / "2026-10-04" / PAGE).read_text("utf-8"))
    assert len(drawn) == 2 and record["heads"] == [asdict(head) for head in verify_reports(folder)]
    assert first["heads"] != record["heads"] and record["heads"][0]["rows"] == 5
    assert len(record["resolved"]) == (command == "resolve")


def test_a_page_knows_only_what_was_resolved_by_its_day(report: Any, copied_workspace: Path, today: date) -> None:
    report(date(2025, 7, 6), 0.2)
    added, record = issue.run_resolve(Request(copied_workspace))
    assert {(row.resolved_on, row.program_version) for row in added} == {(today, version("ripeness"))}
    assert all(row.evidence and row.evidence.startswith("2025-07-23 round ") for row in added)
    assert {row.horizon_weeks: row.outcome for row in added} == {4: "yes", 13: "yes", 26: "yes", 52: "yes"}
    assert record["counts"]["hindsight"]["resolved"] == 4
    assert report(date(2025, 7, 6), 0.2)["counts"]["hindsight"] == {"issued": 4, "open": 4, "resolved": 0, "void": 0, "due": 0}
    assert report(date(2026, 10, 4), 0.2)["counts"]["hindsight"]["resolved"] == 4
