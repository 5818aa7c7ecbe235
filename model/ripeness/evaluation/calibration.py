r"""Simulation-based calibration of the whole model (Talts, Betancourt, Simpson, Vehtari and Gelman 2018; Modrák and others 2023).

A truth is drawn from the prior, a war from the truth (:mod:`ripeness.evaluation.simulated_data`), the posterior from the war by the engine
as it is; then the truth is one more draw of that posterior, and its rank among the others is uniform. Ranked is every quantity that the
forecast uses, the headline of every horizon, and three that see the data as well: the log-likelihoods of the record and of the rows. The
forecast of a draw is made with factor paths of its own, so truth and draws are alike in that too.

Fits are short: two chains, thinned to nearly independent draws. One that fails what short chains can be asked is counted and stays in.
The same simulations say how often intervals of past hazards and of factors hold the truth, and how often what was forecast came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.evaluation.simulated_data import SimulatedWar, sensitivity_by_week, silence_unread, simulate_war, weekly_terms
from ripeness.evaluation.stored import Draws
from ripeness.forecast.ahead import build_ahead
from ripeness.forecast.horizons import forecast_probabilities
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.forecast.simulate import simulate_rounds
from ripeness.inference.gate import Criterion, judge_fit
from ripeness.inference.predictive import log_likelihoods
from ripeness.inference.sample import flatten_draws, sample_posterior
from ripeness.model.build import model_coords
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import Announcement
from ripeness.model.terms.dormancy_filter import filter_dormancy
from ripeness.model.terms.outside import outside_basis
from ripeness.workspace import FitSettings

Array = NDArray[np.float64]
CHAINS, TUNE, DRAWS = 2, 400, 400
RANKED = 100  # draws, spread evenly over the chains, among which the truth is ranked
SHORT_LIMITS = {"rhat": 1.05, "ess_bulk": 100.0, "ess_tail": 100.0, "divergences": 0.0, "bfmi": 0.3}
LEVELS = (0.5, 0.9)
RIGHT, WRONG = "right", "wrong"
# quantities with one dimension at most: the variable and the names of its elements' dim
VECTORS = {
    "half_life": names.FACTOR,
    "level": names.LEVEL,
    "level_start": names.LEVEL,
    "loading": names.RELATIVE,
    "intercept": names.RELATIVE,
    "noise": names.MEASURED,
    "dispersion": names.COUNTED,
    "capture": names.ERA,
    "pulse": names.PULSE,
    "share_open": names.CONDITION,
    "weight": names.EFFECT,
    "outside_knots": names.KNOT,
    "kept": names.KEPT,
    "sensitivity": names.STRETCH,
}
OBSERVED = {"rounds": "record", "measured": "values", "counted": "counts"}
SCALARS = ("log_best_to_worst", "log_war_level", "normaliser")


@dataclass(frozen=True)
class Simulation:
    """What one simulated war says.

    Parameters
    ----------
    failures : tuple of Criterion
        What the short fit did not hold.
    ranks : dict of int
        Of the truth among `RANKED` draws, by quantity.
    coverage : dict of float
        Share of weeks whose truth lies inside the interval, "hazards 90" and the like; and how well posterior means follow the truth.
    forecast, came : ndarray (horizon,)
        Probability of a round, and 1 where the simulated future had one.
    """

    failures: tuple[Criterion, ...]
    ranks: dict[str, int]
    coverage: dict[str, float]
    forecast: Array
    came: NDArray[np.int64]


def simulate_from_prior(spec: ModelSpec, reading: str, seed: np.random.SeedSequence) -> SimulatedWar:
    """A war drawn from one reading's prior under the real panel's pattern."""
    drawn, rows = seed.spawn(2)
    truth = sample_prior(spec, reading, "conjunctive", 1, drawn)
    return simulate_war(spec, truth, np.random.default_rng(rows))


def calibrate_once(
    war: SimulatedWar, reading: str, announcements: list[Announcement], seed: np.random.SeedSequence, model: str = RIGHT
) -> Simulation:
    """Fit one simulated war and rank its truth.

    Parameters
    ----------
    war : SimulatedWar
    reading : str
        Whose prior it came from.
    announcements : list of Announcement
        Those known at the origin.
    seed : SeedSequence
    model : {"right", "wrong"}
        Wrong takes silence for weeks that nobody searched.
    """
    sampling, rest = seed.spawn(2)
    fitted = war.spec if model == RIGHT else silence_unread(war.spec)
    sampled = sample_posterior(fitted, "conjunctive", reading, short_settings(fitted), int(sampling.generate_state(1)[0]))
    return rank_truth(war, fitted, sampled, announcements, rest)


def short_settings(spec: ModelSpec) -> FitSettings:
    """The workspace's settings of a fit, with two short chains."""
    return spec.workspace.fit.model_copy(update={"chains": CHAINS, "tune": TUNE, "draws": DRAWS})


def rank_truth(
    war: SimulatedWar, fitted: ModelSpec, sampled: xr.DataTree, announcements: list[Announcement], seed: np.random.SeedSequence
) -> Simulation:
    """Rank the truth of a war among the posterior draws of a fit to it.

    Parameters
    ----------
    war : SimulatedWar
    fitted : ModelSpec
        What was fitted: the war's own spec, or a wrong one of the same data.
    sampled : DataTree
    announcements : list of Announcement
    seed : SeedSequence
    """
    posterior = sampled["posterior"].to_dataset()
    draws = flatten_draws(posterior)
    thin = np.linspace(0, len(draws["outside_knots"]) - 1, RANKED).astype(np.intp)
    used = [name for name in draws if name in war.truth]
    joined = {name: np.concatenate([war.truth[name], draws[name][thin]]) for name in used}
    found, forecast, came = quantities(fitted, joined, announcements, seed)
    # equal values are parted by chance: of counts there are none, but a wrong model may leave some
    rng = np.random.default_rng(seed.spawn(1)[0])
    ranks = {}
    for name, values in found.items():
        below, equal = int((values[1:] < values[0]).sum()), int((values[1:] == values[0]).sum())
        ranks[name] = below + int(rng.integers(0, equal + 1))
    return Simulation(_failures(posterior, sampled), ranks, coverage(war, draws), forecast, came)


def _failures(posterior: xr.Dataset, sampled: xr.DataTree) -> tuple[Criterion, ...]:
    shape = (posterior.sizes[names.CHAIN], posterior.sizes[names.DRAW])
    stand_in = xr.DataArray(posterior["log_war_level"].values.reshape(shape), dims=(names.CHAIN, names.DRAW))
    verdict = judge_fit("simulated", posterior, sampled["sample_stats"].to_dataset(), stand_in)
    asked = [replace(criterion, limit=SHORT_LIMITS[criterion.name]) for criterion in verdict.criteria if criterion.name in SHORT_LIMITS]
    return tuple(criterion for criterion in asked if not criterion.passed)


def quantities(
    spec: ModelSpec, draws: Draws, announcements: list[Announcement], seed: np.random.SeedSequence
) -> tuple[dict[str, Array], Array, NDArray[np.int64]]:
    """Everything that is ranked, (draw,) by name; the forecast by the draws after the first; what came in a future of the first draw.

    Parameters
    ----------
    spec : ModelSpec
    draws : dict of ndarray (draw, …)
        The truth first.
    announcements : list of Announcement
    seed : SeedSequence
        For futures.
    """
    ahead_seed, event_seed = seed.spawn(2)
    labels = labels_of(spec)
    found: dict[str, Array] = {}
    for name, dim in VECTORS.items():
        if name in draws:
            for place, label in enumerate(labels[dim]):
                found[f"{name}[{label}]"] = draws[name][:, place]
    for name in SCALARS:
        found[name] = draws[name]
    for place, factor in enumerate(labels[names.FACTOR]):
        found[f"factor now[{factor}]"] = draws["path"][:, place, -1]
    for place, condition in enumerate(labels[names.CONDITION]):
        found[f"log odds now[{condition}]"] = draws["log_odds_open"][:, place, -1]
    found["inside view now"] = draws["inside"][:, -1]
    ahead = build_ahead(spec, "conjunctive", draws, announcements, spec.workspace.fit.future_paths, ahead_seed)
    probabilities = forecast_probabilities(ahead)
    found["hazard now"] = probabilities.hazard[:, 0]
    for place, weeks in enumerate(spec.workspace.question.horizons_weeks):
        found[f"headline[{weeks} weeks]"] = probabilities.within[:, place]
    for name, density in log_likelihoods(spec, "conjunctive", draws).items():
        if density.shape[1]:
            found[f"log-likelihood of the {OBSERVED.get(name, name)}"] = density.sum(axis=1)
    rounds = simulate_rounds(ahead, event_seed)[0, 0]
    # a week belongs to a horizon if at least half of it does, as for the sustained process
    came = np.array([int(rounds[reach >= 0.5].sum() > 0) for reach in ahead.reach])
    return found, probabilities.within[1:].mean(axis=0), came


def labels_of(spec: ModelSpec) -> dict[str, list[str]]:
    """Names of the elements of each dim."""
    coords = model_coords(spec, "conjunctive")
    return {dim: [str(label) for label in coords[dim]] for dim in (*VECTORS.values(), names.FACTOR, names.CONDITION)}


def true_hazard(war: SimulatedWar) -> Array:
    """P(round in the week | record before it) of each week at risk, by the truth."""
    spec, truth = war.spec, war.truth
    terms = weekly_terms(spec, truth)
    record = spec.panel.record
    outside = (truth["outside_knots"] @ outside_basis(spec, len(spec.panel.weeks) - record.start + 1).T)[0]
    sensitivity = sensitivity_by_week(spec, truth)
    return np.asarray(filter_dormancy(outside, terms.multiplier, terms.announced, sensitivity, record.found[record.start :])[1])


def coverage(war: SimulatedWar, draws: Draws) -> dict[str, float]:
    """Share of weeks in which central intervals hold the truth, and the correlation of posterior means with it."""
    spec = war.spec
    observed = {spec.contracts[name].factor for name in spec.panel.indicators}
    seen = np.array([factor in observed for factor in spec.workspace.factor_ids], dtype=bool)
    compared = {
        "hazards": (np.log(true_hazard(war)), np.log(draws["hazard"])),
        "factors with indicators": (war.truth["path"][0, seen], draws["path"][:, seen]),
        "factors without": (war.truth["path"][0, ~seen], draws["path"][:, ~seen]),
    }
    result = {}
    for name, (truth, drawn) in compared.items():
        if not truth.size:
            continue
        below = (drawn < truth).mean(axis=0)
        for level in LEVELS:
            result[f"{name} {100 * level:g}"] = float((np.abs(below - 0.5) <= level / 2).mean())
        result[f"{name} r"] = float(np.corrcoef(truth.ravel(), drawn.mean(axis=0).ravel())[0, 1])
    return result
