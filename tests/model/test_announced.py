"""Announced meetings: from when they count, where their odds fall, and when they lapse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ripeness.data.events import CLASSES, KINDS, MEETING, read_events
from ripeness.model.meetings import CANCELLED as CALLED_OFF
from ripeness.model.meetings import POSTPONED as PUT_OFF
from ripeness.model.meetings import Announcement, announced_weeks, find_announcements, lay_out_meetings, roots_of

Row = tuple[str, str, str, str, bool]
SUNDAYS = [date(2025, 5, 4) + timedelta(days=7 * i) for i in range(8)]
STRONGEST = next(iter(CLASSES))
NAMED = 0.75


def events(*rows: Row) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["kind", "date", "end_date", "published_on", "round"])
    return frame.astype(dict.fromkeys(("date", "end_date", "published_on"), "datetime64[ns]"))


def meeting(
    kept: str, first: date, last: date, announced_on: date, lapsed_on: date | None = None, held_on: date | None = None
) -> Announcement:
    return Announcement(kept, first, last, announced_on, lapsed_on, held_on)


def shares(announcements: Sequence[Announcement], origin: date | None = None) -> dict[str, list[float]]:
    table = announced_weeks(announcements, SUNDAYS, NAMED, origin)
    return {name: row.tolist() for name, row in zip(CLASSES, table, strict=True) if row.any()}


@pytest.mark.parametrize(("kept", "kind"), CLASSES.items())
def test_each_kind_of_announcement_has_its_class(kept: str, kind: str) -> None:
    found = find_announcements(
        events((kind, "2025-05-15", "2025-05-16", "2025-05-11", False), ("contact", "2025-05-15", "2025-05-15", "2025-05-15", False))
    )
    assert found == [meeting(kept, date(2025, 5, 15), date(2025, 5, 16), date(2025, 5, 11))]


@pytest.mark.parametrize(
    ("event", "lapsed_on"),
    [
        (("meeting_postponed", "2025-05-15", "2025-05-15", "2025-05-14", False), date(2025, 5, 14)),
        (("meeting_cancelled", "2025-05-10", "2025-05-31", "2025-05-13", False), date(2025, 5, 13)),
        (("meeting_cancelled", "2025-05-17", "2025-05-18", "2025-05-13", False), None),
        (("meeting_cancelled", "2025-05-15", "2025-05-15", "2025-05-10", False), None),  # of an earlier announcement
        (("round", "2025-05-16", "2025-05-16", "2025-05-16", True), date(2025, 5, 16)),
        (("round", "2025-05-14", "2025-05-14", "2025-05-14", True), date(2025, 5, 14)),  # a day early
        (("round", "2025-05-23", "2025-05-23", "2025-05-24", True), date(2025, 5, 24)),  # within a week of the last day
        (("round", "2025-05-24", "2025-05-24", "2025-05-24", True), None),
        (("round", "2025-05-13", "2025-05-13", "2025-05-13", True), None),
        (("round", "2025-05-16", "2025-05-16", "2025-05-16", False), None),  # no qualifying round
    ],
)
def test_an_announcement_lapses_when_held_or_taken_back(event: Row, lapsed_on: date | None) -> None:
    found = find_announcements(events(("meeting_agreed", "2025-05-15", "2025-05-16", "2025-05-11", False), event))
    assert [each.lapsed_on for each in found] == [lapsed_on]


@pytest.mark.parametrize(
    ("held", "lapsed_on"),
    [
        ("2022-03-02", None),
        ("2022-03-03", None),  # held on the day of the announcement, a day before the window
        ("2022-03-04", date(2022, 3, 5)),
        ("2022-03-17", date(2022, 3, 18)),
        ("2022-03-24", date(2022, 3, 25)),
        ("2022-03-25", None),
    ],
)
def test_a_round_before_the_announcement_does_not_use_it_up(held: str, lapsed_on: date | None) -> None:
    announced_on = f"{date.fromisoformat(held) + timedelta(days=1)}"
    for announced in ("2022-03-03", "2022-03-04"):
        leaders = ("meeting_leaders", "2022-03-04", "2022-03-17", announced, False)
        (found,) = find_announcements(events(leaders, ("round", held, held, announced_on, True)))
        assert found.lapsed_on == lapsed_on


def test_a_round_in_the_window_but_before_the_announcement_does_not_use_it_up() -> None:
    late = ("meeting_one_side", "2025-05-10", "2025-05-24", "2025-05-14", False)
    for held, lapsed_on in (("2025-05-13", None), ("2025-05-14", date(2025, 5, 15)), ("2025-05-15", date(2025, 5, 15))):
        (found,) = find_announcements(events(late, ("round", held, held, "2025-05-15", True)))
        assert found.lapsed_on == lapsed_on


def test_the_leaders_window_of_march_2022_outlives_the_round_before_it(root: Path) -> None:
    """Proposed on 3 March, the day of the second round; ended when the third, of 7 March, became known."""
    table = read_events(root / "data" / "events.csv", Path("events.csv"))
    (found,) = [one for one in find_announcements(table) if (one.kept, one.first) == ("leaders", date(2022, 3, 4))]
    assert found == meeting("leaders", date(2022, 3, 4), date(2022, 3, 17), date(2022, 3, 3), date(2022, 3, 8), date(2022, 3, 7))


def test_every_kind_that_announces_a_meeting_has_its_class() -> None:
    assert [kind for kind in KINDS if kind.startswith(MEETING) and kind not in (PUT_OFF, CALLED_OFF)] == list(CLASSES.values())


def test_a_postponement_moves_the_meeting() -> None:
    agreed = ("meeting_agreed", "2025-05-14", "2025-05-14", "2025-05-08", False)
    postponed = ("meeting_postponed", "2025-05-14", "2025-05-14", "2025-05-11", False)
    again = ("meeting_agreed", "2025-05-21", "2025-05-22", "2025-05-11", False)  # announced on the same day
    found = find_announcements(events(agreed, postponed, again))
    assert [each.lapsed_on for each in found] == [date(2025, 5, 11), None]
    assert shares(found) == {"agreed": pytest.approx([0, 0, 0, 0.75 + 0.25 * 3 / 7, 0.25 * 4 / 7, 0, 0, 0])}
    held = ("round", "2025-05-21", "2025-05-21", "2025-05-22", True)
    assert [each.lapsed_on for each in find_announcements(events(agreed, postponed, again, held))] == [date(2025, 5, 11), date(2025, 5, 22)]


def test_the_first_end_counts() -> None:
    announcement = ("meeting_agreed", "2025-05-15", "2025-05-16", "2025-05-11", False)
    held = ("round", "2025-05-16", "2025-05-16", "2025-05-16", True)
    postponed = ("meeting_postponed", "2025-05-15", "2025-05-15", "2025-05-14", False)
    (found,) = find_announcements(events(announcement, held, postponed))
    assert found.lapsed_on == date(2025, 5, 14)


def test_the_odds_fall_in_the_named_days_and_the_week_after() -> None:
    # Thursday to Saturday of the week to Sunday 18 May; tail Sunday 18 to Saturday 24 May
    found = shares([meeting(STRONGEST, date(2025, 5, 15), date(2025, 5, 17), date(2025, 5, 1))])
    assert found == {STRONGEST: pytest.approx([0, 0, 0.75 + 0.25 / 7, 0.25 * 6 / 7, 0, 0, 0, 0])}


@pytest.mark.parametrize("length", [0, 3, 13])
@pytest.mark.parametrize("start", range(7))
def test_the_shares_of_a_meeting_sum_to_one(start: int, length: int) -> None:
    first = date(2025, 5, 12) + timedelta(days=start)
    found = shares([meeting(STRONGEST, first, first + timedelta(days=length), date(2025, 4, 1))])
    assert sum(found[STRONGEST]) == pytest.approx(1.0)


@pytest.mark.parametrize(("announced_on", "share"), [(date(2025, 5, 11), 1.0), (date(2025, 5, 13), 2 / 3), (date(2025, 5, 15), 0.0)])
def test_a_meeting_counts_from_the_day_after_its_announcement(announced_on: date, share: float) -> None:
    found = shares([meeting(STRONGEST, date(2025, 5, 13), date(2025, 5, 15), announced_on)])
    assert found[STRONGEST][2] == pytest.approx(0.75 * share + 0.25 * 3 / 7)
    assert found[STRONGEST][3] == pytest.approx(0.25 * 4 / 7)


def test_only_days_after_the_origin_count() -> None:
    window = meeting(STRONGEST, date(2025, 5, 12), date(2025, 5, 18), date(2025, 5, 1))
    found = shares([window], origin=date(2025, 5, 16))
    assert found[STRONGEST][:4] == pytest.approx([0, 0, 0.75 * 2 / 7, 0.25])


def test_an_origin_knows_what_stands_on_it() -> None:
    days = date(2025, 5, 12), date(2025, 5, 18)
    later = meeting(STRONGEST, *days, date(2025, 5, 12))
    gone = meeting(STRONGEST, *days, date(2025, 5, 1), date(2025, 5, 11))
    assert shares([later, gone], origin=date(2025, 5, 11)) == {}
    assert shares([later, gone], origin=date(2025, 5, 12))[STRONGEST][2] == pytest.approx(0.75 * 6 / 7)


def test_a_held_meeting_counts_in_the_whole_week_of_its_round_and_in_none_after() -> None:
    held = meeting(STRONGEST, date(2025, 5, 14), date(2025, 5, 21), date(2025, 5, 1), date(2025, 5, 16), date(2025, 5, 15))
    assert shares([held]) == {STRONGEST: pytest.approx([0, 0, 0.75 * 5 / 8, 0, 0, 0, 0, 0])}


POSTPONED = ("meeting_postponed", "2025-05-14", "2025-05-14")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2025-05-13", {}),  # put off before its day: gone
        ("2025-05-14", {"agreed": [0, 0, 0.75 + 0.25 * 4 / 7, 0.25 * 3 / 7, 0, 0, 0, 0]}),  # on its day: most such meetings move by days
    ],
)
def test_what_is_put_off_before_its_day_is_gone(told: str, expected: dict[str, list[float]]) -> None:
    agreed = ("meeting_agreed", "2025-05-14", "2025-05-14", "2025-05-08", False)
    found = shares(find_announcements(events(agreed, (*POSTPONED, told, False))))
    assert {name: pytest.approx(row) for name, row in found.items()} == expected


def test_new_days_told_with_the_postponement_stand_even_where_they_overlap() -> None:
    agreed = ("meeting_agreed", "2025-06-10", "2025-06-12", "2025-05-08", False)
    postponed = ("meeting_postponed", "2025-06-10", "2025-06-12", "2025-05-30", False)
    again = ("meeting_agreed", "2025-06-12", "2025-06-14", "2025-05-30", False)
    old, new = find_announcements(events(agreed, postponed, again))
    assert (old.lapsed_on, new.lapsed_on, new.renews) == (date(2025, 5, 30), None, True)


@pytest.mark.parametrize(
    ("row", "renews"),
    [
        (("meeting_agreed", "2025-05-15", "2025-05-15", "2025-05-12", False), True),  # confirmed
        (("meeting_agreed", "2025-05-20", "2025-05-20", "2025-05-12", False), True),  # moved by days
        (("meeting_agreed", "2025-06-20", "2025-06-20", "2025-05-12", False), False),
        (("meeting_leaders", "2025-05-15", "2025-05-15", "2025-05-12", False), False),  # another meeting
        (("meeting_agreed", "2025-05-19", "2025-05-19", "2025-05-16", False), False),  # after the first was held
    ],
)
def test_an_arrival_is_a_meeting_announced_anew(row: Row, renews: bool) -> None:
    first = ("meeting_one_side", "2025-05-14", "2025-05-15", "2025-05-08", False)
    held = ("round", "2025-05-15", "2025-05-15", "2025-05-15", True)
    found = find_announcements(events(first, row, held))
    assert [one.renews for one in found] == [False, renews]
    assert roots_of(found) == [0, 0 if renews else 1]
    meetings = lay_out_meetings(found, SUNDAYS, 0, NAMED)
    scored = not renews and row[0] != "meeting_leaders"  # leaders' proposals follow no hazard
    assert meetings.lead.tolist() == [6.0, *([(date.fromisoformat(row[1]) - date.fromisoformat(row[3])).days] if scored else [])]
    assert meetings.arrived(0, 8).sum() == 1 + scored
    assert meetings.before(1).week.tolist() == []


@pytest.mark.parametrize(
    ("lapsed_on", "weeks"), [(date(2025, 5, 18), [2]), (date(2025, 5, 19), [2, 3]), (date(2025, 5, 11), []), (None, [2, 3])]
)
def test_what_has_lapsed_counts_no_more_from_the_next_week_on(lapsed_on: date | None, weeks: list[int]) -> None:
    table = announced_weeks([meeting(STRONGEST, date(2025, 5, 15), date(2025, 5, 17), date(2025, 5, 1), lapsed_on)], SUNDAYS, NAMED)
    assert np.flatnonzero(table.sum(axis=0)).tolist() == weeks


def test_only_the_strongest_class_of_a_week_counts() -> None:
    order = list(CLASSES)
    days = date(2025, 5, 15), date(2025, 5, 15), date(2025, 5, 1)
    for weaker in order[1:]:
        found = shares([meeting(weaker, *days), meeting(STRONGEST, *days)])
        assert set(found) == {STRONGEST}
    both = shares([meeting(order[1], *days), meeting(order[-1], date(2025, 6, 10), date(2025, 6, 10), date(2025, 5, 1))])
    assert set(both) == {order[1], order[-1]}
    table = announced_weeks([meeting(name, *days) for name in order], SUNDAYS, NAMED)
    assert (table > 0).sum(axis=0).max() == 1


def test_two_announcements_of_a_class_are_one_meeting() -> None:
    one = meeting(STRONGEST, date(2025, 5, 15), date(2025, 5, 15), date(2025, 5, 1))
    assert shares([one, one]) == shares([one])


def test_a_stronger_class_that_speaks_of_no_day_of_the_week_gives_way() -> None:
    order = list(CLASSES)
    late = meeting(order[0], date(2025, 6, 10), date(2025, 6, 10), date(2025, 5, 1))
    soon = meeting(order[1], date(2025, 5, 14), date(2025, 5, 14), date(2025, 5, 1))
    assert shares([late, soon])[order[1]][2] > 0
