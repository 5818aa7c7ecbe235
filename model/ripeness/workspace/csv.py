"""The one reader of CSV, with two settings: stored files to the letter, files that come in with patience; and what is appended to them.

    stored      UTF-8 with or without byte order mark; commas
    incoming    also UTF-16 with a mark; cells parted by commas, semicolons or tabs, as the header is; bytes that are no UTF-8 are kept as
                surrogates, so that whoever reads the cells refuses those rows alone
    both        LF, CRLF or CR; quoted texts may run over lines; rows and columns without anything in them, not even a name, are passed over

Nothing is known here of what the cells mean. Each distinct text of a column is kept once, so that a million rows take seconds.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from ripeness.errors import MOST_REPORTED, MOST_SHOWN, ContentError, Fault, did_you_mean, has_controls, printable
from ripeness.files import not_utf8_fault, read_bytes

SEPARATORS: Final = ",;\t"
CHUNK: Final = 2_000
MOST_COLUMNS: Final = 1_000

FaultText = tuple[str, str, str]  # found, expected, mend
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class Cells:
    """The text of a file by column.

    Attributes
    ----------
    shown : Path
        How to name the file in faults.
    header : list of str
    columns : dict
        Name to (codes (row,), distinct texts): the text of a row is texts[codes[row]], stripped of surrounding blanks.
    lines : ndarray (row,)
        Line on which each record begins, counted from 1.
    torn : list of Fault
        Of records that have more or fewer cells than the header; they are in no column.
    lost : int
        How many these are.
    separator : str
    """

    shown: Path
    header: list[str]
    columns: dict[str, tuple[NDArray[np.intp], list[str]]]
    lines: NDArray[np.int64]
    torn: list[Fault]
    lost: int
    separator: str

    def records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Line and cells by column, row by row."""
        for row, line in enumerate(self.lines.tolist()):
            yield line, {name: texts[codes[row]] for name, (codes, texts) in self.columns.items()}


def read_csv(
    raw: bytes, shown: Path, known: Collection[str] = (), *, least: int | None = None, rows_needed: bool = True, mend: str | None = None
) -> Cells:
    """Read the content of a CSV file with a header.

    Parameters
    ----------
    raw : bytes
    shown : Path
        How to name the file in faults.
    known : collection of str
        Names of columns by which the separator is recognised: the file is read as one that comes in. None: as a stored one.
    least : int, optional
        So many cells a row must have, where it may have fewer than the header: rows of an older form. What it lacks is empty.
    rows_needed : bool
        Whether a header alone is refused.
    mend : str, optional
        How to mend every fault, where there is one way only.

    Raises
    ------
    ContentError
        If it is of another encoding, empty or without rows, or broken in its quoting. Torn rows are in the result.
    """
    raw = _decoded(raw, shown, bool(known), mend)
    separator = _separator(raw, known) if known else ","

    def reader() -> Any:
        text = io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8", errors="surrogateescape", newline="")
        return csv.reader(text, strict=True, delimiter=separator)

    begun, quoted = 1, b'"' in raw  # without quotes no record runs over lines
    header: list[str] = []
    codes: list[list[int]] = []
    texts: list[dict[str, int]] = []
    lines: list[NDArray[np.int64]] = []
    torn: list[NDArray[np.int64]] = []
    widths: list[int] = []  # of the torn ones
    try:
        for chunk in batched(reader(), CHUNK):
            taken = np.fromiter(map(_lines_of, chunk), np.int64, len(chunk)) if quoted else np.ones(len(chunk), np.int64)
            start = begun + np.concatenate([[0], np.cumsum(taken)[:-1]])
            begun += int(taken.sum())
            kept = np.array([place for place, record in enumerate(chunk) if "".join(record).strip()], dtype=np.intp)
            if not header and len(kept):
                header = [printable(name.strip(), MOST_SHOWN) for name in _without_end(chunk[kept[0]], 1)]
                if len(header) > MOST_COLUMNS:
                    how = mend or "take out what does not belong here"
                    raise ContentError(Fault(shown, int(start[kept[0]]), f"{len(header)} columns", f"at most {MOST_COLUMNS}", how))
                codes, texts, kept = [[] for _ in header], [{} for _ in header], kept[1:]
            chunk = tuple(_without_end(record, len(header)) for record in chunk)
            width = np.array([len(chunk[place]) for place in kept], dtype=np.int64)
            fits = width == len(header) if least is None else (width >= least) & (width <= len(header))
            torn.append(start[kept[~fits]])
            widths += width[~fits].tolist()
            lines.append(start[kept[fits]])
            records = [chunk[place] for place in kept[fits]]
            if least is not None:
                records = [[*record, *[""] * (len(header) - len(record))] for record in records]
            for place, column in enumerate(zip(*records, strict=True)):
                same = texts[place]
                codes[place] += [same.setdefault(cell, len(same)) for cell in column]
    except csv.Error as error:
        how = mend or "close the quotation mark, or double it inside a text"
        raise ContentError(Fault(shown, _broken_line(reader()), f"broken quoting ({error})", "CSV", how)) from None
    if not header:
        raise ContentError(Fault(shown, None, "an empty file", "a header and at least one row", mend or "write both"))
    begins, places = np.concatenate(lines), np.concatenate(torn)
    if rows_needed and not len(begins) and not len(places):
        raise ContentError(Fault(shown, None, "a header and no row", "at least one row", mend or "add a row, or leave the file out"))
    filled = [place for place, name in enumerate(header) if name or any(text.strip() for text in texts[place])]
    columns = {header[place]: (np.array(codes[place], dtype=np.intp), [text.strip() for text in texts[place]]) for place in filled}
    how = mend or "quote a text that holds a separator, or add what is missing"
    faults = faults_of_rows(
        shown, places, range(len(places)), lambda row: (f"{widths[row]} cells", f"{len(header)} cells, as in the header", how)
    )
    return Cells(shown, [header[place] for place in filled], columns, begins, faults, len(places), separator)


def read_csv_file(path: Path, shown: Path) -> Cells:
    """Read a stored CSV file; see `read_csv`.

    Raises
    ------
    ContentError
        Also if there is no such file, or a cell has control characters.
    """
    cells = read_csv(read_bytes(path, shown, "a CSV file"), shown)
    if steering := _controls(cells, "remove them"):
        raise ContentError(steering)
    return cells


def _controls(cells: Cells, mend: str) -> list[Fault]:
    """Faults of the rows with control characters in a cell."""
    faults = []
    for name, (codes, texts) in cells.columns.items():
        wrong = np.array([has_controls(text) for text in texts], dtype=bool)
        if wrong.any():

            def describe(_: int, said: FaultText = (f"control characters in {name or 'a cell'}", "text alone", mend)) -> FaultText:
                return said

            faults += faults_of_rows(cells.shown, cells.lines, np.flatnonzero(wrong[codes]), describe)
    return faults


def read_rows(path: Path, shown: Path, mend: str) -> list[dict[str, str]]:
    """The rows of a table that the program itself has written, as text by column; none where there is a header alone.

    Raises
    ------
    ContentError
        If there is no such file, or it cannot be read, or a row is torn or has control characters.
    """
    cells = read_csv(read_bytes(path, shown, "a CSV file"), shown, rows_needed=False, mend=mend)
    if faults := [*cells.torn, *_controls(cells, mend)]:
        raise ContentError(faults)
    return [record for _, record in cells.records()]


def read_records[Row](
    raw: bytes, shown: Path, spec: TypeAdapter[Row], columns: Sequence[str], mend: str, needed: int | None = None
) -> tuple[list[tuple[int, Row]], list[Fault]]:
    """The rows of a stored file, each as what `spec` says a row is, with the lines on which they begin; and what is wrong with the others.

    Parameters
    ----------
    spec : TypeAdapter
        Of a dataclass or model; an empty cell is none.
    columns : sequence of str
        The columns, in their order.
    mend : str
        How to mend whatever is wrong.
    needed : int, optional
        So many of the columns a file of the oldest form has, and so many cells its rows; without it all.

    Raises
    ------
    ContentError
        If the file cannot be read at all, or has other columns.
    """
    cells = read_csv(raw, shown, least=needed, rows_needed=False, mend=mend)
    header = cells.header
    if len(header) < (needed or len(columns)) or tuple(header) != tuple(columns[: len(header)]):
        first = next(line for line, text in enumerate(raw.splitlines(), 1) if text.strip())
        raise ContentError(Fault(shown, first, f"columns '{','.join(header)}'", f"'{','.join(columns)}'", mend))
    rows: list[tuple[int, Row]] = []
    faults = [*cells.torn, *_controls(cells, mend)]
    for line, record in cells.records():
        try:
            rows.append((line, spec.validate_strings({name: text for name, text in record.items() if text}, strict=True)))
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                name = str(detail["loc"][0])
                missing = detail["type"] == "missing"
                expected = f"a value for {name}" if missing else in_words(detail["msg"])
                faults.append(Fault(shown, line, f"no {name}" if missing else f"{name} '{detail['input']}'", expected, mend))
    return rows, sorted(faults, key=lambda fault: fault.line or 0)


def without_comments(raw: bytes) -> bytes:
    """The content of a file that a person edits, its lines that begin with # left empty, so that every other line keeps its number."""
    kept, quotes = [], 0
    for line in raw.splitlines(keepends=True):
        if line.lstrip(codecs.BOM_UTF8).startswith(b"#") and quotes % 2 == 0:  # not inside a quoted text that runs over lines
            line = line[len(line.rstrip(b"\r\n")) :]
        quotes += line.count(b'"')
        kept.append(line)
    return b"".join(kept)


def in_words(message: str) -> str:
    """What pydantic expected, as it stands after 'expected'."""
    return message.removeprefix("Input should be ").removeprefix("String should have ").removeprefix("Value error, ")


def check_header(header: Sequence[str], shown: Path, required: Sequence[str], optional: Sequence[str] = ()) -> list[Fault]:
    """What is wrong with the columns of a file."""
    known = [*required, *optional]
    form = ",".join(required) + "".join(f"[,{name}]" for name in optional)
    if len(header) == 1 and re.search(r"[;\t]", header[0]):
        return [Fault(shown, 1, "cells parted by semicolons or tabs", "commas", "save the file with commas")]
    expected = f"the columns {form}"
    strange = [name for name in header if name not in known]
    doubled = [name for name in known if header.count(name) > 1]
    missing = [name for name in required if name not in header]
    return [
        *(Fault(shown, 1, f"unknown column '{name}'", expected, did_you_mean(name, known)) for name in strange),
        *(Fault(shown, 1, f"column '{name}' twice", "each column once", "remove one of them") for name in doubled),
        *(Fault(shown, 1, f"no column '{name}'", expected, "add the column") for name in missing),
    ]


def faults_of_rows(
    shown: Path, lines: NDArray[np.int64], rows: Sequence[int] | NDArray[np.intp], describe: Callable[[int], FaultText]
) -> list[Fault]:
    """Faults of one kind: the first MOST_REPORTED one by one, the rest as one; a line of 0 is none."""
    faults = []
    for row in rows[:MOST_REPORTED]:
        found, expected, mend = describe(int(row))
        faults.append(Fault(shown, int(lines[row]) or None, printable(found, MOST_SHOWN), expected, mend))
    if len(rows) > MOST_REPORTED:
        also = f"{len(rows) - MOST_REPORTED} more rows, from this one on, with the fault of line {lines[rows[0]]}"
        faults.append(Fault(shown, int(lines[rows[MOST_REPORTED]]) or None, also, "none", "mend them likewise"))
    return faults


def csv_text(rows: Sequence[Sequence[object]], end: str = "\n") -> str:
    """Rows as lines of CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=end).writerows(rows)
    return buffer.getvalue()


def append_rows(raw: bytes | None, columns: Sequence[str], rows: Sequence[Sequence[str]], widen_rows: bool = False) -> tuple[bytes, int]:
    """The content of a stored file after rows were added, and the line of the first of them; what stands there stays, letter by letter.

    New rows come on lines of their own, in the order of the file's columns, with whatever line ends it has and whether or not its last line
    is ended. Columns it lacks are added to its header.

    Parameters
    ----------
    raw : bytes or None
        The content as `read_csv` has accepted it; None where there is no file yet.
    columns : sequence of str
        What the cells of each row are.
    rows : sequence of sequence of str
    widen_rows : bool
        Whether a column is added only where a new row has something in it, and the rows before then get an empty cell: the only change
        ever made to lines that stand. Otherwise they stay short.
    """
    old = raw or csv_text([columns]).encode()
    end = b"\r\n" if b"\r\n" in old.partition(b"\n")[0] + b"\n" else b"\n"
    if not old.endswith((b"\n", b"\r")):
        old += end
    text = old.decode("utf-8-sig")
    header = [cell.strip() for cell in next(record for record in csv.reader(io.StringIO(text, newline="")) if "".join(record).strip())]
    by_column = dict(zip(columns, zip(*rows, strict=True), strict=True))
    for column, cells in by_column.items():
        if column not in header and (any(cells) or not widen_rows):
            old, header = _with_column(old, column, widen_rows), [*header, column]
    nameless = ("",) * len(rows)
    new = csv_text(list(zip(*(by_column[column] if column else nameless for column in header), strict=True)), end.decode())
    return old + new.encode(), len(_LINE_END.findall(old)) + 1


def width_of(line: str) -> int:
    """How many cells a line has, empty ones at its end included."""
    return len(next(csv.reader([line])))


def _with_column(old: bytes, column: str, widen_rows: bool) -> bytes:
    text = old.decode()
    lines = io.StringIO(text, newline="").readlines()
    reader = csv.reader(io.StringIO(text, newline=""))
    added = f",{column}"
    for record in reader:
        if "".join(record).strip():
            body = lines[reader.line_num - 1]
            bare = body.rstrip("\r\n")
            lines[reader.line_num - 1] = f"{bare}{added}{body[len(bare) :]}"
            added = ","
            if not widen_rows:
                break
    return "".join(lines).encode()


def _decoded(raw: bytes, shown: Path, incoming: bool, mend: str | None) -> bytes:
    """UTF-8 bytes without a byte order mark; of a file that comes in perhaps with some that are none."""
    how = mend or "save the file as UTF-8 text (not UTF-16 or UTF-32, not a spreadsheet)"
    if incoming and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not raw.startswith(codecs.BOM_UTF32_LE):
        try:
            raw = raw.decode("utf-16").encode()
        except UnicodeError:
            raise ContentError(Fault(shown, None, "broken UTF-16", "UTF-8 text", how)) from None
    if b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise ContentError(Fault(shown, line, "a NUL byte", "UTF-8 text", how))
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if not incoming:
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            raise ContentError(not_utf8_fault(error, shown, mend)) from None
    return raw


def _separator(raw: bytes, known: Collection[str]) -> str:
    """What parts the cells of the header: that with which most of its names are known."""
    lines = raw[:100_000].decode(errors="replace").splitlines()
    first = next((line for line in lines if line.strip(f"{SEPARATORS} ")), "")
    return max(SEPARATORS, key=lambda separator: sum(name.strip(' "') in known for name in first.split(separator)))


def _without_end(record: Sequence[str], least: int) -> Sequence[str]:
    """A record without the empty cells at its end, as far as it has more than `least`."""
    length = len(record)
    while length > least and not record[length - 1].strip():
        length -= 1
    return record[:length]


def _lines_of(record: Sequence[str]) -> int:
    """How many lines a record takes up."""
    return 1 + sum(len(re.findall(r"\r\n|\r|\n", cell)) for cell in record if "\n" in cell or "\r" in cell)


def _broken_line(reader: Any) -> int:
    """The line on which the record begins that cannot be read."""
    begun = 0
    try:
        for _ in reader:
            begun = reader.line_num
    except csv.Error:
        pass
    return begun + 1
