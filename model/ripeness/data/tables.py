"""A CSV file of a known form, read into text with the line of every record; and rules about its rows, checked all at once."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.errors import ContentError, Fault, did_you_mean

GRADES = ("A", "B", "C")
MOST_TOLD = 100  # faults of one kind told one by one: more are a fault of the whole file
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 1, 1)  # outside these a date is a slip of the finger

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

Said = tuple[str, str, str]  # found, expected, mend


@dataclass(frozen=True)
class Rule:
    """Something that must hold for each row of a table.

    Parameters
    ----------
    name : str
    columns : tuple of str
        What it looks at; a row is passed over where one of these could not be read, as that is refused already.
    holds : callable
        From the frame to a boolean Series, row by row.
    say : callable
        From an offending row and the whole frame to what was found, what was expected, and how to mend it.
    """

    name: str
    columns: tuple[str, ...]
    holds: Callable[[pd.DataFrame], pd.Series[bool]]
    say: Callable[[Mapping[Any, Any], pd.DataFrame], Said]


@dataclass
class Table:
    """The text of a CSV file by column, and the faults met so far.

    Parameters
    ----------
    shown : Path
        How to name the file in faults.
    columns : dict of list of str
        Cells, stripped of surrounding blanks; optional columns the file lacks are empty.
    lines : list of int
        Line on which each record begins, counted from 1.
    """

    shown: Path
    columns: dict[str, list[str]]
    lines: list[int]
    faults: list[Fault] = field(default_factory=list)
    unread: dict[str, set[int]] = field(default_factory=dict)

    def refuse(self, row: int, found: str, expected: str, mend: str, unread: str | None = None) -> None:
        """Note a fault at a row, and which column of it could not be read."""
        self.faults.append(Fault(self.shown, self.lines[row], found, expected, mend))
        if unread:
            self.unread.setdefault(unread, set()).add(row)

    def days(self, column: str, default: str | None = None) -> NDArray[np.datetime64]:
        """The dates of a column (row,), datetime64[ns]; NaT where refused. Empty cells take the text of column `default`."""
        texts = self.columns[column]
        if default:
            texts = [text or other for text, other in zip(texts, self.columns[default], strict=True)]
        known = {text: parse_day(text) for text in set(texts)}
        for row, text in enumerate(texts):
            if known[text] is None:
                self.refuse(row, *say_day(text, column), column)
        return np.array([known[text] or "NaT" for text in texts], dtype="datetime64[ns]")

    def numbers(self, column: str, empty: bool) -> NDArray[np.float64]:
        """The numbers of a column (row,); NaN where refused, or empty if that is allowed."""
        numbers = np.full(len(self.lines), np.nan)
        for row, text in enumerate(self.columns[column]):
            if not text and empty:
                continue
            number = parse_number(text)
            if number is not None:
                numbers[row] = number
            else:
                self.refuse(row, *say_number(text, column), column)
        return numbers

    def check(self, frame: pd.DataFrame, types: Mapping[str, str], rules: Sequence[Rule]) -> None:
        """Try every rule on every row, and the columns and their types; where something is wrong, one pandera schema says what.

        Raises
        ------
        ContentError
            With all faults of the file, in the order of its lines.
        """
        typed = {str(name): str(dtype) for name, dtype in frame.dtypes.items()} == dict(types)
        if typed and all(self._where_read(rule)(frame).all() for rule in rules):
            self.raise_faults()
            return
        import pandera.pandas as pa  # as slow to import as all the rest, and seldom needed

        schema = pa.DataFrameSchema(
            {name: pa.Column(dtype, nullable=True) for name, dtype in types.items()},
            checks=[pa.Check(self._where_read(rule), name=rule.name) for rule in rules],
            strict=True,
        )
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            by_name = {rule.name: rule for rule in rules}
            cases = error.failure_cases[["check", "index"]].drop_duplicates()
            if cases["index"].isna().any():  # a rule that broke, not a row that broke a rule
                raise
            for name, of_rule in cases.groupby("check"):
                rows = sorted(int(row) for row in of_rule["index"])
                for row in rows[:MOST_TOLD]:
                    self.refuse(row, *by_name[str(name)].say(frame.loc[row].to_dict(), frame))
                if len(rows) > MOST_TOLD:
                    also = f"{len(rows) - MOST_TOLD} more rows, from this one on, with the fault of line {self.lines[rows[0]]}"
                    self.refuse(rows[MOST_TOLD], also, "none", "mend them likewise")
        self.raise_faults()

    def _where_read(self, rule: Rule) -> Callable[[pd.DataFrame], pd.Series[bool]]:
        unread = sorted(set().union(*(self.unread.get(column, set()) for column in rule.columns)))
        return lambda frame: rule.holds(frame) | frame.index.isin(unread)

    def raise_faults(self) -> None:
        """Raise what was refused so far, in the order of the lines."""
        if self.faults:
            raise ContentError(sorted(self.faults, key=lambda fault: fault.line or 0))


def read_table(path: Path, shown: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """Read a CSV file (UTF-8, comma, with a header; a byte order mark and CRLF are accepted; blank lines are passed over).

    Raises
    ------
    ContentError
        If the file is missing, no UTF-8, empty, without rows, ragged, or its columns are not those of its form.
    """
    text = _read_text(path, shown)
    header, records, lines, faults = _read_records(text, shown)
    if header is None:
        expected = f"the columns {','.join(required)}"
        raise ContentError(Fault(shown, None, "an empty file", expected, "write the header and at least one row"))
    broken = check_header(header, shown, required, optional)
    if broken:
        raise ContentError(broken)
    if not records and not faults:
        raise ContentError(Fault(shown, None, "a header and no row", "at least one row", "add a row, or remove the file"))
    columns = {name: [record[place].strip() for record in records] for place, name in enumerate(header)}
    for name in optional:
        columns.setdefault(name, [""] * len(records))
    return Table(shown, columns, lines, faults)


def _read_text(path: Path, shown: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ContentError(Fault(shown, None, "no such file", "a CSV file", "create it or correct the path in ripeness.toml")) from None
    except IsADirectoryError:
        raise ContentError(Fault(shown, None, "a folder", "a CSV file", "rename the folder")) from None
    if b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise ContentError(Fault(shown, line, "a NUL byte", "UTF-8 text", "save the file as UTF-8 text (not UTF-16, not a spreadsheet)"))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ContentError(Fault(shown, line, "bytes that are not UTF-8", "UTF-8 text", "save the file as UTF-8")) from None


def _read_records(text: str, shown: Path) -> tuple[list[str] | None, list[list[str]], list[int], list[Fault]]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    records: list[list[str]] = []
    lines: list[int] = []
    faults: list[Fault] = []
    begun = 0  # a record may run over several lines: its fault is at the first
    try:
        for record in reader:
            line, begun = begun + 1, reader.line_num
            if not any(cell.strip() for cell in record) and len(record) < 2:
                continue
            if header is None:
                header = [name.strip() for name in record]
            elif len(record) != len(header):
                mend = "quote a text that holds a comma, or add the missing commas"
                faults.append(Fault(shown, line, f"{len(record)} cells", f"{len(header)} cells, as in the header", mend))
            else:
                records.append(record)
                lines.append(line)
    except csv.Error as error:
        mend = "close the quotation mark, or double it inside a text"
        raise ContentError([*faults, Fault(shown, begun + 1, f"broken quoting ({error})", "CSV", mend)]) from None
    return header, records, lines, faults


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


def parse_day(text: str) -> date | None:
    """The day of an ISO date; None if it is none, or lies outside FIRST_DAY … LAST_DAY."""
    if not _DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day < LAST_DAY else None


def say_day(text: str, column: str) -> Said:
    """What is wrong with a cell that is no day."""
    return f"{column} '{text}'" if text else f"no {column}", "a date such as 2025-06-18", "write it as YYYY-MM-DD"


def parse_number(text: str) -> float | None:
    """A finite number, with a point for decimals; None if it is none."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def say_number(text: str, column: str) -> Said:
    """What is wrong with a cell that is no number."""
    return f"{column} '{text}'" if text else f"no {column}", "a finite number such as 12.5", _mend_number(text, column)


def _mend_number(text: str, column: str) -> str:
    if not text:
        return f"fill in {column}"
    if "," in text:
        return "use a point for decimals and nothing between thousands"
    if text.lower().lstrip("+-") in ("nan", "na", "n/a", "null", "none", "-", "inf", "infinity"):
        return "leave the row out if there is no value"
    return "correct the number"
