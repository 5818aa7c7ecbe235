"""The window of a stored fit: how far back it reaches, and the rows that touch it, against the moments of whole paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln

from ripeness.data.vintages import Vintage
from ripeness.model.spec import ModelSpec
from ripeness.model.terms import count_rows, student_t_rows
from ripeness.model.terms.slow_levels import level_basis
from ripeness.reweighting.sites import CONTINUOUS
from ripeness.reweighting.window import (
    LATELY,
    LONGEST,
    MARGIN,
    SHORTEST,
    Window,
    choose_window,
    factor_window,
    read_parameters,
    rows_by_factor,
)

Array = NDArray[np.float64]
Maker = Callable[..., ModelSpec]
DrawsMaker = Callable[..., dict[str, Array]]
FRONT, COST, HOST, FAITH = range(4)

ROWS = [
    ("ground", 3, 3, 0.4, 1.0, 0.0),
    ("ground", 8, 8, -0.7, 1.3, 0.0),
    ("losses", 6, 6, 0.2, 1.0, 0.1),
    ("losses", 9, 9, 0.9, 1.0, 0.1),
    ("prices", 4, 7, -0.3, 2.0, 0.0),
    ("prices", 8, 11, 0.6, 2.0, 0.0),
]
COUNTS = [
    ("visits", 5, 3.0, 0.0, 0),
    ("visits", 10, 7.0, 0.2, 1),
    ("visits", 11, 0.0, -0.1, 2),
    ("items", 8, 12.0, 0.4, 2),
    ("items", 2, 1.0, 0.0, 2),
]
DRAWS = 7


class Moments:
    """Moments of every row's likelihood, as the terms have them from whole paths."""

    def __init__(self, spec: ModelSpec, draws: dict[str, Array]) -> None:
        self.location, self.spread = student_t_rows.moments(spec, draws)
        self.log_mean, self.dispersion = count_rows.moments(spec, draws)


def vintage_of(spec: ModelSpec, lags: dict[str, list[tuple[int, int]]]) -> Vintage:
    """Values of each indicator as (days from the origin back to publication, lag in days)."""
    values = {}
    for name in spec.panel.indicators:
        published = [pd.Timestamp(spec.panel.origin) - pd.Timedelta(days=back) for back, _ in lags.get(name, [])]
        observed = [day - pd.Timedelta(days=lag) for day, (_, lag) in zip(published, lags.get(name, []), strict=True)]
        values[name] = pd.DataFrame(
            {"observed_on": pd.Series(observed, dtype="datetime64[ns]"), "published_on": pd.Series(published, dtype="datetime64[ns]")}
        )
    return cast(Vintage, SimpleNamespace(origin=spec.panel.origin, values=values))


def test_the_window_is_as_long_as_rows_come_late(make_spec: Maker) -> None:
    spec = make_spec(80)
    lags = {"ground": [(5, 3), (2 * LATELY, 200)], "prices": [(30, 70), (60, 40)], "visits": [(3, 1)]}
    window = choose_window(spec, vintage_of(spec, lags))
    back = window.weeks - 1 - window.kept
    assert back[FRONT] == SHORTEST, "what came late over a year ago says nothing of what comes next"
    assert back[COST] == 10 + 5 + MARGIN, "70 days are ten weeks, and a month touches five"
    assert back[HOST] == SHORTEST and back[FAITH] == SHORTEST
    assert window.first == window.kept.min() + 2 and window.stored == window.kept.min() - 14


def test_a_row_that_describes_a_month_in_a_weekly_series_reaches_back_as_far(make_spec: Maker) -> None:
    spec = make_spec(80)
    ground, by_month = spec.contracts["ground"], spec.contracts["prices"]
    also = cast(Any, SimpleNamespace(**vars(ground) | {"on": lambda observed_on: by_month}))
    monthly = replace(spec, contracts={**spec.contracts, "ground": also})
    reach = [(79 - choose_window(one, vintage_of(one, {"ground": [(5, 70)]})).kept)[FRONT] for one in (spec, monthly)]
    assert reach == [10 + 1 + MARGIN, 10 + 5 + MARGIN]


def test_a_window_has_its_limits(make_spec: Maker) -> None:
    spec = make_spec(80)
    assert (79 - choose_window(spec, vintage_of(spec, {"prices": [(30, 900)]})).kept)[COST] == LONGEST
    early = make_spec(6, found=(3,))
    window = choose_window(early, vintage_of(early, {}))
    assert (window.kept == 0).all() and window.first == 4 and window.stored == 0, "from the first week on, and from the first week at risk"


@pytest.mark.parametrize(("weeks", "kept"), [(79, 66), (91, 78), (92, 78), (93, 78), (104, 78), (105, 92), (118, 104)])
def test_a_level_that_may_bend_keeps_nothing_after_its_last_knot(weeks: int, kept: int, make_spec: Maker) -> None:
    # knots at weeks 78 and 104: in weeks 91 to 103 the next one lies within thirteen weeks
    spec = make_spec(weeks)
    assert choose_window(spec, vintage_of(spec, {})).kept[COST] == kept


def whole_draws(make_draws: DrawsMaker, weeks: int) -> dict[str, Array]:
    knots = len(level_basis(weeks))
    draws = make_draws(DRAWS, knots, weeks)
    climbed = np.cumsum(draws["level_moves"], axis=2) - draws["level_moves"][..., :1]
    heights = draws["level_start"][..., None] + draws["level"][..., None] * climbed
    return draws | {"level_path": heights @ level_basis(weeks)}


def strengths(found: Any, states: Array) -> Array:
    rows = found.rows
    summed = np.stack([states[:, first : last + 1].sum(axis=1) for first, last in zip(rows.first, rows.last, strict=True)], axis=1)
    return np.asarray(summed * rows.share)


@pytest.mark.parametrize("k", [FRONT, COST, HOST])
@pytest.mark.parametrize("kept", [5, 7])
def test_rows_have_the_moments_that_whole_paths_give_them(k: int, kept: int, make_spec: Maker, make_draws: DrawsMaker) -> None:
    spec = make_spec(12, ROWS, COUNTS)
    draws = whole_draws(make_draws, 12)
    window = Window(12, np.full(4, kept, dtype=np.int64), kept + 2, 3)
    path = draws["path"][:, :, window.stored :]
    found = factor_window(spec, window, k, rows_by_factor(spec)[k], path, read_parameters(spec, draws))
    moments = Moments(spec, draws)
    strength = strengths(found, draws["path"][:, k, kept + 1 :])
    measured, counted = spec.panel.measured, spec.panel.counted
    for j, ((i, first, last), content) in enumerate(found.contents.items()):
        if i < len(measured.indicators):
            row = np.flatnonzero((measured.indicator == i) & (measured.first == first) & (measured.last == last))[0]
            residual = found.rows.target[:, j] - found.rows.slope[:, j] * strength[:, j]
            np.testing.assert_allclose(residual, content[0] - moments.location[:, row], rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(found.rows.precision[:, j], moments.spread[:, row] ** -2, rtol=1e-12)
            assert found.rows.counted[j] == CONTINUOUS
        else:
            row = np.flatnonzero((counted.indicator == i - len(measured.indicators)) & (counted.week == last))[0]
            np.testing.assert_allclose(
                found.rows.target[:, j] + found.rows.slope[:, j] * strength[:, j], moments.log_mean[:, row], rtol=1e-10
            )
            np.testing.assert_array_equal(found.rows.precision[:, j], moments.dispersion[:, row])
            assert found.rows.counted[j] == content[0] == counted.count[row]
    assert len(found.contents) == sum(key[2] > kept for key in rows_by_factor(spec)[k]) > 0
    np.testing.assert_array_equal(found.rows.before, draws["path"][:, k, kept])
    np.testing.assert_allclose(found.rows.persistence, 0.5 ** (1 / draws["half_life"][:, k]))
    assert found.rows.df[0] == (0.0 if k == COST else 4.0), "only shocks are heavy-tailed"


def test_what_the_parameters_alone_decide_is_in_the_constant(make_spec: Maker, make_draws: DrawsMaker) -> None:
    spec, draws = make_spec(12, ROWS, COUNTS), whole_draws(make_draws, 12)
    window, parameters = Window(12, np.full(4, 5, dtype=np.int64), 7, 0), read_parameters(spec, draws)
    rows = factor_window(spec, window, COST, rows_by_factor(spec)[COST], draws["path"], parameters).rows
    np.testing.assert_allclose(rows.constant, 0.5 * np.log(rows.precision).sum(axis=1))
    rows = factor_window(spec, window, HOST, rows_by_factor(spec)[HOST], draws["path"], parameters).rows
    alpha = draws["dispersion"][:, :1]
    expected = (gammaln(rows.counted + alpha) - gammaln(alpha) + alpha * np.log(alpha)).sum(axis=1)
    np.testing.assert_allclose(rows.constant, expected)


def test_states_are_tied_as_far_as_rows_reach(make_spec: Maker, make_draws: DrawsMaker) -> None:
    spec, draws = make_spec(12, ROWS, COUNTS), whole_draws(make_draws, 12)
    window, parameters = Window(12, np.full(4, 5, dtype=np.int64), 7, 0), read_parameters(spec, draws)
    weekly, monthly = (factor_window(spec, window, k, rows_by_factor(spec)[k], draws["path"], parameters).rows for k in (FRONT, COST))
    assert weekly.envelope.tolist() == [0, 0, 1, 2, 3, 4]
    # prices: weeks 4-7, of which 6 and 7 lie in the window, and 8-11
    assert monthly.envelope.tolist() == [0, 0, 1, 2, 2, 2]


def test_a_new_knot_moves_the_level_of_all_weeks_after_the_last_one(make_spec: Maker, make_draws: DrawsMaker) -> None:
    rows = [("losses", week, week, 0.1, 1.0, 0.0) for week in (27, 30, 40, 52, 53)] + [("prices", 24, 28, 0.3, 1.0, 0.0)]
    base, new = make_spec(50, rows[:3]), make_spec(54, rows)
    draws = whole_draws(make_draws, 54)
    stored = draws | {"level_moves": draws["level_moves"][..., :2]}
    window = Window(50, np.array([30, 26, 30, 30], dtype=np.int64), 28, 10)
    parameters = read_parameters(base, stored)
    path = draws["path"][:, :, window.stored :]
    before = factor_window(base, window, COST, rows_by_factor(base)[COST], path, parameters)
    found = factor_window(new, window, COST, rows_by_factor(new)[COST], path, parameters)
    assert found.moved and not before.moved
    assert len(found.rows.envelope) == 28 and found.rows.weeks[0] == 27 and found.rows.envelope[-1] == 0
    # with the move that the draw has at its third knot the rows lie where the whole level puts them
    move = draws["level_moves"][:, 0, 2]
    added = move[:, None] * found.rows.step[:, None] * found.rows.ramp
    residual = found.rows.target - found.rows.slope * (strengths(found, draws["path"][:, COST, 27:]) + added)
    moments = Moments(new, draws)
    measured = new.panel.measured
    for j, (i, first, last) in enumerate(found.contents):
        row = np.flatnonzero((measured.indicator == i) & (measured.first == first) & (measured.last == last))[0]
        np.testing.assert_allclose(residual[:, j], measured.value[row] - moments.location[:, row], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.rows.step * draws["factor_scale"][:, COST], draws["level"][:, 0])


def test_rows_are_distinguished_by_their_content(make_spec: Maker) -> None:
    spec = make_spec(12, ROWS, COUNTS)
    found = rows_by_factor(spec)
    assert found[COST][2, 8, 11] == (0.6, 2.0, 0.0) and found[HOST][3, 10, 10] == (7.0, 0.2, 1.0)
    assert sum(map(len, found)) == len(ROWS) + len(COUNTS) and found[FAITH] == {}


def test_no_two_rows_of_an_indicator_describe_the_same_weeks(root: Any) -> None:
    from ripeness.data.panel import build_panel
    from ripeness.data.vintages import read_store
    from ripeness.workspace import read_workspace

    workspace = read_workspace(root)
    vintage = read_store(workspace).as_of(date(2026, 6, 28))
    panel = build_panel(vintage, vintage.contracts, workspace.question, dict.fromkeys("ABC", 1.0))
    spec = cast(ModelSpec, SimpleNamespace(panel=panel, workspace=workspace, contracts=vintage.contracts))
    assert sum(map(len, rows_by_factor(spec))) == len(panel.measured.value) + len(panel.counted.count)
    window = choose_window(spec, vintage)
    back = dict(zip(workspace.factor_ids, window.weeks - 1 - window.kept, strict=True))
    slowest = max(back, key=lambda name: back[name])
    assert 30 <= back[slowest] <= LONGEST, "aid is published by the quarter, some four months late"
    assert sorted(back.values())[8] <= SHORTEST + 2, "all but a few are known within weeks"


def test_what_a_workspace_does_not_have_is_not_asked_for(make_spec: Maker, make_draws: DrawsMaker) -> None:
    """One indicator of each factor, so that no loading is free, and no slow level: the posterior has no such variables."""
    spec, draws = make_spec(30, ROWS[:2], COUNTS[:3]), make_draws(DRAWS, 2, 30)
    contracts = {name: SimpleNamespace(**vars(contract) | {"reference": True}) for name, contract in spec.contracts.items()}
    workspace = SimpleNamespace(
        **vars(spec.workspace) | {"factors": [one.model_copy(update={"level": False}) for one in spec.workspace.factors]}
    )
    bare = replace(spec, contracts=cast(Any, contracts), workspace=cast(Any, workspace))
    kept = {name: values for name, values in draws.items() if name not in ("loading", "intercept", "level", "level_start", "level_moves")}
    parameters, moments = read_parameters(bare, kept), Moments(bare, kept)
    scale = draws["factor_scale"]
    np.testing.assert_array_equal(parameters.loading, scale[:, [FRONT, COST, COST, HOST, FRONT]])
    assert (parameters.intercept == 0.0).all() and (parameters.level == 0.0).all()
    assert parameters.level.shape[2] == len(level_basis(30))  # as many knots as the record has, so that levels can be read off anywhere
    assert moments.location == pytest.approx(scale[:, [FRONT]] * draws["path"][:, FRONT, [3, 8]])
    none = replace(
        spec.panel.measured,
        indicators=(),
        **{name: np.zeros(0, dtype=int) for name in ("indicator", "first", "last", "value", "widening", "sampling")},
    )
    counts = replace(spec, contracts={name: spec.contracts[name] for name in ("visits", "items")}, panel=replace(spec.panel, measured=none))
    without_noise = {name: values for name, values in draws.items() if name != "noise"} | {
        "factor_scale": scale[:, [HOST, FRONT]],
        "loading": draws["loading"][:, :1],
        "intercept": draws["intercept"][:, :1],
    }
    alone = Moments(counts, without_noise)
    assert alone.location.shape == (DRAWS, 0) and np.isfinite(alone.log_mean).all()
