"""WooCommerce: each body is the whole state; refunds are a list that grows and shrinks; nothing is asked twice."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.payloads import RECEIVED, SHOP, delivery, woo_order
from tracker.domain.orders import Order, OrderEvent, Restored, Status, StatusChange, fold
from tracker.errors import BadPayload
from tracker.platforms import woocommerce


def told(payload: dict[str, Any], topic: str = "order.updated", after: int = 0) -> list[OrderEvent]:
    """The events of a body that arrived `after` seconds."""
    sent = delivery("woocommerce", payload, topic=topic, received_at=RECEIVED + timedelta(seconds=after))
    return woocommerce.parse(sent, SHOP)


def folded(*parsed: list[OrderEvent]) -> Order:
    orders = [fold(event for events in some for event in events) for some in itertools.permutations(parsed)]
    assert all(order == orders[0] for order in orders)
    assert orders[0] is not None
    return orders[0]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("pending", Status.PENDING),
        ("on-hold", Status.PENDING),
        ("failed", Status.PENDING),
        ("checkout-draft", Status.PENDING),
        ("processing", Status.PAID),
        ("wc-completed", Status.PAID),
        ("refunded", Status.PAID),
        ("cancelled", Status.CANCELLED),
        ("trash", Status.DELETED),
    ],
)
def test_the_state_decides(state: str, status: Status) -> None:
    assert folded(told(woo_order(status=state))).status is status


def test_a_state_of_the_shops_own_is_paid_once_there_is_a_date_of_payment() -> None:
    paid = woo_order(status="ready-to-ship", date_paid_gmt="2026-03-02T09:31:00")
    order = folded(told(paid))
    assert order.status is Status.PAID
    assert "status:ready-to-ship" in order.flags
    assert folded(told(woo_order(status="ready-to-ship", date_paid_gmt=None))).status is Status.PENDING


def test_a_payment_that_failed_and_was_repeated_within_the_second_is_paid() -> None:
    assert folded(told(woo_order(status="failed")), told(woo_order(status="processing"))).status is Status.PAID


def test_times_are_the_gmt_ones() -> None:
    event = told(woo_order(modified="2026-03-02T09:31:07"))[0]
    assert event.version == datetime(2026, 3, 2, 9, 31, 7, tzinfo=UTC)
    assert folded([event]).placed_at == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_goods_are_without_tax_shipping_and_fees_and_a_negative_fee_is_a_discount() -> None:
    assert folded(told(woo_order())).goods == 7137
    fees = [{"total": "2.00"}, {"total": "-5.00"}]
    assert folded(told(woo_order(fee_lines=fees))).goods == 6937


def test_prices_that_are_json_numbers_are_read_exactly() -> None:
    assert folded(told(woo_order() | {"total_tax": 15.65, "total": 93.89})).tax == 1565


def test_listed_refunds_are_cumulative_and_replace() -> None:
    order = folded(
        told(woo_order()),
        told(woo_order(refunds=("-21.16",), modified="2026-03-03T09:00:00")),
        told(woo_order(refunds=("-21.16", "-8.84"), modified="2026-03-04T09:00:00")),
    )
    assert order.refunded == 3000
    assert order.net == 4857


def test_a_refund_that_was_deleted_is_given_back() -> None:
    order = folded(
        told(woo_order(refunds=("-21.16",), modified="2026-03-03T09:00:00")),
        told(woo_order(modified="2026-03-04T09:00:00")),
    )
    assert (order.refunded, order.net) == (0, 7137)


def test_a_refund_told_within_the_second_of_the_sale_counts() -> None:
    assert folded(told(woo_order()), told(woo_order(refunds=("-93.89",)))).refunded == 9389


def test_an_order_refunded_without_a_list_is_refunded_whole() -> None:
    for listed in (list[Any](), None):
        order = folded(told(woo_order(status="refunded") | {"refunds": listed}))
        assert (order.refunded, order.net) == (9389, 0)


def test_a_deletion_needs_only_an_id_and_the_right_resource() -> None:
    assert [event.change for event in told({"id": 727}, "order.deleted")] == [StatusChange(Status.DELETED)]
    assert [event.change for event in told({"id": 727}, "")] == [StatusChange(Status.DELETED)]
    assert told({"id": 727}, "product.deleted") == []


def test_no_update_brings_a_deleted_order_back_but_a_restoration_does() -> None:
    deleted = told({"id": 727}, "order.deleted", after=60)
    later = told(woo_order(modified="2026-03-02T10:30:00"), after=3600)
    restored = told(woo_order(modified="2026-03-02T09:31:30"), "order.restored", after=90)
    assert folded(told(woo_order()), deleted, later).status is Status.DELETED
    assert Restored() in [event.change for event in restored]
    assert folded(told(woo_order()), deleted, restored).status is Status.PAID
    assert (
        folded(told(woo_order()), deleted, restored, told({"id": 727}, "order.deleted", after=999)).status
        is Status.DELETED
    )


def test_the_trash_is_a_deletion_that_can_be_undone() -> None:
    trashed = told(woo_order(status="trash", modified="2026-03-02T09:31:00"), after=60)
    restored = told(woo_order(modified="2026-03-02T09:32:00"), "order.restored", after=120)
    assert folded(told(woo_order()), trashed).status is Status.DELETED
    assert folded(told(woo_order()), trashed, restored).status is Status.PAID


@pytest.mark.parametrize("topic", ["order.deleted", "order.created", "product.updated", ""])
def test_a_swapped_topic_changes_nothing(topic: str) -> None:
    assert told(woo_order(), topic) == told(woo_order())


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("action.woocommerce_add_to_cart", {"action": "woocommerce_add_to_cart", "arg": "x"}),
        ("product.updated", {"id": 1, "name": "Robe", "status": "publish", "price": "10"}),
        ("customer.created", {"id": 1, "email": "x@y.fr", "role": "customer"}),
        ("coupon.created", {"id": 1, "code": "lea15", "amount": "15.00", "status": "publish"}),
    ],
)
def test_another_resource_says_nothing(topic: str, body: dict[str, Any]) -> None:
    assert told(body, topic) == []


def test_an_order_topic_with_something_else_in_it_is_unreadable() -> None:
    with pytest.raises(BadPayload, match="not an order"):
        told({"id": 1, "name": "Robe"}, "order.updated")


def test_a_shop_without_shipping_tax_or_decimals_is_read() -> None:
    order = folded(told(woo_order("11520", tax="0", shipping="0", currency="JPY")))
    assert (order.total, order.goods) == (11520, 11520)


@pytest.mark.parametrize(
    ("source", "kept"),
    [("checkout", ""), ("store-api", ""), ("admin", "draft"), ("pos-rest-api", "pos"), ("rest-api", "rest-api")],
)
def test_the_source_says_whether_a_link_can_have_brought_it(source: str, kept: str) -> None:
    assert folded(told(woo_order(created_via=source))).source == kept


def test_a_guest_without_an_address_is_nobody() -> None:
    assert folded(told(woo_order(email=""))).customer is None


def test_several_deliveries_of_the_same_later_state_are_one_event() -> None:
    assert told(woo_order(), "order.created", after=1) == told(woo_order(), "order.updated", after=50)
