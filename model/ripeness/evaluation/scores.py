"""Scores of forecasts of yes or no: Brier and log score, by scoringrules; the lower the better.

A horizon's forecasts overlap (52 weeks every four weeks), so that n of them are far fewer independent ones: no error bar is drawn from n.
Weeks do not overlap: the weekly event log score sums the log score of every week once, each given what happened in the weeks of its block
before it, and is the log score of the record as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
import scoringrules

from ripeness.evaluation.origins import AS_OF, FINAL, POPULATIONS
from ripeness.evaluation.unit import WEEK

SCORE_COLUMNS: Final = ("forecaster", "population", "horizon_weeks", "n", "brier", "log_score")
WEEKLY_COLUMNS: Final = ("forecaster", "population", "weeks", "rounds", "total_log_score", "brier")
GAP_COLUMNS: Final = ("forecaster", "question", "horizon_weeks", "n", "brier_gap", "log_score_gap")


def score_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Each settled row with its scores.

    Parameters
    ----------
    frame : DataFrame (row)
        probability in (0, 1) and outcome, 0 or 1.

    Returns
    -------
    DataFrame (row)
        With brier, (p − y)², and log_score, −ln of the probability given to what came.
    """
    outcome, probability = frame["outcome"].to_numpy(float), frame["probability"].to_numpy(float)
    brier = scoringrules.brier_score(outcome, probability, backend="numpy")
    log_score = scoringrules.logs_binomial(outcome, 1, probability, backend="numpy")  # one trial
    return frame.assign(brier=np.asarray(brier, float), log_score=np.asarray(log_score, float))


def score_populations(scored: pd.DataFrame, populations: Mapping[date, Sequence[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean scores of each forecaster by population: of horizons, and of weeks.

    Parameters
    ----------
    scored : DataFrame (row)
        As `score_rows` gives them, of one vintage.
    populations : mapping
        From an origin to its populations.

    Returns
    -------
    DataFrame (forecaster × population × horizon)
        SCORE_COLUMNS; means over origins.
    DataFrame (forecaster × population)
        WEEKLY_COLUMNS; the log score summed over weeks, the Brier score averaged.
    """
    of_horizons, of_weeks = [], []
    for population in POPULATIONS:
        here = scored[[population in populations[origin] for origin in scored["origin"]]]
        horizons, weeks = here[here["question"] != WEEK], here[here["question"] == WEEK]
        for (name, horizon), rows in horizons.groupby(["forecaster", "horizon_weeks"], sort=False):
            of_horizons.append((name, population, horizon, len(rows), rows["brier"].mean(), rows["log_score"].mean()))
        for name, rows in weeks.groupby("forecaster", sort=False):
            of_weeks.append((name, population, len(rows), int(rows["outcome"].sum()), rows["log_score"].sum(), rows["brier"].mean()))
    return pd.DataFrame(of_horizons, columns=list(SCORE_COLUMNS)), pd.DataFrame(of_weeks, columns=list(WEEKLY_COLUMNS))


def vintage_gap(scored: pd.DataFrame) -> pd.DataFrame:
    """What late and revised rows are worth: scores with final data minus scores with as-of data, on the same forecasts.

    Returns
    -------
    DataFrame (forecaster × question × horizon)
        GAP_COLUMNS; means over origins, for weeks over weeks. Below zero: final data would have scored better.
    """
    unit = ["forecaster", "question", "origin", "horizon_weeks", "given"]
    final, as_of = (scored[scored["vintage"] == kind].set_index(unit)[["brier", "log_score"]] for kind in (FINAL, AS_OF))
    gap = (final - as_of.reindex(final.index)).dropna().reset_index()
    gap.loc[gap["question"] == WEEK, "horizon_weeks"] = 1
    rows = [
        (*key, len(rows), rows["brier"].mean(), rows["log_score"].mean())
        for key, rows in gap.groupby(["forecaster", "question", "horizon_weeks"], sort=False)
    ]
    return pd.DataFrame(rows, columns=list(GAP_COLUMNS))


def weekly_skill(scored: pd.DataFrame, forecaster: str, reference: str) -> pd.Series[float]:
    """By how much a forecaster's weekly event log score beats the reference's, week by week: (week,), by the Sunday; above zero is better."""
    weeks = scored[scored["question"] == WEEK]
    by_week = weeks.pivot(index="target_end_date", columns="forecaster", values="log_score")
    return by_week[reference] - by_week[forecaster]
