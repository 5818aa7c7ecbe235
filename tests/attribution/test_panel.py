"""The panel against what scenarios say of the same futures: held values and departures, moved conditions, meetings announced, partial weeks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from made_up_war import make_origin

from ripeness.attribution.futures import Origin, log_odds, with_log_odds
from ripeness.attribution.scenario_file import Path, Scenario
from ripeness.attribution.scenarios import run_scenario
from ripeness.attribution.what_if import build_panel, build_sliders, read_panel
from ripeness.model.spec import ModelSpec

TENTH = 0.001  # of a percentage point
PATHS = {
    "front-breaks": [Path(factor="front", value=35.0, from_week=1, to_week=3)],
    "costs-climb": [Path(factor="cost", value=1900.0, from_week=2, to_week=13)],
    "costs-in-units": [Path(factor="cost", units=2.0, from_week=2, to_week=9)],
    "host-comes-and-goes": [
        Path(factor="host", value=40.0, from_week=1, to_week=2),
        Path(factor="host", value=4.0, from_week=6, to_week=30),
        Path(factor="front", units=-2.5, from_week=3, to_week=3),
    ],
}
SCENARIOS = [Scenario(name, name.replace("-", " ").capitalize(), "for a test", (), tuple(paths)) for name, paths in PATHS.items()]


@pytest.fixture(scope="module")
def origin(spec: ModelSpec) -> Origin:
    return make_origin(spec)


@pytest.fixture(scope="module")
def payload(origin: Origin) -> Any:
    return json.loads(json.dumps(build_panel(origin, SCENARIOS), allow_nan=False))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.id)
def test_the_panel_says_what_a_scenario_says(origin: Origin, payload: Any, scenario: Scenario) -> None:
    result = run_scenario(origin, scenario)
    moves = next(one["moves"] for one in payload["scenarios"] if one["id"] == scenario.id)
    found = read_panel(payload, moves)
    assert found.within == pytest.approx([one.scenario for one in result.contrasts], abs=TENTH / 2)
    assert found.by_week == pytest.approx(result.by_week[1], abs=TENTH / 2)
    assert read_panel(payload).within == pytest.approx([one.forecast for one in result.contrasts], abs=TENTH / 2)
    longest = result.contrasts[-1]
    assert longest.upper - longest.lower > 1.0  # there is something to agree on


def test_a_moved_condition_moves_its_log_odds_in_every_week(origin: Origin, payload: Any) -> None:
    shifts = np.array([0.8, -1.4])
    expected, opened, weights = [], [], []
    for futures in origin.futures.values():
        odds = log_odds(origin.spec, futures) + shifts[:, None]
        weights.append(futures.start.weight)
        expected.append(with_log_odds(origin.spec, futures, odds).probabilities.within.mean(axis=0))
        opened.append((1.0 / (1.0 + np.exp(-odds[..., :4]))).mean(axis=(0, 1, 3)))
    found = read_panel(payload, (), shifts)
    assert found.within == pytest.approx(np.average(expected, axis=0, weights=weights), abs=TENTH / 2)
    # only of the first two, the conjunctive ones, may a condition be said to be open
    assert found.open == pytest.approx(np.average(opened[:2], axis=0, weights=weights[:2]), abs=TENTH)


def test_the_war_has_all_that_could_go_wrong(payload: Any) -> None:
    assert payload["first"] == 2 and payload["whole"][0] < 1 and payload["horizon_share"][0][4] < 1  # the origin is a Wednesday
    assert (
        sum(shares[4] for shares in payload["exposure"]) > 0
        and payload["sided"] == [0]
        and payload["levels"] == [1]
        and payload["pulsed"] == [0, 2]
    )
    assert len(payload["dormancy"]) == 3 and payload["horizons"] == [4, 13]


def test_the_same_origin_gives_the_same_bytes(spec: ModelSpec, payload: Any) -> None:
    assert json.dumps(build_panel(make_origin(spec), SCENARIOS)) == json.dumps(payload)


def test_without_scenarios_there_is_nothing_to_choose(origin: Origin) -> None:
    payload = build_panel(origin, [])
    assert payload["scenarios"] == [] and all(len(one["ticks"]) >= 20 for one in payload["factors"])


def test_sliders_stand_at_round_values_and_wherever_a_scenario_holds(origin: Origin) -> None:
    fits = list(origin.futures.values())
    sliders = build_sliders(origin.spec, fits, [path for paths in PATHS.values() for path in paths])
    front, cost, host = (sliders[name] for name in ("front", "cost", "host"))
    assert 35.0 in [tick.value for tick in front.ticks] and (None, -2.5) in [(tick.value, tick.height) for tick in front.ticks]
    assert {40.0, 4.0} <= {tick.value for tick in host.ticks} and all((tick.value or 1.0) > 0 for tick in host.ticks)
    assert front.indicator == "Ground taken" and front.unit == "units"
    last = np.concatenate([one.start.draws["path"][:, 0, -1] for one in fits])
    assert front.now.value == pytest.approx(
        10 * 1.5 * np.median(last)
    )  # in the unit of the indicator, of which a scale is 10; the factor's is 1.5
    for slider, scale in ((front, 1.5), (host, 1.0)):  # without a slow level departures are in order by themselves
        departures = [tick.height if tick.value is None else tick.height / scale for tick in slider.ticks]
        assert departures == sorted(departures) and abs(departures[slider.rest] - slider.now.height / scale) <= 0.25
    values = [tick.value for tick in cost.ticks if tick.value is not None]
    assert values == sorted(set(values)) and min(values) < 600 < 2000 < max(values)  # three departures of 0.8 scales to either side
