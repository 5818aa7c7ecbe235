"""Random histories of updates: whatever comes in, and in whatever order, a day sees what was published by then, and nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ripeness.data.batches import FORM, UPDATES_FILE
from ripeness.data.vintages import read_store
from ripeness.intake.incoming import read_files
from ripeness.intake.updates import Choices, update_store
from ripeness.workspace import Workspace

Write = Callable[..., Workspace]
HEADER = "observed_on,value,published_on,source,grade\n"
FIRST = date(2024, 1, 7)
ORIGINS = [FIRST + timedelta(days=days) for days in (0, 5, 12, 20, 33, 60, 200)]


@dataclass(frozen=True)
class Entry:
    """A row as a keeper might write it: sound or not."""

    week: int
    lag: int
    value: float | None

    def __str__(self) -> str:
        observed = FIRST + timedelta(days=7 * self.week)
        value = "" if self.value is None else f"{self.value:g}"
        return f"{observed},{value},{observed + timedelta(days=self.lag)},agency,A"


entries = st.builds(Entry, st.integers(0, 5), st.integers(-1, 40), st.none() | st.sampled_from([70.0, 75.5, 78.0, 80.25, 999.0]))
batches = st.lists(st.lists(entries, min_size=1, max_size=8), min_size=1, max_size=4)
HISTORIES = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def play(write: Write, folder: Path, batches: list[list[Entry]]) -> tuple[Workspace, list[dict[str, bytes]]]:
    """Bring the batches into a fresh workspace; the states of its data before and after each."""
    workspace = write()
    (workspace.data / UPDATES_FILE).unlink(missing_ok=True)
    states = [state_of(workspace)]
    for batch in batches:
        (folder / "batch.csv").write_text("indicator," + HEADER + "".join(f"oil,{entry}\n" for entry in batch))
        incoming = read_files([folder / "batch.csv"], ["oil"])
        update_store(workspace, lambda _, incoming=incoming: incoming, Choices(confirmed=True, accept_valid=True))
        states.append(state_of(workspace))
    return workspace, states


def state_of(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(workspace.data.iterdir())}


@HISTORIES
@given(batches)
def test_no_origin_sees_a_row_published_after_it(write_workspace: Write, tmp_path: Path, batches: list[list[Entry]]) -> None:
    workspace, _ = play(write_workspace, tmp_path, batches)
    store = read_store(workspace)
    for origin in ORIGINS:
        rows = store.rows["oil"]
        expected = {}
        for row in rows[rows["published_on"] <= pd.Timestamp(origin)].sort_values("published_on").to_dict("records"):
            expected[row["observed_on"]] = row["value"]
        seen = store.as_of(origin).values["oil"]
        assert (seen["published_on"] <= pd.Timestamp(origin)).all()
        known = {day: value for day, value in expected.items() if not pd.isna(value)}
        assert dict(zip(seen["observed_on"], seen["value"], strict=True)) == known


@HISTORIES
@given(batches)
def test_replaying_the_batches_reproduces_every_past_state(write_workspace: Write, tmp_path: Path, batches: list[list[Entry]]) -> None:
    _, states = play(write_workspace, tmp_path, batches)
    workspace, again = play(write_workspace, tmp_path, batches)
    assert again == states
    for earlier, later in pairwise(states):
        assert all(later[name].startswith(content) for name, content in earlier.items())  # nothing is lost or edited
    store = read_store(workspace)
    entered = store.entered("oil").set_index("line")["batch"]
    lines = states[-1]["oil.csv"].splitlines(keepends=True)
    for state in states:  # by the record alone
        count = state.get(UPDATES_FILE, b"\n").count(b"\n") - 1
        kept = [line for number, line in enumerate(lines, start=1) if entered.get(number, 0) <= count]
        assert b"".join(kept) == state["oil.csv"]


@HISTORIES
@given(batches, st.randoms(use_true_random=False))
def test_an_as_of_view_depends_on_published_on_alone(
    write_workspace: Write, tmp_path: Path, batches: list[list[Entry]], chance: random.Random
) -> None:
    workspace, _ = play(write_workspace, tmp_path, batches)
    store = read_store(workspace)
    rows = store.rows["oil"]
    order = list(range(len(rows)))
    chance.shuffle(order)
    shuffled = rows.iloc[order].assign(line=range(2, len(rows) + 2)).reset_index(drop=True)  # as if entered in another order
    other = replace(store, rows=store.rows | {"oil": shuffled}, batches=FORM.empty())
    for origin in ORIGINS:
        known = rows[rows["published_on"] <= pd.Timestamp(origin)]
        alone = replace(store, rows=store.rows | {"oil": known.reset_index(drop=True)})  # as if nothing had come after
        assert store.as_of(origin).hash == other.as_of(origin).hash == alone.as_of(origin).hash


@HISTORIES
@given(batches)
def test_what_is_late_is_marked_and_nothing_else(write_workspace: Write, tmp_path: Path, batches: list[list[Entry]]) -> None:
    workspace, _ = play(write_workspace, tmp_path, batches)
    store = read_store(workspace)
    rows = store.rows["oil"].merge(store.entered("oil"), on="line")
    for row in rows[rows["batch"] > 0].to_dict("records"):
        newest_before = rows.loc[rows["batch"] < row["batch"], "published_on"].max()
        assert row["late"] == (row["published_on"] < newest_before)
    assert not rows.loc[rows["batch"] == 0, "late"].any()
