"""`ripeness report`: a forecast issued, as a page and as entries of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from ripeness import results
from ripeness.data.vintages import read_store
from ripeness.ledger import Entry, append_entries, build_record, new_entries, read_ledger, read_resolutions
from ripeness.pipeline import check_workspace, run_forecast
from ripeness.pipeline.forecasts import quiet
from ripeness.workspace import read_workspace

Progress = Callable[[str], None]


def run_report(root: Path, as_of: date | None = None, seed: int | None = None, refit: bool = False, progress: Progress = quiet) -> Path:
    """The page and the ledger: writes index.html and appends to reports/ledger.csv what is not in it yet."""
    folder = run_forecast(root, as_of, seed, refit, progress)
    progress("drawing the page")
    from ripeness.report.page import render_page
    from ripeness.report.trust import read_studies

    run = results.open_run(folder)
    workspace = read_workspace(root)
    entries = _ledger_entries(run.summary, read_store(workspace).default_origin())
    issued, resolutions = read_ledger(workspace.reports), read_resolutions(workspace.reports)
    essay, origin = date.fromisoformat(run.summary["essay"]["date"]), date.fromisoformat(run.summary["origin"])
    record = build_record([*issued, *new_entries(issued, entries)], resolutions, workspace.question, essay, origin)
    studies = read_studies(workspace.reports, workspace.question.headline_weeks)
    panel = what_if(root, run)
    results.write_whole(folder / results.PAGE, render_page(run.summary, run.tree, results.rounded(record), studies, panel))
    append_entries(workspace.reports, entries)
    (folder / results.FAILURE_PAGE).unlink(missing_ok=True)
    (folder / results.FAILURE_JSON).unlink(missing_ok=True)
    return folder


def what_if(root: Path, run: results.Run) -> dict[str, Any]:
    """What the page's panel reads: the futures of a run, carried from an older fit or not, and the workspace's ready scenarios."""
    from ripeness.explain.futures import open_origin
    from ripeness.explain.panel import build_panel
    from ripeness.explain.scenario_file import read_scenarios
    from ripeness.priors.elicited import Priors
    from ripeness.renewal.stored import read_base

    checked = check_workspace(root)
    workspace, vintage = checked.workspace, checked.vintage(date.fromisoformat(run.summary["origin"]))
    carried = run.manifest.get("base")
    base = read_base((run.folder.parent / carried["origin"] if carried else run.folder) / results.BASE)
    origin = open_origin(workspace, Priors({}, {}, checked.priors), base, vintage, workspace.fit.seed)
    return build_panel(origin, list(read_scenarios(workspace, checked.claims, checked.store.contracts).values()))


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
