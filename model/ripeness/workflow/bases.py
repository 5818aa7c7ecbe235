"""Which stored fit an update begins with: the newest whose draws may be carried on. Never an update: a chain of them always begins with the fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ripeness.errors import RipenessError
from ripeness.results import BASE


def find_base(reports: Path, origin: date, making: Mapping[str, Any]) -> tuple[Path, str] | list[str]:
    """The file and the run id of the newest fit of a day no later than `origin` that was made as a run would be made now.

    Parameters
    ----------
    reports : Path
    origin : date
    making : mapping
        What a run would be made with now besides rows.

    Returns
    -------
    tuple of (Path, str), or list of str
        Where there is none, what has changed since the newest; an empty list where there never was one.
    """
    from ripeness.reweighting.refusals import made_otherwise
    from ripeness.reweighting.stored import read_about

    changed: list[str] = []
    for path in sorted(reports.glob(f"????-??-??/{BASE}"), reverse=True):
        if path.parent.name > origin.isoformat():
            continue
        try:
            about = read_about(path)
        except RipenessError as error:
            changed = changed or [str(error).partition(".")[0]]
            continue
        reasons = made_otherwise(about, making)
        if not reasons:
            return path, str(about["run_id"])
        changed = changed or reasons
    return changed
