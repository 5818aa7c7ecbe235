"""Three files changed as one, and what an update of them leaves that was killed on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ripeness.data import transaction as transactions
from ripeness.data.transaction import writing

SHOWN = Path("data")
OLD = {"a.csv": b"a\r\n1\r\n", "b.csv": b"b\n", "c.csv": b"c\n"}
NEW = {"a.csv": b"a\r\n1\r\n2\r\n", "b.csv": b"b\n2\n", "d.csv": b"d\n"}
AFTER = OLD | NEW
COMPLETED = "An update that was interrupted has been completed: a.csv, b.csv, d.csv."
TAKEN_BACK = "An update that was interrupted has been taken back: nothing of it was kept."


def fill(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in OLD.items():
        (folder / name).write_bytes(content)
    return folder


def update(folder: Path, new: dict[str, bytes] = NEW, wait_seconds: float = 0.0) -> None:
    with writing(folder, SHOWN, wait_seconds) as transaction:
        for name, content in new.items():
            transaction.read(name)
            transaction.replace(name, content)


def interrupt(folder: Path, after_moves: int = 0) -> None:
    """Leave the folder as an update killed after so many files were replaced leaves it."""

    class Killed(BaseException):
        pass

    def die(*arguments: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transactions, "replay_journal", die)
        patch.setattr(transactions, "take_back", die)
        with pytest.raises(Killed):
            update(folder)
    for name in list(NEW)[:after_moves]:
        os.replace(folder / ".update" / f"new-{name}", folder / name)
