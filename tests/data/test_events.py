from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ripeness.data.events import read_coverage, read_events
from ripeness.errors import ContentError

HEADER = "date,end_date,kind,round,published_on,description,source,grade\n"
GOOD = "2024-01-10,2024-01-11,round,yes,2024-01-10,talks,agency,A\n"
PLANNED = "2024-02-10,2024-02-24,meeting_agreed,no,2024-02-01,a second round,agency,A\n"
STRETCHES = "from,to,q05,q95,published_on,note\n"
FIRST = "2024-01-01,2024-02-04,0.9,0.99,2024-02-04,\n"
SECOND = "2024-02-05,2024-03-06,0.8,0.9,2024-03-07,thin\n"


def _write(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(content)
    return path


def test_events_are_typed_and_announcements_may_precede_their_day(tmp_path: Path) -> None:
    events = read_events(
        _write(tmp_path, HEADER + GOOD + PLANNED + GOOD.replace("2024-01-11", "").replace("talks", "more talks")), Path("x")
    )
    assert events["round"].tolist() == [True, False, True]
    assert events["published_on"].tolist()[1] == pd.Timestamp("2024-02-01")
    assert events["end_date"].tolist() == [pd.Timestamp("2024-01-11"), pd.Timestamp("2024-02-24"), pd.Timestamp("2024-01-10")]
    assert events["line"].tolist() == [2, 3, 4]


def test_a_meeting_may_be_announced_on_its_last_day_and_taken_back_after_it(tmp_path: Path) -> None:
    last = PLANNED.replace("2024-02-01", "2024-02-24")
    taken_back = [PLANNED.replace("agreed", kind).replace("2024-02-01", "2024-02-26") for kind in ("postponed", "cancelled")]
    assert len(read_events(_write(tmp_path, HEADER + last + "".join(taken_back)), Path("x"))) == 3


@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        (HEADER, "a header and no row", None),
        (HEADER.replace("kind", "type") + GOOD, "unknown column 'type'", 1),
        (HEADER + GOOD.replace("round", "rounds"), "did you mean 'round'", 2),
        (HEADER + GOOD.replace("2024-01-11", "2024-01-09"), "end_date 2024-01-09 before date", 2),
        (HEADER + GOOD.replace("yes", "true"), "round 'true'; expected yes or no", 2),
        (HEADER + PLANNED.replace("no", "yes", 1), "round = yes for kind 'meeting_agreed'", 2),
        (HEADER + GOOD.replace("yes,2024-01-10", "yes,2024-01-09"), "published_on 2024-01-09 before date", 2),
        (HEADER + PLANNED.replace("2024-02-01", "2024-02-25"), "meeting_agreed published_on 2024-02-25 for days to 2024-02-24", 2),
        (HEADER + PLANNED.replace("2024-02-24", "").replace("2024-02-01", "2024-02-11"), "announced on or before its last day", 2),
        *(
            (HEADER + PLANNED.replace("agreed", kind).replace("2024-02-01", "2024-02-25"), f"meeting_{kind} published_on", 2)
            for kind in ("one_side", "third_party", "leaders")
        ),
        (HEADER + GOOD.replace("talks", ""), "no description", 2),
        (HEADER + GOOD.replace("agency", ""), "no source", 2),
        (HEADER + GOOD.replace(",A", ",1"), "grade '1'", 2),
        (HEADER + GOOD.replace("2024-01-10,", "10 January,", 1), "date '10 January'", 2),
        (HEADER + GOOD + PLANNED + GOOD, "as line 2", 4),
    ],
)
def test_a_broken_event_is_refused_at_its_line(tmp_path: Path, content: str, words: str, line: int | None) -> None:
    with pytest.raises(ContentError) as caught:
        read_events(_write(tmp_path, content), Path("data/events.csv"))
    (fault,) = [fault for fault in caught.value.faults if words in str(fault)]
    assert (fault.path.as_posix(), fault.line) == ("data/events.csv", line)


SPELLINGS = ["café", "cafe\u0301", "Café", "ca\u200bfé", "ca\u00adfé"]


@pytest.mark.parametrize("word", SPELLINGS)
def test_one_description_in_other_letters_is_one_event(tmp_path: Path, word: str) -> None:
    path = tmp_path / "events.csv"
    rows = [
        "2024-01-10,,round,yes,2024-01-11,Delegations' talks in the café — 2nd,a,A",
        f"2024-01-10,,round,no,2024-01-18,Delegations’  talks\u00a0in the {word} - 2nd,a,A",
    ]
    path.write_text("\n".join(["date,end_date,kind,round,published_on,description,source,grade", *rows]) + "\n", "utf-8")
    events = read_events(path, Path("events.csv"))
    assert events["description"].tolist() == ["Delegations' talks in the café — 2nd"] * 2


@pytest.mark.parametrize("word", ["cafe", "cofé", "café 3"])
def test_other_words_are_another_event(tmp_path: Path, word: str) -> None:
    path = tmp_path / "events.csv"
    rows = ["2024-01-10,,round,yes,2024-01-11,talks in the café,a,A", f"2024-01-10,,round,no,2024-01-18,talks in the {word},a,A"]
    path.write_text("\n".join(["date,end_date,kind,round,published_on,description,source,grade", *rows]) + "\n", "utf-8")
    assert read_events(path, Path("events.csv"))["description"].nunique() == 2


def test_coverage_is_read_in_the_order_of_its_stretches_and_may_be_revised(tmp_path: Path) -> None:
    revised = FIRST.replace("0.9,", "0.95,").replace("0.99,2024-02-04", "0.99,2024-05-01")
    coverage = read_coverage(_write(tmp_path, STRETCHES + SECOND + FIRST + revised), Path("x"))
    assert coverage["line"].tolist() == [3, 4, 2]
    assert coverage["q05"].tolist() == [0.9, 0.95, 0.8]
    assert coverage["to"].max() == pd.Timestamp("2024-03-06")


@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        (STRETCHES, "a header and no row", None),
        (STRETCHES + FIRST + SECOND.replace("2024-02-05", "2024-02-07"), "a gap: from 2024-02-07 after a stretch to 2024-02-04", 3),
        (STRETCHES + FIRST + SECOND.replace("2024-02-05", "2024-02-01"), "an overlap: from 2024-02-01", 3),
        (STRETCHES + FIRST.replace("2024-02-04", "2023-12-31", 1), "to 2023-12-31 before from 2024-01-01", 2),
        (STRETCHES + FIRST.replace("0.9,", "0,"), "give shares above 0", 2),
        (STRETCHES + FIRST.replace("0.9,", "-0.1,"), "give shares above 0", 2),
        (STRETCHES + FIRST.replace("0.9,", "0.995,"), "expected 0 < q05 < q95 < 1. To mend: put them in rising order", 2),
        (STRETCHES + FIRST.replace("0.9,", "0.99,"), "q05 0.99 and q95 0.99; expected 0 < q05 < q95 < 1. To mend: set them apart", 2),
        (STRETCHES + FIRST + SECOND.replace("0.9,", "1,"), "no search is certain", 3),
        (STRETCHES + FIRST.replace("0.9,", "1,").replace("0.99,", "1,"), "no search is certain", 2),
        (STRETCHES + FIRST.replace("0.99,", "99,"), "not percent", 2),
        (STRETCHES + FIRST.replace("0.99,", ","), "no q95", 2),
        (STRETCHES + FIRST.replace("0.99,2024-02-04", "0.99,2024-02-03"), "published_on 2024-02-03 before to 2024-02-04", 2),
        (STRETCHES + FIRST + FIRST, "a second time", 3),
    ],
)
def test_broken_coverage_is_refused_at_its_line(tmp_path: Path, content: str, words: str, line: int | None) -> None:
    with pytest.raises(ContentError) as caught:
        read_coverage(_write(tmp_path, content), Path("data/coverage.csv"))
    (fault,) = [fault for fault in caught.value.faults if words in str(fault)]
    assert (fault.path.as_posix(), fault.line) == ("data/coverage.csv", line)


def test_a_stretch_with_an_unreadable_date_is_not_called_a_gap_as_well(tmp_path: Path) -> None:
    third = "2024-03-07,2024-04-06,0.8,0.9,2024-04-07,\n"
    with pytest.raises(ContentError) as caught:
        read_coverage(_write(tmp_path, STRETCHES + FIRST + SECOND.replace("2024-03-06", "soon") + third), Path("x"))
    assert len(caught.value.faults) == 1
