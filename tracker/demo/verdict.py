"""What must have come out of the play, worked out from the story alone and held against what the service says."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tracker.demo import shops
from tracker.demo.player import Record
from tracker.demo.stage import Api
from tracker.demo.story import Purchase, Step, Story
from tracker.errors import Unavailable

_PATIENCE = 90.0
_PROGRESS = """
SELECT (SELECT count(*) FROM clicks),
       (SELECT count(*) FROM orders),
       (SELECT count(*) FROM inbox WHERE state = 'pending') + (SELECT count(*) FROM attribution_due)
           + (SELECT count(*) FROM commissions_due),
       (SELECT count(*) FROM inbox WHERE state NOT IN ('pending', 'done')) + (SELECT count(*) FROM dead_letters)
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the ledger has come. `stuck` is what no waiting would mend."""

    clicks: int
    orders: int
    waiting: int
    stuck: int


def progress(ledger: sqlite3.Connection) -> Progress:
    """Read how far the ledger has come."""
    return Progress(*ledger.execute(_PROGRESS).fetchone())


def wait_until_reconciled(
    ledger: sqlite3.Connection, record: Record, orders: int, on_progress: Callable[[Progress], object]
) -> Progress:
    """Return once every answered click is a row and nothing waits any more. Raises Unavailable if that never comes."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        now = progress(ledger)
        on_progress(now)
        if now.clicks >= record.answered_clicks and now.orders >= orders and not now.waiting:
            return now
        if now.stuck or time.monotonic() > deadline:
            raise Unavailable(
                f"not reconciled: {now.clicks} of {record.answered_clicks} clicks, {now.orders} of {orders} orders, "
                f"{now.waiting} waiting, {now.stuck} stuck"
            )
        time.sleep(0.2)


def complaints(api: Api, story: Story, record: Record, reconciled: Progress) -> list[str]:
    """Everything that is not as the story has it; empty when all is well."""
    found = [f"{count} × {what}" for what, count in record.wrong.items()]
    if reconciled.clicks != record.answered_clicks:
        found.append(f"{record.answered_clicks} clicks were answered, {reconciled.clicks} are in the ledger")
    orders = {order["external_id"]: order for order in all_orders(api)}
    purchases = story.purchases
    if len(orders) != len(purchases):
        found.append(f"{len(purchases)} orders were placed, {len(orders)} are in the ledger")
    buyers = Counter(purchase.customer for purchase in purchases)
    for purchase in purchases:
        order = orders.get(shops.external_id(purchase))
        if order is not None:
            found += _differences(purchase, order, record, returning=buyers[purchase.customer] > 1)
    return found


def all_orders(api: Api) -> Iterator[dict[str, Any]]:
    """Every order, page by page."""
    cursor = ""
    while True:
        page = api.get(f"/api/v1/orders?limit=200{cursor}")
        yield from page["data"]
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"


def _differences(purchase: Purchase, order: dict[str, Any], record: Record, *, returning: bool) -> Iterator[str]:
    clicks = [record.clicks[number] for number in purchase.visits]
    for name, wanted in expected(purchase, clicks).items():
        if order[name] != wanted:
            yield f"order {order['number']}: {name} is {order[name]}, the shop said {wanted}"
    credited = sum((Decimal(credit["amount"]) for credit in order["credits"]), Decimal(0))
    if credited not in (Decimal(0), Decimal(order["net"])):
        yield f"order {order['number']}: {credited} of {order['net']} is credited"
    earns = order["status"] == "paid" and not purchase.test
    if order["credits"] and order["status"] == "paid" and purchase.test:
        yield f"order {order['number']}: a test is credited"
    if earns and not returning and bool(order["credits"]) != _has_partner(purchase):
        yield f"order {order['number']}: credited to {len(order['credits'])} although {_story_of(purchase)}"


def expected(purchase: Purchase, clicks: list[str]) -> dict[str, object]:
    """What the API must say of an order after everything was told."""
    order = shops.sums(purchase)
    refunded = purchase.refund if Step.REFUNDED in purchase.steps else 0
    # Goods in proportion to what was not refunded, half up.
    net = (2 * order.goods * (order.total - refunded) + order.total) // (2 * order.total)
    return {
        "status": _status(purchase),
        "test": purchase.test,
        "total": _decimal(order.total),
        "refunded": _decimal(refunded),
        "net": _decimal(net),
        "click_ids": clicks,
    }


def _status(purchase: Purchase) -> str:
    if Step.CANCELLED in purchase.steps:
        return "cancelled"
    return "paid" if Step.PAID in purchase.steps else "pending"


def _has_partner(purchase: Purchase) -> bool:
    return bool(purchase.visits) or purchase.per_cent_off > 0


def _story_of(purchase: Purchase) -> str:
    return f"it came after {len(purchase.visits)} clicks with {purchase.code or 'no code'}"


def _decimal(amount: int) -> str:
    return f"{Decimal(amount).scaleb(-2):.2f}"
