"""TOML keys and their lines: what an error points at."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from ripeness.errors import MOST_REPORTED, ContentError, Fault
from ripeness.workspace.toml import TomlFile, parse_table, read_toml

TEXT = '''\
# a heading
schema = 1
note = """
[fake]
key = 2
"""
after = 3

[plain]
a.b = 1
"quoted key" = 2

[[thing]]
id = "first"
[thing.part]
size = 1

[[thing]]
id = "second"   # [comment]
text = \'\'\'one line\'\'\'
one = """one line as well"""
[thing.part]
size = 2
'''


def read(tmp_path: Path, text: str | bytes) -> TomlFile:
    path = tmp_path / "file.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_toml(path, Path("shown/file.toml"))


def fault_of(tmp_path: Path, text: str | bytes) -> Fault:
    with pytest.raises(ContentError) as caught:
        read(tmp_path, text)
    (fault,) = caught.value.faults
    assert fault.path == Path("shown/file.toml")
    return fault


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("schema",), 2),
        (("plain", "a"), 10),
        (("note",), 3),
        (("after",), 7),
        (("plain",), 9),
        (("plain", "a", "b"), 10),
        (("plain", "quoted key"), 11),
        (("thing", 0), 13),
        (("thing", 0, "id"), 14),
        (("thing", 0, "part"), 15),
        (("thing", 0, "part", "size"), 16),
        (("thing", 1), 18),
        (("thing", 1, "text"), 20),
        (("thing", 1, "one"), 21),
        (("thing", 1, "part", "size"), 23),
    ],
)
def test_each_key_has_its_line(tmp_path: Path, key: tuple[str | int, ...], line: int, newline: str, mark: bytes) -> None:
    assert read(tmp_path, mark + TEXT.replace("\n", newline).encode()).line(*key) == line


def test_what_stands_in_a_long_string_is_no_key(tmp_path: Path) -> None:
    toml = read(tmp_path, TEXT)
    assert ("fake",) not in toml.lines
    assert ("key",) not in toml.lines
    assert toml.data["after"] == 3


def test_a_key_that_is_not_there_has_the_line_of_its_table(tmp_path: Path) -> None:
    toml = read(tmp_path, TEXT)
    assert toml.line("thing", 1, "missing") == 18
    assert toml.line("nowhere") is None
    assert toml.fault(("thing", 1, "missing"), "a", "b", "c").line == 18


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a = 1\nb = \nc = 3\n", 2, "broken TOML"),
        ("a = 1\n[table\n", 2, "broken TOML"),
        ('a = 1\nb = """\nnever ends\n', 4, "broken TOML"),
        ("a = 1\na = 2\n", 2, "broken TOML"),
        (b"a = 1\nb = '\xff'\n", 2, "not UTF-8"),
    ],
)
def test_a_broken_file_names_its_line(tmp_path: Path, text: str | bytes, line: int, found: str) -> None:
    fault = fault_of(tmp_path, text)
    assert fault.line == line
    assert found in fault.found


@pytest.mark.parametrize("letter", ["\\u001b", "\\u0000", "\\u007f", "\\u009b", "\\u202e", "\\u2066", "\\r"])
def test_control_characters_are_refused_at_their_line(tmp_path: Path, letter: str) -> None:
    fault = fault_of(tmp_path, f'a = 1\n[[thing]]\ntitle = ["x", "y{letter}z"]\n')
    assert (fault.line, fault.found) == (3, "control characters in thing.0.title.1")
    assert fault_of(tmp_path, f'a = 1\n"b{letter}" = 2\n').expected == "text alone"
    assert read(tmp_path, 'a = """two\nlines\t\\t"""\n').data["a"] == "two\nlines\t\t"


@pytest.mark.parametrize("text", ["key{} = 1\n", "[table{}]\nx = 1\n"])
def test_a_huge_file_of_unknown_keys_is_refused_in_seconds(tmp_path: Path, text: str) -> None:
    begun = time.monotonic()
    for number, words in ((12_000, "12000 keys|24000 keys"), (400_000, "letters; expected at most")):
        with pytest.raises(ContentError, match=words):
            read(tmp_path, "".join(text.format(n) for n in range(number)))
    with pytest.raises(ContentError) as caught:
        parse_table(Spec, read(tmp_path, "x = {" + ", ".join(f"k{n} = 1" for n in range(30_000)) + "}\n"), "x")
    assert len(caught.value.faults) == MOST_REPORTED + 1 and "29902 more faults" in caught.value.faults[-1].found
    assert time.monotonic() - begun < 10.0


def test_a_missing_file_and_a_folder_are_distinguished(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="no such file"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(ContentError, match="a folder"):
        read_toml(tmp_path)


class Spec(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    size: int


def test_a_table_is_checked_with_all_its_faults_at_their_lines(tmp_path: Path) -> None:
    toml = read(tmp_path, '[[thing]]\nid = "x"\nsize = 1\n[[thing]]\nsize = "big"\nsiez = 2\n')
    assert parse_table(Spec, toml, "thing", 0) == Spec(id="x", size=1)
    with pytest.raises(ContentError) as caught:
        parse_table(Spec, toml, "thing", 1)
    faults = {fault.line: fault for fault in caught.value.faults}
    assert set(faults) == {4, 5, 6}
    assert faults[4].found == "no 'id'"
    assert "'big'" in faults[5].found
    assert faults[6].mend == "did you mean 'size'?"


def test_a_fault_reads_as_a_sentence() -> None:
    fault = Fault(Path("a") / "b.toml", 7, "this", "that", "do so")
    assert str(fault) == "a/b.toml, line 7: found this; expected that. To mend: do so."
    assert str(Fault(Path("b.toml"), None, "this", "that", "do so")).startswith("b.toml: found")
