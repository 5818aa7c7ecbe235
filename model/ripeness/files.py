"""Files written whole or not at all, folders locked, texts hashed: what every room does with the disk is done here, alike on every system."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from filelock import lock_descriptor, unlock_descriptor

from ripeness.errors import ContentError, Fault, RipenessError

WAIT_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.02
NOTE: Final = ".writer"  # the process that holds a lock, for those who wait
LOCK_FILE: Final = ".lock"  # only where a folder cannot be opened, as on Windows
FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_HELD: ContextVar[frozenset[tuple[int, int]]] = ContextVar("_HELD", default=frozenset())  # folders that this very command has locked


class BusyError(RipenessError):
    """Another command is using the folder, and did not end within the time given."""


@contextmanager
def lock(
    folder: Path, shown: Path, wait_seconds: float = WAIT_SECONDS, note: str = NOTE, sign: bool = True, shared: bool = False
) -> Iterator[None]:
    """Keep a folder to oneself, or share it with others who share it; a command waits until those before it have left.

    The lock is on the folder itself: it needs no right to write, is the same through every link to the folder, and ends with its process,
    however that ends. Where the system cannot open a folder (Windows) it is on the file `.lock` in it, and is never shared. On a network
    drive it may hold only among the processes of one machine.

    Parameters
    ----------
    folder, shown : Path
        A folder that exists, and how to name it to the user.
    wait_seconds : float
        How long to wait for others.
    note : str
        File of the folder in which the holder's process id stands.
    sign : bool
        Whether to write it here; False where the caller does, or none is to be written.
    shared : bool
        Whether others may share the folder meanwhile: for those who only read.

    Raises
    ------
    BusyError
        If others did not leave in time; names the process that holds the lock, where it is known.
    ContentError
        If there is no such folder.
    RipenessError
        If the system has no locks.
    RuntimeError
        If this command has locked the folder already.
    """
    try:
        descriptor = _open_folder(folder)
    except (FileNotFoundError, NotADirectoryError):
        mend = "create it, or correct the path in ripeness.toml"
        raise ContentError(Fault(shown, None, "no such folder", "a folder of the workspace", mend)) from None
    try:
        identity = _identity(folder)
        if identity in _HELD.get():
            raise RuntimeError(f"a lock of {shown.as_posix()} inside another use of it would wait for itself")
        _wait(descriptor, folder / note, shown, wait_seconds, shared)
        token = _HELD.set(_HELD.get() | {identity})
        try:
            if sign:
                create(folder / note).write_text(f"{os.getpid()}\n", "utf-8")
            yield
        finally:
            _HELD.reset(token)
            if sign:
                with suppress(OSError):
                    (folder / note).unlink()
            unlock_descriptor(descriptor)
    finally:
        os.close(descriptor)


def is_locked_here(folder: Path) -> bool:
    """Whether this very command has locked the folder."""
    return folder.is_dir() and _identity(folder) in _HELD.get()


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder, where the system can be asked to."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = _open_folder(folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_bytes(path: Path, shown: Path, what: str, mend: str | None = None) -> bytes:
    """The content of a file that a person edits.

    Parameters
    ----------
    path, shown : Path
        The file, and how to name it to the user.
    what : str
        What it should be: "a TOML file".
    mend : str, optional
        How to mend it where it is not there or cannot be read, if ripeness.toml does not name it.

    Raises
    ------
    ContentError
        If there is no such file, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        found, how = "no such file", "create it or correct the path in ripeness.toml"
    except IsADirectoryError:
        found, how = "a folder", "rename the folder, or correct the path in ripeness.toml"
    except OSError as error:
        found, how = f"a file that cannot be read ({(error.strerror or 'error').lower()})", "give yourself the right to read it"
    raise ContentError(Fault(shown, None, found, what, mend or how))


def read_text(path: Path, shown: Path, what: str, mend: str | None = None) -> str:
    """The text of a file that a person edits: UTF-8, without a byte order mark, lines ended by LF.

    Raises
    ------
    ContentError
        As `read_bytes`; or with the first line that is not UTF-8.
    """
    raw = read_bytes(path, shown, what, mend)
    try:
        return with_lf(raw).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(not_utf8_fault(error, shown)) from None


def not_utf8_fault(error: UnicodeDecodeError, shown: Path, mend: str | None = None) -> Fault:
    """The fault of bytes that cannot be decoded, at their line."""
    line = error.object[: error.start].count(b"\n") + 1
    return Fault(shown, line, "bytes that are not UTF-8", "UTF-8 text", mend or "save the file as UTF-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of another at the end; whoever reads that one sees the old or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.new")  # its own, if two write at once
    try:
        yield create(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def create(path: Path) -> Path:
    """Make an empty file of one's own, whatever stood under its name: nothing is ever written through a link.

    Raises
    ------
    OSError
        If it cannot be made, or a folder stands there.
    """
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    return path


def mend_write(error: OSError) -> str:
    """What helps where a file could not be written."""
    if error.errno in FULL:
        return "free some space, then run the command again"
    return "ask its owner, or copy the workspace and work in the copy"


def write_whole(path: Path, text: str) -> None:
    """Replace a file by a new text, whole."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8", newline="\n")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with keys in the order given, one byte sequence for one content; floats to ten significant digits."""
    write_whole(path, as_json(content))


def as_json(content: Mapping[str, Any]) -> str:
    """JSON as it is stored: keys in the order given, floats to ten significant digits."""
    return json.dumps(rounded(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def rounded(content: Any) -> Any:
    """Floats to ten significant digits, containers alike; anything not finite becomes None."""
    if isinstance(content, float):
        return float(f"{content:.10g}") if content == content and abs(content) != float("inf") else None
    if isinstance(content, Mapping):
        return {str(key): rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [rounded(value) for value in content]
    return content


def digest(content: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a text file; the same for LF and CRLF, so that a checkout with other line ends is the same file."""
    return digest(with_lf(path.read_bytes()))


def hash_text(*parts: str) -> str:
    """SHA-256 over parts, each ended by a NUL."""
    return digest("".join(f"{part}\0" for part in parts).encode())


def with_lf(content: bytes) -> bytes:
    """A text with lines that end in LF."""
    return content.replace(b"\r\n", b"\n")


def _open_folder(folder: Path) -> int:
    """A descriptor of the folder, or of the file that stands for it."""
    if hasattr(os, "O_DIRECTORY"):
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if not folder.is_dir():
        raise NotADirectoryError(folder)
    return os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT)


def _identity(folder: Path) -> tuple[int, int]:
    about = folder.stat()
    return about.st_dev, about.st_ino


def _try(descriptor: int, shared: bool) -> bool:
    """Take the lock if nobody is in the way."""
    if shared and sys.platform != "win32":
        try:
            import fcntl
        except ImportError as error:
            raise OSError(errno.ENOSYS, "no locks") from error
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # of one kind with the lock that filelock takes
            return True
        return False
    return lock_descriptor(descriptor, blocking=False)


def _wait(descriptor: int, note: Path, shown: Path, wait_seconds: float, shared: bool) -> None:
    begun = time.monotonic()
    try:
        while not _try(descriptor, shared):
            waited = time.monotonic() - begun
            halted = waited >= min(wait_seconds, WAIT_SECONDS) and _is_halted(note)
            if halted or waited >= wait_seconds:
                mend = "let it go on (fg) or end it" if halted else "wait for it"
                raise BusyError(
                    f"{shown.as_posix()}: {_holder(note)} and did not end within {min(wait_seconds, waited):.3g} s"
                    f"{', as it is halted' if halted else ''}. To mend: {mend}, then run the command again"
                )
            time.sleep(POLL_SECONDS)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
            raise
        mend = "put the workspace on a disk of this machine; on Windows use Python for Windows, or WSL"
        raise RipenessError(f"{shown.as_posix()}: this system or disk has no locks. To mend: {mend}") from error


def _holder(note: Path) -> str:
    process = _process(note)
    return f"process {process} is changing it" if process else "another command is using it"


def _is_halted(note: Path) -> bool:
    """Whether the holder's process has been stopped by a signal, as Ctrl-Z does; False where the system cannot tell."""
    try:
        state = Path(f"/proc/{_process(note)}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()[:1]
    except OSError:
        return False
    return state in (["T"], ["t"])


def _process(note: Path) -> str:
    """The id of the process that holds a lock; empty where it has left none."""
    try:
        process = note.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""
    return process if process.isascii() and process.isdecimal() else ""
