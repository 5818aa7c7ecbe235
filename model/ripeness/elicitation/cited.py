"""Where a number comes from: ids of the essay's claims and of published findings, checked against what is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.workspace import Workspace
from ripeness.workspace.toml import Key, TomlFile, parse_table

FILE = "citations.toml"


class Table(BaseModel):
    """Base of every table of the prior files: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Citation(Table):
    """A published source.

    Attributes
    ----------
    reference : str
        Author, year, title, journal.
    address : str
        DOI or address, empty where there is none.
    note : str
        How the project came by it, where that matters (for example: known from a press article only).
    """

    reference: str = Field(min_length=10)
    address: str = ""
    note: str = ""


class Cited(Table):
    """A judgement with its reasons: claims of the essay, published findings, and one line that joins them to the number."""

    claims: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()
    rationale: str = Field(min_length=10)


@dataclass(frozen=True)
class KnownIds:
    """Ids that a prior file may name, and those it has named so far.

    Parameters
    ----------
    claims, citations : collection of str
        Ids of the claims ledger and of citations.toml.
    used : set of str
        Ids asked for so far, so that what nobody uses can be reported.
    """

    claims: Collection[str]
    citations: Collection[str]
    used: set[str] = field(default_factory=set)

    def faults(self, toml: TomlFile, key: Key, cited: Cited) -> list[Fault]:
        """A fault for each id of `cited` (the table at `key`) that nobody has declared."""
        return [*self.unknown(toml, key, "claims", cited.claims), *self.unknown(toml, key, "citations", cited.citations)]

    def unknown(self, toml: TomlFile, key: Key, where: str, ids: Sequence[str]) -> list[Fault]:
        """A fault for each of `ids`, standing at `key`.`where`, that is not a known claim or citation."""
        claim = where.endswith("claims")
        self.used.update(ids)
        known = sorted(self.claims if claim else self.citations)
        kind, expected = ("claim", "the id of a claim of the essay") if claim else ("citation", f"the id of a table of {FILE}")
        return [
            toml.fault((*key, where), f"unknown {kind} '{name}'", expected, did_you_mean(name, known)) for name in ids if name not in known
        ]


def read_citations(workspace: Workspace, toml: TomlFile, faults: list[Fault]) -> dict[str, Citation]:
    """Every citation by its id; what is wrong is added to `faults`."""
    citations: dict[str, Citation] = {}
    for name in tables_of(toml):
        found = parse(Citation, toml, faults, name)
        if found:
            citations[name] = found
    return citations


def tables_of(toml: TomlFile, *key: str) -> list[str]:
    """Names of the tables under `key`, in the order of the file."""
    data = toml.data
    for part in key:
        data = data.get(part, {})
    return [name for name, value in data.items() if isinstance(value, dict)]


def first_under(toml: TomlFile, key: Key) -> Key:
    """`key`, or the first key below it where no header names it by itself, as [a] where only [a.b] stands in the file."""
    if toml.line(*key):
        return key
    return next((below for below in toml.lines if below[: len(key)] == key), key)


def parse[Spec: BaseModel](spec: type[Spec], toml: TomlFile, faults: list[Fault], *key: str | int) -> Spec | None:
    """Check one table; where it is wrong add to `faults` and return None, so that the rest of the file is checked too."""
    try:
        return parse_table(spec, toml, *key)
    except ContentError as error:
        faults += error.faults
        return None
