"""In a real browser: a marketer drafts rules from a preset, sees who gains and who loses, and publishes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from werkzeug.serving import make_server

from tests.conftest import Ledger, redis_server
from tests.desk import EMAIL, PASSWORD, opened_desk, settings_of
from tests.given import World
from tests.test_chromium import browser, press, view

__all__ = ["browser"]

MARCH = "?from=2026-03-01&to=2026-03-31"


@pytest.fixture
def site(sqlite_ledger: Ledger, tmp_path: Path) -> Iterator[str]:
    """The address of a running application where an influencer's click meets an affiliate's code."""
    world = World(sqlite_ledger)
    world.code("BOB10", world.bob)
    world.order(net="90.00", clicks=[world.click(world.alice_link, days=1)], codes=["BOB10"])
    world.attribute()
    with opened_desk(
        settings_of(sqlite_ledger.url, redis_server(), tmp_path, PUBLIC_URL="http://127.0.0.1:8000")
    ) as desk:
        server = make_server("127.0.0.1", 0, desk.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()


def fits(chrome: webdriver.Chrome) -> bool:
    """Whether the page fits a phone and a desk, in light and in dark."""
    for width, theme in ((360, "dark"), (1280, "light")):
        view(chrome, width, theme)
        if chrome.execute_script("return document.documentElement.scrollWidth") > width:
            return False
    return True


def text(chrome: webdriver.Chrome) -> str:
    return chrome.find_element(By.TAG_NAME, "main").text


def test_a_marketer_sees_who_gains_and_who_loses_before_rules_come_in_force(
    browser: webdriver.Chrome, site: str
) -> None:
    browser.get(f"{site}/rules/{MARCH}")
    browser.find_element(By.NAME, "email").send_keys(EMAIL)
    browser.find_element(By.NAME, "password").send_keys(PASSWORD)
    press(browser, "form button")
    assert "In force: version 1" in text(browser)
    assert fits(browser)
    browser.find_element(By.NAME, "name").send_keys("Clicks first")
    Select(browser.find_element(By.NAME, "preset")).select_by_value("everflow_click")
    press(browser, ".filters button")
    assert "Draft: Clicks first" in text(browser)
    assert fits(browser)
    window = browser.find_element(By.NAME, "windows.click")
    window.clear()
    window.send_keys("0")
    press(browser, "form.rules button")
    assert "from a second" in text(browser)
    window = browser.find_element(By.NAME, "windows.click")
    window.clear()
    window.send_keys("21")
    press(browser, "form.rules button")
    browser.get(browser.current_url.partition("?")[0] + MARCH)
    partners = browser.find_element(By.CSS_SELECTOR, "main table").text
    assert "Alice €0.00 €90.00 +€90.00 1 0" in partners
    assert "Bob €90.00 €0.00 -€90.00 0 1" in partners
    assert fits(browser)
    assert browser.find_elements(By.CSS_SELECTOR, 'a[href*="/orders/"]')
    browser.get(browser.current_url.partition("/replay")[0] + "/publish")
    assert "What will be different" in text(browser)
    assert fits(browser)
    press(browser, "form.rules button")
    assert "In force: version 2" in text(browser)
    assert "Click: 21 days" in text(browser)
    assert [entry["message"] for entry in browser.get_log("browser") if "422" not in entry["message"]] == []  # type: ignore[no-untyped-call]
