"""Fitted priors against closed forms; PreliZ is loaded once, by this file alone."""

from math import exp, log
from pathlib import Path
from statistics import NormalDist, fmean

import pytest

from ripeness.data.events import read_coverage
from ripeness.data.indicators import read_contracts
from ripeness.elicitation.elicit import TOLERANCE, elicit_priors, fit_normal
from ripeness.elicitation.elicited import elicit_quantiles
from ripeness.elicitation.entries import read_priors
from ripeness.errors import ContentError
from ripeness.essay import read_claims
from ripeness.names import AS_WRITTEN, OTHER_WARS, READINGS, TEMPERED
from ripeness.workspace import read_workspace

ROOT = Path(__file__).parents[2]
Z = NormalDist().inv_cdf(0.95)


@pytest.fixture(scope="module")
def priors():
    workspace = read_workspace(ROOT)
    return elicit_priors(read_priors(workspace, read_claims(workspace), read_contracts(workspace)))


@pytest.mark.parametrize("values", [(-1.0, 0.0, 1.0), (-1.0, 0.3, 1.0), (2.0, 2.2, 5.0), (-900.0, -400.0, 100.0), (0.001, 0.002, 0.003)])
def test_least_squares_has_a_closed_form(values):
    mu, sigma = fit_normal(values, (0.05, 0.5, 0.95))
    scale = values[2] - values[0]
    assert mu == pytest.approx(fmean(values), abs=1e-3 * scale + 1e-4)
    assert sigma == pytest.approx(scale / (2 * Z), abs=1e-3 * scale + 1e-4)


def test_lognormal_is_fitted_on_the_log(make_workspace, read_files):
    fitted = elicit_priors(read_files(make_workspace()))["half_life.strain"]
    assert fitted.mu == pytest.approx(fmean(map(log, (4, 10, 25))), abs=1e-3)
    assert fitted.sigma == pytest.approx((log(25) - log(4)) / (2 * Z), abs=1e-3)
    assert fitted.achieved == pytest.approx([fitted.quantile(p) for p in (0.05, 0.5, 0.95)])
    assert fitted.error < 0.001


def test_error_is_the_largest_miss_as_a_share_of_the_width(make_workspace, read_files):
    fitted = elicit_priors(read_files(make_workspace(("priors/factors.toml", "q50 = 10.0", "q50 = 12.0"))))["half_life.strain"]
    asked = [log(4), log(12), log(25)]
    assert fitted.error == pytest.approx(abs(fmean(asked) - asked[1]) / (asked[2] - asked[0]), abs=1e-3)


def test_quantiles_that_no_lognormal_has_are_refused(make_workspace, read_files):
    files = read_files(make_workspace(("priors/factors.toml", "q50 = 10.0", "q50 = 24.0")))
    with pytest.raises(
        ContentError, match=r"priors/factors\.toml, line 5: found an inconsistent elicitation: 4, 24, 25 of half_life\.strain"
    ):
        elicit_priors(files)


def test_a_ratio_fitted_on_its_log_stays_above_one(make_workspace, read_files):
    fitted = elicit_priors(read_files(make_workspace()))["best_to_worst"]
    assert fitted.quantile(1e-9) > 1
    assert fitted.natural(fitted.mu) == pytest.approx(exp(exp(fitted.mu)))


def test_defaults_serve_indicators_without_an_entry(make_workspace, read_files):
    fitted = elicit_priors(read_files(make_workspace()))
    assert fitted["noise.price"] == fitted["noise.default"]
    assert fitted["noise.wage"].entry.q05 == 0.2
    assert "noise.price" in fitted
    assert "noise.clashes" not in fitted


def test_tempered_reading_overrides(make_workspace, read_files):
    fitted = elicit_priors(read_files(make_workspace()))
    assert fitted.for_reading(AS_WRITTEN)["share_open.ost_ready"].entry.q50 == 0.3
    tempered = fitted.for_reading(TEMPERED)["share_open.ost_ready"]
    assert (tempered.entry.q50, tempered.reading, tempered.mu) == (0.5, TEMPERED, pytest.approx(0, abs=1e-3))
    assert fitted.for_reading(TEMPERED)["share_open.west_ready"] == fitted["share_open.west_ready"]


def test_two_quantiles_are_met_exactly():
    fitted = elicit_quantiles(0.95, 0.995, "logitnormal", "sensitivity", Path("data/coverage.csv"), 2)
    assert (fitted.achieved[0], fitted.achieved[2]) == pytest.approx((0.95, 0.995), abs=1e-4)
    assert 0.95 < fitted.achieved[1] < 0.995
    assert fitted.error < 1e-3


@pytest.mark.parametrize(("low", "high", "words"), [(0.9, 0.8, "rising order"), (0.9, 1.0, "below 1")])
def test_two_bad_quantiles_are_refused_with_their_place(low, high, words):
    with pytest.raises(ContentError, match=rf"coverage\.csv, line 3: .*{words}"):
        elicit_quantiles(low, high, "logitnormal", "sensitivity", Path("data/coverage.csv"), 3)


@pytest.mark.parametrize(("low", "high"), [("1e-12", "0.999999999999"), ("0.99", "0.999"), ("0.5", "0.501")])
def test_what_coverage_may_say_can_be_elicited(tmp_path, low, high):
    path = tmp_path / "coverage.csv"
    path.write_text(f"from,to,q05,q95,published_on,note\n2001-01-01,2001-01-07,{low},{high},2001-01-07,\n")
    row = read_coverage(path, Path("data/coverage.csv")).iloc[0]
    fitted = elicit_quantiles(row["q05"], row["q95"], "logitnormal", "sensitivity", Path("data/coverage.csv"), row["line"])
    assert fitted.sigma > 0
    assert fitted.error < 0.2


def test_shipped_elicitation_is_consistent(priors):
    table = priors.table()
    # 2.7, 6 and 13 of the total: the family, even about the median on the log of the log, would have 5.3 in their middle
    by_far = {(line.name, line.reading) for line in table if line.error >= TOLERANCE / 2}
    assert by_far == {("best_to_worst", OTHER_WARS)} and max(line.error for line in table) < 0.082
    assert {line.reading for line in table} == {None, TEMPERED, OTHER_WARS}
    assert all(line.rationale for line in table)
    assert len(priors.hash) == 64


def test_shipped_losing_side_gains_more_than_the_winning_loses(priors):
    for reading in READINGS:
        losing, winning = (effect for effect in priors.effects[reading] if effect.role)
        assert losing.mean > -winning.mean >= 0
        assert (winning.mean == 0) == (reading == AS_WRITTEN)  # on winning ground the essay is silent
