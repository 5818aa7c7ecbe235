"""States scored: made-up draws whose probabilities are known, and what is prior, filtered, smoothed and now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import norm
from small_workspace import FITS, HEADLINE_FITS

from ripeness import names
from ripeness.calendar import week_of
from ripeness.evaluation.published import FILTERED, NOW, PRIOR, SMOOTHED
from ripeness.evaluation.states import (
    COLUMNS,
    ScoredState,
    in_state,
    measured_factors,
    places_on,
    prior_places,
    score_states,
    standing_of,
)
from ripeness.evaluation.stored import Draws, Stored
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.slow_levels import read_ratio

DRAWS = 400
STATES = ("low", "middle", "high")
CONJUNCTIVE = [(fit, reading) for fit, form, reading in FITS if form == names.CONJUNCTIVE]


def claim(name: str, state: str, **subject: str) -> Any:
    fields = {"about": "state", "paragraph": 3, "factor": None, "condition": None, "state": state}
    return SimpleNamespace(**(fields | {"id": name} | subject))


CLAIMS = {
    one.id: one
    for one in (
        claim("front-still", "middle", factor="front"),
        SimpleNamespace(id="loser-talks", about="effect"),
        claim("front-lost", "high", factor="front"),
        claim("host-idle", "low", factor="host"),
        claim("north-unwilling", "low", condition="north"),
        claim("south-willing", "high", condition="south"),
    )
}


@dataclass(frozen=True)
class MadeUp(Stored):
    """A stored run whose readings have the draws that a test gives them."""

    given: Mapping[str, Draws] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        return 4, DRAWS // 4

    def draws(self, fit: str) -> Draws:
        return self.given[fit]


@pytest.fixture(scope="module")
def drawn(war: ModelSpec) -> MadeUp:
    """Draws of both readings from the priors."""
    given = {fit: sample_prior(war, reading, names.CONJUNCTIVE, DRAWS, np.random.SeedSequence(5)) for fit, reading in CONJUNCTIVE}
    claims: Any = SimpleNamespace(by_id=CLAIMS)
    nothing: Any = None
    return MadeUp(war, claims, nothing, [], nothing, 7, given)


def made_up(drawn: MadeUp, week: int, front: tuple[float, float], north: float, **more: Any) -> MadeUp:
    """In one week the front stands at 1 in a share of draws (of each reading) and else at 0, and the north is met by so much; in all others at 9."""
    given = {}
    for (fit, _), share in zip(CONJUNCTIVE, front, strict=True):
        draws = drawn.draws(fit)
        path, odds = np.full_like(draws["path"], 9.0), np.full_like(draws["log_odds_open"], 9.0)
        path[:, :, week] = 0.0
        path[: round(share * DRAWS), 0, week] = 1.0
        odds[:, 0, week] = logit(north)
        given[fit] = draws | {"path": path, "log_odds_open": odds}
    return replace(drawn, given=given, **more)


def by_claim(scored: list[ScoredState]) -> dict[str, ScoredState]:
    return {one.claim.id: one for one in scored}


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_a_third_of_the_stationary_normal(state: str) -> None:
    places = norm.ppf((np.arange(30_000) + 0.5) / 30_000)
    assert in_state(places, "factor", state).mean() == pytest.approx(1 / 3, abs=1e-4)


def test_each_place_is_in_one_state() -> None:
    factor, condition = np.array([-2.0, -0.44, -0.42, 0.0, 0.42, 0.44, 2.0]), np.array([0.0, 0.33, 0.34, 0.5, 0.66, 0.67, 1.0])
    for places, kind in ((factor, "factor"), (condition, "condition")):
        found = [in_state(places, kind, state).tolist() for state in STATES]
        assert found == [[True] * 2 + [False] * 5, [False] * 2 + [True] * 3 + [False] * 2, [False] * 5 + [True] * 2]


@pytest.mark.parametrize("tempered", [0.5, 0.2])
def test_readings_are_mixed_by_weight_and_the_error_is_that_of_the_draws(tempered: float) -> None:
    rng = np.random.default_rng(3)
    readings = [np.where(rng.random((4, 500)) < share, -1.0, 0.0) for share in (0.98, 0.5)]
    shares = [float((one < 0).mean()) for one in readings]
    weights = (1.0 - tempered, tempered)
    standing, mean = standing_of(readings, weights, "factor", "low"), np.dot(weights, shares)
    assert standing.probability == pytest.approx(mean)
    assert standing.at == pytest.approx(-mean) and (standing.lower, standing.upper) == (-1.0, 0.0)
    own = [weight**2 * p * (1 - p) / 2000 for weight, p in zip(weights, shares, strict=True)]
    assert standing.error == pytest.approx(np.sqrt(sum(own)), rel=0.2)


@pytest.mark.parametrize(("state", "probability"), [("low", 1 - 1 / 800), ("middle", 1 / 800)])
def test_where_all_draws_agree_half_a_draw_may_differ(state: str, probability: float) -> None:
    standing = standing_of([np.full((2, 100), 0.1)] * 2, (0.5, 0.5), "condition", state)
    assert standing.probability == pytest.approx(probability) and 0 < standing.error < 0.01


def test_what_was_known_then_what_is_known_now_and_now(drawn: MadeUp) -> None:
    """The same week by either fit; and the last week by the later one. The tempered reading weighs 0.4."""
    panel = drawn.spec.panel
    essay, week = panel.weeks[40], 40
    then = made_up(drawn, week, (0.8, 0.6), 0.3)
    now = made_up(drawn, week, (0.1, 0.3), 0.5)
    later = made_up(drawn, -1, (1.0, 0.9), 0.9)
    both = {
        fit: draws | {name: _joined(draws[name], later.given[fit][name], week) for name in ("path", "log_odds_open")}
        for fit, draws in now.given.items()
    }
    found = by_claim(score_states(then, replace(now, given=both), essay))
    assert list(found) == ["front-still", "front-lost", "host-idle", "north-unwilling", "south-willing"]
    lost = {name: standing.probability for name, standing in found["front-lost"].standings.items()}
    assert [lost[name] for name in (FILTERED, SMOOTHED, NOW)] == pytest.approx([0.72, 0.18, 0.96])
    still = found["front-still"].standings
    assert [still[name].probability for name in (FILTERED, SMOOTHED, NOW)] == pytest.approx([0.28, 0.82, 0.04])
    assert found["front-lost"].standings[SMOOTHED].at == pytest.approx(0.18)
    north = found["north-unwilling"].standings
    assert [north[name].probability > 0.9 for name in (FILTERED, SMOOTHED, NOW)] == [True, False, False]
    assert [north[name].at for name in (FILTERED, SMOOTHED, NOW)] == pytest.approx([0.3, 0.5, 0.9])
    assert (found["front-still"].verdict, found["front-lost"].verdict) == ("supported", "unmoved")
    assert {name: one.measured for name, one in found.items()} == {
        "front-still": "yes", "front-lost": "yes", "host-idle": "yes", "north-unwilling": "inferred", "south-willing": "inferred"
    }  # fmt: skip


def _joined(early: Any, late: Any, week: int) -> Any:
    return np.concatenate([early[..., : week + 1], late[..., week + 1 :]], axis=-1)


def test_without_the_essays_day_only_now_is_scored(drawn: MadeUp) -> None:
    now = made_up(drawn, -1, (0.0, 0.0), 0.5)
    found = by_claim(score_states(None, now, drawn.spec.panel.weeks[0]))["front-lost"]
    assert set(found.standings) == {PRIOR, NOW} and found.verdict == "contradicted"
    assert FILTERED not in found.row and found.row[NOW] < 0.01


def test_a_row_has_the_columns_of_the_table(drawn: MadeUp) -> None:
    now = made_up(drawn, 40, (0.5, 0.5), 0.5)
    rows = [one.row for one in score_states(now, now, drawn.spec.panel.weeks[40])]
    assert all(set(COLUMNS) <= row.keys() for row in rows)
    assert [(row["claim"], row["kind"], row["of"], row["state"]) for row in rows[-2:]] == [
        ("north-unwilling", "condition", "north", "low"),
        ("south-willing", "condition", "south", "high"),
    ]


def test_what_no_indicator_measures_has_no_verdict(drawn: MadeUp) -> None:
    """The host has one indicator, a count: without its rows it is not measured, or not measured yet."""
    counted = drawn.spec.panel.counted
    panel = drawn.spec.panel.with_rows({"counted": counted.pick(np.zeros(len(counted.indicator), dtype=bool))})
    blind = replace(drawn.spec, panel=panel)
    assert measured_factors(drawn.spec) == {"front", "cost", "host"} and measured_factors(blind) == {"front", "cost"}
    essay = panel.weeks[40]
    seen, unseen = made_up(drawn, 40, (0.0, 0.0), 0.5), made_up(drawn, 40, (0.0, 0.0), 0.5, spec=blind)
    assert by_claim(score_states(unseen, unseen, essay))["host-idle"].verdict == "not measured"
    assert by_claim(score_states(unseen, seen, essay))["host-idle"].measured == "later"
    assert by_claim(score_states(unseen, seen, essay))["host-idle"].verdict == "contradicted"  # at 0, or by its pulse above, in all draws


def test_priors_alone_leave_a_third_but_where_a_pulse_lifts(drawn: MadeUp) -> None:
    spec = drawn.spec
    day = next(factor.pulse for factor in spec.workspace.factors if factor.pulse)
    assert day is not None
    places = prior_places(drawn, week_of(day))
    shares = {
        name: [standing_of(places["factor", name], (0.5, 0.5), "factor", state).probability for state in STATES]
        for name in spec.workspace.factor_ids
    }
    assert shares["front"] == pytest.approx([1 / 3] * 3, abs=0.04)
    assert shares["cost"][1] > 0.4  # it adds up, and so early has not gone far
    assert shares["host"][2] > 0.5
    for reading, size in zip(places["condition", "north"], (4000, 4000), strict=True):
        assert reading.shape == (1, size) and reading.min() > 0 and reading.max() < 1


def test_a_place_is_what_the_hazards_read(drawn: MadeUp) -> None:
    """With the pulse, in the week that the day lies in."""
    spec = drawn.spec
    day = next(factor.pulse for factor in spec.workspace.factors if factor.pulse)
    assert day is not None
    draws = drawn.draws(HEADLINE_FITS[0])
    week = spec.panel.weeks.index(week_of(day))
    places = places_on(spec, draws, day)
    assert np.allclose(places["factor", "host"], draws["path"][:, 2, week] + draws["pulse"][:, 0])
    level = draws["level_path"][:, 0, week] / draws["factor_scale"][:, 1]
    assert np.allclose(places["factor", "cost"], read_ratio(spec, draws)[:, 1] * (draws["path"][:, 1, week] + level), atol=1e-4)
    assert np.allclose(logit(places["condition", "south"]), draws["log_odds_open"][:, 1, week])
