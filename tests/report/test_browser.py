"""The page as a reader meets it, in a real browser: on a desk, on a telephone, on paper."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver.support.wait import WebDriverWait


@pytest.fixture(scope="module")
def browser(page: str, browse: Callable[[str], Any]) -> Any:
    return browse(page)


def resize(browser: Any, width: int, mobile: bool) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": mobile})


def test_nothing_is_asked_of_the_network_and_nothing_complained_of(browser: Any) -> None:
    import json

    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    asked = [one["request"]["url"] for one in sent if one["documentURL"].startswith("file:")]  # not the browser's own first tab
    assert any(url.endswith("page.html") for url in asked)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(("width", "mobile"), [(1280, False), (390, True)])
def test_the_answer_is_in_sight_without_scrolling(browser: Any, width: int, mobile: bool) -> None:
    resize(browser, width, mobile)
    big = browser.find_element("css selector", ".big")
    assert big.text == "17\u00a0%" or big.text == "17 %"
    assert 0 < big.rect["y"] < 500
    assert big.rect["height"] > 40


@pytest.mark.parametrize("width", [390, 320, 768, 1280])
def test_the_page_never_scrolls_sideways(browser: Any, width: int) -> None:
    resize(browser, width, width < 500)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_a_telephone_gets_charts_that_it_can_read(browser: Any) -> None:
    resize(browser, 390, True)
    smallest = browser.execute_script(
        "return Math.min(...[...document.querySelectorAll('main svg.chart text')].filter(t => t.checkVisibility() && !t.closest('details'))"
        ".map(t => t.getBoundingClientRect().height))"
    )
    assert smallest >= 8


@pytest.mark.parametrize(("width", "height", "mobile", "screens"), [(1280, 900, False, 6), (390, 844, True, 10)])
def test_the_open_part_is_short(browser: Any, width: int, height: int, mobile: bool, screens: int) -> None:
    resize(browser, width, mobile)
    assert browser.execute_script("return document.documentElement.scrollHeight") <= screens * height


def test_few_stops_before_the_first_fold_and_focus_is_seen(browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    resize(browser, 1280, False)
    stops = browser.execute_script(
        "return [...document.querySelectorAll('a[href],button,input,select,summary,[tabindex]')].filter(e => e.checkVisibility()).map(e => e.tagName)"
    )
    assert stops.index("SUMMARY") <= 40 and len(stops) <= 80
    browser.execute_script("scrollTo(0, 0); document.activeElement.blur()")
    browser.find_element("css selector", "body").send_keys(Keys.TAB)
    seen = "const e = document.activeElement, s = getComputedStyle(e); return [e.className, e.getBoundingClientRect().left >= 0, s.outlineStyle]"
    assert browser.execute_script(seen) == ["skip", True, "solid"]


def test_a_page_whose_window_is_over_says_so_in_red(browse: Callable[[str], Any], page: str) -> None:
    for closes, closed in (("2031-06-29", False), ("2001-06-29", True)):
        opened = browse(page.replace('data-closes="2031-06-29"', f'data-closes="{closes}"'))
        notice = opened.find_element("id", "closed")
        assert notice.is_displayed() == closed and opened.get_log("browser") == []
        if closed:
            assert opened.execute_script(
                "const c = e => getComputedStyle(document.querySelector(e)).color; return c('#closed') === c('.big') && c('#closed') !== c('h1')"
            )
    assert re.fullmatch(r" \(in [\d,]+ days\)", opened.find_elements("css selector", "[data-day]")[1].get_attribute("textContent"))


def test_a_link_into_a_fold_opens_it(browser: Any) -> None:
    resize(browser, 1280, False)
    browser.execute_script("location.hash = ''; location.hash = '#data-bread'")
    WebDriverWait(browser, 20).until(lambda _: browser.find_element("id", "data-bread").is_displayed())
    browser.execute_script("for (const fold of document.querySelectorAll('details')) fold.open = false; location.hash = ''; scrollTo(0, 0)")


def test_one_width_of_each_chart_is_shown(browser: Any) -> None:
    for width, shown, hidden in ((1280, "wide", "narrow"), (390, "narrow", "wide")):
        resize(browser, width, width < 500)
        opened = [one for one in browser.find_elements("css selector", f".{shown}") if not one.find_elements("xpath", "ancestor::details")]
        assert opened and all(element.is_displayed() for element in opened)
        assert not any(element.is_displayed() for element in browser.find_elements("css selector", f".{hidden}"))


def test_a_claim_is_one_click_away(browser: Any) -> None:
    resize(browser, 1280, False)
    link = browser.find_element("css selector", "table.drivers a[href='#claim-plenty-hardens']")
    browser.execute_script("arguments[0].click()", link)
    top = browser.execute_script("return document.getElementById('claim-plenty-hardens').matches(':target')")
    assert top


def test_dark_and_light_both_have_contrast(browser: Any) -> None:
    seen = []
    for scheme in ("light", "dark"):
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        colours = browser.execute_script(
            "const s = getComputedStyle(document.body), t = getComputedStyle(document.querySelector('svg.chart text'));"
            "return [s.color, s.backgroundColor, t.fill]"
        )
        assert colours[0] == colours[2] != colours[1]
        seen.append(colours)
    assert seen[0] != seen[1]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_paper_shows_the_open_part_and_no_menu(browser: Any) -> None:
    resize(browser, 1280, False)
    browser.execute_script("for (const fold of document.querySelectorAll('details')) fold.open = false")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element("css selector", "nav").is_displayed()
    pages = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True, "preferCSSPageSize": True})["data"]
    assert len(re.findall(rb"/Type\s*/Page[^s]", b64decode(pages))) <= 4
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
