r"""Scenarios: what the forecast would be on other paths of the factors, with the same draws and the same random numbers in every arm.

Two verbs, which are not the same (a third, of the past, is in :mod:`ripeness.attribution.counterfactual`):

*do*      a factor is held on a path from outside; parameters and all other factors are as they are. What follows is the path's effect, as the model has it.
*given*   rows of indicators come in that say so; what they say flows back to the factor, to parameters, and through these to everything else.

A held factor goes on from where it was held once it is let go, with every later week's shock kept:

.. math:: z'_t = \varphi z'_{t-1} + (z_t - \varphi z_{t-1})

How plausible a scenario is: the share of simulated futures that stray as far by themselves.

*Given*: rows of indicators that are made up as a scenario states them, and what they say of a stored fit's draws.

Made-up rows come in as real ones would: each factor they speak of is drawn anew under them, from the window on, so that what they say reaches back into
the record's last weeks, to the rounds there and to every parameter through the draws' weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ripeness import names
from ripeness.attribution.futures import Futures, Origin, log_odds, mean_over_fits, seeds_of, simulate, start_from, with_factors
from ripeness.attribution.scenario_file import Path, Scenario
from ripeness.data.indicators import Contract
from ripeness.data.panel import OBSERVED_AS
from ripeness.forecast.ahead import horizon_shares
from ripeness.forecast.ladder import rung_probabilities
from ripeness.forecast.mixture import mixed_error, pool_draws
from ripeness.forecast.simulate import keep_shocks
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.factor_paths import persistence
from ripeness.model.terms.loadings import factor_scales
from ripeness.model.terms.slow_levels import levels_in
from ripeness.reweighting.paths import Redrawn, redraw_path
from ripeness.reweighting.reweighted import StoredFit, Updated, weigh
from ripeness.reweighting.stored import base_spec
from ripeness.reweighting.window import Key, read_parameters, rows_by_factor

Array = NDArray[np.float64]
Draws = Mapping[str, Array]
GIVEN_PATHS: Final = 4
LOWER, UPPER = 0.05, 0.95
POINTS: Final = 100.0


@dataclass(frozen=True)
class Contrast:
    """A scenario beside the forecast, for one horizon.

    Parameters
    ----------
    weeks : int
    forecast, scenario : float
        Probabilities.
    change : float
        Their difference in percentage points.
    lower, upper : float or None
        Its 5–95 % range over draws; None where the arms' draws are no pairs.
    mcse : float
        Monte Carlo error of the change, in points; see :func:`error_of_mean`.
    """

    weeks: int
    forecast: float
    scenario: float
    change: float
    lower: float | None
    upper: float | None
    mcse: float


@dataclass(frozen=True)
class ScenarioResult:
    """What follows from a scenario.

    Parameters
    ----------
    contrasts : list of Contrast
        By horizon.
    by_week : ndarray (2, ahead)
        Probability of a round by each week: as forecast, in the scenario.
    conditions : dict of (float, float)
        Mean chance that each condition is open in the last week held: as forecast, in the scenario.
    plausible : float
        Share of futures that stray as far by themselves, whichever way.
    rungs : dict of (int, float, float)
        Of each rung a horizon, the headline's or else its longest, and its probability: as forecast, in the scenario.
    """

    contrasts: list[Contrast]
    by_week: Array
    conditions: Mapping[str, tuple[float, float]]
    plausible: float
    rungs: Mapping[str, tuple[int, float, float]]


def run_scenario(origin: Origin, scenario: Scenario, given: bool = False) -> ScenarioResult:
    """What follows from a scenario.

    Parameters
    ----------
    origin : Origin
    scenario : Scenario
    given : bool
        Whether its values come in as rows, instead of being done.

    Raises
    ------
    ValueError
        If values are to be given for a path that is stated in units: there is no series to say it.
    """
    spec, arms, opened, tails = origin.spec, list[tuple[Futures, Futures]](), [], []
    last = max(path.to_week for path in scenario.paths)
    for name, as_is in origin.futures.items():
        targets = targets_of(spec, as_is.start.draws, scenario.paths)
        other = _given(origin, name, scenario) if given else with_factors(spec, as_is, hold_factors(as_is, scenario.paths, targets))
        arms.append((as_is, other))
        tails.append(tail_probability(as_is, scenario.paths, targets))
        if as_is.start.variant == names.CONJUNCTIVE:
            opened.append([mean_chances(spec, one, last) for one in (as_is, other)])
    contrasts = [_contrast(spec, arms, h, not given) for h in range(len(spec.workspace.question.horizons_weeks))]
    starts = [as_is.start for as_is, _ in arms]
    by_week = np.array([mean_over_fits([pair[arm].probabilities.by_week.mean(axis=0) for pair in arms], starts) for arm in range(2)])
    # only of the conjunctive form may a condition be said to be open
    before, after = mean_over_fits(opened, [start for start in starts if start.variant == names.CONJUNCTIVE])
    conditions = {name: (float(before[c]), float(after[c])) for c, name in enumerate(spec.workspace.condition_ids)}
    return ScenarioResult(contrasts, by_week, conditions, float(mean_over_fits(tails, starts)), _of_rungs(origin, arms))


def _of_rungs(origin: Origin, arms: Sequence[tuple[Futures, Futures]]) -> dict[str, tuple[int, float, float]]:
    """Of each rung a horizon and its probability as forecast and in the scenario, by the same futures but for what is done."""
    workspace, origin_day = origin.spec.workspace, origin.spec.panel.origin
    headline = workspace.question.headline_weeks
    asked = {rung.id: rung.horizons_weeks or workspace.question.horizons_weeks for rung in workspace.rungs}
    if not asked:
        return {}
    seed = np.random.SeedSequence([origin.seed, origin_day.toordinal()])
    shares = horizon_shares(origin_day, workspace.rung_horizons, len(arms[0][0].ahead.weeks))
    ids = list(asked)
    starts = [as_is.start for as_is, _ in arms]
    before, after = (
        mean_over_fits([rung_probabilities(pair[arm].ahead, ids, shares, seed)[0].mean(axis=0) for pair in arms], starts)
        for arm in range(2)
    )
    found = {}
    for place, (rung, horizons) in enumerate(asked.items()):
        weeks = headline if headline in horizons else horizons[-1]
        h = workspace.rung_horizons.index(weeks)
        found[rung] = (weeks, float(before[place, h]), float(after[place, h]))
    return found


def targets_of(spec: ModelSpec, draws: Draws, paths: Sequence[Path], week: int = -1) -> list[tuple[int, Array]]:
    """Of each path the factor's place and the value in the factor's units, (draw,): levels differ between draws, and are those of a week."""
    levels = levels_in(spec, draws, [spec.panel.weeks[week]])[..., 0]
    scales, references = factor_scales(spec, draws), references_of(spec)
    found = []
    for path in paths:
        k = spec.workspace.factor_ids.index(path.factor)
        if path.units is not None:
            found.append((k, np.full(len(draws["half_life"]), path.units)))
            continue
        found.append((k, in_scales(references[path.factor], path.value or 0.0) / scales[:, k] - levels[:, k]))
    return found


def references_of(spec: ModelSpec) -> dict[str, Contract]:
    """The contract of each factor's reference indicator, which sets its scale; of factors that have one."""
    return {contract.factor: contract for contract in spec.contracts.values() if contract.reference}


def in_scales(contract: Contract, value: float) -> float:
    """A value in scales of its indicator; of a count the rate that it stands for, which unlike a count may be less than a half."""
    if contract.is_count:
        return float(np.log(value / contract.centre) / contract.scale) * (1.0 if contract.sign == "+" else -1.0)
    return float(contract.transformed(value))


def change_path(path: Array, phi: Array, paths: Sequence[Path], targets: Sequence[tuple[int, Array]], start: int) -> Array:
    """Paths held where a scenario holds them, with every other week's shock kept.

    Parameters
    ----------
    path : ndarray (draw, …, factor, week)
    phi : ndarray (draw, factor)
    paths : sequence of Path
    targets : sequence of (int, ndarray (draw,))
        Place of each path's factor, and the value that it is held at.
    start : int
        Index of the week before the scenario's first.
    """
    changed = path.copy()
    beside = (slice(None), *(None,) * (path.ndim - 3))  # a draw's number beside all its paths
    for k in dict.fromkeys(place for place, _ in targets):
        own = [(one, value[beside]) for one, (place, value) in zip(paths, targets, strict=True) if place == k]

        def hold(week: int, z: Array, own: list[tuple[Path, Array]] = own) -> None:
            for one, value in own:
                if one.from_week <= week <= one.to_week:
                    z[...] = value

        changed[..., k, :] = keep_shocks(path[..., k, :], phi[:, k][beside], start, hold)
    return changed


def hold_factors(futures: Futures, paths: Sequence[Path], targets: Sequence[tuple[int, Array]]) -> Array:
    """Factors held on paths: (draw, path, factor, week)."""
    phi = persistence(futures.start.draws["half_life"])
    return change_path(futures.factors, phi, paths, targets, futures.stored - 1)


def tail_probability(futures: Futures, paths: Sequence[Path], targets: Sequence[tuple[int, Array]]) -> float:
    """Share of futures whose means over the weeks of the paths lie, all together, at least as far from where they are expected as the targets do.

    Far in units of how much such means differ between futures (Mahalanobis 1936, "On the generalised distance in statistics").
    """
    weeks = [slice(min(futures.stored + one.from_week, futures.factors.shape[-1]) - 1, futures.stored + one.to_week) for one in paths]
    means = np.stack([futures.factors[:, :, k, some].mean(axis=-1) for some, (k, _) in zip(weeks, targets, strict=True)], axis=-1)
    held = np.stack([np.broadcast_to(value[:, None], means.shape[:2]) for _, value in targets], axis=-1)
    flat = means.reshape(-1, len(paths))
    inverse = np.linalg.pinv(np.atleast_2d(np.cov(flat, rowvar=False)))
    far, asked = (np.einsum("smp,pq,smq->sm", off, inverse, off) for off in (means - flat.mean(axis=0), held - flat.mean(axis=0)))
    return float((far >= asked).mean())


def mean_chances(spec: ModelSpec, futures: Futures, week: int) -> Array:
    """Mean chance that each condition is open, (condition,), by the factors at the end of a week ahead, or of the last that is simulated."""
    first = futures.ahead.inside.shape[-1] - (futures.factors.shape[-1] - futures.stored)  # among those that hazards read
    odds = log_odds(spec, futures)[..., : first + week]
    return np.asarray(expit(odds[..., -1]).mean(axis=(0, 1)))


def error_of_mean(values: Array, order: Array, effective: float) -> float:
    """Monte Carlo error of a mean over draws that were chosen evenly in an order.

    The draws chosen from, and what choosing some of them adds: neighbours in the order are alike but for what the order does not show (Wolter 2007,
    "Introduction to variance estimation", chapter 8: systematic samples, successive differences).

    Parameters
    ----------
    values, order : ndarray (draw,)
    effective : float
        Independent draws that those chosen from are worth.
    """
    steps = np.diff(values[np.argsort(order, kind="stable")])
    return float(np.sqrt(values.var() / effective + 0.5 * (steps**2).mean() / len(values)))


def contrast_of(weeks: int, arms: Sequence[tuple[Array, Array]], fits: Sequence[float], error: float, paired: bool = True) -> Contrast:
    """Both arms of one horizon, draw by draw; where draws were chosen anew they are no pairs, and no range is given.

    Parameters
    ----------
    weeks : int
    arms : sequence of (ndarray (draw,), ndarray (draw,))
        Of each fit.
    fits : sequence of float
        Weights of the fits in the headline.
    error : float
        Monte Carlo error of the change, a probability.
    paired : bool
    """
    before, after = (float(np.average([arm[place].mean() for arm in arms], weights=fits)) for place in range(2))
    low, high = (
        (float(end) for end in np.quantile(pool_draws([POINTS * (two - one) for one, two in arms], fits), [LOWER, UPPER]))
        if paired
        else (None, None)
    )
    return Contrast(weeks, before, after, POINTS * (after - before), low, high, POINTS * error)


def _contrast(spec: ModelSpec, arms: Sequence[tuple[Futures, Futures]], h: int, paired: bool) -> Contrast:
    question = spec.workspace.question
    headline, errors = question.horizons_weeks.index(question.headline_weeks), []
    for arm in arms:
        within, effective = [one.probabilities.within for one in arm], [one.start.effective for one in arm]
        if paired:
            errors.append(error_of_mean(within[1][:, h] - within[0][:, h], within[0][:, headline], effective[0]))
        else:
            own = [error_of_mean(one[:, h], one[:, headline], worth) for one, worth in zip(within, effective, strict=True)]
            errors.append(float(np.linalg.norm(own)))
    chances = [(one.probabilities.within[:, h], other.probabilities.within[:, h]) for one, other in arms]
    fits = [one.start.weight for one, _ in arms]
    return contrast_of(question.horizons_weeks[h], chances, fits, float(mixed_error(errors, fits)), paired)


def _given(origin: Origin, name: str, scenario: Scenario) -> Futures:
    """Futures of a fit reweighted by made-up rows, with the factors of these rows on the paths drawn under them."""
    spec, fit = origin.spec, origin.base.fits[name]
    redrawn, choice, forward = seeds_of(spec, name, origin.seed)
    updated, held = update_given(base_spec(spec, origin.base), spec, fit, scenario.paths, redrawn)
    draws = dict(updated.draws) | {f"held {k}": states for k, states in held.items()}
    start = start_from(fit, replace(updated, draws=draws), choice, forward, origin.starts[name].weight)

    def hold(week: int, factors: Array) -> None:
        for k in held:
            states = start.draws[f"held {k}"]
            if week <= states.shape[1]:
                factors[:, :, k] = states[:, week - 1][:, None]

    return simulate(spec, origin.announcements, start, GIVEN_PATHS, hold)


def update_given(
    old: ModelSpec, new: ModelSpec, fit: StoredFit, paths: Sequence[Path], seed: np.random.SeedSequence
) -> tuple[Updated, dict[int, Array]]:
    """A stored fit under a vintage and made-up rows for the weeks after it; without a path, what :func:`update_fit` gives, to the last bit.

    Parameters
    ----------
    old, new : ModelSpec
        Of the fit's vintage and of the one that the made-up rows follow.
    fit : StoredFit
    paths : sequence of Path
    seed : SeedSequence

    Returns
    -------
    updated : Updated
        Weighted by the made-up rows too; paths reach to the vintage's last week.
    held : dict of ndarray (draw, ahead)
        By factor its path through the weeks ahead that it has made-up rows of.

    Raises
    ------
    ValueError
        If a path is stated in units.
    """
    own, stretches = seed.spawn(2)
    path, parameters = np.asarray(fit.draws["path"], dtype=float), read_parameters(old, fit.draws)
    before, after = rows_by_factor(old), rows_by_factor(new)
    known = len(new.panel.weeks) - fit.window.stored
    redrawn, held_paths = [], dict[int, Array]()
    for k, seed_of_factor in enumerate(own.spawn(path.shape[1])):
        held = [one for one in paths if one.factor == new.workspace.factor_ids[k]]
        spec = _with_weeks(new, max((one.to_week for one in held), default=0))
        rows = dict(sorted({**after[k], **hypothetical_rows(new, held)}.items()))
        rng = np.random.default_rng(seed_of_factor)
        redrawn.append(redraw_path(old, spec, fit.window, k, (before[k], rows), path, parameters, rng))
        if held:
            held_paths[k] = redrawn[-1].path[:, known:]
    return weigh(old, new, fit, Redrawn.of(new, fit.window, redrawn), stretches), held_paths


def hypothetical_rows(spec: ModelSpec, paths: Sequence[Path]) -> dict[Key, tuple[float, ...]]:
    """Rows of reference indicators as they would come in on paths: one a week, or one for the stretch where a value describes months.

    Raises
    ------
    ValueError
        If a path is stated in units.
    """
    panel, found = spec.panel, dict[Key, tuple[float, ...]]()
    for path in paths:
        if path.value is None:
            raise ValueError(f"the path of {path.factor} is stated in units, not as values of an indicator: nothing could say it")
        name = next(one for one, contract in spec.contracts.items() if contract.factor == path.factor and contract.reference)
        i, contract = panel.indicators.index(name), spec.contracts[name]
        if contract.likelihood not in OBSERVED_AS:
            raise ValueError(f"{name} says what it says by the likelihood {contract.likelihood}, which no made-up row can be given in")
        first, last = len(panel.weeks) + path.from_week - 1, len(panel.weeks) + path.to_week - 1
        spans = [(first, last)] if contract.window in ("month", "quarter") else [(week, week) for week in range(first, last + 1)]
        for (one, other), row in zip(spans, _made_up_rows(spec, contract, name, path.value, len(spans)), strict=True):
            found[i, one, other] = row
    return found


def _made_up_rows(spec: ModelSpec, contract: Contract, name: str, value: float, rows: int) -> list[tuple[float, ...]]:
    """What so many rows say one after the other; whole counts that keep up with the rate."""
    if not contract.is_count:
        return [(float(contract.transformed(value)), 1.0, 0.0)] * rows
    eras = [place for place, (indicator, _) in enumerate(spec.panel.counted.eras) if indicator == name]
    counts = np.diff(np.floor(value * np.arange(rows + 1) + 0.5))
    return [(float(count), 0.0, float(eras[-1] if eras else len(spec.panel.counted.eras))) for count in counts]


def _with_weeks(spec: ModelSpec, more: int) -> ModelSpec:
    """The same with weeks added to the grid, in which nothing was looked for."""
    weeks = list(spec.panel.weeks)
    weeks += [weeks[-1] + timedelta(days=7 * week) for week in range(1, more + 1)]
    return replace(spec, panel=replace(spec.panel, weeks=tuple(weeks)))
