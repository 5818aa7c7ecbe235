"""Files that are refused, each for one fault, and what is said of them: <name>.txt beside the file, compared exactly.

The name of a case says how its file is read: <stored, update or import>-<name of the file>-<the fault>. The other files that belong to
the reading are the sound ones of `tests/fuzz/samples.py`.

To write the messages anew, after a look at why they differ: `python tests/broken/test_broken.py`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "fuzz"))

from readers import READERS, open_bench, reader_of, try_reading  # noqa: E402

CASES = sorted(path for path in HERE.iterdir() if path.suffix != ".txt" and path.stem.count("-") > 1)


def message_of(case: Path, folder: Path) -> str:
    """What is said of a case, read in an empty folder."""
    kind, _, rest = case.stem.partition("-")
    reader, name = reader_of(kind, rest.rpartition("-")[0] + case.suffix)
    files = {file: text.encode() for file, text in READERS[reader][0].items()} | {name: case.read_bytes()}
    refusal = try_reading(open_bench(folder), reader, files)
    return f"{refusal}\n" if refusal else "read\n"


@pytest.fixture(autouse=True)
def pythons_own_recursion_limit() -> Iterator[None]:
    """How deep a file may nest hangs on the recursion limit, which libraries that other tests load raise for their own ends."""
    raised = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(raised)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_message(case: Path, tmp_path: Path) -> None:
    said = message_of(case, tmp_path)
    assert said != "read\n"
    assert said == case.with_suffix(".txt").read_text("utf-8")


def test_every_message_has_its_case() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == {path.stem for path in CASES}


if __name__ == "__main__":
    for path in CASES:
        with tempfile.TemporaryDirectory() as empty:
            path.with_suffix(".txt").write_text(message_of(path, Path(empty)), "utf-8")
