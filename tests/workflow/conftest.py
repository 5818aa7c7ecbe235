"""One short run of the whole way on the real data, shared by the tests of the pipeline and of the notebook.

Its chains are far too short for the real gate, so the fixture widens the gate's limits for itself alone, but for the first attempt of one
fit, which is therefore sampled twice; that the real limits refuse a run is a test of its own.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from ripeness.attribution.futures import Origin, open_origin
from ripeness.elicitation.elicited import Priors
from ripeness.reweighting.stored import read_base
from ripeness.workflow.request import Request, open_workspace

ROOT = Path(__file__).parents[2]
ORIGIN = date(2025, 6, 18)
SHORT_FIT = {"tune": 150, "draws": 120, "future_paths": 4}
SAMPLED_TWICE = "conjunctive_tempered"
WIDE = {"rhat": 3.0, "ess_bulk": 1.0, "ess_tail": 1.0, "divergences": 1e9, "bfmi": 0.0, "headline_mcse": 1.0}


@dataclass(frozen=True)
class ShortRun:
    """A workspace with one stored run."""

    root: Path
    folder: Path


def copy_workspace(target: Path) -> Path:
    """The real workspace with short chains, with two readings, and without a poll that makes weights of so few draws too uneven (k-hat from 0.5 to 0.8)."""
    for name in ("seeds", "priors", "data"):
        shutil.copytree(ROOT / name, target / name)
    poll = target / "data" / "kiis_russian_plan.csv"  # its first row, published on 21 June 2025: nothing was known of its intercept
    header, first, *rest = poll.read_text("utf-8").splitlines(keepends=True)
    assert ",2025-06-21," in first
    poll.write_text("".join([header, *rest]), "utf-8")
    text = (ROOT / "ripeness.toml").read_text("utf-8")
    for key, value in SHORT_FIT.items():
        text, changed = re.subn(rf"(?m)^{key} = \d+", f"{key} = {value}", text)
        assert changed == 1
    text, changed = re.subn(
        r"(?m)^tempered = .*\nother_wars = .*$", "tempered = 0.5", text
    )  # two fits fewer, and what a workspace without the file does
    assert changed == 1
    (target / "ripeness.toml").write_text(text, "utf-8")
    (target / "priors" / "other_wars.csv").unlink()
    for name, table in (("hazard.toml", "other_wars.best_to_worst"), ("citations.toml", "conflict_months")):
        path = target / "priors" / name
        text, changed = re.subn(rf"(?ms)^\[{re.escape(table)}\]\n.*?(?=^(\[|#))", "", path.read_text("utf-8"))
        assert changed == 1
        path.write_text(text, "utf-8")
    return target


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> ShortRun:
    """`ripeness report --as-of 2025-06-18` with short chains."""
    from ripeness.inference import gate
    from ripeness.workflow import fit_run as fitted
    from ripeness.workflow.issue import run_report

    root = copy_workspace(tmp_path_factory.mktemp("workspace"))
    judged: list[str] = []
    one_at_a_time = Lock()  # fits are judged in threads, and the limits are the module's

    def judge(name: str, *fit: Any) -> gate.Verdict:
        with one_at_a_time, pytest.MonkeyPatch.context() as patch:
            judged.append(name)
            if not (name == SAMPLED_TWICE and judged.count(name) == 1):
                patch.setattr(gate, "LIMITS", gate.LIMITS | WIDE)
            return gate.judge_fit(name, *fit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitted, "judge_fit", judge)
        run = run_report(Request(root, ORIGIN))
    return ShortRun(root, run.folder)


@pytest.fixture(scope="module")
def workspace(short_run: ShortRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the short run's workspace that a module may write to."""
    root = tmp_path_factory.mktemp("copy") / "workspace"
    shutil.copytree(short_run.root, root)
    return root


@pytest.fixture(scope="module")
def vintage(workspace: Path) -> Any:
    """What was known on the short run's day."""
    return open_workspace(workspace).vintage(ORIGIN)


@pytest.fixture(scope="module")
def origin(workspace: Path, vintage: Any) -> Origin:
    """What scenarios and the watch list of that day start from."""
    checked, base = open_workspace(workspace), read_base(workspace / "reports" / ORIGIN.isoformat() / "base.npz")
    return open_origin(checked.workspace, Priors({}, {}, checked.priors), base, vintage, 1)
