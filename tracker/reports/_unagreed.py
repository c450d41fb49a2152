"""Orders that somebody is credited with while no terms say the pay, counted by the days on which they were placed.

Days are kept with the orders that are still to be reckoned, for waiting changes no day: those are taken away when it
is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Subquery, func, select
from sqlalchemy.orm import Session

from tracker.ledger import commissions, figures
from tracker.ledger.figures import Line
from tracker.ledger.tables import OrderRow, Touch
from tracker.reports import _rolled
from tracker.reports._shape import Scope

_ANY = ""  # any campaign, or none


def orders_without_terms(session: Session, scope: Scope) -> dict[tuple[str, str], int]:
    """Such orders placed up to the scope's last day, by partner and currency; of its campaign, if it names one."""
    book = _book(session, scope)
    found: dict[tuple[str, str], int] = {}
    for campaign, partner, currency, orders in _less_due(session, book, _unagreed) if book else ():
        if campaign == (scope.campaign_id or _ANY):
            found[partner, currency] = orders
    return found


def days_without_terms(session: Session, brand_id: str, most: int) -> list[date]:
    """The latest days of such orders, as many as hold the `most` latest of them."""
    book = _book(session, Scope(brand_id, date.min, date.max))
    count, days = 0, list[date]()
    for day, orders in sorted(_less_due(session, book, _unagreed_days) if book else (), reverse=True):
        if count >= most:
            break
        count += orders
        days.append(date.fromisoformat(day))
    return days


def _book(session: Session, scope: Scope) -> Scope | None:
    """All days with orders up to the scope's last one, without filters; None where there is no order."""
    day = OrderRow.placed_day
    of_brand = select(func.min(day), func.max(day)).where(OrderRow.brand_id == scope.brand_id, day <= scope.end)
    first, last = session.execute(of_brand).one()
    return None if first is None or last is None else replace(_rolled.whole(scope), start=first, end=last)


def _less_due(session: Session, book: Scope, figure: _rolled.Figure) -> list[Line]:
    """The figure's lines without the orders that are still to be reckoned."""
    kept = _rolled.asked(session, book, figure)
    due = [(*line[:-1], -line[-1]) for line in _QUERIES[figure.name](session, book, commissions.still_due())]
    return [line for line in figures.added_up([*kept, *due], figure.keys) if line[-1] > 0]


@_rolled.additive("unagreed", 3, by_channel=False)
def _unagreed(session: Session, scope: Scope) -> Iterable[Line]:
    return _by_partner(session, scope)


@_rolled.additive("unagreed-days", 1, by_channel=False)
def _unagreed_days(session: Session, scope: Scope) -> Iterable[Line]:
    return _by_day(session, scope)


def _by_partner(session: Session, scope: Scope, *conditions: ColumnElement[bool]) -> list[Line]:
    """Campaign in which the partner stands in the journey, partner, currency, orders; and once for any campaign."""
    each = _orders(scope, *conditions)
    of_order = (each.c.partner_id, each.c.currency)
    touched = (
        select(Touch.campaign_id, *of_order, each.c.order_id)
        .join(Touch, (Touch.order_id == each.c.order_id) & (Touch.partner_id == each.c.partner_id))
        .where(Touch.campaign_id.is_not(None))
        .distinct()
        .subquery()
    )
    by_campaign = (touched.c.campaign_id, touched.c.partner_id, touched.c.currency)
    every = session.execute(select(*of_order, func.count()).group_by(*of_order)).all()
    of_campaigns = session.execute(select(*by_campaign, func.count()).group_by(*by_campaign)) if every else ()
    return [(_ANY, *line) for line in every] + [tuple(line) for line in of_campaigns]


def _by_day(session: Session, scope: Scope, *conditions: ColumnElement[bool]) -> list[Line]:
    day = _orders(scope, *conditions).c.placed_day
    return [(on.isoformat(), orders) for on, orders in session.execute(select(day, func.count()).group_by(day))]


_QUERIES: dict[str, Any] = {"unagreed": _by_partner, "unagreed-days": _by_day}


def _orders(scope: Scope, *conditions: ColumnElement[bool]) -> Subquery:
    """Each order and partner without terms."""
    placed = (OrderRow.placed_day >= scope.start, OrderRow.placed_day <= scope.end)
    return commissions.unfrozen().where(OrderRow.brand_id == scope.brand_id, *placed, *conditions).subquery()
