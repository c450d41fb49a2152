"""What a brand and a partner said to each other; a message is unread until the other side has seen it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, select, update
from sqlalchemy.orm import Session

from tracker.domain.disputes import DisputeState
from tracker.ledger.tables import Dispute, Document, Message, OrderRow


def thread(session: Session, brand_id: str, partner_id: str, dispute_id: str | None = None) -> Sequence[Message]:
    """All that was said, or all about one dispute, the oldest first."""
    query = select(Message).where(Message.brand_id == brand_id, Message.partner_id == partner_id)
    if dispute_id:
        query = query.where(Message.dispute_id == dispute_id)
    return session.execute(query.order_by(Message.at, Message.id)).scalars().all()


def unread(session: Session, brand_id: str, partner_id: str, *, from_partner: bool) -> int:
    """How many messages of that side the other has not seen."""
    query = select(func.count()).where(*_unread(brand_id, partner_id, from_partner=from_partner))
    return session.execute(query.select_from(Message)).scalar_one()


def mark_read(session: Session, brand_id: str, partner_id: str, now: datetime, *, from_partner: bool) -> None:
    """The other side has seen that side's messages."""
    unseen = _unread(brand_id, partner_id, from_partner=from_partner)
    session.execute(update(Message).where(*unseen).values(read_at=now))


def threads(session: Session, brand_id: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """A row for each partner that something was said to or by, the latest first: partner_id, messages, unread, at."""
    waiting = case((Message.from_partner & Message.read_at.is_(None), 1), else_=0)
    at = func.max(Message.at).label("at")
    query = (
        select(Message.partner_id, func.count().label("messages"), func.sum(waiting).label("unread"), at)
        .where(Message.brand_id == brand_id)
        .group_by(Message.partner_id)
        .order_by(at.desc(), Message.partner_id)
    )
    return session.execute(query).all()


def disputes(session: Session, brand_id: str, partner_id: str | None = None) -> Sequence[Row[Dispute, str, str]]:
    """The brand's disputes (or the partner's), the open ones first, by due day; with the number and the shop's name of
    the order.
    """
    is_open = case((Dispute.state == DisputeState.OPEN.value, 0), else_=1)
    query = (
        select(Dispute, OrderRow.number, OrderRow.external_id)
        .join(OrderRow, OrderRow.id == Dispute.order_id)
        .where(Dispute.brand_id == brand_id)
        .order_by(is_open, Dispute.due_on, Dispute.id)
    )
    return session.execute(query.where(Dispute.partner_id == partner_id) if partner_id else query).all()


def papers(session: Session, brand_id: str, partner_id: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """The partner's documents that were not taken back, without what is in them; the latest first."""
    columns = (Document.id, Document.name, Document.content_type, Document.campaign_id, Document.created_at)
    query = (
        select(*columns, func.length(Document.content).label("size"))
        .where(Document.brand_id == brand_id, Document.partner_id == partner_id, Document.removed_at.is_(None))
        .order_by(Document.created_at.desc(), Document.id.desc())
    )
    return session.execute(query).all()


def _unread(brand_id: str, partner_id: str, *, from_partner: bool) -> tuple[ColumnElement[bool], ...]:
    return (
        Message.brand_id == brand_id,
        Message.partner_id == partner_id,
        Message.from_partner.is_(from_partner),
        Message.read_at.is_(None),
    )
