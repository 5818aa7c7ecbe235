"""priors/scenarios.toml: what might happen, as paths of factors in natural units, each citing its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from ripeness.claims import Claims
from ripeness.data.contracts import Contract
from ripeness.errors import ContentError, Fault, UsageError, did_you_mean
from ripeness.locate import TomlFile, read_toml
from ripeness.priors.cited import Known, Table, parse
from ripeness.workspace import Workspace

FILE: Final = "scenarios.toml"
LONGEST: Final = 52  # weeks ahead


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
    toml, faults = read_toml(path, workspace.shown(path)), list[Fault]()
    known = Known({claim.id for claim in claims.claims}, ())
    references = {contract.factor: contract for contract in contracts.values() if contract.reference}
    own: dict[str, list[Path]] = {}
    for number in range(len(toml.data.get("path", []))):
        path_ = parse(Path, toml, faults, "path", number)
        if path_ is not None:
            own.setdefault(path_.scenario, []).append(path_)
            faults += _check_path(toml, ("path", number), path_, workspace, references)
    found: dict[str, Scenario] = {}
    for number in range(len(toml.data.get("scenario", []))):
        written = parse(_Written, toml, faults, "scenario", number)
        if written is None:
            continue
        key = ("scenario", number)
        faults += known.unknown(toml, key, "claims", written.claims)
        if written.id in found:
            faults.append(toml.fault((*key, "id"), f"'{written.id}' a second time", "each id once", "give it another id"))
        for one in written.includes:
            if one not in found:
                faults.append(
                    toml.fault((*key, "includes"), f"'{one}'", "a scenario that stands further up", did_you_mean(one, list(found)))
                )
        included = [found[one] for one in written.includes if one in found]
        paths = [*(path for one in included for path in one.paths), *own.get(written.id, [])]
        if not paths and not written.includes:
            faults.append(
                toml.fault(key, "no path", "a [[path]] of its own, or includes", f'add a [[path]] with scenario = "{written.id}"')
            )
        faults += _check_overlaps(toml, key, paths)
        cited = tuple(dict.fromkeys([*written.claims, *(claim for one in included for claim in one.claims)]))
        found[written.id] = Scenario(written.id, written.title, written.rationale, cited, tuple(paths), written.includes)
    for number, row in enumerate(toml.data.get("path", [])):
        if row.get("scenario") not in found:
            said, ids = row.get("scenario", ""), list(found)
            faults.append(toml.fault(("path", number, "scenario"), f"'{said}'", "the id of a [[scenario]]", did_you_mean(str(said), ids)))
    if faults:
        raise ContentError(faults)
    return found


def choose(scenarios: Mapping[str, Scenario], wanted: Sequence[str]) -> list[Scenario]:
    """The scenarios asked for, or all.

    Raises
    ------
    UsageError
        If one is not known.
    """
    for name in wanted:
        if name not in scenarios:
            raise UsageError(f"no scenario '{name}' in {FILE}: {did_you_mean(name, list(scenarios))}")
    return [scenarios[name] for name in wanted or scenarios]


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
