"""Other wars: counts are refitted as an independent fit has them, a known effect is found and a scrambled one is not; a panel's truth is recovered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from ripeness.errors import ContentError
from ripeness.evaluation.wars import (
    COUNTS,
    COVARIATES,
    CURVE,
    PUBLISHED,
    Months,
    Sampling,
    build_hazard,
    covariate_values,
    fit_panel,
    lay_out_months,
    read_counts,
    read_panel,
    refit_counts,
    score_difference,
)
from ripeness.workspace import read_workspace

ROOT = Path(__file__).parents[2]
STRONG, SCRAMBLED, DOUBLED = "mediation in 3 months", "scrambled", "doubled"
Z90 = norm.ppf(0.95)


@pytest.fixture(scope="module")
def shipped() -> tuple[pd.DataFrame, pd.DataFrame]:
    return read_counts(read_workspace(ROOT))


def scrambled(counts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The counts of a mechanism with its onsets dealt out anew among the months at risk of each class of dormancy."""
    found = counts.copy()
    for _, rows in counts.groupby("months_dormant"):
        found.loc[rows.index, "onsets"] = rng.multivariate_hypergeometric(rows["months_at_risk"].to_numpy(), rows["onsets"].sum())
    return found.assign(mechanism=SCRAMBLED)


def doubled(counts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same months, with onsets drawn at a hazard that the event doubles."""
    base = counts.groupby("months_dormant")["onsets"].transform("sum") / counts.groupby("months_dormant")["months_at_risk"].transform("sum")
    hazard = base * np.where(counts["covariate"] == "present", 2.0, 1.0)
    return counts.assign(onsets=rng.binomial(counts["months_at_risk"], 1 - np.exp(-hazard)), mechanism=DOUBLED)


@pytest.fixture(scope="module")
def counts(shipped: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    """What is shipped, and two mechanisms more."""
    rng, strong = np.random.default_rng(3), shipped[0][shipped[0]["mechanism"] == STRONG]
    return pd.concat([shipped[0], scrambled(strong, rng), doubled(strong, rng)], ignore_index=True)


@pytest.fixture(scope="module")
def refitted(counts: pd.DataFrame, shipped: tuple[pd.DataFrame, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    rows, how = refit_counts(counts, shipped[1], 5, Sampling(2, 300, 500))
    assert how["rhat"] < 1.02 and how["divergences"] == 0
    return {row["mechanism"]: row for row in rows}


def test_a_refit_is_what_a_generalised_linear_model_says(counts: pd.DataFrame, refitted: dict[str, dict[str, Any]]) -> None:
    x = covariate_values(counts)
    for name, rows in counts.groupby("mechanism"):
        design = np.column_stack([x[rows.index], pd.get_dummies(rows["months_dormant"]).to_numpy(float)])
        ends = np.column_stack([rows["onsets"], rows["months_at_risk"] - rows["onsets"]])
        fitted = sm.GLM(ends, design, family=sm.families.Binomial(sm.families.links.CLogLog())).fit()
        own, error = refitted[str(name)], fitted.bse[0]
        assert own["log_ratio"] == pytest.approx(fitted.params[0], abs=0.25 * error), name
        assert own["standard_error"] / own["inflation"] == pytest.approx(error, rel=0.1), name


def test_refitted_ratios_agree_with_those_published(refitted: dict[str, dict[str, Any]]) -> None:
    compared = [row for row in refitted.values() if "published_ratio" in row]
    assert len(compared) == 13
    for row in compared:
        assert row["published_lower"] < row["ratio"] < row["published_upper"], row["mechanism"]


def test_errors_are_as_wide_as_the_panel_s_or_wider(refitted: dict[str, dict[str, Any]]) -> None:
    known = [row for row in refitted.values() if "published_ratio" in row]
    for row in known:
        panel = np.log(row["published_upper"] / row["published_lower"]) / (2 * Z90)
        assert row["standard_error"] >= panel * (1 - 1e-6), row["mechanism"]
        assert row["inflation"] == 1.0 or row["standard_error"] == pytest.approx(panel), row["mechanism"]
    others = [row["inflation"] for row in refitted.values() if row not in known]
    assert len(others) == 5 and others == pytest.approx([np.sqrt(np.mean([row["inflation"] ** 2 for row in known]))] * 5)
    assert others[0] > 1.1


def test_a_ratio_of_two_is_found_and_a_scrambled_one_is_lost(refitted: dict[str, dict[str, Any]]) -> None:
    assert refitted[STRONG]["lower"] > 1
    assert refitted[DOUBLED]["lower"] > 1.3 and refitted[DOUBLED]["lower"] < 2 < refitted[DOUBLED]["upper"]
    assert refitted[SCRAMBLED]["lower"] < 1 < refitted[SCRAMBLED]["upper"] and refitted[SCRAMBLED]["ratio"] < 1.3


def test_a_bin_stands_at_its_normal_score(shipped: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    counts = shipped[0]
    x = pd.Series(covariate_values(counts))
    rows = counts[counts["mechanism"] == "fighting against last year"]
    months = rows.groupby("covariate")["months_at_risk"].sum()
    share = months / months.sum()
    edge = norm.ppf(share["low"])
    assert x[rows.index[rows["covariate"] == "low"]].unique() == pytest.approx(norm.expect(lambda z: z, ub=edge) / share["low"])
    assert np.average(x[rows.index], weights=rows["months_at_risk"]) == pytest.approx(0, abs=1e-12)
    assert set(x[counts["covariate"] == "present"]) == {1.0} and set(x[counts["covariate"] == "absent"]) == {0.0}


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (COUNTS, ",low,2-3,347,55,", ",low,2-3,347,348,", "line 2: found 348 onsets in 347 months"),
        (COUNTS, ",low,2-3,347,55,", ",lowest,2-3,347,55,", "expected all of absent, present or low, middle, high"),
        (COUNTS, ",low,4-6,335,", ",low,2-3,335,", "line 3: found fighting against last year, low, 2-3 twice"),
        (COUNTS, ",low,2-3,347,55,", ",low,2-3,347,many,", "line 2: found onsets 'many'"),
        (PUBLISHED, "1.17,1.08,1.26", "1.17,1.18,1.26", "line 2: found 1.18, 1.17, 1.26"),
        (PUBLISHED, "fighting against last year", "fihgting against last year", "did you mean 'fighting against last year'?"),
    ],
)
def test_a_wrong_table_is_refused_at_its_line(copied_workspace: Path, name: str, old: str, new: str, words: str) -> None:
    path = copied_workspace / "priors" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ContentError) as caught:
        read_counts(read_workspace(copied_workspace))
    assert words in str(caught.value) and f"priors/{name}" in str(caught.value)


# --- A panel ------------------------------------------------------------------------------------------------------------------------------

WARS, COUNTRIES, LENGTH = 18, 6, 96
TRUE = {"doubles": np.log(2.0), "idle": 0.0, "shock": np.log(2.0)}


def simulate_panel(rng: np.random.Generator) -> pd.DataFrame:
    """Wars in which silence lowers the hazard, talks held raise it, `doubles` (a number) and `shock` (an event) double it, and `idle` does nothing."""
    rows = []
    country_level = rng.normal(0, 0.3, COUNTRIES)
    for war in range(WARS):
        level, last, held = rng.normal(0, 0.3) + country_level[war % COUNTRIES], None, 0
        x = np.column_stack([rng.normal(size=(LENGTH, 2)), rng.random(LENGTH) < 0.2])
        for month in range(LENGTH):
            silent = None if last is None else month - last - 1
            eta = -2.9 + level - (0.0 if silent is None else 0.4 * np.log(max(silent, 1) / 6)) + 0.2 * np.log1p(held)
            eta += 0.0 if month == 0 else float(x[month - 1] @ list(TRUE.values()))
            talks = silent not in (0, 1) and rng.random() < 1 - np.exp(-np.exp(eta))
            if talks:
                last, held = month, held + 1
            rows.append((f"war {war}", f"country {war % COUNTRIES}", f"{1990 + month // 12}-{month % 12 + 1:02d}", int(talks), *x[month]))
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
        (war, f"land of {war}", f"2001-{month + 1:02d}", held, 10 * month + (war == "b"))
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
    assert found.x[:, 0] * values.std() + values.mean() == pytest.approx([0, 10, 40, 80, 90, 21, 31])
    assert np.isnan(found.lead[:, 0]).tolist() == [False, False, False, True, True, True, True]


def mode_of_slopes(months: Months) -> dict[str, float]:
    """Log hazard ratios at the posterior's mode."""
    found = pm.find_MAP(
        model=build_hazard(months), progressbar=False, return_inferencedata=True, jitter=False, compile_kwargs={"mode": "FAST_COMPILE"}
    )
    return dict(zip(months.covariates, found["posterior"]["slope"].values.ravel().tolist(), strict=True))


WITHIN = {"doubles": 0.25, "idle": 0.25, "shock": 0.45}  # two and a half standard errors


def test_the_mode_of_a_simulated_panel_is_at_its_truth(months: Months) -> None:
    found = mode_of_slopes(months)
    assert {name for name in TRUE if abs(found[name] - TRUE[name]) > WITHIN[name]} == set()
    assert months.per == ("SD", "SD", "event")


def test_a_covariate_moved_into_the_future_loses_its_effect(months: Months) -> None:
    found = mode_of_slopes(replace(months, x=np.nan_to_num(months.lead)))
    assert {name for name in TRUE if abs(found[name]) > WITHIN[name]} == set()


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
    for name, true in TRUE.items():
        assert rows[name]["lower"] < np.exp(true) < rows[name]["upper"], name
        assert (rows[name]["lower"] > 1.1) == (true > 0), name
        assert rows[name]["placebo_lower"] < 1 < rows[name]["placebo_upper"], name
    assert set(scores) == {CURVE, COVARIATES} and scores[COVARIATES]["lower"] > 0
    assert notes["rhat"] < 1.03 and notes["divergences"] == 0


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
    assert "line 3: found no shock" in refused([*lines[:2], lines[2].rpartition(",")[0] + ",", *lines[3:]])
    assert "no covariate" in refused([",".join(line.split(",")[:4]) for line in lines])
    assert "'same' with the same value everywhere" in refused([f"{lines[0]},same", *(f"{line},1" for line in lines[1:])])
    assert "1 countries with months at risk" in refused(lines[: LENGTH + 1])
