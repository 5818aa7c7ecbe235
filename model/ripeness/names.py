"""Names of dims, groups and variables: public, declared once, locked by tests and explained in docs/schema.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

# Dims
CHAIN: Final = "chain"
DRAW: Final = "draw"
WEEK: Final = "week"  # Sundays of the record
AHEAD: Final = "ahead"  # Sundays of the weeks after the origin
FACTOR: Final = "factor"
CONDITION: Final = "condition"
INDICATOR: Final = "indicator"
RISK: Final = "week_at_risk"  # Sundays after the week of the first round
MEASURED: Final = "measured_indicator"
COUNTED: Final = "counted_indicator"
RELATIVE: Final = "relative_indicator"  # all but the reference of each factor
ROW: Final = "row"
COUNT_ROW: Final = "count_row"
ERA: Final = "era"  # stretches of a count's record with their own share captured
LEVEL: Final = "level_factor"
LEVEL_KNOT: Final = "level_knot"
PULSE: Final = "pulse_factor"
SCALED: Final = "scaled_factor"  # those with an indicator
EFFECT: Final = "effect"  # "factor → condition"
HORIZON: Final = "horizon"  # weeks
KNOT: Final = "knot"  # knots of the outside curve, in weeks of dormancy
RHYTHM: Final = "rhythm_week"  # dormancies of the process's own rhythm
CLASS: Final = "dormancy_class"  # classes of the reference class, by dormancy in weeks
KEPT: Final = "announcement"  # classes of announced meetings
TIED: Final = "tied_announcement"  # those whose announcements follow the hazard
SPLIT: Final = "announcement_split"  # these but the last
ARRIVAL: Final = "arrival"  # meetings announced anew
RUNG: Final = "rung"  # outcomes with conditions and a rate of their own
NESTED: Final = "nested_rung"  # outcomes that are part of another
SEARCH: Final = "rung_search"  # stretches in which the events of a rung were looked for
EVENT_WEEK: Final = "event_week"  # a rung in a week in which it was looked for
NESTED_WEEK: Final = "nested_week"  # a nested rung in a week with events of what it is part of
OUTCOME: Final = "outcome"  # all rungs
OUTCOME_HORIZON: Final = "outcome_horizon"  # weeks; of any rung or of the question
STRETCH: Final = "stretch"  # stretches of coverage that are searched imperfectly
READING: Final = "reading"

# Readings and variants
AS_WRITTEN: Final = "as_written"
TEMPERED: Final = "tempered"
OTHER_WARS: Final = "other_wars"
READINGS: Final = (AS_WRITTEN, TEMPERED, OTHER_WARS)  # all there are; those of a workspace follow from its files: `Workspace.readings`
CONJUNCTIVE: Final = "conjunctive"
SUBSTITUTABLE: Final = "substitutable"
OUTSIDE: Final = "outside"
FORMS: Final = (CONJUNCTIVE, SUBSTITUTABLE)  # of the inside view
VARIANTS: Final = (*FORMS, OUTSIDE)
MIXTURE: Final = "mixture"  # the headline: forms and readings mixed by the weights of ripeness.toml

# What a person calls the readings and the forms on a page
READING_LABELS: Final = {AS_WRITTEN: "as written", TEMPERED: "tempered by published findings", OTHER_WARS: "tempered by other wars"}
READING_NAMES: Final = {AS_WRITTEN: "as written", TEMPERED: "tempered", OTHER_WARS: "other wars"}
FORM_LABELS: Final = {CONJUNCTIVE: "all conditions needed", SUBSTITUTABLE: "causes add up"}

Which = tuple[str, str, str]  # of a fit: name, variant, reading


def fits_of(readings: Sequence[str]) -> tuple[Which, ...]:
    """The fits of some readings, in the order in which they are stored: each form under each reading, and the outside view."""
    return (*((f"{form}_{reading}", form, reading) for form in FORMS for reading in readings), (OUTSIDE, OUTSIDE, AS_WRITTEN))


FITS: Final = fits_of(READINGS)  # all there may be; those of a workspace: `Workspace.fits`
PREDICTIONS: Final = "predictions"  # of each fit: what its draws say of the weeks ahead
REWEIGHTED_GROUP: Final = "reweighted"  # forecasts from an older fit's draws
DATA_GROUP: Final = "data"
FIT: Final = "fit"
OBSERVATION: Final = "observation"
RUNGS: Final = "rungs"  # what a fit's draws say of them
SUSTAINED: Final = "sustained"  # the second question: a sustained process

# What may draw a fit: nutpie from the compiled density, or nutpie or PyMC from the PyMC graph
Sampler = Literal["compiled", "nutpie", "pymc"]
COMPILED: Final[Sampler] = "compiled"
NUTPIE: Final[Sampler] = "nutpie"
