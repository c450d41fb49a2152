"""What the customers of each segment bought, and which channels brought them, by the brand's own file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.catalog import Channel
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Segment
from tracker.reports._orders import of_model
from tracker.reports._parts import brand_currency, in_order, orders_of
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 27
GROUP = "Performance"
FILTERS = ("model",)
TITLE = "Customer segments"
DESCRIPTION = (
    "Paid orders by the segments of your own customer file. A customer of several segments counts in each, so the rows"
    " add up to more than all orders."
)
EMPTY = "No order was paid. Bring your segments with tracker segment import FILE --column email=… --column segment=…"
IN_SEGMENT, IN_NONE, NO_CUSTOMER = "in_segment", "in_no_segment", "customer_not_known"
WORDS = {IN_SEGMENT: "Segment", IN_NONE: "In no segment", NO_CUSTOMER: "Customer not known"}
COLUMNS = (
    Column(
        "what", "What", Kind.WORD, "Of an order without an address nobody can say; those in no segment stand apart."
    ),
    Column("segment", "Segment"),
    CURRENCY,
    Column("customers", "Customers", Kind.INTEGER, "Distinct customers among the orders."),
    Column("orders", "Orders", Kind.INTEGER, "Paid orders."),
    Column("new", "New customers", Kind.INTEGER, "Orders that were a customer's first, as far as the brand knows."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value of the orders, whoever is credited."),
    Column("aov", "AOV", Kind.MONEY, "Net revenue / orders."),
    Column("influence", "Influence", Kind.MONEY, "Net value credited in the influence channel."),
    Column("affiliate", "Affiliate", Kind.MONEY, "Net value credited in the affiliate channel."),
    Column("credited", "Credited share", Kind.PERCENT, "(Influence + affiliate) / net revenue."),
)

Subject = tuple[str, str | None, str]  # what, segment, currency


@dataclass(frozen=True, slots=True)
class _Bought:
    customers: int
    orders: int
    new: int
    revenue: int


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a segment and currency, the largest revenue first; then those in none, then those of nobody known."""
    bought, credited = _bought(session, scope), _credited(session, scope)
    first = brand_currency(session, scope.brand_id)
    currencies = in_order((subject[2] for subject in bought), first)
    kinds = (IN_SEGMENT, IN_NONE, NO_CUSTOMER)

    def place(subject: Subject) -> tuple[Any, ...]:
        what, name, currency = subject
        return (currencies.index(currency), kinds.index(what), -bought[subject].revenue, name or "")

    return [_row(subject, bought[subject], credited) for subject in sorted(bought, key=place)]


def _row(subject: Subject, bought: _Bought, credited: Mapping[tuple[Subject, str], int]) -> Row:
    what, name, currency = subject
    influence, affiliate = (credited.get((subject, channel), 0) for channel in (Channel.INFLUENCE, Channel.AFFILIATE))
    return {
        "what": what,
        "segment": name,
        "currency": currency,
        "customers": None if what == NO_CUSTOMER else bought.customers,
        "orders": bought.orders,
        "new": None if what == NO_CUSTOMER else bought.new,
        "revenue": bought.revenue,
        "aov": metrics.whole_units(metrics.average_order_value(bought.revenue, bought.orders)),
        "influence": influence,
        "affiliate": affiliate,
        "credited": metrics.share(influence + affiliate, bought.revenue),
    }


_NAMED = (OrderRow.customer.is_(None), Segment.name, OrderRow.currency)


def _subject(unknown: bool, name: str | None, currency: str | None) -> Subject:
    return (NO_CUSTOMER if unknown else IN_NONE if name is None else IN_SEGMENT, name, currency or "")


def _joined(query: Select[*tuple[Any, ...]], scope: Scope) -> Select[*tuple[Any, ...]]:
    theirs = and_(Segment.brand_id == OrderRow.brand_id, Segment.customer == OrderRow.customer)
    return query.join(Segment, theirs, isouter=True).where(*orders_of(scope))


def _bought(session: Session, scope: Scope) -> dict[Subject, _Bought]:
    new = func.sum(case((OrderRow.customer_is_new.is_(True), 1), else_=0))
    figures = (func.count(func.distinct(OrderRow.customer)), func.count(), new, func.sum(OrderRow.net))
    query = _joined(select(*_NAMED, *figures).select_from(OrderRow), scope).group_by(*_NAMED)
    return {_subject(*row[:3]): _Bought(*(int(figure) for figure in row[3:])) for row in session.execute(query)}


def _credited(session: Session, scope: Scope) -> dict[tuple[Subject, str], int]:
    """Under a model whose credits are each of the whole, a channel has an order's value once."""
    added = func.sum(case((CreditSet.additive, Credit.amount), else_=0))
    whole = func.max(case((CreditSet.additive, 0), else_=Credit.amount))
    keys = (OrderRow.customer.is_(None).label("unknown"), Segment.name, OrderRow.currency, Credit.channel)
    each = (
        _joined(select(*keys, (added + whole).label("amount")).select_from(OrderRow), scope)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(of_model(scope.model))
        .group_by(OrderRow.id, OrderRow.customer, Segment.name, OrderRow.currency, Credit.channel)
        .subquery()
    )
    columns = list(each.c)
    query = select(*columns[:4], func.sum(columns[4])).group_by(*columns[:4])
    return {(_subject(*row[:3]), row[3]): int(row[4]) for row in session.execute(query)}
