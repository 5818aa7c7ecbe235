"""Scores against formulas by hand; populations apart; the vintage gap."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from ripeness.evaluation.scores import SCORE_COLUMNS, score_populations, score_rows, vintage_gap, weekly_skill
from ripeness.ledger.resolutions import scores as ledger_scores

FIRST, SECOND = date(2025, 5, 4), date(2025, 7, 6)


def row(
    origin: date, forecaster: str, probability: float, outcome: float, weeks: int = 13, question: str = "round", vintage: str = "as_of"
) -> dict[str, object]:
    target = origin + timedelta(days=7 * weeks)
    return {
        "question": question,
        "origin": origin,
        "horizon_weeks": weeks,
        "target_end_date": target,
        "given": "",
        "forecaster": forecaster,
    } | {
        "vintage": vintage,
        "probability": probability,
        "outcome": outcome,
    }


def test_scores_are_those_of_the_ledger() -> None:
    probabilities, outcomes = [0.1, 0.1, 0.7, 0.999], [0.0, 1.0, 1.0, 0.0]
    scored = score_rows(pd.DataFrame({"probability": probabilities, "outcome": outcomes}))
    for p, y, brier, log_score in zip(probabilities, outcomes, scored["brier"], scored["log_score"], strict=True):
        assert (brier, log_score) == pytest.approx(ledger_scores(p, "yes" if y else "no"), abs=1e-6)
        assert log_score == pytest.approx(-np.log(p if y else 1 - p))


def test_populations_are_scored_apart() -> None:
    frame = pd.DataFrame(
        [row(FIRST, "a", 0.2, 1.0), row(SECOND, "a", 0.4, 0.0), row(FIRST, "a", 0.3, 1.0, 1, "week"), row(SECOND, "a", 0.3, 0.0, 1, "week")]
    )
    populations = {FIRST: ["all", "hindsight_priors", "dormant"], SECOND: ["all", "after_essay", "active"]}
    scores, weekly = score_populations(score_rows(frame), populations)
    assert tuple(scores.columns) == SCORE_COLUMNS
    found = scores.set_index("population")
    assert found["n"].to_dict() == {"all": 2, "hindsight_priors": 1, "after_essay": 1, "dormant": 1, "active": 1}
    assert found.loc["hindsight_priors", "brier"] == pytest.approx(0.64)
    assert found.loc["after_essay", "brier"] == pytest.approx(0.16)
    assert found.loc["all", "brier"] == pytest.approx(0.40)
    total = weekly.set_index("population").loc["all"]
    assert (total["weeks"], total["rounds"]) == (2, 1) and total["total_log_score"] == pytest.approx(-np.log(0.3) - np.log(0.7))


def test_the_gap_is_final_minus_as_of_on_the_same_forecasts() -> None:
    rows = [row(FIRST, "a", 0.2, 1.0), row(FIRST, "a", 0.5, 1.0, vintage="final"), row(SECOND, "a", 0.4, 0.0)]
    gap = vintage_gap(score_rows(pd.DataFrame(rows))).iloc[0]
    assert gap["n"] == 1  # the second origin has no final forecast
    assert gap["brier_gap"] == pytest.approx(0.25 - 0.64) and gap["log_score_gap"] == pytest.approx(np.log(0.2 / 0.5))


def test_skill_is_the_log_ratio_of_the_probabilities_of_each_week() -> None:
    rows = [row(FIRST, name, p, y, week, "week") for name, p in (("a", 0.3), ("outside", 0.1)) for week, y in ((1, 1.0), (2, 0.0))]
    gained = weekly_skill(score_rows(pd.DataFrame(rows)), "a", "outside")
    assert list(gained) == pytest.approx([np.log(3.0), np.log(0.7 / 0.9)])
