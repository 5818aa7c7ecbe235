"""What in a vintage deserves a flag: data of which every row was accepted, and that still cannot be right, or are too old.

Rows are checked one by one when they are read; here series are looked at as a whole and beside each other. A flag says what was found and
how to mend it. Most flags stand beside the number; one that withholds takes the number away, since nothing but the outside view would be
left of it.

What no look at the data can tell: that a series which is alone on its factor runs the wrong way. There the sign is an assumption.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations

import numpy as np
import pandas as pd

from ripeness.data.jumps import find_jumps
from ripeness.data.vintages import Vintage

Pairs = dict[tuple[str, str], tuple[int, float]]
WINDOW_WEEKS = 13  # in which at least one indicator must have said something
SAME = 0.999  # |correlation| from which two series count as one
COMMON_PERIODS = 12  # that they must share at least
AGAINST = -0.6  # correlation of two indicators of a factor, both with their signs, below which one of them runs the wrong way
COMMON_FOR_SIGN = 26
FAR = 4.0  # units of the factor that a typical value may lie from 0, where the contract's centre lies


@dataclass(frozen=True)
class Flag:
    """Something that a reader must know before trusting the number.

    Parameters
    ----------
    name : str
        What kind it is: "stale", "empty window", "duplicate", "unit", "jump", "sign", "search", "check", "leaning", "error".
    found : str
        What was found, naming the series.
    mend : str
        What to do.
    withholds : bool
        Whether no number may be published as long as it stands.
    """

    name: str
    found: str
    mend: str
    withholds: bool = False

    def __str__(self) -> str:
        return f"{self.found}. To mend: {self.mend}"


def flag_vintage(vintage: Vintage) -> list[Flag]:
    """Every flag that a vintage gives by itself, the gravest first."""
    series = {name: scaled_series(vintage, name) for name in vintage.values}
    pairs = _compare(series)
    found = [
        *_window(vintage),
        *_units(vintage, series),
        *_duplicates(pairs),
        *_signs(vintage, pairs),
        *_jumps(vintage),
        *_search(vintage),
        *_stale(vintage),
    ]
    return sorted(found, key=lambda flag: not flag.withholds)


def scaled_series(vintage: Vintage, name: str) -> pd.Series[float]:
    """An indicator in units of its factor by observed_on, + always more of the factor; counts with an exposure as rates."""
    contract, rows = vintage.contracts[name], vintage.values[name]
    values = rows["value"].to_numpy(float)
    if contract.exposure and contract.exposure_unit:
        values = values / rows["sample_size"].to_numpy(float) * contract.exposure_unit
    return pd.Series(contract.transformed(values), index=rows["observed_on"])


def _stale(vintage: Vintage) -> Iterator[Flag]:
    fresh = vintage.freshness()
    overdue = fresh[fresh["overdue"]]
    if overdue.empty:
        return
    ages = [
        f"{row['indicator']} (newest value of {row['newest_observed_on']:%Y-%m-%d}, {row['days_old']:.0f} days old)"
        for _, row in overdue.iterrows()
    ]
    yield Flag(
        "stale",
        f"{len(overdue)} of {len(fresh)} indicators are older than their contracts allow: {', '.join(ages)}",
        "import the publisher's newer file (`ripeness import SOURCE FILE --update`); for a series that has stopped, write its last day as "
        "`ended` in indicators.toml",
    )


def _window(vintage: Vintage) -> Iterator[Flag]:
    begin = pd.Timestamp(vintage.origin - timedelta(weeks=WINDOW_WEEKS))
    with_values = [name for name, rows in vintage.values.items() if bool((rows["observed_on"] > begin).any())]
    if not with_values:
        yield Flag(
            "empty window",
            f"no indicator has a value in the {WINDOW_WEEKS} weeks before {vintage.origin}: the inside view would be a guess",
            "import what has been published since, or choose an earlier --as-of",
            withholds=True,
        )


def _search(vintage: Vintage) -> Iterator[Flag]:
    covered = vintage.covered_to
    if covered is None or covered < vintage.origin:
        yield Flag(
            "search",
            f"by what was known on {vintage.origin}, rounds had been searched for {f'up to {covered} only' if covered else 'on no day'}: the weeks "
            "since then say nothing of rounds",
            "write into coverage.csv on the last day of a stretch how well it was searched, or forecast from a day on which that was known",
        )


def _units(vintage: Vintage, series: dict[str, pd.Series[float]]) -> Iterator[Flag]:
    for name, values in series.items():
        typical = float(np.median(values)) if len(values) else 0.0
        if abs(typical) > FAR:
            contract = vintage.contracts[name]
            median = float(vintage.values[name]["value"].median())
            yield Flag(
                "unit",
                f"{name} lies {abs(typical):.1f} units of its factor from where its contract puts 0: its median is {median:g} {contract.unit}, "
                f"its centre {contract.centre:g}",
                f"look whether the values are in {contract.unit} (a factor of 1000 is the usual fault) and withdraw or revise them, or "
                "correct centre and scale in indicators.toml",
                withholds=True,
            )


def _duplicates(pairs: Pairs) -> Iterator[Flag]:
    for (first, second), (common, correlation) in pairs.items():
        if common >= COMMON_PERIODS and abs(correlation) >= SAME:
            yield Flag(
                "duplicate",
                f"{first} and {second} are the same series: correlation {correlation:.4f} over {common} common periods, so one piece of "
                "evidence counts twice",
                f"remove one of [{first}] and [{second}] from indicators.toml with its CSV, or put the right values into the one that was copied",
            )


def _signs(vintage: Vintage, pairs: Pairs) -> Iterator[Flag]:
    for (first, second), (common, correlation) in pairs.items():
        one_factor = vintage.contracts[first].factor == vintage.contracts[second].factor
        if one_factor and common >= COMMON_FOR_SIGN and correlation < AGAINST:
            yield Flag(
                "sign",
                f"{first} and {second} measure one factor and run against each other: correlation {correlation:.2f} over {common} common "
                "periods, with the signs of their contracts",
                "look at `sign` of both in indicators.toml and at the direction of their values; if both are right they belong to two factors",
            )


def _jumps(vintage: Vintage) -> Iterator[Flag]:
    """The newest value of each series against the jumps that its own history knows."""
    for name, rows in vintage.values.items():
        if len(rows) < 2:
            continue
        found = find_jumps(vintage.contracts[name], rows.iloc[[-1]], rows.iloc[:-1])
        if bool(found.jumps[0]):
            newest = rows.iloc[-1]
            yield Flag(
                "jump",
                f"the newest value of {name}, {newest['value']:g} of {newest['observed_on']:%Y-%m-%d}, lies {found.change[0]:.1f} units from the "
                f"one before; the largest step so far was {found.largest:.1f}",
                "compare it with its source; a wrong value is withdrawn or revised by a row with a later published_on",
            )


def _compare(series: dict[str, pd.Series[float]]) -> Pairs:
    """Number of common periods and correlation over them, of every pair of series; 0 where one of them does not vary."""
    table = pd.DataFrame(series).to_numpy(float)
    known = np.isfinite(table)
    found: Pairs = {}
    for (i, first), (j, second) in combinations(enumerate(series), 2):
        both = known[:, i] & known[:, j]
        pair = table[both][:, [i, j]]
        varies = len(pair) > 1 and bool((np.ptp(pair, axis=0) > 0).all())
        found[first, second] = len(pair), float(np.corrcoef(pair.T)[0, 1]) if varies else 0.0
    return found
