"""The figures that reports are made of: each one set-based query over a scope, keyed by what it is asked for.

Paid orders that are no tests count; those of another status are counted only where a report names it. Credits come from
sealed sets of the scope's model. A figure in money is keyed by its currency too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, case, distinct, func, select
from sqlalchemy.orm import Session

from tracker.domain.orders import Status
from tracker.errors import NotFound
from tracker.ledger.tables import Brand, Credit, CreditSet, Link, LinkDay, LinkHour, OrderRow, Partner, Placement, Touch
from tracker.reports._orders import of_model
from tracker.reports._shape import Scope, span, zone_of

Condition = ColumnElement[bool]
By = SQLColumnExpression[Any]
Key = tuple[str, str]  # what was asked for, and the currency

# The key of visitors' hashes turns at midnight UTC, in the middle of most brands' days.
UNIQUE_HELP = (
    "Distinct visitors, counted per link and day; one seen on both sides of midnight UTC within a day counts twice."
)

LINK_CHANNEL: By = func.coalesce(Link.channel, Partner.channel)


@dataclass(frozen=True, slots=True)
class Credited:
    """What was credited to one subject in one currency. `value` is the net value of the orders, credited or not.

    `link_revenue` and `link_orders` are the part that came through a link, alone or beside a code; `new_orders` are
    those of customers known to be new.
    """

    revenue: int = 0
    orders: int = 0
    value: int = 0
    link_revenue: int = 0
    link_orders: int = 0
    new_orders: int = 0


@dataclass(frozen=True, slots=True)
class Journeys:
    """In how many orders' journeys a subject stands, and where."""

    orders: int = 0
    closed: int = 0
    opened: int = 0

    @property
    def assisted(self) -> int:
        """Orders in whose journey the subject stands, but not as the closer."""
        return self.orders - self.closed


@dataclass(frozen=True, slots=True)
class Clicks:
    """Requests for links: all of them, by people, and distinct visitors per link and day."""

    gross: int = 0
    human: int = 0
    unique: int = 0


@dataclass(frozen=True, slots=True)
class Total:
    """Orders of one currency and their net value."""

    orders: int = 0
    revenue: int = 0


def orders_of(scope: Scope, status: Status = Status.PAID) -> tuple[Condition, ...]:
    """The conditions on the orders that count."""
    return (
        OrderRow.brand_id == scope.brand_id,
        OrderRow.placed_day >= scope.start,
        OrderRow.placed_day <= scope.end,
        OrderRow.status == status,
        OrderRow.test.is_(False),
    )


def kept_by(scope: Scope, table: type[Credit] | type[Touch]) -> list[Condition]:
    """The scope's filters on credits or touches."""
    wanted = (
        (table.campaign_id, scope.campaign_id),
        (table.channel, scope.channel),
        (table.partner_id, scope.partner_id),
    )
    return [column == value for column, value in wanted if value] + _on_network(scope, table.placement_id)


def _on_network(scope: Scope, placement_id: By) -> list[Condition]:
    """The scope's filter by network: what belongs to a placement there."""
    if not scope.network:
        return []
    there = select(Placement.id).where(Placement.brand_id == scope.brand_id, Placement.network == scope.network)
    return [placement_id.in_(there)]


def is_filtered(scope: Scope) -> bool:
    """Whether the scope keeps only a part of the credits."""
    return any((scope.campaign_id, scope.channel, scope.partner_id, scope.network))


def totals(session: Session, scope: Scope, status: Status = Status.PAID) -> dict[str, Total]:
    """All orders of the scope's days by currency, credited or not."""
    query = (
        select(OrderRow.currency, func.count(), func.sum(OrderRow.net))
        .where(*orders_of(scope, status))
        .group_by(OrderRow.currency)
    )
    return {currency or "": Total(orders, int(net)) for currency, orders, net in session.execute(query)}


def credited_orders(session: Session, scope: Scope) -> dict[str, int]:
    """By currency, how many orders have a credit that the scope keeps: each order once, whoever shares it."""
    query = (
        select(OrderRow.currency, func.count(distinct(OrderRow.id)))
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(*orders_of(scope), of_model(scope.model), *kept_by(scope, Credit))
        .group_by(OrderRow.currency)
    )
    return {currency or "": orders for currency, orders in session.execute(query)}


def credited(session: Session, scope: Scope, by: By, status: Status = Status.PAID) -> dict[Key, Credited]:
    """What was credited, by `by` (a column of credits) and currency. An order counts once for each subject.

    Under a model that is not additive a subject has an order's value once, however many touchpoints it had there.
    """
    through_link = Credit.link_id.is_not(None)
    through_link_amount = case((through_link, Credit.amount), else_=0)
    each = (
        select(
            by.label("subject"),
            OrderRow.currency,
            _of_an_order(Credit.amount).label("amount"),
            func.max(OrderRow.net).label("net"),
            _of_an_order(through_link_amount).label("link_amount"),
            func.max(case((through_link, 1), else_=0)).label("link_order"),
            func.max(case((OrderRow.customer_is_new.is_(True), 1), else_=0)).label("new_order"),
        )
        .select_from(OrderRow)
        .join(CreditSet, CreditSet.order_id == OrderRow.id)
        .join(Credit, Credit.set_id == CreditSet.id)
        .where(*orders_of(scope, status), of_model(scope.model), *kept_by(scope, Credit), by.is_not(None))
        .group_by(by, OrderRow.currency, OrderRow.id)
        .subquery()
    )
    part = each.c
    query = select(
        *(part.subject, part.currency, func.sum(part.amount), func.count(), func.sum(part.net)),
        *(func.sum(part.link_amount), func.sum(part.link_order), func.sum(part.new_order)),
    ).group_by(part.subject, part.currency)
    return {(row[0], row[1]): Credited(*(int(figure) for figure in row[2:])) for row in session.execute(query)}


def _of_an_order(amount: By) -> ColumnElement[int]:
    """A subject's credits of one order together: their sum, or the greatest where each is of the whole."""
    total = func.sum(case((CreditSet.additive, amount), else_=0))
    greatest = func.max(case((CreditSet.additive, 0), else_=amount))
    return total + greatest


def journeys(session: Session, scope: Scope, by: By) -> dict[Key, Journeys]:
    """In how many journeys subjects stand, by `by` (a column of touches) and currency. An order counts once each."""
    each = (
        select(
            by.label("subject"),
            OrderRow.currency,
            func.max(case((Touch.closer, 1), else_=0)).label("closed"),
            func.max(case((Touch.opener, 1), else_=0)).label("opened"),
        )
        .select_from(OrderRow)
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(*orders_of(scope), *kept_by(scope, Touch), by.is_not(None))
        .group_by(by, OrderRow.currency, OrderRow.id)
        .subquery()
    )
    part = each.c
    query = select(part.subject, part.currency, func.count(), func.sum(part.closed), func.sum(part.opened)).group_by(
        part.subject, part.currency
    )
    return {(row[0], row[1]): Journeys(*(int(figure) for figure in row[2:])) for row in session.execute(query)}


def clicks(session: Session, scope: Scope, by: By) -> dict[str, Clicks]:
    """Clicks from the roll-ups, by `by` (a column of links or LINK_CHANNEL).

    The hours are UTC's, and an hour belongs to the day of the brand in which it begins: zones that are half an hour off
    share one hour a day between two days.
    """
    start, end = span(scope, zone_of(session, scope.brand_id))
    hours = (
        select(by, func.sum(LinkHour.gross), func.sum(LinkHour.human))
        .join(LinkHour, LinkHour.link_id == Link.id)
        .where(LinkHour.hour >= start, LinkHour.hour < end)
    )
    days = (
        select(by, func.sum(LinkDay.uniques))
        .join(LinkDay, LinkDay.link_id == Link.id)
        .where(LinkDay.day >= scope.start, LinkDay.day <= scope.end)
    )
    links = links_of(scope)
    joined = (query.join(Partner, Partner.id == Link.partner_id).where(*links).group_by(by) for query in (hours, days))
    by_hour, by_day = (session.execute(query).all() for query in joined)
    unique = {subject: int(uniques) for subject, uniques in by_day}
    return {subject: Clicks(int(gross), int(human), unique.get(subject, 0)) for subject, gross, human in by_hour}


def links_of(scope: Scope) -> list[Condition]:
    """The conditions on links (joined with their partners) whose clicks the scope keeps."""
    wanted = (
        (Link.brand_id, scope.brand_id),
        (Link.campaign_id, scope.campaign_id),
        (LINK_CHANNEL, scope.channel),
        (Link.partner_id, scope.partner_id),
    )
    return [column == value for column, value in wanted if value] + _on_network(scope, Link.placement_id)


def brand_currency(session: Session, brand_id: str) -> str:
    """The currency in which a report with no order at all speaks. Raises NotFound."""
    currency = session.execute(select(Brand.currency).where(Brand.id == brand_id)).scalar_one_or_none()
    if currency is None:
        raise NotFound("no such brand")
    return currency


def in_order(currencies: Iterable[str], first: str) -> list[str]:
    """Distinct currencies, the brand's own in front; it alone where there are none."""
    return sorted(set(currencies) or {first}, key=lambda currency: (currency != first, currency))


def grouped(*figures: Collection[Key]) -> dict[str, set[str]]:
    """Each subject with the currencies in which it has figures."""
    found: dict[str, set[str]] = {}
    for keys in figures:
        for subject, currency in keys:
            found.setdefault(subject, set()).add(currency)
    return found


def partners_of(session: Session, brand_id: str) -> dict[str, Partner]:
    """The brand's partners by id."""
    query = select(Partner).where(Partner.brand_id == brand_id)
    return {partner.id: partner for partner in session.execute(query).scalars()}
