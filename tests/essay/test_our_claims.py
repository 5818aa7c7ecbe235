"""The claims of this repository: what they speak of, where the essay is known to be silent, and that the locators stand in its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from ripeness.essay import STRENGTHS, Claims, coverage_by_condition, coverage_by_factor, read_claims, verify_essay
from ripeness.workspace import Workspace, read_workspace

ROOT = Path(__file__).resolve().parents[2]
ESSAY = ROOT.parent / "shared" / "seeds" / "essay.txt"


@pytest.fixture(scope="module")
def ours() -> tuple[Claims, Workspace]:
    workspace = read_workspace(ROOT)
    return read_claims(workspace), workspace


def test_our_claims_speak_of_every_factor_and_condition(ours: tuple[Claims, Workspace]) -> None:
    for row in (*coverage_by_factor(*ours), *coverage_by_condition(*ours)):
        assert row.effects, row.id


def test_our_essay_is_silent_only_where_known(ours: tuple[Claims, Workspace]) -> None:
    silent = {str(effect) for row in coverage_by_factor(*ours) for effect in row.silent}
    assert silent == {
        "us_support → moscow_willing",
        "european_support → moscow_willing",
        "guarantees → kyiv_willing",
        "momentum → kyiv_willing (winning)",
        "momentum → moscow_willing (winning)",
    }


def test_our_claims_use_every_strength_word(ours: tuple[Claims, Workspace]) -> None:
    assert {claim.strength for claim in ours[0].claims} == set(STRENGTHS)


def test_our_claims_keep_what_pulls_the_other_way(ours: tuple[Claims, Workspace]) -> None:
    contrary = {
        "oil-income-relieves-moscow",
        "congress-backs-kyiv",
        "europe-makes-up-for-washington",
        "russia-cannot-ruin-ukraine",
        "dissent-suppressed",
        "ukrainians-united",
        "front-line-static",
    }
    assert contrary <= {claim.id for claim in ours[0].claims if claim.direction == "-"}


def test_our_locators_stand_in_the_essay(ours: tuple[Claims, Workspace]) -> None:
    if not ESSAY.is_file():
        pytest.skip("no copy of the essay beside the repository: its text is not distributed")
    text = ESSAY.read_bytes()
    assert verify_essay(ours[0], text) == []
    for claim in ours[0].claims:  # the paraphrases are ours: no run of six words is the essay's
        words = claim.paraphrase.split()
        for start in range(len(words) - 5):
            assert " ".join(words[start : start + 6]) not in " ".join(text.decode().split())
