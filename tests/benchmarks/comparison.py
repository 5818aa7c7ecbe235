"""From draws to tables: effective draws per second, convergence, and agreement of the posterior means, for every sampler by the same rules.

All chains of all repetitions are judged together: R-hat and effective sample sizes of the whole, over the seconds of the whole. A sampler has
converged if it was not cut short, its largest R-hat is at most 1.01, its smallest bulk and tail effective sample sizes at least 400 and no
draw diverged: the limits of :mod:`ripeness.inference.gate`. Nothing is divided by a sampler that has not.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from quantities import WHITENED
from rival import Sampled

Array = NDArray[np.float64]
ENGINE = "ripeness"
RIVALS = {"numpyro": "NumPyro", "stan": "Stan"}  # on the whitened density
COLUMNS = (
    "sampler",
    "density",
    "converged",
    "min_ess_bulk_per_s",
    "min_ess_bulk_per_draw",
    "gradient_ms",
    "gradients_per_draw",
    "max_rhat",
    "compile_s",
    "sample_s",
)
MORE_COLUMNS = (
    "sampler",
    "density",
    "repetitions",
    "chains",
    "draws",
    "tune",
    "seed",
    "cores",
    "complete",
    "divergences",
    "min_ess_bulk",
    "min_ess_bulk_of",
    "min_ess_tail",
    "min_ess_tail_of",
    "min_ess_tail_per_s",
    "min_ess_bulk_per_s_lowest",
    "min_ess_bulk_per_s_highest",
    "min_ess_bulk_per_s_with_compiling",
    "min_ess_bulk_per_s_warm",
    "min_ess_bulk_per_core_s",
    "max_rhat_of",
    "engine_times_faster",
    "largest_z",
    "largest_z_of",
    "rms_z",
    "gradient_ms_5",
    "gradient_ms_95",
    "tuning_gradients_per_chain",
    "drawing_s",
    "compile_s_warm",
    "core_s",
    "log_density_error",
    "gradient_error",
    "date",
    "versions",
    "command",
)
MOST_RHAT, LEAST_ESS = 1.01, 400.0


@dataclass(frozen=True)
class Run:
    """One repetition of one sampler.

    Parameters
    ----------
    sampled : Sampled
    quantities : ndarray (chain, draw, quantity)
    gradient_ms : ndarray
        Of each timed evaluation.
    errors : tuple of float
        Largest disagreement with PyMC's log density, a constant apart, and gradient; nan where the density is another.
    versions : str
    busy : bool
        Whether other work ran meanwhile.
    """

    sampled: Sampled
    quantities: Array
    gradient_ms: Array
    errors: tuple[float, float]
    versions: str
    busy: bool = False


@dataclass(frozen=True)
class Judged:
    """Quality of all draws of one sampler; each array is (quantity,)."""

    bulk: Array
    tail: Array
    rhat: Array
    mean: Array
    error: Array

    @property
    def min_bulk(self) -> float:
        """Smallest bulk effective sample size; nan if one is not defined."""
        return _least(self.bulk)

    @property
    def min_tail(self) -> float:
        """Smallest tail effective sample size."""
        return _least(self.tail)

    @property
    def max_rhat(self) -> float:
        """Largest R-hat."""
        return -_least(-self.rhat)


def _least(values: Array) -> float:
    return float(values.min()) if values.size and np.isfinite(values).all() else float("nan")


def judge(quantities: Array) -> Judged:
    """Effective sample sizes, R-hat, means and their Monte Carlo errors, by ArviZ; undefined with fewer than four draws a chain."""
    if quantities.shape[1] < 4:
        nothing = np.full(quantities.shape[2], np.nan)
        return Judged(nothing, nothing, nothing, nothing, nothing)
    axes = {"chain_axis": 0, "draw_axis": 1}
    with np.errstate(invalid="ignore", divide="ignore"):
        return Judged(
            np.asarray(array_stats.ess(quantities, **axes, method="bulk")),
            np.asarray(array_stats.ess(quantities, **axes, method="tail", prob=0.05)),
            np.asarray(array_stats.rhat(quantities, **axes)),
            quantities.mean(axis=(0, 1)),
            np.asarray(array_stats.mcse(quantities, **axes, method="mean")),
        )


def pool(runs: Sequence[Run]) -> Array:
    """The chains of all repetitions, cut to the shortest: (chain, draw, quantity)."""
    draws = min(run.quantities.shape[1] for run in runs)
    return np.concatenate([run.quantities[:, :draws] for run in runs])


def has_converged(judged: Judged, runs: Sequence[Run]) -> bool:
    """Whether all draws of a sampler pass the limits."""
    whole = all(run.sampled.complete for run in runs) and not any(run.sampled.diverging.any() for run in runs)
    return bool(whole and judged.max_rhat <= MOST_RHAT and min(judged.min_bulk, judged.min_tail) >= LEAST_ESS)


def z_scores(judged: Judged, other: Judged) -> Array:
    """Differences of posterior means in units of their Monte Carlo errors: (quantity,)."""
    return np.asarray((judged.mean - other.mean) / np.hypot(judged.error, other.error))


def make_tables(
    samplers: Mapping[tuple[str, str], Sequence[Run]], labels: Sequence[str], about: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of both tables.

    Parameters
    ----------
    samplers : mapping
        Sampler and density to its repetitions.
    labels : sequence of str
        Names of the quantities.
    about : mapping
        What all rows share: draws, tune, chains, seed, date, command.
    """
    judged = {key: judge(pool(runs)) for key, runs in samplers.items()}
    converged = {key: has_converged(judged[key], runs) for key, runs in samplers.items()}
    engine = next((key for key in samplers if key[0] == ENGINE), None)
    rows, more = [], []
    for key, runs in samplers.items():
        own = judged[key]
        seconds = float(sum(run.sampled.seconds for run in runs))
        draws = sum(run.quantities.shape[0] * run.quantities.shape[1] for run in runs)
        gradient_ms = np.concatenate([run.gradient_ms for run in runs])
        steps = np.concatenate([run.sampled.gradients.ravel() for run in runs])
        compiling = [run.sampled.compile_seconds for run in runs]
        each = [judge(run.quantities).min_bulk / run.sampled.seconds for run in runs]
        rows.append(
            {
                "sampler": key[0],
                "density": key[1],
                "converged": "yes" if converged[key] else "no",
                "min_ess_bulk_per_s": own.min_bulk / seconds,
                "min_ess_bulk_per_draw": own.min_bulk / draws if draws else float("nan"),
                "gradient_ms": np.median(gradient_ms) if gradient_ms.size else float("nan"),
                "gradients_per_draw": steps.mean() if steps.size else float("nan"),
                "max_rhat": own.max_rhat,
                "compile_s": max(compiling),
                "sample_s": seconds / len(runs),
            }
        )
        both = engine is not None and converged[key] and converged[engine]
        z = z_scores(own, judged[engine]) if engine and key != engine else np.zeros(0)
        comparable = z.size > 0 and bool(np.isfinite(z).all())
        more.append(
            {
                **about,
                "sampler": key[0],
                "density": key[1],
                "repetitions": len(runs),
                "cores": "busy" if any(run.busy for run in runs) else "quiet",
                "complete": "yes" if all(run.sampled.complete for run in runs) else "no",
                "divergences": sum(int(run.sampled.diverging.sum()) for run in runs),
                "min_ess_bulk": own.min_bulk,
                "min_ess_bulk_of": _label(labels, own.bulk, np.argmin),
                "min_ess_tail": own.min_tail,
                "min_ess_tail_of": _label(labels, own.tail, np.argmin),
                "min_ess_tail_per_s": own.min_tail / seconds,
                "min_ess_bulk_per_s_lowest": min(each),
                "min_ess_bulk_per_s_highest": max(each),
                "min_ess_bulk_per_s_with_compiling": own.min_bulk / (seconds + len(runs) * max(compiling)),
                "min_ess_bulk_per_s_warm": own.min_bulk / (seconds + len(runs) * min(compiling)),
                "min_ess_bulk_per_core_s": own.min_bulk / sum(run.sampled.cpu_seconds for run in runs),
                "max_rhat_of": _label(labels, own.rhat, np.argmax),
                "engine_times_faster": _per_second(judged, samplers, engine) / (own.min_bulk / seconds) if engine and both else "",
                "largest_z": np.abs(z).max() if comparable else "",
                "largest_z_of": _label(labels, np.abs(z), np.argmax) if comparable else "",
                "rms_z": np.sqrt(np.mean(z**2)) if comparable else "",
                "gradient_ms_5": np.quantile(gradient_ms, 0.05) if gradient_ms.size else "",
                "gradient_ms_95": np.quantile(gradient_ms, 0.95) if gradient_ms.size else "",
                "tuning_gradients_per_chain": np.mean([run.sampled.tuning_gradients / len(run.sampled.gradients) for run in runs]),
                "drawing_s": np.mean([run.sampled.drawing_seconds for run in runs]),
                "compile_s_warm": min(compiling),
                "core_s": np.mean([run.sampled.cpu_seconds for run in runs]),
                "log_density_error": max(run.errors[0] for run in runs),
                "gradient_error": max(run.errors[1] for run in runs),
                "versions": runs[0].versions,
            }
        )
    return rows, more


def _per_second(judged: Mapping[Any, Judged], samplers: Mapping[Any, Sequence[Run]], key: Any) -> float:
    return judged[key].min_bulk / float(sum(run.sampled.seconds for run in samplers[key]))


def _label(labels: Sequence[str], values: Array, where: Any) -> str:
    return labels[int(where(values))] if values.size and np.isfinite(values).all() else ""


def ratio_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """The README's sentence on the table: the engine beside the best of those on the same density that have converged."""
    rates = {
        row["sampler"]: float(row["min_ess_bulk_per_s"])
        for row in rows
        if row["density"] == WHITENED and row["converged"] == "yes"  # of another nothing is said
    }
    rivals = {name: rate for name, rate in rates.items() if name != ENGINE}
    if ENGINE not in rates or not rivals:
        return "The engine has not been compared with a rival that has converged."
    best = max(rivals, key=lambda name: rivals[name])
    named = RIVALS[best] if len(rivals) == 1 else f"the better of {' and '.join(RIVALS[name] for name in rivals)}, {RIVALS[best]},"
    return (
        f"In a second of sampling it makes {rates[ENGINE]:.0f} effective draws of the quantity that mixes slowest, "
        f"{rates[ENGINE] / rivals[best]:.1f} times as many as {named} on the same density."
    )


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV with exactly these columns; numbers to four digits, what is not defined empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_shown(row[column]) for column in columns] for row in rows)


def _shown(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.4g}" if np.isfinite(value) else ""
    return str(value)
