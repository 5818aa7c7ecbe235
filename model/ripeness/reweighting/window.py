"""The window of a stored fit: which states are kept with its draws, and the rows that touch the others, laid out for kernels.

Of each factor the path up to its last kept week stands with the draw; the weeks after it are integrated anew for each vintage
(:mod:`ripeness.reweighting.paths`). The window is as long as rows come late: a row whose weeks were all kept could not be weighed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from ripeness.data.indicators import Contract
from ripeness.data.vintages import Vintage
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.factor_paths import persistence
from ripeness.model.terms.loadings import factor_scales, loadings_of
from ripeness.model.terms.slow_levels import WEEKS_PER_KNOT, knots_of, level_basis
from ripeness.model.terms.student_t_rows import errors_df, noise_floor
from ripeness.reweighting.sites import CONTINUOUS, Rows

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Key = tuple[int, int, int]  # indicator, first and last week of a row


SHORTEST, LONGEST = 12, 40  # weeks of a window
MARGIN = 4  # weeks before the first that new rows speak of: what they say reaches that far back
LATELY = 364  # days; how late rows come is seen from what was published in so many before the origin
PERIODS = {"month": 5, "quarter": 14}  # weeks that a value touches, and one for anything else
CROSSING = 13  # weeks for which a window lasts


@dataclass(frozen=True)
class Window:
    """Which states of a stored fit are kept and which are integrated.

    Parameters
    ----------
    weeks : int
        Weeks of the base record.
    kept : ndarray of int (factor,)
        Index of each factor's last kept week.
    first : int
        Index of the first week at risk whose hazard reads a state that is integrated.
    stored : int
        Index of the first week of the stored paths: values that reach back before the window need the weeks before it.
    """

    weeks: int
    kept: Index
    first: int
    stored: int


def choose_window(spec: ModelSpec, vintage: Vintage) -> Window:
    """The window of a fit: of each factor as many weeks as its rows come late, so that what is published next falls inside.

    A factor whose slow level may bend at a new knot while the fit is in use keeps nothing after its last knot: the new knot's move tilts
    the level of all weeks from there on.
    """
    panel = spec.panel
    weeks = len(panel.weeks)
    kept = []
    for factor in spec.workspace.factors:
        late = [_lateness(name, spec.contracts[name], vintage) for name in panel.indicators if spec.contracts[name].factor == factor.id]
        last = weeks - 1 - min(max([SHORTEST, *(weeks_back + MARGIN for weeks_back in late)]), LONGEST)
        knot = (weeks - 1) // WEEKS_PER_KNOT * WEEKS_PER_KNOT
        if factor.level and knot + WEEKS_PER_KNOT <= weeks - 1 + CROSSING:
            last = min(last, knot)
        kept.append(max(last, 0))
    first = max(min(kept) + 2, panel.record.start)
    return Window(weeks, np.array(kept, dtype=np.int64), first, max(min(kept) - max(PERIODS.values()), 0))


def _lateness(indicator: str, contract: Contract, vintage: Vintage) -> int:
    """Weeks back to the first day described by the value of an indicator that came latest, of those of the last year."""
    rows = vintage.values[indicator]
    recent = rows[rows["published_on"] > pd.Timestamp(vintage.origin) - pd.Timedelta(days=LATELY)]
    if recent.empty:
        return 0
    days = int((recent["published_on"] - recent["observed_on"]).dt.days.max())
    return -(-days // 7) + max(PERIODS.get(contract.on(day.date()).window, 1) for day in recent["observed_on"])


@dataclass(frozen=True)
class Parameters:
    """What rows and innovations need of the draws.

    Parameters
    ----------
    persistence : ndarray (draw, factor)
    loading, intercept : ndarray (draw, indicator)
    spread : ndarray (draw, measured indicator)
    dispersion : ndarray (draw, count indicator)
    log_captured : ndarray (draw, era + 1)
        The last one is zero, for rows of no era.
    step : ndarray (draw, factor)
        Typical move of a slow level in half a year, in units of the factor; zero for factors without one.
    level : ndarray (draw, factor, knot)
        Slow levels at the knots of the base record, in units of the factor.
    """

    persistence: Array
    loading: Array
    intercept: Array
    spread: Array
    dispersion: Array
    log_captured: Array
    step: Array
    level: Array


def read_parameters(spec: ModelSpec, draws: Mapping[str, Array]) -> Parameters:
    """Lay out draws (draw, …), named as in the posterior, for rows and innovations."""
    number, factors, scales = len(draws["half_life"]), spec.workspace.factors, factor_scales(spec, draws)
    loading, intercept = loadings_of(spec, draws)
    nothing = np.zeros((number, 0))
    levels = [k for k, factor in enumerate(factors) if factor.level]
    knots = draws["level_moves"].shape[2] if levels else len(level_basis(len(spec.panel.weeks)))
    step, level = np.zeros((number, len(factors))), np.zeros((number, len(factors), knots))
    if levels:
        step[:, levels], level[:, levels] = draws["level"] / scales[:, levels], knots_of(draws) / scales[:, levels, None]
    return Parameters(
        np.asarray(persistence(draws["half_life"])),
        loading,
        intercept,
        noise_floor(spec) + draws.get("noise", nothing),
        draws.get("dispersion", nothing),
        np.concatenate([np.log(draws.get("capture", nothing)), np.zeros((number, 1))], axis=1),
        step,
        level,
    )


@dataclass(frozen=True)
class FactorWindow:
    """One factor's window under one vintage.

    Parameters
    ----------
    rows : Rows
    contents : dict of (indicator, first week, last week) to tuple
        All that each row says, in the order of `rows`: value, widening and sampling error, or count, log exposure and era. No two rows of
        an indicator describe the same weeks.
    moved : bool
        Whether the record has crossed a knot of the factor's slow level since the fit.
    """

    rows: Rows
    contents: dict[Key, tuple[float, ...]]
    moved: bool


def factor_window(
    spec: ModelSpec, window: Window, k: int, rows: Mapping[Key, tuple[float, ...]], path: Array, parameters: Parameters
) -> FactorWindow:
    """The rows of factor k that touch its window, as kernels take them.

    Parameters
    ----------
    spec : ModelSpec
        Of the vintage.
    window : Window
    k : int
    rows : mapping
        Of the factor, from :func:`rows_by_factor`.
    path : ndarray (draw, factor, week)
        Stored paths, from week `window.stored` on.
    parameters : Parameters
    """
    factor, files, df = spec.workspace.factors[k], spec.priors.files, errors_df(spec)
    start, weeks, measured = int(window.kept[k]) + 1, len(spec.panel.weeks), len(spec.panel.measured.indicators)
    contents = {key: row for key, row in rows.items() if key[2] >= start}
    knots, ramp = parameters.level[:, k], np.zeros(weeks)
    basis = level_basis(weeks)
    moved = factor.level and len(basis) > knots.shape[1]
    if moved:
        ramp = basis[-1]
    target, slope, precision = (np.empty((len(path), len(contents))) for _ in range(3))
    constant, base_basis = np.zeros(len(path)), level_basis(window.weeks)
    for j, ((i, earliest, latest), row) in enumerate(contents.items()):
        known = knots @ base_basis[:, min(latest, window.weeks - 1)]
        if earliest < start:
            known = known + path[:, k, earliest - window.stored : start - window.stored].sum(axis=1) / (latest - earliest + 1)
        offset, slope[:, j], precision[:, j], own = row_terms(spec, parameters, i, row)
        level = offset + slope[:, j] * known
        target[:, j] = row[0] - level if i < measured else level
        constant += own
    first, last = (np.array([key[place] - start for key in contents], dtype=np.int64) for place in (1, 2))
    first = np.maximum(first, 0)
    laid_out = Rows(
        persistence=np.ascontiguousarray(parameters.persistence[:, k]),
        before=np.ascontiguousarray(path[:, k, start - 1 - window.stored], dtype=float),
        df=np.array([files.factor_tails if factor.tails == "shocks" else 0.0, files.noise_tails]),
        envelope=_envelope(weeks - start + int(moved), weeks - start, first, last),
        weeks=np.array([weeks - start], dtype=np.int64),
        step=np.ascontiguousarray(parameters.step[:, k]),
        first=first,
        last=last,
        share=np.array([1.0 / (latest - earliest + 1) for _, earliest, latest in contents], dtype=float),
        ramp=np.array([ramp[latest] for _, _, latest in contents], dtype=float),
        bent=np.array([key[0] < measured and bool(np.isfinite(df[key[0]])) for key in contents], dtype=bool),
        counted=np.array([row[0] if key[0] >= measured else CONTINUOUS for key, row in contents.items()], dtype=float),
        target=target,
        slope=slope,
        precision=precision,
        constant=constant,
    )
    return FactorWindow(laid_out, contents, moved)


def row_terms(spec: ModelSpec, parameters: Parameters, i: int, row: tuple[float, ...]) -> tuple[Array, Array, Array, Array]:
    """The likelihood of a row as a function of its strength s, the factor with its slow level, in the weeks that it describes.

    Parameters
    ----------
    spec : ModelSpec
    parameters : Parameters
    i : int
        Its indicator.
    row : tuple of float
        As :func:`rows_by_factor` gives it.

    Returns
    -------
    offset, slope : ndarray (draw,)
        Its location, or of a count its log mean, is offset + slope · s.
    precision : ndarray (draw,)
        Continuous: one over the squared scale. Count: its dispersion α.
    constant : ndarray (draw,)
        Terms of the log density that depend on the parameters alone.
    """
    loading, intercept, measured = parameters.loading[:, i], parameters.intercept[:, i], len(spec.panel.measured.indicators)
    if i < measured:
        _, widening, sampling = row
        precision = 1.0 / ((parameters.spread[:, i] * widening) ** 2 + sampling**2)
        return intercept, loading, precision, 0.5 * np.log(precision)
    count, log_exposure, era = row
    contract, alpha = spec.contracts[spec.panel.indicators[i]], parameters.dispersion[:, i - measured]
    scale = contract.scale if contract.sign == "+" else -contract.scale
    offset = np.log(contract.centre) + scale * intercept + log_exposure + parameters.log_captured[:, int(era)]
    return offset, scale * loading, alpha, gammaln(count + alpha) - gammaln(alpha) + alpha * np.log(alpha)


def rows_by_factor(spec: ModelSpec) -> list[dict[Key, tuple[float, ...]]]:
    """All that each row says, for each factor: continuous rows with value, widening and sampling error, counts with log exposure and era."""
    panel = spec.panel
    factor = [spec.workspace.factor_ids.index(spec.contracts[name].factor) for name in panel.indicators]
    rows, counts, measured = panel.measured, panel.counted, len(panel.measured.indicators)
    found: list[dict[Key, tuple[float, ...]]] = [{} for _ in spec.workspace.factors]
    columns: list[list[Any]] = [one.tolist() for one in (rows.indicator, rows.first, rows.last, rows.value, rows.widening, rows.sampling)]
    for i, first, last, *row in zip(*columns, strict=True):
        found[factor[i]][i, first, last] = tuple(row)
    columns = [one.tolist() for one in (counts.indicator, counts.week, counts.count, counts.log_exposure, counts.era)]
    for i, week, count, log_exposure, era in zip(*columns, strict=True):
        found[factor[measured + i]][measured + i, week, week] = (count, log_exposure, float(era))
    return found


def _envelope(states: int, weeks: int, first: Index, last: Index) -> Index:
    """First state that each state is tied to, by the innovations and by the rows; the level's move to all."""
    envelope = np.maximum(np.arange(states) - 1, 0)
    for begin, end in zip(first, last, strict=True):
        envelope[begin : end + 1] = np.minimum(envelope[begin : end + 1], begin)
    envelope[weeks:] = 0
    return envelope.astype(np.int64)
