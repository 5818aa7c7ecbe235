"""The forms in which rows may come in: their columns, what names a row, and what a revision may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ripeness.data import events, rows

INDICATOR: Final = "indicator"  # the additional column of a long file


@dataclass(frozen=True)
class Form:
    """One kind of table.

    Attributes
    ----------
    columns, optional : tuple of str
        In the order of the file.
    key : tuple of str
        What stays the same when a row is revised; with published_on it names one row.
    content : tuple of str
        What a revision may change.
    types : mapping
        Column to dtype; without the line.
    yes_no : tuple of str
        Columns of yes and no.
    defaults : mapping
        Column of days whose empty cells take the day of another column.
    may_be_empty : tuple of str
        Columns of numbers whose cells may be empty.
    """

    columns: tuple[str, ...]
    optional: tuple[str, ...]
    key: tuple[str, ...]
    content: tuple[str, ...]
    types: Mapping[str, str]
    yes_no: tuple[str, ...] = ()
    defaults: tuple[tuple[str, str], ...] = ()
    may_be_empty: tuple[str, ...] = ()

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Required and optional columns."""
        return (*self.columns, *self.optional)

    def of_type(self, dtype: str) -> list[str]:
        """The columns of one dtype."""
        return [name for name in self.all_columns if self.types[name] == dtype]


ROWS: Final = Form(
    columns=rows.COLUMNS,
    optional=rows.OPTIONAL,
    key=("observed_on",),
    content=("value", "sample_size", "grade", "source"),
    types=rows.TYPES,
    may_be_empty=("value", "sample_size"),
)
EVENTS: Final = Form(
    columns=events.EVENT_COLUMNS,
    optional=(),
    key=tuple(events.EVENT_KEY),
    content=("end_date", "round", "grade", "source"),
    types=events.EVENT_TYPES,
    yes_no=("round",),
    defaults=(("end_date", "date"),),
)
COVERAGE: Final = Form(
    columns=events.COVERAGE_COLUMNS,
    optional=(),
    key=tuple(events.COVERAGE_KEY),
    content=("q05", "q95", "note"),
    types=events.COVERAGE_TYPES,
)
BY_TABLE: Final = {"events": EVENTS, "coverage": COVERAGE}


def form_of(table: str) -> Form:
    """The form of a table: events, coverage, or an indicator."""
    return BY_TABLE.get(table, ROWS)
