"""The steps of `ripeness watch`: what is published next, and what it may do to the headline."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness import files
from ripeness.calendar import target_date
from ripeness.workflow.checked import Checked, check_workspace
from ripeness.workflow.endpoints import Progress, end_of, hash_of, make_end, open_folder

if TYPE_CHECKING:
    from ripeness.attribution.futures import Origin

WATCH = "watch.json"
ENDS = ("median", "lower", "upper", "at_lower", "at_upper")


def run_watch(root: Path, as_of: date | None, progress: Progress) -> dict[str, Any]:
    """What to watch: writes watch.json beside the forecast, and holds new rows against the tripwires of the newest list before it.

    Parameters
    ----------
    root : Path
    as_of : date, optional
    progress : callable

    Returns
    -------
    dict
        origin, run_id, headline_weeks, target_end_date, probability, releases; crossed, sentences; since, the origin of the list before, or None.

    Raises
    ------
    ContentError, GateError
        As `run_forecast` does.
    """
    checked = check_workspace(root)
    start = make_end(checked, checked.vintage(as_of).origin, progress)
    folder = checked.workspace.reports / start.origin.isoformat()
    return write_watch(checked, open_folder(checked, folder), folder)


def write_watch(checked: Checked, origin: Origin, folder: Path) -> dict[str, Any]:
    """The watch list of a stored forecast, written beside it.

    Parameters
    ----------
    checked : Checked
    origin : Origin
        Of that forecast.
    folder : Path
    """
    from ripeness.attribution.watchlist import FAR, crossed, watch

    start, question = end_of(checked, folder), checked.workspace.question
    vintage = checked.vintage(start.origin)
    probability, watched = watch(origin, vintage)
    releases = []
    for one in watched:
        release, contract = one.release, vintage.contracts[one.release.indicator]
        releases.append(
            {
                "indicator": release.indicator,
                "title": contract.title,
                "unit": contract.unit,
                "newest": release.newest.isoformat(),
                "period_end": release.period_end.isoformat(),
                "expected": release.expected.isoformat(),
                "scheduled": release.scheduled,
                "expected_points": one.expected_points,
                "bits": one.bits,
                "probability_if_silent": one.silent,
                **{name: getattr(one, name) for name in ENDS},
                "tripwires": [asdict(wire) for wire in one.tripwires],
            }
        )
    earlier = _list_before(folder)
    before = json.loads(earlier) if earlier else None
    found = {
        "origin": start.origin.isoformat(),
        "run_id": start.run_id,
        "headline_weeks": question.headline_weeks,
        "target_end_date": target_date(start.origin, question.headline_weeks).isoformat(),
        "probability": probability,
        "tripwire_points": FAR,
        "made_from": watch_made_from(folder, start.run_id),
        "releases": releases,
        "since": before["origin"] if before else None,
        "crossed": crossed(before["releases"], vintage, date.fromisoformat(before["origin"])) if before else [],
    }
    files.write_json(folder / WATCH, found)
    return found


def watch_made_from(folder: Path, run_id: str) -> str:
    """What the watch list of a run is made from, hashed."""
    return hash_of(WATCH, run_id, _list_before(folder))


def _list_before(folder: Path) -> str:
    """The newest watch list of an earlier day, as it is stored; empty if there is none."""
    earlier = sorted(path for path in folder.parent.glob(f"????-??-??/{WATCH}") if path.parent.name < folder.name)
    return earlier[-1].read_text("utf-8") if earlier else ""
