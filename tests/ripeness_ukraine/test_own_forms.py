"""Publishers' files in the publishers' own form: the same figures as from the mirrors' tables, and a refusal of whatever is none."""

from __future__ import annotations

import json
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from shipped import import_source

from ripeness.errors import ContentError
from ripeness_ukraine.current_events import items_of
from ripeness_ukraine.deepstate import map_area, ring_area

WORKBOOK = Path(__file__).resolve().parents[1] / "publishers" / "gpr_monthly.xls"
ROUND_WEEK = date(2026, 2, 2)  # the Monday of a week with a round


def _write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- Maps ------------------------------------------------------------------------------------------------------------------------------------


def _square(west: float, south: float, side: float) -> list[list[float]]:
    return [[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]


def _map(folder: Path, day: date, *polygons: list[list[list[float]]], name: str = "deepstatemap_data_{:%Y%m%d}.geojson") -> Path:
    geometry = {"type": "MultiPolygon", "coordinates": polygons}
    return _write(
        folder / name.format(day), json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": geometry}]})
    )


def test_areas_are_those_on_the_ellipsoid() -> None:
    """A zone between parallels, its edges dense enough to follow them, against the integral of the surface element of WGS 84."""
    south, north, steps = 46.0, 48.5, 2000
    longitudes = [33.0 + 2.0 * step / steps for step in range(steps + 1)]
    ring = [[x, south] for x in longitudes] + [[x, north] for x in reversed(longitudes)] + [[33.0, south]]
    squared = 0.00669437999014

    def element(latitude: float) -> float:
        return 6378.137**2 * (1 - squared) * np.cos(latitude) / (1 - squared * np.sin(latitude) ** 2) ** 2

    expected = quad(element, np.radians(south), np.radians(north))[0] * np.radians(2.0)
    assert ring_area(ring) == pytest.approx(expected, rel=1e-6)


def test_holes_are_left_out_and_the_sense_of_a_ring_does_not_matter(tmp_path: Path) -> None:
    outer, hole = _square(33.0, 46.0, 1.0), _square(33.2, 46.2, 0.1)
    with_hole = map_area(_map(tmp_path, date(2026, 10, 4), [outer, hole], [_square(36, 47, 0.2)]))
    expected = ring_area(outer) - ring_area(hole) + ring_area(_square(36, 47, 0.2))
    assert with_hole == pytest.approx(expected, rel=1e-12)
    assert map_area(_map(tmp_path, date(2026, 10, 4), [outer[::-1], hole[::-1]])) == pytest.approx(ring_area(outer) - ring_area(hole))


@pytest.mark.parametrize("name", ["deepstatemap_data_{:%Y%m%d}.geojson", "deepstatemap_data_{:%Y-%m-%d}.json"])
def test_maps_give_the_rows_of_the_table(tmp_path: Path, name: str) -> None:
    days = [date(2026, 9, 19) + timedelta(days=number) for number in range(16)]
    maps = [_map(tmp_path, day, [_square(33.0, 46.0, 1 + number / 5000)], name=name) for number, day in enumerate(days)]
    table = "date,occupied_km2\n" + "".join(f"{day},{map_area(path):.1f}\n" for day, path in zip(days, maps, strict=True))
    (by_table,) = import_source("deepstate", [_write(tmp_path / "deepstate_occupied_area_daily.csv", table)]).values()
    (by_maps,) = import_source("deepstate", maps[::-1]).values()
    pd.testing.assert_frame_equal(by_maps, by_table)
    assert [f"{day:%Y-%m-%d}" for day in by_maps["observed_on"]] == ["2026-09-27", "2026-10-04"]


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[1e999, 0], [0, 0], [0, 1], [1e999, 0]]]}}]}',
        '{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[0, 95], [0, 0], [1, 0], [0, 95]]]}}]}',
        '{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[0, 1], [0, 0], [1, 0], [9, 9]]]}}]}',
        '{"features": [{"geometry": {"type": "Point", "coordinates": [0, 1]}}]}',
        '{"features": [{"geometry": null}]}',
        '{"features": []}',
        '{"a": 1}',
        "[]",
        "<html>",
    ],
)
def test_a_map_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ContentError, match=r"deepstatemap_data_20261004\.geojson"):
        import_source("deepstate", [_write(tmp_path / "deepstatemap_data_20261004.geojson", content)])


# --- Rates -----------------------------------------------------------------------------------------------------------------------------------


def _rates(days: list[date], to: date, nominal: int = 1) -> str:
    records = "".join(
        f'<Record Date="{day:%d.%m.%Y}" Id="R01235"><Nominal>{nominal}</Nominal><Value>{nominal * (80 + day.day) + 0.25},00</Value></Record>'.replace(
            ".25,00", ",2500"
        )
        for day in days
    )
    return f'<?xml version="1.0" encoding="windows-1251"?><ValCurs DateRange1="01.09.2024" DateRange2="{to:%d.%m.%Y}" name="Курс">{records}</ValCurs>'


@pytest.mark.parametrize(("to", "weeks"), [(date(2024, 9, 14), 1), (date(2024, 9, 15), 2), (date(2024, 9, 18), 2)])
def test_the_banks_answer_gives_the_weeks_that_it_covers(tmp_path: Path, to: date, weeks: int) -> None:
    days = [date(2024, 9, 2) + timedelta(days=number) for number in range(16)]
    published = [day for day in days if day.weekday() in (0, 1, 2, 3, 4, 5) and day <= to]
    path = _write(tmp_path / "XML_dynamic.xml", _rates(published, to).encode("cp1251"))
    (rows,) = import_source("bank_of_russia", [path]).values()
    assert rows["value"].tolist() == [84.75, 91.75][:weeks]
    assert set(import_source("bank_of_russia", [path])) == {"rouble_per_usd"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>', "line 1: found a document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "found a document type"),
        ('<?xml version="1.0" encoding="no-such"?><x/>', "an encoding that is not known|broken XML"),
        (_rates([date(2024, 9, 3)], date(2024, 9, 9)).replace("<Nominal>1</Nominal>", ""), "found entry 1 without .*Nominal"),
        (_rates([date(2024, 9, 3)], date(2024, 9, 9)).replace("83,2500", "1e999"), "found Value = '1e999'"),
        (_rates([date(2024, 9, 3)] * 2, date(2024, 9, 9)), "found 2024-09-03 a second time"),
        (_rates([date(2024, 9, 3)], date(2024, 9, 9))[:200], "found broken XML"),
        (_rates([date(2024, 9, 3)], date(2024, 9, 9), nominal=0), "found no rate"),
        (_rates([date(2024, 9, 3)], date(2024, 9, 9)).replace("09.09.2024", "99.99.2024"), r"found DateRange2 = '99\.99\.2024'"),
        ("<ValCurs/>", "found no rows"),
        ("<ValCurs>" + "<Record/>" * 300_000 + "</ValCurs>", "more than 200,000 rows"),
        ("<a>" * 500_000, "found broken XML"),
        ("<x><Record><Value>" + "1<!-- -->" * 500_000 + "</Value></Record></x>", "found entry 1 without .*Nominal"),
    ],
    ids=range(13),
)
def test_hostile_xml_ends_as_a_refusal(tmp_path: Path, content: str, words: str) -> None:
    begun = time.process_time()
    with pytest.raises(ContentError, match=words) as caught:
        import_source("bank_of_russia", [_write(tmp_path / "XML_dynamic.xml", content)])
    assert time.process_time() - begun < 5
    assert all(len(str(fault)) < 1000 for fault in caught.value.faults)


# --- Pages -----------------------------------------------------------------------------------------------------------------------------------

WAR = "**[[Ukraine|Ukrainian]] troops and {{flag|RU}} others report '''heavy''' fighting along the front. [https://example.org/a (Agency)]"
TALKS = "**Delegations meet in a third country for peace talks on Ukraine, their officials say. [https://example.org/b (Agency)]"
ARMS = "**A government says that it will send tanks and ammunition to Ukraine before winter. [https://example.org/c (Agency)]"
UNREST = "**People who protest in a Russian city against a new law are taken away by police. [https://example.org/d (Agency)]"
OTHER = "**An earthquake far away damages houses, and thousands of people leave their homes. [https://example.org/e (Agency)]"


def _page(folder: Path, day: date, *lines: str, missing: bool = False) -> Path:
    text = (
        "{{Current events|content=\n<!-- below -->\n'''Armed conflicts and attacks'''\n*[[Russian invasion of Ukraine]]\n"
        + "\n".join(lines)
        + "\n}}"
    )
    page = {"title": f"Portal:Current events/{day.year} {day:%B} {day.day}", "revisions": [{"slots": {"main": {"content": text}}}]}
    if missing:
        page = {"title": page["title"], "missing": True}
    return _write(folder / f"current_events_{day}.json", json.dumps({"query": {"pages": [page]}}))


def test_items_are_bullets_without_their_markup() -> None:
    (text,) = items_of(f"'''Armed conflicts'''\n*[[War]]\n{WAR}\n: *no bullet", 61)
    assert text == "Ukrainian troops and others report heavy fighting along the front. (Agency)"
    assert items_of("*" + "a" * 60 + "\n*" + "b" * 61, 61) == ["b" * 61]
    assert items_of(
        "** One<ref name='x'>two</ref> <!-- three --><b>four</b> {{a|{{b}}}}[http://e.org five] [[six]] [[File:x|seven]]", 1
    ) == ["One four five six seven"]


def test_pages_give_weekly_counts_of_what_items_are_about(tmp_path: Path) -> None:
    monday = date(2026, 9, 28)
    pages = [_page(tmp_path, monday + timedelta(days=number), WAR, TALKS, ARMS, UNREST, OTHER, OTHER) for number in range(8)]
    tables = import_source("current_events", pages)
    counts = {name: rows[["observed_on", "value", "sample_size", "grade"]].values.tolist() for name, rows in tables.items()}
    sunday = pd.Timestamp("2026-10-04")
    assert counts == {
        "war_attention": [[sunday, 21.0, 42.0, "B"]],
        "negotiation_items": [[sunday, 7.0, 42.0, "B"]],
        "arms_aid_items": [[sunday, 7.0, 42.0, "B"]],
        "russia_unrest_items": [[sunday, 7.0, 42.0, "B"]],
    }


def test_weeks_of_a_round_and_weeks_not_yet_searched_have_no_count_of_negotiation(tmp_path: Path) -> None:
    for monday, kept in ((ROUND_WEEK, False), (date(2026, 10, 5), False), (date(2026, 9, 21), True)):
        tables = import_source("current_events", [_page(tmp_path, monday + timedelta(days=number), WAR) for number in range(7)])
        assert (len(tables["war_attention"]), len(tables["negotiation_items"])) == (1, int(kept)), monday


def test_missing_pages_are_missing_days(tmp_path: Path) -> None:
    monday = date(2026, 9, 28)
    for present, grade in ((7, "B"), (4, "C"), (3, None)):
        pages = [_page(tmp_path, monday + timedelta(days=number), WAR, missing=6 - number >= present) for number in range(7)]
        rows = import_source("current_events", pages)["war_attention"]
        expected = [grade] if grade and present == 7 else []  # a week that does not begin on its Monday is no whole one
        assert rows["grade"].tolist() == expected or (present == 4 and rows.empty)
    with pytest.raises(ContentError, match="found no page that exists"):
        import_source("current_events", [_page(tmp_path, monday, missing=True)])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"error": {"code": "maxlag"}}', "found something else"),
        ('{"query": {"pages": []}}', "found something else"),
        (
            '{"query": {"pages": [{"title": "Portal:Current events/2026 Oktober 4", "missing": true}]}}',
            "found the page 'Portal:Current events/2026 Oktober 4'",
        ),
        ('{"query": {"pages": [{"title": "Main Page", "missing": true}]}}', "found the page 'Main Page'"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_an_answer_of_another_kind_is_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(ContentError, match=words):
        import_source("current_events", [_write(tmp_path / "current_events_2026-10-04.json", content)])


@pytest.mark.parametrize(
    "text",
    [
        "*" + "[https://x " * 90_000,
        "\n".join(["*" + "[https://x " * 200] * 400),
        "\n".join(["*" + "<!--" * 600] * 400),
        "\n".join(["*" + "<ref>" * 600] * 300),
        "\n".join(["*" + "{{" * 700 + "}}" * 700] * 300),
        "\n".join(["*" + "[[a|" * 600] * 400),
        "* a\n" * 200_000,
    ],
    ids=["one line", "addresses", "comments", "references", "templates", "links", "many"],
)
def test_hostile_pages_are_counted_in_time(tmp_path: Path, text: str) -> None:
    """Pages of up to a MiB, as many as are fetched at once, within the time of a publisher."""
    path = _page(tmp_path, date(2026, 10, 4), text)
    assert path.stat().st_size < 2**20 + 2**12
    begun = time.process_time()
    import_source("current_events", [path])
    assert time.process_time() - begun < 4


# --- A workbook ------------------------------------------------------------------------------------------------------------------------------


def test_the_workbook_gives_the_rows_of_the_table(tmp_path: Path) -> None:
    table = _write(
        tmp_path / "gpr_monthly.csv", "month,GPR,GPRC_UKR\n2026-04,139.9,.78\n2026-05,142.2,.8\n2026-06,150.5,.86\n2026-07,133,.7\n"
    )
    (by_table,) = import_source("geopolitical_risk", [table]).values()
    (by_workbook,) = import_source("geopolitical_risk", [WORKBOOK]).values()
    pd.testing.assert_frame_equal(by_workbook, by_table)


@pytest.mark.parametrize("cut", [9, 512, 3000])
def test_a_damaged_workbook_is_refused(tmp_path: Path, cut: int) -> None:
    with pytest.raises(ContentError, match=r"gpr_monthly\.xls: found a workbook that cannot be read"):
        import_source("geopolitical_risk", [_write(tmp_path / "gpr_monthly.xls", WORKBOOK.read_bytes()[:cut])])
