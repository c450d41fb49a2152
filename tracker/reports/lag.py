"""How long it takes from the first click that influence brought to the order."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from sqlalchemy import Subquery, case, func, select
from sqlalchemy.orm import Session

from tracker.domain.catalog import Channel
from tracker.ledger.tables import OrderRow, Touch
from tracker.reports import _crossing
from tracker.reports._crossing import FIGURES, TOTAL, seconds, tabulated
from tracker.reports._parts import kept_by, orders_of
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 24
GROUP = "Influence × affiliation"
CHART = "ladder"
FILTERS = ("channel", "partner", "campaign", "network")
TITLE = "Time to the order"
DESCRIPTION = (
    "Time from a shopper's first click on an influencer's link to the order. With the filter on affiliates, from the "
    "first click on theirs. A code alone has no time of its own and is left out."
)
_HOUR, _DAY = 3600, 86400
# Each word with the seconds below which it holds; the last one holds for all the rest.
_STEPS = (
    ("same_hour", "Within the hour", _HOUR),
    ("day_1", "Within a day", _DAY),
    ("days_2_3", "Day 2 or 3", 3 * _DAY),
    ("days_4_7", "Days 4 to 7", 7 * _DAY),
    ("days_8_14", "Days 8 to 14", 14 * _DAY),
    ("days_15_30", "Days 15 to 30", 30 * _DAY),
)
_LONGER = "days_31_on"
WORDS = {**{name: title for name, title, _ in _STEPS}, _LONGER: "Later than day 30"}
EMPTY = "No paid order has a click on such a link before it."
COLUMNS = (
    Column("lag", "Time", Kind.WORD, "Time from the first click to the order."),
    *_crossing.COLUMNS,
    Column("median", "Median, hours", Kind.NUMBER, "Half of the orders came sooner, half later."),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a step of time and currency where orders fell into it, then the total with the median."""
    each = _lags(session, scope)
    step = case(*((each.c.lag < until, name) for name, _, until in _STEPS), else_=_LONGER)
    query = (
        select(step, OrderRow.currency, *FIGURES)
        .select_from(OrderRow)
        .join(each, each.c.order_id == OrderRow.id)
        .group_by(step, OrderRow.currency)
    )
    places = {name: place for place, name in enumerate(WORDS)}
    found = tabulated(session, scope, session.execute(query), ("lag",), lambda row: places[str(row["lag"])])
    medians = _medians(session, each)
    return [row | {"median": medians[str(row["currency"])] if row["lag"] == TOTAL else None} for row in found]


def _lags(session: Session, scope: Scope) -> Subquery:
    """The orders that began with a click of the channel, and the seconds from it to the order."""
    channel = scope.channel or Channel.INFLUENCE
    lag = seconds(session, OrderRow.placed_at) - seconds(session, func.min(Touch.at))
    return (
        select(OrderRow.id.label("order_id"), OrderRow.currency, lag.label("lag"))
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(*orders_of(scope), *kept_by(scope, Touch), Touch.channel == channel, Touch.kind == "click")
        .group_by(OrderRow.id, OrderRow.currency, OrderRow.placed_at)
        .subquery()
    )


def _medians(session: Session, each: Subquery) -> dict[str, Fraction]:
    """The median by currency, in hours."""
    by_currency: Any = {"partition_by": each.c.currency}
    ranked = select(
        each.c.currency,
        each.c.lag,
        func.row_number().over(order_by=each.c.lag, **by_currency).label("place"),
        func.count().over(**by_currency).label("number"),
    ).subquery()
    part = ranked.c
    middle = part.place.in_([(part.number + 1) // 2, (part.number + 2) // 2])
    query = select(part.currency, func.sum(part.lag), func.count()).where(middle).group_by(part.currency)
    return {currency: Fraction(int(lag), number * _HOUR) for currency, lag, number in session.execute(query)}
