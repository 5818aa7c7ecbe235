"""How groups of draws are stored: to which precision, how packed, and what their attributes say.

A draw is stored no finer than anybody can use: what is rounded is rounded far below the Monte Carlo error of its mean. Numbers on the real
line are packed as integers with a scale (netCDF's `scale_factor`, which xarray and any netCDF reader undo), probabilities and other positive
quantities keep so many significant bits. Everything is compressed; the same draws give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names

POSTERIOR, PRIOR = "posterior", "prior"
LOG_LIKELIHOOD, LOG_PRIOR = "log_likelihood", "log_prior"
PREDICTIVE: Final = ("posterior_predictive", "prior_predictive")
OBSERVED = "observed_data"

WHOLE, ROUGH, COARSE, FINE = 1.0, 2.0**-5, 2.0**-8, 2.0**-9  # powers of two: unpacking is exact
SERIES: Final = ("path", "level_path", "log_odds_open", "inside")  # of weeks, on the real line
RELATIVE_BITS: Final = 10  # significant bits after the first: a relative error of at most 2^-11
IN_FULL: Final = ("within", "sustained")  # what is published follows from them
POSITIVE: Final = ("hazard", "hazard_ahead", "by_week", "multiplier_ahead")
LEVEL: Final = 4  # of zlib: 9 saves a fortieth, in fifteen times the time
SMALLEST: Final = 1024  # elements from which on compression pays

LABELS: Final[Mapping[str, tuple[str, str]]] = {
    "path": ("latent factor, without pulses", "units of the factor"),
    "pulse": ("dated jump of a factor", "units of the factor"),
    "level_path": ("slow level of a factor", "units of the factor"),
    "level": ("size of a slow level's moves", "units of the factor"),
    "level_start": ("slow level in the first week", "units of the factor"),
    "level_moves": ("moves of a slow level, standardised", "1"),
    "half_life": ("half-life of a factor", "weeks"),
    "loading": ("loading relative to the factor's reference indicator", "1"),
    "intercept": ("intercept relative to the factor's reference indicator", "scales of the indicator"),
    "noise": ("noise above the contract's floor", "scales of the indicator"),
    "dispersion": ("dispersion of the negative binomial", "1"),
    "capture": ("share of real items captured", "1"),
    "intercept_open": ("log odds that a condition is open, factors at their usual value", "1"),
    "share_open": ("probability that a condition is open, factors at their usual value", "1"),
    "log_odds_open": ("log odds that a condition is open", "1"),
    "effect_size": ("size of an effect, standardised", "1"),
    "weight": ("weight of an effect, signed", "1 / unit of the factor"),
    "log_best_to_worst": ("log of how many times likelier a round is in the best tenth of weeks", "1"),
    "normaliser": ("log of the inside view's mean multiplier", "1"),
    "inside": ("log multiplier of the inside view", "1"),
    "log_rhythm": ("log weekly hazard in the process's own rhythm", "1"),
    "log_war_level": ("log of this war's level against the reference class", "1"),
    "deviation": ("deviation of the outside curve from the reference class", "1"),
    "outside_knots": ("log weekly hazard at the knots of dormancy", "1"),
    "kept": ("probability that an announced meeting is held", "1"),
    "sensitivity": ("probability that a round is found, if held", "1"),
    "hazard": ("probability of a round in the week, given the record before it", "1"),
    "measured": ("continuous indicator rows", "scales of the indicator"),
    "counted": ("count rows", "items"),
    "rounds": ("weeks with a round", "1"),
    "within": ("probability of a round within the horizon, path noise taken out", "1"),
    "sustained": ("probability of a sustained process within the horizon", "1"),
    "hazard_ahead": ("probability of a round in the week, given none since the origin", "1"),
    "by_week": ("probability of a round by the end of the week", "1"),
    "multiplier_ahead": ("mean multiplier of the inside view", "1"),
    "target_end_date": ("last day of the horizon", ""),
    "reach": ("share of the week's days inside the horizon", "1"),
    "share_of_week": ("share of the week on record", "1"),
    "dormancy": ("weeks since the last round found", "weeks"),
    "announced_share": ("share of an announced meeting that falls in the week", "1"),
    "acceptance_rate": ("mean acceptance probability", "1"),
}


def as_stored(group: str, content: xr.Dataset, attributes: Mapping[str, Any] | None = None) -> xr.Dataset:
    """A group as it is written: rounded, with packing and attributes set.

    Parameters
    ----------
    group : str
        ArviZ's name of the group.
    content : Dataset
        Left as it is.
    attributes : mapping, optional
        Of the group, beside its own.

    Returns
    -------
    Dataset
        To be written as it is: what is packed stands there as integers, with the attribute `scale_factor` that a reader multiplies by.
    """
    result = content.copy()
    for name, array in content.data_vars.items():
        result[name] = _as_written(group, str(name), array.variable)
    for variable in result.variables.values():
        variable.encoding = _compressed(variable)
    return result.assign_attrs({**content.attrs, **(attributes or {})})


def _as_written(group: str, name: str, variable: xr.Variable) -> xr.Variable:
    values, packing = variable.values, {}
    resolution = _resolution(group, name)
    if values.dtype.kind == "f" and group != "sample_stats":
        if resolution is not None and np.isfinite(values).all():
            units = np.rint(values * np.float32(1.0 / resolution))
            values = units.astype(np.int16 if np.abs(units).max(initial=0.0) < 2**15 else np.int32)
            packing = {} if resolution == WHOLE else {"scale_factor": np.float32(resolution)}
        elif names.DRAW in variable.dims and name not in IN_FULL:
            values = values.astype(np.float32)
            if name in POSITIVE or (group, name) == (LOG_LIKELIHOOD, "rounds"):
                values = keep_bits(values, RELATIVE_BITS)
    return xr.Variable(variable.dims, values, {**variable.attrs, **_labelled(group, name), **packing})


def _resolution(group: str, name: str) -> float | None:
    """What a value is rounded to a multiple of when it is stored as an integer; None if it is not."""
    if group in PREDICTIVE or group == OBSERVED:
        return WHOLE if name in ("counted", "rounds") else COARSE if group in PREDICTIVE else None
    if group == LOG_LIKELIHOOD:
        return COARSE if name != "rounds" else None  # those of single weeks are small: significant bits count
    if group == LOG_PRIOR:
        return FINE
    if group in (POSTERIOR, PRIOR) and name in SERIES:
        return FINE if group == POSTERIOR else ROUGH
    return None


def _compressed(variable: xr.Variable) -> dict[str, Any]:
    plain: dict[str, Any] = {"_FillValue": None} if variable.dtype.kind in "fM" else {}
    if variable.dtype == object or variable.size < SMALLEST:
        return plain
    shape = variable.shape
    of_series = names.CHAIN in variable.dims and len(shape) > 2
    chunks = (1, shape[1], *(1,) * (len(shape) - 3), shape[-1]) if of_series else shape  # one series of all draws of a chain
    return plain | {"zlib": True, "complevel": LEVEL, "shuffle": True, "chunksizes": chunks}


def _labelled(group: str, name: str) -> dict[str, str]:
    if name not in LABELS:
        return {}
    label, units = LABELS[name]
    if group in (LOG_LIKELIHOOD, LOG_PRIOR):
        return {"long_name": f"{group.replace('_', ' ')}: {label}"}
    return {"long_name": label} | ({"units": units} if units else {})


def keep_bits(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Values rounded to so many bits after the first, to even; the rest zero, so that they compress (Klöwer et al. 2021)."""
    dropped = np.uint32(23 - bits)
    whole = values.astype(np.float32).view(np.uint32)
    half = (np.uint32(1) << (dropped - np.uint32(1))) - np.uint32(1)
    rounded = whole + half + ((whole >> dropped) & np.uint32(1))
    return ((rounded >> dropped) << dropped).view(np.float32)
