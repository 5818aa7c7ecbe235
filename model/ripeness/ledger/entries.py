"""ledger.csv: every forecast as it was issued, in the order in which it was issued.

A forecast is the same as one that stands there already if it says the same numbers (as written, to six decimals) of the same question,
origin and horizon, whichever run it comes from: then nothing is added, so that a run made anew, or alternating seeds, cannot pad the
record. Another number is another row, which names what differs from the row before it of the same question, origin and horizon:

    data, priors, code, method   the column of that name, or more of them: "data; code"
    run                          none of these but the run: its seed, ripeness.toml or the versions of the libraries
    sampling                     not even that: the same run, sampled on another machine

A run's forecast of a question, origin and horizon stands here once with each probability (`Forecast.key`), so that a resolution is of one row:
one more with another interval or outside view is no forecast that anything can have issued, and is refused.

No clock is read here: the day of issue is passed in. A forecast was issued no earlier than `issued_on`, than the day that the record had reached by
then (`record_to`) and than any forecast before it, as rows come in the order of issue; from these days `issue_labels` tells ahead, late and hindsight.

Rows are chained by their digests (`chain`). A ledger of an older form is read as it is, its days of issue unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Protocol

from pydantic import Field, TypeAdapter

from ripeness.calendar import target_date
from ripeness.data.transaction import reading, writing
from ripeness.errors import Fault
from ripeness.ledger.chain import CHAIN, RESTORE, append_chained, refuse_if_touched
from ripeness.workspace.csv import read_records

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FILE: Final = "ledger.csv"
DIGITS: Final = 6  # of a float, after the point
INPUTS: Final = {"data": "data_hash", "priors": "priors_hash", "code": "code_version", "method": "method"}
RUN, SAMPLING = "run", "sampling"
AHEAD: Final = "ahead"
LATE: Final = "late"
HINDSIGHT: Final = "hindsight"
LABELS: Final = (AHEAD, LATE, HINDSIGHT)  # of versions of one forecast the newest of the first of these counts

Issued = Literal["ahead", "late", "hindsight"]
Key = tuple[str, str, date, int, str]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_WORD = "|".join((*INPUTS, RUN, SAMPLING))


@dataclass(frozen=True)
class Forecast:
    """What ledger.csv and resolutions.csv both say of a forecast: which it is, and its probability.

    Parameters
    ----------
    run_id : str
        Twelve hexadecimal digits that name the inputs of the run.
    question, origin, horizon_weeks, target_end_date : str, date, int, date
    probability : float
        In [0, 1].
    """

    run_id: Text
    question: Name
    origin: date
    horizon_weeks: Annotated[int, Field(ge=1)]
    target_end_date: date
    probability: Share

    @property
    def key(self) -> Key:
        """What tells it from every other; the same run sampled on another machine differs in the probability."""
        return self.run_id, self.question, self.origin, self.horizon_weeks, f"{self.probability:.{DIGITS}f}"


@dataclass(frozen=True)
class Entry(Forecast):
    """One row of reports/ledger.csv: one probability for one question, origin and horizon.

    Parameters
    ----------
    run_id, question, origin, horizon_weeks, target_end_date, probability
        As in `Forecast`.
    lower, upper, outside_view : float
        In [0, 1].
    method : str
        How it was made.
    data_hash, priors_hash, code_version : str
        What it was made from; data_hash covers only rows visible at the origin.
    differs : str
        What differs from the forecast issued before of the same question, origin and horizon; empty for the first.
    record_to : date or None
        The default origin of the data when it was issued: it was issued no earlier. None in rows of the oldest form.
    issued_on : date or None
        The clock's day when it was written. None where that is unknown.
    program_version : str or None
        Version of the program that wrote the row; what the numbers were made by is `code_version`. None in rows of an older form.
    note : str or None
        Where something else than the program's own clock has said the day of issue: what it was.
    """

    lower: Share
    upper: Share
    outside_view: Share
    method: Text
    data_hash: Text
    priors_hash: Text
    code_version: Text
    differs: Annotated[str, Field(pattern=rf"^(({_WORD})(; ({_WORD}))*)?$")] = ""
    record_to: date | None = None
    issued_on: date | None = None
    program_version: Text | None = None
    note: Text | None = None


COLUMNS: Final = tuple(field.name for field in fields(Entry))
OLDEST: Final = COLUMNS.index("differs")  # columns of the oldest form
UNCHAINED: Final = COLUMNS.index("issued_on")  # columns before rows were chained
_SPEC = TypeAdapter(Entry)


def read_ledger(reports: Path) -> list[Entry]:
    """All entries, in the order in which they were issued; none if there is no ledger yet.

    Raises
    ------
    ContentError
        With the line of everything that cannot have been issued so.
    BusyError
        If another command is adding to it and does not end.
    """
    (raw,) = read_contents(reports, FILE)
    return parse_ledger(raw, Path(reports.name) / FILE)


def parse_ledger(raw: bytes | None, shown: Path) -> list[Entry]:
    """As `read_ledger`, from the content of the file; None where there is none."""
    if raw is None:
        return []
    rows, faults = read_records(raw, shown, _SPEC, (*COLUMNS, *CHAIN), RESTORE, OLDEST)
    lines: dict[Key, int] = {}
    for line, entry in rows:
        target = target_date(entry.origin, entry.horizon_weeks)
        if entry.target_end_date != target:
            expected = f"{target}, {entry.horizon_weeks} weeks after {entry.origin}"
            faults.append(Fault(shown, line, f"target_end_date {entry.target_end_date}", expected, RESTORE))
        if entry.lower > entry.upper:
            faults.append(Fault(shown, line, f"lower {entry.lower:g} above upper {entry.upper:g}", "lower up to upper", RESTORE))
        if lines.setdefault(entry.key, line) != line:
            found = f"the forecast of line {lines[entry.key]} a second time"
            faults.append(Fault(shown, line, found, "each forecast of a run once", RESTORE))
    refuse_if_touched(raw, shown, faults, UNCHAINED)
    return [entry for _, entry in rows]


def append_entries(reports: Path, entries: Sequence[Entry]) -> int:
    """Add forecasts to the ledger, all or none; those that stand in it already are not added again.

    Returns
    -------
    int
        How many rows were added.

    Raises
    ------
    ContentError
        If the ledger cannot be read or written to; nothing was changed.
    BusyError
        If another command uses the folder and does not end.
    """
    return append_new(reports, FILE, COLUMNS, entries, parse_ledger, new_entries)


def new_entries(issued: Sequence[Entry], entries: Sequence[Entry]) -> list[Entry]:
    """Those of `entries` that do not stand in the ledger, in their order and as they will stand there, each naming what differs from the one issued before it."""
    known = {_statement(entry) for entry in issued}
    last = {subject(entry): entry for entry in issued}
    new = []
    for entry in entries:
        if _statement(entry) not in known:
            before = last.get(subject(entry))
            added = replace(as_filed(entry), differs="" if before is None else _differing(before, entry))
            known.add(_statement(added))
            last[subject(added)] = added
            new.append(added)
    return new


def previous_entry(entries: Sequence[Entry], question: str, horizon_weeks: int, origin: date, run_id: str) -> Entry | None:
    """The newest forecast of the same question and horizon issued by another run with an origin no later than `origin`."""
    earlier = [
        (entry.origin, place)
        for place, entry in enumerate(entries)
        if entry.question == question and entry.horizon_weeks == horizon_weeks and entry.run_id != run_id and entry.origin <= origin
    ]
    return entries[max(earlier)[1]] if earlier else None


class Issuable(Protocol):
    """What was issued as of an origin, of the days after it up to a last one."""

    @property
    def origin(self) -> date: ...
    @property
    def target_end_date(self) -> date: ...
    @property
    def record_to(self) -> date | None: ...
    @property
    def issued_on(self) -> date | None: ...
    @property
    def note(self) -> str | None: ...


def issue_labels(entries: Sequence[Issuable], essay: date) -> list[Issued]:
    """Whether each forecast was issued ahead of its window, inside it, or in hindsight.

    Parameters
    ----------
    entries : sequence of Entry, or of rows of bridges.csv
        The whole file, in its order.
    essay : date
        Day of the essay.

    Returns
    -------
    list of {"ahead", "late", "hindsight"}
        Ahead: issued on or before the first day of the window, the day after the origin. Late: inside the window; such a forecast is not scored at
        all, as what it says of the days before its issue was known. Hindsight: after the window, on a day that is not known, or ahead by its days but with an origin before
        the essay whose argument is used, or with a `note`: a day that no clock of the program said can make a row late, never ahead. The day of
        issue is the latest of `issued_on`, `record_to` and those of all rows before.
    """
    labels: list[Issued] = []
    newest = date.min
    for entry in entries:
        newest = max(newest, entry.origin, entry.record_to or entry.origin, entry.issued_on or entry.origin)
        if entry.issued_on is None or newest > entry.target_end_date:
            labels.append(HINDSIGHT)
        elif newest > entry.origin + timedelta(days=1):
            labels.append(LATE)
        else:
            labels.append(HINDSIGHT if entry.origin < essay or entry.note else AHEAD)
    return labels


def counting_versions(keys: Sequence[Hashable], labels: Sequence[Issued]) -> set[int]:
    """Of each forecast the place of the version that counts: the newest issued ahead; or else the newest issued late, or in hindsight.

    Parameters
    ----------
    keys : sequence of hashable
        Which forecast each row is a version of, in the order of issue.
    labels : sequence of str
        As `issue_labels` gives them.
    """
    chosen: dict[Hashable, int] = {}
    for place, (key, label) in enumerate(zip(keys, labels, strict=True)):
        if key not in chosen or LABELS.index(label) <= LABELS.index(labels[chosen[key]]):
            chosen[key] = place
    return set(chosen.values())


def cells_of(row: DataclassInstance) -> list[str]:
    """The cells of a row as they stand in the file: floats to DIGITS decimals, None empty."""
    return [f"{value:.{DIGITS}f}" if isinstance(value, float) else "" if value is None else str(value) for value in astuple(row)]


def read_contents(reports: Path, *names: str) -> list[bytes | None]:
    """Files of the reports as they stand together; None where there is none.

    Raises
    ------
    BusyError
        If another command is adding to the folder and does not end.
    """
    if not reports.is_dir():
        return [None] * len(names)
    with reading(reports, Path(reports.name)):
        paths = [reports / name for name in names]
        return [path.read_bytes() if path.is_file() else None for path in paths]


def as_filed[Row: DataclassInstance](row: Row) -> Row:
    """A row as it will be read again: what is drawn of it before it is written is what is drawn of it afterwards."""
    return replace(row, **{name: round(value, DIGITS) for name, value in vars(row).items() if isinstance(value, float)})


def append_new[Row: DataclassInstance](
    reports: Path,
    name: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    parse: Callable[[bytes | None, Path], list[Row]],
    new: Callable[[Sequence[Row], Sequence[Row]], list[Row]],
) -> int:
    """Add to a file of the reports those rows that `new` finds new beside what `parse` reads there, all or none. Returns how many were added.

    Raises
    ------
    ContentError, BusyError
        As `append_entries`; nothing was changed.
    """
    reports.mkdir(parents=True, exist_ok=True)
    shown = Path(reports.name) / name
    with writing(reports, shown.parent) as update:
        content, added = with_new(update.read(name), shown, columns, rows, parse, new)
        if content is not None and added:
            update.replace(name, content)
    return added


def with_new[Row: DataclassInstance](
    raw: bytes | None,
    shown: Path,
    columns: Sequence[str],
    rows: Sequence[Row],
    parse: Callable[[bytes | None, Path], list[Row]],
    new: Callable[[Sequence[Row], Sequence[Row]], list[Row]],
) -> tuple[bytes | None, int]:
    """The content of a file of the reports after `append_new`, and how many rows that adds.

    Raises
    ------
    ContentError
        If it cannot be read, or could not be afterwards.
    """
    added = new(parse(raw, shown), rows)
    if not added:
        return raw, 0
    content = append_chained(raw, shown, columns, [cells_of(row) for row in added])
    parse(content, shown)  # what could not be read again is not written
    return content, len(added)


def subject(entry: Forecast) -> tuple[str, date, int]:
    """What is forecast: versions of one forecast have it in common."""
    return entry.question, entry.origin, entry.horizon_weeks


def _statement(entry: Entry) -> tuple[str, ...]:
    cells = dict(zip(COLUMNS, cells_of(entry), strict=True))
    return tuple(cells[name] for name in ("question", "origin", "horizon_weeks", "probability", "lower", "upper", "outside_view"))


def _differing(before: Entry, entry: Entry) -> str:
    words = [word for word, name in INPUTS.items() if getattr(before, name) != getattr(entry, name)]
    return "; ".join(words) or (RUN if before.run_id != entry.run_id else SAMPLING)
