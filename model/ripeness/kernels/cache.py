"""Where compiled code is kept, and what names it: a folder that nobody else can write to, and digests of what the code means.

Numba's own cache looks at the file in which a function stands, not at what it calls, and looks for a folder wherever it may, even below the
current one. What it loads it unpickles, which can run anything. So every kernel has a cache of our own kind:

- It lies in one folder (:func:`cache_folder`), which belongs to us and which no other user can write to or exchange for another.
- Its files are named and stamped by a digest of the function's bytecode and of everything the bytecode names (:func:`meaning_of`), of which
  docstrings, comments, line numbers and line ends are no part. Numba adds its own version, the processor, and the types called with.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from types import CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numpy as np
import platformdirs
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.core.compiler_lock import global_compiler_lock
from numba.core.types import Type
from numba.core.typing import Signature

PACKAGE = Path(__file__).resolve().parents[1]
TAG = f"py{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
HOLDS_KERNELS = re.compile(rb"^\s*(?:from|import)\s+ripeness\.kernels\b", re.MULTILINE)
FOLDER = re.compile(rf"kernels-(?:{TAG}-)?[0-9a-f]{{16}}")

log = logging.getLogger(__name__)


def meaning_of(function: Any) -> str:
    """SHA-256 of what a function does: its bytecode, and every compiled function and value that it names, as they are now.

    Parameters
    ----------
    function : callable
        Compiled or not.

    Raises
    ------
    TypeError
        If it names an object that is no function, type, module, number, text, array or collection of such.
    """
    functions, parts = [function], []
    for each in functions:  # grows
        own, followed = _describe(each)
        functions += [other for other in followed if not any(other is known for known in functions)]
        parts.append(f"{own} {[next(i for i, known in enumerate(functions) if known is other) for other in followed]}")
    return sha256("\n".join(parts).encode()).hexdigest()


def canonical(value: Any) -> str:
    """Text that is the same for equal values and differs for others; types and functions that numba did not compile go by their name.

    Raises
    ------
    TypeError
        If no such text is known for a value of this type.
    """
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, tuple | list):
        return f"{kind}({','.join(map(canonical, value))})"
    if isinstance(value, set | frozenset):
        return f"{kind}({','.join(sorted(map(canonical, value)))})"
    if isinstance(value, dict):
        return f"{kind}({','.join(sorted(canonical(item) for item in value.items()))})"
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return f"{kind}({value.dtype.str},{value.shape},{value.flags.c_contiguous},{sha256(value.tobytes()).hexdigest()})"
    if isinstance(value, int | float | complex | str | bytes | slice | range | np.generic | np.dtype | Type | Signature):
        return f"{kind}({value!r})"
    if value is None or value is Ellipsis:
        return kind
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, type):
        fields = canonical((getattr(value, "_fields", ()), getattr(value, "_field_defaults", {})))
        return f"type {value.__module__}.{value.__qualname__} {fields}"
    if callable(value) and hasattr(value, "__name__"):
        return f"function {getattr(value, '__module__', None)}.{getattr(value, '__qualname__', value.__name__)}"
    raise TypeError(f"a kernel names an object of type {kind}, of whose meaning no digest can be taken: {value!r}")


@cache
def _describe(dispatcher: Any) -> tuple[str, tuple[Any, ...]]:
    """A function's own meaning, and what else has to be described: the functions among what it names."""
    function = getattr(dispatcher, "__wrapped__", dispatcher)
    scope, names = function.__globals__, _names_of(function.__code__)
    used = [*(function.__defaults__ or ()), *(cell.cell_contents for cell in function.__closure__ or ())]
    for name in names:  # attributes too, which at worst adds what is not needed
        if name in scope:
            used.append(scope[name])
        if isinstance(scope.get(name), ModuleType) and _root(scope[name].__name__) == _root(function.__module__):
            used += [vars(scope[name])[attribute] for attribute in names if attribute in vars(scope[name])]
    texts = [_describe_code(function.__code__), type(dispatcher).__qualname__, canonical(getattr(dispatcher, "targetoptions", None))]
    followed = tuple(value for value in used if _is_followed(value, function))
    texts += ["followed" if _is_followed(value, function) else canonical(value) for value in used]
    return sha256("\n".join(texts).encode()).hexdigest(), followed


def _is_followed(value: Any, function: FunctionType) -> bool:
    """Whether what a name stands for becomes part of the compiled function: all that numba compiled, and functions of the same package."""
    if isinstance(value, FunctionType):
        return _root(value.__module__) == _root(function.__module__)
    return _root(type(value).__module__) == "numba" and isinstance(getattr(value, "__wrapped__", None), FunctionType)


def _root(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _names_of(code: CodeType) -> list[str]:
    """The names of globals and attributes that bytecode reads, that of functions within it too."""
    inside = [name for each in code.co_consts if isinstance(each, CodeType) for name in _names_of(each)]
    return list(dict.fromkeys([*code.co_names, *inside]))


def _describe_code(code: CodeType) -> str:
    """What bytecode does, without where it stands and what is said about it."""
    constants = list(code.co_consts)
    if constants and isinstance(constants[0], str) and code.co_flags & 0x2 and not code.co_name.startswith("<"):
        constants[0] = None  # the docstring
    parts = [code.co_code.hex(), code.co_exceptiontable.hex(), str(code.co_flags), str((code.co_argcount, code.co_kwonlyargcount))]
    parts += [canonical((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars))]
    parts += [_describe_code(each) if isinstance(each, CodeType) else canonical(each) for each in constants]
    return sha256("\n".join(parts).encode()).hexdigest()


def sources_digest() -> str:
    """SHA-256 of the meaning of all modules of this package that hold kernels, and of the compiler's version."""
    digest = sha256(llvmlite.__version__.encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        if HOLDS_KERNELS.search(content):
            code = compile(content, path.name, "exec", dont_inherit=True, optimize=2)
            digest.update(f"{path.relative_to(PACKAGE).as_posix()} {_describe_code(code)}".encode())
    return digest.hexdigest()


def cache_folder() -> Path | None:
    """The folder of this state of the package's kernels, the same for all threads; None if there is no safe one.

    The first of these that can be written by us and by nobody else: the package's `__pycache__`, the user's cache folder, the folder that the
    environment variable NUMBA_CACHE_DIR names. A new folder takes the place of those of earlier states. A process that still runs with such a
    state has loaded what it needs, or compiles it anew.
    """
    with global_compiler_lock:
        return _cache_folder()


@cache
def _cache_folder() -> Path | None:
    name = f"kernels-{TAG}-{sources_digest()[:16]}"
    for parent in _parents():
        folder = parent / name
        try:
            new = not folder.exists()
            if make_safe_folder(folder):
                if new:
                    _remove_earlier(folder)
                return folder
        except OSError:
            continue
    log.warning(
        "compiled code is not kept, so every start compiles for about half a minute: neither the package's folder nor your cache folder can be "
        "written by you and by nobody else. Set NUMBA_CACHE_DIR to the absolute path of a folder of your own."
    )
    return None


def _parents() -> Iterator[Path]:
    """Where the folder may lie. An installation keeps to itself, so that two of them do not throw away each other's code."""
    yield PACKAGE / "__pycache__"
    own = sha256(os.fsencode(PACKAGE)).hexdigest()[:16]
    for base in (platformdirs.user_cache_path("ripeness", appauthor=False), Path(os.environ.get("NUMBA_CACHE_DIR", "")) / "ripeness"):
        if base.is_absolute():  # without a home, or with a setting like ".", it would be below the current folder
            yield base / own


def _remove_earlier(folder: Path) -> None:
    """Remove the folders of earlier states of this installation, as far as they are ours."""
    for other in folder.parent.glob("kernels-*"):
        if other != folder and FOLDER.fullmatch(other.name) and not other.is_symlink() and other.stat().st_uid == folder.stat().st_uid:
            rmtree(other, ignore_errors=True)


def make_safe_folder(folder: Path) -> bool:
    """Make a folder that only we can enter, and say whether it is one: ours, no link, and nobody else can write to it or exchange it.

    Raises
    ------
    OSError
        If it cannot be made or looked at.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    if not all(map(_is_safe, folder.parents[max(len(missing) - 1, 0) :])):
        return False
    for place in reversed(missing):
        place.mkdir(0o755 if place.name == "__pycache__" else 0o700, exist_ok=True)
    found = folder.lstat()
    return (
        stat.S_ISDIR(found.st_mode)
        and all(_is_safe(place) for place in {*folder.parents, *folder.resolve().parents})
        and (not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not _others_write(found)))
        and os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    )


def _is_safe(place: Path) -> bool:
    """Whether only we or the administrator can exchange what is in a folder (or where a link points). On Windows a profile is its user's own."""
    found = place.lstat()
    if not hasattr(os, "getuid"):
        return True
    trusted = found.st_uid in (0, os.getuid())
    return trusted and (stat.S_ISLNK(found.st_mode) or bool(found.st_mode & stat.S_ISVTX) or not _others_write(found))


def _others_write(found: os.stat_result) -> bool:
    """Whether somebody besides the owner can write; a group of one's own, which many systems give each user, is nobody else."""
    return bool(found.st_mode & stat.S_IWOTH) or (bool(found.st_mode & stat.S_IWGRP) and not _is_own_group(found.st_gid))


def _is_own_group(number: int) -> bool:
    if sys.platform == "win32":
        return True
    import grp
    import pwd

    try:
        group, user = grp.getgrgid(number), pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


class KernelCache(FunctionCache):
    """Numba's cache of one function's compiled code, in :func:`cache_folder`; it is opened when the function is first compiled.

    What cannot be read counts as not there; what cannot be written is not kept.
    """

    def __init__(self, dispatcher: Any) -> None:
        self._dispatcher, self._py_func, self._name = dispatcher, dispatcher.__wrapped__, dispatcher.__name__
        self._impl = _KernelCacheImpl(dispatcher.__wrapped__)
        self.enable()

    @staticmethod
    def open(dispatcher: Any) -> Any:
        """Give a dispatcher or CFunc its cache, if its function has a name of its own (no lambda, no function in a function)."""
        if hasattr(dispatcher, "_cache") and "<" not in dispatcher.__qualname__:
            dispatcher._cache = KernelCache(dispatcher)
        return dispatcher

    @property
    def cache_path(self) -> str | None:
        """The folder."""
        folder = cache_folder()
        return None if folder is None else str(folder)

    @cached_property
    def _cache_file(self) -> Any:
        stamp = meaning_of(self._dispatcher)
        name = f"{self._py_func.__module__.rpartition('.')[2]}.{self._py_func.__qualname__}"
        return _KernelCacheFile(self.cache_path, f"{name}-{stamp[:16]}.{TAG}", stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Compiled code for a signature, or None."""
        if not self._can_keep():
            return None
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a torn or foreign file can raise anything
            log.warning("compiled code of %s could not be read and is made anew (%s: %s)", self._name, type(error).__name__, error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code for a signature."""
        if not self._can_keep():
            return
        try:
            super().save_overload(sig, data)
        except OSError as error:
            log.warning("compiled code of %s is not kept (%s)", self._name, error)

    def _can_keep(self) -> bool:
        if self._enabled and cache_folder() is not None:
            try:
                return self._cache_file is not None
            except TypeError as error:
                log.warning("compiled code of %s is not kept: %s", self._name, error)
        self.disable()
        return False


class _KernelCacheImpl(CompileResultCacheImpl):
    """How a compile result becomes bytes, without numba's search for a folder."""

    def __init__(self, function: FunctionType) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Locator()


class _Locator:
    """Where numba is to look, and nowhere else: the one folder."""

    def ensure_cache_path(self) -> None:
        """Make the folder again if a process with other code has removed it."""
        folder = cache_folder()
        if folder is None or not make_safe_folder(folder):
            raise PermissionError(f"{folder} can be written by others")

    def get_cache_path(self) -> str:
        """The folder."""
        return str(cache_folder())


class _KernelCacheFile(IndexDataCacheFile):
    """An index and its files of compiled code, named by what they hold: of two processes that write at once, none takes the other's name."""

    def save(self, key: Any, data: Any) -> None:
        """Keep compiled code, and then say so in the index."""
        overloads = self._load_index()
        overloads[key] = self._index_name.removesuffix("nbi") + sha256(repr(key).encode()).hexdigest()[:16] + ".nbc"
        self._save_data(overloads[key], data)
        self._save_index(overloads)
