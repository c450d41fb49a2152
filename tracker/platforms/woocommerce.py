"""WooCommerce tells the order's whole state each time, never asks twice, and signs the body alone.

The payload is built when the job runs, so several deliveries may tell the same later state; refunds are a cumulative
list. Prices are without tax whether or not the shop shows them with it.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from tracker.domain.codes import shown
from tracker.domain.deliveries import Delivery, Reply, ShopContext
from tracker.domain.orders import Amounts, OrderEvent, Restored, Snapshot, Status, StatusChange, order_event
from tracker.errors import BadPayload
from tracker.platforms import _evidence, _fields, _signatures
from tracker.platforms._fields import Fields
from tracker.platforms._json import read_object

TITLE = "WooCommerce"
SIGNATURE_HELP = (
    "In WordPress, WooCommerce > Settings > Advanced > Webhooks, the “Secret” of the webhook; give every webhook of "
    "the shop the same one."
)
STEPS = (
    "Choose a long random text as the secret, and add it here as the shop's secret.",
    "In WordPress, open WooCommerce, Settings, Advanced, Webhooks. Add a webhook for each of Order created, Order"
    " updated, Order deleted and Order restored, each Active, with the webhook URL shown here as delivery URL and that"
    " text as secret. The ping that WooCommerce sends on saving is answered.",
    "Leave Order attribution switched on, under Settings, Advanced, Features: it reports the first page of the visit,"
    " with the click's id.",
    "Paste the snippet, so that the whole journey reaches the order.",
    "Place an order: it shows under Orders within seconds. What could not be read is counted under Data health.",
)
SNIPPET = "Into the header.php of your theme, right before the end of the head, or by a plugin that adds code there."

_STATUS = {
    "pending": Status.PENDING,
    "on-hold": Status.PENDING,
    "failed": Status.PENDING,  # the buyer may try again, often within the second; the shop cancels what is never paid
    "checkout-draft": Status.PENDING,
    "auto-draft": Status.PENDING,
    "processing": Status.PAID,
    "completed": Status.PAID,
    "refunded": Status.PAID,
    "cancelled": Status.CANCELLED,
    "trash": Status.CANCELLED,
}
_SOURCE = {
    "checkout": "",
    "store-api": "",
    "pos": "pos",
    "pos-rest-api": "pos",
    "admin": "draft",
    "amazon": "marketplace",
    "ebay": "marketplace",
}
_ENTRY = "_wc_order_attribution_session_entry"
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
_ONLY_AN_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"?[0-9]+"?\s*\}\s*')

# What `wp_specialchars_decode(…, ENT_QUOTES)` decodes, in one pass.
_ENTITY = re.compile(
    r"&(?:(lt|#0*60|#x0*3c)|(gt|#0*62|#x0*3e)|(quot|#0*34|#x0*22)|(#0*39|#x0*27)|(amp|#0*38|#x0*26));", re.I
)


def check_secret(secret: str) -> None:
    """Raise ValueError for a blank secret; the shop may choose any other text."""
    _signatures.refuse_blank(secret)


def handshake(delivery: Delivery) -> Reply | None:
    """200 to the unsigned form `webhook_id=N` that a new webhook sends; only that activates it."""
    return Reply() if _PING.fullmatch(delivery.body.strip()) else None


def verify(delivery: Delivery, secrets: tuple[str, ...], wall: datetime) -> int:
    """The index of the secret that signed the body. Raises BadSignature. There is no timestamp to judge."""
    given = _signatures.header(delivery.headers, "x-wc-webhook-signature")
    return _signatures.signer(secrets, [given], lambda secret: _signature(delivery.body, secret))


def sign(body: bytes, secret: str, wall: datetime, delivery_id: str, topic: str = "order.updated") -> dict[str, str]:
    """The headers with which WooCommerce would send `body`."""
    return {
        "Content-Type": "application/json",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": topic.partition(".")[0],
        "X-WC-Webhook-Event": topic.partition(".")[2],
        "X-WC-Webhook-Delivery-ID": delivery_id,
        "X-WC-Webhook-Signature": _signature(body, secret).decode(),
    }


def _signature(body: bytes, secret: str) -> bytes:
    return _signatures.hmac_base64(_decoded(secret).encode(), body)


def _decoded(secret: str) -> str:
    """The secret as WordPress signs with it: its five HTML entities decoded."""
    return _ENTITY.sub(lambda found: "<>\"'&"[(found.lastindex or 1) - 1], secret)


def topic(delivery: Delivery) -> str:
    """The topic header, such as order.updated."""
    return shown(delivery.headers.get("x-wc-webhook-topic", ""), 100)


def dedupe_key(delivery: Delivery) -> str:
    """Topic and the body's digest: the delivery id is the same for two orders of one second.

    An order trashed, restored and trashed again has the same body twice; there the delivery id tells them apart.
    """
    parts = [topic(delivery), sha256(delivery.body).hexdigest()]
    if _ONLY_AN_ID.fullmatch(delivery.body):
        parts.append(delivery.headers.get("x-wc-webhook-delivery-id", ""))
    return _signatures.dedupe_text(*parts)


def parse(delivery: Delivery, shop: ShopContext) -> list[OrderEvent]:
    """The order events in the body; none for another resource or a custom action."""
    body = Fields(read_object(delivery.body))
    values, hint = body.values, topic(delivery)
    if values.keys() == {"id"} and hint in ("", "order.deleted"):
        external_id = body.need("id", _fields.identifier)
        return [order_event(external_id, delivery.received_at, StatusChange(Status.DELETED))]
    if {"status", "total", "currency"} <= values.keys():
        return _order(body, shop, delivery)
    if values and not hint.startswith("order."):
        return []
    raise BadPayload("not an order: want WooCommerce's JSON of order.created, order.updated or order.deleted")


def _order(body: Fields, shop: ShopContext, delivery: Delivery) -> list[OrderEvent]:
    external_id = body.need("id", _fields.identifier)
    currency = body.need("currency", _fields.currency)
    placed = body.have("date_created_gmt", _fields.utc_moment, None)
    version = body.have("date_modified_gmt", _fields.utc_moment, None) or placed
    if version is None:
        raise BadPayload(f"date_modified_gmt cannot be read: want {_fields.utc_moment.__doc__}")
    state = body.need("status", _fields.text).removeprefix("wc-")
    amounts = _amounts(body, currency)
    snapshot = Snapshot(
        status=_status(state, body),
        currency=currency,
        amounts=amounts,
        placed_at=placed or version,
        number=body.have("number", _fields.text, "")[:100] or external_id,
        refunded=_refunded(body, currency, amounts.total, state),
        codes=_codes(body),
        click_ids=_evidence.click_ids(shop, [_meta(body, _ENTRY)], _named(body)),
        marks=_evidence.marks_of(shop, [_meta(body, _ENTRY)], _named(body)),
        customer=_evidence.customer(shop, body.inner("billing").values.get("email")),
        source=_source(body),
        landing=_evidence.landing(_meta(body, _ENTRY)),
        region=_evidence.region("country", "state", "postcode", body.inner("shipping"), body.inner("billing")),
        flags=body.flags(),
    )
    events = [order_event(external_id, version, snapshot)]
    if state == "trash":
        events.append(order_event(external_id, version, StatusChange(Status.DELETED)))
    elif topic(delivery) == "order.restored":
        # Told on the same clock as the deletion, which carries no time of its own.
        events.append(order_event(external_id, delivery.received_at, Restored()))
    return events


def _status(state: str, body: Fields) -> Status:
    """A shop may add its own states; those are paid once there is a date of payment."""
    known = _STATUS.get(state)
    if known is None:
        body.notes.append(f"status:{state[:40]}")
        return Status.PAID if body.have("date_paid_gmt", _fields.utc_moment, None) else Status.PENDING
    return known


def _amounts(body: Fields, currency: str) -> Amounts:
    """Goods are what is left of the total without taxes, shipping and fees; a negative fee is a discount."""
    total = body.need("total", _fields.whole_amount)
    tax, shipping, discount = (
        body.have(name, _fields.amount, Decimal(0)) for name in ("total_tax", "shipping_total", "discount_total")
    )
    fees = sum(
        (max(line.have("total", _fields.amount, Decimal(0)), Decimal(0)) for line in body.each("fee_lines")), Decimal(0)
    )
    return Amounts(
        total=body.minor("total", total, currency),
        goods=max(body.minor("goods", total - tax - shipping - fees, currency), 0),
        tax=body.minor("total_tax", tax, currency),
        shipping=body.minor("shipping_total", shipping, currency),
        discount=body.minor("discount_total", discount, currency),
    )


def _refunded(body: Fields, currency: str, total: int, state: str) -> int | None:
    """The sum of the listed refunds; the whole of an order that is refunded without a list. None: not told."""
    if body.have("refunds", _fields.sequence, None) is None:
        return total if state == "refunded" else None
    told = [abs(refund.need("total", _fields.amount)) for refund in body.each("refunds")]
    if not told and state == "refunded":
        return total
    return body.minor("refunds", sum(told, Decimal(0)), currency)


def _codes(body: Fields) -> tuple[str, ...] | None:
    if body.have("coupon_lines", _fields.sequence, None) is None:
        return None
    return _evidence.code_texts(line.values.get("code") for line in body.each("coupon_lines"))


def _named(body: Fields) -> list[tuple[object, object]]:
    """What the shop keeps under a name: meta data of the order, then those of its lines."""
    named = list(_evidence.pairs(body, "meta_data"))
    for line in body.each("line_items"):
        named.extend(_evidence.pairs(line, "meta_data"))
    return named


def _meta(body: Fields, key: str) -> object:
    return next((value for name, value in _evidence.pairs(body, "meta_data") if name == key), None)


def _source(body: Fields) -> str:
    source = body.have("created_via", _fields.text, "").lower()[:40]
    return _SOURCE.get(source, source)
