"""`ripeness watch`: what is published next, and what it may do to the headline."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from ripeness.calendar import target_date
from ripeness.files import as_json
from ripeness.workflow.forecasts import obtain_forecast, origin_of, read_beside, read_signed, write_beside
from ripeness.workflow.identity import attribution_hash
from ripeness.workflow.request import Inputs, Request, open_workspace
from ripeness.workflow.run import Progress, Run, quiet

if TYPE_CHECKING:
    from ripeness.attribution.futures import Origin
    from ripeness.attribution.watchlist import Announced

WATCH = "watch.json"
MAKES_WATCH = ("ripeness.attribution.watchlist",)
VALUES = ("median", "lower", "upper", "at_lower", "at_upper")


def run_watch(request: Request, progress: Progress = quiet) -> dict[str, Any]:
    """What to watch: writes watch.json beside the forecast, and holds new rows against the tripwires of the newest list before it.

    Parameters
    ----------
    request : Request
    progress : callable

    Returns
    -------
    dict
        origin, run_id, headline_weeks, target_end_date, probability, releases, announcements, rungs; crossed, sentences; since, the origin of the list before, or None.

    Raises
    ------
    ContentError, GateError
        As `run_forecast` does.
    """
    inputs = open_workspace(request.workspace)
    run = obtain_forecast(inputs, request, progress)
    stored = read_beside(run, WATCH)
    if stored is not None and stored.get("made_from") == watch_hash(run):
        return stored
    return write_watch(inputs, run, origin_of(inputs, run))


def write_watch(inputs: Inputs, run: Run, origin: Origin) -> dict[str, Any]:
    """The watch list of a stored forecast, written beside it.

    Parameters
    ----------
    inputs : Inputs
    run : Run
    origin : Origin
        Of that forecast.
    """
    from ripeness.attribution.watchlist import FAR, crossed, watch
    from ripeness.workflow.summary import CLASS_LABELS

    question, vintage = inputs.workspace.question, inputs.vintage(run.origin)
    probability, watched, announced, happened = watch(origin, vintage)
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
                **{name: getattr(one, name) for name in VALUES},
                "tripwires": [asdict(wire) for wire in one.tripwires],
            }
        )
    labels = {rung.id: rung.label for rung in inputs.workspace.rungs}
    before = _list_before(run)
    found = {
        "origin": run.origin.isoformat(),
        "run_id": run.run_id,
        "headline_weeks": question.headline_weeks,
        "target_end_date": target_date(run.origin, question.headline_weeks).isoformat(),
        "probability": probability,
        "tripwire_points": FAR,
        "made_from": watch_hash(run),
        "releases": releases,
        "announcements": [{"class": one.kept, "class_label": CLASS_LABELS[one.kept], **_numbers(one)} for one in announced],
        "rungs": [asdict(one) | {"label": labels[one.rung]} for one in happened],
        "since": before["origin"] if before else None,
        "crossed": crossed(before["releases"], vintage, date.fromisoformat(before["origin"])) if before else [],
    }
    write_beside(inputs, run, WATCH, found)
    return found


def _numbers(one: Announced) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("lead_days", "chance", "probability", "points")}


def watch_hash(run: Run) -> str:
    """What the watch list of a run is made from."""
    return attribution_hash(run.folder.parent, __name__, MAKES_WATCH, run.run_id, as_json(_list_before(run) or {}))


def _list_before(run: Run) -> dict[str, Any] | None:
    """The newest watch list of an earlier day that is as it was written; None if there is none."""
    earlier = sorted(path for path in run.folder.parent.glob(f"????-??-??/{WATCH}") if path.parent.name < run.folder.name)
    found = (read_signed(path) or {} for path in reversed(earlier))
    return next((one for one in found if {"origin", "releases"} <= one.keys()), None)
