"""Realistic webhook bodies, written by us: every builder takes what a test is about and fills in the rest.

A builder returns the JSON object; `body` makes bytes of it the way the shop does; `delivery` signs and wraps them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from tracker.domain.deliveries import Delivery, ShopContext
from tracker.platforms import shopify, standard, stripe, woocommerce

RECEIVED = datetime(2026, 3, 2, 9, 31, tzinfo=UTC)
PLACED = "2026-03-02T09:30:00Z"

CLICK = "0195565a2d6e7a3fb1c20d4e5f607182"
OTHER_CLICK = "0195565a2d6e7a3fb1c20d4e5f607183"

SECRETS = {
    "shopify": "shpss_0123456789abcdef0123456789abcdef",
    "woocommerce": "x8 K&lt;q9-secret of the shop",
    "stripe": "whsec_4RlEpR0Wd3gVbZ7Q1nTfA9cY2kMs6uXj",
    "standard": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
}
PLATFORMS = {"shopify": shopify, "woocommerce": woocommerce, "stripe": stripe, "standard": standard}


def hashed(email: str) -> str:
    """What stands for an e-mail address in tests: recognisable, and not the address."""
    return sha256(b"test" + email.encode()).hexdigest()


SHOP = ShopContext(click_parameter="rk", hash_customer=hashed)


def body(payload: Mapping[str, Any]) -> bytes:
    """The payload as PHP and Ruby write it: compact, with escaped slashes."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).replace("/", "\\/").encode()


def delivery(
    platform: str,
    payload: Mapping[str, Any] | bytes,
    *,
    received_at: datetime = RECEIVED,
    delivery_id: str = "d1",
    headers: Mapping[str, str] | None = None,
    **signing: Any,
) -> Delivery:
    """The payload as a signed delivery of that platform, received (and signed) at `received_at`."""
    raw = payload if isinstance(payload, bytes) else body(payload)
    signed = PLATFORMS[platform].sign(raw, SECRETS[platform], received_at, delivery_id, **signing)
    lower = {name.lower(): value for name, value in {**signed, **(headers or {})}.items()}
    return Delivery(lower, raw, received_at)


# --- Shopify ---------------------------------------------------------------------------------------------------------


def both(amount: str, currency: str = "EUR", presentment: tuple[str, str] | None = None) -> dict[str, Any]:
    """A Shopify money set; presentment is (amount, currency) where the buyer saw another one."""
    seen, seen_in = presentment or (amount, currency)
    return {
        "shop_money": {"amount": amount, "currency_code": currency},
        "presentment_money": {"amount": seen, "currency_code": seen_in},
    }


def shopify_order(
    total: str = "93.89",
    *,
    order_id: int = 820982911946154508,
    subtotal: str = "85.65",
    tax: str = "15.65",
    shipping: str = "8.24",
    currency: str = "EUR",
    status: str = "paid",
    updated_at: str = PLACED,
    landing_site: str | None = None,
    codes: tuple[str, ...] = (),
    email: str | None = "camille.durand@example.com",
    refunds: tuple[Mapping[str, Any], ...] = (),
    **changes: Any,
) -> dict[str, Any]:
    """A French order: prices with tax, 85.65 of goods and 8.24 of shipping, 15.65 of tax within."""
    order = {
        "id": order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order_id}",
        "cancelled_at": None,
        "contact_email": email,
        "created_at": "2026-03-02T10:30:00+01:00",
        "currency": currency,
        "current_subtotal_price": subtotal,
        "current_total_price": total,
        "current_total_tax": tax,
        "customer": None if email is None else {"id": 115310627314723954, "email": email, "first_name": "Camille"},
        "discount_applications": [{"type": "discount_code", "code": code} for code in codes],
        "discount_codes": [{"code": code, "amount": "5.00", "type": "percentage"} for code in codes],
        "email": email or "",
        "financial_status": status,
        "landing_site": landing_site,
        "line_items": [{"id": 487817672276298554, "price": subtotal, "quantity": 1, "properties": []}],
        "name": "#1042",
        "note_attributes": [],
        "order_number": 1042,
        "presentment_currency": currency,
        "processed_at": "2026-03-02T10:30:00+01:00",
        "referring_site": "https://www.instagram.com/",
        "refunds": list(refunds),
        "shipping_lines": [
            {"price": shipping, "discounted_price": shipping, "tax_lines": [{"price": "1.37", "rate": 0.2}]}
        ],
        "source_name": "web",
        "subtotal_price": subtotal,
        "taxes_included": True,
        "test": False,
        "total_discounts": "0.00",
        "total_outstanding": "0.00",
        "total_price": total,
        "total_shipping_price_set": both(shipping, currency),
        "total_tax": tax,
        "updated_at": updated_at,
    }
    return order | changes


def shopify_refund(
    amount: str | None = "30.00",
    *,
    refund_id: int = 890088186047892319,
    order_id: int = 820982911946154508,
    status: str = "success",
    currency: str | None = "EUR",
    created_at: str = "2026-03-05T12:00:00Z",
    **changes: Any,
) -> dict[str, Any]:
    """A refund of one item; with `amount` None, a restock that moved no money."""
    move = {"kind": "refund", "status": status, "amount": amount, "currency": currency, "created_at": created_at}
    refund = {
        "id": refund_id,
        "order_id": order_id,
        "created_at": created_at,
        "processed_at": created_at,
        "note": "Trop petit",
        "restock": True,
        "order_adjustments": [],
        "refund_line_items": [
            {
                "quantity": 1,
                "subtotal": 25.0,
                "total_tax": 5.0,
                "subtotal_set": both("30.00"),
                "total_tax_set": both("5.00"),
            }
        ],
        "transactions": [] if amount is None else [move],
    }
    return refund | changes


# --- WooCommerce -----------------------------------------------------------------------------------------------------


def woo_order(
    total: str = "93.89",
    *,
    order_id: int = 727,
    tax: str = "15.65",
    shipping: str = "6.87",
    currency: str = "EUR",
    status: str = "processing",
    modified: str = "2026-03-02T09:30:00",
    codes: tuple[str, ...] = (),
    refunds: tuple[str, ...] = (),
    meta: Mapping[str, Any] | None = None,
    email: str = "camille.durand@example.com",
    **changes: Any,
) -> dict[str, Any]:
    """The same order in WooCommerce: prices without tax, 71.37 of goods, 6.87 of shipping, 15.65 of tax."""
    order = {
        "id": order_id,
        "number": str(order_id),
        "status": status,
        "currency": currency,
        "created_via": "checkout",
        "date_created": "2026-03-02T10:30:00",
        "date_created_gmt": "2026-03-02T09:30:00",
        "date_modified": "2026-03-02T10:30:00",
        "date_modified_gmt": modified,
        "date_paid_gmt": modified if status in ("processing", "completed") else None,
        "discount_total": "5.00",
        "shipping_total": shipping,
        "total": total,
        "total_tax": tax,
        "prices_include_tax": True,
        "billing": {"first_name": "Camille", "last_name": "Durand", "address_1": "1 rue du Port", "email": email},
        "customer_id": 0,
        "meta_data": [
            {"id": 1 + index, "key": key, "value": value} for index, (key, value) in enumerate((meta or {}).items())
        ],
        "line_items": [{"id": 315, "name": "Robe", "quantity": 1, "total": "71.37", "price": 71.37, "meta_data": []}],
        "shipping_lines": [{"id": 317, "total": shipping}],
        "fee_lines": [],
        "coupon_lines": [{"id": 318 + index, "code": code, "discount": "5.00"} for index, code in enumerate(codes)],
        "refunds": [{"id": 900 + index, "reason": "", "total": amount} for index, amount in enumerate(refunds)],
    }
    return order | changes


# --- Stripe ----------------------------------------------------------------------------------------------------------

CREATED = int(datetime(2026, 3, 2, 9, 30, tzinfo=UTC).timestamp())


def stripe_event(
    kind: str, about: Mapping[str, Any], *, created: int = CREATED, event_id: str = "evt_1", livemode: bool = True
) -> dict[str, Any]:
    """The envelope of an event about an object."""
    return {
        "id": event_id,
        "object": "event",
        "api_version": "2025-09-30.clover",
        "created": created,
        "data": {"object": dict(about)},
        "livemode": livemode,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def stripe_session(total: int = 9389, **changes: Any) -> dict[str, Any]:
    """A paid Checkout Session."""
    session = {
        "id": "cs_1",
        "object": "checkout.session",
        "amount_subtotal": 8565,
        "amount_total": total,
        "client_reference_id": None,
        "created": CREATED - 120,
        "currency": "eur",
        "customer_details": {"email": "camille.durand@example.com", "name": "Camille Durand", "phone": None},
        "discounts": [],
        "invoice": None,
        "metadata": {},
        "mode": "payment",
        "payment_intent": "pi_1",
        "payment_status": "paid",
        "shipping_cost": {"amount_subtotal": 687, "amount_tax": 137, "amount_total": 824},
        "total_details": {"amount_discount": 500, "amount_shipping": 687, "amount_tax": 1565},
    }
    return session | changes


def stripe_invoice(total: int = 9389, **changes: Any) -> dict[str, Any]:
    """A paid invoice of a subscription, as newer API versions tell it."""
    invoice = {
        "id": "in_1",
        "object": "invoice",
        "billing_reason": "subscription_create",
        "created": CREATED - 60,
        "currency": "eur",
        "customer_email": "camille.durand@example.com",
        "discounts": ["di_1"],
        "lines": {"object": "list", "data": []},
        "metadata": {},
        "number": "A-0001",
        "parent": {"type": "subscription_details", "subscription_details": {"metadata": {}, "subscription": "sub_1"}},
        "total": total,
        "total_discount_amounts": [{"amount": 500, "discount": "di_1"}],
        "total_taxes": [{"amount": 1565, "tax_behavior": "inclusive"}],
    }
    return invoice | changes


def stripe_charge(amount_refunded: int, **changes: Any) -> dict[str, Any]:
    """A charge with that much of it refunded so far."""
    charge = {
        "id": "ch_1",
        "object": "charge",
        "amount": 9389,
        "amount_refunded": amount_refunded,
        "currency": "eur",
        "payment_intent": "pi_1",
        "refunded": amount_refunded == 9389,
    }
    return charge | changes


def stripe_refund(amount: int = 3000, **changes: Any) -> dict[str, Any]:
    """One refund."""
    refund = {
        "id": "re_1",
        "object": "refund",
        "amount": amount,
        "charge": "ch_1",
        "created": CREATED + 3600,
        "currency": "eur",
        "payment_intent": "pi_1",
        "status": "succeeded",
    }
    return refund | changes


# --- our canonical order ---------------------------------------------------------------------------------------------


def standard_order(kind: str = "order.paid", **changes: Any) -> dict[str, Any]:
    """The canonical order with every field."""
    data = {
        "id": "1042",
        "number": "#1042",
        "status": "paid",
        "currency": "EUR",
        "total": "93.89",
        "goods": "71.37",
        "tax": "15.65",
        "shipping": "6.87",
        "discount": "5.00",
        "codes": [],
        "click_ids": [],
        "landing_url": "https://shop.example.com/robe",
        "customer": {"email": "camille.durand@example.com"},
        "placed_at": "2026-03-02T09:29:12Z",
        "updated_at": PLACED,
        "test": False,
        "source": "web",
    }
    return {"type": kind, "timestamp": PLACED, "data": data | changes}


def standard_refund(kind: str = "refund.created", **changes: Any) -> dict[str, Any]:
    """A canonical refund with every field."""
    data = {"id": "r1", "order_id": "1042", "amount": "30.00", "currency": "EUR", "created_at": "2026-03-05T12:00:00Z"}
    return {"type": kind, "timestamp": "2026-03-05T12:00:00Z", "data": data | changes}
