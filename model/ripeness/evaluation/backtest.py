"""The backtest: forecasts at every origin, on local processes or on Dask, stored origin by origin so that it can go on where it stopped.

    reports/backtest/<vintage>/<origin>.csv   the table of units
    reports/backtest/<vintage>/<origin>.npz   what the studies need of the draws
    reports/backtest/as_of/<origin>.base.npz  draws of the fits, from which the final vintage's forecasts are made where that will do

An origin is done when its table stands there with the hash of the inputs it would be made from now. The arrays are written first, the table
last, each whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import date
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ripeness import files
from ripeness.data.indicators import FILE as CONTRACTS_FILE
from ripeness.data.vintages import Store, Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.errors import UsageError
from ripeness.evaluation.at_origin import AtOrigin, Task, Which, by_fitting, by_weighting, forecast_at
from ripeness.evaluation.origins import AS_OF, FINAL, final_vintage
from ripeness.evaluation.unit import PASSED, read_units, write_units
from ripeness.reweighting.stored import read_base, write_base
from ripeness.workspace import FitSettings, Workspace

FOLDER: Final = "backtest"  # below reports/
TUNE, DRAWS, FUTURE_PATHS = 300, 800, 8  # of each chain, and from each draw; the workspace says how many a published forecast takes
CORES: Final = 2
AT_ONCE: Final = 32  # tasks handed out and not done yet: each may hold stored draws
VINTAGES: Final = (AS_OF, FINAL)
OriginDone = Callable[[int, int, date, str], None]
Opener = Callable[[], AbstractContextManager[Executor]]


def backtest_settings(workspace: Workspace, draws: int = DRAWS) -> FitSettings:
    """The workspace's settings with shorter chains and fewer paths."""
    return workspace.fit.model_copy(update={"tune": min(TUNE, workspace.fit.tune), "draws": draws, "future_paths": FUTURE_PATHS})


def plan(
    workspace: Workspace, store: Store, priors: Priors, origins: Sequence[date], kind: str, settings: FitSettings, seed: int, code_hash: str
) -> list[Task]:
    """What is to be made at every origin.

    Parameters
    ----------
    workspace : Workspace
    store : Store
    priors : Priors
    origins : sequence of date
        Sundays.
    kind : {"as_of", "final"}
    settings : FitSettings
    seed : int
    code_hash : str
        Names the code, its libraries and the files that are not data: whatever else a number may depend on.
    """
    tasks = []
    for origin in origins:
        vintage = store.as_of(origin) if kind == AS_OF else final_vintage(store, origin, store.default_origin())
        inputs = _hash_inputs(vintage, store, kind, workspace.fits, settings, seed, code_hash)
        tasks.append(Task(workspace, vintage, kind, priors, settings, seed, workspace.fits, inputs))
    return tasks


def joined(as_of: Sequence[Task], final: Sequence[Task]) -> tuple[list[Task], list[Task]]:
    """The same tasks, the first leaving draws of their fits and the second making use of these."""
    inputs = [files.hash_text(later.inputs, known.inputs)[:16] for known, later in zip(as_of, final, strict=True)]
    return [replace(task, keep=True) for task in as_of], [
        replace(task, reuse=True, inputs=own) for task, own in zip(final, inputs, strict=True)
    ]


def make_forecasts(task: Task) -> AtOrigin:
    """All forecasts of an origin, from stored draws where the task names some that will do."""
    fitting = by_fitting(task.cores)
    return forecast_at(task, by_weighting(task.base, fitting) if task.base else fitting)


def _hash_inputs(vintage: Vintage, store: Store, kind: str, fits: Sequence[Which], settings: FitSettings, seed: int, code_hash: str) -> str:
    contracts = store.hashes.get(CONTRACTS_FILE, "")
    return files.hash_text(
        vintage.origin.isoformat(), vintage.hash, contracts, kind, str(fits), settings.model_dump_json(), str(seed), code_hash
    )[:16]


def run_tasks(
    tasks: Sequence[Task], folder: Path, executor: Opener, origin_done: OriginDone, make: Callable[[Task], AtOrigin] = make_forecasts
) -> None:
    """Make what is not there yet.

    Parameters
    ----------
    tasks : sequence of Task
    folder : Path
        reports/backtest.
    executor : callable
        Opens what the tasks run on, an Executor of concurrent.futures or Dask's in its place; not called if nothing is missing.
    origin_done : callable
        Given how many of how many origins are done, which one was the last, and its gate's state in a word.
    make : callable
        From a task to its forecasts.
    """
    # the longest records first: a short task last leaves no worker idle for long
    waiting = sorted((task for task in tasks if not is_done(task, folder)), key=lambda task: task.vintage.origin, reverse=True)
    done = len(tasks) - len(waiting)
    if not waiting:
        return
    with executor() as pool:
        # what makes use of stored draws comes after all that leave some
        for group in ([task for task in waiting if not task.reuse], [task for task in waiting if task.reuse]):
            coming, running = iter(group), dict[Future[AtOrigin], Task]()
            while True:
                running |= {pool.submit(make, _with_draws(task, folder)): task for task in islice(coming, AT_ONCE - len(running))}
                if not running:
                    break
                # what was made is stored before a failure beside it is raised
                for future in sorted(wait(running, return_when=FIRST_COMPLETED).done, key=lambda one: one.exception() is not None):
                    task, result = running.pop(future), future.result()
                    store_origin(task, result, folder)
                    done += 1
                    gates = {unit.gate for unit in result.units if unit.gate}
                    origin_done(done, len(tasks), task.vintage.origin, "gate passed" if gates == {PASSED} else "a fit failed its gate")


def _with_draws(task: Task, folder: Path) -> Task:
    return replace(task, base=read_base(base_of(folder, task.vintage.origin))) if task.reuse else task


def paths_of(folder: Path, kind: str, origin: date) -> tuple[Path, Path]:
    """Table and arrays of an origin."""
    stem = folder / kind / origin.isoformat()
    return stem.with_suffix(".csv"), stem.with_suffix(".npz")


def base_of(folder: Path, origin: date) -> Path:
    """Draws of an origin's fits."""
    return folder / AS_OF / f"{origin.isoformat()}.base.npz"


def is_done(task: Task, folder: Path) -> bool:
    """Whether an origin's forecasts, and the draws it is to leave, stand in the folder, made from the same inputs."""
    table, arrays = paths_of(folder, task.kind, task.vintage.origin)
    if task.keep and not base_of(folder, task.vintage.origin).is_file():
        return False
    if not (table.is_file() and arrays.is_file()):
        return False
    units = read_units(table)
    return set(units["inputs"]) == {task.inputs} and {name for name, _, _ in task.fits} <= set(units["forecaster"])


def store_origin(task: Task, result: AtOrigin, folder: Path) -> None:
    """Write an origin's draws, if they are to be kept, its arrays, then its table."""
    table, arrays = paths_of(folder, task.kind, task.vintage.origin)
    table.unlink(missing_ok=True)
    if result.kept is not None:
        about = {"inputs": task.inputs, "gates": result.kept.gates}
        write_base(base_of(folder, task.vintage.origin), about, result.kept.spec, result.kept.fits, {})
    with files.replacing(arrays) as temporary, temporary.open("wb") as file:
        np.savez(file, **result.arrays)  # type: ignore[arg-type]
    write_units(table, result.units)


def read_tables(tasks: Sequence[Task], folder: Path) -> pd.DataFrame:
    """The tables of all tasks, one below the other."""
    return pd.concat([read_units(paths_of(folder, task.kind, task.vintage.origin)[0]) for task in tasks], ignore_index=True)


def read_arrays(folder: Path, kind: str, origin: date) -> dict[str, NDArray[Any]]:
    """The arrays of an origin."""
    with np.load(paths_of(folder, kind, origin)[1], allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@contextmanager
def open_executor(scheduler: str | None, jobs: int = CORES) -> Iterator[Executor]:
    """Where the tasks run: Dask where a scheduler is given, else local processes.

    Raises
    ------
    UsageError
        If Dask is not installed or there is no scheduler at the address.
    """
    if scheduler is None:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--scheduler needs Dask, which is not installed: install ripeness[dask]") from None
    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise UsageError(f"--scheduler {scheduler}: no scheduler answers there ({type(error).__name__})") from None
    with client:
        yield client.get_executor()


def end_with_parent() -> None:
    """Have this process end when the one that started it is gone, however that was ended: a worker would go on with a task that nobody waits for."""
    parent = parent_process()
    assert parent is not None

    def wait_for_end() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait_for_end, daemon=True).start()
