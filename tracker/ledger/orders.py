"""Order events are facts and are only added; the order's row is their fold, written under the row's own lock.

Two deliveries of one order queue at its row, and two orders of one customer at the customer, so that neither can be
folded from half of what is known. Whatever changes is marked due in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from tracker.domain import codes
from tracker.domain.ids import derived_id, is_id, new_id
from tracker.domain.orders import (
    Order,
    OrderEvent,
    Snapshot,
    Status,
    change_from_json,
    change_to_json,
    fold,
)
from tracker.errors import BadPayload, say
from tracker.ledger import figures, inbox, segments
from tracker.ledger.bulk import insert_ignore
from tracker.ledger.database import is_postgresql
from tracker.ledger.due import mark_due
from tracker.ledger.tables import Brand, OrderClick, OrderCode, OrderEventRow, OrderRow, Redaction, Shop

LONGEST_EXTERNAL_ID = 100
LONGEST_KEY = 200
LONGEST_NUMBER = 100

OrderRowValues = Mapping[str, Any]
"""A row of `orders`, by column."""

Placed = tuple[datetime, str]
"""Where an order stands among its customer's: when it was placed, and its id for two at the same moment."""

_NEVER: Placed = (datetime.max.replace(tzinfo=UTC), "f" * 32)

# Statements that run for every delivery are built once: building one costs ten times what running it does.
_ORDERS = cast(Table, OrderRow.__table__)
_EVENTS = cast(Table, OrderEventRow.__table__)
_LOCK = (
    select(
        *_ORDERS.c,
        exists()
        .where(Redaction.shop_id == _ORDERS.c.shop_id, Redaction.external_id == _ORDERS.c.external_id)
        .label("redacted"),
    )
    .where(_ORDERS.c.id == bindparam("row_id"))
    .with_for_update(of=_ORDERS, key_share=True)
)
_UPDATE = update(_ORDERS).where(_ORDERS.c.id == bindparam("row_id"))
_EVENTS_OF = select(_EVENTS.c.key, _EVENTS.c.version, _EVENTS.c.change).where(
    _EVENTS.c.shop_id == bindparam("shop"), _EVENTS.c.external_id == bindparam("order")
)
_OTHERS = (
    _ORDERS.c.brand_id == bindparam("brand"),
    _ORDERS.c.customer == bindparam("who"),
    _ORDERS.c.id != bindparam("row_id"),
)
_FIRST_COUNTING = (
    select(_ORDERS.c.placed_at, _ORDERS.c.id)
    .where(
        *_OTHERS,
        _ORDERS.c.placed_at.is_not(None),
        _ORDERS.c.test.is_(False),
        _ORDERS.c.status.in_([Status.PENDING, Status.PAID]),
    )
    .order_by(_ORDERS.c.placed_at, _ORDERS.c.id)
    .limit(1)
)


def _after(place: str) -> ColumnElement[bool]:
    at, tie = (
        bindparam(f"{place}_at", type_=_ORDERS.c.placed_at.type),
        bindparam(f"{place}_id", type_=_ORDERS.c.id.type),
    )
    return or_(_ORDERS.c.placed_at > at, and_(_ORDERS.c.placed_at == at, _ORDERS.c.id > tie))


_RENEW = (
    update(_ORDERS)
    .where(*_OTHERS, _after("earlier"), ~_after("later"))
    .values(customer_is_new=bindparam("is_new"))
    .returning(_ORDERS.c.placed_day)
)


@dataclass(frozen=True, slots=True)
class Home:
    """Whose order it is, the time zone whose days count, and the formula of the net value."""

    shop_id: str
    brand_id: str
    time_zone: str
    net_formula: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What events came to: ids of the orders that changed, and whether one's customer asked to be forgotten."""

    changed: tuple[str, ...]
    forgotten: bool


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure touched."""

    orders: int
    bodies: int


def order_id(shop_id: str, external_id: str) -> str:
    """The id of a shop's order: always the same, whoever folds it and however often."""
    return derived_id(shop_id, external_id)


def record(
    session: Session,
    home: Home,
    events: Sequence[OrderEvent],
    *,
    delivery_id: str | None,
    now: datetime,
    wall: datetime,
) -> Recorded:
    """Add events and fold their orders anew; every order that changed is marked due.

    `now` dates the record, `wall` the mark. Raises BadPayload for an event that no order can hold.
    """
    told: dict[str, list[OrderEvent]] = {}
    for event in events:
        _check(event)
        told.setdefault(event.external_id, []).append(event)
    _lock_customers(session, home.brand_id, _customers_in(events))
    changed, forgotten = [], False
    for external_id in sorted(told):
        row, redacted = _lock(session, home, external_id, now)
        forgotten |= redacted
        if redacted:
            told[external_id] = [_without_customer(event) for event in told[external_id]]
        added = _add_events(session, home.shop_id, told[external_id], delivery_id, now)
        if (added or row["status"] is None) and _fold(session, home, row, now=now, wall=wall):
            changed.append(row["id"])
    return Recorded(tuple(changed), forgotten)


def waiting(session: Session) -> tuple[int, datetime | None]:
    """How many orders wait for their first snapshot, as only refunds of them came so far, and since when the oldest."""
    found = session.execute(
        select(func.count(), func.min(OrderRow.folded_at)).where(
            OrderRow.brand_id.in_(select(Brand.id)), OrderRow.placed_at.is_(None), OrderRow.status.is_(None)
        )
    ).one()
    return found[0], found[1]


def refold(session: Session, home: Home, external_id: str, *, now: datetime, wall: datetime) -> bool:
    """Fold one order from its events alone; whether its row changed. What is a conclusion can always be rebuilt.

    One order a transaction: as in `record`, its customers are locked before its row.
    """
    _lock_customers(session, home.brand_id, _customers_in(events_of(session, home.shop_id, external_id)))
    row, _ = _lock(session, home, external_id, now)
    return _fold(session, home, row, now=now, wall=wall)


def events_of(session: Session, shop_id: str, external_id: str) -> list[OrderEvent]:
    """Everything a shop told us about one order."""
    found = session.connection().execute(_EVENTS_OF, {"shop": shop_id, "order": external_id})
    return [
        OrderEvent(external_id=external_id, key=row.key, version=row.version, change=change_from_json(row.change))
        for row in found
    ]


# --- folding ----------------------------------------------------------------------------------------------------------


def _fold(session: Session, home: Home, row: OrderRowValues, *, now: datetime, wall: datetime) -> bool:
    order = fold(events_of(session, home.shop_id, row["external_id"]), home.net_formula)
    return _write(session, home, row, order, now=now, wall=wall)


def _lock(session: Session, home: Home, external_id: str, now: datetime) -> tuple[OrderRowValues, bool]:
    """The order's row, made if need be and ours until the commit, and whether its customer asked to be forgotten."""
    key = {"row_id": order_id(home.shop_id, external_id)}
    found = session.connection().execute(_LOCK, key).one_or_none()
    if found is None:
        insert_ignore(session, OrderRow, [_waiting(home, external_id, now)])
        found = session.connection().execute(_LOCK, key).one()
    return found._asdict(), found.redacted


def _waiting(home: Home, external_id: str, now: datetime) -> dict[str, Any]:
    """The row of an order of which only the id is known: it is visible, and never an order of nothing."""
    return {
        "id": order_id(home.shop_id, external_id),
        "brand_id": home.brand_id,
        "shop_id": home.shop_id,
        "external_id": external_id,
        "folded_at": now,
        **_conclusions(None, home),
    }


def _conclusions(order: Order | None, home: Home) -> dict[str, Any]:
    """The columns that the fold decides; customer_is_new comes from the customer's other orders."""
    return {
        "number": order.number[:LONGEST_NUMBER] if order else "",
        "status": order.status.value if order else None,
        "test": order.test if order else False,
        "currency": order.currency if order else None,
        "total": order.total if order else 0,
        "goods": order.goods if order else 0,
        "refunded": order.refunded if order else 0,
        "net": order.net if order else 0,
        "net_formula": home.net_formula,
        "placed_at": order.placed_at if order else None,
        "placed_day": order.placed_at.astimezone(ZoneInfo(home.time_zone)).date() if order else None,
        "customer": order.customer if order else None,
        "region": order.region if order else None,
        "codes": list(order.codes) if order else [],
        "click_ids": list(order.click_ids) if order else [],
        "flags": list(order.flags) if order else [],
        "marks": (list(order.marks) or None) if order else None,
    }


def _write(
    session: Session, home: Home, row: OrderRowValues, order: Order | None, *, now: datetime, wall: datetime
) -> bool:
    """Bring the row and what hangs on it to the fold, and mark what that concerns; whether anything changed.

    Rows first, marks last: whoever credits an order holds its row while it waits for the mark.
    """
    fresh = _conclusions(order, home)
    if all(row[name] == value for name, value in fresh.items()):
        return False
    moved = row["customer"] is not None and row["customer"] != fresh["customer"]
    if moved:
        _lock_customers(session, home.brand_id, {row["customer"]})
        _renew_customer(session, home.brand_id, row["customer"], row["id"], old=_counting(row), new=None)
        mark_due(session, [row["id"]], "customer", wall)
    fresh["customer_is_new"] = _is_new(session, home, row, fresh, moved=moved)
    session.connection().execute(_UPDATE, {"row_id": row["id"], **fresh, "folded_at": now})
    days = {row["placed_day"], fresh["placed_day"]} - {None}
    figures.changed(session, figures.ORDERS, [(home.brand_id, day) for day in days])
    _write_clicks(session, row["id"], fresh["click_ids"], known=row["click_ids"])
    _write_codes(session, row["id"], home.brand_id, fresh["codes"], known=row["codes"])
    mark_due(session, [row["id"]], "order", wall)
    return True


def _add_events(
    session: Session, shop_id: str, events: Sequence[OrderEvent], delivery_id: str | None, now: datetime
) -> bool:
    """Add the events that are not known by their key; whether there was one."""
    rows = [
        {
            "id": new_id(),
            "shop_id": shop_id,
            "external_id": event.external_id,
            "key": event.key,
            "version": event.version,
            "change": change_to_json(event.change),
            "delivery_id": delivery_id,
            "recorded_at": now,
        }
        for event in events
    ]
    return insert_ignore(session, OrderEventRow, rows) > 0


def _write_clicks(session: Session, row_id: str, click_ids: Iterable[str], *, known: Iterable[str]) -> None:
    wanted, there = {c for c in click_ids if is_id(c)}, {c for c in known if is_id(c)}
    if gone := there - wanted:
        session.execute(
            delete(OrderClick).where(OrderClick.order_id == row_id, OrderClick.click_id.in_(gone)),
            execution_options={"synchronize_session": False},
        )
    insert_ignore(
        session, OrderClick, [{"order_id": row_id, "click_id": click_id} for click_id in sorted(wanted - there)]
    )


def _write_codes(session: Session, row_id: str, brand_id: str, texts: Iterable[str], *, known: Iterable[str]) -> None:
    wanted, there = _by_normal(texts), _by_normal(known)
    if gone := there.keys() - wanted.keys():
        session.execute(
            delete(OrderCode).where(OrderCode.order_id == row_id, OrderCode.normal.in_(gone)),
            execution_options={"synchronize_session": False},
        )
    new = sorted(wanted.keys() - there.keys())
    insert_ignore(
        session,
        OrderCode,
        [{"order_id": row_id, "normal": n, "brand_id": brand_id, "text": wanted[n]} for n in new],
    )


def _by_normal(texts: Iterable[str]) -> dict[str, str]:
    """The codes by the form under which they match, each as first written; what is no code is left out."""
    found: dict[str, str] = {}
    for written in texts:
        normal = codes.normal(written)
        if 0 < len(normal) <= codes.LONGEST:
            found.setdefault(normal, written[: codes.LONGEST])
    return found


# --- the customer's orders --------------------------------------------------------------------------------------------


def _is_new(session: Session, home: Home, row: OrderRowValues, fresh: OrderRowValues, *, moved: bool) -> bool | None:
    """Whether the brand knew no earlier order of this customer; None where the customer is not known.

    Of one who asked to be forgotten it stays as it was.
    """
    customer = fresh["customer"]
    if customer is None:
        return row["customer_is_new"] if row["customer"] is None else None
    old = None if moved or row["customer"] is None else _counting(row)
    new = _counting({**fresh, "id": row["id"]})
    first = _renew_customer(session, home.brand_id, customer, row["id"], old=old, new=new)
    return (fresh["placed_at"], row["id"]) <= first


def _counting(order: OrderRowValues) -> Placed | None:
    """Where an order stands that makes its customer a known one: no test, not cancelled or deleted."""
    if order["placed_at"] is None or order["test"] or order["status"] in (Status.CANCELLED, Status.DELETED):
        return None
    return (order["placed_at"], order["id"])


def _renew_customer(
    session: Session, brand_id: str, customer: str, row_id: str, *, old: Placed | None, new: Placed | None
) -> Placed:
    """Correct the newness of the customer's other orders where one moves from `old` to `new`; the first that counts.

    Every order up to the first that counts is a new customer's, every later one is not. So only the orders between
    the first before and the first after the move can change.
    """
    theirs = {"brand": brand_id, "who": customer, "row_id": row_id}
    found = session.connection().execute(_FIRST_COUNTING, theirs).one_or_none()
    others = _NEVER if found is None else (found.placed_at, found.id)
    before, after = min(others, old or _NEVER), min(others, new or _NEVER)
    if before != after:
        (earlier_at, earlier_id), (later_at, later_id) = sorted((before, after))
        places = {"earlier_at": earlier_at, "earlier_id": earlier_id, "later_at": later_at, "later_id": later_id}
        renewed = session.connection().execute(_RENEW, {**theirs, **places, "is_new": before < after}).scalars()
        figures.changed(session, figures.ORDERS, [(brand_id, day) for day in renewed if day is not None])
    return after


def _customers_in(events: Iterable[OrderEvent]) -> set[str]:
    return {e.change.customer for e in events if isinstance(e.change, Snapshot) and e.change.customer is not None}


def _lock_customers(session: Session, brand_id: str, customers: Collection[str]) -> None:
    """Be alone with these customers until the commit. SQLite has one writer at a time and needs no lock."""
    if not customers or not is_postgresql(session):
        return
    for key in sorted(int(derived_id(brand_id, customer)[:15], 16) for customer in customers):
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


# --- being forgotten --------------------------------------------------------------------------------------------------


def forget(
    session: Session,
    home: Home,
    *,
    external_ids: Collection[str],
    customers: Collection[str],
    traces: Collection[str],
    now: datetime,
) -> Erasure:
    """Take a person out of the brand's orders: rows, events and raw bodies; amounts stay. Safe to repeat.

    `external_ids` are orders of this shop, `customers` keyed hashes wherever the brand knows them, `traces` texts by
    which raw bodies are found. Each order gets a tombstone, so that no later or repeated event names the customer
    again. Credits stay as they are: what was owed is not undone by an erasure.
    """
    _lock_customers(session, home.brand_id, customers)
    named = {(home.shop_id, external_id[:LONGEST_EXTERNAL_ID]) for external_id in external_ids}
    orders = sorted(named | _orders_of(session, home.brand_id, customers))
    segments.forget(session, home.brand_id, {*customers, *_customers_of(session, orders)})
    insert_ignore(session, Redaction, [{"shop_id": shop, "external_id": order, "at": now} for shop, order in orders])
    deliveries: set[str] = set()
    for shop_id, external_id in orders:
        deliveries |= _forget_order(session, shop_id, external_id)
    shops = session.execute(select(Shop.id).where(Shop.brand_id == home.brand_id)).scalars().all()
    deliveries.update(inbox.naming(session, shops, traces))
    letters = inbox.blank_letters_naming(session, shops, traces)
    return Erasure(orders=len(orders), bodies=_blank(session, deliveries) + letters)


def forget_shop(session: Session, home: Home, *, now: datetime) -> Erasure:
    """Take every customer out of one shop's orders and blank its raw bodies; amounts stay. Safe to repeat."""
    known = session.execute(select(OrderRow.external_id).where(OrderRow.shop_id == home.shop_id)).scalars().all()
    insert_ignore(session, Redaction, [{"shop_id": home.shop_id, "external_id": order, "at": now} for order in known])
    segments.forget(session, home.brand_id, _customers_of(session, [(home.shop_id, order) for order in known]))
    for external_id in sorted(known):
        _forget_order(session, home.shop_id, external_id)
    return Erasure(orders=len(known), bodies=inbox.blank_shop(session, home.shop_id))


def _forget_order(session: Session, shop_id: str, external_id: str) -> set[str]:
    """Take the customer out of one order; the deliveries that told us of it."""
    ours = order_id(shop_id, external_id)
    session.execute(
        update(OrderRow).where(OrderRow.id == ours).values(customer=None),
        execution_options={"synchronize_session": False},
    )
    figures.orders_changed(session, [ours])
    deliveries = set()
    query = select(OrderEventRow).where(OrderEventRow.shop_id == shop_id, OrderEventRow.external_id == external_id)
    for row in session.execute(query).scalars():
        change = change_from_json(row.change)
        if isinstance(change, Snapshot) and change.customer is not None:
            row.change = change_to_json(replace(change, customer=None))
        if row.delivery_id is not None:
            deliveries.add(row.delivery_id)
    session.flush()
    return deliveries


def _orders_of(session: Session, brand_id: str, customers: Collection[str]) -> set[tuple[str, str]]:
    """The brand's orders that name one of these customers, now or in an event that a later one has overtaken."""
    if not customers:
        return set()
    rows = select(OrderRow.shop_id, OrderRow.external_id).where(
        OrderRow.brand_id == brand_id, OrderRow.customer.in_(customers)
    )
    events = (
        select(OrderEventRow.shop_id, OrderEventRow.external_id)
        .join(Shop, Shop.id == OrderEventRow.shop_id)
        .where(Shop.brand_id == brand_id, OrderEventRow.change["customer"].as_string().in_(customers))
    )
    return {(row.shop_id, row.external_id) for query in (rows, events) for row in session.execute(query)}


def _customers_of(session: Session, orders: Sequence[tuple[str, str]]) -> set[str]:
    """The customers whom these orders still name."""
    ids = [order_id(shop_id, external_id) for shop_id, external_id in orders]
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        query = select(OrderRow.customer).where(OrderRow.id.in_(ids[start : start + 500]))
        found.update(customer for customer in session.execute(query).scalars() if customer is not None)
    return found


def _blank(session: Session, deliveries: Collection[str]) -> int:
    ids = sorted(deliveries)
    return sum(inbox.blank(session, ids[start : start + 500]) for start in range(0, len(ids), 500))


def _without_customer(event: OrderEvent) -> OrderEvent:
    if isinstance(event.change, Snapshot) and event.change.customer is not None:
        return replace(event, change=replace(event.change, customer=None))
    return event


# --- below: small things ----------------------------------------------------------------------------------------------


def _check(event: OrderEvent) -> None:
    """Raise BadPayload for an event that the ledger cannot hold."""
    if not 0 < len(event.external_id) <= LONGEST_EXTERNAL_ID:
        raise BadPayload(
            say("an order's id has 1 to %(longest_external_id)s characters", longest_external_id=LONGEST_EXTERNAL_ID)
        )
    if not 0 < len(event.key) <= LONGEST_KEY:
        raise BadPayload(say("an event's key has 1 to %(longest_key)s characters", longest_key=LONGEST_KEY))
