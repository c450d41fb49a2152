"""In a real browser: a marketer signs in and reads every page, on a desk and on a phone, in light and in dark."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from apiflask import APIFlask
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import Select, WebDriverWait
from werkzeug.serving import make_server

from tests import given
from tests.conftest import CHROMEDRIVER, CHROMIUM, Ledger, redis_server, require_chromium, sqlite_template
from tests.desk import EMAIL, PASSWORD, opened_desk, settings_of
from tests.sample_books import write_books
from tracker import estimates
from tracker.ledger.database import open_database, sessions
from tracker.wiring import Wiring

MARCH = "?from=2026-03-01&to=2026-03-31"


class Site(NamedTuple):
    """The address of a running application with something to show, the path of a receipt, and what it works with."""

    address: str
    receipt: str
    wiring: Wiring
    app: APIFlask


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An application in a thread, over two brands' books."""
    folder = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{folder}/ledger.db"
    (folder / "ledger.db").write_bytes(sqlite_template().read_bytes())
    engine = open_database(url)
    ledger = Ledger(url, engine, sessions(engine))
    with ledger.writing() as session:
        write_books(session)
    receipt = _story(ledger)
    engine.dispose()
    with opened_desk(settings_of(url, redis_server(), folder, PUBLIC_URL="http://127.0.0.1:8000")) as desk:
        server = make_server("127.0.0.1", 0, desk.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Site(f"http://127.0.0.1:{server.server_port}", receipt, desk.wiring, desk.app)
        server.shutdown()
        thread.join()
        server.server_close()


def _story(ledger: Ledger) -> str:
    world = given.World(ledger, name="Zinc")
    clicks = [world.click(world.alice_link, days=3), world.click(world.bob_link, hours=1)]
    world.code("ALICE15", world.alice)
    order = world.order(net="90.00", clicks=clicks, codes=["alice15"])
    world.attribute()
    return f"/orders/{order}?brand={world.brand}"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A fresh Chromium without a window."""
    require_chromium()
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--lang=en"),
        *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def signed_in(browser: webdriver.Chrome, site: Site) -> webdriver.Chrome:
    """The browser after Marie signed in by the form."""
    browser.get(f"{site.address}/reports/channels{MARCH}")
    browser.find_element(By.NAME, "email").send_keys(EMAIL)
    browser.find_element(By.NAME, "password").send_keys(PASSWORD)
    press(browser, "form button")
    return browser


def press(browser: webdriver.Chrome, selector: str) -> None:
    """Press a button that sends a form, and wait for the page that answers."""
    page = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(By.CSS_SELECTOR, selector).click()
    # Between two pages the driver may say something else of the old one than that it is stale.
    WebDriverWait(browser, 20, ignored_exceptions=(WebDriverException,)).until(staleness_of(page))


def view(browser: webdriver.Chrome, width: int, theme: str) -> None:
    """Pretend to be a screen of this width and theme."""
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def test_signing_in_leads_to_the_page_that_was_wanted(signed_in: webdriver.Chrome) -> None:
    assert signed_in.current_url.endswith(f"/reports/channels{MARCH}")
    assert "Influence and affiliate" in signed_in.title
    assert "€33.35" in signed_in.find_element(By.CSS_SELECTOR, "table").text


def test_a_picture_is_drawn_in_either_theme_and_breaks_no_rule(signed_in: webdriver.Chrome, site: Site) -> None:
    for width, theme in ((1280, "light"), (360, "dark")):
        view(signed_in, width, theme)
        signed_in.get(f"{site.address}/reports/days{MARCH}")
        WebDriverWait(signed_in, 20).until(lambda page: page.find_elements(By.CSS_SELECTOR, "figure[data-drawn]"))
        plot = signed_in.find_element(By.CSS_SELECTOR, ".plot canvas")
        assert 100 < plot.size["width"] <= width
    complaints = signed_in.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry["message"] for entry in complaints] == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_header_of_a_phone_is_one_line_and_names_the_brand(
    signed_in: webdriver.Chrome, site: Site, language: str
) -> None:
    view(signed_in, 360, "light")
    signed_in.execute_cdp_cmd("Network.enable", {})
    signed_in.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})
    signed_in.get(site.address + site.receipt)
    button = signed_in.find_element(By.CSS_SELECTOR, ".who button")
    brand = signed_in.find_element(By.CSS_SELECTOR, ".top .brand")
    spoken = signed_in.execute_script("return document.documentElement.lang")
    cut = signed_in.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", brand)
    signed_in.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {}})
    assert spoken == language
    assert button.size["height"] < 50
    assert (brand.text, cut) == ("Zinc", False)


def test_the_menu_of_a_phone_is_asked_for_and_needs_no_script(signed_in: webdriver.Chrome, site: Site) -> None:
    view(signed_in, 360, "light")
    signed_in.get(site.address)
    menu = signed_in.find_element(By.CSS_SELECTOR, ".menu")
    assert not menu.is_displayed()
    signed_in.find_element(By.CSS_SELECTOR, ".to-menu").send_keys(Keys.ENTER)
    assert menu.is_displayed()
    heading = next(one for one in menu.find_elements(By.TAG_NAME, "summary") if one.text == "Money")
    heading.send_keys(Keys.ENTER)
    assert signed_in.find_element(By.LINK_TEXT, "Terms").is_displayed()
    signed_in.find_element(By.CSS_SELECTOR, ".menu .close").send_keys(Keys.ENTER)
    assert not menu.is_displayed()


def follow(browser: webdriver.Chrome, words: str, within: str = "main") -> None:
    """Follow a link by its words, in the main part of the page or the menu."""
    page = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(By.CSS_SELECTOR, within).find_element(By.LINK_TEXT, words).click()
    WebDriverWait(browser, 20, ignored_exceptions=(WebDriverException,)).until(staleness_of(page))


def test_a_marketer_goes_from_who_opens_to_a_receipt_from_the_paths_and_asks_all_models(
    signed_in: webdriver.Chrome, site: Site
) -> None:
    view(signed_in, 1280, "light")
    brand = site.receipt.partition("?")[2]
    signed_in.get(f"{site.address}/{MARCH}&{brand}")
    follow(signed_in, "Who opens, who closes", ".menu")
    answer = signed_in.find_element(By.CSS_SELECTOR, ".answer").text
    assert "100.0%" in answer
    assert "€90.00 of €90.00 net revenue, 1 of 1 orders" in answer
    follow(signed_in, "Who opened them, for whom")
    follow(signed_in, "Alice")
    follow(signed_in, "Orders")
    signed_in.find_element(By.CSS_SELECTOR, "tbody th a").click()
    assert signed_in.find_element(By.TAG_NAME, "h1").text.startswith("Order")
    follow(signed_in, "Paths", ".menu")
    assert signed_in.find_element(By.CSS_SELECTOR, ".path").text == "Influence › Affiliate"
    signed_in.find_element(By.XPATH, "//summary[.='Proof']").click()
    follow(signed_in, "Models compared", ".menu")
    Select(signed_in.find_element(By.NAME, "level")).select_by_visible_text("Channel and kind of partner")
    press(signed_in, ".filters button")
    press(signed_in, ".asking button")
    assert "Waiting for a worker" in signed_in.find_element(By.TAG_NAME, "main").text
    clock = site.wiring.clock
    assert estimates.work_on_next(site.wiring.sessions, clock.now(), clock.wall())
    signed_in.refresh()
    headline = signed_in.find_element(By.CSS_SELECTOR, "section.card.estimated").text
    assert headline.startswith("What the touches added Estimated, never paid")
    assert "this model wants" in headline
    follow(signed_in, "Paths", ".menu")
    follow(signed_in, "7 days")
    assert "A path needs an order" in signed_in.find_element(By.CSS_SELECTOR, "section.empty").text


def test_a_receipt_shows_what_every_model_gives_without_scrolling(signed_in: webdriver.Chrome, site: Site) -> None:
    view(signed_in, 1280, "light")
    signed_in.get(site.address + site.receipt)
    journey, models, *_ = signed_in.find_elements(By.CSS_SELECTOR, ".scroll")
    headings = [heading.text for heading in models.find_elements(By.TAG_NAME, "th")]
    assert {"Code first", "First click", "Last click pays", "Linear", "Time decay"} <= set(headings)
    for table in (journey, models):
        assert signed_in.execute_script("return arguments[0].scrollWidth <= arguments[0].clientWidth", table)


def test_dark_is_dark_and_light_is_light(signed_in: webdriver.Chrome, site: Site) -> None:
    grounds = {}
    for theme in ("light", "dark"):
        view(signed_in, 1280, theme)
        signed_in.get(site.address)
        script = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        grounds[theme] = sum(signed_in.execute_script(script))
    assert grounds["light"] > 600
    assert grounds["dark"] < 150


def test_a_filter_is_a_form_that_works_without_any_script(signed_in: webdriver.Chrome, site: Site) -> None:
    view(signed_in, 1280, "light")
    signed_in.get(f"{site.address}/orders{MARCH}")
    signed_in.find_element(By.NAME, "code").send_keys("nobody")
    press(signed_in, ".filters button")
    rows = signed_in.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert [row.find_element(By.TAG_NAME, "th").text for row in rows] == ["A4"]


def test_signing_out_closes_the_door(signed_in: webdriver.Chrome, site: Site) -> None:
    press(signed_in, ".who button")
    signed_in.get(site.address)
    assert signed_in.find_elements(By.NAME, "password")
