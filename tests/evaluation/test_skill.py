"""Skill given the forecasts as they were made: luck seldom claims, bold forecasts are seen, no claim hangs on one week."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import numpy as np
import pandas as pd
import pytest

from ripeness.evaluation.origins import find_clusters
from ripeness.evaluation.scores import score_rows
from ripeness.evaluation.skill import (
    SIMULATED,
    VILLE,
    longer_records,
    measure_skill,
    power_table,
    simulate_skill,
    threshold,
    weeks_of,
)
from ripeness.workspace.question import Question

FIRST = date(2024, 1, 7)
CHANCES = np.linspace(0.01, 0.3, 60)


@pytest.fixture(scope="module")
def question() -> Question:
    words = {"id": "round", "text": "Will they hold a round?", "definition": "A meeting of delegations.", "void": "If nobody is left."}
    return Question(**words, parties=["East", "West"], war_began=date(2023, 1, 1), horizons_weeks=[4], headline_weeks=4)


def test_two_weeks_by_hand() -> None:
    """Every record of two weeks, its probability and its skill, against what is simulated."""
    p, o = np.array([0.5, 0.2]), np.array([0.25, 0.1])
    found = simulate_skill(p, o, 1)
    for sums, chance in ((found.luck, o), (found.right, p)):
        for record in product((0, 1), repeat=2):
            skill = sum(np.log(p[t] / o[t]) if y else np.log((1 - p[t]) / (1 - o[t])) for t, y in enumerate(record))
            expected = np.prod([chance[t] if y else 1 - chance[t] for t, y in enumerate(record)])
            assert np.mean(np.isclose(sums, skill, atol=1e-9)) == pytest.approx(expected, abs=0.01)
    assert found.threshold == pytest.approx(
        np.log(2) + np.log(0.8 / 0.9)
    )  # with a round in the first week alone: by luck in 23 %, with both in 2.5 %
    assert found.power == pytest.approx(0.1, abs=0.01)


def test_luck_loses_on_average_and_a_martingale_gains_one() -> None:
    luck = simulate_skill(np.sqrt(CHANCES), CHANCES, 1).luck
    assert luck.mean() < 0
    gained = np.exp(luck)
    assert abs(gained.mean() - 1.0) < 4 * gained.std() / np.sqrt(len(gained))
    assert np.mean(luck >= VILLE) <= 0.05


def test_false_claims_are_at_most_five_per_cent_and_power_grows_with_the_record() -> None:
    one, fresh = simulate_skill(1.5 * CHANCES, CHANCES, 2), simulate_skill(1.5 * CHANCES, CHANCES, 3)
    assert np.mean(fresh.luck > one.threshold) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SIMULATED)
    powers = [each.power for each in longer_records(one, 4, 12)]
    assert 0.05 < powers[0] < powers[5] < powers[11] and powers[11] > 0.8
    twice = np.concatenate([CHANCES, CHANCES])
    assert powers[1] == pytest.approx(simulate_skill(1.5 * twice, twice, 5).power, abs=0.02)


def test_forecasts_that_hardly_differ_have_no_power_even_if_right() -> None:
    assert simulate_skill(CHANCES, CHANCES, 6).power == 0.0
    assert simulate_skill(1.02 * CHANCES, CHANCES, 6).power < 0.08


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
    row = measure_skill(scored, populations, "outside", question, rounds, 7).iloc[0]
    assert (row["weeks"], row["rounds"], row["resumptions"]) == (40, 3, 2)
    assert row["skill"] == pytest.approx(2 * np.log(5) + np.log(2))
    assert (row["lowest"], row["highest"]) == pytest.approx((np.log(2), 2 * np.log(5)))
    # weeks to which both give the same say nothing; luck has one round of the first two alone in 16 %, more in 3 %
    assert row["threshold"] == pytest.approx(np.log(5) + np.log(5 / 9) + np.log(8 / 9))
    assert row["by_luck"] == pytest.approx(0.1**3, abs=0.001)
    assert row["claimed"] == "yes"
    table = power_table(scored, "mixture", "outside", measure_skill(scored, populations, "outside", question, rounds, 7), 7)
    assert list(table["records"]) == list(range(1, len(table) + 1)) and table["power"].iloc[-1] >= 0.8 > table["power"].iloc[:-1].max()
    assert (table["weeks"].iloc[-1], table["resumptions"].iloc[-1]) == (40 * len(table), 2 * len(table))
    assert table["power"].iloc[0] == row["power"]


def test_a_claim_does_not_hang_on_one_week(question: Question) -> None:
    scored = made_up_scores({5: 0.6, 30: 0.13})
    rounds = [FIRST + timedelta(days=7 * week + 3) for week in (5, 30)]
    row = measure_skill(scored, {origin: ["all"] for origin in scored["origin"]}, "outside", question, rounds, 7).iloc[0]
    assert row["skill"] > row["threshold"] > row["skill"] - row["best_week_gain"]
    assert row["claimed"] == "no"
    assert row["best_week"] == FIRST + timedelta(days=42)
    assert (row["best_week_gain"], row["best_week_probability"], row["best_week_reference"]) == pytest.approx((np.log(6), 0.6, 0.1))


def test_a_cluster_owns_its_weeks_and_the_active_ones_after_it(question: Question) -> None:
    (cluster,) = find_clusters([FIRST + timedelta(days=10), FIRST + timedelta(days=24)], question)
    sundays = [FIRST + timedelta(days=7 * week) for week in range(20)]
    assert [place for place, inside in enumerate(weeks_of(cluster, sundays, question)) if inside] == list(range(2, 13))
