"""A vintage forecast from the draws of another one's fit: the same where nothing differs, another where something does, a fit where weights will not do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ripeness import names
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicit import elicit_priors
from ripeness.evaluation.at_origin import KHAT, AtOrigin, Sampled, Task, by_weighting, forecast_at
from ripeness.evaluation.backtest import base_of, is_done, joined, make_forecasts, plan, run_tasks
from ripeness.evaluation.origins import AS_OF, FINAL
from ripeness.evaluation.unit import WEEK
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.model.spec import ModelSpec
from ripeness.reweighting import refusals as reasons
from ripeness.reweighting.stored import Base, read_base
from ripeness.workflow.request import open_workspace
from ripeness.workspace import FitSettings

HEADLINE_FITS = tuple(name for name, variant, _ in names.FITS if variant != names.OUTSIDE)
ROOT = Path(__file__).parents[2]
ORIGIN = date(2023, 7, 2)
DRAWS = 400
SETTINGS = FitSettings(chains=2, tune=100, draws=DRAWS // 2, future_paths=4)
GATE = f"failed: a fit of {DRAWS} draws of the prior"


def from_prior(spec: ModelSpec, which: tuple[str, str, str], settings: FitSettings, seed: int, number: int = DRAWS) -> Sampled:
    _, variant, reading = which
    draws = sample_prior(spec, reading, variant, number, np.random.SeedSequence(seed))  # type: ignore[arg-type]
    return Sampled(draws, (2, number // 2), lambda headline: GATE)


def never(spec: ModelSpec, which: tuple[str, str, str], settings: FitSettings, seed: int) -> Sampled:
    raise AssertionError(f"{which[0]} was fitted")


@pytest.fixture(scope="module")
def tasks() -> tuple[Task, Task]:
    """What is asked as of the origin, and with final data that are the same."""
    checked = open_workspace(ROOT)
    priors = elicit_priors(checked.priors)
    as_of, final = (plan(checked.workspace, checked.store, priors, [ORIGIN], kind, SETTINGS, 1, "test") for kind in (AS_OF, FINAL))
    (known,), (later,) = joined(as_of, final)
    return known, replace(later, vintage=known.vintage)


@pytest.fixture(scope="module")
def left(tasks: tuple[Task, Task], tmp_path_factory: pytest.TempPathFactory) -> tuple[AtOrigin, Base]:
    """The first task's forecasts from draws of the priors, and the draws that it left."""
    folder = tmp_path_factory.mktemp("backtest")
    made = []

    def make(task: Task) -> AtOrigin:
        made.append(forecast_at(task, from_prior))
        return made[-1]

    run_tasks(tasks[:1], folder, lambda: ThreadPoolExecutor(1), lambda *_: None, make)
    assert is_done(tasks[0], folder)
    path = base_of(folder, ORIGIN)
    base = read_base(path)
    path.unlink()
    assert not is_done(tasks[0], folder) and is_done(replace(tasks[0], keep=False), folder)
    return made[0], base


def revised(vintage: Vintage, indicator: str, weeks_ago: int, times: float) -> Vintage:
    """The vintage with one value revised."""
    frame = vintage.values[indicator]
    day = pd.Timestamp(vintage.origin - timedelta(days=7 * weeks_ago))
    place = frame.index[frame["observed_on"] <= day][-1]
    return replace(
        vintage, values=vintage.values | {indicator: frame.assign(value=frame["value"].where(frame.index != place, times * frame["value"]))}
    )


def probabilities_of(made: AtOrigin, forecaster: str) -> list[float]:
    """Of rounds: of rungs the outside view is that of the other fits."""
    return [unit.probability for unit in made.units if unit.forecaster == forecaster and unit.question in ("round", WEEK)]


def test_where_nothing_differs_the_forecasts_are_the_same(tasks: tuple[Task, Task], left: tuple[AtOrigin, Base]) -> None:
    first, base = left
    made = forecast_at(tasks[1], by_weighting(base, never))
    for name in (*HEADLINE_FITS, names.OUTSIDE):
        np.testing.assert_allclose(
            probabilities_of(made, name), probabilities_of(first, name), rtol=1e-5
        )  # paths are stored in single precision
        assert made.arrays[f"{name}.{KHAT}"] == -np.inf
    assert {unit.gate for unit in made.units if unit.forecaster == names.OUTSIDE and unit.horizon_weeks == 13} >= {GATE}
    assert made.kept is None and f"{names.OUTSIDE}.{KHAT}" not in first.arrays


def test_draws_that_were_not_stored_count_too(tasks: tuple[Task, Task], tmp_path: Path) -> None:
    known, later = (replace(task, fits=[which for which in task.fits if which[0] == names.OUTSIDE]) for task in tasks)
    run_tasks(
        [known], tmp_path, lambda: ThreadPoolExecutor(1), lambda *_: None, lambda task: forecast_at(task, partial(from_prior, number=1600))
    )
    base = read_base(base_of(tmp_path, ORIGIN))
    fit = base.fits[names.OUTSIDE]
    horizons = [unit.probability for unit in forecast_at(later, by_weighting(base, never)).units if unit.forecaster == names.OUTSIDE][:4]
    everything = [anchor.mean for anchor in fit.anchors]
    np.testing.assert_allclose(horizons, everything, rtol=1e-12)
    assert max(abs(fit.within.mean(axis=0) - everything)) > 1e-5  # those stored alone say something else


def test_a_late_row_gives_other_weights(tasks: tuple[Task, Task], left: tuple[AtOrigin, Base]) -> None:
    first, base = left
    vintage = revised(tasks[1].vintage, "brent", 1, 0.9)
    made = forecast_at(replace(tasks[1], vintage=vintage), by_weighting(base, never))
    name = HEADLINE_FITS[0]
    assert np.isfinite(made.arrays[f"{name}.{KHAT}"])
    assert max(abs(np.subtract(probabilities_of(made, name), probabilities_of(first, name)))) > 1e-4
    np.testing.assert_allclose(
        probabilities_of(made, names.OUTSIDE), probabilities_of(first, names.OUTSIDE), rtol=1e-9
    )  # it reads no indicator


@pytest.mark.parametrize(("weeks_ago", "largest"), [(40, 0.7), (1, -10.0)], ids=["long before the last weeks", "weights too uneven"])
def test_what_weights_cannot_take_up_is_fitted(
    tasks: tuple[Task, Task], left: tuple[AtOrigin, Base], monkeypatch: pytest.MonkeyPatch, weeks_ago: int, largest: float
) -> None:
    fitted = []

    def note(spec: ModelSpec, which: tuple[str, str, str], settings: FitSettings, seed: int) -> Sampled:
        fitted.append(which[0])
        return from_prior(spec, which, settings, seed)

    monkeypatch.setattr(reasons, "LARGEST_KHAT", largest)
    task = replace(tasks[1], vintage=revised(tasks[1].vintage, "brent", weeks_ago, 0.9))
    made = forecast_at(task, by_weighting(left[1], note))
    assert set(HEADLINE_FITS) <= set(fitted)
    assert f"{HEADLINE_FITS[0]}.{KHAT}" not in made.arrays


def test_a_task_of_stored_draws_uses_them(tasks: tuple[Task, Task], left: tuple[AtOrigin, Base], monkeypatch: pytest.MonkeyPatch) -> None:
    from ripeness.evaluation import backtest

    monkeypatch.setattr(backtest, "by_fitting", lambda cores: never)
    made: Any = make_forecasts(replace(tasks[1], base=left[1]))
    assert probabilities_of(made, names.MIXTURE)
    with pytest.raises(AssertionError, match="was fitted"):
        make_forecasts(tasks[0])
