"""Verdicts, and what an update writes: rows appended, the record beside them, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from ripeness.data.batches import UPDATES_FILE, VERDICTS
from ripeness.data.vintages import read_store
from ripeness.errors import ContentError
from ripeness.intake.incoming import read_files
from ripeness.intake.updates import Choices, Update, update_store
from ripeness.workspace import Workspace

Write = Callable[..., Workspace]
Tree = Callable[[Path], dict[str, bytes | None]]
Bring = Callable[..., Update]
HEADER = "observed_on,value,published_on,source,grade\n"
LONG = "indicator,observed_on,value,published_on,source,grade,sample_size\n"
EVENTS = "date,end_date,kind,round,published_on,description,source,grade\n"
COVERAGE = "from,to,q05,q95,published_on,note\n"
DAYS = [
    "2024-01-07",
    "2024-01-14",
    "2024-01-21",
    "2024-01-28",
    "2024-02-04",
    "2024-02-11",
    "2024-02-18",
    "2024-02-25",
    "2024-03-03",
    "2024-03-10",
]
PRICES = HEADER + "".join(
    f"{day},{75 + n % 2},{day[:-2]}{int(day[-2:]) + 2:02},agency,A\n" for n, day in enumerate(DAYS) if day != "2024-01-28"
)


@pytest.fixture
def workspace(write_workspace: Write) -> Workspace:
    """Nine prices, the last published on 12 March 2024; see `CSVS` for the rest."""
    return write_workspace(oil=PRICES)


@pytest.fixture
def bring(workspace: Workspace, tmp_path: Path) -> Bring:
    """Bring files, given by name, into the workspace."""

    def bring(files: Mapping[str, str], day: str | None = None, **choices: bool) -> Update:
        folder = tmp_path / "incoming"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, newline="")
        incoming = read_files([folder / name for name in files], ["oil", "poll", "contacts"])
        return update_store(workspace, lambda _: incoming, Choices(date.fromisoformat(day) if day else None, **choices))

    return bring


def verdicts(update: Update) -> list[str]:
    return [verdict for one in update.judged for verdict in one.rows["verdict"]]


def test_each_row_has_its_verdict(bring: Bring) -> None:
    rows = [
        "2024-03-17,77,2024-03-19,agency,A",  # new
        "2024-03-10,75.8,2024-03-19,agency,A",  # revision
        "2024-03-03,,2024-03-19,agency,A",  # withdrawal
        "2024-01-28,75,2024-01-30,agency,A",  # late entry: a gap, filled after its time
        "2024-02-25,76,2024-02-27,agency,A",  # duplicate: stored
        "2024-03-17,77,2024-03-19,agency,A",  # duplicate: above
        "2024-03-24,9,2024-03-26,agency,A",  # refused
    ]
    update = bring({"oil.csv": HEADER + "\n".join(rows) + "\n"}, dry_run=True)
    assert verdicts(update) == ["new", "revision", "withdrawal", "late entry", "duplicate", "duplicate", "refused"]
    assert update.counts == dict(zip(VERDICTS, [1, 1, 1, 1, 2, 1], strict=True))
    judged = update.judged[0].rows
    assert judged["change"].tolist() == ["new", "revision", "withdrawal", "new", "", "", ""]
    assert judged["was_value"].iloc[1:3].tolist() == [76.0, 75.0]
    assert judged["was_value"].iloc[[0, 3]].isna().all()
    assert [(fault.line, fault.found) for fault in update.faults] == [(8, "value 9")]


REFUSED = {
    "unread": ("2024-03-17,dear,2024-03-19,agency,A", "value 'dear'"),
    "implausible": ("2024-03-17,300,2024-03-19,agency,A", "value 300"),
    "jump": ("2024-03-17,40,2024-03-19,agency,A", "value 40 after 76, a change of 2.6 units"),
    "before its period": ("2024-03-17,77,2024-03-16,agency,A", "published_on 2024-03-16 before observed_on 2024-03-17"),
    "in the future": ("2024-03-17,77,2024-03-21,agency,A", "published_on 2024-03-21, after the batch's day 2024-03-20"),
    "same day, other value": ("2024-03-10,77,2024-03-12,agency,A", "another value than stored line 10, published on the same 2024-03-12"),
    "same day, other grade": ("2024-03-10,76,2024-03-12,agency,B", "another grade than stored line 10"),
    "no source": ("2024-03-17,77,2024-03-19,,A", "no source"),
    "grade": ("2024-03-17,77,2024-03-19,agency,Z", "grade 'Z'"),
    "formula": ("2024-03-17,77,2024-03-19,=1+1,A", "which a spreadsheet would take for a formula"),
    "formula behind what cannot be seen": (
        "2024-03-17,77,2024-03-19,\u200b\u00ad\u3164\ufe0f=1+1,A",
        "which a spreadsheet would take for a formula",
    ),
    "control characters": ("2024-03-17,77,2024-03-19,agency\x1b[31m,A", "with control characters"),
    "turned letters": ("2024-03-17,77,2024-03-19,agency \u202eycnega,A", "with control characters"),
    "no Sunday": ("2024-03-16,77,2024-03-19,agency,A", "observed_on 2024-03-16, a Saturday"),
    "nothing to withdraw": ("2024-03-17,,2024-03-19,agency,A", "an empty value for 2024-03-17, of which nothing is known"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_row_is_reported_with_its_line_and_nothing_is_written(
    bring: Bring, workspace: Workspace, tree_of: Tree, case: str
) -> None:
    row, found = REFUSED[case]
    before = tree_of(workspace.data)
    update = bring({"oil.csv": f"{HEADER}2024-03-10,76.1,2024-03-18,agency,A\n{row}\n"}, "2024-03-20")
    assert [fault.line for fault in update.faults] == [3]
    assert found in update.faults[0].found
    assert (update.counts["refused"], update.batch) == (1, None)
    assert tree_of(workspace.data) == before


def test_two_rows_of_one_publication_that_differ_are_both_refused(bring: Bring) -> None:
    update = bring(
        {
            "oil.csv": HEADER + "2024-03-17,77,2024-03-19,agency,A\n",
            "more.csv": "indicator," + HEADER + "oil,2024-03-17,78,2024-03-19,agency,A\n",
        }
    )
    assert [(fault.path.name, fault.line) for fault in update.faults] == [("oil.csv", 2), ("more.csv", 2)]
    assert "another value than line 2 of another file" in update.faults[0].found


def test_a_row_that_contradicts_a_stored_one_is_blamed_and_no_other(bring: Bring) -> None:
    rows = ["2024-03-03,77,2024-03-05,agency,A", "2024-03-17,77,2024-03-19,agency,A", "2024-03-24,76,2024-03-26,agency,A"]
    update = bring({"oil.csv": HEADER + "\n".join(rows) + "\n"}, dry_run=True)
    assert verdicts(update) == ["refused", "new", "new"]
    assert [fault.line for fault in update.faults] == [2]


def test_good_rows_are_taken_where_that_is_wanted(bring: Bring, workspace: Workspace) -> None:
    text = HEADER + "2024-03-17,77,2024-03-19,agency,A\n2024-03-24,dear,2024-03-26,agency,A\nshort\n"
    update = bring({"oil.csv": text}, accept_valid=True)
    assert (update.batch, update.takes, update.lost, len(update.faults)) == (1, 1, 1, 2)
    record = read_store(workspace).batches
    assert record[["table", "new", "refused", "lines"]].to_numpy().tolist() == [["oil", 1, 1, "11"], ["unassigned", 0, 1, ""]]


def test_rows_are_appended_and_nothing_else_changes(bring: Bring, workspace: Workspace, tree_of: Tree) -> None:
    before = tree_of(workspace.data)
    update = bring(
        {
            "week.csv": LONG + 'oil,2024-03-17,77.25,2024-03-19,agency,A,\npoll,2024-03-09,41,2024-03-15,"a, b",B,900\n',
            "e.csv": EVENTS + "2024-03-01,2024-03-02,round,yes,2024-03-02,more talks,agency,A\n",
            "c.csv": COVERAGE + "2024-03-07,2024-03-17,0.9,0.95,2024-03-17,\n",
        },
        "2024-03-20",
    )
    assert update.batch == 1
    after = tree_of(workspace.data)
    grown = {name: (after[name] or b"")[len(before[name] or b"") :] for name in before if after[name] != before[name]}
    assert grown == {
        "oil.csv": b"2024-03-17,77.25,2024-03-19,agency,A\n",
        "poll.csv": b'2024-03-09,41,2024-03-15,"a, b",B,900\n',
        "events.csv": b"2024-03-01,2024-03-02,round,yes,2024-03-02,more talks,agency,A\n",
        "coverage.csv": b"2024-03-07,2024-03-17,0.9,0.95,2024-03-17,\n",
    }
    assert all((after[name] or b"").startswith(before[name] or b"") for name in before)
    assert set(after) - set(before) == {UPDATES_FILE}
    record = read_store(workspace).batches
    assert record["table"].tolist() == ["oil", "poll", "events", "coverage"]
    assert record["lines"].tolist() == ["11", "3", "3", "4"]
    assert record["files"].tolist() == ["week.csv", "week.csv", "e.csv", "c.csv"]
    assert record["sha256"].str.len().tolist() == [64] * 4
    assert {f"{day:%Y-%m-%d}" for day in record["date"]} == {"2024-03-20"}


def test_ends_of_lines_and_order_of_columns_are_those_of_the_file(write_workspace: Write, tmp_path: Path) -> None:
    old = "grade,source,published_on,value,observed_on\r\nA,agency,2024-01-09,75.5,2024-01-07"  # no last end of line
    workspace = write_workspace(oil=old)
    (tmp_path / "oil.csv").write_text(HEADER + "2024-01-14,76,2024-01-16,agency,B\n")
    update_store(workspace, lambda _: read_files([tmp_path / "oil.csv"], ["oil"]), Choices())
    assert (workspace.data / "oil.csv").read_bytes() == f"{old}\r\nB,agency,2024-01-16,76,2024-01-14\r\n".encode()
    assert read_store(workspace).entered("oil")["batch"].tolist() == [0, 1]


def test_a_column_that_the_file_lacks_is_added_empty(bring: Bring, workspace: Workspace) -> None:
    update = bring({"week.csv": LONG + "oil,2024-03-17,77,2024-03-19,agency,A,12\n"})
    text = (workspace.data / "oil.csv").read_text()
    old = PRICES.splitlines()
    assert text.splitlines() == [f"{old[0]},sample_size", *(f"{line}," for line in old[1:]), "2024-03-17,77,2024-03-19,agency,A,12"]
    assert update.batch == 1
    assert read_store(workspace).rows["oil"]["sample_size"].tolist()[-1] == 12


def test_an_update_again_is_all_duplicates_and_adds_no_record(bring: Bring, workspace: Workspace, tree_of: Tree) -> None:
    files = {"oil.csv": HEADER + "2024-03-17,77,2024-03-19,agency,A\n"}
    bring(files)
    before = tree_of(workspace.data)
    again = bring(files)
    assert (verdicts(again), again.batch) == (["duplicate"], None)
    assert tree_of(workspace.data) == before


def test_late_entries_are_marked_and_a_day_still_sees_what_was_published_by_then(bring: Bring, workspace: Workspace) -> None:
    bring({"oil.csv": HEADER + "2024-03-17,77,2024-03-19,agency,A\n2024-01-28,75.2,2024-01-30,agency,A\n"}, "2024-03-20")
    store = read_store(workspace)
    entered = store.entered("oil")
    assert entered["late"].tolist() == [False] * 10 + [True]
    assert entered["entered_on"].isna().tolist() == [True] * 9 + [False] * 2
    assert entered["entered_on"].iloc[-1] == pd.Timestamp("2024-03-20")
    seen = store.as_of(date(2024, 1, 30)).values["oil"]
    assert seen["value"].iloc[-1] == 75.2
    assert "late" not in seen


def test_a_vintage_entered_between_is_late_and_shows_what_it_followed(bring: Bring) -> None:
    bring({"oil.csv": HEADER + "2024-03-10,75.2,2024-03-19,agency,A\n"})
    update = bring({"oil.csv": HEADER + "2024-03-10,75.7,2024-03-15,agency,A\n"})
    row = update.judged[0].rows.iloc[0]
    assert (row["verdict"], row["change"], row["was_value"]) == ("late entry", "revision", 76.0)


def test_a_jump_needs_to_be_confirmed_and_what_is_implausible_cannot_be(bring: Bring) -> None:
    jump, wrong = "2024-03-17,40,2024-03-19,agency,A\n", "2024-03-17,300,2024-03-19,agency,A\n"
    assert "--confirm" in bring({"oil.csv": HEADER + jump}).faults[0].mend
    assert bring({"oil.csv": HEADER + wrong}, confirmed=True).faults
    assert bring({"oil.csv": HEADER + jump}, confirmed=True).batch == 1
    assert verdicts(bring({"oil.csv": HEADER + jump}, "2024-03-18")) == ["duplicate"]  # what is stored is not judged again


def test_the_batchs_day_is_its_newest_published_on_unless_given(bring: Bring) -> None:
    files = {"oil.csv": HEADER + "2024-03-17,77,2024-03-19,agency,A\n2024-03-10,75.8,2024-03-25,agency,A\n"}
    assert bring(files, dry_run=True).day == date(2024, 3, 25)
    assert bring(files, "2024-03-26", dry_run=True).day == date(2024, 3, 26)


def test_unknown_indicators_get_the_nearest_suggested(bring: Bring) -> None:
    update = bring({"week.csv": LONG + "oli,2024-03-17,77,2024-03-19,agency,A,\nevents,2024-03-17,77,2024-03-19,agency,A,\n"})
    assert [fault.line for fault in update.faults] == [2, 3]
    assert "did you mean 'oil'" in update.faults[0].mend
    assert update.counts["refused"] == 2


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["2024-03-07,2024-03-17", "2024-03-18,2024-03-24"], ["new", "new"]),
        (["2024-03-18,2024-03-24", "2024-03-07,2024-03-17"], ["new", "new"]),
        (["2024-03-08,2024-03-17"], ["refused"]),
        (["2024-03-06,2024-03-17"], ["refused"]),
        (["2024-03-07,2024-03-17", "2024-03-19,2024-03-24"], ["new", "refused"]),
        (["2023-12-25,2023-12-31"], ["new"]),
        (["2024-02-05,2024-03-06"], ["revision"]),
    ],
)
def test_stretches_follow_each_other(bring: Bring, rows: list[str], expected: list[str]) -> None:
    update = bring({"c.csv": COVERAGE + "".join(f"{row},0.8,0.9,2024-03-30,\n" for row in rows)}, dry_run=True)
    assert verdicts(update) == expected


def test_a_round_found_not_to_qualify_is_a_revision(bring: Bring, workspace: Workspace) -> None:
    assert read_store(workspace).as_of(date(2024, 3, 20)).rounds() == [date(2024, 1, 10)]
    update = bring({"e.csv": EVENTS + "2024-01-10,2024-01-11,round,no,2024-03-20,talks,agency,A\n"})
    row = update.judged[0].rows.iloc[0]
    assert (row["verdict"], row["was_round"], row["round"]) == ("revision", True, False)
    assert read_store(workspace).as_of(date(2024, 3, 20)).rounds() == []


def test_a_retraction_in_other_letters_takes_the_round_back(bring: Bring, workspace: Workspace) -> None:
    update = bring({"events.csv": EVENTS + "2024-01-10,2024-01-11,round,no,2024-01-20,\u200bTalks\u00a0,agency,A\n"})
    assert verdicts(update) == ["revision"]
    assert read_store(workspace).as_of(date(2024, 3, 1)).rounds() == []


@pytest.mark.parametrize("row", ["round,no,2024-01-20,a meeting,agency,A", "technical_round,no,2024-01-20,talks,agency,A"])
def test_a_round_taken_back_in_other_words_is_asked_for(bring: Bring, workspace: Workspace, row: str) -> None:
    said = {"events.csv": f"{EVENTS}2024-01-10,2024-01-11,{row}\n"}
    update = bring(said)
    assert verdicts(update) == ["refused"]
    assert "while a round of that day stands: 'talks'" in update.faults[0].found and "--confirm" in update.faults[0].mend
    assert verdicts(bring(said, confirmed=True)) == ["new"]
    assert read_store(workspace).as_of(date(2024, 3, 1)).rounds() == [date(2024, 1, 10)]


def test_a_postponement_names_the_planned_days_of_a_meeting(bring: Bring) -> None:
    agreed = "2024-03-10,2024-03-12,meeting_agreed,no,2024-03-01,to meet in the hotel,agency,A\n"
    assert verdicts(bring({"events.csv": EVENTS + agreed})) == ["new"]
    told = {
        day: {"events.csv": f"{EVENTS}{day},,meeting_postponed,no,2024-03-05,put off,agency,A\n"} for day in ("2024-03-05", "2024-03-12")
    }
    update = bring(told["2024-03-05"])
    assert verdicts(update) == ["refused"] and "for which no meeting was announced" in update.faults[0].found
    assert verdicts(bring(told["2024-03-05"], dry_run=True, confirmed=True)) == ["new"]
    assert verdicts(bring(told["2024-03-12"])) == ["new"]


def test_freshness_is_that_after_the_update(bring: Bring) -> None:
    fresh = bring({"oil.csv": HEADER + "2024-03-17,77,2024-03-19,agency,A\n"}, "2024-03-25", dry_run=True).freshness.set_index("indicator")
    assert fresh.loc["oil", "newest_observed_on"] == pd.Timestamp("2024-03-17")
    assert fresh["overdue"].to_dict() == {"oil": False, "poll": False, "contacts": True}


def test_a_batch_without_a_readable_day_is_refused(bring: Bring) -> None:
    with pytest.raises(ContentError, match="published_on 'soon'"):
        bring({"oil.csv": HEADER + "2024-03-17,77,soon,agency,A\n"})
    assert bring({"oil.csv": HEADER + "2024-03-17,77,soon,agency,A\n"}, "2024-03-20").faults


def test_verdicts_are_blamed_once(bring: Bring) -> None:
    """A row refused for one reason is not also called a twin, a jump or in the future."""
    update = bring({"oil.csv": HEADER + "2024-03-10,dear,2024-03-12,agency,A\n2024-03-10,400,2024-03-12,agency,A\n"}, "2024-03-01")
    assert [(fault.line, fault.found) for fault in update.faults] == [(2, "value 'dear'"), (3, "value 400")]


def test_the_record_is_json_free_text(bring: Bring, workspace: Workspace) -> None:
    bring({"oil.csv": HEADER + "2024-03-17,77,2024-03-19,agency,A\n"})
    head, row = (workspace.data / UPDATES_FILE).read_text().splitlines()
    assert head == "batch,date,table,files,sha256,lines,late_lines,new,revision,withdrawal,late entry,duplicate,refused"
    cells = row.split(",")
    assert cells[:4] + cells[5:] == ["1", "2024-03-19", "oil", "oil.csv", "11", "", "1", "0", "0", "0", "0", "0"]
    assert json.dumps(cells[4]) == f'"{cells[4]}"'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",11,", ",11 to 12,", "lines '11 to 12'"),
        ("\n1,", "\n0,", "batch 0"),
        ("\n1,", "\nfirst,", "batch 'first'"),
        (",1,0,0,", ",1.5,0,0,", "'1.5'; expected a whole number"),
        ("oil.csv,", "oil.csv;b.csv,", "a hash for each file"),
        ("2024-03-19", "19.3.2024", "date '19.3.2024'"),
        ("late_lines", "late", "unknown column 'late'"),
    ],
)
def test_a_record_edited_by_hand_is_refused(bring: Bring, workspace: Workspace, old: str, new: str, words: str) -> None:
    bring({"oil.csv": HEADER + "2024-03-17,77,2024-03-19,agency,A\n"})
    path = workspace.data / UPDATES_FILE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ContentError) as caught:
        read_store(workspace)
    assert words in str(caught.value)
    assert {fault.path.name for fault in caught.value.faults} == {UPDATES_FILE}
