"""Bridges on their way from fits to forecast.json, to bridges.csv and to what became of them; fits are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_up_war import make_draws
from small_workspace import HEADLINE_FITS
from typer.testing import CliRunner

from ripeness import names
from ripeness.cli.app import app
from ripeness.data.crowds import FORM
from ripeness.errors import UsageError
from ripeness.forecast.ahead import build_ahead
from ripeness.forecast.bridges import bridge_probabilities
from ripeness.ledger import BRIDGES_FILE, clock, read_bridge_forecasts
from ripeness.report import page
from ripeness.reweighting.weights import Weights
from ripeness.workflow import fit_run, issue, reweight_run
from ripeness.workflow.new_run import Answer, BridgeAnswer, answer_of
from ripeness.workflow.request import Request, open_workspace
from ripeness.workflow.run import PAGE, Run
from ripeness.workflow.summary import bridge_rows
from ripeness.workspace.config import Mixture
from ripeness.workspace.question import Bridge

ORIGIN = date(2025, 2, 19)
SOURCES = [(names.MIXTURE, HEADLINE_FITS), (HEADLINE_FITS[0], HEADLINE_FITS[:1]), (names.OUTSIDE, (names.OUTSIDE,))]


def bridge_of(name: str, by: date) -> Bridge:
    return Bridge(
        id=name, label=name, text="Will it come about?", venue="Fair", market=f"fair:{name}", rung="halt", by=by, rules="None to speak of."
    )


def priced(*prices: tuple[date, str, float]) -> Any:
    rows = [{"date": pd.Timestamp(day), "market": market, "probability": p, "source": "fair", "note": ""} for day, market, p in prices]
    return SimpleNamespace(origin=ORIGIN, crowds=pd.DataFrame(rows, columns=list(FORM.types)).astype(FORM.types))


def fits_of(*means: float) -> Any:
    """Made-up fits of the headline, each with draws about a mean, and an outside view without bridges."""
    fits: dict[str, Any] = {names.OUTSIDE: SimpleNamespace(bridges={})}
    for name, mean in zip(HEADLINE_FITS, means, strict=True):
        draws = np.linspace(mean - 0.05, mean + 0.05, 101)[:, None]
        answer = Answer(draws, np.array([mean]), np.array([0.01]))
        fits[name] = SimpleNamespace(bridges={"soon": BridgeAnswer(answer, np.full(101, mean / 2))})
    return fits


def test_a_bridge_is_mixed_as_forecasts_are_and_stands_beside_the_newest_price_up_to_the_origin(spec: Any) -> None:
    bridges = (bridge_of("past", ORIGIN), bridge_of("soon", date(2025, 4, 30)), bridge_of("far", date(2026, 1, 1)))
    mixture = Mixture(substitutable=0.25, tempered=0.5, rationale="made up")
    asked = replace(spec, workspace=replace(spec.workspace, bridges=bridges, mixture=mixture))
    prices = priced((date(2025, 2, 1), "fair:soon", 0.5), (date(2025, 2, 19), "fair:soon", 0.4), (date(2025, 2, 20), "fair:soon", 0.9))
    (row,) = bridge_rows(asked, prices, fits_of(0.2, 0.3, 0.4, 0.5), SOURCES)
    assert (row["id"], row["by"], row["rung"], row["venue"], row["market"]) == ("soon", "2025-04-30", "halt", "Fair", "fair:soon")
    assert row["price"] == {"date": "2025-02-19", "probability": 0.4, "note": ""}
    assert row["outside_view"] == pytest.approx(0.15)
    assert [one["source"] for one in row["forecasts"]] == [names.MIXTURE, HEADLINE_FITS[0]]
    mixed, single = row["forecasts"]
    assert (mixed["probability"], single["probability"]) == (pytest.approx(0.3), pytest.approx(0.2))
    assert mixed["mc_error"] == pytest.approx(0.01 * np.sqrt(2 * 0.375**2 + 2 * 0.125**2))
    assert (mixed["lower"], mixed["upper"]) == (pytest.approx(0.163, abs=3e-3), pytest.approx(0.51, abs=3e-3))
    json.dumps(row)
    assert bridge_rows(asked, priced(), fits_of(0.2, 0.3, 0.4, 0.5), SOURCES)[0]["price"] is None


def test_an_answer_has_the_error_of_the_mean_of_what_was_seen() -> None:
    values = np.random.default_rng(1).uniform(size=(4, 200, 1))
    answer = answer_of(values, values / 2)
    assert answer.draws.shape == (800, 1) and answer.mean[0] == pytest.approx(values.mean() / 2)
    assert answer.error[0] == pytest.approx(values.std() / 2 / np.sqrt(800), rel=0.2)


def test_weighted_draws_say_of_a_bridge_what_a_new_fit_of_them_would(spec: Any) -> None:
    state = np.zeros((40, 12))
    state[:, [2, 11]] = 0.5
    ahead = build_ahead(spec, names.CONJUNCTIVE, make_draws(spec, np.random.default_rng(3), 40), [], 8, np.random.SeedSequence(2), state)
    asked, seed = (
        replace(spec, workspace=replace(spec.workspace, bridges=(bridge_of("soon", date(2025, 4, 30)),))),
        np.random.SeedSequence(4),
    )
    within = bridge_probabilities(asked, ahead, seed).within[:, 0]
    fitted = fit_run._look_at_bridges(asked, ahead, (2, 20), seed)["soon"]
    even, everyone = Weights(np.full(40, 1 / 40), 0.1, 40.0), np.arange(40)
    weighted = reweight_run._look_at_bridges(asked, ahead, even, everyone, seed)["soon"]
    for found in (fitted, weighted):
        assert found.answer.mean == pytest.approx([within.mean()])
        assert found.answer.draws.shape == (40, 1) and found.base.shape == (40,)
    np.testing.assert_allclose(weighted.answer.draws, fitted.answer.draws)
    np.testing.assert_array_equal(weighted.base, fitted.base)
    assert weighted.answer.error == pytest.approx([within.std() / np.sqrt(40)])
    alone = Weights(np.eye(40)[7], 0.1, 1.0)
    one = reweight_run._look_at_bridges(asked, ahead, alone, np.full(40, 7), seed)["soon"]
    assert one.answer.mean == pytest.approx([within[7]]) and one.answer.error == pytest.approx([0.0], abs=1e-12)
    np.testing.assert_allclose(one.answer.draws[:, 0], within[7])
    np.testing.assert_array_equal(one.base, fitted.base[7])


MARKET = "polymarket:russia-x-ukraine-ceasefire-agreement-by-december-31-2026"


@pytest.fixture
def report(copied_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Issue a made-up forecast of one bridge; returns the summary and the record that the page was given."""
    workspace = open_workspace(copied_workspace).workspace
    bridge = next(bridge for bridge in workspace.bridges if bridge.market == MARKET)

    def run(origin: date, probability: float, run_id: str = "a" * 12, today: date = date(2026, 10, 4)) -> Any:
        told = {"source": names.MIXTURE, "probability": probability, "lower": probability / 2, "upper": 2 * probability, "mc_error": 0.001}
        summary = {"run_id": run_id, "origin": origin.isoformat(), "essay": {"date": "2025-06-18"}, "forecasts": []}
        summary |= {"bridges": [bridge.model_dump(mode="json") | {"outside_view": 0.1, "forecasts": [told], "price": None}]}
        folder = copied_workspace / "reports" / origin.isoformat()
        stored = Run(folder, {"run_id": run_id, "origin": origin.isoformat(), "base": None}, summary)
        stored.__dict__["tree"] = None  # no draws are drawn
        monkeypatch.setattr(issue, "obtain_forecast", lambda *_: stored)
        monkeypatch.setattr(issue, "attribute_forecast", lambda *_: {})
        monkeypatch.setattr(page, "render_page", lambda summary, _tree, record, *_: json.dumps([summary, record]))
        with monkeypatch.context() as then:
            then.setattr(issue, "newest_day", lambda _: origin)
            then.setattr(clock, "day_of_issue", lambda: today)
            issue.run_report(Request(copied_workspace, origin))
        return json.loads((folder / PAGE).read_text("utf-8"))

    return run


def test_a_clock_behind_what_was_issued_of_a_bridge_issues_nothing(report: Any, copied_workspace: Path, tree_of: Any) -> None:
    report(date(2026, 10, 4), 0.2, today=date(2026, 10, 6))
    before = tree_of(copied_workspace)
    with pytest.raises(UsageError, match=r"a row of reports/ was written on 2026-10-06"):
        report(date(2026, 10, 4), 0.3, today=date(2026, 10, 5))
    assert tree_of(copied_workspace) == before


def test_what_is_issued_is_added_with_the_price_on_file_and_settled_when_its_day_has_passed(report: Any, copied_workspace: Path) -> None:
    reports, prices = copied_workspace / "reports", copied_workspace / "data" / "crowds.csv"
    summary, record = report(date(2026, 10, 4), 0.2)
    assert summary["bridges"][0]["price"]["date"] == "2026-09-25" and summary["bridges"][0]["price"]["probability"] == 0.225
    (row,) = read_bridge_forecasts(reports)
    assert (row.bridge, row.market, row.by, row.price, row.price_on) == (
        "ceasefire_agreement_2026",
        MARKET,
        date(2026, 12, 31),
        0.225,
        date(2026, 9, 25),
    )
    assert [one["outcome"] for one in record["bridges"]] == ["open"]
    before = (reports / BRIDGES_FILE).read_bytes()
    report(date(2026, 10, 4), 0.2, run_id="b" * 12)
    assert (reports / BRIDGES_FILE).read_bytes() == before
    report(date(2026, 9, 6), 0.3)
    assert read_bridge_forecasts(reports)[1].price_on == date(2026, 9, 5), "nothing later than the origin"
    prices.write_text(prices.read_text("utf-8") + f"2027-01-01,{MARKET},0,polymarket.com,settled\n", "utf-8")
    later = "2027-01-03"
    rows = (copied_workspace / "data" / "coverage.csv").read_text("utf-8")
    assert rows.splitlines()[-1].split(",")[1] == "2026-10-09"
    (copied_workspace / "data" / "coverage.csv").write_text(rows + f"2026-10-10,{later},0.9,0.99,{later},\n", "utf-8")
    output = CliRunner().invoke(app, ["resolve", "--workspace", str(copied_workspace), "--json"])
    settled = json.loads(output.stdout)["bridges"]
    assert [(one["origin"], one["issued"], one["outcome"]) for one in settled] == [
        ("2026-10-04", "ahead", "no"),
        ("2026-09-06", "late", "no"),  # the record had gone on by then
    ]
    assert (settled[0]["brier"], settled[0]["market_brier"]) == (pytest.approx(0.04), pytest.approx(0.225**2))
    shown = CliRunner().invoke(app, ["resolve", "--workspace", str(copied_workspace)]).stdout
    assert "What markets asked" in shown and "0.040" in shown and "0.051" in shown
    assert report(date(2026, 10, 4), 0.2)[1]["bridges"][0]["outcome"] == "open", "the page knows what was known on its day"


def test_a_spoilt_file_of_bridges_is_refused_before_anything_is_issued(report: Any, copied_workspace: Path, tree_of: Any) -> None:
    report(date(2026, 10, 4), 0.2)
    path = copied_workspace / "reports" / BRIDGES_FILE
    path.write_text(path.read_text("utf-8").replace("0.200000", "2.0"), "utf-8")
    before = tree_of(copied_workspace / "reports")
    with pytest.raises(Exception, match=r"bridges\.csv, line 2: found probability '2\.0'"):
        report(date(2026, 10, 4), 0.3)
    assert tree_of(copied_workspace / "reports") == before
