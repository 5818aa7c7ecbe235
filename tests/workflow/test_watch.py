"""The watch list on the short run: a martingale under its own releases, values in natural units, tripwires and their crossing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from typer.testing import CliRunner

from ripeness.attribution import watchlist as watching
from ripeness.attribution.futures import Origin
from ripeness.attribution.watchlist import (
    Awaited,
    Release,
    after_release,
    crossed,
    look_around,
    next_releases,
    silent_headline,
    tripwires,
    watch,
    watch_announcements,
    watch_release,
    watch_rungs,
)
from ripeness.cli.app import app
from ripeness.data.vintages import Vintage
from ripeness.forecast.ahead import Ahead
from ripeness.forecast.horizons import forecast_probabilities
from ripeness.model.terms.announcements import arrival_rates
from ripeness.workflow.watchlist import WATCH

BASE = "2025-06-18"


@pytest.fixture(scope="module")
def futures(origin: Origin) -> list[Awaited]:
    return look_around(origin)


def mixed(values: Sequence[float], futures: Sequence[Awaited]) -> float:
    """As the headline weighs forms and readings."""
    return float(np.average(values, weights=[one.futures.start.weight for one in futures]))


def release_of(origin: Origin, vintage: Vintage, name: str) -> Release:
    return next(one for one in next_releases(origin.spec, vintage, 12) if one.indicator == name)


def test_each_series_that_goes_on_has_its_next_release(origin: Origin, vintage: Vintage) -> None:
    releases = next_releases(origin.spec, vintage, 12)
    ended = {name for name, contract in vintage.contracts.items() if contract.ended and contract.ended <= vintage.origin}
    assert not ended & {one.indicator for one in releases} and len(releases) >= 12
    for one in releases:
        newest = vintage.values[one.indicator]["observed_on"].max().date()
        assert one.period_end > newest and one.expected > vintage.origin and 1 <= one.week <= 12 and one.first <= one.last
    weekly, monthly = release_of(origin, vintage, "brent"), release_of(origin, vintage, "key_rate")
    assert (weekly.period_end - vintage.values["brent"]["observed_on"].max().date()).days == 7
    assert (monthly.period_end + timedelta(days=1)).day == 1 and monthly.last - monthly.first >= 3


@pytest.mark.parametrize("name", ["brent", "key_rate", "risk_elsewhere", "mediated_contacts", "area_change_deepstate"])
def test_the_forecast_is_a_martingale_under_the_release(origin: Origin, vintage: Vintage, futures: list[Awaited], name: str) -> None:
    """Simulated one by one, apart from the formula: a future, whether a round comes first, and if none does a value of the release."""
    release, rng = release_of(origin, vintage, name), np.random.default_rng(11)
    values = watching._values(origin.spec, futures, release)
    density = [watching._density(origin.spec, one.futures, release, values) for one in futures]
    _, after = after_release(futures, release.week, density)
    probabilities = []
    for one, likely in zip(futures, density, strict=True):
        alive = one.silent[:, :, release.week - 1].ravel()
        for place in rng.integers(0, len(alive), round(12_000 * one.futures.start.weight)):
            if rng.random() > alive[place]:
                probabilities.append(1.0)
                continue
            share = likely.reshape(len(alive), -1)[place]
            probabilities.append(after[rng.choice(len(values), p=share / share.sum())])
    today = mixed([1.0 - one.until.mean() for one in futures], futures)
    error = float(np.std(probabilities) / np.sqrt(len(probabilities)))
    assert np.mean(probabilities) == pytest.approx(today, abs=4 * error) and error < 0.01


def test_a_release_that_says_nothing_moves_nothing(origin: Origin, vintage: Vintage, futures: list[Awaited]) -> None:
    release = release_of(origin, vintage, "brent")
    # its error is known: were it wide by the series' own noise instead, the value would tell of that noise
    deaf = replace(release, covariates=(1.0, 60.0))
    assert watch_release(origin.spec, futures, deaf).expected_points < 0.02 < watch_release(origin.spec, futures, release).expected_points
    assert silent_headline(futures, 1) > silent_headline(futures, 12)


def test_values_are_in_the_units_of_their_series(origin: Origin, vintage: Vintage) -> None:
    today, found, *_ = watch(origin, vintage)
    by_name = {one.release.indicator: one for one in found}
    assert [one.expected_points for one in found] == sorted((one.expected_points for one in found), reverse=True)
    last = vintage.values["brent"]["value"].iloc[-1]
    assert by_name["brent"].lower < last < by_name["brent"].upper and by_name["brent"].upper < 2 * last
    assert 0.5 < by_name["key_rate"].lower < by_name["key_rate"].upper < 60
    assert by_name["mediated_contacts"].lower >= 0
    for one in found:
        assert one.lower <= one.median <= one.upper and one.bits >= 0 and 0 < one.silent < today + 1e-9


def test_an_event_of_a_rung_and_its_absence_average_to_the_headline(origin: Origin, futures: list[Awaited]) -> None:
    for one in futures:
        today = float(1.0 - one.until.mean())
        found = watch_rungs(origin.spec, [one])
        assert {happened.rung for happened in found} == {rung.id for rung in origin.spec.workspace.rated_rungs}
        for happened in found:
            mean = happened.chance * happened.probability + (1 - happened.chance) * happened.if_none
            assert mean == pytest.approx(today, abs=1e-12)
            assert happened.points == pytest.approx(100 * (happened.probability - today))


def test_tripwires_stand_where_the_move_reaches_them() -> None:
    values, mass = np.arange(11.0), np.full(11, 1 / 11)
    points = np.linspace(-8.0, 12.0, 11)
    wires = tripwires(values, mass, points)
    assert [(one.direction, one.beyond, one.value) for one in wires] == [("up", "above", 7.0), ("down", "below", 1.0)]
    assert [one.chance for one in wires] == pytest.approx([4 / 11, 2 / 11])
    assert tripwires(values, mass, points / 10) == []
    assert [one.beyond for one in tripwires(values, mass, np.where(values == 10.0, 2.0, points))] == ["below"]  # far, then back
    assert [one.value for one in tripwires(values, mass, np.where(values == 8.0, -6.0, points))] == [9.0, 1.0]
    unlikely = np.full(11, 1 / 7) * ((values > 1) & (values < 9)) + 4e-4 * ((values < 2) | (values == 9))
    assert [one.beyond for one in tripwires(values, unlikely, points)] == ["above"]
    negligible = np.where(values == 10.0, 5e-5, mass)
    assert [one.value for one in tripwires(values, negligible, np.where(values == 10.0, 0.0, points))] == [7.0, 1.0]


def test_quantiles_are_neither_a_cell_off_nor_parts_of_counts() -> None:
    cells = np.linspace(-5.0, 5.0, watching.GRID)
    mass = np.diff(norm.cdf(np.append(cells - 0.0625, 5.0625)))
    assert [watching.quantile(cells, mass, level, whole=False) for level in (0.05, 0.5, 0.95)] == pytest.approx(
        [-1.645, 0.0, 1.645], abs=0.02
    )
    counts = np.arange(5.0)
    chances = np.array([0.6, 0.3, 0.07, 0.02, 0.01])
    assert [watching.quantile(counts, chances, level, whole=True) for level in (0.05, 0.5, 0.95)] == [0.0, 0.0, 2.0]


def test_silence_is_that_of_the_forecast_where_the_origin_lies_inside_a_week() -> None:
    rng, weeks, shares = np.random.default_rng(3), 6, (4 / 7, 1.0, 1.0, 1.0, 1.0, 3 / 7)
    horizon_share = np.array([[4 / 7, 1.0, 3 / 7, 0.0, 0.0, 0.0], shares])
    sundays = [date(2031, 4, 6) + timedelta(days=7 * week) for week in range(weeks)]
    state, outside = np.tile([0.3, 0.7], (5, 1)), rng.normal(-3.0, 0.3, (5, 12))
    announced = rng.uniform(0.1, 0.5, (5, weeks))
    inside, unannounced = rng.normal(0.0, 0.5, (5, 4, weeks)), rng.uniform(0.2, 1.0, (5, weeks))
    ahead = Ahead(sundays, horizon_share, np.array([2, 4]), state, outside, inside, announced, unannounced)
    forecast = forecast_probabilities(ahead)
    for h, whole_weeks in ((0, 2), (1, 5)):
        silent, until = watching.silences(ahead, h)
        assert 1.0 - until.mean(axis=1) == pytest.approx(forecast.within[:, h])
        assert 1.0 - silent.mean(axis=1) == pytest.approx(forecast.by_week[:, :whole_weeks])


def test_today_is_the_forecast_and_weeks_are_the_calendars(origin: Origin, vintage: Vintage, futures: list[Awaited]) -> None:
    assert origin.spec.panel.origin_inside_week
    question = origin.spec.workspace.question
    h = question.horizons_weeks.index(question.headline_weeks)
    today, *_ = watch(origin, vintage)
    assert today == pytest.approx(mixed([one.futures.probabilities.within[:, h].mean() for one in futures], futures), abs=1e-12)
    for one in next_releases(origin.spec, vintage, 13):
        sunday = futures[0].futures.ahead.weeks[one.week - 1]
        assert sunday - timedelta(days=7) < one.expected <= sunday
        assert one.scheduled == (vintage.contracts[one.indicator].frequency != "irregular")


def test_a_new_row_beyond_a_tripwire_is_reported(vintage: Vintage) -> None:
    row = vintage.values["brent"].iloc[-1]
    wire = {"direction": "down", "beyond": "above", "value": float(row["value"]) - 1.0}
    listed: list[dict[str, Any]] = [
        {"indicator": "brent", "title": "Brent", "period_end": f"{row['observed_on']:%Y-%m-%d}", "tripwires": [wire]}
    ]
    before = (row["published_on"] - pd.Timedelta(days=1)).date()
    (sentence,) = crossed(listed, vintage, before)
    assert sentence.startswith("Brent: ") and "is above" in sentence and "down by 5 points" in sentence
    assert crossed(listed, vintage, row["published_on"].date()) == []  # it was known then
    listed[0]["tripwires"] = [wire | {"value": float(row["value"]) + 1.0}]
    assert crossed(listed, vintage, before) == []


def table(*rows: tuple[str, float, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["observed_on", "value", "published_on"])
    return frame.astype({"observed_on": "datetime64[ns]", "published_on": "datetime64[ns]"})


def test_only_the_release_that_a_tripwire_was_set_for_crosses_it(vintage: Vintage) -> None:
    since, wire = date(2031, 3, 30), {"direction": "up", "beyond": "above", "value": 10.0}
    rows = table(("2031-03-16", 11.0, "2031-04-05"), ("2031-03-23", 12.0, "2031-04-02"), ("2031-03-30", 13.0, "2031-04-09"))
    brent = {"indicator": "brent", "title": "Brent", "newest": "2031-03-16", "period_end": "2031-03-23", "tripwires": [wire]}
    (sentence,) = crossed([brent], replace(vintage, values={"brent": rows}), since)
    assert "12 for the period to 2031-03-23" in sentence
    poll = brent | {"indicator": "levada_talks", "title": "Poll", "period_end": "2031-04-06"}  # its period is assumed
    (sentence,) = crossed([poll], replace(vintage, values={"levada_talks": rows}), since)
    assert "12 for the period to 2031-03-23" in sentence
    lower = rows.assign(value=[11.0, 9.0, 13.0])  # a revised older period, the release itself, a later one
    assert crossed([brent, poll], replace(vintage, values={"brent": lower, "levada_talks": lower}), since) == []


def test_the_command_ends_with_three_where_a_tripwire_was_crossed(workspace: Path, vintage: Vintage) -> None:
    arguments = ["watch", "--as-of", BASE, "--workspace", str(workspace), "--json"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    output = json.loads(first.stdout)
    assert output["since"] is None and output["crossed"] == [] and output["releases"]
    newest = vintage.values["brent"].iloc[-1]
    period = f"{newest['observed_on']:%Y-%m-%d}"
    earlier = workspace / "reports" / "2025-06-08"
    earlier.mkdir()
    wire = {"direction": "up", "beyond": "below", "value": float(newest["value"]) + 1.0, "chance": 0.1}
    listed = {"origin": "2025-06-08", "releases": [{"indicator": "brent", "title": "Brent", "period_end": period, "tripwires": [wire]}]}
    (earlier / WATCH).write_text(json.dumps(listed), "utf-8")
    second = CliRunner().invoke(app, arguments[:-1])
    assert second.exit_code == 3 and "Crossed: Brent" in second.stdout


def test_an_announcement_moves_the_headline_as_its_odds_say(origin: Origin, vintage: Vintage, futures: list[Awaited]) -> None:
    found = {one.kept: one for one in watch_announcements(origin, futures)}
    assert list(found) == sorted(found, key=lambda name: -abs(found[name].points)) and next(iter(found)) == "agreed"
    before = mixed([1.0 - one.until.mean() for one in futures], futures)
    assert all(one.points == pytest.approx(100 * (one.probability - before)) for one in found.values())
    assert {name for name, one in found.items() if one.chance is not None} == {"agreed", "one_side"}  # the others follow no hazard
    assert all(0.0 < one.chance < 1.0 for one in found.values() if one.chance is not None)
    assert found["agreed"].points > 5.0
    # never kept, it tells only that the hazard is high enough for such meetings to be announced
    kept = [{**one.futures.start.draws, "kept": np.full_like(one.futures.start.draws["kept"], 1e-12)} for one in futures]
    never = [
        replace(one, futures=replace(one.futures, start=replace(one.futures.start, draws=own)))
        for one, own in zip(futures, kept, strict=True)
    ]
    chances = []
    for one in never:
        ahead = one.futures.ahead
        rate = (ahead.state * np.exp(ahead.outside[:, ahead.dormancy - 1])).sum(axis=1)[:, None] * np.exp(ahead.inside[:, :, 0])
        own = rate * arrival_rates(one.futures.start.draws)[:, :1]
        chances.append(1.0 - (own * one.until).sum() / own.sum())
    agreed = {one.kept: one for one in watch_announcements(origin, never)}["agreed"]
    assert agreed.probability == pytest.approx(mixed(chances, futures), abs=1e-9) != np.mean(chances)
