"""A file cut in mid-week, source by source: the week it ends in is never passed off as a whole one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from shipped import SOURCES, import_source, judged_chronology

from ripeness.errors import ContentError, UsageError
from ripeness.intake.sources import ALL, find_files
from ripeness_ukraine.coverage import coverage_rows, searched_to

FIRST = date(2024, 9, 2)  # a Monday
SUNDAYS = ["2024-09-08", "2024-09-15"]
Write = Callable[[Path, list[date]], list[Path]]


def _table(path: Path, header: str, lines: list[str]) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def _eia(folder: Path, days: list[date]) -> list[Path]:
    return [_table(folder / "p.csv", "Date,Price", [f"{day},{70 + day.day}" for day in days if day.weekday() < 5])]


def _bank(folder: Path, days: list[date]) -> list[Path]:
    rates = [f"{day},{80 + day.day},{90 + day.day},{10 + day.day}" for day in days]
    macro = _table(folder / "m.csv", "month,key_rate,cpi_yoy", ["2024-08,18,9.05", "2024-09,18.6,"])
    return [_table(folder / "r.csv", "date,rub_per_usd,rub_per_eur,rub_per_cny", rates), macro]


def _staff(folder: Path, days: list[date]) -> list[Path]:
    before = [FIRST - timedelta(days=1), *days]
    people = [{"date": str(day), "personnel": 1000 * number} for number, day in enumerate(before)]
    pieces = [{"date": str(day), "field artillery": 10 * number} for number, day in enumerate(before)]
    contents = (people, pieces, [{"date": "2022-10-13", "personnel": 0, "field artillery": 0}])
    paths = [folder / f"{number}.json" for number in range(3)]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(json.dumps(content))
    return paths


def _launches(folder: Path, days: list[date]) -> list[Path]:
    head = "date,shahed_launched,cruise_launched,ballistic_launched,mixed_missile_launched,unknown_missile_launched"
    months = _table(folder / "m.csv", "month,drones,missiles,partial", ["2024-08,300,9,False"])
    return [_table(folder / "a.csv", head, [f"{day},5,1,1,0,0" for day in days]), months]


def _deepstate(folder: Path, days: list[date]) -> list[Path]:
    area = enumerate([FIRST - timedelta(days=1), *days])
    return [_table(folder / "d.csv", "date,occupied_km2", [f"{day},{1000 + number}" for number, day in area])]


def _liveuamap(folder: Path, days: list[date]) -> list[Path]:
    area = enumerate([FIRST - timedelta(days=1), *days])
    return [_table(folder / "t.csv", "date,area", [f"{day},{1000 + number}" for number, day in area])]


_CHRONOLOGY = "date,end_date,kind,level,parties,agreed_at_round,description,source,grade"


def _items(folder: Path, days: list[date]) -> list[Path]:
    head = "date,items_total,items_ukraine_russia,items_ua_negotiation_words,items_ua_arms_aid,items_russia_domestic_unrest,deep_format_day"
    counts = _table(folder / "c.csv", head, [f"{day},10,2,1,0,3,0" for day in days])
    return [counts, _table(folder / "e.csv", _CHRONOLOGY, ["2024-01-17,2024-01-17,round,trilateral,RU-UA,,x,y,A"])]


def _chronology(folder: Path, days: list[date]) -> list[Path]:
    record = _table(folder / "e.csv", _CHRONOLOGY, ["2024-09-05,2024-09-05,contact_principal,leader,TR-RU,,x,y,A"])
    table = folder / "c.md"
    table.write_text(f"Rows to {days[-1]:%d %B %Y}. Judgements.\n\n| 2020-01-01 | both | nobody | none | delegation | no |  | A |\n")
    return [record, table]


WEEKLY: dict[str, tuple[Write, str]] = {
    "eia": (_eia, "brent"),
    "bank_of_russia": (_bank, "rouble_per_usd"),
    "general_staff": (_staff, "personnel_losses"),
    "air_force": (_launches, "drones_launched"),
    "deepstate": (_deepstate, "area_change_deepstate"),
    "liveuamap": (_liveuamap, "area_change_liveuamap"),
    "current_events": (_items, "war_attention"),
    "chronology": (_chronology, "mediated_contacts"),
}
NOT_WEEKLY = {
    "kiel",
    "geopolitical_risk",
    "polls",
    "crea",
    "crowds",
    "news",
}  # months or single days, each as its publisher gives it; or no rows


def test_every_source_is_either_tried_here_or_not_weekly() -> None:
    assert set(SOURCES) == set(WEEKLY) | NOT_WEEKLY


@pytest.mark.parametrize("source", WEEKLY)
@pytest.mark.parametrize("last", range(14, 18), ids=["Monday", "Tuesday", "Wednesday", "Thursday"])
def test_a_week_begun_is_left_out(tmp_path: Path, source: str, last: int) -> None:
    write, table = WEEKLY[source]
    days = [FIRST + timedelta(days=n) for n in range(last + 1)]
    found = import_source(source, write(tmp_path, days))[table]["observed_on"]
    assert [f"{day:%Y-%m-%d}" for day in found if day > pd.Timestamp(FIRST)] == SUNDAYS


@pytest.mark.parametrize("source", WEEKLY)
def test_a_week_that_reaches_its_sunday_is_whole(tmp_path: Path, source: str) -> None:
    write, table = WEEKLY[source]
    days = [FIRST + timedelta(days=n) for n in range(21)]
    found = import_source(source, write(tmp_path, days))[table]["observed_on"]
    assert [f"{day:%Y-%m-%d}" for day in found if day > pd.Timestamp(FIRST)] == [*SUNDAYS, "2024-09-22"]


def test_a_month_begun_has_no_key_rate(tmp_path: Path) -> None:
    months = [
        import_source("bank_of_russia", _bank(tmp_path, [FIRST + timedelta(days=n) for n in range(days)]))["key_rate"] for days in (27, 29)
    ]
    assert [[f"{day:%Y-%m}" for day in found["observed_on"]] for found in months] == [["2024-08"], ["2024-08", "2024-09"]]


def test_the_search_ends_where_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "COVERAGE.md"
    for text, day in (("Rows to 24 June 2026. More.", pd.Timestamp("2026-06-24")), ("Nothing said.", None)):
        path.write_text(f"# Coverage\n\n{text}\n")
        assert searched_to(path) == day
    path.write_text("# Coverage\n\nRows to the end of June.\n")
    with pytest.raises(ContentError, match=r"line 3: found 'the end of June'"):
        searched_to(path)

    def covered_to(searched: str) -> str:
        judged = judged_chronology()
        return f"{coverage_rows(judged.searched, judged.split_after, pd.Timestamp(searched))['to'].max():%Y-%m-%d}"

    assert covered_to("2026-06-24") == "2026-06-21"
    assert covered_to("2026-06-21") == "2026-06-21"
    assert covered_to("2027-07-31") == f"{judged_chronology().searched[-1].last}"


def test_sources_are_found_in_their_folders_or_side_by_side(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"brent-daily\.csv"):
        find_files(ALL, [tmp_path])
    (tmp_path / "brent-daily.csv").write_text("")
    (tmp_path / "polls").mkdir()
    (tmp_path / "polls" / "polls_ua_ru.csv").write_text("")
    (tmp_path / "cbr_fx_daily.csv").write_text("")  # one of the Bank of Russia's two
    found, absent = find_files(ALL, [tmp_path])
    assert found == {"eia": [tmp_path / "brent-daily.csv"], "polls": [tmp_path / "polls" / "polls_ua_ru.csv"]}
    assert "bank_of_russia" in absent and "eia" not in absent
