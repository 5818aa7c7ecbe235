"""`ripeness scenario`: what would move the forecast of a day, how far each condition would have to open, and what would have moved a past one.

Also the panel of the page, on which a reader holds factors himself.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ripeness.calendar import week_of
from ripeness.data.vintages import Vintage
from ripeness.errors import UsageError
from ripeness.workflow.forecasts import obtain_fit, obtain_forecast, origin_of, read_beside, unfitted_priors, write_beside
from ripeness.workflow.identity import attribution_hash
from ripeness.workflow.request import Inputs, Request, open_workspace
from ripeness.workflow.run import Progress, Run, quiet

if TYPE_CHECKING:
    from ripeness.attribution.futures import Origin
    from ripeness.attribution.scenario_file import Scenario
    from ripeness.attribution.scenarios import ScenarioResult

SCENARIOS, PANEL = "scenarios.json", "panel.json"
MAKES_SCENARIOS = ("ripeness.attribution.scenarios", "ripeness.attribution.inverse_scenario")
MAKES_PANEL = ("ripeness.attribution.what_if",)
INVERSE_LEVEL = 0.5  # the probability that a report says how to come to


def run_scenarios(
    request: Request, wanted: Sequence[str] = (), given: bool = False, level: float | None = None, progress: Progress = quiet
) -> dict[str, Any]:
    """What scenarios would do to the forecast of a day: writes scenarios.json beside it where all were asked for.

    Parameters
    ----------
    request : Request
    wanted : sequence of str
        Ids; all if empty.
    given : bool
        Whether values come in as rows instead of being done; scenarios stated in units are left out then, unless asked for.
    level : float, optional
        A probability: also say what each condition by itself would need for it, over the next longer horizon than the headline's.
    progress : callable
        Called with a few words on what is being done.

    Returns
    -------
    dict
        As it stands in scenarios.json: `scenarios`, of each its probabilities as forecast and in the scenario, by horizon, with their errors.

    Raises
    ------
    UsageError
        If there is no such scenario or none at all, if nothing could say one that is to be given, or if `level` is no probability.
    ContentError, GateError
        As `run_forecast` does; a file of scenarios that is wrong is reported by line.

    Examples
    --------
    >>> found = ripeness.run_scenarios(ripeness.Request(".", as_of=date(2025, 6, 18)))
    >>> all(0.0 <= one["plausible"] <= 1.0 for one in found["scenarios"])
    True
    """
    if level is not None and not 0.0 < level < 1.0:
        raise UsageError(f"--reach {level:g}: a probability between 0 and 1, such as 0.5")
    inputs = open_workspace(request.workspace)
    from ripeness.attribution.scenario_file import FILE, NONE_WRITTEN, choose

    chosen = choose(read_all(inputs), wanted)
    if not chosen and level is None:
        raise UsageError(f"nothing to tell: {NONE_WRITTEN}")
    if given and not wanted:
        chosen = [one for one in chosen if all(path.value is not None for path in one.paths)]
    in_units = [one.id for one in chosen if given and any(path.value is None for path in one.paths)]
    if in_units:
        raise UsageError(f"{', '.join(in_units)}: stated in units in {FILE}, so no row could say it; run it without --given")
    run = obtain_forecast(inputs, request, progress)
    beside = not wanted and not given
    stored = _stored_scenarios(inputs, run, level) if beside else None
    return stored or describe_scenarios(inputs, run, origin_of(inputs, run), chosen, given, level, progress, beside)


def read_all(inputs: Inputs) -> dict[str, Scenario]:
    """The workspace's scenarios by their ids; none if there is no file.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    from ripeness.attribution.scenario_file import read_scenarios

    return read_scenarios(inputs.workspace, inputs.claims, inputs.store.contracts)


def scenarios_hash(inputs: Inputs, run: Run, level: float | None) -> str:
    """What all scenarios of a run are made from."""
    return attribution_hash(run.folder.parent, __name__, MAKES_SCENARIOS, run.run_id, str(level), _text_of(inputs))


def panel_hash(inputs: Inputs, run: Run) -> str:
    """What the panel of a run is made from."""
    return attribution_hash(run.folder.parent, __name__, MAKES_PANEL, run.run_id, _text_of(inputs))


def _text_of(inputs: Inputs) -> str:
    """The workspace's file of scenarios as it stands; empty if there is none."""
    from ripeness.attribution.scenario_file import FILE

    path = inputs.workspace.priors / FILE
    return path.read_text("utf-8") if path.is_file() else ""


def _stored_scenarios(inputs: Inputs, run: Run, level: float | None) -> dict[str, Any] | None:
    """What is stored of all scenarios of a run, if it is what would be made now; a level that is not asked for is left out."""
    stored = read_beside(run, SCENARIOS)
    if stored is None:
        return None
    stored_level = stored["inverse"]["probability"] if "inverse" in stored else None
    if stored.get("made_from") != scenarios_hash(inputs, run, stored_level) or level not in (None, stored_level):
        return None
    return stored if level is not None else {key: value for key, value in stored.items() if key != "inverse"}


def describe_scenarios(
    inputs: Inputs,
    run: Run,
    origin: Origin,
    chosen: Sequence[Scenario],
    given: bool,
    level: float | None,
    progress: Progress,
    beside: bool,
) -> dict[str, Any]:
    """What scenarios would do to a stored forecast, as scenarios.json has it.

    Parameters
    ----------
    inputs : Inputs
    run : Run
    origin : Origin
        Of that forecast.
    chosen : sequence of Scenario
    given : bool
    level : float, optional
    progress : callable
    beside : bool
        Whether to write it beside the run.
    """
    from ripeness.attribution.scenarios import run_scenario
    from ripeness.reweighting.stored import CORES

    question = inputs.workspace.question
    found: dict[str, Any] = {
        "origin": run.origin.isoformat(),
        "run_id": run.run_id,
        "question": question.id,
        "headline_weeks": question.headline_weeks,
        "verb": "given" if given else "do",
        "made_from": scenarios_hash(inputs, run, level),
        "scenarios": [],
    }
    with ThreadPoolExecutor(CORES) as pool:  # loops over arrays let go of Python's lock
        needed = None if level is None else pool.submit(_inverse, origin, level)
        waiting = [pool.submit(run_scenario, origin, one, given) for one in chosen]
        for one, future in zip(chosen, waiting, strict=True):
            progress(one.title)
            found["scenarios"].append(_as_stored(one, future.result()))
        if needed is not None:
            found["inverse"] = needed.result()
    if beside:
        write_beside(inputs, run, SCENARIOS, found)
    return found


def _as_stored(scenario: Scenario, found: ScenarioResult) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "title": scenario.title,
        "claims": list(scenario.claims),
        "includes": list(scenario.includes),
        "rationale": scenario.rationale,
        "paths": [path.model_dump(exclude_none=True) for path in scenario.paths],
        "contrasts": [asdict(contrast) for contrast in found.contrasts],
        "by_week": found.by_week.tolist(),
        "conditions": {name: {"forecast": before, "scenario": after} for name, (before, after) in found.conditions.items()},
        "plausible": found.plausible,
        "rungs": {name: {"weeks": weeks, "forecast": before, "scenario": after} for name, (weeks, before, after) in found.rungs.items()},
    }


def _inverse(origin: Origin, level: float) -> dict[str, Any]:
    """What each condition by itself would need for a probability over the next longer horizon than the headline's."""
    from ripeness.attribution.inverse_scenario import inverse_scenario

    question = origin.spec.workspace.question
    weeks = next((weeks for weeks in question.horizons_weeks if weeks > question.headline_weeks), question.headline_weeks)
    return {"probability": level, "weeks": weeks, "conditions": [asdict(one) for one in inverse_scenario(origin, level, weeks)]}


def write_panel(inputs: Inputs, run: Run, origin: Origin, scenarios: Sequence[Scenario]) -> None:
    """Write panel.json: futures of a stored forecast, and the workspace's ready scenarios; only `absent`, with why, where the page's script could not follow."""
    from ripeness.attribution.what_if import build_panel
    from ripeness.model.inside import only_linear

    made_from = {"run_id": run.run_id, "made_from": panel_hash(inputs, run)}
    linear = all(only_linear(origin.spec, start.draws) for start in origin.starts.values())
    panel = build_panel(origin, scenarios) if linear else {"absent": "conditions depend on more than single factors"}
    write_beside(inputs, run, PANEL, made_from | panel)


def run_would_have(request: Request, wanted: Sequence[str], start: date, progress: Progress = quiet) -> dict[str, Any]:
    """What scenarios would have done from a past day on, by the fit of a later one.

    Parameters
    ----------
    request : Request
        Of the day whose fit says what the shocks were.
    wanted : sequence of str
        Ids of scenarios; all if empty.
    start : date
        The scenarios' first week is the one after this day's.
    progress : callable

    Raises
    ------
    UsageError
        If there is no such scenario, or the day leaves no room in the record.
    ContentError, GateError
        As `run_fit` does.
    """
    inputs = open_workspace(request.workspace)
    from ripeness.attribution.scenario_file import NONE_WRITTEN, choose

    workspace, vintage = inputs.workspace, inputs.vintage(request.as_of)
    chosen = choose(read_all(inputs), wanted)
    if not chosen:
        raise UsageError(f"nothing to tell: {NONE_WRITTEN}")
    week = week_of(start)
    horizons = [weeks for weeks in workspace.question.horizons_weeks if weeks <= max(workspace.question.headline_weeks, 26)]
    _check_start(start, vintage, workspace.question.war_began, max(horizons))
    run = obtain_fit(inputs, request, progress)
    from ripeness.attribution.counterfactual import past_draws, would_have
    from ripeness.model.spec import build_spec

    spec, announcements = build_spec(workspace, vintage, unfitted_priors(inputs))
    fits = {name: past_draws(run.tree[f"{name}/posterior"].to_dataset()) for name in workspace.headline_fits}
    found = []
    for one in chosen:
        progress(one.title)
        contrasts, kept = would_have(spec, announcements, fits, one, spec.panel.weeks.index(week), horizons, run.seed)
        found.append(
            {
                "id": one.id,
                "title": one.title,
                "claims": list(one.claims),
                "contrasts": [asdict(contrast) for contrast in contrasts],
                "announcements": [
                    {
                        "announced_on": made.announced_on.isoformat(),
                        "class": made.kept,
                        "first": made.first.isoformat(),
                        "probability": share,
                    }
                    for made, share in kept
                ],
            }
        )
    return {
        "origin": vintage.origin.isoformat(),
        "from": week.isoformat(),
        "question": workspace.question.id,
        "verb": "would have",
        "scenarios": found,
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
