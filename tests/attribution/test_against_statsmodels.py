"""News of a linear Gaussian factor, from reweighted draws and Shapley values, against the exact ones and against statsmodels' `news`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from statsmodels.tsa.statespace.mlemodel import MLEModel

from ripeness.attribution.news import share_out
from ripeness.reweighting.paths import redraw_factor
from ripeness.reweighting.sites import CONTINUOUS, Rows
from ripeness.reweighting.window import FactorWindow

Array = NDArray[np.float64]
PHI, NOISE, DRAWS = 0.9, 0.5, 4000
WEEKS, MORE, KEPT, AHEAD = 20, 2, 7, 1  # of the base record; later; last kept one; beyond the later record
SERIES = ("a", "b")
Key = tuple[int, int, int]


def observations() -> tuple[dict[Key, float], dict[Key, float]]:
    """Values known at first, and those that become known later: of both series, one of them late."""
    rng = np.random.default_rng(3)
    path = np.zeros(WEEKS + MORE)
    for t in range(1, len(path)):
        path[t] = PHI * path[t - 1] + np.sqrt(1 - PHI**2) * rng.normal()
    values = path + NOISE * rng.normal(size=(2, len(path)))
    known = {(0, t, t): values[0, t] for t in range(WEEKS)} | {(1, t, t): values[1, t] for t in range(0, WEEKS - 2, 2)}
    later = {(0, WEEKS, WEEKS): 1.6, (0, WEEKS + 1, WEEKS + 1): 1.9, (1, WEEKS - 1, WEEKS - 1): -1.0, (1, WEEKS, WEEKS): -1.6}
    return known, later


KNOWN, LATER = observations()


def moments(observed: dict[Key, float], weeks: int) -> tuple[Array, Array]:
    """Mean and covariance of the states given values, by dense algebra."""
    prior = PHI ** np.abs(np.subtract.outer(np.arange(weeks), np.arange(weeks)))
    at = np.array([key[1] for key in observed])
    gain = prior[:, at] @ np.linalg.inv(prior[np.ix_(at, at)] + NOISE**2 * np.eye(len(at)))
    return gain @ np.array(list(observed.values())), prior - gain @ prior[at]


def exact(known: frozenset[int]) -> float:
    """E[z] one week beyond the later record, where the later values of some series are known."""
    observed = KNOWN | {key: value for key, value in LATER.items() if key[0] in known}
    return float(PHI**AHEAD * moments(observed, WEEKS + MORE)[0][-1])


def window_of(observed: dict[Key, float], before: Array, weeks: int) -> FactorWindow:
    """The rows of the weeks after the last kept one."""
    rows = {key: value for key, value in sorted(observed.items()) if key[1] > KEPT}
    number, states = len(rows), weeks - KEPT - 1
    place = np.array([key[1] - KEPT - 1 for key in rows], dtype=np.int64)
    precision = np.full((DRAWS, number), NOISE**-2)
    return FactorWindow(
        Rows(
            persistence=np.full(DRAWS, PHI),
            before=before,
            df=np.array([0.0, 4.0]),
            envelope=np.maximum(np.arange(states) - 1, 0).astype(np.int64),
            weeks=np.array([states], dtype=np.int64),
            step=np.zeros(DRAWS),
            first=place,
            last=place,
            share=np.ones(number),
            ramp=np.zeros(number),
            counted=np.full(number, CONTINUOUS),
            bent=np.zeros(number, dtype=bool),
            target=np.tile(np.array(list(rows.values())), (DRAWS, 1)),
            slope=np.ones((DRAWS, number)),
            precision=precision,
            constant=0.5 * np.log(precision).sum(axis=1),
        ),
        {key: (value,) for key, value in rows.items()},
        False,
    )


@cache
def stored() -> Array:
    """Draws of the path given what was known at first: (draw, week)."""
    mean, covariance = moments(KNOWN, WEEKS)
    return np.asarray(np.random.default_rng(5).multivariate_normal(mean, covariance, DRAWS))


@cache
def reweighted(known: frozenset[int]) -> float:
    """The same expectation from reweighted draws and their weights."""
    path = stored()
    observed = KNOWN | {key: value for key, value in LATER.items() if key[0] in known}
    before, after = window_of(KNOWN, path[:, KEPT], WEEKS), window_of(observed, path[:, KEPT], WEEKS + MORE)
    log_ratio, states = redraw_factor(before, after, np.ascontiguousarray(path[:, KEPT + 1 :]), np.random.default_rng(8))
    weights = np.exp(log_ratio - log_ratio.max())
    return float(PHI**AHEAD * (weights @ states[:, -1]) / weights.sum())


def shares_of(value: Any) -> Array:
    nothing = np.random.SeedSequence(0)
    return share_out(2, lambda known, cause: np.array(value(known | {cause}) - value(known)), nothing).values


class Factor(MLEModel):  # type: ignore[misc]
    """The same factor as statsmodels has it."""

    def __init__(self, endog: pd.DataFrame) -> None:
        super().__init__(endog, k_states=1, k_posdef=1, initialization="stationary")
        self["design"], self["transition"], self["selection"] = np.ones((2, 1)), np.array([[PHI]]), np.ones((1, 1))
        self["obs_cov"], self["state_cov"] = NOISE**2 * np.eye(2), np.array([[1 - PHI**2]])

    @property
    def param_names(self) -> list[str]:
        return []

    @property
    def start_params(self) -> Array:
        return np.zeros(0)

    def update(self, params: Array, **kwargs: Any) -> Array:
        return np.asarray(super().update(params, **kwargs))


def table(observed: dict[Key, float], weeks: int) -> pd.DataFrame:
    values = np.full((weeks, 2), np.nan)
    for (series, week, _), value in observed.items():
        values[week, series] = value
    return pd.DataFrame(values, columns=list(SERIES), index=pd.period_range("2024-01-07", periods=weeks, freq="W"))


@cache
def news(before: frozenset[int], after: frozenset[int]) -> tuple[float, Array]:
    """By statsmodels: the change of the expectation as more series become known later, and what each series' news contributes."""
    first, then = (
        Factor(table(KNOWN | {key: value for key, value in LATER.items() if key[0] in known}, WEEKS + MORE)).smooth([])
        for known in (before, after)
    )
    beyond = table({}, WEEKS + MORE + AHEAD).index[-1]
    found = then.news(first, start=beyond, end=beyond, comparison_type="previous")
    details = found.details_by_impact.xs("a", level="impacted variable")["impact"]
    variable = details.index.get_level_values("updated variable")
    return float(found.total_impacts["a"].iloc[0]), np.array([float(details[variable == name].sum()) for name in SERIES])


NOTHING, EVERYTHING = frozenset[int](), frozenset({0, 1})


def test_the_exact_algebra_is_that_of_statsmodels() -> None:
    total, by_series = news(NOTHING, EVERYTHING)
    assert total == pytest.approx(exact(EVERYTHING) - exact(NOTHING), abs=1e-8)
    assert by_series.sum() == pytest.approx(total, abs=1e-8)


def test_reweighted_draws_give_the_exact_shares() -> None:
    sd = float(np.sqrt(moments(KNOWN, WEEKS)[1][-1, -1]))
    assert shares_of(reweighted) == pytest.approx(shares_of(exact), abs=4 * sd / np.sqrt(DRAWS))
    assert shares_of(exact).sum() == pytest.approx(exact(EVERYTHING) - exact(NOTHING), abs=1e-12)


def test_shares_are_the_news_of_statsmodels_averaged_over_both_orders() -> None:
    """Taken at once, statsmodels' news gives what two series say alike to whichever its gain prefers; sign and total are the same."""
    one_by_one = shares_of(lambda known: 0.0 if not known else news(NOTHING, known)[0])
    assert shares_of(exact) == pytest.approx(one_by_one, abs=1e-8)
    in_orders = [0.5 * (news(NOTHING, frozenset({s}))[1][s] + news(frozenset({1 - s}), EVERYTHING)[1][s]) for s in range(len(SERIES))]
    sd = float(np.sqrt(moments(KNOWN, WEEKS)[1][-1, -1]))
    assert shares_of(reweighted) == pytest.approx(np.array(in_orders), abs=4 * sd / np.sqrt(DRAWS))
    at_once = news(NOTHING, EVERYTHING)[1]
    assert (np.sign(shares_of(reweighted)) == np.sign(at_once)).all() and np.sign(at_once[0]) != np.sign(at_once[1])
