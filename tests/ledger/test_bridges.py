"""bridges.csv: added to and never changed, settled by the market or else by the record, scored beside the market."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from ripeness.data.crowds import FORM
from ripeness.data.vintages import Vintage
from ripeness.errors import ContentError
from ripeness.ledger import BRIDGES_FILE, BridgeForecast, append_bridge_forecasts, bridge_record, read_bridge_forecasts
from ripeness.workspace import Workspace
from ripeness.workspace.question import Bridge, Question

ESSAY, ORIGIN, BY = date(2025, 6, 18), date(2025, 6, 22), date(2025, 9, 30)
ROW = BridgeForecast("0123456789ab", ORIGIN, "meet_2025", "fair:meet", BY, 0.2, 0.1, 0.4, ORIGIN, 0.35, date(2025, 6, 20), ORIGIN, "0.1.0")


@pytest.fixture
def workspace(question: Question) -> Workspace:
    bridge = Bridge(
        id="meet_2025",
        label="Meet",
        text="Will they meet?",
        venue="Fair",
        market="fair:meet",
        rung="round",
        by=BY,
        rules="A call counts too.",
    )
    nothing = cast(Any, None)
    return Workspace(
        root=Path(),
        title="Made up",
        question=question,
        conditions=(),
        factors=(),
        fit=nothing,
        mixture=nothing,
        paths=nothing,
        toml=nothing,
        bridges=(bridge,),
    )


def priced(known: Callable[[date], Vintage], *prices: tuple[date, float]) -> Callable[[date], Vintage]:
    """The same record with prices of the market."""
    rows = [
        {"date": pd.Timestamp(day), "market": "fair:meet", "probability": p, "source": "fair", "note": "", "line": 2} for day, p in prices
    ]
    crowds = pd.DataFrame(rows, columns=list(FORM.dtypes)).astype(FORM.dtypes)
    return lambda day: replace(known(day), crowds=crowds[crowds["date"] <= pd.Timestamp(day)])


def test_what_is_issued_comes_back_and_the_same_again_adds_nothing(tmp_path: Path) -> None:
    other = replace(ROW, bridge="other", market="fair:other", price=None, price_on=None)
    assert append_bridge_forecasts(tmp_path, [ROW, other]) == 2
    before = (tmp_path / BRIDGES_FILE).read_bytes()
    assert read_bridge_forecasts(tmp_path) == [ROW, other]
    again = replace(ROW, run_id="b" * 12, record_to=date(2025, 7, 6), issued_on=date(2025, 7, 7), program_version="0.2.0")
    assert append_bridge_forecasts(tmp_path, [again, other]) == 0
    assert (tmp_path / BRIDGES_FILE).read_bytes() == before
    assert append_bridge_forecasts(tmp_path, [replace(again, probability=0.21)]) == 1
    assert (tmp_path / BRIDGES_FILE).read_bytes().startswith(before)
    assert append_bridge_forecasts(tmp_path / "none", []) == 0 and not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",0.200000,", ",1.2,", "probability '1.2'"),
        (",2025-09-30,", ",2025-06-22,", "a day after the origin"),
        (",0.100000,0.400000,", ",0.5,0.4,", "lower up to upper"),
        (",2025-06-20", ",2025-06-23", "on or before the origin"),
        (",0.350000,", ",,", "a price and its day"),
        (",meet_2025,", ",Meet 2025,", "bridge 'Meet 2025'"),
        ("\n", "\n0123456789ab,2025-06-22,meet_2025,fair:meet,2025-09-30,0.2,0.1,0.4,2025-06-22,0.35,2025-06-20\n", "a second time"),
        (",0.1.0,", ",0.2.0,", "a row edited since it was written"),
    ],
)
def test_what_cannot_have_been_issued_is_refused_and_nothing_changes(tmp_path: Path, old: str, new: str, words: str) -> None:
    append_bridge_forecasts(tmp_path, [ROW])
    path = tmp_path / BRIDGES_FILE
    head, line = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text(head + line.replace(old, new), "utf-8", newline="\n")
    before = path.read_bytes()
    for attempt in (lambda: read_bridge_forecasts(tmp_path), lambda: append_bridge_forecasts(tmp_path, [replace(ROW, probability=0.3)])):
        with pytest.raises(ContentError) as caught:
            attempt()
        assert words in str(caught.value) and caught.value.faults[0].line in (2, 3)
    assert path.read_bytes() == before


def fate(rows: list[BridgeForecast], workspace: Workspace, as_of: date, known: Callable[[date], Vintage], *wider: str) -> Any:
    (found,) = bridge_record(rows, workspace, ESSAY, as_of, known, wider)
    return found


def test_the_market_settles_what_it_asked(workspace: Workspace, known: Callable[..., Callable[[date], Vintage]]) -> None:
    record = priced(known(rounds=[date(2025, 7, 1)]), (date(2025, 6, 20), 0.35), (date(2025, 10, 1), 0.0))
    found = fate([ROW], workspace, date(2025, 10, 1), record)
    assert (found["outcome"], found["label"], found["issued"]) == ("no", "Meet", "ahead")
    assert found["reason"] == "settled by its market, on file with the price of 2025-10-01"
    assert (found["brier"], found["market_brier"]) == (pytest.approx(0.2**2), pytest.approx(0.35**2))
    early = fate([ROW], workspace, date(2025, 9, 29), record)
    assert (early["outcome"], early["brier"], early["market_brier"]) == ("open", None, None)


def test_without_its_word_the_record_of_the_rung_settles_it(workspace: Workspace, known: Callable[..., Callable[[date], Vintage]]) -> None:
    record = priced(known(rounds=[date(2025, 9, 30)]), (date(2025, 6, 20), 0.35))
    found = fate([ROW], workspace, date(2025, 12, 28), record)
    assert (found["outcome"], found["reason"]) == ("yes", "by our record: round on 2025-09-30")
    assert (found["brier"], found["market_brier"]) == (pytest.approx(0.8**2), pytest.approx(0.65**2))
    late = priced(known(rounds=[date(2025, 10, 1)]), (date(2025, 6, 20), 0.35))
    assert fate([ROW], workspace, date(2025, 12, 28), late)["outcome"] == "no"  # on the day after the bridge's last
    assert fate([ROW], workspace, date(2025, 10, 1), priced(known(coverage=date(2025, 9, 21))))["outcome"] == "open"


def test_what_counts_more_than_its_rung_is_no_no_for_want_of_the_rung(
    workspace: Workspace, known: Callable[..., Callable[[date], Vintage]]
) -> None:
    nothing, held = priced(known()), priced(known(rounds=[date(2025, 7, 1)]))
    found = fate([ROW], workspace, date(2025, 12, 28), nothing, "meet_2025")
    assert (found["outcome"], found["brier"]) == ("open", None) and "counts more" in found["reason"]
    assert fate([ROW], workspace, date(2025, 12, 28), nothing, "another")["outcome"] == "no"
    assert fate([ROW], workspace, date(2025, 12, 28), held, "meet_2025")["outcome"] == "yes"


def test_a_bridge_that_is_gone_waits_for_its_market(workspace: Workspace, known: Callable[..., Callable[[date], Vintage]]) -> None:
    found = fate([ROW], replace(workspace, bridges=()), date(2025, 12, 28), priced(known()))
    assert (found["outcome"], found["label"]) == ("open", "meet_2025")


def test_versions_of_one_forecast_count_once_and_those_ahead_first(
    workspace: Workspace, known: Callable[..., Callable[[date], Vintage]]
) -> None:
    second = replace(ROW, run_id="b" * 12, probability=0.3)
    late = replace(ROW, run_id="c" * 12, probability=0.9, record_to=date(2025, 8, 3))
    hindsight = replace(ROW, run_id="d" * 12, probability=0.95, issued_on=date(2025, 10, 1))
    record = priced(known(rounds=[date(2025, 7, 1)]))
    for rows, expected in (
        ([ROW, second, late, hindsight], (0.3, "ahead", 0.49)),
        ([late, hindsight], (0.9, "late", None)),  # not scored
        ([hindsight], (0.95, "hindsight", 0.0025)),
        ([replace(ROW, issued_on=None)], (0.2, "hindsight", 0.64)),
    ):
        found = fate(rows, workspace, date(2025, 12, 28), record)
        assert (found["probability"], found["issued"]) == expected[:2]
        assert found["brier"] == (None if expected[2] is None else pytest.approx(expected[2]))
    assert bridge_record([ROW], workspace, ESSAY, date(2025, 6, 21), record, ()) == []
