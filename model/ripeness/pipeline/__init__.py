"""The steps of each verb, in order. Everything is read and checked before anything heavy is loaded or anything is written."""

from ripeness.pipeline.backtesting import Backtest, run_backtest
from ripeness.pipeline.beliefs import PriorReport, elicit
from ripeness.pipeline.checked import Checked, check_workspace
from ripeness.pipeline.forecasts import run_fit, run_forecast
from ripeness.pipeline.identity import code_version, digest_of_code
from ripeness.pipeline.resolving import run_resolve
from ripeness.pipeline.storing import run_import_update, run_update

__all__ = [
    "Backtest",
    "Checked",
    "PriorReport",
    "check_workspace",
    "code_version",
    "digest_of_code",
    "elicit",
    "run_backtest",
    "run_fit",
    "run_forecast",
    "run_import_update",
    "run_resolve",
    "run_update",
]
