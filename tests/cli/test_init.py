"""`ripeness init`: a whole workspace or nothing, sound, and one that runs to its page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ripeness.cli import init
from ripeness.cli.app import app
from ripeness.data.indicators import read_contracts
from ripeness.workflow.run import open_run
from ripeness.workspace import read_workspace

Tree = dict[str, bytes | None]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    target = tmp_path / "desks" / "valleys"
    result = run("init", target)
    assert result.exit_code == 0, result.output
    return target


def test_a_new_workspace_is_the_template_byte_for_byte(made: Path, tree_of: Callable[[Path], Tree]) -> None:
    assert tree_of(made) == tree_of(init.TEMPLATE)
    assert [path.name for path in made.parent.iterdir()] == ["valleys"], "something was left beside it"
    assert not list(init.TEMPLATE.rglob("*.py")), "the template is data: code would be part of the engine"


def test_a_new_workspace_is_sound(made: Path) -> None:
    result = run("check", "--workspace", made)
    assert (result.exit_code, "All is sound." in result.stdout, "Note" in result.stdout) == (0, True, False), result.output
    verified = run("claims", "--workspace", made, "--verify", made / "seeds/essay.txt")
    assert verified.exit_code == 0, verified.output


def test_it_says_what_to_do_next(tmp_path: Path) -> None:
    output = run("init", tmp_path / "valleys").stdout
    assert "ripeness check" in output and "ripeness report" in output
    assert len(output.splitlines()) < 8


def test_every_file_a_person_edits_says_what_it_is(made: Path) -> None:
    heads = {path.relative_to(made).as_posix(): path.read_text("utf-8").splitlines()[0] for path in made.rglob("*.toml")}
    assert len(heads) == 13
    assert [name for name, head in heads.items() if not head.startswith("# ")] == []


def test_nothing_of_the_shipped_workspace_is_in_the_template(root: Path) -> None:
    # general files may stay: rates of other wars, the table of words, published findings
    shipped = read_workspace(root)
    mine = read_workspace(init.TEMPLATE)
    assert not {*shipped.factor_ids, *shipped.condition_ids} & {*mine.factor_ids, *mine.condition_ids}
    assert not set(read_contracts(shipped)) & set(read_contracts(mine))


def test_an_empty_folder_is_filled(tmp_path: Path, tree_of: Callable[[Path], Tree], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert run("init", ".").exit_code == 0
    assert tree_of(folder) == tree_of(init.TEMPLATE)


@pytest.mark.parametrize("there", ["notes.txt", ".hidden", "folder/"])
def test_a_folder_with_something_in_it_is_refused(tmp_path: Path, tree_of: Callable[[Path], Tree], there: str) -> None:
    (tmp_path / there).mkdir() if there.endswith("/") else (tmp_path / there).write_text("mine", "utf-8")
    before = tree_of(tmp_path)
    result = run("init", tmp_path)
    assert result.exit_code == 2
    assert "is not empty" in result.stderr
    assert tree_of(tmp_path) == before


def test_a_file_and_an_empty_title_are_refused(tmp_path: Path, tree_of: Callable[[Path], Tree]) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    before = tree_of(tmp_path)
    assert run("init", tmp_path / "file").exit_code == 2
    assert run("init", tmp_path / "new", "--title", " ").exit_code == 2
    assert tree_of(tmp_path) == before


def test_a_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    result = run("init", tmp_path / "file" / "below")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr and "Traceback" not in result.output


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("step", ["write_bytes", "rename"])
def test_what_fails_half_way_leaves_nothing(
    tmp_path: Path, tree_of: Callable[[Path], Tree], monkeypatch: pytest.MonkeyPatch, exists: bool, step: str
) -> None:
    target = tmp_path / "new" / "deep"
    if exists:
        target.mkdir(parents=True)
    before = tree_of(tmp_path)
    real: Any = getattr(Path, step)

    def fails_at_the_title_page(self: Path, *arguments: Any) -> Any:
        if (step == "rename" and not exists) or self.name == "ripeness.toml":
            raise OSError(28, "No space left on device")
        return real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Path, step, fails_at_the_title_page)
        result = run("init", target)
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert tree_of(tmp_path) == before


@pytest.mark.parametrize("title", ["Will the valleys talk?", 'A "quoted" \\ one, \\1 and é', "two\nlines = 3"])
def test_a_title_stands_on_the_page(tmp_path: Path, title: str) -> None:
    assert run("init", tmp_path / "valleys", "--title", title).exit_code == 0
    assert read_workspace(tmp_path / "valleys").title == title.replace("\n", "\ufffd")
    assert run("check", "--workspace", tmp_path / "valleys").exit_code == 0


def test_a_new_workspace_runs_to_its_page(made: Path) -> None:
    result = run("report", "--workspace", made)
    assert result.exit_code == 0, result.output
    (folder,) = (made / "reports").glob("*/")
    stored = open_run(folder)
    assert stored.summary["gate"]["passed"] is True
    assert stored.summary["flags"] == []
    assert 0 < stored.forecast["probability"].min() <= stored.forecast["probability"].max() < 1
    page = (folder / "index.html").read_text("utf-8")
    assert "Will Arden and Belmora talk?" in page
    assert not re.search("ukrain|russia|kyiv|moscow|kremlin|putin", page, re.IGNORECASE)
    for verb in ("scenario", "watch"):  # what begins with the stored draws has a way of its own through the workspace
        result = run(verb, "--workspace", made)
        assert result.exit_code == 0, result.output
