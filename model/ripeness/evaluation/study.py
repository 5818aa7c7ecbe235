"""The backtest as one study: plan, forecasts, outcomes, scores, skill, leave-future-out, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness import files, names
from ripeness.calendar import weeks_between
from ripeness.data.vintages import Store, Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.evaluation import at_origin, baselines, origins, unit
from ripeness.evaluation.at_origin import KHAT, PATTERNS, RECORD, AtOrigin, Task
from ripeness.evaluation.backtest import (
    FOLDER,
    VINTAGES,
    Opener,
    OriginDone,
    joined,
    make_forecasts,
    plan,
    read_arrays,
    read_tables,
    run_tasks,
)
from ripeness.evaluation.origins import AS_OF, FINAL, backtest_origins, is_recorded, populations_of, spread_evenly, with_outcomes
from ripeness.evaluation.published import ABOUT, FORECASTS, GAP, LFO, RUNGS, SCORES, SKILL, SKILL_POWER, STUDIES, WEEKLY
from ripeness.evaluation.scores import happened, leave_future_out, score_populations, score_rows, score_rungs, vintage_gap
from ripeness.evaluation.skill import measure_skill, power_table
from ripeness.evaluation.unit import BLOCK_WEEKS, FAILED, PASSED, WEEK
from ripeness.workspace import FitSettings, Workspace

Array = NDArray[np.float64]
QUICK: Final = 12  # origins
VERSIONED: Final = ("nutpie", "numba", "arviz", "scoringrules", "preliz", "numpy", "scipy", "pandas", "xarray")
MAKERS: Final = (at_origin, baselines, origins, unit)  # of this room: what forecasts are made by
KEPT: Final = (
    "question",
    "origin",
    "horizon_weeks",
    "target_end_date",
    "given",
    "forecaster",
    "vintage",
    "probability",
    "lower",
    "upper",
    "mcse",
    "outcome",
    "brier",
    "log_score",
    "population",
    "gate",
    "inputs",
)


@dataclass(frozen=True)
class Study:
    """What a backtest is made from.

    Parameters
    ----------
    workspace : Workspace
    store : Store
    essay : date
        Day of the essay.
    priors : Priors
    code_hash : str
        Names the code and the files that are not data.
    settings : FitSettings
    seed : int
    quick : bool
        Twelve origins instead of all; tables go to reports/backtest instead of reports/studies.
    vintages : tuple of str
        "as_of", and "final" where the vintage gap is to be measured.
    """

    workspace: Workspace
    store: Store
    essay: date
    priors: Priors
    code_hash: str
    settings: FitSettings
    seed: int
    quick: bool = False
    vintages: tuple[str, ...] = VINTAGES

    @property
    def folder(self) -> Path:
        """Where forecasts are kept origin by origin."""
        return self.workspace.reports / FOLDER

    @property
    def tables(self) -> Path:
        """Where the tables go."""
        return self.folder if self.quick else self.workspace.reports / STUDIES

    @property
    def origins(self) -> list[date]:
        """The origins, in order."""
        all_of_them = backtest_origins(self.workspace.question, self.store.default_origin())
        return spread_evenly(all_of_them, QUICK) if self.quick else all_of_them

    def plan(self) -> dict[str, list[Task]]:
        """The tasks of each vintage."""
        sources = [Path(str(module.__file__)).read_text("utf-8") for module in MAKERS]
        code_hash = files.hash_text(self.code_hash, str({name: version(name) for name in VERSIONED}), *sources)
        tasks = {
            kind: plan(self.workspace, self.store, self.priors, self.origins, kind, self.settings, self.seed, code_hash)
            for kind in self.vintages
        }
        if FINAL in tasks:
            tasks[AS_OF], tasks[FINAL] = joined(tasks[AS_OF], tasks[FINAL])
        return tasks


def run_study(
    study: Study, executor: Opener, origin_done: OriginDone, about: Mapping[str, Any], make: Callable[[Task], AtOrigin] = make_forecasts
) -> dict[str, pd.DataFrame]:
    """Make the forecasts that are missing, score all, and write the tables.

    Parameters
    ----------
    study : Study
    executor : callable
        Opens what the tasks run on; not called if nothing is missing.
    origin_done : callable
        As `run_tasks` has it.
    about : mapping
        What stands in backtest.json beside what the study knows: command and date.
    make : callable
        From a task to its forecasts.

    Returns
    -------
    dict of DataFrame
        By file name.
    """
    tasks = study.plan()
    everything = [task for kind in study.vintages for task in tasks[kind]]
    run_tasks(everything, study.folder, executor, origin_done, make)
    tables = assess(study, tasks)
    for name, table in tables.items():
        files.write_whole(study.tables / name, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    content = {
        **about,
        "seed": study.seed,
        "origins": len(study.origins),
        "first_origin": study.origins[0].isoformat(),
        "last_origin": study.origins[-1].isoformat(),
        **({"final_fits_from_stored_draws": _from_stored(study, tasks[FINAL])} if FINAL in tasks else {}),
        "settings": study.settings.model_dump(),
        "versions": {name: version(name) for name in VERSIONED},
    }
    files.write_json(study.tables / ABOUT, content)
    return tables


def _from_stored(study: Study, tasks: Sequence[Task]) -> str:
    """Of the final vintages' forecasts, how many came from stored draws."""
    arrays = [name for task in tasks for name in read_arrays(study.folder, FINAL, task.vintage.origin)]
    stored, everything = (sum(name.endswith(f".{what}") for name in arrays) for what in (KHAT, PATTERNS))
    return f"{stored} of {everything}"


def assess(study: Study, tasks: Mapping[str, Sequence[Task]]) -> dict[str, pd.DataFrame]:
    """Score what has been forecast; by file name."""
    question = study.workspace.question
    everything = read_tables([task for kind in study.vintages for task in tasks[kind]], study.folder)
    rungs = study.workspace.rung_ids
    of_rungs = everything[everything["question"].isin(rungs)]
    forecasts = with_readings(everything[~everything["question"].isin(rungs)], study.workspace)
    scored = score_rows(with_outcomes(forecasts, question, study.store))
    populations = {task.vintage.origin: _populations(study, task.vintage) for task in tasks[AS_OF]}
    as_of = scored[scored["vintage"] == AS_OF]
    scores, weekly = score_populations(as_of, populations)
    rounds = study.store.as_of(study.store.default_origin()).rounds()
    tables = {FORECASTS: _kept(forecasts, scored, populations), SCORES: scores, WEEKLY: weekly}
    if rungs:
        settled = score_rows(with_outcomes(of_rungs[of_rungs["vintage"] == AS_OF], question, study.store, study.workspace.rungs))
        tables[RUNGS] = score_rungs(settled, rungs, populations)
    if FINAL in study.vintages:
        tables[GAP] = vintage_gap(scored)
    over = {names.OUTSIDE: (), names.AS_WRITTEN: study.workspace.readings}  # where there is one reading, none is a forecaster by itself
    tables[SKILL] = pd.concat(
        [measure_skill(as_of, populations, reference, question, rounds, study.seed, whose) for reference, whose in over.items()],
        ignore_index=True,
    )
    tables[SKILL_POWER] = power_table(as_of, names.MIXTURE, names.OUTSIDE, tables[SKILL], study.seed)
    tables[LFO] = _leave_future_out(study, tasks[AS_OF], as_of)
    return tables


def with_readings(forecasts: pd.DataFrame, workspace: Workspace) -> pd.DataFrame:
    """The forecasts with those of each reading by itself, its forms mixed as in the headline; without ranges, which follow from draws alone.

    Parameters
    ----------
    forecasts : DataFrame (row)
        Units of every fit of the headline.
    workspace : Workspace

    Returns
    -------
    DataFrame (row)
        The forecaster of a new row is the reading's name; as they were where the workspace has one reading.
    """
    weights = workspace.mixture.weights
    unit, found = ["question", "origin", "horizon_weeks", "target_end_date", "given", "vintage", "inputs"], [forecasts]
    for reading in workspace.readings if len(workspace.readings) > 1 else ():
        own = {name: weights[name] for name, _, whose in workspace.fits if whose == reading and weights.get(name)}
        rows = forecasts[forecasts["forecaster"].isin(own)]
        share = rows["forecaster"].map(own).to_numpy(float) / sum(own.values())
        parts = rows.assign(
            probability=share * rows["probability"], mcse=(share * rows["mcse"]) ** 2, gate=np.where(rows["gate"] == PASSED, PASSED, FAILED)
        ).groupby(unit, sort=False)
        numbers = {"probability": parts["probability"].sum(), "mcse": np.sqrt(parts["mcse"].sum(min_count=1)), "gate": parts["gate"].min()}
        mixed = pd.DataFrame(numbers).reset_index()
        found.append(mixed.assign(forecaster=reading, lower=np.nan, upper=np.nan)[list(forecasts.columns)])
    return pd.concat(found, ignore_index=True)


def _populations(study: Study, vintage: Vintage) -> list[str]:
    silence = weeks_between(vintage.rounds()[-1], vintage.origin)
    dormant = study.workspace.question.is_dormant(silence)
    return populations_of(vintage.origin, study.essay, dormant, is_recorded(study.store, vintage))


def _kept(forecasts: pd.DataFrame, scored: pd.DataFrame, populations: Mapping[date, Sequence[str]]) -> pd.DataFrame:
    """The table that is published: all horizons, and the weeks that have been scored."""
    unit = ["question", "origin", "horizon_weeks", "given", "forecaster", "vintage"]
    joined = forecasts.merge(scored[[*unit, "outcome", "brier", "log_score"]], on=unit, how="left", validate="one_to_one")
    kept = joined[(joined["question"] != WEEK) | joined["outcome"].notna()]
    kept = kept.assign(population=["; ".join(populations[origin][1:]) for origin in kept["origin"]])
    return kept[list(KEPT)]


def _leave_future_out(study: Study, tasks: Sequence[Task], scored: pd.DataFrame) -> pd.DataFrame:
    """Origins whose whole block is settled; with origins that do not follow each other the record in between is left out."""
    weeks = scored[(scored["question"] == WEEK) & (scored["forecaster"] == names.OUTSIDE)]
    blocks = {
        origin: [int(one) for one in rows.sort_values("horizon_weeks")["outcome"]]
        for origin, rows in weeks.groupby("origin")
        if len(rows) == BLOCK_WEEKS
    }
    scored_origins = [task.vintage.origin for task in tasks if task.vintage.origin in blocks]
    fits = [name for name, _, _ in study.workspace.fits]
    likelihoods: dict[str, list[Array]] = {name: [] for name in fits}
    for origin in scored_origins:
        arrays = read_arrays(study.folder, AS_OF, origin)
        for name in fits:
            likelihoods[name].append(happened(arrays[f"{name}.{PATTERNS}"], blocks[origin]))
    last = tasks[-1].vintage.origin
    arrays = read_arrays(study.folder, AS_OF, last)
    record = {}
    for name in fits:
        whole = arrays[f"{name}.{RECORD}"].astype(float)
        places = [whole.shape[2] - weeks_between(origin, last) // BLOCK_WEEKS for origin in scored_origins]
        before = whole[..., : places[0]].sum(axis=2, keepdims=True)
        record[name] = np.concatenate([before, whole[..., places]], axis=2)
    return leave_future_out(likelihoods, record, scored_origins)
