"""In a real browser, on a phone: a partner reads every page in light and in dark, copies a link and disputes a sale."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from werkzeug.serving import make_server

from tests.test_chromium import browser, press
from tests.test_portal import ALICE, PASSWORD, Stage, Theatre, theatre

__all__ = ["browser", "theatre"]

PAGES = ("", "/links", "/sales", "/money", "/messages")


@pytest.fixture(scope="module")
def address(theatre: Theatre) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, theatre.desk.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def phone(browser: webdriver.Chrome, address: str) -> webdriver.Chrome:
    """Alice's phone, signed in."""
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(f"{address}/sign-in")
    browser.find_element(By.NAME, "email").send_keys(ALICE)
    browser.find_element(By.NAME, "password").send_keys(PASSWORD)
    press(browser, "main button")
    return browser


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_a_phone(phone: webdriver.Chrome, address: str, theatre: Theatre, theme: str) -> None:
    told = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    phone.execute_cdp_cmd("Emulation.setEmulatedMedia", told)
    stage: Stage = theatre.opened
    for path in (*PAGES, f"/sales/{stage.order}", f"/sales/{stage.lost}"):
        phone.get(f"{address}/partner{path}")
        assert phone.execute_script("return document.documentElement.scrollWidth") <= 360, path
        assert len(phone.find_elements(By.TAG_NAME, "h1")) == 1, path
        unnamed = "return [...document.querySelectorAll('input:not([type=hidden]),select,textarea')]"
        assert phone.execute_script(f"{unnamed}.filter(one => !one.labels.length).length") == 0, path
    said = phone.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry for entry in said if entry["level"] == "SEVERE"] == []


def test_a_link_is_copied_with_its_mention_by_one_touch(phone: webdriver.Chrome, address: str) -> None:
    phone.get(f"{address}/partner/links")
    phone.execute_script("navigator.clipboard.writeText = async (text) => { document.body.dataset.copied = text; };")
    phone.find_element(By.CSS_SELECTOR, "[data-copy^=said-]").click()
    copied = phone.find_element(By.TAG_NAME, "body").get_attribute("data-copied")
    assert copied is not None
    assert copied.startswith("Publicité · https://maison.example.com/r/")


def test_a_sale_is_disputed_by_touch(phone: webdriver.Chrome, address: str, theatre: Theatre) -> None:
    phone.get(f"{address}/partner/sales/{theatre.opened.lost}")
    phone.find_element(By.NAME, "text").send_keys("She came by my story.")
    press(phone, "#dispute button")
    assert "Waiting for an answer" in phone.find_element(By.ID, "dispute").text
