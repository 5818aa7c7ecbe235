"""Read a publisher's file into a table whose index is the line, or the place in an array."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ripeness.data.tables import parse_day, parse_number
from ripeness.errors import ContentError, Fault

_MOST = 1e15  # beyond it sums and rounding fail; nothing that is measured here comes near


def read_table(
    path: Path, *, numbers: Sequence[str] = (), days: Sequence[str] = (), months: Sequence[str] = (), words: Sequence[str] = ()
) -> pd.DataFrame:
    """Read the named columns of a CSV file; other columns are passed over.

    Parameters
    ----------
    path : Path
        UTF-8 text with a header.
    numbers, days, months, words : sequence of str
        Columns to be read as floats (empty: NaN), ISO dates (a time of day is cut off), months (read as their last day), and text.

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
    text = read_text(path, shown)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    kinds = _kinds(numbers, days, months, words)
    records: list[Mapping[str, str]] = []
    lines: list[int] = []
    faults: list[Fault] = []
    begun = 0  # a record may run over several lines: its fault is at the first
    try:
        header = next(reader, [])
        missing = [name for name in kinds if name not in header]
        if missing:
            raise ContentError(
                Fault(shown, 1, "columns " + ", ".join(header), "a column " + ", ".join(missing), "take the publisher's file as it is")
            )
        begun = reader.line_num
        for cells in reader:
            line, begun = begun + 1, reader.line_num
            if not cells:
                continue
            if len(cells) != len(header):
                faults.append(Fault(shown, line, f"{len(cells)} cells", f"{len(header)} cells, as in the header", "repair the line"))
                continue
            records.append(dict(zip(header, cells, strict=True)))
            lines.append(line)
    except csv.Error as error:
        faults.append(Fault(shown, begun + 1, f"broken CSV ({error})", "valid CSV", "repair the line"))
    return _converted(shown, records, lines, kinds, faults)


def read_records(path: Path, *, numbers: Sequence[str] = (), days: Sequence[str] = (), words: Sequence[str] = ()) -> pd.DataFrame:
    """Read a JSON array of flat objects as `read_table` reads a CSV; the index is the place in the array, from 1.

    Raises
    ------
    ContentError
        If the text is not such an array (with the line), or an entry is wrong (with its place).
    """
    shown = Path(path.name)
    try:
        data: Any = json.loads(read_text(path, shown))
    except json.JSONDecodeError as error:
        raise ContentError(
            Fault(shown, error.lineno, f"broken JSON ({error.msg})", "valid JSON", "take the publisher's file as it is")
        ) from None
    except (RecursionError, ValueError) as error:  # the parser's own limits, which name no place
        reason = "nested too deeply" if isinstance(error, RecursionError) else "a number beyond all bounds"
        raise ContentError(
            Fault(shown, None, f"JSON that cannot be read ({reason})", "a JSON array of objects", "take the publisher's file as it is")
        ) from None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise ContentError(Fault(shown, 1, "something else", "a JSON array of objects", "take the publisher's file as it is"))
    kinds = _kinds(numbers, days, (), words)
    records: list[Mapping[str, str]] = []
    faults: list[Fault] = []
    for place, entry in enumerate(data, start=1):
        lacking = [name for name in kinds if name not in entry]
        if lacking:
            faults.append(Fault(shown, None, f"entry {place} without {', '.join(lacking)}", "every entry to have it", "repair the entry"))
        records.append({name: "" if entry.get(name) is None else str(entry.get(name)) for name in kinds})
    return _converted(shown, records, list(range(1, len(records) + 1)), kinds, faults, what="entry")


def _kinds(numbers: Sequence[str], days: Sequence[str], months: Sequence[str], words: Sequence[str]) -> dict[str, Callable[[str], Any]]:
    return {
        **dict.fromkeys(days, _day),
        **dict.fromkeys(months, _month),
        **dict.fromkeys(words, str.strip),
        **dict.fromkeys(numbers, _number),
    }


def read_text(path: Path, shown: Path) -> str:
    """The text of a publisher's file.

    Raises
    ------
    ContentError
        If it cannot be read, or is no UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ContentError(Fault(shown, None, "no such file", "the publisher's file", "name the file that holds the series")) from None
    except OSError as error:
        found = f"a file that cannot be read ({(error.strerror or 'error').lower()})"
        raise ContentError(Fault(shown, None, found, "the publisher's file", "name the file that holds the series")) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ContentError(Fault(shown, line, "bytes that are not UTF-8", "UTF-8 text", "save the file as UTF-8")) from None


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
            except ValueError:
                expected = _EXPECTED.get(convert, "a number or nothing")
                columns[name].append(None)
                place = f" in {what} {line}" if what else ""
                faults.append(Fault(shown, None if what else line, f"{name} = '{record[name]}'{place}", expected, "correct the value"))
    if not faults and not records:
        faults.append(Fault(shown, None, "no rows", "at least one row", "take the publisher's file as it is"))
    elif not faults:
        empty = [name for name, convert in kinds.items() if convert is _number and all(math.isnan(cell) for cell in columns[name])]
        faults += [Fault(shown, None, f"no number in {name}", "at least one", "take the publisher's file as it is") for name in empty]
    if faults:
        raise ContentError(faults)
    return pd.DataFrame(columns, index=pd.Index(lines, name=what or "line"))


def _number(text: str) -> float:
    value = parse_number(text.strip()) if text.strip() else math.nan
    if value is None or abs(value) > _MOST:
        raise ValueError(text)
    return value


def _day(text: str) -> pd.Timestamp:
    day, time = text.strip()[:10], text.strip()[10:]
    found = parse_day(day)
    if found is None or time[:1] not in ("", " ", "T"):
        raise ValueError(text)
    return pd.Timestamp(found)


def _month(text: str) -> pd.Timestamp:
    first = parse_day(f"{text.strip()}-01")
    if first is None:
        raise ValueError(text)
    return pd.Timestamp(first) + pd.offsets.MonthEnd(0)


_EXPECTED: dict[Callable[[str], Any], str] = {_day: "a date YYYY-MM-DD", _month: "a month YYYY-MM"}
