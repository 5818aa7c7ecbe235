"""Scenarios on the short run: same random numbers in every arm, factors where they are held, rows that teach, and what a level would take."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ripeness.attribution import futures as simulated
from ripeness.attribution.futures import Origin, seeds_of, simulate
from ripeness.attribution.inverse_scenario import inverse_scenario
from ripeness.attribution.scenario_file import Path as HeldPath
from ripeness.attribution.scenario_file import Scenario, read_scenarios
from ripeness.attribution.scenarios import (
    change_path,
    error_of_mean,
    hold_factors,
    hypothetical_rows,
    run_scenario,
    targets_of,
    update_given,
)
from ripeness.attribution.what_if import build_panel, read_panel
from ripeness.data.events import TIED
from ripeness.errors import UsageError
from ripeness.model.terms.loadings import factor_scales
from ripeness.reweighting.reweighted import update_fit
from ripeness.reweighting.stored import read_base
from ripeness.workflow.request import Request, open_workspace
from ripeness.workflow.scenarios import SCENARIOS, run_scenarios, run_would_have

BASE = "2025-06-18"


@pytest.fixture(scope="module")
def shipped(workspace: Path) -> dict[str, Scenario]:
    checked = open_workspace(workspace)
    return read_scenarios(checked.workspace, checked.claims, checked.store.contracts)


def scenario_of(*paths: HeldPath) -> Scenario:
    return Scenario("made-up", "Made up", "for a test", (), paths)


def test_what_is_held_is_what_a_simulation_with_it_held_would_give(origin: Origin) -> None:
    start = next(iter(origin.starts.values()))
    path = HeldPath(factor="mediation", value=2.5, from_week=2, to_week=5)
    ((k, value),) = targets_of(origin.spec, start.draws, [path])
    contract = origin.spec.contracts["mediated_contacts"]
    scales = factor_scales(origin.spec, start.draws)[:, k]
    assert value * scales == pytest.approx(np.log(2.5 / contract.centre) / contract.scale)

    def hold(week: int, factors: Any) -> None:
        if 2 <= week <= 5:
            factors[:, :, k] = value[:, None]

    plain, held = (simulate(origin.spec, origin.announcements, start, 2, one) for one in (None, hold))
    changed = hold_factors(plain, [path], [(k, value)])
    assert np.abs(changed - held.factors).max() < 1e-9
    assert (changed[:, :, k, plain.stored + 1 : plain.stored + 5] == value[:, None, None]).all()
    assert np.array_equal(np.delete(changed, k, axis=2), np.delete(plain.factors, k, axis=2))
    given = simulated.with_factors(origin.spec, plain, changed)
    assert np.abs(given.probabilities.within - held.probabilities.within).max() < 1e-9
    same = simulated.with_factors(origin.spec, plain, plain.factors)
    assert np.abs(same.probabilities.within - plain.probabilities.within).max() < 1e-12


def test_fewer_futures_say_the_same_of_the_headline(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "DRAWS", 380)
    h = origin.spec.workspace.question.horizons_weeks.index(13)
    for name, futures in replace(origin).futures.items():
        every = simulate(origin.spec, origin.announcements, origin.starts[name], 2).probabilities.within[:, h]
        number = round(380 * futures.start.weight)
        assert len(futures.factors) == number < len(every) and len(futures.start.draws["weight"]) == number
        assert futures.probabilities.within[:, h].mean() == pytest.approx(every.mean(), abs=0.001)
        assert np.isin(futures.probabilities.within[:, h], every).all()  # the same ones, not others


def test_the_error_of_a_mean_covers_what_choosing_some_draws_does() -> None:
    rng, off, errors = np.random.default_rng(8), [], []
    for _ in range(400):
        order, noise = rng.normal(size=1000), rng.normal(size=1000)
        values = np.sort(order) + noise
        some = np.arange(2, 1000, 5)
        off.append(values[some].mean())
        errors.append(error_of_mean(values[some], np.sort(order)[some], 1000.0))
    assert np.mean(errors) == pytest.approx(np.std(off), rel=0.15)


def test_a_level_is_taken_off_a_value(origin: Origin) -> None:
    start = next(iter(origin.starts.values()))
    usual, double = (
        targets_of(origin.spec, start.draws, [HeldPath(factor="war_cost", value=value, from_week=1, to_week=1)])[0][1]
        for value in (5000.0, 10000.0)
    )
    scales = factor_scales(origin.spec, start.draws)[:, origin.spec.workspace.factor_ids.index("war_cost")]
    assert (double - usual) * scales == pytest.approx(np.log(2.0) / origin.spec.contracts["personnel_losses"].scale)
    assert usual.std() > 0  # levels differ from draw to draw


def test_the_shipped_scenarios_do_what_the_essay_says(origin: Origin, shipped: dict[str, Scenario]) -> None:
    found = {
        name: run_scenario(origin, shipped[name])
        for name in ("mediation", "ukrainian-breakthrough", "ukrainian-breakthrough-with-mediation")
    }
    headline = {name: next(one for one in result.contrasts if one.weeks == 13) for name, result in found.items()}
    assert len({one.forecast for one in headline.values()}) == 1  # the same draws and random numbers in every arm
    assert headline["mediation"].change > 5 * headline["mediation"].mcse
    both = headline["ukrainian-breakthrough-with-mediation"].change
    assert both > max(headline["mediation"].change, headline["ukrainian-breakthrough"].change)
    channel, willing = found["mediation"].conditions["channel_open"], found["ukrainian-breakthrough"].conditions["moscow_willing"]
    # contacts vary by more than the contract's scale, so the path is fewer standard deviations than it was with a fixed scale
    assert channel[1] > channel[0] + 0.05 and willing[1] > willing[0]
    # mediation's own path is seen in one of 17 futures, for the same reason
    limits = {"mediation": 0.1, "ukrainian-breakthrough": 0.05, "ukrainian-breakthrough-with-mediation": 0.05}
    for name, result in found.items():
        assert 0.0 <= result.plausible < limits[name] and result.by_week.shape[0] == 2 and (np.diff(result.by_week, axis=1) >= 0).all()


def test_the_further_the_path_the_less_plausible(origin: Origin) -> None:
    shares = [
        run_scenario(origin, scenario_of(HeldPath(factor="momentum", units=units, from_week=1, to_week=4))).plausible
        for units in (1.5, 2.5, 4.0)
    ]
    assert 1.0 > shares[0] > shares[1] > shares[2]


def test_rows_that_are_given_pull_the_factor_and_teach_about_the_rest(origin: Origin) -> None:
    path = HeldPath(factor="momentum", value=-400.0, from_week=1, to_week=6)
    done, given = run_scenario(origin, scenario_of(path)), run_scenario(origin, scenario_of(path), given=True)
    name = "moscow_willing"
    assert given.conditions[name][1] > given.conditions[name][0]  # rows say it of a noisy factor, doing it is certain
    assert given.conditions[name][1] == pytest.approx(done.conditions[name][1], abs=0.12)
    assert all(one.lower is None for one in given.contrasts) and all(one.lower is not None for one in done.contrasts)
    with pytest.raises(ValueError, match="stated in units"):
        run_scenario(origin, scenario_of(HeldPath(factor="distrust", units=1.0, from_week=1, to_week=2)), given=True)


def test_given_rows_reach_back_into_the_record(origin: Origin) -> None:
    """What rows say of the weeks ahead they say of the last weeks too, where hazards and rounds must read it."""
    spec, name = origin.spec, "conjunctive_as_written"
    fit, k = origin.base.fits[name], spec.workspace.factor_ids.index("oil_income")
    paths = [HeldPath(factor="oil_income", value=45.0, from_week=1, to_week=8)]
    seeds = [seeds_of(spec, name, 1)[0] for _ in range(3)]
    plain, nothing = update_fit(spec, spec, fit, seeds[0]), update_given(spec, spec, fit, [], seeds[1])
    assert nothing[1] == {} and np.array_equal(nothing[0].log_ratio, plain.log_ratio)
    assert np.array_equal(nothing[0].draws["path"], plain.draws["path"])
    updated, given = update_given(spec, spec, fit, paths, seeds[2])
    last, ahead = updated.draws["path"][:, k, -1], given[k]
    assert ahead.shape == (len(last), 8)
    phi = 0.5 ** (1.0 / fit.draws["half_life"][:, k])
    step = (ahead[:, 0] - phi * last) / np.sqrt(1 - phi**2)
    beyond = (ahead[:, 0] - phi * plain.draws["path"][:, k, -1]) / np.sqrt(1 - phi**2)
    assert np.mean(step**2) < 0.8 * np.mean(beyond**2)  # one path, not the end of one and the beginning of another
    assert not np.array_equal(last, plain.draws["path"][:, k, -1])
    assert not np.array_equal(updated.log_ratio[:, -1], plain.log_ratio[:, -1])  # the rounds are weighed on it
    others = [j for j in range(len(spec.workspace.factors)) if j != k]
    assert np.array_equal(updated.draws["path"][:, others], plain.draws["path"][:, others])


def test_counts_that_are_given_keep_up_with_their_rate(origin: Origin) -> None:
    for rate, held in ((0.2, 5), (2.5, 12)):
        rows = hypothetical_rows(origin.spec, [HeldPath(factor="mediation", value=rate, from_week=1, to_week=20)])
        counts = [content[0] for content in rows.values()]
        assert sum(counts) == rate * 20 and max(counts) - min(counts) <= 1 and sum(counts[:held]) == pytest.approx(rate * held, abs=0.5)


def test_the_inverse_scenario_reaches_its_level(origin: Origin) -> None:
    h = origin.spec.workspace.question.horizons_weeks.index(26)
    weights = [one.start.weight for one in origin.futures.values()]
    now = float(np.average([one.probabilities.within[:, h].mean() for one in origin.futures.values()], weights=weights))
    level = now + 0.5 * (1.0 - now) * 0.4
    needed = inverse_scenario(origin, level, 26)
    assert [one.condition for one in needed] == list(origin.spec.workspace.condition_ids)
    for place, one in enumerate(needed):
        if one.odds is None:
            assert one.reached < level
            continue
        assert one.reached == pytest.approx(level, abs=1e-4) and one.odds > 1 and one.then > one.now
        moved = []
        for futures in origin.futures.values():
            draws = dict(futures.start.draws)
            draws["intercept_open"] = draws["intercept_open"] + np.log(one.odds) * (np.arange(len(needed)) == place)
            opened = replace(futures, start=replace(futures.start, draws=draws))
            moved.append(simulated.with_factors(origin.spec, opened, futures.factors).probabilities.within[:, h].mean())
        assert float(np.average(moved, weights=weights)) == pytest.approx(one.reached, abs=1e-9)  # by the whole way, instead of by log odds
    assert all((a.odds or 1e9) <= (b.odds or 1e9) for a, b in zip(inverse_scenario(origin, 0.5 * (now + level), 26), needed, strict=True))


def test_the_command_writes_all_of_them(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "DRAWS", 100)
    found = run_scenarios(Request(workspace, read_origin(workspace)), [], False, 0.5)
    stored = json.loads((workspace / "reports" / BASE / SCENARIOS).read_text("utf-8"))
    assert [one["id"] for one in stored["scenarios"]] == [one["id"] for one in found["scenarios"]] and len(stored["scenarios"]) >= 8
    assert stored["inverse"]["weeks"] == 26 and all(one["claims"] for one in stored["scenarios"])
    given = run_scenarios(Request(workspace, read_origin(workspace)), ["mediation"], True, None)
    assert given["verb"] == "given" and stored == json.loads((workspace / "reports" / BASE / SCENARIOS).read_text("utf-8"))


def read_origin(workspace: Path) -> Any:
    return read_base(workspace / "reports" / BASE / "base.npz").panel.origin


@pytest.mark.parametrize(
    ("wanted", "given", "level", "words"),
    [
        (["mediatoin"], False, None, "did you mean 'mediation'"),
        (["shock-in-moscow"], True, None, "stated in units"),
        ([], False, 1.5, "a probability between 0 and 1"),
    ],
)
def test_wrong_arguments_are_refused(workspace: Path, wanted: list[str], given: bool, level: float | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        run_scenarios(Request(workspace, read_origin(workspace)), wanted, given, level)


def test_a_past_path_keeps_every_shock_but_where_it_is_held() -> None:
    rng = np.random.default_rng(2)
    path, phi = rng.normal(size=(5, 2, 30)), np.array([[0.9, 0.5]] * 5)
    held = HeldPath(factor="momentum", units=2.0, from_week=2, to_week=4)
    changed = change_path(path, phi, [held], [(0, np.full(5, 2.0))], 9)
    among = change_path(path[:, None].repeat(3, axis=1), phi, [held], [(0, np.full(5, 2.0))], 9)
    assert np.array_equal(among, changed[:, None].repeat(3, axis=1))  # of several paths each draw's number goes to all
    assert np.array_equal(changed[:, 1], path[:, 1]) and changed[:, 0, :11] == pytest.approx(path[:, 0, :11], abs=1e-12)
    assert (changed[:, 0, 11:14] == 2.0).all()
    left = changed[:, 0, 13:] - path[:, 0, 13:]
    assert left == pytest.approx(left[:, :1] * 0.9 ** np.arange(17))  # what was done fades, the shocks stay
    same = change_path(path, phi, [replace_weeks(held, 3, 3)], [(0, path[:, 0, 12])], 9)
    assert same == pytest.approx(path)  # held at where it was anyway


def replace_weeks(path: HeldPath, first: int, last: int) -> HeldPath:
    return path.model_copy(update={"from_week": first, "to_week": last})


@pytest.mark.parametrize(("start", "record"), [(date(2024, 6, 2), [0.0, 0.0, 0.0]), (date(2024, 12, 8), [0.0, 0.0, 1.0])])
def test_what_would_have_been_differs_from_the_record_by_the_path_alone(workspace: Path, start: date, record: list[float]) -> None:
    found = run_would_have(Request(workspace, read_origin(workspace)), ["mediation", "status-quo"], start)
    assert found["verb"] == "would have" and found["from"] == start.isoformat()
    by_id = {one["id"]: one for one in found["scenarios"]}
    mediation, quo = (by_id[name]["contrasts"] for name in ("mediation", "status-quo"))
    assert [row["weeks"] for row in mediation] == [4, 13, 26]
    assert [row["forecast"] for row in mediation] == [row["forecast"] for row in quo] == record  # as it was, whatever is asked
    for row, was in zip(mediation, record, strict=True):
        assert 0.0 < row["scenario"] <= 1.0 and (was or row["change"] > 3 * row["mcse"] > 0.0)
    for one in by_id.values():
        for made in one["announcements"]:
            assert start < date.fromisoformat(made["announced_on"]) <= start + timedelta(weeks=26)
            assert made["class"] in TIED and 0.0 <= made["probability"] <= 1.0
    announced = [[(made["announced_on"], made["class"]) for made in one["announcements"]] for one in by_id.values()]
    assert announced[0] == announced[1]
    assert (("2025-05-11", "one_side") in announced[0]) == bool(record[-1])
    again = run_would_have(Request(workspace, read_origin(workspace)), ["mediation", "status-quo"], start)
    assert again == found


def test_would_have_asks_for_a_day_of_the_record(workspace: Path) -> None:
    with pytest.raises(UsageError, match=r"and 20[0-9-]+, 26 weeks before it ends"):
        run_would_have(Request(workspace, read_origin(workspace)), ["mediation"], date(2025, 5, 4))
    with pytest.raises(UsageError, match="a day between"):
        run_would_have(Request(workspace, read_origin(workspace)), ["mediation"], date(2027, 1, 3))


def test_the_page_answers_as_the_command_does(origin: Origin, shipped: dict[str, Scenario]) -> None:
    payload = json.loads(json.dumps(build_panel(origin, list(shipped.values()))))
    assert payload["horizons"] == [13, 26]
    for scenario, ready in zip(shipped.values(), payload["scenarios"], strict=True):
        by_weeks = {one.weeks: one.scenario for one in run_scenario(origin, scenario).contrasts}
        assert read_panel(payload, ready["moves"]).within == pytest.approx([by_weeks[13], by_weeks[26]], abs=0.0005)
