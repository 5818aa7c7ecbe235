"""The made-up run as fixtures, its page, and a browser to open it in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from made_up_run import gate, made_up_attribution, made_up_record, made_up_summary, made_up_tree


@pytest.fixture
def stored_attribution() -> dict[str, Any]:
    return made_up_attribution()


@pytest.fixture
def record() -> dict[str, Any]:
    return made_up_record()


@pytest.fixture
def summary() -> dict[str, Any]:
    return made_up_summary()


@pytest.fixture(scope="session")
def tree() -> xr.DataTree:
    return made_up_tree()


@pytest.fixture(scope="session")
def page(tree: xr.DataTree) -> str:
    from ripeness.report import render_page

    return render_page(made_up_summary(), tree, made_up_record(), None, made_up_attribution())


@pytest.fixture(scope="session")
def page_with(tree: xr.DataTree) -> Callable[[Any], str]:
    """The page with a panel."""
    from ripeness.report import render_page

    return lambda panel: render_page(made_up_summary(), tree, made_up_record(), None, made_up_attribution() | {"panel": panel})


@pytest.fixture
def failed_summary(summary: dict[str, Any]) -> dict[str, Any]:
    kept = (
        "schema",
        "title",
        "question",
        "origin",
        "run_id",
        "code_version",
        "model_version",
        "seed",
        "data_hash",
        "priors_hash",
        "versions",
        "command",
        "essay",
    )
    kept += ("dormancy", "headline_weeks", "indicators", "coverage", "rounds", "previous")
    rows = [row | {"probability": 0.234} for row in summary["forecasts"] if row["source"] == "outside"]
    return {key: summary[key] for key in kept} | {"forecasts": rows, "gate": gate(False)}


FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Opens a page from the file system in a real browser of its own."""
    if not (BROWSER and DRIVER):
        pytest.skip("no chromium with chromedriver: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    drivers = []

    def open_page(page: str) -> Any:
        folder: Path = tmp_path_factory.mktemp("browser")
        (folder / "page.html").write_text(page, "utf-8")
        options = webdriver.ChromeOptions()
        options.binary_location = str(BROWSER)
        for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        drivers.append(webdriver.Chrome(options=options, service=Service(str(DRIVER))))
        drivers[-1].get((folder / "page.html").as_uri())
        return drivers[-1]

    yield open_page
    for driver in drivers:
        driver.quit()
