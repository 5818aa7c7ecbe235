"""The steps of `ripeness news`, `scenario` and `watch`: why a forecast moved, what would move it, and what may do so next."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import hypot
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness import names, results
from ripeness.errors import UsageError
from ripeness.ledger import Entry, read_ledger
from ripeness.pipeline import Checked, check_workspace, run_fit, run_forecast
from ripeness.weeks import target_date, week_of

if TYPE_CHECKING:
    from ripeness.explain.news import Line

Progress = Callable[[str], None]
NEWS = "news.json"
NEWS_FIGURE = "news.svg"
SCENARIOS = "scenarios.json"
WATCH = "watch.json"
LONGEST_DAYS = 91  # for which a fit's draws may be carried
SHORTEST_RUN_ID = 4


@dataclass(frozen=True)
class End:
    """A forecast of the headline at one end of the change.

    Parameters
    ----------
    origin : date
    probability : float
        As it was issued.
    error : float
        Its Monte Carlo error; zero of an entry of the ledger, which does not say.
    run_id : str
        Of the ledger; empty where the forecast is made now.
    """

    origin: date
    probability: float
    error: float = 0.0
    run_id: str = ""


def run_news(root: Path, earlier: str, later: str, progress: Progress) -> dict[str, Any]:
    """Why the headline moved: writes news.json and its figure beside the later forecast.

    Parameters
    ----------
    root : Path
    earlier, later : str
        Days, or run ids of the ledger.
    progress : callable

    Returns
    -------
    dict
        from, to, probabilities, total_points, lines and residual_points: lines and residual add up to the total.

    Raises
    ------
    UsageError
        If an end is neither a day nor a run of the ledger, or they are in the wrong order.
    ContentError, GateError
        As `run_forecast` does.
    """
    checked = check_workspace(root)
    first, last = (find_end(checked, said) for said in (earlier, later))
    if last.origin < first.origin:
        raise UsageError(f"{later} is of {last.origin}, before {first.origin}: name the earlier forecast first")
    start, end, lines = _explain(checked, first, last, progress)
    total = 100 * (end.probability - start.probability)
    folder = checked.workspace.reports / last.origin.isoformat()
    question = checked.workspace.question
    found = {
        "question": question.id,
        "horizon_weeks": question.headline_weeks,
        "from": _shown(start),
        "to": _shown(end),
        "total_points": total,
        "lines": [
            {key: value for key, value in vars(line).items() if value is not None}
            for line in sorted(lines, key=lambda one: -abs(one.points))
        ],
        "residual_points": total - sum(line.points for line in lines),
    }
    results.write_json(folder / NEWS, found)
    from ripeness.report.moves import plot_news
    from ripeness.report.scrutiny import write_figure

    write_figure(folder / NEWS_FIGURE, plot_news(found))
    return found


def find_end(checked: Checked, said: str) -> End:
    """One end: the newest entry of a run in the ledger, or a day.

    Raises
    ------
    UsageError
        If it is neither.
    """
    try:
        return End(date.fromisoformat(said), float("nan"))
    except ValueError:
        pass
    question = checked.workspace.question
    entries = [entry for entry in read_ledger(checked.workspace.reports) if _is_headline(entry, question)]
    found = [entry for entry in entries if len(said) >= SHORTEST_RUN_ID and entry.run_id.startswith(said)]
    if not found:
        newest = ", ".join(entry.run_id for entry in entries[-3:])
        raise UsageError(
            f"'{said}' is no day (write YYYY-MM-DD, such as 2026-06-28) and no run of the ledger (the newest are {newest or 'none'})"
        )
    return End(found[-1].origin, found[-1].probability, 0.0, found[-1].run_id)


def _is_headline(entry: Entry, question: Any) -> bool:
    return bool(entry.question == question.id and entry.horizon_weeks == question.headline_weeks)


def _shown(end: End) -> dict[str, Any]:
    return {"origin": end.origin.isoformat(), "probability": end.probability, "run_id": end.run_id}


def _made(checked: Checked, origin: date, progress: Progress) -> End:
    """The forecast of a day as it is made now."""
    folder = run_forecast(checked.workspace.root, origin, None, False, progress)
    summary = results.open_run(folder).summary
    question = checked.workspace.question
    row = next(
        row
        for row in summary["forecasts"]
        if (row["question"], row["source"], row["horizon_weeks"]) == (question.id, names.MIXTURE, question.headline_weeks)
    )
    return End(origin, float(row["probability"]), float(row["mc_error"]), str(summary["run_id"]))


def _explain(checked: Checked, first: End, last: End, progress: Progress) -> tuple[End, End, list[Line]]:
    """Both ends as they were issued, or else as they are made now, and the lines between them."""
    from ripeness.explain.news import MADE, Line

    start, end = (_made(checked, one.origin, progress) for one in (first, last))
    lines: list[Line] = []
    for issued, now, sign, words in ((first, start, 1.0, "at the earlier forecast"), (last, end, -1.0, "at the later forecast")):
        if issued.run_id and issued.run_id != now.run_id:
            change = sign * 100 * (now.probability - issued.probability)
            lines.append(Line(f"program, priors or question changed, {words}", MADE, change, 100 * now.error))
    here = start
    while here.origin < end.origin:
        there = (
            end if (end.origin - here.origin).days <= LONGEST_DAYS else _made(checked, here.origin + timedelta(days=LONGEST_DAYS), progress)
        )
        lines = _merge(lines, _leg(checked, here, there, progress))
        here = there
    return (first if first.run_id else start), (last if last.run_id else end), lines


def _merge(lines: list[Line], more: list[Line]) -> list[Line]:
    """Lines of one label added up."""
    found = {line.label: line for line in lines}
    for line in more:
        own = found.get(line.label)
        if own is not None:
            factors = None if own.factors is None or line.factors is None else own.factors + line.factors
            parameters = None if own.parameters is None or line.parameters is None else own.parameters + line.parameters
            line = replace(line, points=own.points + line.points, mcse=hypot(own.mcse, line.mcse), factors=factors, parameters=parameters)
        found[line.label] = line
    return list(found.values())


def _leg(checked: Checked, start: End, end: End, progress: Progress) -> list[Line]:
    """Lines between two days that one fit's draws may be carried over."""
    from ripeness.explain.news import EVENTS, REFIT, Line, NotCarried, explain_move
    from ripeness.priors.elicited import Priors

    workspace = checked.workspace
    earlier, later = checked.vintage(start.origin), checked.vintage(end.origin)
    priors = Priors({}, {}, checked.priors)  # nothing on this path asks for a fitted prior
    fitted = False
    while True:
        base = _base_of(checked, start.origin)
        try:
            progress(f"from the draws of the fit of {base.panel.origin}")
            moved = explain_move(workspace, priors, base, earlier, later, workspace.fit.seed)
            break
        except NotCarried as refusal:
            if fitted or base.panel.origin == start.origin:
                error = 100 * hypot(start.error, end.error)
                return [Line(f"new rows and a new fit ({refusal})", REFIT, 100 * (end.probability - start.probability), error)]
            progress(f"a new fit is needed: {refusal}")
            run_fit(workspace.root, start.origin, None, False, progress)
            fitted = True
    rounds = [day for day in later.rounds() if day not in earlier.rounds()]
    if not rounds:
        return moved.lines
    said = ", ".join(day.isoformat() for day in rounds)
    change = 100 * (end.probability - moved.after)
    return [*moved.lines, Line(f"rounds held, with a new fit: {said}", EVENTS, change, 100 * end.error)]


def _base_of(checked: Checked, origin: date) -> Any:
    """The fit that a day's forecast comes from, as updates read it."""
    from ripeness.renewal.stored import read_base

    reports = checked.workspace.reports
    folder = reports / origin.isoformat()
    if (folder / results.POSTERIOR).exists() and (folder / results.BASE).exists():
        return read_base(folder / results.BASE)
    manifest = results.open_run(folder).manifest
    return read_base(reports / manifest["base"]["origin"] / results.BASE)


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
        If there is no such scenario, if nothing could say one that is to be given, or if `reach` is no probability.
    ContentError, GateError
        As `run_forecast` does; a file of scenarios that is wrong is told by line.
    """
    from dataclasses import asdict

    if reach is not None and not 0.0 < reach < 1.0:
        raise UsageError(f"--reach {reach:g}: a probability between 0 and 1, such as 0.5")
    checked = check_workspace(root)
    from ripeness.explain.scenario_file import FILE, choose, read_scenarios

    scenarios = read_scenarios(checked.workspace, checked.claims, checked.store.contracts)
    chosen = choose(scenarios, wanted)
    if given and not wanted:
        chosen = [one for one in chosen if all(path.value is not None for path in one.paths)]
    untold = [one.id for one in chosen if given and any(path.value is None for path in one.paths)]
    if untold:
        raise UsageError(f"{', '.join(untold)}: told in units in {FILE}, so no row could say it; run it without --given")
    start = _made(checked, checked.vintage(as_of).origin, progress)
    from ripeness.explain.futures import open_origin
    from ripeness.explain.reach import what_it_takes
    from ripeness.explain.scenarios import tell
    from ripeness.priors.elicited import Priors

    workspace, vintage = checked.workspace, checked.vintage(start.origin)
    origin = open_origin(workspace, Priors({}, {}, checked.priors), _base_of(checked, start.origin), vintage, workspace.fit.seed)
    question = workspace.question
    longer = [weeks for weeks in question.horizons_weeks if weeks > question.headline_weeks]
    found: dict[str, Any] = {
        "origin": start.origin.isoformat(),
        "run_id": start.run_id,
        "question": question.id,
        "headline_weeks": question.headline_weeks,
        "verb": "given" if given else "do",
        "scenarios": [],
    }
    for one in chosen:
        progress(one.title)
        told = tell(origin, one, given)
        found["scenarios"].append(
            {
                "id": one.id,
                "title": one.title,
                "claims": list(one.claims),
                "rationale": one.rationale,
                "paths": [path.model_dump(exclude_none=True) for path in one.paths],
                "contrasts": [asdict(contrast) for contrast in told.contrasts],
                "by_week": told.by_week.tolist(),
                "conditions": {name: {"forecast": before, "scenario": after} for name, (before, after) in told.conditions.items()},
                "plausible": told.plausible,
            }
        )
    if reach is not None:
        weeks = (longer or [question.headline_weeks])[0]
        needed = [asdict(one) for one in what_it_takes(origin, reach, weeks)]
        found["reach"] = {"probability": reach, "weeks": weeks, "conditions": needed}
    if not wanted and not given:
        results.write_json(workspace.reports / start.origin.isoformat() / SCENARIOS, found)
    return found


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
    from dataclasses import asdict

    checked = check_workspace(root)
    start = _made(checked, checked.vintage(as_of).origin, progress)
    from ripeness.explain.futures import open_origin
    from ripeness.explain.watch import crossed, watch
    from ripeness.priors.elicited import Priors

    workspace, vintage = checked.workspace, checked.vintage(start.origin)
    origin = open_origin(workspace, Priors({}, {}, checked.priors), _base_of(checked, start.origin), vintage, workspace.fit.seed)
    probability, watched = watch(origin, vintage)
    question = workspace.question
    releases = []
    for one in watched:
        release, contract = one.release, vintage.contracts[one.release.indicator]
        releases.append(
            {
                "indicator": release.indicator,
                "title": contract.title,
                "unit": contract.unit,
                "period_end": release.period_end.isoformat(),
                "expected": release.expected.isoformat(),
                "expected_points": one.expected_points,
                "bits": one.bits,
                "probability_if_silent": one.silent,
                **{name: getattr(one, name) for name in ("median", "lower", "upper", "at_lower", "at_upper")},
                "tripwires": [asdict(wire) for wire in one.tripwires],
            }
        )
    reports = workspace.reports
    earlier = sorted(path for path in reports.glob(f"????-??-??/{WATCH}") if path.parent.name < start.origin.isoformat())
    before = json.loads(earlier[-1].read_text("utf-8")) if earlier else None
    found = {
        "origin": start.origin.isoformat(),
        "run_id": start.run_id,
        "headline_weeks": question.headline_weeks,
        "target_end_date": target_date(start.origin, question.headline_weeks).isoformat(),
        "probability": probability,
        "releases": releases,
        "since": before["origin"] if before else None,
        "crossed": crossed(before["releases"], vintage, date.fromisoformat(before["origin"])) if before else [],
    }
    results.write_json(reports / start.origin.isoformat() / WATCH, found)
    return found


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
    from dataclasses import asdict

    checked = check_workspace(root)
    from ripeness.explain.scenario_file import choose, read_scenarios

    workspace, vintage = checked.workspace, checked.vintage(as_of)
    chosen = choose(read_scenarios(workspace, checked.claims, checked.store.contracts), wanted)
    week = week_of(start)
    if not workspace.question.war_began <= start < vintage.origin:
        raise UsageError(f"--from {start}: a day between {workspace.question.war_began} and {vintage.origin}")
    folder = run_fit(workspace.root, vintage.origin, None, False, progress)
    from ripeness.explain.would_have import past_draws, would_have
    from ripeness.priors.elicited import Priors
    from ripeness.spec import build_spec

    run = results.open_run(folder)
    spec, _ = build_spec(workspace, vintage, Priors({}, {}, checked.priors))
    question = workspace.question
    horizons = [weeks for weeks in question.horizons_weeks if weeks <= max(question.headline_weeks, 26)]
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
        "question": question.id,
        "verb": "would have",
        "scenarios": told,
    }
