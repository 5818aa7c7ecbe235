"""What the essay says of the present, on page, brief and screen: told as the table has it, the most telling first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from ripeness.evaluation import published
from ripeness.evaluation.states import COLUMNS
from ripeness.report import render_page
from ripeness.report.exports import write_brief
from ripeness.report.scorecard import evidence_section, state_sentences, states_section, stored_state_sentences, subjects_of, telling_states
from ripeness.report.studies import read_studies
from ripeness.workspace.csv import csv_text

ABOUT = {
    "command": "ripeness study scorecard",
    "date": "2031-04-01",
    "seed": 7,
    "code_version": "0.1.0+abc",
    "as_of": ["2030-05-05", "2031-03-30"],
}
SPACE = "\u00a0"


def row(claim: str, paragraph: int, what: str, measured: str, verdict: str, *chances: float | None, kind: str = "factor") -> dict[str, str]:
    of, state = what.split()
    text = ["" if chance is None else str(chance) for chance in chances]
    found = {"claim": claim, "paragraph": str(paragraph), "kind": kind, "of": of, "state": state, "measured": measured, "verdict": verdict}
    found |= dict(zip(published.ESTIMATES, text, strict=True))
    for estimate in published.ESTIMATES[1:]:
        place = "" if found[estimate] == "" else "0.4"
        found |= {f"{estimate}_error": "0.001" if place else "", **{f"{estimate}_{part}": place for part in ("at", "lower", "upper")}}
    return found


ROWS = [
    row("hosts-idle", 2, "hosts low", "yes", "contradicted", 0.33, 0.07, 0.05, 0.4),
    row("oil-dear", 3, "oil high", "yes", "unmoved", 0.33, 0.5, 0.4, 0.4),
    row("north-unwilling", 4, "north low", "inferred", "supported", 0.3, 0.5, 0.7, 0.6, kind="condition"),
    row("no-host", 5, "hosts low", "yes", "contradicted", 0.33, 0.07, 0.05, 0.4),
    row("<b>trust</b>", 6, "trust high", "no", "not measured", 0.47, 0.52, 0.53, 0.46),
    row("polls-calm", 7, "polls low", "later", "contradicted", 0.33, 0.32, 0.0004, 0.2),
]
SUBJECTS = {"hosts": {"label": "Hosts", "plus": "more visits"}, "north": {"label": "The North is willing"}}


def test_the_most_telling_stand_first_and_claims_that_say_the_same_together() -> None:
    found = telling_states(ROWS, ABOUT, SUBJECTS)
    assert [one["claims"] for one in found] == [["polls-calm"], ["hosts-idle", "no-host"], ["north-unwilling"]]
    assert found[1]["paragraphs"] == ["2", "5"]
    assert found[1]["text"].replace(SPACE, " ") == (
        "The essay has “Hosts” low (high: more visits): the chance that it was on 5 May 2030 is 5 % (7 % by what was known on that day, 33 % before any data), "
        "that it is now 40 %."
    )
    assert "“Polls” low" in found[0]["text"] and "under 1" in found[0]["text"] and "(which nothing measured then, 33" in found[0]["text"]
    assert "“The North is willing” not met" in found[2]["text"]


def test_equally_telling_ones_by_how_often_the_essay_says_it() -> None:
    """Below one per cent no difference is told."""
    once = row("once", 1, "once low", "yes", "contradicted", 0.33, 0.1, 0.0001, 0.2)
    twice = [row(f"twice-{n}", n, "twice low", "yes", "contradicted", 0.33, 0.1, 0.004, 0.2) for n in (1, 2)]
    assert [len(one["claims"]) for one in telling_states([once, *twice], ABOUT, {})] == [2, 1]


def test_what_it_comes_to() -> None:
    first, *telling = state_sentences(ROWS, ABOUT, SUBJECTS)
    assert first == (
        "By what was known on 30 March 2031 of 5 May 2030, of six statements of the essay on where things stand the record supports 1, contradicts 3 "
        "and leaves 1 about where the priors had them; 1 is about what no indicator measures."
    )
    assert telling[1].endswith(f"now 40{SPACE}% (¶{SPACE}2 and 5).") and len(telling) == 3
    assert state_sentences([], {}, {}) == []


def test_a_number_finer_than_its_error_is_not_told() -> None:
    rough = ROWS[0] | {"smoothed_error": "0.02"}
    assert f"is 5{SPACE}% (7" in telling_states([rough], ABOUT, {})[0]["text"]
    assert f"is 10{SPACE}% (7" in telling_states([rough | {"smoothed": "0.09"}], ABOUT, {})[0]["text"]


def test_where_the_record_has_not_the_essays_day() -> None:
    only_now = row("hosts-idle", 2, "hosts low", "yes", "contradicted", 0.33, None, None, 0.04)
    about = ABOUT | {"as_of": ["2031-03-30"]}
    first, telling = state_sentences([only_now], about, SUBJECTS)
    assert first.startswith("By what was known on 30 March 2031, of one statement")
    assert (
        telling.replace(SPACE, " ")
        == "The essay has “Hosts” low (high: more visits): the chance that it is now 4 % (33 % before any data) (¶ 2)."
    )
    section = states_section([only_now], about, SUBJECTS)
    assert section["then"] is None and section["rows"][0]["smoothed"]["text"] == "–"


@pytest.mark.parametrize(("place", "estimate", "text", "beside"), [
    (0, "smoothed", "5 %", "at +0.40"),
    (0, "prior", "33 %", ""),
    (2, "now", "60 %", "met: 40 %"),
    (4, "now", "not measured", "46 %"),
    (5, "filtered", "not measured", "32 %"),
    (5, "now", "20 %", "at +0.40"),
])  # fmt: skip
def test_a_cell_of_the_table(place: int, estimate: str, text: str, beside: str) -> None:
    cell = states_section(ROWS, ABOUT, SUBJECTS)["rows"][place][estimate]
    assert (cell["text"].replace(SPACE, " "), cell["beside"].replace(SPACE, " ")) == (text, beside)


def details_of(*odds: tuple[str, str, str, str]) -> list[dict[str, str]]:
    """Rows of scorecard_details.csv: claim, day, reading, odds ratio."""
    keys = ("claim", "as_of", "reading", "odds_ratio")
    return [dict(zip(keys, one, strict=True)) | {"lower": "0.5", "upper": "4", "verdict": "unmoved"} for one in odds]


def test_each_claim_beside_the_record_and_other_wars(summary: dict[str, Any]) -> None:
    claims = {claim["id"]: claim for claim in summary["claims"]}
    effect = next(one for one in claims.values() if one["id"] == "plenty-hardens") | {"about": "effect"}
    other = effect | {"id": "letters-help"}
    state = effect | {"id": "hosts-idle", "about": "state"}
    unmeasured = effect | {"id": "<b>trust</b>", "about": "state"}
    unscored = effect | {"id": "later", "about": "state"}
    details = details_of(
        ("plenty-hardens", "2030-05-05", "as_written", "9"),
        ("plenty-hardens", "2031-03-30", "tempered", "8"),
        ("plenty-hardens", "2031-03-30", "as_written", "1.4"),
    )
    found = evidence_section(
        summary | {"claims": [effect, other, state, unmeasured, unscored]}, {"details": details, "states": ROWS, "about": ABOUT}
    )
    told = [(row["record"].replace(SPACE, " "), row["others"].replace(SPACE, " ")) for row in found["rows"]]
    ratio = "Harvests (one standard deviation): talks 0.80 times as likely to return (0.70–0.91); 40 wars, 120 returns."
    analogue = f"{ratio} In a war like those the essay’s direction holds with 97 %."
    assert told == [
        ("Unmoved: the odds that it is right are 1.4 times what they were (0.50–4.0).", analogue),
        ("–", "No analogue."),
        ("Contradicted: the chance that it is so is 5 % on the essay’s day, 40 % now (33 % before any data).", "–"),
        ("Not measured.", "–"),
        ("–", "–"),
    ]
    assert [(one["text"].replace(SPACE, " "), one["claims"]) for one in found["telling"]] == [(ratio, ["plenty-hardens"])]
    assert [row["claim"]["id"] for row in found["first"]] == ["hosts-idle", "plenty-hardens"], "of which there is something to tell"


@pytest.mark.parametrize(("lower", "upper", "sure"), [(0.7, 0.99, True), (0.7, 1.0, False), (1.01, 1.2, True), (0.9, 1.1, False)])
def test_other_wars_are_told_first_where_they_leave_no_doubt(summary: dict[str, Any], lower: float, upper: float, sure: bool) -> None:
    summary["effects"][0]["analogue"] |= {"lower": lower, "upper": upper}
    summary["effects"][1]["analogue"] = summary["effects"][0]["analogue"] | {"claims": ["another"]}
    told = [one["claims"] for one in evidence_section(summary, None)["telling"]]
    assert told == ([["plenty-hardens", "another"]] if sure else []), "one mechanism once, with the claims of all that it stands for"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A reports folder with a scorecard."""
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "scorecard.csv").write_text("claim,as_of,odds_ratio,verdict\nsome-claim,2031-03-30,3.4,supported\n", "utf-8")
    columns = (
        "claim,as_of,effect,claimed,word,reading,prior,posterior,odds_ratio,lower,upper,verdict,stood_higher,stood_lower,stood_upper,rounds"
    )
    detail = "some-claim,2031-03-30,oil → east,+,might,as_written,0.7,0.9,3.4,2.9,4.1,supported,0.4,-0.1,0.9,6"
    (folder / "scorecard_details.csv").write_text(f"{columns}\n{detail}\n", "utf-8")
    (folder / "states.csv").write_text(csv_text([COLUMNS, *([one[name] for name in COLUMNS] for one in ROWS)]), "utf-8")
    (folder / "scorecard.json").write_text(json.dumps(ABOUT), "utf-8")
    return tmp_path


def test_the_page_has_the_telling_ones_open_and_every_one_folded_with_its_link(
    reports: Path, summary: dict[str, Any], tree: xr.DataTree
) -> None:
    page = render_page(summary, tree, None, read_studies(reports, 13))
    section = page.split('<h4 id="states">')[1].split("<h2 ")[0]
    opened, folded = section.split("<details>")
    assert opened.count("<li>") == 3 and "“Hosts” low" in opened
    assert folded.split("</table>")[0].count("<tr>") == 1 + len(ROWS)
    assert all(f'href="#claim-{one["claim"]}"' in folded for one in ROWS if "<" not in one["claim"])
    assert "<b>trust" not in section and "&lt;b&gt;trust" in section
    assert 'not measured <span class="faint">(46' in folded
    assert '<a href="../studies/states.csv">' in section


def test_without_the_table_the_page_does_not_speak_of_states(reports: Path, summary: dict[str, Any], tree: xr.DataTree) -> None:
    (reports / "studies/states.csv").unlink()
    page = render_page(summary, tree, None, read_studies(reports, 13))
    assert '<h3 id="scorecard">' in page and 'id="states"' not in page and "states.csv" not in page


def test_the_brief_has_them_as_a_list(reports: Path, summary: dict[str, Any]) -> None:
    brief = write_brief(summary, None, None, stored_state_sentences(reports / "studies", summary))
    section = brief.split("## What the essay says of the present\n\n")[1].split("\n## ")[0]
    assert section.startswith("By what was known on 30 March 2031") and section.count("\n- The essay has “") == 3
    assert "says of the present" not in write_brief(summary)
    assert stored_state_sentences(reports, summary) == []
    factor = summary["factors"][0]
    told = state_sentences([row("a", 1, f"{factor['id']} low", "yes", "contradicted", 0.3, 0.1, 0.01, 0.1)], ABOUT, subjects_of(summary))
    assert f"“{factor['label']}” low (high: {factor['plus']})" in told[1]
