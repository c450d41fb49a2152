"""How a shop tells of an order: bodies in the shape that Shopify and WooCommerce really send, signed as they sign.

All prices include 20 % tax. An order is told as it stands after a step, at the second in which the step happened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from tracker.demo.cast import CURRENCY, LANDING_DOMAIN, STORES
from tracker.demo.story import Line, Purchase, Step
from tracker.platforms import shopify, woocommerce

_TAX = Fraction(20, 120)
_SEQUENCE = tuple(Step)
# Ids above 2**53, as Shopify's are.
_FIRST_SHOPIFY_ID, _FIRST_WOOCOMMERCE_ID = 9_100_000_000_000_000_000, 4_000
_FOREVER_FAR = 10**6


@dataclass(frozen=True, slots=True)
class Sums:
    """What the lines of an order come to, in minor units. `goods` is without tax, the others as the buyer paid."""

    lines: tuple[int, ...]
    discount: int
    subtotal: int
    goods_tax: int
    goods: int
    shipping: int
    total: int


@dataclass(frozen=True, slots=True)
class Telling:
    """One webhook request, ready to be sent."""

    headers: dict[str, str]
    body: bytes


def sums(purchase: Purchase) -> Sums:
    """What a purchase costs: every line rounded for itself, as shops do."""
    full = [line.price * line.quantity for line in purchase.lines]
    lines = tuple(amount - amount * purchase.per_cent_off // 100 for amount in full)
    subtotal = sum(lines)
    tax = sum(_tax(amount) for amount in lines)
    return Sums(
        lines=lines,
        discount=sum(full) - subtotal,
        subtotal=subtotal,
        goods_tax=tax,
        goods=subtotal - tax,
        shipping=purchase.shipping,
        total=subtotal + purchase.shipping,
    )


def external_id(purchase: Purchase) -> str:
    """The id that the shop gave the order."""
    first = _FIRST_SHOPIFY_ID if _is_shopify(purchase) else _FIRST_WOOCOMMERCE_ID
    return str(first + purchase.number)


def telling(purchase: Purchase, step: Step, placed_at: datetime, told_at: datetime, clicks: list[str]) -> Telling:
    """The request by which the shop tells of `step`. `clicks` are the click ids it kept, the landing first."""
    if _is_shopify(purchase):
        topic, body = _shopify(purchase, step, placed_at, told_at, clicks)
        return _shopify_request(purchase, topic, body, told_at)
    body = _woocommerce(purchase, step, placed_at, told_at, clicks)
    return _woocommerce_request(purchase, step, body, told_at)


def _is_shopify(purchase: Purchase) -> bool:
    return STORES[purchase.store].platform == "shopify"


def _tax(amount: int) -> int:
    """The tax inside an amount, half up."""
    return int(amount * _TAX + Fraction(1, 2))


def _landing_query(purchase: Purchase, clicks: list[str]) -> str:
    """The query of the address at which the visit began: our click id, and what other marketing left there."""
    ours = f"utm_source=partner&rk={clicks[0]}" if clicks else ""
    query = "&".join(part for part in (ours, purchase.other_marketing) if part)
    return f"?{query}" if query else ""


def _money(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


def _has_happened(purchase: Purchase, step: Step, by: Step) -> bool:
    return step in purchase.steps and _SEQUENCE.index(step) <= _SEQUENCE.index(by)


# --- Shopify ---------------------------------------------------------------------------------------------------------

_SHOPIFY_TOPICS = {
    Step.CREATED: "orders/create",
    Step.PAID: "orders/paid",
    Step.CANCELLED: "orders/cancelled",
    Step.REFUNDED: "refunds/create",
}


def _shopify(
    purchase: Purchase, step: Step, placed_at: datetime, told_at: datetime, clicks: list[str]
) -> tuple[str, dict[str, Any]]:
    topic = _SHOPIFY_TOPICS[step]
    if step is Step.REFUNDED:
        return topic, _shopify_refund(purchase, told_at)
    return topic, _shopify_order(purchase, step, placed_at, told_at, clicks)


def _shopify_request(purchase: Purchase, topic: str, body: dict[str, Any], told_at: datetime) -> Telling:
    store, raw = STORES[purchase.store], json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()
    delivery_id = f"{external_id(purchase)}-{topic.replace('/', '-')}"
    own = {
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Shop-Domain": store.name,
        "X-Shopify-API-Version": "2026-07",
        "X-Shopify-Event-Id": f"{delivery_id}-event",
    }
    return Telling(own | shopify.sign(raw, store.secret, told_at, delivery_id, topic), raw)


def _shopify_order(
    purchase: Purchase, step: Step, placed_at: datetime, told_at: datetime, clicks: list[str]
) -> dict[str, Any]:
    order = sums(purchase)
    paid, cancelled = _has_happened(purchase, Step.PAID, step), step is Step.CANCELLED
    query = _landing_query(purchase, clicks)
    notes = [{"name": "rk", "value": ",".join(clicks)}] if len(clicks) > 1 else []
    codes = [{"code": purchase.code, "amount": _money(order.discount), "type": "percentage"}] if purchase.code else []
    return {
        "id": int(external_id(purchase)),
        "admin_graphql_api_id": f"gid://shopify/Order/{external_id(purchase)}",
        "name": f"#{1000 + purchase.number}",
        "number": purchase.number,
        "order_number": 1000 + purchase.number,
        "created_at": placed_at.isoformat(timespec="seconds"),
        "processed_at": placed_at.isoformat(timespec="seconds"),
        "updated_at": told_at.isoformat(timespec="seconds"),
        "cancelled_at": told_at.isoformat(timespec="seconds") if cancelled else None,
        "cancel_reason": "customer" if cancelled else None,
        "financial_status": ("voided" if cancelled else "paid") if paid else "pending",
        "test": purchase.test,
        "currency": CURRENCY,
        "presentment_currency": CURRENCY,
        "taxes_included": True,
        "total_line_items_price": _money(order.subtotal + order.discount),
        "total_discounts": _money(order.discount),
        **_shopify_money("subtotal_price", order.subtotal),
        **_shopify_money("total_tax", order.goods_tax),
        **_shopify_money("total_price", order.total),
        **{f"current_{key}": value for key, value in _shopify_money("subtotal_price", order.subtotal).items()},
        **{f"current_{key}": value for key, value in _shopify_money("total_tax", order.goods_tax).items()},
        **{f"current_{key}": value for key, value in _shopify_money("total_price", order.total).items()},
        "total_shipping_price_set": _shopify_set(order.shipping),
        "discount_codes": codes,
        "note_attributes": notes,
        "landing_site": f"/{query}",
        "referring_site": None,
        "source_name": "web",
        "email": purchase.customer,
        "contact_email": purchase.customer,
        "customer": {"id": 1, "email": purchase.customer, "first_name": "Sample", "last_name": "Shopper"},
        "shipping_address": {"country_code": "FR", "zip": purchase.postcode},
        "line_items": [_shopify_line(purchase, index) for index in range(len(purchase.lines))],
        "shipping_lines": [{"title": "Standard", "price": _money(order.shipping), "tax_lines": []}],
        "refunds": [],
    }


def _shopify_set(amount: int) -> dict[str, Any]:
    money = {"amount": _money(amount), "currency_code": CURRENCY}
    return {"shop_money": money, "presentment_money": money}


def _shopify_money(key: str, amount: int) -> dict[str, Any]:
    return {key: _money(amount), f"{key}_set": _shopify_set(amount)}


def _shopify_line(purchase: Purchase, index: int) -> dict[str, Any]:
    line, net = purchase.lines[index], sums(purchase).lines[index]
    return {
        "id": _line_id(purchase, index),
        "title": line.title,
        "quantity": line.quantity,
        "current_quantity": line.quantity,
        "price": _money(line.price),
        "total_discount": "0.00",
        "taxable": True,
        "gift_card": False,
        "properties": [],
        "tax_lines": [{"title": "VAT", "rate": 0.2, "price": _money(_tax(net))}],
        "discount_allocations": [{"amount": _money(_full(line) - net), "discount_application_index": 0}],
    }


def _shopify_refund(purchase: Purchase, told_at: datetime) -> dict[str, Any]:
    amount = purchase.refund
    return {
        "id": int(external_id(purchase)) + _FOREVER_FAR,
        "order_id": int(external_id(purchase)),
        "created_at": told_at.isoformat(timespec="seconds"),
        "processed_at": told_at.isoformat(timespec="seconds"),
        "note": "came back",
        "refund_line_items": [
            {
                "id": _line_id(purchase, 0) + _FOREVER_FAR,
                "line_item_id": _line_id(purchase, 0),
                "quantity": 1,
                "restock_type": "return",
                "subtotal": amount / 100,
                "subtotal_set": _shopify_set(amount),
                "total_tax": _tax(amount) / 100,
                "total_tax_set": _shopify_set(_tax(amount)),
            }
        ],
        "order_adjustments": [],
        "transactions": [
            {
                "id": int(external_id(purchase)) + 2 * _FOREVER_FAR,
                "order_id": int(external_id(purchase)),
                "kind": "refund",
                "status": "success",
                "amount": _money(amount),
                "currency": CURRENCY,
                "test": purchase.test,
            }
        ],
    }


def _line_id(purchase: Purchase, index: int) -> int:
    return int(external_id(purchase)) * 10 % 10**18 + index


def _full(line: Line) -> int:
    return line.price * line.quantity


# --- WooCommerce -----------------------------------------------------------------------------------------------------


def _woocommerce_request(purchase: Purchase, step: Step, body: dict[str, Any], told_at: datetime) -> Telling:
    store, raw = STORES[purchase.store], json.dumps(body, separators=(",", ":")).encode()
    topic = "order.created" if step is Step.CREATED else "order.updated"
    own = {
        "User-Agent": "WooCommerce/10.1.2 Hookshot (WordPress/6.8.2)",
        "X-WC-Webhook-Source": f"https://{store.name}/",
        "X-WC-Webhook-ID": "1",
    }
    # All orders of one second share a delivery id: that is how WooCommerce makes them.
    return Telling(own | woocommerce.sign(raw, store.secret, told_at, f"{told_at:%Y%m%d%H%M%S}", topic), raw)


def _woocommerce(
    purchase: Purchase, step: Step, placed_at: datetime, told_at: datetime, clicks: list[str]
) -> dict[str, Any]:
    order = sums(purchase)
    off_tax = order.discount - (order.discount - _tax(order.discount))
    coupon = {
        "code": (purchase.code or "").lower(),
        "discount": _money(order.discount - off_tax),
        "discount_tax": _money(off_tax),
    }
    refunds = [{"id": int(external_id(purchase)) + _FOREVER_FAR, "reason": "", "total": f"-{_money(purchase.refund)}"}]
    return {
        "id": int(external_id(purchase)),
        "parent_id": 0,
        "number": external_id(purchase),
        "status": _woocommerce_status(purchase, step),
        "currency": CURRENCY,
        "prices_include_tax": True,
        "date_created_gmt": _gmt(placed_at),
        "date_modified_gmt": _gmt(told_at),
        "date_paid_gmt": _gmt(told_at) if _has_happened(purchase, Step.PAID, step) else None,
        "discount_total": coupon["discount"],
        "discount_tax": coupon["discount_tax"],
        "shipping_total": _money(order.shipping),
        "shipping_tax": "0.00",
        "cart_tax": _money(order.goods_tax),
        "total": _money(order.total),
        "total_tax": _money(order.goods_tax),
        "customer_id": 0,
        "billing": {"first_name": "Sample", "last_name": "Shopper", "email": purchase.customer},
        "shipping": {"country": "FR", "postcode": purchase.postcode},
        "payment_method": "stripe",
        "meta_data": _woocommerce_meta(purchase, clicks),
        "line_items": [_woocommerce_line(purchase, index) for index in range(len(purchase.lines))],
        "shipping_lines": [{"id": 1, "method_title": "Standard", "total": _money(order.shipping), "total_tax": "0.00"}],
        "coupon_lines": [coupon] if purchase.code else [],
        "refunds": refunds if _has_happened(purchase, Step.REFUNDED, step) else [],
    }


def _woocommerce_status(purchase: Purchase, step: Step) -> str:
    if step is Step.CANCELLED:
        return "cancelled"
    return "processing" if _has_happened(purchase, Step.PAID, step) else "on-hold"


def _woocommerce_meta(purchase: Purchase, clicks: list[str]) -> list[dict[str, Any]]:
    meta: list[dict[str, Any]] = [{"id": 1, "key": "_wc_order_attribution_source_type", "value": "utm"}]
    if query := _landing_query(purchase, clicks):
        entry = f"https://{LANDING_DOMAIN}/{query}"
        meta.append({"id": 2, "key": "_wc_order_attribution_session_entry", "value": entry})
    if len(clicks) > 1:
        meta.append({"id": 3, "key": "_rk", "value": ",".join(clicks)})
    return meta


def _woocommerce_line(purchase: Purchase, index: int) -> dict[str, Any]:
    line, net = purchase.lines[index], sums(purchase).lines[index]
    return {
        "id": index + 1,
        "name": line.title,
        "quantity": line.quantity,
        "subtotal": _money(_full(line) - _tax(_full(line))),
        "subtotal_tax": _money(_tax(_full(line))),
        "total": _money(net - _tax(net)),
        "total_tax": _money(_tax(net)),
        "price": round((net - _tax(net)) / 100 / line.quantity, 4),
        "meta_data": [],
    }


def _gmt(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def later(moment: datetime, step: Step) -> datetime:
    """When a step that is told in the same breath as the order happened: a second after the one before it."""
    return moment + timedelta(seconds=_SEQUENCE.index(step))
