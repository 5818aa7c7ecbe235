"""A forecast in other forms: as a hub of the hubverse keeps it, as a brief of one page of Markdown, its main charts as files.

A hub (https://docs.hubverse.io) has model output, the tasks that it answers, and rules that output must hold:

    hub-config/admin.json, tasks.json                     by the schemas of version 6.0.0
    model-output/<model>/<origin>-<model>.csv             origin_date, target, horizon, target_end_date, output_type, output_type_id, value

Each question is a binary target, forecast as the probabilities (pmf) of "no" and "yes". Models: the headline's mixture, and the outside view. In a hub
that stands already, admin.json stays as its keeper has filled it in, and tasks.json is added to.
The brief is for a mail or a desk's notes and uses the sentences of the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from ripeness import names
from ripeness.errors import RipenessError
from ripeness.report import charts, sentences
from ripeness.report.attribution import crossed_sentences, news_sentences, scenario_sentences, waiting_sentence, watch_sentences
from ripeness.report.drawing import write_chart
from ripeness.report.figures import steps_of
from ripeness.report.ladder import ladder_table
from ripeness.report.markets import markets_section
from ripeness.report.sentences import day, forecast_of, hundredths, interval, percent
from ripeness.workspace.csv import csv_text

SCHEMAS: Final = "https://raw.githubusercontent.com/hubverse-org/schemas/main/v6.0.0"
MODELS: Final = {names.MIXTURE: "ripeness-mixture", names.OUTSIDE: "ripeness-outside"}
COLUMNS: Final = ("origin_date", "target", "horizon", "target_end_date", "output_type", "output_type_id", "value")
CATEGORIES: Final = ("no", "yes")
SLOTS: Final = ("required", "optional")  # where tasks.json has values
OUTPUT_TYPE: Final = "pmf"
DIGITS: Final = 6
TOLERANCE: Final = 1e-6  # by which probabilities of one task may miss the sum of one
FILE_NAME: Final = re.compile(r"(\d{4}-\d{2}-\d{2})-([A-Za-z0-9_]+-[A-Za-z0-9_]+)\.csv")

SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|])")  # of Markdown

Row = dict[str, str]


class HubError(RipenessError):
    """Model output that a hub would not take."""


def hub_files(summary: Mapping[str, Any], hub: Path | None = None) -> dict[str, str]:
    """Files of a hub with one round, by their paths below it; where a hub stands already, those that change or are added.

    Parameters
    ----------
    summary : mapping
        forecast.json.
    hub : Path, optional
        Its folder.

    Raises
    ------
    HubError
        If what would be written breaks a rule, or tasks.json of the hub cannot be added to.
    """
    tasks = tasks_of(summary)
    files = {"hub-config/admin.json": _json(admin_of(summary)), "hub-config/tasks.json": _json(tasks)}
    if hub is not None and (hub / "hub-config/tasks.json").exists():
        files["hub-config/tasks.json"] = _json(_added(hub / "hub-config/tasks.json", tasks))
    if hub is not None and (hub / "hub-config/admin.json").exists():
        del files["hub-config/admin.json"]
    for source, model in MODELS.items():
        rows = rows_of(summary, source)
        if not rows:
            continue
        path = f"model-output/{model}/{summary['origin']}-{model}.csv"
        faults = faults_of(path, rows, tasks)
        if faults:
            raise HubError(f"{path}: {'; '.join(faults)}")
        files[path] = _csv(rows)
    return files


def rows_of(summary: Mapping[str, Any], source: str) -> list[Row]:
    """Model output of one source: two rows for each question and horizon."""
    rows = []
    for forecast in (row for row in summary["forecasts"] if row["source"] == source):
        yes = round(float(forecast["probability"]), DIGITS)
        for category, value in zip(CATEGORIES, (1.0 - yes, yes), strict=True):
            rows.append(
                {
                    "origin_date": str(summary["origin"]),
                    "target": str(forecast["question"]),
                    "horizon": str(forecast["horizon_weeks"]),
                    "target_end_date": str(forecast["target_end_date"]),
                    "output_type": OUTPUT_TYPE,
                    "output_type_id": category,
                    "value": f"{value:.{DIGITS}f}",
                }
            )
    return rows


def tasks_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """tasks.json: which targets and horizons are asked for, and how they are to be answered."""
    mixture = [row for row in summary["forecasts"] if row["source"] == names.MIXTURE]
    targets = list(dict.fromkeys(str(row["question"]) for row in mixture))
    question = summary["question"]
    texts = {question["id"]: question["text"], **{rung["id"]: rung["text"] for rung in summary.get("rungs", [])}}
    return {
        "schema_version": f"{SCHEMAS}/tasks-schema.json",
        "rounds": [
            {
                "round_id_from_variable": True,
                "round_id": "origin_date",
                "model_tasks": [
                    {
                        "task_ids": {
                            "origin_date": {"required": None, "optional": [summary["origin"]]},
                            "target": {"required": [target], "optional": None},
                            "horizon": {
                                "required": sorted({row["horizon_weeks"] for row in mixture if row["question"] == target}),
                                "optional": None,
                            },
                            "target_end_date": {
                                "required": None,
                                "optional": sorted({row["target_end_date"] for row in mixture if row["question"] == target}),
                            },
                        },
                        "output_type": {
                            OUTPUT_TYPE: {
                                "output_type_id": {"required": list(CATEGORIES)},
                                "value": {"type": "double", "minimum": 0, "maximum": 1},
                                "is_required": True,
                            }
                        },
                        "target_metadata": [
                            {
                                "target_id": target,
                                "target_name": target.replace("_", " "),
                                "target_units": "probability",
                                "target_keys": {"target": target},
                                "target_type": "binary",
                                "is_step_ahead": True,
                                "time_unit": "week",
                                "description": texts.get(
                                    target,
                                    f"{question['sustained_rounds']} rounds or more within {question['sustained_weeks']} weeks of the horizon",
                                ),
                            }
                        ],
                    }
                    for target in targets
                ],
                "submissions_due": {"relative_to": "origin_date", "start": 0, "end": 6},
            }
        ],
        "output_type_id_datatype": "character",
        "derived_task_ids": ["target_end_date"],
    }


def _added(path: Path, tasks: Mapping[str, Any]) -> dict[str, Any]:
    """tasks.json of a hub with what a forecast answers added to it: targets, and their days and horizons; all else as it stands there."""
    try:
        known: dict[str, Any] = json.loads(path.read_text("utf-8-sig"))
        asked = known["rounds"][0]["model_tasks"]
        by_target = {name: task["task_ids"] for task in asked for slot in SLOTS for name in task["task_ids"]["target"].get(slot) or []}
        for task in tasks["rounds"][0]["model_tasks"]:
            own = by_target.get(task["task_ids"]["target"]["required"][0])
            if own is None:
                asked.append(task)
                continue
            for name in ("origin_date", "horizon", "target_end_date"):
                values = [value for slot in SLOTS for value in task["task_ids"][name][slot] or []]
                there = {slot: own[name].get(slot) or [] for slot in SLOTS}
                slot = "required" if there["required"] and not there["optional"] else "optional"
                own[name][slot] = sorted({*there[slot], *(value for value in values if value not in there["required"])})
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        mend = "restore it, or export into another folder"
        raise HubError(f"{path.name} in {path.parent.as_posix()} is no list of tasks that can be added to. To mend: {mend}") from None
    return known


def admin_of(summary: Mapping[str, Any]) -> dict[str, Any]:
    """admin.json: what the hub is called and which files it takes; whose it is must be filled in where one is set up."""
    return {
        "schema_version": f"{SCHEMAS}/admin-schema.json",
        "name": summary["title"],
        "maintainer": "Ripeness",
        "contact": {"name": "(your name)", "email": "name@example.org"},
        "repository": {"host": "github", "owner": "(your account)", "name": "(your hub)"},
        "file_format": ["csv"],
        "timezone": "Europe/London",  # the schema lists places, not UTC
    }


def faults_of(path: str, rows: Sequence[Row], tasks: Mapping[str, Any]) -> list[str]:
    """What a hub's validation would find wrong with a file of model output.

    The rules of hubValidations' `validate_submission` that can be checked on file and tasks: file name and folder, columns, values of tasks,
    categories, values that are probabilities, none twice, none missing, and that each task's probabilities add up to one.
    """
    parts = path.split("/")
    named = FILE_NAME.fullmatch(parts[-1])
    faults = []
    if not named or named[2] != parts[-2]:
        faults.append("the file's name must be <origin>-<model>.csv, in the folder of its model")
    if any(tuple(row) != COLUMNS for row in rows):
        return [*faults, f"the columns must be {', '.join(COLUMNS)}"]
    if named and {row["origin_date"] for row in rows} != {named[1]}:
        faults.append("origin_date must be that of the file's name")
    asked = {task["task_ids"]["target"]["required"][0]: task["task_ids"] for task in tasks["rounds"][0]["model_tasks"]}
    summed: dict[tuple[str, str], dict[str, float]] = {}
    for number, row in enumerate(rows, start=2):
        own = asked.get(row["target"])
        if own is None:
            faults.append(f"line {number}: '{row['target']}' is no target of tasks.json")
            continue
        if int(row["horizon"]) not in own["horizon"]["required"] or row["target_end_date"] not in own["target_end_date"]["optional"]:
            faults.append(f"line {number}: horizon or target_end_date is not asked for")
        days = (date.fromisoformat(row["target_end_date"]) - date.fromisoformat(row["origin_date"])).days
        if days != 7 * int(row["horizon"]):
            faults.append(f"line {number}: target_end_date must lie {row['horizon']} weeks after origin_date")
        if row["output_type"] != OUTPUT_TYPE or row["output_type_id"] not in CATEGORIES:
            faults.append(f"line {number}: output_type must be {OUTPUT_TYPE}, its id one of {', '.join(CATEGORIES)}")
            continue
        if not 0.0 <= float(row["value"]) <= 1.0:
            faults.append(f"line {number}: {row['value']} is no probability")
        cell = summed.setdefault((row["target"], row["horizon"]), {})
        if row["output_type_id"] in cell:
            faults.append(f"line {number}: the same task twice")
        cell[row["output_type_id"]] = float(row["value"])
    for target, own in asked.items():
        for horizon in own["horizon"]["required"]:
            cell = summed.get((target, str(horizon)), {})
            if set(cell) != set(CATEGORIES):
                faults.append(f"{target}, {horizon} weeks: a category is missing")
            elif abs(sum(cell.values()) - 1.0) > TOLERANCE:
                faults.append(f"{target}, {horizon} weeks: the probabilities add up to {sum(cell.values()):g}")
    return faults


def _csv(rows: Sequence[Row]) -> str:
    return csv_text([COLUMNS, *([row[name] for name in COLUMNS] for row in rows)])


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def plain(text: str) -> str:
    """Text of a file as Markdown shows it, letter by letter."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def write_brief(
    summary: Mapping[str, Any], attribution: Mapping[str, Any] | None = None, verdict: str | None = None, states: Sequence[str] = ()
) -> str:
    """The brief of a run.

    Parameters
    ----------
    summary : mapping
        forecast.json.
    attribution : mapping, optional
        news, scenarios and watch, those that there are, as `read_explained` gives them.
    verdict : str, optional
        What the backtest allows to be said of the model.
    states : sequence of str
        What the record says of the essay's statements on where things stand, a sentence each; the first is of all of them.

    Raises
    ------
    ValueError
        If the run did not pass its gate.
    """
    if not summary["gate"]["passed"]:
        raise ValueError("this run failed its gate: there is nothing to brief on")
    question, weeks = summary["question"], summary["headline_weeks"]
    row = forecast_of(summary, question["id"], names.MIXTURE, weeks)
    assert row is not None
    paragraphs = [sentences.answer(summary, row), sentences.why(row), sentences.state_of_talks(summary)]
    known = {name: content for name, content in (attribution or {}).items() if "reason" not in content}
    if "news" not in known:
        paragraphs.append(sentences.change(summary, row))
    if verdict:
        paragraphs.append(verdict)
    rows = [one for one in summary["forecasts"] if one["question"] == question["id"] and one["source"] == names.MIXTURE]
    table = [
        f"| {one['horizon_weeks']} weeks | {day(one['target_end_date'])} | {percent(one['probability'], one['mc_error'])} | "
        f"{interval(one['lower'], one['upper'], one['mc_error'])} | {percent(one['outside_view'], one['mc_error'])} |"
        for one in rows
    ]
    factors = sorted((one for one in summary["factors"] if one["observed"]), key=lambda one: -abs(one["now"]["mean"]))[:5]
    standing = [
        f"- {plain(one['label'])}: {hundredths(one['now']['mean'])} ({hundredths(one['now']['lower'])} to {hundredths(one['now']['upper'])}); "
        f"high means: {plain(one['plus'])}"
        for one in factors
    ]
    limits = [f"- **{plain(head)}.** {plain(text)}" for head, text in sentences.limits(summary)[:3]]
    moving = [
        f"## {head}\n\n{plain(' '.join(words))}"
        for head, words in (
            ("Why it moved", news_sentences(known["news"]) if "news" in known else []),
            ("What would move it", scenario_sentences(known["scenarios"]) if known.get("scenarios", {}).get("scenarios") else []),
            (
                "What to watch",
                [*filter(None, [*watch_sentences(known["watch"]), waiting_sentence(known["watch"])]), *crossed_sentences(known["watch"])]
                if "watch" in known
                else [],
            ),
        )
        if words
    ]
    parts = [
        f"# {plain(summary['title'])}",
        f"*As known on {day(summary['origin'])}.* **{plain(question['text'])}** **{percent(row['probability'], row['mc_error'])}** within "
        f"{weeks} weeks.",
        *paragraphs,
        "| Horizon | Until | Probability | 5–95 % | Outside view |\n|---|---|--:|--:|--:|\n" + "\n".join(table),
        *([f"## A ladder of outcomes\n\n{plain_table}"] if (plain_table := ladder_table(summary, row)) else []),
        *([f"## What markets say\n\n{of_markets}"] if (of_markets := markets_table(summary)) else []),
        *moving,
        "## Factors furthest from where they usually stand\n\nIn units of a typical departure, 5–95 %:\n\n" + "\n".join(standing),
        *(
            [f"## What the essay says of the present\n\n{plain(states[0])}\n\n" + "\n".join(f"- {plain(one)}" for one in states[1:])]
            if states
            else []
        ),
        "## What it cannot know\n\n" + "\n".join(limits),
        f"Run `{summary['run_id']}`, {summary['code_version']}; `{summary['command']}`.",
    ]
    return "\n\n".join(parts) + "\n"


def markets_table(summary: Mapping[str, Any]) -> str:
    """The bridges as a table in Markdown, with a line on the rules of each below it; empty where there are none."""
    rows = markets_section(summary)
    if not rows:
        return ""
    lines = [
        f"| {plain(one['label'])} ({one['venue']}) | {one['ours']} | {one['range']} | {one['price']} | {one['price_day']} |" for one in rows
    ]
    rules = [f"- {plain(one['label'])}: {plain(one['rules'])}" for one in rows]
    return "\n".join(["| Question | Ours | 5–95 % | Market | On |", "|---|--:|--:|--:|---|", *lines, "", *rules])


def run_charts(summary: Mapping[str, Any]) -> Iterator[tuple[str, Figure]]:
    """Name and figure of each chart of a run."""
    row = forecast_of(summary, summary["question"]["id"], names.MIXTURE, summary["headline_weeks"])
    assert row is not None
    yield "headline", charts.plot_essence(row, row["outside_view"])
    yield "steps", charts.plot_steps(steps_of(summary, row))
    if summary["hazard_past"]["weeks"]:
        yield "hazard-past", charts.plot_hazard_past(summary["hazard_past"], summary["rounds"])
    yield "hazard-ahead", charts.plot_hazard_ahead(summary["ahead"])
    yield "by-week", charts.plot_by_week(summary["ahead"])
    yield "conditions", charts.plot_conditions(summary["conditions"])


def write_charts(summary: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write every chart of a run as <name>.svg and <name>.png, and say which files these are."""
    written = []
    for name, figure in run_charts(summary):
        for form in ("svg", "png"):
            write_chart(folder / f"{name}.{form}", figure)
            written.append(folder / f"{name}.{form}")
    return written
