"""What was fetched, as it came: data/raw/<SHA-256>/<name>, and data/raw/fetched.csv, which says when each file first came, and from where.

    day,source,file,sha256,bytes,address,etag,last_modified

One row for each content of each file, newest last; nothing is ever changed or removed. The folder is not under version control: what is stored of a
file are its rows, and its digest in data/updates.csv, by which `path_of` finds it here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from ripeness.errors import ContentError
from ripeness.files import digest, read_bytes, replacing, write_whole
from ripeness.workspace.csv import csv_text, read_records

FOLDER: Final = "raw"
RECORD: Final = "fetched.csv"
_MEND: Final = f"move {RECORD} out of the folder; the files then count as fetched for the first time"


@dataclass(frozen=True)
class Fetched:
    """A content of a file, and when it first came.

    Attributes
    ----------
    day : date
    source, file, sha256, address : str
        The address has {key} where a key was filled in.
    bytes : int
    etag, last_modified : str
        By which to ask the publisher whether it has changed.
    """

    day: date
    source: str
    file: str
    sha256: str
    bytes: int
    address: str
    etag: str = ""
    last_modified: str = ""


COLUMNS: Final = tuple(field.name for field in fields(Fetched))


def read_record(folder: Path, shown: Path) -> list[Fetched]:
    """What has been fetched, oldest first; nothing where nothing has.

    Raises
    ------
    ContentError
        If the record cannot be read, with the line.
    """
    path, shown = folder / RECORD, shown / RECORD
    if not path.exists():
        return []
    rows, faults = read_records(read_bytes(path, shown, "a CSV file"), shown, TypeAdapter(Fetched), COLUMNS, _MEND)
    if faults:
        raise ContentError(faults)
    return [row for _, row in rows]


def newest(record: Iterable[Fetched], source: str, file: str, folder: Path) -> Fetched | None:
    """What came last of a file, if it still lies there as it came."""
    last = next((one for one in reversed(list(record)) if (one.source, one.file) == (source, file)), None)
    return last if last and _is_whole(folder, last) else None


def keep(folder: Path, record: list[Fetched], fetched: Fetched, content: bytes) -> Path:
    """Put a file into its place, and note it in the record where this content is new there.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    path = folder / fetched.sha256 / fetched.file
    if path.parent.is_symlink():  # nothing is written through one
        path.parent.unlink()
    if not _is_whole(folder, fetched):
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    last = next((one for one in reversed(record) if (one.source, one.file) == (fetched.source, fetched.file)), None)
    if last is None or last.sha256 != fetched.sha256:
        record.append(fetched)
        write_whole(folder / RECORD, csv_text([COLUMNS, *(astuple(one) for one in record)]))
    return path


def path_of(folder: Path, sha256: str, file: str) -> Path | None:
    """Where the file of a digest and name lies; None if it is not here."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or Path(file).name != file:
        return None
    path = folder / sha256 / file
    return path if path.is_file() else None


def _is_whole(folder: Path, one: Fetched) -> bool:
    """Whether a file lies in its place as it came."""
    path = path_of(folder, one.sha256, one.file)
    return path is not None and digest(path.read_bytes()) == one.sha256
