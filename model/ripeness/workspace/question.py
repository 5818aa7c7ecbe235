"""The question a workspace asks: what counts as a round, over which horizons, and when the question is void."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ripeness.calendar import target_date

Weeks = Annotated[int, Field(ge=1, le=520)]
MARKET: Final = r"^[a-z][a-z0-9]*:\S+$"  # the id of a market: its venue, and its name there


class Search(BaseModel):
    """A stretch in which the events of a rung were looked for, and the share of them that was found.

    Attributes
    ----------
    from_ : date
        Its first day.
    to : date or None
        Its last day; up to the last day searched for rounds if none is given.
    q05, q95 : float
        5 and 95 % quantiles of the share of events that are on record.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: date = Field(alias="from")
    to: date | None = None
    q05: float = Field(gt=0, lt=1)
    q95: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.q05 >= self.q95:
            raise ValueError("q05 below q95")
        if self.to is not None and self.to < self.from_:
            raise ValueError("'to' on or after 'from'")
        return self


class Rung(BaseModel):
    """A `[[rung]]` of ripeness.toml: an outcome beside the headline's.

    How often it comes follows from one of three: the `conditions` that it needs and a rate of its own; the share that it is of the events of what it is
    `part_of`; or the `indicator` that counts it.

    Attributes
    ----------
    id, label : str
    text, definition, void : str
        As for the question.
    kinds : list of str
        Kinds of events that count, each on its first day; none of a rung that an indicator counts.
    conditions : list of str
        The conditions that it needs.
    part_of : str or None
        The question, or the rung with conditions, of which each of its events is one: so that it is never likelier.
    indicator : str or None
        The indicator whose weekly counts are its events.
    horizons_weeks : list of int
        As for the question; the question's own if none are given.
    searched : list of Search
        Of a rung with conditions, stretches in which its events were looked for, in order; what lies in none says nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str = Field(min_length=1)
    text: str = Field(min_length=10)
    definition: str = Field(min_length=10)
    void: str = Field(min_length=10)
    kinds: list[str] = Field(default_factory=list)
    conditions: list[str] = Field(default_factory=list)
    part_of: str | None = None
    indicator: str | None = None
    horizons_weeks: list[Weeks] = Field(default_factory=list)
    searched: list[Search] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if sum(map(bool, (self.conditions, self.part_of, self.indicator))) != 1:
            raise ValueError("one of 'conditions', 'part_of' and 'indicator'")
        if bool(self.kinds) == bool(self.indicator):
            raise ValueError("'kinds' of events, but none beside 'indicator'")
        if self.searched and not self.conditions:
            raise ValueError("'searched' beside 'conditions' only")
        if self.horizons_weeks != sorted(set(self.horizons_weeks)):
            raise ValueError("horizons_weeks in rising order, each once")
        for one, other in zip(self.searched, self.searched[1:], strict=False):
            if one.to is None or other.from_ <= one.to:
                raise ValueError("stretches of 'searched' in order and without overlap, only the last without 'to'")
        return self


class Bridge(BaseModel):
    """A `[[bridge]]` of ripeness.toml: what a market or another platform asks, and the outcome here from which it follows.

    Attributes
    ----------
    id, label : str
    text : str
        The other's question.
    venue : str
        Who asks it.
    market : str
        Its id there and in data/crowds.csv: the venue in small letters, a colon, and the venue's own name of it.
    rung : str
        The question, or the rung, from which it follows.
    by : date
        The last day on which what is asked for counts.
    rules : str
        How its rules differ from what counts here, in a sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str = Field(min_length=1)
    text: str = Field(min_length=10)
    venue: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$")
    market: str = Field(pattern=MARKET)
    rung: str
    by: date
    rules: str = Field(min_length=10)


class Question(BaseModel):
    """The `[question]` table of ripeness.toml.

    Attributes
    ----------
    id : str
        Name of the question in forecast.csv and in the ledger.
    text, definition, void : str
        The question in one sentence, what counts as a round, and when nothing can be said.
    parties : list of str
        The governments whose delegations meet.
    war_began : date
        First day of the record.
    horizons_weeks : list of int
        Horizons h; a forecast speaks of the days origin+1 … origin+7h.
    headline_weeks : int
        The horizon of the page's first sentence; one of `horizons_weeks`.
    active_weeks : int
        Talks are active while the last round is at most this many weeks back, else dormant.
    sustained_rounds, sustained_weeks : int
        A sustained process: so many rounds or more after the origin within some stretch of so many weeks of the horizon.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    text: str = Field(min_length=10)
    definition: str = Field(min_length=10)
    void: str = Field(min_length=10)
    parties: list[str] = Field(min_length=2)
    war_began: date
    horizons_weeks: list[Weeks] = Field(min_length=1)
    headline_weeks: Weeks
    active_weeks: Weeks = 8
    sustained_rounds: int = Field(ge=2, default=3)
    sustained_weeks: Weeks = 13

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.horizons_weeks != sorted(set(self.horizons_weeks)):
            raise ValueError("horizons_weeks in rising order, each once")
        if self.headline_weeks not in self.horizons_weeks:
            raise ValueError("headline_weeks to be one of horizons_weeks")
        return self

    def targets(self, origin: date) -> list[date]:
        """Last day of each horizon, in the order of `horizons_weeks`."""
        return [target_date(origin, weeks) for weeks in self.horizons_weeks]

    def is_dormant(self, dormancy: int) -> bool:
        """Whether talks whose last round lies `dormancy` weeks back are dormant."""
        return dormancy > self.active_weeks
