"""Other marketing seen on the way to orders: what advertising took part, and where a network may ask to be paid too.

Marks are kept on orders (see `domain.marks`) and never earn. An order counts once for each source that it carries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from tracker.domain import marks, metrics
from tracker.domain.marks import Family
from tracker.ledger.tables import Credit, CreditSet, OrderRow
from tracker.reports._orders import of_model
from tracker.reports._parts import Total, brand_currency, kept_by, orders_of, totals
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope

GROUP = "Influence × affiliation"
RANK = 95
TITLE = "Other marketing"
DESCRIPTION = (
    "Advertising, campaign tags and affiliate networks that the shop's snippet or landing pages saw before an order. "
    "They earn nothing here; an order that a network saw and a partner is credited with may be paid for twice."
)
EMPTY = "Marks come with orders once the snippet is on the shop, and with landing pages that carry them."
WORDS = {"network": "Affiliate network", "advertising": "Advertising", "tagged": "Campaign tags"}
COLUMNS = (
    Column("family", "Kind", Kind.WORD),
    Column("source", "Source"),
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders on whose way it was seen."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value of those orders, each counted whole."),
    Column("share", "Share", Kind.PERCENT, "Net revenue / net value of all paid orders."),
    Column("shared", "Also credited", Kind.INTEGER, "How many of them a partner here is credited with too."),
    Column("shared_revenue", "Their net revenue", Kind.MONEY, "Net value of those: what may be paid for twice."),
)


@dataclass
class _Seen:
    orders: int = 0
    revenue: int = 0
    shared: int = 0
    shared_revenue: int = 0


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a source and currency: affiliate networks first, then by what their orders are worth."""
    first, whole = brand_currency(session, scope.brand_id), totals(session, scope)
    found: dict[tuple[Family, str, str], _Seen] = defaultdict(_Seen)
    for told, currency, net, credited in session.execute(_query(scope)):
        for family, source in _sources(told):
            _count(found[family, source, currency], net, credited=bool(credited))
    ranked = sorted(found.items(), key=lambda item: (item[0][2] != first, item[0][2], *_place(item[0][0], item[1])))
    return [_row(*key, seen, whole.get(key[2], Total())) for key, seen in ranked]


def _query(scope: Scope) -> Select[Any, Any, Any, Any]:
    credited = exists(
        select(Credit.set_id)
        .join(CreditSet, CreditSet.id == Credit.set_id)
        .where(CreditSet.order_id == OrderRow.id, of_model(scope.model), *kept_by(scope, Credit))
    )
    columns = (OrderRow.marks, OrderRow.currency, OrderRow.net, credited.label("credited"))
    return select(*columns).where(*orders_of(scope), OrderRow.marks.is_not(None))


def _sources(told: Iterable[str]) -> list[tuple[Family, str]]:
    return list(dict.fromkeys((mark.family, mark.source) for text in told for mark in marks.told(text)))


def _count(seen: _Seen, net: int, *, credited: bool) -> None:
    seen.orders += 1
    seen.revenue += net
    seen.shared += credited
    seen.shared_revenue += net if credited else 0


def _place(family: Family, seen: _Seen) -> tuple[bool, int]:
    return family is not Family.NETWORK, -seen.revenue


def _row(family: Family, source: str, currency: str, seen: _Seen, whole: Total) -> Row:
    return {
        "family": str(family),
        "source": source,
        "currency": currency,
        "orders": seen.orders,
        "revenue": seen.revenue,
        "share": metrics.share(seen.revenue, whole.revenue),
        "shared": seen.shared,
        "shared_revenue": seen.shared_revenue,
    }
