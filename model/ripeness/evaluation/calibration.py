r"""Simulation-based calibration of the whole model (Talts, Betancourt, Simpson, Vehtari and Gelman 2018; Modrák and others 2023).

A truth is drawn from the prior, a war from the truth (:mod:`ripeness.forecast.simulate`), the posterior from the war by the engine
as it is; then the truth is one more draw of that posterior, and its rank among the others is uniform. Ranked is every quantity that the
forecast uses, the headline of every horizon, and three that see the data as well: the log-likelihoods of the record and of the rows. The
forecast of a draw is made with factor paths of its own, so truth and draws are alike in that too.

Fits are short: two chains, thinned to nearly independent draws. One whose transitions diverge is made again with smaller steps, and if need be
with still smaller ones and a longer warm-up; that hangs on the data alone, so ranks stay uniform. One that fails what short chains can be asked
is counted and stays in.
The same simulations say how often intervals of past hazards and of factors hold the truth, and how often what was forecast came.

Calibration around the real data: futures simulated from the posterior and fitted together with the real record.

Draws from the prior make wars unlike this one. Posterior simulation-based calibration (Säilynoja, Schmitt, Bürkner and Vehtari 2025) asks the same
question nearby: with :math:`\theta^*` from the posterior of the data and new data from :math:`\theta^*`, the rank of :math:`\theta^*` among
draws of the posterior of both is uniform. The new data are the year after the origin: factors go on, rows come in the pattern of the last
year, rounds are held, missed and found. Fitted is the real record with that year behind it, as it will be in a year.

Slow levels stay where they are after the origin, as in the forecast; the fit of both assumes the same, so that the two are one model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

import numpy as np
import nutpie
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.observations import EVENTS, UNSEARCHED, Rows
from ripeness.data.panel import Panel
from ripeness.evaluation.left_out import rejoin
from ripeness.evaluation.stored import Draws
from ripeness.forecast.ahead import build_ahead
from ripeness.forecast.dormancy import whole_record
from ripeness.forecast.horizons import forecast_probabilities
from ripeness.forecast.ladder import rung_probabilities
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.forecast.simulate import SimulatedWar, simulate_events, simulate_outcomes, simulate_rounds, simulate_rows, simulate_war
from ripeness.inference.compiled import build_data, program_of
from ripeness.inference.coordinates import build_coordinates
from ripeness.inference.expand import expand_draws
from ripeness.inference.gate import Criterion, judge_fit
from ripeness.inference.predictive import log_likelihoods
from ripeness.inference.sample import CORES, TARGET_ACCEPT, VECTOR, as_nutpie_model, flatten_draws, sample_posterior
from ripeness.model.build import model_coords
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.term import Derived, Parameter
from ripeness.model.terms import terms_of
from ripeness.model.terms.factor_paths import heavy_tailed, persistence, simulate_ar1
from ripeness.model.terms.slow_levels import level_basis
from ripeness.workspace import FitSettings

Array = NDArray[np.float64]
CHAINS, TUNE, DRAWS = 2, 400, 400
ATTEMPTS = ((TARGET_ACCEPT, 1), (0.95, 1), (0.99, 2))  # target acceptance, and by how much warm-up is longer, until no transition diverges
RANKED = 100  # draws, spread evenly over the chains, among which the truth is ranked
SHORT_LIMITS = {"rhat": 1.05, "ess_bulk": 100.0, "ess_tail": 100.0, "divergences": 0.0, "bfmi": 0.3}
LEVELS = (0.5, 0.9)
RIGHT, WRONG = "right", "wrong"
OBSERVED = {"rounds": "record", "lead": "announcements", "measured": "values", "counted": "counts"}
YEAR = 52  # weeks simulated on


@dataclass(frozen=True)
class Simulation:
    """What one simulated war says.

    Parameters
    ----------
    failures : tuple of Criterion
        What the short fit did not hold.
    target_accept : float
        Of the attempt that was kept.
    ranks : dict of int
        Of the truth among `RANKED` draws, by quantity.
    coverage : dict of float
        Share of weeks whose truth lies inside the interval, "hazards 90" and the like; and how well posterior means follow the truth.
    forecast, came : ndarray (horizon,)
        Probability of a round, and 1 where the simulated future had one.
    """

    failures: tuple[Criterion, ...]
    target_accept: float
    ranks: dict[str, int]
    coverage: dict[str, float]
    forecast: Array
    came: NDArray[np.int64]


def form_of(draws: Draws) -> Variant:
    """The form of the inside view that draws, or a truth, are of."""
    return names.SUBSTITUTABLE if "cause_weight" in draws else names.CONJUNCTIVE


def simulate_from_prior(spec: ModelSpec, reading: str, form: Variant, seed: np.random.SeedSequence) -> SimulatedWar:
    """A war drawn from one reading's prior in one form under the real panel's pattern."""
    drawn, rows = seed.spawn(2)
    truth = sample_prior(spec, reading, form, 1, drawn)
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
    number = int(sampling.generate_state(1)[0])

    def attempt(target_accept: float, settings: FitSettings) -> xr.DataTree:
        return sample_posterior(fitted, form_of(war.truth), reading, settings, number, target_accept=target_accept)

    return rank_truth(war, fitted, *without_divergences(fitted, attempt), announcements, rest)


def without_divergences(spec: ModelSpec, attempt: Callable[[float, FitSettings], xr.DataTree]) -> tuple[xr.DataTree, float]:
    """The first of `ATTEMPTS` in which no transition diverges, or the last, with its target acceptance.

    Parameters
    ----------
    spec : ModelSpec
    attempt : callable
        From target acceptance and settings to draws.
    """
    for target_accept, longer in ATTEMPTS:
        settings = short_settings(spec)
        sampled = attempt(target_accept, settings.model_copy(update={"tune": longer * settings.tune}))
        if not sampled["sample_stats"]["diverging"].any():
            break
    return sampled, target_accept


def short_settings(spec: ModelSpec) -> FitSettings:
    """The workspace's settings of a fit, with two short chains."""
    return spec.workspace.fit.model_copy(update={"chains": CHAINS, "tune": TUNE, "draws": DRAWS})


def rank_truth(
    war: SimulatedWar,
    fitted: ModelSpec,
    sampled: xr.DataTree,
    target_accept: float,
    announcements: list[Announcement],
    seed: np.random.SeedSequence,
) -> Simulation:
    """Rank the truth of a war among the posterior draws of a fit to it.

    Parameters
    ----------
    war : SimulatedWar
    fitted : ModelSpec
        What was fitted: the war's own spec, or a wrong one of the same data.
    sampled : DataTree
    target_accept : float
        It was sampled with.
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
    return Simulation(_failures(posterior, sampled), target_accept, ranks, coverage(war, draws), forecast, came)


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
    ahead_seed, event_seed, rung_seed = seed.spawn(3)
    form = form_of(draws)
    labels = labels_of(spec, form)
    found: dict[str, Array] = {}
    for one in ranked(spec, form):
        if one.name not in draws:
            continue
        if not one.dims:
            found[one.name] = draws[one.name]
        for place, label in enumerate(labels[one.dims[0]] if one.dims else []):
            found[f"{one.name}[{label}]"] = draws[one.name][:, place]
    for place, factor in enumerate(labels[names.FACTOR]):
        found[f"factor now[{factor}]"] = draws["path"][:, place, -1]
    for place, condition in enumerate(labels[names.CONDITION]):
        found[f"log odds now[{condition}]"] = draws["log_odds_open"][:, place, -1]
    found["inside view now"] = draws["inside"][:, -1]
    ahead = build_ahead(spec, form, draws, announcements, spec.workspace.fit.future_paths, ahead_seed)
    probabilities = forecast_probabilities(ahead)
    found["hazard now"] = probabilities.hazard[:, 0]
    for place, weeks in enumerate(spec.workspace.question.horizons_weeks):
        found[f"headline[{weeks} weeks]"] = probabilities.within[:, place]
    if spec.workspace.rungs:
        question = spec.workspace.question
        shares = ahead.horizon_share[[question.horizons_weeks.index(question.headline_weeks)]]
        of_rungs = rung_probabilities(ahead, spec.workspace.rung_ids, shares, rung_seed)[0]
        found |= {f"ladder[{rung}]": of_rungs[:, place, 0] for place, rung in enumerate(spec.workspace.rung_ids)}
    for name, density in log_likelihoods(spec, form, draws).items():
        if density.shape[1] or name not in spec.panel.rows:
            found[f"log-likelihood of the {OBSERVED.get(name, name)}"] = density.sum(axis=1)
    rounds = simulate_rounds(ahead, event_seed)[0, 0]
    # a week belongs to a horizon if at least half of it does, as for the sustained process
    came = np.array([int(rounds[horizon_share >= 0.5].sum() > 0) for horizon_share in ahead.horizon_share])
    return found, probabilities.within[1:].mean(axis=0), came


def ranked(spec: ModelSpec, form: Variant) -> list[Parameter | Derived]:
    """The quantities of the terms whose elements are ranked; of one dimension at most."""
    found: list[Parameter | Derived] = []
    for term in terms_of(form, spec):
        found += [*term.parameters, *term.derived]
    return [one for one in found if one.ranked]


def labels_of(spec: ModelSpec, form: Variant) -> dict[str, list[str]]:
    """Names of the elements of each dim of what is ranked."""
    coords, dims = model_coords(spec, form), {dim for one in ranked(spec, form) for dim in one.dims}
    return {dim: [str(label) for label in coords[dim]] for dim in dims | {names.FACTOR, names.CONDITION}}


def silence_unread(spec: ModelSpec) -> ModelSpec:
    """A deliberately wrong model of the same data: it reads weeks without a round as weeks that nobody searched."""
    record = spec.panel.record
    stretch = np.where(record.found > 0, record.stretch, UNSEARCHED)
    return replace(spec, panel=replace(spec.panel, record=replace(record, stretch=stretch)))


def coverage(war: SimulatedWar, draws: Draws) -> dict[str, float]:
    """Share of weeks in which central intervals hold the truth, and the correlation of posterior means with it."""
    spec = war.spec
    observed = {spec.contracts[name].factor for name in spec.panel.indicators}
    seen = np.array([factor in observed for factor in spec.workspace.factor_ids], dtype=bool)
    compared = {
        "hazards": (np.log(whole_record(spec, war.truth).chance[0]), np.log(draws["hazard"])),
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


def simulate_future(spec: ModelSpec, theta: Draws, announcements: list[Announcement], seed: np.random.SeedSequence) -> SimulatedWar:
    """The real record with a year simulated on from one posterior draw.

    Parameters
    ----------
    spec : ModelSpec
        Of the real data, with an origin on a Sunday.
    theta : dict of ndarray (1, …)
        One posterior draw.
    announcements : list of Announcement
        Those known at the origin.
    seed : SeedSequence

    Raises
    ------
    ValueError
        If the origin falls inside a week.
    """
    if spec.panel.origin_inside_week:
        raise ValueError(f"an origin on a Sunday, not {spec.panel.origin}: a week that is half on record cannot be gone on from")
    paths, rows, events, outcomes = (np.random.default_rng(child) for child in seed.spawn(4))
    exposure = np.pad(spec.meetings.exposure, ((0, 0), (0, YEAR)))
    longer = replace(spec, panel=_longer_panel(spec.panel), meetings=spec.meetings._replace(exposure=exposure))
    before = len(spec.panel.weeks)
    truth = {name: values for name, values in theta.items() if name not in ("hazard", "rounds")}
    truth["path"] = _longer_paths(longer, theta, paths)
    if "level_path" in theta:
        truth["level_path"] = np.concatenate([theta["level_path"], np.repeat(theta["level_path"][..., -1:], YEAR, axis=-1)], axis=-1)
        more = len(level_basis(len(longer.panel.weeks))) - theta["level_moves"].shape[2]
        truth["level_moves"] = np.pad(theta["level_moves"], ((0, 0), (0, 0), (0, more)))  # a level stays where it is
    truth = rejoin(longer, form_of(truth), truth)

    simulated, real = simulate_rows(longer, truth, rows).observed, spec.panel.observed
    observed = {name: np.concatenate([real[name], values[len(real[name]) :]]) for name, values in simulated.items()}

    # dormancy at the origin is not known where rounds may have been missed: drawn from what this draw says of it
    ahead = build_ahead(spec, form_of(theta), theta, announcements, 2, seed.spawn(1)[0])
    dormancy = int(events.choice(ahead.dormancy, p=ahead.state[0] / ahead.state[0].sum()))
    found, meetings = simulate_events(longer, truth, before, dormancy, announcements, events)
    panel = replace(longer.panel.with_observed(observed), record=replace(longer.panel.record, found=found))
    held = replace(longer, panel=panel, meetings=meetings)
    return SimulatedWar(replace(held, panel=_real_until(spec.panel, simulate_outcomes(held, truth, outcomes))), truth)


def _real_until(real: Panel, simulated: Panel) -> Panel:
    """A simulated panel with the real events of rungs in the weeks of the real one."""
    before, rows = len(real.weeks), {}
    for name, after in simulated.outcomes.items():
        rows[name] = real.outcomes[name].join(after.pick(after.first_week >= before))
    return simulated.with_rows(rows)


def calibrate_future(
    spec: ModelSpec, theta: Draws, reading: str, announcements: list[Announcement], seed: np.random.SeedSequence
) -> Simulation:
    """Simulate a year on from one posterior draw, fit both together, and rank the draw."""
    simulating, sampling, rest = seed.spawn(3)
    war = simulate_future(spec, theta, announcements, simulating)
    number = int(sampling.generate_state(1)[0])

    def attempt(target_accept: float, settings: FitSettings) -> xr.DataTree:
        return sample_with_flat_levels(war.spec, len(spec.panel.weeks), form_of(theta), reading, number, target_accept, settings)

    return rank_truth(war, war.spec, *without_divergences(war.spec, attempt), [], rest)


def sample_with_flat_levels(
    spec: ModelSpec, weeks: int, form: Variant, reading: str, seed: int, target_accept: float, settings: FitSettings
) -> xr.DataTree:
    """A fit whose slow levels have their knots in the first weeks alone and stay where they are from then on."""
    coordinates = build_coordinates(spec, form, reading)
    program, data = program_of(spec, form, reading), build_data(spec, form, reading, coordinates)
    basis = np.zeros_like(data.arrays["level_basis"])
    own = level_basis(weeks)
    basis[: len(own), :weeks], basis[: len(own), weeks:] = own, own[:, -1:]
    data = data.with_arrays(level_basis=basis)  # later knots move nothing
    sampled = nutpie.sample(
        as_nutpie_model(program, data, coordinates),
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=CORES,
        seed=seed,
        target_accept=target_accept,
        save_warmup=False,
        progress_bar=False,
    )
    posterior = expand_draws(spec, form, coordinates, program, data, np.asarray(sampled["posterior"].to_dataset()[VECTOR]))
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": sampled["sample_stats"].to_dataset()})


def _longer_panel(panel: Panel) -> Panel:
    """The panel with a year more, its rows in the pattern of the last one; searched as the last week was."""
    before = len(panel.weeks)
    weeks = (*panel.weeks, *(panel.weeks[-1] + timedelta(weeks=n) for n in range(1, YEAR + 1)))
    record = panel.record

    def again(rows: Rows) -> Rows:
        last_year = rows.first_week >= before - YEAR
        return rows.join(rows.pick(last_year).later(YEAR))

    return replace(
        panel.with_rows({name: again(rows) for name, rows in {**panel.rows, EVENTS: panel.events}.items()}),
        origin=weeks[-1],
        weeks=weeks,
        record=replace(
            record,
            found=np.concatenate([record.found, np.zeros(YEAR)]),
            share=np.concatenate([record.share, np.ones(YEAR)]),
            stretch=np.concatenate([record.stretch, np.full(YEAR, record.stretch[-1])]),
        ),
    )


def _longer_paths(spec: ModelSpec, theta: Draws, rng: np.random.Generator) -> Array:
    """The draw's factor paths with a year more: (1, factor, week)."""
    path, phi = theta["path"], persistence(theta["half_life"])
    onward = simulate_ar1(path[..., -1], phi, heavy_tailed(spec), spec.priors.files.factor_tails, rng)
    return np.concatenate([path, np.stack(list(islice(onward, YEAR)), axis=-1)], axis=-1)
