"""What is owed is the sum of its days: whatever is rolled up, it is what the commissions and their steps say."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from tests.conftest import Ledger
from tests.given import BIRTH, NOON, before
from tests.sample_books import report_rows
from tests.test_commission_ledger import Shop
from tests.test_rolling import roll
from tracker.errors import Conflict
from tracker.ledger import commissions, figures
from tracker.ledger.figures import Kept
from tracker.ledger.tables import Campaign, Commission, CommissionStep, DayChange, Link, Touch
from tracker.reports import _owed
from tracker.reports._shape import Row, Scope

ZONE = ZoneInfo("Europe/Paris")
TODAY = NOON.astimezone(ZONE).date()
FIGURES = ("recorded", "pending", "approved", "paid", "reversed", "orders")


@pytest.fixture
def shop(ledger: Ledger) -> Shop:
    """A brand with two campaigns whose commissions were recorded, taken back, approved and paid over two months."""
    shop, dice = Shop(ledger), random.Random(5)
    shop.agree(percent="10", hold_days=4)
    for name, link in (("Spring", shop.alice_link), ("Summer", shop.bob_link)):
        set_campaign(shop, link, campaign(shop, name))
    both = [shop.alice_link, shop.bob_link, shop.link(shop.alice)]
    for ago in (58, 58, 41, 40, 26, 25, 25, 9, 2):
        told = [shop.click(dice.choice(both), days=ago + 1) for _ in range(dice.randrange(1, 4))]
        order = shop.order(net=f"{dice.randrange(10, 90)}.00", clicks=told, days=ago + 0.5,
                           currency=dice.choice(("EUR", "EUR", "GBP")))  # fmt: skip
        shop.owe(before(days=ago))
        if dice.random() < 0.5:
            shop.change(order, net=500, refunded=500)
            shop.owe(before(days=ago - dice.choice((0, 1, 7))))
        if dice.random() < 0.5:
            pay_all(shop, before(days=ago))
    return shop


def campaign(shop: Shop, name: str) -> str:
    shop._insert(Campaign, id=(made := shop._id("campaign", name)), brand_id=shop.brand, name=name, utm={},
                 created_at=BIRTH)  # fmt: skip
    return made


def set_campaign(shop: Shop, link: str, campaign_id: str) -> None:
    with shop.ledger.writing() as session:
        session.execute(update(Link).where(Link.id == link).values(campaign_id=campaign_id))


def pay_all(shop: Shop, now: datetime) -> None:
    for partner in (shop.alice, shop.bob):
        for currency in ("EUR", "GBP"):
            try:
                shop.pay(partner, now, currency=currency)
            except Conflict:
                continue


def sold(shop: Shop, days: int) -> str:
    """An order that Alice's link brought so many days ago."""
    return shop.order(net="80.00", clicks=[shop.click(shop.alice_link, days=days + 1)], days=days)


def scopes(shop: Shop) -> Iterator[Scope]:
    """Several periods, under every filter of the report."""
    campaigns = [row["id"] for row in shop.all(Campaign)]
    for first, last in ((0, 0), (30, 10), (70, 0), (90, 70)):
        whole = Scope(shop.brand, TODAY - timedelta(days=first), TODAY - timedelta(days=last))
        yield from (whole, replace(whole, channel="affiliate"), replace(whole, partner_id=shop.alice))
        yield from (replace(whole, campaign_id=one) for one in campaigns)


def said(shop: Shop) -> list[list[Row]]:
    """What the report says."""
    return [report_rows(shop.ledger, "owed", scope) for scope in scopes(shop)]


def reckoned(shop: Shop, scope: Scope) -> dict[tuple[str, str], list[int]]:
    """The same from every commission and step, one by one."""
    steps = {(row["commission_id"], row["state"]): row["at"] for row in shop.all(CommissionStep)}
    touches = {(row["order_id"], row["partner_id"], row["campaign_id"]) for row in shop.all(Touch)}
    orders: dict[tuple[str, str], set[str]] = {}
    found: dict[tuple[str, str], list[int]] = {}
    for row in shop.all(Commission):
        if day_of(row["at"]) > scope.end or row["partner_id"] != (scope.partner_id or row["partner_id"]):
            continue
        if scope.campaign_id and (row["order_id"], row["partner_id"], scope.campaign_id) not in touches:
            continue
        if scope.channel and row["partner_id"] != shop.bob:
            continue
        reached = [state for state in ("approved", "paid") if (at := steps.get((row["id"], state)))
                   and day_of(at) <= scope.end]  # fmt: skip
        key, amount = (row["partner_id"], row["currency"]), row["amount"]
        sums = found.setdefault(key, [0] * len(FIGURES))
        orders.setdefault(key, set()).add(row["order_id"])
        sums[0] += amount if day_of(row["at"]) >= scope.start else 0
        sums[1 + FIGURES[1:4].index(reached[-1] if reached else "pending")] += amount
        sums[4] -= amount if row["kind"] == "reversal" else 0
        sums[5] = len(orders[key])
    return found


def day_of(at: datetime) -> date:
    return at.astimezone(ZONE).date()


def agrees(shop: Shop) -> list[list[Row]]:
    """What the report says, once it is what the commissions say."""
    every = said(shop)
    for scope, rows in zip(scopes(shop), every, strict=True):
        known = {(row["partner_id"], row["currency"]): [row[name] for name in FIGURES] for row in rows}
        assert {key: sums for key, sums in known.items() if any(sums)} == reckoned(shop, scope)
    assert to_be_paid(shop) == {key: sums[2] for key, sums in reckoned(shop, last_day(shop)).items() if sums[2]}
    return every


def last_day(shop: Shop) -> Scope:
    return Scope(shop.brand, TODAY, TODAY)


def to_be_paid(shop: Shop) -> dict[tuple[str, str], int]:
    """What the page of payouts shows; a sum of nothing left out."""
    with shop.ledger.session() as session:
        return {line[:2]: line[2] for line in _owed.payable(session, shop.brand, TODAY) if line[2]}


def test_days_add_up_to_what_commissions_and_their_steps_say(shop: Shop) -> None:
    live = agrees(shop)
    assert any(row["paid"] and row["reversed"] for rows in live for row in rows)
    assert roll(shop.ledger, shop, limit=9, most=4) > 0
    assert said(shop) == live
    assert roll(shop.ledger, shop) > 30
    assert said(shop) == live
    shop.by_alice(days=0.1)
    shop.owe(NOON)
    pay_all(shop, NOON)
    assert agrees(shop) != live


def test_what_is_recorded_approved_or_paid_late_is_in_the_days_at_once(shop: Shop) -> None:
    roll(shop.ledger, shop)
    known = agrees(shop)
    sold(shop, days=22)
    shop.owe(before(days=20))
    assert (recorded := agrees(shop)) != known
    roll(shop.ledger, shop)
    shop.owe(before(days=15))
    assert (approved := agrees(shop)) != recorded
    roll(shop.ledger, shop)
    pay_all(shop, before(days=14))
    assert agrees(shop) != approved
    roll(shop.ledger, shop)
    agrees(shop)


def test_an_order_whose_journey_changed_counts_for_the_campaigns_that_stand_in_it_now(shop: Shop) -> None:
    order = sold(shop, days=50)
    shop.owe(before(days=45))
    roll(shop.ledger, shop)
    known = agrees(shop)
    with shop.ledger.writing() as session:
        session.execute(update(Touch).where(Touch.order_id == order).values(campaign_id=None))
        commissions.touched_anew(session, [order])
    assert agrees(shop) != known
    roll(shop.ledger, shop)
    agrees(shop)


def test_a_day_without_orders_on_which_something_was_paid_is_kept(shop: Shop) -> None:
    pay_all(shop, before(days=33))
    roll(shop.ledger, shop)
    with shop.ledger.session() as session:
        days = Scope(shop.brand, TODAY - timedelta(days=33), TODAY - timedelta(days=33))
        kept = figures.lines(session, shop.brand, _owed._owed.named(days) or "", Kept((), (days.start,), ()))
    assert any(paid for _, _, _, _, paid, *_ in kept)
    agrees(shop)
    assert not [row for row in shop.all(DayChange) if row["day"] < TODAY]
