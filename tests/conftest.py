"""What all tests share: a copy of the shipped workspace to spoil, and a digest of a folder to see that nothing was touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line has it, before NumPy is imported

import numpy as np
import pytest
from xdist.scheduler import LoadScopeScheduling

from ripeness import names

ROOT = Path(__file__).resolve().parents[1]
TODAY = date(2040, 1, 2)  # of the tests: after all their data
LONGEST_FIRST = (
    "workflow",
    "workspaces",
    "cli/test_init.py",
    "inference/test_sample.py",
    "inference/test_density.py",
    "model/test_build.py",
)  # below tests/: those that sample or compile


def group_of(path: Path) -> str:
    """What runs in one process: a file, or all of the pipeline, whose tests share a fit."""
    inside = path.relative_to(ROOT / "tests")
    return inside.parts[0] if inside.parts[0] in LONGEST_FIRST else inside.as_posix()


@pytest.fixture(scope="session")
def truth() -> Any:
    """What the made-up war's data are drawn from."""
    from made_up_war import draw_truth

    return draw_truth(np.random.default_rng(20))


@pytest.fixture(scope="session")
def spec(truth: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The made-up war, laid out for the model."""
    from made_up_war import make_spec

    return make_spec(tmp_path_factory.mktemp("war"), truth)


@pytest.fixture(scope="module", params=names.VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    """Each variant of the model."""
    return request.param


class ByGroup(LoadScopeScheduling):
    """Shares groups of tests out to the processes, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(ROOT / nodeid.split("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """Tests that share a fit stay together."""
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What samples begins first."""
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(group_of(item.path), len(order)))


@pytest.fixture(scope="session", autouse=True)
def today() -> Iterator[date]:
    """What the clock says, whatever it says on the machine of the tests."""
    from ripeness.ledger import clock

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "day_of_issue", lambda: TODAY)
        yield TODAY


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
