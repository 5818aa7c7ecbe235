"""Exports: model output holds a hub's rules and breaks them where it should, the brief says the page's numbers, charts have the same bytes."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ripeness.report.exports import COLUMNS, HubError, Row, faults_of, hub_files, rows_of, tasks_of, write_brief, write_charts

PATH = "model-output/ripeness-mixture/2031-03-30-ripeness-mixture.csv"


def test_every_forecast_is_there_as_two_probabilities(summary: dict[str, Any]) -> None:
    files = hub_files(summary)
    assert {"hub-config/admin.json", "hub-config/tasks.json", PATH} <= set(files)
    rows = list(csv.DictReader(io.StringIO(files[PATH])))
    assert tuple(rows[0]) == COLUMNS
    mixture = [row for row in summary["forecasts"] if row["source"] == "mixture"]
    assert len(rows) == 2 * len(mixture)
    for forecast in mixture:
        own = {
            row["output_type_id"]: float(row["value"])
            for row in rows
            if (row["target"], row["horizon"]) == (forecast["question"], str(forecast["horizon_weeks"]))
        }
        assert own["yes"] == pytest.approx(forecast["probability"], abs=1e-6) and own["yes"] + own["no"] == pytest.approx(1.0)
    tasks = json.loads(files["hub-config/tasks.json"])
    assert tasks["rounds"][0]["round_id"] == "origin_date" and tasks["derived_task_ids"] == ["target_end_date"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": "1.2"}, "is no probability"),
        ({"value": "0.1"}, "add up to"),
        ({"output_type_id": "maybe"}, "its id one of no, yes"),
        ({"output_type_id": "yes"}, "the same task twice"),
        ({"horizon": "5"}, "not asked for"),
        ({"target": "peace"}, "'peace' is no target"),
        ({"origin_date": "2031-03-23"}, "origin_date must be that of the file's name"),
        ({"target_end_date": "2031-05-05"}, "must lie"),
    ],
    ids=lambda value: str(value),
)
def test_a_hub_would_refuse_it(summary: dict[str, Any], change: dict[str, str], words: str) -> None:
    rows, tasks = rows_of(summary, "mixture"), tasks_of(summary)
    assert faults_of(PATH, rows, tasks) == []
    broken: list[Row] = [rows[0] | change, *rows[1:]]
    assert any(words in fault for fault in faults_of(PATH, broken, tasks))


def test_a_missing_row_or_a_wrong_name_is_refused(summary: dict[str, Any]) -> None:
    rows, tasks = rows_of(summary, "mixture"), tasks_of(summary)
    assert any("a category is missing" in fault for fault in faults_of(PATH, rows[1:], tasks))
    assert any("name must be" in fault for fault in faults_of(PATH.replace("ripeness-mixture/", "other-model/"), rows, tasks))
    assert "the columns must be" in faults_of(PATH, [{"value": "1"}], tasks)[0]


def test_a_hub_that_stands_keeps_what_its_keeper_filled_in_and_is_added_to(summary: dict[str, Any], tmp_path: Path) -> None:
    def export(origin: str, move: int) -> dict[str, str]:
        rows = [
            row | {"target_end_date": str(date.fromisoformat(row["target_end_date"]) + timedelta(days=move))}
            for row in summary["forecasts"]
        ]
        files = hub_files(summary | {"origin": origin, "forecasts": rows}, tmp_path)
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        return files

    assert "hub-config/admin.json" in export(summary["origin"], 0)
    admin, tasks = tmp_path / "hub-config/admin.json", tmp_path / "hub-config/tasks.json"
    filled = admin.read_text("utf-8").replace("(your name)", "Desk of the valleys").replace("Europe/London", "Europe/Vienna")
    admin.write_text(filled, "utf-8")
    tasks.write_text(tasks.read_text("utf-8").replace('"end": 6', '"end": 3'), "utf-8")
    first = json.loads(tasks.read_text("utf-8"))["rounds"][0]["model_tasks"]

    later = str(date.fromisoformat(summary["origin"]) + timedelta(days=7))
    assert "hub-config/admin.json" not in export(later, 7)
    assert admin.read_text("utf-8") == filled
    found = json.loads(tasks.read_text("utf-8"))["rounds"][0]
    assert found["submissions_due"]["end"] == 3
    assert [task["task_ids"]["origin_date"]["optional"] for task in found["model_tasks"]] == [[summary["origin"], later]] * len(first)
    for old, new in zip(first, found["model_tasks"], strict=True):
        ends, own = old["task_ids"]["target_end_date"]["optional"], new["task_ids"]
        assert own["target_end_date"]["optional"] == sorted({*ends, *(str(date.fromisoformat(end) + timedelta(days=7)) for end in ends)})
        assert own["horizon"] == old["task_ids"]["horizon"]
    again = tasks.read_text("utf-8")
    export(later, 7)
    assert tasks.read_text("utf-8") == again

    tasks.write_text("{", "utf-8")
    with pytest.raises(HubError, match="can be added to"):
        hub_files(summary, tmp_path)


def test_the_brief_says_the_numbers_of_the_page(summary: dict[str, Any]) -> None:
    row = next(row for row in summary["forecasts"] if row["source"] == "mixture" and row["horizon_weeks"] == summary["headline_weeks"])
    brief = write_brief(summary)
    assert f"**{round(100 * row['probability'])}\u00a0%** within {summary['headline_weeks']} weeks" in brief
    row["probability"] = 0.63
    assert "**63\u00a0%**" in write_brief(summary) and "**63\u00a0%**" not in brief
    assert "It did not beat" in write_brief(summary, None, "It did not beat the outside view.")
    assert len(brief.split()) < 600  # one page
    summary["title"] = "A [war](http://x) <b>of</b> *words*"
    assert "# A \\[war\\](http://x) \\<b\\>of\\</b\\> \\*words\\*" in write_brief(summary)


def test_the_brief_says_what_is_explained(summary: dict[str, Any], stored_attribution: dict[str, Any]) -> None:
    brief, bare = write_brief(summary, stored_attribution), write_brief(summary)
    for head in ("## Why it moved", "## What would move it", "## What to watch"):
        assert head in brief and head not in bare
    assert "“Bread baked” added 3.4 points" in brief and "by 1.3 points on average" in brief and "\\<img" in brief
    stored_attribution["news"]["lines"][1]["points"] = 8.8
    assert "“Bread baked” added 8.8 points" in write_brief(summary, stored_attribution)
    assert "This is the first forecast" in bare and "This is the first forecast" not in brief
    missing = {"news": {"from": "2031-01-05", "to": "2031-03-30", "reason": "no fit"}}
    assert "This is the first forecast" in write_brief(summary, missing)


def test_the_brief_says_what_markets_say(summary: dict[str, Any]) -> None:
    brief = write_brief(summary)
    ours = "| A meeting, as the fair asks (Fair) | 12\u00a0% | 4 to 25\u00a0% | 27\u00a0% | 28 March 2031 |"
    assert "## What markets say" in brief and ours in brief
    assert "- A meeting, as the bazaar asks: A call counts too. \\<script\\>" in brief
    assert "What markets say" not in write_brief(summary | {"bridges": []})


def test_a_failed_run_has_no_brief(failed_summary: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="failed its gate"):
        write_brief(failed_summary)


def test_charts_are_the_same_bytes_each_time(summary: dict[str, Any], tmp_path: Path) -> None:
    one, two = (write_charts(summary, tmp_path / name) for name in ("one", "two"))
    assert {path.suffix for path in one} == {".svg", ".png"} and len(one) >= 10
    for first, second in zip(one, two, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
