"""The digest of the code that can change a number: what only shows numbers is not in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ripeness.workflow.checked import check_workspace
from ripeness.workflow.identity import SHOWS_ONLY, code_version, digest_of_code, identify

FILES = (
    "__init__.py",
    "__main__.py",
    "pipeline.py",
    "cli/app.py",
    "report/page.py",
    "report/templates/make.py",
    "evaluation/scores.py",
    "attribution/news.py",
    "workflow/news.py",
    "workflow/studies.py",
    "model/report.py",
    "data/cli.py",
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one line in every module."""
    for name in FILES:
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"number = 1\n")
    return tmp_path / "package"


@pytest.mark.parametrize(
    "name",
    [
        "__main__.py",
        "cli/app.py",
        "report/page.py",
        "report/templates/make.py",
        "evaluation/scores.py",
        "attribution/news.py",
        "workflow/news.py",
        "workflow/studies.py",
    ],
)
def test_what_only_shows_numbers_is_not_in_the_digest(package: Path, name: str) -> None:
    before = digest_of_code(package)
    (package / name).write_bytes(b"number = 2\n")
    assert digest_of_code(package) == before
    (package / name).unlink()
    assert digest_of_code(package) == before


@pytest.mark.parametrize("name", ["__init__.py", "pipeline.py", "model/report.py", "data/cli.py"])
def test_what_can_change_a_number_is(package: Path, name: str) -> None:
    before = digest_of_code(package)
    (package / name).write_bytes(b"number = 2\n")
    assert digest_of_code(package) != before
    (package / name).write_bytes(b"number = 1\r\n")
    assert digest_of_code(package) == before  # the kind of line ends is none of its business
    (package / name).rename(package / "moved.py")
    assert digest_of_code(package) != before


def test_the_version_ends_with_the_digest_of_this_package(root: Path) -> None:
    number, digest = code_version().split("+")
    assert number[0].isdigit()
    assert digest == digest_of_code(root / "model" / "ripeness")[:8]


def test_the_schema_page_lists_what_is_not_in_the_digest(root: Path) -> None:
    said = (root / "docs/schema.md").read_text("utf-8").split("all but ")[1].split(", which")[0]
    assert sorted(re.findall(r"`([\w/]+(?:\.py)?)`", said)) == sorted(name if name.endswith(".py") else f"{name}/" for name in SHOWS_ONLY)


def test_a_workspace_checked_out_with_other_line_ends_is_the_same(copied_workspace: Path) -> None:
    def named() -> dict[str, Any]:
        checked = check_workspace(copied_workspace)
        return identify(checked, checked.vintage(None), seed=1)

    before = named()
    texts = [path for path in copied_workspace.rglob("*") if path.suffix in (".toml", ".csv")]
    assert len(texts) > 20
    for path in texts:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert named() == before
