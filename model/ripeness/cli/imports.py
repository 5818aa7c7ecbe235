"""`ripeness import`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console
from ripeness.cli.update import say_update
from ripeness.data.rows import FORMULA
from ripeness.data.updates import Choices
from ripeness.errors import ContentError, Fault, UsageError
from ripeness.sources import import_source, write_rows
from ripeness.workspace import read_workspace


@dataclass(frozen=True)
class _Compared:
    """How an imported file compares, line by line, with the one of its name that is already there."""

    name: str
    rows: int
    new: int
    lost: tuple[str, ...]


def import_files(root: Path, source: str, files: list[Path], out: Path | None) -> None:
    """Turn a publisher's files into rows; with `out`, write them where no row of a file already there would be lost.

    Raises
    ------
    UsageError
        If the source is unknown, a file is missing or `out` is no folder.
    ContentError
        If a publisher's file is not what it should be, or a file in `out` holds rows that the import lacks.
    """
    workspace = read_workspace(root)
    if out is not None and not out.is_dir():
        raise UsageError(f"--out {out}: no such folder")
    tables = import_source(source, files)
    target = out or workspace.data
    with tempfile.TemporaryDirectory() as folder:
        written = write_rows(tables, Path(folder))
        compared = [_compare(path, target / path.name) for path in written]
    _print(compared, target if out else workspace.shown(target))
    if out is None:
        open_console().print(Text("Nothing was written. To store what is new, add --update; to write the rows elsewhere, --out DIR."))
        return
    faults = [
        Fault(
            out / item.name,
            None,
            f"{len(item.lost)} row(s) that the import lacks, the first '{item.lost[0]}'",
            "an import that keeps every row: a revision is a new row with a later published_on",
            "import into another folder and carry the new rows over",
        )
        for item in compared
        if item.lost
    ]
    if faults:
        raise ContentError(faults)
    _refuse_formulas(tables, out)
    write_rows(tables, out)


def update_from_import(root: Path, source: str, files: list[Path], choices: Choices, json: bool) -> None:
    """Turn a publisher's files into rows, judge them against the data and store what is good.

    Raises
    ------
    UsageError
        If the source is unknown, a file is missing, or known periods have other values and no day is given for them.
    ContentError
        If a publisher's file is not what it should be, or rows are refused and nothing was written.
    """
    from ripeness.pipeline import run_import_update

    say_update(run_import_update(root, source, files, choices), choices, json)


def _refuse_formulas(tables: Mapping[str, pd.DataFrame], out: Path) -> None:
    """Refuse to export texts that a spreadsheet would run; the store takes none either."""
    faults = []
    for name, table in tables.items():
        for column in table.columns.intersection(["source", "description", "note"]):
            texts = table[column].astype(str)
            faults += [
                Fault(out / f"{name}.csv", None, f"{column} '{text[:40]}'", "text that begins with none of = + - @", "put a word before it")
                for text in texts[texts.str.match(FORMULA)]
            ]
    if faults:
        raise ContentError(faults)


def _compare(imported: Path, present: Path) -> _Compared:
    new = imported.read_text(encoding="utf-8").splitlines()[1:]
    old = present.read_text(encoding="utf-8-sig").splitlines()[1:] if present.is_file() else []
    lost = tuple(line for line in old if line not in set(new))
    return _Compared(imported.name, len(new), len(set(new) - set(old)), lost)


def _print(compared: list[_Compared], target: Path) -> None:
    table = Table(title=Text(f"Compared with {target.as_posix()}"), title_justify="left")
    table.add_column("file")
    for column in ("rows", "new", "there but not in the import"):
        table.add_column(column, justify="right")
    for item in compared:
        table.add_row(Text(item.name), str(item.rows), str(item.new), str(len(item.lost)))
    open_console().print(table)
