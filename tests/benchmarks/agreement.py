"""Do the engine's draws have the posterior of the model in PyMC? Means and standard deviations of the named quantities, in Monte Carlo errors.

    python tests/benchmarks/agreement.py --date 2026-11-23

On the made-up war of the tests, which is small enough for the plain forms, nutpie samples PyMC's centred and non-centred model. On the
shipped workspace the rivals are those whose draws `samplers.py` has left in scratch. A z-score is the difference of two estimates over the
hypotenuse of their Monte Carlo errors; where both samplers draw from one posterior their root mean square is about 1. Nothing is compared
with a sampler that has not converged.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from arviz_stats.base import array_stats
from comparison import ENGINE, Run, has_converged, judge, pool, write_table
from layout import MADE_UP, SHIPPED
from numpy.typing import NDArray
from quantities import CENTRED, NON_CENTRED
from rival import Settings, read_settings
from samplers import RESULTS, SAMPLERS, SCRATCH, Sampler, prepare, read_run, run_sampler

Array = NDArray[np.float64]
COLUMNS = (
    "data", "sampler", "density", "converged", "max_rhat", "min_ess_bulk", "min_ess_tail", "divergences", "quantities",
    "rms_z_mean", "largest_z_mean", "largest_z_mean_of", "rms_z_sd", "largest_z_sd", "largest_z_sd_of",
    "chains", "draws", "tune", "seed", "target_accept", "date", "versions", "command",
)  # fmt: skip
TARGET_ACCEPT = 0.95
Kept = tuple[Sampler, Settings, list[str], list[Run]]


def spread_of(quantities: Array) -> tuple[Array, Array]:
    """Standard deviations of quantities (chain, draw, quantity), and their Monte Carlo errors."""
    errors = array_stats.mcse(quantities, chain_axis=0, draw_axis=1, method="sd")
    return quantities.std(axis=(0, 1), ddof=1), np.asarray(errors)


def z_of(own: tuple[Array, Array], other: tuple[Array, Array]) -> Array:
    """Differences of two estimates in units of their Monte Carlo errors."""
    return np.asarray((own[0] - other[0]) / np.hypot(own[1], other[1]))


def compare(data: str, kept: Sequence[Kept], about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each sampler, the engine first; the others with their z-scores against it if both have converged."""
    engine = next(runs for sampler, _, _, runs in kept if sampler.name == ENGINE)
    reference = judge(pool(engine))
    engine_converged, engine_spread = has_converged(reference, engine), spread_of(pool(engine))
    rows = []
    for sampler, settings, labels, runs in kept:
        values = pool(runs)
        own = judge(values)
        converged = has_converged(own, runs)
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {
            **about,
            "data": data,
            "sampler": sampler.name,
            "density": sampler.density,
            "converged": "yes" if converged else "no",
            "max_rhat": own.max_rhat,
            "min_ess_bulk": own.min_bulk,
            "min_ess_tail": own.min_tail,
            "divergences": sum(int(run.sampled.diverging.sum()) for run in runs),
            "quantities": len(labels),
            "chains": len(values),
            "draws": values.shape[1],
            "tune": settings.tune,
            "seed": settings.seed,
            "target_accept": settings.target_accept,
            "versions": runs[0].versions,
        }
        if sampler.name != ENGINE and converged and engine_converged:
            scores = {
                "mean": z_of((own.mean, own.error), (reference.mean, reference.error)),
                "sd": z_of(spread_of(values), engine_spread),
            }
            for name, z in scores.items():
                worst = int(np.argmax(np.abs(z)))
                row |= {
                    f"rms_z_{name}": np.sqrt(np.mean(z**2)),
                    f"largest_z_{name}": np.abs(z[worst]),
                    f"largest_z_{name}_of": labels[worst],
                }
        rows.append(row)
    return rows


def sample_made_up(settings: Settings, scratch: Path) -> list[Kept]:
    """The engine and nutpie on both plain forms of the made-up war."""
    scratch.mkdir(parents=True, exist_ok=True)
    prepare(scratch, settings.seed, MADE_UP)
    chosen = [
        sampler
        for sampler in SAMPLERS
        if sampler.name == ENGINE or (sampler.name == "nutpie" and sampler.density in (CENTRED, NON_CENTRED))
    ]
    kept = []
    for sampler in chosen:
        print(f"{sampler.label}, the made-up war", flush=True)
        run_sampler(sampler, replace(settings, data=MADE_UP), scratch, 0)
        kept += read_kept(scratch, [sampler])
    return kept


def read_kept(scratch: Path, samplers: Sequence[Sampler]) -> list[Kept]:
    """What has been drawn by these samplers and stands in scratch."""
    kept = []
    for sampler in samplers:
        folders = sorted(scratch.glob(f"{sampler.label}-[0-9]*"), key=lambda folder: int(folder.name.rsplit("-", 1)[1]))
        numbers = [int(folder.name.rsplit("-", 1)[1]) for folder in folders if (folder / "sampled.npz").exists()]
        if numbers:
            runs = [read_run(sampler, scratch, number) for number in numbers]
            settings = read_settings(scratch / f"{sampler.label}-{numbers[0]}" / "settings.json")
            kept.append((sampler, settings, runs[0][0], [run for _, run in runs]))
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description="Agreement of the engine's posterior with other samplers'.")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--tune", type=int, default=2000)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cap", type=float, default=1200.0, help="seconds of sampling after which a run is cut short")
    parser.add_argument("--date", type=date.fromisoformat, required=True, help="the day of the table")
    parser.add_argument("--scratch", type=Path, default=SCRATCH, help="where samplers.py keeps its draws")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tables", action="store_true", help="sample nothing: the table from the draws in scratch")
    given = parser.parse_args(arguments)
    numbers = [word for name in ("draws", "tune", "chains", "seed", "cap") for word in (f"--{name}", f"{getattr(given, name):g}")]
    day = given.date.isoformat()
    about = {"date": day, "command": shlex.join(["python", "tests/benchmarks/agreement.py", *numbers, "--date", day])}
    settings = Settings(given.draws, given.tune, given.chains, given.seed, TARGET_ACCEPT, given.cap, points=4)
    folder = given.scratch / "made-up"
    made_up = read_kept(folder, SAMPLERS) if given.tables else sample_made_up(settings, folder)
    rows = compare(MADE_UP, made_up, about)
    shipped = read_kept(given.scratch, SAMPLERS)
    if any(sampler.name == ENGINE for sampler, *_ in shipped):
        rows += compare(SHIPPED, shipped, about)
    given.results.mkdir(exist_ok=True)
    write_table(given.results / "agreement.csv", COLUMNS, rows)
    print((given.results / "agreement.csv").read_text("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
