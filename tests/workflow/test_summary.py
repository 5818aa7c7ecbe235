"""The summary's factor paths: as the hazard reads them, both readings counting alike."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import xarray as xr
from small_workspace import HEADLINE_FITS

from ripeness import names
from ripeness.workflow.summary_new import factor_paths
from ripeness.workspace import Factor
from ripeness.workspace.config import Mixture

ORIGIN = date(2025, 6, 22)
WEEKS = tuple(ORIGIN - timedelta(days=7 * back) for back in range(3, -1, -1))
FACTORS = (
    Factor(id="calm", label="Calm", plus="more", effects={"open": "+"}),
    Factor(id="wound", label="Wound", plus="more", effects={"open": "-"}, pulse=WEEKS[1]),
)


def posterior(draws: int, height: float) -> xr.Dataset:
    sampled = (names.CHAIN, names.DRAW)
    return xr.Dataset(
        {
            "path": ((*sampled, names.FACTOR, names.WEEK), np.full((2, draws, 2, 4), height, dtype="float32")),
            "half_life": ((*sampled, names.FACTOR), np.ones((2, draws, 2))),
            "pulse": ((*sampled, names.PULSE), np.full((2, draws, 1), 2.0)),
        }
    )


def made(first: xr.Dataset, second: xr.Dataset) -> Any:
    mixture = Mixture(substitutable=0.0, rationale="the conjunctive form alone")
    groups = zip(HEADLINE_FITS, (first, second, first, first), strict=True)
    workspace = SimpleNamespace(factors=FACTORS, mixture=mixture, headline_fits=HEADLINE_FITS)
    spec = SimpleNamespace(workspace=workspace, panel=SimpleNamespace(weeks=WEEKS, origin=ORIGIN))
    return cast(Any, SimpleNamespace(spec=spec, fits={name: SimpleNamespace(groups={"posterior": one}) for name, one in groups}))


def test_factor_paths_show_the_jump_that_the_hazard_reads() -> None:
    paths = factor_paths(made(posterior(5, 0.0), posterior(5, 0.0)))
    assert paths.shape == (20, 2, 4)
    np.testing.assert_array_equal(paths[:, 0], 0.0)
    np.testing.assert_allclose(paths[:, 1], np.tile([0.0, 2.0, 1.0, 0.5], (20, 1)))


def test_a_reading_sampled_longer_counts_no_more() -> None:
    paths = factor_paths(made(posterior(5, 0.0), posterior(10, 1.0)))
    np.testing.assert_allclose(paths[:, 0].mean(axis=0), 0.5)
