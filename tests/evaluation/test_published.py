"""What the page may say of the tables: claims only where they are made, and nothing where there is no table."""

from __future__ import annotations

from pathlib import Path

import pytest

from ripeness.evaluation import published

CELLS = {
    "forecaster": "mixture",
    "population": "all",
    "weeks": "208",
    "rounds": "6",
    "resumptions": "2",
    "lowest": "-0.5",
    "highest": "1.5",
    "threshold": "0.9",
    "power": "0.19",
    "best_week": "2025-05-18",
    "best_week_gain": "0.3",
    "best_week_probability": "0.004601",
    "best_week_reference": "0.0033",
}


def write_skill(folder: Path, skill: float, claimed: str, **other: str) -> None:
    row = CELLS | {"skill": str(skill), "claimed": claimed} | other
    dormant = row | {"population": "dormant", "skill": "9", "claimed": "yes"}
    (folder / published.SKILL).write_text("\n".join(",".join(cells) for cells in (row, dormant.values(), row.values())) + "\n", "utf-8")


def write_lengths(folder: Path, power: float) -> None:
    rows = f"records,resumptions,power\n1,2,0.19\n9,18,{power}\n"
    (folder / published.SKILL_POWER).write_text(rows, "utf-8")


def test_no_table_no_sentence(tmp_path: Path) -> None:
    assert published.all_sentences(tmp_path, 13) == []


@pytest.mark.parametrize(
    ("skill", "claimed", "words", "beats"),
    [
        (-0.4, "no", "does not beat the outside view: over 208 weeks with 2 resumptions", False),
        (0.4, "no", "does not beat the outside view by more than luck", False),
        (1.0, "no", "does better than the outside view, but the claim hangs on one week", False),
        (1.2, "yes", "the model beats the outside view", True),
    ],
)
def test_the_first_sentence_is_the_truth(tmp_path: Path, skill: float, claimed: str, words: str, beats: bool) -> None:
    write_skill(tmp_path, skill, claimed)
    sentences = str(published.skill_sentence(tmp_path))
    assert words in sentences and f"{skill:+.2f} (leaving out one cluster of rounds at a time: -0.50 to +1.50)" in sentences
    assert ("the model beats the outside view:" in sentences) is beats


def test_the_week_that_most_is_owed_to_is_named(tmp_path: Path) -> None:
    write_skill(tmp_path, 1.0, "no")
    assert str(published.best_week_sentence(tmp_path)) == (
        "+0.30 of it (30 %) comes from one week, that to 18 May 2025, for which the model gave a round 0.46 % and the outside view 0.33 %; without it "
        "+0.70 is left."
    )
    assert "30 % of that is one week: it is not shown" in str(published.verdict_sentence(tmp_path))
    write_skill(tmp_path, -0.1, "no")
    assert published.best_week_sentence(tmp_path) is None


@pytest.mark.parametrize(
    ("claimed", "verdict"), [("no", "no reading is shown to score better than it"), ("yes", "better tempered by other wars")]
)
def test_readings_are_held_against_the_essay_as_written(tmp_path: Path, claimed: str, verdict: str) -> None:
    write_skill(tmp_path, 1.0, "no")
    assert published.readings_sentence(tmp_path) is None
    row = CELLS | {"skill": "0.2", "claimed": claimed, "forecaster": "other_wars", "reference": "as_written"}
    (tmp_path / published.SKILL).write_text("\n".join(",".join(cells) for cells in (row, row.values())) + "\n", "utf-8")
    assert published.readings_sentence(tmp_path) == (
        "Over the essay as written the weekly log probability sums to +0.20 tempered by other wars (leaving out one cluster of rounds at a time: "
        f"-0.50 to +1.50), where luck exceeds +0.90 in 5 %: {verdict}."
    )


def test_power_and_what_it_would_take_are_reported(tmp_path: Path) -> None:
    write_skill(tmp_path, 0.4, "no")
    words = (
        "Were its weekly forecasts right as they were made, its skill would exceed that mark in 19 % of records: so little do they differ from the outside "
        "view's"
    )
    assert published.power_sentence(tmp_path) == f"{words}."
    write_lengths(tmp_path, 0.81)
    assert published.power_sentence(tmp_path) == f"{words}; for four in five it would take a record 9 times as long (18 resumptions)."
    write_lengths(tmp_path, 0.6)
    assert published.power_sentence(tmp_path) == f"{words}; for four in five a record 9 times as long would not be enough."


def test_horizons_at_which_even_odds_score_better_are_said(tmp_path: Path) -> None:
    rows = [("mixture", "all", 13, 0.13), ("mixture", "dormant", 26, 0.3), ("outside", "all", 26, 0.26), ("outside", "all", 52, 0.31)]
    for brier, words in (
        (0.249, None),
        (0.275, "than the model at 52 weeks (Brier 0.275, over 40 origins that overlap; so did the outside view, 0.310)"),
    ):
        table = [f"{name},{population},{weeks},40,{value}" for name, population, weeks, value in (*rows, ("mixture", "all", 52, brier))]
        (tmp_path / published.SCORES).write_text("\n".join(["forecaster,population,horizon_weeks,n,brier", *table]) + "\n", "utf-8")
        found = published.even_odds_sentence(tmp_path)
        assert found is None if words is None else found == f"Always saying 50 % would have scored better (Brier 0.250) {words}."


def test_leave_future_out_has_no_error_of_normal_theory(tmp_path: Path) -> None:
    table = "fit,difference_to_outside,without_best_block,blocks_better,stacking_weight,blocks\nconjunctive_tempered,0.584,0.4045,35,1,52\noutside,0,0,0,0,52\n"
    (tmp_path / published.LFO).write_text(table, "utf-8")
    found = str(published.lfo_sentence(tmp_path))
    assert "all conditions needed, tempered +0.58 (+0.40 without its best block, better in 35)" in found
    assert "±" not in found and "No standard error is given" in found


def test_failures_of_simulated_wars_are_counted() -> None:
    rows = [{"model": "right", "failed": failed} for failed in ("", "divergences", "rhat; divergences", "")] + [
        {"model": "wrong", "failed": "rhat"}
    ]
    assert published.count_failures(rows, "right") == {"simulations": 4, "failed": 2, "divergences": 2, "rhat": 1}


def test_reading_the_tables_needs_nothing_heavy() -> None:
    import subprocess
    import sys

    code = "import sys, ripeness.evaluation.published; print({'pymc', 'pytensor', 'nutpie', 'preliz', 'numba', 'pandas'} & set(sys.modules) or '')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
