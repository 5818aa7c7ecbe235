"""A stored run keeps its seed and sampler: every later command uses it as it is, or makes it again with them, unless asked otherwise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from ripeness import files
from ripeness.cli.app import app
from ripeness.errors import RipenessError
from ripeness.reweighting import refusals
from ripeness.workflow import forecasts, studies
from ripeness.workflow.forecasts import run_fit, run_forecast
from ripeness.workflow.identity import identify
from ripeness.workflow.issue import run_report
from ripeness.workflow.news import run_news
from ripeness.workflow.request import Request, open_workspace
from ripeness.workflow.run import BASE, FITS, FORECAST_CSV, FORECAST_JSON, MANIFEST, POSTERIOR, REWEIGHTED, digest_of, open_run, quiet
from ripeness.workflow.scenarios import run_scenarios, run_would_have
from ripeness.workflow.watchlist import run_watch

ORIGIN, LATER, SEED = date(2025, 6, 18), date(2025, 6, 29), 7


class Fitted(Exception):
    """A new fit was about to be made."""


@pytest.fixture(scope="module")
def desk(short_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The short run's workspace as `ripeness report --seed 7` would have left it, though the seed of ripeness.toml is another."""
    root = tmp_path_factory.mktemp("seed") / "workspace"
    shutil.copytree(short_run.root, root)
    folder, inputs = root / "reports" / ORIGIN.isoformat(), open_workspace(root)
    assert inputs.workspace.fit.seed != SEED
    run_id = identify(inputs, inputs.vintage(ORIGIN), SEED, "compiled")["run_id"]
    content = json.loads((folder / FORECAST_JSON).read_text("utf-8"))
    files.write_json(folder / FORECAST_JSON, content | {"run_id": run_id, "seed": SEED})
    with np.load(folder / BASE) as stored:
        arrays = dict(stored)
    about = json.loads(arrays["about"].tobytes()) | {"run_id": run_id, "seed": SEED}
    np.savez(folder / BASE, allow_pickle=False, **arrays | {"about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)})
    with h5py.File(folder / POSTERIOR, "r+") as draws:
        draws.attrs["run_id"], draws.attrs["seed"] = run_id, SEED
    write_manifest(folder, run_id=run_id, seed=SEED)
    return root


def write_manifest(folder: Path, **changed: Any) -> None:
    """The manifest of a folder with other values, as the files stand there now."""
    content = json.loads((folder / MANIFEST).read_text("utf-8"))
    digests = {name: digest_of(folder / name) for name in content["files"]}
    files.write_json(folder / MANIFEST, content | changed | {"files": digests})


@pytest.fixture(autouse=True)
def never_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new fit ends the test; so few draws have a Monte Carlo error that would ask for one."""

    def fit(*_: Any) -> Any:
        raise Fitted

    monkeypatch.setattr(forecasts, "_fit", fit)
    monkeypatch.setattr(refusals, "LARGEST_ERROR", 1.0)


COMMANDS: dict[str, Callable[[Request], Any]] = {
    "fit": run_fit,
    "forecast": run_forecast,
    "report": run_report,
    "watch": run_watch,
    "scenario": lambda request: run_scenarios(request, ["mediation"], False, None),
    "scenario --from": lambda request: run_would_have(request, ["mediation"], date(2024, 6, 2)),
    "news": lambda request: run_news(Request(request.workspace), ORIGIN.isoformat(), ORIGIN.isoformat()),
    "study": lambda request: studies._open(open_workspace(request.workspace), request, quiet),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_uses_the_stored_run_with_its_own_seed(desk: Path, command: str) -> None:
    folder = desk / "reports" / ORIGIN.isoformat()
    before = {name: (folder / name).read_bytes() for name in (MANIFEST, FORECAST_JSON, BASE, POSTERIOR)}
    COMMANDS[command](Request(desk, ORIGIN))
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_export_uses_the_stored_run_with_its_own_seed(desk: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", "brief", "--out", str(tmp_path), "--as-of", str(ORIGIN), "--workspace", str(desk)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "brief.md").is_file()


def test_a_study_has_the_seed_of_the_run_or_its_own(desk: Path) -> None:
    inputs = open_workspace(desk)
    assert studies._open(inputs, Request(desk, ORIGIN), quiet).seed == SEED
    assert studies._open(inputs, Request(desk, ORIGIN, seed=3), quiet).seed == 3


def test_a_later_forecast_and_its_news_use_the_fit_whatever_its_seed(desk: Path) -> None:
    run = run_forecast(Request(desk, LATER))
    assert (run.seed, run.is_reweighted, run.fit_folder.name) == (SEED, True, ORIGIN.isoformat())
    assert run.manifest["command"] == f"ripeness report --as-of {LATER} --seed {SEED}"
    assert run_news(Request(desk), ORIGIN.isoformat(), LATER.isoformat())["to"]["run_id"] == run.run_id
    assert open_run(run.folder).run_id == run_forecast(Request(desk, LATER)).run_id == run.run_id


@pytest.mark.parametrize("command", ["scenario --from", "study"])
def test_a_fit_of_a_reweighted_day_lies_apart(desk: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its run, which may be issued, stays as it is; the fit has the run's seed and sampler."""
    run = run_forecast(Request(desk, LATER))
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    asked: list[Any] = []

    def fit(one: Any, _: Any) -> Any:
        asked.append(one)
        raise Fitted

    monkeypatch.setattr(forecasts, "_fit", fit)
    with pytest.raises(Fitted):
        COMMANDS[command](Request(desk, LATER))
    (one,) = asked
    assert one.folder == desk / "reports" / FITS / LATER.isoformat()
    assert (one.meta["seed"], one.meta["sampler"]) == (SEED, "compiled")
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before


def test_a_fit_that_lies_apart_is_used_again(desk: Path) -> None:
    inputs = open_workspace(desk)
    run = run_forecast(Request(desk, LATER))
    apart = desk / "reports" / FITS / LATER.isoformat()
    shutil.copytree(desk / "reports" / ORIGIN.isoformat(), apart, dirs_exist_ok=True)
    run_id = identify(inputs, inputs.vintage(LATER), SEED, "compiled")["run_id"]
    content = json.loads((apart / FORECAST_JSON).read_text("utf-8"))
    files.write_json(apart / FORECAST_JSON, content | {"run_id": run_id, "origin": LATER.isoformat()})
    with h5py.File(apart / POSTERIOR, "r+") as draws:
        draws.attrs["run_id"] = run_id
    write_manifest(apart, run_id=run_id, origin=LATER.isoformat())
    assert forecasts.obtain_fit(inputs, Request(desk, LATER), quiet).folder == apart
    assert run_forecast(Request(desk, LATER)).run_id == run.run_id  # and never instead of the day's run
    shutil.rmtree(apart)


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    place = content.rindex(b"0.") + 3 if path.suffix == ".json" else len(content) // 2
    edited = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]  # another digit, or another bit of a draw
    path.write_bytes(edited if how == "edited" else content[: len(content) // 2] if how == "cut" else b"")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The fits that were asked for, in place of making them."""
    found: list[Any] = []

    def fit(one: Any, _: Any) -> Any:
        found.append(one)
        raise Fitted

    monkeypatch.setattr(forecasts, "_fit", fit)
    return found


@pytest.mark.parametrize("how", ["edited", "cut", "empty"])
@pytest.mark.parametrize("name", [FORECAST_JSON, BASE, POSTERIOR])
def test_a_damaged_fit_is_made_again_with_its_seed(desk: Path, tmp_path: Path, asked: list[Any], name: str, how: str) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(desk, root)
    folder = root / "reports" / ORIGIN.isoformat()
    run_id = open_run(folder).run_id
    damage(folder / name, how)
    for command in (run_forecast, run_report):
        with pytest.raises(Fitted):
            command(Request(root, ORIGIN))
    assert [(one.folder, one.meta["run_id"]) for one in asked] == [(folder, run_id)] * 2
    if name == FORECAST_JSON:
        with pytest.raises(RipenessError, match=r"is not as it was written.*ripeness forecast --as-of 2025-06-18"):
            open_run(folder)


@pytest.mark.parametrize("name", [BASE, POSTERIOR])
def test_a_forecast_from_a_damaged_fit_has_that_fit_made_again_first(desk: Path, tmp_path: Path, asked: list[Any], name: str) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(desk, root)
    later, fitted = run_forecast(Request(root, LATER)), root / "reports" / ORIGIN.isoformat()
    damage(fitted / name, "edited")
    messages: list[str] = []
    with pytest.raises(Fitted):
        run_forecast(Request(root, LATER), messages.append)
    assert [(one.folder, one.meta["run_id"]) for one in asked] == [(fitted, later.fit_id)]
    assert messages == [f"2025-06-18/{name} is not as it was written"]


def test_what_can_be_made_from_the_draws_is_made_again(desk: Path, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(desk, root)
    run = run_report(Request(root, LATER))
    names = (FORECAST_CSV, FORECAST_JSON, REWEIGHTED, "watch.json", "scenarios.json", "panel.json", "index.html")
    before = {name: (run.folder / name).read_bytes() for name in names}
    ledger = (root / "reports/ledger.csv").read_bytes()
    for how in ("edited", "cut", "empty"):
        for name in names:
            damage(run.folder / name, how)
        run_report(Request(root, LATER))
        assert {name: (run.folder / name).read_bytes() for name in names} == before
    assert (root / "reports/ledger.csv").read_bytes() == ledger


def test_the_run_stores_its_settings(desk: Path) -> None:
    run = open_run(desk / "reports" / ORIGIN.isoformat())
    assert (run.origin, run.seed, run.sampler, run.is_reweighted) == (ORIGIN, SEED, "compiled", False)
    assert run.manifest["settings"] == open_workspace(desk).workspace.fit.model_dump(mode="json")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"seed": 1}, "another seed is asked for"),
        ({"sampler": "nutpie"}, "another sampler is asked for"),
        ({"refit": True}, None),
    ],
)
def test_what_is_asked_for_is_made(desk: Path, asked: dict[str, Any], reason: str | None) -> None:
    messages: list[str] = []
    with pytest.raises(Fitted):
        run_forecast(Request(desk, ORIGIN, **asked), messages.append)
    assert reason is None or any(reason in line for line in messages), messages


def test_another_sampler_is_another_run(desk: Path) -> None:
    inputs = open_workspace(desk)
    named = {sampler: identify(inputs, inputs.vintage(ORIGIN), 1, sampler) for sampler in ("compiled", "nutpie", "pymc")}
    assert len({one["run_id"] for one in named.values()}) == 3
    assert named["pymc"]["command"].endswith("--seed 1 --sampler pymc") and named["compiled"]["command"].endswith("--seed 1")


def test_a_seed_written_into_the_workspace_is_taken(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(desk, root)
    path = root / "ripeness.toml"
    path.write_text(path.read_text("utf-8") + "# changed\n", "utf-8")
    asked: list[int] = []

    def fit(one: Any, _: Any) -> Any:
        asked.append(one.meta["seed"])
        raise Fitted

    monkeypatch.setattr(forecasts, "_fit", fit)
    with pytest.raises(Fitted):
        run_forecast(Request(root, ORIGIN))
    assert asked == [open_workspace(root).workspace.fit.seed]


def test_other_line_ends_are_the_same_run(desk: Path, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(desk, root)
    for folder in ("data", "priors", "seeds", "."):
        for path in (root / folder).glob("*.*"):
            path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert run_forecast(Request(root, ORIGIN)).seed == SEED


def test_who_may_only_read_gets_what_is_stored(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_report(Request(desk, ORIGIN))

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "replacing", refuse)
    monkeypatch.setattr("ripeness.workflow.run.replacing", refuse)
    monkeypatch.setattr("ripeness.workflow.run.lock", refuse)
    for arguments in (["forecast"], ["watch"], ["scenario"], ["export", "brief"]):
        result = CliRunner().invoke(app, [*arguments, "--as-of", str(ORIGIN), "--workspace", str(desk)])
        assert "Traceback" not in result.output and (result.exception is None or isinstance(result.exception, SystemExit)), result.output
        assert result.exit_code == (1 if arguments[0] == "export" else 0), result.output
    result = CliRunner().invoke(app, ["forecast", "--as-of", "2025-07-06", "--workspace", str(desk)])
    assert result.exit_code == 1 and "cannot be written (Permission denied)" in result.stderr
