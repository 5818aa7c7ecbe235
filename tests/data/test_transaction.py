"""Files change together or not at all, one writer at a time; what the disk or another program spoils is reported and nothing is lost."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from three_files import AFTER, COMPLETED, NEW, OLD, SHOWN, TAKEN_BACK, fill, interrupt, update

from ripeness.data import transaction as transactions
from ripeness.data.transaction import reading, writing
from ripeness.data.vintages import read_store
from ripeness.errors import ContentError, RipenessError
from ripeness.files import BusyError
from ripeness.workspace import Workspace

Tree = Callable[[Path], dict[str, bytes | None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "data")


# --- all or nothing ---------------------------------------------------------------------------------------------------------------------


def test_everything_staged_is_in_place_on_leaving(folder: Path, tree_of: Tree) -> None:
    with writing(folder, SHOWN) as transaction:
        assert (transaction.read("a.csv"), transaction.read("d.csv")) == (OLD["a.csv"], None)
        for name, content in NEW.items():
            transaction.replace(name, content)
        assert {path.name: path.read_bytes() for path in folder.glob("*.csv")} == OLD
        assert transaction.read("a.csv") == OLD["a.csv"]
    assert tree_of(folder) == AFTER


def test_nothing_is_left_of_an_update_that_raises(folder: Path, tree_of: Tree) -> None:
    def fail() -> None:
        with writing(folder, SHOWN) as transaction:
            transaction.replace("a.csv", b"spoilt")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert tree_of(folder) == OLD


def test_nothing_new_touches_nothing(folder: Path) -> None:
    before = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}
    update(folder, OLD)
    with writing(folder, SHOWN):
        pass
    assert {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()} == before


def test_the_disk_has_each_step_before_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(file: int) -> None:
        fsync(file)
        steps.append(next(path.name for path in (folder, *folder.rglob("*")) if path.stat().st_ino == os.fstat(file).st_ino))

    def note_replace(source: Path, target: Path) -> None:
        replace(source, target)
        steps.append(f"{source.name} > {target.name}")

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    update(folder, NEW | {"c.csv": OLD["c.csv"]})  # what is not new is left out
    contents = ["old-a.csv", "new-a.csv", "old-b.csv", "new-b.csv", "new-d.csv", "journal.json.part", ".update", "data"]
    moves = ["new-a.csv > a.csv", "new-b.csv > b.csv", "new-d.csv > d.csv", "data"]
    assert steps == ["writer", *contents, "journal.json.part > journal.json", ".update", *moves, "data"]


def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_all(folder: Path, tree_of: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, content: real(file, content[:3]))
    update(folder)
    assert tree_of(folder) == AFTER


def test_permissions_stay_and_a_new_file_has_the_usual_ones(folder: Path) -> None:
    (folder / "a.csv").chmod(0o640)
    (folder / "b.csv").chmod(0o444)
    (folder / "usual").touch()
    update(folder)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert (modes["a.csv"], modes["b.csv"], modes["d.csv"]) == (0o640, 0o444, modes["usual"])


def test_a_linked_folder_is_the_folder(folder: Path, tmp_path: Path, tree_of: Tree) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    update(link)
    assert link.is_symlink() and tree_of(folder) == AFTER
    with writing(folder, SHOWN), reading(link, SHOWN) as report:
        assert report is None
    (folder / "d.csv").unlink()
    interrupt(link)
    with reading(folder, SHOWN):
        assert tree_of(folder) == AFTER


def test_a_linked_file_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "a.csv", tmp_path / "elsewhere.csv")
    (folder / "a.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(ContentError, match=r"data/a\.csv: found a link"):
        update(folder)
    assert (folder / "a.csv").is_symlink()


@pytest.mark.parametrize("name", ["", ".", "..", ".update", "x/a.csv", "/a.csv", "../a.csv", "x\\a.csv", "a\0.csv"])
def test_only_plain_names_are_taken(folder: Path, name: str, tree_of: Tree) -> None:
    with writing(folder, SHOWN) as transaction:
        with pytest.raises(ValueError, match="plain name"):
            transaction.replace(name, b"")
        with pytest.raises(ValueError, match="plain name"):
            transaction.read(name)
    assert tree_of(folder) == OLD


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="data: found no such folder"), writing(tmp_path / "none", SHOWN):
        pass
    with pytest.raises(ContentError, match="data: found no such folder"), reading(tmp_path / "none", SHOWN):
        pass


# --- the disk refuses -------------------------------------------------------------------------------------------------------------------

TAKING_SPACE = ("open", "write", "fsync", "replace", "mkdir")


def refuse(patch: pytest.MonkeyPatch, at: int, stays: bool, number: int = errno.ENOSPC, calls: tuple[str, ...] = TAKING_SPACE) -> list[int]:
    """Let the n-th of some system calls fail, or all from it on; the list holds how many were made."""
    made = [0]

    def patched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **options)
            made[0] += 1
            if made[0] == at or (stays and made[0] > at):
                raise OSError(number, os.strerror(number))
            return real(*arguments, **options)

        return step

    for name in calls:
        patch.setattr(os, name, patched(name, getattr(os, name)))
    return made


def update_refused(folder: Path, at: int, stays: bool) -> tuple[bool, str]:
    """Update on a disk that is full at the n-th call that takes space; whether there was such a call, and the message."""
    message = ""
    with pytest.MonkeyPatch.context() as patch:
        made = refuse(patch, at, stays)
        try:
            update(folder)
        except RipenessError as error:
            message = str(error)
    return made[0] >= at, message


def test_a_disk_full_at_any_one_call_leaves_the_old_files(tmp_path: Path, tree_of: Tree) -> None:
    silent = []
    for at in range(1, 1000):
        folder = fill(tmp_path / str(at))
        refused, message = update_refused(folder, at, stays=False)
        if message:
            assert "data: no space left on the device: nothing was changed" in message
        else:
            silent.append(refused)
        assert tree_of(folder) == (OLD if message else AFTER), at
        if not refused:
            break
    assert silent == [True, False]  # the last fsync of all, once the files are in their places and `.update/` is gone; and no call more
    assert at > 25


def test_a_disk_that_stays_full_leaves_old_or_new_files_and_says_which(tmp_path: Path, tree_of: Tree) -> None:
    states = {"nothing was changed": OLD, "the next command takes it back": OLD, "the next command completes it": AFTER}
    met = []
    for at in range(1, 1000):
        folder = fill(tmp_path / str(at))
        refused, message = update_refused(folder, at, stays=True)
        words = [key for key in states if key in message]
        assert len(words) == bool(message)
        met += words
        with reading(folder, SHOWN):
            assert tree_of(folder) == (states[words[0]] if words else AFTER), at
        if not refused:
            break
    assert set(met) == {"nothing was changed", "the next command completes it"}


def test_a_disk_full_again_while_the_old_files_come_back_is_reported(folder: Path, tree_of: Tree) -> None:
    real, made = os.replace, []

    def full_at_the_second_file_and_its_undoing(source: Path, target: Path) -> None:
        made.append(target)
        if len(made) in (3, 5):  # journal, a file, a file, undo, a file
            raise OSError(errno.ENOSPC, "")
        real(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", full_at_the_second_file_and_its_undoing)
        with pytest.raises(RipenessError, match="no space left on the device: the update was interrupted; the next command takes it back"):
            update(folder)
    assert (folder / "a.csv").read_bytes() == NEW["a.csv"]
    with reading(folder, SHOWN) as report:
        assert (report, tree_of(folder)) == (TAKEN_BACK, OLD)


def test_a_recovery_that_the_disk_refuses_is_reported_and_done_later(folder: Path, tree_of: Tree) -> None:
    interrupt(folder, 1)
    with pytest.MonkeyPatch.context() as patch:
        refuse(patch, 1, stays=True, calls=("replace",))
        with (
            pytest.raises(RipenessError, match="no space left on the device: an update was interrupted and could not be"),
            reading(folder, SHOWN),
        ):
            pass
    with reading(folder, SHOWN) as report:
        assert (report, tree_of(folder)) == (COMPLETED, AFTER)


def test_other_refusals_of_the_disk_have_their_words(folder: Path, tree_of: Tree) -> None:
    with pytest.MonkeyPatch.context() as patch:
        refuse(patch, 4, stays=False, number=errno.EIO)
        with pytest.raises(RipenessError, match=r"data: input/output error: nothing was changed\. To mend: see to the disk"):
            update(folder)
    assert tree_of(folder) == OLD


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A function that mounts a file system of 64 KiB, or mounts it anew with other options; only root may."""
    place = tmp_path / "small"
    place.mkdir()
    mounts = []

    def mount(*options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(("size=64k", *options)), "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a file system can be mounted by root only")
        mounts.append(place)
        return place

    yield mount
    if mounts:
        subprocess.run(["umount", str(place)], check=True)


def test_a_small_disk_refuses_and_keeps_the_old_files(mounted: Callable[..., Path], tree_of: Tree) -> None:
    folder = fill(mounted())
    with pytest.raises(RipenessError, match="no space left on the device: nothing was changed"):
        update(folder, {"a.csv": b"x" * 30_000, "d.csv": b"y" * 40_000})
    assert tree_of(folder) == OLD
    update(folder)
    assert tree_of(folder) == AFTER


def test_a_read_only_disk_is_read_and_writing_is_refused(mounted: Callable[..., Path], tree_of: Tree) -> None:
    folder = fill(mounted())
    mounted("remount", "ro")
    with reading(folder, SHOWN) as report:
        assert report is None
    with pytest.raises(ContentError, match=r"data: found a folder that may not be written to.*give yourself the right"):
        update(folder)
    mounted("remount", "rw")
    interrupt(folder, 1)
    mounted("remount", "ro")
    for use in (reading, writing):
        with (
            pytest.raises(ContentError, match=r"an interrupted update in a folder that may not be.*run the command once as"),
            use(folder, SHOWN),
        ):
            pass
    mounted("remount", "rw")
    with reading(folder, SHOWN):
        assert tree_of(folder) == AFTER


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_folder_that_may_not_be_written_to_is_reported(folder: Path, number: int, tree_of: Tree) -> None:
    with pytest.MonkeyPatch.context() as patch:
        refuse(patch, 1, stays=True, number=number, calls=("mkdir",))
        with pytest.raises(ContentError, match="data: found a folder that may not be written to"):
            update(folder)
    assert tree_of(folder) == OLD


def test_what_never_counted_does_not_hinder_a_reader_without_rights(folder: Path, tree_of: Tree) -> None:
    interrupt(folder)
    (folder / ".update/journal.json").unlink()
    before = tree_of(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
        with reading(folder, SHOWN) as report:
            assert report is None
    assert tree_of(folder) == before


# --- one writer at a time ---------------------------------------------------------------------------------------------------------------


def start(code: str, folder: Path) -> subprocess.Popen[str]:
    """Another process with the imports of an update; it prints a line to be waited for, and waits for one."""
    head = "import os, sys\nfrom pathlib import Path\nfrom ripeness.data.transaction import writing\nfolder = Path(sys.argv[1])\n"
    return subprocess.Popen([sys.executable, "-c", head + code, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def release(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


ADDING = """\
for number in range(15):
    with writing(folder, Path("data"), 60) as update:
        for name in ("a.csv", "b.csv"):
            update.replace(name, update.read(name) + f"{os.getpid()} {number}\\n".encode())
"""
HALF_DONE = """\
real = os.replace
def slow(source, target):
    real(source, target)
    if Path(target).name == "a.csv":
        print("half", flush=True)
        sys.stdin.readline()
os.replace = slow
with writing(folder, Path("data")) as update:
    for name in ("a.csv", "b.csv"):
        update.replace(name, b"new")
"""


READING = """\
from ripeness.data.transaction import reading
with reading(folder, Path("data")):
    print("reading", flush=True)
    sys.stdin.readline()
"""
RECOVERING = """\
from ripeness.data.transaction import reading
real = os.replace
def slow(source, target):
    if Path(target).name == "b.csv":
        print("recovering", flush=True)
        sys.stdin.readline()
    real(source, target)
os.replace = slow
with reading(folder, Path("data")) as said:
    print(said, flush=True)
    sys.stdin.readline()
"""


def test_updates_of_two_writers_all_land(folder: Path) -> None:
    writers = [start(ADDING, folder) for _ in range(2)]
    for writer in writers:
        with writer:
            assert writer.wait() == 0
    lines = [(folder / name).read_bytes().removeprefix(OLD[name]).decode().splitlines() for name in ("a.csv", "b.csv")]
    assert lines[0] == lines[1]
    for writer in writers:
        assert [line for line in lines[0] if line.startswith(f"{writer.pid} ")] == [f"{writer.pid} {number}" for number in range(15)]
    assert len(lines[0]) == 30


def test_others_wait_for_a_writer_and_its_process_is_named(folder: Path) -> None:
    with start(HALF_DONE, folder) as writer:
        assert said_by(writer) == "half"
        assert (folder / "a.csv").read_bytes() != (folder / "b.csv").read_bytes() == OLD["b.csv"]
        for use in (reading, writing):
            with (
                pytest.raises(BusyError, match=rf"data: process {writer.pid} is changing it and did not end within 0\.1 s"),
                use(folder, SHOWN, 0.1),
            ):
                pass
        release(writer)
        with reading(folder, SHOWN, 60) as report:
            assert report is None
            assert {(folder / name).read_bytes() for name in ("a.csv", "b.csv")} == {b"new"}
        assert writer.wait() == 0


def test_a_writer_waits_for_readers_and_readers_do_not_wait_for_each_other(folder: Path) -> None:
    with start(READING, folder) as reader:
        assert said_by(reader) == "reading"
        with reading(folder, SHOWN, 0), reading(folder, SHOWN, 0):
            pass
        with pytest.raises(BusyError, match="another command is using it and did not end within 0 s"), writing(folder, SHOWN, 0):
            pass
        release(reader)
        with writing(folder, SHOWN, 60):
            pass
        assert reader.wait() == 0
    update(folder)


def test_readers_wait_while_one_of_them_recovers(folder: Path, tree_of: Tree) -> None:
    interrupt(folder, 1)
    with start(RECOVERING, folder) as reader:
        assert said_by(reader) == "recovering"
        with pytest.raises(BusyError, match="did not end within 0 s"), reading(folder, SHOWN, 0):
            pass
        release(reader)
        assert said_by(reader) == COMPLETED
        with reading(folder, SHOWN, 0) as report:  # the other still reads
            assert (report, tree_of(folder)) == (None, AFTER)
        release(reader)
        assert reader.wait() == 0


def test_an_update_inside_another_use_is_a_mistake_reported_at_once(folder: Path) -> None:
    for outer in (reading, writing):
        with outer(folder, SHOWN), pytest.raises(RuntimeError, match="would wait for itself"), writing(folder, SHOWN):
            pass
    update(folder)


# --- the store --------------------------------------------------------------------------------------------------------------------------


def test_the_store_is_read_after_a_recovery_which_reaches_the_user(write_workspace: Callable[..., Workspace]) -> None:
    workspace = write_workspace()
    row = b"2024-01-21,79,2024-01-23,agency,A\n"

    def interrupt_update(row: bytes) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(transactions, "replay_journal", lambda *_: None)  # the journal stands, and nothing is done
            patch.setattr(transactions, "clear", lambda *_: None)
            with writing(workspace.data, SHOWN) as transaction:
                transaction.replace("oil.csv", (transaction.read("oil.csv") or b"") + row)

    completed = "An update that was interrupted has been completed: oil.csv."
    interrupt_update(row)
    store = read_store(workspace)
    assert store.recovered == completed
    assert len(store.rows["oil"]) == 3
    assert read_store(workspace).recovered is None

    interrupt_update(b"2024-01-28,much,2024-01-30,agency,A\n")
    command = [sys.executable, "-m", "ripeness", "data", "show", "oil", "--workspace", str(workspace.root)]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stderr.splitlines()
    assert lines[0] == completed  # also where the data is then refused
    assert lines[1].startswith("Error: data/oil.csv, line 5")


def test_a_store_that_is_being_changed_is_not_read(write_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = write_workspace()
    monkeypatch.setattr("time.monotonic", count(0, 6).__next__)  # seconds
    lock = os.open(workspace.data, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with pytest.raises(BusyError, match="data: another command is using it and did not end within 10 s"):
            read_store(workspace)
    finally:
        os.close(lock)
