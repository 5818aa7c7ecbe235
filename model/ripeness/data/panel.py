"""The panel: a vintage laid on the weekly grid, as the arrays that the model conditions on.

Missing is missing: only what a row says is in the panel, nothing is filled. Each row describes the mean of its factor over the weeks
first … last (one week, or the weeks whose Sunday lies in a month or a quarter).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness.calendar import share_inside, week_grid, week_of
from ripeness.data.indicators import Contract
from ripeness.data.observations import (
    COUNTED,
    EVENTS,
    MEASURED,
    NESTED,
    NO_EVENTS,
    NO_NESTED,
    UNSEARCHED,
    Counted,
    Measured,
    NestedEvents,
    Record,
    Rows,
    RungEvents,
)
from ripeness.data.vintages import Vintage
from ripeness.errors import RipenessError
from ripeness.workspace.question import Question, Rung

Array = NDArray[np.float64]
Index = NDArray[np.intp]
MONTHS = {"month": 1, "quarter": 3}
OBSERVED_AS = {"student": MEASURED, "poll": MEASURED, "negative_binomial": COUNTED}  # other likelihoods have rows of their own


@dataclass(frozen=True)
class Panel:
    """Indicators, rounds and events of further rungs on the weekly grid, up to an origin.

    Parameters
    ----------
    origin : date
    weeks : tuple of date
        Sundays of the weeks from the war's first to the origin's.
    record : Record
    measured : Measured
    counted : Counted
    others : mapping of str to Measured
        Rows of further likelihoods, by the name of the likelihood.
    events : RungEvents
    nested : NestedEvents
    """

    origin: date
    weeks: tuple[date, ...]
    record: Record
    measured: Measured
    counted: Counted
    others: Mapping[str, Measured] = field(default_factory=dict)
    events: RungEvents = NO_EVENTS
    nested: NestedEvents = NO_NESTED

    @property
    def rows(self) -> dict[str, Rows]:
        """Rows of the indicators, of every likelihood by the name of its observed variable."""
        return {MEASURED: self.measured, COUNTED: self.counted, **self.others}

    @property
    def outcomes(self) -> dict[str, Rows]:
        """Events of the rungs, by the name of their observed variable."""
        return {EVENTS: self.events, NESTED: self.nested}

    @property
    def observed(self) -> dict[str, Array]:
        """What was observed, (row,) by likelihood."""
        return {name: rows.observed for name, rows in self.rows.items()}

    def with_rows(self, rows: Mapping[str, Any]) -> Panel:
        """The panel with other rows, by likelihood; likelihoods that are not named stay as they are."""
        of: dict[str, Any] = {**self.rows, **self.outcomes, **rows}
        others = {name: of[name] for name in self.others}
        return replace(self, measured=of[MEASURED], counted=of[COUNTED], others=others, events=of[EVENTS], nested=of[NESTED])

    def with_observed(self, values: Mapping[str, Array]) -> Panel:
        """The panel with other observations in the same rows, (row,) by likelihood."""
        known = self.rows | self.outcomes
        return self.with_rows({name: known[name].with_observed(observed) for name, observed in values.items()})

    @property
    def origin_inside_week(self) -> bool:
        """Whether the origin falls before its week's Sunday."""
        return self.origin < self.weeks[-1]

    @property
    def indicators(self) -> tuple[str, ...]:
        """Ids of all indicators: the continuous ones, the counts, then those of further likelihoods."""
        return tuple(name for rows in self.rows.values() for name in rows.indicators)

    @property
    def hash(self) -> str:
        """SHA-256 of everything in the panel, so that a fit can be reused for an equal one."""
        digest = hashlib.sha256(f"{self.origin}{self.weeks}".encode())
        parts: tuple[Record | Rows, ...] = (self.record, *self.rows.values(), *self.outcomes.values())
        for part in parts:
            for one in fields(part):
                content = getattr(part, one.name)
                digest.update(np.ascontiguousarray(content).tobytes() if isinstance(content, np.ndarray) else repr(content).encode())
        return digest.hexdigest()


def build_panel(
    vintage: Vintage, contracts: Mapping[str, Contract], question: Question, grades: Mapping[str, float], rungs: Sequence[Rung] = ()
) -> Panel:
    """Lay a vintage on the weekly grid.

    Parameters
    ----------
    vintage : Vintage
        The rows known at the origin.
    contracts : mapping of str to Contract
    question : Question
    grades : mapping of str to float
        Factor on the noise for each grade of source.
    rungs : sequence of Rung

    Raises
    ------
    RipenessError
        If no round was on record by the origin, so that dormancy is undefined.
    """
    vintage.assert_honest()
    weeks = tuple(week_grid(question.war_began, vintage.origin))
    of: dict[str, dict[str, Contract]] = {MEASURED: {}, COUNTED: {}}
    for name, contract in contracts.items():
        of.setdefault(OBSERVED_AS.get(contract.likelihood, contract.likelihood), {})[name] = contract
    record = build_record(vintage, weeks, question)
    events = build_events(vintage, rungs, weeks, record.start)
    return Panel(
        vintage.origin,
        weeks,
        record,
        _measured(vintage, of[MEASURED], weeks, grades),
        _counted(vintage, of[COUNTED], weeks),
        {name: _measured(vintage, own, weeks, grades, as_written=True) for name, own in of.items() if name not in (MEASURED, COUNTED)},
        events,
        build_nested(vintage, rungs, weeks, record, events),
    )


def build_events(vintage: Vintage, rungs: Sequence[Rung], weeks: Sequence[date], start: int) -> RungEvents:
    """Events of each rung with a rate of its own, counted in the weeks from `start` on that were searched for them from Monday to Sunday."""
    own = [rung for rung in rungs if rung.conditions]
    rows_of: list[tuple[int, int, int, int]] = []
    searches: list[tuple[str, float, float]] = []
    for i, rung in enumerate(own):
        by_week = _by_week(rung_days(vintage.events, rung, rungs), weeks)
        for first, last, low, high in searched_stretches(rung, vintage):
            key = (rung.id, low, high)
            inside = [t for t, sunday in enumerate(weeks) if t >= start and sunday - timedelta(days=6) >= first and sunday <= last]
            if inside and key not in searches:
                searches.append(key)
            rows_of += [(i, t, by_week.get(t, 0), searches.index(key)) for t in inside]
    table = np.array(rows_of, dtype=np.intp).reshape(-1, 4)
    return RungEvents(tuple(rung.id for rung in own), table[:, 0], table[:, 1], table[:, 2].astype(float), table[:, 3], tuple(searches))


def build_nested(vintage: Vintage, rungs: Sequence[Rung], weeks: Sequence[date], record: Record, events: RungEvents) -> NestedEvents:
    """Of the weeks with events of what a rung is part of: how many of them are of the rung."""
    own = [rung for rung in rungs if rung.part_of]
    rows_of: list[tuple[int, int, int, int]] = []
    for i, rung in enumerate(own):
        by_week, trials = _by_week(rung_days(vintage.events, rung, rungs), weeks), trials_of(str(rung.part_of), record, events)
        rows_of += [(i, t, min(by_week.get(t, 0), number), number) for t, number in trials.items()]
    table = np.array(rows_of, dtype=np.intp).reshape(-1, 4)
    return NestedEvents(tuple(rung.id for rung in own), table[:, 0], table[:, 1], table[:, 2].astype(float), table[:, 3].astype(float))


def trials_of(parent: str, record: Record, events: RungEvents) -> dict[int, int]:
    """Weeks with events of a rung, or else with a round, and how many: of rounds, 1."""
    if parent not in events.indicators:
        return {int(t): 1 for t in np.flatnonzero(record.found) if t >= record.start}
    chosen = (events.indicator == events.indicators.index(parent)) & (events.count > 0)
    return {int(t): int(n) for t, n in zip(events.week[chosen], events.count[chosen], strict=True)}


def _by_week(days: Sequence[date], weeks: Sequence[date]) -> dict[int, int]:
    index = {sunday: t for t, sunday in enumerate(weeks)}
    found: dict[int, int] = {}
    for day in days:
        if (t := index.get(week_of(day))) is not None:
            found[t] = found.get(t, 0) + 1
    return found


def rung_days(events: pd.DataFrame, rung: Rung, rungs: Sequence[Rung]) -> list[date]:
    """Days on which an event of a rung began, each once.

    Of its own kinds and those of the rungs that are part of it; of a rung that is part of the question, those in the week of a round.
    """
    kinds = [*rung.kinds, *(kind for one in rungs if one.part_of == rung.id for kind in one.kinds)]
    days = sorted({day.date() for day in events.loc[events["kind"].isin(kinds), "date"]})
    if rung.part_of and rung.part_of not in [one.id for one in rungs]:
        held = {week_of(day.date()) for day in events.loc[events["round"].astype(bool), "date"]}
        days = [day for day in days if week_of(day) in held]
    return days


def searched_stretches(rung: Rung, vintage: Vintage) -> list[tuple[date, date, float, float]]:
    """Stretches in which the events of a rung were looked for by the origin: first and last day, quantiles of the share found."""
    if vintage.covered_to is None:
        return []
    known = [(one.from_, min(filter(None, (one.to, vintage.covered_to, vintage.origin))), one.q05, one.q95) for one in rung.searched]
    return [stretch for stretch in known if stretch[0] <= stretch[1]]


def build_record(vintage: Vintage, weeks: Sequence[date], question: Question) -> Record:
    """Which weeks had a round on record, and how well each was searched.

    Raises
    ------
    RipenessError
        If no round was on record by the origin.
    """
    index = {sunday: t for t, sunday in enumerate(weeks)}
    found = np.zeros(len(weeks))
    for day in vintage.rounds():
        found[index[week_of(day)]] = 1.0
    if not found.any():
        raise RipenessError(
            f"no round is on record by {vintage.origin}: dormancy is undefined before a first round, so there is nothing to resume. "
            f"To mend: add the first round to events.csv, or choose a later --as-of"
        )
    share = np.array([share_inside(sunday, question.war_began, vintage.origin) for sunday in weeks])
    sensitivities: list[tuple[float, float]] = []
    stretch = np.full(len(weeks), UNSEARCHED, dtype=np.intp)
    last_days = np.array([min(sunday, vintage.origin) for sunday in weeks], dtype="datetime64[D]")
    coverage = vintage.coverage
    for first, last, low, high in zip(coverage["from"], coverage["to"], coverage["q05"], coverage["q95"], strict=True):
        pair = (float(low), float(high))
        if pair not in sensitivities:
            sensitivities.append(pair)
        # a week belongs to the stretch that holds its last day on record
        inside = (last_days >= np.datetime64(first, "D")) & (last_days <= np.datetime64(last, "D"))
        stretch[inside] = sensitivities.index(pair)
    return Record(int(np.flatnonzero(found)[0]) + 1, found, share, stretch, tuple(sensitivities))


def _measured(
    vintage: Vintage, contracts: Mapping[str, Contract], weeks: Sequence[date], grades: Mapping[str, float], as_written: bool = False
) -> Measured:
    """Continuous rows; or, as written, rows whose likelihood is of its own: the newest value of each period, untransformed."""
    rows_of: list[tuple[float, ...]] = []
    for i, (name, contract) in enumerate(contracts.items()):
        rows = vintage.values[name]
        values, poll = rows["value"].to_numpy(float), contract.likelihood == "poll"
        values = values if as_written else contract.transformed(values)
        widenings = np.array([grades[str(grade)] for grade in rows["grade"]])
        for (first, last), places in _by_period(rows, contract, weeks).items():
            widening = float(np.sqrt(contract.overlap) * np.mean(widenings[places]))
            sampling = _sampling_error(rows.iloc[places], contract) if poll else 0.0
            value = values[places[-1]] if as_written else np.mean(values[places])
            rows_of.append((i, first, last, float(value), widening, sampling))
    table = np.array(rows_of, dtype=float).reshape(-1, 6)
    indicator, first_week, last_week = (table[:, column].astype(np.intp) for column in range(3))
    return Measured(tuple(contracts), indicator, first_week, last_week, table[:, 3], table[:, 4], table[:, 5])


def _counted(vintage: Vintage, contracts: Mapping[str, Contract], weeks: Sequence[date]) -> Counted:
    eras = tuple((name, era.id) for name, contract in contracts.items() for era in contract.eras)
    rows_of: list[tuple[int, int, float, float, int]] = []
    for i, (name, contract) in enumerate(contracts.items()):
        rows = vintage.values[name]
        values, exposed = rows["value"].to_numpy(float), bool(contract.exposure and contract.exposure_unit)
        sizes = rows["sample_size"].to_numpy(float) if exposed else values
        for (_, week), places in _by_period(rows, contract, weeks).items():
            exposure = float(np.log(np.nansum(sizes[places]) / contract.exposure_unit)) if exposed else 0.0
            era = next((eras.index((name, era.id)) for era in contract.eras if era.first <= weeks[week] <= era.last), len(eras))
            rows_of.append((i, week, float(values[places].sum()), exposure, era))
    table = np.array(rows_of, dtype=float).reshape(-1, 5)
    return Counted(
        tuple(contracts),
        table[:, 0].astype(np.intp),
        table[:, 1].astype(np.intp),
        table[:, 2],
        table[:, 3],
        table[:, 4].astype(np.intp),
        eras,
    )


def _by_period(rows: pd.DataFrame, contract: Contract, weeks: Sequence[date]) -> dict[tuple[int, int], list[int]]:
    """Places of rows by the first and last week that they describe; a row is left out if less than half of its period lies on the grid."""
    index = {sunday: t for t, sunday in enumerate(weeks)}
    months = np.array([sunday.year * 12 + sunday.month for sunday in weeks])
    periods: list[tuple[int, int]] = []
    for observed in rows["observed_on"]:
        day = observed.date()
        if length := MONTHS.get(contract.on(day).window):
            newest = day.year * 12 + day.month
            inside = np.flatnonzero((months <= newest) & (months > newest - length))
            whole = len(inside) >= 2 * length and weeks[-1] >= week_of(day.replace(day=22))
            periods.append((int(inside[0]), int(inside[-1])) if whole else (-1, -1))
        else:
            week = index.get(week_of(day), -1)
            periods.append((week, week))
    chosen: dict[tuple[int, int], list[int]] = {}
    for position, period in enumerate(periods):
        if period[1] >= 0:
            chosen.setdefault(period, []).append(position)
    return chosen


def _sampling_error(rows: pd.DataFrame, contract: Contract) -> float:
    """Standard deviation of the sampling error of a poll's share, in units of the contract's scale."""
    share = np.clip(rows["value"].to_numpy(float) / (100.0 if contract.unit == "%" else 1.0), 0.005, 0.995)
    size = rows["sample_size"].fillna(contract.sample_size).to_numpy(float)
    variance = 1.0 / (size * share * (1.0 - share))  # of the logit
    if contract.transform == "none":
        variance = variance * (share * (1.0 - share)) ** 2 * (1e4 if contract.unit == "%" else 1.0)
    return float(np.sqrt(variance.mean() / len(share))) / contract.scale
