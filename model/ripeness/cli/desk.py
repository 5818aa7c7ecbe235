"""`ripeness draft`, `ripeness desk` and `ripeness study drafting`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import click
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import json_fault, open_console, print_json, shown_path
from ripeness.errors import ContentError, RipenessError, UsageError, printable
from ripeness.evaluation import published
from ripeness.intake.drafts import CORRECTED, Draft, Verdicts, decide
from ripeness.intake.updates import Update
from ripeness.ledger import clock
from ripeness.workflow.desk import Asked, Drafted, open_drafts, run_draft, run_drafting_study
from ripeness.workspace import read_workspace

MOST_FAULTS: Final = 20
MOST_LISTED: Final = 40
KEYS: Final = "y yes   n no   c correct   s skip   q quit"


def draft_events(root: Path, source: str | None, files: list[Path], day: date | None, json: bool) -> bool:
    """Draft events and say what is new; returns whether a file was refused."""
    today = day or clock.day_of_issue()
    done = run_draft(root, source, files, today)
    if json:
        print_json(_drafted_as_json(done, today))
    else:
        console = open_console()
        for draft in done.new[:MOST_LISTED]:
            console.print(Text(printable(f"{draft.id}  {draft.date}  {draft.kind}  {draft.description}")), soft_wrap=True)
        if len(done.new) > MOST_LISTED:
            console.print(Text(f"and {len(done.new) - MOST_LISTED} more"))
        without = f", {done.without_day} of them without a day" if done.without_day else ""
        console.print(
            Text(
                f"{len(done.new)} new draft(s) from {done.items} item(s){without} in {done.files} file(s). 'ripeness desk' asks about them."
            )
        )
    for fault in done.faults[:MOST_FAULTS]:
        typer.echo(f"Error: {fault}", err=True)
    if len(done.faults) > MOST_FAULTS:
        typer.echo(f"and {len(done.faults) - MOST_FAULTS} more", err=True)
    return bool(done.faults)


def _drafted_as_json(done: Drafted, today: date) -> dict[str, Any]:
    return {
        "date": today.isoformat(),
        "new": [as_json(Asked(draft, [])) for draft in done.new],
        "files": done.files,
        "items": done.items,
        "items_without_day": done.without_day,
        "faults": [json_fault(fault) for fault in done.faults[:MOST_FAULTS]],
        "faults_left_out": max(len(done.faults) - MOST_FAULTS, 0),
    }


def as_json(asked: Asked) -> dict[str, Any]:
    """A draft as other fronts get it."""
    return asked.draft.model_dump(mode="json") | {"on_record": asked.on_record}


def sit_at_desk(root: Path, day: date | None, json: bool) -> None:
    """List the open drafts; on a terminal, ask about each of them, one key a verdict."""
    today, asked = day or clock.day_of_issue(), open_drafts(root)
    if json:
        print_json({"date": today.isoformat(), "open": [as_json(one) for one in asked]})
        return
    console = open_console()
    if not asked:
        console.print(Text("No draft is open."))
    elif is_terminal():
        _ask(console, root, asked, today)
    else:
        for one in asked:
            _show(console, one)
        console.print(Text(f"{len(asked)} open: --yes ID, --no ID, or on a terminal one key each."))


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def give_verdicts(root: Path, yes: list[str], no: list[str], changes: list[str], day: date | None, dry_run: bool, json: bool) -> None:
    """Give verdicts by id, all or none.

    Raises
    ------
    UsageError
        If a draft is not open, or a correction does not say of what.
    ContentError
        If a row is refused; every draft is still open then.
    """
    corrected = _changes(changes)
    if corrected and len(yes) != 1:
        raise UsageError("--set corrects one draft: give it with one --yes")
    today = day or clock.day_of_issue()
    update = decide(read_workspace(root), Verdicts(dict.fromkeys(yes, corrected), no), today, dry_run)
    if json:
        print_json(
            {
                "date": today.isoformat(),
                "yes": yes,
                "no": no,
                "dry_run": dry_run,
                "batch": update.batch if update else None,
                "counts": update.counts if update else None,
            }
        )
    else:
        open_console().print(Text(_outcome(update, len(no), dry_run)))


def _changes(texts: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in CORRECTED:
            raise UsageError(f"--set {printable(text, 60)}: write COLUMN=TEXT, with one of {', '.join(CORRECTED)}")
        found[name] = value
    return found


def _outcome(update: Update | None, no: int, dry_run: bool = False) -> str:
    said = [f"{no} no"] if no else []
    if update is not None:
        known = f", {update.counts['duplicate']} on record already" if update.counts["duplicate"] else ""
        said.append(
            f"{update.takes} row(s) {'would be ' if dry_run else ''}stored" + (f" as batch {update.batch}" if update.batch else "") + known
        )
    return "; ".join(said) + (". Nothing was written (--dry-run)." if dry_run else ".")


def _show(console: Console, asked: Asked, place: str = "") -> None:
    draft = asked.draft
    days = f"{draft.date}" if draft.end_date == draft.date else f"{draft.date} to {draft.end_date}"
    kind = f"{draft.kind}, round = yes" if draft.round else draft.kind
    console.print(
        Text(f"{place}{draft.id}  {days}  {kind}  (known {draft.published_on}, grade {printable(draft.grade)})", style="bold"),
        soft_wrap=True,
    )
    console.print(Text(f"  {printable(draft.description)}"), soft_wrap=True)
    if draft.sentence not in draft.description:
        console.print(Text(f"  rests on: {printable(draft.sentence)}"), soft_wrap=True)
    console.print(Text(f"  {printable(draft.address or draft.source)}"), soft_wrap=True)
    for row in asked.on_record[:3]:
        console.print(Text(f"  on record, line {row['line']}: {row['date']} {printable(row['description'], 110)}"), soft_wrap=True)


def _ask(console: Console, root: Path, asked: Sequence[Asked], today: date) -> None:
    """One draft after the other, each verdict stored at once."""
    said = {"y": 0, "n": 0, "c": 0}
    workspace = read_workspace(root)
    for number, one in enumerate(asked, start=1):
        _show(console, one, f"{number} of {len(asked)}  ")
        while True:
            console.print(Text(f"  {KEYS}"))
            key = click.getchar().lower()
            if key in ("q", "\x03", "\x04"):
                console.print(Text(_tally(said, len(asked))))
                return
            if key == "s":
                break
            if key not in said:
                continue
            try:
                verdicts = (
                    Verdicts({}, [one.draft.id]) if key == "n" else Verdicts({one.draft.id: _corrections(one.draft) if key == "c" else {}})
                )
                update = decide(workspace, verdicts, today)
            except RipenessError as error:
                faults = error.faults if isinstance(error, ContentError) else [error]
                for fault in faults:
                    typer.echo(f"  Refused: {fault}", err=True)
                continue
            said[key] += 1
            console.print(Text(f"  {_outcome(update, int(key == 'n'))}"))
            break
    console.print(Text(_tally(said, len(asked))))


def _tally(said: Mapping[str, int], total: int) -> str:
    left = total - sum(said.values())
    return f"{said['y']} yes, {said['c']} corrected, {said['n']} no; {left} still open."


def _corrections(draft: Draft) -> dict[str, str]:
    """What a person types for each column; an empty line keeps it."""
    found = {}
    for name in CORRECTED:
        value = getattr(draft, name)
        shown = ("yes" if value else "no") if name == "round" else printable(str(value))
        typed = typer.prompt(f"  {name} [{shown}]", default="", show_default=False, prompt_suffix=": ")
        if typed.strip():
            found[name] = typed.strip()
    return found


def study_drafting(root: Path, source: str, files: list[Path], test_from: date, day: date | None) -> None:
    """Measure the drafts and print recall and precision."""
    path = run_drafting_study(root, source, files, test_from, day or clock.day_of_issue())
    console = open_console()
    table = Table(title=Text("Drafts against the record"), title_justify="left")
    for column in ("days", "kind"):
        table.add_column(column)
    for column in ("events", "drafted", "recall", "of them told", "drafted", "recall", "drafts", "precision"):
        table.add_column(column, justify="right")
    for row in published.read_rows(path.parent, path.name):
        events, told, drafts, right, told_right = (int(row[name]) for name in ("events", "told", "drafts", "right", "told_right"))
        cells = (events, right, share(right, events), told, told_right, share(told_right, told), drafts, share(right, drafts))
        table.add_row(row["days"], row["kind"], *map(str, cells))
    console.print(table)
    console.print(Text(f"The table: {shown_path(path, root)}"))


def share(part: int, whole: int) -> str:
    """A share in percent; a stroke where there is nothing to share."""
    return f"{100 * part / whole:.0f} %" if whole else "–"
