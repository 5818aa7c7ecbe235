"""The essay as written and tempered by published findings: for each effect of a factor on a condition, how likely its sign and how large it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Literal, Self

from pydantic import Field, model_validator

from ripeness.elicitation.cited import Cited, KnownIds, Table, parse
from ripeness.elicitation.words import Strengths, effect_prior, sign_probability
from ripeness.errors import Fault, did_you_mean
from ripeness.essay import Claim
from ripeness.names import AS_WRITTEN, TEMPERED
from ripeness.workspace import Workspace
from ripeness.workspace.toml import TomlFile

FILE = "readings.toml"
SILENT = 0.5  # P(w > 0) where the essay says nothing

Direction = Literal["+", "-", "both"]
Role = Literal["losing", "winning"]
Target = tuple[str, str]  # factor, and condition or role


class Tempered(Cited):
    """What published findings make of an effect.

    Attributes
    ----------
    strength : str or None
        Word for how sure the findings make one of the claimed sign; or
    probability : float or None
        P(the effect has the claimed sign) itself, in (0, 1): below a half where they speak against it, a half where they find nothing.
    size : float or None
        Relative size; the essay's where not given.
    """

    strength: str | None = None
    probability: float | None = Field(default=None, gt=0, lt=1)
    size: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.strength is None) == (self.probability is None):
            raise ValueError("either strength or probability")
        return self


class EffectSpec(Table):
    """An `[[effect]]` of readings.toml.

    Attributes
    ----------
    factor, condition : str
        What moves what; for a one-sided factor `role` ("losing" or "winning") stands in for the condition.
    direction : {"+", "-", "both"}
        Claimed sign of the weight: "+" opens the condition as the factor rises (as the side loses or wins more, for a role).
    claims : tuple of str
        Claims of the essay that speak of it; none where it is silent.
    size : float
        Root mean square of the weight relative to the other effects; 1 is typical.
    """

    factor: str
    condition: str | None = None
    role: Role | None = None
    direction: Direction
    claims: tuple[str, ...] = ()
    size: float = Field(gt=0)
    size_citations: tuple[str, ...] = ()
    rationale: str = Field(min_length=10)
    tempered: Tempered

    @model_validator(mode="after")
    def _target(self) -> Self:
        if (self.condition is None) == (self.role is None):
            raise ValueError("either condition or role")
        return self

    @property
    def target(self) -> Target:
        """Factor and condition, or factor and role."""
        return self.factor, self.condition or self.role or ""


@dataclass(frozen=True)
class EffectPrior:
    """The prior of one weight in one reading.

    Parameters
    ----------
    id : str
        "factor → condition", or "factor → losing side".
    factor, condition, role : str or None
        As in readings.toml.
    direction : {"+", "-", "both"}
        Claimed sign.
    probability : float
        P(the weight has the claimed sign), in (0, 1).
    mean, sd : float
        Of the weight, signed, on the scale where the squares of all effects' sizes sum to 1.
    claims, citations : tuple of str
        Where it comes from.
    rationale : str
        Why, in one line.
    """

    id: str
    factor: str
    condition: str | None
    role: Role | None
    direction: Direction
    probability: float
    mean: float
    sd: float
    claims: tuple[str, ...]
    citations: tuple[str, ...]
    rationale: str


def wanted_effects(workspace: Workspace) -> dict[Target, Direction]:
    """Every effect that the workspace's factors have, with its claimed direction, in model order."""
    wanted: dict[Target, Direction] = {}
    for factor in workspace.factors:
        if factor.one_sided:
            wanted[factor.id, "losing"], wanted[factor.id, "winning"] = "+", "-"
        for condition, direction in factor.effects.items():
            wanted[factor.id, condition] = direction
    return wanted


def read_effects(
    workspace: Workspace, toml: TomlFile, claims: Mapping[str, Claim], strengths: Strengths, known: KnownIds, faults: list[Fault]
) -> list[EffectSpec]:
    """Read readings.toml, one effect for each of the workspace's, in model order; what is wrong is added to `faults`."""
    wanted = wanted_effects(workspace)
    given: dict[Target, EffectSpec] = {}
    used: set[str] = set()
    for number in range(len(toml.data.get("effect", []))):
        spec = parse(EffectSpec, toml, faults, "effect", number)
        if not spec:
            continue
        key = ("effect", number)
        if spec.target not in wanted:
            names = [name_of(target) for target in wanted]
            mend = did_you_mean(name_of(spec.target), names)
            faults.append(toml.fault(key, f"effect '{name_of(spec.target)}', which no factor has", "an effect of ripeness.toml", mend))
        elif spec.direction != wanted[spec.target]:
            expected = f"'{wanted[spec.target]}', as the factor has it"
            faults.append(toml.fault((*key, "direction"), f"direction '{spec.direction}'", expected, "correct one of the two"))
        if spec.target in given:
            faults.append(toml.fault(key, f"effect '{name_of(spec.target)}' a second time", "each effect once", "remove one of them"))
        given[spec.target] = spec
        used.update(spec.claims)
        faults += known.unknown(toml, key, "claims", spec.claims)
        faults += known.unknown(toml, key, "size_citations", spec.size_citations)
        faults += known.faults(toml, (*key, "tempered"), spec.tempered)
        for name in spec.claims:
            if name in claims and target_of(claims[name]) != spec.target:
                found = f"claim '{name}', which speaks of {describe_target(claims[name])}"
                faults.append(toml.fault((*key, "claims"), found, f"claims of the effect {name_of(spec.target)}", "remove it, or move it"))
        word = spec.tempered.strength
        if word is not None and word not in strengths:
            mend = did_you_mean(word, list(strengths.probabilities))
            faults.append(toml.fault((*key, "tempered", "strength"), f"'{word}'", "a word of strength.toml", mend))
    for target in wanted:
        if target not in given:
            faults.append(toml.fault((), f"no effect {name_of(target)}", "an [[effect]] for each effect of ripeness.toml", "add it"))
    for name, claim in claims.items():
        if claim.about == "effect" and name not in used:
            mend = f"add it to the claims of {describe_target(claim)}"
            faults.append(toml.fault((), f"claim '{name}' of an effect used nowhere", "every claim of an effect in use", mend))
    return [given[target] for target in wanted if target in given]


def target_of(claim: Claim) -> Target | None:
    """The effect that a claim speaks of; None for a claim about a state."""
    if claim.about != "effect":
        return None
    return claim.factor or "", claim.role or claim.condition or ""


def describe_target(claim: Claim) -> str:
    """The same in words."""
    target = target_of(claim)
    return name_of(target) if target else "a state"


def name_of(target: Target) -> str:
    """Id of an effect."""
    factor, to = target
    return f"{factor} → {to} side" if to in ("losing", "winning") else f"{factor} → {to}"


def build_effects(specs: Sequence[EffectSpec], claims: Mapping[str, Claim], strengths: Strengths) -> dict[str, tuple[EffectPrior, ...]]:
    """The weights' priors in the two readings that rest on the essay and on published findings alone.

    As written, P(claimed sign) is the mean over the effect's claims, where one of the opposite direction counts 1 − p, one that argues
    both ways a half, and an effect without a claim a half. Tempered, it is what the published findings say. Sizes are normalised per
    reading so that their squares sum to 1: the total is elicited apart, as how many times likelier a round is in the best weeks than in
    the worst.
    """
    return {reading: _build(specs, claims, strengths, reading) for reading in (AS_WRITTEN, TEMPERED)}


def _build(specs: Sequence[EffectSpec], claims: Mapping[str, Claim], strengths: Strengths, reading: str) -> tuple[EffectPrior, ...]:
    sizes = [spec.tempered.size or spec.size if reading == TEMPERED else spec.size for spec in specs]
    total = sqrt(sum(size * size for size in sizes))
    effects = []
    for spec, size in zip(specs, sizes, strict=True):
        written = reading == AS_WRITTEN
        probability = _as_written(spec, claims, strengths) if written else _tempered(spec, strengths)
        mean, sd = effect_prior(probability, size / total)
        effects.append(
            EffectPrior(
                id=name_of(spec.target),
                factor=spec.factor,
                condition=spec.condition,
                role=spec.role,
                direction=spec.direction,
                probability=probability,
                mean=-mean if spec.direction == "-" else mean,
                sd=sd,
                claims=spec.claims if written else (*spec.claims, *spec.tempered.claims),
                citations=spec.size_citations if written else spec.tempered.citations,
                rationale=spec.rationale if written else spec.tempered.rationale,
            )
        )
    return tuple(effects)


def _as_written(spec: EffectSpec, claims: Mapping[str, Claim], strengths: Strengths) -> float:
    if not spec.claims or spec.direction == "both":
        return SILENT
    return fmean(_agreement(claims[name], spec.direction, strengths) for name in spec.claims)


def _agreement(claim: Claim, direction: Direction, strengths: Strengths) -> float:
    if claim.direction == "both":
        return SILENT
    probability = sign_probability(strengths[claim.strength])
    return probability if claim.direction == direction else 1 - probability


def _tempered(spec: EffectSpec, strengths: Strengths) -> float:
    if spec.tempered.strength is not None:
        return sign_probability(strengths[spec.tempered.strength])
    return spec.tempered.probability or SILENT
