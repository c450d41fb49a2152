"""Visitors and shops on real HTTP: every answer is written down, because it is what must not be lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

HUMAN = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
BOT = "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://bot.example.com/about)"


@dataclass(frozen=True)
class World:
    """What the catalog holds: slug → partner and code → partner, and where the shop posts."""

    slugs: dict[str, str]
    codes: dict[str, str]
    webhook_path: str
    secret: str


@dataclass
class ExpectedOrder:
    """What an order must look like in the end, worked out by hand as it is made. Amounts in cents."""

    external_id: str
    total: int
    goods: int
    status: str
    refunded: int = 0
    partner: str | None = None
    click_ids: tuple[str, ...] = ()

    @property
    def net(self) -> int:
        """Goods × what was not refunded, half up, without our code."""
        if self.refunded >= self.total:
            return 0
        return (2 * self.goods * (self.total - self.refunded) + self.total) // (2 * self.total)


@dataclass
class Record:
    """All that the clients know. Guarded by its lock."""

    ok: dict[str, tuple[str, bool]] = field(default_factory=dict)  # click id → (slug, human)
    in_doubt: int = 0
    refused: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    orders: dict[str, ExpectedOrder] = field(default_factory=dict)
    deliveries: int = 0
    slowest_click: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Client:
    """One keep-alive connection that opens again after any fault."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> tuple[int, str] | str:
        """(status, Location) where it was answered, "refused" where it never left, "in doubt" otherwise."""
        try:
            if self._connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=15)
                connection.connect()
                self._connection = connection
        except OSError:
            return "refused"
        try:
            self._connection.request(method, path, body=body, headers=headers)
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return "in doubt"
        return response.status, response.headers.get("Location", "")


class Load:
    """Clicks and orders until told to stop, then every delivery that is still owed."""

    def __init__(self, port: int, world: World, record: Record, seed: int) -> None:
        self._port = port
        self._world = world
        self._record = record
        self._seed = seed
        self._stop = threading.Event()
        self._owed: list[tuple[float, str, bytes]] = []
        self._threads = [
            *(threading.Thread(target=self._click, args=(index,), daemon=True) for index in range(4)),
            threading.Thread(target=self._order, daemon=True),
            *(threading.Thread(target=self._deliver, args=(index,), daemon=True) for index in range(4)),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """No new clicks or orders; return once every delivery was answered 200."""
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def _click(self, index: int) -> None:
        chance = random.Random(f"{self._seed}-click-{index}")
        slugs = sorted(self._world.slugs)
        with Client(self._port) as client:
            while not self._stop.is_set():
                slug, human = chance.choice(slugs), chance.random() < 0.9
                self._one_click(client, slug, human=human)
                time.sleep(chance.expovariate(60))

    def _one_click(self, client: Client, slug: str, *, human: bool) -> str | None:
        began = time.monotonic()
        answer = client.send("GET", f"/r/{slug}", {"User-Agent": HUMAN if human else BOT})
        took = time.monotonic() - began
        with self._record.lock:
            if answer == "in doubt":
                self._record.in_doubt += 1
            elif answer == "refused":
                self._record.refused += 1
            elif isinstance(answer, tuple) and answer[0] == 302:
                click_id = parse_qs(urlsplit(answer[1]).query)["rk"][0]
                self._record.ok[click_id] = (slug, human)
                self._record.slowest_click = max(self._record.slowest_click, took)
                return click_id
            else:
                self._record.wrong[f"click {answer}"] += 1
        if answer == "refused":
            time.sleep(0.05)
        return None

    def _order(self) -> None:
        chance = random.Random(f"{self._seed}-order")
        number = 0
        with Client(self._port) as client:
            while not self._stop.is_set():
                number += 1
                self._make_order(chance, client, number)
                time.sleep(chance.expovariate(10))

    def _make_order(self, chance: random.Random, client: Client, number: int) -> None:
        slugs = chance.sample(sorted(self._world.slugs), 2)
        clicks = [(slug, self._one_click(client, slug, human=True)) for slug in slugs[: chance.choice([0, 1, 1, 2])]]
        known = [(slug, click_id) for slug, click_id in clicks if click_id]
        code = chance.choice(sorted(self._world.codes)) if chance.random() < 0.3 else None
        partner = self._world.codes[code] if code else self._world.slugs[known[-1][0]] if known else None
        goods = chance.randrange(500, 20000)
        expected = ExpectedOrder(
            external_id=str(7_000_000_000_000 + number),
            total=goods + goods // 5 + 490,
            goods=goods,
            status="pending",
            partner=partner,
            click_ids=tuple(click_id for _, click_id in known),
        )
        self._schedule(chance, expected, code)
        with self._record.lock:
            self._record.orders[expected.external_id] = expected

    def _schedule(self, chance: random.Random, expected: ExpectedOrder, code: str | None) -> None:
        """Decide the order's life, and owe the shop's deliveries of it: each one to four times, in any sequence."""
        start = datetime.now(UTC).replace(microsecond=0)
        bodies = [("orders/create", _order_body(expected, start, 0, "pending", code))]
        fate = chance.random()
        if fate < 0.85:
            expected.status = "paid"
            bodies.append(("orders/paid", _order_body(expected, start, 1, "paid", code)))
        if fate < 0.25:
            for index in range(1, chance.choice([2, 3])):
                part = chance.randrange(1, expected.total // 2)
                expected.refunded += part
                bodies.append(("refunds/create", _refund_body(expected, start, index, part)))
        elif fate > 0.93:
            expected.status = "cancelled"
            bodies.append(("orders/cancelled", _order_body(expected, start, 3, "voided", code, cancelled=True)))
        with self._record.lock:
            for topic, body in bodies:
                for _ in range(chance.randrange(1, 5)):
                    self._owed.append((time.monotonic() + chance.random() * 2, topic, body))

    def _deliver(self, index: int) -> None:
        chance = random.Random(f"{self._seed}-deliver-{index}")
        with Client(self._port) as client:
            while True:
                with self._record.lock:
                    due = [one for one in self._owed if one[0] <= time.monotonic()]
                    one = chance.choice(due) if due else None
                    if one:
                        self._owed.remove(one)
                    elif self._stop.is_set() and not self._owed:
                        return
                if one is None:
                    time.sleep(0.02)
                    continue
                self._post(client, one)

    def _post(self, client: Client, one: tuple[float, str, bytes]) -> None:
        _, topic, body = one
        signature = base64.b64encode(hmac.digest(self._world.secret.encode(), body, hashlib.sha256)).decode()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": signature,
            "X-Shopify-Webhook-Id": hashlib.sha256(topic.encode() + body).hexdigest()[:36],
        }
        answer = client.send("POST", self._world.webhook_path, headers, body)
        with self._record.lock:
            if isinstance(answer, tuple) and answer[0] == 200:
                self._record.deliveries += 1
                return
            if isinstance(answer, tuple) and answer[0] != 503:
                self._record.wrong[f"webhook {answer[0]}"] += 1
            self._owed.append((time.monotonic() + 0.2, topic, body))


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _order_body(
    expected: ExpectedOrder, start: datetime, step: int, financial: str, code: str | None, *, cancelled: bool = False
) -> bytes:
    updated = (start + timedelta(seconds=step)).isoformat()
    return json.dumps(
        {
            "id": int(expected.external_id),
            "name": f"#{expected.external_id[-5:]}",
            "created_at": start.isoformat(),
            "updated_at": updated,
            "cancelled_at": updated if cancelled else None,
            "currency": "EUR",
            "financial_status": financial,
            "test": False,
            "email": f"buyer-{expected.external_id}@example.com",
            "total_price": _money(expected.total),
            "subtotal_price": _money(expected.goods),
            "total_tax": _money(expected.goods // 5),
            "total_shipping_price_set": {"shop_money": {"amount": "4.90", "currency_code": "EUR"}},
            "taxes_included": False,
            "discount_codes": [{"code": code, "amount": "1.00", "type": "fixed_amount"}] if code else [],
            "note_attributes": [{"name": "rk", "value": click_id} for click_id in expected.click_ids],
            "landing_site": "/p",
            "source_name": "web",
            "line_items": [],
            "refunds": [],
        }
    ).encode()


def _refund_body(expected: ExpectedOrder, start: datetime, index: int, amount: int) -> bytes:
    at = (start + timedelta(seconds=10 + index)).isoformat()
    transaction = {"id": index, "kind": "refund", "status": "success", "amount": _money(amount), "currency": "EUR"}
    return json.dumps(
        {
            "id": int(expected.external_id) * 10 + index,
            "order_id": int(expected.external_id),
            "created_at": at,
            "processed_at": at,
            "refund_line_items": [],
            "order_adjustments": [],
            "transactions": [transaction],
        }
    ).encode()
