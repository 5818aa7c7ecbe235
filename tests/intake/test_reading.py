"""Publishers' files read strictly, and rows written canonically."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ripeness.errors import ContentError
from ripeness.intake.export import write_rows
from ripeness.intake.reading import read_records, read_table


def test_all_faults_are_reported_and_byte_order_marks_accepted(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbfday,value\r\n2022-03-01,1\r\n")
    assert read_table(path, days=["day"], numbers=["value"])["value"].tolist() == [1.0]
    path.write_bytes(b"day,value\nx,1\n2022-03-01,y\n")
    with pytest.raises(ContentError) as caught:
        read_table(path, days=["day"], numbers=["value"])
    assert [fault.line for fault in caught.value.faults] == [2, 3]


def test_broken_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text, words in (("[\n{]", "line 2"), ("{}", "array of objects"), ('[{"date": "2022-03-01"}]', "entry 1 without n")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ContentError, match=words):
            read_records(path, days=["date"], numbers=["n"])


def test_written_files_are_canonical(tmp_path: Path) -> None:
    day = pd.Timestamp("2024-01-07")
    table = pd.DataFrame(
        {
            "observed_on": [day, day, day - pd.Timedelta(days=7)],
            "value": [0.1 + 0.2, float("nan"), 3.0],
            "published_on": [day + pd.Timedelta(days=9), day + pd.Timedelta(days=1), day],
            "source": ["a, b", "a", "a"],
            "grade": "A",
        }
    )
    (path,) = write_rows({"x": table}, tmp_path)
    expected = ["observed_on,value,published_on,source,grade", "2023-12-31,3,2024-01-07,a,A", "2024-01-07,,2024-01-08,a,A"]
    assert path.read_bytes().decode() == "\n".join([*expected, '2024-01-07,0.30000000000000004,2024-01-16,"a, b",A', ""])
