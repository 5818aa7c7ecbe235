"""The brief: the forecast on one page of Markdown, for a mail or a desk's notes, in the sentences of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ripeness import names
from ripeness.report import sentences
from ripeness.report.moves import news_said
from ripeness.report.scenarios import scenarios_said
from ripeness.report.sentences import day, forecast_of, hundredths, interval, percent
from ripeness.report.watch import crossed_said, watch_said

SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|])")


def plain(text: str) -> str:
    """Text of a file as Markdown shows it, letter by letter."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def write_brief(summary: Mapping[str, Any], explained: Mapping[str, Any] | None = None, verdict: str | None = None) -> str:
    """The brief of a run.

    Parameters
    ----------
    summary : mapping
        forecast.json.
    explained : mapping, optional
        news, scenarios and watch, those that there are, as `read_explained` gives them.
    verdict : str, optional
        What the backtest allows to be said of the model.

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
    said = [sentences.answer(summary, row), sentences.why(row), sentences.state_of_talks(summary)]
    told = {name: content for name, content in (explained or {}).items() if "reason" not in content}
    if "news" not in told:
        said.append(sentences.change(summary, row))
    if verdict:
        said.append(verdict)
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
            ("Why it moved", news_said(told["news"]) if "news" in told else []),
            ("What would move it", scenarios_said(told["scenarios"]) if told.get("scenarios", {}).get("scenarios") else []),
            ("What to watch", [*watch_said(told["watch"]), *crossed_said(told["watch"])] if "watch" in told else []),
        )
        if words
    ]
    parts = [
        f"# {plain(summary['title'])}",
        f"*As known on {day(summary['origin'])}.* **{plain(question['text'])}** **{percent(row['probability'], row['mc_error'])}** within "
        f"{weeks} weeks.",
        *said,
        "| Horizon | Until | Probability | 5–95 % | Outside view |\n|---|---|--:|--:|--:|\n" + "\n".join(table),
        *moving,
        "## Factors furthest from where they usually stand\n\nIn units of a typical departure, 5–95 %:\n\n" + "\n".join(standing),
        "## What it cannot know\n\n" + "\n".join(limits),
        f"Run `{summary['run_id']}`, {summary['code_version']}; `{summary['command']}`.",
    ]
    return "\n\n".join(parts) + "\n"
