"""A file as it comes in, read with patience: whatever can mean one thing only is read, the rest is refused by line.

    text        UTF-8 with or without byte order mark, UTF-16 with one; other bytes are refused in the rows that hold them
    cells       parted by commas, semicolons or tabs, as the header is; LF, CRLF or CR; quoted texts may run over lines
    decimals    a point; in a file of semicolons or tabs also a comma, where no number of the file has a point and some comma cannot part
                thousands (12,5 or 0,125): if all commas stand before three digits, 1,250 may be either and is refused
    days        YYYY-MM-DD only

What a file holds is told by its header: rows of the indicator that its name or `--indicator` says, rows of several with a column
`indicator`, events, or coverage. A file that is none of these is refused whole; a row that cannot be read is refused alone. Everything is
done by column, on the distinct cells only, so that a million rows take seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.data.forms import BY_TABLE, INDICATOR, ROWS, Form
from ripeness.data.rows import FORMULA
from ripeness.data.tables import Said, check_header, parse_day, parse_number, say_day, say_number
from ripeness.errors import ContentError, Fault, UsageError, did_you_mean, printable
from ripeness.intake.cells import Cells, read_cells, tell

TABLE = "table"  # the column that says which table a row is for

_KNOWN = {INDICATOR, *ROWS.all_columns, *(name for form in BY_TABLE.values() for name in form.all_columns)}
_UNDECODED = re.compile("[\udc80-\udcff]")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_MAYBE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)

Flags = NDArray[np.bool_]


@dataclass
class Incoming:
    """One file that came in, or one table of an import.

    Attributes
    ----------
    name : str
        How to name it in faults: the file's name without its folder.
    files : tuple of (str, str)
        The names of the files it comes from, and the hashes of their bytes.
    form : Form
    frame : DataFrame (row)
        The columns of the form, typed; TABLE, the table each row is for; line, counted from 1 (0: of no line).
    unread : dict of ndarray (row,)
        Column to which of its cells could not be read.
    lost : int
        Rows whose cells could not even be told apart; they are not in the frame.
    faults : list of Fault
        Of these cells and rows; of each kind at most MOST_TOLD one by one.
    """

    name: str
    files: tuple[tuple[str, str], ...]
    form: Form
    frame: pd.DataFrame
    unread: dict[str, Flags] = field(default_factory=dict)
    lost: int = 0
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, rows: Flags, say: Callable[[int], Said]) -> None:
        """Note the fault of some rows of the frame."""
        self.faults += tell(Path(self.name), self.frame["line"].to_numpy(), np.flatnonzero(rows), say)


def read_incoming(path: Path, known: Collection[str], indicator: str | None = None) -> Incoming:
    """Read one file.

    Parameters
    ----------
    path : Path
    known : collection of str
        The indicators there are.
    indicator : str, optional
        The indicator whose rows the file holds, where its name does not say so.

    Raises
    ------
    UsageError
        If there is no such file, its name would not do in a table, or `indicator` is given for a file that says itself what it holds.
    ContentError
        If the file cannot be read, is empty, or its columns are those of no form.
    """
    shown = Path(check_name(path))
    cells, sha256 = read_cells(path, shown, _KNOWN)
    form, table = _form(cells.header, shown, known, indicator)
    incoming = Incoming(path.name, ((path.name, sha256),), form, pd.DataFrame({"line": cells.lines}), lost=len(cells.torn))
    incoming.faults += tell(shown, cells.torn, np.arange(len(cells.torn)), cells.say_torn)
    _convert(incoming, cells, table)
    return incoming


def read_files(paths: Sequence[Path], known: Collection[str], indicator: str | None = None) -> list[Incoming]:
    """Read the files of one batch.

    Raises
    ------
    UsageError
        If two files have one name, or one of them is refused so by `read_incoming`.
    ContentError
        With the faults of every file that cannot be read as a whole.
    """
    names = [path.name for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two files are named {name}: rename one, so that each row can be told by file and line")
    incoming: list[Incoming] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            incoming.append(read_incoming(path, known, indicator))
        except ContentError as error:
            faults += error.faults
    if faults:
        raise ContentError(faults)
    return incoming


def check_name(path: Path) -> str:
    """The name of a file as updates.csv records it.

    Raises
    ------
    UsageError
        If there is no such file, or a spreadsheet would take its name for more than a name.
    """
    if re.match(FORMULA, path.name) or re.search(r"[;\x00-\x1f\udc80-\udcff]", path.name):
        raise UsageError(f"{printable(path.name)}: rename the file: its name goes into a table, where a spreadsheet would take it for more")
    if not path.is_file():
        raise UsageError(f"{path.name}: " + ("no such file" if not path.exists() else "a folder or the like, not a file"))
    return path.name


def _form(header: Sequence[str], shown: Path, known: Collection[str], indicator: str | None) -> tuple[Form, str]:
    """The form of a file, and the table it is for: empty where a column says so row by row."""
    table = _likely(header, shown.stem, known, indicator)
    if table in BY_TABLE:
        form, required = BY_TABLE[table], BY_TABLE[table].columns
    else:
        form, table = ROWS, "" if INDICATOR in header else indicator or shown.stem
        required = ROWS.columns if table else (INDICATOR, *ROWS.columns)
    if 2 * len({*header} & {*required}) < len(required):  # column by column it would be a list of all
        told = indicator or INDICATOR in header or shown.stem in known or shown.stem in BY_TABLE
        forms = " or ".join(",".join(columns) for columns in ([required] if told else [one.columns for one in (ROWS, *BY_TABLE.values())]))
        mend = "write the header of what the file holds; a publisher's own file is read by 'ripeness import'"
        raise ContentError(Fault(shown, 1, f"the columns {','.join(header)}", f"a header: {forms}", mend))
    broken = check_header(header, shown, required, form.optional)
    if broken:
        raise ContentError(broken)
    if indicator and table != indicator:
        raise UsageError(f"--indicator {indicator}: {shown.name} says itself what it holds")
    if form is ROWS and table and table not in known:
        mend = f"name the file after its indicator, or give --indicator ID; {did_you_mean(table, list(known))}"
        raise ContentError(Fault(shown, None, f"rows of '{table}'", "rows of an indicator of indicators.toml", mend))
    return form, table


def _likely(header: Sequence[str], name: str, known: Collection[str], indicator: str | None) -> str:
    """Events, coverage, or nothing for rows of indicators: the form that the header has whole; else that of the file's name; else the likest."""
    forms = {"": ROWS, **BY_TABLE}
    there = {table: len({*header} & {*form.columns}) for table, form in forms.items()}
    whole = [table for table, form in forms.items() if there[table] == len(form.columns)]
    if whole:
        return name if name in whole else whole[0]
    if name in BY_TABLE:
        return name
    return "" if indicator or name in known or INDICATOR in header else max(there, key=lambda table: there[table])


def _convert(incoming: Incoming, cells: Cells, table: str) -> None:
    """Cells to typed columns; what cannot be read is noted."""
    form, count = incoming.form, len(incoming.frame)
    texts = dict(cells.columns)
    for name in form.optional:
        texts.setdefault(name, (np.zeros(count, np.intp), [""]))
    for name, default in form.defaults:
        _fill(texts, name, default)
    numeric = form.of_type("float64")
    commas = cells.separator != "," and _commas_are_decimals([text for name in numeric for text in texts[name][1]])

    def column(name: str, parse: Callable[[str], Any], say: Callable[[str, str], Said], missing: Any) -> list[Any]:
        codes, distinct = texts[name]
        parsed = [parse(text) for text in distinct]
        wrong = np.array([one is None for one in parsed], dtype=bool)
        incoming.unread[name] = wrong[codes]
        if wrong.any():
            incoming.refuse(incoming.unread[name], lambda row: say(distinct[codes[row]], name))
        return [missing if one is None else one for one in parsed]

    for name in form.all_columns:
        match form.types[name]:
            case "datetime64[ns]":
                distinct: Any = np.array(column(name, parse_day, say_day, "NaT"), dtype="datetime64[ns]")
            case "float64":
                read = partial(_number, commas=commas, empty=name in form.may_be_empty)
                distinct = np.array(column(name, read, say_number, np.nan), dtype=np.float64)
            case "bool":
                distinct = np.array(column(name, {"yes": True, "no": False}.get, _say_yes_no, False), dtype=bool)
            case _:
                distinct = pd.array(column(name, _word, _say_bytes, ""), dtype="str")
        incoming.frame[name] = distinct.take(texts[name][0])
    if table:
        incoming.frame[TABLE] = pd.Categorical.from_codes(np.zeros(count, np.int64), pd.Index([table]))
    else:
        named = pd.Series(column(INDICATOR, _word, _say_bytes, ""), dtype="str").take(texts[INDICATOR][0])
        incoming.frame[TABLE] = pd.Categorical(named)
    incoming.frame.index = pd.RangeIndex(count)


def _fill(texts: dict[str, tuple[NDArray[np.intp], list[str]]], name: str, default: str) -> None:
    """Let empty cells of a column have the text of another column."""
    codes, distinct = texts[name]
    others, known = texts[default]
    empty = np.array([not text for text in distinct], dtype=bool)[codes]
    texts[name] = np.where(empty, len(distinct) + others, codes), [*distinct, *known]


def _commas_are_decimals(texts: Sequence[str]) -> bool:
    with_comma = [text for text in texts if "," in text]
    return not any("." in text for text in texts) and any(
        _DECIMAL_COMMA.fullmatch(text) and not _MAYBE_THOUSANDS.fullmatch(text) for text in with_comma
    )


def _number(text: str, commas: bool, empty: bool) -> float | None:
    if not text:
        return np.nan if empty else None
    return parse_number(text.replace(",", ".") if commas and _DECIMAL_COMMA.fullmatch(text) else text)


def _word(text: str) -> str | None:
    return None if _UNDECODED.search(text) else text


def _say_bytes(text: str, column: str) -> Said:
    return f"{column} '{text[:40]}' with bytes that are not UTF-8", "UTF-8 text", "save the file as UTF-8"


def _say_yes_no(text: str, column: str) -> Said:
    return f"{column} '{text}'" if text else f"no {column}", "yes or no", "say whether the event is a round as ripeness.toml defines it"
