"""What all tests share: a copy of the shipped workspace to spoil, and a digest of a folder to see that nothing was touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FIRST = ("pipeline", "test_model.py")  # below tests/: those that sample


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks after this
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a file run in one process, and so do all tests of the pipeline, which share a fit; what samples begins first."""

    def group(item: pytest.Item) -> str:
        inside = item.path.relative_to(ROOT / "tests")
        return inside.parts[0] if inside.parts[0] in LONGEST_FIRST else inside.as_posix()

    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=lambda item: LONGEST_FIRST.index(group(item)) if group(item) in LONGEST_FIRST else len(LONGEST_FIRST))


@pytest.fixture
def root() -> Path:
    """The repository, which is the shipped workspace."""
    return ROOT


@pytest.fixture
def copied_workspace(tmp_path: Path) -> Path:
    """A copy of the shipped workspace that a test may spoil."""
    copy = tmp_path / "workspace"
    copy.mkdir()
    shutil.copy(ROOT / "ripeness.toml", copy)
    for folder in ("seeds", "priors", "data"):
        shutil.copytree(ROOT / folder, copy / folder)
    return copy


@pytest.fixture
def tree_of() -> Callable[[Path], dict[str, bytes | None]]:
    """A function from a folder to everything in it: path to bytes, None for folders."""

    def read(folder: Path) -> dict[str, bytes | None]:
        paths = sorted(folder.rglob("*"))
        return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in paths}

    return read
