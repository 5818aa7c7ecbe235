"""The backtest on the real data: no look ahead, resumable, the same on processes and Dask, and scored to the end.

Most tests draw from the priors instead of fitting: the seam for draws takes either, and everything after it is the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ripeness import names
from ripeness.data.vintages import Store
from ripeness.elicitation.elicit import elicit_priors
from ripeness.elicitation.elicited import Priors
from ripeness.errors import UsageError
from ripeness.evaluation import published, study
from ripeness.evaluation.at_origin import AtOrigin, Sampled, Task, forecast_at, gate_in_words
from ripeness.evaluation.backtest import is_done, open_executor, paths_of, plan, read_tables, run_tasks, store_origin
from ripeness.evaluation.origins import AS_OF, FINAL, backtest_origins
from ripeness.evaluation.unit import COLUMNS, WEEK, read_units
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.inference.gate import Criterion, Verdict
from ripeness.model.spec import ModelSpec
from ripeness.report.drawing import write_chart
from ripeness.report.studies import plot_backtest
from ripeness.workflow.request import Inputs, open_workspace
from ripeness.workflow.studies import Backtest
from ripeness.workspace import FitSettings

ROOT = Path(__file__).parents[2]
ORIGIN = date(2022, 7, 31)
CHAINS, DRAWS = 2, 20
SETTINGS = FitSettings(chains=2, tune=100, draws=100, future_paths=2)


def nobody(*_: Any) -> None:
    """Ask for nothing to be shown."""


def from_prior(spec: ModelSpec, which: tuple[str, str, str], settings: FitSettings, seed: int) -> Sampled:
    """Draws from the prior, whose gate always speaks of too few chains."""
    name, variant, reading = which
    draws = sample_prior(spec, reading, variant, CHAINS * DRAWS, np.random.SeedSequence(seed))  # type: ignore[arg-type]
    return Sampled(draws, (CHAINS, DRAWS), lambda headline: gate_in_words(Verdict(name, (Criterion("chains", 2.0, 4.0),))))


def without_fitting(task: Task) -> AtOrigin:
    return forecast_at(task, from_prior)


@contextmanager
def one_thread() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture(scope="module")
def checked() -> Inputs:
    return open_workspace(ROOT)


@pytest.fixture(scope="module")
def priors(checked: Inputs) -> Priors:
    return elicit_priors(checked.priors)


def tasks_of(checked: Inputs, priors: Priors, store: Store, *origins: date, kind: str = AS_OF) -> list[Task]:
    return plan(checked.workspace, store, priors, origins, kind, SETTINGS, 1, "test")


def with_row(store: Store, table: str, **cells: Any) -> Store:
    """The store with one more row, as the last of its table but for these cells."""
    frame = store.table(table)
    more = pd.concat([frame, frame.tail(1).assign(line=int(frame["line"].max()) + 1, **cells)], ignore_index=True).astype(
        dict(frame.dtypes)
    )
    if table == "events":
        return replace(store, events=more)
    return replace(store, rows={**store.rows, table: more})


def poisoned(store: Store, published: date, times: float = 50.0) -> Store:
    """Values so many times the largest of every indicator, and a round, of the week before ORIGIN, published on a day."""
    day, known = pd.Timestamp(ORIGIN), pd.Timestamp(published)
    for name in store.contracts:
        largest = store.rows[name]["value"].max()
        store = with_row(store, name, observed_on=day, published_on=known, value=largest * times)
    return with_row(store, "events", date=day, end_date=day, kind="round", round=True, published_on=known)


def test_a_row_published_the_day_after_an_origin_changes_no_byte_of_its_forecast(checked: Inputs, priors: Priors, tmp_path: Path) -> None:
    # sampled, not drawn from the priors: the whole way from the data to the file
    fits = [which for which in names.FITS if which[0] in ("conjunctive_as_written", names.OUTSIDE)]
    files = {}
    for label, store in (
        ("clean", checked.store),
        ("after", poisoned(checked.store, ORIGIN + timedelta(days=1))),
        ("on", poisoned(checked.store, ORIGIN, 1.0)),  # less absurd, so that a forecast can be made that sees it
    ):
        (task,) = tasks_of(checked, priors, store, ORIGIN)
        store_origin(task, forecast_at(replace(task, fits=fits)), tmp_path / label)
        files[label] = [path.read_bytes() for path in paths_of(tmp_path / label, AS_OF, ORIGIN)]
    assert files["after"] == files["clean"]
    assert files["on"][0] != files["clean"][0]  # seen by then, it moves the forecast
    clean, on = (read_units(paths_of(tmp_path / label, AS_OF, ORIGIN)[0]) for label in ("clean", "on"))
    assert (clean["probability"] != on["probability"]).mean() > 0.9


def test_a_table_has_every_forecaster_in_the_same_units(checked: Inputs, priors: Priors) -> None:
    (task,) = tasks_of(checked, priors, checked.store, ORIGIN)
    made = without_fitting(task)
    units: dict[str, set[tuple[Any, ...]]] = {}
    for unit in made.units:
        place = (unit.question, unit.horizon_weeks, unit.target_end_date, unit.given)
        assert place not in units.setdefault(unit.forecaster, set())
        units[unit.forecaster].add(place)
        assert 0.0 < unit.probability < 1.0 and unit.vintage == AS_OF and unit.inputs == task.inputs
        assert unit.target_end_date == ORIGIN + timedelta(days=7 * unit.horizon_weeks)
    fits = [name for name, _, _ in names.FITS]
    assert set(units) == {*fits, names.MIXTURE, "constant_rate", "persistence"}
    assert len({frozenset(places) for places in units.values()}) == 1
    weeks = {unit.horizon_weeks for unit in made.units if unit.question == WEEK}
    assert weeks == set(range(1, 53))
    horizons = [unit for unit in made.units if unit.question == "round" and unit.forecaster == names.MIXTURE]
    assert [unit.horizon_weeks for unit in horizons] == [4, 13, 26, 52]
    assert all(unit.lower < unit.probability < unit.upper and unit.mcse > 0 for unit in horizons)  # type: ignore[operator]
    assert all("chains 2, must be at least 4" in unit.gate and "conjunctive_tempered failed" in unit.gate for unit in horizons)


def test_the_mixture_is_the_mean_of_its_fits_by_their_weights(checked: Inputs, priors: Priors) -> None:
    (task,) = tasks_of(checked, priors, checked.store, ORIGIN)
    weights = task.workspace.mixture.weights
    assert len(set(weights.values())) > 1
    probabilities: dict[tuple[str, int, str], dict[str, float]] = {}
    for unit in without_fitting(task).units:
        probabilities.setdefault((unit.question, unit.horizon_weeks, unit.given), {})[unit.forecaster] = unit.probability
    for (question, weeks, _), by_name in probabilities.items():
        if question != WEEK or weeks <= 4:
            assert by_name[names.MIXTURE] == pytest.approx(sum(w * by_name[name] for name, w in weights.items()), rel=1e-12)


def test_every_horizon_follows_from_its_weeks(checked: Inputs, priors: Priors) -> None:
    (task,) = tasks_of(checked, priors, checked.store, ORIGIN)
    units = [unit for unit in without_fitting(task).units if unit.forecaster in ("conjunctive_as_written", names.MIXTURE)]
    for name in ("conjunctive_as_written", names.MIXTURE):
        silent = [unit for unit in units if unit.forecaster == name and unit.question == WEEK and unit.given in ("", "silent")]
        within = {unit.horizon_weeks: unit.probability for unit in units if unit.forecaster == name and unit.question == "round"}
        survival = np.cumprod([1.0 - unit.probability for unit in sorted(silent, key=lambda unit: unit.horizon_weeks)])
        # of the mixture the first four weeks are the mean of hazards, the horizon the mean of probabilities
        assert 1.0 - survival[12] == pytest.approx(within[13], rel=1e-9 if name != names.MIXTURE else 0.05)


def test_it_goes_on_where_it_stopped_and_makes_anew_what_has_changed(checked: Inputs, priors: Priors, tmp_path: Path) -> None:
    origins = backtest_origins(checked.workspace.question, checked.store.default_origin())[:3]
    tasks = tasks_of(checked, priors, checked.store, *origins)
    made: list[date] = []

    def stopping(task: Task) -> AtOrigin:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(task.vintage.origin)
        return without_fitting(task)

    def counting(task: Task) -> AtOrigin:
        made.append(task.vintage.origin)
        return without_fitting(task)

    with pytest.raises(KeyboardInterrupt):
        run_tasks(tasks, tmp_path, one_thread, nobody, stopping)
    assert made == [origins[2], origins[1]]  # the longest record first
    assert [is_done(task, tmp_path) for task in tasks] == [False, True, True]
    progress: list[tuple[int, int]] = []
    run_tasks(tasks, tmp_path, one_thread, lambda done, total, *_: progress.append((done, total)), counting)
    assert made == [*reversed(origins)] and progress == [(3, 3)]
    before = read_tables(tasks, tmp_path)

    def never() -> Any:
        raise AssertionError("nothing is missing")

    run_tasks(tasks, tmp_path, never, nobody, counting)
    changed = tasks_of(checked, priors, poisoned(checked.store, origins[1]), *origins)  # seen from the second origin on
    assert [is_done(task, tmp_path) for task in changed] == [True, False, False]
    fewer = [replace(task, fits=task.fits[:1]) for task in tasks]
    assert all(is_done(task, tmp_path) for task in fewer)  # what is asked for is there, and more
    store_origin(fewer[0], without_fitting(fewer[0]), tmp_path)
    assert is_done(fewer[0], tmp_path) and not is_done(tasks[0], tmp_path)
    store_origin(tasks[0], without_fitting(tasks[0]), tmp_path)
    paths_of(tmp_path, AS_OF, origins[2])[1].unlink()
    run_tasks(tasks, tmp_path, one_thread, nobody, counting)
    assert made == [*reversed(origins), origins[2]]
    pd.testing.assert_frame_equal(read_tables(tasks, tmp_path), before)
    assert not list(tmp_path.rglob(".*")), "an unfinished file was left"


@pytest.mark.filterwarnings("ignore:Port .* is already in use:UserWarning")
def test_processes_and_dask_make_the_same_bytes(checked: Inputs, priors: Priors, tmp_path: Path) -> None:
    from distributed import LocalCluster

    outside = [which for which in names.FITS if which[0] == names.OUTSIDE]
    tasks = [replace(task, fits=outside) for task in tasks_of(checked, priors, checked.store, ORIGIN)]
    run_tasks(tasks, tmp_path / "processes", partial(open_executor, None, 1), nobody)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp") as cluster:
        run_tasks(tasks, tmp_path / "dask", partial(open_executor, cluster.scheduler_address), nobody)
    assert threading.active_count() < 60
    for one, other in zip(*(paths_of(tmp_path / place, AS_OF, ORIGIN) for place in ("processes", "dask")), strict=True):
        assert one.read_bytes() == other.read_bytes()
    frame = read_units(paths_of(tmp_path / "dask", AS_OF, ORIGIN)[0])
    assert tuple(frame.columns) == COLUMNS and set(frame["forecaster"]) == {names.OUTSIDE, "constant_rate", "persistence"}


def test_an_address_where_nobody_answers_is_refused() -> None:
    with pytest.raises(UsageError, match="no scheduler answers there"), open_executor("nowhere"):
        pass


def test_workers_end_with_whoever_started_them() -> None:
    opens = """
import time
from ripeness.evaluation.backtest import open_executor
with open_executor(None, 1) as pool:
    pool.submit(print, "at work", flush=True).result()
    pool.submit(time.sleep, 600).result()
"""
    with subprocess.Popen([sys.executable, "-c", opens], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdout.readline().strip() == b"at work"
        started.kill()
        assert started.communicate(timeout=20)[0] == b"", "the stream that the worker inherited is open as long as it lives"


def test_the_study_is_scored_to_the_end_and_its_tables_speak(
    checked: Inputs, priors: Priors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "QUICK", 3)
    workspace = replace(checked.workspace, root=tmp_path)
    made = study.Study(workspace, checked.store, checked.claims.card.date, priors, "test", SETTINGS, 1, quick=True)
    assert made.folder.is_relative_to(tmp_path)
    tables = study.run_study(made, one_thread, nobody, {"command": "ripeness backtest --quick", "date": "2026-11-23"}, without_fitting)
    figure = plot_backtest(published.read_rows(made.tables, published.FORECASTS), made.workspace.question.headline_weeks)
    write_chart(made.tables / published.FIGURE, figure)
    assert set(tables) == {
        "backtest.csv",
        "backtest_scores.csv",
        "backtest_weeks.csv",
        "backtest_rungs.csv",
        "skill.csv",
        "skill_power.csv",
        "vintage_gap.csv",
        "lfo.csv",
    }
    scores = tables["backtest_scores.csv"]
    assert list(scores.columns) == ["forecaster", "population", "horizon_weeks", "n", "brier", "log_score"]
    # the last of three origins is the end of the data: none of its targets lies within the record
    assert set(scores.loc[scores["population"] == "all", "n"]) == {2}
    assert set(scores["population"]) == {"all", "hindsight_priors", "dormant", "reconstructed_vintages"}
    weekly = tables["backtest_weeks.csv"].set_index(["forecaster", "population"])
    lfo = tables["lfo.csv"].set_index("fit")
    for name, _, _ in names.FITS:  # two ways to the same sum
        assert lfo.loc[name, "elpd"] == pytest.approx(-weekly.loc[(name, "all"), "total_log_score"], abs=1e-5)
    of_skill = tables["skill.csv"].set_index(["forecaster", "reference", "population"])
    skill = of_skill.loc[(names.MIXTURE, names.OUTSIDE, "all")]
    lost = weekly.loc[(names.OUTSIDE, "all"), "total_log_score"] - weekly.loc[(names.MIXTURE, "all"), "total_log_score"]
    assert skill["skill"] == pytest.approx(lost) and skill["weeks"] == 8
    totals = weekly["total_log_score"].xs("all", level="population")
    for reading in names.READINGS[1:]:
        assert of_skill.loc[(reading, names.AS_WRITTEN, "all"), "skill"] == pytest.approx(totals[names.AS_WRITTEN] - totals[reading])
    gap = tables["vintage_gap.csv"]
    assert (gap.loc[gap["forecaster"] == "constant_rate", "brier_gap"] == 0).all()  # no round was published late
    forecasts = tables["backtest.csv"]
    by_name = forecasts.pivot(index=["question", "origin", "horizon_weeks", "vintage"], columns="forecaster", values="probability")
    share = made.workspace.mixture.substitutable
    either = [by_name[f"{form}_{names.TEMPERED}"].to_numpy() for form in (names.SUBSTITUTABLE, names.CONJUNCTIVE)]
    assert by_name[names.TEMPERED].to_numpy() == pytest.approx(share * either[0] + (1 - share) * either[1])
    assert set(forecasts["vintage"]) == {AS_OF, FINAL} and forecasts.loc[forecasts["question"] == WEEK, "outcome"].notna().all()
    about = json.loads((made.tables / "backtest.json").read_text("utf-8"))
    assert (about["command"], about["date"], about["seed"], about["origins"]) == ("ripeness backtest --quick", "2026-11-23", 1, 3)
    assert about["versions"]["scoringrules"] and about["settings"]["draws"] == 100
    assert (made.tables / "backtest.svg").read_text("utf-8").count("<svg") == 1
    shown = Backtest(made.tables, 13)
    assert any("does not beat the outside view" in sentence for sentence in shown.sentences)
    assert len(shown.scores) == (len(names.FITS) + len(names.READINGS) + 3) * 4 and json.dumps(shown.as_json(), allow_nan=False)
