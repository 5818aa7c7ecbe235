"""The kernels of factors and hazard as PyTensor Ops, for the whitened form of the model in PyMC."""

from __future__ import annotations

from typing import Any

import numpy as np

from ripeness.kernels.op import KernelOp
from ripeness.model.terms.conditions_kernel import pull_back_view, view_inside
from ripeness.model.terms.record_kernel import filter_dormancy, pull_back_filter
from ripeness.model.terms.row_density import density_of_rows, pull_back_density
from ripeness.model.terms.rows import IndicatorRows, arrays_of, gather_rows, pull_back_gathered
from ripeness.model.terms.whitening import map_paths, pull_back_paths

whitened_paths = KernelOp(
    map_paths,
    pull_back_paths,
    outputs=("matrix", "vector"),
    saved=("matrix", "matrix", "matrix", "matrix", "matrix", "matrix", "vector"),
    wrt=(0, 1, 2, 3),
)
inside_view = KernelOp(
    view_inside,
    pull_back_view,
    outputs=("vector", "matrix", "vector"),
    saved=("matrix", "matrix", "matrix"),
    wrt=(0, 1, 2),
)
dormancy_filter = KernelOp(
    filter_dormancy,
    pull_back_filter,
    outputs=("vector", "vector"),
    saved=("vector", "vector", "vector", "vector", "vector", "vector"),
    wrt=(0, 1, 2, 3),
)
# inputs 11 to 16 are loading, intercept, spread, dispersion, log_captured and level; 17 is the path
_pseudo_observations = KernelOp(gather_rows, pull_back_gathered, ("matrix", "matrix"), (), tuple(range(11, 17)))
_row_log_density = KernelOp(density_of_rows, pull_back_density, ("vector",), ("vector",) * 5 + ("matrix",) * 2, tuple(range(11, 18)))


def pseudo_observations(
    rows: IndicatorRows, loading: Any, intercept: Any, spread: Any, dispersion: Any, log_captured: Any, level: Any, df: float
) -> tuple[Any, Any]:
    """Gaussian pseudo-observations of all rows, added up in their middle weeks: precision and information, each (factor, week).

    Parameters
    ----------
    rows : IndicatorRows
        Its arrays may be tensors.
    loading, intercept : tensor (indicator,)
    spread : tensor (measured indicator,)
        σ, floor and noise together.
    dispersion : tensor (count indicator,)
    log_captured : tensor (era,)
    level : tensor (factor, week)
    df : float
        Degrees of freedom of the continuous rows.
    """
    found = _pseudo_observations(*arrays_of(rows), np.array([df]), loading, intercept, spread, dispersion, log_captured, level)
    return found[0], found[1]


def row_log_density(
    rows: IndicatorRows, path: Any, level: Any, loading: Any, intercept: Any, spread: Any, dispersion: Any, log_captured: Any, df: float
) -> Any:
    """Exact log density of all rows together, as a tensor of length one.

    Parameters
    ----------
    path : tensor (factor, week)
    rows, loading, intercept, spread, dispersion, log_captured, level, df
        As for :func:`pseudo_observations`.
    """
    return _row_log_density(*arrays_of(rows), np.array([df]), loading, intercept, spread, dispersion, log_captured, level, path)
