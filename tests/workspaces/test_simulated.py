"""A workspace of another war, drawn from a truth that is known: the engine takes it as it is and finds the truth again.

The truth is one draw of the priors as written, so an interval of 90 % of that reading's posterior holds each of its numbers nine times in ten, and
the number held of n independent ones is binomial. Those counted here are nearly independent at best, so the bound is that of one chance in a
thousand.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import binom
from workspaces.simulate import simulate

from ripeness import names
from ripeness.workflow.issue import run_report
from ripeness.workflow.request import Request
from ripeness.workflow.run import PAGE, Run
from ripeness.workflow.scenarios import run_scenarios
from ripeness.workflow.watchlist import run_watch

Array = NDArray[np.float64]
HERE = Path(__file__).parent
SIMULATED = HERE / "simulated"
TEMPLATE = HERE.parents[1] / "model" / "ripeness" / "cli" / "template"
READING = "conjunctive_as_written"
APART = 13  # weeks between the weeks of a path that are counted


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return tomllib.loads((SIMULATED / "truth.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`ripeness report` on a copy without the truth, held to the real gate."""
    root = tmp_path_factory.mktemp("islands") / "workspace"
    shutil.copytree(SIMULATED, root, ignore=shutil.ignore_patterns("truth*"))
    return run_report(Request(root))


@pytest.fixture(scope="module")
def posterior(run: Run) -> xr.Dataset:
    return run.fit(READING)["posterior"].to_dataset()


def bound(counted: int) -> int:
    """The fewest of so many 90 % intervals that may hold the truth: fewer come by chance less than once in a thousand."""
    return int(binom.ppf(0.001, counted, 0.9))


def inside(draws: xr.DataArray, value: float) -> bool:
    low, high = np.quantile(draws, [0.05, 0.95])
    return bool(low <= value <= high)


def true_paths() -> pd.DataFrame:
    return pd.read_csv(SIMULATED / "truth_paths.csv", index_col="week", parse_dates=["week"])


def true_parameters(truth: dict[str, Any]) -> Iterator[tuple[str, dict[str, str], float]]:
    """Variable of the posterior, where in it, and the true value."""
    shown = truth["indicator"]
    for factor, weeks in truth["half_life"].items():
        yield "half_life", {names.FACTOR: factor}, weeks
    for factor, scale in truth["factor_scale"].items():
        yield "factor_scale", {names.SCALED: factor}, scale
    for condition, share in truth["share_open"].items():
        yield "share_open", {names.CONDITION: condition}, share
    for factor, effects in truth["weight"].items():
        for to, weight in effects.items():
            yield "weight", {names.EFFECT: f"{factor} → {to}"}, weight
    for indicator, of_it in shown.items():
        if "noise" in of_it:
            yield "noise", {names.MEASURED: indicator}, of_it["noise"]
        if "dispersion" in of_it:
            yield "dispersion", {names.COUNTED: indicator}, of_it["dispersion"]
        for name in ("loading", "intercept"):
            if name in of_it:
                yield name, {names.RELATIVE: indicator}, of_it[name]
        for era, share in of_it.get("capture", {}).items():
            yield "capture", {names.ERA: f"{indicator} {era}"}, share
    for weeks, rate in zip(truth["outside"]["weeks"], truth["outside"]["rate"], strict=True):
        yield "outside_knots", {names.KNOT: weeks}, float(np.log(rate))
    for rung, of_it in truth["rung"].items():
        for name in ("rate", "exponent", "active", "dispersion"):
            yield f"rung_{name}", {names.RUNG: rung}, of_it[name]
        yield "rung_searched", {names.SEARCH: f"{rung} 0.7-0.95"}, of_it["searched"]
    for stretch in {(one["q05"], one["q95"]): one for one in truth["searched"]}.values():  # stretches searched alike are one
        yield "sensitivity", {names.STRETCH: f"{stretch['q05']}-{stretch['q95']}"}, stretch["sensitivity"]


def found(posterior: xr.Dataset, variable: str, where: dict[str, Any]) -> xr.DataArray:
    nearest = "nearest" if names.KNOT in where else None
    return posterior[variable].sel(where, method=nearest)


def test_the_whole_way_runs_and_passes_its_gate(run: Run) -> None:
    assert run.summary["gate"]["passed"] is True
    assert run.summary["flags"] == []
    assert ((run.forecast["probability"] > 0) & (run.forecast["probability"] < 1)).all()
    assert {"meeting", "sustained", "truce", "pact", "crossing"} == set(run.forecast["question"])
    page = (run.folder / PAGE).read_text("utf-8")
    assert "Will the two islands talk?" in page
    assert "The table is set" in page


def test_what_would_move_it_is_reported_without_any_slow_level(run: Run, truth: dict[str, Any]) -> None:
    root = run.folder.parents[1]
    (root / "priors" / "scenarios.toml").write_text(
        'schema = 1\n[[scenario]]\nid = "advance"\ntitle = "An advance"\nrationale = "for a test of another war"\n'
        f'[[path]]\nscenario = "advance"\nfactor = "{next(iter(truth["half_life"]))}"\nunits = 2.0\nfrom_week = 1\nto_week = 4\n',
        "utf-8",
    )
    scenarios = run_scenarios(Request(root), [], False, 0.5)
    assert scenarios["scenarios"][0]["contrasts"][0]["change"] != 0.0 and len(scenarios["inverse"]["conditions"]) >= 2
    assert run_watch(Request(root))["releases"]


def test_the_ladder_is_coherent(run: Run) -> None:
    of = run.forecast.set_index(["question", "horizon_weeks"])["probability"]
    for weeks in (4, 13, 26):
        assert of["pact", weeks] < of["truce", weeks]
    for question in of.index.unique("question"):
        assert (np.diff(of[question].sort_index()) > 0).all(), question
    assert list(of["crossing"].index) == [1, 4]


def test_paths_of_factors_are_found_again(posterior: xr.Dataset) -> None:
    paths = true_paths()
    held = [
        inside(posterior["path"].sel({names.FACTOR: factor}).isel({names.WEEK: week}), paths[factor].iloc[week])
        for factor in paths.columns[:-1]
        for week in range(0, len(paths), APART)
    ]
    assert len(held) == 30
    assert sum(held) >= bound(30) == 21


@pytest.mark.parametrize(("factor", "least"), [("ground", 0.9), ("hunger", 0.8), ("ferrymen", 0.6)])
def test_what_is_measured_is_followed(posterior: xr.Dataset, factor: str, least: float) -> None:
    mean = posterior["path"].sel({names.FACTOR: factor}).mean([names.CHAIN, names.DRAW])
    assert np.corrcoef(mean, true_paths()[factor])[0, 1] > least


def test_the_inside_view_is_found_again(posterior: xr.Dataset) -> None:
    # the formula of conditions and weights, one-sided factor and normaliser included, written a second time by the script
    true, draws = true_paths()["inside"], posterior["inside"]
    held = [inside(draws.isel({names.WEEK: week}), true.iloc[week]) for week in range(0, len(true), APART)]
    assert sum(held) >= bound(10) == 5
    assert np.corrcoef(draws.mean([names.CHAIN, names.DRAW]), true)[0, 1] > 0.4


def test_parameters_are_found_again(posterior: xr.Dataset, truth: dict[str, Any]) -> None:
    held = {(name, *where.values()): inside(found(posterior, name, where), value) for name, where, value in true_parameters(truth)}
    assert len(held) == 35
    assert sum(held.values()) >= bound(35) == 25, [key for key, value in held.items() if not value]


@pytest.mark.parametrize("variable", ["half_life", "factor_scale", "noise", "capture", "rung_rate"])
def test_intervals_are_narrower_than_those_of_the_prior(run: Run, posterior: xr.Dataset, variable: str) -> None:
    # else they would hold the truth without any data
    prior = run.fit(READING)["prior"].to_dataset()[variable]
    widths = [
        np.log(draws).quantile([0.05, 0.95], [names.CHAIN, names.DRAW]).diff("quantile").mean() for draws in (posterior[variable], prior)
    ]
    assert widths[0] < 0.8 * widths[1]


def test_the_model_gives_weeks_with_a_round_the_larger_hazard(posterior: xr.Dataset) -> None:
    hazard = posterior["hazard"].mean([names.CHAIN, names.DRAW]).to_series()
    days = pd.to_datetime(pd.read_csv(SIMULATED / "data/events.csv").query("round == 'yes'")["date"])
    held = hazard.index.isin(days + pd.to_timedelta(6 - days.dt.day_of_week, unit="D"))
    assert held.sum() == 27  # of 28 rounds the first begins the record
    assert hazard[held].mean() > 1.5 * hazard[~held].mean()


@pytest.mark.parametrize(("truth_file", "workspace"), [(SIMULATED / "truth.toml", SIMULATED), (HERE / "template_truth.toml", TEMPLATE)])
def test_the_data_are_made_again_byte_for_byte(truth_file: Path, workspace: Path) -> None:
    files, paths = simulate(workspace, tomllib.loads(truth_file.read_text("utf-8")))
    assert set(files) == {path.name for path in (workspace / "data").glob("*.csv")}
    for name, text in files.items():
        assert text.encode() == (workspace / "data" / name).read_bytes(), name
    assert paths.encode() == truth_file.with_name(f"{truth_file.stem}_paths.csv").read_bytes()


def test_another_seed_makes_other_data(truth: dict[str, Any]) -> None:
    files, _ = simulate(SIMULATED, truth | {"seed": truth["seed"] + 1})
    same = [name for name, text in files.items() if text.encode() == (SIMULATED / "data" / name).read_bytes()]
    assert same == ["coverage.csv"]


def test_nothing_is_shared_with_the_shipped_workspace(root: Path) -> None:
    def ids(workspace: Path) -> set[str]:
        document = tomllib.loads((workspace / "ripeness.toml").read_text("utf-8"))
        contracts = tomllib.loads((workspace / "data/indicators.toml").read_text("utf-8"))
        return {entry["id"] for table in ("condition", "factor") for entry in document[table]} | set(contracts) - {"schema"}

    assert not ids(SIMULATED) & ids(root)
    assert not ids(SIMULATED) & ids(TEMPLATE)
