"""News between forecasts of the short run: the lines add up, say what changed and nothing else, and refuse what is no forecast."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ripeness.attribution import news as news_of
from ripeness.attribution.news import decompose_change, share_out
from ripeness.errors import UsageError
from ripeness.ledger import append_entries, read_ledger
from ripeness.report.attribution import news_sentences
from ripeness.reweighting import refusals as reasons
from ripeness.reweighting.reweighted import look_ahead
from ripeness.workflow import issue
from ripeness.workflow import news as workflow_news
from ripeness.workflow.forecasts import base_of, unfitted_priors
from ripeness.workflow.issue import attribute_forecast, run_report
from ripeness.workflow.news import NEWS, NEWS_FIGURE, run_news
from ripeness.workflow.request import Request, open_workspace
from ripeness.workflow.run import open_run, quiet

FROM, TO = "2025-06-18", "2025-06-29"


@pytest.fixture(scope="module")
def news_run(short_run: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """`ripeness news` over eleven days, in a copy of the short run's workspace; so few draws have an error that is let pass."""
    root = tmp_path_factory.mktemp("news") / "workspace"
    shutil.copytree(short_run.root, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reasons, "LARGEST_ERROR", 1.0)
        run_report(Request(root, date.fromisoformat(TO)))
        return root, run_news(Request(root), FROM, TO, quiet)


@pytest.fixture(autouse=True)
def any_error_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few draws have a Monte Carlo error that would ask for a new fit."""
    monkeypatch.setattr(reasons, "LARGEST_ERROR", 1.0)


def test_lines_and_residual_add_up(news_run: tuple[Path, dict[str, Any]]) -> None:
    root, news = news_run
    forecasts = [open_run(root / "reports" / day).summary["forecasts"] for day in (FROM, TO)]
    before, after = (
        next(row["probability"] for row in rows if row["source"] == "mixture" and row["horizon_weeks"] == 13 and row["question"] == "round")
        for rows in forecasts
    )
    assert news["total_points"] == pytest.approx(100 * (after - before), abs=1e-9)
    assert sum(line["points"] for line in news["lines"]) + news["residual_points"] == pytest.approx(news["total_points"], abs=1e-12)
    # the same draws on either path: what is left is Monte Carlo error alone
    assert abs(news["residual_points"]) < 3 * max(line["mcse"] for line in news["lines"]) * len(news["lines"]) ** 0.5


def test_each_line_is_a_cause_with_its_two_parts(news_run: tuple[Path, dict[str, Any]]) -> None:
    _, news = news_run
    kinds = [line["kind"] for line in news["lines"]]
    assert kinds.count("time") == 1 and "rows" in kinds and set(kinds) <= {"time", "rows", "revision", "events"}
    for line in news["lines"]:
        assert line["mcse"] > 0
        if line["kind"] != "time":
            assert line["factors"] + line["parameters"] == pytest.approx(line["points"], abs=1e-9)
    assert len({line["label"] for line in news["lines"]}) == len(news["lines"])


def test_each_line_is_exact_or_says_over_how_many_orders_it_is_averaged(news_run: tuple[Path, dict[str, Any]]) -> None:
    lines = news_run[1]["lines"]
    exact = len(lines) <= 7
    assert {line.get("pairs", 0) for line in lines} == ({0} if exact else {max(4, 128 // (2 * len(lines)))})
    assert all(2 < line["df"] <= 22 for line in lines) and (not exact or {line["df"] for line in lines} == {19.0})


def test_a_round_is_a_cause_that_time_comes_before(short_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the round of 23 July 2025, from the draws of the fit of 18 June."""
    monkeypatch.setattr(reasons, "LARGEST_KHAT", 2.0)
    inputs, fit = open_workspace(short_run.root), open_run(short_run.folder)
    asked: list[Any] = []

    def share_and_ask(causes: int, step: Any, seed: Any, before: Any) -> Any:
        others = frozenset(range(causes - 1))
        steps = step(frozenset(), 0), step(others, causes - 1), step(frozenset(), 1), step(frozenset({0}), 1)
        asked.extend([causes, before, *(100 * float(one[0, 0]) for one in steps)])
        return share_out(causes, step, seed, most=1, before=before)

    held: dict[tuple[date, int], set[int]] = {}

    def look_and_hold(spec: Any, stored: Any, updated: Any, announcements: Any, paths: int, seed: Any, hold: Any) -> Any:
        """Notes of how many factors the paths of a week ahead are held."""
        for week in (1, 5, 6):
            factors = np.zeros((len(stored.state), paths, len(spec.workspace.factors)))
            hold(week, factors)
            held.setdefault((spec.panel.origin, week), set()).add(int(factors.any(axis=(0, 1)).sum()))
        return look_ahead(spec, stored, updated, announcements, paths, seed, hold)

    monkeypatch.setattr(news_of, "share_out", share_and_ask)
    monkeypatch.setattr(news_of, "look_ahead", look_and_hold)
    earlier, later = (inputs.vintage(date.fromisoformat(day)) for day in (FROM, "2025-07-27"))
    moved = decompose_change(inputs.workspace, unfitted_priors(inputs), base_of(fit), earlier, later, 1)
    causes, before, first, last, hindsight, afterwards = asked
    by_kind = {line.kind: line for line in moved.lines}
    assert before == (0, causes - 1) and len(moved.lines) == causes
    assert by_kind["rounds"].label.startswith("round held (2025-07-23)")
    assert by_kind["time"].label == "39 days apart from the rounds held" and by_kind["time"].days == 39
    assert sum(line.points for line in moved.lines) == pytest.approx(100 * (moved.after - moved.before), abs=1e-9)
    assert moved.before == pytest.approx(fit.headline["probability"], abs=0.03)
    assert by_kind["rounds"].points > 10  # a silence of seven weeks came to an end
    # neither is first or last: what time does by itself, or a round on top of all, is not their line
    assert by_kind["time"].points != pytest.approx(first, abs=1e-6) and by_kind["rounds"].points != pytest.approx(last, abs=1e-6)
    # values of weeks that have not passed speak of the earlier window
    assert hindsight != 0.0 and hindsight != pytest.approx(afterwards, abs=1e-6)
    assert all(held[earlier.origin, week] > {0, 1} for week in (1, 5)) and held[earlier.origin, 6] == {0}
    assert all(held[later.origin, week] == {0} for week in (1, 5, 6))


def test_news_is_stored_with_its_figure_and_printed_in_a_paragraph(news_run: tuple[Path, dict[str, Any]]) -> None:
    root, news = news_run
    folder = root / "reports" / TO
    stored = json.loads((folder / NEWS).read_text("utf-8"))
    assert stored["total_points"] == pytest.approx(news["total_points"]) and len(stored["lines"]) == len(news["lines"])
    assert (folder / NEWS_FIGURE).read_text("utf-8").count("<svg") == 1
    text = " ".join(news_sentences(news))
    assert text.startswith("From 18 June 2025 to 29 June 2025 the chance of a round within 13 weeks")
    news = json.loads(json.dumps(news))
    news["lines"][0]["points"], news["lines"][0]["mcse"] = 7.3, 0.1
    assert "7.3" in " ".join(news_sentences(news)) and "7.3" not in text


def test_a_report_explains_once_and_needs_no_fit(news_run: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    root, news = news_run
    folder = root / "reports" / TO
    inputs, run = open_workspace(root), open_run(folder)
    stored = {name: (folder / name).read_bytes() for name in (NEWS, "scenarios.json", "watch.json")}
    with monkeypatch.context() as patch:  # unchanged: nothing is explained again
        patch.setattr(issue, "origin_of", None)
        patch.setattr(workflow_news, "news_without_fit", None)
        assert attribute_forecast(inputs, run, quiet)["news"]["total_points"] == pytest.approx(news["total_points"])
    (folder / NEWS).unlink()
    again = attribute_forecast(inputs, run, quiet)  # since the ledger's last forecast of an earlier day, from the draws that are stored
    assert {name: (folder / name).read_bytes() for name in stored} == stored
    assert again["scenarios"]["inverse"]["probability"] == 0.5 and again["watch"]["releases"]
    path = root / "priors" / "scenarios.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace('Russia breaks through"', 'The front moves"'), "utf-8")
    assert attribute_forecast(inputs, run, quiet)["scenarios"]["scenarios"][0]["title"] == "The front moves"
    path.unlink()
    assert "scenarios" not in attribute_forecast(inputs, run, quiet)
    path.write_text(text, "utf-8")


def test_the_same_again_moves_nothing(news_run: tuple[Path, dict[str, Any]]) -> None:
    root, _ = news_run
    news = run_news(Request(root), TO, TO, quiet)
    assert (news["lines"], news["total_points"], news["residual_points"]) == ([], 0.0, 0.0)


def test_a_run_of_the_ledger_with_other_inputs_has_a_line_for_that(news_run: tuple[Path, dict[str, Any]]) -> None:
    root, plain = news_run
    entries = [entry for entry in read_ledger(root / "reports") if entry.origin.isoformat() == TO]
    append_entries(root / "reports", [replace_run(entry) for entry in entries])
    news = run_news(Request(root), FROM, "feedbeef", quiet)
    made = [line for line in news["lines"] if line["kind"] == "made"]
    assert len(made) == 1 and made[0]["points"] == pytest.approx(-100 * (plain["to"]["probability"] - 0.5), abs=1e-3)
    assert news["to"] == {"origin": TO, "probability": 0.5, "run_id": "feedbeef0000"}
    assert sum(line["points"] for line in news["lines"]) + news["residual_points"] == pytest.approx(news["total_points"], abs=1e-12)


def replace_run(entry: Any) -> Any:
    """The same forecast issued by another program, which gave every horizon one half."""
    if hasattr(entry, "model_copy"):
        return entry.model_copy(update={"run_id": "feedbeef0000", "probability": 0.5, "lower": 0.4, "upper": 0.6, "code_version": "0"})
    return replace(entry, run_id="feedbeef0000", probability=0.5, lower=0.4, upper=0.6, code_version="0")


@pytest.mark.parametrize(
    ("earlier", "later", "words"),
    [("never", TO, "'never' is no day"), (TO, FROM, "name the earlier forecast first"), ("abcdef123456", TO, "no run of the ledger")],
)
def test_what_is_no_forecast_is_refused(news_run: tuple[Path, dict[str, Any]], earlier: str, later: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        run_news(Request(news_run[0]), earlier, later, quiet)
