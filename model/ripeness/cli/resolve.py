"""`ripeness resolve`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json


def show_resolutions(root: Path, as_of: date | None, json: bool) -> None:
    """Resolve what the record settles and print what was added, the counts and the scores.

    Raises
    ------
    UsageError
        If the day is none that the data know.
    ContentError
        If a file is wrong; nothing was changed.
    """
    from ripeness.workflow.resolving import run_resolve

    added, record = run_resolve(root, as_of)
    if json:
        print_json({"added": [asdict(row) for row in added]} | {key: record[key] for key in ("as_of", "counts", "scores")})
        return
    console = open_console()
    if added:
        table = Table(title=Text(f"Resolved by what was known on {record['as_of']}"), title_justify="left")
        for column in ("question", "origin", "weeks", "issued", "probability", "outside", "outcome", "reason"):
            table.add_column(column, justify="right" if column in ("weeks", "probability", "outside") else "left")
        for row in added:
            shown = (row.question, row.origin, row.horizon_weeks, row.issued, f"{row.probability:.2f}", f"{row.outside_view:.2f}")
            searched = f" (found with {row.sensitivity_q05:g} to {row.sensitivity_q95:g})" if row.outcome == "no" else ""
            table.add_row(*(Text(str(cell)) for cell in (*shown, row.outcome, row.reason + searched)))
        console.print(table)
    else:
        console.print(Text(f"Nothing new is settled by what was known on {record['as_of']}."))
    if record["scores"]:
        table = Table(title=Text("Mean scores, the lower the better; outside view beside them"), title_justify="left")
        for column in ("issued", "question", "weeks", "resolved", "yes", "Brier", "outside", "log score", "outside"):
            table.add_column(column, justify="left" if column in ("issued", "question") else "right")
        for one in record["scores"]:
            said = [str(one[name]) for name in ("issued", "question", "horizon_weeks", "resolved", "yes")]
            said += [f"{one[name]:.3f}" for name in ("brier", "outside_brier", "log_score", "outside_log_score")]
            table.add_row(*map(Text, said))
        console.print(table)
    for issued, counts in record["counts"].items():
        console.print(Text(f"{'Ahead' if issued == 'ahead' else 'In hindsight'}: {_in_words(counts)}."))


def _in_words(counts: Mapping[str, Any]) -> str:
    said = ", ".join(f"{counts[name]} {name}" for name in ("issued", "open", "resolved", "void"))
    return said + (f"; {counts['due']} of the open are past their target and not settled yet" if counts["due"] else "")
