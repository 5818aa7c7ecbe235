"""All rows at once: density and pseudo-observations against formulas written row by row, adjoints against finite differences."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from adjoints import check_adjoint, forward, pull_back, shifted
from numpy.typing import NDArray
from pytensor.gradient import verify_grad
from scipy import stats
from scipy.special import digamma, gammaln

from ripeness.data.observations import Counted, Measured
from ripeness.model.ops import op_of
from ripeness.model.term import Kernel
from ripeness.model.terms.count_rows import LARGE_LOG_ODDS, SUMMED, CountRows, stirling_rise, summed_rise
from ripeness.model.terms.loadings import factor_of
from ripeness.model.terms.student_t_rows import StudentTRows

Array = NDArray[np.float64]
Point = dict[str, Array]

FACTORS, WEEKS, DF = ("front", "cost", "host"), 12, 4.0
FACTOR_OF = {"ground": "front", "prices": "cost", "mood": "host", "contacts": "host", "items": "cost"}
CONTRACTS: Any = {
    name: SimpleNamespace(
        factor=factor,
        sign="-" if name == "items" else "+",
        scale=0.7 if name == "items" else 0.4,
        centre=3.0,
        noise_floor=None,
        errors="normal" if name == "prices" else "student",
    )
    for name, factor in FACTOR_OF.items()
}


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


def laid_out(measured: Measured = MEASURED, counted: Counted = COUNTED) -> dict[str, Array]:
    """Data of the kernels of both kinds of rows."""
    names = (*measured.indicators, *counted.indicators)
    spec: Any = SimpleNamespace(
        panel=SimpleNamespace(measured=measured, counted=counted, indicators=names),
        contracts=CONTRACTS,
        workspace=SimpleNamespace(factor_ids=FACTORS),
        priors=SimpleNamespace(files=SimpleNamespace(noise_tails=DF)),
    )
    return {**StudentTRows().data(spec, "", ""), **CountRows().data(spec, "", ""), "indicator_factor": factor_of(spec)}


def draw_point(seed: int = 0) -> Point:
    rng = np.random.default_rng(seed)
    return {
        "loadings": rng.gamma(5.0, 0.2, 5),
        "intercepts": rng.normal(size=5),
        "spread": rng.gamma(5.0, 0.1, 3),
        "dispersion": rng.gamma(5.0, 1.0, 2),
        "capture": np.array([0.4, 0.9]),
        "factor_level": rng.normal(size=(3, WEEKS)),
        "path": rng.normal(size=(3, WEEKS)),
    }


POINT = draw_point()
_, MEASURED_GATHERED, MEASURED_DENSITY = StudentTRows.kernels
COUNTED_GATHERED, COUNTED_DENSITY = CountRows.kernels
GATHERED, DENSITIES = (MEASURED_GATHERED, COUNTED_GATHERED), (MEASURED_DENSITY, COUNTED_DENSITY)


def density(rows: dict[str, Array], point: Point = POINT) -> float:
    return sum(float(forward(kernel, rows | point)[str(kernel.log_density)][0]) for kernel in DENSITIES)


def gathered(rows: dict[str, Array], point: Point = POINT) -> list[Array]:
    """Pseudo-observations of all rows: precision and information."""
    return [
        sum((forward(kernel, rows | point)[name] for kernel in GATHERED), np.zeros((3, WEEKS))) for name in ("precision", "information")
    ]


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
    loading, intercept, spread, path, level = (point[name] for name in ("loadings", "intercepts", "spread", "path", "factor_level"))
    measured = []
    columns = (MEASURED.indicator, MEASURED.first, MEASURED.last, MEASURED.value, MEASURED.widening, MEASURED.sampling)
    for i, first, last, value, widening, sampling in zip(*columns, strict=True):
        k = i  # each of the three speaks of the factor of its own number
        mean = intercept[i] + loading[i] * (path[k, first : last + 1].mean() + level[k, last])
        errors = stats.norm if i == 1 else stats.t(DF)
        scale = np.hypot(widening * spread[i], sampling)
        measured.append(errors.logpdf((value - mean) / scale) - np.log(scale))
    counted = []
    for i, week, count, exposure, era in zip(
        COUNTED.indicator, COUNTED.week, COUNTED.count, COUNTED.log_exposure, COUNTED.era, strict=True
    ):
        k, slope, alpha = (2, 0.4, point["dispersion"][0]) if i == 0 else (1, -0.7, point["dispersion"][1])
        captured = np.log(np.append(point["capture"], 1.0)[era])
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
    assert rows["indicator_factor"].tolist() == [0, 1, 2, 2, 1]
    # ground at two widenings, prices, mood at two sampling errors
    assert rows["row_groups"].tolist() == [[0, 0, 2], [0, 2, 4], [1, 4, 7], [2, 7, 8], [2, 8, 10]]
    np.testing.assert_allclose(rows["row_widths"], [[1, 0], [1.69, 0], [4, 0], [1, 0.04], [1, 0.09]])
    assert rows["row_value"].tolist() == [2.0, 0.1, -1.0, 0.0, 0.3, -0.2, 1.2, -0.6, 0.7, 0.4]
    assert rows["row_weeks"][:, 4:7].tolist() == [[0, 4, 4], [3, 9, 11], [1, 6, 7]]
    assert rows["count_groups"][:4].tolist() == [[0, 0, 1, 0, 1], [0, 3, 0, 1, 2], [0, 3, 1, 2, 4], [0, 70, 1, 4, 5]]
    assert rows["count_groups"][4:].tolist() == [[1, 0, 2, 5, 6], [1, 7, 2, 6, 8], [1, 250, 2, 8, 9]]
    assert rows["count_week"].tolist() == [2, 0, 3, 6, 9, 5, 5, 11, 4]
    assert rows["count_factor"].tolist() == [2, 1] and rows["first_count"].tolist() == [3]
    # contacts had 0, 3, 3 and 70 in the second era; a count of 3 is expanded between itself and their mean
    mean = 4.0 / (1.0 + 4.0 / 76.5)
    np.testing.assert_allclose(rows["count_logs"][2], [1 / mean, np.log(mean) + 3 / mean - 1, np.log(6)])
    np.testing.assert_allclose(rows["count_scales"], [[0.4, np.log(3)], [-0.7, np.log(3)]])


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
    """Row by row: ℓ² times the Fisher information of the Student-t, or the curvature of a count, in the middle week, where the row puts z."""
    loading, intercept, spread, level = (POINT[name] for name in ("loadings", "intercepts", "spread", "factor_level"))
    precision, information = np.zeros((3, WEEKS)), np.zeros((3, WEEKS))
    columns = (MEASURED.indicator, MEASURED.first, MEASURED.last, MEASURED.value, MEASURED.widening, MEASURED.sampling)
    for i, first, last, value, widening, sampling in zip(*columns, strict=True):
        own = loading[i] ** 2 * (1 if i == 1 else (DF + 1) / (DF + 3)) / ((widening * spread[i]) ** 2 + sampling**2)
        precision[i, (first + last) // 2] += own
        information[i, (first + last) // 2] += own * ((value - intercept[i]) / loading[i] - level[i, last])
    for i, week, count, exposure, era in zip(
        COUNTED.indicator, COUNTED.week, COUNTED.count, COUNTED.log_exposure, COUNTED.era, strict=True
    ):
        k, scale = (2, 0.4) if i == 0 else (1, -0.7)
        slope = scale * loading[3 + i]
        alike = COUNTED.count[(COUNTED.indicator == i) & (COUNTED.era == era)]
        mean = (count + 1) / (1 + len(alike) / (alike.sum() + 0.5))
        own = slope**2 / (1 / mean + 1 / POINT["dispersion"][i])
        fixed = np.log(3.0) + scale * intercept[3 + i] + exposure + np.log(np.append(POINT["capture"], 1.0)[era])
        precision[k, week] += own
        information[k, week] += own * ((np.log(mean) + count / mean - 1 - fixed) / slope - level[k, week])
    for found, expected in zip(gathered(laid_out()), (precision, information), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
        assert np.count_nonzero(found) == 14  # weeks that some row speaks of


def test_a_continuous_row_has_the_fisher_information_of_its_t() -> None:
    spread, loading = float(np.hypot(POINT["spread"][2], 0.0)), float(POINT["loadings"][2])
    noise, grid = stats.t(DF, scale=spread), np.linspace(-60, 60, 400_001)
    score = -np.gradient(noise.logpdf(grid), grid)
    expected = loading**2 * np.sum(score**2 * noise.pdf(grid)) * (grid[1] - grid[0])
    one = Measured(MEASURED.indicators, indices(2), indices(4), indices(4), np.array([0.9]), np.ones(1), np.zeros(1))
    assert gathered(laid_out(one, NO_COUNTED))[0][2, 4] == pytest.approx(expected, rel=1e-4)


def test_a_count_row_has_the_curvature_of_its_likelihood() -> None:
    """At n ≈ mean the negative binomial is curved like 1/(1/mean + 1/α) in its log mean."""
    one = laid_out(
        NO_MEASURED, Counted(COUNTED.indicators, indices(1), indices(4), np.array([400.0]), np.array([0.3]), indices(2), COUNTED.eras)
    )
    precision, information = gathered(one)

    def log_density(z: float) -> float:
        path = POINT["path"].copy()
        path[1, 4] = z
        return density(one, {**POINT, "path": path})

    mode, step = float(information[1, 4] / precision[1, 4]), 1e-3
    assert log_density(mode) > max(log_density(mode - 0.05), log_density(mode + 0.05))
    curvature = (log_density(mode + step) - 2 * log_density(mode) + log_density(mode - step)) / step**2
    assert -curvature == pytest.approx(float(precision[1, 4]), rel=0.01)


# --- Adjoints ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kernel", "wrt"), [(kernel, wrt) for kernel in (*DENSITIES, *GATHERED) for wrt in kernel.wrt])
def test_adjoint_by_central_differences(kernel: Kernel, wrt: str) -> None:
    check_adjoint(kernel, laid_out() | POINT, wrt)


def test_gradients_through_pytensor() -> None:
    for kernel in GATHERED:
        rows, apply = laid_out(), op_of(kernel)

        def summed(*values: Any, kernel: Kernel = kernel, rows: Any = rows, apply: Any = apply) -> Any:
            given = apply(rows | dict(zip(kernel.wrt, values, strict=True)))
            return given["precision"] - 2.0 * given["information"]

        verify_grad(summed, [POINT[name] for name in kernel.wrt], rng=np.random.default_rng(0), mode="FAST_COMPILE")


def test_rows_may_change_without_compiling_anew() -> None:
    kernel = MEASURED_GATHERED
    kinds = {(1, "i"): pt.lvector, (2, "i"): pt.lmatrix, (1, "f"): pt.dvector, (2, "f"): pt.dmatrix}
    data = [name for name in kernel.inputs if name not in kernel.wrt]
    tensors = {name: kinds[array.ndim, array.dtype.kind](name) for name, array in ((name, laid_out()[name]) for name in data)}
    values = {name: pt.as_tensor(POINT[name]) for name in kernel.wrt}
    given = op_of(kernel)(tensors | values)
    gradients = pytensor.grad((given["precision"] - given["information"]).sum(), list(values.values()))
    function = pytensor.function(list(tensors.values()), [*given.values(), *gradients], mode="NUMBA")
    for rows in (laid_out(), laid_out(only(MEASURED, 3), NO_COUNTED)):
        found = function(*(rows[name] for name in data))
        bars = {"precision": np.ones((3, WEEKS)), "information": -np.ones((3, WEEKS))}
        expected = [*forward(kernel, rows | POINT).values(), *pull_back(kernel, rows | POINT, bars).values()]
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)


# --- Empty, extreme, reproducible -------------------------------------------------------------------------------------------------------


def test_kinds_of_rows_may_be_missing() -> None:
    both, measured, counted, none = laid_out(), laid_out(counted=NO_COUNTED), laid_out(NO_MEASURED), laid_out(NO_MEASURED, NO_COUNTED)
    assert density(both) == pytest.approx(density(measured) + density(counted), rel=1e-12)
    assert density(none) == 0.0 and density(measured) != 0.0 and density(counted) != 0.0
    for one, *parts in zip(*(gathered(rows) for rows in (both, measured, counted, none)), strict=True):
        np.testing.assert_allclose(one, parts[0] + parts[1], rtol=1e-12, atol=1e-12)
        assert np.any(parts[0]) and np.any(parts[1]) and not np.any(parts[2])
    for kernel in (*DENSITIES, *GATHERED):
        assert not any(np.any(part) for part in forward(kernel, none | POINT).values())


def test_a_panel_without_count_indicators_or_eras() -> None:
    nothing = Counted((), indices(), indices(), np.zeros(0), np.zeros(0), indices(), ())
    three = {
        **POINT,
        "dispersion": np.zeros(0),
        "capture": np.zeros(0),
        "loadings": POINT["loadings"][:3],
        "intercepts": POINT["intercepts"][:3],
    }
    rows = laid_out(counted=nothing)
    assert density(rows, three) == density(laid_out(counted=NO_COUNTED))
    for kernel in (*DENSITIES, *GATHERED):
        found = pull_back(kernel, rows | three, {})
        assert [part.shape for part in found.values()] == [three[name].shape for name in kernel.wrt]
    # counts of no era
    plain = laid_out(counted=replace(COUNTED, era=COUNTED.era * 0, eras=()))
    expected = density(laid_out(counted=replace(COUNTED, era=COUNTED.era * 0 + 2)))
    assert density(plain, {**POINT, "capture": np.zeros(0)}) == pytest.approx(expected, rel=1e-13)


def test_rows_that_are_wildly_off_stay_finite() -> None:
    many = np.zeros(40, dtype=np.intp)
    off = Measured(MEASURED.indicators, many, many, many, np.full(40, 1e80), np.ones(40), np.zeros(40))
    scale = POINT["spread"][0]
    found = list(forward(MEASURED_DENSITY, laid_out(off, NO_COUNTED) | POINT).values())
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
        "factor_level": np.zeros((3, WEEKS)),
        "path": np.zeros((3, WEEKS)),
        "intercepts": np.zeros(5),
    }
    given = forward(COUNTED_DENSITY, rows | point)
    found = list(given.values())
    means = np.full(6, log_mean + np.log(3.0))
    # gammaln of large α loses its last digits
    lost = 1e-15 * 6 * abs(gammaln(alpha + 900.0))
    assert found[0][0] == pytest.approx(log_pmf(counts, means, np.full(6, alpha)).sum(), rel=1e-12, abs=lost)
    assert all(np.isfinite(part).all() for part in found)
    share = 1 / (1 + np.exp(np.clip(np.log(alpha) - means, -700, 700)))
    np.testing.assert_allclose(
        given["counted_by_path"][2, 0], 0.4 * POINT["loadings"][3] * np.sum(counts - (counts + alpha) * share), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("kernel", [*DENSITIES, *GATHERED])
def test_same_bits_wherever_the_arrays_lie(kernel: Kernel) -> None:
    values = laid_out() | POINT
    bars = dict(zip(("precision", "information"), np.random.default_rng(1).normal(size=(2, 3, WEEKS)), strict=True))
    moved, moved_bars = ({name: shifted(np.asarray(array)) for name, array in own.items()} for own in (values, bars))
    for found, expected in (
        (forward(kernel, moved), forward(kernel, values)),
        (pull_back(kernel, moved, moved_bars), pull_back(kernel, values, bars)),
    ):
        assert [part.tobytes() for part in found.values()] == [part.tobytes() for part in expected.values()]


# --- Rising products --------------------------------------------------------------------------------------------------------------------

DISPERSIONS = [1e-3, 0.05, 1.0, 7.3, 300.0, 2e4, 1e6]
COUNTS = [0, 1, 2, 9, SUMMED, SUMMED + 1, 120, 1000, 30_000, 1_000_000]


def rise(alpha: float, count: int) -> tuple[float, float]:
    summed = summed_rise(alpha, 0, min(count, SUMMED))
    beyond = stirling_rise(alpha, SUMMED, count) if count > SUMMED else (0.0, 0.0)
    return summed[0] + beyond[0], summed[1] + beyond[1]


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
    summed, continued = summed_rise(alpha, SUMMED, SUMMED + 6), stirling_rise(alpha, SUMMED, SUMMED + 6)
    assert continued[0] == pytest.approx(summed[0], rel=1e-15, abs=1e-14)
    assert continued[1] == pytest.approx(summed[1], rel=1e-15, abs=1e-15)
