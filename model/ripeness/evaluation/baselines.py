"""Fixed baselines: what somebody would say who knows no more than the record of rounds.

Both are empirical rates of this war up to the origin, by weeks at risk (those after the week of the first round), with half a week with a
round and half a week without added, so that neither is ever 0 or 1:

- the constant rate: weeks with a round among all weeks;
- persistence: weeks with a round among those in the state, active or dormant, that talks are in; that state is taken to last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ripeness.calendar import target_date, week_grid, weeks_between
from ripeness.data.observations import Record
from ripeness.data.panel import build_record
from ripeness.data.vintages import Vintage
from ripeness.evaluation.origins import AS_OF
from ripeness.evaluation.unit import BLOCK_WEEKS, SILENT, WEEK, Unit, history
from ripeness.model.spec import ModelSpec
from ripeness.workspace.question import Question, Rung

CONSTANT_RATE: Final = "constant_rate"
PERSISTENCE: Final = "persistence"


def rate(found: NDArray[np.float64]) -> float:
    """Share of weeks with a round, (week,) of 0 and 1, by the rule of half a week each (Krichevsky and Trofimov): in (0, 1)."""
    return float((found.sum() + 0.5) / (len(found) + 1.0))


def weekly_rates(record: Record, question: Question) -> tuple[float, float, float]:
    """Rates of all weeks at risk, of active and of dormant ones."""
    found, dormancy = record.found[record.start :], record.dormancy
    dormant = dormancy > question.active_weeks
    return rate(found), rate(found[~dormant]), rate(found[dormant])


def baseline_units(vintage: Vintage, question: Question, longest: int, kind: str = AS_OF) -> list[Unit]:
    """Forecasts of both baselines, in the units of the model's.

    Parameters
    ----------
    vintage : Vintage
        What was known on the origin, a Sunday.
    question : Question
    longest : int
        Weeks ahead for which a weekly probability is given.
    kind : {"as_of", "final"}
        The vintage's name.
    """
    weeks = week_grid(question.war_began, vintage.origin)
    always, active, dormant = weekly_rates(build_record(vintage, weeks, question), question)
    silence = weeks_between(vintage.rounds()[-1], vintage.origin)  # in the origin's own week; one more in the week ahead

    def in_state(dormancy: int) -> float:
        return dormant if question.is_dormant(dormancy) else active

    by_name: dict[str, Callable[[int], float]] = {CONSTANT_RATE: lambda _: always, PERSISTENCE: in_state}
    units = []
    for name, weekly in by_name.items():
        for weeks_ahead in question.horizons_weeks:
            probability = 1.0 - (1.0 - weekly(silence + 1)) ** weeks_ahead
            target = target_date(vintage.origin, weeks_ahead)
            units.append(Unit(question.id, vintage.origin, weeks_ahead, target, "", name, kind, probability))
        for ahead, given, since in _weeks_given(silence, longest):
            units.append(Unit(WEEK, vintage.origin, ahead, _sunday(vintage.origin, ahead), given, name, kind, weekly(since)))
    return units


def rung_baselines(spec: ModelSpec, kind: str = AS_OF) -> list[Unit]:
    """Forecasts of both baselines for each rung, from the weeks at risk in which its events were looked for, as they stand on record."""
    workspace, panel = spec.workspace, spec.panel
    question, origin, record = workspace.question, panel.origin, panel.record
    dormant_weeks = np.zeros(len(panel.weeks), dtype=bool)
    dormant_weeks[record.start :] = record.dormancy > question.active_weeks
    dormant_now = question.is_dormant(len(panel.weeks) - record.last_round)
    units = []
    for rung in workspace.rungs:
        weeks, found = rung_weeks(spec, rung)
        rates = {CONSTANT_RATE: rate(found), PERSISTENCE: rate(found[dormant_weeks[weeks] == dormant_now])}
        for name, weekly in rates.items():
            for ahead in rung.horizons_weeks or question.horizons_weeks:
                probability = 1.0 - (1.0 - weekly) ** ahead
                units.append(Unit(rung.id, origin, ahead, target_date(origin, ahead), "", name, kind, probability))
    return units


def rung_weeks(spec: ModelSpec, rung: Rung) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Weeks at risk in which the events of a rung were looked for, and 1 for each with one on record: (week,), (week,)."""
    panel, record = spec.panel, spec.panel.record
    if rung.indicator:
        rows = panel.counted
        own = (rows.indicator == rows.indicators.index(rung.indicator)) & (rows.week >= record.start)
        return rows.week[own], (rows.count[own] > 0).astype(float)
    events, nested = panel.events, panel.nested
    looked_for = rung.part_of or rung.id
    if looked_for in events.indicators:
        own = events.indicator == events.indicators.index(looked_for)
        weeks, found = events.week[own], (events.count[own] > 0).astype(float)
    else:
        weeks = np.arange(record.start, len(panel.weeks))
        found = record.found[weeks]
    if rung.part_of:
        mine = nested.week[(nested.indicator == nested.indicators.index(rung.id)) & (nested.count > 0)]
        found = np.isin(weeks, mine).astype(float)
    return weeks, found


def _weeks_given(silence: int, longest: int) -> Iterator[tuple[int, str, int]]:
    """Week ahead, history, and weeks since the last round in that week."""
    for ahead in range(1, longest + 1):
        if ahead > BLOCK_WEEKS:
            yield ahead, SILENT, silence + ahead
            continue
        for before in product((0, 1), repeat=ahead - 1):
            last = max((place + 1 for place, held in enumerate(before) if held), default=None)
            yield ahead, history(before), silence + ahead if last is None else ahead - last


def _sunday(origin: date, ahead: int) -> date:
    return origin + timedelta(days=7 * ahead)
