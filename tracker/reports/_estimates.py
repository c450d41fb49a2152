"""What estimates are made from: orders by the hour, each currency by itself."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import accumulate, pairwise
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from tracker.ledger.figures import Line
from tracker.ledger.tables import Credit, CreditSet, OrderRow
from tracker.reports import _rolled
from tracker.reports._crossing import seconds
from tracker.reports._parts import Total, orders_of
from tracker.reports._shape import Scope

HOUR = 3600
DAY = 24  # hours


@dataclass(frozen=True, slots=True)
class Hours:
    """Orders of one currency: the hours since 1970 in which some were placed, and what had come until each began."""

    hours: tuple[int, ...]
    orders: tuple[int, ...]
    revenue: tuple[int, ...]

    @classmethod
    def of(cls, by_hour: Mapping[int, Total]) -> Hours:
        """Those that were placed in each hour."""
        hours = sorted(by_hour)
        placed = [by_hour[hour] for hour in hours]
        orders = accumulate((total.orders for total in placed), initial=0)
        return cls(tuple(hours), tuple(orders), tuple(accumulate((total.revenue for total in placed), initial=0)))

    def days(self, start: int, first: int, last: int) -> list[Total]:
        """Days of 24 hours before and after the hour `start`: from the `first`, such as -56, up to but not `last`."""
        places = [bisect_left(self.hours, start + day * DAY) for day in range(first, last + 1)]
        return [
            Total(self.orders[end] - self.orders[begin], self.revenue[end] - self.revenue[begin])
            for begin, end in pairwise(places)
        ]


def hour_of(moment: datetime) -> int:
    """The hour since 1970 in which a moment lies."""
    return int(moment.timestamp()) // HOUR


def untracked(session: Session, scope: Scope) -> dict[str, Hours]:
    """Paid orders of the scope's days with which nobody is credited, by currency. Filters keep nothing back."""
    found: dict[str, dict[int, Total]] = {}
    for at, currency, orders, net in _rolled.asked(session, _rolled.whole(scope), _untracked):
        found.setdefault(currency or "", {})[at] = Total(orders, net)
    return {currency: Hours.of(by_hour) for currency, by_hour in found.items()}


@_rolled.additive("untracked", 2, by_channel=False)
def _untracked(session: Session, scope: Scope) -> Iterator[Line]:
    credited = exists().where(
        Credit.order_id == OrderRow.id, Credit.set_id == CreditSet.id, CreditSet.paying, CreditSet.sealed
    )
    hour = seconds(session, OrderRow.placed_at) // HOUR
    query = (
        select(hour, OrderRow.currency, func.count(), func.sum(OrderRow.net))
        .where(*orders_of(scope), ~credited)
        .group_by(hour, OrderRow.currency)
    )
    return ((int(at), currency, orders, int(net)) for at, currency, orders, net in session.execute(query))


def known_from_to(session: Session, brand_id: str) -> tuple[datetime, datetime] | None:
    """When the brand's first and last order known to us were placed; None before the first."""
    query = select(func.min(OrderRow.placed_at), func.max(OrderRow.placed_at)).where(
        OrderRow.brand_id == brand_id, OrderRow.placed_at.is_not(None)
    )
    first, last = session.execute(query).one()
    return None if first is None or last is None else (first, last)


def by_day(session: Session, scope: Scope) -> dict[tuple[date, str], Total]:
    """Paid orders of the scope's days, credited or not, by the brand's day and currency."""
    return _counted(session, scope, OrderRow.placed_day)


def by_region(session: Session, scope: Scope) -> dict[tuple[str, str], Total]:
    """Paid orders of the scope's days, credited or not, by region and currency. One without a region is left out."""
    return _counted(session, scope, OrderRow.region)


def _counted(session: Session, scope: Scope, by: Any) -> dict[tuple[Any, str], Total]:
    query = (
        select(by, OrderRow.currency, func.count(), func.sum(OrderRow.net))
        .where(*orders_of(scope), by.is_not(None))
        .group_by(by, OrderRow.currency)
    )
    return {(key, currency): Total(orders, int(net)) for key, currency, orders, net in session.execute(query)}
