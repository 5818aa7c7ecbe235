"""The record on the page: what is said of forecasts issued ahead and in hindsight, the tables, and the chart with its words."""

from __future__ import annotations

import re
from typing import Any

import pytest
import xarray as xr

from ripeness.report import render_page
from ripeness.report.record import history_words, plot_history, record_section, record_sentences

PERCENT = "\u00a0%"


def section_of(page: str) -> str:
    return page.split('<h2 id="record">')[1].split("<h2 ")[0]


def chart_of(page: str) -> bool:
    return 'aria-labelledby="history-t"' in page


def emptied(record: dict[str, Any]) -> dict[str, Any]:
    zero = dict.fromkeys(("issued", "open", "resolved", "void", "due"), 0)
    return record | {
        "counts": dict.fromkeys(("ahead", "late", "hindsight"), zero),
        "scores": [],
        "resolved": [],
        "history": [],
        "versions": [],
    }


def test_ahead_and_hindsight_are_counted_apart(record: dict[str, Any]) -> None:
    lines = record_sentences(record)
    assert lines[0] == "22 forecasts issued ahead up to 30 March 2031: four open, 17 resolved and one void."
    assert lines[1].startswith("Four forecasts in hindsight") and "none open, four resolved and none void" in lines[1]
    assert (
        lines[2]
        == "Each forecast counts once, by its newest version issued ahead, or else late, or else in hindsight; the ledger has three rows with other versions."
    )
    assert lines[3].startswith("One open forecast is past the target")


def test_what_was_issued_late_is_said_apart_and_not_scored(record: dict[str, Any], summary: dict[str, Any], tree: xr.DataTree) -> None:
    record["counts"]["late"] |= {"issued": 2, "open": 1, "resolved": 1}
    (line,) = [line for line in record_sentences(record) if "issued late" in line]
    assert line.startswith("Two forecasts issued late, inside the window: one open, one resolved and none void. They are not scored")
    record["resolved"][0] |= {"issued": "late"} | dict.fromkeys(("brier", "outside_brier", "log_score", "outside_log_score"))
    row = section_of(render_page(summary, tree, record)).split("Every resolved forecast")[1].split("</tr>")[1]
    assert '<span class="badge">issued late</span>' in row and row.count(">–<") == 2


def test_other_versions_are_listed_by_forecast_in_the_order_of_issue(page: str) -> None:
    table = section_of(page).split("Other versions of these forecasts")[1].split("</table>")[0]
    first, second = re.findall(r'<th scope="row">(.*?)</tr>', table, flags=re.DOTALL)
    assert f"41{PERCENT}" in first and f"43{PERCENT}" in first and first.index("4 June 2029") < first.index("5 June 2029")
    assert "differs in code, run" in first and first.startswith("Round, 13 weeks")
    assert f"47{PERCENT}" in second and "day of issue not known" in second


def test_the_heads_of_what_is_chained_stand_on_the_page(page: str) -> None:
    section = section_of(page)
    assert f"ledger.csv, 29 rows: <code>{'a1' * 32}</code>" in section and f"resolutions.csv, 1 row: <code>{'b2' * 32}</code>" in section
    assert "bridges.csv, 3" not in section


def test_with_nothing_resolved_one_sentence_says_so(record: dict[str, Any], summary: dict[str, Any], tree: xr.DataTree) -> None:
    record["counts"]["ahead"] |= {"open": 22, "resolved": 0, "void": 0, "due": 0}
    record["counts"]["hindsight"] = dict.fromkeys(record["counts"]["hindsight"], 0)
    record |= {"scores": [], "resolved": [], "bridges": [], "versions": []}
    assert record_sentences(record)[1:] == ["None of those issued ahead is resolved yet, so nothing can be said about how good they are."]
    page = render_page(summary, tree, record)
    assert "<table" not in section_of(page) and chart_of(page)


def test_an_empty_ledger_has_no_chart(record: dict[str, Any], summary: dict[str, Any], tree: xr.DataTree) -> None:
    assert record_sentences(emptied(record)) == ["No forecast was issued up to 30 March 2031."]
    assert record_section(emptied(record))["figure"] is None
    assert not chart_of(render_page(summary, tree, emptied(record)))


def test_hindsight_alone_is_no_proof(record: dict[str, Any]) -> None:
    record["counts"]["ahead"] = dict.fromkeys(record["counts"]["ahead"], 0)
    lines = record_sentences(record)
    assert lines[0] == "No forecast was issued ahead up to 30 March 2031, so nothing can be said about how good such forecasts are."
    assert "They are no proof of foresight" in lines[1]


def test_scores_worse_than_even_odds_are_named(record: dict[str, Any]) -> None:
    assert not any("50" in line for line in record_sentences(record))
    record["scores"][0]["brier"] = 0.2501
    (line,) = [line for line in record_sentences(record) if "50" in line]
    assert line == f"Always saying 50{PERCENT} would have scored better (Brier 0.250) than these: 13 weeks, round, issued ahead (0.250)."


def test_every_resolved_forecast_has_its_row_with_outcome_and_scores(page: str, record: dict[str, Any]) -> None:
    section = section_of(page)
    rows = re.findall(
        r"<tr><th scope=\"row\">Round, 13 weeks(.*?)</tr>",
        section.split("Every resolved forecast")[1].split("</table>")[0],
        flags=re.DOTALL,
    )
    assert len(rows) == len(record["resolved"]) == 22
    void = next(row for row in rows if "<strong>void</strong>" in row)
    assert void.count(">–<") == 2 and "&lt;script&gt;" in void
    first = rows[-1]
    assert "in hindsight" in first and f"12{PERCENT}" in first and "<strong>no</strong>" in first
    assert "no round on record; one would have been found with a chance of 80 to 92&nbsp;% in the worst searched weeks" in first
    assert re.findall(r">(?:outside )?(0\.\d{3})<", first) == ["0.014", "0.040", "0.128", "0.223"]


def test_mean_scores_are_apart_for_hindsight(page: str) -> None:
    table = section_of(page).split("<summary>Mean scores")[1].split("</table>")[0]
    assert re.findall(r'data-label="Issued">([^<]+)<', table) == ["issued ahead", "in hindsight"]
    assert ">0.187<" in table and ">0.203<" in table and ">0.551<" in table and ">0.578<" in table


def test_what_the_record_says_first_is_open_and_how_it_counts_is_folded(
    record: dict[str, Any], summary: dict[str, Any], tree: xr.DataTree
) -> None:
    record["scores"][0]["brier"] = 0.2501
    opened, folded = section_of(render_page(summary, tree, record)).split("<details>")[:2]
    assert "22 forecasts issued ahead" in opened and "Always saying 50" in opened
    assert "Each forecast counts once" in folded and "Each forecast" not in opened and "Always saying 50" not in folded


def test_the_chart_has_its_words(record: dict[str, Any], page: str) -> None:
    words = history_words(record["history"], 13)
    assert words.startswith("26 forecasts over 13 weeks, by origin; the newest 8: ")
    assert words.endswith(f"30 March 2031 26{PERCENT}, outside view 20{PERCENT}, open.")
    assert f'<title id="history-t">{words}</title>' in page
    alone = history_words(record["history"][:1], 13)
    assert alone.startswith("One forecast over 13 weeks, by origin: ")
    assert alone.endswith(f"12{PERCENT}, outside view 20{PERCENT}, none on record, in hindsight.")


@pytest.mark.parametrize("outcome", ["yes", "no", "void", "open"])
def test_the_chart_marks_what_came(record: dict[str, Any], outcome: str) -> None:
    chosen = [row for row in record["history"] if row["outcome"] == outcome]
    figure = plot_history(chosen)
    axes = figure.axes[0]
    labels = [line.get_label() for line in axes.lines]
    expected = {"yes": "came: a round", "no": "came: none on record", "void": "void"}.get(outcome)
    assert [label for label in labels if label.startswith(("came", "void"))] == ([expected] if expected else [])
    if expected:
        marks = next(line for line in axes.lines if line.get_label() == expected)
        assert len(marks.get_xdata()) == len(chosen)
        edge = marks.get_ydata()[0]
        assert edge > 1 if outcome == "yes" else edge < 0


def test_hindsight_has_a_colour_of_its_own(record: dict[str, Any]) -> None:
    axes = plot_history(record["history"]).axes[0]
    colours = {line.get_label(): line.get_color() for line in axes.lines}
    record["history"][5]["issued"] = "late"
    (late,) = [line for line in plot_history(record["history"]).axes[0].lines if line.get_label() == "issued late, 5–95 %"]
    assert len(late.get_xdata()) == 1 and late.get_markerfacecolor() != late.get_color()
    assert colours["issued ahead, 5–95 %"] != colours["in hindsight, 5–95 %"]
    sizes = {line.get_label(): len(line.get_xdata()) for line in axes.lines}
    assert (sizes["issued ahead, 5–95 %"], sizes["in hindsight, 5–95 %"]) == (22, 4)
