"""Sampling the PyMC graph itself, by nutpie or by PyMC: slower than the compiled density, and the same posterior."""

from __future__ import annotations

from threading import Lock

import nutpie
import pymc as pm
import xarray as xr

from ripeness.model.build import build_model, stored
from ripeness.model.spec import ModelSpec, Variant
from ripeness.names import NUTPIE, Sampler

_compiling = Lock()  # PyTensor compiles one graph at a time


def sample_graph(
    spec: ModelSpec,
    variant: Variant,
    reading: str,
    sampler: Sampler,
    seed: int,
    *,
    draws: int,
    tune: int,
    chains: int,
    cores: int,
    target_accept: float,
) -> xr.DataTree:
    """Draw from the posterior of the whitened form as PyMC states it.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "substitutable", "outside"}
    reading : str
    sampler : {"nutpie", "pymc"}
        Whose NUTS.
    seed : int
    draws, tune, chains, cores : int
        PyMC's own NUTS takes its chains one after another: its processes could not be started from a thread.
    target_accept : float

    Returns
    -------
    DataTree
        Groups posterior (chain, draw, …), with the variables of the compiled sampler, and sample_stats.
    """
    with _compiling:
        model = build_model(spec, variant, reading, "whitened")
        compiled = nutpie.compile_pymc_model(model) if sampler == NUTPIE else None
    if compiled is not None:
        sampled = nutpie.sample(
            compiled,
            draws=draws,
            tune=tune,
            chains=chains,
            cores=cores,
            seed=seed,
            target_accept=target_accept,
            save_warmup=False,
            progress_bar=False,
        )
    else:
        with _compiling:
            sampled = pm.sample(
                draws=draws,
                tune=tune,
                chains=chains,
                cores=1,
                random_seed=seed,
                nuts_sampler="pymc",
                target_accept=target_accept,
                progressbar=False,
                compute_convergence_checks=False,
                model=model,
            )
    posterior, stats = sampled["posterior"].to_dataset(), sampled["sample_stats"].to_dataset()
    own = [one.name for one in stored(variant) if one.name in posterior and posterior[one.name].size]
    return xr.DataTree.from_dict({"posterior": posterior[own], "sample_stats": stats.rename({"lp": "logp"} if "lp" in stats else {})})
