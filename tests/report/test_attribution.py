"""Why it moved, what would move it, what to watch: every number that is said is the stored one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from markupsafe import Markup, escape

from ripeness.cli.attribution import show_scenarios
from ripeness.report import attribution, render_page, sentences
from ripeness.report.attribution import (
    PLAUSIBLE,
    SHOWN,
    attribution_sections,
    by_change,
    inverse_section,
    moves,
    news_section,
    news_sentences,
    orders_sentence,
    plot_news,
    plot_scenarios,
    scenario_sentences,
    since_sentence,
    together_sentences,
    watch_section,
)
from ripeness.report.page import _context, _environment
from ripeness.workflow.request import Request

NB = "\u00a0"
Place = tuple[str | int, ...]
TEMPLATE = '{% import "macros.html" as m with context %}{{ attribution.since }} {{ attribution.next }} {% include "attribution.html" %}'
# stored and not said: what names a run, other horizons, curves for other uses, errors that only decide between words
UNSAID = (
    r"scenarios\.scenarios\.\d+\.(by_week|conditions|paths)\..*",
    r"scenarios\.scenarios\.\d+\.contrasts\.(0|3)\..*",
    r"scenarios\.scenarios\.\d+\.contrasts\.\d\.mcse",
    r"scenarios\.scenarios\.\d+\.contrasts\.2\.forecast",  # of the next horizon, that of the first in the table is said
    r"scenarios\.inverse\.conditions\.0\.reached",  # the level itself
    r"watch\.releases\.1\.probability_if_silent",
)


@pytest.fixture
def text_of(summary: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], str]:
    """The sections as text, a chart as its words."""
    for drawn in ("both_widths", "one_width"):
        monkeypatch.setattr(attribution, drawn, lambda _name, text, _plot: Markup("<svg>{}</svg>").format(text))
    row = sentences.forecast_of(summary, "round", "mixture", 13)
    claims = {claim["id"]: claim for claim in summary["claims"]}

    def render(stored_attribution: dict[str, Any]) -> str:
        context = _context(summary) | {"attribution": attribution_sections(stored_attribution, summary), "row": row, "claims_by_id": claims}
        return _environment().from_string(TEMPLATE).render(context)

    return render


def numbers_in(content: Any, place: Place = ()) -> Iterator[tuple[Place, float]]:
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield (*place, key), value
        else:
            yield from numbers_in(value, (*place, key))


def changed(content: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(content))
    inner: Any = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return copy


def test_every_stored_number_is_printed_or_listed_as_not_printed(
    stored_attribution: dict[str, Any], text_of: Callable[[dict[str, Any]], str]
) -> None:
    before = text_of(stored_attribution)
    silent, seen = [], set()
    for place, value in numbers_in(stored_attribution):
        if place[-1] in ("headline_weeks", "weeks") and place != ("scenarios", "inverse", "weeks"):
            continue  # names of horizons: other numbers hang on them
        name = ".".join(map(str, place))
        unsaid = [pattern for pattern in UNSAID if re.fullmatch(pattern, name)]
        seen.update(unsaid)
        other = (value + 0.37) % 1.0 if 0 <= value <= 1 else value + 31
        if not unsaid and text_of(changed(stored_attribution, place, other)) == before:
            silent.append(name)
    assert silent == []
    assert {*UNSAID} == seen, "nothing stored is named so: remove it"


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("news", "total_points"), -2.31, "the chance has fallen by 2.3 points"),
        (("news", "from", "probability"), 0.0871, f"rose from 8.7{NB}% to 17.4{NB}%"),
        (("news", "from", "origin"), "2031-02-02", "Since 2 February 2031"),
        (("news", "lines", 0, "points"), -4.04, "The passing of time, in which no round was found, took away 4.0 points"),
        (("news", "lines", 1, "points"), 7.77, "“Bread baked” added 7.8 points"),
        (("news", "lines", 3, "points"), 0.21, "One cause moved it by no more than the chance error of the computation: +0.2 points"),
        (("news", "residual_points"), 0.66, "What is left, +0.7 points"),
        (("scenarios", "scenarios", 3, "contrasts", 1, "change"), 41.2, "(+41 points"),
        (("scenarios", "scenarios", 2, "contrasts", 1, "scenario"), 0.033, f"from 17{NB}% to 3{NB}%"),
        (("scenarios", "scenarios", 0, "plausible"), 0.31, f">31{NB}%<"),
        (
            ("scenarios", "inverse", "conditions", 0, "then"),
            0.777,
            f"on the mean of 26 weeks it would have to hold 78{NB}% of the time, instead of 33{NB}% as forecast",
        ),
        (("scenarios", "inverse", "probability"), 0.25, f"What 25{NB}% within 26 weeks would take"),
        (("watch", "releases", 0, "expected_points"), 2.96, "may move it most: by 3.0 points on average"),
        (("watch", "releases", 0, "expected"), "2031-04-05", "expected on 5 April 2031"),
        (
            ("watch", "releases", 0, "tripwires", 0, "value"),
            111.0,
            f"“Bread baked” at 111 loaves or below (chance 2{NB}%) would raise it by 5 points",
        ),
        (("watch", "probability"), 0.2019, f"goes from 20.2{NB}% to 16.5{NB}%"),
        (("watch", "announcements", 0, "probability"), 0.784, f">78{NB}%<"),
        (("watch", "announcements", 0, "points"), 61.5, ">+61.5<"),
        (("watch", "announcements", 0, "lead_days"), 5, "is announced today, five days ahead"),
        (("watch", "announcements", 0, "chance"), 0.23, f"within a week with a chance of 23{NB}%"),
        (("scenarios", "scenarios", 1, "plausible"), 0.42, f"42{NB}% of the model’s futures go as far"),
        (("watch", "releases", 1, "expected_points"), 2.41, "2.4 points on average, up or down"),
        (("watch", "since"), None, "What to watch"),
    ],
)
def test_another_number_gives_another_sentence(
    stored_attribution: dict[str, Any], text_of: Callable[[dict[str, Any]], str], place: Place, value: Any, words: str
) -> None:
    after = text_of(changed(stored_attribution, place, value))
    assert words in after
    if place == ("watch", "since"):
        assert "Crossed since 16 March 2031" in text_of(stored_attribution) and "Crossed" not in after
    else:
        assert words not in text_of(stored_attribution)


HEADLINE = {
    "probability": (0.413, f"is 41{NB}%"),
    "lower": (0.111, f"11 to 35{NB}%"),
    "upper": (0.777, f"6 to 78{NB}%"),
    "target_end_date": ("2031-07-06", "by 6 July 2031"),
    "outside_view": (0.444, f"gives 44{NB}%"),
    "level_only": (0.333, f"comes out at 33{NB}%"),
    "inside_multiplier": (1.61, "raise it (× 1.6)"),
    "usual_multiplier": (0.55, "× 0.55 as they have been"),
    "now_multiplier": (1.61, "× 1.6 as they stand now"),
}


@pytest.mark.parametrize("name", HEADLINE)
def test_the_headline_s_sentences_follow_its_numbers(summary: dict[str, Any], name: str) -> None:
    row = dict(sentences.forecast_of(summary, "round", "mixture", 13) or {})
    value, words = HEADLINE[name]
    text = [f"{sentences.answer(summary, one)} {sentences.why(one)}" for one in (row, row | {name: value})]
    assert words in text[1] and words not in text[0]


def test_the_state_of_talks_and_the_last_forecast_are_printed(summary: dict[str, Any]) -> None:
    summary["dormancy"] |= {"weeks": 23, "missed_round_probability": 0.09}
    assert "23 weeks back" in sentences.state_of_talks(summary) and f"missed is 9{NB}%" in sentences.state_of_talks(summary)
    row = sentences.forecast_of(summary, "round", "mixture", 13)
    summary["previous"] = {"origin": "2031-03-23", "probability": 0.253, "target_end_date": "2031-06-22"}
    assert row is not None and f"Down eight points from 25{NB}% in the forecast of 23 March 2031" in sentences.change(summary, row)


def test_what_stayed_and_what_stands_out_from_nothing(stored_attribution: dict[str, Any]) -> None:
    news = stored_attribution["news"] | {"total_points": 0.01, "lines": []}
    assert since_sentence(news) == f"Since 16 March 2031 the chance has stayed at 17.4{NB}%."
    news = stored_attribution["news"] | {"lines": stored_attribution["news"]["lines"][3:]}
    assert since_sentence(news).endswith("no single cause stands out from the chance error of the computation.")


def test_the_whole_is_held_against_its_parts(stored_attribution: dict[str, Any]) -> None:
    scenarios = stored_attribution["scenarios"]
    (more,) = together_sentences(scenarios)
    assert "which adds up to +17 points. “A famine while old friends write”: +23, 6 points more" in more
    row = scenarios["scenarios"][3]["contrasts"][1]
    row["change"] = 16.9
    assert together_sentences(scenarios)[0].endswith("+17, about as much.")
    row["change"] = 12.0
    assert "+12, 5 points less" in together_sentences(scenarios)[0]


def test_none_raises_and_none_lowers(stored_attribution: dict[str, Any]) -> None:
    scenarios = stored_attribution["scenarios"]
    up, down = ({**scenarios, "scenarios": [one]} for one in scenarios["scenarios"][1:3])
    assert "None would lower it." in scenario_sentences(up)
    assert "None of these would raise it." in scenario_sentences(down)


def test_announcements_come_first_and_only_plausible_scenarios_are_open(stored_attribution: dict[str, Any]) -> None:
    found = moves(stored_attribution)
    assert [row["what"].split(" is announced")[0] for row in found] == [
        f"A meeting {stored_attribution['watch']['announcements'][0]['class_label']}",
        "A meeting of leaders",
        "Plenty",
    ]
    assert [row["often"] for row in found] == [
        f"within a week with a chance of 3{NB}%",
        "",
        f"21{NB}% of the model’s futures go as far by themselves",
    ]
    stored_attribution["scenarios"]["scenarios"][0]["plausible"] = PLAUSIBLE
    assert [row["what"] for row in moves(stored_attribution)][2:] == ["Plenty", "A famine"]
    assert moves({}) == []


def test_charts_draw_what_is_stored(stored_attribution: dict[str, Any]) -> None:
    news, scenarios = stored_attribution["news"], stored_attribution["scenarios"]
    axes = plot_news(news).axes[0]
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars[0] == pytest.approx((15.92, -1.62)) and bars[1] == pytest.approx((14.30, 3.41))
    assert sum(width for _, width in bars) == pytest.approx(1.48)
    axes = plot_scenarios(scenarios).axes[0]
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert dots == [one["contrasts"][1]["change"] for one in by_change(scenarios)] == sorted(dots, reverse=True)


def test_few_things_to_watch_are_open_and_events_come_before_releases(stored_attribution: dict[str, Any]) -> None:
    watch = stored_attribution["watch"]
    watch["releases"] *= SHOWN
    rung = {"chance": 0.04, "if_none": 0.17}
    watch["rungs"] = [
        {"label": "Small", "points": 0.2, "probability": 0.176} | rung,
        {"label": "Large", "points": -4.2, "probability": 0.132} | rung,
    ]
    section = watch_section(watch)
    assert [row["what"] for row in section["rows"]] == ["Large", "Small", *["Bread baked"] * (SHOWN - 2)]
    assert section["rows"][0] == {
        "what": "Large",
        "when": f"within a week with a chance of 4{NB}%",
        "move": f"−4.2 points, to 13{NB}%",
    }
    assert len(section["releases"]) == 2 * SHOWN and len(section["events"]) == 2
    assert watch_section(watch | {"releases": []})["sentences"] == ["No release is expected before 29 June 2031."]


def test_a_release_without_a_fixed_day_is_reported_as_such(
    stored_attribution: dict[str, Any], text_of: Callable[[dict[str, Any]], str]
) -> None:
    first = stored_attribution["watch"]["releases"][0]
    first |= {"scheduled": False, "title": "Poll of bakers"}
    text = text_of(stored_attribution)
    assert "on a fixed day, “Coal" in text and "“Poll of bakers”, expected" not in text
    assert (
        "One release is expected before 29 June 2031, none of them by 6 April 2031. One series without a fixed day may bring a value"
        in text
    )
    assert text.count("no fixed day") == text.count(", as if it came on 2 April 2031") == 1 and text.count("period to 31 March 2031") == 1
    stored_attribution["watch"]["releases"] = [first]
    assert "may move it most" not in text_of(
        stored_attribution
    ) and "No release is expected before 29 June 2031. One series without" in text_of(stored_attribution)


def test_the_page_has_the_sections_and_its_first_screen_leads_there(
    summary: dict[str, Any], tree: xr.DataTree, record: dict[str, Any], stored_attribution: dict[str, Any]
) -> None:
    page = render_page(summary, tree, record, None, stored_attribution)
    assert re.findall(r'<h2 id="([^"]+)"', page)[:4] == ["answer", "news", "scenarios", "watch"]
    hero = page[: page.index("</nav>")]
    assert str(escape(since_sentence(stored_attribution["news"]))) in hero
    assert all(link in hero for link in ('href="#news"', 'href="#scenarios"', 'href="#watch"'))
    assert '<a href="#claim-plenty-hardens">' in page[page.index('id="scenario-famine"') : page.index('id="inverse"')]
    assert page.lower().count("<script") == 1 and "<img" not in page.lower()
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_a_change_that_needs_a_fit_says_how_to_get_it(summary: dict[str, Any], text_of: Callable[[dict[str, Any]], str]) -> None:
    page = text_of({"news": {"from": "2031-01-05", "to": "2031-03-30", "reason": "a round was <added>"}})
    assert "<code>ripeness news 2031-01-05 2031-03-30</code>" in page and "a round was &lt;added&gt;" in page
    assert 'id="scenarios"' not in page and 'id="watch"' not in page


def test_a_dollar_in_a_title_is_a_dollar(stored_attribution: dict[str, Any], summary: dict[str, Any]) -> None:
    first = stored_attribution["scenarios"]["scenarios"][0]
    first["title"] = r"Oil at $45, aid $\foo$ more"
    assert r"aid $\foo$" in str(attribution_sections(stored_attribution, summary)["scenarios"]["figure"])


def test_a_change_over_many_weeks_needs_several_fits(text_of: Callable[[dict[str, Any]], str]) -> None:
    asked = {"from": "2030-01-06", "to": "2031-03-30", "reason": "too far"}
    page = text_of({"news": asked})
    assert "needs a new fit (too far)" in page and "nothing to compare it with" not in page
    assert "needs several new fits, about one for each nine weeks (too far)" in text_of({"news": asked | {"weeks_a_fit": 9}})


def test_where_rounds_were_held_time_is_told_apart_from_them(stored_attribution: dict[str, Any]) -> None:
    news = stored_attribution["news"]
    assert "The passing of time, in which no round was found, took away 1.6 points" in " ".join(news_sentences(news))
    news["lines"][0]["label"] = "2 weeks apart from the rounds held"
    news["lines"].append({"label": "round held (2031-03-20)", "kind": "rounds", "points": 0.5, "mcse": 0.1})
    text = " ".join(news_sentences(news))
    assert "The passing of time, apart from the rounds held, took away 1.6 points." in text and "in which no round" not in text
    assert "round held (2031-03-20) added 0.5 points" in text
    assert "2 weeks apart from the rounds held took away 1.6 points" in since_sentence(news)
    news["lines"][0]["points"] = 0.01
    assert "The passing of time, apart from the rounds held, changed nothing to speak of." in " ".join(news_sentences(news))


def test_a_line_of_few_degrees_of_freedom_is_clear_later(stored_attribution: dict[str, Any]) -> None:
    news = stored_attribution["news"]
    bread = news["lines"][1]
    bread |= {"points": 0.5, "mcse": 0.2}
    assert "“Bread baked” added 0.5 points" in " ".join(news_sentences(news))
    bread["df"] = 3.0
    assert "“Bread baked”" not in " ".join(news_sentences(news))
    assert "the mean over all orders" in orders_sentence(news)
    bread["pairs"] = 5
    assert "the mean over five orders" in orders_sentence(news) == news_section(news)["orders"]


def test_a_level_below_the_forecast_asks_conditions_to_shut(stored_attribution: dict[str, Any], summary: dict[str, Any]) -> None:
    inverse = stored_attribution["scenarios"]["inverse"]
    east, west = inverse["conditions"]
    assert "is to open “" in inverse_section(inverse, summary)["sentence"]
    assert "however far it opened." in inverse_section(inverse | {"conditions": [west]}, summary)["sentence"]
    below = [east | {"odds": 0.4, "then": 0.167}, west | {"then": 0.0}]
    assert "is to shut “" in inverse_section(inverse | {"conditions": below}, summary)["sentence"]
    assert "however far it shut." in inverse_section(inverse | {"conditions": below[1:]}, summary)["sentence"]


def test_page_and_command_print_the_inverse_and_plausibility_alike(
    stored_attribution: dict[str, Any],
    text_of: Callable[[dict[str, Any]], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scenarios = stored_attribution["scenarios"]
    scenarios["inverse"]["weeks"] = 39
    monkeypatch.setattr("ripeness.workflow.scenarios.run_scenarios", lambda *_: scenarios)
    show_scenarios(Request(Path()), [], False, 0.5, False)
    printed = capsys.readouterr().out
    page = text_of(stored_attribution)
    assert page.count("As forecast, mean of 39 weeks") == 3 and "as forecast, mean of 39 weeks" in printed
    assert "pen now" not in page + printed
    for one in scenarios["scenarios"]:
        assert f" {sentences.share(one['plausible'])} " in printed and f">{sentences.share(one['plausible'])}<" in page
    assert f"under 0.1{NB}%" in printed
