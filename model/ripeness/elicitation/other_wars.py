r"""The reading tempered by other wars: effects as a panel of other wars estimates them, combined with those of the tempered reading.

Each row of other_wars.csv has a ratio of hazards, per some unit of a measure that stands for a factor, with its interval and how far ratios differ between
countries (τ). In log hazard per standard deviation of the factor, and with c the row's conversion, the panel says of a war of its kind

.. math:: w \sim N\bigl(c \log r,\; c^2 (\mathrm{se}^2 + \tau^2) + \mathrm{transport}^2\bigr), \qquad \mathrm{se} = \log(\mathrm{hi}/\mathrm{lo}) / (2 z_{0.95}),

the predictive distribution of a random-effects meta-analysis (Higgins, Thompson and Spiegelhalter 2009, "A re-evaluation of random-effects meta-analysis"),
widened for wars of another kind. The tempered prior of the weight is brought to the same unit by the tempered reading's total; the product of the two
Normals is the new prior, and an effect without a row keeps the tempered one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Annotated

from pydantic import Field, TypeAdapter

from ripeness.elicitation.cited import FILE as CITATIONS
from ripeness.elicitation.cited import KnownIds, Table, tables_of
from ripeness.elicitation.readings import EffectPrior, Target, describe_target, name_of, target_of, wanted_effects
from ripeness.elicitation.reference import Z90
from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.essay import Claim, Claims
from ripeness.files import read_bytes
from ripeness.workspace import OTHER_WARS_FILE, Workspace
from ripeness.workspace.csv import read_records, without_comments
from ripeness.workspace.toml import read_toml

FILE = OTHER_WARS_FILE
TENTHS_APART = 3.5099666386497366  # E[z | top tenth] - E[z | bottom tenth] of a standard normal, 2·φ(z₉₀)/0.1

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Spread = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=3)]


class OtherWarsRow(Table):
    """What a panel of other wars says of one effect (a line of other_wars.csv).

    Attributes
    ----------
    factor, condition : str
        The effect; for a one-sided factor "losing" or "winning" stands in for the condition.
    mechanism, measure, per, outcome : str
        What stands for the factor, how it was measured, the unit of the ratio, and what had an onset.
    ratio, lo90, hi90 : float
        Ratio of hazards per that unit, with its 90 % interval.
    tau : float
        Standard deviation of the log ratio between countries.
    wars, onsets : int
        Behind the estimate.
    conversion : float
        Units of the measure for one standard deviation of the factor; negative where a rise of the one is a fall of the other.
    transport_sd : float
        Standard deviation of the log ratio, for one of the factor, that is added because the wars are of another kind.
    claims, citations : str
        Ids, parted by blanks.
    rationale : str
        Why this analogue, and this conversion.
    """

    factor: str
    condition: str
    mechanism: Text
    measure: Text
    per: Text
    outcome: Text
    ratio: Positive
    lo90: Positive
    hi90: Positive
    tau: Spread
    wars: int = Field(ge=1)
    onsets: int = Field(ge=1)
    conversion: float = Field(allow_inf_nan=False)
    transport_sd: Spread
    claims: str = ""
    citations: str = ""
    rationale: str = Field(min_length=10)

    @property
    def target(self) -> Target:
        """Factor and condition, or factor and role."""
        return self.factor, self.condition

    @property
    def normal(self) -> NormalDist:
        """The weight in a war of the panel's kind: log hazard per standard deviation of the factor."""
        error = log(self.hi90 / self.lo90) / (2 * Z90)
        return NormalDist(self.conversion * log(self.ratio), sqrt(self.conversion**2 * (error**2 + self.tau**2) + self.transport_sd**2))


COLUMNS = tuple(OtherWarsRow.model_fields)


@dataclass(frozen=True)
class Combined:
    """One effect by both, each in log hazard per standard deviation of the factor.

    Parameters
    ----------
    effect : str
        Its id.
    row : OtherWarsRow
        What stands for it in other wars.
    tempered, panel, combined : NormalDist
        By the tempered reading, by the panel, and by both.
    """

    effect: str
    row: OtherWarsRow
    tempered: NormalDist
    panel: NormalDist
    combined: NormalDist

    @property
    def by_source(self) -> dict[str, NormalDist]:
        """The three by name."""
        return {"tempered": self.tempered, "panel": self.panel, "combined": self.combined}


@dataclass(frozen=True)
class OtherWars:
    """The reading tempered by other wars.

    Parameters
    ----------
    effects : tuple of EffectPrior
        In model order, on the scale where their squares sum to 1.
    combined : tuple of Combined
        Those of them that have a row.
    implied_total : float
        How many times likelier a round would be in the best tenth of weeks than in the worst by the sizes that come out.
    """

    effects: tuple[EffectPrior, ...]
    combined: tuple[Combined, ...]
    implied_total: float


def read_other_wars(workspace: Workspace, claims: Mapping[str, Claim], known: KnownIds, faults: list[Fault]) -> dict[Target, OtherWarsRow]:
    """Lines of other_wars.csv by effect; none where there is no such file. What is wrong is added to `faults` with its line."""
    path = workspace.priors / FILE
    if not path.is_file():
        return {}
    shown = workspace.shown(path)
    try:
        raw = without_comments(read_bytes(path, shown, "the effects of other wars"))
        found, wrong = read_records(raw, shown, TypeAdapter(OtherWarsRow), COLUMNS, "correct the line")
    except ContentError as error:
        faults += error.faults
        return {}
    wanted = wanted_effects(workspace)
    rows: dict[Target, OtherWarsRow] = {}
    for line, row in found:

        def fault(what: str, expected: str, mend: str, line: int = line) -> None:
            wrong.append(Fault(shown, line, what, expected, mend))

        if row.target not in wanted:
            mend = did_you_mean(name_of(row.target), [name_of(target) for target in wanted])
            fault(f"effect '{name_of(row.target)}', which no factor has", "an effect of ripeness.toml", mend)
        if row.target in rows:
            fault(f"effect '{name_of(row.target)}' a second time", "each effect once", "remove one of them, or pool them")
        if not row.lo90 < row.ratio < row.hi90:
            fault(f"{row.lo90:g}, {row.ratio:g}, {row.hi90:g}", "lo90 < ratio < hi90", "put them in order")
        if row.conversion == 0:
            fault("conversion 0", "units of the measure for one standard deviation of the factor", "write them, or remove the line")
        if not row.citations.split():
            fault("no citation", "the id of a citation at least", "name what the ratio comes from")
        for name in row.claims.split():
            if name not in known.claims:
                fault(f"unknown claim '{name}'", "the id of a claim of the essay", did_you_mean(name, sorted(known.claims)))
            elif row.target in wanted and target_of(claims[name]) != row.target:
                expected = f"claims of the effect {name_of(row.target)}"
                fault(f"claim '{name}', which speaks of {describe_target(claims[name])}", expected, "remove it, or move it")
        for name in row.citations.split():
            if name not in known.citations:
                fault(f"unknown citation '{name}'", "the id of a citation", did_you_mean(name, sorted(known.citations)))
        known.used.update(row.citations.split())
        rows[row.target] = row
    if not found and not wrong:
        wrong.append(Fault(shown, None, "a header and no row", "at least one effect", "add its line, or remove the file"))
    faults += wrong
    return rows


def find_mechanisms(workspace: Workspace, claims: Claims) -> dict[str, str]:
    """What stands for each claim in other wars, by its id; without those for which nothing does.

    Raises
    ------
    ContentError
        If citations.toml or other_wars.csv is wrong.
    """
    if not (workspace.priors / FILE).is_file():
        return {}
    faults: list[Fault] = []
    citations = tables_of(read_toml(workspace.priors / CITATIONS, workspace.shown(workspace.priors / CITATIONS)))
    rows = read_other_wars(workspace, claims.by_id, KnownIds(claims.by_id, citations), faults)
    if faults:
        raise ContentError(faults)
    return {name: row.mechanism for row in rows.values() for name in row.claims.split()}


def product(first: NormalDist, second: NormalDist) -> NormalDist:
    """The Normal proportional to the product of two: their means weighted by precision."""
    one, other = 1 / first.variance, 1 / second.variance
    return NormalDist((one * first.mean + other * second.mean) / (one + other), sqrt(1 / (one + other)))


def combine_effects(tempered: Sequence[EffectPrior], rows: Mapping[Target, OtherWarsRow], best_to_worst: float) -> OtherWars:
    """The effects of the tempered reading with what other wars say of them.

    Parameters
    ----------
    tempered : sequence of EffectPrior
        On the scale where their squares sum to 1.
    rows : mapping
        By effect.
    best_to_worst : float
        The tempered reading's total: how many times likelier a round is in the best tenth of weeks than in the worst, at its median. Over the distance of the
        tenths its log is the standard deviation of the log hazard that the effects make together, and so the unit of their sizes.
    """
    unit = log(best_to_worst) / TENTHS_APART
    weights, combined = [], []
    for effect in tempered:
        own = NormalDist(effect.mean * unit, effect.sd * unit)
        row = rows.get((effect.factor, effect.condition or effect.role or ""))
        if row:
            found = Combined(effect.id, row, own, row.normal, product(own, row.normal))
            combined.append(found)
            own = found.combined
        weights.append((effect, row, own))
    total = sqrt(sum(own.mean**2 + own.variance for _, _, own in weights))
    effects = tuple(
        replace(
            effect,
            probability=NormalDist().cdf((-1 if effect.direction == "-" else 1) * own.mean / own.stdev),
            mean=own.mean / total,
            sd=own.stdev / total,
            citations=tuple(dict.fromkeys((*effect.citations, *row.citations.split()))) if row else effect.citations,
            rationale=row.rationale if row else effect.rationale,
        )
        for effect, row, own in weights
    )
    return OtherWars(effects, tuple(combined), exp(total * TENTHS_APART))
