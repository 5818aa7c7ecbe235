"""`ripeness report`, `export` and `resolve`: a forecast attributed and issued, as a page, as entries of the ledger and in other forms; and scored when its
time is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ripeness.data.vintages import Store, read_store
from ripeness.elicitation.entries import HAZARD
from ripeness.errors import RipenessError, UsageError, did_you_mean
from ripeness.essay import read_claims
from ripeness.files import rounded, write_whole
from ripeness.ledger import (
    BridgeForecast,
    Entry,
    Head,
    Resolution,
    append_bridge_forecasts,
    append_entries,
    bridge_record,
    build_record,
    clock,
    new_bridge_forecasts,
    new_entries,
    read_bridge_forecasts,
    read_ledger,
    read_resolutions,
    resolve_forecasts,
    verify_reports,
)
from ripeness.names import MIXTURE
from ripeness.workflow import run as store
from ripeness.workflow.forecasts import obtain_forecast, origin_of, read_beside
from ripeness.workflow.news import NEWS, obtain_news
from ripeness.workflow.request import Inputs, Request, open_workspace
from ripeness.workflow.run import Progress, Run, quiet
from ripeness.workflow.scenarios import (
    INVERSE_LEVEL,
    PANEL,
    SCENARIOS,
    describe_scenarios,
    panel_hash,
    read_all,
    scenarios_hash,
    write_panel,
)
from ripeness.workflow.summary import with_prices
from ripeness.workflow.watchlist import WATCH, watch_hash, write_watch
from ripeness.workspace import Workspace, read_workspace
from ripeness.workspace.toml import read_toml

PROGRAM = "ripeness"  # as it is installed
HUB, BRIEF, FIGURES = "hub", "brief", "figures"
KINDS = (HUB, BRIEF, FIGURES)


def run_report(request: Request, progress: Progress = quiet) -> Run:
    """The page and the ledger: explains the forecast, writes index.html and appends to reports/ledger.csv and bridges.csv what is not in them yet.

    Beside each new row stands the clock's day on which it is written: no input of it.

    Parameters
    ----------
    request : Request
    progress : callable
        Called with a few words on what is being done.

    Returns
    -------
    Run
        As :func:`run_forecast` gives it.

    Raises
    ------
    ContentError, UsageError, GateError, BusyError
        As `run_forecast` does, and where the clock is behind the data or the ledger; a file of scenarios that is wrong is reported after the
        forecast is made and before anything is issued.

    Examples
    --------
    >>> run = ripeness.run_report(ripeness.Request(".", as_of=date(2025, 6, 18)))
    >>> (run.folder / "index.html").is_file()
    True
    """
    inputs = open_workspace(request.workspace)
    workspace = inputs.workspace
    folder = workspace.reports / inputs.vintage(request.as_of).origin.isoformat()
    _read_issued(inputs), read_resolutions(workspace.reports)  # where they are spoilt, or the clock is wrong, nothing is touched
    with store.writing(folder, workspace.shown(folder), progress):  # so that page and run are of one writer
        run = obtain_forecast(inputs, request, progress)
        attribution = attribute_forecast(inputs, run, progress)
        progress("drawing the page")
        while _issue(inputs, run, attribution) != verify_reports(workspace.reports):
            pass  # another command has added rows meanwhile: the heads on the page must be some that the files have had
    return run


def _issue(inputs: Inputs, run: Run, attribution: dict[str, Any]) -> list[Head]:
    """Write the page, then file what it says and is not filed yet; returns the heads that stand on the page."""
    from ripeness.report.page import render_page
    from ripeness.report.studies import read_studies

    workspace, folder = inputs.workspace, run.folder
    issued, before, today = _read_issued(inputs)
    record_to = inputs.store.default_origin()
    summary = priced_summary(inputs, run)
    entries, bridges = _ledger_entries(run, record_to, today), _bridge_forecasts(run, summary["bridges"], record_to, today)
    essay = date.fromisoformat(run.summary["essay"]["date"])
    resolutions = read_resolutions(workspace.reports)
    record = build_record([*issued, *new_entries(issued, entries)], resolutions, workspace.question, essay, run.origin)
    both = [*before, *new_bridge_forecasts(before, bridges)]
    record["bridges"] = bridge_record(both, workspace, essay, run.origin, inputs.store.as_of, wider_bridges(workspace))
    heads = verify_reports(workspace.reports, entries, bridges)
    record["heads"] = [asdict(head) for head in heads]
    studies = read_studies(workspace.reports, workspace.question.headline_weeks)
    page = render_page(summary, run.tree, rounded(record), studies, attribution)
    store.store_text(folder / store.PAGE, page, workspace.shown(folder))
    append_entries(workspace.reports, entries)
    append_bridge_forecasts(workspace.reports, bridges)
    return heads


def _read_issued(inputs: Inputs) -> tuple[list[Entry], list[BridgeForecast], date]:
    """What stands in ledger.csv and in bridges.csv, and today."""
    reports = inputs.workspace.reports
    issued, bridges = read_ledger(reports), read_bridge_forecasts(reports)
    written = [*(row.issued_on for row in issued), *(row.issued_on for row in bridges)]
    return issued, bridges, _today(inputs.store, written, reports.name)


def _today(data: Store, written: Sequence[date | None], shown: str) -> date:
    """The clock's day, to be written beside what is issued or resolved.

    Raises
    ------
    UsageError
        If it is over, as the data or the days that were written before show.
    """
    today, newest = clock.day_of_issue(), newest_day(data)
    if today < newest - timedelta(days=1):  # as the day of UTC may be the one before
        raise UsageError(
            f"it is {today} by this machine's clock, and a row of the data was published on {newest}: nothing is issued on a day "
            "that is over; set the clock, or correct the row"
        )
    last = max((day for day in written if day), default=today)
    if today < last:
        raise UsageError(
            f"it is {today} by this machine's clock, and a row of {shown}/ was written on {last}: nothing is issued on a day that is "
            "over; set the clock, or, if it was wrong then, take the file as it was before that row from its history"
        )
    return today


def priced_summary(inputs: Inputs, run: Run) -> dict[str, Any]:
    """The summary of a run with the prices on file now, up to its origin: they are no input of the run, and may have been entered since."""
    return run.summary | {"bridges": with_prices(run.summary.get("bridges", []), inputs.store.as_of(run.origin))}


def newest_day(data: Store) -> date:
    """The newest day on which a row was published: today is no earlier."""
    frames = (*data.rows.values(), data.events, data.coverage)
    newest: date = max(frame["published_on"].max() for frame in frames if not frame.empty).date()
    return newest


def wider_bridges(workspace: Workspace) -> set[str]:
    """Ids of the bridges that count more than their rung does: those with a share of their own in priors/."""
    return set(read_toml(workspace.priors / HAZARD, workspace.shown(workspace.priors / HAZARD)).data.get("bridge_share", {}))


def _bridge_forecasts(run: Run, bridges: list[dict[str, Any]], record_to: date, issued_on: date) -> list[BridgeForecast]:
    found = []
    for bridge in bridges:
        row = next(row for row in bridge["forecasts"] if row["source"] == MIXTURE)
        price = bridge["price"] or {}
        found.append(
            BridgeForecast(
                run.run_id,
                run.origin,
                bridge["id"],
                bridge["market"],
                date.fromisoformat(bridge["by"]),
                row["probability"],
                row["lower"],
                row["upper"],
                record_to,
                price.get("probability"),
                date.fromisoformat(price["date"]) if price else None,
                issued_on,
                version(PROGRAM),
            )
        )
    return found


def _ledger_entries(run: Run, record_to: date, issued_on: date) -> list[Entry]:
    summary = run.summary
    return [
        Entry(
            run.run_id,
            row["question"],
            run.origin,
            row["horizon_weeks"],
            date.fromisoformat(row["target_end_date"]),
            row["probability"],
            row["lower"],
            row["upper"],
            row["outside_view"],
            summary["method"],
            summary["data_hash"],
            summary["priors_hash"],
            summary["code_version"],
            record_to=record_to,
            issued_on=issued_on,
            program_version=version(PROGRAM),
        )
        for row in summary["forecasts"]
        if row["source"] == "mixture"
    ]


def attribute_forecast(inputs: Inputs, run: Run, progress: Progress) -> dict[str, Any]:
    """Attribute a stored forecast: writes news.json, scenarios.json, watch.json and panel.json beside it, each unless it stands there as it would be made now.

    Parameters
    ----------
    inputs : Inputs
    run : Run
    progress : callable

    Returns
    -------
    dict
        news, scenarios, watch and panel as they are stored; no scenarios where the workspace has no file of them; of news `from`, `to` and `reason` where
        only a new fit could tell, nothing where there is no earlier forecast.

    Raises
    ------
    ContentError
        If the file of scenarios is wrong.
    """
    scenarios = list(read_all(inputs).values())

    def is_old(name: str, made_from: str) -> bool:
        return (read_beside(run, name) or {}).get("made_from") != made_from

    old = {
        SCENARIOS: bool(scenarios) and is_old(SCENARIOS, scenarios_hash(inputs, run, INVERSE_LEVEL)),
        WATCH: is_old(WATCH, watch_hash(run)),
        PANEL: is_old(PANEL, panel_hash(inputs, run)),
    }
    if any(old.values()):
        progress("what would move it, and what to watch")
        origin = origin_of(inputs, run)
        if old[SCENARIOS]:
            describe_scenarios(inputs, run, origin, scenarios, False, INVERSE_LEVEL, progress, beside=True)
        if old[WATCH]:
            write_watch(inputs, run, origin)
        if old[PANEL]:
            write_panel(inputs, run, origin, scenarios)
    news = obtain_news(inputs, run, progress)
    found = read_attribution(run)
    if not scenarios:
        found.pop("scenarios", None)
    if not news:
        found.pop("news", None)
    elif "reason" in news:
        found["news"] = news
    return found


def read_attribution(run: Run) -> dict[str, Any]:
    """The attribution that is stored beside a run: news, scenarios, watch and panel, each if it is of this very run."""
    found = {name.removesuffix(".json"): read_beside(run, name) for name in (NEWS, SCENARIOS, WATCH, PANEL)}
    return {
        name: content
        for name, content in found.items()
        if content is not None and (content.get("to", {}) if name == "news" else content).get("run_id") == run.run_id
    }


def run_export(request: Request, kinds: Sequence[str], out: Path | None, progress: Progress = quiet) -> list[Path]:
    """A forecast in other forms.

    Parameters
    ----------
    request : Request
    kinds : sequence of {"hub", "brief", "figures"}
        None of them: all.
    out : Path or None
        Where to; by default reports/<origin>/export.
    progress : callable

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    UsageError
        If a kind is none of `KINDS`.
    ContentError, GateError
        As `run_forecast` does.
    RipenessError
        If nothing may be written there.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"'{kind}' cannot be exported: {did_you_mean(kind, KINDS)}")
    inputs = open_workspace(request.workspace)
    run = obtain_forecast(inputs, request, progress)
    out = out or run.folder / "export"
    try:
        return _export(inputs, run, kinds or KINDS, out)
    except OSError as error:
        place = inputs.workspace.shown(out).as_posix()
        raise RipenessError(f"{place} cannot be written ({error.strerror}). To mend: name another folder with --out") from None


def _export(inputs: Inputs, run: Run, kinds: Sequence[str], out: Path) -> list[Path]:
    from ripeness.report import exports

    written: list[Path] = []
    for kind in dict.fromkeys(kinds):
        if kind == HUB:
            for name, text in exports.hub_files(run.summary, out / "hub").items():
                write_whole(out / "hub" / name, text)
                written.append(out / "hub" / name)
        elif kind == BRIEF:
            from ripeness.evaluation.published import STUDIES, even_odds_sentence, verdict_sentence
            from ripeness.report.scorecard import stored_state_sentences

            studies = run.folder.parent / STUDIES
            tested = " ".join(filter(None, (say(studies) for say in (verdict_sentence, even_odds_sentence))))
            states, summary = stored_state_sentences(studies, run.summary), priced_summary(inputs, run)
            write_whole(out / "brief.md", exports.write_brief(summary, read_attribution(run), tested, states))
            written.append(out / "brief.md")
        else:
            written += exports.write_charts(run.summary, out / "figures")
    return written


def run_resolve(request: Request) -> tuple[list[Resolution], dict[str, Any]]:
    """Resolve every forecast that the record of a day settles, by default of the last Sunday searched; appends to resolutions.csv.

    Parameters
    ----------
    request : Request

    Returns
    -------
    list of Resolution, dict
        What was added, and the whole record, as `build_record` gives it, with what became of the bridges, as `bridge_record` does.

    Raises
    ------
    UsageError
        If the day lies before the war, or nothing in the data was published on it or later: the clock is not asked, so that only the data can
        show that a day has come. Or if the clock is behind the data or the days of earlier resolutions.
    ContentError
        If a file is wrong; nothing was changed.
    """
    workspace = read_workspace(request.workspace)
    essay = read_claims(workspace).card.date
    data = read_store(workspace)
    day = request.as_of or data.default_origin()
    if day < workspace.question.war_began:
        raise UsageError(f"--as-of {day}: the record begins on {workspace.question.war_began}")
    newest = newest_day(data)
    if day > newest:
        raise UsageError(f"--as-of {day}: the newest row of the data was published on {newest}; choose a day up to it, or add what is new")
    today = _today(data, [row.resolved_on for row in read_resolutions(workspace.reports)], workspace.reports.name)
    added = resolve_forecasts(workspace.reports, workspace.question, essay, day, data.as_of, workspace.rungs, today, version(PROGRAM))
    issued, resolutions = read_ledger(workspace.reports), read_resolutions(workspace.reports)
    record = build_record(issued, resolutions, workspace.question, essay, day)
    bridges = read_bridge_forecasts(workspace.reports)
    return added, record | {"bridges": bridge_record(bridges, workspace, essay, day, data.as_of, wider_bridges(workspace))}
