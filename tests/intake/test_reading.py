"""Publishers' files read strictly, and rows written canonically."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ripeness.errors import ContentError
from ripeness.intake.export import write_rows
from ripeness.intake.reading import read_records, read_table, weekly_sum


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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("day,dead,price\n2022-03-01,-5,1\n", "dead = '-5'"),
        ("day,dead,price\n2022-03-01,1.250,1\n", "dead = '1.250'"),
        ('day,dead,price\n2022-03-01,"1,250",1\n', "dead = '1,250'"),
        ("day,dead,price\n2022-03-01,1 250,1\n", "dead = '1 250'"),
        ("day,dead,price\n2022-03-01,1,-0.5\n", "price = '-0.5'"),
        ("day,dead,price\n2022-03-01T23:30:00,1,1\n", "day = '2022-03-01T23:30:00'"),
        ("day,dead,price\n2022-03-01T00:00:00Z,1,1\n", "day = '2022-03-01T00:00:00Z'"),
        ("day,dead,price\n2022-03-01 00:00+02:00,1,1\n", "day = '2022-03-01 00:00"),
        ("day,dead,price,dead\n2022-03-01,1,1,2\n", "line 1: found columns dead twice"),
    ],
)
def test_what_cannot_be_read_without_a_guess_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        read_table(path, days=["day"], counts=["dead"], amounts=["price"])
    assert words in str(caught.value)


def test_an_empty_cell_is_no_number_and_midnight_is_the_day(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("day,dead,price\n2022-03-01 00:00:00,,0\n2022-03-02T00:00:00.000,3,\n", encoding="utf-8")
    table = read_table(path, days=["day"], counts=["dead"], amounts=["price"])
    assert table["day"].dt.day.tolist() == [1, 2]
    assert (table["dead"].isna().tolist(), table["price"].isna().tolist()) == ([True, False], [False, True])


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"date": "2022-03-01", "n": 1, "other": 1, "other": 2}]', encoding="utf-8")
    assert read_records(path, days=["date"], counts=["n"])["n"].tolist() == [1.0]
    path.write_text('[{"date": "2022-03-01", "n": 1, "n": 2}]', encoding="utf-8")
    with pytest.raises(ContentError, match="an entry with n twice"):
        read_records(path, days=["date"], counts=["n"])


def test_a_sum_of_a_week_needs_all_its_days(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=21)
    series = pd.Series(1.0, index=days).drop(days[9])
    series[days[17]] = float("nan")
    assert {f"{day:%m-%d}": value for day, value in weekly_sum(series).items()} == {"01-07": 7.0}


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
