"""Simulated wars and skill: luck seldom claims, a strong model is seen, clusters can be left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ripeness.evaluation.origins import find_clusters
from ripeness.evaluation.scores import score_rows
from ripeness.evaluation.skill import (
    VILLE,
    FixedWar,
    Reference,
    measure_skill,
    play_wars,
    power_table,
    simulate_reference,
    threshold,
    weeks_of,
)
from ripeness.model.terms.conditions import build_inside
from ripeness.workspace.question import Question

FACTORS = [SimpleNamespace(id="front", one_sided=False, tails="shocks"), SimpleNamespace(id="host", one_sided=False, tails="smooth")]
EFFECTS = [SimpleNamespace(factor=name, condition="open", role=None) for name in ("front", "host")]
FIRST = date(2024, 1, 7)


def make_war(weight: float) -> FixedWar:
    workspace = SimpleNamespace(factors=FACTORS, question=SimpleNamespace(active_weeks=8))
    priors = SimpleNamespace(files=SimpleNamespace(factor_tails=5.0, entries={}))
    spec: Any = SimpleNamespace(structure=build_inside(EFFECTS, FACTORS, ["open"]), workspace=workspace, priors=priors)
    outside = np.log(np.r_[np.full(8, 0.15), np.full(40, 0.03)])
    means = {"weight": np.array([weight, -weight]), "intercept_open": np.array([-1.0]), "half_life": np.array([8.0, 20.0])}
    return FixedWar(spec, outside, means, 14)


@pytest.fixture(scope="module")
def question() -> Question:
    words = {"id": "round", "text": "Will they hold a round?", "definition": "A meeting of delegations.", "void": "If nobody is left."}
    return Question(**words, parties=["East", "West"], war_began=date(2023, 1, 1), horizons_weeks=[4], headline_weeks=4)


def test_luck_loses_on_average_and_a_martingale_gains_one() -> None:
    luck = play_wars(make_war(0.8), 4000, 1, 60, 60, False, np.random.SeedSequence(1)).at_week
    assert luck.mean() < 0
    gained = np.exp(luck)
    assert abs(gained.mean() - 1.0) < 4 * gained.std() / np.sqrt(len(gained))
    assert np.mean(luck >= VILLE) <= 0.05


def test_the_inside_view_of_a_war_does_not_lift_the_base_rate() -> None:
    war, rng = make_war(0.8), np.random.default_rng(2)
    paths = war.inside(20_000, rng)
    lift = np.exp([next(paths) for _ in range(5)])
    assert lift.mean() == pytest.approx(1.0, abs=0.02)


def test_false_claims_are_at_most_five_per_cent_and_power_grows_with_resumptions() -> None:
    reference = simulate_reference(make_war(2.0), 100, 3, wars=1000, clusters=12, longest=3000)
    assert (reference.threshold <= VILLE).all() and (reference.threshold >= 0).all()
    assert reference.false_claims.max() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000)
    assert reference.false_claims.mean() <= 0.05
    assert reference.power[-1] > 0.8 > reference.power[0] > 0.05
    assert reference.needed is not None and reference.power[reference.needed - 1] >= 0.8 > reference.power[: reference.needed - 1].max()
    assert reference.mean_at_week > 0 > reference.luck_at_week
    table = power_table(reference)
    assert list(table["resumptions"]) == list(range(1, 13)) and set(table["wars"]) == {1000}


def test_a_model_that_knows_nothing_has_no_power() -> None:
    reference = simulate_reference(make_war(0.0), 50, 4, wars=200, clusters=2, longest=1000)
    assert (reference.power <= 0.05).all() and reference.needed is None


def test_the_threshold_leaves_room_for_the_simulations_own_error() -> None:
    luck = np.arange(1000) / 1000
    assert np.mean(luck > threshold(luck)) == pytest.approx(0.038, abs=0.002)  # 38 of 1000: Beta(39, 962) has its 95 % point at 0.049
    assert threshold(luck[:20]) == VILLE  # too few to say anything
    assert threshold(luck - 5.0) == 0.0  # less than the outside view is no skill


def made_up_scores(hits: dict[int, float]) -> pd.DataFrame:
    """Forty weeks, rounds in those of `hits`, to which the model gave so much and the outside view a tenth."""
    rows = []
    for week in range(40):
        for name, p in (("mixture", hits.get(week, 0.1)), ("outside", 0.1)):
            row = {
                "question": "week",
                "origin": FIRST + timedelta(days=28 * (week // 4)),
                "horizon_weeks": week % 4 + 1,
                "forecaster": name,
            }
            rows.append(row | {"target_end_date": FIRST + timedelta(days=7 * (week + 1)), "probability": p, "outcome": float(week in hits)})
    return score_rows(pd.DataFrame(rows))


def test_skill_is_reported_with_each_cluster_left_out(question: Question) -> None:
    hits = {5: 0.5, 8: 0.5, 30: 0.2}
    scored = made_up_scores(hits)
    rounds = [FIRST + timedelta(days=7 * week + 3) for week in hits]
    populations = {origin: ["all"] for origin in scored["origin"]}
    even = np.array([1.0, 2.0])
    reference = Reference(
        10, even, even * 0, np.array([0.1, 0.2]), np.array([[0.0, 3.0], [5.0, np.nan]]), even, even, even * 0, 40, 1.0, -1.0
    )
    row = measure_skill(scored, populations, "outside", question, rounds, reference).iloc[0]
    assert (row["weeks"], row["rounds"], row["resumptions"]) == (40, 3, 2)
    assert row["skill"] == pytest.approx(2 * np.log(5) + np.log(2))
    assert (row["lowest"], row["highest"]) == pytest.approx((np.log(2), 2 * np.log(5)))
    assert (row["threshold"], row["claimed"], row["by_luck"], row["power"]) == (2.0, "yes", 1.0, 0.2)
    assert pd.isna(row["resumptions_needed"])
    cautious = replace(reference, threshold=even * 2)
    assert measure_skill(scored, populations, "outside", question, rounds, cautious).iloc[0]["claimed"] == "no"


def test_a_cluster_owns_its_weeks_and_the_active_ones_after_it(question: Question) -> None:
    (cluster,) = find_clusters([FIRST + timedelta(days=10), FIRST + timedelta(days=24)], question)
    sundays = [FIRST + timedelta(days=7 * week) for week in range(20)]
    assert [place for place, inside in enumerate(weeks_of(cluster, sundays, question)) if inside] == list(range(2, 13))
