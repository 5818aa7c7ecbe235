"""The ledger: what is issued stays as it was issued, the same number is not issued twice, another names what differs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ripeness.errors import ContentError
from ripeness.ledger import COLUMNS, FILE, Entry, append_entries, previous_entry, read_ledger
from ripeness.ledger.chain import CHAIN, START, row_digest
from ripeness.ledger.entries import OLDEST, counting_versions, issue_labels

Make = Callable[..., Entry]
ESSAY = date(2025, 6, 18)
HEADER = ",".join((*COLUMNS, *CHAIN))
OLD_HEADER = ",".join(COLUMNS[:OLDEST])
MIDDLE_HEADER = ",".join(COLUMNS[: OLDEST + 2])  # before rows were chained
OLD_ROW = f'0123456789ab,round,2025-06-22,13,2025-09-21,0.2,0.1,0.40,0.3,"mixture, NUTS",{"d" * 64},{"p" * 64},0.1.0+abc'


def lines_of(reports: Path) -> list[str]:
    return (reports / FILE).read_bytes().decode().split("\n")


def test_what_is_appended_is_read_again(tmp_path: Path, entry: Make) -> None:
    reports = tmp_path / "reports"
    assert read_ledger(reports) == []
    issued = [entry(record_to=date(2025, 6, 22)), entry(weeks=4, probability=0.1)]
    assert append_entries(reports, issued) == 2
    assert read_ledger(reports) == issued
    assert lines_of(reports)[0] == HEADER and lines_of(reports)[-1] == ""
    assert [path.name for path in reports.iterdir()] == [FILE]


def test_the_same_forecast_issued_again_adds_nothing(tmp_path: Path, entry: Make) -> None:
    append_entries(tmp_path, [entry(probability=1 / 3)])
    before = (tmp_path / FILE).read_bytes()
    assert append_entries(tmp_path, [entry(probability=1 / 3)]) == 0
    assert append_entries(tmp_path, [entry("ba9876543210", probability=1 / 3, code_version="0.1.0+other")]) == 0
    assert (tmp_path / FILE).read_bytes() == before


def test_alternating_forecasts_do_not_pad_the_ledger(tmp_path: Path, entry: Make) -> None:
    one, other = entry(probability=0.2), entry("ba9876543210", probability=0.25)
    assert append_entries(tmp_path, [one, one, other]) == 2
    assert append_entries(tmp_path, [one]) == append_entries(tmp_path, [other]) == 0


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"data_hash": "e" * 64}, "data"),
        ({"priors_hash": "e" * 64}, "priors"),
        ({"code_version": "0.2.0"}, "code"),
        ({"method": "reweighted"}, "method"),
        ({"data_hash": "e" * 64, "code_version": "0.2.0"}, "data; code"),
        ({}, "run"),
        ({"run_id": "0123456789ab"}, "sampling"),
    ],
)
def test_another_number_is_another_row_that_names_what_differs(tmp_path: Path, entry: Make, changed: dict[str, Any], differs: str) -> None:
    append_entries(tmp_path, [entry(), entry(weeks=4, data_hash="0")])
    assert append_entries(tmp_path, [replace(entry("ba9876543210", probability=0.21), **changed)]) == 1
    assert [one.differs for one in read_ledger(tmp_path)] == ["", "", differs]


def test_what_differs_is_reported_against_the_forecast_issued_last(tmp_path: Path, entry: Make) -> None:
    append_entries(tmp_path, [entry("1"), entry("2", probability=0.3, code_version="b"), entry("3", probability=0.4, code_version="b")])
    assert [one.differs for one in read_ledger(tmp_path)] == ["", "code", "run"]
    other = [entry(origin=date(2025, 6, 29)), entry(weeks=4), entry(question="sustained")]
    assert append_entries(tmp_path, other) == 3
    assert [one.differs for one in read_ledger(tmp_path)[3:]] == ["", "", ""]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("tail", ["", "{end}", "{end}{end}"], ids=["no last line end", "ended", "a blank line"])
@pytest.mark.parametrize("form", ["oldest", "widened", "unchained", "chained"])
def test_what_stands_there_stays_letter_by_letter(tmp_path: Path, entry: Make, bom: bytes, end: str, tail: str, form: str) -> None:
    path = tmp_path / FILE
    header = {"oldest": OLD_HEADER, "chained": HEADER}.get(form, MIDDLE_HEADER)
    row = {"oldest": OLD_ROW, "widened": OLD_ROW, "unchained": OLD_ROW + ",,2025-06-22"}.get(form, "")
    if form == "chained":
        append_entries(tmp_path, [entry()])
        header, row, _ = path.read_text("utf-8").split("\n")
    path.write_bytes(bom + (header + end + row + tail.format(end=end)).encode())
    before, kept = path.read_bytes(), read_ledger(tmp_path)
    assert append_entries(tmp_path, [entry()]) == 0 and path.read_bytes() == before
    added = entry("ba9876543210", probability=0.21, record_to=date(2025, 6, 29))
    assert append_entries(tmp_path, [added]) == 1
    lines = path.read_bytes().removeprefix(bom).decode().split(end)
    assert path.read_bytes().startswith(bom) and lines[0] == HEADER and lines[1].startswith(row)
    assert (lines[1] == row) == (form == "chained")
    assert lines[-2].startswith("ba9876543210,round,") and lines[-1] == ""
    assert "\n" not in "".join(lines) and "\r" not in "".join(lines)
    assert read_ledger(tmp_path) == [*kept, replace(added, differs="run")]
    assert [one.issued_on for one in read_ledger(tmp_path)] == [date(2025, 6, 22) if form == "chained" else None, added.issued_on]


def test_a_header_alone_or_without_its_line_end_grows(tmp_path: Path, entry: Make) -> None:
    (tmp_path / FILE).write_text(OLD_HEADER, "utf-8")
    append_entries(tmp_path, [entry()])
    assert read_ledger(tmp_path) == [entry()]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("run_id,", "run,", 1, "columns 'run,"),
        ("code_version,", "", 1, "columns "),
        ("2025-06-22", "22 June", 2, r"origin '22 June'"),
        ("0.1.0+abc,,", "0.1.0+abc,,,0123456789ab", 2, r"21 cells"),
        ("2025-09-21", "2025-09-22", 2, "target_end_date 2025-09-22; expected 2025-09-21, 13 weeks after 2025-06-22"),
        ("0.200000", "1.2", 2, "probability '1.2'; expected less than or equal to 1"),
        ("0.200000", "nan", 2, "probability 'nan'"),
        ("0.200000", "", 2, "no probability"),
        ("0.100000", "0.5", 2, "lower 0.5 above upper 0.4"),
        ("0.1.0+abc,,", "0.1.0+abc,weather,", 2, "differs 'weather'"),
        (",2025-06-22,,,", ",22 June,,,", 2, "issued_on '22 June'"),
        ('"mixture', '"mix"ture', 2, "broken quoting"),
        ("round", "ro\x00und", 2, "a NUL byte"),
        ("d" * 64, "d\x00", 2, "a NUL byte"),
    ],
)
def test_a_spoilt_ledger_is_refused_with_its_line_and_left_alone(
    tmp_path: Path, entry: Make, old: str, new: str, line: int, words: str
) -> None:
    append_entries(tmp_path, [entry()])
    path = tmp_path / FILE
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8", newline="\n")
    before = path.read_bytes()
    with pytest.raises(ContentError, match=words) as caught:
        append_entries(tmp_path, [entry("ba9876543210", probability=0.9)])
    assert [fault.line for fault in caught.value.faults] == [line]
    assert all(fault.path == Path(tmp_path.name) / FILE for fault in caught.value.faults)
    assert path.read_bytes() == before


def test_every_spoilt_line_is_reported(tmp_path: Path, entry: Make) -> None:
    append_entries(tmp_path, [entry(), entry(weeks=4), entry(weeks=26)])
    path = tmp_path / FILE
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([lines[0], lines[1][:40], "", lines[2], lines[3].replace("round", "")]), "utf-8")
    with pytest.raises(ContentError) as caught:
        read_ledger(tmp_path)
    assert [fault.line for fault in caught.value.faults] == [2, 5]


def test_a_row_pasted_twice_and_bytes_of_another_encoding_are_refused(tmp_path: Path, entry: Make) -> None:
    append_entries(tmp_path, [entry(), entry(weeks=4)])
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines(keepends=True)[1])
    with pytest.raises(ContentError, match=r"line 4: found the forecast of line 2 a second time"):
        read_ledger(tmp_path)
    path.write_bytes(whole.replace(b"mixture", b"m\xefxture", 1))
    with pytest.raises(ContentError, match=r"line 2: found bytes that are not UTF-8"):
        read_ledger(tmp_path)


def test_a_forecast_of_a_run_stands_once(tmp_path: Path, entry: Make) -> None:
    append_entries(tmp_path, [entry(), entry(weeks=4)])
    path = tmp_path / FILE
    before = path.read_bytes()
    with pytest.raises(ContentError, match=r"line 4: found the forecast of line 2 a second time; expected each forecast of a run once"):
        append_entries(tmp_path, [replace(entry(), upper=0.5)])  # the same inputs and the same probability cannot have given it
    assert path.read_bytes() == before
    path.write_bytes(before + before.splitlines(keepends=True)[1].replace(b"0.400000", b"0.500000"))
    with pytest.raises(ContentError, match=r"line 4: found the forecast of line 2 a second time"):
        read_ledger(tmp_path)


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, entry: Make) -> None:
    append_entries(tmp_path, [entry()])
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(ContentError, match="target_end_date"):
        append_entries(tmp_path, [replace(entry(), origin=date(2025, 6, 29))])
    assert (tmp_path / FILE).read_bytes() == before


def test_forecasts_issued_at_the_same_time_all_land(tmp_path: Path, entry: Make) -> None:
    def issue(number: int) -> int:
        return append_entries(tmp_path, [entry(f"run{number}", weeks=weeks, probability=0.01 * number) for weeks in (4, 13)])

    with ThreadPoolExecutor(8) as threads:  # the lock is on the open folder, so threads meet it as processes do
        assert sum(threads.map(issue, range(1, 17))) == 32
    found = read_ledger(tmp_path)
    assert {one.run_id for one in found} == {f"run{number}" for number in range(1, 17)}
    assert all(one.run_id == other.run_id for one, other in zip(found[::2], found[1::2], strict=True))  # each in one piece


def test_the_previous_forecast_is_the_newest_of_another_run(entry: Make) -> None:
    june, july = date(2025, 6, 22), date(2025, 7, 6)
    old, again, late = entry("a" * 12, june), entry("b" * 12, june, probability=0.3), entry("c" * 12, july)
    entries = [old, entry("a" * 12, june, 4), again, late]

    def previous(origin: date, run_id: str) -> Entry | None:
        return previous_entry(entries, "round", 13, origin, run_id)

    assert previous(july, "c" * 12) == again  # of one origin the one issued last
    assert previous(june, "b" * 12) == old  # not itself, nor a later origin
    assert previous(july, "d" * 12) == late
    assert previous(date(2025, 6, 1), "d" * 12) is None
    assert previous_entry(entries, "sustained", 13, july, "d" * 12) is None


JUNE, JULY, AUGUST = date(2025, 6, 22), date(2025, 7, 6), date(2025, 8, 3)


@pytest.mark.parametrize(
    ("issued_on", "label"),
    [
        (JUNE, "ahead"),
        (date(2025, 6, 23), "ahead"),  # the first day of the window
        (date(2025, 6, 24), "late"),
        (date(2025, 7, 20), "late"),  # its last
        (date(2025, 7, 21), "hindsight"),
        (None, "hindsight"),  # not known
    ],
)
def test_ahead_late_and_hindsight_follow_the_day_of_issue(entry: Make, issued_on: date | None, label: str) -> None:
    assert issue_labels([entry(weeks=4, issued_on=issued_on)], ESSAY) == [label]


def test_an_origin_before_the_essay_is_hindsight_and_one_of_its_day_is_not(entry: Make) -> None:
    days = [ESSAY - timedelta(days=1), ESSAY, ESSAY + timedelta(days=1)]
    assert issue_labels([entry(origin=day) for day in days], ESSAY) == ["hindsight", "ahead", "ahead"]


@pytest.mark.parametrize(("day", "label"), [(JUNE, "hindsight"), (date(2025, 7, 1), "late"), (date(2025, 7, 21), "hindsight")])
def test_a_day_that_only_a_note_says_makes_nothing_ahead(entry: Make, day: date, label: str) -> None:
    assert issue_labels([entry(weeks=4, issued_on=day, note="by the mail of that day"), entry()], ESSAY)[0] == label


def test_a_forecast_was_issued_no_earlier_than_the_record_and_the_rows_before_it(entry: Make) -> None:
    entries = [
        entry(origin=date(2025, 5, 11)),  # before the essay
        entry(origin=JUNE),
        entry(origin=JUNE, weeks=4, record_to=JUNE),
        entry(origin=JUNE, weeks=26, record_to=JULY),  # the record had gone on, whatever the clock says
        entry(origin=JUNE, weeks=52),  # so it had by now
        entry(origin=JULY),
        entry(origin=AUGUST),
        entry(origin=JULY, weeks=4),  # on the last day of its window, by the row before
        entry(origin=AUGUST, weeks=13, issued_on=date(2025, 8, 20)),
        entry(origin=AUGUST, weeks=26),  # by a clock that was set back
    ]
    expected = ["hindsight", "ahead", "ahead", "late", "late", "ahead", "ahead", "late", "late", "late"]
    assert issue_labels(entries, ESSAY) == expected


def test_of_versions_the_newest_issued_ahead_counts(entry: Make) -> None:
    days = [None, JUNE, JUNE, date(2025, 7, 1), date(2026, 1, 1)]
    labels = issue_labels([entry(issued_on=day) for day in days], ESSAY)
    assert labels == ["hindsight", "ahead", "ahead", "late", "hindsight"]
    assert counting_versions(["a"] * 5, labels) == {2}
    assert counting_versions(["b", "a", "b", "a", "a"], labels) == {1, 2}
    assert counting_versions(["a", "b", "b", "a", "a"], labels) == {2, 3}  # late before hindsight
    assert counting_versions(["a", "a"], ["hindsight", "hindsight"]) == {1}


def test_the_day_of_issue_is_no_part_of_what_is_said(tmp_path: Path, entry: Make) -> None:
    append_entries(tmp_path, [entry(program_version="0.1.0")])
    before = (tmp_path / FILE).read_bytes()
    assert append_entries(tmp_path, [entry(issued_on=date(2025, 7, 1), program_version="0.2.0", note="by hand")]) == 0
    assert (tmp_path / FILE).read_bytes() == before


def test_each_row_carries_the_digest_of_the_one_before_and_its_own(tmp_path: Path, entry: Make) -> None:
    append_entries(tmp_path, [entry()])
    append_entries(tmp_path, [entry(weeks=4), entry(weeks=26)])
    header, *rows = [line.replace('"mixture, NUTS"', "mixture; NUTS").split(",") for line in lines_of(tmp_path)[:-1]]
    previous = START
    for row in rows:
        cells = dict(zip(header, (cell.replace(";", ",") for cell in row), strict=True))
        digest = cells.pop("digest")
        content = "".join(f"{name}={cell}\0" for name, cell in cells.items() if cell)
        assert cells["previous"] == previous and digest == sha256(content.encode()).hexdigest() == row_digest(cells)
        previous = digest


def test_the_ledger_of_the_repository_says_when_it_was_issued(root: Path) -> None:
    entries = read_ledger(root / "reports")[:48]
    labels = issue_labels(entries, ESSAY)
    assert {one.issued_on for one in entries} == {date(2026, 11, 22), date(2026, 11, 23)}
    assert {one.note for one in entries} == {"day of issue taken from the repository's history"}
    assert [one.origin for one in entries] == [date(2025, 5, 11)] * 8 + [date(2026, 6, 28)] * 40
    assert labels == ["hindsight"] * 8 + (["hindsight", "hindsight", "late", "late"] * 2) * 5
