r"""All rows of the indicators at once, laid out for kernels, and their pseudo-observations for the whitened paths.

The formulas are those of :mod:`ripeness.model.terms.measurement`. What rows share is computed once: continuous rows lie in groups of one
indicator, widening and sampling error, so of one variance; counts in groups of one indicator, count and era. Kernels read weeks as unsigned
numbers: an index that cannot be negative needs no check in every row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ripeness.data.indicators import Contract
from ripeness.data.panel import Counted, Measured, Panel
from ripeness.kernels.compilation import compiled

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class IndicatorRows:
    """The rows of a panel as plain arrays: an indicator is its place among the measured ones, then the counted ones.

    Continuous rows are ordered by indicator, widening and sampling error; counts by indicator, count and era; both then by week. The
    adjoint of the counts relies on the order of their groups.

    Parameters
    ----------
    factor : ndarray of int (indicator,)
        The factor of each indicator.
    value : ndarray (row,)
        Values of the continuous rows.
    weeks : ndarray of int (3, row)
        First, last and middle week of each.
    groups : ndarray of int (group, 3)
        Indicator, first row and one past the last row.
    widths : ndarray (group, 2)
        Widening squared, and variance of the sampling error.
    count_week : ndarray of int (count row,)
    log_exposure : ndarray (count row,)
    count_groups : ndarray of int (count group, 5)
        Place among the counted indicators, count, era (the number of eras where none applies), first row, one past the last row.
    count_logs : ndarray (count group, 2)
        log(n + ½) and log n!.
    count_scales : ndarray (count indicator, 2)
        Scale × sign of the contract, and log of its centre.
    """

    factor: Index
    value: Array
    weeks: Index
    groups: Index
    widths: Array
    count_week: Index
    log_exposure: Array
    count_groups: Index
    count_logs: Array
    count_scales: Array


def indicator_rows(panel: Panel, contracts: Mapping[str, Contract], factors: Sequence[str]) -> IndicatorRows:
    """Lay out a panel's rows; `factors` are the ids in the order of the paths."""
    own = [contracts[name] for name in panel.indicators]
    counted = own[len(panel.measured.indicators) :]
    sign = [1.0 if contract.sign == "+" else -1.0 for contract in counted]
    scales = [(way * contract.scale, np.log(contract.centre)) for way, contract in zip(sign, counted, strict=True)]
    return IndicatorRows(
        np.array([factors.index(contract.factor) for contract in own], dtype=np.int64),
        *_measured_rows(panel.measured),
        *_counted_rows(panel.counted),
        np.array(scales, dtype=float).reshape(-1, 2),
    )


def _measured_rows(rows: Measured) -> tuple[Array, Index, Index, Array]:
    order = np.lexsort((rows.last, rows.sampling, rows.widening, rows.indicator))
    keys = np.stack([rows.indicator, rows.widening, rows.sampling])[:, order]
    bounds = _stretches(keys)
    first, last = rows.first[order], rows.last[order]
    groups = np.stack([rows.indicator[order][bounds[:-1]], bounds[:-1], bounds[1:]], axis=1)
    widths = np.ascontiguousarray(keys[1:, bounds[:-1]].T ** 2)
    return rows.value[order], np.stack([first, last, (first + last) // 2]).astype(np.int64), groups.astype(np.int64), widths


def _counted_rows(rows: Counted) -> tuple[Index, Array, Index, Array]:
    count = rows.count.astype(np.int64)
    order = np.lexsort((rows.week, rows.era, count, rows.indicator))
    keys = np.stack([rows.indicator, count, rows.era])[:, order]
    bounds = _stretches(keys)
    groups = np.stack([*keys[:, bounds[:-1]], bounds[:-1], bounds[1:]], axis=1).astype(np.int64)
    logs = np.stack([np.log(groups[:, 1] + 0.5), gammaln(groups[:, 1] + 1.0)], axis=1)
    return rows.week[order].astype(np.int64), rows.log_exposure[order], groups, logs


def _stretches(keys: NDArray[Any]) -> Index:
    """Bounds of the stretches of equal columns of sorted `keys` (key, row): the first row of each, then the number of rows."""
    rows = keys.shape[1]
    starts = np.flatnonzero((np.diff(keys, axis=1) != 0).any(axis=0)) + 1
    return np.concatenate([[0], starts, [rows]]).astype(np.int64) if rows else np.zeros(1, dtype=np.int64)


def arrays_of(rows: IndicatorRows) -> tuple[Any, ...]:
    """The arrays of rows in the order in which kernels take them."""
    return (
        *(rows.factor, rows.value, rows.weeks, rows.groups, rows.widths),
        *(rows.count_week, rows.log_exposure, rows.count_groups, rows.count_logs, rows.count_scales),
    )


@compiled
def gather_rows(
    factor: Index, value: Array, weeks: Index, groups: Index, widths: Array,
    count_week: Index, log_exposure: Array, count_groups: Index, count_logs: Array, count_scales: Array,
    df: Array, loading: Array, intercept: Array, spread: Array, dispersion: Array, log_captured: Array, level: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Kernel of :func:`ripeness.model.ops.pseudo_observations`."""
    precision, information = np.zeros(level.shape), np.zeros(level.shape)
    for g in range(groups.shape[0]):
        i = groups[g, 0]
        k = factor[i]
        variance = widths[g, 0] * spread[i] ** 2 + widths[g, 1]
        weight = loading[i] * (df[0] + 1.0) / ((df[0] + 3.0) * variance)
        own = loading[i] * weight
        own_intercept, own_level, own_precision, own_information = intercept[i], level[k], precision[k], information[k]
        for j in range(groups[g, 1], groups[g, 2]):
            last, middle = np.uint64(weeks[1, j]), np.uint64(weeks[2, j])
            own_precision[middle] += own
            own_information[middle] += weight * (value[j] - own_intercept) - own * own_level[last]
    for g in range(count_groups.shape[0]):
        i, count, era = count_groups[g, 0], count_groups[g, 1], count_groups[g, 2]
        whole = spread.shape[0] + i
        k = factor[whole]
        slope = count_scales[i, 0] * loading[whole]
        weight = slope / (1.0 / (count + 0.5) + 1.0 / dispersion[i])
        own = slope * weight
        captured = log_captured[era] if era < log_captured.shape[0] else 0.0
        remainder = count_logs[g, 0] - count_scales[i, 1] - count_scales[i, 0] * intercept[whole] - captured
        own_level, own_precision, own_information = level[k], precision[k], information[k]
        for j in range(count_groups[g, 3], count_groups[g, 4]):
            t = np.uint64(count_week[j])
            own_precision[t] += own
            own_information[t] += weight * (remainder - log_exposure[j]) - own * own_level[t]
    return precision, information


@compiled
def pull_back_gathered(
    factor: Index, value: Array, weeks: Index, groups: Index, widths: Array,
    count_week: Index, log_exposure: Array, count_groups: Index, count_logs: Array, count_scales: Array,
    df: Array, loading: Array, intercept: Array, spread: Array, dispersion: Array, log_captured: Array, level: Array,
    precision: Array, information: Array, precision_bar: Array, information_bar: Array,
) -> tuple[Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """Adjoint of :func:`gather_rows`: cotangents of loading, intercept, spread, dispersion, log_captured and level."""
    loading_bar, intercept_bar, spread_bar = np.zeros(loading.shape), np.zeros(intercept.shape), np.zeros(spread.shape)
    dispersion_bar, captured_bar, level_bar = np.zeros(dispersion.shape), np.zeros(log_captured.shape), np.zeros(level.shape)
    for g in range(groups.shape[0]):
        i = groups[g, 0]
        k = factor[i]
        variance = widths[g, 0] * spread[i] ** 2 + widths[g, 1]
        weight = (df[0] + 1.0) / ((df[0] + 3.0) * variance)
        own = loading[i] ** 2 * weight
        # sums of the cotangents, alone and times the row's value less c and times its level
        precisions, informations, remainders, levels = 0.0, 0.0, 0.0, 0.0
        own_intercept, own_level, own_level_bar = intercept[i], level[k], level_bar[k]
        own_precision_bar, own_information_bar = precision_bar[k], information_bar[k]
        for j in range(groups[g, 1], groups[g, 2]):
            last, middle = np.uint64(weeks[1, j]), np.uint64(weeks[2, j])
            bar = own_information_bar[middle]
            precisions += own_precision_bar[middle]
            informations += bar
            remainders += bar * (value[j] - own_intercept)
            levels += bar * own_level[last]
            own_level_bar[last] -= own * bar
        both = loading[i] * precisions - loading[i] * levels
        loading_bar[i] += weight * (remainders + 2.0 * both)
        intercept_bar[i] -= loading[i] * weight * informations
        spread_bar[i] -= 2.0 * widths[g, 0] * spread[i] * loading[i] * (both + remainders) * weight / variance
    for g in range(count_groups.shape[0]):
        i, count, era = count_groups[g, 0], count_groups[g, 1], count_groups[g, 2]
        whole = spread.shape[0] + i
        k = factor[whole]
        slope = count_scales[i, 0] * loading[whole]
        weight = 1.0 / (1.0 / (count + 0.5) + 1.0 / dispersion[i])
        own = slope**2 * weight
        captured = log_captured[era] if era < log_captured.shape[0] else 0.0
        remainder = count_logs[g, 0] - count_scales[i, 1] - count_scales[i, 0] * intercept[whole] - captured
        precisions, informations, remainders, levels = 0.0, 0.0, 0.0, 0.0
        own_level, own_level_bar, own_precision_bar, own_information_bar = level[k], level_bar[k], precision_bar[k], information_bar[k]
        for j in range(count_groups[g, 3], count_groups[g, 4]):
            t = np.uint64(count_week[j])
            bar = own_information_bar[t]
            precisions += own_precision_bar[t]
            informations += bar
            remainders += bar * (remainder - log_exposure[j])
            levels += bar * own_level[t]
            own_level_bar[t] -= own * bar
        both = slope * precisions - slope * levels
        loading_bar[whole] += count_scales[i, 0] * weight * (remainders + 2.0 * both)
        intercept_bar[whole] -= count_scales[i, 0] * slope * weight * informations
        dispersion_bar[i] += slope * (both + remainders) * (weight / dispersion[i]) ** 2
        if era < log_captured.shape[0]:
            captured_bar[era] -= slope * weight * informations
    return loading_bar, intercept_bar, spread_bar, dispersion_bar, captured_bar, level_bar
