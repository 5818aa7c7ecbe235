"""README and guides: every command is one that the program takes, and the quick ones are run; what a guide adds to a workspace fits it; every file
that is named is there, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner, Result

from ripeness.cli.app import app
from ripeness.cli.init import TEMPLATE

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs" / "guides").glob("*.md")])
BLOCK = re.compile(r"```(?:sh|console)?\n(.*?)```", re.DOTALL)
STORED = {"data/updates.csv", "data/raw/fetched.csv"}  # by the first update, and the first fetch
ADDED = re.compile(r"(At the end of|A new file) `([^`]+)`[^\n]*:\n\n```\w+\n(.*?)```", re.DOTALL)
QUICK = {"init", "check", "claims", "priors", "data"}  # these are run, on a copy
OF_THE_TEMPLATE = {"indicators.md", "another-war.md"}  # guides to a workspace that `ripeness init` has made
SHOWN = re.compile(r"\[[A-Za-z]+\]…?|…")  # of a synopsis: what may or must stand there


def commands_of(page: Path) -> list[str]:
    """Lines of code blocks that call ripeness, without comments and where their output goes, and its commands in the running text."""
    text = page.read_text("utf-8")
    lines = [line.split("  ")[0].split(" #")[0].split(" > ")[0].strip() for block in BLOCK.findall(text) for line in block.splitlines()]
    inline = re.findall(r"`(ripeness [^`]+)`", text)
    return [line for line in [*lines, *inline] if line.startswith("ripeness ")]


STAND_INS = {
    "FROM": "2026-09-27",
    "TO": "2026-10-04",
    "P": "0.5",
    "DAY": "2026-10-04",
    "DATE": "2026-10-04",
    "DIR": "new",
    "INDICATOR": "brent",
}
CALLS = [(page.name, command) for page in PAGES for command in commands_of(page)]


def parse(words: list[str]) -> None:
    """Parse a call as the program would, without running it."""
    command, context = typer.main.get_command(app), None
    name = "ripeness"
    while hasattr(command, "get_command"):
        context = command.make_context(name, list(words), parent=context)
        name, *words = [*context._protected_args, *context.args]
        found = command.get_command(context, name)
        assert found is not None, f"no command '{name}'"
        command = found
    if words:  # a verb by itself is a mention, not a call
        command.make_context(name, list(words), parent=context)


def test_there_are_calls_to_be_tested() -> None:
    assert len(CALLS) > 30 and {page for page, _ in CALLS} >= {"README.md", "scenarios.md", "priors.md", "updates.md"}


@pytest.mark.parametrize(("page", "command"), CALLS, ids=lambda value: value[:40])
def test_every_call_is_one_that_the_program_takes(page: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(SHOWN.sub("", command))[1:]
    if not words or words[0].isupper():
        return
    parse([STAND_INS.get(word, word) for word in words])


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def add_what_is_shown(guide: str, workspace: Path) -> list[str]:
    """Do what a guide says of files; their names."""
    shown = ADDED.findall((ROOT / "docs/guides" / guide).read_text("utf-8"))
    for where, name, content in shown:
        path = workspace / name
        assert path.exists() == (where == "At the end of"), name
        path.write_text((path.read_text("utf-8") + "\n" if path.exists() else "") + content, "utf-8")
    return [name for _, name, _ in shown]


@pytest.fixture(scope="module")
def workspace_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A workspace in which the calls of a page can be run: what `init` makes, with all that the guides add, or a copy of the shipped one."""
    made: dict[bool, Path] = {}

    def find(page: str) -> Path:
        new = page in OF_THE_TEMPLATE
        if new not in made:
            made[new] = tmp_path_factory.mktemp("guides") / "workspace"
            if new:
                shutil.copytree(TEMPLATE, made[new])
                add_what_is_shown("indicators.md", made[new])
            else:
                made[new].mkdir()
                shutil.copy(ROOT / "ripeness.toml", made[new])
                for folder in ("seeds", "priors", "data"):
                    shutil.copytree(ROOT / folder, made[new] / folder)
        return made[new]

    return find


def is_quick(command: str) -> bool:
    words = shlex.split(SHOWN.sub("", command))[1:]
    return bool(words) and words[0] in QUICK and len(words) > (words[0] in {"data", "init"}) and "FILE" not in words


RUN = sorted({(page in OF_THE_TEMPLATE, command): (page, command) for page, command in CALLS if is_quick(command)}.values())


@pytest.mark.parametrize(("page", "command"), RUN, ids=lambda value: value[:60])
def test_a_quick_call_runs(
    page: str, command: str, workspace_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspace_of(page)
    monkeypatch.chdir(workspace)
    words = shlex.split(SHOWN.sub("", command))[1:]
    if words[0] != "init" and any(word.startswith("~/") for word in words):
        shutil.copytree(workspace, tmp_path / next(word for word in words if word.startswith("~/")).removeprefix("~/"))
    here = {"~/": f"{tmp_path}/", "tests/workspaces/": f"{ROOT / 'tests/workspaces'}/"}
    for shown, path in here.items():
        words = [path + word.removeprefix(shown) if word.startswith(shown) else word for word in words]
    result = run(*(STAND_INS.get(word, word) for word in words))
    assert result.exit_code == 0, result.output


def test_every_quick_command_is_run_somewhere() -> None:
    assert {command.split()[1] for _, command in RUN} == QUICK


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_file_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (page.parent / link).exists(), link
    made_here = {name for where, name, _ in ADDED.findall(text) if where == "A new file"}
    for name in re.findall(r"`((?:docs|priors|data|seeds|model)/[\w./-]+\.(?:md|toml|csv|py))`", text):
        assert (ROOT / name).exists() or name in {*STORED, *made_here}, name


def test_the_guide_to_priors_shows_an_entry_as_it_stands() -> None:
    entry = (ROOT / "docs/guides/priors.md").read_text("utf-8").split("```toml\n")[1].split("```")[0]
    assert entry in (ROOT / "priors/factors.toml").read_text("utf-8")


def test_the_model_page_names_modules_that_exist() -> None:
    text = (ROOT / "docs/guides/model.md").read_text("utf-8")
    for name in re.findall(r"`([a-z_/]+\.py)`", text):
        assert (ROOT / name).is_file() or list((ROOT / "model/ripeness").rglob(name.split("/")[-1])), name


def test_the_guide_to_indicators_adds_what_fits_at_every_step(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATE, tmp_path / "valleys")
    bare = run("check", "--workspace", tmp_path / "valleys").stdout
    named = add_what_is_shown("indicators.md", tmp_path / "valleys")
    assert len(named) == 8, named
    result = run("check", "--workspace", tmp_path / "valleys")
    assert result.exit_code == 0, result.output
    assert "All is sound." in result.stdout and "Note" not in result.stdout
    before, after = (int(re.search(r"(\d+) indicators", text)[1]) for text in (bare, result.stdout))  # type: ignore[index]
    assert after == before + 2


def test_the_guide_to_the_model_adds_an_interaction_that_fits(copied_workspace: Path) -> None:
    assert add_what_is_shown("model.md", copied_workspace) == ["priors/hazard.toml"]
    result = run("check", "--workspace", copied_workspace)
    assert result.exit_code == 0, result.output


def test_the_guide_to_scenarios_adds_one_that_fits(copied_workspace: Path) -> None:
    assert add_what_is_shown("scenarios.md", copied_workspace) == ["priors/scenarios.toml"]
    result = run("check", "--workspace", copied_workspace)
    assert result.exit_code == 0, result.output


def test_the_guide_to_updates_adds_an_era_that_fits(copied_workspace: Path) -> None:
    text = (ROOT / "docs/guides/updates.md").read_text("utf-8")
    era, *shares = re.findall(r"```toml\n(.*?)```", text.split("## A week after the last era")[1], re.DOTALL)
    contracts, loadings = copied_workspace / "data/indicators.toml", copied_workspace / "priors/loadings.toml"
    contracts.write_text(re.sub(r"(?m)(?<=to = 2026-10-04 },\n)\]$", lambda end: era + end[0], contracts.read_text("utf-8")), "utf-8")
    result = run("check", "--workspace", copied_workspace)
    assert result.exit_code == 1 and "from_2026_10" in result.output, "an era asks for its share"
    loadings.write_text("\n".join([loadings.read_text("utf-8"), *shares]), "utf-8")
    result = run("check", "--workspace", copied_workspace)
    assert result.exit_code == 0, result.output


def test_the_readme_shows_the_page() -> None:
    picture = ROOT / "docs" / "page.png"
    assert f"](docs/{picture.name})" in (ROOT / "README.md").read_text("utf-8")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size <= 150_000


def test_what_the_guide_to_the_model_quotes_stands_in_the_code() -> None:
    quoted = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "guides" / "model.md").read_text("utf-8"), re.DOTALL)
    code = (ROOT / "model" / "ripeness" / "model" / "terms" / "interactions.py").read_text("utf-8")
    assert len(quoted) == 4
    for block in quoted:
        assert block in code, block
