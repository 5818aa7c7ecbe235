"""What a run has made, before anything is written, and the tree of draws that is stored of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
from ripeness.inference.checks import flag_errors, flag_fits
from ripeness.model.spec import ModelSpec
from ripeness.model.terms.announcements import Announcement
from ripeness.reweighting.reweighted import StoredFit

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
        P of a round with path noise taken out, and P of a sustained process.
    base : StoredFit
        What is kept of it for updates.
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
    base: StoredFit

    def answer(self, question: str) -> Answer:
        """What the fit says of a round within each horizon ("within"), or of a sustained process ("sustained")."""
        import arviz as az

        values: Array = getattr(self, question)
        by_chain = xr.Dataset({question: ((names.CHAIN, names.DRAW, names.HORIZON), values)})
        return Answer(values.reshape(-1, values.shape[-1]), values.mean(axis=(0, 1)), az.mcse(by_chain)[question].values)


@dataclass(frozen=True)
class MadeRun:
    """Everything that a run has made, before anything is written."""

    spec: ModelSpec
    vintage: Vintage
    announcements: list[Announcement]
    fits: dict[str, Fitted]
    graph: dict[str, Any]
    reference_log_probability: float

    @property
    def passed(self) -> bool:
        """Whether the fits behind the headline and the outside view passed the gate, and no flag withholds the number."""
        judged = all(self.fits[name].verdict.passed for name in (*names.HEADLINE_FITS, names.OUTSIDE))
        return judged and not any(flag.withholds for flag in self.flags)

    @cached_property
    def flags(self) -> list[Flag]:
        """What a reader must know besides: of the data, of the fits behind the headline, of the error of its probabilities."""
        headline = [self.fits[name] for name in names.HEADLINE_FITS]
        errors = mixture_errors([fit.answer("within") for fit in headline], self.spec.workspace.question.horizons_weeks)
        return [*flag_vintage(self.vintage), *flag_fits([fit.groups for fit in headline]), *flag_errors(errors)]


def mixture_errors(parts: Sequence[Answer], horizons_weeks: Sequence[int]) -> dict[str, float]:
    """Monte Carlo error of the even mixture of fits, by what its probability is of."""
    errors = np.sqrt(np.sum([part.error**2 for part in parts], axis=0)) / len(parts)
    return {f"of {weeks} weeks": float(error) for weeks, error in zip(horizons_weeks, errors, strict=True)}


def build_tree(made: MadeRun, attributes: Mapping[str, Any]) -> xr.DataTree:
    """All draws of a run as one tree: a group for each fit, the forecasts, and the indicators in the units of their factors."""
    content: dict[str, xr.Dataset] = {"/": xr.Dataset(attrs=dict(attributes))}
    for name, fitted in made.fits.items():
        for group, dataset in fitted.groups.items():
            content[f"/{name}/{group}"] = dataset
    for name, fitted in made.fits.items():
        content[f"/{names.FORECAST_GROUP}/{name}"] = _forecast_dataset(made, fitted)
    content[f"/{names.DATA_GROUP}"] = data_table(made.spec, made.vintage)
    return xr.DataTree.from_dict(content)


def _forecast_dataset(made: MadeRun, fitted: Fitted) -> xr.Dataset:
    found = fitted.probabilities
    shape = fitted.within.shape[:2]

    def by_week(values: Array) -> tuple[tuple[str, ...], Array]:
        return (names.CHAIN, names.DRAW, names.AHEAD), values.reshape(*shape, -1).astype("float32")

    return xr.Dataset(
        {
            "within": ((names.CHAIN, names.DRAW, names.HORIZON), fitted.within),
            "sustained": ((names.CHAIN, names.DRAW, names.HORIZON), fitted.sustained),
            "hazard_ahead": by_week(found.hazard),
            "by_week": by_week(found.by_week),
            "multiplier_ahead": by_week(found.multiplier),
        },
        coords={names.HORIZON: made.spec.workspace.question.horizons_weeks, names.AHEAD: to_datetime64(fitted.ahead.weeks)},
    )


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
