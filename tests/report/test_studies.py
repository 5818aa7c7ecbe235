"""Does it deserve trust? What the studies left is shown as it is, and what was not studied is not spoken of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from ripeness.report import render_page
from ripeness.report.studies import plot_wars, population_table, read_studies, score_table, trust_section

WEEKS = 13
ABOUT = {
    "command": "ripeness backtest",
    "date": "2031-04-01",
    "seed": 7,
    "code_version": "0.1.0+abc",
    "headline": 0.2,
    "origin": "2031-03-30",
}
SCORES = "forecaster,population,horizon_weeks,n,brier,log_score\n" + "".join(
    f"{name},{population},{horizon},4,{brier},0.3\n"
    for name, brier in (("mixture", 0.1), ("outside", 0.2), ("constant_rate", 0.3), ("persistence", 0.4))
    for population in ("all", "dormant")
    for horizon in (4, WEEKS)
)
WEEKLY = "forecaster,population,weeks,rounds,total_log_score,brier\n" + "".join(
    f"{name},{population},8,2,{total},0.1\n"
    for name, total in (("mixture", 3.0), ("outside", 2.5), ("constant_rate", 4.0), ("persistence", 3.5))
    for population in ("all", "dormant")
)
SKILL = (
    "forecaster,population,weeks,rounds,resumptions,skill,lowest,highest,threshold,claimed,by_luck,power,best_week,best_week_gain,"
    "best_week_probability,best_week_reference\nmixture,all,8,2,2,{skill},,,0.9,{claimed},0.3,0.2,2031-01-12,0.2,0.05,0.04\n"
)


def forecasts() -> str:
    head = "question,origin,horizon_weeks,target_end_date,given,forecaster,vintage,probability,lower,upper,outcome,log_score,gate\n"
    rows = []
    for name in ("mixture", "outside", "constant_rate", "persistence"):
        for place, origin in enumerate(("2031-01-05", "2031-02-02")):
            rows.append(f"round,{origin},{WEEKS},2031-05-04,,{name},as_of,0.{2 + place},0.1,0.5,,,passed\n")
            rows.append(f"week,{origin},1,2031-0{1 + place}-12,,{name},as_of,0.1,,,{place},0.{3 + place},passed\n")
    return head + "".join(rows)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A reports folder with every study in it."""
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "backtest.csv").write_text(forecasts(), "utf-8")
    (folder / "backtest_scores.csv").write_text(SCORES, "utf-8")
    (folder / "backtest_weeks.csv").write_text(WEEKLY, "utf-8")
    (folder / "skill.csv").write_text(SKILL.format(skill=-0.5, claimed="no"), "utf-8")
    rows = ["indicator left out,<b>oil</b>,-8.0", "claim zeroed,some-claim,1.0", "indicator left out,rouble,0.5"]
    (folder / "sensitivity.csv").write_text("kind,what,change_points\n" + "\n".join(rows) + "\n", "utf-8")
    (folder / "scorecard.csv").write_text("claim,as_of,odds_ratio,verdict\nsome-claim,2031-03-30,3.4,supported\n", "utf-8")
    detail = "some-claim,2031-03-30,oil → east,+,might,as_written,0.7,0.9,3.4,2.9,4.1,supported,0.4,-0.1,0.9,6"
    columns = (
        "claim,as_of,effect,claimed,word,reading,prior,posterior,odds_ratio,lower,upper,verdict,stood_higher,stood_lower,stood_upper,rounds"
    )
    (folder / "scorecard_details.csv").write_text(f"{columns}\n{detail}\n", "utf-8")
    (folder / "sbc.csv").write_text("quantity,simulations,p_value,failed_fits\nheadline[13 weeks],2,0.4,1\n", "utf-8")
    (folder / "sbc_simulations.csv").write_text("simulation,model,rank headline[13 weeks]\n0,right,40\n1,right,80\n", "utf-8")
    band = {"lower": np.zeros(100).tolist(), "upper": np.ones(100).tolist()}
    steps = [
        "essay,headline,0.4,0.1,0.8,0.001",
        "markets,headline,0.31,0.15,0.5,0.001",
        "rounds,headline,0.25,0.1,0.4,0.001",
        "rounds,<b>oil</b>,-0.3,,,",
    ]
    (folder / "evidence.csv").write_text("source,what,value,lower,upper,mcse\n" + "\n".join(steps) + "\n", "utf-8")
    for name in ("backtest", "sensitivity", "evidence", "scorecard", "sbc"):
        (folder / f"{name}.json").write_text(json.dumps(ABOUT | {"band": band}), "utf-8")
    return tmp_path


def section_of(page: str, name: str = "trust") -> str:
    return page.split(f'<h2 id="{name}">')[1].split("<h2 ")[0]


def rendered(reports: Path, summary: dict[str, Any], tree: xr.DataTree) -> str:
    return render_page(summary, tree, None, read_studies(reports, WEEKS))


def test_what_was_not_studied_is_not_spoken_of(tmp_path: Path, summary: dict[str, Any], tree: xr.DataTree) -> None:
    assert read_studies(tmp_path, WEEKS) == {}
    page = rendered(tmp_path, summary, tree)
    assert "../studies/" not in page and "Tried on past weeks" not in page and 'id="backtest"' not in page


def test_every_study_has_its_part_and_its_tables(reports: Path, summary: dict[str, Any], tree: xr.DataTree) -> None:
    page = rendered(reports, summary, tree)
    section = section_of(page) + section_of(page, "evidence")
    for part in ("backtest", "sources", "sensitivity", "scorecard", "calibration"):
        assert f'<details><summary><h3 id="{part}">' in section
    for table in ("backtest_scores.csv", "skill.csv", "evidence.csv", "sensitivity.csv", "scorecard.csv", "sbc.csv"):
        assert f'<a href="../studies/{table}">' in section
    assert section.count("Made on 1 April 2031 by <code>ripeness backtest</code>, seed 7") == 5
    assert section.count("<svg") == 4  # what is folded is drawn once
    assert section.split("All of it, ranked")[1].split("</table>")[0].count("<tr>") == 4  # the head, and every row of the table
    assert '<td class="n" data-label="Change, points">−8.00</td>' in section
    assert "<b>oil" not in section and "&lt;b&gt;oil" in section


@pytest.mark.parametrize(
    ("skill", "claimed", "words"),
    [
        (-0.5, "no", "it did not beat the outside view"),
        (0.4, "no", "it is not shown to beat it"),
        (1.5, "yes", "it beats the outside view"),
    ],
)
def test_the_first_screen_says_whether_the_outside_view_is_beaten(
    reports: Path, summary: dict[str, Any], tree: xr.DataTree, skill: float, claimed: str, words: str
) -> None:
    (reports / "studies/skill.csv").write_text(SKILL.format(skill=skill, claimed=claimed), "utf-8")
    first = rendered(reports, summary, tree).split("<nav")[0]
    assert words in first and 'href="#trust"' in first


def test_the_first_screen_says_where_another_version_was_tested(reports: Path, summary: dict[str, Any], tree: xr.DataTree) -> None:
    words, notes = "Another version of the model was tested.", reports / "studies/backtest.json"
    about = json.loads(notes.read_text("utf-8"))
    same = {"model_version": summary["model_version"], "priors_hash": summary["priors_hash"], "code_version": "of another page"}
    for other, said in (({}, False), ({"model_version": "another"}, True), ({"priors_hash": "another"}, True)):
        notes.write_text(json.dumps(about | same | other), "utf-8")
        assert (words in rendered(reports, summary, tree).split("<nav")[0]) == said


def test_a_horizon_worse_than_even_odds_is_named_beside_the_horizons(reports: Path, summary: dict[str, Any], tree: xr.DataTree) -> None:
    words = f"Always saying 50 % would have scored better (Brier 0.250) than the model at {WEEKS} weeks (Brier 0.260, over 4 origins that overlap)."
    assert words not in rendered(reports, summary, tree)
    table = reports / "studies/backtest_scores.csv"
    table.write_text(SCORES.replace(f"mixture,all,{WEEKS},4,0.1", f"mixture,all,{WEEKS},4,0.26"), "utf-8")
    page = rendered(reports, summary, tree)
    assert words in page.split('<h3 id="horizons">')[1].split("</details>")[0] and words in section_of(page).split("<details>")[0]


def test_divergent_fits_to_simulated_wars_are_said(reports: Path, summary: dict[str, Any], tree: xr.DataTree) -> None:
    assert "1 of the short fits failed their gate; they" in section_of(rendered(reports, summary, tree))
    notes = reports / "studies/sbc.json"
    notes.write_text(json.dumps(json.loads(notes.read_text("utf-8")) | {"right": {"diverged": 1}}), "utf-8")
    found = section_of(rendered(reports, summary, tree))
    assert "1 of the short fits failed their gate, 1 of them (50\u00a0% of all) with divergent transitions; they" in found


def test_an_indicator_that_alone_moves_the_answer_is_flagged(reports: Path) -> None:
    flags = trust_section(read_studies(reports, WEEKS), WEEKS)["sensitivity"]["flags"]
    assert flags == ["Without <b>oil</b> the probability would be 0.120 instead of 0.200: it alone moves the answer by 40%."]


def test_tables_hold_the_scores_the_best_first(reports: Path) -> None:
    found = read_studies(reports, WEEKS)["backtest"]
    rows = score_table(found["scores"], found["weekly"], "all")
    assert [row["total"] for row in rows] == [2.5, 3.0, 3.5, 4.0]
    assert rows[1] == {"forecaster": "the model", "brier": {4: 0.1, WEEKS: 0.1}, "total": 3.0, "weeks": 8}
    populations = population_table(found["scores"], found["weekly"], WEEKS)
    assert [row["population"] for row in populations] == ["all origins", "talks dormant"]
    assert populations[0]["skill"] == pytest.approx(-0.5) and populations[0]["outside_brier"] == 0.2


def test_the_forest_plot_has_both_ratios_of_every_mechanism() -> None:
    rows = [
        {
            "mechanism": "visits",
            "per": "event",
            "ratio": "2",
            "lower": "1.5",
            "upper": "2.5",
            "published_ratio": "1.8",
            "published_lower": "1.3",
            "published_upper": "2.3",
        },
        {
            "mechanism": "strikes",
            "per": "SD",
            "ratio": "0.9",
            "lower": "0.7",
            "upper": "1.1",
            "published_ratio": "",
            "published_lower": "",
            "published_upper": "",
        },
    ]
    (axes,) = plot_wars(rows).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["visits, per event", "strikes, per SD"]
    drawn = {str(line.get_label()): list(line.get_xdata()) for line in axes.lines}
    assert drawn["fitted here"] == [2.0, 0.9] and drawn["published"] == [1.8]
    ends = [tuple(segment[:, 0]) for bars in axes.collections for segment in bars.get_segments()]
    assert ends == [(1.5, 2.5), (0.7, 1.1), (1.3, 2.3)]
