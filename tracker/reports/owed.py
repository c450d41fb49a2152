"""What is owed to each partner as of the end of the last day: a balance, not a turnover."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, distinct, exists, func, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.commissions import Kind as RowKind
from tracker.domain.commissions import State
from tracker.ledger.tables import Commission, CommissionStep, Partner, Touch
from tracker.reports._parts import brand_currency
from tracker.reports._performance import CURRENCY
from tracker.reports._shape import Column, Kind, Row, Scope, span, zone_of
from tracker.reports._unagreed import orders_without_terms

RANK = 35
GROUP = "Money"
FILTERS = ("channel", "partner", "campaign")
TITLE = "What is owed"
DESCRIPTION = "What partners are owed as of the end of the last day, whenever the orders were placed."
EMPTY = "A commission is owed once an order is paid, a partner is credited and terms say the pay."
COLUMNS = (
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("channel", "Channel", Kind.WORD, "The partner's own channel."),
    CURRENCY,
    Column("recorded", "New in the period", Kind.MONEY, "Commissions less reversals recorded in the days chosen."),
    Column("pending", "Pending", Kind.MONEY, "In its hold: a refund still takes it back before it is approved."),
    Column("approved", "Approved", Kind.MONEY, "To be paid; what was taken back after a payment is already off."),
    Column("paid", "Paid out", Kind.MONEY, "In payouts, less what later payouts kept back."),
    Column("reversed", "Reversed", Kind.MONEY, "Taken back since money went back to buyers; in the other figures too."),
    Column("orders", "Orders", Kind.INTEGER, "Orders for which a commission was recorded, reversed ones included."),
    Column("without_terms", "Orders without terms", Kind.INTEGER, "Credited to the partner, but no terms say the pay."),
)
_FIGURES = ("recorded", "pending", "approved", "paid", "reversed", "orders")


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a partner and currency, the largest sum to be paid first; the brand's own currency before others."""
    start, end = span(scope, zone_of(session, scope.brand_id))
    owed = {(row.partner_id, row.currency): row for row in session.execute(_owed(scope, start, end))}
    forgotten = orders_without_terms(session, scope)
    partners = {row.id: row for row in session.execute(_partners(scope))}
    found = [
        _row(partners[key[0]], key[1], owed.get(key), forgotten.get(key, 0))
        for key in owed.keys() | forgotten.keys()
        if key[0] in partners
    ]
    first = brand_currency(session, scope.brand_id)
    return sorted(found, key=lambda row: _rank(row, first))


def _rank(row: Row, first: str) -> tuple[Any, ...]:
    figures: dict[str, Any] = row
    return (row["currency"] != first, row["currency"], -figures["approved"] - figures["pending"], row["partner"])


def _row(partner: Any, currency: str, figures: Any, forgotten: int) -> Row:
    return {
        "partner_id": partner.id,
        "partner": partner.name,
        "channel": partner.channel,
        "currency": currency,
        **{name: int(getattr(figures, name)) if figures else 0 for name in _FIGURES},
        "without_terms": forgotten,
    }


def _owed(scope: Scope, start: datetime, end: datetime) -> Select[*tuple[Any, ...]]:
    approved, paid = aliased(CommissionStep), aliased(CommissionStep)
    is_paid = paid.at.is_not(None)
    is_approved = and_(approved.at.is_not(None), ~is_paid)
    query = (
        select(
            Commission.partner_id,
            Commission.currency,
            _sum(Commission.at >= start).label("recorded"),
            _sum(and_(approved.at.is_(None), ~is_paid)).label("pending"),
            _sum(is_approved).label("approved"),
            _sum(is_paid).label("paid"),
            (-_sum(Commission.kind == RowKind.REVERSAL.value)).label("reversed"),
            func.count(distinct(Commission.order_id)).label("orders"),
        )
        .outerjoin(approved, _of_step(approved, State.APPROVED, end))
        .outerjoin(paid, _of_step(paid, State.PAID, end))
        .where(Commission.brand_id == scope.brand_id, Commission.at < end)
        .group_by(Commission.partner_id, Commission.currency)
    )
    return query.where(_touched(scope, Commission.order_id, Commission.partner_id)) if scope.campaign_id else query


def _touched(scope: Scope, order_id: Any, partner_id: Any) -> ColumnElement[bool]:
    """Orders in whose journey the partner stands with the campaign."""
    return exists().where(
        Touch.order_id == order_id, Touch.partner_id == partner_id, Touch.campaign_id == scope.campaign_id
    )


def _partners(scope: Scope) -> Select[*tuple[Any, ...]]:
    wanted = ((Partner.channel, scope.channel), (Partner.id, scope.partner_id))
    kept = [column == value for column, value in wanted if value]
    return select(Partner.id, Partner.name, Partner.channel).where(Partner.brand_id == scope.brand_id, *kept)


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, Commission.amount), else_=0)), 0)


def _of_step(step: type[CommissionStep], state: State, end: datetime) -> ColumnElement[bool]:
    return and_(step.commission_id == Commission.id, step.state == state.value, step.at < end)
