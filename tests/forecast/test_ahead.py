"""The weeks ahead: how factors, pulses, dormancy and announced meetings go on past the origin.

The inside view is substitutable here, with one cause whose normaliser is zero, so that with a weight of one on one factor it equals that factor: what
it reads can be compared with the paths themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from ripeness import names
from ripeness.calendar import week_grid
from ripeness.data.events import CLASSES
from ripeness.data.observations import UNSEARCHED, Record
from ripeness.data.panel import Panel
from ripeness.elicitation.reference import ReferenceCurve
from ripeness.forecast.ahead import Ahead, build_ahead, unannounced_ahead
from ripeness.model.meetings import Announcement, Meetings
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import lead_weeks, share_on_record
from ripeness.model.terms.conditions import build_inside
from ripeness.workspace import Factor

Array = NDArray[np.float64]
BEGAN = date(2025, 4, 7)  # a Monday
SUNDAY, WEDNESDAY = date(2025, 6, 22), date(2025, 6, 25)
HORIZONS = (2, 5)
DF = 5.0
HALF_LIFE = np.array([2.0, 6.0, 4.0])
PULSE_WEEK = date(2025, 6, 8)  # two weeks before the Sunday
FACTORS = [
    Factor(id="calm", label="Calm", plus="more", effects={"open": "+"}),
    Factor(id="storm", label="Storm", plus="more", tails="shocks", effects={"open": "+"}),
    Factor(id="wound", label="Wound", plus="more", effects={"open": "-"}, pulse=PULSE_WEEK - timedelta(days=2)),
]
CALM, STORM, WOUND = range(3)
REFERENCE = ReferenceCurve(("2-5", "6+"), np.array([18.0, 60.0]), np.log([0.03, 0.01]), np.array([0.3, 0.4]), ("made up",), 1.1)


def make_spec(
    origin: date, found: Sequence[int] = (0,), stretch: Sequence[int] | None = None, factors: Sequence[Factor] = FACTORS
) -> ModelSpec:
    """A record since April 2025 with rounds in the weeks `found`, searched as `stretch` says (by one stretch, unless given)."""
    weeks = tuple(week_grid(BEGAN, origin))
    number = len(weeks)
    share = np.ones(number)
    share[-1] = (origin.weekday() + 1) / 7
    held = np.zeros(number)
    held[list(found)] = 1.0
    searched = np.array(stretch if stretch is not None else [0] * number, dtype=np.intp)
    record = Record(found[0] + 1, held, share, searched, ((0.8, 0.9),))
    nothing = cast(Any, None)
    panel = Panel(origin, weeks, record, nothing, nothing)
    effects = [SimpleNamespace(factor=factor.id, condition="open", role=None) for factor in factors]
    files = SimpleNamespace(named_week_share=0.75, factor_tails=DF, rhythm_weeks=(1, 4), entries={"track_record": None})
    reference = SimpleNamespace(beyond=lambda weeks: REFERENCE)
    question = SimpleNamespace(horizons_weeks=HORIZONS, active_weeks=8)
    return ModelSpec(
        cast(Any, SimpleNamespace(question=question, factors=tuple(factors), rungs=())),
        {},
        panel,
        cast(Any, SimpleNamespace(files=files, reference=reference)),
        Meetings(np.zeros((len(CLASSES), number)), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)),
        build_inside(effects, factors, ["open"]),
    )


def make_draws(spec: ModelSpec, reads: int | None = CALM, draws: int = 1, sensitivity: float = 0.999999999999) -> dict[str, Array]:
    """Posterior draws whose inside view equals factor `reads`; a low hazard that falls with dormancy."""
    rng = np.random.default_rng(1)
    weeks = len(spec.panel.weeks)
    found: dict[str, Array] = {
        "outside_knots": np.tile(np.log([0.4, 0.3, 0.05, 0.02]), (draws, 1)),
        "track_record": np.linspace(0.6, 0.9, draws),
        "kept": np.tile([0.8, 0.3, 0.2, 0.03], (draws, 1)),
        "sensitivity": np.full((draws, 1), sensitivity),
        "recorded": np.tile([0.9, 0.5], (draws, 1)),
        "share_announced": np.full(draws, 1e-9),
        "class_split": np.tile([0.7], (draws, 1)),
        "lead_median": np.full(draws, 4.0),
        "lead_spread": np.full(draws, 1.0),
    }
    if reads is None:
        return found
    weight = np.zeros((draws, len(FACTORS)))
    weight[:, reads] = 1.0
    return found | {
        "path": rng.normal(size=(draws, len(FACTORS), weeks)),
        "half_life": np.tile(HALF_LIFE, (draws, 1)),
        "weight": weight,
        "intercept_open": np.zeros((draws, 1)),
        "cause_share": np.ones((draws, 1)),
        "cause_normaliser": np.zeros((draws, 1)),
        "inside": np.zeros((draws, weeks)),
        "pulse": np.zeros((draws, 1)),
    }


def ahead_of(spec: ModelSpec, posterior: dict[str, Array], paths: int = 2, seed: int = 3, announced: Sequence[Announcement] = ()) -> Ahead:
    variant = names.SUBSTITUTABLE if "path" in posterior else names.OUTSIDE
    return build_ahead(spec, cast(Any, variant), posterior, list(announced), paths, np.random.SeedSequence(seed))


@pytest.mark.parametrize("origin", [SUNDAY, WEDNESDAY])
def test_horizon_shares_add_up_to_each_horizon(origin: date) -> None:
    spec = make_spec(origin)
    ahead = ahead_of(spec, make_draws(spec))
    assert ahead.weeks == week_grid(origin + timedelta(days=1), origin + timedelta(days=35))
    np.testing.assert_allclose(ahead.horizon_share.sum(axis=1), HORIZONS)
    if origin == SUNDAY:
        np.testing.assert_array_equal(ahead.horizon_share, [[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])
    else:
        np.testing.assert_allclose(ahead.horizon_share, [[4 / 7, 1, 3 / 7, 0, 0, 0], [4 / 7, 1, 1, 1, 1, 3 / 7]])


@pytest.mark.parametrize("reads", [CALM, STORM])
def test_each_week_reads_the_factors_of_the_week_before(reads: int) -> None:
    spec = make_spec(SUNDAY)
    posterior = make_draws(spec, reads, draws=3)
    inside = ahead_of(spec, posterior).inside
    last = posterior["path"][:, reads, -1]
    np.testing.assert_allclose(inside[:, :, 0], np.stack([last, last], axis=1))
    posterior["path"][:, reads, :-1] = 9.0  # earlier weeks matter to it no more
    np.testing.assert_array_equal(ahead_of(spec, posterior).inside, inside)


def test_the_rest_of_the_origins_own_week_reads_the_week_before_it() -> None:
    spec = make_spec(WEDNESDAY)
    posterior = make_draws(spec, draws=3)
    inside = ahead_of(spec, posterior, paths=6).inside
    before, own = posterior["path"][:, CALM, -2:].T
    np.testing.assert_allclose(inside[:, :, 0], np.tile(before[:, None], 6))
    np.testing.assert_allclose(inside[:, :, 1], np.tile(own[:, None], 6))
    phi = 2 ** (-1 / HALF_LIFE[CALM])
    np.testing.assert_allclose(inside[:, :, 2].mean(axis=1), phi * own)
    assert np.ptp(inside[:, :, 2], axis=1).min() > 0


@pytest.mark.parametrize("reads", [CALM, STORM, WOUND])
def test_paths_fall_back_to_the_usual_level_in_antithetic_pairs(reads: int) -> None:
    spec = make_spec(SUNDAY)
    posterior = make_draws(spec, reads, draws=4)
    inside = ahead_of(spec, posterior, paths=8).inside
    phi = 2 ** (-1 / HALF_LIFE[reads])
    expected = posterior["path"][:, reads, -1:] * phi ** np.arange(5)
    pairs = (inside[:, :4] + inside[:, 4:]) / 2
    np.testing.assert_allclose(pairs, np.tile(expected[:, None], (1, 4, 1)), atol=1e-12)
    assert len(np.unique(inside[:, :, 1].round(9))) == 4 * 8


@pytest.mark.parametrize("reads", [CALM, STORM])
def test_paths_have_the_spread_of_their_process(reads: int) -> None:
    """Variance 1 − φ^2j after j weeks, within 4 standard errors; the shocks' fourth moment widens theirs."""
    spec = make_spec(SUNDAY)
    pairs = 60_000
    inside = ahead_of(spec, make_draws(spec, reads), paths=2 * pairs).inside[0, :, 1:]
    phi = 2 ** (-1 / HALF_LIFE[reads])
    expected = 1 - phi ** (2 * np.arange(1, 5))
    excess = 6 / (DF - 4) if reads == STORM else 0.0
    error = 4 * expected * np.sqrt((2 + excess) / pairs)
    assert np.all(np.abs(inside.var(axis=0) - expected) <= error)


@pytest.mark.parametrize(("reads", "law"), [(CALM, stats.norm()), (STORM, stats.t(DF, scale=np.sqrt((DF - 2) / DF)))])
def test_innovations_have_their_law_and_unit_variance(reads: int, law: Any) -> None:
    spec = make_spec(SUNDAY)
    pairs = 40_000
    inside = ahead_of(spec, make_draws(spec, reads), paths=2 * pairs).inside[0, :pairs]
    phi = 2 ** (-1 / HALF_LIFE[reads])
    innovation = (inside[:, 1:] - phi * inside[:, :-1]) / np.sqrt(1 - phi**2)
    assert law.var() == pytest.approx(1.0)
    for week in innovation.T:
        assert stats.kstest(week, law.cdf).pvalue > 1e-3
    together = np.corrcoef(innovation.T)
    assert np.abs(together - np.eye(4)).max() < 4 / np.sqrt(pairs)


@pytest.mark.parametrize("origin", [SUNDAY, WEDNESDAY])
def test_pulses_go_on_fading(origin: date) -> None:
    spec = make_spec(origin)
    without = make_draws(spec, WOUND, draws=2)
    posterior = without | {"pulse": np.array([[1.5], [3.0]])}
    ahead = ahead_of(spec, posterior)
    added = ahead.inside - ahead_of(spec, without).inside
    since = np.array([(sunday - PULSE_WEEK).days // 7 - 1 for sunday in ahead.weeks])  # the week before is what is read
    assert since[0] == 2
    expected = posterior["pulse"] * 2 ** (-since / HALF_LIFE[WOUND])
    np.testing.assert_allclose(added, np.tile(expected[:, None], (1, 2, 1)))


def test_a_pulse_after_the_origin_is_not_foreseen() -> None:
    later = [*FACTORS[:WOUND], FACTORS[WOUND].model_copy(update={"pulse": SUNDAY + timedelta(days=9)})]
    spec = make_spec(SUNDAY, factors=later)
    without = make_draws(spec, WOUND)
    np.testing.assert_array_equal(
        ahead_of(spec, without | {"pulse": np.full((1, 1), 3.0)}).inside,
        ahead_of(spec, without).inside,
    )


@pytest.mark.parametrize(("origin", "weeks_since"), [(SUNDAY, 11), (WEDNESDAY, 11)])
def test_a_record_without_gaps_has_one_state(origin: date, weeks_since: int) -> None:
    """The round was in the week to 13 April; the first week ahead is that to 29 June, whole or in part."""
    spec = make_spec(origin)
    ahead = ahead_of(spec, make_draws(spec, None, draws=2))
    assert ahead.dormancy.tolist() == [weeks_since]
    np.testing.assert_allclose(ahead.state, 1.0, atol=1e-9)


@pytest.mark.parametrize("origin", [SUNDAY, WEDNESDAY])
def test_states_of_dormancy_are_those_of_the_weeks_that_may_hide_a_round(origin: date) -> None:
    """Rounds in weeks 0 and 6, then silence: one week that nobody searched among weeks searched with a sensitivity of 0.85."""
    number = len(week_grid(BEGAN, origin))
    stretch = [0] * number
    stretch[8] = UNSEARCHED
    spec = make_spec(origin, found=(0, 6), stretch=stretch)
    posterior = make_draws(spec, None, sensitivity=0.85)
    ahead = ahead_of(spec, posterior)
    rate = np.exp(ahead.outside[0])
    belief = {1: 1.0}
    for t in range(7, number):
        found = 0.0 if t == 8 else 0.85
        silent = {d: np.exp(-rate[d - 1] * spec.panel.record.share[t]) for d in belief}
        whole = t < number - 1 or origin == SUNDAY
        following = {d + whole: belief[d] * silent[d] for d in belief}
        missed = sum(belief[d] * (1 - silent[d]) for d in belief) * (1 - found)
        # of a round missed in the origin's own week, the rest of that week knows as little as the first week after one
        following[1] = following.get(1, 0.0) + missed
        total = sum(following.values())
        belief = {d: weight / total for d, weight in following.items()}
    assert dict(zip(ahead.dormancy.tolist(), ahead.state[0], strict=True)) == pytest.approx(belief)
    assert len(belief) > 3 and ahead.state.sum() == pytest.approx(1.0)


def test_an_announced_meeting_adds_its_odds_after_the_origin() -> None:
    spec = make_spec(WEDNESDAY)
    day = date(2025, 7, 2)  # a Wednesday
    meeting = Announcement("agreed", day, day, date(2025, 6, 20), None)
    over = Announcement("agreed", SUNDAY, SUNDAY, date(2025, 6, 10), date(2025, 6, 23))
    this_week = Announcement("agreed", SUNDAY + timedelta(days=1), SUNDAY + timedelta(days=7), date(2025, 6, 20), None)
    ahead = ahead_of(spec, make_draws(spec, None, draws=2), announced=[meeting, over, this_week])
    shares = np.array([0.75 * 4 / 7, 0.75 + 0.25 * 4 / 7, 0.25 * 3 / 7, 0, 0, 0])
    np.testing.assert_allclose(ahead.announced, np.tile(-np.log(0.2) * shares, (2, 1)))


def test_meetings_announced_after_the_origin_account_for_their_rounds_again() -> None:
    """Of the total hazard the meetings that stand account for a share that falls to nothing: one minus it rises to one, week after week."""
    spec = make_spec(WEDNESDAY)
    posterior = make_draws(spec, None, draws=3) | {"share_announced": np.array([0.9, 0.6, 0.9]), "lead_median": np.array([3.0, 3.0, 12.0])}
    found = ahead_of(spec, posterior).unannounced
    assert found.shape == (3, 6)
    own = 1 - share_on_record(posterior)
    assert (np.diff(found, axis=1) > 0).all() and (found > own[:, None]).all() and (found < 1).all()
    # in the first week: those with no announcement on record, and those that are held in the week in which they are announced
    np.testing.assert_allclose(found[:, 0], own + (1 - own) * lead_weeks(posterior, 0.75)[:, 0])
    assert (found[0] > found[2]).all(), "long lead times: more of the hazard stands already"
    far = unannounced_ahead(posterior, 0.75, 40)
    np.testing.assert_array_equal(far[:, :6], found)
    np.testing.assert_allclose(far[:, 17:], 1.0, rtol=1e-12)


@pytest.mark.parametrize(("found", "months"), [((0, 1, 6), 2), ((0, 1, 6, 10), 3)], ids=["April and May", "and in the last week"])
def test_dormant_hazards_have_the_track_record_of_the_origin(found: Sequence[int], months: int) -> None:
    spec = make_spec(SUNDAY, found=found)
    posterior = make_draws(spec, None, draws=2)
    outside, places = ahead_of(spec, posterior).outside, np.log([1.0, 4.0, 18.0, 60.0])
    for own, slope, row in zip(posterior["outside_knots"], posterior["track_record"], outside, strict=True):
        knots = own + slope * (np.log(1 + months) - REFERENCE.log_months) * np.array([0, 0, 1, 1])
        np.testing.assert_allclose(row, np.interp(np.log(1.0 + np.arange(len(row))), places, knots))


def test_the_outside_view_has_no_inside() -> None:
    spec = make_spec(SUNDAY)
    ahead = ahead_of(spec, make_draws(spec, None, draws=2))
    np.testing.assert_array_equal(ahead.inside, np.zeros((2, 1, 5)))


def test_the_same_seed_gives_the_same_paths() -> None:
    spec = make_spec(SUNDAY)
    one, two, other = (ahead_of(spec, make_draws(spec), seed=seed).inside for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
