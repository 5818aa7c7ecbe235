"""One reader of CSV: what is read alike, what is refused and how it is reported, and that nothing appended touches what stands."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ripeness.errors import MOST_REPORTED, ContentError
from ripeness.workspace.csv import CHUNK, MOST_COLUMNS, append_rows, csv_text, read_csv, read_csv_file, read_records, read_rows

SHOWN = Path("x.csv")
ROWS = [(2, {"a": "1", "b": "x"}), (3, {"a": "2", "b": ""})]
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=5)


@pytest.mark.parametrize("raw", [b"a,b\n1,x\n2,\n", b"\xef\xbb\xbfa,b\r\n1,x\r\n2,\r\n", b"a,b\r1,x\r2,", b' a , b \n" 1",x \n2,""\n'])
def test_marks_line_ends_and_blanks_make_no_difference(raw: bytes) -> None:
    assert list(read_csv(raw, SHOWN).records()) == ROWS


@pytest.mark.parametrize(
    "raw", [b"a;b\n1;x\n2;\n", b"a\tb\n1\tx\n2\t\n", "a,b\n1,x\n2,\n".encode("utf-16"), "\ufeffa;b\n1;x\n2;\n".encode("utf-16-be")]
)
def test_files_that_come_in_may_have_other_separators_and_encodings(raw: bytes) -> None:
    assert list(read_csv(raw, SHOWN, known=("a", "b")).records()) == ROWS


def test_stored_files_have_commas() -> None:
    assert read_csv(b"a;b\n1;x\n", SHOWN).header == ["a;b"]


def test_rows_without_anything_in_them_are_passed_over_and_lines_stay_right() -> None:
    cells = read_csv(b'\n,\na,b\n\n , \n1,"x\n\ny"\n,\n2,z\n', SHOWN)
    assert list(cells.records()) == [(6, {"a": "1", "b": "x\n\ny"}), (10, {"a": "2", "b": "z"})]
    assert not cells.torn


def test_lines_are_right_beyond_one_chunk() -> None:
    cells = read_csv(b"a,b\n" + b'1,"x\ny"\n' * CHUNK + b"1\n", SHOWN)
    assert cells.lines[-1] == 2 * CHUNK
    assert [str(fault).partition(";")[0] for fault in cells.torn] == [f"x.csv, line {2 * CHUNK + 2}: found 1 cells"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "x.csv: found an empty file; expected a header and at least one row. To mend: write both."),
        (b"a,b\n", "x.csv: found a header and no row; expected at least one row. To mend: add a row, or leave the file out."),
        (b"a,b\n1,\xff\n", "x.csv, line 2: found bytes that are not UTF-8; expected UTF-8 text. To mend: save the file as UTF-8."),
        (b"a,b\n1,x\n2,\0\n", "x.csv, line 3: found a NUL byte; expected UTF-8 text. To mend: save the file as UTF-8 text"),
        (
            b'a,b\n1,x\n2,"y\n',
            "x.csv, line 3: found broken quoting (unexpected end of data); expected CSV. To mend: close the quotation mark",
        ),
    ],
)
def test_what_cannot_be_read_is_reported_with_its_line(raw: bytes, message: str) -> None:
    with pytest.raises(ContentError) as caught:
        read_csv(raw, SHOWN)
    assert str(caught.value).startswith(message)


def test_columns_without_anything_in_them_are_passed_over() -> None:
    raw = b",,,\n;;\na,,b,,\n1,,x,,\n2,,,\n,,,,\n".replace(b";;\n", b"")
    cells = read_csv(raw, SHOWN)
    assert (cells.header, list(cells.records()), cells.torn) == (["a", "b"], [(3, {"a": "1", "b": "x"}), (4, {"a": "2", "b": ""})], [])
    cells = read_csv(b"\n;;;\na;b;\n1;x;\n2;;;;\n", SHOWN, ("a", "b"))
    assert (cells.header, [line for line, _ in cells.records()], cells.torn) == (["a", "b"], [4, 5], [])
    (fault,) = read_csv(b"a,b,\n1,x,7\n", SHOWN).torn
    assert fault.found == "3 cells"
    assert append_rows(b"a,b,\n1,x,\n", ("a", "b"), [("2", "y")])[0] == b"a,b,\n1,x,\n2,y,\n"


def test_a_header_of_unknown_columns_is_refused_at_once() -> None:
    with pytest.raises(ContentError, match=rf"line 1: found 500000 columns; expected at most {MOST_COLUMNS}"):
        read_csv(",".join(f"c{n}" for n in range(500_000)).encode() + b"\n", SHOWN)


def test_torn_rows_are_reported_one_by_one_up_to_a_hundred() -> None:
    cells = read_csv(b"a,b\n" + b"1\n" * (MOST_REPORTED + 3), SHOWN)
    assert cells.lost == MOST_REPORTED + 3 and not len(cells.lines)
    assert [fault.line for fault in cells.torn] == [*range(2, MOST_REPORTED + 2), MOST_REPORTED + 2]
    assert "3 more rows" in str(cells.torn[-1])


def test_tables_of_the_program_are_read_as_text_and_torn_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n", "utf-8")
    assert read_rows(path, SHOWN, "run it again") == []
    path.write_text("a,b\n1,x\n2,\n", "utf-8")
    assert read_rows(path, SHOWN, "run it again") == [record for _, record in ROWS]
    path.write_text("a,b\n1\n", "utf-8")
    with pytest.raises(ContentError, match=r"x\.csv, line 2: found 1 cells; expected 2 cells.*run it again"):
        read_rows(path, SHOWN, "run it again")


@pytest.mark.parametrize("letter", ["\x1b", "\x00", "\x7f", "\x9b", "\u202e", "\r"])
def test_control_characters_of_a_stored_file_are_refused_at_their_line(tmp_path: Path, letter: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(f'a,b\n1,"two\n lines\t"\n2,"x{letter}y"\n'.encode())
    for read in (lambda: read_csv_file(path, SHOWN), lambda: read_rows(path, SHOWN, "run it again")):
        with pytest.raises(ContentError, match=r"x\.csv, line 4: found (control characters in b|a NUL byte)"):
            read()
    path.write_bytes('a,b\n1,"two\n lines\t"\n2,ça–va\u200d\n'.encode())
    assert [line for line, _ in read_csv_file(path, SHOWN).records()] == [2, 4]


@dataclass(frozen=True)
class Pair:
    a: int
    b: str = ""


def test_records_are_typed_and_every_fault_is_reported_with_its_line() -> None:
    spec, columns = TypeAdapter(Pair), ("a", "b")
    rows, faults = read_records(b"a,b\n1,x\n2\n", SHOWN, spec, columns, "mend it", needed=1)
    assert rows == [(2, Pair(1, "x")), (3, Pair(2))] and faults == []
    rows, faults = read_records(b"a,b\none,x\n,y\n3\n4,z\n", SHOWN, spec, columns, "mend it")
    assert rows == [(5, Pair(4, "z"))]
    assert [str(fault).partition(". To mend: mend it")[0] for fault in faults] == [
        "x.csv, line 2: found a 'one'; expected a valid integer, unable to parse string as an integer",
        "x.csv, line 3: found no a; expected a value for a",
        "x.csv, line 4: found 1 cells; expected 2 cells, as in the header",
    ]
    with pytest.raises(ContentError, match="line 1: found columns 'b,a'; expected 'a,b'"):
        read_records(b"b,a\n1,2\n", SHOWN, spec, columns, "mend it")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (None, b"a,b\n3,y\n", 2),
        (b"a,b\n1,x\n", b"a,b\n1,x\n3,y\n", 3),
        (b"b,a\r\nx,1", b"b,a\r\nx,1\r\ny,3\r\n", 3),
        (b"\xef\xbb\xbf\n,\na,b\n1,x\n", b"\xef\xbb\xbf\n,\na,b\n1,x\n3,y\n", 5),
        (b'a,b\n1,"x\nx"\n', b'a,b\n1,"x\nx"\n3,y\n', 4),
    ],
)
def test_rows_are_appended_below_what_stands(old: bytes | None, new: bytes, line: int) -> None:
    assert append_rows(old, ("a", "b"), [("3", "y")]) == (new, line)


def test_a_column_that_the_file_lacks_is_added_to_it() -> None:
    old, columns, filled, empty = b'a\n1\n\n"2\n2"\n', ("a", "b"), [("3", "y")], [("3", "")]
    assert append_rows(old, columns, filled)[0] == b'a,b\n1\n\n"2\n2"\n3,y\n'  # rows of an older form stay short
    assert append_rows(old, columns, filled, widen_rows=True)[0] == b'a,b\n1,\n\n"2\n2",\n3,y\n'
    assert append_rows(old, columns, empty, widen_rows=True)[0] == old + b"3\n"


@given(st.lists(st.tuples(CELL, CELL), max_size=5), st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5))
def test_what_was_appended_is_read_back(first: list[tuple[str, str]], then: list[tuple[str, str]]) -> None:
    columns = ("a", "b")
    old = csv_text([columns, *first]).encode()
    new, line = append_rows(old, columns, then)
    assert new.startswith(old)
    found = [(at, tuple(record.values())) for at, record in read_csv(new, SHOWN, rows_needed=False).records()]
    kept = [tuple(cell.strip() for cell in row) for row in (*first, *then) if "".join(row).strip()]
    assert [record for _, record in found] == kept
    assert line == len(io.StringIO(old.decode(), newline="").readlines()) + 1
    assert list(csv.reader(io.StringIO(new.decode(), newline="")))[1 + len(first) :] == [list(row) for row in then]
