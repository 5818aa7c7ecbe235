"""A batch of files brought into the data folder: judged row by row, then stored as one, or refused and nothing changed.

All files are appended to in one transaction (`data/transaction.py`) with the record of the batch (`data/batches.py`). Bytes that are stored
already stay as they are; only a missing end of line is added. Appended rows have the columns in the order of their file, ISO dates, and the
shortest decimals that give the same number back.

The batch's day is given by whoever enters it; without one it is the newest published_on that could be read, as no clock is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd

from ripeness.data.batches import APPENDED, COLUMNS, UPDATES_FILE, VERDICTS, ranges
from ripeness.data.events import BY_TABLE, form_of
from ripeness.data.tables import Form
from ripeness.data.transaction import Transaction, writing
from ripeness.data.vintages import Store, read_store
from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.intake.incoming import TABLE, Incoming
from ripeness.intake.verdicts import FILE, Judged, judge
from ripeness.workspace import Workspace
from ripeness.workspace.csv import append_rows


@dataclass(frozen=True)
class Choices:
    """How a batch is to be taken.

    Attributes
    ----------
    day : date or None
        The batch's own day.
    confirmed, accept_valid, dry_run : bool
        Whether jumps are meant; whether good rows are taken although others are refused; whether nothing is to be written.
    """

    day: date | None = None
    confirmed: bool = False
    accept_valid: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Update:
    """What became of a batch.

    Attributes
    ----------
    day : date
    judged : tuple of Judged
        By table: indicators in the order of indicators.toml, then events, coverage.
    files : tuple of str
        Names of the files; the rows' FILE counts them from 0.
    faults : tuple of Fault
        Why rows are refused.
    lost : int
        Rows refused before they could be assigned to any table.
    batch : int or None
        Its number in updates.csv; None if nothing was written.
    freshness : DataFrame (indicator)
        As `Vintage.freshness` on the batch's day, with the rows taken, or that would be.
    notes : tuple of str
    """

    day: date
    judged: tuple[Judged, ...]
    files: tuple[str, ...]
    faults: tuple[Fault, ...]
    lost: int
    batch: int | None
    freshness: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Rows by verdict, over all tables."""
        total = {verdict: sum(one.counts[verdict] for one in self.judged) for verdict in VERDICTS}
        return total | {"refused": total["refused"] + self.lost}

    @property
    def takes(self) -> int:
        """How many rows are good."""
        return sum(self.counts[verdict] for verdict in APPENDED)

    @property
    def touched(self) -> list[str]:
        """Indicators with rows taken."""
        return [one.table for one in self.judged if len(one.appended) and one.table not in BY_TABLE]


def update_store(
    workspace: Workspace,
    bring: Callable[[Store], Sequence[Incoming]],
    choices: Choices,
    also: Callable[[Transaction], None] | None = None,
) -> Update:
    """Judge a batch and, unless anything speaks against it, store it.

    Parameters
    ----------
    workspace : Workspace
    bring : callable
        From the store to the files or tables of the batch; called while nobody else changes the data.
    choices : Choices
    also : callable, optional
        What else the transaction is to change, where nothing speaks against the batch, though it may bring nothing new.

    Raises
    ------
    ContentError
        If no day of the batch could be read; if the stored data is not sound or may not be written to, or somebody else changed it meanwhile.
    BusyError
        If another command changes the data and does not end.
    """
    folder = workspace.data
    with nullcontext(None) if choices.dry_run else writing(folder, workspace.shown(folder)) as transaction:
        store = read_store(workspace)
        incoming = bring(store)
        update = _judge_all(store, incoming, choices)
        if transaction is None or (update.faults and not choices.accept_valid):
            return update
        if also is not None:
            also(transaction)
        if not update.takes:
            return update
        batch = int(store.batches["batch"].max()) + 1 if len(store.batches) else 1
        records = [_append(transaction, one, update, incoming, batch) for one in update.judged]
        if update.lost:
            records.append(_record(batch, update, incoming, _Part("unassigned", range(len(incoming)), "", "", {"refused": update.lost})))
        _append_rows(transaction, UPDATES_FILE, COLUMNS, records)
        return replace(update, batch=batch)


def _judge_all(store: Store, incoming: Sequence[Incoming], choices: Choices) -> Update:
    lost = sum(one.lost for one in incoming) + sum(_refuse_unknown(one, store) for one in incoming)
    day = choices.day or newest_day(incoming)
    tables = [table for table in [*store.contracts, *BY_TABLE] if any(_has(one, table) for one in incoming)]
    known = replace(store, contracts={name: store.contracts[name] for name in tables if name in store.contracts}).as_of(day).values
    judged = [
        judge(table, form_of(table), incoming, store.table(table), day, store.contracts.get(table), known.get(table), choices.confirmed)
        for table in tables
    ]
    faults = tuple(fault for one in incoming for fault in sorted(one.faults, key=lambda fault: fault.line or 0))
    after = {one.table: pd.concat([store.rows[one.table], one.appended], ignore_index=True) for one in judged if one.table in store.rows}
    freshness = replace(store, rows=store.rows | after).as_of(day).freshness()
    return Update(day, tuple(judged), tuple(one.name for one in incoming), faults, lost, None, freshness)


def _has(one: Incoming, table: str) -> bool:
    """Whether a file has rows for a table."""
    return one.form is form_of(table) and bool((one.frame[TABLE] == table).any())


def newest_day(incoming: Iterable[Incoming]) -> date:
    """The newest published_on of a batch.

    Raises
    ------
    ContentError
        If none could be read.
    """
    days = [one.frame["published_on"].max() for one in incoming if len(one.frame)]
    newest = max((day for day in days if not pd.isna(day)), default=None)
    if newest is None:
        raise ContentError([fault for one in incoming for fault in one.faults])
    return date(newest.year, newest.month, newest.day)


def _refuse_unknown(one: Incoming, store: Store) -> int:
    """Refuse rows of indicators that have no contract; returns how many."""
    tables = one.frame[TABLE]
    known = [*store.contracts, *(name for name, form in BY_TABLE.items() if form is one.form)]
    unread = one.unread.get("indicator", np.zeros(len(tables), dtype=bool))
    strange = ~tables.isin(known).to_numpy()
    one.refuse(
        strange & ~unread,
        lambda row: (
            f"an unknown indicator '{tables.iloc[row]}'",
            "an id of indicators.toml",
            did_you_mean(str(tables.iloc[row]), list(store.contracts)),
        ),
    )
    return int(strange.sum())


@dataclass(frozen=True)
class _Part:
    """What the record says about one table."""

    table: str
    files: Iterable[int]
    lines: str
    late_lines: str
    counts: Mapping[str, int]


def _append(transaction: Transaction, one: Judged, update: Update, incoming: Sequence[Incoming], batch: int) -> list[str]:
    """Append the good rows of one table; returns what the record says about it."""
    rows = one.appended
    lines = late = ""
    if len(rows):
        first = _append_rows(transaction, f"{one.table}.csv", one.form.all_columns, _texts(rows, one.form))
        lines = ranges(range(first, first + len(rows)))
        late = ranges(first + np.flatnonzero(rows["verdict"] == "late entry"))
    return _record(batch, update, incoming, _Part(one.table, sorted(set(one.rows[FILE])), lines, late, one.counts))


def _record(batch: int, update: Update, incoming: Sequence[Incoming], part: _Part) -> list[str]:
    files = [incoming[number] for number in part.files]
    named = dict.fromkeys(file for one in files for file in one.files)
    names, hashes = ";".join(name for name, _ in named), ";".join(sha256 for _, sha256 in named)
    counts = [str(part.counts.get(verdict, 0)) for verdict in VERDICTS]
    return [str(batch), update.day.isoformat(), part.table, names, hashes, part.lines, part.late_lines, *counts]


def _append_rows(transaction: Transaction, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Stage a file with rows appended; returns the line of the first of them."""
    content, first = append_rows(transaction.read(name), columns, rows, widen_rows=True)
    transaction.replace(name, content)
    return first


def _texts(rows: pd.DataFrame, form: Form) -> list[tuple[str, ...]]:
    """Rows as they are written, in the columns of the form."""
    columns = []
    for name in form.all_columns:
        match form.types[name]:
            case "datetime64[ns]":
                columns.append(rows[name].to_numpy().astype("datetime64[D]").astype(str).tolist())
            case "float64":
                codes, distinct = np.unique(rows[name].to_numpy(), return_inverse=True)[::-1]
                columns.append(np.array([_number(number) for number in distinct.tolist()], dtype=object)[codes].tolist())
            case "bool":
                columns.append(["yes" if flag else "no" for flag in rows[name].tolist()])
            case _:
                columns.append(rows[name].tolist())
    return list(zip(*columns, strict=True))


def _number(number: float) -> str:
    if math.isnan(number):
        return ""
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)
