"""Every promo code seen on an order or owned by a partner: an unowned one is revenue that nobody is credited with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tracker.domain import codes
from tracker.ledger.figures import Line
from tracker.ledger.tables import Code, CodeOwner, Credit, OrderCode, OrderRow, Partner
from tracker.reports import _rolled
from tracker.reports._parts import brand_currency, credited, grouped, in_order, orders_of
from tracker.reports._performance import CURRENCY, by_revenue
from tracker.reports._shape import Column, Kind, Row, Scope, span, zone_of

RANK = 50
GROUP = "Performance"
TITLE = "Promo codes"
DESCRIPTION = "Codes on orders and codes that partners own. One without an owner earns nobody anything: register it."
COLUMNS = (
    Column("code", "Code"),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Owner", help="Whose code it was on the last day of the period; empty where it is nobody's."),
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders that carry the code."),
    Column("revenue", "Orders' value", Kind.MONEY, "Net value of those orders, whoever is credited."),
    Column("credited", "Credited", Kind.MONEY, "Net value credited because of the code."),
    Column("first_day", "First seen", Kind.DATE, "Day of the first of those orders."),
    Column("last_day", "Last seen", Kind.DATE, "Day of the last of those orders."),
)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Use:
    text: str
    orders: int
    revenue: int
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class _Owned:
    text: str
    partner_id: str | None
    partner: str | None


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a code and currency, the largest value first. Under a filter, only the codes of the partners it keeps."""
    first = brand_currency(session, scope.brand_id)
    used, owned, credited_by = _used(session, scope), _owned(session, scope), _credited(session, scope)
    kept = set(owned) | ({normal for normal, _ in used} if not scope.partner_id and not scope.channel else set())
    currencies = grouped(used, credited_by)
    found: list[Row] = []
    for normal in sorted(kept):
        for currency in in_order(currencies.get(normal, ()), first):
            key = (normal, currency)
            found.append(_row(currency, used.get(key), owned.get(normal), credited_by.get(key, 0)))
    return by_revenue(found, first)


def _row(currency: str, use: _Use | None, owned: _Owned | None, credited_by: int) -> Row:
    return {
        "code": owned.text if owned else (use.text if use else ""),
        "partner_id": owned.partner_id if owned else None,
        "partner": owned.partner if owned else None,
        "currency": currency,
        "orders": use.orders if use else 0,
        "revenue": use.revenue if use else 0,
        "credited": credited_by,
        "first_day": use.first_day if use else None,
        "last_day": use.last_day if use else None,
    }


def _used(session: Session, scope: Scope) -> dict[Key, _Use]:
    found: dict[Key, list[Line]] = defaultdict(list)
    for normal, currency, *use in _rolled.asked(session, _rolled.whole(scope), _used_in):
        found[normal, currency or ""].append(tuple(use))
    return {key: _use(lines) for key, lines in found.items()}


def _use(lines: Iterable[Line]) -> _Use:
    months, texts, days, orders, revenue = zip(*lines, strict=True)
    seen = list(zip(months, days, strict=True))
    first_day = min(_day(month, (among & -among).bit_length()) for month, among in seen)
    last_day = max(_day(month, among.bit_length()) for month, among in seen)
    return _Use(min(texts), sum(orders), sum(revenue), first_day, last_day)


def _day(month: str, number: int) -> date:
    return date.fromisoformat(f"{month}-{number:02}")


@_rolled.additive("code-months", 4, by_channel=False)
def _used_in(session: Session, scope: Scope) -> Iterable[Line]:
    """Uses of each code in each currency by month, with a day's spelling that sorts first.

    The first number says on which days of the month: a bit for each, the lowest for the first, so that days add up.
    """
    spelling = func.min(OrderCode.text)
    query = (
        select(OrderCode.normal, OrderRow.currency, OrderRow.placed_day, spelling, func.count(), func.sum(OrderRow.net))
        .select_from(OrderRow)
        .join(OrderCode, OrderCode.order_id == OrderRow.id)
        .where(*orders_of(scope))
        .group_by(OrderCode.normal, OrderRow.currency, OrderRow.placed_day)
    )
    for normal, currency, day, text, orders, revenue in session.execute(query):
        if day is not None:
            yield (normal, currency, f"{day:%Y-%m}", text, 1 << day.day - 1, orders, int(revenue))


def _credited(session: Session, scope: Scope) -> dict[Key, int]:
    """What was credited because of a code; the credit keeps the code as the shopper typed it."""
    found: dict[Key, int] = {}
    for (text, currency), figures in credited(session, scope, Credit.code).items():
        key = (codes.normal(text), currency)
        found[key] = found.get(key, 0) + figures.revenue
    return found


def _owned(session: Session, scope: Scope) -> dict[str, _Owned]:
    _, end = span(scope, zone_of(session, scope.brand_id))
    found = session.execute(_owners(scope, end)).all()
    return {normal: _Owned(text, partner_id, partner) for normal, text, partner_id, partner in found}


def _owners(scope: Scope, end: datetime) -> Select[*tuple[Any, ...]]:
    """Registered codes with whoever owned them just before `end`; an unowned one only where nothing is filtered."""
    at_end = (
        (CodeOwner.code_id == Code.id)
        & (CodeOwner.valid_from < end)
        & (CodeOwner.valid_to.is_(None) | (CodeOwner.valid_to >= end))
    )
    query = (
        select(Code.normal, Code.text, Partner.id, Partner.name)
        .join(CodeOwner, at_end, isouter=True)
        .join(Partner, Partner.id == CodeOwner.partner_id, isouter=True)
        .where(Code.brand_id == scope.brand_id)
    )
    if scope.partner_id:
        query = query.where(Partner.id == scope.partner_id)
    if scope.channel:
        query = query.where(func.coalesce(CodeOwner.channel, Partner.channel) == scope.channel)
    return query
