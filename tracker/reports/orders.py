"""Every order of the period, attributed or not, of whatever status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Select, SQLColumnExpression, exists, select
from sqlalchemy.orm import Session

from tracker.ledger.database import among
from tracker.ledger.figures import Line
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Partner, Placement, Shop
from tracker.reports import _rolled
from tracker.reports._orders import about, before, cursor_at, of_model, read_cursor
from tracker.reports._parts import Condition, is_filtered, kept_by
from tracker.reports._shape import Column, Kind, Part, Row, Scope

RANK = 80
COMPARES = False
TITLE = "Orders"
DESCRIPTION = "Every order of the period, attributed or not, with who is credited."
COLUMNS = (
    Column("order_id", "Order id", Kind.ID),
    Column("placed_at", "Placed", Kind.MOMENT),
    Column("number", "Number"),
    Column("external_id", "Shop's id"),
    Column("shop", "Shop"),
    Column("status", "Status", Kind.WORD),
    Column("test", "Test", Kind.WORD),
    Column("currency", "Currency"),
    Column("total", "Total", Kind.MONEY, "All that the buyer paid."),
    Column("refunded", "Refunded", Kind.MONEY),
    Column("net", "Net", Kind.MONEY, "What the brand's net formula counts of the order, less refunds."),
    Column("credited", "Credited", Kind.MONEY, "What of it is credited; a pending order shows what it would be."),
    Column("partners", "Partners", Kind.LIST),
    Column("codes", "Codes", Kind.LIST),
)

_WIDE = timedelta(days=2)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row an order, the latest first; under a filter, only the orders with a credit that it keeps. Two queries."""
    days = _days(scope)
    credits_of = _credits(session, scope, days)
    return [
        _row(order, credits_of.get(order.id, ()))
        for order in session.execute(_orders(days))
        if order.id in credits_of or not is_filtered(scope)
    ]


def some(session: Session, scope: Scope, part: Part) -> list[Row]:
    """A part of these rows and one more, without reading the others. Two queries, and what is kept."""
    after = [before(part.after)] if part.after else []
    query = _orders((*_days(scope), *about(scope.start, scope.end), *_kept(session, scope, part), *after))
    query = query.offset(part.skip).limit(part.most + 1)
    found = session.execute(query).all()
    credits_of = _credits(session, scope, (among(session, OrderRow.id, [order.id for order in found]),))
    return [_row(order, credits_of.get(order.id, ())) for order in found]


def cursor(row: Row) -> str:
    """What a part says that comes after this row."""
    return cursor_at(cast("datetime", row["placed_at"]), cast("str", row["order_id"]))


def _orders(where: Sequence[Condition]) -> Select[*tuple[Any, ...]]:
    shown = (
        *(OrderRow.id, OrderRow.placed_at, OrderRow.number, OrderRow.external_id, OrderRow.status, OrderRow.test),
        *(OrderRow.currency, OrderRow.total, OrderRow.refunded, OrderRow.net, OrderRow.codes, Shop.name.label("shop")),
    )
    return (
        select(*shown)
        .join(Shop, Shop.id == OrderRow.shop_id)
        .where(*where)
        .order_by(OrderRow.placed_at.desc(), OrderRow.id.desc())
    )


def _kept(session: Session, scope: Scope, part: Part) -> list[Condition]:
    """The orders with a credit that the filters keep: those of a part by their ids, where these are kept."""
    if not is_filtered(scope):
        return []
    if _earning.grain_of(scope):
        return [among(session, OrderRow.id, _latest(_rolled.asked(session, scope, _earning), part))]
    credit = select(Credit.order_id).join(CreditSet, CreditSet.id == Credit.set_id)
    kept = credit.where(of_model(scope.model), *kept_by(scope, Credit))
    if not scope.partner_id:
        return [exists(kept.where(CreditSet.order_id == OrderRow.id))]
    theirs = kept.where(Credit.brand_id == scope.brand_id).distinct().cte("theirs").prefix_with("MATERIALIZED")
    return [OrderRow.id.in_(select(theirs.c.order_id))]


def _latest(lines: Iterable[Line], part: Part) -> list[str]:
    """The ids of the orders of enough days for the part: days' own, which are off by hours where a zone changed."""
    at = read_cursor(part.after)[0].date() if part.after else None
    found: list[str] = []
    sure, first = 0, date.min
    for day, ids in sorted(((date.fromisoformat(day), ids.split()) for day, ids, _ in lines), reverse=True):
        if day < first:
            break
        if at is None or day <= at + _WIDE:
            found += ids
            sure += len(ids) if at is None or day < at - _WIDE else 0
        if sure > part.skip + part.most and first == date.min:
            first = day - _WIDE
    return found


def _earning_by_grain(session: Session, scope: Scope, grain: str) -> Iterable[Line]:
    there = select(Placement.network).where(Placement.id == Credit.placement_id, Placement.brand_id == Credit.brand_id)
    columns: dict[str, SQLColumnExpression[Any]] = {
        "campaign": Credit.campaign_id,
        "network": there.scalar_subquery(),
        "partner": Credit.partner_id,
    }
    return (line for line in _ids(session, scope, columns[grain]) if line[0] is not None)


@_rolled.additive("earning", 2, by_model=True, by_channel=False, by_grain=_earning_by_grain)
def _earning(session: Session, scope: Scope) -> Iterable[Line]:
    """By day, the ids of the orders with a credit that the filters keep, as one text, and how often."""
    return (line[1:] for line in _ids(session, scope, Credit.brand_id))


def _ids(session: Session, scope: Scope, only: SQLColumnExpression[Any]) -> Iterable[Line]:
    query = (
        select(only, OrderRow.placed_day, OrderRow.id)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(*_days(scope), of_model(scope.model), *kept_by(scope, Credit))
        .distinct()
    )
    found: dict[tuple[str, date], list[str]] = {}
    for value, day, order_id in session.execute(query):
        found.setdefault((value, day), []).append(order_id)
    return ((value, day.isoformat(), " ".join(sorted(ids)), 1) for (value, day), ids in found.items())


def _days(scope: Scope) -> tuple[Condition, ...]:
    return (
        OrderRow.brand_id == scope.brand_id,
        OrderRow.placed_day >= scope.start,
        OrderRow.placed_day <= scope.end,
        OrderRow.status.is_not(None),
    )


def _credits(session: Session, scope: Scope, days: tuple[Condition, ...]) -> dict[str, list[tuple[str, int]]]:
    query = (
        select(Credit.order_id, Partner.name, Credit.amount)
        .select_from(OrderRow)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .join(Partner, Partner.id == Credit.partner_id)
        .where(*days, of_model(scope.model), *kept_by(scope, Credit))
        .order_by(Credit.order_id, Credit.position)
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for order_id, partner, amount in session.execute(query):
        found.setdefault(order_id, []).append((partner, amount))
    return found


def _row(order: Any, credits_of: Iterable[tuple[str, int]]) -> Row:
    credits_of = list(credits_of)
    return {
        "order_id": order.id,
        "placed_at": order.placed_at,
        "number": order.number or order.external_id,
        "external_id": order.external_id,
        "shop": order.shop,
        "status": order.status,
        "test": "test" if order.test else None,
        "currency": order.currency,
        "total": order.total,
        "refunded": order.refunded,
        "net": order.net,
        "credited": sum(amount for _, amount in credits_of),
        "partners": list(dict.fromkeys(partner for partner, _ in credits_of)),
        "codes": list(order.codes),
    }
