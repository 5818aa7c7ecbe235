"""What can go wrong, said so that the reader can mend it: file, line, what was found, what was expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

MOST_SHOWN = 300  # letters of what was found
MOST_REPORTED = 100  # faults of one kind reported one by one: more are a fault of the whole file
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]|\r(?!\n)")


class RipenessError(Exception):
    """Base of every error that Ripeness raises on purpose; the command line prints it without a traceback."""

    exit_code = 1


class UsageError(RipenessError):
    """The command was called with words it does not know (exit code 2)."""

    exit_code = 2


class GateError(RipenessError):
    """A fit failed its gate, so no probability may be published."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong in one place of a file that a person edits.

    Parameters
    ----------
    path : Path
        The file, as it is to be shown (relative to the workspace).
    line : int or None
        Line of the file, counted from 1; None where the fault is the file's as a whole.
    found, expected, mend : str
        What stands there, what should, and how to put it right.
    """

    path: Path
    line: int | None
    found: str
    expected: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.path.as_posix()}, line {self.line}" if self.line else self.path.as_posix()
        end = "" if self.mend.endswith("?") else "."
        return printable(f"{place}: found {printable(self.found, MOST_SHOWN)}; expected {self.expected}. To mend: {self.mend}{end}")


class ContentError(RipenessError):
    """The content of one or more files is refused; holds every fault found, not only the first.

    Parameters
    ----------
    faults : sequence of Fault
        At least one fault, in the order of the files.
    """

    def __init__(self, faults: Fault | Sequence[Fault]):
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def printable(text: str, most: int | None = None) -> str:
    """A text from outside as it may be shown on a terminal: no control characters, no halves of letters, of `most` letters at the most."""
    shown = text if most is None or len(text) <= most else f"{text[:most]}…"
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in shown)


def has_controls(text: str) -> bool:
    """Whether a text from outside would steer a terminal or break a page: control characters but tabs and ends of lines, and marks that turn the order of letters."""
    return _CONTROLS.search(text) is not None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Ask whether the known word nearest to `word` was meant, or list the known ones."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return "choose one of those known: " + ", ".join(sorted(known))
