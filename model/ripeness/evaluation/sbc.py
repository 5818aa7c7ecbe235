r"""The study of calibration: many simulated wars, one row each on disk, and what their ranks say together.

Three kinds of simulation share one table. *right*: truths from the prior, readings in turn. *wrong*: the same wars fitted by a model that
takes silence for weeks that nobody searched; if the test lets that pass, it is no test. *future*: truths from the posterior of the real
data, a year simulated on from it and fitted with the real record (:mod:`ripeness.evaluation.calibration`).

Are ranks uniform? A test of exact size, and its correction for many quantities.

Of N simulations each gives a rank r among L draws, uniform on 0 … L if the inference is calibrated. The number of ranks up to j is then
binomial at every j; the statistic is the least two-sided tail probability over all j,

.. math:: \gamma = 2 \min_j \min\{F_j(R_j),\; 1 - F_j(R_j - 1)\},

which is that of the simultaneous bands of Säilynoja, Bürkner and Vehtari (2022). Its distribution under uniformity has no closed form and is
simulated, so the test has the size that is stated; Holm's correction (1979) keeps the rate of any false alarm among all quantities at 5 %.

Calibration of predictions: of what was said to be so likely, how much came?

With enough outcomes of either kind ArviZ draws the curve (`plot_ppc_pava`: isotonic regression of outcomes on probabilities, after Dimitriadis,
Gneiting and Jordan 2021). With fewer a curve would be a few steps of chance, and a sentence says what there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import arviz as az
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import binom

from ripeness import names
from ripeness.evaluation.calibration import (
    ATTEMPTS,
    CHAINS,
    DRAWS,
    LEVELS,
    RANKED,
    RIGHT,
    TUNE,
    WRONG,
    Simulation,
    calibrate_future,
    calibrate_once,
    simulate_from_prior,
)
from ripeness.evaluation.resumed import Progress, ResumedTable
from ripeness.files import hash_text
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
FUTURE = "future"
COLUMNS = ("quantity", "simulations", "p_value", "failed_fits")
HEAD = ("simulation", "model", "reading", "form", "failed", "target_accept")
COVERAGE = ("hazards", "factors with indicators", "factors without")
RANK = "rank "
STREAMS = {RIGHT: 0, WRONG: 0, FUTURE: 1}  # right and wrong see the same wars
SIZE = 0.05
NULL_SETS = 20_000
NULL_SEED = 20220401
FEWEST = 20  # outcomes of each kind below which no curve is drawn
REPLICATIONS = 500


def simulation_columns(quantities: Sequence[str], horizons: Sequence[int]) -> tuple[str, ...]:
    """Columns of the table of simulations."""
    covered = [f"{name} {what}" for name in COVERAGE for what in (*(f"{100 * level:g}" for level in LEVELS), "r")]
    columns = [f"{what} {weeks}" for weeks in horizons for what in ("forecast", "came")]
    return (*HEAD, *covered, *columns, *(RANK + name for name in quantities))


def row_of(number: int, model: str, form: str, reading: str, simulation: Simulation, horizons: Sequence[int]) -> dict[str, Any]:
    """One simulation as a row of that table."""
    by_horizon = {f"forecast {weeks}": float(simulation.forecast[h]) for h, weeks in enumerate(horizons)}
    by_horizon |= {f"came {weeks}": int(simulation.came[h]) for h, weeks in enumerate(horizons)}
    return {
        "simulation": number,
        "model": model,
        "reading": reading,
        "form": form,
        "failed": "; ".join(criterion.name for criterion in simulation.failures),
        "target_accept": simulation.target_accept,
        **simulation.coverage,
        **by_horizon,
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
        _, form, reading = spec.workspace.fits[number % len(spec.workspace.headline_fits)]
        drawn, fitted = seed_of(seed, model, number).spawn(2)
        war = simulate_from_prior(spec, reading, form, drawn)  # type: ignore[arg-type]
        simulation = calibrate_once(war, reading, announcements, fitted, model)
        table.add(row_of(number, model, form, reading, simulation, horizons))
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
        Draws of each stored fit of the headline.
    """
    horizons = spec.workspace.question.horizons_weeks
    for number in range(wanted):
        if table.has(simulation=str(number), model=FUTURE):
            continue
        fit, form, reading = spec.workspace.fits[number % len(spec.workspace.headline_fits)]
        chosen, rest = seed_of(seed, FUTURE, number).spawn(2)
        draws = posterior[fit]
        place = int(np.random.default_rng(chosen).integers(len(draws["outside_knots"])))
        theta = {name: values[[place]] for name, values in draws.items()}
        simulation = calibrate_future(spec, theta, reading, announcements, rest)
        table.add(row_of(number, FUTURE, form, reading, simulation, horizons))
        progress(f"futures from the posterior: {number + 1} of {wanted}")


def inputs_hash(spec: ModelSpec, seed: int) -> str:
    """What names the inputs of the simulations: the panel whose pattern they have, the priors, the length of the fits, the seed."""
    return hash_text(spec.panel.hash, spec.priors.hash, settings_in_words(), str(seed))[:12]


def settings_in_words() -> str:
    """How long the fits of a simulation are."""
    again = ", ".join(f"{accept:g} with warm-up × {longer}" for accept, longer in ATTEMPTS[1:])
    return f"{CHAINS} chains of {TUNE} + {DRAWS} draws, {RANKED} of them ranked; where transitions diverged, again at target acceptance {again}"


def quantities_of(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The ranked quantities of a table of simulations."""
    return [name.removeprefix(RANK) for name in rows[0] if name.startswith(RANK)] if rows else []


def ranks_of(rows: Sequence[Mapping[str, str]], quantity: str) -> NDArray[np.int64]:
    """Ranks of one quantity: (simulation,)."""
    return np.array([int(row[RANK + quantity]) for row in rows if row[RANK + quantity] != ""], dtype=np.int64)


def summarise(rows: Sequence[Mapping[str, str]], model: str) -> list[dict[str, Any]]:
    """The test of every quantity, in the order of the table; `COLUMNS`, and Holm's adjusted p-value.

    Failed fits are counted and stay among the ranks. A quantity of one form alone has fewer simulations.
    """
    own = [row for row in rows if row["model"] == model]
    if not own:
        return []
    failed = sum(row["failed"] != "" for row in own)
    tested = [
        {"quantity": name, "simulations": len(ranks), "p_value": p_value(ranks, RANKED), "failed_fits": failed}
        for name, ranks in ((name, ranks_of(own, name)) for name in quantities_of(own))
        if len(ranks)
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


def departure(ranks: NDArray[np.integer], draws: int) -> float:
    """γ of a set of ranks: small where they are not uniform.

    Parameters
    ----------
    ranks : ndarray of int (simulation,)
        In 0 … draws.
    draws : int
    """
    return float(_departures(np.asarray(ranks)[None], draws)[0])


def p_value(ranks: NDArray[np.integer], draws: int) -> float:
    """P(γ as small or smaller, if the ranks are uniform); at least 1 in `NULL_SETS` + 1."""
    null = null_departures(len(ranks), draws)
    return float((1 + np.searchsorted(null, departure(ranks, draws), side="right")) / (len(null) + 1))


def simultaneous_band(simulations: int, draws: int, level: float = 1.0 - SIZE) -> tuple[Array, Array]:
    """Bounds between which the share of ranks up to j stays for all j = 0 … draws − 1 with a probability of `level`: (draw,) each."""
    gamma = float(np.quantile(null_departures(simulations, draws), 1.0 - level))
    expected = _expected(draws)
    lower, upper = (np.asarray(binom.ppf(tail, simulations, expected)) / simulations for tail in (gamma / 2, 1 - gamma / 2))
    return lower, upper


def holm(p_values: Array) -> Array:
    """Holm's adjusted p-values, in the order given."""
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * (len(p_values) - np.arange(len(p_values))))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


@lru_cache(maxsize=8)
def null_departures(simulations: int, draws: int) -> Array:
    """γ of `NULL_SETS` sets of uniform ranks, in rising order."""
    rng = np.random.default_rng(NULL_SEED)
    parts = [_departures(rng.integers(0, draws + 1, (NULL_SETS // 20, simulations)), draws) for _ in range(20)]
    return np.sort(np.concatenate(parts))


def _expected(draws: int) -> Array:
    return np.arange(1, draws + 1) / (draws + 1)


def _departures(ranks: NDArray[np.integer], draws: int) -> Array:
    """γ of sets of ranks: (set,) from (set, simulation)."""
    sets, simulations = ranks.shape
    flat = np.arange(sets)[:, None] * (draws + 1) + ranks
    upto = np.cumsum(np.bincount(flat.ravel(), minlength=sets * (draws + 1)).reshape(sets, draws + 1), axis=1)[:, :-1]
    counts = np.arange(simulations + 1)
    expected = _expected(draws)
    below = binom.cdf(counts[:, None], simulations, expected[None])  # (count, j)
    above = binom.sf(counts[:, None] - 1, simulations, expected[None])
    least = np.minimum(below, above)
    return np.asarray(2.0 * least[upto, np.arange(draws)[None]].min(axis=1))


def calibration_sentence(probabilities: Array, outcomes: NDArray[np.int64], what: str) -> str:
    """How predictions compare with outcomes, in a sentence.

    Parameters
    ----------
    probabilities : ndarray (prediction,)
    outcomes : ndarray of int (prediction,)
        1 where what was predicted came.
    what : str
        What was predicted, as in "a round within 13 weeks in the simulated wars".
    """
    came, expected = int(outcomes.sum()), float(probabilities.sum())
    # the sum of independent outcomes of these probabilities
    spread = float(np.sqrt((probabilities * (1 - probabilities)).sum()))
    counted = f"Of {len(outcomes)} predictions of {what}, {expected:.0f} should have come (give or take {2 * spread:.0f}) and {came} did"
    if enough(outcomes):
        return f"{counted}."
    return f"{counted}: too few for a calibration curve, which needs {FEWEST} that came and {FEWEST} that did not."


def enough(outcomes: NDArray[np.int64]) -> bool:
    """Whether a curve can be drawn."""
    came = int(outcomes.sum())
    return min(came, len(outcomes) - came) >= FEWEST


def plot_calibration(probabilities: Array, outcomes: NDArray[np.int64], seed: int) -> Any:
    """ArviZ's PAV-adjusted calibration plot.

    Raises
    ------
    ValueError
        If there are too few outcomes of either kind.
    """
    if not enough(outcomes):
        raise ValueError(f"at least {FEWEST} outcomes of each kind for a calibration curve")
    rng = np.random.default_rng(seed)
    replicated = (rng.random((1, REPLICATIONS, len(outcomes))) < probabilities).astype(int)
    tree = xr.DataTree.from_dict(
        {
            "posterior_predictive": xr.Dataset({"came": ((names.CHAIN, names.DRAW, "prediction"), replicated)}),
            "observed_data": xr.Dataset({"came": (("prediction",), outcomes.astype(int))}),
        }
    )
    return az.plot_ppc_pava(tree, ci_prob=0.9, backend="matplotlib")
