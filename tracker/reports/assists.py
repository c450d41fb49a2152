"""What each partner did in journeys, whoever was paid: opened them, helped them, closed them, alone or in company."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, Subquery, case, func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.ledger.figures import Line
from tracker.ledger.tables import OrderRow, Partner, Touch
from tracker.reports import _rolled
from tracker.reports._crossing import for_each, grain_of, number
from tracker.reports._parts import brand_currency, kept_by, orders_of, partners_of
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 23
GROUP = "Influence × affiliation"
FILTERS = ("channel", "partner", "campaign", "network")
TITLE = "Assists"
DESCRIPTION = "In how many orders each partner had a hand, and where. Last click does not see who opens sales."
EMPTY = "No order has a journey with a partner in it."
COLUMNS = (
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("channel", "Channel", Kind.WORD),
    CURRENCY,
    Column("orders", "Had a hand in", Kind.INTEGER, "Paid orders in whose journey the partner stands."),
    Column("opened", "Opened", Kind.INTEGER, "Orders whose journey began with the partner."),
    Column("assisted", "Assisted", Kind.INTEGER, "Orders in whose journey the partner stands, but not as the last."),
    Column("closed", "Closed", Kind.INTEGER, "Orders whose journey ended with the partner."),
    Column("solo", "Alone", Kind.INTEGER, "Orders in whose journey nobody else stands."),
    Column(
        "assisted_revenue",
        "Assisted revenue",
        Kind.MONEY,
        "Net value of the assisted orders, each counted whole for everyone who assisted: not to be added up.",
    ),
    Column("assist_ratio", "Assists per close", Kind.NUMBER, "Assisted orders / closed orders."),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a partner and currency, the most assisted revenue first."""
    first, partners = brand_currency(session, scope.brand_id), partners_of(session, scope.brand_id)
    found = [_row(line, partners) for line in _rolled.asked(session, scope, _lines)]
    return sorted(
        found,
        key=lambda row: (row["currency"] != first, str(row["currency"]), -number(row["assisted_revenue"]),
                         -number(row["orders"]), str(row["partner"])),
    )  # fmt: skip


def _by_grain(session: Session, scope: Scope, grain: str) -> Iterable[Line]:
    only = grain_of(grain)
    each = _hands(scope).add_columns(only).group_by(only).subquery()
    return for_each(session, _added(each).where(each.c.only.is_not(None)), each.c.only)


@_rolled.additive("assists", 2, by_grain=_by_grain)
def _lines(session: Session, scope: Scope) -> Iterable[Line]:
    return (tuple(row) for row in session.execute(_added(_hands(scope).subquery())))


def _hands(scope: Scope) -> Select[*tuple[Any, ...]]:
    """What each partner whom the filters keep did in each order, and how many partners stand in it at all."""
    company = (
        select(Touch.order_id, func.count(Touch.partner_id.distinct()).label("partners"))
        .join(OrderRow, OrderRow.id == Touch.order_id)
        .where(*orders_of(scope))
        .group_by(Touch.order_id)
        .subquery()
    )
    whole = (OrderRow.id, Touch.partner_id, OrderRow.currency, OrderRow.net, company.c.partners)
    return (
        select(
            *whole[1:],
            func.max(case((Touch.opener.is_(True), 1), else_=0)).label("opened"),
            func.max(case((Touch.closer.is_(True), 1), else_=0)).label("closed"),
        )
        .select_from(OrderRow)
        .join(Touch, Touch.order_id == OrderRow.id)
        .join(company, company.c.order_id == OrderRow.id)
        .where(*orders_of(scope), *kept_by(scope, Touch))
        .group_by(*whole)
    )


def _added(each: Subquery) -> Select[*tuple[Any, ...]]:
    part = each.c
    return select(
        *(part.partner_id, part.currency, func.count(), func.sum(part.opened), func.sum(part.closed)),
        func.sum(case((part.partners == 1, 1), else_=0)),
        func.sum(case((part.closed == 0, part.net), else_=0)),
    ).group_by(part.partner_id, part.currency)


def _row(line: tuple[Any, ...], partners: dict[str, Partner]) -> Row:
    partner_id, currency, *figures = line
    orders, opened, closed, solo, revenue = (int(figure) for figure in figures)
    return {
        "partner_id": partner_id,
        "partner": partners[partner_id].name,
        "channel": partners[partner_id].channel,
        "currency": currency,
        "orders": orders,
        "opened": opened,
        "assisted": orders - closed,
        "closed": closed,
        "solo": solo,
        "assisted_revenue": revenue,
        "assist_ratio": metrics.share(orders - closed, closed),
    }
