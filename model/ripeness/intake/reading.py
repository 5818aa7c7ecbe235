"""What a package of readers is written with: the source it registers, publishers' files read strictly, days put together by week, rows.

A reader is a plain function: the paths of a publisher's files in, tables in the columns of the project's files out. It is made known as a
`Source` by an entry point of the group `ripeness.sources`; what a person decided about the publisher's figures reaches it as `Judgements`, from
data/sources.toml. It imports this module and `ripeness.errors`, and nothing else of the engine.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any
from xml.parsers import expat

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from ripeness import files
from ripeness.data.tables import FIRST_DAY, LAST_DAY, parse_day, parse_number
from ripeness.errors import ContentError, Fault
from ripeness.workspace.csv import csv_text, read_csv

__all__ = [
    "FIRST_DAY",
    "LAST_DAY",
    "Day",
    "Days",
    "Form",
    "Item",
    "Judgements",
    "Source",
    "daily",
    "elements_of",
    "parse_day",
    "read_json",
    "read_records",
    "read_table",
    "read_text",
    "read_xml",
    "rows",
    "weekly_mean",
    "weekly_sum",
    "whole_weeks",
]

_MEND = "take the publisher's file as it is"
_MEND_PATH = "name the file that holds the series"
_MOST = 1e15  # beyond it sums and rounding fail; nothing that is measured here comes near
_MOST_ROWS = 200_000  # of a file; five centuries of days
_LONGEST = 300  # letters of a cell of XML: a number or a day has no more
_XLS = bytes.fromhex("d0cf11e0a1b11ae1")  # how a workbook of Excel 97 to 2003 begins

Day = Annotated[date, Field(ge=FIRST_DAY, lt=LAST_DAY)]
Days = Annotated[int, Field(ge=0, le=3660, strict=True)]
"""Of `Judgements`: a day that is no slip of the finger, and a number of days, of ten years at the most."""


class Judgements(BaseModel):
    """What a keeper decides about a publisher's figures: a reader's own table of data/sources.toml.

    A reader derives its class from this one and names each decision, without defaults: usual lags of publication, how well a stretch was
    searched, where a series begins to be of use.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


@dataclass(frozen=True)
class Item:
    """A piece of news, as a page or a feed has it: what drafts of events are made from (`ripeness.intake.drafting`).

    Parameters
    ----------
    day : date or None
        The day it is of; None where the publisher gives none that can be read.
    text : str
        Without markup.
    source : str
        What a row that rests on it names as its source.
    address : str
        Where it can be read; empty where it is not known.
    """

    day: date | None
    text: str
    source: str
    address: str = ""


@dataclass(frozen=True)
class Form:
    """Files of a publisher, and the function that reads them.

    Parameters
    ----------
    files : tuple of str
        The files needed, in the order of the reader's arguments, below a folder of source data. Of a series (a file a day) the one pattern that
        its files' names meet, such as "map_*.json".
    read : callable
        As `Source.read`; of a series the first argument is a list of paths. After the files come `stored`, then the judgements.
    stored : tuple of str
        Files of the workspace's own data that the reader looks into, such as "events.csv".
    """

    files: tuple[str, ...]
    read: Callable[..., dict[str, pd.DataFrame]]
    stored: tuple[str, ...] = ()

    @property
    def is_series(self) -> bool:
        """Whether it is a file a day, of any number of days."""
        return any("*" in file for file in self.files)

    def fits(self, names: Sequence[str]) -> bool:
        """Whether files of these names are those of the form."""
        wanted = [Path(file).name for file in self.files]
        if self.is_series:
            return bool(names) and all(fnmatchcase(name, wanted[0]) for name in names)
        return sorted(names) == sorted(wanted)

    def takes(self, number: int) -> bool:
        """Whether so many files may be those of the form."""
        return number > 0 if self.is_series else number == len(self.files)


@dataclass(frozen=True)
class Source:
    """A publisher whose files can be imported; the name of its entry point is the name that `ripeness import` knows it by.

    Parameters
    ----------
    title : str
        The publisher and what the files hold.
    files : tuple of str
        The files needed, in the order of the reader's arguments, below a folder of source data.
    read : callable
        As many paths as `files`, then the judgements where there are any, to a table by name: an indicator's id, "events" or "coverage".
        A table is a DataFrame in the columns of its file, with days as timestamps. Raises ContentError where a file is not what it should be.
    tables : tuple of str
        Names of the tables it gives; one that follows from the judgements alone need not be named.
    terms : str
        Under which terms the publisher's figures may be passed on.
    judgements : type of Judgements, optional
        What its table in data/sources.toml must hold.
    own : Form, optional
        The files as the publisher itself has them, where `files` are another's of the same figures; either may be imported.
    items : callable, optional
        One file, then the judgements where there are any, to a list of `Item`: of publishers whose text is read for events. A source of `items` and
        no `files` takes any number of them, each with a feed of its own.
    """

    title: str
    files: tuple[str, ...]
    read: Callable[..., dict[str, pd.DataFrame]]
    tables: tuple[str, ...] = ()
    terms: str = ""
    judgements: type[Judgements] | None = None
    own: Form | None = None
    items: Callable[..., list[Item]] | None = None

    @property
    def forms(self) -> list[Form]:
        """The forms in which its files are read, that of `files` first."""
        return [Form(self.files, self.read), *([self.own] if self.own else [])]

    def form_of(self, names: Sequence[str]) -> Form | None:
        """The form of files of these names: by their names, else by their number; None if there is none."""
        found = [form for form in self.forms if form.fits(names)] or [form for form in self.forms if form.takes(len(names))]
        return found[0] if found else None


def check_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """Words that a keeper gives as regular expressions, each sound; raises `ValueError` if one is not."""
    for word in words:
        try:
            re.compile(word)
        except re.error as error:
            raise ValueError(f"regular expressions; '{word}' is none ({error})") from None
    return words


def read_table(
    path: Path,
    *,
    numbers: Sequence[str] = (),
    amounts: Sequence[str] = (),
    counts: Sequence[str] = (),
    days: Sequence[str] = (),
    months: Sequence[str] = (),
    words: Sequence[str] = (),
    comments: bool = False,
) -> pd.DataFrame:
    """Read the named columns of a CSV file; other columns are passed over.

    Parameters
    ----------
    path : Path
        UTF-8 text with a header; or a workbook of Excel 97 to 2003 (.xls), of which the first sheet is read.
    numbers, amounts, counts : sequence of str
        Columns to be read as floats, empty cells as NaN: any; from 0 on; whole ones from 0 on.
    days, months, words : sequence of str
        Columns to be read as ISO dates (with a time of day it may be another day elsewhere: none but midnight of no zone is taken), months YYYY-MM, or
        by their first day (read as their last day), and text.
    comments : bool
        Whether lines that begin with # are passed over.

    Returns
    -------
    DataFrame
        Index: line in the file, counted from 1. Dates as timestamps.

    Raises
    ------
    ContentError
        With a fault for every line that is wrong.
    """
    shown = Path(path.name)
    kinds = _kinds(numbers, amounts, counts, days, months, words)
    raw = files.read_bytes(path, shown, "the publisher's file", _MEND_PATH)
    if raw.startswith(_XLS):
        raw = _sheet_as_csv(raw, shown)
    if comments:
        raw = re.sub(rb"^#[^\r\n]*", b"", raw, flags=re.MULTILINE)
    cells = read_csv(raw, shown, mend=f"{_MEND}, as UTF-8 text with commas")
    missing = [name for name in kinds if name not in cells.header]
    if missing:
        raise ContentError(Fault(shown, 1, "columns " + ", ".join(cells.header), "a column " + ", ".join(missing), _MEND))
    doubled = [name for name in kinds if cells.header.count(name) > 1]
    if doubled:
        found = f"{', '.join(doubled)} twice"
        raise ContentError(Fault(shown, 1, f"columns {found}", "each column once", "find out which is right, and remove the other"))
    _check_number(len(cells.lines), shown)
    return _converted(shown, [record for _, record in cells.records()], cells.lines.tolist(), kinds, cells.torn)


def read_records(
    path: Path,
    *,
    numbers: Sequence[str] = (),
    amounts: Sequence[str] = (),
    counts: Sequence[str] = (),
    days: Sequence[str] = (),
    words: Sequence[str] = (),
) -> pd.DataFrame:
    """Read a JSON array of flat objects as `read_table` reads a CSV; the index is the place in the array, from 1.

    Raises
    ------
    ContentError
        If the text is not such an array (with the line), or an entry is wrong (with its place).
    """
    shown = Path(path.name)
    doubled: list[str] = []
    kinds = _kinds(numbers, amounts, counts, days, (), words)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entry = dict(pairs)
        if len(entry) < len(pairs):
            names = [name for name, _ in pairs]
            doubled.extend(name for name in entry if name in kinds and names.count(name) > 1)
        return entry

    data = read_json(path, "a JSON array of objects", unique)
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise ContentError(Fault(shown, 1, "something else", "a JSON array of objects", _MEND))
    _check_number(len(data), shown)
    if doubled:
        raise ContentError(
            Fault(shown, None, f"an entry with {doubled[0]} twice", "each key once", "find out which is right, and remove the other")
        )
    records: list[Mapping[str, str]] = []
    faults: list[Fault] = []
    for place, entry in enumerate(data, start=1):
        lacking = [name for name in kinds if name not in entry]
        if lacking:
            faults.append(Fault(shown, None, f"entry {place} without {', '.join(lacking)}", "every entry to have it", "repair the entry"))
        records.append({name: "" if entry.get(name) is None else str(entry.get(name)) for name in kinds})
    return _converted(shown, records, list(range(1, len(records) + 1)), kinds, faults, what="entry")


def read_json(path: Path, what: str = "JSON", unique: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """What a JSON file says; each object as `unique` makes it of its pairs, if that is given.

    Raises
    ------
    ContentError
        If the text is no JSON (with the line), or beyond the parser's limits.
    """
    shown = Path(path.name)
    try:
        return json.loads(read_text(path, shown), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ContentError(Fault(shown, error.lineno, f"broken JSON ({error.msg})", "valid JSON", _MEND)) from None
    except (RecursionError, ValueError) as error:  # the parser's own limits, which name no place
        reason = "nested too deeply" if isinstance(error, RecursionError) else "a number beyond all bounds"
        raise ContentError(Fault(shown, None, f"JSON that cannot be read ({reason})", what, _MEND)) from None


def read_xml(
    path: Path,
    record: str,
    *,
    numbers: Sequence[str] = (),
    days: Sequence[str] = (),
    day_first: bool = False,
    decimal_comma: bool = False,
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read the elements of one name, with their attributes and the texts of their children, as `read_table` reads rows.

    Parameters
    ----------
    path : Path
        XML without a document type, so that it can hold no entity of its own.
    record : str
        Name of the elements.
    numbers, days : sequence of str
        Attributes or children to be read.
    day_first, decimal_comma : bool
        Whether days are DD.MM.YYYY; whether numbers have a comma for decimals.

    Returns
    -------
    tuple
        The rows, whose index is the place of the element, from 1; and the attributes of the outermost one.

    Raises
    ------
    ContentError
        If the text is not such XML (with the line), or an element lacks something or is wrong (with its place).
    """
    shown = Path(path.name)
    kinds = _kinds(numbers, (), (), days, (), ())
    outermost, records = elements_of(files.read_bytes(path, shown, "the publisher's file", _MEND_PATH), [record], shown)
    faults: list[Fault] = []
    for place, cells in enumerate(records, start=1):
        lacking = [name for name in kinds if name not in cells]
        if lacking:
            faults.append(Fault(shown, None, f"entry {place} without {', '.join(lacking)}", "every entry to have it", "repair the entry"))
        for name in kinds:
            text = cells.get(name, "").strip()
            if name in days and day_first:
                text = re.sub(r"(\d\d)\.(\d\d)\.(\d{4})", r"\3-\2-\1", text)
            cells[name] = text.replace(",", ".") if name in numbers and decimal_comma else text
    return _converted(shown, records, list(range(1, len(records) + 1)), kinds, faults, what="entry"), outermost


def elements_of(
    raw: bytes, names: Collection[str], shown: Path, *, longest: int = _LONGEST, nested: bool = False
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The outermost element's attributes, and each element of some names: its attributes, and the texts of its children.

    Parameters
    ----------
    raw : bytes
        XML without a document type, so that it can hold no entity of its own.
    names : collection of str
    shown : Path
        How to name the file.
    longest : int
        Letters of a text; what is beyond is passed over.
    nested : bool
        Whether the text of a child's own children counts as its own; and its attributes are given as `child@attribute`, of several links the main one's.

    Raises
    ------
    ContentError
        If it is no such XML, with the line; or of more than 200,000 elements.
    """
    outermost: dict[str, str] = {}
    records: list[dict[str, str]] = []
    path: list[str] = []
    depth = 0  # of the element that is open, counted with those around it; 0: none
    parser = expat.ParserCreate()

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        path.append(name)
        if len(path) == 1:
            outermost.update(attributes)
        elif name in names and not depth:
            _check_number(len(records) + 1, shown)
            records.append(dict(attributes))
            depth = len(path)
        elif nested and depth and len(path) == depth + 1 and attributes.get("rel", "alternate") == "alternate":
            for key, value in attributes.items():
                records[-1].setdefault(f"{name}@{key}", value[:longest])

    def end(_: str) -> None:
        nonlocal depth
        if len(path) == depth:
            depth = 0
        path.pop()

    def add(text: str) -> None:
        if depth and (len(path) == depth + 1 or (nested and len(path) > depth)):
            known = records[-1].get(path[depth], "")
            if len(known) < longest:
                records[-1][path[depth]] = known + text[:longest]

    def refuse(*_: Any) -> None:
        raise ContentError(Fault(shown, parser.CurrentLineNumber, "a document type", "XML without one, as it may hold entities", _MEND))

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, add
    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise ContentError(Fault(shown, error.lineno, f"broken XML ({expat.ErrorString(error.code)})", "valid XML", _MEND)) from None
    except (ValueError, LookupError):
        raise ContentError(Fault(shown, 1, "an encoding that is not known", "XML in a known one", _MEND)) from None
    return outermost, records


def read_text(path: Path, shown: Path) -> str:
    """The text of a publisher's file.

    Raises
    ------
    ContentError
        If it cannot be read, or is no UTF-8.
    """
    return files.read_text(path, shown, "the publisher's file", _MEND_PATH)


def daily(table: pd.DataFrame, path: Path, day: str, value: str) -> pd.Series[float]:
    """One column as a series by day, in order of time.

    Raises
    ------
    ContentError
        If a day occurs twice.
    """
    repeated = table.index[table[day].duplicated()]
    if len(repeated):
        entry = table.index.name == "entry"  # of an array, which has no lines
        raise ContentError(
            [
                Fault(
                    Path(path.name),
                    None if entry else int(line),
                    f"{table.loc[line, day]:%Y-%m-%d} a second time{f' in entry {line}' if entry else ''}",
                    "each day once",
                    "remove one of the rows",
                )
                for line in repeated
            ]
        )
    return pd.Series(table[value].to_numpy(dtype=float), index=pd.DatetimeIndex(table[day]), name=value).sort_index()


def whole_weeks(series: pd.Series[Any], last: pd.Timestamp | None = None) -> pd.DatetimeIndex:
    """Sundays of the weeks, Monday to Sunday, that lie wholly between the first and the last day of a series by day.

    `last` is the day up to which the series is whole, where nothing is to come on the days after its own last.
    """
    first, last = series.index.min(), last or series.index.max()
    sundays = pd.date_range(first, last, freq="W-SUN")
    return pd.DatetimeIndex(sundays[sundays - pd.Timedelta(days=6) >= first])


def weekly_mean(series: pd.Series[float], last: pd.Timestamp | None = None, fewest_days: int = 1) -> pd.Series[float]:
    """Mean of the days present in each whole week; a week with fewer than `fewest_days` is absent."""
    weeks = series.resample("W-SUN")
    return weeks.mean()[weeks.count() >= fewest_days].reindex(whole_weeks(series, last)).dropna()


def weekly_sum(series: pd.Series[float]) -> pd.Series[float]:
    """Sum over each whole week; a week in which a day has no row, or no number, is absent."""
    weeks = series.resample("W-SUN")
    return weeks.sum()[weeks.count() == 7].reindex(whole_weeks(series)).dropna()


def rows(
    values: pd.Series[float],
    *,
    lag_days: int,
    source: str,
    grade: str | pd.Series[str],
    decimals: int,
    sample_size: pd.Series[float] | None = None,
) -> pd.DataFrame:
    """A series by `observed_on` in the columns of an indicator file.

    Parameters
    ----------
    values : Series
        Indexed by the last day of the period each value describes; natural units.
    lag_days : int
        Days from that day to publication.
    source : str
        Publisher, and whether the vintage is reconstructed.
    grade : str or Series of str
        A, B or C.
    decimals : int
        Figures kept after the point.
    sample_size : Series, optional
        Poll size or exposure.
    """
    frame = pd.DataFrame({"observed_on": values.index, "value": values.round(decimals).to_numpy()})
    frame["published_on"] = frame["observed_on"] + pd.Timedelta(days=lag_days)
    frame["source"] = source
    frame["grade"] = grade if isinstance(grade, str) else grade.reindex(values.index).to_numpy()
    if sample_size is not None:
        frame["sample_size"] = sample_size.reindex(values.index).to_numpy()
    return frame


def _sheet_as_csv(raw: bytes, shown: Path) -> bytes:
    """The first sheet of a workbook as CSV: one line a row, so that lines are the sheet's."""
    import xlrd

    expected = "a workbook of Excel 97 to 2003"
    try:
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            xlrd.open_workbook(file_contents=raw, logfile=nowhere, ragged_rows=True) as book,
        ):
            sheet = book.sheet_by_index(0)
            _check_number(sheet.nrows, shown)
            lines = [
                [_cell_text(kind, value, book.datemode) for kind, value in zip(sheet.row_types(row), sheet.row_values(row), strict=True)]
                for row in range(sheet.nrows)
            ]
    except ContentError:
        raise
    except Exception as error:  # whatever the parser does with a damaged workbook
        raise ContentError(Fault(shown, None, f"a workbook that cannot be read ({type(error).__name__})", expected, _MEND)) from None
    width = max(map(len, lines), default=0)
    return csv_text([[*line, *[""] * (width - len(line))] for line in lines]).encode()


def _cell_text(kind: int, value: Any, datemode: int) -> str:
    import xlrd

    match kind:
        case xlrd.XL_CELL_DATE:
            return f"{xlrd.xldate_as_datetime(value, datemode):%Y-%m-%d}"
        case xlrd.XL_CELL_NUMBER:
            return repr(float(value))
        case xlrd.XL_CELL_TEXT:
            return " ".join(str(value).split())
        case _:
            return ""


def _check_number(rows: int, shown: Path) -> None:
    if rows > _MOST_ROWS:
        raise ContentError(Fault(shown, None, f"more than {_MOST_ROWS:,} rows", "no more than that", _MEND))


def _kinds(*columns: Sequence[str]) -> dict[str, Callable[[str], Any]]:
    """How each column is read: of numbers, amounts, counts, days, months and words."""
    readers: tuple[Callable[[str], Any], ...] = (*_NUMERIC, _day, _month, str.strip)
    pairs = list(zip(columns, readers, strict=True))
    return {name: convert for names, convert in (*pairs[3:], *pairs[:3]) for name in names}


def _converted(
    shown: Path,
    records: Sequence[Mapping[str, str]],
    lines: Sequence[int],
    kinds: Mapping[str, Callable[[str], Any]],
    faults: list[Fault],
    what: str = "",
) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {name: [] for name in kinds}
    for line, record in zip(lines, records, strict=True):
        for name, convert in kinds.items():
            try:
                columns[name].append(convert(record[name]))
            except ValueError as error:
                columns[name].append(None)
                place = f" in {what} {line}" if what else ""
                faults.append(Fault(shown, None if what else line, f"{name} = '{record[name]}'{place}", str(error), "correct the value"))
    if not faults and not records:
        faults.append(Fault(shown, None, "no rows", "at least one row", _MEND))
    elif not faults:
        empty = [name for name, convert in kinds.items() if convert in _NUMERIC and all(math.isnan(cell) for cell in columns[name])]
        faults += [Fault(shown, None, f"no number in {name}", "at least one", _MEND) for name in empty]
    if faults:
        raise ContentError(faults)
    return pd.DataFrame(columns, index=pd.Index(lines, name=what or "line"))


def _number(text: str) -> float:
    value = parse_number(text.strip()) if text.strip() else math.nan
    if value is None or abs(value) > _MOST:
        raise ValueError("a number or nothing")
    return value


def _amount(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise ValueError("a number from 0 on, or nothing")
    return value


def _count(text: str) -> float:
    value = _number(text)
    if value < 0 or value % 1 > 0:
        raise ValueError("a whole number from 0 on, without marks between thousands, or nothing")
    return value


def _day(text: str) -> pd.Timestamp:
    day = _MIDNIGHT.sub("", text.strip())
    found = parse_day(day)
    if found is None:
        timed = parse_day(day[:10]) and day[10:11] in ("T", " ")
        raise ValueError("a date YYYY-MM-DD" + (" without a time of day, which may be another day in another time zone" if timed else ""))
    return pd.Timestamp(found)


def _month(text: str) -> pd.Timestamp:
    text = text.strip()
    first = parse_day(text if text.count("-") == 2 and text.endswith("-01") else f"{text}-01")
    if first is None:
        raise ValueError("a month YYYY-MM")
    return pd.Timestamp(first) + pd.offsets.MonthEnd(0)


_MIDNIGHT = re.compile(r"[ T]00:00(:00(\.0+)?)?$", re.ASCII)
_NUMERIC = (_number, _amount, _count)
