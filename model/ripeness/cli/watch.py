"""`ripeness watch`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json, show_progress

CROSSED = 3  # exit code


def show_watch(root: Path, as_of: date | None, json: bool) -> int:
    """Print what is published next and what it may do; 3 if new rows have crossed a tripwire of the list before, else 0."""
    from ripeness.workflow.watchlist import run_watch

    with show_progress() as progress:
        found = run_watch(root, as_of, progress)
    if json:
        print_json(found)
        return CROSSED if found["crossed"] else 0
    console = open_console()
    table = Table(title=Text(f"What to watch: next releases and the chance of a round by {found['target_end_date']}"), title_justify="left")
    table.add_column("indicator")
    table.add_column("period to")
    table.add_column("expected")
    for column in ("value, 5-95 %", "moves it by", "at the ends", "bits", "5 points"):
        table.add_column(column, justify="right")
    for one in found["releases"]:
        wires = "; ".join(f"{wire['direction']} {wire['beyond']} {wire['value']:.4g}" for wire in one["tripwires"])
        table.add_row(
            Text(one["title"]),
            one["period_end"] if one["scheduled"] else "",
            one["expected"] if one["scheduled"] else f"no fixed day; as if it came on {one['expected']}",
            Text(f"{one['lower']:.3g} to {one['upper']:.3g}"),
            f"{one['expected_points']:.2f}",
            f"{one['at_lower']:+.1f}, {one['at_upper']:+.1f}",
            f"{one['bits']:.4f}",
            wires or "none",
        )
    console.print(table)
    console.print(
        Text(
            "Moves in percentage points: the mean, whichever way, and at both ends of the value's range; less what the passing of time does by itself. "
            "5 points: from which value on a release would move it so far; “none”: no value that is to be expected would."
        )
    )
    for sentence in found["crossed"]:
        console.print(Text(f"Crossed: {sentence}.", style="bold"))
    return CROSSED if found["crossed"] else 0
