"""Everything that reads a file from outside, behind one call, and what must hold of each reading.

A file is read, or refused by an error of `ripeness.errors` whose faults name the file, with a line of it unless the fault is the file's as
a whole. Nothing else may be raised, warnings included; it ends within LIMIT seconds of computing; what is refused, or only tried, leaves every byte of
the workspace as it was; and what `update` has stored can be read again, with the old rows as they stood.
"""

from __future__ import annotations

import io
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from types import FrameType

import pandas as pd
from samples import DESK, FETCHED, INCOMING, JUDGED, PUBLISHED, STORE, files_of, write_shipped, write_small

from ripeness.cli.imports import update_from_import
from ripeness.cli.update import update_from_files
from ripeness.data.vintages import read_store
from ripeness.errors import ContentError, RipenessError, UsageError
from ripeness.intake.drafting import Words, clean, propose, read_rules
from ripeness.intake.drafts import make_draft, read_drafts
from ripeness.intake.export import write_rows
from ripeness.intake.items import read_feed
from ripeness.intake.sources import find_files, find_installed, import_sources, read_judgements
from ripeness.intake.updates import Choices
from ripeness.ledger.bridges import read_bridge_forecasts
from ripeness.ledger.entries import read_ledger
from ripeness.ledger.resolutions import read_resolutions
from ripeness.workspace import read_workspace

LIMIT = 5.0  # seconds of computing a case
_CLOCKS = ((signal.SIGPROF, signal.ITIMER_PROF, 1), (signal.SIGALRM, signal.ITIMER_REAL, 10))  # a busy machine is no hang
# Faults that have no line: of the file as a whole, or of an entry of a JSON array, which says its place.
WHOLE = re.compile(
    r"an empty file|a header and no row|no rows|no row of '|no number in |(TOML|JSON) that cannot be read|no table of announcements|rows of '|broken UTF-16|no indicator|rows without a contract|no such file|entry \d+ without|a workbook that|more than [\d,]+ rows"
    r"|(?s:.*) in entry \d+$|no '(schema|title|question|condition|factor|lag_days|undated_days|days_back|grade|sides|parties|rule)'|days or months|no \[|no item with a day|[\d,]+ items$"
)


class Broken(AssertionError):
    """Something that must hold of a reading does not."""


class Hang(BaseException):
    """A reading did not end."""


@dataclass(frozen=True)
class Bench:
    """Two workspaces and folders for what comes in, below one folder."""

    folder: Path

    @property
    def small(self) -> Path:
        return self.folder / "small"

    @property
    def shipped(self) -> Path:
        return self.folder / "shipped"

    def put(self, files: Mapping[str, bytes]) -> list[Path]:
        """Write files as they come in; returns their paths."""
        folder = self.folder / "incoming"
        folder.mkdir(exist_ok=True)
        for name, raw in files.items():
            (folder / name).write_bytes(raw)
        return [folder / name for name in files]


def open_bench(folder: Path) -> Bench:
    """Lay out a bench in an empty folder."""
    bench = Bench(folder)
    write_small(bench.small)
    write_shipped(bench.shipped)
    (folder / "rows").mkdir()
    return bench


Read = Callable[[Bench, Mapping[str, bytes], Random | None], None]


def _stored(bench: Bench, files: Mapping[str, bytes], _: Random | None) -> None:
    for name, raw in files.items():
        (bench.small / name).write_bytes(raw)
    try:
        before = tree_of(bench.small)
        try:
            workspace = read_workspace(bench.small)
            match next(iter(files)):
                case "reports/ledger.csv":
                    read_ledger(workspace.reports)
                case "reports/resolutions.csv":
                    read_resolutions(workspace.reports)
                case "reports/bridges.csv":
                    read_bridge_forecasts(workspace.reports)
                case _:
                    read_store(workspace).as_of(date(2024, 6, 2)).freshness()
        finally:
            _assert_same(before, tree_of(bench.small))
    finally:
        for name in files:
            (bench.small / name).write_bytes(STORE[name].encode())


def _updated(bench: Bench, files: Mapping[str, bytes], random: Random | None) -> None:
    choices = _choices(random, date(2024, 5, 5) if random is None or random.random() < 0.5 else None)
    paths, json = bench.put(files), random is not None and random.random() < 0.3
    with _stores(bench.small, choices):
        update_from_files(bench.small, paths, None, choices, json)


def _imported(source: str) -> Read:
    def read(bench: Bench, files: Mapping[str, bytes], random: Random | None) -> None:
        paths = bench.put(files)
        if random is not None and random.random() < 0.03:
            choices = _choices(random, date(2026, 7, 6))
            with _stores(bench.shipped, choices):
                update_from_import(bench.shipped, source, paths, choices, random.random() < 0.3)
            return
        tables = import_sources(find_files(source, paths)[0], read_workspace(bench.shipped))[source]
        for name, table in tables.items():
            first = table.iloc[:, 0]
            if len(table) and (pd.isna(first).any() or table.get("value", pd.Series([0.0])).abs().max() == float("inf")):
                raise Broken(f"{name}: a row without a day, or an infinite value")
        write_rows(tables, bench.folder / "rows")

    return read


def _judged(bench: Bench, files: Mapping[str, bytes], _: Random | None) -> None:
    """Read what is judged, and all that is published by it; what a reader then refuses is a fault of its own file."""
    sources = find_installed()
    for name, raw in files.items():
        (bench.shipped / name).write_bytes(raw)
    try:
        judged = read_judgements(sources, sources, read_workspace(bench.shipped))
        for name, source in sources.items():
            with suppress(ContentError):
                source.read(
                    *bench.put({file: text.encode() for file, text in files_of(name).items()}), *([judged[name]] if name in judged else [])
                )
    finally:
        for name, text in JUDGED.items():
            (bench.shipped / name).write_bytes(text.encode())


def _at_the_desk(bench: Bench, files: Mapping[str, bytes], _: Random | None) -> None:
    """Read words and drafts where they are stored, and draft from a feed by the sound words."""
    for name, raw in files.items():
        if name.startswith("data/"):
            (bench.small / name).write_bytes(raw)
    try:
        workspace = read_workspace(bench.small)
        rules, _drafts = read_rules(workspace), read_drafts(workspace)
        assert rules is not None
        for path in bench.put({name: raw for name, raw in files.items() if not name.startswith("data/")}):
            for item in (clean(item) for item in read_feed(path) if item.day is not None):
                for one in propose(item, [Words(rules)], path.name):
                    make_draft(one, item, rules, "news", (path.name, "0" * 64))
    finally:
        for name in files:
            if name.startswith("data/"):
                (bench.small / name).write_bytes(DESK[name].encode())


def _choices(random: Random | None, day: date | None) -> Choices:
    if random is None:
        return Choices(day)
    return Choices(day, confirmed=random.random() < 0.5, accept_valid=random.random() < 0.3, dry_run=random.random() < 0.5)


@contextmanager
def _stores(root: Path, choices: Choices) -> Iterator[None]:
    """An update of a workspace, which is put back afterwards."""
    before = tree_of(root)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    except RipenessError:
        _assert_same(before, tree_of(root))
        raise
    else:
        after = tree_of(root)
        if choices.dry_run:
            _assert_same(before, after)
        for name, raw in before.items():
            head = raw.partition(b"\n")[0] if raw else b""
            if raw and after[name] != raw and after[name].startswith(head + b"\n") and not after[name].startswith(raw):
                raise Broken(f"{name}: stored rows were changed")
        if after != before:
            try:
                read_store(read_workspace(root))
            except RipenessError as error:
                raise Broken(f"what was stored is refused when it is read again: {error}") from None
    finally:
        for name in set(tree_of(root)) - set(before):
            (root / name).unlink()
        for name, raw in before.items():
            if (root / name).read_bytes() != raw:
                (root / name).write_bytes(raw)


# Name of a reader: its files, and how they are read.
READERS: dict[str, tuple[dict[str, str], Read]] = {
    **{f"stored {name}": ({name: text}, _stored) for name, text in STORE.items()},
    **{f"update {name}": ({name: text}, _updated) for name, text in INCOMING.items()},
    **{f"judged {name}": ({name: text}, _judged) for name, text in JUDGED.items()},
    **{f"import {source}": (files_of(source), _imported(source)) for source in find_installed() if files_of(source)},
    **{f"import {source}, fetched": (files, _imported(source)) for source, files in FETCHED.items()},
    **{f"desk {name}": ({name: text}, _at_the_desk) for name, text in DESK.items()},
}


def reader_of(kind: str, name: str) -> tuple[str, str]:
    """The first reader of a kind (stored, update, judged, import) that reads a file of this name, and the file as the reader names it."""
    for reader, (files, _) in READERS.items():
        for file in files:
            if reader.startswith(kind) and Path(file).name == name:
                return reader, file
    raise KeyError(f"{kind}: no reader of {name} among {sorted({*STORE, *INCOMING, *JUDGED, *PUBLISHED})}")


def try_reading(bench: Bench, reader: str, files: Mapping[str, bytes], random: Random | None = None) -> RipenessError | None:
    """Read files, with options drawn by `random` or with none, and hold the reading to what must hold of it.

    Returns
    -------
    RipenessError or None
        Why they are refused; None if they are read.

    Raises
    ------
    Broken
        If a refusal names no file or line, or bytes changed that may not.
    Exception, Hang
        Whatever else the reader raised, or that it did not end.
    """
    for what, clock, limit in _CLOCKS:
        signal.signal(what, _stop)
        signal.setitimer(clock, limit * LIMIT)
    try:
        READERS[reader][1](bench, files, random)
    except ContentError as error:
        _check_faults(error, files)
        return error
    except UsageError as error:
        return error
    finally:
        for _, clock, _ in _CLOCKS:
            signal.setitimer(clock, 0)
    return None


def _stop(_: int, frame: FrameType | None) -> None:
    raise Hang(f"more than {LIMIT:g} s")


def _check_faults(error: ContentError, files: Mapping[str, bytes]) -> None:
    beside = {name: text.encode() for name, text in STORE.items()} if {*files} & {*STORE} else {}  # a contract may speak against its rows
    lines = {Path(name).name: len(re.findall(rb"\r\n|\r|\n", raw)) + 1 for name, raw in {**beside, **files}.items()}
    wide = any(raw[:2] in (b"\xff\xfe", b"\xfe\xff") for raw in files.values())
    if not error.faults:
        raise Broken("refused without a fault")
    for fault in error.faults:
        name = fault.path.name.partition(": ")[0]
        made = ": " in fault.path.as_posix()  # a row that an importer made: it stands on no line
        if not made and name not in lines:
            raise Broken(f"a fault of another file: {fault}"[:500])
        if fault.line is None and not made and not WHOLE.match(fault.found):
            raise Broken(f"a fault without a line: {fault}"[:500])
        if fault.line is not None and not wide and not 1 <= fault.line <= lines.get(name, 0):
            raise Broken(f"a line that the file does not have: {fault}"[:500])
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", str(fault)) or len(str(fault)) > 3000:
            raise Broken(f"a message not fit for a terminal: {str(fault)[:300]!r}")


def tree_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _assert_same(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    if before != after:
        changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        raise Broken(f"written on refusal: {', '.join(changed)}")
