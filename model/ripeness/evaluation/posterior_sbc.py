r"""Calibration around the real data: futures simulated from the posterior and fitted together with the real record.

Draws from the prior make wars unlike this one. Posterior simulation-based calibration (Säilynoja, Schmitt, Bürkner and Vehtari 2025) asks the same
question nearby: with :math:`\theta^*` from the posterior of the data and new data from :math:`\theta^*`, the rank of :math:`\theta^*` among
draws of the posterior of both is uniform. The new data are the year after the origin: factors go on, rows come in the pattern of the last
year, rounds are held, missed and found. Fitted is the real record with that year behind it, as it will be in a year.

Slow levels stay where they are after the origin, as in the forecast; the fit of both assumes the same, so that the two are one model.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import nutpie
import xarray as xr
from numpy.typing import NDArray

from ripeness.data.panel import Panel
from ripeness.evaluation.calibration import Simulation, rank_truth, short_settings
from ripeness.evaluation.simulated_data import SimulatedWar, sensitivity_by_week, simulate_record, simulate_rows, weekly_terms
from ripeness.evaluation.stored import Draws
from ripeness.evaluation.zeroed import rejoin
from ripeness.forecast.ahead import build_ahead
from ripeness.inference.compiled import build_data, program_of
from ripeness.inference.coordinates import build_coordinates
from ripeness.inference.expand import expand_draws
from ripeness.inference.sample import CORES, TARGET_ACCEPT, VECTOR, as_nutpie_model
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import Announcement, announced_weeks
from ripeness.model.terms.factor_paths import persistence
from ripeness.model.terms.outside import outside_basis
from ripeness.model.terms.slow_levels import level_basis

Array = NDArray[np.float64]
YEAR = 52  # weeks simulated on


def simulate_future(spec: ModelSpec, theta: Draws, announcements: list[Announcement], seed: np.random.SeedSequence) -> SimulatedWar:
    """The real record with a year simulated on from one posterior draw.

    Parameters
    ----------
    spec : ModelSpec
        Of the real data, with an origin on a Sunday.
    theta : dict of ndarray (1, …)
        One posterior draw.
    announcements : list of Announcement
        Those known at the origin; no others are made.
    seed : SeedSequence

    Raises
    ------
    ValueError
        If the origin falls inside a week.
    """
    if spec.panel.origin_inside_week:
        raise ValueError(f"an origin on a Sunday, not {spec.panel.origin}: a week that is half on record cannot be gone on from")
    paths, rows, events = (np.random.default_rng(child) for child in seed.spawn(3))
    longer = replace(spec, panel=_longer_panel(spec.panel), announced=_longer_announced(spec, announcements))
    before, weeks = len(spec.panel.weeks), len(longer.panel.weeks)
    truth = {name: values for name, values in theta.items() if name not in ("hazard", "rounds", "level_moves")}
    truth["path"] = _longer_paths(spec, theta, paths)
    if "level_path" in theta:
        truth["level_path"] = np.concatenate([theta["level_path"], np.repeat(theta["level_path"][..., -1:], YEAR, axis=-1)], axis=-1)
    truth = rejoin(longer, truth)

    simulated = simulate_rows(longer, truth, rows)
    real_rows, real_counts = len(spec.panel.measured.value), len(spec.panel.counted.count)
    value, count = simulated.measured.value.copy(), simulated.counted.count.copy()
    value[:real_rows], count[:real_counts] = spec.panel.measured.value, spec.panel.counted.count

    # dormancy at the origin is not known where rounds may have been missed: drawn from what this draw says of it
    ahead = build_ahead(spec, "conjunctive", theta, announcements, 2, seed.spawn(1)[0])
    dormancy = int(events.choice(ahead.dormancy, p=ahead.state[0] / ahead.state[0].sum()))
    record = longer.panel.record
    terms, q = weekly_terms(longer, truth), sensitivity_by_week(longer, truth)
    future = slice(before - record.start, weeks - record.start)
    outside = (truth["outside_knots"] @ outside_basis(longer, weeks - record.start + 1).T)[0]
    found = simulate_record(terms.part(future), outside, q[future], dormancy, events)
    record = replace(record, found=np.concatenate([record.found[:before], found]))
    panel = replace(
        simulated, record=record, measured=replace(simulated.measured, value=value), counted=replace(simulated.counted, count=count)
    )
    return SimulatedWar(replace(longer, panel=panel), truth)


def calibrate_future(
    spec: ModelSpec, theta: Draws, reading: str, announcements: list[Announcement], seed: np.random.SeedSequence
) -> Simulation:
    """Simulate a year on from one posterior draw, fit both together, and rank the draw."""
    simulating, sampling, rest = seed.spawn(3)
    war = simulate_future(spec, theta, announcements, simulating)
    sampled = sample_with_flat_levels(war.spec, len(spec.panel.weeks), reading, int(sampling.generate_state(1)[0]))
    return rank_truth(war, war.spec, sampled, [], rest)


def sample_with_flat_levels(spec: ModelSpec, weeks: int, reading: str, seed: int) -> xr.DataTree:
    """A short fit whose slow levels have their knots in the first weeks alone and stay where they are from then on."""
    settings = short_settings(spec)
    coordinates = build_coordinates(spec, "conjunctive", reading)
    program, data = program_of(spec, "conjunctive", reading), build_data(spec, "conjunctive", reading, coordinates)
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
        target_accept=TARGET_ACCEPT,
        save_warmup=False,
        progress_bar=False,
    )
    posterior = expand_draws(spec, "conjunctive", coordinates, program, data, np.asarray(sampled["posterior"].to_dataset()[VECTOR]))
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": sampled["sample_stats"].to_dataset()})


def _longer_panel(panel: Panel) -> Panel:
    """The panel with a year more, its rows in the pattern of the last one; searched as the last week was."""
    before = len(panel.weeks)
    weeks = (*panel.weeks, *(panel.weeks[-1] + timedelta(weeks=n) for n in range(1, YEAR + 1)))
    measured, counted, record = panel.measured, panel.counted, panel.record

    def again(rows: Any, week: str, moved: tuple[str, ...], same: tuple[str, ...]) -> Any:
        last_year = getattr(rows, week) >= before - YEAR
        if "first" in moved:
            last_year &= rows.first >= before - YEAR
        longer = {name: np.concatenate([getattr(rows, name), getattr(rows, name)[last_year] + YEAR]) for name in moved}
        longer |= {name: np.concatenate([getattr(rows, name), getattr(rows, name)[last_year]]) for name in same}
        return replace(rows, **longer)

    return replace(
        panel,
        origin=weeks[-1],
        weeks=weeks,
        measured=again(measured, "last", ("first", "last"), ("indicator", "value", "widening", "sampling")),
        counted=again(counted, "week", ("week",), ("indicator", "count", "log_exposure", "era")),
        record=replace(
            record,
            found=np.concatenate([record.found, np.zeros(YEAR)]),
            share=np.concatenate([record.share, np.ones(YEAR)]),
            stretch=np.concatenate([record.stretch, np.full(YEAR, record.stretch[-1])]),
        ),
    )


def _longer_announced(spec: ModelSpec, announcements: list[Announcement]) -> Array:
    origin = spec.panel.origin
    later = [spec.panel.weeks[-1] + timedelta(weeks=n) for n in range(1, YEAR + 1)]
    more = announced_weeks(announcements, later, [origin] * YEAR, spec.priors.files.named_week_share, after=origin)
    return np.concatenate([spec.announced, more], axis=1)


def _longer_paths(spec: ModelSpec, theta: Draws, rng: np.random.Generator) -> Array:
    """The draw's factor paths with a year more: (1, factor, week)."""
    path = theta["path"]
    phi = persistence(theta["half_life"])
    heavy = np.array([factor.tails == "shocks" for factor in spec.workspace.factors])
    df = spec.priors.files.factor_tails
    innovation = rng.normal(size=(1, path.shape[1], YEAR))
    innovation[:, heavy] /= np.sqrt(rng.chisquare(df, size=(1, int(heavy.sum()), YEAR)) / (df - 2))
    more = np.empty_like(innovation)
    last = path[..., -1]
    for t in range(YEAR):
        last = phi * last + np.sqrt(1 - phi**2) * innovation[..., t]
        more[..., t] = last
    return np.concatenate([path, more], axis=-1)
