"""How the rows of ledger.csv, bridges.csv and resolutions.csv are chained, so that whoever kept one digest can tell whether anything before it was touched.

Each row ends with two cells:

    previous   the digest of the row before; of the first row `START`, 64 zeros
    digest     SHA-256 over `previous` and the row's own cells: of every cell but this one that has something in it "column=text", in the order
               of the columns, each ended by a NUL, in UTF-8; the text without the blanks around it

So line ends, blank lines, quotation marks and columns that are added later, empty in older rows, play no part. The digest of a file's last row is its *head*.
A chain shows that a row was edited, deleted, doubled or moved; that rows are missing at the end, or that the whole file was written anew, only the head
shows that somebody kept elsewhere.

A file of the form before the chain is read as it is. When it next grows, or by `ripeness ledger migrate`, its rows get the cells that they lack at their
ends, once; what stands in them stays, letter by letter.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ripeness.errors import ContentError, Fault
from ripeness.files import hash_text
from ripeness.workspace.csv import append_rows, csv_text, read_csv, width_of

PREVIOUS, DIGEST = CHAIN = ("previous", "digest")
START: Final = "0" * 64
BLANK: Final = ' \t\r\n,"\ufeff'  # all that a row without anything in it has
SHOWN: Final = 12  # digits of a digest in a fault
RESTORE: Final = "restore the file from its history: what was issued is never edited"


def row_digest(cells: Mapping[str, str]) -> str:
    """The digest of a row, from its cells by column; see the module."""
    return hash_text(*(f"{name}={text}" for name, text in cells.items() if text and name != DIGEST))


def is_chained(raw: bytes | None) -> bool:
    """Whether a file has the columns of the chain; one that is to be written yet will have."""
    return raw is None or tuple(_header(raw)[-2:]) == CHAIN


def head_of(raw: bytes | None) -> tuple[int, str | None]:
    """How many rows a file has, and its head: the digest of the last; `START` without a row, None where they are not chained."""
    digests = [] if raw is None else [record.get(DIGEST) for _, record in _records(raw)]
    return len(digests), (digests[-1] if digests else START) if is_chained(raw) else None


def line_of_head(raw: bytes | None, head: str) -> int | None:
    """The line of the row whose digest is `head`; None if there is none."""
    return None if raw is None else next((line for line, record in _records(raw) if record.get(DIGEST) == head), None)


def refuse_if_touched(raw: bytes, shown: Path, faults: Sequence[Fault], oldest: int) -> None:
    """Refuse a file with faults, or one whose chain is broken; the first row that was touched is the first that is named.

    Parameters
    ----------
    raw : bytes
    shown : Path
    faults : sequence of Fault
        What is wrong with its rows otherwise.
    oldest : int
        How many columns it had at most before there was a chain.

    Raises
    ------
    ContentError
    """
    found = sorted(faults, key=lambda fault: fault.line or 0)
    broken = _break(raw, shown, oldest)
    if broken and (not found or (broken.line or 0) < (found[0].line or 0)):
        found.insert(0, broken)
    if found:
        raise ContentError(found)


def _break(raw: bytes, shown: Path, oldest: int) -> Fault | None:
    """The first row that does not follow from the one before it; None where all do."""
    if not is_chained(raw):
        if len(_header(raw)) <= oldest:
            return None
        return Fault(shown, 1, f"no columns {' and '.join(CHAIN)}", "a chain of rows, as these columns have", RESTORE)
    last, lines, records = START, {START: 1}, _records(raw)
    for line, record in records:
        due = row_digest(record)
        if due != record[DIGEST]:
            found = f"a row edited since it was written (its digest is {record[DIGEST][:SHOWN] or 'missing'})"
            if record[DIGEST] and due.startswith(record[DIGEST]):
                found = "a row whose digest was cut off"
            return Fault(shown, line, found, f"the row as it was written: its cells have the digest {due[:SHOWN]}", RESTORE)
        if record[PREVIOUS] != last:
            later = next((there for there, other in records if there > line and other[DIGEST] == record[PREVIOUS]), None)
            if due in lines:
                found = f"the row of line {lines[due]} a second time"
            elif later:
                found = f"a row moved here that was written after that of line {later}"
            else:
                found = "a row before which others were deleted or exchanged"
            expected = "the first row that was written" if last == START else f"the row that was written after that of line {lines[last]}"
            return Fault(shown, line, found, expected, RESTORE)
        last, lines[due] = due, line
    return None


def append_chained(raw: bytes | None, shown: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """The content of a file after rows were added, each chained to the one before; rows of an older form are chained first.

    Parameters
    ----------
    raw : bytes or None
        None where there is no file yet.
    shown : Path
        How to name the file in faults.
    columns : sequence of str
        What the cells of each row are, without `CHAIN`.
    rows : sequence of sequence of str
    """
    old = raw if raw is None else chain_rows(raw, shown, columns)
    _, last = head_of(old)
    chained = []
    for row in rows:
        cells = {name: text.strip() for name, text in zip(columns, row, strict=True)} | {PREVIOUS: str(last)}
        last = row_digest(cells)
        chained.append([*row, cells[PREVIOUS], last])
    return append_rows(old, (*columns, *CHAIN), chained)[0]


def chain_rows(
    raw: bytes, shown: Path, columns: Sequence[str], fill: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda _: {}
) -> bytes:
    """The content of a file of an older form with the cells that its rows lack at their ends; a file that is chained comes back as it is.

    Parameters
    ----------
    raw : bytes
        As its reader has accepted it.
    shown : Path
        How to name the file in faults.
    columns : sequence of str
        Of today's form, without `CHAIN`.
    fill : callable
        From the cells of a row to those that it lacks, by column; others stay empty.

    Raises
    ------
    ContentError
        If a row runs over several lines, as none does that was written here.
    """
    if is_chained(raw):
        return raw
    lines = io.StringIO(raw.decode(), newline="").readlines()
    header, records = _header(raw), _records(raw)
    places = [place for place, line in enumerate(lines) if line.strip(BLANK)]
    if [place + 1 for place in places[1:]] != [line for line, _ in records]:
        raise ContentError(Fault(shown, None, "rows over several lines", "each row on a line of its own", RESTORE))
    added = [[*columns[len(header) :], *CHAIN]]
    last = START
    for _, record in records:
        cells = dict.fromkeys(columns, "") | record
        cells |= fill(cells)
        cells[PREVIOUS] = last
        cells[DIGEST] = last = row_digest(cells)
        added.append([cells[name] for name in (*columns, *CHAIN)[len(header) :]])
    for place, new in zip(places, added, strict=True):
        bare = lines[place].rstrip("\r\n")
        short = "," * (len(header) - width_of(bare))
        lines[place] = f"{bare}{short},{csv_text([new], '')}{lines[place][len(bare) :]}"
    return "".join(lines).encode()


def _header(raw: bytes) -> list[str]:
    return read_csv(raw, Path(), least=1, rows_needed=False).header


def _records(raw: bytes) -> list[tuple[int, dict[str, str]]]:
    return list(read_csv(raw, Path(), least=1, rows_needed=False).records())
