"""What the ledger knows of one partner of one brand. Every question names both: no answer is about anybody else."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select, union
from sqlalchemy.orm import Session, aliased

from tracker.domain.commissions import State
from tracker.ledger.database import among
from tracker.ledger.tables import (
    Click,
    Code,
    CodeOwner,
    Commission,
    CommissionStep,
    Credit,
    CreditSet,
    Link,
    LinkHour,
    OrderClick,
    OrderCode,
    OrderRow,
    Placement,
    Touch,
)


@dataclass(frozen=True, slots=True)
class Money:
    """What a partner is owed in one currency, minor units; `next_approval` is when the next hold ends."""

    currency: str
    pending: int
    approved: int
    paid: int
    next_approval: datetime | None


class Sold(NamedTuple):
    """An order that a partner had a hand in, what is credited of it (None where nothing is), and in minor units what
    its `rows` commissions come to.
    """

    order_id: str
    number: str
    external_id: str
    placed_at: datetime
    status: str
    test: bool
    currency: str
    credit: int | None
    rows: int
    pending: int
    approved: int
    paid: int


def clicks_since(session: Session, partner_id: str, moments: Sequence[datetime]) -> list[int]:
    """Clicks of people on the partner's links since each of these moments."""
    sums = [func.coalesce(func.sum(case((LinkHour.hour >= since, LinkHour.human), else_=0)), 0) for since in moments]
    query = (
        select(*sums)
        .join(Link, Link.id == LinkHour.link_id)
        .where(Link.partner_id == partner_id, LinkHour.hour >= min(moments))
    )
    return [int(count) for count in session.execute(query).one()]


def clicks_of_links(session: Session, link_ids: Collection[str], since: datetime) -> dict[str, int]:
    """Clicks of people on each of these links since then; a link without any is not in it."""
    query = (
        select(LinkHour.link_id, func.sum(LinkHour.human))
        .where(among(session, LinkHour.link_id, link_ids), LinkHour.hour >= since)
        .group_by(LinkHour.link_id)
    )
    return {link_id: int(count) for link_id, count in session.execute(query)} if link_ids else {}


def money(session: Session, brand_id: str, partner_id: str) -> list[Money]:
    """What the partner is owed and was paid, by currency."""
    approved, paid = aliased(CommissionStep), aliased(CommissionStep)
    sums = _sums_by_state(approved, paid)
    held = case((and_(approved.at.is_(None), Commission.amount > 0), Commission.approves_at))
    query = (
        select(Commission.currency, *sums, func.min(held).label("next_approval"))
        .outerjoin(approved, _step(approved, State.APPROVED))
        .outerjoin(paid, _step(paid, State.PAID))
        .where(Commission.brand_id == brand_id, Commission.partner_id == partner_id)
        .group_by(Commission.currency)
        .order_by(Commission.currency)
    )
    return [
        Money(row.currency, int(row.pending), int(row.approved), int(row.paid), row.next_approval)
        for row in session.execute(query)
    ]


def campaign_ids(session: Session, brand_id: str, partner_id: str) -> set[str]:
    """The campaigns that the partner has a link, a code or a placement in."""
    own = union(
        select(Link.campaign_id).where(Link.brand_id == brand_id, Link.partner_id == partner_id),
        select(Placement.campaign_id).where(Placement.brand_id == brand_id, Placement.partner_id == partner_id),
        select(CodeOwner.campaign_id)
        .join(Code, Code.id == CodeOwner.code_id)
        .where(Code.brand_id == brand_id, CodeOwner.partner_id == partner_id),
    )
    return {campaign_id for campaign_id in session.execute(own).scalars() if campaign_id}


def first_issued(session: Session, brand_id: str, partner_id: str) -> datetime | None:
    """When the partner got the first link or code; None while there is neither."""
    link = select(func.min(Link.created_at)).where(Link.brand_id == brand_id, Link.partner_id == partner_id)
    code = (
        select(func.min(CodeOwner.created_at))
        .join(Code, Code.id == CodeOwner.code_id)
        .where(Code.brand_id == brand_id, CodeOwner.partner_id == partner_id)
    )
    found = [session.execute(query).scalar() for query in (link, code)]
    return min((at for at in found if at is not None), default=None)


def codes(session: Session, brand_id: str, partner_id: str) -> Sequence[Row[str, CodeOwner]]:
    """The partner's codes and the periods in which they are or were his, the latest first."""
    query = (
        select(Code.text, CodeOwner)
        .join(CodeOwner, CodeOwner.code_id == Code.id)
        .where(Code.brand_id == brand_id, CodeOwner.partner_id == partner_id)
        .order_by(CodeOwner.valid_from.desc(), Code.text)
    )
    return session.execute(query).all()


def sales(
    session: Session,
    brand_id: str,
    partner_id: str,
    days: tuple[date, date],
    *,
    offset: int = 0,
    limit: int | None = None,
) -> list[Sold]:
    """The orders of these days (both included) that the partner had a hand in, with what came of it; latest first.

    A hand in it: a touchpoint of the journey, a commission, a code of his on it, a click on his link.
    """
    orders = session.execute(_orders(brand_id, partner_id, days).offset(offset).limit(limit)).all()
    if not orders:
        return []
    order_ids = [order.order_id for order in orders]
    credits = {row.order_id: row.credit for row in session.execute(_credited(session, partner_id, order_ids))}
    reckoned = {
        (order_id, currency): sums
        for order_id, currency, *sums in session.execute(_reckoned(session, partner_id, order_ids))
    }
    nothing = [0, 0, 0, 0]
    return [
        Sold._make((*order, credits.get(order.order_id), *reckoned.get((order.order_id, order.currency), nothing)))
        for order in orders
    ]


def _orders(brand_id: str, partner_id: str, days: tuple[date, date]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            *(OrderRow.id.label("order_id"), OrderRow.number, OrderRow.external_id, OrderRow.placed_at),
            *(OrderRow.status, OrderRow.test, OrderRow.currency),
        )
        .where(OrderRow.brand_id == brand_id, OrderRow.placed_day.between(*days), OrderRow.status.is_not(None))
        .where(OrderRow.id.in_(_concerned(brand_id, partner_id, days)))
        .order_by(OrderRow.placed_at.desc(), OrderRow.id.desc())
    )


def _concerned(brand_id: str, partner_id: str, days: tuple[date, date]) -> Any:
    of_days = (OrderRow.brand_id == brand_id, OrderRow.placed_day.between(*days))
    covers = and_(
        CodeOwner.valid_from <= OrderRow.placed_at,
        or_(CodeOwner.valid_to.is_(None), CodeOwner.valid_to > OrderRow.placed_at),
    )
    return union(
        select(Touch.order_id).where(Touch.brand_id == brand_id, Touch.partner_id == partner_id),
        select(Commission.order_id).where(Commission.brand_id == brand_id, Commission.partner_id == partner_id),
        select(OrderCode.order_id)
        .join(OrderRow, OrderRow.id == OrderCode.order_id)
        .join(Code, and_(Code.brand_id == OrderCode.brand_id, Code.normal == OrderCode.normal))
        .join(CodeOwner, and_(CodeOwner.code_id == Code.id, covers))
        .where(CodeOwner.partner_id == partner_id, *of_days),
        select(OrderClick.order_id)
        .join(OrderRow, OrderRow.id == OrderClick.order_id)
        .join(Click, Click.id == OrderClick.click_id)
        .join(Link, Link.id == Click.link_id)
        .where(Link.partner_id == partner_id, *of_days),
    )


def _reckoned(session: Session, partner_id: str, order_ids: Sequence[str]) -> Select[*tuple[Any, ...]]:
    approved, paid = aliased(CommissionStep), aliased(CommissionStep)
    return (
        select(Commission.order_id, Commission.currency, func.count().label("rows"), *_sums_by_state(approved, paid))
        .outerjoin(approved, _step(approved, State.APPROVED))
        .outerjoin(paid, _step(paid, State.PAID))
        .where(among(session, Commission.order_id, order_ids), Commission.partner_id == partner_id)
        .group_by(Commission.order_id, Commission.currency)
    )


def _credited(session: Session, partner_id: str, order_ids: Sequence[str]) -> Select[str, int]:
    return (
        select(Credit.order_id, func.sum(Credit.amount).label("credit"))
        .join(CreditSet, CreditSet.id == Credit.set_id)
        .where(among(session, CreditSet.order_id, order_ids), CreditSet.paying, CreditSet.sealed)
        .where(Credit.partner_id == partner_id)
        .group_by(Credit.order_id)
    )


def _sums_by_state(approved: type[CommissionStep], paid: type[CommissionStep]) -> tuple[ColumnElement[int], ...]:
    return (
        _sum(and_(approved.at.is_(None), paid.at.is_(None))).label("pending"),
        _sum(and_(approved.at.is_not(None), paid.at.is_(None))).label("approved"),
        _sum(paid.at.is_not(None)).label("paid"),
    )


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, Commission.amount), else_=0)), 0)


def _step(step: type[CommissionStep], state: State) -> ColumnElement[bool]:
    return and_(step.commission_id == Commission.id, step.state == state.value)
