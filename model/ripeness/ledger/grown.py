"""A CSV file that only grows: rows are read with their lines, and new ones go after them.

What stands in the file stays, letter by letter: new rows come on lines of their own, with whatever line ends the file has and whether or
not its last line is ended. A file of an older form, which lacks the last columns, has them added to its header when it next grows; its
rows stay one or more cells short.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple
from datetime import date
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from ripeness.errors import ContentError, Fault

DIGITS: Final = 6  # of a float, after the point
RESTORE: Final = "restore the file from its history: what was issued is never edited"


def read_rows[Row](raw: bytes, shown: Path, spec: TypeAdapter[Row], columns: Sequence[str], needed: int) -> list[tuple[int, Row]]:
    """The rows of a file with the lines on which they begin; blank lines are passed over.

    Parameters
    ----------
    raw : bytes
        Content of the file: UTF-8, a byte order mark and CRLF are accepted.
    shown : Path
        How to name it in faults.
    spec : TypeAdapter
        What a row must be; an empty cell is none.
    columns : sequence of str
        The columns, in their order.
    needed : int
        So many of them a file of the oldest form has.

    Raises
    ------
    ContentError
        With the line of every row that cannot be read.
    """
    reader = csv.reader(io.StringIO(_decode(raw, shown), newline=""), strict=True)
    rows: list[tuple[int, Row]] = []
    faults: list[Fault] = []
    begun = 0
    try:
        header = next(reader, [])
        if len(header) < needed or tuple(header) != tuple(columns[: len(header)]):
            raise ContentError(Fault(shown, 1, f"columns '{','.join(header)}'", f"'{','.join(columns)}'", RESTORE))
        begun = reader.line_num
        for cells in reader:
            line, begun = begun + 1, reader.line_num
            if not cells:
                continue
            if not needed <= len(cells) <= len(header):
                faults.append(Fault(shown, line, f"a line that cannot be read ({len(cells)} cells)", f"{len(header)} cells", RESTORE))
                continue
            values = {name: cell for name, cell in zip(columns, cells, strict=False) if cell}
            try:
                rows.append((line, spec.validate_strings(values, strict=True)))
            except ValidationError as error:
                faults += [_fault_of(detail, shown, line) for detail in error.errors(include_url=False)]
    except csv.Error as error:
        faults.append(Fault(shown, begun + 1, f"a line that cannot be read ({error})", "CSV", RESTORE))
    if faults:
        raise ContentError(faults)
    return rows


def with_rows(raw: bytes | None, columns: Sequence[str], rows: Sequence[Any]) -> bytes:
    """The content of a file after rows were added; the rows before them are the same bytes.

    Parameters
    ----------
    raw : bytes or None
        The content as `read_rows` has accepted it; None where there is no file yet.
    columns : sequence of str
    rows : sequence of dataclass
        One cell for each field: floats to DIGITS decimals, None an empty cell.
    """
    if raw is None:
        return _lines([columns, *map(cells_of, rows)], b"\n")
    first = raw.partition(b"\n")[0]
    end = b"\r\n" if first.endswith(b"\r") else b"\n"
    header, there = first.removesuffix(b"\r"), raw[len(first) :] or end
    lacking = columns[len(next(csv.reader([header.decode()]))) :]
    header += "".join(f",{name}" for name in lacking).encode()
    if first.endswith(b"\r"):
        header += b"\r"
    return header + there + (b"" if there.endswith(b"\n") else end) + _lines([cells_of(row) for row in rows], end)


def cells_of(row: Any) -> list[str]:
    """The cells of a row as they stand in the file."""
    return [_cell(value) for value in astuple(row)]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{DIGITS}f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _lines(rows: Sequence[Sequence[str]], end: bytes) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=end.decode()).writerows(rows)
    return buffer.getvalue().encode()


def _decode(raw: bytes, shown: Path) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ContentError(Fault(shown, line, "bytes that are not UTF-8", "UTF-8 text", RESTORE)) from None


def _fault_of(detail: Any, shown: Path, line: int) -> Fault:
    name = str(detail["loc"][0])
    if detail["type"] == "missing":
        return Fault(shown, line, f"a line that cannot be read (no {name})", f"a value for {name}", RESTORE)
    expected = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return Fault(shown, line, f"a line that cannot be read ({name} '{detail['input']}')", expected, RESTORE)
