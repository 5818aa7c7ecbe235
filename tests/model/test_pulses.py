"""Dated jumps: from their week on, halved with every half-life, and unknown before they happened."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from ripeness.model.terms.pulses import fading_pulses
from ripeness.workspace import Factor

WEEKS = [date(2025, 6, 1) + timedelta(days=7 * t) for t in range(6)]
PLAIN = Factor(id="plain", label="Plain", plus="more", effects={"open": "+"})
THIRD_WEEK = PLAIN.model_copy(update={"id": "jumping", "pulse": date(2025, 6, 10)})  # a Tuesday
BEFORE = PLAIN.model_copy(update={"id": "old", "pulse": date(2025, 5, 18)})
SIZES = np.array([[3.0, 8.0], [1.0, 4.0]])
HALF_LIVES = np.array([[1.0, 2.0, 1.0], [5.0, 1.0, 2.0]])


def test_a_pulse_fades_by_half_with_every_half_life() -> None:
    added = fading_pulses([PLAIN, THIRD_WEEK, BEFORE], WEEKS, WEEKS[-1], {"half_life": HALF_LIVES, "pulse": SIZES})
    root = np.sqrt(0.5)
    np.testing.assert_array_equal(added[:, 0], 0.0)
    np.testing.assert_allclose(added[0, 1], [0, 0, 3, 3 * root, 1.5, 1.5 * root])
    np.testing.assert_allclose(added[1, 1], [0, 0, 1, 0.5, 0.25, 0.125])
    np.testing.assert_allclose(added[0, 2], [2, 1, 0.5, 0.25, 0.125, 0.0625])
    np.testing.assert_allclose(added[1, 2], 4 * root ** np.arange(2, 8))


def test_draws_may_have_chains() -> None:
    draws = {"half_life": HALF_LIVES[:, None], "pulse": SIZES[:, None]}
    added = fading_pulses([PLAIN, THIRD_WEEK, BEFORE], WEEKS, WEEKS[-1], draws)
    assert added.shape == (2, 1, 3, 6)
    flat = fading_pulses([PLAIN, THIRD_WEEK, BEFORE], WEEKS, WEEKS[-1], {"half_life": HALF_LIVES, "pulse": SIZES})
    np.testing.assert_array_equal(added[:, 0], flat)


@pytest.mark.parametrize(("origin", "known"), [(date(2025, 6, 9), False), (date(2025, 6, 10), True)])
def test_what_happens_after_the_origin_is_not_known(origin: date, known: bool) -> None:
    added = fading_pulses([THIRD_WEEK], WEEKS, origin, {"half_life": np.full((1, 1), 2.0), "pulse": np.full((1, 1), 3.0)})
    assert added.any() == known


def test_without_pulses_nothing_is_added() -> None:
    assert not fading_pulses([PLAIN], WEEKS, WEEKS[-1], {"half_life": np.ones((4, 1))}).any()
