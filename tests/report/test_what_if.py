"""The what-if panel as a reader meets it: moved by keyboard, read by machine, held against NumPy; and what the page lets run."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import xarray as xr
from made_up_war import make_origin

from ripeness.attribution.scenario_file import Path, Scenario
from ripeness.attribution.what_if import build_panel, read_panel
from ripeness.model.spec import ModelSpec
from ripeness.report import render_failure, render_page

HOSTILE = '</script><script>alert("x")</script>'
PATHS = (
    Path(factor="front", value=35.0, from_week=1, to_week=3),
    Path(factor="host", units=1.5, from_week=2, to_week=5),
    Path(factor="cost", value=1900.0, from_week=2, to_week=9),
)
TENTH = 0.1  # points


@pytest.fixture(scope="module")
def payload(spec: ModelSpec) -> Any:
    scenarios = [Scenario("all", f"All at once {HOSTILE}", "for a test", (), PATHS)]
    return build_panel(make_origin(spec), scenarios)


@pytest.fixture(scope="module")
def panelled(page_with: Callable[[Any], str], payload: Any) -> str:
    return page_with(payload)


@pytest.fixture
def browser(panelled: str, opened: Any) -> Any:
    opened.refresh()
    return unfold(opened)


@pytest.fixture(scope="module")
def opened(panelled: str, browse: Callable[[str], Any]) -> Any:
    return browse(panelled)


def unfold(browser: Any) -> Any:
    browser.execute_script("document.getElementById('what-if').closest('details').open = true")
    return browser


def chances(browser: Any) -> list[float]:
    """What the live region says, in per cent, once the panel has answered."""
    script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(document.querySelector('[aria-live]').innerText)))"
    text = browser.execute_async_script(script)
    return [float(found) for found in re.findall(r"\n([\d.]+)\s%\n", text + "\n")]


def expected(payload: Any, *arguments: Any) -> Any:
    return pytest.approx(100 * read_panel(payload, *arguments).within, abs=TENTH)


def press(browser: Any, name: str, key: str, times: int = 1) -> Any:
    element = browser.find_element("id", name)
    element.send_keys(key * times)
    return element


def test_as_it_opens_it_says_the_forecast(browser: Any, payload: Any) -> None:
    assert chances(browser) == expected(payload) and len(chances(browser)) == 2
    assert browser.find_elements("id", "panel-off") == []
    drawn = browser.execute_script("return document.querySelector('#panel-what-if path').getAttribute('d')")
    assert drawn.count("L") == len(payload["whole"])


def test_a_condition_is_moved_by_keyboard(browser: Any, payload: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    slider = press(browser, "panel-condition-0", Keys.ARROW_RIGHT, 4)
    assert slider.get_attribute("value") == "8"
    found = chances(browser)
    assert found == expected(payload, (), (0.8, 0.0)) and found[0] > chances_as_forecast(payload) + 1
    assert slider.get_attribute("aria-valuetext").startswith("odds × 2.2: open ")


def chances_as_forecast(payload: Any) -> float:
    return float(100 * read_panel(payload).within[0])


def test_a_factor_is_held_by_keyboard_and_let_go(browser: Any, payload: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    slider = press(browser, "panel-factor-2", Keys.ARROW_RIGHT, 5)
    tick = int(slider.get_attribute("value"))
    assert tick == payload["factors"][2]["rest"] + 5
    hold = browser.find_element("id", "panel-hold-2")
    assert chances(browser) == expected(payload, [{"factor": 2, "tick": tick, "first": 1, "last": 4}]) and hold.is_selected()
    assert slider.get_attribute("aria-valuetext").endswith("units, weeks 1 to 4")
    press(browser, "panel-weeks", Keys.ARROW_RIGHT, 3)
    assert chances(browser) == expected(payload, [{"factor": 2, "tick": tick, "first": 1, "last": 7}])
    hold.send_keys(Keys.SPACE)
    assert chances(browser) == expected(payload) and slider.get_attribute("value") == str(payload["factors"][2]["rest"])


def test_a_ready_scenario_sets_the_sliders_with_its_own_weeks(browser: Any, payload: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    moves = payload["scenarios"][0]["moves"]
    press(browser, "panel-scenario", Keys.ARROW_DOWN)
    found = chances(browser)
    assert found == expected(payload, moves) and abs(found[1] - 100 * read_panel(payload).within[1]) > 1
    assert browser.find_element("id", "panel-weeks").get_attribute("aria-valuetext") == "as the scenario has it"
    for move in moves:
        slider = browser.find_element("id", f"panel-factor-{move['factor']}")
        assert slider.get_attribute("value") == str(move["tick"])
        assert slider.get_attribute("aria-valuetext").endswith(f"weeks {move['first']} to {move['last']}")
    slider = press(browser, "panel-factor-0", Keys.ARROW_LEFT)
    moved = [move | {"tick": move["tick"] - 1} if move["factor"] == 0 else move for move in moves]
    assert chances(browser) == expected(payload, moved)  # one of one's own now, with the other paths as they were
    assert browser.find_element("id", "panel-scenario").get_attribute("value") == ""
    weeks = press(browser, "panel-weeks", Keys.ARROW_LEFT, 3)
    press(browser, "panel-reset", Keys.SPACE)
    assert chances(browser) == expected(payload)
    assert weeks.get_attribute("value") == weeks.get_attribute("defaultValue")


def test_the_curve_is_drawn_where_the_axes_are(browser: Any, payload: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    press(browser, "panel-condition-1", Keys.ARROW_RIGHT, 6)
    chances(browser)
    frame, path = browser.execute_script(
        "return [JSON.parse(document.getElementById('panel-data').textContent).frame,"
        "document.querySelector('#panel-what-if path').getAttribute('d')]"
    )
    points = np.array([[float(number) for number in point.split()] for point in path.removeprefix("M ").split(" L ")])
    left, right, bottom, top = frame
    assert (points[:, 1] - bottom) / (top - bottom) == pytest.approx([0, *read_panel(payload, (), (0.0, 1.2)).by_week], abs=0.001)
    assert (points[:, 0] - left) / (right - left) == pytest.approx(np.linspace(0, 1, len(points)), abs=0.001)
    gridlines = browser.execute_script("return document.querySelector('#panel-what-if').ownerSVGElement.outerHTML")
    assert f"{bottom:.2f}".rstrip("0").rstrip(".") in gridlines and f"{left:.2f}".rstrip("0").rstrip(".") in gridlines


def test_without_ready_scenarios_the_panel_still_works(page_with: Callable[[Any], str], browse: Callable[[str], Any], payload: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    bare = unfold(browse(page_with({**payload, "scenarios": []})))
    assert bare.find_elements("id", "panel-scenario") == []
    press(bare, "panel-condition-0", Keys.ARROW_LEFT, 2)
    assert chances(bare) == expected(payload, (), (-0.4, 0.0))
    press(bare, "panel-reset", Keys.SPACE)
    assert chances(bare) == expected(payload) and bare.get_log("browser") == []


def test_nothing_is_violated_and_nothing_hostile_runs(browser: Any) -> None:
    assert browser.get_log("browser") == []
    options = browser.find_elements("css selector", "#panel-scenario option")
    assert options[1].get_attribute("textContent") == f"All at once {HOSTILE}"


def test_the_page_lets_two_scripts_run(panelled: str, summary: dict[str, Any], tree: xr.DataTree, failed_summary: dict[str, Any]) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", panelled, re.DOTALL)
    assert len(scripts) == 2 and panelled.count("<script") == 3  # and the data
    digests = {f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts}
    assert set(re.findall(r"'sha256-[^']+'", panelled.split("<title>")[0])) == digests
    data = json.loads(re.search(r'id="panel-data">(.*?)</script>', panelled, re.DOTALL)[1])  # type: ignore[index]
    assert HOSTILE in data["scenarios"][0]["title"]
    for page, number in ((render_page(summary, tree), 1), (render_failure(failed_summary), 0)):
        assert page.count("<script") == page.split("</style>")[0].count("'sha256-") == number and 'id="what-if"' not in page


def test_a_script_that_was_changed_does_not_run(panelled: str, browse: Callable[[str], Any]) -> None:
    changed = unfold(browse(panelled.replace("asForecast();", "asForecast(); ")))
    assert changed.find_element("id", "panel-off").is_displayed() and not changed.find_element("id", "panel").is_displayed()
    assert "Content Security Policy" in json.dumps(changed.get_log("browser"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "mobile"), [(1280, False), (390, True)])
def test_axe_finds_nothing_with_every_fold_open(browser: Any, width: int, mobile: bool, scheme: str) -> None:
    from axe_selenium_python import Axe

    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": mobile})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    browser.set_script_timeout(120)
    browser.execute_script("for (const fold of document.querySelectorAll('details')) fold.open = true")
    axe = Axe(browser)
    axe.inject()
    found = axe.run()
    assert len(found["passes"]) > 20
    assert [(one["id"], one["impact"]) for one in found["violations"]] == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_it_fits_every_width(browser: Any, width: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    smallest = browser.execute_script(
        "return Math.min(...[...document.querySelectorAll('.panel input[type=range]')].map(i => i.getBoundingClientRect().height))"
    )
    assert smallest >= 24


def test_paper_has_no_panel(browser: Any) -> None:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element("css selector", ".what-if").is_displayed()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
