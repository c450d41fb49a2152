"""A random brand for the tests and measurements of paths: visitors who click, some who buy, written row by row.

Which touches led to an order is drawn too, not concluded: what aggregates journeys must take whatever stands there.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tracker.domain.ids import derived_id
from tracker.domain.money import allot
from tracker.domain.orders import NET_FORMULA
from tracker.ledger.rules import ensure_rule_set
from tracker.ledger.tables import (
    Base,
    Brand,
    Campaign,
    Click,
    Credit,
    CreditSet,
    Link,
    OrderClick,
    OrderRow,
    Partner,
    Placement,
    Shop,
    Touch,
    TrackingHost,
)

BRAND, SHOP, HOST = derived_id("paths"), derived_id("paths", "shop"), "paths.example.com"
BORN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 31, 12, tzinfo=UTC)
KINDS = ("creator", "coupon", "cashback", "media")
Rows = dict[type[Base], list[dict[str, Any]]]


def fill(session: Session, visitors: int, *, seed: int = 1, partners: int = 6, days: int = 150) -> Rows:
    """Write the brand with so many visitors, whose clicks lie in the `days` before END; all rows that were written."""
    dice = random.Random(seed)
    rows: Rows = {
        Partner: [],
        Campaign: [],
        Placement: [],
        Link: [],
        Click: [],
        OrderRow: [],
        OrderClick: [],
        Touch: [],
    }
    for number in range(partners):
        _partner(rows, number)
    for number in range(visitors):
        _visitor(rows, dice, number, partners, days)
    session.execute(insert(Brand), [{
        "id": BRAND, "name": "Paths", "time_zone": "Europe/Paris", "currency": "EUR", "landing_domains": [],
        "visitor_cookie": True, "net_formula": NET_FORMULA, "fallback_url": None, "created_at": BORN,
    }])  # fmt: skip
    session.execute(insert(TrackingHost), [{"host": HOST, "brand_id": BRAND, "created_at": BORN}])
    session.execute(insert(Shop), [{"id": SHOP, "brand_id": BRAND, "name": "Shop", "platform": "shopify",
                                    "token": "paths", "created_at": BORN}])  # fmt: skip
    ensure_rule_set(session, BRAND, BORN)
    for table, found in rows.items():
        if found:
            session.execute(insert(table), found)
    return rows


def credit_all(session: Session, models: tuple[str, ...] = ("linear", "time_decay")) -> None:
    """Sealed credits of every order with touches: each touch alike under `linear`, later ones more under others."""
    touches: dict[str, list[Touch]] = {}
    for touch in session.scalars(select(Touch).order_by(Touch.order_id, Touch.position)):
        touches.setdefault(touch.order_id, []).append(touch)
    for order in session.scalars(select(OrderRow)):
        walked = touches.get(order.id, [])
        for model in models if walked else ():
            credit_set = derived_id("credits", order.id, model)
            session.add(CreditSet(
                id=credit_set, order_id=order.id, model=model, model_version=1, rule_set=1, net_formula=NET_FORMULA,
                net=order.net, currency=order.currency, paying=model == "linear", sealed=True,
            ))  # fmt: skip
            session.flush()
            weights = (
                [Fraction(1)] * len(walked) if model == "linear" else [Fraction(n + 1) for n in range(len(walked))]
            )
            amounts = allot(order.net, [weight / sum(weights) for weight in weights])
            session.add_all(
                Credit(set_id=credit_set, position=touch.position, order_id=order.id, brand_id=BRAND,
                       partner_id=touch.partner_id, channel=touch.channel, link_id=touch.link_id, code=touch.code,
                       campaign_id=touch.campaign_id, placement_id=touch.placement_id, evidence=[],
                       weight=str(weight / sum(weights)), amount=amount)
                for touch, weight, amount in zip(walked, weights, amounts, strict=True)
            )  # fmt: skip


def _partner(rows: Rows, number: int) -> None:
    partner, campaign, placement = (derived_id(kind, str(number)) for kind in ("partner", "campaign", "placement"))
    channel = "influence" if number % 2 else "affiliate"
    rows[Partner].append({"id": partner, "brand_id": BRAND, "name": f"Partner {number}", "channel": channel,
                          "kind": KINDS[number % 4], "created_at": BORN})  # fmt: skip
    rows[Campaign].append({"id": campaign, "brand_id": BRAND, "name": f"Campaign {number}", "utm": {},
                           "created_at": BORN})  # fmt: skip
    rows[Placement].append({"id": placement, "brand_id": BRAND, "partner_id": partner, "campaign_id": campaign,
                            "network": ("tiktok", "youtube", "blog")[number % 3], "format": "video",
                            "created_at": BORN})  # fmt: skip
    rows[Link].append({
        "id": derived_id("link", str(number)), "brand_id": BRAND, "host": HOST, "slug": f"s{number}",
        "landing_url": "https://shop.example/", "partner_id": partner, "channel": "affiliate" if number == 1 else None,
        "campaign_id": campaign if number % 3 else None, "placement_id": placement if number % 2 else None,
        "created_at": BORN,
    })  # fmt: skip


def _visitor(rows: Rows, dice: random.Random, number: int, partners: int, days: int) -> None:
    """Up to nine clicks, some of programs; then perhaps orders, each with some of the clicks before it."""
    visitor = derived_id("visitor", str(number)) if dice.random() < 0.8 else None
    customer = f"{number // 2:064x}" if dice.random() < 0.5 else None
    clicks = []
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4, 9))):
        at = END - timedelta(seconds=dice.randrange(days * 86400))
        clicks.append(_click(rows, dice, visitor, dice.randrange(partners), at))
    clicks.sort(key=lambda click: (click["at"], click["id"]))
    free = [click for click in clicks if click["verdict"] == "human"]
    for _ in range(dice.choice((0, 0, 0, 1, 1, 2))):
        placed = END - timedelta(seconds=dice.randrange(days * 86400))
        led = [click for click in free if placed - timedelta(days=30) <= click["at"] <= placed + timedelta(seconds=60)]
        free = [click for click in free if click not in led]
        _order(rows, dice, customer, placed, led)


def _click(rows: Rows, dice: random.Random, visitor: str | None, link: int, at: datetime) -> dict[str, Any]:
    click = {
        "id": derived_id("click", str(len(rows[Click]))), "brand_id": BRAND, "link_id": derived_id("link", str(link)),
        "at": at, "host": HOST, "slug": "s", "verdict": "human" if dice.random() < 0.9 else "bot", "reason": "",
        "rules": 1, "gpc": False, "dnt": False, "visitor_id": visitor, "sub_ids": None,
    }  # fmt: skip
    rows[Click].append(click)
    return click


def _order(rows: Rows, dice: random.Random, customer: str | None, placed: datetime, led: list[dict[str, Any]]) -> None:
    order, net = derived_id("order", str(len(rows[OrderRow]))), dice.randrange(20_000)
    rows[OrderRow].append({
        "id": order, "brand_id": BRAND, "shop_id": SHOP, "external_id": order, "number": "",
        "test": dice.random() < 0.05, "status": dice.choice(("paid", "paid", "paid", "paid", "pending", "cancelled")),
        "total": net, "goods": net, "currency": "EUR" if dice.random() < 0.9 else "USD", "refunded": 0, "net": net,
        "net_formula": NET_FORMULA, "placed_at": placed, "placed_day": placed.date(), "customer": customer,
        "codes": [], "click_ids": [], "flags": [], "folded_at": END,
    })  # fmt: skip
    if led:
        rows[OrderClick].append({"order_id": order, "click_id": led[-1]["id"]})
    stops = [*led, None] if dice.random() < 0.3 else led
    for position, click in enumerate(stops):
        rows[Touch].append(_touch(rows, order, position, len(stops), click, placed))


def _touch(
    rows: Rows, order: str, position: int, stops: int, click: dict[str, Any] | None, placed: datetime
) -> dict[str, Any]:
    """The touch that a click is, or a code's of the first partner."""
    link = next(link for link in rows[Link] if click is None or link["id"] == click["link_id"])
    partner = next(partner for partner in rows[Partner] if partner["id"] == link["partner_id"])
    return {
        "order_id": order, "position": position, "brand_id": BRAND, "kind": "click" if click else "code",
        "at": min(click["at"], placed) if click else placed, "partner_id": partner["id"],
        "channel": link["channel"] or partner["channel"], "link_id": link["id"] if click else None,
        "click_id": click["id"] if click else None, "code": None if click else "CODE",
        "campaign_id": link["campaign_id"], "placement_id": link["placement_id"], "evidence": [],
        "opener": position == 0, "closer": position == stops - 1, "earns": True,
    }  # fmt: skip
