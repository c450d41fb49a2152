"""Affiliate sales that influence opened: which influencer opened them, for which affiliate, in which campaign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Subquery, and_, case, func, select, union
from sqlalchemy.orm import Session, aliased

from tracker.domain import metrics
from tracker.domain.catalog import Channel
from tracker.ledger.tables import Campaign, Credit, CreditSet, OrderRow, Touch
from tracker.reports import _rolled
from tracker.reports._orders import of_model
from tracker.reports._parts import brand_currency, in_order, orders_of, partners_of
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import PAYING, Column, Kind, Row, Scope, models

RANK = 22
GROUP = "Influence × affiliation"
FILTERS = ("model", "partner", "campaign")
TITLE = "Sales opened for affiliates"
DESCRIPTION = (
    "Sales of affiliates, closed by them or credited to them, that began with an influencer: who opened them for whom."
)
ALL = "∑"
EMPTY = "No sale of an affiliate began with an influencer."
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


@dataclass(frozen=True, slots=True)
class _Line:
    """Sales of an affiliate that one influencer opened in one campaign; None, None where influence did not open.

    `once` counts an order in one line only, of all that share it.
    """

    affiliate: str
    influencer: str | None
    campaign: str | None
    currency: str
    each: tuple[int, ...]
    once: tuple[int, ...]


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a pair, campaign and currency, the largest revenue first; then all of them, of all affiliate sales."""
    return [
        row
        for opened, sold in _by_currency(session, scope)
        for row in (
            *_named(session, scope, _ranked(session, scope, opened), sold),
            _total(opened, sold, scope.partner_id),
        )
    ]


def _by_currency(session: Session, scope: Scope) -> Iterator[tuple[list[_Line], list[_Line]]]:
    """In each currency what influence opened and the filters keep, and all that affiliates sold."""
    lines, own = _lines(session, scope), brand_currency(session, scope.brand_id)
    for currency in in_order((line.currency for line in lines), own):
        sold = [line for line in lines if line.currency == currency]
        opened = [line for line in sold if _kept(line, scope)]
        if opened:
            yield opened, sold


def _kept(line: _Line, scope: Scope) -> bool:
    """Whether influence opened it and the filters keep it; a partner may stand on either side."""
    of_campaign = scope.campaign_id in (None, line.campaign)
    of_partner = scope.partner_id in (None, line.influencer, line.affiliate)
    return line.influencer is not None and of_campaign and of_partner


# --- the query -------------------------------------------------------------------------------------------------------


def _lines(session: Session, scope: Scope) -> list[_Line]:
    """Of all affiliates' sales."""
    return [_line(*line) for line in _rolled.asked(session, _rolled.whole(scope), _OPENED[scope.model])]


def _opened_under(model: str) -> _rolled.Figure:
    """What is kept for a model: under any of them, a year is asked for at once."""

    @_rolled.additive(f"opened-for-{model}", 4, by_channel=False)
    def opened(session: Session, scope: Scope) -> Iterable[Sequence[Any]]:
        return _opened(session, replace(scope, model=model))

    return opened


_OPENED = {model: _opened_under(model) for model in (PAYING, *models())}


def _opened(session: Session, scope: Scope) -> Iterable[Sequence[Any]]:
    sales, opener = _sales(scope), aliased(Touch)
    by_influence = and_(
        opener.order_id == sales.c.order_id, opener.opener.is_(True), opener.channel == Channel.INFLUENCE
    )
    chosen = func.row_number().over(partition_by=sales.c.order_id, order_by=sales.c.partner_id)
    keys = (sales.c.partner_id, opener.partner_id.label("influencer"), opener.campaign_id, OrderRow.currency)
    each = (
        select(*keys, OrderRow.net, OrderRow.customer_is_new, chosen.label("place"))
        .select_from(sales)
        .join(OrderRow, OrderRow.id == sales.c.order_id)
        .join(opener, by_influence, isouter=True)
        .subquery()
    )
    affiliate, influencer, campaign, currency, net, new, place = each.c
    figures = (1, net, case((new.is_(True), 1), else_=0))
    query = select(
        *(affiliate, influencer, campaign, currency),
        *(func.sum(figure) for figure in figures),
        *(func.sum(case((place == 1, figure), else_=0)) for figure in figures),
    ).group_by(affiliate, influencer, campaign, currency)
    return session.execute(query).all()


def _line(affiliate: str, influencer: str | None, campaign: str | None, currency: str, *figures: int) -> _Line:
    return _Line(affiliate, influencer, campaign, currency, figures[:3], figures[3:])


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


# --- rows ------------------------------------------------------------------------------------------------------------


def _ranked(session: Session, scope: Scope, opened: Sequence[_Line]) -> list[_Line]:
    """The largest revenue first."""
    partners = partners_of(session, scope.brand_id)
    names = {partner_id: partner.name for partner_id, partner in partners.items()}
    return sorted(opened, key=lambda line: (-line.each[1], names[line.influencer or ""], names[line.affiliate]))


def _named(session: Session, scope: Scope, opened: Sequence[_Line], sold: Sequence[_Line]) -> list[Row]:
    """A row a line, of all that its affiliate sold."""
    partners, campaigns = partners_of(session, scope.brand_id), _campaigns(session, scope.brand_id)
    whole: dict[str, list[tuple[int, ...]]] = {}
    for line in sold:
        whole.setdefault(line.affiliate, []).append(line.each)
    sums = {affiliate: _sum(each) for affiliate, each in whole.items()}
    return [
        {
            "influencer_id": line.influencer,
            "influencer": partners[line.influencer or ""].name,
            "affiliate_id": line.affiliate,
            "affiliate": partners[line.affiliate].name,
            "campaign": campaigns.get(line.campaign or ""),
            "currency": line.currency,
        }
        | _figures(line.each, sums[line.affiliate])
        for line in opened
    ]


def _campaigns(session: Session, brand_id: str) -> dict[str, str]:
    query = select(Campaign.id, Campaign.name).where(Campaign.brand_id == brand_id)
    return {row.id: row.name for row in session.execute(query)}


def _total(opened: Sequence[_Line], sold: Sequence[_Line], partner_id: str | None) -> Row:
    """Each order once. Lines that share one share its opener: a filter keeps all of them, or those of an affiliate."""
    row: Row = {column.key: None for column in COLUMNS} | {"influencer": ALL, "currency": sold[0].currency}
    return row | _figures(_sum(_once(line, partner_id) for line in opened), _sum(line.once for line in sold))


def _once(line: _Line, partner_id: str | None) -> tuple[int, ...]:
    return line.once if partner_id in (None, line.influencer) else line.each


def _figures(part: tuple[int, ...], whole: tuple[int, ...]) -> Row:
    orders, revenue, new = part
    return {"orders": orders, "revenue": revenue, "share": metrics.share(revenue, whole[1]), "new": new}


def _sum(figures: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip((0, 0, 0), *figures, strict=True))
