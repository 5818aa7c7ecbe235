"""The track record: months counted, the knots that read them, and records that are simulated by their own."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from adjoints import check_adjoint
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import week_grid
from ripeness.elicitation.elicit import elicit_priors
from ripeness.forecast.simulate import sustained_process
from ripeness.model.spec import ModelSpec, build_spec
from ripeness.model.terms import terms_of
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.record import simulate_record
from ripeness.model.terms.track_record import TrackRecord, dormant_share, log_months, log_months_on_record, outside_knots_now
from ripeness.workflow.request import open_workspace

Array = NDArray[np.float64]
WEEKS = week_grid(date(2024, 1, 1), date(2024, 4, 7))  # Sundays from 7 January to 7 April
FOUND = np.zeros(14)
FOUND[[0, 3, 4, 10]] = 1.0  # two in January, one in the week to 4 February, one in March


def test_months_with_a_round_are_counted_from_the_week_after_it() -> None:
    expected = [0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3]
    np.testing.assert_allclose(log_months(WEEKS, FOUND, 0.5), np.log1p(expected) - 0.5)


def test_the_record_has_what_comes_next(spec: ModelSpec) -> None:
    stop, record, mean = len(spec.panel.weeks), spec.panel.record, spec.reference.log_months
    known = log_months_on_record(spec, 0, stop + 1)
    np.testing.assert_array_equal(known[:stop], log_months(spec.panel.weeks, record.found, mean))
    np.testing.assert_allclose(known[stop - 1 :], np.log(5) - mean)  # four rounds, each in a month of its own
    found = record.found.copy()
    found[-2:] = [0.0, 1.0]  # the last one a week later
    later = replace(spec, panel=replace(spec.panel, record=replace(record, found=found)))
    np.testing.assert_allclose(log_months_on_record(later, stop - 1, stop + 1), np.log([4, 5]) - mean)


def test_the_tensor_is_the_array() -> None:
    import pytensor.tensor as pt

    of_tensor = log_months(WEEKS, pt.as_tensor(FOUND), 0.5, pt).eval(mode="FAST_COMPILE")
    np.testing.assert_allclose(of_tensor, log_months(WEEKS, FOUND, 0.5))


def test_the_class_reads_it_and_the_rhythm_does_not(spec: ModelSpec) -> None:
    share = dormant_share(spec, 60)
    np.testing.assert_array_equal(share[:4], 0.0)
    assert (np.diff(share[3:18]) > 0).all()
    np.testing.assert_allclose(share[17:], 1.0)
    draws = {"outside_knots": np.array([[-1.0, -2.0, -3.0, -4.0]]), "track_record": np.array([0.5])}
    raised = 0.5 * log_months_on_record(spec, len(spec.panel.weeks), len(spec.panel.weeks) + 1)[0]
    np.testing.assert_allclose(outside_knots_now(spec, draws), [[-1.0, -2.0, -3.0 + raised, -4.0 + raised]])


def test_adjoint_by_central_differences() -> None:
    values = {"track_record": np.array([0.3]), "dormant_share": np.array([0.0, 0.2, 1.0])}
    check_adjoint(TrackRecord.kernels[0], values, "track_record")


def test_a_workspace_without_its_prior_has_no_such_term(spec: ModelSpec) -> None:
    priors: Any = copy(spec.priors)
    object.__setattr__(priors, "files", SimpleNamespace(**{**vars(spec.priors.files), "entries": {}}))
    without = replace(spec, priors=priors)
    for variant in names.VARIANTS:
        assert TrackRecord in {type(term) for term in terms_of(variant, spec)}
        assert TrackRecord not in {type(term) for term in terms_of(variant, without)}
    knots = np.array([[-1.0, -2.0, -3.0, -4.0]])
    np.testing.assert_array_equal(outside_knots_now(without, {"outside_knots": knots}), knots)


def test_a_simulated_record_counts_its_own_rounds() -> None:
    """No week has a round but the first, unless the one before it is on record: with it the hazard is beyond all doubt."""
    weeks = 5

    def after_one(found: Array) -> Array:
        return np.array([float(found[:t].any()) for t in range(weeks)])

    none, flat = np.zeros(weeks), np.zeros(weeks + 1)
    for seen in (0.0, 1.0):
        given = (flat - 50.0, flat + 60.0, none, np.array([50.0, 0.0, 0.0, 0.0, 0.0]), np.ones(weeks), np.full(weeks, seen))
        found = simulate_record(*given, after_one, np.random.default_rng(1))
        np.testing.assert_array_equal(found, np.full(weeks, seen))


def test_months_of_rounds_to_come_matter_little() -> None:
    """The shipped war with seven months of rounds after 33 weeks of silence, at the medians of the priors: futures that hold the seven, and that count on."""
    checked = open_workspace(Path(__file__).resolve().parents[2])
    spec = build_spec(checked.workspace, checked.vintage(date(2026, 10, 4)), elicit_priors(checked.priors))[0]
    median = {name: placed.entry.q50 for name, placed in spec.priors.files.entries.items()}
    rhythm = [np.log(median[f"rhythm.week_{week}"]) for week in spec.priors.files.rhythm_weeks]
    knots, number, weeks = np.array([*rhythm, *spec.reference.log_rate]), 100_000, 52
    outside, share = outside_basis(spec, 33 + weeks) @ knots, dormant_share(spec, 33 + weeks)
    sundays = [spec.panel.weeks[-1] + timedelta(days=7 * week) for week in range(1, weeks + 1)]
    found = []
    for counted in (0, 1):
        rng, rounds = np.random.default_rng(1), np.zeros((1, number, weeks), dtype=np.int64)
        since, months, last = np.full(number, 33), np.full(number, 7), np.zeros(number, dtype=int)
        for week, sunday in enumerate(sundays):
            raised = np.log1p(months) - spec.reference.log_months
            rate, uniform = np.exp(outside[since - 1] + median["track_record"] * share[since - 1] * raised), rng.random(number)
            # Poisson, of which more than three do not come
            up_to = np.exp(-rate) * np.array([np.ones(number), 1 + rate, 1 + rate + rate**2 / 2])
            rounds[0, :, week] = (uniform > up_to).sum(axis=0)
            held = rounds[0, :, week] > 0
            months += counted * (held & (last != sunday.month))
            since, last = np.where(held, 1, since + 1), np.where(held, sunday.month, last)
        question = spec.workspace.question
        horizons = np.tri(weeks)[[25, 51]]
        sustained = sustained_process(rounds, horizons, question.sustained_rounds, question.sustained_weeks)[0]
        found.append([*sustained, (since <= question.active_weeks).mean(), (rounds[0, :, :13] > 0).any(axis=1).mean()])
    held, counted_on = 100 * np.array(found)
    np.testing.assert_allclose(held[:3], [13.2, 24.7, 16.1], atol=0.3)  # as decision 0023 has it
    np.testing.assert_allclose(counted_on - held, [0.04, 0.19, 0.5, 0.0], atol=0.05)
    assert held[3] == counted_on[3]
