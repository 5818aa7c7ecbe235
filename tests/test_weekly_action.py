"""The recipe for GitHub Actions in docs/guides/weekly.md: its steps are run in a small repository, with a stand-in for the program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "weekly.md"
STAND_IN = """\
#!/bin/sh
[ "$*" = "-m uv run ripeness run" ] || exit 99
[ -n "$ROW" ] && echo "$ROW" >> data/brent.csv
mkdir -p data/raw reports/2026-10-04 && echo draws > reports/2026-10-04/posterior.nc
exit "$CODE"
"""

pytestmark = pytest.mark.skipif(not shutil.which("bash") or not shutil.which("git"), reason="needs bash and git")


@pytest.fixture(scope="module")
def action() -> Any:
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    return yaml.safe_load(text)


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a row of data, and where it is pushed to."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "remote")], check=True)
    subprocess.run(["git", "clone", "-q", str(tmp_path / "remote"), str(tmp_path / "here")], check=True, capture_output=True)
    here = tmp_path / "here"
    for name, text in {"data/brent.csv": "header\n", "reports/ledger.csv": "header\n"}.items():
        (here / name).parent.mkdir()
        (here / name).write_text(text, "utf-8")
    shutil.copy(GUIDE.parents[2] / "model" / "ripeness" / "cli" / "template" / ".gitignore", here)
    _git(here, "checkout", "-q", "-B", "main")
    _git(here, "add", "-A")
    _git(here, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "First")
    _git(here, "push", "-q", "-u", "origin", "main")
    return here


def _do(action: Any, checkout: Path, code: int, row: str) -> list[int]:
    """Run the steps that are scripts, but for the installation, as the runner does; their exit codes."""
    tools = checkout.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "python3").write_text(STAND_IN, "utf-8")
    (tools / "python3").chmod(0o755)
    output = checkout.parent / "output"
    output.write_text("", "utf-8")
    known = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "GITHUB_OUTPUT": str(output), "CODE": str(code), "ROW": row}
    codes = []
    for step in action["jobs"]["week"]["steps"]:
        if "run" not in step or step["name"] == "Install":
            continue
        outputs = dict(line.split("=") for line in output.read_text("utf-8").splitlines())
        script = re.sub(r"\$\{\{ steps\.week\.outputs\.(\w+) \}\}", lambda found, outputs=outputs: outputs[found[1]], step["run"])
        assert "${{" not in script
        done = subprocess.run(["bash", "-e", "-c", script], cwd=checkout, env={**os.environ, **known}, capture_output=True, text=True)
        codes.append(done.returncode)
    return codes


@pytest.mark.parametrize("code", [0, 3, 4, 7, 1])
def test_what_is_new_is_kept_before_an_alert_is_told(action: Any, checkout: Path, code: int) -> None:
    assert _do(action, checkout, code, "2026-10-04,91.5") == [0, 0, code]
    assert _git(checkout.parent / "remote", "show", "main:data/brent.csv") == "header\n2026-10-04,91.5\n"
    assert _git(checkout.parent / "remote", "ls-tree", "-r", "--name-only", "main").split() == [
        ".gitignore",
        "data/brent.csv",
        "reports/ledger.csv",
    ]


def test_a_week_without_news_is_no_commit(action: Any, checkout: Path) -> None:
    before = _git(checkout.parent / "remote", "rev-parse", "main")
    assert _do(action, checkout, 0, "") == [0, 0, 0]
    assert _git(checkout.parent / "remote", "rev-parse", "main") == before


def test_the_job_may_write_the_repository_and_nothing_else_and_runs_alone(action: Any) -> None:
    assert action["permissions"] == {"contents": "write"}
    assert action["concurrency"] == "weekly"
    assert action[True]["schedule"] == [{"cron": "17 6 * * 1"}]  # YAML reads the key `on` as true
