"""`ripeness` and `python -m ripeness`."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import sys
import tempfile
from io import TextIOWrapper
from pathlib import Path


def main() -> None:
    """Run the command line; exits with 0, 1 (refused) or 2 (usage)."""
    # matrices are small, and draws, fits and origins run side by side: a second thread of BLAS in each of them halves the speed
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    find_home()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old console lacks letters; what it has not got is a question mark there
    from ripeness.cli.app import app

    app(prog_name="ripeness")


def find_home() -> None:
    """Give the libraries, which keep compiled code below the home folder, another one if there is none that can be written.

    Some of them stop at import without it; and with an empty or relative HOME they look for code in the current folder. The folder is the one
    that NUMBA_CACHE_DIR names, or else a temporary one.
    """
    home, named = Path(os.environ.get("HOME", os.path.expanduser("~"))), Path(os.environ.get("NUMBA_CACHE_DIR", ""))
    if os.name == "nt" or (home.is_absolute() and os.access(home, os.W_OK | os.X_OK)):
        return
    if not named.is_absolute():
        named = Path(tempfile.mkdtemp(prefix="ripeness-"))
        atexit.register(shutil.rmtree, named, ignore_errors=True)
        os.environ.pop("NUMBA_CACHE_DIR", None)
        logging.getLogger(__name__).warning(
            "there is no home folder that can be written, so compiled code is not kept and every start compiles anew. "
            "Set NUMBA_CACHE_DIR to the absolute path of a folder of your own."
        )
    os.environ["HOME"] = str(named)


if __name__ == "__main__":
    main()
