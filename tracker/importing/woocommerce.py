"""WooCommerce's orders as export extensions write them: a row an order, or a row a line item that repeats it.

Amounts are without tax, as in the webhooks. The id must be WooCommerce's own: the number that buyers see is another one
where a plugin gives numbers in sequence.
"""

from __future__ import annotations

import re
from decimal import Decimal

from tracker.domain import regions
from tracker.domain.deliveries import ShopContext
from tracker.domain.orders import Amounts, Snapshot, Status
from tracker.importing._events import Told
from tracker.importing._table import plain
from tracker.importing._values import Cells
from tracker.platforms import _evidence
from tracker.platforms.woocommerce import _SOURCE, _STATUS

TITLE = "WooCommerce"
FIELDS = {
    "id": ("order_id", "id", "wc_order_id"),
    "number": ("order_number", "order_number_formatted", "order"),
    "placed_at": ("date_created_gmt", "date_created", "order_date", "date"),
    "updated_at": ("date_modified_gmt", "date_modified", "modified_date", "order_modified_date", "last_modified"),
    "paid_at": ("date_paid_gmt", "date_paid", "paid_date", "order_paid_date"),
    "status": ("status", "order_status"),
    "currency": ("order_currency", "currency", "currency_code"),
    "total": ("order_total", "total", "order_total_amount"),
    "tax": ("total_tax", "tax_total", "order_tax", "order_total_tax", "order_total_tax_amount"),
    "shipping": ("shipping_total", "order_shipping", "order_shipping_amount"),
    "fees": ("fee_total", "fees_total", "order_fees"),
    "discount": ("discount_total", "cart_discount", "order_discount", "cart_discount_amount"),
    "refunded": ("refunded_total", "order_refund_amount", "order_refunded_total", "total_refunded", "refund_total"),
    "codes": ("coupon_items", "coupons", "coupon_code", "coupon_codes", "coupon_s", "coupon"),
    "email": ("billing_email", "email_billing", "customer_email", "billing_email_address"),
    "country": ("shipping_country", "country_code_shipping", "shipping_country_code"),
    "province": ("shipping_state", "state_code_shipping", "shipping_state_code"),
    "postcode": ("shipping_postcode", "postcode_shipping"),
    "billing_country": ("billing_country", "country_code_billing", "billing_country_code"),
    "billing_province": ("billing_state", "state_code_billing", "billing_state_code"),
    "billing_postcode": ("billing_postcode", "postcode_billing"),
    "source": ("created_via",),
    "landing_url": ("meta_wc_order_attribution_session_entry", "wc_order_attribution_session_entry"),
}
NEEDED = ("placed_at", "status", "currency", "total")

# As the shop's own pages write them, in English and French.
_WORDS = {
    "pending_payment": "pending",
    "on_hold": "on-hold",
    "canceled": "cancelled",
    "attente_paiement": "pending",
    "en_attente": "on-hold",
    "en_cours": "processing",
    "terminee": "completed",
    "annulee": "cancelled",
    "remboursee": "refunded",
    "echouee": "failed",
}


def read(cells: Cells, shop: ShopContext) -> Told:
    """The order of a row. Raises BadPayload, which names the column."""
    currency = cells.currency("currency")
    placed, updated, paid = (cells.moment(name) for name in ("placed_at", "updated_at", "paid_at"))
    if placed is None:
        raise cells.refused("placed_at", "is empty: want the moment of the order")
    external_id, state = cells.identifier("id"), _state(cells)
    status = _status(cells, state, paid=paid is not None)
    amounts = _amounts(cells, currency)
    landing = cells.raw("landing_url")
    snapshot = Snapshot(
        status=status,
        currency=currency,
        amounts=amounts,
        placed_at=placed.last,
        number=(cells.text("number") or external_id)[:100],
        codes=_codes(cells.raw("codes")),
        customer=_evidence.customer(shop, cells.raw("email")),
        source=_source(cells),
        landing=_evidence.landing(landing) if landing else "",
        region=_region(cells),
        flags=tuple(dict.fromkeys(cells.notes)),
    )
    return Told(
        external_id=external_id,
        snapshot=snapshot,
        placed=placed,
        status_at=paid if status is Status.PAID else None,
        updated=updated,
        refunded=_refunded(cells, currency, amounts.total, state),
        click_ids=_evidence.click_ids(shop, [landing], _named(cells, shop)),
    )


def _state(cells: Cells) -> str:
    word = plain(cells.raw("status").lower().removeprefix("wc-"))
    if not word:
        raise cells.refused("status", "is empty: want the order's status, such as completed")
    return _WORDS.get(word, word.replace("_", "-"))


def _status(cells: Cells, state: str, *, paid: bool) -> Status:
    """A shop may add its own states; those are paid once there is a date of payment."""
    known = _STATUS.get(state)
    if known is None:
        cells.notes.append(f"status:{state[:40]}")
        return Status.PAID if paid else Status.PENDING
    return known


def _amounts(cells: Cells, currency: str) -> Amounts:
    """Goods are what is left of the total without taxes, shipping and fees; a negative fee is a discount."""
    total = cells.whole("total", currency)
    if total is None:
        raise cells.refused("total", "is empty: want what the buyer paid in all")
    tax, shipping, fees, discount = (
        cells.amount(name, currency) or Decimal(0) for name in ("tax", "shipping", "fees", "discount")
    )
    goods = total - tax - shipping - max(fees, Decimal(0))
    return Amounts(
        total=cells.minor("total", total, currency),
        goods=max(cells.minor("goods", goods, currency), 0),
        tax=cells.minor("tax", tax, currency),
        shipping=cells.minor("shipping", shipping, currency),
        discount=cells.minor("discount", discount, currency),
    )


def _refunded(cells: Cells, currency: str, total: int, state: str) -> int | None:
    """All that was given back, written with or without a minus; the whole of an order that is refunded without it."""
    told = cells.amount("refunded", currency)
    if not told:
        return total if state == "refunded" else (None if told is None else 0)
    return cells.minor("refunded", abs(told), currency)


def _codes(text: str) -> tuple[str, ...] | None:
    """The coupons: bare, or as "code:LEA15|amount:5.00", several with ; or , between them."""
    named = re.findall(r"(?:^|[|;,\s])code:([^|;,]+)", text)
    return _evidence.code_texts(named or re.split(r"[;,|\n]", text)) or None


def _named(cells: Cells, shop: ShopContext) -> list[tuple[object, object]]:
    """The columns of the order's own fields under the click parameter's name, such as "meta:rk"."""
    wanted = plain(shop.click_parameter)
    found = (cells.row.cells.get(name) for name in (wanted, f"meta_{wanted}", f"meta__{wanted}"))
    return [(shop.click_parameter, value) for value in found if value]


def _source(cells: Cells) -> str:
    source = cells.text("source").lower()[:40]
    return _SOURCE.get(source, source)


def _region(cells: Cells) -> str | None:
    for prefix in ("", "billing_"):
        parts = [cells.text(f"{prefix}{name}") for name in ("country", "province", "postcode")]
        if found := regions.of_address(*parts):
            return found
    return None
