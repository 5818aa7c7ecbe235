"""Outcomes of the backtest are the ledger's; weeks are settled by the history that happened."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from ripeness.data.vintages import Store, read_store
from ripeness.evaluation.origins import with_outcomes
from ripeness.evaluation.unit import WEEK
from ripeness.workspace import Workspace, read_workspace


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return read_workspace(Path(__file__).parents[2])


@pytest.fixture(scope="module")
def store(workspace: Workspace) -> Store:
    return read_store(workspace)


def asked(*rows: tuple[str, date, int, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["question", "origin", "horizon_weeks", "given"])
    frame["target_end_date"] = [
        origin + timedelta(days=7 * weeks) for origin, weeks in zip(frame["origin"], frame["horizon_weeks"], strict=True)
    ]
    return frame


def test_horizons_are_resolved_as_ripeness_resolve_does(workspace: Workspace, store: Store) -> None:
    # as in the shipped ledger's forecasts of 11 May 2025: a round on 16 May
    found = with_outcomes(asked(("round", date(2025, 5, 11), 4, ""), ("round", date(2023, 1, 1), 52, "")), workspace.question, store)
    assert list(found["outcome"]) == [1.0, 0.0]


def test_a_target_beyond_the_record_is_not_scored(workspace: Workspace, store: Store) -> None:
    last = store.default_origin()
    rows = asked(*(("round", last - timedelta(days=28), weeks, "") for weeks in (4, 13, 52)), ("round", last, 4, ""))
    assert list(with_outcomes(rows, workspace.question, store)["horizon_weeks"]) == [4]


def test_of_every_week_the_row_of_its_history_is_kept(workspace: Workspace, store: Store) -> None:
    origin = date(2025, 5, 11)  # rounds on 16 May (first week) and 2 June (fourth)
    rows = [
        (WEEK, origin, 1, ""),
        (WEEK, origin, 2, "silent"),
        (WEEK, origin, 2, "r"),
        (WEEK, origin, 3, "rs"),
        (WEEK, origin, 3, "silent"),
    ]
    rows += [(WEEK, origin, 4, given) for given in ("silent", "rss", "srs", "rrs")] + [(WEEK, origin, 5, "silent")]
    found = with_outcomes(asked(*rows), workspace.question, store)
    assert list(zip(found["horizon_weeks"], found["given"], found["outcome"], strict=True)) == [
        (1, "", 1.0),
        (2, "r", 0.0),
        (3, "rs", 0.0),
        (4, "rss", 1.0),
    ]
