"""A panel of conflict-months: months at risk and placebo leads are laid out as defined, the graph has the density written out, a known truth is recovered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytest
import statsmodels.api as sm
import xarray as xr
from scipy.stats import binom, halfnorm, norm

from ripeness.errors import ContentError
from ripeness.evaluation import wars_panel
from ripeness.evaluation.wars import Sampling
from ripeness.evaluation.wars_panel import (
    COVARIATES,
    CURVE,
    LEAD,
    Array,
    Months,
    build_hazard,
    fit_panel,
    lay_out_months,
    read_panel,
    score_difference,
)

WARS, COUNTRIES, LENGTH = 18, 6, 96
TRUE = {"doubles": np.log(2.0), "idle": 0.0, "shock": np.log(3.0), "follows": 0.0}
FAR = 4  # standard errors: of 16,000 estimates of a truth one lies further off


def simulate_panel(rng: np.random.Generator) -> pd.DataFrame:
    """Wars in which silence lowers the hazard and talks held raise it.

    A standard deviation of `doubles` doubles it, the event `shock` triples it; `idle` does nothing, nor does `follows`, which talks of the last six months bring about.
    """
    rows = []
    country_level = rng.normal(0, 0.3, COUNTRIES)
    for war in range(WARS):
        level, held = rng.normal(0, 0.3) + country_level[war % COUNTRIES], list[int]()
        x = np.column_stack([rng.normal(size=(LENGTH, 2)), rng.random(LENGTH) < 0.4, rng.normal(size=LENGTH)])
        for month in range(LENGTH):
            silent = month - held[-1] - 1 if held else None
            eta = -2.9 + level - (0.0 if silent is None else 0.4 * np.log(max(silent, 1) / 6)) + 0.2 * np.log1p(len(held))
            eta += 0.0 if month == 0 else float(x[month - 1] @ list(TRUE.values()))
            if silent not in (0, 1) and rng.random() < 1 - np.exp(-np.exp(eta)):
                held.append(month)
            x[month, 3] += 2 * sum(month - talks < LEAD for talks in held)
            rows.append(
                (f"war {war}", f"country {war % COUNTRIES}", f"{1990 + month // 12}-{month % 12 + 1:02d}", int(month in held), *x[month])
            )
    return pd.DataFrame(rows, columns=["war", "country", "month", "talks", *TRUE])


@pytest.fixture(scope="module")
def panel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("panel") / "panel.csv"
    simulate_panel(np.random.default_rng(11)).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def months(panel_file: Path) -> Months:
    return lay_out_months(read_panel(panel_file, panel_file), panel_file)


def test_months_at_risk_are_those_after_two_silent_ones(tmp_path: Path) -> None:
    talks = {"a": [0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0], "b": [1, 0, 0, 0, 1, 0]}
    rows = [
        (war, f"land of {war}", f"2001-{month + 1:02d}", held, month**2 + 0.5 * (war == "b"))
        for war, record in talks.items()
        for month, held in enumerate(record)
    ]
    path = tmp_path / "panel.csv"
    pd.DataFrame(rows, columns=["war", "country", "month", "talks", "x"]).to_csv(path, index=False)
    found = lay_out_months(read_panel(path, path), path)
    at_risk = [("a", 1), ("a", 2), ("a", 5), ("a", 9), ("a", 10), ("b", 3), ("b", 4)]
    assert [found.wars[war] for war in found.war] == [war for war, _ in at_risk]
    assert found.onset.tolist() == [talks[war][month] for war, month in at_risk]
    assert found.never.tolist() == [1, 1, 0, 0, 0, 0, 0] and not found.spline[:2].any()
    assert found.spline[2:].sum(axis=1) == pytest.approx(1)
    assert np.exp(found.track) - 1 == pytest.approx([0, 0, 1, 3, 3, 1, 1])
    values = np.array([row[-1] for row in rows])
    assert found.x[:, 0] * values.std() + values.mean() == pytest.approx([0, 1, 16, 64, 81, 4.5, 9.5])
    now, later = np.array([0, 1, 16]), np.array([36, 49, 100])
    assert found.lead[:3, 0] * values.std() == pytest.approx(later - np.polyval(np.polyfit(now, later, 1), now))
    assert np.isnan(found.lead[:, 0]).tolist() == [False, False, False, True, True, True, True]


def test_the_graph_has_the_density_that_is_written_out(months: Months) -> None:
    rng, model = np.random.default_rng(2), build_hazard(months)
    point = {
        name: rng.normal(-3.0 if name in ("curve", "never_talked") else 0.0, 0.3, value.shape)
        for name, value in model.initial_point().items()
    }
    x, trials = rng.normal(size=months.x.shape), (rng.random(len(months.onset)) < 0.7).astype(np.int64)
    pm.set_data({"x": x, "trials": trials, "onsets": months.onset * trials}, model)
    sd = {name: np.exp(point[f"{name}_log__"]) for name in ("country_sd", "war_sd", "slope_sd")}
    slopes = point["slope"] + sd["slope_sd"] * point["slope_by_country"]
    eta = (months.spline * point["curve"]).sum(axis=1) + point["never_talked"] * months.never + point["track"] * months.track
    eta += sd["country_sd"] * point["of_country"][months.country] + sd["war_sd"] * point["of_war"][months.war]
    eta += np.array([row @ slopes[country] for row, country in zip(x, months.country, strict=True)])
    written = [
        binom.logpmf(months.onset * trials, trials, 1 - np.exp(-np.exp(eta))),
        norm.logpdf(np.append(point["curve"], point["never_talked"]), np.log(0.03), 1.5),
        norm.logpdf(np.append(point["track"], point["slope"]), 0, 0.5),
        *(norm.logpdf(point[name]) for name in ("of_country", "of_war", "slope_by_country")),
        *(halfnorm.logpdf(sd[name], scale=scale) for name, scale in (("country_sd", 0.5), ("war_sd", 0.5), ("slope_sd", 0.2))),
    ]
    found = model.compile_logp(jacobian=False, mode="FAST_COMPILE")(point)
    assert float(found) == pytest.approx(sum(part.sum() for part in written))


def mode_and_error(months: Months) -> tuple[Array, Array]:
    """Log hazard ratios at the posterior's mode, and their standard errors by a generalised linear model of the same months without intercepts by war."""
    found = pm.find_MAP(
        model=build_hazard(months), progressbar=False, return_inferencedata=True, jitter=False, compile_kwargs={"mode": "FAST_COMPILE"}
    )
    design = np.column_stack([months.x, months.spline, months.never, months.track])
    plain = sm.GLM(months.onset, design, family=sm.families.Binomial(sm.families.links.CLogLog())).fit()
    return found["posterior"]["slope"].values.ravel(), plain.bse[: len(months.covariates)]


def test_the_mode_of_a_simulated_panel_is_at_its_truth(months: Months) -> None:
    found, error = mode_and_error(months)
    true = np.array(list(TRUE.values()))
    assert (FAR * error < true).tolist() == (true > 0).tolist(), "an effect would be told from none"
    assert (np.abs(found - true) < FAR * error).tolist() == [True] * len(TRUE)


def test_of_covariates_moved_into_the_future_only_what_talks_bring_about_has_an_effect(months: Months) -> None:
    known = np.flatnonzero(~np.isnan(months.lead).any(axis=1))
    names = ("onset", "country", "war", "spline", "never", "track")
    found, error = mode_and_error(replace(months, x=months.lead[known], **{name: getattr(months, name)[known] for name in names}))
    assert (np.abs(found) > FAR * error).tolist() == [name == "follows" for name in TRUE]


@pytest.fixture
def fits(months: Months, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Array]]:
    """Of each fit that would be sampled its data, and draws made up for it; the fourth has a chain that stands apart, and the only divergence."""
    made: list[dict[str, Array]] = []

    def sample(compiled: None, seed: int, sampling: Sampling, **data: Array) -> xr.DataTree:
        fourth, rng = len(made) == 3, np.random.default_rng(len(made))
        size = {"slope": (len(TRUE),), "slope_sd": (len(TRUE),), "country_sd": (), "war_sd": (), "probability": months.onset.shape}
        drawn = {name: rng.uniform(0.01, 0.2, (2, 50, *own)) for name, own in size.items()}
        drawn["slope"][0] += fourth
        posterior = xr.Dataset({name: (("chain", "draw", *[f"of_{name}" for _ in size[name]]), draws) for name, draws in drawn.items()})
        diverging = np.zeros((2, 50), bool)
        diverging[0, 0] = fourth
        made.append({**data, **drawn})
        return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), diverging)})})

    monkeypatch.setattr(wars_panel, "sample_graph", sample)
    monkeypatch.setattr(nutpie, "compile_pymc_model", lambda model: None)
    return made


def test_each_country_is_predicted_by_fits_that_have_not_seen_it(months: Months, fits: list[dict[str, Array]]) -> None:
    rows, notes = fit_panel(months, 4, Sampling(), folds=3)
    assert all((fit["onsets"] == months.onset * fit["trials"]).all() for fit in fits)
    whole, placebo, *folds = fits
    assert whole["trials"].all() and (whole["x"] == months.x).all()
    assert (placebo["trials"] == ~np.isnan(months.lead).any(axis=1)).all() and (placebo["x"] == np.nan_to_num(months.lead)).all()
    for row, slope, lead in zip(rows, np.moveaxis(whole["slope"], -1, 0), np.moveaxis(placebo["slope"], -1, 0), strict=True):
        assert [row[name] for name in ("lower", "ratio", "upper")] == pytest.approx(np.exp(np.quantile(slope, (0.05, 0.5, 0.95))))
        assert row["placebo_ratio"] == pytest.approx(np.exp(np.median(lead)))
    assert [row["mechanism"] for row in rows] == list(TRUE) and {row["onsets"] for row in rows} == {months.onset.sum()}
    left_out: list[int] = []
    constant, curve, covariates = np.zeros((3, len(months.onset)))
    for without, with_x in zip(folds[::2], folds[1::2], strict=True):
        out = without["trials"] == 0
        left_out += sorted(set(months.country[out].tolist()))
        assert (with_x["trials"] == without["trials"]).all() and not set(months.country[out]) & set(months.country[~out])
        assert not without["x"].any() and (with_x["x"] == months.x).all()
        constant[out] = (months.onset[~out].sum() + 0.5) / ((~out).sum() + 1)
        curve[out], covariates[out] = (fit["probability"].mean((0, 1))[out] for fit in (without, with_x))
    assert len(folds) == 6 and sorted(left_out) == list(range(COUNTRIES))
    expected = {CURVE: score_difference(months, curve, constant, 4), COVARIATES: score_difference(months, covariates, curve, 4)}
    assert {score.pop("what"): pytest.approx(score) for score in notes["scores"]} == expected
    assert notes["rhat"] > 1.5 and notes["ess_bulk"] < 20 and notes["divergences"] == 1, "the worst of all fits"


def test_wars_too_short_for_placebo_leads_have_none(months: Months, fits: list[dict[str, Array]]) -> None:
    rows, _ = fit_panel(replace(months, lead=np.full_like(months.lead, np.nan)), 4, Sampling(), folds=COUNTRIES + 1)
    assert len(fits) == 1 + 2 * COUNTRIES and not any(name.startswith("placebo") for row in rows for name in row)


def test_the_curve_of_silence_is_cubic_between_its_quartiles(months: Months, panel_file: Path) -> None:
    silent: list[int] = []  # 0: never talked
    for _, war in read_panel(panel_file, panel_file).groupby("war"):
        held = np.flatnonzero(war["talks"])
        before = [held[held < month] for month in range(1, LENGTH)]
        silent += [
            month - talks[-1] - 1 if len(talks) else 0 for month, talks in enumerate(before, 1) if not len(talks) or month - talks[-1] > 2
        ]
    of = np.array(silent) > 0
    log_silent = np.log(np.array(silent)[of])
    knots = np.quantile(log_silent, (0.25, 0.5, 0.75))
    written = np.column_stack([*(log_silent**power for power in range(4)), *(np.maximum(log_silent - knot, 0) ** 3 for knot in knots)])
    basis = months.spline[of]
    assert basis.shape[1] == written.shape[1] and not months.spline[~of].any() and (months.never == ~of).all()
    assert basis @ np.linalg.lstsq(basis, written, rcond=None)[0] == pytest.approx(written, abs=1e-8)


def test_an_event_is_read_as_it_is(months: Months) -> None:
    assert months.covariates == tuple(TRUE) and months.per == ("SD", "SD", "event", "SD")
    assert set(months.x[:, 2]) == {0.0, 1.0}


def test_a_lead_is_what_the_present_value_does_not_tell(months: Months) -> None:
    known = ~np.isnan(months.lead[:, 0])
    for name, x, lead in zip(months.covariates, months.x[known].T, months.lead[known].T, strict=True):
        assert np.corrcoef(x, lead)[0, 1] == pytest.approx(0, abs=1e-9) and lead.mean() == pytest.approx(0, abs=1e-9), name


def test_a_score_is_the_log_probability_of_what_came_over_the_reference_s(months: Months) -> None:
    better = np.where(months.onset == 1, 0.3, 0.1)
    score = score_difference(months, better, np.full(len(better), 0.2), 1)
    onsets = months.onset.sum()
    assert score["nats"] == pytest.approx(onsets * np.log(1.5) + (len(better) - onsets) * np.log(0.9 / 0.8))
    assert 0 < score["lower"] < score["nats"] < score["upper"]


@pytest.mark.slow
def test_a_simulated_panel_is_fitted_whole(months: Months) -> None:
    found, notes = fit_panel(months, 4, Sampling(4, 500, 500), folds=2)
    rows, scores = {row["mechanism"]: row for row in found}, {score["what"]: score for score in notes["scores"]}

    def errors_from(row: dict[str, Any], log_ratio: float, prefix: str = "") -> float:
        error = np.log(row[f"{prefix}upper"] / row[f"{prefix}lower"]) / (2 * norm.ppf(0.95))
        return float(abs(np.log(row[f"{prefix}ratio"]) - log_ratio) / error)

    for name, true in TRUE.items():
        assert errors_from(rows[name], true) < FAR, name
        assert true == 0 or rows[name]["lower"] > 1, name
        assert (errors_from(rows[name], 0, "placebo_") > FAR) == (name == "follows"), name
    assert set(scores) == {CURVE, COVARIATES} and scores[COVARIATES]["lower"] > 0
    assert notes["rhat"] < 1.03


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("war,country,month", "war,land,month", "line 1: found no column 'country'"),
        (",doubles,", ",idle,", "line 1: found column 'idle' twice"),
        (",doubles,", ",line,", "line 1: found a column named 'line'"),
        ("1990-03", "1990-13", "line 4: found month '1990-13'"),
        ("1990-03", "1990-02", "found 1990-02 of war 'war 0' twice"),
        ("1990-04,0", "1990-04,2", "line 5: found talks '2'"),
        ("1990-04,0", "1990-04,", "line 5: found no talks"),
        ("country 0,1990-05", "country 1,1990-05", "line 6: found 1990-05 of war 'war 0' in 'country 1'"),
    ],
)
def test_a_bad_panel_is_refused_with_file_and_line(panel_file: Path, tmp_path: Path, old: str, new: str, words: str) -> None:
    text, path = panel_file.read_text("utf-8"), tmp_path / "mine.csv"
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ContentError) as caught:
        read_panel(path, Path("mine.csv"))
    assert words in str(caught.value) and "mine.csv" in str(caught.value)


def test_a_panel_with_a_gap_a_missing_value_or_too_little_in_it_is_refused(panel_file: Path, tmp_path: Path) -> None:
    lines, path = panel_file.read_text("utf-8").splitlines(), tmp_path / "mine.csv"

    def refused(text: list[str]) -> str:
        path.write_text("\n".join(text), "utf-8")
        with pytest.raises(ContentError) as caught:
            lay_out_months(read_panel(path, path), path)
        return str(caught.value)

    assert "line 5: found 1990-05 of war 'war 0' after a gap" in refused([*lines[:4], *lines[5:]])
    assert "line 3: found no follows" in refused([*lines[:2], lines[2].rpartition(",")[0] + ",", *lines[3:]])
    assert "no covariate" in refused([",".join(line.split(",")[:4]) for line in lines])
    assert "'same' with the same value everywhere" in refused([f"{lines[0]},same", *(f"{line},1" for line in lines[1:])])
    assert "1 countries with months at risk" in refused(lines[: LENGTH + 1])
