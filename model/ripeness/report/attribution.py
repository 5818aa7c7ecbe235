"""Why the forecast moved, what would move it and what to watch: stored news, scenarios and releases as sentences, rows of tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import hypot, inf, log
from textwrap import fill
from typing import Any, Final

from matplotlib.figure import Figure
from scipy.special import stdtrit

from ripeness.report.drawing import FAINT, GRID, INK, MAIN, SECOND, WIDE, both_widths, chart, label_rows, one_width, write_text
from ripeness.report.sentences import (
    LEAST_POINTS,
    PER_CENT,
    bare_value,
    count,
    day,
    hundredths,
    join,
    least_points,
    number,
    observed_value,
    parse_day,
    percent,
    points,
    quoted,
    sentence,
    share,
    signed_points,
    tenths,
)

Json = Mapping[str, Any]
NAMED: Final = 3  # causes of a change named one by one
CAUSES: Final = ("rows", "revision", "events", "rounds")
GREY: Final = ("time", "made", "refit")  # lines that are no news
LETTERS: Final = 5  # of a label, to an inch of a chart's width
SHOWN: Final = 5  # rows of what to watch above the fold
PLAUSIBLE: Final = 0.01  # a scenario above the fold: at least this share of the model's futures goes as far
SOON: Final = timedelta(days=7)


def attribution_sections(attribution: Json, summary: Json) -> dict[str, Any]:
    """Sections of the page by name, `moves`, and for its first screen the sentences `since` and `next`, empty where nothing can be said.

    Parameters
    ----------
    attribution : mapping
        news, scenarios and watch, those that there are, as `attribute_forecast` gives them.
    summary : mapping
        forecast.json.
    """
    found: dict[str, Any] = {"since": "", "next": "", "moves": moves(attribution)}
    if "news" in attribution:
        found["news"] = news_section(attribution["news"])
        if "reason" not in attribution["news"]:
            found["since"] = since_sentence(attribution["news"])
    if attribution.get("scenarios", {}).get("scenarios"):
        found["scenarios"] = scenarios_section(attribution["scenarios"], summary)
    if "watch" in attribution:
        found["watch"] = watch_section(attribution["watch"])
        found["next"] = next(iter(announcement_sentences(attribution["watch"])), next_sentence(attribution["watch"]))
    return found


# --- News -------------------------------------------------------------------------------------------------------------------------------


def news_section(news: Json) -> dict[str, Any]:
    """What the page shows of the news: sentences, the waterfall, and a row for each line.

    Parameters
    ----------
    news : mapping
        news.json; or from, to and reason, where it takes a new fit, with weeks_a_fit where it takes several.
    """
    if "reason" in news:
        several = f"several new fits, about one for each {count(news['weeks_a_fit'], 'week')}" if "weeks_a_fit" in news else "a new fit"
        return {"missing": news, "needed": several}
    sentences = news_sentences(news)
    rows = [
        {name: hundredths(line[name]) if name in line else "" for name in ("points", "factors", "parameters")}
        | {"label": line["label"], "mcse": f"{line['mcse']:.2f}", "clear": _is_clear(line)}
        for line in news["lines"]
    ]
    return {
        "sentences": sentences,
        "figure": both_widths("news", " ".join(sentences), lambda width: plot_news(news, width)) if news["lines"] else None,
        "rows": rows,
        "orders": orders_sentence(news),
        "total": hundredths(news["total_points"]),
        "residual": hundredths(news["residual_points"]),
    }


def since_sentence(news: Json) -> str:
    """The change in one sentence: since when, how far, and the two lines that did most."""
    start, end, total = news["from"], news["to"], news["total_points"]
    if abs(total) < LEAST_POINTS:
        head = f"Since {day(start['origin'])} the chance has stayed at {tenths(end['probability'])}"
    else:
        way = "risen" if total > 0 else "fallen"
        head = f"Since {day(start['origin'])} the chance has {way} by {points(total)}, from {tenths(start['probability'])} to {tenths(end['probability'])}"
    clear = sorted((line for line in news["lines"] if _is_clear(line)), key=lambda line: -abs(line["points"]))[:2]
    if not clear:
        return head + ("; no single cause stands out from the chance error of the computation." if news["lines"] else ".")
    return f"{head}: {join([_effect_of(line) for line in clear])}."


def news_sentences(news: Json) -> list[str]:
    """The change in a paragraph: how far, what time did, the clear causes, what the others add up to, and what is left."""
    start, end, total = news["from"], news["to"], news["total_points"]
    change = "stayed" if abs(total) < LEAST_POINTS else "rose" if total > 0 else "fell"
    head = (
        f"From {day(start['origin'])} to {day(end['origin'])} the chance of a round within {count(news['horizon_weeks'], 'week')} "
        f"{change} {'at' if change == 'stayed' else 'from'} {tenths(start['probability'])}"
    )
    found = [head + ("." if change == "stayed" else f" to {tenths(end['probability'])} ({signed_points(total)} points).")]
    time = [line for line in news["lines"] if line["kind"] == "time"]
    if time:
        passed = sum(line["points"] for line in time)
        held = any(line["kind"] == "rounds" for line in news["lines"])
        found.append(f"The passing of time, {'apart from the rounds held' if held else 'in which no round was found'}, {_did(passed)}.")
    causes = [line for line in news["lines"] if line["kind"] in CAUSES]
    clear = [line for line in causes if _is_clear(line)]
    if clear:
        found.append(sentence(join([_effect_of(line) for line in clear[:NAMED]])) + ".")
    if len(clear) > NAMED:
        more = sum(line["points"] for line in clear[NAMED:])
        found.append(f"{sentence(count(len(clear) - NAMED, 'further cause'))} did less: {signed_points(more)} points in all.")
    unclear = [line for line in causes if line not in clear]
    if unclear:
        rest = signed_points(sum(line["points"] for line in unclear))
        found.append(
            f"{sentence(count(len(unclear), 'cause'))} moved it by no more than the chance error of the computation: {rest} points in all."
        )
    for line in news["lines"]:
        if line["kind"] in ("made", "refit"):
            found.append(f"{sentence(line['label'])}: {signed_points(line['points'])} points.")
    found.append(
        f"What is left, {signed_points(news['residual_points'])} points, is chance error of the computation and what new fits have learned."
    )
    return found


def orders_sentence(news: Json) -> str:
    """Whether lines are exact means over all orders of the causes, or over how many."""
    drawn = [line["pairs"] for line in news["lines"] if "pairs" in line]
    if not drawn:
        return "Each line is the mean over all orders in which the causes could have become known."
    return (
        f"Each line is the mean over {count(min(drawn), 'order')} in which the causes could have become known, drawn at random, and their reverses; "
        "its error says what that leaves open."
    )


def plot_news(news: Json, width: float = WIDE) -> Figure:
    """The change as a waterfall: from the earlier forecast, line by line, to the later one.

    Parameters
    ----------
    news : mapping
        news.json.
    width : float
        Inches.
    """
    clear = [line for line in news["lines"] if _is_clear(line) or line["kind"] not in CAUSES]
    rest = [line for line in news["lines"] if line not in clear]
    steps = [(line["label"], line["points"], line["mcse"], FAINT if line["kind"] in GREY else None) for line in clear]
    if rest:
        error = hypot(*(line["mcse"] for line in rest))
        steps.append((count(len(rest), "unclear cause"), sum(line["points"] for line in rest), error, None))
    steps.append(("Chance error and new fits", news["residual_points"], 0.0, GRID))
    labels = [
        f"Forecast of {day(news['from']['origin'])}",
        *(fill(sentence(step[0]), int(LETTERS * width)) for step in steps),
        f"Forecast of {day(news['to']['origin'])}",
    ]
    at = 100 * news["from"]["probability"]
    with chart(width, 0.8 + _height(labels, 0.17, 0.14)) as (figure, axes):
        axes.plot([at], [0], "D", color=INK, markersize=5)
        for place, (_, change, error, colour) in enumerate(steps, start=1):
            axes.barh(place, change, left=at, height=0.6, color=colour or (MAIN if change > 0 else SECOND))
            axes.hlines(place, at + change - error, at + change + error, color=INK, linewidth=0.8)
            axes.vlines(at + change, place - 0.3, place + 1.3, color=FAINT, linewidth=0.6)
            at += change
        axes.plot([100 * news["to"]["probability"]], [len(steps) + 1], "D", color=INK, markersize=5)
        axes.use_sticky_edges = False  # a margin beyond the last bar, too
        axes.margins(x=0.06)
        label_rows(axes, labels)
        axes.set_xlabel(f"chance of a round within {news['horizon_weeks']} weeks, per cent")
    return figure


def _height(labels: list[str], row: float, line: float) -> float:
    """Inches that labelled rows take, by their lines."""
    return row * len(labels) + line * sum(1 + label.count("\n") for label in labels)


def _is_clear(line: Json) -> bool:
    """Whether a line is more than its error can be: zero outside its 95 % interval, Student-t where the error has few degrees of freedom."""
    return bool(abs(line["points"]) > stdtrit(line.get("df", inf), 0.975) * line["mcse"] and abs(line["points"]) >= LEAST_POINTS)


def _effect_of(line: Json) -> str:
    """A line and what it did, as a clause; titles of indicators in quotes."""
    return f"{quoted(line['label']) if line['kind'] in ('rows', 'revision') else line['label']} {_did(line['points'])}"


def _did(change: float) -> str:
    if abs(change) < LEAST_POINTS:
        return "changed nothing to speak of"
    return f"{'added' if change > 0 else 'took away'} {points(change)}"


# --- What would move it -----------------------------------------------------------------------------------------------------------------


def moves(attribution: Json) -> list[dict[str, str]]:
    """What would move the headline: meetings announced, then scenarios that are plausible, in each the most moving first.

    Returns
    -------
    list of dict
        what, then, change, range and often (empty where there is none), in words.
    """
    found = [
        {
            "what": f"{_meeting(one)} is announced today, {count(one['lead_days'], 'day')} ahead",
            "then": percent(one["probability"]),
            "change": signed_points(one["points"]),
            "range": "",
            "often": "" if one["chance"] is None else f"within a week with a chance of {percent(one['chance'])}",
        }
        for one in sorted(attribution.get("watch", {}).get("announcements", []), key=lambda one: -abs(one["points"]))
    ]
    stored = attribution.get("scenarios", {})
    plausible = [one for one in stored.get("scenarios", []) if one["plausible"] >= PLAUSIBLE]
    plausible.sort(key=lambda one: -abs(at(one, stored["headline_weeks"])["change"]))
    return found + [
        {"what": one["title"], "then": cell["scenario"], "change": cell["change"], "range": cell["range"]}
        | {"often": f"{share(one['plausible'])} of the model’s futures go as far by themselves"}
        for one, cell in ((one, _cell(at(one, stored["headline_weeks"]))) for one in plausible)
    ]


def _meeting(announcement: Json) -> str:
    """What would be announced: "A meeting accepted by both sides"."""
    return "A meeting of leaders" if announcement["class"] == "leaders" else f"A meeting {announcement['class_label']}"


# --- Scenarios --------------------------------------------------------------------------------------------------------------------------


def scenarios_section(stored: Json, summary: Json) -> dict[str, Any]:
    """What the page shows of scenarios, those that raise the chance most first.

    Parameters
    ----------
    stored : mapping
        scenarios.json.
    summary : mapping
        forecast.json, for the labels of conditions.

    Returns
    -------
    dict
        sentences, together; horizons: weeks of the columns; rows, as_forecast: of the table; figure; inverse: sentence and rows, or None.
    """
    weeks, ranked, titles = headline_and_next(stored), by_change(stored), _by_id(stored)
    rows = [
        {"id": one["id"], "title": one["title"], "claims": one["claims"], "citations": [], "rationale": one["rationale"]}
        | {"parts": [titles[part]["title"] for part in one["includes"]], "plausible": share(one["plausible"])}
        | {"cells": [_cell(at(one, horizon)) for horizon in weeks]}
        for one in ranked
    ]
    text = " ".join(f"{sentence(one['title'])}: {_from_to(at(one, weeks[0]))}." for one in ranked)
    return {
        "sentences": scenario_sentences(stored),
        "together": together_sentences(stored),
        "horizons": weeks,
        "as_forecast": [percent(at(ranked[0], horizon)["forecast"]) for horizon in weeks],
        "rows": rows,
        "figure": one_width("scenarios", text, plot_scenarios(stored)),
        "inverse": inverse_section(stored["inverse"], summary) if "inverse" in stored else None,
        "rungs": rungs_of_scenarios(ranked, summary),
    }


def rungs_of_scenarios(ranked: Sequence[Json], summary: Json) -> dict[str, Any] | None:
    """What scenarios do to the other outcomes: columns of the table and its rows; None where there are none."""
    labels = {rung["id"]: rung["label"] for rung in summary.get("rungs", [])}
    asked = {name: one for name, one in ranked[0].get("rungs", {}).items() if name in labels}
    if not asked:
        return None
    columns = [f"{labels[name]}, {count(one['weeks'], 'week')}" for name, one in asked.items()]
    first = ["As forecast", *(percent(one["forecast"]) for one in asked.values())]
    return {
        "columns": columns,
        "rows": [first, *([one["title"], *(percent(one["rungs"][name]["scenario"]) for name in asked)] for one in ranked)],
    }


def headline_and_next(stored: Json) -> list[int]:
    """The headline's horizon and the next longer one, in weeks."""
    weeks = sorted(row["weeks"] for row in stored["scenarios"][0]["contrasts"])
    return [stored["headline_weeks"], *[horizon for horizon in weeks if horizon > stored["headline_weeks"]][:1]]


def at(scenario: Json, weeks: int) -> Json:
    """A scenario beside the forecast over one horizon."""
    found: Json = next(row for row in scenario["contrasts"] if row["weeks"] == weeks)
    return found


def by_change(stored: Json) -> list[Json]:
    """Scenarios by what they do to the headline, from the largest rise to the largest fall."""
    return sorted(stored["scenarios"], key=lambda one: -at(one, stored["headline_weeks"])["change"])


def scenario_sentences(stored: Json) -> list[str]:
    """Which scenario raises the chance most, which lowers it most, and of how many the direction is in doubt."""
    weeks, ranked = stored["headline_weeks"], by_change(stored)
    first, last = at(ranked[0], weeks), at(ranked[-1], weeks)
    found = []
    if first["change"] > 0:
        found.append(f"Most of all {quoted(ranked[0]['title'])} would raise it: {_from_to(first)}.")
    else:
        found.append("None of these would raise it.")
    falls = sum(at(one, weeks)["change"] < 0 for one in ranked)
    if falls:
        found.append(f"{quoted(ranked[-1]['title'])} would lower it{' most' if falls > 1 else ''}: {_from_to(last)}.")
    else:
        found.append("None would lower it.")
    doubtful = sum(row["lower"] < 0 < row["upper"] for row in (at(one, weeks) for one in ranked))
    if doubtful:
        found.append(
            f"Of {count(len(ranked), 'scenario')} {count(doubtful, 'has', 'have')} a 5–95{PER_CENT} range of the change that holds zero: "
            "there the model is not sure of the direction."
        )
    return found


def together_sentences(stored: Json) -> list[str]:
    """What scenarios that combine others do, against what these do one by one: the conjunction at work."""
    weeks, titles, found = stored["headline_weeks"], _by_id(stored), []
    for one in stored["scenarios"]:
        if len(one["includes"]) < 2:
            continue
        whole = at(one, weeks)
        parts = [(titles[part]["title"], at(titles[part], weeks)) for part in one["includes"]]
        added = sum(row["change"] for _, row in parts)
        excess, error = whole["change"] - added, hypot(whole["mcse"], *(row["mcse"] for _, row in parts))
        alone = join([f"{quoted(title)} {signed_points(row['change'], 0)}" for title, row in parts])
        text = f"By themselves: {alone}, which adds up to {signed_points(added, 0)} points. {quoted(one['title'])}: {signed_points(whole['change'], 0)}"
        if abs(excess) <= 2 * error or abs(excess) < 0.5:
            found.append(f"{text}, about as much.")
        elif excess > 0:
            found.append(f"{text}, {points(excess, 0)} more: with one condition open, opening another counts for more.")
        else:
            found.append(f"{text}, {points(excess, 0)} less: what one has opened the other need not open again.")
    return found


def inverse_section(inverse: Json, summary: Json) -> dict[str, Any]:
    """The inverse of a scenario: how far each condition by itself would have to open or shut; a sentence on the nearest, and a row for each."""
    labels = {condition["id"]: condition["label"] for condition in summary["conditions"]}
    conditions = inverse["conditions"]
    rows = [
        {
            "label": labels.get(one["condition"], one["condition"]),
            "now": percent(one["now"]),
            "then": percent(one["then"]),
            "odds": f"not enough: {percent(one['reached'])}" if one["odds"] is None else f"× {number(one['odds'])}",
        }
        for one in conditions
    ]
    level = f"{percent(inverse['probability'])} within {count(inverse['weeks'], 'week')}"
    able = [place for place, one in enumerate(conditions) if one["odds"] is not None]
    lower = any(one["then"] < one["now"] for one in conditions)  # the level is below the forecast
    if not able:
        text = f"No condition by itself would bring the chance to {level}, however far it {'shut' if lower else 'opened'}."
    else:
        nearest = rows[min(able, key=lambda place: abs(log(conditions[place]["odds"])))]
        text = (
            f"For {level} through one condition alone, the shortest way is to {'shut' if lower else 'open'} {quoted(nearest['label'])} further: on the mean "
            f"of {count(inverse['weeks'], 'week')} it would have to hold {nearest['then']} of the time, instead of {nearest['now']} as forecast."
        )
    return {"sentence": text, "level": level, "weeks": inverse["weeks"], "rows": rows}


def plot_scenarios(stored: Json, width: float = WIDE) -> Figure:
    """By how much each scenario would move the headline, a dot with its 5–95 % range, those that combine others in another colour.

    Parameters
    ----------
    stored : mapping
        scenarios.json.
    width : float
        Inches.
    """
    ranked, weeks = by_change(stored), stored["headline_weeks"]
    labels = [fill(one["title"], int(LETTERS * width)) for one in ranked]
    with chart(width, 0.7 + _height(labels, 0.14, 0.15)) as (figure, axes):
        axes.axvline(0, color=FAINT, linewidth=0.9)
        for place, one in enumerate(ranked):
            row, colour = at(one, weeks), SECOND if one["includes"] else MAIN
            axes.hlines(place, row["lower"], row["upper"], color=colour, linewidth=5, alpha=0.3)
            axes.plot([row["change"]], [place], "o", color=colour, markersize=6)
            write_text(axes, signed_points(row["change"], 0), row["change"], place, 0, 5)
        label_rows(axes, labels)
        axes.xaxis.set_major_formatter(lambda value, _: signed_points(value, 0))
        axes.set_xlabel(f"change of the chance within {weeks} weeks, points")
    return figure


def _by_id(stored: Json) -> dict[str, Json]:
    return {one["id"]: one for one in stored["scenarios"]}


def _cell(row: Json) -> dict[str, str]:
    return {"scenario": percent(row["scenario"]), "change": signed_points(row["change"], 0), "range": _range(row)}


def _range(row: Json) -> str:
    return f"{signed_points(row['lower'], 0)} to {signed_points(row['upper'], 0)}"


def _from_to(row: Json) -> str:
    return (
        f"from {percent(row['forecast'])} to {percent(row['scenario'])} within {count(row['weeks'], 'week')} "
        f"({signed_points(row['change'], 0)} points, 5–95{PER_CENT}: {_range(row)})"
    )


# --- Watch list -------------------------------------------------------------------------------------------------------------------------


def watch_section(watch: Json) -> dict[str, Any]:
    """What the page shows of the watch list, events before releases, in each the most moving first.

    Parameters
    ----------
    watch : mapping
        watch.json.

    Returns
    -------
    dict
        rows: what, when and move, in words, of at most `SHOWN` events and releases; waiting: a sentence; sentences, events, tripwires, crossed:
        sentences; far: points of a tripwire; releases: rows of the table.
    """
    rows = [
        {name: one[name] for name in ("title", "indicator", "period_end", "expected")}
        | {
            "scheduled": _is_scheduled(one),
            "move": least_points(one["expected_points"]),
            "range": f"{bare_value(one['lower'])} to {bare_value(one['upper'])}",
            "median": observed_value(one["median"], one["unit"]),
            "at_lower": signed_points(one["at_lower"]),
            "at_upper": signed_points(one["at_upper"]),
            "bits": number(one["bits"], 1),
            "tripwires": [_tripwire(wire, one["unit"]) for wire in one["tripwires"]],
        }
        for one in watch["releases"]
    ]
    return {
        "rows": watch_rows(watch)[:SHOWN],
        "waiting": waiting_sentence(watch),
        "sentences": watch_sentences(watch),
        "events": rung_sentences(watch),
        "tripwires": tripwire_sentences(watch),
        "crossed": crossed_sentences(watch),
        "far": points(watch["tripwire_points"], 0),
        "releases": rows,
    }


def watch_rows(watch: Json) -> list[dict[str, str]]:
    """Events and then releases with a fixed day, in each the most moving first: what, when and move, in words."""
    events = [
        {
            "what": one["label"],
            "when": f"within a week with a chance of {percent(one['chance'])}",
            "move": f"{signed_points(one['points'])} points, to {percent(one['probability'])}",
        }
        for one in sorted(watch.get("rungs", []), key=lambda one: -abs(one["points"]))
    ]
    return events + [
        {
            "what": one["title"],
            "when": day(one["expected"]),
            "move": f"{least_points(one['expected_points'])} points on average, up or down; {signed_points(one['at_lower'])} at a low value, "
            f"{signed_points(one['at_upper'])} at a high one",
        }
        for one in sorted(filter(_is_scheduled, watch["releases"]), key=lambda one: -one["expected_points"])
    ]


def next_sentence(watch: Json) -> str:
    """The release with a fixed day that is expected to move the chance most, in one sentence; empty without one."""
    first = next(filter(_is_scheduled, watch["releases"]), None)
    if first is None:
        return ""
    return (
        f"Of what is published next on a fixed day, {quoted(first['title'])}, expected on {day(first['expected'])}, may move it most: "
        f"by {least_points(first['expected_points'])} points on average, whichever way."
    )


def announcement_sentences(watch: Json) -> list[str]:
    """What a meeting of each kind would do if it were announced, the most moving first; empty in lists of before this was stored."""
    return [
        f"Were {_meeting(one)[0].lower()}{_meeting(one)[1:]} announced today, "
        f"{count(one['lead_days'], 'day')} ahead, the chance would be {percent(one['probability'])} ({signed_points(one['points'])} points)"
        + (f"; one is announced within a week with a chance of {percent(one['chance'])}." if one["chance"] is not None else ".")
        for one in watch.get("announcements", [])
    ]


def rung_sentences(watch: Json) -> list[str]:
    """What an event of each rung with conditions would say of the headline, the most telling first; empty in lists of before this was stored."""
    return [
        f"{sentence(one['label'])}: within a week with a chance of {percent(one['chance'])}; if so, the chance would be {percent(one['probability'])} "
        f"({signed_points(one['points'])} points), else {percent(one['if_none'])}."
        for one in watch.get("rungs", [])
    ]


def watch_sentences(watch: Json) -> list[str]:
    """What is expected when, what it may do, and what waiting does by itself."""
    releases = [one for one in watch["releases"] if _is_scheduled(one)]
    others, until = len(watch["releases"]) - len(releases), day(watch["target_end_date"])
    loose = [f"{sentence(count(others, 'series', 'series'))} without a fixed day may bring a value in that time."] if others else []
    if not releases:
        return [f"No release is expected before {until}.", *loose]
    soon = parse_day(watch["origin"]) + SOON
    number_soon = sum(parse_day(one["expected"]) <= soon for one in releases)
    return [
        f"{sentence(count(len(releases), 'release'))} {'is' if len(releases) == 1 else 'are'} expected before {until}, "
        f"{number_soon or 'none'} of them by {day(soon)}.",
        *loose,
        next_sentence(watch),
        "What a release does is counted from where waiting leaves the chance.",
    ]


def waiting_sentence(watch: Json) -> str:
    """What silence until the first release with a fixed day does to the chance; empty without one."""
    first = next(filter(_is_scheduled, watch["releases"]), None)
    if first is None:
        return ""
    return (
        f"Waiting moves it too: should no round be found by {day(first['expected'])}, the chance that one comes by {day(watch['target_end_date'])} goes from "
        f"{tenths(watch['probability'])} to {tenths(first['probability_if_silent'])}."
    )


def tripwire_sentences(watch: Json) -> list[str]:
    """From which values of a release on the chance would jump."""
    far = points(watch["tripwire_points"], 0)
    found = [
        f"{quoted(one['title'])} {_tripwire(wire, one['unit'])} would {'raise' if wire['direction'] == 'up' else 'lower'} it by {far} or more."
        for one in watch["releases"]
        for wire in one["tripwires"]
    ]
    return found or [f"No value that is to be expected of any release would move it by {far}."]


def crossed_sentences(watch: Json) -> list[str]:
    """What new rows have crossed of the list before; empty if there was none."""
    if watch["since"] is None:
        return []
    if not watch["crossed"]:
        return [f"No tripwire of the list of {day(watch['since'])} has been crossed."]
    return [f"Crossed since {day(watch['since'])}: {one}." for one in watch["crossed"]]


def _is_scheduled(release: Json) -> bool:
    """Whether a release has a fixed day; lists of before this was stored do not say, and gave each a day."""
    return bool(release.get("scheduled", True))


def _tripwire(wire: Json, unit: str) -> str:
    """A tripwire in words: "at 15.4 % or below (chance under 1 %)"."""
    return f"at {observed_value(wire['value'], unit)} or {wire['beyond']} (chance {percent(wire['chance'])})"
