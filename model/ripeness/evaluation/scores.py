"""Scores of forecasts of yes or no: Brier and log score, by scoringrules; the lower the better.

A horizon's forecasts overlap (52 weeks every four weeks), so that n of them are far fewer independent ones: no error bar is drawn from n.
Weeks do not overlap: the weekly event log score sums the log score of every week once, each given what happened in the weeks of its block
before it, and is the log score of the record as a whole.

Leave-future-out cross-validation by ArviZ: every fit scored on the four weeks after each origin, on rounds alone.

One observation is one block: the record of rounds of four weeks, of which an origin's posterior gives the likelihood draw by draw, the
states of those weeks integrated out (averaged over factor paths, `unit.py`). `lfo_cv` is asked to refit at every origin, and its refits
are the backtest's. The record before the first origin stands as one observation before the others, since `lfo_cv` begins with what has
been seen. Its effective number of parameters compares with the last fit, whose states are conditioned on.

No standard error of a difference is given. ArviZ's is that of normal theory, for blocks alike and independent; here a few
blocks have a round and the others have none, and a bootstrap of so few is no better. Instead the table says in how many blocks a fit did better
than the outside view, and what is left of the difference without the block that speaks most for it; `skill.py` holds the sum against luck.

Stacking weights are shown and not used: with a couple of resumptions they are noise, and the weights of the headline are fixed beforehand.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import arviz as az
import numpy as np
import pandas as pd
import scoringrules
import xarray as xr
from arviz_stats import SamplingWrapper
from numpy.typing import NDArray

from ripeness import names
from ripeness.evaluation.origins import AS_OF, FINAL, POPULATIONS
from ripeness.evaluation.unit import WEEK

SCORE_COLUMNS: Final = ("forecaster", "population", "horizon_weeks", "n", "brier", "log_score")
RUNG_COLUMNS: Final = ("question", "forecaster", "population", "horizon_weeks", "n", "yes", "brier", "log_score")
WEEKLY_COLUMNS: Final = ("forecaster", "population", "weeks", "rounds", "total_log_score", "brier")
GAP_COLUMNS: Final = ("forecaster", "question", "horizon_weeks", "n", "brier_gap", "log_score_gap")
Array = NDArray[np.float64]
BLOCK: Final = "block"
LFO_COLUMNS: Final = (
    "fit",
    "elpd",
    "p",
    "difference_to_outside",
    "without_best_block",
    "blocks_better",
    "mcse",
    "stacking_weight",
    "blocks",
)
LIKELIHOOD: Final = "rounds"


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


def score_rungs(scored: pd.DataFrame, rungs: Sequence[str], populations: Mapping[date, Sequence[str]]) -> pd.DataFrame:
    """Mean scores of the rungs by forecaster, population and horizon.

    Parameters
    ----------
    scored : DataFrame (row)
        As `score_rows` gives them, of one vintage.
    rungs : sequence of str
    populations : mapping
        From an origin to its populations.

    Returns
    -------
    DataFrame (rung × forecaster × population × horizon)
        RUNG_COLUMNS; yes: how many came; means over origins.
    """
    found = []
    for population in POPULATIONS:
        inside = np.array([population in populations[origin] for origin in scored["origin"]], dtype=bool)
        here = scored[scored["question"].isin(list(rungs)) & inside]
        for (rung, name, horizon), rows in here.groupby(["question", "forecaster", "horizon_weeks"], sort=False):
            found.append(
                (rung, name, population, horizon, len(rows), int(rows["outcome"].sum()), rows["brier"].mean(), rows["log_score"].mean())
            )
    return pd.DataFrame(found, columns=list(RUNG_COLUMNS))


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


class StoredRefits(SamplingWrapper):
    """Refits that have been made already, as `lfo_cv` asks for them.

    Parameters
    ----------
    likelihoods : callable
        From the number of an origin to the log-likelihood of its block under its own posterior: (chain, draw).
    blocks : int
        Number of blocks after the first origin.
    """

    def __init__(self, likelihoods: Callable[[int], Array], blocks: int):
        super().__init__(model=None)
        self.likelihoods = likelihoods
        self.blocks = blocks

    def sel_observations(self, idx: Any) -> tuple[int, int]:
        """The number of the origin, twice: what is left out begins with its block."""
        origin = int(np.min(idx)) - 1
        return origin, origin

    def sample(self, modified_observed_data: int) -> int:
        """Nothing to sample."""
        return modified_observed_data

    def get_inference_data(self, fitted_model: int) -> xr.DataTree:
        """No more than a tree."""
        return xr.DataTree()

    def log_likelihood__i(self, excluded_obs: int, idata__i: xr.DataTree) -> xr.DataArray:
        """Log-likelihood of the origin's own block; of later ones nothing is asked, and nothing is said (NaN)."""
        found = self.likelihoods(excluded_obs)
        values = np.full((*found.shape, self.blocks - excluded_obs), np.nan)
        values[..., 0] = found
        return xr.DataArray(values, dims=(names.CHAIN, names.DRAW, BLOCK))


def happened(patterns: Array, weeks: Sequence[int]) -> Array:
    """Log-likelihood of what happened: (chain, draw), from (chain, draw, 2, …, 2) and the weeks with (1) and without (0) a round."""
    place = np.ravel_multi_index(tuple(weeks), patterns.shape[2:])
    with np.errstate(divide="ignore"):  # a draw that rules it out
        return np.log(patterns.reshape(*patterns.shape[:2], -1)[..., place].astype(float))


def leave_future_out(likelihoods: Mapping[str, Sequence[Array]], record: Mapping[str, Array], origins: Sequence[date]) -> pd.DataFrame:
    """Leave-future-out scores of all fits.

    Parameters
    ----------
    likelihoods : mapping of sequence of ndarray (chain, draw)
        By fit and origin: log-likelihood of the block after the origin under the origin's posterior.
    record : mapping of ndarray (chain, draw, block)
        By fit: log-likelihood, under the last posterior, of the record before the first origin and of every block after it.
    origins : sequence of date

    Returns
    -------
    DataFrame (fit)
        LFO_COLUMNS: elpd is the sum over blocks, higher is better; mcse its Monte Carlo standard error; without_best_block the difference
        to the outside view less that of the block that adds most to it; blocks_better the number of blocks in which the fit did better.
    """
    results, errors, by_block = {}, {}, {}
    for name, by_origin in likelihoods.items():
        wrapper = StoredRefits(lambda origin, by_origin=by_origin: by_origin[origin], len(origins))  # type: ignore[misc]
        full = xr.Dataset({LIKELIHOOD: ((names.CHAIN, names.DRAW, BLOCK), record[name])}, coords={BLOCK: np.arange(len(origins) + 1)})
        tree = xr.DataTree.from_dict({"log_likelihood": full})
        results[name] = az.lfo_cv(
            tree, wrapper, min_observations=1, forecast_horizon=1, time_dim=BLOCK, pointwise=True, var_name=LIKELIHOOD, method="exact"
        )
        by_block[name] = np.asarray(results[name].elpd_i, dtype=float)
        errors[name] = np.sqrt(sum(_relative_error(np.exp(found)) ** 2 for found in by_origin))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="arviz_stats")  # that 52 blocks are few is said beside the table
        compared = az.compare(results, method="stacking", reference=names.OUTSIDE, round_to="none")
    rows = []
    for name, found in results.items():
        gained = by_block[name] - by_block[names.OUTSIDE]
        rows.append(
            (
                name,
                float(found.elpd),
                float(found.p),
                float(gained.sum()),
                float(gained.sum() - gained.max()),
                int((gained > 0).sum()),
                float(errors[name]),
                float(compared.loc[name, "weight"]),
                len(origins),
            )
        )
    return pd.DataFrame(rows, columns=list(LFO_COLUMNS))


def _relative_error(probabilities: Array) -> float:
    """Monte Carlo standard error of the log of a mean: (chain, draw) to a number."""
    error = az.mcse(xr.Dataset({"p": ((names.CHAIN, names.DRAW), probabilities)}))["p"]
    return float(error / probabilities.mean())
