"""Data health: what each shop's own count says has arrived, the days with gaps, and deliveries that are stuck."""

from __future__ import annotations

from sqlalchemy.orm import Session

from tracker.ledger.inbox import State
from tracker.reports._completeness import Day, ShopHealth, of_shops
from tracker.reports._shape import Column, Kind, Row, Scope

RANK = 62
GROUP = "Proof"
FILTERS = ()
COMPARES = False
TITLE = "Data health"
DESCRIPTION = (
    "What each shop's own count says has arrived, by the day of the order. Tell the counts on the page of the shop, by"
    " API or with tracker shop count; a day of which the shop told nothing is not judged."
)
EMPTY = "No shop yet. Connect one under Settings, Shops."
COLUMNS = (
    Column("shop_id", "Shop id", Kind.ID),
    Column("shop", "Shop"),
    Column(
        "received", "Received", Kind.INTEGER, "Orders placed in the days chosen, whatever became of them; no tests."
    ),
    Column("days_told", "Days told", Kind.INTEGER, "Days of which the shop told its own count."),
    Column("told", "Shop's count", Kind.INTEGER, "Orders that the shop counts itself on those days."),
    Column("missing", "Missing", Kind.INTEGER, "Orders of those days that did not arrive, day by day."),
    Column(
        "completeness",
        "Completeness",
        Kind.PERCENT,
        "(Shop's count − missing) / shop's count. Unknown where the shop never told.",
    ),
    Column("gap_days", "Days with gaps", Kind.INTEGER, "Days of which orders are missing."),
    Column("gaps", "Gaps", Kind.LIST, "Those days, each with how many orders are missing."),
    Column("last_delivery", "Last delivery", Kind.MOMENT, "When the shop's last webhook came in."),
    Column("waiting", "Waiting", Kind.INTEGER, "Deliveries that are not worked off yet."),
    Column("set_aside", "Set aside", Kind.INTEGER, "Signed deliveries that cannot be read, or contradict another."),
    Column("failed", "Failed", Kind.INTEGER, "Deliveries that were given up; tracker inbox replay tries them again."),
)


def rows(session: Session, scope: Scope) -> list[Row]:
    """A row a shop, by name."""
    return [_row(found) for found in of_shops(session, scope)]


def _row(found: ShopHealth) -> Row:
    states = found.states
    return {
        "shop_id": found.shop.id,
        "shop": found.shop.name,
        "received": found.received,
        "days_told": len(found.days),
        "told": found.told,
        "missing": found.missing,
        "completeness": found.completeness,
        "gap_days": len(found.gaps) if found.days else None,
        "gaps": [_said(day) for day in found.gaps],
        "last_delivery": found.last_delivery,
        "waiting": states.get(State.PENDING, 0),
        "set_aside": states.get(State.QUARANTINED, 0) + states.get(State.ANOMALY, 0),
        "failed": states.get(State.FAILED, 0),
    }


def _said(gap: Day) -> str:
    return f"{gap.day.isoformat()} (−{gap.missing})"
