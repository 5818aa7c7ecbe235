"""A forecast explained as a whole: why it moved, what would move it and what to watch, from stored draws; nothing twice that is stored already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ripeness import files, results
from ripeness.workflow.checked import Checked
from ripeness.workflow.endpoints import Progress, open_folder
from ripeness.workflow.news import NEWS, news_made_from, news_without_fit
from ripeness.workflow.scenarios import REACH, SCENARIOS, scenarios_made_from, scenarios_of, tell_scenarios
from ripeness.workflow.watchlist import WATCH, watch_made_from, write_watch
from ripeness.workflow.what_if import PANEL, panel_made_from, write_panel


def explain_forecast(checked: Checked, folder: Path, progress: Progress) -> dict[str, Any]:
    """Explain a stored forecast: writes news.json, scenarios.json, watch.json and panel.json beside it, each unless it stands there as it would be made now.

    Parameters
    ----------
    checked : Checked
    folder : Path
        reports/<origin>.
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
    run_id = str(results.open_run(folder).summary["run_id"])
    scenarios = list(scenarios_of(checked).values())
    stored = {name: _read(folder / name) for name in (NEWS, SCENARIOS, WATCH, PANEL)}
    told, watched, panel = stored[SCENARIOS], stored[WATCH], stored[PANEL]
    again = scenarios and (told or {}).get("made_from") != scenarios_made_from(checked, run_id, REACH)
    anew = (watched or {}).get("made_from") != watch_made_from(folder, run_id)
    moved = (panel or {}).get("made_from") != panel_made_from(checked, run_id)
    if again or anew or moved:
        progress("what would move it, and what to watch")
        origin = open_folder(checked, folder)
        if again:
            files.write_json(folder / SCENARIOS, tell_scenarios(checked, origin, folder, scenarios, False, REACH, progress))
        if anew:
            write_watch(checked, origin, folder)
        if moved:
            write_panel(checked, origin, folder, scenarios, run_id)
    news = stored[NEWS] if news_made_from(stored[NEWS], run_id) else news_without_fit(checked, folder, progress)
    found = read_explained(folder)
    if not scenarios:
        found.pop("scenarios", None)
    if not news:
        found.pop("news", None)
    elif "reason" in news:
        found["news"] = news
    return found


def read_explained(folder: Path) -> dict[str, Any]:
    """What is stored beside a run and explains it: news, scenarios, watch and panel, each if it is of this very run.

    Parameters
    ----------
    folder : Path
        reports/<origin>.
    """
    run_id = results.open_run(folder).summary["run_id"]
    found = {name.removesuffix(".json"): _read(folder / name) for name in (NEWS, SCENARIOS, WATCH, PANEL)}
    return {
        name: content
        for name, content in found.items()
        if content is not None and (content["to"] if name == "news" else content)["run_id"] == run_id
    }


def _read(path: Path) -> dict[str, Any] | None:
    found: dict[str, Any] | None = json.loads(path.read_text("utf-8")) if path.is_file() else None
    return found
