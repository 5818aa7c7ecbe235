"""`ripeness resolve`: the forecasts whose time is over, scored."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from ripeness.data.vintages import read_store
from ripeness.errors import UsageError
from ripeness.essay import read_claims
from ripeness.ledger import Resolution, build_record, read_ledger, read_resolutions, resolve_forecasts
from ripeness.workspace import read_workspace


def run_resolve(root: Path, as_of: date | None = None) -> tuple[list[Resolution], dict[str, Any]]:
    """Resolve every forecast that the record of a day settles, by default of the last Sunday searched; appends to resolutions.csv.

    Returns
    -------
    list of Resolution, dict
        What was added, and the whole record, as `build_record` gives it.

    Raises
    ------
    UsageError
        If the day lies before the war, or nothing in the data was published on it or later: no clock is read, so that only the data can
        show that a day has come.
    ContentError
        If a file is wrong; nothing was changed.
    """
    workspace = read_workspace(root)
    essay = read_claims(workspace).card.date
    store = read_store(workspace)
    day = as_of or store.default_origin()
    if day < workspace.question.war_began:
        raise UsageError(f"--as-of {day}: the record begins on {workspace.question.war_began}")
    newest = max(frame["published_on"].max() for frame in (*store.rows.values(), store.events, store.coverage) if not frame.empty).date()
    if day > newest:
        raise UsageError(f"--as-of {day}: the newest row of the data was published on {newest}; choose a day up to it, or add what is new")
    added = resolve_forecasts(workspace.reports, workspace.question, essay, day, store.as_of)
    issued, resolutions = read_ledger(workspace.reports), read_resolutions(workspace.reports)
    return added, build_record(issued, resolutions, workspace.question, essay, day)
