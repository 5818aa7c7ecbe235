"""A forecast explained, as the page shows it: why it moved, what would move it, what to watch; each if it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ripeness.report.moves import news_section, since_said
from ripeness.report.scenarios import scenarios_section
from ripeness.report.watch import next_said, watch_section


def explained_sections(explained: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of the page by name, and for its first screen the sentences `since` and `next`, empty where nothing can be said.

    Parameters
    ----------
    explained : mapping
        news, scenarios and watch, those that there are, as `explain_forecast` gives them.
    summary : mapping
        forecast.json.
    """
    found: dict[str, Any] = {"since": "", "next": ""}
    if "news" in explained:
        found["news"] = news_section(explained["news"])
        if "reason" not in explained["news"]:
            found["since"] = since_said(explained["news"])
    if explained.get("scenarios", {}).get("scenarios"):
        found["scenarios"] = scenarios_section(explained["scenarios"], summary)
    if "watch" in explained:
        found["watch"] = watch_section(explained["watch"])
        found["next"] = next_said(explained["watch"])
    return found
