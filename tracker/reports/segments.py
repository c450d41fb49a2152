"""What the customers of each segment bought, and which channels brought them, by the brand's own file."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from struct import unpack
from typing import Any

from sqlalchemy import Select, Subquery, and_, case, exists, func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.catalog import Channel
from tracker.ledger.figures import Line
from tracker.ledger.tables import Credit, CreditSet, OrderRow, Segment
from tracker.reports import _rolled
from tracker.reports._orders import of_model
from tracker.reports._parts import brand_currency, in_order, orders_of
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import PAYING, Column, Kind, Row, Scope, models

RANK = 27
GROUP = "Performance"
FILTERS = ("model",)
TITLE = "Customer segments"
DESCRIPTION = (
    "Paid orders by the segments of your own customer file. A customer of several segments counts in each, so the rows"
    " add up to more than all orders."
)
EMPTY = "No order was paid. Bring your segments with your customer file."
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

_MARK = 16  # bytes

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


def _subject(name: str | None, currency: str | None) -> Subject:
    return (IN_NONE if name is None else IN_SEGMENT, name, currency or "")


# --- what was bought -------------------------------------------------------------------------------------------------


def _bought(session: Session, scope: Scope) -> dict[Subject, _Bought]:
    """By segment as it is asked for now; in none are all whom the brand knows, less those who are in any."""
    found = {
        _subject(name, currency): _Bought(*(int(figure) for figure in figures))
        for name, currency, *figures in session.execute(_of_segments(scope))
    }
    theirs = {row[0]: [int(figure) for figure in row[1:]] for row in session.execute(_of_any(scope))}
    customers = _distinct(_rolled.asked(session, scope, _customers))
    for known, currency, *figures in _rolled.asked(session, scope, _orders):
        subject = (NO_CUSTOMER, None, currency) if not known else _subject(None, currency)
        everyone = [customers.get(currency, 0) if known else 0, *figures]
        less = theirs.get(currency, [0] * len(everyone)) if known else [0] * len(everyone)
        rest = _Bought(*(one - other for one, other in zip(everyone, less, strict=True)))
        if rest.orders:
            found[subject] = rest
    return found


_FIGURES: tuple[Any, ...] = (
    func.count(),
    func.sum(case((OrderRow.customer_is_new.is_(True), 1), else_=0)),
    func.sum(OrderRow.net),
)
_THEIRS = and_(Segment.brand_id == OrderRow.brand_id, Segment.customer == OrderRow.customer)
_IN_ANY = exists().where(_THEIRS)


@_rolled.additive("bought", 2, by_channel=False)
def _orders(session: Session, scope: Scope) -> Iterable[Line]:
    """By whether the customer is known, and currency."""
    keys = (OrderRow.customer.is_not(None).label("known"), OrderRow.currency)
    query = select(*keys, *_FIGURES).where(*orders_of(scope)).group_by(*keys)
    return (tuple(row) for row in session.execute(query))


def _of_segments(scope: Scope) -> Select[*tuple[Any, ...]]:
    keys = (Segment.name, OrderRow.currency)
    customers = func.count(func.distinct(OrderRow.customer))
    return (
        select(*keys, customers, *_FIGURES)
        .select_from(OrderRow)
        .join(Segment, _THEIRS)
        .where(*orders_of(scope))
        .group_by(*keys)
    )


def _of_any(scope: Scope) -> Select[*tuple[Any, ...]]:
    """Customers of any segment and their orders, each once."""
    customers = func.count(func.distinct(OrderRow.customer))
    return select(OrderRow.currency, customers, *_FIGURES).where(*orders_of(scope), _IN_ANY).group_by(OrderRow.currency)


@_rolled.additive("buyers", 2, by_channel=False)
def _customers(session: Session, scope: Scope) -> Iterable[Line]:
    """By currency, the marks of all customers as one text, and how often: a line for each would be far longer."""
    query = select(OrderRow.currency, OrderRow.customer).where(*orders_of(scope), OrderRow.customer.is_not(None))
    marks: dict[str | None, set[bytes]] = {}
    for currency, customer in session.execute(query.distinct()):
        marks.setdefault(currency, set()).add(_mark(customer or ""))
    return ((currency, b64encode(b"".join(sorted(found))).decode(), 1) for currency, found in marks.items())


def _mark(customer: str) -> bytes:
    """What a customer is told apart by: as sure as an id, and as short."""
    return blake2b(customer.encode(), digest_size=_MARK).digest()


def _distinct(lines: Iterable[Line]) -> dict[str, int]:
    """How many customers, by currency, whatever days they came on."""
    found: dict[str, set[bytes]] = {}
    for currency, text, _ in lines:
        marks = b64decode(text)
        found.setdefault(currency, set()).update(unpack(f"{_MARK}s" * (len(marks) // _MARK), marks))
    return {currency: len(marks) for currency, marks in found.items()}


# --- what was credited -----------------------------------------------------------------------------------------------


def _credited(session: Session, scope: Scope) -> dict[tuple[Subject, str], int]:
    """Under a model whose credits are each of the whole, a channel has an order's value once."""
    by_segment = _of_orders(scope, Segment.name).join(Segment, _THEIRS).subquery()
    found = {
        (_subject(name, currency), channel): int(amount)
        for name, currency, channel, amount in session.execute(_by_channel(by_segment))
    }
    in_any = _of_orders(scope, OrderRow.brand_id).where(_IN_ANY).subquery()
    theirs = {row[1:3]: int(row[3]) for row in session.execute(_by_channel(in_any))}
    for known, currency, channel, amount in _rolled.asked(session, scope, _CREDITED[scope.model]):
        subject = (NO_CUSTOMER, None, currency) if not known else _subject(None, currency)
        found[subject, channel] = amount - (theirs.get((currency, channel), 0) if known else 0)
    return found


def _credited_under(model: str) -> _rolled.Figure:
    """What is kept for a model: by whether the customer is known, currency and channel."""

    @_rolled.additive(f"bought-{model}", 3, by_channel=False)
    def credited(session: Session, scope: Scope) -> Iterable[Line]:
        known = OrderRow.customer.is_not(None).label("known")
        each = _of_orders(replace(scope, model=model), known).subquery()
        return (tuple(row) for row in session.execute(_by_channel(each)))

    return credited


_CREDITED = {model: _credited_under(model) for model in (PAYING, *models())}


def _of_orders(scope: Scope, of: Any) -> Select[*tuple[Any, ...]]:
    """What each channel is credited with of each order."""
    added = func.sum(case((CreditSet.additive, Credit.amount), else_=0))
    whole = func.max(case((CreditSet.additive, 0), else_=Credit.amount))
    keys = (of, OrderRow.currency, Credit.channel)
    return (
        select(*keys, (added + whole).label("amount"))
        .select_from(OrderRow)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(*orders_of(scope), of_model(scope.model))
        .group_by(OrderRow.id, *keys)
    )


def _by_channel(each: Subquery) -> Select[*tuple[Any, ...]]:
    *keys, amount = each.c
    return select(*keys, func.sum(amount)).group_by(*keys)
