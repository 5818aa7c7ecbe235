"""A fit as ArviZ reads it: prior, posterior, predictive, log-likelihood, observed and constant data in one labelled tree."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.inference.predictive import RowMoments, log_likelihoods, observed, replicate_rounds, replicate_rows, row_moments
from ripeness.inference.sample import flatten_draws
from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
PREDICTIVE_DRAWS = 100  # of each chain; what a predictive check can use
LARGE = (names.WEEK, names.RISK, names.ROW, names.COUNT_ROW)
STATS = ("diverging", "energy", "n_steps", "step_size", "tree_accept", "acceptance_rate", "depth", "logp", "lp")
ROW_DIMS = {"measured": (names.ROW,), "counted": (names.COUNT_ROW,), "rounds": (names.RISK,)}


def build_groups(spec: ModelSpec, sampled: xr.DataTree, prior: dict[str, Array], seed: np.random.SeedSequence) -> dict[str, xr.Dataset]:
    """All groups of one fit.

    Parameters
    ----------
    spec : ModelSpec
    sampled : DataTree
        posterior and sample_stats as they were sampled.
    prior : dict of ndarray (draw, …)
        Prior draws by the names of the posterior's variables.
    seed : SeedSequence
        For the replicated data.

    Returns
    -------
    dict of Dataset
        By group; long arrays in single precision.
    """
    posterior = sampled["posterior"].to_dataset().drop_vars(names.NOT_STORED, errors="ignore")
    chains, draws = posterior.sizes[names.CHAIN], posterior.sizes[names.DRAW]
    rng = np.random.default_rng(seed)
    inside = "path" in posterior
    flat = flatten_draws(posterior)
    likelihood: dict[str, Array] = {"rounds": flat["rounds"]}
    replicated: dict[str, Array] = {}
    prior_replicated: dict[str, Array] = {}
    thin = _every(chains, draws)
    if inside:
        moments = row_moments(spec, flat)
        likelihood |= log_likelihoods(spec, moments)
        replicated |= replicate_rows(spec, _pick(moments, thin), rng)
        some = {name: values[: chains * PREDICTIVE_DRAWS] for name, values in prior.items()}
        prior_replicated |= replicate_rows(spec, row_moments(spec, some), rng)
    replicated["rounds"] = replicate_rounds(flat["hazard"][thin], rng)
    coords = {name: posterior.coords[name] for name in posterior.coords if name not in (names.CHAIN, names.DRAW)}
    sample_stats = sampled["sample_stats"].to_dataset()
    groups = {
        "posterior": posterior.drop_vars("rounds"),
        "prior": _prior_dataset(prior, posterior),
        "posterior_predictive": _by_row(replicated, chains, len(thin) // chains, coords),
        "log_likelihood": _by_row(likelihood, chains, draws, coords),
        "sample_stats": sample_stats[[name for name in STATS if name in sample_stats]],
        "observed_data": _rows({name: value for name, value in observed(spec).items() if name in likelihood}, coords),
        "constant_data": _constant(spec, coords),
    }
    if prior_replicated:
        groups["prior_predictive"] = _by_row(prior_replicated, 1, len(next(iter(prior_replicated.values()))), coords)
    return {name: _single(group) for name, group in groups.items()}


def _every(chains: int, draws: int) -> NDArray[np.intp]:
    """Indices, among draws flattened over chains, of draws spread evenly over each chain."""
    chosen = np.linspace(0, draws - 1, min(PREDICTIVE_DRAWS, draws)).astype(np.intp)
    return (np.arange(chains)[:, None] * draws + chosen[None, :]).ravel()


def _pick(moments: RowMoments, index: NDArray[np.intp]) -> RowMoments:
    return RowMoments(moments.location[index], moments.spread[index], moments.log_mean[index], moments.dispersion[index])


def _prior_dataset(prior: dict[str, Array], posterior: xr.Dataset) -> xr.Dataset:
    variables: dict[str, Any] = {}
    for name, values in prior.items():
        if name in posterior:
            variables[name] = ((names.CHAIN, names.DRAW, *posterior[name].dims[2:]), values[None])
    coords = {name: posterior.coords[name] for name in posterior.coords if name not in (names.CHAIN, names.DRAW)}
    return xr.Dataset(variables, coords=coords)


def _by_row(values: dict[str, Array], chains: int, draws: int, coords: dict[Any, Any]) -> xr.Dataset:
    variables = {
        name: ((names.CHAIN, names.DRAW, *ROW_DIMS[name]), array.reshape(chains, draws, *array.shape[1:])) for name, array in values.items()
    }
    return xr.Dataset(variables, coords=_used(coords, variables))


def _rows(values: dict[str, Array], coords: dict[Any, Any]) -> xr.Dataset:
    variables = {name: (ROW_DIMS[name], array) for name, array in values.items()}
    return xr.Dataset(variables, coords=_used(coords, variables))


def _used(coords: dict[Any, Any], variables: dict[str, Any]) -> dict[Any, Any]:
    dims = {dim for content in variables.values() for dim in content[0]}
    return {name: coord for name, coord in coords.items() if name in dims}


def _constant(spec: ModelSpec, coords: dict[Any, Any]) -> xr.Dataset:
    """What the model was conditioned on besides the observations."""
    panel = spec.panel
    record = panel.record
    risk = slice(record.start, None)
    rows, counts = panel.measured, panel.counted
    variables: dict[str, Any] = {
        "share_of_week": ((names.RISK,), record.share[risk]),
        "dormancy": ((names.RISK,), record.dormancy),
        "coverage_stretch": ((names.RISK,), record.stretch[risk]),
        "announced_share": ((names.KEPT, names.RISK), spec.announced[:, risk]),
    }
    if names.ROW in coords or len(rows.value):
        variables |= {
            "row_indicator": ((names.ROW,), np.array(rows.indicators)[rows.indicator]),
            "row_first_week": ((names.ROW,), rows.first),
            "row_last_week": ((names.ROW,), rows.last),
            "row_widening": ((names.ROW,), rows.widening),
            "row_sampling": ((names.ROW,), rows.sampling),
            "count_row_indicator": ((names.COUNT_ROW,), np.array(counts.indicators)[counts.indicator]),
            "count_row_week": ((names.COUNT_ROW,), counts.week),
            "count_row_log_exposure": ((names.COUNT_ROW,), counts.log_exposure),
        }
    return xr.Dataset(variables, coords=_used(coords, variables))


def _single(group: xr.Dataset) -> xr.Dataset:
    """Long arrays in single precision: no draw is known to seven digits."""
    return group.map(
        lambda array: array.astype("float32") if array.dtype == float and set(array.dims) & set(LARGE) else array, keep_attrs=True
    )
