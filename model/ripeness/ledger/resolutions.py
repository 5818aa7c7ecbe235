"""resolutions.csv: what became of every forecast whose target has passed, scored beside the outside view.

A row is never changed. Where a later look at the record answers otherwise, as a round is found that was held, a new row supersedes the
old one and says why; a look as of an earlier day than the one on file changes nothing.
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
from ripeness.errors import ContentError, Fault
from ripeness.ledger.entries import (
    DIGITS,
    FILE,
    RESTORE,
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
from ripeness.ledger.outcomes import VOID, YES, Outcome, Word, resolve
from ripeness.workspace.csv import append_rows, read_records
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
    issued : {"ahead", "hindsight"}
        As `issue_labels` has it.
    reason : str
        What the answer rests on, and which row this one supersedes.
    brier, outside_brier : float or None
        (p − y)², of the forecast and of its outside view; lower is better; None if void.
    log_score, outside_log_score : float or None
        −ln of the probability given to what came; lower is better; None if void.
    sensitivity_q05, sensitivity_q95 : float or None
        How surely a round would have been found, in the worst searched stretch of the window: a no means none on record, so searched.
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


RESOLUTION_COLUMNS: Final = tuple(field.name for field in fields(Resolution))
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
    return _parse(raw, shown / RESOLUTIONS_FILE, parse_ledger(ledger, shown / FILE))


def resolve_forecasts(
    reports: Path, question: Question, essay: date, as_of: date, vintage_on: Callable[[date], Vintage], rungs: Sequence[Rung] = ()
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
        standing = latest(_parse(raw, shown / RESOLUTIONS_FILE, entries))
        new = []
        for entry, issued in zip(entries, issue_labels(entries, essay), strict=True):
            before = standing.get(entry.key)
            if before is not None and before.as_of > as_of:
                continue
            outcome = resolve(entry, question, as_of, vintage_on, resolved=before is not None and before.outcome != VOID, rungs=rungs)
            if outcome is None or (before is not None and outcome.word == before.outcome):
                continue
            reason = outcome.reason if before is None else f"{outcome.reason}; supersedes the {before.outcome} as of {before.as_of}"
            new.append(
                Resolution(
                    **{field.name: getattr(entry, field.name) for field in fields(Forecast)},
                    outside_view=entry.outside_view,
                    outcome=outcome.word,
                    as_of=as_of,
                    issued=issued,
                    reason=reason,
                    **_scored(entry, outcome),
                )
            )
        if new:
            update.replace(RESOLUTIONS_FILE, append_rows(raw, RESOLUTION_COLUMNS, [cells_of(row) for row in new])[0])
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


def _scored(entry: Entry, outcome: Outcome) -> dict[str, Any]:
    """The columns of a resolution that are numbers."""
    low, high = outcome.sensitivity or (None, None)
    of_forecast, of_outside = scores(entry.probability, outcome.word), scores(entry.outside_view, outcome.word)
    return {
        **dict(zip(("brier", "log_score"), of_forecast, strict=True)),
        **dict(zip(("outside_brier", "outside_log_score"), of_outside, strict=True)),
        "sensitivity_q05": low,
        "sensitivity_q95": high,
    }


def _parse(raw: bytes | None, shown: Path, entries: Sequence[Entry]) -> list[Resolution]:
    if raw is None:
        return []
    rows, faults = read_records(raw, shown, _SPEC, RESOLUTION_COLUMNS, RESTORE)
    issued = {(entry.key, entry.target_end_date, entry.outside_view) for entry in entries}
    for line, row in rows:
        if (row.key, row.target_end_date, row.outside_view) not in issued:
            found = f"a resolution of {row.question}, {row.origin}, {row.horizon_weeks} weeks"
            faults.append(Fault(shown, line, found, "a forecast of the ledger", RESTORE))
        due = (*scores(row.probability, row.outcome), *scores(row.outside_view, row.outcome))
        there = (row.brier, row.log_score, row.outside_brier, row.outside_log_score)
        if not all(a == b or (a is not None and b is not None and abs(a - b) < 4 * LEAST) for a, b in zip(due, there, strict=True)):
            faults.append(Fault(shown, line, f"scores that are not those of {row.outcome}", _in_words(due), RESTORE))
    if faults:
        raise ContentError(sorted(faults, key=lambda fault: fault.line or 0))
    return [row for _, row in rows]


def _in_words(values: Sequence[float | None]) -> str:
    return ", ".join("none" if value is None else f"{value:.{DIGITS}f}" for value in values)
