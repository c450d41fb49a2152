"""Journeys, an order at a time, for the reports that ask who began them, who ended them and how long they took.

Whoever is credited, a journey is the same: these reports do not depend on the model. Filters keep the orders in whose
journey a touchpoint of that campaign, channel or partner stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Label,
    Select,
    SQLColumnExpression,
    Subquery,
    case,
    cast,
    exists,
    func,
    select,
)
from sqlalchemy.orm import Session, aliased

from tracker.domain import metrics
from tracker.ledger.database import is_postgresql
from tracker.ledger.figures import Line
from tracker.ledger.tables import OrderRow, Placement, Touch
from tracker.reports._parts import Condition, Total, brand_currency, in_order, kept_by, orders_of, totals
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope

TOTAL = "total"

# What a group of orders comes to: their number, their net value, how many were a customer's first.
FIGURES: tuple[SQLColumnExpression[Any], ...] = (
    func.count(),
    func.sum(OrderRow.net),
    func.sum(case((OrderRow.customer_is_new.is_(True), 1), else_=0)),
)

COLUMNS = (
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value of those orders, each counted whole."),
    Column("share", "Share", Kind.PERCENT, "Net revenue / net value of all paid orders."),
    Column("new", "New customers", Kind.INTEGER, "How many of those orders were a customer's first."),
)


def standing(scope: Scope) -> list[Condition]:
    """The condition on orders that the scope's filters make; none where nothing is filtered."""
    touch = aliased(Touch)
    kept = kept_by(scope, touch)
    return [exists().where(touch.order_id == OrderRow.id, *kept)] if kept else []


def grain_of(grain: str) -> Label[Any]:
    """What of a touch a filter keeps."""
    there = select(Placement.network).where(Placement.id == Touch.placement_id, Placement.brand_id == Touch.brand_id)
    columns: dict[str, SQLColumnExpression[Any]] = {
        "campaign": Touch.campaign_id,
        "network": there.scalar_subquery(),
        "partner": Touch.partner_id,
    }
    return columns[grain].label("only")


def standing_by(scope: Scope, grain: str) -> Subquery:
    """The orders in whose journey something stands that a filter would keep, once for each value of the filter."""
    only = grain_of(grain)
    query = select(Touch.order_id, only).join(OrderRow, OrderRow.id == Touch.order_id).where(*orders_of(scope))
    each = query.distinct().subquery()
    return select(each).where(each.c.only.is_not(None)).subquery()


def for_each(session: Session, query: Select[*tuple[Any, ...]], only: SQLColumnExpression[Any]) -> Iterable[Line]:
    """The lines of a query for each value that a filter may keep, that value in front."""
    return ((row[-1], *row[:-1]) for row in session.execute(query.add_columns(only).group_by(only)))


def seconds(session: Session, moment: SQLColumnExpression[Any]) -> ColumnElement[int]:
    """A moment as whole seconds since 1970, on either database."""
    if is_postgresql(session):
        return cast(func.floor(func.extract("epoch", moment)), BigInteger)
    return cast(func.strftime("%s", moment), BigInteger)


def tabulated(
    session: Session, scope: Scope, lines: Iterable[Sequence[Any]], keys: Sequence[str], place: Callable[[Row], Any]
) -> list[Row]:
    """Rows of `lines`, each its keys, a currency and FIGURES: by currency, the brand's in front, then by `place`.

    Each currency ends in its total, which is called so under the first key.
    """
    whole = totals(session, scope)
    cells = [_cell(line, keys, whole) for line in lines]
    rows: list[Row] = []
    for currency in in_order((str(row["currency"]) for row in cells), brand_currency(session, scope.brand_id)):
        group = sorted((row for row in cells if row["currency"] == currency), key=place)
        rows += [*group, _total(group, keys, currency, whole)] if group else []
    return rows


def _cell(line: Sequence[Any], keys: Sequence[str], whole: dict[str, Total]) -> Row:
    *named, currency, orders, revenue, new = line
    return dict(zip(keys, named, strict=True)) | _figures(currency, int(orders), int(revenue), int(new), whole)


def _total(group: Sequence[Row], keys: Sequence[str], currency: str, whole: dict[str, Total]) -> Row:
    orders, revenue, new = (sum(number(row[name]) for row in group) for name in ("orders", "revenue", "new"))
    return dict.fromkeys(keys) | {keys[0]: TOTAL} | _figures(currency, orders, revenue, new, whole)


def _figures(currency: str, orders: int, revenue: int, new: int, whole: dict[str, Total]) -> Row:
    share = metrics.share(revenue, whole.get(currency, Total()).revenue)
    return {"currency": currency, "orders": orders, "revenue": revenue, "share": share, "new": new}


def number(value: object) -> int:
    """A cell as a number; nothing is zero."""
    return value if isinstance(value, int) else 0
