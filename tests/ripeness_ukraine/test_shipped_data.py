"""The registry and the files that the repository ships."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from ripeness.data.vintages import Store, read_store
from ripeness.errors import ContentError, UsageError
from ripeness.intake.updates import Choices
from ripeness.sources import SOURCES, import_all, import_source, write_rows
from ripeness.sources.tables import read_records, read_table
from ripeness.workflow.storing import run_import_update
from ripeness.workspace import read_workspace

_ROOT = Path(__file__).resolve().parents[2]
_SOURCE_DATA = _ROOT.parent / "shared" / "data"


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


def test_every_indicator_has_an_importer(store: Store) -> None:
    modules = "".join(
        (_ROOT / "model" / "ripeness" / "sources" / f"{source.module}.py").read_text(encoding="utf-8") for source in SOURCES.values()
    )
    assert [name for name in store.contracts if f'"{name}"' not in modules] == []


def test_unknown_sources_and_wrong_numbers_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'kiel'"):
        import_source("keil", [])
    with pytest.raises(UsageError, match=r"2 file\(s\), total_allocations.csv"):
        import_source("kiel", [tmp_path / "one.csv"])
    with pytest.raises(UsageError, match=r"brent-daily\.csv"):
        import_all(tmp_path)


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
        (b"Date,Price\n", "no rows", None),
        (b"", "a column Date", 1),
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


def test_all_faults_are_reported_and_byte_order_marks_accepted(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbfday,value\r\n2022-03-01,1\r\n")
    assert read_table(path, days=["day"], numbers=["value"])["value"].tolist() == [1.0]
    path.write_bytes(b"day,value\nx,1\n2022-03-01,y\n")
    with pytest.raises(ContentError) as caught:
        read_table(path, days=["day"], numbers=["value"])
    assert [fault.line for fault in caught.value.faults] == [2, 3]


def test_broken_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text, words in (("[\n{]", "line 2"), ("{}", "array of objects"), ('[{"date": "2022-03-01"}]', "entry 1 without n")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ContentError, match=words):
            read_records(path, days=["date"], numbers=["n"])


def test_written_files_are_canonical(tmp_path: Path) -> None:
    day = pd.Timestamp("2024-01-07")
    table = pd.DataFrame(
        {
            "observed_on": [day, day, day - pd.Timedelta(days=7)],
            "value": [0.1 + 0.2, float("nan"), 3.0],
            "published_on": [day + pd.Timedelta(days=9), day + pd.Timedelta(days=1), day],
            "source": ["a, b", "a", "a"],
            "grade": "A",
        }
    )
    (path,) = write_rows({"x": table}, tmp_path)
    expected = ["observed_on,value,published_on,source,grade", "2023-12-31,3,2024-01-07,a,A", "2024-01-07,,2024-01-08,a,A"]
    assert path.read_bytes().decode() == "\n".join([*expected, '2024-01-07,0.30000000000000004,2024-01-16,"a, b",A', ""])


@pytest.mark.slow
@pytest.mark.skipif(not _SOURCE_DATA.is_dir(), reason="the publishers' files are not at hand (../shared/data)")
def test_shipped_files_are_what_the_importers_make(tmp_path: Path) -> None:
    for path in write_rows(import_all(_SOURCE_DATA), tmp_path):
        assert path.read_bytes() == (_ROOT / "data" / path.name).read_bytes(), path.name


@pytest.mark.slow
@pytest.mark.skipif(not _SOURCE_DATA.is_dir(), reason="the publishers' files are not at hand (../shared/data)")
def test_files_of_a_week_later_bring_the_data_to_what_is_shipped(tmp_path: Path, copied_workspace: Path) -> None:
    for name in {file for source in SOURCES.values() for file in source.files}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(_cut((_SOURCE_DATA / name).read_text("utf-8"), Path(name).suffix), encoding="utf-8")
    shipped = {path.name: sorted(path.read_bytes().splitlines()) for path in (copied_workspace / "data").glob("*.csv")}
    write_rows(import_all(tmp_path), copied_workspace / "data")
    before = {path.name: path.read_bytes() for path in (copied_workspace / "data").glob("*.csv")}
    update = run_import_update(copied_workspace, "all", [_SOURCE_DATA], Choices(date(2026, 7, 6)))
    assert (update.faults, update.counts["revision"], update.counts["late entry"]) == ((), 0, 0)
    assert update.counts["new"] >= 9
    for name, content in before.items():
        after = (copied_workspace / "data" / name).read_bytes()
        assert after.startswith(content), name
        assert sorted(after.splitlines()) == shipped[name], name


def _cut(text: str, suffix: str) -> str:
    """A publisher's file as it stood on 21 June 2026, a Sunday."""
    last = "2026-06-21"
    if suffix == ".json":
        return json.dumps([entry for entry in json.loads(text) if entry["date"] <= last])
    if suffix == ".md":
        return text.replace("Rows to 30 June 2026", "Rows to 21 June 2026")
    head, *lines = text.splitlines()
    kept = [line for line in lines if not re.match(r"\d{4}-\d\d-\d\d", line) or line[:10] <= last]
    return "\n".join([head, *kept]) + "\n"
