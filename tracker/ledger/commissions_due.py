"""Whatever changes the paying credits of an order marks its commissions due in its own transaction.

Who marks holds the order's row, and so does who claims: a drainer sees either the credits that made the order due, or a
turn that it does not settle.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache

from sqlalchemy import Insert, Select, String, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tracker.ledger.database import among, among_bound, is_postgresql, packed
from tracker.ledger.due import Claim
from tracker.ledger.tables import CommissionsDue, OrderRow


def mark(session: Session, causes: Mapping[str, str], wall: datetime) -> None:
    """The commissions of these orders may have changed; `causes` by order id.

    For the transaction that writes the credits. Turns begin at random, so that one settled once never comes again.
    """
    if not causes:
        return
    turn, marking = secrets.randbits(48), _marking(postgresql=is_postgresql(session))
    of_cause: dict[str, list[str]] = {}
    for order_id in sorted(causes):
        of_cause.setdefault(causes[order_id], []).append(order_id)
    for cause, order_ids in of_cause.items():
        figures = {"ids": packed(session, order_ids), "turn": turn, "cause": cause, "since": wall}
        session.connection().execute(marking, figures)


def claim(session: Session, limit: int) -> list[Claim]:
    """Up to `limit` orders whose commissions are due with the orders' rows locked, the longest due first.

    Call it first in a `writing` transaction, read credits only afterwards, and `settle` before the commit.
    """
    found = session.execute(
        select(CommissionsDue.order_id).order_by(CommissionsDue.since, CommissionsDue.order_id).limit(limit)
    ).scalars()
    locking: Select[str] = (
        select(OrderRow.id).where(among(session, OrderRow.id, found)).with_for_update(skip_locked=True, key_share=True)
    )
    locked = session.execute(locking).scalars().all()
    # Read after the lock: whoever held the order before may have settled it, or marked it once more.
    turns = select(CommissionsDue.order_id, CommissionsDue.turn, CommissionsDue.cause).where(
        among(session, CommissionsDue.order_id, locked)
    )
    rows = session.execute(turns.order_by(CommissionsDue.since, CommissionsDue.order_id)) if locked else ()
    return [Claim(row.order_id, row.turn, row.cause) for row in rows]


def settle(session: Session, claims: Iterable[Claim]) -> None:
    """The commissions are reckoned as of the claimed turns; a later turn stays due."""
    rows = [{"id": one.order_id, "seen": one.turn} for one in sorted(claims, key=lambda one: one.order_id)]
    seen = (CommissionsDue.order_id == bindparam("id"), CommissionsDue.turn == bindparam("seen"))
    if rows:
        session.connection().execute(delete(CommissionsDue).where(*seen), rows)


def postpone_longest(session: Session, wall: datetime) -> str | None:
    """Put the order that waits longest behind all others, so that it holds up nobody; which one."""
    longest = select(CommissionsDue.order_id).order_by(CommissionsDue.since, CommissionsDue.order_id).limit(1)
    order_id = session.execute(longest).scalar_one_or_none()
    if order_id is not None:
        row = update(CommissionsDue).where(CommissionsDue.order_id == order_id).values(since=wall)
        session.execute(row, execution_options={"synchronize_session": False})
    return order_id


def oldest(session: Session) -> datetime | None:
    """Wall time since which the longest waiting order is due, or None."""
    return session.execute(select(func.min(CommissionsDue.since))).scalar()


def count(session: Session) -> int:
    """How many orders wait for their commissions."""
    return session.execute(select(func.count()).select_from(CommissionsDue)).scalar_one()


@cache
def _marking(*, postgresql: bool) -> Insert:
    """One statement for many orders, in order of ids: two transactions never wait for each other crosswise."""
    chosen = among_bound(OrderRow.id, bindparam("ids", type_=String()), postgresql=postgresql)
    columns = (CommissionsDue.turn, CommissionsDue.cause, CommissionsDue.since)
    rows = select(OrderRow.id, *(bindparam(column.key, type_=column.type) for column in columns))
    insert = insert_postgresql if postgresql else insert_sqlite
    statement = insert(CommissionsDue).from_select(
        ["order_id", *(column.key for column in columns)], rows.where(chosen).order_by(OrderRow.id)
    )
    return statement.on_conflict_do_update(
        index_elements=["order_id"],
        set_={"turn": CommissionsDue.turn + 1, "cause": statement.excluded.cause},
    )
