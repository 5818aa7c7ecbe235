"""A fit as ArviZ reads it: prior, posterior, predictive, log-likelihood, log prior, observed and constant data in one labelled tree."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ripeness import names
from ripeness.inference.log_prior import log_prior
from ripeness.inference.predictive import likelihoods, observations, replicates
from ripeness.inference.sample import flatten_draws
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.term import Likelihood
from ripeness.model.terms import terms_of

Array = NDArray[np.float64]
PRIOR_PREDICTIVE_DRAWS = 400
LARGE = (names.WEEK, names.RISK, names.ROW, names.COUNT_ROW)
STATS = ("diverging", "energy", "n_steps", "step_size", "tree_accept", "acceptance_rate", "depth", "logp", "lp")
SAMPLER = ("inference_library", "inference_library_version", "inference_library_settings")
WITHOUT_ROWS = names.SUBSTITUTABLE  # its factors are hardly other than the conjunctive form's: nothing of its rows is stored


def build_groups(
    spec: ModelSpec, variant: Variant, reading: str, sampled: xr.DataTree, prior: dict[str, Array], seed: np.random.SeedSequence
) -> dict[str, xr.Dataset]:
    """All groups of one fit.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "substitutable", "outside"}
        Of the substitutable form's rows nothing is stored, nor log prior: those of the conjunctive form say the same of the factors.
    reading : str
    sampled : DataTree
        posterior and sample_stats as they were sampled.
    prior : dict of ndarray (draw, …)
        Prior draws by the names of the posterior's variables.
    seed : SeedSequence
        For the replicated data.

    Returns
    -------
    dict of Dataset
        By group; long arrays in single precision. Posterior predictive, log-likelihood and log prior have every draw of the posterior.
    """
    posterior = sampled["posterior"].to_dataset()
    chains, draws = posterior.sizes[names.CHAIN], posterior.sizes[names.DRAW]
    rng = np.random.default_rng(seed)
    flat = flatten_draws(posterior)
    if variant == WITHOUT_ROWS:
        flat = {name: values for name, values in flat.items() if name not in ("path", "level_path")}  # of its rows nothing is stored
    of = {observed.name: term for observed, term in likelihoods(spec, variant) if flat.keys() >= term.replicated_from}
    likelihood = {name: term.log_likelihood(spec, flat) for name, term in of.items()}
    replicated = replicates(spec, variant, flat, rng)
    some = {name: values[:PRIOR_PREDICTIVE_DRAWS] for name, values in prior.items()} if variant != WITHOUT_ROWS else {}
    prior_replicated = replicates(spec, variant, some, rng)
    densities = log_prior(spec, variant, reading, flat)
    if variant == WITHOUT_ROWS:
        densities = {}  # with the record alone beside them they would make power-scaling mislead
        posterior = posterior.drop_vars("log_odds_open")
    coords = {name: posterior.coords[name] for name in posterior.coords if name not in (names.CHAIN, names.DRAW)}
    sample_stats, dims = sampled["sample_stats"].to_dataset(), _dims(spec, variant)
    groups = {
        "posterior": posterior,
        "prior": _like_posterior(
            {name: values[None] for name, values in prior.items() if name not in ("path", "level_path", "log_odds_open")}, posterior
        ),
        "prior_predictive": _by_row(dims, prior_replicated, 1, coords),
        "posterior_predictive": _by_row(dims, replicated, chains, coords),
        "log_likelihood": _by_row(dims, likelihood, chains, coords),
        "log_prior": _like_posterior(
            {name: values.reshape(chains, draws, *values.shape[1:]) for name, values in densities.items()}, posterior
        ),
        "sample_stats": sample_stats[[name for name in STATS if name in sample_stats]].drop_attrs(),
        "observed_data": _rows(dims, {name: value for name, value in observations(spec, variant).items() if name in likelihood}, coords),
        "constant_data": _constant(spec, variant, coords, rows=bool(prior_replicated)),
    }
    sampler = {name: sample_stats.attrs[name] for name in SAMPLER if name in sample_stats.attrs}
    return {
        name: _single(group).assign_attrs(sampler if name in ("posterior", "sample_stats") else {})
        for name, group in groups.items()
        if group.data_vars
    }


def _like_posterior(values: dict[str, Array], posterior: xr.Dataset) -> xr.Dataset:
    """Values (chain, draw, …) with the dims of the posterior's variables of the same names; others are left out."""
    variables: dict[str, Any] = {name: (posterior[name].dims, array) for name, array in values.items() if name in posterior}
    coords = {name: coord for name, coord in posterior.coords.items() if name not in (names.CHAIN, names.DRAW)}
    return _with_draws(variables, coords)


def _dims(spec: ModelSpec, variant: str) -> dict[str, tuple[str, ...]]:
    return {observed.name: observed.dims for observed, _ in likelihoods(spec, variant)}


def _by_row(dims: dict[str, tuple[str, ...]], values: dict[str, Array], chains: int, coords: dict[Any, Any]) -> xr.Dataset:
    return _with_draws(
        {
            name: ((names.CHAIN, names.DRAW, *dims[name]), array.reshape(chains, len(array) // chains, *array.shape[1:]))
            for name, array in values.items()
        },
        coords,
    )


def _with_draws(variables: dict[str, Any], coords: dict[Any, Any]) -> xr.Dataset:
    result = xr.Dataset(variables, coords=_used(coords, variables))
    return result.assign_coords({dim: np.arange(result.sizes[dim]) for dim in (names.CHAIN, names.DRAW) if dim in result.sizes})


def _rows(dims: dict[str, tuple[str, ...]], values: dict[str, Array], coords: dict[Any, Any]) -> xr.Dataset:
    variables = {name: (dims[name], array) for name, array in values.items()}
    return xr.Dataset(variables, coords=_used(coords, variables))


def _used(coords: dict[Any, Any], variables: dict[str, Any]) -> dict[Any, Any]:
    dims = {dim for content in variables.values() for dim in content[0]}
    return {name: coord for name, coord in coords.items() if name in dims}


def _constant(spec: ModelSpec, variant: str, coords: dict[Any, Any], rows: bool) -> xr.Dataset:
    """What the model was conditioned on besides the observations; of rows where they are in the groups."""
    variables = {
        name: content
        for term in terms_of(variant, spec)
        if rows or not isinstance(term, Likelihood) or "path" not in term.replicated_from
        for name, content in term.constants(spec).items()
    }
    return xr.Dataset(variables, coords=_used(coords, variables))


def _single(group: xr.Dataset) -> xr.Dataset:
    """Long arrays in single precision: no draw is known to seven digits."""
    return group.map(
        lambda array: array.astype("float32") if array.dtype == float and set(array.dims) & set(LARGE) else array, keep_attrs=True
    )
