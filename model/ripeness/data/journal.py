"""Several files of the data folder changed as one: all of them or none, whatever interrupts.

    with writing(folder, shown) as update:
        rows = update.read("oil.csv")
        update.replace("oil.csv", rows + new_rows)
        update.replace("updates.csv", batches)

The new contents and copies of the old are written to `.update/` beside the files; then a journal that names them, with their hashes, is
renamed into place there. That moment decides: before it the update never was; after it each file is replaced, by this command or, if it is
killed or the power fails, by the next that reads or writes (`data/recovery.py`). Where the disk refuses on the way, the old files come back.
When no update is under way there is no `.update/`.

The lock is on the folder itself (flock), exclusive to a writer and shared by readers: it needs no file, also holds where nothing may be
written, is the same through every link to the folder, and ends with its process. On a network drive it may hold only among the processes of
one machine. What a recovery did is logged as a warning, which reaches stderr: a refusal that follows would hide it otherwise.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from ripeness.data.recovery import (
    FORBIDDEN,
    JOURNAL,
    NOTE,
    PLAIN_NAME,
    ROOM,
    UNDO,
    Change,
    Journal,
    changed_by_hand,
    clear,
    content,
    digest,
    in_words,
    is_left,
    recover,
    settle,
    sync,
    take_back,
    write,
)
from ripeness.errors import ContentError, Fault, RipenessError

POLL_SECONDS = 0.02
UNCHANGED = "nothing was changed"

_HELD: ContextVar[frozenset[tuple[int, int]]] = ContextVar("_HELD", default=frozenset())  # folders that this very command has locked


class BusyError(RipenessError):
    """Another command is reading or changing the folder, and did not end within the time given."""


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
        found = content(self._folder / _plain(name))
        self._seen.setdefault(name, digest(found))
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
                settle(self._folder, self._shown, JOURNAL)
        except BaseException as error:
            with suppress(OSError):
                take_back(self._folder, self._shown)
            if isinstance(error, OSError):
                raise _refusal(error, self._shown, self._outcome()) from error
            raise
        with suppress(OSError):  # everything is in its place: what cannot be cleared away now, the next command clears
            clear(self._folder)

    def _outcome(self) -> str:
        room = self._folder / ROOM
        if (room / JOURNAL).exists():
            return "the update was interrupted; the next command completes it"
        return "the update was interrupted; the next command takes it back" if (room / UNDO).exists() else UNCHANGED

    def _check_unchanged(self) -> None:
        mend = "let nothing else change it meanwhile, and run the command again"
        faults = [
            changed_by_hand(self._shown / name, mend) for name, seen in self._seen.items() if digest(content(self._folder / name)) != seen
        ]
        if faults:
            raise ContentError(faults)

    def _stage(self) -> list[Change]:
        room = self._folder / ROOM
        changes = []
        for name, new in self._staged.items():
            path = self._folder / name
            old, mode = content(path), None
            if old == new:
                continue
            if old is not None:
                mode = stat.S_IMODE(path.stat().st_mode)
                write(room / f"old-{name}", old, mode)
            write(room / f"new-{name}", new, mode)
            changes.append(Change(name=name, new=str(digest(new)), old=digest(old)))
        return changes

    def _write_journal(self, changes: list[Change]) -> None:
        room = self._folder / ROOM
        part = room / f"{JOURNAL}.part"
        write(part, Journal(files=tuple(changes)).model_dump_json(indent=1).encode() + b"\n")
        sync(room)
        sync(self._folder)
        os.replace(part, room / JOURNAL)
        sync(room)


@contextmanager
def writing(folder: Path, shown: Path, wait_seconds: float = 10.0) -> Iterator[Transaction]:
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
    with _opened(folder, shown) as (lock, identity):
        if identity in _HELD.get():
            raise RuntimeError(f"an update of {shown.as_posix()} inside another use of it would wait for itself")
        _wait(lock, fcntl.LOCK_EX, folder, shown, wait_seconds)
        recovered = recover(folder, shown)
        _begin(folder, shown)
        update = Transaction(folder, shown, recovered)
        try:
            with _held(identity):
                yield update
        except BaseException:
            with suppress(OSError):
                clear(folder)
            raise
        update.commit()


@contextmanager
def reading(folder: Path, shown: Path, wait_seconds: float = 10.0) -> Iterator[str | None]:
    """Read files of a folder that nobody changes meanwhile; yields what was done about an interrupted update, or None.

    Nothing is created. In a folder that may not be written to, what an update that never counted has left behind is passed over.

    Raises
    ------
    BusyError
        If a writer did not end in time; names its process.
    ContentError
        If there is no such folder, or an interrupted update cannot be recovered: files changed by hand since, or no right to write.
    RipenessError
        If the disk refuses during the recovery.
    """
    with _opened(folder, shown) as (lock, identity):
        done = None
        if identity not in _HELD.get():
            _wait(lock, fcntl.LOCK_SH, folder, shown, wait_seconds)
            while is_left(folder, shown):  # by a command that was killed: a living one would hold the lock
                _wait(lock, fcntl.LOCK_EX, folder, shown, wait_seconds)
                done = recover(folder, shown) or done
                _wait(lock, fcntl.LOCK_SH, folder, shown, wait_seconds)
        with _held(identity):
            yield done


@contextmanager
def _opened(folder: Path, shown: Path) -> Iterator[tuple[int, tuple[int, int]]]:
    """A descriptor of the folder, to be locked, and what tells the folder from others; unlocked on leaving."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        mend = "create it, or correct paths.data in ripeness.toml"
        raise ContentError(Fault(shown, None, "no such folder", "the data of the workspace", mend)) from None
    try:
        about = os.fstat(lock)
        yield lock, (about.st_dev, about.st_ino)
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


@contextmanager
def _held(identity: tuple[int, int]) -> Iterator[None]:
    token = _HELD.set(_HELD.get() | {identity})
    try:
        yield
    finally:
        _HELD.reset(token)


def _wait(lock: int, kind: int, folder: Path, shown: Path, wait_seconds: float) -> None:
    fcntl.flock(lock, fcntl.LOCK_UN)  # two readers that both want to recover would wait for each other
    for left in range(math.ceil(wait_seconds / POLL_SECONDS), -1, -1):
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(POLL_SECONDS)
        else:
            return
    writer = (content(folder / ROOM / NOTE) or b"").decode(errors="replace").strip()
    who = f"process {writer} is changing it" if writer.isdecimal() else "another command is using it"
    raise BusyError(
        f"{shown.as_posix()}: {who} and did not end within {wait_seconds:g} s. To mend: wait for it, then run the command again"
    )


def _begin(folder: Path, shown: Path) -> None:
    """Show that the folder can be written to, and leave the process id for those who wait."""
    try:
        (folder / ROOM).mkdir()
        write(folder / ROOM / NOTE, f"{os.getpid()}\n".encode())
    except OSError as error:
        with suppress(OSError):
            clear(folder)
        raise _refusal(error, shown, UNCHANGED) from error


def _plain(name: str) -> str:
    if not re.fullmatch(PLAIN_NAME, name):
        raise ValueError(f"'{name}' is not the plain name of a file in the data folder")
    return name


def _refusal(error: OSError, shown: Path, outcome: str) -> RipenessError:
    if error.errno in FORBIDDEN and outcome == UNCHANGED:
        mend = "give yourself the right to write there, or work on a copy of the workspace"
        return ContentError(Fault(shown, None, f"a folder that may not be written to ({in_words(error)})", "one that may", mend))
    mend = "free some space and run the command again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "see to the disk, then try again"
    return RipenessError(f"{shown.as_posix()}: {in_words(error)}: {outcome}. To mend: {mend}")
