"""Shopify signs the body alone: the shape of the body decides what it is, the topic header is only a hint.

`current_*` figures already reflect edits and refunds, `total_price` neither; an order before refunds is the former plus
the refunds that the same body lists. Amounts are in the shop's currency; what the buyer saw is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

from tracker.domain import money
from tracker.domain.codes import shown
from tracker.domain.deliveries import Delivery, Redaction, Reply, ShopContext
from tracker.domain.orders import (
    Amounts,
    OrderEvent,
    Refund,
    RefundStatus,
    Snapshot,
    Status,
    StatusChange,
    order_event,
)
from tracker.errors import BadPayload
from tracker.platforms import _evidence, _fields, _signatures
from tracker.platforms._fields import Fields
from tracker.platforms._json import read_object

TITLE = "Shopify"
SIGNATURE_HELP = (
    "In Shopify, Settings > Notifications > Webhooks, the text after “Your webhooks will be signed with”; for webhooks "
    "made by an app, the app's client secret."
)
STEPS = (
    "In Shopify, open Settings, Notifications, Webhooks.",
    "Create a webhook for each of these events, in JSON, for the latest stable API version, with the webhook URL shown"
    " here: Order creation, Order payment, Order update, Order cancellation, Order deletion, Refund create. Where data"
    " of customers must be erasable, point the privacy webhooks of your app at it too.",
    "Shopify then shows “Your webhooks will be signed with …”. Add that text here as the shop's secret: until then its"
    " deliveries are refused.",
    "Paste the snippet, so that the whole journey reaches the order. Shopify's own consent banner is heard.",
    "Place an order: it shows under Orders within seconds. What could not be read is counted under Data health.",
)
SNIPPET = "Online Store, Themes, Edit code: into theme.liquid, right before the end of the head."

# Shopify removes subscriptions that keep failing, others of the shop among them, so a disabled shop is thanked too.
GONE_STATUS = 200

_STATUS = {
    "paid": Status.PAID,
    "partially_paid": Status.PAID,  # with only the part that was paid; see _received
    "partially_refunded": Status.PAID,
    "refunded": Status.PAID,
    "voided": Status.CANCELLED,
}
_SOURCE = {
    "web": "",
    "checkout": "",
    "pos": "pos",
    "iphone": "pos",
    "android": "pos",
    "shopify_draft_order": "draft",
    "amazon": "marketplace",
    "ebay": "marketplace",
    "walmart": "marketplace",
}
_LARGEST_SHOP_REDACT = 1000  # bytes
_SHORTEST_TRACE = 5  # a shorter number is found in every body
_NO_CURRENCY = {"", "XXX"}


def check_secret(secret: str) -> None:
    """Raise ValueError for a blank secret; any other text may be one."""
    _signatures.refuse_blank(secret)


def handshake(delivery: Delivery) -> Reply | None:
    """Shopify sends no ping."""
    return None


def verify(delivery: Delivery, secrets: tuple[str, ...], wall: datetime) -> int:
    """The index of the secret that signed the body. Raises BadSignature. There is no timestamp to judge."""
    given = _signatures.header(delivery.headers, "x-shopify-hmac-sha256", "shopify-hmac-sha256")
    return _signatures.signer(secrets, [given], lambda secret: _signatures.hmac_base64(secret.encode(), delivery.body))


def sign(body: bytes, secret: str, wall: datetime, delivery_id: str, topic: str = "orders/updated") -> dict[str, str]:
    """The headers with which Shopify would send `body`."""
    return {
        "Content-Type": "application/json",
        "X-Shopify-Topic": topic,
        "X-Shopify-Webhook-Id": delivery_id,
        "X-Shopify-Hmac-Sha256": _signatures.hmac_base64(secret.encode(), body).decode(),
    }


def topic(delivery: Delivery) -> str:
    """The topic header, such as orders/paid."""
    headers = delivery.headers
    return shown(headers.get("x-shopify-topic") or headers.get("shopify-topic") or "", 100)


def dedupe_key(delivery: Delivery) -> str:
    """Topic and webhook id: two topics of one action are two deliveries. Without an id, the body's digest."""
    headers = delivery.headers
    given = headers.get("x-shopify-webhook-id") or headers.get("shopify-webhook-id")
    return _signatures.dedupe_text(topic(delivery), given or sha256(delivery.body).hexdigest())


def redaction(delivery: Delivery, shop: ShopContext) -> Redaction | None:
    """What customers/redact and shop/redact ask to forget, known by their bodies; None for any other body."""
    if b"orders_to_redact" not in delivery.body and len(delivery.body) > _LARGEST_SHOP_REDACT:
        return None
    body = Fields(read_object(delivery.body))
    if body.values.keys() == {"shop_id", "shop_domain"}:
        return Redaction(whole_shop=True)
    if "orders_to_redact" not in body.values:
        return None
    person = body.inner("customer").values
    email = _evidence.customer(shop, person.get("email"))
    orders = tuple(str(order) for order in body.have("orders_to_redact", _fields.sequence, []))
    told = (person.get("id"), person.get("email"), person.get("phone"), *orders)
    traces = tuple(str(text) for text in told if text and len(str(text)) >= _SHORTEST_TRACE)
    return Redaction(external_ids=orders, customers=(email,) if email else (), traces=traces)


def parse(delivery: Delivery, shop: ShopContext) -> list[OrderEvent]:
    """The order events in the body; none for an order edit (an update with the amounts follows) or a transaction."""
    body = Fields(read_object(delivery.body))
    values = body.values
    hint = topic(delivery)
    if _is_order(values, hint):
        return _order(body, shop)
    if "order_id" in values and ("refund_line_items" in values or "transactions" in values):
        return [_refund_event(body, None)]
    if values.keys() == {"id"} and hint in ("", "orders/delete"):
        external_id = body.need("id", _fields.identifier)
        return [order_event(external_id, delivery.received_at, StatusChange(Status.DELETED))]
    if "order_edit" in values or values.keys() >= {"order_id", "kind"}:
        return []
    if values and not hint.startswith(("orders/", "refunds/")):
        return []
    raise BadPayload("neither an order nor a refund: want Shopify's JSON of orders/… or refunds/create")


def _is_order(values: Mapping[str, object], hint: str) -> bool:
    if "total_price" not in values and "current_total_price" not in values:
        return False
    if "financial_status" in values:
        return True
    unfinished = "abandoned_checkout_url" in values or "invoice_sent_at" in values
    return not unfinished and hint.partition("/")[0] in ("", "orders", "refunds")


# --- an order --------------------------------------------------------------------------------------------------------


def _order(body: Fields, shop: ShopContext) -> list[OrderEvent]:
    external_id = body.need("id", _fields.identifier)
    currency = body.need("currency", _fields.currency)
    version = body.have("updated_at", _fields.moment, None) or body.need("created_at", _fields.moment)
    whole = _Money(currency, _rate(body))
    refunds = [_refund_event(refund, whole, external_id) for refund in body.each("refunds")]
    refunded = _money_moved(refunds)
    amounts = _amounts(body, currency, refunded)
    snapshot = Snapshot(
        status=_status(body),
        currency=currency,
        amounts=_received(body, amounts, currency),
        placed_at=body.have("created_at", _fields.moment, None) or body.have("processed_at", _fields.moment, version),
        number=body.have("name", _fields.text, "")[:100] or body.have("order_number", _fields.text, "")[:100],
        test=body.have("test", _fields.flag, False),
        codes=_codes(body),
        click_ids=_evidence.click_ids(shop, [body.values.get("landing_site")], _named(body)),
        marks=_evidence.marks_of(shop, [body.values.get("landing_site")], _named(body)),
        customer=_customer(body, shop),
        source=_source(body),
        landing=_evidence.landing(body.values.get("landing_site")),
        region=_evidence.region(
            *("country_code", "province_code", "zip"), body.inner("shipping_address"), body.inner("billing_address")
        ),
        flags=body.flags(),
    )
    return [order_event(external_id, version, snapshot), *refunds]


def _status(body: Fields) -> Status:
    if body.values.get("cancelled_at"):
        return Status.CANCELLED
    return _STATUS.get(body.have("financial_status", _fields.text, ""), Status.PENDING)


def _source(body: Fields) -> str:
    source = body.have("source_name", _fields.text, "").lower()[:40]
    return _SOURCE.get(
        source, "" if source.isdigit() else source
    )  # digits: a sales channel's app, such as a social shop


def _codes(body: Fields) -> tuple[str, ...] | None:
    if body.have("discount_codes", _fields.sequence, None) is None and "discount_applications" not in body.values:
        return None
    applied = [item.values for item in body.each("discount_applications")]
    told = [item.values.get("code") for item in body.each("discount_codes")]
    told += [item.get("code") for item in applied if item.get("type") == "discount_code"]
    return _evidence.code_texts(told)


def _named(body: Fields) -> list[tuple[object, object]]:
    """What the shop keeps under a name: attributes of the cart, then those of its lines."""
    named = [pair for name in ("note_attributes", "attributes") for pair in _evidence.pairs(body, name)]
    for line in body.each("line_items"):
        named.extend(_evidence.pairs(line, "properties"))
    return named


def _customer(body: Fields, shop: ShopContext) -> str | None:
    known = body.inner("customer").values
    return _evidence.customer(shop, body.values.get("email"), body.values.get("contact_email"), known.get("email"))


# --- its amounts -----------------------------------------------------------------------------------------------------


def _shop_amount(body: Fields, name: str, default: Decimal | None = None) -> Decimal | None:
    """The figure `name` in the shop's currency: out of `<name>_set` where there is one, else plain."""
    shop_money = body.values.get(f"{name}_set")
    inner = shop_money.get("shop_money") if isinstance(shop_money, dict) else None
    if isinstance(inner, dict) and inner.get("amount") is not None:
        return Fields(inner, f"{body.where}{name}_set.shop_money.", body.notes).have("amount", _fields.amount, default)
    return body.have(name, _fields.amount, default)


def _amounts(body: Fields, currency: str, refunded: int) -> Amounts:
    """The order before refunds.

    Unedited: the original figures. Edited without refunds: the current ones. Both: the current total with the refunds
    put back, and the goods in their original proportion to it. A current total equal to the original one while there
    are refunds has not taken them in.
    """
    original = _figures(body, "", currency)
    total = _shop_amount(body, "current_total_price")
    if total is None:
        return original
    before = body.minor("current_total_price", total, currency) + refunded
    if original.total in (before, before - refunded):
        return original
    current = _figures(body, "current_", currency)
    if not refunded:
        return current
    share = Fraction(original.goods, original.total) if original.total else _share(current)
    return Amounts(before, money.round_half_up(before * share), original.tax, original.shipping, original.discount)


def _share(amounts: Amounts) -> Fraction:
    return Fraction(amounts.goods, amounts.total) if amounts.total else Fraction(0)


def _figures(body: Fields, prefix: str, currency: str) -> Amounts:
    """The figures with or without `current_`. Goods are the subtotal after discounts, less the tax within it."""
    total_name = f"{prefix}total_price" if f"{prefix}total_price" in body.values else "current_total_price"
    total = _shop_amount(body, total_name)
    if total is None or total < 0:
        raise BadPayload(f"{total_name} cannot be read: want {_fields.whole_amount.__doc__}")
    tax = _shop_amount(body, f"{prefix}total_tax") or Decimal(0)
    shipping, shipping_tax = _shipping(body, prefix)
    subtotal = _shop_amount(body, f"{prefix}subtotal_price")
    if subtotal is None:
        goods = total - tax - shipping
    else:
        goods = subtotal - max(tax - shipping_tax, Decimal(0)) if _with_tax(body) else subtotal
    return Amounts(
        total=body.minor(total_name, total, currency),
        goods=max(body.minor(f"{prefix}subtotal_price", goods, currency), 0),
        tax=body.minor(f"{prefix}total_tax", tax, currency),
        shipping=body.minor(f"{prefix}shipping", shipping, currency),
        discount=body.minor("discounts", _shop_amount(body, f"{prefix}total_discounts") or Decimal(0), currency),
    )


def _with_tax(body: Fields) -> bool:
    return body.values.get("taxes_included") is True


def _shipping(body: Fields, prefix: str) -> tuple[Decimal, Decimal]:
    """What was charged for shipping without tax, and the tax on it."""
    lines = list(body.each("shipping_lines"))
    tax = sum(
        (_shop_amount(item, "price") or Decimal(0) for line in lines for item in line.each("tax_lines")), Decimal(0)
    )
    charged = _shop_amount(body, f"{prefix}shipping_price" if prefix else "total_shipping_price")
    if charged is None:
        charged = _shop_amount(body, "total_shipping_price")
    if charged is None:
        charged = sum((_shop_amount(line, "discounted_price") or Decimal(0) for line in lines), Decimal(0))
    return (charged - tax if _with_tax(body) else charged), tax


def _received(body: Fields, amounts: Amounts, currency: str) -> Amounts:
    """Of a partially paid order only the part that was paid: a deposit counts as such, an unpaid addition not yet."""
    outstanding = _shop_amount(body, "total_outstanding")
    if body.values.get("financial_status") != "partially_paid" or outstanding is None:
        return amounts
    due = body.minor("total_outstanding", outstanding, currency)
    if not 0 < due <= amounts.total:
        return amounts
    body.notes.append("partially_paid")
    goods = money.round_half_up(Fraction(amounts.goods * (amounts.total - due), amounts.total))
    return Amounts(amounts.total, goods, amounts.tax, amounts.shipping, amounts.discount)


# --- a refund --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Money:
    """The shop's currency, and what one unit of the buyer's is worth in it (None where the body cannot tell)."""

    currency: str
    rate: Fraction | None


def _rate(body: Fields) -> Fraction | None:
    both = body.values.get("total_price_set")
    return _ratio([both]) if both else None


def _ratio(sets: list[object]) -> Fraction | None:
    """Shop money by presentment money over all `sets`; None where they hold none."""
    sums = [Fraction(0), Fraction(0)]
    for both in sets:
        for index, name in enumerate(("shop_money", "presentment_money")):
            inner = both.get(name) if isinstance(both, dict) else None
            figure = Fields(inner).have("amount", _fields.amount, Decimal(0)) if isinstance(inner, dict) else Decimal(0)
            sums[index] += abs(Fraction(figure))
    return sums[0] / sums[1] if sums[0] and sums[1] else None


def _refund_event(refund: Fields, order: _Money | None, external_id: str = "") -> OrderEvent:
    """The refund of a refunds/create body, or of an order's own list: the same event either way.

    Its amount is what its successful refund transactions moved. A restock without money is a refund of nothing.
    """
    refund_id = refund.need("id", _fields.identifier)
    external_id = external_id or refund.need("order_id", _fields.identifier)
    moments = [refund.have(name, _fields.moment, None) for name in ("processed_at", "created_at")]
    moves = [move for move in refund.each("transactions") if move.values.get("kind") == "refund"]
    moments += [move.have(name, _fields.moment, None) for move in moves for name in ("processed_at", "created_at")]
    known = [moment for moment in moments if moment is not None]
    if not known:
        raise BadPayload(f"{refund.where}created_at is missing: want {_fields.moment.__doc__}")
    return order_event(external_id, max(known), _refund(refund_id, refund, moves, order))


def _refund(refund_id: str, refund: Fields, moves: list[Fields], order: _Money | None) -> Refund:
    moved = [move for move in moves if move.values.get("status") == "success"]
    if not moved:
        waiting = any(move.values.get("status") == "pending" for move in moves)
        failed = RefundStatus.PENDING if waiting else RefundStatus.FAILED
        return Refund(refund_id, 0, failed if moves else RefundStatus.DONE)
    sets = _sets(refund)
    currency = order.currency if order else _shop_currency(sets)
    rate = _ratio(sets) or (order.rate if order else None)
    amounts = [_in_shop_currency(move, currency, rate) for move in moved]
    total = sum(amounts, Fraction(0))
    told = {move.have("currency", _fields.text, "").upper() for move in moved} - _NO_CURRENCY
    currency = currency or _only(told)
    if not currency:
        digits = 4
        return Refund(refund_id, money.round_half_up(total * 10**digits), digits=digits)
    return Refund(refund_id, money.round_half_up(total * 10 ** money.EXPONENTS[currency]), currency=currency)


def _only(told: set[str]) -> str:
    """The one currency that the transactions name; empty where none does. Raises BadPayload."""
    if not told:
        return ""
    try:
        return money.currency_code(told.pop()) if len(told) == 1 else money.currency_code(None)
    except ValueError:
        raise BadPayload(f"transactions[].currency cannot be read: want {_fields.currency.__doc__}") from None


def _in_shop_currency(move: Fields, currency: str, rate: Fraction | None) -> Fraction:
    inner = move.inner("amount_set").inner("shop_money")
    if "amount" in inner.values:
        return Fraction(inner.need("amount", _fields.whole_amount))
    amount = Fraction(move.need("amount", _fields.whole_amount))
    told = move.have("currency", _fields.text, "").upper()
    if not currency or told in _NO_CURRENCY or told == currency:
        return amount
    if rate is None:
        raise BadPayload("transactions[].currency is not the shop's, and no amount says what it is worth in it")
    return amount * rate


def _sets(refund: Fields) -> list[object]:
    """Every figure of the refund that is told in both currencies."""
    found = [
        item.values.get(name) for item in refund.each("refund_line_items") for name in ("subtotal_set", "total_tax_set")
    ]
    found += [item.values.get("subtotal_amount_set") for item in refund.each("refund_shipping_lines")]
    found += [
        item.values.get(name) for item in refund.each("order_adjustments") for name in ("amount_set", "tax_amount_set")
    ]
    return [both for both in [*found, refund.values.get("total_duties_set")] if both is not None]


def _shop_currency(sets: list[object]) -> str:
    for both in sets:
        inner = both.get("shop_money") if isinstance(both, dict) else None
        code = inner.get("currency_code") if isinstance(inner, dict) else None
        if isinstance(code, str) and code.upper() in money.EXPONENTS:
            return code.upper()
    return ""


def _money_moved(refunds: list[OrderEvent]) -> int:
    changes = [event.change for event in refunds]
    return sum(change.amount for change in changes if isinstance(change, Refund) and change.status is RefundStatus.DONE)
