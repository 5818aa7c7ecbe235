"""Sound files made bad or odd: bytes, lines, cells, columns, TOML values and JSON entries; all of it follows from a random generator."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

NONSENSE = [
    *(
        "",
        " ",
        "\t",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e400",
        "-1e400",
        "1e308",
        "-1",
        "-0",
        "0",
        "1e-320",
        "9" * 25,
        "9" * 5000,
        "1_000",
        "0x10",
    ),
    *("1,5", "1,250", "1.250,5", "12.5%", "½", "１２", "١٢", "twelve", "true", "yes", "no", "None", "null", "N/A", "{}", "[]", "#REF!"),
    *("0000-01-01", "0001-01-01", "1600-02-29", "1899-12-31", "1900-01-01", "2199-12-31", "2262-04-12", "9999-12-31", "10000-01-01"),
    *("2024-02-30", "2024-13-01", "2024-00-10", "2024-1-7", "2024-01-07T00:00:00", "20240107", "2024-W01-7", "07.01.2024", "٢٠٢٤-01-07"),
    *("0000-01", "0001-01", "9999-12", "2024-13", "2024-12/11", "2024-02-20/30", "0000", "9999", "by 2024-02-30", "2024-01-20..40"),
    *(
        '"',
        '""',
        '"open',
        "'",
        ";",
        ",",
        "|",
        "\\",
        "\n",
        "\r",
        "\r\n",
        "\0",
        "\ufeff",
        "\u2028",
        "\x85",
        "\x1c",
        "\x1b[31m",
        "\u202e",
        "\ud800",
    ),
    *("=1+1", '=HYPERLINK("http://x","y")', "+1", "@SUM(A1)", "<script>alert(1)</script>", "<b>&amp;", "[bold]x[/bold]", "[/]", "%s{0}"),
    *(
        "x" * 9000,
        "x" * 131_073,
        "é" * 300,
        "../../etc/passwd",
        "A",
        "C",
        "D",
        "RU-UA",
        "-",
        "round",
        "announced",
        "postponed",
        "oil",
        "nobody",
    ),
]
DECLARED = "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1251", "latin-1", "utf-7"


def mutate(name: str, text: str, random: Random) -> bytes:
    """The bytes of a file after one to three mutations that fit its form; now and then it stays as it is."""
    raw = text.encode()
    for _ in range(random.choice((0, 1, 1, 1, 1, 2, 2, 3)) if random.random() < 0.97 else 0):
        if random.random() < 0.35:
            raw = random.choice(_OF_BYTES)(raw, random)
            continue
        shape = _OF_FORM.get(name.rpartition(".")[2], _lines)
        try:
            raw = shape(raw.decode("utf-8-sig"), random).encode(errors="surrogatepass")
        except (ValueError, RecursionError, csv.Error):  # no longer of that form
            raw = _flip(raw, random)
    return raw


def _truncate(raw: bytes, random: Random) -> bytes:
    return raw[: random.randrange(len(raw) + 1)]


def _flip(raw: bytes, random: Random) -> bytes:
    changed = bytearray(raw or b"x")
    for _ in range(random.choice((1, 1, 3, 20))):
        changed[random.randrange(len(changed))] = random.choice((0, 10, 13, 34, 44, 59, 0x80, 0xC3, 0xFF, random.randrange(256)))
    return bytes(changed)


def _insert(raw: bytes, random: Random) -> bytes:
    place = random.randrange(len(raw) + 1)
    what = random.choice((b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"\n\n\n", b"\r", b"\xe9", b"\xc3", b"x" * 200_000, b",", b"[" * 3000))
    return raw[:place] + what + raw[place:]


def _reencode(raw: bytes, random: Random) -> bytes:
    return raw.decode(errors="replace").encode(random.choice(DECLARED), errors="replace")


def _line_ends(raw: bytes, random: Random) -> bytes:
    return raw.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b"\n \n", b"\n\r")))


def _separators(raw: bytes, random: Random) -> bytes:
    return raw.replace(b".", random.choice((b".", b","))).replace(b",", random.choice((b";", b"\t", b"|", b", ")))


def _nothing(raw: bytes, random: Random) -> bytes:
    return random.choice(
        (b"", b"\n", b"\xef\xbb\xbf", b"\0" * 50, raw.splitlines()[0] if raw.strip() else b" ", b'"', b"PK\x03\x04" + raw[:40])
    )


_OF_BYTES: list[Callable[[bytes, Random], bytes]] = [_truncate, _flip, _insert, _reencode, _line_ends, _separators, _nothing]


def _lines(text: str, random: Random) -> str:
    """Lines dropped, doubled, swapped, or given a nonsense word."""
    lines = text.split("\n")
    place, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            del lines[place]
        case 1:
            lines.insert(other, lines[place])
        case 2:
            lines[place], lines[other] = lines[other], lines[place]
        case 3:
            words = re.split(r"(\W+)", lines[place])
            words[random.randrange(len(words))] = random.choice(NONSENSE)
            lines[place] = "".join(words)
        case _:
            lines.insert(place, random.choice(NONSENSE))
    return "\n".join(lines)


def _table(text: str, random: Random) -> str:
    """Cells, columns and rows of a CSV."""
    separator = ";" if ";" in text.partition("\n")[0] else ","
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    if not rows or not rows[0]:
        return _lines(text, random)
    column, row = random.randrange(len(rows[0])), random.randrange(len(rows))
    match random.randrange(12):
        case 0:
            rows[0][column] = random.choice(["", "Value", rows[0][column].upper(), rows[0][0], *NONSENSE])
        case 1:
            rows = [cells[:column] + cells[column + 1 :] for cells in rows]
        case 2:
            rows = [[*cells, *cells[column : column + 1]] for cells in rows]
        case 3:
            order = random.sample(range(len(rows[0])), len(rows[0]))
            rows = [[cells[place] for place in order if place < len(cells)] for cells in rows]
        case 4:
            rows.append(rows[row])
        case 5:
            rows[row] = rows[row] * 2
        case 6:
            word = random.choice(NONSENSE)
            rows = [rows[0], *([*cells[:column], word, *cells[column + 1 :]] for cells in rows[1:])]
        case _:
            for _ in range(random.choice((1, 1, 2, 5))):
                chosen = rows[random.randrange(len(rows))]
                if chosen:
                    chosen[random.randrange(len(chosen))] = random.choice(NONSENSE)
    return random.choice((_quoted, _bare))(rows, separator)


def _quoted(rows: list[list[str]], separator: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _bare(rows: list[list[str]], separator: str) -> str:
    return "".join(separator.join(cells) + "\n" for cells in rows)


def _toml(text: str, random: Random) -> str:
    """A value of a TOML file replaced, or its lines."""
    lines = text.split("\n")
    keyed = [place for place, line in enumerate(lines) if " = " in line]
    if not keyed or random.random() < 0.3:
        return _lines(text, random)
    place = random.choice(keyed)
    key, _, value = lines[place].partition(" = ")
    word = random.choice(NONSENSE)
    values = [
        word,
        f'"{word}"',
        f"[{value}]",
        f"{{ a = {value} }}",
        "nan",
        "-inf",
        "1e400",
        "0001-01-01",
        "1979-05-27T07:32:00Z",
        "[" * 2000,
        "{}",
    ]
    lines[place] = f"{random.choice((key, key, key, key + '.x', word or 'x'))} = {random.choice(values)}"
    return "\n".join(lines)


def _json(text: str, random: Random) -> str:
    """Entries, keys and values of a JSON array, or another shape altogether."""
    data: Any = json.loads(text)
    if not isinstance(data, list) or not data or not isinstance(data[0], dict):
        return _lines(text, random)
    odd: list[Any] = [None, True, [], {}, [1], {"a": 1}, float("nan"), float("inf"), 10**30, 1e308, -5, "", *NONSENSE]
    entry = random.choice([entry for entry in data if isinstance(entry, dict)])  # an earlier change may have put something else there
    key = random.choice(list(entry) or ["date"])
    match random.randrange(9):
        case 0:
            data = random.choice([{"data": data}, {}, None, 3, "text", [data], [[1, 2]], [*data, None], []])
        case 1:
            entry.pop(key, None)
        case 2:
            entry[random.choice(NONSENSE)] = entry.pop(key, None)
        case 3:
            data.append(dict(entry))
        case 4:
            return random.choice(
                ("[" * 100_000, '{"a":' * 50_000, f"[{'9' * 5000}]", text + text, text.replace(",", ",,", 1), text[:-1] + ",]")
            )
        case _:
            entry[key] = random.choice(odd)
    return json.dumps(data, indent=random.choice((None, 0)), ensure_ascii=random.random() < 0.5)


_OF_FORM = {"csv": _table, "toml": _toml, "json": _json}
