"""`ripeness check`, `claims` and `priors`: what a person has written, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ripeness import names
from ripeness.cli.screen import json_fault, open_console, print_json
from ripeness.elicitation.other_wars import find_mechanisms
from ripeness.errors import ContentError, UsageError
from ripeness.essay import (
    Claim,
    Claims,
    Coverage,
    Miss,
    ParagraphCoverage,
    coverage_by_condition,
    coverage_by_factor,
    coverage_by_paragraph,
    read_claims,
    verify_essay,
)
from ripeness.workspace import Workspace, read_workspace

if TYPE_CHECKING:
    from ripeness.elicitation.elicited import PriorRow
    from ripeness.workflow.request import Request


def show_check(root: Path, json: bool) -> None:
    """Check a workspace and its ledger, and say what is in it.

    As JSON, the faults are printed too, before they are raised again.

    Raises
    ------
    ContentError
        With every fault of every file.
    """
    from ripeness.attribution.scenario_file import read_scenarios
    from ripeness.ledger import verify_reports
    from ripeness.workflow.request import open_workspace

    try:
        found = open_workspace(root)
        scenarios = read_scenarios(found.workspace, found.claims, found.store.contracts)
        heads = verify_reports(found.workspace.reports)
    except ContentError as error:
        if json:
            print_json({"sound": False, "faults": [json_fault(fault) for fault in error.faults]})
        raise
    store = found.store
    counts = {
        "claims": len(found.claims.claims),
        "priors": len(found.priors.entries),
        "scenarios": len(scenarios),
        "indicators": len(store.contracts),
        "rows": sum(len(rows) for rows in store.rows.values()),
        "events": len(store.events),
        "rounds": int(store.events["round"].sum()),
    }
    vintage = found.vintage(None)
    freshness = vintage.freshness()
    overdue = freshness.loc[freshness["overdue"], "indicator"].tolist()
    notes = [f"overdue on {vintage.origin}, by their usual lag: {', '.join(overdue)}"] if overdue else []
    notes += [f"the rows of {head.name} are not chained yet: ripeness ledger migrate" for head in heads if head.digest is None]
    if json:
        print_json({"sound": True, "faults": [], "notes": notes, "default_origin": vintage.origin.isoformat(), **counts})
        return
    console = open_console()
    console.print(Text(found.workspace.title, style="bold"))
    console.print(Text(", ".join(f"{number} {noun}" for noun, number in counts.items()) + f"; the record reaches to {vintage.origin}."))
    for note in notes:
        console.print(Text(f"Note: {note}"), soft_wrap=True)
    console.print(Text("All is sound.", style="green"))


def show_claims(root: Path, json: bool) -> None:
    """Print what the essay claims; as JSON, each claim of the ledger."""
    workspace = read_workspace(root)
    claims = read_claims(workspace)
    mechanisms = find_mechanisms(workspace, claims)
    if json:
        print_json([claim.model_dump(mode="json") | {"other_wars": mechanisms.get(claim.id)} for claim in claims.claims])
    else:
        print_claims(open_console(), claims, workspace, mechanisms)


def verify_copy(root: Path, copy: Path, json: bool) -> bool:
    """Compare a copy of the essay with card and claims; returns whether they differ.

    Raises
    ------
    UsageError
        If there is no such file.
    """
    claims = read_claims(read_workspace(root))
    if not copy.is_file():
        raise UsageError(f"--verify {copy}: no such file")
    misses = verify_essay(claims, copy.read_bytes())
    if json:
        print_json([{"entry": miss.entry, "line": miss.line, "found": miss.found, "expected": miss.expected} for miss in misses])
    else:
        print_verification(open_console(), claims, misses)
    return bool(misses)


def print_claims(console: Console, claims: Claims, workspace: Workspace, mechanisms: Mapping[str, str]) -> None:
    """Print the card, what the claims cover, and the effects on which the essay is silent.

    Parameters
    ----------
    console : Console
        Where to print.
    claims : Claims
        The essay's card and claims.
    workspace : Workspace
        Whose factors and conditions they speak of.
    mechanisms : mapping
        What stands for a claim in other wars, by its id.
    """
    by_factor = coverage_by_factor(claims, workspace)
    card = claims.card
    console.print(Text(card.title, style="bold"))
    console.print(Text(f"{card.author}, {_day(claims)}"))
    effects = sum(claim.about == "effect" for claim in claims.claims)
    console.print(
        Text(
            f"{_count(len(claims.claims), 'claim')} ({effects} on effects, {len(claims.claims) - effects} on states) and "
            f"{_count(len(claims.asides), 'aside')} account for all {card.paragraphs} paragraphs.\n"
        )
    )
    console.print(_coverage_table("By factor", "factor", by_factor, claims))
    console.print(_coverage_table("By condition", "condition", coverage_by_condition(claims, workspace), claims))
    console.print(_paragraph_table(coverage_by_paragraph(claims), claims))
    silent = [str(effect) for row in by_factor for effect in row.silent]
    if silent:
        console.print(Text(f"The essay is silent on {_count(len(silent), 'effect')} of ripeness.toml: {', '.join(silent)}."))
    else:
        console.print(Text("Every effect of ripeness.toml has a claim."))
    if names.OTHER_WARS in workspace.readings:
        without = [claim.id for claim in claims.claims if claim.about == "effect" and claim.id not in mechanisms]
        told = f"Other wars have a mechanism for {effects - len(without)} of the {_count(effects, 'claim')} on effects"
        console.print(Text(f"{told}; none for: {', '.join(without)}." if without else f"{told}."))


def print_verification(console: Console, claims: Claims, misses: Sequence[Miss]) -> None:
    """Print how a copy of the essay compares with its card and claims.

    Parameters
    ----------
    console : Console
        Where to print.
    claims : Claims
        The essay's card and claims.
    misses : sequence of Miss
        What `verify_essay` found; empty if all agrees.
    """
    locators = len(claims.claims) + len(claims.asides)
    if misses:
        for miss in misses:
            console.print(Text(str(miss)), soft_wrap=True)
        console.print(Text(f"The copy does not agree with the claims: {_count(len(misses), 'difference')}.", style="bold red"))
    else:
        console.print(Text(f"The copy agrees: its hash, its {claims.card.paragraphs} paragraphs and all {locators} locators."))


def _coverage_table(title: str, kind: str, rows: Sequence[Coverage], claims: Claims) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption="+ opens, - closes, ± both ways", caption_justify="left")
    table.add_column(kind)
    table.add_column("effects", justify="right")
    table.add_column("+", justify="right")
    table.add_column("-", justify="right")
    table.add_column("±", justify="right")
    table.add_column("states", justify="right")
    table.add_column("silent on")
    for row in rows:
        on_effects = [claims.by_id[name] for name in row.effects]
        numbers = [len(on_effects), *(_directed(on_effects, sign) for sign in ("+", "-", "both")), len(row.states)]
        table.add_row(row.id, *(str(number) for number in numbers), Text(", ".join(str(effect) for effect in row.silent)))
    return table


def _paragraph_table(rows: Sequence[ParagraphCoverage], claims: Claims) -> Table:
    from rich.table import Table

    table = Table(title="By paragraph", title_justify="left")
    table.add_column("paragraph", justify="right")
    table.add_column("claims (strength)", overflow="fold")
    table.add_column("asides")
    for row in rows:
        on_effects = "\n".join(f"{name} ({claims.by_id[name].strength})" for name in row.claims)
        table.add_row(str(row.paragraph), Text(on_effects), Text(", ".join(row.asides).replace("_", " ")))
    return table


def _directed(claims: Sequence[Claim], direction: str) -> int:
    return sum(claim.direction == direction for claim in claims)


def _day(claims: Claims) -> str:
    day = claims.card.date
    return f"{day.day} {day:%B %Y}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show_priors(request: Request, json: bool) -> None:
    """Print every prior, asked and achieved, what they imply before any data, and whether each claim comes out in its direction."""
    from ripeness.workflow.priors import run_priors

    report = run_priors(request)
    if json:
        print_json(asdict(report))
        return
    console = open_console()
    console.print(_prior_table(report.table))
    console.print(
        _by_reading(
            "P(a round within the horizon) by the priors alone: mean, 5-95 %",
            report.predictive,
            {"weeks": "horizon_weeks"},
            lambda row: f"{row['probability']:.1%}, {row['lower']:.1%} to {row['upper']:.1%}",
        )
    )
    console.print(
        _by_reading(
            "P(a round in the week): median, 5-95 %",
            report.hazards,
            {"weeks of dormancy": "dormancy_weeks"},
            lambda row: f"{row['median']:.2%}, {row['lowest']:.2%} to {row['highest']:.2%}",
        )
    )
    console.print(
        _by_reading(
            "How many times likelier a round is in the best tenth of weeks than in the worst: median, 5-95 %",
            report.totals,
            {},
            lambda row: f"{row['median']:.1f}, {row['lower']:.1f} to {row['upper']:.1f}",
        )
    )
    console.print(
        _by_reading(
            "Share of prior draws in which an effect goes the way it is claimed to",
            report.directions,
            {"effect": "effect", "claimed": "claimed"},
            lambda row: f"{row['share']:.0%}",
        )
    )
    if report.other_wars:
        console.print(_other_wars_table(report.other_wars, report.implied_total or 0.0))


def _prior_table(rows: Sequence[PriorRow]) -> Table:
    table = Table(title="Priors: 5, 50 and 95 % quantiles asked, and achieved by the distribution fitted to them", title_justify="left")
    table.add_column("prior", overflow="fold")
    table.add_column("unit", overflow="fold")
    table.add_column("asked", justify="right")
    table.add_column("achieved", justify="right")
    for row in rows:
        name = row.name if row.reading is None else f"{row.name} ({names.READING_LABELS.get(row.reading, row.reading)})"
        table.add_row(Text(name), Text(row.unit), _numbers(row.asked), _numbers(row.achieved))
    return table


def _other_wars_table(rows: Sequence[Mapping[str, Any]], implied: float) -> Table:
    table = Table(
        title="Effects tempered by other wars: log hazard per standard deviation of the factor, mean ± sd",
        caption=f"By these sizes alone a round would be {implied:.1f} times likelier in the best tenth of weeks than in the worst; the total is elicited apart.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("effect", overflow="fold")
    table.add_column("in other wars", overflow="fold")
    for heading in ("tempered", "other wars", "both"):
        table.add_column(heading, justify="right")
    for row in rows:
        cells = [f"{round(row[source]['mean'], 3) + 0.0:+.3f} ± {row[source]['sd']:.3f}" for source in ("tempered", "panel", "combined")]
        table.add_row(Text(row["effect"]), Text(row["mechanism"]), *cells)
    return table


def _by_reading(
    title: str, rows: Sequence[Mapping[str, Any]], keys: Mapping[str, str], describe: Callable[[Mapping[str, Any]], str]
) -> Table:
    """A table with a column for each reading.

    Parameters
    ----------
    title : str
    rows : sequence of mapping
        Each with "reading" and `keys`.
    keys : mapping
        Heading to the key that stands in its column.
    describe : callable
        From a row to what stands in the column of its reading.
    """
    table = Table(title=title, title_justify="left")
    readings = list(dict.fromkeys(row["reading"] for row in rows))
    for heading in keys:
        table.add_column(heading)
    for reading in readings:
        table.add_column(names.READING_LABELS.get(reading, reading), justify="right")
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        lines.setdefault(tuple(str(row[key]) for key in keys.values()), {})[row["reading"]] = describe(row)
    for line, cells in lines.items():
        table.add_row(*map(Text, line), *(Text(cells.get(reading, "")) for reading in readings))
    return table


def _numbers(values: Sequence[float]) -> str:
    return "  ".join(f"{value:.3g}" for value in values)
