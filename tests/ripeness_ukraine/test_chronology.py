"""From the chronology to events, weekly counts and coverage."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError
from shipped import judged_chronology

from ripeness.errors import ContentError
from ripeness_ukraine.announcements import Announcement, planned_days
from ripeness_ukraine.chronology import Chronology, Postponement, import_chronology
from ripeness_ukraine.coverage import coverage_rows

_HEAD = "date,end_date,kind,level,parties,agreed_at_round,description,source,grade"
_CALL = "2024-01-10,2024-01-10,contact_principal,leader,US-UA,,a call,page,A"
_TABLE = "| announced | level | proposer | proposed date | type | held in 14 days | held on | grade |"


def _import(folder: Path, *lines: str, announced: tuple[str, ...] = (), judged: Chronology | None = None) -> dict[str, pd.DataFrame]:
    record, table = folder / "diplomacy_chronology.csv", folder / "COVERAGE.md"
    record.write_text("\n".join([_HEAD, *lines]) + "\n", encoding="utf-8")
    filler = "| 2020-01-01 | both | nobody | none | delegation | no |  | A |"
    table.write_text("\n".join([_TABLE, filler, *announced]) + "\n", encoding="utf-8")
    return import_chronology(record, table, judged or judged_chronology())


def _step(on: str, *sides: str, source: str = "page", grade: str = "A") -> dict[str, object]:
    return {"on": on, "sides": sides, "what": "a deadline", "source": source, "grade": grade}


def _judged(*steps: dict[str, object]) -> Chronology:
    return Chronology.model_validate({**judged_chronology().model_dump(), "pressure": steps})


def _counts(table: pd.DataFrame) -> dict[str, float]:
    seen = table[table["value"] > 0]
    return {f"{day:%Y-%m-%d}": value for day, value in zip(seen["observed_on"], seen["value"], strict=True)}


def test_contacts_count_third_parties_by_first_day_and_leave_rounds_out(tmp_path: Path) -> None:
    tables = _import(
        tmp_path,
        "2024-01-07,2024-01-09,contact_principal,leader,TR-RU,,Sunday to Tuesday,page,A",
        "2024-01-08,2024-01-08,contact_principal,backchannel,RU-UA,,no third party,page,A",
        "2024-01-09,2024-01-09,contact_principal,leader,CN-BR,,neither side,page,A",
        "2024-01-10,2024-01-10,contact_principal,leader,US-UA,2024-01-03,agreed at a round,page,A",
        "2024-01-10,2024-01-10,contact_principal,leader,US-UA-EUR,,counts,page,A",
        "2024-01-11,2024-01-11,round,trilateral,US-RU-UA,,a round,page,A",
        "2024-02-01,2024-02-29,contact_principal,leader,US-UA,,of which only the month is known,page,C",
    )
    contacts = tables["mediated_contacts"]
    assert _counts(contacts) == {"2024-01-07": 1.0, "2024-01-14": 1.0}
    assert contacts["observed_on"].min() == pd.Timestamp("2022-03-06")  # weeks without a contact are zeros
    assert contacts["observed_on"].max() == pd.Timestamp("2026-10-04")


def test_guarantees_signed_together_count_each(tmp_path: Path) -> None:
    tables = _import(
        tmp_path,
        '2024-05-31,2024-05-31,guarantee,,"SE,NO,IS-UA",,three,page,B',
        "2024-06-01,2024-06-01,guarantee,,DE-UA,,one,page,B",
    )
    assert _counts(tables["guarantee_steps"]) == {"2024-06-02": 4.0}


def test_steps_of_pressure_are_counted_by_week_and_side_with_their_sources(tmp_path: Path) -> None:
    steps = [_step("2025-02-24", "kyiv"), _step("2025-03-02", "kyiv", "moscow", source="other", grade="C"), _step("2025-03-03", "moscow")]
    tables = _import(tmp_path, _CALL, judged=_judged(*steps))
    kyiv, moscow = tables["pressure_on_kyiv"], tables["pressure_on_moscow"]
    assert _counts(kyiv) == {"2025-03-02": 2.0}
    assert _counts(moscow) == {"2025-03-02": 1.0, "2025-03-09": 1.0}
    week = kyiv[kyiv["value"] > 0].iloc[0]
    assert (week["source"], week["grade"]) == ("page; other", "C")  # the weaker of the two
    assert kyiv["source"].iloc[0].startswith("Chronology")  # a week without a step
    assert (kyiv["published_on"] - kyiv["observed_on"] == pd.Timedelta(days=1)).all()


def test_without_steps_of_pressure_every_week_has_none(tmp_path: Path) -> None:
    assert set(_import(tmp_path, _CALL, judged=_judged())["pressure_on_kyiv"]["value"]) == {0.0}


def test_two_steps_on_one_side_on_one_day_are_refused() -> None:
    with pytest.raises(ValidationError, match="not two on kyiv on 2025-03-02"):
        _judged(_step("2025-03-02", "kyiv"), _step("2025-03-02", "moscow", "kyiv"))


@pytest.mark.parametrize(
    ("level", "kind", "is_round"),
    [
        ("delegation_inperson", "round", "yes"),
        ("delegation_online", "round", "yes"),
        ("ministers", "round", "yes"),
        ("trilateral", "round", "yes"),
        ("technical", "technical_round", "no"),
        ("phone_heads_of_delegation", "technical_round", "no"),
    ],
)
def test_only_core_levels_are_rounds(tmp_path: Path, level: str, kind: str, is_round: str) -> None:
    row = _import(tmp_path, f"2024-01-08,2024-01-10,round,{level},RU-UA,,x,page,A")["events"].iloc[0]
    assert (row["kind"], row["round"]) == (kind, is_round)
    assert row["published_on"] == pd.Timestamp("2024-01-09")  # a round is known the day after it began


@pytest.mark.parametrize(
    ("level", "meeting", "kind"),
    [
        ("both", "delegation", "meeting_agreed"),
        ("both", "ministers", "meeting_agreed"),
        ("one_side", "delegation", "meeting_one_side"),
        ("third_party", "trilateral", "meeting_third_party"),
        ("both", "leaders", "meeting_leaders"),
        ("third_party", "leaders", "meeting_leaders"),
        ("both", "technical", "proposal"),
        ("one_side", "working groups", "proposal"),
    ],
)
def test_announcements_are_classed_by_meeting_and_by_who_stands_behind(tmp_path: Path, level: str, meeting: str, kind: str) -> None:
    text = "Proposer: UA (Z). Proposed date: 2024-02-03. Somewhere"
    tables = _import(
        tmp_path,
        f"2024-01-08,2024-01-08,announced,{level},RU-UA,,{text},page,A",
        announced=(f"| 2024-01-08 | {level} | UA (Z) | 2024-02-03 | {meeting} | no |  | A |",),
    )
    row = tables["events"].iloc[0]
    assert row["kind"] == kind
    assert row["published_on"] == pd.Timestamp("2024-01-08")
    assert row["date"] == pd.Timestamp("2024-01-08" if kind == "proposal" else "2024-02-03")


def test_an_announcement_without_a_place_in_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="line 2"):
        _import(tmp_path, "2024-01-08,2024-01-08,announced,both,RU-UA,,Proposer: UA. Proposed date: none. X,page,A")


def test_an_unknown_kind_is_refused_with_the_nearest_known(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="did you mean 'guarantee'"):
        _import(tmp_path, "2024-01-08,2024-01-08,guarantees,,DE-UA,,x,page,A")


@pytest.mark.parametrize(
    ("proposed", "first", "last"),
    [
        ("none", "2024-01-11", "2024-01-24"),
        ("2024-02-03", "2024-02-03", "2024-02-03"),
        ("2024-02-03..05", "2024-02-03", "2024-02-05"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("end of 2024-02", "2024-02-21", "2024-02-29"),
        ("after 2024-02-03", "2024-02-04", "2024-02-17"),
        ("by 2024-02-03", "2024-01-11", "2024-02-03"),
        ("following week", "2024-01-15", "2024-01-21"),
    ],
)
def test_planned_days(proposed: str, first: str, last: str) -> None:
    wednesday = pd.Timestamp("2024-01-10")
    assert planned_days(Announcement(wednesday, "both", "x", proposed, "delegation", Path("t"), 1), 14) == (
        pd.Timestamp(first),
        pd.Timestamp(last),
    )


def test_postponements_name_the_day_taken_back(tmp_path: Path) -> None:
    tables = _import(
        tmp_path,
        "2026-03-04,2026-03-04,postponed,,US-RU-UA,,on hold,page,B",
        "2022-05-17,2022-05-17,postponed,suspension,RU-UA,,suspended,page,B",
        "2024-03-01,2024-03-01,postponed,,RU-UA (host TR),,put off,page,B",
        "2024-03-02,2024-03-02,postponed,exchange,RU-UA,,not a meeting,page,B",
        "2024-03-03,2024-03-03,postponed,,US-RU,,not of the two sides,page,B",
        "2024-03-04,2024-03-04,postponed,,RU-UA,,interrupted,page,B",
        "2024-03-04,2024-03-05,round,delegation_online,RU-UA,,begun all the same,page,B",
    )
    taken = tables["events"][tables["events"]["kind"].str.startswith("meeting")]
    assert [(row.kind, f"{row.date:%m-%d}", f"{row.end_date:%m-%d}") for row in taken.itertuples()] == [
        ("meeting_postponed", "03-05", "03-09"),
        ("meeting_cancelled", "05-18", "05-31"),
        ("meeting_postponed", "03-01", "03-01"),
    ]


@pytest.mark.parametrize("told", ["2026-07-05", "2026-07-09"])
def test_a_postponement_of_another_day_is_asked_for(tmp_path: Path, told: str) -> None:
    announced = "| 2026-07-01 | both | both | 2026-07-10 | delegation | no |  | A |"
    said = "2026-07-01,2026-07-01,announced,both,RU-UA,,Proposer: both. Proposed date: 2026-07-10. Delegations,page,B"
    row = f"{told},{told},postponed,delegation,RU-UA,,the meeting of 10 July is put off,page,B"
    with pytest.raises(ContentError, match=rf"told on {told}, while a meeting of 2026-07-10 stands.*on = {told}"):
        _import(tmp_path, said, row, announced=(announced,))

    judged = judged_chronology().model_dump()
    judged["postponements"] = [{"on": told, "from": "2026-07-10", "to": "2026-07-10", "note": "x"}]
    events = _import(tmp_path, said, row, announced=(announced,), judged=Chronology.model_validate(judged))["events"]
    assert [(kind, f"{day:%m-%d}") for kind, day in zip(events["kind"], events["date"], strict=True)] == [
        ("meeting_agreed", "07-10"),
        ("meeting_postponed", "07-10"),
    ]
    held = "2026-07-10,2026-07-10,round,delegation_inperson,RU-UA,,held after all,page,A"
    later = row.replace(told, "2026-07-12")
    assert "meeting_postponed" in set(_import(tmp_path, said, held, later, announced=(announced,))["events"]["kind"])


def test_a_suspension_takes_back_all_that_stands(tmp_path: Path) -> None:
    announced = "| 2026-07-01 | both | both | 2026-08-10 | delegation | no |  | A |"
    said = "2026-07-01,2026-07-01,announced,both,RU-UA,,Proposer: both. Proposed date: 2026-08-10. Delegations,page,B"
    held = "2026-07-05,2026-07-05,round,delegation_inperson,RU-UA,,a round in the morning,page,A"
    row = "2026-07-05,2026-07-05,postponed,suspension,RU-UA,,talks suspended in the evening,page,B"
    events = _import(tmp_path, said, held, row, announced=(announced,))["events"]
    taken = events[events["kind"] == "meeting_cancelled"].iloc[0]
    assert (f"{taken['date']:%m-%d}", f"{taken['end_date']:%m-%d}") == ("07-06", "08-10")


def test_a_row_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="line 3: found the row of line 2 again"):
        _import(tmp_path, _CALL, _CALL)


def test_coverage_has_no_gap_and_is_known_by_each_sunday() -> None:
    judged = judged_chronology()
    table = coverage_rows(judged.searched, judged.split_after, pd.Timestamp(judged.searched[-1].last))
    assert (table["from"].iloc[1:].to_numpy() == (table["to"].iloc[:-1] + pd.Timedelta(days=1)).to_numpy()).all()
    assert (table["from"].iloc[0], table["to"].iloc[-1]) == (pd.Timestamp("2022-02-24"), pd.Timestamp("2026-10-09"))
    assert (table["to"] - table["from"] < pd.Timedelta(days=7)).all()
    for origin in ("2025-05-11", "2025-06-18", "2026-06-28", "2026-10-04"):
        visible = table[table["published_on"] <= origin]
        assert visible["to"].max() == pd.Timestamp(origin)
    assert table.groupby(["q05", "q95"]).ngroups == 6


def _stretch(first: str, last: str, q05: float = 0.8) -> dict[str, object]:
    return {"from": first, "to": last, "q05": q05, "q95": 0.9, "note": "x"}


@pytest.mark.parametrize(
    ("stretches", "words"),
    [
        ([_stretch("2022-02-24", "2022-03-01"), _stretch("2022-03-03", "2022-03-09")], "not on 2022-03-03"),
        ([_stretch("2022-02-24", "2022-03-01"), _stretch("2022-03-01", "2022-03-09")], "not on 2022-03-01"),
        ([_stretch("2022-02-24", "2022-02-23")], "to not before from"),
        ([_stretch("2022-02-24", "2022-03-01", q05=0.95)], "q95 not below q05"),
    ],
)
def test_stretches_with_a_gap_an_overlap_or_crossed_are_refused(stretches: list[dict[str, object]], words: str) -> None:
    judged = {**judged_chronology().model_dump(), "searched": stretches}
    with pytest.raises(ValidationError, match=words):
        Chronology.model_validate(judged)


def test_a_postponement_takes_back_days_or_nothing(tmp_path: Path) -> None:
    for days in ({"from": "2026-03-05"}, {"from": "2026-03-05", "to": "2026-03-04"}):
        with pytest.raises(ValidationError, match="or neither"):
            Postponement.model_validate({"on": "2026-03-04", "note": "x", **days})
    # on 15 May 2025 the leaders' meeting fell through, which took back no meeting of delegations
    row = "2025-05-15,2025-05-15,postponed,,RU-UA (host TR),,leaders,page,B"
    other = row.replace("2025-05-15", "2025-05-14")
    events = _import(tmp_path, row, other)["events"]
    assert [f"{day:%m-%d}" for day in events["date"]] == ["05-14"]
