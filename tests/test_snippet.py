"""The shop's snippet in a real browser: what the visit brought reaches the order, and consent decides what is kept."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from sqlalchemy import text
from werkzeug import Request, Response
from werkzeug.serving import make_server

from tests import given, intake, payloads
from tests.conftest import CHROMEDRIVER, CHROMIUM, Ledger, redis_server, require_chromium, sqlite_template
from tests.desk import Desk, opened_desk, settings_of
from tracker import journal, pipeline
from tracker.domain.ids import new_id
from tracker.ledger.database import open_database, sessions
from tracker.ledger.orders import order_id
from tracker.web.snippet import script

SHOP, TRACKER = "https://shop.example", "https://go.example.com"
A, B, C = (letter * 32 for letter in "abc")
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36"

PAGES = {
    "shopify": "<script>window.Shopify = {{routes: {{root: '/'}}}}</script>{snippet}"
    "<form action=/cart><button>Checkout</button></form>",
    "woo": "<form class=checkout action=/thanks><button>Order</button></form>{snippet}",
    "stripe": "<a id=buy href='https://buy.stripe.com/test_1?prefilled_email=a%40b.fr'>Buy</a>"
    "<a id=taken href='https://buy.stripe.com/test_1?client_reference_id=cart-7'>Buy</a>"
    "<a id=other href='https://stripe.com.evil.example/.stripe.com/'>No</a>"
    "<stripe-buy-button buy-button-id=b1></stripe-buy-button>{snippet}",
    "form": "<form id=one action=/thanks><input type=hidden name=rk><button>Go</button></form>"
    "<form id=two data-tracker></form><input type=hidden id=three name=ours data-tracker=rk_via>"
    "<input type=hidden id=four name=rk_via value=theirs>{snippet}",
    "twice": "<form data-tracker></form>{snippet}{snippet}",
    "queue": "<script>window.tracker = function () {{ (tracker.q = tracker.q || []).push(arguments) }};"
    "tracker('consent', true)</script><form data-tracker></form>{snippet}",
    "taken": "<p id=tracker></p><script>window.tracker = 'theirs'</script><form data-tracker></form>{snippet}",
    "wordpress": "<script>window.wp_has_consent = (kind) => kind === 'marketing'</script>"
    "<form class=checkout></form>{snippet}",
    "clumsy": "<script>window.Shopify = {{customerPrivacy: {{}}}}</script><form data-tracker></form>{snippet}",
    "barred": "<script>Object.defineProperty(window, 'localStorage', {{get() {{ throw new Error('SecurityError') }}}})"
    "</script><form data-tracker></form>{snippet}",
    "strict": "<form data-tracker></form>{snippet}",
}


@dataclass
class Shop:
    """A web shop of every kind, `/<kind>/<consent>`; `/` is the kind that is at home. It notes what it was told."""

    brand: str
    home: str = "shopify/granted"
    cart: dict[str, str] = field(default_factory=dict)
    updates: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path == "/cart.js":
            return Response(json.dumps({"attributes": self.cart, "items": []}), mimetype="application/json")
        if request.path == "/cart/update.js":
            assert request.method == "POST"
            assert request.content_type == "application/json"
            told = json.loads(request.get_data())["attributes"]
            self.updates.append(told)
            self.cart |= told
            return Response(json.dumps({"attributes": self.cart}), mimetype="application/json")
        kind, _, consent = (request.path.strip("/") or self.home).partition("/")
        headers = {}
        if kind == "strict":
            policy = f"default-src 'none'; script-src {TRACKER}; connect-src 'self'; img-src data:"
            headers["Content-Security-Policy"] = f"{policy}; require-trusted-types-for 'script'; trusted-types 'none'"
        body = PAGES.get(kind, "<p>thanks</p>").format(snippet=self._tag(consent))
        return Response(f"<!doctype html><link rel=icon href=data:,>{body}", mimetype="text/html", headers=headers)

    def _tag(self, consent: str) -> str:
        said = f" data-consent={consent}" if consent else ""
        return f'<script src="{TRACKER}/s.js?brand={self.brand}"{said}></script>'


@contextmanager
def served(app: Any) -> Iterator[int]:
    """The application behind TLS, as shops and trackers are; the port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context="adhoc")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Street:
    """A browser, the shop it stands in, and the tracker behind it."""

    browser: webdriver.Chrome
    shop: Shop
    desk: Desk
    world: given.World

    def visit(self, path: str, **query: str) -> None:
        """Land on a page of the shop."""
        self.browser.get(f"{SHOP}/{path}" + (f"?{urlencode(query)}" if query else ""))

    def run(self, code: str, *arguments: object) -> Any:
        """What a script in the page returns."""
        return self.browser.execute_script(code, *arguments)

    def value(self, selector: str) -> str | None:
        """The value of the first input there is."""
        found: str | None = self.run("const i = document.querySelector(arguments[0]); return i && i.value", selector)
        return found

    def kept(self) -> str | None:
        """What is in the site's storage."""
        found: str | None = self.run("return localStorage.getItem('tracker')")
        return found

    def wait(self, condition: Callable[[], object]) -> None:
        """Until it holds, at most ten seconds."""
        WebDriverWait(self.browser, 10, poll_frequency=0.02).until(lambda _: condition())

    def complaints(self) -> list[str]:
        """What the console says since last asked."""
        return [entry["message"] for entry in self.browser.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    require_chromium()
    folder = tmp_path_factory.mktemp("town")
    url = f"sqlite:///{folder}/ledger.db"
    (folder / "ledger.db").write_bytes(sqlite_template().read_bytes())
    engine = open_database(url)
    world = given.World(Ledger(url, engine, sessions(engine)), name="Go")
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        desk = stack.enter_context(opened_desk(settings_of(url, redis_server(), folder), account=False))
        stack.callback(desk.app.wsgi_app.close)  # type: ignore[attr-defined]
        shop = Shop(world.brand)
        ports = [stack.enter_context(served(app)) for app in (shop, desk.app)]
        browser = _browser(tmp_path_factory.mktemp("profile"), *ports)
        stack.callback(browser.quit)
        yield Street(browser, shop, desk, world)


def _browser(profile: Path, shop: int, tracker: int) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    names = f"MAP shop.example:443 127.0.0.1:{shop}, MAP go.example.com:443 127.0.0.1:{tracker}"
    for argument in (
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--lang=en"),
        *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
        *("--ignore-certificate-errors", f"--host-resolver-rules={names}", f"--user-agent={AGENT}"),
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)


@pytest.fixture
def street(town: Street) -> Street:
    """The street as on its first day: nothing kept, an empty cart."""
    town.browser.get("about:blank")
    for origin in (SHOP, TRACKER):
        town.browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
    town.shop.cart.clear()
    town.shop.updates.clear()
    town.complaints()
    return town


# --- each shop --------------------------------------------------------------------------------------------------------


def test_two_landings_reach_shopifys_cart_in_their_sequence_and_once(street: Street) -> None:
    street.visit("shopify/granted", rk=A)
    street.wait(lambda: street.shop.cart)
    street.visit("shopify/granted", rk=B)
    street.wait(lambda: len(street.shop.updates) == 2)
    street.visit("shopify/granted", rk=A)
    street.wait(lambda: street.run("return performance.getEntriesByName(location.origin + '/cart.js').length"))
    assert street.shop.cart["rk"] == f"{A},{B}"
    assert len(street.shop.updates) == 2
    assert street.complaints() == []


def test_an_emptied_cart_is_told_again_and_a_full_one_keeps_what_the_browser_forgot(street: Street) -> None:
    street.shop.cart |= {"rk": C, "gift": "yes"}
    street.visit("shopify/granted", rk=A)
    street.wait(lambda: street.shop.updates)
    assert street.shop.cart == {"rk": f"{C},{A}", "rk_via": "", "gift": "yes"}
    street.shop.cart.clear()
    street.visit("shopify/granted")
    street.wait(lambda: street.shop.cart)
    assert street.shop.cart["rk"] == A


def test_without_consent_nothing_is_kept_and_no_cart_is_touched(street: Street) -> None:
    street.visit("shopify", rk=A)
    assert street.value("form input[name='attributes[rk]']") == A
    street.visit("shopify")
    assert street.value("form input") is None
    assert (street.kept(), street.shop.updates) == (None, [])
    assert street.run("return document.cookie + sessionStorage.length") == "0"


def test_woocommerces_checkout_carries_the_ids_in_a_hidden_field(street: Street) -> None:
    street.visit("woo/granted", rk=A)
    street.visit("woo/granted", rk=B)
    street.browser.find_element(By.TAG_NAME, "button").click()
    street.wait(lambda: "/thanks" in street.browser.current_url)
    sent = parse_qs(urlsplit(street.browser.current_url).query)
    assert sent["rk"] == [f"{A},{B}"]
    order = payloads.woo_order(meta={"rk": sent["rk"][0]})
    assert _ids("woocommerce", order) == (A, B)


def test_stripes_links_and_buttons_carry_the_journey_and_leave_a_shops_own_reference_alone(street: Street) -> None:
    street.visit("stripe/granted", rk=A)
    street.visit("stripe/granted", rk=B)
    href = "return document.getElementById(arguments[0]).href"
    query = dict(parse_qsl(urlsplit(street.run(href, "buy")).query))
    assert query == {"prefilled_email": "a@b.fr", "client_reference_id": f"{A}-{B}"}
    assert street.run(href, "taken").endswith("client_reference_id=cart-7")
    assert A not in street.run(href, "other")
    button = street.run("return document.querySelector('stripe-buy-button').getAttribute('client-reference-id')")
    assert button == f"{A}-{B}"
    session = payloads.stripe_session(client_reference_id=button)
    assert _ids("stripe", payloads.stripe_event("checkout.session.completed", session)) == (A, B)


def test_stripe_is_handed_the_six_newest_for_it_takes_two_hundred_characters(street: Street) -> None:
    for digit in "12345678":
        street.visit("stripe/granted", rk=digit * 32)
    reference = parse_qs(urlsplit(street.run("return document.getElementById('buy').href")).query)
    assert reference["client_reference_id"] == ["-".join(digit * 32 for digit in "345678")]


def test_fields_of_any_other_form_are_filled_and_what_a_shop_wrote_stays(street: Street) -> None:
    street.visit("form/granted", rk=A, gclid="x")
    assert street.value("#one input") == A
    assert street.value("#two input[name=rk]") == A
    assert (street.value("#three") or "").startswith("gclid@")
    assert street.value("#four") == "theirs"


def test_a_form_that_appears_later_is_filled_when_it_is_sent(street: Street) -> None:
    street.visit("form/granted", rk=A)
    street.run(
        "history.pushState({}, '', '/checkout'); document.body.innerHTML = "
        "'<form data-tracker action=/thanks><button>Go</button></form>'"
    )
    street.browser.find_element(By.TAG_NAME, "button").click()
    street.wait(lambda: "/thanks" in street.browser.current_url)
    assert parse_qs(urlsplit(street.browser.current_url).query)["rk"] == [A]


# --- consent ----------------------------------------------------------------------------------------------------------


def test_consent_given_on_the_page_keeps_its_ids_and_a_refusal_takes_them_back(street: Street) -> None:
    street.visit("shopify", rk=A)
    street.run("tracker('consent', true)")
    street.wait(lambda: street.shop.cart)
    street.visit("shopify", rk=B)
    street.wait(lambda: len(street.shop.updates) == 2)
    assert street.shop.cart["rk"] == f"{A},{B}"
    street.run("tracker('consent', false)")
    street.wait(lambda: len(street.shop.updates) == 3)
    assert (street.kept(), street.shop.cart) == (None, {"rk": "", "rk_via": ""})
    street.visit("form")
    assert street.value("#one input") == ""


@pytest.mark.parametrize(
    ("page", "before", "kept"),
    [
        ("form", "window.trackerConsent = true", True),
        ("form/granted", "window.trackerConsent = false", False),
        ("form", "document.cookie = 'tracker_consent=1'", True),
        ("form/granted", "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})", False),
        ("form/granted", "Object.defineProperty(navigator, 'doNotTrack', {value: '1'})", False),
        ("form/denied", "", False),
        ("queue", "", True),
        ("wordpress", "", True),
        ("clumsy", "", False),
        ("shopify", "addEventListener('DOMContentLoaded', () => document.dispatchEvent("
         "new CustomEvent('visitorConsentCollected', {detail: {marketingAllowed: true}})))", True),
    ],
)  # fmt: skip
def test_consent_is_heard_wherever_the_shop_tells_it(street: Street, page: str, before: str, kept: bool) -> None:
    added = street.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": before})
    try:
        street.visit(page, rk=A)
        street.run("document.cookie = 'tracker_consent=; max-age=0'")
        assert (A in (street.kept() or "")) is kept
        field = "form input[name$=rk],form input[name='attributes[rk]']"
        assert street.value(field) == A
    finally:
        street.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


# --- other networks ---------------------------------------------------------------------------------------------------


def test_landings_of_other_networks_and_campaigns_are_marked_without_their_ids(street: Street) -> None:
    before = int(datetime.now(UTC).timestamp() * 1000)
    street.visit("form/granted", awc="1001_1772443800_secret")
    street.visit("form/granted", utm_source="news, letter", utm_medium="email", utm_campaign="spring")
    street.visit("form/granted", gclid="Cj0", utm_source="google", utm_medium="cpc")
    street.visit("form/granted", rk=A, utm_source="ours")
    street.visit("form/granted", utm_source="camille@example.com")
    marks = [mark.rpartition("@") for mark in (street.value("#three") or "").split(",")]
    assert [text for text, _, _ in marks] == [
        "awc", "utm:news%2C%20letter:email:spring", "gclid+utm:google:cpc:",
    ]  # fmt: skip
    assert all(before <= int(at) <= before + 60_000 for _, _, at in marks)
    assert street.value("#one input") == A


# --- a page that is hard to stand on ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken", ["{", "null", "7", '"x"', '{"ids": 1}', '[1, null, ["<script>", 1]]', f'[["{B}", 1]]']
)
def test_broken_or_stale_storage_is_replaced(street: Street, broken: str) -> None:
    street.visit("thanks")
    street.run("localStorage.setItem('tracker', arguments[0])", broken)
    street.visit("form/granted", rk=A)
    assert [text for text, _ in json.loads(street.kept() or "")] == [A]
    assert street.value("#one input") == A
    assert street.complaints() == []


@pytest.mark.parametrize("page", ["barred", "twice", "taken", "strict"])
def test_a_hard_page_gets_its_ids_all_the_same_and_hears_no_complaint(street: Street, page: str) -> None:
    street.visit(f"{page}/granted", rk=A)
    assert street.run("return document.querySelectorAll('form input[name=rk]').length") == 1
    assert street.value("form input[name=rk]") == A
    assert street.complaints() == []
    if page == "taken":
        assert street.run("return window.tracker") == "theirs"


def test_at_most_twenty_ids_are_kept_the_newest_last(street: Street) -> None:
    street.visit("thanks")
    now = datetime.now(UTC).timestamp() * 1000
    many = [[f"{number:032x}", now - 1000 + number] for number in range(25)]
    street.run("localStorage.setItem('tracker', arguments[0])", json.dumps(many))
    street.visit("form/granted", rk=A)
    assert (street.value("#one input") or "").split(",") == [f"{number:032x}" for number in range(6, 25)] + [A]


@pytest.mark.parametrize("stray", ["{click_id}", "null", A[:31], A.upper(), f"{A}<script>"])
def test_what_is_no_id_of_ours_is_not_passed_on(street: Street, stray: str) -> None:
    street.visit("form/granted", rk=stray)
    assert (street.value("#one input"), street.kept()) == ("", None)


# --- from the click to the credit -------------------------------------------------------------------------------------


def test_two_clicks_in_the_browser_are_credited_by_the_order_that_the_page_handed_over(street: Street) -> None:
    world, ledger = street.world, street.world.ledger
    for link, count in ((world.alice_link, 1), (world.bob_link, 2)):
        street.browser.get(f"{TRACKER}/r/{link[:8]}")
        assert street.browser.current_url.startswith(f"{SHOP}/?rk=")
        street.wait(partial(_told, street.shop, count))
    folder = street.desk.wiring.settings.journal_folder
    lines = [line for segment in journal.segments(folder, pipeline.CLICKS) for _, line in journal.read(segment)]
    now = datetime.now(UTC)
    assert pipeline.record_clicks(ledger.session, pipeline.judge_clicks(lines, keep_ip=True), now) == 2
    attributes = [{"name": name, "value": value} for name, value in street.shop.cart.items()]
    told = now.isoformat(timespec="seconds")
    shop = intake.OpenedShop(world.shop, world.brand, "shopify", world.shop, payloads.SECRETS["shopify"])
    intake.add_secret(ledger, shop, shop.secret)
    order = payloads.shopify_order(updated_at=told, created_at=told, processed_at=told, note_attributes=attributes)
    body = payloads.body(order)
    headers = payloads.PLATFORMS["shopify"].sign(body, shop.secret, now, "d1")
    assert street.desk.client.post(shop.path, data=body, headers=headers).status_code == 200
    intake.ingest(ledger, now=now, wall=now)
    pipeline.attribute_due(ledger.session, 50, now)
    sale = order_id(shop.id, str(order["id"]))
    assert world.journey(sale) == [("Alice", "earns"), ("Bob", "earns")]
    assert world.credits(sale) == {"Bob": "71.37"}


def _told(shop: Shop, times: int) -> bool:
    """Whether the cart was told something so many times."""
    return len(shop.updates) == times


def _ids(platform: str, payload: dict[str, Any]) -> tuple[str, ...]:
    """The click ids of the one order in a delivery."""
    (event, *_) = payloads.PLATFORMS[platform].parse(payloads.delivery(platform, payload), payloads.SHOP)
    return tuple(event.change.click_ids)


# --- how it is served -------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(sqlite_url, redis_url, tmp_path, CLICK_PARAMETER="touch"), account=False) as opened:
        yield opened


@pytest.fixture
def address(desk: Desk) -> str:
    """Where the snippet of a brand is."""
    engine = desk.wiring.engine
    brand = intake.add_brand(Ledger(str(engine.url), engine, desk.wiring.sessions))
    return f"/s.js?brand={brand}"


def test_the_snippet_weighs_less_than_two_kilobytes_as_it_travels(desk: Desk, address: str) -> None:
    answer = desk.get(address, **{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) == int(answer.headers["Content-Length"]) < 2048
    assert gzip.decompress(answer.data) == script("touch") == desk.get(address).data
    assert b"'touch'" in script("touch")


def test_caches_keep_it_and_ask_again_by_its_tag(desk: Desk, address: str) -> None:
    answer = desk.get(address)
    assert answer.status_code == 200
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert "max-age=3600" in answer.headers["Cache-Control"]
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Set-Cookie" not in answer.headers
    again = desk.get(address, **{"If-None-Match": answer.headers["ETag"], "Accept-Encoding": "gzip"})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("query", ["", "?brand=", "?brand=zinc", f"?brand={32 * 'a'}", "?brand=%00"])
def test_an_unknown_brand_is_a_comment_that_harms_no_page(desk: Desk, query: str) -> None:
    answer = desk.get(f"/s.js{query}")
    assert answer.status_code == 404
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert answer.text.startswith("/*")
    assert answer.text.endswith("*/\n")


def test_it_is_served_while_the_ledger_does_not_answer(desk: Desk) -> None:
    with desk.wiring.engine.begin() as connection:
        connection.execute(text("DROP TABLE brands"))
    assert desk.get(f"/s.js?brand={new_id()}").status_code == 200
