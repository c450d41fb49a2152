"""How long it takes from the first click that influence brought to the order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from sqlalchemy import Select, SQLColumnExpression, Subquery, case, func, select
from sqlalchemy.orm import Session

from tracker.domain.catalog import Channel
from tracker.ledger.figures import Line
from tracker.ledger.tables import OrderRow, Touch
from tracker.reports import _crossing, _rolled
from tracker.reports._crossing import FIGURES, TOTAL, for_each, grain_of, seconds, tabulated
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
    places = {name: place for place, name in enumerate(WORDS)}
    lines = _rolled.asked(session, scope, _steps)
    found = tabulated(session, scope, lines, ("lag",), lambda row: places[str(row["lag"])])
    medians = _medians(_rolled.asked(session, scope, _seconds))
    return [row | {"median": medians[str(row["currency"])] if row["lag"] == TOTAL else None} for row in found]


def _steps_by_grain(session: Session, scope: Scope, grain: str) -> Iterable[Line]:
    each = _lags_by(session, scope, grain)
    return for_each(session, _stepped(each), each.c.only)


@_rolled.additive("lag", 2, by_grain=_steps_by_grain)
def _steps(session: Session, scope: Scope) -> Iterable[Line]:
    return (tuple(row) for row in session.execute(_stepped(_lags(session, scope).subquery())))


def _stepped(each: Subquery) -> Select[*tuple[Any, ...]]:
    step = case(*((each.c.lag < until, name) for name, _, until in _STEPS), else_=_LONGER)
    return (
        select(step, OrderRow.currency, *FIGURES)
        .select_from(OrderRow)
        .join(each, each.c.order_id == OrderRow.id)
        .group_by(step, OrderRow.currency)
    )


def _seconds_by_grain(session: Session, scope: Scope, grain: str) -> Iterable[Line]:
    each = _lags_by(session, scope, grain)
    return _together((only, currency, lag) for lag, currency, only in session.execute(_each_lag(each, each.c.only)))


@_rolled.additive("lags", 2, by_grain=_seconds_by_grain)
def _seconds(session: Session, scope: Scope) -> Iterable[Line]:
    """By currency, the seconds of all orders as one text, and how often: a line for each would be as many as orders."""
    found = session.execute(_each_lag(_lags(session, scope).subquery()))
    return _together((currency, lag) for lag, currency in found)


def _each_lag(each: Subquery, *more: SQLColumnExpression[Any]) -> Select[*tuple[Any, ...]]:
    return select(each.c.lag, each.c.currency, *more).order_by(each.c.lag)


def _together(found: Iterable[Line]) -> Iterable[Line]:
    lags: dict[Line, list[int]] = {}
    for *keys, lag in found:
        lags.setdefault(tuple(keys), []).append(lag)
    return ((*keys, " ".join(map(str, of_keys)), 1) for keys, of_keys in lags.items())


def _lags_by(session: Session, scope: Scope, grain: str) -> Subquery:
    only = grain_of(grain)
    each = _lags(session, scope).add_columns(only).group_by(only).subquery()
    return select(each).where(each.c.only.is_not(None)).subquery()


def _lags(session: Session, scope: Scope) -> Select[*tuple[Any, ...]]:
    """The orders that began with a click of the channel, and the seconds from it to the order."""
    channel = scope.channel or Channel.INFLUENCE
    lag = seconds(session, OrderRow.placed_at) - seconds(session, func.min(Touch.at))
    return (
        select(OrderRow.id.label("order_id"), OrderRow.currency, lag.label("lag"))
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(*orders_of(scope), *kept_by(scope, Touch), Touch.channel == channel, Touch.kind == "click")
        .group_by(OrderRow.id, OrderRow.currency, OrderRow.placed_at)
    )


def _medians(lines: Iterable[Line]) -> dict[str, Fraction]:
    """The median by currency, in hours, of lags in seconds."""
    lags: dict[str, list[int]] = {}
    for currency, text, times in lines:
        lags.setdefault(currency, []).extend(list(map(int, text.split())) * times)
    return {currency: Fraction(_middle_twice(sorted(found)), 2 * _HOUR) for currency, found in lags.items()}


def _middle_twice(ordered: Sequence[int]) -> int:
    """Twice the median."""
    return ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]
