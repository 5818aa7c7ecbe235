"""`ripeness study scorecard` on the short run: the whole way from the run to table, page and brief."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ripeness.data.vintages import Store
from ripeness.essay import read_claims
from ripeness.evaluation import published
from ripeness.evaluation.states import COLUMNS
from ripeness.report.scorecard import stored_state_sentences
from ripeness.report.studies import read_studies, trust_section
from ripeness.workflow.request import Request, open_workspace
from ripeness.workflow.run import open_run
from ripeness.workflow.studies import run_scorecard

ORIGIN = date(2025, 6, 18)


def test_every_statement_on_the_present_is_scored(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "default_origin", lambda _: ORIGIN)
    inputs = open_workspace(workspace)
    folder = run_scorecard(Request(workspace), date(2031, 4, 1)).parent
    rows = published.read_rows(folder, published.STATES)
    claimed = [claim for claim in read_claims(inputs.workspace).claims if claim.about == "state"]
    assert tuple(rows[0]) == COLUMNS and [row["claim"] for row in rows] == [claim.id for claim in claimed]
    assert [row["of"] for row in rows] == [claim.factor or claim.condition for claim in claimed]
    for row in rows:  # the essay's day is now: what was known then is what is known now
        assert 0 < float(row["filtered"]) == float(row["smoothed"]) == float(row["now"]) < 1
        assert 0 < float(row["prior"]) < 1 and float(row["now_lower"]) <= float(row["now_upper"])
    seen = {contract.factor for contract in inputs.vintage(ORIGIN).contracts.values()}
    assert {row["of"] for row in rows if row["verdict"] == "not measured"} == {row["of"] for row in rows if row["kind"] == "factor"} - seen
    assert published.read_about(folder, "scorecard.json")["as_of"] == [ORIGIN.isoformat()]  # type: ignore[index]
    run = open_run(workspace / "reports" / ORIGIN.isoformat())
    shown = trust_section(read_studies(workspace / "reports", 13), 13)["scorecard"]["states"]
    assert shown["then"] == ORIGIN.isoformat() and len(shown["rows"]) == len(rows)
    assert len(stored_state_sentences(folder, run.summary)) > 1
