"""A folder is one command's at a time, on systems without its descriptors too; a text's hash does not see the kind of its line ends."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ripeness import files
from ripeness.errors import ContentError, RipenessError
from ripeness.files import BusyError, hash_file, is_locked_here, lock

SHOWN = Path("reports/2025-06-01")
HOLDING = """\
import sys
from pathlib import Path
from ripeness.files import lock
with lock(Path(sys.argv[1]), Path("x")):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["folders can be opened", "as on Windows"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "as on Windows":
        monkeypatch.delattr(os, "O_DIRECTORY")
    return str(request.param)


@pytest.mark.usefixtures("system")
def test_a_folder_is_locked_once(tmp_path: Path) -> None:
    with lock(tmp_path, SHOWN):
        assert is_locked_here(tmp_path) and (tmp_path / ".writer").read_text() == f"{os.getpid()}\n"
        with pytest.raises(RuntimeError, match="would wait for itself"), lock(tmp_path, SHOWN):
            pass
    assert not is_locked_here(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {".lock"}
    with lock(tmp_path, SHOWN, sign=False):
        assert not (tmp_path / ".writer").exists()
    with pytest.raises(ContentError, match="reports/2025-06-01: found no such folder"), lock(tmp_path / "none", SHOWN):
        pass


@pytest.mark.usefixtures("system")
def test_who_waits_reports_for_whom(tmp_path: Path) -> None:
    code = HOLDING if hasattr(os, "O_DIRECTORY") else f"import os; del os.O_DIRECTORY\n{HOLDING}"
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        words = rf"reports/2025-06-01: process {holder.pid} is changing it and did not end within 0\.1 s"
        with pytest.raises(BusyError, match=words), lock(tmp_path, SHOWN, 0.1):
            pass
        holder.kill()
    with lock(tmp_path, SHOWN, 0):  # a lock ends with its process
        pass


@pytest.mark.usefixtures("system")
def test_a_folder_is_synced_where_that_can_be(tmp_path: Path) -> None:
    files.sync_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_system_without_locks_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, blocking: bool) -> bool:
        raise OSError(errno.ENOSYS, "fcntl is unavailable")

    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(RipenessError, match="this system or disk has no locks"), lock(tmp_path, SHOWN, shared=True):
        pass
    monkeypatch.setattr(files, "lock_descriptor", refuse)
    with pytest.raises(RipenessError, match="this system or disk has no locks"), lock(tmp_path, SHOWN):
        pass


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("precious")
    link.symlink_to(victim)
    files.write_whole(link, "new")
    assert (link.is_symlink(), link.read_text(), victim.read_text()) == (False, "new", "precious")
    with files.replacing(tmp_path / "other") as temporary:
        name = temporary.name
    (tmp_path / name).symlink_to(victim)
    files.write_whole(tmp_path / "other", "new")
    assert ((tmp_path / "other").read_text(), victim.read_text()) == ("new", "precious")
    (tmp_path / ".writer").symlink_to(victim)
    with lock(tmp_path, SHOWN):
        assert victim.read_text() == "precious"


def test_the_hash_of_a_text_is_blind_to_line_ends(tmp_path: Path) -> None:
    for name, content in {"lf": b"a\nb\n", "crlf": b"a\r\nb\r\n", "other": b"a\nb"}.items():
        (tmp_path / name).write_bytes(content)
    assert hash_file(tmp_path / "lf") == hash_file(tmp_path / "crlf") == files.digest(b"a\nb\n") != hash_file(tmp_path / "other")
