"""Snapshots of placements' public counters: the last ones of a period, and each with what was known before it.

What an agency tells is a claim: of a placement that anybody else has counted it goes into no figure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.domain.engagement import COUNTERS, Counters
from tracker.ledger.database import among
from tracker.ledger.tables import Snapshot

AGENCY = "agency"
"""Figures of an agency are those of this source, and of any that begins with it."""


def is_agency(source: str) -> bool:
    """Whether figures of this source are an agency's."""
    return source.strip().casefold().startswith(AGENCY)


def is_figure() -> ColumnElement[bool]:
    """Of a query of snapshots those that go into figures: not an agency's, unless nobody else counted the placement."""
    other = aliased(Snapshot)
    counted = exists().where(other.placement_id == Snapshot.placement_id, ~_of_agency(other))
    return or_(~_of_agency(Snapshot), ~counted)


def _of_agency(table: type[Snapshot]) -> ColumnElement[bool]:
    return func.lower(table.source).startswith(AGENCY)


def counters_of(snapshot: Snapshot) -> Counters:
    """The counters that a snapshot holds."""
    return Counters(**{name: getattr(snapshot, name) for name in COUNTERS})


def of_placements(
    session: Session, placement_ids: Collection[str], *, figures: bool = False
) -> dict[str, list[Snapshot]]:
    """Every snapshot of these placements, or those that go into figures, each placement's in time order."""
    query = (
        select(Snapshot)
        .where(Snapshot.placement_id.in_(placement_ids), *([is_figure()] if figures else []))
        .order_by(Snapshot.placement_id, Snapshot.taken_at, Snapshot.id)
    )
    found: dict[str, list[Snapshot]] = {}
    for snapshot in session.execute(query).scalars():
        found.setdefault(snapshot.placement_id, []).append(snapshot)
    return found


def of_brand(session: Session, brand_id: str) -> Sequence[Snapshot]:
    """Every snapshot of the brand."""
    return session.execute(select(Snapshot).where(Snapshot.brand_id == brand_id)).scalars().all()


@dataclass(frozen=True, slots=True)
class Latest:
    """The last that is known of a placement; `claimed` where an agency alone says so."""

    taken_at: datetime
    claimed: bool
    counters: Counters


def latest(
    session: Session, brand_id: str, start: datetime, end: datetime, placement_ids: Collection[str] | None = None
) -> dict[str, Latest]:
    """Each placement's last snapshot from `start` up to but not at `end` that goes into figures, by placement.

    Of all the brand's placements, or of these alone.
    """
    among_these = [] if placement_ids is None else [among(session, Snapshot.placement_id, placement_ids)]
    newest_first = func.row_number().over(
        partition_by=Snapshot.placement_id, order_by=(Snapshot.taken_at.desc(), Snapshot.id.desc())
    )
    counters = [getattr(Snapshot, name) for name in COUNTERS]
    ranked = (
        select(Snapshot.placement_id, Snapshot.taken_at, Snapshot.source, *counters, newest_first.label("place"))
        .where(Snapshot.brand_id == brand_id, Snapshot.taken_at >= start, Snapshot.taken_at < end, is_figure())
        .where(*among_these)
        .subquery()
    )
    query = select(ranked).where(ranked.c.place == 1)
    return {row[0]: Latest(row[1], is_agency(row[2]), Counters(*row[3:-1])) for row in session.execute(query)}
