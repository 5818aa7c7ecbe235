"""A file as it comes in, read with patience: whatever can mean one thing only is read, the rest is refused by line.

    text        UTF-8 with or without byte order mark, UTF-16 with one; other bytes are refused in the rows that hold them
    cells       parted by commas, semicolons or tabs, as the header is; LF, CRLF or CR; quoted texts may run over lines
    decimals    a point; in a file of semicolons or tabs also a comma, where no number of the file has a point and some comma cannot part
                thousands (12,5 or 0,125): if all commas stand before three digits, 1,250 may be either and is refused; so is 1.250 there
    days        YYYY-MM-DD only

What a file holds is recognised by its header: rows of the indicator that its name or `--indicator` says, rows of several with a column
`indicator`, events, or coverage. A file that is none of these is refused whole; a row that cannot be read is refused alone. Everything is
done by column, on the distinct cells only, so that a million rows take seconds.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ripeness.data.events import BY_TABLE
from ripeness.data.rows import ROWS
from ripeness.data.tables import Form, Table, convert, is_formula, words_of
from ripeness.errors import ContentError, Fault, UsageError, did_you_mean, has_controls, printable
from ripeness.files import digest, read_bytes
from ripeness.workspace.csv import check_header, read_csv

INDICATOR: Final = "indicator"  # the additional column of a long file
TABLE: Final = "table"  # the column that says which table a row is for
MOST_BYTES: Final = 2**28

KNOWN_COLUMNS = {INDICATOR, *ROWS.all_columns, *(name for form in BY_TABLE.values() for name in form.all_columns)}


@dataclass
class Incoming(Table):
    """One file that came in, or one table of an import; its frame has a column TABLE, the table each row is for.

    Attributes
    ----------
    files : tuple of (str, str)
        The names of the files it comes from, and the hashes of their bytes.
    lost : int
        Rows whose cells could not even be separated; they are not in the frame.
    """

    files: tuple[tuple[str, str], ...] = ()
    lost: int = 0


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
        If the file cannot be read, is too large or empty, or its columns are those of no form.
    """
    shown = Path(check_name(path))
    size = path.stat().st_size
    if size > MOST_BYTES:
        mend = "split it and update in parts"
        raise ContentError(Fault(shown, None, f"{size / 2**20:.0f} MiB", f"at most {MOST_BYTES / 2**20:.0f} MiB", mend))
    raw = read_bytes(path, shown, "one that can")
    cells = read_csv(raw, shown, KNOWN_COLUMNS)
    form, table = _form(cells.header, shown, known, indicator)
    rows = convert(cells, form)
    count = len(rows.frame)
    if table:
        rows.frame[TABLE] = pd.Categorical.from_codes(np.zeros(count, np.int64), pd.Index([table]))
    else:
        rows.frame[TABLE] = pd.Categorical(words_of(rows, cells, INDICATOR))
    return Incoming(**vars(rows), files=((path.name, digest(raw)),), lost=cells.lost)


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
    if is_formula(path.name) or has_controls(path.name) or re.search(r"[;\t\n\r\udc80-\udcff]", path.name):
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
        recognised = indicator or INDICATOR in header or shown.stem in known or shown.stem in BY_TABLE
        forms = " or ".join(
            ",".join(columns) for columns in ([required] if recognised else [one.columns for one in (ROWS, *BY_TABLE.values())])
        )
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
