"""Several files of a folder changed as one: all of them or none, whatever interrupts.

    with writing(folder, shown) as update:
        rows = update.read("oil.csv")
        update.replace("oil.csv", rows + new_rows)
        update.replace("updates.csv", batches)

The new contents and copies of the old are written to `.update/` beside the files; then a journal that names them, with their hashes, is
renamed into place there. That moment decides: before it the update never was; after it each file is replaced, by this command or, if it is
killed or the power fails, by the next that reads or writes. Where the disk refuses on the way, the old files come back. When no update is
under way there is no `.update/`:

    journal.json    the update counts and is to be completed     new-oil.csv    what the file becomes
    undo.json       the same, but to be taken back               old-oil.csv    what it was
    writer          the id of the process that is writing

A file that is neither its old nor its new content, as somebody changed it in between, is never overwritten. Each step can be broken off and
begun again. What a recovery did is logged as a warning, which reaches stderr: a refusal that follows would hide it otherwise.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ripeness.errors import ContentError, Fault, RipenessError
from ripeness.files import FORBIDDEN, FULL, WAIT_SECONDS, digest, is_locked_here, lock, sync_folder

STAGING: Final = ".update"
JOURNAL, UNDO, NOTE = "journal.json", "undo.json", "writer"
PLAIN_NAME: Final = r"^[^./\\\x00][^/\\\x00]*$"  # of a file in the folder itself, and not a hidden one
UNCHANGED: Final = "nothing was changed"

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


class Transaction:
    """An update under way; made by `writing` only.

    Attributes
    ----------
    recovered : str or None
        What was done about an update interrupted earlier, in a sentence.
    """

    def __init__(self, folder: Path, shown: Path, recovered: str | None) -> None:
        self.recovered = recovered
        self._folder = folder
        self._shown = shown
        self._seen: dict[str, str | None] = {}  # hashes of what was read
        self._staged: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        """The file as it stands, without what this update replaces; None if there is none.

        Raises
        ------
        ValueError
            If `name` is not the plain name of a file.
        """
        found = _content(self._folder / _plain(name))
        self._seen.setdefault(name, _digest(found))
        return found

    def replace(self, name: str, content: bytes) -> None:
        """Let the file have a whole new content once the update ends; its permissions stay.

        Raises
        ------
        ValueError
            If `name` is not the plain name of a file.
        ContentError
            If there is something of this name that is no file of its own.
        """
        path = self._folder / _plain(name)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            found = "a link" if path.is_symlink() else "a folder or the like"
            mend = "put the file itself in its place"
            raise ContentError(Fault(self._shown / name, None, found, "a file that an update may replace", mend))
        self._staged[name] = content

    def commit(self) -> None:
        """Replace what is staged, all or nothing; `writing` does it.

        Raises
        ------
        ContentError
            If a file that was read has changed since.
        RipenessError
            If the disk refuses.
        """
        try:
            self._check_unchanged()
            changes = self._stage()
            if changes:
                self._write_journal(changes)  # from here on the update counts
                replay_journal(self._folder, self._shown, JOURNAL)
        except BaseException as error:
            with suppress(OSError):
                take_back(self._folder, self._shown)
            if isinstance(error, OSError):
                raise _refusal(error, self._shown, self._outcome()) from error
            raise
        with suppress(OSError):  # everything is in its place: what cannot be cleared away now, the next command clears
            clear(self._folder)

    def _outcome(self) -> str:
        staging = self._folder / STAGING
        if (staging / JOURNAL).exists():
            return "the update was interrupted; the next command completes it"
        return "the update was interrupted; the next command takes it back" if (staging / UNDO).exists() else UNCHANGED

    def _check_unchanged(self) -> None:
        mend = "let nothing else change it meanwhile, and run the command again"
        faults = [
            _changed_by_hand(self._shown / name, mend)
            for name, seen in self._seen.items()
            if _digest(_content(self._folder / name)) != seen
        ]
        if faults:
            raise ContentError(faults)

    def _stage(self) -> list[Change]:
        staging = self._folder / STAGING
        changes = []
        for name, new in self._staged.items():
            path = self._folder / name
            old, mode = _content(path), None
            if old == new:
                continue
            if old is not None:
                mode = stat.S_IMODE(path.stat().st_mode)
                _write(staging / f"old-{name}", old, mode)
            _write(staging / f"new-{name}", new, mode)
            changes.append(Change(name=name, new=digest(new), old=_digest(old)))
        return changes

    def _write_journal(self, changes: list[Change]) -> None:
        staging = self._folder / STAGING
        part = staging / f"{JOURNAL}.part"
        _write(part, Journal(files=tuple(changes)).model_dump_json(indent=1).encode() + b"\n")
        sync_folder(staging)
        sync_folder(self._folder)
        os.replace(part, staging / JOURNAL)
        sync_folder(staging)


@contextmanager
def writing(folder: Path, shown: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[Transaction]:
    """Change files of a folder as one.

    Waits until nobody else reads or changes the folder, recovers an interrupted update, and on leaving replaces every file staged, or none if
    an exception is on its way. `reading` the same folder inside is allowed and sees the files as they were.

    Parameters
    ----------
    folder, shown : Path
        The folder, and how to name it to the user.
    wait_seconds : float
        How long to wait for others.

    Raises
    ------
    BusyError
        If others did not end in time; names the process that writes.
    ContentError
        If there is no such folder or it may not be written to; if an interrupted update cannot be recovered; if a file read in this update
        was changed by hand before its end. Nothing was changed.
    RipenessError
        If the disk refuses, for want of space above all. Nothing was changed.
    """
    with lock(folder, shown, wait_seconds, note=f"{STAGING}/{NOTE}", sign=False):
        recovered = recover(folder, shown)
        _begin(folder, shown)
        update = Transaction(folder, shown, recovered)
        try:
            yield update
        except BaseException:
            with suppress(OSError):
                clear(folder)
            raise
        update.commit()


@contextmanager
def reading(folder: Path, shown: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[str | None]:
    """Read files of a folder that nobody changes meanwhile; yields what was done about an interrupted update, or None.

    Readers share the folder and do not wait for each other; one that finds an interrupted update has the folder to itself while it recovers
    that. Nothing is created. In a folder that may not be written to, what an update that never counted has left behind is passed over.

    Raises
    ------
    BusyError
        If another command did not end in time; names the process that writes.
    ContentError
        If there is no such folder, or an interrupted update cannot be recovered: files changed by hand since, or no right to write.
    RipenessError
        If the disk refuses during the recovery.
    """
    if is_locked_here(folder):
        yield None
        return
    note, done = f"{STAGING}/{NOTE}", None
    while True:
        with lock(folder, shown, wait_seconds, note, sign=False, shared=True):
            if not _is_left(folder, shown):
                yield done
                return
        with lock(folder, shown, wait_seconds, note, sign=False):  # what is left is of a command that was killed: a living one has the lock
            done = recover(folder, shown) or done


def recover(folder: Path, shown: Path) -> str | None:
    """Complete or take back what an interrupted update has left, and log what was done; under the folder's lock.

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
    staging = folder / STAGING
    if not staging.is_dir() and not staging.is_symlink():
        return None
    done = None
    try:
        if staging.is_symlink():  # none of ours: what it points to is left alone
            staging.unlink()
            return None
        if any(staging.iterdir()):
            done = "An update that was interrupted has been taken back: nothing of it was kept."
        (staging / NOTE).unlink(missing_ok=True)
        if (staging / JOURNAL).exists():
            names = replay_journal(folder, shown, JOURNAL)
            done = f"An update that was interrupted has been completed: {', '.join(names)}."
            clear(folder)
        else:
            take_back(folder, shown)
    except OSError as error:
        if error.errno in FORBIDDEN:
            raise _forbidden(shown) from error
        message = f"{shown.as_posix()}: {_in_words(error)}: an update was interrupted and could not be completed or taken back yet"
        raise RipenessError(message) from error
    if done:
        _LOG.warning("%s", done)
    return done


def take_back(folder: Path, shown: Path) -> None:
    """Bring the old files back, if any was replaced, and clear away the rest.

    Raises
    ------
    ContentError
        As `replay_journal`.
    OSError
        If the disk refuses.
    """
    staging = folder / STAGING
    if (staging / JOURNAL).exists():
        os.replace(staging / JOURNAL, staging / UNDO)
        sync_folder(staging)
    if (staging / UNDO).exists():
        replay_journal(folder, shown, UNDO)
    clear(folder)


def replay_journal(folder: Path, shown: Path, name: str) -> list[str]:
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
    staging = folder / STAGING
    changes = _read_journal(staging / name, shown / STAGING / name).files
    moves: list[tuple[Path | None, Path]] = []
    faults = []
    for change in changes:
        path, source = folder / change.name, staging / f"{'new' if name == JOURNAL else 'old'}-{change.name}"
        wanted, other = (change.new, change.old) if name == JOURNAL else (change.old, change.new)
        there = _digest(_content(path))
        if there == wanted:
            continue
        if there not in (other, None):
            mend = "move your file out of the folder, run the command again, then enter your change anew"
            faults.append(_changed_by_hand(shown / change.name, mend))
        elif wanted is not None and _digest(_content(source)) != wanted:
            mend = f"restore the whole folder from its history and remove {(shown / STAGING).as_posix()}"
            faults.append(Fault(shown / STAGING / source.name, None, "no file or a changed one", "what the interrupted update wrote", mend))
        else:
            moves.append((None if wanted is None else source, path))
    if faults:
        raise ContentError(faults)
    for origin, path in moves:
        if origin is None:
            path.unlink(missing_ok=True)
        else:
            os.replace(origin, path)
    sync_folder(folder)
    return [change.name for change in changes]


def clear(folder: Path) -> None:
    """Remove `.update/`, the journal last: as long as it is there, it is true."""
    staging = folder / STAGING
    if staging.is_dir() and not staging.is_symlink():
        for path in sorted(staging.iterdir(), key=lambda path: (path.name in (JOURNAL, UNDO), path.name)):
            path.unlink()
        staging.rmdir()
        sync_folder(folder)


def _is_left(folder: Path, shown: Path) -> bool:
    """Whether an interrupted update is to be recovered before anything is read."""
    staging = folder / STAGING
    if staging.is_symlink():
        return os.access(folder, os.W_OK)
    if not staging.is_dir():
        return False
    if os.access(folder, os.W_OK) and os.access(staging, os.W_OK):
        return True
    if (staging / JOURNAL).exists() or (staging / UNDO).exists():
        raise _forbidden(shown)
    return False  # the files are still the old ones


def _begin(folder: Path, shown: Path) -> None:
    """Show that the folder can be written to, and leave the process id for those who wait."""
    try:
        (folder / STAGING).mkdir()
        _write(folder / STAGING / NOTE, f"{os.getpid()}\n".encode())
    except OSError as error:
        with suppress(OSError):
            clear(folder)
        raise _refusal(error, shown, UNCHANGED) from error


def _write(path: Path, new: bytes, mode: int | None = None) -> None:
    """Write a file, with the permissions given, and wait until the disk has it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags, 0o666)
    try:
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(file, mode)
        rest = memoryview(new)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def _plain(name: str) -> str:
    if not re.fullmatch(PLAIN_NAME, name):
        raise ValueError(f"'{name}' is not the plain name of a file in the data folder")
    return name


def _content(path: Path) -> bytes | None:
    """The bytes of a file; None if there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _digest(found: bytes | None) -> str | None:
    return None if found is None else digest(found)


def _read_journal(path: Path, shown: Path) -> Journal:
    try:
        return Journal.model_validate_json(path.read_bytes())
    except ValidationError:
        mend = f"restore the whole folder from its history and remove {shown.parent.as_posix()}"
        raise ContentError(Fault(shown, None, "a journal that cannot be read", "the journal of an interrupted update", mend)) from None


def _changed_by_hand(shown: Path, mend: str) -> Fault:
    """The fault of a file that somebody else changed during an update."""
    return Fault(shown, None, "a file changed by hand during an update", "the file as the update found it, or as it left it", mend)


def _forbidden(shown: Path) -> ContentError:
    mend = "run the command once as someone who may write there"
    return ContentError(Fault(shown / STAGING, None, "an interrupted update in a folder that may not be written to", "none", mend))


def _refusal(error: OSError, shown: Path, outcome: str) -> RipenessError:
    if error.errno in FORBIDDEN and outcome == UNCHANGED:
        mend = "give yourself the right to write there, or work on a copy of the workspace"
        return ContentError(Fault(shown, None, f"a folder that may not be written to ({_in_words(error)})", "one that may", mend))
    mend = "free some space and run the command again" if error.errno in FULL else "see to the disk, then try again"
    return RipenessError(f"{shown.as_posix()}: {_in_words(error)}: {outcome}. To mend: {mend}")


def _in_words(error: OSError) -> str:
    """Why the system refused, in small letters."""
    if error.errno == errno.ENOSPC:
        return "no space left on the device"
    return os.strerror(error.errno).lower() if error.errno else str(error)
