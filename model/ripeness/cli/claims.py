"""Show what the essay claims and how a copy of its text compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ripeness.essay import (
    Claim,
    Claims,
    Coverage,
    Miss,
    ParagraphCoverage,
    coverage_by_condition,
    coverage_by_factor,
    coverage_by_paragraph,
)
from ripeness.workspace import Workspace

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_claims(console: Console, claims: Claims, workspace: Workspace) -> None:
    """Print the card, what the claims cover, and the effects on which the essay is silent.

    Parameters
    ----------
    console : Console
        Where to print.
    claims : Claims
        The essay's card and claims.
    workspace : Workspace
        Whose factors and conditions they speak of.
    """
    from rich.text import Text

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
    from rich.text import Text

    locators = len(claims.claims) + len(claims.asides)
    if misses:
        for miss in misses:
            console.print(Text(str(miss)), soft_wrap=True)
        console.print(Text(f"The copy does not agree with the claims: {_count(len(misses), 'difference')}.", style="bold red"))
    else:
        console.print(Text(f"The copy agrees: its hash, its {claims.card.paragraphs} paragraphs and all {locators} locators."))


def _coverage_table(title: str, kind: str, rows: Sequence[Coverage], claims: Claims) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", caption="+ opens, - closes, ± both ways", caption_justify="left")
    table.add_column(kind)
    table.add_column("effects", justify="right")
    table.add_column("+", justify="right")
    table.add_column("-", justify="right")
    table.add_column("±", justify="right")
    table.add_column("states", justify="right")
    table.add_column("silent on")
    for row in rows:
        spoken = [claims.by_id[name] for name in row.effects]
        numbers = [len(spoken), *(_directed(spoken, sign) for sign in ("+", "-", "both")), len(row.states)]
        table.add_row(row.id, *(str(number) for number in numbers), Text(", ".join(str(effect) for effect in row.silent)))
    return table


def _paragraph_table(rows: Sequence[ParagraphCoverage], claims: Claims) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="By paragraph", title_justify="left")
    table.add_column("paragraph", justify="right")
    table.add_column("claims (strength)", overflow="fold")
    table.add_column("asides")
    for row in rows:
        spoken = "\n".join(f"{name} ({claims.by_id[name].strength})" for name in row.claims)
        table.add_row(str(row.paragraph), Text(spoken), Text(", ".join(row.asides).replace("_", " ")))
    return table


def _directed(claims: Sequence[Claim], direction: str) -> int:
    return sum(claim.direction == direction for claim in claims)


def _day(claims: Claims) -> str:
    day = claims.card.date
    return f"{day.day} {day:%B %Y}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
