"""Imported rows as CSV files of their own: canonical, without what a spreadsheet would run, and never at the cost of rows already there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from ripeness.data.tables import is_formula
from ripeness.errors import ContentError, Fault, has_controls
from ripeness.files import read_text, write_whole
from ripeness.workspace.csv import csv_text

_WORDS = ["source", "description", "note"]


@dataclass(frozen=True)
class Compared:
    """How imported rows compare, line by line, with the file of their name that is already there.

    Parameters
    ----------
    name : str
        Of the file.
    rows, new : int
        Rows of the import, and those of them that are not there.
    lost : tuple of str
        Lines that are there and not in the import.
    """

    name: str
    rows: int
    new: int
    lost: tuple[str, ...]


def compare_rows(tables: Mapping[str, pd.DataFrame], folder: Path) -> list[Compared]:
    """Compare what `write_rows` would write with the files of a folder."""
    compared = []
    for name, table in tables.items():
        there = folder / f"{name}.csv"
        rows = _as_csv(table).splitlines()[1:]
        old = read_text(there, there, "a CSV file").splitlines()[1:] if there.is_file() else []
        new = set(rows)
        lost = tuple(line for line in old if line not in new)
        compared.append(Compared(there.name, len(rows), len(new - set(old)), lost))
    return compared


def export_rows(tables: Mapping[str, pd.DataFrame], compared: Sequence[Compared], folder: Path) -> list[Path]:
    """Write tables as `write_rows` does, unless a row that is there would be lost or a spreadsheet would run a text.

    Raises
    ------
    ContentError
        Nothing was written.
    """
    faults = [
        Fault(
            folder / one.name,
            None,
            f"{len(one.lost)} row(s) that the import lacks, the first '{one.lost[0]}'",
            "an import that keeps every row: a revision is a new row with a later published_on",
            "import into another folder and carry the new rows over",
        )
        for one in compared
        if one.lost
    ]
    for name, table in tables.items():
        for column in table.columns.intersection(_WORDS):
            texts = table[column].astype(str)
            faults += [
                Fault(
                    folder / f"{name}.csv", None, f"{column} '{text[:40]}'", "text that begins with none of = + - @", "put a word before it"
                )
                for text in texts[texts.map(is_formula)]
            ]
            faults += [
                Fault(folder / f"{name}.csv", None, f"{column} '{text[:40]}' with control characters", "text alone", "remove them")
                for text in texts[texts.map(has_controls)]
            ]
    if faults:
        raise ContentError(faults)
    return write_rows(tables, folder)


def write_rows(tables: Mapping[str, pd.DataFrame], folder: Path) -> list[Path]:
    """Write each table to <name>.csv: ISO dates, shortest floats, LF, sorted by its dates.

    Parameters
    ----------
    tables : mapping
        Name (an indicator, "events", "coverage") to its columns in the order of the file.
    folder : Path
        Where the files lie; a file of the name is replaced whole.

    Returns
    -------
    list of Path
        The files written.
    """
    paths = []
    for name, table in tables.items():
        paths.append(folder / f"{name}.csv")
        write_whole(paths[-1], _as_csv(table))
    return paths


def _as_csv(table: pd.DataFrame) -> str:
    keys = [key for key in ("observed_on", "date", "from", "published_on", "kind") if key in table]
    ordered = table.sort_values(keys, kind="stable")
    records = ordered.itertuples(index=False, name=None)
    return csv_text([list(ordered.columns), *([_text(cell) for cell in record] for record in records)])


def _text(cell: Any) -> str:
    match cell:
        case date():
            return cell.strftime("%Y-%m-%d")
        case float() if math.isnan(cell):
            return ""
        case float():
            return str(int(cell)) if cell == int(cell) else repr(float(cell))
        case _:
            return str(cell)
