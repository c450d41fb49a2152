"""Whatever can change a credit marks its orders due in its own transaction; a drainer settles only what it has seen.

How nothing slips between two transactions that cannot see each other: every marker holds a shared lock from before it
looks for the orders concerned until its commit; a drainer first reads the turns, then waits until every marker in
flight has ended, and only then reads facts. So a marker either has committed before the drainer reads, or begins to
look after the orders' own facts were visible, and gives them a new turn, which the drainer does not settle. SQLite has
one writer at a time and needs no lock.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Row,
    Select,
    String,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session, aliased

from tracker.domain.rules import SKEW
from tracker.ledger.database import among, among_bound, is_postgresql, packed
from tracker.ledger.tables import AttributionDue, Click, Code, CodeOwner, Link, OrderClick, OrderCode, OrderRow

# How many orders of the same customer, on either side of an order, are looked at as its family. A customer with more
# is a shop assistant or a marketplace, and must not make every one of its orders wait for all the others.
FAMILY = 20


_MARKERS = 7201984  # advisory lock: shared by markers until they commit, taken and given back by drainers
# How many times as many orders as he wants a drainer looks at: the first may all be in the hands of others.
_REACHES = (2, 16)
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Claim:
    """A due order, the turn at which it was claimed, and what made it due last."""

    order_id: str
    turn: int
    cause: str = ""


def mark_due(session: Session, order_ids: Iterable[str], cause: str, wall: datetime) -> None:
    """These orders, and their customers' neighbouring ones, are to be credited anew.

    Call it after the order's row is written; when its customer changes, before as well: the old family loses a member.
    """
    ids = sorted(set(order_ids))
    if not ids:
        return
    _begin_marking(session)
    _mark(session, {*ids, *(row.neighbour_id for row in family(session, ids))}, cause, wall)


def mark_due_for_clicks(
    session: Session,
    click_ids: Iterable[str],
    wall: datetime,
    *,
    identified: Iterable[str] | None = None,
    cause: str = "click",
    bulk: bool = False,
) -> None:
    """Orders that carry one of these clicks, or before which their visitor made one, and those orders' families.

    For the transaction that records the clicks or judges them anew, after it has. `identified` are those of them that
    name their visitor, where the caller knows; `bulk` puts them behind whatever is fresh.
    """
    ids = sorted(set(click_ids))
    named = ids if identified is None else sorted(set(identified))
    if not ids:
        return
    _begin_marking(session)
    carriers = select(OrderClick.order_id).where(among(session, OrderClick.click_id, ids))
    carrying = set(session.execute(carriers).scalars())
    seeds = dict.fromkeys(carrying, _EVER)
    concerned = set(carrying)
    for row in session.execute(_orders_of_visitors(session, named)) if named else ():
        seeds[row.order_id] = min(row.at, seeds.get(row.order_id, row.at))
        concerned.update([row.order_id] if _in_time(row.placed_at, row.at) else [])
    if not seeds:
        return
    for row in family(session, seeds):
        concerned.update([row.neighbour_id] if _in_time(row.placed_at, seeds[row.order_id]) else [])
    _mark(session, concerned, cause, wall, bulk=bulk)


def mark_due_for_code(session: Session, brand_id: str, normal: str, wall: datetime) -> None:
    """Every order of the brand that carries this code. For the transaction that changes whose code it is."""
    _begin_marking(session)
    carrying = select(OrderCode.order_id).where(OrderCode.brand_id == brand_id, OrderCode.normal == normal)
    _mark(session, session.execute(carrying).scalars(), "code", wall)


def mark_due_for_partner(session: Session, brand_id: str, partner_id: str, wall: datetime) -> None:
    """Every order that a link or code of the brand's partner may have led to, and those orders' families.

    For the transaction that changes what attribution reads of the partner.
    """
    _begin_marking(session)
    links = select(Link.id).where(Link.brand_id == brand_id, Link.partner_id == partner_id)
    codes = (
        select(OrderCode.order_id)
        .join(Code, and_(Code.brand_id == OrderCode.brand_id, Code.normal == OrderCode.normal))
        .join(CodeOwner, CodeOwner.code_id == Code.id)
        .where(OrderCode.brand_id == brand_id, CodeOwner.partner_id == partner_id)
    )
    found = union(*_orders_of_links(Click.link_id.in_(links)), codes)
    mark_due(session, session.execute(found).scalars(), "catalog", wall)


def mark_due_for_link(session: Session, link_id: str, wall: datetime) -> None:
    """Every order that a click on this link may have led to, and those orders' families.

    For the transaction that changes what attribution reads of the link.
    """
    _begin_marking(session)
    found = union(*_orders_of_links(Click.link_id == link_id))
    mark_due(session, session.execute(found).scalars(), "catalog", wall)


def mark_due_in_bulk(session: Session, order_ids: Iterable[str], cause: str, wall: datetime) -> None:
    """These orders alone are to be credited anew once nothing else waits; a fresh one keeps its place and its cause."""
    _begin_marking(session)
    _mark(session, order_ids, cause, wall, bulk=True)


def claim_due(session: Session, limit: int) -> list[Claim]:
    """Up to `limit` due orders with their rows locked: the longest due first, what is due in bulk last.

    Other drainers get other ones.

    Call it first in a `writing` transaction, read facts only afterwards, and `settle` before the commit.
    """
    for reach in _REACHES:
        longest = (
            select(AttributionDue.order_id, AttributionDue.turn, AttributionDue.cause)
            .order_by(AttributionDue.bulk, AttributionDue.since)
            .limit(limit * reach)
        )
        found = {row.order_id: row for row in session.connection().execute(longest)}
        locked = _lock(session, found, limit=limit) if found else []
        if locked or len(found) < limit * reach:
            break
    return [Claim(*found[order_id]) for order_id in _still_due(session, locked)]


def longest_due(session: Session, limit: int) -> list[str]:
    """The orders that wait longest to be credited, unlocked."""
    longest = select(AttributionDue.order_id).order_by(AttributionDue.bulk, AttributionDue.since).limit(limit)
    return list(session.execute(longest).scalars())


def claim_order(session: Session, order_id: str) -> Claim | None:
    """This order with its row locked, due or not; None where there is no such order. Waits for whoever holds it."""
    due = session.execute(
        select(AttributionDue.turn, AttributionDue.cause).where(AttributionDue.order_id == order_id)
    ).one_or_none()
    _wait_for_markers(session)
    row = select(OrderRow.id).where(OrderRow.id == order_id).with_for_update(key_share=True)
    known = session.execute(row).scalar() is not None
    return Claim(order_id, *(due or (0, "asked"))) if known else None


def settle(session: Session, claims: Iterable[Claim]) -> None:
    """The orders are credited as of the claimed turns; a later turn stays due.

    In order of ids, as markers write: two transactions never wait for each other crosswise.
    """
    settled = sorted(claims, key=lambda claim: claim.order_id)
    if settled and is_postgresql(session):
        ids, turns = ",".join(one.order_id for one in settled), ",".join(str(one.turn) for one in settled)
        session.connection().execute(_SETTLE, {"ids": ids, "turns": turns})
    elif settled:
        rows = [{"id": one.order_id, "seen": one.turn} for one in settled]
        seen = (AttributionDue.order_id == bindparam("id"), AttributionDue.turn == bindparam("seen"))
        session.connection().execute(delete(AttributionDue).where(*seen), rows)


_SETTLE = text(
    "WITH seen AS MATERIALIZED ("
    " SELECT due.order_id FROM attribution_due due"
    " JOIN unnest(string_to_array(:ids, ',')::uuid[], string_to_array(:turns, ',')::bigint[]) claim (id, turn)"
    " ON due.order_id = claim.id AND due.turn = claim.turn ORDER BY due.order_id FOR UPDATE OF due)"
    " DELETE FROM attribution_due USING seen WHERE attribution_due.order_id = seen.order_id"
)


def postpone(session: Session, order_id: str, wall: datetime) -> None:
    """Put a due order that cannot be credited behind all others, so that it holds up nobody."""
    session.execute(
        update(AttributionDue).where(AttributionDue.order_id == order_id).values(since=wall),
        execution_options={"synchronize_session": False},
    )


def count_due(
    session: Session, brand_id: str | None = None, *, bulk: bool | None = None, until: datetime | None = None
) -> int:
    """How many orders wait to be credited: of one brand, in bulk or not, due since `until` at the latest."""
    query = select(func.count()).select_from(AttributionDue)
    if brand_id is not None:
        query = query.join(OrderRow, OrderRow.id == AttributionDue.order_id).where(OrderRow.brand_id == brand_id)
    if bulk is not None:
        query = query.where(AttributionDue.bulk.is_(bulk))
    if until is not None:
        query = query.where(AttributionDue.since <= until)
    return session.execute(query).scalar_one()


def oldest_due(session: Session) -> datetime | None:
    """Wall time since which the longest waiting order is due, or None. What is due in bulk may take its time."""
    return session.execute(select(func.min(AttributionDue.since)).where(~AttributionDue.bulk)).scalar()


def family(session: Session, order_ids: Iterable[str]) -> Sequence[Row[Any]]:
    """Of each order the nearest others of the same customer and brand: up to FAMILY placed earlier and FAMILY later.

    Columns: order_id, neighbour_id, earlier, placed_at, status, test, click_ids (the neighbour's).
    """
    statement = _family(postgresql=is_postgresql(session))
    return session.connection().execute(statement, {"ids": packed(session, order_ids)}).all()


# The statements that run for every order are built once: building one costs ten times what running it does.


@cache
def _family(*, postgresql: bool) -> Select[*tuple[Any, ...]]:
    chosen = among_bound(OrderRow.id, bindparam("ids", type_=String()), postgresql=postgresql)
    ranked = union_all(_ranked(chosen, earlier=True), _ranked(chosen, earlier=False)).subquery()
    return select(ranked).where(ranked.c.rank <= FAMILY)


def _ranked(chosen: ColumnElement[bool], *, earlier: bool) -> Select[*tuple[Any, ...]]:
    order, other = OrderRow, aliased(OrderRow)
    if earlier:
        side = or_(other.placed_at < order.placed_at, and_(other.placed_at == order.placed_at, other.id < order.id))
        nearest = (other.placed_at.desc(), other.id.desc())
    else:
        side = or_(other.placed_at > order.placed_at, and_(other.placed_at == order.placed_at, other.id > order.id))
        nearest = (other.placed_at.asc(), other.id.asc())
    return (
        select(
            order.id.label("order_id"),
            other.id.label("neighbour_id"),
            literal(1 if earlier else 0).label("earlier"),
            other.placed_at.label("placed_at"),
            other.status.label("status"),
            other.test.label("test"),
            other.click_ids.label("click_ids"),
            func.row_number().over(partition_by=order.id, order_by=nearest).label("rank"),
        )
        .join(other, and_(other.brand_id == order.brand_id, other.customer == order.customer))
        .where(chosen, side)
    )


def _in_time(placed_at: datetime | None, click_at: datetime) -> bool:
    return placed_at is not None and placed_at + SKEW >= click_at


def _orders_of_visitors(session: Session, click_ids: list[str]) -> Select[*tuple[Any, ...]]:
    fresh, sibling = Click, aliased(Click)
    return (
        select(OrderClick.order_id, OrderRow.placed_at, fresh.at)
        .join(sibling, and_(sibling.visitor_id == fresh.visitor_id, sibling.brand_id == fresh.brand_id))
        .join(OrderClick, OrderClick.click_id == sibling.id)
        .join(OrderRow, OrderRow.id == OrderClick.order_id)
        .where(among(session, fresh.id, click_ids), fresh.visitor_id.is_not(None))
    )


def _orders_of_links(chosen: ColumnElement[bool]) -> tuple[Select[str], Select[str]]:
    """The orders that carry one of the chosen clicks, and those that carry another click of such a click's visitor.

    What a journey holds is among them or, through a customer, in their families: so touches need not be asked.
    """
    sibling = aliased(Click)
    carriers = select(OrderClick.order_id).join(Click, Click.id == OrderClick.click_id).where(chosen)
    visitors = (
        select(OrderClick.order_id)
        .join(sibling, sibling.id == OrderClick.click_id)
        .join(Click, and_(Click.visitor_id == sibling.visitor_id, Click.brand_id == sibling.brand_id))
        .where(chosen, Click.visitor_id.is_not(None))
    )
    return carriers, visitors


def _begin_marking(session: Session) -> None:
    if is_postgresql(session):
        session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": _MARKERS})


def _wait_for_markers(session: Session) -> None:
    if is_postgresql(session):
        session.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MARKERS})
        session.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MARKERS})


def _lock(session: Session, found: Collection[str], *, limit: int) -> Sequence[str]:
    """No lock of ours may be held while we wait for the markers: they may be waiting for one of these orders."""
    _wait_for_markers(session)
    still_due: Select[str] = (
        select(OrderRow.id)
        .join(AttributionDue, AttributionDue.order_id == OrderRow.id)
        .where(among(session, OrderRow.id, found))
        .order_by(AttributionDue.bulk, AttributionDue.since)
        .limit(limit)
        .with_for_update(skip_locked=True, of=OrderRow, key_share=True)
    )
    return session.connection().execute(still_due).scalars().all()


def _still_due(session: Session, locked: Sequence[str]) -> Sequence[str]:
    """The locking statement saw what was due when it began; whoever gave back an order meanwhile has settled it."""
    if not is_postgresql(session) or not locked:
        return locked
    due = select(AttributionDue.order_id).where(among(session, AttributionDue.order_id, locked))
    waiting = set(session.connection().execute(due).scalars())
    return [order_id for order_id in locked if order_id in waiting]


def _mark(session: Session, order_ids: Iterable[str], cause: str, wall: datetime, *, bulk: bool = False) -> None:
    """Turns begin at random, so that a turn settled once can never be mistaken for a later one."""
    turn = secrets.randbits(48)
    figures = {"ids": packed(session, order_ids), "turn": turn, "cause": cause, "bulk": bulk, "since": wall}
    session.connection().execute(_marking(postgresql=is_postgresql(session)), figures)


@cache
def _marking(*, postgresql: bool) -> Insert:
    chosen = among_bound(OrderRow.id, bindparam("ids", type_=String()), postgresql=postgresql)
    rows = select(
        OrderRow.id,
        bindparam("turn", type_=AttributionDue.turn.type),
        bindparam("cause", type_=AttributionDue.cause.type),
        bindparam("bulk", type_=AttributionDue.bulk.type),
        bindparam("since", type_=AttributionDue.since.type),
    )
    insert = insert_postgresql if postgresql else insert_sqlite
    statement = insert(AttributionDue).from_select(
        ["order_id", "turn", "cause", "bulk", "since"], rows.where(chosen).order_by(OrderRow.id)
    )
    fresh = ~AttributionDue.bulk
    return statement.on_conflict_do_update(
        index_elements=["order_id"],
        set_={
            "turn": AttributionDue.turn + 1,
            "cause": case((and_(statement.excluded.bulk, fresh), AttributionDue.cause), else_=statement.excluded.cause),
            "bulk": and_(AttributionDue.bulk, statement.excluded.bulk),
            "since": case((or_(statement.excluded.bulk, fresh), AttributionDue.since), else_=statement.excluded.since),
        },
    )
