"""Read TOML safely and know on which line each key stands, so that an error can point at it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ripeness.errors import MOST_REPORTED, ContentError, Fault, did_you_mean, has_controls
from ripeness.files import read_text

MOST_LETTERS, MOST_KEYS = 2**21, 10_000  # of a file that a person edits
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_TRIPLE = re.compile(r'"""|' + r"'''")
_POSITION = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")

Key = tuple[str | int, ...]


@dataclass(frozen=True)
class TomlFile:
    """A TOML document with the line of each of its keys.

    Parameters
    ----------
    path : Path
        The file, relative to the workspace where it lies in one.
    data : mapping
        What the file says.
    lines : dict
        Line of each key path, counted from 1; elements of arrays of tables are numbered from 0.
    """

    path: Path
    data: Mapping[str, Any]
    lines: Mapping[Key, int] = field(repr=False)

    def line(self, *key: str | int) -> int | None:
        """The line of `key`; of a table that only its keys name, of the first of these; or of the nearest table above it."""
        for length in range(len(key), 0, -1):
            found = self.lines.get(key[:length]) or self._below.get(key[:length])
            if found:
                return found
        return None

    @cached_property
    def _below(self) -> dict[Key, int]:
        """The first line of what lies below each key."""
        first: dict[Key, int] = {}
        for known, line in self.lines.items():
            for length in range(1, len(known)):
                first[known[:length]] = min(line, first.get(known[:length], line))
        return first

    def fault(self, key: Key, found: str, expected: str, mend: str) -> Fault:
        """A fault at `key` of this file."""
        return Fault(self.path, self.line(*key), found, expected, mend)


def read_toml(path: Path, shown: Path | None = None) -> TomlFile:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
        The file to read.
    shown : Path, optional
        How to name it in errors; `path` unless given.

    Raises
    ------
    ContentError
        If the file is missing, too large, not UTF-8, not TOML, or a key or text of it has control characters; with the line.
    """
    shown = shown or path
    text = read_text(path, shown, "a TOML file")
    if len(text) > MOST_LETTERS:
        found, expected = f"{len(text)} letters", f"at most {MOST_LETTERS}"
        raise ContentError(Fault(shown, None, found, expected, "take out what does not belong here"))
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = _POSITION.search(message)
        line = int(position.group(1)) if position and position.group(1) else text.count("\n") + 1
        reason = _POSITION.sub("", message).strip()
        raise ContentError(Fault(shown, line, f"broken TOML ({reason})", "valid TOML", "correct this line or the one above it")) from None
    except (RecursionError, ValueError) as error:  # the parser's own limits, which name no place
        reason = "nested too deeply" if isinstance(error, RecursionError) else "a number or date beyond all bounds"
        raise ContentError(Fault(shown, None, f"TOML that cannot be read ({reason})", "valid TOML", "undo the last change")) from None
    toml = TomlFile(shown, data, _lines_of_keys(text))
    if len(toml.lines) > MOST_KEYS:
        raise ContentError(Fault(shown, None, f"{len(toml.lines)} keys", f"at most {MOST_KEYS}", "take out what does not belong here"))
    steering = [toml.fault(key, f"control characters in {'.'.join(map(str, key))}", "text alone", "remove them") for key in _controls(data)]
    if steering:
        raise ContentError(steering[:MOST_REPORTED])
    return toml


def _controls(content: Any, key: Key = ()) -> Iterator[Key]:
    """Where a key or a text has control characters."""
    if isinstance(content, Mapping):
        for name, inside in content.items():
            yield from [(*key, name)] if has_controls(name) else _controls(inside, (*key, name))
    elif isinstance(content, list):
        for number, inside in enumerate(content):
            yield from _controls(inside, (*key, number))
    elif isinstance(content, str) and has_controls(content):
        yield key


def _split(dotted: str) -> Key:
    parts = re.findall(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""", dotted)
    return tuple(part.strip("\"'") for part in parts)


def _lines_of_keys(text: str) -> dict[Key, int]:
    """Scan the text for table headers and keys; multi-line strings are passed over."""
    lines: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    inside: str | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        if inside:
            if raw.count(inside) % 2:
                inside = None
            continue
        header = _HEADER.match(raw)
        if header:
            key = _split(header.group(2))
            if header.group(1) == "[[":
                counts[key] = counts.get(key, -1) + 1
                table = (*key, counts[key])
                lines.setdefault(key, number)
            else:
                table = _under_last_element(key, counts)
            lines.setdefault(table, number)
            continue
        found = _KEY.match(raw)
        if found:
            lines.setdefault((*table, *_split(found.group(1))), number)
        for mark in _TRIPLE.findall(raw):
            inside = None if inside == mark else (inside or mark)
    return lines


def _under_last_element(key: Key, counts: Mapping[Key, int]) -> Key:
    """[a.b] below [[a]] belongs to a's newest element."""
    for length in range(len(key), 0, -1):
        if key[:length] in counts:
            return (*key[:length], counts[key[:length]], *key[length:])
    return key


def parse_table[Spec: BaseModel](spec: type[Spec], toml: TomlFile, *key: str | int) -> Spec:
    """Check one table of a TOML file against its pydantic specification.

    Parameters
    ----------
    spec : type of BaseModel
        What the table must be; unknown keys are refused with the nearest known one.
    toml : TomlFile
        The file.
    *key : str or int
        Path of the table; none for the whole document.

    Raises
    ------
    ContentError
        With a fault for each thing that is wrong, at its line.
    """
    table: Any = toml.data
    for part in key:
        table = table[part]
    try:
        return spec.model_validate(table)
    except ValidationError as error:
        details = error.errors()
        faults = [_fault_of(spec, toml, key, detail) for detail in details[:MOST_REPORTED]]
        if len(details) > MOST_REPORTED:
            faults.append(toml.fault(key, f"{len(details) - MOST_REPORTED} more faults", "none", "mend them likewise"))
        raise ContentError(faults) from None


def _fault_of(spec: type[BaseModel], toml: TomlFile, key: Key, detail: Any) -> Fault:
    where: Key = (*key, *detail["loc"])
    name = ".".join(str(part) for part in where) or "the file"
    match detail["type"]:
        case "missing":
            return toml.fault(where[:-1], f"no '{where[-1]}'", f"a value for {name}", f"add '{where[-1]} = …'")
        case "extra_forbidden":
            known = [field.alias or field_name for field_name, field in _spec_of(spec, detail["loc"][:-1]).model_fields.items()]
            return toml.fault(where, f"unknown key '{where[-1]}'", "a known key", did_you_mean(str(where[-1]), known))
        case _:
            expected = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
            return toml.fault(where, f"{name} = {detail['input']!r}", expected, "correct the value")


def _spec_of(spec: type[BaseModel], where: Key) -> type[BaseModel]:
    """The specification of the table at `where` inside `spec`: of a list of tables, that of its elements."""
    for part in where:
        here = [known.annotation for name, known in spec.model_fields.items() if part in (name, known.alias)]
        spec = next((found for annotation in here for found in _models_in(annotation)), spec)
    return spec


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
