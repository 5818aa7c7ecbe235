"""A stored fit under a new vintage of the shipped workspace: what is stored, what weights say, and (slowly) the same posterior as a new fit."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import poisson

from ripeness import names
from ripeness.data.events import CLASSES, TIED
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicit import elicit_priors
from ripeness.elicitation.elicited import Priors
from ripeness.model.spec import ModelSpec, build_spec
from ripeness.model.terms.announcements import Arrivals, arrival_rates, share_on_record
from ripeness.model.terms.loadings import scaled
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.pulses import read_factors
from ripeness.reweighting.refusals import beyond_window
from ripeness.reweighting.reweighted import StoredFit, store_fit, stored_draws, update_fit
from ripeness.reweighting.weights import Anchor
from ripeness.workflow.request import Inputs, open_workspace

Array = NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[2]
BASE, NEW = date(2026, 6, 21), date(2026, 6, 28)
DRAWS, STORED_HERE = 100, 40
ANCHORS = (Anchor(0.1, 0.001), Anchor(0.2, 0.002))
ANNOUNCED = ("kept", "recorded", "share_announced", "class_split", "lead_median", "lead_spread")


@pytest.fixture(scope="module")
def checked() -> Inputs:
    return open_workspace(ROOT)


@pytest.fixture(scope="module")
def priors(checked: Inputs) -> Priors:
    return elicit_priors(checked.priors)


@pytest.fixture(scope="module")
def at(checked: Inputs, priors: Priors) -> Any:
    def look(origin: date) -> tuple[ModelSpec, Vintage]:
        vintage = checked.vintage(origin)
        return build_spec(checked.workspace, vintage, priors)[0], vintage

    return look


def made_up(spec: ModelSpec, seed: int = 0) -> dict[str, Array]:
    """Draws of the right shapes that are no posterior at all."""
    rng = np.random.default_rng(seed)
    panel, workspace = spec.panel, spec.workspace
    relative = sum(not spec.contracts[name].reference for name in panel.indicators)
    factors, weeks, levels = len(workspace.factors), len(panel.weeks), sum(factor.level for factor in workspace.factors)
    knots = (weeks - 1) // 26 + 1
    return {
        "half_life": rng.uniform(5, 30, (DRAWS, factors)),
        "factor_scale": rng.uniform(0.6, 1.5, (DRAWS, len(scaled(spec)))),
        "loading": rng.uniform(0.6, 1.4, (DRAWS, relative)),
        "intercept": rng.normal(0, 0.3, (DRAWS, relative)),
        "noise": rng.uniform(0.2, 0.6, (DRAWS, len(panel.measured.indicators))),
        "dispersion": rng.uniform(2, 9, (DRAWS, len(panel.counted.indicators))),
        "capture": rng.uniform(0.4, 0.9, (DRAWS, len(panel.counted.eras))),
        "level": rng.uniform(0.2, 0.6, (DRAWS, levels)),
        "level_start": rng.normal(0, 0.5, (DRAWS, levels)),
        "level_moves": rng.normal(size=(DRAWS, levels, knots)),
        "pulse": rng.uniform(0.5, 1.5, (DRAWS, sum(bool(factor.pulse) for factor in workspace.factors))),
        "path": rng.normal(size=(DRAWS, factors, weeks)),
        "weight": rng.normal(0, 0.3, (DRAWS, len(spec.structure.effects))),
        "intercept_open": rng.normal(size=(DRAWS, len(workspace.conditions))),
        "normaliser": rng.normal(-3, 0.3, DRAWS),
        "cause_weight": rng.lognormal(0, 0.5, (DRAWS, len(workspace.conditions))),
        "cause_share": rng.dirichlet(np.full(len(workspace.conditions), 3.0), DRAWS),
        "cause_normaliser": rng.normal(0.3, 0.3, (DRAWS, len(workspace.conditions))),
        "inside": rng.normal(0, 0.5, (DRAWS, weeks)),
        "outside_knots": rng.normal(-4, 0.4, (DRAWS, len(outside_basis(spec, 1)[0]))),
        "track_record": rng.normal(0.3, 0.3, DRAWS),
        "kept": rng.uniform(0.1, 0.6, (DRAWS, len(CLASSES))),
        "recorded": rng.uniform(0.3, 0.9, (DRAWS, len(TIED))),
        "share_announced": rng.uniform(0.6, 0.9, DRAWS),
        "class_split": rng.uniform(0.3, 0.8, (DRAWS, len(TIED) - 1)),
        "lead_median": rng.uniform(2.0, 6.0, DRAWS),
        "lead_spread": rng.uniform(0.6, 1.4, DRAWS),
        "sensitivity": rng.uniform(0.8, 0.95, (DRAWS, len(panel.record.sensitivities))),
        "hazard": rng.random((DRAWS, weeks)),
    }


def stored(spec: ModelSpec, vintage: Vintage, variant: Any = names.CONJUNCTIVE, seed: int = 0) -> StoredFit:
    draws = made_up(spec, seed)
    if variant == names.OUTSIDE:
        draws = {name: draws[name] for name in ("outside_knots", "track_record", "sensitivity", *ANNOUNCED)}
    within = np.random.default_rng(seed).uniform(0.05, 0.4, (DRAWS, 2))
    return store_fit(spec, vintage, variant, names.AS_WRITTEN, draws, within, ANCHORS, 60.0, 1, STORED_HERE)


def test_what_is_stored_is_what_an_update_reads(at: Any) -> None:
    spec, vintage = at(BASE)
    fit, draws = stored(spec, vintage), made_up(spec)
    read = (
        *("half_life", "factor_scale", "loading", "intercept", "noise", "dispersion", "capture"),
        *("level", "level_start", "level_moves", "pulse"),
        *("weight", "intercept_open", "normaliser", "outside_knots", "track_record", "sensitivity", *ANNOUNCED),
    )
    assert {*read, "path"} <= set(fit.draws), "what rows, hazards and the weeks ahead read"
    assert not {"hazard", "inside", "log_odds_open"} & set(fit.draws), "neither hazards nor the past of the inside view"
    assert fit.draws["path"].shape == (STORED_HERE, len(spec.workspace.factors), len(spec.panel.weeks) - fit.window.stored)
    rows = [int(np.flatnonzero((draws["normaliser"] == value).ravel())[0]) for value in fit.draws["normaliser"]]
    assert rows == sorted(rows) and len(set(rows)) == STORED_HERE
    np.testing.assert_array_equal(fit.draws["path"], draws["path"][rows][:, :, fit.window.stored :])
    np.testing.assert_allclose(fit.state.sum(axis=1), 1.0)
    assert fit.efficiency == 1.0 and store_fit(
        spec, vintage, names.CONJUNCTIVE, names.AS_WRITTEN, draws, np.ones((DRAWS, 2)), ANCHORS, 20.0, 1, STORED_HERE
    ).efficiency == pytest.approx(0.5)


def test_more_readings_leave_no_more_draws_for_updates(checked: Inputs) -> None:
    def stored_of(other_wars: float | None) -> list[int]:
        mixture = checked.workspace.mixture.model_copy(update={"other_wars": other_wars})
        return [
            stored_draws(replace(checked.workspace, mixture=mixture), variant) for _, variant, _ in names.fits_of(tuple(mixture.readings))
        ]

    assert (stored_of(None), stored_of(0.4)) == ([1000] * 5, [666] * 6 + [1000])


@pytest.mark.parametrize("variant", names.VARIANTS)
def test_where_nothing_is_new_nothing_changes(variant: Any, at: Any) -> None:
    spec, vintage = at(BASE)
    fit = stored(spec, vintage, variant)
    found = update_fit(spec, spec, fit, np.random.SeedSequence(0))
    np.testing.assert_allclose(found.weights.values, 1 / STORED_HERE)
    assert (found.log_ratio == 0.0).all()
    for name, values in fit.draws.items():
        np.testing.assert_array_equal(found.draws[name], values)


def test_the_outside_view_is_weighted_by_the_record_alone(at: Any) -> None:
    (base, vintage), (new, _) = at(BASE), at(NEW)
    fit = stored(base, vintage, names.OUTSIDE)
    found = update_fit(base, new, fit, np.random.SeedSequence(0))
    # of the week that is new: P(none found), the dormancy before it being what the base's own update leaves
    before = update_fit(base, base, fit, np.random.SeedSequence(0)).state
    basis, week = outside_basis(new, before.shape[1]), len(new.panel.weeks) - 1
    # all months with a round lie before it; what the class has to say reads them
    months = {(sunday.year, sunday.month) for sunday, found in zip(new.panel.weeks, new.panel.record.found, strict=True) if found}
    raised = fit.draws["track_record"] * (np.log(1 + len(months)) - new.reference.log_months)
    outside = fit.draws["outside_knots"] @ basis.T + np.outer(raised, basis[:, len(new.priors.files.rhythm_weeks) :].sum(axis=1))
    announced = -np.log1p(-fit.draws["kept"]) @ new.meetings.exposure[:, -1]
    # what was announced anew in it: of each class Poisson, its mean in proportion to the hazard of the dormancy
    assert len(base.meetings.week) + new.meetings.arrived(week, week + 1) == len(new.meetings.week)
    rate = arrival_rates(fit.draws).sum(axis=1)[:, None] * np.exp(outside)
    arrivals = poisson.pmf(new.meetings.arrived(week, week + 1), rate)
    after = before * arrivals / (before * arrivals).sum(axis=1, keepdims=True)
    chance = 1 - np.exp(-((1 - share_on_record(fit.draws)[:, None]) * np.exp(outside) + announced[:, None]))
    sensitivity = found.draws["sensitivity"][:, new.panel.record.stretch[-1]]
    expected = np.log((before * arrivals).sum(axis=1)) + np.log(1 - sensitivity * (after * chance).sum(axis=1))
    expected += Arrivals().log_likelihood(new, fit.draws)[:, len(base.meetings.week) :].sum(axis=1)
    np.testing.assert_allclose(found.log_ratio.sum(axis=1), expected, rtol=1e-9)


def test_a_week_of_rows_moves_paths_and_weights(at: Any) -> None:
    (base, vintage), (new, _) = at(BASE), at(NEW)
    fit = stored(base, vintage)
    assert beyond_window(base, new, fit.window) == []
    found = update_fit(base, new, fit, np.random.SeedSequence(0))
    again, other = (update_fit(base, new, fit, np.random.SeedSequence(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(found.log_ratio, again.log_ratio)
    np.testing.assert_array_equal(found.draws["path"], again.draws["path"])
    assert (other.log_ratio != found.log_ratio).any()
    assert found.draws["path"].shape[2] == fit.draws["path"].shape[2] + 1 and np.isfinite(found.draws["path"]).all()
    assert np.isfinite(found.log_ratio).all() and found.log_ratio.shape == (STORED_HERE, len(base.workspace.factors) + 1)
    for k, kept in enumerate(fit.window.kept - fit.window.stored):
        np.testing.assert_array_equal(found.draws["path"][:, k, : kept + 1], fit.draws["path"][:, k, : kept + 1])
    np.testing.assert_allclose(found.state.sum(axis=1), 1.0)


def test_draws_are_reweighted_one_by_one(at: Any) -> None:
    # whatever is made of one draw does not hang on the others, but for the random numbers: so a permutation only permutes
    (base, vintage), (new, _) = at(BASE), at(NEW)
    fit = stored(base, vintage, names.OUTSIDE)
    draws = {name: values[::-1] for name, values in fit.draws.items()}
    reversed_fit = replace(fit, draws=draws, state=fit.state[::-1], within=fit.within[::-1])
    first, second = (update_fit(base, new, one, np.random.SeedSequence(0)) for one in (fit, reversed_fit))
    np.testing.assert_allclose(first.log_ratio, second.log_ratio[::-1], rtol=1e-12)


def test_updates_load_no_sampler() -> None:
    code = (
        "import sys; import ripeness.reweighting.reweighted, ripeness.reweighting.refusals, ripeness.reweighting.weights as r, numpy as np; "
        "r.smooth_weights(np.random.default_rng(0).normal(size=200)); "
        "print({'pymc', 'pytensor', 'nutpie', 'preliz'} & set(sys.modules) or '')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- against new fits -------------------------------------------------------------------------------------------------------------------


def posterior_of(spec: ModelSpec, variant: Any, seed: int) -> dict[str, Array]:
    from ripeness.inference.sample import flatten_draws, sample_posterior

    settings = spec.workspace.fit.model_copy(update={"draws": 1500})
    return flatten_draws(sample_posterior(spec, variant, names.TEMPERED, settings, seed)["posterior"].to_dataset())


def quantities(spec: ModelSpec, draws: Any, weeks: int) -> Array:
    """What is compared, one column each: parameters on the scale of their priors, and every factor in the record's last weeks."""
    logs = {name: np.log(draws[name]) for name in ("half_life", "loading", "noise", "dispersion", "level", "pulse")}
    plain = {
        name: draws[name]
        for name in ("intercept", "capture", "level_start", "intercept_open", "outside_knots", "track_record", "kept", "weight")
    }
    last = read_factors(spec, draws, draws["path"][:, :, -1:], spec.panel.weeks[-1:])  # with the move of a level past a knot
    parts = [*logs.values(), *plain.values(), last, *(draws["path"][:, :, -back] for back in range(1, weeks, 3))]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [(date(2023, 2, 12), date(2023, 2, 19)), (date(2023, 2, 12), date(2023, 3, 12)), (date(2022, 11, 6), date(2022, 11, 13))],
    ids=["one week", "four weeks, past a knot", "one week in the first year"],
)
def test_weighted_draws_are_those_of_a_new_fit(before: date, after: date, at: Any) -> None:
    (base, vintage), (new, _) = at(before), at(after)
    old, fresh = posterior_of(base, names.CONJUNCTIVE, 1), posterior_of(new, names.CONJUNCTIVE, 2)
    # all draws are stored, so that nothing but the weights stands between the two
    flat = np.zeros((len(old["half_life"]), 2))
    fit = store_fit(base, vintage, names.CONJUNCTIVE, names.TEMPERED, old, flat, ANCHORS, 1e9, 1, len(flat))
    assert beyond_window(base, new, fit.window) == []
    found = update_fit(base, new, fit, np.random.SeedSequence(3))
    assert found.weights.khat < 0.7
    weights = found.weights.values
    mine, theirs = quantities(new, found.draws, 20), quantities(new, fresh, 20)
    mean = weights @ mine
    error = np.sqrt(weights**2 @ (mine - mean) ** 2 + theirs.var(axis=0) / (0.6 * len(theirs)))
    z = (mean - theirs.mean(axis=0)) / error
    assert np.sqrt((z**2).mean()) < 1.25 and np.abs(z).max() < 4.5
    spread = np.sqrt(weights @ (mine - mean) ** 2)
    assert np.abs(spread / theirs.std(axis=0) - 1).max() < 0.25 / np.sqrt(found.weights.effective / 1000)
    silent = found.state[:, -1], replace(new.panel.record).found
    assert len(silent[1]) == len(new.panel.weeks) and 0.5 < weights @ silent[0] <= 1.0
