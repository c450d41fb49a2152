"""Shopify's order export: a row a line item, of which the first alone tells the order.

The file does not say when an order last changed nor when money went back, so it completes what webhooks told and never
overrules it. Nor does it say whether prices include the tax: its own sum does. The tax on shipping is then reckoned at
the order's average rate.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from tracker.domain import money, regions
from tracker.domain.deliveries import ShopContext
from tracker.domain.orders import Amounts, Snapshot, Status
from tracker.importing._events import Told
from tracker.importing._values import Cells
from tracker.platforms import _evidence
from tracker.platforms.shopify import _SOURCE, _STATUS

TITLE = "Shopify"
FIELDS = {
    "id": ("id", "order_id"),
    "number": ("name", "order_name"),
    "email": ("email",),
    "status": ("financial_status",),
    "placed_at": ("created_at",),
    "paid_at": ("paid_at",),
    "cancelled_at": ("cancelled_at",),
    "currency": ("currency",),
    "subtotal": ("subtotal",),
    "shipping": ("shipping",),
    "tax": ("taxes",),
    "total": ("total",),
    "discount": ("discount_amount",),
    "codes": ("discount_code",),
    "refunded": ("refunded_amount",),
    "outstanding": ("outstanding_balance",),
    "notes": ("note_attributes",),
    "source": ("source",),
    "country": ("shipping_country",),
    "province": ("shipping_province",),
    "postcode": ("shipping_zip",),
    "billing_country": ("billing_country",),
    "billing_province": ("billing_province",),
    "billing_postcode": ("billing_zip",),
}
NEEDED = ("number", "status", "placed_at", "currency", "total")

_TOLERANCE = Decimal("0.02")  # shops round each line's tax


def begins(cells: Cells) -> bool:
    """Whether this row is an order's first: the others tell its line items only."""
    return bool(cells.raw("id") or cells.raw("total") or cells.raw("status"))


def group(cells: Cells) -> str:
    """What the rows of one order have in common."""
    return cells.raw("number")


def read(cells: Cells, shop: ShopContext) -> Told:
    """The order of a first row. Raises BadPayload, which names the column."""
    currency = cells.currency("currency")
    placed, paid, cancelled = (cells.moment(name) for name in ("placed_at", "paid_at", "cancelled_at"))
    if placed is None:
        raise cells.refused("placed_at", "is empty: want the moment of the order")
    status = Status.CANCELLED if cancelled else _status(cells)
    refunded = cells.whole("refunded", currency)
    snapshot = Snapshot(
        status=status,
        currency=currency,
        amounts=_received(cells, _amounts(cells, currency), currency),
        placed_at=placed.last,
        number=cells.text("number")[:100],
        codes=_evidence.code_texts(re.split(r"[,\n]", cells.raw("codes"))) or None,
        customer=_evidence.customer(shop, cells.raw("email")),
        source=_source(cells),
        region=_region(cells),
        flags=tuple(dict.fromkeys(cells.notes)),
    )
    return Told(
        external_id=cells.identifier("id"),
        snapshot=snapshot,
        placed=placed,
        status_at=cancelled or (paid if status is not Status.PENDING else None),
        refunded=None if refunded is None else cells.minor("refunded", refunded, currency),
        click_ids=_evidence.click_ids(shop, named=_notes(cells)),
    )


def _status(cells: Cells) -> Status:
    return _STATUS.get(cells.text("status").lower().replace(" ", "_"), Status.PENDING)


def _source(cells: Cells) -> str:
    source = cells.text("source").lower()[:40]
    return _SOURCE.get(source, "" if source.isdigit() else source)


def _notes(cells: Cells) -> list[tuple[object, object]]:
    """The note attributes: "name: value", one a line."""
    lines = (line.partition(":") for line in cells.raw("notes").splitlines())
    return [(name.strip(), value.strip()) for name, _, value in lines]


def _region(cells: Cells) -> str | None:
    for prefix in ("", "billing_"):
        country, province, postcode = (cells.text(f"{prefix}{name}") for name in ("country", "province", "postcode"))
        if found := regions.of_address(country, province, postcode.removeprefix("'")):
            return found
    return None


def _amounts(cells: Cells, currency: str) -> Amounts:
    total = cells.whole("total", currency)
    if total is None:
        raise cells.refused("total", "is empty: want what the buyer paid in all")
    tax, shipping, discount = (cells.amount(name, currency) or Decimal(0) for name in ("tax", "shipping", "discount"))
    subtotal = cells.amount("subtotal", currency)
    net_shipping = Fraction(shipping)
    if subtotal is None:
        goods = Fraction(total - tax - shipping)
    elif _with_tax(total, subtotal, shipping, tax):
        net = 1 - Fraction(tax) / Fraction(subtotal + shipping)
        goods, net_shipping = Fraction(subtotal) * net, Fraction(shipping) * net
    else:
        goods = Fraction(subtotal)
    scale = 10 ** money.EXPONENTS[currency]
    return Amounts(
        total=cells.minor("total", total, currency),
        goods=max(money.round_half_up(goods * scale), 0),
        tax=cells.minor("tax", tax, currency),
        shipping=money.round_half_up(net_shipping * scale),
        discount=cells.minor("discount", discount, currency),
    )


def _with_tax(total: Decimal, subtotal: Decimal, shipping: Decimal, tax: Decimal) -> bool:
    """Whether the prices include the tax: without it they come to the total already."""
    gross = subtotal + shipping
    return 0 < tax <= gross and abs(total - gross) <= _TOLERANCE and abs(total - gross - tax) > abs(total - gross)


def _received(cells: Cells, amounts: Amounts, currency: str) -> Amounts:
    """Of a partially paid order the part of the goods that was paid, as the webhooks' reader has it."""
    outstanding = cells.amount("outstanding", currency)
    if cells.text("status").lower().replace(" ", "_") != "partially_paid" or outstanding is None:
        return amounts
    due = cells.minor("outstanding", outstanding, currency)
    if not 0 < due <= amounts.total:
        return amounts
    cells.notes.append("partially_paid")
    goods = money.round_half_up(Fraction(amounts.goods * (amounts.total - due), amounts.total))
    return Amounts(amounts.total, goods, amounts.tax, amounts.shipping, amounts.discount)
