"""Sampling: compile a model once with nutpie, sample it under one or several readings' priors, and gather what was drawn.

Draws, warm-up and chains come from ripeness.toml; every random number descends from one seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import nutpie
import pymc as pm
import pytensor
import xarray as xr
from numpy.typing import NDArray
from pymc.model.transform.optimization import freeze_dims_and_data

from ripeness import names
from ripeness.workspace import FitSettings

Array = NDArray[np.float64]

TARGET_ACCEPT = 0.8
CORES = 2


def compile_model(model: pm.Model) -> Any:
    """Compile a model's log density and its gradient; `with_data` of the result changes its data without compiling again.

    Chains start within ±1 of the support point, in the unconstrained space. The starts are drawn here and not by PyMC, whose function
    for them shares one random state between chains: chains that start at the same time would disturb each other's.
    """
    model = freeze_dims_and_data(model, data=[])  # known shapes compile faster
    stored = [variable.name for variable in model.unobserved_RVs if variable.name not in names.NOT_STORED]
    # fast mathematics lets a sum depend on where its numbers happen to lie in memory: the same seed would give other draws
    with pytensor.config.change_flags(numba__fastmath=False), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="nutpie")
        compiled = nutpie.compile_pymc_model(model, var_names=stored, jitter_rvs=set())
    centre = np.asarray(compiled.initial_point_func(0), dtype=float)

    def start(seed: Any) -> Array:
        return centre + np.random.default_rng(seed).uniform(-1.0, 1.0, centre.shape)

    return replace(compiled, initial_point_func=start)


def sample_posterior(
    compiled: Any, settings: FitSettings, seed: int, data: Mapping[str, Array] | None = None, draws_factor: int = 1
) -> xr.DataTree:
    """Draw from the posterior.

    Parameters
    ----------
    compiled : nutpie model
    settings : FitSettings
        Chains, warm-up and draws.
    seed : int
    data : mapping, optional
        Values that replace the model's data (a reading's priors).
    draws_factor : int
        Multiplies warm-up and draws, for a second attempt.

    Returns
    -------
    DataTree
        Groups posterior (chain, draw, …) and sample_stats.
    """
    if data:
        compiled = compiled.with_data(**data)
    sampled: xr.DataTree = nutpie.sample(
        compiled,
        draws=settings.draws * draws_factor,
        tune=settings.tune * draws_factor,
        chains=settings.chains,
        cores=CORES,
        seed=seed,
        target_accept=TARGET_ACCEPT,
        save_warmup=False,
        progress_bar=False,
    )
    return sampled


def flatten_draws(posterior: xr.Dataset | xr.DataTree) -> dict[str, Array]:
    """Posterior draws as arrays (draw, …), chains one after another."""
    return {
        str(name): np.asarray(variable.values, dtype=float).reshape(-1, *variable.shape[2:])
        for name, variable in posterior.data_vars.items()
        if variable.dims[:2] == ("chain", "draw")
    }
