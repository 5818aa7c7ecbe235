"""The record of updates, data/updates.csv: one row for each table that an accepted batch touched, append-only.

    batch,date,table,files,sha256,lines,late_lines,new,revision,withdrawal,late entry,duplicate,refused
    7,2026-07-06,oil,week27.csv,9f…,229-230,,2,0,0,0,1,0

`date` is the day the batch gives itself; `lines` are those appended to <table>.csv, which are never edited; `late_lines` those among them
whose published_on lies before what the table already held, so that a forecast as of a day between could not have used them. What a day
sees depends on published_on alone: `entries` is for a backtest that wants to leave out, or name, what was entered later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.data.tables import DAY, TEXT, WHOLE, Form, Rule, read_table

UPDATES_FILE: Final = "updates.csv"
VERDICTS: Final = ("new", "revision", "withdrawal", "late entry", "duplicate", "refused")
APPENDED: Final = VERDICTS[:4]
COLUMNS: Final = ("batch", "date", "table", "files", "sha256", "lines", "late_lines", *VERDICTS)
FORM: Final = Form(types=dict.fromkeys(COLUMNS, TEXT) | {"batch": WHOLE, "date": DAY} | dict.fromkeys(VERDICTS, WHOLE))

_LINES = r"(\d+(-\d+)?( \d+(-\d+)?)*)?"
_HASHES = r"[0-9a-f]{64}(;[0-9a-f]{64})*"


def read_batches(path: Path, shown: Path) -> pd.DataFrame:
    """Read and check updates.csv.

    Returns
    -------
    DataFrame (row)
        COLUMNS, batch and counts as int, date as datetime64[ns], the rest as text; line, counted from 1.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    return read_table(path, shown, FORM, _rules())


def entries(batches: pd.DataFrame, table: str, lines: pd.Series[int]) -> pd.DataFrame:
    """When each row of a table was entered.

    Parameters
    ----------
    batches : DataFrame (row)
        As `read_batches` gives them.
    table : str
        An indicator, "events" or "coverage".
    lines : Series of int (row,)
        Lines of <table>.csv.

    Returns
    -------
    DataFrame (row)
        line; batch, 0 for rows older than the record; entered_on, NaT for these; late : bool; files and sha256, the names of the files read for the
        batch and their digests, parted by semicolons and empty for rows older than the record.
    """
    found = np.asarray(lines, dtype=np.int64)
    batch = np.zeros(len(found), dtype=np.int64)
    day = np.full(len(found), np.datetime64("NaT", "ns"))
    late = np.zeros(len(found), dtype=bool)
    files, sha256 = np.full(len(found), "", dtype=object), np.full(len(found), "", dtype=object)
    for row in batches[batches["table"] == table].to_dict("records"):
        inside = _is_among(found, row["lines"])
        batch[inside] = row["batch"]
        day[inside] = row["date"].to_datetime64()
        files[inside], sha256[inside] = row["files"], row["sha256"]
        late |= _is_among(found, row["late_lines"])
    return pd.DataFrame({"line": found, "batch": batch, "entered_on": day, "late": late, "files": files, "sha256": sha256})


def ranges(lines: Iterable[int]) -> str:
    """Line numbers in rising order as text: 3-5 8."""
    found = np.fromiter(lines, dtype=np.int64)
    cuts = np.flatnonzero(np.diff(found) != 1)
    firsts, lasts = found[np.r_[0, cuts + 1]] if len(found) else found, found[np.r_[cuts, len(found) - 1]] if len(found) else found
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in zip(firsts, lasts, strict=True))


def _is_among(lines: NDArray[np.int64], text: str) -> NDArray[np.bool_]:
    inside = np.zeros(len(lines), dtype=bool)
    for part in text.split():
        first, _, last = part.partition("-")
        inside |= (lines >= int(first)) & (lines <= int(last or first))
    return inside


def _rules() -> Sequence[Rule]:
    mend = "restore the line from its history: the record is never edited"
    return [
        Rule(
            "batch",
            ("batch",),
            lambda rows: (rows["batch"] >= 1) & (rows["batch"].diff().fillna(0) >= 0),
            lambda row, _: (f"batch {row['batch']}", "batches from 1, in rising order", mend),
        ),
        Rule(
            "lines",
            ("lines", "late_lines"),
            lambda rows: rows["lines"].str.fullmatch(_LINES) & rows["late_lines"].str.fullmatch(_LINES),
            lambda row, _: (f"lines '{row['lines']}', late_lines '{row['late_lines']}'", "lines such as 3-5 8", mend),
        ),
        Rule(
            "files",
            ("files", "sha256"),
            lambda rows: rows["sha256"].str.fullmatch(_HASHES) & (rows["files"].str.count(";") == rows["sha256"].str.count(";")),
            lambda row, _: (f"files '{row['files']}' with sha256 '{row['sha256']}'", "a hash for each file", mend),
        ),
        Rule(
            "table",
            ("table",),
            lambda rows: rows["table"].str.fullmatch(r"[a-z][a-z0-9_]*"),
            lambda row, _: (f"table '{row['table']}'", "an indicator, events or coverage", re.sub("line", "table", mend, count=1)),
        ),
    ]
