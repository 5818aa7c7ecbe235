"""The rounds of a window: the recursion begun in the middle is that of the whole record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import log_expit, logsumexp

from ripeness import names
from ripeness.forecast.dormancy import dormancy_in_week
from ripeness.model.spec import ModelSpec
from ripeness.model.terms import conditions as inner
from ripeness.model.terms.announcements import arrival_rates, searched_weeks, share_on_record
from ripeness.model.terms.dormancy_filter import filter_dormancy
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.record import filter_forward
from ripeness.reweighting.refusals import beyond_window
from ripeness.reweighting.reweighted import StoredFit, match_sensitivity, rounds_in_window, update_fit
from ripeness.reweighting.weights import Anchor
from ripeness.reweighting.window import Window

Array = NDArray[np.float64]
Maker = Callable[..., ModelSpec]
DrawsMaker = Callable[..., dict[str, Array]]
DRAWS = 5
ANNOUNCED = ("kept", "recorded", "share_announced", "class_split", "lead_median", "lead_spread")
FOUNDS = {
    "silence": [0, 0, 0, 0, 0, 0, 0, 0],
    "a round before": [0, 1, 0, 0, 0, 0, 0, 0],
    "rounds before and after": [0, 1, 0, 0, 1, 1, 0, 0],
    "a round in the last week": [0, 0, 0, 0, 0, 0, 0, 1],
}


def case(found: list[int], seed: int = 0) -> tuple[Array, ...]:
    rng, more, of_record = (np.random.default_rng(seed + 100 * stream) for stream in range(3))
    weeks, rounds = len(found), np.cumsum([0, *found[:-1]]).astype(int)
    return (
        rng.normal(-1.0, 0.6, (DRAWS, weeks + 2)),
        of_record.normal(0.3, 0.3, (DRAWS, weeks + 2)),
        rng.normal(0.0, 0.5, (DRAWS, weeks)),
        rng.gamma(0.5, 0.3, (DRAWS, weeks)),
        more.uniform(0.2, 0.9, (DRAWS, weeks)),
        more.uniform(0.3, 1.5, (DRAWS, weeks)),
        rng.uniform(0.4, 0.95, (DRAWS, weeks)),
        np.array(found, dtype=float),
        more.poisson(0.5, weeks).astype(float),
        of_record.normal(0.0, 1.0, weeks)[rounds],
    )


def dormancy_after(given: tuple[Array, ...], whole: bool) -> Array:
    """Dormancy after a record that begins after a round."""
    state: Array = filter_forward(*given, np.ones((len(given[0]), 1)), whole)[1]
    return state


@pytest.mark.parametrize("found", FOUNDS.values(), ids=FOUNDS)
@pytest.mark.parametrize("first", [0, 1, 3])
@pytest.mark.parametrize("whole", [True, False])
def test_begun_in_the_middle_it_is_the_whole_recursion(found: list[int], first: int, whole: bool) -> None:
    given = case(found)
    outside, by_record, *weekly = given
    state = dormancy_after((outside, by_record, *(np.ascontiguousarray(values[..., :first]) for values in weekly)), True)
    later = [np.ascontiguousarray(values[..., first:]) for values in weekly]
    log_likelihood, after, _ = filter_forward(outside, by_record, *later, state, whole)
    expected = [filter_dormancy(*(part[s] if part.ndim == 2 else part for part in given))[0][first:].sum() for s in range(DRAWS)]
    np.testing.assert_allclose(log_likelihood.sum(axis=1), expected, rtol=1e-11)
    np.testing.assert_allclose(after, dormancy_after(given, whole), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(after.sum(axis=1), 1.0)
    # searched perfectly and with no arrivals counted, what is found is what happens: the likelihood of a week is the chance of what was seen there
    multipliers, added, unannounced, rate, sensitivity, held, *rest = later
    log_likelihood, _, chance = filter_forward(
        outside, by_record, multipliers, added, unannounced, np.zeros_like(rate), np.ones_like(sensitivity), held, *rest, state, whole
    )
    seen = np.where(held > 0, chance, 1.0 - chance)
    np.testing.assert_allclose(np.log(seen), log_likelihood, rtol=1e-11)


def inside_by_hand(spec: ModelSpec, draws: dict[str, Array], path: Array, variant: str) -> Array:
    """Log multiplier of the inside view on paths without one-sided factors: (draw, week)."""
    log_odds = inner.openness(path, inner.weight_matrix(draws["weight"], spec.structure), draws["intercept_open"])
    if variant == names.CONJUNCTIVE:
        return np.asarray(log_expit(log_odds).sum(axis=1) - draws["normaliser"][:, None])
    if variant == names.SUBSTITUTABLE:
        return np.asarray(logsumexp(log_odds + (np.log(draws["cause_share"]) - draws["cause_normaliser"])[:, :, None], axis=1))
    return np.zeros((len(log_odds), log_odds.shape[2]))


def log_months_by_hand(spec: ModelSpec) -> Array:
    """Log of one plus the months with a round before each week, and before what comes next, less the class's mean: (week,)."""
    weeks, found = spec.panel.weeks, spec.panel.record.found
    held = [
        {(sunday.year, sunday.month) for sunday, there in zip(weeks[:t], found[:t], strict=True) if there} for t in range(len(weeks) + 1)
    ]
    return np.log([1 + len(months) for months in held]) - spec.reference.log_months


def by_record_by_hand(spec: ModelSpec, draws: dict[str, Array], longest: int) -> Array:
    """What each unit of it adds to the log hazard, the third and fourth knot being the class's: (draw, dormancy)."""
    return np.outer(draws["track_record"], outside_basis(spec, longest)[:, 2:].sum(axis=1))


def by_hand(spec: ModelSpec, draws: dict[str, Array], path: Array, variant: str, sensitivity: Array) -> Array:
    """Log-likelihood of each week at risk, from the kernel of the model, one draw after another."""
    record = spec.panel.record
    weeks = slice(record.start, len(spec.panel.weeks))
    outside = draws["outside_knots"] @ outside_basis(spec, len(spec.panel.weeks) + 1).T
    inside = inside_by_hand(spec, draws, path[:, :, record.start - 1 : -1], variant)
    multiplier = np.log(record.share[weeks]) + inside
    multiplier = np.broadcast_to(multiplier, inside.shape)
    announced = -np.log1p(-draws["kept"]) @ spec.meetings.exposure[:, weeks]
    searched = searched_weeks(spec)
    unannounced = 1.0 - share_on_record(draws)[:, None] * searched
    rate = arrival_rates(draws).sum(axis=1)[:, None] * searched
    own = (outside, by_record_by_hand(spec, draws, outside.shape[1]), multiplier, announced, unannounced, rate, sensitivity[:, weeks])
    seen = record.found[weeks], spec.meetings.arrived(record.start, len(spec.panel.weeks)), log_months_by_hand(spec)[weeks]
    return np.stack([filter_dormancy(*(part[s] for part in own), *seen)[0] for s in range(DRAWS)])


@pytest.mark.parametrize("variant", names.VARIANTS)
@pytest.mark.parametrize("found", [(1,), (1, 6), (1, 3, 9)])
def test_the_rounds_of_a_window_are_the_last_ones_of_the_record(
    variant: Any, found: tuple[int, ...], make_spec: Maker, make_draws: DrawsMaker
) -> None:
    pairs = [(0.8, 0.9)] * 5 + [(0.6, 0.7)] * 5
    announced = np.random.default_rng(3).uniform(0, 0.5, (4, 10))
    arrivals = [(3, 0, 4.0), (4, 1, 2.0), (7, 1, 9.0), (7, 0, 1.0), (9, 1, 30.0)]
    spec = make_spec(10, found=found, pairs=pairs, announced=announced, arrivals=arrivals, days_missing=2)
    draws = make_draws(DRAWS, 1, 10)
    draws["sensitivity"] = np.random.default_rng(4).uniform(0.5, 0.9, (DRAWS, 2))
    first, start = 5, spec.panel.record.start
    by_week = draws["sensitivity"][:, spec.panel.record.stretch]
    whole = by_hand(spec, draws, draws["path"], variant, by_week)
    outside = draws["outside_knots"] @ outside_basis(spec, 12).T
    # the state in week 5, from the weeks before it
    inside = inside_by_hand(spec, draws, draws["path"][:, :, :9], variant)
    weekly = (
        -np.log1p(-draws["kept"]) @ announced,
        1.0 - share_on_record(draws)[:, None] * np.ones(10),
        arrival_rates(draws).sum(axis=1)[:, None] * np.ones(10),
        by_week,
        spec.panel.record.found,
        spec.meetings.arrived(0, 10),
        log_months_by_hand(spec)[:10],
    )
    before = [values[..., start:first] for values in weekly]
    by_record = by_record_by_hand(spec, draws, 12)
    state = dormancy_after((outside, by_record, inside[:, start - 1 : first - 1], *before), True)
    path = None if variant == names.OUTSIDE else draws["path"][:, :, first - 1 : 9]
    found_here = rounds_in_window(spec, variant, draws, first, state, path)
    np.testing.assert_allclose(found_here.log_likelihood, whole[:, first - start :].sum(axis=1), rtol=1e-10)
    multiplier = inside[:, start - 1 :] + np.log(spec.panel.record.share[start:])
    whole_state = dormancy_after((outside, by_record, multiplier, *(values[..., start:] for values in weekly)), False)
    np.testing.assert_allclose(found_here.state, whole_state, rtol=1e-9, atol=1e-15)


def probability_of_record(spec: ModelSpec, draws: dict[str, Array], s: int) -> float:
    """Of what a record of rounds and announcements says under one draw of the outside view: summed over every history of rounds that may have been missed."""
    record, meetings, weeks = spec.panel.record, spec.meetings, len(spec.panel.weeks)
    outside, by_record = outside_basis(spec, weeks) @ draws["outside_knots"][s], by_record_by_hand(spec, draws, weeks)[s]
    log_months = log_months_by_hand(spec)
    kept, recorded, split = (draws[name][s] for name in ("kept", "recorded", "class_split"))
    share = draws["share_announced"][s] * np.array([1.0, *np.cumprod(1 - split)]) * np.array([*split, 1.0])
    rates, standing = share * recorded / kept[:2], -np.log1p(-kept) @ meetings.exposure
    numbers = np.array([[((meetings.week == t) & (meetings.kind == k)).sum() for k in range(2)] for t in range(weeks)])
    lead = stats.lognorm(draws["lead_spread"][s], scale=draws["lead_median"][s])
    total = 0.0
    for held in product((0, 1), repeat=weeks - record.start):
        probability, dormancy = 1.0, 1
        for t, happened in enumerate(held, start=record.start):
            rate, found = np.exp(outside[dormancy - 1] + by_record[dormancy - 1] * log_months[t]), record.found[t] > 0
            # each class by itself, its meetings in the order in which they were announced
            probability *= np.prod(np.exp(-rate * rates) * (rate * rates) ** numbers[t])
            silent = np.exp(-rate * (1 - share @ recorded) - standing[t])
            sensitivity = draws["sensitivity"][s, record.stretch[t]]
            if happened:
                probability *= (1 - silent) * (sensitivity if found else 1 - sensitivity)
            else:
                probability *= silent * float(not found)
            dormancy = 1 if happened else dormancy + 1
        total += probability
    return float(total * np.prod(lead.cdf(meetings.lead) - lead.cdf(meetings.lead - 1)))


def test_an_announcement_in_the_window_weights_the_draws_by_its_importance_ratio(make_spec: Maker, make_draws: DrawsMaker) -> None:
    """Weights are p(new record | θ) / p(old record | θ), both by enumeration: two more weeks, meetings announced in them and late for one before."""
    old, first = [(2, 1, 6.0), (4, 0, 3.0)], 4
    announced = np.zeros((4, 9))
    announced[0, 5], announced[1, 8] = 0.6, 0.2
    base = make_spec(7, found=(1, 3), arrivals=old, announced=announced[:, :7])
    silent, told = (
        make_spec(9, found=(1, 3), arrivals=more, announced=announced) for more in (old, [*old, (6, 1, 12.0), (7, 0, 1.0), (7, 0, 5.0)])
    )
    number = 30
    draws = make_draws(number, 1, 7)
    draws["outside_knots"] += 1.0
    draws = {name: draws[name] for name in ("outside_knots", "track_record", "sensitivity", *ANNOUNCED)}
    state = dormancy_in_week(base, draws, first)
    window = Window(7, np.full(4, 3, dtype=np.int64), first, 3)
    fit = StoredFit(names.OUTSIDE, names.AS_WRITTEN, window, draws, state, np.full((number, 1), 0.2), (Anchor(0.2, 0.002),), 1.0)
    ratios = []
    for new in (silent, told):
        assert beyond_window(base, new, window) == []
        expected = [np.log(probability_of_record(new, draws, s) / probability_of_record(base, draws, s)) for s in range(number)]
        found = update_fit(base, new, fit, np.random.SeedSequence(0)).log_ratio.sum(axis=1)
        # of meetings of one week the order does not matter: n! orders of theirs are one record
        np.testing.assert_allclose(found - found[0], np.array(expected) - expected[0], rtol=1e-9, atol=1e-11)
        ratios.append(found)
    assert np.ptp(ratios[1] - ratios[0]) > 0.5, "an announcement speaks"


def test_a_week_that_nobody_searched_says_nothing(make_spec: Maker, make_draws: DrawsMaker) -> None:
    from ripeness.data.observations import UNSEARCHED

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
