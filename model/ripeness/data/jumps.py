"""Jumps beyond what an indicator's history knows: values that may be right, but that somebody should look at.

On the contract's transformed scale (a count with an exposure as a rate), a value jumps if it lies further than

    LIMIT x the largest change between consecutive known periods, and further than LEAST units of the factor's scale,

from everything it could follow: the known value of the period before, that of its own period where it revises one, and the value before it
in the same batch. The first period of all is compared with the one after it. A history of fewer than FEWEST changes knows nothing yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.data.indicators import Contract

LIMIT = 1.5
LEAST = 1.0
FEWEST = 8

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Jumps:
    """Which rows jump, and how far.

    Attributes
    ----------
    jumps : ndarray (row,)
    change, largest : ndarray (row,), float
        The least change of the row, and the largest that history knows, in units of the factor's scale.
    nearest : ndarray (row,)
        The known value nearest to it among those it could follow, in natural units.
    """

    jumps: NDArray[np.bool_]
    change: Array
    largest: float
    nearest: Array


def find_jumps(contract: Contract, batch: pd.DataFrame, known: pd.DataFrame) -> Jumps:
    """Compare the rows of a batch with what is known.

    Parameters
    ----------
    contract : Contract
    batch : DataFrame (row)
        observed_on, value (NaN: a withdrawal, never a jump), sample_size, published_on.
    known : DataFrame (row)
        observed_on in rising order, each once; value, sample_size.
    """
    count = len(batch)
    none = Jumps(np.zeros(count, dtype=bool), np.zeros(count), 0.0, np.full(count, np.nan))
    if len(known) <= FEWEST or not count:
        return none
    history = _scaled(contract, known)
    largest = float(np.abs(np.diff(history)).max())
    values = _scaled(contract, batch)
    days, known_days = batch["observed_on"].to_numpy(), known["observed_on"].to_numpy()
    natural = known["value"].to_numpy()

    before = np.searchsorted(known_days, days) - 1
    candidates = [np.where(before < 0, 0, before)]
    same = np.minimum(before + 1, len(known) - 1)
    candidates.append(np.where(known_days[same] == days, same, candidates[0]))
    distances = np.stack([np.abs(values - history[place]) for place in candidates])
    nearest = np.take_along_axis(np.stack([natural[place] for place in candidates]), distances.argmin(axis=0)[None], axis=0)[0]
    change = distances.min(axis=0)

    order = np.lexsort((batch["published_on"].to_numpy(), days))
    order = order[np.isfinite(values[order])]
    if len(order) > 1:
        steps = np.abs(np.diff(values[order]))
        later = order[1:]
        closer = steps < change[later]
        change[later[closer]] = steps[closer]
        nearest[later[closer]] = batch["value"].to_numpy()[order[:-1]][closer]
    limit = max(LIMIT * largest, LEAST)
    with np.errstate(invalid="ignore"):
        return Jumps(np.asarray(change > limit), change, largest, nearest)


def _scaled(contract: Contract, rows: pd.DataFrame) -> Array:
    values = rows["value"].to_numpy(dtype=np.float64)
    if contract.exposure and contract.exposure_unit:
        values = values / rows["sample_size"].to_numpy(dtype=np.float64) * contract.exposure_unit
    return contract.transformed(values)
