"""Sampling: NUTS by nutpie on the compiled density, or on the PyMC graph if that is asked for, under one variant and one reading's priors.

Draws, warm-up and chains come from ripeness.toml; every random number descends from one seed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import nutpie
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from nutpie.compile_pymc import CompiledPyMCModel

from ripeness import names
from ripeness.inference.compiled import ModelData, Program, build_data, c_functions, program_of
from ripeness.inference.coordinates import Coordinates, build_coordinates
from ripeness.inference.expand import expand_draws
from ripeness.model.spec import ModelSpec, Variant
from ripeness.names import COMPILED, Sampler
from ripeness.workspace import FitSettings

Array = NDArray[np.float64]

TARGET_ACCEPT = 0.8
CORES = 2
VECTOR, PLACE = "x", "unconstrained_parameter"  # nutpie's own name for a place in x


def sample_posterior(
    spec: ModelSpec,
    variant: Variant,
    reading: str,
    settings: FitSettings,
    seed: int,
    draws_factor: int = 1,
    cores: int = CORES,
    sampler: Sampler = COMPILED,
    target_accept: float = TARGET_ACCEPT,
) -> xr.DataTree:
    """Draw from the posterior.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "substitutable", "outside"}
    reading : str
    settings : FitSettings
        Chains, warm-up and draws.
    seed : int
    draws_factor : int
        Multiplies warm-up and draws, for a second attempt.
    cores : int
        Threads; no draw depends on their number.
    sampler : {"compiled", "nutpie", "pymc"}
        NUTS of nutpie on the compiled density, of nutpie on the PyMC graph, or of PyMC on that graph. The last two sample terms without
        kernels too.
    target_accept : float
        Mean acceptance that NUTS aims at in warm-up, in (0, 1): the higher, the smaller its steps.

    Returns
    -------
    DataTree
        Groups posterior (chain, draw, …) and sample_stats.

    Raises
    ------
    ripeness.inference.compiled.NoKernel
        If the compiled density is asked for and a term has no kernel.
    """
    size = {"draws": settings.draws * draws_factor, "tune": settings.tune * draws_factor, "chains": settings.chains, "cores": cores}
    if sampler != COMPILED:
        from ripeness.inference.graph import sample_graph

        return sample_graph(spec, variant, reading, sampler, seed, target_accept=target_accept, **size)
    coordinates, program = build_coordinates(spec, variant, reading), program_of(spec, variant, reading)
    data = build_data(spec, variant, reading, coordinates)
    sampled: xr.DataTree = nutpie.sample(
        as_nutpie_model(program, data, coordinates),
        seed=seed,
        target_accept=target_accept,
        save_warmup=False,
        progress_bar=False,
        **size,
    )
    posterior = expand_draws(spec, variant, coordinates, program, data, np.asarray(sampled["posterior"].to_dataset()[VECTOR]))
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": sampled["sample_stats"].to_dataset()})


def as_nutpie_model(program: Program, data: ModelData, coordinates: Coordinates) -> Any:
    """The posterior as nutpie samples it: vectors x, from starts within a standard deviation of the prior mean in every coordinate."""
    size = len(coordinates.mean)
    density, vector = c_functions(program)

    def start(seed: Any) -> Array:
        return coordinates.mean + coordinates.sd * np.random.default_rng(seed).uniform(-1.0, 1.0, size)

    return CompiledPyMCModel(
        dims={VECTOR: (PLACE,)},
        compiled_logp_func=density,
        compiled_expand_func=vector,
        initial_point_func=start,
        shared_data=dict(data.arrays),  # kept alive as long as the sampler has their addresses
        shared_var_keys={},
        user_data=data.table(),
        n_expanded=size,
        shape_info=([VECTOR], [slice(0, size)], [(size,)]),
        logp_func=None,
        expand_func=None,
        _n_dim=size,
        _shapes={VECTOR: (size,)},
        _coords={PLACE: pd.RangeIndex(size)},
    )


def flatten_draws(posterior: xr.Dataset | xr.DataTree) -> dict[str, Array]:
    """Posterior draws as arrays (draw, …), chains one after another."""
    return {
        str(name): np.asarray(variable.values, dtype=float).reshape(-1, *variable.shape[2:])
        for name, variable in posterior.data_vars.items()
        if variable.dims[:2] == (names.CHAIN, names.DRAW)
    }
