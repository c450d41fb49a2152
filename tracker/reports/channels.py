"""Influence and affiliate side by side, with what nobody earned, so that the rows add up to all orders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.domain.catalog import Channel
from tracker.domain.orders import Status
from tracker.ledger.figures import Line
from tracker.ledger.tables import Credit, OrderRow, Touch
from tracker.reports import _performance, _rolled
from tracker.reports._clicks import LINK_CHANNEL
from tracker.reports._parts import Credited, Total, credited_orders, in_order, is_filtered, orders_of, totals
from tracker.reports._performance import Performance, performance
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 20
GROUP = "Performance"
CHART = "channel_bars"
TITLE = "Influence and affiliate"
DESCRIPTION = "What each channel earned, what it opened, helped and closed, and what neither explains."
COLUMNS = (
    Column("channel", "Channel", Kind.WORD),
    _performance.CURRENCY,
    _performance.COLUMNS[0],
    Column("share", "Share", Kind.PERCENT, "Revenue / net value of all paid orders."),
    *_performance.COLUMNS[1:5],
    Column("both", "Both", Kind.INTEGER, "Orders in whose journey influence and affiliate both had a hand."),
    Column("both_revenue", "Both, revenue", Kind.MONEY, "Net value of those orders."),
    *_performance.COLUMNS[5:],
)


@dataclass(frozen=True, slots=True)
class _Whole:
    """All orders of one currency."""

    currency: str
    paid: Total
    pending: Total
    both: Total
    credited_orders: int


def rows(session: Session, scope: Scope) -> list[Row]:
    """For each currency: influence, affiliate, unattributed (`other` under a filter), total. Revenues add up exactly.

    Orders do not, where both channels share one: it counts in each, and once in the total.
    """
    figures = performance(session, scope, credit_by=Credit.channel, touch_by=Touch.channel, link_by=LINK_CHANNEL)
    rest = "other" if is_filtered(scope) else "unattributed"
    found: list[Row] = []
    for whole in _wholes(session, scope, figures.first):
        found += [_channel(figures, channel, whole) for channel in Channel]
        found += [_rest(rest, figures, whole), _total(whole)]
    return found


def _wholes(session: Session, scope: Scope, first: str) -> list[_Whole]:
    paid, pending = totals(session, scope), totals(session, scope, Status.PENDING)
    both, credited = orders_of_both(session, scope), credited_orders(session, scope)
    return [
        _Whole(
            currency,
            paid.get(currency, Total()),
            pending.get(currency, Total()),
            both.get(currency, Total()),
            credited.get(currency, 0),
        )
        for currency in in_order({first, *paid, *pending}, first)
    ]


def orders_of_both(session: Session, scope: Scope) -> dict[str, Total]:
    """By currency, the paid orders in whose journey both channels stand, whoever earned."""
    lines = _rolled.asked(session, _rolled.whole(scope), _both)
    return {currency or "": Total(orders, int(net)) for currency, orders, net in lines}


@_rolled.additive("both-channels", 1, by_channel=False)
def _both(session: Session, scope: Scope) -> Iterable[Line]:
    each = (
        select(OrderRow.id, OrderRow.currency, OrderRow.net)
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(*orders_of(scope), Touch.channel.in_(list(Channel)))
        .group_by(OrderRow.id, OrderRow.currency, OrderRow.net)
        .having(func.count(distinct(Touch.channel)) == len(Channel))
        .subquery()
    )
    query = select(each.c.currency, func.count(), func.sum(each.c.net)).group_by(each.c.currency)
    return (tuple(row) for row in session.execute(query))


def _channel(figures: Performance, channel: Channel, whole: _Whole) -> Row:
    row = figures.row(channel, whole.currency, first=whole.currency == figures.first)
    revenue = figures.credited.get((channel, whole.currency), Credited()).revenue
    return row | {
        "channel": str(channel),
        "share": metrics.share(revenue, whole.paid.revenue),
        "both": whole.both.orders,
        "both_revenue": whole.both.revenue,
    }


def _rest(word: str, figures: Performance, whole: _Whole) -> Row:
    """What the two channels leave of the whole."""
    keys = [(str(channel), whole.currency) for channel in Channel]
    revenue = whole.paid.revenue - sum(figures.credited.get(key, Credited()).revenue for key in keys)
    return _empty(whole.currency) | {
        "channel": word,
        "revenue": revenue,
        "share": metrics.share(revenue, whole.paid.revenue),
        "orders": whole.paid.orders - whole.credited_orders,
        "pending": whole.pending.revenue - sum(figures.pending.get(key, Credited()).revenue for key in keys),
    }


def _total(whole: _Whole) -> Row:
    return _empty(whole.currency) | {
        "channel": "total",
        "revenue": whole.paid.revenue,
        "share": metrics.share(whole.paid.revenue, whole.paid.revenue),
        "orders": whole.paid.orders,
        "both": whole.both.orders,
        "both_revenue": whole.both.revenue,
        "aov": metrics.whole_units(metrics.average_order_value(whole.paid.revenue, whole.paid.orders)),
        "pending": whole.pending.revenue,
    }


def _empty(currency: str) -> Row:
    return {column.key: None for column in COLUMNS} | {"currency": currency}
