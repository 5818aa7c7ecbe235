"""How plausible a scenario is: the share of futures that stray as far, against what normal futures must give."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, norm

from ripeness.attribution.scenario_file import Path as HeldPath
from ripeness.attribution.scenarios import tail_probability

DRAWS, PATHS, STORED = 20_000, 2, 3


@pytest.fixture(scope="module")
def futures() -> Any:
    """Two factors that stay where each future puts them: the second twice as uncertain, and moving with the first."""
    one, other = np.random.default_rng(1).normal(size=(2, DRAWS, PATHS))
    factors = np.stack([one, 2.0 * (0.6 * one + 0.8 * other)], axis=-1)
    return SimpleNamespace(factors=np.repeat(factors[..., None], STORED + 4, axis=-1), stored=STORED)


def share(futures: Any, *values: float) -> float:
    paths: Any = [HeldPath(factor="any", units=value, from_week=1, to_week=4) for value in values]
    return tail_probability(futures, paths, [(k, np.full(DRAWS, value)) for k, value in enumerate(values)])


def test_of_one_factor_it_is_the_share_beyond_on_either_side(futures: Any) -> None:
    assert share(futures, 1.5) == pytest.approx(2 * norm.sf(1.5), abs=0.01)
    assert share(futures, -1.5) == pytest.approx(2 * norm.sf(1.5), abs=0.01)
    assert share(futures, 0.0) == pytest.approx(1.0, abs=0.01)


def test_of_two_it_is_what_both_ask_together(futures: Any) -> None:
    for values in ((1.0, 1.2), (1.0, -1.2)):  # the way they go together, and against it
        first, second = values[0], (values[1] / 2.0 - 0.6 * values[0]) / 0.8
        assert share(futures, *values) == pytest.approx(chi2.sf(first**2 + second**2, 2), abs=0.01)
