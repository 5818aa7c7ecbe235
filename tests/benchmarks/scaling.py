"""How cost and memory grow with weeks, factors and indicators, on wars simulated in memory.

    python tests/benchmarks/scaling.py --date 2026-11-23
    python tests/benchmarks/scaling.py --date 2026-11-23 --axis weeks       leaves the stored points of the other axes as they are
    python tests/benchmarks/scaling.py --date 2026-11-23 --gradients        times the gradients again, on quiet cores

Each size runs in a process of its own, one compiled function serving them all. Per size: the median time of one gradient on one thread; the
seconds of processor time that sampling takes, warm-up included, over the least bulk effective sample size of the named quantities; the peak
memory of the process, from which the draws come in natural units. Exponents are slopes of least squares on logs.

The dormancy filter sums over how long the silence may have lasted, so that its cost grows with the square of the longest silence, not with
that of the record. The sizes marked "silent" time the gradient where this is worst: no round after the first week.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from comparison import judge, read_table, write_table
from numpy.typing import NDArray
from quantities import flatten
from rival import time_gradient
from samplers import RESULTS, environment
from simulated_war import SILENT, SIMULATED, Size, simulate

Array = NDArray[np.float64]
COLUMNS = ("axis", "per", "exponent")
POINT_COLUMNS = (
    "axis", "record", "weeks", "factors", "indicators", "seed", "coordinates", "rows", "longest_silence", "gradient_ms", "gradients_per_draw",
    "core_s", "min_ess_bulk", "min_ess_bulk_of", "max_rhat", "divergences", "core_ms_per_effective_draw", "peak_memory_mb",
    "chains", "draws", "tune", "date", "versions", "command",
)  # fmt: skip
PER = {"gradient": "gradient_ms", "effective_draw": "core_ms_per_effective_draw", "peak_memory": "peak_memory_mb"}
WEEKS, FACTORS, INDICATORS = "weeks", "factors", "indicators"
SIZES = {
    WEEKS: [Size(weeks, 8, 14, record) for record in (SIMULATED, SILENT) for weeks in (226, 452, 1130, 2260)],
    FACTORS: [Size(226, factors, 32) for factors in (8, 16, 32)],
    INDICATORS: [Size(226, 8, indicators) for indicators in (14, 28, 70, 140, 280)],
}
NAMED = ("hazard", "outside_knots", "weight", "intercept_open", "loading", "intercept", "half_life", "path")
EVALUATIONS = 400


def measure(size: Size, seed: int, sampling: tuple[int, int, int] | None) -> dict[str, Any]:
    """Time the gradient of a war of this size in this process; with chains, warm-up and draws, sample it too and say what it took."""
    from ripeness import names
    from ripeness.inference.compiled import Density, build_data, program_of
    from ripeness.inference.coordinates import build_coordinates

    with tempfile.TemporaryDirectory() as folder:
        spec = simulate(size, seed, Path(folder))
        coordinates = build_coordinates(spec, names.CONJUNCTIVE, names.AS_WRITTEN)
        program = program_of(spec, names.CONJUNCTIVE, names.AS_WRITTEN)
        data = build_data(spec, names.CONJUNCTIVE, names.AS_WRITTEN, coordinates)
        rng = np.random.default_rng(seed)
        points = coordinates.mean + 0.5 * coordinates.sd * rng.normal(size=(4, len(coordinates.mean)))
        found = {
            "gradient_ms": float(np.median(time_gradient(Density(program, data), points, EVALUATIONS))),
            "coordinates": len(coordinates.mean),
            "rows": len(data.arrays["row_value"]) + len(data.arrays["count_week"]),
            "longest_silence": longest_silence(data.arrays["found"]),
            "versions": " ".join(f"{package} {version(package)}" for package in ("nutpie", "numba", "numpy")),
        }
        return found | sample(spec, coordinates, program, data, seed, *sampling) if sampling else found


def sample(spec: Any, coordinates: Any, program: Any, data: Any, seed: int, chains: int, tune: int, draws: int) -> dict[str, Any]:
    """What it takes to sample a posterior, and how good the draws are."""
    import nutpie

    from ripeness import names
    from ripeness.inference.expand import expand_draws
    from ripeness.inference.sample import CORES, TARGET_ACCEPT, VECTOR, as_nutpie_model

    model = as_nutpie_model(program, data, coordinates)
    worked = time.process_time()
    tree = nutpie.sample(
        model, draws=draws, tune=tune, chains=chains, cores=CORES, seed=seed, target_accept=TARGET_ACCEPT,
        save_warmup=False, progress_bar=False,
    )  # fmt: skip
    worked = time.process_time() - worked
    draws_of_x = np.asarray(tree["posterior"].to_dataset()[VECTOR])
    posterior = expand_draws(spec, names.CONJUNCTIVE, coordinates, program, data, draws_of_x)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    own = {name: posterior[name].values for name in NAMED if name in posterior}
    own["path"] = own["path"][..., -1]
    return judged(own, worked) | {
        "gradients_per_draw": float(tree["sample_stats"]["n_steps"].mean()),
        "divergences": int(tree["sample_stats"]["diverging"].sum()),
        "peak_memory_mb": memory,
    }


def judged(quantities: Mapping[str, Array], seconds: float) -> dict[str, Any]:
    """Least effective sample size, largest R-hat, and seconds over the former, of quantities (chain, draw, …)."""
    labels, values = flatten({name: own.reshape(*own.shape[:2], -1) for name, own in quantities.items()})
    found = judge(values)
    return {
        "core_s": seconds,
        "min_ess_bulk": found.min_bulk,
        "min_ess_bulk_of": labels[int(np.argmin(found.bulk))],
        "max_rhat": found.max_rhat,
        "core_ms_per_effective_draw": 1e3 * seconds / found.min_bulk,
    }


def longest_silence(found: Array) -> int:
    """Most weeks between two rounds on record, or from the last of them to the origin; the record begins after a round."""
    held = np.concatenate([[-1], np.flatnonzero(found), [len(found)]])
    return int(np.diff(held).max())


def exponents(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each axis, record and measure the slope of its log on the log of the size: as `axis`, `record`, `per` and `exponent`."""
    rows = []
    for axis, record in dict.fromkeys((point["axis"], point["record"]) for point in points):
        own = [point for point in points if (point["axis"], point["record"]) == (axis, record)]
        sizes = np.log([float(point[axis]) for point in own])
        for per, column in PER.items():
            if all(str(point[column]) for point in own):
                slope = np.polyfit(sizes, np.log([float(point[column]) for point in own]), 1)[0]
                rows.append({"axis": axis, "record": record, "per": per, "exponent": float(slope)})
    return rows


def write_results(points: Sequence[Mapping[str, Any]], results: Path) -> None:
    """The raw points, the exponents on simulated records, and those on silent ones beside them."""
    found = exponents(points)
    write_table(results / "scaling-points.csv", POINT_COLUMNS, points)
    write_table(results / "scaling.csv", COLUMNS, [row for row in found if row["record"] == SIMULATED])
    write_table(results / "scaling-silent.csv", COLUMNS, [row for row in found if row["record"] == SILENT])


def run_size(size: Size, given: argparse.Namespace, scratch: Path, sampling: bool) -> dict[str, Any]:
    """Measure one size in a process of its own."""
    words = ["--size", json.dumps(asdict(size) | {"sampling": sampling}), "--date", given.date.isoformat()]
    done = subprocess.run(
        [sys.executable, __file__, *options(given), *words], env=environment(scratch), stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def options(given: argparse.Namespace) -> list[str]:
    """The numbers of the command line."""
    return [word for name in ("draws", "tune", "chains", "seed") for word in (f"--{name}", str(getattr(given, name)))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study, or one size of it."""
    parser = argparse.ArgumentParser(description="Cost and memory against weeks, factors and indicators.")
    parser.add_argument("--axis", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--tune", type=int, default=500)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--date", type=date.fromisoformat, required=True, help="the day of the tables")
    parser.add_argument("--gradients", action="store_true", help="sample nothing: time the gradients of the stored points again")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--size", type=json.loads, help=argparse.SUPPRESS)  # of the one war to measure, written out as JSON
    given = parser.parse_args(arguments)
    if given.size:
        sampling = (given.chains, given.tune, given.draws) if given.size.pop("sampling") else None
        print(json.dumps(measure(Size(**given.size), given.seed, sampling)))
        return 0
    about = {"seed": given.seed, "chains": given.chains, "draws": given.draws, "tune": given.tune, "date": given.date.isoformat()}
    about["command"] = " ".join(["python tests/benchmarks/scaling.py", *options(given), "--date", about["date"]])
    given.results.mkdir(exist_ok=True)
    path = given.results / "scaling-points.csv"
    points: dict[tuple[str, ...], Mapping[str, Any]] = {_key(point): point for point in read_table(path)} if path.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        for axis in given.axis:
            for size in SIZES[axis]:
                point = dict.fromkeys(POINT_COLUMNS, "") | {"axis": axis, **asdict(size)} | about
                if given.gradients:
                    point |= points.get(_key(point), {})
                point |= run_size(size, given, Path(scratch), size.record == SIMULATED and not given.gradients)
                points[_key(point)] = point
                print(axis, *asdict(size).values(), {name: point[name] for name in PER.values()}, flush=True)
            write_results(in_order(points), given.results)
    print((given.results / "scaling.csv").read_text("utf-8"))
    return 0


def in_order(points: Mapping[tuple[str, ...], Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Points in the order of `SIZES`, so far as they are there; those of sizes that are no longer asked for are left out."""
    wanted = [_key({"axis": axis, **asdict(size)}) for axis, sizes in SIZES.items() for size in sizes]
    return [points[key] for key in wanted if key in points]


def _key(point: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(point[name]) for name in ("axis", "record", WEEKS, FACTORS, INDICATORS))


if __name__ == "__main__":
    sys.exit(main())
