# /// script
# requires-python = ">=3.12,<3.14"
# dependencies = ["pystan==3.14.0", "httpstan==4.17.0", "numpy==2.5.5"]
# ///
"""Stan's NUTS on the whitened density of whitened.stan, diagonal mass matrix.

PyStan brings stanc and Stan's C++; the model is compiled as CmdStan would have it at its fastest: `stanc --O1`, -O3, for this machine,
without threads and range checks. driver.cpp keeps the draws in memory. Chains run one after another in a process for each core.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpstan
import numpy as np
from numpy.typing import NDArray
from problem import Problem
from rival import Chain, Density, Sampled, Settings, Share, in_processes, serve, starts

Array = NDArray[np.float64]
HERE = Path(__file__).resolve().parent
STAN = Path(httpstan.__file__).resolve().parent
DEFINED = {
    "_REENTRANT": "1",
    "BOOST_DISABLE_ASSERTS": "1",
    "BOOST_PHOENIX_NO_VARIADIC_EXPRESSION": "1",
    "STAN_NO_RANGE_CHECKS": "1",
    "_GLIBCXX_USE_CXX11_ABI": "0",  # as the libraries in the wheel were built
}
FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-w")
Doubles = np.ctypeslib.ndpointer(float, flags="C")


def build(folder: Path) -> tuple[Path, float]:
    """The compiled model, and the seconds that compiling it took; it is kept beside the folder while nothing changes."""
    sources = [HERE / "whitened.stan", HERE / "driver.cpp", Path(__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources) + httpstan.__version__.encode()).hexdigest()[:16]
    built = folder.resolve().parent / f"compiled-stan-{digest}"
    library, begun = built / "model.so", time.perf_counter()
    if not library.exists():
        built.mkdir(exist_ok=True)
        subprocess.run([STAN / "stanc", "--O1", f"--o={built / 'model.cpp'}", sources[0]], check=True)
        defined = [f"-D{name}={value}" for name, value in DEFINED.items()]
        linked = [f"-I{STAN / 'include'}", f"-L{STAN / 'lib'}", "-ltbb", f"-Wl,-rpath,{STAN / 'lib'}"]
        command = ["g++", *FLAGS, *defined, '-DMODEL="model.cpp"', f"-I{built}", str(sources[1]), "-o", str(built / "new.so"), *linked]
        subprocess.run(command, check=True)
        (built / "new.so").replace(library)
    return library, time.perf_counter() - begun


class Model:
    """A compiled model with its data."""

    def __init__(self, problem: Problem, folder: Path) -> None:
        library, self.compile_seconds = build(folder)
        self.size = len(problem.mean)
        begun = time.perf_counter()
        data = folder / f"data-{os.getpid()}.json"
        problem.save_json(data)
        self.code = ctypes.CDLL(str(library))
        self.code.open_model.restype = ctypes.c_void_p
        self.code.open_model.argtypes = [ctypes.c_char_p]
        self.code.density.argtypes = [ctypes.c_void_p, Doubles, ctypes.c_int, ctypes.POINTER(ctypes.c_double), Doubles]
        numbers = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_int, ctypes.c_int, ctypes.c_double, ctypes.c_double]
        self.code.sample.argtypes = [ctypes.c_void_p, Doubles, *numbers, Doubles, Doubles, Doubles]
        self.own = self.code.open_model(str(data).encode())
        data.unlink()
        if not self.own:
            raise RuntimeError("Stan does not take the data")
        self.compile_seconds += time.perf_counter() - begun

    def density(self, x: Array) -> tuple[float, Array]:
        """Log density and gradient."""
        value, gradient = ctypes.c_double(), np.empty(self.size)
        if self.code.density(self.own, np.ascontiguousarray(x), self.size, value, gradient):
            raise RuntimeError("Stan cannot evaluate the density")
        return value.value, gradient

    def sample(self, start: Array, chain: int, settings: Settings, cap: float) -> tuple[Chain, float, float]:
        """One chain, and the seconds it took altogether and after warm-up."""
        x, stats, times = np.zeros((settings.draws, self.size)), np.zeros((settings.tune + settings.draws, 2)), np.zeros(3)
        given = (settings.seed, chain + 1, settings.tune, settings.draws, settings.target_accept, cap)
        rows = self.code.sample(self.own, np.ascontiguousarray(start), self.size, *given, x, stats, times)
        if rows < 0:
            raise RuntimeError("Stan cannot sample")
        kept = stats[settings.tune : rows]
        found = Chain(x[: len(kept)], kept[:, 0], kept[:, 1] > 0, float(stats[: settings.tune, 0].sum()))
        return found, times[2] - times[0], times[2] - times[1]


def run_chains(problem: Problem, settings: Settings, numbers: list[int], wait: Callable[[], Any]) -> Share:
    """Open the model, wait for the other processes, and sample chains one after another."""
    model, start = Model(problem, FOLDER), starts(problem, settings)
    wait()
    found, seconds, drawing, worked = {}, 0.0, 0.0, time.process_time()
    for place, number in enumerate(numbers):
        cap = settings.cap * (place + 1) / len(numbers) - seconds
        found[number], whole, after = model.sample(start[number], number, settings, cap)
        seconds, drawing = seconds + whole, drawing + after
    return Share(found, seconds, drawing, model.compile_seconds, time.process_time() - worked)


def compile_density(problem: Problem) -> Density:
    """Log density and gradient by Stan's reverse mode."""
    return Model(problem, FOLDER).density


def run(problem: Problem, settings: Settings) -> Sampled:
    """Sample all chains."""
    _, compile_seconds = build(FOLDER)
    sampled = in_processes(run_chains, problem, settings)
    return replace(sampled, compile_seconds=sampled.compile_seconds + compile_seconds)


FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
if __name__ == "__main__":
    serve(compile_density, run, ("pystan", "httpstan", "numpy"))
