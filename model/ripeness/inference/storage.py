"""How groups of draws are stored: to which precision, how packed, and what their attributes say.

A draw is stored no finer than anybody can use: what is rounded is rounded far below the Monte Carlo error of its mean. Numbers on the real
line are packed as integers with a scale (netCDF's `scale_factor` and `add_offset`, which xarray and any netCDF reader undo), probabilities and other positive
quantities keep so many significant bits. Everything is compressed; the same draws give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.model.term import Likelihood
from ripeness.model.terms import every_term

POSTERIOR, PRIOR = "posterior", "prior"
LOG_LIKELIHOOD, LOG_PRIOR = "log_likelihood", "log_prior"
PREDICTIVE: Final = ("posterior_predictive", "prior_predictive")
OBSERVED = "observed_data"

WHOLE, ROUGH, MIDDLE, FINE = 1.0, 2.0**-5, 2.0**-6, 2.0**-9  # powers of two: unpacking is exact
HALF_BYTE: Final = 128  # added to units about zero: nearly all then share a high byte, and take a twelfth less room
PATH: Final = "path"  # in standard deviations; a week's is known to a tenth of one at the best
SERIES: Final = (PATH, "level_path", "log_odds_open")  # of weeks, on the real line: most of what there is
MULTIPLIER: Final = "inside"  # as well; what is said of the record's weeks is computed from it
RELATIVE_BITS: Final = 10  # significant bits after the first: a relative error of at most 2^-11
IN_FULL: Final = ("within", "sustained", "rungs")  # what is published follows from them
POSITIVE: Final = ("hazard", "hazard_ahead", "by_week", "multiplier_ahead")
LEVEL: Final = 4  # of zlib: 9 saves a fortieth, in fifteen times the time
SMALLEST: Final = 1024  # elements from which on compression pays

# label and unit of what no term of the model has
LABELS: Final[Mapping[str, tuple[str, str]]] = {
    "within": ("probability of a round within the horizon, path noise taken out", "1"),
    "sustained": ("probability of a sustained process within the horizon", "1"),
    "rungs": ("probability of an event of the rung within the horizon, path noise taken out", "1"),
    "hazard_ahead": ("probability of a round in the week, given none since the origin", "1"),
    "by_week": ("probability of a round by the end of the week", "1"),
    "multiplier_ahead": ("mean multiplier of the inside view", "1"),
    "target_end_date": ("last day of the horizon", ""),
    "horizon_share": ("share of the week's days inside the horizon", "1"),
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
        To be written as it is: what is packed stands there as integers, with the attributes `scale_factor` that a reader multiplies by and `add_offset` that it then adds.
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
            small = np.abs(units).max(initial=0.0) < 2**15 - HALF_BYTE
            shift = HALF_BYTE if small and resolution == ROUGH else 0
            values = (units + shift).astype(np.int16 if small else np.int32)
            packing = {} if resolution == WHOLE else {"scale_factor": np.float32(resolution)}
            packing |= {"add_offset": np.float32(-shift * resolution)} if shift else {}
        elif names.DRAW in variable.dims and name not in IN_FULL:
            values = values.astype(np.float32)
            if name in POSITIVE or (group, name) == (LOG_LIKELIHOOD, "rounds"):
                values = keep_bits(values, RELATIVE_BITS)
    return xr.Variable(variable.dims, values, {**variable.attrs, **_labelled(group, name), **packing})


def _resolution(group: str, name: str) -> float | None:
    """What a value is rounded to a multiple of when it is stored as an integer; None if it is not."""
    if group in PREDICTIVE or group == OBSERVED:
        return WHOLE if name in _whole() else ROUGH if group in PREDICTIVE else None
    if group == LOG_LIKELIHOOD:
        return MIDDLE if name != "rounds" else None  # those of single weeks are small: significant bits count
    if group == LOG_PRIOR:
        return FINE
    if group == POSTERIOR and name in (*SERIES, MULTIPLIER):
        return ROUGH if name == PATH else MIDDLE if name in SERIES else FINE
    if group == PRIOR and name in (*SERIES, MULTIPLIER):
        return ROUGH
    return None


@cache
def _whole() -> set[str]:
    """Observed variables that are whole numbers."""
    return {term.observed.name for term in every_term() if isinstance(term, Likelihood) and term.observed.whole}


def _compressed(variable: xr.Variable) -> dict[str, Any]:
    plain: dict[str, Any] = {"_FillValue": None} if variable.dtype.kind in "fM" else {}
    if variable.dtype == object or variable.size < SMALLEST:
        return plain
    shape = variable.shape
    of_series = names.CHAIN in variable.dims and len(shape) > 2
    chunks = (1, shape[1], *(1,) * (len(shape) - 3), shape[-1]) if of_series else shape  # one series of all draws of a chain
    return plain | {"zlib": True, "complevel": LEVEL, "shuffle": True, "chunksizes": chunks}


@cache
def _of_terms() -> dict[str, tuple[str, str]]:
    """Label and unit of everything that the terms store or observe."""
    found: dict[str, tuple[str, str]] = {}
    for term in every_term():
        known = (*term.parameters, *term.derived, *((term.observed,) if isinstance(term, Likelihood) else ()))
        found |= {one.name: (one.label, one.unit) for one in known}
    return found


def _labelled(group: str, name: str) -> dict[str, str]:
    if name not in LABELS and name not in _of_terms():
        return {}
    label, units = LABELS[name] if name in LABELS else _of_terms()[name]
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
