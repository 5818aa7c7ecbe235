"""Feeds: where each publisher's file is fetched, as data/sources.toml says it.

    [[feed]]
    source = "hospitals"            # the reader: a source as `ripeness import` names it
    file = "deaths.csv"             # which of its files this is; of a source with one file it need not be said; of `news` a name of your own
    address = "https://…"           # {key}, {from:…}, {to:…} and {day:…} are filled in
    form = "csv"                    # csv, json, xml or xls: what comes otherwise is refused
    cadence_days = 1                # how often the publisher renews it
    licence = "CC BY 4.0"

Further keys:

    from        the first day asked for, as {from:%d/%m/%Y} has it; {to:…} is the day of fetching
    days        of a series, a file a day: so many days before the day of fetching, each as {day:%Y%m%d} has it
    key         the environment variable that holds the publisher's key, which stands for {key} in the address, percent-encoded, or in a header
    headers     further lines of the request, such as Authorization = "Bearer {key}"
    most_mib    how large the file may be

In a day's form %Y, %m, %d, %B (the English month) and %-d (the day without a nought) are filled in. A key is filled in only where the request is
sent: what is shown and stored has {key}.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.intake.reading import Day, Form, Source
from ripeness.intake.sources import FILE
from ripeness.workspace import Workspace
from ripeness.workspace.toml import TomlFile, parse_table, read_toml

KEY: Final = "{key}"
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_MONTHS: Final = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
_PLACEHOLDER: Final = re.compile(r"\{(from|to|day):([^{}]*)\}")
_LETTERS: Final = re.compile(r"%(-?.)")
_Text = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00-\x1f\x7f]+$")]


class FeedSpec(BaseModel):
    """One table of sources.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: _Text
    file: _Text | None = None
    address: Annotated[str, Field(max_length=2000, pattern=r"^[\x21-\x7e]+$")]
    form: Literal["csv", "json", "xml", "xls"]
    cadence_days: int = Field(ge=1, le=366, strict=True)
    licence: _Text
    first: Day | None = Field(default=None, alias="from")
    days: int | None = Field(default=None, ge=1, le=366, strict=True)
    key: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    headers: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")], Annotated[str, Field(max_length=2000, pattern=r"^[\x20-\x7e]+$")]
    ] = {}
    most_mib: int = Field(default=8, ge=1, le=64, strict=True)


@dataclass(frozen=True)
class Wanted:
    """One file to be fetched.

    Attributes
    ----------
    name : str
        Under which it is kept.
    address : str
        Dates are filled in, {key} is not.
    """

    name: str
    address: str


@dataclass(frozen=True)
class Feed:
    """Where one of a source's files, or a series of them, is fetched.

    Attributes
    ----------
    spec : FeedSpec
        As it stands in sources.toml.
    file : str
        Which of the reader's files.
    is_series : bool
        Whether it is a file a day.
    toml : TomlFile
    place : int
        Which of the feeds there, from 0.
    """

    spec: FeedSpec
    file: str
    is_series: bool
    toml: TomlFile
    place: int

    def wanted(self, today: date) -> list[Wanted]:
        """What to fetch on a day; of a series the newest first."""
        stem, spec = Path(self.file).stem, self.spec
        fill = {"from": spec.first or today, "to": today}
        if not self.is_series:
            return [Wanted(f"{stem}.{spec.form}", _filled(spec.address, fill))]
        days = [today - timedelta(days=number) for number in range(1, (spec.days or 1) + 1)]
        return [Wanted(f"{stem.replace('*', day.isoformat())}.{spec.form}", _filled(spec.address, fill | {"day": day})) for day in days]

    def fault(self, found: str, expected: str, mend: str, key: str = "address") -> Fault:
        """A fault of the feed, at its line of sources.toml."""
        return self.toml.fault(("feed", self.place, key), f"{self.spec.source}: {found}", expected, mend)


@dataclass(frozen=True)
class Feeds:
    """The feeds of a workspace.

    Attributes
    ----------
    by_source : dict of list of Feed
        Source to its feeds, in the order of its reader's files; in the order of sources.toml.
    contact : str or None
        Whom a publisher may ask about the requests, by sources.toml.
    """

    by_source: Mapping[str, Sequence[Feed]]
    contact: str | None


def read_feeds(workspace: Workspace, sources: Mapping[str, Source], loopback: bool = False) -> Feeds:
    """Read and check the feeds of data/sources.toml.

    Parameters
    ----------
    workspace : Workspace
    sources : mapping of Source
        Those installed.
    loopback : bool
        Whether addresses of this machine are taken, without TLS: of tests, never of a user.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    path = workspace.data / FILE
    shown = workspace.shown(path)
    if not path.exists():
        mend = "name there what is to be fetched; docs/guides/another-war.md shows how"
        raise ContentError(Fault(shown, None, "no such file", "[[feed]] tables", mend))
    toml = read_toml(path, shown)
    tables = toml.data.get("feed", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ContentError(toml.fault(("feed",), "no [[feed]]", "a table for each file to be fetched", "write one; updates.md shows how"))
    faults: list[Fault] = []
    found: dict[str, list[Feed]] = {}
    for place in range(len(tables)):
        try:
            feed = _read(toml, place, sources, loopback)
        except ContentError as error:
            faults += error.faults
        else:
            found.setdefault(feed.spec.source, []).append(feed)
    contact = toml.data.get("contact")
    if contact is not None and not (isinstance(contact, str) and re.fullmatch(r"[\x20-\x7e]{1,200}", contact)):
        faults.append(toml.fault(("contact",), f"contact = {contact!r}", "an address in plain letters", "write whom a publisher may ask"))
    ordered = {}
    if not faults:
        for name, feeds in found.items():
            try:
                ordered[name] = _in_order(feeds, sources[name])
            except ContentError as error:
                faults += error.faults
    if faults:
        raise ContentError(faults)
    return Feeds(ordered, contact)


def _read(toml: TomlFile, place: int, sources: Mapping[str, Source], loopback: bool) -> Feed:
    spec = parse_table(FeedSpec, toml, "feed", place)

    def fault(key: str, found: str, expected: str, mend: str) -> ContentError:
        return ContentError(toml.fault(("feed", place, key), f"{key} = {found!r}", expected, mend))

    if spec.source not in sources:
        raise fault("source", spec.source, "the name of an installed source", did_you_mean(spec.source, list(sources)))
    names = {Path(file).name: form for form in sources[spec.source].forms for file in form.files}
    file = spec.file or (next(iter(names)) if len(names) == 1 else None)
    if not names:  # a source that takes any feed
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", file or ""):
            raise fault("file", file or "", "a name for what is fetched, such as agency.xml", "give each feed of this source its own")
        names = {file or "": sources[spec.source].forms[0]}
    if file not in names:
        raise fault("file", file or "", f"one of the files that {spec.source} reads", did_you_mean(file or "", list(names)))
    form = names[file]
    _check_address(spec, form, fault, loopback)
    return Feed(spec, file, form.is_series, toml, place)


def _check_address(spec: FeedSpec, form: Form, fault: Any, loopback: bool) -> None:
    """Raise the first thing that is wrong with the address and with what is filled in there."""
    address = spec.address
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise fault("address", address, "an address such as https://example.org/file.csv", "correct it") from None
    if "@" in parts.netloc:
        raise fault(
            "address", f"{parts.scheme}://…@{host}", "no name and password in it", "put them into the environment, and name that as key"
        )
    here = loopback and host in LOOPBACK and parts.scheme == "http"
    if not host or "{" in parts.netloc or (parts.scheme != "https" and not here):
        raise fault("address", address, "an address that begins with https:// and its host", "give the publisher's own, with TLS")
    used = {name for name, _ in _PLACEHOLDER.findall(address)}
    for _, form_of_day in _PLACEHOLDER.findall(address):
        strange = [letter for letter in _LETTERS.findall(form_of_day) if letter not in ("Y", "m", "d", "B", "-d")]
        if strange or "%" not in form_of_day:
            raise fault("address", address, "days in %Y, %m, %d, %B and %-d", "correct the form of its day")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", address).replace(KEY, "")):
        raise fault("address", address, "{key}, {from:…}, {to:…} and {day:…} to be filled in, and no other", "correct the braces")
    for name, given, what in (("from", spec.first, "from"), ("day", form.is_series, "the name of a file a day")):
        if name in used and not given:
            raise fault("address", address, f"{what}, as it has {{{name}:…}}", f"give {what}, or take {{{name}:…}} out")
    if form.is_series and ("day" not in used or spec.days is None):
        raise fault("days", str(spec.days or ""), "how many days to fetch, and {day:…} in the address", "give both: it is a file a day")
    keyed = KEY in address or any(KEY in value for value in spec.headers.values())
    if keyed != (spec.key is not None):
        raise fault("key", spec.key or "", "the environment variable whose key stands for {key}", "give both, or neither")


def _in_order(feeds: Sequence[Feed], source: Source) -> list[Feed]:
    """Feeds in the order of the reader's files, each of which must have one."""
    by_file: dict[str, Feed] = {}
    for feed in feeds:
        if feed.file in by_file:
            raise ContentError(feed.fault(f"a second feed of {feed.file}", "one for each file", "remove one of them", "file"))
        by_file[feed.file] = feed
    if not source.files:
        return list(feeds)
    form = next(form for form in source.forms if feeds[0].file in _names(form))
    lacking = [file for file in _names(form) if file not in by_file]
    other = [file for file in by_file if file not in _names(form)]
    if lacking or other:
        found = f"feeds of {', '.join(by_file)}"
        raise ContentError(feeds[0].fault(found, f"one for each of {', '.join(_names(form))}", "add or remove feeds", "file"))
    return [by_file[file] for file in _names(form)]


def _names(form: Form) -> list[str]:
    return [Path(file).name for file in form.files]


def _filled(address: str, days: Mapping[str, date]) -> str:
    return _PLACEHOLDER.sub(lambda found: _day_text(days[found[1]], found[2]), address)


def _day_text(day: date, form: str) -> str:
    """A day in the letters of strftime, in English whatever the system speaks."""
    texts = {"Y": f"{day.year:04d}", "m": f"{day.month:02d}", "d": f"{day.day:02d}", "-d": str(day.day), "B": _MONTHS[day.month - 1]}
    return _LETTERS.sub(lambda found: texts[found[1]], form)


def known_sources(names: Collection[str], feeds: Feeds) -> list[str]:
    """The sources to fetch: those named, or all that have feeds.

    Raises
    ------
    ContentError
        If one that is named has no feed.
    """
    strange = [name for name in names if name not in feeds.by_source]
    if strange:
        first = next(iter(feeds.by_source.values()))[0]
        raise ContentError(
            [
                Fault(first.toml.path, None, f"no [[feed]] of source '{name}'", "one", did_you_mean(name, list(feeds.by_source)))
                for name in strange
            ]
        )
    return [name for name in feeds.by_source if not names or name in names]
