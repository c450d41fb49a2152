"""How many touchpoints a journey takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from tracker.ledger.figures import Line
from tracker.ledger.tables import OrderRow, Touch
from tracker.reports import _crossing, _rolled
from tracker.reports._crossing import FIGURES, for_each, standing, standing_by, tabulated
from tracker.reports._parts import orders_of
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 25
GROUP = "Influence × affiliation"
CHART = "ladder"
FILTERS = ("channel", "partner", "campaign", "network")
TITLE = "Touchpoints before the order"
DESCRIPTION = "How many clicks and codes of partners led to an order. Orders without any are left out."
_MOST = 7
_MANY = "seven_and_more"
WORDS = {_MANY: "7 and more"}
COLUMNS = (
    Column("touches", "Touchpoints", Kind.WORD, "A code together with a click of its owner is one touchpoint."),
    *_crossing.COLUMNS,
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a number of touchpoints and currency, seven and more in one, then the total."""
    lines = ((_said(int(count)), *rest) for count, *rest in _rolled.asked(session, scope, _lines))
    return tabulated(session, scope, lines, ("touches",), lambda row: str(row["touches"]))


def _by_grain(session: Session, scope: Scope, grain: str) -> Iterable[Line]:
    stood = standing_by(scope, grain)
    return for_each(session, _query(scope).join(stood, stood.c.order_id == OrderRow.id), stood.c.only)


@_rolled.additive("touches", 2, by_grain=_by_grain)
def _lines(session: Session, scope: Scope) -> Iterable[Line]:
    return (tuple(row) for row in session.execute(_query(scope)))


def _query(scope: Scope) -> Select[*tuple[Any, ...]]:
    each = (
        select(OrderRow.id.label("order_id"), func.count().label("number"))
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(*orders_of(scope), *standing(scope))
        .group_by(OrderRow.id)
        .subquery()
    )
    number = case((each.c.number < _MOST, each.c.number), else_=_MOST)
    return (
        select(number, OrderRow.currency, *FIGURES)
        .select_from(OrderRow)
        .join(each, each.c.order_id == OrderRow.id)
        .group_by(number, OrderRow.currency)
    )


def _said(number: int) -> str:
    return _MANY if number == _MOST else str(number)
