"""priors/scenarios.toml: what might happen, as paths of factors in natural units, each citing its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from ripeness.data.indicators import Contract
from ripeness.elicitation.cited import KnownIds, Table, first_under, parse
from ripeness.errors import ContentError, Fault, UsageError, did_you_mean
from ripeness.essay import Claims
from ripeness.workspace import Workspace
from ripeness.workspace.toml import TomlFile, read_toml

FILE: Final = "scenarios.toml"
LONGEST: Final = 52  # weeks ahead
SCHEMA: Final = 1
TABLES: Final = ("scenario", "path")
NONE_WRITTEN: Final = f"there is no priors/{FILE} here, or no [[scenario]] in it; docs/guides/scenarios.md says how to write one"


class Path(Table):
    """One factor held at a value from one week ahead to another.

    Attributes
    ----------
    scenario, factor : str
        Ids of the scenario it belongs to and of what it holds.
    value : float or None
        Of the factor's reference indicator, in its natural unit.
    units : float or None
        Of the factor itself, in typical departures; one of the two is given.
    from_week, to_week : int
        Weeks ahead, both included.
    """

    scenario: str = ""
    factor: str
    value: float | None = Field(default=None, allow_inf_nan=False)
    units: float | None = Field(default=None, allow_inf_nan=False, ge=-5, le=5)
    from_week: int = Field(ge=1, le=LONGEST)
    to_week: int = Field(ge=1, le=LONGEST)


class _Written(Table):
    """A `[[scenario]]` as it is written."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str = Field(min_length=3)
    claims: tuple[str, ...] = ()
    citations: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    rationale: str = Field(min_length=10)


@dataclass(frozen=True)
class Scenario:
    """Something that might happen.

    Parameters
    ----------
    id, title, rationale : str
    claims : tuple of str
        Its own and those of what it includes.
    paths : tuple of Path
    includes : tuple of str
        Ids of the scenarios all of whose paths are among its own.
    """

    id: str
    title: str
    rationale: str
    claims: tuple[str, ...]
    paths: tuple[Path, ...]
    includes: tuple[str, ...] = ()


def read_scenarios(workspace: Workspace, claims: Claims, contracts: Mapping[str, Contract]) -> dict[str, Scenario]:
    """The scenarios of a workspace by their ids, in the order of the file; none if there is no file.

    Raises
    ------
    ContentError
        With the line of everything that is wrong.
    """
    path = workspace.priors / FILE
    if not path.is_file():
        return {}
    toml = read_toml(path, workspace.shown(path))
    faults = _check_tables(toml)
    rows = {name: toml.data[name] if isinstance(toml.data.get(name), list) else [] for name in TABLES}
    declared = [row["id"] for row in rows["scenario"] if isinstance(row, dict) and isinstance(row.get("id"), str)]
    known = KnownIds({claim.id for claim in claims.claims}, ())
    references = {contract.factor: contract for contract in contracts.values() if contract.reference}
    own: dict[str, list[Path]] = {}
    for number in range(len(rows["path"])):
        path_ = parse(Path, toml, faults, "path", number)
        if path_ is not None:
            own.setdefault(path_.scenario, []).append(path_)
            faults += _check_path(toml, ("path", number), path_, workspace, references)
    found: dict[str, Scenario] = {}
    for number in range(len(rows["scenario"])):
        written = parse(_Written, toml, faults, "scenario", number)
        if written is None:
            continue
        key = ("scenario", number)
        faults += known.unknown(toml, key, "claims", written.claims)
        if written.id in found:
            faults.append(toml.fault((*key, "id"), f"'{written.id}' a second time", "each id once", "give it another id"))
        for one in written.includes:
            if one not in found:
                mend = _mend_include(one, written.id, list(found), declared)
                faults.append(toml.fault((*key, "includes"), f"'{one}'", "a scenario that stands further up", mend))
        included = [found[one] for one in written.includes if one in found]
        paths = [*(path for one in included for path in one.paths), *own.get(written.id, [])]
        if not paths and not written.includes:
            faults.append(
                toml.fault(key, "no path", "a [[path]] of its own, or includes", f'add a [[path]] with scenario = "{written.id}"')
            )
        faults += _check_overlaps(toml, key, paths)
        cited = tuple(dict.fromkeys([*written.claims, *(claim for one in included for claim in one.claims)]))
        found[written.id] = Scenario(written.id, written.title, written.rationale, cited, tuple(paths), written.includes)
    for number, row in enumerate(rows["path"]):
        name = row.get("scenario", "") if isinstance(row, dict) else None
        if isinstance(name, str) and name not in declared:
            mend = did_you_mean(name, declared) if declared else "add a [[scenario]] with that id"
            faults.append(toml.fault(("path", number, "scenario"), f"'{name}'", "the id of a [[scenario]]", mend))
    if faults:
        raise ContentError(faults)
    return found


def choose(scenarios: Mapping[str, Scenario], wanted: Sequence[str]) -> list[Scenario]:
    """The scenarios asked for, or all.

    Raises
    ------
    UsageError
        If one is not known, or none is written.
    """
    if wanted and not scenarios:
        raise UsageError(f"no scenario '{wanted[0]}': {NONE_WRITTEN}")
    for name in wanted:
        if name not in scenarios:
            raise UsageError(f"no scenario '{name}' in {FILE}: {did_you_mean(name, list(scenarios))}")
    return [scenarios[name] for name in wanted or scenarios]


def _check_tables(toml: TomlFile) -> list[Fault]:
    """Faults of the file as a whole: another schema, unknown tables, and what is not written as [[…]]."""
    faults = []
    if toml.data.get("schema") != SCHEMA or isinstance(toml.data.get("schema"), bool):
        found = f"schema = {toml.data['schema']!r}" if "schema" in toml.data else "no schema"
        faults.append(toml.fault(("schema",), found, f"schema = {SCHEMA}", f"write schema = {SCHEMA} at the top"))
    for name, value in toml.data.items():
        key = first_under(toml, (name,))
        if name not in (*TABLES, "schema"):
            kind = "table" if isinstance(value, dict | list) else "key"
            faults.append(toml.fault(key, f"unknown {kind} '{name}'", "[[scenario]] or [[path]]", did_you_mean(name, TABLES)))
        elif name in TABLES and not isinstance(value, list):
            found = f"one table [{name}]" if isinstance(value, dict) else f"{name} = {value!r}"
            faults.append(toml.fault(key, found, f"[[{name}]], a table of a list", f"write [[{name}]], with two brackets on either side"))
    return faults


def _mend_include(one: str, own: str, above: Sequence[str], declared: Sequence[str]) -> str:
    """How to mend an include that names no scenario further up."""
    if one == own:
        return "leave it out: no scenario includes itself"
    if one in declared:
        return f"move the [[scenario]] '{one}' above this one"
    return did_you_mean(one, above) if above else "leave it out: no scenario stands further up"


def _check_path(toml: TomlFile, key: Any, path: Path, workspace: Workspace, references: Mapping[str, Contract]) -> list[Fault]:
    faults = []
    if path.factor not in workspace.factor_ids:
        return [
            toml.fault((*key, "factor"), f"'{path.factor}'", "a factor of ripeness.toml", did_you_mean(path.factor, workspace.factor_ids))
        ]
    if (path.value is None) == (path.units is None):
        faults.append(toml.fault(key, "both or neither of value and units", "one of them", "keep one"))
    if path.from_week > path.to_week:
        faults.append(toml.fault((*key, "to_week"), f"week {path.to_week}", f"week {path.from_week} or later", "put the weeks in order"))
    reference = references.get(path.factor)
    if path.value is not None and reference is None:
        faults.append(
            toml.fault((*key, "value"), "a value of a factor without indicator", "units", "write units instead, in typical departures")
        )
    if path.value is not None and reference is not None:
        low, high = reference.plausible
        if not low <= path.value <= high or not bool(reference.in_domain(path.value)) or (reference.is_count and path.value == 0):
            faults.append(
                toml.fault(
                    (*key, "value"),
                    f"{path.value:g} {reference.unit}",
                    f"{low:g} to {high:g}, which is plausible there, and of a count more than zero",
                    "correct the value",
                )
            )
    return faults


def _check_overlaps(toml: TomlFile, key: Any, paths: Sequence[Path]) -> list[Fault]:
    for place, one in enumerate(paths):
        for other in paths[place + 1 :]:
            if one.factor == other.factor and one.from_week <= other.to_week and other.from_week <= one.to_week:
                return [toml.fault(key, f"two paths of {one.factor} in the same week", "one value for each week", "remove one of them")]
    return []
