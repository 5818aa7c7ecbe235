"""Dated jumps of factors: a pulse of elicited size that fades by the factor's half-life.

A factor whose workspace entry names a day jumps in that day's week by its pulse and is pulse · 2^(−n / half-life) above its path n weeks
later. The model adds the same to the path that the hazard reads; stored paths are without it. What happens after the origin is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ripeness.calendar import week_of
from ripeness.workspace import Factor

Array = NDArray[np.float64]


def fading_pulses(factors: Sequence[Factor], weeks: Sequence[date], origin: date, draws: Mapping[str, Array]) -> Array:
    """What pulses add to the factors' paths.

    Parameters
    ----------
    factors : sequence of Factor
        In model order.
    weeks : sequence of date
        Sundays.
    origin : date
        A pulse of a later day adds nothing, however far the weeks reach.
    draws : mapping of ndarray
        By the posterior's names: half_life (..., factor) and, if a factor has one, pulse (..., pulse_factor).

    Returns
    -------
    ndarray (..., factor, week)
        Zero for factors without a pulse and for weeks before it.
    """
    half_life = draws["half_life"]
    added = np.zeros((*half_life.shape, len(weeks)))
    pulsed = [(k, factor.pulse) for k, factor in enumerate(factors) if factor.pulse]
    for place, (k, day) in enumerate(pulsed):
        if day > origin:
            continue
        since = np.array([(sunday - week_of(day)).days // 7 for sunday in weeks])
        faded = draws["pulse"][..., place, None] * 0.5 ** (np.maximum(since, 0) / half_life[..., k, None])
        added[..., k, :] = np.where(since >= 0, faded, 0.0)
    return added
