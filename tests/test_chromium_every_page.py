"""In a real browser: every page there is, light on a desk and dark on a phone, for eyes, ears and keyboards."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.desk import EMAIL, PASSWORD
from tests.every_page import CAREFUL, PARTNER, House, Reader, furnish, pages
from tests.test_chromium import Site, browser, press, site, view

__all__ = ["browser", "site"]

ACCOUNTS = {Reader.MARKETER: EMAIL, Reader.PARTNER: PARTNER, Reader.CAREFUL: CAREFUL}
RULES: dict[str, object] = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# What another theme and width may change of what the first look has seen.
LOOKS: dict[str, object] = {
    "type": "rule",
    "values": ["color-contrast", "link-in-text-block", "scrollable-region-focusable"],
}

JUDGE = """
const [rules, answer] = arguments;
const asked = {runOnly: rules, resultTypes: ['violations'], preload: false};
axe.run(document, asked).then(found => answer(
  found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.target} ${node.any[0]?.message || ''}`))));
"""
# WCAG 2.2, 2.5.8: a control is at least 24 by 24 pixels, a tick by the label that it can be hit through.
SMALL = """
return [...document.querySelectorAll('button, input:not([type=hidden]), select, textarea, summary')].filter(one => {
  const box = (one.matches('[type=checkbox], [type=radio]') && one.closest('label') || one).getBoundingClientRect();
  return one.checkVisibility() && box.width > 1 && (box.width < 24 || box.height < 24);
}).map(one => `small: ${one.outerHTML.slice(0, 120)}`);
"""
LISTEN = """
window.reached = [];
addEventListener('focusin', ({target}) => {
  const style = getComputedStyle(target), box = target.getBoundingClientRect();
  const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 || style.boxShadow !== 'none';
  reached.push([target, seen && box.bottom > 0 && box.right > 0]);
});
"""
CONTROLS = """
const radios = new Set();
return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')].filter(
  one => one.checkVisibility() && !one.disabled && !one.closest('[tabindex="-1"]:not(main):not(nav)')
    && !(one.type === 'radio' && (radios.has(one.name) || !radios.add(one.name)))).length;
"""


@pytest.fixture(scope="module")
def house(site: Site) -> House:
    """One of everything, in the brand that has a real receipt."""
    return furnish(site.wiring, site.receipt.partition("brand=")[2])


@pytest.fixture(scope="module")
def judge(browser: webdriver.Chrome, house: House) -> webdriver.Chrome:
    """The browser, with axe in every page before anything of the page's own: its policy has no say in that."""
    source = (files("axe_core_python") / "axe.min.js").read_text()
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    return browser


def become(browser: webdriver.Chrome, site: Site, reader: Reader) -> None:
    """Sign in as whoever reads the pages."""
    browser.get(f"{site.address}/sign-in")
    browser.delete_all_cookies()
    if reader in ACCOUNTS:
        browser.get(f"{site.address}/sign-in")
        browser.find_element(By.NAME, "email").send_keys(ACCOUNTS[reader])
        browser.find_element(By.NAME, "password").send_keys(PASSWORD)
        press(browser, "form button")


def faults(browser: webdriver.Chrome, width: int, rules: dict[str, object] = RULES) -> list[str]:
    """What is wrong with the page that is open, by these rules of axe and our own."""
    inner = browser.execute_script("return document.documentElement.scrollWidth")
    found: list[str] = [] if inner <= width else [f"{inner} wide on {width}"]
    if len(browser.find_elements(By.TAG_NAME, "h1")) != 1:
        found.append("not one first heading")
    found += browser.execute_async_script(JUDGE, rules)
    found += browser.execute_script(SMALL)
    said: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return found + [entry["message"] for entry in said]


def test_nothing_is_wrong_on_any_page(judge: webdriver.Chrome, site: Site, house: House) -> None:
    """Each page is loaded once and looked at twice: the second look is the first one's, on a phone at night."""
    wrong: dict[str, list[str]] = {}
    for reader, paths in pages(site.app, house).items():
        become(judge, site, reader)
        for path in paths:
            view(judge, 1280, "light")
            judge.get(site.address + path)
            found = faults(judge, 1280)
            view(judge, 360, "dark")
            if found := [*found, *faults(judge, 360, LOOKS), *elsewhere(judge, site.address + path)]:
                wrong[path] = found
    assert wrong == {}


def elsewhere(browser: webdriver.Chrome, wanted: str) -> list[str]:
    """Where the address led to, if it was elsewhere."""
    there = browser.current_url.partition("?")[0]
    return [] if there == wanted.partition("?")[0] else [f"led to {there}"]


@pytest.mark.parametrize("path", ["/", "/orders", "/reports/returns", "/campaigns/new", "/account"])
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    judge: webdriver.Chrome, site: Site, path: str
) -> None:
    view(judge, 1280, "light")
    become(judge, site, Reader.MARKETER)
    judge.get(site.address + path)
    judge.execute_script(LISTEN)
    controls = judge.execute_script(CONTROLS)
    judge.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB * (controls + 20))
    reached = judge.execute_script("return reached.map(([one, seen]) => [one.outerHTML.slice(0, 120), seen])")
    assert 'class="skip"' in reached[0][0]
    assert [text for text, seen in reached if not seen] == []
    missed = judge.execute_script("return new Set(reached.map(([one]) => one)).size") - controls
    assert missed >= 0
