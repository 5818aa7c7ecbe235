"""The steps of `ripeness scenario`: what would move the forecast of a day, and how far each condition would have to open."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness import files
from ripeness.errors import UsageError
from ripeness.workflow.checked import Checked, check_workspace
from ripeness.workflow.endpoints import Progress, end_of, hash_of, make_end, open_folder

if TYPE_CHECKING:
    from ripeness.attribution.futures import Origin
    from ripeness.attribution.scenario_file import Scenario
    from ripeness.attribution.scenarios import ScenarioResult

SCENARIOS = "scenarios.json"
REACH = 0.5  # the probability that a report says how to come to


def run_scenarios(
    root: Path, wanted: list[str], given: bool, reach: float | None, as_of: date | None, progress: Progress
) -> dict[str, Any]:
    """What scenarios would do to the forecast of a day: writes scenarios.json beside it where all were asked for.

    Parameters
    ----------
    root : Path
    wanted : list of str
        Ids; all if empty.
    given : bool
        Whether values come in as rows instead of being done; scenarios told in units are left out then, unless asked for.
    reach : float, optional
        A probability: also say what each condition by itself would need for it, over the next longer horizon than the headline's.
    as_of : date, optional
    progress : callable

    Raises
    ------
    UsageError
        If there is no such scenario or none at all, if nothing could say one that is to be given, or if `reach` is no probability.
    ContentError, GateError
        As `run_forecast` does; a file of scenarios that is wrong is told by line.
    """
    if reach is not None and not 0.0 < reach < 1.0:
        raise UsageError(f"--reach {reach:g}: a probability between 0 and 1, such as 0.5")
    checked = check_workspace(root)
    from ripeness.attribution.scenario_file import FILE, NONE_WRITTEN, choose

    chosen = choose(scenarios_of(checked), wanted)
    if not chosen and reach is None:
        raise UsageError(f"nothing to tell: {NONE_WRITTEN}")
    if given and not wanted:
        chosen = [one for one in chosen if all(path.value is not None for path in one.paths)]
    untold = [one.id for one in chosen if given and any(path.value is None for path in one.paths)]
    if untold:
        raise UsageError(f"{', '.join(untold)}: told in units in {FILE}, so no row could say it; run it without --given")
    start = make_end(checked, checked.vintage(as_of).origin, progress)
    folder = checked.workspace.reports / start.origin.isoformat()
    found = tell_scenarios(checked, open_folder(checked, folder), folder, chosen, given, reach, progress)
    if not wanted and not given:
        files.write_json(folder / SCENARIOS, found)
    return found


def scenarios_of(checked: Checked) -> dict[str, Scenario]:
    """The workspace's scenarios by their ids; none if there is no file.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    from ripeness.attribution.scenario_file import read_scenarios

    return read_scenarios(checked.workspace, checked.claims, checked.store.contracts)


def scenarios_made_from(checked: Checked, run_id: str, reach: float | None) -> str:
    """What all scenarios of a run are made from, hashed."""
    return hash_of(SCENARIOS, run_id, str(reach), text_of_scenarios(checked))


def text_of_scenarios(checked: Checked) -> str:
    """The workspace's file of scenarios as it stands; empty if there is none."""
    from ripeness.attribution.scenario_file import FILE

    path = checked.workspace.priors / FILE
    return path.read_text("utf-8") if path.is_file() else ""


def tell_scenarios(
    checked: Checked, origin: Origin, folder: Path, chosen: Sequence[Scenario], given: bool, reach: float | None, progress: Progress
) -> dict[str, Any]:
    """What scenarios would do to a stored forecast, as scenarios.json has it.

    Parameters
    ----------
    checked : Checked
    origin : Origin
        Of that forecast.
    folder : Path
    chosen : sequence of Scenario
    given : bool
    reach : float, optional
    progress : callable
    """
    from ripeness.attribution.scenarios import run_scenario
    from ripeness.reweighting.stored import CORES

    start, question = end_of(checked, folder), checked.workspace.question
    found: dict[str, Any] = {
        "origin": start.origin.isoformat(),
        "run_id": start.run_id,
        "question": question.id,
        "headline_weeks": question.headline_weeks,
        "verb": "given" if given else "do",
        "made_from": scenarios_made_from(checked, start.run_id, reach),
        "scenarios": [],
    }
    with ThreadPoolExecutor(CORES) as pool:  # loops over arrays let go of Python's lock
        needed = None if reach is None else pool.submit(_reach, origin, reach)
        told = [pool.submit(run_scenario, origin, one, given) for one in chosen]
        for one, future in zip(chosen, told, strict=True):
            progress(one.title)
            found["scenarios"].append(_shown(one, future.result()))
        if needed is not None:
            found["inverse"] = needed.result()
    return found


def _shown(scenario: Scenario, told: ScenarioResult) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "title": scenario.title,
        "claims": list(scenario.claims),
        "includes": list(scenario.includes),
        "rationale": scenario.rationale,
        "paths": [path.model_dump(exclude_none=True) for path in scenario.paths],
        "contrasts": [asdict(contrast) for contrast in told.contrasts],
        "by_week": told.by_week.tolist(),
        "conditions": {name: {"forecast": before, "scenario": after} for name, (before, after) in told.conditions.items()},
        "plausible": told.plausible,
    }


def _reach(origin: Origin, level: float) -> dict[str, Any]:
    """What each condition by itself would need for a probability over the next longer horizon than the headline's."""
    from ripeness.attribution.inverse_scenario import inverse_scenario

    question = origin.spec.workspace.question
    weeks = next((weeks for weeks in question.horizons_weeks if weeks > question.headline_weeks), question.headline_weeks)
    return {"probability": level, "weeks": weeks, "conditions": [asdict(one) for one in inverse_scenario(origin, level, weeks)]}
