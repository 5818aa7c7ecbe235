"""What the essay's two files hold: its card, its claims, and the sentences that are no claims."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ripeness.errors import did_you_mean
from ripeness.workspace import Factor
from ripeness.workspace.toml import TomlFile

CARD_FILE = "essay.toml"
CLAIMS_FILE = "claims.toml"

MECHANISMS = (
    "military",
    "stalemate",
    "suffering",
    "economic",
    "domestic_politics",
    "public_pressure",
    "foreign_support",
    "fatigue",
    "mediation",
    "guarantees",
    "distrust",
)
ASSERTED = "asserted"  # said without a modal word, in a main clause
IMPLIED = "implied"  # not said itself: it follows from a subordinate clause, or is the inverse of what is said
STRENGTHS = (ASSERTED, IMPLIED, "can only", "cannot", "would", "seems", "largely", "may", "could", "might")
REASONS = ("heading", "history", "value_judgement", "settlement_content", "framing")
ROLES = ("losing", "winning")
LOCATOR_WORDS = (3, 8)


def _one_of(what: str, known: tuple[str, ...]) -> AfterValidator:
    def check(word: str) -> str:
        if word not in known:
            raise ValueError(f"a known {what} ({did_you_mean(word, known)})")
        return word

    return AfterValidator(check)


def _few_words(locator: str) -> str:
    fewest, most = LOCATOR_WORDS
    if not fewest <= len(locator.split()) <= most:
        raise ValueError(f"{fewest} to {most} words of the text")
    return locator


Mechanism = Annotated[str, _one_of("mechanism", MECHANISMS)]
Strength = Annotated[str, _one_of("strength word", STRENGTHS)]
Why = Annotated[str, _one_of("reason", REASONS)]
Locator = Annotated[str, AfterValidator(_few_words)]
Words = Annotated[str, Field(min_length=3)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Card(_Table):
    """The essay: what is needed to cite it and to recognise a copy of it.

    Attributes
    ----------
    sha256 : str
        Hash of the bytes of the plain-text copy from which the claims were read, in lower-case hexadecimal.
    front_lines : int
        Non-empty lines before paragraph 1 (title and byline).
    paragraphs : int
        Non-empty lines after them; headings count.
    """

    schema_: Literal[1] = Field(alias="schema")
    title: Words
    author: Words
    date: date
    publisher: str | None = None
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    front_lines: int = Field(ge=0, default=0)
    paragraphs: int = Field(ge=1)
    note: str | None = None


class _Entry(_Table):
    paragraph: int
    locator: Locator


@dataclass(frozen=True)
class Effect:
    """A causal link that the workspace lists: one weight, or one side of a one-sided factor.

    Parameters
    ----------
    factor, condition : str
        Ids in ripeness.toml.
    role : str or None
        "losing" or "winning" for a one-sided factor.
    """

    factor: str
    condition: str
    role: str | None = None

    def __str__(self) -> str:
        return f"{self.factor} → {self.condition}" + (f" ({self.role})" if self.role else "")


class Claim(_Entry):
    """One causal statement of the essay.

    Attributes
    ----------
    id : str
        By which priors and pages name it.
    paragraph : int
        Paragraph of the text, counted from 1.
    locator : str
        Three to eight words that stand in that paragraph.
    paraphrase : str
        The claim in words that are not the essay's.
    about : {"effect", "state"}
        Whether a factor moves a condition, or where a factor or a condition stands.
    role : {"losing", "winning"} or None
        For an effect of a one-sided factor: which side the condition's side is.
    state : {"low", "middle", "high"} or None
        For a state.
    direction : {"+", "-", "both"}
        Effect: what more of the factor does to the condition. State: what it does to the chance of talks.
    strength : str
        One of `STRENGTHS`: the essay's modal word, or whether it asserts without one or only implies.
    note : str or None
        How the sentence was read, where that is not plain.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
    paraphrase: Words
    mechanism: Mechanism
    about: Literal["effect", "state"]
    factor: str | None = None
    condition: str | None = None
    role: Literal["losing", "winning"] | None = None
    state: Literal["low", "middle", "high"] | None = None
    direction: Literal["+", "-", "both"]
    strength: Strength
    note: str | None = None

    @property
    def effect(self) -> Effect | None:
        """The effect of which an effect claim speaks; None for a state."""
        if self.about == "state" or self.factor is None or self.condition is None:
            return None
        return Effect(self.factor, self.condition, self.role)


class Aside(_Entry):
    """A sentence that makes no causal claim about talks, and why it makes none."""

    why: Why
    note: Words


@dataclass(frozen=True)
class Claims:
    """The card and the ledger of a workspace's essay, checked.

    Parameters
    ----------
    card : Card
        The essay.
    claims, asides : tuple
        In the order of the file.
    toml : TomlFile
        claims.toml, for the lines of its entries.
    """

    card: Card
    claims: tuple[Claim, ...]
    asides: tuple[Aside, ...]
    toml: TomlFile = field(repr=False)

    @cached_property
    def by_id(self) -> dict[str, Claim]:
        """Claims by id, in the order of the file."""
        return {claim.id: claim for claim in self.claims}

    def line(self, entry: Claim | Aside) -> int | None:
        """Line of claims.toml on which an entry begins."""
        if isinstance(entry, Claim):
            return self.toml.line("claim", self.claims.index(entry))
        return self.toml.line("aside", self.asides.index(entry))

    def about_effect(self, effect: Effect) -> tuple[Claim, ...]:
        """The claims that say something about one effect."""
        return tuple(claim for claim in self.claims if claim.effect == effect)


def effects_of(factor: Factor) -> list[Effect]:
    """The effects that ripeness.toml lists for a factor; a one-sided factor has two roles on each of its conditions."""
    if factor.one_sided:
        sides = [side for side in (factor.losing_when_plus, factor.losing_when_minus) if side]
        return [Effect(factor.id, side, role) for side in sides for role in ROLES]
    return [Effect(factor.id, condition) for condition in factor.effects]
