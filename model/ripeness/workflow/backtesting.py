"""`ripeness backtest`: forecasts of the past made anew, scored and told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from ripeness.evaluation import published
from ripeness.workflow.checked import check_workspace
from ripeness.workflow.identity import code_version, workspace_hash


@dataclass(frozen=True)
class Backtest:
    """What `ripeness backtest` shows: the tables of a folder.

    Parameters
    ----------
    folder : Path
    horizon_weeks : int
        The headline's.
    """

    folder: Path
    horizon_weeks: int

    @property
    def scores(self) -> list[dict[str, str]]:
        """Mean scores of all origins, by forecaster and horizon."""

        return [row for row in published.read_rows(self.folder, published.SCORES) if row["population"] == published.EVERYTHING]

    @property
    def sentences(self) -> list[str]:
        """What the tables show, the answer first."""

        return published.say_everything(self.folder, self.horizon_weeks)

    def as_json(self) -> dict[str, Any]:
        """All tables but that of the forecasts, as lists of rows."""

        named = (published.SCORES, published.WEEKLY, published.SKILL, published.SKILL_POWER, published.GAP, published.LFO)
        tables = {name.removesuffix(".csv"): published.read_rows(self.folder, name) for name in named}
        return {"about": published.read_about(self.folder), "sentences": self.sentences, **tables}


def run_backtest(
    root: Path,
    quick: bool,
    gap: bool,
    scheduler: str | None,
    seed: int | None,
    about: dict[str, Any],
    told: Callable[[int, int, date, str], None],
) -> Backtest:
    """Forecast at every origin, score, and write tables and figure to reports/studies/; those of a quick one to reports/backtest/.

    Parameters
    ----------
    root : Path
    quick : bool
        Twelve origins instead of all.
    gap : bool
        Whether to forecast with final data, too, and so measure what late and revised rows are worth.
    scheduler : str or None
        Address of a Dask scheduler; local processes by default.
    seed : int or None
    about : dict
        Command and date, which the tables are to bear.
    told : callable
        As `ripeness.evaluation.backtest.run_tasks` has it.

    Raises
    ------
    ContentError
        If a file is wrong; nothing is written.
    UsageError
        If no scheduler answers.
    """
    checked = check_workspace(root)
    workspace, seed = checked.workspace, checked.workspace.fit.seed if seed is None else seed
    from ripeness.elicitation.elicit import elicit_priors
    from ripeness.evaluation.backtest import VINTAGES, backtest_settings, open_executor
    from ripeness.evaluation.origins import AS_OF
    from ripeness.evaluation.study import Study, run_study
    from ripeness.report.drawing import write_chart
    from ripeness.report.studies import plot_backtest

    hashes = {"code_version": code_version(), "priors_hash": checked.priors.hash, "workspace_hash": workspace_hash(workspace)}
    settings = backtest_settings(workspace)
    priors = elicit_priors(checked.priors)
    study = Study(
        workspace, checked.store, checked.claims.card.date, priors, str(hashes), settings, seed, quick, VINTAGES if gap else (AS_OF,)
    )
    run_study(study, partial(open_executor, scheduler), told, {**about, **hashes})
    forecasts = published.read_rows(study.tables, published.FORECASTS)
    write_chart(study.tables / published.FIGURE, plot_backtest(forecasts, workspace.question.headline_weeks))
    return Backtest(study.tables, workspace.question.headline_weeks)
