"""The scaling study: wars of a given size, exponents of known powers, and tables with their columns."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scaling
from comparison import read_table
from simulated_war import SILENT, SIMULATED, Size, simulate

from ripeness import names
from ripeness.inference.compiled import data_of


def points(power: dict[str, float], record: str = SIMULATED) -> list[dict[str, Any]]:
    """Raw points along the weeks, each measure a power of them."""
    rows = []
    for weeks in (226, 452, 2260):
        row: dict[str, Any] = dict.fromkeys(scaling.POINT_COLUMNS, 1) | {"axis": "weeks", "record": record, "weeks": weeks}
        rows.append(row | {scaling.PER[per]: 3.0 * weeks**exponent for per, exponent in power.items()})
    return rows


def test_exponents_are_those_of_known_powers() -> None:
    known = {"gradient": 1.0, "effective_draw": 1.25, "peak_memory": 0.5}
    found = scaling.exponents(points(known) + points({per: 2 * own for per, own in known.items()}, SILENT))
    for record, times in ((SIMULATED, 1), (SILENT, 2)):
        own = {row["per"]: row["exponent"] for row in found if row["record"] == record}
        assert own == pytest.approx({per: times * exponent for per, exponent in known.items()})


def test_tables_have_their_columns_and_points_survive(tmp_path: Path) -> None:
    rows = points({"gradient": 1.0, "effective_draw": 1.0, "peak_memory": 1.0})
    scaling.write_results(rows, tmp_path)
    assert (tmp_path / "scaling.csv").read_text("utf-8").splitlines()[:2] == ["axis,per,exponent", "weeks,gradient,1"]
    again = read_table(tmp_path / "scaling-points.csv")
    assert tuple(again[0]) == scaling.POINT_COLUMNS
    assert [float(row["gradient_ms"]) for row in again] == pytest.approx([row["gradient_ms"] for row in rows], rel=1e-3)


def test_axes_measured_again_take_the_places_of_their_points() -> None:
    asked = [size for sizes in scaling.SIZES.values() for size in sizes]
    made = [{"axis": axis, **asdict(size), "run": 1} for axis, sizes in scaling.SIZES.items() for size in sizes]
    again = {scaling._key(point): point for point in [*made[::-1], *({**point, "run": 2} for point in made if point["axis"] == "weeks")]}
    found = scaling.in_order(again)
    assert [(point["axis"], point["weeks"], point["run"]) for point in found] == [
        (point["axis"], point["weeks"], 2 if point["axis"] == "weeks" else 1) for point in made
    ]
    assert len(scaling.in_order({scaling._key(made[0] | {"weeks": 1}): made[0]} | again)) == len(asked)


def test_stored_exponents_follow_from_stored_points() -> None:
    stored = scaling.RESULTS / "scaling-points.csv"
    if stored.exists():
        kept = {(row["axis"], row["per"]): float(row["exponent"]) for row in read_table(scaling.RESULTS / "scaling.csv")}
        found = {(row["axis"], row["per"]): row["exponent"] for row in scaling.exponents(read_table(stored)) if row["record"] == SIMULATED}
        assert kept == pytest.approx(found, abs=2e-3)


@pytest.mark.parametrize("size", [Size(80, 3, 7), Size(120, 5, 5), Size(60, 2, 9, SILENT)])
def test_a_war_has_the_size_asked_for(size: Size, tmp_path: Path) -> None:
    spec = simulate(size, 1, tmp_path)
    data = data_of(spec, names.CONJUNCTIVE, names.AS_WRITTEN)
    assert (len(spec.panel.weeks), len(spec.workspace.factors), len(spec.panel.indicators)) == (size.weeks, size.factors, size.indicators)
    assert data["found"].sum() == spec.panel.record.found.sum() - 1  # the first round only begins the record
    assert size.record != SILENT or data["found"].sum() == 0
    assert set(data["indicator_factor"]) == set(range(min(size.factors, size.indicators)))
    assert np.isfinite(data["row_value"]).all()
    assert spec.panel.hash != simulate(size, 2, _empty(tmp_path)).panel.hash


def test_a_silent_record_needs_no_draws() -> None:
    rows = [row | {"core_ms_per_effective_draw": "", "peak_memory_mb": ""} for row in points({"gradient": 2.0}, SILENT)]
    assert [row["per"] for row in scaling.exponents(rows)] == ["gradient"]


def _empty(folder: Path) -> Path:
    (folder / "other").mkdir()
    return folder / "other"


@pytest.mark.parametrize(("found", "longest"), [([0, 0, 0], 4), ([1, 0, 0, 1, 0], 3), ([0, 0, 1, 0], 3)])
def test_longest_silence_counts_weeks_between_rounds(found: list[float], longest: int) -> None:
    assert scaling.longest_silence(np.array(found)) == longest
