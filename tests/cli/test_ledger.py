"""`ripeness ledger` at the door: heads, what was touched, and the one time that an older ledger is chained; `ripeness check` looks too."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ripeness.cli.app import app
from ripeness.ledger import FILE, RESOLUTIONS_FILE, read_ledger

Tree = Callable[[Path], dict[str, bytes | None]]
OLD = 15  # columns before rows were chained


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def desk(copied_workspace: Path, root: Path) -> Path:
    """A copy of the shipped workspace with its ledger."""
    (copied_workspace / "reports").mkdir()
    for name in (FILE, RESOLUTIONS_FILE):
        shutil.copy(root / "reports" / name, copied_workspace / "reports" / name)
    return copied_workspace


def lines_of(desk: Path) -> list[str]:
    return (desk / "reports" / FILE).read_text("utf-8").splitlines()


def write(desk: Path, lines: list[str]) -> None:
    (desk / "reports" / FILE).write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


def test_verify_prints_the_heads_and_changes_nothing(desk: Path, tree_of: Tree) -> None:
    before = tree_of(desk)
    result = run("ledger", "verify", "--workspace", desk)
    head = lines_of(desk)[-1].split(",")[-1]
    assert result.exit_code == 0 and f"ledger.csv {len(lines_of(desk)) - 1} {head}\n" in result.stdout
    kept = lines_of(desk)[20].split(",")[-1]
    output = json.loads(run("ledger", "verify", kept.upper(), "--workspace", desk, "--json").stdout)
    assert output["kept"] == {"file": FILE, "line": 21} and output["heads"][0]["digest"] == head
    assert "ledger.csv, line 21: nothing up to it was touched" in run("ledger", "verify", kept, "--workspace", desk).stdout
    assert tree_of(desk) == before


@pytest.mark.parametrize("head", ["", "9f2c", "z" * 64, "0" * 65])
def test_what_is_no_digest_is_no_sign_that_rows_are_missing(desk: Path, head: str) -> None:
    result = run("ledger", "verify", head, "--workspace", desk)
    assert result.exit_code == 2 and "write all of its 64 hexadecimal digits" in result.stderr


def test_a_head_that_no_row_has_is_a_fault(desk: Path) -> None:
    head = lines_of(desk)[-1].split(",")[-1]
    (desk / "reports" / RESOLUTIONS_FILE).unlink()
    write(desk, lines_of(desk)[:-1])
    assert run("ledger", "verify", "--workspace", desk).exit_code == 0
    result = run("ledger", "verify", head, "--workspace", desk)
    assert result.exit_code == 1 and f"Error: reports/ledger.csv: found no row with the digest {head}" in result.stderr


@pytest.mark.parametrize("command", [["ledger", "verify"], ["check"], ["resolve"]], ids=" ".join)
@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (lambda lines: [*lines[:9], lines[9].replace("0.072239", "0.082239"), *lines[10:]], 10, "a row edited"),
        (lambda lines: [*lines[:9], *lines[10:]], 10, "a row before which others were deleted"),
        (lambda lines: [*lines[:9], lines[10], lines[9], *lines[11:]], 10, "a row moved here"),
        (lambda lines: [*lines, lines[9]], 50, "a second time"),
    ],
    ids=["edited", "deleted", "moved", "doubled"],
)
def test_what_was_touched_is_named_with_its_line(
    desk: Path, tree_of: Tree, command: list[str], change: Callable[[list[str]], list[str]], line: int, words: str
) -> None:
    write(desk, change(lines_of(desk)[:49]))
    before = tree_of(desk)
    result = run(*command, "--workspace", desk)
    assert result.exit_code == 1 and f"Error: reports/ledger.csv, line {line}: found " in result.stderr and words in result.stderr
    assert tree_of(desk) == before


def test_check_looks_at_the_resolutions_and_says_what_is_not_chained(desk: Path) -> None:
    assert run("check", "--workspace", desk).exit_code == 0
    path = desk / "reports" / RESOLUTIONS_FILE
    path.write_text(path.read_text("utf-8").replace("rounds on 2025-05-16 and", "rounds on 2025-05-17 and", 1), "utf-8", newline="\n")
    output = json.loads(run("check", "--workspace", desk, "--json").stdout)
    assert [(fault["path"], fault["line"]) for fault in output["faults"]] == [("reports/resolutions.csv", 2)]
    path.unlink()
    unchain(desk)
    assert "the rows of ledger.csv are not chained yet" in " ".join(run("check", "--workspace", desk).stdout.split())


def unchain(desk: Path) -> None:
    """Write the ledger as it was before there was a chain."""
    write(desk, [",".join(line.split(",")[: OLD + ('"' in line)]) for line in lines_of(desk)])


def test_an_older_ledger_is_chained_once(desk: Path, tree_of: Tree) -> None:
    unchain(desk)
    days = ["--issued", "5d77ed9ad23d=2026-11-22", "--note", "by the history"]
    for wrong in (
        days[:2],
        days[2:],
        [*days, "--issued", "5d77"],
        [*days, "--issued", "5d77ed9ad23d=yesterday"],
        [*days, "--issued", "x=2026-11-22"],
        [*days, "--issued", "9eeaf9e19e96=2999-01-01"],  # yet to come: all rows after it would be late
        [*days, "--issued", "9eeaf9e19e96=2026-06-27"],  # before its origin
        [*days[:3], "by the\nhistory"],
    ):
        before = tree_of(desk)
        assert run("ledger", "migrate", *wrong, "--workspace", desk).exit_code == 2
        assert tree_of(desk) == before
    result = run("ledger", "migrate", *days, "--workspace", desk)
    assert result.exit_code == 0 and result.stdout == run("ledger", "verify", "--workspace", desk).stdout
    assert [str(one.issued_on) for one in read_ledger(desk / "reports")[7:9]] == ["2026-11-22", "None"]
    again = run("ledger", "migrate", "--workspace", desk)
    assert again.exit_code == 2 and "every row is chained already" in again.stderr


def test_without_a_ledger_there_is_nothing_to_verify(copied_workspace: Path) -> None:
    assert run("ledger", "verify", "--workspace", copied_workspace).stdout == "No ledger yet.\n"
    assert run("ledger", "migrate", "--workspace", copied_workspace).exit_code == 2


def test_the_sampler_is_never_loaded(desk: Path) -> None:
    code = (
        "import sys\nfrom ripeness.cli.app import app\n"
        f"try:\n    app(['ledger', 'verify', '--workspace', {str(desk)!r}])\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert not {'pymc', 'pytensor', 'nutpie', 'preliz'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
