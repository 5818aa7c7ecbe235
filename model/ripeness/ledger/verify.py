"""The three files of the record together: that nothing in them was touched, the head of each, and how files of the form before the chain are chained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ripeness.data.transaction import writing
from ripeness.errors import UsageError
from ripeness.ledger.bridges import BRIDGE_COLUMNS, BRIDGES_FILE, BridgeForecast, new_bridge_forecasts, parse_bridges
from ripeness.ledger.chain import chain_rows, head_of, is_chained, line_of_head
from ripeness.ledger.entries import COLUMNS, FILE, Entry, new_entries, parse_ledger, read_contents, with_new
from ripeness.ledger.resolutions import RESOLUTION_COLUMNS, RESOLUTIONS_FILE, parse_resolutions

FILES = (FILE, BRIDGES_FILE, RESOLUTIONS_FILE)


@dataclass(frozen=True)
class Head:
    """What stands for all of a file: whoever has its digest can tell later that nothing up to its last row was touched.

    Parameters
    ----------
    name : str
        Of the file.
    rows : int
    digest : str or None
        Of its last row, 64 hexadecimal digits; None where its rows are not chained yet.
    """

    name: str
    rows: int
    digest: str | None


def verify_reports(reports: Path, entries: Sequence[Entry] = (), bridges: Sequence[BridgeForecast] = ()) -> list[Head]:
    """The head of each file of the record that is there, each row having been found as it was written.

    Parameters
    ----------
    reports : Path
        Folder of the ledger.
    entries, bridges : sequence, optional
        What is about to be added: the heads are those that the files will have then.

    Returns
    -------
    list of Head

    Raises
    ------
    ContentError
        With the line of everything that cannot have been issued so; or else of the first row of a file that was edited, moved, doubled or before which one was deleted.
    BusyError
        If another command is adding to the folder and does not end.
    """
    ledger, asked, resolved = read_contents(reports, *FILES)
    shown = Path(reports.name)
    parse_resolutions(resolved, shown / RESOLUTIONS_FILE, parse_ledger(ledger, shown / FILE))
    ledger, _ = with_new(ledger, shown / FILE, COLUMNS, entries, parse_ledger, new_entries)
    asked, _ = with_new(asked, shown / BRIDGES_FILE, BRIDGE_COLUMNS, bridges, parse_bridges, new_bridge_forecasts)
    return [Head(name, *head_of(raw)) for name, raw in zip(FILES, (ledger, asked, resolved), strict=True) if raw is not None]


def find_head(reports: Path, head: str) -> tuple[str, int] | None:
    """The file and the line of the row whose digest is `head`, which was kept elsewhere; None if no file has it."""
    for name, raw in zip(FILES, read_contents(reports, *FILES), strict=True):
        line = line_of_head(raw, head)
        if line:
            return name, line
    return None


def migrate_reports(reports: Path, issued: Mapping[str, date], note: str) -> list[Head]:
    """Chain files of the form before the chain, once; nothing of what stands in a row is changed, each gets the cells that it lacks.

    Parameters
    ----------
    reports : Path
        Folder of the ledger.
    issued : mapping of str to date
        Run id to the day on which its forecasts were issued, where something says so; of other runs it stays unknown.
    note : str
        What says so: stands in each row that gets a day.

    Returns
    -------
    list of Head

    Raises
    ------
    UsageError
        If every file is chained already, a run of `issued` has no row in one that is not, or one that cannot have been issued on its day.
    ContentError, BusyError
        As `append_entries`; nothing was changed.
    """
    if not reports.is_dir():
        raise UsageError(f"{reports.name}: no ledger yet, so nothing to chain")

    def fill(cells: Mapping[str, str]) -> dict[str, str]:
        day = issued.get(cells.get("run_id", ""))
        return {} if day is None or "issued_on" not in cells else {"issued_on": day.isoformat(), "note": note}

    shown = Path(reports.name)
    with writing(reports, shown) as update:
        ledger, asked, resolved = (update.read(name) for name in FILES)
        entries, forecasts = parse_ledger(ledger, shown / FILE), parse_bridges(asked, shown / BRIDGES_FILE)
        parse_resolutions(resolved, shown / RESOLUTIONS_FILE, entries)
        if all(map(is_chained, (ledger, asked, resolved))):
            raise UsageError(f"{reports.name}: every row is chained already, and what is chained is never changed")
        parse: dict[str, Callable[[bytes], object]] = {
            FILE: lambda content: parse_ledger(content, shown / FILE),
            BRIDGES_FILE: lambda content: parse_bridges(content, shown / BRIDGES_FILE),
            RESOLUTIONS_FILE: lambda content: parse_resolutions(content, shown / RESOLUTIONS_FILE, entries),
        }
        known: dict[str, date] = {}  # the day before which each run cannot have issued its rows
        for row in (*(() if is_chained(ledger) else entries), *(() if is_chained(asked) else forecasts)):
            known[row.run_id] = max(known.get(row.run_id, row.origin), row.origin, row.record_to or row.origin)
        for run, day in sorted(issued.items()):
            if run not in known:
                raise UsageError(f"--issued {run}: no row of this run is without a chain in {FILE} or {BRIDGES_FILE}")
            if day < known[run]:
                raise UsageError(f"--issued {run}={day}: its record reached to {known[run]}, so that it was issued no earlier")
        for name, raw, columns in zip(FILES, (ledger, asked, resolved), (COLUMNS, BRIDGE_COLUMNS, RESOLUTION_COLUMNS), strict=True):
            if raw is not None and not is_chained(raw):
                content = chain_rows(raw, shown / name, columns, fill)
                parse[name](content)  # what could not be read again is not written
                update.replace(name, content)
    return verify_reports(reports)
