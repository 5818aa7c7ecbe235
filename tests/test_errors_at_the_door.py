"""Wrong input: one clear error that names file and line, the right exit code, no traceback, and nothing changed on disk."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ripeness.cli import inputs
from ripeness.cli.app import app

Tree = Callable[[Path], dict[str, bytes | None]]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def edit(path: Path, old: str, new: str) -> int:
    """Replace the first `old` in a file by `new`; returns its line."""
    text = path.read_text("utf-8")
    assert old in text, f"the test expects '{old}' in {path.name}"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return text[: text.index(old)].count("\n") + 1


def assert_refused(result: Result, code: int, *message: str) -> None:
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    for words in message:
        assert words in result.stderr, f"'{words}' is not in:\n{result.stderr}"


# --- content: exit 1, one fault, file and line ------------------------------------------------------------------------------------------


def break_toml(workspace: Path) -> tuple[str, int]:
    return "priors/factors.toml", edit(workspace / "priors/factors.toml", "schema = 1", "schema = = 1")


def break_workspace_file(workspace: Path) -> tuple[str, int]:
    return "ripeness.toml", edit(workspace / "ripeness.toml", 'title = "Will', "title = Will")


def cross_quantiles(workspace: Path) -> tuple[str, int]:
    path = workspace / "priors/factors.toml"
    text = path.read_text("utf-8")
    found = re.search(r"^q05 = (\S+)$", text, re.MULTILINE)
    assert found
    return "priors/factors.toml", edit(path, found.group(0), "q05 = 99999")


def bad_date(workspace: Path) -> tuple[str, int]:
    return "data/brent.csv", edit(workspace / "data/brent.csv", "2022-03-06,", "2022-02-31,")


def word_for_number(workspace: Path) -> tuple[str, int]:
    return "data/brent.csv", edit(workspace / "data/brent.csv", ",114.43,", ",much,")


def duplicate_row(workspace: Path) -> tuple[str, int]:
    path = workspace / "data/brent.csv"
    line = path.read_text("utf-8").splitlines()[2]
    return "data/brent.csv", edit(path, line, f"{line}\n{line}") + 1


def certain_search(workspace: Path) -> tuple[str, int]:
    return "data/coverage.csv", edit(workspace / "data/coverage.csv", ",0.95,0.99,", ",0.95,1,")


def empty_csv(workspace: Path) -> tuple[str, None]:
    (workspace / "data/brent.csv").write_text("", "utf-8")
    return "data/brent.csv", None


def no_contract(workspace: Path) -> tuple[str, None]:
    (workspace / "data/wheat.csv").write_text("observed_on,value,published_on,source,grade\n2026-01-04,1,2026-01-05,x,A\n", "utf-8")
    return "data/wheat.csv", None


def no_rows(workspace: Path) -> tuple[str, None]:
    (workspace / "data/brent.csv").unlink()
    return "data/brent.csv", None


def missing_file(workspace: Path) -> tuple[str, None]:
    (workspace / "seeds/claims.toml").unlink()
    return "seeds/claims.toml", None


def unknown_factor(workspace: Path) -> tuple[str, int]:
    return "seeds/claims.toml", edit(workspace / "seeds/claims.toml", 'condition = "channel_open"', 'condition = "chanel_open"')


def empty_workspace_file(workspace: Path) -> tuple[str, None]:
    (workspace / "ripeness.toml").write_text("", "utf-8")
    return "ripeness.toml", None


SPOIL = [
    break_toml,
    break_workspace_file,
    cross_quantiles,
    bad_date,
    word_for_number,
    duplicate_row,
    certain_search,
    empty_csv,
    no_contract,
    no_rows,
    missing_file,
    unknown_factor,
    empty_workspace_file,
]


@pytest.mark.parametrize("spoil", SPOIL, ids=lambda spoil: spoil.__name__)
def test_wrong_content_is_refused_with_file_and_line(
    copied_workspace: Path, tree_of: Tree, spoil: Callable[[Path], tuple[str, int | None]]
) -> None:
    file, line = spoil(copied_workspace)
    before = tree_of(copied_workspace)
    result = run("check", "--workspace", copied_workspace)
    place = f"Error: {file}, line {line}: found" if line else f"Error: {file}: found"
    assert_refused(result, 1, place, "expected", "To mend:", "nothing was changed")
    if spoil is not empty_workspace_file:  # which lacks many things at once
        assert result.stderr.count("Error: ") == 1, result.stderr
    assert tree_of(copied_workspace) == before


@pytest.mark.parametrize("verb", ["fit", "forecast", "report", "priors"])
def test_no_verb_starts_on_wrong_content(copied_workspace: Path, tree_of: Tree, verb: str) -> None:
    file, line = bad_date(copied_workspace)
    before = tree_of(copied_workspace)
    assert_refused(run(verb, "--workspace", copied_workspace), 1, f"{file}, line {line}")
    assert tree_of(copied_workspace) == before


@pytest.mark.parametrize("verb", ["fit", "report"])
def test_a_spoilt_ledger_is_reported_before_anything_is_fitted(
    copied_workspace: Path, tree_of: Tree, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setitem(sys.modules, "ripeness.elicitation.elicit", None)  # what comes next cannot be imported
    (copied_workspace / "reports").mkdir()
    (copied_workspace / "reports" / "ledger.csv").write_text("run,question\n", "utf-8")
    before = tree_of(copied_workspace)
    assert_refused(run(verb, "--workspace", copied_workspace), 1, "Error: reports/ledger.csv, line 1: found columns 'run,question'")
    assert tree_of(copied_workspace) == before


def test_a_name_of_odd_bytes_is_reported(copied_workspace: Path) -> None:
    (copied_workspace / "data" / os.fsdecode(b"w\xff.csv")).write_text("x\n", "utf-8")
    for options in ([], ["--json"]):
        command = [sys.executable, "-m", "ripeness", "check", "--workspace", str(copied_workspace), *options]
        strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}  # as most terminals are
        done = subprocess.run(command, capture_output=True, check=False, env=strict)
        assert (done.returncode, b"Traceback" in done.stderr) == (1, False), done.stderr
        assert "data/w\ufffd.csv: found rows without a contract" in done.stderr.decode()


def test_all_faults_are_reported_at_once(copied_workspace: Path) -> None:
    places = [spoil(copied_workspace) for spoil in (word_for_number, unknown_factor)]
    assert_refused(run("check", "--workspace", copied_workspace), 1, *(f"{file}, line {line}" for file, line in places), "2 faults")


def test_faults_of_priors_are_reported_beside_those_of_rows(copied_workspace: Path) -> None:
    places = [spoil(copied_workspace) for spoil in (word_for_number, cross_quantiles)]
    assert_refused(run("check", "--workspace", copied_workspace), 1, *(f"{file}, line {line}" for file, line in places), "2 faults")


@pytest.mark.parametrize(("file", "old"), [("data/indicators.toml", 'likelihood = "student"'), ("seeds/claims.toml", 'about = "effect"')])
def test_priors_are_not_blamed_for_what_they_are_checked_against(copied_workspace: Path, file: str, old: str) -> None:
    line = edit(copied_workspace / file, old, old.replace('"', "'", 1))
    result = run("check", "--workspace", copied_workspace)
    assert_refused(result, 1, f"Error: {file}, line {line}")
    assert result.stderr.count("Error: ") == 1, result.stderr


# --- usage: exit 2 ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chekc"], "Did you mean 'check'?"),
        (["check", "--workspce", "."], "--workspace"),
        (["report", "--as-of", "yesterday"], "'yesterday' is no day: write YYYY-MM-DD"),
        (["report", "--as-of", "2026-02-30"], "'2026-02-30' is no day"),
        (["report", "--as-of", "20260228"], "'20260228' is no day"),
        (["report", "--as-of", "1999-01-01"], "the record begins on"),
        (["report", "--as-of", "2099-01-01"], "coverage.csv"),
        (["fit", "--seed", "seven"], "--seed"),
        (["fit", "--seed", "-1"], "--seed"),
        (["data", "show", "brant"], "did you mean 'brent'?"),
        (["import", "eai", "brent-daily.csv"], "did you mean 'eia'?"),
        (["claims", "--verify", "no-such-essay.txt"], "no such file"),
        (["check", "--workspace", "no-such-folder"], "no such folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_call_is_refused(
    copied_workspace: Path, tree_of: Tree, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(copied_workspace)
    before = tree_of(copied_workspace)
    assert_refused(run(*arguments), 2, message)
    assert tree_of(copied_workspace) == before


@pytest.mark.parametrize(("number", "mend"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "ask its owner")])
def test_a_disk_that_is_full_or_may_not_be_written_to_is_reported(monkeypatch: pytest.MonkeyPatch, number: int, mend: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number), "/somewhere/reports/\x1b[31mforecast.csv")

    monkeypatch.setattr(inputs, "show_check", refuse)
    result = run("check")
    assert_refused(result, 1, "forecast.csv cannot be written", os.strerror(number), f"To mend: {mend}")
    assert "/somewhere" not in result.stderr and "\x1b" not in result.stderr


def test_a_folder_without_workspace_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(run("check"), 2, "no ripeness.toml in this folder or above it")
    assert_refused(run("check", "--workspace", tmp_path), 2, "no ripeness.toml in this folder")
    assert list(tmp_path.iterdir()) == []


def test_empty_data_folder_is_reported(copied_workspace: Path) -> None:
    for path in (copied_workspace / "data").iterdir():
        path.unlink()
    assert_refused(run("check", "--workspace", copied_workspace), 1, "Error: data: found no file")


def test_import_refuses_a_missing_or_broken_file(copied_workspace: Path, tree_of: Tree, tmp_path: Path) -> None:
    before = tree_of(copied_workspace)
    assert_refused(run("import", "eia", tmp_path / "none.csv", "--workspace", copied_workspace), 1, "none.csv", "no such file")
    broken = tmp_path / "brent-daily.csv"
    broken.write_text("Date,Price\n2026-01-05,60.1\n2026-01-06,sixty\n", "utf-8")
    result = run("import", "eia", broken, "--workspace", copied_workspace, "--out", copied_workspace / "data")
    assert_refused(result, 1, "brent-daily.csv, line 3")
    assert tree_of(copied_workspace) == before


def test_import_never_loses_rows(copied_workspace: Path, tree_of: Tree, tmp_path: Path) -> None:
    short = tmp_path / "brent-daily.csv"
    short.write_text("Date,Price\n" + "".join(f"2026-01-{day:02},60.5\n" for day in range(5, 10)), "utf-8")
    before = tree_of(copied_workspace)
    result = run("import", "eia", short, "--workspace", copied_workspace, "--out", copied_workspace / "data")
    assert_refused(result, 1, "brent.csv", "row(s) that the import lacks", "nothing was changed")
    assert tree_of(copied_workspace) == before
