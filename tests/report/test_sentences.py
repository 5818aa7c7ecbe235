"""Numbers in words."""

from __future__ import annotations

from typing import Any

import pytest

from ripeness.report import sentences as say

SPACE = "\u00a0"


@pytest.mark.parametrize(
    ("probability", "error", "words"),
    [
        (0.1638, 0.002, f"16{SPACE}%"),
        (0.004, 0.002, f"under 1{SPACE}%"),
        (0.9951, None, f"over 99{SPACE}%"),
        (0.0, None, f"under 1{SPACE}%"),
        (0.163, 0.011, f"15{SPACE}%"),
        (0.163, 0.06, f"20{SPACE}%"),
        (0.03, 0.02, f"under 5{SPACE}%"),
        (None, None, "–"),
        (float("nan"), None, "–"),
    ],
)
def test_percent_is_no_finer_than_its_error(probability: float | None, error: float | None, words: str) -> None:
    assert say.percent(probability, error) == words


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.164, "about 1 in 6"),
        (0.2, "about 1 in 5"),
        (0.288, "about 3 in 10"),
        (0.5, "about 1 in 2"),
        (0.66, "about 2 in 3"),
        (0.012, "about 1 in 100"),
        (0.003, "less than 1 in 100"),
        (0.999, "more than 99 in 100"),
    ],
)
def test_chances(probability: float, words: str) -> None:
    assert say.chances(probability) == words


def test_chances_lie_near_the_probability() -> None:
    for percent in range(2, 99):
        top, bottom = (int(word) for word in say.chances(percent / 100).removeprefix("about ").split(" in "))
        assert abs(top / bottom - percent / 100) <= 0.051


def test_interval_names_the_sign_once() -> None:
    assert say.interval(0.051, 0.357) == f"5 to 36{SPACE}%"
    assert say.interval(0.001, 0.012) == f"under 1 to 1{SPACE}%"
    assert say.interval(0.001, 0.002) == f"under 1{SPACE}%"


def test_days_counts_and_lists() -> None:
    assert say.day("2026-06-28") == "28 June 2026"
    assert say.day(None) == "–"
    assert [say.count(n, "round") for n in (0, 1, 2, 14)] == ["no rounds", "one round", "two rounds", "14 rounds"]
    assert [say.join(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["none", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (-0.123, "−0.12"),
        (12345.6, "12,000"),
        (1.0, "1.0"),
        (0.00345, "0.0034"),
        (None, "–"),
        (99.6, "100"),
        (float("inf"), "–"),
    ],
)
def test_number(value: float | None, words: str) -> None:
    assert say.number(value) == words


def test_signed_observed_and_general() -> None:
    assert (say.signed(0.5), say.signed(-0.5), say.signed(0.0)) == ("+0.50", "−0.50", "0")
    assert [say.hundredths(x) for x in (0.344, -0.0067, -0.001, None)] == ["+0.34", "−0.01", "0.00", "–"]
    assert say.observed_value(12345.4, "persons a week") == "12,345 persons a week"
    assert say.observed_value(-7.512, "%") == "−7.51 %"
    assert (say.general(812.0), say.general(1.00413), say.general(None)) == ("812", "1.004", "undefined")


def test_headline_sentences(summary: dict[str, Any]) -> None:
    row = say.forecast_of(summary, "round", "mixture", 13)
    assert row is not None
    text = say.answer(summary, row)
    assert text.startswith("About 1 in 6: on what was known on 30 March 2031")
    assert f"by 29 June 2031 (13 weeks) is 17{SPACE}%" in text
    assert f"6 to 35{SPACE}%" in text
    assert f"gives 23{SPACE}%" in say.why(row)
    assert f"comes out at 21{SPACE}%, and the factors lower it (× 0.82): × 0.80 as they have been in this war on average, × 1.0" in say.why(
        row
    )
    assert say.why(row | {"usual_multiplier": None}).endswith("and the factors lower it (× 0.82).")
    assert "raise it (× 1.4)" in say.why(row | {"inside_multiplier": 1.4})
    assert "about where it was" in say.why(row | {"inside_multiplier": 1.02})
    assert "talks have been dormant and which meetings are announced" in say.why(row | {"inside_multiplier": None})


def test_how_far_to_trust_it_is_told_from_what_is_stored(summary: dict[str, Any]) -> None:
    row = say.forecast_of(summary, "round", "mixture", 13)
    assert row is not None
    backtest = {
        "verdict": "In a backtest it did well.",
        "even_odds": "Always saying 50 % would have scored better.",
        "about": {"code_version": "other"},
    }
    counts = {"ahead": {"issued": 22, "resolved": 17}}
    assert say.trust(summary, row, counts, backtest) == [
        "Tried on past weeks with what was known by then: in a backtest it did well. Another version of the model was tested.",
        "Of 22 forecasts issued ahead of time 17 can be held against what came so far.",
        f"The model is unsure of its own number: nine in ten times the chance would be 6 to 35{SPACE}%.",
        "Always saying 50 % would have scored better. Brier: how far from what came, lower is better; origins: days from which was forecast.",
        "Of two published series that feed it 1 was overdue on the day of the forecast: their last values stand in.",
    ]
    assert "No forecast has been issued ahead of time so far" in say.trust(summary, row, {"ahead": {"issued": 0, "resolved": 0}}, None)[0]
    assert len(say.trust(summary, row, None, None)) == 2


def test_change_since_the_last_forecast(summary: dict[str, Any]) -> None:
    row = say.forecast_of(summary, "round", "mixture", 13)
    assert row is not None
    assert "first forecast" in say.change(summary, row)
    before = {"run_id": "x", "origin": "2031-03-02", "horizon_weeks": 13, "probability": 0.14, "target_end_date": "2031-06-01"}
    text = say.change(summary | {"previous": before}, row)
    assert text.startswith(f"Up three points from 14{SPACE}% in the forecast of 2 March 2031, which ran to 1 June 2031")
    same = before | {"probability": 0.171, "target_end_date": row["target_end_date"]}
    assert say.change(summary | {"previous": same}, row) == f"Unchanged from 17{SPACE}% in the forecast of 2 March 2031."
    hardly = say.change(summary | {"previous": same | {"probability": 0.164}}, row | {"probability": 0.166})
    assert hardly == f"Now 16.6{SPACE}%, less than half a point from 16.4{SPACE}% in the forecast of 2 March 2031."
    again = say.change(summary | {"previous": same | {"origin": summary["origin"]}}, row)
    assert again == f"Unchanged from 17{SPACE}% in an earlier forecast as of the same day."


def test_state_of_talks(summary: dict[str, Any]) -> None:
    assert "Talks are dormant: the last round on record was on 20 November 2030, 18 weeks back" in say.state_of_talks(summary)
    awake = summary | {"dormancy": summary["dormancy"] | {"active": True}}
    assert "Talks are active" in say.state_of_talks(awake)


def test_clusters_part_where_talks_were_dormant() -> None:
    groups = say.clusters(["2030-11-20", "2030-04-02", "2030-04-20"], apart=8)
    assert [len(group) for group in groups] == [2, 1]


def test_limits_speak_of_this_run(summary: dict[str, Any]) -> None:
    limits = dict(say.limits(summary))
    assert "Three rounds on record fall into two clusters, beginning in April 2030 and November 2030" in limits["Few events"]
    assert f"moved 2 noticeably. The other 4 (67{SPACE}%)" in limits["Judgement leads"]
    assert limits["Factors nobody measures"].startswith("Trust:")
    assert limits["Slow trends"].startswith("Supply:") and "What adds up" not in limits
    adds_up = dict(say.limits(summary | {"factors": [one | {"reads": "cumulative"} for one in summary["factors"]]}))
    assert adds_up["What adds up"].startswith("Supply:") and "Slow trends" not in adds_up
    assert "Coal" in limits["Late data"]
    assert "Contacts are a sample" not in limits  # this war has no indicator of contacts


def test_whether_the_forms_agree_is_computed(summary: dict[str, Any]) -> None:
    row = say.forecast_of(summary, "round", "mixture", 13)
    assert row is not None
    told = f"where all conditions are needed the chance is 17.4{SPACE}%, where causes add up 20.9{SPACE}%"
    assert say.forms(summary, row) == f"The forms disagree: {told}, 3.5 points higher; Monte Carlo error is 0.3 points."
    close = [
        one | ({"probability": 0.1785} if (one["source"], one["question"], one["horizon_weeks"]) == ("substitutable", "round", 13) else {})
        for one in summary["forecasts"]
    ]
    text = say.forms(summary | {"forecasts": close}, row)
    assert text.startswith("The forms agree: ") and f"17.8{SPACE}%, no further apart than Monte Carlo error (0.3 points)" in text
    near = [one | ({"probability": 0.1825} if (one["source"], one["horizon_weeks"]) == ("substitutable", 13) else {}) for one in close]
    assert "agree to within a point" in say.forms(summary | {"forecasts": near}, row)
    failed = summary | {"forecasts": [one for one in summary["forecasts"] if one["source"] != "substitutable"]}
    assert say.forms(failed, row) == ""


def test_the_weights_of_forms_and_readings_are_told(summary: dict[str, Any]) -> None:
    assert say.mixing(summary) == (
        f"The headline gives 75{SPACE}% to “all conditions needed” and 25{SPACE}% to “causes add up”, and in each form "
        f"50{SPACE}% to the essay as written and 50{SPACE}% to the essay tempered by published findings; these weights were fixed before anything was scored."
    )
    third = dict.fromkeys(("conjunctive_as_written", "conjunctive_tempered", "conjunctive_other_wars", "substitutable_as_written"), 0.2)
    told = say.mixing(summary | {"mixture": {"weights": third | {"substitutable_tempered": 0.1, "substitutable_other_wars": 0.1}}})
    assert f"40{SPACE}% to the essay as written, 30{SPACE}% to the essay tempered by published findings" in told
    assert f"and 30{SPACE}% to the essay tempered by other wars; these" in told
