"""`ripeness report`: a forecast issued, as a page and as entries of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from ripeness import files, results
from ripeness.ledger import Entry, append_entries, build_record, new_entries, read_ledger, read_resolutions
from ripeness.workflow.checked import check_workspace
from ripeness.workflow.explained import explain_forecast
from ripeness.workflow.forecasts import quiet, run_forecast

Progress = Callable[[str], None]


def run_report(root: Path, as_of: date | None = None, seed: int | None = None, refit: bool = False, progress: Progress = quiet) -> Path:
    """The page and the ledger: explains the forecast, writes index.html and appends to reports/ledger.csv what is not in it yet.

    Raises
    ------
    ContentError, GateError
        As `run_forecast` does; a file of scenarios that is wrong is told after the forecast is made and before anything is issued.
    """
    folder = run_forecast(root, as_of, seed, refit, progress)
    checked = check_workspace(root)
    explained = explain_forecast(checked, folder, progress)
    progress("drawing the page")
    from ripeness.report.page import render_page
    from ripeness.report.studies import read_studies

    run, workspace = results.open_run(folder), checked.workspace
    entries = _ledger_entries(run.summary, checked.store.default_origin())
    issued, resolutions = read_ledger(workspace.reports), read_resolutions(workspace.reports)
    essay, origin = date.fromisoformat(run.summary["essay"]["date"]), date.fromisoformat(run.summary["origin"])
    record = build_record([*issued, *new_entries(issued, entries)], resolutions, workspace.question, essay, origin)
    studies = read_studies(workspace.reports, workspace.question.headline_weeks)
    files.write_whole(folder / results.PAGE, render_page(run.summary, run.tree, files.rounded(record), studies, explained))
    append_entries(workspace.reports, entries)
    (folder / results.FAILURE_PAGE).unlink(missing_ok=True)
    (folder / results.FAILURE_JSON).unlink(missing_ok=True)
    return folder


def _ledger_entries(summary: dict[str, Any], record_to: date) -> list[Entry]:
    return [
        Entry(
            summary["run_id"],
            row["question"],
            date.fromisoformat(summary["origin"]),
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
