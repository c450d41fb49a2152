"""The canonical order: every word of its documentation is true, and every refusal says what would do."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.payloads import CLICK, SHOP, delivery, standard_order, standard_refund
from tracker.domain.orders import Order, OrderEvent, Status, fold
from tracker.errors import BadPayload
from tracker.platforms import standard


def told(payload: dict[str, Any]) -> list[OrderEvent]:
    return standard.parse(delivery("standard", payload), SHOP)


def minimal(kind: str = "order.paid", **data: Any) -> dict[str, Any]:
    whole = {"id": "1042", "currency": "EUR", "total": "93.89"}
    return {"type": kind, "timestamp": "2026-03-02T09:30:00Z", "data": whole | data}


def folded(*bodies: dict[str, Any]) -> Order:
    parsed = [told(body) for body in bodies]
    orders = [fold(event for events in some for event in events) for some in itertools.permutations(parsed)]
    assert all(order == orders[0] for order in orders)
    assert orders[0] is not None
    return orders[0]


def refusal(payload: dict[str, Any]) -> str:
    with pytest.raises(BadPayload) as refused:
        told(payload)
    return str(refused.value)


def test_the_example_of_the_documentation_is_a_good_order() -> None:
    example = re.search(r"\{\"type\".*\}\}", standard.__doc__ or "", re.S)
    assert example is not None
    payload = json.loads(example[0].replace("…32 hex digits…", CLICK))
    order = folded(payload)
    assert (order.total, order.goods, order.codes, order.click_ids) == (9389, 7020, ("LEA15",), (CLICK,))
    assert (order.status, order.number, order.flags) == (Status.PAID, "#1042", ())
    assert order.total == order.goods + order.tax + order.shipping


def test_three_fields_make_an_order() -> None:
    order = folded(minimal())
    assert (order.status, order.total, order.net, order.number) == (Status.PAID, 9389, 9389, "1042")
    assert order.placed_at == order.version == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_without_goods_they_are_the_total_less_tax_and_shipping() -> None:
    assert folded(minimal(tax="15.65", shipping="6.87")).goods == 7137


@pytest.mark.parametrize(
    ("kind", "status"),
    [("order.created", Status.PENDING), ("order.paid", Status.PAID), ("order.cancelled", Status.CANCELLED)],
)
def test_without_a_status_the_type_says_it_and_a_status_outweighs_it(kind: str, status: Status) -> None:
    assert folded(minimal(kind)).status is status
    assert folded(minimal(kind, status="paid")).status is Status.PAID


@pytest.mark.parametrize(("kind", "status"), [("order.paid", Status.PAID), ("order.cancelled", Status.CANCELLED)])
def test_a_payment_or_cancellation_may_come_without_the_rest(kind: str, status: Status) -> None:
    bare = {"type": kind, "timestamp": "2026-03-02T10:00:00Z", "data": {"id": "1042"}}
    order = folded(minimal("order.created"), bare)
    assert (order.status, order.total) == (status, 9389)


def test_updated_at_orders_the_states_and_the_timestamp_stands_in() -> None:
    new = minimal(total="50.00", updated_at="2026-03-03T09:00:00Z")
    old = minimal(total="70.00", updated_at="2026-03-02T12:00:00+01:00")
    assert folded(new, old, minimal()).total == 5000


def test_refunds_come_as_a_sum_or_one_by_one() -> None:
    assert folded(minimal(), minimal(refunded="30.00", updated_at="2026-03-05T09:00:00Z")).refunded == 3000
    assert folded(minimal(), standard_refund(), standard_refund(id="r2", amount="5.00")).refunded == 3500
    both = [standard_refund(), minimal(refunded="30.00", updated_at="2026-03-06T09:00:00Z")]
    assert folded(minimal(), *both).refunded == 3000


def test_a_refund_that_failed_gives_the_money_back() -> None:
    failed = standard_refund("refund.failed", updated_at="2026-03-07T09:00:00Z")
    assert folded(minimal(), standard_refund(), failed).refunded == 0
    pending = standard_refund(status="pending")
    done = standard_refund("refund.updated", status="done", updated_at="2026-03-07T09:00:00Z")
    assert folded(minimal(), pending).refunded == 0
    assert folded(minimal(), pending, done).refunded == 3000


def test_a_refund_without_a_currency_takes_the_orders() -> None:
    bare = standard_refund(amount="30")
    del bare["data"]["currency"]
    assert folded(minimal(currency="JPY", total="9389"), bare).refunded == 30


def test_a_deleted_order_stays_so_until_it_is_restored() -> None:
    deleted = {"type": "order.deleted", "timestamp": "2026-03-03T09:00:00Z", "data": {"id": "1042"}}
    restored = {"type": "order.restored", "timestamp": "2026-03-04T09:00:00Z", "data": {"id": "1042"}}
    later = minimal(updated_at="2026-03-09T09:00:00Z")
    assert folded(minimal(), deleted, later).status is Status.DELETED
    assert folded(minimal(), deleted, later, restored).status is Status.PAID


def test_an_id_may_be_a_number_and_is_the_same_as_text() -> None:
    assert told(minimal(id=1042)) == told(minimal(id="1042"))


@pytest.mark.parametrize(("source", "kept"), [("web", ""), (None, ""), ("POS", "pos"), ("marketplace", "marketplace")])
def test_the_source_says_whether_a_link_can_have_brought_it(source: str | None, kept: str) -> None:
    assert folded(minimal(source=source)).source == kept


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"type": "order.shipped"}, "type is not one of order.created, order.paid"),
        ({}, "type is missing"),
        ({"type": "order.paid"}, "data is missing: want an object"),
        ({"type": "order.paid", "data": []}, "data cannot be read: want an object"),
        ({"type": "order.paid", "data": {}}, "timestamp is missing: want a time as RFC 3339 writes it"),
        (minimal(id=None), "data.id is missing: want an id"),
        (minimal(total=None), "data.total is missing: want an amount"),
        (minimal(total="93,89"), "data.total cannot be read: want an amount that is not negative"),
        (minimal(tax="-1"), "data.tax cannot be read"),
        (minimal(goods={}), "data.goods cannot be read"),
        (minimal(refunded="x"), "data.refunded cannot be read"),
        (minimal(currency="EURO"), "data.currency cannot be read: want an ISO 4217 currency code such as EUR"),
        (minimal(status="shipped"), "data.status cannot be read: want one of pending, paid, cancelled"),
        (minimal(status="deleted"), "data.status cannot be read"),
        (minimal("order.updated"), "data.status is missing: want one of pending, paid, cancelled"),
        (minimal(test="yes"), "data.test cannot be read: want true or false"),
        (minimal(codes="LEA15"), "data.codes cannot be read: want a list"),
        (minimal(click_ids=CLICK), "data.click_ids cannot be read: want a list"),
        (minimal(placed_at="02/03/2026"), "data.placed_at cannot be read: want a time"),
        (standard_refund(order_id=None), "data.order_id is missing: want an id"),
        (standard_refund(amount="-5"), "data.amount cannot be read: want an amount that is not negative"),
        (standard_refund("refund.updated"), "data.status is missing: want one of pending, done, failed"),
    ],
)
def test_every_refusal_names_the_field_and_says_what_would_do(payload: dict[str, Any], said: str) -> None:
    assert said in refusal(payload)


def test_the_whole_canonical_order_is_read() -> None:
    order = folded(standard_order(codes=["LEA15"], discount="5.00", test=True))
    assert (order.test, order.discount, order.net, order.landing) == (True, 500, 7137, "/robe")
