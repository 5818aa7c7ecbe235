"""The elicitation as people write it: quantiles in natural units with their sources, read from the files of priors/ and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ripeness.data.events import CLASSES, TIED
from ripeness.data.indicators import Contract
from ripeness.elicitation import cited, other_wars, readings, reference
from ripeness.elicitation import words as strength
from ripeness.elicitation.cited import Citation, KnownIds, first_under, read_citations, tables_of
from ripeness.elicitation.families import FAMILIES
from ripeness.elicitation.other_wars import OtherWars, combine_effects, read_other_wars
from ripeness.elicitation.readings import EffectPrior, build_effects, read_effects
from ripeness.elicitation.reference import ReferenceCurve, build_reference, read_reference_rows
from ripeness.elicitation.tables import Announced, Grades, Placed, TableReader, Tails
from ripeness.elicitation.words import Strengths, read_strengths
from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.essay import Claims
from ripeness.files import with_lf
from ripeness.names import OTHER_WARS, TEMPERED
from ripeness.workspace import Workspace
from ripeness.workspace.toml import Key, TomlFile, read_toml

FACTORS, LOADINGS, HAZARD = "factors.toml", "loadings.toml", "hazard.toml"
TOML_FILES = (cited.FILE, FACTORS, HAZARD, LOADINGS, readings.FILE, strength.FILE)
FILES = tuple(sorted((*TOML_FILES, other_wars.FILE, reference.FILE)))
MAY_LACK = (other_wars.FILE,)
LEAD = ("median", "spread")  # of the time from an announcement to its day
RATED = (
    "rung_rate",
    "rung_exponent",
    "rung_active",
    "rung_dispersion",
)  # tables of hazard.toml with an entry for each rung with conditions
TRACK_RECORD = "track_record"  # the table of hazard.toml that a workspace may do without
ANNOUNCED = ("kept", "recorded", "share_announced", "class_split", "lead")  # tables of hazard.toml on announced meetings

# the family in which the model takes each quantity, by the first part of its name
FAMILY_OF = {
    **dict.fromkeys(
        (
            *("half_life", "factor_scale", "level", "pulse", "loading", "noise", "dispersion", "rhythm", "war_level"),
            *("best_to_worst", "cause_weight", "lead"),
        ),
        "lognormal",
    ),
    **dict.fromkeys(RATED, "lognormal"),
    **dict.fromkeys(
        ("share_open", "kept", "recorded", "share_announced", "class_split", "capture", "rung_share", "bridge_share"), "logitnormal"
    ),
    **dict.fromkeys(("level_start", "intercept", "interaction", TRACK_RECORD), "normal"),
}


@dataclass(frozen=True)
class PriorFiles:
    """All of priors/, checked, before any distribution is fitted.

    Parameters
    ----------
    entries : dict
        By dotted name, "half_life.<factor>", in the order of the files.
    shared : dict
        Needed name to the name of the default entry it uses.
    overrides : dict
        Reading to the entries that it has of its own, by the name they override.
    effects : dict
        Reading to the priors of its weights, in model order.
    other_wars : OtherWars or None
        How those tempered by other wars came about; None where there is no such reading.
    reference : ReferenceCurve
        All classes of dormancy.
    rhythm_weeks : tuple of int
        Dormancies of the rhythm entries, rising.
    factor_tails, noise_tails : float
        Degrees of freedom of factors with shocks, and of the measurement noise.
    grades : dict
        Grade to the multiple of its noise.
    named_week_share : float
        Share of an announced meeting's odds that falls in the week it is set for.
    hash : str
        SHA-256 over the texts of the files.
    """

    entries: Mapping[str, Placed]
    shared: Mapping[str, str]
    overrides: Mapping[str, Mapping[str, Placed]]
    effects: Mapping[str, tuple[EffectPrior, ...]]
    other_wars: OtherWars | None
    reference: ReferenceCurve
    rhythm_weeks: tuple[int, ...]
    factor_tails: float
    noise_tails: float
    grades: Mapping[str, float]
    named_week_share: float
    strengths: Strengths
    citations: Mapping[str, Citation]
    hash: str


def read_priors(workspace: Workspace, claims: Claims, contracts: Mapping[str, Contract]) -> PriorFiles:
    """Read and check every file of priors/ against the workspace's factors and conditions, the claims and the contracts.

    Raises
    ------
    ContentError
        With the file and line of everything that is wrong: quantiles out of order or of support, unknown families and ids, entries missing
        or used by nothing.
    """
    faults: list[Fault] = []
    tomls = _read_files(workspace, faults)
    ledger = {claim.id: claim for claim in claims.claims}
    citations = read_citations(workspace, tomls[cited.FILE], faults)
    known = KnownIds(claims=ledger, citations=tables_of(tomls[cited.FILE]))
    reader = TableReader(tomls, known, faults)
    tails = _read_factors(reader, workspace, contracts)
    robust, grades = _read_loadings(reader, contracts)
    announced, rhythm_weeks, overrides = _read_hazard(reader, workspace)
    faults += _families([*reader.entries.values(), *(placed for own in overrides.values() for placed in own.values())])
    words = _words(tomls[readings.FILE], claims)
    strengths = read_strengths(tomls[strength.FILE], known, words, faults)
    specs = read_effects(workspace, tomls[readings.FILE], ledger, strengths, known, faults)
    analogues = read_other_wars(workspace, ledger, known, faults)
    rows = read_reference_rows(workspace, known.citations, faults)
    known.used.update(row.citation for row in rows)
    reader.only(strength.FILE, ("table", "listed", "read_as"))
    reader.only(readings.FILE, ("effect",))
    reader.only(cited.FILE, tables_of(tomls[cited.FILE]))
    for name in citations:
        if name not in known.used:
            faults.append(
                tomls[cited.FILE].fault((name,), f"citation '{name}', which nothing cites", "citations in use", "cite it or remove it")
            )
    if faults or not (tails and robust and grades and announced):
        raise ContentError(sorted(faults, key=lambda fault: (fault.path.as_posix(), fault.line or 0)))
    effects, found = build_effects(specs, ledger, strengths), None
    if analogues:
        total = overrides[TEMPERED].get("best_to_worst", reader.entries["best_to_worst"])
        found = combine_effects(effects[TEMPERED], analogues, total.entry.q50)
        effects[OTHER_WARS] = found.effects
    return PriorFiles(
        entries=reader.entries,
        shared=reader.shared,
        overrides=overrides,
        effects=effects,
        other_wars=found,
        reference=build_reference(rows),
        rhythm_weeks=rhythm_weeks,
        factor_tails=tails.df,
        noise_tails=robust.df,
        grades={"A": grades.A, "B": grades.B, "C": grades.C},
        named_week_share=announced.named_week_share,
        strengths=strengths,
        citations=citations,
        hash=hash_priors(workspace),
    )


def hash_priors(workspace: Workspace) -> str:
    """SHA-256 over the names and texts of the files of priors/, in the order of their names; blind to the kind of line ends."""
    digest = sha256()
    for name in (one for one in FILES if one not in MAY_LACK or (workspace.priors / one).is_file()):
        content = with_lf((workspace.priors / name).read_bytes())
        digest.update(f"{name}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _read_files(workspace: Workspace, faults: list[Fault]) -> dict[str, TomlFile]:
    """The TOML files; if one cannot be read at all the others are not checked against it."""
    tomls = {}
    for name in TOML_FILES:
        try:
            tomls[name] = read_toml(workspace.priors / name, workspace.shown(workspace.priors / name))
        except ContentError as error:
            faults += error.faults
    if faults:
        raise ContentError(faults)
    return tomls


def _families(entries: Sequence[Placed]) -> Iterator[Fault]:
    """Entries of another family than the model's own, whose quantiles it would read on another scale."""
    for placed in entries:
        family, needed = placed.entry.family, FAMILY_OF[placed.name.split(".")[0]]
        if family in FAMILIES and family != needed:
            found = f"family '{family}' of {placed.name}"
            yield placed.toml.fault(
                (*placed.key, "family"), found, f"'{needed}'", f'write family = "{needed}"; the model has no other here'
            )


def _words(toml: TomlFile, claims: Claims) -> set[str]:
    """Words that need a probability: of claims of effects, and of the tempered reading."""
    words = {str(claim.strength) for claim in claims.claims if claim.about == "effect"}
    tempered = (effect.get("tempered", {}) for effect in toml.data.get("effect", []))
    return words | {str(table["strength"]) for table in tempered if isinstance(table, dict) and "strength" in table}


def _read_factors(reader: TableReader, workspace: Workspace, contracts: Mapping[str, Contract]) -> Tails | None:
    seen = {contract.factor for contract in contracts.values()}
    reader.table(FACTORS, ("half_life",), workspace.factor_ids)
    reader.table(FACTORS, ("factor_scale",), [factor for factor in workspace.factor_ids if factor in seen])
    reader.table(FACTORS, ("level",), [factor.id for factor in workspace.factors if factor.level])
    reader.table(FACTORS, ("level_start",), [factor.id for factor in workspace.factors if factor.level])
    reader.table(FACTORS, ("pulse",), [factor.id for factor in workspace.factors if factor.pulse])
    reader.only(FACTORS, ("half_life", "factor_scale", "level", "level_start", "pulse", "tails"))
    return reader.constant(FACTORS, "tails", Tails)


def _read_loadings(reader: TableReader, contracts: Mapping[str, Contract]) -> tuple[Tails | None, Grades | None]:
    counts = [name for name, contract in contracts.items() if contract.is_count]
    loaded = [name for name, contract in contracts.items() if not contract.reference]
    eras = {name: [era.id for era in contract.eras] for name, contract in contracts.items() if contract.eras}
    reader.table(LOADINGS, ("loading",), loaded)
    reader.table(LOADINGS, ("intercept",), loaded)
    reader.table(LOADINGS, ("noise",), [name for name in contracts if name not in counts])
    reader.table(LOADINGS, ("dispersion",), counts)
    toml = reader.tomls[LOADINGS]
    for name in tables_of(toml, "capture"):
        if name not in eras:
            reader.faults.append(
                toml.fault(
                    first_under(toml, ("capture", name)), f"[capture.{name}]", "an indicator with eras", did_you_mean(name, list(eras))
                )
            )
    for name, ids in eras.items():
        reader.table(LOADINGS, ("capture", name), ids)
    reader.only(LOADINGS, ("loading", "intercept", "noise", "dispersion", "capture", "grades", "robust"))
    return reader.constant(LOADINGS, "robust", Tails), reader.constant(LOADINGS, "grades", Grades)


def _read_hazard(reader: TableReader, workspace: Workspace) -> tuple[Announced | None, tuple[int, ...], dict[str, dict[str, Placed]]]:
    toml = reader.tomls[HAZARD]
    knots = [f"week_{week}" for week in range(1, workspace.question.active_weeks + 1)]
    given = [name for name in tables_of(toml, "rhythm") if name in knots] or [knots[0], knots[-1]]
    reader.table(HAZARD, ("rhythm",), given)
    reader.table(HAZARD, ("share_open",), workspace.condition_ids)
    reader.table(HAZARD, ("cause_weight",), workspace.condition_ids)
    rated, nested = [[rung.id for rung in rungs] for rungs in (workspace.rated_rungs, workspace.nested_rungs)]
    announced = (("kept", CLASSES), ("recorded", TIED), ("class_split", TIED[:-1]), ("lead", LEAD))
    for name, ids in (*announced, *((name, rated) for name in RATED), ("rung_share", nested)):
        reader.table(HAZARD, (name,), ids)
    optional = (TRACK_RECORD,) if TRACK_RECORD in toml.data else ()
    for name in ("war_level", *optional, "best_to_worst", "share_announced"):
        if isinstance(toml.data.get(name), dict):
            reader.entry(HAZARD, (name,), name, reader.entries)
        else:
            reader.faults.append(toml.fault((name,), f"no [{name}]", "an entry for it", f"add [{name}] with its quantiles"))
    _read_interactions(reader, workspace)
    _read_bridge_shares(reader, workspace)
    overrides: dict[str, dict[str, Placed]] = {reading: {} for reading in (TEMPERED, OTHER_WARS)}
    for reading, own in overrides.items():
        for key in _overriding(toml, reading):
            name, shown = ".".join(map(str, key[1:])), f"[{'.'.join(map(str, key))}]"
            if reading not in workspace.readings:
                mend = f"add {workspace.shown(workspace.priors / other_wars.FILE)}, or remove the table"
                reader.faults.append(toml.fault(key, f"{shown}, of a reading that there is not", "entries of readings in use", mend))
            elif name in reader.entries and toml.line(*key[1:]):
                reader.entry(HAZARD, key, name, own)
            else:
                reader.faults.append(toml.fault(key, shown, "an entry of this file", did_you_mean(name, list(reader.entries))))
    of_conditions = ("share_open", "cause_weight", "best_to_worst", "interaction")
    known = (
        *("rhythm", "war_level", TRACK_RECORD, *of_conditions, *ANNOUNCED, *RATED),
        *("rung_share", "bridge_share", "announced", TEMPERED, OTHER_WARS),
    )
    reader.only(HAZARD, known)
    weeks = tuple(sorted(int(name.removeprefix("week_")) for name in given))
    return reader.constant(HAZARD, "announced", Announced), weeks, overrides


def _read_interactions(reader: TableReader, workspace: Workspace) -> None:
    """[interaction.<condition>.<factor>_x_<factor>], of which there need be none."""
    toml, ids = reader.tomls[HAZARD], workspace.factor_ids
    known = {condition: [f"{a}_x_{b}" for a in ids for b in ids if a != b] for condition in workspace.condition_ids}
    for condition in tables_of(toml, "interaction"):
        for pair in tables_of(toml, "interaction", condition):
            name = f"interaction.{condition}.{pair}"
            if pair in known.get(condition, ()):
                reader.entry(HAZARD, ("interaction", condition, pair), name, reader.entries)
                continue
            mend = did_you_mean(pair, known[condition]) if condition in known else did_you_mean(condition, list(known))
            reader.faults.append(
                toml.fault(("interaction", condition, pair), f"[{name}]", "[interaction.<condition>.<factor>_x_<factor>]", mend)
            )


def _read_bridge_shares(reader: TableReader, workspace: Workspace) -> None:
    """[bridge_share.<bridge>], of which a bridge that counts what its rung counts has none."""
    toml, bridges = reader.tomls[HAZARD], [bridge.id for bridge in workspace.bridges]
    for name in tables_of(toml, "bridge_share"):
        if name in bridges:
            reader.entry(HAZARD, ("bridge_share", name), f"bridge_share.{name}", reader.entries)
            continue
        found = f"[bridge_share.{name}], which no bridge uses"
        reader.faults.append(toml.fault(("bridge_share", name), found, "the id of a [[bridge]]", did_you_mean(name, bridges)))


def _overriding(toml: TomlFile, reading: str) -> list[Key]:
    """[tempered.best_to_worst] and [tempered.share_open.<condition>], or of another reading: the tables that hold quantiles, however deep."""
    keys: list[Key] = []
    for name in tables_of(toml, reading):
        inner = tables_of(toml, reading, name)
        keys += [(reading, name, deeper) for deeper in inner] or [(reading, name)]
    return keys
