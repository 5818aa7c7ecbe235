"""The forecast unit: what a probability speaks of, in columns of its own, so that scores cannot be grouped wrongly.

    question  horizon_weeks  given    the probability is that of
    round     13                      at least one round in the days origin+1 … target_end_date
    week      1                       a round in the first week after the origin
    week      3              silent   a round in the third week, given none in the two before it
    week      4              srs      a round in the fourth week, given one in the second and none in the first and third

Every history of the first weeks has its row, so that no forecast needs to know what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd

from ripeness.data.tables import DAY, NUMBER, TEXT, WHOLE, Form, read_table
from ripeness.files import write_whole
from ripeness.workspace.csv import csv_text

WEEK: Final = "week"  # the question of one week's rows
SILENT: Final = "silent"
LETTERS: Final = ("s", "r")  # a week without, with a round
PASSED: Final = "passed"
FAILED: Final = "failed"
DIGITS: Final = 10


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
