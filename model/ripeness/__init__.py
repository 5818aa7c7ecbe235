"""Ripeness: a living Bayesian forecast of whether dormant peace talks resume.

    >>> import ripeness
    >>> run = ripeness.open_run("reports/2026-06-28")         # or ripeness.run_forecast(ripeness.Request("."))
    >>> run.forecast                                     # the table
    >>> run.fit("conjunctive_as_written").posterior      # labelled draws, ready for ArviZ

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ripeness.data.vintages import read_store
    from ripeness.errors import RipenessError
    from ripeness.essay import read_claims
    from ripeness.workflow.forecasts import run_fit, run_forecast
    from ripeness.workflow.issue import run_report
    from ripeness.workflow.request import Request, check_workspace
    from ripeness.workflow.run import Run, open_run
    from ripeness.workspace import find_workspace, read_workspace

_HOMES = {
    "RipenessError": "errors",
    "Request": "workflow.request",
    "Run": "workflow.run",
    "check_workspace": "workflow.request",
    "find_workspace": "workspace",
    "open_run": "workflow.run",
    "read_claims": "essay",
    "read_store": "data.vintages",
    "read_workspace": "workspace",
    "run_fit": "workflow.forecasts",
    "run_forecast": "workflow.forecasts",
    "run_report": "workflow.issue",
}

__all__ = [
    "Request",
    "RipenessError",
    "Run",
    "__version__",
    "check_workspace",
    "find_workspace",
    "open_run",
    "read_claims",
    "read_store",
    "read_workspace",
    "run_fit",
    "run_forecast",
    "run_report",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("ripeness")
    if name in _HOMES:
        return getattr(import_module(f"ripeness.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ripeness' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
