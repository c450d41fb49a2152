"""Any table of orders, a row an order: its columns have our names, or --column says what they are called."""

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

TITLE = "A table with a mapping"
FIELDS = {
    "id": ("id", "order_id"),
    "number": ("number", "order_number"),
    "placed_at": ("placed_at", "created_at", "date"),
    "updated_at": ("updated_at", "modified_at"),
    "paid_at": ("paid_at",),
    "cancelled_at": ("cancelled_at",),
    "status": ("status",),
    "currency": ("currency",),
    "total": ("total",),
    "goods": ("goods",),
    "tax": ("tax",),
    "shipping": ("shipping",),
    "discount": ("discount",),
    "refunded": ("refunded",),
    "codes": ("codes", "code"),
    "click_ids": ("click_ids", "click_id"),
    "landing_url": ("landing_url",),
    "email": ("email",),
    "country": ("country",),
    "province": ("province",),
    "postcode": ("postcode", "zip"),
    "source": ("source",),
    "test": ("test",),
}
NEEDED = ("id", "placed_at", "currency", "total", "status")

_WORDS = {
    Status.PENDING: "pending on_hold unpaid authorized en_attente impayee impaye",
    Status.PAID: "paid processing completed complete partially_refunded refunded payee paye terminee remboursee",
    Status.CANCELLED: "cancelled canceled voided annulee annule",
}
_STATUS = {word: status for status, words in _WORDS.items() for word in words.split()}
_TRUE = {"1", "true", "yes", "oui", "x"}


def read(cells: Cells, shop: ShopContext) -> Told:
    """The order of a row. Raises BadPayload, which names the column."""
    currency = cells.currency("currency")
    placed, updated, paid, cancelled = (
        cells.moment(name) for name in ("placed_at", "updated_at", "paid_at", "cancelled_at")
    )
    if placed is None:
        raise cells.refused("placed_at", "is empty: want the moment of the order")
    status = Status.CANCELLED if cancelled else _status(cells)
    external_id = cells.identifier("id")
    refunded = cells.whole("refunded", currency)
    landing = cells.raw("landing_url")
    snapshot = Snapshot(
        status=status,
        currency=currency,
        amounts=_amounts(cells, currency),
        placed_at=placed.last,
        number=(cells.text("number") or external_id)[:100],
        test=cells.raw("test").lower() in _TRUE,
        codes=_evidence.code_texts(re.split(r"[,;|\n]", cells.raw("codes"))) or None,
        customer=_evidence.customer(shop, cells.raw("email")),
        source=_source(cells),
        landing=_evidence.landing(landing) if landing else "",
        region=regions.of_address(*(cells.text(name) for name in ("country", "province", "postcode"))),
        flags=tuple(dict.fromkeys(cells.notes)),
    )
    return Told(
        external_id=external_id,
        snapshot=snapshot,
        placed=placed,
        status_at=cancelled or (paid if status is Status.PAID else None),
        updated=updated,
        refunded=None if refunded is None else cells.minor("refunded", refunded, currency),
        click_ids=_evidence.click_ids(shop, [landing], texts=[cells.raw("click_ids")]),
    )


def _status(cells: Cells) -> Status:
    word = plain(cells.raw("status") or cells.writing.status or "")
    if word not in _STATUS:
        raise cells.refused("status", "is not one of pending, paid, cancelled")
    return _STATUS[word]


def _source(cells: Cells) -> str:
    source = cells.text("source").lower()[:40]
    return "" if source in ("web", "online") else source


def _amounts(cells: Cells, currency: str) -> Amounts:
    """As the canonical webhook: goods are what is left of the total without tax and shipping, if no column says it."""
    total = cells.whole("total", currency)
    if total is None:
        raise cells.refused("total", "is empty: want what the buyer paid in all")
    tax, shipping, discount = (cells.whole(name, currency) or Decimal(0) for name in ("tax", "shipping", "discount"))
    goods = cells.whole("goods", currency)
    if goods is None:
        goods = max(total - tax - shipping, Decimal(0))
    return Amounts(
        total=cells.minor("total", total, currency),
        goods=cells.minor("goods", goods, currency),
        tax=cells.minor("tax", tax, currency),
        shipping=cells.minor("shipping", shipping, currency),
        discount=cells.minor("discount", discount, currency),
    )
