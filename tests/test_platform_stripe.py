"""Stripe: the many events of one purchase are one order, in ISO 4217's minor units, and refunds count once."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.payloads import (
    CLICK,
    CREATED,
    SHOP,
    delivery,
    stripe_charge,
    stripe_event,
    stripe_invoice,
    stripe_refund,
    stripe_session,
)
from tracker.domain.orders import Order, OrderEvent, Status, fold
from tracker.errors import BadPayload
from tracker.platforms import stripe

DAY = 86_400


def told(kind: str, about: dict[str, Any], after: int = 0, **envelope: Any) -> list[OrderEvent]:
    """The events of a webhook that Stripe made `after` seconds."""
    event = stripe_event(kind, about, created=CREATED + after, **envelope)
    return stripe.parse(delivery("stripe", event), SHOP)


def folded(*parsed: list[OrderEvent]) -> Order:
    """The one order of these webhooks, which must be the same in whatever order they arrive."""
    names = {event.external_id for events in parsed for event in events}
    assert len(names) == 1, names
    orders = [fold(event for events in some for event in events) for some in itertools.permutations(parsed)]
    assert all(order == orders[0] for order in orders)
    assert orders[0] is not None
    return orders[0]


def completed(after: int = 0, **changes: Any) -> list[OrderEvent]:
    return told("checkout.session.completed", stripe_session(**changes), after)


# --- one purchase, one order -----------------------------------------------------------------------------------------


def test_a_payment_is_filed_under_its_payment_intent() -> None:
    assert {event.external_id for event in completed()} == {"pi_1"}
    assert folded(completed()).net == 7137


def test_a_session_that_took_no_money_is_its_own() -> None:
    order = folded(
        completed(
            payment_intent=None,
            payment_status="no_payment_required",
            amount_total=0,
            total_details={},
            shipping_cost=None,
        )
    )
    assert (order.status, order.total, order.net) == (Status.PAID, 0, 0)


def test_an_expanded_payment_intent_is_named_by_its_id() -> None:
    assert completed(payment_intent={"id": "pi_1", "object": "payment_intent"})[0].external_id == "pi_1"


def test_session_invoice_and_payment_of_one_purchase_count_once() -> None:
    payment = {"id": "pi_1", "amount": 9389, "currency": "eur", "created": CREATED - 90, "metadata": {"rk": CLICK}}
    bought = [completed(), told("payment_intent.succeeded", payment, -1), told("charge.succeeded", stripe_charge(0))]
    order = folded(*bought)
    assert (order.net, order.status, order.click_ids) == (7137, Status.PAID, (CLICK,))


def test_the_first_payment_of_a_subscription_counts_once() -> None:
    session = completed(2, mode="subscription", invoice="in_1", payment_intent=None, client_reference_id=CLICK)
    order = folded(session, told("invoice.paid", stripe_invoice(), 1), told("invoice.paid", stripe_invoice(), 1))
    assert (order.net, order.click_ids, order.number) == (7137, (CLICK,), "A-0001")


def test_a_renewal_is_an_order_of_its_own() -> None:
    renewal = told("invoice.paid", stripe_invoice(id="in_2", billing_reason="subscription_cycle"), 30 * DAY)
    order = folded(renewal)
    assert renewal[0].external_id == "in_2"
    assert (order.status, order.total, order.goods) == (Status.PAID, 9389, 7824)


@pytest.mark.parametrize("changes", [{"billing_reason": "manual"}, {"billing_reason": None}, {"total": -500}])
def test_an_invoice_that_is_no_sale_of_the_shop_says_nothing(changes: dict[str, Any]) -> None:
    assert told("invoice.paid", stripe_invoice(**changes)) == []


def test_an_older_api_versions_invoice_is_read_the_same() -> None:
    old = stripe_invoice(total_tax_amounts=[{"amount": 1565}], total_taxes=None)
    older = stripe_invoice(tax=1565, total_taxes=None)
    assert folded(told("invoice.paid", old)) == folded(told("invoice.paid", stripe_invoice()))
    assert folded(told("invoice.paid", older)) == folded(told("invoice.paid", stripe_invoice()))


@pytest.mark.parametrize("metadata", [{"rk": CLICK}, {"promo_code": "LEA15"}, {"order_id": "1042"}])
def test_a_bare_payment_is_an_order_only_if_its_metadata_says_so(metadata: dict[str, str]) -> None:
    payment = {"id": "pi_1", "amount": 9389, "currency": "eur", "created": CREATED, "metadata": metadata}
    assert folded(told("payment_intent.succeeded", payment)).net == 9389
    assert told("payment_intent.succeeded", payment | {"metadata": {"plan": "x"}}) == []


@pytest.mark.parametrize(
    "kind",
    [
        *("checkout.session.expired", "invoice.payment_succeeded", "charge.succeeded", "customer.created"),
        *("payment_intent.created", "charge.dispute.created", "v2.core.account.updated"),
    ],
)
def test_an_event_that_concerns_no_order_says_nothing(kind: str) -> None:
    assert told(kind, stripe_session()) == []


def test_a_setup_session_and_a_thin_event_say_nothing() -> None:
    assert completed(mode="setup") == []
    thin = {
        "id": "evt_1",
        "object": "v2.core.event",
        "type": "v1.billing.meter.error",
        "created": "2026-03-02T09:30:00Z",
    }
    assert stripe.parse(delivery("stripe", thin), SHOP) == []


@pytest.mark.parametrize("missing", ["type", "created", "data"])
def test_an_envelope_that_lacks_something_is_unreadable(missing: str) -> None:
    event = stripe_event("checkout.session.completed", stripe_session())
    del event[missing]
    with pytest.raises(BadPayload, match=missing):
        stripe.parse(delivery("stripe", event), SHOP)


# --- status ----------------------------------------------------------------------------------------------------------


def test_a_delayed_payment_is_pending_until_it_succeeds_or_fails() -> None:
    unpaid = completed(payment_status="unpaid")
    assert folded(unpaid).status is Status.PENDING
    succeeded = told("checkout.session.async_payment_succeeded", stripe_session(), 3 * DAY)
    failed = told("checkout.session.async_payment_failed", stripe_session(payment_status="unpaid"), 3 * DAY)
    assert folded(unpaid, succeeded).status is Status.PAID
    assert folded(unpaid, failed).status is Status.CANCELLED
    assert folded(unpaid, succeeded).placed_at == folded(unpaid).placed_at


def test_a_delayed_first_payment_of_a_subscription_is_paid_by_its_invoice() -> None:
    unpaid = completed(mode="subscription", invoice="in_1", payment_intent=None, payment_status="unpaid")
    assert folded(unpaid, told("invoice.paid", stripe_invoice(), 3 * DAY)).status is Status.PAID


def test_what_is_not_live_is_a_test() -> None:
    assert folded(told("checkout.session.completed", stripe_session(), livemode=False)).test
    assert not folded(completed()).test


# --- amounts ---------------------------------------------------------------------------------------------------------


def test_goods_are_without_tax_whether_or_not_the_prices_include_it() -> None:
    order = folded(completed())
    assert (order.total, order.goods, order.tax, order.shipping, order.discount) == (9389, 7137, 1565, 687, 500)


def test_a_session_that_tells_shipping_only_in_its_details_is_read() -> None:
    assert folded(completed(shipping_cost=None)).goods == 7137


@pytest.mark.parametrize(
    ("currency", "amount", "units"),
    [
        ("jpy", 11520, 11520),
        ("kwd", 13340, 13340),
        ("eur", 9389, 9389),
        ("isk", 500000, 5000),
        ("ugx", 500000, 5000),
        ("mga", 5000, 500000),
        ("huf", 500000, 500000),
        ("twd", 500000, 500000),
        ("clp", 5000, 5000),
    ],
)
def test_stripes_minor_units_become_iso_4217s(currency: str, amount: int, units: int) -> None:
    plain: dict[str, Any] = {"total_details": {}, "shipping_cost": None, "currency": currency}
    order = folded(completed(amount_total=amount, **plain))
    assert (order.currency, order.total, order.net) == (currency.upper(), units, units)


# --- refunds ---------------------------------------------------------------------------------------------------------


def refunded(total: int, after: int, **changes: Any) -> list[OrderEvent]:
    return told("charge.refunded", stripe_charge(total, **changes), after)


def test_a_charges_refunds_are_cumulative() -> None:
    order = folded(completed(), refunded(1000, DAY), refunded(3000, 2 * DAY))
    assert (order.refunded, order.net) == (3000, 4857)


def test_the_same_refund_told_by_the_charge_and_by_itself_counts_once() -> None:
    made = stripe_refund(created=CREATED + DAY)
    events = [
        refunded(3000, DAY + 1),
        told("refund.created", made, DAY + 2),
        told("charge.refund.updated", made, DAY + 9),
    ]
    assert folded(completed(), *events).refunded == 3000
    assert folded(completed(), events[0]).refunded == 3000
    assert folded(completed(), events[1]).refunded == 3000


def test_a_pending_refund_is_counted_as_stripe_counts_it_and_not_twice_when_it_arrives() -> None:
    made = stripe_refund(created=CREATED + DAY, status="pending")
    pending, sum_so_far = told("refund.created", made, DAY), refunded(3000, DAY)
    arrived = told("refund.updated", made | {"status": "succeeded"}, 4 * DAY)
    assert folded(completed(), pending, sum_so_far, arrived).refunded == 3000


@pytest.mark.parametrize(("kind", "status"), [("refund.failed", "failed"), ("refund.updated", "canceled")])
def test_a_refund_that_fails_gives_the_money_back(kind: str, status: str) -> None:
    made = stripe_refund(created=CREATED + DAY)
    failed = told(kind, made | {"status": status}, 4 * DAY)
    assert folded(completed(), told("refund.created", made, DAY), refunded(3000, DAY), failed).net == 7137
    assert folded(completed(), refunded(3000, DAY), failed).net == 7137
    assert folded(completed(), failed).net == 7137


def test_a_refund_before_the_order_waits_for_it() -> None:
    assert fold(refunded(3000, DAY)) is None
    assert folded(refunded(3000, DAY), completed()).refunded == 3000


def test_an_older_charge_that_names_its_invoice_reaches_the_subscriptions_order() -> None:
    events = refunded(3000, DAY, invoice="in_1")
    assert {event.external_id for event in events} == {"pi_1", "in_1"}
    own = [event for event in events if event.external_id == "in_1"]
    assert folded(told("invoice.paid", stripe_invoice()), own).refunded == 3000


def test_a_charge_without_a_payment_intent_is_its_own() -> None:
    assert refunded(100, 0, payment_intent=None)[0].external_id == "ch_1"


def test_a_lost_dispute_takes_the_money_and_a_won_one_returns_it() -> None:
    dispute = stripe_refund(9389, id="dp_1", status="needs_response")
    lost = told("charge.dispute.funds_withdrawn", dispute, DAY)
    won = told("charge.dispute.funds_reinstated", dispute | {"status": "won"}, 60 * DAY)
    assert folded(completed(), lost).net == 0
    assert folded(completed(), lost, won).net == 7137
    partly = told("charge.dispute.funds_withdrawn", dispute | {"amount": 1000}, DAY)
    assert folded(completed(), partly, refunded(2000, 2 * DAY)).refunded == 3000


def test_a_refund_of_a_zero_decimal_currency_is_in_the_same_units_as_its_order() -> None:
    plain: dict[str, Any] = {"total_details": {}, "shipping_cost": None, "currency": "isk"}
    order = folded(completed(amount_total=500000, **plain), refunded(250000, DAY, currency="isk"))
    assert (order.total, order.refunded) == (5000, 2500)
