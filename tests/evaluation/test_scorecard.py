"""The scorecard: odds of the claimed sign, before and after."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from small_workspace import HEADLINE_FITS

from ripeness import names
from ripeness.evaluation.scorecard import odds_ratio, prior_of_sign, score_claims, stood_before_rounds, verdict_of
from ripeness.evaluation.stored import Stored
from ripeness.model.terms.slow_levels import read_ratio


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(3.0, "supported"), (2.99, "unmoved"), (1.0, "unmoved"), (0.34, "unmoved"), (1 / 3, "contradicted"), (0.0, "contradicted")],
)
def test_verdicts(ratio: float, verdict: str) -> None:
    assert verdict_of(ratio) == verdict


def test_the_prior_of_a_sign() -> None:
    effect = SimpleNamespace(mean=1.0, sd=1.0)
    assert prior_of_sign(effect, "+") == pytest.approx(0.8413447)  # type: ignore[arg-type]
    assert prior_of_sign(effect, "-") == pytest.approx(0.1586553)  # type: ignore[arg-type]


def test_odds_by_hand() -> None:
    agrees = np.random.default_rng(1).random((4, 1000)) < 0.9
    posterior, ratio, lower, upper = odds_ratio(0.75, agrees)
    assert posterior == agrees.mean()
    assert ratio == pytest.approx(posterior / (1 - posterior) / 3)
    # the error of independent draws: 1 / sqrt(n p (1 - p)) on the log scale
    assert np.log(upper / ratio) == pytest.approx(2 / np.sqrt(4000 * posterior * (1 - posterior)), rel=0.2)
    assert lower * upper == pytest.approx(ratio**2)


@pytest.mark.parametrize(("agree", "verdict"), [(True, "supported"), (False, "contradicted")])
def test_where_all_draws_agree_the_odds_are_a_bound(agree: bool, verdict: str) -> None:
    posterior, ratio, _, upper = odds_ratio(0.5, np.full((4, 100), agree))
    assert 0 < posterior < 1 and verdict_of(ratio) == verdict and upper == np.inf


def test_claims_of_opposite_signs_have_inverse_odds(stored: Stored) -> None:
    rows = {row.claim: row for row in score_claims(stored) if row.reading == names.AS_WRITTEN}
    assert set(rows) == {"loser-talks", "costs-tell-north", "costs-harden-north"}  # the one that argues both ways has no sign
    for_, against = rows["costs-tell-north"], rows["costs-harden-north"]
    assert for_.odds_ratio * against.odds_ratio == pytest.approx(1.0)
    assert for_.prior + against.prior == pytest.approx(1.0)
    assert for_.rounds == stored.spec.panel.record.found[stored.spec.panel.record.start :].sum()


def test_what_stood_higher_before_rounds(stored: Stored) -> None:
    """With a factor that is 1 in the weeks before rounds and 0 elsewhere, it stood one departure higher."""
    spec = stored.spec
    record = spec.panel.record
    draws = stored.draws(HEADLINE_FITS[0])
    path = np.zeros_like(draws["path"])
    before = np.flatnonzero(record.found) - 1
    path[:, 1, before[before >= record.start - 1]] = 1.0
    flat = {name: np.zeros_like(draws[name]) for name in ("level_start", "level_moves")}
    stood = stood_before_rounds(stored, draws | {"path": path} | flat)
    cost = [e for e, label in enumerate(spec.structure.effects) if label.startswith("cost")]
    front = [e for e, label in enumerate(spec.structure.effects) if label.startswith("front")]
    assert np.allclose(stood[:, cost], read_ratio(spec, draws)[:, 1:2]) and np.allclose(stood[:, front], 0.0)
