"""The rounds of a window: the recursion begun in the middle is that of the whole record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import log_expit, logsumexp

from ripeness import names
from ripeness.model.spec import ModelSpec
from ripeness.model.terms import conditions as inner
from ripeness.model.terms.dormancy_filter import filter_dormancy
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.record import filter_forward
from ripeness.reweighting.reweighted import match_sensitivity, rounds_in_window

Array = NDArray[np.float64]
Maker = Callable[..., ModelSpec]
DrawsMaker = Callable[..., dict[str, Array]]
DRAWS = 5
FOUNDS = {
    "silence": [0, 0, 0, 0, 0, 0, 0, 0],
    "a round before": [0, 1, 0, 0, 0, 0, 0, 0],
    "rounds before and after": [0, 1, 0, 0, 1, 1, 0, 0],
    "a round in the last week": [0, 0, 0, 0, 0, 0, 0, 1],
}


def case(found: list[int], seed: int = 0) -> tuple[Array, Array, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    weeks = len(found)
    return (
        rng.normal(-1.0, 0.6, (DRAWS, weeks + 2)),
        rng.normal(0.0, 0.5, (DRAWS, weeks)),
        rng.gamma(0.5, 0.3, (DRAWS, weeks)),
        rng.uniform(0.4, 0.95, (DRAWS, weeks)),
        np.array(found, dtype=float),
    )


def dormancy_after(outside: Array, multiplier: Array, announced: Array, sensitivity: Array, found: Array, whole: bool) -> Array:
    """Dormancy after a record that begins after a round."""
    state: Array = filter_forward(outside, multiplier, announced, sensitivity, found, np.ones((len(outside), 1)), whole)[1]
    return state


def parts_of(values: Array, first: int) -> Array:
    return np.ascontiguousarray(values[:, first:])


@pytest.mark.parametrize("found", FOUNDS.values(), ids=FOUNDS)
@pytest.mark.parametrize("first", [0, 1, 3])
@pytest.mark.parametrize("whole", [True, False])
def test_begun_in_the_middle_it_is_the_whole_recursion(found: list[int], first: int, whole: bool) -> None:
    outside, multiplier, announced, sensitivity, held = case(found)
    state = dormancy_after(outside, multiplier[:, :first], announced[:, :first], sensitivity[:, :first], held[:first], True)
    parts = (values[:, first:] for values in (multiplier, announced, sensitivity))
    log_likelihood, after, _ = filter_forward(outside, *parts, held[first:], state, whole)
    expected = [filter_dormancy(outside[s], multiplier[s], announced[s], sensitivity[s], held)[0][first:].sum() for s in range(DRAWS)]
    np.testing.assert_allclose(log_likelihood.sum(axis=1), expected, rtol=1e-11)
    np.testing.assert_allclose(after, dormancy_after(outside, multiplier, announced, sensitivity, held, whole), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(after.sum(axis=1), 1.0)
    # searched perfectly, what is found is what happens: the likelihood of a week is the chance of what was seen there
    sure = np.ones_like(parts_of(sensitivity, first))
    multipliers, added = parts_of(multiplier, first), parts_of(announced, first)
    log_likelihood, _, chance = filter_forward(outside, multipliers, added, sure, held[first:], state, whole)
    seen = np.where(held[first:] > 0, chance, 1.0 - chance)
    np.testing.assert_allclose(np.log(seen), log_likelihood, rtol=1e-11)


def inside_by_hand(spec: ModelSpec, draws: dict[str, Array], path: Array, variant: str) -> Array:
    """Log multiplier of the inside view on paths without one-sided factors: (draw, week)."""
    log_odds = inner.openness(path, inner.weight_matrix(draws["weight"], spec.structure), draws["intercept_open"])
    if variant == names.CONJUNCTIVE:
        return np.asarray(log_expit(log_odds).sum(axis=1) - draws["normaliser"][:, None])
    if variant == names.SUBSTITUTABLE:
        return np.asarray(logsumexp(log_odds + (np.log(draws["cause_share"]) - draws["cause_normaliser"])[:, :, None], axis=1))
    return np.zeros((len(log_odds), log_odds.shape[2]))


def by_hand(spec: ModelSpec, draws: dict[str, Array], path: Array, variant: str, sensitivity: Array) -> Array:
    """Log-likelihood of each week at risk, from the kernel of the model, one draw after another."""
    record = spec.panel.record
    weeks = slice(record.start, len(spec.panel.weeks))
    outside = draws["outside_knots"] @ outside_basis(spec, len(spec.panel.weeks) + 1).T
    inside = inside_by_hand(spec, draws, path[:, :, record.start - 1 : -1], variant)
    multiplier = np.log(record.share[weeks]) + inside
    multiplier = np.broadcast_to(multiplier, inside.shape)
    announced = -np.log1p(-draws["kept"]) @ spec.announced[:, weeks]
    return np.stack(
        [filter_dormancy(outside[s], multiplier[s], announced[s], sensitivity[s, weeks], record.found[weeks])[0] for s in range(DRAWS)]
    )


@pytest.mark.parametrize("variant", names.VARIANTS)
@pytest.mark.parametrize("found", [(1,), (1, 6), (1, 3, 9)])
def test_the_rounds_of_a_window_are_the_last_ones_of_the_record(
    variant: Any, found: tuple[int, ...], make_spec: Maker, make_draws: DrawsMaker
) -> None:
    pairs = [(0.8, 0.9)] * 5 + [(0.6, 0.7)] * 5
    announced = np.random.default_rng(3).uniform(0, 0.5, (4, 10))
    spec = make_spec(10, found=found, pairs=pairs, announced=announced, days_missing=2)
    draws = make_draws(DRAWS, 1, 10)
    draws["sensitivity"] = np.random.default_rng(4).uniform(0.5, 0.9, (DRAWS, 2))
    first, start = 5, spec.panel.record.start
    by_week = draws["sensitivity"][:, spec.panel.record.stretch]
    whole = by_hand(spec, draws, draws["path"], variant, by_week)
    outside = draws["outside_knots"] @ outside_basis(spec, 12).T
    # the state in week 5, from the weeks before it
    inside = inside_by_hand(spec, draws, draws["path"][:, :, :9], variant)
    hazards = -np.log1p(-draws["kept"]) @ announced
    before = slice(start, first)
    state = dormancy_after(
        outside, inside[:, start - 1 : first - 1], hazards[:, before], by_week[:, before], spec.panel.record.found[before], True
    )
    path = None if variant == names.OUTSIDE else draws["path"][:, :, first - 1 : 9]
    found_here = rounds_in_window(spec, variant, draws, first, state, path)
    np.testing.assert_allclose(found_here.log_likelihood, whole[:, first - start :].sum(axis=1), rtol=1e-10)
    multiplier = inside[:, start - 1 :] + np.log(spec.panel.record.share[start:])
    whole_state = dormancy_after(outside, multiplier, hazards[:, start:], by_week[:, start:], spec.panel.record.found[start:], False)
    np.testing.assert_allclose(found_here.state, whole_state, rtol=1e-9, atol=1e-15)


def test_a_week_that_nobody_searched_says_nothing(make_spec: Maker, make_draws: DrawsMaker) -> None:
    from ripeness.data.panel import UNSEARCHED

    spec = make_spec(8)
    record = replace(spec.panel.record, stretch=np.where(np.arange(8) >= 4, UNSEARCHED, 0))
    spec = replace(spec, panel=replace(spec.panel, record=record))
    draws = make_draws(DRAWS, 1, 8)
    found = rounds_in_window(spec, names.OUTSIDE, draws, 4, np.array([[0.2, 0.8]] * DRAWS), None)
    np.testing.assert_allclose(found.log_likelihood, 0.0, atol=1e-14)


def test_a_stretch_that_the_fit_did_not_know_has_its_prior(make_spec: Maker) -> None:
    base = make_spec(6, pairs=[(0.8, 0.9)] * 3 + [(0.6, 0.7)] * 3)
    new = make_spec(8, pairs=[(0.6, 0.7)] * 3 + [(0.92, 0.98)] * 2 + [(0.8, 0.9)] * 3)
    drawn = np.random.default_rng(0).uniform(0.5, 0.9, (20_000, 2))
    found = match_sensitivity(base, new, drawn, np.random.SeedSequence(3))
    assert found.shape == (20_000, 3)
    np.testing.assert_array_equal(found[:, [0, 2]], drawn[:, [1, 0]])
    logits = np.log(found[:, 1] / (1 - found[:, 1]))
    assert np.quantile(found[:, 1], [0.05, 0.95]) == pytest.approx([0.92, 0.98], abs=0.002)
    assert stats.kstest((logits - logits.mean()) / logits.std(), stats.norm.cdf).pvalue > 1e-3
    assert match_sensitivity(base, base, drawn, np.random.SeedSequence(3)).tolist() == drawn.tolist()
