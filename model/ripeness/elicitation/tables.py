"""Tables of the prior files: what an entry is, and how one is read and checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from ripeness.elicitation.cited import Cited, KnownIds, first_under, parse, tables_of
from ripeness.elicitation.families import FAMILIES
from ripeness.errors import Fault, did_you_mean
from ripeness.workspace.toml import Key, TomlFile

SCHEMA = 1
DEFAULT = "default"  # the entry of indicators that have none of their own


class Entry(Cited):
    """One elicited quantity.

    Attributes
    ----------
    quantity, unit : str
        What it is, and in what it is counted.
    q05, q50, q95 : float
        Quantiles in that unit, rising.
    family : str
        Distribution fitted to them: lognormal, logitnormal or normal.
    on : "log" or None
        With "log" the family is fitted to the log of the quantity, which keeps a lognormal quantity above 1.
    """

    quantity: str = Field(min_length=1)
    unit: str = Field(min_length=1)
    q05: float = Field(allow_inf_nan=False)
    q50: float = Field(allow_inf_nan=False)
    q95: float = Field(allow_inf_nan=False)
    family: str
    on: Literal["log"] | None = None

    @property
    def asked(self) -> tuple[float, float, float]:
        """The three quantiles."""
        return self.q05, self.q50, self.q95


class Tails(Cited):
    """Degrees of freedom of a Student-t."""

    df: float = Field(gt=2)


class Grades(Cited):
    """By how much a row's grade multiplies its noise."""

    A: float = Field(ge=1)
    B: float = Field(ge=1)
    C: float = Field(ge=1)


class Announced(Cited):
    """How a meeting's odds of being kept fall on weeks: the share of the week it is set for; the rest falls on the week after."""

    named_week_share: float = Field(gt=0, le=1)


@dataclass(frozen=True)
class Placed:
    """An entry and where it stands, so that a fault found later can still point at it."""

    name: str
    entry: Entry
    toml: TomlFile
    key: Key


@dataclass
class TableReader:
    """Reads entries table by table, and keeps what was read and what was wrong.

    Parameters
    ----------
    tomls : dict
        The files by name.
    known : KnownIds
        Ids that entries may cite.
    faults : list of Fault
        Everything found wrong so far.
    entries, shared : dict
        Entries by dotted name, and needed names that a default serves.
    """

    tomls: Mapping[str, TomlFile]
    known: KnownIds
    faults: list[Fault]
    entries: dict[str, Placed] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)

    def table(self, file: str, table: Key, wanted: Collection[str]) -> None:
        """Read the entries of one table: one for each of `wanted`, or a default; none for anything else."""
        toml, prefix = self.tomls[file], ".".join(map(str, table))
        present = tables_of(toml, *map(str, table))
        for name in present:
            if name != DEFAULT and name not in wanted:
                known = sorted(wanted)
                self.faults.append(
                    toml.fault((*table, name), f"[{prefix}.{name}], which nothing uses", "an entry in use", did_you_mean(name, known))
                )
                continue
            self.entry(file, (*table, name), f"{prefix}.{name}", self.entries)
        without = [name for name in wanted if name not in present]
        if DEFAULT in present:
            self.shared.update({f"{prefix}.{name}": f"{prefix}.{DEFAULT}" for name in without})
            if not without:
                self.faults.append(
                    toml.fault((*table, DEFAULT), f"[{prefix}.{DEFAULT}], which nothing uses", "an entry in use", "remove it")
                )
            return
        for name in without:
            self.faults.append(
                toml.fault(
                    first_under(toml, table), f"no [{prefix}.{name}]", "an entry for it", f"add [{prefix}.{name}] with its quantiles"
                )
            )

    def entry(self, file: str, key: Key, name: str, into: dict[str, Placed]) -> None:
        """Read one entry."""
        toml = self.tomls[file]
        entry = parse(Entry, toml, self.faults, *key)
        if not entry:
            return
        placed = Placed(name, entry, toml, key)
        into[name] = placed
        self.faults += [*self.known.faults(toml, key, entry), *check_entry(placed)]

    def constant[Spec: Cited](self, file: str, table: str, spec: type[Spec]) -> Spec | None:
        """Read a table of plain numbers."""
        toml = self.tomls[file]
        if not isinstance(toml.data.get(table), dict):
            self.faults.append(toml.fault((table,), f"no [{table}]", f"a table [{table}]", "add it"))
            return None
        found = parse(spec, toml, self.faults, table)
        if found:
            self.faults += self.known.faults(toml, (table,), found)
        return found

    def only(self, file: str, tables: Collection[str]) -> None:
        """Refuse other tables, and another schema."""
        toml = self.tomls[file]
        if toml.data.get("schema") != SCHEMA:
            self.faults.append(
                toml.fault(
                    ("schema",), f"schema = {toml.data.get('schema')!r}", f"schema = {SCHEMA}", f"write schema = {SCHEMA} at the top"
                )
            )
        for name in toml.data:
            if name not in (*tables, "schema"):
                self.faults.append(
                    toml.fault(first_under(toml, (name,)), f"unknown table [{name}]", "a known table", did_you_mean(name, list(tables)))
                )


def check_entry(placed: Placed) -> list[Fault]:
    """Faults of an entry by itself: its family, the order of its quantiles, and whether they lie in the family's support."""
    entry, toml, key = placed.entry, placed.toml, placed.key
    if entry.family not in FAMILIES:
        return [toml.fault((*key, "family"), f"family '{entry.family}'", "a known family", did_you_mean(entry.family, list(FAMILIES)))]
    if not entry.q05 < entry.q50 < entry.q95:
        found = f"quantiles {entry.q05:g}, {entry.q50:g}, {entry.q95:g} of {placed.name}"
        return [toml.fault((*key, "q05"), found, "q05 < q50 < q95", "put them in rising order")]
    family = FAMILIES[entry.family]
    faults = []
    for name, value in zip(("q05", "q50", "q95"), entry.asked, strict=True):
        if not family.supports(value, entry.on):
            faults.append(
                toml.fault(
                    (*key, name), f"{placed.name}.{name} = {value:g}", family.support_in_words(entry.on), "correct the value or the family"
                )
            )
    return faults
