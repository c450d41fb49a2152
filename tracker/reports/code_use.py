"""Codes used without any click of their owner, and codes that leak through coupon sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Subquery, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from tracker.domain import codes, metrics
from tracker.domain.catalog import Channel, PartnerKind
from tracker.ledger.tables import OrderRow, Partner, Touch
from tracker.reports._crossing import number, seconds
from tracker.reports._parts import brand_currency, kept_by, orders_of, partners_of
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 51
TITLE = "Codes without clicks, and leaks"
DESCRIPTION = (
    "How often each partner's code was used, how often without any click of the partner before, and how often right "
    "after a coupon or cashback site: there the code was probably found, not passed on."
)
LEAK = 30 * 60  # seconds from the coupon site's click to the order
DEALS = (PartnerKind.COUPON, PartnerKind.CASHBACK)
COLUMNS = (
    Column("code", "Code"),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Owner", help="Whose code it was when the orders were placed."),
    CURRENCY,
    Column("uses", "Used", Kind.INTEGER, "Paid orders in whose journey the code stands."),
    Column("revenue", "Orders' value", Kind.MONEY, "Net value of those orders."),
    Column("without_click", "Without a click", Kind.INTEGER, "Of them, orders without any click of the code's owner."),
    Column("without_click_revenue", "Their value", Kind.MONEY, "Net value of the orders without a click of the owner."),
    Column(
        "leaked",
        "Leaked",
        Kind.INTEGER,
        "Orders with an influencer's code and, at most 30 minutes before, a last click on a coupon or cashback site.",
    ),
    Column("leaked_revenue", "Leaked, value", Kind.MONEY, "Net value of the leaked orders."),
    Column("leak_rate", "Leak rate", Kind.PERCENT, "Leaked orders / orders with the code."),
)

_FIGURES = ("uses", "revenue", "without_click", "without_click_revenue", "leaked", "leaked_revenue")


@dataclass(frozen=True, slots=True)
class _Use:
    """One spelling of a code in one currency."""

    text: str
    partner_id: str
    currency: str
    figures: tuple[int, ...]


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a code, owner and currency, the most used first."""
    first, partners = brand_currency(session, scope.brand_id), partners_of(session, scope.brand_id)
    found: dict[tuple[str, str, str], Row] = {}
    for use in _uses(session, scope):
        key = (codes.normal(use.text), use.partner_id, use.currency)
        found[key] = _added(found.get(key) or _empty(use, partners), use)
    return sorted(
        (row | {"leak_rate": metrics.share(number(row["leaked"]), number(row["uses"]))} for row in found.values()),
        key=lambda row: (row["currency"] != first, str(row["currency"]), -number(row["uses"]), str(row["code"])),
    )


def _empty(use: _Use, partners: dict[str, Partner]) -> Row:
    named = {"code": use.text, "partner_id": use.partner_id, "partner": partners[use.partner_id].name}
    return named | {"currency": use.currency} | dict.fromkeys(_FIGURES, 0)


def _added(row: Row, use: _Use) -> Row:
    return row | {name: number(row[name]) + figure for name, figure in zip(_FIGURES, use.figures, strict=True)}


def _uses(session: Session, scope: Scope) -> list[_Use]:
    last = _last_clicks(scope)
    clicked, leaked = _clicked(), _leaks(session, last)
    sums = (
        *(func.count(), func.sum(OrderRow.net)),
        *(func.sum(case((~clicked, 1), else_=0)), func.sum(case((~clicked, OrderRow.net), else_=0))),
        *(func.sum(case((leaked, 1), else_=0)), func.sum(case((leaked, OrderRow.net), else_=0))),
    )
    query = (
        select(Touch.code, Touch.partner_id, OrderRow.currency, *sums)
        .select_from(OrderRow)
        .join(Touch, Touch.order_id == OrderRow.id)
        .join(last, last.c.order_id == OrderRow.id, isouter=True)
        .where(*orders_of(scope), *kept_by(scope, Touch), Touch.code.is_not(None))
        .group_by(Touch.code, Touch.partner_id, OrderRow.currency)
    )
    return [
        _Use(text, partner, currency, tuple(int(figure) for figure in figures))
        for text, partner, currency, *figures in session.execute(query)
    ]


def _clicked() -> Any:
    """Whether the journey has a click of the code's owner, joined with the code or apart."""
    click = aliased(Touch)
    return exists().where(click.order_id == Touch.order_id, click.partner_id == Touch.partner_id, click.kind == "click")


def _last_clicks(scope: Scope) -> Subquery:
    """The last click of each journey that has a code: when it was, and of what kind of partner."""
    click, code = aliased(Touch), aliased(Touch)
    with_code = exists().where(code.order_id == OrderRow.id, code.code.is_not(None))
    ranked = (
        select(
            click.order_id,
            click.at,
            click.partner_id,
            func.row_number().over(partition_by=click.order_id, order_by=click.position.desc()).label("place"),
        )
        .join(OrderRow, OrderRow.id == click.order_id)
        .where(*orders_of(scope), with_code, click.kind == "click")
        .subquery()
    )
    return (
        select(ranked.c.order_id, ranked.c.at, Partner.kind)
        .join(Partner, Partner.id == ranked.c.partner_id)
        .where(ranked.c.place == 1)
        .subquery()
    )


def _leaks(session: Session, last: Subquery) -> Any:
    recent = seconds(session, OrderRow.placed_at) - seconds(session, last.c.at) <= LEAK
    return (Touch.channel == Channel.INFLUENCE) & last.c.kind.in_(DEALS) & recent
