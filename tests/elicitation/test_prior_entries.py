"""Reading priors/: what is accepted, and for everything wrong the file, the line and the way to mend it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ripeness.data.indicators import read_contracts
from ripeness.elicitation.entries import FILES, MAY_LACK, hash_priors, read_priors
from ripeness.errors import ContentError
from ripeness.essay import read_claims
from ripeness.workspace import read_workspace

ROOT = Path(__file__).parents[2]
FACTORS, LOADINGS, HAZARD = "priors/factors.toml", "priors/loadings.toml", "priors/hazard.toml"
CITATIONS, STRENGTH, READINGS, CLASS = "priors/citations.toml", "priors/strength.toml", "priors/readings.toml", "priors/reference_class.csv"


def test_small_workspace_is_read(make_workspace, read_files):
    files = read_files(make_workspace())
    assert files.entries["half_life.strain"].entry.asked == (4.0, 10.0, 25.0)
    assert files.entries["capture.clashes.early"].entry.family == "logitnormal"
    served = {"loading.wage": "loading.default", "noise.price": "noise.default", "dispersion.clashes": "dispersion.default"}
    served |= {f"factor_scale.{name}": "factor_scale.default" for name in ("strain", "front")}
    assert files.shared == served | {f"cause_weight.{name}": "cause_weight.default" for name in ("ost_ready", "west_ready")}
    assert {reading: list(own) for reading, own in files.overrides.items()} == {"tempered": ["share_open.ost_ready"], "other_wars": []}
    assert files.rhythm_weeks == (1, 8)
    assert (files.factor_tails, files.noise_tails, files.named_week_share) == (4, 4, 0.8)
    assert files.grades == {"A": 1.0, "B": 1.2, "C": 1.5}


BROKEN = [
    pytest.param(FACTORS, "q05 = 4.0", "q05 = 40.0", "q05 < q50 < q95", "q05 = 40.0", id="crossing quantiles"),
    pytest.param(FACTORS, "q05 = 4.0", "q05 = -4.0", "above 0", "q05 = -4.0", id="out of a lognormal's support"),
    pytest.param(LOADINGS, "q95 = 0.6", "q95 = 1.5", "below 1", "q95 = 1.5", id="out of a logitnormal's support"),
    pytest.param(HAZARD, 'on = "log"', 'on = "log"\nq05 = 0.9', "above 1", "q05 = 0.9", id="a ratio below 1 on the log"),
    pytest.param(FACTORS, '"lognormal"', '"lognorml"', "did you mean 'lognormal'", '"lognorml"', id="unknown family"),
    pytest.param(FACTORS, "q95 = 25.0", 'q95 = "many"', "valid number", '"many"', id="a word for a number"),
    pytest.param(FACTORS, "q95 = 25.0", "q95 = inf", "finite", "q95 = inf", id="an infinite quantile"),
    pytest.param(FACTORS, "q95 = 25.0", "q95 = 25.0\nq99 = 30.0", "unknown key 'q99'", "q99 = 30.0", id="unknown key"),
    pytest.param(FACTORS, 'quantity = "a made-up quantity"\n', "", "no 'quantity'", "[half_life.strain]", id="missing key"),
    pytest.param(FACTORS, "[half_life.strain]", "[half_life.stain]", "did you mean 'strain'", "[half_life.stain]", id="unknown factor"),
    pytest.param(FACTORS, "[half_life.front]", "[other.front]", "no [half_life.front]", "[half_life.strain]", id="missing half-life"),
    pytest.param(FACTORS, "[half_life.front]", "[other.front]", "unknown table [other]", "[other.front]", id="unknown table"),
    pytest.param(FACTORS, "[level.strain]", "[level.front]", "nothing uses", "[level.front]", id="a level that no factor has"),
    pytest.param(FACTORS, "df = 4", "df = 1", "greater than 2", "df = 1", id="tails without variance"),
    pytest.param(FACTORS, "schema = 1", "schema = 2", "schema = 1", "schema = 2", id="another schema"),
    pytest.param(FACTORS, "df = 4\n", 'df = 4\nclaims = ["strain-opns"]\n', "did you mean 'strain-opens'", "claims =", id="unknown claim"),
    pytest.param(
        FACTORS, "df = 4\n", 'df = 4\ncitations = ["smith2001"]\n', "did you mean 'smith2000'", "citations =", id="unknown citation"
    ),
    pytest.param(FACTORS, "[tails]", "[tails", "broken TOML", "[tails", id="broken TOML"),
    pytest.param(LOADINGS, "[intercept.wage]", "[intercept.price]", "nothing uses", "[intercept.price]", id="an intercept of a reference"),
    pytest.param(LOADINGS, "[noise.wage]", "[noise.clashes]", "nothing uses", "[noise.clashes]", id="noise of a count"),
    pytest.param(LOADINGS, "[capture.clashes.early]", "[capture.clashes.late]", "known: early", "[capture.clashes.late]", id="unknown era"),
    pytest.param(
        LOADINGS, "[capture.clashes.early]", "[capture.wage.early]", "an indicator with eras", "[capture.wage.early]", id="no eras"
    ),
    pytest.param(LOADINGS, "B = 1.2", "B = 0.2", "greater than or equal to 1", "B = 0.2", id="a grade that narrows"),
    pytest.param(HAZARD, "[kept.leaders]", "[kept.leader]", "did you mean 'leaders'", "[kept.leader]", id="unknown class of meetings"),
    pytest.param(
        HAZARD, "[share_open.west_ready]", "[share_open.east_ready]", "no [share_open.west_ready]", "[share_open.ost_ready]", id="condition"
    ),
    pytest.param(HAZARD, "[rhythm.week_8]", "[rhythm.week_9]", "nothing uses", "[rhythm.week_9]", id="rhythm beyond active talks"),
    pytest.param(HAZARD, "[war_level]", "[warlevel]", "no [war_level]", None, id="missing war level"),
    pytest.param(
        HAZARD, "[tempered.share_open.ost_ready]", "[tempered.kept.nobody]", "entry of this file", "[tempered.kept.nobody]", id="override"
    ),
    pytest.param(
        CITATIONS,
        "[smith2000]",
        '[brown1980]\nreference = "Brown, C. (1980). On."\n[smith2000]',
        "nothing cites",
        "[brown1980]",
        id="uncited",
    ),
    pytest.param(
        STRENGTH, 'read_as = "possibly"', 'read_as = "posibly"', "did you mean 'possibly'", '"posibly"', id="a word read as no word"
    ),
    pytest.param(
        STRENGTH, 'word = "might"', 'word = "shall"', "no probability for the word 'might'", None, id="a claim's word without number"
    ),
    pytest.param(STRENGTH, 'word = "might"', 'word = "shall"', "no claim of an effect uses", 'word = "shall"', id="a word nobody uses"),
    pytest.param(
        STRENGTH, "probability = 0.9", "probability = 1.0", "less than 1", "probability = 1.0", id="a word that leaves nothing to learn"
    ),
    pytest.param(
        READINGS,
        'factor = "front"',
        'factor = "frunt"',
        "did you mean 'front → losing side'",
        '[[effect]]\nfactor = "frunt"',
        id="no effect",
    ),
    pytest.param(READINGS, 'direction = "-"', 'direction = "+"', "'-', as the factor has it", None, id="another direction"),
    pytest.param(
        READINGS,
        '["loser-yields"]',
        '["strain-opens"]',
        "claims of the effect front → losing side",
        '["strain-opens"]',
        id="claim elsewhere",
    ),
    pytest.param(READINGS, '["loser-yields"]', "[]", "claim 'loser-yields' of an effect used nowhere", None, id="an unused claim"),
    pytest.param(
        READINGS, '["loser-yields"]', '["loser-yields", "strain-is-low"]', "speaks of a state", '"strain-is-low"', id="a state as an effect"
    ),
    pytest.param(
        READINGS, 'role = "winning"\ndirection = "-"', 'role = "losing"\ndirection = "+"', "a second time", None, id="an effect twice"
    ),
    pytest.param(
        READINGS, "probability = 0.4", 'probability = 0.4\nstrength = "surely"', "either strength or probability", None, id="both"
    ),
    pytest.param(CLASS, "0.2,0.1,0.3", "0.2,0.25,0.3", "lo90 < rate_per_month < hi90", "1,3,one", id="interval beside the rate"),
    pytest.param(CLASS, "one,100,20", "one,100,21", "expected 0.2100, 21 of 100 months", "1,3,one", id="a rate beside its counts"),
    pytest.param(
        *(HAZARD, "[war_level]", "[track_record]\nq05 = 0.1\n[war_level]", "a value for track_record.q50", "[track_record]"),
        id="a track record without its median",
    ),
    pytest.param(CLASS, "4,,one", "5,,one", "without gap or overlap", None, id="a gap between classes"),
    pytest.param(CLASS, "one,400", "one,none", "valid integer", "4,,one,none", id="a word for an exposure"),
    pytest.param(
        CLASS, "0.005,0.02,smith2000", "0.005,0.02,smth2000", "did you mean 'smith2000'", "smth2000", id="unknown citation of a rate"
    ),
    pytest.param(
        HAZARD,
        "[announced]",
        "[bridge_share.fair_2024]\n[announced]",
        "which no bridge uses; expected the id of a [[bridge]]",
        "[bridge_share",
        id="a share without a bridge",
    ),
    pytest.param(CLASS, "citation", "cite", "months_dormant_from,", "months_dormant_from", id="another column"),
]


@pytest.mark.parametrize(("name", "old", "new", "expected", "stands"), BROKEN)
def test_fault_names_file_and_line(name, old, new, expected, stands, make_workspace, read_files):
    workspace = make_workspace((name, old, new))
    if new.startswith('on = "log"\nq05'):  # the entry's own q05 comes after: take it out
        path = workspace.root / name
        path.write_text(path.read_text().replace("q05 = 3.0\n", ""))
    with pytest.raises(ContentError) as caught:
        read_files(workspace)
    faults = [fault for fault in caught.value.faults if expected in str(fault)]
    assert faults, str(caught.value)
    assert {fault.path.as_posix() for fault in faults} == {name}
    if stands is not None:
        text = (workspace.root / name).read_text()
        assert faults[0].line == text[: text.index(stands)].count("\n") + 1
    assert all(fault.mend for fault in faults)


def test_all_faults_are_reported_at_once(make_workspace, read_files):
    workspace = make_workspace((FACTORS, "q05 = 4.0", "q05 = 40.0"), (HAZARD, "q05 = 0.1", "q05 = -0.1"), (CLASS, "4,,two", "4,9,two"))
    with pytest.raises(ContentError) as caught:
        read_files(workspace)
    assert {fault.path.name for fault in caught.value.faults} == {"factors.toml", "hazard.toml", "reference_class.csv"}


@pytest.mark.parametrize("name", [name for name in FILES if name not in MAY_LACK])
def test_missing_file_is_named(name, make_workspace, read_files):
    workspace = make_workspace()
    (workspace.priors / name).unlink()
    with pytest.raises(ContentError, match=name):
        read_files(workspace)


def test_an_unneeded_default_is_refused(make_workspace, read_files):
    extra = '[noise.price]\nquantity = "x"\nunit = "1"\nq05 = 0.1\nq50 = 0.2\nq95 = 0.4\nfamily = "lognormal"\nrationale = "by judgement"\n'
    with pytest.raises(ContentError, match=r"\[noise.default\], which nothing uses"):
        read_files(make_workspace((LOADINGS, "[noise.wage]", extra + "[noise.wage]")))


@pytest.mark.parametrize("name", FILES)
def test_hash_moves_with_any_file(name, make_workspace):
    workspace = make_workspace()
    path = workspace.priors / name
    without = None if path.exists() else hash_priors(workspace)
    path.touch()
    path.write_bytes(path.read_bytes() or b"# nothing\n")
    before = hash_priors(workspace)
    assert hash_priors(workspace) == before != without
    path.write_bytes(path.read_bytes()[:-1] + b" ")  # of the same length
    assert hash_priors(workspace) != before


def test_hash_leaves_out_files_that_are_not_read(make_workspace):
    workspace = make_workspace()
    before = hash_priors(workspace)
    (workspace.priors / "scenarios.toml").write_text("schema = 1\n")
    assert hash_priors(workspace) == before


def test_hash_is_the_same_elsewhere(make_workspace, tmp_path):
    workspace = make_workspace()
    copied = tmp_path / "elsewhere"
    shutil.copytree(workspace.root, copied, ignore=shutil.ignore_patterns("elsewhere"))
    assert hash_priors(read_workspace(copied)) == hash_priors(workspace)


def test_the_shipped_priors_are_sound():
    workspace = read_workspace(ROOT)
    files = read_priors(workspace, read_claims(workspace), read_contracts(workspace))
    assert [f"half_life.{factor}" in files.entries for factor in workspace.factor_ids] == [True] * len(workspace.factors)


def test_reading_priors_loads_neither_preliz_nor_pymc():
    code = (
        "import sys, ripeness.elicitation.entries; sys.exit(any(name in sys.modules for name in ('preliz', 'pymc', 'pytensor', 'nutpie')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
