"""Where compiled code is kept: one safe folder for all threads, nothing from the current folder, nothing from older code."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from numba import types

from ripeness.kernels import cache
from ripeness.kernels.compilation import callback, compile_source, compiled, inner

ROOT = Path(cache.__file__).parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes of files")

MADE_UP = """
    from ripeness.kernels.compilation import compiled, inner
    from ripeness.numbers import FACTOR

    @inner
    def called(x):
        \"\"\"Something is said here.\"\"\"
        return x + 1.0

    @compiled
    def kernel(x):
        return FACTOR * called(x)
"""

# Compiles something first, so that all of numba is loaded, and becomes a user without rights before it loads the package.
CHILD = """
    import json, os, sys, threading, time, logging
    import llvmlite, numba, numpy as np, platformdirs
    from numba.core import config
    numba.njit(lambda x: x + 1.0)(1.0)
    if hasattr(os, "getuid") and os.getuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    sys.path.insert(0, sys.argv[1])
    opened = []
    here = os.getcwd() + os.sep
    def watch(event, arguments):
        if event in ("open", "os.listdir", "os.scandir", "os.mkdir") and os.path.abspath(str(arguments[0])).startswith(here):
            opened.append(f"{event} {arguments[0]}")
    settings = dict(vars(config))
    logged = []
    class Listen(logging.Handler):
        def emit(self, record): logged.append(record.getMessage())
    logging.getLogger("ripeness").addHandler(Listen())
    from ripeness.kernels import cache, compilation
    answer = {}
    sys.addaudithook(watch)
"""
END = """
    folder = cache.cache_folder()
    answer |= {"folder": folder and str(folder), "opened": opened, "logged": logged, "settings": settings == {k: vars(config)[k] for k in settings}}
    print(json.dumps(answer))
"""
ONE_KERNEL = """
    from ripeness.made_up import kernel
    answer["value"] = kernel(2.0)
    answer["hits"] = sum(kernel.stats.cache_hits.values())
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that another user can read too."""
    folder = Path(tempfile.mkdtemp(prefix="ripeness-test-")).resolve()
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def package(place: Path) -> Path:
    """The package's kernels, installed where the user cannot write, with a kernel that uses a number of a module without kernels."""
    package = place / "model" / "ripeness"
    shutil.copytree(ROOT / "ripeness" / "kernels", package / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "ripeness" / "__init__.py", package)
    (package / "numbers.py").write_text("FACTOR = 3.0\n")
    (package / "made_up.py").write_text(dedent(MADE_UP))
    for path in (package, *package.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for name in ("home", "here", "own"):
        (place / name).mkdir()
        if hasattr(os, "getuid") and os.getuid() == 0:
            os.chown(place / name, 65534, 65534)
    return package


def run(place: Path, code: str = ONE_KERNEL, **environment: str) -> dict[str, Any]:
    """Run code as a user who cannot write to the package, in a folder of its own."""
    base = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "NUMBA_", "RIPENESS_", "COVERAGE"))}
    base |= {"HOME": str(place / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", dedent(CHILD) + dedent(code) + dedent(END), str(place / "model")]
    found = subprocess.run(command, cwd=place / "here", env=base | environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def change(path: Path, old: bytes, new: bytes) -> None:
    """Change a file as an administrator does, who leaves its time as it was."""
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(old, new))
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@posix
def test_a_package_that_cannot_be_written_keeps_its_code_with_the_user_and_never_old_code(place: Path, package: Path) -> None:
    first, second = run(place), run(place)
    assert (first["value"], first["hits"], second["value"], second["hits"]) == (9.0, 0, 9.0, 1)
    folder = Path(first["folder"])
    assert folder.is_relative_to(place / "home") and folder.stat().st_mode & 0o777 == 0o700

    change(package / "made_up.py", b"\n", b"\r\n")
    change(package / "made_up.py", b"Something", b"# Else")
    assert run(place) | {"hits": 1} == second  # the meaning is the same

    change(package / "made_up.py", b"x + 1.0", b"x + 2.0")
    changed = run(place)
    assert (changed["value"], changed["hits"]) == (12.0, 0)
    assert not folder.exists() and Path(changed["folder"]).is_dir()

    change(package / "numbers.py", b"3.0", b"4.0")
    assert run(place)["value"] == 16.0


@posix
def test_without_a_home_it_compiles_and_says_once_that_it_keeps_nothing(place: Path, package: Path) -> None:
    relative = {"HOME": "/nonexistent", "XDG_CACHE_HOME": ".", "NUMBA_CACHE_DIR": "."}
    for environment in ({"HOME": "/nonexistent"}, {"HOME": ""}, relative):
        found = run(place, **environment)
        assert (found["value"], found["folder"], found["opened"], found["settings"]) == (9.0, None, [], True)
        assert len(found["logged"]) == 1 and "NUMBA_CACHE_DIR" in found["logged"][0]
    (place / "here" / ".numba_config.yaml").write_text(f"cache_dir: {place / 'here'}\n")  # numba takes it for settings of its own
    assert run(place, HOME="/nonexistent")["folder"] is None
    assert [path.name for path in (place / "here").iterdir()] == [".numba_config.yaml"]
    named = {"HOME": "/nonexistent", "NUMBA_CACHE_DIR": str(place / "own")}
    assert (run(place, **named)["hits"], run(place, **named)["hits"]) == (0, 1)
    assert Path(run(place, **named)["folder"]).is_relative_to(place / "own")


THREADS = """
    from numba.core import caching
    from numba import types
    real = caching._CacheLocator.get_suitable_cache_subpath.__func__
    def slow(cls, path):
        found = real(cls, path); time.sleep(0.2); return found
    caching._CacheLocator.get_suitable_cache_subpath = classmethod(slow)
    safe = cache.make_safe_folder
    def slow_safe(folder):
        seen.add(str(folder)); dirs.add(config.CACHE_DIR); time.sleep(0.2); dirs.add(config.CACHE_DIR); return safe(folder)
    cache.make_safe_folder = slow_safe
    seen, dirs, made = set(), set(), []
    from ripeness.made_up import called, kernel
    source = "def total(x):\\n    return called(x) * 2.0\\n"
    def work(delay):
        time.sleep(delay)
        own = compilation.callback(kernel.py_func, types.float64(types.float64))
        text = compilation.compile_source(source, "total", types.float64(types.float64), {"called": called})
        made.append((own.ctypes(1.0), text.ctypes(1.0), kernel(1.0), text))
    threads = [threading.Thread(target=work, args=(delay,)) for delay in (0, 0.1)]
    [thread.start() for thread in threads]; [thread.join() for thread in threads]
    answer |= {"values": [each[:3] for each in made], "same": made[0][3] is made[1][3], "dirs": sorted(dirs), "folders": len({str(cache.cache_folder())} | {
        path for path in seen if os.path.isdir(path)})}
"""


@posix
def test_threads_share_one_folder_and_nothing_planted_in_the_current_folder_is_opened(place: Path, package: Path) -> None:
    from numba.core.caching import _CacheLocator

    for path in (package / "made_up.py", package / "kernels" / "compilation.py"):
        planted = place / "here" / _CacheLocator.get_suitable_cache_subpath(str(path))
        planted.mkdir(exist_ok=True)
        for name, line in (("kernel", 11), ("called", 6), ("total", 1)):
            (planted / f"{path.stem}.{name}-{line}.{cache.TAG}.nbi").write_bytes(b"cos\nsystem\n(S'touch PWNED'\ntR.")
    found = run(place, THREADS)
    assert found["values"] == [[6.0, 4.0, 6.0]] * 2
    assert found["opened"] == [] and not (place / "here" / "PWNED").exists()
    assert (found["same"], len(found["dirs"]), found["folders"], found["settings"]) == (True, 1, 1, True)


GENERATED = """
    from numba import types
    from ripeness.made_up import called
    source = "def total(x):\\n    return called(x) * WEIGHT\\n"
    value = types.float64(types.float64)
    function = compilation.compile_source(source, "total", None, {"called": called, "WEIGHT": 2.0})
    other = compilation.compile_source(source, "total", None, {"called": called, "WEIGHT": 5.0})
    for_c = compilation.compile_source(source, "total", value, {"called": called, "WEIGHT": 2.0})
    answer["values"] = [function(1.0), other(1.0), for_c.ctypes(1.0)]
    answer["hits"] = [sum(function.stats.cache_hits.values()), sum(other.stats.cache_hits.values()), for_c.cache_hits]
"""


@posix
def test_generated_source_is_kept_and_found_by_the_next_process(place: Path, package: Path) -> None:
    first, second = run(place, GENERATED), run(place, GENERATED)
    assert first["values"] == second["values"] == [4.0, 10.0, 4.0]
    assert (first["hits"], second["hits"]) == ([0, 0, 0], [1, 1, 1])


def test_generated_source_has_helpers_of_its_own_and_shows_its_lines() -> None:
    text = "@inner\ndef helper(x):\n    return x {} 2.0\n\ndef total(x):\n    return helper(x)\n"
    names = {"inner": inner}
    total, other = (compile_source(text.format(sign), "total", None, names) for sign in "+-")
    assert (total(1.0), other(1.0)) == (3.0, -1.0)
    assert total is compile_source("# said\n" + text.format("+"), "total", None, names)
    assert names == {"inner": inner}
    with pytest.raises(KeyError, match="no function totals"):
        compile_source(text.format("+"), "totals", None, names)
    with pytest.raises(TypeError, match="no digest"):
        compile_source("def f(x):\n    return x + y", "f", None, {"y": object()})
    import inspect

    assert "return helper(x)" in inspect.getsource(total.py_func)


def test_the_meaning_of_a_function_is_what_it_does() -> None:
    def make(text: str, **names: Any) -> str:
        scope: dict[str, Any] = {"compiled": compiled, "inner": inner, "np": np, "math": math, **names}
        exec(compile(dedent(text), "made up", "exec"), scope)
        return cache.meaning_of(scope["f"])

    plain = make("def f(x):\n    'one'\n    return x + y", y=1.0)
    assert plain == make("# more\n\ndef f(x):\n    'other'  # here\n    return (x +\n        y)", y=1.0)
    others = [
        make("def f(x):\n    'one'\n    return x - y", y=1.0),
        make("def f(x):\n    'one'\n    return x + y", y=-0.0),
        make("def f(x):\n    'one'\n    return x + y", y=0.0),
        make("def f(x):\n    'one'\n    return x + y", y=1),
        make("def f(x):\n    'one'\n    return x + y", y=np.ones(2)),
        make("def f(x):\n    'one'\n    return x + y", y=np.ones((2, 1))),
        make("def f(x):\n    return y(x)", y=namedtuple("P", "a b")),
        make("def f(x):\n    return y(x)", y=namedtuple("P", "b a")),
        make("@inner\ndef g(x):\n    return x\n\ndef f(x):\n    return g(x)"),
        make("@inner\ndef g(x):\n    return x + 1\n\ndef f(x):\n    return g(x)"),
        make("@compiled\ndef f(x):\n    return x"),
        make("def f(x):\n    return x"),
        make("def fast(g):\n    return compiled(g, fastmath=True)\n\n@fast\ndef f(x):\n    return x"),
        make("def f(x, z=1):\n    return x"),
        make("def f(x, z=2):\n    return x"),
    ]
    assert len({plain, *others}) == len(others) + 1


@posix
def test_only_a_folder_that_nobody_else_can_change_is_safe(place: Path) -> None:
    def at(mode: int, *parts: str) -> Path:
        folder = place.joinpath(*parts)
        folder.mkdir()
        folder.chmod(mode)
        return folder

    assert cache.make_safe_folder(place / "new" / "inside") and (place / "new").stat().st_mode & 0o777 == 0o700
    assert not cache.make_safe_folder(at(0o777, "open"))
    assert not cache.make_safe_folder(at(0o1777, "sticky"))
    assert not cache.make_safe_folder(place / "open" / "inside") and not (place / "open" / "inside").exists()
    assert cache.make_safe_folder(place / "sticky" / "inside")
    (place / "link").symlink_to(place / "new" / "inside")
    assert not cache.make_safe_folder(place / "link")
    (place / "open" / "kept").mkdir()
    (place / "round").symlink_to(place / "open" / "kept")
    assert not cache.make_safe_folder(place / "round" / "inside")
    if os.getuid() == 0:
        os.chown(at(0o755, "foreign"), 65534, 65534)
        assert not cache.make_safe_folder(place / "foreign")
        assert not cache.make_safe_folder(place / "foreign" / "inside")


def number(x: float) -> float:
    return x + 1.0


def other_number(x: float) -> float:
    return x + 2.0


def test_a_torn_file_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    tmp_path.chmod(0o700)
    signature = types.float64(types.float64)
    for ending in ("nbc", "nbi"):
        for _ in range(2):
            made = callback(number, signature)
        assert made.cache_hits == 1 and not caplog.records
        (path,) = tmp_path.glob(f"*.{ending}")
        path.write_bytes(path.read_bytes()[:20])
        again = callback(number, signature)
        assert (again.cache_hits, again.ctypes(1.0)) == (0, 2.0)
        assert "could not be read" in caplog.text
        caplog.clear()
        assert callback(number, signature).cache_hits == 1


def test_two_processes_that_write_at_once_never_take_each_others_code(tmp_path: Path) -> None:
    one, two = (cache._KernelCacheFile(str(tmp_path), "kernel", "stamp") for _ in range(2))
    write = one._save_index

    def write_late(overloads: Any) -> None:  # the other process comes between code and index
        two.save("key of two", "code of two")
        write(overloads)

    one._save_index = write_late
    one.save("key of one", "code of one")
    reader = cache._KernelCacheFile(str(tmp_path), "kernel", "stamp")
    assert reader.load("key of one") == "code of one"
    assert reader.load("key of two") in (None, "code of two")
    assert cache._KernelCacheFile(str(tmp_path), "kernel", "another stamp").load("key of one") is None
