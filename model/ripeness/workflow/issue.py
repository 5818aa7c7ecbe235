"""`ripeness report` and `resolve`: a forecast attributed and issued, as a page and as entries of the ledger; and scored when its time is over."""

from __future__ import annotations

from datetime import date
from typing import Any

from ripeness.data.vintages import read_store
from ripeness.elicitation.entries import HAZARD
from ripeness.errors import UsageError
from ripeness.essay import read_claims
from ripeness.files import rounded
from ripeness.ledger import (
    BridgeForecast,
    Entry,
    Resolution,
    append_bridge_forecasts,
    append_entries,
    bridge_record,
    build_record,
    new_bridge_forecasts,
    new_entries,
    read_bridge_forecasts,
    read_ledger,
    read_resolutions,
    resolve_forecasts,
)
from ripeness.names import MIXTURE
from ripeness.workflow import run as store
from ripeness.workflow.forecasts import obtain_forecast, origin_of, read_beside
from ripeness.workflow.news import NEWS, is_current, news_without_fit
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


def run_report(request: Request, progress: Progress = quiet) -> Run:
    """The page and the ledger: explains the forecast, writes index.html and appends to reports/ledger.csv and bridges.csv what is not in them yet.

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
        As `run_forecast` does; a file of scenarios that is wrong is reported after the forecast is made and before anything is issued.

    Examples
    --------
    >>> run = ripeness.run_report(ripeness.Request(".", as_of=date(2025, 6, 18)))
    >>> (run.folder / "index.html").is_file()
    True
    """
    inputs = open_workspace(request.workspace)
    workspace = inputs.workspace
    folder = workspace.reports / inputs.vintage(request.as_of).origin.isoformat()
    resolutions = read_resolutions(workspace.reports)
    read_ledger(workspace.reports), read_bridge_forecasts(workspace.reports)  # where they are spoilt nothing is touched
    with store.writing(folder, workspace.shown(folder), progress):  # so that page and run are of one writer
        run = obtain_forecast(inputs, request, progress)
        attribution = attribute_forecast(inputs, run, progress)
        progress("drawing the page")
        from ripeness.report.page import render_page
        from ripeness.report.studies import read_studies

        record_to = inputs.store.default_origin()
        entries, issued = _ledger_entries(run, record_to), read_ledger(workspace.reports)
        essay = date.fromisoformat(run.summary["essay"]["date"])
        record = build_record([*issued, *new_entries(issued, entries)], resolutions, workspace.question, essay, run.origin)
        summary = priced_summary(inputs, run)
        bridges, before = _bridge_forecasts(run, summary["bridges"], record_to), read_bridge_forecasts(workspace.reports)
        both = [*before, *new_bridge_forecasts(before, bridges)]
        record["bridges"] = bridge_record(both, workspace, essay, run.origin, inputs.store.as_of, wider_bridges(workspace))
        studies = read_studies(workspace.reports, workspace.question.headline_weeks)
        page = render_page(summary, run.tree, rounded(record), studies, attribution)
        store.store_text(folder / store.PAGE, page, workspace.shown(folder))
        append_entries(workspace.reports, entries)
        append_bridge_forecasts(workspace.reports, bridges)
    return run


def priced_summary(inputs: Inputs, run: Run) -> dict[str, Any]:
    """The summary of a run with the prices on file now, up to its origin: they are no input of the run, and may have been entered since."""
    return run.summary | {"bridges": with_prices(run.summary.get("bridges", []), inputs.store.as_of(run.origin))}


def wider_bridges(workspace: Workspace) -> set[str]:
    """Ids of the bridges that count more than their rung does: those with a share of their own in priors/."""
    return set(read_toml(workspace.priors / HAZARD, workspace.shown(workspace.priors / HAZARD)).data.get("bridge_share", {}))


def _bridge_forecasts(run: Run, bridges: list[dict[str, Any]], record_to: date) -> list[BridgeForecast]:
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
            )
        )
    return found


def _ledger_entries(run: Run, record_to: date) -> list[Entry]:
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
    news = read_beside(run, NEWS)
    if not is_current(news, run):
        news = news_without_fit(inputs, run, progress)
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


def run_resolve(request: Request) -> tuple[list[Resolution], dict[str, Any]]:
    """Resolve every forecast that the record of a day settles, by default of the last Sunday searched; appends to resolutions.csv.

    Returns
    -------
    list of Resolution, dict
        What was added, and the whole record, as `build_record` gives it, with what became of the bridges, as `bridge_record` does.

    Raises
    ------
    UsageError
        If the day lies before the war, or nothing in the data was published on it or later: no clock is read, so that only the data can
        show that a day has come.
    ContentError
        If a file is wrong; nothing was changed.
    """
    workspace = read_workspace(request.workspace)
    essay = read_claims(workspace).card.date
    data = read_store(workspace)
    day = request.as_of or data.default_origin()
    if day < workspace.question.war_began:
        raise UsageError(f"--as-of {day}: the record begins on {workspace.question.war_began}")
    newest = max(frame["published_on"].max() for frame in (*data.rows.values(), data.events, data.coverage) if not frame.empty).date()
    if day > newest:
        raise UsageError(f"--as-of {day}: the newest row of the data was published on {newest}; choose a day up to it, or add what is new")
    added = resolve_forecasts(workspace.reports, workspace.question, essay, day, data.as_of, workspace.rungs)
    issued, resolutions = read_ledger(workspace.reports), read_resolutions(workspace.reports)
    record = build_record(issued, resolutions, workspace.question, essay, day)
    bridges = read_bridge_forecasts(workspace.reports)
    return added, record | {"bridges": bridge_record(bridges, workspace, essay, day, data.as_of, wider_bridges(workspace))}
