"""Nine faults, each put in on purpose: every one is caught, and what is said names the culprit and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ripeness import names
from ripeness.data.events import read_events
from ripeness.data.indicators import Contract
from ripeness.data.panel import build_panel
from ripeness.data.quality import WINDOW_WEEKS, Flag, flag_vintage
from ripeness.data.rows import read_rows
from ripeness.data.vintages import LookAheadError, Vintage, read_store
from ripeness.errors import ContentError, RipenessError
from ripeness.inference.checks import flag_fits
from ripeness.inference.gate import Verdict, judge_fit
from ripeness.workspace import read_workspace

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = date(2026, 6, 28)
GRADES = {"A": 1.0, "B": 1.5, "C": 2.0}
SHAPE = (4, 600)
DIMS = (names.CHAIN, names.DRAW)


@pytest.fixture(scope="module")
def sound() -> Vintage:
    """The shipped data as of the end of June 2026."""
    return read_store(read_workspace(ROOT)).as_of(ORIGIN)


def with_values(vintage: Vintage, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Vintage:
    return replace(vintage, values={**vintage.values, name: change(vintage.values[name].copy())})


def with_contract(vintage: Vintage, name: str, **update: object) -> Vintage:
    contract = vintage.contracts[name].model_copy(update=update)
    return replace(vintage, contracts={**vintage.contracts, name: contract})


def flags(vintage: Vintage, name: str) -> list[Flag]:
    return [flag for flag in flag_vintage(vintage) if flag.name == name]


def draws(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*SHAPE, 3))


def judge(factor_now: np.ndarray, diverging: int = 0) -> Verdict:
    posterior = xr.Dataset({"path": ((*DIMS, names.FACTOR, names.WEEK), factor_now[..., None])})
    went_wrong = np.zeros(SHAPE, dtype=bool)
    went_wrong[0, :diverging] = True
    rng = np.random.default_rng(2)
    stats = xr.Dataset({"diverging": (DIMS, went_wrong), "energy": (DIMS, rng.normal(size=SHAPE))})
    return judge_fit("made up", posterior, stats, xr.DataArray(rng.normal(0.2, 0.05, SHAPE), dims=DIMS))


def test_the_sound_data_raise_no_flag_but_for_their_age(sound: Vintage) -> None:
    assert {flag.name for flag in flag_vintage(sound)} == {"stale"}
    assert judge(draws()).passed


# --- 1: diverging fit


def test_a_diverging_fit_is_withheld() -> None:
    verdict = judge(draws(), diverging=3)
    [failure] = verdict.failures
    assert not verdict.passed and failure.name == "divergences"
    assert "tune" in failure.mend and "noise_floor" in failure.mend and "--refit" in failure.mend


# --- 2: bimodal factor


def test_a_factor_with_two_modes_is_withheld() -> None:
    paths = draws()
    paths[:2, :, 1] += 4.0
    verdict = judge(paths)
    failures = {failure.name: failure for failure in verdict.failures}
    assert "rhat" in failures and failures["rhat"].worst.startswith("path")
    assert "two explanations" in failures["rhat"].mend and "a factor of its own" in failures["rhat"].mend


# --- 3: stale feed


def test_a_stale_feed_is_flagged(sound: Vintage) -> None:
    assert "brent" not in flags(sound, "stale")[0].found
    last = pd.Timestamp(ORIGIN - timedelta(days=90))
    [flag] = flags(with_values(sound, "brent", lambda rows: rows[rows["observed_on"] <= last]), "stale")
    assert "brent (newest value of 2026-03-29, 91 days old)" in flag.found
    assert not flag.withholds and "ripeness import" in flag.mend and "`ended`" in flag.mend


def test_a_series_that_ended_is_not_stale(sound: Vintage) -> None:
    assert "area_change_liveuamap" not in flags(sound, "stale")[0].found
    assert "area_change_liveuamap" in flags(with_contract(sound, "area_change_liveuamap", ended=None), "stale")[0].found


# --- 4: leaked future row


def test_a_leaked_row_of_the_future_stops_the_run(sound: Vintage) -> None:
    def leak(rows: pd.DataFrame) -> pd.DataFrame:
        future = rows.iloc[[-1]].assign(observed_on=pd.Timestamp(2026, 7, 5), published_on=pd.Timestamp(2026, 7, 6), line=999)
        return pd.concat([rows, future], ignore_index=True)

    leaked = with_values(sound, "brent", leak)
    question = read_workspace(ROOT).question
    with pytest.raises(LookAheadError, match=r"brent\.csv, line 999: published on 2026-07-06, after the origin 2026-06-28") as caught:
        build_panel(leaked, leaked.contracts, question, GRADES)
    assert "To mend" in str(caught.value)


def test_a_row_known_before_its_period_ended_is_refused(sound: Vintage, tmp_path: Path) -> None:
    path = tmp_path / "brent.csv"
    path.write_text("observed_on,value,published_on,source,grade\n2026-07-05,70.1,2026-06-28,EIA,A\n", "utf-8")
    with pytest.raises(ContentError, match="published_on 2026-06-28 before observed_on 2026-07-05") as caught:
        read_rows(path, path, sound.contracts["brent"])
    assert caught.value.faults[0].line == 2 and "correct one of the dates" in str(caught.value)


# --- 5: duplicated series


def test_a_series_entered_twice_is_flagged(sound: Vintage) -> None:
    copied = with_values(sound, "brent", lambda rows: sound.values["rouble_per_usd"].copy())
    [flag] = flags(copied, "duplicate")
    assert "brent and rouble_per_usd are the same series" in flag.found and "[brent]" in flag.mend and "indicators.toml" in flag.mend


def test_a_series_entered_twice_in_other_units_is_flagged(sound: Vintage) -> None:
    scaled = sound.values["personnel_losses"].assign(value=lambda rows: rows["value"] * 0.03)
    [flag] = flags(with_values(sound, "artillery_losses", lambda _: scaled), "duplicate")
    assert "personnel_losses and artillery_losses" in flag.found


# --- 6: sign-flipped indicator


def test_a_flipped_sign_is_flagged(sound: Vintage) -> None:
    [flag] = flags(with_contract(sound, "personnel_losses", sign="-"), "sign")
    assert "personnel_losses and artillery_losses measure one factor and run against each other" in flag.found
    assert "`sign`" in flag.mend and "indicators.toml" in flag.mend


# --- 7: unit error x1000


def test_a_series_in_other_units_withholds_the_number(sound: Vintage) -> None:
    [flag] = flags(with_values(sound, "brent", lambda rows: rows.assign(value=rows["value"] * 1000)), "unit")
    assert flag.withholds and flag.found.startswith("brent lies") and "1000" in flag.mend


def test_one_value_in_other_units_is_flagged(sound: Vintage) -> None:
    def last_times_1000(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[rows.index[-1], "value"] *= 1000
        return rows

    [flag] = flags(with_values(sound, "rouble_per_usd", last_times_1000), "jump")
    assert flag.found.startswith("the newest value of rouble_per_usd") and "later published_on" in flag.mend


def test_a_row_in_other_units_is_refused(sound: Vintage, tmp_path: Path) -> None:
    contract: Contract = sound.contracts["brent"]
    path = tmp_path / "brent.csv"
    path.write_text(f"observed_on,value,published_on,source,grade\n2026-06-28,{1000 * contract.plausible[1]:g},2026-07-01,EIA,A\n", "utf-8")
    with pytest.raises(ContentError, match="correct the value or its unit"):
        read_rows(path, path, contract)


# --- 8: broken outcome coding


def test_contacts_coded_as_rounds_are_refused(tmp_path: Path) -> None:
    text = (ROOT / "data" / "events.csv").read_text("utf-8")
    lines = text.splitlines()
    wrong = next(number for number, line in enumerate(lines) if ",contact,no," in line)
    lines[wrong] = lines[wrong].replace(",contact,no,", ",contact,yes,")
    path = tmp_path / "events.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(ContentError, match="round = yes for kind 'contact'") as caught:
        read_events(path, path)
    assert caught.value.faults[0].line == wrong + 1 and "correct kind or round" in str(caught.value)


def test_a_record_without_any_round_stops_the_run(sound: Vintage) -> None:
    broken = replace(sound, events=sound.events.assign(round=False))
    with pytest.raises(RipenessError, match="no round is on record") as caught:
        build_panel(broken, broken.contracts, read_workspace(ROOT).question, GRADES)
    assert "To mend" in str(caught.value)


def made_up_fit(rounds_seen: np.ndarray) -> dict[str, xr.Dataset]:
    rng = np.random.default_rng(3)
    replicated = (rng.random((4, 200, len(rounds_seen))) < 0.05).astype(float)
    values = rng.normal(size=(4, 200, 60))
    return {
        "posterior_predictive": xr.Dataset(
            {"rounds": ((*DIMS, names.RISK), replicated), "measured": ((*DIMS, names.ROW), values)},
        ),
        "observed_data": xr.Dataset({"rounds": ((names.RISK,), rounds_seen), "measured": ((names.ROW,), rng.normal(size=60))}),
        "constant_data": xr.Dataset({"row_indicator": ((names.ROW,), np.array(["polls"] * 30 + ["prices"] * 30))}),
    }


def rounds_as_they_come() -> np.ndarray:
    return (np.random.default_rng(4).random(200) < 0.05).astype(float)


def test_outcomes_coded_the_wrong_way_round_withhold_the_number() -> None:
    rounds = rounds_as_they_come()
    assert flag_fits([made_up_fit(rounds)]) == []
    caught = flag_fits([made_up_fit(1.0 - rounds)])
    assert all(flag.withholds and flag.name == "check" for flag in caught)
    assert f"the number of weeks with a round is {200 - rounds.sum():g}" in caught[0].found and "events.csv" in caught[0].mend


def test_an_indicator_that_the_model_cannot_produce_is_flagged() -> None:
    fit = made_up_fit(rounds_as_they_come())
    fit["observed_data"]["measured"][30:] += 3.0
    caught = flag_fits([fit, fit])
    assert [flag.name for flag in caught] == ["check"] and not caught[0].withholds
    assert "does not reproduce prices: its median is" in caught[0].found and "loadings.toml" in caught[0].mend


def test_errors_that_follow_one_another_are_flagged() -> None:
    fit = made_up_fit(rounds_as_they_come())
    fit["observed_data"]["measured"][30:] = np.sin(np.arange(30) / 3.0)  # as far from the mean as usual, but slowly
    caught = flag_fits([fit, fit])
    assert [flag.name for flag in caught] == ["check"] and not caught[0].withholds
    assert "errors of prices follow one another: their autocorrelation from row to row is 0.9" in caught[0].found


# --- 9: empty window


def test_an_empty_window_withholds_the_number(sound: Vintage) -> None:
    begin = pd.Timestamp(ORIGIN - timedelta(weeks=WINDOW_WEEKS))
    assert flags(sound, "empty window") == []
    empty = replace(sound, values={name: rows[rows["observed_on"] <= begin] for name, rows in sound.values.items()})
    first = flag_vintage(empty)[0]
    assert first.name == "empty window" and first.withholds
    assert "no indicator has a value in the 13 weeks before 2026-06-28" in first.found and "--as-of" in first.mend


def test_series_without_any_value_are_no_error(sound: Vintage) -> None:
    nothing = replace(sound, values={name: rows.iloc[:0] for name, rows in sound.values.items()})
    assert [flag.name for flag in flag_vintage(nothing)] == ["empty window"]


def test_an_origin_before_the_first_round_stops_the_run() -> None:
    early = read_store(read_workspace(ROOT)).as_of(date(2022, 2, 26))
    with pytest.raises(RipenessError, match="no round is on record by 2022-02-26") as caught:
        build_panel(early, early.contracts, read_workspace(ROOT).question, GRADES)
    assert "choose a later --as-of" in str(caught.value)
