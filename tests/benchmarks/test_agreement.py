"""The study of agreement: its scores on draws whose moments are known, and, slowly, the engine beside the plain model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import agreement
import numpy as np
import pytest
from comparison import Run, read_table
from numpy.typing import NDArray
from rival import Sampled, Settings
from samplers import SAMPLERS

Array = NDArray[np.float64]
BY_NAME = {(sampler.name, sampler.density): sampler for sampler in SAMPLERS}
LABELS = [f"quantity[{i}]" for i in range(40)]
ABOUT = {"date": "2026-11-23", "command": "python agreement.py"}


def kept(name: str, density: str, seed: int, scale: float = 1.0, shift: float = 0.0) -> Any:
    """Independent draws of one sampler."""
    values = scale * np.random.default_rng(seed).normal(size=(4, 1000, len(LABELS))) + shift
    steps = np.ones((4, 1000))
    run = Run(Sampled(values, steps, steps < 0, 1.0, 1.0, 1.0, 1.0, 1.0), values, np.zeros(0), (np.nan, np.nan), "sampler 1")
    return BY_NAME[name, density], Settings(1000, 1000, 4, seed), LABELS, [run]


def row_of(other: Any) -> dict[str, Any]:
    own = kept("ripeness", "whitened", 1)
    return agreement.compare("made up", [own, other], ABOUT)[1]


def test_draws_of_one_posterior_are_about_one_error_apart() -> None:
    row = row_of(kept("nutpie", "centred", 2))
    assert row["rms_z_mean"] == pytest.approx(1.0, abs=0.3)
    assert row["rms_z_sd"] == pytest.approx(1.0, abs=0.3)


def test_another_mean_is_seen() -> None:
    row = row_of(kept("nutpie", "centred", 3, shift=0.2))
    assert row["rms_z_mean"] == pytest.approx(0.2 / np.sqrt(2 / 4000), rel=0.2)
    assert row["rms_z_sd"] < 1.5


def test_another_standard_deviation_is_seen() -> None:
    row = row_of(kept("nutpie", "centred", 4, scale=1.2))
    assert row["rms_z_mean"] < 1.5
    assert row["rms_z_sd"] == pytest.approx(0.2 / np.sqrt((1 + 1.44) / 8000), rel=0.2)


def test_nothing_is_compared_with_a_sampler_that_has_not_converged() -> None:
    other = kept("nutpie", "centred", 5)
    other[3][0].quantities[0] += 1.0
    row = row_of(other)
    assert row["converged"] == "no"
    assert row["rms_z_mean"] == row["rms_z_sd"] == ""


def test_stored_table_says_that_the_posteriors_agree() -> None:
    stored = agreement.RESULTS / "agreement.csv"
    if not stored.exists():
        return
    rows = read_table(stored)
    assert tuple(rows[0]) == agreement.COLUMNS
    compared = [row for row in rows if row["rms_z_mean"]]
    assert {row["data"] for row in compared} == {"made up", "shipped"}
    assert max(float(row[f"rms_z_{moment}"]) for row in compared for moment in ("mean", "sd")) < 1.4


@pytest.mark.slow
def test_engine_has_the_posterior_of_the_plain_model(tmp_path: Path) -> None:
    """The made-up war, the engine against nutpie on PyMC's centred and non-centred model."""
    settings = Settings(1000, 1000, 4, 3, agreement.TARGET_ACCEPT, cap=3600.0, points=4)
    rows = agreement.compare("made up", agreement.sample_made_up(settings, tmp_path), ABOUT)
    compared = [row for row in rows if row["rms_z_mean"] != ""]
    assert compared, [(row["sampler"], row["density"], row["max_rhat"], row["divergences"]) for row in rows]
    for row in compared:
        assert max(row["rms_z_mean"], row["rms_z_sd"]) < 1.4
        assert max(row["largest_z_mean"], row["largest_z_sd"]) < 5.0
