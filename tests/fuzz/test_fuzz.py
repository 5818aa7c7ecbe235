"""A small run of the fuzzer, and that the fuzzer sees what it is to see."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest
import readers
from readers import READERS, Bench, Broken, Hang, open_bench, try_reading
from run import case_of, main

from ripeness.errors import ContentError, Fault


def test_a_small_run_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--cases", "168", "--seed", "7"])
    output = capsys.readouterr().out
    assert code == 0, output
    _, cases, read, refused, found = output.splitlines()[-1].split()
    assert (cases, found) == ("168", "0")
    assert int(read) > 25
    assert int(refused) > 75


def test_cases_start_from_files_that_are_read(tmp_path: Path) -> None:
    bench = open_bench(tmp_path)
    refusals = {
        reader: try_reading(bench, reader, {name: text.encode() for name, text in files.items()}) for reader, (files, _) in READERS.items()
    }
    assert {reader: str(refusal) for reader, refusal in refusals.items() if refusal} == {}


def test_a_case_follows_from_seed_and_number() -> None:
    first, again, other = ([case_of(seed, number)[:2] for number in range(60)] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def _crash(*_: object) -> None:
    raise ValueError("a traceback")


def _hang(*_: object) -> None:
    while True:
        pass


def _write_and_refuse(bench: Bench, files: Mapping[str, bytes], _: Random | None) -> None:
    with readers._stores(bench.small, readers.Choices()):
        (bench.small / "data" / "left.csv").write_text("left behind")
        raise ContentError(Fault(Path("oil.csv"), 1, "x", "y", "z"))


def _refuse_without_line(*_: object) -> None:
    raise ContentError(Fault(Path("oil.csv"), None, "something", "y", "z"))


def _refuse_beyond_the_end(*_: object) -> None:
    raise ContentError(Fault(Path("oil.csv"), 99, "x", "y", "z"))


def _refuse_another_file(*_: object) -> None:
    raise ContentError(Fault(Path("other.csv"), 1, "x", "y", "z"))


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (_crash, ValueError),
        (_hang, Hang),
        (_write_and_refuse, Broken),
        (_refuse_without_line, Broken),
        (_refuse_beyond_the_end, Broken),
        (_refuse_another_file, Broken),
    ],
)
def test_the_fuzzer_sees(read: readers.Read, error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "LIMIT", 0.2)
    monkeypatch.setitem(READERS, "update oil.csv", (READERS["update oil.csv"][0], read))
    with pytest.raises(error):
        try_reading(open_bench(tmp_path), "update oil.csv", {"oil.csv": b"a\nb\n"})
