"""Vintages: everything known on a day, and the only way to the values.

    observed_on   published_on   value        as of 1 May    as of 1 June
    2025-03-31    2025-04-20     10.1         10.1           10.4   (revised)
    2025-03-31    2025-05-20     10.4
    2025-04-30    2025-05-20     11.0         -              11.0

A forecast with origin O sees rows with published_on up to O, of each period the latest published; events and coverage likewise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd

from ripeness.calendar import last_sunday
from ripeness.data.batches import FORM as BATCHES
from ripeness.data.batches import UPDATES_FILE, entries, read_batches
from ripeness.data.crowds import CROWDS_FILE, check_markets, read_crowds
from ripeness.data.crowds import FORM as CROWDS
from ripeness.data.events import BY_TABLE, COVERAGE, COVERAGE_FILE, EVENTS, EVENTS_FILE, check_kinds, form_of, read_coverage, read_events
from ripeness.data.indicators import FILE as CONTRACTS_FILE
from ripeness.data.indicators import Contract, read_contract_file
from ripeness.data.rows import ROWS, read_rows
from ripeness.data.tables import Form
from ripeness.data.transaction import reading
from ripeness.errors import ContentError, Fault, RipenessError, UsageError, did_you_mean
from ripeness.files import hash_file
from ripeness.workspace import Workspace

VALUE_COLUMNS = ["observed_on", "value", "published_on", "grade", "sample_size", "line", "source"]
FRESHNESS_COLUMNS = ["indicator", "newest_observed_on", "newest_published_on", "days_old", "expected_lag_days", "overdue"]
WORDING = {"source", "note"}  # how a thing is said: no revision by itself
CHANGES = ("new", "revised", "withdrawn")
PERIOD_DAYS = {"weekly": 7, "monthly": 31, "irregular": 0}  # to the next value; the lag of an irregular series says it all


class LookAheadError(RipenessError):
    """Something published, or described, after the origin was about to be read."""


@dataclass(frozen=True, eq=False)
class Vintage:
    """What was known on the origin.

    Parameters
    ----------
    origin : date
        The as-of day.
    contracts : mapping of Contract
        In the order of indicators.toml.
    values : dict of DataFrame (row)
        Of each indicator, in rising order of observed_on, each once: observed_on, value (natural units, never NaN), published_on,
        grade, sample_size (NaN where the row has none), line, source.
    events, coverage : DataFrame (row)
        As `read_events` and `read_coverage` give them, the latest published of each.
    crowds : DataFrame (row)
        Prices up to the origin, as `read_crowds` gives them. No part of `hash`: nothing is computed from them.
    """

    origin: date
    contracts: Mapping[str, Contract]
    values: Mapping[str, pd.DataFrame]
    events: pd.DataFrame
    coverage: pd.DataFrame
    crowds: pd.DataFrame = field(default_factory=CROWDS.empty)

    def assert_honest(self) -> None:
        """Make sure that nothing was published after the origin.

        Raises
        ------
        LookAheadError
            Naming the table and line of the first row that was.
        """
        public = self.crowds.rename(columns={"date": "published_on"})
        for name, frame in (*self._tables(), (CROWDS_FILE, public)):
            late = frame[frame["published_on"] > pd.Timestamp(self.origin)]
            if not late.empty:
                row = late.iloc[0]
                published = f"published on {row['published_on']:%Y-%m-%d}"
                mend = "correct published_on there, or take values from Store.as_of alone"
                raise LookAheadError(f"{name}, line {row['line']}: {published}, after the origin {self.origin}. To mend: {mend}")

    def between(self, indicator: str, first: date, last: date) -> pd.DataFrame:
        """The values of an indicator observed on the days first … last.

        Raises
        ------
        LookAheadError
            If `last` is after the origin: there is nothing to be read there.
        UsageError
            If there is no such indicator.
        """
        if last > self.origin:
            raise LookAheadError(f"values up to {last} were asked of the vintage of {self.origin}: a vintage ends at its origin")
        if indicator not in self.values:
            raise UsageError(f"no indicator '{indicator}': {did_you_mean(indicator, list(self.values))}")
        frame = self.values[indicator]
        return frame[frame["observed_on"].between(pd.Timestamp(first), pd.Timestamp(last))]

    def rounds(self) -> list[date]:
        """First days of the rounds known, in order, each once."""
        days = self.events.loc[self.events["round"], "date"]
        return sorted({day.date() for day in days})

    @property
    def covered_to(self) -> date | None:
        """The last day up to which rounds are known to have been searched for, without a gap; None if there is no such day."""
        covered: pd.Timestamp | None = None
        for first, last in zip(self.coverage["from"], self.coverage["to"], strict=True):
            if covered is not None and first > covered + pd.Timedelta(days=1):
                break
            covered = last
        return None if covered is None else covered.date()

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the visible rows, sorted: blind to the order and the lines of the files, and to rows published later."""
        digest = hashlib.sha256()
        for name, frame in self._tables():
            digest.update(f"[{name}]\n".encode())
            digest.update("\n".join(sorted(_canonical(frame))).encode() + b"\n")
        return digest.hexdigest()

    def freshness(self) -> pd.DataFrame:
        """How fresh each indicator is at the origin.

        Returns
        -------
        DataFrame (indicator)
            indicator; newest_observed_on, newest_published_on (NaT if nothing is known); days_old, from the newest observed_on to
            the origin (NaN if nothing is known); expected_lag_days; overdue, whether the next value should have been published by
            now: never of a series that has ended.
        """
        records = []
        for name, frame in self.values.items():
            contract = self.contracts[name]
            newest = frame["observed_on"].max()
            old = (pd.Timestamp(self.origin) - newest).days if not frame.empty else np.nan
            ended = contract.ended is not None and contract.ended <= self.origin
            frequency = contract.frequency if frame.empty else contract.on(newest.date()).frequency
            overdue = not ended and bool(old > PERIOD_DAYS[frequency] + contract.expected_lag_days)
            records.append((name, newest, frame["published_on"].max(), old, contract.expected_lag_days, overdue))
        table = pd.DataFrame(records, columns=FRESHNESS_COLUMNS)
        return table.astype({"newest_observed_on": "datetime64[ns]", "newest_published_on": "datetime64[ns]", "days_old": "float64"})

    def table(self, name: str) -> pd.DataFrame:
        """What was known of an indicator, of "events" or of "coverage"."""
        return {"events": self.events, "coverage": self.coverage}[name] if name in BY_TABLE else self.values[name]

    def _tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        for name in sorted(self.values):
            yield f"{name}.csv", self.values[name]
        yield EVENTS_FILE, self.events
        yield COVERAGE_FILE, self.coverage


@dataclass(frozen=True, eq=False)
class Store:
    """Everything that stands in the data folder; values are reached through `as_of` only.

    Parameters
    ----------
    contracts : dict of Contract
        In the order of indicators.toml.
    rows : dict of DataFrame (row)
        All rows of each indicator, revisions and withdrawals included, as `read_rows` gives them.
    events, coverage : DataFrame (row)
    hashes : dict of str
        File name to SHA-256 of its text, blind to the kind of line ends.
    recovered : str or None
        What was done, before reading, about an update that had been interrupted.
    batches : DataFrame (row)
        The record of updates, as `read_batches` gives it.
    crowds : DataFrame (row)
        Prices of markets, as `read_crowds` gives them; without rows where there is no such file.
    """

    contracts: dict[str, Contract]
    rows: dict[str, pd.DataFrame] = field(repr=False)
    events: pd.DataFrame = field(repr=False)
    coverage: pd.DataFrame = field(repr=False)
    hashes: dict[str, str] = field(repr=False)
    recovered: str | None = None
    batches: pd.DataFrame = field(default_factory=BATCHES.empty, repr=False)
    crowds: pd.DataFrame = field(default_factory=CROWDS.empty, repr=False)

    def table(self, name: str) -> pd.DataFrame:
        """All rows of an indicator, of "events" or of "coverage"."""
        return {"events": self.events, "coverage": self.coverage}[name] if name in BY_TABLE else self.rows[name]

    def entered(self, table: str) -> pd.DataFrame:
        """When each row of an indicator, of "events" or of "coverage" was entered, and whether late; see `batches.entries`.

        No vintage depends on it: a day sees what was published by then. A backtest may leave out, or name, what was entered later.
        """
        return entries(self.batches, table, self.table(table)["line"])

    def as_of(self, origin: date) -> Vintage:
        """The vintage of a day: rows published by then, of each period the latest, without withdrawn periods."""
        values = {}
        for name in self.contracts:
            latest = _latest(self.rows[name], ROWS.key, origin)
            values[name] = latest.loc[latest["value"].notna(), VALUE_COLUMNS].reset_index(drop=True)
        vintage = Vintage(
            origin=origin,
            contracts=self.contracts,
            values=values,
            events=_latest(self.events, EVENTS.key, origin),
            coverage=_latest(self.coverage, COVERAGE.key, origin),
            crowds=self.crowds[self.crowds["date"] <= pd.Timestamp(origin)],
        )
        vintage.assert_honest()
        return vintage

    def default_origin(self) -> date:
        """The last Sunday up to which rounds have been searched for, by coverage.csv."""
        return last_sunday(self.coverage["to"].max().date())


def read_store(workspace: Workspace) -> Store:
    """Read and check everything in the data folder, while nobody changes it; an interrupted update is completed or taken back first.

    Raises
    ------
    ContentError
        With every fault of every file; also where a CSV has no contract or a contract no CSV.
    BusyError
        If another command changes the folder and does not end.
    """
    folder = workspace.data
    if not folder.is_dir() or not any(folder.iterdir()):
        found = "no file" if folder.is_dir() else "no such folder"
        needed = f"{CONTRACTS_FILE}, {EVENTS_FILE}, {COVERAGE_FILE} and a CSV for each indicator"
        mend = f"put {needed} there, or correct paths.data in ripeness.toml"
        raise ContentError(Fault(workspace.shown(folder), None, found, "the data of the workspace", mend))
    with reading(folder, workspace.shown(folder)) as recovered:
        return replace(_read_folder(workspace), recovered=recovered)


def _read_folder(workspace: Workspace) -> Store:
    folder = workspace.data
    file = read_contract_file(workspace)
    faults = [*file.faults, *check_kinds(workspace)]

    def attempt(name: str, read: Callable[[Path, Path], pd.DataFrame]) -> pd.DataFrame:
        path = folder / name
        try:
            return read(path, workspace.shown(path))
        except ContentError as error:
            faults.extend(error.faults)
            return pd.DataFrame()

    present = sorted(path.name for path in folder.iterdir() if path.suffix.lower() == ".csv")
    rows = {}
    for name, contract in file.contracts.items():
        if contract.optional and f"{name}.csv" not in present:
            rows[name] = ROWS.empty()
        elif f"{name}.csv" in present:
            rows[name] = attempt(f"{name}.csv", partial(read_rows, contract=contract))
        else:
            mend = f"add it, or remove [{name}] from {CONTRACTS_FILE}"
            faults.append(Fault(workspace.shown(folder / f"{name}.csv"), None, "no such file", f"the rows of indicator '{name}'", mend))
    events = attempt(EVENTS_FILE, read_events)
    coverage = attempt(COVERAGE_FILE, read_coverage)
    batches = attempt(UPDATES_FILE, read_batches) if UPDATES_FILE in present else BATCHES.empty()
    crowds = attempt(CROWDS_FILE, read_crowds) if CROWDS_FILE in present else CROWDS.empty()
    if not crowds.empty:
        faults += check_markets(workspace, crowds)
    known = [*(f"{name}.csv" for name in file.named), EVENTS_FILE, COVERAGE_FILE, UPDATES_FILE, CROWDS_FILE]
    if file.named:  # where indicators.toml itself cannot be read, no CSV is to blame
        for name in present:
            if name not in known:
                expected = f"a table [{Path(name).stem}] in {CONTRACTS_FILE}"
                mend = f"add it, or rename or remove the file; {did_you_mean(name, known)}"
                faults.append(Fault(workspace.shown(folder / name), None, "rows without a contract", expected, mend))
    if faults:
        raise ContentError(faults)
    hashes = {name: hash_file(folder / name) for name in sorted([CONTRACTS_FILE, *present])}
    return Store(file.contracts, rows, events, coverage, hashes, batches=batches, crowds=crowds)


def _latest(frame: pd.DataFrame, key: Sequence[str], origin: date) -> pd.DataFrame:
    """Rows published by the origin, of each key the latest published (of equals, that on the later line), sorted by key."""
    published = frame["published_on"].to_numpy()
    keys = [pd.factorize(frame[name], sort=True)[0] for name in key]
    order = np.lexsort((frame["line"].to_numpy(), published, *reversed(keys)))
    order = order[published[order] <= np.datetime64(origin)]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = np.any([column[order[1:]] != column[order[:-1]] for column in keys], axis=0)
    return frame.take(order[last]).reset_index(drop=True)


def _canonical(frame: pd.DataFrame) -> Iterator[str]:
    """Each row as text: ISO dates, shortest floats, columns by name; the line is not part of it."""
    columns = []
    for name in sorted(set(frame.columns) - {"line"}):
        column = frame[name]
        if column.dtype.kind == "M":
            columns.append(column.to_numpy().astype("datetime64[D]").astype(str).tolist())
        else:
            columns.append([repr(cell) for cell in column.tolist()])
    return ("\t".join(cells) for cells in zip(*columns, strict=True))


def compare(earlier: Vintage, later: Vintage) -> dict[str, pd.DataFrame]:
    """What became known between two days: rows known on the later only (new), on both with other content (revised), on the earlier only (withdrawn).

    Returns
    -------
    dict
        Table (indicators in the order of indicators.toml, events, coverage) to a DataFrame (row): the columns of its key, change,
        published_on (of the later row; of a withdrawn one, of the earlier), and for each column of the content two, old_<column> and
        new_<column>, missing where there was or is no row. Only tables that changed.
    """
    found = {}
    for table in [*later.contracts, *BY_TABLE]:
        form = form_of(table)
        rows = _compare_rows(earlier.table(table), later.table(table), form)
        if len(rows):
            found[table] = rows
    return found


def _compare_rows(old: pd.DataFrame, new: pd.DataFrame, form: Form) -> pd.DataFrame:
    key, content = list(form.key), [name for name in form.content if name not in WORDING]
    columns = [*key, "published_on", *content]
    both = old[columns].merge(new[columns], on=key, how="outer", suffixes=("__old", "__new"), indicator=True)
    differs = np.zeros(len(both), dtype=bool)
    for name in content:
        before, after = both[f"{name}__old"], both[f"{name}__new"]
        differs |= ((before != after) & ~(before.isna() & after.isna())).to_numpy(dtype=bool)
    source = both["_merge"].astype(str)
    change = np.select([source == "right_only", source == "left_only", differs], ["new", "withdrawn", "revised"], default="")
    rows = both[key].assign(change=change, published_on=both["published_on__new"].fillna(both["published_on__old"]))
    for name in content:
        rows[f"old_{name}"], rows[f"new_{name}"] = both[f"{name}__old"], both[f"{name}__new"]
    changed: pd.DataFrame = rows[change != ""].reset_index(drop=True)
    return changed
