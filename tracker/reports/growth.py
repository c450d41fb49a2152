"""How the public counters of placements grew: what each day's last snapshots come to, and nothing between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.engagement import COUNTERS, Counters
from tracker.ledger import snapshots
from tracker.ledger.tables import Partner, Placement, Snapshot
from tracker.reports._shape import Column, Kind, Row, Scope, span, zone_of

RANK = 45
GROUP = "Performance"
COMPARES = False
FILTERS = ("campaign", "channel", "partner")
TITLE = "Growth of the counters"
DESCRIPTION = (
    "Views, likes, comments, shares and saves of the placements, added up as they were last known on each day that"
    " somebody counted. A placement that nobody has counted yet is in no sum; what an agency tells counts only where"
    " nobody else has counted."
)
EMPTY = "Note what the network shows: tracker snapshot add PLACEMENT --views 12000 --likes 640 --shares 25."
COLUMNS = (
    Column("day", "Day", Kind.DATE),
    Column("placements", "Placements counted", Kind.INTEGER, "Those with a snapshot up to the day."),
    Column("views", "Views", Kind.INTEGER),
    Column("likes", "Likes", Kind.INTEGER),
    Column("comments", "Comments", Kind.INTEGER),
    Column("shares", "Shares", Kind.INTEGER),
    Column("saves", "Saves", Kind.INTEGER),
    Column("hashtag_uses", "Hashtag uses", Kind.INTEGER),
    Column("engagement", "Engagement", Kind.INTEGER, "Likes, comments, shares and saves, those that are known."),
)

Known = dict[str, dict[str, int]]  # by placement, by counter


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a day of the scope on which something was counted; earlier snapshots count until there are later ones."""
    zone = zone_of(session, scope.brand_id)
    _, end = span(scope, zone)
    query = (
        select(Snapshot.placement_id, Snapshot.taken_at, *(getattr(Snapshot, name) for name in COUNTERS))
        .join(Placement, Placement.id == Snapshot.placement_id)
        .join(Partner, Partner.id == Placement.partner_id)
        .where(Snapshot.brand_id == scope.brand_id, Snapshot.taken_at < end, snapshots.is_figure())
        .order_by(Snapshot.taken_at, Snapshot.id)
    )
    wanted = (
        (Placement.campaign_id, scope.campaign_id),
        (Partner.channel, scope.channel),
        (Placement.partner_id, scope.partner_id),
    )
    query = query.where(*(column == value for column, value in wanted if value))
    known: Known = defaultdict(dict)
    sums: dict[str, int] = {}
    days: dict[date, Row] = {}
    for placement_id, taken_at, *values in session.execute(query):
        day, own = taken_at.astimezone(zone).date(), known[placement_id]
        for name, value in zip(COUNTERS, values, strict=True):
            if value is not None:
                sums[name] = sums.get(name, 0) + value - own.get(name, 0)
                own[name] = value
        if day >= scope.start:
            days[day] = _row(day, len(known), sums)
    return list(days.values())


def _row(day: date, placements: int, sums: Mapping[str, int]) -> Row:
    counters = Counters(**sums)
    cells = {name: getattr(counters, name) for name in COUNTERS}
    return {"day": day, "placements": placements, **cells, "engagement": counters.engagement}
