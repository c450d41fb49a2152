"""In a real browser, on a phone: a marketer goes from a new campaign to links that are issued, step by step."""

from __future__ import annotations

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.test_chromium import Site, browser, follow, press, signed_in, site, view

__all__ = ["browser", "signed_in", "site"]


def fill(browser: webdriver.Chrome, form: str, **fields: str) -> None:
    """Type into the fields of the form that is sent there; days as a browser's own field takes them."""
    for name, value in fields.items():
        field = browser.find_element(By.CSS_SELECTOR, f'form[action*="{form}"] [name="{name}"]')
        if field.get_attribute("type") == "date":
            browser.execute_script("arguments[0].value = arguments[1]", field, value)
        elif field.tag_name == "select":
            Select(field).select_by_visible_text(value)
        else:
            field.clear()
            field.send_keys(value)


def send(browser: webdriver.Chrome, form: str, **fields: str) -> None:
    """Fill a form and press its first button."""
    fill(browser, form, **fields)
    press(browser, f'form[action*="{form}"] button')
    inner = browser.execute_script("return document.documentElement.scrollWidth")
    assert inner <= 360, f"{browser.current_url} is {inner} wide"


def go(browser: webdriver.Chrome, step: str) -> None:
    """Go to a step by the progress of the page."""
    press(browser, f'.progress [href*="/{step}"]')


def here(browser: webdriver.Chrome) -> str:
    """The step that the page shows."""
    return browser.find_element(By.CSS_SELECTOR, ".progress [aria-current]").text


def test_a_campaign_goes_from_its_objective_to_issued_links_on_a_phone(signed_in: webdriver.Chrome, site: Site) -> None:
    view(signed_in, 360, "light")
    signed_in.get(f"{site.address}/campaigns?{site.receipt.partition('?')[2]}")
    follow(signed_in, "New campaign")
    signed_in.find_element(By.CSS_SELECTOR, '[value="sales"]').click()
    days = {"starts_on": "2026-04-01", "ends_on": "2026-04-30"}
    send(signed_in, "/campaigns/new", name="Été indien", mention="Publicité", brief="In daylight.", **days)
    assert here(signed_in) == "Goals"
    send(signed_in, "/goal", metric="Net revenue", target="5 000")
    go(signed_in, "costs")
    send(signed_in, "/budget", budget="1000,50", margin="40")
    send(signed_in, "/costs", kind="Fee", amount="250,00", partner="Alice")
    assert "\u20ac250.00" in signed_in.find_element(By.CSS_SELECTOR, ".tiles").text
    go(signed_in, "partners")
    send(signed_in, "/partners", name="Zoé Martin", followers="25 000")
    press(signed_in, 'form[action*="/links"] button')
    assert "Zoé Martin,https://shop.example/," in (signed_in.find_element(By.NAME, "rows").get_attribute("value") or "")
    press(signed_in, '[value="check"]')
    assert "1 row to issue" in signed_in.find_element(By.CSS_SELECTOR, '[role="status"]').text
    press(signed_in, '[value="issue"]')
    assert "1 row issued" in signed_in.find_element(By.CSS_SELECTOR, '[role="status"]').text
    done = signed_in.find_elements(By.CSS_SELECTOR, ".progress .done")
    assert len(done) == 5
    assert signed_in.find_elements(By.CSS_SELECTOR, 'a[href*="qr.svg"]')
    go(signed_in, "report")
    follow(signed_in, "Orders")
    assert "campaign=" in signed_in.current_url
