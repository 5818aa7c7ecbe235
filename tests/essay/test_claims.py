"""The essay's card and claims: what is read, what is refused and where, what is covered, and how a copy of the text is verified."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from rich.console import Console

from ripeness.cli.inputs import print_claims, print_verification
from ripeness.errors import ContentError, Fault
from ripeness.essay import (
    Claims,
    Effect,
    coverage_by_condition,
    coverage_by_factor,
    coverage_by_paragraph,
    effects_of,
    read_claims,
    verify_essay,
)
from ripeness.workspace import Workspace, read_workspace

WORKSPACE = """
schema = 1
title = "Will the two valleys talk?"
[question]
id = "round"
text = "Will the valleys hold a round?"
parties = ["Upper valley", "Lower valley"]
war_began = 2020-01-01
horizons_weeks = [4]
headline_weeks = 4
definition = "A meeting of both councils."
void = "If a valley is no more."
[[condition]]
id = "upper_willing"
label = "Upper valley is willing"
[[condition]]
id = "lower_willing"
label = "Lower valley is willing"
[[factor]]
id = "flood"
label = "The flood"
plus = "the water runs down"
losing_when_plus = "lower_willing"
losing_when_minus = "upper_willing"
[[factor]]
id = "harvest"
label = "The harvest"
plus = "barns are full"
effects = { upper_willing = "-" }
"""

TEXT = """The Two Valleys
- A. Writer

Why they are silent

Full barns keep the upper valley proud,  and no one’s talking. A flood could
force the lower valley to the ford.
It is a fine river.
""".replace("could\n", "could ").encode()

CARD = f"""schema = 1
title = "The Two Valleys"
author = "A. Writer"
date = 2021-05-01
sha256 = "{sha256(TEXT).hexdigest()}"
front_lines = 2
paragraphs = 3
"""

CLAIMS = """schema = 1
[[aside]]
paragraph = 1
locator = "Why they are silent"
why = "heading"
note = "section heading"

[[claim]]
id = "barns-make-proud"
paragraph = 2
locator = "Full barns keep"
paraphrase = "With enough to eat the upper council need not bargain."
mechanism = "economic"
about = "effect"
factor = "harvest"
condition = "upper_willing"
direction = "-"
strength = "asserted"

[[claim]]
id = "flood-forces-lower"
paragraph = 2
locator = "force the lower valley"
paraphrase = "Water in the streets brings the lower council to bargain."
mechanism = "military"
about = "effect"
factor = "flood"
condition = "lower_willing"
role = "losing"
direction = "+"
strength = "could"

[[claim]]
id = "nobody-talks"
paragraph = 2
locator = "no one’s talking"
paraphrase = "The upper council does not wish to meet."
mechanism = "stalemate"
about = "state"
condition = "upper_willing"
state = "low"
direction = "-"
strength = "asserted"

[[aside]]
paragraph = 3
locator = "a fine river"
why = "value_judgement"
note = "on the river"
"""


def make_workspace(root: Path, claims: str = CLAIMS, card: str = CARD) -> Workspace:
    (root / "seeds").mkdir()
    (root / "ripeness.toml").write_text(WORKSPACE, encoding="utf-8")
    (root / "seeds" / "essay.toml").write_text(card, encoding="utf-8")
    (root / "seeds" / "claims.toml").write_text(claims, encoding="utf-8")
    return read_workspace(root)


def faults_of(root: Path, claims: str = CLAIMS, card: str = CARD) -> tuple[Fault, ...]:
    with pytest.raises(ContentError) as caught:
        read_claims(make_workspace(root, claims, card))
    return caught.value.faults


def line_of(text: str, part: str) -> int:
    assert text.count(part) == 1
    return text[: text.index(part)].count("\n") + 1


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path)


@pytest.fixture
def claims(workspace: Workspace) -> Claims:
    return read_claims(workspace)


def printed(show: object, *values: object) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    show(console, *values)  # type: ignore[operator]
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


# --- Reading ----------------------------------------------------------------------------------------------------------------------------


def test_reads_card_claims_and_asides_in_the_order_of_the_file(claims: Claims) -> None:
    assert claims.card.title == "The Two Valleys"
    assert list(claims.by_id) == ["barns-make-proud", "flood-forces-lower", "nobody-talks"]
    assert [aside.why for aside in claims.asides] == ["heading", "value_judgement"]


def test_an_entry_knows_its_line(claims: Claims) -> None:
    assert claims.line(claims.claims[1]) == line_of(CLAIMS, 'id = "flood-forces-lower"') - 1
    assert claims.line(claims.asides[1]) == line_of(CLAIMS, 'locator = "a fine river"') - 2


def test_a_claim_names_its_effect_and_a_state_none(claims: Claims) -> None:
    assert [claim.effect for claim in claims.claims] == [
        Effect("harvest", "upper_willing"),
        Effect("flood", "lower_willing", "losing"),
        None,
    ]
    assert [str(claim.effect) for claim in claims.claims[:2]] == ["harvest → upper_willing", "flood → lower_willing (losing)"]


def test_a_one_sided_factor_has_both_roles_on_both_sides(workspace: Workspace) -> None:
    assert set(effects_of(workspace.factors[0])) == {
        Effect("flood", side, role) for side in ("upper_willing", "lower_willing") for role in ("losing", "winning")
    }


BROKEN = {
    "unknown factor": ('factor = "harvest"', 'factor = "harvets"', "unknown factor 'harvets'", "did you mean 'harvest'?"),
    "unknown condition": (
        'condition = "lower_willing"',
        'condition = "lower_wiling"',
        "unknown condition 'lower_wiling'",
        "did you mean 'lower_willing'?",
    ),
    "unknown strength": ('strength = "could"', 'strength = "coud"', "strength = 'coud'", "did you mean 'could'?"),
    "unknown mechanism": ('mechanism = "economic"', 'mechanism = "econmic"', "mechanism = 'econmic'", "did you mean 'economic'?"),
    "unknown reason": ('why = "value_judgement"', 'why = "value_judgment"', "why = 'value_judgment'", "did you mean 'value_judgement'?"),
    "unknown key": ('role = "losing"', 'rolle = "losing"', "unknown key 'rolle'", "did you mean 'role'?"),
    "unknown direction": ('direction = "+"', 'direction = "up"', "direction = 'up'", "'+', '-' or 'both'"),
    "id not kebab-case": ('id = "nobody-talks"', 'id = "Nobody_talks"', "id = 'Nobody_talks'", "pattern"),
    "duplicate id": ('id = "nobody-talks"', 'id = "barns-make-proud"', "'barns-make-proud' a second time", "line 9 has it"),
    "locator too short": ('locator = "a fine river"', 'locator = "river"', "locator = 'river'", "3 to 8 words"),
    "locator too long": ('locator = "a fine river"', 'locator = "a b c d e f g h i"', "locator = 'a b c", "3 to 8 words"),
    "effect the workspace does not list": (
        'condition = "upper_willing"\ndirection',
        'condition = "lower_willing"\ndirection',
        "an effect of 'harvest' on 'lower_willing'",
        "'harvest' acts on upper_willing",
    ),
    "effect with a state": ('role = "losing"', 'role = "losing"\nstate = "low"', "effect with a state", "no state"),
    "state of a side with a role": ('state = "low"', 'state = "low"\nrole = "losing"', "state with a role", "no role"),
    "condition not met that favours talks": (
        'state = "low"\ndirection = "-"',
        'state = "low"\ndirection = "+"',
        "low, with direction +",
        "low with -",
    ),
}


@pytest.mark.parametrize(("sound", "broken", "found", "hint"), BROKEN.values(), ids=BROKEN.keys())
def test_a_fault_is_reported_with_its_line_and_a_hint(tmp_path: Path, sound: str, broken: str, found: str, hint: str) -> None:
    text = CLAIMS.replace(sound, broken)
    [fault] = faults_of(tmp_path, text)
    changed = next(number for number, (a, b) in enumerate(zip(CLAIMS.split("\n"), text.split("\n"), strict=False), start=1) if a != b)
    assert fault.path == Path("seeds/claims.toml")
    assert fault.line == changed
    assert found in fault.found
    assert hint in f"{fault.expected} {fault.mend}"


@pytest.mark.parametrize(
    ("removed", "found"),
    [
        ('role = "losing"\n', "one-sided factor 'flood' without a role"),
        ('factor = "harvest"\n', "effect without a factor"),
        ('condition = "lower_willing"\n', "effect without a condition"),
        ('state = "low"\n', "state without one"),
        ('strength = "could"\n', "no 'strength'"),
    ],
)
def test_what_is_missing_is_reported_in_its_claim(tmp_path: Path, removed: str, found: str) -> None:
    gone = line_of(CLAIMS, removed)
    [fault] = faults_of(tmp_path, CLAIMS.replace(removed, ""))
    first = max(number for number, line in enumerate(CLAIMS.split("\n")[: gone - 1], start=1) if line == "[[claim]]")
    assert found in fault.found
    assert fault.line is not None
    assert first <= fault.line < first + 11


def test_a_role_needs_a_one_sided_factor(tmp_path: Path) -> None:
    [fault] = faults_of(tmp_path, CLAIMS.replace('factor = "harvest"', 'factor = "harvest"\nrole = "losing"'))
    assert "'harvest' is not one-sided" in fault.found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (('condition = "upper_willing"\nstate', "state"), "neither a factor nor a condition"),
        (('condition = "upper_willing"\nstate', 'condition = "upper_willing"\nfactor = "harvest"\nstate'), "both a factor and a condition"),
    ],
)
def test_a_state_is_of_one_factor_or_of_one_condition(tmp_path: Path, change: tuple[str, str], found: str) -> None:
    [fault] = faults_of(tmp_path, CLAIMS.replace(*change))
    assert found in fault.found


@pytest.mark.parametrize("number", [0, 4])
def test_a_paragraph_outside_the_card_is_refused(tmp_path: Path, number: int) -> None:
    text = CLAIMS + f'\n[[aside]]\nparagraph = {number}\nlocator = "words of no paragraph"\nwhy = "framing"\nnote = "astray"\n'
    [fault] = faults_of(tmp_path, text)
    assert fault.line == line_of(text, f"paragraph = {number}")
    assert fault.expected.startswith("1 to 3")


def test_a_paragraph_without_an_entry_is_refused(tmp_path: Path) -> None:
    [fault] = faults_of(tmp_path, card=CARD.replace("paragraphs = 3", "paragraphs = 4"))
    assert (fault.path, fault.found) == (Path("seeds/claims.toml"), "nothing on paragraph 4")


def test_all_faults_of_both_files_are_reported_at_once_in_order(tmp_path: Path) -> None:
    text = CLAIMS.replace('factor = "harvest"', 'factor = "harvets"').replace("could", "coud").replace('"a fine river"', '"river"')
    faults = faults_of(tmp_path, text, CARD.replace("author", "auther"))
    assert [fault.path.name for fault in faults] == ["essay.toml"] * 2 + ["claims.toml"] * 3
    lines = [fault.line or 0 for fault in faults[2:]]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("sound", "broken", "found"),
    [
        ("schema = 1", "schema = 2", "schema"),
        ("paragraphs = 3", "paragraphs = 0", "paragraphs = 0"),
        ("sha256 = ", "sha265 = ", "sha265"),
        ("2021-05-01", '"May"', "date = 'May'"),
    ],
)
def test_a_faulty_card_is_refused_with_its_line(tmp_path: Path, sound: str, broken: str, found: str) -> None:
    faults = faults_of(tmp_path, card=CARD.replace(sound, broken))
    [fault] = [fault for fault in faults if found in fault.found]
    assert (fault.path, fault.line) == (Path("seeds/essay.toml"), line_of(CARD, sound))


def test_files_that_are_missing_or_no_toml_are_reported(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, claims="schema = 1\n[[claim]\n")
    (workspace.seeds / "essay.toml").unlink()
    with pytest.raises(ContentError) as caught:
        read_claims(workspace)
    assert [(fault.path.name, fault.line) for fault in caught.value.faults] == [("essay.toml", None), ("claims.toml", 2)]


# --- Coverage ---------------------------------------------------------------------------------------------------------------------------


def test_coverage_by_factor_names_the_claims_and_the_silent_effects(claims: Claims, workspace: Workspace) -> None:
    flood, harvest = coverage_by_factor(claims, workspace)
    assert flood.effects == ("flood-forces-lower",)
    assert [str(effect) for effect in flood.silent] == [
        "flood → lower_willing (winning)",
        "flood → upper_willing (losing)",
        "flood → upper_willing (winning)",
    ]
    assert (harvest.effects, harvest.states, harvest.silent) == (("barns-make-proud",), (), ())


def test_coverage_by_condition_takes_effects_on_it_and_states_of_it(claims: Claims, workspace: Workspace) -> None:
    upper, lower = coverage_by_condition(claims, workspace)
    assert (upper.effects, upper.states) == (("barns-make-proud",), ("nobody-talks",))
    assert (lower.effects, lower.states) == (("flood-forces-lower",), ())
    assert {effect.condition for effect in lower.silent} == {"lower_willing"}


def test_coverage_by_paragraph_lists_every_paragraph(claims: Claims) -> None:
    rows = coverage_by_paragraph(claims)
    assert [row.paragraph for row in rows] == [1, 2, 3]
    assert [len(row.claims) for row in rows] == [0, 3, 0]
    assert [row.asides for row in rows] == [("heading",), (), ("value_judgement",)]


def test_page_of_claims_says_counts_and_silence(claims: Claims, workspace: Workspace) -> None:
    text = printed(print_claims, claims, workspace, {})
    assert "Other wars" not in text
    assert "3 claims (2 on effects, 1 on states) and 2 asides account for all 3 paragraphs." in text
    assert "A. Writer, 1 May 2021" in text
    assert "silent on 3 effects of ripeness.toml: flood → lower_willing (winning)" in text
    assert "flood-forces-lower (could)" in text


def test_page_of_claims_says_which_have_a_mechanism_in_other_wars(claims: Claims, workspace: Workspace) -> None:
    third = replace(workspace, mixture=workspace.mixture.model_copy(update={"other_wars": 0.2}))
    text = printed(print_claims, claims, third, {"flood-forces-lower": "floods"})
    assert "Other wars have a mechanism for 1 of the 2 claims on effects; none for: barns-make-proud." in text
    both = printed(print_claims, claims, third, {"flood-forces-lower": "floods", "barns-make-proud": "harvests"})
    assert "Other wars have a mechanism for 2 of the 2 claims on effects." in both


# --- Verifying a copy -------------------------------------------------------------------------------------------------------------------


def test_a_true_copy_has_no_miss(claims: Claims) -> None:
    assert verify_essay(claims, TEXT) == []
    assert "agrees: its hash, its 3 paragraphs and all 5 locators" in printed(print_verification, claims, [])


def test_another_copy_misses_the_hash_only_if_all_locators_stand(claims: Claims) -> None:
    [miss] = verify_essay(claims, TEXT.replace(b"\n", b"\r\n"))
    assert miss.entry == "essay.toml: sha256"
    assert miss.expected == sha256(TEXT).hexdigest()


def misses_of_text(claims: Claims, text: bytes) -> list[str]:
    card = claims.card.model_copy(update={"sha256": sha256(text).hexdigest()})
    return [str(miss) for miss in verify_essay(replace(claims, card=card), text)]


def test_a_locator_that_stands_elsewhere_says_where(claims: Claims) -> None:
    text = TEXT.replace(b"Full barns keep", b"Empty barns make").replace(b"fine river.", b"fine river. Full barns keep it low.")
    [miss] = misses_of_text(claims, text)
    assert miss.startswith(f"barns-make-proud (line {line_of(CLAIMS, 'barns-make-proud') - 1}): found it in paragraph 3;")


def test_a_locator_that_stands_nowhere_is_reported(claims: Claims) -> None:
    [miss] = misses_of_text(claims, TEXT.replace(b"a fine river", b"a wide river"))
    assert miss.startswith("aside (line ")
    assert "found it in no paragraph; expected “a fine river” in paragraph 3" in miss


def test_a_locator_is_matched_by_whole_words(claims: Claims) -> None:
    [miss] = misses_of_text(claims, TEXT.replace(b"a fine river", b"a fine riverbed"))
    assert "in no paragraph" in miss


def test_the_error_of_a_locator_with_other_quotation_marks_says_so(claims: Claims) -> None:
    [miss] = misses_of_text(claims, TEXT.replace("’".encode(), b"'"))
    assert "other quotation marks, dashes or capitals in paragraph 2" in miss


def test_another_number_of_paragraphs_is_reported(claims: Claims) -> None:
    [miss] = misses_of_text(claims, TEXT + b"One line more.\n")
    assert "found 4 non-empty lines after the first 2; expected 3" in miss


def test_a_copy_that_is_not_utf8_is_reported_without_looking_further(claims: Claims) -> None:
    assert [miss.entry for miss in verify_essay(claims, TEXT.decode().encode("cp1252"))] == ["essay.toml: sha256", "text"]


def test_page_of_misses_prints_each_in_one_line_and_counts(claims: Claims) -> None:
    misses = verify_essay(claims, TEXT.replace(b"a fine river", b"a [b]wide[/b] river"))
    text = printed(print_verification, claims, misses)
    assert text.splitlines() == [*map(str, misses), "The copy does not agree with the claims: 2 differences."]


def test_claims_load_no_sampler() -> None:
    heavy = ("pymc", "pytensor", "nutpie", "preliz", "pandas")
    code = f"import sys, ripeness.essay, ripeness.cli.inputs; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
