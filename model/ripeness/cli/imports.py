"""`ripeness import`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console
from ripeness.cli.update import print_update
from ripeness.errors import UsageError
from ripeness.intake.sources import find_files, import_sources
from ripeness.intake.updates import Choices
from ripeness.workspace import read_workspace

if TYPE_CHECKING:
    import pandas as pd

    from ripeness.intake.export import Compared


def import_files(root: Path, source: str, files: list[Path], out: Path | None) -> None:
    """Turn a publisher's files into rows; with `out`, write them where no row of a file already there would be lost.

    Raises
    ------
    UsageError
        If no reader is installed, the source is unknown, a file is missing or `out` is no folder.
    ContentError
        If a publisher's file or data/sources.toml is not what it should be, or a file in `out` holds rows that the import lacks.
    """
    from ripeness.intake.export import compare_rows, export_rows

    workspace = read_workspace(root)
    if out is not None and not out.is_dir():
        raise UsageError(f"--out {out}: no such folder")
    found, absent = find_files(source, files)
    tables: dict[str, pd.DataFrame] = {}
    for given in import_sources(found, workspace).values():
        tables |= given
    compared = compare_rows(tables, out or workspace.data)
    _print(compared, out or workspace.shown(workspace.data))
    if absent:
        open_console().print(Text(f"Note: not in the folder: {', '.join(absent)}"), soft_wrap=True)
    if out is None:
        open_console().print(Text("Nothing was written. To store what is new, add --update; to write the rows elsewhere, --out DIR."))
    else:
        export_rows(tables, compared, out)


def update_from_import(root: Path, source: str, files: list[Path], choices: Choices, json: bool) -> None:
    """Turn a publisher's files into rows, judge them against the data and store what is good.

    Raises
    ------
    UsageError
        If no reader is installed, the source is unknown, a file is missing, or known periods have other values and no day is given for them.
    ContentError
        If a publisher's file or data/sources.toml is not what it should be, or rows are refused and nothing was written.
    """
    from ripeness.workflow.updates import run_import_update

    print_update(run_import_update(root, source, files, choices), choices, json)


def _print(compared: Sequence[Compared], target: Path) -> None:
    table = Table(title=Text(f"Compared with {target.as_posix()}"), title_justify="left")
    table.add_column("file")
    for column in ("rows", "new", "there but not in the import"):
        table.add_column(column, justify="right")
    for one in compared:
        table.add_row(Text(one.name), str(one.rows), str(one.new), str(len(one.lost)))
    open_console().print(table)
