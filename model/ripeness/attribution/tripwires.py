"""Values of a release that would move the headline a lot, and whether what came in has crossed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ripeness.attribution.releases import IRREGULAR
from ripeness.data.vintages import Vintage

Array = NDArray[np.float64]
FAR: Final = 5.0  # points of a tripwire
LEAST_CHANCE: Final = 1e-3  # of a tripwire
NEGLIGIBLE: Final = 1e-4  # of the predictive distribution, at either end, where no move is asked for


@dataclass(frozen=True)
class Tripwire:
    """A value from which on the headline would be moved by `FAR` points or more, always the same way.

    Parameters
    ----------
    direction : {"up", "down"}
        Of the headline.
    beyond : {"above", "below"}
        On which side of the value.
    value : float
        In the indicator's unit.
    chance : float
        Of a value beyond it.
    """

    direction: str
    beyond: str
    value: float
    chance: float


def tripwires(natural: Array, mass: Array, points: Array) -> list[Tripwire]:
    """On either side of the middle, the value nearest to it from which on every value moves the headline by `FAR` points, all up or all down.

    The outermost `NEGLIGIBLE` of either tail is not asked; a wire less likely than `LEAST_CHANCE` is none.
    """
    found = []
    middle = int(np.searchsorted(np.cumsum(mass), 0.5))
    for beyond, places in (("above", range(len(natural) - 1, middle - 1, -1)), ("below", range(middle + 1))):
        chance, hit, up = 0.0, None, False
        for place in places:
            chance += float(mass[place])
            if chance < NEGLIGIBLE:
                continue
            if abs(points[place]) < FAR or (hit is not None and (points[place] > 0) != up):
                break
            hit, up, reached = place, bool(points[place] > 0), chance
        if hit is not None and reached >= LEAST_CHANCE:
            found.append(Tripwire("up" if up else "down", beyond, float(natural[hit]), reached))
    return found


def crossed(watched: Sequence[Mapping[str, Any]], vintage: Vintage, since: date) -> list[str]:
    """Which tripwires of an earlier watch list the releases they were set for have crossed, in words.

    Parameters
    ----------
    watched : sequence of mapping
        Its releases, as they are stored.
    vintage : Vintage
        What is known now.
    since : date
        Day of that list.
    """
    found = []
    for one in watched:
        name = str(one["indicator"])
        if name not in vintage.values:
            continue
        frame = vintage.values[name]
        if vintage.contracts[name].frequency == IRREGULAR:  # the first new period; a list that does not tell its newest ends on its own day
            its = frame[frame["observed_on"].dt.date > date.fromisoformat(one.get("newest", since.isoformat()))].head(1)
        else:
            its = frame[frame["observed_on"].dt.date == date.fromisoformat(one["period_end"])]
        for row in its[its["published_on"].dt.date > since].itertuples():
            for wire in one["tripwires"]:
                past = row.value >= wire["value"] if wire["beyond"] == "above" else row.value <= wire["value"]
                if past:
                    found.append(
                        f"{one['title']}: {row.value:g} for the period to {row.observed_on:%Y-%m-%d} is {wire['beyond']} {wire['value']:.4g}, "
                        f"where the headline was to go {wire['direction']} by {FAR:g} points"
                    )
    return found
