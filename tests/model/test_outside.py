"""The outside view: straight in log dormancy between knots, level beyond them."""

from __future__ import annotations

import numpy as np
import pytest

from ripeness.model.terms.outside import hat_matrix

KNOTS = np.array([1.0, 3.0, 8.0, 20.0, 100.0])
VALUES = np.array([-1.0, -2.0, -3.2, -3.0, -5.0])


def test_rows_are_weights() -> None:
    basis = hat_matrix(KNOTS, np.arange(1.0, 301.0))
    assert basis.shape == (300, 5)
    assert basis.min() >= 0
    np.testing.assert_allclose(basis.sum(axis=1), 1.0)
    assert ((basis > 0).sum(axis=1) <= 2).all()


def test_the_curve_goes_through_its_knots() -> None:
    np.testing.assert_allclose(hat_matrix(KNOTS, KNOTS) @ VALUES, VALUES)


def test_the_curve_is_straight_in_log_dormancy() -> None:
    middle = np.sqrt(KNOTS[:-1] * KNOTS[1:])
    np.testing.assert_allclose(hat_matrix(KNOTS, middle) @ VALUES, (VALUES[:-1] + VALUES[1:]) / 2)
    rate = -0.7 * np.log(KNOTS) - 1
    weeks = np.arange(1.0, 101.0)
    np.testing.assert_allclose(hat_matrix(KNOTS, weeks) @ rate, -0.7 * np.log(weeks) - 1)


def test_the_curve_is_level_beyond_its_knots() -> None:
    found = hat_matrix(KNOTS[1:], np.array([1.0, 2.0, 101.0, 900.0])) @ VALUES[1:]
    np.testing.assert_allclose(found, [-2.0, -2.0, -5.0, -5.0])


@pytest.mark.parametrize("knots", [[3.0, 3.0], [3.0, 1.0], [0.0, 1.0]])
def test_knots_must_rise_from_above_zero(knots: list[float]) -> None:
    with pytest.raises(ValueError, match="positive and rise"):
        hat_matrix(np.array(knots), np.array([1.0]))
