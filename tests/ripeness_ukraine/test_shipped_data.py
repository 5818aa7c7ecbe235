"""The files that the repository ships, and what the readers make of the publishers'."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from shipped import JUDGEMENTS, SOURCES, import_all, import_source

from ripeness.attribution.watchlist import next_releases
from ripeness.data.vintages import Store, read_store
from ripeness.errors import ContentError, UsageError
from ripeness.intake.export import write_rows
from ripeness.intake.sources import ALL, find_files
from ripeness.intake.updates import Choices
from ripeness.model.spec import ModelSpec
from ripeness.workflow.modelling import spec_of
from ripeness.workflow.request import open_workspace
from ripeness.workflow.updates import run_import_update
from ripeness.workspace import read_workspace

_ROOT = Path(__file__).resolve().parents[2]
_SOURCE_DATA = _ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def store() -> Store:
    return read_store(read_workspace(_ROOT))


@pytest.fixture(scope="module")
def newest() -> ModelSpec:
    """The model's layout as of the default origin."""
    return spec_of(open_workspace(_ROOT))


def test_shipped_files_meet_their_contracts(store: Store) -> None:
    assert len(store.rows) >= 16
    for name, frame in store.rows.items():
        assert (frame["published_on"] >= frame["observed_on"]).all(), name


def test_weekly_values_end_on_sundays_and_monthly_ones_with_the_month(store: Store) -> None:
    for name, contract in store.contracts.items():
        days = pd.DatetimeIndex(store.rows[name]["observed_on"])
        if contract.window == "week":
            assert ((days.day_of_week == 6) | (contract.also_monthly & days.is_month_end)).all(), name
        if contract.window in ("month", "quarter"):
            assert days.is_month_end.all(), name


def test_reference_series_wander_near_the_centre(store: Store, newest: ModelSpec) -> None:
    """Where a factor has a slow level, which takes a trend away from it, its series begins there: centres are from before the sample."""
    trending = {factor.id for factor in newest.workspace.factors if factor.level}
    for name, contract in store.contracts.items():
        if contract.reference and contract.likelihood != "negative_binomial":
            rows = store.rows[name].sort_values("observed_on")
            scaled = contract.transformed(rows["value"].to_numpy(dtype=float))
            assert (abs(scaled[:26] if contract.factor in trending else scaled) <= 2.5).mean() > 0.9, name


def test_the_launches_say_their_terms_and_may_be_left_out(store: Store, newest: ModelSpec, copied_workspace: Path) -> None:
    """The series under CC BY-NC-SA 4.0 are these two; without their files the newest origin's model is laid out all the same."""
    licensed = {name for name, rows in store.rows.items() if rows["source"].str.contains("CC BY-NC-SA 4.0", regex=False).all()}
    assert licensed == {name for name, contract in store.contracts.items() if contract.optional} == {"drones_launched", "missiles_launched"}
    assert all("CC BY-NC-SA 4.0" in store.contracts[name].source for name in licensed)
    for name in licensed:
        (copied_workspace / "data" / f"{name}.csv").unlink()
    without = spec_of(open_workspace(copied_workspace))
    assert without.panel.origin == newest.panel.origin == date(2026, 10, 4)
    assert without.panel.indicators == newest.panel.indicators

    def seen(spec: ModelSpec) -> set[str]:
        return {spec.panel.measured.indicators[place] for place in spec.panel.measured.indicator}

    assert seen(newest) - seen(without) == licensed


def test_launches_by_month_describe_their_month_and_go_on_by_month(store: Store, newest: ModelSpec) -> None:
    measured = newest.panel.measured
    rows = measured.pick(measured.indicator == measured.indicators.index("drones_launched"))
    spans = [(newest.panel.weeks[first], newest.panel.weeks[last]) for first, last in zip(rows.first[-3:], rows.last[-3:], strict=True)]
    assert spans[0] == (date(2026, 7, 5), date(2026, 7, 26)) and spans[2] == (date(2026, 9, 6), date(2026, 9, 27))
    assert newest.panel.weeks[rows.last[-4]] == date(2026, 6, 7) == newest.panel.weeks[rows.first[-4]]  # 8 to 30 June is missing
    (release,) = [one for one in next_releases(newest, store.as_of(newest.panel.origin), 12) if one.indicator == "drones_launched"]
    assert (release.period_end, release.expected, release.last - release.first) == (date(2026, 10, 31), date(2026, 11, 1), 3)


def test_fourteen_rounds(store: Store) -> None:
    rounds = store.as_of(store.default_origin()).rounds()
    assert len(rounds) == 14
    assert [f"{day:%Y-%m-%d}" for day in rounds[-6:]] == [
        "2025-05-16",
        "2025-06-02",
        "2025-07-23",
        "2026-01-23",
        "2026-02-04",
        "2026-02-17",
    ]


def test_the_proposal_of_11_may_2025_was_known_that_day(store: Store) -> None:
    events = store.as_of(pd.Timestamp("2025-05-11").date()).events
    ahead = events[(events["date"] > "2025-05-11") & events["kind"].str.startswith("meeting")]
    assert set(ahead["kind"]) == {"meeting_one_side", "meeting_leaders"}


def test_every_indicator_has_a_reader(store: Store) -> None:
    given = {table for source in SOURCES.values() for table in source.tables}
    given |= {question["indicator"] for question in tomllib.loads(JUDGEMENTS.read_text("utf-8"))["polls"]["question"]}
    assert sorted(store.contracts) == sorted(given - {"events", "coverage", "crowds"})


def test_unknown_sources_and_wrong_numbers_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'kiel'"):
        import_source("keil", [])
    with pytest.raises(UsageError, match=r"2 file\(s\), diplomacy_chronology.csv"):
        import_source("chronology", [tmp_path / "one.csv"])
    with pytest.raises(UsageError, match=r"brent-daily\.csv"):
        find_files(ALL, [tmp_path])


@pytest.mark.parametrize(
    ("content", "words", "line"),
    [
        (b"Date,Price\n2022-03-01,1\n2022-03-32,1\n", "2022-03-32", 3),
        (b"Date,Price\n2022-03-01,dear\n", "dear", 2),
        (b"Date,Price\n2022-03-01,inf\n", "inf", 2),
        (b"Date,Price\n2022-03-01\n", "1 cells", 2),
        (b"Day,Price\n2022-03-01,1\n", "a column Date", 1),
        (b"Date,Price\n2022-03-01,1\n2022-03-01,2\n", "a second time", 3),
        (b"Date,Price\n2022-03-01,\xff\n", "not UTF-8", 2),
        (b"Date,Price\n", "a header and no row", None),
        (b"", "an empty file", None),
    ],
)
def test_broken_files_are_refused_with_their_line(tmp_path: Path, content: bytes, words: str, line: int | None) -> None:
    path = tmp_path / "brent-daily.csv"
    path.write_bytes(content)
    with pytest.raises(ContentError) as caught:
        import_source("eia", [path])
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.faults[0].line == line


@pytest.mark.slow
@pytest.mark.skipif(not _SOURCE_DATA.is_dir(), reason="the publishers' files are not at hand (../shared/data)")
def test_shipped_files_are_what_the_readers_make(tmp_path: Path) -> None:
    """Line by line, and no file is left out."""
    made = {path.name: path.read_text("utf-8").splitlines() for path in write_rows(import_all(_SOURCE_DATA), tmp_path)}
    shipped = {path.name: path.read_text("utf-8").splitlines() for path in (_ROOT / "data").glob("*.csv")}
    assert sorted(made) == sorted(shipped)
    for name, lines in shipped.items():
        assert made[name] == lines, name


@pytest.mark.slow
@pytest.mark.skipif(not _SOURCE_DATA.is_dir(), reason="the publishers' files are not at hand (../shared/data)")
def test_launches_by_month_are_no_fewer_than_the_overnight_waves() -> None:
    """The General Staff's weekly counts of overnight waves are in no series: they are a lower bound, and each week and month keeps to it."""
    waves = pd.read_csv(_SOURCE_DATA / "piterfm_missile_attacks/drones-compare-weekly.csv", parse_dates=["week_end"], index_col="week_end")
    drones = pd.read_csv(_ROOT / "data/drones_launched.csv", parse_dates=["observed_on"], index_col="observed_on")["value"]
    by_week = waves["genstab_launched"]
    both = by_week.index.intersection(drones.index)
    assert len(both) == 23 and (drones[both] >= by_week[both]).all()
    for month in ("2026-07", "2026-08"):
        assert drones[month].item() >= by_week[month].mean(), month


@pytest.mark.slow
@pytest.mark.skipif(not _SOURCE_DATA.is_dir(), reason="the publishers' files are not at hand (../shared/data)")
def test_files_of_a_quarter_later_bring_the_data_to_what_is_shipped(tmp_path: Path, copied_workspace: Path) -> None:
    sooner = tmp_path / "sooner"
    for name in {file for source in SOURCES.values() for file in source.files}:
        (sooner / name).parent.mkdir(parents=True, exist_ok=True)
        (sooner / name).write_text(_cut((_SOURCE_DATA / name).read_text("utf-8"), name), encoding="utf-8")
    shipped = {path.name: sorted(path.read_bytes().splitlines()) for path in (copied_workspace / "data").glob("*.csv")}
    write_rows(import_all(sooner), copied_workspace / "data")
    before = {path.name: path.read_bytes() for path in (copied_workspace / "data").glob("*.csv")}
    update = run_import_update(copied_workspace, "all", [_SOURCE_DATA], Choices(date(2026, 10, 12)))
    assert (update.faults, update.counts["revision"], update.counts["late entry"]) == ((), 0, 0)
    lines = sum(map(len, shipped.values())) - sum(len(content.splitlines()) for content in before.values())
    assert update.counts["new"] == lines > 100
    for name, content in before.items():
        after = (copied_workspace / "data" / name).read_bytes()
        assert after.startswith(content), name
        assert sorted(after.splitlines()) == shipped[name], name


def _cut(text: str, name: str, last: date = date(2026, 6, 28)) -> str:
    """A publisher's file as it stood after a Sunday of June 2026; aid was then known to February. Prices, which no update stores, as they are."""
    if name.startswith("crowds/"):
        return text
    if name.endswith(".json"):
        return json.dumps([entry for entry in json.loads(text) if entry["date"] <= f"{last}"])
    if name.endswith(".md"):
        dated, searched = re.subn(r"Rows to [^.]*\.", f"Rows to {last:%d %B %Y}.", text, count=1)
        assert searched == 1
        return dated
    head, *lines = text.splitlines()
    by_month = name.startswith("kiel") or name.endswith("launches_by_month.csv")
    to = "2026-02-28" if name.startswith("kiel") else f"{last}"

    def day_of(line: str) -> str:
        if found := re.match(r"(\d{4})[-,](\d{1,2})(?:-(\d\d))?", line):
            year, month, day = found.groups()
            return f"{year}-{int(month):02d}-{day or '01'}" if day or by_month else ""
        return ""

    return "\n".join([head, *(line for line in lines if day_of(line) <= to)]) + "\n"
