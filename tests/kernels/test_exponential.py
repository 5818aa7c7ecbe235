"""e^x and 1 − e^x against decimal arithmetic of a hundred digits."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from ripeness.kernels.exponential import HIGHEST, LOWEST, exponential, exponential_and_rest

Array = NDArray[np.float64]
UNITS = 2.0


@numba.njit(error_model="numpy")
def over_array(x: Array) -> tuple[Array, Array, Array]:
    power, rest, alone = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    for i in range(x.shape[0]):
        power[i], rest[i] = exponential_and_rest(x[i])
        alone[i] = exponential(x[i])
    return power, rest, alone


def digits(x: Array) -> tuple[list[Decimal], list[Decimal]]:
    with localcontext() as context:
        context.prec = 100  # enough for 1 − e^x at the smallest x below, by subtraction
        context.Emin, context.Emax = -999_999, 999_999
        exact = [Decimal(float(each)).exp() for each in x]
        return exact, [1 - each for each in exact]


def units_apart(found: Array, exact: list[Decimal]) -> Array:
    """Errors in units in the last place of the exact number."""
    return np.array(
        [float(abs(Decimal(float(f)) - e) / Decimal(float(np.spacing(abs(float(e)))))) for f, e in zip(found, exact, strict=True)]
    )


RNG = np.random.default_rng(0)
RANGES = {
    "all": RNG.uniform(LOWEST, HIGHEST, 150),
    "ends": np.array([LOWEST, HIGHEST, np.nextafter(LOWEST, 0), np.nextafter(HIGHEST, 0)]),
    "where the power of two changes": np.log(2) * (np.arange(-40, 40) + 0.5) * (1 + 1e-15),
    "around zero": RNG.uniform(-1.5, 1.5, 300),
    "small": np.concatenate([-(10 ** RNG.uniform(-60, -1, 60)), 10 ** RNG.uniform(-60, -1, 60)]),
}


@pytest.mark.parametrize("x", RANGES.values(), ids=RANGES)
def test_the_error_is_at_most_two_units(x: Array) -> None:
    power, rest, _ = over_array(x)
    exact, exact_rest = digits(x)
    assert units_apart(power, exact).max() <= UNITS
    assert units_apart(rest, exact_rest).max() <= UNITS


def test_both_functions_give_the_same_number() -> None:
    power, _, alone = over_array(np.concatenate(list(RANGES.values())))
    np.testing.assert_array_equal(power, alone)


def test_beyond_the_range() -> None:
    power, rest, _ = over_array(np.array([np.nextafter(LOWEST, -np.inf), -1e9, -np.inf, np.nextafter(HIGHEST, np.inf), 1e9, np.inf]))
    np.testing.assert_array_equal(power, [0, 0, 0, np.inf, np.inf, np.inf])
    np.testing.assert_array_equal(rest, [1, 1, 1, -np.inf, -np.inf, -np.inf])
    power, rest, _ = over_array(np.array([np.nan, 0.0]))
    np.testing.assert_array_equal(power, [np.nan, 1.0])
    np.testing.assert_array_equal(rest, [np.nan, 0.0])


def test_a_loop_gives_each_number_the_bits_it_has_alone() -> None:
    """Whether a number falls into a whole vector or into the rest of a loop makes no difference."""
    x = RNG.uniform(-3, 3, 37)
    whole = over_array(x)[0]
    np.testing.assert_array_equal(whole, [over_array(x[i : i + 1])[0][0] for i in range(37)])
    np.testing.assert_array_equal(whole[1:], over_array(x[1:])[0])
