"""`ripeness news`: why the headline moved between two forecasts, its endpoints, and the fits behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import hypot, inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripeness.calendar import last_sunday
from ripeness.errors import UsageError
from ripeness.files import rounded
from ripeness.ledger import Entry, read_ledger
from ripeness.workflow.forecasts import (
    base_of,
    find_base,
    obtain_fit,
    obtain_forecast,
    read_beside,
    stored_as_asked,
    unfitted_priors,
    write_beside,
)
from ripeness.workflow.identity import attribution_hash, fit_inputs, identify, identify_update
from ripeness.workflow.request import Inputs, Request, open_workspace
from ripeness.workflow.run import Progress, Run, quiet

if TYPE_CHECKING:
    from ripeness.attribution.news import Line
    from ripeness.reweighting.stored import Base

NEWS = "news.json"
NEWS_FIGURE = "news.svg"
MAKES_NEWS = ("ripeness.attribution.news",)
LONGEST_DAYS = 91  # for which a fit's draws may be reweighted
SHORTEST_RUN_ID = 4


@dataclass(frozen=True)
class Endpoint:
    """A forecast of the headline that news lead from or to.

    Parameters
    ----------
    origin : date
    probability : float
        As it was issued, in [0, 1]; undefined of a day that is only named.
    error : float
        Its Monte Carlo error; zero of an entry of the ledger, which does not say.
    run_id : str
        Empty where a day was named.
    """

    origin: date
    probability: float
    error: float = 0.0
    run_id: str = ""

    def as_stored(self) -> dict[str, Any]:
        """As news.json has it."""
        return {"origin": self.origin.isoformat(), "probability": self.probability, "run_id": self.run_id}


def find_endpoint(inputs: Inputs, named: str) -> Endpoint:
    """One endpoint: the newest entry of a run in the ledger, or a day.

    Raises
    ------
    UsageError
        If it is neither.
    """
    try:
        return Endpoint(date.fromisoformat(named), float("nan"))
    except ValueError:
        pass
    entries = headlines_issued(inputs)
    found = [entry for entry in entries if len(named) >= SHORTEST_RUN_ID and entry.run_id.startswith(named)]
    if not found:
        newest = ", ".join(entry.run_id for entry in entries[-3:])
        raise UsageError(
            f"'{named}' is no day (write YYYY-MM-DD, such as 2026-06-28) and no run of the ledger (the newest are {newest or 'none'})"
        )
    return _of_entry(found[-1])


def last_issued_before(inputs: Inputs, origin: date) -> Endpoint | None:
    """The newest entry of the ledger of an earlier day, or None."""
    earlier = sorted((entry for entry in headlines_issued(inputs) if entry.origin < origin), key=lambda entry: entry.origin)
    return _of_entry(earlier[-1]) if earlier else None


def headlines_issued(inputs: Inputs) -> list[Entry]:
    """Entries of the ledger of the headline's question and horizon, in the order of issue."""
    question = inputs.workspace.question
    return [
        entry
        for entry in read_ledger(inputs.workspace.reports)
        if (entry.question, entry.horizon_weeks) == (question.id, question.headline_weeks)
    ]


def _of_entry(entry: Entry) -> Endpoint:
    return Endpoint(entry.origin, entry.probability, 0.0, entry.run_id)


def endpoint_of(run: Run) -> Endpoint:
    """The headline of a stored run, to all its digits."""
    return Endpoint(run.origin, float(run.headline["probability"]), float(run.headline["mc_error"]), run.run_id)


def run_news(request: Request, earlier: str, later: str, progress: Progress = quiet) -> dict[str, Any]:
    """Why the headline moved: writes news.json and its figure beside the later forecast.

    Parameters
    ----------
    request : Request
        Its workspace; and a seed and a sampler, if forecasts are to be made with others than they were.
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
        If an endpoint is neither a day nor a run of the ledger, or they are in the wrong order.
    ContentError, GateError
        As `run_forecast` does.

    Examples
    --------
    >>> found = ripeness.run_news(ripeness.Request("."), "2025-06-18", "2025-06-29")
    >>> abs(sum(line["points"] for line in found["lines"]) + found["residual_points"] - found["total_points"]) < 1e-9
    True
    """
    inputs = open_workspace(request.workspace)
    first, last = (find_endpoint(inputs, named) for named in (earlier, later))
    if last.origin < first.origin:
        raise UsageError(f"{later} is of {last.origin}, before {first.origin}: name the earlier forecast first")
    return _decompose(inputs, request, first, last, progress)


def is_current(stored: dict[str, Any] | None, run: Run) -> bool:
    """Whether stored news leads to a run and is what would be made now."""
    return (
        stored is not None
        and {"from", "to"} <= stored.keys()
        and stored["to"]["run_id"] == run.run_id
        and stored.get("made_from") == _hash(run.folder.parent, stored["from"], stored["to"])
    )


def obtain_news(inputs: Inputs, run: Run, progress: Progress) -> dict[str, Any]:
    """The news that are stored beside a run, if they would be made so now; else as `news_without_fit` gives them."""
    stored = read_beside(run, NEWS)
    return stored if stored is not None and is_current(stored, run) else news_without_fit(inputs, run, progress)


def news_without_fit(inputs: Inputs, run: Run, progress: Progress) -> dict[str, Any]:
    """Why the headline moved since the last forecast of an earlier day in the ledger, if stored draws can say it.

    Parameters
    ----------
    inputs : Inputs
    run : Run
        The later forecast.
    progress : callable

    Returns
    -------
    dict
        As `run_news` gives and writes it; or `from`, `to` and `reason`, why a new fit is needed, with `weeks_a_fit` where several are, one for each so
        many weeks; empty if there is no earlier forecast.
    """
    from ripeness.attribution.news import INPUTS, Line, NotReweighted

    end = endpoint_of(run)
    issued = last_issued_before(inputs, end.origin)
    if issued is None:
        return {}
    asked = {"from": issued.origin.isoformat(), "to": end.origin.isoformat()}
    if (end.origin - issued.origin).days > LONGEST_DAYS:
        weeks = LONGEST_DAYS // 7
        return asked | {"reason": f"no fit's draws are reweighted over more than {weeks} weeks", "weeks_a_fit": weeks}
    meta = identify(inputs, inputs.vintage(issued.origin), run.seed, run.sampler)
    found = find_base(inputs.workspace.reports, issued.origin, fit_inputs(meta))
    if isinstance(found, list):
        return asked | {"reason": "; ".join(found) or "no fit of that day or before it is stored"}
    from ripeness.reweighting.stored import read_base

    base = read_base(found)
    start = _with_inputs_of_now(inputs, issued, {str(one["run_id"]) for one in (meta, identify_update(meta, base.about["run_id"]))})
    if start is None:
        return asked | {"reason": "what that forecast would be now is not stored"}
    lines = []
    if start.run_id != issued.run_id:
        change = 100 * (start.probability - issued.probability)
        lines.append(Line("program, priors or question changed, at the earlier forecast", INPUTS, change, 100 * start.error))
    progress(f"why it moved since {issued.origin}")
    try:
        lines += _from_draws(inputs, base, start, end)
    except NotReweighted as refusal:
        return asked | {"reason": str(refusal)}
    return _store(inputs, run, start if start.run_id == issued.run_id else issued, end, lines)


def _with_inputs_of_now(inputs: Inputs, issued: Endpoint, run_ids: set[str]) -> Endpoint | None:
    """An entry of the ledger as it would be made now, if it is stored so or was made so."""
    run = stored_as_asked(inputs, Request(inputs.workspace.root, issued.origin))
    if run is not None:
        return endpoint_of(run)
    return issued if issued.run_id in run_ids else None


def _store(inputs: Inputs, run: Run, start: Endpoint, end: Endpoint, lines: list[Line]) -> dict[str, Any]:
    total = 100 * (end.probability - start.probability)
    question = inputs.workspace.question
    found = {
        "question": question.id,
        "horizon_weeks": question.headline_weeks,
        "from": start.as_stored(),
        "to": end.as_stored(),
        "total_points": total,
        "lines": [
            {key: value for key, value in vars(line).items() if value is not None}
            for line in sorted(lines, key=lambda one: -abs(one.points))
        ],
        "residual_points": total - sum(line.points for line in lines),
        "made_from": _hash(run.folder.parent, start.as_stored(), end.as_stored()),
    }
    if read_beside(run, NEWS) == rounded(found) and (run.folder / NEWS_FIGURE).is_file():
        return found
    write_beside(inputs, run, NEWS, found)
    from ripeness.report.attribution import plot_news
    from ripeness.report.drawing import write_chart

    write_chart(run.folder / NEWS_FIGURE, plot_news(found))
    return found


def _hash(reports: Path, start: dict[str, Any], end: dict[str, Any]) -> str:
    return attribution_hash(reports, __name__, MAKES_NEWS, *(str(one[key]) for one in (start, end) for key in ("origin", "run_id")))


def _decompose(inputs: Inputs, request: Request, first: Endpoint, last: Endpoint, progress: Progress) -> dict[str, Any]:
    """The lines between two endpoints as they were issued, or else as they are made now."""
    from ripeness.attribution.news import INPUTS, ROUNDS, Line, time_label

    def obtain(origin: date) -> Run:
        return obtain_forecast(inputs, replace(request, as_of=origin), progress)

    here, later = obtain(first.origin), obtain(last.origin)
    start, end = endpoint_of(here), endpoint_of(later)
    lines: list[Line] = []
    for issued, now, sign, words in ((first, start, 1.0, "at the earlier forecast"), (last, end, -1.0, "at the later forecast")):
        if issued.run_id and issued.run_id != now.run_id:
            change = sign * 100 * (now.probability - issued.probability)
            lines.append(Line(f"program, priors or question changed, {words}", INPUTS, change, 100 * now.error))
    while here.origin < later.origin:
        near = (later.origin - here.origin).days <= LONGEST_DAYS
        there = later if near else obtain(here.origin + timedelta(days=LONGEST_DAYS))
        lines = _merge(lines, _leg(inputs, request, here, there, progress))
        here = there
    held = any(line.kind == ROUNDS for line in lines)
    lines = [line if line.days is None else replace(line, label=time_label(line.days, held)) for line in lines]
    return _store(inputs, later, first if first.run_id else start, last if last.run_id else end, lines)


def _merge(lines: list[Line], more: list[Line]) -> list[Line]:
    """Lines of one label added up, and those of time, whose labels differ by leg."""
    from ripeness.attribution.news import TIME, Line, combine_errors

    def added(a: float | None, b: float | None) -> Any:
        return None if a is None or b is None else a + b

    def key(line: Line) -> tuple[str, str]:
        return line.kind, "" if line.kind == TIME else line.label

    found = {key(line): line for line in lines}
    for line in more:
        own = found.get(key(line))
        if own is not None:
            mcse, df = combine_errors([(one.mcse, inf if one.df is None else one.df) for one in (own, line)])
            pairs = min((one.pairs for one in (own, line) if one.pairs is not None), default=None)
            line = Line(
                line.label,
                line.kind,
                own.points + line.points,
                mcse,
                df,
                added(own.factors, line.factors),
                added(own.parameters, line.parameters),
                pairs,
                added(own.days, line.days),
            )
        found[key(line)] = line
    return list(found.values())


def _leg(inputs: Inputs, request: Request, earlier: Run, later: Run, progress: Progress) -> list[Line]:
    """Lines between two days that one fit's draws may be reweighted over: a new fit of the earlier day if need be, and where its weights are too uneven one halfway."""
    from ripeness.attribution.news import REFIT, Line, NotReweighted

    start, end = endpoint_of(earlier), endpoint_of(later)
    base = base_of(earlier)
    try:
        progress(f"from the draws of the fit of {base.panel.origin}")
        return _from_draws(inputs, base, start, end)
    except NotReweighted as refusal:
        reason, uneven = str(refusal), refusal.uneven
    if base.panel.origin != start.origin:
        progress(f"a new fit is needed: {reason}")
        return _leg(inputs, request, obtain_fit(inputs, replace(request, as_of=start.origin), progress), later, progress)
    halfway = last_sunday(start.origin + (end.origin - start.origin) / 2)
    if uneven and start.origin < halfway:
        progress(f"a fit halfway is needed: {reason}")
        middle = obtain_fit(inputs, replace(request, as_of=halfway), progress)
        return _merge(_leg(inputs, request, earlier, middle, progress), _leg(inputs, request, middle, later, progress))
    error = 100 * hypot(start.error, end.error)
    return [Line(f"new rows and a new fit ({reason})", REFIT, 100 * (end.probability - start.probability), error)]


def _from_draws(inputs: Inputs, base: Base, start: Endpoint, end: Endpoint) -> list[Line]:
    """Lines between two days from one fit's draws; raises `NotReweighted` where these will not do."""
    from ripeness.attribution.news import decompose_change

    earlier, later = inputs.vintage(start.origin), inputs.vintage(end.origin)
    return decompose_change(inputs.workspace, unfitted_priors(inputs), base, earlier, later, base.about["seed"]).lines
