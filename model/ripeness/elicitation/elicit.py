"""From quantiles to distributions: each entry is fitted by PreliZ and says how near it comes to what was asked.

PreliZ loads PyMC, so it is imported inside the one function that needs it; whoever only checks the files reads `entries`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from ripeness.elicitation.elicited import DIGITS, LEVELS, Elicited, Priors
from ripeness.elicitation.entries import PriorFiles
from ripeness.elicitation.families import FAMILIES
from ripeness.elicitation.tables import Placed
from ripeness.errors import ContentError, Fault

TOLERANCE = 0.15  # largest miss of a quantile, as a share of the width of the 90 % interval
GRID = 21  # cumulative probabilities 0, 0.05 … 1: the levels above fall on it exactly


def elicit_priors(files: PriorFiles) -> Priors:
    """Fit a distribution to every entry.

    Raises
    ------
    ContentError
        "inconsistent elicitation", for every entry whose family cannot come within 15 % of its 90 % width of a quantile asked.
    """
    faults: list[Fault] = []
    elicited = {name: _fit(placed, None, faults) for name, placed in files.entries.items()}
    overrides = {reading: {name: _fit(placed, reading, faults) for name, placed in own.items()} for reading, own in files.overrides.items()}
    if faults:
        raise ContentError(faults)
    return Priors(elicited, overrides, files)


def _fit(placed: Placed, reading: str | None, faults: list[Fault]) -> Elicited:
    entry, family = placed.entry, FAMILIES[placed.entry.family]
    asked = [family.to_normal(value, entry.on) for value in entry.asked]
    mu, sigma = fit_normal(asked, LEVELS)
    fitted = [NormalDist(mu, sigma).inv_cdf(level) for level in LEVELS]
    low, middle, high = (family.to_natural(value, entry.on) for value in fitted)
    error = max(abs(got - want) for got, want in zip(fitted, asked, strict=True)) / (asked[-1] - asked[0])
    if error > TOLERANCE:
        asked_in_words = f"an inconsistent elicitation: {entry.q05:g}, {entry.q50:g}, {entry.q95:g} of {placed.name}"
        expected = f"quantiles that a {entry.family} can have; the nearest one has {low:.3g}, {middle:.3g}, {high:.3g}"
        faults.append(placed.toml.fault(placed.key, asked_in_words, expected, "move the median or a bound, or choose another family"))
    return Elicited(placed.name, entry, mu, sigma, (low, middle, high), error, reading)


def fit_normal(values: Sequence[float], levels: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation of the Normal whose quantiles come nearest, in least squares, to `values` at `levels`.

    PreliZ matches the quantiles of a sample; the sample handed to it is a grid whose quantiles at `levels`, multiples of 0.05, are `values`
    exactly. Fitted on the family's own scale, where no quantile outweighs the others.
    """
    import preliz

    grid = np.linspace(0, 1, GRID)
    slope = (values[-1] - values[0]) / (levels[-1] - levels[0])
    endpoints = (values[0] - slope * levels[0], values[-1] + slope * (1 - levels[-1]))
    sample = np.interp(grid, (0, *levels, 1), (endpoints[0], *values, endpoints[1]))
    fitted = preliz.Normal()
    with warnings.catch_warnings():
        # PreliZ warns of a mismatch by a rule of its own; the tolerance here is stated, and a miss is an error with file and line.
        warnings.filterwarnings("ignore", message="There is a mismatch")
        preliz.match_quantiles(sample, fitted, quantiles=list(levels), plot=False)
    return round(float(fitted.mu), DIGITS), round(float(fitted.sigma), DIGITS)
