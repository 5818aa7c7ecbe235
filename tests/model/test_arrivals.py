"""Announcements as a process: adjoints of its kernels, classes and lead times against SciPy, and lags against simulated meetings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from adjoints import check_adjoint, forward
from made_up_war import make_draws
from numpy.typing import NDArray
from scipy import stats

from ripeness.forecast.dormancy import whole_record
from ripeness.model.spec import ModelSpec
from ripeness.model.term import Kernel
from ripeness.model.terms.announcements import (
    LONGEST_LEAD,
    Announcements,
    Arrivals,
    arrival_rates,
    class_shares,
    draw_leads,
    lead_weeks,
    share_on_record,
)
from ripeness.model.terms.record import Record

Array = NDArray[np.float64]
(STANDING, ARRIVING), (LEADS,) = Announcements.kernels, Arrivals.kernels
RNG = np.random.default_rng(8)
GIVEN: dict[str, Any] = {
    "kept": np.array([0.6, 0.15, 0.08, 0.02]),
    "recorded": np.array([0.8, 0.4]),
    "share_announced": np.array([0.75]),
    "class_split": np.array([0.7]),
    "announced_share": RNG.uniform(0, 1, (4, 7)) * (RNG.random((4, 7)) < 0.4),
    "searched": np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0]),
    "class_weight": np.array([0.6, 0.4]),
    "lead_median": np.array([4.0]),
    "lead_spread": np.array([0.9]),
    "arrival_kind": np.array([0, 1, 0, 1, 1, 1], dtype=np.int64),
    "arrival_lead": np.array([1.0, 2.0, 4.0, 30.0, 400.0, 1.0]),
}


@pytest.mark.parametrize(
    ("kernel", "wrt"),
    [(kernel, name) for kernel in (STANDING, ARRIVING, LEADS) for name in kernel.wrt],
    ids=lambda given: given if isinstance(given, str) else given.forward.__name__,
)
def test_adjoints_are_those_of_central_differences(kernel: Kernel, wrt: str) -> None:
    check_adjoint(kernel, GIVEN, wrt, step=1e-6, rtol=1e-6, atol=1e-7)


def test_of_each_class_as_many_are_announced_as_its_rounds_take() -> None:
    """Rounds that are announced on record and those that are not add up to the total hazard, in every week that was searched and in those that nobody did."""
    found = forward(ARRIVING, GIVEN)
    rates = found["arrival_rate"][:, None] * found["class_weight"]
    np.testing.assert_allclose(found["unannounced"] + rates @ GIVEN["kept"][:2], 1.0, rtol=1e-14)
    np.testing.assert_array_equal(found["unannounced"][[2, 4]], 1.0)
    np.testing.assert_array_equal(found["arrival_rate"][[2, 4]], 0.0)
    assert found["class_weight"].sum() == pytest.approx(1.0) and 0.2 < found["unannounced"][0] < 0.7
    draws = {name: GIVEN[name][None] for name in ("kept", "recorded", "class_split")} | {"share_announced": GIVEN["share_announced"]}
    np.testing.assert_allclose(class_shares(draws), [[0.7, 0.3]])
    np.testing.assert_allclose(arrival_rates(draws)[0], rates[0], rtol=1e-14)
    np.testing.assert_allclose(1.0 - share_on_record(draws), found["unannounced"][0], rtol=1e-14)


def test_what_stands_adds_the_odds_of_its_class() -> None:
    added = forward(STANDING, GIVEN)["announced"]
    np.testing.assert_allclose(np.exp(-added), np.prod((1 - GIVEN["kept"][:, None]) ** GIVEN["announced_share"], axis=0), rtol=1e-13)


def test_classes_and_lead_times_are_scored_as_scipy_does(spec: ModelSpec) -> None:
    draws = make_draws(spec, np.random.default_rng(4), 9)
    more = spec.meetings._replace(week=np.arange(6), kind=GIVEN["arrival_kind"], lead=GIVEN["arrival_lead"])
    wide = ModelSpec(**vars(spec) | {"meetings": more})
    found = Arrivals().log_likelihood(wide, draws)
    assert found.shape == (9, 6)
    for s in range(9):
        split = draws["class_split"][s]
        share = np.array([1.0, *np.cumprod(1 - split)]) * np.array([*split, 1.0])
        rate = share * draws["recorded"][s] / draws["kept"][s, :2]
        lead = stats.lognorm(draws["lead_spread"][s], scale=draws["lead_median"][s])
        for j, (kind, days) in enumerate(zip(more.kind, more.lead, strict=True)):
            # of the upper tail, where it loses no digits
            expected = np.log(rate[kind] / rate.sum()) + np.log(
                lead.sf(days - 1) - lead.sf(days) if days > 5 else lead.cdf(days) - lead.cdf(days - 1)
            )
            assert found[s, j] == pytest.approx(expected, rel=1e-9)
        own = {name: draws[name][s : s + 1] for name in ("lead_median", "lead_spread")}
        one = forward(LEADS, GIVEN | own | {"class_weight": rate / rate.sum()})["lead"]
        np.testing.assert_allclose(one, found[s], rtol=1e-9)


def test_lead_times_are_whole_days_as_likely_as_they_are_scored() -> None:
    number, median, spread = 200_000, 3.0, 0.8
    found = draw_leads(np.full(number, median), spread, np.random.default_rng(5))
    lead = stats.lognorm(spread, scale=median)
    days = np.arange(1, 15)
    expected = lead.cdf(days) - lead.cdf(days - 1)
    counts = np.array([(found == day).sum() for day in days])
    assert (found == np.rint(found)).all() and found.min() == 1.0
    assert (np.abs(counts / number - expected) < 4.5 * np.sqrt(expected / number)).all()


def test_lags_of_kept_meetings_are_those_of_simulated_ones() -> None:
    """A day of announcement, a lead time, and the first day named or one of the seven after: weeks from the one to the other, beyond the last all in it."""
    number, named = 200_000, 0.7
    draws = {"lead_median": np.array([2.5, 9.0, 60.0]), "lead_spread": np.array([0.7, 1.2, 1.0])}
    found, rng = lead_weeks(draws, named), np.random.default_rng(6)
    assert found.shape == (3, LONGEST_LEAD + 1)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
    for s in range(3):
        leads = draw_leads(np.full(number, draws["lead_median"][s]), draws["lead_spread"][s], rng)
        delay = np.where(rng.random(number) < named, 0, rng.integers(1, 8, number))
        lags = np.minimum((rng.integers(0, 7, number) + leads + delay) // 7, LONGEST_LEAD)
        share = np.bincount(lags.astype(int), minlength=LONGEST_LEAD + 1) / number
        assert (np.abs(share - found[s]) < 4.5 * np.sqrt(found[s] / number) + 1e-9).all()
    assert found[2, -1] > 0.15, "some are held later than that"


def test_rounds_alone_are_scored_given_what_was_announced(spec: ModelSpec) -> None:
    """Where hardly a round is announced, weeks without an arrival say of rounds what they say in all; else the arrivals' share is left out."""
    rng, record = np.random.default_rng(9), Record()
    draws = make_draws(spec, rng, 7) | {"inside": rng.normal(0.0, 0.5, (7, len(spec.panel.weeks)))}
    draws["sensitivity"] = rng.uniform(0.7, 0.95, (7, len(spec.panel.record.sensitivities)))
    quiet = spec.meetings.arrived(spec.panel.record.start, len(spec.panel.weeks)) == 0
    for share, same in ((1e-13, True), (0.8, False)):
        draws["share_announced"] = np.full(7, share)
        whole, rounds = record.log_likelihood(spec, draws), record.of_rounds(spec, draws)
        assert np.allclose(whole[:, quiet], rounds[:, quiet], rtol=1e-6, atol=1e-9) == same
        assert (whole[:, quiet] <= rounds[:, quiet] + 1e-9).all(), "no arrival is no news of rounds only where none could be"


def test_a_hazard_beyond_reason_leaves_a_dormancy(spec: ModelSpec) -> None:
    """A draw whose factor strays far has hazards at which no silence is likely; its record is unlikely, and what it says of d is a distribution."""
    rng, number = np.random.default_rng(10), len(spec.panel.weeks)
    draws = make_draws(spec, rng, 3) | {"inside": rng.normal(0.0, 0.5, (3, number))}
    draws["inside"][1], draws["sensitivity"] = 14.0, np.full((3, len(spec.panel.record.sensitivities)), 0.9)
    found = whole_record(spec, draws)
    np.testing.assert_allclose(found.state.sum(axis=1), 1.0, rtol=1e-12)
    assert np.isfinite(found.by_week).all() and found.log_likelihood[1] < -500.0 < found.log_likelihood[0]
