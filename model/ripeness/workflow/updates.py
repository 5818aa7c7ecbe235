"""`ripeness update` and `ripeness import --update`: new rows judged and stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ripeness.data.crowds import CROWDS, CROWDS_FILE
from ripeness.data.indicators import read_contracts
from ripeness.data.vintages import Store
from ripeness.errors import UsageError, did_you_mean
from ripeness.workspace import Workspace, read_workspace

if TYPE_CHECKING:
    from ripeness.intake.incoming import Incoming
    from ripeness.intake.updates import Choices, Update


def run_update(root: Path, files: Sequence[Path], indicator: str | None, choices: Choices) -> Update:
    """Judge files of rows and store what is good; see `ripeness.intake.updates`.

    Raises
    ------
    UsageError
        If a file is missing, or `indicator` is unknown or does not fit a file.
    ContentError
        If a file cannot be read at all, or the stored data is not sound. Refused rows are in the result.
    """
    from ripeness.intake.incoming import read_files
    from ripeness.intake.updates import update_store

    workspace = read_workspace(root)
    known = list(read_contracts(workspace))
    if indicator is not None and indicator not in known:
        raise UsageError(f"--indicator {indicator}: no such indicator; {did_you_mean(indicator, known)}")
    incoming = read_files(files, known, indicator)
    return update_store(workspace, lambda _: incoming, choices)


def run_import_update(root: Path, source: str, files: Sequence[Path], choices: Choices) -> Update:
    """Judge what a reader makes of a publisher's files and store what is good; see `ripeness.intake.imported`.

    Parameters
    ----------
    root : Path
    source : str
        Name of an installed source; or ALL, with a folder in which files of several publishers lie: one batch.
    files : sequence of Path
    choices : Choices

    Raises
    ------
    UsageError
        If no reader is installed, the source is unknown, a file is missing, or known periods have other values and no day is given for them.
    ContentError
        If a file or data/sources.toml is not what it should be, or the stored data is not sound. Refused rows are in the result.
    """
    from ripeness.intake.sources import find_files

    workspace = read_workspace(root)
    found, absent = find_files(source, files)
    return import_and_update(workspace, found, choices, [f"not in the folder: {', '.join(absent)}"] if absent else [])


def import_and_update(workspace: Workspace, found: Mapping[str, Sequence[Path]], choices: Choices, notes: Sequence[str] = ()) -> Update:
    """The same for files that are found already: source to its files, in the order of its reader's arguments."""
    from ripeness.files import digest
    from ripeness.intake.imported import as_batch
    from ripeness.intake.incoming import check_name
    from ripeness.intake.sources import import_sources
    from ripeness.intake.updates import update_store

    notes = list(notes)
    imported = import_sources(found, workspace)
    for name in [name for name, tables in imported.items() if tables.pop(CROWDS, None) is not None]:
        told = f"{name}: prices are stored by no update; write {CROWDS_FILE} with ripeness import {name} FILES --out {workspace.paths.data}"
        if not any(imported.values()):
            raise UsageError(told)
        notes.append(told)
    named = {name: tuple((check_name(path), digest(path.read_bytes())) for path in paths) for name, paths in found.items()}

    def bring(store: Store) -> list[Incoming]:
        incoming: list[Incoming] = []
        for name, tables in imported.items():
            batch, of_batch = as_batch(name, tables, named[name], store, choices.day)
            incoming += batch
            notes.extend(of_batch)
        return incoming

    return replace(update_store(workspace, bring, choices), notes=tuple(notes))
