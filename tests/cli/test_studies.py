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
        "best_week_probability,best_week_outside\nmixture,all,8,2,2,0.4,,,0.9,no,0.3,0.2,2031-01-12,0.2,0.05,0.04\n",
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
    for name in ("sensitivity", "scorecard", "sbc", "backtest"):
        (tables / f"{name}.json").write_text(json.dumps(ABOUT), "utf-8")
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
