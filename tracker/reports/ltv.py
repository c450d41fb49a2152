"""What customers are worth over time: by the month of their first order and by the partner who opened it.

A window counts for a row only once it is over for every customer in it, as far as the brand's orders are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import Select, and_, case, func, literal, select
from sqlalchemy.orm import Session, aliased

from tracker.domain import metrics
from tracker.ledger.tables import OrderRow, Touch
from tracker.ledger.types import Moment
from tracker.reports import _returns
from tracker.reports._crossing import seconds
from tracker.reports._estimates import known_from_to
from tracker.reports._parts import in_order, kept_by, orders_of, totals
from tracker.reports._performance import CURRENCY
from tracker.reports._returns import Books
from tracker.reports._shape import Column, Kind, Row, Scope

WINDOWS = (30, 90, 365)  # days from the first order
DAY = 86_400  # seconds
# Each new customer's later orders are looked up: that takes some 100 ms for so many orders, on either database.
_LONG = 2_000

RANK = 27
GROUP = "Performance"
FILTERS = ("channel", "partner", "campaign")
COMPARES = False
TITLE = "Customer value (LTV)"
DESCRIPTION = (
    "Customers whose first order was placed in the days chosen, by who opened that order's journey, with the net value"
    " of all their orders since. LTV = net value within the window, less refunds / customers. Choose a year or more."
)
EMPTY = "No known customer's first order was placed in these days."
ALL, OPENER, MONTH, MONTH_CHANNEL, MONTH_OPENER = (
    *("all_customers", "opened_by_partner", "of_a_month", "of_a_month_by_channel", "of_a_month_by_partner"),
)
NOBODY = "no_touchpoint"
WORDS = {
    ALL: "All new customers",
    OPENER: "By who opened",
    MONTH: "Of a month",
    MONTH_CHANNEL: "Of a month, by channel",
    MONTH_OPENER: "Of a month, by who opened",
}


def _columns(days: int) -> Iterable[Column]:
    yield Column(
        f"ripe_{days}", f"{days} days over", Kind.INTEGER, f"Customers whose first order is {days} days old or more."
    )
    yield Column(
        f"ltv_{days}",
        f"LTV, {days} days",
        Kind.MONEY,
        f"Net value of their orders within {days} days of the first, which counts, less refunds / customers; unknown"
        " until the days are over for all of them.",
    )


COLUMNS = (
    Column(
        "what",
        "What",
        Kind.WORD,
        "The same customers: all, by opener, by month. Choose a partner or a campaign to see its openers' months.",
    ),
    Column("month", "Month", Kind.DATE, "The month of the first order, by its first day."),
    Column("channel", "Channel", Kind.WORD, "Of the touchpoint that opened; none where no touchpoint is known."),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Opened by"),
    CURRENCY,
    Column(
        "customers",
        "Customers",
        Kind.INTEGER,
        "New ones, by the currency of their first order; orders in others are not added. A customer whom the shop did"
        " not name or who was erased is not in.",
    ),
    *(column for days in WINDOWS for column in _columns(days)),
    Column("spent", "Spent", Kind.MONEY, "Everything in the days chosen, on the partner who opened or in all."),
    Column("cost", "Cost of a customer", Kind.MONEY, "Spent / customers."),
    Column(
        "ratio", "LTV / cost", Kind.NUMBER, "Of the longest window that is over: 3 is three back for each one spent."
    ),
)

Opener = tuple[str | None, str | None]  # channel and partner
Line = tuple[str, date | None, Opener]  # what, month, opener


@dataclass(slots=True)
class Cohort:
    """Customers, how many of them each window is over for, and the net value of their orders within each window."""

    customers: int
    ripe: list[int]
    value: list[int]

    def add(self, figures: Iterable[int]) -> None:
        """More customers: their number, then for each window how many are ripe, then the values."""
        customers, *rest = (int(figure) for figure in figures)
        self.customers += customers
        half = len(WINDOWS)
        self.ripe = [one + more for one, more in zip(self.ripe, rest[:half], strict=True)]
        self.value = [one + more for one, more in zip(self.value, rest[half:], strict=True)]

    def worth(self) -> list[Fraction | None]:
        """LTV in each window; None where it is not over for all."""
        return [
            metrics.lifetime_value(value, self.customers) if ripe == self.customers else None
            for ripe, value in zip(self.ripe, self.value, strict=True)
        ]


def rows(session: Session, scope: Scope) -> list[Row]:
    """By currency: all customers, by opener, the months, the months by channel and by a chosen opener."""
    scope = replace(scope, network=None)  # what is spent has none
    known = known_from_to(session, scope.brand_id)
    found: dict[tuple[Line, str], Cohort] = {}
    for day, channel, partner, currency, *figures in session.execute(_query(session, scope, known[1])) if known else ():
        for line in _lines(scope, day.replace(day=1), (channel, partner)):
            found.setdefault((line, currency), Cohort(0, [0] * len(WINDOWS), [0] * len(WINDOWS))).add(figures)
    if not found:
        return []
    books = _returns.read(session, scope)
    return [
        _row(books, line, currency, found[line, currency])
        for currency in in_order((currency for _, currency in found), books.brand.currency)
        for line in _in_order(found, currency)
    ]


def is_long(session: Session, scope: Scope) -> bool:
    """Whether so many orders were placed in the days."""
    return sum(total.orders for total in totals(session, scope).values()) >= _LONG


def _lines(scope: Scope, month: date, opener: Opener) -> Iterable[Line]:
    """The rows in which customers count. Every opener's months would be too many to read."""
    nobody: Opener = (None, None)
    yield ALL, None, nobody
    yield OPENER, None, opener
    yield MONTH, month, nobody
    yield MONTH_CHANNEL, month, (opener[0], None)
    if scope.partner_id or scope.campaign_id:
        yield MONTH_OPENER, month, opener


def _query(session: Session, scope: Scope, last: datetime) -> Select[*tuple[Any, ...]]:
    """A line a day of first orders, opener and currency, with the figures of `Cohort.add`."""
    first, opener = OrderRow, aliased(Touch)
    order = aliased(OrderRow)
    age = seconds(session, order.placed_at) - seconds(session, first.placed_at)
    is_first = order.id == first.id
    ripe = [and_(is_first, first.placed_at <= literal(last - timedelta(days=days), Moment)) for days in WINDOWS]
    keys = (first.placed_day, opener.channel, opener.partner_id, first.currency)
    kept = kept_by(scope, opener)
    return (
        select(
            *keys,
            *(func.sum(case((whether, 1), else_=0)) for whether in (is_first, *ripe)),
            *(func.sum(case((is_first, order.net), (age < days * DAY, order.net), else_=0)) for days in WINDOWS),
        )
        .select_from(first)
        .join(opener, and_(opener.order_id == first.id, opener.opener.is_(True)), isouter=not kept)
        .join(order, _theirs(first, order))
        .where(*orders_of(scope), first.customer_is_new.is_(True), first.customer.is_not(None), *kept)
        .group_by(*keys)
    )


def _theirs(first: Any, order: Any) -> Any:
    """Paid orders of the same customer in the same currency, from the first one on."""
    return and_(
        order.brand_id == first.brand_id,
        order.customer == first.customer,
        order.placed_at >= first.placed_at,
        order.currency == first.currency,
        order.status == first.status,
        order.test.is_(False),
    )


def _in_order(found: Mapping[tuple[Line, str], Cohort], currency: str) -> list[Line]:
    """Kinds of rows as they are listed, months in time order, then the most customers first."""

    def rank(line: Line) -> tuple[Any, ...]:
        what, month, (channel, partner) = line
        most = -found[line, currency].customers
        return (list(WORDS).index(what), month or date.min, channel is None, most, str(channel), str(partner))

    return sorted((line for line, other in found if other == currency), key=rank)


def _row(books: Books, line: Line, currency: str, cohort: Cohort) -> Row:
    what, month, (channel, partner_id) = line
    partner = books.partners.get(partner_id or "")
    worth = cohort.worth()
    spent = _spent(books, what, partner_id) if currency == books.brand.currency else None
    cost = metrics.cost_per_order(spent, cohort.customers)
    longest = next((value for value in reversed(worth) if value is not None), None)
    return {
        "what": what,
        "month": month,
        "channel": channel or (NOBODY if what in (OPENER, MONTH_CHANNEL, MONTH_OPENER) else None),
        "partner_id": partner_id,
        "partner": partner.name if partner else None,
        "currency": currency,
        "customers": cohort.customers,
        **{f"ripe_{days}": ripe for days, ripe in zip(WINDOWS, cohort.ripe, strict=True)},
        **{f"ltv_{days}": metrics.whole_units(value) for days, value in zip(WINDOWS, worth, strict=True)},
        "spent": spent,
        "cost": metrics.whole_units(cost),
        "ratio": metrics.value_per_acquisition(longest, cost),
    }


def _spent(books: Books, what: str, partner_id: str | None) -> int | None:
    """What was spent in the days on all, or on a partner; a month's is not known apart, nor what nobody cost."""
    if what == ALL:
        return books.spent(books.cells).total or None
    if what != OPENER or partner_id is None:
        return None
    return books.spent(cell for cell in books.cells if cell[1] == partner_id).total or None
