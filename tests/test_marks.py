"""A mark is another marketing's trace on an order: its name is kept, its value never, and it earns nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from tests import given
from tests.conftest import NOW, Ledger
from tests.sample_books import report_rows
from tracker.domain import marks
from tracker.domain.deliveries import Delivery, ShopContext
from tracker.domain.marks import Family, Mark
from tracker.domain.orders import Snapshot, fold
from tracker.ledger.tables import OrderRow
from tracker.platforms import shopify, standard, woocommerce
from tracker.reports._shape import Scope

SHOP = ShopContext("rk", lambda email: "0" * 64)
SEEN = "awc@1772443800000,utm:news:email:march@1772443900000"


def test_what_the_snippet_hands_over_is_kept_and_what_is_no_mark_is_not() -> None:
    told = [SEEN, "gclid+fbclid, <script>,awc@1772443800000,utm:a@b:c:d,utm:eve%40example.com:x:y,secret=1", None, 7]
    assert marks.kept(told) == ("awc@1772443800000", "utm:news:email:march@1772443900000", "gclid+fbclid")


def test_an_order_holds_no_more_marks_than_fit() -> None:
    assert len(marks.kept([f"utm:s{number}:m:c" for number in range(50)])) == marks.MOST


def test_a_mark_says_who_left_it_and_when() -> None:
    assert marks.told("awc@1772443800000") == [Mark(Family.NETWORK, "Awin", datetime(2026, 3, 2, 9, 30, tzinfo=UTC))]
    assert marks.told("gclid+wbraid") == [Mark(Family.ADVERTISING, "Google Ads", None)] * 2
    assert marks.told("utm:news%20letter:email:") == [Mark(Family.TAGGED, "news letter / email", None)]
    assert marks.told("nothing") == []


def test_a_landing_page_tells_the_names_of_parameters_and_never_their_values() -> None:
    query = [("awc", "1234_secret"), ("utm_source", "bing"), ("utm_medium", "cpc")]
    assert marks.in_query(query, ours=False) == ("awc", "utm:bing:cpc:")
    assert marks.in_query(query, ours=True) == ("awc",)
    assert marks.in_query([("utm_source", "eve@example.com")], ours=False) == ()


def shopify_order() -> dict[str, object]:
    return {
        "id": 1,
        "currency": "EUR",
        "created_at": "2026-03-02T10:00:00Z",
        "updated_at": "2026-03-02T10:00:00Z",
        "financial_status": "paid",
        "total_price": "10.00",
        "subtotal_price": "10.00",
        "landing_site": "/?awc=1_2&utm_source=x",
        "note_attributes": [{"name": "rk_via", "value": SEEN}],
    }


def woocommerce_order() -> dict[str, object]:
    return {
        "id": 1,
        "status": "processing",
        "currency": "EUR",
        "date_created_gmt": "2026-03-02T10:00:00",
        "date_modified_gmt": "2026-03-02T10:00:00",
        "date_paid_gmt": "2026-03-02T10:00:00",
        "total": "10.00",
        "meta_data": [
            {"key": "rk_via", "value": SEEN},
            {"key": "_wc_order_attribution_session_entry", "value": "https://shop.example/?awc=1_2"},
        ],
    }


def standard_order() -> dict[str, object]:
    data = {"id": "1", "currency": "EUR", "total": "10.00", "marks": SEEN, "landing_url": "https://shop.example/?awc=1"}
    return {"type": "order.paid", "timestamp": "2026-03-02T10:00:00Z", "data": data}


@pytest.mark.parametrize(
    ("platform", "body"),
    [(shopify, shopify_order()), (woocommerce, woocommerce_order()), (standard, standard_order())],
    ids=["shopify", "woocommerce", "standard"],
)
def test_every_platform_carries_the_marks_to_the_order(platform: object, body: dict[str, object]) -> None:
    headers = {"x-shopify-topic": "orders/paid", "x-wc-webhook-topic": "order.updated"}
    events = platform.parse(Delivery(headers, json.dumps(body).encode(), NOW), SHOP)  # type: ignore[attr-defined]
    order = fold(events)
    assert order is not None
    assert order.marks[:2] == ("awc@1772443800000", "utm:news:email:march@1772443900000")
    assert "awc" not in order.marks
    assert any(isinstance(event.change, Snapshot) for event in events)


def test_the_report_says_which_orders_may_be_paid_for_twice(ledger: Ledger) -> None:
    world = given.World(ledger)
    shared = world.order(net="90.00", days=1, clicks=[world.click(world.alice_link, days=2)])
    alone = world.order(net="30.00", days=1)
    with ledger.writing() as session:
        session.get_one(OrderRow, shared).marks = ["awc@1772443800000", "gclid"]
        session.get_one(OrderRow, alone).marks = ["awc", "awc+gclid"]
    world.attribute()
    rows = report_rows(ledger, "other_marketing", Scope(world.brand, date(2026, 3, 1), date(2026, 3, 20)))
    told = [(row["source"], row["orders"], row["revenue"], row["shared"], row["shared_revenue"]) for row in rows]
    assert told == [("Awin", 2, 12000, 1, 9000), ("Google Ads", 2, 12000, 1, 9000)]
