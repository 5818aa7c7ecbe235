"""priors/scenarios.toml: what is wrong is named with its line and how to mend it; the shipped file is sound and cites its claims."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from ripeness.attribution.scenario_file import FILE, read_scenarios
from ripeness.calendar import week_of
from ripeness.errors import ContentError, UsageError
from ripeness.workflow.request import Request, open_workspace
from ripeness.workflow.scenarios import run_scenarios, run_would_have

SOUND = """schema = 1
[[scenario]]
id = "one"
title = "One thing"
claims = ["talks-need-host-and-intermediaries"]
rationale = "for a test of the reader"
[[path]]
scenario = "one"
factor = "mediation"
value = 2.0
from_week = 1
to_week = 4
[[scenario]]
id = "two"
title = "Two things"
includes = ["one"]
rationale = "for a test of the reader"
[[path]]
scenario = "two"
factor = "momentum"
units = 2.0
from_week = 1
to_week = 4
"""


def read(root: Path) -> object:
    checked = open_workspace(root)
    return read_scenarios(checked.workspace, checked.claims, checked.store.contracts)


def test_the_shipped_scenarios_are_sound_and_rest_on_claims(root: Path) -> None:
    found = read(root)
    assert isinstance(found, dict) and len(found) >= 8
    assert all(one.claims and one.paths for one in found.values())
    factors = {path.factor for one in found.values() for path in one.paths}
    assert {"momentum", "mediation", "guarantees", "russia_weariness", "ukraine_weariness", "oil_income"} <= factors


def test_what_is_included_comes_in_with_its_claims(copied_workspace: Path) -> None:
    (copied_workspace / "priors" / FILE).write_text(SOUND, "utf-8")
    found = read(copied_workspace)
    assert isinstance(found, dict)
    assert [path.factor for path in found["two"].paths] == ["mediation", "momentum"]
    assert found["two"].claims == found["one"].claims


def test_no_file_no_scenarios(copied_workspace: Path) -> None:
    (copied_workspace / "priors" / FILE).unlink()
    assert read(copied_workspace) == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('factor = "mediation"', 'factor = "mediaton"', 9, "did you mean 'mediation'"),
        ("value = 2.0", "value = 2.0\nunits = 1.0", 7, "one of them"),
        ("value = 2.0", "value = 900.0", 10, "which is plausible there"),
        ("value = 2.0", "value = 0.0", 10, "of a count more than zero"),
        ("to_week = 4\n[[scenario]]", "to_week = 4\nto = 5\n[[scenario]]", 13, "to"),
        ("from_week = 1\nto_week = 4\n[[scenario]]", "from_week = 6\nto_week = 4\n[[scenario]]", 12, "put the weeks in order"),
        ("talks-need-host-and-intermediaries", "talks-need-hosts", 5, "unknown claim"),
        ('scenario = "two"', 'scenario = "tow"', 19, "did you mean 'two'"),
        ('id = "two"', 'id = "one"', 14, "a second time"),
        ('includes = ["one"]', 'includes = ["three"]', 16, "further up"),
        (
            'rationale = "for a test of the reader"\n[[path]]\nscenario = "one"',
            'rationale = "for a test of the reader"\nincludes = ["two"]\n[[path]]\nscenario = "one"',
            7,
            "move the [[scenario]] 'two' above",
        ),
        (
            'rationale = "for a test of the reader"\n[[path]]\nscenario = "one"',
            'rationale = "for a test of the reader"\nincludes = ["six"]\n[[path]]\nscenario = "one"',
            7,
            "no scenario stands further up",
        ),
        ('includes = ["one"]', 'includes = ["two"]', 16, "no scenario includes itself"),
        ("schema = 1", "schema = 99", 1, "found schema = 99; expected schema = 1"),
        ("schema = 1\n", "", None, "write schema = 1 at the top"),
        ("schema = 1\n", "schema = 1\nschemes = 2\n", 2, "unknown key 'schemes'"),
        (
            '[[scenario]]\nid = "two"',
            '[[scenarios]]\nid = "two"',
            13,
            "unknown table 'scenarios'; expected [[scenario]] or [[path]]. To mend: did you mean 'scenario'?",
        ),
        ('[[path]]\nscenario = "one"', '[[path]]\nscenario = ["one"]', 8, "path.0.scenario"),
        ('factor = "momentum"\nunits', 'factor = "mediation"\nunits', 13, "two paths of mediation in the same week"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_wrong_is_reported_by_line(copied_workspace: Path, old: str, new: str, line: int, words: str) -> None:
    assert SOUND.count(old) == 1
    (copied_workspace / "priors" / FILE).write_text(SOUND.replace(old, new), "utf-8")
    with pytest.raises(ContentError) as refusal:
        read(copied_workspace)
    fault = next(one for one in refusal.value.faults if words in str(one))
    assert fault.path.name == FILE and fault.line == line, str(fault)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('schema = 1\n\n[path]\nscenario = "one"\n', 3, "found one table [path]; expected [[path]]"),
        ("schema = 1\nscenario = 3\n", 2, "found scenario = 3; expected [[scenario]]"),
        ("schema = 1\npath = [1]\n", 2, "path.0 = 1"),
        ('schema = 1\n[[path.one]]\nfactor = "mediation"\n', 2, "two brackets on either side"),
        (
            SOUND.split("[[scenario]]")[0] + "[[path]]" + SOUND.split("[[path]]")[1].split("[[scenario]]")[0],
            3,
            "add a [[scenario]] with that id",
        ),
    ],
    ids=["one-table", "number", "list-of-numbers", "tables-below", "path-alone"],
)
def test_a_file_of_another_shape_is_reported_by_line(copied_workspace: Path, text: str, line: int, words: str) -> None:
    (copied_workspace / "priors" / FILE).write_text(text, "utf-8")
    with pytest.raises(ContentError) as refusal:
        read(copied_workspace)
    (fault,) = refusal.value.faults
    assert words in str(fault) and fault.line == line, str(fault)


@pytest.mark.parametrize("wanted", [["mediation"], []])
def test_where_none_is_written_the_commands_say_so(copied_workspace: Path, wanted: list[str]) -> None:
    (copied_workspace / "priors" / FILE).unlink()
    with pytest.raises(UsageError, match=r"no priors/scenarios\.toml here"):
        run_scenarios(Request(copied_workspace), wanted, False, None, print)
    with pytest.raises(UsageError, match=r"no priors/scenarios\.toml here"):
        run_would_have(Request(copied_workspace), wanted, date(2024, 6, 2), print)


def test_from_names_the_days_that_will_do_before_any_fit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked, begun = open_workspace(root), list[date | None]()

    class Fitted(Exception):
        pass

    def no_fit(_inputs: object, request: Request, _progress: object) -> None:
        begun.append(request.as_of)
        raise Fitted

    monkeypatch.setattr("ripeness.workflow.scenarios.obtain_fit", no_fit)
    origin = checked.store.default_origin()
    last = week_of(origin) - timedelta(weeks=26)
    held = checked.vintage(origin).rounds()[0]
    first = max(checked.workspace.question.war_began, week_of(held) - timedelta(days=6))
    for start in (first - timedelta(days=1), last + timedelta(days=1), origin):
        with pytest.raises(UsageError, match=f"a day between {first}, .* and {last}, 26 weeks before"):
            run_would_have(Request(root, origin), ["mediation"], start, print)
    assert not begun
    for start in (first, last):
        with pytest.raises(Fitted):
            run_would_have(Request(root, origin), ["mediation"], start, print)
    assert begun == [origin, origin]


def test_the_guides_example_is_sound(copied_workspace: Path, root: Path) -> None:
    example = (root / "docs/guides/scenarios.md").read_text("utf-8").split("```toml\n")[1].split("```")[0]
    path = copied_workspace / "priors" / FILE
    path.write_text(path.read_text("utf-8") + "\n" + example, "utf-8")
    found = read(copied_workspace)
    assert isinstance(found, dict) and found["cheap-oil"].paths[0].value == 50.0
