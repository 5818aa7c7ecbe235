"""Drafts held against the record: what counts as right, and the numbers of the guide."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ripeness.cli.app import app
from ripeness.cli.desk import share
from ripeness.evaluation.drafted import Measured, measure
from ripeness.files import hash_file
from ripeness.intake.drafting import Rules, Words
from ripeness.intake.reading import Item

RULES = Rules.model_validate(
    {
        "lag_days": 1,
        "undated_days": 14,
        "days_back": 30,
        "grade": "B",
        "sides": ("A", "B"),
        "parties": {"A": ["arden"], "B": ["belmora"], "E": ["envoy"], "F": ["ferryman"]},
        "rule": [
            {"kind": "contact", "parties": "third", "words": ["visit"]},
            {"kind": "meeting_agreed", "parties": "both", "words": ["will meet"]},
        ],
    }
)


def events(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Kind, day, day of publication and description."""
    frame = pd.DataFrame(rows, columns=["kind", "date", "published_on", "description"]).assign(source="agency 2026-01-05; others")
    return frame.assign(date=pd.to_datetime(frame["date"]), published_on=pd.to_datetime(frame["published_on"]))


def measured(items: list[Item], record: pd.DataFrame) -> dict[str, Measured]:
    found = measure("test", items, record, RULES, [Words(RULES)], date(2026, 1, 1), date(2026, 1, 31))
    return {row.kind: row for row in found}


def item(day: int, text: str) -> Item:
    return Item(date(2026, 1, day), text, f"agency 2026-01-{day:02d}")


def test_a_draft_is_right_near_its_event_and_each_counts_once() -> None:
    record = events(("contact", "2026-01-05", "2026-01-06", "E-A: visit"), ("contact", "2026-01-20", "2026-01-21", "E-A: visit"))
    found = measured([item(4, "An envoy visits Arden."), item(6, "The envoy visits Arden."), item(12, "An envoy visits Arden.")], record)[
        "contact"
    ]
    assert (found.events, found.drafts, found.right, found.told, found.told_right) == (2, 3, 1, 0, 0)
    assert (found.recall, found.precision) == (0.5, 1 / 3)


def test_events_that_name_the_items_source_are_told_by_it() -> None:
    record = events(("contact", "2026-01-05", "2026-01-06", "E-A: visit"))
    found = measured([item(5, "An envoy visits Arden.")], record)["all"]
    assert (found.told, found.told_right) == (1, 1)


def test_third_parties_have_to_agree_where_both_name_one() -> None:
    ours = [item(5, "An envoy visits Arden.")]
    for named, right in (("E-A", 1), ("F-A", 0), ("A-B", 1), ("X-A", 1)):
        assert measured(ours, events(("contact", "2026-01-05", "2026-01-06", f"{named}: visit")))["contact"].right == right, named


def test_an_announced_meeting_counts_on_the_day_it_was_announced() -> None:
    ours = [item(5, "Arden and Belmora will meet on 25 January.")]
    for day, told, right in (("2026-01-25", "2026-01-05", 1), ("2026-01-05", "2026-01-25", 0)):
        assert measured(ours, events(("meeting_agreed", day, told, "A-B: soon")))["meeting_agreed"].right == right


def test_what_lies_outside_the_stretch_does_not_count() -> None:
    record = events(("contact", "2026-02-05", "2026-02-06", "E-A: visit"))
    assert measured([Item(date(2025, 12, 31), "An envoy visits Arden.", "x")], record) == {"all": Measured("test", "all", 0, 0, 0, 0, 0)}


def test_the_study_parts_days_of_training_from_days_of_test(copied_workspace: Path, tmp_path: Path) -> None:
    for day in ("2025-05-16", "2025-07-23"):
        text = "* Russian and Ukrainian delegations hold a round of direct talks in Istanbul, Turkey, on a ceasefire. (Agency)"
        name = f"Portal:Current events/{day[:4]} {pd.Timestamp(day):%B} {int(day[8:])}"
        page = {"query": {"pages": [{"title": name, "revisions": [{"slots": {"main": {"content": text}}}]}]}}
        (tmp_path / f"current_events_{day}.json").write_text(json.dumps(page), "utf-8")
    files = sorted(map(str, tmp_path.glob("*.json")))
    words = [
        "study",
        "drafting",
        "current_events",
        *files,
        "--test-from",
        "2025-07-01",
        "--date",
        "2026-12-01",
        "--workspace",
        str(copied_workspace),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    rows = read(copied_workspace)
    assert [(row["days"], row["events"], row["right"]) for row in rows if row["kind"] == "round"] == [
        ("train", "2", "1"),
        ("test", "1", "1"),
    ]
    folder, elsewhere = copied_workspace / "reports/studies", tmp_path / "elsewhere"
    shutil.rmtree(folder)
    elsewhere.mkdir()
    folder.symlink_to(elsewhere, target_is_directory=True)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1 and "reports/studies: found a link" in result.output and not any(elsewhere.iterdir())


def read(root: Path) -> list[dict[str, str]]:
    with (root / "reports/studies/drafting.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_shipped_study_is_of_the_words_that_stand(root: Path) -> None:
    about = json.loads((root / "reports/studies/drafting.json").read_text("utf-8"))
    assert about["words_sha256"] == hash_file(root / "data/drafting.toml"), "the words were changed: measure them again"


def test_the_guide_says_what_the_study_found(root: Path) -> None:
    guide = (root / "docs/guides/desk.md").read_text("utf-8")
    rows = [{name: text if name in ("days", "kind") else int(text) for name, text in row.items()} for row in read(root)]
    shown = [line for line in guide.splitlines() if (line.startswith("| ") and line.endswith(" |") and "%" in line) or "| – |" in line]
    expected = []
    for row in rows:
        events, told, drafts, right, told_right = (int(row[name]) for name in ("events", "told", "drafts", "right", "told_right"))
        if row["days"] == "test":
            cells = (
                row["kind"],
                events,
                right,
                share(right, events),
                told,
                told_right,
                share(told_right, told),
                drafts,
                share(right, drafts),
            )
            expected.append(f"| {' | '.join(map(str, cells))} |")
        elif row["kind"] == "all":
            assert (
                f"{share(told_right, told)} of what the portal tells ({told_right} of {told}) and {share(right, drafts)} of {drafts} drafts"
                in guide
            )
    assert shown == expected and len(expected) > 10
    everything = next(row for row in rows if (row["days"], row["kind"]) == ("test", "all"))
    assert f"Of {everything['events']} events on record it is the source of {everything['told']} " in guide


@pytest.mark.parametrize(("part", "whole", "text"), [(1, 3, "33 %"), (0, 2, "0 %"), (0, 0, "–")])
def test_shares_are_told(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text
