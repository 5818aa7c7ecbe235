"""A run without new fits: the draws of an older one reweighted by what is known now, every variant of it, and forecast from.

Each fit's draws are weighted (:mod:`ripeness.reweighting`); probabilities are means under the weights, with their Monte Carlo error. For ranges and
curves as many draws as are stored are then chosen in proportion to the weights, in the order of what they say of the headline, so that the choice adds
hardly any noise of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import to_datetime64
from ripeness.data.quality import Flag, flag_vintage
from ripeness.data.vintages import Vintage
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.bridges import bridge_probabilities
from ripeness.forecast.horizons import Probabilities, ladder_probabilities, sustained_probabilities, without_path_noise
from ripeness.forecast.mixture import mixed_error
from ripeness.inference.checks import CHECK, flag_errors
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec
from ripeness.reweighting.refusals import beyond_window, imprecise, untrustworthy
from ripeness.reweighting.reweighted import USUAL, StoredFit, look_ahead, update_fit
from ripeness.reweighting.stored import CORES, Base, base_spec
from ripeness.reweighting.weights import Weights, choose_by_weight, weighted_mean
from ripeness.reweighting.window import Window, rows_by_factor
from ripeness.workflow.new_run import Answer, BridgeAnswer, data_table, headline_errors

Array = NDArray[np.float64]
PATHS = 4  # simulated from each draw: a pair and another; what they leave of noise is taken out
FUTURES = 16  # simulated of each draw for the sustained process


@dataclass(frozen=True)
class Reweighted:
    """One stored fit under a new vintage; all arrays of draws are those chosen by weight, each counting alike.

    Parameters
    ----------
    name, variant, reading : str
    window : Window
    weights : Weights
        Of the stored draws.
    draws : dict of ndarray (draw, …)
        By the names of the posterior; `path` from week `window.stored` on.
    chance : ndarray (draw, week)
        Probability of a round in each week from `window.first` on, given the record before it.
    ahead : Ahead
    probabilities : Probabilities
    answers : dict of Answer
        "within", "sustained" and, by its id, each rung.
    rung_bases : dict of ndarray (draw, time)
        Of each rung P with the conditions as over the long run.
    bridges : dict of BridgeAnswer
        By their ids; empty in the outside variant.
    """

    name: str
    variant: str
    reading: str
    window: Window
    weights: Weights
    draws: Mapping[str, Array]
    chance: Array
    ahead: Ahead
    probabilities: Probabilities
    answers: Mapping[str, Answer]
    rung_bases: Mapping[str, Array]
    bridges: Mapping[str, BridgeAnswer]

    @property
    def usual(self) -> Array | None:
        """Mean of the inside view's multiplier over the weeks on record at the fit, (draw,); None of the outside variant."""
        return self.draws.get(USUAL)

    def answer(self, question: str) -> Answer:
        """What the fit says of a round within each horizon ("within"), of a sustained process ("sustained"), or of a rung by its id."""
        return self.answers[question]

    def rung_base(self, rung: str) -> Array:
        """Of each draw the probability of a rung within each time with the conditions as over the long run: (draw, time)."""
        return self.rung_bases[rung]


@dataclass(frozen=True)
class ReweightedRun:
    """An update, before anything is written.

    Parameters
    ----------
    rows : int
        Values that are new, revised or withdrawn since the fit.
    reasons : list of str
        Why it may not be published; none if it may.
    data_flags : list of Flag
        What the vintage shows by itself.
    """

    spec: ModelSpec
    vintage: Vintage
    announcements: list[Announcement]
    base: Base
    fits: dict[str, Reweighted]
    rows: int
    reasons: list[str]
    data_flags: list[Flag]

    @cached_property
    def flags(self) -> list[Flag]:
        """What a reader must know besides: of the data and of the error of the probabilities as they are now; what the fit could not reproduce."""
        errors = headline_errors(
            self.spec.workspace, {name: self.fits[name].answer("within") for name in self.spec.workspace.headline_fits}
        )
        checks = [Flag(**flag) for flag in self.base.summary["flags"] if flag["name"] == CHECK]
        return [*self.data_flags, *checks, *flag_errors(errors)]


def reweight_run(spec: ModelSpec, announcements: list[Announcement], vintage: Vintage, base: Base, seed: int) -> ReweightedRun:
    """Reweight a stored run to a new vintage.

    Parameters
    ----------
    spec : ModelSpec
        Of the new vintage; the workspace, priors and contracts are those of the base.
    announcements : list of Announcement
    vintage : Vintage
    base : Base
    seed : int

    Returns
    -------
    ReweightedRun
        Without fits where it is plain from the rows that only a new fit will do.
    """
    old = base_spec(spec, base)
    question = spec.workspace.question
    headline = question.horizons_weeks.index(question.headline_weeks)
    # a number that must be withheld is withheld by a new fit, which alone leaves the outside view in its place
    data_flags = flag_vintage(vintage)
    reasons = [flag.found for flag in data_flags if flag.withholds]
    reasons += beyond_window(old, spec, next(iter(base.fits.values())).window)
    before, after = rows_by_factor(old), rows_by_factor(spec)
    rows = sum(one.get(key) != other.get(key) for one, other in zip(before, after, strict=True) for key in {**one, **other})
    fits: dict[str, Reweighted] = {}
    if not reasons:
        seeds = np.random.SeedSequence([seed, spec.panel.origin.toordinal()]).spawn(len(base.fits))
        with ThreadPoolExecutor(CORES) as pool:
            # kernels and NumPy let go of Python's lock, and fits know nothing of each other
            waiting = [
                pool.submit(_reweight, old, spec, announcements, name, fit, headline, own)
                for (name, fit), own in zip(base.fits.items(), seeds, strict=True)
            ]
            fits = {name: one.result() for name, one in zip(base.fits, waiting, strict=True)}
        for fit in fits.values():
            reasons += untrustworthy(fit.weights)
        weights = spec.workspace.mixture.weights
        errors = {name: fit.answer("within").error[headline] for name, fit in fits.items()}
        reasons += imprecise("headline", float(mixed_error([errors[name] for name in weights], list(weights.values()))))
        reasons += imprecise("outside view", float(errors[names.OUTSIDE]))
    return ReweightedRun(spec, vintage, announcements, base, fits, rows, list(dict.fromkeys(reasons)), data_flags)


def _reweight(
    old: ModelSpec,
    new: ModelSpec,
    announcements: list[Announcement],
    name: str,
    fit: StoredFit,
    headline: int,
    seed: np.random.SeedSequence,
) -> Reweighted:
    paths, forward, events, choice = seed.spawn(4)
    updated = update_fit(old, new, fit, paths)
    all_ahead, found = look_ahead(new, fit, updated, announcements, PATHS, forward)
    weights = updated.weights
    both = [weighted_mean(found.within[:, h], weights, fit.within[:, h], anchor, fit.efficiency) for h, anchor in enumerate(fit.anchors)]
    chosen = choose_by_weight(weights.values, found.within[:, headline], np.random.default_rng(choice).random())
    ahead, probabilities = (
        _of_draws(all_ahead, chosen, ("state", "outside", "inside", "announced", "unannounced")),
        _of_draws(found, chosen),
    )
    draws = without_path_noise(probabilities.within, probabilities.path_variance)
    within = Answer(draws, np.array([mean for mean, _ in both]), np.array([error for _, error in both]))
    rungs, bases = ({}, {}) if all_ahead.rungs is None else _look_at_rungs(new, all_ahead, weights, chosen, events)
    return Reweighted(
        name=name,
        variant=fit.variant,
        reading=fit.reading,
        window=fit.window,
        weights=weights,
        draws={variable: values[chosen] for variable, values in updated.draws.items()},
        chance=updated.chance[chosen],
        ahead=ahead,
        probabilities=probabilities,
        answers={"within": within, "sustained": _sustained(new, ahead, weights, events), **rungs},
        rung_bases=bases,
        bridges={} if fit.variant == names.OUTSIDE else _look_at_bridges(new, all_ahead, weights, chosen, events),
    )


def _look_at_rungs(
    spec: ModelSpec, ahead: Ahead, weights: Weights, chosen: NDArray[np.intp], seed: np.random.SeedSequence
) -> tuple[dict[str, Answer], dict[str, Array]]:
    """What weighted draws say of each rung, and with the conditions as over the long run."""
    ids, (within, variance, base) = spec.workspace.rung_ids, ladder_probabilities(spec, ahead, seed)
    answers = {rung: _answer(within[:, r], variance[:, r], weights, chosen) for r, rung in enumerate(ids)}
    return answers, {rung: base[chosen, r] for r, rung in enumerate(ids)}


def _look_at_bridges(
    spec: ModelSpec, ahead: Ahead, weights: Weights, chosen: NDArray[np.intp], seed: np.random.SeedSequence
) -> dict[str, BridgeAnswer]:
    found = bridge_probabilities(spec, ahead, seed)
    answers = [_answer(found.within[:, [b]], found.variance[:, [b]], weights, chosen) for b in range(len(found.ids))]
    return {bridge: BridgeAnswer(answers[b], found.base[chosen, b]) for b, bridge in enumerate(found.ids)}


def _answer(within: Array, variance: Array, weights: Weights, chosen: NDArray[np.intp]) -> Answer:
    """The mean of weighted draws (draw, time) with its error, and those chosen by weight, path noise taken out."""
    mean = weights.values @ within
    error = np.sqrt(weights.values @ (within - mean) ** 2 / weights.effective)
    return Answer(without_path_noise(within[chosen], variance[chosen]), mean, error)


def _sustained(spec: ModelSpec, ahead: Ahead, weights: Weights, seed: np.random.SeedSequence) -> Answer:
    counted, draws = sustained_probabilities(ahead, spec.workspace.question, seed, FUTURES)
    return Answer(draws, counted.mean(axis=0), np.sqrt(counted.var(axis=0) / weights.effective))


def _of_draws[Content: (Ahead, Probabilities)](content: Content, chosen: NDArray[np.intp], names_of: tuple[str, ...] = ()) -> Content:
    """The same for some draws; `names_of` the arrays whose first axis they are, all unless given."""
    own = names_of or tuple(field.name for field in fields(content))
    return replace(content, **{name: getattr(content, name)[chosen] for name in own})


def build_reweighted_tree(new: ReweightedRun, attributes: Mapping[str, Any]) -> xr.DataTree:
    """What is stored of an update's draws: each fit's forecast, and the indicators in the units of their factors."""
    content: dict[str, xr.Dataset] = {"/": xr.Dataset(attrs=dict(attributes)), f"/{names.DATA_GROUP}": data_table(new.spec, new.vintage)}
    horizons = new.spec.workspace.question.horizons_weeks
    for name, fit in new.fits.items():
        found = fit.probabilities
        by_week = {"hazard_ahead": found.hazard, "by_week": found.by_week, "multiplier_ahead": found.multiplier}
        ladder = [rung for rung in new.spec.workspace.rung_ids if rung in fit.answers]
        variables: dict[str, Any] = {
            question: ((names.DRAW, names.HORIZON), answer.draws) for question, answer in fit.answers.items() if question not in ladder
        }
        coords: dict[str, Any] = {names.HORIZON: horizons, names.AHEAD: to_datetime64(fit.ahead.weeks)}
        if ladder:
            stacked = np.stack([fit.answers[rung].draws for rung in ladder], axis=1)
            variables[names.RUNGS] = ((names.DRAW, names.OUTCOME, names.OUTCOME_HORIZON), stacked)
            coords |= {names.OUTCOME: ladder, names.OUTCOME_HORIZON: new.spec.workspace.rung_horizons}
        content[f"/{names.REWEIGHTED_GROUP}/{name}"] = xr.Dataset(
            variables | {variable: ((names.DRAW, names.AHEAD), values.astype("float32")) for variable, values in by_week.items()},
            coords=coords,
            attrs={"variant": fit.variant, "reading": fit.reading},
        )
    return xr.DataTree.from_dict(content)
