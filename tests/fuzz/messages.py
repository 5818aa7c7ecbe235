"""What is said of the broken files of `tests/broken/`: `python tests/fuzz/messages.py` writes it anew beside them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from readers import READERS, open_bench, reader_of, try_reading

BROKEN = Path(__file__).resolve().parents[1] / "broken"
CASES = sorted(path for path in BROKEN.iterdir() if path.suffix != ".txt" and path.stem.count("-") > 1)


def message_of(case: Path, folder: Path) -> str:
    """What is said of a case, read in an empty folder."""
    kind, _, rest = case.stem.partition("-")
    reader, name = reader_of(kind, rest.rpartition("-")[0] + case.suffix)
    files = {file: text.encode() for file, text in READERS[reader][0].items()} | {name: case.read_bytes()}
    refusal = try_reading(open_bench(folder), reader, files)
    return f"{refusal}\n" if refusal else "read\n"


if __name__ == "__main__":
    for path in CASES:
        with tempfile.TemporaryDirectory() as empty:
            path.with_suffix(".txt").write_text(message_of(path, Path(empty)), "utf-8")
