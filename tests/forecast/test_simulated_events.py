"""Rounds and announcements simulated together: in the long run rounds come as often as the total hazard says, whatever is announced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from ripeness.calendar import week_grid
from ripeness.data.events import CLASSES
from ripeness.data.observations import UNSEARCHED, Record
from ripeness.data.panel import Panel
from ripeness.elicitation.reference import ReferenceCurve
from ripeness.forecast.simulate import simulate_events
from ripeness.model.meetings import Announcement, Meetings, announced_weeks
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import arrival_rates, share_on_record
from ripeness.model.terms.record import rounds_in_week

Array = NDArray[np.float64]
BEGAN = date(1950, 1, 2)  # a Monday
REFERENCE = ReferenceCurve(("2-5", "6+"), np.array([18.0, 60.0]), np.log([0.03, 0.01]), np.array([0.3, 0.4]), ("made up",), 1.1)
NAMED = 0.75
RATE = 0.05


def make_spec(weeks: int, stretch: Array | None = None, entries: Mapping[str, Any] = MappingProxyType({})) -> ModelSpec:
    """A record of so many weeks since a round in the first."""
    grid = tuple(week_grid(BEGAN, BEGAN + timedelta(days=7 * weeks - 1)))
    searched = np.zeros(weeks, dtype=np.intp) if stretch is None else stretch.astype(np.intp)
    nothing = cast(Any, None)
    record = Record(1, np.eye(1, weeks)[0], np.ones(weeks), searched, ((0.8, 0.9),))
    files = SimpleNamespace(named_week_share=NAMED, rhythm_weeks=(1, 4), entries=entries)
    priors = SimpleNamespace(files=files, reference=SimpleNamespace(beyond=lambda weeks: REFERENCE))
    workspace = SimpleNamespace(question=SimpleNamespace(active_weeks=8))
    none = np.zeros(0, dtype=np.int64)
    meetings = Meetings(np.zeros((len(CLASSES), weeks)), none, none, np.zeros(0))
    return ModelSpec(cast(Any, workspace), {}, Panel(grid[-1], grid, record, nothing, nothing), cast(Any, priors), meetings, nothing)


def make_draw(weeks: int, share_announced: float, rate: float = RATE) -> dict[str, Array]:
    """One draw with a constant hazard; a perfect search."""
    return {
        "outside_knots": np.full((1, 4), np.log(rate)),
        "inside": np.zeros((1, weeks)),
        "sensitivity": np.ones((1, 1)),
        "kept": np.array([[0.6, 0.3, 0.2, 0.1]]),
        "recorded": np.array([[0.9, 0.8]]),
        "share_announced": np.array([share_announced]),
        "class_split": np.array([[0.7]]),
        "lead_median": np.array([4.0]),
        "lead_spread": np.array([0.8]),
    }


@pytest.mark.parametrize("share_announced", [0.3, 0.9])
def test_in_the_long_run_rounds_come_as_often_as_without_announcements(share_announced: float) -> None:
    """Counts within 4 standard errors; the hazard is so low that meetings seldom stand beside each other, where only the stronger one counts."""
    weeks, wars, rate = 2000, 8, 0.03
    spec, draw = make_spec(weeks), make_draw(weeks, share_announced, rate)
    simulated = [simulate_events(spec, draw, 1, 1, [], np.random.default_rng(seed)) for seed in range(wars)]
    number = wars * (weeks - 1)
    found = np.stack([found[1:] for found, _ in simulated])
    expected = -np.expm1(-rate)
    # a week with a round that was announced says something of the next one: the error is that of whole wars, at least that of independent weeks
    error = max(np.sqrt(expected / number), found.mean(axis=1).std(ddof=1) / np.sqrt(wars))
    assert abs(found.mean() - expected) < 4 * error
    assert error < 0.08 * expected
    # of them the share that was announced came in weeks for which a meeting stood
    stood = np.stack([meetings.exposure.any(axis=0)[1:] for _, meetings in simulated])
    on_record = share_on_record(draw)[0]
    announced = (found * stood).sum() / found.sum()
    assert stood.mean() < 0.15 and abs(announced - on_record) < 4 * np.sqrt(on_record * (1 - on_record) / found.sum()) + 0.05
    arrivals = np.concatenate([meetings.kind for _, meetings in simulated])
    mean = number * rate * arrival_rates(draw)[0]
    assert (np.abs(np.bincount(arrivals, minlength=2) - mean) < 4 * np.sqrt(mean)).all()
    leads, days = np.concatenate([meetings.lead for _, meetings in simulated]), np.array([1, 2, 4, 8, 16])
    until = stats.lognorm(draw["lead_spread"][0], scale=draw["lead_median"][0]).cdf(days)
    share = (leads[:, None] <= days).mean(axis=0)
    assert (np.abs(share - until) < 4 * np.sqrt(until * (1 - until) / len(leads))).all()


def test_where_nobody_looks_nothing_is_announced_and_nothing_found() -> None:
    weeks = 400
    stretch = np.where(np.arange(weeks) < 200, 0, UNSEARCHED)
    found, meetings = simulate_events(make_spec(weeks, stretch), make_draw(weeks, 0.8, 0.3), 1, 1, [], np.random.default_rng(1))
    assert found[1:200].sum() > 20 and not found[200:].any()
    assert len(meetings.week) > 40 and meetings.week.max() < 200
    assert (meetings.lead >= 1).all() and meetings.lead.shape == meetings.kind.shape == meetings.week.shape


def test_what_lies_before_the_first_week_stays_and_its_meetings_still_count() -> None:
    weeks, first = 60, 30
    spec = make_spec(weeks)
    week, kind = np.array([3, 29, 40]), np.array([1, 0, 1])
    exposure = np.random.default_rng(2).uniform(0, 0.2, (4, weeks))
    found = spec.panel.record.found.copy()
    found[[12, 45]] = 1.0
    panel = spec.panel
    record = Record(1, found, panel.record.share, panel.record.stretch, panel.record.sensitivities)
    spec = ModelSpec(
        spec.workspace, {}, Panel(panel.origin, panel.weeks, record, panel.measured, panel.counted), spec.priors,
        Meetings(exposure, week, kind, np.array([2.0, 9.0, 4.0])), spec.structure,
    )  # fmt: skip
    day = panel.weeks[first] + timedelta(days=3)
    standing = Announcement("agreed", day, day, panel.weeks[first - 1] - timedelta(days=2))
    simulated, meetings = simulate_events(spec, make_draw(weeks, 1e-9, 1e-9), first, 18, [standing], np.random.default_rng(3))
    assert simulated[12] == 1.0 and simulated[45] == 0.0, "what came later is simulated anew"
    np.testing.assert_array_equal(meetings.exposure[:, :first], exposure[:, :first])
    assert (meetings.week.tolist(), meetings.kind.tolist(), meetings.lead.tolist()) == ([3, 29], [1, 0], [2.0, 9.0])
    held = [
        simulate_events(spec, make_draw(weeks, 1e-9, 1e-9), first, 18, [standing], np.random.default_rng(seed))[0][first:]
        for seed in range(300)
    ]
    # kept with the odds of its class, most of it in the week for which it was named: then it counts no more
    share = np.stack(held).mean(axis=0)
    own = announced_weeks([standing], panel.weeks, NAMED)[0, first:]
    chance = -np.expm1(np.log(0.4) * own[1])
    assert own[1] == pytest.approx(NAMED + 0.25 * 4 / 7) and own[2] == pytest.approx(0.25 * 3 / 7) and not own[3:].any()
    assert abs(share[1] - chance) < 4 * np.sqrt(chance * (1 - chance) / 300)
    assert abs(share.sum() - 0.6) < 4 * np.sqrt(0.6 * 0.4 / 300) and (np.stack(held).sum(axis=1) <= 1).all()


@pytest.mark.parametrize(("before", "held"), [((0, 10), False), ((0, 10), True), ((0, 5, 10), False)])
def test_rounds_simulated_count_in_the_track_record(before: tuple[int, ...], held: bool) -> None:
    """With rounds in two months a dormant war never talks, with rounds in three it does for sure; a meeting that is kept brings the third."""
    weeks, first, meeting = 60, 30, 31
    spec = make_spec(weeks, entries={"track_record": None})
    found = np.isin(np.arange(weeks), before).astype(float)
    spec = replace(spec, panel=replace(spec.panel, record=replace(spec.panel.record, found=found)))
    draw = make_draw(weeks, 1e-9, np.exp(-25.0)) | {"track_record": np.array([120.0]), "kept": np.full((1, 4), 1.0 - 1e-12)}
    day = spec.panel.weeks[meeting]
    standing = [Announcement("agreed", day, day, spec.panel.weeks[first - 1])] if held else []
    simulated, _ = simulate_events(spec, draw, first, 20, standing, np.random.default_rng(3))
    rounds = np.flatnonzero(simulated[first:]) + first
    if len(before) == 3:
        assert rounds[0] == first
    elif held:
        # the hazard is that of other wars from the eighteenth week on, and on the way there from the fourth: e^0 is reached in the twelfth
        assert rounds[0] == meeting and 10 <= rounds[1] - meeting <= 13
    else:
        assert not len(rounds)


def test_the_same_seed_gives_the_same_war() -> None:
    spec, draw = make_spec(150), make_draw(150, 0.8, 0.2)
    one, two, other = (simulate_events(spec, draw, 1, 1, [], np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[0], two[0])
    for mine, again in zip(one[1], two[1], strict=True):
        np.testing.assert_array_equal(mine, again)
    assert (one[0] != other[0]).any()


def test_a_hazard_beyond_reason_holds_a_round_and_no_more() -> None:
    rounds, dormancy = rounds_in_week(np.array([1e30, np.inf, 0.0]), np.array([5, 5, 5]), np.random.default_rng(1))
    assert (rounds[:2] > 0).all() and rounds[2] == 0 and dormancy.tolist() == [1, 1, 6]
