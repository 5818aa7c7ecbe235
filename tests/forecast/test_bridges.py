"""Bridges: what others ask follows from the futures of the rungs, to the day and to the draw."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_war import make_draws
from numpy.typing import NDArray

from ripeness.calendar import target_date
from ripeness.elicitation.elicited import LEVELS, Elicited, elicit_quantiles
from ripeness.forecast.ahead import Ahead, build_ahead, horizon_shares
from ripeness.forecast.bridges import Bridged, bridge_probabilities, draw_shares
from ripeness.forecast.horizons import forecast_probabilities
from ripeness.forecast.ladder import base_probabilities, rung_probabilities
from ripeness.model.spec import ModelSpec
from ripeness.workspace.question import Bridge

Array = NDArray[np.float64]
SEED = np.random.SeedSequence(4)
DRAWS = 40


@pytest.fixture(scope="module")
def looked(spec: ModelSpec) -> Ahead:
    draws = make_draws(spec, np.random.default_rng(3), DRAWS)
    state = np.zeros((DRAWS, 12))
    state[:, [2, 11]] = 0.5
    return build_ahead(spec, "conjunctive", draws, [], 8, np.random.SeedSequence(2), state)


def share_of(low: float, high: float) -> Elicited:
    return elicit_quantiles(low, high, "logitnormal", "share", Path("hazard.toml"), None)


def bridge_of(rung: str, by: date) -> Bridge:
    return Bridge(
        id=f"to_{rung}",
        label=rung,
        text="Will it come about?",
        venue="Fair",
        market=f"fair:{rung}",
        rung=rung,
        by=by,
        rules="None to speak of.",
    )


def ask(spec: ModelSpec, ahead: Ahead, rung: str, by: date, share: Elicited | None = None) -> Bridged:
    bridge = bridge_of(rung, by)
    priors: Any = {} if share is None else {f"bridge_share.{bridge.id}": share}
    return bridge_probabilities(replace(spec, workspace=replace(spec.workspace, bridges=(bridge,)), priors=priors), ahead, SEED)


HALF = replace(share_of(0.4, 0.6), sigma=0.0)


@pytest.mark.parametrize("rung", ["swap", "halt", "peace", "leaders", "visit", "round"])
def test_without_a_share_a_bridge_is_its_rung_up_to_its_day(spec: ModelSpec, looked: Ahead, rung: str) -> None:
    shares = horizon_shares(spec.panel.origin, [4], len(looked.weeks))
    found = ask(spec, looked, rung, target_date(spec.panel.origin, 4))
    if rung == "round":
        rounds = forecast_probabilities(looked)
        expected, base = rounds.within[:, 0], rounds.level_only[:, 0]
        np.testing.assert_allclose(found.variance[:, 0], rounds.path_variance[:, 0], rtol=1e-9)
    else:
        expected = rung_probabilities(looked, [rung], shares, SEED)[0][:, 0, 0]
        base = base_probabilities(looked, [rung], shares, SEED)[:, 0, 0]
    assert found.ids == [f"to_{rung}"]
    np.testing.assert_allclose(found.within[:, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(found.base[:, 0], base, rtol=1e-9)


@pytest.mark.parametrize("rung", ["halt", "peace", "leaders", "round"])
def test_a_later_day_is_likelier_and_a_single_day_counts_as_one(spec: ModelSpec, looked: Ahead, rung: str) -> None:
    within = [ask(spec, looked, rung, spec.panel.origin + timedelta(days=days)).within[:, 0] for days in (1, 2, 5, 30, 91)]
    for earlier, later in itertools.pairwise(within):
        assert (earlier <= later).all() and (earlier < later).any()
    np.testing.assert_allclose(within[0] * 2, within[1], rtol=0.12)  # both days lie in the origin's own week
    assert (within[0] > 0).all() or rung == "leaders"  # no round in that week in any future of some draw


def test_what_counts_more_comes_one_over_share_times_as_often(spec: ModelSpec, looked: Ahead) -> None:
    by = target_date(spec.panel.origin, 13)
    shares, rungs = horizon_shares(spec.panel.origin, [13], len(looked.weeks)), looked.rungs
    assert rungs is not None
    plain = rung_probabilities(looked, ["halt", "leaders"], shares, SEED)[0][:, :, 0]
    twice = replace(looked, rungs=replace(rungs, log_rate=rungs.log_rate + np.log(2.0)))
    expected = rung_probabilities(twice, ["halt"], shares, SEED)[0][:, 0, 0]
    np.testing.assert_allclose(ask(spec, looked, "halt", by, HALF).within[:, 0], expected, rtol=1e-3)
    assert (expected > plain[:, 0]).all()
    rounds = forecast_probabilities(looked)
    found = ask(spec, looked, "round", by, HALF)
    np.testing.assert_allclose(found.within[:, 0], 1 - (1 - rounds.within[:, 1]) ** 2, rtol=1e-3)
    np.testing.assert_allclose(found.base[:, 0], 1 - (1 - rounds.level_only[:, 1]) ** 2, rtol=1e-3)
    np.testing.assert_allclose(found.variance[:, 0], 4 * (1 - rounds.within[:, 1]) ** 2 * rounds.path_variance[:, 1], rtol=1e-3)
    both = ("round", np.minimum(2.0 * rungs.nested["leaders"][1], 1.0 - 1e-9))
    doubled = replace(looked, rungs=replace(rungs, nested={**rungs.nested, "leaders": both}))
    leaders = rung_probabilities(doubled, ["leaders"], shares, SEED)[0][:, 0, 0]
    np.testing.assert_allclose(ask(spec, looked, "leaders", by, HALF).within[:, 0], leaders, rtol=1e-3)
    assert (leaders >= plain[:, 1]).all() and (leaders > plain[:, 1]).any()


def test_a_bridge_is_never_likelier_than_what_its_rung_is_part_of(spec: ModelSpec, looked: Ahead) -> None:
    by = target_date(spec.panel.origin, 13)
    shares = horizon_shares(spec.panel.origin, [13], len(looked.weeks))
    halt = rung_probabilities(looked, ["halt"], shares, SEED)[0][:, 0, 0]
    tiny = share_of(1e-6, 4e-6)
    np.testing.assert_allclose(ask(spec, looked, "peace", by, tiny).within[:, 0], halt, rtol=1e-6)
    leaders = ask(spec, looked, "leaders", by, tiny)
    assert np.isfinite(leaders.within).all() and (leaders.within <= 1).all()
    rounds = forecast_probabilities(replace(looked, horizon_share=shares)).within[:, 0]
    assert leaders.within.mean() == pytest.approx(rounds.mean(), abs=0.05)


def test_only_bridges_that_end_within_the_horizons_are_told(spec: ModelSpec, looked: Ahead) -> None:
    origin = spec.panel.origin
    for days in (-30, 0, 7 * 13 + 1):
        found = ask(spec, looked, "halt", origin + timedelta(days=days))
        assert found.ids == [] and found.within.shape == (DRAWS, 0)
    assert ask(spec, looked, "halt", origin + timedelta(days=7 * 13)).ids == ["to_halt"]


def test_shares_are_drawn_from_what_was_elicited() -> None:
    prior = share_of(0.1, 0.65)
    drawn = draw_shares(prior, 2000, np.random.default_rng(1))
    np.testing.assert_allclose(np.quantile(drawn, LEVELS), [0.1, prior.achieved[1], 0.65], atol=2e-3)
    assert abs(np.corrcoef(drawn, np.arange(2000))[0, 1]) < 0.1
    np.testing.assert_array_equal(drawn, draw_shares(prior, 2000, np.random.default_rng(1)))
