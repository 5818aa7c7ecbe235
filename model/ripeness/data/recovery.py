"""What an interrupted update leaves in `.update/`, and how it is completed or taken back.

    journal.json    the update counts and is to be completed     new-oil.csv      what the file becomes
    undo.json       the same, but to be taken back               old-oil.csv      what it was
    writer          the id of the process that is writing

The journal names the files with the hashes of their old and new contents, so that a file which is neither, as somebody changed it in
between, is never overwritten. Each step can be broken off and begun again. All of it happens under the exclusive lock of `data/journal.py`.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ripeness.errors import ContentError, Fault, RipenessError

ROOM = ".update"
JOURNAL, UNDO, NOTE = "journal.json", "undo.json", "writer"
PLAIN_NAME = r"^[^./\\\x00][^/\\\x00]*$"  # of a file in the folder itself, and not a hidden one
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)

_LOG = logging.getLogger(__name__)
_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Change(BaseModel):
    """One file of an update: SHA-256 of its new content and of its old; None where there was no file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=PLAIN_NAME)]
    new: _Hash
    old: _Hash | None


class Journal(BaseModel):
    """The files of an update."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    files: tuple[Change, ...]


def is_left(folder: Path, shown: Path) -> bool:
    """Whether an interrupted update is to be recovered before anything is read; to be asked under a lock.

    Raises
    ------
    ContentError
        If there is one but the folder may not be written to.
    """
    room = folder / ROOM
    if not room.is_dir():
        return False
    if os.access(folder, os.W_OK) and os.access(room, os.W_OK):
        return True
    if (room / JOURNAL).exists() or (room / UNDO).exists():
        raise _forbidden(shown)
    return False  # the files are still the old ones


def recover(folder: Path, shown: Path) -> str | None:
    """Complete or take back what an interrupted update has left, and log what was done.

    Returns
    -------
    str or None
        What was done, in a sentence; None if nothing had been begun.

    Raises
    ------
    ContentError
        If a file was changed by hand since, if what is left is damaged, or if the folder may not be written to.
    RipenessError
        If the disk refuses.
    """
    room = folder / ROOM
    if not room.is_dir():
        return None
    done = None
    try:
        if any(room.iterdir()):
            done = "An update that was interrupted has been taken back: nothing of it was kept."
        (room / NOTE).unlink(missing_ok=True)
        if (room / JOURNAL).exists():
            names = settle(folder, shown, JOURNAL)
            done = f"An update that was interrupted has been completed: {', '.join(names)}."
            clear(folder)
        else:
            take_back(folder, shown)
    except OSError as error:
        if error.errno in FORBIDDEN:
            raise _forbidden(shown) from error
        said = f"{shown.as_posix()}: {in_words(error)}: an update was interrupted and could not be completed or taken back yet"
        raise RipenessError(said) from error
    if done:
        _LOG.warning("%s", done)
    return done


def take_back(folder: Path, shown: Path) -> None:
    """Bring the old files back, if any was replaced, and clear away the rest.

    Raises
    ------
    ContentError
        As `settle`.
    OSError
        If the disk refuses.
    """
    room = folder / ROOM
    if (room / JOURNAL).exists():
        os.replace(room / JOURNAL, room / UNDO)
        sync(room)
    if (room / UNDO).exists():
        settle(folder, shown, UNDO)
    clear(folder)


def settle(folder: Path, shown: Path, name: str) -> list[str]:
    """Put every file of a journal into its place, the new one or, by undo.json, the old one; those already there stay.

    Returns
    -------
    list of str
        The names of the files.

    Raises
    ------
    ContentError
        Before anything is moved, if a file is neither the old nor the new one, or what is to be put in its place is damaged.
    OSError
        If the disk refuses.
    """
    room = folder / ROOM
    changes = _read_journal(room / name, shown / ROOM / name).files
    moves: list[tuple[Path | None, Path]] = []
    faults = []
    for change in changes:
        path, source = folder / change.name, room / f"{'new' if name == JOURNAL else 'old'}-{change.name}"
        wanted, other = (change.new, change.old) if name == JOURNAL else (change.old, change.new)
        there = digest(content(path))
        if there == wanted:
            continue
        if there not in (other, None):
            mend = "move your file out of the folder, run the command again, then enter your change anew"
            faults.append(changed_by_hand(shown / change.name, mend))
        elif wanted is not None and digest(content(source)) != wanted:
            mend = f"restore the whole folder from its history and remove {(shown / ROOM).as_posix()}"
            faults.append(Fault(shown / ROOM / source.name, None, "no file or a changed one", "what the interrupted update wrote", mend))
        else:
            moves.append((None if wanted is None else source, path))
    if faults:
        raise ContentError(faults)
    for origin, path in moves:
        if origin is None:
            path.unlink(missing_ok=True)
        else:
            os.replace(origin, path)
    sync(folder)
    return [change.name for change in changes]


def clear(folder: Path) -> None:
    """Remove `.update/`, the journal last: as long as it is there, it is true."""
    room = folder / ROOM
    if room.is_dir():
        for path in sorted(room.iterdir(), key=lambda path: (path.name in (JOURNAL, UNDO), path.name)):
            path.unlink()
        room.rmdir()
        sync(folder)


def content(path: Path) -> bytes | None:
    """The bytes of a file; None if there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def digest(found: bytes | None) -> str | None:
    """SHA-256 of a content, in hexadecimal; None of no file."""
    return None if found is None else hashlib.sha256(found).hexdigest()


def write(path: Path, new: bytes, mode: int | None = None) -> None:
    """Write a file, with the permissions given, and wait until the disk has it."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        if mode is not None:
            os.fchmod(file, mode)
        rest = memoryview(new)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def sync(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def changed_by_hand(shown: Path, mend: str) -> Fault:
    """The fault of a file that somebody else changed during an update."""
    return Fault(shown, None, "a file changed by hand during an update", "the file as the update found it, or as it left it", mend)


def in_words(error: OSError) -> str:
    """Why the system refused, in small letters."""
    if error.errno == errno.ENOSPC:
        return "no space left on the device"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _read_journal(path: Path, shown: Path) -> Journal:
    try:
        return Journal.model_validate_json(path.read_bytes())
    except ValidationError:
        mend = f"restore the whole folder from its history and remove {shown.parent.as_posix()}"
        raise ContentError(Fault(shown, None, "a journal that cannot be read", "the journal of an interrupted update", mend)) from None


def _forbidden(shown: Path) -> ContentError:
    mend = "run the command once as someone who may write there"
    return ContentError(Fault(shown / ROOM, None, "an interrupted update in a folder that may not be written to", "none", mend))
