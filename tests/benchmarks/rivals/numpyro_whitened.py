# /// script
# requires-python = ">=3.12"
# dependencies = ["numpyro==0.22.0", "jax==0.12.0.1", "jaxlib==0.12.0.1", "numpy==2.5.5", "scipy==1.18.1"]
# ///
"""NUTS of NumPyro on the whitened density of :mod:`jax_density`, float64, diagonal mass matrix.

Chains run one after another in as many processes as there are cores, each process kept to one core: of NumPyro's ways to run four chains on
two cores this is the fastest (the folder's README.md has the measurement). One compiled loop serves warm-up and draws.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax_density import log_density
from numpy.typing import NDArray
from numpyro.infer import NUTS
from problem import Problem
from rival import Chain, Density, Sampled, Settings, Share, in_processes, join_shares, serve, starts

Array = NDArray[np.float64]
AT_ONCE = 50  # draws between two looks at the cap


def compile_density(problem: Problem) -> Density:
    """Log density and gradient by reverse mode, compiled by XLA for one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    both = jax.jit(jax.value_and_grad(log_density(problem))).lower(problem.mean).compile()

    def density(x: Array) -> tuple[float, Array]:
        value, gradient = both(x)
        return float(value), np.asarray(gradient)

    return density


def run_chains(problem: Problem, settings: Settings, numbers: list[int], wait: Callable[[], Any], abreast: bool = False) -> Share:
    """Compile, wait for the other processes, and sample chains one after another; or all abreast, vectorised."""
    start, begun = starts(problem, settings)[numbers], time.perf_counter()
    keys = jax.random.split(jax.random.key(settings.seed), settings.chains)[jnp.array(numbers)]
    density = log_density(problem)
    kernel = NUTS(potential_fn=lambda x: -density(x), target_accept_prob=settings.target_accept, dense_mass=False)

    def begin(key: Any, x: Any) -> Any:
        return kernel.init(key, settings.tune, x, model_args=(), model_kwargs={})

    states = [begin(keys, start)] if abreast else [begin(key, x) for key, x in zip(keys, start, strict=True)]
    batch = (len(numbers),) if abreast else ()
    most = max(settings.tune, settings.draws)

    def advance(state: Any, first: Any, stop: Any, kept: Any) -> Any:
        def one(i: Any, carry: Any) -> Any:
            state, (x, steps, diverging) = carry
            state = kernel.sample(state, (), {})
            return state, (x.at[i].set(state.z), steps.at[i].set(state.num_steps), diverging.at[i].set(state.diverging))

        return lax.fori_loop(first, stop, one, (state, kept))

    def nothing() -> Any:
        return jnp.zeros((most, *batch, problem.mean.size)), jnp.zeros((most, *batch), int), jnp.zeros((most, *batch), bool)

    compiled = jax.jit(advance, donate_argnums=3).lower(states[0], 0, 1, nothing()).compile()
    compile_seconds = time.perf_counter() - begun
    wait()

    def advance_by(state: Any, draws: int, until: float) -> tuple[Any, list[Array], int]:
        kept, done = nothing(), 0
        while done < draws and time.perf_counter() < until:
            stop = min(done + AT_ONCE, draws)
            state, kept = compiled(state, done, stop, kept)
            jax.block_until_ready(kept)
            done = stop
        return state, [np.asarray(values[:done]) for values in kept], done

    found, drawing, begun, worked = [], 0.0, time.perf_counter(), time.process_time()
    for place, state in enumerate(states):
        until = begun + settings.cap * (place + 1) / len(states)
        state, warm, tuned = advance_by(state, settings.tune, until)
        middle = time.perf_counter()
        _, kept, _ = advance_by(state, settings.draws if tuned == settings.tune else 0, until)
        drawing += time.perf_counter() - middle
        if abreast:
            found += [Chain(*(values[:, i] for values in kept), float(warm[1][:, i].sum())) for i in range(len(numbers))]
        else:
            found.append(Chain(*kept, float(warm[1].sum())))
    spent = time.perf_counter() - begun, drawing, compile_seconds, time.process_time() - worked
    return Share(dict(zip(numbers, found, strict=True)), *spent)


def run(problem: Problem, settings: Settings) -> Sampled:
    """Sample all chains."""
    if settings.method == "abreast":
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        return join_shares([run_chains(problem, settings, list(range(settings.chains)), lambda: None, True)], settings.draws)
    return in_processes(run_chains, problem, settings)


if __name__ == "__main__":
    serve(compile_density, run, ("numpyro", "jax", "jaxlib", "numpy"))
