"""PyMC's own NUTS, and nutpie, on the model in PyMC: `python plain.py FOLDER (pymc|nutpie) (centred|non-centred|whitened)`.

All chains run at once, so that a cap on the time finds each of them equally far. Starts, adaptation and backend are the library's
own, but for PyMC's backend in the centred form.
"""

from __future__ import annotations

import ctypes
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import nutpie
import pymc as pm
from layout import spec_of
from numpy.typing import NDArray
from problem import Problem
from pymc.model.transform.optimization import freeze_dims_and_data
from pymc.sampling.parallel import ParallelSamplingError
from rival import Density, Sampled, Settings, children_seconds, serve

from ripeness import names
from ripeness.model.build import build_model, parameters_of

Array = NDArray[np.float64]
Doubles = ctypes.POINTER(ctypes.c_double)
LOGS = {parameter.name for parameter in parameters_of(names.CONJUNCTIVE) if parameter.transform == "log"}
CACHE: dict[str, Any] = {}


def model() -> pm.Model:
    """The model in the form asked for, shapes and constants known."""
    if "model" not in CACHE:
        built = build_model(CACHE["spec"], names.CONJUNCTIVE, form=FORM)
        CACHE["order"] = [variable.name for variable in built.free_RVs]
        CACHE["model"] = freeze_dims_and_data(built)
    return CACHE["model"]


def compiled_by_nutpie() -> Any:
    """What nutpie compiles; once."""
    if "nutpie" not in CACHE:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="nutpie")
            CACHE["nutpie"] = nutpie.compile_pymc_model(model(), var_names=[variable.name for variable in model().free_RVs])
    return CACHE["nutpie"]


def compile_density(problem: Problem) -> Density:
    """Log density and gradient as the sampler calls them."""
    if LIBRARY == "pymc":
        function = model().logp_dlogp_function(ravel_inputs=True, **BACKEND)
        function.set_extra_values({})

        def by_pymc(x: Array) -> tuple[float, Array]:
            value, gradient = function(x)
            return float(value), np.asarray(gradient)

        return by_pymc
    compiled = compiled_by_nutpie()
    call, user_data = compiled.compiled_logp_func.ctypes, compiled.user_data

    def by_nutpie(x: Array) -> tuple[float, Array]:
        at, gradient, value = np.ascontiguousarray(x), np.empty(len(x)), np.empty(1)
        given = [array.ctypes.data_as(Doubles) for array in (at, gradient, value)]
        call(len(x), *given, ctypes.cast(user_data.ctypes.data, call.argtypes[4]))
        return float(value[0]), gradient

    return by_nutpie


def unconstrained(posterior: Any) -> Array:
    """Draws as vectors x (chain, draw, x), in the order of the model as it was built: freezing it shuffles its variables."""
    shape = posterior.sizes["chain"], posterior.sizes["draw"]
    blocks = []
    for name in CACHE["order"]:
        values = np.asarray(posterior[name], dtype=float).reshape(*shape, -1)
        blocks.append(np.log(values) if name in LOGS else values)
    return np.concatenate(blocks, axis=2)


def nothing(problem: Problem, settings: Settings, seconds: float, compile_seconds: float, worked: float) -> Sampled:
    """What a sampler gives back that was still in its warm-up when its time was over."""
    empty = np.zeros((settings.chains, 0))
    draws = np.zeros((settings.chains, 0, len(problem.mean)))
    return Sampled(draws, empty, empty.astype(bool), np.nan, seconds, np.nan, compile_seconds, worked, False)


def run_pymc(problem: Problem, settings: Settings) -> Sampled:
    """PyMC's NUTS."""
    first: list[float] = []

    def watch(*_: Any, **__: Any) -> None:
        now = time.perf_counter()
        first.append(now) if not first else None
        if now > first[0] + settings.cap:
            raise KeyboardInterrupt

    begun, worked = time.perf_counter(), children_seconds()
    with model():
        own = model()
        compile_begun = time.perf_counter()
        try:
            tree = pm.sample(
                draws=settings.draws,
                tune=settings.tune,
                chains=settings.chains,
                cores=settings.chains,
                random_seed=settings.seed,
                target_accept=settings.target_accept,
                nuts_sampler="pymc",
                var_names=[variable.name for variable in own.free_RVs],
                progressbar=False,
                compute_convergence_checks=False,
                compile_kwargs=BACKEND,
                callback=watch,
            )
        except (ValueError, ParallelSamplingError) as error:  # no draw was kept, or a chain ended with an error
            print(error)
            tree = None
    worked = children_seconds() - worked
    started = first[0] if first else time.perf_counter()
    if tree is None or tree["posterior"].sizes["draw"] == 0:
        return nothing(problem, settings, time.perf_counter() - started, started - compile_begun, worked)
    seconds = float(tree["posterior"].attrs["sampling_time"])
    compile_seconds = time.perf_counter() - begun - seconds
    stats, draws = tree["sample_stats"], unconstrained(tree["posterior"])
    steps, diverging = np.asarray(stats["n_steps"], dtype=float), np.asarray(stats["diverging"], dtype=bool)
    return Sampled(draws, steps, diverging, np.nan, seconds, np.nan, compile_seconds, worked, draws.shape[1] == settings.draws)


def run_nutpie(problem: Problem, settings: Settings) -> Sampled:
    """Nutpie."""
    begun = time.perf_counter()
    compiled = compiled_by_nutpie()
    started, worked = time.perf_counter(), time.process_time()
    sampler = nutpie.sample(
        compiled,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=settings.chains,
        seed=settings.seed,
        target_accept=settings.target_accept,
        progress_bar=False,
        blocking=False,
    )
    try:
        tree, complete = sampler.wait(timeout=settings.cap), True
    except TimeoutError:
        tree, complete = sampler.abort(), False
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    if tree["posterior"].sizes["draw"] == 0:
        return nothing(problem, settings, seconds, started - begun, worked)
    stats, draws = tree["sample_stats"], unconstrained(tree["posterior"])
    steps, diverging = np.asarray(stats["n_steps"], dtype=float), np.asarray(stats["diverging"], dtype=bool)
    kept = np.isfinite(draws).all(axis=(0, 2))  # chains of unequal length are filled up with nan
    tuning = float(np.nansum(tree["warmup_sample_stats"]["n_steps"]))
    return Sampled(draws[:, kept], steps[:, kept], diverging[:, kept], tuning, seconds, np.nan, started - begun, worked, complete)


def run(problem: Problem, settings: Settings) -> Sampled:
    """Sample all chains, up to the cap."""
    CACHE["spec"] = spec_of(settings.data)
    return run_pymc(problem, settings) if LIBRARY == "pymc" else run_nutpie(problem, settings)


# in the centred form PyMC's first steps leave for where a factor's spread is zero: numba divides by it and the chain ends, C calls it a divergence
LIBRARY, FORM = (sys.argv[2], sys.argv[3]) if len(sys.argv) > 3 else ("pymc", "centred")
BACKEND = {"mode": "CVM"} if FORM == "centred" else {}
if __name__ == "__main__":
    serve(compile_density, run, ("pymc", "pytensor", "nutpie", "numba", "numpy"))
