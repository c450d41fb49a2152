"""Where the goods went is kept as a region: coarse, and the same whichever shop told of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests import given as worlds
from tests.conftest import NOW, Ledger
from tests.payloads import SHOP, delivery, shopify_order, woo_order
from tracker.domain import regions
from tracker.domain.orders import OrderEvent, Snapshot, fold
from tracker.errors import BadPayload
from tracker.ledger import orders
from tracker.ledger.tables import OrderRow
from tracker.platforms import shopify, standard, stripe, woocommerce


@pytest.mark.parametrize(
    ("address", "region"),
    [
        (("FR", None, "75011"), "FR-75"),
        (("FR", "Paris", "75 011"), "FR-75"),
        (("FR", "IDF", None), "FR-IDF"),
        (("FR", "", "97411"), "FR-974"),
        (("FR", None, "01000"), "FR-01"),
        (("US", "CA", "94107"), "US-CA"),
        (("DE", "DE-BE", "10115"), "DE-BE"),
        (("DE", None, "10115"), "DE-10"),
        (("es", "m", None), "ES-M"),
        (("GB", "Greater London", "SW1A 1AA"), "GB"),
        (("BE", None, "B-1000"), "BE"),
        (("France", None, "75011"), None),
        ((None, "CA", "94107"), None),
        (({}, [], 1), None),
    ],
)
def test_an_address_is_in_one_region(address: tuple[object, ...], region: str | None) -> None:
    assert regions.of_address(*address) == region


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_a_region_is_short_and_is_read_as_it_is_written(country: str, province: str, postcode: str) -> None:
    found = regions.of_address(country, province, postcode)
    assert found is None or (len(found) <= 8 and regions.region(found) == found)


@pytest.mark.parametrize("text", ["Paris", "FR-", "75", "FR-750111", ""])
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="FR-75"):
        regions.region(text)


PARIS = {"address1": "1 rue du Port", "zip": "75011", "country_code": "FR", "province_code": None}


def region_of(events: list[OrderEvent]) -> str | None:
    order = fold(events)
    assert order is not None
    return order.region


def of_shopify(**body: Any) -> str | None:
    return region_of(shopify.parse(delivery("shopify", shopify_order(**body), topic="orders/paid"), SHOP))


def test_shopify_tells_where_the_goods_go_or_who_pays() -> None:
    assert of_shopify(shipping_address=PARIS) == "FR-75"
    assert of_shopify(shipping_address=None, billing_address={**PARIS, "zip": "13001"}) == "FR-13"
    assert of_shopify(shipping_address=None, billing_address=None) is None


def test_woocommerce_tells_where_the_goods_go_or_who_pays() -> None:
    nowhere = {"country": "", "state": "", "postcode": ""}
    payer = {"country": "US", "state": "CA", "postcode": "94107"}
    body = {**woo_order(), "shipping": nowhere, "billing": payer}
    assert region_of(woocommerce.parse(delivery("woocommerce", body, topic="order.updated"), SHOP)) == "US-CA"


def standard_order(**data: Any) -> dict[str, Any]:
    told = {"id": "1", "currency": "EUR", "total": "10.00", **data}
    return {"type": "order.paid", "timestamp": "2026-03-02T09:30:00Z", "data": told}


def test_any_other_shop_names_the_region_and_is_told_how_if_it_cannot_be_read() -> None:
    assert region_of(standard.parse(delivery("standard", standard_order(region="fr-69")), SHOP)) == "FR-69"
    with pytest.raises(BadPayload, match="region"):
        standard.parse(delivery("standard", standard_order(region="69001 Lyon")), SHOP)


@pytest.mark.parametrize(
    "where",
    [
        {"shipping_details": {"address": {"country": "FR", "postal_code": "69001"}}},
        {"collected_information": {"shipping_details": {"address": {"country": "FR", "postal_code": "69001"}}}},
        {"customer_details": {"address": {"country": "FR", "postal_code": "69001", "state": None}}},
    ],
)
def test_stripe_tells_it_wherever_its_version_keeps_the_address(where: dict[str, Any]) -> None:
    session = {"id": "cs_1", "object": "checkout.session", "mode": "payment", "payment_intent": "pi_1",
               "currency": "eur", "amount_total": 1000, "payment_status": "paid", "created": 1772443800}  # fmt: skip
    body = {"id": "evt_1", "type": "checkout.session.completed", "created": 1772443800, "livemode": True,
            "data": {"object": {**session, **where}}}  # fmt: skip
    assert region_of(stripe.parse(delivery("stripe", body), SHOP)) == "FR-69"


def test_the_order_s_row_has_the_region_and_keeps_it_where_a_later_body_is_silent(ledger: Ledger) -> None:
    world = worlds.World(ledger)
    bodies = [standard_order(region="FR-75"), {**standard_order(), "timestamp": "2026-03-02T10:00:00Z"}]
    events = [event for body in bodies for event in standard.parse(delivery("standard", body), SHOP)]
    assert [event.change.region for event in events if isinstance(event.change, Snapshot)] == ["FR-75", None]
    with ledger.writing() as session:
        home = orders.Home(world.shop, world.brand, "Europe/Paris", "goods_less_refunds_v1")
        orders.record(session, home, events, delivery_id=None, now=NOW, wall=NOW)
    with ledger.session() as session:
        assert session.execute(select(OrderRow.region)).scalar_one() == "FR-75"
