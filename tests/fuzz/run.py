"""Fuzzing: generated bad and odd files, read by everything that reads files from outside.

    python tests/fuzz/run.py --cases 10000 --seed 1
    python tests/fuzz/run.py --cases 10000 --seed 1 --date 2026-11-23 --results tests/fuzz/results.csv
    python tests/fuzz/run.py --seed 1 --only 4711 --keep folder

Case n follows from the seed and n alone, whatever else is run. Ends with 1 if anything was found.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from datetime import date
from pathlib import Path
from random import Random

from mutations import mutate
from readers import READERS, Hang, open_bench, try_reading

COLUMNS = ("date", "seed", "reader", "cases", "read", "refused", "found")


def case_of(seed: int, number: int) -> tuple[str, dict[str, bytes], Random]:
    """The reader of a case, its files, and the random generator as it then stands."""
    random = Random(f"{seed}:{number}")
    reader = list(READERS)[number % len(READERS)]
    sound = READERS[reader][0]
    chosen = random.choice(list(sound))
    odd = {name: mutate(name, text, random) if name == chosen or random.random() < 0.1 else text.encode() for name, text in sound.items()}
    return reader, odd, random


def main(arguments: list[str] | None = None) -> int:
    """Run the cases, print what was found, and a table."""
    parser = argparse.ArgumentParser(description="Read generated bad and odd files.")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this case alone, and show its error whole")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the files of each case that finds something there")
    parser.add_argument("--date", type=date.fromisoformat, help="the day of the table's rows")
    parser.add_argument("--results", type=Path, metavar="CSV", help="write the table there; needs --date")
    given = parser.parse_args(arguments)
    if given.results and not given.date:
        parser.error("--results needs --date")
    warnings.simplefilter("error")
    counts: Counter[tuple[str, str]] = Counter()
    places: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        bench = open_bench(Path(folder))
        for number in range(given.cases) if given.only is None else [given.only]:
            reader, files, random = case_of(given.seed, number)
            try:
                refusal = try_reading(bench, reader, files, random)
                outcome = "refused" if refusal else "read"
                if given.only is not None:
                    print(refusal)
            except (Exception, Hang) as error:
                outcome = "found"
                place = _place(error)
                places[place] += 1
                if places[place] <= 2 or given.only is not None:
                    print(f"case {number}, {reader}: {place}\n    {type(error).__name__}: {str(error)[:300]}", flush=True)
                if given.only is not None:
                    traceback.print_exc(limit=-12)
                _keep(given.keep, number, files)
            counts[reader, "cases"] += 1
            counts[reader, outcome] += 1
    rows = [(given.date or "", given.seed, reader, *(counts[reader, name] for name in COLUMNS[3:])) for reader in READERS]
    total = tuple(sum(counts[reader, name] for reader in READERS) for name in COLUMNS[3:])
    rows.append((given.date or "", given.seed, "all", *total))
    if given.results:
        with given.results.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    for row in [COLUMNS[2:], *(row[2:] for row in rows)]:
        print(f"{row[0]:45}" + "".join(f"{cell:>9}" for cell in row[1:]))
    for place, times in places.most_common():
        print(f"{times:6} times  {place}")
    return 1 if places else 0


def _place(error: BaseException) -> str:
    """Where in the package an error arose, so that like ones count as one."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "ripeness" in Path(frame.filename).parts]
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else str(error).partition(":")[0]
    return f"{type(error).__name__} in {where}"


def _keep(folder: Path | None, number: int, files: dict[str, bytes]) -> None:
    if folder is not None:
        for name, raw in files.items():
            path = folder / str(number) / Path(name).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)


if __name__ == "__main__":
    sys.exit(main())
