"""The bench of samplers: one posterior, this engine and its rivals, short runs in turn, each in a process of its own.

    python tests/benchmarks/samplers.py --date 2026-11-23
    python tests/benchmarks/samplers.py --only ripeness numpyro --repeats 1 --draws 500 --tune 500 --date 2026-11-23
    python tests/benchmarks/samplers.py --date 2026-11-23 --missing       runs what has no draws in scratch yet
    python tests/benchmarks/samplers.py --date 2026-11-23 --tables        makes the tables and the figure again from the draws kept

Every sampler on the whitened density is held to PyMC's log density and gradient; it ends with 1 if one differs. The plain forms run once, the
others in turn. See README.md.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from comparison import COLUMNS, ENGINE, MORE_COLUMNS, Run, make_tables, ratio_sentence, write_table
from figure import draw_samplers
from layout import ROOT, SHIPPED, lay_out, reference_values, spec_of
from numpy.typing import NDArray
from problem import Problem, read_problem
from quantities import CENTRED, NON_CENTRED, WHITENED, flatten, named_quantities
from rival import Settings, read_sampled, read_settings

Array = NDArray[np.float64]
HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
LOG_DENSITY_TOLERANCE, GRADIENT_TOLERANCE = 1e-8, 1e-6
SCRATCH = Path(tempfile.gettempdir()) / "ripeness-benchmarks"
POINTS = 8
LONGEST, COMPILING = 3600.0, 1500.0  # seconds that a rival may take for sampling, if it is not capped, and for everything else
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Sampler:
    """One row of the table: its name, the density it samples, its script with arguments, and whether that brings its own environment."""

    name: str
    density: str
    script: str
    arguments: tuple[str, ...] = ()
    own_environment: bool = False

    @property
    def label(self) -> str:
        """As `--only` calls it."""
        return self.name if self.density == WHITENED else f"{self.name}-{self.density}"

    def repetitions(self, repeats: int) -> int:
        """How often it runs: a plain form once, up to the cap."""
        return repeats if self.density == WHITENED else 1

    def command(self, folder: Path) -> list[str]:
        """What runs it on a folder."""
        script = str(HERE / "rivals" / self.script)
        start = ["uv", "run", "--quiet", "--python", sys.executable, "--script"] if self.own_environment else [sys.executable]
        return [*start, script, str(folder), *self.arguments]


SAMPLERS = (
    Sampler(ENGINE, WHITENED, "engine.py"),
    Sampler("numpyro", WHITENED, "numpyro_whitened.py", own_environment=True),
    Sampler("stan", WHITENED, "stan_whitened.py", own_environment=True),
    Sampler("nutpie", CENTRED, "plain.py", ("nutpie", CENTRED)),
    Sampler("nutpie", NON_CENTRED, "plain.py", ("nutpie", NON_CENTRED)),
    Sampler("pymc", CENTRED, "plain.py", ("pymc", CENTRED)),
    Sampler("pymc", NON_CENTRED, "plain.py", ("pymc", NON_CENTRED)),
)


class Disagreement(Exception):
    """A rival samples another density."""


def random_points(problem: Problem, seed: int) -> Array:
    """Where densities are compared and timed: half of them near the prior's centre, half drawn from the prior, (point, x)."""
    rng = np.random.default_rng(seed)
    reach = np.repeat([0.1, 1.0], POINTS // 2)[:, None]
    return np.asarray(problem.mean + reach * problem.sd * rng.normal(size=(POINTS, len(problem.mean))))


def disagreement(values: Array, gradients: Array, expected: Array, expected_gradients: Array) -> tuple[float, float]:
    """Largest difference of log densities, a constant apart, and of gradients, each relative to PyMC's where that is above one."""
    apart = values - expected
    own = np.abs(apart - np.median(apart)) / np.maximum(1.0, np.abs(expected))
    slopes = np.abs(gradients - expected_gradients) / np.maximum(1.0, np.abs(expected_gradients))
    return float(own.max()), float(slopes.max())


def prepare(scratch: Path, seed: int, data: str = SHIPPED) -> None:
    """Write the problem, and the points with PyMC's values at them, unless they are there already."""
    spec = spec_of(data)
    problem = lay_out(spec)
    problem.save(scratch / "new.npz")
    if not (scratch / "points.npz").exists() or (scratch / "problem.npz").read_bytes() != (scratch / "new.npz").read_bytes():
        points = random_points(problem, seed)
        print("PyMC's log density and gradient at the points", flush=True)
        values, gradients = reference_values(spec, points)
        np.savez(scratch / "points.npz", x=points, log_density=values, gradient=gradients)
    (scratch / "new.npz").replace(scratch / "problem.npz")


def forget_compiled(scratch: Path) -> None:
    """A copy of the package that nothing has been compiled for, and no compiled code of anybody: first repetitions start cold."""
    for path in (scratch / "package", scratch / "pytensor", scratch / "jax", *scratch.glob("compiled-stan-*")):
        if path.is_dir():
            shutil.rmtree(path)
    shutil.copytree(ROOT / "model", scratch / "package", ignore=shutil.ignore_patterns("__pycache__"))


def environment(scratch: Path) -> dict[str, str]:
    """What rivals run in: one thread for each chain, the copy of the package if there is one, and compiled code kept in scratch."""
    package = scratch / "package"
    own = {
        "PYTHONPATH": str(package if package.exists() else ROOT / "model"),
        "PYTENSOR_FLAGS": f"base_compiledir={scratch / 'pytensor'}",
        "JAX_COMPILATION_CACHE_DIR": str(scratch / "jax"),
    }
    return os.environ | ONE_THREAD | own


def run_sampler(sampler: Sampler, settings: Settings, scratch: Path, repetition: int) -> None:
    """Run one repetition in a process of its own; its draws and its log stay in scratch."""
    folder = scratch / f"{sampler.label}-{repetition}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("problem.npz", "points.npz"):
        shutil.copy(scratch / name, folder / name)
    settings.save(folder / "settings.json")
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        done = subprocess.run(
            sampler.command(folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment(scratch),
            timeout=settings.cap * 2 + COMPILING,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{sampler.label} failed:\n{(folder / 'log.txt').read_text('utf-8')[-3000:]}")


def read_run(sampler: Sampler, scratch: Path, repetition: int) -> tuple[list[str], Run]:
    """Labels of the quantities, and what one repetition gave.

    Raises
    ------
    Disagreement
        If a rival on the whitened density does not have PyMC's values.
    """
    folder = scratch / f"{sampler.label}-{repetition}"
    sampled, more = read_sampled(folder / "sampled.npz")
    problem = read_problem(folder / "problem.npz")
    labels, quantities = flatten(named_quantities(problem, sampled.draws, sampler.density))
    errors = float("nan"), float("nan")
    if sampler.density == WHITENED and "log_density" in more:
        with np.load(folder / "points.npz", allow_pickle=False) as stored:
            errors = disagreement(more["log_density"], more["gradient"], stored["log_density"], stored["gradient"])
        if not (errors[0] <= LOG_DENSITY_TOLERANCE and errors[1] <= GRADIENT_TOLERANCE):
            raise Disagreement(f"{sampler.label}: log density differs by {errors[0]:.2g}, gradient by {errors[1]:.2g} from PyMC's")
    busy = read_settings(folder / "settings.json").busy
    return labels, Run(sampled, quantities, more.get("gradient_ms", np.zeros(0)), errors, str(more["versions"]), busy)


def command_of(given: argparse.Namespace) -> str:
    """The command that makes these tables, wherever draws are kept."""
    numbers = [
        word for name in ("draws", "tune", "chains", "repeats", "seed", "cap") for word in (f"--{name}", f"{getattr(given, name):g}")
    ]
    only = ["--only", *given.only] if given.only else []
    return shlex.join(["python", "tests/benchmarks/samplers.py", *numbers, "--date", given.date.isoformat(), *only])


def make_results(chosen: Sequence[Sampler], given: argparse.Namespace, scratch: Path) -> None:
    """Tables and figure from the draws in scratch."""
    runs, labels = {}, []
    for sampler in chosen:
        found = [read_run(sampler, scratch, repetition) for repetition in range(sampler.repetitions(given.repeats))]
        labels = found[0][0]
        runs[sampler.name, sampler.density] = [run for _, run in found]
    about = {"chains": given.chains, "draws": given.draws, "tune": given.tune, "seed": given.seed}
    about |= {"date": given.date.isoformat(), "command": command_of(given)}
    rows, more = make_tables(runs, labels, about)
    given.results.mkdir(exist_ok=True)
    write_table(given.results / "samplers.csv", COLUMNS, rows)
    write_table(given.results / "samplers-more.csv", MORE_COLUMNS, more)
    draw_samplers(rows, given.results / "samplers.svg")
    print((given.results / "samplers.csv").read_text("utf-8"))
    print(ratio_sentence(rows))


def run_all(chosen: Sequence[Sampler], given: argparse.Namespace) -> None:
    """All repetitions, the samplers in turn; each is held to PyMC's density as soon as it is done."""
    prepare(given.scratch, given.seed)
    if not given.missing:
        forget_compiled(given.scratch)
    settings = Settings(given.draws, given.tune, given.chains, given.seed, cap=given.cap, busy=given.busy)
    for repetition in range(given.repeats):
        for sampler in chosen:
            there = (given.scratch / f"{sampler.label}-{repetition}" / "sampled.npz").exists()
            if repetition >= sampler.repetitions(given.repeats) or (given.missing and there):
                continue
            print(f"{sampler.label}, repetition {repetition + 1} of {sampler.repetitions(given.repeats)}", flush=True)
            cap = LONGEST if sampler.density == WHITENED else given.cap
            run_sampler(sampler, replace(settings, seed=given.seed + repetition, cap=cap), given.scratch, repetition)
            read_run(sampler, given.scratch, repetition)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description="Bench of samplers on the shipped workspace's posterior.")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3, help="repetitions, the samplers in turn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--date", type=date.fromisoformat, required=True, help="the day of the tables")
    parser.add_argument("--cap", type=float, default=300.0, help="seconds of sampling after which a plain form is cut short")
    parser.add_argument("--only", nargs="+", choices=[sampler.label for sampler in SAMPLERS], metavar="SAMPLER")
    parser.add_argument("--scratch", type=Path, default=SCRATCH, help="where draws are kept")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--busy", action="store_true", help="other work runs meanwhile, and the table says so")
    parser.add_argument("--missing", action="store_true", help="keep draws and compiled code in scratch: run what is not there")
    parser.add_argument("--tables", action="store_true", help="sample nothing: tables and figure from the draws in scratch")
    given = parser.parse_args(arguments)
    chosen = [sampler for sampler in SAMPLERS if not given.only or sampler.label in given.only]
    given.scratch.mkdir(parents=True, exist_ok=True)
    if not given.tables:
        try:
            run_all(chosen, given)
        except Disagreement as refusal:
            print(refusal, file=sys.stderr)
            return 1
    make_results(chosen, given, given.scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
