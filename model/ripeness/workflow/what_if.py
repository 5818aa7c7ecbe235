"""What the what-if panel of a page reads, stored beside the forecast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ripeness import files
from ripeness.workflow.checked import Checked
from ripeness.workflow.endpoints import hash_of
from ripeness.workflow.scenarios import text_of_scenarios

if TYPE_CHECKING:
    from ripeness.attribution.futures import Origin
    from ripeness.attribution.scenario_file import Scenario

PANEL = "panel.json"


def write_panel(checked: Checked, origin: Origin, folder: Path, scenarios: Sequence[Scenario], run_id: str) -> None:
    """Write panel.json: futures of a stored forecast, and the workspace's ready scenarios."""
    from ripeness.attribution.what_if import build_panel

    made_from = {"run_id": run_id, "made_from": panel_made_from(checked, run_id)}
    files.write_json(folder / PANEL, made_from | build_panel(origin, scenarios))


def panel_made_from(checked: Checked, run_id: str) -> str:
    """What the panel of a run is made from, hashed."""
    return hash_of(PANEL, run_id, text_of_scenarios(checked))
