"""One purchase at Stripe makes many objects and events; each is filed under the one name that most of them carry.

A payment is its PaymentIntent: Checkout Session, charge, refund and dispute all name it. What a subscription takes is
its invoice: the first one is named by the Checkout Session, the renewals come alone. A Checkout Session that took no
money is its own. So `checkout.session.completed`, `invoice.paid` and `payment_intent.succeeded` of one sale are events
of one order. An expired session never was an order, and a bare PaymentIntent is one only if its metadata says so (click
ids, a promo code or an `order_id`), since invoices make PaymentIntents too.

`amount_refunded` of a charge is cumulative and counts a refund from its creation, pending or not; so do we, until it
fails. A dispute takes the money like a refund, and gives it back when it is won.

Since API version 2025-03-31 a charge no longer names its invoice, so the refund of a subscription's payment waits,
visibly, under its PaymentIntent (an endpoint set to an older version has no such gap).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from itertools import chain

from tracker.domain.deliveries import Delivery, Reply, ShopContext
from tracker.domain.orders import (
    Amounts,
    OrderEvent,
    Refund,
    RefundStatus,
    RefundTotal,
    Snapshot,
    Status,
    StatusChange,
    order_event,
)
from tracker.errors import BadPayload, BadSignature
from tracker.platforms import _evidence, _fields, _signatures
from tracker.platforms._fields import Fields
from tracker.platforms._json import read_object

TITLE = "Stripe"
SIGNATURE_HELP = "In Stripe, Developers > Webhooks > your endpoint, the “Signing secret”: it begins with whsec_."
STEPS = (
    "In Stripe, open Developers, Webhooks and add an endpoint with the webhook URL shown here and these events:"
    " checkout.session.completed, checkout.session.async_payment_succeeded, checkout.session.async_payment_failed,"
    " invoice.paid, payment_intent.succeeded, charge.refunded, refund.created, refund.updated, refund.failed,"
    " charge.dispute.funds_withdrawn, charge.dispute.funds_reinstated.",
    "Copy the endpoint's signing secret, which begins with whsec_, and add it here as the shop's secret: until then its"
    " deliveries are refused.",
    "Pass the click's id as client_reference_id or metadata[rk] of the session, and the promo code as"
    " metadata[promo_code]: Stripe itself sends only ids of its promotion codes.",
    "Place an order: it shows under Orders within seconds. What could not be read is counted under Data health.",
)
SNIPPET = "Onto every page that links to Stripe, in the head: it adds the click's id to payment links."

_PREFIX = "whsec_"
_MOST_SIGNATURES = 20
_CODE_NAMES = ("promo_code", "code", "coupon_code", "discount_code", "coupon")
_NUMBER_NAMES = ("order_number", "order_id")

# Where Stripe's minor unit is not ISO 4217's: docs.stripe.com/currencies. Elsewhere the exponents are the same, or 2.
_ZERO = {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
_THREE = {"BHD", "JOD", "KWD", "OMR", "TND"}


@dataclass(frozen=True, slots=True)
class _Event:
    """What the envelope says: the type, when it happened, and whether it was real money."""

    kind: str
    created: datetime
    live: bool


def check_secret(secret: str) -> None:
    """Raise ValueError unless `secret` is an endpoint's signing secret; an API key is none."""
    _signatures.refuse_blank(secret)
    if not re.fullmatch(r"whsec_[!-~]+", secret):
        raise ValueError("a signing secret of Stripe begins with whsec_ (it is not the API key)")


def handshake(delivery: Delivery) -> Reply | None:
    """Stripe sends no ping."""
    return None


def verify(delivery: Delivery, secrets: tuple[str, ...], wall: datetime) -> int:
    """The index of the secret that signed timestamp and body. Raises BadSignature. Only scheme v1 counts."""
    parts = [part.partition(b"=") for part in _signatures.header(delivery.headers, "stripe-signature").split(b",")]
    timestamps = [value for name, _, value in parts if name.strip() == b"t"]
    if len(timestamps) != 1:
        raise BadSignature("there must be one timestamp")
    _signatures.check_fresh(timestamps[0], wall)
    given = [value for name, _, value in parts if name.strip() == b"v1"][:_MOST_SIGNATURES]
    content = timestamps[0] + b"." + delivery.body
    return _signatures.signer(secrets, given, lambda secret: _signatures.hmac_hex(secret.encode(), content))


def sign(body: bytes, secret: str, wall: datetime, delivery_id: str) -> dict[str, str]:
    """The headers with which Stripe would send `body` at the moment `wall`; the delivery's id is in the body."""
    timestamp = _signatures.unix_seconds(wall)
    signature = _signatures.hmac_hex(secret.encode(), timestamp.encode() + b"." + body).decode()
    return {"Content-Type": "application/json", "Stripe-Signature": f"t={timestamp},v1={signature}"}


def dedupe_key(delivery: Delivery) -> str:
    """The id of the event in the signed body; of an unreadable body its digest."""
    return _signatures.dedupe_text(_named(delivery, "id") or sha256(delivery.body).hexdigest())


def topic(delivery: Delivery) -> str:
    """The type of the event; empty where it cannot be read."""
    return _named(delivery, "type")[:100]


def _named(delivery: Delivery, name: str) -> str:
    try:
        return Fields(read_object(delivery.body)).have(name, _fields.text, "")
    except BadPayload:
        return ""


def parse(delivery: Delivery, shop: ShopContext) -> list[OrderEvent]:
    """The order events in the body; none for a type of event that concerns no order, nor for a v2 event."""
    body = Fields(read_object(delivery.body))
    kind = body.need("type", _fields.text)
    read = _KINDS.get(kind)
    if read is None:
        return []
    event = _Event(kind, body.need("created", _fields.unix_moment), body.may("livemode", _fields.flag, True))
    about = Fields(body.need("data", _fields.mapping), "data.").need("object", _fields.mapping)
    return read(event, Fields(about), shop)


# --- what makes an order ---------------------------------------------------------------------------------------------


def _session(event: _Event, session: Fields, shop: ShopContext) -> list[OrderEvent]:
    mode = session.have("mode", _fields.text, "payment")
    if mode == "setup":
        return []
    names = ("invoice", "id") if mode == "subscription" else ("payment_intent", "id")
    snapshot = Snapshot(
        status=_session_status(event, session),
        currency=session.need("currency", _fields.currency),
        amounts=_session_amounts(session),
        placed_at=session.have("created", _fields.unix_moment, event.created),
        number=_number(session),
        test=not event.live,
        codes=_codes(session),
        click_ids=_click_ids(session, shop),
        customer=_customer(session, shop),
        region=_region(session),
        flags=session.flags(),
    )
    return [order_event(_reference(session, *names), event.created, snapshot)]


def _session_status(event: _Event, session: Fields) -> Status:
    if event.kind.endswith("failed"):
        return Status.CANCELLED
    paid = session.have("payment_status", _fields.text, "") in ("paid", "no_payment_required")
    return Status.PAID if paid else Status.PENDING


def _session_amounts(session: Fields) -> Amounts:
    """Goods are the total without tax and shipping, whether or not the prices include the tax."""
    details = session.inner("total_details")
    shipping = _shipping(session)
    if shipping is None:
        shipping = details.have("amount_shipping", _fields.count, 0)
    tax = details.have("amount_tax", _fields.count, 0)
    return _amounts(session, "amount_total", tax, shipping, details.have("amount_discount", _fields.count, 0))


def _invoice(event: _Event, invoice: Fields, shop: ShopContext) -> list[OrderEvent]:
    """A subscription's first payment or renewal; its figures yield to the Checkout Session's, which are later."""
    reason = invoice.have("billing_reason", _fields.text, "")
    if not reason.startswith("subscription") or invoice.have("total", _fields.count, 0) < 0:
        return []
    snapshot = Snapshot(
        status=Status.PAID,
        currency=invoice.need("currency", _fields.currency),
        amounts=_invoice_amounts(invoice),
        placed_at=invoice.need("created", _fields.unix_moment),
        number=invoice.have("number", _fields.text, "")[:100],
        test=not event.live,
        codes=_codes(invoice),
        click_ids=_click_ids(invoice, shop),
        customer=_customer(invoice, shop),
        flags=invoice.flags(),
    )
    return _paid(_reference(invoice, "id"), event, snapshot)


def _invoice_amounts(invoice: Fields) -> Amounts:
    lists = [list(invoice.each(name)) for name in ("total_taxes", "total_tax_amounts")]
    taxes = [tax.have("amount", _fields.count, 0) for tax in lists[0] or lists[1]]
    tax = sum(taxes) if taxes else invoice.have("tax", _fields.count, 0)
    discounts = [item.have("amount", _fields.count, 0) for item in invoice.each("total_discount_amounts")]
    return _amounts(invoice, "total", tax, _shipping(invoice) or 0, sum(discounts))


def _payment(event: _Event, payment: Fields, shop: ShopContext) -> list[OrderEvent]:
    """A payment of a shop's own making: it says so by its metadata."""
    codes, click_ids = _codes(payment), _click_ids(payment, shop)
    if not codes and not click_ids and not _number(payment):
        return []
    snapshot = Snapshot(
        status=Status.PAID,
        currency=payment.need("currency", _fields.currency),
        amounts=_amounts(payment, "amount", 0, 0, 0),
        placed_at=payment.need("created", _fields.unix_moment),
        number=_number(payment),
        test=not event.live,
        codes=codes,
        click_ids=click_ids,
        customer=_evidence.customer(shop, payment.values.get("receipt_email")),
        flags=payment.flags(),
    )
    return _paid(_reference(payment, "id"), event, snapshot)


def _paid(external_id: str, event: _Event, snapshot: Snapshot) -> list[OrderEvent]:
    """The state as of the object's making, so that a Checkout Session's better figures win, and the payment now."""
    return [
        order_event(external_id, snapshot.placed_at, snapshot),
        order_event(external_id, event.created, StatusChange(Status.PAID)),
    ]


def _amounts(body: Fields, total_name: str, tax: int, shipping: int, discount: int) -> Amounts:
    """Stripe's minor units in ISO 4217's."""
    currency = body.need("currency", _fields.currency)
    total = body.need(total_name, _fields.count)
    if total < 0:
        raise BadPayload(f"{body.where}{total_name} is negative")
    return Amounts(
        total=_minor(body, total_name, total, currency),
        goods=_minor(body, "goods", max(total - tax - shipping, 0), currency),
        tax=_minor(body, "tax", tax, currency),
        shipping=_minor(body, "shipping", shipping, currency),
        discount=_minor(body, "discount", discount, currency),
    )


def _minor(body: Fields, name: str, amount: int, currency: str) -> int:
    exponent = 0 if currency in _ZERO else 3 if currency in _THREE else 2
    return body.minor(name, Decimal(amount).scaleb(-exponent), currency)


def _shipping(body: Fields) -> int | None:
    """Shipping without its tax, where the body says both."""
    cost = body.inner("shipping_cost")
    total = cost.have("amount_total", _fields.count, None)
    return None if total is None else total - cost.have("amount_tax", _fields.count, 0)


# --- what takes money back -------------------------------------------------------------------------------------------


def _charge_refunded(event: _Event, charge: Fields, shop: ShopContext) -> list[OrderEvent]:
    """Filed under the payment, and under the invoice where an older API version names it: one of them is the order."""
    currency = charge.need("currency", _fields.currency)
    amount = _minor(charge, "amount_refunded", charge.need("amount_refunded", _fields.count), currency)
    names = [_reference(charge, "payment_intent", "id")]
    if charge.values.get("invoice") is not None:
        names.append(_reference(charge, "invoice"))
    return [order_event(name, event.created, RefundTotal(amount, currency)) for name in names]


def _refund(event: _Event, refund: Fields, shop: ShopContext) -> list[OrderEvent]:
    failed = refund.have("status", _fields.text, "") in ("failed", "canceled") or event.kind.endswith("failed")
    return _money_back(event, refund, failed, apart=False)


def _dispute_lost(event: _Event, dispute: Fields, shop: ShopContext) -> list[OrderEvent]:
    return _money_back(event, dispute, failed=False, apart=True)


def _dispute_won(event: _Event, dispute: Fields, shop: ShopContext) -> list[OrderEvent]:
    return _money_back(event, dispute, failed=True, apart=True)


def _money_back(event: _Event, body: Fields, failed: bool, apart: bool) -> list[OrderEvent]:
    """The money went at the object's making; if it came back, it did so now."""
    currency = body.need("currency", _fields.currency)
    amount = _minor(body, "amount", body.need("amount", _fields.count), currency)
    order, own = _reference(body, "payment_intent", "charge"), _reference(body, "id")
    went = Refund(own, amount, RefundStatus.DONE, currency, apart=apart)
    events = [order_event(order, body.need("created", _fields.unix_moment), went)]
    if failed:
        came_back = Refund(own, amount, RefundStatus.FAILED, currency, apart=apart)
        events.append(order_event(order, event.created, came_back))
    return events


# --- references and evidence -----------------------------------------------------------------------------------------


def _reference(body: Fields, *names: str) -> str:
    """The first of the fields that is there: an id, or an expanded object with one. The last must be."""
    for name in names[:-1]:
        if body.values.get(name) is not None:
            return body.need(name, _object_id)
    return body.need(names[-1], _object_id)


def _object_id(value: object) -> str:
    """the id of a Stripe object."""
    return _fields.identifier(value.get("id") if isinstance(value, dict) else value)


def _metadata(body: Fields) -> Iterator[Fields]:
    """The metadata of the object, and on an invoice that of its subscription, wherever the API version keeps it."""
    yield body.inner("metadata")
    yield body.inner("subscription_details").inner("metadata")
    yield body.inner("parent").inner("subscription_details").inner("metadata")
    for line in body.inner("lines").each("data"):
        yield line.inner("metadata")


def _click_ids(body: Fields, shop: ShopContext) -> tuple[str, ...]:
    named = [pair for metadata in _metadata(body) for pair in metadata.values.items()]
    # It takes letters, digits, - and _ only: the snippet joins the ids of a journey by hyphens.
    references = body.have("client_reference_id", _fields.text, "").replace("_", "-").split("-")
    return _evidence.click_ids(shop, (), named, references)


def _number(body: Fields) -> str:
    metadata = body.inner("metadata")
    told = (metadata.have(name, _fields.text, "") for name in _NUMBER_NAMES)
    return next((number[:100] for number in told if number), "")


def _region(session: Fields) -> str | None:
    """Where the goods go, wherever the API version keeps the address; else where the payer lives."""
    shipped = (body.inner("shipping_details") for body in (session, session.inner("collected_information")))
    holders = (*shipped, session.inner("customer_details"))
    return _evidence.region("country", "state", "postal_code", *(holder.inner("address") for holder in holders))


def _codes(body: Fields) -> tuple[str, ...]:
    """Codes from the metadata, and the promotion codes: their text where it is expanded, else their ids.

    A partner's code may be registered under the id (promo_…), so no call to Stripe is needed.
    """
    told = [metadata.values.get(name) for metadata in _metadata(body) for name in _CODE_NAMES]
    breakdown = body.inner("total_details").inner("breakdown").each("discounts")
    applied = chain((item.inner("discount") for item in breakdown), _discounts(body))
    return _evidence.code_texts([*told, *(_promotion(item.values.get("promotion_code")) for item in applied)])


def _discounts(body: Fields) -> Iterator[Fields]:
    """The discounts that are objects; on an invoice they are mostly ids, which say nothing."""
    for item in body.have("discounts", _fields.sequence, []):
        if isinstance(item, dict):
            yield Fields(item)


def _promotion(value: object) -> object:
    return value.get("code") or value.get("id") if isinstance(value, dict) else value


def _customer(body: Fields, shop: ShopContext) -> str | None:
    details = body.inner("customer_details").values
    return _evidence.customer(shop, details.get("email"), body.values.get("customer_email"))


_KINDS: dict[str, Callable[[_Event, Fields, ShopContext], list[OrderEvent]]] = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _session,
    "invoice.paid": _invoice,
    "payment_intent.succeeded": _payment,
    "charge.refunded": _charge_refunded,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.refund.updated": _refund,
    "charge.dispute.funds_withdrawn": _dispute_lost,
    "charge.dispute.funds_reinstated": _dispute_won,
}
