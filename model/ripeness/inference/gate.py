"""The gate: what a fit must show before a probability may be published.

Four chains; R-hat ≤ 1.01; bulk and tail effective sample size ≥ 400 on parameters, last-week factors, hazards and the headline; no
divergences; E-BFMI ≥ 0.3; Monte Carlo error of the headline ≤ 0.5 points. Limits after Vehtari, Gelman, Simpson, Carpenter and Bürkner
(2021), "Rank-normalization, folding, and localization", and Betancourt (2016) for E-BFMI; computed by ArviZ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import arviz as az
import numpy as np
import xarray as xr

from ripeness import names

LIMITS = {
    "chains": 4.0,
    "rhat": 1.01,
    "ess_bulk": 400.0,
    "ess_tail": 400.0,
    "divergences": 0.0,
    "bfmi": 0.3,
    "headline_mcse": 0.005,
}
AT_MOST = ("rhat", "divergences", "headline_mcse")
WORDS = {
    "chains": "chains",
    "rhat": "largest R-hat",
    "ess_bulk": "smallest bulk effective sample size",
    "ess_tail": "smallest tail effective sample size",
    "divergences": "divergent transitions",
    "bfmi": "smallest E-BFMI",
    "headline_mcse": "Monte Carlo error of the headline",
}
MENDS = {
    "chains": "set chains = 4 in ripeness.toml",
    "rhat": "chains found different places: raise tune; if the same quantity fails again its data allow two explanations, so look at the rows of "
    "its factor and give each mechanism a factor of its own",
    "ess_bulk": "raise draws in ripeness.toml",
    "ess_tail": "raise draws in ripeness.toml",
    "divergences": "raise tune in ripeness.toml; if it stays, a prior of noise or half-life reaches too near zero: look at noise_floor and its quantiles",
    "bfmi": "raise tune in ripeness.toml; if it stays, a prior has too heavy a tail: look at the quantiles of the widest ones",
    "headline_mcse": "raise draws in ripeness.toml",
}


@dataclass(frozen=True)
class Criterion:
    """One criterion of the gate.

    Parameters
    ----------
    name : str
        A key of `LIMITS`.
    value, limit : float
        What the fit shows and what it must show.
    worst : str
        The quantity with the worst value, where there is one.
    """

    name: str
    value: float
    limit: float
    worst: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value is on the right side of the limit; an undefined value is not."""
        if not np.isfinite(self.value):
            return False
        return self.value <= self.limit if self.name in AT_MOST else self.value >= self.limit

    @property
    def mend(self) -> str:
        """What to do if it does not hold."""
        return f"{MENDS[self.name]}, and run the command again with --refit"

    def __str__(self) -> str:
        sense = "at most" if self.name in AT_MOST else "at least"
        worst = f" ({self.worst})" if self.worst else ""
        return f"{WORDS[self.name]} {self.value:.4g}{worst}, must be {sense} {self.limit:g}"


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one fit."""

    fit: str
    criteria: tuple[Criterion, ...]

    @property
    def passed(self) -> bool:
        """Whether every criterion holds."""
        return all(criterion.passed for criterion in self.criteria)

    @property
    def failures(self) -> tuple[Criterion, ...]:
        """The criteria that do not hold."""
        return tuple(criterion for criterion in self.criteria if not criterion.passed)


def monitored(posterior: xr.Dataset, headline: xr.DataArray) -> xr.Dataset:
    """What the gate looks at: every parameter, the factors of the last week, the weekly hazards and the headline.

    Parameters
    ----------
    posterior : Dataset (chain, draw, …)
    headline : DataArray (chain, draw)
        P_s of the headline horizon.
    """
    chosen = {}
    for name, variable in posterior.data_vars.items():
        if names.WEEK in variable.dims:
            variable = variable.isel({names.WEEK: -1})
        chosen[str(name)] = variable.reset_coords(drop=True)
    chosen["headline"] = headline
    return xr.Dataset(chosen)


def judge_fit(fit: str, posterior: xr.Dataset, sample_stats: xr.Dataset, headline: xr.DataArray) -> Verdict:
    """Hold a fit against the gate.

    Parameters
    ----------
    fit : str
        Name of the fit.
    posterior : Dataset (chain, draw, …)
    sample_stats : Dataset (chain, draw)
        With diverging and energy.
    headline : DataArray (chain, draw)
        Probability of the headline horizon, in [0, 1].
    """
    looked_at = monitored(posterior, headline)
    rhat, bulk, tail = az.rhat(looked_at), az.ess(looked_at, method="bulk"), az.ess(looked_at, method="tail")
    error = float(az.mcse(xr.Dataset({"headline": headline}))["headline"])
    criteria = [
        Criterion("chains", float(posterior.sizes[names.CHAIN]), LIMITS["chains"]),
        _worst("rhat", rhat, np.nanmax),
        _worst("ess_bulk", bulk, np.nanmin),
        _worst("ess_tail", tail, np.nanmin),
        Criterion("divergences", float(sample_stats["diverging"].sum()), LIMITS["divergences"]),
        Criterion("bfmi", float(np.min(az.bfmi(_energy(sample_stats))["energy"])), LIMITS["bfmi"]),
        Criterion("headline_mcse", error, LIMITS["headline_mcse"]),
    ]
    return Verdict(fit, tuple(criteria))


def _energy(sample_stats: xr.Dataset) -> xr.DataTree:
    return xr.DataTree.from_dict({"sample_stats": sample_stats[["energy"]]})


def _worst(name: str, values: xr.Dataset, pick: object) -> Criterion:
    """The worst value over all quantities; one that is undefined counts as the worst of all."""
    worst, where = None, ""
    for variable, array in values.data_vars.items():
        flat = array.values.ravel()
        if not flat.size:
            continue
        value = float("nan") if np.isnan(flat).any() else float(pick(flat))  # type: ignore[operator]
        worse = worst is None or np.isnan(value) or (not np.isnan(worst) and (value > worst if name in AT_MOST else value < worst))
        if worse:
            worst, where = value, _label(array, str(variable))
    return Criterion(name, float("nan") if worst is None else worst, LIMITS[name], where)


def _label(array: xr.DataArray, name: str) -> str:
    return name if not array.dims else f"{name}[{', '.join(map(str, array.dims))}]"


def failed(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts that do not pass."""
    return [verdict for verdict in verdicts if not verdict.passed]
