"""The map and the tree agree, imports run one way, and reading and rendering never load the sampler."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

MODULE = re.compile(r"^- `([a-z_/]+\.py)`", re.MULTILINE)
NEVER_SAMPLE = [
    "claims",
    "data.vintages",
    "sources",
    "report.page",
    "ledger",
    "results",
    "pipeline",
    "cli.app",
    "renewal.stored",
    "runs.carried",
    "summary.carried",
]


def test_map_lists_every_module_once_and_no_other(root: Path) -> None:
    package = root / "model" / "ripeness"
    listed = MODULE.findall((root / "ARCHITECTURE.md").read_text("utf-8"))
    there = {path.relative_to(package).as_posix() for path in package.rglob("*.py")} - {
        path.relative_to(package).as_posix() for path in package.rglob("__init__.py")
    }
    assert sorted(there - set(listed)) == [], "modules missing from ARCHITECTURE.md"
    assert sorted(set(listed) - there) == [], "modules in ARCHITECTURE.md that do not exist"
    assert len(listed) == len(set(listed))


def test_layers_of_the_map_are_those_of_the_linter(root: Path) -> None:
    config = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in config["contracts"] if contract["type"] == "layers")
    text = (root / "ARCHITECTURE.md").read_text("utf-8")
    drawn = text.split("```\n")[1].split("\n")
    assert [line.strip() for line in drawn if line.strip()] == layers


def test_imports_run_one_way(root: Path) -> None:
    # In a process of its own: the linter sets up logging and a cache for the whole interpreter.
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", NEVER_SAMPLE)
def test_import_is_free_of_the_sampler(module: str) -> None:
    code = f"import sys, ripeness.{module}; print({{'pymc', 'pytensor', 'nutpie', 'preliz'}} & set(sys.modules) or '')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_condition_or_factor_is_named_in_code(root: Path) -> None:
    workspace = tomllib.loads((root / "ripeness.toml").read_text("utf-8"))
    ids = [entry["id"] for table in ("condition", "factor") for entry in workspace[table]]
    quoted = re.compile(rf"[\"'](?:{'|'.join(ids)})[\"']")
    # importers name the files they make, and one indicator may be called like a factor; the engine names none
    engine = [path for path in (root / "model").rglob("*.py") if path.parent.name != "sources"]
    found = {path.name: quoted.findall(path.read_text("utf-8")) for path in engine}
    assert {name: words for name, words in found.items() if words} == {}


def test_readme_says_the_two_lines(root: Path) -> None:
    lines = (root / "README.md").read_text("utf-8").splitlines()
    assert "python3 -m pip install -q uv && python3 -m uv run ripeness report" in lines
    assert "python3 -m pip install -q uv && python3 -m uv run pytest" in lines


def test_every_version_is_pinned_and_installed_so(root: Path) -> None:
    from importlib.metadata import PackageNotFoundError, version

    pins = dict(
        pin.split("==") for pin in tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]["constraint-dependencies"]
    )
    differing = {}
    for name, pinned in pins.items():
        try:
            found = version(name)
        except PackageNotFoundError:  # not needed on this platform
            continue
        if found != pinned:
            differing[name] = (pinned, found)
    assert differing == {}
