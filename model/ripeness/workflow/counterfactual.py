"""The steps of `ripeness scenario --from`: what would have moved the forecast of a past day."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ripeness import names, results
from ripeness.calendar import week_of
from ripeness.data.vintages import Vintage
from ripeness.errors import UsageError
from ripeness.workflow.checked import check_workspace
from ripeness.workflow.endpoints import Progress
from ripeness.workflow.forecasts import run_fit
from ripeness.workflow.scenarios import scenarios_of


def run_would_have(root: Path, wanted: list[str], start: date, as_of: date | None, progress: Progress) -> dict[str, Any]:
    """What scenarios would have done from a past day on, by the fit of a later one.

    Parameters
    ----------
    root : Path
    wanted : list of str
        Ids of scenarios; all if empty.
    start : date
        The scenarios' first week is the one after this day's.
    as_of : date, optional
        Whose fit says what the shocks were.
    progress : callable

    Raises
    ------
    UsageError
        If there is no such scenario, or the day leaves no room in the record.
    ContentError, GateError
        As `run_fit` does.
    """
    checked = check_workspace(root)
    from ripeness.attribution.scenario_file import NONE_WRITTEN, choose

    workspace, vintage = checked.workspace, checked.vintage(as_of)
    chosen = choose(scenarios_of(checked), wanted)
    if not chosen:
        raise UsageError(f"nothing to tell: {NONE_WRITTEN}")
    week = week_of(start)
    horizons = [weeks for weeks in workspace.question.horizons_weeks if weeks <= max(workspace.question.headline_weeks, 26)]
    _check_start(start, vintage, workspace.question.war_began, max(horizons))
    folder = run_fit(workspace.root, vintage.origin, None, False, progress)
    from ripeness.attribution.counterfactual import past_draws, would_have
    from ripeness.elicitation.elicited import Priors
    from ripeness.model.spec import build_spec

    run = results.open_run(folder)
    spec, _ = build_spec(workspace, vintage, Priors({}, {}, checked.priors))
    fits = [past_draws(run.tree[f"{name}/posterior"].to_dataset()) for name in names.HEADLINE_FITS]
    told = []
    for one in chosen:
        progress(one.title)
        contrasts = would_have(spec, fits, one, spec.panel.weeks.index(week), horizons)
        told.append(
            {"id": one.id, "title": one.title, "claims": list(one.claims), "contrasts": [asdict(contrast) for contrast in contrasts]}
        )
    return {
        "origin": vintage.origin.isoformat(),
        "from": week.isoformat(),
        "question": workspace.question.id,
        "verb": "would have",
        "scenarios": told,
    }


def _check_start(start: date, vintage: Vintage, war_began: date, weeks: int) -> None:
    """Refuse a day before the first round's week or one that the record does not follow for so many whole weeks; says which days will do."""
    last = week_of(vintage.origin) - timedelta(weeks=weeks)
    first = max(war_began, week_of(vintage.rounds()[0]) - timedelta(days=6)) if vintage.rounds() else None
    if first is None or first > last:
        raise UsageError(
            f"--from {start}: no day will do, as no round stands on the record to {vintage.origin} with {weeks} weeks after it"
        )
    if not first <= start <= last:
        raise UsageError(
            f"--from {start}: a day between {first}, from when on a round is on record, and {last}, {weeks} weeks before it ends"
        )
