"""The study of calibration: many simulated wars, one row each on disk, and what their ranks say together.

Three kinds of simulation share one table. *right*: truths from the prior, readings in turn. *wrong*: the same wars fitted by a model that
takes silence for weeks that nobody searched; if the test lets that pass, it is no test. *future*: truths from the posterior of the real
data, a year simulated on from it and fitted with the real record (:mod:`ripeness.evaluation.posterior_sbc`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.evaluation.calibration import (
    CHAINS,
    DRAWS,
    LEVELS,
    RANKED,
    RIGHT,
    TUNE,
    WRONG,
    Simulation,
    calibrate_once,
    simulate_from_prior,
)
from ripeness.evaluation.posterior_sbc import calibrate_future
from ripeness.evaluation.resumed import ResumedTable
from ripeness.evaluation.uniformity import holm, p_value
from ripeness.files import hash_text
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import Announcement

Array = NDArray[np.float64]
Progress = Callable[[str], None]
FUTURE = "future"
COLUMNS = ("quantity", "simulations", "p_value", "failed_fits")
HEAD = ("simulation", "model", "reading", "failed")
COVERAGE = ("hazards", "factors with indicators", "factors without")
RANK = "rank "
STREAMS = {RIGHT: 0, WRONG: 0, FUTURE: 1}  # right and wrong see the same wars


def simulation_columns(quantities: Sequence[str], horizons: Sequence[int]) -> tuple[str, ...]:
    """Columns of the table of simulations."""
    covered = [f"{name} {what}" for name in COVERAGE for what in (*(f"{100 * level:g}" for level in LEVELS), "r")]
    said = [f"{what} {weeks}" for weeks in horizons for what in ("forecast", "came")]
    return (*HEAD, *covered, *said, *(RANK + name for name in quantities))


def row_of(number: int, model: str, reading: str, simulation: Simulation, horizons: Sequence[int]) -> dict[str, Any]:
    """One simulation as a row of that table."""
    said = {f"forecast {weeks}": float(simulation.forecast[h]) for h, weeks in enumerate(horizons)}
    said |= {f"came {weeks}": int(simulation.came[h]) for h, weeks in enumerate(horizons)}
    return {
        "simulation": number,
        "model": model,
        "reading": reading,
        "failed": "; ".join(criterion.name for criterion in simulation.failures),
        **simulation.coverage,
        **said,
        **{RANK + name: rank for name, rank in simulation.ranks.items()},
    }


def seed_of(seed: int, model: str, number: int) -> np.random.SeedSequence:
    """The seed of one simulation: it follows from the study's seed, the stream and the number alone."""
    return np.random.SeedSequence([seed, STREAMS[model], number])


def simulate_wars(
    spec: ModelSpec, announcements: list[Announcement], table: ResumedTable, model: str, wanted: int, seed: int, progress: Progress
) -> None:
    """Bring the simulations of the right or the wrong model up to a number; each is written as soon as it is done."""
    horizons = spec.workspace.question.horizons_weeks
    for number in range(wanted):
        if table.has(simulation=str(number), model=model):
            continue
        reading = names.READINGS[number % len(names.READINGS)]
        drawn, fitted = seed_of(seed, model, number).spawn(2)
        war = simulate_from_prior(spec, reading, drawn)
        simulation = calibrate_once(war, reading, announcements, fitted, model)
        table.add(row_of(number, model, reading, simulation, horizons))
        progress(f"simulated wars, {model} model: {number + 1} of {wanted}")


def simulate_futures(
    spec: ModelSpec,
    posterior: Mapping[str, Mapping[str, Array]],
    announcements: list[Announcement],
    table: ResumedTable,
    wanted: int,
    seed: int,
    progress: Progress,
) -> None:
    """Bring the futures simulated around the real data up to a number.

    Parameters
    ----------
    posterior : mapping
        Draws of the stored conjunctive fit of each reading.
    """
    horizons = spec.workspace.question.horizons_weeks
    for number in range(wanted):
        if table.has(simulation=str(number), model=FUTURE):
            continue
        reading = names.READINGS[number % len(names.READINGS)]
        chosen, rest = seed_of(seed, FUTURE, number).spawn(2)
        draws = posterior[reading]
        place = int(np.random.default_rng(chosen).integers(len(draws["outside_knots"])))
        theta = {name: values[[place]] for name, values in draws.items()}
        simulation = calibrate_future(spec, theta, reading, announcements, rest)
        table.add(row_of(number, FUTURE, reading, simulation, horizons))
        progress(f"futures from the posterior: {number + 1} of {wanted}")


def made_from(spec: ModelSpec, seed: int) -> str:
    """What names the inputs of the simulations: the panel whose pattern they have, the priors, the length of the fits, the seed."""
    return hash_text(spec.panel.hash, spec.priors.hash, settings_in_words(), str(seed))[:12]


def settings_in_words() -> str:
    """How long the fits of a simulation are."""
    return f"{CHAINS} chains of {TUNE} + {DRAWS} draws, {RANKED} of them ranked"


def quantities_of(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The ranked quantities of a table of simulations."""
    return [name.removeprefix(RANK) for name in rows[0] if name.startswith(RANK)] if rows else []


def ranks_of(rows: Sequence[Mapping[str, str]], quantity: str) -> NDArray[np.int64]:
    """Ranks of one quantity: (simulation,)."""
    return np.array([int(row[RANK + quantity]) for row in rows if row[RANK + quantity] != ""], dtype=np.int64)


def summarise(rows: Sequence[Mapping[str, str]], model: str) -> list[dict[str, Any]]:
    """The test of every quantity, in the order of the table; `COLUMNS`, and Holm's adjusted p-value.

    Failed fits are counted and stay among the ranks.
    """
    own = [row for row in rows if row["model"] == model]
    if not own:
        return []
    failed = sum(row["failed"] != "" for row in own)
    tested = [
        {"quantity": name, "simulations": len(own), "p_value": p_value(ranks_of(own, name), RANKED), "failed_fits": failed}
        for name in quantities_of(own)
        if len(ranks_of(own, name)) == len(own)
    ]
    adjusted = holm(np.array([row["p_value"] for row in tested]))
    return [row | {"p_holm": float(value)} for row, value in zip(tested, adjusted, strict=True)]


def recovery(rows: Sequence[Mapping[str, str]]) -> dict[str, tuple[float, float]]:
    """Mean and standard error over the simulations of the right model of each coverage and correlation, by column."""
    own = [row for row in rows if row["model"] == RIGHT]
    result = {}
    for name in (f"{what} {end}" for what in COVERAGE for end in (*(f"{100 * level:g}" for level in LEVELS), "r")):
        values = np.array([float(row[name]) for row in own if row[name] != ""])
        if len(values) > 1:
            result[name] = (float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
    return result


def predictions(rows: Sequence[Mapping[str, str]], weeks: int) -> tuple[Array, NDArray[np.int64]]:
    """Forecast probability and outcome of a horizon in the simulated wars of the right model: (simulation,) each."""
    own = [row for row in rows if row["model"] == RIGHT]
    return np.array([float(row[f"forecast {weeks}"]) for row in own]), np.array([int(row[f"came {weeks}"]) for row in own])
