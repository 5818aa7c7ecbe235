"""An update killed at every system call it makes leaves the old files or the new ones, never a mixture, and no trace once it is recovered.

The killing is done by this file run as a script, in a process without threads, which can be forked cheaply: each child counts the calls that
change the disk and kills itself at the n-th (a write is left half done). A killed process takes nothing written with it, so fsync may do
nothing there.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ripeness.data.transaction import reading, writing
from ripeness.errors import RipenessError

CALLS = ("open", "write", "fsync", "fchmod", "close", "replace", "mkdir", "unlink", "rmdir")
SHAPES = (1, 2, 4, 12)  # files of an update
COMPLETED = "An update that was interrupted has been completed: "
TAKEN_BACK = "An update that was interrupted has been taken back: nothing of it was kept."
RANDOM_KILLS = 20

Outcome = dict[str, Any]


def contents(files: int, size: int = 300) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Old and new contents; where there are several files the last one is new."""
    old = {f"{number}.csv": f"old {number}\n".encode() * size for number in range(files)}
    new = {name: content + b"new\n" * size for name, content in old.items()}
    if files > 1:
        del old[f"{files - 1}.csv"]
    return old, new


def update(folder: Path, new: dict[str, bytes]) -> None:
    with writing(folder, Path("data")) as transaction:
        for name, content in new.items():
            transaction.read(name)
            transaction.replace(name, content)


def recover(folder: Path) -> str | None:
    with reading(folder, Path("data")) as report:
        return report


def die_at(call: int, full_at_replace: int = 0) -> None:
    """Let this process kill itself at the n-th call that changes the disk, which is full at the given os.replace (from 1) alone."""
    made = {"all": 0, "replace": 0}

    def patched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            made["all"] += 1
            if made["all"] == call:
                if name == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "replace":
                made["replace"] += 1
                if made["replace"] == full_at_replace:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **options)

        return step

    for name in CALLS:
        setattr(os, name, patched(name, getattr(os, name)))


def in_child(work: Callable[[], object]) -> int:
    """Run in a forked child; 0, the number of the signal that killed it, or -1 where it failed."""
    child = os.fork()
    if not child:
        try:
            work()
        except RipenessError:
            os._exit(0)  # refused as it should be
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def prepare(folder: Path, old: dict[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in old.items():
        (folder / name).write_bytes(content)


def found(folder: Path, old: dict[str, bytes], new: dict[str, bytes]) -> str:
    there = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return {True: "old"}.get(there == old, "new" if there == new else "between")


def look(folder: Path, old: dict[str, bytes], new: dict[str, bytes], death: int) -> Outcome:
    """What the kill has left, and what the next two readers find."""
    staging = folder / ".update"
    left = sorted(path.name for path in staging.iterdir()) if staging.is_dir() else []
    outcome: Outcome = {"death": death, "left": left}
    with reading(folder, Path("data")) as report:
        outcome |= {"report": report, "state": found(folder, old, new)}
    outcome |= {"again": recover(folder), "state_again": found(folder, old, new)}
    return outcome | {"leftovers": sorted({path.name for path in folder.iterdir()} - set(new))}


def kill_everywhere(folder: Path, files: int, full_at_replace: int = 0) -> Iterator[Outcome]:
    old, new = contents(files)
    call = 0
    while True:
        call += 1
        prepare(folder, old)
        death = in_child(lambda at=call: (die_at(at, full_at_replace), update(folder, new)))  # type: ignore[misc]
        yield look(folder, old, new, death)
        if death != signal.SIGKILL:
            return


def kill_recoveries(folder: Path, files: int, every: int) -> Iterator[Outcome]:
    """Kill an update at every so manieth call, then its recovery at every call."""
    old, new = contents(files)
    first = 1
    while True:
        second = 0
        while True:
            second += 1
            prepare(folder, old)
            if in_child(lambda at=first: (die_at(at), update(folder, new))) != signal.SIGKILL:  # type: ignore[misc]
                return
            decided = (folder / ".update" / "journal.json").exists()
            death = in_child(lambda at=second: (die_at(at), recover(folder)))  # type: ignore[misc]
            yield look(folder, old, new, death) | {"decided": "new" if decided else "old"}
            if death != signal.SIGKILL:
                break
        first += every


def kill_at_random(folder: Path, files: int) -> Iterator[Outcome]:
    old, new = contents(files, 10_000)
    prepare(folder, old)
    begun = time.monotonic()
    in_child(lambda: update(folder, new))
    lasts = time.monotonic() - begun
    times = random.Random(3)
    for _ in range(RANDOM_KILLS):
        prepare(folder, old)
        child = os.fork()
        if not child:
            update(folder, new)
            os._exit(0)
        time.sleep(times.uniform(0, lasts))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        yield look(folder, old, new, signal.SIGKILL)


def run_here(folder: Path, *arguments: object) -> list[Outcome]:
    """Run this file as a script; the outcomes it prints."""
    command = [sys.executable, __file__, str(folder / "data"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    outcomes: list[Outcome] = json.loads(done.stdout)
    return outcomes


def assert_whole(outcomes: list[Outcome]) -> None:
    """Old or new, as the journal decided; reported once; no leftovers."""
    for outcome in outcomes:
        if "journal.json" in outcome["left"]:
            assert outcome["state"] == "new" and outcome["report"].startswith(COMPLETED), outcome
        elif outcome["left"]:
            assert outcome["state"] == "old" and outcome["report"] == TAKEN_BACK, outcome
        else:
            assert outcome["state"] in ("old", "new") and outcome["report"] is None, outcome
        assert (outcome["again"], outcome["state_again"], outcome["leftovers"]) == (None, outcome["state"], []), outcome


def test_an_update_killed_at_every_call_is_whole(tmp_path: Path) -> None:
    points = 0
    for files in SHAPES:
        outcomes = run_here(tmp_path, "everywhere", files)
        assert_whole(outcomes)
        *killed, last = outcomes
        assert {outcome["death"] for outcome in killed} == {signal.SIGKILL} and last["death"] == 0 and last["state"] == "new"
        states = [outcome["state"] for outcome in outcomes]
        assert states == sorted(states, reverse=True), "once decided, an update is never taken back"
        assert any("journal.json" in outcome["left"] for outcome in killed)
        points += len(killed)
    assert points >= 200


def test_an_update_that_a_full_disk_takes_back_is_whole_when_killed(tmp_path: Path) -> None:
    # os.replace puts the journal into its place first, then four files
    *killed, last = run_here(tmp_path, "everywhere", 4, 4)
    assert_whole([*killed, last])
    assert last["state"] == "old"
    assert any("undo.json" in outcome["left"] for outcome in killed)


def test_a_recovery_killed_at_every_call_is_recovered(tmp_path: Path) -> None:
    outcomes = run_here(tmp_path, "recoveries", 2, 5)
    assert_whole(outcomes)
    assert {outcome["decided"] for outcome in outcomes} == {"old", "new"}
    assert [outcome["state"] for outcome in outcomes if outcome["left"]] == [outcome["decided"] for outcome in outcomes if outcome["left"]]
    assert sum(outcome["death"] == signal.SIGKILL for outcome in outcomes) >= 50


def test_an_update_killed_at_any_time_is_whole(tmp_path: Path) -> None:
    outcomes = run_here(tmp_path, "random", 4)
    assert_whole(outcomes)
    assert len(outcomes) == RANDOM_KILLS


if __name__ == "__main__":
    logging.disable()
    place, way, *numbers = sys.argv[1:]
    if way != "random":
        os.fsync = lambda file: None
    ways: dict[str, Callable[..., Iterator[Outcome]]] = {
        "everywhere": kill_everywhere,
        "recoveries": kill_recoveries,
        "random": kill_at_random,
    }
    json.dump(list(ways[way](Path(place), *map(int, numbers))), sys.stdout)
