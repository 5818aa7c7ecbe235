"""What markets say: ours with its range, the market's price with its day, how the rules differ; and how those settled fared."""

from __future__ import annotations

import re
from typing import Any

import xarray as xr
from made_up_run import HOSTILE, made_up_bridges

from ripeness.report import render_page
from ripeness.report.markets import bridge_sentences, markets_section, markets_sentence

PERCENT = "\u00a0%"


def test_each_bridge_stands_beside_its_price(summary: dict[str, Any]) -> None:
    fair, bazaar = markets_section(summary)
    assert (fair["ours"], fair["range"], fair["base_rate"]) == (f"12{PERCENT}", f"4 to 25{PERCENT}", f"34{PERCENT}")
    assert (fair["price"], fair["price_day"], fair["by"]) == (f"27{PERCENT}", "28 March 2031", "30 June 2031")
    assert fair["note"] == f"Day inferred {HOSTILE}."
    assert (bazaar["price"], bazaar["price_day"], bazaar["note"]) == ("–", "no price on file", "")
    summary["bridges"][0]["forecasts"].reverse()
    assert markets_section(summary)[0]["ours"] == f"12{PERCENT}", "the mixture's, wherever it stands"


def section(page: str) -> str:
    found = re.search(r'<h3 id="markets">.*?</details>', page, re.DOTALL)
    assert found
    return found[0]


def test_the_page_shows_them_and_how_their_rules_differ(page: str) -> None:
    told = section(page)
    for words in ("A meeting, as the fair asks", f"12{PERCENT}", f"27{PERCENT}", "28 March 2031", "no price on file", "A call counts too."):
        assert words in told
    assert "No price is an input of the forecast." in told and "On the price: Day inferred" in told
    assert (
        "No market has a price" not in page
        and f"“A meeting, as the fair asks”: ours 12{PERCENT}, Fair 27{PERCENT} on 28 March 2031." in page
    )
    assert markets_sentence(markets_section({"bridges": []})) == "No market has a price on file for what it asks."
    assert HOSTILE not in told and "&lt;script&gt;" in told


def test_a_page_without_bridges_does_not_speak_of_markets(summary: dict[str, Any], tree: xr.DataTree, record: dict[str, Any]) -> None:
    for without in (summary | {"bridges": []}, {key: value for key, value in summary.items() if key != "bridges"}):
        page = render_page(without, tree, record | {"bridges": []})
        assert 'id="markets"' not in page and "#markets" not in page and "What markets asked" not in page


def test_those_settled_are_scored_beside_their_market(page: str) -> None:
    ahead = [bridge for bridge in made_up_bridges() if bridge["issued"] == "ahead"]
    words = " ".join(bridge_sentences(made_up_bridges()))
    assert words == (
        "Four forecasts of what markets ask: one open, three settled and none void. "
        "Those issued ahead and settled, two forecasts, have a mean Brier score of 0.265. "
        "Where there was a price (one forecast): ours 0.040, the market’s 0.160; lower is better."
    )
    assert bridge_sentences(ahead[-1:]) == ["One forecast of what markets ask: one open, none settled and none void."]
    assert bridge_sentences([]) == []
    record = page[page.index('<h2 id="record"') :]
    assert words.split(". ")[0] in record and "0.490" in record and "market 0.160" in record  # (1 − 0.3)²
    assert record.count("settled by its market") == 3 and HOSTILE not in record
