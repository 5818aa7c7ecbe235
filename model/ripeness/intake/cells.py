"""Bytes to cells by column: encodings, separators, quoting, and the line of each record; nothing is known here of what the cells mean."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.data.tables import MOST_TOLD, Said
from ripeness.errors import MOST_SHOWN, ContentError, Fault, printable

SEPARATORS = ",;\t"
MOST_BYTES = 2**28
CHUNK = 2_000


@dataclass(frozen=True)
class Cells:
    """The text of a file by column.

    Attributes
    ----------
    header : list of str
    columns : dict
        Name to (codes (row,), distinct texts): the text of a row is texts[codes[row]], stripped of surrounding blanks. What is no UTF-8 is
        kept as surrogates.
    lines : ndarray (row,)
        Line on which each record begins, counted from 1.
    torn : ndarray
        Lines of records that have more or fewer cells than the header; they are in no column.
    widths : list of int
        How many cells each of these has.
    separator : str
    """

    header: list[str]
    columns: dict[str, tuple[NDArray[np.intp], list[str]]]
    lines: NDArray[np.int64]
    torn: NDArray[np.int64]
    widths: list[int]
    separator: str

    def say_torn(self, place: int) -> Said:
        """What is wrong with a torn record."""
        expected = f"{len(self.header)} cells, as in the header"
        return f"{self.widths[place]} cells", expected, "quote a text that holds a separator, or add what is missing"


def read_cells(path: Path, shown: Path, known: Collection[str]) -> tuple[Cells, str]:
    """Read a file; also gives the SHA-256 of its bytes.

    Parameters
    ----------
    path, shown : Path
        The file, and how to name it in faults.
    known : collection of str
        Names of columns, by which the separator is told.

    Raises
    ------
    ContentError
        If it cannot be read, is too large, of another encoding, empty or without rows, or broken in its quoting.
    """
    raw, sha256 = _read_text(path, shown)
    return _read_columns(raw, _separator(raw, known), shown), sha256


def tell(shown: Path, lines: NDArray[np.int64], rows: NDArray[np.intp], say: Callable[[int], Said]) -> list[Fault]:
    """Faults of one kind: the first MOST_TOLD one by one, the rest as one."""
    told = []
    for row in rows[:MOST_TOLD]:
        found, expected, mend = say(int(row))
        told.append(Fault(shown, int(lines[row]) or None, printable(found, MOST_SHOWN), expected, mend))
    if len(rows) > MOST_TOLD:
        also = f"{len(rows) - MOST_TOLD} more rows, from this one on, with the fault of line {lines[rows[0]]}"
        told.append(Fault(shown, int(lines[rows[MOST_TOLD]]) or None, also, "none", "mend them likewise"))
    return told


def _read_text(path: Path, shown: Path) -> tuple[bytes, str]:
    """UTF-8 bytes, perhaps with some that are not, and the hash of the file."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            mend = "split it and update in parts"
            raise ContentError(Fault(shown, None, f"{size / 2**20:.0f} MiB", f"at most {MOST_BYTES / 2**20:.0f} MiB", mend))
        raw = path.read_bytes()
    except OSError as error:
        found = f"a file that cannot be read ({(error.strerror or 'error').lower()})"
        raise ContentError(Fault(shown, None, found, "one that can", "give yourself the right to read it")) from None
    sha256 = hashlib.sha256(raw).hexdigest()
    mend = "save the file as UTF-8 text (not UTF-16 or UTF-32, not a spreadsheet)"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not raw.startswith(codecs.BOM_UTF32_LE):
        try:
            raw = raw.decode("utf-16").encode()
        except UnicodeError:
            raise ContentError(Fault(shown, None, "broken UTF-16", "UTF-8 text", mend)) from None
    if b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise ContentError(Fault(shown, line, "a NUL byte", "UTF-8 text", mend))
    return raw.removeprefix(codecs.BOM_UTF8), sha256


def _separator(raw: bytes, known: Collection[str]) -> str:
    """What parts the cells of the header: that with which most of its names are known."""
    first = next(iter(raw[:100_000].lstrip().splitlines()), b"").decode(errors="replace")
    return max(SEPARATORS, key=lambda separator: sum(name.strip(' "') in known for name in first.split(separator)))


def _read_columns(raw: bytes, separator: str, shown: Path) -> Cells:
    def reader() -> Any:
        text = io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8", errors="surrogateescape", newline="")
        return csv.reader(text, strict=True, delimiter=separator)

    begun, quoted = 1, b'"' in raw  # without quotes no record runs over lines
    header: list[str] = []
    columns: list[list[str]] = []
    same: list[dict[str, str]] = []  # equal cells are kept once
    lines: list[NDArray[np.int64]] = []
    ragged: list[NDArray[np.int64]] = []
    widths: list[int] = []  # of the ragged ones
    try:
        for chunk in batched(reader(), CHUNK):
            taken = np.fromiter(map(_lines_of, chunk), np.int64, len(chunk)) if quoted else np.ones(len(chunk), np.int64)
            start = begun + np.concatenate([[0], np.cumsum(taken)[:-1]])
            begun += int(taken.sum())
            width = np.fromiter(map(len, chunk), np.int64, len(chunk))
            blank = width == 0
            blank[width == 1] = [not chunk[place][0].strip() for place in np.flatnonzero(width == 1)]
            kept = np.flatnonzero(~blank)
            if not header and len(kept):
                header = [printable(name.strip(), MOST_SHOWN) for name in chunk[kept[0]]]
                columns, same, kept = [[] for _ in header], [{} for _ in header], kept[1:]
            whole = kept[width[kept] == len(header)]
            ragged.append(start[kept[width[kept] != len(header)]])
            widths += width[kept[width[kept] != len(header)]].tolist()
            lines.append(start[whole])
            for place, column in enumerate(zip(*(chunk if len(whole) == len(chunk) else [chunk[row] for row in whole]), strict=True)):
                columns[place].extend(map(same[place].setdefault, column, column))
    except csv.Error as error:
        mend = "close the quotation mark, or double it inside a text"
        raise ContentError(Fault(shown, _broken_line(reader()), f"broken quoting ({error})", "CSV", mend)) from None
    if not header:
        raise ContentError(Fault(shown, None, "an empty file", "a header and at least one row", "write both"))
    rows, torn = np.concatenate(lines), np.concatenate(ragged)
    if not len(rows) and not len(torn):
        raise ContentError(Fault(shown, None, "a header and no row", "at least one row", "add a row, or leave the file out"))
    cells = {name: _distinct(columns[place]) for place, name in enumerate(header)}
    return Cells(header, cells, rows, torn, widths, separator)


def _distinct(column: list[str]) -> tuple[NDArray[np.intp], list[str]]:
    codes, texts = pd.factorize(np.array(column, dtype=object))
    return codes, [str(text).strip() for text in texts]


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
