"""The command line: help, versions, options, what is printed where, and what is never loaded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ripeness.cli.app import app
from ripeness.errors import GateError
from ripeness.ledger.clock import day_of_issue  # as it is, before the tests set it
from ripeness.workflow import forecasts, issue
from ripeness.workflow.request import Request
from ripeness.workflow.run import FORECAST_COLUMNS, FORECAST_JSON, MANIFEST, Run, open_run

VERBS = [
    ["init"],
    ["check"],
    ["claims"],
    ["priors"],
    ["import"],
    ["update"],
    ["fit"],
    ["forecast"],
    ["report"],
    ["resolve"],
    ["data", "show"],
    ["data", "diff"],
    ["ledger", "verify"],
    ["ledger", "migrate"],
    ["backtest"],
    ["study", "scorecard"],
    ["study", "sensitivity"],
    ["study", "sbc"],
    ["news"],
    ["export"],
    ["scenario"],
    ["watch"],
]
FORBIDDEN = ("pymc", "pytensor", "nutpie", "preliz")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def loaded_by(*arguments: str | Path) -> set[str]:
    """Top-level packages that a call of the command line loads, in a process of its own."""
    code = (
        "import sys\nfrom ripeness.cli.app import app\n"
        f"try:\n    app({[str(argument) for argument in arguments]!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\n' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_has_an_example_that_calls_the_verb(verb: list[str]) -> None:
    result = run(*verb, "--help")
    assert result.exit_code == 0
    example = result.stdout.split("Example")[1]
    assert f"ripeness {' '.join(verb)}" in example
    # init alone has none: it makes the workspace that the others work in
    assert ("DIR" if verb == ["init"] else "--workspace DIR") in result.stdout


def test_help_lists_every_verb_whole() -> None:
    listed = run("--help").stdout
    assert all(verb[0] in listed for verb in VERBS)
    assert "..." not in listed.split("Commands:")[1], "the help of a verb is cut"


def test_version() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"ripeness {version('ripeness')}\n")


def test_no_command_shows_help() -> None:
    assert "Usage:" in run().output


def test_help_loads_nothing_slow() -> None:
    slow = {"numpy", "pandas", "pydantic", "xarray", "matplotlib", "arviz", *FORBIDDEN}
    assert not loaded_by("--help") & slow


@pytest.mark.parametrize(
    "arguments",
    [["check"], ["claims"], ["data", "show", "brent"], ["data", "diff", "2026-06-21", "2026-06-28"], ["--version"]],
    ids=" ".join,
)
def test_quick_verbs_never_load_the_sampler(root: Path, arguments: list[str]) -> None:
    options = [] if arguments == ["--version"] else ["--workspace", root]
    assert not loaded_by(*arguments, *options) & set(FORBIDDEN)


def test_check_counts_and_changes_nothing(copied_workspace: Path, tree_of: Callable[[Path], dict[str, bytes | None]]) -> None:
    before = tree_of(copied_workspace)
    result = run("check", "--workspace", copied_workspace)
    assert result.exit_code == 0
    assert "All is sound." in result.stdout
    as_json = json.loads(run("check", "--workspace", copied_workspace, "--json").stdout)
    assert as_json["sound"] is True
    rows = sum(len(path.read_text("utf-8").splitlines()) - 1 for path in _indicator_files(copied_workspace))
    assert as_json["rows"] == rows
    assert f"{rows} rows" in result.stdout
    assert tree_of(copied_workspace) == before


def test_check_says_faults_as_json(copied_workspace: Path) -> None:
    with (copied_workspace / "data/brent.csv").open("a", encoding="utf-8") as file:
        file.write("2026-07-05,much,2026-07-08,US EIA,A\n")
    result = run("check", "--workspace", copied_workspace, "--json")
    output = json.loads(result.stdout)
    assert result.exit_code == 1
    assert output["sound"] is False
    assert [fault["path"] for fault in output["faults"]] == ["data/brent.csv"]
    assert output["faults"][0]["line"] == len((copied_workspace / "data/brent.csv").read_text("utf-8").splitlines())


def test_workspace_is_found_upwards(copied_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copied_workspace / "data")
    assert run("check").exit_code == 0


def test_claims_as_json_are_the_ledger(root: Path) -> None:
    output = json.loads(run("claims", "--workspace", root, "--json").stdout)
    assert len({claim["id"] for claim in output}) == len(output) > 20
    assert {"id", "paragraph", "locator", "direction", "strength"} <= set(output[0])


def test_claims_verify_refuses_another_text(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "essay.txt"
    copy.write_text("Another text.\n", "utf-8")
    result = run("claims", "--workspace", root, "--verify", copy)
    assert result.exit_code == 1
    assert "does not agree" in result.stdout


def test_data_show_is_blind_to_what_was_published_later(root: Path) -> None:
    output = json.loads(run("data", "show", "brent", "--workspace", root, "--as-of", "2025-05-11", "--last", "3", "--json").stdout)
    assert len(output["values"]) == 3
    assert all(row["published_on"] <= "2025-05-11" for row in output["values"])
    later = json.loads(run("data", "show", "brent", "--workspace", root, "--last", "3", "--json").stdout)
    assert later["values"][-1]["observed_on"] > output["values"][-1]["observed_on"]


def test_data_show_prints_a_table(root: Path) -> None:
    output = run("data", "show", "brent", "--workspace", root, "--as-of", "2022-03-09").stdout
    assert "99.36" in output
    assert "114.43" in output
    assert "112.29" not in output


def test_import_counts_and_writes_only_when_asked(copied_workspace: Path, tmp_path: Path) -> None:
    prices = tmp_path / "brent-daily.csv"
    prices.write_text("Date,Price\n" + "".join(f"2026-01-{day:02},60.5\n" for day in range(5, 19)), "utf-8")
    before = (copied_workspace / "data/brent.csv").read_bytes()
    result = run("import", "eia", prices, "--workspace", copied_workspace)
    assert result.exit_code == 0, result.output
    assert "Nothing was written" in result.stdout
    assert (copied_workspace / "data/brent.csv").read_bytes() == before
    out = tmp_path / "out"
    out.mkdir()
    assert run("import", "eia", prices, "--workspace", copied_workspace, "--out", out).exit_code == 0
    assert [path.name for path in out.iterdir()] == ["brent.csv"]
    assert "2026-01-11,60.5," in (out / "brent.csv").read_text("utf-8")


# --- the verbs that fit, with a pipeline that only notes how it was called ----------------------------------------------------------------


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, Request]]:
    """Calls of run_fit, run_forecast and run_report, which leave a made-up run behind."""
    calls: list[tuple[str, Request]] = []
    folder = tmp_path / "2026-06-28"
    folder.mkdir()
    (folder / MANIFEST).write_text('{"schema": 3, "run_id": "a"}', "utf-8")
    row = dict(zip(FORECAST_COLUMNS, ("round", "2026-06-28", 4, "2026-07-26", 0.0649, 0.004, 0.1751, 0.061), strict=True))
    others = row | {"source": "outside", "probability": 0.9}
    about = {"run_id": "a", "question": {"text": "Will they?"}, "origin": "2026-06-28", "reweighted": None}
    (folder / FORECAST_JSON).write_text(json.dumps(about | {"forecasts": [others, row | {"source": "mixture"}]}), "utf-8")

    def note(name: str) -> Callable[..., Run]:
        def call(request: Request, progress: Callable[[str], None]) -> Run:
            calls.append((name, request))
            progress("eliciting priors")
            return open_run(folder)

        return call

    for home, name in ((forecasts, "run_fit"), (forecasts, "run_forecast"), (issue, "run_report")):
        monkeypatch.setattr(home, name, note(name))
    return calls


@pytest.mark.parametrize("verb", ["fit", "forecast", "report"])
def test_options_reach_the_pipeline(root: Path, called: list[tuple[str, Request]], verb: str) -> None:
    result = run(verb, "--workspace", root, "--as-of", "2025-05-11", "--seed", "7", "--sampler", "pymc", "--refit")
    assert result.exit_code == 0, result.output
    assert run(verb, "--workspace", root).exit_code == 0
    asked = Request(root.resolve(), date(2025, 5, 11), 7, "pymc", True)
    assert called == [(f"run_{verb}", asked), (f"run_{verb}", Request(root.resolve()))]
    assert run(verb, "--workspace", root, "--sampler", "stan").exit_code == 2 and len(called) == 2


@pytest.mark.parametrize("day", ["2025-05-12", "2999-01-01"])
@pytest.mark.parametrize("verb", ["report", "resolve"])
def test_no_option_says_another_day_of_issue_than_the_clock(root: Path, called: list[tuple[str, Request]], verb: str, day: str) -> None:
    result = run(verb, "--workspace", root, "--date", day)
    assert result.exit_code == 2 and "No such option" in result.stderr and not called


@pytest.mark.skipif(sys.platform == "win32", reason="has no time.tzset")
@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Etc/GMT-14"])  # at any hour one of them has another day than UTC
def test_the_day_of_issue_is_that_of_no_time_zone(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert day_of_issue() == datetime.now(UTC).date()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_progress_goes_to_stderr(root: Path, called: list[tuple[str, Request]]) -> None:
    result = run("report", "--workspace", root)
    assert "eliciting priors" in result.stderr
    assert "eliciting" not in result.stdout
    assert "index.html" in result.stdout


def test_forecast_prints_no_more_than_is_meant(root: Path, called: list[tuple[str, Request]]) -> None:
    output = run("forecast", "--workspace", root).stdout
    assert "6 %" in output
    assert "< 1 % to 18 %" in output
    assert "90 %" not in output  # of another forecaster
    assert json.loads(run("forecast", "--workspace", root, "--json").stdout)["question"]["text"] == "Will they?"


def test_gate_refuses_with_its_words(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Path:
        raise GateError("R-hat 1.2, at most 1.01")

    monkeypatch.setattr(issue, "run_report", refuse)
    result = run("report", "--workspace", root)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "Refused: R-hat 1.2, at most 1.01"
    assert "Traceback" not in result.output


def _indicator_files(workspace: Path) -> list[Path]:
    return [path for path in (workspace / "data").glob("*.csv") if path.stem not in ("events", "coverage", "crowds")]


@pytest.mark.skipif(sys.platform == "win32", reason="a profile is always there")
@pytest.mark.parametrize("home", ["/nonexistent", "", "."])
def test_without_a_home_libraries_get_a_folder_that_is_never_the_current_one(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import os

    from ripeness.__main__ import find_home

    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    find_home()
    assert os.environ["HOME"] == str(tmp_path) and not caplog.records
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("NUMBA_CACHE_DIR", ".")
    find_home()
    assert Path(os.environ["HOME"]).is_absolute() and "NUMBA_CACHE_DIR" not in os.environ and "not kept" in caplog.text
    monkeypatch.setenv("NUMBA_CACHE_DIR", ".")
    monkeypatch.setenv("HOME", str(tmp_path))
    find_home()
    assert os.environ["HOME"] == str(tmp_path)
