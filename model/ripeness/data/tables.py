"""Tables of a known form: the cells of a CSV as typed columns, and rules about its rows, all of them checked at once.

Rows that are stored and rows that come in are converted and judged by the same functions; what reads the bytes is `workspace/csv.py`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.errors import ContentError, Fault, has_controls
from ripeness.workspace.csv import Cells, FaultText, check_header, faults_of_rows, read_csv_file

GRADES: Final = ("A", "B", "C")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 1, 1)  # outside these a date is a slip of the finger
FORMULA: Final = "=+-@＝＋－＠\t\r\n"  # how a cell begins that a spreadsheet runs
DAY, NUMBER, WHOLE, YES_NO, TEXT = "datetime64[ns]", "float64", "int64", "bool", "str"

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,15}", re.ASCII)
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
_UNDECODED = re.compile("[\udc80-\udcff]")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)

Flags = NDArray[np.bool_]
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Form:
    """One kind of table.

    Attributes
    ----------
    types : mapping
        Column to dtype (DAY, NUMBER, WHOLE, YES_NO or TEXT), in the order of the file.
    key : tuple of str
        What stays the same when a row is revised; with published_on it names one row.
    content : tuple of str
        What a revision may change.
    optional : tuple of str
        Columns that a file may lack.
    defaults : tuple of (str, str)
        Columns whose empty cells take the text of another column.
    may_be_empty : tuple of str
        Columns of numbers whose cells may be empty.
    """

    types: Mapping[str, str]
    key: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    may_be_empty: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Required columns."""
        return tuple(name for name in self.types if name not in self.optional)

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Required and optional columns."""
        return tuple(self.types)

    @property
    def dtypes(self) -> dict[str, str]:
        """Of a frame: those of the columns, and that of the line."""
        return {**self.types, "line": WHOLE}

    def empty(self) -> pd.DataFrame:
        """A frame without rows."""
        return pd.DataFrame({name: [] for name in self.dtypes}).astype(self.dtypes)


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
    describe : callable
        From an offending row and the whole frame to what was found, what was expected, and how to mend it.
    """

    name: str
    columns: tuple[str, ...]
    holds: Callable[[pd.DataFrame], pd.Series[bool]]
    describe: Callable[[Row, pd.DataFrame], FaultText]


@dataclass
class Table:
    """Rows as typed columns, and what is wrong with them.

    Attributes
    ----------
    name : str
        How to name the file in faults.
    form : Form
    frame : DataFrame (row)
        The columns of the form, typed; line, counted from 1 (0: of no line).
    unread : dict of ndarray (row,)
        Column to which of its cells could not be read.
    faults : list of Fault
        Of each kind at most MOST_REPORTED one by one.
    """

    name: str
    form: Form
    frame: pd.DataFrame
    unread: dict[str, Flags] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, rows: Flags, describe: Callable[[int], FaultText]) -> None:
        """Note the fault of some rows of the frame."""
        self.faults += faults_of_rows(Path(self.name), self.frame["line"].to_numpy(), np.flatnonzero(rows), describe)

    def can_be_read(self, columns: Sequence[str]) -> Flags:
        """Of which rows all these columns could be read."""
        wrong = [self.unread[name] for name in columns if name in self.unread]
        return ~np.any(wrong, axis=0) if wrong else np.ones(len(self.frame), dtype=bool)

    def check(self, rules: Sequence[Rule]) -> None:
        """Try every rule on every row of which all it looks at could be read."""
        for rule in rules:
            wrong = ~rule.holds(self.frame).to_numpy(dtype=bool) & self.can_be_read(rule.columns)
            if wrong.any():
                self.refuse(wrong, partial(self._broken, rule))

    def _broken(self, rule: Rule, row: int) -> FaultText:
        return rule.describe(self.frame.loc[row].to_dict(), self.frame)

    def sound(self) -> pd.DataFrame:
        """The frame.

        Raises
        ------
        ContentError
            If anything was refused, in the order of the lines.
        """
        if self.faults:
            raise ContentError(sorted(self.faults, key=lambda fault: fault.line or 0))
        return self.frame


def read_table(path: Path, shown: Path, form: Form, rules: Sequence[Rule] | Callable[[Table], Sequence[Rule]]) -> pd.DataFrame:
    """Read and check a stored table, in the order of the file.

    Parameters
    ----------
    path, shown : Path
        The file, and how to name it in faults.
    form : Form
    rules : sequence of Rule, or a callable that gives them once the cells are read

    Returns
    -------
    DataFrame (row)
        The columns of the form, and line, counted from 1.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    cells = read_csv_file(path, shown)
    broken = check_header(cells.header, shown, form.columns, form.optional)
    if broken:
        raise ContentError(broken)
    table = convert(cells, form)
    table.check(rules(table) if callable(rules) else rules)
    return table.sound()


def convert(cells: Cells, form: Form) -> Table:
    """Cells as the typed columns of a form; torn rows and cells that cannot be read are noted.

    In a file of semicolons or tabs decimals may have a comma, where no number of the file has a point and some comma cannot part thousands; and a
    point that may part thousands is refused, unless some point of the file cannot.
    """
    table = Table(str(cells.shown), form, pd.DataFrame({"line": cells.lines}), faults=list(cells.torn))
    texts = dict(cells.columns)
    for name in form.optional:
        texts.setdefault(name, (np.zeros(len(cells.lines), np.intp), [""]))
    for name, default in form.defaults:
        _fill(texts, name, default)
    numbers = [text for name in form.types if form.types[name] == NUMBER for text in texts[name][1]]
    local = cells.separator != ","
    commas, points = local and _are_decimals(",", ".", numbers), not local or _are_decimals(".", ",", numbers)
    for name, dtype in form.types.items():
        match dtype:
            case "datetime64[ns]":
                distinct: Any = np.array(_parsed(table, texts, name, parse_day, describe_day, "NaT"), dtype=DAY)
            case "float64":
                read = partial(_number, commas=commas, points=points, empty=name in form.may_be_empty)
                distinct = np.array(_parsed(table, texts, name, read, describe_number, np.nan), dtype=NUMBER)
            case "int64":
                distinct = np.array(_parsed(table, texts, name, _whole, _describe_whole, 0), dtype=WHOLE)
            case "bool":
                distinct = np.array(_parsed(table, texts, name, {"yes": True, "no": False}.get, _describe_yes_no, False), dtype=YES_NO)
            case _:
                distinct = pd.array(_parsed(table, texts, name, _word, _describe_bytes, ""), dtype="str")
        table.frame[name] = distinct.take(texts[name][0])
    table.frame = table.frame[[*form.types, "line"]]
    return table


def words_of(table: Table, cells: Cells, name: str) -> pd.Series[str]:
    """One more column of text, beside those of the form."""
    return pd.Series(pd.array(_parsed(table, cells.columns, name, _word, _describe_bytes, ""), dtype="str").take(cells.columns[name][0]))


def _parsed(
    table: Table,
    texts: Mapping[str, tuple[NDArray[np.intp], list[str]]],
    name: str,
    parse: Callable[[str], Any],
    describe: Callable[[str, str], FaultText],
    missing: Any,
) -> list[Any]:
    """The distinct texts of a column, read; of what cannot be read the rows are refused."""
    codes, distinct = texts[name]
    parsed = [parse(text) for text in distinct]
    wrong = np.array([one is None for one in parsed], dtype=bool)
    if wrong.any():
        table.unread[name] = wrong[codes]
        table.refuse(wrong[codes], lambda row: describe(distinct[codes[row]], name))
    return [missing if one is None else one for one in parsed]


def _fill(texts: dict[str, tuple[NDArray[np.intp], list[str]]], name: str, default: str) -> None:
    """Let empty cells of a column have the text of another column."""
    codes, distinct = texts[name]
    others, known = texts[default]
    empty = np.array([not text for text in distinct], dtype=bool)[codes]
    texts[name] = np.where(empty, len(distinct) + others, codes), [*distinct, *known]


def _are_decimals(mark: str, other: str, texts: Sequence[str]) -> bool:
    """Whether a mark stands before decimals: some number has it where it cannot part thousands, and none has the other mark."""
    marked = [text.replace(mark, ",") for text in texts if mark in text]
    return not any(other in text for text in texts) and any(
        _DECIMAL_COMMA.fullmatch(text) and not _MAYBE_THOUSANDS.fullmatch(text) for text in marked
    )


def _number(text: str, commas: bool, points: bool, empty: bool) -> float | None:
    if not text:
        return np.nan if empty else None
    if not points and "." in text and _MAYBE_THOUSANDS.fullmatch(text):
        return None
    return parse_number(text.replace(",", ".") if commas and _DECIMAL_COMMA.fullmatch(text) else text)


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _describe_whole(text: str, column: str) -> FaultText:
    return f"{column} '{text}'" if text else f"no {column}", "a whole number from 0", "correct the number"


def _word(text: str) -> str | None:
    return None if _UNDECODED.search(text) else text


def _describe_bytes(text: str, column: str) -> FaultText:
    return f"{column} '{text[:40]}' with bytes that are not UTF-8", "UTF-8 text", "save the file as UTF-8"


def _describe_yes_no(text: str, column: str) -> FaultText:
    return f"{column} '{text}'" if text else f"no {column}", "yes or no", "say whether the event is a round as ripeness.toml defines it"


def text_rule(column: str, expected: str, mend: str) -> Rule:
    """The rule that a text is not empty."""
    return Rule(column, (column,), lambda rows: rows[column] != "", lambda row, _: (f"no {column}", expected, mend))


def grade_rule() -> Rule:
    """The rule that a grade is one of GRADES."""
    return Rule(
        "grade",
        ("grade",),
        lambda rows: rows["grade"].isin(GRADES),
        lambda row, _: (f"grade '{row['grade']}'", "A, B or C", "grade the source: A best, C worst"),
    )


def plain_rule(column: str) -> Rule:
    """The rule that no text of a column would be run by a spreadsheet or steer a terminal: what is refused here reaches no file that the project writes."""
    return Rule(f"plain {column}", (column,), lambda rows: _is_plain(rows[column]), lambda row, _: _describe_text(row[column], column))


def _is_plain(texts: pd.Series[str]) -> pd.Series[bool]:
    codes, distinct = pd.factorize(texts)
    plain = np.array([not (is_formula(text) or has_controls(text)) for text in distinct], dtype=bool)
    return pd.Series(plain[codes], index=texts.index)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a cell; it passes over what cannot be seen before it."""
    seen = next((letter for letter in text if letter in FORMULA or not is_invisible(letter)), "")
    return bool(seen) and seen in FORMULA


def is_invisible(letter: str) -> bool:
    """Whether a letter leaves no mark of its own: blanks, controls, joiners, marks that combine, fillers."""
    return unicodedata.category(letter)[0] in "CZM" or letter in _FILLERS


def _describe_text(text: str, column: str) -> FaultText:
    if is_formula(text):
        return (
            f"{column} '{text[:40]}', which a spreadsheet would take for a formula",
            "text that begins with none of = + - @",
            "put a word before it",
        )
    return f"{column} '{text[:40]}' with control characters", "text alone", "remove them"


def parse_day(text: str) -> date | None:
    """The day of an ISO date; None if it is none, or lies outside FIRST_DAY … LAST_DAY."""
    if not _DAY.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day < LAST_DAY else None


def describe_day(text: str, column: str) -> FaultText:
    """What is wrong with a cell that is no day."""
    return f"{column} '{text}'" if text else f"no {column}", "a date such as 2025-06-18", "write it as YYYY-MM-DD"


def parse_number(text: str) -> float | None:
    """A finite number, with a point for decimals; None if it is none."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def describe_number(text: str, column: str) -> FaultText:
    """What is wrong with a cell that is no number."""
    return f"{column} '{text}'" if text else f"no {column}", "a finite number such as 12.5", _mend_number(text, column)


def _mend_number(text: str, column: str) -> str:
    if not text:
        return f"fill in {column}"
    if "," in text or _MAYBE_THOUSANDS.fullmatch(text):
        return "use a point for decimals and nothing between thousands"
    if text.lower().lstrip("+-") in ("nan", "na", "n/a", "null", "none", "-", "inf", "infinity"):
        return "leave the row out if there is no value"
    return "correct the number"
