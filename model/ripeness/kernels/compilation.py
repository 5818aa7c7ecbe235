"""How the engine's inner loops are compiled: numba, without fast mathematics, and never from code older than its source.

Without fast mathematics the same inputs give the same bits; NumPy's rules for division are taken all the same, without which every
division is a branch and no loop runs on whole vectors.

Compiled code is kept on disk (:mod:`ripeness.kernels.cache`), that of functions in modules and that of functions given as text alike.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import numba
from numba.core import sigutils
from numba.core.ccallback import CFunc
from numba.core.compiler_lock import global_compiler_lock

from ripeness.kernels.cache import KernelCache, canonical, meaning_of

# no kernel is handed about as a value, so none needs the wrapper for that; fastmath has to be said, or a kernel takes over what the function that calls it was compiled with
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False, "no_cfunc_wrapper": True, "nogil": True}

_generated: dict[str, Any] = {}  # by digest; guarded by numba's compiler lock


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a kernel, which Python calls; its compiled code is kept on disk.

    Parameters
    ----------
    function : callable
    **options
        Numba's options where they differ from :data:`OPTIONS`.
    """
    return KernelCache.open(numba.njit(**OPTIONS | options)(function))


def inner(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call: kept on disk as part of each kernel that calls it, not by itself."""
    return numba.njit(**OPTIONS)(function)


def callback(function: Callable[..., Any], signature: Any) -> CFunc:
    """Compile a function that C calls, at once; its compiled code is kept on disk.

    Parameters
    ----------
    function : callable
    signature : numba signature or str
        With the type of what is returned.

    Returns
    -------
    CFunc
        `address` and `ctypes` are the compiled function.
    """
    result = KernelCache.open(CFunc(function, sigutils.normalize_signature(signature), locals={}, options=dict(OPTIONS)))
    result.compile()
    return result


def compile_source(source: str, name: str, signature: Any = None, namespace: Mapping[str, Any] | None = None) -> Any:
    """Compile a function given as text; its compiled code is kept on disk under the digest of the text and of all that it uses.

    The same text with names that mean the same gives the same object, whichever thread asks first. Tracebacks show the lines of the text.

    Parameters
    ----------
    source : str
        Python that defines the function and, if wanted, functions that it calls (`@inner`, if `namespace` holds it). It must come from this
        package's own code: it is run.
    name : str
        The function.
    signature : numba signature or str, optional
        Makes a C callback of this signature; without it, a function that Python calls, compiled for the types it is first called with.
    namespace : mapping of str to object, optional
        What the text may name: compiled functions, modules, named tuples, numbers, arrays. It is copied, never changed.

    Returns
    -------
    dispatcher or CFunc

    Raises
    ------
    SyntaxError
        If the text is not Python.
    KeyError
        If it defines no function of this name.
    TypeError
        If it names an object of whose meaning no digest can be taken.
    """
    kind = "kernel" if signature is None else canonical(sigutils.normalize_signature(signature))
    label = f"<ripeness generated {name} {sha256(source.encode()).hexdigest()[:16]}>"
    scope = {**(namespace or {}), "__name__": __name__}  # a module that can be imported, which numba asks of code that it keeps
    exec(compile(source, label, "exec"), scope)
    if name not in scope:
        raise KeyError(f"the generated source defines no function {name}")
    function = scope[name]
    digest = sha256(f"{kind} {meaning_of(function)}".encode()).hexdigest()
    with global_compiler_lock:
        if digest not in _generated:
            linecache.cache[label] = (len(source), None, source.splitlines(keepends=True), label)
            for value in scope.values():  # two texts may define functions of one name: to the linker they must differ
                own = getattr(value, "py_func", value)
                if getattr(getattr(own, "__code__", None), "co_filename", None) == label:
                    own.__qualname__ = f"{own.__name__}_{digest[:16]}"
            _generated[digest] = compiled(function) if signature is None else callback(function, signature)
        return _generated[digest]


def source_digest(*kernels: Any) -> str:
    """SHA-256 of the meaning of compiled functions and of all that they use: no compiled code outlives its source."""
    return sha256("".join(meaning_of(kernel) for kernel in kernels).encode()).hexdigest()
