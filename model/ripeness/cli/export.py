"""`ripeness export`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from rich.text import Text

from ripeness import files, results
from ripeness.cli.screen import open_console, show_progress

HUB, BRIEF, FIGURES = "hub", "brief", "figures"
KINDS = (HUB, BRIEF, FIGURES)


def export_run(root: Path, kinds: list[str], out: Path | None, as_of: date | None) -> None:
    """Write a forecast in other forms, and say where.

    Raises
    ------
    UsageError
        If a kind is none of `KINDS`.
    """
    from ripeness.errors import UsageError, did_you_mean

    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"'{kind}' cannot be exported: {did_you_mean(kind, KINDS)}")
    from ripeness.workflow.forecasts import run_forecast

    with show_progress() as progress:
        folder = run_forecast(root, as_of, None, False, progress)
    summary = results.open_run(folder).summary
    out = out or folder / "export"
    written: list[Path] = []
    for kind in dict.fromkeys(kinds or KINDS):
        if kind == HUB:
            from ripeness.report.exports import hub_files

            for name, text in hub_files(summary).items():
                files.write_whole(out / "hub" / name, text)
                written.append(out / "hub" / name)
        elif kind == BRIEF:
            from ripeness.evaluation.published import STUDIES, say_verdict
            from ripeness.report.exports import write_brief
            from ripeness.workflow.explained import read_explained

            files.write_whole(out / "brief.md", write_brief(summary, read_explained(folder), say_verdict(folder.parent / STUDIES)))
            written.append(out / "brief.md")
        else:
            from ripeness.report.exports import write_charts

            written += write_charts(summary, out / "figures")
    console = open_console()
    for path in written:
        console.print(Text((path.relative_to(root) if path.is_relative_to(root) else path).as_posix()), soft_wrap=True)
