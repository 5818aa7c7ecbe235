"""The watch list on the short run: a martingale under its own releases, values in natural units, tripwires and their crossing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ripeness.cli.app import app
from ripeness.data.vintages import Vintage
from ripeness.explain import watch as watching
from ripeness.explain.futures import Origin
from ripeness.explain.watch import (
    Awaited,
    Release,
    after_release,
    crossed,
    look_around,
    next_releases,
    silent_headline,
    watch,
    watch_release,
)
from ripeness.explanations import WATCH

BASE = "2025-06-18"


@pytest.fixture(scope="module")
def futures(origin: Origin) -> list[Awaited]:
    return look_around(origin)


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
    ends = []
    for one, likely in zip(futures, density, strict=True):
        alive = one.silent[:, :, release.week - 1].ravel()
        for place in rng.integers(0, len(alive), 3000):
            if rng.random() > alive[place]:
                ends.append(1.0)
                continue
            share = likely.reshape(len(alive), -1)[place]
            ends.append(after[rng.choice(len(values), p=share / share.sum())])
    today = float(np.mean([1.0 - one.until.mean() for one in futures]))
    error = float(np.std(ends) / np.sqrt(len(ends)))
    assert np.mean(ends) == pytest.approx(today, abs=4 * error) and error < 0.01


def test_a_release_that_says_nothing_moves_nothing(origin: Origin, vintage: Vintage, futures: list[Awaited]) -> None:
    release = release_of(origin, vintage, "brent")
    deaf = replace(release, said=(60.0, 0.0))
    assert watch_release(origin.spec, futures, deaf).expected_points < 0.02 < watch_release(origin.spec, futures, release).expected_points
    assert silent_headline(futures, 1) > silent_headline(futures, 12)


def test_values_are_in_the_units_of_their_series(origin: Origin, vintage: Vintage) -> None:
    today, found = watch(origin, vintage)
    by_name = {one.release.indicator: one for one in found}
    assert [one.expected_points for one in found] == sorted((one.expected_points for one in found), reverse=True)
    last = vintage.values["brent"]["value"].iloc[-1]
    assert by_name["brent"].lower < last < by_name["brent"].upper and by_name["brent"].upper < 2 * last
    assert 0.5 < by_name["key_rate"].lower < by_name["key_rate"].upper < 60
    assert by_name["mediated_contacts"].lower >= 0
    for one in found:
        assert one.lower <= one.median <= one.upper and one.bits >= 0 and 0 < one.silent < today + 1e-9


def test_tripwires_stand_where_the_move_reaches_them() -> None:
    values, mass = np.arange(11.0), np.full(11, 1 / 11)
    points = np.linspace(-8.0, 12.0, 11)
    wires = watching._tripwires(values, mass, points)
    assert [(one.direction, one.beyond, one.value) for one in wires] == [("up", "above", 7.0), ("down", "below", 1.0)]
    assert [one.chance for one in wires] == pytest.approx([4 / 11, 2 / 11])
    assert watching._tripwires(values, mass, points / 10) == []


def test_a_new_row_beyond_a_tripwire_is_told(vintage: Vintage) -> None:
    row = vintage.values["brent"].iloc[-1]
    wire = {"direction": "down", "beyond": "above", "value": float(row["value"]) - 1.0}
    listed = [{"indicator": "brent", "title": "Brent", "tripwires": [wire]}]
    before = (row["published_on"] - pd.Timedelta(days=1)).date()
    (told,) = crossed(listed, vintage, before)
    assert told.startswith("Brent: ") and "is above" in told and "down by 5 points" in told
    assert crossed(listed, vintage, row["published_on"].date()) == []  # it was known then
    listed[0]["tripwires"] = [wire | {"value": float(row["value"]) + 1.0}]
    assert crossed(listed, vintage, before) == []


def test_the_command_ends_with_three_where_a_tripwire_was_crossed(workspace: Path, vintage: Vintage) -> None:
    arguments = ["watch", "--as-of", BASE, "--workspace", str(workspace), "--json"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    said = json.loads(first.stdout)
    assert said["since"] is None and said["crossed"] == [] and said["releases"]
    newest = vintage.values["brent"].iloc[-1]
    earlier = workspace / "reports" / "2025-06-08"
    earlier.mkdir()
    wire = {"direction": "up", "beyond": "below", "value": float(newest["value"]) + 1.0, "chance": 0.1}
    listed = {"origin": "2025-06-08", "releases": [{"indicator": "brent", "title": "Brent", "tripwires": [wire]}]}
    (earlier / WATCH).write_text(json.dumps(listed), "utf-8")
    second = CliRunner().invoke(app, arguments[:-1])
    assert second.exit_code == 3 and "Crossed: Brent" in second.stdout
