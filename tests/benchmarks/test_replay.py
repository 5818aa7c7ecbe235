"""The replay: rows that its parts give are those that it writes, it goes on where it stopped, and its table holds the bars."""

from __future__ import annotations

import csv
import importlib.util
import math
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).parent


def load() -> Any:
    """The command as a module, from its file: benchmarks are no package."""
    found = importlib.util.spec_from_file_location("replay", HERE / "replay.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


replay = load()
LAST = date(2026, 6, 28)


class MadeUp:
    """In the place of fits: the k-th horizon's probability is k tenths, updates are half a point above it but for one base."""

    def __init__(self, root: Path, scratch: Path, seed: int) -> None:
        question = SimpleNamespace(horizons_weeks=(4, 13), headline_weeks=13)
        workspace = SimpleNamespace(question=question, readings=("as_written", "tempered"))
        self.checked = SimpleNamespace(workspace=workspace, vintage=lambda _: SimpleNamespace(origin=LAST))
        self.fitted: list[date] = []

    def fit(self, origin: date, reading: str) -> None:
        self.fitted.append(origin)

    def refitted(self, origin: date) -> tuple[Any, Any]:
        return np.array([0.1, 0.2]), np.array([0.003, 0.003])

    def updated(self, base: date, origin: date) -> dict[str, Any]:
        if (origin - base).days == 91:
            return {"reasons": ["a round"], "changed_rows": 3}
        mean, error = np.array([0.105, 0.205]), np.array([0.004, 0.004])
        return {
            "reasons": [],
            "changed_rows": 3,
            "updated": mean,
            "updated_error": error,
            "khat": 0.1,
            "effective_draws": 900.0,
            "update_s": 0.4,
        }


def rows_in(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_come_as_bases_are_fitted_and_are_not_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "Replay", MadeUp)
    table = tmp_path / "replay.csv"
    arguments = ["--scratch", str(tmp_path), "--date", "2026-11-23", "--weeks", "2", "--results", str(table)]
    assert replay.main(arguments) == 0
    rows = rows_in(table)
    assert tuple(rows[0]) == replay.COLUMNS
    assert len(rows) == 2 * len(replay.AGES) * 2
    assert {(row["origin"], row["base"]) for row in rows} == {
        (str(origin), str(origin - timedelta(weeks=age))) for origin in (LAST, LAST - timedelta(weeks=1)) for age in replay.AGES
    }
    assert (rows[0]["origin"], rows[0]["base"]) == ("2026-06-28", "2026-06-21"), "the newest weeks first"
    for row in rows:
        if row["age_weeks"] == "13":
            assert row["reason"] == "a round" and row["updated"] == ""
        else:
            assert float(row["difference"]) == pytest.approx(0.005) and float(row["standardised"]) == pytest.approx(1.0)
    before = table.read_bytes()
    assert replay.main(arguments) == 0
    assert table.read_bytes() == before


def test_changed_rows_are_new_revised_and_withdrawn_values() -> None:
    def vintage(**values: dict[str, float]) -> Any:
        return SimpleNamespace(
            values={name: pd.DataFrame({"observed_on": list(own), "value": list(own.values())}) for name, own in values.items()}
        )

    before = vintage(oil={"a": 1.0, "b": 2.0, "c": 3.0}, polls={"a": 1.0})
    after = vintage(oil={"a": 1.0, "b": 2.5, "d": 4.0}, polls={"a": 1.0})
    assert replay.changed_rows(before, after) == 3
    assert replay.changed_rows(before, before) == 0


def test_the_table_holds_the_bars() -> None:
    rows = [row for row in rows_in(replay.RESULTS) if row["horizon_weeks"] == "13" and row["updated"] and not row["reason"]]
    assert rows
    assert all(float(row["refitted_error"]) <= 0.002 for row in rows)
    assert max(abs(float(row["difference"])) for row in rows) <= 0.005
    assert math.sqrt(np.mean([float(row["standardised"]) ** 2 for row in rows])) <= 1.3
