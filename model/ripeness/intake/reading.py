"""What a package of readers is written with: the source it registers, publishers' files read strictly, days put together by week, rows.

A reader is a plain function: the paths of a publisher's files in, tables in the columns of the project's files out. It is made known as a
`Source` by an entry point of the group `ripeness.sources`; what a person decided about the publisher's figures reaches it as `Judgements`, from
data/sources.toml. It imports this module and `ripeness.errors`, and nothing else of the engine.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from ripeness import files
from ripeness.data.tables import FIRST_DAY, LAST_DAY, parse_day, parse_number
from ripeness.errors import ContentError, Fault
from ripeness.workspace.csv import read_csv

__all__ = [
    "FIRST_DAY",
    "LAST_DAY",
    "Day",
    "Days",
    "Judgements",
    "Source",
    "daily",
    "parse_day",
    "read_records",
    "read_table",
    "read_text",
    "rows",
    "weekly_mean",
    "weekly_sum",
    "whole_weeks",
]

_MEND = "take the publisher's file as it is"
_MEND_PATH = "name the file that holds the series"
_MOST = 1e15  # beyond it sums and rounding fail; nothing that is measured here comes near

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
    """

    title: str
    files: tuple[str, ...]
    read: Callable[..., dict[str, pd.DataFrame]]
    tables: tuple[str, ...] = ()
    terms: str = ""
    judgements: type[Judgements] | None = None


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
        UTF-8 text with a header.
    numbers, amounts, counts : sequence of str
        Columns to be read as floats, empty cells as NaN: any; from 0 on; whole ones from 0 on.
    days, months, words : sequence of str
        Columns to be read as ISO dates (with a time of day it may be another day elsewhere: none but midnight of no zone is taken), months (read as
        their last day), and text.
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
    kinds = _kinds(numbers, amounts, counts, days, (), words)
    doubled: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entry = dict(pairs)
        if len(entry) < len(pairs):
            names = [name for name, _ in pairs]
            doubled.extend(name for name in entry if name in kinds and names.count(name) > 1)
        return entry

    try:
        data: Any = json.loads(read_text(path, shown), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ContentError(Fault(shown, error.lineno, f"broken JSON ({error.msg})", "valid JSON", _MEND)) from None
    except (RecursionError, ValueError) as error:  # the parser's own limits, which name no place
        reason = "nested too deeply" if isinstance(error, RecursionError) else "a number beyond all bounds"
        raise ContentError(Fault(shown, None, f"JSON that cannot be read ({reason})", "a JSON array of objects", _MEND)) from None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise ContentError(Fault(shown, 1, "something else", "a JSON array of objects", _MEND))
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


def _kinds(*columns: Sequence[str]) -> dict[str, Callable[[str], Any]]:
    """How each column is read: of numbers, amounts, counts, days, months and words."""
    readers: tuple[Callable[[str], Any], ...] = (*_NUMERIC, _day, _month, str.strip)
    return {name: convert for names, convert in zip(columns, readers, strict=True) for name in names}


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
    first = parse_day(f"{text.strip()}-01")
    if first is None:
        raise ValueError("a month YYYY-MM")
    return pd.Timestamp(first) + pd.offsets.MonthEnd(0)


_MIDNIGHT = re.compile(r"[ T]00:00(:00(\.0+)?)?$", re.ASCII)
_NUMERIC = (_number, _amount, _count)
