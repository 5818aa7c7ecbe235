"""The steps of `ripeness news`, `scenario` and `watch`: why a forecast moved, what would move it, and what may do so next."""

from ripeness.explanations.forecasts import explain_forecast, read_explained
from ripeness.explanations.news import NEWS, NEWS_FIGURE, run_news
from ripeness.explanations.scenarios import SCENARIOS, run_scenarios
from ripeness.explanations.watch import WATCH, run_watch
from ripeness.explanations.would_have import run_would_have

__all__ = [
    "NEWS",
    "NEWS_FIGURE",
    "SCENARIOS",
    "WATCH",
    "explain_forecast",
    "read_explained",
    "run_news",
    "run_scenarios",
    "run_watch",
    "run_would_have",
]
