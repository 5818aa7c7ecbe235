"""Sensitivity: what is reweighted is what a fit anew would say, and nothing changes where nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_workspace import HEADLINE_FITS

from ripeness import names
from ripeness.evaluation.left_out import (
    Change,
    factor_swapped,
    leave_out,
    leave_out_plan,
    mix_changes,
    refit,
    rejoin,
    reweighted_change,
    without_rounds,
    without_rows,
    zero_effect,
    zeroed_change,
)
from ripeness.evaluation.power import PRIOR_GROUPS, scale_powers
from ripeness.evaluation.resumed import ResumedTable
from ripeness.evaluation.sensitivity import CLAIM, DETAILS, EVIDENCE, EVIDENCE_KIND, INDICATOR, open_headline, study_sensitivity, usable
from ripeness.evaluation.stored import Stored
from ripeness.forecast.dormancy import whole_record
from ripeness.inference.log_prior import normal_log_density
from ripeness.inference.sample import flatten_draws, sample_posterior
from ripeness.model.build import parameters_of

FIT = HEADLINE_FITS[0]


def test_what_is_put_together_again_is_what_was_stored(stored: Stored) -> None:
    draws = stored.draws(FIT)
    again = rejoin(stored.spec, names.CONJUNCTIVE, draws)
    for name in ("inside", "log_odds_open", "normaliser"):
        assert np.allclose(again[name], draws[name], atol=1e-4)  # stored in single precision
    rounds = stored.tree[f"{FIT}/log_likelihood"]["rounds"].values.reshape(len(draws["kept"]), -1).sum(axis=1)
    assert np.allclose(whole_record(stored.spec, draws).log_likelihood, rounds, atol=1e-3)


def test_a_weight_of_zero_is_silent(stored: Stored) -> None:
    draws = stored.draws(FIT)
    silent = zero_effect(stored.spec, names.CONJUNCTIVE, draws, 2)
    assert np.all(silent["weight"][:, 2] == 0) and np.array_equal(np.delete(silent["weight"], 2, 1), np.delete(draws["weight"], 2, 1))
    loud = draws | {"path": draws["path"] + np.array([0.0, 3.0, 0.0])[None, :, None]}
    only_cost = [e for e, label in enumerate(stored.spec.structure.effects) if label.startswith("cost")]
    both = zero_effect(stored.spec, names.CONJUNCTIVE, zero_effect(stored.spec, names.CONJUNCTIVE, loud, only_cost[0]), only_cost[1])
    calm = zero_effect(stored.spec, names.CONJUNCTIVE, zero_effect(stored.spec, names.CONJUNCTIVE, draws, only_cost[0]), only_cost[1])
    assert np.allclose(both["inside"], calm["inside"])  # nobody reads that factor any more


def test_zeroing_says_what_a_fit_without_the_effect_says(stored: Stored) -> None:
    """The reference: a fit in which the weight's prior is a spike at zero."""
    effect = 3  # k-hat of its weights is 0.23 to 0.27 from fit to fit; of effect 2 it is 0.4 to 0.8 with so few draws
    draws = stored.draws(FIT)
    now, likelihood = stored.headline(names.CONJUNCTIVE, draws), whole_record(stored.spec, draws).log_likelihood
    change = zeroed_change(stored, names.CONJUNCTIVE, draws, now, likelihood, effect)
    spiked = [SimpleNamespace(**(vars(one) | ({"mean": 0.0, "sd": 1e-6} if e == effect else {}))) for e, one in enumerate(_effects(stored))]
    leverage_kept = _with_effects(stored, spiked)
    settings = stored.spec.workspace.fit.model_copy(update={"chains": 4, "tune": 300, "draws": 500})
    sampled = sample_posterior(leverage_kept, "conjunctive", names.AS_WRITTEN, settings, 9)
    then = stored.headline(names.CONJUNCTIVE, flatten_draws(sampled["posterior"].to_dataset()))
    error = np.hypot(change.error, 100 * then.std() / np.sqrt(len(then) / 3))
    assert change.sound
    # the leverage of the other effects is calibrated anew without this one, which moves the reference a little
    assert abs(100 * (then.mean() - now.mean()) - change.points) < 3.5 * error + 0.5


def _effects(stored: Stored) -> list[SimpleNamespace]:
    return list(stored.spec.priors.effects[names.AS_WRITTEN])  # type: ignore[arg-type]


def _with_effects(stored: Stored, effects: list[SimpleNamespace]):  # type: ignore[no-untyped-def]
    base = type(stored.spec.priors)
    priors = type("Spiked", (base,), {"effects": dict.fromkeys(names.READINGS, effects)})()
    return replace(stored.spec, priors=priors)


def test_equal_weights_change_nothing() -> None:
    now = np.random.default_rng(1).random(400)
    same = reweighted_change(now, now, np.zeros(400), (4, 100))
    assert same.points == pytest.approx(0, abs=1e-12) and same.sound


def test_reweighting_finds_a_known_mean_and_its_error() -> None:
    """From N(0, 1) to N(0.5, 1): the mean moves by a half, and over repetitions by as much as the error says."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(200):
        x = rng.normal(size=1000)
        found.append(reweighted_change(x, x, 0.5 * x, (4, 250)))
    points, errors = np.array([one.points for one in found]), np.array([one.error for one in found])
    assert abs(points.mean() - 50) < 3 * points.std() / np.sqrt(200) + 0.5
    assert 0.75 < errors.mean() / points.std() < 1.33
    assert all(one.sound for one in found)


def test_a_mixture_has_the_worst_k() -> None:
    mixed = mix_changes([Change(1.0, 0.3, 0.2), Change(3.0, 0.4, 0.6)], [0.5, 0.5])
    assert (mixed.points, mixed.k) == (2.0, 0.6) and mixed.error == pytest.approx(0.25)
    assert mix_changes([Change(1.0, 0.3), Change(3.0, 0.4)], [0.9, 0.1]).points == pytest.approx(1.2)
    assert not Change(0, 0, 0.71).sound and Change(0, 0).sound


@pytest.mark.parametrize(("k", "shown"), [("", True), ("0.7", True), ("-1.2", True), ("0.71", False)])
def test_what_reweighting_cannot_answer_is_not_ranked(k: str, shown: bool) -> None:
    assert usable({"k_hat": k}) == shown


def test_without_rows_and_without_rounds(stored: Stored) -> None:
    panel = stored.spec.panel
    less = without_rows(panel, {"losses", "visits"})
    assert set(np.array(panel.measured.indicators)[less.measured.indicator]) == {"ground", "prices", "mood"}
    assert set(np.array(panel.counted.indicators)[less.counted.indicator]) == {"items"}
    assert less.indicators == panel.indicators
    silent = without_rounds(panel)
    assert silent.record.found[silent.record.start :].sum() == 0 and (silent.record.stretch[silent.record.start :] == -1).all()
    assert np.array_equal(silent.record.found[: silent.record.start], panel.record.found[: panel.record.start])


def test_one_indicator_of_each_factor_goes_at_a_time(stored: Stored) -> None:
    plan = leave_out_plan(stored.spec)
    assert sorted(name for turn in plan for name in turn) == sorted(stored.spec.panel.indicators)
    for turn in plan:
        factors = [stored.spec.contracts[name].factor for name in turn]
        assert len(factors) == len(set(factors))


def test_leaving_nothing_out_changes_nothing_and_an_indicator_what_a_fit_without_it_says(stored: Stored) -> None:
    draws = stored.draws(FIT)
    now, likelihood = stored.headline(names.CONJUNCTIVE, draws), whole_record(stored.spec, draws).log_likelihood
    panel = stored.spec.panel
    whole = refit(stored, without_rounds(panel), names.CONJUNCTIVE, names.AS_WRITTEN, 3).draws
    nothing = leave_out(stored, names.CONJUNCTIVE, draws, now, likelihood, whole, "losses")
    assert nothing.sound and abs(nothing.points) < 3.5 * nothing.error + 0.1
    without = refit(stored, without_rounds(without_rows(panel, {"visits"})), names.CONJUNCTIVE, names.AS_WRITTEN, 4).draws
    change = leave_out(stored, names.CONJUNCTIVE, draws, now, likelihood, without, "visits")
    reference = refit(stored, without_rows(panel, {"visits"}), names.CONJUNCTIVE, names.AS_WRITTEN, 5).draws
    then = stored.headline(names.CONJUNCTIVE, reference)
    error = np.hypot(change.error, 100 * then.std() / np.sqrt(len(then) / 3))
    assert abs(100 * (then.mean() - now.mean()) - change.points) < 3.5 * error


def test_a_swapped_factor_is_that_of_the_other_fit(stored: Stored) -> None:
    draws, other = stored.draws(FIT), stored.draws(HEADLINE_FITS[1])
    order = np.arange(len(draws["half_life"]))[::-1].copy()
    swapped = factor_swapped(stored.spec, names.CONJUNCTIVE, draws, other, "host", order)
    assert np.array_equal(swapped["path"][:, 2], other["path"][order, 2]) and np.array_equal(swapped["path"][:, :2], draws["path"][:, :2])
    assert np.array_equal(swapped["pulse"][:, 0], other["pulse"][order, 0])


def test_log_priors_are_normal_where_they_are_scaled(stored: Stored) -> None:
    draws = stored.draws(FIT)
    found = normal_log_density(stored.spec, "conjunctive", names.AS_WRITTEN, draws)
    named = {name for group in PRIOR_GROUPS.values() for name in group} - {"cause_weight"}
    assert named <= {parameter.name for parameter in parameters_of("conjunctive")} and named & found.keys() == named
    z = (np.log(draws["half_life"]) - np.log(10.0)) / 0.4
    assert np.allclose(found["half_life"], -0.5 * z**2 - np.log(0.4 * np.sqrt(2 * np.pi)))


def test_powers_on_a_level_move_the_headline(stored: Stored) -> None:
    draws = stored.draws(FIT)
    found = {
        one.what: one for one in scale_powers(stored, names.CONJUNCTIVE, names.AS_WRITTEN, draws, stored.headline(names.CONJUNCTIVE, draws))
    }
    assert {"record of rounds", "rows of the indicators", "level of this war"} <= found.keys()
    assert all(np.isfinite(one.gradient) and one.gradient >= 0 for one in found.values())
    assert found["dated jumps"].gradient < found["record of rounds"].gradient


def test_a_study_goes_on_where_it_stopped(stored: Stored, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop_at_the_first_indicator(step: str) -> None:
        if step.startswith("left out"):
            raise Enough

    path = tmp_path / "sensitivity_details.csv"
    with pytest.raises(Enough):
        study_sensitivity(stored, ResumedTable(path, DETAILS, "one"), stop_at_the_first_indicator)
    before = path.read_text("utf-8")
    rows = study_sensitivity(stored, ResumedTable(path, DETAILS, "one"), lambda _: None)
    assert path.read_text("utf-8").startswith(before)  # nothing was found a second time
    assert {row["what"] for row in rows if row["kind"] == INDICATOR} == set(stored.spec.panel.indicators)
    assert {row["what"] for row in rows if row["kind"] == CLAIM} == {"loser-talks", "costs-tell-north", "costs-harden-north"}
    assert {row["what"] for row in rows if row["kind"] == EVIDENCE_KIND} == set(EVIDENCE)
    sizes = [abs(float(row["change_points"])) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    headline = open_headline(stored).mean
    assert all(float(row["probability"]) == pytest.approx(headline + float(row["change_points"]) / 100, abs=1e-4) for row in rows)
    assert ResumedTable(path, DETAILS, "another").rows == []
