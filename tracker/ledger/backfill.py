"""What the ledger knows of many orders at once, and what a file's events would come to among it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.orders import Order, OrderEvent, Snapshot, change_from_json, fold
from tracker.ledger.orders import Home
from tracker.ledger.tables import OrderEventRow, Redaction


class Effect(StrEnum):
    """What becomes of an order by what a file tells of it."""

    NEW = "new"
    UNCHANGED = "unchanged"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What becomes of an order, and whether all that the file tells of it is recorded already."""

    effect: Effect
    recorded: bool


def look(session: Session, home: Home, told: Mapping[str, Sequence[OrderEvent]]) -> dict[str, Seen]:
    """By external id, what the shop's orders would come to by these events. Nothing is written."""
    known = _known(session, home.shop_id, told.keys())
    forgotten = _forgotten(session, home.shop_id, told.keys())
    return {
        external_id: _seen(known.get(external_id, []), _fit(events, external_id in forgotten), home.net_formula)
        for external_id, events in told.items()
    }


def _seen(known: Sequence[OrderEvent], told: Sequence[OrderEvent], formula: str) -> Seen:
    if {event.key for event in told} <= {event.key for event in known}:
        return Seen(Effect.UNCHANGED, recorded=True)
    return Seen(_effect(known, told, formula), recorded=False)


def _effect(known: Sequence[OrderEvent], told: Sequence[OrderEvent], formula: str) -> Effect:
    before, after = fold(known, formula), fold([*known, *told], formula)
    if before is None:
        return Effect.NEW
    return Effect.UNCHANGED if _shown(before) == _shown(after) else Effect.CHANGED


def _shown(order: Order | None) -> Order | None:
    """The order without what its row does not keep."""
    if order is None:
        return None
    return replace(order, version=order.placed_at, tax=0, shipping=0, discount=0, source="", landing="")


def _fit(events: Sequence[OrderEvent], forgotten: bool) -> list[OrderEvent]:
    if not forgotten:
        return list(events)
    return [
        replace(event, change=replace(event.change, customer=None)) if isinstance(event.change, Snapshot) else event
        for event in events
    ]


def _known(session: Session, shop_id: str, external_ids: Collection[str]) -> dict[str, list[OrderEvent]]:
    query = select(OrderEventRow.external_id, OrderEventRow.key, OrderEventRow.version, OrderEventRow.change).where(
        OrderEventRow.shop_id == shop_id, OrderEventRow.external_id.in_(sorted(external_ids))
    )
    found: dict[str, list[OrderEvent]] = {}
    for row in session.execute(query):
        event = OrderEvent(row.external_id, row.key, row.version, change_from_json(row.change))
        found.setdefault(row.external_id, []).append(event)
    return found


def _forgotten(session: Session, shop_id: str, external_ids: Collection[str]) -> set[str]:
    query = select(Redaction.external_id).where(
        Redaction.shop_id == shop_id, Redaction.external_id.in_(sorted(external_ids))
    )
    return set(session.execute(query).scalars())
