"""A delivery is kept once, as it came, before anybody is told that it arrived; what became of it is written beside it.

Whether a delivery is new is decided by the unique constraint on its shop and dedupe key, never by looking first.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b, sha256
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Row, Select, Table, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tracker.domain.deliveries import Delivery
from tracker.domain.ids import new_id
from tracker.ledger.bulk import insert_ignore
from tracker.ledger.database import is_postgresql
from tracker.ledger.tables import Brand, Counter, DeadLetter, InboxRow, Shop, ShopSecret

SOURCE = "deliveries"  # of the dead letters that no inbox could hold
_IN_BASE64 = re.compile(rb'"body":"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"')

LONGEST_KEY = 200
LONGEST_TOPIC = 100
LONGEST_ERROR = 500
LONGEST_COUNT = 80
MOST_ATTEMPTS = 12  # about three hours

# Statements that run for every delivery are built once: building one costs ten times what running it does.
_INBOX = cast(Table, InboxRow.__table__)
_CLAIM = (
    select(
        _INBOX.c.headers,
        _INBOX.c.body,
        _INBOX.c.received_at,
        _INBOX.c.attempts,
        _INBOX.c.shop_id,
        Shop.platform,
        Shop.brand_id,
        Brand.time_zone,
        Brand.net_formula,
    )
    .join(Shop, Shop.id == _INBOX.c.shop_id)
    .join(Brand, Brand.id == Shop.brand_id)
    .where(_INBOX.c.id == bindparam("row_id"), _INBOX.c.state == "pending")
    .with_for_update(of=_INBOX, skip_locked=True)
)
_FINISH = update(_INBOX).where(_INBOX.c.id == bindparam("row_id")).values(attempts=_INBOX.c.attempts + 1)


class State(StrEnum):
    """What became of a delivery. Only a pending one is worked on; every other but done waits for a person."""

    PENDING = "pending"
    DONE = "done"
    QUARANTINED = "quarantined"
    FAILED = "failed"
    ANOMALY = "anomaly"


@dataclass(frozen=True, slots=True)
class KnownShop:
    """What the door must know of a shop; its secrets are still sealed, as (id, sealed)."""

    id: str
    brand_id: str
    platform: str
    token: str
    disabled: bool
    secrets: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A pending delivery, held until the transaction ends, with what its shop says about reading it."""

    id: str
    delivery: Delivery
    attempts: int
    shop_id: str
    platform: str
    brand_id: str
    time_zone: str
    net_formula: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A delivery as people see it: without headers and body, which hold personal data."""

    id: str
    brand_id: str
    shop_id: str
    shop: str
    platform: str
    topic: str
    dedupe_key: str
    state: str
    error: str | None
    attempts: int
    size: int | None
    received_at: datetime
    due_at: datetime


def known_shops(session: Session, token: str | None = None) -> list[KnownShop]:
    """The shop of that token, or every shop; with the secrets in force, the oldest first."""
    mine = [] if token is None else [Shop.token == token]
    sealed: dict[str, list[tuple[str, bytes]]] = {}
    secrets = (
        select(ShopSecret.shop_id, ShopSecret.id, ShopSecret.sealed)
        .join(Shop, Shop.id == ShopSecret.shop_id)
        .where(ShopSecret.removed_at.is_(None), *mine)
        .order_by(ShopSecret.id)
    )
    for secret in session.execute(secrets):
        sealed.setdefault(secret.shop_id, []).append((secret.id, secret.sealed))
    shops = select(Shop.id, Shop.brand_id, Shop.platform, Shop.token, Shop.disabled_at).where(*mine)
    return [
        KnownShop(
            id=shop.id,
            brand_id=shop.brand_id,
            platform=shop.platform,
            token=shop.token,
            disabled=shop.disabled_at is not None,
            secrets=tuple(sealed.get(shop.id, ())),
        )
        for shop in session.execute(shops.order_by(Shop.id))
    ]


def digest(body: bytes) -> str:
    """What tells one body from another: SHA-256 in hexadecimal."""
    return sha256(body).hexdigest()


def keep(
    session: Session,
    shop_id: str,
    delivery: Delivery,
    *,
    dedupe_key: str,
    topic: str,
    wall: datetime,
    state: State = State.PENDING,
    error: str | None = None,
) -> bool:
    """Keep a delivery unless one is there under its key; whether it is new. `wall` is when it may be worked on."""
    row = {
        "id": new_id(),
        "shop_id": shop_id,
        "dedupe_key": dedupe_key[:LONGEST_KEY],
        "topic": topic[:LONGEST_TOPIC],
        "headers": dict(delivery.headers),
        "body": delivery.body,
        "body_digest": digest(delivery.body),
        "state": state,
        "error": error and error[:LONGEST_ERROR],
        "attempts": 0,
        "received_at": delivery.received_at,
        "due_at": wall,
    }
    return insert_ignore(session, InboxRow, [row]) == 1


def first_body(session: Session, shop_id: str, dedupe_key: str) -> tuple[str, bytes | None]:
    """The digest and the body (None once purged) of the delivery that is kept under this key."""
    found = session.execute(
        select(InboxRow.body_digest, InboxRow.body).where(
            InboxRow.shop_id == shop_id, InboxRow.dedupe_key == dedupe_key[:LONGEST_KEY]
        )
    ).one()
    return found.body_digest, found.body


def pending(session: Session, wall: datetime, limit: int) -> Sequence[str]:
    """Ids of deliveries to work on, in the order of their arrival: new ones, and others whose time has come."""
    query = (
        select(InboxRow.id)
        .where(InboxRow.state == State.PENDING, or_(InboxRow.attempts == 0, InboxRow.due_at <= wall))
        .order_by(InboxRow.id)
        .limit(limit)
    )
    return session.execute(query).scalars().all()


def claim(session: Session, delivery_id: str) -> Claimed | None:
    """The delivery if it is pending and nobody else has it in hand; nobody else gets it until we commit."""
    row = session.connection().execute(_CLAIM, {"row_id": delivery_id}).one_or_none()
    if row is None:
        return None
    return Claimed(
        id=delivery_id,
        delivery=Delivery(headers=row.headers, body=row.body or b"", received_at=row.received_at),
        attempts=row.attempts,
        shop_id=row.shop_id,
        platform=row.platform,
        brand_id=row.brand_id,
        time_zone=row.time_zone,
        net_formula=row.net_formula,
    )


def finish(session: Session, delivery_id: str, state: State, error: str | None = None) -> None:
    """Write what became of a claimed delivery."""
    told = {"row_id": delivery_id, "state": state, "error": error and error[:LONGEST_ERROR]}
    session.connection().execute(_FINISH, told)


def put_off(session: Session, delivery_id: str, *, error: str, wall: datetime) -> None:
    """An attempt failed: again after ever longer pauses, and after the last one not before a person says so."""
    query = select(InboxRow.attempts).where(InboxRow.id == delivery_id, InboxRow.state == State.PENDING)
    attempts = session.execute(query).scalar_one_or_none()
    if attempts is None:
        return
    _update(
        session,
        update(InboxRow)
        .where(InboxRow.id == delivery_id)
        .values(
            state=State.PENDING if attempts + 1 < MOST_ATTEMPTS else State.FAILED,
            error=error[:LONGEST_ERROR],
            attempts=attempts + 1,
            due_at=wall + pause(attempts + 1),
        ),
    )


def pause(attempts: int) -> timedelta:
    """How long a delivery waits after so many failed attempts: from ten seconds, doubling, to an hour."""
    return min(timedelta(seconds=5 * 2**attempts), timedelta(hours=1))


def retry(session: Session, ids: Iterable[str], wall: datetime) -> int:
    """Have deliveries worked on once more, whatever became of them; how many there were that still have a body."""
    return _update(
        session,
        update(InboxRow)
        .where(InboxRow.id.in_(list(ids)), InboxRow.state != State.PENDING, InboxRow.body.is_not(None))
        .values(state=State.PENDING, error=None, attempts=0, due_at=wall),
    )


def list_inbox(
    session: Session,
    *,
    brand_id: str | None = None,
    brand_ids: Collection[str] | None = None,
    states: Collection[str] = (),
    before: str | None = None,
    limit: int = 100,
) -> list[Entry]:
    """Deliveries, the newest first, of one brand, of `brand_ids` or of all.

    `before` is the id of the last one of the previous page.
    """
    query = (
        select(
            InboxRow.id,
            Shop.brand_id,
            InboxRow.shop_id,
            Shop.name.label("shop"),
            Shop.platform,
            InboxRow.topic,
            InboxRow.dedupe_key,
            InboxRow.state,
            InboxRow.error,
            InboxRow.attempts,
            func.length(InboxRow.body).label("size"),
            InboxRow.received_at,
            InboxRow.due_at,
        )
        .join(Shop, Shop.id == InboxRow.shop_id)
        .order_by(InboxRow.id.desc())
        .limit(limit)
    )
    if brand_id is not None:
        query = query.where(Shop.brand_id == brand_id)
    if brand_ids is not None:
        query = query.where(Shop.brand_id.in_(brand_ids))
    if states:
        query = query.where(InboxRow.state.in_(states))
    if before is not None:
        query = query.where(InboxRow.id < before)
    return [Entry(**row._mapping) for row in session.execute(query)]


def counts(session: Session) -> dict[str, int]:
    """How many deliveries stand in each state."""
    query = select(InboxRow.state, func.count()).group_by(InboxRow.state)
    found: dict[str, int] = dict(iter(session.execute(query)))
    return {state.value: found.get(state, 0) for state in State}


def oldest_pending(session: Session) -> datetime | None:
    """When the delivery that waits longest arrived, or None where none waits."""
    return session.execute(
        select(InboxRow.received_at).where(InboxRow.state == State.PENDING).order_by(InboxRow.id).limit(1)
    ).scalar_one_or_none()


def purge_bodies(session: Session, before: datetime) -> int:
    """Blank the raw bodies that arrived before a moment, and such dead letters; how many. What is pending is needed.

    Keys and digests stay for ever, for a platform without timestamps can be replayed for ever.
    """
    old = select(InboxRow.id).where(
        InboxRow.state != State.PENDING, InboxRow.received_at < before, InboxRow.body.is_not(None)
    )
    return blank(session, old) + _blank_letters(session, DeadLetter.at < before)


def blank(session: Session, ids: Select[str] | Collection[str]) -> int:
    """Blank bodies and headers, and the state of what can then not be worked on any more; how many there were.

    A quarantined, failed or anomalous delivery without its body is done with.
    """
    return _update(
        session,
        update(InboxRow)
        .where(InboxRow.id.in_(ids), InboxRow.body.is_not(None))
        .values(body=None, headers={}, state=State.DONE),
    )


def blank_shop(session: Session, shop_id: str) -> int:
    """The same for everything of one shop but what is still needed, dead letters too."""
    letters = _letters_of(session, [shop_id], [b""])
    return blank(
        session, select(InboxRow.id).where(InboxRow.shop_id == shop_id, InboxRow.state != State.PENDING)
    ) + _blank_letters(session, DeadLetter.id.in_(letters))


def blank_letters_naming(session: Session, shop_ids: Collection[str], traces: Collection[str]) -> int:
    """Blank the dead letters of these shops' deliveries that hold one of `traces` (as `naming` compares); how many."""
    return _blank_letters(session, DeadLetter.id.in_(_letters_of(session, shop_ids, _wanted(traces))))


def _letters_of(session: Session, shop_ids: Collection[str], wanted: Collection[bytes]) -> list[str]:
    """Ids of the dead letters that name one of these shops and hold one of `wanted`. There are few of them."""
    query = select(DeadLetter.id, DeadLetter.payload).where(DeadLetter.source == SOURCE, DeadLetter.payload != b"")
    shops = [shop_id.encode() for shop_id in shop_ids]
    return [
        row.id
        for row in session.execute(query)
        if any(shop in row.payload for shop in shops) and any(trace in _said(row.payload) for trace in wanted)
    ]


def _said(line: bytes) -> bytes:
    """What a journalled delivery says, in lower case: its line holds the body in base64."""
    bodies = [b64decode(found) for found in _IN_BASE64.findall(line)]
    return b"\n".join([line, *bodies]).lower()


def _blank_letters(session: Session, which: ColumnElement[bool]) -> int:
    old = (DeadLetter.source == SOURCE, DeadLetter.payload != b"", which)
    return _update(session, update(DeadLetter).where(*old).values(payload=b""))


def naming(session: Session, shop_ids: Collection[str], traces: Collection[str], *, waiting: bool = False) -> list[str]:
    """Ids of these shops' deliveries whose raw body holds one of `traces` (compared in lower case, as bytes).

    Pending ones only if asked: they are still needed.
    """
    wanted = _wanted(traces)
    query = select(InboxRow.id, InboxRow.body).where(InboxRow.shop_id.in_(shop_ids), InboxRow.body.is_not(None))
    if not waiting:
        query = query.where(InboxRow.state != State.PENDING)
    rows: Iterable[Row[tuple[str, bytes | None]]] = session.execute(query.execution_options(yield_per=200))
    return [row.id for row in rows if any(trace in (row.body or b"").lower() for trace in wanted)]


def _wanted(traces: Iterable[str]) -> list[bytes]:
    return [trace.lower().encode("utf-8", "replace") for trace in traces if trace]


def bury(session: Session, payload: bytes, error: str, wall: datetime) -> None:
    """Keep what no inbox can hold, whole, with the reason; the same again is nothing."""
    name = blake2b(payload, digest_size=16).hexdigest()
    row = {"id": name, "source": SOURCE, "payload": payload, "error": error[:LONGEST_ERROR], "at": wall}
    insert_ignore(session, DeadLetter, [row])


def used_secret(session: Session, secret_id: str, wall: datetime) -> None:
    """Note that a secret signed a delivery: when the old one falls silent it may be removed."""
    _update(session, update(ShopSecret).where(ShopSecret.id == secret_id).values(last_used_at=wall))


def count(session: Session, name: str, host: str, by: int, wall: datetime) -> None:
    """Add to a figure of operation that outlives processes."""
    insert = insert_postgresql if is_postgresql(session) else insert_sqlite
    statement = insert(Counter).values(name=name, host=host, value=by, updated_at=wall)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["name", "host"], set_={"value": Counter.value + by, "updated_at": wall}
        )
    )


def set_count(session: Session, name: str, host: str, value: int, wall: datetime) -> None:
    """Set a figure of operation that somebody else adds up."""
    insert = insert_postgresql if is_postgresql(session) else insert_sqlite
    statement = insert(Counter).values(name=name, host=host, value=value, updated_at=wall)
    session.execute(
        statement.on_conflict_do_update(index_elements=["name", "host"], set_={"value": value, "updated_at": wall})
    )


def loss_name(journal: str, process: str) -> str:
    """The figure of one process's lines that a journal could not take: two processes never share one."""
    name = f"{journal}_lost:{process}"
    return (
        name
        if len(name) <= LONGEST_COUNT
        else f"{journal}_lost:{blake2b(process.encode(), digest_size=16).hexdigest()}"
    )


def _update(session: Session, statement: Any) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast("CursorResult[Any]", result).rowcount
