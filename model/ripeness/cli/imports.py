"""`ripeness import`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console
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
        open_console().print(Text("Nothing was written. To write the rows, name a folder with --out DIR."))
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
    write_rows(tables, out)


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
