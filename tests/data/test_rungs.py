"""Events of the rungs as the panel has them: looked for or not, counted once, nested in what they are part of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from ripeness.data.panel import build_events, build_nested, rung_days, trials_of
from ripeness.data.vintages import read_store
from ripeness.model.spec import ModelSpec

ORIGIN = date(2025, 2, 19)


def counts(spec: ModelSpec, rung: str) -> dict[date, float]:
    events = spec.panel.events
    own = events.indicator == events.indicators.index(rung)
    return {spec.panel.weeks[t]: n for t, n in zip(events.week[own], events.count[own], strict=True)}


def test_only_weeks_that_were_searched_from_monday_to_sunday_say_anything(spec: ModelSpec) -> None:
    swap, halt = counts(spec, "swap"), counts(spec, "halt")
    assert min(swap) == date(2024, 1, 28)  # before it nobody looked, and talks had no past
    assert date(2024, 6, 30) in swap and date(2024, 7, 7) not in swap and date(2024, 7, 14) not in swap and date(2024, 7, 21) in swap
    assert max(swap) == max(halt) == date(2025, 2, 2)  # an open stretch goes on as far as rounds were searched for
    assert {day: n for day, n in swap.items() if n} == {date(2024, 2, 4): 1, date(2024, 2, 25): 2, date(2024, 10, 6): 1}
    assert {day: n for day, n in halt.items() if n} == {date(2024, 3, 17): 1, date(2024, 10, 20): 1}  # a ceasefire is a halt too
    searches = spec.panel.events.searches
    assert searches == (("swap", 0.5, 0.7), ("swap", 0.8, 0.95), ("halt", 0.8, 0.95))


def test_nested_events_are_counted_out_of_those_of_what_they_are_part_of(spec: ModelSpec) -> None:
    nested = spec.panel.nested
    found = {
        (nested.indicators[i], spec.panel.weeks[t]): (k, n)
        for i, t, k, n in zip(nested.indicator, nested.week, nested.count, nested.trials, strict=True)
    }
    assert found["peace", date(2024, 3, 17)] == (0, 1) and found["peace", date(2024, 10, 20)] == (1, 1)
    assert found["leaders", date(2024, 2, 18)] == (1, 1)
    assert len(found) == 2 + 3  # halts, and weeks at risk with a round
    assert trials_of("round", spec.panel.record, spec.panel.events).keys() == {
        t for (name, _), t in zip(found, nested.week, strict=True) if name == "leaders"
    }


def test_leaders_count_in_the_week_of_a_round_only_and_a_day_counts_once() -> None:
    from ripeness.workspace.question import Rung

    common = {"label": "L", "text": "Will they meet?" * 2, "definition": "They meet at last.", "void": "If nobody is left."}
    leaders = Rung.model_validate({"id": "leaders", "kinds": ["leaders_meeting"], "part_of": "round", **common})
    swap = Rung.model_validate({"id": "swap", "kinds": ["prisoner_exchange"], "conditions": ["a"], **common})
    rows = [("2024-02-14", "round", True), ("2024-02-18", "leaders_meeting", False), ("2024-02-19", "leaders_meeting", False)]
    rows += [("2024-02-20", "prisoner_exchange", False)] * 2
    events = pd.DataFrame(rows, columns=["date", "kind", "round"])
    events["date"] = pd.to_datetime(events["date"])
    assert rung_days(events, leaders, [leaders, swap]) == [date(2024, 2, 18)]
    assert rung_days(events, swap, [leaders, swap]) == [date(2024, 2, 20)]


def test_an_earlier_origin_knows_nothing_of_later_events(spec: ModelSpec) -> None:
    vintage = read_store(spec.workspace).as_of(date(2024, 10, 20))
    events = build_events(vintage, spec.workspace.rungs, spec.panel.weeks, spec.panel.record.start)
    halts = events.count[events.indicator == 1].sum()
    assert halts == 1  # the ceasefire of that day was published the day after
    assert max(spec.panel.weeks[t] for t in events.week) <= date(2024, 10, 20)
    nested = build_nested(vintage, spec.workspace.rungs, spec.panel.weeks, spec.panel.record, events)
    assert nested.count[nested.indicator == 0].sum() == 0


def test_the_panels_hash_sees_every_event_and_how_well_it_was_searched(spec: ModelSpec) -> None:
    panel = spec.panel
    other = [
        panel.with_observed({"events": panel.events.count + 1.0}),
        panel.with_observed({"nested": panel.nested.count + 1.0}),
        replace(panel, events=replace(panel.events, searches=(("swap", 0.5, 0.75), *panel.events.searches[1:]))),
    ]
    assert len({panel.hash, *(one.hash for one in other)}) == 4
    assert np.array_equal(panel.with_observed({"events": panel.events.count}).events.count, panel.events.count)


@pytest.mark.parametrize("name", ["events", "nested"])
def test_events_of_rungs_are_no_rows_of_indicators(spec: ModelSpec, name: str) -> None:
    assert name in spec.panel.outcomes and name not in spec.panel.rows
    assert not set(spec.panel.outcomes[name].indicators) & set(spec.panel.indicators)
