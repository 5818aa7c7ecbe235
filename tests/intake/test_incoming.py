"""What comes in: encodings, separators, decimals, forms; each refusal at its line."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ripeness.data.events import COVERAGE, EVENTS
from ripeness.data.rows import ROWS
from ripeness.errors import MOST_REPORTED, ContentError, UsageError
from ripeness.intake.incoming import TABLE, Incoming, read_files, read_incoming
from ripeness.workspace.csv import CHUNK

KNOWN = ("oil", "poll")
HEADER = "observed_on,value,published_on,source,grade\n"
ROW = "2024-01-07,75.5,2024-01-09,agency,A\n"
Read = Callable[..., Incoming]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: str | bytes, name: str = "oil.csv", indicator: str | None = None) -> Incoming:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_incoming(path, KNOWN, indicator)

    return read


def values(incoming: Incoming) -> list[float]:
    return [float(value) for value in incoming.frame["value"]]


PLAIN = HEADER + ROW + "2024-01-14,,2024-01-16,agency,B\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        codecs.BOM_UTF8 + PLAIN.encode(),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.encode("utf-16"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
        PLAIN.rstrip("\n").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", ";").replace("75.5", "75,5").encode(),
        PLAIN.replace("observed_on", " observed_on ").replace("75.5", " 75.5 ").encode(),
        (b"grade,source,published_on,value,observed_on\nA,agency,2024-01-09,75.5,2024-01-07\nB,agency,2024-01-16,,2024-01-14\n"),
    ],
    ids=["utf-8", "bom", "crlf", "cr", "utf-16", "utf-16-be", "no last end", "semicolons", "tabs", "decimal commas", "blanks", "order"],
)
def test_what_can_mean_one_thing_only_is_read(read: Read, content: bytes) -> None:
    incoming = read(content)
    assert not incoming.faults
    frame = incoming.frame
    assert (incoming.form, list(frame[TABLE])) == (ROWS, ["oil", "oil"])
    np.testing.assert_array_equal(frame["value"], [75.5, np.nan])
    assert frame["observed_on"].tolist() == [pd.Timestamp("2024-01-07"), pd.Timestamp("2024-01-14")]
    assert frame["grade"].tolist() == ["A", "B"]
    assert frame["line"].tolist() == [2, 3]
    assert frame["sample_size"].isna().all()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["12,5", "1,250"], [12.5, 1.25]),  # one comma that cannot part thousands settles the others
        (["0,125", "1,250"], [0.125, 1.25]),
        (["1250,125"], [1250.125]),
        (["1,250"], None),
        (["12,5", "1.5"], None),
        (["1.250,5"], None),
    ],
)
def test_decimal_commas_are_read_where_they_can_be_nothing_else(read: Read, cells: list[str], expected: list[float] | None) -> None:
    rows = "".join(f"2024-01-{7 * (n + 1):02};{cell};2024-01-30;agency;A\n" for n, cell in enumerate(cells))
    incoming = read(HEADER.replace(",", ";") + rows)
    if expected:
        assert (values(incoming), incoming.faults) == (expected, [])
    else:
        wrong = [n + 2 for n, cell in enumerate(cells) if "," in cell]
        assert [fault.line for fault in incoming.faults] == wrong
        assert "use a point for decimals" in incoming.faults[0].mend


@pytest.mark.parametrize(
    ("cells", "expected"),
    [(["1.250"], None), (["1.250", "12"], None), (["1.250", "12.5"], [1.25, 12.5]), (["0.125"], [0.125]), (["1250.125"], [1250.125])],
)
def test_a_point_that_may_part_thousands_is_refused_in_a_file_of_semicolons(
    read: Read, cells: list[str], expected: list[float] | None
) -> None:
    rows = "".join(f"2024-01-{7 * (n + 1):02};{cell};2024-01-30;agency;A\n" for n, cell in enumerate(cells))
    incoming = read(HEADER.replace(",", ";") + rows)
    assert ((values(incoming) if not incoming.faults else None), [fault.line for fault in incoming.faults]) == (
        expected,
        [] if expected else [2],
    )
    assert values(read(HEADER + "2024-01-07,1.250,2024-01-30,agency,A\n")) == [1.25]


def test_a_decimal_comma_in_a_file_of_commas_is_refused(read: Read) -> None:
    (fault,) = read(HEADER + '2024-01-07,"75,5",2024-01-09,agency,A\n').faults
    assert (fault.line, fault.found) == (2, "value '75,5'")


def test_lines_are_those_of_the_file(read: Read) -> None:
    many = "".join(f"2024-01-07,{n},2024-01-09,agency,A\n" for n in range(CHUNK + 10))
    text = HEADER + "\n" + '2024-01-07,1,2024-01-09,"two\r\nlines, one cell",A\n' + "  \n" + many + "x,1,2024-01-09,a,A\n"
    incoming = read(text)
    assert incoming.frame["line"].iloc[:2].tolist() == [3, 6]
    assert incoming.frame["source"].iloc[0] == "two\r\nlines, one cell"
    assert [fault.line for fault in incoming.faults] == [6 + CHUNK + 10]


def test_rows_are_refused_alone(read: Read) -> None:
    latin = "Königsberg".encode("latin-1")
    incoming = read(
        HEADER.encode() + ROW.encode() + b"2024-01-14,76,2024-01-16," + latin + b",A\n2024-01-21,77\n2024-01-28,x,30.1.2024,a,A\n"
    )
    reported = [(fault.line, fault.found) for fault in sorted(incoming.faults, key=lambda fault: (fault.line or 0, fault.found))]
    assert reported == [
        (3, "source 'K\ufffdnigsberg' with bytes that are not UTF-8"),
        (4, "2 cells"),
        (5, "published_on '30.1.2024'"),
        (5, "value 'x'"),
    ]
    assert incoming.lost == 1
    assert [flags.tolist() for name, flags in incoming.unread.items() if name == "source"] == [[False, True, False]]


def test_a_file_wrong_throughout_is_reported_in_part(read: Read) -> None:
    incoming = read(HEADER + ROW.replace("75.5", "x") * (MOST_REPORTED + 30))
    assert len(incoming.faults) == MOST_REPORTED + 1
    assert incoming.faults[-1].found == "30 more rows, from this one on, with the fault of line 2"
    assert incoming.unread["value"].all()


def test_no_escape_sequence_reaches_the_terminal(read: Read) -> None:
    (fault,) = read(HEADER + ROW.replace("75.5", "\x1b[2J")).faults
    assert "\x1b" not in str(fault)


FORMS = [
    ("any.csv", "indicator," + HEADER + "oil," + ROW + "poll," + ROW, ROWS, ["oil", "poll"]),
    (
        "week.csv",
        "date,end_date,kind,round,published_on,description,source,grade\n2024-01-10,,round,yes,2024-01-10,talks,a,A\n",
        EVENTS,
        ["events"],
    ),
    ("week.csv", "from,to,q05,q95,published_on,note\n2024-01-01,2024-02-04,0.9,0.99,2024-02-04,\n", COVERAGE, ["coverage"]),
    ("poll.csv", HEADER.replace("grade", "grade,sample_size") + "2024-01-07,40,2024-01-09,a,A,900\n", ROWS, ["poll"]),
]


@pytest.mark.parametrize(("name", "content", "form", "tables"), FORMS, ids=["long", "events", "coverage", "poll"])
def test_the_header_says_what_a_file_holds(read: Read, name: str, content: str, form: object, tables: list[str]) -> None:
    incoming = read(content, name)
    assert (incoming.form, list(incoming.frame[TABLE]), incoming.faults) == (form, tables, [])


def test_an_empty_end_date_is_the_date(read: Read) -> None:
    frame = read(FORMS[1][1], "week.csv").frame
    assert frame["end_date"].tolist() == frame["date"].tolist() == [pd.Timestamp("2024-01-10")]
    assert frame["round"].tolist() == [True]


def test_an_indicator_given_overrides_the_name(read: Read) -> None:
    assert list(read(HEADER + ROW, "week27.csv", "poll").frame[TABLE]) == ["poll"]
    assert list(read(HEADER + ROW, "oil.csv", "poll").frame[TABLE]) == ["poll"]
    with pytest.raises(UsageError, match=r"--indicator poll: any\.csv says itself"):
        read(FORMS[0][1], "any.csv", "poll")


@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        (b"", "an empty file", None),
        (b"\n \n", "an empty file", None),
        (HEADER.encode(), "a header and no row", None),
        ((ROW + ROW).encode(), "a header: observed_on", 1),
        (b"\xff\xfe\x00\x00" + "x".encode("utf-32-le"), "a NUL byte", 1),
        (PLAIN.encode("utf-16-le"), "a NUL byte", 1),
        (b"\xff\xfeabc", "broken UTF-16", None),
        ((HEADER + ROW).encode() + b"\0", "a NUL byte", 3),
        ((HEADER + ROW + '2024-01-14,76,2024-01-16,"open,A\n\n').encode(), "broken quoting", 3),
        (HEADER.replace("grade", "grades").encode() + ROW.encode(), "did you mean 'grade'", 1),
        (HEADER.replace(",grade", "").encode() + b"2024-01-07,1,2024-01-09,a\n", "no column 'grade'", 1),
        (HEADER.encode().replace(b"grade", b"\x80\x80") + ROW.encode(), "unknown column '\ufffd\ufffd'", 1),
    ],
)
def test_a_file_of_no_form_is_refused_whole(read: Read, content: bytes, words: str, line: int | None) -> None:
    with pytest.raises(ContentError) as caught:
        read(content)
    assert words in str(caught.value)
    assert caught.value.faults[0].line == line


@pytest.mark.parametrize(
    ("name", "header", "expected"),
    [
        ("oil.csv", "date,price", "a header: observed_on,value,published_on,source,grade. "),  # `date` is a column of events, too
        ("events.csv", "date,price", "a header: date,end_date,kind,round,published_on,description,source,grade. "),
        ("coverage.csv", "date,price", "a header: from,to,q05,q95,published_on,note. "),
        ("events.csv", "observed_on,value", "a header: date,end_date,"),
        ("any.csv", "date,price", "a header: observed_on,value,published_on,source,grade or date,end_date,kind,"),
        ("any.csv", "indicator,date,price", "a header: indicator,observed_on,value,"),
    ],
)
def test_columns_that_are_hardly_any_of_its_form_are_reported_once_by_the_name(read: Read, name: str, header: str, expected: str) -> None:
    with pytest.raises(ContentError) as caught:
        read(f"{header}\n2024-01-07,75.5\n", name)
    (fault,) = caught.value.faults
    assert (fault.line, fault.found) == (1, f"the columns {header}")
    assert f"expected {expected}"[:60] in str(fault)
    assert "a publisher's own file is read by 'ripeness import'" in fault.mend


def test_a_whole_header_goes_before_the_name(read: Read) -> None:
    events = read(FORMS[1][1], "oil.csv")
    assert (events.form, list(events.frame[TABLE])) == (EVENTS, ["events"])
    with pytest.raises(ContentError, match="rows of 'events'; expected rows of an indicator"):
        read(HEADER + ROW, "events.csv")


def test_a_name_that_is_no_indicator_gets_the_nearest_suggested(read: Read) -> None:
    with pytest.raises(ContentError, match="did you mean 'oil'"):
        read(HEADER + ROW, "oill.csv")


@pytest.mark.parametrize("name", ["=1+1.csv", "@x.csv", "a;b.csv"])
def test_a_name_that_a_spreadsheet_would_run_is_refused(read: Read, name: str) -> None:
    with pytest.raises(UsageError, match="rename the file"):
        read(HEADER + ROW, name)


def test_what_is_no_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv: no such file"):
        read_incoming(tmp_path / "none.csv", KNOWN)
    with pytest.raises(UsageError, match="a folder"):
        read_incoming(tmp_path, KNOWN)


def test_all_files_are_read_before_one_is_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("")
    with pytest.raises(ContentError) as caught:
        read_files([tmp_path / "a.csv", tmp_path / "b.csv"], KNOWN)
    assert [fault.path.name for fault in caught.value.faults] == ["a.csv", "b.csv"]
    (tmp_path / "sub").mkdir()
    with pytest.raises(UsageError, match=r"two files are named a\.csv"):
        read_files([tmp_path / "a.csv", tmp_path / "sub" / "a.csv"], KNOWN)
