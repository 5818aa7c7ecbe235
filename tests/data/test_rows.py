from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ripeness.data.indicators import Contract, read_contracts
from ripeness.data.rows import read_rows
from ripeness.errors import MOST_REPORTED, ContentError
from ripeness.workspace import Workspace

Write = Callable[..., Workspace]
HEADER = "observed_on,value,published_on,source,grade\n"
SIZED = "observed_on,value,published_on,source,grade,sample_size\n"
GOOD = "2024-01-07,75.5,2024-01-09,agency,A\n"


@pytest.fixture
def contracts(write_workspace: Write) -> dict[str, Contract]:
    return read_contracts(write_workspace())


@pytest.fixture
def read(contracts: dict[str, Contract], tmp_path: Path) -> Callable[..., pd.DataFrame]:
    def read(content: str | bytes, indicator: str = "oil") -> pd.DataFrame:
        path = tmp_path / f"{indicator}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_rows(path, Path("data") / path.name, contracts[indicator])

    return read


def test_rows_are_typed_and_know_their_lines(read: Callable[..., pd.DataFrame]) -> None:
    rows = read(SIZED + GOOD.strip() + ',\n\n2024-01-14,,2024-01-15,"agency,\nnew series",B,900\n2024-01-14,80,2024-01-16,x,C,\n')
    assert rows["line"].tolist() == [2, 4, 6]  # blank lines and texts over two lines are counted
    assert rows["observed_on"].dtype == "datetime64[ns]"
    assert rows["published_on"].tolist() == [pd.Timestamp("2024-01-09"), pd.Timestamp("2024-01-15"), pd.Timestamp("2024-01-16")]
    np.testing.assert_array_equal(rows["value"], [75.5, np.nan, 80.0])  # an empty value withdraws the period
    np.testing.assert_array_equal(rows["sample_size"], [np.nan, 900.0, np.nan])
    assert rows["source"].tolist() == ["agency", "agency,\nnew series", "x"]


def test_a_byte_order_mark_crlf_and_any_order_of_columns_are_accepted(read: Callable[..., pd.DataFrame]) -> None:
    plain = read(HEADER + GOOD)
    pd.testing.assert_frame_equal(read(b"\xef\xbb\xbf" + (HEADER + GOOD).replace("\n", "\r\n").encode()), plain)
    pd.testing.assert_frame_equal(read("grade,source,published_on,value,observed_on\nA, agency ,2024-01-09, 75.5,2024-01-07"), plain)


BROKEN: list[tuple[str | bytes, list[str], int | None]] = [
    ("", ["an empty file"], None),
    ("\n\n", ["an empty file"], None),
    (HEADER, ["a header and no row"], None),
    (HEADER.replace(",grade", "") + GOOD.replace(",A", ""), ["no column 'grade'"], 1),
    (HEADER.replace("grade", "grades") + GOOD, ["unknown column 'grades'", "did you mean 'grade'"], 1),
    (HEADER.replace("source", "value") + GOOD, ["column 'value' twice"], 1),
    ((HEADER + GOOD).replace(",", ";"), ["semicolons or tabs", "save the file with commas"], 1),
    (HEADER + GOOD.replace("2024-01-07", "07.01.2024"), ["observed_on '07.01.2024'", "YYYY-MM-DD"], 2),
    (HEADER + GOOD.replace("2024-01-07", "2024-1-7"), ["observed_on '2024-1-7'"], 2),
    (HEADER + GOOD.replace("2024-01-07", "20240107"), ["observed_on '20240107'"], 2),
    (HEADER + GOOD.replace("2024-01-07", "2023-02-29"), ["observed_on '2023-02-29'"], 2),
    (HEADER + GOOD.replace("2024-01-07", "0224-01-07"), ["observed_on '0224-01-07'"], 2),
    (HEADER + GOOD.replace("2024-01-09", ""), ["no published_on"], 2),
    (HEADER + GOOD.replace("75.5", "high"), ["value 'high'", "a finite number"], 2),
    (HEADER + GOOD.replace("75.5", '"75,5"'), ["value '75,5'", "use a point for decimals"], 2),
    (HEADER + GOOD.replace("75.5", "7_5"), ["value '7_5'"], 2),
    (HEADER + GOOD.replace("75.5", "\u0667\u0665"), ["value '\u0667\u0665'"], 2),  # digits that float() would take
    (HEADER + GOOD.replace("75.5", "nan"), ["value 'nan'", "leave the row out"], 2),
    (HEADER + GOOD.replace("75.5", "-inf"), ["value '-inf'", "leave the row out"], 2),
    (HEADER + GOOD.replace("75.5", "1e999"), ["value '1e999'"], 2),
    (HEADER + GOOD.replace("2024-01-09", "2024-01-06"), ["published_on 2024-01-06 before observed_on 2024-01-07"], 2),
    (HEADER + GOOD.replace(",A", ",D"), ["grade 'D'", "A, B or C"], 2),
    (HEADER + GOOD.replace(",A", ",a"), ["grade 'a'"], 2),
    (HEADER + GOOD.replace("agency", ""), ["no source"], 2),
    (HEADER + GOOD.replace("75.5", "755"), ["value 755", "10 to 250 USD a barrel"], 2),
    (HEADER + GOOD + GOOD, ["the same row as line 2"], 3),
    (HEADER + GOOD + GOOD.replace("75.5", "76"), ["another value than line 2"], 3),
    (HEADER + GOOD + GOOD.replace("75.5", ""), ["another value than line 2"], 3),
    (HEADER + GOOD.replace("2024-01-07", "2024-01-06"), ["2024-01-06, a Saturday", "a Sunday"], 2),
    (HEADER + GOOD + "2024-01-14,78\n", ["2 cells", "5 cells"], 3),
    (HEADER + GOOD + "2024-01-14,78,2024-01-16,a,b,A\n", ["6 cells", "quote a text"], 3),
    (HEADER + GOOD + '2024-01-14,78,2024-01-16,"agency,A\n2024-01-21,78,2024-01-26,x,A\n', ["broken quoting"], 3),
    ((HEADER + GOOD).encode() + b"2024-01-14,78,2024-01-16,\xe9t\xe9,A\n", ["not UTF-8"], 3),
    ((HEADER + GOOD).encode() + b"2024-01-14,7\0008,2024-01-16,x,A\n", ["a NUL byte"], 3),
    ((HEADER + GOOD).encode("utf-16"), ["a NUL byte", "not UTF-16"], 1),
    (SIZED + GOOD.strip() + ",0\n", ["sample_size 0", "respondents, from 10 on"], 2),
    (SIZED + GOOD.strip() + ",1.006\n", ["sample_size 1.006", "a whole number"], 2),  # one thousand and six, in German
    (SIZED + GOOD.strip() + ",2\n", ["sample_size 2", "respondents, from 10 on"], 2),
    (SIZED + GOOD.strip() + ",many\n", ["sample_size 'many'"], 2),
]


@pytest.mark.parametrize(("content", "words", "line"), BROKEN)
def test_a_broken_file_is_refused_at_its_line(
    read: Callable[..., pd.DataFrame], content: str | bytes, words: list[str], line: int | None
) -> None:
    with pytest.raises(ContentError) as caught:
        read(content)
    (fault,) = [fault for fault in caught.value.faults if words[0] in str(fault)]
    assert fault.path.as_posix() == "data/oil.csv"
    assert fault.line == line
    for word in words:
        assert word in str(fault)


@pytest.mark.parametrize(
    ("indicator", "row", "words"),
    [
        ("poll", "2024-02-03,0,2024-02-20,pollster,B,", "of which the logit can be taken"),
        ("contacts", "2024-01-07,1.5,2024-01-08,chronology,B,120", "a whole number"),
        ("contacts", "2024-01-07,1,2024-01-08,chronology,B,", "the exposure of the count"),
        ("contacts", "2025-01-05,1,2025-01-06,chronology,B,120", "observed_on 2025-01-05, after the last era 'late', to 2024-12-31"),
        ("contacts", "2023-12-31,1,2024-01-06,chronology,B,120", "observed_on 2023-12-31, before the first era 'early', from 2024-01-01"),
    ],
)
def test_rows_keep_to_the_likelihood_of_their_contract(read: Callable[..., pd.DataFrame], indicator: str, row: str, words: str) -> None:
    with pytest.raises(ContentError, match=words) as caught:
        read(f"{SIZED}{row}\n", indicator)
    assert [fault.line for fault in caught.value.faults] == [2]


def test_the_error_of_a_row_after_the_last_era_names_what_to_write_and_where(read: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(ContentError) as caught:
        read(SIZED + "2025-01-05,1,2025-01-06,chronology,B,120\n", "contacts")
    (fault,) = caught.value.faults
    assert fault.mend == (
        'add an era such as { id = "from_2025_01", from = 2025-01-01, to = 2025-12-31 } to eras of [contacts] in indicators.toml, '
        "and to loadings.toml its share captured, as [capture.contacts.from_2025_01]"
    )


def test_a_monthly_row_ends_on_the_last_day_of_its_month(contracts: dict[str, Contract], tmp_path: Path) -> None:
    monthly = contracts["oil"].model_copy(update={"frequency": "monthly", "window": "month"})
    path = tmp_path / "oil.csv"
    path.write_text(HEADER + "2024-02-29,75,2024-03-09,agency,A\n2024-03-30,75,2024-04-09,agency,A\n")
    with pytest.raises(ContentError, match="line 3: found observed_on 2024-03-30, a Saturday; expected the last day of a month") as caught:
        read_rows(path, path, monthly)
    assert len(caught.value.faults) == 1


def test_all_faults_are_reported_at_once_in_the_order_of_the_lines(read: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(ContentError) as caught:
        read(HEADER + "2024-01-07,755,soon,,Z\n" + GOOD + "2024-01-21,x,2024-01-22,agency,A\n")
    assert [fault.line for fault in caught.value.faults] == [2, 2, 2, 2, 4]


def test_a_file_wrong_throughout_is_not_reported_row_by_row(read: Callable[..., pd.DataFrame]) -> None:
    days = pd.date_range("2000-01-02", periods=MOST_REPORTED + 30, freq="W").strftime("%Y-%m-%d")
    with pytest.raises(ContentError, match="30 more rows") as caught:
        read(HEADER + "".join(f"{day},75,{day},agency,Z\n" for day in days))
    assert len(caught.value.faults) == MOST_REPORTED + 1
