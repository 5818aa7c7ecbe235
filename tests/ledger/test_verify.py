"""The chain of rows: whatever is touched is named with its line, a head kept elsewhere tells the rest, and older files are chained once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ripeness.errors import ContentError, UsageError
from ripeness.ledger import (
    BRIDGES_FILE,
    FILE,
    RESOLUTIONS_FILE,
    BridgeForecast,
    Entry,
    Head,
    append_bridge_forecasts,
    append_entries,
    find_head,
    migrate_reports,
    read_ledger,
    resolve_forecasts,
    verify_reports,
)
from ripeness.ledger.chain import START, row_digest
from ripeness.ledger.entries import OLDEST, UNCHAINED
from ripeness.workspace.csv import csv_text, read_csv
from ripeness.workspace.question import Question

Make = Callable[..., Entry]
ORIGIN = date(2025, 6, 22)
BRIDGE = BridgeForecast(
    "0123456789ab", ORIGIN, "meet_2025", "fair:meet", date(2025, 9, 30), 0.2, 0.1, 0.4, ORIGIN, None, None, ORIGIN, "0.1.0"
)


@pytest.fixture
def reports(tmp_path: Path, entry: Make, known: Callable[..., Any], question: Question) -> Path:
    """Six forecasts, three of a bridge, and what became of four."""
    folder = tmp_path / "reports"
    append_entries(folder, [entry(weeks=weeks) for weeks in (1, 2, 3, 4, 26, 52)])
    append_bridge_forecasts(folder, [replace(BRIDGE, probability=p) for p in (0.2, 0.3, 0.4)])
    assert len(resolve_forecasts(folder, question, date(2025, 6, 18), date(2025, 8, 3), known([]))) == 4
    return folder


def touched(reports: Path, name: str, change: Callable[[list[str]], list[str]]) -> str:
    """What is said of a file whose rows were changed."""
    path = reports / name
    header, *rows = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([header, *change(rows)]) + "\n", "utf-8", newline="\n")
    with pytest.raises(ContentError) as caught:
        verify_reports(reports)
    return str(caught.value)


def test_the_heads_are_the_digests_of_the_last_rows(reports: Path) -> None:
    heads = verify_reports(reports)
    last = {name: (reports / name).read_text("utf-8").splitlines()[-1].split(",")[-1] for name in (FILE, BRIDGES_FILE, RESOLUTIONS_FILE)}
    assert heads == [
        Head(FILE, 6, last[FILE]),
        Head(BRIDGES_FILE, 3, last[BRIDGES_FILE]),
        Head(RESOLUTIONS_FILE, 4, last[RESOLUTIONS_FILE]),
    ]
    assert find_head(reports, last[BRIDGES_FILE]) == (BRIDGES_FILE, 4) and find_head(reports, "0" * 64) is None
    assert verify_reports(reports / "none") == []


def test_heads_of_what_is_about_to_be_added_are_those_it_has_then(reports: Path, entry: Make) -> None:
    new, bridge = [entry(weeks=13), entry(weeks=1)], replace(BRIDGE, probability=0.5)
    before = verify_reports(reports)
    heads = verify_reports(reports, new, [bridge])
    assert verify_reports(reports) == before
    append_entries(reports, new), append_bridge_forecasts(reports, [bridge])
    assert heads == verify_reports(reports) and [one.rows for one in heads] == [7, 4, 4]


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (lambda rows: [*rows[:2], rows[2].replace(",0.200000,", ",0.210000,"), *rows[3:]], 4, "a row edited since it was written"),
        (lambda rows: [*rows[:2], rows[2].replace(",2025-06-22,,,", ",2025-06-21,,,"), *rows[3:]], 4, "a row edited since it was written"),
        (lambda rows: [*rows[:2], rows[2].replace(",2025-06-22,,,", ",,,,"), *rows[3:]], 4, "a row edited since it was written"),
        (lambda rows: [*rows[:2], rows[2][:-64] + "e" * 64, *rows[3:]], 4, "a row edited since it was written"),
        (lambda rows: [*rows[:2], rows[2][:-129], *rows[3:]], 4, "a row edited since it was written"),
        (lambda rows: [*rows[:5], rows[5][:-1]], 7, "a row whose digest was cut off"),
        (lambda rows: [*rows[:5], rows[5][:-64]], 7, "a row edited since it was written (its digest is missing)"),
        (lambda rows: [*rows[:5], rows[5][:60]], 7, "cells; expected 20 cells"),
        (lambda rows: [*rows[:2], *rows[3:]], 4, "a row before which others were deleted or exchanged"),
        (lambda rows: rows[1:], 2, "a row before which others were deleted or exchanged; expected the first row"),
        (lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]], 4, "a row moved here that was written after that of line 5"),
        (lambda rows: rows[::-1], 2, "a row moved here that was written after that of line 3"),
        (lambda rows: [*rows, rows[2]], 8, "a second time"),
    ],
    ids=[
        "a number",
        "the day of issue",
        "no day of issue",
        "a digest",
        "no chain",
        "the end of the last row cut off",
        "the digest of the last row cut off",
        "most of the last row cut off",
        "deleted",
        "the first deleted",
        "swapped",
        "reversed",
        "doubled",
    ],
)
def test_the_first_row_that_was_touched_is_named(reports: Path, change: Any, line: int, words: str) -> None:
    said = touched(reports, FILE, change)
    assert f"reports/{FILE}, line {line}: found " in said and words in said and said.count("\n") == 0


@pytest.mark.parametrize(
    ("edited", "said"),
    [(1, ["line 3: found a row edited since it was written", "line 6: found target"]), (5, ["line 6: found target"])],
    ids=["before", "after"],
)
def test_a_row_that_was_touched_is_named_where_no_row_before_it_has_another_fault(reports: Path, edited: int, said: list[str]) -> None:
    def change(rows: list[str]) -> list[str]:
        rows[4] = rows[4].replace(",2025-12-21,", ",2025-12-22,")
        rows[edited] = rows[edited].replace(",0.400000,", ",0.410000,")
        return rows

    found = touched(reports, FILE, change).splitlines()
    assert len(found) == len(said) and all(words in line for words, line in zip(said, found, strict=True))


@pytest.mark.parametrize("name", [BRIDGES_FILE, RESOLUTIONS_FILE])
def test_the_other_files_are_chained_too(reports: Path, name: str) -> None:
    assert f"reports/{name}, line 3: found a row before which others" in touched(reports, name, lambda rows: [rows[0], *rows[2:]])


def test_a_row_edited_with_its_digest_made_anew_breaks_the_next(reports: Path) -> None:
    cells = read_csv((reports / FILE).read_bytes(), Path(FILE))

    def forge(rows: list[str]) -> list[str]:
        records = [record for _, record in cells.records()]
        records[2] |= {"upper": "0.900000"}
        records[2]["digest"] = row_digest(records[2])
        return [csv_text([list(record.values())], "") for record in records]

    assert (
        "line 5: found a row before which others were deleted or exchanged; expected the row that was written after that of line 4"
        in touched(reports, FILE, forge)
    )


def test_rows_missing_at_the_end_are_known_by_a_head_kept_elsewhere(reports: Path) -> None:
    kept = verify_reports(reports)[0].digest
    (reports / RESOLUTIONS_FILE).unlink()
    path = reports / FILE
    path.write_text("\n".join(path.read_text("utf-8").splitlines()[:-1]) + "\n", "utf-8", newline="\n")
    verify_reports(reports)
    assert kept is not None and find_head(reports, kept) is None


def test_a_chain_taken_away_leaves_no_day_of_issue(reports: Path) -> None:
    rows = list(read_csv((reports / FILE).read_bytes(), Path(FILE)).records())
    (reports / RESOLUTIONS_FILE).unlink()
    for width in range(UNCHAINED + 1, len(rows[0][1])):
        cut = [list(record)[:width] for _, record in rows[:1]] + [list(record.values())[:width] for _, record in rows]
        (reports / FILE).write_text(csv_text(cut), "utf-8", newline="\n")
        with pytest.raises(ContentError, match=r"line 1: found (no columns previous and digest|columns)"):
            read_ledger(reports)
    cut = [line[:UNCHAINED] for line in cut]
    (reports / FILE).write_text(csv_text(cut), "utf-8", newline="\n")
    assert {one.issued_on for one in read_ledger(reports)} == {None}


def test_line_ends_blank_lines_and_quotation_marks_play_no_part(reports: Path) -> None:
    before = verify_reports(reports)
    path = reports / FILE
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n").replace(b",round,", b',"round",'))
    assert verify_reports(reports) == before
    header, first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([header, b"\r\n", first, b"," * 19 + b"\r\n", *others]))
    assert verify_reports(reports) == before


def unchained(path: Path, width: int) -> None:
    """Write a file as it was before there was a chain."""
    rows = list(read_csv(path.read_bytes(), path).records())
    lines = [list(rows[0][1])[:width], *(list(record.values())[:width] for _, record in rows)]
    path.write_text(csv_text(lines), "utf-8", newline="\n")


def test_files_of_the_older_form_are_chained_once_with_the_days_that_are_known(reports: Path, entry: Make) -> None:
    append_entries(reports, [entry("ba9876543210", probability=0.4)])
    for name, width in ((FILE, UNCHAINED), (BRIDGES_FILE, 11), (RESOLUTIONS_FILE, 17)):
        unchained(reports / name, width)
    before = {path.name: path.read_text("utf-8").splitlines() for path in reports.iterdir()}
    assert [head.digest for head in verify_reports(reports)] == [None] * 3
    assert {entry.issued_on for entry in read_ledger(reports)} == {None}
    heads = migrate_reports(reports, {"0123456789ab": date(2025, 7, 1)}, "by the mail, of that day")
    assert heads == verify_reports(reports) and [head.rows for head in heads] == [7, 3, 4]
    for path in reports.iterdir():
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) == len(before[path.name])
        assert all(new.startswith(old) for new, old in zip(lines, before[path.name], strict=True))
    entries = read_ledger(reports)
    assert {(one.issued_on, one.note) for one in entries[:6]} == {(date(2025, 7, 1), "by the mail, of that day")}
    assert (entries[6].issued_on, entries[6].note, entries[6].program_version) == (None, None, None)
    kept = {path.name: path.read_bytes() for path in reports.iterdir()}
    with pytest.raises(UsageError, match="every row is chained already"):
        migrate_reports(reports, {"ba9876543210": date(2025, 7, 1)}, "again")
    assert {path.name: path.read_bytes() for path in reports.iterdir()} == kept


def test_a_day_for_a_run_that_is_not_there_changes_nothing(reports: Path) -> None:
    unchained(reports / FILE, OLDEST)
    before = (reports / FILE).read_bytes()
    with pytest.raises(UsageError, match="--issued ba9876543210: no row of this run"):
        migrate_reports(reports, {"ba9876543210": date(2025, 7, 1)}, "by hand")
    assert (reports / FILE).read_bytes() == before
    with pytest.raises(UsageError, match="no ledger yet"):
        migrate_reports(reports / "none", {}, "")


def test_a_day_that_cannot_be_or_a_note_that_cannot_be_read_changes_nothing(reports: Path, entry: Make) -> None:
    append_entries(reports, [entry("ba9876543210", probability=0.4, record_to=date(2025, 6, 29))])
    unchained(reports / FILE, UNCHAINED)
    before = (reports / FILE).read_bytes()
    with pytest.raises(UsageError, match=r"--issued ba9876543210=2025-06-28: its record reached to 2025-06-29"):
        migrate_reports(reports, {"ba9876543210": date(2025, 6, 28)}, "by hand")
    with pytest.raises(ContentError, match="note "):
        migrate_reports(reports, {"ba9876543210": date(2025, 6, 29)}, "by\nhand")
    assert (reports / FILE).read_bytes() == before


def test_the_next_forecast_chains_an_older_ledger_with_its_days_unknown(reports: Path, entry: Make) -> None:
    unchained(reports / FILE, OLDEST)
    append_entries(reports, [entry(weeks=13)])
    assert [one.issued_on for one in read_ledger(reports)] == [None] * 6 + [ORIGIN]
    assert [head.rows for head in verify_reports(reports)] == [7, 3, 4]


def test_the_ledger_of_the_repository_was_chained_by_this_code(root: Path, tmp_path: Path) -> None:
    runs = ["5d77ed9ad23d", "f5d9d9847946", "4151cb173be3", "e04b051917bd", "0e345569f916", "9eeaf9e19e96"]
    days = dict(zip(runs, [date(2026, 11, 22)] * 2 + [date(2026, 11, 23)] * 4, strict=True))  # of the commits that added their rows
    for name, rows, width in ((FILE, 48, UNCHAINED), (RESOLUTIONS_FILE, 8, 17)):
        lines = (root / "reports" / name).read_text("utf-8").splitlines(keepends=True)[: rows + 1]
        (tmp_path / name).write_text("".join(lines), "utf-8", newline="\n")
        unchained(tmp_path / name, width)
    migrate_reports(tmp_path, days, "day of issue taken from the repository's history")
    shipped = (root / "reports" / FILE).read_text("utf-8").splitlines()
    for line, other in zip((tmp_path / FILE).read_text("utf-8").splitlines(), shipped, strict=False):
        assert line.split(",")[-5:-2] == other.split(",")[-5:-2]  # rows of the oldest form were two cells short; their digests are the same
        assert line.split(",")[-2:] == other.split(",")[-2:]
    assert verify_reports(root / "reports")


def test_rows_of_many_writers_make_one_chain(tmp_path: Path, entry: Make) -> None:
    def issue(number: int) -> int:
        return append_entries(tmp_path, [entry(f"run{number}", weeks=weeks, probability=0.01 * number) for weeks in (4, 13)])

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(issue, range(1, 9))) == 16
    digests = [record for _, record in read_csv((tmp_path / FILE).read_bytes(), Path(FILE)).records()]
    assert digests[0]["previous"] == START
    assert all(one["digest"] == other["previous"] for one, other in itertools.pairwise(digests))
    assert verify_reports(tmp_path)[0].rows == 16
