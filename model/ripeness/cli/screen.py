"""What the commands print with: tables and JSON on stdout, progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ripeness.errors import Fault, printable

WIDTH_OF_PIPE = 140


def open_console() -> Console:
    """A console on stdout; where that is no terminal, wide enough that tables are not cut."""
    return Console(width=None if sys.stdout.isatty() else WIDTH_OF_PIPE, highlight=False)


def print_json(value: Any) -> None:
    """Print a value as JSON with sorted keys; dates as ISO text, NaN refused; letters that the console lacks are escaped."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    sys.stdout.write(text)


def shown_path(path: Path, root: Path) -> str:
    """A path as it is shown: below the workspace from there, else whole."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def json_cell(cell: Any) -> Any:
    """A cell of a table as JSON has it: days as text, nothing for what is missing."""
    if cell is None or cell != cell:  # NaN and NaT differ from themselves
        return None
    return cell.date().isoformat() if isinstance(cell, datetime) else cell


def json_fault(fault: Fault) -> dict[str, Any]:
    """A fault as JSON has it, in letters that any terminal takes."""
    texts = {name: printable(getattr(fault, name)) for name in ("found", "expected", "mend")}
    return {"path": printable(fault.path.as_posix()), "line": fault.line, **texts}


@contextmanager
def show_progress() -> Iterator[Callable[[str], None]]:
    """Give a function that tells what is being done: a spinner on a terminal, a line for each step elsewhere; on stderr."""
    if not sys.stderr.isatty():
        yield lambda step: print(step, file=sys.stderr, flush=True)
        return
    console = Console(stderr=True, highlight=False)
    with console.status(Text("starting")) as status:
        yield lambda step: status.update(Text(step))
