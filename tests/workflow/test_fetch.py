"""`ripeness fetch` against a server that plays every publisher: what is new is stored once, what fails harms no other, and each row knows its file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from publisher_server import Answer, Publishers, cuts_short, drips, fails, gives, gives_if_changed, packs, redirects, serve
from typer.testing import CliRunner

from ripeness.cli import fetch as cli
from ripeness.cli.app import app
from ripeness.data.vintages import read_store
from ripeness.errors import ContentError
from ripeness.files import digest
from ripeness.intake.reading import Source
from ripeness.intake.updates import Choices
from ripeness.workflow import fetch as module
from ripeness.workflow.fetch import FetchedSource, run_fetch
from ripeness.workspace import read_workspace
from ripeness_ukraine import eia

WORKBOOK = Path(__file__).resolve().parents[1] / "publishers" / "gpr_monthly.xls"
TODAY = date(2026, 10, 6)  # a Tuesday; rounds are searched up to Friday the 9th
ADDRESS = re.compile(r'^address = "https://[^/"]+(/[^"]*)"', re.MULTILINE)
ALL = ["deepstate", "general_staff", "eia", "bank_of_russia", "current_events", "geopolitical_risk"]


def _days(number: int, last: date = TODAY) -> list[date]:
    return [last - timedelta(days=back) for back in range(number - 1, -1, -1)]


def _brent(days: int = 50, **other: float) -> str:
    lines = [f"{day},{other.get(day.isoformat().replace('-', '_'), 92.5)}" for day in _days(days) if day.weekday() < 5]
    return "Date,Price\n" + "\n".join(lines) + "\n"


def _map(day: date) -> str:
    """A strip along the front whose northern edge moves by some 30 square kilometres a week."""
    north = 47.5 + (day - date(2026, 9, 1)).days * 0.0002
    ring = [[33.0, 46.0], [35.5, 46.0], [35.5, north], [33.0, north], [33.0, 46.0]]
    return json.dumps({"features": [{"geometry": {"type": "Polygon", "coordinates": [ring]}}]})


def _page(day: date) -> str:
    """Sixteen items, of which one is about the war, and headings that are none."""
    item = "**Something of note happens in a country of the wide world, say its officials. [https://example.org (Agency)]\n"
    war = "**[[Ukraine|Ukrainian]] officials report <b>fighting</b> {{flag|UA}} along the whole front line today. [https://example.org (Agency)]\n"
    text = "'''Armed conflicts'''\n*[[Russian invasion of Ukraine]]\n" + war + "*[[World]]\n" + 15 * item
    title = f"Portal:Current events/{day.year} {day:%B} {day.day}"
    return json.dumps({"query": {"pages": [{"title": title, "revisions": [{"slots": {"main": {"content": text}}}]}]}})


def _rates() -> str:
    days = [day for day in _days(50) if day.weekday() in (1, 2, 3, 4, 5)]
    records = "".join(
        f'<Record Date="{day:%d.%m.%Y}" Id="R01235"><Nominal>10</Nominal><Value>{832 + n},50</Value></Record>' for n, day in enumerate(days)
    )
    head = f'<?xml version="1.0" encoding="windows-1251"?><ValCurs ID="R01235" DateRange1="14.02.2022" DateRange2="{TODAY:%d.%m.%Y}" name="Курс">'
    return f"{head}{records}</ValCurs>"


def _losses(name: str, start: int, step: int) -> str:
    return json.dumps([{"date": day.isoformat(), "day": 1, name: start + step * number} for number, day in enumerate(_days(30))])


Fetch = Callable[..., dict[str, FetchedSource]]


@pytest.fixture
def publishers() -> Iterator[Publishers]:
    with serve() as found:
        yield found


@pytest.fixture
def desk(copied_workspace: Path, publishers: Publishers) -> Path:
    """The shipped workspace, its feeds led to the server, and every publisher in good order."""
    path = copied_workspace / "data" / "sources.toml"
    path.write_text(ADDRESS.sub(lambda found: f'address = "{publishers.address}{found[1]}"', path.read_text("utf-8")), "utf-8")
    losses = "/PetroIvaniuk/2022-Ukraine-Russia-War-Dataset/main/data/russia_losses_{}.json"
    publishers.play(losses.format("personnel"), gives_if_changed(_losses("personnel", 1_400_000, 1450), '"p1"'))
    publishers.play(losses.format("equipment"), gives(_losses("field artillery", 46_000, 65)))
    publishers.play(losses.format("equipment_correction"), gives('[{"date": "2022-10-13", "personnel": 0, "field artillery": 32}]'))
    publishers.play("/datasets/oil-prices/main/data/brent-daily.csv", gives_if_changed(_brent(), '"b1"'))
    publishers.play("/scripts/XML_dynamic.asp", gives(_rates().encode("cp1251"), Content_Type="application/xml"))
    publishers.play("/gpr_files/data_gpr_export.xls", gives(WORKBOOK.read_bytes()))
    for day in _days(22, TODAY - timedelta(days=1)):
        publishers.play(
            f"/cyterat/deepstate-map-data/main/data/deepstatemap_data_{day:%Y%m%d}.geojson", gives_if_changed(_map(day), f'"{day}"')
        )
        path_of_page = f"titles=Portal:Current_events/{day.year}_{day:%B}_{day.day}"
        query = (
            "/w/api.php?action=query&format=json&formatversion=2&prop=revisions&rvslots=main&rvprop=ids|timestamp|content&" + path_of_page
        )
        publishers.play(query, packs(_page(day).encode()))
    return copied_workspace


@pytest.fixture
def fetch(desk: Path) -> Fetch:
    def run(*names: str, today: date = TODAY, choices: Choices | None = None, seconds: float = 30.0) -> dict[str, FetchedSource]:
        done = run_fetch(desk, names, today, choices or Choices(), loopback=True, seconds=seconds, pause_seconds=0.01)
        return {one.name: one for one in done}

    return run


def _rows(desk: Path, table: str) -> list[str]:
    return (desk / "data" / f"{table}.csv").read_text("utf-8").splitlines()


def _new(desk: Path, before: dict[str, bytes | None], table: str) -> list[str]:
    old = before[f"data/{table}.csv"]
    assert old is not None
    text = (desk / "data" / f"{table}.csv").read_bytes()
    assert text.startswith(old)
    return text[len(old) :].decode().splitlines()


def test_every_publisher_is_fetched_and_stored(desk: Path, fetch: Fetch, tree_of: Callable[[Path], dict[str, bytes | None]]) -> None:
    before = tree_of(desk)
    done = fetch()
    assert {name: (str(one.faults), one.update is not None and one.update.takes) for name, one in done.items() if one.faults} == {}
    assert list(done) == ALL
    (week,) = _new(desk, before, "area_change_deepstate")[-1:]
    assert re.fullmatch(r"2026-10-04,29\.\d,2026-10-05,DeepStateMap,B", week)
    assert _new(desk, before, "personnel_losses")[-1] == "2026-10-04,10150,2026-10-05,General Staff of Ukraine,B"
    assert _new(desk, before, "artillery_losses")[-1] == "2026-10-04,455,2026-10-05,General Staff of Ukraine,B"
    assert _new(desk, before, "brent")[-1] == "2026-10-04,92.5,2026-10-06,US EIA,A"  # at hand before the usual lag was over
    assert _new(desk, before, "rouble_per_usd")[-1] == "2026-10-04,86.45,2026-10-05,Bank of Russia,A"
    assert _new(desk, before, "war_attention") == [
        f"2026-{day},7,2026-{later},Wikipedia Current events,B,112"
        for day, later in (("09-20", "09-21"), ("09-27", "09-28"), ("10-04", "10-05"))
    ]
    assert _new(desk, before, "negotiation_items")[-1] == "2026-10-04,0,2026-10-05,Wikipedia Current events,B,112"
    assert [line.split(",")[:2] for line in _new(desk, before, "risk_elsewhere")] == [
        ["2026-05-31", "177.75"],
        ["2026-06-30", "175"],
        ["2026-07-31", "190"],
    ]
    store = read_store(read_workspace(desk))
    assert store.batches["batch"].nunique() == len(ALL)  # one transaction a source


def test_fetching_again_makes_no_file_and_no_row(
    desk: Path, fetch: Fetch, publishers: Publishers, tree_of: Callable[[Path], dict[str, bytes | None]]
) -> None:
    fetch()
    before = tree_of(desk)
    publishers.asked.clear()
    done = fetch()
    assert tree_of(desk) == before
    assert {file.state for one in done.values() for file in one.files} == {"as before"}
    conditional = [path for path, headers in publishers.asked if "If-None-Match" in headers]
    assert len(conditional) == 22 + 2  # the maps, personnel, Brent; the others offer no mark to ask by
    assert len(publishers.asked) == 22 + 3 + 1 + 1 + 22 + 1


def test_each_row_knows_its_file(desk: Path, fetch: Fetch) -> None:
    fetch("eia", "deepstate")
    raw = desk / "data" / "raw"
    assert {len(path.name) for path in raw.iterdir() if path.is_dir()} == {64}
    (brent,) = raw.glob("*/brent-daily.csv")
    assert digest(brent.read_bytes()) == brent.parent.name
    record = (raw / "fetched.csv").read_text("utf-8").splitlines()
    assert record[0] == "day,source,file,sha256,bytes,address,etag,last_modified"
    assert len(record) == 1 + 22 + 1
    (line,) = [line for line in record if ",eia," in line]
    assert line.startswith(f"2026-10-06,eia,brent-daily.csv,{brent.parent.name},{brent.stat().st_size},http://127.0.0.1")

    def show(*words: str) -> str:
        result = CliRunner().invoke(app, ["data", "show", *words, "--source", "--workspace", str(desk), "--as-of", "2026-10-06"])
        assert result.exit_code == 0, result.output
        return result.output

    values = json.loads(show("brent", "--json", "--last", "100"))["values"]
    by_day = {value["observed_on"]: value["from"] for value in values}
    path = f"data/raw/{brent.parent.name}/brent-daily.csv"
    assert by_day["2026-10-04"] == {
        "batch": 2,
        "entered_on": "2026-10-06",
        "files": [{"name": "brent-daily.csv", "sha256": brent.parent.name, "path": path}],
    }
    assert by_day["2026-08-02"] == {"batch": None, "entered_on": None, "files": []}
    assert (desk / path).read_text("utf-8").startswith("Date,Price\n")
    text = show("brent", "--last", "12").replace("\n", "")
    assert "older than the record of updates" in text and "brent-daily.csv" in text
    maps = json.loads(show("area_change_deepstate", "--json", "--last", "1"))["values"][0]["from"]["files"]
    assert len(maps) == 22 and all((desk / one["path"]).is_file() for one in maps)
    assert "and 19 more; --json lists them" in show("area_change_deepstate", "--last", "1")
    shutil.rmtree(raw)  # as on another machine
    gone = json.loads(show("brent", "--json", "--last", "1"))["values"][0]["from"]["files"]
    assert gone == [{"name": "brent-daily.csv", "sha256": brent.parent.name, "path": None}]
    assert "not in data/raw" in show("brent", "--last", "1")


BRENT = "/datasets/oil-prices/main/data/brent-daily.csv"
HTML = "<!DOCTYPE html>\n<html><script>alert(1)</script>Moved</html>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            fails(404),
            r"eia: status 404 \w+ \w+ at http://127\.0\.0\.1:\d+/datasets/oil-prices/main/data/brent-daily\.csv; expected the file",
        ),
        (fails(500), "eia: status 500"),
        (cuts_short(_brent()), "a reply cut short after"),
        (drips(), "no whole file within the time"),
        (packs(bytes(2**25)), "more than 8 MiB"),
        (redirects("https://elsewhere.example/brent-daily.csv"), r"a redirect to https://elsewhere\.example"),
        (gives(HTML), r"eia: an HTML page at http://127.*; expected brent-daily\.csv, of the form csv"),
        (gives(""), "an empty file"),
        (gives("[1, 2]"), "something else"),
        (gives("day,price\n2026-10-05,91\n"), r"brent-daily\.csv, line 1: found columns day, price; expected a column Date, Price"),
        (gives("Date,Price\n2026-10-05,91\n2026-10-05,92\n"), r"brent-daily\.csv, line 3: found 2026-10-05 a second time"),
        (gives("Date,Price\n2026-10-05,=1+1\n"), r"brent-daily\.csv, line 2: found Price = '=1\+1'"),
        (gives("Date,Price\n" + "2026-10-05,91\n" * 250_000), "more than 200,000 rows"),
        (gives(_brent(60, **{"2026_09_30": 9250.0})), "found value 1924 .* expected 10 to 250"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_sound_file_is_reported(desk: Path, fetch: Fetch, publishers: Publishers, answer: Answer, words: str) -> None:
    publishers.play(BRENT, answer)
    before = _rows(desk, "brent")
    done = fetch("eia", seconds=2.0)["eia"]
    assert re.search(words, "\n".join(map(str, done.faults))), done.faults
    assert _rows(desk, "brent") == before and not (desk / "data" / "updates.csv").exists()


def test_one_that_fails_harms_no_other_and_is_stored_when_it_is_well_again(desk: Path, fetch: Fetch, publishers: Publishers) -> None:
    publishers.play(BRENT, gives(HTML))
    done = fetch("eia", "bank_of_russia")
    assert done["eia"].faults and not done["bank_of_russia"].faults
    assert _rows(desk, "rouble_per_usd")[-1].startswith("2026-10-04,")
    publishers.play(BRENT, gives(_brent()))
    assert not fetch("eia")["eia"].faults
    assert _rows(desk, "brent")[-1].startswith("2026-10-04,92.5,")


def test_new_columns_are_passed_over(desk: Path, fetch: Fetch, publishers: Publishers) -> None:
    lines = _brent().splitlines()
    publishers.play(
        BRENT, gives("\n".join([f"Change,{lines[0]},Note", *(f"0,{line},<script>alert(1)</script>" for line in lines[1:])]) + "\n")
    )
    assert not fetch("eia")["eia"].faults
    assert "<script>" not in "".join(path.read_text("utf-8") for path in (desk / "data").glob("*.csv"))


def test_a_revision_is_stored_as_of_the_day_of_fetching(desk: Path, fetch: Fetch, publishers: Publishers) -> None:
    fetch("eia")
    publishers.play(BRENT, gives(_brent(50, **{"2026_10_02": 97.5})))
    done = fetch("eia", today=TODAY + timedelta(days=1))
    assert done["eia"].update is not None and done["eia"].update.counts["revision"] == 1
    assert _rows(desk, "brent")[-1] == "2026-10-04,93.5,2026-10-07,US EIA,A"


def test_days_without_a_map_are_told_and_no_map_at_all_is_a_failure(desk: Path, fetch: Fetch, publishers: Publishers) -> None:
    maps = [path for path in publishers.answers if "deepstatemap" in path]
    publishers.play(maps[-1], fails(404))
    publishers.play(maps[-3], fails(404))
    done = fetch("deepstate")["deepstate"]
    assert done.notes[0] == "no file of 2 day(s): deepstatemap_data_2026-10-05.json, deepstatemap_data_2026-10-03.json"
    assert not done.faults
    for path in maps:
        publishers.play(path, fails(404))
    (fault,) = fetch("deepstate")["deepstate"].faults
    assert "deepstate: status 404 at" in fault.found and "all days before" in fault.found


def test_a_file_that_stands_still_is_told(fetch: Fetch) -> None:
    fetch("geopolitical_risk")
    assert fetch("geopolitical_risk", today=TODAY + timedelta(days=38))["geopolitical_risk"].notes == ()
    (note,) = fetch("geopolitical_risk", today=TODAY + timedelta(days=39))["geopolitical_risk"].notes
    assert note == "gpr_monthly.xls has not changed since 2026-10-06, and should every 31 day(s)"


def test_a_reader_that_breaks_off_harms_no_other(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object) -> dict[str, pd.DataFrame]:
        raise KeyError("a column")

    monkeypatch.setattr(eia, "SOURCE", Source("US EIA: Brent", eia.SOURCE.files, break_off, ("brent",), judgements=eia.Eia))
    done = fetch("eia", "bank_of_russia")
    assert "eia: a reader that broke off (KeyError)" in str(done["eia"].faults[0])
    assert not done["bank_of_russia"].faults


def _with_key(desk: Path, replace: tuple[str, str]) -> None:
    path = desk / "data" / "sources.toml"
    text = path.read_text("utf-8")
    head, feed = text.split('[[feed]]\nsource = "eia"\n')
    path.write_text(head + '[[feed]]\nsource = "eia"\nkey = "EIA_KEY"\n' + feed.replace(*replace, 1), "utf-8")


def test_a_key_goes_into_the_request_and_nowhere_else(
    desk: Path, fetch: Fetch, publishers: Publishers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _with_key(desk, ("brent-daily.csv", "brent-daily.csv?api_key={key}"))
    (fault,) = fetch("eia")["eia"].faults
    assert fault.found == "eia: no environment variable EIA_KEY"
    monkeypatch.setenv("EIA_KEY", "two\nlines")
    assert fetch("eia")["eia"].faults[0].found == "eia: an environment variable EIA_KEY that is no key"
    assert publishers.asked == []
    monkeypatch.setenv("EIA_KEY", "SECRET123")
    done = fetch("eia")["eia"]
    assert not done.faults
    assert publishers.asked[-1][0] == BRENT + "?api_key=SECRET123"
    publishers.play(BRENT, gives(_brent() + "2026-10-06,SECRET123\n"))
    (echoed,) = fetch("eia")["eia"].faults
    assert echoed.found.startswith("eia: the key in what came from http://127")
    publishers.play(BRENT, gives(_brent() + "\n", ETag='"SECRET123"'))
    assert fetch("eia")["eia"].faults[0].found.startswith("eia: the key in what came from http://127")
    publishers.play(BRENT, fails(500))
    assert "{key}" in str(fetch("eia")["eia"].faults[0])
    written = b"".join(path.read_bytes() for path in desk.rglob("*") if path.is_file())
    captured = capsys.readouterr()
    assert b"SECRET123" not in written and "SECRET123" not in captured.out + captured.err + str(echoed)


def test_a_key_adds_nothing_to_the_address(desk: Path, fetch: Fetch, publishers: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIA_KEY", "a&b=c#/d")
    _with_key(desk, ("brent-daily.csv", "brent-daily.csv?api_key={key}"))
    assert not fetch("eia")["eia"].faults
    assert publishers.asked[-1][0] == BRENT + "?api_key=a&b=c#/d"  # as the server decodes it: a bare # would have ended it


def test_a_key_may_stand_in_a_header(desk: Path, fetch: Fetch, publishers: Publishers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIA_KEY", "SECRET123")
    _with_key(desk, ('form = "csv"', 'form = "csv"\nheaders = { Authorization = "Bearer {key}" }'))
    assert not fetch("eia")["eia"].faults
    assert publishers.asked[-1][1]["Authorization"] == "Bearer SECRET123"


def test_a_file_changed_on_disk_is_fetched_anew(desk: Path, fetch: Fetch, publishers: Publishers) -> None:
    fetch("eia")
    (kept,) = (desk / "data" / "raw").glob("*/brent-daily.csv")
    kept.write_text("Date,Price\n", "utf-8")
    publishers.asked.clear()
    assert not fetch("eia")["eia"].faults
    assert "If-None-Match" not in publishers.asked[0][1]
    assert digest(kept.read_bytes()) == kept.parent.name


def test_nothing_is_written_through_a_link(desk: Path, fetch: Fetch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    raw = desk / "data" / "raw"
    raw.mkdir()
    place = raw / digest(_brent().encode())
    place.symlink_to(elsewhere, target_is_directory=True)
    assert not fetch("eia")["eia"].faults
    assert not place.is_symlink() and (place / "brent-daily.csv").is_file() and not any(elsewhere.iterdir())
    shutil.rmtree(raw)
    raw.symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(ContentError, match="data/raw: found a link"):
        fetch("eia")
    assert not any(elsewhere.iterdir())


def test_a_disk_that_refuses_is_reported(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Path:
        raise OSError(28, "No space left on device", "/home/somebody/desk")

    monkeypatch.setattr(module, "keep", refuse)
    (fault,) = fetch("eia")["eia"].faults
    assert (fault.path.as_posix(), fault.found) == ("data/raw", "eia: no space left on device")
    assert "somebody" not in str(fault)


def test_a_dry_run_keeps_the_files_and_stores_no_row(desk: Path, fetch: Fetch) -> None:
    before = _rows(desk, "brent")
    done = fetch("eia", choices=Choices(dry_run=True))
    assert done["eia"].update is not None and done["eia"].update.takes > 0
    assert _rows(desk, "brent") == before and not (desk / "data" / "updates.csv").exists()
    assert list((desk / "data" / "raw").glob("*/brent-daily.csv"))


def test_what_cannot_be_begun_is_refused_as_a_whole(desk: Path, fetch: Fetch, publishers: Publishers) -> None:
    with pytest.raises(ContentError, match=r"found no \[\[feed\]\] of source 'kiel'"):
        fetch("eia", "kiel")
    (desk / "data" / "raw").mkdir()
    (desk / "data" / "raw" / "fetched.csv").write_text("day,source\n", "utf-8")
    with pytest.raises(ContentError, match=r"data/raw/fetched\.csv, line 1"):
        fetch("eia")
    assert publishers.asked == []


def test_the_command_tells_what_became_of_each_and_its_exit_code_whether_any_failed(
    desk: Path, publishers: Publishers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(*words: object, **options: object) -> list[FetchedSource]:
        return run_fetch(*words, **options, loopback=True, seconds=5, pause_seconds=0.01)  # type: ignore[arg-type]

    monkeypatch.setattr(cli, "run_fetch", here)

    def run(*words: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["fetch", *words, "--date", "2026-10-06", "--workspace", str(desk)])
        return result.exit_code, result.stdout, result.stderr

    publishers.play("/scripts/XML_dynamic.asp", gives("<x/>"))
    code, out, err = run("eia", "bank_of_russia", "--json")
    assert code == 1
    eia, bank = json.loads(out)["sources"]
    assert (eia["source"], eia["outcome"], eia["failed"], eia["batch"], eia["faults"]) == ("eia", "stored as batch 1", False, 1, [])
    assert (eia["files"][0]["state"], eia["files"][0]["path"]) == ("new", f"data/raw/{eia['files'][0]['sha256']}/brent-daily.csv")
    assert (bank["failed"], bank["batch"], bank["faults"][0]["path"]) == (True, None, "XML_dynamic.xml")
    assert "Error: bank_of_russia failed; nothing of it was stored." in err
    assert re.search(r"Fetched from http://127.*XML_dynamic\.asp.*, kept as data/raw/[0-9a-f]{64}/XML_dynamic\.xml", err)
    assert str(desk) not in out + err
    code, out, err = run("eia")
    assert (code, "nothing new" in out, "1 as before" in out) == (0, True, True)
    assert "Error" not in err
