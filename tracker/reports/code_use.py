"""Codes used without any click of their owner, and codes that leak through coupon sites."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from tracker.domain import codes, metrics
from tracker.domain.catalog import Channel, PartnerKind
from tracker.ledger.figures import Line
from tracker.ledger.tables import OrderRow, Partner, Touch
from tracker.reports import _rolled
from tracker.reports._crossing import number, seconds
from tracker.reports._parts import brand_currency, kept_by, orders_of, partners_of
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 51
GROUP = "Influence × affiliation"
FILTERS = ("channel", "partner", "campaign", "network")
TITLE = "Codes without clicks, and leaks"
DESCRIPTION = (
    "How often each partner's code was used, how often without any click of the partner before, and how often right "
    "after a coupon or cashback site: there the code was probably found, not passed on."
)
LEAK = 30 * 60  # seconds from the coupon site's click to the order
DEALS = (PartnerKind.COUPON, PartnerKind.CASHBACK)
EMPTY = "No code of a partner was used."
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

_NAMES = ("uses", "revenue", "without_click", "without_click_revenue", "leaked", "leaked_revenue")


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
    return named | {"currency": use.currency} | dict.fromkeys(_NAMES, 0)


def _added(row: Row, use: _Use) -> Row:
    return row | {name: number(row[name]) + figure for name, figure in zip(_NAMES, use.figures, strict=True)}


def _uses(session: Session, scope: Scope) -> list[_Use]:
    deals = _deals(session, scope.brand_id)
    return [
        _Use(text, partner, currency, _figures(bool(clicked), last in deals, int(orders), int(revenue)))
        for text, partner, currency, clicked, last, orders, revenue in _rolled.asked(session, scope, _lines)
    ]


def _deals(session: Session, brand_id: str) -> set[str]:
    """The coupon and cashback sites. They are asked for now: whoever becomes one was one in kept days too."""
    query = select(Partner.id).where(Partner.brand_id == brand_id, Partner.kind.in_(DEALS))
    return set(session.execute(query).scalars())


@_rolled.additive("codes-and-clicks", 5)
def _lines(session: Session, scope: Scope) -> Iterable[Line]:
    """By code, owner, currency, whether there is a click of the owner, and whose click came right before the order."""
    by = (
        *(Touch.code, Touch.partner_id, OrderRow.currency),
        *(_clicked().label("clicked"), _right_before(session).label("right_before")),
    )
    each = (
        select(*by, OrderRow.net)
        .select_from(OrderRow)
        .join(Touch, Touch.order_id == OrderRow.id)
        .where(*orders_of(scope), *kept_by(scope, Touch), Touch.code.is_not(None))
        .subquery()
    )
    keys = list(each.c)[: len(by)]
    query: Select[*tuple[Any, ...]] = select(*keys, func.count(), func.sum(each.c.net)).group_by(*keys)
    return (tuple(row) for row in session.execute(query))


def _figures(clicked: bool, leaked: bool, orders: int, revenue: int) -> tuple[int, ...]:
    both, nothing = (orders, revenue), (0, 0)
    return (*both, *(nothing if clicked else both), *(both if leaked else nothing))


def _clicked() -> ColumnElement[bool]:
    """Whether the journey has a click of the code's owner, joined with the code or apart."""
    click = aliased(Touch)
    return exists().where(click.order_id == Touch.order_id, click.partner_id == Touch.partner_id, click.kind == "click")


def _right_before(session: Session) -> ColumnElement[str | None]:
    """Whose the journey's last click was, where an influencer's code was used at most LEAK seconds later."""
    click = aliased(Touch)
    late = seconds(session, OrderRow.placed_at) - seconds(session, click.at) <= LEAK
    last = select(case((late, click.partner_id))).where(click.order_id == Touch.order_id, click.kind == "click")
    of_influence = last.correlate(OrderRow, Touch).order_by(click.position.desc()).limit(1).scalar_subquery()
    return case((Touch.channel == Channel.INFLUENCE, of_influence))
