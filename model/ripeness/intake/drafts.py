"""Drafts of events and the verdicts on them: data/drafts.jsonl, a draft a line; none is an event without a person's yes.

A line is one JSON object with the keys of `Draft`, the oldest first. A draft is open until it has its verdict, and stays in the file after it, so that
the same sentence is not asked about again. A yes appends the row to events.csv by the way of every other row (`ripeness.intake.updates`), with the
digest of the file that it was drafted from, and notes the verdict in the same transaction: both or neither. The file is no CSV: it holds what strangers
wrote, which no spreadsheet is to open.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ripeness.data.events import AHEAD, EVENTS, EVENTS_FILE, KINDS, MEETING
from ripeness.data.transaction import Transaction, reading, writing
from ripeness.data.vintages import Store
from ripeness.errors import ContentError, Fault, UsageError, did_you_mean
from ripeness.files import hash_text
from ripeness.intake.drafting import Proposal, Rules
from ripeness.intake.incoming import TABLE, Incoming
from ripeness.intake.reading import Day, Item
from ripeness.intake.updates import Choices, Update, update_store
from ripeness.workspace import Workspace

FILE: Final = "drafts.jsonl"
ID_DIGITS: Final = 8
OPEN: Final = "open"
YES: Final = "yes"
NO: Final = "no"
CORRECTED: Final = ("kind", "date", "end_date", "round", "published_on", "description", "source", "grade")  # what a correction may change
NEAR: Final = timedelta(days=2)  # so near an event on record may be the same
_MEND: Final = f"restore the line from its history, or take it out of {FILE}: the draft is then made again"
_Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Draft(BaseModel):
    """An event that news may tell of, and what a person said to it.

    Attributes
    ----------
    id : str
        From day, kind and sentence: the same news makes the same draft.
    kind, date, end_date, round, published_on, description, source, grade
        The row that a yes appends to events.csv.
    sentence, address : str
        What it rests on, and where that can be read.
    from_source, file, sha256 : str
        Whose reader read it; the file it came in, and the digest of that.
    verdict : "open", "yes" or "no"
    corrected : bool
        Whether the person changed the row before the yes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=rf"^[0-9a-f]{{{ID_DIGITS}}}$")]
    kind: _Text
    date: Day
    end_date: Day
    round: bool
    published_on: Day
    description: _Text
    source: _Text
    grade: _Text
    sentence: _Text
    address: _Text
    from_source: _Text
    file: Annotated[str, Field(pattern=r"^[^/\\;\x00-\x1f]{1,255}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    verdict: Literal["open", "yes", "no"] = OPEN
    corrected: bool = False

    @model_validator(mode="after")
    def _known_kind(self) -> Self:
        if self.kind not in KINDS:
            raise ValueError(f"a known kind of event; {did_you_mean(self.kind, list(KINDS))}")
        return self


@dataclass(frozen=True)
class Verdicts:
    """What a person says to drafts.

    Attributes
    ----------
    yes : mapping
        Id to what is corrected, if anything: a column of CORRECTED to its new text.
    no : sequence of str
        Ids.
    """

    yes: Mapping[str, Mapping[str, str]]
    no: Sequence[str] = ()


def make_draft(one: Proposal, item: Item, rules: Rules, from_source: str, file: tuple[str, str]) -> Draft:
    """A draft of what was proposed of an item; of a file by its name and digest."""
    assert item.day is not None
    ahead = one.kind.startswith(MEETING)
    known = item.day if ahead else max(item.day, one.first) + timedelta(days=rules.lag_days)
    parties = "-".join(one.parties)
    return Draft(
        id=hash_text(item.day.isoformat(), one.kind, " ".join(one.sentence.casefold().split()))[:ID_DIGITS],
        kind=one.kind,
        date=one.first,
        end_date=one.last,
        round=one.round,
        published_on=known,
        description=f"{parties}: {one.sentence}" if parties else one.sentence,
        source=item.source if not item.address or item.source in item.address else f"{item.source}, {item.address}",
        grade=rules.grades.get(from_source, rules.grade),
        sentence=one.sentence,
        address=item.address,
        from_source=from_source,
        file=file[0],
        sha256=file[1],
    )


def read_drafts(workspace: Workspace) -> list[Draft]:
    """The drafts of a workspace, the oldest first; none where there is no file.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    path, shown = workspace.data / FILE, workspace.shown(workspace.data / FILE)
    if not path.exists():
        return []
    with reading(workspace.data, workspace.shown(workspace.data)):
        return _parse(path.read_bytes(), shown)


def add_drafts(workspace: Workspace, drafts: Iterable[Draft]) -> list[Draft]:
    """Store the drafts that are not known yet, and give them; those known keep their verdict.

    Raises
    ------
    ContentError
        If drafts.jsonl is not sound.
    RipenessError
        If the folder cannot be written to, or another command does not end.
    """
    with writing(workspace.data, workspace.shown(workspace.data)) as transaction:
        stored = _read(transaction, workspace)
        known = {draft.id for draft in stored}
        new = list({draft.id: draft for draft in drafts if draft.id not in known}.values())
        if new:
            _write(transaction, [*stored, *new])
    return new


def decide(workspace: Workspace, verdicts: Verdicts, day: date, dry_run: bool = False) -> Update | None:
    """Store the rows of the drafts that were said yes to, and note all verdicts, in one transaction.

    Parameters
    ----------
    workspace : Workspace
    verdicts : Verdicts
    day : date
        Of the batch; no row is published later, and one that would be known only after it is known on it.
    dry_run : bool
        Whether nothing is to be written.

    Returns
    -------
    Update or None
        What became of the rows; None if there was no yes.

    Raises
    ------
    UsageError
        If a draft is not known or has its verdict, is named twice, or a correction is of no column.
    ContentError
        If a row is refused: nothing was written, and every draft is still open.
    """
    named = [*verdicts.yes, *verdicts.no]
    for name in named:
        if named.count(name) > 1:
            raise UsageError(f"draft {name} has two verdicts: give one")
    if not verdicts.yes:
        with writing(workspace.data, workspace.shown(workspace.data)) as transaction:
            _note(transaction, workspace, {}, verdicts.no, dry_run)
        return None
    rows: dict[str, Draft] = {}

    def bring(store: Store) -> list[Incoming]:
        path = workspace.data / FILE
        drafts = _parse(path.read_bytes(), workspace.shown(path)) if path.exists() else []
        _open_ones(drafts, named)
        rows.update({draft.id: _corrected(draft, verdicts.yes[draft.id], day) for draft in drafts if draft.id in verdicts.yes})
        return [_incoming(list(rows.values()), [draft.id for draft in drafts], workspace)]

    update = update_store(
        workspace, bring, Choices(day=day, dry_run=dry_run), lambda transaction: _note(transaction, workspace, rows, verdicts.no, dry_run)
    )
    if update.faults:
        raise ContentError(update.faults)
    return update


def on_record(draft: Draft, events: pd.DataFrame) -> list[dict[str, Any]]:
    """Events on record that may be the draft's: of its kind and at most two days apart, the newest first."""
    near = events[
        (events["kind"] == draft.kind)
        & (events["date"] <= pd.Timestamp(draft.end_date + NEAR))
        & (events["end_date"] >= pd.Timestamp(draft.date - NEAR))
    ]
    return [
        {"line": int(row["line"]), "date": row["date"].date().isoformat(), "description": str(row["description"])}
        for row in near.sort_values(["date", "line"], ascending=False).to_dict("records")
    ]


def _read(transaction: Transaction, workspace: Workspace) -> list[Draft]:
    raw = transaction.read(FILE)
    return [] if raw is None else _parse(raw, workspace.shown(workspace.data / FILE))


def _write(transaction: Transaction, drafts: Sequence[Draft]) -> None:
    lines = (json.dumps(draft.model_dump(mode="json"), ensure_ascii=False) for draft in drafts)
    transaction.replace(FILE, "".join(f"{line}\n" for line in lines).encode())


def _parse(raw: bytes, shown: Path) -> list[Draft]:
    drafts: list[Draft] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line and number > 1 and number == raw.count(b"\n") + 1:  # after the end of the last
            break
        try:
            draft = Draft.model_validate_json(line)
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            name = ".".join(str(part) for part in detail["loc"]) or "the line"
            faults.append(Fault(shown, number, f"{name}: {str(detail['input'])[:80]!r}", f"a draft ({detail['msg']})", _MEND))
            continue
        if draft.id in seen:
            faults.append(Fault(shown, number, f"draft {draft.id} of line {seen[draft.id]} a second time", "each draft once", _MEND))
        seen[draft.id] = number
        drafts.append(draft)
    if faults:
        raise ContentError(faults)
    return drafts


def _open_ones(drafts: Sequence[Draft], named: Sequence[str]) -> None:
    """Raise unless all that are named are there and open."""
    verdicts = {draft.id: draft.verdict for draft in drafts}
    still_open = [name for name, verdict in verdicts.items() if verdict == OPEN]
    for name in named:
        if name not in verdicts:
            raise UsageError(f"no draft {name}; " + (did_you_mean(name, still_open[:20]) if still_open else "none is open"))
        if verdicts[name] != OPEN:
            raise UsageError(f"draft {name} has its verdict: {verdicts[name]}. A row of {EVENTS_FILE} is revised by 'ripeness update'")


def _note(transaction: Transaction, workspace: Workspace, yes: Mapping[str, Draft], no: Sequence[str], dry_run: bool = False) -> None:
    """Stage the file with verdicts noted."""
    drafts = _read(transaction, workspace)
    _open_ones(drafts, [*yes, *no])
    noted = [yes.get(draft.id) or (draft.model_copy(update={"verdict": NO}) if draft.id in no else draft) for draft in drafts]
    if not dry_run:
        _write(transaction, noted)


def _corrected(draft: Draft, changes: Mapping[str, str], day: date) -> Draft:
    """The draft as it is said yes to."""
    for name in changes:
        if name not in CORRECTED:
            raise UsageError(f"{name}: no column that a correction may change; {did_you_mean(name, list(CORRECTED))}")
    values = draft.model_dump(mode="json") | dict(changes)
    if "date" in changes and "end_date" not in changes:
        values["end_date"] = changes["date"]
    if isinstance(values["round"], str):
        values["round"] = {"yes": True, "no": False}.get(values["round"], values["round"])
    if "published_on" not in changes:
        values["published_on"] = _published(draft, values, day)
    try:
        found = Draft.model_validate(values)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        name = ".".join(map(str, detail["loc"])) or "kind"
        raise UsageError(
            f"{name} = {str(changes.get(name, values.get(name)))[:80]!r}: {detail['msg'].removeprefix('Value error, ')}"
        ) from None
    return found.model_copy(update={"verdict": YES, "corrected": bool(changes)})


def _published(draft: Draft, values: Mapping[str, Any], day: date) -> str:
    """When the row was known: as drafted, but by the batch's day, and of an announced meeting by its last day."""
    latest = [draft.published_on.isoformat(), day.isoformat()]
    if values["kind"] in AHEAD:
        latest.append(str(values["end_date"]))
    return min(latest)


def _incoming(rows: Sequence[Draft], order: Sequence[str], workspace: Workspace) -> Incoming:
    """Drafts as rows of a batch, each with its line of drafts.jsonl."""
    frame = pd.DataFrame([{name: getattr(row, name) for name in CORRECTED} for row in rows])
    frame["line"] = [order.index(row.id) + 1 for row in rows]
    for name in ("date", "end_date", "published_on"):
        frame[name] = pd.to_datetime(frame[name])
    frame = frame[list(EVENTS.dtypes)].astype(EVENTS.dtypes)
    frame[TABLE] = pd.Categorical(["events"] * len(frame), categories=["events"])
    files = tuple(dict.fromkeys((row.file, row.sha256) for row in rows))
    return Incoming(workspace.shown(workspace.data / FILE).as_posix(), EVENTS, frame, files=files)
