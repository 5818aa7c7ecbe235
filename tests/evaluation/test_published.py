"""What the page may say of the tables: claims only where they are made, and nothing where there is no table."""

from __future__ import annotations

from pathlib import Path

import pytest

from ripeness.evaluation import published

HEAD = (
    "forecaster,population,weeks,rounds,resumptions,skill,lowest,highest,threshold,claimed,by_luck,power,resumptions_needed,more_needed\n"
)


def write_skill(folder: Path, skill: float, claimed: str, **other: str) -> None:
    cells = {
        "lowest": "-0.5",
        "highest": "1.5",
        "threshold": "0.9",
        "by_luck": "0.2",
        "power": "0.19",
        "needed": "18",
        "more": "16",
    } | other
    row = f"mixture,all,208,6,2,{skill},{cells['lowest']},{cells['highest']},{cells['threshold']},{claimed},{cells['by_luck']},{cells['power']},{cells['needed']},{cells['more']}\n"
    (folder / published.SKILL).write_text(HEAD + "mixture,dormant,1,1,1,9,,,,yes,,,,\n" + row, "utf-8")
    (folder / published.SKILL_POWER).write_text("resumptions,wars\n1,1500\n", "utf-8")


def test_no_table_no_sentence(tmp_path: Path) -> None:
    assert published.beats_outside_view(tmp_path) is None
    assert published.all_sentences(tmp_path, 13) == []


@pytest.mark.parametrize(
    ("skill", "claimed", "words", "beats"),
    [
        (-0.4, "no", "does not beat the outside view: over 208 weeks with 2 resumptions", False),
        (0.4, "no", "does not beat the outside view by more than luck", False),
        (1.2, "yes", "the model beats the outside view", True),
    ],
)
def test_the_first_sentence_is_the_truth(tmp_path: Path, skill: float, claimed: str, words: str, beats: bool) -> None:
    write_skill(tmp_path, skill, claimed)
    sentences = str(published.skill_sentence(tmp_path))
    assert words in sentences and f"{skill:+.2f} (leaving out one cluster of rounds at a time: -0.50 to +1.50)" in sentences
    assert published.beats_outside_view(tmp_path) is beats


def test_power_and_what_it_would_take_are_reported(tmp_path: Path) -> None:
    write_skill(tmp_path, 0.4, "no")
    assert str(published.power_sentence(tmp_path)) == (
        "In 1500 simulated wars with as many resumptions a perfect model would be told from luck, with false claims in at most 5 %, in 19 %; for four in five it would take "
        "16 more resumptions (18 in all)."
    )
    write_skill(tmp_path, 0.4, "no", needed="", more="")
    assert "no number of resumptions that was looked at would be enough" in str(published.power_sentence(tmp_path))


def test_reading_the_tables_needs_nothing_heavy() -> None:
    import subprocess
    import sys

    code = "import sys, ripeness.evaluation.published; print({'pymc', 'pytensor', 'nutpie', 'preliz', 'numba', 'pandas'} & set(sys.modules) or '')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
