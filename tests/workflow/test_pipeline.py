"""The whole way: fit, forecast, page, ledger; reuse, look-ahead, and the gate that closes."""

from __future__ import annotations

import csv
import json
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_workspace import FITS, HEADLINE_FITS

from ripeness import names, open_run
from ripeness.errors import GateError, RipenessError, UsageError
from ripeness.workflow.forecasts import run_forecast
from ripeness.workflow.issue import run_report
from ripeness.workflow.request import Request, open_workspace
from ripeness.workflow.run import FORECAST_COLUMNS, SCHEMA


def test_forecast_table_has_the_headline_question_first(short_run: Any) -> None:
    with (short_run.folder / "forecast.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == FORECAST_COLUMNS
    assert [row["question"] for row in rows][:8] == ["round"] * 4 + ["sustained"] * 4
    assert list(dict.fromkeys(row["question"] for row in rows[8:])) == [
        "contact",
        "exchange",
        "truce",
        "truce_kept",
        "leaders",
        "ceasefire",
    ]
    assert [int(row["horizon_weeks"]) for row in rows[:4]] == [4, 13, 26, 52]
    assert rows[0]["target_end_date"] == "2025-07-16"
    for question in dict.fromkeys(row["question"] for row in rows):
        chances = [float(row["probability"]) for row in rows if row["question"] == question]
        assert chances == sorted(chances)
    for row in rows[:4]:
        assert 0 < float(row["lower"]) < float(row["probability"]) < float(row["upper"]) < 1
    pd.testing.assert_frame_equal(open_run(short_run.folder).forecast, pd.read_csv(short_run.folder / "forecast.csv"), check_exact=True)


def test_headline_mixes_forms_and_readings_by_the_weights_of_the_workspace(short_run: Any) -> None:
    summary = json.loads((short_run.folder / "forecast.json").read_text("utf-8"))
    by_source = {
        row["source"]: row["probability"] for row in summary["forecasts"] if row["question"] == "round" and row["horizon_weeks"] == 13
    }
    weights = open_workspace(short_run.root).workspace.mixture.weights
    assert summary["mixture"]["weights"] == pytest.approx(weights) and sum(weights.values()) == pytest.approx(1.0)
    assert weights == pytest.approx(dict(zip(HEADLINE_FITS, (0.35, 0.35, 0.15, 0.15), strict=True)))
    assert by_source[names.MIXTURE] == pytest.approx(sum(weight * by_source[name] for name, weight in weights.items()), abs=1e-9)
    assert by_source["conjunctive_as_written"] != by_source["conjunctive_tempered"]
    for form in names.FORMS:
        assert by_source[form] == pytest.approx(
            np.mean([by_source[f"{form}_{reading}"] for reading in (names.AS_WRITTEN, names.TEMPERED)]), abs=1e-9
        )
    tree = open_run(short_run.folder).tree
    drawn = [float(tree[f"{name}/predictions/within"].sel(horizon=13).mean()) for name in weights]
    assert by_source[names.MIXTURE] == pytest.approx(np.average(drawn, weights=list(weights.values())), abs=1e-9)


def test_what_the_inside_view_does_is_split_into_always_and_now(short_run: Any) -> None:
    rows = [row for row in json.loads((short_run.folder / "forecast.json").read_text("utf-8"))["forecasts"] if row["question"] == "round"]
    tree = open_run(short_run.folder).tree
    for row in rows:
        if row["source"] == names.OUTSIDE:
            assert row["usual_multiplier"] is None and row["now_multiplier"] is None
            continue
        assert row["usual_multiplier"] * row["now_multiplier"] == pytest.approx(row["inside_multiplier"])
        assert row["probability"] == pytest.approx(row["level_only"] * row["usual_multiplier"] * row["now_multiplier"])
    # over few weeks a probability is as good as a hazard, so what has always been is the mean multiplier of the weeks at risk
    inside = tree["conjunctive_tempered/posterior"].to_dataset()["inside"].values.astype(float)
    (found,) = [row["usual_multiplier"] for row in rows if (row["source"], row["horizon_weeks"]) == ("conjunctive_tempered", 4)]
    assert found == pytest.approx(np.exp(inside).mean(), rel=0.25)


def test_no_row_published_after_the_origin_is_used(short_run: Any) -> None:
    run = open_run(short_run.folder)
    data = run.tree["data"].to_dataset()
    assert (data["published_on"].values <= np.datetime64("2025-06-18")).all()
    assert (data["observed_on"].values <= np.datetime64("2025-06-18")).all()
    assert data.sizes["observation"] > 1000
    assert run.summary["rounds"][-1] == "2025-06-02"
    assert all(row["newest_published_on"] is None or row["newest_published_on"] <= "2025-06-18" for row in run.summary["indicators"])
    assert all(one["known"] <= "2025-06-18" for one in run.summary["announcements"])


def test_a_wednesday_origin_counts_its_week_by_shares(short_run: Any) -> None:
    fit = open_run(short_run.folder).fit("outside")
    shares = fit["constant_data"]["share_of_week"].values
    assert shares[-1] == pytest.approx(3 / 7)
    assert (shares[:-1] == 1).all()


def test_stored_groups_and_variables_are_those_of_the_schema(short_run: Any) -> None:
    run = open_run(short_run.folder)
    assert run.tree.attrs["schema"] == SCHEMA
    assert set(run.tree.children) == {name for name, _, _ in FITS} | {"data"}
    groups = {
        "posterior",
        "prior",
        "prior_predictive",
        "posterior_predictive",
        "log_likelihood",
        "log_prior",
        "sample_stats",
        "observed_data",
        "constant_data",
        "predictions",
        "predictions_constant_data",
    }
    assert set(run.fit("conjunctive_tempered").children) == groups
    assert set(run.fit("outside").children) == groups  # its lead times can be replicated from the prior
    assert set(run.fit("substitutable_as_written").children) == groups - {"prior_predictive", "log_prior"}
    documented = open_schema()
    posterior = run.fit("conjunctive_as_written")["posterior"].to_dataset()
    for variable, dims in documented.items():
        assert posterior[variable].dims[2:] == dims, variable
    with pytest.raises(RipenessError, match="there are: conjunctive_as_written"):
        run.fit("conjunctiv")


def open_schema() -> dict[str, tuple[str, ...]]:
    """Variables and dims of the table in docs/schema.md."""
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "schema.md").read_text("utf-8")
    table = text.split("| variable of `posterior` |")[1].split("\n\n")[0]
    found: dict[str, tuple[str, ...]] = {}
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        dims = tuple(dim.strip() for dim in cells[1].split(",") if dim.strip())
        for name in cells[0].split(","):
            found[name.strip().strip("`")] = dims
    assert len(found) > 15
    return found


def test_same_inputs_reuse_the_fit_and_add_nothing_to_the_ledger(short_run: Any) -> None:
    before = {path.name: path.read_bytes() for path in short_run.folder.iterdir() if path.suffix != ".nc"}
    ledger = (short_run.root / "reports" / "ledger.csv").read_bytes()
    stamp = (short_run.folder / "posterior.nc").stat().st_mtime_ns
    messages: list[str] = []
    run_report(Request(short_run.root, date(2025, 6, 18)), messages.append)
    assert messages[0] == "inputs unchanged: the stored fit is used"
    assert (short_run.folder / "posterior.nc").stat().st_mtime_ns == stamp
    assert {path.name: path.read_bytes() for path in short_run.folder.iterdir() if path.suffix != ".nc"} == before
    assert (short_run.root / "reports" / "ledger.csv").read_bytes() == ledger
    assert len(ledger.decode().splitlines()) == 1 + len(open_run(short_run.folder).forecast)


def test_a_fit_sampled_twice_is_recorded_and_weighs_no_more(short_run: Any) -> None:
    run = open_run(short_run.folder)
    attempts = {fit["fit"]: fit["attempts"] for fit in run.summary["gate"]["fits"]}
    assert attempts == {name: 2 if name == "conjunctive_tempered" else 1 for name, _, _ in FITS}
    # draws are kept in proportion to weights in the headline, 0.15 to 0.35
    kept = {name: 51 if name.startswith(names.SUBSTITUTABLE) else 120 for name in attempts}
    assert {name: run.fit(name)["posterior"].sizes["draw"] for name in attempts} == kept
    assert {name: run.tree[f"{name}/predictions"].sizes["draw"] for name in attempts} == kept


def test_page_shows_what_the_table_says(short_run: Any) -> None:
    page = (short_run.folder / "index.html").read_text("utf-8")
    assert len(page.encode()) < 3_000_000
    assert page.count("<script") == 3 and "script-src 'sha256-" in page  # the page's own, the panel's data, and what reads them
    assert "18 June 2025" in page


def test_log_density_groups_agree_with_what_the_sampler_saw(short_run: Any) -> None:
    """The stored log-likelihoods, computed in NumPy, against the model's own, at a stored draw."""
    run = open_run(short_run.folder)
    fit = run.fit("conjunctive_as_written")
    likelihood = fit["log_likelihood"].to_dataset()
    assert set(likelihood.data_vars) == {"measured", "counted", "lead", "rounds", "events", "nested"}
    assert np.isfinite(likelihood["measured"].values).all()
    assert np.isfinite(likelihood["counted"].values).all()
    assert (likelihood["rounds"].values <= 0).all() and (likelihood["lead"].values <= 0).all()


def test_a_fit_that_fails_its_gate_publishes_nothing(short_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ripeness.workflow import fit_run as fitted

    sample = fitted.sample_posterior

    def briefly(spec: Any, variant: Any, reading: str, settings: Any, *rest: Any, **options: Any) -> Any:
        return sample(spec, variant, reading, settings.model_copy(update={"tune": 40, "draws": 30}), *rest, **options)

    monkeypatch.setattr(fitted, "sample_posterior", briefly)
    kept = {path.name: path.read_bytes() for path in short_run.folder.iterdir() if path.suffix != ".nc"}
    ledger = (short_run.root / "reports" / "ledger.csv").read_bytes()
    with pytest.raises(GateError, match=r"no probability is published .*effective sample size"):
        run_forecast(Request(short_run.root, date(2025, 6, 18), refit=True))
    assert (short_run.root / "reports" / "ledger.csv").read_bytes() == ledger
    assert {name: (short_run.folder / name).read_bytes() for name in kept} == kept
    page = (short_run.folder / "failure.html").read_text("utf-8")
    failed = json.loads((short_run.folder / "failure.json").read_text("utf-8"))
    assert failed["gate"]["passed"] is False
    assert {row["source"] for row in failed["forecasts"]} <= {"outside"}
    assert any(fit["attempts"] == 2 for fit in failed["gate"]["fits"])
    assert "gate" in page


def test_an_origin_nobody_searched_is_refused(short_run: Any) -> None:
    with pytest.raises(UsageError, match="searched for up to"):
        run_forecast(Request(short_run.root, date(2030, 1, 1)))
    with pytest.raises(UsageError, match="the record begins on 2022-02-24"):
        run_forecast(Request(short_run.root, date(2021, 1, 1)))
