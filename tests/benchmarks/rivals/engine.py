"""This engine: nutpie's NUTS on the density compiled once for all problems."""

from __future__ import annotations

import ctypes
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import nutpie
from layout import spec_of
from numpy.typing import NDArray
from problem import Problem
from rival import Density, Sampled, Settings, serve

from ripeness import names
from ripeness.inference.compiled import Density as Compiled
from ripeness.inference.compiled import ModelData, Program, build_data, program_of
from ripeness.inference.coordinates import Coordinates, build_coordinates
from ripeness.inference.sample import VECTOR, as_nutpie_model
from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
SPEC: list[ModelSpec] = []


def posterior(spec: ModelSpec) -> tuple[Program, ModelData, Coordinates]:
    """What the engine samples."""
    coordinates = build_coordinates(spec, names.CONJUNCTIVE, names.AS_WRITTEN)
    data = build_data(spec, names.CONJUNCTIVE, names.AS_WRITTEN, coordinates)
    return program_of(spec, names.CONJUNCTIVE, names.AS_WRITTEN), data, coordinates


def compile_density(problem: Problem) -> Density:
    """Log density and gradient by the C function that nutpie calls, called as nutpie calls it."""
    program, data, _ = posterior(SPEC[0])
    compiled = Compiled(program, data)
    size = len(problem.mean)
    at, gradient, value = np.empty(size), np.empty(size), np.empty(1)
    numbers = [array.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for array in (at, gradient, value)]
    table = compiled.table.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))

    def density(x: Array) -> tuple[float, Array]:
        at[:] = x
        compiled.function(size, *numbers, table)
        return value[0], gradient

    return density


def run(problem: Problem, settings: Settings) -> Sampled:
    """Sample all chains."""
    own = spec_of(settings.data)
    SPEC[:] = [own]
    begun = time.perf_counter()
    model = as_nutpie_model(*posterior(own))
    middle, worked = time.perf_counter(), time.process_time()
    tree = nutpie.sample(
        model,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=settings.cores,
        seed=settings.seed,
        target_accept=settings.target_accept,
        save_warmup=False,
        progress_bar=False,
    )
    seconds, worked = time.perf_counter() - middle, time.process_time() - worked
    stats = tree["sample_stats"]
    return Sampled(
        np.asarray(tree["posterior"][VECTOR]),
        np.asarray(stats["n_steps"], dtype=float),
        np.asarray(stats["diverging"], dtype=bool),
        np.nan,
        seconds,
        np.nan,
        middle - begun,
        worked,
    )


if __name__ == "__main__":
    serve(compile_density, run, ("nutpie", "numba", "numpy"))
