"""The reading tempered by other wars: sums done by hand, and what is refused of a line of other_wars.csv."""

from __future__ import annotations

from math import exp, sqrt
from pathlib import Path
from typing import Any

import pytest

from ripeness.data.indicators import read_contracts
from ripeness.elicitation.elicited import Priors
from ripeness.elicitation.entries import read_priors
from ripeness.elicitation.other_wars import COLUMNS, find_mechanisms
from ripeness.errors import ContentError
from ripeness.essay import read_claims
from ripeness.names import AS_WRITTEN, OTHER_WARS, READINGS, TEMPERED
from ripeness.workspace import read_workspace

ROOT = Path(__file__).parents[2]
HEADER = ",".join(COLUMNS)
OPENS = "strain,ost_ready,dearth,price of bread,a doubling,talks,1.5,1.2,1.875,0.1,40,90,0.5,0.06,strain-opens strain-closes,smith2000,half of what bread does"
CLOSES = (
    'strain,west_ready,dearth,price of bread,"a fall, by half",talks,0.8,0.5,1.28,0,40,90,-1,0,,smith2000 miller1990,"a fall, so negative"'
)
TEXT = f"# What it is\n# and how\n{HEADER}\n{OPENS}\n{CLOSES}\n"
OWN_TOTAL = """\
[other_wars.best_to_worst]
quantity = "a made-up quantity"
unit = "1"
q05 = 2.0
q50 = 4.0
q95 = 8.5
family = "lognormal"
on = "log"
rationale = "by plain judgement"
"""


@pytest.fixture
def make_with(make_workspace, tmp_path):
    """The small workspace with other_wars.csv, and with changes where asked."""

    def make(text=TEXT, *changes):
        path = tmp_path / "priors" / "other_wars.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return make_workspace(*changes)

    return make


def normal(mean, sd):
    return pytest.approx((mean, sd), abs=5e-5)


def test_an_effect_is_the_product_of_what_both_say(make_with, read_files):
    opens, closes = read_files(make_with()).other_wars.combined
    assert [opens.effect, closes.effect] == ["strain → ost_ready", "strain → west_ready"]
    # tempered: P 0.4 and size 1 of the root of 1 + 16 + 1 + 0.25, in units of log 7 / 3.51
    assert (opens.tempered.mean, opens.tempered.stdev) == normal(-0.03187, 0.12580)
    # half of log 1.5; half the root of (log 1.5625 / 3.28971)² + 0.1², and 0.06
    assert (opens.panel.mean, opens.panel.stdev) == normal(0.20273, 0.10345)
    # precisions 63.19 and 93.45
    assert (opens.combined.mean, opens.combined.stdev) == normal(0.10809, 0.07990)
    # P 0.95 of the claimed fall and size 4; a ratio below one of a fall is a rise; precisions 13.75 and 12.25
    assert (closes.tempered.mean, closes.tempered.stdev) == normal(-0.44356, 0.26967)
    assert (closes.panel.mean, closes.panel.stdev) == normal(0.22314, 0.28574)
    assert (closes.combined.mean, closes.combined.stdev) == normal(-0.12948, 0.19612)


def test_sizes_are_scaled_again_and_effects_without_a_line_stay(make_with, read_files):
    files = read_files(make_with())
    opens, closes, losing, winning = files.effects[OTHER_WARS]
    total = sqrt(0.10809**2 + 0.07990**2 + 0.12948**2 + 0.19612**2 + 0.12977**2 + 0.06489**2)  # the last two: sizes 1 and 0.5
    assert (opens.mean * total, opens.sd * total) == normal(0.10809, 0.07990)
    assert (losing.mean * total, losing.sd * total) == normal(0.07257, 0.10759)
    assert sum(one.mean**2 + one.sd**2 for one in files.effects[OTHER_WARS]) == pytest.approx(1)
    assert files.other_wars.implied_total == pytest.approx(exp(total * 3.50997), rel=1e-4)
    # P that the sign is as claimed, which is a fall of the second
    assert [one.probability for one in (opens, closes, losing, winning)] == pytest.approx([0.9119, 0.7454, 0.75, 0.5], abs=1e-4)
    assert (opens.citations, opens.rationale) == (("smith2000",), "half of what bread does")
    assert closes.citations == ("smith2000", "miller1990")
    assert losing.rationale == files.effects[TEMPERED][2].rationale


def test_the_other_readings_are_as_without_the_file(make_with, make_workspace, read_files, tmp_path):
    files = read_files(make_with())
    (tmp_path / "priors" / "other_wars.csv").unlink()
    without = read_files(make_workspace())
    assert list(without.effects) == [AS_WRITTEN, TEMPERED] and without.other_wars is None
    assert {reading: files.effects[reading] for reading in without.effects} == without.effects


def test_a_workspace_has_three_readings_with_the_file_and_two_without(make_with, make_workspace, tmp_path):
    workspace = make_with()
    assert workspace.readings == (AS_WRITTEN, TEMPERED, OTHER_WARS)
    assert len(workspace.fits) == 7 and workspace.fits_of_form("substitutable")[-1] == "substitutable_other_wars"
    (tmp_path / "priors" / "other_wars.csv").unlink()
    workspace = make_workspace()
    assert workspace.readings == (AS_WRITTEN, TEMPERED) and len(workspace.fits) == 5
    assert find_mechanisms(workspace, read_claims(workspace)) == {}


def test_it_takes_the_tempered_entries_and_its_own():
    own = {TEMPERED: {"share_open": "tempered", "best_to_worst": "tempered"}, OTHER_WARS: {"best_to_worst": "other wars"}}
    priors: Any = Priors({"share_open": "shared", "best_to_worst": "shared", "war_level": "shared"}, own, None)
    found = {reading: dict(priors.for_reading(reading).elicited) for reading in READINGS}
    assert list(found[AS_WRITTEN].values()) == ["shared"] * 3
    assert list(found[TEMPERED].values()) == ["tempered", "tempered", "shared"]
    assert list(found[OTHER_WARS].values()) == ["tempered", "other wars", "shared"]


def test_entries_of_its_own_are_read_with_the_file_and_refused_without(make_with, make_workspace, read_files, tmp_path):
    change = ("priors/hazard.toml", "[announced]", f"{OWN_TOTAL}[announced]")
    files = read_files(make_with(TEXT, change))
    assert {reading: [*own] for reading, own in files.overrides.items()} == {
        TEMPERED: ["share_open.ost_ready"],
        OTHER_WARS: ["best_to_worst"],
    }
    assert (files.overrides[OTHER_WARS]["best_to_worst"].entry.q50, files.entries["best_to_worst"].entry.q50) == (4.0, 7.0)
    (tmp_path / "priors" / "other_wars.csv").unlink()
    with pytest.raises(ContentError) as caught:
        read_files(make_workspace(change))
    assert [str(fault) for fault in caught.value.faults] == [
        "priors/hazard.toml, line 2: found [other_wars.best_to_worst], of a reading that there is not; expected entries of readings in use. "
        "To mend: add priors/other_wars.csv, or remove the table."
    ]


def test_the_unit_is_the_tempered_total(make_with, read_files):
    tempered = OWN_TOTAL.replace("other_wars", "tempered")
    opens, _ = read_files(make_with(TEXT, ("priors/hazard.toml", "[announced]", f"{tempered}[announced]"))).other_wars.combined
    assert opens.tempered.mean == pytest.approx(-0.03187 * 0.71241, abs=5e-5)  # log 4 / log 7
    assert opens.panel.mean == pytest.approx(0.20273, abs=5e-5)


def test_claims_know_their_mechanism(make_with):
    workspace = make_with()
    assert find_mechanisms(workspace, read_claims(workspace)) == {"strain-opens": "dearth", "strain-closes": "dearth"}


BROKEN = [
    pytest.param(
        "strain,ost_ready",
        "stain,ost_ready",
        4,
        "found effect 'stain → ost_ready', which no factor has; expected an effect of ripeness.toml. To mend: did you mean 'strain → ost_ready'?",
        id="unknown effect",
    ),
    pytest.param(
        "strain,west_ready",
        "strain,ost_ready",
        5,
        "found effect 'strain → ost_ready' a second time; expected each effect once. To mend: remove one of them, or pool them.",
        id="effect twice",
    ),
    pytest.param(
        "1.5,1.2,1.875",
        "1.5,1.6,1.875",
        4,
        "found 1.6, 1.5, 1.875; expected lo90 < ratio < hi90. To mend: put them in order.",
        id="ratio beside its interval",
    ),
    pytest.param(
        "1.5,1.2,1.875",
        "-1.5,1.2,1.875",
        4,
        "found ratio '-1.5'; expected greater than 0. To mend: correct the line.",
        id="negative ratio",
    ),
    pytest.param(
        "1.5,1.2",
        "much,1.2",
        4,
        "found ratio 'much'; expected a valid number, unable to parse string as a number. To mend: correct the line.",
        id="word for a number",
    ),
    pytest.param(
        "1.5,1.2",
        ",1.2",
        4,
        "found no ratio; expected a value for ratio. To mend: correct the line.",
        id="no number",
    ),
    pytest.param(
        "0.1,40",
        "-0.1,40",
        4,
        "found tau '-0.1'; expected greater than or equal to 0. To mend: correct the line.",
        id="negative spread",
    ),
    pytest.param(
        "0.06",
        "-0.06",
        4,
        "found transport_sd '-0.06'; expected greater than or equal to 0. To mend: correct the line.",
        id="negative transport",
    ),
    pytest.param(
        "0.1,40",
        "0.1,0",
        4,
        "found wars '0'; expected greater than or equal to 1. To mend: correct the line.",
        id="no war",
    ),
    pytest.param(
        "40,90",
        "40,9.5",
        4,
        "found onsets '9.5'; expected a valid integer, unable to parse string as an integer. To mend: correct the line.",
        id="part of an onset",
    ),
    pytest.param(
        "90,0.5",
        "90,0",
        4,
        "found conversion 0; expected units of the measure for one standard deviation of the factor. To mend: write them, or remove the line.",
        id="conversion of nothing",
    ),
    pytest.param(
        "90,0.5",
        "90,inf",
        4,
        "found conversion 'inf'; expected a finite number. To mend: correct the line.",
        id="infinite conversion",
    ),
    pytest.param(
        "strain-opens",
        "strain-opns",
        4,
        "found unknown claim 'strain-opns'; expected the id of a claim of the essay. To mend: did you mean 'strain-opens'?",
        id="unknown claim",
    ),
    pytest.param(
        "strain-opens",
        "loser-yields",
        4,
        "found claim 'loser-yields', which speaks of front → losing side; expected claims of the effect strain → ost_ready. To mend: remove it, or move it.",
        id="claim of another effect",
    ),
    pytest.param(
        "strain-opens",
        "strain-is-low",
        4,
        "found claim 'strain-is-low', which speaks of a state; expected claims of the effect strain → ost_ready. To mend: remove it, or move it.",
        id="claim of a state",
    ),
    pytest.param(
        ",smith2000,half",
        ",,half",
        4,
        "found no citation; expected the id of a citation at least. To mend: name what the ratio comes from.",
        id="no citation",
    ),
    pytest.param(
        ",smith2000,half",
        ",smth2000,half",
        4,
        "found unknown citation 'smth2000'; expected the id of a citation. To mend: did you mean 'smith2000'?",
        id="unknown citation",
    ),
    pytest.param(
        "half of what bread does",
        "half",
        4,
        "found rationale 'half'; expected at least 10 characters. To mend: correct the line.",
        id="short rationale",
    ),
    pytest.param(
        "dearth,price",
        ",price",
        4,
        "found no mechanism; expected a value for mechanism. To mend: correct the line.",
        id="no mechanism",
    ),
    pytest.param(
        "0.06,strain-opens",
        "0.06,,strain-opens",
        4,
        "found 18 cells; expected 17 cells, as in the header. To mend: correct the line.",
        id="torn line",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), BROKEN)
def test_a_broken_line_is_refused(old, new, line, message, make_with, read_files):
    assert old in TEXT
    with pytest.raises(ContentError) as caught:
        read_files(make_with(TEXT.replace(old, new, 1)))
    assert [str(fault) for fault in caught.value.faults] == [f"priors/other_wars.csv, line {line}: {message}"]


def test_a_file_without_a_line_or_with_other_columns_is_refused(make_with, read_files):
    with pytest.raises(ContentError) as caught:
        read_files(make_with(f"# What it is\n{HEADER}\n"))
    assert str(caught.value.faults[0]) == (
        "priors/other_wars.csv: found a header and no row; expected at least one effect. To mend: add its line, or remove the file."
    )
    with pytest.raises(ContentError) as caught:
        read_files(make_with(TEXT.replace("tau", "spread")))
    (fault,) = caught.value.faults
    assert (fault.line, fault.expected) == (3, f"'{HEADER}'") and "spread" in fault.found


def test_the_shipped_lines_speak_of_every_claim_but_those_of_effects_without_one():
    workspace = read_workspace(ROOT)
    claims = read_claims(workspace)
    files = read_priors(workspace, claims, read_contracts(workspace))
    assert files.other_wars is not None
    with_line = {one.effect for one in files.other_wars.combined}
    of_effect = {effect.id: effect.claims for effect in files.effects[AS_WRITTEN]}
    assert set(find_mechanisms(workspace, claims)) == {name for effect, own in of_effect.items() if effect in with_line for name in own}
    # the panel's own result for war cost and mediation, in log hazard per standard deviation of the factor
    panel = {one.effect: (one.panel.mean, one.panel.stdev) for one in files.other_wars.combined}
    assert panel["war_cost → moscow_willing"] == pytest.approx((0.0808, 0.0848), abs=5e-4)
    assert panel["mediation → channel_open"] == pytest.approx((0.2173, 0.1191), abs=5e-4)
