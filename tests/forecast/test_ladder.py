"""The ladder: exact given rounds, coherent along every path, and in step with a plain simulation of events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_up_war import make_draws
from numpy.typing import NDArray

from ripeness import names
from ripeness.forecast.ahead import Ahead, build_ahead, horizon_shares
from ripeness.forecast.ladder import RungsAhead, base_probabilities, rung_probabilities
from ripeness.forecast.simulate import simulate_dormancy
from ripeness.model.inside import condition_log_odds
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.loadings import factor_scales
from ripeness.model.terms.rungs import log_multipliers

Array = NDArray[np.float64]
SEED = np.random.SeedSequence(4)


@pytest.fixture(scope="module")
def looked(spec: ModelSpec) -> Ahead:
    draws = make_draws(spec, np.random.default_rng(3), 30)
    state = np.zeros((30, 12))
    state[:, [2, 11]] = 0.5
    return build_ahead(spec, "conjunctive", draws, [], 8, np.random.SeedSequence(2), state)


def shares_of(spec: ModelSpec, ahead: Ahead) -> Array:
    return horizon_shares(spec.panel.origin, spec.workspace.rung_horizons, len(ahead.weeks))


def test_no_rung_is_likelier_than_what_it_is_part_of_nor_less_likely_later(spec: ModelSpec, looked: Ahead) -> None:
    ids = spec.workspace.rung_ids
    within, variance = rung_probabilities(looked, ids, shares_of(spec, looked), SEED)
    assert ((within >= 0) & (within <= 1)).all() and (variance >= 0).all()
    assert (np.diff(within, axis=2) >= 0).all() and (np.diff(within, axis=2) > 0).any()
    assert (within[:, ids.index("peace")] < within[:, ids.index("halt")]).all()
    rounds = simulate_dormancy(looked, SEED)[0]
    for h, own in enumerate(shares_of(spec, looked)):
        whole = own == 1.0  # a week that is cut may hold its round on either side
        some = 1.0 - np.prod(1.0 - (rounds[:, :, whole] > 0), axis=2)
        with_leaders = rung_probabilities(looked, ["leaders"], np.where(whole, own, 0.0)[None], SEED)[0][:, 0, 0]
        assert (with_leaders <= some.mean(axis=1)).all(), h


def test_events_come_as_often_as_in_a_plain_simulation(spec: ModelSpec, looked: Ahead) -> None:
    """Events drawn one by one from gamma-mixed Poisson weeks, those of a nested rung thinned out of them."""
    rungs, shares = looked.rungs, shares_of(spec, looked)
    assert rungs is not None
    rng, r, draw = np.random.default_rng(8), rungs.ids.index("halt"), 7
    dormancy = simulate_dormancy(looked, SEED)[1]
    active = dormancy[draw] <= 8
    mean = np.exp(rungs.log_multiplier[draw, :, r] + rungs.log_rate[draw, r] + rungs.log_active[draw, r] * active) * shares[-1]
    alpha = rungs.dispersion[draw, r]
    futures = 4000
    events = rng.poisson(rng.gamma(alpha, mean[None] / alpha, (futures, *mean.shape)))
    peace = rng.binomial(events, rungs.nested["peace"][1][draw])
    within = rung_probabilities(looked, ["halt", "peace"], shares, SEED)[0][draw, :, -1]
    for found, happened in zip(within, (events, peace), strict=True):
        share = (happened.sum(axis=2) > 0).mean()
        assert found == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / (futures * len(mean))) + 1e-3)
    assert within[1] < within[0] and active.any() and not active.all()


def test_a_rung_reads_the_conditions_that_it_needs_in_the_week_before(spec: ModelSpec, looked: Ahead) -> None:
    draws = make_draws(spec, np.random.default_rng(3), 30)
    z = np.repeat(draws["path"][:, None, :, -2:-1], 8, axis=1)  # the origin cuts its week: the first week ahead reads the one before
    from datetime import timedelta

    from ripeness.model.terms.pulses import read_factors

    before = [looked.weeks[0] - timedelta(days=7)]
    z = read_factors(spec, draws, z, before)
    expected = log_multipliers(spec, draws, condition_log_odds(spec, draws, z))
    assert looked.rungs is not None
    np.testing.assert_allclose(looked.rungs.log_multiplier[:, :, :2, 0], expected[..., 0], rtol=1e-9)
    only_south = np.log(1 / (1 + np.exp(-condition_log_odds(spec, draws, z)[:, :, 1, 0])))
    swap = draws["rung_exponent"][:, None, 0] * only_south - draws["rung_normaliser"][:, None, 0]
    np.testing.assert_allclose(looked.rungs.log_multiplier[:, :, 0, 0], swap, rtol=1e-9)


def test_what_an_indicator_counts_follows_its_factor_in_the_same_week(spec: ModelSpec, looked: Ahead) -> None:
    """Of the origin's own week the rest: its path is known. All of the events are captured, whatever the era."""
    draws, rungs = make_draws(spec, np.random.default_rng(3), 30), looked.rungs
    assert rungs is not None
    visit = rungs.ids.index("visit")
    log_mean = np.log(12.0) + 0.5 * factor_scales(spec, draws)[:, 2] * draws["path"][:, 2, -1]
    found = rungs.log_rate[:, visit, None] + rungs.log_multiplier[:, :, visit, 0]
    np.testing.assert_allclose(found, np.repeat(log_mean[:, None], 8, axis=1), rtol=1e-9)
    np.testing.assert_allclose(rungs.log_active[:, visit], 0.0)


def test_at_base_rates_nothing_moves_events_but_active_talks(spec: ModelSpec, looked: Ahead) -> None:
    rungs = looked.rungs
    assert rungs is not None
    shares = shares_of(spec, looked)
    quiet = replace(looked, outside=looked.outside - 50.0, dormancy=looked.dormancy + 20)  # no round, and none lately
    quiet = replace(quiet, outside=np.concatenate([quiet.outside, np.repeat(quiet.outside[:, -1:], 30, axis=1)], axis=1))
    base = base_probabilities(quiet, ["swap"], shares, SEED)[:, 0]
    alpha, rate = rungs.dispersion[:, 0], np.exp(rungs.log_rate[:, 0])
    for h, own in enumerate(shares):
        expected = 1 - np.exp(-(alpha[:, None] * np.log1p(rate[:, None] * own / alpha[:, None])).sum(axis=1))
        np.testing.assert_allclose(base[:, h], expected, rtol=1e-9)
    assert (base_probabilities(looked, ["swap"], shares, SEED)[:, 0] >= base - 1e-12).sum() > 0.5 * base.size


def test_a_variant_without_factors_says_nothing_of_rungs(spec: ModelSpec) -> None:
    draws = make_draws(spec, np.random.default_rng(3), 4)
    state = np.ones((4, 1))
    ahead = build_ahead(spec, names.OUTSIDE, draws, [], 2, np.random.SeedSequence(2), state)
    assert ahead.rungs is None


def test_fewer_draws_are_the_same_draws(spec: ModelSpec, looked: Ahead) -> None:
    rungs = looked.rungs
    assert isinstance(rungs, RungsAhead)
    some: Any = np.array([3, 9])
    fewer = rungs.take(some)
    for name in ("log_rate", "log_active", "dispersion", "log_multiplier"):
        np.testing.assert_array_equal(getattr(fewer, name), getattr(rungs, name)[some])
    np.testing.assert_array_equal(fewer.nested["leaders"][1], rungs.nested["leaders"][1][some])
