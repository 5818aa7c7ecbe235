"""`ripeness fetch`: each source's files downloaded, kept by digest, and handed to its reader; what fails harms no other source."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, urlsplit

from ripeness.errors import ContentError, Fault, RipenessError
from ripeness.files import digest, lock
from ripeness.intake.download import PAUSE_SECONDS, DownloadError, Reply, download, open_client
from ripeness.intake.feeds import KEY, Feed, Wanted, known_sources, read_feeds
from ripeness.intake.raw import FOLDER, Fetched, keep, newest, path_of, read_record
from ripeness.intake.sources import FILE, find_installed
from ripeness.workflow.run import refuse_link
from ripeness.workflow.updates import import_and_update
from ripeness.workspace import Workspace, read_workspace

if TYPE_CHECKING:
    from urllib3 import PoolManager

    from ripeness.intake.updates import Choices, Update

SECONDS: Final = 180.0  # for one source
GRACE_DAYS: Final = 7  # after which a file that should have been renewed is noted
_KEY_LETTERS: Final = re.compile(r"[\x21-\x7e]{1,1000}")
_HTML: Final = re.compile(rb"\s*(<!doctype html|<html|<head|<body)", re.IGNORECASE)
_BEGINS: Final = {  # how a file of each form begins
    "csv": re.compile(rb"(\xef\xbb\xbf)?\s*[^\s<{\[\x00-\x08]"),
    "json": re.compile(rb"(\xef\xbb\xbf)?\s*[\[{]"),
    "xml": re.compile(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*<|(\xff\xfe|\xfe\xff)"),
    "xls": re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
}
State = Literal["new", "as before", "not there"]


@dataclass(frozen=True)
class FetchedFile:
    """What became of one file.

    Attributes
    ----------
    name, address : str
        The address has {key} where a key was filled in.
    state : "new", "as before" or "not there"
        "Not there" is a day of a series without a file.
    fetched : Fetched or None
        Its record.
    path : Path or None
        Where it lies.
    """

    name: str
    address: str
    state: State
    fetched: Fetched | None = None
    path: Path | None = None


@dataclass(frozen=True)
class FetchedSource:
    """What became of one source.

    Attributes
    ----------
    name : str
    files : tuple of FetchedFile
        Those that came.
    update : Update or None
        What its reader made of them; None if it was not asked.
    faults : tuple of Fault
        Why it failed; empty if it did not.
    notes : tuple of str
    """

    name: str
    files: tuple[FetchedFile, ...] = ()
    update: Update | None = field(default=None, repr=False)
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()


def run_fetch(
    root: Path,
    names: Sequence[str],
    today: date,
    choices: Choices,
    tell: Callable[[str], None] = lambda _: None,
    *,
    loopback: bool = False,
    seconds: float = SECONDS,
    pause_seconds: float = PAUSE_SECONDS,
) -> list[FetchedSource]:
    """Fetch sources and store what is new in them, one transaction a source.

    Parameters
    ----------
    root : Path
    names : sequence of str
        Sources with feeds in data/sources.toml; none: all of them.
    today : date
        The day of fetching, which is also that of the batches: a period with another value is revised on it.
    choices : Choices
        How rows are to be taken; its day is `today`. A dry run fetches and keeps files, and stores no rows.
    tell : callable
        Told which source is being fetched.
    loopback : bool
        Whether addresses of this machine are taken, without TLS: of tests only.
    seconds, pause_seconds : float
        How long one source may take, and how long to wait before a second try.

    Raises
    ------
    ContentError
        If data/sources.toml is not what it should be, or the record of what was fetched cannot be read.
    RipenessError
        If the folder cannot be written to, or another command is fetching.
    """
    workspace = read_workspace(root)
    feeds = read_feeds(workspace, find_installed(), loopback)
    wanted = known_sources(names, feeds)
    client_of = open_client(feeds.contact)
    done = []
    with _kept_alone(workspace) as folder:
        record = read_record(folder, workspace.shown(folder))
        for name in wanted:
            tell(f"fetching {name}")
            fetcher = _Fetcher(workspace, folder, record, client_of, today, time.monotonic() + seconds, pause_seconds)
            done.append(fetcher.run(name, feeds.by_source[name], replace(choices, day=today)))
    return done


@contextmanager
def _kept_alone(workspace: Workspace) -> Iterator[Path]:
    folder = workspace.data / FOLDER
    refuse_link(folder, workspace.shown(folder))
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        mend = "give yourself the right to write there"
        raise ContentError(
            Fault(workspace.shown(folder), None, (error.strerror or "error").lower(), "a folder to keep files in", mend)
        ) from None
    with lock(folder, workspace.shown(folder), sign=False):
        yield folder


@dataclass
class _Fetcher:
    """One source being fetched."""

    workspace: Workspace
    folder: Path
    record: list[Fetched]
    client_of: Callable[[str], PoolManager]
    today: date
    deadline: float
    pause_seconds: float

    def run(self, name: str, feeds: Sequence[Feed], choices: Choices) -> FetchedSource:
        """Fetch the files of all feeds, then let the reader have them; the first file that fails ends it."""
        files: list[FetchedFile] = []
        notes: list[str] = []
        try:
            for feed in feeds:
                came = [self._fetch(feed, wanted) for wanted in feed.wanted(self.today)]
                files += came
                notes += self._notes(feed, came)
            paths = [one.path for one in files if one.path is not None]
            update = self._store(name, paths, choices)
        except ContentError as error:
            return FetchedSource(name, tuple(files), None, error.faults, tuple(notes))
        except OSError as error:
            mend = "make room, or give yourself the right to read and write there"
            found = f"{name}: {(error.strerror or 'an error of the disk').lower()}"
            fault = Fault(self.workspace.shown(self.folder), None, found, "a place for its files", mend)
            return FetchedSource(name, tuple(files), None, (fault,), tuple(notes))
        refused = update.faults if update.faults and not (choices.accept_valid and update.takes) else ()
        return FetchedSource(name, tuple(files), update, refused, (*notes, *update.notes))

    def _fetch(self, feed: Feed, wanted: Wanted) -> FetchedFile:
        key = self._key(feed)
        known = newest(self.record, feed.spec.source, wanted.name, self.folder)
        asked = Reply(None, known.etag, known.last_modified) if known and known.address == wanted.address else Reply(None)
        address = wanted.address.replace(KEY, quote(key, safe=""))
        headers = {name: text.replace(KEY, key) for name, text in feed.spec.headers.items()}
        client = self.client_of(urlsplit(address).hostname or "")
        try:
            reply = download(client, address, headers, asked, feed.spec.most_mib * 2**20, self.deadline, self.pause_seconds)
        except DownloadError as error:
            if feed.is_series and error.status == 404:
                return FetchedFile(wanted.name, wanted.address, "not there")
            raise ContentError(feed.fault(f"{error.found} at {wanted.address}", error.expected, error.mend)) from None
        if reply.content is None:
            if known is None or not (asked.etag or asked.last_modified):
                raise ContentError(
                    feed.fault(f"'not changed' at {wanted.address}", "the file, as none is kept here", "run the command again")
                )
            return FetchedFile(wanted.name, wanted.address, "as before", known, path_of(self.folder, known.sha256, known.file))
        self._check(feed, wanted, reply, reply.content, key)
        sha256 = digest(reply.content)
        fetched = Fetched(
            self.today, feed.spec.source, wanted.name, sha256, len(reply.content), wanted.address, reply.etag, reply.last_modified
        )
        same = known is not None and known.sha256 == sha256
        path = keep(self.folder, self.record, fetched, reply.content)
        return FetchedFile(wanted.name, wanted.address, "as before" if same else "new", known if same else fetched, path)

    def _key(self, feed: Feed) -> str:
        """The publisher's key, from the environment; it goes nowhere but into the request."""
        if feed.spec.key is None:
            return ""
        key = os.environ.get(feed.spec.key, "")
        if not _KEY_LETTERS.fullmatch(key):
            found = f"an environment variable {feed.spec.key} that is no key" if key else f"no environment variable {feed.spec.key}"
            mend = f"ask the publisher for a key and set {feed.spec.key} to it; it is written nowhere"
            raise ContentError(feed.fault(found, "the publisher's key in it", mend, "key"))
        return key

    def _check(self, feed: Feed, wanted: Wanted, reply: Reply, content: bytes, key: str) -> None:
        """Refuse what is of another form than the feed says, and what repeats the key."""
        form = feed.spec.form
        if not _BEGINS[form].match(content[:1000]) or _HTML.match(content[:1000]):
            found = "an empty file" if not content.strip() else "an HTML page" if _HTML.match(content[:1000]) else "something else"
            mend = "look the address up in a browser; if the publisher has changed its form, its reader has to follow"
            raise ContentError(feed.fault(f"{found} at {wanted.address}", f"{wanted.name}, of the form {form}", mend))
        kept = content + f"\n{reply.etag}\n{reply.last_modified}".encode()
        if key and any(text.encode() in kept for text in (key, quote(key, safe=""))):
            mend = "tell the publisher; put the key into headers, if it takes it there"
            raise ContentError(feed.fault(f"the key in what came from {wanted.address}", "a file without it", mend))

    def _notes(self, feed: Feed, came: Sequence[FetchedFile]) -> list[str]:
        """What to know of a feed's files; raises where a series has none at all."""
        if feed.is_series:
            absent = [one.name for one in came if one.state == "not there"]
            if len(absent) == len(came):
                mend = "look the addresses up in a browser; if the publisher has moved the files, correct the feed"
                raise ContentError(feed.fault(f"status 404 at {came[0].address} and all days before", "a file a day", mend))
            return [f"no file of {len(absent)} day(s): {', '.join(absent[:5])}{' …' if len(absent) > 5 else ''}"] if absent else []
        (one,) = came
        if one.state == "as before" and one.fetched and (self.today - one.fetched.day).days > feed.spec.cadence_days + GRACE_DAYS:
            return [f"{one.name} has not changed since {one.fetched.day}, and should every {feed.spec.cadence_days} day(s)"]
        return []

    def _store(self, name: str, paths: Sequence[Path], choices: Choices) -> Update:
        """Hand files to the reader and store its rows; whatever it does, it ends as faults."""
        try:
            return import_and_update(self.workspace, {name: paths}, choices)
        except ContentError:
            raise
        except RipenessError as error:
            found, mend = str(error), "mend it, then run the command again"
        except Exception as error:  # of a reader of whatever package
            found, mend = (
                f"a reader that broke off ({type(error).__name__})",
                "look whether the publisher has changed its form; its reader has to follow",
            )
        where = self.workspace.shown(self.workspace.data / FILE)
        raise ContentError(Fault(where, None, f"{name}: {found}", "rows from its files", mend))
