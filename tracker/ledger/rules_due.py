"""A new version of the rules takes over the orders placed since its start, a batch a transaction, interrupted or not.

Every version does, for one that starts now too: an order placed a moment ago may have been credited meanwhile by
somebody who had not seen it yet. An order that changes its version is due in bulk, behind whatever is fresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, and_, exists, func, literal, or_, select, tuple_, update
from sqlalchemy.orm import Session

from tracker.ledger import due
from tracker.ledger.database import among
from tracker.ledger.tables import OrderRow, RulesDue, RuleSet
from tracker.ledger.types import Id, Moment

CAUSE = "rules"
_BEFORE_ALL = "0" * 32


@dataclass(frozen=True, slots=True)
class Left:
    """Orders that a new version has yet to look at, and orders that are due in bulk for one."""

    unseen: int
    due: int


def begin(session: Session, version: RuleSet, wall: datetime) -> None:
    """Write down, with the version, that it is to take over."""
    session.add(
        RulesDue(
            brand_id=version.brand_id,
            version=version.version,
            placed_at=version.effective_from,
            order_id=_BEFORE_ALL,
            since=wall,
        )
    )
    session.flush()


def is_any(session: Session) -> bool:
    """Whether a version has orders left to take over."""
    return session.execute(select(RulesDue.version).limit(1)).first() is not None


def take_over(session: Session, limit: int, wall: datetime, *, brand_id: str | None = None) -> int | None:
    """Put up to `limit` orders under the version of their sale time; how many were looked at, None if none are left.

    Call it first in a `writing` transaction. Several may run at once: each has a version of its own.
    """
    query = select(RulesDue).order_by(RulesDue.since, RulesDue.version).limit(1).with_for_update(skip_locked=True)
    row = session.execute(query.where(RulesDue.brand_id == brand_id) if brand_id else query).scalar_one_or_none()
    if row is None:
        return None
    orders = session.execute(
        select(OrderRow.id, OrderRow.placed_at)
        .where(_unseen(row))
        .order_by(OrderRow.placed_at, OrderRow.id)
        .limit(limit)
    ).all()
    due.mark_due_in_bulk(session, _restamp(session, row.brand_id, orders), CAUSE, wall)
    if len(orders) < limit:
        session.delete(row)
    else:
        row.placed_at, row.order_id = orders[-1].placed_at or row.placed_at, orders[-1].id
    session.flush()
    return len(orders)


def left(session: Session, brand_id: str) -> Left:
    """How much of the brand's changes of rules is still to be done."""
    concerned = exists().where(RulesDue.brand_id == OrderRow.brand_id, _unseen(RulesDue))
    unseen = select(func.count()).where(OrderRow.brand_id == brand_id, concerned)
    return Left(session.execute(unseen).scalar_one(), due.count_due(session, brand_id, bulk=True))


def _unseen(row: RulesDue | type[RulesDue]) -> ColumnElement[bool]:
    """The orders that come after where this row, or its column, stands."""
    seen = (
        tuple_(literal(row.placed_at, Moment), literal(row.order_id, Id))
        if isinstance(row, RulesDue)
        else (tuple_(row.placed_at, row.order_id))
    )
    return and_(OrderRow.brand_id == row.brand_id, tuple_(OrderRow.placed_at, OrderRow.id) > seen)


def _restamp(session: Session, brand_id: str, orders: Sequence[Row[str, datetime | None]]) -> list[str]:
    """Give orders the newest version that had begun at their sale; the ids of those whose version changed.

    It waits for whoever is crediting one of them, and sees what they stamped. An order without a stamp counts as
    changed: somebody may be crediting it who has not seen the version.
    """
    newest = (
        select(func.max(RuleSet.version))
        .where(RuleSet.brand_id == brand_id, RuleSet.effective_from <= OrderRow.placed_at)
        .scalar_subquery()
    )
    changing = (
        update(OrderRow)
        .where(
            among(session, OrderRow.id, [order.id for order in orders]),
            or_(OrderRow.rule_set.is_(None), OrderRow.rule_set < newest),
        )
        .values(rule_set=newest)
        .returning(OrderRow.id)
    )
    return list(session.execute(changing, execution_options={"synchronize_session": False}).scalars())
