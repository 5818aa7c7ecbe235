"""Other wars: counts are refitted as an independent fit has them, a known effect is found and a scrambled one is not"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from ripeness.errors import ContentError
from ripeness.evaluation.wars import COUNTS, PUBLISHED, Sampling, covariate_values, read_counts, refit_counts
from ripeness.workspace import read_workspace

ROOT = Path(__file__).parents[2]
STRONG, SCRAMBLED, DOUBLED = "mediation in 3 months", "scrambled", "doubled"
Z90 = norm.ppf(0.95)
FAR = 4  # standard errors: of 16,000 estimates of a truth one lies further off


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


def errors_from(row: dict[str, Any], log_ratio: float) -> float:
    """How many of its own standard errors an estimate lies from a value: those of the counts, as what is simulated here has no clusters."""
    return float(abs(row["log_ratio"] - log_ratio) * row["inflation"] / row["standard_error"])


def test_a_ratio_of_two_is_found_and_a_scrambled_one_is_lost(refitted: dict[str, dict[str, Any]]) -> None:
    assert refitted[DOUBLED]["lower"] > 1 and errors_from(refitted[DOUBLED], np.log(2)) < FAR
    assert errors_from(refitted[STRONG], 0) > FAR > errors_from(refitted[SCRAMBLED], 0)


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
