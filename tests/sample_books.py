"""Books written by hand, row by row, for the tests of whatever reads them: small enough to add up in the head.

One French brand in euros. Alice (influence) has a link and the code ALICE10, Bob (affiliate) a link, Carol nothing.
All within March 2026, times in UTC, amounts in minor units.

    order  status     net       journey                     paying (last click)   linear
    A1     paid       100.00 €  Alice's link, Bob's link    Bob 100.00            Alice 50.00, Bob 50.00
    A2     paid        33.35 €  Alice's link and code       Alice 33.35           Alice 33.35
    A3     pending     20.00 €  Alice's code                Alice 20.00           -
    A4     paid        50.00 €  none; the code NOBODY       (an unsealed set)     -
    A5     paid, test 999.00 €  Alice's link                Alice 999.00          -
    A6     paid        10.00 $  Alice's link                Alice 10.00           -
    A7     cancelled   70.00 €  none                        -                     -
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from tests.conftest import Ledger
from tracker.domain import codes
from tracker.domain.ids import derived_id
from tracker.domain.orders import NET_FORMULA
from tracker.ledger.rules import ensure_rule_set
from tracker.ledger.tables import (
    Base,
    Brand,
    Campaign,
    Code,
    CodeOwner,
    Credit,
    CreditSet,
    Link,
    LinkDay,
    LinkHour,
    OrderCode,
    OrderRow,
    Partner,
    Receipt,
    Shop,
    Touch,
    TrackingHost,
)
from tracker.reports import _shape
from tracker.reports._shape import Row, Scope

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
MARCH = (date(2026, 3, 1), date(2026, 3, 31))


@dataclass
class Books:
    """The ids of what stands in the books."""

    brand: str
    zone: str = "Europe/Paris"
    ids: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.ids.setdefault(name, derived_id(self.brand, name))


@dataclass(frozen=True)
class Stop:
    """A touchpoint: whose, in which channel, through which link, with which code."""

    partner: str
    channel: str
    link: str | None = None
    code: str | None = None
    earns: bool = True


ALICE_LINK = Stop("Alice", "influence", link="alice")
ALICE_CODE = Stop("Alice", "influence", code="ALICE10")
ALICE_BOTH = Stop("Alice", "influence", link="alice", code="ALICE10")
BOB_LINK = Stop("Bob", "affiliate", link="bob")


def write_books(session: Session, brand_id: str = "b" * 32, name: str = "Maison Violette") -> Books:
    """Write the brand, its catalog, clicks and orders, and return the ids."""
    books = Books(brand_id)
    write_catalog(session, books, name)
    write_clicks(session, books)
    for number, status, net, journey, day, extra in (
        ("A1", "paid", 10000, (ALICE_LINK, BOB_LINK), 2, {}),
        ("A2", "paid", 3335, (ALICE_BOTH,), 3, {"codes": ["Alice10"]}),
        ("A3", "pending", 2000, (ALICE_CODE,), 4, {"codes": ["ALICE10"]}),
        ("A4", "paid", 5000, (), 5, {"codes": ["NOBODY"]}),
        ("A5", "paid", 99900, (ALICE_LINK,), 6, {"test": True}),
        ("A6", "paid", 1000, (ALICE_LINK,), 7, {"currency": "USD"}),
        ("A7", "cancelled", 7000, (), 8, {}),
    ):
        placed = datetime(2026, 3, day, 12, tzinfo=UTC)
        write_order(session, books, number, placed, net=net, status=status, journey=journey, **extra)
    write_set(session, books, "A1", "linear", 10000, [(ALICE_LINK, "1/2", 5000), (BOB_LINK, "1/2", 5000)])
    write_set(session, books, "A2", "linear", 3335, [(ALICE_BOTH, "1", 3335)])
    write_set(session, books, "A4", "last_click", 5000, [(BOB_LINK, "1", 5000)], paying=True, sealed=False)
    return books


def write_catalog(session: Session, books: Books, name: str) -> None:
    """The brand, its shop, partners, links and codes."""
    brand, host = books.brand, f"{books.brand[:8]}.example.com"
    add(
        session,
        Brand(
            id=brand,
            name=name,
            time_zone=books.zone,
            currency="EUR",
            landing_domains=["shop.example"],
            net_formula=NET_FORMULA,
            created_at=EARLY,
        ),
        TrackingHost(host=host, brand_id=brand, created_at=EARLY),
        Shop(id=books["shop"], brand_id=brand, name="Boutique", platform="shopify", token=brand, created_at=EARLY),
        Campaign(id=books["spring"], brand_id=brand, name="Spring", utm={}, created_at=EARLY),
    )
    ensure_rule_set(session, brand, EARLY)
    for partner, channel, kind in (
        ("Alice", "influence", "creator"),
        ("Bob", "affiliate", "coupon"),
        ("Carol", "influence", "creator"),
    ):
        add(
            session,
            Partner(id=books[partner], brand_id=brand, name=partner, channel=channel, kind=kind, created_at=EARLY),
        )
    for slug, partner in (("alice", "Alice"), ("bob", "Bob")):
        add(
            session,
            Link(
                id=books[slug],
                brand_id=brand,
                host=host,
                slug=slug,
                landing_url="https://shop.example/",
                partner_id=books[partner],
                campaign_id=books["spring"] if slug == "alice" else None,
                created_at=EARLY,
            ),
        )
    add(session, Code(id=books["ALICE10"], brand_id=brand, text="ALICE10", normal="alice10", created_at=EARLY))
    owner = derived_id(brand, "owner")
    add(
        session,
        CodeOwner(id=owner, code_id=books["ALICE10"], partner_id=books["Alice"], valid_from=EARLY, created_at=EARLY),
    )


def write_clicks(session: Session, books: Books) -> None:
    """Alice: 12 requests, 10 by people, 8 visitors, two of each before March in Paris. Bob: 5, 4, 4."""
    for link, hour, gross, human in (
        ("alice", datetime(2026, 2, 28, 22, tzinfo=UTC), 2, 2),  # 23:00 on 28 February in Paris
        ("alice", datetime(2026, 2, 28, 23, tzinfo=UTC), 4, 3),  # midnight, 1 March
        ("alice", datetime(2026, 3, 31, 21, tzinfo=UTC), 6, 5),  # 23:00 on 31 March, summer time
        ("alice", datetime(2026, 3, 31, 22, tzinfo=UTC), 9, 9),  # midnight, 1 April
        ("bob", datetime(2026, 3, 2, 10, tzinfo=UTC), 5, 4),
    ):
        add(session, LinkHour(link_id=books[link], hour=hour, gross=gross, human=human))
    for link, day, uniques in (
        ("alice", date(2026, 2, 28), 2),
        ("alice", date(2026, 3, 1), 2),
        ("alice", date(2026, 3, 31), 4),
        ("bob", date(2026, 3, 2), 4),
    ):
        add(session, LinkDay(link_id=books[link], day=day, uniques=uniques))


def write_order(
    session: Session,
    books: Books,
    number: str,
    placed: datetime,
    *,
    net: int,
    status: str = "paid",
    currency: str = "EUR",
    test: bool = False,
    journey: Sequence[Stop] = (),
    codes: Sequence[str] = (),
    model: str = "last_click",
) -> str:
    """An order with its journey; under `model`, which pays, the last stop that earns has it all."""
    order_id = books[number]
    add(
        session,
        OrderRow(
            id=order_id,
            brand_id=books.brand,
            shop_id=books["shop"],
            external_id=f"x-{number}",
            number=number,
            status=status,
            test=test,
            currency=currency,
            total=net + net // 5,
            goods=net,
            refunded=0,
            net=net,
            net_formula=NET_FORMULA,
            placed_at=placed,
            placed_day=placed.astimezone(ZoneInfo(books.zone)).date(),
            codes=list(codes),
            click_ids=[],
            flags=[],
            folded_at=placed,
        ),
    )
    _write_codes(session, books, order_id, codes)
    _write_touches(session, books, order_id, placed, journey)
    earning = [stop for stop in journey if stop.earns]
    if earning:
        write_set(session, books, number, model, net, [(earning[-1], "1", net)], currency=currency, paying=True)
    return order_id


def _write_codes(session: Session, books: Books, order_id: str, told: Sequence[str]) -> None:
    for text in told:
        add(session, OrderCode(order_id=order_id, normal=codes.normal(text), brand_id=books.brand, text=text))


def _write_touches(session: Session, books: Books, order_id: str, placed: datetime, journey: Sequence[Stop]) -> None:
    for position, stop in enumerate(journey):
        add(
            session,
            Touch(
                order_id=order_id,
                position=position,
                brand_id=books.brand,
                kind="click" if stop.link else "code",
                at=placed,
                partner_id=books[stop.partner],
                channel=stop.channel,
                link_id=books[stop.link] if stop.link else None,
                code=stop.code,
                evidence=["click"],
                opener=position == 0,
                closer=position == len(journey) - 1,
                earns=stop.earns,
            ),
        )


def write_set(
    session: Session,
    books: Books,
    number: str,
    model: str,
    net: int,
    shares: Sequence[tuple[Stop, str, int]],
    *,
    currency: str = "EUR",
    paying: bool = False,
    sealed: bool = True,
) -> None:
    """The credits of an order under one model."""
    set_id = derived_id(books[number], model)
    add(
        session,
        CreditSet(
            id=set_id,
            order_id=books[number],
            model=model,
            model_version=1,
            rule_set=1,
            net_formula=NET_FORMULA,
            net=net,
            currency=currency,
            paying=paying,
            sealed=sealed,
        ),
    )
    for position, (stop, weight, amount) in enumerate(shares):
        assert 0 <= Fraction(weight) <= 1
        add(
            session,
            Credit(
                set_id=set_id,
                position=position,
                order_id=books[number],
                brand_id=books.brand,
                partner_id=books[stop.partner],
                channel=stop.channel,
                link_id=books[stop.link] if stop.link else None,
                code=stop.code,
                campaign_id=books["spring"] if stop.link == "alice" else None,
                evidence=["click"],
                weight=weight,
                amount=amount,
            ),
        )


def write_receipt(session: Session, books: Books, number: str, body: dict[str, object]) -> None:
    """The receipt of an order."""
    add(session, drawn_receipt(books.brand, books[number], body, EARLY))


def drawn_receipt(brand: str, order: str, body: dict[str, object], at: datetime) -> Receipt:
    """The first receipt of an order."""
    return Receipt(order_id=order, version=1, brand_id=brand, current=True, cause="order", body=body, digest="",
                   replaces=None, changes=[], drawn_at=at)  # fmt: skip


def report_rows(ledger: Ledger, name: str, scope: Scope) -> list[Row]:
    """Rows of a report after every rendering has taken them; each has exactly the cells that the columns say."""
    with ledger.session() as session:
        result = _shape.run(session, name, scope)
    json.dumps(_shape.as_json(result))
    _shape.as_csv(result)
    assert all({column.key for column in result.columns} == set(row) for row in result.rows)
    return list(result.rows)


def add(session: Session, *rows: Base) -> None:
    """Insert in the order given: foreign keys have no relationship to sort by."""
    for row in rows:
        session.add(row)
        session.flush()
