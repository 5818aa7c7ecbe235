"""What the claims cover: each factor, each condition, each paragraph; and on which effects the essay is silent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from ripeness.essay.entries import Claims, Effect, effects_of
from ripeness.workspace import Workspace


@dataclass(frozen=True)
class Coverage:
    """What the claims say of one factor or of one condition.

    Parameters
    ----------
    id, label : str
        The factor or condition.
    effects, states : tuple of str
        Ids of the claims on its effects (for a condition: the effects on it), and on where it stands.
    silent : tuple of Effect
        Effects that ripeness.toml lists and no claim speaks of.
    """

    id: str
    label: str
    effects: tuple[str, ...]
    states: tuple[str, ...]
    silent: tuple[Effect, ...]


@dataclass(frozen=True)
class ParagraphCoverage:
    """How one paragraph of the essay is accounted for: ids of its claims, reasons of its asides."""

    paragraph: int
    claims: tuple[str, ...]
    asides: tuple[str, ...]


def coverage_by_factor(claims: Claims, workspace: Workspace) -> list[Coverage]:
    """What the claims say of each factor, in the order of ripeness.toml."""
    return [_coverage(claims, "factor", factor.id, factor.label, effects_of(factor)) for factor in workspace.factors]


def coverage_by_condition(claims: Claims, workspace: Workspace) -> list[Coverage]:
    """What the claims say of each condition, in the order of ripeness.toml."""
    effects = [effect for factor in workspace.factors for effect in effects_of(factor)]
    return [
        _coverage(claims, "condition", condition.id, condition.label, [effect for effect in effects if effect.condition == condition.id])
        for condition in workspace.conditions
    ]


def _coverage(claims: Claims, kind: Literal["factor", "condition"], name: str, label: str, effects: list[Effect]) -> Coverage:
    of_it = [claim for claim in claims.claims if getattr(claim, kind) == name]
    return Coverage(
        id=name,
        label=label,
        effects=tuple(claim.id for claim in of_it if claim.about == "effect"),
        states=tuple(claim.id for claim in of_it if claim.about == "state"),
        silent=tuple(effect for effect in effects if not claims.about_effect(effect)),
    )


def coverage_by_paragraph(claims: Claims) -> list[ParagraphCoverage]:
    """How each paragraph is accounted for, from the first to the last."""
    ids: dict[int, list[str]] = defaultdict(list)
    reasons: dict[int, list[str]] = defaultdict(list)
    for claim in claims.claims:
        ids[claim.paragraph].append(claim.id)
    for aside in claims.asides:
        reasons[aside.paragraph].append(aside.why)
    return [ParagraphCoverage(number, tuple(ids[number]), tuple(reasons[number])) for number in range(1, claims.card.paragraphs + 1)]
