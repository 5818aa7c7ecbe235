"""Read essay.toml and claims.toml and report every fault in them, with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ripeness.errors import ContentError, Fault, did_you_mean
from ripeness.essay.entries import CARD_FILE, CLAIMS_FILE, Aside, Card, Claim, Claims, effects_of
from ripeness.workspace import Workspace
from ripeness.workspace.toml import TomlFile, parse_table, read_toml

FaultAt = Callable[[str, str, str, str], Fault]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_: Literal[1] = Field(alias="schema")
    claim: list[dict[str, Any]] = Field(min_length=1)
    aside: list[dict[str, Any]] = []


def read_claims(workspace: Workspace) -> Claims:
    """Read and check the essay's card and claims.

    Raises
    ------
    ContentError
        If a file is missing or wrong, with every fault and its line: unknown words and ids, ids given twice, effects that the workspace
        does not list, paragraphs outside the card's range, paragraphs of which nothing is said.
    """
    faults: list[Fault] = []
    card: Card | None = None
    try:
        card = parse_table(Card, _read(workspace, CARD_FILE))
    except ContentError as error:
        faults += error.faults
    try:
        toml = _read(workspace, CLAIMS_FILE)
        parse_table(_Document, toml)
    except ContentError as error:
        raise ContentError([*faults, *error.faults]) from None
    claims, wrong_claims = _parse_entries(Claim, toml, "claim")
    asides, wrong_asides = _parse_entries(Aside, toml, "aside")
    found = [*wrong_claims, *wrong_asides, *_repeated_ids(toml)]
    for number, claim in claims.items():
        found += _ids_and_form(claim, number, toml, workspace)
    if card:
        found += _paragraphs(card, toml)
    faults += sorted(found, key=lambda fault: fault.line or 0)
    if faults or card is None:
        raise ContentError(faults)
    return Claims(card, tuple(claims.values()), tuple(asides.values()), toml)


def _read(workspace: Workspace, name: str) -> TomlFile:
    path = workspace.seeds / name
    return read_toml(path, workspace.shown(path))


def _parse_entries[Entry: BaseModel](spec: type[Entry], toml: TomlFile, table: str) -> tuple[dict[int, Entry], list[Fault]]:
    """The sound entries by their number in the file, and the faults of the others."""
    sound: dict[int, Entry] = {}
    faults: list[Fault] = []
    for number in range(len(toml.data.get(table, []))):
        try:
            sound[number] = parse_table(spec, toml, table, number)
        except ContentError as error:
            faults += error.faults
    return sound, faults


def _repeated_ids(toml: TomlFile) -> Iterator[Fault]:
    # On the raw tables, so that an id is compared even where its entry has another fault.
    first: dict[object, int] = {}
    for number, entry in enumerate(toml.data["claim"]):
        name = entry.get("id")
        if not isinstance(name, str):
            continue
        if name in first:
            earlier = toml.line("claim", first[name], "id")
            yield toml.fault(
                ("claim", number, "id"), f"claim '{name}' a second time", f"each id once (line {earlier} has it)", "rename one of them"
            )
        first.setdefault(name, number)


def _paragraphs(card: Card, toml: TomlFile) -> Iterator[Fault]:
    seen: set[int] = set()
    for table in ("claim", "aside"):
        for number, entry in enumerate(toml.data.get(table, [])):
            paragraph = entry.get("paragraph")
            if type(paragraph) is not int:
                continue  # refused where the entry was parsed
            seen.add(paragraph)
            if not 1 <= paragraph <= card.paragraphs:
                yield toml.fault(
                    (table, number, "paragraph"),
                    f"paragraph {paragraph}",
                    f"1 to {card.paragraphs}, as {CARD_FILE} counts them",
                    "correct the number, or the card's 'paragraphs'",
                )
    for paragraph in sorted(set(range(1, card.paragraphs + 1)) - seen):
        yield Fault(
            toml.path,
            None,
            f"nothing on paragraph {paragraph}",
            "every paragraph accounted for",
            "add a [[claim]], or an [[aside]] that says why there is none",
        )


def _ids_and_form(claim: Claim, number: int, toml: TomlFile, workspace: Workspace) -> Iterator[Fault]:
    def fault(key: str, found: str, expected: str, mend: str) -> Fault:
        return toml.fault(("claim", number, key), f"claim '{claim.id}' {found}", expected, mend)

    known = True
    for key, name, ids in (("factor", claim.factor, workspace.factor_ids), ("condition", claim.condition, workspace.condition_ids)):
        if name is not None and name not in ids:
            known = False
            yield fault(key, f"on unknown {key} '{name}'", f"the id of a [[{key}]] of ripeness.toml", did_you_mean(name, ids))
    yield from _effect_form(claim, workspace, known, fault) if claim.about == "effect" else _state_form(claim, fault)


def _effect_form(claim: Claim, workspace: Workspace, known: bool, fault: FaultAt) -> Iterator[Fault]:
    if claim.state:
        yield fault("state", "about an effect with a state", "no state", "remove 'state', or say about = \"state\"")
    if claim.factor is None or claim.condition is None:
        missing = "factor" if claim.factor is None else "condition"
        yield fault("about", f"about an effect without a {missing}", "a factor and the condition it moves", f"add '{missing} = …'")
        return
    if not known:
        return
    factor = workspace.factors[workspace.factor_ids.index(claim.factor)]
    if factor.one_sided and claim.role is None:
        yield fault(
            "factor",
            f"on the one-sided factor '{factor.id}' without a role",
            "role = losing or winning",
            "say which side the condition's side is",
        )
        return
    if claim.role and not factor.one_sided:
        yield fault("role", f"with a role, though '{factor.id}' is not one-sided", "no role", "remove 'role'")
        return
    listed = effects_of(factor)
    if claim.effect not in listed:
        conditions = ", ".join(dict.fromkeys(effect.condition for effect in listed))
        yield fault(
            "condition",
            f"on an effect of '{factor.id}' on '{claim.condition}'",
            f"an effect that ripeness.toml lists ('{factor.id}' acts on {conditions})",
            "correct the condition, or list the effect in ripeness.toml",
        )


def _state_form(claim: Claim, fault: FaultAt) -> Iterator[Fault]:
    if claim.role:
        yield fault("role", "about a state with a role", "no role", "remove 'role', or say about = \"effect\"")
    if claim.state is None:
        yield fault("about", "about a state without one", "state = low, middle or high", "add 'state = …'")
    if (claim.factor is None) == (claim.condition is None):
        what = "neither a factor nor a condition" if claim.factor is None else "both a factor and a condition"
        yield fault("about", f"about a state of {what}", "one of the two", "name the one whose state the essay describes")
    elif claim.condition and (claim.state, claim.direction) in {("low", "+"), ("high", "-")}:
        yield fault(
            "direction",
            f"that condition '{claim.condition}' is {claim.state}, with direction {claim.direction}",
            "low with -, high with +",
            "correct 'state' or 'direction': talks need the condition",
        )
