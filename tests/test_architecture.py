"""The map and the tree agree, imports run one way, and reading and rendering never load the sampler."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOM = re.compile(r"^\| `([a-z_/]+)/` \|", re.MULTILINE)
PARTIES = re.compile(r"(?i)ukrain|russia|kyiv|kiev|moscow|kremlin|putin|zelensk|crimea|donbas")
# ids that are words besides: mechanisms of a claim, prose on other wars; and the example series of the commands' help
ALLOWED = {
    "mediation": {"essay/entries.py", "elicitation/reference.py"},
    "guarantees": {"essay/entries.py", "data/events.py"},
    "distrust": {"essay/entries.py"},
    "brent": {"cli/app.py"},
}
NEVER_SAMPLE = [
    "essay",
    "data.vintages",
    "intake.updates",
    "intake.sources",
    "report.page",
    "ledger",
    "workflow.run",
    "workflow.forecasts",
    "cli.app",
    "reweighting.stored",
    "workflow.reweight_run",
    "workflow.summary_reweighted",
]


def test_map_lists_every_room_once_and_no_other(root: Path) -> None:
    package = root / "model" / "ripeness"
    listed = ROOM.findall((root / "ARCHITECTURE.md").read_text("utf-8"))
    there = {path.parent.relative_to(package).as_posix() for path in package.rglob("*.py")} - {"."}
    assert sorted(there - set(listed)) == [], "rooms missing from ARCHITECTURE.md"
    assert sorted(set(listed) - there) == [], "rooms in ARCHITECTURE.md that do not exist"
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


def test_nothing_of_the_shipped_war_is_wired_into_the_engine(root: Path) -> None:
    """No name of its parties, and no id of a condition, factor or indicator but where it is a word of the language or an example."""
    ids = {entry["id"] for table in ("condition", "factor") for entry in read_toml(root / "ripeness.toml")[table]}
    ids |= {name for name, table in read_toml(root / "data" / "indicators.toml").items() if isinstance(table, dict)}
    word = re.compile(rf"(?<!\w)({'|'.join(sorted(ids))})(?!\w)")
    found: dict[str, set[str]] = {}
    package = root / "model" / "ripeness"
    files = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) > 100
    for path in files:
        text = path.read_text("utf-8")
        prose = "template" in path.parts  # its own ids are held apart by the tests of init
        for name in {*PARTIES.findall(text), *([] if prose else word.findall(text))}:
            found.setdefault(name, set()).add(path.relative_to(package).as_posix())
    assert {name: sorted(paths - ALLOWED.get(name, set())) for name, paths in found.items() if paths - ALLOWED.get(name, set())} == {}
    assert all(paths <= found.get(name, set()) for name, paths in ALLOWED.items()), "allowed and not there: remove it"


def read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def test_csv_and_toml_have_one_reader_each(root: Path) -> None:
    readers = {r"^\s*(import|from) csv\b|\bpd\.read_(csv|table)": "csv.py", r"\btomllib\b": "toml.py"}
    for pattern, name in readers.items():
        found = [path for path in (root / "model").rglob("*.py") if re.search(pattern, path.read_text("utf-8"), re.MULTILINE)]
        assert [path.relative_to(root).as_posix() for path in found] == [f"model/ripeness/workspace/{name}"]


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


def test_the_clock_is_read_for_days_that_are_written_down_and_in_no_computation(root: Path) -> None:
    package = root / "model"
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"\b(now|utcnow|today|fromtimestamp|localtime|gmtime|ctime|time_ns)\(|\btime\.time\(", path.read_text("utf-8"))
    }
    assert found == {"ripeness/ledger/clock.py", "ripeness/cli/studies.py"}
