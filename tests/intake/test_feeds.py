"""Feeds: what data/sources.toml may say of where files are fetched, and how it is filled in."""

from __future__ import annotations

import shutil
import tomllib
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from ripeness.cli.init import TEMPLATE
from ripeness.errors import ContentError
from ripeness.intake.feeds import Feeds, known_sources, read_feeds
from ripeness.intake.reading import Form, Source
from ripeness.intake.sources import find_installed
from ripeness.workspace import read_workspace

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 3, 2)


def _read(*_: object) -> dict[str, pd.DataFrame]:
    return {}


SOURCES = {
    "baker": Source("Baker", ("towns/bread.csv",), _read),
    "miller": Source("Miller", ("flour.csv", "grain.csv"), _read),
    "maps": Source("Maps", ("areas.csv",), _read, own=Form(("map_*.json",), _read)),
}
BAKER = """\
[[feed]]
source = "baker"
address = "https://bread.example/prices.csv"
form = "csv"
cadence_days = 7
licence = "CC BY 4.0"
"""
MAPS = """\
[[feed]]
source = "maps"
file = "map_*.json"
address = "https://maps.example/{day:%Y/%B/%-d}/map-{day:%Y%m%d}.json?from={from:%d/%m/%Y}&to={to:%d.%m.%Y}"
form = "json"
cadence_days = 1
licence = "none stated"
from = 2024-01-01
days = 3
"""


def read(workspace: Path, text: str, loopback: bool = False) -> Feeds:
    (workspace / "data" / "sources.toml").write_text(text, "utf-8")
    return read_feeds(read_workspace(workspace), SOURCES, loopback)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copytree(TEMPLATE, tmp_path / "desk")
    return tmp_path / "desk"


def test_a_feed_is_read_and_its_file_named_as_the_reader_has_it(workspace: Path) -> None:
    feeds = read(workspace, 'contact = "desk@example.org"\n' + BAKER)
    (feed,) = feeds.by_source["baker"]
    (wanted,) = feed.wanted(TODAY)
    assert (wanted.name, wanted.address) == ("bread.csv", "https://bread.example/prices.csv")
    assert feeds.contact == "desk@example.org"
    assert (feed.spec.most_mib, feed.spec.headers, feed.spec.key) == (8, {}, None)


def test_days_are_filled_in_the_newest_first_and_today_is_not_over(workspace: Path) -> None:
    (feed,) = read(workspace, MAPS).by_source["maps"]
    wanted = feed.wanted(TODAY)
    assert [one.name for one in wanted] == ["map_2026-03-01.json", "map_2026-02-28.json", "map_2026-02-27.json"]
    assert wanted[0].address == "https://maps.example/2026/March/1/map-20260301.json?from=01/01/2024&to=02.03.2026"


def test_feeds_stand_in_the_order_of_the_readers_files(workspace: Path) -> None:
    grain, flour = (BAKER.replace('"baker"', f'"miller"\nfile = "{name}.csv"') for name in ("grain", "flour"))
    feeds = read(workspace, grain + flour + BAKER)
    assert [feed.file for feed in feeds.by_source["miller"]] == ["flour.csv", "grain.csv"]
    assert known_sources([], feeds) == ["miller", "baker"]
    assert known_sources(["baker"], feeds) == ["baker"]
    with pytest.raises(ContentError, match=r"data/sources\.toml: found no \[\[feed\]\] of source 'bakr'.*did you mean 'baker'"):
        known_sources(["bakr"], feeds)


@pytest.mark.parametrize(
    ("was", "becomes", "line", "words"),
    [
        ('source = "baker"', 'source = "bakr"', 2, "did you mean 'baker'"),
        ('source = "baker"', 'source = "baker"\nfile = "rolls.csv"', 3, "one of the files that baker reads"),
        ('source = "baker"', 'source = "miller"', 1, "file = ''"),
        (
            'source = "baker"',
            'source = "miller"\nfile = "flour.csv"',
            3,
            r"feeds of flour\.csv; expected one for each of flour\.csv, grain\.csv",
        ),
        ("https://", "http://", 3, "begins with https://"),
        ("https://", "ftp://", 3, "begins with https://"),
        ("https://", "", 3, "begins with https://"),
        ("https://bread.example", "https://{key}.example", 3, "begins with https://"),
        ("https://bread", "https://me:secret@bread", 3, r"found address = 'https://…@bread\.example'; expected no name and password"),
        ("https://bread", "http://me:secret@bread", 3, "no name and password"),
        ("prices", "{day:%Y}", 3, r"the name of a file a day, as it has \{day:…\}"),
        ("prices", "{from:%Y}", 3, r"from, as it has \{from:…\}"),
        ("prices", "{to:%H}", 3, "days in %Y, %m, %d, %B and %-d"),
        ("prices", "{to:x}", 3, "days in %Y"),
        ("prices", "{to.__class__}", 3, "to be filled in, and no other"),
        ("prices", "{key}", 1, "found key = ''"),
        ("prices", "pri\\nces", 3, "pattern"),
        ('licence = "CC BY 4.0"', 'licence = "CC BY 4.0"\nkey = "BAKER_KEY"', 7, "stands for {key}"),
        ('licence = "CC BY 4.0"', 'licence = "CC BY 4.0"\nheaders = { "X Y" = "z" }', 7, "pattern"),
        ('licence = "CC BY 4.0"', 'licence = "CC BY 4.0"\nheaders = { Accept = "→" }', 7, "pattern"),
        ('licence = "CC BY 4.0"', 'licence = "CC BY 4.0"\nmost_mib = 65', 7, "less than or equal to 64"),
        ('licence = "CC BY 4.0"', 'licence = ""', 6, "at least 1 character"),
        ('licence = "CC BY 4.0"\n', "", 1, "no 'licence'"),
        ('form = "csv"', 'form = "html"', 4, "'csv', 'json', 'xml' or 'xls'"),
        ("cadence_days = 7", "cadence_day = 7\ncadence_days = 7", 5, "did you mean 'cadence_days'"),
        ("[[feed]]", "[feed]", 1, r"found no \[\[feed\]\]"),
        ("[[feed]]", "contact = 3\n[[feed]]", 1, "an address in plain letters"),
    ],
)
def test_what_is_wrong_is_reported_at_its_line(workspace: Path, was: str, becomes: str, line: int, words: str) -> None:
    assert was in BAKER
    with pytest.raises(ContentError, match=words) as caught:
        read(workspace, BAKER.replace(was, becomes))
    assert [(fault.path.as_posix(), fault.line) for fault in caught.value.faults] == [("data/sources.toml", line)]
    assert "secret" not in str(caught.value)


def test_a_series_needs_its_days(workspace: Path) -> None:
    for was, becomes in (("days = 3\n", ""), ("{day:%Y/%B/%-d}/map-{day:%Y%m%d}", "map")):
        with pytest.raises(ContentError, match="how many days to fetch"):
            read(workspace, MAPS.replace(was, becomes))


def test_two_feeds_of_one_file_and_no_feed_at_all_are_refused(workspace: Path) -> None:
    with pytest.raises(ContentError, match=r"a second feed of bread\.csv"):
        read(workspace, BAKER + BAKER)
    with pytest.raises(ContentError, match=r"found no \[\[feed\]\]"):
        read(workspace, "[baker]\n")
    (workspace / "data" / "sources.toml").unlink()
    with pytest.raises(ContentError, match=r"data/sources\.toml: found no such file"):
        read_feeds(read_workspace(workspace), SOURCES)


def test_only_tests_reach_this_machine_without_tls(workspace: Path) -> None:
    text = BAKER.replace("https://bread.example", "http://127.0.0.1:8000")
    assert read(workspace, text, loopback=True).by_source
    for address in ("http://127.0.0.1:8000", "http://127.0.0.1.example.org", "http://192.168.0.1"):
        with pytest.raises(ContentError, match="begins with https://"):
            read(workspace, BAKER.replace("https://bread.example", address), loopback=address != "http://127.0.0.1:8000")


def test_the_shipped_feeds_are_sound() -> None:
    feeds = read_feeds(read_workspace(ROOT), find_installed())
    assert set(feeds.by_source) == {"deepstate", "general_staff", "eia", "bank_of_russia", "current_events", "geopolitical_risk"}
    wanted = [one.address for of in feeds.by_source.values() for feed in of for one in feed.wanted(date(2026, 10, 5))]
    assert all(address.startswith("https://") and "{" not in address for address in wanted)
    assert "https://raw.githubusercontent.com/cyterat/deepstate-map-data/main/data/deepstatemap_data_20261004.geojson" in wanted
    assert "https://www.cbr.ru/scripts/XML_dynamic.asp?date_req1=14/02/2022&date_req2=05/10/2026&VAL_NM_RQ=R01235" in wanted
    assert sum("titles=Portal:Current_events/2026_October_4" in address for address in wanted) == 1


def test_the_templates_lines_are_sound_once_their_signs_are_taken_away(workspace: Path) -> None:
    text = (workspace / "data" / "sources.toml").read_text("utf-8")
    assert tomllib.loads(text) == {}
    shown = text[text.index("# [hospitals]") :]
    lines = [line.removeprefix("#").removeprefix(" ") for line in shown.splitlines()]
    kept = [line for line in lines if (" = " in line and "`" not in line) or line.startswith("[")]
    (workspace / "data" / "sources.toml").write_text("\n".join(kept), "utf-8")
    sources = {"hospitals": Source("Hospital board", ("hospitals.csv",), _read)}
    (feed,) = read_feeds(read_workspace(workspace), sources).by_source["hospitals"]
    assert (feed.spec.key, feed.spec.headers) == ("HOSPITALS_KEY", {"Authorization": "Bearer {key}"})
