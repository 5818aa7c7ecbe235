"""Prices of markets: shown beside the forecast as of its day, and read by nothing that makes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from ripeness.data.crowds import newest_price, settled_on
from ripeness.data.vintages import LookAheadError, read_store
from ripeness.errors import ContentError
from ripeness.names import COMPILED
from ripeness.workflow.identity import identify
from ripeness.workflow.request import open_workspace
from ripeness.workspace import Workspace

PRICES = """\
date,market,probability,source,note
2024-01-20,fair:a,0.3,fair.example,
2024-01-20,fair:b,0.5,fair.example,"day inferred, give or take one"
2024-02-02,fair:a,0.35,fair.example,
2024-05-01,fair:a,1,fair.example,settled
"""


def test_a_day_sees_the_newest_price_up_to_it_and_no_later_one(write_workspace: Callable[..., Workspace]) -> None:
    crowds = read_store(write_workspace(crowds=PRICES)).crowds
    assert newest_price(crowds, "fair:a", date(2024, 2, 1)) == {"date": "2024-01-20", "probability": 0.3, "note": ""}
    assert newest_price(crowds, "fair:a", date(2024, 2, 2)) == {"date": "2024-02-02", "probability": 0.35, "note": ""}
    assert newest_price(crowds, "fair:b", date(2025, 1, 1)) == {
        "date": "2024-01-20",
        "probability": 0.5,
        "note": "day inferred, give or take one",
    }
    assert newest_price(crowds, "fair:a", date(2024, 1, 19)) is None
    assert newest_price(crowds, "fair:c", date(2024, 2, 2)) is None
    assert settled_on(crowds, "fair:a", date(2024, 4, 30)) is None
    assert settled_on(crowds, "fair:a", date(2024, 5, 1)) == ("yes", date(2024, 5, 1))


def test_a_vintage_has_no_later_price_and_its_hash_none_at_all(write_workspace: Callable[..., Workspace]) -> None:
    without = read_store(write_workspace()).as_of(date(2024, 2, 4))
    assert without.crowds.empty
    store = read_store(write_workspace(crowds=PRICES))
    vintage = store.as_of(date(2024, 2, 4))
    assert vintage.crowds["date"].max() == pd.Timestamp("2024-02-02") and len(vintage.crowds) == 3
    assert vintage.hash == without.hash
    with pytest.raises(LookAheadError, match=r"crowds\.csv, line 5: published on 2024-05-01"):
        replace(vintage, crowds=store.crowds).assert_honest()


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("2024-01-20,fair:a,0.3", "2024-01-20,fair:a,1.3", 2, "a probability from 0 to 1"),
        ("2024-01-20,fair:a,0.3", "2024-01-20,fair:a,", 2, "no probability"),
        ("2024-01-20,fair:a,0.3", "2024-01-20,fair:a,0", 2, "leave out a day without a trade"),
        ("2024-01-20,fair:a", "2024-01-20,Fair A", 2, "a venue in small letters"),
        ("2024-01-20,fair:b", "2024-01-20,fair:a", 3, "each day and market once"),
        ("2024-02-02,fair:a", "2024-01-19,fair:a", 4, "rows by day"),
        ("0.35,fair.example,", "0.35,,", 4, "name the source"),
        ("0.35,fair.example,", "0.35,=cmd(),", 4, "a formula"),
        ("2024-05-01", "2024-05-32", 5, "a date"),
        ("date,market", "day,market", 1, "no column 'date'"),
    ],
)
def test_what_is_no_price_is_refused_with_its_line(
    write_workspace: Callable[..., Workspace], old: str, new: str, line: int, words: str
) -> None:
    assert PRICES.count(old) == 1
    with pytest.raises(ContentError) as caught:
        read_store(write_workspace(crowds=PRICES.replace(old, new)))
    found = [fault for fault in caught.value.faults if fault.line == line]
    assert any(words in str(fault) for fault in found), caught.value


def test_neither_hash_nor_run_id_of_a_fit_knows_the_prices(copied_workspace: Path) -> None:
    day = date(2026, 10, 4)

    def named() -> tuple[str, str]:
        inputs = open_workspace(copied_workspace)
        meta = identify(inputs, inputs.vintage(day), 1, COMPILED)
        return meta["run_id"], meta["data_hash"]

    before, path = named(), copied_workspace / "data" / "crowds.csv"
    text = path.read_text("utf-8")
    path.write_text(text.replace("2026-09-25,polymarket", "2026-09-24,polymarket").replace(",0.225,", ",0.9,"), "utf-8")
    assert path.read_text("utf-8") != text and named() == before
    path.unlink()
    assert named() == before


def test_nothing_that_makes_a_forecast_reads_prices(root: Path) -> None:
    """They are known to the data, the ledger, the page and the one module that lays a summary out."""
    package = root / "model" / "ripeness"
    found = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if re.search(r"crowds|_price\b", path.read_text("utf-8"))
    }
    assert {name.partition("/")[0] for name in found} <= {"data", "ledger", "workflow", "workspace", "report"}
    assert {name for name in found if name.startswith("workflow/")} == {"workflow/summary.py", "workflow/updates.py"}
