"""The page: what it says, and what it must never do."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
import xarray as xr
from made_up_run import forecast

from ripeness import names
from ripeness.report import render_failure, render_page

PERCENT = "\u00a0%"


class Reader(HTMLParser):
    """Collects tags, ids, links and the text a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]


def test_the_answer_is_there_once_and_large(page: str) -> None:
    assert re.findall(r'<div class="big">([^<]+)</div>', page) == [f"17{PERCENT}"]
    text = Reader(page).text
    assert "As known on 30 March 2031. The answer is for the time up to 29 June 2031." in text
    assert f"About 1 in 6, by 29 June 2031 (13 weeks).Nine times in ten the model would put this chance at 6 to 35{PERCENT}." in text
    assert f"one would say 23{PERCENT}. What the essay holds to matter, as the data show it, makes that 17{PERCENT}." in text
    assert "Since 16 March 2031 the chance has risen by 1.5 points" in text


def test_every_horizon_has_its_row(page: str) -> None:
    for words in ("27 April 2031", "29 June 2031", "28 September 2031", "28 March 2032", f"6{PERCENT}", f"30{PERCENT}", f"49{PERCENT}"):
        assert words in page


def test_a_third_reading_has_its_column_its_row_and_its_reason(summary: dict[str, Any], tree: xr.DataTree, page: str) -> None:
    assert "Now, tempered" in page and "Now, other wars" not in page
    fits = names.fits_of(names.READINGS)
    summary["mixture"]["weights"] = {name: 1 / 6 for name, variant, _ in fits if variant != names.OUTSIDE}
    for condition in summary["conditions"]:
        condition["by_reading"]["other_wars"] = condition["by_reading"]["tempered"] | {"mean": 0.4321}
    effect = summary["effects"][0]
    effect["readings"]["other_wars"] = effect["readings"]["tempered"]
    effect["rationale_other_wars"] = "Plenty hardened hearts elsewhere."
    text = Reader(render_page(summary, tree)).text
    assert "Now, other wars" in text and f"43{PERCENT}" in text
    assert "Other wars: Plenty hardened hearts elsewhere." in text
    assert "the essay tempered by other wars" in text


OPEN = ("answer", "news", "scenarios", "watch", "hazard", "conditions", "evidence", "trust", "limits", "record", "more", "run")
FOLDED = ("rungs", "markets", "glossary", "how", "factors", "drivers", "model", "data", "diagnostics", "claims", "citations")


def test_sections_come_in_order_and_all_else_is_folded(page: str) -> None:
    assert tuple(re.findall(r'<h2 id="([^"]+)"', page)) == OPEN
    assert set(FOLDED) <= set(re.findall(r'<details><summary><h3 id="([^"]+)"', page)) | {"rungs"}
    opened = open_part(page)
    assert not [name for name in FOLDED if f'id="{name}"' in re.sub(r"<summary>.*?</summary>", "", opened)]
    assert "<details open" not in page


def test_headings_are_in_order_and_a_reader_can_skip_to_the_answer(page: str) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert re.search(r'<body>\s*<a class="skip" href="#main">', page)
    assert [page.count(f"<{tag}") for tag in ("header>", "main ", "footer>", "nav ")] == [1, 1, 1, 1]


def open_part(page: str) -> str:
    """The body without what is folded, but with the titles of the folds."""
    kept, depth = [], 0
    for part in re.split(r"(<details[^>]*>|</details>|<summary>.*?</summary>)", page.split("<body>")[1].split("<script")[0]):
        depth += part.startswith("<details") - (part == "</details>")
        if not depth or (depth == 1 and part.startswith("<summary>")):
            kept.append(part)
    return "".join(kept)


TRADE = (
    "Monte Carlo",
    "posterior",
    "prior",
    "multiplier",
    "hazard",
    "k-hat",
    "Brier",
    "log score",
    "credible",
    "R-hat",
    "indicator",
    "quantile",
)


def test_the_open_part_has_no_term_of_the_trade(page: str) -> None:
    text = Reader(re.sub(r"<svg.*?</svg>", "", open_part(page), flags=re.DOTALL)).text
    assert not [word for word in TRADE if word in text]


def test_a_meeting_that_is_announced_stands_first(summary: dict[str, Any], tree: xr.DataTree, page: str) -> None:
    meeting = f"proposed by one side, 10 April 2031 to 12 April 2031. It has been known since 20 March 2031. The model gives it a chance of 31{PERCENT}"
    text = Reader(page).text
    assert 0 < text.index(meeting) < text.index(summary["question"]["text"])
    assert "announced:" not in Reader(render_page(summary | {"announcements": []}, tree)).text


def test_every_outcome_stands_on_one_ladder(summary: dict[str, Any], tree: xr.DataTree) -> None:
    rung = {"id": "truce", "label": "Truce <b>", "definition": "Both halt.", "void": "Void."}
    extra = [forecast("truce", names.MIXTURE, weeks, chance) for weeks, chance in ((13, 0.31), (26, 0.42))]
    page = render_page(summary | {"rungs": [rung], "forecasts": [*summary["forecasts"], *extra]}, tree)
    ladder = re.search(r'<table class="ladder">.*?</table>', page, re.DOTALL)
    assert ladder is not None
    rows = re.findall(r'<th scope="row">(.*?)</th><td class="n">(.*?)</td>.*?<span class="unseen">(.*?)</span>.*?--at:([\d.]+)%', ladder[0])
    assert rows == [
        ("Truce &lt;b&gt;", f"31{PERCENT}", f"10 to 62{PERCENT}; outside view 23{PERCENT}", "31.0"),
        ("Round of talks", f"17{PERCENT}", f"6 to 35{PERCENT}; outside view 23{PERCENT}", "17.4"),
    ]
    assert ladder[0].count('class="head"') == 1 and "Both halt." in page


def test_the_page_s_own_script_may_run_and_no_other(page: str, failed_summary: dict[str, Any]) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"img-src data:; script-src 'sha256-{digest}'\">" in page
    assert "script" not in render_failure(failed_summary).split("</style>")[0]


def test_every_link_leads_somewhere_on_the_page(page: str) -> None:
    reader = Reader(page)
    ids = reader.ids()
    assert len(ids) == len(set(ids))
    links = [
        str(attributes.get("href") or attributes.get("xlink:href"))
        for _, attributes in reader.tags
        if {"href", "xlink:href"} & set(attributes)
    ]
    inner = [link[1:] for link in links if link.startswith("#")]
    assert {"claim-plenty-hardens", "cite-smith2001", "factor-supply", "data-bread"} <= set(inner)
    assert set(inner) <= set(ids)
    assert [link for link in links if not link.startswith("#")] == ["data:,"]


def test_what_a_label_refers_to_exists(page: str) -> None:
    reader = Reader(page)
    assert {str(a["aria-labelledby"]) for _, a in reader.tags if "aria-labelledby" in a} <= set(reader.ids())
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(reader.ids())


def test_hostile_text_is_escaped(page: str) -> None:
    assert page.lower().count("<script") == 1
    assert "&lt;script&gt;" in page
    assert not [tag for tag, _ in Reader(page).tags if tag in ("img", "iframe", "object", "embed")]
    assert not [name for _, attributes in Reader(page).tags for name in attributes if name.startswith("on")]


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    loads = [
        (tag, value)
        for tag, attributes in Reader(page).tags
        for name, value in attributes.items()
        if name in ("src", "srcset", "data", "action")
    ]
    assert loads == []
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-" in page


def test_it_is_small(page: str) -> None:
    assert len(page.encode()) < 3_000_000


def test_every_picture_has_words(page: str) -> None:
    pictures = re.findall(r"<svg[^>]*>.{0,400}", page, flags=re.DOTALL)
    assert len(pictures) > 15
    for picture in pictures:
        assert 'role="img"' in picture
        assert re.search(r"<title id=\"[^\"]+\">[^<]{15,}", picture)


def test_same_input_same_bytes(
    summary: dict[str, Any], tree: xr.DataTree, record: dict[str, Any], stored_attribution: dict[str, Any], page: str
) -> None:
    assert render_page(summary, tree, record, None, stored_attribution) == page


def test_assumed_marks_what_the_data_did_not_move(page: str) -> None:
    rows = {m[0]: m[1] for m in re.findall(r'<th scope="row">(Driver number \d)(.*?)</tr>', page, flags=re.DOTALL)}
    assert ["assumed" in rows[f"Driver number {n}"] for n in range(4)] == [False, True, True, True]
    assert "stays at its prior: no indicator" in page


def test_claims_are_named_by_paragraph_and_locator(page: str) -> None:
    assert '<a href="#claim-plenty-hardens">¶&nbsp;3</a> “plenty' in page
    assert "Plenty makes the East stubborn." in page


def test_sides_of_a_one_sided_factor_are_named(page: str) -> None:
    assert "Willingness of the side losing ground: claimed direction opens it" in page
    assert "East is willing: claimed direction closes it" in page


def test_a_page_without_a_record_does_not_speak_of_one(summary: dict[str, Any], tree: xr.DataTree) -> None:
    page = render_page(summary, tree)
    assert 'id="record"' not in page and "#record" not in page


def test_a_page_without_explanations_has_none_of_their_sections(summary: dict[str, Any], tree: xr.DataTree) -> None:
    page = render_page(summary, tree)
    assert not any(f"#{name}" in page or f'id="{name}"' in page for name in ("news", "scenarios", "watch"))
    assert "This is the first forecast of its ledger" in page


def test_a_run_without_paths_still_makes_a_page(summary: dict[str, Any]) -> None:
    assert "Supply" in render_page(summary, xr.DataTree())


def test_a_run_that_failed_is_not_shown_as_a_forecast(failed_summary: dict[str, Any], tree: xr.DataTree) -> None:
    with pytest.raises(ValueError, match="gate"):
        render_page(failed_summary, tree)


def test_failure_shows_what_failed_and_the_outside_view_only(failed_summary: dict[str, Any]) -> None:
    page = render_failure(failed_summary)
    assert "No forecast is published" in page
    assert "largest R-hat was 1.37 (weight[supply → east]); it must be at most 1.01" in page
    percents = set(re.findall(r"(\d+)\u00a0%", page))
    shown = {f"{n}" for row in failed_summary["forecasts"] for n in (round(100 * row[k]) for k in ("probability", "lower", "upper"))}
    assert "23" in percents
    assert percents <= shown
    assert 'class="big' not in page and "<script" not in page


def test_failure_of_the_outside_view_too(failed_summary: dict[str, Any]) -> None:
    page = render_failure(failed_summary | {"forecasts": []})
    assert not re.search(r"\d\u00a0%", page)


def test_the_report_does_not_import_the_sampler(tmp_path: Any) -> None:
    code = "import sys, ripeness.report; print([n for n in ('pymc', 'pytensor', 'nutpie', 'preliz') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
