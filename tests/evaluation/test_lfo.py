"""Leave-future-out: what `lfo_cv` makes of the backtest's refits."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from ripeness.evaluation.scores import happened, leave_future_out

ORIGINS = [date(2025, 1, 5) + timedelta(days=28 * number) for number in range(6)]


def test_elpd_is_the_log_of_the_mean_over_draws_summed_over_blocks() -> None:
    rng = np.random.default_rng(1)
    likelihoods, record = {}, {}
    for name, levels in (("conjunctive_as_written", [0.5] * 6), ("outside", [0.2, 0.2, 0.2, 0.3, 0.6, 0.6])):
        likelihoods[name] = [np.log(rng.uniform(0.5, 1.5, (2, 50)) * level) for level in levels]
        record[name] = np.concatenate([np.full((2, 50, 1), -9.0), np.stack(likelihoods[name], axis=2) + 0.1], axis=2)
    table = leave_future_out(likelihoods, record, ORIGINS).set_index("fit")
    for name, found in likelihoods.items():
        by_hand = [np.log(np.exp(one).mean()) for one in found]
        assert table.loc[name, "elpd"] == pytest.approx(sum(by_hand), abs=1e-10)
        assert table.loc[name, "p"] == pytest.approx(0.1 * len(ORIGINS), abs=1e-9)
        assert 0.0 < table.loc[name, "mcse"] < 0.3
    difference = table.loc["conjunctive_as_written", "elpd"] - table.loc["outside", "elpd"]
    assert table.loc["conjunctive_as_written", "difference_to_outside"] == pytest.approx(difference)
    assert table.loc["outside", "difference_to_outside"] == 0.0
    gained = [np.log(np.exp(own).mean() / np.exp(other).mean()) for own, other in zip(*likelihoods.values(), strict=True)]
    assert table.loc["conjunctive_as_written", "without_best_block"] == pytest.approx(sum(gained) - max(gained))
    assert table.loc["conjunctive_as_written", "blocks_better"] == sum(one > 0 for one in gained)
    assert table["stacking_weight"].sum() == pytest.approx(1.0) and table["stacking_weight"].idxmax() == "conjunctive_as_written"
    assert set(table["blocks"]) == {6}


def test_the_pattern_that_happened_is_read() -> None:
    patterns = np.arange(1, 2 * 3 * 16 + 1, dtype=np.float32).reshape(2, 3, 2, 2, 2, 2)
    np.testing.assert_allclose(happened(patterns, [0, 1, 0, 1]), np.log(patterns[:, :, 0, 1, 0, 1]))
