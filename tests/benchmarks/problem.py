"""The posterior as plain arrays: all that a sampler of another make needs, without the package.

A problem is one vector x with a Normal prior for every coordinate, a block for each free quantity, found by its name (quantities above zero stand by
their log, shares by their log odds, the factor paths by white noise), and the constants of the density. :mod:`layout` makes it; it is kept as an .npz (no pickle) and as the JSON that Stan reads.

    python tests/benchmarks/problem.py FOLDER        writes problem.npz and problem.json of the shipped workspace
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]
ONE_BASED = ("indicator_factor", "scaled", "relative", "first", "last", "middle", "row_group", "group_indicator", "count_week", "count_group",
             "count_indicator", "count_era", "level_factor", "pulse_factor", "sided", "start", "place", "arrival_kind")  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """A posterior of the conjunctive form. Indices count from zero; an indicator is its place, the measured ones first.

    Parameters
    ----------
    block : ndarray of str (block,)
        Names of the free quantities.
    bounds : ndarray of int (block, 2)
        First coordinate of each and one past its last.
    mean, sd : ndarray (x,)
        Prior of every coordinate. What the coordinates of "white_noise" are depends on the density sampled.
    indicator_factor : ndarray of int (indicator,)
    scaled : ndarray of int (scaled factor,)
        Factors with a scale of their own, which multiplies the loadings of their indicators; the others have 1.
    relative : ndarray of int (relative indicator,)
        Indicators with a free loading, before it is scaled, and intercept; the others have 1 and 0.
    floor : ndarray (measured indicator,)
        Least noise.
    noise_tails, factor_tails : ndarray ()
        Degrees of freedom.
    bent : ndarray (measured indicator,)
        1 for Student-t errors, 0 for normal ones.
    value : ndarray (row,)
        Continuous rows, those of one group beside each other.
    first, last, middle : ndarray of int (row,)
        Weeks that a row describes, and that of its pseudo-observation.
    row_group : ndarray of int (row,)
    group_indicator : ndarray of int (group,)
        A group is one indicator, widening and sampling error, so one variance.
    group_widening, group_sampling : ndarray (group,)
        Widening squared, and variance of the sampling error.
    count_week, count_group : ndarray of int (count row,)
    log_exposure : ndarray (count row,)
    count, count_indicator, count_era : ndarray of int (count group,)
        A group is one counted indicator (its place among them), count and era (the number of eras where none applies).
    count_inverse_mean, count_response : ndarray (count group,)
        Inverse of the mean at which a count's likelihood is expanded, and its response there.
    count_scale, count_log_centre : ndarray (counted indicator,)
        Scale × sign, and log of the centre.
    heavy : ndarray (factor,)
        1 for Student-t innovations, else 0.
    level_factor : ndarray of int (level,)
    cumulative : ndarray (level,)
        1 where the hazards read the factor with its level, else 0.
    level_basis : ndarray (knot, week)
    pulse_factor : ndarray of int (pulse,)
    pulse_since : ndarray (pulse, week)
        Weeks since the pulse, negative before it.
    placement : ndarray (effect, condition, regressor)
    leverage : ndarray (effect,)
    sided : ndarray of int (one-sided factor,)
    points : ndarray (regressor, point)
        Regressors at the Sobol points.
    class_log_rate : ndarray (class,)
    outside_basis : ndarray (dormancy, knot)
    dormant_share : ndarray (dormancy,)
        Share of the outside curve that reads the track record.
    log_months : ndarray (week at risk,)
        Track record before each week.
    announced : ndarray (announcement class, week at risk)
    start : ndarray of int ()
        First week at risk.
    found, log_share : ndarray (week at risk,)
    place : ndarray of int (week at risk,)
        Index into the sensitivities of the stretches followed by 0 and 1.
    searched, arrived : ndarray (week at risk,)
        1 where somebody searched, else 0; number of meetings announced anew.
    arrival_kind : ndarray of int (arrival,)
        Class of each meeting announced anew.
    arrival_lead : ndarray (arrival,)
        Days from its announcement to the first that it names.
    """

    block: NDArray[np.str_]
    bounds: Index
    mean: Array
    sd: Array
    indicator_factor: Index
    scaled: Index
    relative: Index
    floor: Array
    noise_tails: Array
    bent: Array
    factor_tails: Array
    value: Array
    first: Index
    last: Index
    middle: Index
    row_group: Index
    group_indicator: Index
    group_widening: Array
    group_sampling: Array
    count_week: Index
    count_group: Index
    log_exposure: Array
    count: Index
    count_indicator: Index
    count_era: Index
    count_inverse_mean: Array
    count_response: Array
    count_scale: Array
    count_log_centre: Array
    heavy: Array
    level_factor: Index
    cumulative: Array
    level_basis: Array
    pulse_factor: Index
    pulse_since: Array
    placement: Array
    leverage: Array
    sided: Index
    points: Array
    class_log_rate: Array
    outside_basis: Array
    dormant_share: Array
    log_months: Array
    announced: Array
    start: Index
    found: Array
    log_share: Array
    place: Index
    searched: Array
    arrived: Array
    arrival_kind: Index
    arrival_lead: Array

    @property
    def weeks(self) -> int:
        """Length of the factor paths."""
        return int(self.level_basis.shape[1])

    @property
    def factors(self) -> int:
        """Number of factors."""
        return len(self.heavy)

    @property
    def measured(self) -> int:
        """Number of indicators with a continuous likelihood."""
        return len(self.floor)

    @property
    def bounds_of(self) -> dict[str, tuple[int, int]]:
        """First coordinate of each block and one past its last."""
        return {str(name): (int(first), int(last)) for name, (first, last) in zip(self.block, self.bounds, strict=True)}

    def split(self, x: Any) -> dict[str, Any]:
        """The blocks of x (..., x); NumPy or JAX."""
        return {name: x[..., first:last] for name, (first, last) in self.bounds_of.items()}

    def save(self, path: Path) -> None:
        """Write an .npz that needs no pickle."""
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    def for_stan(self) -> dict[str, Any]:
        """The same as lists, indices from one, with the sizes that Stan declares and as `at_…` the first and last coordinate of each block."""
        data: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("block", "bounds"):
                continue
            whole = field.name in ("found", "searched")
            data[field.name] = (value + 1 if field.name in ONE_BASED else value.astype(int) if whole else value).tolist()
        data |= {f"at_{name}": [first + 1, last] for name, (first, last) in self.bounds_of.items()}
        data |= {
            "n_x": len(self.mean),
            "n_indicator": len(self.indicator_factor),
            "n_scaled": len(self.scaled),
            "n_relative": len(self.relative),
            "n_measured": self.measured,
            "n_counted": len(self.count_scale),
            "n_row": len(self.value),
            "n_group": len(self.group_indicator),
            "n_count_row": len(self.count_week),
            "n_count_group": len(self.count),
            "n_factor": self.factors,
            "n_week": self.weeks,
            "n_level": len(self.level_factor),
            "n_knot": len(self.level_basis),
            "n_pulse": len(self.pulse_factor),
            "n_effect": len(self.leverage),
            "n_condition": self.placement.shape[1],
            "n_regressor": self.placement.shape[2],
            "n_sided": len(self.sided),
            "n_point": self.points.shape[1],
            "n_class": len(self.class_log_rate),
            "n_dormancy": self.outside_basis.shape[0],
            "n_curve": self.outside_basis.shape[1],
            "n_kept": self.announced.shape[0],
            "n_risk": self.announced.shape[1],
            "n_arrival": len(self.arrival_lead),
        }
        return data | self._sparse()

    def _sparse(self) -> dict[str, Any]:
        """Rows as the entries of a sparse matrix (cell, group), continuous groups first; pairs of indicator and count; rows of several weeks."""
        factor = np.concatenate(
            [
                self.indicator_factor[self.group_indicator[self.row_group]],
                self.indicator_factor[self.measured + self.count_indicator[self.count_group]],
            ]
        )
        cell = np.concatenate([self.middle, self.count_week]) * self.factors + factor
        group = np.concatenate([self.row_group, len(self.group_indicator) + self.count_group])
        shift = np.concatenate([self.value, -self.log_exposure])
        order = np.lexsort((group, cell))
        starts = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=self.factors * self.weeks))])
        pairs, member = np.unique(np.stack([self.count_indicator, self.count]), axis=1, return_inverse=True)
        repeats = np.bincount(member.ravel(), np.bincount(self.count_group, minlength=len(self.count)), pairs.shape[1])
        several = np.flatnonzero(self.first < self.last)
        return {
            "n_entry": len(order),
            "entry_shift": shift[order].tolist(),
            "entry_group": (group[order] + 1).tolist(),
            "entry_start": (starts + 1).tolist(),
            "n_pair": pairs.shape[1],
            "pair_indicator": (pairs[0] + 1).tolist(),
            "pair_count": pairs[1].tolist(),
            "pair_repeats": repeats.tolist(),
            "n_several": len(several),
            "several": (several + 1).tolist(),
        }

    def save_json(self, path: Path) -> None:
        """Write what Stan reads."""
        path.write_text(json.dumps(self.for_stan()), "utf-8")


def read_problem(path: Path) -> Problem:
    """Read what :meth:`Problem.save` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return Problem(**{field.name: stored[field.name] for field in fields(Problem)})


if __name__ == "__main__":
    from layout import ROOT, lay_out, shipped_spec

    folder = Path(sys.argv[1])
    found = lay_out(shipped_spec(ROOT))
    found.save(folder / "problem.npz")
    found.save_json(folder / "problem.json")
