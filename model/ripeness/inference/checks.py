"""Flags of a fit: whether it could have produced the data it was given, and whether the number leans on one series.

Posterior predictive checks: data replicated from the posterior against the data (Gelman, Meng and Stern 1996). Of every indicator the
median and the interquartile range, which one absurd value does not hide, and the autocorrelation of its errors; of the record the number of weeks with
a round and the longest silence. A statistic beyond nearly all replications is flagged; of the record it withholds the number, since the outcome is what is
forecast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.data.quality import Flag

Array = NDArray[np.float64]
CHECK = "check"  # the kind of flag that a posterior predictive check raises
TAIL = 0.002  # share of replications, on the nearer side, up to which a statistic counts as beyond them
LEANING = 0.25  # share of the probability by which one indicator alone may move it
WIDE_ERROR = 0.01  # Monte Carlo error of a probability from which it is flagged


def flag_fits(fits: Sequence[Mapping[str, xr.Dataset]]) -> list[Flag]:
    """The posterior predictive checks that the forecast fails.

    Parameters
    ----------
    fits : sequence of mapping of Dataset
        Of each fit behind the headline: posterior_predictive, observed_data and constant_data, as ArviZ names them; all of the first, of others what is
        stored. Their replications are pooled.
    """
    first = fits[0]
    observed, constant = first["observed_data"], first["constant_data"]

    def replicated(name: str) -> Array:
        return np.concatenate([_flat(fit["posterior_predictive"][name]) for fit in fits if name in fit["posterior_predictive"]])

    flags = [*_record(replicated("rounds"), observed["rounds"].values)]
    for name in observed.data_vars:
        of_row = f"{observed[name].dims[0]}_indicator"
        if of_row in constant:
            flags += _indicators(replicated(str(name)), observed[name].values, constant[of_row].values)
    return flags


def flag_leaning(changes: Mapping[str, float], probability: float) -> list[Flag]:
    """Indicators that alone move the answer by more than `LEANING` of it; these never withhold.

    Parameters
    ----------
    changes : mapping of str to float
        By indicator, how far the probability moves without it, as a probability.
    probability : float
        The headline.
    """
    return [
        Flag(
            "leaning",
            f"without {name} the probability would be {probability + change:.3f} instead of {probability:.3f}: it alone moves the answer by "
            f"{abs(change) / probability:.0%}",
            "look at its newest rows and its contract before trusting the number; nothing is wrong with an indicator that matters",
        )
        for name, change in sorted(changes.items(), key=lambda pair: -abs(pair[1]))
        if abs(change) > LEANING * probability
    ]


def flag_errors(errors: Mapping[str, float]) -> list[Flag]:
    """Probabilities, by what they are of, whose Monte Carlo error is wide; that of the headline is held by the gate."""
    return [
        Flag(
            "error",
            f"the Monte Carlo error of the probability {what} is {100 * error:.1f} points",
            "raise draws in ripeness.toml and run the command again with --refit",
        )
        for what, error in errors.items()
        if not error <= WIDE_ERROR
    ]


def tail_share(replicated: Array, observed: float) -> float:
    """Share of replications at least as far out as what was observed, on the nearer side; at least 1 in their number + 1."""
    below = (1 + int((replicated <= observed).sum())) / (len(replicated) + 1)
    above = (1 + int((replicated >= observed).sum())) / (len(replicated) + 1)
    return min(below, above)


def longest_silence(rounds: Array) -> NDArray[np.int64]:
    """Longest run of weeks without a round: (draw,) from (draw, week)."""
    longest = np.zeros(len(rounds), dtype=np.int64)
    run = np.zeros(len(rounds), dtype=np.int64)
    for week in range(rounds.shape[1]):
        run = np.where(rounds[:, week] > 0, 0, run + 1)
        longest = np.maximum(longest, run)
    return longest


def _record(replicated: Array, observed: Array) -> Iterator[Flag]:
    statistics: dict[str, tuple[Array, float]] = {
        "the number of weeks with a round": (replicated.sum(axis=1), float(observed.sum())),
        "the longest silence in weeks": (longest_silence(replicated).astype(float), float(longest_silence(observed[None])[0])),
    }
    for what, (drawn, seen) in statistics.items():
        if tail_share(drawn, seen) <= TAIL:
            yield Flag(
                CHECK,
                f"the model does not reproduce the record of rounds: {what} is {seen:g}, replications give {_range(drawn)}",
                "look whether `round` is coded rightly in events.csv (yes only where ripeness.toml's definition holds, every round once), then at "
                "the priors of the outside view in hazard.toml",
                withholds=True,
            )


def _indicators(replicated: Array, observed: Array, of_row: NDArray[np.object_]) -> Iterator[Flag]:
    for indicator in dict.fromkeys(str(name) for name in of_row):
        own = of_row.astype(str) == indicator
        drawn, seen = replicated[:, own], observed[own]
        if len(seen) < 2:
            continue
        for what, statistic in (("median", _median), ("interquartile range", _spread)):
            values, value = statistic(drawn), float(statistic(seen[None])[0])
            if tail_share(values, value) <= TAIL:
                yield Flag(
                    CHECK,
                    f"the model does not reproduce {indicator}: its {what} is {value:.3g}, replications give {_range(values)}",
                    f"look at the rows of {indicator} (unit, sign, a changed definition), then at its noise and loading in loadings.toml",
                )
        usual = drawn.mean(axis=0)
        values, value = _autocorrelation(drawn - usual), float(_autocorrelation((seen - usual)[None])[0])
        # of the data less a path that follows them little is left: only what is left too much alike is a finding
        if value > np.median(values) and tail_share(values, value) <= TAIL:
            yield Flag(
                CHECK,
                f"errors of {indicator} follow one another: their autocorrelation from row to row is {value:.2f}, replications give {_range(values)}",
                f"{indicator} says less than its rows count for: widen its noise in loadings.toml, or give it a factor of its own",
            )


def _median(values: Array) -> Array:
    return np.asarray(np.median(values, axis=1))


def _spread(values: Array) -> Array:
    low, high = np.quantile(values, [0.25, 0.75], axis=1)
    return np.asarray(high - low)


def _autocorrelation(errors: Array) -> Array:
    """Correlation of each error with the next one: (draw,) from (draw, row); 0 where all are alike."""
    errors = errors - errors.mean(axis=1, keepdims=True)
    square = (errors**2).sum(axis=1)
    return np.divide((errors[:, 1:] * errors[:, :-1]).sum(axis=1), square, out=np.zeros(len(errors)), where=square > 0.0)


def _range(values: Array) -> str:
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return f"{low:.3g} to {high:.3g}"


def _flat(values: xr.DataArray) -> Array:
    return values.values.astype(float).reshape(values.sizes[names.CHAIN] * values.sizes[names.DRAW], -1)
