"""`ripeness ledger`: whether the rows of the record stand as they were written, and the heads to keep elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

from rich.text import Text

from ripeness.cli.options import read_day
from ripeness.cli.screen import open_console, print_json
from ripeness.errors import ContentError, Fault, UsageError
from ripeness.ledger import FILE, Head, clock, find_head, migrate_reports, verify_reports
from ripeness.workspace import read_workspace


def show_heads(root: Path, head: str | None, json: bool) -> None:
    """Print the head of each file of the record, once all rows are found as they were written, and where a head kept elsewhere stands.

    Raises
    ------
    ContentError
        With the first row that was touched; or if no row has the head that was kept.
    UsageError
        If that is no digest.
    """
    reports = read_workspace(root).reports
    kept = None if head is None else head.strip().lower()
    if kept is not None and not re.fullmatch("[0-9a-f]{64}", kept):
        raise UsageError(f"{head!r} is no head: write all of its 64 hexadecimal digits")
    heads = verify_reports(reports)
    place = None if kept is None else find_head(reports, kept)
    if kept is not None and place is None:
        found, mend = (
            f"no row with the digest {kept}",
            "restore the files from their history: rows are missing at the end, or all were written anew",
        )
        raise ContentError(Fault(Path(reports.name) / FILE, None, found, "the row whose digest was kept", mend))
    if json:
        print_json({"heads": [asdict(one) for one in heads]} | ({} if place is None else {"kept": {"file": place[0], "line": place[1]}}))
        return
    _print_heads(heads)
    if place is not None:
        open_console().print(
            Text(f"The head that was kept is of {place[0]}, line {place[1]}: nothing up to it was touched."), soft_wrap=True
        )


def chain_files(root: Path, issued: Sequence[str], note: str | None, json: bool) -> None:
    """Chain the files of the older form and print their heads.

    Parameters
    ----------
    root : Path
    issued : sequence of str
        Each a run id and the day of issue of its rows: RUN=YYYY-MM-DD.
    note : str or None
        What says so.
    json : bool

    Raises
    ------
    UsageError
        If a day is given without a note or the other way round, is none, or is yet to come, or the note runs over lines; or as `migrate_reports`.
    """
    days: dict[str, date] = {}
    for one in issued:
        run, equals, day = one.partition("=")
        if not equals or not run:
            raise UsageError(f"--issued {one}: write RUN=YYYY-MM-DD, such as 0123456789ab=2025-06-23")
        days[run] = read_day(day)
        if days[run] > (today := clock.day_of_issue()):
            raise UsageError(f"--issued {one}: it is {today} by this machine's clock, and nothing was issued on a day to come")
    if bool(days) != bool(note and note.strip()):
        raise UsageError(
            "--issued and --note go together: a day of issue that no clock of the program has read needs a word on what says so"
        )
    if not (note or "").isprintable():
        raise UsageError(f"--note {note!r}: write it on one line")
    heads = migrate_reports(read_workspace(root).reports, days, (note or "").strip())
    if json:
        print_json({"heads": [asdict(one) for one in heads]})
    else:
        _print_heads(heads)


def _print_heads(heads: Sequence[Head]) -> None:
    console = open_console()
    for head in heads:
        known = head.digest or "not chained yet: the next report, or ripeness ledger migrate, does it"
        console.print(Text(f"{head.name} {head.rows} {known}"), soft_wrap=True)
    if not heads:
        console.print(Text("No ledger yet."))
