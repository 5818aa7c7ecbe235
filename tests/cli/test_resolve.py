"""`ripeness resolve` at the door: what it prints, writes and refuses, and what it never loads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ripeness.cli.app import app
from ripeness.ledger import FILE, RESOLUTIONS_FILE, clock

Tree = Callable[[Path], dict[str, bytes | None]]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["resolve", *(str(argument) for argument in arguments)])


@pytest.fixture
def workspace(copied_workspace: Path, root: Path) -> Path:
    """A copy of the shipped workspace with the first sixteen forecasts of its ledger."""
    (copied_workspace / "reports").mkdir()
    lines = (root / "reports" / FILE).read_text("utf-8").splitlines(keepends=True)
    (copied_workspace / "reports" / FILE).write_text("".join(lines[:17]), "utf-8", newline="\n")
    return copied_workspace


def test_the_shipped_ledger_is_resolved_by_the_record(workspace: Path) -> None:
    output = json.loads(run("--workspace", workspace, "--as-of", "2026-06-28", "--json").stdout)
    assert [(row["question"], row["horizon_weeks"], row["outcome"]) for row in output["added"]] == [
        ("round", 4, "yes"),
        ("round", 13, "yes"),
        ("round", 26, "yes"),
        ("round", 52, "yes"),
        ("sustained", 4, "no"),  # 16 May and 2 June only
        ("sustained", 13, "yes"),  # and 23 July
        ("sustained", 26, "yes"),
        ("sustained", 52, "yes"),
    ]
    assert {row["issued"] for row in output["added"]} == {"hindsight"}
    assert output["counts"]["ahead"] == {"issued": 0, "open": 0, "resolved": 0, "void": 0, "due": 0}
    assert output["counts"]["late"] == {"issued": 4, "open": 4, "resolved": 0, "void": 0, "due": 0}
    assert output["counts"]["hindsight"] == {"issued": 12, "open": 4, "resolved": 8, "void": 0, "due": 0}
    assert {row["evidence"] is None for row in output["added"] if row["outcome"] == "yes"} == {False}
    first = (workspace / "reports" / RESOLUTIONS_FILE).read_text("utf-8").splitlines()[1]
    assert first.startswith("5d77ed9ad23d,round,2025-05-11,4,2025-06-08,0.274436,0.269993,yes,2026-06-28,hindsight,")
    assert "rounds on 2025-05-16 and 2025-06-02" in first and "0.526443" in first  # (1 − 0.274436)²


def test_a_second_time_adds_nothing_and_says_so(workspace: Path, tree_of: Tree) -> None:
    first = run("--workspace", workspace)
    assert first.exit_code == 0, first.output
    assert "2025-05-11" in first.stdout and "Late, not scored: 4 issued, 4 open, 0 resolved, 0 void." in first.stdout
    before = tree_of(workspace)
    again = run("--workspace", workspace)
    assert "Nothing new is settled by what was known on" in again.stdout
    assert "Ahead: 0 issued" in again.stdout and "In hindsight: 12 issued, 0 open, 12 resolved, 0 void." in again.stdout
    assert tree_of(workspace) == before


def test_the_day_of_the_clock_is_written_and_one_that_is_over_is_not(
    workspace: Path, today: date, monkeypatch: pytest.MonkeyPatch, tree_of: Tree
) -> None:
    before = tree_of(workspace)
    monkeypatch.setattr(clock, "day_of_issue", lambda: date(2026, 10, 8))
    refused = run("--workspace", workspace)
    assert refused.exit_code == 2 and "a row of the data was published on 2026-10-10" in refused.stderr
    assert tree_of(workspace) == before
    monkeypatch.undo()
    output = json.loads(run("--workspace", workspace, "--json").stdout)
    assert {row["resolved_on"] for row in output["added"]} == {str(today)}
    before = tree_of(workspace)
    monkeypatch.setattr(clock, "day_of_issue", lambda: today - timedelta(days=1))
    refused = run("--workspace", workspace)
    assert refused.exit_code == 2 and f"a row of reports/ was written on {today}" in refused.stderr
    assert tree_of(workspace) == before


def test_an_earlier_day_resolves_less(workspace: Path) -> None:
    output = json.loads(run("--workspace", workspace, "--as-of", "2025-06-15", "--json").stdout)
    assert [(row["question"], row["horizon_weeks"]) for row in output["added"]] == [("round", 4), ("sustained", 4)]


@pytest.mark.parametrize(
    ("day", "words"), [("2099-01-01", "the newest row of the data was published on 20"), ("2021-01-01", "the record begins on 2022-02-24")]
)
def test_a_day_that_the_data_do_not_know_is_refused(workspace: Path, tree_of: Tree, day: str, words: str) -> None:
    before = tree_of(workspace)
    result = run("--workspace", workspace, "--as-of", day)
    assert result.exit_code == 2 and words in result.stderr
    assert tree_of(workspace) == before


def test_a_spoilt_ledger_is_refused_with_its_line(workspace: Path, tree_of: Tree) -> None:
    path = workspace / "reports" / FILE
    path.write_text(path.read_text("utf-8").replace("0.301819", "30.2 %"), "utf-8")
    before = tree_of(workspace)
    result = run("--workspace", workspace)
    assert result.exit_code == 1 and "Error: reports/ledger.csv, line 3: found probability '30.2 %'" in result.stderr
    assert "Traceback" not in result.output
    assert tree_of(workspace) == before


def test_without_a_ledger_nothing_is_resolved_or_written(workspace: Path, tree_of: Tree) -> None:
    shutil.rmtree(workspace / "reports")
    before = tree_of(workspace)
    result = run("--workspace", workspace)
    assert result.exit_code == 0 and "Ahead: 0 issued" in result.stdout
    assert tree_of(workspace) == before


def test_the_sampler_is_never_loaded(workspace: Path) -> None:
    code = (
        "import sys\nfrom ripeness.cli.app import app\n"
        f"try:\n    app(['resolve', '--workspace', {str(workspace)!r}])\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert not {'pymc', 'pytensor', 'nutpie', 'preliz'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
