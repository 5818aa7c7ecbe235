"""A workspace: the folder whose ripeness.toml names the question, the conditions and factors, and the paths of everything else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ripeness import names
from ripeness.errors import ContentError, Fault, UsageError, did_you_mean
from ripeness.names import SUSTAINED
from ripeness.workspace.question import Bridge, Question, Rung
from ripeness.workspace.toml import TomlFile, parse_table, read_toml

FILE = "ripeness.toml"
OTHER_WARS_FILE = "other_wars.csv"  # of the priors; a workspace with it has a reading more
SCHEMA = 1

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Table):
    """Something that must hold in a week for a round to be held."""

    id: Identifier
    label: str


class Factor(_Table):
    """A latent weekly series that moves conditions.

    Attributes
    ----------
    plus : str
        What a high value means, in words.
    tails : {"smooth", "shocks"}
        Normal innovations, or heavy-tailed ones where the essay speaks of shocks.
    level : bool
        Whether a slow level in the measurement takes up a trend of years.
    reads : {"departure", "cumulative"}
        What the claims speak of, where the factor has a level: its departure from the level, or both together, for what adds up.
    effects : dict
        Condition to claimed direction: "+" opens, "-" closes, "both" where the essay argues both ways.
    losing_when_plus, losing_when_minus : str or None
        For a one-sided factor: the condition of the side that loses when the factor is high, and when it is low.
    pulse : date or None
        Day of a jump of elicited size that fades with the factor's half-life.
    """

    id: Identifier
    label: str
    plus: str
    tails: Literal["smooth", "shocks"] = "smooth"
    level: bool = False
    reads: Literal["departure", "cumulative"] = "departure"
    effects: dict[Identifier, Literal["+", "-", "both"]] = Field(default_factory=dict)
    losing_when_plus: Identifier | None = None
    losing_when_minus: Identifier | None = None
    pulse: date | None = None

    @property
    def one_sided(self) -> bool:
        """Whether the factor acts through the one-sided response."""
        return self.losing_when_plus is not None

    @model_validator(mode="after")
    def _acts(self) -> Self:
        if (self.losing_when_plus is None) != (self.losing_when_minus is None):
            raise ValueError("losing_when_plus and losing_when_minus together, or neither")
        if self.one_sided and self.effects:
            raise ValueError("either effects or losing_when_plus and losing_when_minus, not both")
        if not self.one_sided and not self.effects:
            raise ValueError("effects on at least one condition")
        if self.reads == "cumulative" and not self.level:
            raise ValueError('level = true where reads = "cumulative"')
        return self


class Paths(_Table):
    """Folders of the workspace, relative to it."""

    seeds: str = "seeds"
    priors: str = "priors"
    data: str = "data"
    reports: str = "reports"


class FitSettings(_Table):
    """How the posterior is sampled and reweighted.

    Attributes
    ----------
    chains, tune, draws : int
        NUTS chains, warm-up and kept draws of each.
    seed : int
        The seed from which every random number of a run descends.
    future_paths : int
        Factor paths simulated forward from each posterior draw.
    """

    chains: int = Field(ge=2, le=16, default=4)
    tune: int = Field(ge=100, default=1000)
    draws: int = Field(ge=100, default=1000)
    seed: int = Field(ge=0, lt=2**31, default=20250618)
    future_paths: int = Field(ge=2, le=256, default=16)


class Mixture(_Table):
    """How much each form of the inside view and each reading of the essay counts in the headline, fixed before anything is scored.

    Attributes
    ----------
    substitutable : float
        Weight of the form in which causes add up; the rest is that of the conjunctive form.
    tempered : float
        Weight of the tempered reading, in either form.
    other_wars : float or None
        Weight of the reading tempered by other wars, which a workspace has whose priors have a file of their effects; None where it has none. The rest
        is that of the essay as written.
    rationale : str
        Why.
    """

    substitutable: float = Field(ge=0.0, lt=1.0, default=0.5)
    tempered: float = Field(ge=0.0, le=1.0, default=0.5)
    other_wars: float | None = Field(ge=0.0, le=1.0, default=None)
    rationale: str

    @model_validator(mode="after")
    def _leaves_a_rest(self) -> Self:
        if self.tempered + (self.other_wars or 0.0) > 1.0:
            raise ValueError("tempered and other_wars that add up to at most 1")
        return self

    @property
    def readings(self) -> dict[str, float]:
        """Weight of each reading, in the order of `names.READINGS`; they add up to one."""
        found = {names.TEMPERED: self.tempered} | ({} if self.other_wars is None else {names.OTHER_WARS: self.other_wars})
        return {names.AS_WRITTEN: max(0.0, 1.0 - sum(found.values())), **found}

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each fit of the headline, in their order; they add up to one."""
        forms = {names.CONJUNCTIVE: 1.0 - self.substitutable, names.SUBSTITUTABLE: self.substitutable}
        readings = self.readings
        return {name: forms[variant] * readings[reading] for name, variant, reading in names.fits_of(tuple(readings)) if variant in forms}


class _Document(_Table):
    schema_: Literal[1] = Field(alias="schema")
    title: str
    question: Question
    paths: Paths = Paths()
    fit: FitSettings = FitSettings()
    mixture: Mixture | None = None
    condition: list[Condition] = Field(min_length=1)
    factor: list[Factor] = Field(min_length=1)
    rung: list[Rung] = Field(default_factory=list)
    bridge: list[Bridge] = Field(default_factory=list)


@dataclass(frozen=True)
class Workspace:
    """A checked workspace.

    Parameters
    ----------
    root : Path
        The folder that holds ripeness.toml.
    title : str
        Headline of its pages.
    question : Question
        What is asked.
    conditions, factors, rungs : tuple
        In the order of the file, which is the order of the model's dims. Rungs are the outcomes beside that of the question.
    bridges : tuple of Bridge
        What others ask that follows from the question or a rung.
    """

    root: Path
    title: str
    question: Question
    conditions: tuple[Condition, ...]
    factors: tuple[Factor, ...]
    fit: FitSettings
    mixture: Mixture
    paths: Paths
    toml: TomlFile
    rungs: tuple[Rung, ...] = ()
    bridges: tuple[Bridge, ...] = ()

    @property
    def readings(self) -> tuple[str, ...]:
        """The readings of the essay, in the order of `names.READINGS`: the third where the priors have effects of other wars."""
        return tuple(self.mixture.readings)

    @property
    def fits(self) -> tuple[names.Which, ...]:
        """Name, variant and reading of every fit, in the order in which they are stored."""
        return names.fits_of(self.readings)

    @property
    def headline_fits(self) -> tuple[str, ...]:
        """Names of the fits that the headline mixes: all but the outside view's."""
        return tuple(self.mixture.weights)

    def fits_of_form(self, form: str) -> tuple[str, ...]:
        """Names of the fits of a form, in the order of the readings."""
        return tuple(name for name, variant, _ in self.fits if variant == form)

    @property
    def seeds(self) -> Path:
        """Folder of the essay's card and claims."""
        return self.root / self.paths.seeds

    @property
    def priors(self) -> Path:
        """Folder of the elicitation."""
        return self.root / self.paths.priors

    @property
    def data(self) -> Path:
        """Folder of indicators, events and coverage."""
        return self.root / self.paths.data

    @property
    def reports(self) -> Path:
        """Folder of issued forecasts and of the ledger."""
        return self.root / self.paths.reports

    def shown(self, path: Path) -> Path:
        """A path as it is to be shown: relative to the workspace where it lies inside."""
        return path.relative_to(self.root) if path.is_relative_to(self.root) else path

    @property
    def factor_ids(self) -> list[str]:
        """Ids of the factors, in model order."""
        return [factor.id for factor in self.factors]

    @property
    def rung_ids(self) -> list[str]:
        """Ids of the rungs, in the order of the file."""
        return [rung.id for rung in self.rungs]

    @property
    def rung_horizons(self) -> list[int]:
        """Horizons of any rung or of the question, in weeks, in rising order."""
        return sorted({*self.question.horizons_weeks, *(weeks for rung in self.rungs for weeks in rung.horizons_weeks)})

    @property
    def rated_rungs(self) -> list[Rung]:
        """Rungs with conditions and a rate of their own, in model order."""
        return [rung for rung in self.rungs if rung.conditions]

    @property
    def nested_rungs(self) -> list[Rung]:
        """Rungs that are part of another or of the question, in model order."""
        return [rung for rung in self.rungs if rung.part_of]

    @property
    def counted_rungs(self) -> list[Rung]:
        """Rungs that an indicator counts."""
        return [rung for rung in self.rungs if rung.indicator]

    def bridges_after(self, origin: date) -> list[Bridge]:
        """Bridges that a forecast as of `origin` speaks of: whose last day lies after it, and no further than the longest horizon."""
        return [bridge for bridge in self.bridges if origin < bridge.by <= self.question.targets(origin)[-1]]

    @property
    def condition_ids(self) -> list[str]:
        """Ids of the conditions, in model order."""
        return [condition.id for condition in self.conditions]


def find_workspace(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds a ripeness.toml.

    Parameters
    ----------
    start : Path

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        If there is none.

    Examples
    --------
    >>> (ripeness.find_workspace(Path("data")) / "ripeness.toml").is_file()
    True
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise UsageError(f"no {FILE} in this folder or above it: go to a workspace, or name one with --workspace DIR")


def read_workspace(root: Path) -> Workspace:
    """Read and check ripeness.toml.

    Raises
    ------
    UsageError
        If `root` is no folder.
    ContentError
        If the file is missing or wrong, with the line of every fault.
    """
    root = root.resolve()
    if not root.is_dir():
        raise UsageError(f"--workspace {root.name}: no such folder")
    toml = read_toml(root / FILE, Path(FILE))
    document = parse_table(_Document, toml)
    known = [condition.id for condition in document.condition]
    faults = [*_repeated(toml, "condition", known), *_repeated(toml, "factor", [factor.id for factor in document.factor])]
    for number, factor in enumerate(document.factor):
        named = [*factor.effects, *filter(None, (factor.losing_when_plus, factor.losing_when_minus))]
        faults += [
            toml.fault(
                ("factor", number),
                f"factor '{factor.id}' acts on unknown condition '{name}'",
                "the id of a [[condition]]",
                did_you_mean(name, known),
            )
            for name in named
            if name not in known
        ]
    faults += _repeated(toml, "rung", [rung.id for rung in document.rung])
    for number, rung in enumerate(document.rung):
        if rung.id in (document.question.id, SUSTAINED):
            faults.append(toml.fault(("rung", number), f"rung '{rung.id}'", "an id that no other question has", "choose another id"))
        faults += [
            toml.fault(
                ("rung", number),
                f"rung '{rung.id}' needs unknown condition '{name}'",
                "the id of a [[condition]]",
                did_you_mean(name, known),
            )
            for name in rung.conditions
            if name not in known
        ]
        longest = max(document.question.horizons_weeks)
        if max(rung.horizons_weeks, default=0) > longest:
            found = f"horizons_weeks of rung '{rung.id}' up to {rung.horizons_weeks[-1]}"
            expected = f"at most the question's longest, {longest}"
            faults.append(toml.fault(("rung", number, "horizons_weeks"), found, expected, "leave the longer ones out"))
        whole = [document.question.id, *(one.id for one in document.rung if one.conditions)]
        if rung.part_of and rung.part_of not in whole:
            faults.append(
                toml.fault(
                    ("rung", number),
                    f"rung '{rung.id}' is part of '{rung.part_of}'",
                    "the id of the question or of a [[rung]] with conditions",
                    did_you_mean(rung.part_of, whole),
                )
            )
    faults += _bridge_faults(toml, document)
    mixture = _read_mixture(root, toml, document, faults)
    if faults:
        raise ContentError(faults)
    return Workspace(
        root=root,
        title=document.title,
        question=document.question,
        conditions=tuple(document.condition),
        factors=tuple(document.factor),
        fit=document.fit,
        mixture=mixture,
        paths=document.paths,
        toml=toml,
        rungs=tuple(document.rung),
        bridges=tuple(document.bridge),
    )


def _read_mixture(root: Path, toml: TomlFile, document: _Document, faults: list[Fault]) -> Mixture:
    """The weights of the readings that there are; even where nothing is said. A reading without a weight, or a weight without its reading, is a fault."""
    path = Path(document.paths.priors, OTHER_WARS_FILE)
    given, there = document.mixture, (root / path).is_file()
    if given is None:
        rest = {"tempered": 1 / 3, "other_wars": 1 / 3} if there else {}
        return Mixture(rationale="even, as nothing was said", **rest)
    if there and given.other_wars is None:
        found, expected = f"no weight of the reading of {path.as_posix()}", "a weight for each reading, fixed before anything is scored"
        faults.append(toml.fault(("mixture",), found, expected, "write other_wars = its weight, with the reason, or remove the file"))
    if given.other_wars is not None and not there:
        found, expected = f"other_wars = {given.other_wars:g} and no {path.as_posix()}", "the file of its effects"
        faults.append(toml.fault(("mixture", "other_wars"), found, expected, "add the file, or remove other_wars"))
    return given


def _bridge_faults(toml: TomlFile, document: _Document) -> Iterator[Fault]:
    yield from _repeated(toml, "bridge", [bridge.id for bridge in document.bridge])
    asked, began = [document.question.id, *(rung.id for rung in document.rung)], document.question.war_began
    for number, bridge in enumerate(document.bridge):
        if bridge.id in (*asked, SUSTAINED):
            yield toml.fault(("bridge", number), f"bridge '{bridge.id}'", "an id that no question and no rung has", "choose another id")
        if bridge.rung not in asked:
            found = f"bridge '{bridge.id}' follows from '{bridge.rung}'"
            mend = did_you_mean(bridge.rung, asked)
            yield toml.fault(("bridge", number, "rung"), found, "the id of the question or of a [[rung]]", mend)
        if bridge.market.partition(":")[0] != bridge.venue.lower():
            found, expected = f"market '{bridge.market}' of {bridge.venue}", f"'{bridge.venue.lower()}:' at its head"
            yield toml.fault(("bridge", number, "market"), found, expected, "correct the market or the venue")
        if bridge.by < began:
            yield toml.fault(("bridge", number, "by"), f"by = {bridge.by}", f"a day of the war, {began} or later", "correct the day")


def _repeated(toml: TomlFile, table: str, ids: list[str]) -> list[Fault]:
    return [
        toml.fault((table, number), f"{table} '{name}' a second time", "each id once", "rename or remove one of them")
        for number, name in enumerate(ids)
        if name in ids[:number]
    ]
