r"""Measurement: how indicators speak of the factors.

A continuous row of indicator i on factor k, describing weeks s … e:

.. math:: y = c_i + \ell_i\,(\bar z_{k,s..e} + m_{k,e}) + \text{noise},\qquad
          \text{noise} \sim t_\nu\big(0,\; \sqrt{(g\,\sigma_i)^2 + \text{sampling}^2}\big)

with z̄ the mean of the path over the weeks, m the slow level of factors whose indicators trend for years (else 0), g the widening for
grade and overlap and σ_i = floor + noise_i. A count:

.. math:: n \sim \text{NegBin}\big(\exp(\log \text{centre}_i + \text{scale}_i\,s_i\,[c_i + \ell_i (z + m)] + \log\text{exposure} +
          \log\text{captured}),\; \alpha_i\big)

Identification: the reference indicator of a factor has c = 0 and ℓ = 1, so the contract's centre and scale, which are constants, say
what 0 and 1 of the factor mean; the other loadings are positive and elicited around it.

For the whitened paths each row also gives a Gaussian pseudo-observation in its middle week: precision ℓ²/variance, with the Fisher
information of the Student-t, or ℓ²/(1/(n+½) + 1/α) for a count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray

from ripeness.data.panel import Counted, Measured

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class CountScale:
    """Constants of the counts' contracts: log centre, scale and sign, each (count indicator,)."""

    log_centre: Array
    scale: Array
    sign: Array


def mean_over_weeks(path: Any, factor: Index, first: Index, last: Index) -> Any:
    """Mean of each row's factor over the weeks it describes.

    Parameters
    ----------
    path : tensor (factor, week)
    factor, first, last : ndarray of int (row,)

    Returns
    -------
    tensor (row,)
    """
    if np.array_equal(first, last):
        return path[factor, first]
    whole = pt.concatenate([pt.zeros((path.shape[0], 1)), pt.cumsum(path, axis=1)], axis=1)
    return (whole[factor, last + 1] - whole[factor, first]) / (last - first + 1)


def measured_spread(noise: Any, floor: Array, rows: Measured) -> Any:
    """Scale of each row's Student-t: (row,), from the noise of each indicator (indicator,) and its floor."""
    own = (floor + noise)[rows.indicator] * rows.widening
    return pt.sqrt(own**2 + rows.sampling**2)


def count_log_mean(strength: Any, captured: Any, rows: Counted, scale: CountScale) -> Any:
    """Log mean of each count row: (row,).

    Parameters
    ----------
    strength : tensor (row,)
        c + ℓ (z + m), in units of the contract's scale.
    captured : tensor (era,)
        Share of real items captured in each era, in (0, 1).
    """
    i = rows.indicator
    return scale.log_centre[i] + (scale.scale * scale.sign)[i] * strength + rows.log_exposure + _log_captured(captured, rows)


def _log_captured(captured: Any, rows: Counted) -> Any:
    if not rows.eras:
        return np.zeros(len(rows.count))
    return pt.concatenate([pt.log(captured), pt.zeros(1)])[rows.era]


def measured_information(loading: Any, remainder: Any, spread: Any, df: float) -> tuple[Any, Any]:
    """Pseudo-observations of continuous rows: precision and information, each (row,).

    Parameters
    ----------
    loading, remainder, spread : tensor (row,)
        ℓ of the row, its value less c and ℓ·m, and the scale of its Student-t.
    """
    weight = (df + 1.0) / (df + 3.0) / spread**2
    return loading**2 * weight, loading * remainder * weight


def counted_information(
    loading: Any, intercept: Any, level: Any, captured: Any, dispersion: Any, rows: Counted, scale: CountScale
) -> tuple[Any, Any]:
    """Pseudo-observations of count rows: precision and information, each (row,).

    Parameters
    ----------
    loading, intercept, level, dispersion : tensor (row,)
    captured : tensor (era,)
    """
    slope = (scale.scale * scale.sign)[rows.indicator] * loading
    weight = 1.0 / (1.0 / (rows.count + 0.5) + 1.0 / dispersion)
    expected = count_log_mean(intercept + loading * level, captured, rows, scale)
    return slope**2 * weight, slope * weight * (np.log(rows.count + 0.5) - expected)


def gather_information(precision: Any, information: Any, factor: Index, week: Index, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Add up the pseudo-observations of all rows: two tensors (factor, week)."""
    flat = factor * shape[1] + week
    zeros = pt.zeros(shape[0] * shape[1])
    return pt.inc_subtensor(zeros[flat], precision).reshape(shape), pt.inc_subtensor(zeros[flat], information).reshape(shape)
