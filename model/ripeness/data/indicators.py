"""Contracts: what data/indicators.toml promises about each indicator, in natural units, before any of its rows is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.workspace import Identifier, Workspace
from ripeness.workspace.toml import TomlFile, parse_table, read_toml

FILE = "indicators.toml"
SCHEMA = 1
PERCENT = "%"
HALF_A_COUNT = 0.5  # where a count of nothing is drawn on a log scale; no likelihood uses it

Positive = Annotated[float, Field(gt=0)]
Family = Literal["military", "economy", "support", "politics", "public", "diplomacy", "attention"]


class Era(BaseModel):
    """A stretch of days in which a source of counts captured the same share of what happened.

    Attributes
    ----------
    id : str
        Name of the era, to which priors/loadings.toml gives a share.
    first, last : date
        `from` and `to` of the file. A row after the last era is refused, so that somebody judges how well its days were searched.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    id: Identifier
    first: date = Field(alias="from")
    last: date = Field(alias="to")

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.last < self.first:
            raise ValueError("an era that ends on or after its first day")
        return self


class Contract(BaseModel):
    """One indicator: what it measures, how it is transformed, how noisy it may be and when it becomes known.

    Attributes
    ----------
    title, unit, family : str
        What a page shows; `family` only groups.
    factor : str
        The one factor the indicator loads on.
    reference : bool
        Whether the indicator fixes its factor's scale (loading 1) and level (intercept 0).
    sign : {"+", "-"}
        Sign of the loading.
    transform : {"log", "logit", "asinh", "none"}
        Scale on which the indicator is linear in its factor; logit reads a unit of "%" as hundredths.
    asinh_unit : float or None
        Natural units of asinh(value / asinh_unit); with asinh only.
    centre : float
        Value, in natural units, at which the transformed series is 0.
    scale : float
        Transformed units in one unit of the factor.
    likelihood : {"student", "poll", "negative_binomial"}
    errors : {"student", "normal"}
        Distribution of a measurement's errors; not for counts. Under Student-t errors a far value counts as a bad row; under normal ones the factor
        follows it.
    window : {"day", "week", "month", "quarter"}
        Period that a value describes, ending on its observed_on; a quarter is the trailing three months.
    overlap : int
        How many consecutive rows share each piece of information.
    frequency : {"weekly", "monthly", "irregular"}
    also_monthly : bool
        Of a weekly series: whether a row may describe a whole month, in the unit of a week, where no weekly figures go. It ends on the month's
        last day; on a Sunday it would be a week's.
    expected_lag_days : int
        Days from observed_on to publication, as a rule; of an irregular series, the days after which a new value is missed.
    plausible : tuple of float
        Lowest and highest value accepted, in natural units.
    noise_floor : float or None
        Least standard deviation of the noise, in units of `scale`; not for counts.
    sample_size : int or None
        Of polls: the respondents assumed where a row has none.
    question : str or None
        Wording of a poll.
    eras : list of Era
        Of counts: stretches that captured different shares; a row lies in exactly one of them.
    exposure, exposure_unit : bool, float or None
        Of counts: whether the column sample_size carries the exposure, and the exposure that counts as 1.
    ended : date or None
        Last day of a series that has ended, so that nobody waits for its next value.
    optional : bool
        Whether its CSV may be absent, where terms of use keep some from the figures: the indicator then has no rows.
    source, publisher_lag, note : str
        The publisher, how late it publishes, and what else a reader should know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    title: str = Field(min_length=1)
    unit: str = Field(min_length=1)
    family: Family
    factor: str
    reference: bool = False
    sign: Literal["+", "-"]
    transform: Literal["log", "logit", "asinh", "none"]
    asinh_unit: Positive | None = None
    centre: float
    scale: Positive
    likelihood: Literal["student", "poll", "negative_binomial"]
    errors: Literal["student", "normal"] = "student"
    window: Literal["day", "week", "month", "quarter"]
    overlap: int = Field(ge=1, default=1)
    frequency: Literal["weekly", "monthly", "irregular"]
    also_monthly: bool = False
    expected_lag_days: int = Field(ge=0)
    plausible: Annotated[tuple[float, float], Field(strict=False)]
    noise_floor: Positive | None = None
    sample_size: int | None = Field(ge=1, default=None)
    question: str | None = None
    eras: list[Era] = Field(default_factory=list)
    exposure: bool = False
    exposure_unit: Positive | None = None
    ended: date | None = None
    optional: bool = False
    source: str = Field(min_length=1)
    publisher_lag: str = ""
    note: str = ""

    @property
    def is_count(self) -> bool:
        """Whether values are whole numbers of things that happened."""
        return self.likelihood == "negative_binomial"

    def on(self, observed_on: date) -> Contract:
        """The contract as it holds for a row observed on a day: that of a monthly series where the row describes a month."""
        by_month = self.also_monthly and observed_on.weekday() != 6
        return self.model_copy(update={"window": "month", "frequency": "monthly"}) if by_month else self

    def transformed(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values on the scale of the factor: 0 at the centre, + always more of the factor.

        Parameters
        ----------
        values : array_like
            In natural units; NaN stays NaN. A count of 0 is drawn as half a count, and a count with an exposure is to be given for
            one exposure_unit: this is for pages, the likelihood takes counts as they are.

        Returns
        -------
        ndarray
            sign * (transform(value) - transform(centre)) / scale, of the shape of `values`.
        """
        found = np.asarray(values, dtype=np.float64)
        if self.is_count:
            found = np.maximum(found, HALF_A_COUNT)
        standard = (self._transform(found) - self._transform(np.asarray(self.centre))) / self.scale
        return standard if self.sign == "+" else -standard

    def natural(self, standard: ArrayLike) -> NDArray[np.float64]:
        """The inverse of `transformed`: values in the indicator's unit."""
        moved = np.asarray(standard, dtype=np.float64) * (self.scale if self.sign == "+" else -self.scale)
        centre = self._transform(np.asarray(self.centre))
        match self.transform:
            case "log":
                return np.exp(centre + moved)
            case "logit":
                return self._whole / (1.0 + np.exp(-(centre + moved)))
            case "asinh":
                return (self.asinh_unit or 1.0) * np.sinh(centre + moved)
            case _:
                return centre + moved

    def in_domain(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which values the transform is defined for; a count of 0 is, whatever the transform."""
        found = np.asarray(values, dtype=np.float64)
        if self.is_count:
            return found >= 0
        match self.transform:
            case "log":
                return found > 0
            case "logit":
                return (found > 0) & (found < self._whole)
            case _:
                return np.isfinite(found)

    @property
    def _whole(self) -> float:
        return 100.0 if self.unit == PERCENT else 1.0

    def _transform(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        match self.transform:
            case "log":
                return np.log(values)
            case "logit":
                share = values / self._whole
                return np.log(share) - np.log1p(-share)
            case "asinh":
                return np.arcsinh(np.asarray(values / (self.asinh_unit or 1.0)))
            case _:
                return values


@dataclass(frozen=True)
class ContractFile:
    """indicators.toml as far as it could be read: good contracts, every id it names, and what is wrong with it."""

    contracts: dict[str, Contract]
    named: tuple[str, ...]
    faults: tuple[Fault, ...]


def read_contracts(workspace: Workspace) -> dict[str, Contract]:
    """Read and check data/indicators.toml, in the order of the file.

    Raises
    ------
    ContentError
        With a fault, and its line, for everything that is wrong.
    """
    file = read_contract_file(workspace)
    if file.faults:
        raise ContentError(file.faults)
    return file.contracts


def read_contract_file(workspace: Workspace) -> ContractFile:
    """Read indicators.toml without raising, so that the other files of the folder can be checked beside it."""
    path = workspace.data / FILE
    try:
        toml = read_toml(path, workspace.shown(path))
    except ContentError as error:
        return ContractFile({}, (), error.faults)
    faults: list[Fault] = []
    contracts: dict[str, Contract] = {}
    named = [name for name in toml.data if name != "schema"]
    if toml.data.get("schema", SCHEMA) != SCHEMA:
        faults.append(toml.fault(("schema",), f"schema = {toml.data['schema']!r}", f"schema = {SCHEMA}", "write the file for this version"))
    if not named:
        faults.append(Fault(toml.path, None, "no indicator", "a table for each indicator", "add a table such as [oil]"))
    for name in named:
        wrong = list(_check_name(toml, name))
        if not wrong:
            try:
                contract = parse_table(Contract, toml, name)
                wrong = list(_check_contract(toml, name, contract, workspace.factor_ids))
                contracts[name] = contract
            except ContentError as error:
                wrong = list(error.faults)
        if wrong:
            contracts.pop(name, None)
        faults += wrong
    faults += [*_check_references(toml, named, workspace.factor_ids), *_check_rungs(workspace, contracts)]
    return ContractFile(contracts, tuple(named), tuple(sorted(faults, key=lambda fault: fault.line or 0)))


def _check_rungs(workspace: Workspace, contracts: Mapping[str, Contract]) -> Iterator[Fault]:
    """Indicators that rungs of ripeness.toml are counted by: there they are to be mended."""
    level = {factor.id for factor in workspace.factors if factor.level}
    counts = [name for name, one in contracts.items() if one.is_count and not one.exposure and one.factor not in level]
    for number, rung in enumerate(workspace.rungs):
        if rung.indicator and rung.indicator not in counts:
            found, expected = (
                f"rung '{rung.id}' counted by '{rung.indicator}'",
                "a count without exposure, of a factor without a slow level",
            )
            yield workspace.toml.fault(("rung", number, "indicator"), found, expected, did_you_mean(rung.indicator, counts))


def _check_name(toml: TomlFile, name: str) -> Iterator[Fault]:
    try:
        TypeAdapter(Identifier).validate_python(name)
    except ValidationError:
        yield toml.fault((name,), f"'{name}'", "an id of lower-case letters, digits and _", "rename the table and its CSV")
    if name in ("events", "coverage", "updates"):
        yield toml.fault((name,), f"an indicator '{name}'", "another id", f"rename it: {name}.csv has a form of its own")
    if not isinstance(toml.data[name], dict):
        found = f"{name} = {toml.data[name]!r} outside any table"
        yield toml.fault((name,), found, "a table for each indicator", f"move it below a header, or write [{name}]")


def _check_contract(toml: TomlFile, name: str, contract: Contract, factors: list[str]) -> Iterator[Fault]:
    """What one field says about another, each fault at the field to change."""

    def fault(key: str, expected: str, mend: str) -> Fault:
        stands = key in toml.data[name]
        return toml.fault((name, key), f"{name}.{key} = {toml.data[name][key]!r}" if stands else f"no '{key}'", expected, mend)

    def only(key: str, wanted: bool, reason: str, must: bool = True) -> Iterator[Fault]:
        stands = key in toml.data[name]
        if stands and not wanted:
            yield fault(key, f"{key} only with {reason}", f"remove {key}")
        if wanted and must and not stands:
            yield fault(key, f"{key} with {reason}", f"add '{key} = …'")

    is_poll = contract.likelihood == "poll"
    if contract.factor not in factors:
        yield fault("factor", "the id of a [[factor]] of ripeness.toml", did_you_mean(contract.factor, factors))
    yield from only("asinh_unit", contract.transform == "asinh", 'transform = "asinh"')
    yield from only("noise_floor", not contract.is_count, 'likelihood = "student" or "poll"')
    yield from only("errors", not contract.is_count, 'likelihood = "student" or "poll"', must=False)
    yield from only("sample_size", is_poll, 'likelihood = "poll"')
    yield from only("question", is_poll, 'likelihood = "poll"', must=False)
    yield from only("eras", contract.is_count, 'likelihood = "negative_binomial"', must=False)
    yield from only("exposure", contract.is_count, 'likelihood = "negative_binomial"', must=False)
    yield from only("exposure_unit", contract.exposure, "exposure = true")
    if contract.is_count and contract.transform != "log":
        yield fault("transform", 'transform = "log" for counts', "counts are modelled by the log of their mean")
    weekly = (contract.window, contract.frequency) == ("week", "weekly") and not contract.is_count
    yield from only("also_monthly", weekly, "a weekly series that is no count", must=False)
    low, high = contract.plausible
    if not low < high:
        yield fault("plausible", "[low, high] with low below high", "put the lower number first")
    elif not low <= contract.centre <= high:
        yield fault("centre", f"a value within plausible, {low:g} to {high:g}", "correct centre or plausible")
    if not contract.in_domain(contract.centre) or (contract.is_count and contract.centre <= 0):
        yield fault("centre", f"a value of which the {contract.transform} can be taken", "correct centre, unit or transform")
    yield from _check_eras(toml, name, contract)


def _check_eras(toml: TomlFile, name: str, contract: Contract) -> Iterator[Fault]:
    for id_, times in Counter(era.id for era in contract.eras).items():
        if times > 1:
            yield toml.fault((name, "eras"), f"era '{id_}' {times} times", "each id once", "rename one of them")
    for earlier, later in pairwise(contract.eras):
        if later.first != earlier.last + timedelta(days=1):
            found = f"era '{later.id}' from {later.first} after '{earlier.id}' to {earlier.last}"
            yield toml.fault((name, "eras"), found, "eras in order, without gap or overlap", "correct from or to")


def _check_references(toml: TomlFile, named: list[str], factors: list[str]) -> Iterator[Fault]:
    """Exactly one reference for each factor with indicators, by the raw file, so that a broken contract does not blame the rest."""
    tables = {name: toml.data[name] for name in named if isinstance(toml.data[name], dict)}
    for factor in factors:
        members = [name for name, table in tables.items() if table.get("factor") == factor]
        references = [name for name in members if tables[name].get("reference") is True]
        if members and not references:
            mend = f"set reference = true in one of {', '.join(members)}"
            yield toml.fault((members[0],), f"no reference among the indicators of '{factor}'", "exactly one", mend)
        for extra in references[1:]:
            mend = f"remove reference = true here or in [{references[0]}]"
            yield toml.fault((extra, "reference"), f"a second reference of '{factor}'", "exactly one", mend)
