"""How the engine's inner loops are compiled: numba, without fast mathematics, and never from code older than its source.

Without fast mathematics the same inputs give the same bits; NumPy's rules for division are taken all the same, without which every
division is a branch and no loop runs on whole vectors.

Compiled code is kept on disk. Numba looks only at the file in which a function stands, not at what it calls, so the folder is named by a
digest of all modules that import this one: code that has changed is never run from the cache.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Any

import numba
from numba.core import config

# no kernel is handed about as a value, so none needs the wrapper for that; fastmath has to be said, or a kernel takes over what the function that calls it was compiled with
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False, "no_cfunc_wrapper": True, "nogil": True}
PACKAGE = Path(__file__).parents[1]
MARK = b"from ripeness.kernels.compilation import"  # what a module that holds kernels says


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel, which Python calls; its compiled code is kept on disk."""
    return kept(numba.njit, cache=True, **OPTIONS)(function)


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call: kept on disk as part of each kernel that calls it, not by itself."""
    return numba.njit(**OPTIONS)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """A function that becomes part of whatever compiled function calls it: compiled with its caller, not before it and once more in it."""
    return kept(numba.njit, inline="always", **OPTIONS)(function)


def kept(decorator: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A numba decorator whose compiled code is kept in the folder of this state of the source."""

    def decorate(function: Callable[..., Any]) -> Any:
        own = function.__module__.partition(".")[0] == PACKAGE.name
        before = config.CACHE_DIR
        config.CACHE_DIR = str(cache_folder()) if own else before
        try:
            return decorator(*arguments, **options)(function)
        finally:
            config.CACHE_DIR = before

    return decorate


@cache
def cache_folder() -> Path:
    """Where the compiled code of this state of the source lies; code of other states is thrown away."""
    digest = sha256(Path(__file__).read_bytes())
    for path in sorted(PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        if MARK in content:
            digest.update(path.relative_to(PACKAGE).as_posix().encode() + content)
    folder = PACKAGE / "__pycache__" / f"kernels-{digest.hexdigest()[:16]}"
    for other in folder.parent.glob("kernels-*"):
        if other != folder:
            rmtree(other, ignore_errors=True)
    return folder


def source_digest(*kernels: Any) -> str:
    """SHA-256 of the modules that compiled kernels, and the compiled functions they call, are written in: no compiled code outlives its source."""
    waiting, seen = list(kernels), set()
    while waiting:
        function = waiting.pop().py_func
        if function not in seen:
            seen.add(function)
            waiting += [
                value for name, value in function.__globals__.items() if name in function.__code__.co_names and hasattr(value, "py_func")
            ]
    modules = sorted({function.__module__ for function in seen} | {__name__})
    return sha256("".join(inspect.getsource(sys.modules[name]) for name in modules).encode()).hexdigest()
