"""`ripeness draft`, `ripeness desk` and `ripeness study drafting`: events drafted from news, a person's verdicts on them, and how good the drafts are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from ripeness.data.vintages import read_store
from ripeness.errors import ContentError, Fault, UsageError
from ripeness.evaluation import published
from ripeness.evaluation.drafted import COLUMNS, Measured, measure
from ripeness.files import digest, hash_file, write_json, write_whole
from ripeness.intake.drafting import FILE, Drafter, Rules, clean, find_drafters, propose, read_rules
from ripeness.intake.drafts import OPEN, Draft, add_drafts, make_draft, on_record, read_drafts
from ripeness.intake.incoming import check_name
from ripeness.intake.raw import FOLDER, path_of, read_record
from ripeness.intake.reading import Item
from ripeness.intake.sources import find_installed, read_items
from ripeness.workflow.run import refuse_link
from ripeness.workspace import Workspace, read_workspace
from ripeness.workspace.csv import csv_text

MOST_DRAFTS: Final = 200  # of a file: a feed that gives more is refused, as nobody would read them
DRAFTING: Final = "drafting"


@dataclass(frozen=True)
class Drafted:
    """What became of the files that were read for drafts.

    Attributes
    ----------
    new : tuple of Draft
        Those that were not known.
    files, items, without_day : int
        How many were read; items without a day make no draft.
    faults : tuple of Fault
        Of files that were refused; they harm no other.
    """

    new: tuple[Draft, ...]
    files: int
    items: int
    without_day: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Asked:
    """A draft that is asked about.

    Attributes
    ----------
    draft : Draft
    on_record : list of dict
        Events that may be the same: line, date, description.
    """

    draft: Draft
    on_record: list[dict[str, Any]]


def run_draft(root: Path, source: str | None, files: Sequence[Path], today: date) -> Drafted:
    """Draft events from files of a source; without one, from the newest of all that was fetched, as far back as data/drafting.toml says.

    Raises
    ------
    UsageError
        If there is no data/drafting.toml, the source has no news, or a file is missing.
    ContentError
        If data/drafting.toml, sources.toml, drafts.jsonl or the record of what was fetched is not what it should be; nothing was changed.
    RipenessError
        If the folder cannot be written to.
    """
    workspace = read_workspace(root)
    rules = _rules(workspace)
    drafters = find_drafters(rules)
    since = None if source else today - timedelta(days=rules.days_back)
    wanted = {source: list(files)} if source else _fetched(workspace)
    for path in files:
        check_name(path)
    new: list[Draft] = []
    faults: list[Fault] = []
    read = items = without_day = 0
    for name, paths in wanted.items():
        for path, found in read_items(name, paths, workspace).items():
            if isinstance(found, ContentError):
                faults += found.faults
                continue
            read, items = read + 1, items + len(found)
            without_day += sum(item.day is None for item in found)
            dated = [clean(item) for item in found if item.day is not None and (since is None or item.day >= since) and item.day <= today]
            try:
                new += _drafts_of(dated, name, path, rules, drafters)
            except ContentError as error:
                faults += error.faults
    return Drafted(tuple(add_drafts(workspace, new)) if new else (), read, items, without_day, tuple(faults))


def open_drafts(root: Path) -> list[Asked]:
    """The drafts that await a verdict, the oldest day first, each with the events on record that may be the same.

    Raises
    ------
    ContentError
        If drafts.jsonl or the data are not sound.
    """
    workspace = read_workspace(root)
    drafts = sorted((draft for draft in read_drafts(workspace) if draft.verdict == OPEN), key=lambda draft: (draft.published_on, draft.id))
    events = read_store(workspace).events if drafts else None
    return [Asked(draft, [] if events is None else on_record(draft, events)) for draft in drafts]


def run_drafting_study(root: Path, source: str, files: Sequence[Path], test_from: date, day: date) -> Path:
    """Hold what is drafted from files against the record: writes drafting.csv and drafting.json.

    Parameters
    ----------
    root : Path
    source : str
        Whose files they are.
    files : sequence of Path
    test_from : date
        The first day of those on which no word was written; the days before are those of training.
    day : date
        Written beside the results.

    Returns
    -------
    Path
        drafting.csv.

    Raises
    ------
    UsageError
        If there is no data/drafting.toml, or the source has no news, or the files have none.
    ContentError
        If a file is not what it should be.
    """
    workspace = read_workspace(root)
    rules = _rules(workspace)
    items: list[Item] = []
    for found in read_items(source, files, workspace).values():
        if isinstance(found, ContentError):
            raise found
        items += found
    days = sorted({item.day for item in items if item.day is not None})
    if not days:
        raise UsageError("no item with a day in these files: nothing can be measured")
    store = read_store(workspace)
    last = min(days[-1], store.coverage["to"].max().date())
    rows: list[Measured] = []
    for label, first, end in (("train", days[0], min(last, test_from - timedelta(days=1))), ("test", max(days[0], test_from), last)):
        rows += measure(label, items, store.events, rules, find_drafters(rules), first, end)
    folder = workspace.reports / published.STUDIES
    refuse_link(folder, workspace.shown(folder))
    path = folder / f"{DRAFTING}.csv"
    write_whole(path, csv_text([COLUMNS, *(astuple(row) for row in rows)]))
    about = {
        "command": f"ripeness study {DRAFTING} {source} FILE… --test-from {test_from}",
        "date": day.isoformat(),
        "files": len(files),
        "days": len(days),
        "first_day": days[0].isoformat(),
        "test_from": test_from.isoformat(),
        "last_day": last.isoformat(),
        "words_sha256": hash_file(workspace.data / FILE),
    }
    write_json(path.with_suffix(".json"), about)
    return path


def _rules(workspace: Workspace) -> Rules:
    rules = read_rules(workspace)
    if rules is None:
        shown = workspace.shown(workspace.data / FILE).as_posix()
        raise UsageError(f"no {shown}: write there by which words events are drafted; docs/guides/desk.md shows how")
    return rules


def _fetched(workspace: Workspace) -> dict[str, list[Path]]:
    """Source of news to the newest of each of its files that were fetched."""
    folder = workspace.data / FOLDER
    newest = {(one.source, one.file): one for one in read_record(folder, workspace.shown(folder))}
    wanted: dict[str, list[Path]] = {}
    for name, source in find_installed().items():
        paths = [path_of(folder, one.sha256, one.file) for one in newest.values() if one.source == name] if source.items else []
        if any(paths):
            wanted[name] = [path for path in paths if path]
    return wanted


def _drafts_of(items: Sequence[Item], source: str, path: Path, rules: Rules, drafters: Sequence[Drafter]) -> list[Draft]:
    file = (path.name, digest(path.read_bytes()))
    found = [make_draft(one, item, rules, source, file) for item in items for one in propose(item, drafters, path.name)]
    if len(found) > MOST_DRAFTS:
        mend = f"look into the file; if it is sound, let {FILE} be stricter"
        raise ContentError(Fault(Path(path.name), None, f"news for {len(found):,} drafts", f"at most {MOST_DRAFTS} of a file", mend))
    return found
