"""The reference class: pooled rates and knots against sums done by hand."""

from math import exp, log, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from ripeness.calendar import WEEKS_IN_MONTH
from ripeness.elicitation.reference import ReferenceRow, build_reference, read_reference_rows
from ripeness.workspace import read_workspace

ROOT = Path(__file__).parents[2]


def row(start, end, at_risk, wars, rate, low, high):
    return ReferenceRow(
        months_dormant_from=start,
        months_dormant_to=end,
        source="s",
        months_at_risk=at_risk,
        resumptions=1,
        wars=wars,
        rate_per_month=rate,
        lo90=low,
        hi90=high,
        citation="c",
    )


ROWS = [
    row(2, 3, 100, 10, 0.2, 0.1, 0.3),
    row(2, 3, 100, 10, 0.1, 0.05, 0.2),
    row(4, None, 400, 10, 0.02, 0.01, 0.04),
    row(4, None, 600, 10, 0.01, 0.005, 0.02),
]


def test_knots_are_geometric_means_and_the_open_class_stands_at_its_exposure():
    curve = build_reference(ROWS)
    assert curve.labels == ("2-3", "4+")
    assert curve.dormancy_weeks == pytest.approx([sqrt(2 * 4) * WEEKS_IN_MONTH, (4 + (40 + 60) / 2) * WEEKS_IN_MONTH])


def test_rate_is_the_geometric_mean_of_weekly_hazards():
    weekly = [-log(1 - p) / WEEKS_IN_MONTH for p in (0.2, 0.1)]
    assert exp(build_reference(ROWS).log_rate[0]) == pytest.approx(sqrt(weekly[0] * weekly[1]))


def test_spread_joins_disagreement_and_sampling_of_two_independent_sources():
    logs = [log(-log(1 - p)) for p in (0.2, 0.1)]
    between = (logs[0] - logs[1]) ** 2 / 2
    sampling = [((log(-log(1 - hi)) - log(-log(1 - lo))) / (2 * 1.6448536)) ** 2 for lo, hi in ((0.1, 0.3), (0.05, 0.2))]
    assert build_reference(ROWS).sd[0] == pytest.approx(sqrt((between + sum(sampling) / 2) / 2), rel=1e-6)


def test_agreeing_and_exact_sources_leave_no_spread():
    sure = [row(2, None, 100, 10, 0.1, 0.0999999, 0.1000001)] * 2
    assert build_reference(sure).sd[0] < 1e-5


def test_months_before_a_dormancy_are_geometric():
    # 10 wars with 2 and 30 resumptions: 1.2 and 4 dormancies a war
    rows = [row(2, None, 100, 10, 0.2, 0.1, 0.3).model_copy(update={"source": s, "resumptions": n}) for s, n in (("a", 2), ("b", 30))]
    draws = np.random.default_rng(1).geometric([[1 / 1.2], [1 / 4]], (2, 200_000))
    assert build_reference(rows).log_months == pytest.approx(np.log1p(draws).mean(), abs=0.005)


def test_beyond_keeps_later_classes():
    curve = build_reference(ROWS)
    assert curve.beyond(curve.dormancy_weeks[0]).labels == ("4+",)
    assert curve.beyond(0).labels == curve.labels


def test_shipped_class_has_the_published_rates():
    workspace = read_workspace(ROOT)
    faults = []
    rows = read_reference_rows(workspace, ["derouen2011", "regan2009", "clayton2022", "pax"], faults)
    curve = build_reference(rows)
    assert faults == []
    assert np.exp(curve.log_rate) == pytest.approx([0.048, 0.029, 0.026, 0.016, 0.009, 0.003], rel=0.11)
    assert curve.log_months == pytest.approx(1.62, abs=0.005)
    knots, weeks = np.log(curve.dormancy_weeks), np.log(np.arange(18, 31))  # three months after four silent ones, as decision 0023 has it
    assert 1 - exp(-np.exp(np.interp(weeks, knots, curve.log_rate)).sum()) == pytest.approx(0.27, abs=0.005)
    assert all(row.rate_per_month == round(row.resumptions / row.months_at_risk, 4) for row in rows)
    # intervals of a bootstrap of wars against those of independent months: not to be had from the counts, and wider
    exact = [beta.ppf([0.05, 0.95], row.resumptions + 0.5, row.months_at_risk - row.resumptions + 0.5) for row in rows]
    wider = [log(row.hi90 / row.lo90) / log(high / low) for row, (low, high) in zip(rows, exact, strict=True)]
    assert (min(wider), np.mean(wider), max(wider)) == pytest.approx((0.97, 1.23, 1.71), abs=0.005)
    beyond = curve.beyond(workspace.question.active_weeks)
    assert beyond.labels == ("2-3", "4-6", "7-12", "13-24", "25+")
    assert beyond.dormancy_weeks[-1] == pytest.approx(325, abs=6)
    assert ((curve.sd > 0.14) & (curve.sd < 0.4)).all()
