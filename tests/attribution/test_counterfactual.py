"""Would have: as it was is the record itself, draw by draw; a hazard that is lower loses announcements, and rounds with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from made_up_war import ORIGIN, WEEKS, make_draws
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

from ripeness import names
from ripeness.attribution.counterfactual import REPLICATES, would_have
from ripeness.attribution.scenario_file import Path, Scenario
from ripeness.data.vintages import read_store
from ripeness.model.meetings import Announcement, find_announcements
from ripeness.model.spec import ModelSpec
from ripeness.workspace.config import Mixture

Array = NDArray[np.float64]
Fits = Mapping[str, dict[str, Array]]
FITS = ("conjunctive_as_written", "substitutable_as_written")
DRAWS = 400
HORIZONS = (4, 13, 26)


@pytest.fixture(scope="module")
def announcements(spec: ModelSpec) -> list[Announcement]:
    return find_announcements(read_store(spec.workspace).as_of(ORIGIN).events)


@pytest.fixture(scope="module")
def fits(spec: ModelSpec) -> Fits:
    searched = {"sensitivity": np.full((DRAWS, 2), 0.9)}
    return {name: make_draws(spec, np.random.default_rng(seed), DRAWS) | searched for seed, name in enumerate(FITS, start=3)}


def scenario_of(*paths: Path) -> Scenario:
    return Scenario("made-up", "Made up", "for a test", (), paths)


HOST = 2
PULSE_WEEK = next(t for t, sunday in enumerate(WEEKS) if sunday >= date(2024, 3, 5))
OFFERED, HELD = 2, 4  # weeks after the start in which a meeting is offered, and in which it is held
START = next(t for t, sunday in enumerate(WEEKS) if sunday.isoformat() == "2024-08-18")


def without_host(weeks: int = 26, units: float = -3.0) -> Scenario:
    return scenario_of(Path(factor="host", units=units, from_week=1, to_week=weeks))


@pytest.fixture(scope="module")
def open_to_hosts(fits: Fits) -> Fits:
    """Draws in which the host opens a condition, and never closes one."""
    return {name: one | {"weight": np.where(np.arange(5) == 4, np.abs(one["weight"]) + 0.2, one["weight"])} for name, one in fits.items()}


def of_record(spec: ModelSpec, horizons: Sequence[int] = HORIZONS) -> list[float]:
    return [float(spec.panel.record.found[START + 1 : START + 1 + weeks].any()) for weeks in horizons]


def test_the_made_up_war_has_an_offer_that_was_kept_and_one_that_was_not(spec: ModelSpec, announcements: list[Announcement]) -> None:
    offered, agreed = announcements
    assert WEEKS[START + OFFERED] == offered.announced_on and spec.panel.record.found[START + HELD] == 1.0
    assert offered.held_on is not None and agreed.held_on is None and not agreed.renews
    assert of_record(spec, (HELD - 1, HELD, 13)) == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "scenario", [scenario_of(), scenario_of(Path(factor="host", units=0.7, from_week=2, to_week=9))], ids=["none", "held"]
)
def test_as_it_was_is_the_record_in_every_draw(spec: ModelSpec, announcements: list[Announcement], fits: Fits, scenario: Scenario) -> None:
    """Nothing held, and a factor held where it stood: every draw and every replicate has the rounds and the announcements of the record."""
    stood = {name: one | {"path": one["path"].copy()} for name, one in fits.items()}
    for one in stood.values():
        one["path"][:, HOST, START + 2 : START + 10] = 0.7
    contrasts, made = would_have(spec, announcements, stood, scenario, START, HORIZONS, 1)
    assert [one.forecast for one in contrasts] == [one.scenario for one in contrasts] == of_record(spec)
    assert {(one.change, one.lower, one.upper, one.mcse) for one in contrasts} == {(0.0, 0.0, 0.0, 0.0)}
    assert made == [(one, 1.0) for one in announcements]


@pytest.mark.parametrize("start", [START - 8, START, START + OFFERED, START + HELD])
def test_every_week_is_as_it_was(spec: ModelSpec, announcements: list[Announcement], fits: Fits, start: int) -> None:
    horizons = range(1, 23)
    found = would_have(spec, announcements, fits, scenario_of(), start, horizons, 2)[0]
    assert [one.scenario for one in found] == np.maximum.accumulate(spec.panel.record.found[start + 1 : start + 23]).tolist()


def chances_by_hand(spec: ModelSpec, variant: str, draws: dict[str, Array], units: float) -> tuple[Array, Array]:
    """P(the offer is made) and P(its round is held) of each draw, where the host is held at so many units from the first week on: nothing came between."""
    phi = 0.5 ** (1 / draws["half_life"][:, HOST])
    shares = np.stack([draws["class_split"][:, 0], 1 - draws["class_split"][:, 0]], axis=1)
    unannounced = 1 - draws["share_announced"] * (shares * draws["recorded"]).sum(axis=1)
    since = START + HELD - int(np.flatnonzero(spec.panel.record.found[: START + 1])[-1])
    raised = draws["track_record"] * (np.log(1 + 2) - spec.reference.log_months)  # rounds in January and in February
    knots = draws["outside_knots"] + raised[:, None] * np.array([0, 0, 1, 1])
    ratio, total = [], np.zeros(0)
    for week in (OFFERED, HELD):
        before = START + week - 1
        sides = draws["path"][:, 0, before]
        bent = [(np.logaddexp(0, 4 * sign * sides) - np.log(2)) / 4 for sign in (1, -1)]
        weight, cost = draws["weight"], draws["path"][:, 1, before]
        fading = draws["pulse"][:, 0] * phi ** ((WEEKS[before] - WEEKS[0]).days // 7 - PULSE_WEEK)
        scores = []
        for host in (draws["path"][:, HOST, before], np.full(len(phi), units)):
            north = weight[:, 0] * bent[1] + weight[:, 1] * bent[0] + weight[:, 2] * cost
            south = weight[:, 0] * bent[0] + weight[:, 1] * bent[1] + weight[:, 3] * cost + weight[:, 4] * (host + fading)
            odds = draws["intercept_open"] + np.stack([north, south], axis=1)
            if variant == names.CONJUNCTIVE:
                scores.append(log_expit(odds).sum(axis=1) - draws["normaliser"])
            else:
                scores.append(logsumexp(odds - draws["cause_normaliser"], b=draws["cause_share"], axis=1))
        ratio.append(np.exp(scores[1] - scores[0]))
        places = np.log([1.0, 4.0, 18.0, 60.0])
        total = np.exp([np.interp(np.log(since), places, own) for own in knots] + scores[0])
    added = -np.log1p(-draws["kept"][:, 1]) * spec.meetings.exposure[1, START + HELD]
    was = -np.expm1(-unannounced * total - added)
    made, then = np.minimum(ratio[0], 1.0), -unannounced * total * ratio[1]
    return made, (made * -np.expm1(then - added) + (1 - made) * -np.expm1(then)) / was


@pytest.mark.parametrize("slope", [0.3, 25.0], ids=["as elsewhere", "a track record that brings rounds whatever is announced"])
def test_a_lower_hazard_loses_the_offer_and_with_it_the_round(
    slope: float, spec: ModelSpec, announcements: list[Announcement], open_to_hosts: Fits
) -> None:
    """Of both forms, mixed by the weights of the workspace."""
    open_to_hosts = {name: one | {"track_record": np.full(DRAWS, slope)} for name, one in open_to_hosts.items()}
    mixture = Mixture(substitutable=0.3, tempered=0.0, rationale="for a test")
    spec = replace(spec, workspace=replace(spec.workspace, mixture=mixture))
    contrasts, made = would_have(spec, announcements, open_to_hosts, without_host(), START, (HELD - 1, HELD), 3)
    assert (contrasts[0].scenario, contrasts[1].forecast) == (0.0, 1.0), "a lower hazard brings no round that was not held"
    expected = [chances_by_hand(spec, form, own, -3.0) for form, own in zip(names.FORMS, open_to_hosts.values(), strict=True)]
    offer, held = (0.7 * expected[0][place].mean() + 0.3 * expected[1][place].mean() for place in (0, 1))
    error = 4 * np.sqrt(0.25 * (0.7**2 + 0.3**2) / (DRAWS * REPLICATES))
    ((announcement, probability),) = made
    assert announcement is announcements[0]
    assert probability == pytest.approx(offer, abs=error) and probability < 0.9
    assert contrasts[1].scenario == pytest.approx(held, abs=error) and contrasts[1].scenario < 0.8


def test_the_lower_the_hazard_the_less_is_left(spec: ModelSpec, announcements: list[Announcement], open_to_hosts: Fits) -> None:
    found = [would_have(spec, announcements, open_to_hosts, without_host(units=units), START, (13,), 4) for units in (-1.0, -3.0, -5.0)]
    rounds = [contrasts[0].scenario for contrasts, _ in found]
    offers = [[chance for _, chance in made] for _, made in found]
    assert rounds == sorted(rounds, reverse=True) and rounds[0] - rounds[2] > 0.1
    for one in zip(*offers, strict=True):
        assert list(one) == sorted(one, reverse=True) and one[0] - one[2] > 0.1


def test_a_higher_hazard_keeps_what_was_and_brings_more(spec: ModelSpec, announcements: list[Announcement], open_to_hosts: Fits) -> None:
    """Where the host was busier than in any draw, the round stays and another may come before it."""
    contrasts, made = would_have(spec, announcements, open_to_hosts, without_host(units=5.0), START, (1, HELD - 1, HELD), 5)
    assert contrasts[0].scenario == contrasts[0].forecast == 0.0, "the first week reads the week before it"
    assert 0.05 < contrasts[1].scenario < 1.0
    assert contrasts[2].scenario > contrasts[1].scenario
    assert made[0][1] > 0.85


def test_the_same_seed_gives_the_same_answer(spec: ModelSpec, announcements: list[Announcement], open_to_hosts: Fits) -> None:
    one, two, other = (would_have(spec, announcements, open_to_hosts, without_host(), START, HORIZONS, seed) for seed in (6, 6, 7))
    assert one == two and one != other
