"""The same figures a day at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import String, cast, func, literal_column, select
from sqlalchemy.orm import Session

from tracker.domain.catalog import Channel
from tracker.ledger.figures import Line
from tracker.ledger.tables import Credit, OrderRow
from tracker.reports import _rolled
from tracker.reports._clicks import clicks_by_day
from tracker.reports._parts import CREDITED_BY, By, Total, as_day, brand_currency, credited, orders_of
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 70
GROUP = "Performance"
CHART = "day_chart"
COMPARES = False
TITLE = "Days"
DESCRIPTION = "Revenue, orders and clicks of each day, in the brand's time zone."
COLUMNS = (
    Column("day", "Day", Kind.DATE),
    CURRENCY,
    Column("revenue", "Net revenue", Kind.MONEY, "Net value of all paid orders of the day, attributed or not."),
    Column("influence", "Influence", Kind.MONEY, "What of it is credited to influence."),
    Column("affiliate", "Affiliate", Kind.MONEY, "What of it is credited to affiliates."),
    Column("unattributed", "Unattributed", Kind.MONEY, "What of it nobody is credited with."),
    Column("orders", "Orders", Kind.INTEGER, "Paid orders, attributed or not."),
    Column("clicks", "Clicks", Kind.INTEGER, "Clicks by people; bots and link previews are left out."),
)

Key = tuple[date, str]

# A day and a channel as one text, alike on both databases.
DAY_CHANNEL: By = cast(OrderRow.placed_day, String).op("||")(literal_column("'/'")).op("||")(Credit.channel)
CREDITED_BY["day-channel"] = DAY_CHANNEL


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a day in the brand's currency, empty days included, and one for each other currency that a day saw."""
    first = brand_currency(session, scope.brand_id)
    totals, clicks = _totals(session, scope), clicks_by_day(session, scope)
    shares = _by_channel(session, scope)
    by_any = shares[Channel(scope.channel)] if scope.channel else _credited(session, scope)
    keys = {*totals, *((day, first) for day in _days(scope))}
    return [
        _row(key, totals.get(key, Total()), {one: shares[one].get(key, 0) for one in Channel}, by_any.get(key, 0))
        | {"clicks": clicks.get(key[0], 0) if key[1] == first else None}
        for key in sorted(keys, key=lambda key: (key[0], key[1] != first, key[1]))
    ]


def _row(key: Key, total: Total, shares: dict[Channel, int], credited_to_any: int) -> Row:
    """`credited_to_any` is less than the sum of `shares` under a model that is not additive."""
    return {
        "day": key[0],
        "currency": key[1],
        "revenue": total.revenue,
        "influence": shares[Channel.INFLUENCE],
        "affiliate": shares[Channel.AFFILIATE],
        "unattributed": total.revenue - credited_to_any,
        "orders": total.orders,
    }


def _days(scope: Scope) -> list[date]:
    return [scope.start + timedelta(days=index) for index in range((scope.end - scope.start).days + 1)]


def _totals(session: Session, scope: Scope) -> dict[Key, Total]:
    return {
        (as_day(day), currency): Total(orders, int(net))
        for day, currency, orders, net in _rolled.asked(session, _rolled.whole(scope), _by_day)
        if day is not None and currency is not None
    }


@_rolled.additive("totals-by-day", 2, by_channel=False)
def _by_day(session: Session, scope: Scope) -> Iterable[Line]:
    query = (
        select(OrderRow.placed_day, OrderRow.currency, func.count(), func.sum(OrderRow.net))
        .where(*orders_of(scope))
        .group_by(OrderRow.placed_day, OrderRow.currency)
    )
    return (tuple(row) for row in session.execute(query))


def _credited(session: Session, scope: Scope) -> dict[Key, int]:
    found = credited(session, scope, OrderRow.placed_day)
    return {(as_day(day), currency): figures.revenue for (day, currency), figures in found.items()}


def _by_channel(session: Session, scope: Scope) -> dict[Channel, dict[Key, int]]:
    """What each channel is credited with by day; nothing where a filter keeps another one."""
    shares: dict[Channel, dict[Key, int]] = {channel: {} for channel in Channel}
    for (subject, currency), figures in credited(session, replace(scope, channel=None), DAY_CHANNEL).items():
        day, _, channel = subject.partition("/")
        if channel in shares and scope.channel in (None, channel):
            shares[Channel(channel)][date.fromisoformat(day), currency] = figures.revenue
    return shares
