"""The brand's own file puts customers in segments by their hash; no address is kept, an erasure takes them out."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from tests import given
from tests.conftest import NOW, Ledger
from tests.intake import all_text
from tests.sample_books import report_rows
from tracker.catalog import Desk, _csv_lines, segments
from tracker.errors import NotFound
from tracker.ledger import orders
from tracker.ledger.tables import Brand, OrderRow, Segment, Shop
from tracker.reports._shape import Row, Scope
from tracker.sealing import hash_customer

KEY = "0" * 64
MARCH = (date(2026, 3, 1), date(2026, 3, 20))
FILE = "E-mail;Groupe\nLea@Example.com;VIP\nmax@example.com;VIP\nlea@example.com;Newsletter\nnobody;VIP\n"


@pytest.fixture
def world(ledger: Ledger) -> given.World:
    return given.World(ledger)


def bring(world: given.World, text: str = FILE, *, apply: bool = True, **defaults: str) -> segments.SegmentImport:
    lines = _csv_lines.read(text.encode(), {"email": "E-mail", "segment": "Groupe"}, segments.FIELDS, day_first=False)
    with world.ledger.writing() as session:
        at = Desk(session, world.brand, NOW, NOW, "https://go.example.com", KEY)
        return segments.bring(at, lines, defaults=defaults, apply=apply)


def customer(world: given.World, email: str) -> str:
    return hash_customer(KEY, world.brand)(email)


def held(world: given.World) -> list[tuple[str, str]]:
    with world.ledger.session() as session:
        return sorted((row.customer, row.name) for row in session.execute(select(Segment)).scalars())


def rows(world: given.World, **asked: Any) -> dict[object, Row]:
    found = report_rows(world.ledger, "segments", Scope(world.brand, *MARCH, **asked))
    return {row["segment"] or row["what"]: row for row in found}


def test_a_file_is_looked_at_first_and_then_adds_each_customer_once(world: given.World) -> None:
    looked = bring(world, apply=False)
    assert (looked.added, looked.there_already, held(world)) == ({"Newsletter": 1, "VIP": 2}, 0, [])
    assert [(one.line, one.reason) for one in looked.refused] == [(5, "email: is not an e-mail address")]
    assert bring(world).added == looked.added
    lea, max_ = customer(world, "lea@example.com"), customer(world, "max@example.com")
    assert held(world) == sorted([(lea, "VIP"), (lea, "Newsletter"), (max_, "VIP")])
    again = bring(world)
    assert (again.added, again.there_already, len(held(world))) == ({}, 3, 3)


def test_no_address_is_kept_or_told(world: given.World) -> None:
    told = bring(world).model_dump_json()
    kept = all_text(world.ledger, [Segment])
    for text in (told, kept):
        assert "example" not in text.lower()
        assert "nobody" not in text


def test_a_hash_will_do_and_one_of_both_must_be_said(world: given.World) -> None:
    lines = [
        _csv_lines.Line(2, {"customer": "A" * 64, "segment": "VIP"}),
        _csv_lines.Line(3, {"customer": "a" * 63}),
        _csv_lines.Line(4, {"customer": "b" * 64, "email": "lea@example.com"}),
        _csv_lines.Line(5, {"email": "lea@example.com", "segment": " "}),
    ]
    with world.ledger.writing() as session:
        at = Desk(session, world.brand, NOW, NOW, "https://go.example.com", KEY)
        found = segments.bring(at, lines, defaults={}, apply=True)
        assert [one.line for one in found.refused] == [3, 4, 5]
        assert [(one.name, one.customers) for one in segments.every(at).data] == [("VIP", 1)]
        assert segments.remove(at, "VIP").customers == 1
        with pytest.raises(NotFound):
            segments.remove(at, "VIP")
    assert held(world) == []


def test_the_report_adds_up_by_segment_and_says_who_brought_them(world: given.World) -> None:
    bring(world)
    lea, max_ = customer(world, "lea@example.com"), customer(world, "max@example.com")
    click = world.click(world.alice_link, days=3)
    first = world.order(net="90.00", days=2, customer=lea, clicks=[click])
    world.change(first, customer_is_new=True)
    world.order(net="10.00", days=1, customer=max_, clicks=[world.click(world.bob_link, days=2)])
    world.order(net="7.00", days=1, customer="f" * 64)
    world.order(net="5.00", days=1)
    world.attribute()
    found = rows(world)
    assert list(found) == ["VIP", "Newsletter", "in_no_segment", "customer_not_known"]
    vip = found["VIP"]
    assert (vip["customers"], vip["orders"], vip["new"], vip["revenue"], vip["aov"]) == (2, 2, 1, 10000, 5000)
    assert (vip["influence"], vip["affiliate"], vip["credited"]) == (9000, 1000, 1)
    assert (found["Newsletter"]["orders"], found["Newsletter"]["revenue"]) == (1, 9000)
    assert (found["in_no_segment"]["revenue"], found["in_no_segment"]["influence"]) == (700, 0)
    unknown = found["customer_not_known"]
    assert (unknown["revenue"], unknown["customers"], unknown["new"]) == (500, None, None)


def test_a_model_that_credits_the_whole_counts_an_order_once_a_channel(world: given.World) -> None:
    bring(world)
    lea = customer(world, "lea@example.com")
    clicks = [world.click(world.alice_link, days=4), world.click(world.link(world.partner("Carol")), days=3)]
    world.order(net="90.00", days=2, customer=lea, clicks=clicks)
    world.attribute()
    assert rows(world, model="participation")["VIP"]["influence"] == 9000


def forget(world: given.World, *external_ids: str, customers: tuple[str, ...] = ()) -> None:
    with world.ledger.writing() as session:
        orders.forget(session, home(world, session), external_ids=external_ids, customers=customers, traces=(), now=NOW)


def home(world: given.World, session: Any) -> orders.Home:
    brand, shop = session.get_one(Brand, world.brand), session.get_one(Shop, world.shop)
    return orders.Home(shop_id=shop.id, brand_id=brand.id, net_formula=brand.net_formula, time_zone=brand.time_zone)


def test_a_customer_who_asks_to_be_forgotten_is_in_no_segment_any_more(world: given.World) -> None:
    bring(world)
    lea, max_ = customer(world, "lea@example.com"), customer(world, "max@example.com")
    order = world.order(customer=max_, days=1)
    forget(world, customers=(lea,))
    assert held(world) == [(max_, "VIP")]
    (external_id,) = [row["external_id"] for row in world.all(OrderRow) if row["id"] == order]
    forget(world, external_id)
    assert held(world) == []


def test_a_whole_shop_that_is_forgotten_takes_its_customers_out(world: given.World) -> None:
    bring(world)
    world.order(customer=customer(world, "lea@example.com"), days=1)
    with world.ledger.writing() as session:
        orders.forget_shop(session, home(world, session), now=NOW)
    assert held(world) == [(customer(world, "max@example.com"), "VIP")]
