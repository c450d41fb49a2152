"""What an agency tells of placements beside the brand's own last count and the sales that were tracked.

Agency figures are snapshots whose source is `agency` or begins with it; every other source is the brand's own. Of a
placement that is counted by its own they are in no other report.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain import metrics
from tracker.ledger import snapshots
from tracker.ledger.tables import Snapshot
from tracker.reports import _placements
from tracker.reports._parts import brand_currency
from tracker.reports._performance import CURRENCY
from tracker.reports._placements import HOLLOW, Placed, Placements
from tracker.reports._shape import Column, Kind, Row, Scope, span, zone_of

RANK = 66
GROUP = "Proof"
FILTERS = ("channel", "partner", "campaign", "network")
COMPARES = False
TITLE = "Agency figures"
DESCRIPTION = (
    "What an agency tells of views and likes, beside your own last count and the clicks and sales that were tracked."
    " Figures come in as snapshots with the source agency."
)
EMPTY = (
    "No figure of an agency in these days. Bring its report with tracker snapshot import FILE --source agency, or"
    " choose that source on the page of counters."
)
CLOSE = Fraction(1, 10)
AGREES, MORE, LESS, ALONE, UNSOLD = "claim_agrees", "claims_more", "claims_less", "claim_alone", "claim_unsold"
WORDS = {
    AGREES: "Agrees with your count",
    MORE: "Claims more than you counted",
    LESS: "Claims less than you counted",
    ALONE: "Not counted by you",
    UNSOLD: "Seen, not clicked, not sold",
}
COLUMNS = (
    Column("placement_id", "Placement id", Kind.ID),
    Column("partner_id", "Partner id", Kind.ID),
    Column("partner", "Partner"),
    Column("network", "Network"),
    Column("format", "Format", Kind.WORD),
    Column("placement", "Placement"),
    Column("told_by", "Told by", help="The source of the agency's last figures in the days chosen."),
    Column("told_at", "Told for", Kind.MOMENT, "The moment that those figures are of."),
    Column("views_told", "Views, agency", Kind.INTEGER),
    Column("views", "Views, own", Kind.INTEGER, "Of your own last snapshot in the days chosen, whatever its source."),
    Column("views_beyond", "Views beyond", Kind.INTEGER, "Agency − own."),
    Column("views_share", "Beyond, share", Kind.PERCENT, "(Agency − own) / own."),
    Column("likes_told", "Likes, agency", Kind.INTEGER),
    Column("likes", "Likes, own", Kind.INTEGER),
    Column("likes_beyond", "Likes beyond", Kind.INTEGER, "Agency − own."),
    Column("counted_at", "Counted", Kind.MOMENT, "When your own count was taken: an older one may rightly be lower."),
    Column("clicks", "Clicks", Kind.INTEGER, "Clicks by people in the days chosen, on the placement's links."),
    CURRENCY,
    Column("orders", "Orders", Kind.INTEGER, "Paid orders with a credit of the placement's link or code."),
    Column("revenue", "Net revenue", Kind.MONEY, "Net value credited to the placement's links and codes."),
    Column(
        "claim",
        "Claim",
        Kind.WORD,
        "Within a tenth of your own views it agrees. A claim that agrees and brought neither click nor order, or whose"
        " placement is hollow among its peers, was seen and not sold.",
    ),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a placement that an agency told of, those that claim the most beyond the own count first."""
    told, own = _latest(session, scope)
    if not told:
        return []
    found, first = _placements.placements(session, scope), brand_currency(session, scope.brand_id)
    each = [
        _row(found, placed, told[placed.placement.id], own.get(placed.placement.id), first)
        for placed in found.kept
        if placed.placement.id in told
    ]
    return sorted(each, key=_most_first)


def _most_first(row: Row) -> tuple[bool, int]:
    beyond = row["views_beyond"]
    return (beyond is None, -beyond if isinstance(beyond, int) else 0)


def _latest(session: Session, scope: Scope) -> tuple[dict[str, Snapshot], dict[str, Snapshot]]:
    """The last snapshot of each placement by an agency, and the last by anybody else."""
    start, end = span(scope, zone_of(session, scope.brand_id))
    newest_first = func.row_number().over(
        partition_by=(Snapshot.placement_id, Snapshot.source), order_by=(Snapshot.taken_at.desc(), Snapshot.id.desc())
    )
    ranked = (
        select(Snapshot.id, newest_first.label("place"))
        .where(Snapshot.brand_id == scope.brand_id, Snapshot.taken_at >= start, Snapshot.taken_at < end)
        .subquery()
    )
    query = (
        select(Snapshot)
        .join(ranked, ranked.c.id == Snapshot.id)
        .where(ranked.c.place == 1)
        .order_by(Snapshot.taken_at, Snapshot.id)
    )
    told: dict[str, Snapshot] = {}
    own: dict[str, Snapshot] = {}
    for snapshot in session.execute(query).scalars():
        (told if snapshots.is_agency(snapshot.source) else own)[snapshot.placement_id] = snapshot
    return told, own


def _row(found: Placements, placed: Placed, told: Snapshot, own: Snapshot | None, currency: str) -> Row:
    placement, sold = placed.placement, placed.sold(currency)
    views, likes = (own.views, own.likes) if own else (None, None)
    beyond = _beyond(told.views, views)
    orders = sum(one.orders for one in placed.credited.values()) if placed.tracked else None
    return {
        "placement_id": placement.id,
        "partner_id": placed.partner.id,
        "partner": placed.partner.name,
        "network": placement.network,
        "format": placement.format,
        "placement": placement.title or placement.url,
        "told_by": told.source,
        "told_at": told.taken_at,
        "views_told": told.views,
        "views": views,
        "views_beyond": beyond,
        "views_share": metrics.share(beyond, views),
        "likes_told": told.likes,
        "likes": likes,
        "likes_beyond": _beyond(told.likes, likes),
        "counted_at": own.taken_at if own else None,
        "clicks": placed.clicks,
        "currency": currency,
        "orders": orders,
        "revenue": sold.revenue if sold else None,
        "claim": _claim(beyond, views, is_unsold=_is_unsold(placed.clicks, orders) or found.hollow(placed) == HOLLOW),
    }


def _beyond(told: int | None, own: int | None) -> int | None:
    return None if told is None or own is None else told - own


def _claim(beyond: int | None, views: int | None, *, is_unsold: bool) -> str:
    if beyond is None or views is None:
        return ALONE
    if abs(beyond) > views * CLOSE:
        return MORE if beyond > 0 else LESS
    return UNSOLD if is_unsold else AGREES


def _is_unsold(*figures: int | None) -> bool:
    known: Iterable[int] = [figure for figure in figures if figure is not None]
    return bool(list(known)) and not any(known)
