"""Ripeness: a living Bayesian forecast of whether dormant peace talks resume.

A workspace is a folder with `ripeness.toml`, an essay's claims, priors and data. From it:

    >>> import ripeness
    >>> workspace = ripeness.open_workspace(".")                    # every file, read and checked
    >>> model = ripeness.build_model(workspace)                     # a pm.Model
    >>> idata = ripeness.sample(workspace)                          # its posterior, for any function of ArviZ
    >>> run = ripeness.run_report(ripeness.Request("."))            # fits, forecast, page; stored in reports/<origin>
    >>> run = ripeness.open_run("reports/2026-10-04")               # a stored run
    >>> run.forecast                                                # its table
    >>> run.fit("conjunctive_as_written")                           # its draws, loaded when they are asked for
    >>> ripeness.run_scenarios(ripeness.Request("."))               # what would move it
    >>> ripeness.run_news(ripeness.Request("."), "2026-09-27", "2026-10-04")   # why it moved

Commands and functions read and write the same files. Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ripeness.errors import RipenessError
    from ripeness.workflow.forecasts import run_fit, run_forecast
    from ripeness.workflow.issue import run_report
    from ripeness.workflow.modelling import build_model, sample
    from ripeness.workflow.news import run_news
    from ripeness.workflow.request import Inputs, Request, open_workspace
    from ripeness.workflow.run import Run, open_run
    from ripeness.workflow.scenarios import run_scenarios
    from ripeness.workspace import find_workspace

_MODULE_OF = {
    "Inputs": "workflow.request",
    "Request": "workflow.request",
    "RipenessError": "errors",
    "Run": "workflow.run",
    "build_model": "workflow.modelling",
    "find_workspace": "workspace",
    "open_run": "workflow.run",
    "open_workspace": "workflow.request",
    "run_fit": "workflow.forecasts",
    "run_forecast": "workflow.forecasts",
    "run_news": "workflow.news",
    "run_report": "workflow.issue",
    "run_scenarios": "workflow.scenarios",
    "sample": "workflow.modelling",
}

__all__ = [
    "Inputs",
    "Request",
    "RipenessError",
    "Run",
    "__version__",
    "build_model",
    "find_workspace",
    "open_run",
    "open_workspace",
    "run_fit",
    "run_forecast",
    "run_news",
    "run_report",
    "run_scenarios",
    "sample",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("ripeness")
    if name in _MODULE_OF:
        return getattr(import_module(f"ripeness.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'ripeness' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
