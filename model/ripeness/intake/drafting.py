"""Drafts of events from news: which sentence may tell of which kind, of whom and of which days, by the words of data/drafting.toml.

    lag_days = 1                    # from the day of an item to the day on which an event is known; a meeting is known on the item's day
    undated_days = 14               # an announced meeting without a day may be held so many days after the item
    days_back = 30                  # of what was fetched, how many days are read
    grade = "B"                     # of a draft
    grades = { portal = "A" }       # of those from a source
    sides = ["VAL", "HIL"]          # the parties at war

    [parties]                       # who is who, by regular expressions
    VAL = ["valley"]

    [[rule]]                        # a sentence that meets one is drafted as its kind; of each kind an item gives one draft
    kind = "prisoner_exchange"
    parties = "both"                # both sides are named in the item; or "one" of them, or a "third" party beside one
    words = ["prisoners?"]          # one of them stands in the sentence
    also = ["exchange"]             # and one of these, if there are any; likewise in `also_item` of the whole item
    without = ["may"]               # and none of these
    round = false                   # whether a draft of kind round says that it is one as ripeness.toml has it
    dated = false                   # whether the sentence may name the days; of announced meetings it always may

A draft is no data: it awaits a person's verdict (`ripeness.intake.drafts`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from ripeness.data.events import KINDS, MEETING, ROUND
from ripeness.data.tables import FIRST_DAY, LAST_DAY
from ripeness.errors import ContentError, Fault, UsageError, did_you_mean
from ripeness.intake.items import printed
from ripeness.intake.reading import Item, check_words
from ripeness.workspace import Workspace
from ripeness.workspace.toml import parse_table, read_toml

FILE: Final = "drafting.toml"
GROUP: Final = "ripeness.drafters"
LONGEST: Final = 600  # letters of a sentence
MOST_SENTENCES: Final = 20  # of an item
MONTHS: Final = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_END: Final = re.compile(r"(?<!\bSt\.)(?<!\bDr\.)(?<!\bMr\.)(?<!\bMrs\.)(?<=[a-z0-9)\]\"”’%][.!?])\s+(?=[\"“(]?[^\W\d_a-z])")
_CREDIT: Final = re.compile(r"(\s*\([^()]{1,80}\))+$")  # of the agencies, behind a sentence
_MONTH: Final = "|".join(MONTHS)
_TO: Final = r"\s*(?:–|-|to|and|until|through)\s*"
_NAMED: Final = (
    re.compile(rf"\b(?P<first>\d\d?)(?:{_TO}(?P<last>\d\d?))? (?P<month>{_MONTH})\b"),
    re.compile(rf"\b(?P<month>{_MONTH}) (?P<first>\d\d?)(?:{_TO}(?:(?P<until>{_MONTH}) )?(?P<last>\d\d?))?\b(?! ?\d|:)"),
)


def _check_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"a known kind of event; {did_you_mean(kind, list(KINDS))}")
    return kind


_Words = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=500)], ...], AfterValidator(check_words)]
_Code = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=20)]
_Grade = Literal["A", "B", "C"]
_FewDays = Annotated[int, Field(ge=0, le=366, strict=True)]


class Rule(BaseModel):
    """Words that point to a kind of event."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Annotated[str, AfterValidator(_check_kind)]
    words: Annotated[_Words, Field(min_length=1)]
    also: _Words = ()
    also_item: _Words = ()
    without: _Words = ()
    parties: Literal["both", "one", "third"]
    round: bool = False
    dated: bool = False

    @model_validator(mode="after")
    def _round_of_rounds(self) -> Self:
        if self.round and self.kind != ROUND:
            raise ValueError(f"round = true for kind '{ROUND}' only")
        return self

    def meets(self, sentence: str, item: str) -> bool:
        """Whether a sentence of an item has the words."""
        return (
            _has(sentence, self.words)
            and (not self.also or _has(sentence, self.also))
            and (not self.also_item or _has(item, self.also_item))
            and not (self.without and _has(sentence, self.without))
        )


class Rules(BaseModel):
    """data/drafting.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lag_days: _FewDays
    undated_days: Annotated[_FewDays, Field(ge=1)]
    days_back: Annotated[_FewDays, Field(ge=1)]
    grade: _Grade
    grades: dict[str, _Grade] = {}
    sides: tuple[_Code, _Code]
    parties: dict[_Code, Annotated[_Words, Field(min_length=1)]]
    rule: tuple[Rule, ...] = Field(min_length=1)
    model: str | None = None

    @field_validator("parties")
    @classmethod
    def _sides_are_parties(cls, parties: dict[str, _Words], info: ValidationInfo) -> dict[str, _Words]:
        for side in info.data.get("sides", ()):
            if side not in parties:
                raise ValueError(f"both sides among the parties; {side} is not")
        return parties

    def named(self, text: str) -> list[str]:
        """Codes of the parties that a text names: the sides last, others in the order of the file."""
        found = [code for code, words in self.parties.items() if _has(text, words)]
        return sorted(found, key=lambda code: code in self.sides)


@dataclass(frozen=True)
class Proposal:
    """What a sentence may tell.

    Attributes
    ----------
    kind, sentence : str
        The sentence as it stands in the item.
    parties : tuple of str
    first, last : date
        The days of the event; of an announced meeting those on which it may be held.
    round : bool
        Whether it would be a round as ripeness.toml has it.
    """

    kind: str
    sentence: str
    parties: tuple[str, ...]
    first: date
    last: date
    round: bool = False


class Drafter(Protocol):
    """Whatever proposes events: the words of a keeper, or a model of an installed package (entry point of the group `ripeness.drafters`)."""

    def propose(self, item: Item) -> Iterable[Proposal]:
        """The events that an item may tell of; the item has a day."""
        ...


class Words:
    """Proposals by the words of data/drafting.toml."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    @cached_property
    def _ahead(self) -> timedelta:
        return timedelta(days=self.rules.undated_days)

    def propose(self, item: Item) -> list[Proposal]:
        """The events that an item may tell of: one of each kind, each by the first sentence that meets a rule."""
        assert item.day is not None
        parties = self.rules.named(item.text)
        found: dict[str, Proposal] = {}
        for sentence in sentences(item.text):
            for rule in self.rules.rule:
                if rule.kind not in found and self._fits(rule, parties) and rule.meets(sentence, item.text):
                    first, last = self._days(rule, sentence, item.day)
                    found[rule.kind] = Proposal(rule.kind, sentence, tuple(parties), first, last, rule.round)
        return list(found.values())

    def _fits(self, rule: Rule, parties: Sequence[str]) -> bool:
        sides = sum(side in parties for side in self.rules.sides)
        match rule.parties:
            case "both":
                return sides == 2
            case "third":
                return sides > 0 and len(parties) > sides
            case _:
                return sides > 0

    def _days(self, rule: Rule, sentence: str, day: date) -> tuple[date, date]:
        ahead = rule.kind.startswith(MEETING)
        named = days_in(sentence, day) if ahead or rule.dated else None
        if named and named[1] >= day:
            return named
        return (day + timedelta(days=1), day + self._ahead) if ahead else (day, day)


def read_rules(workspace: Workspace) -> Rules | None:
    """Read and check data/drafting.toml; None where there is none.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    path = workspace.data / FILE
    return parse_table(Rules, read_toml(path, workspace.shown(path))) if path.exists() else None


def find_drafters(rules: Rules) -> list[Drafter]:
    """The words, and the model that data/drafting.toml names, if it names one.

    Raises
    ------
    UsageError
        If no such model is installed, or it cannot be loaded.
    """
    if rules.model is None:
        return [Words(rules)]
    points = {point.name: point for point in entry_points(group=GROUP)}
    if rules.model not in points:
        raise UsageError(f"model = '{rules.model}' in {FILE}: no such model is installed; take the line out, drafts need none")
    try:
        return [Words(rules), points[rules.model].load()]
    except Exception as error:  # whatever a package does when it is imported
        raise UsageError(f"model '{rules.model}' cannot be loaded: {type(error).__name__}: {error}; take it out of {FILE}") from error


def propose(item: Item, drafters: Sequence[Drafter], shown: str) -> list[Proposal]:
    """What all drafters propose of an item, each sentence once for a kind; a proposal that does not rest on the item is refused.

    Raises
    ------
    ContentError
        If a drafter breaks off; gives an unknown kind, days out of order or beyond all bounds, or a sentence that does not stand in the item.
    """
    found: dict[tuple[str, str], Proposal] = {}
    for drafter in drafters:
        try:
            proposed = list(drafter.propose(item))
        except Exception as error:  # of a model of whatever package
            proposed, wrong = [], f"a drafter that broke off ({type(error).__name__})"
        else:
            wrong = next((fault for one in proposed if (fault := _wrong(one, item))), "")
        if wrong:
            mend = f"take the model out of {FILE}, or mend it"
            raise ContentError(Fault(Path(shown), None, wrong, "proposals that rest on their item", mend))
        for one in proposed:
            found.setdefault((one.kind, one.sentence), one)
    return list(found.values())


def _wrong(one: Proposal, item: Item) -> str:
    if one.kind not in KINDS:
        return f"a proposal of kind '{one.kind}'"
    if not one.sentence.strip() or one.sentence not in item.text or len(one.sentence) > LONGEST:
        return f"a sentence that does not stand in the item: '{one.sentence[:80]}'"
    if not FIRST_DAY <= one.first <= one.last < LAST_DAY:
        return f"the days {one.first} to {one.last}"
    return "" if all(re.fullmatch(r"[A-Z][A-Za-z0-9]{0,19}", code) for code in one.parties) else f"the parties {one.parties}"


def sentences(text: str) -> list[str]:
    """A text's first sentences, the credits of agencies behind them left out."""
    found = (_CREDIT.sub("", part).strip()[:LONGEST].strip() for part in _END.split(text, MOST_SENTENCES))
    return [part for part in found if part][:MOST_SENTENCES]


def clean(item: Item) -> Item:
    """An item in letters that can be printed, on one line, and no formula."""
    return Item(item.day, printed(item.text), printed(item.source), item.address)


def days_in(sentence: str, day: date) -> tuple[date, date] | None:
    """The first days that a sentence names, of the year nearest to its own day; None if it names none, or none that there is.

    Examples
    --------
    >>> days_in("The talks are to be held on 30–31 December.", date(2026, 1, 2))
    (datetime.date(2025, 12, 30), datetime.date(2025, 12, 31))
    >>> days_in("They meet on Friday.", date(2026, 10, 5))
    (datetime.date(2026, 10, 9), datetime.date(2026, 10, 9))
    """
    found = min((match for form in _NAMED if (match := form.search(sentence))), key=lambda match: match.start(), default=None)
    if found:
        return _dated(found.groupdict(), day)
    if re.search(r"\btomorrow\b", sentence, re.IGNORECASE):
        return (day + timedelta(days=1),) * 2
    if re.search(r"\b(later )?today\b|\btonight\b", sentence, re.IGNORECASE):
        return day, day
    if re.search(r"\bnext week\b", sentence, re.IGNORECASE):
        monday = day + timedelta(days=7 - day.weekday())
        return monday, monday + timedelta(days=6)
    weekday = re.search(rf"\bon ({'|'.join(WEEKDAYS)})\b", sentence)
    if weekday:
        return (day + timedelta(days=(WEEKDAYS.index(weekday[1]) - day.weekday()) % 7),) * 2
    return None


def _dated(found: Mapping[str, str | None], day: date) -> tuple[date, date] | None:
    month, first = MONTHS.index(found["month"] or "") + 1, int(found["first"] or 0)
    until = MONTHS.index(found["until"]) + 1 if found.get("until") else month
    last = int(found["last"]) if found["last"] else first
    around = [one for years in (-1, 0, 1) if (one := _date(day.year + years, month, first))]
    if not around:
        return None
    nearest = min(around, key=lambda one: abs(one - day))
    end = _date(nearest.year + (until < month), until, last)
    return (nearest, end if end and nearest <= end <= nearest + timedelta(days=92) else nearest)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _has(text: str, words: tuple[str, ...]) -> bool:
    return _pattern(words).search(text) is not None


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{word})" for word in words), re.IGNORECASE)
