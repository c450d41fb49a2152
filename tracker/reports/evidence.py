"""By what orders are tied to partners: tracked, by code alone, both. What is only estimated is never among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, Subquery, case, func, select
from sqlalchemy.orm import Session

from tracker.ledger.figures import Line
from tracker.ledger.tables import OrderRow, Touch
from tracker.reports import _crossing, _rolled
from tracker.reports._crossing import FIGURES, for_each, grain_of, tabulated
from tracker.reports._parts import is_filtered, kept_by, orders_of
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 26
GROUP = "Influence × affiliation"
CHART = "ladder"
FILTERS = ("channel", "partner", "campaign", "network")
TITLE = "Evidence"
DESCRIPTION = (
    "By what paid orders are tied to partners. Estimates stand apart, in the report Estimated lift: they are in no "
    "figure here and are never paid."
)
WORDS = {
    "tracked": "Tracked",
    "both": "Tracked and by code",
    "code_alone": "By code alone",
    "untied": "Tied to nobody",
}
COLUMNS = (
    Column(
        "evidence",
        "Evidence",
        Kind.WORD,
        "Tracked: a click that the order itself, its visitor or its customer is known by. By code: a partner's promo "
        "code was used.",
    ),
    *_crossing.COLUMNS,
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a kind of evidence and currency, then the total: all paid orders, or under a filter those it keeps."""
    places = {name: place for place, name in enumerate(WORDS)}
    lines = _rolled.asked(session, scope, _lines)
    return tabulated(session, scope, lines, ("evidence",), lambda row: places[str(row["evidence"])])


def _by_grain(session: Session, scope: Scope, grain: str) -> Iterable[Line]:
    only = grain_of(grain)
    each = _tied(scope).add_columns(only).group_by(only).subquery()
    return for_each(session, _query(scope, each, whole=False).where(each.c.only.is_not(None)), each.c.only)


@_rolled.additive("evidence", 2, by_grain=_by_grain)
def _lines(session: Session, scope: Scope) -> Iterable[Line]:
    query = _query(scope, _tied(scope).subquery(), whole=not is_filtered(scope))
    return (tuple(row) for row in session.execute(query))


def _tied(scope: Scope) -> Select[*tuple[Any, ...]]:
    """Whether each order is tied to somebody by a click, and whether by a code."""
    return (
        select(
            Touch.order_id,
            func.max(case((Touch.kind == "click", 1), else_=0)).label("tracked"),
            func.max(case((Touch.code.is_not(None), 1), else_=0)).label("by_code"),
        )
        .join(OrderRow, OrderRow.id == Touch.order_id)
        .where(*orders_of(scope), *kept_by(scope, Touch))
        .group_by(Touch.order_id)
    )


def _query(scope: Scope, each: Subquery, *, whole: bool) -> Select[*tuple[Any, ...]]:
    layer = case(
        (each.c.order_id.is_(None), "untied"),
        (each.c.tracked == 0, "code_alone"),
        (each.c.by_code == 1, "both"),
        else_="tracked",
    )
    return (
        select(layer, OrderRow.currency, *FIGURES)
        .select_from(OrderRow)
        .join(each, each.c.order_id == OrderRow.id, isouter=whole)
        .where(*orders_of(scope))
        .group_by(layer, OrderRow.currency)
    )
