"""The steps of `ripeness news`: why the headline moved between two forecasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import hypot
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness import files, results
from ripeness.errors import UsageError
from ripeness.workflow.bases import find_base
from ripeness.workflow.checked import Checked, check_workspace
from ripeness.workflow.endpoints import End, Progress, base_of, end_of, find_end, hash_of, last_issued_before, make_end
from ripeness.workflow.forecasts import run_fit
from ripeness.workflow.identity import identify, identify_update, made_with

if TYPE_CHECKING:
    from ripeness.attribution.news import Line
    from ripeness.reweighting.stored import Base

NEWS = "news.json"
NEWS_FIGURE = "news.svg"
LONGEST_DAYS = 91  # for which a fit's draws may be carried


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
    return _store(checked, *_explain(checked, first, last, progress))


def news_made_from(stored: dict[str, Any] | None, run_id: str) -> bool:
    """Whether stored news leads to a run and is what would be made now."""
    return stored is not None and stored["to"]["run_id"] == run_id and stored.get("made_from") == _made_from(stored["from"], stored["to"])


def news_without_fit(checked: Checked, folder: Path, progress: Progress) -> dict[str, Any]:
    """Why the headline moved since the last forecast of an earlier day in the ledger, if stored draws can say it.

    Parameters
    ----------
    checked : Checked
    folder : Path
        Of the later forecast.
    progress : callable

    Returns
    -------
    dict
        As `run_news` gives and writes it; or `from`, `to` and `reason`, why a new fit is needed, with `weeks_a_fit` where several are, one for each so
        many weeks; empty if there is no earlier forecast.
    """
    from ripeness.attribution.news import MADE, Line, NotCarried

    end, seed = end_of(checked, folder), int(results.open_run(folder).summary["seed"])
    issued = last_issued_before(checked, end.origin)
    if issued is None:
        return {}
    asked = {"from": issued.origin.isoformat(), "to": end.origin.isoformat()}
    if (end.origin - issued.origin).days > LONGEST_DAYS:
        weeks = LONGEST_DAYS // 7
        return asked | {"reason": f"no fit's draws are carried over more than {weeks} weeks", "weeks_a_fit": weeks}
    meta = identify(checked, checked.vintage(issued.origin), seed)
    found = find_base(checked.workspace.reports, issued.origin, made_with(checked, meta))
    if isinstance(found, list):
        return asked | {"reason": "; ".join(found) or "no fit of that day or before it is stored"}
    path, base_run_id = found
    start = _as_made_now(checked, issued, {str(one["run_id"]) for one in (meta, identify_update(meta, base_run_id))})
    if start is None:
        return asked | {"reason": "what that forecast would be now is not stored"}
    from ripeness.reweighting.stored import read_base

    lines = []
    if start.run_id != issued.run_id:
        change = 100 * (start.probability - issued.probability)
        lines.append(Line("program, priors or question changed, at the earlier forecast", MADE, change, 100 * start.error))
    progress(f"why it moved since {issued.origin}")
    try:
        lines += _carried(checked, read_base(path), start, end)
    except NotCarried as refusal:
        return asked | {"reason": str(refusal)}
    return _store(checked, start if start.run_id == issued.run_id else issued, end, lines)


def _as_made_now(checked: Checked, issued: End, run_ids: set[str]) -> End | None:
    """An entry of the ledger as it would be made now, if it was made so or is stored so."""
    folder = checked.workspace.reports / issued.origin.isoformat()
    if (folder / results.MANIFEST).is_file() and results.open_run(folder).manifest["run_id"] in run_ids:
        return end_of(checked, folder)  # to all its digits
    return issued if issued.run_id in run_ids else None


def _store(checked: Checked, start: End, end: End, lines: list[Line]) -> dict[str, Any]:
    total = 100 * (end.probability - start.probability)
    folder = checked.workspace.reports / end.origin.isoformat()
    question = checked.workspace.question
    found = {
        "question": question.id,
        "horizon_weeks": question.headline_weeks,
        "from": start.shown(),
        "to": end.shown(),
        "total_points": total,
        "lines": [
            {key: value for key, value in vars(line).items() if value is not None}
            for line in sorted(lines, key=lambda one: -abs(one.points))
        ],
        "residual_points": total - sum(line.points for line in lines),
        "made_from": _made_from(start.shown(), end.shown()),
    }
    files.write_json(folder / NEWS, found)
    from ripeness.report.attribution import plot_news
    from ripeness.report.drawing import write_chart

    write_chart(folder / NEWS_FIGURE, plot_news(found))
    return found


def _made_from(start: dict[str, Any], end: dict[str, Any]) -> str:
    return hash_of(NEWS, *(str(one[key]) for one in (start, end) for key in ("origin", "run_id")))


def _explain(checked: Checked, first: End, last: End, progress: Progress) -> tuple[End, End, list[Line]]:
    """Both ends as they were issued, or else as they are made now, and the lines between them."""
    from ripeness.attribution.news import MADE, ROUNDS, TIME, Line, time_label

    start, end = (make_end(checked, one.origin, progress) for one in (first, last))
    lines: list[Line] = []
    for issued, now, sign, words in ((first, start, 1.0, "at the earlier forecast"), (last, end, -1.0, "at the later forecast")):
        if issued.run_id and issued.run_id != now.run_id:
            change = sign * 100 * (now.probability - issued.probability)
            lines.append(Line(f"program, priors or question changed, {words}", MADE, change, 100 * now.error))
    here, days = start, 0  # that lines of time speak of
    while here.origin < end.origin:
        near = (end.origin - here.origin).days <= LONGEST_DAYS
        there = end if near else make_end(checked, here.origin + timedelta(days=LONGEST_DAYS), progress)
        leg = _leg(checked, here, there, progress)
        days += sum((there.origin - here.origin).days for line in leg if line.kind == TIME)
        lines = _merge(lines, leg)
        here = there
    label = time_label(days, any(line.kind == ROUNDS for line in lines))
    lines = [replace(line, label=label) if line.kind == TIME else line for line in lines]
    return (first if first.run_id else start), (last if last.run_id else end), lines


def _merge(lines: list[Line], more: list[Line]) -> list[Line]:
    """Lines of one label added up, and those of time, whose labels differ by leg."""
    from ripeness.attribution.news import TIME

    found = {(line.kind, "" if line.kind == TIME else line.label): line for line in lines}
    for line in more:
        key = line.kind, "" if line.kind == TIME else line.label
        own = found.get(key)
        if own is not None:
            factors = None if own.factors is None or line.factors is None else own.factors + line.factors
            parameters = None if own.parameters is None or line.parameters is None else own.parameters + line.parameters
            line = replace(line, points=own.points + line.points, mcse=hypot(own.mcse, line.mcse), factors=factors, parameters=parameters)
        found[key] = line
    return list(found.values())


def _leg(checked: Checked, start: End, end: End, progress: Progress) -> list[Line]:
    """Lines between two days that one fit's draws may be carried over, a new fit of the earlier day if need be."""
    from ripeness.attribution.news import REFIT, Line, NotCarried

    fitted, folder = False, checked.workspace.reports / start.origin.isoformat()
    while True:
        base = base_of(folder)
        try:
            progress(f"from the draws of the fit of {base.panel.origin}")
            return _carried(checked, base, start, end)
        except NotCarried as refusal:
            if fitted or base.panel.origin == start.origin:
                error = 100 * hypot(start.error, end.error)
                return [Line(f"new rows and a new fit ({refusal})", REFIT, 100 * (end.probability - start.probability), error)]
            progress(f"a new fit is needed: {refusal}")
            run_fit(checked.workspace.root, start.origin, None, False, progress)
            fitted = True


def _carried(checked: Checked, base: Base, start: End, end: End) -> list[Line]:
    """Lines between two days from one fit's draws; raises `NotCarried` where these will not do."""
    from ripeness.attribution.news import ROUNDS, Line, explain_move
    from ripeness.elicitation.elicited import Priors

    workspace = checked.workspace
    earlier, later = checked.vintage(start.origin), checked.vintage(end.origin)
    priors = Priors({}, {}, checked.priors)  # nothing on this path asks for a fitted prior
    moved = explain_move(workspace, priors, base, earlier, later, workspace.fit.seed)
    rounds = [day for day in later.rounds() if day not in earlier.rounds()]
    if not rounds:
        return moved.lines
    said = ", ".join(day.isoformat() for day in rounds)
    change = 100 * (end.probability - moved.after)
    return [*moved.lines, Line(f"rounds held, with a new fit: {said}", ROUNDS, change, 100 * end.error)]
