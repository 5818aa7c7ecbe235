"""Where a slider of the panel may stand: round values of a factor's reference indicator, or typical departures where it has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ripeness.attribution.futures import Futures
from ripeness.attribution.scenario_file import Path
from ripeness.attribution.scenarios import in_units, levels_of, references_of
from ripeness.data.indicators import Contract
from ripeness.model.spec import ModelSpec

WIDEST, STEP = 3.0, 0.25  # typical departures to either side of the slow level, and between stops
DIGITS: Final = 2  # of a value


@dataclass(frozen=True)
class Stop:
    """A place to hold a factor at.

    Parameters
    ----------
    value : float or None
        Of the reference indicator, in its unit; None where it is told in units.
    units : float
        The same in units of the factor: of a value with the slow level, otherwise without.
    """

    value: float | None
    units: float


@dataclass(frozen=True)
class Slider:
    """The stops of one factor, rising.

    Parameters
    ----------
    indicator, unit : str
        Title and unit of the reference indicator; empty where there is none.
    stops : tuple of Stop
    now : Stop
        Where the factor is: the median of all draws in the record's last week.
    rest : int
        The stop nearest to that.
    """

    indicator: str
    unit: str
    stops: tuple[Stop, ...]
    now: Stop
    rest: int


def stop_of(path: Path, reference: Contract | None) -> Stop:
    """The stop at which a scenario's path holds its factor."""
    if path.value is None or reference is None:
        return Stop(None, path.units or 0.0)
    return Stop(path.value, in_units(reference, path.value))


def build_sliders(spec: ModelSpec, fits: Sequence[Futures], paths: Sequence[Path]) -> dict[str, Slider]:
    """The slider of each factor, by its id.

    Parameters
    ----------
    spec : ModelSpec
    fits : sequence of Futures
    paths : sequence of Path
        Of scenarios: a slider can stand wherever one of them holds its factor.
    """
    references = references_of(spec)
    level = np.concatenate([levels_of(spec, one.start.draws) for one in fits])
    last = np.concatenate([one.start.draws["path"][:, :, -1] for one in fits])
    found = {}
    for k, factor in enumerate(spec.workspace.factor_ids):
        reference, middle = references.get(factor), float(level[:, k].mean())
        stops = {stop_of(path, reference) for path in paths if path.factor == factor}
        for departure in np.arange(-WIDEST, WIDEST + STEP / 2, STEP):
            stops.add(_round_stop(reference, middle, float(departure)))
        rising = tuple(sorted(stops, key=lambda stop, middle=middle: _departure(stop, middle)))  # type: ignore[misc]
        median = float(np.median(last[:, k] + (level[:, k] if reference else 0.0)))
        now = Stop(float(reference.natural(median)) if reference else None, median)
        rest = int(np.argmin([abs(_departure(stop, middle) - _departure(now, middle)) for stop in rising]))
        found[factor] = Slider(reference.title if reference else "", reference.unit if reference else "", rising, now, rest)
    return found


def _round_stop(reference: Contract | None, level: float, departure: float) -> Stop:
    if reference is None:
        return Stop(None, departure)
    low, high = reference.plausible
    value = min(max(float(f"{float(reference.natural(level + departure)):.{DIGITS}g}"), low), high)
    if not reference.in_domain(value) or (reference.is_count and value == 0.0):
        return Stop(None, departure)
    return Stop(value, in_units(reference, value))


def _departure(stop: Stop, level: float) -> float:
    return stop.units - (0.0 if stop.value is None else level)


def describe_slider(slider: Slider) -> Mapping[str, object]:
    """A slider as plain values: stops as pairs of value and units."""
    pairs = [[stop.value, round(stop.units, 9)] for stop in slider.stops]
    return {
        "indicator": slider.indicator,
        "unit": slider.unit,
        "ticks": pairs,
        "now": [slider.now.value, slider.now.units],
        "rest": slider.rest,
    }
