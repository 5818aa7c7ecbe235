"""Constant rate and persistence: empirical, never 0 or 1, and with no look ahead."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from ripeness.data.vintages import Store, read_store
from ripeness.evaluation.baselines import CONSTANT_RATE, PERSISTENCE, baseline_units, rate
from ripeness.evaluation.unit import WEEK, Unit
from ripeness.workspace import read_workspace
from ripeness.workspace.question import Question

ROOT = Path(__file__).parents[2]
FIRST = date(2022, 7, 3)


@pytest.fixture(scope="module")
def question() -> Question:
    return read_workspace(ROOT).question


@pytest.fixture(scope="module")
def store() -> Store:
    return read_store(read_workspace(ROOT))


def by_name(units: list[Unit], name: str) -> dict[tuple[str, int, str], float]:
    return {(unit.question, unit.horizon_weeks, unit.given): unit.probability for unit in units if unit.forecaster == name}


def test_a_rate_is_never_0_or_1() -> None:
    assert rate(np.zeros(9)) == pytest.approx(0.05)
    assert rate(np.ones(9)) == pytest.approx(0.95)
    assert rate(np.zeros(0)) == 0.5


def test_both_are_the_records_own_rates(store: Store, question: Question) -> None:
    units = baseline_units(store.as_of(FIRST), question, 52)
    constant, persistence = by_name(units, CONSTANT_RATE), by_name(units, PERSISTENCE)
    sundays = {day + timedelta(days=6 - day.weekday()) for day in store.as_of(FIRST).rounds()} - {date(2022, 3, 6)}
    held, weeks = len(sundays), 17  # weeks after that of the first round
    always = (held + 0.5) / (weeks + 1)
    assert constant[WEEK, 1, ""] == pytest.approx(always)
    assert constant["round", 13, ""] == pytest.approx(1 - (1 - always) ** 13)
    dormant = (0 + 0.5) / (5 + 1)  # the weeks of 5 June to 3 July
    assert persistence[WEEK, 1, ""] == pytest.approx(dormant)
    assert persistence["round", 52, ""] == pytest.approx(1 - (1 - dormant) ** 52) and persistence["round", 52, ""] < 1
    active = (held + 0.5) / (12 + 1)
    assert persistence[WEEK, 2, "r"] == pytest.approx(active)  # a round in the first week makes talks active
    assert persistence[WEEK, 4, "rss"] == pytest.approx(active)
    assert persistence[WEEK, 4, "silent"] == pytest.approx(dormant)


def test_they_see_no_round_before_it_is_published(store: Store, question: Question) -> None:
    before = baseline_units(store.as_of(date(2025, 5, 11)), question, 4)
    day_of = baseline_units(store.as_of(date(2025, 5, 18)), question, 4)
    assert by_name(before, PERSISTENCE)[WEEK, 1, ""] < 0.02 < by_name(day_of, PERSISTENCE)[WEEK, 1, ""]
