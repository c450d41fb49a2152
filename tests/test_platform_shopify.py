"""Shopify: what each body says about an order, before and after edits and refunds, in the shop's currency."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.payloads import RECEIVED, SHOP, both, delivery, shopify_order, shopify_refund
from tracker.domain.deliveries import Delivery
from tracker.domain.orders import Order, OrderEvent, Refund, RefundStatus, Snapshot, Status, StatusChange, fold
from tracker.errors import BadPayload
from tracker.platforms import shopify

SAMPLES = Path(__file__).parents[2] / "shared" / "payloads" / "shopify"


def told(payload: dict[str, Any], topic: str = "orders/updated") -> list[OrderEvent]:
    return shopify.parse(delivery("shopify", payload, topic=topic), SHOP)


def folded(*bodies: dict[str, Any]) -> Order:
    """The order of these bodies, which must be the same in whatever order they arrive."""
    parsed = [told(body) for body in bodies]
    orders = [fold(event for events in some for event in events) for some in itertools.permutations(parsed)]
    assert all(order == orders[0] for order in orders)
    assert orders[0] is not None
    return orders[0]


def only(events: list[OrderEvent]) -> Refund:
    assert len(events) == 1
    assert isinstance(events[0].change, Refund)
    return events[0].change


# --- the order -------------------------------------------------------------------------------------------------------


def test_the_version_is_the_shops_own_time_and_the_id_is_exact_text() -> None:
    event = told(shopify_order(updated_at="2026-03-02T10:31:05+01:00"))[0]
    assert event.external_id == "820982911946154508"
    assert event.version == datetime(2026, 3, 2, 9, 31, 5, tzinfo=UTC)
    assert isinstance(event.change, Snapshot)
    assert event.change.placed_at == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert event.change.number == "#1042"


@pytest.mark.parametrize(
    ("financial", "status"),
    [
        ("pending", Status.PENDING),
        ("authorized", Status.PENDING),
        ("expired", Status.PENDING),
        ("paid", Status.PAID),
        ("partially_paid", Status.PAID),
        ("partially_refunded", Status.PAID),
        ("refunded", Status.PAID),
        ("voided", Status.CANCELLED),
        ("something_new", Status.PENDING),
        (None, Status.PENDING),
    ],
)
def test_the_financial_status_decides(financial: str, status: Status) -> None:
    assert folded(shopify_order(financial_status=financial)).status is status


def test_a_cancelled_order_is_cancelled_whatever_was_paid() -> None:
    order = folded(
        shopify_order(),
        shopify_order(cancelled_at="2026-03-03T09:00:00Z", updated_at="2026-03-03T09:00:00Z"),
        shopify_order(cancelled_at="2026-03-03T09:00:00Z", updated_at="2026-03-04T09:00:00Z", tags="later"),
    )
    assert order.status is Status.CANCELLED


def test_paid_before_created_is_one_paid_order() -> None:
    created = shopify_order(status="pending")
    paid = shopify_order(updated_at="2026-03-02T09:30:04Z")
    assert folded(paid, created).status is Status.PAID
    assert folded(shopify_order(), created).status is Status.PAID


def test_two_topics_of_the_same_state_are_one_event() -> None:
    assert told(shopify_order(), "orders/create")[0].key == told(shopify_order(), "orders/paid")[0].key


@pytest.mark.parametrize("topic", ["orders/delete", "refunds/create", "app/uninstalled", "", "orders/create"])
def test_the_shape_decides_and_a_swapped_topic_changes_nothing(topic: str) -> None:
    assert told(shopify_order(), topic) == told(shopify_order())
    assert told(shopify_refund(), topic) == told(shopify_refund())


def test_an_edit_has_no_amounts_and_says_nothing() -> None:
    assert told({"order_edit": {"id": 1, "order_id": 2, "line_items": {"additions": []}}}, "orders/edited") == []


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (
            "customers/redact",
            {"shop_id": 1, "shop_domain": "x", "customer": {"email": "x@y.fr"}, "orders_to_redact": [1]},
        ),
        ("shop/redact", {"shop_id": 1, "shop_domain": "x.myshopify.com"}),
        ("customers/data_request", {"shop_id": 1, "shop_domain": "x", "data_request": {"id": 1}}),
        ("app/uninstalled", {"id": 1, "name": "Shop", "myshopify_domain": "x.myshopify.com", "currency": "EUR"}),
        ("order_transactions/create", {"id": 1, "order_id": 2, "kind": "sale", "status": "success", "amount": "1.00"}),
        ("products/delete", {"id": 1}),
        ("draft_orders/create", {"id": 1, "total_price": "1.00", "currency": "EUR", "invoice_sent_at": None}),
        ("checkouts/create", {"id": 1, "total_price": "1.00", "abandoned_checkout_url": "https://x"}),
    ],
)
def test_what_concerns_no_order_says_nothing(topic: str, body: dict[str, Any]) -> None:
    assert told(body, topic) == []


def test_a_deletion_is_dated_by_its_arrival_and_holds() -> None:
    events = told({"id": 820982911946154508}, "orders/delete")
    assert [(event.version, event.change) for event in events] == [(RECEIVED, StatusChange(Status.DELETED))]
    later = shopify_order(updated_at="2026-04-02T09:30:00Z")
    order = fold([*events, *told(shopify_order()), *told(later)])
    assert order is not None
    assert order.status is Status.DELETED


def test_an_order_topic_with_something_else_in_it_is_unreadable() -> None:
    for body in (
        {"foo": 1},
        {"id": 1, "total_price": "1.00", "currency": "EUR", "abandoned_checkout_url": "https://x"},
    ):
        with pytest.raises(BadPayload, match="neither an order nor a refund"):
            told(body, "orders/create")


def test_an_old_delivery_replayed_months_later_is_no_new_event() -> None:
    old = delivery("shopify", shopify_order())
    replayed = Delivery(old.headers, old.body, datetime(2026, 9, 1, tzinfo=UTC))
    assert shopify.parse(replayed, SHOP) == shopify.parse(old, SHOP)


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        *(("web", ""), ("580111", ""), (None, ""), ("pos", "pos"), ("iphone", "pos"), ("shopify_draft_order", "draft")),
        *(("amazon", "marketplace"), ("subscription_contract", "subscription_contract")),
    ],
)
def test_the_source_says_whether_a_link_can_have_brought_it(source: str | None, kept: str) -> None:
    order = folded(shopify_order(source_name=source))
    assert order.source == kept
    assert (f"source:{kept}" in order.flags) is bool(kept)


def test_a_test_order_is_marked() -> None:
    assert folded(shopify_order(test=True)).test


# --- its amounts -----------------------------------------------------------------------------------------------------


def test_goods_are_the_subtotal_less_the_tax_within_it() -> None:
    order = folded(shopify_order())
    assert (order.total, order.goods, order.tax, order.shipping) == (9389, 7137, 1565, 687)


def test_without_tax_in_the_prices_the_subtotal_is_the_goods() -> None:
    lines = [{"price": "10.00", "tax_lines": [{"price": "0.80"}]}]
    order = folded(
        shopify_order(
            "118.80", subtotal="100.00", tax="8.80", shipping="10.00", taxes_included=False, shipping_lines=lines
        )
    )
    assert (order.goods, order.tax, order.shipping) == (10000, 880, 1000)


def test_a_body_without_a_subtotal_leaves_what_is_not_tax_nor_shipping() -> None:
    order = folded(shopify_order(subtotal_price=None))
    assert order.goods == 9389 - 1565 - 687


def test_sums_that_do_not_add_up_are_accepted_as_given() -> None:
    order = folded(shopify_order("404.95", subtotal="404.95", tax="0.00", shipping="10.00"))
    assert (order.total, order.goods) == (40495, 40495)


@pytest.mark.parametrize(("total", "subtotal", "net"), [("129.00", "120.00", 10435), ("60.00", "51.76", 3748)])
def test_an_edited_order_is_worth_its_current_figures(total: str, subtotal: str, net: int) -> None:
    edited = shopify_order(
        current_total_price=total,
        current_subtotal_price=subtotal,
        current_total_tax="17.02",
        updated_at="2026-03-04T09:00:00Z",
    )
    order = folded(shopify_order(), edited)
    assert order.total == round(float(total) * 100)
    assert order.goods == order.net == round(float(subtotal) * 100) - 1702 + 137


def test_an_order_of_zero_is_an_order() -> None:
    order = folded(shopify_order("0.00", subtotal="0.00", tax="0.00", shipping="0.00", shipping_lines=[]))
    assert (order.total, order.net, order.status) == (0, 0, Status.PAID)


@pytest.mark.parametrize(("currency", "total", "units"), [("JPY", "11520", 11520), ("KWD", "13.345", 13345)])
def test_amounts_have_the_currencys_own_exponent(currency: str, total: str, units: int) -> None:
    order = folded(shopify_order(total, subtotal=total, tax="0", shipping="0", currency=currency, shipping_lines=[]))
    assert (order.total, order.goods, order.currency) == (units, units, currency)


def test_amounts_are_the_shops_whatever_the_buyer_saw() -> None:
    order = folded(
        shopify_order(
            presentment_currency="GBP",
            total_price_set=both("93.89", "EUR", ("80.00", "GBP")),
            current_total_price_set=both("93.89", "EUR", ("80.00", "GBP")),
        )
    )
    assert (order.currency, order.total) == ("EUR", 9389)


def test_a_negative_total_is_quarantined() -> None:
    with pytest.raises(BadPayload, match="total_price"):
        told(shopify_order("-10.00"))


def test_of_a_partially_paid_order_the_part_that_was_paid_counts() -> None:
    order = folded(
        shopify_order(
            "100.00",
            subtotal="100.00",
            tax="0",
            shipping="0",
            shipping_lines=[],
            status="partially_paid",
            total_outstanding="75.00",
        )
    )
    assert (order.status, order.total, order.net) == (Status.PAID, 10000, 2500)
    assert "partially_paid" in order.flags


# --- refunds ---------------------------------------------------------------------------------------------------------


def test_a_refund_is_what_its_successful_transactions_moved() -> None:
    event = told(shopify_refund("30.00"), "refunds/create")[0]
    assert event.external_id == "820982911946154508"
    assert event.version == datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert event.change == Refund("890088186047892319", 3000, currency="EUR")


def test_a_refund_alone_waits_for_its_order() -> None:
    assert fold(told(shopify_refund())) is None


@pytest.mark.parametrize(
    ("amount", "status", "state"),
    [
        (None, "", RefundStatus.DONE),
        ("30.00", "failure", RefundStatus.FAILED),
        ("30.00", "error", RefundStatus.FAILED),
        ("30.00", "pending", RefundStatus.PENDING),
    ],
)
def test_a_restock_or_a_transaction_that_did_not_succeed_deducts_nothing(
    amount: str | None, status: str, state: RefundStatus
) -> None:
    refund = only(told(shopify_refund(amount, status=status)))
    assert (refund.amount, refund.status) == (0, state)
    assert folded(shopify_order(), shopify_refund(amount, status=status)).net == 7137


def test_a_pending_refund_counts_once_it_succeeds() -> None:
    order = folded(shopify_order(), shopify_refund(status="pending"), shopify_refund(status="success"))
    assert order.refunded == 3000


def test_several_refunds_add_up_and_a_second_copy_does_not() -> None:
    other = shopify_refund("10.00", refund_id=2)
    assert folded(shopify_order(), shopify_refund(), other, shopify_refund()).refunded == 4000


def test_the_same_refund_in_the_orders_own_list_is_the_same_event() -> None:
    alone = told(shopify_refund())
    listed = told(shopify_order(refunds=(shopify_refund(),)))
    assert alone[0] in listed


def test_an_update_after_a_refund_leaves_the_same_net_as_the_refund_alone() -> None:
    """93.89 before, 30.00 back: by the refund's own webhook, by the update that lists it, by both."""
    updated = shopify_order(
        current_total_price="63.89",
        current_subtotal_price="55.65",
        current_total_tax="10.65",
        refunds=(shopify_refund(),),
        status="partially_refunded",
        updated_at="2026-03-05T12:00:01Z",
    )
    stale = shopify_order(current_total_price="93.89", refunds=(shopify_refund(),), updated_at="2026-03-05T12:00:01Z")
    for bodies in ([shopify_refund()], [updated], [updated, shopify_refund()], [stale], [stale, shopify_refund()]):
        order = folded(shopify_order(), *bodies)
        assert (order.total, order.refunded, order.goods) == (9389, 3000, 7137)
        assert order.net == 4857  # 71.37 × 63.89 / 93.89


def test_a_full_refund_leaves_nothing() -> None:
    gone = shopify_order(
        current_total_price="0.00",
        current_subtotal_price="0.00",
        current_total_tax="0.00",
        refunds=(shopify_refund("93.89"),),
        status="refunded",
        updated_at="2026-03-05T12:00:01Z",
    )
    order = folded(shopify_order(), gone)
    assert (order.total, order.refunded, order.net, order.status) == (9389, 9389, 0, Status.PAID)


def test_an_edit_and_a_refund_keep_the_goods_proportion() -> None:
    both_told = shopify_order(
        current_total_price="100.00",
        current_subtotal_price="90.00",
        refunds=(shopify_refund("20.00"),),
        updated_at="2026-03-06T09:00:00Z",
    )
    order = folded(shopify_order(), both_told)
    assert (order.total, order.refunded) == (12000, 2000)
    assert order.goods == 9122  # 120.00 × 71.37 / 93.89
    assert order.net == 7602


def test_more_refunded_than_the_total_is_kept_and_flagged() -> None:
    order = folded(shopify_order(), shopify_refund("100.00"))
    assert (order.refunded, order.net) == (10000, 0)
    assert "refunded_over_total" in order.flags


@pytest.mark.parametrize("currency", [None, "", "XXX", "EUR", "eur"])
def test_a_refund_without_a_currency_of_its_own_is_in_the_shops(currency: str | None) -> None:
    assert only(told(shopify_refund(currency=currency))).amount == 3000


@pytest.mark.parametrize(("currency", "total", "refunded"), [("EUR", "93.89", 3000), ("JPY", "9389", 30)])
def test_a_refund_that_names_no_currency_anywhere_takes_the_orders(currency: str, total: str, refunded: int) -> None:
    bare = shopify_refund("30.00", currency=None, refund_line_items=[])
    order = folded(shopify_order(total, currency=currency), bare)
    assert order.refunded == refunded


@pytest.mark.parametrize("currency", ["EURO", "BTC"])
def test_a_refund_in_an_unknown_currency_is_quarantined(currency: str) -> None:
    with pytest.raises(BadPayload, match="currency"):
        told(shopify_refund(currency=currency, refund_line_items=[]))


def test_a_refund_in_the_buyers_currency_is_scaled_to_the_shops() -> None:
    lines = [
        {"subtotal_set": both("36.00", "EUR", ("30.00", "GBP")), "total_tax_set": both("0.00", "EUR", ("0.00", "GBP"))}
    ]
    refund = shopify_refund("15.00", currency="GBP", refund_line_items=lines)
    assert only(told(refund)) == Refund("890088186047892319", 1800, currency="EUR")
    assert folded(shopify_order(), refund, shopify_order(refunds=(refund,))).refunded == 1800


def test_a_refund_of_a_mere_amount_in_the_buyers_currency_is_scaled_by_the_order() -> None:
    refund = shopify_refund("15.00", currency="GBP", refund_line_items=[])
    listed = shopify_order(total_price_set=both("93.89", "EUR", ("78.24", "GBP")), refunds=(refund,))
    order = folded(shopify_order(), refund, listed)
    assert order.refunded == 1800
    assert order.flags == ()


def test_shop_money_is_taken_where_the_transaction_tells_it() -> None:
    move = {"kind": "refund", "status": "success", "amount": "15.00", "currency": "GBP", "amount_set": both("17.99")}
    assert only(told(shopify_refund(transactions=[move]))).amount == 1799


def test_only_refund_transactions_move_money_back() -> None:
    moves = [
        {"kind": "refund", "status": "success", "amount": "10.00", "currency": "EUR"},
        {"kind": "void", "status": "success", "amount": "99.00", "currency": "EUR"},
        {"kind": "refund", "status": "failure", "amount": "5.00", "currency": "EUR"},
    ]
    assert only(told(shopify_refund(transactions=moves))).amount == 1000


@pytest.mark.parametrize("amount", ["-10.00", "10,00", None, {}])
def test_a_refund_whose_amount_cannot_be_read_is_quarantined(amount: object) -> None:
    move = {"kind": "refund", "status": "success", "amount": amount, "currency": "EUR"}
    with pytest.raises(BadPayload, match="amount"):
        told(shopify_refund(transactions=[move]))


# --- Shopify's own samples -------------------------------------------------------------------------------------------


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="Shopify's published samples are not at hand")
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("orders_create", [Snapshot]),
        ("orders_paid", [Snapshot]),
        ("orders_updated", [Snapshot]),
        ("orders_cancelled", [Snapshot]),
        ("orders_edited", []),
        ("orders_delete", [StatusChange]),
        ("order_transactions_create", []),
        ("refunds_create", [Refund]),
    ],
)
def test_shopifys_published_samples_are_read(name: str, kinds: list[type]) -> None:
    raw = (SAMPLES / f"sample_{name}.json").read_bytes()
    events = shopify.parse(delivery("shopify", raw, topic=name.replace("s_", "s/", 1)), SHOP)
    assert [type(event.change) for event in events] == kinds
    if kinds == [Snapshot]:
        order = fold(events)
        assert order is not None
        assert (order.test, order.status, order.total, order.currency) == (True, Status.CANCELLED, 41495, "USD")
    if kinds == [Refund]:
        assert only(events).amount == 8500
    assert json.loads(raw)
