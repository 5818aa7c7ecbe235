"""The question: horizons, dormancy, and what a [question] table may not say."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from ripeness.workspace.question import Question

TABLE: dict[str, Any] = {
    "id": "round",
    "text": "Will they hold a round?",
    "definition": "A meeting of delegations.",
    "void": "If either is no more.",
    "parties": ["A", "B"],
    "war_began": date(2024, 1, 1),
    "horizons_weeks": [4, 13],
    "headline_weeks": 13,
}


def test_targets_are_the_last_days_of_the_horizons() -> None:
    question = Question(**TABLE)
    assert question.targets(date(2025, 6, 18)) == [date(2025, 7, 16), date(2025, 9, 17)]


def test_talks_are_dormant_beyond_the_active_weeks() -> None:
    question = Question(**TABLE | {"active_weeks": 5})
    assert [question.is_dormant(weeks) for weeks in (1, 5, 6)] == [False, False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizons_weeks": [13, 4]}, "rising order"),
        ({"horizons_weeks": [4, 4, 13]}, "rising order"),
        ({"headline_weeks": 8}, "one of horizons_weeks"),
        ({"horizons_weeks": []}, "horizons_weeks"),
        ({"horizons_weeks": [0, 13]}, "horizons_weeks"),
        ({"parties": ["A"]}, "parties"),
        ({"id": "Round 1"}, "id"),
        ({"sustained_rounds": 1}, "sustained_rounds"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_a_question_may_not_say(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Question(**TABLE | change)
