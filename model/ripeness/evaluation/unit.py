r"""The forecast unit: what a probability speaks of, in columns of its own, so that scores cannot be grouped wrongly.

    question  horizon_weeks  given    the probability is that of
    round     13                      at least one round in the days origin+1 … target_end_date
    week      1                       a round in the first week after the origin
    week      3              silent   a round in the third week, given none in the two before it
    week      4              srs      a round in the fourth week, given one in the second and none in the first and third

Every history of the first weeks has its row, so that no forecast needs to know what happened. The numbers come from the probability of every pattern of
weeks with and without a round, dormancy starting anew after each round. With H_j the history of the weeks before week j, a forecast of week j given H_j follows from the patterns' probabilities alone,

.. math:: P(y_j = 1 \mid H_j) = P(H_j, y_j = 1) / P(H_j)

and the product over the weeks of a block of what was said of each is the probability of the block's pattern: the weekly event log score of
a block is the log of the posterior mean of that pattern's probability. Nothing is simulated but the factor paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.data.tables import DAY, NUMBER, TEXT, WHOLE, Form, read_table
from ripeness.files import write_whole
from ripeness.workspace.csv import csv_text

if TYPE_CHECKING:
    from ripeness.forecast.ahead import Ahead

WEEK: Final = "week"  # the question of one week's rows
SILENT: Final = "silent"
LETTERS: Final = ("s", "r")  # a week without, with a round
PASSED: Final = "passed"
FAILED: Final = "failed"
DIGITS: Final = 10
Array = NDArray[np.float64]
BLOCK_WEEKS: Final = 4  # from one origin to the next
CELLS = 4_000_000  # numbers held at once


@dataclass(frozen=True)
class Unit:
    """One probability.

    Parameters
    ----------
    question, origin, horizon_weeks, target_end_date, given : str, date, int, date, str
        What it speaks of, as above.
    forecaster : str
        Who says it: a fit, the mixture of the readings, or a baseline.
    vintage : {"as_of", "final"}
        What it was made from: what was known on the origin, or what is known now of the time up to it.
    probability : float
    lower, upper : float or None
        5-95 % range of P_s over posterior draws, path noise taken out; None where there are no draws, and for weeks.
    mcse : float or None
        Monte Carlo standard error of the probability.
    gate : str
        "passed", or "failed" with the criteria that the fit behind it failed (in rows of weeks without them); empty for baselines.
    inputs : str
        Hash of everything that it was made from.
    """

    question: str
    origin: date
    horizon_weeks: int
    target_end_date: date
    given: str
    forecaster: str
    vintage: str
    probability: float
    lower: float | None = None
    upper: float | None = None
    mcse: float | None = None
    gate: str = ""
    inputs: str = ""


COLUMNS: Final = tuple(field.name for field in fields(Unit))
_TYPES: Final = (
    {"horizon_weeks": WHOLE}
    | dict.fromkeys(("origin", "target_end_date"), DAY)
    | dict.fromkeys(("probability", "lower", "upper", "mcse"), NUMBER)
)
FORM: Final = Form({name: _TYPES.get(name, TEXT) for name in COLUMNS}, may_be_empty=("lower", "upper", "mcse"))


def history(weeks: Sequence[int]) -> str:
    """A history of weeks without (0) and with (1) a round, in letters; "silent" if there was none, nothing if no week has passed."""
    if not any(weeks):
        return SILENT if weeks else ""
    return "".join(LETTERS[week] for week in weeks)


def write_units(path: Path, units: Iterable[Unit]) -> None:
    """Write a table of units, whole."""
    rows = (
        ["" if cell is None else f"{cell:.{DIGITS}g}" if isinstance(cell, float) else str(cell) for cell in astuple(unit)] for unit in units
    )
    write_whole(path, csv_text([COLUMNS, *rows]))


def read_units(path: Path) -> pd.DataFrame:
    """A table of units: days as date, numbers as float (NaN where there is none), the rest as text."""
    frame = read_table(path, Path(path.parent.name, path.name), FORM, ()).drop(columns="line")
    return frame.assign(**{name: frame[name].dt.date for name in ("origin", "target_end_date")})


def pattern_probabilities(ahead: Ahead, weeks: int = BLOCK_WEEKS) -> Array:
    """Probability of every pattern of the first weeks ahead, draw by draw, averaged over factor paths.

    Parameters
    ----------
    ahead : Ahead
    weeks : int

    Returns
    -------
    ndarray (draw, 2, …, 2)
        One axis for each week, 0 without and 1 with a round; sums to 1 over all but the draws.
    """
    draws, paths, _ = ahead.inside.shape
    result = np.empty((draws, *(2,) * weeks))
    step = max(1, CELLS // (paths * len(ahead.dormancy)))
    for begin in range(0, draws, step):
        part = slice(begin, begin + step)
        start = np.repeat(ahead.state[part][:, None, :], paths, axis=1)
        _follow(ahead, part, start, ahead.dormancy, (), result[part])
    return result


def _follow(ahead: Ahead, part: slice, weight: Array, dormancy: NDArray[np.intp], place: tuple[Any, ...], result: Array) -> None:
    """Branch on the next week: `weight` (draw, path, state) is the probability of the pattern so far, and of its state of dormancy."""
    week = len(place)
    if week == result.ndim - 1:
        result[(slice(None), *place)] = weight.sum(axis=2).mean(axis=1)
        return
    share = ahead.horizon_share[-1, 0] if week == 0 else 1.0
    base = np.exp(ahead.outside[part][:, None, dormancy - 1])
    own = share * ahead.unannounced[part][:, None, week, None]
    total = base * np.exp(ahead.inside[part, :, week, None]) * own + ahead.announced[part][:, None, week, None]
    _follow(ahead, part, weight * np.exp(-total), dormancy + 1, (*place, 0), result)
    held = (weight * -np.expm1(-total)).sum(axis=2, keepdims=True)
    _follow(ahead, part, held, np.ones(1, dtype=np.intp), (*place, 1), result)


def week_given(pattern: Array) -> dict[tuple[int, str], float]:
    """Probability of a round in each week of a block, by week (from 1) and history.

    Parameters
    ----------
    pattern : ndarray (2, …, 2)
        Probability of every pattern, as `pattern_probabilities` gives it, averaged over draws.
    """
    result = {}
    for ahead in range(1, pattern.ndim + 1):
        for before in product((0, 1), repeat=ahead - 1):
            here = pattern[before]
            result[ahead, history(before)] = float(here[1].sum() / here.sum())
    return result
