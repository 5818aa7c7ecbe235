"""The question a workspace asks: what counts as a round, over which horizons, and when the question is void."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ripeness.calendar import target_date

Weeks = Annotated[int, Field(ge=1, le=520)]


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
