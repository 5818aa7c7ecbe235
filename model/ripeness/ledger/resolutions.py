"""resolutions.csv: what became of every forecast whose target has passed, scored beside the outside view.

A row is never changed. Where a later look at the record answers otherwise, as a round is found that was held, a new row supersedes the
old one and says why, as it does where the same answer rests on other rows now: so a dispute is settled. The last row is in force. A look as of an
earlier day than the one on file changes nothing. Rows are chained as the ledger's are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from math import log
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from ripeness.data.transaction import writing
from ripeness.data.vintages import Vintage
from ripeness.errors import Fault
from ripeness.ledger.chain import CHAIN, RESTORE, append_chained, refuse_if_touched
from ripeness.ledger.entries import (
    DIGITS,
    FILE,
    LATE,
    Entry,
    Forecast,
    Issued,
    Key,
    Share,
    Text,
    cells_of,
    issue_labels,
    parse_ledger,
    read_contents,
)
from ripeness.ledger.outcomes import PARTED, VOID, YES, Outcome, Word, resolve
from ripeness.workspace.csv import read_records
from ripeness.workspace.question import Question, Rung

RESOLUTIONS_FILE: Final = "resolutions.csv"
LEAST: Final = 0.5 * 10**-DIGITS  # a probability written as 0 or 1 stands for half its last digit

Score = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Resolution(Forecast):
    """One row of reports/resolutions.csv.

    Parameters
    ----------
    run_id, question, origin, horizon_weeks, target_end_date, probability, outside_view
        As in the ledger, of whose rows it answers the one with its `key`.
    outcome : {"yes", "no", "void"}
    as_of : date
        The day by whose record it was resolved.
    issued : {"ahead", "late", "hindsight"}
        As `issue_labels` has it.
    reason : str
        What the answer rests on, and which row this one supersedes.
    brier, outside_brier : float or None
        (p − y)², of the forecast and of its outside view; lower is better; None if void or issued late.
    log_score, outside_log_score : float or None
        −ln of the probability given to what came; lower is better; None if void or issued late.
    sensitivity_q05, sensitivity_q95 : float or None
        How surely a round would have been found, in the worst searched stretch of the window: a no means none on record, so searched.
    resolved_on : date or None
        The clock's day when it was resolved; None where that is unknown.
    program_version : str or None
        Version of the program that wrote the row.
    evidence : str or None
        The rows of events.csv, or of an indicator, that the answer rests on, as `Outcome` has them; None where it rests on none.
    """

    outside_view: Share
    outcome: Word
    as_of: date
    issued: Issued
    reason: Text
    brier: Score | None = None
    log_score: Score | None = None
    outside_brier: Score | None = None
    outside_log_score: Score | None = None
    sensitivity_q05: Share | None = None
    sensitivity_q95: Share | None = None
    resolved_on: date | None = None
    program_version: Text | None = None
    evidence: Text | None = None


RESOLUTION_COLUMNS: Final = tuple(field.name for field in fields(Resolution))
UNCHAINED: Final = RESOLUTION_COLUMNS.index("resolved_on")  # columns before rows were chained
_SPEC = TypeAdapter(Resolution)


def read_resolutions(reports: Path) -> list[Resolution]:
    """All rows, those superseded too, in their order; none if there is no file yet.

    Raises
    ------
    ContentError
        With the line of everything that is wrong here or in the ledger, also where a row resolves a forecast that the ledger lacks.
    BusyError
        If another command is adding to the folder and does not end.
    """
    ledger, raw = read_contents(reports, FILE, RESOLUTIONS_FILE)
    shown = Path(reports.name)
    return parse_resolutions(raw, shown / RESOLUTIONS_FILE, parse_ledger(ledger, shown / FILE))


def resolve_forecasts(
    reports: Path,
    question: Question,
    essay: date,
    as_of: date,
    vintage_on: Callable[[date], Vintage],
    rungs: Sequence[Rung] = (),
    resolved_on: date | None = None,
    program_version: str | None = None,
) -> list[Resolution]:
    """Resolve every forecast of the ledger that the record of a day settles, and append what is new to resolutions.csv.

    Parameters
    ----------
    reports : Path
        Folder of the ledger.
    question : Question
    essay : date
        Day of the essay.
    as_of : date
    vintage_on : callable
        From a day to its vintage.
    rungs : sequence of Rung
        The workspace's.
    resolved_on, program_version : date, str, optional
        As in `Resolution`; they play no part in the answers.

    Returns
    -------
    list of Resolution
        The rows added.

    Raises
    ------
    ContentError, BusyError
        As `append_entries`; nothing was changed.
    """
    if not reports.is_dir():
        return []
    vintage_on, shown = cache(vintage_on), Path(reports.name)
    with writing(reports, shown) as update:
        entries = parse_ledger(update.read(FILE), shown / FILE)
        raw = update.read(RESOLUTIONS_FILE)
        rows = parse_resolutions(raw, shown / RESOLUTIONS_FILE, entries)
        standing, answered = latest(rows), {row.key for row in rows if row.outcome != VOID}
        new = []
        for entry, issued in zip(entries, issue_labels(entries, essay), strict=True):
            before = standing.get(entry.key)
            if before is not None and before.as_of > as_of:
                continue
            outcome = resolve(entry, question, as_of, vintage_on, resolved=entry.key in answered, rungs=rungs)
            if outcome is None:
                continue
            reason = outcome.reason
            if before is not None:
                changed = outcome.word != before.outcome
                if not changed and _rows_of(before.evidence) <= _rows_of(outcome.evidence):
                    continue
                reason += f"; supersedes the {before.outcome} as of {before.as_of}" + ("" if changed else ", which rested on other rows")
            new.append(
                Resolution(
                    **{field.name: getattr(entry, field.name) for field in fields(Forecast)},
                    outside_view=entry.outside_view,
                    outcome=outcome.word,
                    as_of=as_of,
                    issued=issued,
                    reason=reason,
                    **_scored(entry, outcome, issued),
                    resolved_on=resolved_on,
                    program_version=program_version,
                    evidence=outcome.evidence or None,
                )
            )
        if new:
            content = append_chained(raw, shown / RESOLUTIONS_FILE, RESOLUTION_COLUMNS, [cells_of(row) for row in new])
            parse_resolutions(content, shown / RESOLUTIONS_FILE, entries)  # what could not be read again is not written
            update.replace(RESOLUTIONS_FILE, content)
    return new


def latest(resolutions: Sequence[Resolution]) -> dict[Key, Resolution]:
    """The row in force for each forecast: the last one."""
    return {row.key: row for row in resolutions}


def scores(probability: float, outcome: str) -> tuple[float | None, float | None]:
    """Brier score and log score of a probability, both the lower the better; none where the question is void."""
    if outcome == VOID:
        return None, None
    came = probability if outcome == YES else 1 - probability
    return round((1 - came) ** 2, DIGITS), round(-log(min(max(came, LEAST), 1 - LEAST)), DIGITS)


def _rows_of(evidence: str | None) -> set[str]:
    """The rows that are named as evidence."""
    return set(evidence.split(PARTED)) if evidence else set()


def _scored(entry: Entry, outcome: Outcome, issued: Issued) -> dict[str, Any]:
    """The columns of a resolution that are numbers."""
    low, high = outcome.sensitivity or (None, None)
    of_forecast, of_outside = [scores(p, VOID if issued == LATE else outcome.word) for p in (entry.probability, entry.outside_view)]
    return {
        **dict(zip(("brier", "log_score"), of_forecast, strict=True)),
        **dict(zip(("outside_brier", "outside_log_score"), of_outside, strict=True)),
        "sensitivity_q05": low,
        "sensitivity_q95": high,
    }


def parse_resolutions(raw: bytes | None, shown: Path, entries: Sequence[Entry]) -> list[Resolution]:
    """As `read_resolutions`, from the content of the file, None where there is none, and the ledger."""
    if raw is None:
        return []
    rows, faults = read_records(raw, shown, _SPEC, (*RESOLUTION_COLUMNS, *CHAIN), RESTORE, UNCHAINED)
    issued = {(entry.key, entry.target_end_date, entry.outside_view) for entry in entries}
    for line, row in rows:
        if (row.key, row.target_end_date, row.outside_view) not in issued:
            found = f"a resolution of {row.question}, {row.origin}, {row.horizon_weeks} weeks"
            faults.append(Fault(shown, line, found, "a forecast of the ledger", RESTORE))
        scored = VOID if row.issued == LATE else row.outcome
        due = (*scores(row.probability, scored), *scores(row.outside_view, scored))
        there = (row.brier, row.log_score, row.outside_brier, row.outside_log_score)
        if not all(a == b or (a is not None and b is not None and abs(a - b) < 4 * LEAST) for a, b in zip(due, there, strict=True)):
            faults.append(
                Fault(
                    shown,
                    line,
                    f"scores that are not those of {row.outcome}{', issued late' if row.issued == LATE else ''}",
                    _in_words(due),
                    RESTORE,
                )
            )
    refuse_if_touched(raw, shown, faults, UNCHAINED)
    return [row for _, row in rows]


def _in_words(values: Sequence[float | None]) -> str:
    return ", ".join("none" if value is None else f"{value:.{DIGITS}f}" for value in values)
