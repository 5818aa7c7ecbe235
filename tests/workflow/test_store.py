"""How a new run takes the place of an older one: whole or not at all, one writer at a time, and a reader never sees half."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ripeness import files
from ripeness.errors import ContentError, RipenessError
from ripeness.files import as_json, hash_text
from ripeness.ledger import Entry, append_entries
from ripeness.workflow import run as store
from ripeness.workflow.forecasts import DIGEST, verify_runs
from ripeness.workflow.run import FAILURE_PAGE, FORECAST_CSV, FORECAST_JSON, MANIFEST, SCHEMA, Run, open_run, quiet, replacing_run, writing

SHOWN = Path("reports/2031-03-30")
FILES = (FORECAST_JSON, FORECAST_CSV, "posterior.nc", MANIFEST)
MANIFEST_OF_OLD = {"schema": SCHEMA, "run_id": "old", "origin": "2031-03-30", "seed": 1, "sampler": "compiled", "base": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a stored run, "old"."""
    folder = tmp_path / "reports" / "2031-03-30"
    with writing(folder, SHOWN, quiet):
        write(folder, "old")
    return folder


def write(folder: Path, run_id: str) -> None:
    with replacing_run(folder, SHOWN) as prepared:
        for name in (FORECAST_CSV, "posterior.nc"):
            (prepared / name).write_text(run_id, "utf-8")
        (prepared / FORECAST_JSON).write_text(json.dumps({"run_id": run_id}), "utf-8")
        (prepared / MANIFEST).write_text(json.dumps(MANIFEST_OF_OLD | {"run_id": run_id}), "utf-8")


def content(folder: Path) -> set[str]:
    """Of which runs the files of a folder are."""
    texts = [(folder / name).read_text("utf-8") for name in FILES]
    return {"new" if "new" in text else "old" for text in texts}


def test_a_new_run_takes_the_place_of_an_older_one_and_of_a_failure(folder: Path) -> None:
    (folder / FAILURE_PAGE).write_text("failed", "utf-8")
    (folder / "index.html").write_text("page", "utf-8")
    with writing(folder, SHOWN, quiet):
        write(folder, "new")
    assert content(folder) == {"new"} and open_run(folder).run_id == "new"
    assert not (folder / FAILURE_PAGE).exists() and (folder / "index.html").read_text("utf-8") == "page"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_what_stops_while_it_is_prepared_leaves_the_older_run(folder: Path) -> None:
    def half() -> None:
        with writing(folder, SHOWN, quiet), replacing_run(folder, SHOWN) as prepared:
            (prepared / FORECAST_JSON).write_text('{"run_id": "new"}', "utf-8")
            assert open_run(folder).run_id == "old"
            raise InterruptedError

    with pytest.raises(RipenessError):  # InterruptedError is an OSError: reported in words
        half()
    assert content(folder) == {"old"} and open_run(folder).run_id == "old"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("moved", range(len(FILES) + 1))
def test_a_writer_killed_between_two_renames_is_finished_by_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch, moved: int) -> None:
    class Killed(BaseException):
        pass

    replace, done = os.replace, list[Path]()

    def killed(source: Path, target: Path) -> None:
        if target.parent == folder:
            if len(done) == moved:
                raise Killed
            done.append(target)
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        patch.setattr(store, "WAIT_SECONDS", 0.0)
        if moved < len(FILES):
            with pytest.raises(Killed), writing(folder, SHOWN, quiet):
                write(folder, "new")
        else:
            with writing(folder, SHOWN, quiet):
                write(folder, "new")
        if 0 < moved < len(FILES):  # neither run is passed off as whole
            with pytest.raises(RipenessError, match="the writer was stopped"):
                open_run(folder)
            assert store.stored_run(folder) is None
        else:
            assert open_run(folder).run_id == ("new" if moved else "old")
    with writing(folder, SHOWN, quiet):
        pass
    assert content(folder) == {"new"} and open_run(folder).run_id == "new"


def test_who_reads_between_two_renames_waits_for_the_new_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, found = os.replace, list[Run]()
    readers = [Thread(target=lambda: found.append(open_run(folder))) for _ in range(4)]

    def read_before(source: Path, target: Path) -> None:
        replace(source, target)
        if target.name in (FORECAST_JSON, FORECAST_CSV):
            for _ in range(2):
                readers[len(started)].start()
                started.append(target.name)

    started: list[str] = []
    monkeypatch.setattr(os, "replace", read_before)
    with writing(folder, SHOWN, quiet):
        write(folder, "new")
    for reader in readers:
        reader.join()
    assert len(found) == 4 and {run.run_id for run in found} == {run.summary["run_id"] for run in found} == {"new"}


@pytest.mark.parametrize("text", ['{"run_id": "old", "probability": 0.95}', '{"run_id": "ol', "[]", "", "\x00"])
def test_a_damaged_run_is_none_and_is_said_to_be_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.0)
    sound = '{"run_id": "old",\n "probability": 0.20}'
    (folder / FORECAST_JSON).write_text(sound, "utf-8")
    about = json.loads((folder / MANIFEST).read_text("utf-8")) | {"files": {FORECAST_JSON: store.digest_of(folder / FORECAST_JSON)}}
    (folder / MANIFEST).write_text(json.dumps(about), "utf-8")
    (folder / FORECAST_JSON).write_bytes(sound.replace("\n", "\r\n").encode())
    assert open_run(folder).run_id == "old"

    def refused() -> None:
        with pytest.raises(RipenessError, match=r"is not as it was written.*ripeness forecast --as-of 2031-03-30"):
            open_run(folder)
        assert store.stored_run(folder) is None

    (folder / FORECAST_JSON).write_text(text, "utf-8")
    refused()
    (folder / FORECAST_JSON).write_text(sound, "utf-8")
    for damaged in (text[:12], '{"schema": 3, "run_id": "old"}'):
        (folder / MANIFEST).write_text(damaged, "utf-8")
        refused()


@pytest.fixture
def issued(tmp_path: Path) -> Path:
    """Reports with a run whose forecast stands in the ledger."""
    reports = tmp_path / "reports"
    folder = reports / "2031-03-30"
    folder.mkdir(parents=True)
    row = {"question": "round", "horizon_weeks": 4, "target_end_date": "2031-04-27", "source": "mixture"}
    row |= {"probability": 0.2, "lower": 0.1, "upper": 0.3, "outside_view": 0.25}
    (folder / FORECAST_JSON).write_text(json.dumps({"run_id": "old", "origin": "2031-03-30", "forecasts": [row]}), "utf-8")
    (folder / FORECAST_CSV).write_text("a,b\n1,2\n", "utf-8")
    for name in ("posterior.nc", "base.npz"):
        (folder / name).write_bytes(b"\x00\xff\r\n")
    (folder / "watch.json").write_text(as_json({"run_id": "old", DIGEST: hash_text(as_json({"run_id": "old"}))}), "utf-8")
    write_manifest(folder)
    day = date(2031, 3, 30)
    append_entries(reports, [Entry("old", "round", day, 4, date(2031, 4, 27), 0.2, 0.1, 0.3, 0.25, "m", "d", "p", "c", issued_on=day)])
    return reports


def write_manifest(folder: Path) -> None:
    digests = {name: store.digest_of(folder / name) for name in (FORECAST_JSON, FORECAST_CSV, "posterior.nc", "base.npz")}
    (folder / MANIFEST).write_text(json.dumps(MANIFEST_OF_OLD | {"files": digests}), "utf-8")


def test_stored_runs_are_as_they_were_written_and_issued(issued: Path) -> None:
    folder = issued / "2031-03-30"
    verify_runs(issued)
    (folder / FORECAST_CSV).write_bytes(b"a,b\r\n1,2\r\n")  # as git may check it out
    (folder / "posterior.nc").unlink()  # as who frees draws does
    (folder.with_name("2031-04-06")).mkdir()
    (folder.with_name("2031-04-06") / MANIFEST).write_text('{"schema": 2}', "utf-8")
    verify_runs(issued)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (FORECAST_JSON, b"0.2,", b"0.9,", "forecast.json: found other bytes than were written"),
        (FORECAST_JSON, b"}", b"", "found manifest.json or forecast.json damaged or missing"),
        (FORECAST_CSV, b"2", b"3", "forecast.csv: found other bytes"),
        (FORECAST_CSV, b"a,b\n1,2\n", None, "forecast.csv: found no such file"),
        ("posterior.nc", b"\r\n", b"\n", "posterior.nc: found other bytes"),
        ("watch.json", b"old", b"new", "watch.json: found other bytes"),
        ("watch.json", b"}", b"", "watch.json: found other bytes"),
        (MANIFEST, b"seed", b"sead", "found manifest.json or forecast.json damaged or missing"),
    ],
)
def test_a_stored_run_that_is_not_as_it_was_written_is_named(issued: Path, name: str, old: bytes, new: bytes | None, words: str) -> None:
    path = issued / "2031-03-30" / name
    content = path.read_bytes()
    assert old in content
    path.unlink() if new is None else path.write_bytes(content.replace(old, new))
    with pytest.raises(ContentError) as caught:
        verify_runs(issued)
    assert words in str(caught.value) and len(caught.value.faults) == 1


def test_a_stored_run_says_what_was_issued(issued: Path) -> None:
    folder = issued / "2031-03-30"
    path = folder / FORECAST_JSON
    path.write_text(path.read_text("utf-8").replace("0.2,", "0.9,"), "utf-8")
    write_manifest(folder)  # so that only the ledger tells
    with pytest.raises(ContentError, match=r"forecast.json: found 0\.9 for round in 4 weeks; expected what the ledger says of run old"):
        verify_runs(issued)
    (issued / "ledger.csv").unlink()
    verify_runs(issued)


def test_nothing_is_written_through_a_link(folder: Path, tmp_path: Path) -> None:
    victims = tmp_path / "elsewhere"
    victims.mkdir()
    (victims / MANIFEST).write_text("precious", "utf-8")
    (victims / "precious.txt").write_text("precious", "utf-8")
    (folder / ".writer").symlink_to(victims / "precious.txt")
    (folder.parent / f".{folder.name}.new").symlink_to(victims)
    (folder / FORECAST_CSV).unlink()
    (folder / FORECAST_CSV).symlink_to(victims / "precious.txt")
    with writing(folder, SHOWN, quiet):
        write(folder, "new")
    assert content(folder) == {"new"} and not (folder / FORECAST_CSV).is_symlink()
    linked = folder.with_name("2031-04-06")
    linked.symlink_to(victims)
    with pytest.raises(ContentError, match="found a link; expected a folder"), writing(linked, SHOWN, quiet):
        pass
    assert {path.name: path.read_text("utf-8") for path in victims.iterdir()} == {MANIFEST: "precious", "precious.txt": "precious"}


def test_what_a_killed_writer_has_prepared_is_removed_by_the_next(folder: Path) -> None:
    prepared = folder.with_name(f".{folder.name}.new")
    prepared.mkdir()
    (prepared / "posterior.nc").write_text("half", "utf-8")
    with writing(folder, SHOWN, quiet):
        pass
    assert not prepared.exists() and content(folder) == {"old"}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the state of a process")
def test_a_halted_writer_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WAIT_SECONDS", 0.2)
    hold = (
        "import sys\nfrom pathlib import Path\nfrom ripeness.workflow.run import quiet, writing\n"
        f"with writing(Path({str(folder)!r}), Path('x'), quiet):\n    print('in', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "in\n"
        other.send_signal(signal.SIGSTOP)
        words = f"process {other.pid} is changing it and .*as it is halted. To mend: let it go on"
        with pytest.raises(RipenessError, match=words), writing(folder, SHOWN, quiet):
            pass
        other.send_signal(signal.SIGCONT)
        other.communicate()


def test_a_second_writer_reports_for_whom_it_waits(folder: Path) -> None:
    hold = (
        "import sys, time\nfrom pathlib import Path\nfrom ripeness.workflow.run import quiet, writing\n"
        f"with writing(Path({str(folder)!r}), Path('reports/2031-03-30'), quiet):\n    print('in', flush=True)\n    sys.stdin.read()\n"
    )
    messages: list[str] = []
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None and other.stdout is not None and other.stdout.readline() == "in\n"
        assert open_run(folder).run_id == "old"  # a reader needs no lock

        def end(message: str) -> None:
            messages.append(message)
            other.stdin.close()  # type: ignore[union-attr]

        with writing(folder, SHOWN, end):
            write(folder, "new")
    assert messages == [f"reports/2031-03-30: process {other.pid} is changing it; waiting for it"]
    assert open_run(folder).run_id == "new"


def test_a_writer_that_does_not_end_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LONGEST_WAIT_SECONDS", 0.1)
    hold = (
        "import sys\nfrom pathlib import Path\nfrom ripeness.workflow.run import quiet, writing\n"
        f"with writing(Path({str(folder)!r}), Path('x'), quiet):\n    print('in', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "in\n"
        with pytest.raises(RipenessError, match=f"process {other.pid} is changing it"), writing(folder, SHOWN, quiet):
            pass
        other.communicate()


def test_who_holds_the_folder_may_enter_it_again(folder: Path) -> None:
    with writing(folder, SHOWN, quiet), writing(folder, SHOWN, quiet):
        write(folder, "new")
    assert open_run(folder).run_id == "new"


def test_a_read_only_folder_is_reported_only_where_something_is_to_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    (folder / "watch.json").write_text("as it is", "utf-8")
    monkeypatch.setattr(store, "write_whole", refuse)
    monkeypatch.setattr(store, "lock", refuse)
    store.store_text(folder / "watch.json", "as it is", SHOWN)
    with pytest.raises(RipenessError, match=r"reports/2031-03-30 cannot be written \(Permission denied\).*To mend"):
        store.store_text(folder / "watch.json", "otherwise", SHOWN)
    with pytest.raises(RipenessError, match="cannot be written"), writing(folder, SHOWN, quiet):
        pass


def test_a_run_of_another_schema_or_none_is_reported(folder: Path) -> None:
    (folder / MANIFEST).write_text('{"schema": 1, "run_id": "old"}', "utf-8")
    with pytest.raises(RipenessError, match=f"written with schema 1, this version reads schema {SCHEMA}"):
        open_run(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(ContentError, match="expected a stored run"):
        open_run(folder)


def test_draws_of_another_run_are_refused(folder: Path) -> None:
    import xarray as xr

    run = open_run(folder)
    store.write_tree(folder / "posterior.nc", xr.DataTree.from_dict({"/": xr.Dataset(attrs={"schema": SCHEMA, "run_id": "new"})}))
    with pytest.raises(RipenessError, match="is not of run old any more"):
        _ = run.tree


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
import numpy as np, xarray as xr
from ripeness.errors import RipenessError
from ripeness.workflow.run import quiet, replacing_run, write_tree, writing

tree = xr.DataTree.from_dict({"/fit": xr.Dataset({"draws": ("draw", np.random.default_rng(1).normal(size=40_000))})})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
folder, shown = Path(sys.argv[1]), Path("reports/2031-03-30")
try:
    with writing(folder, shown, quiet), replacing_run(folder, shown) as prepared:
        write_tree(prepared / "posterior.nc", tree)
except RipenessError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files")
def test_a_full_disk_is_reported_and_the_older_run_stays(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = subprocess.run([sys.executable, "-c", FILL_THE_DISK, str(folder)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")  # HDF5 would end the process as it ends
    assert (
        "reports/2031-03-30 cannot be written (File too large); what is stored there is unchanged. To mend: free some space" in done.stdout
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in before} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_opening_a_run_loads_next_to_nothing(folder: Path) -> None:
    code = f"import sys, ripeness\nripeness.open_run({str(folder)!r})\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pymc", "pytensor", "nutpie", "preliz", "xarray", "pandas", "numpy", "numba"} & set(done.stdout.split())
