"""Publishers' files read as the shipped workspace judges them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ripeness.intake.sources import ALL, FILE, find_files, find_installed, import_sources, read_judgements
from ripeness.workspace import read_workspace
from ripeness_ukraine.chronology import Chronology

ROOT = Path(__file__).resolve().parents[1]
SOURCES = find_installed()
JUDGEMENTS = ROOT / "data" / FILE


def import_source(name: str, paths: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """The tables of one source."""
    return import_sources(find_files(name, paths)[0], read_workspace(ROOT))[name]


def import_all(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of every source, each of which must have its files in the folder."""
    found, absent = find_files(ALL, [folder])
    assert absent == []
    imported = import_sources(found, read_workspace(ROOT))
    return {table: rows for tables in imported.values() for table, rows in tables.items()}


def judged_chronology() -> Chronology:
    """What the shipped workspace judges of the chronology."""
    found = read_judgements({"chronology": SOURCES["chronology"]}, SOURCES, read_workspace(ROOT))["chronology"]
    assert isinstance(found, Chronology)
    return found
