"""Jumps: what lies further from everything it could follow than history ever moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ripeness.data.indicators import Contract, read_contracts
from ripeness.data.jumps import FEWEST, LIMIT, find_jumps
from ripeness.workspace import Workspace

SUNDAYS = pd.date_range("2024-01-07", periods=30, freq="W-SUN")


@pytest.fixture
def oil(write_workspace: Callable[..., Workspace]) -> Contract:
    return read_contracts(write_workspace())["oil"]


def frame(values: list[float], first: int = 0, published: int = 2) -> pd.DataFrame:
    days = SUNDAYS[first : first + len(values)]
    size = np.full(len(values), np.nan)
    return pd.DataFrame({"observed_on": days, "value": values, "sample_size": size, "published_on": days + pd.Timedelta(days=published)})


KNOWN = frame([80.0, 100.0] * 6)  # log steps of 0.223, which is 0.89 units of the scale


@pytest.mark.parametrize(
    ("value", "jumps"),
    [
        (100.0 * np.exp(0.25 * 0.89 * LIMIT) * 0.995, False),
        (100.0 * np.exp(0.25 * 0.89 * LIMIT) * 1.01, True),
        (70.0, True),
        (np.nan, False),
    ],
)
def test_the_limit_is_a_multiple_of_the_largest_change_so_far(oil: Contract, value: float, jumps: bool) -> None:
    assert find_jumps(oil, frame([value], first=12), KNOWN).jumps.tolist() == [jumps]


def test_a_quiet_history_leaves_room_for_one_unit_of_the_scale(oil: Contract) -> None:
    quiet = frame([80.0] * 12)
    assert find_jumps(oil, frame([80 * np.exp(0.24)], first=12), quiet).jumps.tolist() == [False]
    assert find_jumps(oil, frame([80 * np.exp(0.26)], first=12), quiet).jumps.tolist() == [True]


def test_a_short_history_knows_nothing(oil: Contract) -> None:
    assert not find_jumps(oil, frame([300.0], first=20), KNOWN.head(FEWEST)).jumps.any()
    assert find_jumps(oil, frame([300.0], first=20), KNOWN.head(FEWEST + 1)).jumps.all()


def test_the_way_back_from_a_slip_is_no_jump(oil: Contract) -> None:
    found = find_jumps(oil, frame([101.0, 10.1, 99.0], first=12), KNOWN)
    assert found.jumps.tolist() == [False, True, False]
    assert found.nearest[1] == 100.0  # known, and nearer than the 101 of the batch


def test_a_batch_may_drift_far_in_small_steps(oil: Contract) -> None:
    assert not find_jumps(oil, frame([125.0, 156.0, 195.0, 240.0], first=12), KNOWN).jumps.any()


def test_a_revision_is_compared_with_what_it_revises(oil: Contract) -> None:
    known = pd.concat([KNOWN, frame([200.0], first=12)], ignore_index=True)  # confirmed once
    assert not find_jumps(oil, frame([198.0], first=12, published=9), known).jumps.any()
    assert not find_jumps(oil, frame([101.0], first=12, published=9), known).jumps.any()
    assert find_jumps(oil, frame([20.0], first=12, published=9), known).jumps.all()


def test_a_count_with_an_exposure_is_compared_as_a_rate(write_workspace: Callable[..., Workspace]) -> None:
    contacts = read_contracts(write_workspace())["contacts"]
    known = frame([10.0] * 12).assign(sample_size=100.0)
    twice = frame([30.0], first=12)
    assert find_jumps(contacts, twice.assign(sample_size=300.0), known).jumps.tolist() == [False]
    assert find_jumps(contacts, twice.assign(sample_size=100.0), known).jumps.tolist() == [True]
