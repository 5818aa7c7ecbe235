"""Importers, one module per publisher: their files in, indicator rows out. Pure functions; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ripeness.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    Read = Callable[..., dict[str, pd.DataFrame]]


@dataclass(frozen=True)
class Source:
    """A publisher whose files can be imported.

    Parameters
    ----------
    title : str
        The publisher and what the files hold.
    files : tuple of str
        The files needed, in the order of the importer's arguments, below a folder of source data.
    module, function : str
        Where the importer stands; loaded when it is first used, because pandas is slow to import.
    """

    title: str
    files: tuple[str, ...]
    module: str
    function: str

    @property
    def read(self) -> Read:
        """The importer: as many paths as `files` in, indicator id to rows out."""
        return cast("Read", getattr(import_module(f"ripeness.sources.{self.module}"), self.function))


def _source(name: str, title: str, *files: str) -> tuple[str, Source]:
    return name, Source(title, files, name, f"import_{name}")


ALL = "all"
_CHRONOLOGY = "events/diplomacy_chronology.csv"

SOURCES: Mapping[str, Source] = dict(
    (
        _source("deepstate", "DeepStateMap: area held by Russia", "deepstate_cyterat/deepstate_occupied_area_daily.csv"),
        _source("liveuamap", "Liveuamap: area held by Russia, to January 2025", "liveuamap_territory/territory.csv"),
        _source(
            "general_staff",
            "General Staff of Ukraine: claimed Russian losses",
            "petroivaniuk/russia_losses_personnel.json",
            "petroivaniuk/russia_losses_equipment.json",
            "petroivaniuk/russia_losses_equipment_correction.json",
        ),
        _source("air_force", "Ukrainian Air Force: drones and missiles launched", "piterfm_missile_attacks/aggregated_daily.csv"),
        _source("eia", "US EIA: Brent", "datasets_oil_prices/brent-daily.csv"),
        _source("crea", "CREA: Russian fossil export revenue", "polls/sparse_economy_points.csv"),
        _source(
            "bank_of_russia",
            "Bank of Russia: rouble, key rate, prices",
            "cbr_fin_calc/cbr_fx_daily.csv",
            "cbr_fin_calc/cbr_macro_monthly.csv",
        ),
        _source(
            "kiel",
            "Kiel Institute: aid allocated to Ukraine",
            "kiel_ukraine_support_tracker/total_allocations.csv",
            "kiel_ukraine_support_tracker/allocations_by_group_monthly.csv",
        ),
        _source("polls", "KIIS, Gallup and Levada: polls", "polls/polls_ua_ru.csv"),
        _source(
            "current_events", "Wikipedia Current events: items by keyword", "wikipedia_current_events/ce_daily_counts.csv", _CHRONOLOGY
        ),
        _source("geopolitical_risk", "Caldara and Iacoviello: geopolitical risk", "gpr_caldara_iacoviello/gpr_monthly.csv"),
        _source("chronology", "Chronology of the diplomacy: events, contacts, guarantees, coverage", _CHRONOLOGY, "events/COVERAGE.md"),
    )
)


def import_source(name: str, paths: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """Read one publisher's files.

    Parameters
    ----------
    name : str
        A key of `SOURCES`.
    paths : sequence of Path
        The files, named as in `Source.files` and in any order; under other names, in the order of `Source.files`.

    Returns
    -------
    dict
        Indicator id (or "events", "coverage") to a DataFrame in the columns of its file.

    Raises
    ------
    UsageError
        If the source is unknown or the number of files is wrong.
    ContentError
        If a file is not what it should be, with its line.
    """
    if name not in SOURCES:
        raise UsageError(f"unknown source '{name}': {did_you_mean(name, list(SOURCES))}")
    source = SOURCES[name]
    wanted = [Path(file).name for file in source.files]
    if len(paths) != len(wanted):
        raise UsageError(f"{name} reads {len(wanted)} file(s), {', '.join(wanted)}, but {len(paths)} were given")
    by_name = {path.name: path for path in paths}
    ordered = [by_name[file] for file in wanted] if set(by_name) == set(wanted) else list(paths)
    return source.read(*ordered)


def files_by_source(name: str, paths: Sequence[Path]) -> tuple[dict[str, list[Path]], list[str]]:
    """The files of a source; of ALL, those of every source that has its own in the one folder given.

    Returns
    -------
    tuple
        Source to its files; and the names of the sources of ALL that lack some.

    Raises
    ------
    UsageError
        If the source is unknown, or ALL is not given one folder with files of a source.
    """
    if name == ALL:
        if len(paths) != 1:
            raise UsageError(f"{ALL} reads one folder, but {len(paths)} paths were given")
        return find_sources(paths[0])
    if name not in SOURCES:
        raise UsageError(f"unknown source '{name}': {did_you_mean(name, [*SOURCES, ALL])}")
    return {name: list(paths)}, []


def find_sources(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """The sources whose files lie in a folder: as `Source.files` say, or side by side.

    Returns
    -------
    tuple
        Source to its files, for those that have all; and the names of the others.

    Raises
    ------
    UsageError
        If it is no folder, or no source has its files there.
    """
    found, absent = {}, []
    for name, source in SOURCES.items():
        places = [[folder / file, folder / Path(file).name] for file in source.files]
        paths = [next((path for path in pair if path.is_file()), None) for pair in places]
        whole = [path for path in paths if path is not None]
        if len(whole) == len(paths):
            found[name] = whole
        else:
            absent.append(name)
    if not found:
        files = ", ".join(sorted({Path(file).name for source in SOURCES.values() for file in source.files}))
        raise UsageError(f"{folder.name}: no folder with files of a source, such as {files}")
    return found, absent


def import_all(folder: Path) -> dict[str, pd.DataFrame]:
    """Read every source from a folder; what a full rebuild of data/ writes.

    Raises
    ------
    UsageError
        If a file is missing.
    ContentError
        If a file is not what it should be.
    """
    found, absent = find_sources(folder)
    if absent:
        raise UsageError(f"{folder.name}: not all files of {', '.join(absent)}")
    tables: dict[str, pd.DataFrame] = {}
    for name, paths in found.items():
        tables |= import_source(name, paths)
    return tables


def write_rows(tables: Mapping[str, pd.DataFrame], folder: Path) -> list[Path]:
    """Write tables as canonical CSV files; see `ripeness.sources.export.write_rows`."""
    from ripeness.sources.export import write_rows as write

    return write(tables, folder)
