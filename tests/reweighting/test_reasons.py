"""When only a new fit will do: each rule by itself, in words; and what weights can take up is no reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ripeness.model.spec import ModelSpec
from ripeness.reweighting.refusals import INPUT_CHANGES, beyond_window, changed_inputs, imprecise, untrustworthy
from ripeness.reweighting.weights import LARGEST_ERROR, LARGEST_KHAT, Weights
from ripeness.reweighting.window import Window

Array = NDArray[np.float64]
Maker = Callable[..., ModelSpec]
# weeks 10 to 19 of a base record of twenty weeks; paths are stored from week 5 on
WINDOW = Window(20, np.array([9, 9, 9, 9], dtype=np.int64), 11, 5)
ROWS = [("ground", 4, 4, 0.4, 1.0, 0.0), ("ground", 14, 14, 0.9, 1.0, 0.0), ("prices", 6, 11, 0.2, 1.0, 0.0)]
COUNTS = [("visits", 9, 3.0, 0.0, 0), ("visits", 18, 2.0, 0.0, 1)]


def reasons(make_spec: Maker, weeks: int = 21, rows: Any = ROWS, counts: Any = COUNTS, base: Any = None, **other: Any) -> list[str]:
    return beyond_window(make_spec(20, ROWS, COUNTS, **(base or {})), make_spec(weeks, rows, counts, **other), WINDOW)


def test_a_week_of_new_rows_is_no_reason(make_spec: Maker) -> None:
    new = [*ROWS, ("ground", 20, 20, 1.0, 1.0, 0.0), ("ground", 10, 10, 0.5, 1.0, 0.0), ("prices", 7, 12, 0.2, 1.0, 0.0)]
    assert reasons(make_spec, rows=new, counts=[*COUNTS, ("visits", 20, 9.0, 0.0, 1)]) == []
    assert reasons(make_spec, weeks=20) == [], "rows that came late, on the day of the fit"
    assert reasons(make_spec, rows=ROWS[:1], counts=[COUNTS[0], ("visits", 18, 5.0, 0.0, 1)]) == [], (
        "withdrawn and revised inside the window"
    )


def test_a_fit_has_an_age(make_spec: Maker) -> None:
    assert reasons(make_spec, weeks=33) == []
    assert reasons(make_spec, weeks=34) == ["the fit of 19 May 2024 is more than 13 weeks old"]
    assert beyond_window(make_spec(20), make_spec(19), WINDOW) == ["12 May 2024 lies before the origin of the fit, 19 May 2024"]


def test_a_round_is_a_reason_wherever_it_was_held(make_spec: Maker) -> None:
    assert reasons(make_spec, found=(1, 20)) == ["a round in the week to 26 May 2024 was added"]
    assert reasons(make_spec, found=(1, 15)) == ["a round in the week to 21 April 2024 was added"]
    assert reasons(make_spec, base={"found": (1, 8)}) == ["the round in the week to 3 March 2024 was taken back"]


def test_how_well_was_searched_may_change_in_the_window_only(make_spec: Maker) -> None:
    usual = [(0.8, 0.9)] * 21
    assert reasons(make_spec, pairs=usual[:11] + [(0.5, 0.6)] * 10) == []
    expected = ["how well the week to 17 March 2024 was searched, before the window, has changed"]
    assert reasons(make_spec, pairs=usual[:10] + [(0.5, 0.6)] * 11) == expected


def test_stretches_are_compared_by_what_they_say_and_not_by_their_place(make_spec: Maker) -> None:
    mixed = [(0.8, 0.9)] * 3 + [(0.5, 0.6)] * 8
    base = make_spec(20, ROWS, COUNTS, pairs=[*mixed, *[(0.5, 0.6)] * 9])
    new = make_spec(21, ROWS, COUNTS, pairs=[*mixed, *[(0.5, 0.6)] * 10])
    record = replace(new.panel.record, stretch=1 - new.panel.record.stretch, sensitivities=new.panel.record.sensitivities[::-1])
    assert beyond_window(base, replace(new, panel=replace(new.panel, record=record)), WINDOW) == []


def test_what_was_announced_may_change_in_the_window_only(make_spec: Maker) -> None:
    announced = np.zeros((4, 21))
    announced[1, 11:] = 0.3
    assert reasons(make_spec, announced=announced) == []
    announced[2, 10] = 0.1
    changed = ["what was announced for weeks before the window has changed"]
    assert reasons(make_spec, announced=announced) == changed
    then = {"arrivals": [(5, 0, 3.0)]}
    assert reasons(make_spec, base=then, arrivals=[(5, 0, 3.0), (11, 1, 2.0)]) == [], "a meeting announced in the window"
    for another in ([], [(6, 0, 3.0)], [(5, 1, 3.0)], [(5, 0, 4.0)], [(5, 0, 3.0), (10, 0, 2.0)]):
        assert reasons(make_spec, base=then, arrivals=another) == changed


@pytest.mark.parametrize(
    ("rows", "counts", "expected"),
    [
        (
            [("ground", 4, 4, 0.5, 1.0, 0.0), *ROWS[1:]],
            COUNTS,
            "a value of ground for the week to 4 February 2024, before the window, was revised",
        ),
        (ROWS[1:], COUNTS, "a value of ground for the week to 4 February 2024, before the window, was withdrawn"),
        ([*ROWS, ("losses", 8, 8, 0.0, 1.0, 0.0)], COUNTS, "a value of losses for the week to 3 March 2024, before the window, was added"),
        (ROWS, COUNTS[1:], "a value of visits for the week to 10 March 2024, before the window, was withdrawn"),
        ([*ROWS, ("prices", 4, 10, 0.0, 1.0, 0.0)], COUNTS, "a value of prices describes weeks before the stored ones"),
    ],
)
def test_rows_before_the_window_are_a_reason(rows: Any, counts: Any, expected: str, make_spec: Maker) -> None:
    assert reasons(make_spec, rows=rows, counts=counts) == [expected]


def test_other_indicators_are_another_model(make_spec: Maker) -> None:
    base = make_spec(20)
    new = replace(base, panel=replace(base.panel, counted=replace(base.panel.counted, indicators=("visits",))))
    assert beyond_window(base, new, WINDOW) == ["the indicators have changed"]


def test_inputs_of_a_fit(make_spec: Maker) -> None:
    inputs = dict.fromkeys(INPUT_CHANGES, "the same")
    assert changed_inputs(inputs, inputs) == []
    for key, words in INPUT_CHANGES.items():
        assert changed_inputs(inputs, inputs | {key: "another"}) == [words]
    assert changed_inputs(inputs, inputs | {"priors_hash": "b", "code_version": "b"}) == [
        "the priors have changed",
        "the program has changed",
    ]


def test_weights_have_to_be_trusted() -> None:
    def weights(khat: float) -> Weights:
        return Weights(np.ones(1), khat, 1.0)

    assert untrustworthy(weights(-np.inf)) == [] and untrustworthy(weights(LARGEST_KHAT)) == []
    assert untrustworthy(weights(0.71)) == ["the weights are too uneven: k-hat 0.71, must be at most 0.7"]
    assert untrustworthy(weights(np.nan))[0].startswith("the weights are too uneven")


def test_a_probability_has_to_be_precise() -> None:
    assert imprecise("headline", LARGEST_ERROR) == []
    assert imprecise("headline", 0.0062) == ["the Monte Carlo error of the headline is 0.62 points, must be at most 0.28"]
    assert len(imprecise("outside view", np.nan)) == 1
