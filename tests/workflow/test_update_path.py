"""An update of the short run: a week later, from its draws, through the whole way; and when only a new fit will do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from small_workspace import FITS

from ripeness import names
from ripeness.ledger import read_ledger
from ripeness.reweighting import refusals as reasons
from ripeness.reweighting.stored import read_base
from ripeness.workflow import run as store
from ripeness.workflow.forecasts import find_base, run_forecast
from ripeness.workflow.issue import run_report
from ripeness.workflow.request import Request
from ripeness.workflow.run import Run, open_run

LATER = date(2025, 6, 29)
BASE = date(2025, 6, 18)


@pytest.fixture(scope="session")
def updated(short_run: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """`ripeness report` a week later, in a copy of the short run's workspace; so few draws have a Monte Carlo error that is let pass."""
    root = tmp_path_factory.mktemp("later") / "workspace"
    shutil.copytree(short_run.root, root)
    messages: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reasons, "LARGEST_ERROR", 1.0)
        run_report(Request(root, LATER), messages.append)
    return root, messages


@pytest.fixture(autouse=True)
def any_error_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few draws have a Monte Carlo error that would ask for a new fit."""
    monkeypatch.setattr(reasons, "LARGEST_ERROR", 1.0)


def test_the_path_is_reported_in_words(updated: tuple[Path, list[str]]) -> None:
    root, messages = updated
    sentence = next(line for line in messages if "reweighted" in line)
    assert sentence.startswith("the draws of the fit of 18 June 2025, reweighted for ") and "; k-hat " in sentence
    assert not any("sampling" in line for line in messages)
    run = open_run(root / "reports" / LATER.isoformat())
    assert run.summary["reweighted"]["words"] == sentence
    page = (run.folder / store.PAGE).read_text("utf-8")
    assert sentence in page and "fit of 18 June 2025" in page


def test_the_ledger_names_the_base_fit(updated: tuple[Path, list[str]]) -> None:
    root, _ = updated
    base, run = (open_run(root / "reports" / day.isoformat()) for day in (BASE, LATER))
    rows = [entry for entry in read_ledger(root / "reports") if entry.origin == LATER]
    assert rows and {row.run_id for row in rows} == {run.manifest["run_id"]}
    assert {row.method for row in rows} == {f"{base.manifest['method']}, reweighted from run {base.manifest['run_id']}"}
    assert run.manifest["base"] == {"run_id": base.manifest["run_id"], "origin": "2025-06-18"}


def test_an_update_again_is_the_stored_one_and_anew_has_the_same_bytes(updated: tuple[Path, list[str]], tmp_path: Path) -> None:
    root, _ = updated
    messages: list[str] = []
    folder = run_forecast(Request(root, LATER), messages.append).folder
    assert messages == ["inputs unchanged: the stored forecast is used"]
    copy = tmp_path / "workspace"
    shutil.copytree(root, copy)
    shutil.rmtree(copy / "reports" / LATER.isoformat())
    again = run_forecast(Request(copy, LATER)).folder
    for name in (store.FORECAST_JSON, store.FORECAST_CSV, store.MANIFEST, store.REWEIGHTED):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_chain_of_updates_begins_with_the_fit(updated: tuple[Path, list[str]]) -> None:
    root, _ = updated
    assert not (root / "reports" / LATER.isoformat() / store.BASE).exists()
    assert find_base(root / "reports", date(2025, 7, 6), {}) == root / "reports" / BASE.isoformat() / store.BASE


def test_the_summary_has_all_that_a_fit_has(updated: tuple[Path, list[str]]) -> None:
    root, _ = updated
    base, run = (open_run(root / "reports" / day.isoformat()) for day in (BASE, LATER))
    assert set(run.summary) == set(base.summary)
    assert [(row["question"], row["source"], row["horizon_weeks"]) for row in run.summary["forecasts"]] == [
        (row["question"], row["source"], row["horizon_weeks"]) for row in base.summary["forecasts"]
    ]
    weeks = run.summary["hazard_past"]["weeks"]
    assert (
        weeks[-1] == "2025-06-29" and len(weeks) == len(run.summary["hazard_past"]["mean"]) == len(base.summary["hazard_past"]["weeks"]) + 1
    )
    for old, new in zip(base.summary["factors"], run.summary["factors"], strict=True):
        assert len(new["path"]["median"]) == len(new["path"]["weeks"]) == len(old["path"]["weeks"]) + 1
    assert {one["fit"] for one in run.summary["reweighted"]["fits"]} == {name for name, *_ in FITS}
    assert run.summary["effects"] == base.summary["effects"], "prior against posterior is the fit's"
    checks = [[flag for flag in summary["flags"] if flag["name"] == "check"] for summary in (base.summary, run.summary)]
    assert checks[0] == checks[1], "what the fit cannot reproduce is the fit's"


def test_the_tree_of_an_update_has_the_fits_of_its_base_and_its_own_data(updated: tuple[Path, list[str]]) -> None:
    root, _ = updated
    base, run = (open_run(root / "reports" / day.isoformat()) for day in (BASE, LATER))
    assert "posterior" in run.fit("outside").children
    within = run.tree["reweighted/outside/within"]
    assert float(within.mean(names.DRAW).sel({names.HORIZON: 13})) == pytest.approx(_probability(run, names.OUTSIDE), abs=0.01)
    assert run.tree["data"].sizes[names.OBSERVATION] > base.tree["data"].sizes[names.OBSERVATION]


def _probability(run: Run, source: str) -> float:
    return float(next(row["probability"] for row in run.summary["forecasts"] if row["source"] == source and row["horizon_weeks"] == 13))


def test_what_is_stored_opens_as_it_was(short_run: Any) -> None:
    base = read_base(short_run.folder / store.BASE)
    summary = json.loads((short_run.folder / store.FORECAST_JSON).read_text("utf-8"))
    assert base.summary == summary and base.panel.origin == BASE
    assert list(base.fits) == [name for name, *_ in FITS]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("priors", "the priors have changed"),
        ("round", "a round in the week to 29 June 2025 was added"),
        ("seed", "another seed is asked for"),
        ("old row", "before the window, was revised"),
        ("later", "more than 13 weeks old"),
    ],
)
def test_what_weights_cannot_take_up_needs_a_fit(
    updated: tuple[Path, list[str]], tmp_path: Path, change: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ripeness.workflow import forecasts

    root = tmp_path / "workspace"
    shutil.copytree(updated[0], root)
    seed, as_of = None, LATER
    if change == "priors":
        with (root / "priors" / "factors.toml").open("a") as file:
            file.write("# a remark\n")
    elif change == "round":
        with (root / "data" / "events.csv").open("a") as file:
            file.write("2025-06-24,2025-06-24,round,yes,2025-06-24,made up for a test,made up,A\n")
    elif change == "seed":
        seed = 7
    elif change == "old row":
        path = root / "data" / "brent.csv"
        row = next(line for line in path.read_text("utf-8").splitlines() if line.startswith("2023-03-12")).split(",")
        with path.open("a") as file:
            file.write(",".join([row[0], str(float(row[1]) + 5.0), "2025-06-20", *row[3:]]) + "\n")
    else:
        as_of = date(2025, 9, 28)
    messages: list[str] = []

    def fit(asked: Any, progress: Any) -> Path:
        raise InterruptedError

    monkeypatch.setattr(forecasts, "_fit", fit)
    with pytest.raises(InterruptedError):
        run_forecast(Request(root, as_of, seed), messages.append)
    assert any(line.startswith("a new fit is needed: ") and reason in line for line in messages), messages


def test_the_error_of_the_headline_asks_for_a_fit_and_not_that_of_one_of_its_fits(
    updated: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ripeness.workflow import forecasts

    root = tmp_path / "workspace"
    shutil.copytree(updated[0], root)
    summary = open_run(root / "reports" / LATER.isoformat()).summary
    errors = {one["source"]: one["mc_error"] for one in summary["forecasts"] if (one["question"], one["horizon_weeks"]) == ("round", 13)}
    headline = errors[names.MIXTURE]
    assert headline < max(errors.values()) and errors[names.OUTSIDE] < headline
    messages: list[str] = []

    def fit(asked: Any, progress: Any) -> Path:
        raise InterruptedError

    monkeypatch.setattr(forecasts, "_fit", fit)
    for path in (root / "reports" / LATER.isoformat()).iterdir():
        path.unlink()
    monkeypatch.setattr(reasons, "LARGEST_ERROR", 1.01 * headline)
    assert run_forecast(Request(root, LATER)).summary["reweighted"]
    for path in (root / "reports" / LATER.isoformat()).iterdir():
        path.unlink()
    monkeypatch.setattr(reasons, "LARGEST_ERROR", 0.99 * headline)
    with pytest.raises(InterruptedError):
        run_forecast(Request(root, LATER), messages.append)
    assert any(f"the Monte Carlo error of the headline is {100 * headline:.2f} points" in line for line in messages), messages


def test_data_that_cannot_be_right_are_not_forecast_from_an_older_fit(
    updated: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ripeness.data.quality import Flag
    from ripeness.workflow import forecasts, reweight_run

    def fit(asked: Any, progress: Any) -> Path:
        raise InterruptedError

    root = tmp_path / "workspace"
    shutil.copytree(updated[0], root)
    shutil.rmtree(root / "reports" / LATER.isoformat())
    monkeypatch.setattr(forecasts, "_fit", fit)
    monkeypatch.setattr(
        reweight_run, "flag_vintage", lambda vintage: [Flag("unit", "oil lies far out", "look at its unit", withholds=True)]
    )
    messages: list[str] = []
    with pytest.raises(InterruptedError):
        run_forecast(Request(root, LATER), messages.append)
    assert "a new fit is needed: oil lies far out" in messages


def test_refit_does_not_ask(updated: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    from ripeness.workflow import forecasts

    def fit(asked: Any, progress: Any) -> Path:
        raise InterruptedError

    monkeypatch.setattr(forecasts, "_fit", fit)
    with pytest.raises(InterruptedError):
        run_forecast(Request(updated[0], LATER, refit=True))


def test_a_forecast_from_older_draws_loads_no_sampler(updated: tuple[Path, list[str]], tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(updated[0], root)
    shutil.rmtree(root / "reports" / LATER.isoformat())
    code = (
        "import sys; from pathlib import Path; from datetime import date; from ripeness.reweighting import refusals; refusals.LARGEST_ERROR = 1.0; "
        f"import ripeness; ripeness.run_forecast(ripeness.Request(Path({str(root)!r}), date(2025, 6, 29))); "
        "print({'pymc', 'pytensor', 'nutpie', 'preliz'} & set(sys.modules) or '')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
