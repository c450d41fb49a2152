"""One story from a campaign's objective to its report, in a real browser, through every part of the house.

Nothing is reached past its door: people use pages, the shop signs its webhook, and the workers' own jobs bring each
fact on its way, over a real Redis. Every figure of the end is arithmetic of the beginning.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from werkzeug import Request, Response

import workers.attribution
import workers.commissions
import workers.orders
from tests import given, intake, payloads
from tests.conftest import Ledger, redis_server, require_chromium, sqlite_template
from tests.desk import EMAIL, PASSWORD, Desk, opened_desk, settings_of
from tests.test_chromium import follow, press, view
from tests.test_papers import said, text
from tests.test_snippet import SHOP, TRACKER, _browser, served
from tracker.ledger.database import open_database, sessions
from workers.clicks import ClickWorker
from workers.shipper import Shipper

ZOE = "zoe@example.com"
FEE, GOODS = 2500, 7137  # what is spent before, and what the order counts: 93.89 less 15.65 of tax and 6.87 of shipping
DUE = 714  # ten percent of 71.37, half up
SPENT = FEE + DUE
MISSING = 3 * SPENT - GOODS  # to a target of 3:1

LANDING = """<!doctype html><html lang=fr><title>Robe</title><link rel=icon href=data:,>
<button id=consent onclick="tracker('consent', true)">J'accepte</button>
<form data-tracker action=/thanks><button id=buy>Acheter</button></form>
<script src="{tracker}/s.js?brand={brand}"></script>"""


@dataclass
class TestShop:
    """A shop that carries our snippet. Whoever buys is thanked, and the tracker is told by a signed webhook."""

    __test__ = False

    brand: str
    door: intake.OpenedShop
    tracker: int = 0
    sales: list[int] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        if request.path == "/thanks":
            self.sales.append(self._tell(request.args.get("rk", "")))
        page = LANDING.format(tracker=TRACKER, brand=self.brand)
        return Response(page, mimetype="text/html")(environ, start_response)

    def _tell(self, click_ids: str) -> int:
        """What the tracker answers to the order."""
        now = datetime.now(UTC)
        moment = now.isoformat(timespec="seconds")
        told = payloads.standard_order(click_ids=click_ids.split(","), placed_at=moment, updated_at=moment)
        body = json.dumps({**told, "timestamp": moment}).encode()
        signed = payloads.PLATFORMS["standard"].sign(body, self.door.secret, now, "d1")
        unsafe = ssl.create_default_context()
        unsafe.check_hostname, unsafe.verify_mode = False, ssl.CERT_NONE
        line = HTTPSConnection("127.0.0.1", self.tracker, context=unsafe)
        line.request("POST", self.door.path, body, {**signed, "Host": "go.example.com"})
        answer = line.getresponse()
        answer.read()
        line.close()
        return answer.status


@dataclass
class Town:
    """A browser, the tracker behind its name, and a shop behind its own."""

    browser: webdriver.Chrome
    desk: Desk
    shop: TestShop

    def sign_in(self, width: int) -> None:
        """Marie, on a screen of this width."""
        self.leave()
        view(self.browser, width, "light")
        self.browser.get(f"{TRACKER}/sign-in")
        self.browser.find_element(By.NAME, "email").send_keys(EMAIL)
        self.browser.find_element(By.NAME, "password").send_keys(PASSWORD)
        press(self.browser, "main form button")

    def leave(self) -> None:
        """Whoever sits there goes, and takes everything that the browser knows along."""
        self.browser.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def send(self, form: str, **fields: str) -> None:
        """Fill the form that is sent there, as hands do, and press its first button."""
        for name, words in fields.items():
            one = self.browser.find_element(By.CSS_SELECTOR, f'form[action*="{form}"] [name="{name}"]')
            if one.tag_name == "select":
                Select(one).select_by_visible_text(words)
            elif one.get_attribute("type") == "date":
                self.browser.execute_script("arguments[0].value = arguments[1]", one, words)
            else:
                one.clear()
                one.send_keys(words)
        press(self.browser, f'form[action*="{form}"] button')

    def step(self, name: str) -> None:
        """Go to a step of the campaign."""
        press(self.browser, f'.progress [href*="/{name}"]')

    def text(self, selector: str = "main") -> str:
        """What a person reads there."""
        return self.browser.find_element(By.CSS_SELECTOR, selector).text

    def tiles(self) -> str:
        """The first figures of the page."""
        return self.text(".tiles")


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    require_chromium()
    folder = tmp_path_factory.mktemp("end")
    url = f"sqlite:///{folder}/ledger.db"
    (folder / "ledger.db").write_bytes(sqlite_template().read_bytes())
    engine = open_database(url)
    ledger = Ledger(url, engine, sessions(engine))
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        world = given.World(ledger, name="Go")
        shop = TestShop(world.brand, intake.add_shop(ledger, brand_id=world.brand))
        desk = stack.enter_context(opened_desk(settings_of(url, redis_server(), folder)))
        stack.callback(desk.app.wsgi_app.close)  # type: ignore[attr-defined]
        desk.wiring.redis.flushall()
        for module in (workers.orders, workers.attribution, workers.commissions):
            monkeypatch.setattr(module, "wiring", lambda: desk.wiring)
        ports = [stack.enter_context(served(app)) for app in (shop, desk.app)]
        shop.tracker = ports[1]
        browser = _browser(tmp_path_factory.mktemp("profile"), *ports)
        stack.callback(browser.quit)
        yield Town(browser, desk, shop)


def euros(amount: int) -> str:
    return said(amount, "en")


def missing(told: str, *wanted: str) -> list[str]:
    """What is wanted and not told."""
    return [one for one in wanted if one not in told]


def bring_on_their_way(desk: Desk) -> None:
    """What the processes do of themselves: ship, record, ingest, credit, reckon. Each says how much it did."""
    wiring = desk.wiring
    clicks = ClickWorker(wiring.redis, wiring.sessions, wiring.clock, keep_ip=True, stop=threading.Event())
    clicks.next_batch()
    Shipper(wiring).turn()
    clicks.finish(clicks.next_batch())
    assert workers.orders.ingest_pending() == 1
    assert workers.attribution.attribute_due() == 1
    assert workers.commissions.accrue_due() == 1


def plan(town: Town) -> str:
    """Marie plans a campaign by its forms, agrees on terms and issues a link and a code; the campaign's address."""
    town.sign_in(1280)
    town.browser.get(f"{TRACKER}/campaigns")
    follow(town.browser, "New campaign")
    town.browser.find_element(By.CSS_SELECTOR, '[value="sales"]').click()
    today = datetime.now(ZoneInfo("Europe/Paris")).date()
    days = {"starts_on": str(today - timedelta(days=1)), "ends_on": str(today + timedelta(days=30))}
    town.send("/campaigns/new", name="Été indien", mention="Publicité", **days)
    town.send("/goal", metric="Net revenue", target="5 000")
    town.step("costs")
    town.send("/budget", budget="1000", target_return="3:1", margin="60")
    town.send("/costs", kind="Fee", amount="25,00")
    town.step("partners")
    town.send("/partners", name="Zoé Martin", followers="25 000", email=ZOE)
    town.send("/links", url=f"{SHOP}/robe")
    press(town.browser, '[value="check"]')
    press(town.browser, '[value="issue"]')
    assert "1 row issued" in town.text('[role="status"]')
    campaign = town.browser.current_url.partition("?")[0].removesuffix("/links")
    town.browser.get(f"{TRACKER}/terms")
    town.send("/terms", partner="Zoé Martin", percent="10", hold_days="30", valid_from=days["starts_on"])
    return campaign


def invited(town: Town) -> str:
    """Marie invites Zoé; the link that she hands over."""
    with town.desk.wiring.engine.connect() as connection:
        zoe = connection.exec_driver_sql("SELECT id FROM partners WHERE email = ?", (ZOE,)).scalar_one()
    town.browser.get(f"{TRACKER}/partners/{zoe}")
    town.send("/invite", email=ZOE)
    return town.browser.find_element(By.CSS_SELECTOR, '[role="status"] input').get_attribute("value") or ""


def test_a_sale_goes_from_the_campaign_that_was_planned_to_the_paper_that_is_handed_over(town: Town) -> None:
    campaign = plan(town)
    town.browser.get(f"{campaign}/links")
    link = town.text("td.address code")
    code = town.browser.find_elements(By.CSS_SELECTOR, "ul.plain code")[0].text
    assert (link.startswith(f"{TRACKER}/r/"), bool(code)) == (True, True)
    invitation = invited(town)
    town.browser.get(campaign)
    assert re.search(r"Spent\s+€25\.00\s+of €1,000\.00", town.tiles())
    assert "€0.00" in town.tiles()

    buy(town, link)
    bring_on_their_way(town.desk)

    town.sign_in(1280)
    town.browser.get(campaign)
    assert missing(town.tiles(), euros(SPENT), euros(GOODS), "1 order", f"{GOODS / SPENT:.1f}:1", euros(MISSING)) == []
    receipt_of(town, campaign)
    influencer_reads(town, invitation)
    paper_says(town, campaign)


def buy(town: Town, link: str) -> None:
    """A visitor follows the link, consents, and buys."""
    town.leave()
    town.browser.get(link)
    assert re.fullmatch(rf"{SHOP}/robe\?.*\brk=[0-9a-f]{{32}}\b.*", town.browser.current_url)
    town.browser.find_element(By.ID, "consent").click()
    assert town.browser.execute_script("return localStorage.getItem('tracker')")
    press(town.browser, "#buy")
    assert town.shop.sales == [200]


def receipt_of(town: Town, campaign: str) -> None:
    """From the campaign to its order, and to who is credited and why."""
    town.browser.get(f"{campaign}/report")
    follow(town.browser, "Orders")
    follow(town.browser, "#1042")
    assert missing(town.text(), "Zoé Martin", euros(GOODS)) == []
    for report, *figures in (("returns", SPENT, GOODS, DUE), ("owed", DUE), ("partners", GOODS)):
        town.browser.get(f"{TRACKER}/reports/{report}")
        assert missing(town.text(), *(euros(figure) for figure in figures)) == []


def influencer_reads(town: Town, invitation: str) -> None:
    """Zoé opens the invitation on her phone, chooses a password, and sees the sale and what she is owed."""
    town.leave()
    view(town.browser, 360, "light")
    town.browser.get(invitation)
    town.browser.find_element(By.NAME, "password").send_keys("a summer that lasts")
    press(town.browser, "main form button")
    assert town.text("h1") == "Hello Zoé Martin"
    assert re.search(rf"On hold\s+{re.escape(euros(DUE))}", town.text())
    assert euros(GOODS) in town.text()
    follow(town.browser, "Sales of the last 30 days")
    assert "#1042" in town.text()
    press(town.browser, "a.sale")
    assert euros(DUE) in town.text()
    assert town.browser.execute_script("return document.documentElement.scrollWidth") <= 360


def paper_says(town: Town, campaign: str) -> None:
    """The paper to hand over says the same, in both languages."""
    town.desk.sign_in()
    for language, point in (("en", "."), ("fr", ",")):
        told = text(town.desk.get(f"{campaign.removeprefix(TRACKER)}/bilan.pdf?lang={language}").data)
        shares = (f"{GOODS / SPENT:.2f}:1", f"{(GOODS - SPENT) / SPENT * 100:.1f}")
        figures = [*(said(one, language) for one in (SPENT, GOODS, DUE)), *(one.replace(".", point) for one in shares)]
        assert missing(told, "Zoé Martin", *figures) == []
    assert [entry["message"] for entry in town.browser.get_log("browser")] == []  # type: ignore[no-untyped-call]
