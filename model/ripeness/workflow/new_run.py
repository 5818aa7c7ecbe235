"""A run from new fits, before anything is written, and the tree of draws that is stored of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.calendar import to_datetime64
from ripeness.data.quality import Flag, flag_vintage
from ripeness.data.vintages import Vintage
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.horizons import Probabilities
from ripeness.forecast.mixture import mixed_error
from ripeness.inference.checks import flag_errors, flag_fits
from ripeness.inference.storage import as_stored
from ripeness.model.meetings import Announcement
from ripeness.model.spec import ModelSpec
from ripeness.reweighting.reweighted import StoredFit
from ripeness.workspace import Workspace

if TYPE_CHECKING:
    from ripeness.inference.gate import Verdict

Array = NDArray[np.float64]


class Answer(NamedTuple):
    """What one fit says of one question.

    Parameters
    ----------
    draws : ndarray (draw, horizon)
        Probabilities, each draw counting alike; path noise taken out.
    mean, error : ndarray (horizon,)
        Their mean and its Monte Carlo error.
    """

    draws: Array
    mean: Array
    error: Array


class BridgeAnswer(NamedTuple):
    """What one fit says of a bridge: its answer, of one time, and the probability of each draw at the base rate (draw,)."""

    answer: Answer
    base: Array


def answer_of(values: Array, seen: Array) -> Answer:
    """The answer of a new fit's draws (chain, draw, horizon), with the Monte Carlo error of the mean of what was `seen` of them."""
    import arviz as az

    by_chain = xr.Dataset({"seen": ((names.CHAIN, names.DRAW, names.HORIZON), seen)})
    return Answer(values.reshape(-1, values.shape[-1]), seen.mean(axis=(0, 1)), az.mcse(by_chain)["seen"].values)


@dataclass(frozen=True)
class Fitted:
    """One fit with its forecast.

    Parameters
    ----------
    name, variant, reading : str
    groups : dict of Dataset
        ArviZ groups.
    verdict : Verdict
    attempts : int
    ahead : Ahead
    probabilities : Probabilities
    within, sustained : ndarray (chain, draw, horizon)
        P of a round with path noise taken out, and P of a sustained process without that of its futures.
    counted : ndarray (chain, draw, horizon)
        Share of a draw's futures with a sustained process.
    usual : ndarray (draw,) or None
        Mean of the inside view's multiplier over the weeks on record; None of the outside variant.
    base : StoredFit
        What is kept of it for updates.
    rungs, rung_bases : dict of ndarray (chain, draw, time)
        Of each rung P of at least one event, path noise taken out, and P with the conditions as over the long run; empty in the outside variant.
    bridges : dict of BridgeAnswer
        By their ids; empty in the outside variant.
    """

    name: str
    variant: str
    reading: str
    groups: Mapping[str, xr.Dataset]
    verdict: Verdict
    attempts: int
    ahead: Ahead
    probabilities: Probabilities
    within: Array
    sustained: Array
    counted: Array
    usual: Array | None
    base: StoredFit
    rungs: Mapping[str, Array] = field(default_factory=dict)
    rung_bases: Mapping[str, Array] = field(default_factory=dict)
    bridges: Mapping[str, BridgeAnswer] = field(default_factory=dict)

    def answer(self, question: str) -> Answer:
        """What the fit says of a round within each horizon ("within"), of a sustained process ("sustained"), or of a rung by its id."""
        values: Array = self.rungs[question] if question in self.rungs else getattr(self, question)
        return answer_of(values, self.counted if question == names.SUSTAINED else values)  # the noise of futures is part of their error

    def rung_base(self, rung: str) -> Array:
        """Of each draw the probability of a rung within each time with the conditions as over the long run: (draw, time)."""
        return self.rung_bases[rung].reshape(-1, self.rung_bases[rung].shape[-1])


@dataclass(frozen=True)
class NewRun:
    """A run from new fits, before anything is written."""

    spec: ModelSpec
    vintage: Vintage
    announcements: list[Announcement]
    fits: dict[str, Fitted]
    graph: dict[str, Any]
    reference_log_probability: float

    @property
    def passed(self) -> bool:
        """Whether the fits behind the headline and the outside view passed the gate, and no flag withholds the number."""
        judged = all(self.fits[name].verdict.passed for name in (*self.spec.workspace.headline_fits, names.OUTSIDE))
        return judged and not any(flag.withholds for flag in self.flags)

    @cached_property
    def flags(self) -> list[Flag]:
        """What a reader must know besides: of the data, of the fits behind the headline, of the error of its probabilities."""
        headline = [self.fits[name] for name in self.spec.workspace.headline_fits]
        errors = headline_errors(self.spec.workspace, {fit.name: fit.answer("within") for fit in headline})
        return [*flag_vintage(self.vintage), *flag_fits([fit.groups for fit in headline]), *flag_errors(errors)]


def headline_errors(workspace: Workspace, answers: Mapping[str, Answer]) -> dict[str, float]:
    """Monte Carlo error of the headline's mixture, by what its probability is of; from what its fits say of a round within each horizon."""
    weights = workspace.mixture.weights
    errors = mixed_error([answers[name].error for name in weights], list(weights.values()))
    return {f"of {weeks} weeks": float(error) for weeks, error in zip(workspace.question.horizons_weeks, errors, strict=True)}


def build_tree(new: NewRun, attributes: Mapping[str, Any]) -> xr.DataTree:
    """All draws of a run as one tree, as it is written: a group for each fit, and the indicators in the units of their factors."""
    content: dict[str, xr.Dataset] = {"/": xr.Dataset(attrs=dict(attributes))}
    library = {"creation_library": "ripeness", "creation_library_version": version("ripeness"), "creation_library_language": "Python"}
    for name, fitted in new.fits.items():
        about = library | {"variant": fitted.variant, "reading": fitted.reading}
        content[f"/{name}"] = xr.Dataset(attrs=about)
        for group, dataset in {**fitted.groups, **_predictions(new, fitted)}.items():
            content[f"/{name}/{group}"] = as_stored(group, dataset, about)
    content[f"/{names.DATA_GROUP}"] = as_stored(names.DATA_GROUP, data_table(new.spec, new.vintage), library)
    return xr.DataTree.from_dict(content)


def _predictions(new: NewRun, fitted: Fitted) -> dict[str, xr.Dataset]:
    """What a fit's draws say of the weeks ahead, and how the horizons lie in them."""
    found, ahead = fitted.probabilities, fitted.ahead
    question = new.spec.workspace.question
    shape = fitted.within.shape[:2]
    coords: dict[str, Any] = {names.HORIZON: question.horizons_weeks, names.AHEAD: to_datetime64(ahead.weeks)}
    by_horizon = {"within": fitted.within, "sustained": fitted.sustained}
    by_week = {"hazard_ahead": found.hazard, "by_week": found.by_week, "multiplier_ahead": found.multiplier}
    variables: dict[str, Any] = {name: ((names.CHAIN, names.DRAW, names.HORIZON), values) for name, values in by_horizon.items()}
    variables |= {name: ((names.CHAIN, names.DRAW, names.AHEAD), values.reshape(*shape, -1)) for name, values in by_week.items()}
    targets = to_datetime64([new.spec.panel.origin + timedelta(weeks=weeks) for weeks in question.horizons_weeks])
    constant = {"target_end_date": ((names.HORIZON,), targets), "horizon_share": ((names.HORIZON, names.AHEAD), ahead.horizon_share)}
    ladder: dict[str, Any] = {}
    if fitted.rungs:
        stacked = np.stack(list(fitted.rungs.values()), axis=2)
        variables[names.RUNGS] = ((names.CHAIN, names.DRAW, names.OUTCOME, names.OUTCOME_HORIZON), stacked)
        ladder = {names.OUTCOME: list(fitted.rungs), names.OUTCOME_HORIZON: new.spec.workspace.rung_horizons}
    draws = {dim: np.arange(size) for dim, size in zip((names.CHAIN, names.DRAW), shape, strict=True)}
    return {
        names.PREDICTIONS: xr.Dataset(variables, coords=coords | ladder | draws),
        f"{names.PREDICTIONS}_constant_data": xr.Dataset(constant, coords=coords),
    }


def data_table(spec: ModelSpec, vintage: Vintage) -> xr.Dataset:
    """Every visible value of every indicator, in natural units and in units of its factor: (observation,)."""
    indicator: list[str] = []
    columns: dict[str, list[Array]] = {"observed_on": [], "published_on": [], "value": [], "scaled": []}
    for name in spec.panel.indicators:
        rows = vintage.values[name]
        indicator += [name] * len(rows)
        columns["observed_on"].append(rows["observed_on"].to_numpy("datetime64[ns]"))
        columns["published_on"].append(rows["published_on"].to_numpy("datetime64[ns]"))
        columns["value"].append(rows["value"].to_numpy(float))
        columns["scaled"].append(spec.contracts[name].transformed(rows["value"].to_numpy(float)))
    table = {key: ((names.OBSERVATION,), np.concatenate(parts)) for key, parts in columns.items()}
    return xr.Dataset({names.INDICATOR: ((names.OBSERVATION,), np.array(indicator, dtype=object)), **table})
