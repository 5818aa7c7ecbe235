"""All rows at once: density and pseudo-observations against formulas written row by row, adjoints against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.typing import NDArray
from pytensor.gradient import verify_grad
from scipy import stats
from scipy.special import digamma, gammaln

from ripeness.data.panel import Counted, Measured
from ripeness.model.ops import pseudo_observations, row_log_density
from ripeness.model.terms import measurement as measure
from ripeness.model.terms.row_density import LARGE_LOG_ODDS, WALKED, density_of_rows, stirling_rise, walked_rise
from ripeness.model.terms.rows import IndicatorRows, gather_rows, indicator_rows, pull_back_gathered

Array = NDArray[np.float64]
Point = dict[str, Array]

FACTORS, WEEKS, DF = ("front", "cost", "host"), 12, 4.0
FACTOR_OF = {"ground": "front", "prices": "cost", "mood": "host", "contacts": "host", "items": "cost"}
CONTRACTS: Any = {
    name: SimpleNamespace(factor=factor, sign="-" if name == "items" else "+", scale=0.7 if name == "items" else 0.4, centre=3.0)
    for name, factor in FACTOR_OF.items()
}
# the order of the inputs of both kernels after the rows and the degrees of freedom
INPUTS = ("loading", "intercept", "spread", "dispersion", "log_captured", "level", "path")


def indices(*values: int) -> NDArray[np.intp]:
    return np.array(values, dtype=np.intp)


# in no order; prices describe several weeks, mood has sampling errors, one week of ground has two rows
MEASURED = Measured(
    ("ground", "prices", "mood"),
    indicator=indices(2, 0, 0, 1, 0, 2, 1, 0, 2, 1),
    first=indices(3, 5, 1, 0, 5, 3, 4, 11, 0, 4),
    last=indices(3, 5, 1, 3, 5, 3, 11, 11, 0, 9),
    value=np.array([0.4, -1.0, 2.0, 0.3, 0.1, -0.6, 1.2, 0.0, 0.7, -0.2]),
    widening=np.array([1.0, 1.3, 1.0, 2.0, 1.0, 1.0, 2.0, 1.3, 1.0, 2.0]),
    sampling=np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.2, 0.0, 0.0, 0.3, 0.0]),
)
COUNTED = Counted(
    ("contacts", "items"),
    indicator=indices(1, 0, 0, 1, 0, 1, 0, 1, 0),
    week=indices(4, 0, 2, 11, 3, 5, 6, 5, 9),
    count=np.array([250.0, 3.0, 0.0, 7.0, 3.0, 0.0, 3.0, 7.0, 70.0]),
    log_exposure=np.log([3.0, 1.0, 1.0, 0.5, 1.0, 2.0, 1.0, 1.0, 1.0]),
    era=indices(2, 0, 1, 2, 1, 2, 1, 2, 1),
    eras=(("contacts", "early"), ("contacts", "late")),
)
NO_MEASURED = Measured(MEASURED.indicators, indices(), indices(), indices(), np.zeros(0), np.zeros(0), np.zeros(0))
NO_COUNTED = Counted(COUNTED.indicators, indices(), indices(), np.zeros(0), np.zeros(0), indices(), COUNTED.eras)


def laid_out(measured: Measured = MEASURED, counted: Counted = COUNTED) -> IndicatorRows:
    panel: Any = SimpleNamespace(measured=measured, counted=counted, indicators=(*measured.indicators, *counted.indicators))
    return indicator_rows(panel, CONTRACTS, FACTORS)


def draw_point(seed: int = 0) -> Point:
    rng = np.random.default_rng(seed)
    return {
        "loading": rng.gamma(5.0, 0.2, 5),
        "intercept": rng.normal(size=5),
        "spread": rng.gamma(5.0, 0.1, 3),
        "dispersion": rng.gamma(5.0, 1.0, 2),
        "log_captured": np.log([0.4, 0.9]),
        "level": rng.normal(size=(3, WEEKS)),
        "path": rng.normal(size=(3, WEEKS)),
    }


POINT = draw_point()


def inputs(rows: IndicatorRows, point: Point) -> list[Any]:
    return [*(getattr(rows, field.name) for field in fields(rows)), np.array([DF]), *(point[name] for name in INPUTS)]


def density(rows: IndicatorRows, point: Point = POINT) -> float:
    return float(density_of_rows(*inputs(rows, point))[0][0])


def density_op(rows: IndicatorRows) -> Callable[..., Any]:
    """The density as a function of its differentiable inputs in the order of `INPUTS`."""
    return lambda *values: row_log_density(rows, values[6], values[5], *values[:5], DF)


def log_pmf(count: Array, log_mean: Array, alpha: Array) -> Array:
    """Negative binomial, in a form that survives huge and tiny means."""
    return np.asarray(
        gammaln(count + alpha)
        - gammaln(alpha)
        - gammaln(count + 1)
        + count * (log_mean - np.log(alpha))
        - (count + alpha) * np.logaddexp(0, log_mean - np.log(alpha))
    )


def rows_by_hand(point: Point = POINT) -> tuple[Array, Array]:
    """Log density of each continuous row and each count."""
    loading, intercept, spread, path, level = (point[name] for name in ("loading", "intercept", "spread", "path", "level"))
    measured = []
    columns = (MEASURED.indicator, MEASURED.first, MEASURED.last, MEASURED.value, MEASURED.widening, MEASURED.sampling)
    for i, first, last, value, widening, sampling in zip(*columns, strict=True):
        k = i  # each of the three speaks of the factor of its own number
        mean = intercept[i] + loading[i] * (path[k, first : last + 1].mean() + level[k, last])
        measured.append(stats.t.logpdf(value, DF, mean, np.hypot(widening * spread[i], sampling)))
    counted = []
    for i, week, count, exposure, era in zip(
        COUNTED.indicator, COUNTED.week, COUNTED.count, COUNTED.log_exposure, COUNTED.era, strict=True
    ):
        k, slope, alpha = (2, 0.4, point["dispersion"][0]) if i == 0 else (1, -0.7, point["dispersion"][1])
        captured = np.append(point["log_captured"], 0.0)[era]
        strength = intercept[3 + i] + loading[3 + i] * (path[k, week] + level[k, week])
        mean = np.exp(np.log(3.0) + slope * strength + exposure + captured)
        counted.append(stats.nbinom.logpmf(count, alpha, alpha / (alpha + mean)))
    return np.array(measured), np.array(counted)


def only(part: Any, keep: int) -> Any:
    """One row of Measured or Counted alone."""
    return replace(part, **{f.name: getattr(part, f.name)[[keep]] for f in fields(part) if isinstance(getattr(part, f.name), np.ndarray)})


# --- Layout -----------------------------------------------------------------------------------------------------------------------------


def test_groups_share_what_their_rows_share() -> None:
    rows = laid_out()
    assert rows.factor.tolist() == [0, 1, 2, 2, 1]
    # ground at two widenings, prices, mood at two sampling errors
    assert rows.groups.tolist() == [[0, 0, 2], [0, 2, 4], [1, 4, 7], [2, 7, 8], [2, 8, 10]]
    np.testing.assert_allclose(rows.widths, [[1, 0], [1.69, 0], [4, 0], [1, 0.04], [1, 0.09]])
    assert rows.value.tolist() == [2.0, 0.1, -1.0, 0.0, 0.3, -0.2, 1.2, -0.6, 0.7, 0.4]
    assert rows.weeks[:, 4:7].tolist() == [[0, 4, 4], [3, 9, 11], [1, 6, 7]]
    assert rows.count_groups[:4].tolist() == [[0, 0, 1, 0, 1], [0, 3, 0, 1, 2], [0, 3, 1, 2, 4], [0, 70, 1, 4, 5]]
    assert rows.count_groups[4:].tolist() == [[1, 0, 2, 5, 6], [1, 7, 2, 6, 8], [1, 250, 2, 8, 9]]
    assert rows.count_week.tolist() == [2, 0, 3, 6, 9, 5, 5, 11, 4]
    np.testing.assert_allclose(rows.count_logs[1], [np.log(3.5), np.log(6)])
    np.testing.assert_allclose(rows.count_scales, [[0.4, np.log(3)], [-0.7, np.log(3)]])


# --- Values -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_density_is_that_of_scipy(seed: int) -> None:
    point = draw_point(seed)
    measured, counted = rows_by_hand(point)
    assert density(laid_out(), point) == pytest.approx(measured.sum() + counted.sum(), rel=1e-12)


def test_density_of_each_row_alone() -> None:
    measured, counted = rows_by_hand()
    for j, expected in enumerate(measured):
        assert density(laid_out(only(MEASURED, j), NO_COUNTED)) == pytest.approx(expected, rel=1e-12)
    for j, expected in enumerate(counted):
        assert density(laid_out(NO_MEASURED, only(COUNTED, j))) == pytest.approx(expected, rel=1e-11)


def test_pseudo_observations_are_those_of_the_rows() -> None:
    loading, intercept, level = (pt.as_tensor(POINT[name]) for name in ("loading", "intercept", "level"))
    captured, dispersion = np.exp(POINT["log_captured"]), pt.as_tensor(POINT["dispersion"])
    i, k = MEASURED.indicator, indices(0, 1, 2)[MEASURED.indicator]
    spread = measure.measured_spread(pt.as_tensor(POINT["spread"]), np.zeros(3), MEASURED)
    remainder = MEASURED.value - intercept[i] - loading[i] * level[k, MEASURED.last]
    one = measure.measured_information(loading[i], remainder, spread, DF)
    at = COUNTED.indicator + 3
    factor = indices(2, 1)[COUNTED.indicator]
    scale = measure.CountScale(np.log([3.0, 3.0]), np.array([0.4, 0.7]), np.array([1.0, -1.0]))
    other = measure.counted_information(
        loading[at], intercept[at], level[factor, COUNTED.week], pt.as_tensor(captured), dispersion[COUNTED.indicator], COUNTED, scale
    )
    expected = measure.gather_information(
        pt.concatenate([one[0], other[0]]),
        pt.concatenate([one[1], other[1]]),
        np.concatenate([k, factor]),
        np.concatenate([(MEASURED.first + MEASURED.last) // 2, COUNTED.week]),
        (3, WEEKS),
    )
    found = pseudo_observations(laid_out(), *(POINT[name] for name in INPUTS[:6]), DF)
    for ours, theirs in zip(*(pytensor.function([], list(pair), mode="FAST_COMPILE")() for pair in (found, expected)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
        assert np.count_nonzero(ours) == 14  # weeks that some row speaks of


# --- Adjoints ---------------------------------------------------------------------------------------------------------------------------


def central_differences(function: Callable[[Point], float], name: str) -> Array:
    step, result = 1e-5, np.zeros_like(POINT[name])
    for place in np.ndindex(result.shape):
        sides = []
        for way in (step, -step):
            moved = POINT[name].copy()
            moved[place] += way
            sides.append(function({**POINT, name: moved}))
        result[place] = (sides[0] - sides[1]) / (2 * step)
    return result


@pytest.mark.parametrize("name", INPUTS)
def test_gradient_of_the_density(name: str) -> None:
    rows = laid_out()
    # the order of INPUTS is that of the saved gradient
    found = density_of_rows(*inputs(rows, POINT))[1 + INPUTS.index(name)]
    np.testing.assert_allclose(found, central_differences(lambda point: density(rows, point), name), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", INPUTS[:6])
def test_adjoint_of_the_pseudo_observations(name: str) -> None:
    rows, rng = laid_out(), np.random.default_rng(3)
    bars = rng.normal(size=(2, 3, WEEKS))

    def weighted(point: Point) -> float:
        return sum(float(np.sum(bar * part)) for bar, part in zip(bars, gather_rows(*inputs(rows, point)[:-1]), strict=True))

    arguments = inputs(rows, POINT)[:-1]
    found = pull_back_gathered(*arguments, *gather_rows(*arguments), *bars)[INPUTS.index(name)]
    np.testing.assert_allclose(found, central_differences(weighted, name), rtol=1e-7, atol=1e-6)


def test_gradients_through_pytensor() -> None:
    rows = laid_out()

    def summed(*values: Any) -> Any:
        precision, information = pseudo_observations(rows, *values, DF)
        return precision - 2.0 * information

    for function, names in ((lambda *values: 3.0 * density_op(rows)(*values), INPUTS), (summed, INPUTS[:6])):
        verify_grad(function, [POINT[name] for name in names], rng=np.random.default_rng(0), mode="FAST_COMPILE")


def test_rows_may_change_without_compiling_anew() -> None:
    names = [field.name for field in fields(IndicatorRows)]
    kinds = {(1, "i"): pt.lvector, (2, "i"): pt.lmatrix, (1, "f"): pt.dvector, (2, "f"): pt.dmatrix}
    tensors = [kinds[array.ndim, array.dtype.kind](name) for name, array in vars(laid_out()).items()]
    values = [pt.as_tensor(POINT[name]) for name in INPUTS]
    total = density_op(IndicatorRows(*tensors))(*values)
    function = pytensor.function(tensors, [total, *pytensor.grad(total[0], values)], mode="NUMBA")
    for rows in (laid_out(), laid_out(only(MEASURED, 3), NO_COUNTED)):
        found = function(*(getattr(rows, name) for name in names))
        for ours, theirs in zip(found, density_of_rows(*inputs(rows, POINT)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)


# --- Empty, extreme, reproducible -------------------------------------------------------------------------------------------------------


def test_parts_may_be_missing() -> None:
    both, measured, counted = laid_out(), laid_out(counted=NO_COUNTED), laid_out(measured=NO_MEASURED)
    for kernel, last in ((density_of_rows, 18), (gather_rows, 17)):
        whole, one, other, none = (
            kernel(*inputs(rows, POINT)[:last]) for rows in (both, measured, counted, laid_out(NO_MEASURED, NO_COUNTED))
        )
        for parts in zip(whole, one, other, none, strict=True):
            np.testing.assert_allclose(parts[0], parts[1] + parts[2], rtol=1e-12, atol=1e-12)
            assert np.any(parts[1]) or np.any(parts[2])
            assert not np.any(parts[3])


def test_a_panel_without_count_indicators_or_eras() -> None:
    nothing = Counted((), indices(), indices(), np.zeros(0), np.zeros(0), indices(), ())
    three = {
        **POINT,
        "dispersion": np.zeros(0),
        "log_captured": np.zeros(0),
        "loading": POINT["loading"][:3],
        "intercept": POINT["intercept"][:3],
    }
    rows = laid_out(counted=nothing)
    assert density(rows, three) == density(laid_out(counted=NO_COUNTED))
    total = density_op(rows)(*(values := [pt.as_tensor(three[name]) for name in INPUTS]))
    found = pytensor.function([], pytensor.grad(total[0], values), mode="FAST_COMPILE")()
    assert [part.shape for part in found] == [three[name].shape for name in INPUTS]
    # counts of no era
    plain = laid_out(counted=replace(COUNTED, era=COUNTED.era * 0, eras=()))
    expected = density(laid_out(counted=replace(COUNTED, era=COUNTED.era * 0 + 2)))
    assert density(plain, {**POINT, "log_captured": np.zeros(0)}) == pytest.approx(expected, rel=1e-13)


def test_rows_that_are_wildly_off_stay_finite() -> None:
    many = np.zeros(40, dtype=np.intp)
    off = Measured(MEASURED.indicators, many, many, many, np.full(40, 1e80), np.ones(40), np.zeros(40))
    scale = POINT["spread"][0]
    found = density_of_rows(*inputs(laid_out(off, NO_COUNTED), POINT))
    one = -5 * (np.log(1e80 / scale) - 0.5 * np.log(DF)) - np.log(scale) + gammaln(2.5) - gammaln(2) - 0.5 * np.log(DF * np.pi)
    assert found[0][0] == pytest.approx(40 * one, rel=1e-13)
    assert all(np.isfinite(part).all() for part in found)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("log_mean", [-1e4, -800.0, -30.0, LARGE_LOG_ODDS, 400.0, 1e4])
def test_extreme_means_and_dispersions_of_counts(log_mean: float, alpha: float) -> None:
    counts = np.array([0.0, 0.0, 0.0, 3.0, 3.0, 900.0])
    many = np.zeros(6, dtype=np.intp)
    rows = laid_out(NO_MEASURED, Counted(COUNTED.indicators, many, many, counts, np.full(6, log_mean), many + 2, COUNTED.eras))
    point = {
        **POINT,
        "dispersion": np.array([alpha, 1.0]),
        "level": np.zeros((3, WEEKS)),
        "path": np.zeros((3, WEEKS)),
        "intercept": np.zeros(5),
    }
    found = density_of_rows(*inputs(rows, point))
    means = np.full(6, log_mean + np.log(3.0))
    # gammaln of large α loses its last digits
    lost = 1e-15 * 6 * abs(gammaln(alpha + 900.0))
    assert found[0][0] == pytest.approx(log_pmf(counts, means, np.full(6, alpha)).sum(), rel=1e-12, abs=lost)
    assert all(np.isfinite(part).all() for part in found)
    share = 1 / (1 + np.exp(np.clip(np.log(alpha) - means, -700, 700)))
    np.testing.assert_allclose(found[7][2, 0], 0.4 * POINT["loading"][3] * np.sum(counts - (counts + alpha) * share), rtol=1e-9, atol=1e-9)


def shifted(array: Any) -> Any:
    """The same array eight bytes further in memory."""
    room = np.empty(array.size + 1, dtype=array.dtype)
    placed = room[1:].reshape(array.shape)
    placed[...] = array
    return placed


def test_same_bits_wherever_the_arrays_lie() -> None:
    rows = laid_out()
    arguments = inputs(rows, POINT)
    bars = list(np.random.default_rng(1).normal(size=(2, 3, WEEKS)))
    pulled = [*arguments[:-1], *gather_rows(*arguments[:-1]), *bars]
    for kernel, given in ((density_of_rows, arguments), (gather_rows, arguments[:-1]), (pull_back_gathered, pulled)):
        for one, other in zip(kernel(*given), kernel(*map(shifted, given)), strict=True):
            assert one.tobytes() == other.tobytes()


# --- Rising products --------------------------------------------------------------------------------------------------------------------

DISPERSIONS = [1e-3, 0.05, 1.0, 7.3, 300.0, 2e4, 1e6]
COUNTS = [0, 1, 2, 9, WALKED, WALKED + 1, 120, 1000, 30_000, 1_000_000]


def rise(alpha: float, count: int) -> tuple[float, float]:
    walked = walked_rise(alpha, 0, min(count, WALKED))
    beyond = stirling_rise(alpha, WALKED, count) if count > WALKED else (0.0, 0.0)
    return walked[0] + beyond[0], walked[1] + beyond[1]


@pytest.mark.parametrize("alpha", DISPERSIONS)
@pytest.mark.parametrize("count", COUNTS)
def test_rise_is_its_sum(alpha: float, count: int) -> None:
    j = np.arange(count, dtype=float)
    total, inverses = rise(alpha, count)
    rounding = 4 * np.finfo(float).eps * count
    assert total == pytest.approx(math.fsum(np.log1p(j / alpha)), rel=1e-12, abs=rounding)
    assert inverses == pytest.approx(math.fsum(1 / (alpha + j)), rel=1e-12)


@pytest.mark.parametrize("alpha", DISPERSIONS)
@pytest.mark.parametrize("count", COUNTS)
def test_rise_is_a_difference_of_gamma_functions(alpha: float, count: int) -> None:
    total, inverses = rise(alpha, count)
    parts = gammaln(count + alpha), gammaln(alpha)
    assert total + count * np.log(alpha) == pytest.approx(parts[0] - parts[1], rel=1e-12, abs=1e-15 * max(map(abs, parts)))
    psi = cast(tuple[float, float], (digamma(count + alpha), digamma(alpha)))
    assert inverses == pytest.approx(psi[0] - psi[1], rel=1e-12, abs=1e-15 * max(map(abs, psi)))


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 40.0])
def test_the_series_joins_the_sum_to_the_last_digits(alpha: float) -> None:
    walked, continued = walked_rise(alpha, WALKED, WALKED + 6), stirling_rise(alpha, WALKED, WALKED + 6)
    assert continued[0] == pytest.approx(walked[0], rel=1e-15, abs=1e-14)
    assert continued[1] == pytest.approx(walked[1], rel=1e-15, abs=1e-15)
