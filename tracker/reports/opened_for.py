"""Affiliate sales that influence opened: which influencer opened them, for which affiliate, in which campaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, func, or_, select, union
from sqlalchemy.orm import Session, aliased

from tracker.domain import metrics
from tracker.domain.catalog import Channel
from tracker.ledger.tables import Campaign, Credit, CreditSet, OrderRow, Touch
from tracker.reports._crossing import FIGURES, number
from tracker.reports._orders import of_model
from tracker.reports._parts import Key, brand_currency, in_order, orders_of, partners_of
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 22
TITLE = "Sales opened for affiliates"
DESCRIPTION = (
    "Sales of affiliates, closed by them or credited to them, that began with an influencer: who opened them for whom."
)
ALL = "∑"
COLUMNS = (
    Column("influencer_id", "Influencer id", Kind.ID),
    Column("influencer", "Opened by", help="The influencer whose touchpoint was the first of the journey."),
    Column("affiliate_id", "Affiliate id", Kind.ID),
    Column("affiliate", "Sold by", help="The affiliate who closed the journey or is credited with the order."),
    Column("campaign", "Campaign", help="The campaign of the touchpoint that opened."),
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders; the last row of a currency counts each once."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value of those orders, each counted whole."),
    Column("share", "Share", Kind.PERCENT, "Net revenue / net value of all sales of that affiliate, opened or not."),
    Column("new", "New customers", Kind.INTEGER, "How many of those orders were a customer's first."),
)

_Line = tuple[Any, ...]


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a pair, campaign and currency, the largest revenue first; then all of them, of all affiliate sales."""
    first = brand_currency(session, scope.brand_id)
    sales, opener = _sales(scope), aliased(Touch)
    pairs = session.execute(_pairs(scope, sales, opener))
    named = _named(session, scope, pairs, _revenues(session, sales))
    opened, whole = _once(session, sales, scope, opener), _once(session, sales)
    found: list[Row] = []
    for currency in in_order((str(row["currency"]) for row in named), first):
        group = [row for row in named if row["currency"] == currency]
        found += sorted(group, key=lambda row: (-number(row["revenue"]), str(row["influencer"]), str(row["affiliate"])))
        found += [_total(currency, opened[currency], whole[currency])] if group else []
    return found


# --- queries ---------------------------------------------------------------------------------------------------------


def _sales(scope: Scope) -> Subquery:
    """Each affiliate's sales: the orders that they closed, and those of which the model credits them with a part."""
    closed = (
        select(Touch.order_id, Touch.partner_id)
        .join(OrderRow, OrderRow.id == Touch.order_id)
        .where(*orders_of(scope), Touch.closer.is_(True), Touch.channel == Channel.AFFILIATE)
    )
    credited = (
        select(Credit.order_id, Credit.partner_id)
        .join(CreditSet, CreditSet.id == Credit.set_id)
        .join(OrderRow, OrderRow.id == Credit.order_id)
        .where(*orders_of(scope), of_model(scope.model), Credit.channel == Channel.AFFILIATE, Credit.amount > 0)
    )
    return union(closed, credited).subquery()


def _opened(scope: Scope, sales: Subquery, opener: Any) -> ColumnElement[bool]:
    """That influence opened the sale, as the scope's filters want it; a partner may stand on either side."""
    wanted = [opener.order_id == sales.c.order_id, opener.opener.is_(True), opener.channel == Channel.INFLUENCE]
    if scope.campaign_id:
        wanted.append(opener.campaign_id == scope.campaign_id)
    if scope.partner_id:
        wanted.append(or_(opener.partner_id == scope.partner_id, sales.c.partner_id == scope.partner_id))
    return and_(*wanted)


def _pairs(scope: Scope, sales: Subquery, opener: Any) -> Select[*_Line]:
    keys = (opener.partner_id, sales.c.partner_id, opener.campaign_id, OrderRow.currency)
    return (
        select(*keys, *FIGURES)
        .select_from(sales)
        .join(OrderRow, OrderRow.id == sales.c.order_id)
        .join(opener, _opened(scope, sales, opener))
        .group_by(*keys)
    )


def _revenues(session: Session, sales: Subquery) -> dict[Key, int]:
    """The net value of each affiliate's sales, by currency."""
    keys = (sales.c.partner_id, OrderRow.currency)
    query = (
        select(*keys, func.sum(OrderRow.net))
        .select_from(sales)
        .join(OrderRow, OrderRow.id == sales.c.order_id)
        .group_by(*keys)
    )
    return {(partner, currency): int(net) for partner, currency, net in session.execute(query)}


def _once(session: Session, sales: Subquery, scope: Scope | None = None, opener: Any = None) -> dict[str, _Line]:
    """FIGURES by currency of the sales, each order once; with a scope, of those that influence opened."""
    chosen = select(sales.c.order_id).distinct()
    if scope is not None:
        chosen = chosen.join(opener, _opened(scope, sales, opener))
    query = select(OrderRow.currency, *FIGURES).where(OrderRow.id.in_(chosen)).group_by(OrderRow.currency)
    return {currency: tuple(int(figure) for figure in rest) for currency, *rest in session.execute(query)}


# --- rows ------------------------------------------------------------------------------------------------------------


def _named(session: Session, scope: Scope, lines: Iterable[_Line], revenues: Mapping[Key, int]) -> list[Row]:
    partners = partners_of(session, scope.brand_id)
    query = select(Campaign.id, Campaign.name).where(Campaign.brand_id == scope.brand_id)
    campaigns = dict(session.execute(query).all())
    return [
        {
            "influencer_id": influencer,
            "influencer": partners[influencer].name,
            "affiliate_id": affiliate,
            "affiliate": partners[affiliate].name,
            "campaign": campaigns.get(campaign),
        }
        | _figures(currency, figures, revenues[(affiliate, currency)])
        for influencer, affiliate, campaign, currency, *figures in lines
    ]


def _total(currency: str, opened: _Line, whole: _Line) -> Row:
    return {column.key: None for column in COLUMNS} | {"influencer": ALL} | _figures(currency, opened, whole[1])


def _figures(currency: str, figures: Sequence[Any], whole: int) -> Row:
    orders, revenue, new = (int(figure) for figure in figures)
    share = metrics.share(revenue, whole)
    return {"currency": currency, "orders": orders, "revenue": revenue, "share": share, "new": new}
