"""Origins, what each could know, populations and clusters."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ripeness.data.batches import FORM
from ripeness.data.vintages import LookAheadError, Store, read_store
from ripeness.evaluation.origins import backtest_origins, final_vintage, find_clusters, is_recorded, populations_of, spread_evenly
from ripeness.workspace import Workspace, read_workspace

ORIGIN = date(2025, 3, 16)


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return read_workspace(Path(__file__).parents[2])


@pytest.fixture(scope="module")
def store(workspace: Workspace) -> Store:
    return read_store(workspace)


def test_origins_are_every_fourth_sunday_from_the_middle_of_2022_to_the_end(workspace: Workspace, store: Store) -> None:
    last = store.default_origin()
    origins = backtest_origins(workspace.question, last)
    assert (origins[0], origins[-1]) == (date(2022, 7, 17), last)
    assert {day.weekday() for day in origins} == {6}
    assert {b - a for a, b in pairwise(origins)} == {timedelta(days=28)}
    few = spread_evenly(origins, 12)
    assert len(set(few)) == 12 and (few[0], few[-1]) == (origins[0], last)
    assert spread_evenly(few, 20) == few


def test_a_final_vintage_knows_later_values_of_the_same_periods_and_no_later_period(workspace: Workspace, store: Store) -> None:
    last = store.default_origin()
    then, final = store.as_of(ORIGIN), final_vintage(store, ORIGIN, last)
    final.assert_honest()
    more = 0
    for name, seen in final.values.items():
        assert (seen["observed_on"] <= pd.Timestamp(ORIGIN)).all()
        assert set(then.values[name]["observed_on"]) <= set(seen["observed_on"])
        more += len(seen) - len(then.values[name])
    assert more > 0, "nothing was published late: the gap would measure nothing"
    assert not (final.events["date"] > pd.Timestamp(ORIGIN))[final.events["round"]].any()
    assert final.hash != then.hash
    with pytest.raises(LookAheadError):
        replace(store.as_of(last), origin=ORIGIN).assert_honest()


def test_a_vintage_counts_as_recorded_only_if_its_newest_rows_had_been_entered(store: Store) -> None:
    assert not is_recorded(store, store.as_of(ORIGIN))
    vintage = store.as_of(ORIGIN)
    tables = [*vintage.values, "events", "coverage"]
    nothing = {name: 0 for name, dtype in FORM.types.items() if dtype == "int64"}

    def entered(day: date) -> Store:
        rows = [
            nothing
            | {
                "batch": 1,
                "date": day,
                "table": name,
                "files": "f",
                "sha256": "0",
                "lines": f"2-{store.table(name)['line'].max()}",
                "late_lines": "",
            }
            for name in tables
        ]
        return replace(store, batches=pd.DataFrame(rows)[list(FORM.types)].astype(dict(FORM.types)).assign(line=0))

    assert is_recorded(entered(ORIGIN), vintage)
    assert not is_recorded(entered(ORIGIN + timedelta(days=1)), vintage)


def test_the_day_of_the_essay_parts_hindsight_from_the_rest() -> None:
    essay = date(2025, 6, 18)
    assert populations_of(essay - timedelta(days=1), essay, True, False) == ["all", "hindsight_priors", "dormant", "reconstructed_vintages"]
    assert populations_of(essay, essay, False, True) == ["all", "after_essay", "active", "recorded_vintages"]


def test_clusters_begin_with_a_resumption(workspace: Workspace, store: Store) -> None:
    clusters = find_clusters(store.as_of(store.default_origin()).rounds(), workspace.question)
    assert [(one.first, one.last, one.rounds) for one in clusters] == [
        (date(2022, 2, 28), date(2022, 4, 1), 8),
        (date(2025, 5, 16), date(2025, 7, 23), 3),
        (date(2026, 1, 23), date(2026, 2, 17), 3),
    ]
    assert np.array([one.rounds for one in clusters]).sum() == len(store.as_of(store.default_origin()).rounds())
