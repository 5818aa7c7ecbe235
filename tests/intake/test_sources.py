"""Readers of other packages: found by their entry points, given what the workspace judges, refused where they do not fit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from ripeness.cli.init import TEMPLATE
from ripeness.errors import ContentError, RipenessError, UsageError
from ripeness.intake import sources
from ripeness.intake.feeds import read_feeds
from ripeness.intake.reading import Days, Form, Judgements, Source
from ripeness.intake.sources import ALL, find_files, find_installed, import_sources
from ripeness.workspace import read_workspace

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "another-war.md"
SHOWN = re.compile(r"```(toml|python)\n(.*?)```", re.DOTALL)


class Judged(Judgements):
    lag_days: Days


def _read(path: Path, judged: Judged | None = None) -> dict[str, pd.DataFrame]:
    return {"bread": pd.DataFrame({"lag": [judged.lag_days if judged else -1]})}


PLAIN = Source("Baker: bread", ("towns/bread.csv",), _read, ("bread",))
ASKS = Source("Miller: bread", ("flour.csv",), _read, ("bread",), judgements=Judged)
Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Have these objects, by name, as the only entry points."""
    monkeypatch.setitem(sys.modules, "made_up", SimpleNamespace(PLAIN=PLAIN, ASKS=ASKS, NO_SOURCE=3))

    def put(**objects: str) -> None:
        points = EntryPoints([EntryPoint(name, f"made_up:{value}", sources.GROUP) for name, value in objects.items()])
        monkeypatch.setattr(sources, "entry_points", lambda group: points.select(group=group))

    return put


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copytree(TEMPLATE, tmp_path / "desk")
    return tmp_path / "desk"


def _refused(workspace: Path, name: str, judged: str | None) -> RipenessError:
    if judged is not None:
        (workspace / "data" / "sources.toml").write_text(judged, "utf-8")
    with pytest.raises(ContentError) as caught:
        import_sources({name: [Path("x.csv")]}, read_workspace(workspace))
    return caught.value


def test_without_a_reader_the_error_names_what_to_install(install: Install) -> None:
    install()
    for name in ("eia", ALL):
        with pytest.raises(UsageError, match=r"no reader of publishers' files is installed: install a package .* ripeness\.sources"):
            find_files(name, [Path("x")])


def test_a_reader_that_cannot_be_used_is_named_with_its_package(install: Install) -> None:
    for objects, words in (
        ({"baker": "NO_SOURCE"}, r"source 'baker' .* is a int, not a ripeness\.intake\.reading\.Source"),
        ({"baker": "ABSENT"}, "source 'baker' .* cannot be loaded: AttributeError"),
        ({"all": "PLAIN"}, "source 'all' .*: the name is taken"),
        ({"feed": "PLAIN"}, "source 'feed' .*: the name is taken"),
    ):
        install(**objects)
        with pytest.raises(UsageError, match=words):
            find_installed()


def test_two_packages_with_one_name_are_refused(monkeypatch: pytest.MonkeyPatch, install: Install) -> None:
    install(baker="PLAIN")
    twice = EntryPoints([EntryPoint("baker", f"made_up:{value}", sources.GROUP) for value in ("PLAIN", "ASKS")])
    monkeypatch.setattr(sources, "entry_points", lambda group: twice)
    with pytest.raises(UsageError, match=r"source 'baker' .*: the name is taken"):
        find_installed()


def test_two_sources_of_one_table_are_not_mixed(install: Install, workspace: Path) -> None:
    install(baker="PLAIN", miller="ASKS")
    (workspace / "data" / "sources.toml").write_text("[miller]\nlag_days = 4\n", "utf-8")
    read = {name: [Path("x.csv")] for name in ("baker", "miller")}
    with pytest.raises(UsageError, match="baker and miller both give the table bread"):
        import_sources(read, read_workspace(workspace))
    (one,) = import_sources({"miller": [Path("x.csv")]}, read_workspace(workspace))["miller"].values()
    assert one["lag"].tolist() == [4]


def test_a_source_takes_the_publishers_own_files_too(
    install: Install, workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def own(paths: list[Path], events: Path) -> dict[str, pd.DataFrame]:
        return {"bread": pd.DataFrame({"files": [", ".join(path.name for path in paths)], "events": [events.name]})}

    both = Source("Baker: bread", ("bread.csv", "rolls.csv"), _read, ("bread",), own=Form(("day_*.json",), own, stored=("events.csv",)))
    monkeypatch.setattr(sys.modules["made_up"], "PLAIN", both)
    install(baker="PLAIN")
    days = [tmp_path / f"day_{number}.json" for number in (2, 1)]
    for path in days:
        path.write_text("{}")
    assert find_files("baker", days) == ({"baker": days[::-1]}, [])
    assert find_files("baker", [tmp_path / "rolls.csv", tmp_path / "bread.csv"])[0]["baker"][0].name == "bread.csv"
    assert find_files(ALL, [tmp_path]) == ({"baker": days[::-1]}, [])
    bread = import_sources({"baker": days[::-1]}, read_workspace(workspace))["baker"]["bread"]
    assert (bread["files"][0], bread["events"][0]) == ("day_1.json, day_2.json", "events.csv")


def test_files_are_recognised_by_name_or_by_their_order(install: Install, tmp_path: Path) -> None:
    install(baker="PLAIN")
    assert find_files("baker", [tmp_path / "other.csv"]) == ({"baker": [tmp_path / "other.csv"]}, [])
    with pytest.raises(UsageError, match=r"baker reads 1 file\(s\), bread\.csv, but 2 were given"):
        find_files("baker", [tmp_path / "a", tmp_path / "b"])
    with pytest.raises(UsageError, match="did you mean 'baker'"):
        find_files("bakr", [tmp_path])
    (tmp_path / "towns").mkdir()
    (tmp_path / "towns" / "bread.csv").write_text("")
    assert find_files(ALL, [tmp_path]) == ({"baker": [tmp_path / "towns" / "bread.csv"]}, [])


@pytest.mark.parametrize(
    ("name", "judged", "line", "words"),
    [
        ("miller", None, None, r"data/sources\.toml: found no \[miller\]; expected a table with lag_days"),
        ("miller", "[miller]\n", 1, "no 'lag_days'"),
        ("miller", "[miller]\nlag_days = -1\n", 2, "greater than or equal to 0"),
        ("miller", "[miller]\nlag_day = 1\nlag_days = 1\n", 2, "did you mean 'lag_days'"),
        ("miller", "[miller]\nlag_days = 1\n\n[millner]\n", 4, "did you mean 'miller'"),
        ("baker", "[baker]\nlag_days = 1\n", 1, "this source asks for no judgement"),
        ("baker", "[baker\n", 1, "broken TOML"),
    ],
)
def test_wrong_judgements_are_reported_with_their_line(
    install: Install, workspace: Path, name: str, judged: str | None, line: int | None, words: str
) -> None:
    install(baker="PLAIN", miller="ASKS")
    refusal = _refused(workspace, name, judged)
    assert isinstance(refusal, ContentError)
    assert (len(refusal.faults), refusal.faults[0].line) == (1, line)
    assert re.search(words, str(refusal))


def test_the_package_of_the_guide_imports_when_it_is_installed(workspace: Path, tmp_path: Path) -> None:
    """The guide's pyproject, module and judgements as they stand, laid out as an installer does."""
    section = GUIDE.read_text("utf-8").split("## Readers of your publishers")[1].split("\n## ")[0]
    (_, pyproject), (_, module), (_, judged), (_, feed) = SHOWN.findall(section)
    project = tomllib.loads(pyproject)["project"]
    assert len([line for line in module.splitlines() if line]) < 15
    site = tmp_path / "site"
    info = site / f"{project['name']}-{project['version']}.dist-info"
    for path, text in (
        (site / project["name"] / "__init__.py", module),
        (info / "METADATA", f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"),
        (info / "entry_points.txt", "".join(f"[{group}]\n" + _lines(points) for group, points in project["entry-points"].items())),
        (workspace / "data" / "sources.toml", f"{judged}\n{feed}"),
        (tmp_path / "hospitals.csv", "day,dead\n" + "".join(f"{date(2025, 5, 26) + timedelta(n)},{40 + n}\n" for n in range(9))),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def ripeness(*words: str) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, "-m", "ripeness", *words, "--workspace", str(workspace)]
        environment = {**os.environ, "PYTHONPATH": str(site)}
        return subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    hospitals = Source("Hospital board", ("hospitals.csv",), _read, ("casualties",))
    (shown,) = read_feeds(read_workspace(workspace), {"hospitals": hospitals}).by_source["hospitals"]
    assert [one.address for one in shown.wanted(date(2025, 6, 10))] == ["https://hospitals.example/deaths-by-day.csv"]
    before = (workspace / "data" / "casualties.csv").read_text("utf-8")
    update = ripeness("import", "hospitals", "hospitals.csv", "--update", "--date", "2025-06-10")
    assert update.returncode == 0, update.stdout + update.stderr
    assert (workspace / "data" / "casualties.csv").read_text("utf-8") == before + "2025-06-01,301,2025-06-03,Hospital board,B\n"
    (workspace / "data" / "sources.toml").unlink()
    refused = ripeness("import", "hospitals", "hospitals.csv")
    assert refused.returncode == 1
    assert "data/sources.toml: found no [hospitals]" in refused.stderr


def _lines(points: dict[str, str]) -> str:
    return "".join(f"{name} = {value}\n" for name, value in points.items())
