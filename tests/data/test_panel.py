"""The panel: which weeks each row describes, what it says there, and what is on record of rounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from ripeness.data.indicators import read_contracts
from ripeness.data.observations import UNSEARCHED, Record
from ripeness.data.panel import Panel, build_panel
from ripeness.data.vintages import read_store
from ripeness.errors import ContentError, RipenessError
from ripeness.workspace import Workspace

GRADES = {"A": 1.0, "B": 1.5, "C": 2.0}
HEADER = "observed_on,value,published_on,source,grade\n"
SIZED = "observed_on,value,published_on,source,grade,sample_size\n"
EVENTS = "date,end_date,kind,round,published_on,description,source,grade\n"
COVERAGE = "from,to,q05,q95,published_on,note\n"
Write = Callable[..., Workspace]


def panel_at(workspace: Workspace, origin: date, grades: Mapping[str, float] = GRADES) -> Panel:
    contracts = read_contracts(workspace)
    return build_panel(read_store(workspace).as_of(origin), contracts, workspace.question, grades)


def windowed(indicators: str, window: str) -> str:
    """The oil contract with another window."""
    head, tail = indicators.split("[poll]")
    return head.replace('window = "week"', f'window = "{window}"') + "[poll]" + tail


def rows_of(panel: Panel, name: str) -> dict[str, list[Any]]:
    mine = panel.measured.indicator == panel.measured.indicators.index(name)
    return {
        field.name: getattr(panel.measured, field.name)[mine].tolist() for field in fields(panel.measured) if field.name != "indicators"
    }


def test_the_grid_runs_from_the_wars_week_to_the_origins(write_workspace: Write) -> None:
    panel = panel_at(write_workspace(), date(2024, 3, 6))
    assert panel.weeks[0] == date(2024, 1, 7)
    assert panel.weeks[-1] == date(2024, 3, 10)
    assert len(panel.weeks) == 10
    assert panel.origin_inside_week
    assert not panel_at(write_workspace(), date(2024, 3, 10)).origin_inside_week
    assert panel.indicators == ("oil", "poll", "contacts")


def test_a_row_of_a_weekly_series_may_describe_a_month(write_workspace: Write, sound_indicators: str) -> None:
    oil = HEADER + "2024-01-21,80,2024-01-23,agency,A\n2024-02-29,76,2024-03-03,agency,A\n2024-03-31,70,2024-04-02,agency,A\n"
    both = sound_indicators.replace('frequency = "weekly"', 'frequency = "weekly"\nalso_monthly = true', 1)
    rows = rows_of(panel_at(write_workspace(indicators=both, oil=oil), date(2024, 4, 7)), "oil")
    # February has the Sundays of weeks 4 to 7; 31 March is a Sunday, so its row is a week's
    assert (rows["first"], rows["last"]) == ([2, 4, 12], [2, 7, 12])
    weekly = write_workspace(oil=oil)
    with pytest.raises(ContentError, match="line 3: found observed_on 2024-02-29, a Thursday; expected a Sunday, as"):
        read_store(weekly)


def test_a_weekly_row_describes_its_week(write_workspace: Write) -> None:
    oil = rows_of(panel_at(write_workspace(), date(2024, 3, 6)), "oil")
    assert oil["first"] == oil["last"] == [0, 1]
    assert oil["value"] == pytest.approx([-np.log(75.5 / 80) / 0.25, -np.log(78 / 80) / 0.25])
    assert oil["sampling"] == [0, 0]


def test_only_what_was_known_at_the_origin_is_on_the_panel(write_workspace: Write) -> None:
    panel = panel_at(write_workspace(), date(2024, 1, 15))
    assert rows_of(panel, "oil")["first"] == [0]
    assert rows_of(panel, "poll")["first"] == []
    assert panel.counted.count.tolist() == [0]


@pytest.mark.parametrize(
    ("window", "observed", "first", "last"),
    [
        ("month", "2024-02-29", date(2024, 2, 4), date(2024, 2, 25)),
        ("month", "2024-03-31", date(2024, 3, 3), date(2024, 3, 31)),
        ("quarter", "2024-03-31", date(2024, 1, 7), date(2024, 3, 31)),
        ("quarter", "2024-04-30", date(2024, 2, 4), date(2024, 4, 28)),
        ("day", "2024-02-07", date(2024, 2, 11), date(2024, 2, 11)),
    ],
)
def test_a_row_describes_the_weeks_of_its_window(
    write_workspace: Write, sound_indicators: str, window: str, observed: str, first: date, last: date
) -> None:
    workspace = write_workspace(indicators=windowed(sound_indicators, window), oil=f"{HEADER}{observed},75,2024-05-03,agency,A\n")
    panel = panel_at(workspace, date(2024, 6, 30))
    oil = rows_of(panel, "oil")
    assert (panel.weeks[oil["first"][0]], panel.weeks[oil["last"][0]]) == (first, last)


@pytest.mark.parametrize(("window", "observed"), [("week", "2023-12-31"), ("month", "2023-12-31")])
def test_a_row_from_before_the_war_is_left_out(write_workspace: Write, sound_indicators: str, window: str, observed: str) -> None:
    workspace = write_workspace(indicators=windowed(sound_indicators, window), oil=f"{HEADER}{observed},75,2024-01-09,agency,A\n")
    assert rows_of(panel_at(workspace, date(2024, 6, 30)), "oil")["first"] == []


@pytest.mark.parametrize(("began", "weeks"), [(date(2024, 1, 20), [0]), (date(2024, 1, 24), [])])
def test_a_month_that_lies_mostly_before_the_war_is_left_out(
    write_workspace: Write, sound_indicators: str, began: date, weeks: list[int]
) -> None:
    events = f"{EVENTS}2024-02-10,,round,yes,2024-02-10,first,agency,A\n"
    contacts = f"{SIZED}2024-02-04,0,2024-02-05,chronology,B,120\n"
    rows = f"{HEADER}2024-01-31,75,2024-02-02,agency,A\n"
    workspace = write_workspace(indicators=windowed(sound_indicators, "month"), oil=rows, events=events, contacts=contacts)
    question = workspace.question.model_copy(update={"war_began": began})
    panel = build_panel(read_store(workspace).as_of(date(2024, 3, 6)), read_contracts(workspace), question, GRADES)
    assert rows_of(panel, "oil")["first"] == weeks


def test_rows_of_one_week_are_averaged(write_workspace: Write, sound_indicators: str) -> None:
    rows = f"{HEADER}2024-01-08,70,2024-01-09,agency,A\n2024-01-10,90,2024-01-11,agency,C\n2024-01-17,80,2024-01-18,agency,A\n"
    oil = rows_of(panel_at(write_workspace(indicators=windowed(sound_indicators, "day"), oil=rows), date(2024, 3, 6)), "oil")
    assert oil["first"] == [1, 2]
    assert oil["value"] == pytest.approx([-(np.log(70 / 80) + np.log(90 / 80)) / 2 / 0.25, 0.0])
    assert oil["widening"] == pytest.approx([1.5, 1.0])


def test_grade_and_overlap_widen_the_noise(write_workspace: Write, sound_indicators: str) -> None:
    rows = f"{HEADER}2024-01-07,75,2024-01-09,agency,A\n2024-01-14,75,2024-01-16,agency,B\n2024-01-21,75,2024-01-23,agency,C\n"
    overlapping = sound_indicators.replace('window = "week"', 'window = "week"\noverlap = 4', 1)
    oil = rows_of(panel_at(write_workspace(indicators=overlapping, oil=rows), date(2024, 3, 6)), "oil")
    assert oil["widening"] == pytest.approx([2.0, 3.0, 4.0])


def logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


@pytest.mark.parametrize(("size", "used"), [("400", 400), ("", 1000)])
def test_sampling_error_is_the_binomials(write_workspace: Write, size: str, used: int) -> None:
    rows = f"{SIZED}2024-02-03,30,2024-02-20,pollster,A,{size}\n"
    poll = rows_of(panel_at(write_workspace(poll=rows), date(2024, 3, 6)), "poll")
    # the spread of the logit of simulated polls, in units of scale 0.5
    simulated = np.random.default_rng(1).binomial(used, 0.3, 200_000) / used
    spread = np.log(simulated / (1 - simulated)).std() / 0.5
    assert poll["value"] == pytest.approx([logit(0.3) / 0.5])
    assert poll["sampling"] == pytest.approx([np.sqrt(1 / (used * 0.3 * 0.7)) / 0.5])
    assert poll["sampling"][0] == pytest.approx(spread, rel=0.01)


def test_sampling_error_of_an_untransformed_share(write_workspace: Write, sound_indicators: str) -> None:
    indicators = sound_indicators.replace(
        'transform = "logit"\ncentre = 50.0\nscale = 0.5', 'transform = "none"\ncentre = 50.0\nscale = 10.0'
    )
    rows = f"{SIZED}2024-02-03,30,2024-02-20,pollster,A,400\n"
    poll = rows_of(panel_at(write_workspace(indicators=indicators, poll=rows), date(2024, 3, 6)), "poll")
    assert poll["sampling"] == pytest.approx([100 * np.sqrt(0.3 * 0.7 / 400) / 10])


def test_two_polls_of_a_week_have_half_the_variance(write_workspace: Write) -> None:
    one = f"{SIZED}2024-02-06,30,2024-02-20,pollster,A,400\n"
    two = one + "2024-02-08,30,2024-02-20,pollster,A,400\n"
    single = rows_of(panel_at(write_workspace(poll=one), date(2024, 3, 6)), "poll")["sampling"]
    double = rows_of(panel_at(write_workspace(poll=two), date(2024, 3, 6)), "poll")["sampling"]
    assert double == pytest.approx([single[0] / np.sqrt(2)])


def test_counts_have_their_era_and_exposure(write_workspace: Write, sound_indicators: str) -> None:
    head, contacts = sound_indicators.split("[contacts]")
    daily = head + "[contacts]" + contacts.replace('window = "week"\nfrequency = "weekly"', 'window = "day"\nfrequency = "irregular"')
    rows = (
        f"{SIZED}2024-01-07,0,2024-01-08,chronology,B,120\n2024-06-30,3,2024-07-01,chronology,B,50\n"
        "2024-07-03,2,2024-07-08,chronology,B,100\n2024-07-07,5,2024-07-08,chronology,B,300\n"
    )
    counted = panel_at(write_workspace(indicators=daily, contacts=rows), date(2024, 8, 4)).counted
    assert counted.eras == (("contacts", "early"), ("contacts", "late"))
    assert counted.week.tolist() == [0, 25, 26]
    assert counted.count.tolist() == [0, 3, 7]  # the counts and the exposures of a week add up
    assert counted.era.tolist() == [0, 0, 1]
    assert counted.log_exposure == pytest.approx(np.log([1.2, 0.5, 4.0]))


def test_counts_without_eras_or_exposure(write_workspace: Write, sound_indicators: str) -> None:
    plain = "\n".join(line for line in sound_indicators.splitlines() if not line.startswith(("eras", "exposure")))
    counted = panel_at(
        write_workspace(indicators=plain, contacts=f"{HEADER}2024-01-07,4,2024-01-08,chronology,B\n"), date(2024, 3, 6)
    ).counted
    assert counted.eras == ()
    assert counted.era.tolist() == [0]
    assert counted.log_exposure.tolist() == [0]


def test_the_record_of_rounds(write_workspace: Write) -> None:
    events = (
        f"{EVENTS}2024-01-10,2024-01-11,round,yes,2024-01-10,first,agency,A\n"
        "2024-01-11,2024-01-11,round,yes,2024-01-11,again that week,agency,A\n"
        "2024-02-05,,round,yes,2024-02-05,second,agency,A\n2024-02-14,,round,no,2024-02-14,no round,agency,A\n"
    )
    record = panel_at(write_workspace(events=events), date(2024, 3, 6)).record
    assert np.flatnonzero(record.found).tolist() == [1, 5]
    assert record.start == 2
    assert record.last_round == 5
    assert record.dormancy.tolist() == [1, 2, 3, 4, 1, 2, 3, 4]
    assert record.share.tolist() == pytest.approx([1] * 9 + [3 / 7])


def test_the_wars_first_week_counts_by_its_days(write_workspace: Write) -> None:
    workspace = write_workspace()
    later = workspace.question.model_copy(update={"war_began": date(2024, 1, 4)})
    store, contracts = read_store(workspace), read_contracts(workspace)
    record = build_panel(store.as_of(date(2024, 3, 3)), contracts, later, GRADES).record
    assert record.share.tolist() == pytest.approx([4 / 7] + [1] * 8)


def test_stretches_of_coverage(write_workspace: Write) -> None:
    coverage = (
        f"{COVERAGE}2024-01-01,2024-02-04,0.9,0.99,2024-02-04,\n2024-02-05,2024-02-20,0.8,0.9,2024-02-20,\n"
        "2024-02-21,2024-03-03,0.9,0.99,2024-03-03,\n"
    )
    record = panel_at(write_workspace(coverage=coverage), date(2024, 3, 20)).record
    assert record.sensitivities == ((0.9, 0.99), (0.8, 0.9))
    # the week of 19 to 25 February belongs to the stretch that holds its Sunday; nobody has searched after 3 March
    assert record.stretch.tolist() == [0] * 5 + [1, 1, 0, 0] + [UNSEARCHED] * 3


def test_a_partial_last_week_belongs_to_the_stretch_of_its_last_day(write_workspace: Write) -> None:
    coverage = f"{COVERAGE}2024-01-01,2024-02-04,0.9,0.99,2024-02-04,\n2024-02-05,2024-02-21,0.8,0.9,2024-02-21,\n"
    assert panel_at(write_workspace(coverage=coverage), date(2024, 2, 21)).record.stretch[-1] == 1
    assert panel_at(write_workspace(coverage=coverage), date(2024, 2, 22)).record.stretch[-1] == UNSEARCHED


def test_coverage_published_later_is_not_known(write_workspace: Write) -> None:
    coverage = f"{COVERAGE}2024-01-01,2024-02-04,0.9,0.99,2024-03-01,\n"
    record = panel_at(write_workspace(coverage=coverage), date(2024, 2, 4)).record
    assert record.sensitivities == ()
    assert set(record.stretch.tolist()) == {UNSEARCHED}


def test_no_round_yet_is_an_error_that_says_what_to_do(write_workspace: Write) -> None:
    with pytest.raises(RipenessError, match=r"no round is on record by 2024-01-09.*later --as-of"):
        panel_at(write_workspace(), date(2024, 1, 9))


def altered(part: Any, name: str) -> Any:
    value = getattr(part, name)
    if isinstance(value, np.ndarray):
        changed: Any = value.copy()
        changed[-1] += 1
    elif isinstance(value, int):
        changed = value + 1
    else:
        changed = (*value, "one more")
    return replace(part, **{name: changed})


def test_the_hash_changes_with_everything(write_workspace: Write) -> None:
    panel = panel_at(write_workspace(), date(2024, 3, 6))
    changed = [replace(panel, origin=date(2024, 3, 7)), replace(panel, weeks=panel.weeks[:-1])]
    for part in ("record", "measured", "counted"):
        changed += [replace(panel, **{part: altered(getattr(panel, part), field.name)}) for field in fields(getattr(panel, part))]
    hashes = [other.hash for other in changed]
    assert panel.hash == panel_at(write_workspace(), date(2024, 3, 6)).hash
    assert len({panel.hash, *hashes}) == 1 + len(changed) == 3 + 5 + 7 + 7


def test_dormancy_of_a_record_with_neighbouring_rounds() -> None:
    found = np.array([0, 1, 1, 0, 0, 1, 0.0])
    record = Record(2, found, np.ones(7), np.zeros(7, dtype=np.intp), ((0.9, 0.99),))
    assert record.dormancy.tolist() == [1, 1, 2, 3, 1]
    assert record.last_round == 5
