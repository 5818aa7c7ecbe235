"""Calibration of predictions: of what was said to be so likely, how much came?

With enough outcomes of either kind ArviZ draws the curve (`plot_ppc_pava`: isotonic regression of outcomes on probabilities, after Dimitriadis,
Gneiting and Jordan 2021). With fewer a curve would be a few steps of chance, and a sentence says what there is.
"""

from __future__ import annotations

from typing import Any

import arviz as az
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names

Array = NDArray[np.float64]
FEWEST = 20  # outcomes of each kind below which no curve is drawn
REPLICATIONS = 500


def calibration_said(probabilities: Array, outcomes: NDArray[np.int64], what: str) -> str:
    """How predictions compare with outcomes, in a sentence.

    Parameters
    ----------
    probabilities : ndarray (prediction,)
    outcomes : ndarray of int (prediction,)
        1 where what was predicted came.
    what : str
        What was predicted, as in "a round within 13 weeks in the simulated wars".
    """
    came, expected = int(outcomes.sum()), float(probabilities.sum())
    # the sum of independent outcomes of these probabilities
    spread = float(np.sqrt((probabilities * (1 - probabilities)).sum()))
    said = f"Of {len(outcomes)} predictions of {what}, {expected:.0f} should have come (give or take {2 * spread:.0f}) and {came} did"
    if enough(outcomes):
        return f"{said}."
    return f"{said}: too few for a calibration curve, which needs {FEWEST} that came and {FEWEST} that did not."


def enough(outcomes: NDArray[np.int64]) -> bool:
    """Whether a curve can be drawn."""
    came = int(outcomes.sum())
    return min(came, len(outcomes) - came) >= FEWEST


def plot_calibration(probabilities: Array, outcomes: NDArray[np.int64], seed: int) -> Any:
    """ArviZ's PAV-adjusted calibration plot.

    Raises
    ------
    ValueError
        If there are too few outcomes of either kind.
    """
    if not enough(outcomes):
        raise ValueError(f"at least {FEWEST} outcomes of each kind for a calibration curve")
    rng = np.random.default_rng(seed)
    replicated = (rng.random((1, REPLICATIONS, len(outcomes))) < probabilities).astype(int)
    tree = xr.DataTree.from_dict(
        {
            "posterior_predictive": xr.Dataset({"came": ((names.CHAIN, names.DRAW, "prediction"), replicated)}),
            "observed_data": xr.Dataset({"came": (("prediction",), outcomes.astype(int))}),
        }
    )
    return az.plot_ppc_pava(tree, ci_prob=0.9, backend="matplotlib")
