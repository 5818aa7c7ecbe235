"""ripeness.toml: what is read, and what is refused on which line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from small_workspace import HEADLINE_FITS

from ripeness import names
from ripeness.errors import ContentError, UsageError
from ripeness.workspace import find_workspace, read_workspace

ROOT = Path(__file__).resolve().parents[2]

SOUND = """\
schema = 1
title = "Will the valleys talk?"
[question]
id = "round"
text = "Will the valleys hold a round?"
definition = "A meeting of both councils."
void = "If a valley is no more."
parties = ["Upper", "Lower"]
war_began = 2024-01-01
horizons_weeks = [4, 13]
headline_weeks = 4
[paths]
data = "figures"
[[condition]]
id = "upper"
label = "Upper is willing"
[[condition]]
id = "lower"
label = "Lower is willing"
[[factor]]
id = "flood"
label = "The flood"
plus = "the water runs down"
tails = "shocks"
losing_when_plus = "lower"
losing_when_minus = "upper"
[[factor]]
id = "harvest"
label = "The harvest"
plus = "barns are full"
level = true
effects = { upper = "-", lower = "both" }
pulse = 2024-03-01
"""


def write(folder: Path, text: str = SOUND) -> Path:
    (folder / "ripeness.toml").write_text(text)
    return folder


def faults_of(folder: Path, text: str) -> dict[int | None, str]:
    with pytest.raises(ContentError) as caught:
        read_workspace(write(folder, text))
    assert {fault.path for fault in caught.value.faults} == {Path("ripeness.toml")}
    return {fault.line: str(fault) for fault in caught.value.faults}


def test_a_sound_workspace(tmp_path: Path) -> None:
    workspace = read_workspace(write(tmp_path))
    assert workspace.factor_ids == ["flood", "harvest"]
    assert workspace.condition_ids == ["upper", "lower"]
    flood, harvest = workspace.factors
    assert flood.one_sided
    assert not harvest.one_sided
    assert harvest.pulse == date(2024, 3, 1)
    assert harvest.level
    assert workspace.data == tmp_path / "figures"
    assert workspace.priors == tmp_path / "priors"
    assert workspace.shown(tmp_path / "figures" / "a.csv") == Path("figures/a.csv")
    assert workspace.shown(Path("/elsewhere/a.csv")) == Path("/elsewhere/a.csv")
    assert workspace.fit.chains == 4


def test_the_workspace_is_found_from_a_folder_below(tmp_path: Path) -> None:
    deep = write(tmp_path) / "a" / "b"
    deep.mkdir(parents=True)
    assert find_workspace(deep) == tmp_path.resolve()


def test_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--workspace"):
        find_workspace(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        read_workspace(tmp_path / "none")
    with pytest.raises(ContentError, match="no such file"):
        read_workspace(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('losing_when_plus = "lower"', 'losing_when_plus = "lowe"', 20, "did you mean 'lower'"),
        ('upper = "-", lower', 'uper = "-", lower', 27, "did you mean 'upper'"),
        ('id = "harvest"', 'id = "flood"', 27, "a second time"),
        ('id = "lower"', 'id = "upper"', 17, "a second time"),
        ('losing_when_minus = "upper"', "", 20, "together, or neither"),
        ('effects = { upper = "-", lower = "both" }', "", 27, "effects on at least one condition"),
        ("level = true", 'reads = "cumulative"', 27, "level = true"),
        ('losing_when_minus = "upper"', 'losing_when_minus = "upper"\neffects = { upper = "+" }', 20, "not both"),
        ('lower = "both"', 'lower = "neither"', 32, "neither"),
        ('tails = "shocks"', 'tails = "fat"', 24, "fat"),
        ("level = true", "levle = true", 31, "did you mean 'level'"),
        ("schema = 1", "schema = 2", 1, "schema"),
        ("headline_weeks = 4", "headline_weeks = 5", 3, "one of horizons_weeks"),
        ('id = "flood"', 'id = "Flood"', 21, "Flood"),
    ],
)
def test_each_fault_is_named_at_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in SOUND
    faults = faults_of(tmp_path, SOUND.replace(old, new, 1))
    assert line in faults, faults
    assert message in faults[line]


BRIDGE = """\
[[bridge]]
id = "dam_2024"
label = "Talks by the end of June"
text = "Will they talk by 30 June 2024?"
venue = "Fair"
market = "fair:dam"
rung = "round"
by = 2024-06-30
rules = "A letter counts as well."
"""


def test_a_bridge_is_read_and_forecast_while_its_day_lies_ahead_and_within_the_horizons(tmp_path: Path) -> None:
    workspace = read_workspace(write(tmp_path, SOUND + BRIDGE))
    (bridge,) = workspace.bridges
    assert (bridge.rung, bridge.by, bridge.market) == ("round", date(2024, 6, 30), "fair:dam")
    assert workspace.bridges_after(date(2024, 3, 31)) == [bridge]  # 13 weeks
    assert workspace.bridges_after(date(2024, 6, 29)) == [bridge]
    assert workspace.bridges_after(date(2024, 3, 30)) == workspace.bridges_after(date(2024, 6, 30)) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('rung = "round"', 'rung = "ruond"', 40, "did you mean 'round'"),
        ("by = 2024-06-30", "by = 2023-12-31", 41, "2024-01-01 or later"),
        ("by = 2024-06-30", 'by = "soon"', 41, "bridge.0.by"),
        ('id = "dam_2024"', 'id = "round"', 34, "an id that no question and no rung has"),
        ('id = "dam_2024"', 'id = "sustained"', 34, "an id that no question and no rung has"),
        ('venue = "Fair"', 'venue = "Bazaar"', 39, "'bazaar:' at its head"),
        ('market = "fair:dam"', 'market = "dam"', 39, "bridge.0.market"),
        ("rules =", "rule =", 42, "did you mean 'rules'"),
        ('rung = "round"\n', "", 34, "no 'rung'"),
        ("[[bridge]]", BRIDGE + "[[bridge]]", 43, "a second time"),
    ],
)
def test_a_fault_of_a_bridge_is_named_at_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in BRIDGE
    faults = faults_of(tmp_path, SOUND + BRIDGE.replace(old, new, 1))
    assert line in faults, faults
    assert message in faults[line]


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    text = SOUND.replace('id = "lower"', 'id = "upper"').replace('id = "harvest"', 'id = "flood"')
    faults = faults_of(tmp_path, text)
    assert {17, 27} <= set(faults)


def test_the_workspace_of_this_repository_is_sound() -> None:
    workspace = read_workspace(ROOT)
    assert workspace.question.headline_weeks in workspace.question.horizons_weeks
    assert any(factor.one_sided for factor in workspace.factors)


RUNG = """
[[rung]]
id = "truce"
label = "Truce"
text = "Will there be a truce?"
definition = "A halt by both of them."
void = "If a valley is no more."
kinds = ["truce_agreed"]
conditions = ["upper"]
searched = [{ from = 2024-01-08, to = 2024-02-04, q05 = 0.5, q95 = 0.8 }, { from = 2024-02-05, q05 = 0.8, q95 = 0.9 }]
[[rung]]
id = "peace"
label = "Peace"
text = "Will there be peace?"
definition = "A ceasefire everywhere."
void = "If a valley is no more."
kinds = ["ceasefire"]
part_of = "truce"
"""
FIRST = len(SOUND.splitlines()) + 2  # the line of the first [[rung]]


def test_rungs_are_read_in_order(tmp_path: Path) -> None:
    workspace = read_workspace(write(tmp_path, SOUND + RUNG.replace('part_of = "truce"', 'part_of = "truce"\nhorizons_weeks = [1, 4]')))
    assert workspace.rung_ids == ["truce", "peace"]
    assert [rung.id for rung in workspace.rated_rungs] == ["truce"] and [rung.id for rung in workspace.nested_rungs] == ["peace"]
    assert workspace.rung_horizons == [1, 4, 13]
    assert workspace.rungs[0].searched[1].to is None


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('conditions = ["upper"]', 'conditions = ["uper"]', FIRST, "did you mean 'upper'"),
        ('part_of = "truce"', 'part_of = "truse"', FIRST + 9, "did you mean 'truce'"),
        ('id = "peace"', 'id = "truce"', FIRST + 9, "a second time"),
        ('id = "peace"', 'id = "sustained"', FIRST + 9, "an id that no other question has"),
        ('part_of = "truce"', 'part_of = "truce"\nhorizons_weeks = [4, 26]', FIRST + 17, "at most the question's longest, 13"),
        ('conditions = ["upper"]', 'conditions = ["upper"]\npart_of = "round"', FIRST, "one of 'conditions', 'part_of' and 'indicator'"),
        ('kinds = ["ceasefire"]', "", FIRST + 9, "'kinds' of events"),
        ("to = 2024-02-04, ", "", FIRST, "only the last without 'to'"),
        ("q05 = 0.5", "q05 = 0.9", FIRST + 8, "q05 below q95"),
    ],
)
def test_what_is_wrong_with_a_rung_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    found = faults_of(tmp_path, SOUND + RUNG.replace(old, new))
    assert message in found.get(line, ""), found


def test_the_mixture_weighs_every_fit_of_the_headline(tmp_path: Path) -> None:
    even = read_workspace(write(tmp_path)).mixture.weights
    assert even == dict.fromkeys(HEADLINE_FITS, 0.25)
    said = SOUND + '[mixture]\nsubstitutable = 0.2\ntempered = 0.4\nrationale = "by plain judgement"\n'
    found = read_workspace(write(tmp_path, said)).mixture
    assert found.weights == pytest.approx(dict(zip(HEADLINE_FITS, (0.48, 0.32, 0.12, 0.08), strict=True)))
    assert found.readings == pytest.approx({names.AS_WRITTEN: 0.6, names.TEMPERED: 0.4})


def test_effects_of_other_wars_make_a_third_reading(tmp_path: Path) -> None:
    (tmp_path / "priors").mkdir()
    (tmp_path / "priors" / "other_wars.csv").touch()
    three = (names.AS_WRITTEN, names.TEMPERED, names.OTHER_WARS)
    even = read_workspace(write(tmp_path))
    assert even.readings == three and even.mixture.weights == pytest.approx(dict.fromkeys(even.headline_fits, 1 / 6))
    said = SOUND + '[mixture]\nsubstitutable = 0.2\ntempered = 0.5\nother_wars = 0.2\nrationale = "by plain judgement"\n'
    workspace = read_workspace(write(tmp_path, said))
    assert workspace.mixture.readings == pytest.approx(dict(zip(three, (0.3, 0.5, 0.2), strict=True)))
    assert [name for name, _, _ in workspace.fits] == [*workspace.headline_fits, names.OUTSIDE]
    assert workspace.mixture.weights == pytest.approx(dict(zip(workspace.headline_fits, (0.24, 0.4, 0.16, 0.06, 0.1, 0.04), strict=True)))
    assert workspace.fits_of_form(names.SUBSTITUTABLE) == workspace.headline_fits[3:]


@pytest.mark.parametrize(
    ("there", "line", "message"),
    [
        (
            True,
            "tempered = 0.5",
            "line 34: found no weight of the reading of priors/other_wars.csv; expected a weight for each reading, fixed before anything is scored. "
            "To mend: write other_wars = its weight, with the reason, or remove the file.",
        ),
        (
            False,
            "other_wars = 0.4",
            "line 35: found other_wars = 0.4 and no priors/other_wars.csv; expected the file of its effects. To mend: add the file, or remove other_wars.",
        ),
        (True, "tempered = 0.7\nother_wars = 0.4", "tempered and other_wars that add up to at most 1"),
        (True, "other_wars = -0.1", "greater than or equal to 0"),
    ],
)
def test_a_third_reading_and_its_weight_go_together(tmp_path: Path, there: bool, line: str, message: str) -> None:
    (tmp_path / "priors").mkdir()
    if there:
        (tmp_path / "priors" / "other_wars.csv").touch()
    (found,) = faults_of(tmp_path, SOUND + f'[mixture]\n{line}\nrationale = "a judgement"\n').values()
    assert message in found


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("substitutable = 1.0", "less than 1"),  # the page says how far conditions are open, which only the other form knows
        ("tempered = 1.2", "less than or equal to 1"),
        ("additive = 0.5", "additive"),
    ],
)
def test_weights_that_cannot_be_are_refused(tmp_path: Path, line: str, words: str) -> None:
    number = SOUND.count("\n") + 3
    faults = faults_of(tmp_path, SOUND + f'[mixture]\nrationale = "a judgement"\n{line}\n')
    assert list(faults) == [number] and words in faults[number]


def test_weights_without_a_reason_are_refused(tmp_path: Path) -> None:
    (message,) = faults_of(tmp_path, SOUND + "[mixture]\nsubstitutable = 0.2\n").values()
    assert "rationale" in message
