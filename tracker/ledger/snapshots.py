"""Snapshots of placements' public counters: the last ones of a period, and each with what was known before it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.engagement import COUNTERS, Counters
from tracker.ledger.tables import Snapshot


def counters_of(snapshot: Snapshot) -> Counters:
    """The counters that a snapshot holds."""
    return Counters(**{name: getattr(snapshot, name) for name in COUNTERS})


def of_placements(session: Session, placement_ids: Collection[str]) -> dict[str, list[Snapshot]]:
    """Every snapshot of these placements, each placement's in time order."""
    query = (
        select(Snapshot)
        .where(Snapshot.placement_id.in_(placement_ids))
        .order_by(Snapshot.placement_id, Snapshot.taken_at, Snapshot.id)
    )
    found: dict[str, list[Snapshot]] = {}
    for snapshot in session.execute(query).scalars():
        found.setdefault(snapshot.placement_id, []).append(snapshot)
    return found


def of_brand(session: Session, brand_id: str) -> Sequence[Snapshot]:
    """Every snapshot of the brand."""
    return session.execute(select(Snapshot).where(Snapshot.brand_id == brand_id)).scalars().all()


def latest(session: Session, brand_id: str, start: datetime, end: datetime) -> dict[str, tuple[datetime, Counters]]:
    """Each placement's last snapshot from `start` up to but not at `end`, by placement: its moment and its counters."""
    newest_first = func.row_number().over(
        partition_by=Snapshot.placement_id, order_by=(Snapshot.taken_at.desc(), Snapshot.id.desc())
    )
    counters = [getattr(Snapshot, name) for name in COUNTERS]
    ranked = (
        select(Snapshot.placement_id, Snapshot.taken_at, *counters, newest_first.label("place"))
        .where(Snapshot.brand_id == brand_id, Snapshot.taken_at >= start, Snapshot.taken_at < end)
        .subquery()
    )
    query = select(ranked).where(ranked.c.place == 1)
    return {row[0]: (row[1], Counters(*row[2:-1])) for row in session.execute(query)}
