"""What is written of a group: rounded as said, never cut off, and left alone where it cannot be packed."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ripeness.inference.storage import MIDDLE, RELATIVE_BITS, ROUGH, as_stored, keep_bits

SAMPLED = ("chain", "draw", "factor", "week")


def read_back(group: str, content: xr.Dataset) -> xr.Dataset:
    return xr.decode_cf(as_stored(group, content))


def test_packed_values_are_off_by_half_a_step_at_most_however_large() -> None:
    rng = np.random.default_rng(1)
    for name, step in (("path", ROUGH), ("log_odds_open", MIDDLE)):
        for size, kind in ((3.0, np.int16), (3e3, np.int32)):
            content = xr.Dataset({name: (SAMPLED, rng.normal(0, size, (2, 50, 3, 7)))})
            assert as_stored("posterior", content)[name].dtype == kind
            off = np.abs(read_back("posterior", content)[name].values - content[name].values)
            assert off.max() <= step / 2 * 1.01 and off.max() > step / 4


def test_values_about_zero_share_a_high_byte() -> None:
    content = xr.Dataset({"path": (SAMPLED, np.random.default_rng(3).normal(0, 1, (1, 500, 2, 9)))})
    packed = as_stored("posterior", content)["path"]
    assert packed.dtype == np.int16 and (packed.values >> 8 == 0).mean() > 0.999
    back = read_back("posterior", content)["path"]
    assert back.dtype == np.float32 and (back.values * 32 == np.rint(back.values * 32)).all()
    assert abs(float((back - content["path"]).mean())) < 1e-3


def test_values_that_are_not_finite_are_kept_as_they_are() -> None:
    values = np.array([[0.1, np.nan, -np.inf]])
    back = read_back("log_likelihood", xr.Dataset({"measured": (("chain", "draw"), values)}))["measured"].values
    assert np.array_equal(back, values.astype(np.float32), equal_nan=True)


def test_small_probabilities_keep_their_significant_bits() -> None:
    values = np.exp(np.random.default_rng(2).uniform(-18, 0, 10_000)).astype(np.float32)
    kept = keep_bits(values, RELATIVE_BITS)
    off = np.abs(kept / values.astype(float) - 1)
    assert off.max() <= 2.0 ** -(RELATIVE_BITS + 1) < 2 * off.max()
    assert abs((kept / values.astype(float) - 1).mean()) < 1e-5  # to even: no drift


def test_what_is_stored_is_a_copy_and_published_numbers_stay_whole() -> None:
    content = xr.Dataset(
        {
            "within": (("chain", "draw", "horizon"), np.full((1, 3, 2), 1 / 3)),
            "by_week": (("chain", "draw", "ahead"), np.full((1, 3, 4), 1 / 3)),
        }
    )
    stored = as_stored("predictions", content)
    assert stored["within"].dtype == float and (stored["within"] == 1 / 3).all()
    assert stored["by_week"].dtype == np.float32 and content["by_week"].dtype == float and content["by_week"].attrs == {}
