"""Files that are refused, each for one fault, and what is said of them: <name>.txt beside the file, compared exactly.

The name of a case says how its file is read: <stored, update, judged or import>-<name of the file>-<the fault>. The other files that belong to
the reading are the sound ones of `tests/fuzz/samples.py`.

To write the messages anew, after a look at why they differ: `python tests/fuzz/messages.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from messages import BROKEN, CASES, message_of


@pytest.fixture(autouse=True)
def pythons_own_recursion_limit() -> Iterator[None]:
    """How deep a file may nest hangs on the recursion limit, which libraries that other tests load raise for their own ends."""
    raised = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(raised)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_message(case: Path, tmp_path: Path) -> None:
    message = message_of(case, tmp_path)
    assert message != "read\n"
    assert message == case.with_suffix(".txt").read_text("utf-8")


def test_every_message_has_its_case() -> None:
    assert {path.stem for path in BROKEN.glob("*.txt")} == {path.stem for path in CASES}
