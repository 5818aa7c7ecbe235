"""`ripeness run` at the door: the steps in their order, what a failure leaves out, exit codes, and two runs at once. The forecast's own steps are played:
what each does is held by its own tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ripeness.cli import weekly as cli
from ripeness.cli.app import app
from ripeness.errors import Fault, GateError
from ripeness.files import lock
from ripeness.workflow import run as store
from ripeness.workflow import weekly as module
from ripeness.workflow.desk import Drafted
from ripeness.workflow.fetch import FetchedSource

Tree = Callable[[Path], dict[str, bytes | None]]
STEPS = ["fetch", "draft", "update", "forecast", "news", "watch", "report", "resolve", "export"]
HEADER = "observed_on,value,published_on,source,grade\n"
DAY = ("--date", "2026-08-30")


@dataclass
class Played:
    """The steps that are played, and what they were asked."""

    root: Path
    asked: list[str]
    patch: pytest.MonkeyPatch

    def answer(self, name: str, answer: Any) -> None:
        def step(*_: Any) -> Any:
            self.asked.append(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.patch.setattr(cli if name == "run_fetch" else module, name, step)

    def run(self, *words: str | Path) -> Result:
        self.asked.clear()
        return CliRunner().invoke(app, ["run", "--workspace", *map(str, (self.root, *words))])

    def states(self, *words: str | Path) -> tuple[int, dict[str, str]]:
        result = self.run(*words, "--json")
        found = json.loads(result.stdout)
        assert found["exit_code"] == result.exit_code
        return result.exit_code, {step["step"]: step["state"] for step in found["steps"]}


@pytest.fixture
def week(copied_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    """The shipped workspace, all well."""
    played = Played(copied_workspace, [], monkeypatch)
    made = SimpleNamespace(
        folder=copied_workspace / "reports" / "2026-08-23",
        origin=date(2026, 8, 23),
        headline={"probability": 0.234, "target_end_date": date(2026, 11, 22)},
    )
    played.answer("run_fetch", [FetchedSource("eia")])
    played.answer("run_forecast", made)
    played.answer("open_workspace", None)
    played.answer("obtain_news", {"total_points": 1.25, "from": {"origin": "2026-08-16"}})
    played.answer("run_watch", {"crossed": []})
    played.answer("run_report", made)
    played.answer("run_resolve", ([], {}))
    played.answer("run_export", [made.folder / "export" / "brief.md"])
    return played


def test_the_steps_are_done_in_order_and_told(week: Played) -> None:
    result = week.run(*DAY)
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.stdout.splitlines()] == STEPS
    assert "forecast  done      23 % until 2026-11-22, as known on 2026-08-23" in result.stdout
    assert "news      done      +1.2 points since 2026-08-16" in result.stdout
    assert "report    done      the page: reports/2026-08-23/index.html" in result.stdout
    assert "export    done      1 file written" in result.stdout
    assert str(week.root) not in result.stdout
    once = [name for name in week.asked if name not in ("run_forecast", "open_workspace")]
    assert once == ["run_fetch", "obtain_news", "run_watch", "run_report", "run_resolve", "run_export"]


def test_nothing_is_fetched_unless_asked_for(week: Played) -> None:
    code, states = week.states("--no-fetch", *DAY)
    assert (code, states["fetch"], states["forecast"]) == (0, "left out", "done")
    assert "run_fetch" not in week.asked


def test_a_page_that_makes_no_draft_is_told_and_stops_nothing(week: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault(Path("page.json"), 1, "something else", "a page", "take it as it is")
    monkeypatch.setattr(module, "run_draft", lambda *_: Drafted((), 0, 0, 0, (fault,)))
    code, states = week.states("--no-fetch", *DAY)
    assert (code, states["draft"], states["export"]) == (4, "alert", "done")


def test_rows_of_ones_own_are_stored_once(week: Played, tmp_path: Path) -> None:
    file = tmp_path / "brent.csv"
    newest = (week.root / "data" / "brent.csv").read_text("utf-8").splitlines()[-1]
    file.write_text(HEADER + "2031-01-05,91.5,2031-01-08,US EIA,A\n", "utf-8")
    day = ("--no-fetch", "--date", "2031-01-09", "--confirm")
    for words in ("1 row stored", "nothing new"):
        result = week.run(file, *day)
        assert result.exit_code == 0, result.output
        assert f"update    done      {words}" in result.stdout
    stored = (week.root / "data" / "brent.csv").read_text("utf-8").splitlines()
    assert stored[-2:] == [newest, "2031-01-05,91.5,2031-01-08,US EIA,A"]


def test_a_refused_row_stops_the_week_and_changes_nothing(week: Played, tmp_path: Path, tree_of: Tree) -> None:
    file = tmp_path / "brent.csv"
    file.write_text(HEADER + "2026-08-23,cheap,2026-08-26,US EIA,A\n", "utf-8")
    before = tree_of(week.root / "data")
    result = week.run(file, "--no-fetch", *DAY)
    assert result.exit_code == 1
    assert tree_of(week.root / "data") == before
    assert "Error: " in result.stderr and "'cheap'" in result.stderr and "line" not in result.stdout.splitlines()[0]
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["left", "done", "failed", *["left"] * 6]
    assert week.asked == []


def test_a_fit_that_fails_its_gate_issues_nothing(week: Played) -> None:
    week.answer("run_forecast", GateError("the fit failed its gate"))
    code, states = week.states(*DAY)
    assert code == 1
    assert states["forecast"] == "failed" and set(list(states.values())[4:]) == {"left out"}
    assert "run_report" not in week.asked and "run_resolve" not in week.asked


@pytest.mark.parametrize(("down", "crossed", "code"), [(False, [{}], 3), (True, [], 4), (True, [{}, {}], 7)])
def test_alerts_are_exit_codes_and_stop_nothing(week: Played, down: bool, crossed: list[Any], code: int) -> None:
    fault = Fault(Path("data/sources.toml"), 9, "eia: status 404", "the file", "correct it")
    week.answer("run_fetch", [FetchedSource("eia", faults=(fault,) if down else ()), FetchedSource("deepstate")])
    week.answer("run_watch", {"crossed": crossed})
    found, states = week.states(*DAY)
    assert found == code
    assert states["fetch"] == ("alert" if down else "done") and states["watch"] == ("alert" if crossed else "done")
    assert states["export"] == "done"


def test_a_second_run_waits_and_is_told_for_whom(week: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LONGEST_WAIT_SECONDS", 0.1)
    folder = week.root / "reports" / module.KEPT
    folder.mkdir(parents=True)
    with lock(folder, Path("reports/.run")):
        held = Path(folder / ".writer").read_text("utf-8")
        result = _beside(week)
    assert result.exit_code == 1
    assert f"process {held.strip()} is changing it" in result.stderr and "waiting for it" in result.stderr
    assert week.asked == []
    assert week.run(*DAY).exit_code == 0


def _beside(week: Played) -> Result:
    """A run that does not know which folders this command has locked, as of another process."""
    from contextvars import Context

    return Context().run(week.run, *DAY)


def test_a_chart_is_the_same_after_a_fit_as_from_a_stored_one(tmp_path: Path) -> None:
    import matplotlib as mpl

    from ripeness.report.drawing import chart, write_chart

    for name, box in (("stored", None), ("fitted", "tight")):  # PreliZ leaves "tight" behind
        with mpl.rc_context({"savefig.bbox": box}), chart(3.0, 2.0) as (figure, axes):
            axes.plot([0, 1])
        with mpl.rc_context({"savefig.bbox": box}):
            write_chart(tmp_path / f"{name}.svg", figure)
    assert (tmp_path / "stored.svg").read_bytes() == (tmp_path / "fitted.svg").read_bytes()
