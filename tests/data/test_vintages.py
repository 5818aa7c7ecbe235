from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ripeness.data.events import COVERAGE, EVENTS
from ripeness.data.indicators import Contract
from ripeness.data.rows import ROWS
from ripeness.data.vintages import LookAheadError, Store, Vintage, read_store
from ripeness.errors import ContentError, UsageError
from ripeness.workspace import Workspace

Write = Callable[..., Workspace]
HEADER = "observed_on,value,published_on,source,grade\n"
OIL = Contract.model_validate(
    {
        "title": "Oil",
        "unit": "USD",
        "family": "economy",
        "factor": "strain",
        "sign": "-",
        "transform": "log",
        "centre": 80.0,
        "scale": 0.25,
        "likelihood": "student",
        "window": "week",
        "frequency": "weekly",
        "expected_lag_days": 3,
        "plausible": [10, 250],
        "noise_floor": 0.1,
        "source": "An agency",
    }
)
START = date(2024, 1, 7)


# --- as_of, by example ---------------------------------------------------------------------------------------------------------------


def test_a_vintage_shows_the_latest_published_value_of_each_period(write_workspace: Write) -> None:
    oil = HEADER + "2024-01-07,70,2024-01-09,a,A\n2024-01-07,71,2024-02-01,a,A\n2024-01-14,78,2024-01-16,a,A\n2024-01-14,,2024-03-01,a,A\n"
    store = read_store(write_workspace(oil=oil))

    def seen(origin: date) -> dict[str, float]:
        frame = store.as_of(origin).values["oil"]
        return dict(zip(frame["observed_on"].dt.strftime("%m-%d"), frame["value"], strict=True))

    assert seen(date(2024, 1, 8)) == {}
    assert seen(date(2024, 1, 9)) == {"01-07": 70.0}
    assert seen(date(2024, 1, 31)) == {"01-07": 70.0, "01-14": 78.0}
    assert seen(date(2024, 2, 1)) == {"01-07": 71.0, "01-14": 78.0}
    assert seen(date(2024, 3, 1)) == {"01-07": 71.0}  # the second period was withdrawn


def test_events_and_coverage_are_seen_from_their_publication_on(write_workspace: Write) -> None:
    header = "date,end_date,kind,round,published_on,description,source,grade\n"
    first = "2024-01-10,2024-01-11,round,yes,2024-01-12,talks,agency,A\n"
    taken_back = "2024-01-10,2024-01-11,round,no,2024-02-20,talks,agency,A\n"
    planned = "2024-03-01,2024-03-02,meeting_agreed,no,2024-02-06,more talks,agency,A\n"
    store = read_store(write_workspace(events=header + first + taken_back + planned))
    assert store.as_of(date(2024, 1, 11)).rounds() == []
    assert store.as_of(date(2024, 1, 12)).rounds() == [date(2024, 1, 10)]
    assert store.as_of(date(2024, 2, 6)).events["kind"].tolist() == ["round", "meeting_agreed"]
    assert store.as_of(date(2024, 2, 20)).rounds() == []  # found not to qualify
    assert store.as_of(date(2024, 2, 3)).covered_to is None
    assert store.as_of(date(2024, 2, 4)).covered_to == date(2024, 2, 4)
    assert store.as_of(date(2024, 6, 1)).covered_to == date(2024, 3, 6)
    assert store.default_origin() == date(2024, 3, 3)  # the last Sunday before Wednesday 6 March


def test_covered_to_stops_where_the_stretch_in_between_was_published_later(write_workspace: Write) -> None:
    header = "from,to,q05,q95,published_on,note\n"
    first = "2024-01-01,2024-01-07,0.9,0.99,2024-01-07,\n"
    late = "2024-01-08,2024-01-14,0.9,0.99,2024-05-01,\n"
    third = "2024-01-15,2024-01-21,0.9,0.99,2024-01-21,\n"
    store = read_store(write_workspace(coverage=header + first + late + third))
    assert store.as_of(date(2024, 2, 1)).covered_to == date(2024, 1, 7)
    assert store.as_of(date(2024, 5, 1)).covered_to == date(2024, 1, 21)


def test_nothing_after_the_origin_can_be_read(write_workspace: Write) -> None:
    vintage = read_store(write_workspace()).as_of(date(2024, 1, 16))
    assert vintage.between("oil", date(2024, 1, 8), date(2024, 1, 16))["value"].tolist() == [78.0]
    with pytest.raises(LookAheadError, match="2024-01-17"):
        vintage.between("oil", date(2024, 1, 8), date(2024, 1, 17))
    with pytest.raises(UsageError, match="did you mean 'oil'"):
        vintage.between("oill", date(2024, 1, 8), date(2024, 1, 16))


def test_assert_honest_names_the_row_that_is_too_new(write_workspace: Write) -> None:
    vintage = read_store(write_workspace()).as_of(date(2024, 1, 16))
    vintage.assert_honest()
    backdated = Vintage(date(2024, 1, 15), vintage.contracts, vintage.values, vintage.events, vintage.coverage)
    with pytest.raises(LookAheadError, match=r"oil\.csv, line 3: published on 2024-01-16, after the origin 2024-01-15"):
        backdated.assert_honest()


def test_freshness_lists_what_is_overdue(write_workspace: Write) -> None:
    store = read_store(write_workspace())
    table = store.as_of(date(2024, 1, 24)).freshness().set_index("indicator")
    assert table.loc["oil", "days_old"] == 10  # weekly with a lag of 3: due after 7 + 3 days
    assert not table.loc["oil", "overdue"]
    assert table.loc["contacts", "overdue"]
    assert table["days_old"].isna().tolist() == [False, True, False]  # nothing known yet, so nothing late
    assert not table.loc["poll", "overdue"]
    table = store.as_of(date(2024, 1, 25)).freshness().set_index("indicator")
    assert table.loc["oil", "overdue"]
    assert table.loc["oil", "newest_published_on"] == pd.Timestamp("2024-01-16")
    assert table.loc["oil", "expected_lag_days"] == 3


def test_a_series_that_has_ended_is_never_overdue(write_workspace: Write, sound_indicators: str) -> None:
    ended = sound_indicators.replace('source = "An agency"', 'source = "An agency"\nended = 2024-01-14')
    table = read_store(write_workspace(indicators=ended)).as_of(date(2025, 1, 1)).freshness().set_index("indicator")
    assert not table.loc["oil", "overdue"]
    assert table.loc["poll", "overdue"]  # irregular: missed after its lag


def test_after_a_month_the_next_value_is_awaited_for_a_month(write_workspace: Write, sound_indicators: str) -> None:
    both = sound_indicators.replace('frequency = "weekly"', 'frequency = "weekly"\nalso_monthly = true', 1)
    store = read_store(write_workspace(indicators=both, oil=HEADER + "2024-01-31,75.5,2024-02-02,agency,B\n"))
    overdue = [
        bool(store.as_of(day).freshness().set_index("indicator").loc["oil", "overdue"]) for day in (date(2024, 3, 5), date(2024, 3, 6))
    ]
    assert overdue == [False, True]


# --- read_store ----------------------------------------------------------------------------------------------------------------------


def test_the_store_knows_its_files_by_hash(write_workspace: Write) -> None:
    store = read_store(write_workspace())
    assert sorted(store.hashes) == ["contacts.csv", "coverage.csv", "events.csv", "indicators.toml", "oil.csv", "poll.csv"]
    changed = read_store(write_workspace(oil=HEADER + "2024-01-07,75.5,2024-01-09,agency,B\n"))
    assert [name for name in store.hashes if store.hashes[name] != changed.hashes[name]] == ["oil.csv"]


def test_an_empty_or_missing_data_folder_is_refused(write_workspace: Write) -> None:
    workspace = write_workspace()
    for path in workspace.data.iterdir():
        path.unlink()
    with pytest.raises(ContentError, match=r"^data: found no file"):
        read_store(workspace)
    workspace.data.rmdir()
    with pytest.raises(ContentError, match=r"^data: found no such folder"):
        read_store(workspace)


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        ({"oil": None}, "data/oil.csv: found no such file; expected the rows of indicator 'oil'"),
        ({"gas": HEADER}, "data/gas.csv: found rows without a contract"),
        ({"events": None}, "data/events.csv: found no such file"),
        ({"coverage": None}, "data/coverage.csv: found no such file"),
    ],
)
def test_contracts_and_files_must_match(write_workspace: Write, replaced: dict[str, str | None], words: str) -> None:
    with pytest.raises(ContentError) as caught:
        read_store(write_workspace(**replaced))
    (fault,) = caught.value.faults
    assert str(fault).startswith(words)


def test_figures_that_may_be_left_out_have_no_rows_without_their_file(write_workspace: Write, sound_indicators: str) -> None:
    optional = sound_indicators.replace('source = "An agency"', 'source = "An agency"\noptional = true')
    store = read_store(write_workspace(indicators=optional, oil=None))
    assert store.as_of(date(2024, 3, 6)).values["oil"].empty and not store.as_of(date(2024, 3, 6)).values["poll"].empty
    assert "oil.csv" not in store.hashes


def test_faults_of_all_files_are_reported_at_once(write_workspace: Write, sound_indicators: str) -> None:
    workspace = write_workspace(
        indicators=sound_indicators.replace("scale = 0.25", "scale = 0"),
        poll="observed_on,value,published_on,source,grade\n2024-02-03,140,2024-02-20,pollster,B\n",
        events="date\n",
        coverage="",
        gas=HEADER,
    )
    with pytest.raises(ContentError) as caught:
        read_store(workspace)
    files = [fault.path.name for fault in caught.value.faults]
    # oil.csv has a contract, though a broken one: it is not called a file without
    assert set(files) == {"indicators.toml", "poll.csv", "events.csv", "coverage.csv", "gas.csv"}


def test_reading_data_loads_no_sampler() -> None:
    heavy = ("pymc", "pytensor", "nutpie", "preliz")
    code = f"import sys, ripeness.data.vintages; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- properties ----------------------------------------------------------------------------------------------------------------------

Record = tuple[int, int, float | None]  # period, days from its end to publication, value


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    keys = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 60)), unique=True, max_size=25))
    values = st.one_of(st.none(), st.floats(10, 250))
    return [(period, lag, draw(values)) for period, lag in keys]


def _store(made: list[Record]) -> Store:
    """A store of one indicator; its events are rounds on the same days and its coverage one stretch a period."""
    days = [pd.Timestamp(START + timedelta(days=7 * period)) for period, _, _ in made]
    published = [day + pd.Timedelta(days=lag) for day, (_, lag, _) in zip(days, made, strict=True)]
    lines = range(2, len(made) + 2)
    rows = {
        "observed_on": days,
        "published_on": published,
        "value": [np.nan if value is None else value for _, _, value in made],
        "source": "agency",
        "grade": "A",
        "sample_size": np.nan,
        "line": lines,
    }
    events = {
        "date": days,
        "end_date": days,
        "kind": "round",
        "round": [value is not None for _, _, value in made],
        "published_on": published,
        "description": "talks",
        "source": "agency",
        "grade": "A",
        "line": lines,
    }
    coverage = {
        "from": [day - pd.Timedelta(days=6) for day in days],
        "to": days,
        "q05": 0.9,
        "q95": [0.9 if value is None else 0.95 for _, _, value in made],
        "published_on": published,
        "note": "",
        "line": lines,
    }
    return Store(
        {"oil": OIL},
        {"oil": pd.DataFrame(rows, index=range(len(made))).astype(ROWS.dtypes)},
        pd.DataFrame(events, index=range(len(made))).astype(EVENTS.dtypes),
        pd.DataFrame(coverage, index=range(len(made))).astype(COVERAGE.dtypes),
        {},
    )


origins = st.integers(-10, 130).map(lambda days: START + timedelta(days=days))
property_test = settings(max_examples=60, deadline=None)


@property_test
@given(records(), origins)
def test_no_origin_sees_a_later_row(made: list[Record], origin: date) -> None:
    vintage = _store(made).as_of(origin)
    for frame in (vintage.values["oil"], vintage.events, vintage.coverage):
        assert (frame["published_on"] <= pd.Timestamp(origin)).all()
    # and of each period it sees just the newest of what it may see, by a plain reference
    known: dict[int, tuple[int, float | None]] = {}
    for period, lag, value in made:
        if START + timedelta(days=7 * period + lag) <= origin and lag >= known.get(period, (-1, None))[0]:
            known[period] = (lag, value)
    expected = {START + timedelta(days=7 * period): value for period, (_, value) in known.items() if value is not None}
    seen = {day.date(): value for day, value in zip(vintage.values["oil"]["observed_on"], vintage.values["oil"]["value"], strict=True)}
    assert seen == expected
    assert vintage.rounds() == sorted(expected)


@property_test
@given(records(), origins, st.randoms(use_true_random=False))
def test_the_view_depends_on_published_on_alone_not_on_the_order_of_rows(made: list[Record], origin: date, random: object) -> None:
    shuffled = list(made)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = _store(made).as_of(origin), _store(shuffled).as_of(origin)
    pd.testing.assert_frame_equal(one.values["oil"].drop(columns="line"), other.values["oil"].drop(columns="line"))
    pd.testing.assert_frame_equal(one.events.drop(columns="line"), other.events.drop(columns="line"))
    pd.testing.assert_frame_equal(one.coverage.drop(columns="line"), other.coverage.drop(columns="line"))
    assert one.hash == other.hash
    assert one.covered_to == other.covered_to


@property_test
@given(records(), origins)
def test_the_hash_is_blind_to_rows_published_later(made: list[Record], origin: date) -> None:
    known = [record for record in made if START + timedelta(days=7 * record[0] + record[1]) <= origin]
    assert _store(made).as_of(origin).hash == _store(known).as_of(origin).hash


@property_test
@given(records(), st.floats(10, 250))
def test_the_hash_sees_every_visible_value(made: list[Record], value: float) -> None:
    origin = START + timedelta(days=200)
    before = _store([*made, (9, 0, value)]).as_of(origin).hash
    assert before != _store([*made, (9, 0, np.nextafter(value, 300))]).as_of(origin).hash
    assert before != _store(made).as_of(origin).hash
