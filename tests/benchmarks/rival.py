"""What every sampler of the bench is given and gives back, and how it runs in a process of its own.

A sampler is a script in `rivals/`: `python SCRIPT FOLDER` reads problem.npz, settings.json and points.npz of the folder and writes
sampled.npz, by way of :func:`serve`. It needs NumPy and its own library, nothing of the package.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from problem import Problem, read_problem

Array = NDArray[np.float64]
Density = Callable[[Array], tuple[float, Array]]
EVALUATIONS = 300


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Parameters
    ----------
    draws, tune, chains, seed : int
    target_accept : float
    cap : float
        Seconds of sampling after which a sampler that can stop stops.
    cores : int
    points : int
        How many of the points are to be timed; zero to leave the gradient untimed and unchecked.
    method : str
        A way of running that is not the sampler's own, for comparison; empty for its own.
    data : {"shipped", "made up"}
        Of which workspace the posterior is.
    busy : bool
        Whether other work ran meanwhile.
    """

    draws: int
    tune: int
    chains: int
    seed: int
    target_accept: float = 0.8
    cap: float = 300.0
    cores: int = 2
    points: int = 8
    method: str = ""
    data: str = "shipped"
    busy: bool = False

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self)), "utf-8")


def read_settings(path: Path) -> Settings:
    """Read what :meth:`Settings.save` wrote."""
    return Settings(**json.loads(path.read_text("utf-8")))


@dataclass(frozen=True)
class Sampled:
    """What a sampler gives back.

    Parameters
    ----------
    draws : ndarray (chain, draw, x)
        Unconstrained, in the problem's order; as many draws as the shortest chain has if the cap ended it.
    gradients : ndarray (chain, draw)
        Leapfrog steps of each draw.
    diverging : ndarray of bool (chain, draw)
    tuning_gradients : float
        Leapfrog steps of all chains' warm-up together; nan if the sampler does not say.
    seconds : float
        Wall time of warm-up and draws of all chains, on the settings' cores.
    drawing_seconds : float
        The part of it after warm-up, if the sampler tells them apart; else nan.
    compile_seconds : float
        Wall time of all that came before sampling and is not reading files: building, compiling, importing nothing.
    cpu_seconds : float
        Processor time of warm-up and draws of all chains: much less than `seconds` × cores where other work disturbed the run.
    complete : bool
        False if the cap ended it.
    """

    draws: Array
    gradients: Array
    diverging: NDArray[np.bool_]
    tuning_gradients: float
    seconds: float
    drawing_seconds: float
    compile_seconds: float
    cpu_seconds: float
    complete: bool = True

    def save(self, path: Path, **more: Array) -> None:
        """Write an .npz that needs no pickle, with further arrays."""
        np.savez(path, **{field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}, **more)


def read_sampled(path: Path) -> tuple[Sampled, dict[str, Array]]:
    """Read what :meth:`Sampled.save` wrote: the sampled and the further arrays."""
    with np.load(path, allow_pickle=False) as stored:
        content = dict(stored)
    own = {field.name: content.pop(field.name) for field in fields(Sampled)}
    return Sampled(**{name: value.item() if value.ndim == 0 else value for name, value in own.items()}), content


@dataclass(frozen=True)
class Chain:
    """One chain: x (draw, x), leapfrog steps (draw,), divergence (draw,), leapfrog steps of the warm-up."""

    draws: Array
    gradients: Array
    diverging: NDArray[np.bool_]
    tuning_gradients: float


@dataclass(frozen=True)
class Share:
    """What one process has sampled: chains by their number, and the seconds it took altogether, after warm-up, to compile, and of its core."""

    chains: dict[int, Chain]
    seconds: float
    drawing_seconds: float
    compile_seconds: float
    cpu_seconds: float


Work = Callable[..., Share]


def _report_to(results: Any, ready: Any, core: int, work: Work, *given: Any) -> None:
    """Put what the work returns, or what it raised, into a queue."""
    try:
        os.sched_setaffinity(0, {core})
        results.put(work(*given, ready.wait))
    except BaseException as error:
        ready.abort()
        results.put(error)


def in_processes(work: Work, problem: Problem, settings: Settings) -> Sampled:
    """Share chains out to as many processes as there are cores, each kept to one, in which they run one after another.

    Parameters
    ----------
    work : function
        Called with problem, settings, the numbers of its chains, and a function to be called between compiling and sampling: it returns
        when all processes have called it.
    """
    context = multiprocessing.get_context("spawn")
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    cores = sorted(os.sched_getaffinity(0))[: min(settings.cores, settings.chains)]
    ready, results = context.Barrier(len(cores)), context.SimpleQueue()
    workers = []
    for place, core in enumerate(cores):
        given = (work, problem, settings, list(range(place, settings.chains, len(cores))))
        workers.append(context.Process(target=_report_to, args=(results, ready, core, *given)))
        workers[-1].start()
    shares = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    for share in shares:
        if isinstance(share, BaseException):
            raise share
    return join_shares(shares, settings.draws)


def join_shares(shares: Sequence[Share], wanted: int) -> Sampled:
    """All chains, cut to the shortest; the slowest process counts."""
    by_number = {number: chain for share in shares for number, chain in share.chains.items()}
    chains = [by_number[number] for number in sorted(by_number)]
    draws = min(len(chain.draws) for chain in chains)
    return Sampled(
        np.stack([chain.draws[:draws] for chain in chains]),
        np.stack([chain.gradients[:draws] for chain in chains]),
        np.stack([chain.diverging[:draws] for chain in chains]).astype(bool),
        float(sum(chain.tuning_gradients for chain in chains)),
        max(share.seconds for share in shares),
        max(share.drawing_seconds for share in shares),
        max(share.compile_seconds for share in shares),
        sum(share.cpu_seconds for share in shares),
        draws == wanted,
    )


def children_seconds() -> float:
    """Processor time of this process and of all its children that have ended."""
    return sum(sum(os.times()[i : i + 2]) for i in (0, 2))


def starts(problem: Problem, settings: Settings) -> Array:
    """Where chains start: within a standard deviation of the prior mean in every coordinate, as the engine's do, (chain, x)."""
    rng = np.random.default_rng(settings.seed)
    return problem.mean + problem.sd * rng.uniform(-1.0, 1.0, (settings.chains, len(problem.mean)))


def time_gradient(density: Density, points: Array, evaluations: int = EVALUATIONS) -> Array:
    """Milliseconds of each evaluation of log density and gradient, going round the points; the first round is not counted."""
    taken = np.empty(evaluations)
    for point in points:
        density(point)
    for i in range(evaluations):
        point = points[i % len(points)]
        start = time.perf_counter()
        density(point)
        taken[i] = 1e3 * (time.perf_counter() - start)
    return taken


def serve(compile_density: Callable[[Problem], Density], run: Callable[[Problem, Settings], Sampled], packages: Sequence[str]) -> None:
    """Sample; then evaluate at the points and time the gradient; write it all down, with the versions of the packages it rests on."""
    folder = Path(sys.argv[1])
    problem, settings = read_problem(folder / "problem.npz"), read_settings(folder / "settings.json")
    with np.load(folder / "points.npz", allow_pickle=False) as stored:
        points = stored["x"]
    sampled = run(problem, settings)
    more = {"versions": np.array(" ".join(f"{package} {version(package)}" for package in packages))}
    if settings.points:
        density = compile_density(problem)
        values = [(float(value), gradient.copy()) for value, gradient in map(density, points)]
        more["log_density"] = np.array([value for value, _ in values])
        more["gradient"] = np.array([gradient for _, gradient in values])
        more["gradient_ms"] = time_gradient(density, points[: settings.points])
    sampled.save(folder / "sampled.npz", **more)
