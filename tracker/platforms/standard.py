"""Any shop can post its orders here: our canonical order, signed as Standard Webhooks 1.0.0 says.

Headers `webhook-id`, `webhook-timestamp` (Unix seconds), `webhook-signature` (`v1,` and the base64 HMAC-SHA256 of
`id.timestamp.body`, keyed with the secret's base64 after `whsec_`); the same under `svix-` names. The body:

    {"type": "order.paid", "timestamp": "2026-03-02T09:30:00Z",
     "data": {"id": "1042", "currency": "EUR", "total": "93.89", "updated_at": "2026-03-02T09:30:00Z",
              "goods": "70.20", "tax": "15.45", "shipping": "8.24", "discount": "7.80", "refunded": "0.00",
              "status": "paid", "number": "#1042", "placed_at": "2026-03-02T09:29:12Z",
              "codes": ["LEA15"], "click_ids": ["…32 hex digits…"], "landing_url": "https://shop.example/p?rk=…",
              "customer": {"email": "camille@example.com"}, "region": "FR-75", "test": false, "source": "web"}}

`type` is order.created, order.paid, order.updated, order.cancelled: the whole order as it is now, and only `id`,
`currency` and `total` are required. Amounts are decimal strings in major units; `goods` is what the buyer paid for the
goods after discounts, without tax and shipping (without it: total less tax and shipping). `status` is pending, paid or
cancelled (without it: what the type says). `refunded` is everything refunded so far, tax and shipping included; leave
it out if you send refunds one by one. `updated_at` orders the states of an order (without it: `timestamp`). `source` is
web, pos, draft or marketplace. `region` is where the goods go, after ISO 3166-2 (in France the first two digits of the
postcode): it serves holdouts by region. `marks` is what the snippet left in `rk_via`. The e-mail address is hashed on
arrival and not kept.

`order.deleted` and `order.restored` need {"id"}; so do `order.paid` and `order.cancelled` when nothing else changed. A
refund is `refund.created`, `refund.updated` or `refund.failed` with {"id", "order_id", "amount", "currency", "status",
"created_at", "updated_at"}: its id stays the same through its life, `status` is pending, done or failed (without it:
what the type says), and without `currency` the order's own is meant.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets as random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

from tracker.domain import money, regions
from tracker.domain.deliveries import Delivery, Reply, ShopContext
from tracker.domain.orders import (
    Amounts,
    OrderEvent,
    Refund,
    RefundStatus,
    Restored,
    Snapshot,
    Status,
    StatusChange,
    order_event,
)
from tracker.errors import BadPayload, BadSignature
from tracker.platforms import _evidence, _fields, _signatures
from tracker.platforms._fields import Fields
from tracker.platforms._json import read_object

TITLE = "Standard Webhooks"
SIGNATURE_HELP = "The secret that both sides share: whsec_ followed by the base64 of 24 to 64 random bytes."
STEPS = (
    "Give your shop's developer the webhook URL and the secret shown here.",
    "For every order that is created, paid, changed, cancelled or refunded, the shop posts a canonical order in JSON to"
    " that URL, signed as Standard Webhooks says. The README names where its whole description is.",
    "Paste the snippet: it fills a field called rk of a form with data-tracker, which goes with the order as its click"
    " ids.",
    "Place an order: it shows under Orders within seconds. What could not be read is counted under Data health.",
)
SNIPPET = "Onto every page of the shop, right before the end of the head."

_PREFIX = "whsec_"
_MOST_SIGNATURES = 20
_BARE = {"id", "status", "updated_at"}
_DIGITS = 4  # of an amount whose currency only the order knows; no currency has more
_ID = re.compile(r"[!-~]{1,150}")


def new_secret() -> str:
    """A fresh secret for a shop that lets us choose it."""
    return _PREFIX + base64.b64encode(random.token_bytes(32)).decode()


def check_secret(secret: str) -> None:
    """Raise ValueError unless `secret` is `whsec_` (which may be missing) and the base64 of 24 to 64 bytes."""
    _signatures.refuse_blank(secret)
    if not 24 <= len(_key(secret)) <= 64:
        raise ValueError("the secret is not of 24 to 64 bytes: want whsec_ followed by their base64")


def _key(secret: str) -> bytes:
    text = secret.removeprefix(_PREFIX)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the secret is not base64: want whsec_ followed by the base64 of 24 to 64 bytes") from None


def handshake(delivery: Delivery) -> Reply | None:
    """The scheme has no unsigned ping."""
    return None


def verify(delivery: Delivery, secrets: tuple[str, ...], wall: datetime) -> int:
    """The index of the secret that signed id, timestamp and body. Raises BadSignature."""
    prefix = "webhook" if "webhook-signature" in delivery.headers else "svix"
    identity, timestamp, signatures = (
        _signatures.header(delivery.headers, f"{prefix}-{name}") for name in ("id", "timestamp", "signature")
    )
    if not _ID.fullmatch(identity.decode()):
        raise BadSignature("the id is not plain")
    _signatures.check_fresh(timestamp, wall)
    given = [text.removeprefix(b"v1,") for text in signatures.split(b" ")[:_MOST_SIGNATURES] if text.startswith(b"v1,")]
    content = b".".join((identity, timestamp, delivery.body))
    return _signatures.signer(secrets, given, lambda secret: _signature(content, secret))


def _signature(content: bytes, secret: str) -> bytes:
    key = _key(secret)
    if not key:
        raise ValueError("an empty key signs nothing")
    return _signatures.hmac_base64(key, content)


def sign(body: bytes, secret: str, wall: datetime, delivery_id: str) -> dict[str, str]:
    """The headers with which a shop sends `body` at the moment `wall`."""
    timestamp = _signatures.unix_seconds(wall)
    content = b".".join((delivery_id.encode(), timestamp.encode(), body))
    return {
        "Content-Type": "application/json",
        "Webhook-Id": delivery_id,
        "Webhook-Timestamp": timestamp,
        "Webhook-Signature": "v1," + _signature(content, secret).decode(),
    }


def dedupe_key(delivery: Delivery) -> str:
    """The signed webhook id; it stays the same when the sender tries again."""
    headers = delivery.headers
    given = headers.get("webhook-id") or headers.get("svix-id")
    return _signatures.dedupe_text(given or sha256(delivery.body).hexdigest())


def topic(delivery: Delivery) -> str:
    """The body's type; empty where it cannot be read."""
    try:
        return Fields(read_object(delivery.body)).have("type", _fields.text, "")[:100]
    except BadPayload:
        return ""


def parse(delivery: Delivery, shop: ShopContext) -> list[OrderEvent]:
    """The one event in the body. Raises BadPayload, which names the field and says what would do."""
    body = Fields(read_object(delivery.body))
    kind = body.need("type", _fields.text)
    read = _KINDS.get(kind)
    if read is None:
        raise BadPayload(f"type is not one of {', '.join(_KINDS)}")
    body.need("data", _fields.mapping)
    data = body.inner("data")
    told = "created_at" if kind.startswith("refund.created") else "updated_at"
    version = data.have(told, _fields.moment, None) or body.need("timestamp", _fields.moment)
    return [read(data, version, shop)]


def _order(assumed: Status | None) -> Callable[[Fields, datetime, ShopContext], OrderEvent]:
    """A reader of whole orders whose status is `assumed` unless the body says it."""

    def read(data: Fields, version: datetime, shop: ShopContext) -> OrderEvent:
        external_id = data.need("id", _fields.identifier)
        status = data.need("status", _status) if assumed is None else data.may("status", _status, assumed)
        if data.values.keys() <= _BARE and assumed in (Status.PAID, Status.CANCELLED):
            return order_event(external_id, version, StatusChange(status))
        currency = data.need("currency", _fields.currency)
        refunded = data.may("refunded", _fields.whole_amount, None)
        snapshot = Snapshot(
            status=status,
            currency=currency,
            amounts=_amounts(data, currency),
            placed_at=data.may("placed_at", _fields.moment, version),
            number=data.may("number", _fields.text, external_id)[:100],
            test=data.may("test", _fields.flag, False),
            refunded=None if refunded is None else data.minor("refunded", refunded, currency),
            codes=_codes(data),
            click_ids=_evidence.click_ids(shop, [data.values.get("landing_url")], texts=_listed(data, "click_ids")),
            marks=_evidence.marks_of(
                shop, [data.values.get("landing_url")], [(f"{shop.click_parameter}_via", data.values.get("marks"))]
            ),
            customer=_evidence.customer(shop, data.inner("customer").values.get("email")),
            source=_source(data),
            landing=_evidence.landing(data.values.get("landing_url")),
            region=data.may("region", _region, None),
            flags=data.flags(),
        )
        return order_event(external_id, version, snapshot)

    return read


def _region(value: object) -> str:
    """a region after ISO 3166-2, such as FR-75."""
    return regions.region(_fields.text(value))


def _status(value: object) -> Status:
    """one of pending, paid, cancelled."""
    status = Status(str(value))
    if status is Status.DELETED:
        raise ValueError
    return status


def _amounts(data: Fields, currency: str) -> Amounts:
    total = data.need("total", _fields.whole_amount)
    tax, shipping, discount = (
        data.may(name, _fields.whole_amount, Decimal(0)) for name in ("tax", "shipping", "discount")
    )
    goods = data.may("goods", _fields.whole_amount, max(total - tax - shipping, Decimal(0)))
    return Amounts(
        total=data.minor("total", total, currency),
        goods=data.minor("goods", goods, currency),
        tax=data.minor("tax", tax, currency),
        shipping=data.minor("shipping", shipping, currency),
        discount=data.minor("discount", discount, currency),
    )


def _listed(data: Fields, name: str) -> list[object]:
    return list(data.may(name, _fields.sequence, []))


def _codes(data: Fields) -> tuple[str, ...] | None:
    told = data.may("codes", _fields.sequence, None)
    return None if told is None else _evidence.code_texts(told)


def _source(data: Fields) -> str:
    source = data.may("source", _fields.text, "").lower()[:40]
    return "" if source == "web" else source


def _refund(assumed: RefundStatus | None) -> Callable[[Fields, datetime, ShopContext], OrderEvent]:
    """A reader of refunds that are `assumed` unless the body says otherwise."""

    def read(data: Fields, version: datetime, shop: ShopContext) -> OrderEvent:
        order_id = data.need("order_id", _fields.identifier)
        refund_id = data.need("id", _fields.identifier)
        amount = data.need("amount", _fields.whole_amount)
        currency = data.may("currency", _fields.currency, "")
        status = data.need("status", _refund_status) if assumed is None else data.may("status", _refund_status, assumed)
        if currency:
            refund = Refund(refund_id, data.minor("amount", amount, currency), status, currency)
        else:
            refund = Refund(refund_id, money.round_half_up(Fraction(amount) * 10**_DIGITS), status, digits=_DIGITS)
        return order_event(order_id, version, refund)

    return read


def _refund_status(value: object) -> RefundStatus:
    """one of pending, done, failed."""
    return RefundStatus(str(value))


def _deleted(data: Fields, version: datetime, shop: ShopContext) -> OrderEvent:
    return order_event(data.need("id", _fields.identifier), version, StatusChange(Status.DELETED))


def _restored(data: Fields, version: datetime, shop: ShopContext) -> OrderEvent:
    return order_event(data.need("id", _fields.identifier), version, Restored())


_KINDS: dict[str, Callable[[Fields, datetime, ShopContext], OrderEvent]] = {
    "order.created": _order(Status.PENDING),
    "order.paid": _order(Status.PAID),
    "order.updated": _order(None),
    "order.cancelled": _order(Status.CANCELLED),
    "order.deleted": _deleted,
    "order.restored": _restored,
    "refund.created": _refund(RefundStatus.DONE),
    "refund.updated": _refund(None),
    "refund.failed": _refund(RefundStatus.FAILED),
}
