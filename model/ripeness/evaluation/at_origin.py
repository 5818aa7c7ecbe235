"""The forecasts of one origin: every fit, the mixture and the baselines, from what was known by then and from nothing else.

Where the draws come from is a seam: a `Sampler` gives equally weighted draws of one posterior and what the gate says of them. `by_fitting`
samples; :func:`by_weighting` chooses among the draws of a fit that saw a little less.

Forecasts of one vintage from the draws of a fit to another one of the same origin.

The final vintage differs from what was known on the origin by late and revised rows alone, so its posterior is the stored one under other weights
(:mod:`ripeness.reweighting`). Where weights cannot take up the difference, or are too uneven by k-hat, it is fitted. Draws that are shared leave less
Monte Carlo noise in the difference between the two, which is what is asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import arviz as az
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import target_date
from ripeness.data.vintages import Vintage
from ripeness.elicitation.elicited import Priors
from ripeness.evaluation.baselines import baseline_units, rung_baselines
from ripeness.evaluation.unit import BLOCK_WEEKS, FAILED, PASSED, SILENT, WEEK, Unit, pattern_probabilities, week_given
from ripeness.forecast.ahead import Ahead, build_ahead
from ripeness.forecast.horizons import forecast_probabilities, ladder_probabilities, without_path_noise
from ripeness.forecast.mixture import mixed_error, pool_draws
from ripeness.inference.gate import Verdict, judge_fit
from ripeness.inference.sample import flatten_draws, sample_posterior
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec, build_spec
from ripeness.model.terms.record import Record
from ripeness.reweighting.refusals import beyond_window, untrustworthy
from ripeness.reweighting.reweighted import StoredFit, store_fit, update_fit
from ripeness.reweighting.stored import Base, base_spec
from ripeness.reweighting.weights import Anchor, choose_by_weight
from ripeness.workspace import FitSettings, Workspace

Array = NDArray[np.float64]
Which = tuple[str, str, str]

LOWER, UPPER = 0.05, 0.95
PATTERNS: Final = "patterns"  # (chain, draw, 2, …, 2): probability of every pattern of the block after the origin
KHAT: Final = "khat"  # of weighted draws
RECORD: Final = "record"  # (chain, draw, block): log-likelihood of the rounds on record, by blocks back from the origin


@dataclass(frozen=True)
class Sampled:
    """Draws of one posterior.

    Parameters
    ----------
    draws : dict of ndarray (draw, …)
        Equally weighted, chains one after another, by the names of the posterior's variables.
    shape : (int, int)
        Chains and draws of each.
    judge : callable
        From P_s of the headline, (chain, draw), to what the gate says, as it stands in the table.
    state : ndarray (draw, state) or None
        Probability that d = 1, 2, … in the first week ahead, where it is known already.
    khat : float or None
        Of the weights by which the draws were chosen; None of draws that were sampled.
    more : ndarray (horizon,) or None
        By how much the mean of P_s over all draws of the fit exceeds that over the stored ones: what keeping only some of them has taken away.
    """

    draws: dict[str, Array]
    shape: tuple[int, int]
    judge: Callable[[xr.DataArray], str]
    state: Array | None = None
    khat: float | None = None
    more: Array | None = None


Sampler = Callable[[ModelSpec, Which, FitSettings, int], Sampled]


@dataclass(frozen=True)
class Task:
    """What one origin's forecasts are made from.

    Parameters
    ----------
    workspace : Workspace
    vintage : Vintage
        What was known on the origin, a Sunday: all that a forecast sees.
    kind : {"as_of", "final"}
        The vintage's name.
    priors : Priors
    settings : FitSettings
    seed : int
        With the origin it makes the seeds of the fits, so that no origin depends on which others are made.
    fits : sequence of (name, variant, reading)
    inputs : str
        Hash of all this.
    cores : int
        Threads of the sampler.
    keep : bool
        Whether another vintage of the same origin may want draws of the fits.
    reuse : bool
        Whether draws of the origin's fits to what was known then are to be had, and serve where they will do.
    base : Base or None
        Those draws, once they are read.
    """

    workspace: Workspace
    vintage: Vintage
    kind: str
    priors: Priors
    settings: FitSettings
    seed: int
    fits: Sequence[Which]
    inputs: str
    cores: int = 1
    keep: bool = False
    reuse: bool = False
    base: Base | None = None


@dataclass(frozen=True)
class Kept:
    """Draws of one origin's fits.

    Parameters
    ----------
    spec : ModelSpec
        What was fitted.
    fits : dict of StoredFit
        By the name of the fit.
    gates : dict of str
        What the gate says of each.
    """

    spec: ModelSpec
    fits: dict[str, StoredFit]
    gates: dict[str, str]


@dataclass(frozen=True)
class AtOrigin:
    """What was forecast at one origin.

    Parameters
    ----------
    units : list of Unit
    arrays : dict of ndarray
        By "<fit>.<what>": PATTERNS and, of fits, RECORD in single precision, the posterior means of what has no dim of weeks, and KHAT.
    kept : Kept or None
        Draws of the fits, where another vintage of the same origin may want them.
    """

    units: list[Unit]
    arrays: dict[str, NDArray[Any]]
    kept: Kept | None = None


def by_fitting(cores: int = 1) -> Sampler:
    """A sampler that fits."""

    def sample(spec: ModelSpec, which: Which, settings: FitSettings, seed: int) -> Sampled:
        name, variant, reading = which
        tree = sample_posterior(spec, variant, reading, settings, seed, cores=cores)  # type: ignore[arg-type]
        posterior = tree["posterior"].to_dataset()
        stats = tree["sample_stats"].to_dataset()
        judged = posterior
        shape = (posterior.sizes[names.CHAIN], posterior.sizes[names.DRAW])
        return Sampled(flatten_draws(posterior), shape, lambda headline: gate_in_words(judge_fit(name, judged, stats, headline)))

    return sample


def gate_in_words(verdict: Verdict) -> str:
    """What the gate says, as it stands in the table."""
    return PASSED if verdict.passed else f"{FAILED}: {'; '.join(map(str, verdict.failures))}"


def forecast_at(task: Task, sampler: Sampler | None = None) -> AtOrigin:
    """All forecasts of an origin.

    Parameters
    ----------
    task : Task
    sampler : callable, optional
        Where draws come from; by default they are sampled.

    Raises
    ------
    LookAheadError
        If the vintage holds anything published after its origin.
    RipenessError
        If no round was on record by the origin.
    """
    sampler = sampler or by_fitting(task.cores)
    spec, announcements = build_spec(task.workspace, task.vintage, task.priors)
    if spec.panel.origin_inside_week:
        raise ValueError(f"the origin {spec.panel.origin} is no Sunday: the weeks after it would not be whole")
    sequence = np.random.SeedSequence([task.seed, spec.panel.origin.toordinal()])
    units: list[Unit] = []
    arrays: dict[str, NDArray[Any]] = {}
    forecasts = {}
    for which, own in zip(task.workspace.fits, sequence.spawn(len(task.workspace.fits)), strict=True):
        if which in task.fits:
            forecasts[which[0]] = _forecast_fit(task, spec, which, announcements, own, sampler, arrays)
            units += forecasts[which[0]].units(task)
    if all(name in forecasts for name in task.workspace.headline_fits):
        weights = task.workspace.mixture.weights
        mixed = _mix([forecasts[name] for name in weights], list(weights.values()))
        units += mixed.units(task)
        # of rungs the outside view is that of the same fits with the conditions as over the long run
        outside = {rung: (*base, mixed.rungs[rung][2]) for rung, base in mixed.bases.items()}
        units += _rung_units(task, outside, {"forecaster": names.OUTSIDE, "vintage": task.kind, "gate": mixed.gate, "inputs": task.inputs})
    longest = max(spec.workspace.question.horizons_weeks)
    units += [_with_inputs(unit, task) for unit in baseline_units(task.vintage, spec.workspace.question, longest, task.kind)]
    units += [_with_inputs(unit, task) for unit in rung_baselines(spec, task.kind)]
    stored = {name: forecast.kept for name, forecast in forecasts.items() if forecast.kept is not None}
    return AtOrigin(units, arrays, Kept(spec, stored, {name: forecasts[name].gate for name in stored}) if stored else None)


@dataclass(frozen=True)
class _Forecast:
    """One forecaster's numbers: P, its draws P_s and its Monte Carlo error, the weekly hazards, and the weeks of the block given every history.

    Of each rung P (time,), P_s (draw, time) and the Monte Carlo error (time,); and P and P_s with the conditions as over the long run.
    """

    name: str
    mean: Array
    within: Array
    mcse: Array
    silent: Array
    given: dict[tuple[int, str], float]
    gate: str
    kept: StoredFit | None = None
    rungs: Mapping[str, tuple[Array, Array, Array]] = field(default_factory=dict)
    bases: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)

    def units(self, task: Task) -> list[Unit]:
        """As rows, in the order of the table."""
        question, origin = task.workspace.question, task.vintage.origin
        common: dict[str, Any] = {"forecaster": self.name, "vintage": task.kind, "gate": self.gate, "inputs": task.inputs}
        briefly = common | {"gate": self.gate if self.gate == PASSED else FAILED}
        units = []
        for place, weeks in enumerate(question.horizons_weeks):
            probabilities = self.within[:, place]
            lower, upper = map(float, np.quantile(probabilities, [LOWER, UPPER]))
            numbers: dict[str, Any] = {
                "probability": float(self.mean[place]),
                "lower": lower,
                "upper": upper,
                "mcse": float(self.mcse[place]),
            }
            units.append(Unit(question.id, origin, weeks, target_date(origin, weeks), "", **common, **numbers))
        for (ahead, given), probability in self.given.items():
            units.append(Unit(WEEK, origin, ahead, _sunday(origin, ahead), given, probability=probability, **briefly))
        for ahead in range(BLOCK_WEEKS + 1, len(self.silent) + 1):
            probability = float(self.silent[ahead - 1])
            units.append(Unit(WEEK, origin, ahead, _sunday(origin, ahead), SILENT, probability=probability, **briefly))
        return [*units, *_rung_units(task, self.rungs, common)]


def _rung_units(task: Task, rungs: Mapping[str, tuple[Array, Array, Array]], common: Mapping[str, Any]) -> list[Unit]:
    """Rows of the rungs over their own horizons, from P (time,), P_s (draw, time) and the error (time,)."""
    workspace, origin = task.workspace, task.vintage.origin
    units = []
    for rung in workspace.rungs if rungs else ():
        mean, within, mcse = rungs[rung.id]
        for weeks in rung.horizons_weeks or workspace.question.horizons_weeks:
            h = workspace.rung_horizons.index(weeks)
            lower, upper = map(float, np.quantile(within[:, h], [LOWER, UPPER]))
            numbers: dict[str, Any] = {"probability": float(mean[h]), "lower": lower, "upper": upper, "mcse": float(mcse[h])}
            units.append(Unit(rung.id, origin, weeks, target_date(origin, weeks), "", **common, **numbers))
    return units


def _look_at_rungs(
    spec: ModelSpec, ahead: Ahead, shape: tuple[int, int], seed: np.random.SeedSequence
) -> tuple[dict[str, tuple[Array, Array, Array]], dict[str, tuple[Array, Array]]]:
    """What `_Forecast` has of rungs; empty where there are none."""
    if ahead.rungs is None:
        return {}, {}
    ids, (within, variance, base) = spec.workspace.rung_ids, ladder_probabilities(spec, ahead, seed)
    of_chains = xr.Dataset(
        {rung: ((names.CHAIN, names.DRAW, names.OUTCOME_HORIZON), within[:, r].reshape(*shape, -1)) for r, rung in enumerate(ids)}
    )
    mcse = az.mcse(of_chains)
    mean, base_mean = within.mean(axis=0), base.mean(axis=0)
    found = {rung: (mean[r], without_path_noise(within[:, r], variance[:, r]), mcse[rung].to_numpy()) for r, rung in enumerate(ids)}
    return found, {rung: (base_mean[r], base[:, r]) for r, rung in enumerate(ids)}


def _forecast_fit(
    task: Task,
    spec: ModelSpec,
    which: Which,
    announcements: list[Announcement],
    sequence: np.random.SeedSequence,
    sampler: Sampler,
    arrays: dict[str, NDArray[Any]],
) -> _Forecast:
    name, variant, _ = which
    sampling, forward, events = sequence.spawn(3)
    sampled = sampler(spec, which, task.settings, int(sampling.generate_state(1)[0]))
    draws = sampled.draws
    ahead = build_ahead(spec, variant, draws, announcements, task.settings.future_paths, forward, sampled.state)  # type: ignore[arg-type]
    found = forecast_probabilities(ahead)
    question = spec.workspace.question
    by_chain = found.within.reshape(*sampled.shape, -1)
    headline = by_chain[..., question.horizons_weeks.index(question.headline_weeks)]
    gate = sampled.judge(xr.DataArray(headline, dims=(names.CHAIN, names.DRAW)))
    patterns = pattern_probabilities(ahead)
    arrays[f"{name}.{PATTERNS}"] = patterns.reshape(*sampled.shape, *patterns.shape[1:]).astype(np.float32)
    if sampled.state is None:  # draws of a fit, whose inside view stands in them from the first week on
        arrays[f"{name}.{RECORD}"] = _by_block(Record().of_rounds(spec, draws)).reshape(*sampled.shape, -1).astype(np.float32)
    if sampled.khat is not None:
        arrays[f"{name}.{KHAT}"] = np.array(sampled.khat)
    survival = 1.0 - found.by_week.mean(axis=0)
    silent = 1.0 - survival / np.concatenate([[1.0], survival[:-1]])
    within = without_path_noise(found.within, found.path_variance)
    if sampled.more is not None:
        within = np.clip(within + sampled.more, 0.0, 1.0)
    of_chains = xr.Dataset({"within": ((names.CHAIN, names.DRAW, names.HORIZON), by_chain)})
    mcse = az.mcse(of_chains)["within"].to_numpy()
    kept = None
    if task.keep:
        anchors = tuple(Anchor(float(mean), float(error)) for mean, error in zip(found.within.mean(axis=0), mcse, strict=True))
        place = question.horizons_weeks.index(question.headline_weeks)
        effective = float(az.ess(of_chains)["within"].to_numpy()[place])
        kept = store_fit(spec, task.vintage, variant, which[2], draws, found.within, anchors, effective, place)  # type: ignore[arg-type]
    rungs, bases = _look_at_rungs(spec, ahead, sampled.shape, events)
    given = week_given(patterns.mean(axis=0))
    return _Forecast(name, within.mean(axis=0), within, mcse, silent, given, gate, kept, rungs, bases)


def _by_block(log_likelihood: Array) -> Array:
    """Sums of (draw, week at risk) over blocks of four weeks back from the last one, in the order of time: (draw, block)."""
    draws, weeks = log_likelihood.shape
    whole = log_likelihood[:, weeks % BLOCK_WEEKS :]
    return whole.reshape(draws, -1, BLOCK_WEEKS).sum(axis=2)


def _mix(parts: Sequence[_Forecast], weights: Sequence[float]) -> _Forecast:
    """The headline's mixture: means of probabilities, pooled draws."""
    survival = np.average([np.cumprod(1.0 - part.silent) for part in parts], axis=0, weights=weights)
    silent = 1.0 - survival / np.concatenate([[1.0], survival[:-1]])
    failed = [f"{part.name} {part.gate}" for part in parts if part.gate != PASSED]
    return _Forecast(
        names.MIXTURE,
        np.average([part.mean for part in parts], axis=0, weights=weights),
        pool_draws([part.within for part in parts], weights),
        mixed_error([part.mcse for part in parts], weights),
        silent,
        {unit: float(np.average([part.given[unit] for part in parts], weights=weights)) for unit in parts[0].given},
        ", ".join(failed) or PASSED,
        rungs={
            rung: (
                np.average([part.rungs[rung][0] for part in parts], axis=0, weights=weights),
                pool_draws([part.rungs[rung][1] for part in parts], weights),
                mixed_error([part.rungs[rung][2] for part in parts], weights),
            )
            for rung in parts[0].rungs
        },
        bases={
            rung: (
                np.average([part.bases[rung][0] for part in parts], axis=0, weights=weights),
                pool_draws([part.bases[rung][1] for part in parts], weights),
            )
            for rung in parts[0].bases
        },
    )


def _with_inputs(unit: Unit, task: Task) -> Unit:
    return Unit(**{**unit.__dict__, "inputs": task.inputs})


def _sunday(origin: date, ahead: int) -> date:
    return origin + timedelta(days=7 * ahead)


def by_weighting(base: Base, otherwise: Sampler) -> Sampler:
    """A sampler that chooses among stored draws, where these will do.

    Parameters
    ----------
    base : Base
        Draws of the origin's fits, as :func:`ripeness.evaluation.backtest.store_origin` leaves them.
    otherwise : Sampler
        Where they will not do.
    """

    def sample(spec: ModelSpec, which: Which, settings: FitSettings, seed: int) -> Sampled:
        fit, old = base.fits[which[0]], base_spec(spec, base)
        if beyond_window(old, spec, fit.window):
            return otherwise(spec, which, settings, seed)
        redraw, choice = np.random.SeedSequence(seed).spawn(2)
        updated = update_fit(old, spec, fit, redraw)
        if untrustworthy(updated.weights):
            return otherwise(spec, which, settings, seed)
        question = spec.workspace.question
        before = fit.within[:, question.horizons_weeks.index(question.headline_weeks)]
        chosen = choose_by_weight(updated.weights.values, before, np.random.default_rng(choice).random())
        draws = {name: values[chosen] for name, values in updated.draws.items()}
        gate = str(base.about["gates"][which[0]])
        more = np.array([anchor.mean for anchor in fit.anchors]) - fit.within.mean(axis=0)
        return Sampled(draws, (1, len(chosen)), lambda _: gate, updated.state[chosen], updated.weights.khat, more)

    return sample
