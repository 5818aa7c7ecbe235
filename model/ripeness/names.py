"""Names of dims, groups and variables: public, declared once, locked by tests and explained in docs/schema.md."""

from __future__ import annotations

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
STRETCH: Final = "stretch"  # stretches of coverage that are searched imperfectly
READING: Final = "reading"

# Readings and variants
AS_WRITTEN: Final = "as_written"
TEMPERED: Final = "tempered"
READINGS: Final = (AS_WRITTEN, TEMPERED)
CONJUNCTIVE: Final = "conjunctive"
ADDITIVE: Final = "additive"
OUTSIDE: Final = "outside"
VARIANTS: Final = (CONJUNCTIVE, ADDITIVE, OUTSIDE)
MIXTURE: Final = "mixture"  # the headline: the even mixture of the readings' conjunctive forecasts

# What a person calls the readings on a page
READING_LABELS: Final = {AS_WRITTEN: "as written", TEMPERED: "tempered by published findings"}

# Fits, in the order in which they are stored: name, variant, reading
FITS: Final = (
    ("conjunctive_as_written", CONJUNCTIVE, AS_WRITTEN),
    ("conjunctive_tempered", CONJUNCTIVE, TEMPERED),
    ("additive_as_written", ADDITIVE, AS_WRITTEN),
    ("outside", OUTSIDE, AS_WRITTEN),
)
HEADLINE_FITS: Final = ("conjunctive_as_written", "conjunctive_tempered")  # mixed evenly
PREDICTIONS: Final = "predictions"  # of each fit: what its draws say of the weeks ahead
REWEIGHTED_GROUP: Final = "reweighted"  # forecasts from an older fit's draws
DATA_GROUP: Final = "data"
FIT: Final = "fit"
OBSERVATION: Final = "observation"
SUSTAINED: Final = "sustained"  # the second question: a sustained process

# What may draw a fit: nutpie from the compiled density, or nutpie or PyMC from the PyMC graph
Sampler = Literal["compiled", "nutpie", "pymc"]
COMPILED: Final[Sampler] = "compiled"
NUTPIE: Final[Sampler] = "nutpie"
