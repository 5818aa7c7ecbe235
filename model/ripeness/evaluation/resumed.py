"""Tables of a study that grow row by row on disk, so that a study that was interrupted goes on where it stopped.

Every row carries `made_from`, which names the inputs it was computed from; rows of other inputs are dropped when the study runs again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ripeness.errors import ContentError
from ripeness.files import write_whole
from ripeness.workspace.csv import csv_text
from ripeness.workspace.csv import read_rows as read_csv_rows

MADE_FROM = "made_from"
Progress = Callable[[str], None]  # given in a few words what begins


class ResumedTable:
    """A CSV that is written whole, one row richer each time.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        Without `made_from`, which comes last.
    made_from : str
        What the rows are computed from; rows of a table on disk that were made from something else are not kept.
    """

    def __init__(self, path: Path, columns: Sequence[str], made_from: str) -> None:
        self.path = path
        self.columns = (*columns, MADE_FROM)
        self.made_from = made_from
        found: list[dict[str, str]] = []
        with suppress(ContentError):  # a damaged table is made anew
            found = read_rows(path) if path.is_file() else []
        same = bool(found) and tuple(found[0]) == self.columns
        self.rows = [row for row in found if row[MADE_FROM] == made_from] if same else []

    def has(self, **key: str) -> bool:
        """Whether a row with these cells is there."""
        return any(all(row[name] == cell for name, cell in key.items()) for row in self.rows)

    def add(self, *rows: Mapping[str, Any]) -> None:
        """Add rows and write the table."""
        for row in rows:
            self.rows.append({name: cell_of(row.get(name)) for name in self.columns[:-1]} | {MADE_FROM: self.made_from})
        write_rows(self.path, self.columns, self.rows)


def cell_of(value: Any) -> str:
    """A value as a cell: floats to six digits, nothing for what is missing."""
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV whole; what a row has besides the columns is left out."""
    write_whole(path, csv_text([columns, *([cell_of(row.get(name)) for name in columns] for row in rows)]))


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV, by column; cells as text."""
    return read_csv_rows(path, Path(path.parent.name, path.name), "remove the file, and run the study again")
