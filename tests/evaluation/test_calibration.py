"""Simulated wars: drawn as the model says, ranked against their truth; a wrong model is found out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from small_workspace import FITS, HEADLINE_FITS

from ripeness import names
from ripeness.evaluation import calibration, sbc
from ripeness.evaluation.calibration import (
    RANKED,
    RIGHT,
    WRONG,
    YEAR,
    Simulation,
    calibrate_future,
    calibrate_once,
    silence_unread,
    simulate_from_prior,
    simulate_future,
    without_divergences,
)
from ripeness.evaluation.resumed import ResumedTable
from ripeness.evaluation.sbc import calibration_sentence, enough, p_value, plot_calibration
from ripeness.evaluation.stored import Stored
from ripeness.forecast.dormancy import whole_record
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.forecast.simulate import simulate_war
from ripeness.inference.gate import Criterion
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.terms import count_rows, student_t_rows
from ripeness.model.terms.record import simulate_record
from ripeness.model.terms.slow_levels import factor_levels, levels_in
from ripeness.workspace import FitSettings

FORMS: tuple[Variant, ...] = names.FORMS


def test_a_simulated_war_has_the_pattern_of_the_real_one(war: ModelSpec) -> None:
    drawn = simulate_from_prior(war, names.AS_WRITTEN, names.CONJUNCTIVE, np.random.SeedSequence(1)).spec
    simulated = drawn.panel
    for name in ("indicator", "first", "last", "widening", "sampling"):
        assert np.array_equal(getattr(simulated.measured, name), getattr(war.panel.measured, name))
    for name in ("indicator", "week", "log_exposure", "era"):
        assert np.array_equal(getattr(simulated.counted, name), getattr(war.panel.counted, name))
    record = war.panel.record
    assert np.array_equal(simulated.record.found[: record.start], record.found[: record.start])
    assert np.array_equal(simulated.record.stretch, record.stretch)
    assert not simulated.record.found[record.start :][record.stretch[record.start :] == -1].any()  # nobody looked there
    assert not np.array_equal(simulated.measured.value, war.panel.measured.value)
    # which meetings are announced is drawn, where somebody looks; what each week knows of them follows
    others = [
        simulate_from_prior(war, names.AS_WRITTEN, FORMS[seed % 2], np.random.SeedSequence(seed)).spec.meetings for seed in range(1, 9)
    ]
    assert len({one.week.tobytes() for one in others}) > 4
    for one in others:
        assert (record.stretch[one.week] != -1).all() and (one.week >= record.start).all() and (one.lead >= 1).all()
        assert one.exposure.shape == war.meetings.exposure.shape and not one.exposure[:, : record.start].any()
        assert one.exposure.any() == (len(one.week) > 0 and one.exposure[:, one.week.min() :].any())
    assert any(one.exposure.any() for one in others)


def test_rows_are_drawn_around_their_moments(war: ModelSpec) -> None:
    truth = sample_prior(war, names.AS_WRITTEN, "conjunctive", 1, np.random.SeedSequence(2))
    (location, spread), (log_mean, dispersion) = student_t_rows.moments(war, truth), count_rows.moments(war, truth)
    wars = [simulate_war(war, truth, np.random.default_rng(seed)).spec.panel for seed in range(300)]
    values, counts = (
        np.stack([getattr(getattr(one, part), name) for one in wars]) for part, name in (("measured", "value"), ("counted", "count"))
    )
    assert np.abs((np.median(values, axis=0) - location[0]) / spread[0]).max() < 0.35
    mean = np.exp(log_mean[0])
    error = np.sqrt((mean + mean**2 / dispersion[0]) / 300)
    assert np.abs((counts.mean(axis=0) - mean) / error).max() < 5


def test_rounds_are_held_as_the_hazard_says_and_missed_ones_reset_dormancy() -> None:
    weeks, rng = 30, np.random.default_rng(3)
    none = np.zeros(weeks)
    outside = np.log(np.where(np.arange(1, weeks + 2) == 1, 3.0, 0.2))  # soon after a round another is likely
    given = (outside, np.zeros(weeks + 1), none, none, np.ones(weeks), np.full(weeks, 0.5))
    found = np.stack([simulate_record(*given, np.zeros_like, rng) for _ in range(4000)])
    held, alpha = np.zeros(weeks), np.array([1.0, 0.0])  # P(d = 1), P(d > 1)
    for t in range(weeks):
        chance = 1 - np.exp(-np.array([3.0, 0.2]))
        held[t] = alpha @ chance
        alpha = np.array([held[t], 1 - held[t]])
    assert np.abs(found.mean(axis=0) - 0.5 * held).max() < 5 * np.sqrt(0.25 / 4000)


def test_the_right_model_passes_where_the_wrong_one_fails(war: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """At small scale: ranks of the hazard, of the headline and of the record's likelihood in a few wars, among draws of short chains."""
    monkeypatch.setattr(calibration, "TUNE", 250)
    monkeypatch.setattr(calibration, "DRAWS", 200)
    watched = ["hazard now", "headline[13 weeks]", "log-likelihood of the record"]
    ranks: dict[str, dict[str, list[int]]] = {model: {name: [] for name in watched} for model in (RIGHT, WRONG)}
    for number in range(24):
        drawn, fitted = np.random.SeedSequence([5, number]).spawn(2)
        simulated = simulate_from_prior(war, names.AS_WRITTEN, FORMS[number % 2], drawn)
        for model in (RIGHT, WRONG):
            found = calibrate_once(simulated, names.AS_WRITTEN, [], fitted, model)
            for name in watched:
                ranks[model][name].append(found.ranks[name])
    values = {model: min(p_value(np.array(found), RANKED) for found in own.values()) for model, own in ranks.items()}
    assert values[WRONG] < 1e-3 / len(watched)
    assert values[RIGHT] > 0.01 / len(watched)


@pytest.mark.parametrize(("form", "own"), list(zip(FORMS, ("normaliser", "cause_share[north]"), strict=True)))
def test_a_simulation_says_everything_that_the_forecast_uses(war: ModelSpec, form: Variant, own: str) -> None:
    drawn, fitted = np.random.SeedSequence(6).spawn(2)
    simulated = simulate_from_prior(war, names.AS_WRITTEN, form, drawn)
    found = calibrate_once(simulated, names.AS_WRITTEN, [], fitted)
    asked = [
        "hazard now",
        "headline[4 weeks]",
        "headline[13 weeks]",
        "log_war_level",
        "inside view now",
        "factor now[front]",
        "half_life[cost]",
        own,
    ]
    assert {*asked, "share_open[north]", "kept[agreed]", "pulse[host]"} <= found.ranks.keys()
    process = ("recorded[one_side]", "share_announced", "class_split[agreed]", "lead_median", "lead_spread")
    assert {*process, "log-likelihood of the announcements"} <= found.ranks.keys()
    for start in ("weight[", "outside_knots[", "sensitivity[", "capture[", "loading["):
        assert any(name.startswith(start) for name in found.ranks)
    assert all(0 <= rank <= RANKED for rank in found.ranks.values())
    assert all(0 <= share <= 1 for name, share in found.coverage.items() if not name.endswith(" r"))
    assert found.forecast.shape == found.came.shape == (2,)
    again = calibrate_once(simulated, names.AS_WRITTEN, [], np.random.SeedSequence(6).spawn(2)[1])
    assert again.ranks == found.ranks


def test_the_wrong_model_reads_silence_as_nothing(war: ModelSpec) -> None:
    wrong = silence_unread(war).panel.record
    silent = war.panel.record.found == 0
    assert (wrong.stretch[silent] == -1).all() and np.array_equal(wrong.stretch[~silent], war.panel.record.stretch[~silent])


def test_simulations_are_resumed_and_failed_fits_counted(war: ModelSpec, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    drawn = simulate_from_prior(war, names.AS_WRITTEN, names.CONJUNCTIVE, np.random.SeedSequence(7))
    simulation = calibrate_once(drawn, names.AS_WRITTEN, [], np.random.SeedSequence(8))
    sound = replace(simulation, failures=())
    failed = replace(simulation, failures=(Criterion("rhat", 1.5, 1.05),))
    calls: list[int] = []

    def one(*_: object) -> Simulation:
        calls.append(1)
        return failed if len(calls) == 2 else sound

    monkeypatch.setattr(sbc, "calibrate_once", one)
    columns = sbc.simulation_columns(list(simulation.ranks), [4, 13])
    path = tmp_path / "sbc_simulations.csv"
    sbc.simulate_wars(war, [], ResumedTable(path, columns, "x"), RIGHT, 2, 1, lambda _: None)
    sbc.simulate_wars(war, [], ResumedTable(path, columns, "x"), RIGHT, 3, 1, lambda _: None)
    assert len(calls) == 3
    rows = ResumedTable(path, columns, "x").rows
    assert [(row["form"], row["reading"]) for row in rows] == [(form, reading) for _, form, reading in FITS[:3]]
    assert [row["failed"] for row in rows] == ["", "rhat", ""]
    summary = sbc.summarise(rows, RIGHT)
    assert {(row["simulations"], row["failed_fits"]) for row in summary} == {(3, 1)}
    assert [row["quantity"] for row in summary] == list(simulation.ranks)
    assert sbc.recovery(rows)["hazards 90"][0] == pytest.approx(simulation.coverage["hazards 90"], abs=1e-5)
    predicted, came = sbc.predictions(rows, 13)
    assert len(predicted) == len(came) == 3


def whole_weeks(stored: Stored) -> ModelSpec:
    """The made-up war with its origin on the Sunday."""
    panel = stored.spec.panel
    share = panel.record.share.copy()
    share[-1] = 1.0
    return replace(stored.spec, panel=replace(panel, origin=panel.weeks[-1], record=replace(panel.record, share=share)))


def test_a_future_leaves_the_past_alone(stored: Stored) -> None:
    spec = whole_weeks(stored)
    theta = {name: values[[5]] for name, values in stored.draws(HEADLINE_FITS[0]).items()}
    war = simulate_future(spec, theta, [], np.random.SeedSequence(3))
    panel, real, weeks = war.spec.panel, spec.panel, len(spec.panel.weeks)
    assert len(panel.weeks) == weeks + YEAR and panel.origin == panel.weeks[-1]
    assert np.array_equal(panel.measured.value[: len(real.measured.value)], real.measured.value)
    assert np.array_equal(panel.counted.count[: len(real.counted.count)], real.counted.count)
    assert np.array_equal(panel.record.found[:weeks], real.record.found)
    known = war.spec.meetings.before(weeks)
    assert all(np.array_equal(one, other) for one, other in zip(known, spec.meetings, strict=True))
    assert war.spec.meetings.exposure.shape[1] == weeks + YEAR
    assert (panel.measured.first[len(real.measured.value) :] >= weeks).all() and len(panel.counted.count) > len(real.counted.count)
    assert np.allclose(war.truth["path"][..., :weeks], theta["path"]) and war.truth["inside"].shape[1] == weeks + YEAR
    assert (war.truth["level_path"][..., weeks:] == theta["level_path"][..., -1:]).all()
    assert np.allclose(levels_in(war.spec, war.truth, panel.weeks), factor_levels(war.spec, war.truth), atol=1e-5)
    assert np.isfinite(whole_record(war.spec, war.truth).log_likelihood).all()


def test_an_origin_inside_a_week_cannot_be_gone_on_from(stored: Stored) -> None:
    theta = {name: values[[5]] for name, values in stored.draws(HEADLINE_FITS[0]).items()}
    with pytest.raises(ValueError, match="an origin on a Sunday"):
        simulate_future(stored.spec, theta, [], np.random.SeedSequence(3))


def test_a_future_is_fitted_with_the_past_and_ranked(stored: Stored) -> None:
    spec = whole_weeks(stored)
    theta = {name: values[[9]] for name, values in stored.draws(HEADLINE_FITS[0]).items()}
    found = calibrate_future(spec, theta, names.AS_WRITTEN, [], np.random.SeedSequence(4))
    assert {"hazard now", "headline[13 weeks]", "factor now[host]"} <= found.ranks.keys()
    assert all(0 <= rank <= RANKED for rank in found.ranks.values())


def test_few_outcomes_give_a_sentence_and_many_a_curve() -> None:
    rng = np.random.default_rng(1)
    chances = rng.random(200)
    outcomes = (rng.random(200) < chances).astype(int)
    assert enough(outcomes) and "too few" not in calibration_sentence(chances, outcomes, "a round")
    figure = plot_calibration(chances, outcomes, 1)
    assert figure.viz["figure"].item() is not None
    few = np.zeros(200, dtype=int)
    few[:7] = 1
    sentence = calibration_sentence(np.full(200, 0.05), few, "a round in a week")
    assert sentence == (
        "Of 200 predictions of a round in a week, 10 should have come (give or take 6) and 7 did: too few for a calibration curve, which needs "
        "20 that came and 20 that did not."
    )
    with pytest.raises(ValueError, match="at least 20 outcomes"):
        plot_calibration(np.full(200, 0.05), few, 1)


def test_a_fit_that_diverges_is_made_again_with_smaller_steps(war: ModelSpec) -> None:
    tried: list[tuple[float, int]] = []

    def attempt(target_accept: float, settings: FitSettings) -> xr.DataTree:
        tried.append((target_accept, settings.tune))
        diverging = np.array([[False, len(tried) < needed]])
        return xr.DataTree.from_dict({"sample_stats": xr.Dataset({"diverging": (("chain", "draw"), diverging)})})

    for needed, accept in ((1, 0.8), (2, 0.95), (3, 0.99), (9, 0.99)):
        tried.clear()
        assert without_divergences(war, attempt)[1] == accept
        assert tried == [(0.8, 400), (0.95, 400), (0.99, 800)][:needed]
