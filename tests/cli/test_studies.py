"""`ripeness backtest` and `ripeness study`: what they print of tables that are there."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ripeness.cli.app import app
from ripeness.workflow import studies
from ripeness.workflow.request import Request
from ripeness.workflow.studies import Backtest

ABOUT = {
    "command": "ripeness",
    "date": "2031-04-01",
    "seed": 1,
    "code_version": "0",
    "headline": 0.2,
    "origin": "2031-03-30",
    "rhat": 1.002,
    "ess_bulk": 900.0,
    "divergences": 0,
    "as_of": ["2031-03-30"],
}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """reports/studies with small tables."""
    tables = tmp_path / "reports" / "studies"
    tables.mkdir(parents=True)
    (tables / "backtest_scores.csv").write_text(
        "forecaster,population,horizon_weeks,n,brier,log_score\nmixture,all,13,4,0.1234,0.5\nmixture,dormant,13,4,0.9,0.5\n", "utf-8"
    )
    (tables / "skill.csv").write_text(
        "forecaster,population,weeks,rounds,resumptions,skill,lowest,highest,threshold,claimed,by_luck,power,best_week,best_week_gain,"
        "best_week_probability,best_week_reference\nmixture,all,8,2,2,0.4,,,0.9,no,0.3,0.2,2031-01-12,0.2,0.05,0.04\n",
        "utf-8",
    )
    (tables / "sensitivity.csv").write_text("kind,what,change_points\nclaim zeroed,some-claim,-2.5\n", "utf-8")
    (tables / "scorecard.csv").write_text("claim,as_of,odds_ratio,verdict\nsome-claim,2031-03-30,3.4,supported\n", "utf-8")
    (tables / "states.csv").write_text(
        "claim,paragraph,kind,of,state,measured,verdict,prior,filtered,smoothed,now,now_error\n"
        "some-state,2,factor,open_hosts,low,yes,contradicted,0.33,,,0.05,0.001\n",
        "utf-8",
    )
    (tables / "sbc.csv").write_text("quantity,simulations,p_value,failed_fits\nheadline[13 weeks],200,0.4,3\n", "utf-8")
    (tables / "wars.csv").write_text(
        "mechanism,ratio,lower,upper,per,onsets,published_ratio,published_lower,published_upper\n"
        "visits,2.031,1.55,2.63,event,355,1.93,1.49,2.53\nstrikes,1.1,0.9,1.3,SD,355,,,\n",
        "utf-8",
    )
    (tables / "evidence.csv").write_text(
        "source,what,value,lower,upper,mcse\nessay,headline,0.4,0.1,0.8,0.001\nmarkets,headline,0.31,0.15,0.5,0.001\nmarkets,oil → east,0.3,,,\nrounds,headline,0.25,0.1,0.4,0.001\n"
        "rounds,oil → east,0.4,,,\n",
        "utf-8",
    )
    for name in ("sensitivity", "evidence", "scorecard", "sbc", "backtest", "wars"):
        (tables / f"{name}.json").write_text(json.dumps(ABOUT | {"headline_weeks": 13}), "utf-8")
    return tables


def test_the_backtest_prints_scores_of_all_origins_and_the_verdict(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def without_fitting(*given: Any) -> Backtest:
        asked.append(given)
        return Backtest(folder, 13)

    monkeypatch.setattr(studies, "run_backtest", without_fitting)
    result = run("backtest", "--quick", "--seed", "3", "--date", "2031-04-01", "--workspace", root)
    assert result.exit_code == 0, result.output
    assert "0.123" in result.stdout and "0.900" not in result.stdout
    assert "does not beat the outside view by more than luck" in " ".join(result.stdout.split())
    assert asked[0][:4] == (Request(root.resolve(), seed=3), True, False, None)  # quick, and so without the gap
    assert asked[0][4] == {"command": "ripeness backtest --quick --seed 3", "date": "2031-04-01"}
    output = json.loads(run("backtest", "--gap", "--json", "--workspace", root).stdout)
    assert output["skill"][0]["claimed"] == "no" and asked[1][1:3] == (False, True)


@pytest.mark.parametrize(
    ("verb", "step", "words"),
    [
        ("scorecard", "run_scorecard", "supports 1"),
        ("scorecard", "run_scorecard", "The essay has “Open hosts” low: the chance that it is now 5 %"),
        ("sensitivity", "run_sensitivity", "“some-claim”: −2.5 percentage points"),
        (
            "evidence",
            "run_evidence",
            "is 40 % (10 to 80 %) by the essay alone, then 31 % (15 to 50 %) with markets, then 25 % (10 to 40 %) with the record of rounds.",
        ),
        (
            "evidence",
            "run_evidence",
            "Of 1 weights 1 moved by more than a quarter of a standard deviation of their priors: “oil → east” by +0.4, most of it by markets.",
        ),
        ("wars", "run_wars", "2.03 [1.55, 2.63]"),
        ("wars", "run_wars", "The interval leaves out 1 for visits; 2 were fitted."),
        ("sbc", "run_sbc", "In 200 wars simulated from the priors"),
    ],
)
def test_a_study_prints_what_it_found_and_where(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, verb: str, step: str, words: str
) -> None:
    asked: list[Any] = []

    def without_fitting(*given: Any) -> Path:
        asked.append(given)
        return folder / f"{verb}.csv"

    monkeypatch.setattr(studies, step, without_fitting)
    result = run("study", verb, "--date", "2031-04-01", "--workspace", root)
    assert result.exit_code == 0, result.output
    assert words in " ".join(result.stdout.split())
    assert f"{verb}.csv" in "".join(result.stdout.split())
    assert date(2031, 4, 1) in asked[0]


def test_a_wrong_scheduler_is_refused(root: Path) -> None:
    result = run("backtest", "--quick", "--scheduler", "nowhere", "--workspace", root)
    assert result.exit_code == 2 and "no scheduler answers there" in result.stderr


def test_a_wrong_day_is_called_wrongly(root: Path) -> None:
    assert run("study", "sbc", "--date", "soon", "--workspace", root).exit_code == 2
    assert run("study", "nothing", "--workspace", root).exit_code == 2


PANEL = "war,country,month,talks,strikes\none,north,2001-01,1,0.5\none,north,2001-02,0,1.5\n"


def test_a_panel_of_one_s_own_is_fitted_and_noted_without_where_it_lay(
    copied_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ripeness.evaluation import wars_panel

    ratios = {"ratio": 2.0, "lower": 1.5, "upper": 2.5, "placebo_ratio": 1.4, "placebo_lower": 1.1, "placebo_upper": 1.8}
    score = {"what": wars_panel.COVARIATES, "nats": 3.2, "lower": -1.0, "upper": 7.0}
    found = (
        [{"mechanism": "strikes", "per": "SD", "onsets": 40, **ratios}],
        {"scores": [score], "rhat": 1.0, "ess_bulk": 9.0, "divergences": 0},
    )
    monkeypatch.setattr(wars_panel, "lay_out_months", lambda panel, shown: list(panel["strikes"]))
    monkeypatch.setattr(wars_panel, "fit_panel", lambda months, seed, progress: found if (months, seed) == ([0.5, 1.5], 3) else None)
    (tmp_path / "mine.csv").write_text(PANEL, "utf-8")
    result = run("study", "wars", "--panel", tmp_path / "mine.csv", "--seed", "3", "--date", "2031-04-01", "--workspace", copied_workspace)
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "2.00 [1.50, 2.50]" in words and "1.40 [1.10, 1.80]" in words
    assert "With countries left out, covariates against dormancy and history: +3.2 nats [-1.0, +7.0]." in words
    assert "Placebo leads that tell something, so that the ratio is no effect: strikes." in words
    folder = copied_workspace / "reports" / "studies"
    about = json.loads((folder / "wars_panel.json").read_text("utf-8"))
    assert (about["command"], about["seed"], about["date"]) == ("ripeness study wars --panel mine.csv", 3, "2031-04-01")
    assert about["versions"]["pymc"] and about["scores"] == [score]
    assert {path.name for path in folder.iterdir()} == {"wars_panel.csv", "wars_panel.json", "wars_panel.svg"}


def test_counts_are_refitted_and_noted_beside_what_was_published(copied_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ripeness.evaluation import wars

    def refit(counts: Any, published: Any, seed: int) -> Any:
        assert seed == 3 and {"onsets", "months_at_risk"} < set(counts) and set(published) >= {"ratio", "lower", "upper"}
        row = {"ratio": 2.0, "lower": 1.5, "upper": 2.5, "published_ratio": 1.4, "published_lower": 1.1, "published_upper": 1.8}
        return [{"mechanism": "strikes", "per": "SD", "onsets": 40, **row}], {"rhat": 1.0, "ess_bulk": 9.0, "divergences": 0}

    monkeypatch.setattr(wars, "refit_counts", refit)
    result = run("study", "wars", "--seed", "3", "--date", "2031-04-01", "--workspace", copied_workspace)
    assert result.exit_code == 0 and "1.40 [1.10, 1.80]" in " ".join(result.stdout.split()), result.output
    folder = copied_workspace / "reports" / "studies"
    about = json.loads((folder / "wars.json").read_text("utf-8"))
    assert (about["command"], about["seed"], about["date"]) == ("ripeness study wars", 3, "2031-04-01")
    assert {path.name for path in folder.iterdir()} == {"wars.csv", "wars.json", "wars.svg"}


def test_a_panel_that_is_wrong_is_refused_and_nothing_is_written(copied_workspace: Path, tmp_path: Path, tree_of: Any) -> None:
    before = tree_of(copied_workspace)
    (tmp_path / "mine.csv").write_text(PANEL.replace("1,0.5", "yes,0.5"), "utf-8")
    result = run("study", "wars", "--panel", tmp_path / "mine.csv", "--workspace", copied_workspace)
    assert result.exit_code == 1 and "mine.csv, line 2: found talks 'yes'" in result.stderr, result.output
    assert run("study", "wars", "--panel", tmp_path / "none.csv", "--workspace", copied_workspace).exit_code == 1
    assert tree_of(copied_workspace) == before
