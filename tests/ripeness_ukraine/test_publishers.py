"""Each reader on a small sample with a known answer: partial weeks, missing days, corrections."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from shipped import import_source

from ripeness.errors import ContentError


def _write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _days(first: str, number: int) -> list[str]:
    start = date.fromisoformat(first)
    return [(start + timedelta(days=i)).isoformat() for i in range(number)]


def _values(table: pd.DataFrame) -> dict[str, float]:
    return {f"{day:%Y-%m-%d}": value for day, value in zip(table["observed_on"], table["value"], strict=True)}


def test_brent_is_the_mean_of_trading_days_and_a_friday_ends_a_week(tmp_path: Path) -> None:
    # Thursday 3 March 2022 … Friday 18 March, then two days of a week that the file does not finish
    days = ["2022-03-03", "2022-03-07", "2022-03-08", "2022-03-11", "2022-03-14", "2022-03-15", "2022-03-18"]
    path = _write(
        tmp_path, "p.csv", "Date,Price", *(f"{day},{price}" for day, price in zip(days, (1, 100, 110, 120, 90, 95, 100), strict=True))
    )
    table = import_source("eia", [path])["brent"]
    assert _values(table) == {"2022-03-13": 110.0, "2022-03-20": 95.0}
    assert f"{table['published_on'].iloc[0]:%Y-%m-%d}" == "2022-03-16"
    longer = _write(tmp_path, "q.csv", *path.read_text().splitlines(), "2022-03-21,50", "2022-03-22,50")
    assert _values(import_source("eia", [longer])["brent"]) == {"2022-03-13": 110.0, "2022-03-20": 95.0}


def test_a_mean_is_the_same_however_far_the_file_reaches(tmp_path: Path) -> None:
    week = ["2023-08-29,86.37", "2023-08-30,86.62", "2023-08-31,87.29", "2023-09-01,89.98"]  # 87.565 but for the last digit of a float
    lines = ["2023-08-28,", "2023-08-25,80", *week]
    found = []
    for more in ([], ["2023-09-05,90"], ["2023-09-08,90"], ["2023-09-10,90"]):
        table = import_source("eia", [_write(tmp_path, "p.csv", "Date,Price", *lines, *more)])["brent"]
        found.append(_values(table)["2023-09-03"])
    assert len(set(found)) == 1


def test_rouble_leaves_repeated_days_out(tmp_path: Path) -> None:
    # 2022-03-07 is a Monday. Rates of Tuesday to Saturday; Sunday and Monday repeat Saturday.
    usd = [80.0, 90.0, 91.0, 92.0, 93.0, 94.0, 94.0, 94.0]
    lines = [f"{day},{rate},{rate + 10},{rate / 7}" for day, rate in zip(_days("2022-03-07", 8), usd, strict=True)]
    rates = _write(tmp_path, "cbr_fx_daily.csv", "date,rub_per_usd,rub_per_eur,rub_per_cny", *lines)
    macro = _write(
        tmp_path, "cbr_macro_monthly.csv", "month,key_rate,cpi_yoy", "2022-02,9.575,9.1561", "2022-03,20,16.6982", "2022-04,17.8,"
    )
    tables = import_source("bank_of_russia", [macro, rates])  # files are known by their names
    assert _values(tables["rouble_per_usd"]) == {"2022-03-13": pytest.approx((80 + 90 + 91 + 92 + 93 + 94) / 6)}
    assert _values(tables["key_rate"]) == {"2022-02-28": 9.575}  # March has begun, and April is not even that
    whole = _write(tmp_path, "whole.csv", *rates.read_text().splitlines(), "2022-04-30,70,80,10")
    assert _values(import_source("bank_of_russia", [whole, macro])["key_rate"]) == {
        "2022-02-28": 9.575,
        "2022-03-31": 20.0,
        "2022-04-30": 17.8,
    }
    assert _values(tables["cpi_yoy"]) == {"2022-02-28": 9.16, "2022-03-31": 16.7}
    assert f"{tables['cpi_yoy']['published_on'].iloc[1]:%Y-%m-%d}" == "2022-04-15"


def _losses(tmp_path: Path, personnel: list[int], guns: list[int], corrections: list[dict[str, object]]) -> dict[str, pd.DataFrame]:
    days = _days("2022-03-06", len(personnel))  # a Sunday
    people = [{"date": day, "personnel": total} for day, total in zip(days, personnel, strict=True)]
    pieces = [{"date": day, "field artillery": total} for day, total in zip(days, guns, strict=True)]
    paths = []
    for name, content in (("personnel", people), ("equipment", pieces), ("equipment_correction", corrections)):
        paths.append(_write(tmp_path, f"russia_losses_{name}.json", json.dumps(content)))
    return import_source("general_staff", paths)


def test_a_week_of_rates_or_prices_that_lacks_days_is_missing(tmp_path: Path) -> None:
    days = [day for day in _days("2022-03-07", 21) if day not in ("2022-03-16",)]
    lines = [f"{day},{80 + number},{90 + number},{'' if day == '2022-03-23' else 10 + number}" for number, day in enumerate(days)]
    rates = _write(tmp_path, "cbr_fx_daily.csv", "date,rub_per_usd,rub_per_eur,rub_per_cny", *lines)
    macro = _write(tmp_path, "cbr_macro_monthly.csv", "month,key_rate,cpi_yoy", "2022-02,9.575,9.1561")
    assert set(_values(import_source("bank_of_russia", [rates, macro])["rouble_per_usd"])) == {"2022-03-13", "2022-03-27"}
    prices = _write(
        tmp_path, "p.csv", "Date,Price", *(f"{day},100" for day in ("2022-03-04", *_days("2022-03-07", 5), "2022-03-17", "2022-03-18"))
    )
    assert _values(import_source("eia", [prices])["brent"]) == {"2022-03-13": 100.0}


def test_losses_are_differences_without_corrections(tmp_path: Path) -> None:
    personnel = [1000 + 100 * i for i in range(16)]
    guns = [10 * i + (40 if i >= 10 else 0) for i in range(16)]
    corrections: list[dict[str, object]] = [{"date": "2022-03-16", "personnel": 50, "field artillery": 40}]
    tables = _losses(tmp_path, personnel, guns, corrections)
    assert _values(tables["personnel_losses"]) == {"2022-03-13": 700.0, "2022-03-20": 650.0}
    assert _values(tables["artillery_losses"]) == {"2022-03-13": 70.0, "2022-03-20": 70.0}


def test_a_total_that_stands_still_or_falls_makes_no_week(tmp_path: Path) -> None:
    still = [1000, 1100, 1200, 1300, 1300, 1300, 1300, 1300, 1400, 1500, 1600, 1700, 1800, 1900, 2000, 2100]
    fallen = [10 * i - (25 if i >= 10 else 0) for i in range(16)]
    tables = _losses(
        tmp_path,
        [*still, *range(2200, 2900, 100)],
        [*fallen, *range(160, 230, 10)],
        [{"date": "2022-01-01", "personnel": 0, "field artillery": 0}],
    )
    assert _values(tables["personnel_losses"]) == {"2022-03-27": 700.0}  # both weeks beside the silent Sunday are gone
    assert set(_values(tables["artillery_losses"])) == {"2022-03-13", "2022-03-27"}


def test_launches_are_summed_by_whole_weeks(tmp_path: Path) -> None:
    head = "date,shahed_launched,cruise_launched,ballistic_launched,mixed_missile_launched,unknown_missile_launched,unknown_uav_launched"
    lines = [
        "2024-08-14,99,9,9,9,9,0",
        "2024-08-19,10,1,2,3,4,100",
        "2024-08-25,5,0,0,0,0,100",  # no attack between: these weeks are undercounted anyway
        *(f"{day},1,{int(day.endswith('26'))},0,0,0,7" for day in _days("2024-08-26", 7)),
        "2024-09-02,50,1,1,1,1,0",
    ]
    months = _write(tmp_path, "m.csv", "month,drones,missiles,partial", "2024-08,888,228,False")
    tables = import_source("air_force", [_write(tmp_path, "a.csv", head, *lines), months])
    assert _values(tables["drones_launched"]) == {"2024-08-25": 15.0, "2024-09-01": 7.0}
    assert _values(tables["missiles_launched"]) == {"2024-08-25": 10.0, "2024-09-01": 1.0}
    assert list(tables["drones_launched"]["grade"]) == ["C", "B"]


def test_a_week_of_launches_without_a_day_or_a_figure_is_missing(tmp_path: Path) -> None:
    head = "date,shahed_launched,cruise_launched,ballistic_launched,mixed_missile_launched,unknown_missile_launched"
    months = _write(tmp_path, "m.csv", "month,drones,missiles,partial", "2024-08,888,228,False")
    days = [
        day for day in _days("2025-04-14", 28) if day not in ("2025-04-20", "2025-05-06", "2025-05-08")
    ]  # Easter and Victory Day: truces
    lines = [f"{day},10,2,{'' if day == '2025-04-23' else 1},0,0" for day in days]
    tables = import_source("air_force", [_write(tmp_path, "a.csv", head, *lines), months])
    assert _values(tables["drones_launched"]) == {"2025-04-20": 60.0, "2025-04-27": 70.0, "2025-05-04": 70.0}
    assert _values(tables["missiles_launched"]) == {"2025-04-20": 18.0, "2025-05-04": 21.0}


def test_launches_go_on_by_whole_months_after_the_last_day_counted(tmp_path: Path) -> None:
    head = "date,shahed_launched,cruise_launched,ballistic_launched,mixed_missile_launched,unknown_missile_launched"
    days = _write(tmp_path, "a.csv", head, *(f"{day},100,1,0,0,0" for day in _days("2026-05-18", 15)))  # to 1 June
    months = _write(
        tmp_path,
        "m.csv",
        "# Derived from counts, under the same licence",
        "month,drones,missiles,partial",
        *("2026-05,9999,217,False", "2026-06,7709,195,False", "2026-07,7056,463,False", "2026-10,521,1,True", "2027-01,700,70,False"),
    )
    tables = import_source("air_force", [days, months])
    # June has a day of its own, October is not over, and January 2027 ends on a Sunday: its row would pass for a week's
    assert _values(tables["drones_launched"]) == {"2026-05-24": 700.0, "2026-05-31": 700.0, "2026-07-31": round(0.82 * 7056 * 7 / 31, 1)}
    assert _values(tables["missiles_launched"]) == {"2026-05-24": 7.0, "2026-05-31": 7.0, "2026-07-31": round(463 * 7 / 31, 1)}
    assert list(tables["drones_launched"]["grade"]) == ["B", "B", "C"]
    assert f"{tables['drones_launched']['published_on'].iloc[-1]:%Y-%m-%d}" == "2026-08-01"
    assert tables["drones_launched"]["source"].str.contains("CC BY-NC-SA 4.0").all()


def test_a_correction_of_no_amount_makes_no_week_and_one_given_twice_is_refused(tmp_path: Path) -> None:
    totals = [1000 + 100 * i for i in range(16)]
    unknown: list[dict[str, object]] = [{"date": "2022-03-16", "personnel": None, "field artillery": 40}]
    tables = _losses(tmp_path, totals, totals, [{"date": "2022-03-08", "personnel": 0, "field artillery": 0}, *unknown])
    assert (_values(tables["personnel_losses"]), _values(tables["artillery_losses"])) == (
        {"2022-03-13": 700.0},
        {"2022-03-13": 700.0, "2022-03-20": 660.0},
    )
    with pytest.raises(ContentError, match="2022-03-16 a second time in entry 2"):
        _losses(tmp_path, totals, totals, [{"date": "2022-03-16", "personnel": 5, "field artillery": 5}] * 2)


def test_area_reads_a_missing_sunday_from_beside_it(tmp_path: Path) -> None:
    area = {day: 1000.0 + 10 * i for i, day in enumerate(_days("2024-08-04", 22))}  # a Sunday … a Sunday, 10 km2 a day
    del area["2024-08-18"], area["2024-08-19"]
    path = _write(tmp_path, "d.csv", "date,occupied_km2", *(f"{day},{value}" for day, value in area.items()))
    assert _values(import_source("deepstate", [path])["area_change_deepstate"]) == dict.fromkeys(
        ("2024-08-11", "2024-08-18", "2024-08-25"), 70.0
    )
    del area["2024-08-17"]
    gone = _write(tmp_path, "e.csv", "date,occupied_km2", *(f"{day},{value}" for day, value in area.items()))
    assert set(_values(import_source("deepstate", [gone])["area_change_deepstate"])) == {"2024-08-11"}


def test_liveuamap_starts_after_the_invasion_and_grades_still_weeks(tmp_path: Path) -> None:
    area = [9000.0] * 7 + [5000.0] * 7 + [5000.0] * 7 + [5100.0] * 7 + [5200.0]
    lines = [f"{day} 00:00:00,{value}" for day, value in zip(_days("2022-04-03", len(area)), area, strict=True)]
    table = import_source("liveuamap", [_write(tmp_path, "territory.csv", "date,area", *lines)])["area_change_liveuamap"]
    assert _values(table) == {"2022-04-17": 0.0, "2022-04-24": 100.0, "2022-05-01": 100.0}
    assert list(table["grade"]) == ["C", "C", "B"]


def test_aid_is_a_trailing_sum_and_a_missing_month_is_missing(tmp_path: Path) -> None:
    lines = [f"2022-{m:02d},{m},2,3" for m in (2, 3, 4, 5, 6, 7, 9)]
    groups = _write(tmp_path, "allocations_by_group_monthly.csv", "month,us_total,eu_inst_total,eu_members_total", *lines)
    tables = import_source("kiel", [groups])
    assert _values(tables["aid_us"]) == {"2022-05-31": 12.0, "2022-06-30": 15.0, "2022-07-31": 18.0}
    assert _values(tables["aid_europe"]) == dict.fromkeys(("2022-05-31", "2022-06-30", "2022-07-31"), 15.0)
    assert f"{tables['aid_us']['published_on'].iloc[0]:%Y-%m-%d}" == "2022-09-23"


def test_us_aid_of_nothing_is_kept(tmp_path: Path) -> None:
    lines = ("2025-01,3,1,1", "2025-02,0,1,1", "2025-03,0,1,1", "2025-04,0,1,1")
    groups = _write(tmp_path, "g.csv", "month,us_total,eu_inst_total,eu_members_total", *lines)
    assert _values(import_source("kiel", [groups])["aid_us"]) == {"2025-03-31": 3.0, "2025-04-30": 0.0}


def test_risk_elsewhere_is_a_ratio(tmp_path: Path) -> None:
    path = _write(tmp_path, "g.csv", "month,GPR,GPRC_UKR", "2022-02,200,4", "2022-03,320,8", "2023-01,100,2")
    assert _values(import_source("geopolitical_risk", [path])["risk_elsewhere"]) == {"2022-03-31": 40.0, "2023-01-31": 50.0}


def test_fossil_revenue_takes_its_series_only(tmp_path: Path) -> None:
    head, series = "period,series,value,unit,source", "CREA Russian fossil export revenue"
    path = _write(
        tmp_path,
        "s.csv",
        head,
        f"2022-12,{series},640,EUR mn/day,page.org",
        "2025,Deficit,5.6,RUB trn,x",
        f"2023-07,{series},663,,energyandcleanair.org",
    )
    table = import_source("crea", [path])["fossil_revenue"]
    assert _values(table) == {"2022-12-31": 640.0, "2023-07-31": 663.0}
    assert list(table["grade"]) == ["C", "B"]
    with pytest.raises(ContentError, match=r"line 2.*2023/07"):
        import_source("crea", [_write(tmp_path, "t.csv", head, f"2023/07,{series},663,,x")])


_POLLS = "fieldwork,mid_date,pollster,country,question,share_pro,share_against,label_pro,label_against,source,quality,mid_date_assumed"


def _poll(
    fieldwork: str, middle: str, share: str = "10", source: str = "page.org", quality: str = "secondary page", pollster: str = "Levada"
) -> str:
    question = {"Levada": "start peace talks vs continue military action", "Gallup": "negotiate asap vs fight until victory"}[pollster]
    return f"{fieldwork},{middle},{pollster},RU,{question},{share},,,,{source},{quality},0"


@pytest.mark.parametrize(
    ("line", "observed", "published", "grade"),
    [
        (_poll("2025-02-14/03-04", "2025-02-23"), "2025-03-04", "2025-03-25", "B"),
        (_poll("2022-07-06/20", "2022-07-13", quality="primary page stored"), "2022-07-20", "2022-08-10", "A"),
        (_poll("2025-05", "2025-05-25", quality="APPROXIMATE"), "2025-05-25", "2025-06-21", "C"),
        (_poll("2025-05", "2025-05-25", source="levada.ru 2025-06-03"), "2025-05-25", "2025-06-03", "B"),
        (_poll("2025-05", "2025-05-25", source="older 2024-06-03; newer 2025-12-01"), "2025-05-25", "2025-06-21", "B"),
        (_poll("2024-08/10", "2024-09-15", pollster="Gallup"), "2024-09-15", "2024-11-28", "B"),
        (_poll("2022", "2022-09-06", pollster="Gallup"), "2022-09-06", "2022-11-05", "B"),
        (_poll("2025-12-28/01-05", "2026-01-01"), "2026-01-05", "2026-01-26", "B"),
        (_poll("2025-12-28/2026-01-05", "2026-01-01"), "2026-01-05", "2026-01-26", "B"),
        (_poll("2025-12/02", "2026-01-15"), "2026-01-15", "2026-03-21", "B"),
    ],
)
def test_poll_days(tmp_path: Path, line: str, observed: str, published: str, grade: str) -> None:
    (table,) = import_source("polls", [_write(tmp_path, "p.csv", _POLLS, line)]).values()
    assert [f"{table[day].iloc[0]:%Y-%m-%d}" for day in ("observed_on", "published_on")] == [observed, published]
    assert table["grade"].iloc[0] == grade
    assert ("mid-date assumed" in table["source"].iloc[0]) == (line.split(",")[0].count("-") < 2)


@pytest.mark.parametrize(
    ("fieldwork", "middle"),
    [
        ("2025-12-28/05", "2025-12-31"),  # the month of the end is missing
        ("2025-07-01/06-05", "2025-07-03"),  # of the same year it would end before it began
        ("2025-12-28/01-05", "2025-01-01"),
        ("2025-05", "2025-06-02"),
        ("2025", "2026-01-01"),
    ],
)
def test_fieldwork_that_its_middle_contradicts_is_refused(tmp_path: Path, fieldwork: str, middle: str) -> None:
    with pytest.raises(ContentError, match=r"line 2: found (fieldwork|mid_date)"):
        import_source("polls", [_write(tmp_path, "p.csv", _POLLS, _poll(fieldwork, middle))])


def test_poll_faults_are_all_named(tmp_path: Path) -> None:
    strange = _poll("2025-05", "2025-05-25").replace("start peace", "end peace")
    path = _write(tmp_path, "p.csv", _POLLS, _poll("May 2025", "2025-05-25"), strange, _poll("2025-05", "2025-05-25", share=""))
    with pytest.raises(ContentError) as caught:
        import_source("polls", [path])
    assert [fault.line for fault in caught.value.faults] == [2, 3]


_CHRONOLOGY = "date,end_date,kind,level,parties,agreed_at_round,description,source,grade"
_ITEMS = "date,items_total,items_ukraine_russia,items_ua_negotiation_words,items_ua_arms_aid,items_russia_domestic_unrest,deep_format_day"


def test_items_leave_nested_days_and_rounds_out(tmp_path: Path) -> None:
    nested = {"2024-01-10", "2024-01-11", "2024-01-12", "2024-01-13", "2024-01-16"}
    days = [day for day in _days("2024-01-01", 26) if day not in ("2024-01-17",)]  # Monday … Friday
    lines = [f"{day},10,2,1,0,3,{int(day in nested)}" for day in days]
    counts = _write(tmp_path, "ce_daily_counts.csv", _ITEMS, *lines)
    record = _write(tmp_path, "diplomacy_chronology.csv", _CHRONOLOGY, "2024-01-17,2024-01-17,round,trilateral,RU-UA,,x,y,A")
    tables = import_source("current_events", [counts, record])
    attention = tables["war_attention"]
    # second week: three days left, too few; third: two days missing; fourth: incomplete
    assert _values(attention) == {"2024-01-07": 14.0, "2024-01-21": 10.0}
    assert list(attention["sample_size"]) == [70.0, 50.0]
    assert list(attention["grade"]) == ["B", "C"]
    assert _values(tables["negotiation_items"]) == {"2024-01-07": 7.0}


def test_a_day_without_a_count_is_left_out_with_its_exposure_and_no_day_counts_twice(tmp_path: Path) -> None:
    lines = [f"{day},40,{'' if day == '2024-01-03' else 10},2,3,1,0" for day in _days("2024-01-01", 7)]
    record = _write(tmp_path, "diplomacy_chronology.csv", _CHRONOLOGY, "2024-03-17,2024-03-17,round,trilateral,RU-UA,,x,y,A")
    tables = import_source("current_events", [_write(tmp_path, "ce_daily_counts.csv", _ITEMS, *lines), record])
    found = {name: (*table[["value", "sample_size"]].iloc[0], table["grade"].iloc[0]) for name, table in tables.items()}
    assert (found["war_attention"], found["arms_aid_items"]) == ((60.0, 240.0, "C"), (21.0, 280.0, "B"))
    with pytest.raises(ContentError, match=r"line 9.*2024-01-07 a second time"):
        import_source("current_events", [_write(tmp_path, "ce_daily_counts.csv", _ITEMS, *lines, lines[-1]), record])


def test_a_poll_without_a_share_makes_no_row(tmp_path: Path) -> None:
    lines = [_poll("2025-05", "2025-05-25", share=""), _poll("2025-06", "2025-06-25", share="61")]
    table = import_source("polls", [_write(tmp_path, "p.csv", _POLLS, *lines)])["levada_talks"]
    assert _values(table) == {"2025-06-25": 61.0}
