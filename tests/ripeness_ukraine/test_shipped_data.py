"""The files that the repository ships, and what the readers make of the publishers'."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from shipped import JUDGEMENTS, SOURCES, import_all, import_source

from ripeness.data.vintages import Store, read_store
from ripeness.errors import ContentError, UsageError
from ripeness.intake.export import write_rows
from ripeness.intake.sources import ALL, find_files
from ripeness.intake.updates import Choices
from ripeness.workflow.updates import run_import_update
from ripeness.workspace import read_workspace

_ROOT = Path(__file__).resolve().parents[2]
_SOURCE_DATA = _ROOT.parent / "shared" / "data"
_SHIPPED_TO, _AID_TO = date(2026, 6, 30), date(2026, 2, 28)


@pytest.fixture(scope="module")
def store() -> Store:
    return read_store(read_workspace(_ROOT))


def test_shipped_files_meet_their_contracts(store: Store) -> None:
    assert len(store.rows) >= 16
    for name, frame in store.rows.items():
        assert (frame["published_on"] >= frame["observed_on"]).all(), name


def test_weekly_values_end_on_sundays_and_monthly_ones_with_the_month(store: Store) -> None:
    for name, contract in store.contracts.items():
        days = pd.DatetimeIndex(store.rows[name]["observed_on"])
        if contract.window == "week":
            assert set(days.day_of_week) == {6}, name
        if contract.window in ("month", "quarter"):
            assert days.is_month_end.all(), name


def test_reference_series_wander_near_the_centre(store: Store) -> None:
    for name, contract in store.contracts.items():
        if contract.reference and contract.likelihood != "negative_binomial":
            scaled = contract.transformed(store.rows[name]["value"].to_numpy(dtype=float))
            assert (abs(scaled) <= 2.5).mean() > 0.9, name


def test_fourteen_rounds(store: Store) -> None:
    rounds = store.as_of(store.default_origin()).rounds()
    assert len(rounds) == 14
    assert [f"{day:%Y-%m-%d}" for day in rounds[-6:]] == [
        "2025-05-16",
        "2025-06-02",
        "2025-07-23",
        "2026-01-23",
        "2026-02-04",
        "2026-02-17",
    ]


def test_the_proposal_of_11_may_2025_was_known_that_day(store: Store) -> None:
    events = store.as_of(pd.Timestamp("2025-05-11").date()).events
    ahead = events[(events["date"] > "2025-05-11") & events["kind"].str.startswith("meeting")]
    assert set(ahead["kind"]) == {"meeting_one_side", "meeting_leaders"}


def test_every_indicator_has_a_reader(store: Store) -> None:
    given = {table for source in SOURCES.values() for table in source.tables}
    given |= {question["indicator"] for question in tomllib.loads(JUDGEMENTS.read_text("utf-8"))["polls"]["question"]}
    assert sorted(store.contracts) == sorted(given - {"events", "coverage"})


def test_unknown_sources_and_wrong_numbers_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'kiel'"):
        import_source("keil", [])
    with pytest.raises(UsageError, match=r"2 file\(s\), diplomacy_chronology.csv"):
        import_source("chronology", [tmp_path / "one.csv"])
    with pytest.raises(UsageError, match=r"brent-daily\.csv"):
        find_files(ALL, [tmp_path])


@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        (b"Date,Price\n2022-03-01,1\n2022-03-32,1\n", "2022-03-32", 3),
        (b"Date,Price\n2022-03-01,dear\n", "dear", 2),
        (b"Date,Price\n2022-03-01,inf\n", "inf", 2),
        (b"Date,Price\n2022-03-01\n", "1 cells", 2),
        (b"Day,Price\n2022-03-01,1\n", "a column Date", 1),
        (b"Date,Price\n2022-03-01,1\n2022-03-01,2\n", "a second time", 3),
        (b"Date,Price\n2022-03-01,\xff\n", "not UTF-8", 2),
        (b"Date,Price\n", "a header and no row", None),
        (b"", "an empty file", None),
    ],
)
def test_broken_files_are_refused_with_their_line(tmp_path: Path, content: bytes, words: str, line: int | None) -> None:
    path = tmp_path / "brent-daily.csv"
    path.write_bytes(content)
    with pytest.raises(ContentError) as caught:
        import_source("eia", [path])
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.faults[0].line == line


@pytest.mark.slow
@pytest.mark.skipif(not _SOURCE_DATA.is_dir(), reason="the publishers' files are not at hand (../shared/data)")
def test_shipped_files_are_what_the_readers_make(tmp_path: Path) -> None:
    """Every shipped line is made, in its place; what is made besides describes or was known on days after the last shipped one."""
    for path in write_rows(import_all(_SOURCE_DATA), tmp_path):
        shipped = (_ROOT / "data" / path.name).read_text("utf-8").splitlines()
        known = set(shipped)
        assert [line for line in path.read_text("utf-8").splitlines() if line in known] == shipped, path.name
        made = pd.read_csv(path, dtype=str)
        days = made[[made.columns[0], "published_on"]].max(axis=1)
        assert (days <= f"{_SHIPPED_TO}").sum() <= len(shipped) - 1, path.name


@pytest.mark.slow
@pytest.mark.skipif(not _SOURCE_DATA.is_dir(), reason="the publishers' files are not at hand (../shared/data)")
def test_files_of_a_week_later_bring_the_data_to_what_is_shipped(tmp_path: Path, copied_workspace: Path) -> None:
    sooner, later = tmp_path / "sooner", tmp_path / "later"
    for folder, last in ((sooner, date(2026, 6, 21)), (later, _SHIPPED_TO)):  # the first a Sunday
        for name in {file for source in SOURCES.values() for file in source.files}:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(_cut((_SOURCE_DATA / name).read_text("utf-8"), name, last), encoding="utf-8")
    shipped = {path.name: sorted(path.read_bytes().splitlines()) for path in (copied_workspace / "data").glob("*.csv")}
    write_rows(import_all(sooner), copied_workspace / "data")
    before = {path.name: path.read_bytes() for path in (copied_workspace / "data").glob("*.csv")}
    update = run_import_update(copied_workspace, "all", [later], Choices(date(2026, 7, 6)))
    assert (update.faults, update.counts["revision"], update.counts["late entry"]) == ((), 0, 0)
    assert update.counts["new"] >= 9
    for name, content in before.items():
        after = (copied_workspace / "data" / name).read_bytes()
        assert after.startswith(content), name
        assert sorted(after.splitlines()) == shipped[name], name


def _cut(text: str, name: str, last: date) -> str:
    """A publisher's file as it stood on a day of June 2026; aid was then known to February."""
    if name.endswith(".json"):
        return json.dumps([entry for entry in json.loads(text) if entry["date"] <= f"{last}"])
    if name.endswith(".md"):
        dated, searched = re.subn(r"Rows to [^.]*\.", f"Rows to {last:%d %B %Y}.", text, count=1)
        assert searched == 1
        return dated
    head, *lines = text.splitlines()
    to = f"{_AID_TO}" if name.startswith("kiel") else f"{last}"

    def day_of(line: str) -> str:
        if found := re.match(r"(\d{4})[-,](\d{1,2})(?:-(\d\d))?", line):
            year, month, day = found.groups()
            return f"{year}-{int(month):02d}-{day or '01'}" if day or name.startswith("kiel") else ""
        return ""

    return "\n".join([head, *(line for line in lines if day_of(line) <= to)]) + "\n"
