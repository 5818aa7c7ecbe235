"""`ripeness news`."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from ripeness.cli.screen import open_console, print_json, show_progress


def show_news(root: Path, earlier: str, later: str, json: bool) -> None:
    """Print why the headline moved: a table whose lines add up, and a paragraph.

    Raises
    ------
    UsageError
        If an end is neither a day nor a run of the ledger.
    """
    from ripeness.report.attribution import news_sentences
    from ripeness.workflow.news import run_news

    with show_progress() as progress:
        news = run_news(root, earlier, later, progress)
    if json:
        print_json(news)
        return
    console = open_console()
    table = Table(title=Text("Why the forecast moved, in percentage points"), title_justify="left")
    table.add_column("line")
    for column in ("points", "±", "factors now", "parameters"):
        table.add_column(column, justify="right")
    for line in news["lines"]:
        parts = ["" if name not in line else f"{line[name]:+.2f}" for name in ("factors", "parameters")]
        table.add_row(Text(line["label"]), f"{line['points']:+.2f}", f"{line['mcse']:.2f}", *parts)
    table.add_row(Text("Monte Carlo error and new fits"), f"{news['residual_points']:+.2f}", "", "", "")
    table.add_section()
    table.add_row(Text("in all"), f"{news['total_points']:+.2f}", "", "", "")
    console.print(table)
    console.print(Text(" ".join(news_sentences(news))))
