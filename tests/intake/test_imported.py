"""An import as a batch: compared by period, whatever published_on was reconstructed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd
import pytest

from ripeness.data.vintages import read_store
from ripeness.errors import UsageError
from ripeness.intake.imported import as_batch
from ripeness.intake.updates import Choices, Update, update_store
from ripeness.workspace import Workspace

Write = Callable[..., Workspace]
FILES = (("prices.xls", "0" * 64),)
DAY = date(2024, 2, 20)
HELD = "observed_on,value,published_on,source,grade\n2024-01-07,75.5,2024-01-09,agency,A\n2024-01-14,78,2024-01-16,agency,A\n"
WITHDRAWN = HELD + "2024-01-14,,2024-01-30,agency,A\n"


def table(values: dict[str, float], lag: int = 3, grade: str = "A") -> pd.DataFrame:
    days = pd.DatetimeIndex(list(values))
    published = days + pd.Timedelta(days=lag)
    return pd.DataFrame(
        {"observed_on": days, "value": list(values.values()), "published_on": published, "source": "importer", "grade": grade}
    )


def bring(workspace: Workspace, found: dict[str, pd.DataFrame], day: date | None = DAY) -> Update:
    return update_store(workspace, lambda store: as_batch("eia", found, FILES, store, day)[0], Choices(day))


def verdicts(update: Update) -> list[tuple[str, str]]:
    rows = update.judged[0].rows
    return [(verdict, f"{day:%m-%d}") for verdict, day in zip(rows["verdict"], rows["published_on"], strict=True)]


def test_unchanged_periods_are_duplicates_though_published_on_differs(write_workspace: Write) -> None:
    update = bring(write_workspace(oil=HELD), {"oil": table({"2024-01-07": 75.5, "2024-01-14": 78.0})}, None)
    assert [verdict for verdict, _ in verdicts(update)] == ["duplicate", "duplicate"]
    assert update.batch is None


def test_changed_periods_are_revisions_of_the_batchs_day(write_workspace: Write) -> None:
    workspace = write_workspace(oil=HELD)
    found = {"oil": table({"2024-01-07": 75.6, "2024-01-14": 78.0, "2024-01-21": 79.0})}
    with pytest.raises(UsageError, match=r"oil \(1\).*--date"):
        bring(workspace, found, None)
    assert verdicts(bring(workspace, found)) == [("revision", "02-20"), ("duplicate", "01-16"), ("new", "01-24")]
    assert read_store(workspace).batches["files"].tolist() == ["prices.xls"]
    assert [verdict for verdict, _ in verdicts(bring(workspace, found, None))] == ["duplicate"] * 3


def test_another_grade_is_a_revision_and_another_source_is_none(write_workspace: Write) -> None:
    found = {"oil": table({"2024-01-07": 75.5}, grade="B")}
    assert verdicts(bring(write_workspace(oil=HELD), found)) == [("revision", "02-20")]


def test_what_is_at_hand_is_known_by_then(write_workspace: Write) -> None:
    found = {"oil": table({"2024-02-18": 79.0}, lag=10)}
    assert verdicts(bring(write_workspace(oil=HELD), found)) == [("new", "02-20")]


def test_a_gap_filled_after_its_time_is_a_late_entry(write_workspace: Write) -> None:
    held = HELD.replace("2024-01-14,78,2024-01-16", "2024-01-21,78,2024-01-23")
    assert verdicts(bring(write_workspace(oil=held), {"oil": table({"2024-01-14": 77.0})})) == [("late entry", "01-17")]


def test_a_withdrawn_period_stays_withdrawn_until_its_value_changes(write_workspace: Write) -> None:
    workspace = write_workspace(oil=WITHDRAWN)
    assert verdicts(bring(workspace, {"oil": table({"2024-01-14": 78.0})})) == [("duplicate", "01-16")]
    assert verdicts(bring(workspace, {"oil": table({"2024-01-14": 77.0})})) == [("revision", "02-20")]
    assert read_store(workspace).as_of(DAY).values["oil"]["value"].tolist() == [75.5, 77.0]


def test_a_revision_must_be_later_than_what_is_stored(write_workspace: Write) -> None:
    for day in (date(2024, 1, 16), date(2024, 1, 15)):
        update = bring(write_workspace(oil=HELD), {"oil": table({"2024-01-14": 77.0})}, day)
        assert "another value and source than stored line 3, published on the same 2024-01-16" in update.faults[0].found
    assert update.faults[0].path.as_posix() == "eia: oil"
    assert "2024-01-14" in update.faults[0].found  # an import has no lines: the period is named


def test_two_rows_of_one_period_are_refused_with_both_values(write_workspace: Write) -> None:
    twice = pd.concat([table({"2024-01-21": 79.0}), table({"2024-01-21": 81.5})], ignore_index=True)
    update = bring(write_workspace(oil=HELD), {"oil": twice})
    assert [verdict for verdict, _ in verdicts(update)] == ["refused", "refused"]
    assert [fault.found for fault in update.faults] == [
        "two rows: value 79.0 and 81.5 (of 2024-01-21)",
        "two rows: value 81.5 and 79.0 (of 2024-01-21)",
    ]


def test_what_the_import_lacks_stays_and_is_noted(write_workspace: Write) -> None:
    workspace = write_workspace(oil=HELD + "2024-01-21,79,2024-01-23,agency,A\n")
    before = (workspace.data / "oil.csv").read_bytes()
    _, notes = as_batch("eia", {"oil": table({"2024-01-07": 75.5, "2024-01-21": 79.0})}, FILES, read_store(workspace), None)
    assert notes == ["oil: 1 stored row(s) of the same span are not in the import; they stay as they are"]
    bring(workspace, {"oil": table({"2024-01-07": 75.5})})
    assert (workspace.data / "oil.csv").read_bytes() == before


def test_events_and_coverage_are_compared_by_their_keys(write_workspace: Write) -> None:
    day = pd.Timestamp("2024-01-10")
    talks = {"date": day, "end_date": day + pd.Timedelta(days=1), "kind": "round", "round": "yes", "published_on": day, "grade": "A"}
    events = pd.DataFrame([talks | {"description": "talks", "source": "elsewhere"}, talks | {"description": "more", "source": "x"}])
    stretch = {"from": pd.Timestamp("2024-02-05"), "to": pd.Timestamp("2024-03-06"), "q05": 0.8, "q95": 0.9, "note": "judged again"}
    coverage = pd.DataFrame([stretch | {"published_on": pd.Timestamp("2024-03-06")}])
    update = bring(write_workspace(), {"events": events, "coverage": coverage}, date(2024, 3, 20))
    assert {one.table: one.rows["verdict"].tolist() for one in update.judged} == {"events": ["duplicate", "new"], "coverage": ["revision"]}
