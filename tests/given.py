"""A small world with good defaults, written straight into the ledger's tables: who promotes, who clicks, who buys.

    world = World(ledger)
    click = world.click(world.alice_link, days=3)           # three days before NOON
    world.code("ALICE10", world.alice)
    order = world.order(net="90.00", clicks=[click], codes=["alice10"])
    world.attribute()
    world.credits(order)                                    # {"Alice": "90.00"}

Alice (influence) and Bob (affiliate) are always there, with a link each. Moments are given as time before NOON
(`days=3, seconds=1`), amounts as decimal strings in the order's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from tests.conftest import Ledger
from tracker import pipeline
from tracker.domain import codes as promo_codes
from tracker.domain.ids import derived_id
from tracker.domain.money import decimal_string, minor_units
from tracker.domain.orders import NET_FORMULA
from tracker.ledger import due, orders
from tracker.ledger.rules import ensure_rule_set, first_rules
from tracker.ledger.tables import (
    Base,
    Brand,
    Click,
    Code,
    CodeOwner,
    Credit,
    CreditSet,
    Link,
    OrderClick,
    OrderCode,
    OrderRow,
    Partner,
    Placement,
    RuleSet,
    Shop,
    TrackingHost,
)
from tracker.reports import _orders

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
BIRTH = NOON - timedelta(days=700)


def before(days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
    """A moment before NOON; negative figures lie after it."""
    return NOON - timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@dataclass
class World:
    """One brand with one shop in `ledger`, and as many partners, links, clicks and orders as a story needs."""

    ledger: Ledger
    name: str = "Maison"
    now: datetime = NOON
    names: dict[str, str] = field(default_factory=dict)
    _counter: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.brand, self.shop = self._id("brand"), self._id("shop")
        self.host = f"{self.name.lower()}.example.com"
        with self.ledger.writing() as session:
            _add(session, Brand, id=self.brand, name=self.name, time_zone="Europe/Paris", currency="EUR",
                 landing_domains=["shop.example"], net_formula=NET_FORMULA, created_at=BIRTH)  # fmt: skip
            _add(session, TrackingHost, host=self.host, brand_id=self.brand, created_at=BIRTH)
            _add(session, Shop, id=self.shop, brand_id=self.brand, name="Boutique", platform="shopify",
                 token=self.shop, created_at=BIRTH)  # fmt: skip
            ensure_rule_set(session, self.brand, BIRTH)
        self.alice, self.bob = self.partner("Alice"), self.partner("Bob", channel="affiliate")
        self.alice_link, self.bob_link = self.link(self.alice), self.link(self.bob)

    # --- the catalog --------------------------------------------------------------------------------------------------

    def partner(self, name: str, channel: str = "influence", kind: str = "creator") -> str:
        """A partner of the brand; the id."""
        partner_id = self._id("partner", name)
        self.names[partner_id] = name
        self._insert(Partner, id=partner_id, brand_id=self.brand, name=name, channel=channel, kind=kind,
                     created_at=BIRTH)  # fmt: skip
        return partner_id

    def link(self, partner_id: str, channel: str | None = None) -> str:
        """A link of the partner; the id."""
        link_id = self._id("link")
        self._insert(Link, id=link_id, brand_id=self.brand, host=self.host, slug=link_id[:8], channel=channel,
                     landing_url="https://shop.example/", partner_id=partner_id, created_at=BIRTH)  # fmt: skip
        return link_id

    def place(self, link_id: str, network: str, format_: str = "video") -> str:
        """A placement that the link stands on; the id."""
        placement = self._id("placement")
        with self.ledger.writing() as session:
            link = session.get_one(Link, link_id)
            _add(session, Placement, id=placement, brand_id=self.brand, partner_id=link.partner_id, network=network,
                 format=format_, published_at=before(days=20), created_at=BIRTH)  # fmt: skip
            link.placement_id = placement
        return placement

    def code(
        self,
        text: str,
        partner_id: str | None,
        since: datetime = BIRTH,
        until: datetime | None = None,
        channel: str | None = None,
    ) -> None:
        """A code that the partner owns from `since` to `until`; again for the next owner. Orders become due."""
        normal = promo_codes.normal(text)
        code_id = derived_id(self.brand, "code", normal)
        with self.ledger.writing() as session:
            if session.get(Code, code_id) is None:
                _add(session, Code, id=code_id, brand_id=self.brand, text=text, normal=normal, created_at=BIRTH)
            if partner_id is not None:
                _add(session, CodeOwner, id=self._id("owner"), code_id=code_id, partner_id=partner_id, channel=channel,
                     valid_from=since, valid_to=until, created_at=self.now)  # fmt: skip
            due.mark_due_for_code(session, self.brand, normal, self.now)

    def rules(self, **settings: Any) -> None:
        """Rule set 1 with these settings instead of the defaults; only for stories that begin with it."""
        document = {**first_rules().to_json(), **settings}
        with self.ledger.writing() as session:
            session.execute(update(RuleSet).where(RuleSet.brand_id == self.brand).values(settings=document))

    # --- what happens -------------------------------------------------------------------------------------------------

    def click(
        self,
        link_id: str | None,
        *,
        at: datetime | None = None,
        visitor: str | None = None,
        verdict: str = "human",
        reason: str = "",
        click_id: str | None = None,
        **ago: float,
    ) -> str:
        """A click on the link, recorded as the click worker does: orders that it concerns become due. The id."""
        click_id = click_id or self._id("click")
        with self.ledger.writing() as session:
            _add(session, Click, id=click_id, brand_id=self.brand, link_id=link_id, at=at or before(**ago),
                 host=self.host, slug="x", verdict=verdict, reason=reason, rules=1, gpc=False, dnt=False,
                 visitor_id=derived_id(visitor) if visitor else None)  # fmt: skip
            due.mark_due_for_clicks(session, [click_id], self.now)
        return click_id

    def future_click(self) -> str:
        """The id of a click that has not reached the ledger yet."""
        return self._id("click")

    def order(
        self,
        *,
        net: str = "100.00",
        at: datetime | None = None,
        clicks: Iterable[str] = (),
        codes: Iterable[str] = (),
        customer: str | None = None,
        status: str | None = "paid",
        test: bool = False,
        currency: str = "EUR",
        source: str = "",
        **ago: float,
    ) -> str:
        """An order, folded and due. The id."""
        external_id, carried, used = self._id("order")[:12], list(clicks), list(codes)
        order_id = orders.order_id(self.shop, external_id)
        placed_at, amount = at or before(**ago), minor_units(net, currency)
        with self.ledger.writing() as session:
            _add(session, OrderRow, id=order_id, brand_id=self.brand, shop_id=self.shop, external_id=external_id,
                 number="", status=status, test=test, currency=currency, total=amount, goods=amount, refunded=0,
                 net=amount, net_formula=NET_FORMULA, placed_at=placed_at, placed_day=placed_at.date(),
                 customer=customer, codes=used, click_ids=carried, folded_at=self.now,
                 flags=[f"source:{source}"] if source else [])  # fmt: skip
            for click_id in carried:
                _add(session, OrderClick, order_id=order_id, click_id=click_id)
            for normal, text in {promo_codes.normal(text): text for text in used}.items():
                _add(session, OrderCode, order_id=order_id, normal=normal, brand_id=self.brand, text=text)
            due.mark_due(session, [order_id], "order", self.now)
        return order_id

    def change(self, order_id: str, **values: Any) -> None:
        """The order's row after another fold: a status, a net amount in minor units, a customer."""
        with self.ledger.writing() as session:
            due.mark_due(session, [order_id], "customer", self.now)
            session.execute(update(OrderRow).where(OrderRow.id == order_id).values(**values))
            due.mark_due(session, [order_id], "order", self.now)

    def attribute(self) -> int:
        """Drain everything that is due; how many orders that was."""
        drained = 0
        while count := pipeline.attribute_due(self.ledger.session, 50, self.now):
            drained += count
        return drained

    # --- what is concluded --------------------------------------------------------------------------------------------

    def credits(self, order_id: str, model: str = "last_click") -> dict[str, str]:
        """Who got what of the order under the model, by name, as decimal strings."""
        query = (
            select(Credit.partner_id, Credit.amount, CreditSet.currency)
            .join(CreditSet, CreditSet.id == Credit.set_id)
            .where(Credit.order_id == order_id, CreditSet.model == model, CreditSet.sealed.is_(True))
            .order_by(Credit.position)
        )
        with self.ledger.session() as session:
            lines = session.execute(query).all()
        amounts: dict[str, int] = {}
        for line in lines:
            name = self.names[line.partner_id]
            amounts[name] = amounts.get(name, 0) + line.amount
        return {name: decimal_string(amount, lines[0].currency) for name, amount in amounts.items()}

    def receipt(self, order_id: str) -> Mapping[str, Any]:
        """The order's receipt as the product shows it. Raises NotFound, for another brand's order too."""
        with self.ledger.session() as session:
            return cast(Mapping[str, Any], _orders.receipt(session, self.brand, order_id)["receipt"])

    def lost(self, order_id: str) -> dict[str, str]:
        """The reason why each candidate that is not in the journey is not, by click id or code."""
        candidates = self.receipt(order_id)["candidates"]
        return {found.get("click") or found["code"]: found["reason"] for found in candidates if "reason" in found}

    def journey(self, order_id: str) -> list[tuple[str, str]]:
        """The journey: who, and "earns" or the reason why not."""
        stops = self.receipt(order_id)["journey"]
        return [(self.names[stop["partner"]], stop.get("reason", "earns")) for stop in stops]

    def due(self) -> int:
        """How many orders are due."""
        with self.ledger.session() as session:
            return due.count_due(session)

    def all(self, table: type[Base]) -> list[dict[str, Any]]:
        """Every row of a table, in the order of its primary key."""
        with self.ledger.session() as session:
            rows = session.execute(select(*table.__table__.c).order_by(*table.__table__.primary_key)).all()
        return [dict(row._mapping) for row in rows]

    def _id(self, *parts: str) -> str:
        return derived_id(self.name, *(parts or ()), str(next(self._counter)))

    def _insert(self, table: type[Base], **values: Any) -> None:
        with self.ledger.writing() as session:
            _add(session, table, **values)


def _add(session: Session, table: type[Base], **values: Any) -> None:
    columns = {column.name: None for column in table.__table__.c if column.nullable}
    session.execute(insert(table).values({**columns, **values}))
