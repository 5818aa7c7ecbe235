"""What an interrupted update leaves is completed or taken back by the next command; what was changed by hand or is damaged is reported and left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from three_files import AFTER, COMPLETED, NEW, OLD, SHOWN, TAKEN_BACK, fill, interrupt, update

from ripeness.data.transaction import reading, writing
from ripeness.errors import ContentError

Tree = Callable[[Path], dict[str, bytes | None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "data")


@pytest.mark.parametrize("moves", range(4))
def test_what_counts_is_completed_by_the_next_reader(folder: Path, moves: int, tree_of: Tree, caplog: pytest.LogCaptureFixture) -> None:
    interrupt(folder, moves)
    with reading(folder, SHOWN) as report:
        assert report == COMPLETED
        assert tree_of(folder) == AFTER
    assert caplog.messages == [COMPLETED]
    with reading(folder, SHOWN) as report:
        assert report is None


@pytest.mark.parametrize("moves", range(4))
def test_what_was_being_taken_back_is_taken_back(folder: Path, moves: int, tree_of: Tree) -> None:
    interrupt(folder, moves)
    (folder / ".update/journal.json").rename(folder / ".update/undo.json")
    with reading(folder, SHOWN) as report:
        assert (report, tree_of(folder)) == (TAKEN_BACK, OLD)


def test_what_never_counted_is_discarded(folder: Path, tree_of: Tree) -> None:
    interrupt(folder)
    (folder / ".update/journal.json").rename(folder / ".update/journal.json.part")
    with reading(folder, SHOWN) as report:
        assert (report, tree_of(folder)) == (TAKEN_BACK, OLD)


def test_a_link_in_the_place_of_what_is_staged_is_removed_and_its_target_left_alone(folder: Path, tmp_path: Path, tree_of: Tree) -> None:
    victims = tmp_path / "elsewhere"
    victims.mkdir()
    (victims / "journal.json").write_text("precious")
    before, data = tree_of(victims), tree_of(folder)
    for use in (reading, writing):
        (folder / ".update").symlink_to(victims)
        with use(folder, SHOWN):
            pass
        assert (tree_of(victims), tree_of(folder)) == (before, data)


def test_the_next_writer_recovers_too(folder: Path) -> None:
    interrupt(folder, 1)
    with writing(folder, SHOWN) as transaction:
        assert transaction.recovered == COMPLETED
        assert transaction.read("b.csv") == NEW["b.csv"]


@pytest.mark.parametrize("back", [False, True])
def test_a_file_changed_by_hand_in_between_is_never_overwritten(folder: Path, back: bool, tree_of: Tree) -> None:
    interrupt(folder, 1)
    if back:
        (folder / ".update/journal.json").rename(folder / ".update/undo.json")
    (folder / "b.csv").write_bytes(b"by hand")
    before = tree_of(folder)
    words = r"data/b\.csv: found a file changed by hand during an update.*move your file out of the folder"
    with pytest.raises(ContentError, match=words), reading(folder, SHOWN):
        pass
    with pytest.raises(ContentError, match=words):
        update(folder)
    assert {name: content for name, content in tree_of(folder).items() if name != ".update/writer"} == {
        name: content for name, content in before.items() if name != ".update/writer"
    }
    (folder / "b.csv").unlink()  # the mend
    with reading(folder, SHOWN):
        assert tree_of(folder) == (OLD if back else AFTER)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda staging: (staging / "new-b.csv").write_bytes(b"half"), r"data/\.update/new-b\.csv: found no file or a changed one"),
        (lambda staging: (staging / "new-b.csv").unlink(), r"data/\.update/new-b\.csv: found no file or a changed one"),
        (lambda staging: (staging / "journal.json").write_bytes(b"{"), r"data/\.update/journal\.json: found a journal that cannot be read"),
        (
            lambda staging: (staging / "journal.json").write_bytes((staging / "journal.json").read_bytes().replace(b"b.csv", b"../b.csv")),
            "a journal that cannot be read",
        ),
        (
            lambda staging: (staging / "journal.json").write_bytes(
                (staging / "journal.json").read_bytes().replace(b'"version": 1', b'"version": 2')
            ),
            "a journal that cannot be read",
        ),
    ],
    ids=["changed", "missing", "broken journal", "foreign name", "other version"],
)
def test_what_is_damaged_is_reported_and_left(folder: Path, spoil: Callable[[Path], object], words: str) -> None:
    interrupt(folder, 1)
    spoil(folder / ".update")
    with pytest.raises(ContentError, match=words), reading(folder, SHOWN):
        pass
    assert (folder / "a.csv").read_bytes() == NEW["a.csv"] and (folder / "b.csv").read_bytes() == OLD["b.csv"]


def test_a_file_changed_by_hand_during_the_update_stops_it(folder: Path, tree_of: Tree) -> None:
    def update_slowly() -> None:
        with writing(folder, SHOWN) as transaction:
            transaction.read("c.csv")  # what the update builds on, though it does not replace it
            transaction.replace("a.csv", b"new")
            (folder / "c.csv").write_bytes(b"by hand")

    with pytest.raises(ContentError, match=r"data/c\.csv: found a file changed by hand"):
        update_slowly()
    assert tree_of(folder) == OLD | {"c.csv": b"by hand"}
