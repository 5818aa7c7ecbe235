"""The ledger: every forecast ever issued, append-only; the same forecast issued again adds nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date
from pathlib import Path

from ripeness.errors import ContentError, Fault
from ripeness.results import write_whole

FILE = "ledger.csv"


@dataclass(frozen=True)
class Entry:
    """One row of reports/ledger.csv: one probability for one question, origin and horizon.

    Parameters
    ----------
    run_id : str
        Twelve hexadecimal digits that name the inputs of the run.
    question, origin, horizon_weeks, target_end_date : str, date, int, date
    probability, lower, upper, outside_view : float
        In [0, 1].
    method : str
        How it was made.
    data_hash, priors_hash, code_version : str
        What it was made from; data_hash covers only rows visible at the origin.
    """

    run_id: str
    question: str
    origin: date
    horizon_weeks: int
    target_end_date: date
    probability: float
    lower: float
    upper: float
    outside_view: float
    method: str
    data_hash: str
    priors_hash: str
    code_version: str


COLUMNS = tuple(field.name for field in fields(Entry))


def read_ledger(reports: Path) -> list[Entry]:
    """All entries, in the order in which they were issued; none if there is no ledger yet.

    Raises
    ------
    ContentError
        If a line cannot be read.
    """
    path = reports / FILE
    if not path.is_file():
        return []
    shown = Path(reports.name) / FILE
    reader = csv.reader(io.StringIO(path.read_text("utf-8"), newline=""))
    header = next(reader, [])
    if tuple(header) != COLUMNS:
        raise ContentError(
            Fault(shown, 1, f"columns '{','.join(header)}'", f"'{','.join(COLUMNS)}'", "restore the ledger from its history")
        )
    entries = []
    for cells in reader:
        try:
            values = dict(zip(COLUMNS, cells, strict=True))
            entries.append(
                Entry(
                    values["run_id"],
                    values["question"],
                    date.fromisoformat(values["origin"]),
                    int(values["horizon_weeks"]),
                    date.fromisoformat(values["target_end_date"]),
                    float(values["probability"]),
                    float(values["lower"]),
                    float(values["upper"]),
                    float(values["outside_view"]),
                    values["method"],
                    values["data_hash"],
                    values["priors_hash"],
                    values["code_version"],
                )
            )
        except ValueError as error:
            fault = Fault(
                shown,
                reader.line_num,
                f"a line that cannot be read ({error})",
                "a forecast as it was issued",
                "restore the ledger from its history",
            )
            raise ContentError(fault) from None
    return entries


def append_entries(reports: Path, entries: Sequence[Entry]) -> int:
    """Add forecasts to the ledger; those that stand in it already, run and number alike, are not added again.

    Returns
    -------
    int
        How many rows were added.
    """
    known = read_ledger(reports)
    issued = {_line(entry) for entry in known}
    new = [entry for entry in entries if _line(entry) not in issued]
    if new:
        text = ",".join(COLUMNS) + "\n" + "".join(_line(entry) for entry in [*known, *new])
        write_whole(reports / FILE, text)
    return len(new)


def previous_entry(entries: Sequence[Entry], question: str, horizon_weeks: int, origin: date, run_id: str) -> Entry | None:
    """The newest forecast of the same question and horizon issued by another run with an origin no later than `origin`."""
    earlier = [
        entry
        for entry in entries
        if entry.question == question and entry.horizon_weeks == horizon_weeks and entry.run_id != run_id and entry.origin <= origin
    ]
    return max(earlier, key=lambda entry: (entry.origin, entries.index(entry)), default=None)


def _line(entry: Entry) -> str:
    buffer = io.StringIO()
    cells = [f"{value:.6f}" if isinstance(value, float) else str(value) for value in astuple(entry)]
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()
